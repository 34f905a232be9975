#pragma once

#include <algorithm>
#include <cstdint>

#include <hone/config.hpp>
#include <hone/kernels/cpu/order_key.hpp>
#include <hone/kernels/cpu/strided_copy.hpp>
#include <hone/ops/argmax.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

/// Compares order keys, with all bits flipped for the smallest.
template <class T>
class ArgBestKernel {
  using Key = OrderKey<T>;

 public:
  using Shared = ArgBestKernel;

  ArgBestKernel(const ops::ArgBest& op, bool largest) : op_(op), flip_(largest ? Key{0} : static_cast<Key>(~Key{0})) {}

  void run(Context& c) const {
    const Shape& from = c.input(0).shape;
    if (c.output(0).elements() == 0) return;
    const std::size_t along = normalized_axis(op_.axis, from.rank());
    const std::int64_t n = from[along];
    const std::int64_t inner = from.stride(along);
    const T* x = c.in<T>(0);                   // (outer, n, inner)
    std::int64_t* y = c.out<std::int64_t>(0);  // (outer, inner)
    constexpr std::int64_t width = 64;
    const std::int64_t strips = (inner + width - 1) / width;
    const std::int64_t grain = std::max<std::int64_t>(copy_block<T> / (n * std::min(inner, width)), 1);
    c.parallel_for(from.elements(0, along) * strips, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t task = begin; task < end; ++task) {
        const std::int64_t first = task % strips * width;
        const std::int64_t outer = task / strips;
        find(x + outer * n * inner + first, n, inner, std::min(width, inner - first), y + outer * inner + first);
      }
    });
  }

 private:
  /// For up to 64 neighbouring columns, of rows `stride` apart.
  void find(const T* x, std::int64_t n, std::int64_t stride, std::int64_t columns, std::int64_t* y) const noexcept {
    Key best[64];
    for (std::int64_t k = 0; k < columns; ++k) {
      best[k] = key(x[k]);
      y[k] = 0;
    }
    for (std::int64_t i = 1; i < n; ++i) {
      for (std::int64_t k = 0; k < columns; ++k) {
        const Key next = key(x[i * stride + k]);
        const bool better = op_.select_last_index ? next >= best[k] : next > best[k];
        best[k] = better ? next : best[k];
        y[k] = better ? i : y[k];
      }
    }
  }
  [[nodiscard]] Key key(T value) const noexcept { return static_cast<Key>(order_key(value) ^ flip_); }

  ops::ArgBest op_;
  Key flip_;
};

template <class T>
class Kernel<ops::ArgMax, Cpu, T> : public ArgBestKernel<T> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : ArgBestKernel<T>(node.op<ops::ArgMax>(), true) {}
};

template <class T>
class Kernel<ops::ArgMin, Cpu, T> : public ArgBestKernel<T> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : ArgBestKernel<T>(node.op<ops::ArgMin>(), false) {}
};

}  // namespace hone::inline HONE_ABI
