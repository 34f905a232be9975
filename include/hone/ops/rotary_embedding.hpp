#pragma once

#include <cstdint>
#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>

namespace hone::inline HONE_ABI::ops {

/// Rotates the pairs (x[i], x[i + R / 2]), or (x[2 i], x[2 i + 1]) when interleaved, of the first R elements of each head by the angle of
/// its position. Shapes: x (B, H, S, D) or (B, S, H D), cos and sin (P, R / 2) with position ids (B, S), or (B, S, R / 2) without -> y as
/// x. Source: ONNX RotaryEmbedding, opset 23.
struct RotaryEmbedding {
  static constexpr std::string_view name = "RotaryEmbedding";
  static constexpr Arity arity{.min_inputs = 3, .max_inputs = 4};
  static constexpr InputTypes input_types[] = {{inputs(3), DTypeSet{DType::int64}}};
  static constexpr OpTraits traits{};

  bool interleaved = false;
  std::int64_t num_heads = 0;
  std::int64_t rotary_dim = 0;  ///< 0 for the whole head

  void attributes(auto& a) {
    a("interleaved", interleaved, 0);
    a("num_heads", num_heads, 0);
    a("rotary_embedding_dim", rotary_dim, 0);
  }

  struct Sizes {
    std::int64_t batch, heads, length, size, rotated;
  };
  [[nodiscard]] Sizes sizes(const Shape& x) const {
    Sizes s{};
    if (x.rank() == 4) {
      s = {x[0], x[1], x[2], x[3], 0};
    } else {
      if (x.rank() != 3 || num_heads < 1 || x[2] % num_heads != 0) {
        fail(ErrorCode::invalid_argument, "its input has shape ", x, "; expected (B, H, S, D), or (B, S, H D) with H = ", num_heads,
             " heads");
      }
      s = {x[0], num_heads, x[1], x[2] / num_heads, 0};
    }
    s.rotated = rotary_dim == 0 ? s.size : rotary_dim;
    if (s.rotated < 0 || s.rotated > s.size || s.rotated % 2 != 0) {
      fail(ErrorCode::invalid_argument, s.rotated, " elements of heads of ", s.size, " cannot be rotated in pairs");
    }
    return s;
  }
  void shapes(const ShapeContext& c) const {
    const Sizes s = sizes(c.shape(0));
    const Shape& table = c.shape(1);
    bool fits = c.shape(2) == table && table.rank() == (c.has_input(3) ? 2 : 3) && table.back() == s.rotated / 2;
    if (c.has_input(3)) {
      fits = fits && c.shape(3) == Shape{s.batch, s.length};
    } else {
      fits = fits && table[0] == s.batch && table[1] == s.length;
    }
    if (!fits) {
      fail(ErrorCode::invalid_argument, "cos and sin have shapes ", table, " and ", c.shape(2), ", which do not fit x of shape ",
           c.shape(0));
    }
    c.output(0, c.shape(0));
  }
};

}  // namespace hone::inline HONE_ABI::ops
