#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include <hone/config.hpp>
#include <hone/kernels/cpu/matrix_product.hpp>
#include <hone/ops/einsum.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

/// Two inputs are matrix products over one label each of rows, columns and depth, in loops over all other labels. Whatever does not fit
/// that is summed element by element.
template <class T>
class Kernel<ops::Einsum, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice& device) : op_(node.op<ops::Einsum>()), product_(device.isa) {}

  [[nodiscard]] std::size_t workspace(const Context& c) const {
    const Problem p(op_, c);
    return p.is_product() ? product_.workspace_bytes(p.size(p.row), p.size(p.column), p.size(p.depth)) : 0;
  }

  void run(Context& c) const {
    const Problem p(op_, c);
    T* y = c.out<T>(0);
    const std::int64_t elements = c.output(0).elements();
    if (elements == 0) return;
    if (!p.is_product() || p.is_empty()) std::fill_n(y, elements, T(0));
    if (p.is_empty()) return;
    if (!p.is_product())
      return p.for_each(p.labels, p.count, [&](const auto& at) {
        T product = c.in<T>(0)[at[0]];
        for (std::size_t i = 1; i < p.inputs; ++i) product = static_cast<T>(product * c.in<T>(i)[at[i]]);
        y[at[p.inputs]] = static_cast<T>(y[at[p.inputs]] + product);
      });
    const auto& a = p.layout.strides[p.left];
    const auto& b = p.layout.strides[1 - p.left];
    const auto outer = p.outer();
    bool first = true;
    std::int64_t before = -1;
    p.for_each(outer.labels, outer.count, [&](const auto& at) {
      // Labels that are summed stand innermost: the output stays where it is while they run.
      first = at[2] != before;
      before = at[2];
      cpu::ProductOptions<T> options;
      options.accumulate = !first;
      product_.run(p.size(p.row), p.size(p.column), p.size(p.depth), {c.in<T>(p.left) + at[p.left], a[p.row], a[p.depth]},
                   {c.in<T>(1 - p.left) + at[1 - p.left], b[p.depth], b[p.column]}, y + at[2], p.layout.output_strides[p.row], options,
                   c.workspace(), c.pool());
    });
  }

 private:
  using Labels = std::array<std::size_t, ops::Einsum::max_labels>;
  static constexpr std::size_t none = ops::Einsum::max_labels;

  struct Problem {
    Problem(const ops::Einsum& op, const Context& c)
        : inputs(c.input_count()), layout(op.layout(c.input_count(), [&](std::size_t i) -> const Shape& { return c.input(i).shape; })) {
      // Those of the output first, so that the sums run innermost.
      for (const bool summed : {false, true}) {
        for (std::size_t label = 0; label < ops::Einsum::max_labels; ++label) {
          if (layout.used[label] && layout.sizes[label] != 1 && (layout.output_strides[label] == 0) == summed) labels[count++] = label;
        }
      }
      if (inputs == 2) find_product();
    }

    /// Picks a column label that is innermost in the output and belongs to one input alone, then rows and depth.
    void find_product() {
      for (std::size_t i = 0; i < count; ++i) {
        const std::size_t label = labels[i];
        const bool in_0 = layout.strides[0][label] != 0;
        const bool in_1 = layout.strides[1][label] != 0;
        const std::int64_t out = layout.output_strides[label];
        if (out == 1 && in_0 != in_1) {
          column = label;
          left = in_0 ? 1 : 0;
        }
      }
      if (column == none) return;
      for (std::size_t i = 0; i < count; ++i) {
        const std::size_t label = labels[i];
        const bool in_left = layout.strides[left][label] != 0;
        const bool in_right = layout.strides[1 - left][label] != 0;
        if (in_left && !in_right && layout.output_strides[label] != 0 && size(label) > size(row)) row = label;
        if (in_left && in_right && layout.output_strides[label] == 0 && size(label) > size(depth)) depth = label;
      }
    }
    [[nodiscard]] bool is_product() const noexcept { return row != none && column != none && depth != none; }
    [[nodiscard]] bool is_empty() const noexcept {
      return std::any_of(labels.begin(), labels.begin() + static_cast<std::ptrdiff_t>(count),
                         [&](std::size_t label) { return layout.sizes[label] == 0; });
    }
    [[nodiscard]] std::int64_t size(std::size_t label) const noexcept { return label == none ? 0 : layout.sizes[label]; }

    struct Outer {
      Labels labels;
      std::size_t count;
    };
    /// The labels besides those of the matrices.
    [[nodiscard]] Outer outer() const noexcept {
      Outer result{{}, 0};
      for (std::size_t i = 0; i < count; ++i)
        if (labels[i] != row && labels[i] != column && labels[i] != depth) result.labels[result.count++] = labels[i];
      return result;
    }

    /// body(offsets in each input, then in the output) for all indices of the labels, the last one innermost.
    template <class Body>
    void for_each(const Labels& over, std::size_t n, const Body& body) const {
      std::array<std::int64_t, 17> at{};
      Labels index{};
      for (;;) {
        body(at);
        std::size_t i = n;
        for (; i-- > 0;) {
          const std::size_t label = over[i];
          const bool wraps = ++index[i] == static_cast<std::size_t>(layout.sizes[label]);
          const std::int64_t steps = wraps ? 1 - layout.sizes[label] : 1;
          for (std::size_t k = 0; k < inputs; ++k) at[k] += steps * layout.strides[k][label];
          at[inputs] += steps * layout.output_strides[label];
          if (!wraps) break;
          index[i] = 0;
        }
        if (i == static_cast<std::size_t>(-1)) return;
      }
    }

    std::size_t inputs;
    ops::Einsum::Layout layout;
    Labels labels{};
    std::size_t count = 0;
    std::size_t left = 0;  ///< the input that has the rows
    std::size_t row = none;
    std::size_t column = none;
    std::size_t depth = none;
  };

  ops::Einsum op_;
  cpu::MatrixProduct<T> product_;
};

}  // namespace hone::inline HONE_ABI
