#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/graph.hpp>
#include <hone/graph/operator.hpp>
#include <hone/ops/dimensions.hpp>

namespace hone::inline HONE_ABI::ops {

/// y = softmax(softcap(scale q k^T) + mask) v, head by head; q heads share the heads of k and v in groups of neighbours.
/// Shapes: q (B, Hq, S, D), k (B, H, L, D), v (B, H, L, E) -> y (B, Hq, S, E), or with heads packed: q (B, S, Hq D) -> y (B, S, Hq E).
/// Inputs 3 to 6: mask (broadcast to B, Hq, S, P + L), bool or added; past key (B, H, P, D) and value, which stand before k and v;
/// number of keys per batch that are no padding (B). Outputs 1 to 3: keys and values with the past ones, and the scores
/// (B, Hq, S, P + L) as they are after the step `scores_mode`.
/// A query that may attend to no key gets zeros. Source: ONNX Attention, opsets 23 to 25.
struct Attention {
  static constexpr std::string_view name = "Attention";
  static constexpr int since = 23;
  static constexpr Arity arity{.min_inputs = 3, .max_inputs = 7, .max_outputs = 4};
  static constexpr InputTypes input_types[] = {{inputs(2, 3, 5)}, {inputs(6), DTypeSet{DType::int64}}};
  enum class Scores : std::int64_t { product, capped, masked, softmax };

  std::optional<float> scale;  ///< 1 / sqrt(D) without
  float softcap = 0;           ///< x -> softcap tanh(x / softcap) unless 0
  bool causal = false;
  Scores scores_mode = Scores::product;
  std::int64_t q_num_heads = 0;
  std::int64_t kv_num_heads = 0;
  std::int64_t left_window = -1;   ///< keys before a query that it sees, -1 for all
  std::int64_t right_window = -1;  ///< keys after it

  void attributes(auto& a) {
    std::int64_t mode = 0;
    a("scale", scale);
    a("softcap", softcap, 0.0f);
    a("is_causal", causal, 0);
    a("qk_matmul_output_mode", mode, 0);
    a("q_num_heads", q_num_heads, 0);
    a("kv_num_heads", kv_num_heads, 0);
    a.ignored("softmax_precision");  // at least float32 always
    if (a.opset() >= 25) {
      a("left_window_size", left_window, -1);
      a("right_window_size", right_window, -1);
    }
    if (mode < 0 || mode > 3) fail(ErrorCode::invalid_graph, "qk_matmul_output_mode is ", mode, "; it must be 0 to 3");
    if (q_num_heads < 0 || kv_num_heads < 0) fail(ErrorCode::invalid_graph, "there are fewer than 0 heads");
    scores_mode = static_cast<Scores>(mode);
  }

  struct Sizes {
    std::int64_t batch, q_heads, heads, queries, past, keys, size, value_size;  ///< `keys` without the past ones
  };
  /// Errors: invalid_argument when the shapes do not fit. Null for an omitted `past`.
  [[nodiscard]] Sizes sizes(const Shape& q, const Shape& k, const Shape& v, const Shape* past) const {
    Sizes s{};
    const auto check = [&](bool good) {
      if (!good) fail(ErrorCode::invalid_argument, "queries ", q, ", keys ", k, " and values ", v, " do not fit together");
    };
    check((q.rank() == 3 || q.rank() == 4) && k.rank() == q.rank() && v.rank() == q.rank());
    if (q.rank() == 4) {
      s = {q[0], q[1], k[1], q[2], 0, k[2], q[3], v[3]};
      check(k[0] == q[0] && v[0] == q[0] && k[3] == q[3] && v[1] == k[1] && v[2] == k[2]);
    } else {
      if (q_num_heads == 0 || kv_num_heads == 0) {
        fail(ErrorCode::invalid_argument, "inputs of three dimensions need q_num_heads and kv_num_heads");
      }
      check(q[2] % q_num_heads == 0 && k[2] % kv_num_heads == 0 && v[2] % kv_num_heads == 0);
      s = {q[0], q_num_heads, kv_num_heads, q[1], 0, k[1], q[2] / q_num_heads, v[2] / kv_num_heads};
      check(k[0] == q[0] && v[0] == q[0] && v[1] == k[1] && k[2] / kv_num_heads == s.size);
    }
    check(s.heads == 0 ? s.q_heads == 0 : s.q_heads % s.heads == 0);
    if (past != nullptr) {
      if (past->rank() != 4 || (*past)[0] != s.batch || (*past)[1] != s.heads || (*past)[3] != s.size) {
        fail(ErrorCode::invalid_argument, "the past keys have shape ", *past, "; expected ", Shape{s.batch, s.heads, -1, s.size});
      }
      s.past = (*past)[2];
    }
    return s;
  }

