#include <cmath>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <hone/providers/cpu.hpp>
#include <hone/session/session.hpp>

#include "support/model.hpp"

namespace gradient_function_test {

using namespace hone_test;
using hone::DType;

void set_strings(onnx::NodeProto& node, const std::string& name, const std::vector<std::string>& values) {
  auto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(onnx::AttributeProto::STRINGS);
  for (const std::string& value : values) attribute.add_strings(value);
}

/// `graph` makes y from a (2, 3) and b (3), and perhaps of c (3, 2); Gradient gives da and db.
onnx::ModelProto with_gradient(const GraphBuilder& graph, const std::vector<std::string>& xs = {"a", "b"}) {
  onnx::ModelProto proto = model(17, graph);
  import_domain(proto, "ai.onnx.preview.training");
  onnx::NodeProto& node = *proto.mutable_graph()->add_node();
  node.set_op_type("Gradient");
  node.set_domain("ai.onnx.preview.training");
  set_strings(node, "xs", xs);
  auto& y = *node.add_attribute();
  y.set_name("y");
  y.set_type(onnx::AttributeProto::STRING);
  y.set_s("y");
  for (const std::string& x : xs) {
    node.add_input(x);
    node.add_output("d" + x);
    proto.mutable_graph()->add_output()->set_name("d" + x);
  }
  return proto;
}

GraphBuilder inputs() { return GraphBuilder().input("a", DType::float32, {2, 3}).input("b", DType::float32, {3}); }

const std::vector<float> a_values{0.5F, 1.5F, 2, 0.75F, 1.25F, 3};
const std::vector<float> b_values{2, 0.5F, 1.5F};

/// The gradients of sum(y), by central differences of the model's own y.
void check_numerically(const onnx::ModelProto& proto) {
  const hone::Session session(proto);
  const auto run = [&](const std::vector<float>& a, const std::vector<float>& b) {
    const hone::Tensor<float> x({2, 3}, a);
    const hone::Tensor<float> w({3}, b);
    return session.run({{"a", x}, {"b", w}});
  };
  const auto total = [&](const std::vector<float>& a, const std::vector<float>& b) {
    double sum = 0;
    hone::Outputs outputs = run(a, b);
    for (const float value : values_of<float>(outputs["y"])) sum += static_cast<double>(value);
    return sum;
  };
  hone::Outputs outputs = run(a_values, b_values);
  const float step = 1.0F / 256;
  for (std::size_t i = 0; i < a_values.size(); ++i) {
    std::vector<float> more = a_values;
    std::vector<float> less = a_values;
    more[i] += step;
    less[i] -= step;
    CAPTURE(i);
    CHECK(values_of<float>(outputs["da"])[i] ==
          doctest::Approx((total(more, b_values) - total(less, b_values)) / (2 * static_cast<double>(step))).epsilon(0.01));
  }
  for (std::size_t i = 0; i < b_values.size(); ++i) {
    std::vector<float> more = b_values;
    std::vector<float> less = b_values;
    more[i] += step;
    less[i] -= step;
    CAPTURE(i);
    CHECK(values_of<float>(outputs["db"])[i] ==
          doctest::Approx((total(a_values, more) - total(a_values, less)) / (2 * static_cast<double>(step))).epsilon(0.01));
  }
}

TEST_CASE("gradients of two inputs, one of them broadcast") {
  for (const std::string op : {"Add", "Sub", "Mul", "Div", "Pow"}) {
    CAPTURE(op);
    check_numerically(with_gradient(inputs().node(NodeBuilder(op, {"a", "b"}, {"y"})).output("y")));
  }
}

TEST_CASE("gradients through chains, where a value is used twice") {
  for (const std::string op : {"Neg", "Exp", "Log", "Sqrt", "Reciprocal", "Abs", "Sin", "Cos", "Tanh", "Sigmoid", "Relu", "Identity"}) {
    CAPTURE(op);
    check_numerically(with_gradient(inputs()
                                        .node(NodeBuilder(op, {"a"}, {"h"}))
                                        .node(NodeBuilder("Mul", {"h", "b"}, {"p"}))
                                        .node(NodeBuilder("Add", {"p", "h"}, {"y"}))
                                        .output("y")));
  }
}

TEST_CASE("gradients of a product with weights that are not differentiated") {
  check_numerically(with_gradient(inputs()
                                      .initializer(tensor<float>("w", {3, 2}, {1, 2, -1, 0.5F, 3, 1}))
                                      .node(NodeBuilder("Add", {"a", "b"}, {"s"}))
                                      .node(NodeBuilder("MatMul", {"s", "w"}, {"m"}))
                                      .node(NodeBuilder("Tanh", {"m"}, {"y"}))
                                      .output("y")));
}

TEST_CASE("an input on which y does not depend has the gradient 0") {
  const hone::Session session(with_gradient(inputs().node(NodeBuilder("Exp", {"b"}, {"y"})).output("y")));
  const hone::Tensor<float> a({2, 3}, a_values);
  const hone::Tensor<float> b({3}, b_values);
  hone::Outputs outputs = session.run({{"a", a}, {"b", b}});
  CHECK(values_of<float>(outputs["da"]) == std::vector<float>(6, 0.0F));
}

TEST_CASE("what cannot be differentiated is an error that names it") {
  CHECK(contains(
      error_of([&] { const hone::Session session(with_gradient(inputs().node(NodeBuilder("Erf", {"a"}, {"y"})).output("y"), {"a"})); }),
      "the derivative of Erf"));
  CHECK(contains(error_of([&] {
                   const hone::Session session(with_gradient(
                       inputs().initializer(tensor<float>("y", {1}, {1})).node(NodeBuilder("Exp", {"a"}, {"z"})).output("z")));
                 }),
                 "'y' does not depend on its inputs"));
}

}  // namespace gradient_function_test
