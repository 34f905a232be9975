#pragma once

#include <algorithm>
#include <type_traits>

#include <hone/config.hpp>
#include <hone/kernels/cpu/index_input.hpp>
#include <hone/kernels/cpu/strided_copy.hpp>
#include <hone/ops/scatter.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

namespace detail {

/// to[i] = reduction(to[i], from[i]) for elements of type T; integers wrap.
template <class T>
void reduce_row(ops::Reduction reduction, const void* source, void* target, std::int64_t n) {
  using Wide = std::conditional_t<std::is_integral_v<T>, std::uint64_t, std::conditional_t<sizeof(T) == 2, float, T>>;
  const T* from = static_cast<const T*>(source);
  T* to = static_cast<T*>(target);
  const auto each = [&](auto f) {
    for (std::int64_t i = 0; i < n; ++i) to[i] = f(to[i], from[i]);
  };
  switch (reduction) {
    case ops::Reduction::add:
      return each([](T a, T b) { return static_cast<T>(static_cast<Wide>(a) + static_cast<Wide>(b)); });
    case ops::Reduction::mul:
      return each([](T a, T b) { return static_cast<T>(static_cast<Wide>(a) * static_cast<Wide>(b)); });
    case ops::Reduction::max:
      return each([](T a, T b) { return b > a || b != b ? b : a; });
    case ops::Reduction::min:
      return each([](T a, T b) { return b < a || b != b ? b : a; });
    case ops::Reduction::none:
      break;
  }
}

using ReduceRow = void (*)(ops::Reduction, const void*, void*, std::int64_t);

/// Null for types without arithmetic.
inline ReduceRow reduce_row_of(DType dtype) noexcept {
  switch (dtype) {
    case DType::float32:
      return &reduce_row<float>;
    case DType::float64:
      return &reduce_row<double>;
    case DType::float16:
      return &reduce_row<Half>;
    case DType::bfloat16:
      return &reduce_row<BFloat16>;
    case DType::int8:
      return &reduce_row<std::int8_t>;
    case DType::int16:
      return &reduce_row<std::int16_t>;
    case DType::int32:
      return &reduce_row<std::int32_t>;
    case DType::int64:
      return &reduce_row<std::int64_t>;
    case DType::uint8:
      return &reduce_row<std::uint8_t>;
    case DType::uint16:
      return &reduce_row<std::uint16_t>;
    case DType::uint32:
      return &reduce_row<std::uint32_t>;
    case DType::uint64:
      return &reduce_row<std::uint64_t>;
    default:
      return nullptr;
  }
}

/// Puts updates where they go. A reduction goes through one function per type.
class Updater {
 public:
  Updater(ops::Reduction reduction, DType dtype) noexcept
      : mover_(dtype), reduction_(reduction), reduce_(reduction == ops::Reduction::none ? nullptr : reduce_row_of(dtype)) {}

  static Support supports(const NodeView& node, ops::Reduction reduction) {
    const DType dtype = node.input_dtype(0);
    if (Support moved = ElementMover::support(dtype); !moved) return moved;
    if (reduction != ops::Reduction::none && reduce_row_of(dtype) == nullptr)
      return Support::no("there is no reduction of ", hone::name(dtype));
    return IndexInput::support(node.input_dtype(1));
  }
  /// n elements from index `first` of `from` on are put at index `target` of `to`.
  void operator()(const void* from, std::int64_t first, void* to, std::int64_t target, std::int64_t n) const {
    if (reduce_ != nullptr) {
      reduce_(reduction_, mover_.at(from, first), mover_.at(to, target), n);
    } else {
      mover_.copy(mover_.at(from, first), n, mover_.at(to, target));
    }
  }

 private:
  ElementMover mover_;
  ops::Reduction reduction_;
  ReduceRow reduce_;
};

}  // namespace detail

template <>
class Kernel<ops::ScatterElements, Cpu> {
 public:
  static Support supports(const NodeView& node) { return detail::Updater::supports(node, node.op<ops::ScatterElements>().reduction); }
  Kernel(const NodeView& node, const CpuDevice&) : Kernel(node.op<ops::ScatterElements>(), node.input_dtype(0)) {}
  Kernel(const ops::ScatterElements& op, DType dtype) : axis_(op.axis), update_(op.reduction, dtype) {}

  void run(Context& c) const {
    const Shape& to = c.output(0).shape;
    const Shape& from = c.input(1).shape;
    const std::size_t along = normalized_axis(axis_, to.rank());
    const std::int64_t size = to[along];
    if (!check_indices(c, c.input(1), along, size)) return;
    copy_tensor(c, c.input(0), c.output(0));
    if (from.elements() == 0) return;
    const IndexInput index(c.input(1));
    const std::int64_t stride = to.stride(along);
    // Array 0 is the indices and the updates, array 1 is y at index 0 of the axis.
    StridedBox<2> box;
    for (std::size_t d = 0; d < to.rank(); ++d) box.push_back(from[d], {from.stride(d), d == along ? 0 : to.stride(d)});
    const std::int64_t row = box.row_size();
    const std::int64_t step = box.row_strides()[1];
    box.for_rows(0, box.rows(), [&](const auto& at) {
      for (std::int64_t i = 0; i < row; ++i) {
        const std::int64_t target = at[1] + i * step + wrapped_index(index[at[0] + i], size) * stride;
        update_(c.input(2).data, at[0] + i, c.output(0).data, target, 1);
      }
    });
  }

 private:
  std::int64_t axis_;
  detail::Updater update_;
};

template <>
class Kernel<ops::Scatter, Cpu> : public Kernel<ops::ScatterElements, Cpu> {
 public:
  static Support supports(const NodeView& node) { return detail::Updater::supports(node, ops::Reduction::none); }
  Kernel(const NodeView& node, const CpuDevice&) : Kernel<ops::ScatterElements, Cpu>(node.op<ops::Scatter>(), node.input_dtype(0)) {}
};

template <>
class Kernel<ops::ScatterND, Cpu> {
 public:
  static Support supports(const NodeView& node) { return detail::Updater::supports(node, node.op<ops::ScatterND>().reduction); }
  Kernel(const NodeView& node, const CpuDevice&) : update_(node.op<ops::ScatterND>().reduction, node.input_dtype(0)) {}

  void run(Context& c) const {
    const Shape& to = c.output(0).shape;
    const Shape& tuples = c.input(1).shape;
    const auto depth = static_cast<std::size_t>(tuples.back());
    const std::int64_t count = tuples.elements(0, tuples.rank() - 1);
    const std::int64_t inner = to.elements(depth, to.rank());
    const std::int64_t* indices = c.in<std::int64_t>(1);  // (count, depth)
    const TupleIndex index(to, 0, depth);
    if (!index.check(c, indices, count)) return;
    copy_tensor(c, c.input(0), c.output(0));
    for (std::int64_t i = 0; i < count; ++i) {  // updates: (count, inner)
      update_(c.input(2).data, i * inner, c.output(0).data, index.offset(indices + i * static_cast<std::int64_t>(depth)), inner);
    }
  }

 private:
  detail::Updater update_;
};

}  // namespace hone::inline HONE_ABI
