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

TEST_CASE("a one that adds dimensions stays") {
  const Rewritten result = rewritten(
      model(17, graph().initializer(tensor<float>("broad", {1, 1, 1}, {1})).node(NodeBuilder("Mul", {"x", "broad"}, {"y"})).output("y")));
  CHECK(result.ops == Ops{"Mul"});
  CHECK(result.error == 0);
}

}  // namespace eliminate_no_ops_test
