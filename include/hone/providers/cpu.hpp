#pragma once

#include <memory>
#include <string>

#include <hone/config.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/provider.hpp>
#include <hone/session/options.hpp>

namespace hone::inline HONE_ABI {

/// The CPU provider with all its kernels.
struct Cpu {
  using Device = CpuDevice;

  /// Instruction set of the micro-kernels: "sse2", "avx2", "avx512", "neon" or "baseline"; empty takes what the environment variable
  /// HONE_FORCE_ARCH names, else the best one of this machine.
  std::string arch = {};

  /// Errors: invalid_argument for an instruction set that is not available.
  [[nodiscard]] std::shared_ptr<const Provider> provider() const;
};

}  // namespace hone::inline HONE_ABI

#if !HONE_COMPILED
#include <hone/providers/cpu_impl.hpp>
#endif
