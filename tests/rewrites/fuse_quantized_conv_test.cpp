#include <cstdint>
#include <initializer_list>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/rewriting.hpp"

namespace fuse_quantized_conv_test {

using namespace hone_test;
using hone::DType;
using Ops = std::vector<std::string>;

/// A tensor of random integers of [least, most].
template <class T>
onnx::TensorProto random_tensor(const std::string& name, const Dims& dims, int least, int most) {
  onnx::TensorProto proto = tensor<T>(name, dims, {});
  std::int64_t count = 1;
  for (const std::int64_t dim : dims) count *= dim;
  std::mt19937 random(static_cast<unsigned>(count));
  std::vector<T> values(static_cast<std::size_t>(count));
  for (T& value : values) value = static_cast<T>(least + static_cast<int>(random() % static_cast<unsigned>(most - least + 1)));
  proto.set_raw_data(values.data(), values.size() * sizeof(T));
  return proto;
}
inline onnx::TensorProto scales(const std::string& name, std::int64_t count) {
  onnx::TensorProto proto = tensor<float>(name, count == 1 ? Dims{} : Dims{count}, {});
  std::vector<float> values;
  for (std::int64_t i = 0; i < count; ++i) values.push_back(0.01F + 0.001F * static_cast<float>(i % 7));
  proto.set_raw_data(values.data(), values.size() * sizeof(float));
  return proto;
}

/// How a test quantizes.
struct Form {
  DType x = DType::uint8;
  DType w = DType::int8;
  int x_zero = 113;
  int w_zero = 0;
  bool per_channel = true;
  bool bias = true;
  bool relu = true;
};

template <class T>
void add_zero(GraphBuilder& graph, const std::string& name, int value) {
  graph.initializer(tensor<T>(name, {}, {static_cast<T>(value)}));
}
inline void add_zero(GraphBuilder& graph, const std::string& name, DType dtype, int value) {
  dtype == DType::uint8 ? add_zero<std::uint8_t>(graph, name, value) : add_zero<std::int8_t>(graph, name, value);
}

/// x, quantized and back, as "x_f"; weights of `dims` with `outputs` channels along `axis`, dequantized, as "w_f"; a bias as "b_f".
inline GraphBuilder quantized(const Form& form, const Dims& x, const Dims& w, std::int64_t axis, std::int64_t outputs) {
  GraphBuilder graph;
  graph.input("x", DType::float32, x);
  graph.initializer(scales("x_scale", 1)).initializer(scales("w_scale", form.per_channel ? outputs : 1)).initializer(scales("y_scale", 1));
  add_zero(graph, "x_zero", form.x, form.x_zero);
  add_zero(graph, "y_zero", form.x, form.x == DType::uint8 ? 20 : -100);
  graph.initializer(form.w == DType::int8 ? random_tensor<std::int8_t>("w", w, -127, 127) : random_tensor<std::uint8_t>("w", w, 0, 255));
  const Dims zeros = form.per_channel ? Dims{outputs} : Dims{};
  graph.initializer(form.w == DType::int8 ? random_tensor<std::int8_t>("w_zero", zeros, form.w_zero, form.w_zero)
                                          : random_tensor<std::uint8_t>("w_zero", zeros, form.w_zero, form.w_zero));
  graph.node(NodeBuilder("QuantizeLinear", {"x", "x_scale", "x_zero"}, {"x_q"}))
      .node(NodeBuilder("DequantizeLinear", {"x_q", "x_scale", "x_zero"}, {"x_f"}))
      .node(NodeBuilder("DequantizeLinear", {"w", "w_scale", "w_zero"}, {"w_f"}).attribute("axis", axis));
  if (form.bias) {
    graph.initializer(random_tensor<std::int32_t>("b", {outputs}, -5000, 5000))
        .initializer(tensor<float>("b_scale", {}, {1e-4F}))
        .node(NodeBuilder("DequantizeLinear", {"b", "b_scale"}, {"b_f"}));
  }
  return graph;
}
/// What quantizes the result "r" to "y_q" and gives it out.
inline GraphBuilder& finish(GraphBuilder& graph, const Form& form) {
  if (form.relu) graph.node(NodeBuilder("Relu", {"r"}, {"relu"}));
  return graph.node(NodeBuilder("QuantizeLinear", {form.relu ? "relu" : "r", "y_scale", "y_zero"}, {"y_q"}))
      .node(NodeBuilder("DequantizeLinear", {"y_q", "y_scale", "y_zero"}, {"y"}))
      .output("y");
}
inline bool has(const Rewritten& result, const std::string& op) {
  return std::find(result.ops.begin(), result.ops.end(), op) != result.ops.end();
}

/// One step of y, over the largest number that uint8 holds above the zero point.
constexpr double one_step = 1.01 / 127;

inline Rewritten convolution(const Form& form, const Dims& x, const Dims& w, const std::vector<std::pair<std::string, Dims>>& attributes,
                             std::int64_t group = 1) {
  GraphBuilder graph = quantized(form, x, w, 0, w[0]);
  auto inputs = std::vector<std::string>{"x_f", "w_f"};
  if (form.bias) inputs.push_back("b_f");
  auto conv = NodeBuilder("Conv", inputs, {"r"}).attribute("group", group);
  for (const auto& [name, values] : attributes) conv = std::move(conv).attribute(name, values);
  graph.node(conv);
  return rewritten(model(17, finish(graph, form)));
}

TEST_CASE("convolutions between bytes multiply bytes, in every type and with every zero point") {
  for (const DType x : {DType::uint8, DType::int8}) {
    for (const DType w : {DType::int8, DType::uint8}) {
      for (const int w_zero : {0, 3}) {
        for (const bool per_channel : {false, true}) {
          const Form form{x,           w,          x == DType::uint8 ? 113 : -7, w == DType::int8 ? w_zero : 128 + w_zero, per_channel,
                          per_channel, w_zero == 0};
          const Rewritten result = convolution(form, {1, 5, 9, 7}, {19, 5, 3, 3}, {{"pads", {1, 1, 1, 1}}});
          CAPTURE(static_cast<int>(x));
          CAPTURE(static_cast<int>(w));
          CAPTURE(w_zero);
          CHECK(has(result, "hone.ChannelsLastQLinearConv"));
          CHECK(!has(result, "Conv"));
          CHECK(result.error < one_step);
        }
      }
    }
  }
}

TEST_CASE("convolutions of every geometry") {
  const std::vector<std::vector<std::pair<std::string, Dims>>> geometries{
      {},
      {{"strides", {2, 2}}, {"pads", {1, 0, 0, 2}}},
      {{"dilations", {2, 1}}, {"pads", {2, 1, 2, 1}}},
      {{"dilations", {1, 2}}, {"strides", {1, 2}}, {"pads", {0, 1, 0, 0}}},
      {{"pads", {0, 3, 4, 0}}},
      {{"strides", {1, 3}}},
  };
  for (const auto& geometry : geometries) {
    for (const Dims& w : {Dims{20, 16, 3, 3}, Dims{70, 16, 1, 1}, Dims{3, 16, 2, 5}}) {
      for (const std::int64_t width : {8, 70}) {
        const Rewritten result = convolution({}, {2, 16, 7, width}, w, geometry);
        CAPTURE(w[0]);
        CAPTURE(width);
        CHECK(has(result, "hone.ChannelsLastQLinearConv"));
        CHECK(result.error < one_step);
      }
    }
  }
  const Rewritten line = convolution({}, {2, 6, 30}, {9, 6, 4}, {{"strides", {2}}, {"pads", {1, 2}}});
  CHECK(has(line, "hone.ChannelsLastQLinearConv"));
  CHECK(line.error < one_step);
}

TEST_CASE("depthwise convolutions multiply bytes, those of other groups stay") {
  for (const DType x : {DType::uint8, DType::int8}) {
    for (const std::int64_t channels : {5, 16, 37}) {
      const Form form{x, DType::int8, x == DType::uint8 ? 113 : -7, 0};
      const Rewritten result =
          convolution(form, {2, channels, 9, 8}, {channels, 1, 3, 3}, {{"pads", {1, 1, 1, 1}}, {"strides", {2, 1}}}, channels);
      CHECK(has(result, "hone.ChannelsLastQLinearConv"));
      CHECK(result.error < one_step);
    }
  }
  const Rewritten grouped = convolution({}, {1, 8, 5, 5}, {6, 4, 3, 3}, {}, 2);
  CHECK(!grouped.has_fired("fuse_quantized_conv"));
  CHECK(grouped.error < one_step);
}

TEST_CASE("products with constant weights are convolutions of one element") {
  const Form form;
  GraphBuilder matmul = quantized(form, {2, 5, 12}, {12, 21}, 1, 21);
  matmul.node(NodeBuilder("MatMul", {"x_f", "w_f"}, {"p"})).node(NodeBuilder("Add", {"b_f", "p"}, {"r"}));
  const Rewritten product = rewritten(model(17, finish(matmul, form)));
  CHECK(has(product, "hone.ChannelsLastQLinearConv"));
  CHECK(product.error < one_step);

  GraphBuilder gemm = quantized(form, {5, 12}, {21, 12}, 0, 21);
  gemm.node(NodeBuilder("Gemm", {"x_f", "w_f", "b_f"}, {"r"}).attribute("transB", std::int64_t{1}));
  const Rewritten transposed = rewritten(model(17, finish(gemm, form)));
  CHECK(has(transposed, "hone.ChannelsLastQLinearConv"));
  CHECK(transposed.error < one_step);

  GraphBuilder scaled = quantized(form, {5, 12}, {21, 12}, 0, 21);
  scaled.node(NodeBuilder("Gemm", {"x_f", "w_f", "b_f"}, {"r"}).attribute("transB", std::int64_t{1}).attribute("alpha", 0.5F));
  const Rewritten other = rewritten(model(17, finish(scaled, form)));
  CHECK(!other.has_fired("fuse_quantized_conv"));
  CHECK(other.error < one_step);
}

TEST_CASE("what others read stays, and so does what is not quantized") {
  const Form form;
  const Dims w{8, 6, 1, 1};
  GraphBuilder shown = quantized(form, {1, 6, 4, 4}, w, 0, 8);
  shown.node(NodeBuilder("Conv", {"x_f", "w_f", "b_f"}, {"r"})).output("r");
  const Rewritten both = rewritten(model(17, finish(shown, form)));
  CHECK(!both.has_fired("fuse_quantized_conv"));
  CHECK(both.error < one_step);

  GraphBuilder plain = quantized(form, {1, 6, 4, 4}, w, 0, 8);
  plain.node(NodeBuilder("Conv", {"x", "w_f", "b_f"}, {"r"}));
  const Rewritten floats = rewritten(model(17, finish(plain, form)));
  CHECK(!floats.has_fired("fuse_quantized_conv"));
  CHECK(floats.error < one_step);
}

TEST_CASE("between convolutions no element is transposed, and the greatest of a window is one of bytes") {
  const Form form;
  GraphBuilder graph = quantized(form, {1, 6, 8, 8}, {16, 6, 3, 3}, 0, 16);
  graph.node(NodeBuilder("Conv", {"x_f", "w_f", "b_f"}, {"c"}))
      .node(NodeBuilder("Relu", {"c"}, {"c_relu"}))
      .node(NodeBuilder("MaxPool", {"c_relu"}, {"m"}).attribute("kernel_shape", Dims{2, 2}).attribute("strides", Dims{2, 1}))
      .node(NodeBuilder("QuantizeLinear", {"m", "y_scale", "y_zero"}, {"m_q"}))
      .node(NodeBuilder("DequantizeLinear", {"m_q", "y_scale", "y_zero"}, {"m_f"}))
      .initializer(random_tensor<std::int8_t>("v", {16, 16, 1, 1}, -127, 127))
      .node(NodeBuilder("DequantizeLinear", {"v", "y_scale"}, {"v_f"}))
      .node(NodeBuilder("Conv", {"m_f", "v_f"}, {"k"}))
      .node(NodeBuilder("QuantizeLinear", {"k", "y_scale", "y_zero"}, {"k_q"}))
      .node(NodeBuilder("DequantizeLinear", {"k_q", "y_scale", "y_zero"}, {"k_f"}))
      .node(NodeBuilder("Add", {"k_f", "m_f"}, {"r"}));
  const Rewritten result = rewritten(model(17, finish(graph, form)));
  CHECK(has(result, "hone.ChannelsLastMaxPool"));
  CHECK(std::count(result.ops.begin(), result.ops.end(), "hone.ChannelsLastQLinearConv") == 2);
  CHECK(std::count(result.ops.begin(), result.ops.end(), "Transpose") == 2);
  CHECK(result.error < 2 * one_step);
}

TEST_CASE("QLinearConv computes as what it stands for") {
  GraphBuilder graph = quantized({}, {1, 6, 8, 8}, {16, 6, 3, 3}, 0, 16);
  graph.node(NodeBuilder("QLinearConv", {"x_q", "x_scale", "x_zero", "w", "w_scale", "w_zero", "y_scale", "y_zero"}, {"y_q"}))
      .node(NodeBuilder("DequantizeLinear", {"y_q", "y_scale", "y_zero"}, {"y"}))
      .output("y");
  const Rewritten result = rewritten(model(17, graph));
  CHECK(has(result, "hone.ChannelsLastQLinearConv"));
  CHECK(result.error < one_step);
}

}  // namespace fuse_quantized_conv_test
