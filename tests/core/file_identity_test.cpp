#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include <doctest/doctest.h>

#include <hone/core/file_identity.hpp>

#include "../../tools/temporary_folder.hpp"

namespace file_identity_test {

using hone::FileIdentity;
namespace fs = std::filesystem;

/// Writes a file that looks as if it had been written long ago.
inline void write(const fs::path& path, const char* contents) {
  std::ofstream(path, std::ios::binary) << contents;
  fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::hours(1));
}

TEST_CASE("a file that has not changed keeps its identity, under all its names") {
  const tools::TemporaryFolder folder;
  const fs::path a = folder.path() / "a";
  write(a, "one");
  const auto identity = FileIdentity::of(a);
  REQUIRE(identity.has_value());
  CHECK(identity->bytes == 3);
  CHECK(FileIdentity::of(a) == identity);
  fs::create_symlink(a, folder.path() / "link");
  CHECK(FileIdentity::of(folder.path() / "link") == identity);
}

TEST_CASE("a change of contents changes the identity, whatever its size and time say") {
  const tools::TemporaryFolder folder;
  const fs::path a = folder.path() / "a";
  write(a, "one");
  const hone::SourceFile source(a);
  const auto time = fs::last_write_time(a);
  CHECK(source.is_unchanged());
  std::this_thread::sleep_for(std::chrono::milliseconds(50));  // the clock of the file system
  std::ofstream(a, std::ios::binary) << "two";
  fs::last_write_time(a, time);
  CHECK(FileIdentity::of(a).has_value());
  CHECK_FALSE(source.is_unchanged());

  const hone::SourceFile second(a);
  write(folder.path() / "b", "six");
  fs::last_write_time(folder.path() / "b", time);
  fs::rename(folder.path() / "b", a);
  CHECK(FileIdentity::of(a).has_value());
  CHECK_FALSE(second.is_unchanged());
}

TEST_CASE("no file and one that was written just now have no identity") {
  const tools::TemporaryFolder folder;
  CHECK_FALSE(FileIdentity::of(folder.path() / "none").has_value());
  CHECK_FALSE(hone::SourceFile(folder.path() / "none").is_unchanged());
  std::ofstream(folder.path() / "new") << "one";
  CHECK_FALSE(FileIdentity::of(folder.path() / "new").has_value());
  CHECK_FALSE(hone::SourceFile(folder.path() / "new").is_unchanged());
}

}  // namespace file_identity_test
