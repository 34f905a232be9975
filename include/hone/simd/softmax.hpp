#pragma once

#include <cmath>
#include <cstddef>
#include <limits>

#include <hone/config.hpp>
#include <hone/simd/arch.hpp>
#include <hone/simd/exponential.hpp>
#include <hone/simd/lanes.hpp>
#include <hone/simd/reduce.hpp>
#include <hone/simd/table.hpp>

namespace hone::inline HONE_ABI::simd {

/// Softmax and its relatives over one contiguous row. With m = max(x) and s = sum(exp(x - m)):
///   softmax:     y = exp(x - m) / s
///   log_softmax: y = x - m - log(s)
///   log_sum_exp: returns m + log(s); m where m is infinite
///   accumulate_exp: acc[i] += exp(x[i] - m[i]), for rows that run along another axis
/// Shapes: x (n), y (n), acc (n), m (n). Any alignment; y may be x. A NaN in a row makes the whole row NaN, and so does a row of
/// nothing but -inf (softmax, log_softmax), as in numpy.
template <class T>
struct SoftmaxRow {
  void (*softmax)(const T* x, T* y, std::size_t n) noexcept;
  void (*log_softmax)(const T* x, T* y, std::size_t n) noexcept;
  T (*log_sum_exp)(const T* x, std::size_t n) noexcept;
  void (*accumulate_exp)(T* acc, const T* x, const T* m, std::size_t n) noexcept;
  Isa isa;

  template <class Arch>
  static constexpr SoftmaxRow make() noexcept;
};

namespace detail {

/// exp(x[i] - m), each register also handed to `keep(i, count, value)`. Returns the sum. The elements that pad the last register
/// are -inf, whose exponential is 0.
template <class V, class Keep>
HONE_ALWAYS_INLINE lane_t<V> sum_exp(const lane_t<V>* x, lane_t<V> m, std::size_t n, Keep keep) noexcept {
  using T = lane_t<V>;
  return fold<Sum, V>(
      Sum{}, n,
      [=](std::size_t i) {
        const V e = exponential(V::load_unaligned(x + i) - V(m));
        keep(i, V::size, e);
        return e;
      },
      [=](std::size_t i, std::size_t count) {
        const V e = exponential(load_part<V>(x + i, count, -std::numeric_limits<T>::infinity()) - V(m));
        keep(i, count, e);
        return e;
      });
}

template <class T, class Arch>
void softmax_row(const T* x, T* y, std::size_t n) noexcept {
  using V = xsimd::batch<T, Arch>;
  const T m = reduce_contiguous<MaxOf, T, Arch>(x, n);
  const T s = sum_exp<V>(x, m, n, [y](std::size_t i, std::size_t count, V e) {
    if (count == V::size) {
      e.store_unaligned(y + i);
    } else {
      store_part(e, y + i, count);
    }
  });
  const T scale = T(1) / s;
  std::size_t i = 0;
  for (; i + V::size <= n; i += V::size) (V::load_unaligned(y + i) * V(scale)).store_unaligned(y + i);
  for (; i < n; ++i) y[i] *= scale;
}

template <class T, class Arch>
void log_softmax_row(const T* x, T* y, std::size_t n) noexcept {
  using V = xsimd::batch<T, Arch>;
  const T m = reduce_contiguous<MaxOf, T, Arch>(x, n);
  const T log_s = std::log(sum_exp<V>(x, m, n, [](std::size_t, std::size_t, V) {}));
  std::size_t i = 0;
  for (; i + V::size <= n; i += V::size) (V::load_unaligned(x + i) - V(m) - V(log_s)).store_unaligned(y + i);
  for (; i < n; ++i) y[i] = x[i] - m - log_s;
}

template <class T, class Arch>
T log_sum_exp_row(const T* x, std::size_t n) noexcept {
  using V = xsimd::batch<T, Arch>;
  const T m = reduce_contiguous<MaxOf, T, Arch>(x, n);
  if (m == std::numeric_limits<T>::infinity() || m == -std::numeric_limits<T>::infinity()) return m;
  return m + std::log(sum_exp<V>(x, m, n, [](std::size_t, std::size_t, V) {}));
}

template <class T, class Arch>
void accumulate_exp(T* acc, const T* x, const T* m, std::size_t n) noexcept {
  using V = xsimd::batch<T, Arch>;
  std::size_t i = 0;
  for (; i + V::size <= n; i += V::size) {
    (V::load_unaligned(acc + i) + exponential(V::load_unaligned(x + i) - V::load_unaligned(m + i))).store_unaligned(acc + i);
  }
  if (i < n) {
    const std::size_t rest = n - i;
    store_part(load_part<V>(acc + i, rest) + exponential(load_part<V>(x + i, rest) - load_part<V>(m + i, rest)), acc + i, rest);
  }
}

}  // namespace detail

template <class T>
template <class Arch>
constexpr SoftmaxRow<T> SoftmaxRow<T>::make() noexcept {
  return {.softmax = &detail::softmax_row<T, Arch>,
          .log_softmax = &detail::log_softmax_row<T, Arch>,
          .log_sum_exp = &detail::log_sum_exp_row<T, Arch>,
          .accumulate_exp = &detail::accumulate_exp<T, Arch>,
          .isa = native_isa};
}

}  // namespace hone::inline HONE_ABI::simd
