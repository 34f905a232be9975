#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>

namespace hone::inline HONE_ABI::ops {

/// Attention with a state of fixed size per head, S (D, E), updated token by token:
///   S = exp(decay) S                                where the rule is gated
///   v = beta (v - S^T k)                            where the rule has a delta
///   S = S + k v^T,  y = scale S^T q
/// Shapes: q (B, T, Hq D), k (B, T, H D), v (B, T, H E), past state (B, H, D, E), decay (B, T, H) or (B, T, H D), beta (B, T, H) or
/// (B, T, 1) -> y (B, T, Hq E), state (B, H, D, E). Source: ONNX LinearAttention, opset 27.
struct LinearAttention {
  static constexpr std::string_view name = "LinearAttention";
  static constexpr Arity arity{.min_inputs = 3, .max_inputs = 6, .max_outputs = 2};
  static constexpr InputTypes input_types[] = {{inputs(3)}};

  std::int64_t q_num_heads = 0;
  std::int64_t kv_num_heads = 0;
  float scale = 0;  ///< 0 for 1 / sqrt(D)
  bool gated = false;
  bool delta = false;

  void attributes(auto& a) {
    std::string rule;
    a.required("q_num_heads", q_num_heads);
    a.required("kv_num_heads", kv_num_heads);
    a("scale", scale, 0.0f);
    a("update_rule", rule, "gated_delta");
    a.ignored("chunk_size");  // a hint
    gated = rule == "gated" || rule == "gated_delta";
    delta = rule == "delta" || rule == "gated_delta";
    if (!gated && !delta && rule != "linear") fail(ErrorCode::invalid_graph, "unknown update_rule '", rule, "'");
    if (kv_num_heads < 1 || q_num_heads < 1 || q_num_heads % kv_num_heads != 0) {
      fail(ErrorCode::invalid_graph, "q_num_heads is ", q_num_heads, "; it must be a multiple of kv_num_heads, ", kv_num_heads);
    }
  }
  void types(const TypeContext& c) const {
    if (c.input(4).is_known() != gated) fail(ErrorCode::invalid_graph, gated ? "decay is missing" : "the update rule takes no decay");
    if (c.input(5).is_known() != delta) fail(ErrorCode::invalid_graph, delta ? "beta is missing" : "the update rule takes no beta");
    c.output(0, c.input(0));
    c.output(1, c.input(3).is_known() ? c.input(3) : c.input(0));
  }
  void shapes(const ShapeContext& c) const {
    const Shape& q = c.shape(0);
    const Shape& k = c.shape(1);
    const Shape& v = c.shape(2);
    bool fits = q.rank() == 3 && k.rank() == 3 && v.rank() == 3;
    for (std::size_t i = 0; fits && i < 2; ++i) fits = k[i] == q[i] && v[i] == q[i];
    fits = fits && q[2] % q_num_heads == 0 && v[2] % kv_num_heads == 0 && k[2] == q[2] / q_num_heads * kv_num_heads;
    if (!fits) fail(ErrorCode::invalid_argument, "queries ", q, ", keys ", k, " and values ", v, " do not fit together");
    const Shape state{q[0], kv_num_heads, q[2] / q_num_heads, v[2] / kv_num_heads};
    if (c.has_input(3) && !(c.shape(3) == state)) {
      fail(ErrorCode::invalid_argument, "the past state has shape ", c.shape(3), "; expected ", state);
    }
    if (c.has_input(4)) check(c.shape(4), q, kv_num_heads, k[2], "decay");
    if (c.has_input(5)) check(c.shape(5), q, kv_num_heads, 1, "beta");
    c.output(0, {q[0], q[1], v[2] / kv_num_heads * q_num_heads});
    c.output(1, state);
  }

 private:
  static void check(const Shape& shape, const Shape& q, std::int64_t size, std::int64_t other, std::string_view what) {
    if (shape.rank() == 3 && shape[0] == q[0] && shape[1] == q[1] && (shape[2] == size || shape[2] == other)) return;
    fail(ErrorCode::invalid_argument, what, " has shape ", shape, "; expected ", Shape{q[0], q[1], size}, " or ", Shape{q[0], q[1], other});
  }
};

}  // namespace hone::inline HONE_ABI::ops
