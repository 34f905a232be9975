#pragma once

#include <hone/config.hpp>
#include <hone/kernels/box_copy.hpp>
#include <hone/kernels/strided_box.hpp>
#include <hone/ops/transpose.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

template <class P>
class Kernel<ops::Transpose, P> {
 public:
  static Support supports(const NodeView& node) { return BoxCopy<P>::support(node.input_dtype(0)); }
  Kernel(const NodeView& node, const typename P::Device&) : op_(node.op<ops::Transpose>()) {}
  void run(Context& c) const {
    const Shape& from = c.input(0).shape;
    const Shape& to = c.output(0).shape;
    StridedBox<2> box;
    for (std::size_t d = 0; d < to.rank(); ++d) box.push_back(to[d], {from.stride(op_.source(d, to.rank())), to.stride(d)});
    BoxCopy<P>::run(c, box, c.input(0), 0, c.output(0), 0);
  }

 private:
  ops::Transpose op_;
};

}  // namespace hone::inline HONE_ABI
