#pragma once

#include <hone/config.hpp>
#include <hone/kernels/box_copy.hpp>
#include <hone/kernels/strided_box.hpp>
#include <hone/ops/slice.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

template <class P>
class Kernel<ops::Slice, P> {
 public:
  static Support supports(const NodeView& node) { return BoxCopy<P>::support(node.input_dtype(0)); }
  Kernel(const NodeView&, const typename P::Device&) {}
  void run(Context& c) const {
    const Shape& from = c.input(0).shape;
    const Shape& to = c.output(0).shape;
    if (to.elements() == 0) return;
    const auto optional = [&](std::size_t i) { return c.has_input(i) ? &c.input(i) : nullptr; };
    const ops::Slice::Ranges ranges = ops::Slice::resolve(from, c.input(1), c.input(2), optional(3), optional(4));
    StridedBox<2> box;
    std::int64_t first = 0;
    for (std::size_t d = 0; d < to.rank(); ++d) {
      first += ranges[d].start * from.stride(d);
      box.push_back(to[d], {ranges[d].step * from.stride(d), to.stride(d)});
    }
    BoxCopy<P>::run(c, box, c.input(0), first, c.output(0), 0);
  }
};

}  // namespace hone::inline HONE_ABI
