#include <hone/providers/cuda_kernels.cuh>

template struct hone::KernelTable<hone::Cuda, hone::CudaBinaryKernels>;
