#pragma once

#include <cstddef>

#include <hone/config.hpp>
#include <hone/simd/arch.hpp>
#include <hone/simd/lanes.hpp>
#include <hone/simd/table.hpp>

namespace hone::inline HONE_ABI::simd {

/// The taps of a two-dimensional window; distances in elements.
template <class T>
struct DepthwiseTaps {
  const T* weights;               ///< (count)
  const std::ptrdiff_t* offsets;  ///< (count), from the first element of a window to the tap
  int count;
  std::ptrdiff_t row_step;  ///< from a row of windows to the next one
  T bias;
};

/// A plane of a depthwise convolution: y[r, j] = bias + sum over k of weights[k] * x[r * row_step + j + offsets[k]].
/// Shapes: y (rows, columns), dense. Any alignment; x and y do not overlap. All of x that the taps touch must be there.
/// Each element is one chain of multiply-adds in the order of the taps.
template <class T>
struct DepthwisePlane {
  void (*run)(const DepthwiseTaps<T>& taps, const T* x, T* y, std::size_t rows, std::size_t columns) noexcept;
  Isa isa;

  template <class Arch>
  static constexpr DepthwisePlane make() noexcept;
};

namespace detail {

/// The register of windows at `x` in each of Rows rows: four rows cover the latency of the multiply-add. `columns`: how many of the lanes
/// exist, V::size when Whole.
template <class V, int Rows, bool Whole>
HONE_ALWAYS_INLINE void depthwise_block(const DepthwiseTaps<lane_t<V>>& taps, const lane_t<V>* x, lane_t<V>* y, std::size_t y_step,
                                        std::size_t columns) noexcept {
  V sums[Rows];
#pragma GCC unroll 4
  for (int r = 0; r < Rows; ++r) sums[r] = V(taps.bias);
  for (int k = 0; k < taps.count; ++k) {
    const V weight(taps.weights[k]);
    const lane_t<V>* from = x + taps.offsets[k];
#pragma GCC unroll 4
    for (int r = 0; r < Rows; ++r) {
      const lane_t<V>* row = from + r * taps.row_step;
      sums[r] = xsimd::fma(weight, Whole ? V::load_unaligned(row) : load_part<V>(row, columns), sums[r]);
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < Rows; ++r) {
    if constexpr (Whole) {
      sums[r].store_unaligned(y + static_cast<std::size_t>(r) * y_step);
    } else {
      store_part(sums[r], y + static_cast<std::size_t>(r) * y_step, columns);
    }
  }
}

template <class V, int Rows>
HONE_ALWAYS_INLINE void depthwise_rows(const DepthwiseTaps<lane_t<V>>& taps, const lane_t<V>* x, lane_t<V>* y,
                                       std::size_t columns) noexcept {
  std::size_t j = 0;
  for (; j + V::size <= columns; j += V::size) depthwise_block<V, Rows, true>(taps, x + j, y + j, columns, V::size);
  if (j < columns) depthwise_block<V, Rows, false>(taps, x + j, y + j, columns, columns - j);
}

template <class T, class Arch>
void depthwise_run(const DepthwiseTaps<T>& taps, const T* x, T* y, std::size_t rows, std::size_t columns) noexcept {
  using V = xsimd::batch<T, Arch>;
  for (; rows >= 4; rows -= 4, x += 4 * taps.row_step, y += 4 * columns) depthwise_rows<V, 4>(taps, x, y, columns);
  for (; rows > 0; --rows, x += taps.row_step, y += columns) depthwise_rows<V, 1>(taps, x, y, columns);
}

}  // namespace detail

template <class T>
template <class Arch>
constexpr DepthwisePlane<T> DepthwisePlane<T>::make() noexcept {
  return {.run = &detail::depthwise_run<T, Arch>, .isa = native_isa};
}

}  // namespace hone::inline HONE_ABI::simd
