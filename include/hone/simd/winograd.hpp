#pragma once

#include <cstddef>

#include <hone/config.hpp>
#include <hone/simd/arch.hpp>
#include <hone/simd/channel_block.hpp>
#include <hone/simd/lanes.hpp>
#include <hone/simd/table.hpp>
#include <hone/simd/unary.hpp>

namespace hone::inline HONE_ABI::simd {

/// The transforms of Winograd's minimal filtering F(m x m, 3 x 3) on blocked tensors: a tile of m x m outputs takes (m + 2)^2 products per
/// pair of channels instead of 9 m^2. Y = A^T [(G g G^T) * (B^T d B)] A, with the matrices for the points 0, 1, -1 (2, -2) and infinity.
/// Source: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2016.
struct Winograd {
  /// B^T d B of one tile and block of channels. The tile's corner is element `corner` of x, which may lie before x; rows are `row` elements
  /// apart. Only rows [row_begin, row_end) and columns [column_begin, column_end) of the tile exist, the others are zeros. Element (i, j)
  /// goes to v + (i * (m + 2) + j) * plane.
  using Input = void (*)(const float* x, std::ptrdiff_t corner, std::ptrdiff_t row, int row_begin, int row_end, int column_begin,
                         int column_end, float* v, std::ptrdiff_t plane) noexcept;
  /// y = clamp(A^T p A + bias + residual) of one tile and block; element (i, j) of p is at p + (i * (m + 2) + j) * plane. Of y and of the
  /// residual, which may be null, `rows` and `columns` exist; both have `row` elements between rows.
  struct Tile {
    const float* bias;
    const float* residual;
    float* y;
    std::ptrdiff_t row;
    int rows;
    int columns;
    float lower;
    float upper;
  };
  using Output = void (*)(const float* p, std::ptrdiff_t plane, const Tile& tile) noexcept;

  /// G g G^T, computed in double, of up to channel_block kernels of 3 x 3 that are `stride` elements apart; element (i, j) of kernel k goes
  /// to to[(i * (m + 2) + j) * plane + k], and zeros to those of the kernels that do not exist.
  using Weights = void (*)(const float* g, std::ptrdiff_t stride, std::size_t kernels, float* to, std::ptrdiff_t plane) noexcept;

  Input input2;  ///< m = 2
  Output output2;
  Weights weights2;
  Input input4;  ///< m = 4
  Output output4;
  Weights weights4;
  Isa isa;

