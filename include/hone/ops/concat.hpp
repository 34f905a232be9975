#pragma once

#include <cstdint>
#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>
#include <hone/ops/dimensions.hpp>

namespace hone::inline HONE_ABI::ops {

/// y = the inputs one after the other along axis; they agree in all other dimensions.
/// Source: ONNX Concat, opsets 1 to 13.
struct Concat {
  static constexpr std::string_view name = "Concat";
  static constexpr Arity arity{.min_inputs = 1, .max_inputs = Arity::any};
  static constexpr OpTraits traits{.joins = true};

  std::int64_t axis = 1;

  void attributes(auto& a) {
    if (a.opset() < 4) {
      a("axis", axis, 1);
    } else {
      a.required("axis", axis);
    }
  }
  void shapes(const ShapeContext& c) const {
    Shape to = c.shape(0);
    const std::size_t along = normalized_axis(axis, to.rank());
    for (std::size_t i = 1; i < c.input_count(); ++i) {
      const Shape& from = c.shape(i);
      bool fits = from.rank() == to.rank();
      for (std::size_t d = 0; fits && d < to.rank(); ++d) fits = d == along || from[d] == to[d];
      if (!fits) {
        fail(ErrorCode::invalid_argument, "inputs of the shapes ", c.shape(0), " and ", from, " cannot be joined along axis ", axis);
      }
      to[along] = checked_sum(to[along], from[along]);
    }
    c.output(0, to);
  }
};

}  // namespace hone::inline HONE_ABI::ops
