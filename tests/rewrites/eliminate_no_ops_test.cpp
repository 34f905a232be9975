#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/rewriting.hpp"

namespace eliminate_no_ops_test {

using namespace hone_test;
using hone::DType;
using hone::GraphOptimizationLevel;
using Ops = std::vector<std::string>;

inline GraphBuilder graph() {
  return GraphBuilder()
      .input("x", DType::float32, {-1, 3})
      .initializer(tensor<float>("zero", {}, {0}))
      .initializer(tensor<float>("one", {}, {1}))
      .initializer(tensor<std::int64_t>("pads", {4}, {0, 0, 0, 0}));
}

TEST_CASE("nodes that give their input back are taken out") {
  for (const NodeBuilder& node :
       {NodeBuilder("Identity", {"x"}, {"a"}), NodeBuilder("Dropout", {"x"}, {"a", "mask"}), NodeBuilder("Add", {"zero", "x"}, {"a"}),
        NodeBuilder("Sub", {"x", "zero"}, {"a"}), NodeBuilder("Mul", {"x", "one"}, {"a"}), NodeBuilder("Div", {"x", "one"}, {"a"}),
        NodeBuilder("Pow", {"x", "one"}, {"a"}), NodeBuilder("Cast", {"x"}, {"a"}).attribute("to", std::int64_t{1}),
        NodeBuilder("Transpose", {"x"}, {"a"}).attribute("perm", Dims{0, 1}),
        NodeBuilder("Concat", {"x"}, {"a"}).attribute("axis", std::int64_t{0}), NodeBuilder("Sum", {"x"}, {"a"}),
        NodeBuilder("Pad", {"x", "pads"}, {"a"})}) {
    CAPTURE(node.proto().op_type());
    const Rewritten result =
        rewritten(model(17, graph().node(node).node(NodeBuilder("Neg", {"a"}, {"y"})).output("y")), GraphOptimizationLevel::basic);
    CHECK(result.ops == Ops{"Neg"});
    CHECK(result.has_fired("eliminate_no_ops"));
    CHECK(result.error == 0);
  }
}

TEST_CASE("nodes that change something stay") {
  for (const NodeBuilder& node :
       {NodeBuilder("Sub", {"zero", "x"}, {"a"}), NodeBuilder("Div", {"one", "x"}, {"a"}), NodeBuilder("Mul", {"x", "zero"}, {"a"}),
        NodeBuilder("Transpose", {"x"}, {"a"}).attribute("perm", Dims{1, 0})}) {
    CAPTURE(node.proto().op_type());
    const Rewritten result =
        rewritten(model(17, graph().node(node).node(NodeBuilder("Neg", {"a"}, {"y"})).output("y")), GraphOptimizationLevel::basic);
    CHECK(result.ops.size() == 2);
    CHECK(result.error == 0);
  }
}

inline onnx::TensorProto truths(const std::string& name, const Dims& dims, std::initializer_list<std::uint8_t> values) {
  onnx::TensorProto proto = tensor<std::uint8_t>(name, dims, values);
  proto.set_data_type(onnx::TensorProto::BOOL);
  return proto;
}

/// A node from "x" to "a", and one behind it.
inline Rewritten between(int opset, GraphBuilder graph, const NodeBuilder& node) {
  return rewritten(model(opset, std::move(graph).node(node).node(NodeBuilder("Neg", {"a"}, {"y"})).output("y")),
                   GraphOptimizationLevel::basic);
}

TEST_CASE("nodes that give their input back because of shapes and constants are taken out") {
  const auto constants = [] {
    return graph()
        .initializer(tensor<float>("zeros", {3}, {0, -0.0F, 0}))
        .initializer(tensor<float>("ones", {1, 3}, {1, 1, 1}))
        .initializer(truths("yes", {3}, {1, 1, 1}))
        .initializer(tensor<std::int64_t>("repeats", {2}, {1, 1}))
        .initializer(tensor<std::int64_t>("same", {2}, {0, 3}))
        .initializer(tensor<std::int64_t>("left", {2}, {-1, 3}))
        .initializer(tensor<std::int64_t>("first", {2}, {0, 0}))
        .initializer(tensor<std::int64_t>("last", {2}, {INT64_MAX, 3}))
        .initializer(tensor<float>("scales", {2}, {1, 1}))
        .initializer(tensor<std::int64_t>("broad", {1}, {1}))
        .initializer(tensor<std::int64_t>("none", {0}, {}));
  };
  for (const NodeBuilder& node :
       {NodeBuilder("Add", {"x", "zeros"}, {"a"}), NodeBuilder("Mul", {"ones", "x"}, {"a"}), NodeBuilder("Div", {"x", "ones"}, {"a"}),
        NodeBuilder("Where", {"yes", "x", "zeros"}, {"a"}), NodeBuilder("Tile", {"x", "repeats"}, {"a"}),
        NodeBuilder("Reshape", {"x", "same"}, {"a"}), NodeBuilder("Reshape", {"x", "left"}, {"a"}),
        NodeBuilder("Slice", {"x", "first", "last"}, {"a"}), NodeBuilder("Expand", {"x", "broad"}, {"a"}),
        NodeBuilder("Resize", {"x", "", "scales"}, {"a"}), NodeBuilder("Split", {"x"}, {"a"}), NodeBuilder("Squeeze", {"x", "none"}, {"a"}),
        NodeBuilder("Clip", {"x"}, {"a"}), NodeBuilder("CastLike", {"x", "zeros"}, {"a"}), NodeBuilder("Max", {"x"}, {"a"})}) {
    CAPTURE(node.proto().op_type());
    const Rewritten result = between(17, constants(), node);
    CHECK(result.ops == Ops{"Neg"});
    CHECK(result.error == 0);
  }
}

TEST_CASE("nodes that look alike and change something stay") {
  const auto constants = [] {
    return graph()
        .initializer(tensor<float>("zeros", {2, 1, 3}, {0, 0, 0, 0, 0, 0}))
        .initializer(tensor<float>("nearly", {3}, {1, 1, 1.5F}))
        .initializer(truths("mixed", {3}, {1, 0, 1}))
        .initializer(truths("yes", {2, 1, 3}, {1, 1, 1, 1, 1, 1}))
        .initializer(tensor<std::int64_t>("repeats", {2}, {1, 2}))
        .initializer(tensor<std::int64_t>("first", {1}, {-1}))
        .initializer(tensor<std::int64_t>("last", {1}, {-100}))
        .initializer(tensor<std::int64_t>("axis", {1}, {1}))
        .initializer(tensor<std::int64_t>("back", {1}, {-1}))
        .initializer(tensor<std::int64_t>("broad", {3}, {1, 1, 1}))
        .initializer(tensor<std::int64_t>("start", {1}, {0}))
        .initializer(tensor<std::int64_t>("two", {1}, {2}))
        .initializer(tensor<std::int64_t>("row", {1}, {0}));
  };
  for (const NodeBuilder& node :
       {NodeBuilder("Add", {"x", "zeros"}, {"a"}), NodeBuilder("Mul", {"x", "nearly"}, {"a"}),
        NodeBuilder("Where", {"mixed", "x", "one"}, {"a"}), NodeBuilder("Where", {"yes", "x", "one"}, {"a"}),
        NodeBuilder("Tile", {"x", "repeats"}, {"a"}), NodeBuilder("Slice", {"x", "first", "last", "axis", "back"}, {"a"}),
        NodeBuilder("Expand", {"x", "broad"}, {"a"}), NodeBuilder("Slice", {"x", "start", "two", "row"}, {"a"}),
        NodeBuilder("Clip", {"x", "zero"}, {"a"})}) {
    CAPTURE(node.proto().op_type());
    const Rewritten result = between(17, constants(), node);
    CHECK(result.ops.size() == 2);
    CHECK(result.error == 0);
  }
}

TEST_CASE("a one that adds dimensions stays") {
  const Rewritten result = rewritten(
      model(17, graph().initializer(tensor<float>("broad", {1, 1, 1}, {1})).node(NodeBuilder("Mul", {"x", "broad"}, {"y"})).output("y")));
  CHECK(result.ops == Ops{"Mul"});
  CHECK(result.error == 0);
}

}  // namespace eliminate_no_ops_test
