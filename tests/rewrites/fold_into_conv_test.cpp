#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/rewriting.hpp"

namespace fold_into_conv_test {

using namespace hone_test;
using hone::DType;
using Ops = std::vector<std::string>;

/// A convolution of 2 channels to 3, with weights of size 1.
inline GraphBuilder conv() {
  return GraphBuilder()
      .input("x", DType::float32, {-1, 2, 4, 4})
      .initializer(tensor<float>("w", {3, 2, 1, 1}, {1, 2, 3, 4, -5, 6}))
      .initializer(tensor<float>("per_channel", {3, 1, 1}, {2, -1, 0.5f}))
      .initializer(tensor<float>("scale", {3}, {1, 2, 3}))
      .initializer(tensor<float>("bias", {3}, {3, 2, 1}))
      .initializer(tensor<float>("mean", {3}, {0.5f, -1, 2}))
      .initializer(tensor<float>("variance", {3}, {1, 4, 0.25f}))
      .node(NodeBuilder("Conv", {"x", "w"}, {"c"}));
}

TEST_CASE("BatchNormalization and constants per channel go into the weights") {
  const Rewritten norm =
      rewritten(model(17, conv().node(NodeBuilder("BatchNormalization", {"c", "scale", "bias", "mean", "variance"}, {"y"})).output("y")));
  CHECK(norm.ops == Ops{"Conv"});
  CHECK(norm.error < 1e-6);
  for (const std::string op : {"Add", "Sub", "Mul", "Div"}) {
    const Rewritten right = rewritten(model(17, conv().node(NodeBuilder(op, {"c", "per_channel"}, {"y"})).output("y")));
    CHECK(right.ops == Ops{"Conv"});
    CHECK(right.error < 1e-6);
    const Rewritten left = rewritten(model(17, conv().node(NodeBuilder(op, {"per_channel", "c"}, {"y"})).output("y")));
    CHECK(left.has_fired("fold_into_conv") == (op == "Add" || op == "Mul"));
    CHECK(left.error < 1e-6);
  }
}

TEST_CASE("a result with another use, a constant per column, or one that broadens the result stays out of the weights") {
  const Rewritten shared = rewritten(model(17, conv().node(NodeBuilder("Mul", {"c", "per_channel"}, {"y"})).output("y").output("c")));
  CHECK(!shared.has_fired("fold_into_conv"));
  const Rewritten column = rewritten(
      model(17, conv().initializer(tensor<float>("k", {4}, {1, 2, 3, 4})).node(NodeBuilder("Mul", {"c", "k"}, {"y"})).output("y")));
  CHECK(!column.has_fired("fold_into_conv"));
  CHECK(column.error < 1e-6);
  const Rewritten broader = rewritten(
      model(17, conv().initializer(tensor<float>("k", {1, 1, 1, 1, 1}, {2})).node(NodeBuilder("Mul", {"c", "k"}, {"y"})).output("y")));
  CHECK(!broader.has_fired("fold_into_conv"));
  CHECK(broader.error < 1e-6);
}

}  // namespace fold_into_conv_test
