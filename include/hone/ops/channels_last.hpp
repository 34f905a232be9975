#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>
#include <hone/ops/pool.hpp>
#include <hone/ops/quantized_product.hpp>

/// Operators on tensors (N, *, C), whose channels come last: the layout in which products of bytes are fastest. The rewrites at level `all`
/// put them, between Transposes, in place of the operators of the standard on (N, C, *).
namespace hone::inline HONE_ABI::ops {

namespace detail {

/// (N, *, C) as (N, C, *). Errors: invalid_argument for fewer than three dimensions.
[[nodiscard]] inline Shape channels_first(const Shape& x) {
  if (x.rank() < 3) fail(ErrorCode::invalid_argument, "its input has shape ", x, "; expected (N, spatial dimensions, C)");
  Shape y = x;
  for (std::size_t i = x.rank() - 1; i > 1; --i) y[i] = x[i - 1];
  y[1] = x.back();
  return y;
}
[[nodiscard]] inline Shape channels_last(const Shape& x) {
  Shape y = x;
  for (std::size_t i = 1; i + 1 < x.rank(); ++i) y[i] = x[i + 1];
  y[x.rank() - 1] = x[1];
  return y;
}

/// Calls Op::shapes with input 0 as (N, C, *), and gives its output as (N, *, C).
template <class Op>
void channels_last_shapes(const Op& op, const ShapeContext& c) {
  std::array<TensorRef, 9> tensors;
  std::array<const TensorRef*, 9> inputs{};
  for (std::size_t i = 0; i < c.input_count() && i < inputs.size(); ++i) {
    if (!c.has_input(i)) continue;
    tensors[i] = {nullptr, c.dtype(i), i == 0 ? channels_first(c.shape(0)) : c.shape(i)};
    inputs[i] = &tensors[i];
  }
  std::array<Shape, 1> y;
  op.Op::shapes(ShapeContext(std::span(inputs).first(c.input_count()), y));
  c.output(0, channels_last(y[0]));
}

}  // namespace detail

/// QLinearConv, and Relu before its result is rounded. Shapes: x (N, *, C), w (M, C / group, *kernel) -> y (N, *, M).
/// All inputs but x are constants.
struct ChannelsLastQLinearConv : QLinearConv {
  static constexpr std::string_view domain = "hone";
  static constexpr std::string_view name = "ChannelsLastQLinearConv";

  bool relu = false;

  void attributes(auto& a) {
    QLinearConv::attributes(a);
    a("relu", relu, 0);
  }
  void shapes(const ShapeContext& c) const { detail::channels_last_shapes<QLinearConv>(*this, c); }
};

/// MaxPool of bytes. Shapes: x (N, *, C) -> y (N, *, C).
struct ChannelsLastMaxPool : Pool {
  static constexpr std::string_view domain = "hone";
  static constexpr std::string_view name = "ChannelsLastMaxPool";
  void shapes(const ShapeContext& c) const { detail::channels_last_shapes<Pool>(*this, c); }
};

}  // namespace hone::inline HONE_ABI::ops
