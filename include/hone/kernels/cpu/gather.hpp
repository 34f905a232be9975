#pragma once

#include <algorithm>

#include <hone/config.hpp>
#include <hone/kernels/cpu/index_input.hpp>
#include <hone/kernels/cpu/strided_copy.hpp>
#include <hone/ops/gather.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

template <>
class Kernel<ops::Gather, Cpu> {
 public:
  static Support supports(const NodeView& node) {
    if (Support moved = ElementMover::support(node.input_dtype(0)); !moved) return moved;
    return IndexInput::support(node.input_dtype(1));
  }
  Kernel(const NodeView& node, const CpuDevice&) : axis_(node.op<ops::Gather>().axis) {}
  void run(Context& c) const {
    const Shape& from = c.input(0).shape;
    const std::size_t along = normalized_axis(axis_, from.rank());
    const std::int64_t size = from[along];
    if (!check_indices(c, c.input(1), along, size)) return;
    const IndexInput index(c.input(1));
    const std::int64_t count = c.input(1).elements();
    const std::int64_t inner = from.stride(along);
    const std::int64_t outer = from.elements(0, along);
    const ElementMover mover(c.input(0).dtype);
    const void* x = c.input(0).data;  // (outer, size, inner)
    void* y = c.output(0).data;       // (outer, count, inner)
    if (c.output(0).elements() == 0) return;
    const std::int64_t grain = std::max<std::int64_t>(mover.block() / inner, 1);
    c.parallel_for(outer * count, grain, [&](std::int64_t begin, std::int64_t end) {
      std::int64_t o = begin / count;
      std::int64_t i = begin % count;
      for (std::int64_t row = begin; row < end; ++row) {
        mover.copy(mover.at(x, (o * size + wrapped_index(index[i], size)) * inner), inner, mover.at(y, row * inner));
        if (++i == count) {
          i = 0;
          ++o;
        }
      }
    });
  }

 private:
  std::int64_t axis_;
};

template <>
class Kernel<ops::GatherElements, Cpu> {
 public:
  static Support supports(const NodeView& node) {
    if (Support moved = ElementMover::support(node.input_dtype(0)); !moved) return moved;
    return IndexInput::support(node.input_dtype(1));
  }
  Kernel(const NodeView& node, const CpuDevice&) : axis_(node.op<ops::GatherElements>().axis) {}
  void run(Context& c) const {
    const Shape& from = c.input(0).shape;
    const Shape& to = c.output(0).shape;
    const std::size_t along = normalized_axis(axis_, from.rank());
    const std::int64_t size = from[along];
    if (!check_indices(c, c.input(1), along, size) || to.elements() == 0) return;
    const IndexInput index(c.input(1));
    const std::int64_t stride = from.stride(along);
    // Array 0 is x at index 0 of the axis, array 1 the indices and y.
    StridedBox<2> box;
    for (std::size_t d = 0; d < to.rank(); ++d) box.push_back(to[d], {d == along ? 0 : from.stride(d), to.stride(d)});
    const std::int64_t row = box.row_size();
    const auto [from_stride, to_stride] = box.row_strides();
    const ElementMover mover(c.input(0).dtype);
    const void* x = c.input(0).data;
    void* y = c.output(0).data;
    c.parallel_for(box.rows(), std::max<std::int64_t>(mover.block() / row, 1),
                   [&, step = from_stride](std::int64_t begin, std::int64_t end) {
                     box.for_rows(begin, end, [&](const auto& at) {
                       for (std::int64_t i = 0; i < row; ++i) {
                         const std::int64_t source = at[0] + i * step + wrapped_index(index[at[1] + i], size) * stride;
                         mover.copy(mover.at(x, source), 1, mover.at(y, at[1] + i));
                       }
                     });
                   });
  }

 private:
  std::int64_t axis_;
};

template <>
class Kernel<ops::GatherND, Cpu> {
 public:
  static Support supports(const NodeView& node) {
    if (Support moved = ElementMover::support(node.input_dtype(0)); !moved) return moved;
    return node.input_dtype(1) == DType::int64 ? Support::yes() : Support::no("the indices must be int64");
  }
  Kernel(const NodeView& node, const CpuDevice&) : batch_(static_cast<std::size_t>(node.op<ops::GatherND>().batch_dims)) {}
  void run(Context& c) const {
    const Shape& from = c.input(0).shape;
    const Shape& tuples = c.input(1).shape;
    const auto depth = static_cast<std::size_t>(tuples.back());
    const std::int64_t batches = from.elements(0, batch_);
    const std::int64_t count = tuples.elements(batch_, tuples.rank() - 1);
    const std::int64_t inner = from.elements(batch_ + depth, from.rank());
    const std::int64_t batch_size = from.elements(batch_, from.rank());
    const std::int64_t* indices = c.in<std::int64_t>(1);  // (batches, count, depth)
    const TupleIndex index(from, batch_, depth);
    if (!index.check(c, indices, batches * count) || c.output(0).elements() == 0) return;
    const ElementMover mover(c.input(0).dtype);
    const void* x = c.input(0).data;  // (batches, batch_size)
    void* y = c.output(0).data;       // (batches, count, inner)
    const std::int64_t grain = std::max<std::int64_t>(mover.block() / inner, 1);
    c.parallel_for(batches * count, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const std::int64_t source = row / count * batch_size + index.offset(indices + row * static_cast<std::int64_t>(depth));
        mover.copy(mover.at(x, source), inner, mover.at(y, row * inner));
      }
    });
  }

 private:
  std::size_t batch_;
};

}  // namespace hone::inline HONE_ABI
