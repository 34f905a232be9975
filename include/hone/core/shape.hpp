#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <span>
#include <string>

#include <hone/config.hpp>
#include <hone/core/dtype.hpp>
#include <hone/core/error.hpp>
#include <hone/core/text.hpp>

namespace hone::inline HONE_ABI {

/// The dimensions of a tensor, held inline: copying a shape never touches the heap. Rank 0 is a scalar.
class Shape {
 public:
  /// The largest rank. A fixed bound keeps shapes off the heap; no operator of ONNX needs one, and models stay far below.
  static constexpr std::size_t max_rank = 12;

  constexpr Shape() = default;
  constexpr Shape(std::initializer_list<std::int64_t> dims) : Shape(std::span(dims.begin(), dims.size())) {}
  /// Errors: invalid_argument when there are more than max_rank dimensions.
  constexpr explicit Shape(std::span<const std::int64_t> dims) {
    for (const std::int64_t dim : dims) push_back(dim);
  }
  /// `rank` dimensions of `dim`.
  [[nodiscard]] static constexpr Shape filled(std::size_t rank, std::int64_t dim) {
    Shape result;
    for (std::size_t i = 0; i < rank; ++i) result.push_back(dim);
    return result;
  }

  [[nodiscard]] constexpr std::size_t rank() const noexcept { return rank_; }
  [[nodiscard]] constexpr std::size_t size() const noexcept { return rank_; }
  [[nodiscard]] constexpr bool empty() const noexcept { return rank_ == 0; }
  [[nodiscard]] constexpr std::int64_t& operator[](std::size_t i) noexcept { return dims_[i]; }
  [[nodiscard]] constexpr std::int64_t operator[](std::size_t i) const noexcept { return dims_[i]; }
  [[nodiscard]] constexpr std::int64_t back() const noexcept { return dims_[rank_ - 1]; }
  [[nodiscard]] constexpr const std::int64_t* begin() const noexcept { return dims_.data(); }
  [[nodiscard]] constexpr const std::int64_t* end() const noexcept { return dims_.data() + rank_; }
  [[nodiscard]] constexpr std::int64_t* begin() noexcept { return dims_.data(); }
  [[nodiscard]] constexpr std::int64_t* end() noexcept { return dims_.data() + rank_; }
  [[nodiscard]] constexpr std::span<const std::int64_t> dims() const noexcept { return {dims_.data(), rank_}; }

  constexpr void push_back(std::int64_t dim) {
    if (rank_ == max_rank) fail(ErrorCode::invalid_argument, "a shape has more than ", max_rank, " dimensions, the most that hone holds");
    dims_[rank_++] = dim;
  }
  constexpr void insert(std::size_t at, std::int64_t dim) {
    push_back(dim);
    for (std::size_t i = rank_ - 1; i > at; --i) dims_[i] = dims_[i - 1];
    dims_[at] = dim;
  }

  /// Product of the dimensions; 1 for a scalar. The shape must have passed checked_bytes().
  [[nodiscard]] constexpr std::int64_t elements() const noexcept { return elements(0, rank_); }
  /// Product of the dimensions [first, last).
  [[nodiscard]] constexpr std::int64_t elements(std::size_t first, std::size_t last) const noexcept {
    std::int64_t product = 1;
    for (std::size_t i = first; i < last; ++i) product *= dims_[i];
    return product;
  }
  /// Elements from the start of one row along `axis` to the next: the row-major stride of `axis`.
  [[nodiscard]] constexpr std::int64_t stride(std::size_t axis) const noexcept { return elements(axis + 1, rank_); }

  friend constexpr bool operator==(const Shape& a, const Shape& b) noexcept {
    if (a.rank_ != b.rank_) return false;
    for (std::size_t i = 0; i < a.rank_; ++i)
      if (a.dims_[i] != b.dims_[i]) return false;
    return true;
  }

 private:
  std::array<std::int64_t, max_rank> dims_{};
  std::size_t rank_ = 0;
};

/// As in Python: "(2, 3)", "(4,)", "()".
[[nodiscard]] inline std::string to_string(const Shape& shape) {
  std::string result = "(" + join(shape, ", ");
  return result + (shape.rank() == 1 ? ",)" : ")");
}

/// Bytes of a tensor of `dtype` and `shape`.
/// Errors: invalid_argument when a dimension is negative or the size overflows what an address can hold.
[[nodiscard]] inline std::size_t checked_bytes(DType dtype, const Shape& shape) {
  constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::ptrdiff_t>::max());
  constexpr std::uint64_t narrow = 1U << 31;  // products of two such numbers do not overflow, and need no division to know it
  std::uint64_t elements = 1;
  bool empty = false;
  for (const std::int64_t dim : shape) {
    if (dim < 0) fail(ErrorCode::invalid_argument, "negative dimension in the shape ", shape);
    if (dim == 0) empty = true;
    if (dim > 0) {
      const auto factor = static_cast<std::uint64_t>(dim);
      if ((elements > narrow || factor > narrow) && elements > most / factor)
        fail(ErrorCode::invalid_argument, "the shape ", shape, " has too many elements");
      elements *= factor;
    }
  }
  if (elements > narrow && elements > most / (element_size(dtype) + 1))
    fail(ErrorCode::invalid_argument, "a tensor of shape ", shape, " needs too many bytes");
  return empty ? 0 : storage_bytes(dtype, static_cast<std::size_t>(elements));
}

/// `axis` counted from the front. Errors: invalid_argument when it is not in [-rank, rank).
[[nodiscard]] inline std::size_t normalized_axis(std::int64_t axis, std::size_t rank) {
  const auto signed_rank = static_cast<std::int64_t>(rank);
  if (axis < -signed_rank || axis >= signed_rank) fail(ErrorCode::invalid_argument, "axis ", axis, " is out of range for rank ", rank);
  return static_cast<std::size_t>(axis < 0 ? axis + signed_rank : axis);
}

/// The shape that numpy broadcasting gives `a` and `b`. Errors: invalid_argument when they do not fit.
[[nodiscard]] inline Shape broadcast(const Shape& a, const Shape& b) {
  const Shape& longer = a.rank() >= b.rank() ? a : b;
  const Shape& shorter = a.rank() >= b.rank() ? b : a;
  Shape result = longer;
  const std::size_t offset = longer.rank() - shorter.rank();
  for (std::size_t i = 0; i < shorter.rank(); ++i) {
    std::int64_t& dim = result[i + offset];
    if (dim == shorter[i] || shorter[i] == 1) continue;
    if (dim != 1) fail(ErrorCode::invalid_argument, "the shapes ", a, " and ", b, " cannot be broadcast together");
    dim = shorter[i];
  }
  return result;
}

}  // namespace hone::inline HONE_ABI
