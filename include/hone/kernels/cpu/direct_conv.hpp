#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <hone/config.hpp>
#include <hone/core/buffer.hpp>
#include <hone/kernels/cpu/blocked_layout.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/simd/blocked_conv.hpp>

namespace hone::inline HONE_ABI::cpu {

/// Convolution with a blocked result, straight from the definition: registers hold the sums of neighbouring outputs and pass over all taps
/// and input channels. Where windows are more than one column apart or reach into the padding, a band of rows is copied first, the columns
/// of each row by their remainder modulo the stride, so that neighbouring windows always read neighbours.
class DirectConv {
 public:
  static constexpr std::int64_t max_taps = 256;

  DirectConv(const TensorRef& weights, std::int64_t group, const CpuDevice& device)
      : kernels_(&simd::table<simd::BlockedConv>(device.isa)),
        group_(group),
        inputs_(weights.shape[1]),
        output_blocks_(channel_blocks(weights.shape[0] / group)),
        taps_(weights.shape[2] * weights.shape[3]) {
    const std::int64_t outputs = weights.shape[0] / group;
    packed_ = Buffer(static_cast<std::size_t>(group * output_blocks_ * block_size()) * sizeof(float));
    auto* to = static_cast<float*>(packed_.data());
    const auto* w = weights.as<const float>();
    for (std::int64_t block = 0; block < group * output_blocks_; ++block) {
      const std::int64_t first = block / output_blocks_ * outputs + block % output_blocks_ * channel_block;
      const std::int64_t count = std::min(channel_block, (block / output_blocks_ + 1) * outputs - first);
      for (std::int64_t c0 = 0; c0 < inputs_; c0 += channel_block) {
        for (std::int64_t tap = 0; tap < taps_; ++tap) {
          for (std::int64_t c = c0; c < std::min(c0 + channel_block, inputs_); ++c, to += channel_block) {
            for (std::int64_t m = 0; m < channel_block; ++m) to[m] = m < count ? w[((first + m) * inputs_ + c) * taps_ + tap] : 0.0f;
          }
        }
      }
    }
  }

  [[nodiscard]] std::size_t workspace(const BlockedProblem& p, const ThreadPool& pool) const noexcept {
    const Bands bands(p, *this);
    return bands.copied ? align_up(bands.elements * sizeof(float)) * static_cast<std::size_t>(pool.size()) : 0;
  }

  void run(const Context& c, const BlockedProblem& p, const float* bias, const BlockedStore& store) const {
    const Bands bands(p, *this);
    const std::size_t scratch = align_up(bands.elements * sizeof(float));
    const auto step_blocks = static_cast<std::int64_t>(kernels_->max_output_blocks);
    const std::int64_t pairs = (output_blocks_ + step_blocks - 1) / step_blocks;
    const std::int64_t units = p.batch * group_ * bands.count;
    const std::int64_t parts = blocked_parts(units, pairs, c.pool());
    const std::int64_t work = output_blocks_ * channel_block * inputs_ * taps_ * bands.rows * bands.columns / parts;
    c.parallel_for(units * parts, blocked_grain(work), [&](std::int64_t begin, std::int64_t end, int slot) {
      auto* copy = reinterpret_cast<float*>(c.workspace() + static_cast<std::size_t>(slot) * scratch);
      std::int64_t held = -1;
      for (std::int64_t task = begin; task < end; ++task) {
        const std::int64_t unit = task / parts;
        const std::int64_t part = task % parts;
        if (bands.copied && unit != held) copy_band(p, bands, unit, copy);
        held = unit;
        run_band(p, bands, unit, pairs * part / parts * step_blocks, std::min(output_blocks_, pairs * (part + 1) / parts * step_blocks),
                 copy, bias, store);
      }
    });
  }

