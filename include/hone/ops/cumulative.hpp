#pragma once

#include <cstdint>
#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>
#include <hone/ops/dimensions.hpp>

namespace hone::inline HONE_ABI::ops {

/// What CumSum and CumProd share: y[i] = x[0] op … op x[i] along the axis in input 1; from the other end when reverse; without x[i]
/// when exclusive.
struct Cumulative {
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 2};
  static constexpr OpTraits traits{.shape_inputs = inputs(1)};

  bool exclusive = false;
  bool reverse = false;

  void attributes(auto& a) {
    a("exclusive", exclusive, false);
    a("reverse", reverse, false);
  }
  void shapes(const ShapeContext& c) const {
    (void)normalized_axis(only_integer(c.tensor(1), "axis"), c.shape(0).rank());
    c.output(0, c.shape(0));
  }
};

/// Source: ONNX CumSum, opsets 11 to 14.
struct CumSum : Cumulative {
  static constexpr std::string_view name = "CumSum";
};

/// Source: ONNX CumProd, opset 26.
struct CumProd : Cumulative {
  static constexpr std::string_view name = "CumProd";
};

}  // namespace hone::inline HONE_ABI::ops
