#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>

#include <hone/config.hpp>
#include <hone/kernels/cpu/number_conversion.hpp>
#include <hone/kernels/cpu/resampling.hpp>
#include <hone/kernels/cpu/strided_copy.hpp>
#include <hone/ops/resize.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

namespace detail {

inline ops::Resize::Resampling resampling(const ops::Resize& op, const Context& c) {
  const auto given = [&](std::size_t i) { return c.has_input(i) && c.input(i).elements() > 0 ? &c.input(i) : nullptr; };
  return op.resolve(c.input(0).shape, op.inputs_of(given));
}

/// Moves the nearest elements. T is Bytes<N> or std::string.
template <class T>
class NearestResize {
 public:
  NearestResize(const ops::Resize& op, DType dtype) : op_(op) {
    if constexpr (!std::is_same_v<T, std::string>) {
      const float value = op.extrapolation_value;
      if (dtype == DType::float64) {
        const auto wide = static_cast<double>(value);
        store_numbers(dtype, &outside_, 0, 1, &wide, {});
      } else if (dtype != DType::complex64 && dtype != DType::complex128) {
        store_numbers(dtype, &outside_, 0, 1, &value, {});
      }
    }
  }

  [[nodiscard]] std::size_t workspace(const Context& c) const {
    std::size_t entries = 0;
    for (const std::int64_t dim : c.output(0).shape) entries += static_cast<std::size_t>(dim);
    return entries * sizeof(std::int64_t);
  }

  void run(Context& c) const {
    const Shape& from = c.input(0).shape;
    const Shape& to = c.output(0).shape;
    if (to.elements() == 0) return;
    const ops::Resize::Resampling axes = resampling(op_, c);
    // For each index of y along each axis, the offset in x, or -1.
    std::array<const std::int64_t*, Shape::max_rank> offsets{};
    auto* memory = reinterpret_cast<std::int64_t*>(c.workspace());
    std::size_t resized = 0;
    for (std::size_t d = 0; d < to.rank(); ++d) {
      offsets[d] = memory;
      for (std::int64_t i = 0; i < to[d]; ++i) *memory++ = axes[d].resized ? source(axes[d], i, from.stride(d)) : i * from.stride(d);
      if (axes[d].resized) resized = d + 1;
    }
    if (resized == 0) return copy_tensor(c, c.input(0), c.output(0));
    const std::size_t last = resized - 1;
    const std::int64_t block = to.stride(last);
    const std::int64_t row = to[last] * block;
    const T* x = c.in<T>(0);
    T* y = c.out<T>(0);
    c.parallel_for(to.elements(0, last), std::max<std::int64_t>(copy_block<T> / row, 1), [&](std::int64_t begin, std::int64_t end) {
      std::int64_t previous = -1;
      for (std::int64_t r = begin; r < end; ++r) {
        std::int64_t base = 0;
        bool inside = true;
        std::int64_t rest = r;
        for (std::size_t d = last; d-- > 0; rest /= to[d]) {
          const std::int64_t offset = offsets[d][rest % to[d]];
          inside = inside && offset >= 0;
          base += offset;
        }
        T* target = y + r * row;
        if (!inside) {
          std::fill_n(target, row, outside_);
          previous = -1;
        } else if (base == previous) {
          std::copy_n(target - row, row, target);
        } else {
          copy_nearest(x + base, offsets[last], to[last], block, target);
          previous = base;
        }
      }
    });
  }

 private:
  [[nodiscard]] std::int64_t source(const ops::Resize::Axis& axis, std::int64_t i, std::int64_t stride) const noexcept {
    const float x = source_coordinate(op_.coordinates, axis, i);
    if (extrapolates(op_.coordinates, axis, x)) return -1;
    return nearest_element(op_.nearest, axis, x) * stride;
  }

  void copy_nearest(const T* x, const std::int64_t* offsets, std::int64_t n, std::int64_t block, T* y) const {
    if (block == 1) {
      for (std::int64_t i = 0; i < n; ++i) y[i] = offsets[i] < 0 ? outside_ : x[offsets[i]];
      return;
    }
    for (std::int64_t i = 0; i < n; ++i, y += block) {
      if (offsets[i] < 0) {
        std::fill_n(y, block, outside_);
      } else {
        std::copy_n(x + offsets[i], block, y);
      }
    }
  }

