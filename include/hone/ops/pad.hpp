#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>
#include <hone/ops/dimensions.hpp>

namespace hone::inline HONE_ABI::ops {

/// y = x with elements added (or, for negative pads, taken away) at both ends of each axis.
/// Inputs: x, pads (all begins, then all ends), constant_value (0), axes (0, 1, …).
/// Modes: constant; reflect, without repeating the edge, to any width; edge; wrap.
/// Source: ONNX Pad, opsets 1 to 25.
struct Pad {
  static constexpr std::string_view name = "Pad";
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 4};
  static constexpr OpTraits traits{.shape_inputs = inputs(1, 3)};
  enum class Mode : std::uint8_t { constant, reflect, edge, wrap };

  Mode mode = Mode::constant;

  void attributes(auto& a) {
    std::string text;
    a("mode", text, "constant");
    mode = parse(text);
    if (a.opset() < 11) {
      a.moved_to_input(a.opset() < 2 ? "paddings" : "pads", 1);
      a.moved_to_input("value", 2, true);
    }
  }

  /// What becomes of one dimension: `kept` elements from `first` on stay, `before` are added in front of them and `after` behind.
  struct Extent {
    std::int64_t first = 0;
    std::int64_t kept = 0;
    std::int64_t before = 0;
    std::int64_t after = 0;
  };
  using Extents = std::array<Extent, Shape::max_rank>;

  void shapes(const ShapeContext& c) const {
    Shape to = c.shape(0);
    const Extents extents = resolve(to, c.tensor(1), c.has_input(3) ? &c.tensor(3) : nullptr);
    for (std::size_t i = 0; i < to.rank(); ++i) {
      const Extent& extent = extents[i];
      if (mode != Mode::constant && extent.kept == 0 && (extent.before > 0 || extent.after > 0)) {
        fail(ErrorCode::invalid_argument, "dimension ", i, " has no elements to pad with");
      }
      to[i] = checked_sum(checked_sum(extent.before, extent.kept), extent.after);
    }
    if (c.has_input(2) && c.shape(2).elements() > 1) fail(ErrorCode::invalid_argument, "constant_value must be a scalar");
    c.output(0, to);
  }
  /// One extent per dimension of `from`; `axes` may be null. Errors: invalid_argument.
  static Extents resolve(const Shape& from, const TensorRef& pads, const TensorRef* axes) {
    check_list(pads, "pads");
    const std::int64_t given = axes != nullptr ? axes->elements() : static_cast<std::int64_t>(from.rank());
    if (pads.elements() != 2 * given) fail(ErrorCode::invalid_argument, pads.elements(), " pads for ", given, " axes");
    Extents extents;
    for (std::size_t i = 0; i < from.rank(); ++i) extents[i].kept = from[i];
    AxisSet seen;
    for (std::int64_t i = 0; i < given; ++i) {
      const std::int64_t axis = axes != nullptr ? integer_at(*axes, i) : i;
      seen.insert(axis, from.rank());
      Extent& extent = extents[normalized_axis(axis, from.rank())];
      const std::int64_t before = integer_at(pads, i);
      const std::int64_t after = integer_at(pads, given + i);
      const std::int64_t dim = extent.kept;
      extent.first = before < 0 ? -std::max(before, -dim - 1) : 0;
      extent.kept = dim - extent.first - (after < 0 ? -std::max(after, -dim - 1) : 0);
      extent.before = std::max<std::int64_t>(before, 0);
      extent.after = std::max<std::int64_t>(after, 0);
      if (extent.kept < 0)
        fail(ErrorCode::invalid_argument, "pads of ", before, " and ", after, " take more than the ", dim, " elements of axis ", axis);
    }
    return extents;
  }

 private:
  static Mode parse(std::string_view text) {
    constexpr std::string_view names[] = {"constant", "reflect", "edge", "wrap"};
    for (std::uint8_t i = 0; i < std::size(names); ++i)
      if (text == names[i]) return static_cast<Mode>(i);
    fail(ErrorCode::invalid_graph, "unknown mode '", text, "'");
  }
};

}  // namespace hone::inline HONE_ABI::ops
