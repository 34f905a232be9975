#pragma once

#include <algorithm>

#include <hone/config.hpp>
#include <hone/kernels/cpu/index_input.hpp>
#include <hone/kernels/cpu/strided_copy.hpp>
#include <hone/ops/onehot.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

template <class T>
class Kernel<ops::OneHot, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : axis_(node.op<ops::OneHot>().axis) {}
  void run(Context& c) const {
    const Shape& to = c.output(0).shape;
    const std::size_t along = normalized_axis(axis_, to.rank());
    const std::int64_t depth = to[along];
    const std::int64_t inner = to.stride(along);
    const TensorRef& indices = c.input(0);  // (outer, inner)
    const T& off = c.in<T>(2)[0];
    const T& on = c.in<T>(2)[1];
    T* y = c.out<T>(0);  // (outer, depth, inner)
    if (to.elements() == 0) return;
    const std::int64_t slice = depth * inner;
    c.parallel_for(to.elements(0, along), std::max<std::int64_t>(copy_block<T> / slice, 1), [&](std::int64_t begin, std::int64_t end) {
      std::fill(y + begin * slice, y + end * slice, off);
      for (std::int64_t i = begin * inner; i < end * inner; ++i) {
        const std::int64_t index = ops::integer_at(indices, i);
        if (index_in_range(index, depth)) y[(i / inner * depth + wrapped_index(index, depth)) * inner + i % inner] = on;
      }
    });
  }

 private:
  std::int64_t axis_;
};

}  // namespace hone::inline HONE_ABI
