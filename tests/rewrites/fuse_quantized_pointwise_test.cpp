#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/rewriting.hpp"

namespace fuse_quantized_pointwise_test {

using namespace hone_test;
using hone::DType;
using Ops = std::vector<std::string>;

/// x and z as bytes by scales of their own, "x_q" and "z_q", and dequantized, "x_f" and "z_f".
inline GraphBuilder graph(const Dims& x = {2, 700}, const Dims& z = {2, 700}) {
  GraphBuilder graph;
  graph.input("x", DType::float32, x)
      .input("z", DType::float32, z)
      .initializer(tensor<float>("x_scale", {}, {0.05F}))
      .initializer(tensor<float>("z_scale", {}, {0.03F}))
      .initializer(tensor<float>("y_scale", {}, {0.06F}))
      .initializer(tensor<std::uint8_t>("x_zero", {}, {100}))
      .initializer(tensor<std::int8_t>("z_zero", {}, {-5}))
      .initializer(tensor<std::int8_t>("y_zero", {}, {3}));
  for (const std::string name : {"x", "z"}) {
    const std::vector<std::string> parameters{name + "_scale", name + "_zero"};
    graph.node(NodeBuilder("QuantizeLinear", {name, parameters[0], parameters[1]}, {name + "_q"}))
        .node(NodeBuilder("DequantizeLinear", {name + "_q", parameters[0], parameters[1]}, {name + "_f"}));
  }
  return graph;
}
inline GraphBuilder& quantized(GraphBuilder& graph, const std::string& r) {
  return graph.node(NodeBuilder("QuantizeLinear", {r, "y_scale", "y_zero"}, {"y_q"}))
      .node(NodeBuilder("DequantizeLinear", {"y_q", "y_scale", "y_zero"}, {"y"}))
      .output("y");
}

/// One step of y, over the largest number that int8 holds.
constexpr double one_step = 1.01 / 124;

TEST_CASE("a chain between bytes reads and writes them") {
  GraphBuilder sum = graph();
  sum.node(NodeBuilder("Add", {"x_f", "z_f"}, {"s"})).node(NodeBuilder("Relu", {"s"}, {"r"}));
  const Rewritten added = rewritten(model(17, quantized(sum, "r")));
  CHECK(added.ops == Ops{"QuantizeLinear", "QuantizeLinear", "hone.QuantizedPointwise", "DequantizeLinear"});
  CHECK(added.error < one_step);

  GraphBuilder single = graph();
  single.node(NodeBuilder("Sigmoid", {"x_f"}, {"r"}));
  const Rewritten sigmoid = rewritten(model(17, quantized(single, "r")));
  CHECK(sigmoid.has_fired("fuse_quantized_pointwise"));
  CHECK(sigmoid.error < one_step);

  GraphBuilder swapped = graph();
  swapped.initializer(tensor<float>("two", {}, {2.0F}))
      .node(NodeBuilder("Sub", {"two", "x_f"}, {"d"}))
      .node(NodeBuilder("Mul", {"z_f", "d"}, {"r"}));
  const Rewritten product = rewritten(model(17, quantized(swapped, "r")));
  CHECK(product.has_fired("fuse_quantized_pointwise"));
  CHECK(product.error < one_step);
}

TEST_CASE("results that stay floats, and operands that are") {
  GraphBuilder floats = graph();
  floats.node(NodeBuilder("Add", {"x_f", "z"}, {"s"})).node(NodeBuilder("Tanh", {"s"}, {"y"})).output("y");
  const Rewritten result = rewritten(model(17, floats));
  CHECK(result.ops == Ops{"QuantizeLinear", "hone.QuantizedPointwise"});
  CHECK(result.error < 1e-6);
}

TEST_CASE("operands that are broadcast stay as they are") {
  GraphBuilder rows = graph({2, 700}, {1, 700});
  rows.node(NodeBuilder("Add", {"x_f", "z_f"}, {"r"}));
  const Rewritten result = rewritten(model(17, quantized(rows, "r")));
  CHECK(!result.has_fired("fuse_quantized_pointwise"));
  CHECK(result.error < one_step);
}

TEST_CASE("scaled products of integers are one node, with what follows") {
  const auto dynamic = [](const Dims& scale_dims) {
    GraphBuilder graph;
    onnx::TensorProto weights = tensor<std::int8_t>("w", {6, 5}, {});
    std::vector<std::int8_t> values;
    for (int i = 0; i < 30; ++i) values.push_back(static_cast<std::int8_t>(i * 37 % 255 - 127));
    weights.set_raw_data(values.data(), values.size());
    graph.input("x", DType::float32, {3, 4, 6})
        .input("other", DType::float32, {3, 4, 5})
        .initializer(weights)
        .initializer(tensor<std::int8_t>("w_zero", {}, {4}))
        .initializer(scale_dims.empty() ? tensor<float>("w_scale", {}, {0.02F})
                                        : tensor<float>("w_scale", scale_dims, {0.02F, 0.01F, 0.03F, 0.04F, 0.05F}))
        .node(NodeBuilder("DynamicQuantizeLinear", {"x"}, {"q", "s", "z"}))
        .node(NodeBuilder("MatMulInteger", {"q", "w", "z", "w_zero"}, {"i"}))
        .node(NodeBuilder("Cast", {"i"}, {"f"}).attribute("to", static_cast<std::int64_t>(DType::float32)))
        .node(NodeBuilder("Mul", {"w_scale", "s"}, {"scale"}))
        .node(NodeBuilder("Mul", {"f", "scale"}, {"m"}))
        .node(NodeBuilder("Add", {"m", "other"}, {"y"}))
        .output("y");
    return graph;
  };
  for (const Dims& dims : {Dims{}, Dims{5}}) {
    const Rewritten result = rewritten(model(17, dynamic(dims)));
    CHECK(result.ops == Ops{"DynamicQuantizeLinear", "Mul", "hone.FusedScaledMatMulInteger"});
    CHECK(result.error < 1e-6);
  }
  GraphBuilder shown = dynamic({});
  const Rewritten stays = rewritten(model(17, shown.output("f")));
  CHECK(!stays.has_fired("fuse_scaled_matmul"));
}

}  // namespace fuse_quantized_pointwise_test
