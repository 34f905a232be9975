#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include <hone/config.hpp>
#include <hone/core/error.hpp>

namespace hone::inline HONE_ABI {

/// A file that takes its name when it is complete: who opens that name meanwhile, or has the file mapped, keeps what was there before.
/// Without commit() nothing is left.
/// Errors of all functions: no_such_file with the path and the reason that the system gives.
class OutputFile {
 public:
  explicit OutputFile(std::filesystem::path path) : path_(std::move(path)) {
    // Exclusive, since other processes may be writing the same file.
    for (int i = 0; stream_ == nullptr; ++i) {
      temporary_ = path_;
      temporary_ += text(".", i, ".tmp");
      stream_ = std::fopen(temporary_.string().c_str(), "wbx");
      if (stream_ == nullptr && (errno != EEXIST || i == 1000)) refuse(errno);
    }
  }
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile() {
    if (stream_ != nullptr) (void)std::fclose(stream_);
    if (!temporary_.empty()) (void)std::remove(temporary_.string().c_str());
  }

  void write(const void* data, std::size_t bytes) {
    if (bytes != 0 && std::fwrite(data, 1, bytes, stream_) != bytes) refuse(errno);
  }
  /// Gives the file its name, in place of one that has it.
  void commit() {
    if (std::fclose(std::exchange(stream_, nullptr)) != 0) refuse(errno);
    std::error_code error;
    std::filesystem::rename(temporary_, path_, error);
    if (error) refuse(error.value());
    temporary_.clear();
  }

 private:
  [[noreturn]] void refuse(int reason) const {
    fail(ErrorCode::no_such_file, "'", path_.string(), "' cannot be written: ", std::generic_category().message(reason));
  }

  std::filesystem::path path_;
  std::filesystem::path temporary_;
  std::FILE* stream_ = nullptr;
};

}  // namespace hone::inline HONE_ABI
