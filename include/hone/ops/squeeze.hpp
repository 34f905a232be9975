#pragma once

#include <cstdint>
#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>
#include <hone/ops/dimensions.hpp>

namespace hone::inline HONE_ABI::ops {

/// y = x without the dimensions of size 1 that input 1 names, or without all of them.
/// Source: ONNX Squeeze, opsets 1 to 25.
struct Squeeze {
  static constexpr std::string_view name = "Squeeze";
  static constexpr Arity arity{.min_inputs = 1, .max_inputs = 2};
  static constexpr OpTraits traits{.shape_inputs = inputs(1), .alias = true};

  void attributes(auto& a) {
    if (a.opset() < 13) a.moved_to_input("axes", 1);
  }
  void shapes(const ShapeContext& c) const {
    const Shape& from = c.shape(0);
    const bool all = !c.has_input(1);
    const AxisSet axes = all ? AxisSet() : AxisSet::of(c.tensor(1), from.rank());
    Shape to;
    for (std::size_t i = 0; i < from.rank(); ++i) {
      const bool named = axes.contains(i);
      if (named && from[i] != 1) fail(ErrorCode::invalid_argument, "axis ", i, " of the shape ", from, " is not of size 1");
      if (!(named || (all && from[i] == 1))) to.push_back(from[i]);
    }
    c.output(0, to);
  }
};

/// y = x with a dimension of size 1 at each axis of y that input 1 names.
/// Source: ONNX Unsqueeze, opsets 1 to 25.
struct Unsqueeze {
  static constexpr std::string_view name = "Unsqueeze";
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 2};
  static constexpr OpTraits traits{.shape_inputs = inputs(1), .alias = true};

  void attributes(auto& a) {
    if (a.opset() < 13) a.moved_to_input("axes", 1);
  }
  void shapes(const ShapeContext& c) const {
    const Shape& from = c.shape(0);
    const std::size_t rank = from.rank() + static_cast<std::size_t>(c.tensor(1).elements());
    if (rank > Shape::max_rank) fail(ErrorCode::invalid_argument, "the output would have ", rank, " dimensions");
    const AxisSet axes = AxisSet::of(c.tensor(1), rank);
    Shape to;
    for (std::size_t i = 0, next = 0; i < rank; ++i) to.push_back(axes.contains(i) ? 1 : from[next++]);
    c.output(0, to);
  }
};

}  // namespace hone::inline HONE_ABI::ops
