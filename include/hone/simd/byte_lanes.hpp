#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include <hone/config.hpp>
#include <hone/simd/lanes.hpp>

/// Registers of int32 from bytes and to bytes.
namespace hone::inline HONE_ABI::simd {

/// The bytes at `x`, one to a lane, as the type Byte.
template <class V, class Byte>
HONE_ALWAYS_INLINE V load_bytes(const Byte* x) noexcept {
  static_assert(sizeof(Byte) == 1 && sizeof(lane_t<V>) == 4);
  [[maybe_unused]] constexpr bool is_signed = std::is_signed_v<Byte>;
#if defined(__AVX512BW__)
  if constexpr (sizeof(V) == 64) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(x));
    return V(is_signed ? _mm512_cvtepi8_epi32(bytes) : _mm512_cvtepu8_epi32(bytes));
  }
#endif
#if defined(__AVX2__)
  if constexpr (sizeof(V) == 32) {
    const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(x));
    return V(is_signed ? _mm256_cvtepi8_epi32(bytes) : _mm256_cvtepu8_epi32(bytes));
  }
#endif
  alignas(64) lane_t<V> lanes[V::size];
  for (std::size_t i = 0; i < V::size; ++i) lanes[i] = x[i];
  return V::load_aligned(lanes);
}

/// The first n bytes at `x`; the other lanes are 0. 0 < n < V::size.
template <class V, class Byte>
HONE_ALWAYS_INLINE V load_bytes(const Byte* x, std::size_t n) noexcept {
  Byte bytes[V::size] = {};
  std::memcpy(bytes, x, n);
  return load_bytes<V>(static_cast<const Byte*>(bytes));
}

/// Stores the low byte of each lane, all of which hold -128 to 255.
template <class V>
HONE_ALWAYS_INLINE void store_bytes(V v, std::uint8_t* y) noexcept {
  static_assert(sizeof(lane_t<V>) == 4);
#if defined(__AVX512BW__)
  if constexpr (sizeof(V) == 64) return _mm_storeu_si128(reinterpret_cast<__m128i*>(y), _mm512_cvtepi32_epi8(v));
#endif
#if defined(__AVX2__)
  if constexpr (sizeof(V) == 32) {
    const __m256i low = _mm256_and_si256(v, _mm256_set1_epi32(0xFF));
    const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1));
    return _mm_storel_epi64(reinterpret_cast<__m128i*>(y), _mm_packus_epi16(words, words));
  }
#endif
#if defined(__SSE2__)
  if constexpr (sizeof(V) == 16) {
    const __m128i low = _mm_and_si128(v, _mm_set1_epi32(0xFF));
    const __m128i words = _mm_packs_epi32(low, low);
    const std::int32_t bytes = _mm_cvtsi128_si32(_mm_packus_epi16(words, words));
    std::memcpy(y, &bytes, sizeof bytes);
    return;
  }
#endif
  alignas(64) lane_t<V> lanes[V::size];
  v.store_aligned(lanes);
  for (std::size_t i = 0; i < V::size; ++i) y[i] = static_cast<std::uint8_t>(lanes[i]);
}

/// Those of the first n lanes. 0 < n < V::size.
template <class V>
HONE_ALWAYS_INLINE void store_bytes(V v, std::uint8_t* y, std::size_t n) noexcept {
  std::uint8_t bytes[V::size];
  store_bytes(v, static_cast<std::uint8_t*>(bytes));
  std::memcpy(y, bytes, n);
}

}  // namespace hone::inline HONE_ABI::simd
