#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/ops/binary.hpp>
#include <hone/ops/cast.hpp>
#include <hone/ops/concat.hpp>
#include <hone/ops/dimensions.hpp>
#include <hone/ops/identity.hpp>
#include <hone/ops/pad.hpp>
#include <hone/ops/reshape.hpp>
#include <hone/ops/resize.hpp>
#include <hone/ops/slice.hpp>
#include <hone/ops/split.hpp>
#include <hone/ops/squeeze.hpp>
#include <hone/ops/tile.hpp>
#include <hone/ops/transpose.hpp>
#include <hone/ops/unary.hpp>
#include <hone/ops/where.hpp>
#include <hone/rewrites/data_flow.hpp>
#include <hone/rewrites/op_families.hpp>

namespace hone::inline HONE_ABI::rewrites {

/// Nodes that give one of their inputs back become that input:
///   Identity, Dropout outside of training or of nothing, Cast and CastLike to the same type, Transpose that keeps the order, Clip without
///   bounds; Concat, Sum, Max, Min and Mean of one tensor, Split into one; Pad by nothing, Tile by ones, Resize by 1; Reshape, Flatten,
///   Squeeze, Unsqueeze, Expand and Slice to the shape that there was; Where whose condition is constant and everywhere the same; x + 0, 0
///   + x, x - 0, x * 1, 1 * x, x / 1, x ^ 1, where the constant does not broaden x.
/// As in ONNX Runtime, x + 0 counts although it makes +0 of x = -0. All others give every bit back, those of NaN too.
struct EliminateNoOps {
  static constexpr std::string_view name = "eliminate_no_ops";

  [[nodiscard]] std::optional<Patch> operator()(const DataFlow& flow, std::size_t at) const {
    const Node& node = flow.node(at);
    if (node.inputs.empty() || node.inputs[0] == no_value) return std::nullopt;
    for (std::size_t k = 1; k < node.outputs.size(); ++k)
      if (node.outputs[k] != no_value && (!flow.users(node.outputs[k]).empty() || flow.is_output(node.outputs[k]))) return std::nullopt;
    const ValueId same = same_input(flow, node);
    if (same == no_value) return std::nullopt;
    Patch patch;
    patch.replacements.emplace_back(node.outputs[0], same);
    return patch;
  }

 private:
  /// The input that output 0 equals, or no_value.
  [[nodiscard]] static ValueId same_input(const DataFlow& flow, const Node& node) {
    if (broadcasts(node)) return same_operand(flow, node);
    return gives_back(flow, node) ? node.inputs[0] : no_value;
  }

  [[nodiscard]] static ValueId same_operand(const DataFlow& flow, const Node& node) {
    const std::vector<ValueId>& in = node.inputs;
    const ValueId y = node.outputs[0];
    if (node.as<ops::Where>() != nullptr) {
      const TensorRef* condition = flow.constant(in[0]);
      if (condition == nullptr || condition->elements() == 0) return no_value;
      const bool chosen = *condition->as<const bool>();
      const ValueId x = in[chosen ? 1 : 2];
      return is_filled(condition, chosen ? 1 : 0) && flow.same_shape(x, y) ? x : no_value;
    }
    if (in.size() == 1) return in[0];  // Sum, Max, Min and Mean take any number
    const auto keeps = [&](std::size_t k, double constant) {
      return is_filled(flow.constant(in[1 - k]), constant) && (flow.is_scalar_beside(in[1 - k], in[k]) || flow.same_shape(in[k], y));
    };
    const bool adds = node.as<ops::Add>() != nullptr;
    const bool multiplies = node.as<ops::Mul>() != nullptr;
    if (adds || multiplies) return keeps(0, adds ? 0 : 1) ? in[0] : keeps(1, adds ? 0 : 1) ? in[1] : no_value;
    if (node.as<ops::Sub>() != nullptr) return keeps(0, 0) ? in[0] : no_value;
    if (node.as<ops::Div>() != nullptr || node.as<ops::Pow>() != nullptr) return keeps(0, 1) ? in[0] : no_value;
    return no_value;
  }
  /// Whether every element of a constant of real numbers or truth values is `value`.
  [[nodiscard]] static bool is_filled(const TensorRef* tensor, double value) {
    if (tensor == nullptr || (tensor->dtype != DType::boolean && !real_numbers.contains(tensor->dtype))) return false;
    for (std::int64_t i = 0; i < tensor->elements(); ++i) {
      const double element = tensor->dtype == DType::boolean ? (tensor->as<const bool>()[i] ? 1.0 : 0.0) : ops::number_at(*tensor, i);
      if (element != value) return false;
    }
    return tensor->elements() > 0;
  }

