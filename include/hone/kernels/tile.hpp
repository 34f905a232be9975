#pragma once

#include <hone/config.hpp>
#include <hone/kernels/box_copy.hpp>
#include <hone/kernels/strided_box.hpp>
#include <hone/ops/tile.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

template <class P>
class Kernel<ops::Tile, P> {
 public:
  static Support supports(const NodeView& node) { return BoxCopy<P>::support(node.input_dtype(0)); }
  Kernel(const NodeView&, const typename P::Device&) {}
  void run(Context& c) const {
    const Shape& from = c.input(0).shape;
    const Shape& to = c.output(0).shape;
    if (to.elements() == 0) return;
    // Each dimension of y is (repeats, dimension of x).
    StridedBox<2> box;
    for (std::size_t d = 0; d < to.rank(); ++d) {
      box.push_back(to[d] / from[d], {0, from[d] * to.stride(d)});
      box.push_back(from[d], {from.stride(d), to.stride(d)});
    }
    BoxCopy<P>::run(c, box, c.input(0), 0, c.output(0), 0);
  }
};

template <class P>
class Kernel<ops::Expand, P> {
 public:
  static Support supports(const NodeView& node) { return BoxCopy<P>::support(node.input_dtype(0)); }
  Kernel(const NodeView&, const typename P::Device&) {}
  void run(Context& c) const {
    const Shape& from = c.input(0).shape;
    const Shape& to = c.output(0).shape;
    StridedBox<2> box;
    for (std::size_t d = 0; d < to.rank(); ++d) box.push_back(to[d], {broadcast_stride(from, to, d), to.stride(d)});
    BoxCopy<P>::run(c, box, c.input(0), 0, c.output(0), 0);
  }
};

}  // namespace hone::inline HONE_ABI
