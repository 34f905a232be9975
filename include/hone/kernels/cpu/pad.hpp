#pragma once

#include <algorithm>

#include <hone/config.hpp>
#include <hone/kernels/cpu/strided_copy.hpp>
#include <hone/ops/pad.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

/// y is computed row by row. A row is the last dimension that changes together with the ones behind it, which move as one block.
template <>
class Kernel<ops::Pad, Cpu> {
  using Mode = ops::Pad::Mode;

 public:
  static Support supports(const NodeView& node) { return ElementMover::support(node.input_dtype(0)); }
  Kernel(const NodeView& node, const CpuDevice&) : mode_(node.op<ops::Pad>().mode) {}

  void run(Context& c) const {
    const Shape& from = c.input(0).shape;
    const Shape& to = c.output(0).shape;
    if (to.elements() == 0) return;
    const ops::Pad::Extents extents = ops::Pad::resolve(from, c.input(1), c.has_input(3) ? &c.input(3) : nullptr);
    std::size_t padded = to.rank();
    while (padded > 0 && from[padded - 1] == extents[padded - 1].kept && to[padded - 1] == from[padded - 1]) --padded;
    if (padded == 0) return copy_tensor(c, c.input(0), c.output(0));
    const std::size_t last = padded - 1;
    const std::int64_t block = to.elements(padded, to.rank());
    const std::int64_t row = to[last] * block;
    const ElementMover mover(c.input(0).dtype);
    const std::byte* fill = c.has_input(2) && c.input(2).elements() == 1 ? c.in<std::byte>(2) : nullptr;
    const void* x = c.input(0).data;
    void* y = c.output(0).data;
    c.parallel_for(to.elements(0, last), std::max<std::int64_t>(mover.block() / row, 1), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        std::int64_t source = 0;
        bool inside = true;
        for (std::size_t d = last, rest = static_cast<std::size_t>(r); d-- > 0;) {
          const auto dim = static_cast<std::size_t>(to[d]);
          const std::int64_t at = map(static_cast<std::int64_t>(rest % dim), extents[d]);
          rest /= dim;
          inside = inside && at >= 0;
          source += at * from.stride(d);
        }
        if (inside) {
          pad_row(mover, mover.at(x, source), extents[last], block, fill, mover.at(y, r * row));
        } else {
          mover.fill(mover.at(y, r * row), row, fill);
        }
      }
    });
  }

 private:
  /// The index in x of element `i` of y, -1 for one that takes the constant.
  [[nodiscard]] std::int64_t map(std::int64_t i, const ops::Pad::Extent& extent) const noexcept {
    const std::int64_t n = extent.kept;
    i -= extent.before;
    if (i >= 0 && i < n) return extent.first + i;
    switch (mode_) {
      case Mode::constant:
        return -1;
      case Mode::edge:
        return extent.first + std::clamp<std::int64_t>(i, 0, n - 1);
      case Mode::wrap:
        return extent.first + ((i % n) + n) % n;
      case Mode::reflect:
        break;
    }
    if (n == 1) return extent.first;
    const std::int64_t period = 2 * (n - 1);
    i = ((i % period) + period) % period;
    return extent.first + (i < n ? i : period - i);
  }

  void pad_row(const ElementMover& mover, const void* x, const ops::Pad::Extent& extent, std::int64_t block, const std::byte* fill,
               std::byte* y) const {
    if (mode_ == Mode::constant) {
      y = mover.fill(y, extent.before * block, fill);
      y = mover.copy(mover.at(x, extent.first * block), extent.kept * block, y);
      mover.fill(y, extent.after * block, fill);
      return;
    }
    for (std::int64_t i = 0; i < extent.before; ++i) y = mover.copy(mover.at(x, map(i, extent) * block), block, y);
    y = mover.copy(mover.at(x, extent.first * block), extent.kept * block, y);
    for (std::int64_t i = 0; i < extent.after; ++i)
      y = mover.copy(mover.at(x, map(extent.before + extent.kept + i, extent) * block), block, y);
  }

  Mode mode_;
};

}  // namespace hone::inline HONE_ABI
