#pragma once

#include <algorithm>

#include <hone/config.hpp>
#include <hone/kernels/cpu/index_input.hpp>
#include <hone/kernels/cpu/strided_copy.hpp>
#include <hone/ops/onehot.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

template <>
class Kernel<ops::OneHot, Cpu> {
 public:
  static Support supports(const NodeView& node) { return ElementMover::support(node.input_dtype(2)); }
  Kernel(const NodeView& node, const CpuDevice&) : axis_(node.op<ops::OneHot>().axis) {}
  void run(Context& c) const {
    const Shape& to = c.output(0).shape;
    const std::size_t along = normalized_axis(axis_, to.rank());
    const std::int64_t depth = to[along];
    const std::int64_t inner = to.stride(along);
    const TensorRef& indices = c.input(0);  // (outer, inner)
    const ElementMover mover(c.output(0).dtype);
    const std::byte* off = c.in<std::byte>(2);
    const std::byte* on = mover.at(c.input(2).data, 1);
    void* y = c.output(0).data;  // (outer, depth, inner)
    if (to.elements() == 0) return;
    const std::int64_t slice = depth * inner;
    c.parallel_for(to.elements(0, along), std::max<std::int64_t>(mover.block() / slice, 1), [&](std::int64_t begin, std::int64_t end) {
      mover.fill(mover.at(y, begin * slice), (end - begin) * slice, off);
      for (std::int64_t i = begin * inner; i < end * inner; ++i) {
        const std::int64_t index = ops::integer_at(indices, i);
        if (!index_in_range(index, depth)) continue;
        mover.copy(on, 1, mover.at(y, (i / inner * depth + wrapped_index(index, depth)) * inner + i % inner));
      }
    });
  }

 private:
  std::int64_t axis_;
};

}  // namespace hone::inline HONE_ABI
