#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

#include <hone/config.hpp>
#include <hone/ops/grid_sample.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

namespace cpu {

/// The elements along one dimension that an interpolation reads, and their weights.
template <class T>
struct SampleTaps {
  std::array<std::int64_t, 4> index;  ///< -1 for a zero
  std::array<T, 4> weight;
};

/// `x` mirrored at the borders low and high until it is between them.
template <class T>
[[nodiscard]] T reflect(T x, T low, T high) noexcept {
  const T range = high - low;
  if (range <= 0) return low;
  const T distance = std::fmod(std::abs(x - low), 2 * range);
  return low + (distance > range ? 2 * range - distance : distance);
}

/// How GridSample reads a dimension of `size` elements at the coordinate `at`, -1 to 1.
template <class T>
[[nodiscard]] SampleTaps<T> sample_taps(const ops::GridSample& op, T at, std::int64_t size) noexcept {
  using Mode = ops::GridSample::Mode;
  using Padding = ops::GridSample::Padding;
  const T n = static_cast<T>(size);
  const T low = op.align_corners ? T(0) : T(-0.5);
  const T high = op.align_corners ? n - 1 : n - T(0.5);
  T x = op.align_corners ? (at + 1) / 2 * (n - 1) : ((at + 1) * n - 1) / 2;
  if (op.mode == Mode::nearest) x = std::nearbyint(x);
  if (!(x >= low && x <= high)) {
    if (op.padding == Padding::border) x = x > 0 ? std::min(x, n - 1) : T(0);
    if (op.padding == Padding::reflection) x = std::isfinite(x) ? reflect(x, low, high) : T(0);
    if (op.padding == Padding::zeros) x = x > 0 ? std::min(x, n + 8) : std::max(x, T(-8));
    if (x != x) x = -8;
  }
  SampleTaps<T> taps;
  const T floor = op.mode == Mode::nearest ? x : std::floor(x);
  const T t = x - floor;
  std::int64_t first = static_cast<std::int64_t>(floor);
  std::size_t count = 2;
  if (op.mode == Mode::nearest) {
    taps.weight = {1};
    count = 1;
  } else if (op.mode == Mode::linear) {
    taps.weight = {1 - t, t};
  } else {
    // Keys, Cubic convolution interpolation for digital image processing, 1981, with a = -0.75.
    constexpr T a = T(-0.75);
    const auto near = [](T s) { return ((a + 2) * s - (a + 3)) * s * s + 1; };
    const auto far = [](T s) { return ((a * s - 5 * a) * s + 8 * a) * s - 4 * a; };
    taps.weight = {far(t + 1), near(t), near(1 - t), far(2 - t)};
    --first;
    count = 4;
  }
  for (std::size_t k = 0; k < count; ++k) {
    std::int64_t i = first + static_cast<std::int64_t>(k);
    if (op.padding == Padding::border) i = std::clamp<std::int64_t>(i, 0, size - 1);
    if (op.padding == Padding::reflection && (i < 0 || i >= size)) {
      i = std::clamp<std::int64_t>(static_cast<std::int64_t>(reflect(static_cast<T>(i), low, high)), 0, size - 1);
    }
    taps.index[k] = i >= 0 && i < size ? i : -1;
  }
  return taps;
}

}  // namespace cpu

