#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <variant>

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

/// The type of the parts of a complex number, and of what has no parts.
[[nodiscard]] constexpr DType real_part(DType dtype) noexcept {
  return dtype == DType::complex64 ? DType::float32 : dtype == DType::complex128 ? DType::float64 : dtype;
}

/// y[i] = x[offsets[i]] for elements of type T, or `outside` where the offset is negative.
template <class T>
void copy_nearest(const void* from, const std::int64_t* offsets, std::int64_t n, const void* outside, void* to) {
  const T* x = static_cast<const T*>(from);
  T* y = static_cast<T*>(to);
  for (std::int64_t i = 0; i < n; ++i) y[i] = offsets[i] < 0 ? *static_cast<const T*>(outside) : x[offsets[i]];
}

using CopyNearest = void (*)(const void* from, const std::int64_t* offsets, std::int64_t n, const void* outside, void* to);

inline CopyNearest copy_nearest_of(DType dtype) noexcept {
  if (dtype == DType::string) return &copy_nearest<std::string>;
  switch (element_size(dtype)) {
    case 1:
      return &copy_nearest<Bytes<1>>;
    case 2:
      return &copy_nearest<Bytes<2>>;
    case 4:
      return &copy_nearest<Bytes<4>>;
    case 8:
      return &copy_nearest<Bytes<8>>;
    default:
      return &copy_nearest<Bytes<16>>;
  }
}

