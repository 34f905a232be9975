#pragma once

#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>

namespace hone::inline HONE_ABI::ops {

/// The determinants of square matrices. Shapes: x (*, M, M) -> y (*). Source: ONNX Det, opsets 11 to 22.
struct Det {
  static constexpr std::string_view name = "Det";
  void shapes(const ShapeContext& c) const {
    const Shape& x = c.shape(0);
    if (x.rank() < 2 || x[x.rank() - 1] != x[x.rank() - 2])
      fail(ErrorCode::invalid_argument, "its input has shape ", x, "; expected (*, M, M)");
    c.output(0, Shape(x.dims().first(x.rank() - 2)));
  }
};

}  // namespace hone::inline HONE_ABI::ops
