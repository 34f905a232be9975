#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

#include <hone/config.hpp>
#include <hone/kernels/cpu/blocked_layout.hpp>
#include <hone/kernels/cpu/blocked_windows.hpp>
#include <hone/ops/blocked.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>
#include <hone/simd/blocked_window.hpp>

namespace hone::inline HONE_ABI {

namespace cpu {

/// Pools a blocked tensor: body(run, taps inside of the input, y) for each run of windows, on the threads of the session.
template <class Body>
void for_pooled_windows(const Context& c, const ops::Window& window, const Body& body) {
  const BlockedProblem p(window, c, 1, 1);
  if (p.empty()) return;
  for_blocked_rows(c, p, [&](std::int64_t, std::int64_t first, std::int64_t last, const float* x, float* y, int) {
    for (std::int64_t row = first; row < last; ++row, y += p.w.output * channel_block) {
      for_window_runs(p, x, row, [&](const BlockedWindowRun& run) {
        body(run, static_cast<std::int64_t>(run.windows.rows * run.windows.columns), y + run.first * channel_block);
      });
    }
  });
}

}  // namespace cpu

template <>
class Kernel<ops::BlockedMaxPool, Cpu, float> {
 public:
  Kernel(const NodeView& node, const CpuDevice& device)
      : op_(node.op<ops::BlockedMaxPool>()), kernels_(&simd::table<simd::BlockedWindow>(device.isa)) {}

  [[nodiscard]] std::size_t workspace(const Context& c) const {
    const cpu::BlockedProblem p(op_.window, c, 1, 1);
    return is_separated(p) && !p.empty() ? row_maxima_bytes(p) * static_cast<std::size_t>(c.pool().size()) : 0;
  }

  void run(Context& c) const {
    if (const cpu::BlockedProblem p(op_.window, c, 1, 1); is_separated(p) && !p.empty()) return run_separated(c, p);
    cpu::for_pooled_windows(c, op_.window,
                            [&](const cpu::BlockedWindowRun& run, std::int64_t, float* y) { max(run.windows, run.count, y); });
  }

 private:
  /// Large windows take the maxima of their rows first, which overlapping windows share.
  [[nodiscard]] static bool is_separated(const cpu::BlockedProblem& p) noexcept {
    return p.h.kernel * p.w.kernel >= 2 * (p.h.kernel + p.w.kernel) && p.h.stride < p.h.kernel && p.h.dilation == 1;
  }
  /// Bytes of the maxima of a block of channels.
  [[nodiscard]] static std::size_t row_maxima_bytes(const cpu::BlockedProblem& p) noexcept {
    return align_up(static_cast<std::size_t>(p.h.input * p.w.output * cpu::channel_block) * sizeof(float));
  }

  void run_separated(const Context& c, const cpu::BlockedProblem& p) const {
    cpu::BlockedProblem rows = p;  // windows of one row
    rows.h = {.input = p.h.input, .output = p.h.input, .kernel = 1, .stride = 1, .dilation = 1};
    const std::int64_t row_size = p.w.output * cpu::channel_block;
    cpu::for_blocked_rows(c, p, [&](std::int64_t, std::int64_t first, std::int64_t last, const float* x, float* y, int thread) {
      auto* const maxima = reinterpret_cast<float*>(c.workspace() + static_cast<std::size_t>(thread) * row_maxima_bytes(p));
      std::int64_t done = 0;  // rows of the input that no later window needs, or whose maxima are there
      for (std::int64_t row = first; row < last; ++row, y += row_size) {
        const cpu::WindowSpan span = cpu::window_span(p.h, row);
        const std::int64_t end = span.count > 0 ? span.first + span.count : 0;
        for (done = std::max(done, span.first); done < end; ++done) {
          cpu::for_window_runs(rows, x, done, [&](const cpu::BlockedWindowRun& run) {
            max(run.windows, run.count, maxima + done * row_size + run.first * cpu::channel_block);
          });
        }
        max({.x = maxima + (span.count > 0 ? span.first * row_size : 0),
             .step = cpu::channel_block,
             .row = row_size,
             .column = 0,
             .rows = static_cast<std::size_t>(span.count),
             .columns = 1},
            p.w.output, y);
      }
    });
  }

  void max(const simd::BlockedWindows& windows, std::int64_t count, float* y) const noexcept {
    if (windows.rows * windows.columns == 0) {
      std::fill_n(y, count * cpu::channel_block, -std::numeric_limits<float>::infinity());
    } else {
      kernels_->max(windows, static_cast<std::size_t>(count), y);
    }
  }

  ops::BlockedMaxPool op_;
  const simd::BlockedWindow* kernels_;
};

template <>
class Kernel<ops::BlockedAveragePool, Cpu, float> {
 public:
  Kernel(const NodeView& node, const CpuDevice& device)
      : op_(node.op<ops::BlockedAveragePool>()), kernels_(&simd::table<simd::BlockedWindow>(device.isa)) {}
  void run(Context& c) const {
    cpu::for_pooled_windows(c, op_.window, [&](const cpu::BlockedWindowRun& run, std::int64_t taps, float* y) {
      const auto divisor = static_cast<float>(op_.count_include_pad ? run.padded : taps);
      if (taps == 0) {
        std::fill_n(y, run.count * cpu::channel_block, 0.0f / divisor);
      } else {
        kernels_->mean(run.windows, static_cast<std::size_t>(run.count), divisor, y);
      }
    });
  }

 private:
  ops::BlockedAveragePool op_;
  const simd::BlockedWindow* kernels_;
};

template <>
class Kernel<ops::BlockedGlobalAveragePool, Cpu, float> {
 public:
  Kernel(const NodeView&, const CpuDevice& device) : kernels_(&simd::table<simd::BlockedWindow>(device.isa)) {}
  void run(Context& c) const {
    const Shape& x = c.input(0).shape;
    const std::int64_t positions = x[2] * x[3];
    c.parallel_for(x[0] * x[1], std::max<std::int64_t>(1, 4096 / (positions + 1)), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t plane = begin; plane < end; ++plane) {
        float* y = c.out<float>(0) + plane * cpu::channel_block;
        if (positions == 0) {
          std::fill_n(y, cpu::channel_block, std::numeric_limits<float>::quiet_NaN());
          continue;
        }
        kernels_->mean({.x = c.in<float>(0) + plane * positions * cpu::channel_block,
                        .step = 0,
                        .row = 0,
                        .column = cpu::channel_block,
                        .rows = 1,
                        .columns = static_cast<std::size_t>(positions)},
                       1, static_cast<float>(positions), y);
      }
    });
  }

 private:
  const simd::BlockedWindow* kernels_;
};

}  // namespace hone::inline HONE_ABI
