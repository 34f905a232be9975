#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include <hone/config.hpp>
#include <hone/kernels/cpu/index_input.hpp>
#include <hone/ops/roi.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

namespace cpu {

/// Two neighbours along a dimension and their weights, for linear interpolation inside a feature map.
template <class T>
struct LinearTaps {
  std::int64_t low = 0;
  std::int64_t high = 0;
  T low_weight = 0;
  T high_weight = 0;

  LinearTaps(T at, std::int64_t size) noexcept {
    if (!(at >= -1 && at <= static_cast<T>(size))) return;  // outside: no weight
    at = std::clamp<T>(at, 0, static_cast<T>(size - 1));
    low = static_cast<std::int64_t>(at);
    high = std::min(low + 1, size - 1);
    high_weight = at - static_cast<T>(low);
    low_weight = 1 - high_weight;
  }
};

}  // namespace cpu

template <class T>
class Kernel<ops::RoiAlign, Cpu, T> {
 public:
  static Support supports(const NodeView& node) { return IndexInput::support(node.input_dtype(2)); }
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<ops::RoiAlign>()) {}
  void run(Context& c) const {
    const Shape& x = c.input(0).shape;
    const Shape& y = c.output(0).shape;
    if (!check_indices(c, c.input(2), 0, x[0])) return;
    if (y.elements() == 0) return;
    if (x[2] * x[3] == 0) return c.fail("a feature map of shape ", x, " has no elements");
    const IndexInput batch(c.input(2));
    const T scale = static_cast<T>(op_.spatial_scale);
    for (std::int64_t i = 0; i < y[0]; ++i) {
      const T* roi = c.in<T>(1) + i * 4;
      for (std::size_t k = 0; k < 4; ++k)
        if (!(std::abs(roi[k] * scale) < T(1e9))) return c.fail("region ", i, " has the coordinate ", roi[k]);
      const std::int64_t height = samples((roi[3] - roi[1]) * scale / static_cast<T>(y[2]));
      const std::int64_t width = samples((roi[2] - roi[0]) * scale / static_cast<T>(y[3]));
      if (width != 0 && height > max_samples / width)
        return c.fail("a cell of region ", i, " has ", height, " times ", width, " samples, more than ", max_samples);
    }
    const T offset = op_.half_pixel ? T(0.5) : T(0);
    const std::int64_t plane = x[2] * x[3];
    c.parallel_for(y.elements(0, 3), 4, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const std::int64_t region = row / (y[1] * y[2]);
        const std::int64_t channel = row / y[2] % y[1];
        const T* roi = c.in<T>(1) + region * 4;
        const T* from = c.in<T>(0) + (wrapped_index(batch[region], x[0]) * x[1] + channel) * plane;
        const auto extent = [&](std::size_t axis) {
          const T size = (roi[axis + 2] - roi[axis]) * scale;
          return op_.half_pixel ? size : std::max(size, T(1));
        };
        const T cell_height = extent(1) / static_cast<T>(y[2]);
        const T cell_width = extent(0) / static_cast<T>(y[3]);
        const T top = roi[1] * scale - offset + static_cast<T>(row % y[2]) * cell_height;
        for (std::int64_t column = 0; column < y[3]; ++column) {
          const T left = roi[0] * scale - offset + static_cast<T>(column) * cell_width;
          c.out<T>(0)[row * y[3] + column] = pooled(from, x[2], x[3], top, left, cell_height, cell_width);
        }
      }
    });
  }

 private:
  /// Per cell: a whole feature map of 1000 by 1000.
  static constexpr std::int64_t max_samples = std::int64_t{1} << 20;

  [[nodiscard]] std::int64_t samples(T extent) const noexcept {
    return op_.sampling_ratio > 0 ? op_.sampling_ratio : std::max<std::int64_t>(0, static_cast<std::int64_t>(std::ceil(extent)));
  }
  [[nodiscard]] T pooled(const T* x, std::int64_t height, std::int64_t width, T top, T left, T cell_height, T cell_width) const noexcept {
    const std::int64_t rows = samples(cell_height);
    const std::int64_t columns = samples(cell_width);
    T result = 0;
    for (std::int64_t i = 0; i < rows; ++i) {
      const cpu::LinearTaps<T> v(top + (static_cast<T>(i) + T(0.5)) * cell_height / static_cast<T>(rows), height);
      for (std::int64_t j = 0; j < columns; ++j) {
        const cpu::LinearTaps<T> h(left + (static_cast<T>(j) + T(0.5)) * cell_width / static_cast<T>(columns), width);
        const std::array<T, 4> terms{
            v.low_weight * h.low_weight * x[v.low * width + h.low], v.low_weight * h.high_weight * x[v.low * width + h.high],
            v.high_weight * h.low_weight * x[v.high * width + h.low], v.high_weight * h.high_weight * x[v.high * width + h.high]};
        if (!op_.maximum) {
          result += terms[0] + terms[1] + terms[2] + terms[3];
        } else {
          const T largest = *std::max_element(terms.begin(), terms.end());
          result = i == 0 && j == 0 ? largest : std::max(result, largest);
        }
      }
    }
    return op_.maximum ? result : result / static_cast<T>(std::max<std::int64_t>(rows * columns, 1));
  }

  ops::RoiAlign op_;
};

