#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

#include <hone/config.hpp>
#include <hone/core/buffer.hpp>
#include <hone/kernels/cpu/blocked_layout.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/simd/blocked_conv.hpp>
#include <hone/simd/winograd.hpp>

namespace hone::inline HONE_ABI::cpu {

/// A 3 x 3 convolution of blocked tensors by Winograd's algorithm (simd/winograd.hpp). Each of the (m + 2)^2 elements of the transformed
/// tiles makes a matrix product over channels; tiles are taken in strips whose transforms stay in L2.
class WinogradConv {
 public:
  /// `weights` (M, C, 3, 3); `tile` is m, 2 or 4.
  WinogradConv(const TensorRef& weights, std::int64_t tile, const CpuDevice& device)
      : products_(&simd::table<simd::BlockedConv>(device.isa)),
        transforms_(&simd::table<simd::Winograd>(device.isa)),
        tile_(tile),
        inputs_(weights.shape[1]),
        output_blocks_(channel_blocks(weights.shape[0])) {
    packed_ = Buffer(static_cast<std::size_t>(points() * output_blocks_ * block_size()) * sizeof(float));
    auto* to = static_cast<float*>(packed_.data());
    const std::int64_t plane = output_blocks_ * block_size();
    const auto transform = tile_ == 2 ? transforms_->weights2 : transforms_->weights4;
    for (std::int64_t m = 0; m < weights.shape[0]; m += channel_block) {
      const auto kernels = static_cast<std::size_t>(std::min(channel_block, weights.shape[0] - m));
      for (std::int64_t c = 0; c < inputs_; ++c, to += channel_block)
        transform(weights.as<const float>() + (m * inputs_ + c) * 9, inputs_ * 9, kernels, to, plane);
    }
  }

  [[nodiscard]] std::size_t workspace(const BlockedProblem& p, const ThreadPool& pool) const noexcept {
    const Strips strips(p, *this);
    return strips.bytes() * static_cast<std::size_t>(pool.size());
  }

