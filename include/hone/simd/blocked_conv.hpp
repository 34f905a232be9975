#pragma once

#include <cstddef>

#include <hone/config.hpp>
#include <hone/simd/arch.hpp>
#include <hone/simd/channel_block.hpp>
#include <hone/simd/lanes.hpp>
#include <hone/simd/table.hpp>
#include <hone/simd/unary.hpp>

namespace hone::inline HONE_ABI::simd {

/// A rectangle of outputs of a convolution with blocked output channels; distances in elements.
struct BlockedConvRun {
  std::size_t rows;
  std::size_t columns;
  const float* x;              ///< first channel of the first window
  std::ptrdiff_t x_row;        ///< from a row of windows to the next one
  std::ptrdiff_t x_channel;    ///< from a channel to the next one; 1 when x is blocked
  std::ptrdiff_t x_block;      ///< from a block of input channels to the next one
  std::size_t blocks;          ///< blocks of input channels
  std::size_t last_channels;   ///< channels in the last of them, 1 .. channel_block
  const std::ptrdiff_t* taps;  ///< (tap_count), from the first element of a window to the tap
  std::size_t tap_count;
  const float* weights;          ///< [output block][block][tap][channel][channel_block], channels that exist only
  std::ptrdiff_t weights_block;  ///< from a block of output channels to the next one
  const float* next_weights;     ///< what will be needed next, as many; fetched into the cache meanwhile
  const float* bias;             ///< (output blocks, channel_block) or null
  const float* residual;         ///< as y, or null
  float* y;                      ///< (rows, columns, channel_block)
  std::ptrdiff_t y_row;          ///< from a row to the next one
  std::ptrdiff_t y_block;        ///< from a block of output channels to the next one
  float lower;                   ///< results are clamped to [lower, upper]
  float upper;
};

/// y[r, q, m] = clamp(sum over blocks b, taps t and channels c of
///                    weights[b, t, c, m] * x[r * x_row + q * step + b * x_block + taps[t] + c * x_channel] + bias[m] + residual[r, q, m])
/// for up to max_output_blocks blocks of output channels m. The step is channel_block when x is blocked, else 1.
/// Each output is one chain of multiply-adds in the order of b, t, c, whatever the rectangle.
struct BlockedConv {
  /// Blocks of output channels that one call of `blocked` or `planar` computes at most.
  std::size_t max_output_blocks;
  void (*blocked)(const BlockedConvRun& run, std::size_t output_blocks) noexcept;
  void (*planar)(const BlockedConvRun& run, std::size_t output_blocks) noexcept;
  Isa isa;

