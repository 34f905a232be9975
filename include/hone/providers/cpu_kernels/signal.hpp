#pragma once

#include <hone/config.hpp>
#include <hone/ops/signal.hpp>
#include <hone/providers/kernel_list.hpp>

namespace hone::inline HONE_ABI {

// clang-format off
using CpuSignalKernels = KernelList<
    entry<ops::BlackmanWindow>,
    entry<ops::DFT, double>,
    entry<ops::HammingWindow>,
    entry<ops::HannWindow>,
    entry<ops::MelWeightMatrix>,
    entry<ops::STFT, double>>;
// clang-format on

}  // namespace hone::inline HONE_ABI
