#pragma once

#include <array>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <hone/config.hpp>
#include <hone/providers/cpu.hpp>
#include <hone/providers/cpu_kernels.hpp>
#include <hone/providers/cpu_provider.hpp>
#if !HONE_COMPILED
#include <hone/providers/cpu_kernels_impl.hpp>
#endif

namespace hone::inline HONE_ABI {

#if HONE_COMPILED
extern template struct KernelTable<Cpu, CpuAlgebraKernels>;
extern template struct KernelTable<Cpu, CpuAttentionKernels>;
extern template struct KernelTable<Cpu, CpuBinaryKernels>;
extern template struct KernelTable<Cpu, CpuBlockedKernels>;
extern template struct KernelTable<Cpu, CpuControlFlowKernels>;
extern template struct KernelTable<Cpu, CpuConversionKernels>;
extern template struct KernelTable<Cpu, CpuConvolutionKernels>;
extern template struct KernelTable<Cpu, CpuIndexingKernels>;
extern template struct KernelTable<Cpu, CpuLossKernels>;
extern template struct KernelTable<Cpu, CpuMatrixKernels>;
extern template struct KernelTable<Cpu, CpuMlKernels>;
extern template struct KernelTable<Cpu, CpuMovementKernels>;
extern template struct KernelTable<Cpu, CpuNormalizationKernels>;
extern template struct KernelTable<Cpu, CpuQuantizationKernels>;
extern template struct KernelTable<Cpu, CpuRandomKernels>;
extern template struct KernelTable<Cpu, CpuRecurrentKernels>;
extern template struct KernelTable<Cpu, CpuReductionKernels>;
extern template struct KernelTable<Cpu, CpuSequenceKernels>;
extern template struct KernelTable<Cpu, CpuSignalKernels>;
extern template struct KernelTable<Cpu, CpuTextKernels>;
extern template struct KernelTable<Cpu, CpuTrainingKernels>;
extern template struct KernelTable<Cpu, CpuUnaryKernels>;
extern template struct KernelTable<Cpu, CpuVisionKernels>;
#endif

namespace detail {

template <class... Lists>
auto cpu_tables(KernelList<Lists...>) {
  return std::array{KernelTable<Cpu, Lists>::entries()...};
}

}  // namespace detail

HONE_INLINE std::shared_ptr<const Provider> Cpu::provider() const {
  return std::make_shared<CpuProvider>(arch, detail::cpu_tables(CpuKernels{}));
}

HONE_INLINE AnyProvider default_provider() { return Cpu{}; }

HONE_INLINE std::vector<std::string> available_providers() { return {"CPUExecutionProvider"}; }

HONE_INLINE AnyProvider provider_named(std::string_view name) {
  if (name == "CPUExecutionProvider" || name == "cpu") return Cpu{};
  fail(ErrorCode::invalid_argument, "there is no provider '", name, "'; available: ", join(available_providers(), ", "));
}

}  // namespace hone::inline HONE_ABI
