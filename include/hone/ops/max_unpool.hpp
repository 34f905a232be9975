#pragma once

#include <cstdint>
#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>
#include <hone/ops/dimensions.hpp>
#include <hone/ops/window.hpp>

namespace hone::inline HONE_ABI::ops {

/// Puts the maxima that MaxPool found back where they were, with zeros around them. The indices are those in a tensor of the shape that the
/// window gives; a larger output shape adds zeros at the ends.
/// Shapes: x (N, C, *), indices as x, output shape -> y (N, C, *). Source: ONNX MaxUnpool, opsets 9 to 22.
struct MaxUnpool {
  static constexpr std::string_view name = "MaxUnpool";
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 3};
  static constexpr InputTypes input_types[] = {{inputs(1), DTypeSet{DType::int64}}};
  static constexpr OpTraits traits{.shape_inputs = inputs(2)};

  Window window;

  void attributes(auto& a) { window.attributes(a); }
  /// The shape that the window gives.
  [[nodiscard]] Shape unpooled(const Shape& x) const {
    if (x.rank() < 3 || window.kernel_shape.size() != x.rank() - 2) fail(ErrorCode::invalid_argument, "its input has shape ", x);
    Shape y{x[0], x[1]};
    for (std::size_t i = 2; i < x.rank(); ++i) y.push_back(window.transposed_axis(i - 2, x.rank() - 2, x[i], 1, 0, {}).output);
    return y;
  }
  void shapes(const ShapeContext& c) const {
    const Shape inner = unpooled(c.shape(0));
    if (!(c.shape(0) == c.shape(1))) fail(ErrorCode::invalid_argument, "x has shape ", c.shape(0), ", its indices ", c.shape(1));
    if (!c.has_input(2)) return c.output(0, inner);
    check_list(c.tensor(2), "the output shape");
    const Shape y(c.int64s(2));
    bool fits = y.rank() == inner.rank();
    for (std::size_t i = 0; fits && i < y.rank(); ++i) fits = y[i] >= inner[i];
    if (!fits) fail(ErrorCode::invalid_argument, "the output shape ", y, " does not hold ", inner);
    c.output(0, y);
  }
};

}  // namespace hone::inline HONE_ABI::ops
