#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

#include <hone/config.hpp>
#include <hone/core/buffer.hpp>
#include <hone/core/tensor.hpp>
#include <hone/kernels/cpu/epilogue.hpp>
#include <hone/ops/blocked.hpp>
#include <hone/providers/kernel.hpp>
#include <hone/simd/channel_block.hpp>

namespace hone::inline HONE_ABI::cpu {

using ops::channel_block;
using ops::channel_blocks;
static_assert(simd::channel_block == ops::channel_block);

/// What a convolution does with its sums before it stores them: y = clamp(sum + residual, lower, upper), then the epilogue.
struct BlockedStore {
  const float* residual = nullptr;  ///< as y, or null
  float lower = -std::numeric_limits<float>::infinity();
  float upper = std::numeric_limits<float>::infinity();
  const Epilogue* epilogue = nullptr;
};

/// The sizes of a convolution or pooling in two dimensions with a blocked result.
struct BlockedProblem {
  BlockedProblem(const ops::Window& window, const Context& c, std::int64_t kernel_h, std::int64_t kernel_w) {
    const Shape& x_shape = c.input(0).shape;
    planar = x_shape.rank() == 4;
    batch = x_shape[0];
    input_blocks = x_shape[1];
    output_blocks = c.output(0).shape[1];
    h = window.axis(0, 2, x_shape[2], kernel_h);
    w = window.axis(1, 2, x_shape[3], kernel_w);
    x = c.in<float>(0);
    y = c.out<float>(0);
  }
  /// Elements of a block of channels of one image.
  [[nodiscard]] std::int64_t input_plane() const noexcept { return h.input * w.input * step(); }
  [[nodiscard]] std::int64_t output_plane() const noexcept { return h.output * w.output * channel_block; }
  /// Elements from a position of the input to the next one.
  [[nodiscard]] std::int64_t step() const noexcept { return planar ? 1 : channel_block; }
  [[nodiscard]] bool empty() const noexcept { return batch * output_blocks * output_plane() == 0; }

  ops::Window::Axis h;
  ops::Window::Axis w;
  std::int64_t batch;
  std::int64_t input_blocks;  ///< channels when planar
  std::int64_t output_blocks;
  bool planar;  ///< x is (N, C, H, W)
  const float* x;
  float* y;
};

/// A vector of one number per channel, with zeros for the channels that only fill the last block.
[[nodiscard]] inline Buffer block_vector(const float* from, std::int64_t channels) {
  Buffer result(static_cast<std::size_t>(channel_blocks(channels) * channel_block) * sizeof(float));
  auto* to = static_cast<float*>(result.data());
  std::fill(std::copy_n(from, channels, to), to + channel_blocks(channels) * channel_block, 0.0f);
  return result;
}

/// Bytes of the part of an input that is worked on at a time, so that it stays in L2.
inline constexpr std::int64_t blocked_band_bytes = 256 * 1024;

/// Multiply-adds that are worth a thread.
inline constexpr std::int64_t blocked_worth_a_thread = 256 * 1024;

/// Tasks of a section that are taken together, when each does `work` multiply-adds.
[[nodiscard]] inline std::int64_t blocked_grain(std::int64_t work) noexcept {
  return std::max<std::int64_t>(1, blocked_worth_a_thread / std::max<std::int64_t>(1, work));
}

/// Into how many parts the blocks of output channels are cut, so that there are some four tasks for each thread.
[[nodiscard]] inline std::int64_t blocked_parts(std::int64_t tasks, std::int64_t groups_of_blocks, const ThreadPool& pool) noexcept {
  if (pool.size() == 1) return 1;
  return std::clamp<std::int64_t>((4 * pool.size() + tasks - 1) / tasks, 1, groups_of_blocks);
}

}  // namespace hone::inline HONE_ABI::cpu
