#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/ops/channels_last.hpp>
#include <hone/ops/conv.hpp>
#include <hone/ops/gemm.hpp>
#include <hone/ops/matmul.hpp>
#include <hone/ops/squeeze.hpp>
#include <hone/ops/unary.hpp>
#include <hone/rewrites/byte_quantization.hpp>
#include <hone/rewrites/data_flow.hpp>
#include <hone/rewrites/pattern.hpp>
#include <hone/rewrites/permutation.hpp>

namespace hone::inline HONE_ABI::rewrites {

/// Convolutions and products with constant weights between a DequantizeLinear and a QuantizeLinear multiply bytes, channels last:
///   QuantizeLinear(Relu(Conv(DequantizeLinear(x), DequantizeLinear(w), bias)))  Transpose(ChannelsLastQLinearConv(Transpose(x), w))
///   the same with MatMul or Gemm                                                ChannelsLastQLinearConv of one dimension
///   QLinearConv                                                                 as the first
///   MaxPool of bytes that are transposed so                                     ChannelsLastMaxPool
/// push_transposes moves the Transposes to where two cancel.
struct FuseQuantizedConv {
  static constexpr std::string_view name = "fuse_quantized_conv";

  [[nodiscard]] std::optional<Patch> operator()(const DataFlow& flow, std::size_t at) const {
    const Node& node = flow.node(at);
    if (const auto* op = node.as<ops::QLinearConv>()) return read_qlinear_conv(flow, node, *op);
    if (node.as<ops::MaxPool>() != nullptr) return pool(flow, node);
    return fuse(flow, node);
  }

 private:
  using At = ops::QuantizedInputs;

  /// The parts of a quantized convolution or product.
  struct Parts {
    ops::ChannelsLastQLinearConv op;
    Attributes attributes;
    ByteQuantizer x;
    ByteQuantizer w;
    ByteQuantizer y;
    ValueId bias = no_value;  ///< an int32 in units of the product of both scales
  };

  [[nodiscard]] static std::optional<Patch> fuse(const DataFlow& flow, const Node& node) {
    const auto y = quantizer(flow, &node);
    if (!y) return std::nullopt;
    Pattern pattern(flow);
    Parts parts;
    parts.y = *y;
    ValueId result = y->x;
    if (const Node* relu = pattern.take<ops::Relu>(result)) {
      parts.op.relu = true;
      result = relu->inputs[0];
    } else if (const Node* clip = pattern.take<ops::Clip>(result)) {
      if (!clips_as_relu(flow, *clip, *y)) return std::nullopt;
      parts.op.relu = true;
      result = clip->inputs[0];
    }
    if (const Node* conv = pattern.take<ops::Conv>(result)) return fuse_conv(flow, node, *conv, std::move(parts), pattern);
    const Node* product = pattern.take<ops::Gemm>(result);
    if (product == nullptr) product = pattern.take<ops::MatMul>(result);
    ValueId bias = no_value;
    if (product == nullptr) {
      const Node* add = pattern.take<ops::Add>(result);
      for (const std::size_t k : {0, 1}) {
        if (add == nullptr || product != nullptr || !is_parameter(flow, add->inputs[1 - k])) continue;
        product = pattern.take<ops::MatMul>(add->inputs[k]);
        bias = add->inputs[1 - k];
      }
    }
    return product != nullptr ? fuse_product(flow, node, *product, bias, std::move(parts), pattern) : std::nullopt;
  }

  [[nodiscard]] static std::optional<Patch> fuse_conv(const DataFlow& flow, const Node& node, const Node& conv, Parts parts,
                                                      Pattern& pattern) {
    const auto x = dequantizer(flow, flow.producer(conv.inputs[0]));
    const auto w = dequantizer(flow, flow.producer(conv.inputs[1]));
    const TensorRef* weights = w ? flow.constant(w->x) : nullptr;
    if (!x || !x->one_scale || weights == nullptr || (!w->one_scale && w->axis != 0)) return std::nullopt;
    const auto& op = *conv.as<ops::Conv>();
    if (!takes(weights->shape, op.group)) return std::nullopt;
    parts.x = *x;
    parts.w = *w;
    parts.op.product = op;
    parts.attributes = conv.attributes;
    Patch patch;
    if (conv.inputs.size() > 2 && conv.inputs[2] != no_value) {
      parts.bias = integer_bias(flow, conv.inputs[2], weights->shape[0], parts, patch);
      if (parts.bias == no_value) return std::nullopt;
    }
    patch.absorbed = std::move(pattern.absorbed());
    return finish(flow, node, std::move(parts), weights->shape.rank(), std::move(patch));
  }

