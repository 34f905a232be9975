#include <cstdint>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <hone/providers/cpu.hpp>
#include <hone/session/session.hpp>

#include "../../tools/temporary_folder.hpp"
#include "support/model.hpp"

namespace profiler_test {

using namespace hone_test;
using hone::DType;
using hone::Session;
using hone::Tensor;

inline onnx::ModelProto two_nodes() {
  return model(17, GraphBuilder()
                       .input("x", DType::float32, {2, 3})
                       .node(NodeBuilder("Neg", {"x"}, {"n"}))
                       .node(NodeBuilder("Shape", {"n"}, {"s"}))
                       .node(NodeBuilder("Exp", {"n"}, {"y"}))
                       .output("y"));
}

inline std::vector<std::string> lines_of(const std::filesystem::path& path) {
  std::ifstream stream(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// The number after `key`: in a line of the trace.
inline double number(const std::string& line, const std::string& key) {
  const std::size_t at = line.find("\"" + key + "\":");
  REQUIRE(at != std::string::npos);
  return std::stod(line.substr(at + key.size() + 3));
}

inline hone::SessionOptions profiling(const tools::TemporaryFolder& folder) {
  return {.graph_optimization_level = hone::GraphOptimizationLevel::basic,
          .enable_profiling = true,
          .profile_file_prefix = (folder.path() / "hone \"profile\"").string()};
}

TEST_CASE("a profile has one complete event per line, for loading, runs and nodes") {
  const tools::TemporaryFolder folder;
  const Session session(two_nodes(), profiling(folder));
  const Tensor<float> x = Tensor<float>::filled({2, 3}, 1);
  (void)session.run({{"x", x}}, hone::RunOptions{.tag = "first \"run\""});
  (void)session.run({{"x", x}});
  const std::string path = session.end_profiling();
  CHECK(path.starts_with(profiling(folder).profile_file_prefix));
  CHECK(path.ends_with(".json"));
  CHECK(session.end_profiling() == path);
  (void)session.run({{"x", x}});  // not in the profile any more

  const std::vector<std::string> lines = lines_of(path);
  REQUIRE(lines.size() == 2 + 2 + 2 * 3);
  CHECK(lines.front() == "[");
  CHECK(lines.back() == "]");
  int nodes = 0;
  int runs = 0;
  for (std::size_t i = 1; i + 1 < lines.size(); ++i) {
    const std::string& line = lines[i];
    CHECK(line.starts_with("{\"cat\":\""));
    CHECK(line.ends_with(i + 2 == lines.size() ? "}}" : "}},"));
    CHECK(contains(line, "\"ph\":\"X\""));
    CHECK(number(line, "pid") > 0);
    CHECK(number(line, "tid") > 0);
    CHECK(number(line, "ts") >= 0);
    CHECK(number(line, "dur") >= 0);
    nodes += contains(line, "\"cat\":\"Node\"") ? 1 : 0;
    runs += contains(line, "\"name\":\"model_run\"") ? 1 : 0;
  }
  CHECK(nodes == 4);
  CHECK(runs == 2);
  CHECK(contains(lines[1], "\"name\":\"model_loading\""));
  CHECK(contains(lines[2], "\"name\":\"session_initialization\""));
  CHECK(contains(lines[3],
                 "\"name\":\"Neg_node\",\"args\":{\"op_name\":\"Neg\",\"provider\":\"CPUExecutionProvider\","
                 "\"input_type_shape\":[{\"float\":[2,3]}],\"output_type_shape\":[{\"float\":[2,3]}],"
                 "\"run_tag\":\"first \\\"run\\\"\"}}"));
  CHECK(contains(lines[5], "\"args\":{\"run_tag\":\"first \\\"run\\\"\"}}"));
  // A node lies within its run.
  CHECK(number(lines[3], "ts") >= number(lines[5], "ts"));
  CHECK(number(lines[3], "ts") + number(lines[3], "dur") <= number(lines[5], "ts") + number(lines[5], "dur") + 0.01);
}

TEST_CASE("profiles of sessions and threads do not mix") {
  const tools::TemporaryFolder folder;
  const Session one(two_nodes(), profiling(folder));
  const Session two(two_nodes(), profiling(folder));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      const Tensor<float> x = Tensor<float>::filled({2, 3}, 1);
      for (int i = 0; i < 25; ++i) (void)one.run({{"x", x}});
    });
  }
  for (auto& thread : threads) thread.join();
  const std::string first = one.end_profiling();
  const std::string second = two.end_profiling();
  CHECK(first != second);
  CHECK(lines_of(first).size() == 2 + 2 + 100 * 3);
  CHECK(lines_of(second).size() == 2 + 2);
}

TEST_CASE("a profile is complete when the session ends without end_profiling, and there is none without the option") {
  const tools::TemporaryFolder folder;
  { const Session session(two_nodes(), profiling(folder)); }
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    CHECK(lines_of(entry.path()).back() == "]");
    ++files;
  }
  CHECK(files == 1);
  const Session session(two_nodes());
  CHECK(contains(error_of([&] { (void)session.end_profiling(); }), "without enable_profiling"));
  CHECK(contains(error_of([] { Session s(two_nodes(), {.enable_profiling = true, .profile_file_prefix = "/no/such/folder/p"}); }),
                 "cannot be written"));
}

}  // namespace profiler_test
