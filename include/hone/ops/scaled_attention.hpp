#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>
#include <hone/ops/dimensions.hpp>

namespace hone::inline HONE_ABI::ops {

/// y = softmax(scale q k^T + mask) v over the last two dimensions; the others broadcast, as they do in the MatMul, Add and Softmax that
/// exporters write for it.
/// Shapes: q (*, S, D), k (*, L, D), v (*, L, E), mask (*, S, L) -> y (*, S, E). A tensor whose `perm` is not empty is given with its
/// dimensions in another order: dimension i of the shapes here is dimension perm[i] of the tensor. Where a tensor has one dimension more
/// than its `perm` names, only the elements at index `part` of that dimension count: so q, k and v may lie side by side in one tensor. The
/// last dimension of y stays the last.
struct ScaledAttention {
  static constexpr std::string_view domain = "hone";
  static constexpr std::string_view name = "ScaledAttention";
  static constexpr Arity arity{.min_inputs = 3, .max_inputs = 4};

  using Perm = std::vector<std::int64_t>;
  float scale = 1;
  Perm q_perm, k_perm, v_perm, y_perm;
  std::int64_t q_part = 0;
  std::int64_t k_part = 0;
  std::int64_t v_part = 0;

  void attributes(auto& a) {
    a("scale", scale, 1.0f);
    a("q_perm", q_perm, Perm{});
    a("k_perm", k_perm, Perm{});
    a("v_perm", v_perm, Perm{});
    a("y_perm", y_perm, Perm{});
    a("q_part", q_part, 0);
    a("k_part", k_part, 0);
    a("v_part", v_part, 0);
    const auto check = [](std::string_view attribute, const Perm& perm, std::size_t rank) {
      if (!are_distinct_axes(perm, rank))
        fail(ErrorCode::invalid_graph, "the attribute '", attribute, "' is (", join(perm, ", "), "), no order of dimensions");
    };
    check("q_perm", q_perm, q_perm.size() + 1);
    check("k_perm", k_perm, k_perm.size() + 1);
    check("v_perm", v_perm, v_perm.size() + 1);
    check("y_perm", y_perm, y_perm.size());
    if (!y_perm.empty() && y_perm.back() != static_cast<std::int64_t>(y_perm.size()) - 1)
      fail(ErrorCode::invalid_graph, "the attribute 'y_perm' moves the last dimension");
  }

  /// The dimension of a tensor that is dimension `i` of the shapes above.
  [[nodiscard]] static std::size_t source(const Perm& perm, std::size_t i) noexcept {
    return perm.empty() ? i : static_cast<std::size_t>(perm[i]);
  }
  /// The dimension of a tensor of which only one index counts; `rank` when there is none.
  [[nodiscard]] static std::size_t part_axis(const Perm& perm, std::size_t rank) noexcept {
    std::size_t axis = 0;
    if (perm.size() + 1 != rank) return rank;
    while (std::find(perm.begin(), perm.end(), static_cast<std::int64_t>(axis)) != perm.end()) ++axis;
    return axis;
  }
  /// Errors: invalid_argument when `perm` or `part` does not fit.
  [[nodiscard]] static Shape permuted(const Shape& shape, const Perm& perm, std::int64_t part) {
    const std::size_t rank = perm.empty() ? shape.rank() : perm.size();
    if (rank < 2) fail(ErrorCode::invalid_argument, "an input has shape ", shape, "; at least two dimensions are needed");
    if (!perm.empty()) {
      if (rank != shape.rank() && rank + 1 != shape.rank())
        fail(ErrorCode::invalid_argument, "a perm of ", rank, " axes for the shape ", shape);
      if (!are_distinct_axes(perm, shape.rank()))
        fail(ErrorCode::invalid_argument, "a perm of (", join(perm, ", "), ") for the shape ", shape);
      const std::size_t at = part_axis(perm, shape.rank());
      if (at < shape.rank() && (part < 0 || part >= shape[at]))
        fail(ErrorCode::invalid_argument, "part ", part, " of axis ", at, " of the shape ", shape);
    }
    Shape result;
    for (std::size_t i = 0; i < rank; ++i) result.push_back(shape[source(perm, i)]);
    return result;
  }

  struct Sizes {
    Shape lead;  ///< the broadcast dimensions
    std::int64_t queries, keys, size, value_size;
  };
  /// Errors: invalid_argument when the shapes, in the order above, do not fit. Null for no mask.
  [[nodiscard]] static Sizes sizes(const Shape& q, const Shape& k, const Shape& v, const Shape* mask) {
    const auto lead = [](const Shape& shape) { return Shape(shape.dims().first(shape.rank() - std::min<std::size_t>(shape.rank(), 2))); };
    const auto from_end = [](const Shape& shape, std::size_t i) { return shape[shape.rank() - i]; };
    Shape scores = broadcast(lead(q), lead(k));
    scores.push_back(from_end(q, 2));
    scores.push_back(from_end(k, 2));
    if (mask != nullptr) scores = broadcast(scores, *mask);
    if (q.back() != k.back() || from_end(scores, 1) != from_end(v, 2)) {
      fail(ErrorCode::invalid_argument, "queries ", q, ", keys ", k, " and values ", v, " do not fit together");
    }
    return {broadcast(lead(scores), lead(v)), from_end(scores, 2), from_end(scores, 1), q.back(), v.back()};
  }
  void shapes(const ShapeContext& c) const {
    const Sizes s = sizes(permuted(c.shape(0), q_perm, q_part), permuted(c.shape(1), k_perm, k_part), permuted(c.shape(2), v_perm, v_part),
                          c.has_input(3) ? &c.shape(3) : nullptr);
    Shape logical = s.lead;
    logical.push_back(s.queries);
    logical.push_back(s.value_size);
    Shape y = logical;
    if (!y_perm.empty()) {
      if (y_perm.size() != y.rank()) fail(ErrorCode::invalid_argument, "a perm of ", y_perm.size(), " axes for the result ", y);
      for (std::size_t i = 0; i < y.rank(); ++i) y[source(y_perm, i)] = logical[i];
    }
    c.output(0, y);
  }
};

}  // namespace hone::inline HONE_ABI::ops
