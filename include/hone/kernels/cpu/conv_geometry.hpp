#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <hone/config.hpp>
#include <hone/core/shape.hpp>
#include <hone/ops/window.hpp>

namespace hone::inline HONE_ABI::cpu {

/// The spatial side of a convolution: a window over `rank` axes, and the copies between planes and the matrix of their windows.
struct ConvGeometry {
  std::size_t rank = 0;
  std::array<ops::Window::Axis, Shape::max_rank> axes;

  [[nodiscard]] std::int64_t input_size() const noexcept { return product(&ops::Window::Axis::input); }
  [[nodiscard]] std::int64_t output_size() const noexcept { return product(&ops::Window::Axis::output); }
  [[nodiscard]] std::int64_t kernel_size() const noexcept { return product(&ops::Window::Axis::kernel); }

  /// Whether the matrix of windows is the plane itself: a 1x1 window that visits every element once.
  [[nodiscard]] bool is_pointwise() const noexcept {
    for (std::size_t i = 0; i < rank; ++i) {
      const auto& a = axes[i];
      if (a.kernel != 1 || a.stride != 1 || a.pad_begin != 0 || a.output != a.input) return false;
    }
    return true;
  }

  /// columns[j] = x at tap `k` of window `first + j`, 0 where that is in the padding. Shapes: x (input_size), columns (count).
  template <class T>
  void gather_tap(const T* x, std::int64_t k, std::int64_t first, std::int64_t count, T* columns) const noexcept {
    for_segments(k, first, count, [&](std::int64_t row, std::int64_t begin, std::int64_t end, std::int64_t at) {
      const auto& last = axes[rank - 1];
      T* to = columns + at;
      if (row < 0) {
        std::fill_n(to, end - begin, T(0));
        return;
      }
      const std::int64_t tap = k % last.kernel * last.dilation - last.pad_begin;
      const auto [valid_begin, valid_end] = valid_windows(last, tap, begin, end);
      std::fill_n(to, valid_begin - begin, T(0));
      const T* from = x + row * last.input + tap;
      if (last.stride == 1) {
        if (valid_end > valid_begin)
          std::memcpy(to + (valid_begin - begin), from + valid_begin, static_cast<std::size_t>(valid_end - valid_begin) * sizeof(T));
      } else {
        for (std::int64_t o = valid_begin; o < valid_end; ++o) to[o - begin] = from[o * last.stride];
      }
      std::fill_n(to + (valid_end - begin), end - valid_end, T(0));
    });
  }

  /// The transpose of gather_tap over all windows: y at tap `k` of window j += columns[j].
  template <class T>
  void scatter_tap(const T* columns, std::int64_t k, T* y) const noexcept {
    for_segments(k, 0, output_size(), [&](std::int64_t row, std::int64_t begin, std::int64_t end, std::int64_t at) {
      if (row < 0) return;
      const auto& last = axes[rank - 1];
      const std::int64_t tap = k % last.kernel * last.dilation - last.pad_begin;
      const auto [valid_begin, valid_end] = valid_windows(last, tap, begin, end);
      T* to = y + row * last.input + tap;
      for (std::int64_t o = valid_begin; o < valid_end; ++o) to[o * last.stride] += columns[at + o - begin];
    });
  }

 private:
  [[nodiscard]] std::int64_t product(std::int64_t ops::Window::Axis::*member) const noexcept {
    std::int64_t result = 1;
    for (std::size_t i = 0; i < rank; ++i) result *= axes[i].*member;
    return result;
  }

  struct Range {
    std::int64_t begin;
    std::int64_t end;
  };
  /// The windows of [begin, end) whose tap lies inside the input: 0 <= o * stride + tap < input.
  [[nodiscard]] static Range valid_windows(const ops::Window::Axis& axis, std::int64_t tap, std::int64_t begin, std::int64_t end) noexcept {
    const std::int64_t lo = tap >= 0 ? 0 : (-tap + axis.stride - 1) / axis.stride;
    const std::int64_t room = axis.input - 1 - tap;
    const std::int64_t hi = room < 0 ? 0 : room / axis.stride + 1;
    const std::int64_t valid_begin = std::clamp(lo, begin, end);
    return {valid_begin, std::clamp(hi, valid_begin, end)};
  }

  /// visit(row, begin, end, at): windows [begin, end) along the last axis, for each run of windows of [first, first + count) that share
  /// the other axes. `row`: the row of the input that the tap touches, -1 in the padding. `at`: where the run starts, from `first`.
  template <class Visit>
  void for_segments(std::int64_t k, std::int64_t first, std::int64_t count, const Visit& visit) const noexcept {
    const std::int64_t width = axes[rank - 1].output;
    for (std::int64_t j = first; j < first + count;) {
      const std::int64_t begin = j % width;
      const std::int64_t end = std::min(width, begin + first + count - j);
      std::int64_t window = j / width;
      std::int64_t tap = k / axes[rank - 1].kernel;
      std::int64_t row = 0;
      std::int64_t row_stride = 1;
      for (std::size_t i = rank - 1; i-- > 0;) {
        const auto& a = axes[i];
        const std::int64_t position = window % a.output * a.stride + tap % a.kernel * a.dilation - a.pad_begin;
        if (position < 0 || position >= a.input) row = -1;
        if (row >= 0) row += position * row_stride;
        row_stride *= a.input;
        window /= a.output;
        tap /= a.kernel;
      }
      visit(row, begin, end, j - first);
      j += end - begin;
    }
  }
};

}  // namespace hone::inline HONE_ABI::cpu
