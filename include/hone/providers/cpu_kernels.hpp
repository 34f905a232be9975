#pragma once

#include <hone/config.hpp>
#include <hone/providers/cpu_kernels/algebra.hpp>
#include <hone/providers/cpu_kernels/attention.hpp>
#include <hone/providers/cpu_kernels/blocked.hpp>
#include <hone/providers/cpu_kernels/conversion.hpp>
#include <hone/providers/cpu_kernels/convolution.hpp>
#include <hone/providers/cpu_kernels/elementwise.hpp>
#include <hone/providers/cpu_kernels/indexing.hpp>
#include <hone/providers/cpu_kernels/loss.hpp>
#include <hone/providers/cpu_kernels/matrix.hpp>
#include <hone/providers/cpu_kernels/ml.hpp>
#include <hone/providers/cpu_kernels/movement.hpp>
#include <hone/providers/cpu_kernels/quantization.hpp>
#include <hone/providers/cpu_kernels/random.hpp>
#include <hone/providers/cpu_kernels/reduction.hpp>
#include <hone/providers/cpu_kernels/sequence.hpp>
#include <hone/providers/cpu_kernels/signal.hpp>
#include <hone/providers/cpu_kernels/text.hpp>
#include <hone/providers/cpu_kernels/training.hpp>
#include <hone/providers/cpu_kernels/vision.hpp>
#include <hone/providers/kernel_list.hpp>

namespace hone::inline HONE_ABI {

/// Every kernel of the CPU provider, by theme. hone::compiled instantiates each of these lists once, in src/.
using CpuKernels =
    KernelList<CpuAlgebraKernels, CpuAttentionKernels, CpuBinaryKernels, CpuBlockedKernels, CpuControlFlowKernels, CpuConversionKernels,
               CpuConvolutionKernels, CpuIndexingKernels, CpuLossKernels, CpuMatrixKernels, CpuMlKernels, CpuMovementKernels,
               CpuNormalizationKernels, CpuQuantizationKernels, CpuRandomKernels, CpuRecurrentKernels, CpuReductionKernels,
               CpuSequenceKernels, CpuSignalKernels, CpuTextKernels, CpuTrainingKernels, CpuUnaryKernels, CpuVisionKernels>;

}  // namespace hone::inline HONE_ABI
