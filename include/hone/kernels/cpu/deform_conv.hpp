#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include <hone/config.hpp>
#include <hone/core/buffer.hpp>
#include <hone/kernels/cpu/matrix_product.hpp>
#include <hone/ops/deform_conv.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

/// The displaced windows are gathered into columns, which the weights multiply.
template <class T>
class Kernel<ops::DeformConv, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice& device) : op_(node.op<ops::DeformConv>()), product_(device.isa) {}

  [[nodiscard]] std::size_t workspace(const Context& c) const {
    const Shape& w = c.input(1).shape;
    const std::int64_t points = c.output(0).shape.elements(2, 4);
    return columns_bytes(c) + product_.workspace_bytes(w[0] / op_.group, points, w.stride(0));
  }

  void run(Context& c) const {
    const Shape& x = c.input(0).shape;
    const Shape& w = c.input(1).shape;
    const Shape& y = c.output(0).shape;
    const std::int64_t points = y[2] * y[3];
    const std::int64_t taps = w[2] * w[3];
    const std::int64_t depth = w.stride(0);
    const std::int64_t outputs = w[0] / op_.group;
    if (y.elements() == 0) return;
    T* columns = reinterpret_cast<T*>(c.workspace());  // (depth, points)
    for (std::int64_t n = 0; n < x[0]; ++n) {
      for (std::int64_t g = 0; g < op_.group; ++g) {
        c.parallel_for(depth, 1, [&](std::int64_t begin, std::int64_t end) {
          for (std::int64_t row = begin; row < end; ++row) gather(c, n, g * w[1] + row / taps, row % taps, columns + row * points);
        });
        cpu::ProductOptions<T> options;
        if (c.has_input(3)) options.row_bias = c.in<T>(3) + g * outputs;
        product_.run(outputs, points, depth, {c.in<T>(1) + g * outputs * depth, depth, 1}, {columns, points, 1},
                     c.out<T>(0) + (n * w[0] + g * outputs) * points, points, options, c.workspace() + columns_bytes(c), c.pool());
      }
    }
  }

 private:
  [[nodiscard]] static std::size_t columns_bytes(const Context& c) noexcept {
    return align_up(static_cast<std::size_t>(c.input(1).shape.stride(0) * c.output(0).shape.elements(2, 4)) * sizeof(T));
  }

  /// Tap `tap` of all windows over one channel of one image.
  void gather(const Context& c, std::int64_t n, std::int64_t channel, std::int64_t tap, T* to) const {
    const Shape& x = c.input(0).shape;
    const Shape& w = c.input(1).shape;
    const Shape& y = c.output(0).shape;
    const std::int64_t points = y[2] * y[3];
    const std::int64_t taps = w[2] * w[3];
    const auto v = op_.window.axis(0, 2, x[2], w[2]);
    const auto h = op_.window.axis(1, 2, x[3], w[3]);
    const T* from = c.in<T>(0) + (n * x[1] + channel) * x[2] * x[3];
    const std::int64_t which = (n * op_.offset_group + channel / (x[1] / op_.offset_group)) * taps + tap;
    const T* offset = c.in<T>(2) + which * 2 * points;
    const T* mask = c.has_input(4) ? c.in<T>(4) + which * points : nullptr;
    for (std::int64_t i = 0; i < points; ++i) {
      const T at_v = static_cast<T>(i / y[3] * v.stride - v.pad_begin + tap / w[3] * v.dilation) + offset[i];
      const T at_h = static_cast<T>(i % y[3] * h.stride - h.pad_begin + tap % w[3] * h.dilation) + offset[points + i];
      const T value = sample(from, x[2], x[3], at_v, at_h);
      to[i] = mask != nullptr ? value * mask[i] : value;
    }
  }
  /// x at (v, h), bilinear, with zeros around it.
  static T sample(const T* x, std::int64_t height, std::int64_t width, T v, T h) noexcept {
    if (!(v > -1 && h > -1 && v < static_cast<T>(height) && h < static_cast<T>(width))) return 0;
    const T v_floor = std::floor(v);
    const T h_floor = std::floor(h);
    const auto i = static_cast<std::int64_t>(v_floor);
    const auto j = static_cast<std::int64_t>(h_floor);
    const T dv = v - v_floor;
    const T dh = h - h_floor;
    const auto at = [&](std::int64_t row, std::int64_t column) {
      return row >= 0 && row < height && column >= 0 && column < width ? x[row * width + column] : T(0);
    };
    return (1 - dv) * ((1 - dh) * at(i, j) + dh * at(i, j + 1)) + dv * ((1 - dh) * at(i + 1, j) + dh * at(i + 1, j + 1));
  }

  ops::DeformConv op_;
  cpu::MatrixProduct<T> product_;
};

}  // namespace hone::inline HONE_ABI