template <class T>
class Kernel<ops::MaxRoiPool, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : scale_(static_cast<T>(node.op<ops::MaxRoiPool>().spatial_scale)) {}
  void run(Context& c) const {
    const Shape& x = c.input(0).shape;
    const Shape& y = c.output(0).shape;
    for (std::int64_t region = 0; region < y[0]; ++region) {
      const T* roi = c.in<T>(1) + region * 5;
      std::array<std::int64_t, 5> at{};
      for (std::size_t i = 0; i < 5; ++i) {
        if (!(std::abs(roi[i]) < T(1e9))) return c.fail("region ", region, " holds ", static_cast<double>(roi[i]));
        at[i] = static_cast<std::int64_t>(i == 0 ? roi[i] : std::round(roi[i] * scale_));
      }
      if (at[0] < 0 || at[0] >= x[0]) return c.fail("region ", region, " is in image ", at[0], " of ", x[0]);
      const std::int64_t width = std::max<std::int64_t>(at[3] - at[1] + 1, 1);
      const std::int64_t height = std::max<std::int64_t>(at[4] - at[2] + 1, 1);
      for (std::int64_t channel = 0; channel < x[1]; ++channel) {
        const T* from = c.in<T>(0) + (at[0] * x[1] + channel) * x[2] * x[3];
        for (std::int64_t cell = 0; cell < y[2] * y[3]; ++cell) {
          const auto [top, bottom] = range(cell / y[3], y[2], height, at[2], x[2]);
          const auto [left, right] = range(cell % y[3], y[3], width, at[1], x[3]);
          T most = bottom > top && right > left ? from[top * x[3] + left] : T(0);
          for (std::int64_t i = top; i < bottom; ++i)
            for (std::int64_t j = left; j < right; ++j) most = std::max(most, from[i * x[3] + j]);
          c.out<T>(0)[(region * x[1] + channel) * y[2] * y[3] + cell] = most;
        }
      }
    }
  }

 private:
  struct Range {
    std::int64_t begin;
    std::int64_t end;
  };
  /// The elements of cell `i` of `cells` over `extent` elements from `start` on, inside [0, size).
  static Range range(std::int64_t i, std::int64_t cells, std::int64_t extent, std::int64_t start, std::int64_t size) noexcept {
    const std::int64_t begin = i * extent / cells + start;
    const std::int64_t end = ((i + 1) * extent + cells - 1) / cells + start;
    return {std::clamp<std::int64_t>(begin, 0, size), std::clamp<std::int64_t>(end, 0, size)};
  }
  T scale_;
};

}  // namespace hone::inline HONE_ABI
