#pragma once

#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>

namespace hone::inline HONE_ABI::ops {

/// y = a / (1 + exp(-alpha a)) * b. Shapes: a (*), b (*) -> y (*). Source: ONNX SwiGLU, opset 28.
struct SwiGLU {
  static constexpr std::string_view name = "SwiGLU";
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 2};
  static constexpr OpTraits traits{.in_place = inputs(0, 1)};

  float alpha = 1;

  void attributes(auto& a) { a("alpha", alpha, 1.0f); }
  void shapes(const ShapeContext& c) const {
    if (!(c.shape(0) == c.shape(1))) fail(ErrorCode::invalid_argument, "its inputs have shapes ", c.shape(0), " and ", c.shape(1));
    c.output(0, c.shape(0));
  }
};

}  // namespace hone::inline HONE_ABI::ops
