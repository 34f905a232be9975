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
#include <hone/ops/concat.hpp>
#include <hone/ops/reshape.hpp>
#include <hone/ops/slice.hpp>
#include <hone/rewrites/data_flow.hpp>
#include <hone/rewrites/permutation.hpp>
#include <hone/rewrites/symbolic_shape.hpp>

namespace hone::inline HONE_ABI::rewrites {

/// A Concat of Slices that take every b-th element of some axes of one value, from each of the b first ones on, moves all of its elements
/// once: it becomes a Transpose between two Reshapes. So are YOLO's Focus and Swin's patch merging written.
///   Concat(x[:, :, 0::2, 0::2], x[:, :, 1::2, 0::2], x[:, :, 0::2, 1::2], x[:, :, 1::2, 1::2])
///     ->  x as (N, C, H/2, 2, W/2, 2), transposed to (N, 2 of W, 2 of H, C, H/2, W/2), as (N, 4 C, H/2, W/2)
/// The sizes of those axes must be known, and nothing else may use the Slices.
struct MergeSlices {
  static constexpr std::string_view name = "merge_slices";

  [[nodiscard]] std::optional<Patch> operator()(const DataFlow& flow, std::size_t at) const {
    const Node& node = flow.node(at);
    const auto* concat = node.as<ops::Concat>();
    if (concat == nullptr || node.inputs.size() < 2) return std::nullopt;
    Patch patch;
    std::vector<Samples> pieces;
    for (const ValueId id : node.inputs) {
      auto piece = flow.used_once(id) ? read(flow, id, patch.absorbed) : std::nullopt;
      if (!piece || (!pieces.empty() && !piece->fits(pieces[0]))) return std::nullopt;
      pieces.push_back(std::move(*piece));
    }
    const ValueId x = pieces[0].of;
    const SymbolicShape& dims = *flow.dims(x);
    const auto rank = static_cast<std::int64_t>(dims.size());
    if (concat->axis < -rank || concat->axis >= rank || !flow.varies(x)) return std::nullopt;
    const auto axis = static_cast<std::size_t>(concat->axis < 0 ? concat->axis + rank : concat->axis);
    const auto order = axes_in_order(pieces);
    if (!order || pieces[0].axes[axis].step != 1 || !build(flow, node, x, pieces[0], axis, *order, patch)) return std::nullopt;
    return patch;
  }

 private:
  /// Every `step`-th element of an axis, from `start` on.
  struct Axis {
    std::int64_t start = 0;
    std::int64_t step = 1;
  };
  /// A value as elements of another one.
  struct Samples {
    ValueId of;
    std::vector<Axis> axes;

    [[nodiscard]] bool fits(const Samples& other) const {
      const auto same_step = [](const Axis& a, const Axis& b) { return a.step == b.step; };
      return of == other.of && std::equal(axes.begin(), axes.end(), other.axes.begin(), other.axes.end(), same_step);
    }
  };

  static std::optional<Samples> read(const DataFlow& flow, ValueId id, std::vector<const Node*>& slices) {
    Samples result{id, {}};
    while (const Node* slice = flow.made_by<ops::Slice>(result.of)) {
      if (!enter(flow, *slice, result.axes)) return std::nullopt;
      result.of = slice->inputs[0];
      slices.push_back(slice);
    }
    return result.axes.empty() ? std::nullopt : std::optional(std::move(result));
  }

  /// Adds what one Slice does, where that is nothing but taking every `step`-th element of axes that were whole.
  static bool enter(const DataFlow& flow, const Node& slice, std::vector<Axis>& axes) {
    const SymbolicShape* x = flow.dims(slice.inputs[0]);
    if (x == nullptr) return false;
    const TensorRef* lists[5] = {};
    for (std::size_t k = 1; k < slice.inputs.size(); ++k) {
      lists[k] = flow.constant(slice.inputs[k]);
      if (slice.inputs[k] != no_value && lists[k] == nullptr) return false;
    }
    axes.resize(x->size());
    Shape from;
    for (const SymbolicInteger& dim : *x) from.push_back(dim.is_number() ? dim.number : std::numeric_limits<std::int64_t>::max());
    try {
      const ops::Slice::Ranges ranges = ops::Slice::resolve(from, *lists[1], *lists[2], lists[3], lists[4]);
      for (std::size_t i = 0; i < x->size(); ++i) {
        const ops::Slice::Range& range = ranges[i];
        if (range.count == from[i] && range.step == 1) continue;
        if (!(*x)[i].is_number() || axes[i].step != 1 || range.step < 2 || range.start >= range.step ||
            from[i] != range.count * range.step) {
          return false;
        }
        axes[i] = {range.start, range.step};
      }
    } catch (const Error&) {
      return false;  // a run that needs the node reports what is wrong with it
    }
    return true;
  }

