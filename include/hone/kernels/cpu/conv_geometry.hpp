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

/// For runs of a few dozen elements, where calling memmove costs more than it does.
template <class T>
T* copy_short(const T* from, std::int64_t n, T* to) noexcept {
  for (; n >= 8; n -= 8, from += 8, to += 8) std::memcpy(to, from, 8 * sizeof(T));
  for (; n > 0; --n) *to++ = *from++;
  return to;
}

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

  /// Rows [p, p + depth) and columns [first, last) of the matrix whose row c * kernel_size + k holds tap `k` of channel `c` in every
  /// window, as panels of `width` columns, k-major: element (row, column) of a panel lies at row * width + column. Missing columns are
  /// zeros.
  template <class T>
  void pack_windows(const T* x, std::int64_t p, std::int64_t depth, std::int64_t first, std::int64_t last, std::int64_t width,
                    T* panels) const noexcept {
    const std::int64_t taps = kernel_size();
    const std::int64_t plane = input_size();
    for (std::int64_t column = first; column < last; column += width, panels += depth * width) {
      const std::int64_t count = std::min(width, last - column);
      for (std::int64_t k = 0; k < taps; ++k) {
        // Channels c with p <= c * taps + k < p + depth.
        const std::int64_t begin = p > k ? (p - k + taps - 1) / taps : 0;
        const std::int64_t end = p + depth > k ? (p + depth - k + taps - 1) / taps : 0;
        if (begin >= end) continue;
        Pieces pieces;
        cut(k, column, count, width, pieces);
        for (std::int64_t c = begin; c < end; ++c) pieces.copy(x + c * plane, panels + (c * taps + k - p) * width);
      }
    }
  }

  /// y at tap `k` of window j += columns[j], for all windows; taps in the padding fall away.
  template <class T>
  void scatter_tap(const T* columns, std::int64_t k, T* y) const {
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

  /// One row of a panel as runs of neighbours in a plane, or of zeros. The same for every channel.
  struct Pieces {
    struct Piece {
      std::int32_t to;
      std::int32_t count;
      std::int64_t from;    ///< in the plane
      std::int64_t stride;  ///< 0: zeros
    };
    /// Panels have at most 64 columns, each of them at worst a piece of its own with padding around it.
    static constexpr std::size_t max_pieces = 3 * 64 + 1;

    void add(std::int64_t to, std::int64_t number, std::int64_t from, std::int64_t stride) noexcept {
      if (number > 0) pieces[size++] = {static_cast<std::int32_t>(to), static_cast<std::int32_t>(number), from, stride};
    }
    template <class T>
    void copy(const T* plane, T* row) const noexcept {
      for (std::size_t i = 0; i < size; ++i) {
        const Piece& piece = pieces[i];
        T* to = row + piece.to;
        const T* from = plane + piece.from;
        if (piece.stride == 1) {
          copy_short(from, piece.count, to);
        } else if (piece.stride == 0) {
          for (std::int32_t j = 0; j < piece.count; ++j) to[j] = T(0);
        } else {
          for (std::int32_t j = 0; j < piece.count; ++j) to[j] = from[j * piece.stride];
        }
      }
    }

    std::array<Piece, max_pieces> pieces;
    std::size_t size = 0;
  };

  /// Tap `k` of windows [first, first + count), followed by zeros up to `width`.
  void cut(std::int64_t k, std::int64_t first, std::int64_t count, std::int64_t width, Pieces& pieces) const noexcept {
    for_segments(k, first, count, [&](std::int64_t row, std::int64_t begin, std::int64_t end, std::int64_t at) {
      if (row < 0) return pieces.add(at, end - begin, 0, 0);
      const auto& last = axes[rank - 1];
      const std::int64_t tap = k % last.kernel * last.dilation - last.pad_begin;
      const auto [valid_begin, valid_end] = valid_windows(last, tap, begin, end);
      pieces.add(at, valid_begin - begin, 0, 0);
      pieces.add(at + valid_begin - begin, valid_end - valid_begin, row * last.input + tap + valid_begin * last.stride, last.stride);
      pieces.add(at + valid_end - begin, end - valid_end, 0, 0);
    });
    pieces.add(count, width - count, 0, 0);
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
  void for_segments(std::int64_t k, std::int64_t first, std::int64_t count, const Visit& visit) const {
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
