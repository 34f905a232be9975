#include <hone/providers/cpu.hpp>
#include <hone/providers/cpu_kernels/vision_impl.hpp>

template struct hone::KernelTable<hone::Cpu, hone::CpuVisionKernels>;
