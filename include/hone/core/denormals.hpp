#pragma once

#include <cstdint>

#include <hone/config.hpp>

#if defined(__x86_64__) || defined(_M_X64)
#include <xmmintrin.h>
#endif

namespace hone::inline HONE_ABI {

/// While it lives, this thread treats denormal floating-point numbers as zero, as operands and as results. They cost some processors a
/// hundred cycles each. Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, 10.2.3 (MXCSR); Arm Architecture
/// Reference Manual, FPCR.FZ.
class DenormalsAsZero {
 public:
  /// Does nothing when not `enabled`.
  explicit DenormalsAsZero(bool enabled) noexcept : enabled_(enabled) {
    if (!enabled_) return;
#if defined(__x86_64__) || defined(_M_X64)
    constexpr unsigned flush_to_zero = 0x8000;
    constexpr unsigned denormals_are_zero = 0x0040;
    saved_ = _mm_getcsr();
    _mm_setcsr(static_cast<unsigned>(saved_) | flush_to_zero | denormals_are_zero);
#else
    asm volatile("mrs %0, fpcr" : "=r"(saved_));
    asm volatile("msr fpcr, %0" ::"r"(saved_ | (std::uint64_t{1} << 24)));
#endif
  }
  DenormalsAsZero(const DenormalsAsZero&) = delete;
  DenormalsAsZero& operator=(const DenormalsAsZero&) = delete;
  ~DenormalsAsZero() {
    if (!enabled_) return;
#if defined(__x86_64__) || defined(_M_X64)
    _mm_setcsr(static_cast<unsigned>(saved_));
#else
    asm volatile("msr fpcr, %0" ::"r"(saved_));
#endif
  }

 private:
  bool enabled_;
  std::uint64_t saved_ = 0;
};

}  // namespace hone::inline HONE_ABI
