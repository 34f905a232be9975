#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <span>

#include <hone/config.hpp>
#include <hone/core/error.hpp>
#include <hone/core/shape.hpp>
#include <hone/core/tensor.hpp>

namespace hone::inline HONE_ABI::ops {

/// a + b. Precondition: both are at least 0. Errors: invalid_argument when the sum does not fit.
[[nodiscard]] inline std::int64_t checked_sum(std::int64_t a, std::int64_t b) {
  if (a > std::numeric_limits<std::int64_t>::max() - b) fail(ErrorCode::invalid_argument, "the dimension ", a, " + ", b, " is too large");
  return a + b;
}

/// a * b. Precondition: both are at least 0. Errors: invalid_argument when the product does not fit.
[[nodiscard]] inline std::int64_t checked_product(std::int64_t a, std::int64_t b) {
  if (b != 0 && a > std::numeric_limits<std::int64_t>::max() / b) {
    fail(ErrorCode::invalid_argument, "the dimension ", a, " * ", b, " is too large");
  }
  return a * b;
}

/// `value` truncated to an integer; the nearest integer that exists when it is out of range, the smallest one for NaN.
[[nodiscard]] inline std::int64_t saturated_integer(double value) noexcept {
  if (!(value >= -0x1p63)) return std::numeric_limits<std::int64_t>::min();
  if (value >= 0x1p63) return std::numeric_limits<std::int64_t>::max();
  return static_cast<std::int64_t>(value);
}

/// Element `i` of a tensor of numbers as double. Errors: invalid_argument when it holds no real numbers.
[[nodiscard]] inline double number_at(const TensorRef& tensor, std::int64_t i) {
  switch (tensor.dtype) {
    case DType::float32:
      return static_cast<double>(tensor.as<const float>()[i]);
    case DType::float64:
      return tensor.as<const double>()[i];
    case DType::float16:
      return static_cast<double>(static_cast<float>(tensor.as<const Half>()[i]));
    case DType::bfloat16:
      return static_cast<double>(static_cast<float>(tensor.as<const BFloat16>()[i]));
    case DType::int8:
      return tensor.as<const std::int8_t>()[i];
    case DType::int16:
      return tensor.as<const std::int16_t>()[i];
    case DType::int32:
      return tensor.as<const std::int32_t>()[i];
    case DType::int64:
      return static_cast<double>(tensor.as<const std::int64_t>()[i]);
    case DType::uint8:
      return tensor.as<const std::uint8_t>()[i];
    case DType::uint16:
      return tensor.as<const std::uint16_t>()[i];
    case DType::uint32:
      return tensor.as<const std::uint32_t>()[i];
    case DType::uint64:
      return static_cast<double>(tensor.as<const std::uint64_t>()[i]);
    default:
      fail(ErrorCode::invalid_argument, "an input must hold numbers, not ", name(tensor.dtype));
  }
}

/// Element `i` of a tensor of numbers, truncated to an integer. Errors: invalid_argument when it holds no real numbers.
[[nodiscard]] inline std::int64_t integer_at(const TensorRef& tensor, std::int64_t i) {
  if (tensor.dtype == DType::int64) return tensor.as<const std::int64_t>()[i];
  if (tensor.dtype == DType::int32) return tensor.as<const std::int32_t>()[i];
  return saturated_integer(number_at(tensor, i));
}

/// Errors: invalid_argument when `tensor`, which the message calls `what`, has not exactly one element.
inline void check_one_element(const TensorRef& tensor, std::string_view what) {
  if (tensor.elements() != 1) fail(ErrorCode::invalid_argument, what, " must have one element, but its shape is ", tensor.shape);
}

/// The element of a tensor that has exactly one, as a number. Errors: invalid_argument, which calls the tensor `what`.
[[nodiscard]] inline double only_number(const TensorRef& tensor, std::string_view what) {
  check_one_element(tensor, what);
  return number_at(tensor, 0);
}
[[nodiscard]] inline std::int64_t only_integer(const TensorRef& tensor, std::string_view what) {
  check_one_element(tensor, what);
  return integer_at(tensor, 0);
}

/// Errors: invalid_argument when `tensor`, which the message calls `what`, is not a list of integers.
inline void check_list(const TensorRef& tensor, std::string_view what) {
  if (tensor.shape.rank() > 1) fail(ErrorCode::invalid_argument, what, " must have one dimension, but its shape is ", tensor.shape);
}

/// A set of axes.
class AxisSet {
 public:
  /// Adds `axis`, which may be negative. Errors: invalid_argument when it is out of range for `rank`, or in the set already.
  void insert(std::int64_t axis, std::size_t rank) {
    bool& member = members_[normalized_axis(axis, rank)];
    if (member) fail(ErrorCode::invalid_argument, "axis ", axis, " is given twice");
    member = true;
  }
  /// The axes that `list` holds.
  static AxisSet of(const TensorRef& list, std::size_t rank) {
    check_list(list, "axes");
    AxisSet result;
    for (std::int64_t i = 0; i < list.elements(); ++i) result.insert(integer_at(list, i), rank);
    return result;
  }
  [[nodiscard]] bool contains(std::size_t axis) const noexcept { return members_[axis]; }

 private:
  std::array<bool, Shape::max_rank> members_{};
};

/// Whether `axes` are among the first `rank`, none of them twice.
[[nodiscard]] inline bool are_distinct_axes(std::span<const std::int64_t> axes, std::size_t rank) noexcept {
  std::array<bool, Shape::max_rank + 1> seen{};
  if (axes.size() > Shape::max_rank || rank > seen.size()) return false;
  for (const std::int64_t axis : axes) {
    if (axis < 0 || axis >= static_cast<std::int64_t>(rank) || seen[static_cast<std::size_t>(axis)]) return false;
    seen[static_cast<std::size_t>(axis)] = true;
  }
  return true;
}

/// Whether `perm` holds every axis from 0 to its length, once.
[[nodiscard]] inline bool is_permutation(std::span<const std::int64_t> perm) noexcept { return are_distinct_axes(perm, perm.size()); }

}  // namespace hone::inline HONE_ABI::ops
