#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/ops/argmax.hpp>
#include <hone/ops/concat.hpp>
#include <hone/ops/dimensions.hpp>
#include <hone/ops/gather.hpp>
#include <hone/ops/normalization.hpp>
#include <hone/ops/pad.hpp>
#include <hone/ops/quantize.hpp>
#include <hone/ops/slice.hpp>
#include <hone/ops/softmax.hpp>
#include <hone/ops/split.hpp>
#include <hone/ops/squeeze.hpp>
#include <hone/rewrites/data_flow.hpp>
#include <hone/rewrites/op_families.hpp>
#include <hone/rewrites/permutation.hpp>

namespace hone::inline HONE_ABI::rewrites {

/// A node in another layout: for inputs x that are Transposes of x' by one perm, f(x) = Transpose(f'(x'), its own perm). f' is the operator
/// of f with these attributes and lists, which name the dimensions of x'.
struct TransposedNode {
  Attributes attributes;
  /// Inputs that are transposed; the others stay as they are, but for those in `lists`.
  std::vector<std::size_t> data;
  /// Inputs that become other lists of integers.
  std::vector<std::pair<std::size_t, std::vector<std::int64_t>>> lists = {};
  /// One per output.
  std::vector<Permutation> outputs;
  /// Dimensions of the inputs that are transposed; those of fewer are broadcast.
  std::size_t rank;
};

/// Reads nodes as TransposedNode.
class TransposedNodes {
 public:
  explicit TransposedNodes(const DataFlow& flow) : flow_(flow) {}

  /// The node for inputs transposed by `perm`; nothing for operators that know no other layout, or would be slower in it.
  [[nodiscard]] std::optional<TransposedNode> read(const Node& node, const Permutation& perm) const {
    if (node.op == nullptr || node.outputs.empty()) return std::nullopt;
    TransposedNode result{node.attributes, {0}, {}, std::vector<Permutation>(node.outputs.size(), perm), perm.size()};
    const std::size_t rank = perm.size();
    if (runs<ElementwiseOps>(node) || scales_all(node))
      return flow_.rank(node.inputs[0]) == rank ? std::optional(std::move(result)) : std::nullopt;
    if (broadcasts(node)) {
      if (flow_.rank(node.outputs[0]) != rank) return std::nullopt;
      result.data.clear();
      for (std::size_t k = 0; k < node.inputs.size(); ++k) result.data.push_back(k);
      return result;
    }
    if (flow_.rank(node.inputs[0]) != rank) return std::nullopt;
    const bool fits = along_axis(node, perm, result) || normalized(node, perm) || moved(node, perm, result) ||
                      reduced(node, perm, result) || reshaped(node, perm, result);
    return fits ? std::optional(std::move(result)) : std::nullopt;
  }

 private:
  [[nodiscard]] static std::optional<std::size_t> index_of(std::int64_t axis, std::size_t rank) {
    const auto signed_rank = static_cast<std::int64_t>(rank);
    if (axis < -signed_rank || axis >= signed_rank) return std::nullopt;
    return static_cast<std::size_t>(axis < 0 ? axis + signed_rank : axis);
  }
  /// The integers of a constant input.
  [[nodiscard]] std::optional<std::vector<std::int64_t>> list(const Node& node, std::size_t k) const {
    const TensorRef* tensor = k < node.inputs.size() ? flow_.constant(node.inputs[k]) : nullptr;
    if (tensor == nullptr || !is_integral(tensor->dtype)) return std::nullopt;
    std::vector<std::int64_t> result;
    for (std::int64_t i = 0; i < tensor->elements(); ++i) result.push_back(ops::integer_at(*tensor, i));
    return result;
  }
  [[nodiscard]] static bool has_input(const Node& node, std::size_t k) { return k < node.inputs.size() && node.inputs[k] != no_value; }

  /// QuantizeLinear and DequantizeLinear by one scale.
  [[nodiscard]] bool scales_all(const Node& node) const {
    if (node.as<ops::QuantizeLinear>() == nullptr && node.as<ops::DequantizeLinear>() == nullptr) return false;
    const TensorRef* scale = flow_.constant(node.inputs[1]);
    return scale != nullptr && scale->elements() == 1 && scale->shape.rank() <= 1;
  }

  static bool set_axis(const Node& node, std::int64_t axis, const Permutation& perm, TransposedNode& result) {
    const auto at = index_of(axis, perm.size());
    if (at) result.attributes = with_attribute(node, "axis", perm[*at]);
    return at.has_value();
  }
  [[nodiscard]] static bool along_axis(const Node& node, const Permutation& perm, TransposedNode& result) {
    if (const auto* op = family<ops::AlongAxis, ops::OpList<ops::Softmax, ops::LogSoftmax, ops::Hardmax>>(node)) {
      // Rows that lie in one piece are the fast ones.
      const auto at = index_of(op->axis, perm.size());
      const auto last = static_cast<std::int64_t>(perm.size()) - 1;
      if (op->to_the_end || !at || (*at + 1 == perm.size() && perm[*at] != last)) return false;
      return set_axis(node, op->axis, perm, result);
    }
    if (const auto* concat = node.as<ops::Concat>()) {
      result.data.clear();
      for (std::size_t k = 0; k < node.inputs.size(); ++k) result.data.push_back(k);
      return set_axis(node, concat->axis, perm, result);
    }
    const auto* split = node.as<ops::Split>();
    return split != nullptr && set_axis(node, split->axis, perm, result);
  }
  /// Normalisation over the last dimensions, which stay where they are.
  [[nodiscard]] static bool normalized(const Node& node, const Permutation& perm) {
    const auto* layer = node.as<ops::LayerNormalization>();
    const auto* rms = node.as<ops::RMSNormalization>();
    if (layer == nullptr && rms == nullptr) return false;
    auto at = index_of(layer != nullptr ? layer->axis : rms->axis, perm.size());
    if (!at) return false;
    for (; *at < perm.size(); ++*at)
      if (perm[*at] != static_cast<std::int64_t>(*at)) return false;
    return true;
  }

