#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/rewriting.hpp"

namespace fuse_attention_test {

using namespace hone_test;
using hone::DType;

std::string join_ops(const Rewritten& result) {
  std::string names;
  for (const std::string& op : result.ops) names += (names.empty() ? "" : " ") + op;
  return names;
}

NodeBuilder transpose(const std::string& x, const std::string& y, const Dims& perm) {
  return NodeBuilder("Transpose", {x}, {y}).attribute("perm", perm);
}

/// Heads side by side, as exporters write them: q (2, 5, 3, 4), k and v (2, 7, 3, 4), their rows gathered by head.
GraphBuilder heads() {
  return GraphBuilder()
      .input("q", DType::float32, {2, 5, 3, 4})
      .input("k", DType::float32, {2, 7, 3, 4})
      .input("v", DType::float32, {2, 7, 3, 4})
      .initializer(tensor<float>("two", {}, {2}))
      .initializer(tensor<float>("small", {}, {0.25F}))
      .node(transpose("q", "qh", {0, 2, 1, 3}))
      .node(transpose("k", "kt", {0, 2, 3, 1}))
      .node(transpose("v", "vh", {0, 2, 1, 3}));
}

GraphBuilder finished(GraphBuilder graph, const std::string& scores, std::int64_t axis = -1) {
  return std::move(graph)
      .node(NodeBuilder("Softmax", {scores}, {"w"}).attribute("axis", axis))
      .node(NodeBuilder("MatMul", {"w", "vh"}, {"yh"}))
      .node(transpose("yh", "y", {0, 2, 1, 3}))
      .output("y");
}

TEST_CASE("scaled products of heads, with the transposes around them") {
  for (const std::int64_t axis : {-1, 3}) {
    const Rewritten result = rewritten(
        model(17, finished(heads().node(NodeBuilder("MatMul", {"qh", "kt"}, {"qk"})).node(NodeBuilder("Div", {"qk", "two"}, {"scores"})),
                           "scores", axis)));
    CHECK(join_ops(result) == "hone.ScaledAttention");
    CHECK(result.error < 1e-5);
  }
}

TEST_CASE("a mask that is broadcast, added on either side") {
  for (const bool left : {false, true}) {
    for (const Dims& shape : {Dims{2, 1, 5, 7}, Dims{2, 3, 5, 7}, Dims{1, 1, 1, 7}, Dims{5, 7}, Dims{7}, Dims{2, 1, 5, 1}, Dims{}}) {
      CAPTURE(shape.size());
      const Rewritten result = rewritten(model(17, finished(heads()
                                                                .input("mask", DType::float32, shape)
                                                                .node(NodeBuilder("MatMul", {"qh", "kt"}, {"qk"}))
                                                                .node(NodeBuilder("Mul", {"qk", "small"}, {"scaled"}))
                                                                .node(left ? NodeBuilder("Add", {"mask", "scaled"}, {"scores"})
                                                                           : NodeBuilder("Add", {"scaled", "mask"}, {"scores"})),
                                                            "scores")));
      CHECK(join_ops(result) == "hone.ScaledAttention");
      CHECK(result.error < 1e-5);
    }
  }
}

TEST_CASE("scales on the operands, and many queries") {
  const Rewritten result = rewritten(model(17, GraphBuilder()
                                                   .input("q", DType::float32, {3, 300, 8})
                                                   .input("k", DType::float32, {1, 40, 8})
                                                   .input("v", DType::float32, {3, 40, 6})
                                                   .initializer(tensor<float>("small", {}, {0.25F}))
                                                   .node(transpose("k", "kt", {0, 2, 1}))
                                                   .node(NodeBuilder("Mul", {"q", "small"}, {"qs"}))
                                                   .node(NodeBuilder("Mul", {"small", "kt"}, {"ks"}))
                                                   .node(NodeBuilder("MatMul", {"qs", "ks"}, {"qk"}))
                                                   .node(NodeBuilder("Softmax", {"qk"}, {"w"}).attribute("axis", std::int64_t{2}))
                                                   .node(NodeBuilder("MatMul", {"w", "v"}, {"y"}))
                                                   .output("y")));
  CHECK(join_ops(result) == "hone.ScaledAttention");
  CHECK(result.error < 1e-5);
}

TEST_CASE("weights that are seen, or sum to 1 along another axis, stay") {
  const Rewritten shown = rewritten(model(17, finished(heads().node(NodeBuilder("MatMul", {"qh", "kt"}, {"qk"})), "qk").output("w")));
  CHECK(!shown.has_fired("fuse_attention"));
  CHECK(shown.error < 1e-5);
  const Rewritten other = rewritten(model(17, finished(heads().node(NodeBuilder("MatMul", {"qh", "kt"}, {"qk"})), "qk", 2)));
  CHECK(!other.has_fired("fuse_attention"));
  CHECK(other.error < 1e-5);
}

TEST_CASE("a transpose that moves the last dimension stays") {
  const Rewritten result = rewritten(model(17, heads()
                                                   .node(NodeBuilder("MatMul", {"qh", "kt"}, {"qk"}))
                                                   .node(NodeBuilder("Softmax", {"qk"}, {"w"}))
                                                   .node(NodeBuilder("MatMul", {"w", "vh"}, {"yh"}))
                                                   .node(transpose("yh", "y", {0, 1, 3, 2}))
                                                   .output("y")));
  CHECK(join_ops(result) == "hone.ScaledAttention Transpose");
  CHECK(result.error < 1e-5);
}

TEST_CASE("a Transpose that is none is left to its own error") {
  for (const Dims& perm : {Dims{0, 2, 3, 9}, Dims{0, 2, -1, 1}, Dims{0, 2, 2, 1}}) {
    const auto proto = model(17, finished(GraphBuilder()
                                              .input("qh", DType::float32, {2, 3, 5, 4})
                                              .input("k", DType::float32, {2, 7, 3, 4})
                                              .input("vh", DType::float32, {2, 3, 7, 4})
                                              .node(transpose("k", "kt", perm))
                                              .node(NodeBuilder("MatMul", {"qh", "kt"}, {"scores"})),
                                          "scores"));
    const hone::Session session(proto);
    const hone::Tensor<float> q({2, 3, 5, 4});
    const hone::Tensor<float> k({2, 7, 3, 4});
    const hone::Tensor<float> v({2, 3, 7, 4});
    const std::string error = error_of([&] { (void)session.run({{"qh", q}, {"k", k}, {"vh", v}}); });
    CAPTURE(error);
    CHECK(contains(error, "(Transpose"));
  }
}

}  // namespace fuse_attention_test
