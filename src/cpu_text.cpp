#include <hone/providers/cpu.hpp>
#include <hone/providers/cpu_kernels/text_impl.hpp>

template struct hone::KernelTable<hone::Cpu, hone::CpuTextKernels>;
