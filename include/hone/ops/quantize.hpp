#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>

namespace hone::inline HONE_ABI::ops {

/// The element types that numbers are quantized to.
inline constexpr DTypeSet quantized_numbers{DType::int8,         DType::uint8,      DType::int16,          DType::uint16,
                                            DType::int4,         DType::uint4,      DType::int2,           DType::uint2,
                                            DType::float8e4m3fn, DType::float8e5m2, DType::float8e4m3fnuz, DType::float8e5m2fnuz,
                                            DType::float4e2m1,   DType::float6e2m3, DType::float6e3m2};
/// Those that stand for others: also int32, which products of quantized numbers are.
inline constexpr DTypeSet dequantized_numbers = quantized_numbers | DTypeSet{DType::int32};
inline constexpr DTypeSet quantization_scales{DType::float32,  DType::float64, DType::float16,
                                              DType::bfloat16, DType::int32,   DType::float8e8m0};

/// What QuantizeLinear and DequantizeLinear share. Scales and zero points are one for the whole tensor, one per index of `axis`, or, when
/// `block_size` is not 0, one per block of that many neighbours along the axis.
struct LinearQuantization {
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 3};

  std::int64_t axis = 1;
  std::int64_t block_size = 0;
  DType output_dtype = DType::undefined;

  void attributes(auto& a) {
    if (a.opset() >= 13) a("axis", axis, 1);
    if (a.opset() < 21) return;
    a("block_size", block_size, 0);
    if (block_size < 0) fail(ErrorCode::invalid_graph, "block_size is ", block_size);
    a("output_dtype", output_dtype, DType::undefined);
  }

  /// The scale of element (outer, i, inner) is element outer * outer_stride + i / block * inner_count + inner * inner_stride of the scales.
  struct Layout {
    std::int64_t length = 1;  ///< along the axis
    std::int64_t inner = 1;   ///< elements after it
    std::int64_t block = 1;
    std::int64_t outer_stride = 0;
    std::int64_t block_stride = 0;
    std::int64_t inner_stride = 0;
  };
  /// Errors: invalid_argument when the scales do not fit.
  [[nodiscard]] Layout layout(const Shape& x, const Shape& scale) const {
    Layout layout;
    if (scale.elements() == 1 && (block_size == 0 || scale.rank() <= 1)) {
      layout.length = x.elements();
      layout.block = std::max<std::int64_t>(layout.length, 1);
      return layout;
    }
    const std::size_t along = normalized_axis(axis, x.rank());
    layout.length = x[along];
    layout.inner = x.stride(along);
    layout.block = block_size == 0 ? 1 : block_size;
    Shape wanted = x;
    if (block_size == 0) {
      wanted = {x[along]};
      layout.block_stride = 1;
    } else {
      wanted[along] = (x[along] + block_size - 1) / block_size;
      layout.block_stride = layout.inner;
      layout.outer_stride = wanted[along] * layout.inner;
      layout.inner_stride = 1;
    }
    if (!(scale == wanted)) fail(ErrorCode::invalid_argument, "the scales have shape ", scale, "; x of shape ", x, " needs ", wanted);
    return layout;
  }

  void shapes(const ShapeContext& c) const {
    (void)layout(c.shape(0), c.shape(1));
    if (c.has_input(2) && c.shape(2).elements() != c.shape(1).elements()) {
      fail(ErrorCode::invalid_argument, "the scales have shape ", c.shape(1), ", but the zero points ", c.shape(2));
    }
    c.output(0, c.shape(0));
  }
};

/// y = saturate(round(x / scale) + zero_point), with ties to even; to floats y = saturate(x / scale).
/// Shapes: x (*) -> y (*). Source: ONNX QuantizeLinear, opsets 10 to 28.
struct QuantizeLinear : LinearQuantization {
  static constexpr std::string_view name = "QuantizeLinear";
  static constexpr InputTypes input_types[] = {{inputs(0), real_numbers}, {inputs(1), quantization_scales}, {inputs(2), quantized_numbers}};

  bool saturate = true;

  void attributes(auto& a) {
    LinearQuantization::attributes(a);
    if (a.opset() >= 19) a("saturate", saturate, 1);
    if (a.opset() >= 23) a.ignored("precision");  // at least float32 always
  }
  void types(const TypeContext& c) const {
    const Type& zero = c.input(2);
    if (zero.is_known() && output_dtype != DType::undefined && !(zero == Type(output_dtype))) {
      fail(ErrorCode::invalid_graph, "the zero points are ", zero, ", but output_dtype is ", hone::name(output_dtype));
    }
    const DType dtype = zero.is_known() ? zero.dtype : output_dtype != DType::undefined ? output_dtype : DType::uint8;
    if (!quantized_numbers.contains(dtype)) fail(ErrorCode::invalid_graph, "there is no quantization to ", hone::name(dtype));
    c.output(0, dtype);
  }
};

/// y = (x - zero_point) scale. Shapes: x (*) -> y (*). Source: ONNX DequantizeLinear, opsets 10 to 28.
struct DequantizeLinear : LinearQuantization {
  static constexpr std::string_view name = "DequantizeLinear";
  static constexpr InputTypes input_types[] = {{inputs(0), dequantized_numbers}, {inputs(1), quantization_scales}};

  void types(const TypeContext& c) const {
    if (output_dtype != DType::undefined && !quantization_scales.contains(output_dtype)) {
      fail(ErrorCode::invalid_graph, "quantized numbers do not stand for ", hone::name(output_dtype));
    }
    c.output(0, output_dtype != DType::undefined ? Type(output_dtype) : c.input(1));
  }
};

/// Quantizes to uint8 with the scale and zero point that the range of x, widened to hold 0, gives.
/// Shapes: x (*) -> y (*), scale (), zero point (). Source: ONNX DynamicQuantizeLinear, opset 11.
struct DynamicQuantizeLinear {
  static constexpr std::string_view name = "DynamicQuantizeLinear";
  static constexpr Arity arity{.min_outputs = 3, .max_outputs = 3};

  void types(const TypeContext& c) const {
    c.output(0, DType::uint8);
    c.output(1, c.input(0));
    c.output(2, DType::uint8);
  }
  void shapes(const ShapeContext& c) const {
    c.output(0, c.shape(0));
    c.output(1, {});
    c.output(2, {});
  }
};

}  // namespace hone::inline HONE_ABI::ops