/// Positions and weights are double, but for x of float. Interpolated booleans are true unless they are zero; strings are moved.
template <class T>
class Kernel<ops::GridSample, Cpu, T> {
 public:
  static Support supports(const NodeView& node) {
    switch (node.input_dtype(1)) {
      case DType::float32:
      case DType::float64:
      case DType::float16:
      case DType::bfloat16:
        break;
      default:
        return Support::no("a grid of ", name(node.input_dtype(1)));
    }
    const bool moves = node.op<ops::GridSample>().mode == ops::GridSample::Mode::nearest;
    return moves || !std::is_same_v<T, std::string> ? Support::yes() : Support::no("no interpolation of ", name(dtype_of<T>));
  }
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<ops::GridSample>()) {}
  void run(Context& c) const {
    const Shape& x = c.input(0).shape;
    const std::size_t rank = x.rank() - 2;
    const std::int64_t plane = x.elements(2, x.rank());
    const std::int64_t points = c.output(0).shape.elements(2, x.rank());
    const std::size_t count = op_.mode == ops::GridSample::Mode::nearest ? 1 : op_.mode == ops::GridSample::Mode::linear ? 2 : 4;
    if (plane == 0) return std::fill_n(c.out<T>(0), c.output(0).elements(), T{}), void();
    c.parallel_for(x[0] * points, 256, [&](std::int64_t begin, std::int64_t end) {
      std::array<Taps, Shape::max_rank> taps;
      for (std::int64_t at = begin; at < end; ++at) {
        for (std::size_t d = 0; d < rank; ++d) {
          const double position = ops::number_at(c.input(1), (at + 1) * static_cast<std::int64_t>(rank) - 1 - static_cast<std::int64_t>(d));
          taps[d] = cpu::sample_taps(op_, static_cast<Real>(position), x[d + 2]);
        }
        const std::int64_t n = at / points;
        for (std::int64_t channel = 0; channel < x[1]; ++channel) {
          const T* from = c.in<T>(0) + (n * x[1] + channel) * plane;
          T& to = c.out<T>(0)[(n * x[1] + channel) * points + at % points];
          if constexpr (std::is_same_v<T, std::string>) {
            const T* found = nearest(from, plane, x, taps.data(), rank);
            to = found != nullptr ? *found : T();
          } else if constexpr (std::is_same_v<T, bool>) {
            to = interpolated(from, plane, x, taps.data(), rank, count) != 0;
          } else {
            to = static_cast<T>(interpolated(from, plane, x, taps.data(), rank, count));
          }
        }
      }
    });
  }

 private:
  static constexpr bool complex = std::is_same_v<T, std::complex<float>> || std::is_same_v<T, std::complex<double>>;
  using Real = std::conditional_t<std::is_same_v<T, float>, float, double>;
  using Sum = std::conditional_t<complex, std::complex<double>, Real>;
  using Taps = cpu::SampleTaps<Real>;

  /// The element at the first tap of each dimension; null outside of x.
  static const T* nearest(const T* x, std::int64_t size, const Shape& shape, const Taps* taps, std::size_t rank) {
    for (; rank != 0; --rank, ++taps) {
      size /= shape[shape.rank() - rank];
      if (taps->index[0] < 0) return nullptr;
      x += taps->index[0] * size;
    }
    return x;
  }

  /// The sum over all combinations of taps, dimension by dimension. `size`: elements of what x points to.
  static Sum interpolated(const T* x, std::int64_t size, const Shape& shape, const Taps* taps, std::size_t rank, std::size_t count) {
    if (rank == 0) return static_cast<Sum>(*x);
    const std::int64_t stride = size / shape[shape.rank() - rank];
    Sum sum = 0;
    for (std::size_t k = 0; k < count; ++k) {
      if (taps->index[k] >= 0) sum += taps->weight[k] * interpolated(x + taps->index[k] * stride, stride, shape, taps + 1, rank - 1, count);
    }
    return sum;
  }

  ops::GridSample op_;
};

template <class T>
class Kernel<ops::AffineGrid, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : align_corners_(node.op<ops::AffineGrid>().align_corners) {}
  void run(Context& c) const {
    const Shape& y = c.output(0).shape;
    const auto rank = static_cast<std::size_t>(y.back());
    const std::int64_t points = y.elements(1, y.rank() - 1);
    for (std::int64_t i = 0; i < y[0] * points; ++i) {
      const T* theta = c.in<T>(0) + i / points * static_cast<std::int64_t>(rank * (rank + 1));
      T at[4];  // x, y (, z), 1
      std::int64_t rest = i % points;
      for (std::size_t d = 0; d < rank; ++d) {
        const std::int64_t size = y[rank - d];
        const T step = static_cast<T>(rest % size);
        at[d] = align_corners_ ? (size == 1 ? T(0) : 2 * step / static_cast<T>(size - 1) - 1) : (2 * step + 1) / static_cast<T>(size) - 1;
        rest /= size;
      }
      at[rank] = 1;
      for (std::size_t row = 0; row < rank; ++row) {
        T sum = 0;
        for (std::size_t k = 0; k <= rank; ++k) sum += theta[row * (rank + 1) + k] * at[k];
        c.out<T>(0)[i * static_cast<std::int64_t>(rank) + static_cast<std::int64_t>(row)] = sum;
      }
    }
  }

 private:
  bool align_corners_;
};

}  // namespace hone::inline HONE_ABI
