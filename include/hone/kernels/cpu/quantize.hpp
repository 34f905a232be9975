#pragma once

#include <algorithm>
#include <cstdint>

#include <hone/config.hpp>
#include <hone/kernels/cpu/number_conversion.hpp>
#include <hone/ops/dimensions.hpp>
#include <hone/ops/quantize.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>
#include <hone/simd/byte_quantization.hpp>

namespace hone::inline HONE_ABI {

namespace cpu {

/// The integers that a quantized type holds.
struct QuantizedRange {
  float least;
  float most;

  explicit QuantizedRange(DType dtype) noexcept {
    const int bits = bit_width(dtype);
    const bool is_signed = dtype == DType::int8 || dtype == DType::int16 || dtype == DType::int4 || dtype == DType::int2;
    least = is_signed ? -static_cast<float>(1 << (bits - 1)) : 0.0F;
    most = static_cast<float>((1 << (is_signed ? bits - 1 : bits)) - 1);
  }
  /// round(x) + zero, ties to even, saturated; NaN gives the least.
  [[nodiscard]] float quantize(float x, float zero) const noexcept {
    x = x > least - zero ? x : least - zero;
    x = x < most - zero ? x : most - zero;
    // Adding and taking away 1.5 * 2^23 rounds what is smaller than 2^22.
    return (x + 0x1.8p23F) - 0x1.8p23F + zero;
  }
};

/// Scales and zero points of neighbouring elements, block by block.
class LinearScales {
 public:
  LinearScales(const ops::LinearQuantization& op, const Context& c)
      : layout_(op.layout(c.input(0).shape, c.input(1).shape)), scale_(&c.input(1)), zero_(c.has_input(2) ? &c.input(2) : nullptr) {}

  /// Those of the n elements from `first` on.
  void load(std::int64_t first, std::int64_t n, float* scales, float* zeros) const noexcept {
    std::int64_t inner = first % layout_.inner;
    std::int64_t i = first / layout_.inner % layout_.length;
    std::int64_t outer = first / layout_.inner / layout_.length;
    for (std::int64_t done = 0; done < n;) {
      // A run of elements that share a scale, or whose scales are neighbours.
      const std::int64_t at = outer * layout_.outer_stride + i / layout_.block * layout_.block_stride + inner * layout_.inner_stride;
      const std::int64_t rows = layout_.inner == 1 ? std::min(layout_.block - i % layout_.block, layout_.length - i) : 1;
      const std::int64_t run = std::min(n - done, layout_.inner == 1 ? rows : layout_.inner - inner);
      if (layout_.inner_stride == 0 || layout_.inner == 1) {
        load_one(*scale_, at, run, scales + done);
        zero_ != nullptr ? load_one(*zero_, at, run, zeros + done) : void(std::fill_n(zeros + done, run, 0.0F));
      } else {
        load_numbers(scale_->dtype, scale_->data, at, run, scales + done);
        zero_ != nullptr ? load_numbers(zero_->dtype, zero_->data, at, run, zeros + done) : void(std::fill_n(zeros + done, run, 0.0F));
      }
      done += run;
      if (layout_.inner == 1) {
        i += run;
      } else {
        inner += run;
        if (inner == layout_.inner) {
          inner = 0;
          ++i;
        }
      }
      if (i == layout_.length) {
        i = 0;
        ++outer;
      }
    }
  }

 private:
  static void load_one(const TensorRef& from, std::int64_t at, std::int64_t n, float* to) noexcept {
    float value;
    load_numbers(from.dtype, from.data, at, 1, &value);
    std::fill_n(to, n, value);
  }

