#pragma once

#include <algorithm>

#include <hone/config.hpp>
#include <hone/kernels/cpu/strided_copy.hpp>
#include <hone/ops/reverse_sequence.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

template <>
class Kernel<ops::ReverseSequence, Cpu> {
 public:
  static Support supports(const NodeView& node) { return ElementMover::support(node.input_dtype(0)); }
  Kernel(const NodeView& node, const CpuDevice&) : time_first_(node.op<ops::ReverseSequence>().time_axis == 0) {}
  void run(Context& c) const {
    const Shape& shape = c.input(0).shape;
    const std::int64_t inner = shape.stride(1);
    const std::int64_t columns = shape[1];
    const std::int64_t times = shape[time_first_ ? 0 : 1];
    const std::int64_t batches = shape[time_first_ ? 1 : 0];
    const std::int64_t* lengths = c.in<std::int64_t>(1);
    for (std::int64_t b = 0; b < batches; ++b) {
      if (lengths[b] < 0 || lengths[b] > times)
        return c.fail("sequence_lens[", b, "] is ", lengths[b], ", but there are ", times, " times");
    }
    if (shape.elements() == 0) return;
    const ElementMover mover(c.input(0).dtype);
    const void* x = c.input(0).data;
    void* y = c.output(0).data;
    c.parallel_for(times * batches, std::max<std::int64_t>(mover.block() / inner, 1), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const std::int64_t b = time_first_ ? row % columns : row / columns;
        const std::int64_t t = time_first_ ? row / columns : row % columns;
        const std::int64_t source = t < lengths[b] ? lengths[b] - 1 - t : t;
        mover.copy(mover.at(x, (time_first_ ? source * columns + b : b * columns + source) * inner), inner, mover.at(y, row * inner));
      }
    });
  }

 private:
  bool time_first_;
};

}  // namespace hone::inline HONE_ABI