  /// Slice and Pad.
  [[nodiscard]] bool moved(const Node& node, const Permutation& perm, TransposedNode& result) const {
    if (node.as<ops::Slice>() == nullptr && node.as<ops::Pad>() == nullptr) return false;
    const bool slices = node.as<ops::Slice>() != nullptr;
    // Without axes the lists are those of the first dimensions, all of them for Pad.
    const auto first = list(node, 1);
    if (!first) return false;
    std::optional<std::vector<std::int64_t>> axes = list(node, 3);
    if (!has_input(node, 3)) {
      axes.emplace();
      for (std::size_t i = 0; i < (slices ? first->size() : first->size() / 2); ++i) axes->push_back(static_cast<std::int64_t>(i));
    }
    if (!axes) return false;
    for (std::int64_t& axis : *axes) {
      const auto at = index_of(axis, perm.size());
      if (!at) return false;
      axis = perm[*at];
    }
    result.lists.emplace_back(3, std::move(*axes));
    return true;
  }

  /// Reductions and the choice of the best element.
  [[nodiscard]] bool reduced(const Node& node, const Permutation& perm, TransposedNode& result) const {
    std::vector<std::int64_t> axes;
    bool keepdims = true;
    if (const auto* reduce = family<ops::Reduce, ReduceOps>(node)) {
      const auto given = list(node, 1);
      if (!given || given->empty()) return false;
      axes = *given;
      keepdims = reduce->keepdims;
    } else if (const auto* best = family<ops::ArgBest, ops::OpList<ops::ArgMax, ops::ArgMin>>(node)) {
      axes = {best->axis};
      keepdims = best->keepdims;
      if (!set_axis(node, best->axis, perm, result)) return false;
    } else {
      return false;
    }
    std::vector<bool> gone(perm.size(), false);
    for (std::int64_t& axis : axes) {
      const auto at = index_of(axis, perm.size());
      if (!at) return false;
      gone[*at] = true;
      axis = perm[*at];
    }
    if (runs<ReduceOps>(node)) result.lists.emplace_back(1, axes);
    if (!keepdims) result.outputs[0] = without(perm, gone);
    return true;
  }
  /// The order of the dimensions that are left; `gone` is by dimension of what was transposed.
  [[nodiscard]] static Permutation without(const Permutation& perm, const std::vector<bool>& gone) {
    Permutation left;
    for (std::size_t i = 0; i < perm.size(); ++i)
      if (!gone[i]) left.push_back(perm[i]);
    Permutation sorted = left;
    std::sort(sorted.begin(), sorted.end());
    for (std::int64_t& axis : left) axis = std::lower_bound(sorted.begin(), sorted.end(), axis) - sorted.begin();
    return left;
  }

  /// Squeeze, Unsqueeze, and Gather of a list or of one element.
  [[nodiscard]] bool reshaped(const Node& node, const Permutation& perm, TransposedNode& result) const {
    if (const auto* gather = node.as<ops::Gather>()) {
      const std::optional<std::size_t> indices = flow_.rank(node.inputs[1]);
      const auto at = index_of(gather->axis, perm.size());
      if (!at || !indices || *indices > 1) return false;
      std::vector<bool> gone(perm.size(), false);
      gone[*at] = true;
      if (*indices == 0) result.outputs[0] = without(perm, gone);
      return set_axis(node, gather->axis, perm, result);
    }
    std::optional<std::vector<std::int64_t>> axes = list(node, 1);
    if (!axes) return false;
    if (node.as<ops::Squeeze>() != nullptr) {
      std::vector<bool> gone(perm.size(), false);
      for (std::int64_t& axis : *axes) {
        const auto at = index_of(axis, perm.size());
        if (!at) return false;
        gone[*at] = true;
        axis = perm[*at];
      }
      result.outputs[0] = without(perm, gone);
      result.lists.emplace_back(1, std::move(*axes));
      return true;
    }
    if (node.as<ops::Unsqueeze>() == nullptr) return false;
    // The new dimensions of 1 stand in the same places of both layouts.
    const std::size_t rank = perm.size() + axes->size();
    std::vector<bool> added(rank, false);
    for (const std::int64_t axis : *axes) {
      const auto at = index_of(axis, rank);
      if (!at) return false;
      added[*at] = true;
    }
    std::vector<std::int64_t> places;  // of the old dimensions
    for (std::size_t i = 0; i < rank; ++i)
      if (!added[i]) places.push_back(static_cast<std::int64_t>(i));
    if (places.size() != perm.size()) return false;
    result.outputs[0].clear();
    for (std::size_t i = 0, next = 0; i < rank; ++i)
      result.outputs[0].push_back(added[i] ? static_cast<std::int64_t>(i) : places[static_cast<std::size_t>(perm[next++])]);
    return true;
  }

  const DataFlow& flow_;
};

}  // namespace hone::inline HONE_ABI::rewrites
