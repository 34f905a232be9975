#pragma once

#include <algorithm>
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
#include <hone/ops/transpose.hpp>
#include <hone/rewrites/data_flow.hpp>

namespace hone::inline HONE_ABI::rewrites {

/// Nodes that give their first input back become that input: Identity, Dropout outside of training, Cast to the same type, x + 0, x - 0,
/// x * 1, x / 1, x ^ 1, Transpose that keeps the order, Pad by nothing, and Concat, Sum, Max, Min and Mean of one tensor.
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
    const ValueId x = node.inputs[0];
    if (node.as<ops::Identity>() != nullptr) return x;
    if (node.as<ops::Dropout>() != nullptr) return trains(flow, node) ? no_value : x;
    if (node.as<ops::Cast>() != nullptr) return flow[x].type.is_known() && flow[x].type == flow[node.outputs[0]].type ? x : no_value;
    if (const auto* transpose = node.as<ops::Transpose>()) {
      return transpose->perm && std::is_sorted(transpose->perm->begin(), transpose->perm->end()) && ops::is_permutation(*transpose->perm)
                 ? x
                 : no_value;
    }
    if (node.as<ops::Pad>() != nullptr) return pads_nothing(flow, node) ? x : no_value;
    if (node.inputs.size() == 1) {
      const bool of_one = node.as<ops::Concat>() != nullptr || node.as<ops::Sum>() != nullptr || node.as<ops::Max>() != nullptr ||
                          node.as<ops::Min>() != nullptr || node.as<ops::Mean>() != nullptr;
      return of_one ? x : no_value;
    }
    if (is_binary<ops::Add>(node)) return with(flow, node, 1, 0) ? x : with(flow, node, 0, 0) ? node.inputs[1] : no_value;
    if (is_binary<ops::Mul>(node)) return with(flow, node, 1, 1) ? x : with(flow, node, 0, 1) ? node.inputs[1] : no_value;
    if (is_binary<ops::Sub>(node)) return with(flow, node, 1, 0) ? x : no_value;
    if (is_binary<ops::Div>(node) || is_binary<ops::Pow>(node)) return with(flow, node, 1, 1) ? x : no_value;
    return no_value;
  }
  template <class Op>
  [[nodiscard]] static bool is_binary(const Node& node) {
    const Op* op = node.as<Op>();
    return op != nullptr && !op->axis;
  }
  /// Whether input `k` of two is the floating-point number `value` and does not broaden the other one.
  [[nodiscard]] static bool with(const DataFlow& flow, const Node& node, std::size_t k, double value) {
    const std::optional<double> scalar = flow.scalar(node.inputs[k]);
    return scalar && *scalar == value && flow.is_scalar_beside(node.inputs[k], node.inputs[1 - k]);
  }
  [[nodiscard]] static bool trains(const DataFlow& flow, const Node& node) {
    if (node.inputs.size() < 3 || node.inputs[2] == no_value) return false;
    const TensorRef* mode = flow.constant(node.inputs[2]);
    return mode == nullptr || mode->elements() != 1 || *mode->as<const bool>();
  }
  [[nodiscard]] static bool pads_nothing(const DataFlow& flow, const Node& node) {
    const TensorRef* pads = node.inputs.size() > 1 ? flow.constant(node.inputs[1]) : nullptr;
    if (pads == nullptr || pads->dtype != DType::int64) return false;
    const auto* first = pads->as<const std::int64_t>();
    return std::all_of(first, first + pads->elements(), [](std::int64_t pad) { return pad == 0; });
  }
};

}  // namespace hone::inline HONE_ABI::rewrites
