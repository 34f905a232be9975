#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "../../tools/temporary_folder.hpp"

namespace hone_test {

/// A file of those bytes in a new folder, which goes with it.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& bytes) { std::ofstream(path(), std::ios::binary) << bytes; }
  [[nodiscard]] std::filesystem::path path() const { return folder_.path() / "file"; }

 private:
  tools::TemporaryFolder folder_;
};

}  // namespace hone_test