  /// Of several groups only depthwise convolutions, in one or two dimensions.
  [[nodiscard]] static bool takes(const Shape& w, std::int64_t group) {
    return (w.rank() == 3 || w.rank() == 4) && (group == 1 || (w[1] == 1 && w[0] == group));
  }

  /// x (rows, K) w (K, N), or x of three dimensions: a convolution of one dimension whose kernel is one element.
  [[nodiscard]] static std::optional<Patch> fuse_product(const DataFlow& flow, const Node& node, const Node& product, ValueId bias,
                                                         Parts parts, Pattern& pattern) {
    const auto* gemm = product.as<ops::Gemm>();
    if (gemm != nullptr && (gemm->alpha != 1 || gemm->trans_a || (product.inputs.size() > 2 && gemm->beta != 1))) return std::nullopt;
    const auto x = dequantizer(flow, flow.producer(product.inputs[0]));
    const auto w = dequantizer(flow, flow.producer(product.inputs[1]));
    const TensorRef* weights = w ? flow.constant(w->x) : nullptr;
    const std::optional<std::size_t> rank = flow.rank(product.inputs[0]);
    if (!x || !x->one_scale || weights == nullptr || weights->shape.rank() != 2 || !rank || (*rank != 2 && *rank != 3)) return std::nullopt;
    const bool transposed = gemm != nullptr && gemm->trans_b;
    if (!w->one_scale && (w->axis + 2) % 2 != (transposed ? 0 : 1)) return std::nullopt;
    const std::int64_t depth = weights->shape[transposed ? 1 : 0];
    const std::int64_t outputs = weights->shape[transposed ? 0 : 1];
    if (depth == 0 || outputs == 0) return std::nullopt;
    parts.x = *x;
    parts.w = *w;
    Patch patch;
    if (gemm != nullptr && product.inputs.size() > 2) bias = product.inputs[2];
    if (bias != no_value) {
      parts.bias = integer_bias(flow, bias, outputs, parts, patch);
      if (parts.bias == no_value) return std::nullopt;
    }
    const auto* from = weights->as<const std::uint8_t>();
    GraphValue value = constant_value<std::uint8_t>(flow[w->x].name + "/rows", {outputs, depth, 1}, [&](std::uint8_t* to) {
      for (std::int64_t j = 0; j < outputs; ++j)
        for (std::int64_t i = 0; i < depth; ++i) *to++ = transposed ? from[j * depth + i] : from[i * outputs + j];
    });
    value.type = Type(weights->dtype);
    value.constant->tensor.dtype = weights->dtype;
    parts.w.x = patch.add_value(flow.graph(), std::move(value));
    patch.absorbed = std::move(pattern.absorbed());
    if (*rank == 3) {
      add_conv(node, parts, parts.x.x, node.outputs[0], flow, patch);
      return patch;
    }
    const ValueId axes = patch.add_value(flow.graph(), list_constant(node.name + "/axes", {0}));
    const ValueId rows = patch.add_value(flow.graph(), made_value(flow[parts.x.x].name + "/rows", Type(parts.x.dtype)));
    const ValueId made = patch.add_value(flow.graph(), made_value(flow[node.outputs[0]].name + "/rows", Type(parts.y.dtype)));
    patch.nodes.push_back(make_node(node, ops::Unsqueeze{}, {}, {parts.x.x, axes}, {rows}));
    add_conv(node, parts, rows, made, flow, patch);
    patch.nodes.push_back(make_node(node, ops::Squeeze{}, {}, {made, axes}, {node.outputs[0]}));
    return patch;
  }

