#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include <hone/config.hpp>
#include <hone/simd/arch.hpp>
#include <hone/simd/byte_dot.hpp>
#include <hone/simd/byte_lanes.hpp>
#include <hone/simd/table.hpp>

namespace hone::inline HONE_ABI::simd {

/// One tile of a product of integers: c = A B, columns of c contiguous.
///
/// A row of A is made of segments of `words` words of 4 bytes; segment s of row r begins at a + r * row_stride + segments[s], wherever that
/// is: rows of a convolution overlap. B holds, segment by segment and word by word, one word for each of `columns` columns.
struct IntegerTile {
  const std::byte* a;
  std::ptrdiff_t row_stride;  ///< bytes
  const std::ptrdiff_t* segments;
  std::size_t segment_count;
  std::size_t words;
  const std::byte* b;
  std::size_t columns;  ///< a multiple of IntegerForm::vector, at most IntegerForm::columns
  std::int32_t* c;
  std::ptrdiff_t c_stride;  ///< elements
  std::size_t rows;
};

/// What the words of a product hold, and how they are multiplied. Sums are exact while they fit 32 bits.
struct IntegerForm {
  /// Bytes of an element: 1 for uint8 in A and int8 in B, 2 for int16 in both.
  std::size_t element;
  /// Words of a segment come in whole multiples of this.
  std::size_t word_multiple;
  std::size_t vector;   ///< columns of B that are multiplied at a time
  std::size_t columns;  ///< most columns of a tile
  void (*run)(const IntegerTile& tile) noexcept;
  /// Whether the processor has the instructions beyond those of the architecture that the form is written for.
  bool (*runs_here)() noexcept;
};

/// How a tile of sums becomes a result: v = (c + offsets[column] - row_sums[row] * zeros[column]) * scales[column] + bias[column].
struct IntegerStore {
  const std::int32_t* c;
  std::ptrdiff_t c_stride;
  std::size_t rows;
  std::size_t columns;
  const std::int32_t* offsets;
  const std::int32_t* row_sums;  ///< or null
  const std::int32_t* zeros;
  const float* scales = nullptr;  ///< of results that are no integers
  const float* bias = nullptr;    ///< or null
  /// Of a quantized result: y = round(min(max(v, lower), upper)) + zero.
  float lower = 0;
  float upper = 0;
  float zero = 0;
};

struct IntegerGemm {
  /// Best first; those of fewer instructions follow.
  const IntegerForm* forms;
  std::size_t form_count;
  /// y = v as bytes, rows `y_stride` bytes apart.
  void (*store_bytes)(const IntegerStore& store, std::uint8_t* y, std::ptrdiff_t y_stride) noexcept;
  /// y = v.
  void (*store_floats)(const IntegerStore& store, float* y, std::ptrdiff_t y_stride) noexcept;
  /// y = c + offsets - row_sums zeros.
  void (*store_integers)(const IntegerStore& store, std::int32_t* y, std::ptrdiff_t y_stride) noexcept;
  /// The sum of n bytes.
  std::int32_t (*sum_bytes)(const std::uint8_t* x, std::size_t n) noexcept;
  Isa isa;

  /// The first form that runs on this machine.
  [[nodiscard]] const IntegerForm& best() const noexcept {
    std::size_t i = 0;
    while (i + 1 < form_count && !forms[i].runs_here()) ++i;
    return forms[i];
  }

