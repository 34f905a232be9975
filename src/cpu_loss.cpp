#include <hone/providers/cpu.hpp>
#include <hone/providers/cpu_kernels/loss_impl.hpp>

template struct hone::KernelTable<hone::Cpu, hone::CpuLossKernels>;
