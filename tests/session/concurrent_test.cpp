// Many threads, one session. HONE_CONCURRENT_RUNS: runs per thread, for a search that takes longer than a test may.
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <latch>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <hone/providers/cpu.hpp>
#include <hone/session/session.hpp>

#include "support/model.hpp"

namespace concurrent_test {

using namespace hone_test;
using hone::DType;
using hone::Session;
using hone::Tensor;

inline constexpr int threads = 64;

inline int runs_per_thread() {
  const char* text = std::getenv("HONE_CONCURRENT_RUNS");
  return text != nullptr && *text != '\0' ? std::atoi(text) : 300;
}

/// Convolution, matrix product, a subgraph, and shapes that are only known while running.
inline onnx::ModelProto network() {
  const auto branch = [](const std::string& op) { return GraphBuilder().node(NodeBuilder(op, {"m"}, {"t"})).output("t").proto(); };
  onnx::TensorProto kernel = tensor<float>("w", {2, 1, 3, 3}, {1, 2, 3, 4, 5, 4, 3, 2, 1, -1, 0, 1, -2, 0, 2, -1, 0, 1});
  return model(17,
               GraphBuilder()
                   .input("x", DType::float32, {-1, 1, 8, 8})
                   .input("c", DType::boolean, {})
                   .initializer(kernel)
                   .initializer(tensor<float>("zero", {}, {0}))
                   .initializer(tensor<std::int64_t>("rows", {2}, {-1, 128}))
                   .node(NodeBuilder("Conv", {"x", "w"}, {"v"}).attribute("pads", Dims{1, 1, 1, 1}))
                   .node(NodeBuilder("Reshape", {"v", "rows"}, {"r"}))
                   .node(NodeBuilder("Transpose", {"r"}, {"rt"}).attribute("perm", Dims{1, 0}))
                   .node(NodeBuilder("MatMul", {"r", "rt"}, {"m"}))
                   .node(NodeBuilder("If", {"c"}, {"b"}).attribute("then_branch", branch("Tanh")).attribute("else_branch", branch("Neg")))
                   .node(NodeBuilder("Softmax", {"b"}, {"y"}))
                   .node(NodeBuilder("Greater", {"r", "zero"}, {"positive"}))
                   .node(NodeBuilder("NonZero", {"positive"}, {"at"}))
                   .output("y")
                   .output("at"));
}

inline bool equal(const hone::TensorRef& a, const hone::TensorRef& b) {
  return a.dtype == b.dtype && a.shape == b.shape && std::memcmp(a.data, b.data, a.bytes()) == 0;
}

TEST_CASE("64 threads that run one session at once get what one thread gets") {
  constexpr std::int64_t batches = 4;
  std::vector<Tensor<float>> images;
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  for (std::int64_t batch = 1; batch <= batches; ++batch) {
    images.emplace_back(hone::Shape{batch, 1, 8, 8});
    std::generate(images.back().begin(), images.back().end(), [&] { return normal(random); });
  }
  const Tensor<bool> conditions[] = {Tensor<bool>({}, {false}), Tensor<bool>({}, {true})};

  struct Threads {
    int intra_op;
    int inter_op;
  };
  for (const Threads use : {Threads{1, 1}, Threads{3, 1}, Threads{2, 2}}) {
    const auto proto = network();
    std::vector<hone::Outputs> expected;
    {
      const Session alone(proto, {.intra_op_num_threads = 1});
      for (const auto& x : images)
        for (const auto& c : conditions) expected.push_back(alone.run({{"x", x}, {"c", c}}));
    }
    const auto mode = use.inter_op == 1 ? hone::ExecutionMode::sequential : hone::ExecutionMode::parallel;
    const Session session(proto, {.intra_op_num_threads = use.intra_op, .inter_op_num_threads = use.inter_op, .execution_mode = mode});
    const int runs = runs_per_thread();
    std::atomic<int> wrong = 0;
    std::atomic<int> failed = 0;
    std::latch start(threads);
    const auto work = [&](int thread) {
      start.arrive_and_wait();
      hone::Value y;
      for (int i = 0; i < runs; ++i) {
        const auto kind = static_cast<std::size_t>(thread + i) % expected.size();
        const Tensor<float>& x = images[kind / 2];
        const Tensor<bool>& c = conditions[kind % 2];
        try {
          if (i % 2 == 0) {
            const hone::Outputs out = session.run({{"x", x}, {"c", c}});
            wrong += equal(out["y"].ref(), expected[kind]["y"].ref()) && equal(out["at"].ref(), expected[kind]["at"].ref()) ? 0 : 1;
          } else {
            session.run({{"x", x}, {"c", c}}, {{"y", y}});
            wrong += equal(y.ref(), expected[kind]["y"].ref()) ? 0 : 1;
          }
        } catch (const std::exception&) {
          ++failed;
        }
      }
    };
    std::vector<std::jthread> all;
    for (int thread = 0; thread < threads; ++thread) all.emplace_back(work, thread);
    all.clear();
    CAPTURE(use.intra_op);
    CAPTURE(use.inter_op);
    CHECK(wrong == 0);
    CHECK(failed == 0);
  }
}

}  // namespace concurrent_test
