#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/buffer.hpp>
#include <hone/kernels/cpu/integer_product.hpp>
#include <hone/kernels/cpu/quantize.hpp>
#include <hone/ops/channels_last.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>
#include <hone/simd/integer_depthwise.hpp>

namespace hone::inline HONE_ABI {

namespace cpu {

/// The geometry of a convolution in one or two dimensions over (N, H, W, C), and the copy of x with its padding around it.
struct ChannelsLastWindow {
  std::int64_t images = 0;
  std::int64_t channels = 0;
  std::array<ops::Window::Axis, 2> axes{};  ///< H, W

  ChannelsLastWindow(const ops::Window& window, const Shape& x, const Shape& w) : images(x[0]), channels(x.back()) {
    const std::size_t rank = x.rank() - 2;
    for (std::size_t i = 0; i < rank; ++i) axes[2 - rank + i] = window.axis(i, rank, x[i + 1], w[i + 2]);
  }

  /// Rows and columns of the copy: as far as windows reach.
  [[nodiscard]] std::int64_t padded(std::size_t axis) const noexcept {
    const auto& a = axes[axis];
    return std::max(a.input + a.pad_begin, (a.output - 1) * a.stride + a.extent());
  }
  [[nodiscard]] bool is_padded() const noexcept {
    for (const auto& a : axes)
      if (a.pad_begin != 0 || (a.output - 1) * a.stride + a.extent() > a.input) return true;
    return false;
  }
  [[nodiscard]] bool is_empty() const noexcept {
    return images * channels * axes[0].output * axes[1].output * axes[0].input * axes[1].input == 0;
  }
};

}  // namespace cpu

template <>
class Kernel<ops::ChannelsLastQLinearConv, Cpu> {
  using Op = ops::ChannelsLastQLinearConv;
  static constexpr ops::QuantizedInputs at = Op::at;

 public:
  static Support supports(const NodeView& node) {
    for (const std::size_t i : {at.a_scale, at.a_zero, at.b, at.b_scale, at.b_zero, at.y_scale, at.y_zero})
      if (node.constant(i) == nullptr) return Support::no("its input ", i, " is no constant");
    if (node.has_input(at.bias) && node.constant(at.bias) == nullptr) return Support::no("its bias is no constant");
    for (const std::size_t i : {at.a, at.b, at.y_zero}) {
      const DType dtype = node.input_dtype(i);
      if (dtype != DType::int8 && dtype != DType::uint8) return Support::no("no kernel for operands of ", name(dtype));
    }
    for (const std::size_t i : {at.a_scale, at.a_zero, at.y_scale, at.y_zero})
      if (node.constant(i)->elements() != 1) return Support::no("its input ", i, " has several elements");
    const Shape& w = node.constant(at.b)->shape;
    if (w.rank() != 3 && w.rank() != 4) return Support::no("its weights have shape ", w, "; expected one or two spatial dimensions");
    const std::int64_t group = node.op<Op>().product.group;
    if (w.elements(2, w.rank()) > max_taps) return Support::no("a kernel of shape ", w, " is too large");
    if (w.elements() == 0 || (group != 1 && !is_depthwise(w, group))) return Support::no("its groups are of several channels");
    return Support::yes();
  }

  Kernel(const NodeView& node, const CpuDevice& device)
      : op_(node.op<Op>()),
        product_(device.isa),
        depthwise_(&simd::table<simd::IntegerDepthwise>(device.isa)),
        w_shape_(node.constant(at.b)->shape),
        x_dtype_(node.input_dtype(at.a)),
        x_zero_(static_cast<std::int32_t>(ops::integer_at(*node.constant(at.a_zero), 0))) {
    pack(*node.constant(at.b), *node.constant(at.b_zero));
    const DType y_dtype = node.input_dtype(at.y_zero);
    const double y_scale = ops::number_at(*node.constant(at.y_scale), 0);
    const double x_scale = ops::number_at(*node.constant(at.a_scale), 0);
    zero_ = static_cast<float>(ops::number_at(*node.constant(at.y_zero), 0));
    const cpu::QuantizedRange range(y_dtype);
    lower_ = op_.relu ? 0 : range.least - zero_;
    upper_ = range.most - zero_;
    const std::int64_t n = cpu::IntegerProduct::padded(w_shape_[0]);
    scales_.assign(static_cast<std::size_t>(n), 0);
    if (node.has_input(at.bias)) bias_.assign(static_cast<std::size_t>(n), 0);
    const TensorRef& w_scale = *node.constant(at.b_scale);
    for (std::int64_t j = 0; j < w_shape_[0]; ++j) {
      const double scale = x_scale * ops::number_at(w_scale, w_scale.elements() == 1 ? 0 : j) / y_scale;
      scales_[static_cast<std::size_t>(j)] = static_cast<float>(scale);
      if (node.has_input(at.bias))
        bias_[static_cast<std::size_t>(j)] = static_cast<float>(ops::number_at(*node.constant(at.bias), j) * scale);
    }
  }

