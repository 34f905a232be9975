#pragma once

#include <cstdint>
#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>
#include <hone/ops/window.hpp>

namespace hone::inline HONE_ABI::ops {

/// Conv whose taps are displaced by offsets, with bilinear interpolation, and weighted by a mask.
/// Shapes: x (N, C, H, W), w (M, C / group, kh, kw), offset (N, offset_group kh kw 2, oh, ow), bias (M), mask (N, offset_group kh kw, oh,
/// ow)
/// -> y (N, M, oh, ow). Source: ONNX DeformConv, opsets 19 to 22.
struct DeformConv {
  static constexpr std::string_view name = "DeformConv";
  static constexpr Arity arity{.min_inputs = 3, .max_inputs = 5};

  Window window;
  std::int64_t group = 1;
  std::int64_t offset_group = 1;

  void attributes(auto& a) {
    window.attributes(a);
    a("group", group, 1);
    a("offset_group", offset_group, 1);
    if (group < 1 || offset_group < 1) fail(ErrorCode::invalid_graph, "group is ", group, " and offset_group ", offset_group);
  }
  void shapes(const ShapeContext& c) const {
    const Shape& x = c.shape(0);
    const Shape& w = c.shape(1);
    if (x.rank() != 4 || w.rank() != 4 || x[1] % group != 0 || x[1] / group != w[1] || w[0] % group != 0 || x[1] % offset_group != 0) {
      fail(ErrorCode::invalid_argument, "its input of shape ", x, " and its weights of shape ", w, " do not fit together");
    }
    const Shape y{x[0], w[0], window.axis(0, 2, x[2], w[2]).output, window.axis(1, 2, x[3], w[3]).output};
    const std::int64_t taps = checked_product(checked_product(offset_group, w[2]), w[3]);
    const auto check = [&](std::size_t i, const Shape& wanted) {
      if (c.has_input(i) && !(c.shape(i) == wanted))
        fail(ErrorCode::invalid_argument, "its input ", i, " has shape ", c.shape(i), "; expected ", wanted);
    };
    check(2, {x[0], checked_product(taps, 2), y[2], y[3]});
    check(3, {w[0]});
    check(4, {x[0], taps, y[2], y[3]});
    c.output(0, y);
  }
};

}  // namespace hone::inline HONE_ABI::ops
