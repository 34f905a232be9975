#pragma once

#include <cstdint>

#include <hone/config.hpp>
#include <hone/ops/det.hpp>
#include <hone/ops/einsum.hpp>
#include <hone/ops/standardize.hpp>
#include <hone/providers/kernel_list.hpp>

namespace hone::inline HONE_ABI {

// clang-format off
using CpuAlgebraKernels = KernelList<
    entry<ops::Det, double>,
    entry<ops::Einsum, float, double, std::int32_t, std::int64_t>,
    entry<ops::LpNormalization, float, double>,
    entry<ops::MeanVarianceNormalization, float, double>>;
// clang-format on

}  // namespace hone::inline HONE_ABI