  ops::Resize op_;
  T outside_{};
};

/// Linear and cubic: one axis after the other, the slice behind the first resized axis in the scratch of its thread.
template <class T>
class InterpolatingResize {
  /// Computes in double where float would lose digits.
  using Real = std::conditional_t<std::is_same_v<T, double> || (std::is_integral_v<T> && sizeof(T) >= 4), double, float>;
  static constexpr bool direct = std::is_same_v<T, Real>;

 public:
  InterpolatingResize(const ops::Resize& op, DType) : op_(op) {}

  [[nodiscard]] std::size_t workspace(const Context& c) const { return plan(c).bytes(c.pool().size()); }

  void run(Context& c) const {
    if (c.output(0).elements() == 0) return;
    Plan plan = this->plan(c);
    if (plan.count == 0) return copy_tensor(c, c.input(0), c.output(0));
    std::byte* memory = c.workspace();
    for (std::size_t p = 0; p < plan.count; ++p) {
      plan.passes[p].table.fill(op_, plan.passes[p].axis, memory);
      memory += WeightTable<Real>::bytes(op_, plan.passes[p].axis);
    }
    const T* x = c.in<T>(0);
    T* y = c.out<T>(0);
    const std::int64_t grain = std::max<std::int64_t>(copy_block<T> / 4 / plan.to_slice, 1);
    c.parallel_for(plan.slices, grain, [&](std::int64_t begin, std::int64_t end, int slot) {
      auto* a = reinterpret_cast<Real*>(memory + static_cast<std::size_t>(slot) * 2 * plan.scratch);
      auto* b = reinterpret_cast<Real*>(memory + (static_cast<std::size_t>(slot) * 2 + 1) * plan.scratch);
      for (std::int64_t slice = begin; slice < end; ++slice) {
        const Real* source;
        if constexpr (direct) {
          source = x + slice * plan.from_slice;
        } else {
          for (std::int64_t i = 0; i < plan.from_slice; ++i) a[i] = static_cast<Real>(x[slice * plan.from_slice + i]);
          source = a;
          std::swap(a, b);
        }
        for (std::size_t p = 0; p < plan.count; ++p) {
          Real* target = a;
          if constexpr (direct)
            if (p + 1 == plan.count) target = y + slice * plan.to_slice;
          apply(plan.passes[p], source, target);
          source = target;
          std::swap(a, b);
        }
        if constexpr (!direct)
          for (std::int64_t i = 0; i < plan.to_slice; ++i) y[slice * plan.to_slice + i] = rounded(source[i]);
      }
    });
  }

 private:
  /// One axis: (rows, in, block) -> (rows, out, block).
  struct Pass {
    ops::Resize::Axis axis;
    std::int64_t rows = 1;
    std::int64_t block = 1;
    WeightTable<Real> table;
  };

  /// x is `slices` times the elements behind the first resized axis.
  struct Plan {
    std::array<Pass, Shape::max_rank> passes;
    std::size_t count = 0;
    std::int64_t slices = 1;
    std::int64_t from_slice = 0;
    std::int64_t to_slice = 0;
    std::size_t tables = 0;   ///< bytes of all weights
    std::size_t scratch = 0;  ///< bytes of the largest intermediate slice

    [[nodiscard]] std::size_t bytes(int threads) const noexcept { return tables + static_cast<std::size_t>(threads) * 2 * scratch; }
  };

