#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/ops/conv.hpp>
#include <hone/rewrites/channel_affine.hpp>
#include <hone/rewrites/data_flow.hpp>

namespace hone::inline HONE_ABI::rewrites {

/// BatchNormalization, Mul, Div, Add and Sub by constants per channel after a Conv with constant weights go into its weights and bias.
struct FoldIntoConv {
  static constexpr std::string_view name = "fold_into_conv";

  [[nodiscard]] std::optional<Patch> operator()(const DataFlow& flow, std::size_t at) const {
    const Node& node = flow.node(at);
    for (std::size_t k = 0; k < std::min<std::size_t>(node.inputs.size(), 2); ++k) {
      const ValueId x = node.inputs[k];
      const Node* conv = x != no_value && flow.used_once(x) ? flow.made_by<ops::Conv>(x) : nullptr;
      if (conv == nullptr) continue;
      const TensorRef* weights = flow.constant(conv->inputs[1]);
      const bool has_bias = conv->inputs.size() > 2 && conv->inputs[2] != no_value;
      const TensorRef* bias = has_bias ? flow.constant(conv->inputs[2]) : nullptr;
      if (weights == nullptr || weights->dtype != DType::float32 || weights->shape.rank() < 3 || (has_bias && bias == nullptr)) continue;
      const auto outputs = static_cast<std::size_t>(weights->shape[0]);
      const auto affine = read_channel_affine(flow, node, x, outputs, weights->shape.rank());
      if (!affine || !is_finite(*affine)) continue;
      return fold(flow, node, *conv, *weights, bias, *affine);
    }
    return std::nullopt;
  }

 private:
  static bool is_finite(const ChannelAffine& affine) {
    const auto finite = [](double value) { return std::isfinite(static_cast<float>(value)); };
    return std::all_of(affine.scale.begin(), affine.scale.end(), finite) && std::all_of(affine.shift.begin(), affine.shift.end(), finite);
  }

  static Patch fold(const DataFlow& flow, const Node& node, const Node& conv, const TensorRef& weights, const TensorRef* bias,
                    const ChannelAffine& affine) {
    Patch patch;
    ValueId new_weights = conv.inputs[1];
    if (std::any_of(affine.scale.begin(), affine.scale.end(), [](double scale) { return scale != 1; })) {
      new_weights =
          patch.add_value(flow.graph(), constant_value<float>(flow[conv.inputs[1]].name + "/scaled", weights.shape, [&](float* to) {
                            const auto row = static_cast<std::size_t>(weights.elements()) / affine.scale.size();
                            for (std::size_t i = 0; i < affine.scale.size() * row; ++i) {
                              to[i] = static_cast<float>(weights.as<const float>()[i] * affine.scale[i / row]);
                            }
                          }));
    }
    const auto channels = static_cast<std::int64_t>(affine.shift.size());
    const ValueId new_bias = patch.add_value(
        flow.graph(), constant_value<float>(conv.name + "/bias", Shape{channels}, [&](float* to) {
          for (std::size_t c = 0; c < affine.shift.size(); ++c) {
            to[c] = static_cast<float>((bias != nullptr ? bias->as<const float>()[c] * affine.scale[c] : 0.0) + affine.shift[c]);
          }
        }));
    patch.nodes.push_back(
        make_node(conv, *conv.as<ops::Conv>(), conv.attributes, {conv.inputs[0], new_weights, new_bias}, {node.outputs[0]}));
    patch.absorbed.push_back(&conv);
    return patch;
  }
};

}  // namespace hone::inline HONE_ABI::rewrites
