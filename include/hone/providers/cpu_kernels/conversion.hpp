#pragma once

#include <hone/config.hpp>
#include <hone/ops/cast.hpp>
#include <hone/ops/resize.hpp>
#include <hone/providers/kernel_list.hpp>

namespace hone::inline HONE_ABI {

// clang-format off
using CpuConversionKernels = KernelList<
    entry<ops::BitCast>,
    entry<ops::Cast>,
    entry<ops::CastLike>,
    entry<ops::ImageUpsample>,
    entry<ops::Resize>,
    entry<ops::Upsample>>;
// clang-format on

}  // namespace hone::inline HONE_ABI
