#include <hone/providers/cpu.hpp>
#include <hone/providers/cpu_kernels/sequence_impl.hpp>

template struct hone::KernelTable<hone::Cpu, hone::CpuControlFlowKernels>;
template struct hone::KernelTable<hone::Cpu, hone::CpuRecurrentKernels>;
template struct hone::KernelTable<hone::Cpu, hone::CpuSequenceKernels>;
