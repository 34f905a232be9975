#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>
#include <hone/ops/dimensions.hpp>
#include <hone/ops/matmul.hpp>

namespace hone::inline HONE_ABI::ops {

/// MatMul of tensors of two and more dimensions, which may lie in memory with their dimensions in other orders.
/// Shapes: a (*, M, K), b (*, K, N) -> y (*, M, N). A tensor whose `perm` is not empty is given with its dimensions in another order:
/// dimension i of the shapes here is dimension perm[i] of the tensor. The last dimension of y stays the last.
struct PermutedMatMul : MatMul {
  static constexpr std::string_view domain = "hone";
  static constexpr std::string_view name = "PermutedMatMul";

  using Perm = std::vector<std::int64_t>;
  Perm a_perm, b_perm, y_perm;

  void attributes(auto& a) {
    const auto read = [&](std::string_view attribute, Perm& perm) {
      a(attribute, perm, Perm{});
      if (!is_permutation(perm) || perm.size() == 1)
        fail(ErrorCode::invalid_graph, "the attribute '", attribute, "' is (", join(perm, ", "), "), no order of two and more dimensions");
    };
    read("a_perm", a_perm);
    read("b_perm", b_perm);
    read("y_perm", y_perm);
    if (!y_perm.empty() && y_perm.back() != static_cast<std::int64_t>(y_perm.size()) - 1)
      fail(ErrorCode::invalid_graph, "the attribute 'y_perm' moves the last dimension");
  }

  /// The dimension of a tensor that is dimension `i` of the shapes above.
  [[nodiscard]] static std::size_t source(const Perm& perm, std::size_t i) noexcept {
    return perm.empty() ? i : static_cast<std::size_t>(perm[i]);
  }

  void shapes(const ShapeContext& c) const {
    const auto permuted = [&](std::size_t k, const Perm& perm) {
      const Shape& from = c.shape(k);
      check_rank(perm, from);
      Shape to = from;
      for (std::size_t i = 0; i < from.rank(); ++i) to[i] = from[source(perm, i)];
      return TensorRef{nullptr, c.dtype(k), to};
    };
    const TensorRef a = permuted(0, a_perm);
    const TensorRef b = permuted(1, b_perm);
    const TensorRef* const inputs[] = {&a, &b};
    Shape product[1];
    MatMul::shapes(ShapeContext(inputs, product));
    check_rank(y_perm, product[0]);
    Shape y = product[0];
    for (std::size_t i = 0; i < y.rank(); ++i) y[source(y_perm, i)] = product[0][i];
    c.output(0, y);
  }

 private:
  static void check_rank(const Perm& perm, const Shape& shape) {
    if (shape.rank() < 2 || (!perm.empty() && perm.size() != shape.rank()))
      fail(ErrorCode::invalid_argument, "an order of (", join(perm, ", "), ") for the shape ", shape);
  }
};

}  // namespace hone::inline HONE_ABI::ops
