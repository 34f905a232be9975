#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <hone/rewrites/block_channels.hpp>

#include "support/rewriting.hpp"

namespace block_channels_test {

using namespace hone_test;
using hone::DType;
using Ops = std::vector<std::string>;
using Ints = std::vector<std::int64_t>;

onnx::TensorProto weights(const std::string& name, const Ints& shape) {
  std::size_t count = 1;
  for (const std::int64_t size : shape) count *= static_cast<std::size_t>(size);
  std::mt19937 random(static_cast<unsigned>(count));
  std::normal_distribution<float> normal(0, 0.3F);
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  onnx::TensorProto proto = tensor<float>(name, shape, {});
  proto.set_raw_data(values.data(), values.size() * sizeof(float));
  return proto;
}

struct Conv {
  std::int64_t inputs = 32;
  std::int64_t outputs = 32;
  std::int64_t kernel = 3;
  Ints strides = {1, 1};
  Ints dilations = {1, 1};
  Ints pads = {1, 1, 1, 1};
  std::int64_t group = 1;
  bool bias = true;

  void add(GraphBuilder& graph, const std::string& x, const std::string& y) const {
    graph.initializer(weights(y + "_w", {outputs, inputs / group, kernel, kernel}));
    std::vector<std::string> args{x, y + "_w"};
    if (bias) {
      graph.initializer(weights(y + "_b", {outputs}));
      args.push_back(y + "_b");
    }
    graph.node(NodeBuilder("Conv", args, {y})
                   .attribute("strides", strides)
                   .attribute("dilations", dilations)
                   .attribute("pads", pads)
                   .attribute("group", group));
  }
};

/// The convolution between two pointwise ones, so that it reads and gives blocks.
Rewritten between(const Conv& conv, std::int64_t height, std::int64_t width) {
  GraphBuilder graph;
  graph.input("x", DType::float32, {2, 4, height, width});
  Conv{.inputs = 4, .outputs = conv.inputs, .kernel = 1, .pads = {0, 0, 0, 0}}.add(graph, "x", "a");
  conv.add(graph, "a", "b");
  graph.node(NodeBuilder("Relu", {"b"}, {"r"}));
  Conv{.inputs = conv.outputs, .outputs = 24, .kernel = 1, .pads = {0, 0, 0, 0}}.add(graph, "r", "y");
  graph.output("y");
  return rewritten(model(17, graph));
}

const Ops three = {"hone.BlockedConv", "hone.FusedBlockedConv", "hone.BlockedConv", "hone.UnblockChannels"};

TEST_CASE("convolutions of every geometry compute blocks") {
  const Conv cases[] = {
      {},
      {.bias = false},
      {.inputs = 17, .outputs = 40},
      {.inputs = 33, .outputs = 65, .kernel = 1, .pads = {0, 0, 0, 0}},
      {.kernel = 1, .strides = {2, 2}, .pads = {0, 0, 0, 0}},
      {.kernel = 1, .strides = {1, 3}, .pads = {1, 0, 0, 2}},
      {.inputs = 24, .kernel = 3, .strides = {2, 2}},
      {.inputs = 24, .kernel = 5, .strides = {1, 2}, .pads = {2, 1, 0, 3}},
      {.inputs = 24, .kernel = 3, .dilations = {2, 3}, .pads = {2, 3, 2, 3}},
      {.kernel = 3, .pads = {-1, 0, 0, -1}},
      {.inputs = 64, .outputs = 32, .group = 2},
      {.inputs = 48, .outputs = 96, .kernel = 1, .pads = {0, 0, 0, 0}, .group = 3},
      {.inputs = 40, .outputs = 40, .group = 40},
      {.inputs = 40, .outputs = 40, .kernel = 5, .strides = {2, 2}, .pads = {2, 2, 2, 2}, .group = 40},
      {.inputs = 19, .outputs = 19, .kernel = 3, .strides = {2, 1}, .dilations = {1, 2}, .pads = {0, 3, 2, 1}, .group = 19},
      {.inputs = 32, .outputs = 32, .kernel = 3, .pads = {4, 4, 4, 4}, .group = 32},
  };
  int number = 0;
  for (const Conv& conv : cases) {
    for (const auto& [height, width] : {std::pair<std::int64_t, std::int64_t>(7, 7), {5, 33}, {30, 19}}) {
      CAPTURE(number);
      CAPTURE(height);
      const Rewritten result = between(conv, height, width);
      CHECK(result.ops == three);
      CHECK(result.error < 1e-5);
    }
    ++number;
  }
}

TEST_CASE("tiles of Winograd's algorithm where they cost less") {
  using hone::rewrites::best_winograd_tile;
  CHECK(best_winograd_tile(64, 64, 56, 56) == 4);
  // Weights that grow fourfold cost more to read than small planes save.
  CHECK(best_winograd_tile(512, 512, 7, 7) == 0);
  CHECK(best_winograd_tile(256, 256, 14, 14) == 2);
  CHECK(best_winograd_tile(64, 64, 1, 1) == 0);
  CHECK(best_winograd_tile(3, 64, 224, 224) == 0);
  CHECK(best_winograd_tile(12, 16, 208, 208) == 4);
  CHECK(best_winograd_tile(12, 16, 208, 208, true) == 0);
  CHECK(best_winograd_tile(12, 128, 208, 208, true) == 4);
}

TEST_CASE("poolings, pointwise operators, means and concatenations pass blocks on") {
  GraphBuilder graph;
  graph.input("x", DType::float32, {-1, 3, 37, 29});
  Conv{.inputs = 3, .outputs = 32, .strides = {2, 2}}.add(graph, "x", "a");
  graph.node(NodeBuilder("MaxPool", {"a"}, {"b"}).attribute("kernel_shape", Ints{3, 3}).attribute("pads", Ints{1, 1, 1, 1}));
  graph.node(NodeBuilder("AveragePool", {"a"}, {"c"}).attribute("kernel_shape", Ints{3, 3}).attribute("pads", Ints{1, 1, 1, 1}));
  graph.node(NodeBuilder("Concat", {"b", "c"}, {"d"}).attribute("axis", std::int64_t{1}));
  graph.node(NodeBuilder("GlobalAveragePool", {"d"}, {"mean"}));
  graph.node(NodeBuilder("Sigmoid", {"mean"}, {"gate"}));
  graph.node(NodeBuilder("Mul", {"gate", "d"}, {"e"}));
  graph.initializer(weights("scale", {1, 64, 1, 1}));
  graph.node(NodeBuilder("Mul", {"e", "scale"}, {"f"}));
  graph.node(NodeBuilder("Tanh", {"f"}, {"g"}));
  Conv{.inputs = 64, .outputs = 16}.add(graph, "g", "h");
  Conv{.inputs = 64, .outputs = 16, .kernel = 1, .pads = {0, 0, 0, 0}}.add(graph, "d", "h2");
  graph.node(NodeBuilder("Add", {"h", "h2"}, {"y"}));
  graph.output("y");
  const Rewritten result = rewritten(model(17, graph));
  CHECK(result.has_fired("block_channels"));
  for (const std::string& op : result.ops) {
    CAPTURE(op);
    CHECK((op.starts_with("hone.") || op == "Concat" || op == "Sigmoid"));
    CHECK(op != "hone.BlockChannels");
  }
  CHECK(result.error < 1e-5);
}

TEST_CASE("large windows of MaxPool take the maxima of rows first") {
  struct Window {
    Ints kernel, strides, pads, dilations;
  };
  const Window windows[] = {
      {{5, 5}, {1, 1}, {2, 2, 2, 2}, {1, 1}}, {{13, 13}, {1, 1}, {6, 6, 6, 6}, {1, 1}}, {{4, 7}, {2, 3}, {0, 1, 3, 2}, {1, 1}},
      {{9, 3}, {8, 1}, {4, 0, 4, 1}, {1, 1}}, {{5, 5}, {6, 6}, {2, 2, 2, 2}, {1, 1}},   {{5, 5}, {1, 1}, {4, 4, 4, 4}, {1, 2}},
      {{5, 5}, {1, 1}, {4, 4, 4, 4}, {2, 1}},
  };
  for (const Window& window : windows) {
    CAPTURE(hone::join(window.kernel, ", "));
    GraphBuilder graph;
    graph.input("x", DType::float32, {2, 3, 21, 17});
    Conv{.inputs = 3, .outputs = 40}.add(graph, "x", "a");
    graph.node(NodeBuilder("MaxPool", {"a"}, {"b"})
                   .attribute("kernel_shape", window.kernel)
                   .attribute("strides", window.strides)
                   .attribute("pads", window.pads)
                   .attribute("dilations", window.dilations));
    Conv{.inputs = 40, .outputs = 16, .kernel = 1, .pads = {0, 0, 0, 0}}.add(graph, "b", "y");
    graph.output("y");
    const Rewritten result = rewritten(model(17, graph));
    CHECK(std::find(result.ops.begin(), result.ops.end(), "hone.BlockedMaxPool") != result.ops.end());
    CHECK(result.error < 1e-5);
  }
}

TEST_CASE("a residual is added by the store, whatever follows it") {
  for (const std::string activation : {"Relu", "Tanh", "HardSwish"}) {
    GraphBuilder graph;
    graph.input("x", DType::float32, {1, 3, 20, 20});
    Conv{.inputs = 3, .outputs = 48}.add(graph, "x", "a");
    Conv{.inputs = 48, .outputs = 48}.add(graph, "a", "b");
    graph.node(NodeBuilder("Add", {"a", "b"}, {"c"}));
    graph.node(NodeBuilder(activation, {"c"}, {"d"}));
    Conv{.inputs = 48, .outputs = 48, .kernel = 1, .pads = {0, 0, 0, 0}}.add(graph, "d", "e");
    graph.node(NodeBuilder("Add", {"e", "d"}, {"f"}));
    graph.node(NodeBuilder(activation, {"f"}, {"y"}));
    graph.output("y");
    const Rewritten result = rewritten(model(17, graph));
    CAPTURE(activation);
    CHECK(result.ops == Ops{"hone.BlockedConv", "hone.FusedBlockedConv", "hone.FusedBlockedConv", "hone.UnblockChannels"});
    // The hyperbolic tangent makes small numbers of large sums, whose rounding errors stay.
    CHECK(result.error < (activation == "Tanh" ? 1e-3 : 1e-5));
  }
}

TEST_CASE("NaN passes through the clamp of the store") {
  GraphBuilder graph;
  graph.input("x", DType::float32, {1, 2, 4, 4});
  Conv{.inputs = 2, .outputs = 16, .kernel = 1, .pads = {0, 0, 0, 0}}.add(graph, "x", "a");
  graph.node(NodeBuilder("Relu", {"a"}, {"b"}));
  Conv{.inputs = 16, .outputs = 16, .kernel = 1, .pads = {0, 0, 0, 0}}.add(graph, "b", "y");
  graph.output("y");
  const hone::Session session(model(17, graph));
  hone::Tensor<float> x({1, 2, 4, 4});
  x[5] = NAN;
  const std::vector<float> y = values_of<float>(session.run({{"x", x}})["y"]);
  for (std::size_t i = 0; i < y.size(); ++i) CHECK(std::isnan(y[i]) == (i % 16 == 5));
}

TEST_CASE("what has no blocked form stays") {
  const auto stays = [](const GraphBuilder& graph) { return !rewritten(model(17, graph)).has_fired("block_channels"); };
  GraphBuilder alone;  // no other convolution is near
  alone.input("x", DType::float32, {1, 32, 8, 8});
  Conv{}.add(alone, "x", "y");
  alone.output("y");
  CHECK(stays(alone));

  GraphBuilder varying;  // weights are no constants
  varying.input("x", DType::float32, {1, 32, 8, 8}).input("w", DType::float32, {32, 32, 3, 3});
  varying.node(NodeBuilder("Conv", {"x", "w"}, {"a"}));
  varying.node(NodeBuilder("Conv", {"a", "w"}, {"y"}));
  varying.output("y");
  CHECK(stays(varying));

  GraphBuilder groups;  // groups that are no whole blocks
  groups.input("x", DType::float32, {1, 32, 8, 8});
  Conv{.group = 4}.add(groups, "x", "a");
  Conv{.group = 4}.add(groups, "a", "y");
  groups.output("y");
  CHECK(stays(groups));
  CHECK(!rewritten(model(17, alone), hone::GraphOptimizationLevel::extended).has_fired("block_channels"));
}

TEST_CASE("planes that are outputs or that others use are made all the same") {
  GraphBuilder graph;
  graph.input("x", DType::float32, {1, 16, 9, 9});
  Conv{.inputs = 16}.add(graph, "x", "a");
  graph.node(NodeBuilder("Relu", {"a"}, {"b"}));
  Conv{}.add(graph, "b", "c");
  graph.node(NodeBuilder("Softmax", {"a"}, {"s"}).attribute("axis", std::int64_t{1}));
  graph.output("b").output("c").output("s");
  const Rewritten result = rewritten(model(17, graph));
  CHECK(result.has_fired("block_channels"));
  CHECK(result.error < 1e-5);
}

TEST_CASE("blocks are split, concatenated and resized") {
  GraphBuilder graph;
  graph.input("x", DType::float32, {2, 3, 11, 9});
  Conv{.inputs = 3, .outputs = 72}.add(graph, "x", "a");
  graph.initializer(tensor<std::int64_t>("sizes", {3}, {16, 32, 24}));
  graph.initializer(tensor<float>("scales", {4}, {1, 1, 2, 3}));
  graph.node(NodeBuilder("Split", {"a", "sizes"}, {"b", "c", "d"}).attribute("axis", std::int64_t{1}));
  graph.node(NodeBuilder("Relu", {"b"}, {"e"}));
  graph.node(NodeBuilder("Concat", {"e", "c", "d"}, {"f"}).attribute("axis", std::int64_t{-3}));
  graph.node(NodeBuilder("Resize", {"f", "", "scales"}, {"g"}));
  graph.node(NodeBuilder("Resize", {"g", "", "scales"}, {"h"}).attribute("mode", std::string("linear")));
  Conv{.inputs = 72, .outputs = 8}.add(graph, "h", "y");
  graph.output("y");
  const Rewritten result = rewritten(model(18, graph));
  CHECK(result.ops == Ops{"hone.BlockedConv", "Split", "Relu", "Concat", "Resize", "Resize", "hone.BlockedConv", "hone.UnblockChannels"});
  CHECK(result.error < 1e-5);
}

TEST_CASE("a concatenation of channels that are no whole blocks takes planes") {
  GraphBuilder graph;
  graph.input("x", DType::float32, {1, 3, 9, 9});
  Conv{.inputs = 3, .outputs = 24}.add(graph, "x", "a");
  Conv{.inputs = 24, .outputs = 24}.add(graph, "a", "b");
  graph.node(NodeBuilder("Concat", {"a", "b"}, {"c"}).attribute("axis", std::int64_t{1}));
  Conv{.inputs = 48, .outputs = 16}.add(graph, "c", "y");
  graph.output("y");
  const Rewritten result = rewritten(model(17, graph));
  CHECK(result.has_fired("block_channels"));
  CHECK(result.error < 1e-5);
}

}  // namespace block_channels_test
