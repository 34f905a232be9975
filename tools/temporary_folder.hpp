#pragma once

#include <filesystem>
#include <stdlib.h>
#include <string>
#include <system_error>

#include <hone/hone.hpp>

namespace tools {

/// A new folder, which goes with what is in it.
class TemporaryFolder {
 public:
  /// Errors: no_such_file.
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "hone_XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) hone::fail(hone::ErrorCode::no_such_file, "'", name, "' cannot be made");
    path_ = name;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace tools
