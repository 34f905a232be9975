#pragma once

#include <complex>
#include <cstdint>
#include <string>

#include <hone/config.hpp>
#include <hone/ops/center_crop_pad.hpp>
#include <hone/ops/col2im.hpp>
#include <hone/ops/deform_conv.hpp>
#include <hone/ops/grid_sample.hpp>
#include <hone/ops/max_unpool.hpp>
#include <hone/ops/roi.hpp>
#include <hone/providers/kernel_list.hpp>

namespace hone::inline HONE_ABI {

// clang-format off
using CpuVisionKernels = KernelList<
    entry<ops::AffineGrid, float, double>,
    entry<ops::CenterCropPad>,
    entry<ops::Col2Im, float, double, std::int32_t, std::int64_t, bool, std::complex<float>, std::complex<double>, std::string>,
    entry<ops::DeformConv, float, double>,
    entry<ops::GridSample, float, double, bool, std::complex<float>, std::complex<double>, std::string>,
    entry<ops::MaxRoiPool, float, double>,
    entry<ops::MaxUnpool>,
    entry<ops::RoiAlign, float, double>>;
// clang-format on

}  // namespace hone::inline HONE_ABI
