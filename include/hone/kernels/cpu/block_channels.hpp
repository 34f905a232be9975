#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <hone/config.hpp>
#include <hone/kernels/cpu/blocked_layout.hpp>
#include <hone/ops/blocked.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>
#include <hone/simd/channel_block.hpp>

namespace hone::inline HONE_ABI {

namespace cpu {

/// body(element of the planes where the block begins, element of the blocked tensor, channels of the block) for each image and block of
/// channels of a tensor (N, C, H, W), on the threads of the session.
template <class Body>
void for_channel_blocks(const Context& c, const Shape& planes, const Body& body) {
  const std::int64_t blocks = channel_blocks(planes[1]);
  const std::int64_t plane = planes[2] * planes[3];
  c.parallel_for(planes[0] * blocks, std::max<std::int64_t>(1, 4096 / (plane + 1)), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t first = i % blocks * channel_block;
      body((i / blocks * planes[1] + first) * plane, i * plane * channel_block,
           static_cast<std::size_t>(std::min(channel_block, planes[1] - first)));
    }
  });
}

}  // namespace cpu

template <>
class Kernel<ops::BlockChannels, Cpu, float> {
 public:
  Kernel(const NodeView&, const CpuDevice& device) : kernels_(&simd::table<simd::ChannelBlocks>(device.isa)) {}
  void run(Context& c) const {
    const Shape& x = c.input(0).shape;
    const std::int64_t plane = x[2] * x[3];
    cpu::for_channel_blocks(c, x, [&](std::int64_t from, std::int64_t to, std::size_t channels) {
      kernels_->block(c.in<float>(0) + from, plane, channels, static_cast<std::size_t>(plane), c.out<float>(0) + to);
    });
  }

 private:
  const simd::ChannelBlocks* kernels_;
};

template <>
class Kernel<ops::UnblockChannels, Cpu, float> {
 public:
  Kernel(const NodeView&, const CpuDevice& device) : kernels_(&simd::table<simd::ChannelBlocks>(device.isa)) {}
  void run(Context& c) const {
    const Shape& y = c.output(0).shape;
    const std::int64_t plane = y[2] * y[3];
    cpu::for_channel_blocks(c, y, [&](std::int64_t to, std::int64_t from, std::size_t channels) {
      kernels_->unblock(c.in<float>(0) + from, channels, static_cast<std::size_t>(plane), c.out<float>(0) + to, plane);
    });
  }

 private:
  const simd::ChannelBlocks* kernels_;
};

}  // namespace hone::inline HONE_ABI
