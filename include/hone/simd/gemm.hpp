#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include <hone/config.hpp>
#include <hone/simd/arch.hpp>
#include <hone/simd/gemv.hpp>
#include <hone/simd/lanes.hpp>
#include <hone/simd/table.hpp>
#include <hone/simd/transpose_four.hpp>

namespace hone::inline HONE_ABI::simd {

/// Where a micro-kernel puts its product.
template <class T>
struct GemmTile {
  T* c;                            ///< (rows, columns), columns contiguous
  std::ptrdiff_t row_stride;       ///< elements from one row of c to the next
  int rows;                        ///< 1 .. mr
  int columns;                     ///< 1 .. nr
  bool accumulate;                 ///< c += A B instead of c = A B
  const T* row_bias = nullptr;     ///< (rows), added to each row, or null
  const T* column_bias = nullptr;  ///< (columns), added to each column, or null
  const T* fetch = nullptr;        ///< what will be needed next, Gemm::fetch_step elements for each step of k, fetched meanwhile; or null
};

/// The parts of a matrix product C = A B with A (m, k) and B (k, n): register-blocked micro-kernels and the packing that they read.
///
/// A panel of A holds mr rows, a panel of B nr columns, k-major: element (r, p) of a panel of A lies at p * mr + r, element (p, j) of
/// a panel of B at p * nr + j. Rows and columns that do not exist are zeros. Sources have any strides (elements), so that a
/// transposed matrix costs nothing.
///
/// Each element of C is one chain of multiply-adds in the order of k, whatever the tile; partitions of C cannot change a result.
/// Integers wrap.
template <class T>
struct Gemm {
  int mr;
  int nr;
  int fetch_step;  ///< elements that `kernel` fetches for each step of k: a cache line, but no more than a panel of B has
  /// a (m, k) to ceil(m / mr) panels of mr * k elements.
  void (*pack_a)(const T* a, std::ptrdiff_t row_stride, std::ptrdiff_t column_stride, std::size_t m, std::size_t k, T* packed) noexcept;
  /// b (k, n) to panels of k * nr elements; panel j begins at packed + j * panel_stride.
  void (*pack_b)(const T* b, std::ptrdiff_t row_stride, std::ptrdiff_t column_stride, std::size_t k, std::size_t n, T* packed,
                 std::size_t panel_stride) noexcept;
  /// One tile from a packed panel of A and rows of B that are `b_stride` apart: nr for a packed panel. Reads nr columns of B.
  void (*kernel)(std::size_t k, const T* a, const T* b, std::ptrdiff_t b_stride, const GemmTile<T>& tile) noexcept;
  /// y (m, n) += A B for 1 <= m <= max_vector_rows, B with contiguous rows `b_stride` apart, a[r * a_stride + p], y[r * y_stride + j].
  void (*update_rows)(std::size_t m, std::size_t n, std::size_t k, const T* a, std::size_t a_stride, const T* b, std::ptrdiff_t b_stride,
                      T* y, std::size_t y_stride) noexcept;
  /// y (m, n) = A B for 1 <= m <= max_vector_rows, B with contiguous columns `b_stride` apart: dot products.
  void (*dot_columns)(std::size_t m, std::size_t n, std::size_t k, const T* a, std::size_t a_stride, const T* b, std::ptrdiff_t b_stride,
                      T* y, std::size_t y_stride) noexcept;
  Isa isa;

  /// Rows of A up to which B is better read once, and not packed for one product.
  static constexpr int max_vector_rows = 4;

