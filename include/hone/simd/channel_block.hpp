#pragma once

#include <cstddef>

#include <hone/config.hpp>
#include <hone/simd/arch.hpp>
#include <hone/simd/lanes.hpp>
#include <hone/simd/table.hpp>

namespace hone::inline HONE_ABI::simd {

/// Channels that lie next to each other in a blocked tensor (N, ceil(C / channel_block), H, W, channel_block): one register of float with
/// AVX-512, two with AVX2, four with SSE2. The same for every instruction set, so that a graph does not depend on the machine.
inline constexpr std::ptrdiff_t channel_block = 16;

/// Copies between planes and blocks of channels; float.
struct ChannelBlocks {
  /// y[p * channel_block + c] = x[c * plane + p] for p < positions and c < channels <= channel_block; zeros for the other channels.
  void (*block)(const float* x, std::ptrdiff_t plane, std::size_t channels, std::size_t positions, float* y) noexcept;
  /// y[c * plane + p] = x[p * channel_block + c] for p < positions and c < channels.
  void (*unblock)(const float* x, std::size_t channels, std::size_t positions, float* y, std::ptrdiff_t plane) noexcept;
  Isa isa;

  template <class Arch>
  static constexpr ChannelBlocks make() noexcept;
};

namespace detail {

/// Positions that are copied together: 64 lines of 64 bytes are 4 KiB.
inline constexpr std::size_t blocked_strip = 64;

template <class Arch>
void block_channels(const float* x, std::ptrdiff_t plane, std::size_t channels, std::size_t positions, float* y) noexcept {
  using V = xsimd::batch<float, Arch>;
  for (std::size_t first = 0; first < positions; first += blocked_strip) {
    const std::size_t count = positions - first < blocked_strip ? positions - first : blocked_strip;
    float* to = y + first * channel_block;
    if (channels < static_cast<std::size_t>(channel_block)) {
      for (std::size_t i = 0; i < count * channel_block; i += V::size) V(0.0f).store_unaligned(to + i);
    }
    for (std::size_t c = 0; c < channels; ++c) {
      const float* from = x + static_cast<std::ptrdiff_t>(c) * plane + first;
      for (std::size_t p = 0; p < count; ++p) to[p * channel_block + c] = from[p];
    }
  }
}

template <class Arch>
void unblock_channels(const float* x, std::size_t channels, std::size_t positions, float* y, std::ptrdiff_t plane) noexcept {
  for (std::size_t first = 0; first < positions; first += blocked_strip) {
    const std::size_t count = positions - first < blocked_strip ? positions - first : blocked_strip;
    const float* from = x + first * channel_block;
    for (std::size_t c = 0; c < channels; ++c) {
      float* to = y + static_cast<std::ptrdiff_t>(c) * plane + first;
      for (std::size_t p = 0; p < count; ++p) to[p] = from[p * channel_block + c];
    }
  }
}

}  // namespace detail

template <class Arch>
constexpr ChannelBlocks ChannelBlocks::make() noexcept {
  return {.block = &detail::block_channels<Arch>, .unblock = &detail::unblock_channels<Arch>, .isa = native_isa};
}

}  // namespace hone::inline HONE_ABI::simd
