#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

#include <hone/config.hpp>
#include <hone/kernels/cpu/pool.hpp>
#include <hone/ops/channels_last.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>
#include <hone/simd/binary.hpp>

namespace hone::inline HONE_ABI {

template <class T>
class Kernel<ops::ChannelsLastMaxPool, Cpu, T> {
 public:
  static Support supports(const NodeView& node) {
    return node.op<ops::ChannelsLastMaxPool>().window.kernel_shape.size() == 2 ? Support::yes() : Support::no("it has not two dimensions");
  }
  Kernel(const NodeView& node, const CpuDevice& device)
      : op_(node.op<ops::ChannelsLastMaxPool>()), max_(simd::table<simd::BinaryLoop<simd::Max, T>>(device.isa).erased) {}

  void run(Context& c) const {
    const Shape& x = c.input(0).shape;
    const std::int64_t channels = x[3];
    const ops::Window::Axis h = op_.window.axis(0, 2, x[1], 1);
    const ops::Window::Axis w = op_.window.axis(1, 2, x[2], 1);
    const std::int64_t grain = std::max<std::int64_t>(1, 32 * 1024 / (w.output * w.kernel * h.kernel * channels + 1));
    c.parallel_for(x[0] * h.output, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const cpu::WindowSpan rows = cpu::window_span(h, i % h.output);
        const T* image = c.in<T>(0) + i / h.output * h.input * w.input * channels;
        T* y = c.out<T>(0) + i * w.output * channels;
        for (std::int64_t column = 0; column < w.output; ++column, y += channels) {
          const cpu::WindowSpan columns = cpu::window_span(w, column);
          bool any = false;
          for (std::int64_t a = 0; a < rows.count; ++a) {
            const T* tap = image + ((rows.first + a * h.dilation) * w.input + columns.first) * channels;
            for (std::int64_t b = 0; b < columns.count; ++b, tap += w.dilation * channels) {
              max_(any ? y : tap, false, tap, false, y, static_cast<std::size_t>(channels));
              any = true;
            }
          }
          if (!any) std::fill_n(y, channels, std::numeric_limits<T>::lowest());
        }
      }
    });
  }

 private:
  ops::ChannelsLastMaxPool op_;
  simd::BinaryFunctions max_;
};

}  // namespace hone::inline HONE_ABI
