#pragma once

#include <cstddef>

#include <hone/config.hpp>
#include <hone/simd/arch.hpp>
#include <hone/simd/lanes.hpp>
#include <hone/simd/table.hpp>

namespace hone::inline HONE_ABI::simd {

/// The taps of a two-dimensional window over one plane; steps in elements.
template <class T>
struct DepthwiseTaps {
  const T* weights;  ///< (rows, columns)
  int rows;
  int columns;
  std::ptrdiff_t row_step;     ///< from one row of taps to the next in x
  std::ptrdiff_t column_step;  ///< from one tap to the next in a row
  std::ptrdiff_t stride;       ///< from one window to the next
  T bias;
};

/// One row of a depthwise convolution, y[i] = bias + sum over r, c of weights[r, c] * x[i * stride + r * row_step + c * column_step].
/// Shapes: y (n). Any alignment; x and y do not overlap. All of x that the taps of n windows touch must be there.
template <class T>
struct DepthwiseRow {
  void (*run)(const DepthwiseTaps<T>& taps, const T* x, T* y, std::size_t n) noexcept;
  Isa isa;

  template <class Arch>
  static constexpr DepthwiseRow make() noexcept;
};

namespace detail {

/// `Count` registers of windows side by side: enough independent sums to hide the latency of the multiply-add.
template <class T, class Arch, int Count>
HONE_ALWAYS_INLINE void depthwise_block(const DepthwiseTaps<T>& taps, const T* x, T* y) noexcept {
  using V = xsimd::batch<T, Arch>;
  V sum[Count];
  for (int k = 0; k < Count; ++k) sum[k] = V(taps.bias);
  for (int r = 0; r < taps.rows; ++r) {
    for (int c = 0; c < taps.columns; ++c) {
      const V w(taps.weights[r * taps.columns + c]);
      const T* from = x + r * taps.row_step + c * taps.column_step;
      for (int k = 0; k < Count; ++k) sum[k] = xsimd::fma(w, V::load_unaligned(from + k * static_cast<int>(V::size)), sum[k]);
    }
  }
  for (int k = 0; k < Count; ++k) sum[k].store_unaligned(y + k * static_cast<int>(V::size));
}

template <class T, class Arch>
void depthwise_run(const DepthwiseTaps<T>& taps, const T* x, T* y, std::size_t n) noexcept {
  using V = xsimd::batch<T, Arch>;
  if (taps.stride != 1) {
    for (std::size_t i = 0; i < n; ++i) y[i] = taps.bias;
    for (int r = 0; r < taps.rows; ++r) {
      for (int c = 0; c < taps.columns; ++c) {
        const T w = taps.weights[r * taps.columns + c];
        const T* from = x + r * taps.row_step + c * taps.column_step;
        for (std::size_t i = 0; i < n; ++i) y[i] += w * from[static_cast<std::ptrdiff_t>(i) * taps.stride];
      }
    }
    return;
  }
  std::size_t i = 0;
  for (; i + 4 * V::size <= n; i += 4 * V::size) depthwise_block<T, Arch, 4>(taps, x + i, y + i);
  for (; i + V::size <= n; i += V::size) depthwise_block<T, Arch, 1>(taps, x + i, y + i);
  if (i == n) return;
  V sum(taps.bias);
  for (int r = 0; r < taps.rows; ++r) {
    for (int c = 0; c < taps.columns; ++c) {
      const V w(taps.weights[r * taps.columns + c]);
      sum = xsimd::fma(w, load_part<V>(x + i + r * taps.row_step + c * taps.column_step, n - i), sum);
    }
  }
  store_part(sum, y + i, n - i);
}

}  // namespace detail

template <class T>
template <class Arch>
constexpr DepthwiseRow<T> DepthwiseRow<T>::make() noexcept {
  return {.run = &detail::depthwise_run<T, Arch>, .isa = native_isa};
}

}  // namespace hone::inline HONE_ABI::simd
