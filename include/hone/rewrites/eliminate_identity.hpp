#pragma once

#include <optional>
#include <string_view>

#include <hone/config.hpp>
#include <hone/ops/identity.hpp>
#include <hone/rewrites/patch.hpp>

namespace hone::inline HONE_ABI::rewrites {

/// Identity(x) becomes x.
struct EliminateIdentity {
  static constexpr std::string_view name = "eliminate_identity";

  [[nodiscard]] std::optional<Patch> operator()(const Graph& graph, std::size_t at) const {
    const Node& node = graph.nodes[at];
    if (node.as<ops::Identity>() == nullptr) return std::nullopt;
    Patch patch;
    patch.replacements.emplace_back(node.outputs[0], node.inputs[0]);
    return patch;
  }
};

}  // namespace hone::inline HONE_ABI::rewrites
