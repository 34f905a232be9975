#pragma once

#include <string>

#include <hone/config.hpp>
#include <hone/ops/cast.hpp>
#include <hone/ops/resize.hpp>
#include <hone/providers/kernel_list.hpp>

namespace hone::inline HONE_ABI {

/// Nearest moves elements of any size; the other modes compute with numbers.
template <class Op>
using resize_entry = entry<Op, Bytes<1>, Bytes<2>, Bytes<4>, Bytes<8>, Bytes<16>, std::string, float, double, Half, BFloat16, std::uint8_t,
                           std::int8_t, std::int16_t, std::int32_t, std::int64_t>;

// clang-format off
using CpuConversionKernels = KernelList<
    entry<ops::Cast>,
    entry<ops::CastLike>,
    resize_entry<ops::Resize>,
    resize_entry<ops::Upsample>>;
// clang-format on

}  // namespace hone::inline HONE_ABI