  [[nodiscard]] static std::optional<Patch> read_qlinear_conv(const DataFlow& flow, const Node& node, const ops::QLinearConv& op) {
    const TensorRef* weights = flow.constant(node.inputs[At(op.at).b]);
    if (weights == nullptr || !takes(weights->shape, op.product.group)) return std::nullopt;
    Parts parts;
    static_cast<ops::QLinearConv&>(parts.op) = op;
    parts.attributes = node.attributes;
    const auto read = [&](std::size_t x, std::size_t scale, std::size_t zero, ByteQuantizer& q) {
      q = {node.inputs[x], node.inputs[scale], node.inputs[zero], flow[node.inputs[zero]].type.dtype};
      const TensorRef* scales = flow.constant(q.scale);
      q.one_scale = scales != nullptr && scales->elements() == 1;
      return scales != nullptr && scales->dtype == DType::float32 && is_byte(q.dtype) && flow.constant(q.zero) != nullptr;
    };
    if (!read(op.at.a, op.at.a_scale, op.at.a_zero, parts.x) || !read(op.at.b, op.at.b_scale, op.at.b_zero, parts.w) ||
        !read(op.at.y_zero, op.at.y_scale, op.at.y_zero, parts.y) || !parts.x.one_scale || !parts.y.one_scale) {
      return std::nullopt;
    }
    if (node.inputs.size() > op.at.bias) parts.bias = node.inputs[op.at.bias];
    if (parts.bias != no_value && flow.constant(parts.bias) == nullptr) return std::nullopt;
    return finish(flow, node, std::move(parts), weights->shape.rank(), {});
  }

  /// The convolution between its Transposes.
  [[nodiscard]] static std::optional<Patch> finish(const DataFlow& flow, const Node& node, Parts parts, std::size_t rank, Patch patch) {
    Permutation last{0};
    Permutation first{0, static_cast<std::int64_t>(rank) - 1};
    for (std::size_t i = 2; i < rank; ++i) {
      last.push_back(static_cast<std::int64_t>(i));
      first.push_back(static_cast<std::int64_t>(i) - 1);
    }
    last.push_back(1);
    const ValueId x = patch.add_value(flow.graph(), made_value(flow[parts.x.x].name + "/channels_last", Type(parts.x.dtype)));
    const ValueId y = patch.add_value(flow.graph(), made_value(flow[node.outputs[0]].name + "/channels_last", Type(parts.y.dtype)));
    patch.nodes.push_back(make_transpose(node, last, parts.x.x, x));
    add_conv(node, parts, x, y, flow, patch);
    patch.nodes.push_back(make_transpose(node, first, y, node.outputs[0]));
    return patch;
  }
  static void add_conv(const Node& node, const Parts& parts, ValueId x, ValueId y, const DataFlow& flow, Patch& patch) {
    const auto zero = [&](const ByteQuantizer& q) {
      if (q.zero != no_value) return q.zero;
      GraphValue value = constant_value<std::uint8_t>(node.name + "/zero", {}, [](std::uint8_t* to) { *to = 0; });
      value.type = Type(q.dtype);
      value.constant->tensor.dtype = q.dtype;
      return patch.add_value(flow.graph(), std::move(value));
    };
    Attributes attributes = parts.attributes;
    attributes.set("relu", std::int64_t{parts.op.relu ? 1 : 0});
    std::vector<ValueId> inputs{
        x, parts.x.scale, zero(parts.x), parts.w.x, parts.w.scale, zero(parts.w), parts.y.scale, zero(parts.y), parts.bias};
    patch.nodes.push_back(make_node(node, parts.op, std::move(attributes), std::move(inputs), {y}));
  }

  /// Clip that quantization continues: from 0 to what is no less than the greatest number that y holds.
  [[nodiscard]] static bool clips_as_relu(const DataFlow& flow, const Node& clip, const ByteQuantizer& y) {
    const auto bound = [&](std::size_t k) { return clip.inputs.size() > k ? flow.scalar(clip.inputs[k]) : std::nullopt; };
    const auto least = bound(1);
    if (!least || *least != 0) return false;
    if (clip.inputs.size() < 3 || clip.inputs[2] == no_value) return true;
    const auto most = bound(2);
    const double largest = (y.dtype == DType::uint8 ? 255 : 127) - static_cast<double>(zero_point(flow, y));
    return most && *most >= (largest - 0.5) * *flow.scalar(y.scale);
  }

