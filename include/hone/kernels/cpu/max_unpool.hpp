#pragma once

#include <cstdint>

#include <hone/config.hpp>
#include <hone/kernels/cpu/element_mover.hpp>
#include <hone/ops/max_unpool.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

template <>
class Kernel<ops::MaxUnpool, Cpu> {
 public:
  static Support supports(const NodeView& node) {
    if (node.input_dtype(1) != DType::int64) return Support::no("the indices must be int64");
    return ElementMover::support(node.input_dtype(0));
  }
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<ops::MaxUnpool>()) {}
  void run(Context& c) const {
    const TensorRef& x = c.input(0);
    const TensorRef& y = c.output(0);
    const Shape inner = op_.unpooled(x.shape);
    const std::int64_t size = inner.elements();
    const ElementMover mover(x.dtype);
    mover.fill(y.as<std::byte>(), y.elements(), nullptr);
    for (std::int64_t i = 0; i < x.elements(); ++i) {
      std::int64_t index = c.in<std::int64_t>(1)[i];
      if (index < 0 || index >= size) return c.fail("index ", index, " is out of range for ", size, " elements");
      std::int64_t to = 0;
      for (std::size_t d = inner.rank(); d-- > 0; index /= inner[d]) to += index % inner[d] * y.shape.stride(d);
      mover.copy(mover.at(static_cast<const void*>(x.data), i), 1, mover.at(y.data, to));
    }
  }

 private:
  ops::MaxUnpool op_;
};

}  // namespace hone::inline HONE_ABI
