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

/// to[i] = reduction(to[i], from[i]). T is Bytes<N> or std::string when there is no reduction.
template <class T>
void reduce_row(ops::Reduction reduction, const T* from, T* to, std::int64_t n) {
  if constexpr (Element<T> && !std::is_same_v<T, std::string>) {
    using Wide = std::conditional_t<std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>, float, T>;
    const auto each = [&](auto&& f) {
      for (std::int64_t i = 0; i < n; ++i) to[i] = static_cast<T>(f(static_cast<Wide>(to[i]), static_cast<Wide>(from[i])));
    };
    switch (reduction) {
      // Integers wrap: unsigned arithmetic, at least as wide as int lest it be promoted to signed.
      case ops::Reduction::add:
        if constexpr (std::is_integral_v<T>)
          return each([](T a, T b) { return std::uint64_t(a) + std::uint64_t(b); });
        else
          return each([](Wide a, Wide b) { return a + b; });
      case ops::Reduction::mul:
        if constexpr (std::is_integral_v<T>)
          return each([](T a, T b) { return std::uint64_t(a) * std::uint64_t(b); });
        else
          return each([](Wide a, Wide b) { return a * b; });
      case ops::Reduction::max:
        return each([](Wide a, Wide b) { return b > a || b != b ? b : a; });
      case ops::Reduction::min:
        return each([](Wide a, Wide b) { return b < a || b != b ? b : a; });
      case ops::Reduction::none:
        break;
    }
  }
  std::copy_n(from, n, to);
}

/// Kernels over bytes take the nodes without reduction, those over numbers the others.
template <class T>
Support support_reduction(const NodeView& node, ops::Reduction reduction) {
  if (!ElementMatch<T>::matches(node.input_dtype(0))) return {false, {}};
  if constexpr (Element<T> && !std::is_same_v<T, std::string>) {
    if (reduction == ops::Reduction::none) return {false, {}};
  } else if (reduction != ops::Reduction::none) {
    return {false, {}};
  }
  return IndexInput::support(node.input_dtype(1));
}

}  // namespace detail

template <class T>
class Kernel<ops::ScatterElements, Cpu, T> {
 public:
  static Support supports(const NodeView& node) { return detail::support_reduction<T>(node, node.op<ops::ScatterElements>().reduction); }
  Kernel(const NodeView& node, const CpuDevice&) : Kernel(node.op<ops::ScatterElements>()) {}
  explicit Kernel(const ops::ScatterElements& op) : axis_(op.axis), reduction_(op.reduction) {}

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
    const T* updates = c.in<T>(2);
    T* y = c.out<T>(0);
    box.for_rows(0, box.rows(), [&](const auto& at) {
      for (std::int64_t i = 0; i < row; ++i) {
        T* target = y + at[1] + i * step + wrapped_index(index[at[0] + i], size) * stride;
        detail::reduce_row(reduction_, updates + at[0] + i, target, 1);
      }
    });
  }

 private:
  std::int64_t axis_;
  ops::Reduction reduction_;
};

template <class T>
class Kernel<ops::Scatter, Cpu, T> : public Kernel<ops::ScatterElements, Cpu, T> {
 public:
  static Support supports(const NodeView& node) { return detail::support_reduction<T>(node, ops::Reduction::none); }
  Kernel(const NodeView& node, const CpuDevice&) : Kernel<ops::ScatterElements, Cpu, T>(node.op<ops::Scatter>()) {}
};

template <class T>
class Kernel<ops::ScatterND, Cpu, T> {
 public:
  static Support supports(const NodeView& node) { return detail::support_reduction<T>(node, node.op<ops::ScatterND>().reduction); }
  Kernel(const NodeView& node, const CpuDevice&) : reduction_(node.op<ops::ScatterND>().reduction) {}

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
    const T* updates = c.in<T>(2);  // (count, inner)
    T* y = c.out<T>(0);
    for (std::int64_t i = 0; i < count; ++i) {
      detail::reduce_row(reduction_, updates + i * inner, y + index.offset(indices + i * static_cast<std::int64_t>(depth)), inner);
    }
  }

 private:
  ops::Reduction reduction_;
};

}  // namespace hone::inline HONE_ABI
