#include <hone/providers/cpu.hpp>
#include <hone/providers/cpu_kernels/blocked_impl.hpp>

template struct hone::KernelTable<hone::Cpu, hone::CpuBlockedKernels>;
