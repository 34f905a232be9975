#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <hone/config.hpp>
#include <hone/simd/xsimd.hpp>

#if defined(__AVX512BW__) && defined(__linux__) && defined(__x86_64__)
#define HONE_BYTE_DOT 1
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

/// Products of bytes with the instructions that AVX-512 processors may have beyond those that xsimd's tag names: VNNI, and the tiles of
/// AMX. Their functions are compiled for them one by one, whatever the flags; who calls one has asked whether the machine runs it.
namespace hone::inline HONE_ABI::simd {

struct IntegerTile;

namespace detail {

#if defined(HONE_BYTE_DOT)

template <class Arch>
bool has_byte_dot() noexcept {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512vnni") != 0;
}

/// Linux gives the registers of AMX to a process that asks for them.
template <class Arch>
bool has_matrix_tiles() noexcept {
  static const bool result = [] {
    unsigned a = 0;
    unsigned b = 0;
    unsigned c = 0;
    unsigned d = 0;
    constexpr unsigned tiles = 1u << 24;
    constexpr unsigned bytes = 1u << 25;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (d & tiles) == 0 || (d & bytes) == 0) return false;
    constexpr long request_permission = 0x1023;
    constexpr long tile_data = 18;
    return has_byte_dot<Arch>() && ::syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
  }();
  return result;
}

#define HONE_VNNI __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))
#define HONE_AMX __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,amx-tile,amx-int8")))

template <class Arch, int Rows, int Registers, class Tile>
HONE_VNNI void byte_tile(const Tile& tile, std::size_t first) noexcept {
  __m512i sums[Rows][Registers];
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < Registers; ++v) sums[r][v] = _mm512_setzero_si512();
  }
  const std::byte* a = tile.a + static_cast<std::ptrdiff_t>(first) * tile.row_stride;
  const std::byte* b = tile.b;
  for (std::size_t s = 0; s < tile.segment_count; ++s) {
    const std::byte* from = a + tile.segments[s];
    for (std::size_t p = 0; p < tile.words; ++p, from += 4, b += 64 * Registers) {
      __m512i columns[Registers];
#pragma GCC unroll 4
      for (int v = 0; v < Registers; ++v) columns[v] = _mm512_loadu_si512(b + 64 * v);
#pragma GCC unroll 16
      for (int r = 0; r < Rows; ++r) {
        std::int32_t word;
        std::memcpy(&word, from + r * tile.row_stride, 4);
        const __m512i row = _mm512_set1_epi32(word);
#pragma GCC unroll 4
        for (int v = 0; v < Registers; ++v) sums[r][v] = _mm512_dpbusd_epi32(sums[r][v], row, columns[v]);
      }
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r) {
    std::int32_t* c = tile.c + (static_cast<std::ptrdiff_t>(first) + r) * tile.c_stride;
#pragma GCC unroll 4
    for (int v = 0; v < Registers; ++v) _mm512_storeu_si512(c + 16 * v, sums[r][v]);
  }
}

template <class Arch, int Registers, class Tile>
void byte_rows(const Tile& tile) noexcept {
  constexpr std::size_t rows = Registers == 4 ? 6 : Registers == 3 ? 8 : 12;
  std::size_t first = 0;
  for (; first + rows <= tile.rows; first += rows) byte_tile<Arch, rows, Registers>(tile, first);
  if (first + rows / 2 <= tile.rows) {
    byte_tile<Arch, rows / 2, Registers>(tile, first);
    first += rows / 2;
  }
  if (first + 2 <= tile.rows) {
    byte_tile<Arch, 2, Registers>(tile, first);
    first += 2;
  }
  for (; first < tile.rows; ++first) byte_tile<Arch, 1, Registers>(tile, first);
}

template <class Arch, class Tile = IntegerTile>
void byte_products(const Tile& tile) noexcept {
  switch (tile.columns / 16) {
    case 1:
      return byte_rows<Arch, 1>(tile);
    case 2:
      return byte_rows<Arch, 2>(tile);
    case 3:
      return byte_rows<Arch, 3>(tile);
    default:
      return byte_rows<Arch, 4>(tile);
  }
}

