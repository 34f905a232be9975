#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <hone/config.hpp>
#include <hone/core/buffer.hpp>
#include <hone/core/shape.hpp>
#include <hone/ops/window.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI::cpu {

/// The geometry of a convolution in one or two dimensions over x (N, H, W, C).
struct ChannelsLastWindow {
  std::int64_t images = 0;
  std::int64_t channels = 0;
  std::array<ops::Window::Axis, 2> axes{};  ///< H, W

  ChannelsLastWindow(const ops::Window& window, const Shape& x, const Shape& w) : images(x[0]), channels(x.back()) {
    const std::size_t rank = x.rank() - 2;
    for (std::size_t i = 0; i < rank; ++i) axes[2 - rank + i] = window.axis(i, rank, x[i + 1], w[i + 2]);
  }

  /// Windows in all images.
  [[nodiscard]] std::int64_t outputs() const noexcept { return images * axes[0].output * axes[1].output; }
  /// Rows and columns of x with its padding: as far as windows reach.
  [[nodiscard]] std::int64_t padded(std::size_t axis) const noexcept {
    const auto& a = axes[axis];
    return std::max(a.input + a.pad_begin, (a.output - 1) * a.stride + a.extent());
  }
  [[nodiscard]] bool is_padded() const noexcept {
    return std::any_of(axes.begin(), axes.end(),
                       [](const ops::Window::Axis& a) { return a.pad_begin != 0 || (a.output - 1) * a.stride + a.extent() > a.input; });
  }
};

/// Images (N, height, width, C) that windows are read from.
struct ChannelsLastImages {
  const std::byte* data;
  std::int64_t height;
  std::int64_t width;
};

/// Bytes of a copy of x with its padding, of elements of `element` bytes; tiles may read a cache line past its end.
[[nodiscard]] inline std::size_t padded_bytes(const ChannelsLastWindow& w, std::int64_t element) noexcept {
  return align_up(static_cast<std::size_t>(w.images * w.padded(0) * w.padded(1) * w.channels * element)) + buffer_alignment;
}

/// Copies x into `memory` of padded_bytes(): copy(source, elements, to) for what is there, bytes of `padding` around it.
template <class Copy>
[[nodiscard]] ChannelsLastImages copy_padded(const Context& c, const ChannelsLastWindow& w, const std::byte* x, std::int64_t element,
                                             int padding, const Copy& copy, std::byte* memory) {
  const std::int64_t height = w.padded(0);
  const std::int64_t width = w.padded(1);
  const std::int64_t pixel = w.channels * element;
  const std::int64_t left = std::max<std::int64_t>(0, w.axes[1].pad_begin);
  const std::int64_t skipped = std::max<std::int64_t>(0, -w.axes[1].pad_begin);
  const std::int64_t columns = std::min(w.axes[1].input - skipped, width - left);
  const auto fill = [&](std::int64_t pixels, std::byte* to) {
    std::memset(to, padding, static_cast<std::size_t>(pixels * pixel));
    return to + pixels * pixel;
  };
  c.parallel_for(w.images * height, std::max<std::int64_t>(1, 64 * 1024 / (width * w.channels + 1)),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t i = begin; i < end; ++i) {
                     std::byte* to = memory + i * width * pixel;
                     const std::int64_t row = i % height - w.axes[0].pad_begin;
                     if (row < 0 || row >= w.axes[0].input) {
                       fill(width, to);
                       continue;
                     }
                     to = fill(left, to);
                     copy(x + ((i / height * w.axes[0].input + row) * w.axes[1].input + skipped) * w.channels, columns * w.channels, to);
                     fill(width - left - columns, to + columns * pixel);
                   }
                 });
  std::byte* const end = memory + w.images * height * width * pixel;
  std::memset(end, 0, static_cast<std::size_t>(memory + padded_bytes(w, element) - end));
  return {memory, height, width};
}

}  // namespace hone::inline HONE_ABI::cpu
