#pragma once

#include <cstdint>
#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>
#include <hone/ops/dimensions.hpp>

namespace hone::inline HONE_ABI::ops {

/// y = x repeated input 1 [d] times along each dimension d.
/// In opset 1, input 1 is one number of repeats and input 2 the axis that they are for.
/// Source: ONNX Tile, opsets 1 to 13.
struct Tile {
  static constexpr std::string_view name = "Tile";
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 3};
  static constexpr OpTraits traits{.shape_inputs = inputs(1, 2)};

  void attributes(auto&) {}
  void shapes(const ShapeContext& c) const {
    Shape to = c.shape(0);
    if (c.has_input(2)) {
      repeat(to[normalized_axis(only_integer(c.tensor(2), "axis"), to.rank())], only_integer(c.tensor(1), "tiles"));
    } else {
      const TensorRef& repeats = c.tensor(1);
      if (repeats.elements() != static_cast<std::int64_t>(to.rank())) {
        fail(ErrorCode::invalid_argument, repeats.elements(), " repeats for an input of shape ", to);
      }
      for (std::size_t i = 0; i < to.rank(); ++i) repeat(to[i], integer_at(repeats, static_cast<std::int64_t>(i)));
    }
    c.output(0, to);
  }

 private:
  static void repeat(std::int64_t& dim, std::int64_t times) {
    if (times < 0) fail(ErrorCode::invalid_argument, "repeats must not be negative, but one is ", times);
    dim = checked_product(dim, times);
  }
};

/// y = x broadcast to the shape of input 1, in both directions as numpy does.
/// Source: ONNX Expand, opsets 8 to 13.
struct Expand {
  static constexpr std::string_view name = "Expand";
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 2};
  static constexpr OpTraits traits{.shape_inputs = inputs(1)};

  void shapes(const ShapeContext& c) const {
    check_list(c.tensor(1), "the shape");
    const Shape wanted(c.int64s(1));
    for (const std::int64_t dim : wanted)
      if (dim < 0) fail(ErrorCode::invalid_argument, "the shape holds ", dim);
    c.output(0, broadcast(c.shape(0), wanted));
  }
};

}  // namespace hone::inline HONE_ABI::ops