/// What LDTILECFG reads: tiles 0 to 3 hold sums, 4 and 5 rows of A, 6 and 7 columns of B.
template <class Arch>
struct alignas(64) TileConfiguration {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};

  /// For two bands of rows of A.
  HONE_ALWAYS_INLINE TileConfiguration(std::size_t upper, std::size_t lower) noexcept {
    rows[0] = rows[1] = rows[4] = static_cast<std::uint8_t>(upper);
    rows[2] = rows[3] = rows[5] = static_cast<std::uint8_t>(lower);
  }
};

/// Two bands of up to 16 rows, or one, by 32 columns, or 16.
template <class Arch, bool TwoBands, bool TwoColumns, class Tile>
HONE_AMX void multiply_tiles(const Tile& tile, std::size_t first, std::size_t column) noexcept {
  _tile_zero(0);
  if constexpr (TwoColumns) _tile_zero(1);
  if constexpr (TwoBands) _tile_zero(2);
  if constexpr (TwoBands && TwoColumns) _tile_zero(3);
  const std::byte* a = tile.a + static_cast<std::ptrdiff_t>(first) * tile.row_stride;
  const std::byte* b = tile.b + 4 * column;
  const auto b_stride = static_cast<std::ptrdiff_t>(4 * tile.columns);
  for (std::size_t s = 0; s < tile.segment_count; ++s) {
    const std::byte* from = a + tile.segments[s];
    for (std::size_t p = 0; p < tile.words; p += 16, from += 64, b += 16 * b_stride) {
      _tile_loadd(6, b, b_stride);
      _tile_loadd(4, from, tile.row_stride);
      _tile_dpbusd(0, 4, 6);
      if constexpr (TwoColumns) {
        _tile_loadd(7, b + 64, b_stride);
        _tile_dpbusd(1, 4, 7);
      }
      if constexpr (TwoBands) {
        _tile_loadd(5, from + 16 * tile.row_stride, tile.row_stride);
        _tile_dpbusd(2, 5, 6);
      }
      if constexpr (TwoBands && TwoColumns) _tile_dpbusd(3, 5, 7);
    }
  }
  std::int32_t* c = tile.c + static_cast<std::ptrdiff_t>(first) * tile.c_stride + static_cast<std::ptrdiff_t>(column);
  const std::ptrdiff_t c_stride = 4 * tile.c_stride;
  _tile_stored(0, c, c_stride);
  if constexpr (TwoColumns) _tile_stored(1, c + 16, c_stride);
  if constexpr (TwoBands) _tile_stored(2, c + 16 * tile.c_stride, c_stride);
  if constexpr (TwoBands && TwoColumns) _tile_stored(3, c + 16 * tile.c_stride + 16, c_stride);
}

template <class Arch, bool TwoBands, class Tile>
HONE_AMX void multiply_band(const Tile& tile, std::size_t first) noexcept {
  std::size_t column = 0;
  for (; column + 32 <= tile.columns; column += 32) multiply_tiles<Arch, TwoBands, true>(tile, first, column);
  if (column < tile.columns) multiply_tiles<Arch, TwoBands, false>(tile, first, column);
}

template <class Arch, class Tile = IntegerTile>
HONE_AMX void matrix_tiles(const Tile& tile) noexcept {
  std::size_t first = 0;
  if (tile.rows >= 32) {
    const TileConfiguration<Arch> whole(16, 16);
    _tile_loadconfig(&whole);
    for (; first + 32 <= tile.rows; first += 32) multiply_band<Arch, true>(tile, first);
  }
  if (const std::size_t left = tile.rows - first; left > 16) {
    const TileConfiguration<Arch> part(16, left - 16);
    _tile_loadconfig(&part);
    multiply_band<Arch, true>(tile, first);
  } else if (left > 0) {
    const TileConfiguration<Arch> part(left, 1);
    _tile_loadconfig(&part);
    multiply_band<Arch, false>(tile, first);
  }
  _tile_release();
}

#undef HONE_VNNI
#undef HONE_AMX

#endif

}  // namespace detail
}  // namespace hone::inline HONE_ABI::simd
