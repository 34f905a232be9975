#pragma once

#include <cstdint>

#include <hone/config.hpp>
#include <hone/ops/normalization.hpp>
#include <hone/ops/reduce.hpp>
#include <hone/ops/softmax.hpp>
#include <hone/providers/kernel_list.hpp>

namespace hone::inline HONE_ABI {

template <class Op>
using SumEntry = entry<Op, float, double, std::int32_t, std::int64_t, std::uint32_t, std::uint64_t>;
template <class Op>
using ExtremeEntry = entry<Op, float, double, std::int32_t, std::int64_t, std::uint32_t, std::uint64_t, std::int8_t, std::uint8_t, bool>;

using CpuReductionKernels =
    KernelList<SumEntry<ops::ReduceL1>, SumEntry<ops::ReduceL2>, entry<ops::ReduceLogSum, float, double>,
               entry<ops::ReduceLogSumExp, float, double>, ExtremeEntry<ops::ReduceMax>, SumEntry<ops::ReduceMean>,
               ExtremeEntry<ops::ReduceMin>, SumEntry<ops::ReduceProd>, SumEntry<ops::ReduceSum>, SumEntry<ops::ReduceSumSquare>>;

using CpuNormalizationKernels =
    KernelList<entry<ops::BatchNormalization, float, double>, entry<ops::GroupNormalization, float, double>,
               entry<ops::Hardmax, float, double>, entry<ops::InstanceNormalization, float, double>,
               entry<ops::LayerNormalization, float, double>, entry<ops::LogSoftmax, float, double>, entry<ops::LRN, float, double>,
               entry<ops::RMSNormalization, float, double>, entry<ops::Softmax, float, double>>;

}  // namespace hone::inline HONE_ABI
