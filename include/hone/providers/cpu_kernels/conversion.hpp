#pragma once

#include <string>

#include <hone/config.hpp>
#include <hone/ops/cast.hpp>
#include <hone/providers/kernel_list.hpp>

namespace hone::inline HONE_ABI {

// clang-format off
using CpuConversionKernels = KernelList<
    entry<ops::Cast>,
    entry<ops::CastLike>>;
// clang-format on

}  // namespace hone::inline HONE_ABI
