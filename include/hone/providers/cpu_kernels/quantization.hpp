#pragma once

#include <cstdint>

#include <hone/config.hpp>
#include <hone/ops/channels_last.hpp>
#include <hone/ops/pointwise.hpp>
#include <hone/ops/quantize.hpp>
#include <hone/ops/quantized_pointwise.hpp>
#include <hone/ops/quantized_product.hpp>
#include <hone/providers/kernel_list.hpp>

namespace hone::inline HONE_ABI {

// clang-format off
using CpuQuantizationKernels = KernelList<
    entry<ops::ChannelsLastMaxPool, std::int8_t, std::uint8_t>,
    entry<ops::ChannelsLastQLinearConv>,
    entry<ops::ConvInteger>,
    entry<ops::DequantizeLinear>,
    entry<ops::DynamicQuantizeLinear, float>,
    entry<ops::MatMulInteger>,
    entry<ops::QLinearConv>,
    entry<ops::QLinearMatMul>,
    entry<ops::QuantizedPointwise>,
    entry<ops::QuantizeLinear>,
    entry<ops::Fused<ops::ScaledMatMulInteger>, float>,
    entry<ops::ScaledMatMulInteger, float>>;
// clang-format on

}  // namespace hone::inline HONE_ABI
