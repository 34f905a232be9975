#include <hone/providers/cuda_kernels.cuh>

extern template struct hone::KernelTable<hone::Cuda, hone::CudaBinaryKernels>;
extern template struct hone::KernelTable<hone::Cuda, hone::CudaMatrixKernels>;
extern template struct hone::KernelTable<hone::Cuda, hone::CudaMovementKernels>;
extern template struct hone::KernelTable<hone::Cuda, hone::CudaReductionKernels>;
extern template struct hone::KernelTable<hone::Cuda, hone::CudaUnaryKernels>;

#include <hone/providers/cuda.cuh>
