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
#include <hone/ops/dimensions.hpp>
#include <hone/ops/matmul.hpp>
#include <hone/ops/scaled_attention.hpp>
#include <hone/ops/softmax.hpp>
#include <hone/ops/transpose.hpp>
#include <hone/rewrites/data_flow.hpp>
#include <hone/rewrites/pattern.hpp>
#include <hone/rewrites/permutation.hpp>
#include <hone/rewrites/piece.hpp>

namespace hone::inline HONE_ABI::rewrites {

/// softmax(scale q k^T [+ mask]) v, as products, scalings, an addition and a Softmax over the last dimension, becomes one ScaledAttention;
/// so do the Transposes around it, which then only say where its rows and columns lie, and the Gathers and Splits that take q, k and v from
/// one tensor.
struct FuseAttention {
  static constexpr std::string_view name = "fuse_attention";

  [[nodiscard]] std::optional<Patch> operator()(const DataFlow& flow, std::size_t at) const {
    const Node& node = flow.node(at);
    if (node.as<ops::MatMul>() != nullptr) return products(flow, node);
    if (node.as<ops::Transpose>() != nullptr) return transposed(flow, node);
    return std::nullopt;
  }

 private:
  using Perm = ops::ScaledAttention::Perm;

  /// A value whose dimensions perm names; where it has one more, `axis`, of that only index `part` counts.
  struct Operand {
    ValueId value;
    Perm perm;
    std::optional<std::int64_t> axis = std::nullopt;
    std::int64_t part = 0;
  };

  static std::optional<Patch> products(const DataFlow& flow, const Node& node) {
    Pattern pattern(flow);
    const Node* softmax = pattern.take<ops::Softmax>(node.inputs[0]);
    if (softmax == nullptr) return std::nullopt;
    const ValueId scores = softmax->inputs[0];
    for (const int side : {-1, 0, 1}) {
      Pattern attempt = pattern;
      ValueId product = scores;
      ValueId mask = no_value;
      if (side >= 0) {
        const Node* add = attempt.take<ops::Add>(scores);
        if (add == nullptr) return std::nullopt;
        product = add->inputs[static_cast<std::size_t>(side)];
        mask = add->inputs[static_cast<std::size_t>(1 - side)];
      }
      if (auto patch = around(flow, attempt, node, *softmax, product, mask)) return patch;
    }
    return std::nullopt;
  }

  static std::optional<Patch> around(const DataFlow& flow, Pattern& pattern, const Node& node, const Node& softmax, ValueId product,
                                     ValueId mask) {
    double scale = 1;
    const Node* scores = pattern.take<ops::MatMul>(scaled(pattern, product, scale));
    if (scores == nullptr) return std::nullopt;
    const std::optional<Operand> q = operand(flow, pattern, scaled(pattern, scores->inputs[0], scale));
    std::optional<Operand> k = operand(flow, pattern, scaled(pattern, scores->inputs[1], scale));
    const std::optional<Operand> v = operand(flow, pattern, node.inputs[1]);
    if (!q || !k || !v) return std::nullopt;
    const std::size_t rank = k->perm.size();
    std::swap(k->perm[rank - 1], k->perm[rank - 2]);  // the product reads it transposed
    const std::optional<std::size_t> mask_rank = mask != no_value ? flow.rank(mask) : 0;
    if (!mask_rank) return std::nullopt;
    const auto* rows = softmax.as<ops::Softmax>();
    const std::size_t scores_rank = std::max({q->perm.size(), rank, *mask_rank});
    if (rows->axis != -1 && rows->axis != static_cast<std::int64_t>(scores_rank) - 1) return std::nullopt;
    ops::ScaledAttention op;
    op.scale = static_cast<float>(scale);
    op.q_perm = q->perm;
    op.k_perm = k->perm;
    op.v_perm = v->perm;
    op.q_part = q->part;
    op.k_part = k->part;
    op.v_part = v->part;
    Attributes attributes{{"scale", op.scale},   {"q_perm", op.q_perm}, {"k_perm", op.k_perm}, {"v_perm", op.v_perm},
                          {"q_part", op.q_part}, {"k_part", op.k_part}, {"v_part", op.v_part}};
    Patch patch;
    patch.nodes.push_back(make_node(node, std::move(op), std::move(attributes), {q->value, k->value, v->value, mask}, {node.outputs[0]}));
    patch.absorbed = std::move(pattern.absorbed());
    return patch;
  }

  /// The value before it was multiplied by numbers, which go to `scale`.
  static ValueId scaled(Pattern& pattern, ValueId id, double& scale) {
    const std::size_t before = pattern.absorbed().size();
    const Product product = pattern.product(id);
    if (product.terms.size() == 1) {
      scale *= product.factor;
      return product.terms[0];
    }
    pattern.absorbed().resize(before);
    return id;
  }

  /// The value before Transposes and the choice of one index; nothing when its rank, which is at least 2, is not known.
  static std::optional<Operand> operand(const DataFlow& flow, Pattern& pattern, ValueId id) {
    const std::optional<std::size_t> rank = flow.rank(id);
    if (!rank || *rank < 2) return std::nullopt;
    Operand result{id, {}};
    for (std::size_t i = 0; i < *rank; ++i) result.perm.push_back(static_cast<std::int64_t>(i));
    bool alone = true;
    while (const Node* node = flow.producer(result.value)) {
      alone = alone && flow.used_once(result.value);
      if (!look_through(flow, *node, result)) break;
      if (alone) pattern.absorbed().push_back(node);
    }
    return result;
  }
  /// Steps from the result of a node to its input; false where that is no mere choice or order of dimensions.
  static bool look_through(const DataFlow& flow, const Node& node, Operand& operand) {
    if (const auto perm = permutation(flow, node)) {
      if (perm->size() != operand.perm.size() + (operand.axis ? 1 : 0)) return false;
      operand.perm = composed(*perm, operand.perm);
      if (operand.axis) operand.axis = (*perm)[static_cast<std::size_t>(*operand.axis)];
      operand.value = node.inputs[0];
      return true;
    }
    const auto piece = operand.axis ? std::nullopt : read_piece(flow, operand.value);
    if (!piece || !piece->squeezed) return false;
    for (std::int64_t& axis : operand.perm)
      if (axis >= static_cast<std::int64_t>(piece->axis)) ++axis;
    operand.value = piece->of;
    operand.axis = static_cast<std::int64_t>(piece->axis);
    operand.part = piece->first;
    return true;
  }

  /// A Transpose of the result that leaves the last dimension the last.
  static std::optional<Patch> transposed(const DataFlow& flow, const Node& node) {
    Pattern pattern(flow);
    const Node* attention = pattern.take<ops::ScaledAttention>(node.inputs[0]);
    const auto perm = permutation(flow, node);
    if (attention == nullptr || !perm || perm->empty() || perm->back() != static_cast<std::int64_t>(perm->size()) - 1) return std::nullopt;
    if (!attention->as<ops::ScaledAttention>()->y_perm.empty()) return std::nullopt;
    ops::ScaledAttention op = *attention->as<ops::ScaledAttention>();
    op.y_perm = inverse(*perm);
    Attributes attributes = with_attribute(*attention, "y_perm", op.y_perm);
    Patch patch;
    patch.nodes.push_back(make_node(node, std::move(op), std::move(attributes), attention->inputs, {node.outputs[0]}));
    patch.absorbed = std::move(pattern.absorbed());
    return patch;
  }
};

}  // namespace hone::inline HONE_ABI::rewrites
