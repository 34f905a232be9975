#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/buffer.hpp>
#include <hone/kernels/cpu/channels_last_window.hpp>
#include <hone/kernels/cpu/integer_product.hpp>
#include <hone/ops/conv.hpp>
#include <hone/ops/dimensions.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>
#include <hone/simd/integer_depthwise.hpp>

namespace hone::inline HONE_ABI::cpu {

/// x and w of a convolution of bytes, less their zero points. Weights have one zero point, or one for each output.
struct IntegerConvOperands {
  DType x_dtype = DType::uint8;
  std::int32_t x_zero = 0;
  const TensorRef* w = nullptr;
  const TensorRef* w_zero = nullptr;

  [[nodiscard]] std::int64_t zero(std::int64_t output) const { return ops::integer_at(*w_zero, w_zero->elements() == 1 ? 0 : output); }
};

/// How sums become bytes: y = round(min(max(sum * scales[m] + bias[m], lower), upper)) + zero, all in units of y.
struct Requantization {
  std::vector<float> scales;  ///< (padded outputs)
  std::vector<float> bias;    ///< (padded outputs); empty without one
  float lower = 0;
  float upper = 0;
  float zero = 0;

  [[nodiscard]] const float* bias_at(std::int64_t output) const noexcept { return bias.empty() ? nullptr : bias.data() + output; }
};

/// A convolution of one group of bytes, channels last: a product whose rows are windows of x. Where the taps of a row of the kernel lie
/// side by side in x, they are one segment.
class IntegerConv {
 public:
  /// Most taps of a kernel.
  static constexpr std::int64_t max_taps = 256;

  IntegerConv(const ops::Conv& op, const IntegerConvOperands& operands, const CpuDevice& device)
      : product_(device.isa), x_dtype_(operands.x_dtype), x_zero_(operands.x_zero), outputs_(operands.w->shape[0]) {
    const Shape& w = operands.w->shape;
    const std::int64_t taps = w.elements(2, w.rank());
    const auto& dilations = op.window.dilations;
    whole_rows_ = dilations.empty() || dilations.back() == 1;
    const std::int64_t per_segment = whole_rows_ ? w.back() : 1;
    const IntegerShape shape{outputs_, taps / per_segment, per_segment * w[1]};
    memory_ = Buffer(product_.weights_bytes(shape));
    const IntegerSource source{.data = operands.w->as<const std::uint8_t>(),
                               .dtype = operands.w->dtype,
                               .output_stride = w[1] * taps,
                               .channel_stride = taps,
                               .taps = per_segment};
    weights_ = product_.pack(
        shape, source, [&](std::int64_t j) { return operands.zero(j); }, memory_.data());
    offsets_.resize(static_cast<std::size_t>(IntegerProduct::padded(outputs_)));
    product_.offsets(weights_, x_dtype_, x_zero_, offsets_.data());
  }

  [[nodiscard]] std::size_t workspace(const ChannelsLastWindow& w) const noexcept {
    return copies(w) ? padded_bytes(w, product_.element()) : 0;
  }

