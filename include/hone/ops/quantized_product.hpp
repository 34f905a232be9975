#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>
#include <hone/ops/conv.hpp>
#include <hone/ops/matmul.hpp>
#include <hone/ops/quantize.hpp>

namespace hone::inline HONE_ABI::ops {

/// Where a product of quantized tensors has its inputs; no_input for those it does not have.
struct QuantizedInputs {
  static constexpr std::size_t no_input = 32;
  std::size_t a, a_scale, a_zero;
  std::size_t b, b_scale, b_zero;
  std::size_t y_scale, y_zero;
  std::size_t bias;

  /// Those of the inputs that there are.
  [[nodiscard]] static constexpr InputSet present(std::same_as<std::size_t> auto... index) noexcept {
    return ((index == no_input ? InputSet{0} : InputSet{1} << index) | ...);
  }
};

/// The element types of the operands of products that have scales.
inline constexpr DTypeSet quantized_operands{DType::int8,           DType::uint8,      DType::float8e4m3fn,
                                             DType::float8e4m3fnuz, DType::float8e5m2, DType::float8e5m2fnuz};

/// A product P of quantized numbers less their zero points: y = P(a - a_zero, b - b_zero), an int32, or, where there are scales,
/// y = saturate(round(a_scale b_scale / y_scale P(...)) + y_zero), without rounding where y is a float. Operands may be floats of 8 bits
/// then. Scales and zero points of a are one or per row; those of b, the weights,
/// one or per column or output channel.
template <class Product, bool Scaled, bool WithBias>
struct QuantizedProduct {
  static constexpr std::size_t none = QuantizedInputs::no_input;
  static constexpr QuantizedInputs at =
      Scaled ? QuantizedInputs{0, 1, 2, 3, 4, 5, 6, 7, WithBias ? 8 : none} : QuantizedInputs{0, none, 2, 1, none, 3, none, none, none};
  static constexpr Arity arity{.min_inputs = Scaled ? 8 : 2, .max_inputs = Scaled ? (WithBias ? 9 : 8) : 4};
  static constexpr InputTypes input_types[] = {{QuantizedInputs::present(at.a_scale, at.b_scale, at.y_scale), real_numbers},
                                               {QuantizedInputs::present(at.bias), DTypeSet{DType::int32}},
                                               {QuantizedInputs::present(at.a_zero, at.b, at.b_zero, at.y_zero), quantized_numbers}};

  Product product;

  void attributes(auto& a) {
    if constexpr (requires { product.attributes(a); }) product.attributes(a);
  }
  void types(const TypeContext& c) const {
    for (const auto& [tensor, zero] : {std::pair(at.a, at.a_zero), std::pair(at.b, at.b_zero)}) {
      if (zero < c.input_count() && c.input(zero).is_known() && !(c.input(zero) == c.input(tensor))) {
        fail(ErrorCode::invalid_graph, "its zero point, input ", zero, ", is ", c.input(zero), ", but its input ", tensor, " is ",
             c.input(tensor));
      }
    }
    c.output(0, Scaled ? c.input(at.y_zero) : Type(DType::int32));
  }
  void shapes(const ShapeContext& c) const {
    TensorRef a{nullptr, c.dtype(at.a), c.shape(at.a)};
    TensorRef b{nullptr, c.dtype(at.b), c.shape(at.b)};
    TensorRef bias;
    if (c.has_input(at.bias)) bias.shape = c.shape(at.bias);
    const TensorRef* inputs[]{&a, &b, c.has_input(at.bias) ? &bias : nullptr};
    Shape y;
    product.shapes(ShapeContext(std::span(inputs, c.has_input(at.bias) ? 3 : 2), std::span(&y, 1)));
    check(c, at.a_scale, at.a, 2);
    check(c, at.a_zero, at.a, 2);
    const std::size_t weights = requires { product.window; }
    ? b.shape.rank() : 1;
    check(c, at.b_scale, at.b, weights);
    check(c, at.b_zero, at.b, weights);
    check(c, at.y_scale, at.a, 0);
    check(c, at.y_zero, at.a, 0);
    c.output(0, y);
  }

 private:
  /// A parameter has one element, or as many as the dimension of its tensor that is `from_end` from the end.
  static void check(const ShapeContext& c, std::size_t parameter, std::size_t tensor, std::size_t from_end) {
    if (!c.has_input(parameter)) return;
    const std::int64_t n = c.shape(parameter).elements();
    const Shape& shape = c.shape(tensor);
    if (n == 1 || (from_end != 0 && from_end <= shape.rank() && n == shape[shape.rank() - from_end])) return;
    fail(ErrorCode::invalid_argument, "input ", parameter, " of shape ", c.shape(parameter), " does not fit its tensor of shape ", shape);
  }
};

/// Source: ONNX MatMulInteger, opset 10.
struct MatMulInteger : QuantizedProduct<MatMul, false, false> {
  static constexpr std::string_view name = "MatMulInteger";
};
/// Source: ONNX QLinearMatMul, opsets 10 to 21.
struct QLinearMatMul : QuantizedProduct<MatMul, true, false> {
  static constexpr std::string_view name = "QLinearMatMul";
};
/// Source: ONNX ConvInteger, opset 10.
struct ConvInteger : QuantizedProduct<Conv, false, false> {
  static constexpr std::string_view name = "ConvInteger";
};
/// The bias is an int32 in units of a_scale b_scale. Source: ONNX QLinearConv, opset 10.
struct QLinearConv : QuantizedProduct<Conv, true, true> {
  static constexpr std::string_view name = "QLinearConv";
};

/// y = MatMulInteger(a, b, a_zero, b_zero) scale, with a scale for all or for each column. The rewrites put it in place of what follows a
/// DynamicQuantizeLinear. Shapes: a (*, M, K), b (*, K, N), scale () or (N) -> y (*, M, N).
struct ScaledMatMulInteger : MatMulInteger {
  static constexpr std::string_view domain = "hone";
  static constexpr std::string_view name = "ScaledMatMulInteger";
  static constexpr std::size_t scale = 4;
  static constexpr Arity arity{.min_inputs = 5, .max_inputs = 5};
  static constexpr std::size_t type_input = scale;
  static constexpr InputTypes input_types[] = {{inputs(0, 1, 2, 3), std::nullopt}};

  void types(const TypeContext& c) const { c.output(0, c.input(scale)); }
  void shapes(const ShapeContext& c) const {
    MatMulInteger::shapes(c);
    const std::int64_t n = c.shape(scale).elements();
    if (c.shape(scale).rank() > 1 || (n != 1 && n != c.shape(at.b)[c.shape(at.b).rank() - 1])) {
      fail(ErrorCode::invalid_argument, "its scale of shape ", c.shape(scale), " does not fit its tensor of shape ", c.shape(at.b));
    }
  }
};

}  // namespace hone::inline HONE_ABI::ops
