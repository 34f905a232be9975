#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>

#include <hone/config.hpp>
#include <hone/ops/reshape.hpp>
#include <hone/ops/transpose.hpp>
#include <hone/rewrites/data_flow.hpp>
#include <hone/rewrites/permutation.hpp>

namespace hone::inline HONE_ABI::rewrites {

/// Transpose of a Transpose becomes one Transpose; eliminate_no_ops takes it away where the two cancel. A Transpose that has none beside it
/// and moves but dimensions of 1 becomes a Reshape, which moves nothing.
struct MergeTransposes {
  static constexpr std::string_view name = "merge_transposes";

  [[nodiscard]] std::optional<Patch> operator()(const DataFlow& flow, std::size_t at) const {
    const Node& outer = flow.node(at);
    if (outer.as<ops::Transpose>() == nullptr) return std::nullopt;
    const Node* inner = flow.made_by<ops::Transpose>(outer.inputs[0]);
    if (inner == nullptr) return reshape(flow, outer);
    const auto first = permutation(flow, *inner);
    const auto second = permutation(flow, outer);
    if (!first || !second || first->size() != second->size()) return std::nullopt;
    Patch patch;
    patch.nodes.push_back(make_transpose(outer, composed(*first, *second), inner->inputs[0], outer.outputs[0]));
    if (flow.used_once(outer.inputs[0])) patch.absorbed.push_back(inner);
    return patch;
  }

 private:
  static std::optional<Patch> reshape(const DataFlow& flow, const Node& node) {
    const auto perm = permutation(flow, node);
    const SymbolicShape* from = flow.dims(node.inputs[0]);
    const SymbolicShape* to = flow.dims(node.outputs[0]);
    if (!perm || is_identity(*perm) || from == nullptr || to == nullptr || from->size() != perm->size()) return std::nullopt;
    if (moves_elements(*from, *perm) || is_transposed(flow, node.outputs[0])) return std::nullopt;
    const auto target = reshape_target(*from, *to);
    if (!target) return std::nullopt;
    Patch patch;
    const ValueId shape = patch.add_value(flow.graph(), list_constant(node.name + "/shape", *target));
    patch.nodes.push_back(make_node(node, ops::Reshape{}, {}, {node.inputs[0], shape}, {node.outputs[0]}));
    return patch;
  }
  /// Whether a Transpose reads the value: the two become one.
  [[nodiscard]] static bool is_transposed(const DataFlow& flow, ValueId id) {
    return std::any_of(flow.users(id).begin(), flow.users(id).end(),
                       [&](std::size_t user) { return flow.node(user).as<ops::Transpose>() != nullptr; });
  }
};

}  // namespace hone::inline HONE_ABI::rewrites
