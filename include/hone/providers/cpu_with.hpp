#pragma once

#include <array>
#include <memory>
#include <span>
#include <string>

#include <hone/config.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/cpu_kernels.hpp>
#include <hone/providers/cpu_kernels_impl.hpp>
#include <hone/providers/cpu_provider.hpp>

namespace hone::inline HONE_ABI {

/// The CPU provider with the kernels of the named operators alone: a program pays, in size and in compile time, for nothing else.
/// `hone::Session session{path, {.providers = {hone::CpuWith<hone::ops::Conv, hone::ops::Relu>{}}}};`
/// In pure-header mode, include this header and <hone/session/session.hpp> rather than <hone/hone.hpp>, which holds hone::Cpu and with it
/// every kernel.
template <class... Ops>
struct CpuWith {
  static_assert((names_operator<CpuKernels, Ops> && ...), "hone::CpuWith names an operator that the CPU provider has no kernel for");

  /// See Cpu::arch.
  std::string arch = {};

  [[nodiscard]] std::shared_ptr<const Provider> provider() const {
    const std::array lists{KernelTable<Cpu, NarrowedList<CpuKernels, Ops...>>::entries()};
    return std::make_shared<CpuProvider>(arch, lists);
  }
};

}  // namespace hone::inline HONE_ABI