  ops::LinearQuantization::Layout layout_;
  const TensorRef* scale_;
  const TensorRef* zero_;
};

/// One scale and zero point, either of them a tensor of one element or omitted, for bytes of type `dtype`.
[[nodiscard]] inline simd::ByteScale byte_scale(const TensorRef& scale, const TensorRef* zero, DType dtype) {
  const QuantizedRange range(dtype);
  return {.scale = static_cast<float>(ops::number_at(scale, 0)),
          .zero = zero != nullptr ? static_cast<float>(ops::number_at(*zero, 0)) : 0.0F,
          .least = range.least,
          .most = range.most};
}
/// Whether one scale turns floats into bytes, or back.
[[nodiscard]] inline bool has_byte_scale(const ops::LinearQuantization& op, const Context& c, DType bytes, DType floats) noexcept {
  return op.block_size == 0 && is_byte(bytes) && floats == DType::float32 && c.input(1).dtype == DType::float32 &&
         c.input(1).elements() == 1;
}

inline constexpr std::int64_t quantization_block = 512;  // elements; a multiple of what a byte can pack

/// body(first, n, x, scales, zeros) for blocks of elements, shared among the threads; x is converted to float.
template <class Body>
void for_quantized_blocks(const ops::LinearQuantization& op, const Context& c, const Body& body) {
  constexpr std::int64_t block = quantization_block;
  const TensorRef& from = c.input(0);
  const LinearScales parameters(op, c);
  c.parallel_for(from.elements(), 32 * block, [&](std::int64_t begin, std::int64_t end) {
    float x[block];
    float scales[block];
    float zeros[block];
    for (std::int64_t i = begin; i < end; i += block) {
      const std::int64_t n = std::min(block, end - i);
      load_numbers(from.dtype, from.data, i, n, x);
      parameters.load(i, n, scales, zeros);
      body(i, n, x, scales, zeros);
    }
  });
}

}  // namespace cpu

template <>
class Kernel<ops::QuantizeLinear, Cpu> {
 public:
  static Support supports(const NodeView& node) {
    for (const std::size_t i : {0, 1})
      if (node.input_dtype(i) == DType::float64) return Support::no("quantization from double");
    return Support::yes();
  }
  Kernel(const NodeView& node, const CpuDevice& device)
      : op_(node.op<ops::QuantizeLinear>()), bytes_(&simd::table<simd::ByteQuantization>(device.isa)) {}
  void run(Context& c) const {
    const TensorRef& to = c.output(0);
    if (cpu::has_byte_scale(op_, c, to.dtype, c.input(0).dtype)) {
      const simd::ByteScale scale = cpu::byte_scale(c.input(1), c.has_input(2) ? &c.input(2) : nullptr, to.dtype);
      return c.parallel_for(to.elements(), 32 * 1024, [&](std::int64_t begin, std::int64_t end) {
        bytes_->quantize(c.in<float>(0) + begin, static_cast<std::size_t>(end - begin), scale, c.out<std::uint8_t>(0) + begin);
      });
    }
    const bool integer = is_integer_like(to.dtype);
    const cpu::QuantizedRange range(to.dtype);
    cpu::for_quantized_blocks(op_, c, [&](std::int64_t first, std::int64_t n, float* x, const float* scales, const float* zeros) {
      if (integer) {
        for (std::int64_t i = 0; i < n; ++i) x[i] = range.quantize(x[i] / scales[i], zeros[i]);
      } else {
        for (std::int64_t i = 0; i < n; ++i) x[i] = x[i] / scales[i] + zeros[i];
      }
      store_numbers(to.dtype, to.data, first, n, x, {.saturate = op_.saturate});
    });
  }

 private:
  ops::QuantizeLinear op_;
  const simd::ByteQuantization* bytes_;
};

template <>
class Kernel<ops::DequantizeLinear, Cpu> {
 public:
  static Support supports(const NodeView& node) {
    return node.input_dtype(1) != DType::float64 ? Support::yes() : Support::no("scales of double");
  }
  Kernel(const NodeView& node, const CpuDevice& device)
      : op_(node.op<ops::DequantizeLinear>()), bytes_(&simd::table<simd::ByteQuantization>(device.isa)) {}
  void run(Context& c) const {
    const TensorRef& to = c.output(0);
    if (cpu::has_byte_scale(op_, c, c.input(0).dtype, to.dtype)) {
      const simd::ByteScale scale = cpu::byte_scale(c.input(1), c.has_input(2) ? &c.input(2) : nullptr, c.input(0).dtype);
      return c.parallel_for(to.elements(), 32 * 1024, [&](std::int64_t begin, std::int64_t end) {
        bytes_->dequantize(c.in<std::uint8_t>(0) + begin, static_cast<std::size_t>(end - begin), scale, c.out<float>(0) + begin);
      });
    }
    cpu::for_quantized_blocks(op_, c, [&](std::int64_t first, std::int64_t n, float* x, const float* scales, const float* zeros) {
      for (std::int64_t i = 0; i < n; ++i) x[i] = (x[i] - zeros[i]) * scales[i];
      store_numbers(to.dtype, to.data, first, n, x, {});
    });
  }

 private:
  ops::DequantizeLinear op_;
  const simd::ByteQuantization* bytes_;
};

namespace cpu {

/// The scale and zero point that DynamicQuantizeLinear gives for the range of n elements.
[[nodiscard]] inline simd::ByteScale dynamic_scale(const simd::ByteQuantization& kernels, const float* x, std::int64_t n) noexcept {
  float least;
  float most;
  kernels.range(x, static_cast<std::size_t>(n), &least, &most);
  const QuantizedRange range(DType::uint8);
  const float scale = (most == least ? 1.0F : most - least) / 255.0F;
  return {.scale = scale, .zero = range.quantize(-least / scale, 0), .least = range.least, .most = range.most};
}

}  // namespace cpu

template <>
class Kernel<ops::DynamicQuantizeLinear, Cpu, float> {
 public:
  Kernel(const NodeView&, const CpuDevice& device) : bytes_(&simd::table<simd::ByteQuantization>(device.isa)) {}
  void run(Context& c) const {
    const float* x = c.in<float>(0);
    const std::int64_t n = c.input(0).elements();
    const simd::ByteScale scale = cpu::dynamic_scale(*bytes_, x, n);
    c.parallel_for(n, 32 * 1024, [&](std::int64_t begin, std::int64_t end) {
      bytes_->quantize(x + begin, static_cast<std::size_t>(end - begin), scale, c.out<std::uint8_t>(0) + begin);
    });
    *c.out<float>(1) = scale.scale;
    *c.out<std::uint8_t>(2) = static_cast<std::uint8_t>(scale.zero);
  }

 private:
  const simd::ByteQuantization* bytes_;
};

}  // namespace hone::inline HONE_ABI
