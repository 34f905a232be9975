#pragma once

#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>

namespace hone::inline HONE_ABI::ops {

/// y = alpha a' b' + beta c, where a' is a or its transpose and b' is b or its transpose.
/// Shapes: a' (M, K), b' (K, N), c broadcast to (M, N) -> y (M, N). Source: ONNX Gemm, opsets 1 to 13.
struct Gemm {
  static constexpr std::string_view name = "Gemm";
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 3};
  static constexpr OpTraits traits{.integers = StandIn::wider_integers};

  float alpha = 1;
  float beta = 1;
  bool trans_a = false;
  bool trans_b = false;

  void attributes(auto& a) {
    a("alpha", alpha, 1.0f);
    a("beta", beta, 1.0f);
    a("transA", trans_a, 0);
    a("transB", trans_b, 0);
    if (a.opset() < 7) a.ignored("broadcast");  // c is broadcast wherever its shape asks for it
  }

  void shapes(const ShapeContext& c) const {
    const Shape& a = c.shape(0);
    const Shape& b = c.shape(1);
    if (a.rank() != 2 || b.rank() != 2)
      fail(ErrorCode::invalid_argument, "its inputs have shapes ", a, " and ", b, "; both must be matrices");
    const Shape y{a[trans_a ? 1 : 0], b[trans_b ? 0 : 1]};
    const std::int64_t k = a[trans_a ? 0 : 1];
    if (k != b[trans_b ? 1 : 0]) {
      fail(ErrorCode::invalid_argument, "its inputs have shapes ", a, " and ", b, ": ", k, " columns on the left, ", b[trans_b ? 1 : 0],
           " rows on the right");
    }
    if (c.has_input(2) && !(broadcast(c.shape(2), y) == y)) {
      fail(ErrorCode::invalid_argument, "its input 2 of shape ", c.shape(2), " cannot be broadcast to ", y);
    }
    c.output(0, y);
  }
};

}  // namespace hone::inline HONE_ABI::ops
