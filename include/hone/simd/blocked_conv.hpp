#pragma once

#include <cstddef>

#include <hone/config.hpp>
#include <hone/simd/arch.hpp>
#include <hone/simd/channel_block.hpp>
#include <hone/simd/lanes.hpp>
#include <hone/simd/table.hpp>
#include <hone/simd/unary.hpp>

namespace hone::inline HONE_ABI::simd {

/// A run of neighbouring outputs of a convolution with blocked output channels; distances in elements.
struct BlockedConvRun {
  const float* x;              ///< first channel of the first window
  std::ptrdiff_t x_channel;    ///< from a channel to the next one
  std::ptrdiff_t x_block;      ///< from a block of input channels to the next one
  std::size_t blocks;          ///< blocks of input channels
  std::size_t last_channels;   ///< channels in the last of them, 1 .. channel_block
  const std::ptrdiff_t* taps;  ///< (tap_count), from the first element of a window to the tap
  std::size_t tap_count;
  const float* weights;          ///< [block][tap][channel][channel_block], channels that exist only; of the first block of output channels
  std::ptrdiff_t weights_block;  ///< from a block of output channels to the next one
  const float* bias;             ///< (output blocks, channel_block) or null
  const float* residual;         ///< as y, or null
  float* y;                      ///< (pixels, channel_block), dense
  std::ptrdiff_t y_block;        ///< from a block of output channels to the next one
  float lower;                   ///< results are clamped to [lower, upper]
  float upper;
};

/// y[p, m] = clamp(bias[m] + sum over blocks b, taps t and channels c of
///                 weights[b, t, c, m] * x[p * step + b * x_block + taps[t] + c * x_channel] + residual[p, m])
/// for `pixels` windows and up to max_output_blocks blocks of output channels m. The step is channel_block when x is blocked, else 1.
/// Each output is one chain of multiply-adds in the order of b, t, c, whatever the number of pixels.
struct BlockedConv {
  /// Blocks of output channels that one call of `blocked` or `planar` computes at most.
  std::size_t max_output_blocks;
  void (*blocked)(const BlockedConvRun& run, std::size_t pixels, std::size_t output_blocks) noexcept;
  void (*planar)(const BlockedConvRun& run, std::size_t pixels, std::size_t output_blocks) noexcept;
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

template <class Arch, int Step, std::size_t OutputBlocks, std::size_t Pixels>
void blocked_conv_tile(const BlockedConvRun& run, const float* x, float* y) noexcept {
  using V = xsimd::batch<float, Arch>;
  constexpr std::size_t registers = BlockedShape<Arch>::registers;
  constexpr std::size_t columns = OutputBlocks * registers;
  constexpr std::size_t width = V::size;
  V sums[Pixels][columns];
#pragma GCC unroll 4
  for (std::size_t v = 0; v < columns; ++v) {
    const V start = run.bias != nullptr ? V::load_unaligned(run.bias + v * width) : V(0.0f);
#pragma GCC unroll 16
    for (std::size_t p = 0; p < Pixels; ++p) sums[p][v] = start;
  }
  const float* weights = run.weights;
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
#pragma GCC unroll 16
        for (std::size_t p = 0; p < Pixels; ++p) {
          const V value(from[static_cast<std::ptrdiff_t>(p) * Step]);
#pragma GCC unroll 4
          for (std::size_t v = 0; v < columns; ++v) sums[p][v] = xsimd::fma(value, row[v], sums[p][v]);
        }
        from += run.x_channel;
        weights += channel_block;
      }
    }
  }
  const Clip<float> clamp{run.lower, run.upper};
#pragma GCC unroll 4
  for (std::size_t v = 0; v < columns; ++v) {
    const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(v / registers) * run.y_block + static_cast<std::ptrdiff_t>(v % registers * width);
    const float* residual = run.residual != nullptr ? run.residual + (y - run.y) + at : nullptr;
#pragma GCC unroll 16
    for (std::size_t p = 0; p < Pixels; ++p) {
      if (residual != nullptr) sums[p][v] = sums[p][v] + V::load_unaligned(residual + p * channel_block);
      clamp(sums[p][v]).store_unaligned(y + at + p * channel_block);
    }
  }
}

/// The tile for a number of pixels that is known at run time.
template <class Arch, int Step, std::size_t OutputBlocks, std::size_t Pixels>
HONE_ALWAYS_INLINE void blocked_conv_pixels(const BlockedConvRun& run, std::size_t pixels, const float* x, float* y) noexcept {
  if constexpr (Pixels > 1) {
    if (pixels < Pixels) return blocked_conv_pixels<Arch, Step, OutputBlocks, Pixels - 1>(run, pixels, x, y);
  }
  blocked_conv_tile<Arch, Step, OutputBlocks, Pixels>(run, x, y);
}

template <class Arch, int Step, std::size_t OutputBlocks>
void blocked_conv_run(const BlockedConvRun& run, std::size_t pixels) noexcept {
  // Tiles of nearly equal size: a tile of few pixels waits for its multiply-adds.
  constexpr std::size_t most = BlockedShape<Arch>::pixels;
  std::size_t first = 0;
  for (std::size_t tiles = (pixels + most - 1) / most; tiles > 0; --tiles) {
    const std::size_t count = (pixels - first + tiles - 1) / tiles;
    blocked_conv_pixels<Arch, Step, OutputBlocks, most>(run, count, run.x + static_cast<std::ptrdiff_t>(first) * Step,
                                                        run.y + static_cast<std::ptrdiff_t>(first) * channel_block);
    first += count;
  }
}

template <class Arch, int Step>
void blocked_conv(const BlockedConvRun& run, std::size_t pixels, std::size_t output_blocks) noexcept {
  if constexpr (BlockedShape<Arch>::output_blocks == 2) {
    if (output_blocks == 2) return blocked_conv_run<Arch, Step, 2>(run, pixels);
  }
  blocked_conv_run<Arch, Step, 1>(run, pixels);
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
