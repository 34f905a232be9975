#pragma once

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <span>
#include <utility>

#include <hone/config.hpp>
#include <hone/core/buffer.hpp>
#include <hone/core/error.hpp>

#if defined(__unix__) || defined(__APPLE__)
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace hone::inline HONE_ABI {

/// A whole file as read-only bytes: mapped where the system can, else read into memory.
class MappedFile {
 public:
  /// Errors: no_such_file when the file cannot be opened or is no regular file.
  explicit MappedFile(const std::filesystem::path& path) {
    std::error_code error;
    if (!std::filesystem::is_regular_file(path, error)) {
      fail(ErrorCode::no_such_file, "'", path.string(), "' ", std::filesystem::exists(path, error) ? "is not a file" : "does not exist");
    }
#if defined(__unix__) || defined(__APPLE__)
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) fail(ErrorCode::no_such_file, "'", path.string(), "' cannot be opened");
    struct ::stat status {};
    void* mapped = nullptr;
    if (::fstat(descriptor, &status) == 0 && status.st_size > 0) {
      size_ = static_cast<std::size_t>(status.st_size);
      mapped = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor, 0);
    }
    ::close(descriptor);
    if (mapped == MAP_FAILED) fail(ErrorCode::no_such_file, "'", path.string(), "' cannot be mapped");
    data_ = static_cast<const std::byte*>(mapped);
#else
    size_ = static_cast<std::size_t>(std::filesystem::file_size(path));
    contents_ = Buffer(size_);
    std::ifstream stream(path, std::ios::binary);
    if (!stream.read(static_cast<char*>(contents_.data()), static_cast<std::streamsize>(size_))) {
      fail(ErrorCode::no_such_file, "'", path.string(), "' cannot be read");
    }
    data_ = static_cast<const std::byte*>(contents_.data());
#endif
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile() {
#if defined(__unix__) || defined(__APPLE__)
    if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
#endif
  }

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }

  /// Says that a part of bytes() is not needed for now: its memory goes back to the system. Who reads it again waits for the file.
  void release(std::span<const std::byte> part) const noexcept {
#if defined(__unix__) || defined(__APPLE__)
    // Whole pages only: others have parts that stay needed.
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const std::size_t begin = align_up(static_cast<std::size_t>(part.data() - data_), page);
    const std::size_t end = static_cast<std::size_t>(part.data() - data_) + part.size();
    const std::size_t last = end == size_ ? align_up(end, page) : end / page * page;
    if (begin < last) ::madvise(const_cast<std::byte*>(data_) + begin, last - begin, MADV_DONTNEED);
#else
    (void)part;
#endif
  }

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
#if !(defined(__unix__) || defined(__APPLE__))
  Buffer contents_;
#endif
};

}  // namespace hone::inline HONE_ABI
