#pragma once

#include <hone/config.hpp>
#include <hone/ops/concat.hpp>
#include <hone/ops/depth_to_space.hpp>
#include <hone/ops/generate.hpp>
#include <hone/ops/identity.hpp>
#include <hone/ops/pad.hpp>
#include <hone/ops/reshape.hpp>
#include <hone/ops/reverse_sequence.hpp>
#include <hone/ops/shape.hpp>
#include <hone/ops/slice.hpp>
#include <hone/ops/split.hpp>
#include <hone/ops/squeeze.hpp>
#include <hone/ops/tile.hpp>
#include <hone/ops/transpose.hpp>
#include <hone/ops/trilu.hpp>
#include <hone/ops/where.hpp>
#include <hone/providers/kernel_list.hpp>

namespace hone::inline HONE_ABI {

// clang-format off
using CpuMovementKernels = KernelList<
    entry<ops::Identity>,
    entry<ops::Dropout>,
    entry<ops::Reshape>,
    entry<ops::Flatten>,
    entry<ops::Squeeze>,
    entry<ops::Unsqueeze>,
    entry<ops::ShapeOf>,
    entry<ops::SizeOf>,
    entry<ops::ConstantOfShape>,
    entry<ops::Range, float, double, Half, BFloat16, std::int16_t, std::int32_t, std::int64_t>,
    entry<ops::EyeLike>,
    entry<ops::Transpose>,
    entry<ops::Concat>,
    entry<ops::Split>,
    entry<ops::Slice>,
    entry<ops::Pad>,
    entry<ops::Tile>,
    entry<ops::Expand>,
    entry<ops::Where>,
    entry<ops::DepthToSpace>,
    entry<ops::SpaceToDepth>,
    entry<ops::Trilu>,
    entry<ops::ReverseSequence>>;
// clang-format on

}  // namespace hone::inline HONE_ABI