  template <class Arch>
  static constexpr BlockedConv make() noexcept;
};

namespace detail {

/// Pixels and blocks of output channels in registers. Accumulators + weights + one broadcast: 28 + 2 + 1 of 32 registers with AVX-512,
/// 12 + 2 + 1 of 16 with AVX2; 12 of 16 with SSE2, which reads weights from memory.
template <class Arch>
struct BlockedShape {
  static constexpr std::size_t width = sizeof(xsimd::batch<float, Arch>) / sizeof(float);
  static constexpr std::size_t registers = channel_block / width;  ///< of one block
  static constexpr std::size_t output_blocks = native_isa == Isa::avx512 ? 2 : 1;
  static constexpr std::size_t pixels = native_isa == Isa::avx512 ? 14 : native_isa == Isa::neon ? 6 : 12 / registers;
};

/// The pixels of a tile lie in two stretches of a row, or of two rows: half of them, rounded up, from the first on, the others `x_second`
/// elements (in y, `y_second`) after it.
struct BlockedTile {
  const float* x;
  std::ptrdiff_t x_second;
  std::ptrdiff_t y;  ///< from the first element of the result
  std::ptrdiff_t y_second;
  const float* fetch;  ///< one cache line for each channel of each tap
};

template <class Arch, int Step, std::size_t OutputBlocks, std::size_t Pixels>
void blocked_conv_tile(const BlockedConvRun& run, const BlockedTile& tile) noexcept {
  using V = xsimd::batch<float, Arch>;
  constexpr std::size_t registers = BlockedShape<Arch>::registers;
  constexpr std::size_t columns = OutputBlocks * registers;
  constexpr std::size_t width = V::size;
  constexpr std::size_t half = (Pixels + 1) / 2;
  V sums[Pixels][columns];
#pragma GCC unroll 4
  for (std::size_t v = 0; v < columns; ++v) {
#pragma GCC unroll 16
    for (std::size_t p = 0; p < Pixels; ++p) sums[p][v] = V(0.0f);
  }
  const float* weights = run.weights;
  const float* fetch = tile.fetch;
  const float* x = tile.x;
  for (std::size_t block = 0; block < run.blocks; ++block, x += run.x_block) {
    const std::size_t channels = block + 1 < run.blocks ? static_cast<std::size_t>(channel_block) : run.last_channels;
    for (std::size_t tap = 0; tap < run.tap_count; ++tap) {
      const float* from = x + run.taps[tap];
      for (std::size_t c = 0; c < channels; ++c) {
        V row[columns];
#pragma GCC unroll 4
        for (std::size_t v = 0; v < columns; ++v) {
          row[v] = V::load_unaligned(weights + static_cast<std::ptrdiff_t>(v / registers) * run.weights_block + v % registers * width);
        }
        __builtin_prefetch(fetch, 0, 2);
#pragma GCC unroll 16
        for (std::size_t p = 0; p < Pixels; ++p) {
          const auto at = static_cast<std::ptrdiff_t>(p < half ? p : p - half) * Step;
          const V value(p < half ? from[at] : from[tile.x_second + at]);
#pragma GCC unroll 4
          for (std::size_t v = 0; v < columns; ++v) sums[p][v] = xsimd::fma(value, row[v], sums[p][v]);
        }
        from += Step == 1 ? run.x_channel : 1;
        weights += channel_block;
        fetch += channel_block;
      }
    }
  }
  const Clip<float> clamp{run.lower, run.upper};
#pragma GCC unroll 4
  for (std::size_t v = 0; v < columns; ++v) {
    const std::ptrdiff_t first =
        tile.y + static_cast<std::ptrdiff_t>(v / registers) * run.y_block + static_cast<std::ptrdiff_t>(v % registers * width);
    // Last, because every sum before it would be rounded to its size.
    const V bias = run.bias != nullptr ? V::load_unaligned(run.bias + v * width) : V(0.0f);
#pragma GCC unroll 16
    for (std::size_t p = 0; p < Pixels; ++p) {
      const std::ptrdiff_t at = first + (p < half ? static_cast<std::ptrdiff_t>(p) * channel_block
                                                  : tile.y_second + static_cast<std::ptrdiff_t>(p - half) * channel_block);
      sums[p][v] = sums[p][v] + bias;
      if (run.residual != nullptr) sums[p][v] = sums[p][v] + V::load_unaligned(run.residual + at);
      clamp(sums[p][v]).store_unaligned(run.y + at);
    }
  }
}

/// The tile for a number of pixels that is known at run time.
template <class Arch, int Step, std::size_t OutputBlocks, std::size_t Pixels>
HONE_ALWAYS_INLINE void blocked_conv_pixels(const BlockedConvRun& run, std::size_t pixels, const BlockedTile& tile) noexcept {
  if constexpr (Pixels > 1) {
    if (pixels < Pixels) return blocked_conv_pixels<Arch, Step, OutputBlocks, Pixels - 1>(run, pixels, tile);
  }
  blocked_conv_tile<Arch, Step, OutputBlocks, Pixels>(run, tile);
}

template <class Arch, int Step, std::size_t OutputBlocks>
void blocked_conv_run(const BlockedConvRun& run) noexcept {
  constexpr std::size_t most = BlockedShape<Arch>::pixels;
  const auto step = static_cast<std::ptrdiff_t>(Step);
  // The first tiles fetch the weights that come next, each as many cache lines as one block of output channels has.
  std::size_t fetched = 0;
  const auto fetch = [&] {
    return fetched < OutputBlocks ? run.next_weights + static_cast<std::ptrdiff_t>(fetched++) * run.weights_block : run.weights;
  };
  std::size_t r = 0;
  if (2 * run.columns <= most) {
    for (; r + 2 <= run.rows; r += 2) {
      const auto row = static_cast<std::ptrdiff_t>(r);
      blocked_conv_pixels<Arch, Step, OutputBlocks, most>(run, 2 * run.columns,
                                                          {run.x + row * run.x_row, run.x_row, row * run.y_row, run.y_row, fetch()});
    }
  }
  for (; r < run.rows; ++r) {
    // Tiles of nearly equal size: a tile of few pixels waits for its multiply-adds.
    std::size_t first = 0;
    for (std::size_t tiles = (run.columns + most - 1) / most; tiles > 0; --tiles) {
      const std::size_t count = (run.columns - first + tiles - 1) / tiles;
      const auto half = static_cast<std::ptrdiff_t>((count + 1) / 2);
      const auto row = static_cast<std::ptrdiff_t>(r);
      const auto column = static_cast<std::ptrdiff_t>(first);
      blocked_conv_pixels<Arch, Step, OutputBlocks, most>(
          run, count,
          {run.x + row * run.x_row + column * step, half * step, row * run.y_row + column * channel_block, half * channel_block, fetch()});
      first += count;
    }
  }
}

template <class Arch, int Step>
void blocked_conv(const BlockedConvRun& run, std::size_t output_blocks) noexcept {
  if constexpr (BlockedShape<Arch>::output_blocks == 2) {
    if (output_blocks == 2) return blocked_conv_run<Arch, Step, 2>(run);
  }
  blocked_conv_run<Arch, Step, 1>(run);
}

}  // namespace detail

template <class Arch>
constexpr BlockedConv BlockedConv::make() noexcept {
  return {.max_output_blocks = detail::BlockedShape<Arch>::output_blocks,
          .blocked = &detail::blocked_conv<Arch, static_cast<int>(channel_block)>,
          .planar = &detail::blocked_conv<Arch, 1>,
          .isa = native_isa};
}

}  // namespace hone::inline HONE_ABI::simd
