#pragma once

#include <hone/config.hpp>
#include <hone/ops/shape.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

template <>
class Kernel<ops::ShapeOf, Cpu> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<ops::ShapeOf>()) {}
  void run(Context& c) const {
    const Shape& from = c.input(0).shape;
    const auto rank = static_cast<std::int64_t>(from.rank());
    std::int64_t* y = c.out<std::int64_t>(0);
    for (std::int64_t d = op_.first(rank); d < op_.last(rank); ++d) *y++ = from[static_cast<std::size_t>(d)];
  }

 private:
  ops::ShapeOf op_;
};

template <>
class Kernel<ops::SizeOf, Cpu> {
 public:
  Kernel(const NodeView&, const CpuDevice&) {}
  void run(Context& c) const { *c.out<std::int64_t>(0) = c.input(0).shape.elements(); }
};

}  // namespace hone::inline HONE_ABI
