#pragma once

#include <hone/config.hpp>
#include <hone/ops/optimizer.hpp>
#include <hone/providers/kernel_list.hpp>

namespace hone::inline HONE_ABI {

// clang-format off
using CpuTrainingKernels = KernelList<
    entry<ops::Adagrad>,
    entry<ops::Adam>,
    entry<ops::Momentum>>;
// clang-format on

}  // namespace hone::inline HONE_ABI
