#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>
#include <hone/ops/window.hpp>

namespace hone::inline HONE_ABI::ops {

/// y[n, m, o] = bias[m] + sum over c, k of x[n, c, o * stride + k * dilation - pad] * w[m, c, k], channels in `group` separate groups.
/// Shapes: x (N, C, *), w (M, C / group, *kernel), bias (M) -> y (N, M, *). Source: ONNX Conv, opsets 1 to 22.
struct Conv {
  static constexpr std::string_view name = "Conv";
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 3};

  Window window;
  std::int64_t group = 1;

  void attributes(auto& a) {
    window.attributes(a);
    a("group", group, 1);
    if (group < 1) fail(ErrorCode::invalid_graph, "the attribute 'group' is ", group, "; it must be at least 1");
  }
  void shapes(const ShapeContext& c) const {
    const Shape& x = c.shape(0);
    const Shape& w = c.shape(1);
    if (x.rank() < 3 || w.rank() != x.rank()) {
      fail(ErrorCode::invalid_argument, "its inputs have shapes ", x, " and ", w, "; expected (N, C, *) and (M, C / group, *)");
    }
    if (x[1] % group != 0 || x[1] / group != w[1] || w[0] % group != 0) {
      fail(ErrorCode::invalid_argument, "its input of shape ", x, " and its weights of shape ", w, " do not agree on channels with group ",
           group);
    }
    if (c.has_input(2) && !(c.shape(2) == Shape{w[0]})) {
      fail(ErrorCode::invalid_argument, "its bias has shape ", c.shape(2), "; expected ", Shape{w[0]});
    }
    Shape y{x[0], w[0]};
    const std::size_t rank = x.rank() - 2;
    for (std::size_t i = 0; i < rank; ++i) {
      if (!window.kernel_shape.empty() && i < window.kernel_shape.size() && window.kernel_shape[i] != w[i + 2]) {
        fail(ErrorCode::invalid_argument, "its weights have shape ", w, ", but kernel_shape is (", join(window.kernel_shape, ", "), ")");
      }
      y.push_back(window.axis(i, rank, x[i + 2], w[i + 2]).output);
    }
    c.output(0, y);
  }
};

/// The gradient of Conv with respect to its input: each x[n, c, i] adds x * w[c, m, k] to y[n, m, i * stride + k * dilation - pad].
/// Shapes: x (N, C, *), w (C, M / group, *kernel), bias (M) -> y (N, M, *). Source: ONNX ConvTranspose, opsets 1 to 22.
struct ConvTranspose {
  static constexpr std::string_view name = "ConvTranspose";
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 3};

  Window window;
  std::int64_t group = 1;
  std::vector<std::int64_t> output_padding;
  std::vector<std::int64_t> output_shape;

  void attributes(auto& a) {
    window.attributes(a);
    a("group", group, 1);
    a("output_padding", output_padding, std::vector<std::int64_t>{});
    a("output_shape", output_shape, std::vector<std::int64_t>{});
    if (group < 1) fail(ErrorCode::invalid_graph, "the attribute 'group' is ", group, "; it must be at least 1");
    for (const std::int64_t padding : output_padding)
      if (padding < 0) fail(ErrorCode::invalid_graph, "the attribute 'output_padding' holds ", padding);
  }
  /// The window along spatial dimension `i`.
  [[nodiscard]] Window::Axis axis(std::size_t i, const Shape& x, const Shape& w) const {
    const std::size_t rank = x.rank() - 2;
    if ((!output_padding.empty() && output_padding.size() != rank) || (!output_shape.empty() && output_shape.size() < rank)) {
      fail(ErrorCode::invalid_argument, "output_padding or output_shape does not have ", rank, " values");
    }
    return window.transposed_axis(i, rank, x[i + 2], w[i + 2], output_padding.empty() ? 0 : output_padding[i], output_shape);
  }
  void shapes(const ShapeContext& c) const {
    const Shape& x = c.shape(0);
    const Shape& w = c.shape(1);
    if (x.rank() < 3 || w.rank() != x.rank()) {
      fail(ErrorCode::invalid_argument, "its inputs have shapes ", x, " and ", w, "; expected (N, C, *) and (C, M / group, *)");
    }
    if (x[1] != w[0] || w[0] % group != 0) {
      fail(ErrorCode::invalid_argument, "its input of shape ", x, " and its weights of shape ", w, " do not agree on channels with group ",
           group);
    }
    Shape y{x[0], checked_product(w[1], group)};
    if (c.has_input(2) && !(c.shape(2) == Shape{y[1]}))
      fail(ErrorCode::invalid_argument, "its bias has shape ", c.shape(2), "; expected ", Shape{y[1]});
    for (std::size_t i = 0; i + 2 < x.rank(); ++i) y.push_back(axis(i, x, w).output);
    c.output(0, y);
  }
};

}  // namespace hone::inline HONE_ABI::ops
