#include <csignal>
#include <fstream>
#include <iterator>
#include <string>
#include <sys/resource.h>
#include <vector>

#include <doctest/doctest.h>

#include <hone/core/output_file.hpp>

#include "support/saved_model.hpp"

namespace output_file_test {

using namespace hone_test;
using hone::OutputFile;

inline std::string contents(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

TEST_CASE("a file has its name when it is complete, and not before") {
  const tools::TemporaryFolder folder;
  const auto path = folder.path() / "f";
  std::ofstream(path) << "old";
  {
    OutputFile file(path);
    OutputFile other(path);
    file.write("new", 3);
    other.write("newest", 6);
    CHECK(contents(path) == "old");
    file.commit();
    CHECK(contents(path) == "new");
    other.commit();
    CHECK(contents(path) == "newest");
  }
  { OutputFile(path).write("lost", 4); }
  CHECK(contents(path) == "newest");
  CHECK(files_in(folder) == std::vector<std::string>{"f"});
}

TEST_CASE("errors name the path and the reason") {
  const tools::TemporaryFolder folder;
  CHECK(error_of([&] { const OutputFile file(folder.path() / "no" / "f"); }) ==
        "'" + (folder.path() / "no" / "f").string() + "' cannot be written: No such file or directory");
  std::filesystem::create_directories(folder.path() / "taken" / "below");
  CHECK(contains(error_of([&] { OutputFile(folder.path() / "taken").commit(); }), "taken' cannot be written: "));

  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit limit = before;
  limit.rlim_cur = 1000;
  setrlimit(RLIMIT_FSIZE, &limit);
  const std::string error = error_of([&] {
    OutputFile file(folder.path() / "large");
    const std::string text(100'000, 'x');
    file.write(text.data(), text.size());
    file.commit();
  });
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  CHECK(contains(error, "large' cannot be written: File too large"));
  CHECK(files_in(folder) == std::vector<std::string>{"taken"});
}

}  // namespace output_file_test
