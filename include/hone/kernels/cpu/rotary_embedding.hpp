#pragma once

#include <algorithm>
#include <cstdint>

#include <hone/config.hpp>
#include <hone/kernels/cpu/index_input.hpp>
#include <hone/ops/rotary_embedding.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

template <class T>
class Kernel<ops::RotaryEmbedding, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<ops::RotaryEmbedding>()) {}
  void run(Context& c) const {
    const auto s = op_.sizes(c.input(0).shape);
    const bool packed = c.input(0).shape.rank() == 3;
    const std::int64_t half = s.rotated / 2;
    const std::int64_t positions = c.has_input(3) ? c.input(1).shape[0] : 0;
    if (c.has_input(3) && !check_indices(c, c.input(3), 0, positions)) return;
    // Neighbours are `step` apart, partners `apart`.
    const std::int64_t step = op_.interleaved ? 2 : 1;
    const std::int64_t apart = op_.interleaved ? 1 : half;
    c.parallel_for(s.batch * s.heads * s.length, std::max<std::int64_t>(1, 8192 / (s.size + 1)), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const std::int64_t inner = packed ? row / s.heads % s.length : row % s.length;
        const std::int64_t at = row / (s.heads * s.length) * s.length + inner;
        const std::int64_t entry = c.has_input(3) ? wrapped_index(c.in<std::int64_t>(3)[at], positions) : at;
        const T* cos = c.in<T>(1) + entry * half;
        const T* sin = c.in<T>(2) + entry * half;
        const T* x = c.in<T>(0) + row * s.size;
        T* y = c.out<T>(0) + row * s.size;
        for (std::int64_t i = 0; i < half; ++i) {
          const T real = x[i * step];
          const T imaginary = x[i * step + apart];
          y[i * step] = cos[i] * real - sin[i] * imaginary;
          y[i * step + apart] = sin[i] * real + cos[i] * imaginary;
        }
        std::copy(x + s.rotated, x + s.size, y + s.rotated);
      }
    });
  }

 private:
  ops::RotaryEmbedding op_;
};

}  // namespace hone::inline HONE_ABI
