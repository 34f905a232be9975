#pragma once

#include <type_traits>

#include <hone/config.hpp>
#include <hone/simd/lanes.hpp>

namespace hone::inline HONE_ABI::simd {

namespace detail {

/// Registers of 16 floats, for which this file has forms of its own.
template <class V>
inline constexpr bool has_own_exponential = has_mask<V>&& std::is_same_v<lane_t<V>, float>;

#if defined(__AVX512BW__)
/// e^x: 2^n e^r with n = round(x / ln 2) and |r| <= ln(2) / 2. The polynomial of degree 6 is 1 + r + r^2 q(r) with the q that makes the
/// largest relative error least (3.1e-9), found by Remez' exchange.
HONE_ALWAYS_INLINE __m512 exponential_of_16(__m512 x) noexcept {
  // Above, the result is infinite. The order of the operands keeps NaN.
  x = _mm512_min_ps(_mm512_set1_ps(89.5f), x);
  const __m512 n =
      _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504088896341f)), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  // ln 2 in two parts, the first with zeros at its end: n times it is exact.
  __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693359375f), x);
  r = _mm512_fnmadd_ps(n, _mm512_set1_ps(-2.12194440e-4f), r);
  __m512 q = _mm512_set1_ps(0.00138145401768f);
  q = _mm512_fmadd_ps(q, r, _mm512_set1_ps(0.00836874510894f));
  q = _mm512_fmadd_ps(q, r, _mm512_set1_ps(0.0416683907835f));
  q = _mm512_fmadd_ps(q, r, _mm512_set1_ps(0.16666520399f));
  q = _mm512_fmadd_ps(q, r, _mm512_set1_ps(0.499999934321f));
  const __m512 one = _mm512_set1_ps(1.0f);
  const __mmask16 normal = _mm512_cmp_ps_mask(x, _mm512_set1_ps(-87.33654f), _CMP_NLT_UQ);
  return _mm512_maskz_scalef_ps(normal, _mm512_fmadd_ps(_mm512_mul_ps(r, r), q, _mm512_add_ps(r, one)), n);
}
#endif

}  // namespace detail

/// e^x, within 1.5 ulp; 0 where that is no normal number: products with denormal ones, such as weights of masked scores, take many times
/// longer.
template <class V>
HONE_LANE V exponential(V x) noexcept {
#if defined(__AVX512BW__)
  if constexpr (detail::has_own_exponential<V>) return V(detail::exponential_of_16(x));
#endif
  return exp(x);
}

/// x / (1 + e^-t), within 4 ulp for t >= -87; below that the error is at most 2^-125 |x|.
template <class V>
HONE_LANE V logistic(V x, V t) noexcept {
#if defined(__AVX512BW__)
  if constexpr (detail::has_own_exponential<V>) {
    // A quotient takes longer than all the rest: an estimate of 14 bits and one step of Newton's iteration. The bound keeps the estimate a
    // normal number; the order of the operands keeps NaN.
    const __m512 one = _mm512_set1_ps(1.0f);
    const __m512 negated = _mm512_min_ps(_mm512_set1_ps(87.0f), _mm512_sub_ps(_mm512_setzero_ps(), t));
    const __m512 divisor = _mm512_add_ps(one, detail::exponential_of_16(negated));
    const __m512 estimate = _mm512_rcp14_ps(divisor);
    const __m512 rest = _mm512_fnmadd_ps(divisor, estimate, one);
    const __mmask16 above = _mm512_cmp_ps_mask(t, _mm512_set1_ps(-87.0f), _CMP_NLT_UQ);
    return x * V(_mm512_maskz_fmadd_ps(above, estimate, rest, estimate));
  }
#endif
  return x / (V(1) + exp(-t));
}

}  // namespace hone::inline HONE_ABI::simd
