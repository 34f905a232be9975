#include <hone/providers/cpu.hpp>
#include <hone/providers/cpu_kernels/signal_impl.hpp>

template struct hone::KernelTable<hone::Cpu, hone::CpuSignalKernels>;
