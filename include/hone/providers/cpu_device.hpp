#pragma once

#include <hone/config.hpp>
#include <hone/simd/arch.hpp>

namespace hone::inline HONE_ABI {

struct Cpu;

/// What kernels of the CPU provider are made with.
struct CpuDevice {
  simd::Isa isa = simd::native_isa;
};

}  // namespace hone::inline HONE_ABI
