#pragma once

#include <algorithm>
#include <cstdint>

#include <hone/config.hpp>
#include <hone/kernels/cpu/strided_copy.hpp>
#include <hone/ops/center_crop_pad.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

template <>
class Kernel<ops::CenterCropPad, Cpu> {
 public:
  static Support supports(const NodeView& node) { return ElementMover::support(node.input_dtype(0)); }
  Kernel(const NodeView&, const CpuDevice&) {}
  void run(Context& c) const {
    const Shape& x = c.input(0).shape;
    const Shape& y = c.output(0).shape;
    StridedBox<2> box;
    std::int64_t from = 0;
    std::int64_t to = 0;
    for (std::size_t d = 0; d < x.rank(); ++d) {
      box.push_back(std::min(x[d], y[d]), {x.stride(d), y.stride(d)});
      (x[d] > y[d] ? from : to) += std::max(x[d] - y[d], y[d] - x[d]) / 2 * (x[d] > y[d] ? x.stride(d) : y.stride(d));
    }
    const ElementMover mover(c.input(0).dtype);
    if (box.elements() != y.elements()) mover.fill(c.out<std::byte>(0), y.elements(), nullptr);
    strided_copy(c, box, c.input(0), from, c.output(0), to);
  }
};

}  // namespace hone::inline HONE_ABI
