#include <hone/providers/cpu.hpp>
#include <hone/providers/cpu_kernels/ml_impl.hpp>

template struct hone::KernelTable<hone::Cpu, hone::CpuMlKernels>;
