#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/ops/gather.hpp>
#include <hone/ops/slice.hpp>
#include <hone/ops/split.hpp>
#include <hone/ops/squeeze.hpp>
#include <hone/rewrites/data_flow.hpp>
#include <hone/rewrites/piece.hpp>

namespace hone::inline HONE_ABI::rewrites {

/// Gathers of one constant index each, and Slices of step 1, that together take every element of an axis of one value, each of them once,
/// become one Split, with a Squeeze where a Gather drops the axis. That is how exporters write unbind, chunk and split. The size of the
/// axis must be known; values that do not vary between runs are left to shape arithmetic.
struct MergeIntoSplit {
  static constexpr std::string_view name = "merge_into_split";

  [[nodiscard]] std::optional<Patch> operator()(const DataFlow& flow, std::size_t at) const {
    const Node& node = flow.node(at);
    if (!cuts(node)) return std::nullopt;
    const ValueId x = node.inputs[0];
    const auto own = flow.varies(x) ? read_piece(flow, node.outputs[0]) : std::nullopt;
    if (!own || !(*flow.dims(x))[own->axis].is_number()) return std::nullopt;
    std::vector<Cut> cuts_of_axis;
    for (const std::size_t user : flow.users(x)) {
      const Node& other = flow.node(user);
      const auto piece = cuts(other) && other.inputs[0] == x ? read_piece(flow, other.outputs[0]) : std::nullopt;
      if (!piece || piece->axis != own->axis) continue;
      if (user < at) return std::nullopt;  // that one has been asked: all of them go to the place of the first
      cuts_of_axis.push_back({*piece, user});
    }
    std::sort(cuts_of_axis.begin(), cuts_of_axis.end(), [](const Cut& a, const Cut& b) { return a.piece.first < b.piece.first; });
    std::int64_t next = 0;
    for (const Cut& cut : cuts_of_axis) {
      if (cut.piece.first != next) return std::nullopt;
      next += cut.piece.count;
    }
    if (cuts_of_axis.size() < 2 || next != (*flow.dims(x))[own->axis].number) return std::nullopt;
    return split(flow, at, x, cuts_of_axis);
  }

 private:
  struct Cut {
    Piece piece;
    std::size_t node;
  };

  [[nodiscard]] static bool cuts(const Node& node) noexcept {
    return node.as<ops::Gather>() != nullptr || node.as<ops::Slice>() != nullptr;
  }

  static Patch split(const DataFlow& flow, std::size_t at, ValueId x, const std::vector<Cut>& cuts_of_axis) {
    const Node& node = flow.node(at);
    const auto axis = static_cast<std::int64_t>(cuts_of_axis[0].piece.axis);
    Patch patch;
    std::vector<std::int64_t> sizes;
    for (const Cut& cut : cuts_of_axis) sizes.push_back(cut.piece.count);
    const ValueId sizes_id = patch.add_value(flow.graph(), list_constant(node.name + "/sizes", sizes));
    const ValueId axis_id = patch.add_value(flow.graph(), list_constant(node.name + "/axis", {axis}));
    const auto made = [&](const Cut& cut, const char* suffix) {
      return patch.add_value(flow.graph(), made_value(flow.node(cut.node).name + suffix, flow[x].type));
    };
    std::vector<ValueId> parts;
    std::vector<Node> squeezes;
    for (const Cut& cut : cuts_of_axis) {
      const Node& old = flow.node(cut.node);
      // The values of other nodes are theirs until the patch is applied.
      const ValueId result = cut.node == at ? old.outputs[0] : made(cut, "/piece");
      if (cut.node != at) {
        patch.replacements.emplace_back(old.outputs[0], result);
        patch.absorbed.push_back(&old);
      }
      parts.push_back(cut.piece.squeezed ? made(cut, "/part") : result);
      if (cut.piece.squeezed) squeezes.push_back(make_node(old, ops::Squeeze{}, {}, {parts.back(), axis_id}, {result}));
    }
    ops::Split op;
    op.axis = axis;
    patch.nodes.push_back(make_node(node, op, {{"axis", axis}}, {x, sizes_id}, std::move(parts)));
    for (Node& squeeze : squeezes) patch.nodes.push_back(std::move(squeeze));
    return patch;
  }
};

}  // namespace hone::inline HONE_ABI::rewrites
