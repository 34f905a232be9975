#pragma once

#include <cstdint>

#include <hone/config.hpp>
#include <hone/ops/conv.hpp>
#include <hone/ops/pointwise.hpp>
#include <hone/ops/pool.hpp>
#include <hone/providers/kernel_list.hpp>

namespace hone::inline HONE_ABI {

using CpuConvolutionKernels =
    KernelList<entry<ops::AveragePool, float, double>, entry<ops::Conv, float, double>, entry<ops::ConvTranspose, float, double>,
               entry<ops::Fused<ops::Conv>, float>, entry<ops::GlobalAveragePool, float, double>, entry<ops::GlobalLpPool, float, double>,
               entry<ops::GlobalMaxPool, float, double>, entry<ops::LpPool, float, double>,
               entry<ops::MaxPool, float, double, std::int8_t, std::uint8_t>>;

}  // namespace hone::inline HONE_ABI
