#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <hone/config.hpp>
#include <hone/core/buffer.hpp>
#include <hone/core/dtype.hpp>
#include <hone/simd/integer_gemm.hpp>

namespace hone::inline HONE_ABI::cpu {

/// Copies n bytes; int8 as uint8 that are greater by 128.
inline void copy_unsigned(const std::byte* x, DType dtype, std::int64_t n, std::byte* to) noexcept {
  if (dtype == DType::uint8) {
    std::memcpy(to, x, static_cast<std::size_t>(n));
  } else {
    for (std::int64_t i = 0; i < n; ++i) to[i] = x[i] ^ std::byte{0x80};
  }
}
/// The zero point that goes with copy_unsigned.
[[nodiscard]] inline std::int32_t unsigned_zero(DType dtype, std::int32_t zero) noexcept {
  return dtype == DType::int8 ? zero + 128 : zero;
}

/// The shape of one side of an integer product: `outputs` columns, each of `segments` runs of `depth` elements.
struct IntegerShape {
  std::int64_t outputs = 0;
  std::int64_t segments = 1;
  std::int64_t depth = 0;
};

/// Where weights come from: element i of segment s of an output j is
/// data[j * output_stride + (s * taps + i / (depth / taps)) + i % (depth / taps) * channel_stride], int8 or uint8.
struct IntegerSource {
  const std::uint8_t* data = nullptr;
  DType dtype = DType::int8;
  std::int64_t output_stride = 0;
  std::int64_t channel_stride = 0;
  std::int64_t taps = 1;  ///< in a segment
};

/// Products of 8-bit integers less their zero points, (x - x_zero)(w - w_zero), summed in 32 bits.
///
/// The weights are packed in panels of columns for the best form of simd::IntegerGemm that the machine runs; rows of x are read where they
/// lie, or from a copy. Forms that multiply bytes leave the zero points to what is added afterwards:
///   sum (x - x0)(w - w0) = sum x w - x0 sum w - w0 sum x + n x0 w0
/// Sums are exact, so that the form, the tiles and the threads cannot change a result.
class IntegerProduct {
 public:
  /// Most rows of a tile.
  static constexpr std::int64_t tile_rows = 64;
  static constexpr std::int64_t tile_columns = 64;

  /// Packed weights, in memory of the caller's.
  struct Weights {
    IntegerShape shape;
    const std::byte* packed = nullptr;
    const std::int32_t* sums = nullptr;   ///< (padded outputs): sum of what is packed
    const std::int32_t* zeros = nullptr;  ///< (padded outputs): zero point of what is packed
    bool has_zeros = false;
  };

  explicit IntegerProduct(simd::Isa isa) : IntegerProduct(simd::table<simd::IntegerGemm>(isa)) {}
  explicit IntegerProduct(const simd::IntegerGemm& kernels) : IntegerProduct(kernels, kernels.best()) {}
  IntegerProduct(const simd::IntegerGemm& kernels, const simd::IntegerForm& form) : kernels_(&kernels), form_(&form) {}

  [[nodiscard]] const simd::IntegerGemm& kernels() const noexcept { return *kernels_; }
  /// Bytes of an element of a copy of x.
  [[nodiscard]] std::int64_t element() const noexcept { return static_cast<std::int64_t>(form_->element); }
  /// What is read of a segment: its bytes, and those up to the next whole step.
  [[nodiscard]] std::int64_t segment_bytes(std::int64_t depth) const noexcept {
    return static_cast<std::int64_t>(align_up(static_cast<std::size_t>(depth) * form_->element, 4 * form_->word_multiple));
  }
  /// Whether x can be read where it lies, as far as its elements are concerned.
  [[nodiscard]] bool reads(DType dtype, std::int64_t depth) const noexcept {
    return form_->element == 1 && dtype == DType::uint8 && segment_bytes(depth) == depth;
  }

