#pragma once

#include <hone/config.hpp>
#include <hone/kernels/box_copy.hpp>
#include <hone/kernels/strided_box.hpp>
#include <hone/ops/depth_to_space.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

template <class P>
class Kernel<ops::DepthToSpace, P> {
 public:
  static Support supports(const NodeView& node) { return BoxCopy<P>::support(node.input_dtype(0)); }
  Kernel(const NodeView& node, const typename P::Device&) : op_(node.op<ops::DepthToSpace>()) {}
  void run(Context& c) const {
    const Shape& from = c.input(0).shape;
    const Shape& to = c.output(0).shape;
    const std::int64_t b = op_.blocksize;
    const std::int64_t plane = from[2] * from[3];
    const std::int64_t channel = op_.channels_first ? b * b * plane : plane;
    const std::int64_t column = op_.channels_first ? plane : to[1] * plane;
    // y as (N, C, H, block row, W, block column).
    StridedBox<2> box;
    box.push_back(from[0], {from[1] * plane, to.stride(0)});
    box.push_back(to[1], {channel, to.stride(1)});
    box.push_back(from[2], {from[3], b * to[3]});
    box.push_back(b, {b * column, to[3]});
    box.push_back(from[3], {1, b});
    box.push_back(b, {column, 1});
    BoxCopy<P>::run(c, box, c.input(0), 0, c.output(0), 0);
  }

 private:
  ops::DepthToSpace op_;
};

template <class P>
class Kernel<ops::SpaceToDepth, P> {
 public:
  static Support supports(const NodeView& node) { return BoxCopy<P>::support(node.input_dtype(0)); }
  Kernel(const NodeView& node, const typename P::Device&) : op_(node.op<ops::SpaceToDepth>()) {}
  void run(Context& c) const {
    const Shape& from = c.input(0).shape;
    const Shape& to = c.output(0).shape;
    const std::int64_t b = op_.blocksize;
    const std::int64_t plane = to[2] * to[3];
    const std::int64_t channel = op_.channels_first ? b * b * plane : plane;
    const std::int64_t column = op_.channels_first ? plane : from[1] * plane;
    // x as (N, C, H, block row, W, block column), the block before H and W so that rows of y are written at once.
    StridedBox<2> box;
    box.push_back(from[0], {from.stride(0), to.stride(0)});
    box.push_back(b, {from[3], b * column});
    box.push_back(b, {1, column});
    box.push_back(from[1], {from.stride(1), channel});
    box.push_back(to[2], {b * from[3], to[3]});
    box.push_back(to[3], {b, 1});
    BoxCopy<P>::run(c, box, c.input(0), 0, c.output(0), 0);
  }

 private:
  ops::SpaceToDepth op_;
};

}  // namespace hone::inline HONE_ABI