  template <class Arch>
  static constexpr Winograd make() noexcept;
};

namespace detail {

template <int Size>
struct WinogradTransform;

template <>
struct WinogradTransform<2> {
  /// d -> B^T d, in place.
  template <class V>
  HONE_ALWAYS_INLINE static void input(V (&d)[4]) noexcept {
    const V d1 = d[1];
    d[0] = d[0] - d[2];
    d[1] = d1 + d[2];
    d[2] = d[2] - d1;
    d[3] = d1 - d[3];
  }
  /// A^T p.
  template <class V>
  HONE_ALWAYS_INLINE static void output(const V (&p)[4], V (&y)[2]) noexcept {
    y[0] = p[0] + p[1] + p[2];
    y[1] = p[1] - p[2] - p[3];
  }
};

template <>
struct WinogradTransform<4> {
  template <class V>
  HONE_ALWAYS_INLINE static void input(V (&d)[6]) noexcept {
    const V four(4.0f);
    const V five(5.0f);
    const V even1 = xsimd::fnma(four, d[2], d[4]);
    const V odd1 = xsimd::fnma(four, d[1], d[3]);
    const V even2 = d[4] - d[2];
    const V odd2 = d[3] - d[1];
    const V twice2 = odd2 + odd2;
    d[0] = xsimd::fma(four, d[0], xsimd::fnma(five, d[2], d[4]));
    d[5] = xsimd::fma(four, d[1], xsimd::fnma(five, d[3], d[5]));
    d[1] = even1 + odd1;
    d[2] = even1 - odd1;
    d[3] = even2 + twice2;
    d[4] = even2 - twice2;
  }
  template <class V>
  HONE_ALWAYS_INLINE static void output(const V (&p)[6], V (&y)[4]) noexcept {
    const V sum1 = p[1] + p[2];
    const V difference1 = p[1] - p[2];
    const V sum2 = p[3] + p[4];
    const V difference2 = p[3] - p[4];
    y[0] = p[0] + sum1 + sum2;
    y[1] = xsimd::fma(V(2.0f), difference2, difference1);
    y[2] = xsimd::fma(V(4.0f), sum2, sum1);
    y[3] = xsimd::fma(V(8.0f), difference2, difference1) + p[5];
  }
};

template <class Arch, int Size>
void winograd_input(const float* x, std::ptrdiff_t corner, std::ptrdiff_t row, int row_begin, int row_end, int column_begin, int column_end,
                    float* v, std::ptrdiff_t plane) noexcept {
  using V = xsimd::batch<float, Arch>;
  constexpr int n = Size + 2;
  for (std::ptrdiff_t lane = 0; lane < channel_block; lane += V::size) {
    alignas(64) float columns[n][n][V::size];
    for (int j = 0; j < n; ++j) {
      V d[n];
#pragma GCC unroll 8
      for (int i = 0; i < n; ++i) {
        const bool exists = i >= row_begin && i < row_end && j >= column_begin && j < column_end;
        d[i] = exists ? V::load_unaligned(x + (corner + i * row + j * channel_block + lane)) : V(0.0f);
      }
      WinogradTransform<Size>::input(d);
#pragma GCC unroll 8
      for (int i = 0; i < n; ++i) d[i].store_aligned(columns[i][j]);
    }
    for (int i = 0; i < n; ++i) {
      V d[n];
#pragma GCC unroll 8
      for (int j = 0; j < n; ++j) d[j] = V::load_aligned(columns[i][j]);
      WinogradTransform<Size>::input(d);
#pragma GCC unroll 8
      for (int j = 0; j < n; ++j) d[j].store_unaligned(v + (i * n + j) * plane + lane);
    }
  }
}

template <class Arch, int Size>
void winograd_output(const float* p, std::ptrdiff_t plane, const Winograd::Tile& tile) noexcept {
  using V = xsimd::batch<float, Arch>;
  const Clip<float> clamp{tile.lower, tile.upper};
  constexpr int n = Size + 2;
  for (std::ptrdiff_t lane = 0; lane < channel_block; lane += V::size) {
    alignas(64) float sums[Size][n][V::size];
    for (int j = 0; j < n; ++j) {
      V d[n];
      V s[Size];
#pragma GCC unroll 8
      for (int i = 0; i < n; ++i) d[i] = V::load_unaligned(p + (i * n + j) * plane + lane);
      WinogradTransform<Size>::output(d, s);
#pragma GCC unroll 4
      for (int i = 0; i < Size; ++i) s[i].store_aligned(sums[i][j]);
    }
    const V start = tile.bias != nullptr ? V::load_unaligned(tile.bias + lane) : V(0.0f);
    for (int i = 0; i < tile.rows; ++i) {
      V d[n];
      V s[Size];
#pragma GCC unroll 8
      for (int j = 0; j < n; ++j) d[j] = V::load_aligned(sums[i][j]);
      WinogradTransform<Size>::output(d, s);
#pragma GCC unroll 4
      for (int j = 0; j < Size; ++j) {
        if (j >= tile.columns) break;
        const std::ptrdiff_t at = i * tile.row + j * channel_block + lane;
        V sum = s[j] + start;
        if (tile.residual != nullptr) sum = sum + V::load_unaligned(tile.residual + at);
        clamp(sum).store_unaligned(tile.y + at);
      }
    }
  }
}

/// The matrix G.
template <class Arch, int Size>
inline constexpr double winograd_g[Size + 2][3] = {};
template <class Arch>
inline constexpr double winograd_g<Arch, 2>[4][3] = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};
template <class Arch>
inline constexpr double winograd_g<Arch, 4>[6][3] = {{1.0 / 4, 0, 0},
                                                     {-1.0 / 6, -1.0 / 6, -1.0 / 6},
                                                     {-1.0 / 6, 1.0 / 6, -1.0 / 6},
                                                     {1.0 / 24, 1.0 / 12, 1.0 / 6},
                                                     {1.0 / 24, -1.0 / 12, 1.0 / 6},
                                                     {0, 0, 1}};

template <class Arch, int Size>
void winograd_weights(const float* g, std::ptrdiff_t stride, std::size_t kernels, float* to, std::ptrdiff_t plane) noexcept {
  constexpr std::size_t lanes = channel_block;
  constexpr int n = Size + 2;
  alignas(64) double taps[9][lanes] = {};
  for (std::size_t k = 0; k < kernels; ++k, g += stride)
    for (int tap = 0; tap < 9; ++tap) taps[tap][k] = static_cast<double>(g[tap]);
  for (int i = 0; i < n; ++i) {
    const double(&a)[3] = winograd_g<Arch, Size>[i];
    alignas(64) double row[3][lanes];
    for (int j = 0; j < 3; ++j)
      for (std::size_t k = 0; k < lanes; ++k) row[j][k] = a[0] * taps[j][k] + a[1] * taps[3 + j][k] + a[2] * taps[6 + j][k];
    for (int j = 0; j < n; ++j, to += plane) {
      const double(&b)[3] = winograd_g<Arch, Size>[j];
      for (std::size_t k = 0; k < lanes; ++k) to[k] = static_cast<float>(b[0] * row[0][k] + b[1] * row[1][k] + b[2] * row[2][k]);
    }
  }
}

}  // namespace detail

template <class Arch>
constexpr Winograd Winograd::make() noexcept {
  return {.input2 = &detail::winograd_input<Arch, 2>,
          .output2 = &detail::winograd_output<Arch, 2>,
          .weights2 = &detail::winograd_weights<Arch, 2>,
          .input4 = &detail::winograd_input<Arch, 4>,
          .output4 = &detail::winograd_output<Arch, 4>,
          .weights4 = &detail::winograd_weights<Arch, 4>,
          .isa = native_isa};
}

}  // namespace hone::inline HONE_ABI::simd
