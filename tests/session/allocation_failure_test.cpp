#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <new>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <hone/providers/cpu.hpp>
#include <hone/session/session.hpp>

#include "../../tools/heap_count.cpp"
#include "../../tools/temporary_folder.hpp"
#include "support/model.hpp"

namespace allocation_failure_test {

using namespace hone_test;
using hone::DType;
using hone::Session;
using hone::Tensor;

/// Packed and unpacked weights, an output of unknown shape, a subgraph, folded constants, an arena.
inline onnx::ModelProto network() {
  const auto branch = [](const std::string& op) { return GraphBuilder().node(NodeBuilder(op, {"e"}, {"t"})).output("t").proto(); };
  return model(17,
               GraphBuilder()
                   .input("x", DType::float32, {-1, 3})
                   .input("c", DType::boolean, {})
                   .initializer(tensor<float>("w", {3, 2}, {1, 2, 3, 4, 5, 6}))
                   .initializer(tensor<float>("zero", {}, {0}))
                   .node(NodeBuilder("Exp", {"zero"}, {"one"}))
                   .node(NodeBuilder("MatMul", {"x", "w"}, {"m"}))
                   .node(NodeBuilder("Sub", {"m", "one"}, {"e"}))
                   .node(NodeBuilder("Greater", {"e", "zero"}, {"positive"}))
                   .node(NodeBuilder("NonZero", {"positive"}, {"at"}))
                   .node(NodeBuilder("If", {"c"}, {"y"}).attribute("then_branch", branch("Neg")).attribute("else_branch", branch("Abs")))
                   .output("at")
                   .output("y"));
}

inline bool countable() {
  if (tools::heap_calls()) return true;
  std::cout << "SKIPPED allocation_failure_test: a sanitizer has taken the heap functions over\n";
  return false;
}

/// Lets the first call of the heap in `action` fail, then the second, and so on until it needs no more. Each time the error must be one
/// that says so, nothing may leak once `settle` has freed what is kept on purpose, and `check` is called.
inline void fail_each_call(const std::function<void()>& action, const std::function<void()>& settle, const std::function<void()>& check) {
  try {
    throw std::bad_alloc();  // the first exception of a thread takes memory that stays
  } catch (const std::bad_alloc&) {
  }
  std::uint64_t failures = 0;
  for (std::uint64_t n = 1;; ++n) {
    const auto before = tools::heap_blocks();
    std::string unexpected;
    bool threw = false;
    tools::fail_heap_call(n);
    try {
      action();
    } catch (const std::bad_alloc&) {
      threw = true;
    } catch (const hone::Error& error) {
      threw = true;
      if (error.code() != hone::ErrorCode::resource_exhausted) unexpected = error.what();
    }
    const bool reached = tools::fail_heap_call(0) == 0;
    settle();
    const auto after = tools::heap_blocks();
    CAPTURE(n);
    CHECK(unexpected == "");
    CHECK(*after == *before);
    check();
    if (!reached) {
      CHECK_FALSE(threw);
      break;
    }
    failures += threw ? 1 : 0;
    REQUIRE(n < 100000);
  }
  CHECK(failures > 10);
}

TEST_CASE("memory that runs out while loading is an error, and nothing leaks") {
  if (!countable()) return;
  const std::string bytes = serialized(network());
  const auto load = [&] { const Session session(bytes_of(bytes), hone::SessionOptions{.intra_op_num_threads = 1}); };
  load();  // what is made once per process
  fail_each_call(
      load, [] {}, [] {});
}

/// A file that looks as if it had been written long ago, so that sessions share what they make of it.
inline std::filesystem::path written(const tools::TemporaryFolder& folder, const char* name) {
  const std::filesystem::path path = folder.path() / name;
  std::ofstream(path, std::ios::binary) << serialized(network());
  std::filesystem::last_write_time(path, std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
  return path;
}

TEST_CASE("memory that runs out while sessions share a model") {
  if (!countable()) return;
  const tools::TemporaryFolder folder;
  const std::filesystem::path file = written(folder, "a.onnx");
  const std::filesystem::path other = written(folder, "b.onnx");
  const hone::SessionOptions options{.intra_op_num_threads = 1};
  const auto load = [](const std::filesystem::path& path) { const Session session(path, {.intra_op_num_threads = 1}); };
  const Session living(other, options);
  const auto check = [&] {
    const std::int64_t before = hone::thread_buffer_bytes();
    load(other);
    CHECK(hone::thread_buffer_bytes() == before);
  };
  // Alone, it makes the model and registers it; whoever asks next for a model forgets those that are gone.
  load(file);
  load(other);
  fail_each_call([&] { load(file); }, [&] { load(other); }, check);
  // Beside another one, it takes what is there.
  fail_each_call([&] { load(other); }, [] {}, check);
}

TEST_CASE("memory that runs out while running is an error, nothing leaks, and the session stays usable") {
  if (!countable()) return;
  for (const auto mode : {hone::ExecutionMode::sequential, hone::ExecutionMode::parallel}) {
    const Session session(network(), {.intra_op_num_threads = 1, .inter_op_num_threads = 1, .execution_mode = mode});
    const Tensor<float> x({2, 3}, {1, 1, 1, -1, 0, 1});
    const Tensor<bool> c = Tensor<bool>::filled({}, true);
    const std::vector<hone::Feed> feeds = {{"x", x}, {"c", c}};
    const auto correct = [&] {
      const hone::Outputs out = session.run(feeds);
      CHECK(values_of<std::int64_t>(out["at"]) == std::vector<std::int64_t>{0, 0, 1, 1, 0, 1, 0, 1});
      CHECK(values_of<float>(out["y"]) == std::vector<float>{-8, -11, -3, -3});
    };
    // From nothing: plan, context and arena are made.
    fail_each_call([&] { const hone::Outputs out = session.run(feeds); }, [&] { session.trim(); },
                   [&] {
                     correct();
                     session.trim();
                   });
  }
}

TEST_CASE("a context that lost a run to memory serves the next one") {
  if (!countable()) return;
  const Session session(network(), {.intra_op_num_threads = 1});
  const Tensor<bool> c = Tensor<bool>::filled({}, false);
  for (std::uint64_t n = 1; n < 60; ++n) {
    // A new shape each time: the arena of the kept context has to grow.
    const Tensor<float> x = Tensor<float>::filled({static_cast<std::int64_t>(10 * n), 3}, 1);
    hone::Value y;
    tools::fail_heap_call(n);
    try {
      session.run({{"x", x}, {"c", c}}, {{"y", y}});
    } catch (const std::bad_alloc&) {
    } catch (const hone::Error&) {
    }
    tools::fail_heap_call(0);
    session.run({{"x", x}, {"c", c}}, {{"y", y}});
    const auto view = y.view<const float>();
    REQUIRE(view.size() == static_cast<std::size_t>(20 * n));
    CHECK(view[0] == 8.0f);
    CHECK(view[view.size() - 1] == 11.0f);
  }
}

TEST_CASE("memory that runs out while a binding is made and used") {
  if (!countable()) return;
  const Session session(network(), {.intra_op_num_threads = 1});
  const Tensor<float> x({2, 3}, {1, 1, 1, -1, 0, 1});
  const Tensor<bool> c = Tensor<bool>::filled({}, true);
  const auto bound = [&] {
    hone::IoBinding binding = session.io_binding();
    binding.bind_input("x", x);
    binding.bind_input("c", c);
    binding.bind_output("y");
    session.run(binding);
    return values_of<float>(binding.output("y"));
  };
  (void)bound();
  session.trim();
  fail_each_call([&] { (void)bound(); }, [&] { session.trim(); },
                 [&] {
                   CHECK(bound() == std::vector<float>{-8, -11, -3, -3});
                   session.trim();
                 });
}

}  // namespace allocation_failure_test
