#pragma once

#include <algorithm>
#include <cstdint>

#include <hone/config.hpp>
#include <hone/kernels/cpu/strided_copy.hpp>
#include <hone/ops/tensor_scatter.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

template <>
class Kernel<ops::TensorScatter, Cpu> {
 public:
  static Support supports(const NodeView& node) {
    if (node.has_input(2) && node.input_dtype(2) != DType::int64) return Support::no("the indices must be int64");
    return ElementMover::support(node.input_dtype(0));
  }
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<ops::TensorScatter>()) {}
  void run(Context& c) const {
    const Shape& cache = c.input(0).shape;
    const std::size_t along = normalized_axis(op_.axis, cache.rank());
    const std::int64_t size = cache[along];
    const std::int64_t count = c.input(1).shape[along];
    const std::int64_t inner = cache.stride(along);
    const std::int64_t per_batch = cache.elements(1, along);
    for (std::int64_t b = 0; c.has_input(2) && b < cache[0]; ++b) {
      const std::int64_t start = c.in<std::int64_t>(2)[b];
      if (start < 0 || (!op_.circular && start > size - count)) {
        return c.fail(count, " rows from position ", start, " on do not fit into ", size);
      }
    }
    if (c.output(0).data != c.input(0).data) copy_tensor(c, c.input(0), c.output(0));
    const ElementMover mover(c.input(0).dtype);
    for (std::int64_t row = 0; row < cache.elements(0, along) && count != 0; ++row) {
      const std::int64_t start = c.has_input(2) ? c.in<std::int64_t>(2)[row / per_batch] % std::max<std::int64_t>(size, 1) : 0;
      const std::int64_t straight = std::min(count, size - start);  // rows before the end
      const std::byte* from = mover.at(c.input(1).data, row * count * inner);
      mover.copy(from, straight * inner, mover.at(c.output(0).data, (row * size + start) * inner));
      mover.copy(from + straight * inner * mover.size(), (count - straight) * inner, mover.at(c.output(0).data, row * size * inner));
    }
  }

 private:
  ops::TensorScatter op_;
};

}  // namespace hone::inline HONE_ABI
