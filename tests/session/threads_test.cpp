#include <atomic>
#include <cstdint>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <hone/providers/cpu.hpp>
#include <hone/session/session.hpp>

#include "support/model.hpp"

namespace threads_test {

using namespace hone_test;
using hone::DType;
using hone::Session;
using hone::Tensor;

inline Tensor<float> noise(const hone::Shape& shape, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 0.3f);
  Tensor<float> tensor(shape);
  for (float& value : tensor) value = normal(random);
  return tensor;
}

inline onnx::TensorProto weights(const std::string& name, const Dims& dims, unsigned seed) {
  const Tensor<float> values = noise(hone::Shape(dims), seed);
  onnx::TensorProto proto;
  proto.set_name(name);
  proto.set_data_type(1);
  for (const std::int64_t dim : dims) proto.add_dims(dim);
  proto.set_raw_data(values.data(), values.size() * sizeof(float));
  return proto;
}

/// Large enough that every operator in it is shared among threads: convolutions, normalisations, attention, a recurrent network.
inline onnx::ModelProto network() {
  return model(17, GraphBuilder()
                       .input("x", DType::float32, {1, 16, 48, 48})
                       .initializer(weights("w1", {48, 16, 3, 3}, 1))
                       .initializer(weights("b1", {48}, 2))
                       .initializer(weights("w2", {48, 1, 5, 5}, 3))
                       .initializer(weights("w3", {64, 48, 1, 1}, 4))
                       .initializer(weights("scale", {64}, 5))
                       .initializer(weights("bias", {64}, 6))
                       .initializer(weights("w4", {64, 192}, 7))
                       .initializer(weights("gw", {1, 96, 64}, 8))
                       .initializer(weights("gr", {1, 96, 32}, 9))
                       .initializer(tensor<std::int64_t>("rows", {3}, {1, 64, 576}))
                       .node(NodeBuilder("Conv", {"x", "w1", "b1"}, {"c1"}).attribute("pads", Dims{1, 1, 1, 1}))
                       .node(NodeBuilder("Sigmoid", {"c1"}, {"s1"}))
                       .node(NodeBuilder("Conv", {"s1", "w2"}, {"c2"})
                                 .attribute("pads", Dims{2, 2, 2, 2})
                                 .attribute("strides", Dims{2, 2})
                                 .attribute("group", std::int64_t{48}))
                       .node(NodeBuilder("Conv", {"c2", "w3"}, {"c3"}))
                       .node(NodeBuilder("Reshape", {"c3", "rows"}, {"r"}))
                       .node(NodeBuilder("Transpose", {"r"}, {"t"}).attribute("perm", Dims{0, 2, 1}))
                       .node(NodeBuilder("LayerNormalization", {"t", "scale", "bias"}, {"n"}))
                       .node(NodeBuilder("MatMul", {"n", "w4"}, {"m"}))
                       .node(NodeBuilder("Tanh", {"m"}, {"e"}))
                       .node(NodeBuilder("Transpose", {"n"}, {"nt"}).attribute("perm", Dims{0, 2, 1}))
                       .node(NodeBuilder("MatMul", {"n", "nt"}, {"scores"}))
                       .node(NodeBuilder("Softmax", {"scores"}, {"p"}))
                       .node(NodeBuilder("MatMul", {"p", "e"}, {"a"}))
                       .node(NodeBuilder("ReduceMean", {"a"}, {"mean"}).attribute("axes", Dims{1}))
                       .node(NodeBuilder("Add", {"a", "mean"}, {"y"}))
                       .node(NodeBuilder("GRU", {"t", "gw", "gr"}, {"g"}).attribute("hidden_size", std::int64_t{32}))
                       .output("y")
                       .output("g"));
}

TEST_CASE("results are bitwise equal for any number of threads") {
  const auto proto = network();
  const Tensor<float> x = noise({1, 16, 48, 48}, 10);
  for (const hone::simd::Isa isa : hone::simd::available_isas()) {
    std::vector<hone::Outputs> runs;
    for (const int threads : {1, 2, 3, 4}) {
      const Session session(proto, {.providers = {hone::Cpu{.arch = std::string(name(isa))}}, .intra_op_num_threads = threads});
      runs.push_back(session.run({{"x", x}}));
      runs.push_back(session.run({{"x", x}}));
    }
    for (const hone::Outputs& run : runs) {
      for (const auto& [output, value] : run) {
        const hone::TensorRef& first = runs[0][output].ref();
        REQUIRE(value.shape() == first.shape);
        CHECK(std::memcmp(value.ref().data, first.data, first.bytes()) == 0);
      }
    }
  }
}

TEST_CASE("64 threads run one session ten thousand times each, in four shapes, and get the same bits") {
  const Session session(model(17, GraphBuilder()
                                      .input("x", DType::float32, {-1, 4})
                                      .initializer(weights("w", {4, 3}, 1))
                                      .node(NodeBuilder("MatMul", {"x", "w"}, {"m"}))
                                      .node(NodeBuilder("Softmax", {"m"}, {"y"}))
                                      .output("y")),
                        {.intra_op_num_threads = 2});
  std::vector<Tensor<float>> inputs;
  std::vector<hone::Outputs> expected;
  for (std::int64_t rows = 1; rows <= 4; ++rows) {
    inputs.push_back(noise({rows, 4}, static_cast<unsigned>(rows)));
    expected.push_back(session.run({{"x", inputs.back()}}));
  }
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 64; ++t) {
    threads.emplace_back([&, t] {
      hone::Value y;
      for (std::size_t i = 0; i < 10000; ++i) {
        const std::size_t which = (t + i) % inputs.size();
        session.run({{"x", inputs[which]}}, {{"y", y}});
        const hone::TensorRef& right = expected[which]["y"].ref();
        if (!(y.shape() == right.shape) || std::memcmp(y.ref().data, right.data, right.bytes()) != 0) ++wrong;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
}

}  // namespace threads_test