 private:
  /// The outputs of an image in pieces whose windows stay in L2.
  struct Bands {
    Bands(const BlockedProblem& p, const DirectConv& conv) {
      const auto& h = p.h;
      const auto& w = p.w;
      const std::int64_t width = (w.output - 1) * w.stride + w.extent();
      const std::int64_t height = (h.output - 1) * h.stride + h.extent();
      copied = w.stride != 1 || h.pad_begin != 0 || w.pad_begin != 0 || height > h.input || width > w.input;
      const bool flat = !copied && conv.taps_ == 1 && h.stride == 1 && w.output == w.input;
      const std::int64_t channels = p.planar ? conv.inputs_ : channel_blocks(conv.inputs_) * channel_block;
      total_rows = flat ? 1 : h.output;
      total_columns = flat ? h.output * w.output : w.output;
      // Only rows and remainders that some tap reads are copied.
      phases = w.kernel == 1 ? 1 : w.stride;
      phase = copied ? (width + w.stride - 1) / w.stride : w.input;
      row_size = (copied ? phases * phase : w.input) * p.step();
      row_step = copied && h.kernel == 1 ? h.stride : 1;
      const std::int64_t bytes = static_cast<std::int64_t>(sizeof(float)) * channels;
      if (flat) {
        rows = 1;
        columns = std::clamp<std::int64_t>(blocked_band_bytes / bytes / 56 * 56, 56, std::max<std::int64_t>(total_columns, 56));
      } else {
        const std::int64_t row_bytes = bytes * row_size / p.step();
        rows = std::clamp<std::int64_t>((blocked_band_bytes / row_bytes - h.extent()) / (h.stride / row_step) + 1, 1, total_rows);
        columns = total_columns;
      }
      input_rows = (rows - 1) * (h.stride / row_step) + h.extent();
      elements = copied ? static_cast<std::size_t>(channels * input_rows * row_size / p.step()) : 0;
      column_bands = (total_columns + columns - 1) / columns;
      count = (total_rows + rows - 1) / rows * column_bands;
    }

    bool copied;
    std::int64_t total_rows;
    std::int64_t total_columns;
    std::int64_t rows;  ///< of outputs in a band
    std::int64_t columns;
    std::int64_t column_bands;
    std::int64_t count;       ///< of bands
    std::int64_t row_step;    ///< rows of the input from a row of the copy to the next one
    std::int64_t input_rows;  ///< that the windows of a band reach
    std::int64_t phases;      ///< remainders in the copy
    std::int64_t phase;       ///< columns of one remainder
    std::int64_t row_size;    ///< elements of a row of the copy, or of the input
    std::size_t elements;     ///< of the copy
  };

  /// Elements of the weights of one block of output channels.
  [[nodiscard]] std::int64_t block_size() const noexcept { return inputs_ * taps_ * channel_block; }
  /// Blocks of channels, or channels of a planar input, of one group.
  [[nodiscard]] std::int64_t group_planes(const BlockedProblem& p) const noexcept { return p.input_blocks / group_; }

  void copy_band(const BlockedProblem& p, const Bands& bands, std::int64_t unit, float* to) const noexcept {
    const std::int64_t image = unit / bands.count;
    const std::int64_t first_row = unit % bands.count * bands.rows * p.h.stride - p.h.pad_begin;
    const std::int64_t step = p.step();
    for (std::int64_t plane = 0; plane < group_planes(p); ++plane) {
      const float* x = p.x + (image * group_planes(p) + plane) * p.input_plane();
      for (std::int64_t r = 0; r < bands.input_rows; ++r) {
        const std::int64_t row = first_row + r * bands.row_step;
        if (row < 0 || row >= p.h.input) {
          to = std::fill_n(to, bands.row_size, 0.0f);
          continue;
        }
        for (std::int64_t phase = 0; phase < bands.phases; ++phase) {
          // Column q of the phase is column q * stride + shift of the input.
          const std::int64_t shift = phase - p.w.pad_begin;
          const std::int64_t stride = p.w.stride;
          const std::int64_t begin = std::clamp<std::int64_t>(shift < 0 ? (-shift + stride - 1) / stride : 0, 0, bands.phase);
          const std::int64_t end =
              std::clamp<std::int64_t>(shift < p.w.input ? (p.w.input - 1 - shift) / stride + 1 : 0, begin, bands.phase);
          to = std::fill_n(to, begin * step, 0.0f);
          if (begin < end) {
            const float* from = x + (row * p.w.input + begin * stride + shift) * step;
            if (stride == 1) {
              to = std::copy_n(from, (end - begin) * step, to);
            } else if (p.planar) {
              for (std::int64_t q = begin; q < end; ++q, from += stride) *to++ = *from;
            } else {
              for (std::int64_t q = begin; q < end; ++q, from += stride * channel_block, to += channel_block)
                std::memcpy(to, from, channel_block * sizeof(float));
            }
          }
          to = std::fill_n(to, (bands.phase - end) * step, 0.0f);
        }
      }
    }
  }