  [[nodiscard]] InputSet packed_inputs() const noexcept { return inputs(1, 2, 3, 4, 5, 6, 7, 8); }

  [[nodiscard]] std::size_t workspace(const Context& c) const {
    const cpu::ChannelsLastWindow w(op_.product.window, c.input(at.a).shape, w_shape_);
    return w.is_empty() || !copies(w) ? 0 : copy_bytes(w) * static_cast<std::size_t>(w.images);
  }

  void run(Context& c) const {
    const cpu::ChannelsLastWindow w(op_.product.window, c.input(at.a).shape, w_shape_);
    const std::int64_t outputs = w.images * w.axes[0].output * w.axes[1].output;
    if (outputs == 0) return;
    Image image{c.in<std::byte>(at.a), w.axes[0].input, w.axes[1].input, w.channels, 1};
    if (copies(w)) image = copy(c, w);
    const std::int64_t pixel = w.channels * image.element;
    const std::int64_t row = image.width * pixel;
    std::array<std::ptrdiff_t, max_taps> segments;
    std::size_t count = 0;
    const bool whole_rows = row_segments(w);
    for (std::int64_t i = 0; i < w.axes[0].kernel; ++i)
      for (std::int64_t j = 0; j < (whole_rows ? 1 : w.axes[1].kernel); ++j)
        segments[count++] = i * w.axes[0].dilation * row + j * w.axes[1].dilation * pixel;
    if (is_depthwise(w_shape_, op_.product.group)) return run_depthwise(c, w, image);

    // Where windows follow each other in both directions, those that lie between the end of one row and the start of the next are computed
    // too and left out of the result: tiles need not end with rows.
    const bool flat = w.axes[0].stride == 1 && w.axes[1].stride == 1;
    const std::int64_t width = w.axes[1].output;
    const std::int64_t line = flat ? (w.axes[0].output - 1) * image.width + width : width;
    const std::int64_t lines = flat ? w.images : w.images * w.axes[0].output;
    constexpr std::int64_t rows = cpu::IntegerProduct::tile_rows;
    const std::int64_t blocks = (line + rows - 1) / rows;
    const std::int64_t panels = product_.panels(w_shape_[0]);
    const std::ptrdiff_t step = w.axes[1].stride * pixel;
    c.parallel_for(panels * lines * blocks, grain(), [&](std::int64_t begin, std::int64_t end) {
      alignas(64) std::array<std::int32_t, rows * cpu::IntegerProduct::tile_columns> sums;
      std::array<std::int32_t, rows> row_sums;
      for (std::int64_t task = begin; task < end; ++task) {
        const std::int64_t panel = task / (lines * blocks);
        const std::int64_t i = task / blocks % lines;
        const std::int64_t first = task % blocks * rows;
        const std::int64_t n = std::min(rows, line - first);
        const std::int64_t image_index = flat ? i : i / w.axes[0].output;
        const std::int64_t y_row = flat ? 0 : i % w.axes[0].output;
        const std::byte* x = image.data + image_index * image.height * row + y_row * w.axes[0].stride * row + first * step;
        product_.multiply(weights_, panel, x, step, segments.data(), n, sums.data());
        if (weights_.has_zeros) product_.sum_rows(weights_, x, step, segments.data(), n, row_sums.data());
        // Runs of columns within a row of the result.
        for (std::int64_t r = 0; r < n;) {
          const std::int64_t column = flat ? (first + r) % image.width : first + r;
          const std::int64_t run = std::min(n - r, (column < width ? width : image.width) - column);
          const std::int64_t y_line = flat ? image_index * w.axes[0].output + (first + r) / image.width : i;
          if (column < width) store(c, panel, sums.data(), row_sums.data(), r, run, y_line * width + column);
          r += run;
        }
      }
    });
  }

 private:
  static constexpr std::int64_t max_taps = 256;

  /// x, or the copy of it that tiles read.
  struct Image {
    const std::byte* data;
    std::int64_t height;
    std::int64_t width;
    std::int64_t channels;
    std::int64_t element;
  };

