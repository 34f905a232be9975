#pragma once

#include <cmath>
#include <cstddef>

#include <hone/config.hpp>
#include <hone/simd/arch.hpp>
#include <hone/simd/lanes.hpp>
#include <hone/simd/reduce.hpp>
#include <hone/simd/table.hpp>

namespace hone::inline HONE_ABI::simd {

/// What was measured of one row.
template <class T>
struct RowMoments {
  T mean;
  T inv_std;  ///< 1 / sqrt(variance + epsilon)
};

/// Normalisation of one contiguous row.
///   layer_norm: y = (x - mean(x)) / sqrt(mean((x - mean(x))^2) + epsilon) * scale + bias
///   rms_norm:   y = x / sqrt(mean(x^2) + epsilon) * scale; returns the reciprocal of the root
///   moments:    what layer_norm measures, without the rest
///   affine:     y = x * scale + bias with one scale and one bias for the row
/// Shapes: x (n), y (n), scale (n) or null for 1, bias (n) or null for 0. Any alignment; y may be x. Precondition: n > 0.
/// The variance is taken in a second pass over the row, which is in cache by then: one pass would cancel for large means.
template <class T>
struct NormalizeRow {
  RowMoments<T> (*layer_norm)(const T* x, const T* scale, const T* bias, T* y, std::size_t n, T epsilon) noexcept;
  T (*rms_norm)(const T* x, const T* scale, T* y, std::size_t n, T epsilon) noexcept;
  void (*affine)(const T* x, T scale, T bias, T* y, std::size_t n) noexcept;
  RowMoments<T> (*moments)(const T* x, std::size_t n, T epsilon) noexcept;
  Isa isa;

  template <class Arch>
  static constexpr NormalizeRow make() noexcept;
};

namespace detail {

template <class T, class Arch>
RowMoments<T> row_moments(const T* x, std::size_t n, T epsilon) noexcept {
  using V = xsimd::batch<T, Arch>;
  const T mean = reduce_contiguous<Sum, T, Arch>(x, n) / static_cast<T>(n);
  // Padding is the mean, whose distance from the mean is 0.
  const T square = fold<SumSquare, V>(
      SumSquare{}, n, [=](std::size_t i) { return V::load_unaligned(x + i) - V(mean); },
      [=](std::size_t i, std::size_t count) { return load_part<V>(x + i, count, mean) - V(mean); });
  return {.mean = mean, .inv_std = T(1) / std::sqrt(square / static_cast<T>(n) + epsilon)};
}

/// y[i] = (x[i] - shift) * factor * scale[i] + bias[i]
template <class T, class Arch, bool Scale, bool Bias>
void affine_row(const T* x, T shift, T factor, const T* scale, const T* bias, T* y, std::size_t n) noexcept {
  using V = xsimd::batch<T, Arch>;
  const auto step = [&](V v, V s, V b) {
    v = (v - V(shift)) * V(factor);
    if constexpr (Scale && Bias) return xsimd::fma(v, s, b);
    if constexpr (Scale) return v * s;
    if constexpr (Bias) return v + b;
    return v;
  };
  std::size_t i = 0;
  for (; i + V::size <= n; i += V::size) {
    V s(T(1));
    V b(T(0));
    if constexpr (Scale) s = V::load_unaligned(scale + i);
    if constexpr (Bias) b = V::load_unaligned(bias + i);
    step(V::load_unaligned(x + i), s, b).store_unaligned(y + i);
  }
  if (i < n) {
    V s(T(1));
    V b(T(0));
    if constexpr (Scale) s = load_part<V>(scale + i, n - i);
    if constexpr (Bias) b = load_part<V>(bias + i, n - i);
    store_part(step(load_part<V>(x + i, n - i), s, b), y + i, n - i);
  }
}

template <class T, class Arch>
RowMoments<T> layer_norm_row(const T* x, const T* scale, const T* bias, T* y, std::size_t n, T epsilon) noexcept {
  const RowMoments<T> row = row_moments<T, Arch>(x, n, epsilon);
  if (scale != nullptr && bias != nullptr) {
    affine_row<T, Arch, true, true>(x, row.mean, row.inv_std, scale, bias, y, n);
  } else if (scale != nullptr) {
    affine_row<T, Arch, true, false>(x, row.mean, row.inv_std, scale, bias, y, n);
  } else if (bias != nullptr) {
    affine_row<T, Arch, false, true>(x, row.mean, row.inv_std, scale, bias, y, n);
  } else {
    affine_row<T, Arch, false, false>(x, row.mean, row.inv_std, scale, bias, y, n);
  }
  return row;
}

template <class T, class Arch>
T rms_norm_row(const T* x, const T* scale, T* y, std::size_t n, T epsilon) noexcept {
  const T factor = T(1) / std::sqrt(reduce_contiguous<SumSquare, T, Arch>(x, n) / static_cast<T>(n) + epsilon);
  if (scale != nullptr) {
    affine_row<T, Arch, true, false>(x, T(0), factor, scale, nullptr, y, n);
  } else {
    affine_row<T, Arch, false, false>(x, T(0), factor, nullptr, nullptr, y, n);
  }
  return factor;
}

template <class T, class Arch>
void affine_whole_row(const T* x, T scale, T bias, T* y, std::size_t n) noexcept {
  using V = xsimd::batch<T, Arch>;
  std::size_t i = 0;
  for (; i + V::size <= n; i += V::size) xsimd::fma(V::load_unaligned(x + i), V(scale), V(bias)).store_unaligned(y + i);
  if (i < n) store_part(xsimd::fma(load_part<V>(x + i, n - i), V(scale), V(bias)), y + i, n - i);
}

}  // namespace detail

template <class T>
template <class Arch>
constexpr NormalizeRow<T> NormalizeRow<T>::make() noexcept {
  return {.layer_norm = &detail::layer_norm_row<T, Arch>,
          .rms_norm = &detail::rms_norm_row<T, Arch>,
          .affine = &detail::affine_whole_row<T, Arch>,
          .moments = &detail::row_moments<T, Arch>,
          .isa = native_isa};
}

}  // namespace hone::inline HONE_ABI::simd
