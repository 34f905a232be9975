#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <hone/providers/cpu.hpp>
#include <hone/session/session.hpp>

#include "support/model.hpp"

// Models from files may hold what rewrites never write.
namespace channels_last_test {

using namespace hone_test;
using hone::DType;
using hone::Session;
using hone::Shape;
using hone::Tensor;

struct Operands {
  Dims w{2, 3, 1, 1};
  Dims x_scale{};
  Dims w_scale{};
  Dims bias{2};
  bool constant_scale = true;
};

/// y of ChannelsLastQLinearConv on an x of twos, of scales and weights of 1 and zero points of 0.
inline std::vector<std::uint8_t> convolved(const Dims& x, const Operands& with = {},
                                           NodeBuilder node = NodeBuilder("ChannelsLastQLinearConv",
                                                                          {"x", "xs", "z", "w", "ws", "wz", "ys", "z", "b"}, {"y"},
                                                                          "hone")) {
  const auto ones = [](const std::string& name, const Dims& dims) {
    return tensor<float>(name, dims, std::vector<float>(static_cast<std::size_t>(Shape(dims).elements()), 1.0F));
  };
  GraphBuilder graph;
  graph.input("x", DType::uint8, Dims(x.size(), -1));
  if (with.constant_scale) {
    graph.initializer(ones("xs", with.x_scale));
  } else {
    graph.input("xs", DType::float32, with.x_scale);
  }
  graph.initializer(ones("ws", with.w_scale))
      .initializer(ones("ys", {}))
      .initializer(tensor<std::uint8_t>("z", {}, {0}))
      .initializer(tensor<std::int8_t>("wz", {}, {0}))
      .initializer(tensor<std::int8_t>("w", with.w, std::vector<std::int8_t>(static_cast<std::size_t>(Shape(with.w).elements()), 1)))
      .initializer(
          tensor<std::int32_t>("b", with.bias, std::vector<std::int32_t>(static_cast<std::size_t>(Shape(with.bias).elements()), 1)))
      .node(node)
      .output("y");
  onnx::ModelProto proto = model(17, graph);
  import_domain(proto, "hone");
  const Session session(proto);
  const auto outputs = session.run({{"x", Tensor<std::uint8_t>::filled(Shape(x), 2)}});
  return values_of<std::uint8_t>(outputs["y"]);
}
inline std::string problem(const Dims& x, const Operands& with = {}) {
  return error_of([&] { (void)convolved(x, with); });
}

TEST_CASE("convolutions of bytes, channels last") {
  CHECK(convolved({1, 1, 2, 3}) == std::vector<std::uint8_t>(4, 7));
  CHECK(convolved({1, 2, 3}, {.w = {2, 3, 1}}) == std::vector<std::uint8_t>(4, 7));
  // Windows over nothing but padding.
  const NodeBuilder padded = NodeBuilder("ChannelsLastQLinearConv", {"x", "xs", "z", "w", "ws", "wz", "ys", "z", "b"}, {"y"}, "hone")
                                 .attribute("pads", Dims{1, 0, 1, 0});
  CHECK(convolved({1, 0, 2, 3}, {}, padded) == std::vector<std::uint8_t>(8, 1));
  CHECK(convolved({0, 1, 2, 3}).empty());
}

TEST_CASE("convolutions of bytes that are refused") {
  CHECK(contains(problem({4, 3}), "its input has shape (4, 3); expected (N, spatial dimensions, C)"));
  CHECK(contains(problem({1, 1, 2, 4}), "do not agree on channels with group 1"));
  CHECK(contains(problem({1, 2, 3}), "expected (N, C, *) and (M, C / group, *)"));
  CHECK(contains(problem({1, 1, 2, 3}, {.bias = {3}}), "its bias has shape (3,); expected (2,)"));
  CHECK(contains(problem({1, 1, 2, 3}, {.w_scale = {5}}), "does not fit its tensor"));
  CHECK(contains(problem({1, 1, 2, 3}, {.x_scale = {3}}), "its input 1 has several elements"));
  CHECK(contains(problem({1, 1, 2, 3}, {.constant_scale = false}), "its input 1 is no constant"));
  CHECK(contains(problem({1, 1, 1, 1, 3}, {.w = {2, 3, 1, 1, 1}}), "expected one or two spatial dimensions"));
  CHECK(contains(problem({1, 20, 20, 3}, {.w = {2, 3, 17, 17}}), "is too large"));
}

/// What is wrong with a node of the domain on inputs of these types, whose dimensions only a run shows, on a run with ones of these shapes.
inline std::string problem(NodeBuilder node, const std::vector<std::pair<DType, Dims>>& inputs) {
  return error_of([&] {
    GraphBuilder graph;
    const std::vector<std::string> names{"a", "b"};
    for (std::size_t i = 0; i < inputs.size(); ++i) graph.input(names[i], inputs[i].first, Dims(inputs[i].second.size(), -1));
    onnx::ModelProto proto = model(17, graph.node(node).output("y"));
    import_domain(proto, "hone");
    const Session session(proto);
    std::vector<hone::Value> values;
    std::vector<hone::Feed> feeds;
    values.reserve(inputs.size());
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      values.push_back(hone::Value::tensor(inputs[i].first, Shape(inputs[i].second)));
      feeds.push_back({names[i], values.back()});
    }
    (void)session.run(feeds);
  });
}

TEST_CASE("pools of bytes that are refused") {
  const auto pool = [] { return NodeBuilder("ChannelsLastMaxPool", {"a"}, {"y"}, "hone"); };
  CHECK(problem(pool().attribute("kernel_shape", Dims{1, 1}), {{DType::uint8, {1, 2, 2, 3}}}) == "no error");
  CHECK(contains(problem(pool().attribute("kernel_shape", Dims{1}), {{DType::uint8, {1, 2, 3}}}), "it has not two dimensions"));
  CHECK(contains(problem(pool().attribute("kernel_shape", Dims{1, 1}), {{DType::uint8, {2, 3}}}), "expected (N, spatial dimensions, C)"));
}

TEST_CASE("pointwise operators on bytes that are refused") {
  const auto add = [](const std::vector<float>& scales, DType to) {
    return NodeBuilder("QuantizedPointwise", {"a", "b"}, {"y"}, "hone")
        .attribute("steps", std::vector<std::string>{"Add"})
        .attribute("parameters", std::vector<float>{0, 0})
        .attribute("operands", Dims{0})
        .attribute("swapped", Dims{0})
        .attribute("scales", scales)
        .attribute("zeros", std::vector<float>(scales.size(), 0.0F))
        .attribute("to", static_cast<std::int64_t>(to));
  };
  const std::vector<std::pair<DType, Dims>> bytes{{DType::uint8, {2, 3}}, {DType::int8, {2, 3}}};
  CHECK(problem(add({1, 1, 1}, DType::int8), bytes) == "no error");
  CHECK(problem(add({1, 1, 1}, DType::float32), {{DType::uint8, {2, 3}}, {DType::float32, {1}}}) == "no error");
  CHECK(contains(problem(add({1, 1, 1}, DType::int32), bytes), "the attribute 'to' is int32"));
  CHECK(contains(problem(add({1, 1}, DType::int8), bytes), "it has 2 scales for 2 inputs and an output"));
  CHECK(contains(problem(add({1, 1, 1}, DType::int8), {{DType::uint8, {2, 3}}, {DType::int8, {3}}}), "its input 1 has shape (3,)"));
  CHECK(contains(problem(add({1, 1, 1}, DType::int8), {{DType::uint8, {2, 3}}, {DType::int32, {2, 3}}}), "its input 1 has type"));
}

}  // namespace channels_last_test
