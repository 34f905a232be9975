#pragma once

#include <string>
#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>

namespace hone::inline HONE_ABI::ops {

/// y[b, c, t] = act(bias[c] + sum_i w[c, 0, i] z[b, c, t + i]) with z = (past state, x) along the last axis; act is the identity or
/// x sigmoid(x). Shapes: x (B, C, T), w (C, 1, K), bias (C), past state (B, C, K - 1), zeros without -> y (B, C, T), the last K - 1 of z.
/// Source: ONNX CausalConvWithState, opset 27.
struct CausalConvWithState {
  static constexpr std::string_view name = "CausalConvWithState";
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 4, .max_outputs = 2};

  bool silu = false;

  void attributes(auto& a) {
    std::string activation;
    a("activation", activation, "none");
    silu = activation == "silu" || activation == "swish";
    if (!silu && activation != "none") fail(ErrorCode::invalid_graph, "unknown activation '", activation, "'");
  }
  void shapes(const ShapeContext& c) const {
    const Shape& x = c.shape(0);
    const Shape& w = c.shape(1);
    if (x.rank() != 3 || w.rank() != 3 || w[0] != x[1] || w[1] != 1 || w[2] < 1) {
      fail(ErrorCode::invalid_argument, "its inputs have shapes ", x, " and ", w, "; expected (B, C, T) and (C, 1, K)");
    }
    const Shape state{x[0], x[1], w[2] - 1};
    if (c.has_input(2) && !(c.shape(2) == Shape{x[1]})) fail(ErrorCode::invalid_argument, "the bias has shape ", c.shape(2));
    if (c.has_input(3) && !(c.shape(3) == state)) {
      fail(ErrorCode::invalid_argument, "the past state has shape ", c.shape(3), "; expected ", state);
    }
    c.output(0, x);
    c.output(1, state);
  }
};

}  // namespace hone::inline HONE_ABI::ops