  template <class Arch>
  static constexpr Gemm make() noexcept;
};

namespace detail {

/// Rows and registers of columns of a tile. Accumulators + one row of B + one broadcast fit the register file: 28 + 2 + 1 of 32
/// with AVX-512 (broadcasts come from memory there), 12 + 2 + 1 of 16 with AVX2, 8 + 2 + 1 of 16 with SSE2, whose multiply and add
/// need a temporary, and 16 + 2 + 1 of 32 with NEON.
struct TileShape {
  int rows;
  int registers;
};

constexpr TileShape tile_shape(Isa isa) noexcept {
  switch (isa) {
    case Isa::sse2:
      return {.rows = 4, .registers = 2};
    case Isa::avx2:
      return {.rows = 6, .registers = 2};
    case Isa::avx512:
      return {.rows = 14, .registers = 2};
    case Isa::neon:
      return {.rows = 8, .registers = 2};
  }
  return {.rows = 4, .registers = 2};
}

template <class T, class Arch>
struct GemmShape {
  static constexpr TileShape shape = tile_shape(native_isa);
  static constexpr int mr = std::integral<T> ? 4 : shape.rows;
  static constexpr int width = static_cast<int>(sizeof(xsimd::batch<float, Arch>) / sizeof(T));
  static constexpr int registers = shape.registers;
  static constexpr int nr = registers * width;
  static constexpr int line = 64 / sizeof(T);
  static constexpr int fetch_step = nr < line ? nr : line;
};

/// Panels of Width lines: packed[panel][p][line] = source[line * line_stride + p * step]. `lines` lines of `k` elements.
template <int Width, class T, class Arch>
void pack_panels(const T* source, std::ptrdiff_t line_stride, std::ptrdiff_t step, std::size_t lines, std::size_t k, T* packed,
                 std::size_t panel_stride) noexcept {
  // Along k in blocks of one cache line of a source whose lines are contiguous, so that what is written stays in L1.
  constexpr std::size_t block = 64 / sizeof(T);
  for (std::size_t first = 0; first < lines; first += Width, packed += panel_stride) {
    const T* from = source + static_cast<std::ptrdiff_t>(first) * line_stride;
    const int used = lines - first < Width ? static_cast<int>(lines - first) : Width;
    if (used == Width && line_stride == 1) {
      for (std::size_t p = 0; p < k; ++p) std::memcpy(packed + p * Width, from + static_cast<std::ptrdiff_t>(p) * step, Width * sizeof(T));
      continue;
    }
    for (std::size_t p0 = 0; p0 < k; p0 += block) {
      const std::size_t p1 = p0 + block < k ? p0 + block : k;
      int line = 0;
      if constexpr (sizeof(T) == 4) {
        if (step == 1 && (p1 - p0) % 4 == 0) {
          for (; line + 4 <= used; line += 4)
            for (std::size_t p = p0; p < p1; p += 4)
              transpose_four(from + line * line_stride + p, line_stride, packed + p * Width + line, Width);
        }
      }
      for (; line < used; ++line) {
        const T* in = from + line * line_stride;
        for (std::size_t p = p0; p < p1; ++p) packed[p * Width + line] = in[static_cast<std::ptrdiff_t>(p) * step];
      }
      for (; line < Width; ++line) {
        for (std::size_t p = p0; p < p1; ++p) packed[p * Width + line] = T(0);
      }
    }
  }
}

template <class T, class Arch>
void gemm_pack_a(const T* a, std::ptrdiff_t row_stride, std::ptrdiff_t column_stride, std::size_t m, std::size_t k, T* packed) noexcept {
  constexpr int mr = GemmShape<T, Arch>::mr;
  pack_panels<mr, T, Arch>(a, row_stride, column_stride, m, k, packed, mr * k);
}

template <class T, class Arch>
void gemm_pack_b(const T* b, std::ptrdiff_t row_stride, std::ptrdiff_t column_stride, std::size_t k, std::size_t n, T* packed,
                 std::size_t panel_stride) noexcept {
  pack_panels<GemmShape<T, Arch>::nr, T, Arch>(b, column_stride, row_stride, n, k, packed, panel_stride);
}

/// Puts one row of a finished tile away.
template <class V, int Registers>
HONE_ALWAYS_INLINE void store_tile_row(const lane_t<V>* sums, int row, const GemmTile<lane_t<V>>& tile) noexcept {
  lane_t<V>* c = tile.c + row * tile.row_stride;
#pragma GCC unroll 8
  for (int v = 0; v < Registers; ++v) {
    constexpr int width = static_cast<int>(V::size);
    const int left = tile.columns - v * width;
    if (left <= 0) return;
    V sum = V::load_aligned(sums + v * width);
    if (left >= width) {
      if (tile.accumulate) sum = V::load_unaligned(c + v * width) + sum;
      if (tile.row_bias != nullptr) sum = sum + V(tile.row_bias[row]);
      if (tile.column_bias != nullptr) sum = sum + V::load_unaligned(tile.column_bias + v * width);
      sum.store_unaligned(c + v * width);
    } else {
      const auto count = static_cast<std::size_t>(left);
      if (tile.accumulate) sum = load_part<V>(c + v * width, count) + sum;
      if (tile.row_bias != nullptr) sum = sum + V(tile.row_bias[row]);
      if (tile.column_bias != nullptr) sum = sum + load_part<V>(tile.column_bias + v * width, count);
      store_part(sum, c + v * width, count);
    }
  }
}

/// The tile of exactly Rows rows, the first Rows of a panel of A.
template <class T, class Arch, int Rows>
void gemm_tile(std::size_t k, const T* a, const T* b, std::ptrdiff_t b_stride, const GemmTile<T>& tile) noexcept {
  using V = xsimd::batch<T, Arch>;
  constexpr int registers = GemmShape<T, Arch>::registers;
  constexpr int width = static_cast<int>(V::size);
  V sums[Rows][registers];
#pragma GCC unroll 32
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < registers; ++v) sums[r][v] = V(T(0));
  }
  const T* fetch = tile.fetch != nullptr ? tile.fetch : b;
  for (std::size_t p = 0; p < k; ++p) {
    V columns[registers];
#pragma GCC unroll 8
    for (int v = 0; v < registers; ++v) columns[v] = V::load_unaligned(b + v * width);
    __builtin_prefetch(fetch, 0, 2);
    fetch += GemmShape<T, Arch>::fetch_step;
#pragma GCC unroll 32
    for (int r = 0; r < Rows; ++r) {
      const V row(a[r]);
#pragma GCC unroll 8
      for (int v = 0; v < registers; ++v) sums[r][v] = xsimd::fma(row, columns[v], sums[r][v]);
    }
    a += GemmShape<T, Arch>::mr;
    b += b_stride;
  }
  if (tile.columns == GemmShape<T, Arch>::nr && tile.row_bias == nullptr && tile.column_bias == nullptr) {
#pragma GCC unroll 32
    for (int r = 0; r < Rows; ++r) {
      T* c = tile.c + r * tile.row_stride;
#pragma GCC unroll 8
      for (int v = 0; v < registers; ++v, c += width) {
        if (tile.accumulate) sums[r][v] = V::load_unaligned(c) + sums[r][v];
        sums[r][v].store_unaligned(c);
      }
    }
    return;
  }
  // Through memory, so that the rare cases are one loop and not Rows copies of it.
  alignas(64) T rows[Rows][GemmShape<T, Arch>::nr];
#pragma GCC unroll 32
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < registers; ++v) sums[r][v].store_aligned(rows[r] + v * width);
  }
