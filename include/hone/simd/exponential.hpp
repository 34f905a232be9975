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

#if defined(__AVX512BW__)
/// erf(x): x + x p(x^2) below 1, and 1 - e^-r(|x|) above, where r = -ln(erfc) is nearly a parabola. Both polynomials have degree 6 and the
/// least largest relative error of erf (1.2e-9 and 1.1e-9), found by Lawson's iteration. From 4 on the result is 1.
HONE_ALWAYS_INLINE __m512 error_function_of_16(__m512 x) noexcept {
  const __m512 sign = _mm512_set1_ps(-0.0f);
  // The order of the operands keeps NaN.
  const __m512 a = _mm512_min_ps(_mm512_set1_ps(4.0f), _mm512_andnot_ps(sign, x));
  const __m512 s = _mm512_mul_ps(x, x);
  __m512 p = _mm512_set1_ps(7.853861461626366e-05f);
  p = _mm512_fmadd_ps(p, s, _mm512_set1_ps(-0.0008010193705558777f));
  p = _mm512_fmadd_ps(p, s, _mm512_set1_ps(0.005188327748328447f));
  p = _mm512_fmadd_ps(p, s, _mm512_set1_ps(-0.026853812858462334f));
  p = _mm512_fmadd_ps(p, s, _mm512_set1_ps(0.1128358542919159f));
  p = _mm512_fmadd_ps(p, s, _mm512_set1_ps(-0.3761262595653534f));
  p = _mm512_fmadd_ps(p, s, _mm512_set1_ps(0.12837916572670838f));
  const __m512 inner = _mm512_fmadd_ps(p, x, x);
  __m512 r = _mm512_set1_ps(-0.0001863792131189257f);
  r = _mm512_fmadd_ps(r, a, _mm512_set1_ps(0.002947658533230424f));
  r = _mm512_fmadd_ps(r, a, _mm512_set1_ps(-0.02183806523680687f));
  r = _mm512_fmadd_ps(r, a, _mm512_set1_ps(0.10310675948858261f));
  r = _mm512_fmadd_ps(r, a, _mm512_set1_ps(0.638144850730896f));
  r = _mm512_fmadd_ps(r, a, _mm512_set1_ps(1.1270891427993774f));
  r = _mm512_fmadd_ps(r, a, _mm512_set1_ps(0.0003415228275116533f));
  const __m512 one = _mm512_set1_ps(1.0f);
  const __m512 outer = _mm512_sub_ps(one, exponential_of_16(_mm512_xor_ps(r, sign)));
  const __m512 signed_outer = _mm512_or_ps(outer, _mm512_and_ps(x, sign));
  return _mm512_mask_mov_ps(inner, _mm512_cmp_ps_mask(a, one, _CMP_GE_OQ), signed_outer);
}
#endif

#if defined(__AVX512BW__)
/// x / (1 + e^-t). e^-t = 2^(n / 16) e^r with n = round(-16 t / ln 2) and |r| <= ln(2) / 32: 2^(n / 16) comes from a table of 16 and the
/// bits of the exponent, and 1 + r + r^2 / 2 + r^3 / 6 has a relative error of 1e-8. All of that takes fewer instructions than one
/// polynomial.
HONE_ALWAYS_INLINE __m512 logistic_of_16(__m512 x, __m512 t) noexcept {
  // The bounds keep all that follows normal numbers, which others take a hundred times as long as: the estimate below at one end, the
  // product of the power and r at the other, where the divisor has been 1 since t = 17. The order of the operands keeps NaN.
  const __m512 bounded = _mm512_min_ps(_mm512_set1_ps(30.0f), _mm512_max_ps(_mm512_set1_ps(-87.0f), t));
  // The sum with 3 * 2^22 has n in its last bits.
  const __m512 shift = _mm512_set1_ps(12582912.0f);
  const __m512 sum = _mm512_fmadd_ps(bounded, _mm512_set1_ps(-23.0831206542234144f), shift);
  const __m512 n = _mm512_sub_ps(sum, shift);
  // ln(2) / 16 in two parts, as above.
  __m512 r = _mm512_fnmsub_ps(n, _mm512_set1_ps(0.0433349609375f), bounded);
  r = _mm512_fnmadd_ps(n, _mm512_set1_ps(-1.32621552e-5f), r);
  // The bits of 2^(k / 16) less k << 19, so that n << 19 adds to the exponent what n has beyond k = n mod 16.
  const __m512i table = _mm512_setr_epi32(0x3f800000, 0x3f7daac3, 0x3f7b95c2, 0x3f79c3d3, 0x3f7837f0, 0x3f76f532, 0x3f75fed7, 0x3f75583f,
                                          0x3f7504f3, 0x3f7508a4, 0x3f75672a, 0x3f76248c, 0x3f7744fd, 0x3f78ccdf, 0x3f7ac0c7, 0x3f7d257d);
  const __m512i bits = _mm512_castps_si512(sum);
  const __m512 power = _mm512_castsi512_ps(_mm512_add_epi32(_mm512_permutexvar_epi32(bits, table), _mm512_slli_epi32(bits, 19)));
  const __m512 one = _mm512_set1_ps(1.0f);
  __m512 q = _mm512_fmadd_ps(_mm512_set1_ps(0.166666667f), r, _mm512_set1_ps(0.5f));
  q = _mm512_fmadd_ps(q, r, one);
  const __m512 divisor = _mm512_fmadd_ps(_mm512_mul_ps(power, r), q, _mm512_add_ps(power, one));
  // A quotient takes nearly as long as all the rest: an estimate of 14 bits and one step of Newton's iteration.
  const __m512 estimate = _mm512_rcp14_ps(divisor);
  const __m512 rest = _mm512_fnmadd_ps(divisor, estimate, one);
  const __mmask16 above = _mm512_cmp_ps_mask(t, _mm512_set1_ps(-87.0f), _CMP_NLT_UQ);
  return _mm512_mul_ps(x, _mm512_maskz_fmadd_ps(above, estimate, rest, estimate));
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

/// erf(x), within 3 ulp.
template <class V>
HONE_LANE V error_function(V x) noexcept {
#if defined(__AVX512BW__)
  if constexpr (detail::has_own_exponential<V>) return V(detail::error_function_of_16(x));
#endif
  return erf(x);
}

/// x / (1 + e^-t), within 4 ulp for t >= -87; below that the error is at most 2^-125 |x|.
template <class V>
HONE_LANE V logistic(V x, V t) noexcept {
#if defined(__AVX512BW__)
  if constexpr (detail::has_own_exponential<V>) return V(detail::logistic_of_16(x, t));
#endif
  return x / (V(1) + exp(-t));
}

}  // namespace hone::inline HONE_ABI::simd
