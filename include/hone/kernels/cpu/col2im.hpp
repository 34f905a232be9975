#pragma once

#include <algorithm>
#include <cstdint>

#include <hone/config.hpp>
#include <hone/kernels/cpu/conv_geometry.hpp>
#include <hone/ops/col2im.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

template <class T>
class Kernel<ops::Col2Im, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<ops::Col2Im>()) {}
  void run(Context& c) const {
    const Shape& y = c.output(0).shape;
    cpu::ConvGeometry geometry;
    geometry.rank = y.rank() - 2;
    for (std::size_t i = 0; i < geometry.rank; ++i) {
      geometry.axes[i] = op_.window.axis(i, geometry.rank, y[i + 2], ops::integer_at(c.input(2), static_cast<std::int64_t>(i)));
    }
    const std::int64_t taps = geometry.kernel_size();
    const std::int64_t windows = geometry.output_size();
    const std::int64_t plane = geometry.input_size();
    c.parallel_for(y[0] * y[1], 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t channel = begin; channel < end; ++channel) {
        T* to = c.out<T>(0) + channel * plane;
        std::fill_n(to, plane, T());
        for (std::int64_t k = 0; k < taps; ++k) geometry.scatter_tap(c.in<T>(0) + (channel * taps + k) * windows, k, to);
      }
    });
  }

 private:
  ops::Col2Im op_;
};

}  // namespace hone::inline HONE_ABI
