#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/ops/gemm.hpp>
#include <hone/ops/matmul.hpp>
#include <hone/rewrites/data_flow.hpp>
#include <hone/rewrites/permutation.hpp>

namespace hone::inline HONE_ABI::rewrites {

/// A Transpose of a matrix that only a Gemm, or a MatMul of two matrices, reads becomes an attribute of a Gemm, which reads matrices in
/// either order without a copy.
struct FoldTranspose {
  static constexpr std::string_view name = "fold_transpose";

  [[nodiscard]] std::optional<Patch> operator()(const DataFlow& flow, std::size_t at) const {
    const Node& node = flow.node(at);
    ops::Gemm op;
    if (const auto* gemm = node.as<ops::Gemm>()) {
      op = *gemm;
    } else if (node.as<ops::MatMul>() == nullptr || flow.rank(node.inputs[0]) != 2 || flow.rank(node.inputs[1]) != 2) {
      return std::nullopt;
    }
    Patch patch;
    std::vector<ValueId> inputs = node.inputs;
    for (const std::size_t k : {0, 1}) {
      const Node* transpose = flow.used_once(inputs[k]) ? flow.made_by<ops::Transpose>(inputs[k]) : nullptr;
      if (transpose == nullptr || permutation(flow, *transpose) != Permutation{1, 0}) continue;
      bool& flag = k == 0 ? op.trans_a : op.trans_b;
      flag = !flag;
      inputs[k] = transpose->inputs[0];
      patch.absorbed.push_back(transpose);
    }
    if (patch.absorbed.empty()) return std::nullopt;
    Attributes attributes{
        {"alpha", op.alpha}, {"beta", op.beta}, {"transA", std::int64_t{op.trans_a ? 1 : 0}}, {"transB", std::int64_t{op.trans_b ? 1 : 0}}};
    patch.nodes.push_back(make_node(node, op, std::move(attributes), std::move(inputs), {node.outputs[0]}));
    return patch;
  }
};

}  // namespace hone::inline HONE_ABI::rewrites