  [[nodiscard]] Plan plan(const Context& c) const {
    const Shape& from = c.input(0).shape;
    const Shape& to = c.output(0).shape;
    Plan plan;
    if (to.elements() == 0) return plan;
    const ops::Resize::Resampling axes = resampling(op_, c);
    std::size_t first = 0;
    while (first < to.rank() && !axes[first].resized) ++first;
    plan.slices = to.elements(0, first);
    plan.from_slice = from.elements(first, from.rank());
    plan.to_slice = to.elements(first, to.rank());
    std::int64_t largest = plan.from_slice;
    for (std::size_t d = first; d < to.rank(); ++d) {
      if (!axes[d].resized) continue;
      Pass& pass = plan.passes[plan.count++];
      pass.axis = axes[d];
      pass.rows = to.elements(first, d);
      pass.block = from.stride(d);
      largest = std::max(largest, pass.rows * pass.axis.out * pass.block);
      plan.tables += WeightTable<Real>::bytes(op_, pass.axis);
    }
    plan.scratch = align_up(static_cast<std::size_t>(largest) * sizeof(Real));
    return plan;
  }

  void apply(const Pass& pass, const Real* x, Real* y) const noexcept {
    const auto outside = static_cast<Real>(op_.extrapolation_value);
    const std::int64_t taps = pass.table.taps;
    const std::int64_t n = pass.block;
    for (std::int64_t r = 0; r < pass.rows; ++r, x += pass.axis.in * n) {
      for (std::int64_t i = 0; i < pass.axis.out; ++i, y += n) {
        const Real* w = pass.table.weights + i * taps;
        const std::int64_t* s = pass.table.sources + i * taps;
        if (s[0] < 0) {
          std::fill_n(y, n, outside);
        } else if (n == 1) {
          Real sum = w[0] * x[s[0]];
          for (std::int64_t t = 1; t < taps; ++t) sum += w[t] * x[s[t]];
          *y = sum;
        } else if (taps == 2) {
          const Real* p = x + s[0] * n;
          const Real* q = x + s[1] * n;
          for (std::int64_t k = 0; k < n; ++k) y[k] = w[0] * p[k] + w[1] * q[k];
        } else {
          for (std::int64_t k = 0; k < n; ++k) y[k] = w[0] * x[s[0] * n + k];
          for (std::int64_t t = 1; t < taps; ++t)
            for (std::int64_t k = 0; k < n; ++k) y[k] += w[t] * x[s[t] * n + k];
        }
      }
    }
  }

  /// Integers round to nearest even and saturate.
  static T rounded(Real value) noexcept {
    if constexpr (std::is_integral_v<T>) {
      constexpr auto least = static_cast<Real>(std::numeric_limits<T>::min());
      constexpr auto most = static_cast<Real>(std::numeric_limits<T>::max());
      value = std::nearbyint(value);
      if (!(value > least)) return std::numeric_limits<T>::min();
      return value < most ? static_cast<T>(value) : std::numeric_limits<T>::max();
    } else {
      return static_cast<T>(value);
    }
  }

  ops::Resize op_;
};

/// Kernels over bytes take the mode nearest, those over numbers the others.
template <class Op, class T>
class ResizeKernel {
  static constexpr bool moves = !Element<T> || std::is_same_v<T, std::string>;
  using Resizer = std::conditional_t<moves, NearestResize<T>, InterpolatingResize<std::conditional_t<moves, float, T>>>;

 public:
  static Support supports(const NodeView& node) {
    const ops::Resize& op = node.op<Op>();
    if (!ElementMatch<T>::matches(node.input_dtype(0)) || moves != (op.mode == ops::Resize::Mode::nearest)) return {false, {}};
    return Support::yes();
  }
  ResizeKernel(const NodeView& node, const CpuDevice&) : resizer_(node.op<Op>(), node.input_dtype(0)) {}
  [[nodiscard]] std::size_t workspace(const Context& c) const { return resizer_.workspace(c); }
  void run(Context& c) const { resizer_.run(c); }

 private:
  Resizer resizer_;
};

}  // namespace detail

template <class T>
class Kernel<ops::Resize, Cpu, T> : public detail::ResizeKernel<ops::Resize, T> {
  using detail::ResizeKernel<ops::Resize, T>::ResizeKernel;
};

template <class T>
class Kernel<ops::Upsample, Cpu, T> : public detail::ResizeKernel<ops::Upsample, T> {
  using detail::ResizeKernel<ops::Upsample, T>::ResizeKernel;
};

}  // namespace hone::inline HONE_ABI