  /// Blocks [first, last) of output channels of the group in one band.
  void run_band(const BlockedProblem& p, const Bands& bands, std::int64_t unit, std::int64_t first, std::int64_t last, const float* copy,
                const float* bias, const BlockedStore& store) const noexcept {
    const std::int64_t image = unit / bands.count;
    const std::int64_t group = image % group_;
    const std::int64_t band = unit % bands.count;
    const std::int64_t row = band / bands.column_bands * bands.rows;
    const std::int64_t column = band % bands.column_bands * bands.columns;
    const std::int64_t rows = std::min(bands.rows, bands.total_rows - row);
    const std::int64_t columns = std::min(bands.columns, bands.total_columns - column);
    const std::int64_t step = p.step();
    const std::int64_t plane = bands.copied ? bands.input_rows * bands.row_size : p.input_plane();
    std::array<std::ptrdiff_t, max_taps> offsets;
    for (std::int64_t k = 0; k < taps_; ++k) {
      const std::int64_t at = k % p.w.kernel * p.w.dilation;
      const std::int64_t in_row = bands.copied ? at % p.w.stride * bands.phase + at / p.w.stride : at;
      offsets[static_cast<std::size_t>(k)] = k / p.w.kernel * p.h.dilation * bands.row_size + in_row * step;
    }
    const float* x = copy;
    if (!bands.copied) {
      x = p.x + image * group_planes(p) * plane + (row * p.h.stride * p.w.input + column) * step;
    }
    simd::BlockedConvRun run{};
    run.rows = static_cast<std::size_t>(rows);
    run.columns = static_cast<std::size_t>(columns);
    run.x = x;
    run.x_row = p.h.stride / bands.row_step * bands.row_size;
    run.y_row = bands.total_columns * channel_block;
    run.x_channel = p.planar ? plane : 1;
    run.x_block = p.planar ? channel_block * plane : plane;
    run.blocks = static_cast<std::size_t>(channel_blocks(inputs_));
    run.last_channels = static_cast<std::size_t>((inputs_ - 1) % channel_block + 1);
    run.taps = offsets.data();
    run.tap_count = static_cast<std::size_t>(taps_);
    run.weights_block = block_size();
    run.y_block = p.output_plane();
    run.lower = store.lower;
    run.upper = store.upper;
    const auto kernel = p.planar ? kernels_->planar : kernels_->blocked;
    for (std::int64_t block = first; block < last;) {
      const auto blocks = std::min(last - block, static_cast<std::int64_t>(kernels_->max_output_blocks));
      const std::int64_t to = (image * output_blocks_ + block) * p.output_plane() + (row * bands.total_columns + column) * channel_block;
      run.weights = static_cast<const float*>(packed_.data()) + (group * output_blocks_ + block) * block_size();
      run.bias = bias != nullptr ? bias + (group * output_blocks_ + block) * channel_block : nullptr;
      run.next_weights = block + blocks < last ? run.weights + blocks * block_size() : run.weights;
      run.y = p.y + to;
      run.residual = store.residual != nullptr ? store.residual + to : nullptr;
      kernel(run, static_cast<std::size_t>(blocks));
      if (store.epilogue != nullptr) {
        for (std::int64_t b = 0; b < blocks; ++b) {
          (*store.epilogue)(to + b * p.output_plane(), ((rows - 1) * bands.total_columns + columns) * channel_block);
        }
      }
      block += blocks;
    }
  }

  const simd::BlockedConv* kernels_;
  std::int64_t group_;
  std::int64_t inputs_;         ///< channels of a group
  std::int64_t output_blocks_;  ///< of a group
  std::int64_t taps_;
  Buffer packed_;
};

}  // namespace hone::inline HONE_ABI::cpu
