// Operators of ONNX Runtime, as functions of ONNX operators. tests/differential compares all of them with onnxruntime.
#include <cmath>
#include <cstdint>
#include <vector>

#include <doctest/doctest.h>

#include <hone/providers/cpu.hpp>
#include <hone/session/session.hpp>

#include "support/model.hpp"

namespace contrib_function_test {

using namespace hone_test;
using hone::DType;

/// A model that imports the domain too.
onnx::ModelProto contrib_model(const GraphBuilder& graph) {
  onnx::ModelProto proto = model(13, graph);
  import_domain(proto, "com.microsoft");
  return proto;
}

NodeBuilder contrib(const std::string& op, std::initializer_list<std::string> inputs, std::initializer_list<std::string> outputs) {
  return NodeBuilder(op, inputs, outputs, "com.microsoft");
}

TEST_CASE("a function stands in for the operator, and the report shows its nodes") {
  const auto bytes = contrib_model(GraphBuilder()
                                       .input("x", DType::float32, {1, 2})
                                       .initializer(tensor<float>("bias", {2}, {0.5F, -1}))
                                       .node(contrib("FastGelu", {"x", "bias"}, {"y"}))
                                       .output("y"));
  const hone::Session session(bytes, {.graph_optimization_level = hone::GraphOptimizationLevel::disabled});
  const hone::Tensor<float> x({1, 2}, {1, 3});
  const auto gelu = [](double v) { return 0.5 * v * (1 + std::tanh(std::sqrt(2 / 3.14159265358979) * (v + 0.044715 * v * v * v))); };
  hone::Outputs outputs = session.run({{"x", x}});
  const std::vector<float> y = values_of<float>(outputs["y"]);
  CHECK(y[0] == doctest::Approx(gelu(1.5)));
  CHECK(y[1] == doctest::Approx(gelu(2)));
  std::vector<std::string> ops;
  for (const auto& node : session.report().nodes) ops.push_back(node.op);
  CHECK(ops == std::vector<std::string>{"Add", "Gelu", "Identity"});
}

TEST_CASE("sums of quantized tensors") {
  // (10 - 2) 0.5 + (4 - 0) 0.25 = 5 -> 5 / 0.1 + 3 = 53; (255 - 2) 0.5 + 0 = 126.5 -> saturates
  const auto bytes = contrib_model(GraphBuilder()
                                       .input("a", DType::uint8, {2})
                                       .input("b", DType::uint8, {2})
                                       .initializer(tensor<float>("sa", {}, {0.5F}))
                                       .initializer(tensor<std::uint8_t>("za", {}, {2}))
                                       .initializer(tensor<float>("sb", {}, {0.25F}))
                                       .initializer(tensor<std::uint8_t>("zb", {}, {0}))
                                       .initializer(tensor<float>("sy", {}, {0.1F}))
                                       .initializer(tensor<std::uint8_t>("zy", {}, {3}))
                                       .node(contrib("QLinearAdd", {"a", "sa", "za", "b", "sb", "zb", "sy", "zy"}, {"y"}))
                                       .output("y"));
  const hone::Session session(bytes);
  const hone::Tensor<std::uint8_t> a({2}, {10, 255});
  const hone::Tensor<std::uint8_t> b({2}, {4, 0});
  hone::Outputs outputs = session.run({{"a", a}, {"b", b}});
  CHECK(values_of<std::uint8_t>(outputs["y"]) == std::vector<std::uint8_t>{53, 255});
}

TEST_CASE("what a function cannot say is listed as not supported") {
  const auto of = [](NodeBuilder&& node) {
    return contrib_model(GraphBuilder().input("x", DType::float32, {1, 1, 4, 4}).node(node).output("y"));
  };
  const auto error = [&](NodeBuilder&& node) { return error_of([&] { const hone::Session session(of(std::move(node))); }); };
  CHECK(contains(error(contrib("FusedConv", {"x", "x"}, {"y"}).attribute("activation", std::string("Nothing"))),
                 "com.microsoft.FusedConv (opset"));
  CHECK(contains(error(contrib("NoSuchOperator", {"x"}, {"y"})), "com.microsoft.NoSuchOperator (opset"));
}

TEST_CASE("an operator of the host comes before the function") {
  hone::SessionOptions options;
  options.add_op("com.microsoft", "QuickGelu", [](hone::TensorView<const float> x, hone::TensorView<float> y) { y[0] = x[0] + 1; });
  const hone::Session session(
      contrib_model(GraphBuilder().input("x", DType::float32, {1}).node(contrib("QuickGelu", {"x"}, {"y"})).output("y")), options);
  const hone::Tensor<float> x({1}, {4});
  hone::Outputs outputs = session.run({{"x", x}});
  CHECK(values_of<float>(outputs["y"]) == std::vector<float>{5});
}

}  // namespace contrib_function_test
