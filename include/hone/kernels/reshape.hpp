#pragma once

#include <hone/config.hpp>
#include <hone/kernels/box_copy.hpp>
#include <hone/ops/reshape.hpp>
#include <hone/ops/squeeze.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

/// y has the elements of x in the same order.
template <class P>
class ReshapeKernel {
 public:
  ReshapeKernel(const NodeView&, const typename P::Device&) {}
  void run(Context& c) const { BoxCopy<P>::whole(c, c.input(0), c.output(0)); }
};

// clang-format off
template <class P> class Kernel<ops::Reshape, P> : public ReshapeKernel<P> { using ReshapeKernel<P>::ReshapeKernel; };
template <class P> class Kernel<ops::Flatten, P> : public ReshapeKernel<P> { using ReshapeKernel<P>::ReshapeKernel; };
template <class P> class Kernel<ops::Squeeze, P> : public ReshapeKernel<P> { using ReshapeKernel<P>::ReshapeKernel; };
template <class P> class Kernel<ops::Unsqueeze, P> : public ReshapeKernel<P> { using ReshapeKernel<P>::ReshapeKernel; };
// clang-format on

}  // namespace hone::inline HONE_ABI
