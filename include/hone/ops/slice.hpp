#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>
#include <hone/ops/dimensions.hpp>

namespace hone::inline HONE_ABI::ops {

/// y = x[starts : ends : steps] along axes, as numpy slices: out of range ends are clamped, negative ones count from the end.
/// Inputs: x, starts, ends, axes (0, 1, …), steps (1).
/// Source: ONNX Slice, opsets 1 to 13.
struct Slice {
  static constexpr std::string_view name = "Slice";
  static constexpr Arity arity{.min_inputs = 3, .max_inputs = 5};
  static constexpr OpTraits traits{.shape_inputs = inputs(1, 2, 3, 4)};

  void attributes(auto& a) {
    if (a.opset() < 10) {
      a.moved_to_input("starts", 1);
      a.moved_to_input("ends", 2);
      a.moved_to_input("axes", 3);
    }
  }

  /// The elements start, start + step, … of one dimension, `count` of them.
  struct Range {
    std::int64_t start = 0;
    std::int64_t step = 1;
    std::int64_t count = 0;
  };
  using Ranges = std::array<Range, Shape::max_rank>;

  void shapes(const ShapeContext& c) const {
    const auto optional = [&](std::size_t i) { return c.has_input(i) ? &c.tensor(i) : nullptr; };
    Shape to = c.shape(0);
    const Ranges ranges = resolve(to, c.tensor(1), c.tensor(2), optional(3), optional(4));
    for (std::size_t i = 0; i < to.rank(); ++i) to[i] = ranges[i].count;
    c.output(0, to);
  }
  /// One range per dimension of `from`; `axes` and `steps` may be null.
  /// Errors: invalid_argument.
  static Ranges resolve(const Shape& from, const TensorRef& starts, const TensorRef& ends, const TensorRef* axes, const TensorRef* steps) {
    const std::int64_t given = starts.elements();
    if (ends.elements() != given || (axes != nullptr && axes->elements() != given) || (steps != nullptr && steps->elements() != given)) {
      fail(ErrorCode::invalid_argument, "starts, ends, axes and steps must have the same number of elements");
    }
    Ranges ranges;
    for (std::size_t i = 0; i < from.rank(); ++i) ranges[i].count = from[i];
    AxisSet seen;
    for (std::int64_t i = 0; i < given; ++i) {
      const std::int64_t axis = axes != nullptr ? integer_at(*axes, i) : i;
      seen.insert(axis, from.rank());
      const std::int64_t step = steps != nullptr ? integer_at(*steps, i) : 1;
      if (step == 0) fail(ErrorCode::invalid_argument, "the step of axis ", axis, " is 0");
      const std::size_t d = normalized_axis(axis, from.rank());
      ranges[d] = range(from[d], integer_at(starts, i), integer_at(ends, i), step);
    }
    return ranges;
  }

 private:
  static Range range(std::int64_t dim, std::int64_t start, std::int64_t end, std::int64_t step) {
    // Steps beyond the dimension all take one element.
    step = std::clamp(step, -std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::max());
    if (start < 0) start += dim;
    if (end < 0) end += dim;
    Range result{0, step, 0};
    if (step > 0) {
      result.start = std::clamp<std::int64_t>(start, 0, dim);
      end = std::clamp<std::int64_t>(end, 0, dim);
      if (result.start < end) result.count = (end - result.start - 1) / step + 1;
    } else if (dim > 0) {
      result.start = std::clamp<std::int64_t>(start, 0, dim - 1);
      end = std::clamp<std::int64_t>(end, -1, dim - 1);
      if (result.start > end) result.count = (result.start - end - 1) / -step + 1;
    }
    if (result.count <= 1) result.step = 1;
    return result;
  }
};

}  // namespace hone::inline HONE_ABI::ops
