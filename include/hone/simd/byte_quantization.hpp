#pragma once

#include <cstddef>
#include <cstdint>

#include <hone/config.hpp>
#include <hone/simd/arch.hpp>
#include <hone/simd/byte_lanes.hpp>
#include <hone/simd/table.hpp>

namespace hone::inline HONE_ABI::simd {

/// How numbers stand for bytes: x = (q - zero) scale, q within [least, most].
struct ByteScale {
  float scale;
  float zero;
  float least;  ///< -128 for int8, 0 for uint8
  float most;
};

/// Conversions between float and one scale's bytes.
struct ByteQuantization {
  /// y = min(max(round(x / scale) + zero, least), most), ties to even; NaN gives `least`.
  void (*quantize)(const float* x, std::size_t n, const ByteScale& scale, std::uint8_t* y) noexcept;
  /// y = (x - zero) scale, x being int8 where least is negative.
  void (*dequantize)(const std::uint8_t* x, std::size_t n, const ByteScale& scale, float* y) noexcept;
  /// The least and the greatest element, and 0; NaN is passed over.
  void (*range)(const float* x, std::size_t n, float* least, float* most) noexcept;
  Isa isa;

  template <class Arch>
  static constexpr ByteQuantization make() noexcept;
};

namespace detail {

template <class Arch>
inline constexpr bool has_fused_multiply_add = native_isa == Isa::avx2 || native_isa == Isa::avx512;

/// x / y from 1 / y, correctly rounded where nothing overflows and 1 / y is (Markstein, Computation of elementary functions on the IBM RISC
/// System/6000 processor, 1990). The multiply-adds have to be fused, which xsimd leaves to the compiler. Precondition: the architecture has
/// them.
template <class F>
HONE_ALWAYS_INLINE F quotient(F x, F y, F inverse) noexcept {
  const F v = x * inverse;
#if defined(__AVX512BW__)
  if constexpr (sizeof(F) == 64) return F(_mm512_fmadd_ps(_mm512_fnmadd_ps(v, y, x), inverse, v));
#endif
#if defined(__FMA__)
  if constexpr (sizeof(F) == 32) return F(_mm256_fmadd_ps(_mm256_fnmadd_ps(v, y, x), inverse, v));
#endif
  return x / y;
}

template <class Arch>
void quantize_bytes(const float* x, std::size_t n, const ByteScale& s, std::uint8_t* y) noexcept {
  using F = xsimd::batch<float, Arch>;
  using I = xsimd::batch<std::int32_t, Arch>;
  constexpr std::size_t width = F::size;
  const F scale(s.scale);
  const I zero(static_cast<std::int32_t>(s.zero));
  const F least(s.least - s.zero);
  const F most(s.most - s.zero);
  const F inverse(1.0F / s.scale);
  const bool refines = has_fused_multiply_add<Arch> && s.scale > 1e-30F && s.scale < 1e30F;
  const auto convert = [&](F x) {
    F v;
    if (refines) {
      v = x * inverse;
      v = xsimd::select(xsimd::abs(v) < F(65536.0F), quotient(x, scale, inverse), v);
    } else {
      v = x / scale;
    }
    // The comparison with NaN is false.
    v = xsimd::select(v > least, xsimd::min(v, most), least);
    return xsimd::nearbyint_as_int(v) + zero;
  };
  std::size_t i = 0;
  for (; i + width <= n; i += width) store_bytes(convert(F::load_unaligned(x + i)), y + i);
  if (i < n) store_bytes(convert(load_part<F>(x + i, n - i)), y + i, n - i);
}

template <class Arch, class Byte>
void dequantize_bytes(const Byte* x, std::size_t n, const ByteScale& s, float* y) noexcept {
  using F = xsimd::batch<float, Arch>;
  using I = xsimd::batch<std::int32_t, Arch>;
  constexpr std::size_t width = F::size;
  const F scale(s.scale);
  const F zero(s.zero);
  std::size_t i = 0;
  for (; i + width <= n; i += width) ((xsimd::to_float(load_bytes<I>(x + i)) - zero) * scale).store_unaligned(y + i);
  if (i < n) store_part((xsimd::to_float(load_bytes<I>(x + i, n - i)) - zero) * scale, y + i, n - i);
}

template <class Arch>
void dequantize_any_bytes(const std::uint8_t* x, std::size_t n, const ByteScale& s, float* y) noexcept {
  if (s.least < 0) return dequantize_bytes<Arch>(reinterpret_cast<const std::int8_t*>(x), n, s, y);
  dequantize_bytes<Arch>(x, n, s, y);
}

template <class Arch>
void float_range(const float* x, std::size_t n, float* least, float* most) noexcept {
  using F = xsimd::batch<float, Arch>;
  constexpr std::size_t width = F::size;
  F low(0.0F);
  F high(0.0F);
  std::size_t i = 0;
  const auto take = [&](F v) {
    low = xsimd::select(v < low, v, low);
    high = xsimd::select(v > high, v, high);
  };
  for (; i + width <= n; i += width) take(F::load_unaligned(x + i));
  if (i < n) take(load_part<F>(x + i, n - i));
  alignas(64) float lows[width];
  alignas(64) float highs[width];
  low.store_aligned(lows);
  high.store_aligned(highs);
  *least = 0;
  *most = 0;
  for (std::size_t lane = 0; lane < width; ++lane) {
    if (lows[lane] < *least) *least = lows[lane];
    if (highs[lane] > *most) *most = highs[lane];
  }
}

}  // namespace detail

template <class Arch>
constexpr ByteQuantization ByteQuantization::make() noexcept {
  return {.quantize = &detail::quantize_bytes<Arch>,
          .dequantize = &detail::dequantize_any_bytes<Arch>,
          .range = &detail::float_range<Arch>,
          .isa = native_isa};
}

}  // namespace hone::inline HONE_ABI::simd
