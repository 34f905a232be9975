#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>
#include <hone/ops/dimensions.hpp>

namespace hone::inline HONE_ABI::ops {

/// y = the elements of x under the shape of input 1, where -1 stands for what is left, and 0 (unless allowzero) for the dimension of x.
/// Source: ONNX Reshape, opsets 1 to 25.
struct Reshape {
  static constexpr std::string_view name = "Reshape";
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 2};
  static constexpr OpTraits traits{.shape_inputs = inputs(1), .alias = true};

  bool allowzero = false;

  void attributes(auto& a) {
    if (a.opset() < 5) {
      a.ignored("consumed_inputs");
      a.moved_to_input("shape", 1);
    }
    if (a.opset() >= 14) a("allowzero", allowzero, false);
  }
  void shapes(const ShapeContext& c) const {
    const Shape& from = c.shape(0);
    const std::span<const std::int64_t> wanted = c.int64s(1);
    check_list(c.tensor(1), "the shape");
    // A dimension that is copied divides out, so that -1 has a value even when the copied one is 0.
    AxisSet copied;
    Shape to;
    std::size_t open = Shape::max_rank;
    std::int64_t known = 1;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      std::int64_t dim = wanted[i];
      if (dim < -1) fail(ErrorCode::invalid_argument, "the shape holds ", dim);
      if (dim == -1) {
        if (open != Shape::max_rank) fail(ErrorCode::invalid_argument, "the shape holds -1 more than once");
        open = i;
        to.push_back(0);
        continue;
      }
      if (dim == 0 && !allowzero) {
        if (i >= from.rank()) fail(ErrorCode::invalid_argument, "the shape copies dimension ", i, " of an input of shape ", from);
        dim = from[i];
        copied.insert(static_cast<std::int64_t>(i), from.rank());
      } else {
        known = checked_product(known, dim);
      }
      to.push_back(dim);
    }
    if (open != Shape::max_rank) {
      std::int64_t left = 1;
      for (std::size_t i = 0; i < from.rank(); ++i)
        if (!copied.contains(i)) left = checked_product(left, from[i]);
      if (known == 0 || left % known != 0) mismatch(from, wanted);
      to[open] = left / known;
    }
    (void)checked_bytes(c.dtype(0), to);
    if (to.elements() != from.elements()) mismatch(from, wanted);
    c.output(0, to);
  }

 private:
  [[noreturn]] static void mismatch(const Shape& from, std::span<const std::int64_t> wanted) {
    fail(ErrorCode::invalid_argument, "an input of shape ", from, " cannot be reshaped to (", join(wanted, ", "), ")");
  }
};

/// y (product of the dimensions before axis, product of the others) = the elements of x.
/// Source: ONNX Flatten, opsets 1 to 25.
struct Flatten {
  static constexpr std::string_view name = "Flatten";
  static constexpr OpTraits traits{.alias = true};

  std::int64_t axis = 1;

  void attributes(auto& a) { a("axis", axis, 1); }
  void shapes(const ShapeContext& c) const {
    const Shape& from = c.shape(0);
    const auto rank = static_cast<std::int64_t>(from.rank());
    if (axis < -rank || axis > rank) fail(ErrorCode::invalid_argument, "axis ", axis, " is out of range for rank ", rank);
    const auto split = static_cast<std::size_t>(axis < 0 ? axis + rank : axis);
    std::int64_t rows = 1;
    std::int64_t columns = 1;
    for (std::size_t i = 0; i < split; ++i) rows = checked_product(rows, from[i]);
    for (std::size_t i = split; i < from.rank(); ++i) columns = checked_product(columns, from[i]);
    c.output(0, {rows, columns});
  }
};

}  // namespace hone::inline HONE_ABI::ops
