#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include <hone/config.hpp>
#include <hone/core/function_ref.hpp>
#include <hone/core/shape.hpp>

namespace hone::inline HONE_ABI {

/// The sizes of a box of elements and, for each of N arrays, the distance in elements between neighbours along each dimension:
/// 0 broadcasts, negative ones run backwards. Dimensions are merged as they are added, so that rows get long.
template <std::size_t N>
class StridedBox {
 public:
  using Offsets = std::array<std::int64_t, N>;

  /// Adds a dimension inside the ones so far. Precondition: at most 2 * Shape::max_rank calls.
  void push_back(std::int64_t size, const Offsets& strides) noexcept {
    elements_ *= size;
    if (size == 1) return;
    if (rank_ > 0 && extends(strides, size)) {
      sizes_[rank_ - 1] *= size;
      strides_[rank_ - 1] = strides;
      return;
    }
    sizes_[rank_] = size;
    strides_[rank_] = strides;
    ++rank_;
  }

  /// Makes a dimension the innermost one; the order of the others stays. Which element lies where does not change.
  void move_inside(std::size_t dim) noexcept {
    std::rotate(sizes_.begin() + dim, sizes_.begin() + dim + 1, sizes_.begin() + rank_);
    std::rotate(strides_.begin() + dim, strides_.begin() + dim + 1, strides_.begin() + rank_);
  }

  [[nodiscard]] std::size_t rank() const noexcept { return rank_; }
  [[nodiscard]] std::int64_t elements() const noexcept { return elements_; }
  [[nodiscard]] std::int64_t size(std::size_t dim) const noexcept { return sizes_[dim]; }
  [[nodiscard]] const Offsets& strides(std::size_t dim) const noexcept { return strides_[dim]; }

  /// Length of the innermost dimension, 1 when there is none.
  [[nodiscard]] std::int64_t row_size() const noexcept { return rank_ > 0 ? sizes_[rank_ - 1] : 1; }
  [[nodiscard]] Offsets row_strides() const noexcept { return rank_ > 0 ? strides_[rank_ - 1] : Offsets{}; }
  /// Number of rows: the product of all dimensions but the innermost one.
  [[nodiscard]] std::int64_t rows() const noexcept {
    std::int64_t product = 1;
    for (std::size_t d = 0; d + 1 < rank_; ++d) product *= sizes_[d];
    return product;
  }

  /// Offsets of the first element of a row.
  [[nodiscard]] Offsets row_offsets(std::int64_t row) const noexcept {
    Offsets offsets{};
    for (std::size_t d = rank_ > 0 ? rank_ - 1 : 0; d-- > 0; row /= sizes_[d]) {
      for (std::size_t a = 0; a < N; ++a) offsets[a] += row % sizes_[d] * strides_[d][a];
    }
    return offsets;
  }

  /// body(offsets of the first element) for the rows [begin, end).
  void for_rows(std::int64_t begin, std::int64_t end, FunctionRef<void(const Offsets&)> body) const {
    const std::size_t outer = rank_ > 0 ? rank_ - 1 : 0;
    std::array<std::int64_t, 2 * Shape::max_rank> at{};
    Offsets offsets{};
    std::int64_t rest = begin;
    for (std::size_t d = outer; d-- > 0;) {
      at[d] = rest % sizes_[d];
      rest /= sizes_[d];
      for (std::size_t a = 0; a < N; ++a) offsets[a] += at[d] * strides_[d][a];
    }
    for (std::int64_t row = begin; row < end; ++row) {
      body(offsets);
      for (std::size_t d = outer; d-- > 0;) {
        for (std::size_t a = 0; a < N; ++a) offsets[a] += strides_[d][a];
        if (++at[d] < sizes_[d]) break;
        for (std::size_t a = 0; a < N; ++a) offsets[a] -= sizes_[d] * strides_[d][a];
        at[d] = 0;
      }
    }
  }

 private:
  [[nodiscard]] bool extends(const Offsets& strides, std::int64_t size) const noexcept {
    for (std::size_t a = 0; a < N; ++a)
      if (strides_[rank_ - 1][a] != strides[a] * size) return false;
    return true;
  }

  std::size_t rank_ = 0;
  std::int64_t elements_ = 1;
  std::array<std::int64_t, 2 * Shape::max_rank> sizes_{};
  std::array<Offsets, 2 * Shape::max_rank> strides_{};
};

/// The stride in elements of dimension `d` of `to` in a dense tensor of shape `from`, which is broadcast to `to`.
[[nodiscard]] inline std::int64_t broadcast_stride(const Shape& from, const Shape& to, std::size_t d) noexcept {
  const std::size_t missing = to.rank() - from.rank();
  return d < missing || from[d - missing] == 1 ? 0 : from.stride(d - missing);
}

}  // namespace hone::inline HONE_ABI
