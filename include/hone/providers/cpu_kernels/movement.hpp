#pragma once

#include <string>

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

/// An operator that moves elements of any size, and strings.
template <class Op>
using moved_entry = entry<Op, Bytes<1>, Bytes<2>, Bytes<4>, Bytes<8>, Bytes<16>, std::string>;

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
    moved_entry<ops::Transpose>,
    moved_entry<ops::Concat>,
    moved_entry<ops::Split>,
    moved_entry<ops::Slice>,
    moved_entry<ops::Pad>,
    moved_entry<ops::Tile>,
    moved_entry<ops::Expand>,
    moved_entry<ops::Where>,
    moved_entry<ops::DepthToSpace>,
    moved_entry<ops::SpaceToDepth>,
    moved_entry<ops::Trilu>,
    moved_entry<ops::ReverseSequence>>;
// clang-format on

}  // namespace hone::inline HONE_ABI
