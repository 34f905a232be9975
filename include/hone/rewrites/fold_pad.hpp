#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/ops/conv.hpp>
#include <hone/ops/dimensions.hpp>
#include <hone/ops/pad.hpp>
#include <hone/ops/pool.hpp>
#include <hone/rewrites/data_flow.hpp>

namespace hone::inline HONE_ABI::rewrites {

/// A Pad of the spatial dimensions by constant, non-negative pads goes into the pads of the Conv, MaxPool or AveragePool that alone uses
/// it:
///   Conv         where it pads with 0
///   MaxPool      where it pads with -infinity, or the smallest integer, and every window holds an element of x
///   AveragePool  where it pads with 0, which then counts: count_include_pad is 1, or the pool has had no padding of its own
/// auto_pad must be NOTSET or VALID.
struct FoldPad {
  static constexpr std::string_view name = "fold_pad";

  [[nodiscard]] std::optional<Patch> operator()(const DataFlow& flow, std::size_t at) const {
    const Node& node = flow.node(at);
    const auto* conv = node.as<ops::Conv>();
    const auto* max = node.as<ops::MaxPool>();
    const auto* average = node.as<ops::AveragePool>();
    if (conv == nullptr && max == nullptr && average == nullptr) return std::nullopt;
    const ValueId padded = node.inputs[0];
    const Node* pad = flow.used_once(padded) ? flow.made_by<ops::Pad>(padded) : nullptr;
    const auto more = pad != nullptr ? spatial_pads(flow, *pad) : std::nullopt;
    if (!more) return std::nullopt;
    const ops::Window& window = conv != nullptr ? conv->window : max != nullptr ? max->window : average->window;
    if (window.auto_pad == ops::Window::AutoPad::same_upper || window.auto_pad == ops::Window::AutoPad::same_lower) return std::nullopt;
    const bool unset = window.pads.empty() || window.auto_pad == ops::Window::AutoPad::valid;
    if (!unset && window.pads.size() != more->size()) return std::nullopt;
    std::vector<std::int64_t> pads = *more;
    for (std::size_t i = 0; !unset && i < pads.size(); ++i) pads[i] += window.pads[i];
    if (conv == nullptr && !pools_alike(window, *more, pads)) return std::nullopt;
    const TensorRef* value = pad->inputs.size() > 2 ? flow.constant(pad->inputs[2]) : nullptr;
    if (pad->inputs.size() > 2 && pad->inputs[2] != no_value && value == nullptr) return std::nullopt;
    if (max != nullptr ? !is_lowest(value) : !is_zero(value)) return std::nullopt;
    if (max != nullptr && node.outputs.size() > 1 && node.outputs[1] != no_value) return std::nullopt;  // indices into what is padded
    if (average != nullptr && !average->count_include_pad && pads != *more) return std::nullopt;

    Attributes attributes = with_attribute(node, "pads", std::move(pads));
    attributes.erase("auto_pad");
    if (average != nullptr) {
      attributes.erase("count_include_pad");
      attributes.set("count_include_pad", std::int64_t{1});
    }
    std::vector<ValueId> inputs = node.inputs;
    inputs[0] = pad->inputs[0];
    Patch patch;
    patch.nodes.push_back(copy_node(node, std::move(attributes), std::move(inputs), node.outputs));
    patch.absorbed.push_back(pad);
    return patch;
  }

 private:
  /// All begins, then all ends, where the Pad adds constants to spatial dimensions alone.
  static std::optional<std::vector<std::int64_t>> spatial_pads(const DataFlow& flow, const Node& pad) {
    const TensorRef* pads = flow.constant(pad.inputs[1]);
    const std::optional<std::size_t> rank = flow.rank(pad.inputs[0]);
    const bool has_axes = pad.inputs.size() > 3 && pad.inputs[3] != no_value;
    const TensorRef* axes = has_axes ? flow.constant(pad.inputs[3]) : nullptr;
    if (pad.as<ops::Pad>()->mode != ops::Pad::Mode::constant || pads == nullptr || !rank || *rank < 3 || (has_axes && axes == nullptr))
      return std::nullopt;
    const auto given = has_axes ? axes->elements() : static_cast<std::int64_t>(*rank);
    if (pads->elements() != 2 * given) return std::nullopt;
    std::vector<std::int64_t> result(2 * (*rank - 2), 0);
    for (std::int64_t i = 0; i < 2 * given; ++i) {
      const std::int64_t by = ops::integer_at(*pads, i);
      std::int64_t axis = has_axes ? ops::integer_at(*axes, i % given) : i % given;
      if (axis < 0) axis += static_cast<std::int64_t>(*rank);
      if (by == 0) continue;
      if (by < 0 || by > most || axis < 2 || axis >= static_cast<std::int64_t>(*rank)) return std::nullopt;
      result[static_cast<std::size_t>(axis) - 2 + (i < given ? 0 : *rank - 2)] += by;
    }
    return result;
  }
  /// Wider padding is left where it is.
  static constexpr std::int64_t most = std::int64_t{1} << 30;

  /// Whether every window of a pool holds elements that are no padding, and there are as many windows as before.
  static bool pools_alike(const ops::Window& window, const std::vector<std::int64_t>& more, const std::vector<std::int64_t>& pads) {
    const std::size_t rank = more.size() / 2;
    if (window.ceil_mode || window.kernel_shape.size() != rank) return false;
    for (std::size_t i = 0; i < pads.size(); ++i)
      if (pads[i] < 0 || pads[i] >= window.kernel_shape[i % rank]) return false;
    return std::all_of(window.dilations.begin(), window.dilations.end(), [](std::int64_t dilation) { return dilation == 1; });
  }

  /// No value stands for 0.
  static bool is_zero(const TensorRef* value) {
    return value == nullptr || (value->elements() == 1 && real_numbers.contains(value->dtype) && ops::number_at(*value, 0) == 0);
  }
  static bool is_lowest(const TensorRef* value) {
    if (value == nullptr || value->elements() != 1) return false;
    if (value->dtype == DType::int8) return *value->as<const std::int8_t>() == std::numeric_limits<std::int8_t>::min();
    if (value->dtype == DType::uint8) return *value->as<const std::uint8_t>() == 0;
    return real_numbers.contains(value->dtype) && !is_integral(value->dtype) &&
           ops::number_at(*value, 0) == -std::numeric_limits<double>::infinity();
  }
};

}  // namespace hone::inline HONE_ABI::rewrites
