#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/ops/matmul.hpp>
#include <hone/ops/permuted_matmul.hpp>
#include <hone/ops/transpose.hpp>
#include <hone/rewrites/data_flow.hpp>
#include <hone/rewrites/permutation.hpp>

namespace hone::inline HONE_ABI::rewrites {

/// Transposes around a MatMul become attributes of a PermutedMatMul, which reads its operands and writes its result where they lie: those
/// of operands that nobody else reads and whose elements stay contiguous along rows or columns, and one of a result that leaves the rows
/// whole. A left operand or a result that is no longer one matrix for a single right one stays as it is when products would have few rows.
struct PermuteMatMul {
  static constexpr std::string_view name = "permute_matmul";

  [[nodiscard]] std::optional<Patch> operator()(const DataFlow& flow, std::size_t at) const {
    const Node& node = flow.node(at);
    if (node.as<ops::Transpose>() != nullptr) return result(flow, node);
    return operands(flow, node);
  }

 private:
  /// Rows from which on a product with packed weights loses nothing by being one of several.
  static constexpr std::int64_t enough_rows = 64;

  static std::optional<ops::PermutedMatMul> read(const DataFlow& flow, const Node& node) {
    if (!std::all_of(node.inputs.begin(), node.inputs.end(), [&](ValueId id) { return flow.rank(id).value_or(0) >= 2; }))
      return std::nullopt;
    if (const auto* permuted = node.as<ops::PermutedMatMul>()) return *permuted;
    return node.as<ops::MatMul>() != nullptr ? std::optional(ops::PermutedMatMul{}) : std::nullopt;
  }

  static std::optional<Patch> operands(const DataFlow& flow, const Node& node) {
    std::optional<ops::PermutedMatMul> op = read(flow, node);
    if (!op) return std::nullopt;
    Patch patch;
    std::vector<ValueId> inputs = node.inputs;
    for (const std::size_t k : {0, 1}) {
      const Node* transpose = flow.used_once(inputs[k]) ? flow.made_by<ops::Transpose>(inputs[k]) : nullptr;
      const auto perm = transpose != nullptr ? permutation(flow, *transpose) : std::nullopt;
      ops::PermutedMatMul::Perm& own = k == 0 ? op->a_perm : op->b_perm;
      if (!perm || !own.empty() || !keeps_lines(*perm) || (k == 0 && !may_be_apart(flow, node))) continue;
      own = *perm;
      inputs[k] = transpose->inputs[0];
      patch.absorbed.push_back(transpose);
    }
    if (patch.absorbed.empty()) return std::nullopt;
    patch.nodes.push_back(replace(node, std::move(*op), std::move(inputs), node.outputs[0]));
    return patch;
  }

  static std::optional<Patch> result(const DataFlow& flow, const Node& node) {
    const auto perm = permutation(flow, node);
    const Node* product = flow.used_once(node.inputs[0]) ? flow.producer(node.inputs[0]) : nullptr;
    std::optional<ops::PermutedMatMul> op = product != nullptr ? read(flow, *product) : std::nullopt;
    if (!op || !perm || !op->y_perm.empty() || perm->size() < 2 || perm->back() != static_cast<std::int64_t>(perm->size()) - 1 ||
        !may_be_apart(flow, *product)) {
      return std::nullopt;
    }
    op->y_perm = inverse(*perm);
    Patch patch;
    patch.nodes.push_back(replace(node, std::move(*op), product->inputs, node.outputs[0]));
    patch.absorbed.push_back(product);
    return patch;
  }

  /// Whether the last dimension, along which elements are contiguous, is one of the last two.
  static bool keeps_lines(const Permutation& perm) {
    const auto last = static_cast<std::int64_t>(perm.size()) - 1;
    return perm.size() >= 2 && (perm[perm.size() - 1] == last || perm[perm.size() - 2] == last);
  }
  /// Whether the products of the batch may be computed one by one.
  static bool may_be_apart(const DataFlow& flow, const Node& product) {
    if (flow.rank(product.inputs[0]) == 2 || flow.rank(product.inputs[1]) != 2) return true;
    if (const auto* op = product.as<ops::PermutedMatMul>(); op != nullptr && !op->a_perm.empty()) return true;
    const SymbolicShape* a = flow.dims(product.inputs[0]);
    return a != nullptr && (*a)[a->size() - 2].is_number() && (*a)[a->size() - 2].number >= enough_rows;
  }

  static Node replace(const Node& node, ops::PermutedMatMul op, std::vector<ValueId> inputs, ValueId y) {
    Attributes attributes{{"a_perm", op.a_perm}, {"b_perm", op.b_perm}, {"y_perm", op.y_perm}};
    return make_node(node, std::move(op), std::move(attributes), std::move(inputs), {y});
  }
};

}  // namespace hone::inline HONE_ABI::rewrites
