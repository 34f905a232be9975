#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/ops/transpose.hpp>
#include <hone/rewrites/data_flow.hpp>

namespace hone::inline HONE_ABI::rewrites {

/// An order of dimensions, as Transpose has it: dimension i of the result is dimension perm[i] of what is transposed.
using Permutation = std::vector<std::int64_t>;

[[nodiscard]] inline bool is_identity(const Permutation& perm) noexcept { return std::is_sorted(perm.begin(), perm.end()); }

/// Of a Transpose, where the number of dimensions is known; nothing for other nodes, and for what is no permutation.
[[nodiscard]] inline std::optional<Permutation> permutation(const DataFlow& flow, const Node& node) {
  const auto* transpose = node.as<ops::Transpose>();
  if (transpose == nullptr) return std::nullopt;
  Permutation result;
  if (transpose->perm) {
    result = *transpose->perm;
  } else {
    const std::optional<std::size_t> rank = flow.rank(node.inputs[0]);
    if (!rank) return std::nullopt;
    for (std::size_t i = *rank; i-- > 0;) result.push_back(static_cast<std::int64_t>(i));
  }
  return ops::is_permutation(result) ? std::optional(std::move(result)) : std::nullopt;
}

/// The order after `first` and then `second`. Precondition: they have the same size.
[[nodiscard]] inline Permutation composed(const Permutation& first, const Permutation& second) {
  Permutation result;
  for (const std::int64_t axis : second) result.push_back(first[static_cast<std::size_t>(axis)]);
  return result;
}
[[nodiscard]] inline Permutation inverse(const Permutation& perm) {
  Permutation result(perm.size());
  for (std::size_t i = 0; i < perm.size(); ++i) result[static_cast<std::size_t>(perm[i])] = static_cast<std::int64_t>(i);
  return result;
}

/// Whether a Transpose of a tensor of these dimensions changes the order of its elements: dimensions of 1 may stand anywhere.
[[nodiscard]] inline bool moves_elements(const SymbolicShape& dims, const Permutation& perm) noexcept {
  std::int64_t last = -1;
  for (const std::int64_t axis : perm) {
    if (dims[static_cast<std::size_t>(axis)] == SymbolicInteger{1}) continue;
    if (axis < last) return true;
    last = axis;
  }
  return false;
}

/// A Transpose, named as `of`.
[[nodiscard]] inline Node make_transpose(const Node& of, const Permutation& perm, ValueId x, ValueId y) {
  ops::Transpose op;
  op.perm = perm;
  return make_node(of, std::move(op), {{"perm", perm}}, {x}, {y});
}

}  // namespace hone::inline HONE_ABI::rewrites