  [[nodiscard]] static std::int64_t padded(std::int64_t outputs) noexcept {
    return (outputs + tile_columns - 1) / tile_columns * tile_columns;
  }
  [[nodiscard]] std::int64_t panels(std::int64_t outputs) const noexcept {
    const auto columns = static_cast<std::int64_t>(form_->columns);
    return (outputs + columns - 1) / columns;
  }
  [[nodiscard]] std::int64_t panel_columns() const noexcept { return static_cast<std::int64_t>(form_->columns); }

  [[nodiscard]] std::size_t weights_bytes(const IntegerShape& shape) const noexcept {
    return packed_bytes(shape) + 2 * sizeof(std::int32_t) * static_cast<std::size_t>(padded(shape.outputs));
  }
  /// Packs weights, and zero(output), into `memory` of weights_bytes().
  template <class Zero>
  [[nodiscard]] Weights pack(const IntegerShape& shape, const IntegerSource& source, const Zero& zero, void* memory) const {
    auto* packed = static_cast<std::byte*>(memory);
    auto* sums = reinterpret_cast<std::int32_t*>(packed + packed_bytes(shape));
    std::int32_t* zeros = sums + padded(shape.outputs);
    std::memset(memory, 0, weights_bytes(shape));
    Weights weights{shape, packed, sums, zeros, false};
    const int shift = source.dtype == DType::uint8 && form_->element == 1 ? 128 : 0;
    for (std::int64_t j = 0; j < shape.outputs; ++j) {
      const std::int64_t first = j / panel_columns() * panel_columns();
      std::byte* column = packed + panel_offset(shape, first) + 4 * static_cast<std::size_t>(j - first);
      const auto offset = static_cast<std::int32_t>(zero(j)) - shift;
      const std::int32_t sum = pack_column(shape, source, j, shift, offset, 4 * panel_width(shape.outputs, first), column);
      if (form_->element != 1) continue;
      sums[j] = sum;
      zeros[j] = offset;
      weights.has_zeros = weights.has_zeros || offset != 0;
    }
    return weights;
  }

  /// Copies n elements of x as tiles read them.
  void copy(const std::byte* x, DType dtype, std::int32_t zero, std::int64_t n, std::byte* to) const noexcept {
    if (form_->element == 1) return copy_unsigned(x, dtype, n, to);
    const auto widen = [&](const auto* from) {
      for (std::int64_t i = 0; i < n; ++i) {
        const auto value = static_cast<std::int16_t>(from[i] - zero);
        std::memcpy(to + 2 * i, &value, 2);
      }
    };
    dtype == DType::uint8 ? widen(reinterpret_cast<const std::uint8_t*>(x)) : widen(reinterpret_cast<const std::int8_t*>(x));
  }
  /// What has to be added to the sums of each output for an x with this zero point; (padded outputs).
  void offsets(const Weights& weights, DType dtype, std::int32_t zero, std::int32_t* to) const noexcept {
    const std::int64_t n = padded(weights.shape.outputs);
    const auto x0 = static_cast<std::uint32_t>(unsigned_zero(dtype, zero));
    const auto count = static_cast<std::uint32_t>(weights.shape.segments * weights.shape.depth);
    for (std::int64_t j = 0; j < n; ++j) {
      const std::uint32_t sum = count * static_cast<std::uint32_t>(weights.zeros[j]) - static_cast<std::uint32_t>(weights.sums[j]);
      to[j] = form_->element == 1 ? static_cast<std::int32_t>(x0 * sum) : 0;
    }
  }

  /// What bytes of a copy stand for the zero point of x.
  [[nodiscard]] int padding(DType dtype, std::int32_t zero) const noexcept { return form_->element == 1 ? unsigned_zero(dtype, zero) : 0; }

  /// Tiles of `rows` rows that are worth a thread.
  [[nodiscard]] std::int64_t grain(const Weights& weights, std::int64_t rows) const noexcept {
    constexpr std::int64_t products = 600'000;
    return std::max<std::int64_t>(1, products / (rows * panel_columns() * weights.shape.segments * weights.shape.depth));
  }

