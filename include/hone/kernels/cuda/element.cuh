#pragma once

#include <cstdint>
#include <cuda_runtime.h>
#include <type_traits>

#if defined(__CUDACC__)
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#endif

#include <hone/config.hpp>
#include <hone/core/narrow_float.hpp>

namespace hone::inline HONE_ABI::cuda {

/// What elements of T are computed as: float16 and bfloat16 in float.
template <class T>
using compute_t = std::conditional_t<std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>, float, T>;

template <class T>
__host__ __device__ inline compute_t<T> widen(T x) {
#if defined(__CUDA_ARCH__)
  if constexpr (std::is_same_v<T, Half>) return __half2float(__ushort_as_half(x.bits));
  if constexpr (std::is_same_v<T, BFloat16>) return __uint_as_float(static_cast<unsigned>(x.bits) << 16);
#endif
  return static_cast<compute_t<T>>(x);
}

/// Rounds to nearest even.
template <class T>
__host__ __device__ inline T narrow(compute_t<T> x) {
#if defined(__CUDA_ARCH__)
  if constexpr (std::is_same_v<T, Half>) {
    Half y;
    y.bits = __half_as_ushort(__float2half_rn(x));
    return y;
  } else if constexpr (std::is_same_v<T, BFloat16>) {
    BFloat16 y;
    y.bits = __bfloat16_as_ushort(__float2bfloat16_rn(x));
    return y;
  } else {
    return x;
  }
#else
  return static_cast<T>(x);
#endif
}

/// Division of 32-bit indices by a number that is the same for all threads, as a multiplication.
/// Source: Granlund and Montgomery, "Division by Invariant Integers using Multiplication", 1994. Precondition: 0 <= n < 2^31.
class IndexDivider {
 public:
  IndexDivider() = default;
  /// Precondition: 0 < divisor < 2^31.
  explicit IndexDivider(std::uint32_t divisor) : divisor_(divisor) {
    while (shift_ < 31 && (std::uint32_t{1} << shift_) < divisor) ++shift_;
    multiplier_ = static_cast<std::uint32_t>((((std::uint64_t{1} << shift_) - divisor) << 32) / divisor + 1);
  }
  __device__ std::uint32_t divide(std::uint32_t n) const { return (__umulhi(n, multiplier_) + n) >> shift_; }
  [[nodiscard]] __host__ __device__ std::uint32_t divisor() const { return divisor_; }

 private:
  std::uint32_t divisor_ = 1;
  std::uint32_t multiplier_ = 1;
  std::uint32_t shift_ = 0;
};

}  // namespace hone::inline HONE_ABI::cuda