  /// Whether the value is a constant, or made of one by DequantizeLinear.
  [[nodiscard]] static bool is_parameter(const DataFlow& flow, ValueId id) {
    if (flow.constant(id) != nullptr) return true;
    const Node* maker = flow.made_by<ops::DequantizeLinear>(id);
    return maker != nullptr && flow.constant(maker->inputs[0]) != nullptr;
  }
  /// A bias, one number for each output, in units of the scales of x and w; no_value where it is none, or does not fit an int32.
  [[nodiscard]] static ValueId integer_bias(const DataFlow& flow, ValueId bias, std::int64_t outputs, const Parts& parts, Patch& patch) {
    const TensorRef* numbers = flow.constant(bias);
    double scale = 1;
    const TensorRef* scales = nullptr;
    const TensorRef* zeros = nullptr;
    if (const Node* maker = flow.made_by<ops::DequantizeLinear>(bias); numbers == nullptr && maker != nullptr) {
      numbers = flow.constant(maker->inputs[0]);
      scales = flow.constant(maker->inputs[1]);
      zeros = maker->inputs.size() > 2 ? flow.constant(maker->inputs[2]) : nullptr;
      const bool several = scales != nullptr && scales->elements() != 1;
      if (scales == nullptr || (several && scales->elements() != outputs) || maker->as<ops::DequantizeLinear>()->block_size != 0 ||
          (maker->inputs.size() > 2 && maker->inputs[2] != no_value && zeros == nullptr)) {
        return no_value;
      }
    }
    if (numbers == nullptr || numbers->elements() != outputs || (numbers->shape.rank() > 0 && numbers->shape.back() != outputs))
      return no_value;
    const TensorRef& w_scale = *flow.constant(parts.w.scale);
    const auto element = [](const TensorRef* tensor, std::int64_t i) { return ops::number_at(*tensor, tensor->elements() == 1 ? 0 : i); };
    std::vector<double> result;
    for (std::int64_t j = 0; j < outputs; ++j) {
      if (scales != nullptr) scale = element(scales, j);
      const double value = (ops::number_at(*numbers, j) - (zeros != nullptr ? element(zeros, j) : 0)) * scale;
      result.push_back(std::nearbyint(value / (*flow.scalar(parts.x.scale) * element(&w_scale, j))));
      if (!(std::abs(result.back()) < 0x1p30)) return no_value;
    }
    return patch.add_value(flow.graph(), constant_value<std::int32_t>(flow[bias].name + "/integer", {outputs}, [&](std::int32_t* to) {
                             std::transform(result.begin(), result.end(), to, [](double v) { return static_cast<std::int32_t>(v); });
                           }));
  }

  [[nodiscard]] static std::optional<Patch> pool(const DataFlow& flow, const Node& node) {
    const auto& op = *node.as<ops::MaxPool>();
    const Node* transpose = flow.made_by<ops::Transpose>(node.inputs[0]);
    const auto perm = transpose != nullptr ? permutation(flow, *transpose) : std::nullopt;
    const Permutation channels_first{0, 3, 1, 2};
    if (!is_byte(flow[node.inputs[0]].type.dtype) || node.outputs.size() != 1 || perm != channels_first) return std::nullopt;
    ops::ChannelsLastMaxPool pool;
    static_cast<ops::Pool&>(pool) = op;
    Attributes attributes = node.attributes;
    attributes.erase("storage_order");
    Patch patch;
    const ValueId y = patch.add_value(flow.graph(), made_value(flow[node.outputs[0]].name + "/channels_last", flow[node.outputs[0]].type));
    patch.nodes.push_back(make_node(node, pool, std::move(attributes), {transpose->inputs[0]}, {y}));
    patch.nodes.push_back(make_transpose(node, channels_first, y, node.outputs[0]));
    return patch;
  }
};

}  // namespace hone::inline HONE_ABI::rewrites
