#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include <hone/config.hpp>
#include <hone/kernels/cpu/strided_copy.hpp>
#include <hone/ops/cumulative.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

namespace detail {

/// `Product` false: sums. Half and BFloat16 accumulate in float, integers wrap.
template <class T, bool Product>
class CumulativeKernel {
  using Sum = typename std::conditional_t<std::is_integral_v<T>, std::make_unsigned<T>, std::conditional<sizeof(T) == 2, float, T>>::type;

 public:
  using Shared = CumulativeKernel;

  explicit CumulativeKernel(const ops::Cumulative& op) : op_(op) {}
  void run(Context& c) const {
    const Shape& shape = c.input(0).shape;
    if (shape.elements() == 0) return;
    const std::size_t along = normalized_axis(ops::integer_at(c.input(1), 0), shape.rank());
    const std::int64_t n = shape[along];
    const std::int64_t inner = shape.stride(along);
    const T* x = c.in<T>(0);  // (outer, n, inner)
    T* y = c.out<T>(0);
    // A task is a strip of up to `width` neighbours along the inner dimension.
    constexpr std::int64_t width = 64;
    const std::int64_t strips = (inner + width - 1) / width;
    const std::int64_t grain = std::max<std::int64_t>(copy_block<T> / (n * std::min(inner, width)), 1);
    c.parallel_for(shape.elements(0, along) * strips, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t task = begin; task < end; ++task) {
        const std::int64_t first = task % strips * width;
        const std::int64_t offset = task / strips * n * inner + first;
        const std::int64_t columns = std::min(width, inner - first);
        Sum sums[width];
        std::fill_n(sums, columns, static_cast<Sum>(Product ? 1 : 0));
        for (std::int64_t i = 0; i < n; ++i) {
          const std::int64_t at = offset + (op_.reverse ? n - 1 - i : i) * inner;
          for (std::int64_t k = 0; k < columns; ++k) {
            const Sum before = sums[k];
            const auto value = static_cast<Sum>(x[at + k]);
            sums[k] = Product ? static_cast<Sum>(before * value) : static_cast<Sum>(before + value);
            y[at + k] = static_cast<T>(op_.exclusive ? before : sums[k]);
          }
        }
      }
    });
  }

 private:
  ops::Cumulative op_;
};

/// Integers of one size share a kernel.
template <class T>
using CumulativeElement = typename std::conditional_t<std::is_integral_v<T>, std::make_unsigned<T>, std::type_identity<T>>::type;

}  // namespace detail

template <class T>
class Kernel<ops::CumSum, Cpu, T> : public detail::CumulativeKernel<detail::CumulativeElement<T>, false> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : detail::CumulativeKernel<detail::CumulativeElement<T>, false>(node.op<ops::CumSum>()) {}
};

template <class T>
class Kernel<ops::CumProd, Cpu, T> : public detail::CumulativeKernel<detail::CumulativeElement<T>, true> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : detail::CumulativeKernel<detail::CumulativeElement<T>, true>(node.op<ops::CumProd>()) {}
};

}  // namespace hone::inline HONE_ABI