#pragma GCC unroll 1
  for (int r = 0; r < Rows; ++r) store_tile_row<V, registers>(rows[r], r, tile);
}

/// Integers: a plain tile that the compiler vectorises along columns.
template <class T, class Arch, int Rows>
requires std::integral<T>
void gemm_tile_integer(std::size_t k, const T* a, const T* b, std::ptrdiff_t b_stride, const GemmTile<T>& tile) noexcept {
  using U = wrapping_t<T>;
  constexpr int nr = GemmShape<T, Arch>::nr;
  U sums[Rows][nr] = {};
  for (std::size_t p = 0; p < k; ++p) {
    for (int r = 0; r < Rows; ++r) {
      const U row = static_cast<U>(a[r]);
      for (int j = 0; j < nr; ++j) sums[r][j] += row * static_cast<U>(b[j]);
    }
    a += GemmShape<T, Arch>::mr;
    b += b_stride;
  }
  for (int r = 0; r < Rows; ++r) {
    T* c = tile.c + r * tile.row_stride;
    for (int j = 0; j < tile.columns; ++j) {
      U sum = sums[r][j];
      if (tile.accumulate) sum += static_cast<U>(c[j]);
      if (tile.row_bias != nullptr) sum += static_cast<U>(tile.row_bias[r]);
      if (tile.column_bias != nullptr) sum += static_cast<U>(tile.column_bias[j]);
      c[j] = static_cast<T>(sum);
    }
  }
}

/// The tile function for a number of rows that is known at run time. Short tiles do only their own rows' work.
template <class T, class Arch, int Rows = GemmShape<T, Arch>::mr>
void gemm_kernel(std::size_t k, const T* a, const T* b, std::ptrdiff_t b_stride, const GemmTile<T>& tile) noexcept {
  if constexpr (Rows == GemmShape<T, Arch>::mr && Rows > Gemm<T>::max_vector_rows) {
    // Few rows come with little work for each tile.
    if (tile.rows <= Gemm<T>::max_vector_rows) return gemm_kernel<T, Arch, Gemm<T>::max_vector_rows>(k, a, b, b_stride, tile);
  }
  if constexpr (Rows > 1) {
    if (tile.rows < Rows) return gemm_kernel<T, Arch, Rows - 1>(k, a, b, b_stride, tile);
  }
  if constexpr (std::integral<T>) {
    gemm_tile_integer<T, Arch, Rows>(k, a, b, b_stride, tile);
  } else {
    gemm_tile<T, Arch, Rows>(k, a, b, b_stride, tile);
  }
}

}  // namespace detail

template <class T>
template <class Arch>
constexpr Gemm<T> Gemm<T>::make() noexcept {
  return {.mr = detail::GemmShape<T, Arch>::mr,
          .nr = detail::GemmShape<T, Arch>::nr,
          .fetch_step = detail::GemmShape<T, Arch>::fetch_step,
          .pack_a = &detail::gemm_pack_a<T, Arch>,
          .pack_b = &detail::gemm_pack_b<T, Arch>,
          .kernel = &detail::gemm_kernel<T, Arch>,
          .update_rows = &detail::gemm_update_rows<T, Arch>,
          .dot_columns = &detail::gemm_dot_columns<T, Arch>,
          .isa = native_isa};
}

}  // namespace hone::inline HONE_ABI::simd
