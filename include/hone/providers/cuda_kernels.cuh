#pragma once

#include <hone/config.hpp>
#include <hone/kernels/concat.hpp>
#include <hone/kernels/cuda/box_copy.cuh>
#include <hone/kernels/cuda/cast.cuh>
#include <hone/kernels/cuda/conv.cuh>
#include <hone/kernels/cuda/elementwise.cuh>
#include <hone/kernels/cuda/gather.cuh>
#include <hone/kernels/cuda/matmul.cuh>
#include <hone/kernels/cuda/normalization.cuh>
#include <hone/kernels/cuda/pool.cuh>
#include <hone/kernels/cuda/reduce.cuh>
#include <hone/kernels/cuda/softmax.cuh>
#include <hone/kernels/depth_to_space.hpp>
#include <hone/kernels/reshape.hpp>
#include <hone/kernels/slice.hpp>
#include <hone/kernels/tile.hpp>
#include <hone/kernels/transpose.hpp>
#include <hone/providers/kernel_list.hpp>

namespace hone::inline HONE_ABI {

namespace detail {

template <class Op>
using GpuFloats = entry<Op, float, Half, BFloat16, double>;
template <class Op>
using GpuNumbers = entry<Op, float, Half, BFloat16, double, std::int32_t, std::int64_t>;

}  // namespace detail

using CudaUnaryKernels =
    KernelList<detail::GpuNumbers<ops::Abs>, detail::GpuFloats<ops::Acos>, detail::GpuFloats<ops::Acosh>, detail::GpuFloats<ops::Asin>,
               detail::GpuFloats<ops::Asinh>, detail::GpuFloats<ops::Atan>, detail::GpuFloats<ops::Atanh>, detail::GpuFloats<ops::Ceil>,
               detail::GpuFloats<ops::Celu>, detail::GpuNumbers<ops::Clip>, detail::GpuFloats<ops::Cos>, detail::GpuFloats<ops::Cosh>,
               detail::GpuFloats<ops::Elu>, detail::GpuFloats<ops::Erf>, detail::GpuFloats<ops::Exp>, detail::GpuFloats<ops::Floor>,
               detail::GpuFloats<ops::Gelu>, detail::GpuFloats<ops::HardSigmoid>, detail::GpuFloats<ops::HardSwish>,
               detail::GpuFloats<ops::LeakyRelu>, detail::GpuFloats<ops::Log>, detail::GpuFloats<ops::Mish>, detail::GpuNumbers<ops::Neg>,
               entry<ops::Not, bool>, detail::GpuFloats<ops::Reciprocal>, detail::GpuNumbers<ops::Relu>, detail::GpuFloats<ops::Round>,
               detail::GpuFloats<ops::Selu>, detail::GpuFloats<ops::Sigmoid>, detail::GpuNumbers<ops::Sign>, detail::GpuFloats<ops::Sin>,
               detail::GpuFloats<ops::Sinh>, detail::GpuFloats<ops::Softplus>, detail::GpuFloats<ops::Softsign>,
               detail::GpuFloats<ops::Sqrt>, detail::GpuFloats<ops::Swish>, detail::GpuFloats<ops::Tan>, detail::GpuFloats<ops::Tanh>,
               detail::GpuFloats<ops::ThresholdedRelu>>;

/// An integer divided by zero is an error that only the host reports: Div of integers stays there.
using CudaBinaryKernels =
    KernelList<detail::GpuNumbers<ops::Add>, entry<ops::And, bool>, detail::GpuFloats<ops::Div>,
               entry<ops::Equal, float, Half, BFloat16, double, std::int32_t, std::int64_t, bool>, detail::GpuNumbers<ops::Greater>,
               detail::GpuNumbers<ops::GreaterOrEqual>, detail::GpuNumbers<ops::Less>, detail::GpuNumbers<ops::LessOrEqual>,
               detail::GpuNumbers<ops::Max>, detail::GpuNumbers<ops::Min>, detail::GpuNumbers<ops::Mul>, entry<ops::Or, bool>,
               detail::GpuFloats<ops::Pow>, detail::GpuFloats<ops::PRelu>, detail::GpuNumbers<ops::Sub>, detail::GpuFloats<ops::Sum>,
               entry<ops::Where>, entry<ops::Xor, bool>>;

using CudaMovementKernels =
    KernelList<entry<ops::Cast>, entry<ops::Concat>, entry<ops::DepthToSpace>, entry<ops::Expand>, entry<ops::Flatten>, entry<ops::Gather>,
               entry<ops::Reshape>, entry<ops::Slice>, entry<ops::SpaceToDepth>, entry<ops::Split>, entry<ops::Squeeze>, entry<ops::Tile>,
               entry<ops::Transpose>, entry<ops::Unsqueeze>>;

using CudaReductionKernels =
    KernelList<detail::GpuFloats<ops::BatchNormalization>, detail::GpuFloats<ops::InstanceNormalization>,
               detail::GpuFloats<ops::LayerNormalization>, detail::GpuFloats<ops::LogSoftmax>, detail::GpuNumbers<ops::ReduceL1>,
               detail::GpuNumbers<ops::ReduceL2>, detail::GpuFloats<ops::ReduceLogSum>, detail::GpuNumbers<ops::ReduceMax>,
               detail::GpuNumbers<ops::ReduceMean>, detail::GpuNumbers<ops::ReduceMin>, detail::GpuNumbers<ops::ReduceProd>,
               detail::GpuNumbers<ops::ReduceSum>, detail::GpuNumbers<ops::ReduceSumSquare>, detail::GpuFloats<ops::RMSNormalization>,
               detail::GpuFloats<ops::Softmax>>;

using CudaMatrixKernels = KernelList<detail::GpuFloats<ops::AveragePool>, detail::GpuFloats<ops::Conv>, detail::GpuFloats<ops::Gemm>,
                                     detail::GpuFloats<ops::GlobalAveragePool>, detail::GpuFloats<ops::GlobalMaxPool>,
                                     detail::GpuFloats<ops::MatMul>, detail::GpuFloats<ops::MaxPool>>;

}  // namespace hone::inline HONE_ABI
