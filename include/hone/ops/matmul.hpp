#pragma once

#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>

namespace hone::inline HONE_ABI::ops {

/// y = a b, as numpy.matmul: matrix products over the last two dimensions, the others broadcast; a 1-D operand is a row on the left, a
/// column on the right. Shapes: a (*, M, K), b (*, K, N) -> y (*, M, N). Source: ONNX MatMul, opsets 1 to 13.
struct MatMul {
  static constexpr std::string_view name = "MatMul";
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 2};
  static constexpr OpTraits traits{.integers = StandIn::wider_integers};

  void shapes(const ShapeContext& c) const {
    Shape a = c.shape(0);
    Shape b = c.shape(1);
    if (a.rank() == 0 || b.rank() == 0)
      fail(ErrorCode::invalid_argument, "its inputs have shapes ", a, " and ", b, "; a scalar has no rows");
    const bool vector_a = a.rank() == 1;
    const bool vector_b = b.rank() == 1;
    if (vector_a) a.insert(0, 1);
    if (vector_b) b.push_back(1);
    if (a.back() != b[b.rank() - 2]) {
      fail(ErrorCode::invalid_argument, "its inputs have shapes ", c.shape(0), " and ", c.shape(1), ": ", a.back(),
           " columns on the left, ", b[b.rank() - 2], " rows on the right");
    }
    Shape y = broadcast(Shape(a.dims().first(a.rank() - 2)), Shape(b.dims().first(b.rank() - 2)));
    if (!vector_a) y.push_back(a[a.rank() - 2]);
    if (!vector_b) y.push_back(b.back());
    c.output(0, y);
  }
};

}  // namespace hone::inline HONE_ABI::ops