  void shapes(const ShapeContext& c) const {
    const Sizes s = sizes(c.shape(0), c.shape(1), c.shape(2), c.has_input(4) ? &c.shape(4) : nullptr);
    const std::int64_t total = checked_sum(s.past, s.keys);
    if (c.has_input(4) != c.has_input(5)) fail(ErrorCode::invalid_argument, "past keys and past values come together");
    if (c.has_input(5) && !(c.shape(5) == Shape{s.batch, s.heads, s.past, s.value_size})) {
      fail(ErrorCode::invalid_argument, "the past values have shape ", c.shape(5), "; expected ",
           Shape{s.batch, s.heads, s.past, s.value_size});
    }
    if (c.has_input(3)) check_mask(c.shape(3), {s.batch, s.q_heads, s.queries, total});
    if (c.has_input(6) && c.shape(6).elements() != s.batch) {
      fail(ErrorCode::invalid_argument, "nonpad_kv_seqlen has shape ", c.shape(6), "; the batch is ", s.batch);
    }
    c.output(0, c.shape(0).rank() == 4 ? Shape{s.batch, s.q_heads, s.queries, s.value_size}
                                       : Shape{s.batch, s.queries, s.q_heads * s.value_size});
    c.output(1, {s.batch, s.heads, total, s.size});
    c.output(2, {s.batch, s.heads, total, s.value_size});
    c.output(3, {s.batch, s.q_heads, s.queries, total});
  }

 private:
  static void check_mask(const Shape& mask, const Shape& scores) {
    bool fits = mask.rank() >= 1 && mask.rank() <= 4;
    for (std::size_t i = 0; fits && i < mask.rank(); ++i) {
      const std::int64_t wanted = scores[i + 4 - mask.rank()];
      fits = i + 1 == mask.rank() ? mask[i] <= wanted : mask[i] == 1 || mask[i] == wanted;
    }
    if (!fits) fail(ErrorCode::invalid_argument, "the mask of shape ", mask, " does not fit scores of shape ", scores);
  }
};

/// y = prob_mod(softmax(score_mod(scale q k^T))) v with subgraphs, each optional, from scores (B, Hq, S, L) to scores.
/// Shapes: as Attention with four dimensions. Source: ONNX ai.onnx.preview FlexAttention, opset 1.
struct FlexAttention {
  static constexpr std::string_view domain = "ai.onnx.preview";
  static constexpr std::string_view name = "FlexAttention";
  static Type subgraph_input(std::span<const Type> inputs, std::size_t, std::size_t) { return inputs.empty() ? Type() : inputs[0]; }
  static constexpr Arity arity{.min_inputs = 3, .max_inputs = 3};

  std::optional<float> scale;
  std::optional<std::int64_t> precision;

  void attributes(auto& a) {
    a("scale", scale);
    a("softmax_precision", precision);
  }
  void types(const TypeContext& c) const {
    for (const Graph* graph : c.subgraphs()) {
      if (graph->inputs.size() != 1 || graph->outputs.size() != 1) fail(ErrorCode::invalid_graph, "a subgraph must map one tensor to one");
    }
    c.output(0, c.input(0));
  }
  void shapes(const ShapeContext& c) const {
    if (c.shape(0).rank() != 4) fail(ErrorCode::invalid_argument, "the queries have shape ", c.shape(0), "; four dimensions are needed");
    const Attention::Sizes s = Attention{}.sizes(c.shape(0), c.shape(1), c.shape(2), nullptr);
    c.output(0, {s.batch, s.q_heads, s.queries, s.value_size});
  }
};

}  // namespace hone::inline HONE_ABI::ops
