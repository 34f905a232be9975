#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <hone/config.hpp>

namespace hone::inline HONE_ABI::simd {

/// to[c * to_stride + r] = from[r * from_stride + c] for r < 4 and c < 4: 4 x 4 elements of 4 bytes, through registers of 16 bytes, which
/// every instruction set has. Precondition: the two do not overlap.
template <class T>
HONE_ALWAYS_INLINE void transpose_four(const T* from, std::ptrdiff_t from_stride, T* to, std::ptrdiff_t to_stride) noexcept {
  static_assert(sizeof(T) == 4, "elements must have 4 bytes");
#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
  typedef std::uint32_t Quad __attribute__((vector_size(16)));
  Quad x0, x1, x2, x3;
  std::memcpy(&x0, from, 16);
  std::memcpy(&x1, from + from_stride, 16);
  std::memcpy(&x2, from + 2 * from_stride, 16);
  std::memcpy(&x3, from + 3 * from_stride, 16);
  const Quad low01 = __builtin_shufflevector(x0, x1, 0, 4, 1, 5);
  const Quad low23 = __builtin_shufflevector(x2, x3, 0, 4, 1, 5);
  const Quad high01 = __builtin_shufflevector(x0, x1, 2, 6, 3, 7);
  const Quad high23 = __builtin_shufflevector(x2, x3, 2, 6, 3, 7);
  x0 = __builtin_shufflevector(low01, low23, 0, 1, 4, 5);
  x1 = __builtin_shufflevector(low01, low23, 2, 3, 6, 7);
  x2 = __builtin_shufflevector(high01, high23, 0, 1, 4, 5);
  x3 = __builtin_shufflevector(high01, high23, 2, 3, 6, 7);
  std::memcpy(to, &x0, 16);
  std::memcpy(to + to_stride, &x1, 16);
  std::memcpy(to + 2 * to_stride, &x2, 16);
  std::memcpy(to + 3 * to_stride, &x3, 16);
  return;
#endif
#endif
  for (std::ptrdiff_t c = 0; c < 4; ++c)
    for (std::ptrdiff_t r = 0; r < 4; ++r) to[c * to_stride + r] = from[r * from_stride + c];
}

}  // namespace hone::inline HONE_ABI::simd
