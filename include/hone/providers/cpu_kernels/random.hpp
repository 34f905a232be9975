#pragma once

#include <hone/config.hpp>
#include <hone/ops/random.hpp>
#include <hone/providers/kernel_list.hpp>

namespace hone::inline HONE_ABI {

// clang-format off
using CpuRandomKernels = KernelList<
    entry<ops::Bernoulli>,
    entry<ops::Multinomial>,
    entry<ops::RandomNormal>,
    entry<ops::RandomNormalLike>,
    entry<ops::RandomUniform>,
    entry<ops::RandomUniformLike>>;
// clang-format on

}  // namespace hone::inline HONE_ABI
