#include <hone/simd/blocked_conv.hpp>
#include <hone/simd/blocked_window.hpp>
#include <hone/simd/channel_block.hpp>
#include <hone/simd/functions.hpp>
#include <hone/simd/winograd.hpp>

namespace hone::inline HONE_ABI::simd {

using ThisArch = Arch<Isa::HONE_SIMD_ISA>;

template const BlockedConv& functions<BlockedConv, ThisArch>() noexcept;
template const BlockedWindow& functions<BlockedWindow, ThisArch>() noexcept;
template const ChannelBlocks& functions<ChannelBlocks, ThisArch>() noexcept;
template const Winograd& functions<Winograd, ThisArch>() noexcept;

}  // namespace hone::inline HONE_ABI::simd
