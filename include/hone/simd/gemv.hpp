#pragma once

#include <concepts>
#include <cstddef>

#include <hone/config.hpp>
#include <hone/simd/arch.hpp>
#include <hone/simd/lanes.hpp>
#include <hone/simd/reduce.hpp>

/// The parts of simd::Gemm for products of few rows, which read B once where it is.
namespace hone::inline HONE_ABI::simd::detail {

/// y += A B for M rows, four rows of B at a time: each element of y is loaded and stored once per four multiply-adds.
template <class T, class Arch, int M>
void update_rows(std::size_t n, std::size_t k, const T* a, std::size_t a_stride, const T* b, std::ptrdiff_t b_stride, T* y,
                 std::size_t y_stride) noexcept {
  constexpr std::size_t depth = 4;
  const auto block = [&]<class V, int Depth>(std::size_t p, std::size_t j, auto load, auto store) {
    V rows[Depth];
#pragma GCC unroll 4
    for (int d = 0; d < Depth; ++d) rows[d] = load(b + (static_cast<std::ptrdiff_t>(p) + d) * b_stride + j);
#pragma GCC unroll 4
    for (int r = 0; r < M; ++r) {
      V sum = load(y + r * y_stride + j);
#pragma GCC unroll 4
      for (int d = 0; d < Depth; ++d) {
        const T factor = a[r * a_stride + p + d];
        if constexpr (std::integral<T>) {
          sum = Add{}(sum, Mul{}(factor, rows[d]));
        } else {
          sum = xsimd::fma(V(factor), rows[d], sum);
        }
      }
      store(sum, y + r * y_stride + j);
    }
  };
  const auto pass = [&]<int Depth>(std::size_t p) {
    if constexpr (std::integral<T>) {
      for (std::size_t j = 0; j < n; ++j) {
        block.template operator()<T, Depth>(
            p, j, [](const T* q) { return *q; }, [](T v, T* q) { *q = v; });
      }
    } else {
      using V = xsimd::batch<T, Arch>;
      std::size_t j = 0;
      for (; j + V::size <= n; j += V::size) {
        block.template operator()<V, Depth>(
            p, j, [](const T* q) { return V::load_unaligned(q); }, [](V v, T* q) { v.store_unaligned(q); });
      }
      if (j < n) {
        const std::size_t rest = n - j;
        block.template operator()<V, Depth>(
            p, j, [rest](const T* q) { return load_part<V>(q, rest); }, [rest](V v, T* q) { store_part(v, q, rest); });
      }
    }
  };
  std::size_t p = 0;
  for (; p + depth <= k; p += depth) pass.template operator()<static_cast<int>(depth)>(p);
  for (; p < k; ++p) pass.template operator()<1>(p);
}

/// y = A B for M rows, Columns columns of B at a time. Every element has an accumulator of its own, so that the number of columns
/// that are done together does not change it; four of them cover the latency of a multiply-add.
template <class T, class Arch, int M, int Columns>
HONE_ALWAYS_INLINE void dot_block(std::size_t k, const T* a, std::size_t a_stride, const T* b, std::ptrdiff_t b_stride, T* y,
                                  std::size_t y_stride) noexcept {
  if constexpr (std::integral<T>) {
    for (int r = 0; r < M; ++r) {
      for (int j = 0; j < Columns; ++j) {
        T sum(0);
        for (std::size_t p = 0; p < k; ++p) sum = Add{}(sum, Mul{}(a[r * a_stride + p], b[j * b_stride + static_cast<std::ptrdiff_t>(p)]));
        y[r * y_stride + j] = sum;
      }
    }
  } else {
    using V = xsimd::batch<T, Arch>;
    V sums[M][Columns];
#pragma GCC unroll 4
    for (int r = 0; r < M; ++r) {
#pragma GCC unroll 4
      for (int j = 0; j < Columns; ++j) sums[r][j] = V(T(0));
    }
    const auto step = [&](std::size_t p, auto load) {
      V columns[Columns];
#pragma GCC unroll 4
      for (int j = 0; j < Columns; ++j) columns[j] = load(b + j * b_stride + static_cast<std::ptrdiff_t>(p));
#pragma GCC unroll 4
      for (int r = 0; r < M; ++r) {
        const V row = load(a + r * a_stride + p);
#pragma GCC unroll 4
        for (int j = 0; j < Columns; ++j) sums[r][j] = xsimd::fma(row, columns[j], sums[r][j]);
      }
    };
    std::size_t p = 0;
    for (; p + V::size <= k; p += V::size) step(p, [](const T* q) { return V::load_unaligned(q); });
    if (p < k) step(p, [rest = k - p](const T* q) { return load_part<V>(q, rest); });
#pragma GCC unroll 4
    for (int r = 0; r < M; ++r) {
#pragma GCC unroll 4
      for (int j = 0; j < Columns; ++j) y[r * y_stride + j] = fold_lanes(Sum{}, sums[r][j]);
    }
  }
}

template <class T, class Arch, int M>
void dot_columns(std::size_t n, std::size_t k, const T* a, std::size_t a_stride, const T* b, std::ptrdiff_t b_stride, T* y,
                 std::size_t y_stride) noexcept {
  constexpr std::size_t columns = 4;
  std::size_t j = 0;
  for (; j + columns <= n; j += columns) {
    dot_block<T, Arch, M, static_cast<int>(columns)>(k, a, a_stride, b + static_cast<std::ptrdiff_t>(j) * b_stride, b_stride, y + j,
                                                     y_stride);
  }
  for (; j < n; ++j) dot_block<T, Arch, M, 1>(k, a, a_stride, b + static_cast<std::ptrdiff_t>(j) * b_stride, b_stride, y + j, y_stride);
}

template <class T, class Arch>
void gemm_update_rows(std::size_t m, std::size_t n, std::size_t k, const T* a, std::size_t a_stride, const T* b, std::ptrdiff_t b_stride,
                      T* y, std::size_t y_stride) noexcept {
  switch (m) {
    case 1:
      return update_rows<T, Arch, 1>(n, k, a, a_stride, b, b_stride, y, y_stride);
    case 2:
      return update_rows<T, Arch, 2>(n, k, a, a_stride, b, b_stride, y, y_stride);
    case 3:
      return update_rows<T, Arch, 3>(n, k, a, a_stride, b, b_stride, y, y_stride);
    default:
      return update_rows<T, Arch, 4>(n, k, a, a_stride, b, b_stride, y, y_stride);
  }
}

template <class T, class Arch>
void gemm_dot_columns(std::size_t m, std::size_t n, std::size_t k, const T* a, std::size_t a_stride, const T* b, std::ptrdiff_t b_stride,
                      T* y, std::size_t y_stride) noexcept {
  switch (m) {
    case 1:
      return dot_columns<T, Arch, 1>(n, k, a, a_stride, b, b_stride, y, y_stride);
    case 2:
      return dot_columns<T, Arch, 2>(n, k, a, a_stride, b, b_stride, y, y_stride);
    case 3:
      return dot_columns<T, Arch, 3>(n, k, a, a_stride, b, b_stride, y, y_stride);
    default:
      return dot_columns<T, Arch, 4>(n, k, a, a_stride, b, b_stride, y, y_stride);
  }
}

}  // namespace hone::inline HONE_ABI::simd::detail
