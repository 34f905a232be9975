#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

#include <hone/config.hpp>
#include <hone/ops/reshape.hpp>
#include <hone/ops/squeeze.hpp>
#include <hone/rewrites/data_flow.hpp>

namespace hone::inline HONE_ABI::rewrites {

/// Reshape, Flatten, Squeeze or Unsqueeze of the result of another of them becomes one Reshape of what that one reads, where the known
/// dimensions say to which shape; eliminate_no_ops takes it away where the two cancel.
struct MergeReshapes {
  static constexpr std::string_view name = "merge_reshapes";

  [[nodiscard]] std::optional<Patch> operator()(const DataFlow& flow, std::size_t at) const {
    const Node& outer = flow.node(at);
    if (!reshapes(outer)) return std::nullopt;
    const Node* inner = flow.producer(outer.inputs[0]);
    if (inner == nullptr || !reshapes(*inner)) return std::nullopt;
    const ValueId x = inner->inputs[0];
    Patch patch;
    if (flow.used_once(outer.inputs[0])) patch.absorbed.push_back(inner);
    if (flow.same_shape(x, outer.outputs[0])) {
      patch.replacements.emplace_back(outer.outputs[0], x);
      return patch;
    }
    const SymbolicShape* from = flow.dims(x);
    const SymbolicShape* to = flow.dims(outer.outputs[0]);
    const auto target = from != nullptr && to != nullptr ? reshape_target(*from, *to) : std::nullopt;
    if (!target) return std::nullopt;
    const ValueId shape = patch.add_value(flow.graph(), list_constant(outer.name + "/shape", *target));
    patch.nodes.push_back(make_node(outer, ops::Reshape{}, {}, {x, shape}, {outer.outputs[0]}));
    return patch;
  }

 private:
  [[nodiscard]] static bool reshapes(const Node& node) noexcept {
    return node.as<ops::Reshape>() != nullptr || node.as<ops::Flatten>() != nullptr || node.as<ops::Squeeze>() != nullptr ||
           node.as<ops::Unsqueeze>() != nullptr;
  }
};

}  // namespace hone::inline HONE_ABI::rewrites
