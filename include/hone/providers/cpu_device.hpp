#pragma once

#include <memory>
#include <string>

#include <hone/config.hpp>
#include <hone/simd/arch.hpp>

namespace hone::inline HONE_ABI {

class Provider;

/// What CPU kernels are made for: they fetch their micro-kernels by it, `simd::table<Family>(device.isa)`.
struct CpuDevice {
  simd::Isa isa = simd::native_isa;

  friend bool operator==(const CpuDevice&, const CpuDevice&) = default;
};

/// The CPU provider with all its kernels. Including <hone/providers/cpu.hpp> is what brings those in.
struct Cpu {
  using Device = CpuDevice;

  /// Instruction set of the micro-kernels: "sse2", "avx2", "avx512", "neon" or "baseline"; empty takes what the environment variable
  /// HONE_FORCE_ARCH names, else the best one of this machine.
  std::string arch = {};

  /// Errors: invalid_argument for an instruction set that is not available.
  [[nodiscard]] std::shared_ptr<const Provider> provider() const;
};

}  // namespace hone::inline HONE_ABI
