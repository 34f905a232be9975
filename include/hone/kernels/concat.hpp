#pragma once

#include <cstddef>
#include <cstdint>

#include <hone/config.hpp>
#include <hone/kernels/box_copy.hpp>
#include <hone/kernels/strided_box.hpp>
#include <hone/ops/concat.hpp>
#include <hone/ops/split.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

namespace detail {

/// Whether `part` stands in the memory of `whole`, at its element `first`, for which the planner has cared. `outer`: rows of either.
[[nodiscard]] inline bool is_part(const TensorRef& whole, std::int64_t outer, std::int64_t first, const TensorRef& part) noexcept {
  return outer == 1 && whole.as<const std::byte>() + first * static_cast<std::int64_t>(element_size(whole.dtype)) == part.data;
}

}  // namespace detail

/// Parts that already stand where they belong are not copied.
template <class P>
class Kernel<ops::Concat, P> {
 public:
  static Support supports(const NodeView& node) { return BoxCopy<P>::support(node.input_dtype(0)); }
  Kernel(const NodeView& node, const typename P::Device&) : axis_(node.op<ops::Concat>().axis) {}
  void run(Context& c) const {
    const Shape& to = c.output(0).shape;
    const std::size_t along = normalized_axis(axis_, to.rank());
    const std::int64_t outer = to.elements(0, along);
    const std::int64_t row = to.elements(along, to.rank());
    std::int64_t first = 0;
    for (std::size_t i = 0; i < c.input_count(); ++i) {
      const std::int64_t part = c.input(i).shape.elements(along, to.rank());
      if (!detail::is_part(c.output(0), outer, first, c.input(i))) {
        StridedBox<2> box;
        box.push_back(outer, {part, row});
        box.push_back(part, {1, 1});
        BoxCopy<P>::run(c, box, c.input(i), 0, c.output(0), first);
      }
      first += part;
    }
  }

 private:
  std::int64_t axis_;
};

/// The same.
template <class P>
class Kernel<ops::Split, P> {
 public:
  static Support supports(const NodeView& node) { return BoxCopy<P>::support(node.input_dtype(0)); }
  Kernel(const NodeView& node, const typename P::Device&) : axis_(node.op<ops::Split>().axis) {}
  void run(Context& c) const {
    const Shape& from = c.input(0).shape;
    const std::size_t along = normalized_axis(axis_, from.rank());
    const std::int64_t outer = from.elements(0, along);
    const std::int64_t row = from.elements(along, from.rank());
    const std::int64_t inner = from.stride(along);
    const auto parts = static_cast<std::int64_t>(c.output_count());
    const TensorRef* sizes = c.has_input(1) ? &c.input(1) : nullptr;
    std::int64_t first = 0;
    for (std::int64_t i = 0; i < parts; ++i) {
      const std::int64_t part = ops::Split::part(i, parts, from[along], sizes) * inner;
      const auto output = static_cast<std::size_t>(i);
      if (c.has_output(output) && !detail::is_part(c.input(0), outer, first, c.output(output))) {
        StridedBox<2> box;
        box.push_back(outer, {row, part});
        box.push_back(part, {1, 1});
        BoxCopy<P>::run(c, box, c.input(0), first, c.output(output), 0);
      }
      first += part;
    }
  }

 private:
  std::int64_t axis_;
};

}  // namespace hone::inline HONE_ABI