  void run(const Context& c, const BlockedProblem& p, const float* bias, const BlockedStore& store) const {
    const Strips strips(p, *this);
    const std::int64_t chunks = (output_blocks_ + strips.chunk - 1) / strips.chunk;
    const std::int64_t parts = blocked_parts(strips.count, chunks, c.pool());
    const std::int64_t work = strips.tiles * points() * inputs_ * output_blocks_ * channel_block / parts;
    c.parallel_for(strips.count * parts, blocked_grain(work), [&](std::int64_t begin, std::int64_t end, int slot) {
      auto* v = reinterpret_cast<float*>(c.workspace() + static_cast<std::size_t>(slot) * strips.bytes());
      float* products = v + strips.v_elements;
      std::int64_t held = -1;
      for (std::int64_t task = begin; task < end; ++task) {
        const std::int64_t strip = task / parts;
        const std::int64_t part = task % parts;
        const std::int64_t first = strip * strips.tiles;
        const std::int64_t tiles = std::min(strips.tiles, strips.total - first);
        if (strip != held) transform_inputs(p, strips, first, tiles, v);
        held = strip;
        for (std::int64_t chunk = chunks * part / parts; chunk < chunks * (part + 1) / parts; ++chunk) {
          const std::int64_t block = chunk * strips.chunk;
          const std::int64_t blocks = std::min(strips.chunk, output_blocks_ - block);
          multiply(v, tiles, block, blocks, products);
          transform_outputs(p, strips, first, tiles, block, blocks, products, bias, store);
        }
      }
    });
    if (store.epilogue == nullptr) return;
    c.parallel_for(p.batch * output_blocks_, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t plane = begin; plane < end; ++plane) (*store.epilogue)(plane * p.output_plane(), p.output_plane());
    });
  }

 private:
  struct Strips {
    Strips(const BlockedProblem& p, const WinogradConv& conv) {
      rows = (p.h.output + conv.tile_ - 1) / conv.tile_;
      columns = (p.w.output + conv.tile_ - 1) / conv.tile_;
      total = p.batch * rows * columns;
      const std::int64_t tile_bytes = conv.points() * p.input_blocks * channel_block * static_cast<std::int64_t>(sizeof(float));
      // Whole multiples of the pixels that a micro-kernel takes with AVX-512 (14) and AVX2 (6), where there is room.
      tiles = std::clamp<std::int64_t>(768 * 1024 / tile_bytes / 14 * 14, 14, std::max<std::int64_t>(1, total));
      tiles = std::min(tiles, std::max<std::int64_t>(1, total));
      count = (total + tiles - 1) / tiles;
      const std::int64_t block_bytes = conv.points() * tiles * channel_block * static_cast<std::int64_t>(sizeof(float));
      const auto step = static_cast<std::int64_t>(conv.products_->max_output_blocks);
      chunk = std::clamp<std::int64_t>(512 * 1024 / block_bytes / step * step, step, std::max(step, conv.output_blocks_));
      v_elements = conv.points() * p.input_blocks * channel_block * tiles;
      product_elements = conv.points() * chunk * channel_block * tiles;
    }
    [[nodiscard]] std::size_t bytes() const noexcept {
      return align_up(static_cast<std::size_t>(v_elements + product_elements) * sizeof(float));
    }

    std::int64_t rows;  ///< of tiles in an image
    std::int64_t columns;
    std::int64_t total;  ///< tiles of all images
    std::int64_t tiles;  ///< of a strip
    std::int64_t count;  ///< of strips
    std::int64_t chunk;  ///< blocks of output channels whose products are there at a time
    std::int64_t v_elements;
    std::int64_t product_elements;
  };

  [[nodiscard]] std::int64_t points() const noexcept { return (tile_ + 2) * (tile_ + 2); }
  /// Elements of the weights of one point and one block of output channels.
  [[nodiscard]] std::int64_t block_size() const noexcept { return inputs_ * channel_block; }

  /// v[point][block][tile][channel_block]
  void transform_inputs(const BlockedProblem& p, const Strips& strips, std::int64_t first, std::int64_t tiles, float* v) const noexcept {
    const std::int64_t n = tile_ + 2;
    const auto transform = tile_ == 2 ? transforms_->input2 : transforms_->input4;
    const std::int64_t row = p.w.input * channel_block;
    for (std::int64_t block = 0; block < p.input_blocks; ++block) {
      for (std::int64_t t = 0; t < tiles; ++t) {
        const std::int64_t tile = first + t;
        const std::int64_t image = tile / (strips.rows * strips.columns);
        const std::int64_t top = tile / strips.columns % strips.rows * tile_ - p.h.pad_begin;
        const std::int64_t left = tile % strips.columns * tile_ - p.w.pad_begin;
        const auto cut = [&](std::int64_t at) { return static_cast<int>(std::clamp<std::int64_t>(at, 0, n)); };
        const float* plane = p.x + (image * p.input_blocks + block) * p.input_plane();
        // The corner may lie outside of the plane; only what exists is read.
        transform(plane, top * row + left * channel_block, row, cut(-top), cut(p.h.input - top), cut(-left), cut(p.w.input - left),
                  v + (block * tiles + t) * channel_block, p.input_blocks * tiles * channel_block);
      }
    }
  }

  /// products[point][block][tile][channel_block]
  void multiply(const float* v, std::int64_t tiles, std::int64_t first, std::int64_t blocks, float* products) const noexcept {
    constexpr std::ptrdiff_t tap = 0;
    constexpr float infinity = std::numeric_limits<float>::infinity();
    const std::int64_t input_blocks = channel_blocks(inputs_);
    const auto step = static_cast<std::int64_t>(products_->max_output_blocks);
    simd::BlockedConvRun run{};
    run.x_channel = 1;
    run.x_block = tiles * channel_block;
    run.blocks = static_cast<std::size_t>(input_blocks);
    run.last_channels = static_cast<std::size_t>((inputs_ - 1) % channel_block + 1);
    run.taps = &tap;
    run.tap_count = 1;
    run.weights_block = block_size();
    run.y_block = tiles * channel_block;
    run.lower = -infinity;
    run.upper = infinity;
    run.rows = 1;
    run.columns = static_cast<std::size_t>(tiles);
    const auto weights = [&](std::int64_t point, std::int64_t block) {
      return static_cast<const float*>(packed_.data()) + (point * output_blocks_ + first + block) * block_size();
    };
    for (std::int64_t point = 0; point < points(); ++point) {
      run.x = v + point * input_blocks * tiles * channel_block;
      for (std::int64_t block = 0; block < blocks; block += step) {
        const bool last = block + step >= blocks;
        run.weights = weights(point, block);
        run.next_weights = last && point + 1 == points() ? run.weights : last ? weights(point + 1, 0) : weights(point, block + step);
        run.y = products + (point * blocks + block) * tiles * channel_block;
        products_->blocked(run, static_cast<std::size_t>(std::min(step, blocks - block)));
      }
    }
  }

  void transform_outputs(const BlockedProblem& p, const Strips& strips, std::int64_t first, std::int64_t tiles, std::int64_t first_block,
                         std::int64_t blocks, const float* products, const float* bias, const BlockedStore& store) const noexcept {
    const auto transform = tile_ == 2 ? transforms_->output2 : transforms_->output4;
    const std::int64_t row = p.w.output * channel_block;
    for (std::int64_t block = 0; block < blocks; ++block) {
      for (std::int64_t t = 0; t < tiles; ++t) {
        const std::int64_t tile = first + t;
        const std::int64_t image = tile / (strips.rows * strips.columns);
        const std::int64_t top = tile / strips.columns % strips.rows * tile_;
        const std::int64_t left = tile % strips.columns * tile_;
        const std::int64_t at = (image * output_blocks_ + first_block + block) * p.output_plane() + top * row + left * channel_block;
        transform(products + (block * tiles + t) * channel_block, blocks * tiles * channel_block,
                  {.bias = bias != nullptr ? bias + (first_block + block) * channel_block : nullptr,
                   .residual = store.residual != nullptr ? store.residual + at : nullptr,
                   .y = p.y + at,
                   .row = row,
                   .rows = static_cast<int>(std::min(tile_, p.h.output - top)),
                   .columns = static_cast<int>(std::min(tile_, p.w.output - left)),
                   .lower = store.lower,
                   .upper = store.upper});
      }
    }
  }

  const simd::BlockedConv* products_;
  const simd::Winograd* transforms_;
  std::int64_t tile_;
  std::int64_t inputs_;
  std::int64_t output_blocks_;
  Buffer packed_;  ///< [point][output block][input channel][channel_block]
};

}  // namespace hone::inline HONE_ABI::cpu