  /// Whether output 0 equals input 0.
  [[nodiscard]] static bool gives_back(const DataFlow& flow, const Node& node) {
    const ValueId x = node.inputs[0];
    const ValueId y = node.outputs[0];
    if (node.as<ops::Identity>() != nullptr) return true;
    if (node.as<ops::Dropout>() != nullptr) return !trains(flow, node);
    if (node.as<ops::Cast>() != nullptr || node.as<ops::CastLike>() != nullptr)
      return flow[x].type.is_known() && flow[x].type == flow[y].type;
    if (const auto* transpose = node.as<ops::Transpose>()) {
      if (!transpose->perm) return flow.rank(x).value_or(2) < 2;
      return std::is_sorted(transpose->perm->begin(), transpose->perm->end()) && ops::is_permutation(*transpose->perm);
    }
    if (node.as<ops::Clip>() != nullptr) {
      return std::all_of(node.inputs.begin() + 1, node.inputs.end(), [](ValueId bound) { return bound == no_value; });
    }
    if (node.as<ops::Concat>() != nullptr) return node.inputs.size() == 1;
    if (node.as<ops::Split>() != nullptr) return node.outputs.size() == 1;
    if (node.as<ops::Pad>() != nullptr) return node.inputs.size() > 1 && is_filled(flow.constant(node.inputs[1]), 0);
    if (node.as<ops::Tile>() != nullptr) return is_filled(flow.constant(node.inputs[1]), 1);
    if (const auto* resize = node.as<ops::Resize>()) return resizes_nothing(flow, node, *resize);
    if (const auto* upsample = node.as<ops::Upsample>()) return resizes_nothing(flow, node, *upsample);
    if (node.as<ops::Slice>() != nullptr) return flow.same_shape(x, y) && goes_forward(flow, node);
    const bool reshapes = node.as<ops::Reshape>() != nullptr || node.as<ops::Flatten>() != nullptr || node.as<ops::Squeeze>() != nullptr ||
                          node.as<ops::Unsqueeze>() != nullptr || node.as<ops::Expand>() != nullptr;
    return reshapes && flow.same_shape(x, y);
  }
  [[nodiscard]] static bool trains(const DataFlow& flow, const Node& node) {
    if (node.inputs.size() < 3 || node.inputs[2] == no_value || is_filled(flow.constant(node.inputs[1]), 0)) return false;
    const TensorRef* mode = flow.constant(node.inputs[2]);
    return mode == nullptr || mode->elements() != 1 || *mode->as<const bool>();
  }
  [[nodiscard]] static bool goes_forward(const DataFlow& flow, const Node& node) {
    if (node.inputs.size() < 5 || node.inputs[4] == no_value) return true;
    const TensorRef* steps = flow.constant(node.inputs[4]);
    for (std::int64_t i = 0; steps != nullptr && i < steps->elements(); ++i)
      if (ops::integer_at(*steps, i) < 0) return false;
    return steps != nullptr;
  }
  /// Scales of 1, or the sizes that there are, where every element of y then stands on one of x.
  [[nodiscard]] static bool resizes_nothing(const DataFlow& flow, const Node& node, const ops::Resize& op) {
    using Coordinates = ops::Resize::Coordinates;
    if (op.coordinates == Coordinates::tf_crop_and_resize || op.coordinates == Coordinates::tf_half_pixel_for_nn) return false;
    const auto given = [&](std::size_t k) {
      if (k >= node.inputs.size() || node.inputs[k] == no_value) return no_value;
      const SymbolicShape* list = flow.dims(node.inputs[k]);
      return list != nullptr && *list == SymbolicShape{{0}} ? no_value : node.inputs[k];
    };
    if (const ValueId scales = given(op.scales_input); scales != no_value) return is_filled(flow.constant(scales), 1);
    return flow.same_shape(node.inputs[0], node.outputs[0]);
  }
};

}  // namespace hone::inline HONE_ABI::rewrites
