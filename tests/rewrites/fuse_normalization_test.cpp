#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/rewriting.hpp"

namespace fuse_normalization_test {

using namespace hone_test;
using hone::DType;
using Ops = std::vector<std::string>;

inline GraphBuilder graph() {
  return GraphBuilder()
      .input("x", DType::float32, {-1, 4})
      .initializer(tensor<float>("two", {}, {2}))
      .initializer(tensor<float>("epsilon", {}, {1e-3f}))
      .initializer(tensor<float>("scale", {4}, {1, 2, -3, 0.5f}))
      .initializer(tensor<float>("bias", {4}, {1, 0, -1, 3}));
}

/// x - mean over `axis`, divided by the root of its mean square.
inline GraphBuilder centered(std::int64_t axis) {
  return graph()
      .node(NodeBuilder("ReduceMean", {"x"}, {"mean"}).attribute("axes", Dims{axis}))
      .node(NodeBuilder("Sub", {"x", "mean"}, {"d"}))
      .node(NodeBuilder("Pow", {"d", "two"}, {"square"}))
      .node(NodeBuilder("ReduceMean", {"square"}, {"variance"}).attribute("axes", Dims{axis}))
      .node(NodeBuilder("Add", {"variance", "epsilon"}, {"sum"}))
      .node(NodeBuilder("Sqrt", {"sum"}, {"deviation"}))
      .node(NodeBuilder("Div", {"d", "deviation"}, {"n"}));
}

TEST_CASE("LayerNormalization with and without a bias") {
  for (const std::int64_t axis : {-1, 1}) {
    const Rewritten biased = rewritten(model(
        17, centered(axis).node(NodeBuilder("Mul", {"n", "scale"}, {"s"})).node(NodeBuilder("Add", {"s", "bias"}, {"y"})).output("y")));
    CHECK(biased.ops == Ops{"LayerNormalization"});
    CHECK(biased.error < 1e-5);
    const Rewritten plain = rewritten(model(17, centered(axis).node(NodeBuilder("Mul", {"scale", "n"}, {"y"})).output("y")));
    CHECK(plain.ops == Ops{"LayerNormalization"});
    CHECK(plain.error < 1e-5);
  }
}

TEST_CASE("RMSNormalization") {
  const Rewritten result = rewritten(model(17, graph()
                                                   .node(NodeBuilder("Mul", {"x", "x"}, {"square"}))
                                                   .node(NodeBuilder("ReduceMean", {"square"}, {"mean"}).attribute("axes", Dims{-1}))
                                                   .node(NodeBuilder("Add", {"mean", "epsilon"}, {"sum"}))
                                                   .node(NodeBuilder("Sqrt", {"sum"}, {"root"}))
                                                   .node(NodeBuilder("Reciprocal", {"root"}, {"r"}))
                                                   .node(NodeBuilder("Mul", {"x", "r"}, {"n"}))
                                                   .node(NodeBuilder("Mul", {"scale", "n"}, {"y"}))
                                                   .output("y")));
  CHECK(result.ops == Ops{"RMSNormalization"});
  CHECK(result.error < 1e-5);
}

TEST_CASE("over another dimension, or with a variance that is an output, it stays") {
  const Rewritten first = rewritten(model(17, centered(0).node(NodeBuilder("Mul", {"n", "scale"}, {"y"})).output("y")));
  CHECK(!first.has_fired("fuse_normalization"));
  CHECK(first.error < 1e-5);
  const Rewritten shown = rewritten(model(17, centered(-1).node(NodeBuilder("Mul", {"n", "scale"}, {"y"})).output("y").output("variance")));
  CHECK(!shown.has_fired("fuse_normalization"));
  CHECK(shown.error < 1e-5);
}

}  // namespace fuse_normalization_test
