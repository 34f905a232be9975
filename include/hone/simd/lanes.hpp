#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include <hone/config.hpp>
#include <hone/simd/xsimd.hpp>

/// Put on members of functors and on what they call. Always inlined: such functions exist without the architecture in their name,
/// so no copy of one may reach the linker. Compiled by nvcc they run on both sides.
#if defined(__CUDACC__)
#define HONE_LANE __host__ __device__ inline
#else
#define HONE_LANE HONE_ALWAYS_INLINE
#endif

/// The vocabulary that lets one functor body work on a scalar and on an xsimd::batch: each function that xsimd has for batches,
/// found by argument-dependent lookup, exists here under the same name for scalars.
namespace hone::inline HONE_ABI::simd {

namespace detail {

template <class V>
struct LaneOf {
  using type = V;
};

template <class T, class A>
struct LaneOf<xsimd::batch<T, A>> {
  using type = T;
};

}  // namespace detail

/// The element type of a batch, or the scalar type itself.
template <class V>
using lane_t = typename detail::LaneOf<V>::type;

template <class V>
concept Scalar = std::is_arithmetic_v<V>;

template <class V>
concept Batch = !Scalar<V>;

/// A constant, rounded once to the element type.
template <class V, Scalar C>
HONE_LANE V constant(C value) noexcept {
  return V(static_cast<lane_t<V>>(value));
}

/// `condition ? yes : no`, lane by lane.
template <Scalar T>
HONE_LANE T select(bool condition, T yes, T no) noexcept {
  return condition ? yes : no;
}

/// True where x is NaN. Not written x != x: some versions of xsimd compare with an ordered predicate, for which that is false.
template <class V>
HONE_LANE auto is_nan(V x) noexcept {
  if constexpr (Scalar<V>) {
    return x != x;
  } else {
    return xsimd::isnan(x);
  }
}

// clang-format off
template <std::floating_point T> HONE_LANE T abs(T x) noexcept { return std::abs(x); }
template <std::floating_point T> HONE_LANE T exp(T x) noexcept { return std::exp(x); }
template <std::floating_point T> HONE_LANE T expm1(T x) noexcept { return std::expm1(x); }
template <std::floating_point T> HONE_LANE T log(T x) noexcept { return std::log(x); }
template <std::floating_point T> HONE_LANE T log1p(T x) noexcept { return std::log1p(x); }
template <std::floating_point T> HONE_LANE T sqrt(T x) noexcept { return std::sqrt(x); }
template <std::floating_point T> HONE_LANE T erf(T x) noexcept { return std::erf(x); }
template <std::floating_point T> HONE_LANE T ceil(T x) noexcept { return std::ceil(x); }
template <std::floating_point T> HONE_LANE T floor(T x) noexcept { return std::floor(x); }
template <std::floating_point T> HONE_LANE T nearbyint(T x) noexcept { return std::nearbyint(x); }
template <std::floating_point T> HONE_LANE T tanh(T x) noexcept { return std::tanh(x); }
template <std::floating_point T> HONE_LANE T sinh(T x) noexcept { return std::sinh(x); }
template <std::floating_point T> HONE_LANE T cosh(T x) noexcept { return std::cosh(x); }
template <std::floating_point T> HONE_LANE T asin(T x) noexcept { return std::asin(x); }
template <std::floating_point T> HONE_LANE T acos(T x) noexcept { return std::acos(x); }
template <std::floating_point T> HONE_LANE T atan(T x) noexcept { return std::atan(x); }
template <std::floating_point T> HONE_LANE T asinh(T x) noexcept { return std::asinh(x); }
template <std::floating_point T> HONE_LANE T acosh(T x) noexcept { return std::acosh(x); }
template <std::floating_point T> HONE_LANE T atanh(T x) noexcept { return std::atanh(x); }
template <std::floating_point T> HONE_LANE T fma(T x, T y, T z) noexcept { return std::fma(x, y, z); }
// clang-format on

/// Integer arithmetic modulo 2^bits. Types narrower than int are widened to unsigned int first, because uint16 * uint16 in int
/// overflows.
template <std::integral T>
using wrapping_t = std::conditional_t<(sizeof(T) < sizeof(unsigned)), unsigned, std::make_unsigned_t<T>>;

template <std::integral T>
HONE_LANE T negate(T x) noexcept {
  return static_cast<T>(wrapping_t<T>{0} - static_cast<wrapping_t<T>>(x));
}
template <class V>
requires(!std::integral<V>) HONE_LANE V negate(V x)
noexcept { return -x; }

template <std::integral T>
HONE_LANE T abs(T x) noexcept {
  return x < T{0} ? negate(x) : x;
}

namespace detail {

/// Registers whose loads and stores take a mask: those of AVX-512.
template <class V>
inline constexpr bool has_mask =
#if defined(__AVX512BW__)
    sizeof(V) == 64;
#else
    false;
#endif

}  // namespace detail

/// A register's worth of elements at `p`, of which only the first `n` exist; the others are `fill`. 0 < n < V::size.
template <class V>
HONE_ALWAYS_INLINE V load_part(const lane_t<V>* p, std::size_t n, lane_t<V> fill = lane_t<V>(0)) noexcept {
#if defined(__AVX512BW__)
  if constexpr (detail::has_mask<V>) {
    const auto mask = ~std::uint64_t{0} >> (64 - n);
    if constexpr (std::is_same_v<lane_t<V>, float>) {
      return V(_mm512_mask_loadu_ps(V(fill), static_cast<__mmask16>(mask), p));
    } else if constexpr (std::is_same_v<lane_t<V>, double>) {
      return V(_mm512_mask_loadu_pd(V(fill), static_cast<__mmask8>(mask), p));
    } else if constexpr (sizeof(lane_t<V>) == 1) {
      return V(_mm512_mask_loadu_epi8(V(fill), mask, p));
    } else if constexpr (sizeof(lane_t<V>) == 2) {
      return V(_mm512_mask_loadu_epi16(V(fill), static_cast<__mmask32>(mask), p));
    } else if constexpr (sizeof(lane_t<V>) == 4) {
      return V(_mm512_mask_loadu_epi32(V(fill), static_cast<__mmask16>(mask), p));
    } else {
      return V(_mm512_mask_loadu_epi64(V(fill), static_cast<__mmask8>(mask), p));
    }
  }
#endif
  alignas(64) lane_t<V> lanes[V::size];
  V(fill).store_aligned(lanes);
  std::memcpy(lanes, p, n * sizeof(lane_t<V>));
  return V::load_aligned(lanes);
}

/// Stores the first `n` lanes. 0 < n < V::size.
template <class V>
HONE_ALWAYS_INLINE void store_part(V v, lane_t<V>* p, std::size_t n) noexcept {
#if defined(__AVX512BW__)
  if constexpr (detail::has_mask<V>) {
    const auto mask = ~std::uint64_t{0} >> (64 - n);
    if constexpr (std::is_same_v<lane_t<V>, float>) {
      return _mm512_mask_storeu_ps(p, static_cast<__mmask16>(mask), v);
    } else if constexpr (std::is_same_v<lane_t<V>, double>) {
      return _mm512_mask_storeu_pd(p, static_cast<__mmask8>(mask), v);
    } else if constexpr (sizeof(lane_t<V>) == 1) {
      return _mm512_mask_storeu_epi8(p, mask, v);
    } else if constexpr (sizeof(lane_t<V>) == 2) {
      return _mm512_mask_storeu_epi16(p, static_cast<__mmask32>(mask), v);
    } else if constexpr (sizeof(lane_t<V>) == 4) {
      return _mm512_mask_storeu_epi32(p, static_cast<__mmask16>(mask), v);
    } else {
      return _mm512_mask_storeu_epi64(p, static_cast<__mmask8>(mask), v);
    }
  }
#endif
  alignas(64) lane_t<V> lanes[V::size];
  v.store_aligned(lanes);
  std::memcpy(p, lanes, n * sizeof(lane_t<V>));
}

}  // namespace hone::inline HONE_ABI::simd
