#pragma once

#include <cstddef>

#include <hone/config.hpp>
#include <hone/simd/arch.hpp>
#include <hone/simd/binary.hpp>
#include <hone/simd/channel_block.hpp>
#include <hone/simd/lanes.hpp>
#include <hone/simd/table.hpp>
#include <hone/simd/unary.hpp>

namespace hone::inline HONE_ABI::simd {

/// A row of windows over one block of channels that all touch the same taps; distances in elements.
struct BlockedWindows {
  const float* x;         ///< first tap of the first window
  std::ptrdiff_t step;    ///< from a window to the next one
  std::ptrdiff_t row;     ///< from a row of taps to the next one
  std::ptrdiff_t column;  ///< from a tap of a row to the next one
  std::size_t rows;       ///< taps
  std::size_t columns;
};

/// Depthwise convolution and pooling of blocked tensors, channel by channel.
struct BlockedWindow {
  /// y[p] = clamp(bias + sum over taps of weights[tap] * x[p * step + tap]); weights (rows, channel_block), `weights_row` apart, bias
  /// (channel_block) or null, y (windows, channel_block). Each output is one chain of multiply-adds in the order of the taps.
  void (*depthwise)(const BlockedWindows& windows, std::size_t count, const float* weights, std::ptrdiff_t weights_row, const float* bias,
                    float lower, float upper, float* y) noexcept;
  /// y[p] = the largest tap, NaN if one is.
  void (*max)(const BlockedWindows& windows, std::size_t count, float* y) noexcept;
  /// y[p] = the sum of the taps / divisor.
  void (*mean)(const BlockedWindows& windows, std::size_t count, float divisor, float* y) noexcept;
  Isa isa;

  template <class Arch>
  static constexpr BlockedWindow make() noexcept;
};

namespace detail {

template <class V, int Windows>
HONE_ALWAYS_INLINE void blocked_depthwise_tile(const BlockedWindows& w, const float* x, const float* weights, std::ptrdiff_t weights_row,
                                               V start, const Clip<float>& clamp, float* y) noexcept {
  V sums[Windows];
#pragma GCC unroll 8
  for (int p = 0; p < Windows; ++p) sums[p] = start;
  for (std::size_t i = 0; i < w.rows; ++i) {
    const float* from = x + static_cast<std::ptrdiff_t>(i) * w.row;
    const float* factors = weights + static_cast<std::ptrdiff_t>(i) * weights_row;
    for (std::size_t j = 0; j < w.columns; ++j, from += w.column, factors += channel_block) {
      const V factor = V::load_unaligned(factors);
#pragma GCC unroll 8
      for (int p = 0; p < Windows; ++p) sums[p] = xsimd::fma(factor, V::load_unaligned(from + p * w.step), sums[p]);
    }
  }
#pragma GCC unroll 8
  for (int p = 0; p < Windows; ++p) clamp(sums[p]).store_unaligned(y + p * channel_block);
}

template <class Arch>
void blocked_depthwise(const BlockedWindows& w, std::size_t count, const float* weights, std::ptrdiff_t weights_row, const float* bias,
                       float lower, float upper, float* y) noexcept {
  using V = xsimd::batch<float, Arch>;
  const Clip<float> clamp{lower, upper};
  for (std::ptrdiff_t lane = 0; lane < channel_block; lane += V::size) {
    const V start = bias != nullptr ? V::load_unaligned(bias + lane) : V(0.0f);
    const float* x = w.x + lane;
    float* to = y + lane;
    std::size_t left = count;
    for (; left >= 7; left -= 7, x += 7 * w.step, to += 7 * channel_block) {
      blocked_depthwise_tile<V, 7>(w, x, weights + lane, weights_row, start, clamp, to);
    }
    for (; left >= 3; left -= 3, x += 3 * w.step, to += 3 * channel_block) {
      blocked_depthwise_tile<V, 3>(w, x, weights + lane, weights_row, start, clamp, to);
    }
    for (; left > 0; --left, x += w.step, to += channel_block) {
      blocked_depthwise_tile<V, 1>(w, x, weights + lane, weights_row, start, clamp, to);
    }
  }
}

template <class Arch, class F, class Finish>
HONE_ALWAYS_INLINE void blocked_fold(const BlockedWindows& w, std::size_t count, const Finish& finish, float* y) noexcept {
  using V = xsimd::batch<float, Arch>;
  for (std::size_t p = 0; p < count; ++p, y += channel_block) {
    const float* x = w.x + static_cast<std::ptrdiff_t>(p) * w.step;
    for (std::ptrdiff_t lane = 0; lane < channel_block; lane += V::size) {
      V result = V::load_unaligned(x + lane);
      for (std::size_t i = 0; i < w.rows; ++i) {
        const float* from = x + static_cast<std::ptrdiff_t>(i) * w.row + lane;
        std::size_t j = i == 0 ? 1 : 0;
        if (w.columns >= 16) {
          // Long rows in four parts, which do not wait for each other.
          V parts[4] = {result, V::load_unaligned(from + w.column * static_cast<std::ptrdiff_t>(j)),
                        V::load_unaligned(from + w.column * static_cast<std::ptrdiff_t>(j + 1)),
                        V::load_unaligned(from + w.column * static_cast<std::ptrdiff_t>(j + 2))};
          for (j += 3; j + 4 <= w.columns; j += 4) {
#pragma GCC unroll 4
            for (std::size_t k = 0; k < 4; ++k) {
              parts[k] = F{}(parts[k], V::load_unaligned(from + static_cast<std::ptrdiff_t>(j + k) * w.column));
            }
          }
          result = F{}(F{}(parts[0], parts[1]), F{}(parts[2], parts[3]));
        }
        for (; j < w.columns; ++j) result = F{}(result, V::load_unaligned(from + static_cast<std::ptrdiff_t>(j) * w.column));
      }
      finish(result).store_unaligned(y + lane);
    }
  }
}

template <class Arch>
void blocked_max(const BlockedWindows& w, std::size_t count, float* y) noexcept {
  blocked_fold<Arch, Max>(
      w, count, [](auto largest) { return largest; }, y);
}
template <class Arch>
void blocked_mean(const BlockedWindows& w, std::size_t count, float divisor, float* y) noexcept {
  blocked_fold<Arch, Add>(
      w, count, [divisor](auto sum) { return sum / decltype(sum)(divisor); }, y);
}

}  // namespace detail

template <class Arch>
constexpr BlockedWindow BlockedWindow::make() noexcept {
  return {.depthwise = &detail::blocked_depthwise<Arch>,
          .max = &detail::blocked_max<Arch>,
          .mean = &detail::blocked_mean<Arch>,
          .isa = native_isa};
}

}  // namespace hone::inline HONE_ABI::simd