  [[nodiscard]] static bool is_depthwise(const Shape& w, std::int64_t group) noexcept { return group != 1 && w[1] == 1 && w[0] == group; }
  /// Whether the taps of a row of the kernel lie side by side in x.
  [[nodiscard]] static bool row_segments(const cpu::ChannelsLastWindow& w) noexcept { return w.axes[1].dilation == 1; }
  [[nodiscard]] cpu::IntegerShape shape() const {
    const std::int64_t height = w_shape_.rank() == 4 ? w_shape_[2] : 1;
    const std::int64_t width = w_shape_.back();
    const auto& dilations = op_.product.window.dilations;
    const bool whole_rows = dilations.empty() || dilations.back() == 1;
    return {w_shape_[0], whole_rows ? height : height * width, (whole_rows ? width : 1) * w_shape_[1]};
  }
  /// Tiles of about 2 us to a task.
  [[nodiscard]] std::int64_t grain() const noexcept {
    const cpu::IntegerShape s = weights_.shape;
    const std::int64_t products = cpu::IntegerProduct::tile_rows * product_.panel_columns() * s.segments * s.depth;
    return std::max<std::int64_t>(1, 600'000 / (products + 1));
  }

  void pack(const TensorRef& w, const TensorRef& zeros) {
    const bool is_signed = w.dtype == DType::int8;
    const auto* bytes = w.as<const std::uint8_t>();
    const auto value = [&](std::int64_t i) { return is_signed ? static_cast<std::int8_t>(bytes[i]) : std::int32_t{bytes[i]}; };
    const auto zero = [&](std::int64_t j) { return ops::integer_at(zeros, zeros.elements() == 1 ? 0 : j); };
    const std::int64_t taps = w.shape.elements(2, w.shape.rank());
    if (is_depthwise(w.shape, op_.product.group)) {
      // (taps, padded channels)
      const std::int64_t channels = cpu::IntegerProduct::padded(w.shape[0]);
      memory_ = Buffer(sizeof(std::int32_t) * static_cast<std::size_t>(channels * (taps + 1)));
      auto* to = static_cast<std::int32_t*>(memory_.data());
      std::fill_n(to, channels * (taps + 1), 0);
      for (std::int64_t j = 0; j < w.shape[0]; ++j) {
        std::int32_t sum = 0;
        for (std::int64_t k = 0; k < taps; ++k) {
          to[k * channels + j] = static_cast<std::int32_t>(value(j * taps + k) - zero(j));
          sum += to[k * channels + j];
        }
        to[taps * channels + j] = -cpu::unsigned_zero(x_dtype_, x_zero_) * sum;
      }
      return;
    }
    const cpu::IntegerShape s = shape();
    memory_ = Buffer(product_.weights_bytes(s));
    const cpu::IntegerSource source{
        .data = bytes, .dtype = w.dtype, .output_stride = w.shape[1] * taps, .channel_stride = taps, .taps = s.depth / w.shape[1]};
    weights_ = product_.pack(s, source, zero, memory_.data());
    offsets_.resize(static_cast<std::size_t>(cpu::IntegerProduct::padded(w.shape[0])));
    product_.offsets(weights_, x_dtype_, x_zero_, offsets_.data());
  }

  [[nodiscard]] bool copies(const cpu::ChannelsLastWindow& w) const noexcept {
    if (is_depthwise(w_shape_, op_.product.group)) return w.is_padded() || x_dtype_ != DType::uint8;
    return w.is_padded() || !product_.reads(x_dtype_, weights_.shape.depth);
  }
  [[nodiscard]] std::int64_t copy_element() const noexcept { return is_depthwise(w_shape_, op_.product.group) ? 1 : product_.element(); }
  /// Of one image; tiles read past the end of the last one.
  [[nodiscard]] std::size_t copy_bytes(const cpu::ChannelsLastWindow& w) const noexcept {
    return static_cast<std::size_t>(w.padded(0) * w.padded(1) * w.channels * copy_element()) + 2 * buffer_alignment;
  }
  [[nodiscard]] Image copy(const Context& c, const cpu::ChannelsLastWindow& w) const {
    const std::int64_t height = w.padded(0);
    const std::int64_t width = w.padded(1);
    const std::int64_t element = copy_element();
    std::byte* to = c.workspace();
    const auto* x = c.in<std::byte>(at.a);
    const bool bytes = element == 1;
    const auto fill = [&](std::int64_t pixels, std::byte* at_pixel) {
      const int value = bytes ? cpu::unsigned_zero(x_dtype_, x_zero_) : 0;
      std::memset(at_pixel, value, static_cast<std::size_t>(pixels * w.channels * element));
      return at_pixel + pixels * w.channels * element;
    };
    c.parallel_for(w.images * height, std::max<std::int64_t>(1, 64 * 1024 / (width * w.channels + 1)),
                   [&](std::int64_t begin, std::int64_t end) {
                     for (std::int64_t i = begin; i < end; ++i) {
                       std::byte* line = to + i * width * w.channels * element;
                       const std::int64_t from = i % height - w.axes[0].pad_begin;
                       if (from < 0 || from >= w.axes[0].input) {
                         fill(width, line);
                         continue;
                       }
                       const std::int64_t skipped = std::max<std::int64_t>(0, -w.axes[1].pad_begin);
                       line = fill(std::max<std::int64_t>(0, w.axes[1].pad_begin), line);
                       const std::int64_t left = std::max<std::int64_t>(0, w.axes[1].pad_begin);
                       const std::int64_t n = std::min(w.axes[1].input - skipped, width - left);
                       const std::byte* source = x + ((i / height * w.axes[0].input + from) * w.axes[1].input + skipped) * w.channels;
                       if (bytes) {
                         cpu::copy_unsigned(source, x_dtype_, n * w.channels, line);
                       } else {
                         product_.copy(source, x_dtype_, x_zero_, n * w.channels, line);
                       }
                       fill(width - left - n, line + n * w.channels * element);
                     }
                   });
    std::memset(to + w.images * height * width * w.channels * element, 0, buffer_alignment);
    return {to, height, width, w.channels, element};
  }

  void store(const Context& c, std::int64_t panel, const std::int32_t* sums, const std::int32_t* row_sums, std::int64_t row,
             std::int64_t rows, std::int64_t position) const noexcept {
    const std::int64_t first = panel * product_.panel_columns();
    const std::int64_t m = w_shape_[0];
    product_.kernels().store_bytes({.c = sums + row * cpu::IntegerProduct::tile_columns,
                                    .c_stride = cpu::IntegerProduct::tile_columns,
                                    .rows = static_cast<std::size_t>(rows),
                                    .columns = static_cast<std::size_t>(std::min(product_.panel_columns(), m - first)),
                                    .offsets = offsets_.data() + first,
                                    .row_sums = weights_.has_zeros ? row_sums + row : nullptr,
                                    .zeros = weights_.zeros + first,
                                    .scales = scales_.data() + first,
                                    .bias = bias_.empty() ? nullptr : bias_.data() + first,
                                    .lower = lower_,
                                    .upper = upper_,
                                    .zero = zero_},
                                   c.out<std::uint8_t>(0) + position * m + first, m);
  }

  void run_depthwise(const Context& c, const cpu::ChannelsLastWindow& w, const Image& image) const {
    const std::int64_t channels = w.channels;
    const std::int64_t padded = cpu::IntegerProduct::padded(channels);
    const std::int64_t taps = w.axes[0].kernel * w.axes[1].kernel;
    const auto* weights = static_cast<const std::int32_t*>(memory_.data());
    const std::int64_t row = image.width * channels;
    const std::int64_t width = w.axes[1].output;
    c.parallel_for(w.images * w.axes[0].output, std::max<std::int64_t>(1, 40'000 / (width * channels * taps + 1)),
                   [&](std::int64_t begin, std::int64_t end) {
                     for (std::int64_t i = begin; i < end; ++i) {
                       const std::int64_t top = i / w.axes[0].output * image.height + i % w.axes[0].output * w.axes[0].stride;
                       depthwise_->run({.x = reinterpret_cast<const std::uint8_t*>(image.data) + top * row,
                                        .column = w.axes[1].stride * channels,
                                        .tap_row = w.axes[0].dilation * row,
                                        .tap_column = w.axes[1].dilation * channels,
                                        .tap_rows = static_cast<std::size_t>(w.axes[0].kernel),
                                        .tap_columns = static_cast<std::size_t>(w.axes[1].kernel),
                                        .weights = weights,
                                        .padded = static_cast<std::size_t>(padded),
                                        .channels = static_cast<std::size_t>(channels),
                                        .columns = static_cast<std::size_t>(width),
                                        .offsets = weights + taps * padded,
                                        .scales = scales_.data(),
                                        .bias = bias_.empty() ? nullptr : bias_.data(),
                                        .lower = lower_,
                                        .upper = upper_,
                                        .zero = zero_,
                                        .y = c.out<std::uint8_t>(0) + i * width * channels});
                     }
                   });
  }

  Op op_;
  cpu::IntegerProduct product_;
  const simd::IntegerDepthwise* depthwise_;
  Shape w_shape_;
  DType x_dtype_;
  std::int32_t x_zero_;
  Buffer memory_;
  cpu::IntegerProduct::Weights weights_;
  std::vector<std::int32_t> offsets_;  ///< (padded outputs), as the others
  std::vector<float> scales_;          ///< to units of y
  std::vector<float> bias_;            ///< in units of y; empty without one
  float lower_ = 0;
  float upper_ = 0;
  float zero_ = 0;
};

}  // namespace hone::inline HONE_ABI
