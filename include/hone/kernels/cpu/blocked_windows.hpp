#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <hone/config.hpp>
#include <hone/core/buffer.hpp>
#include <hone/kernels/cpu/blocked_layout.hpp>
#include <hone/kernels/cpu/pool.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/simd/blocked_window.hpp>

namespace hone::inline HONE_ABI::cpu {

/// Windows of a row that touch the same taps, cut to what lies inside the input.
struct BlockedWindowRun {
  simd::BlockedWindows windows;
  std::int64_t first;  ///< window of the row
  std::int64_t count;
  std::int64_t tap_row;  ///< first tap that is inside
  std::int64_t tap_column;
  std::int64_t padded;  ///< taps with the padding counted
};

/// body(run) for the runs of windows of row `row`, `x` being one block of channels of one image.
template <class Body>
void for_window_runs(const BlockedProblem& p, const float* x, std::int64_t row, const Body& body) {
  const auto tap = [](const ops::Window::Axis& axis, std::int64_t window, const WindowSpan& span) {
    return (span.first - (window * axis.stride - axis.pad_begin)) / axis.dilation;
  };
  const WindowSpan rows = window_span(p.h, row);
  const std::int64_t tap_row = tap(p.h, row, rows);
  // Windows [inner, outer) are inside of the input as a whole.
  const std::int64_t inner = p.w.pad_begin > 0 ? std::min(p.w.output, (p.w.pad_begin + p.w.stride - 1) / p.w.stride) : 0;
  const std::int64_t room = p.w.input + p.w.pad_begin - p.w.extent();
  const std::int64_t outer = std::max(inner, room < 0 ? 0 : std::min(p.w.output, room / p.w.stride + 1));
  for (std::int64_t first = 0; first < p.w.output;) {
    const std::int64_t count = first == inner && outer > inner ? outer - inner : 1;
    const WindowSpan columns = window_span(p.w, first);
    const bool touches = rows.count > 0 && columns.count > 0;
    body(BlockedWindowRun{.windows = {.x = touches ? x + (rows.first * p.w.input + columns.first) * channel_block : x,
                                      .step = p.w.stride * channel_block,
                                      .row = p.h.dilation * p.w.input * channel_block,
                                      .column = p.w.dilation * channel_block,
                                      .rows = touches ? static_cast<std::size_t>(rows.count) : 0,
                                      .columns = static_cast<std::size_t>(columns.count)},
                          .first = first,
                          .count = count,
                          .tap_row = tap_row,
                          .tap_column = tap(p.w, first, columns),
                          .padded = rows.padded * columns.padded});
    first += count;
  }
}

/// body(plane, first row, last row, x, y, thread) for parts of each image and block of channels, on the threads of the session; `y` is at
/// the first row. Rows come before blocks, as in the convolutions around: a thread finds what it has written in its cache.
template <class Body>
void for_blocked_rows(const Context& c, const BlockedProblem& p, const Body& body) {
  const std::int64_t bytes = p.input_blocks * p.input_plane() * static_cast<std::int64_t>(sizeof(float));
  const std::int64_t parts = c.pool().size() == 1 ? 1
                                                  : std::clamp<std::int64_t>(bytes / blocked_band_bytes, 1,
                                                                             std::min<std::int64_t>(p.h.output, 4 * c.pool().size()));
  const std::int64_t work = p.output_plane() * p.h.kernel * p.w.kernel / parts;
  c.parallel_for(p.batch * parts * p.output_blocks, blocked_grain(work), [&](std::int64_t begin, std::int64_t end, int thread) {
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t part = task / p.output_blocks % parts;
      const std::int64_t plane = task / (p.output_blocks * parts) * p.output_blocks + task % p.output_blocks;
      const std::int64_t first = p.h.output * part / parts;
      const std::int64_t last = p.h.output * (part + 1) / parts;
      body(plane, first, last, p.x + plane * p.input_plane(), p.y + plane * p.output_plane() + first * p.w.output * channel_block, thread);
    }
  });
}

/// Depthwise convolution of blocked tensors: channel c of the output depends on channel c of the input.
class BlockedDepthwise {
 public:
  /// `weights` (C, 1, kH, kW)
  BlockedDepthwise(const TensorRef& weights, const CpuDevice& device)
      : kernels_(&simd::table<simd::BlockedWindow>(device.isa)), taps_(weights.shape[2] * weights.shape[3]) {
    const std::int64_t blocks = channel_blocks(weights.shape[0]);
    packed_ = Buffer(static_cast<std::size_t>(blocks * taps_ * channel_block) * sizeof(float));
    auto* to = static_cast<float*>(packed_.data());
    std::fill_n(to, blocks * taps_ * channel_block, 0.0f);
    for (std::int64_t c = 0; c < weights.shape[0]; ++c) {
      for (std::int64_t tap = 0; tap < taps_; ++tap) {
        to[(c / channel_block * taps_ + tap) * channel_block + c % channel_block] = weights.as<const float>()[c * taps_ + tap];
      }
    }
  }

  void run(const Context& c, const BlockedProblem& p, const float* bias, const BlockedStore& store) const {
    const std::int64_t weights_row = p.w.kernel * channel_block;
    for_blocked_rows(c, p, [&](std::int64_t plane, std::int64_t first, std::int64_t last, const float* x, float* y, int) {
      const std::int64_t block = plane % p.output_blocks;
      const float* weights = static_cast<const float*>(packed_.data()) + block * taps_ * channel_block;
      for (std::int64_t row = first; row < last; ++row, y += p.w.output * channel_block) {
        for_window_runs(p, x, row, [&](const BlockedWindowRun& run) {
          kernels_->depthwise(run.windows, static_cast<std::size_t>(run.count),
                              weights + run.tap_row * weights_row + run.tap_column * channel_block, weights_row,
                              bias != nullptr ? bias + block * channel_block : nullptr, store.lower, store.upper,
                              y + run.first * channel_block);
        });
      }
      const std::int64_t row_size = p.w.output * channel_block;
      if (store.epilogue != nullptr) (*store.epilogue)(plane * p.output_plane() + first * row_size, (last - first) * row_size);
    });
  }

 private:
  const simd::BlockedWindow* kernels_;
  std::int64_t taps_;
  Buffer packed_;
};

}  // namespace hone::inline HONE_ABI::cpu
