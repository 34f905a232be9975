#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/ops/transpose.hpp>
#include <hone/rewrites/data_flow.hpp>

namespace hone::inline HONE_ABI::rewrites {

/// Transpose of a Transpose becomes one Transpose; eliminate_no_ops takes it away where the two cancel.
struct MergeTransposes {
  static constexpr std::string_view name = "merge_transposes";

  [[nodiscard]] std::optional<Patch> operator()(const DataFlow& flow, std::size_t at) const {
    const Node& outer = flow.node(at);
    const auto* second = outer.as<ops::Transpose>();
    if (second == nullptr || !second->perm) return std::nullopt;
    const Node* inner = flow.made_by<ops::Transpose>(outer.inputs[0]);
    const auto* first = inner != nullptr ? inner->as<ops::Transpose>() : nullptr;
    if (first == nullptr || !first->perm || first->perm->size() != second->perm->size()) return std::nullopt;
    std::vector<std::int64_t> perm;
    for (const std::int64_t axis : *second->perm) {
      if (axis < 0 || axis >= static_cast<std::int64_t>(first->perm->size())) return std::nullopt;
      perm.push_back((*first->perm)[static_cast<std::size_t>(axis)]);
    }
    Patch patch;
    ops::Transpose op;
    op.perm = perm;
    patch.nodes.push_back(make_node(outer, std::move(op), {{"perm", perm}}, {inner->inputs[0]}, {outer.outputs[0]}));
    if (flow.used_once(outer.inputs[0])) patch.absorbed.push_back(inner);
    return patch;
  }
};

}  // namespace hone::inline HONE_ABI::rewrites