  /// Columns of the result that a panel has, those that are padding among them.
  [[nodiscard]] std::size_t panel_width(std::int64_t outputs, std::int64_t first) const noexcept {
    return std::min(form_->columns, align_up(static_cast<std::size_t>(outputs - first), form_->vector));
  }

  /// sums (rows, tile_columns) of one panel.
  void multiply(const Weights& weights, std::int64_t panel, const std::byte* x, std::ptrdiff_t row_stride, const std::ptrdiff_t* segments,
                std::int64_t rows, std::int32_t* sums) const noexcept {
    const std::int64_t first = panel * panel_columns();
    form_->run({.a = x,
                .row_stride = row_stride,
                .segments = segments,
                .segment_count = static_cast<std::size_t>(weights.shape.segments),
                .words = static_cast<std::size_t>(segment_bytes(weights.shape.depth) / 4),
                .b = weights.packed + panel_offset(weights.shape, first),
                .columns = panel_width(weights.shape.outputs, first),
                .c = sums,
                .c_stride = tile_columns,
                .rows = static_cast<std::size_t>(rows)});
  }
  /// The sums of the bytes of `rows` rows, which go with w_zero.
  void sum_rows(const Weights& weights, const std::byte* x, std::ptrdiff_t row_stride, const std::ptrdiff_t* segments, std::int64_t rows,
                std::int32_t* sums) const noexcept {
    for (std::int64_t r = 0; r < rows; ++r) {
      sums[r] = 0;
      for (std::int64_t s = 0; s < weights.shape.segments; ++s) {
        sums[r] += kernels_->sum_bytes(reinterpret_cast<const std::uint8_t*>(x + r * row_stride + segments[s]),
                                       static_cast<std::size_t>(weights.shape.depth));
      }
    }
  }

 private:
  /// Packs one output, its words `word_stride` bytes apart; returns the sum of its elements.
  std::int32_t pack_column(const IntegerShape& shape, const IntegerSource& source, std::int64_t output, int shift, std::int32_t zero,
                           std::size_t word_stride, std::byte* column) const noexcept {
    const std::int64_t channels = shape.depth / source.taps;
    const std::size_t segment = static_cast<std::size_t>(segment_bytes(shape.depth) / 4) * word_stride;
    const auto per_word = static_cast<std::size_t>(4 / element());
    const bool is_signed = source.dtype == DType::int8;
    std::int32_t sum = 0;
    for (std::int64_t s = 0; s < shape.segments; ++s) {
      std::byte* to = column + static_cast<std::size_t>(s) * segment;
      std::size_t at = 0;  // in the word
      for (std::int64_t tap = 0; tap < source.taps; ++tap) {
        const std::uint8_t* from = source.data + output * source.output_stride + s * source.taps + tap;
        for (std::int64_t c = 0; c < channels; ++c, from += source.channel_stride) {
          const std::int32_t value = (is_signed ? static_cast<std::int8_t>(*from) : std::int32_t{*from}) - shift;
          sum += value;
          if (per_word == 4) {
            to[at] = static_cast<std::byte>(value);
          } else {
            const auto difference = static_cast<std::int16_t>(value - zero);
            std::memcpy(to + 2 * at, &difference, 2);
          }
          if (++at == per_word) {
            at = 0;
            to += word_stride;
          }
        }
      }
    }
    return sum;
  }

  [[nodiscard]] std::size_t column_bytes(const IntegerShape& shape) const noexcept {
    return static_cast<std::size_t>(shape.segments * segment_bytes(shape.depth));
  }
  [[nodiscard]] std::size_t packed_bytes(const IntegerShape& shape) const noexcept {
    return align_up(align_up(static_cast<std::size_t>(shape.outputs), form_->vector) * column_bytes(shape));
  }
  [[nodiscard]] std::size_t panel_offset(const IntegerShape& shape, std::int64_t first) const noexcept {
    return static_cast<std::size_t>(first) * column_bytes(shape);
  }

  const simd::IntegerGemm* kernels_;
  const simd::IntegerForm* form_;
};

}  // namespace hone::inline HONE_ABI::cpu
