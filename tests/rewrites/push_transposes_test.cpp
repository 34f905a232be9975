#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/rewriting.hpp"

namespace push_transposes_test {

using namespace hone_test;
using hone::DType;
using hone::GraphOptimizationLevel;

const Dims to_nchw{0, 3, 1, 2};
const Dims to_nhwc{0, 2, 3, 1};

NodeBuilder transpose(const std::string& x, const std::string& y, const Dims& perm) {
  return NodeBuilder("Transpose", {x}, {y}).attribute("perm", perm);
}
std::ptrdiff_t transposes(const Rewritten& result) { return std::count(result.ops.begin(), result.ops.end(), "Transpose"); }
/// Chains of pointwise operators would hide what stands between the Transposes.
Rewritten extended(const GraphBuilder& graph) { return rewritten(model(17, graph), GraphOptimizationLevel::extended); }

/// Images (N, 5, 6, 2) with two convolutions that exporters of TensorFlow put between Transposes.
GraphBuilder images() {
  return GraphBuilder()
      .input("x", DType::float32, {-1, 5, 6, 2})
      .input("other", DType::float32, {-1, 5, 6, 2})
      .initializer(tensor<float>("w", {2, 2, 1, 1}, {1, 2, 3, -4}))
      .initializer(tensor<float>("bias", {2}, {0.5F, -1}))
      .initializer(tensor<float>("row", {6, 1}, {1, 2, 3, 4, 5, 6}))
      .initializer(tensor<float>("0", {}, {0}))
      .initializer(tensor<float>("6", {}, {6}))
      .initializer(tensor<std::int64_t>("plane", {2}, {1, 2}))
      .initializer(tensor<std::int64_t>("start", {2}, {1, -4}))
      .initializer(tensor<std::int64_t>("end", {2}, {4, -1}))
      .initializer(tensor<std::int64_t>("pads", {8}, {0, 1, 0, 0, 0, 0, 2, 0}));
}
GraphBuilder conv(GraphBuilder graph, const std::string& x, const std::string& y) {
  return std::move(graph)
      .node(transpose(x, x + "/nchw", to_nchw))
      .node(NodeBuilder("Conv", {x + "/nchw", "w"}, {y + "/nchw"}))
      .node(transpose(y + "/nchw", y, to_nhwc));
}

TEST_CASE("what stands between convolutions takes their layout") {
  GraphBuilder graph = conv(images(), "x", "c1");
  graph = std::move(graph).node(NodeBuilder("Add", {"bias", "c1"}, {"b1"})).node(NodeBuilder("Clip", {"b1", "0", "6"}, {"r1"}));
  graph = conv(std::move(graph), "r1", "c2");
  graph = std::move(graph).node(NodeBuilder("Mul", {"c2", "row"}, {"m2"})).node(NodeBuilder("Add", {"m2", "r1"}, {"a2"}));
  graph = conv(std::move(graph), "a2", "c3");
  const Rewritten mean =
      extended(GraphBuilder(graph)
                   .node(NodeBuilder("ReduceMean", {"c3"}, {"y"}).attribute("axes", Dims{1, 2}).attribute("keepdims", std::int64_t{0}))
                   .output("y"));
  CHECK(mean.has_fired("push_transposes"));
  CHECK(transposes(mean) == 1);  // that of the input
  CHECK(mean.error < 1e-5);
  const Rewritten image = extended(GraphBuilder(graph).node(NodeBuilder("Tanh", {"c3"}, {"y"})).output("y"));
  CHECK(transposes(image) == 2);
  CHECK(image.error < 1e-5);
}

TEST_CASE("through operators with axes") {
  for (const NodeBuilder& node :
       {NodeBuilder("Concat", {"a", "b"}, {"h"}).attribute("axis", std::int64_t{3}),
        NodeBuilder("Concat", {"a", "b"}, {"h"}).attribute("axis", std::int64_t{-3}),
        NodeBuilder("Slice", {"a", "start", "end", "plane"}, {"h"}), NodeBuilder("Pad", {"a", "pads"}, {"h"}),
        NodeBuilder("ReduceMax", {"a"}, {"h"}).attribute("axes", Dims{-1}),
        NodeBuilder("Split", {"a"}, {"h", "g"}).attribute("axis", std::int64_t{3}),
        NodeBuilder("Softmax", {"a"}, {"h"}).attribute("axis", std::int64_t{2}), NodeBuilder("Max", {"a", "b", "bias"}, {"h"})}) {
    CAPTURE(node.proto().op_type());
    const Rewritten result = extended(images()
                                          .node(transpose("x", "p", {0, 3, 2, 1}))
                                          .node(transpose("other", "q", {0, 3, 2, 1}))
                                          .node(NodeBuilder("Neg", {"p"}, {"pn"}))
                                          .node(NodeBuilder("Exp", {"q"}, {"qe"}))
                                          .node(transpose("pn", "a", {0, 3, 2, 1}))
                                          .node(transpose("qe", "b", {0, 3, 2, 1}))
                                          .node(node)
                                          .node(transpose("h", "y", {0, 3, 2, 1}))
                                          .output("y"));
    CHECK(transposes(result) <= 1);
    CHECK(result.error < 1e-6);
  }
}

TEST_CASE("through operators that drop and add dimensions") {
  const auto gone = [](const NodeBuilder& node, const Dims& back) {
    const Rewritten result = extended(images()
                                          .initializer(tensor<std::int64_t>("one", {}, {1}))
                                          .initializer(tensor<std::int64_t>("axes", {2}, {0, -2}))
                                          .node(NodeBuilder("Neg", {"x"}, {"n"}))
                                          .node(transpose("n", "a", to_nchw))
                                          .node(node)
                                          .node(transpose("h", "t", back))
                                          .node(NodeBuilder("Cast", {"t"}, {"y"}).attribute("to", std::int64_t{1}))
                                          .output("y"));
    CHECK(transposes(result) == 0);
    CHECK(result.error < 1e-5);
  };
  gone(NodeBuilder("Gather", {"a", "one"}, {"h"}).attribute("axis", std::int64_t{2}), {0, 2, 1});  // (N, C, W)
  gone(NodeBuilder("ReduceSum", {"a", "plane"}, {"h"}).attribute("keepdims", std::int64_t{0}), {0, 1});
  gone(NodeBuilder("ArgMax", {"a"}, {"h"}).attribute("axis", std::int64_t{1}).attribute("keepdims", std::int64_t{0}), {0, 1, 2});
  gone(NodeBuilder("Unsqueeze", {"a", "axes"}, {"h"}), {0, 1, 3, 5, 4, 2});
}

TEST_CASE("a Transpose stays where pushing it only moves it") {
  const Rewritten lonely = extended(images().node(transpose("x", "t", to_nchw)).node(NodeBuilder("Neg", {"t"}, {"y"})).output("y"));
  CHECK(!lonely.has_fired("push_transposes"));
  const Rewritten wider = extended(images()
                                       .node(transpose("x", "t", to_nchw))
                                       .node(NodeBuilder("Add", {"t", "o"}, {"s"}))
                                       .node(NodeBuilder("Relu", {"other"}, {"r"}))
                                       .node(transpose("r", "o", to_nchw))
                                       .node(NodeBuilder("Exp", {"t"}, {"z"}))
                                       .output("s")
                                       .output("z"));
  CHECK(wider.error < 1e-6);
  CHECK(transposes(wider) == 2);
  const Rewritten rows = extended(images()
                                      .node(transpose("x", "t", to_nchw))
                                      .node(NodeBuilder("Softmax", {"t"}, {"s"}).attribute("axis", std::int64_t{-1}))
                                      .node(transpose("s", "y", to_nhwc))
                                      .output("y"));
  CHECK(!rows.has_fired("push_transposes"));  // its rows would lie apart
  CHECK(rows.error < 1e-6);
}

TEST_CASE("dimensions of 1 stand anywhere at no cost, in either layout") {
  const Rewritten result = extended(GraphBuilder()
                                        .input("x", DType::float32, {1, 5, 1, 2})
                                        .input("z", DType::float32, {1, 2, 5, 1})
                                        .node(transpose("x", "a", to_nchw))
                                        .node(NodeBuilder("Add", {"a", "z"}, {"s"}))
                                        .node(NodeBuilder("Tanh", {"s"}, {"t"}))
                                        .node(transpose("t", "u", {2, 0, 1, 3}))
                                        .node(NodeBuilder("Mul", {"u", "u"}, {"v"}))
                                        .node(transpose("v", "w", {1, 0, 2, 3}))
                                        .node(NodeBuilder("ReduceMax", {"w"}, {"m"}).attribute("axes", Dims{1}))
                                        .node(NodeBuilder("Sub", {"w", "m"}, {"y"}))
                                        .output("y")
                                        .output("t"));
  CHECK(transposes(result) <= 3);
  CHECK(result.error < 1e-6);
}

TEST_CASE("results that others read are transposed for them") {
  const Rewritten result = extended(images()
                                        .node(NodeBuilder("Neg", {"x"}, {"n"}))
                                        .node(transpose("n", "t", to_nchw))
                                        .node(NodeBuilder("Exp", {"t"}, {"e"}))
                                        .node(NodeBuilder("ReduceMax", {"e"}, {"m"}).attribute("axes", Dims{2, 3}))
                                        .node(NodeBuilder("Sub", {"e", "m"}, {"d"}))
                                        .node(transpose("d", "y", to_nhwc))
                                        .output("y")
                                        .output("m"));
  CHECK(result.has_fired("push_transposes"));
  CHECK(transposes(result) == 0);  // a Reshape serves for the maxima
  CHECK(std::count(result.ops.begin(), result.ops.end(), "Reshape") == 1);
  CHECK(result.error < 1e-6);
}

}  // namespace push_transposes_test
