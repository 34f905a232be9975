#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include <hone/config.hpp>
#include <hone/kernels/cpu/pointwise.hpp>
#include <hone/kernels/cpu/quantize.hpp>
#include <hone/ops/quantized_pointwise.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>
#include <hone/simd/byte_quantization.hpp>

namespace hone::inline HONE_ABI {

/// The chain runs over blocks that stay in L1, from bytes to floats and back.
template <>
class Kernel<ops::QuantizedPointwise, Cpu> {
 public:
  Kernel(const NodeView& node, const CpuDevice& device)
      : op_(node.op<ops::QuantizedPointwise>()),
        loops_(cpu::pointwise_loops<float>(op_.chain, device)),
        bytes_(&simd::table<simd::ByteQuantization>(device.isa)) {}

  void run(Context& c) const {
    const TensorRef& y = c.output(0);
    c.parallel_for(y.elements(), 16 * block, [&](std::int64_t begin, std::int64_t end) {
      alignas(64) std::array<float, block> value;
      alignas(64) std::array<float, block> operand;
      for (std::int64_t i = begin; i < end; i += block) {
        const auto n = static_cast<std::size_t>(std::min(block, end - i));
        Numbers v = numbers(c, 0, i, n, value.data());
        if (v.one) {
          std::fill_n(value.data(), n, *v.data);
          v.data = value.data();
        }
        float* result = y.dtype == DType::float32 ? y.as<float>() + i : value.data();
        for (const cpu::PointwiseLoops::Step& step : loops_.steps()) {
          if (step.unary != nullptr) {
            step.unary(step.functor.data(), v.data, result, n);
          } else {
            const Numbers other = numbers(c, step.operand + ops::QuantizedPointwise::first_operand, i, n, operand.data());
            if (step.swapped) {
              step.binary(other.data, other.one, v.data, false, result, n);
            } else {
              step.binary(v.data, false, other.data, other.one, result, n);
            }
          }
          v.data = result;
        }
        if (y.dtype != DType::float32) bytes_->quantize(v.data, n, scale(c.input_count(), y.dtype), y.as<std::uint8_t>() + i);
      }
    });
  }

 private:
  static constexpr std::int64_t block = 1024;

  struct Numbers {
    const float* data;
    bool one;  ///< a single number for all
  };

  [[nodiscard]] simd::ByteScale scale(std::size_t i, DType dtype) const noexcept {
    const cpu::QuantizedRange range(dtype);
    return {.scale = op_.scales[i], .zero = op_.zeros[i], .least = range.least, .most = range.most};
  }
  /// Elements [first, first + n) of an input, converted into `memory` where they are bytes.
  [[nodiscard]] Numbers numbers(const Context& c, std::size_t input, std::int64_t first, std::size_t n, float* memory) const noexcept {
    const TensorRef& x = c.input(input);
    const bool one = x.elements() == 1;
    if (one) first = 0;
    if (x.dtype == DType::float32) return {x.as<const float>() + first, one};
    bytes_->dequantize(x.as<const std::uint8_t>() + first, one ? 1 : n, scale(input, x.dtype), memory);
    return {memory, one};
  }

  ops::QuantizedPointwise op_;
  cpu::PointwiseLoops loops_;
  const simd::ByteQuantization* bytes_;
};

}  // namespace hone::inline HONE_ABI