  void run(const Context& c, const ChannelsLastWindow& w, const std::byte* x, const Requantization& to, std::uint8_t* y) const {
    ChannelsLastImages images{x, w.axes[0].input, w.axes[1].input};
    std::int64_t pixel = w.channels;
    if (copies(w)) {
      const auto copy = [&](const std::byte* from, std::int64_t n, std::byte* at) { product_.copy(from, x_dtype_, x_zero_, n, at); };
      images = copy_padded(c, w, x, product_.element(), product_.padding(x_dtype_, x_zero_), copy, c.workspace());
      pixel *= product_.element();
    }
    const std::int64_t row = images.width * pixel;
    std::array<std::ptrdiff_t, max_taps> segments;
    std::size_t count = 0;
    for (std::int64_t i = 0; i < w.axes[0].kernel; ++i)
      for (std::int64_t j = 0; j < (whole_rows_ ? 1 : w.axes[1].kernel); ++j)
        segments[count++] = i * w.axes[0].dilation * row + j * w.axes[1].dilation * pixel;

    // Where windows follow each other in both directions, those that lie between the end of one row and the start of the next are computed
    // too and left out of the result: tiles need not end with rows.
    const bool flat = w.axes[0].stride == 1 && w.axes[1].stride == 1;
    const std::int64_t height = w.axes[0].output;
    const std::int64_t width = w.axes[1].output;
    const std::int64_t line = flat ? (height - 1) * images.width + width : width;
    const std::int64_t lines = flat ? w.images : w.images * height;
    constexpr std::int64_t rows = IntegerProduct::tile_rows;
    const std::int64_t blocks = (line + rows - 1) / rows;
    const std::ptrdiff_t step = w.axes[1].stride * pixel;
    const std::int64_t tasks = product_.panels(outputs_) * lines * blocks;
    c.parallel_for(tasks, product_.grain(weights_, std::min(rows, line)), [&](std::int64_t begin, std::int64_t end) {
      alignas(64) std::array<std::int32_t, rows * IntegerProduct::tile_columns> sums;
      std::array<std::int32_t, rows> row_sums;
      for (std::int64_t task = begin; task < end; ++task) {
        const std::int64_t panel = task / (lines * blocks);
        const std::int64_t i = task / blocks % lines;
        const std::int64_t first = task % blocks * rows;
        const std::int64_t n = std::min(rows, line - first);
        const std::int64_t image = flat ? i : i / height;
        const std::int64_t top = flat ? 0 : i % height * w.axes[0].stride;
        const std::byte* from = images.data + (image * images.height + top) * row + first * step;
        product_.multiply(weights_, panel, from, step, segments.data(), n, sums.data());
        if (weights_.has_zeros) product_.sum_rows(weights_, from, step, segments.data(), n, row_sums.data());
        // Runs of columns within a row of the result.
        for (std::int64_t r = 0; r < n;) {
          const std::int64_t column = flat ? (first + r) % images.width : first + r;
          const std::int64_t run = std::min(n - r, (column < width ? width : images.width) - column);
          const std::int64_t y_row = flat ? image * height + (first + r) / images.width : i;
          if (column < width) store(to, panel, sums.data(), row_sums.data(), r, run, y + (y_row * width + column) * outputs_);
          r += run;
        }
      }
    });
  }

 private:
  [[nodiscard]] bool copies(const ChannelsLastWindow& w) const noexcept {
    return w.is_padded() || !product_.reads(x_dtype_, weights_.shape.depth);
  }

  /// Rows [row, row + rows) of a tile to those of y from `y` on.
  void store(const Requantization& to, std::int64_t panel, const std::int32_t* sums, const std::int32_t* row_sums, std::int64_t row,
             std::int64_t rows, std::uint8_t* y) const noexcept {
    const std::int64_t first = panel * product_.panel_columns();
    product_.kernels().store_bytes({.c = sums + row * IntegerProduct::tile_columns,
                                    .c_stride = IntegerProduct::tile_columns,
                                    .rows = static_cast<std::size_t>(rows),
                                    .columns = static_cast<std::size_t>(std::min(product_.panel_columns(), outputs_ - first)),
                                    .offsets = offsets_.data() + first,
                                    .row_sums = weights_.has_zeros ? row_sums + row : nullptr,
                                    .zeros = weights_.zeros + first,
                                    .scales = to.scales.data() + first,
                                    .bias = to.bias_at(first),
                                    .lower = to.lower,
                                    .upper = to.upper,
                                    .zero = to.zero},
                                   y + first, outputs_);
  }

