#include <hone/providers/cpu.hpp>
#include <hone/providers/cpu_kernels/reduction_impl.hpp>

template struct hone::KernelTable<hone::Cpu, hone::CpuReductionKernels>;
template struct hone::KernelTable<hone::Cpu, hone::CpuNormalizationKernels>;
