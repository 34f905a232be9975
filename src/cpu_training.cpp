#include <hone/providers/cpu.hpp>
#include <hone/providers/cpu_kernels/training_impl.hpp>

template struct hone::KernelTable<hone::Cpu, hone::CpuTrainingKernels>;