/// Moves the nearest elements.
class NearestResize {
 public:
  NearestResize(const ops::Resize& op, DType dtype) : op_(op), mover_(dtype), copy_(copy_nearest_of(dtype)) {
    const float value = op.extrapolation_value;
    const DType number = real_part(dtype);
    if (number == DType::float64) {
      const auto wide = static_cast<double>(value);
      store_numbers(number, outside_, 0, 1, &wide, {});
    } else if (number != DType::string) {
      store_numbers(number, outside_, 0, 1, &value, {});
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
    const void* x = c.input(0).data;
    const std::string nothing;
    const auto* outside = mover_.strings() ? reinterpret_cast<const std::byte*>(&nothing) : outside_;
    c.parallel_for(to.elements(0, last), std::max<std::int64_t>(mover_.block() / row, 1), [&](std::int64_t begin, std::int64_t end) {
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
        std::byte* target = mover_.at(c.output(0).data, r * row);
        if (!inside) {
          mover_.fill(target, row, outside);
          previous = -1;
        } else if (base == previous) {
          mover_.copy(target - row * mover_.size(), row, target);
        } else {
          copy_row(mover_.at(x, base), offsets[last], to[last], block, outside, target);
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

  void copy_row(const std::byte* x, const std::int64_t* offsets, std::int64_t n, std::int64_t block, const std::byte* outside,
                std::byte* y) const {
    if (block == 1) return copy_(x, offsets, n, outside, y);
    for (std::int64_t i = 0; i < n; ++i)
      y = offsets[i] < 0 ? mover_.fill(y, block, outside) : mover_.copy(mover_.at(x, offsets[i]), block, y);
  }

  ops::Resize op_;
  ElementMover mover_;
  CopyNearest copy_;
  alignas(16) std::byte outside_[16] = {};
};

/// Linear and cubic: one axis after the other, the slice behind the first resized axis in the scratch of its thread. Real is double
/// where float would lose digits; elements of other types are converted to it and back. Complex numbers are two real ones.
template <class Real>
class InterpolatingResize {
 public:
  InterpolatingResize(const ops::Resize& op, DType dtype) : op_(op), dtype_(real_part(dtype)), parts_(dtype == real_part(dtype) ? 1 : 2) {}

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
    const bool direct = dtype_ == dtype_of<Real>;
    const void* x = c.input(0).data;
    void* y = c.output(0).data;
    const std::int64_t grain = std::max<std::int64_t>(ElementMover(dtype_).block() / 4 / plan.to_slice, 1);
    c.parallel_for(plan.slices, grain, [&](std::int64_t begin, std::int64_t end, int slot) {
      auto* a = reinterpret_cast<Real*>(memory + static_cast<std::size_t>(slot) * 2 * plan.scratch);
      auto* b = reinterpret_cast<Real*>(memory + (static_cast<std::size_t>(slot) * 2 + 1) * plan.scratch);
      for (std::int64_t slice = begin; slice < end; ++slice) {
        const Real* source;
        if (direct) {
          source = static_cast<const Real*>(x) + slice * plan.from_slice;
        } else {
          load_numbers(dtype_, x, slice * plan.from_slice, plan.from_slice, a);
          source = a;
          std::swap(a, b);
        }
        for (std::size_t p = 0; p < plan.count; ++p) {
          Real* target = a;
          if (direct && p + 1 == plan.count) target = static_cast<Real*>(y) + slice * plan.to_slice;
          apply(plan.passes[p], source, target);
          source = target;
          std::swap(a, b);
        }
        if (!direct) {
          // The last slice that was computed is in b now.
          if (is_integer_like(dtype_)) round(b, plan.to_slice);
          store_numbers(dtype_, y, slice * plan.to_slice, plan.to_slice, static_cast<const Real*>(b), {});
        }
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
    plan.from_slice = from.elements(first, from.rank()) * parts_;
    plan.to_slice = to.elements(first, to.rank()) * parts_;
    std::int64_t largest = plan.from_slice;
    for (std::size_t d = first; d < to.rank(); ++d) {
      if (!axes[d].resized) continue;
      Pass& pass = plan.passes[plan.count++];
      pass.axis = axes[d];
      pass.rows = to.elements(first, d);
      pass.block = from.stride(d) * parts_;
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
          std::fill_n(y, n, Real(0));
          for (std::int64_t k = 0; k < n; k += parts_) y[k] = outside;
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
  void round(Real* values, std::int64_t n) const noexcept {
    const bool negative = dtype_ == DType::int8 || dtype_ == DType::int16 || dtype_ == DType::int32 || dtype_ == DType::int64;
    const int bits = bit_width(dtype_);
    const auto least = negative ? -std::ldexp(Real(1), bits - 1) : Real(0);
    const auto beyond = std::ldexp(Real(1), negative ? bits - 1 : bits);
    // 2^64 and 2^63 saturate when they are stored; smaller limits are numbers of type Real.
    const Real most = bits < 64 ? beyond - 1 : beyond;
    for (std::int64_t i = 0; i < n; ++i) {
      const Real value = std::nearbyint(values[i]);
      values[i] = !(value > least) ? least : value < most ? value : most;
    }
  }

  ops::Resize op_;
  DType dtype_;
  std::int64_t parts_;
};

/// The nearest elements move whatever they are, the other modes compute with numbers.
class ResizeKernel {
 public:
  using Shared = ResizeKernel;

  static Support supports(const ops::Resize& op, DType dtype) {
    if (op.mode == ops::Resize::Mode::nearest) return ElementMover::support(dtype);
    const bool numbers = real_numbers.contains(real_part(dtype)) || dtype == DType::boolean;
    return numbers ? Support::yes() : Support::no("no interpolation of ", hone::name(dtype));
  }
  ResizeKernel(const ops::Resize& op, DType dtype) : resizer_(resizer(op, dtype)) {}
  [[nodiscard]] std::size_t workspace(const Context& c) const {
    return std::visit([&](const auto& resizer) { return resizer.workspace(c); }, resizer_);
  }
  void run(Context& c) const {
    std::visit([&](const auto& resizer) { resizer.run(c); }, resizer_);
  }

 private:
  using Resizer = std::variant<NearestResize, InterpolatingResize<float>, InterpolatingResize<double>>;

  static Resizer resizer(const ops::Resize& op, DType dtype) {
    if (op.mode == ops::Resize::Mode::nearest) return NearestResize(op, dtype);
    const bool wide = dtype == DType::float64 || dtype == DType::complex128 || (is_integral(dtype) && bit_width(dtype) > 16);
    return wide ? Resizer(InterpolatingResize<double>(op, dtype)) : Resizer(InterpolatingResize<float>(op, dtype));
  }

  Resizer resizer_;
};

}  // namespace detail

template <>
class Kernel<ops::Resize, Cpu> : public detail::ResizeKernel {
 public:
  static Support supports(const NodeView& node) { return ResizeKernel::supports(node.op<ops::Resize>(), node.input_dtype(0)); }
  Kernel(const NodeView& node, const CpuDevice&) : ResizeKernel(node.op<ops::Resize>(), node.input_dtype(0)) {}
};

template <>
class Kernel<ops::Upsample, Cpu> : public detail::ResizeKernel {
 public:
  static Support supports(const NodeView& node) { return ResizeKernel::supports(node.op<ops::Upsample>(), node.input_dtype(0)); }
  Kernel(const NodeView& node, const CpuDevice&) : ResizeKernel(node.op<ops::Upsample>(), node.input_dtype(0)) {}
};

template <>
class Kernel<ops::ImageUpsample, Cpu> : public detail::ResizeKernel {
 public:
  static Support supports(const NodeView& node) { return ResizeKernel::supports(node.op<ops::ImageUpsample>(), node.input_dtype(0)); }
  Kernel(const NodeView& node, const CpuDevice&) : ResizeKernel(node.op<ops::ImageUpsample>(), node.input_dtype(0)) {}
};

}  // namespace hone::inline HONE_ABI
