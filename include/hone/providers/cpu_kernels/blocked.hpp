#pragma once

#include <hone/config.hpp>
#include <hone/ops/blocked.hpp>
#include <hone/providers/kernel_list.hpp>

namespace hone::inline HONE_ABI {

using CpuBlockedKernels =
    KernelList<entry<ops::BlockChannels, float>, entry<ops::BlockedAveragePool, float>, entry<ops::BlockedConv, float>,
               entry<ops::BlockedGlobalAveragePool, float>, entry<ops::BlockedMaxPool, float>, entry<ops::Fused<ops::BlockedConv>, float>,
               entry<ops::UnblockChannels, float>>;

}  // namespace hone::inline HONE_ABI
