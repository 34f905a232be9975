#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include <hone/config.hpp>
#include <hone/ops/transpose.hpp>
#include <hone/rewrites/data_flow.hpp>
#include <hone/rewrites/permutation.hpp>

namespace hone::inline HONE_ABI::rewrites {

/// Transpose of a Transpose becomes one Transpose; eliminate_no_ops takes it away where the two cancel.
struct MergeTransposes {
  static constexpr std::string_view name = "merge_transposes";

  [[nodiscard]] std::optional<Patch> operator()(const DataFlow& flow, std::size_t at) const {
    const Node& outer = flow.node(at);
    const Node* inner = outer.as<ops::Transpose>() != nullptr ? flow.made_by<ops::Transpose>(outer.inputs[0]) : nullptr;
    if (inner == nullptr) return std::nullopt;
    const auto first = permutation(flow, *inner);
    const auto second = permutation(flow, outer);
    if (!first || !second || first->size() != second->size()) return std::nullopt;
    Patch patch;
    patch.nodes.push_back(make_transpose(outer, composed(*first, *second), inner->inputs[0], outer.outputs[0]));
    if (flow.used_once(outer.inputs[0])) patch.absorbed.push_back(inner);
    return patch;
  }
};

}  // namespace hone::inline HONE_ABI::rewrites
