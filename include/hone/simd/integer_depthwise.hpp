#pragma once

#include <cstddef>
#include <cstdint>

#include <hone/config.hpp>
#include <hone/simd/arch.hpp>
#include <hone/simd/byte_lanes.hpp>
#include <hone/simd/table.hpp>

namespace hone::inline HONE_ABI::simd {

/// One row of a depthwise convolution of bytes (*, channels): for each column and channel
///   sum = offsets[channel] + the taps x w;  y = round(clamp(sum * scales[channel] + bias[channel], lower, upper)) + zero.
struct DepthwiseRow {
  const std::uint8_t* x;      ///< the first tap of the first column
  std::ptrdiff_t column;      ///< bytes from one column to the next
  std::ptrdiff_t tap_row;     ///< bytes from one row of taps to the next
  std::ptrdiff_t tap_column;  ///< bytes from one tap to the next
  std::size_t tap_rows;
  std::size_t tap_columns;
  const std::int32_t* weights;  ///< (taps, padded)
  std::size_t padded;           ///< channels, rounded up to whole registers
  std::size_t channels;
  std::size_t columns;
  const std::int32_t* offsets;
  const float* scales;
  const float* bias;  ///< or null
  float lower;
  float upper;
  float zero;
  std::uint8_t* y;
};

struct IntegerDepthwise {
  void (*run)(const DepthwiseRow& row) noexcept;
  Isa isa;

  template <class Arch>
  static constexpr IntegerDepthwise make() noexcept;
};

namespace detail {

/// Channels [j, j + n) of a row; Whole: n fills a register.
template <class Arch, bool Whole>
HONE_ALWAYS_INLINE void depthwise_channels(const DepthwiseRow& row, std::size_t j, [[maybe_unused]] std::size_t n) noexcept {
  using I = xsimd::batch<std::int32_t, Arch>;
  using F = xsimd::batch<float, Arch>;
  const I offset = I::load_unaligned(row.offsets + j);
  const F scale = F::load_unaligned(row.scales + j);
  const F bias = row.bias != nullptr ? F::load_unaligned(row.bias + j) : F(0.0F);
  const std::uint8_t* x = row.x + j;
  std::uint8_t* y = row.y + j;
  for (std::size_t column = 0; column < row.columns; ++column, x += row.column, y += row.channels) {
    I sum = offset;
    const std::int32_t* w = row.weights + j;
    const std::uint8_t* line = x;
    for (std::size_t a = 0; a < row.tap_rows; ++a, line += row.tap_row) {
      const std::uint8_t* tap = line;
      for (std::size_t b = 0; b < row.tap_columns; ++b, tap += row.tap_column, w += row.padded) {
        if constexpr (Whole) {
          sum = sum + load_bytes<I>(tap) * I::load_unaligned(w);
        } else {
          sum = sum + load_bytes<I>(tap, n) * I::load_unaligned(w);
        }
      }
    }
    const F v = xsimd::min(xsimd::max(xsimd::to_float(sum) * scale + bias, F(row.lower)), F(row.upper));
    const I rounded = xsimd::nearbyint_as_int(v) + I(static_cast<std::int32_t>(row.zero));
    if constexpr (Whole) {
      store_bytes(rounded, y);
    } else {
      store_bytes(rounded, y, n);
    }
  }
}

template <class Arch>
void depthwise_row(const DepthwiseRow& row) noexcept {
  constexpr std::size_t width = xsimd::batch<std::int32_t, Arch>::size;
  std::size_t j = 0;
  for (; j + width <= row.channels; j += width) depthwise_channels<Arch, true>(row, j, width);
  if (j < row.channels) depthwise_channels<Arch, false>(row, j, row.channels - j);
}

}  // namespace detail

template <class Arch>
constexpr IntegerDepthwise IntegerDepthwise::make() noexcept {
  return {.run = &detail::depthwise_row<Arch>, .isa = native_isa};
}

}  // namespace hone::inline HONE_ABI::simd
