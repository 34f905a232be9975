#include <algorithm>
#include <atomic>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <hone/providers/cpu.hpp>
#include <hone/session/session.hpp>

#include "support/model.hpp"

namespace memory_report_test {

using namespace hone_test;
using hone::DType;
using hone::Session;
using hone::Tensor;

/// x (n, 8) times w (8, 4), then two more nodes.
inline onnx::ModelProto network() {
  onnx::TensorProto w;
  w.set_name("w");
  w.set_data_type(1);
  w.add_dims(8);
  w.add_dims(4);
  w.set_raw_data(std::string(8 * 4 * 4, '\0'));
  return model(17, GraphBuilder()
                       .input("x", DType::float32, {-1, 8})
                       .initializer(w)
                       .node(NodeBuilder("MatMul", {"x", "w"}, {"m"}))
                       .node(NodeBuilder("Exp", {"m"}, {"e"}))
                       .node(NodeBuilder("ReduceSum", {"e"}, {"y"}))
                       .output("y"));
}

TEST_CASE("memory says where the bytes are, and trim gives back what no run needs") {
  const Session session(network(), {.intra_op_num_threads = 1});
  const Tensor<float> x = Tensor<float>::filled({16, 8}, 1);
  hone::MemoryReport memory = session.memory();
  CHECK(memory.weights == 0);  // packed instead
  CHECK(memory.packed >= 8 * 4 * 4);
  CHECK(memory.plans == 0);
  CHECK(memory.idle_contexts == 0);
  CHECK(memory.contexts == 0);
  for (int round = 0; round < 2; ++round) {
    CHECK(values_of<float>(session.run({{"x", x}})["y"]) == std::vector<float>{64});
    memory = session.memory();
    CHECK(memory.plans == 1);
    CHECK(memory.planned_arena >= 16 * 4 * 4);
    CHECK(memory.idle_contexts == 1);
    CHECK(memory.busy_contexts == 0);
    CHECK(memory.contexts >= memory.planned_arena);
    session.trim();
    memory = session.memory();
    CHECK(memory.plans == 0);
    CHECK(memory.planned_arena == 0);
    CHECK(memory.idle_contexts == 0);
    CHECK(memory.contexts == 0);
    CHECK(memory.weights == 0);
  }
}

TEST_CASE("a context in use is counted as busy, and survives trim") {
  std::latch begun(1);
  std::latch open(1);
  hone::SessionOptions options;
  options.add_op("test", "Gate", [&](hone::TensorView<const float> x, hone::TensorView<float> y) {
    begun.count_down();
    open.wait();
    std::copy(x.begin(), x.end(), y.begin());
  });
  auto proto = model(17, GraphBuilder()
                             .input("x", DType::float32, {2})
                             .node(NodeBuilder("Gate", {"x"}, {"g"}, "test"))
                             .node(NodeBuilder("Exp", {"g"}, {"e"}))
                             .node(NodeBuilder("Neg", {"e"}, {"y"}))
                             .output("y"));
  import_domain(proto, "test");
  const Session session(proto, options);
  const Tensor<float> x({2}, {0, 0});
  std::vector<float> result;
  std::thread runner([&] { result = values_of<float>(session.run({{"x", x}})["y"]); });
  begun.wait();
  CHECK(session.memory().busy_contexts == 1);
  CHECK(session.memory().idle_contexts == 0);
  session.trim();
  open.count_down();
  runner.join();
  CHECK(result == std::vector<float>{-1, -1});
  CHECK(session.memory().busy_contexts == 0);
  CHECK(session.memory().idle_contexts == 1);
}

TEST_CASE("trim and memory may be called while other threads run") {
  const Session session(network(), {.intra_op_num_threads = 1});
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const Tensor<float> x = Tensor<float>::filled({t + 1, 8}, 1);
      for (int i = 0; i < 300; ++i)
        if (session.run({{"x", x}})["y"].view<float>()[0] != 4.0f * static_cast<float>(t + 1)) ++wrong;
    });
  }
  for (int i = 0; i < 300; ++i) {
    session.trim();
    (void)session.memory();
  }
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(session.memory().busy_contexts == 0);
}

}  // namespace memory_report_test
