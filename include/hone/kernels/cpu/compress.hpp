#pragma once

#include <algorithm>

#include <hone/config.hpp>
#include <hone/kernels/cpu/element_mover.hpp>
#include <hone/ops/compress.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

template <>
class Kernel<ops::Compress, Cpu> {
 public:
  static Support supports(const NodeView& node) { return ElementMover::support(node.input_dtype(0)); }
  Kernel(const NodeView& node, const CpuDevice&) : axis_(node.op<ops::Compress>().axis) {}
  void run(Context& c) const {
    const TensorRef& from = c.input(0);
    const auto rank = static_cast<std::int64_t>(from.shape.rank());
    if (axis_ && (*axis_ < -rank || *axis_ >= rank)) return c.fail("axis ", *axis_, " is out of range for rank ", rank);
    if (c.input(1).shape.rank() != 1) return c.fail("the condition must have one dimension, but its shape is ", c.input(1).shape);
    const std::size_t along = axis_ ? normalized_axis(*axis_, from.shape.rank()) : 0;
    const std::int64_t n = axis_ ? from.shape[along] : from.elements();
    const std::int64_t inner = axis_ ? from.shape.stride(along) : 1;
    const std::int64_t outer = axis_ ? from.shape.elements(0, along) : 1;
    const bool* condition = c.in<bool>(1);
    const std::int64_t decided = std::min(n, c.input(1).elements());
    const std::int64_t kept = std::count(condition, condition + decided, true);
    Shape to{kept};
    if (axis_) {
      to = from.shape;
      to[along] = kept;
    }
    const ElementMover mover(from.dtype);
    auto* y = static_cast<std::byte*>(c.allocate(0, from.dtype, to).data);  // (outer, kept, inner)
    for (std::int64_t o = 0; o < outer; ++o)
      for (std::int64_t i = 0; i < decided; ++i)
        if (condition[i]) y = mover.copy(mover.at(from.data, (o * n + i) * inner), inner, y);
  }

 private:
  std::optional<std::int64_t> axis_;
};

}  // namespace hone::inline HONE_ABI
