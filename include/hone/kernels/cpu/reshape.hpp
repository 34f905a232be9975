#pragma once

#include <hone/config.hpp>
#include <hone/kernels/cpu/strided_copy.hpp>
#include <hone/ops/reshape.hpp>
#include <hone/ops/squeeze.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

/// y has the elements of x in the same order.
class ReshapeKernel {
 public:
  ReshapeKernel(const NodeView&, const CpuDevice&) {}
  void run(Context& c) const { copy_tensor(c, c.input(0), c.output(0)); }
};

// clang-format off
template <> class Kernel<ops::Reshape, Cpu> : public ReshapeKernel { using ReshapeKernel::ReshapeKernel; };
template <> class Kernel<ops::Flatten, Cpu> : public ReshapeKernel { using ReshapeKernel::ReshapeKernel; };
template <> class Kernel<ops::Squeeze, Cpu> : public ReshapeKernel { using ReshapeKernel::ReshapeKernel; };
template <> class Kernel<ops::Unsqueeze, Cpu> : public ReshapeKernel { using ReshapeKernel::ReshapeKernel; };
// clang-format on

}  // namespace hone::inline HONE_ABI
