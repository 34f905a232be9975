#pragma once

#include <hone/config.hpp>
#include <hone/ops/loss.hpp>
#include <hone/providers/kernel_list.hpp>

namespace hone::inline HONE_ABI {

// clang-format off
using CpuLossKernels = KernelList<
    entry<ops::NegativeLogLikelihoodLoss, float, double>,
    entry<ops::SoftmaxCrossEntropyLoss, float, double>>;
// clang-format on

}  // namespace hone::inline HONE_ABI
