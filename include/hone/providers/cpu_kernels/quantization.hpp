#pragma once

#include <hone/config.hpp>
#include <hone/ops/quantize.hpp>
#include <hone/ops/quantized_product.hpp>
#include <hone/providers/kernel_list.hpp>

namespace hone::inline HONE_ABI {

// clang-format off
using CpuQuantizationKernels = KernelList<
    entry<ops::ConvInteger>,
    entry<ops::DequantizeLinear>,
    entry<ops::DynamicQuantizeLinear, float>,
    entry<ops::MatMulInteger>,
    entry<ops::QLinearConv>,
    entry<ops::QLinearMatMul>,
    entry<ops::QuantizeLinear>>;
// clang-format on

}  // namespace hone::inline HONE_ABI