  IntegerProduct product_;
  DType x_dtype_;
  std::int32_t x_zero_;
  std::int64_t outputs_;
  bool whole_rows_ = true;  ///< a row of the kernel is one segment
  Buffer memory_;
  IntegerProduct::Weights weights_;
  std::vector<std::int32_t> offsets_;  ///< (padded outputs)
};

/// A convolution of bytes of as many groups as channels, channels last.
class IntegerDepthwiseConv {
 public:
  IntegerDepthwiseConv(const IntegerConvOperands& operands, const CpuDevice& device)
      : kernels_(&simd::table<simd::IntegerDepthwise>(device.isa)),
        x_dtype_(operands.x_dtype),
        x_zero_(unsigned_zero(operands.x_dtype, operands.x_zero)),
        channels_(operands.w->shape[0]),
        taps_(operands.w->shape.elements(2, operands.w->shape.rank())) {
    const TensorRef& w = *operands.w;
    weights_.assign(static_cast<std::size_t>(padded() * (taps_ + 1)), 0);
    for (std::int64_t j = 0; j < channels_; ++j) {
      const std::int64_t zero = operands.zero(j);
      std::int32_t sum = 0;
      for (std::int64_t k = 0; k < taps_; ++k) {
        const auto value = static_cast<std::int32_t>(ops::integer_at(w, j * taps_ + k) - zero);
        weights_[static_cast<std::size_t>(k * padded() + j)] = value;
        sum += value;
      }
      weights_[static_cast<std::size_t>(taps_ * padded() + j)] = -x_zero_ * sum;
    }
  }

  [[nodiscard]] std::size_t workspace(const ChannelsLastWindow& w) const noexcept { return copies(w) ? padded_bytes(w, 1) : 0; }

  void run(const Context& c, const ChannelsLastWindow& w, const std::byte* x, const Requantization& to, std::uint8_t* y) const {
    ChannelsLastImages images{x, w.axes[0].input, w.axes[1].input};
    if (copies(w)) {
      const auto copy = [&](const std::byte* from, std::int64_t n, std::byte* at) { copy_unsigned(from, x_dtype_, n, at); };
      images = copy_padded(c, w, x, 1, x_zero_, copy, c.workspace());
    }
    const std::int64_t row = images.width * channels_;
    const std::int64_t height = w.axes[0].output;
    const std::int64_t width = w.axes[1].output;
    c.parallel_for(w.images * height, std::max<std::int64_t>(1, 40'000 / (width * channels_ * taps_)),
                   [&](std::int64_t begin, std::int64_t end) {
                     for (std::int64_t i = begin; i < end; ++i) {
                       const std::int64_t top = i / height * images.height + i % height * w.axes[0].stride;
                       kernels_->run({.x = reinterpret_cast<const std::uint8_t*>(images.data) + top * row,
                                      .column = w.axes[1].stride * channels_,
                                      .tap_row = w.axes[0].dilation * row,
                                      .tap_column = w.axes[1].dilation * channels_,
                                      .tap_rows = static_cast<std::size_t>(w.axes[0].kernel),
                                      .tap_columns = static_cast<std::size_t>(w.axes[1].kernel),
                                      .weights = weights_.data(),
                                      .padded = static_cast<std::size_t>(padded()),
                                      .channels = static_cast<std::size_t>(channels_),
                                      .columns = static_cast<std::size_t>(width),
                                      .offsets = weights_.data() + taps_ * padded(),
                                      .scales = to.scales.data(),
                                      .bias = to.bias_at(0),
                                      .lower = to.lower,
                                      .upper = to.upper,
                                      .zero = to.zero,
                                      .y = y + i * width * channels_});
                     }
                   });
  }

 private:
  [[nodiscard]] std::int64_t padded() const noexcept { return IntegerProduct::padded(channels_); }
  [[nodiscard]] bool copies(const ChannelsLastWindow& w) const noexcept { return w.is_padded() || x_dtype_ != DType::uint8; }

  const simd::IntegerDepthwise* kernels_;
  DType x_dtype_;
  std::int32_t x_zero_;  ///< of x as uint8
  std::int64_t channels_;
  std::int64_t taps_;
  std::vector<std::int32_t> weights_;  ///< (taps, padded channels), then what is added to the sums for x_zero
};

}  // namespace hone::inline HONE_ABI::cpu