  /// The axes that are sampled, the one whose start changes from piece to piece last; nothing unless the pieces are all there are, in
  /// order.
  static std::optional<std::vector<std::size_t>> axes_in_order(const std::vector<Samples>& pieces) {
    std::vector<std::size_t> order;
    std::int64_t count = 1;
    for (std::size_t i = 0; i < pieces[0].axes.size(); ++i) {
      if (pieces[0].axes[i].step == 1) continue;
      order.push_back(i);
      count *= pieces[0].axes[i].step;
      if (count > static_cast<std::int64_t>(pieces.size())) return std::nullopt;
    }
    if (order.empty() || count != static_cast<std::int64_t>(pieces.size())) return std::nullopt;
    do {
      const auto is_in_place = [&](std::size_t piece) {
        auto left = static_cast<std::int64_t>(piece);
        for (std::size_t k = order.size(); k-- > 0;) {
          const Axis& axis = pieces[piece].axes[order[k]];
          if (left % axis.step != axis.start) return false;
          left /= axis.step;
        }
        return true;
      };
      std::size_t piece = 0;
      while (piece < pieces.size() && is_in_place(piece)) ++piece;
      if (piece == pieces.size()) return order;
    } while (std::next_permutation(order.begin(), order.end()));
    return std::nullopt;
  }

  static bool build(const DataFlow& flow, const Node& node, ValueId x, const Samples& samples, std::size_t axis,
                    const std::vector<std::size_t>& order, Patch& patch) {
    const SymbolicShape& dims = *flow.dims(x);
    const SymbolicShape* result = flow.dims(node.outputs[0]);
    if (result == nullptr || dims.size() + order.size() > Shape::max_rank) return false;
    SymbolicShape split;
    std::vector<std::int64_t> whole(dims.size());  // dimension of `split` that each axis becomes, its remainder being the next one
    for (std::size_t i = 0; i < dims.size(); ++i) {
      const std::int64_t step = samples.axes[i].step;
      whole[i] = static_cast<std::int64_t>(split.size());
      if (step == 1) {
        split.push_back(dims[i]);
      } else {
        split.push_back({dims[i].number / step});
        split.push_back({step});
      }
    }
    Permutation perm;
    for (std::size_t i = 0; i < dims.size(); ++i) {
      for (const std::size_t sampled : i == axis ? order : std::vector<std::size_t>{}) perm.push_back(whole[sampled] + 1);
      perm.push_back(whole[i]);
    }
    SymbolicShape moved;
    for (const std::int64_t from : perm) moved.push_back(split[static_cast<std::size_t>(from)]);
    const auto to_split = reshape_target(dims, split);
    const auto to_result = reshape_target(moved, *result);
    if (!to_split || !to_result) return false;
    const auto value = [&](const char* suffix) { return patch.add_value(flow.graph(), made_value(node.name + suffix, flow[x].type)); };
    const auto list = [&](const char* suffix, const std::vector<std::int64_t>& numbers) {
      return patch.add_value(flow.graph(), list_constant(node.name + suffix, numbers));
    };
    const ValueId split_x = value("/split");
    const ValueId moved_x = value("/moved");
    patch.nodes.push_back(make_node(node, ops::Reshape{}, {}, {x, list("/split_shape", *to_split)}, {split_x}));
    patch.nodes.push_back(make_transpose(node, perm, split_x, moved_x));
    patch.nodes.push_back(make_node(node, ops::Reshape{}, {}, {moved_x, list("/shape", *to_result)}, {node.outputs[0]}));
    return true;
  }
};

}  // namespace hone::inline HONE_ABI::rewrites
