#pragma once

#include <hone/config.hpp>
#include <hone/ops/argmax.hpp>
#include <hone/ops/compress.hpp>
#include <hone/ops/cumulative.hpp>
#include <hone/ops/gather.hpp>
#include <hone/ops/non_max_suppression.hpp>
#include <hone/ops/nonzero.hpp>
#include <hone/ops/onehot.hpp>
#include <hone/ops/scatter.hpp>
#include <hone/ops/topk.hpp>
#include <hone/providers/kernel_list.hpp>

namespace hone::inline HONE_ABI {

/// An operator that compares real numbers.
template <class Op>
using compared_entry = entry<Op, float, double, Half, BFloat16, std::int8_t, std::int16_t, std::int32_t, std::int64_t, std::uint8_t,
                             std::uint16_t, std::uint32_t, std::uint64_t>;

// clang-format off
using CpuIndexingKernels = KernelList<
    entry<ops::Gather>,
    entry<ops::GatherElements>,
    entry<ops::GatherND>,
    entry<ops::Scatter>,
    entry<ops::ScatterElements>,
    entry<ops::ScatterND>,
    entry<ops::NonZero>,
    entry<ops::NonMaxSuppression>,
    entry<ops::TopK>,
    entry<ops::Unique>,
    entry<ops::CumSum, float, double, Half, BFloat16, std::int32_t, std::int64_t, std::uint32_t, std::uint64_t>,
    entry<ops::CumProd, float, double, Half, BFloat16, std::int32_t, std::int64_t, std::uint32_t, std::uint64_t>,
    compared_entry<ops::ArgMax>,
    compared_entry<ops::ArgMin>,
    entry<ops::Compress>,
    entry<ops::OneHot>>;
// clang-format on

}  // namespace hone::inline HONE_ABI