  template <class Arch>
  static constexpr IntegerGemm make() noexcept;
};

namespace detail {

template <class Arch>
bool always_runs() noexcept {
  return true;
}

/// sum + the products of two pairs of int16 in each lane.
template <class V>
HONE_ALWAYS_INLINE V add_pair_products(V sum, V a, V b) noexcept {
#if defined(__AVX512BW__)
  if constexpr (sizeof(V) == 64) return V(_mm512_add_epi32(sum, _mm512_madd_epi16(a, b)));
#endif
#if defined(__AVX2__)
  if constexpr (sizeof(V) == 32) return V(_mm256_add_epi32(sum, _mm256_madd_epi16(a, b)));
#endif
#if defined(__SSE2__)
  if constexpr (sizeof(V) == 16) return V(_mm_add_epi32(sum, _mm_madd_epi16(a, b)));
#else
  const V low = ((a << 16) >> 16) * ((b << 16) >> 16);
  return sum + low + (a >> 16) * (b >> 16);
#endif
}

/// Rows x Registers vectors of sums, from words that are pairs of int16.
template <class Arch, int Rows, int Registers>
void pair_tile(const IntegerTile& tile, std::size_t first) noexcept {
  using V = xsimd::batch<std::int32_t, Arch>;
  V sums[Rows][Registers];
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < Registers; ++v) sums[r][v] = V(0);
  }
  const std::byte* a = tile.a + static_cast<std::ptrdiff_t>(first) * tile.row_stride;
  const auto* b = reinterpret_cast<const std::int32_t*>(tile.b);
  for (std::size_t s = 0; s < tile.segment_count; ++s) {
    const std::byte* from = a + tile.segments[s];
    for (std::size_t p = 0; p < tile.words; ++p, from += 4, b += Registers * V::size) {
      V columns[Registers];
#pragma GCC unroll 4
      for (int v = 0; v < Registers; ++v) columns[v] = V::load_unaligned(b + v * V::size);
#pragma GCC unroll 16
      for (int r = 0; r < Rows; ++r) {
        std::int32_t word;
        std::memcpy(&word, from + r * tile.row_stride, 4);
        const V row(word);
#pragma GCC unroll 4
        for (int v = 0; v < Registers; ++v) sums[r][v] = add_pair_products(sums[r][v], row, columns[v]);
      }
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r) {
    std::int32_t* c = tile.c + (static_cast<std::ptrdiff_t>(first) + r) * tile.c_stride;
#pragma GCC unroll 4
    for (int v = 0; v < Registers; ++v) sums[r][v].store_unaligned(c + v * V::size);
  }
}

template <class Arch, int Registers>
void pair_rows(const IntegerTile& tile) noexcept {
  constexpr int rows = native_isa == Isa::sse2 ? 4 : 6;
  std::size_t first = 0;
  for (; first + rows <= tile.rows; first += rows) pair_tile<Arch, rows, Registers>(tile, first);
  if (first + rows / 2 <= tile.rows) {
    pair_tile<Arch, rows / 2, Registers>(tile, first);
    first += rows / 2;
  }
  for (; first < tile.rows; ++first) pair_tile<Arch, 1, Registers>(tile, first);
}

template <class Arch>
void pair_products(const IntegerTile& tile) noexcept {
  constexpr std::size_t vector = xsimd::batch<std::int32_t, Arch>::size;
  if (tile.columns == 2 * vector) return pair_rows<Arch, 2>(tile);
  pair_rows<Arch, 1>(tile);
}

template <class Arch, class T>
HONE_ALWAYS_INLINE void store_sums(const IntegerStore& s, T* y, std::ptrdiff_t y_stride) noexcept {
  using I = xsimd::batch<std::int32_t, Arch>;
  using F = xsimd::batch<float, Arch>;
  constexpr std::size_t width = F::size;
  for (std::size_t r = 0; r < s.rows; ++r, y += y_stride) {
    const std::int32_t* c = s.c + static_cast<std::ptrdiff_t>(r) * s.c_stride;
    for (std::size_t j = 0; j < s.columns; j += width) {
      // Vectors of parameters and sums are padded; the result is not.
      I sum = I::load_unaligned(c + j) + I::load_unaligned(s.offsets + j);
      if (s.row_sums != nullptr) sum = sum - I(s.row_sums[r]) * I::load_unaligned(s.zeros + j);
      const std::size_t n = s.columns - j < width ? s.columns - j : width;
      if constexpr (std::is_same_v<T, std::int32_t>) {
        n == width ? sum.store_unaligned(y + j) : store_part(sum, y + j, n);
      } else {
        F v = xsimd::to_float(sum) * F::load_unaligned(s.scales + j);
        if (s.bias != nullptr) v = v + F::load_unaligned(s.bias + j);
        if constexpr (sizeof(T) == 1) {
          v = xsimd::min(xsimd::max(v, F(s.lower)), F(s.upper));
          const I rounded = xsimd::nearbyint_as_int(v) + I(static_cast<std::int32_t>(s.zero));
          n == width ? store_bytes(rounded, y + j) : store_bytes(rounded, y + j, n);
        } else {
          n == width ? v.store_unaligned(y + j) : store_part(v, y + j, n);
        }
      }
    }
  }
}

template <class Arch>
void store_sums_as_bytes(const IntegerStore& store, std::uint8_t* y, std::ptrdiff_t y_stride) noexcept {
  store_sums<Arch>(store, y, y_stride);
}
template <class Arch>
void store_sums_as_floats(const IntegerStore& store, float* y, std::ptrdiff_t y_stride) noexcept {
  store_sums<Arch>(store, y, y_stride);
}

template <class Arch>
void store_sums_as_integers(const IntegerStore& store, std::int32_t* y, std::ptrdiff_t y_stride) noexcept {
  store_sums<Arch>(store, y, y_stride);
}

template <class Arch>
std::int32_t sum_bytes(const std::uint8_t* x, std::size_t n) noexcept {
  std::int32_t sum = 0;
  std::size_t i = 0;
#if defined(__SSE2__)
  __m128i sums = _mm_setzero_si128();
  for (; i + 16 <= n; i += 16)
    sums = _mm_add_epi32(sums, _mm_sad_epu8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x + i)), _mm_setzero_si128()));
  sum = _mm_cvtsi128_si32(sums) + _mm_cvtsi128_si32(_mm_unpackhi_epi64(sums, sums));
#endif
  for (; i < n; ++i) sum += x[i];
  return sum;
}

template <class Arch>
inline constexpr std::size_t word_lanes = xsimd::batch<std::int32_t, Arch>::size;

template <class Arch>
inline constexpr IntegerForm integer_forms[] = {
#if defined(__AVX512BW__) && defined(HONE_BYTE_DOT)
    {1, 16, 16, 64, &matrix_tiles<Arch>, &has_matrix_tiles<Arch>},
    {1, 1, 16, 64, &byte_products<Arch>, &has_byte_dot<Arch>},
#endif
    {2, 1, word_lanes<Arch>, 2 * word_lanes<Arch>, &pair_products<Arch>, &always_runs<Arch>},
};

}  // namespace detail

template <class Arch>
constexpr IntegerGemm IntegerGemm::make() noexcept {
  return {.forms = detail::integer_forms<Arch>,
          .form_count = sizeof(detail::integer_forms<Arch>) / sizeof(IntegerForm),
          .store_bytes = &detail::store_sums_as_bytes<Arch>,
          .store_floats = &detail::store_sums_as_floats<Arch>,
          .store_integers = &detail::store_sums_as_integers<Arch>,
          .sum_bytes = &detail::sum_bytes<Arch>,
          .isa = native_isa};
}

}  // namespace hone::inline HONE_ABI::simd
