#pragma once

#include <cstdint>
#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>
#include <hone/ops/dimensions.hpp>

namespace hone::inline HONE_ABI::ops {

/// y = values[1] where the coordinate along the added axis is the index, else values[0]. Inputs: indices, depth, values.
/// Negative indices count from depth; those outside [-depth, depth) give values[0] throughout.
/// Source: ONNX OneHot, opsets 9 to 28.
struct OneHot {
  static constexpr std::string_view name = "OneHot";
  static constexpr Arity arity{.min_inputs = 3, .max_inputs = 3};
  static constexpr OpTraits traits{.shape_inputs = inputs(1)};
  static constexpr std::size_t type_input = 2;
  static constexpr InputTypes input_types[] = {{inputs(0), real_numbers}};

  std::int64_t axis = -1;

  void attributes(auto& a) { a("axis", axis, -1); }
  void types(const TypeContext& c) const { c.output(0, c.input(2)); }
  void shapes(const ShapeContext& c) const {
    const std::int64_t depth = only_integer(c.tensor(1), "depth");
    if (depth < 0) fail(ErrorCode::invalid_argument, "depth is ", depth);
    if (c.shape(2).elements() != 2) fail(ErrorCode::invalid_argument, "values must hold two elements, but its shape is ", c.shape(2));
    Shape to = c.shape(0);
    to.insert(normalized_axis(axis, to.rank() + 1), depth);
    c.output(0, to);
  }
};

}  // namespace hone::inline HONE_ABI::ops
