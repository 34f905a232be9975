#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <string>

#include <hone/config.hpp>
#include <hone/kernels/cpu/order_key.hpp>
#include <hone/ops/compress.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

/// Sorts the indices of the slices, then walks over them. Numbers become 64-bit keys first, so that there is one sort for all types.
template <>
class Kernel<ops::Unique, Cpu> {
 public:
  static Support supports(const NodeView& node) {
    const DType dtype = node.input_dtype(0);
    const bool good = is_integral(dtype) || dtype == DType::boolean || dtype == DType::float32 || dtype == DType::float64 ||
                      dtype == DType::float16 || dtype == DType::bfloat16 || dtype == DType::string || is_complex(dtype);
    return good ? Support::yes() : Support::no("Unique of ", hone::name(dtype));
  }
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<ops::Unique>()) {}

  [[nodiscard]] std::size_t workspace(const Context& c) const {
    const TensorRef& x = c.input(0);
    const std::size_t keys = x.dtype == DType::string ? 0 : static_cast<std::size_t>(x.elements() * keys_of(x.dtype));
    return (keys + static_cast<std::size_t>(Slices(op_, x.shape).n) * lists) * 8;
  }

  void run(Context& c) const {
    const TensorRef x = c.input(0);
    const auto rank = static_cast<std::int64_t>(x.shape.rank());
    if (op_.axis && (*op_.axis < -rank || *op_.axis >= rank)) return c.fail("axis ", *op_.axis, " is out of range for rank ", rank);
    const Slices slices(op_, x.shape);
    auto* memory = reinterpret_cast<std::int64_t*>(c.workspace());
    if (x.dtype == DType::string) {
      find(c, slices, x.as<const std::string>(), memory);
    } else {
      auto* keys = reinterpret_cast<std::uint64_t*>(memory + lists * slices.n);
      make_keys(x, keys);
      find(c, slices, static_cast<const std::uint64_t*>(keys), memory);
    }
  }

 private:
  static constexpr std::int64_t lists = 6;  // of one number per slice, in the workspace

  static bool is_complex(DType dtype) noexcept { return dtype == DType::complex64 || dtype == DType::complex128; }
  /// Keys per element: complex numbers are ordered by their real parts, then by their imaginary parts.
  static std::int64_t keys_of(DType dtype) noexcept { return is_complex(dtype) ? 2 : 1; }

  /// x as (outer, n, inner).
  struct Slices {
    Slices(const ops::Unique& op, const Shape& shape) {
      const auto rank = static_cast<std::int64_t>(shape.rank());
      if (!op.axis || *op.axis < -rank || *op.axis >= rank) {
        n = shape.elements();
        return;
      }
      along = normalized_axis(*op.axis, shape.rank());
      outer = shape.elements(0, along);
      n = shape[along];
      inner = shape.stride(along);
    }
    std::size_t along = 0;
    std::int64_t outer = 1;
    std::int64_t n = 0;
    std::int64_t inner = 1;
  };

  static void make_keys(const TensorRef& x, std::uint64_t* keys) {
    const auto fill = [&]<class T>(const T*) {
      const T* from = x.as<const T>();
      const std::int64_t n = x.elements() * keys_of(x.dtype);
      for (std::int64_t i = 0; i < n; ++i) keys[i] = order_key(from[i]);
    };
    switch (x.dtype) {
      case DType::float32:
      case DType::complex64:
        return fill(static_cast<const float*>(nullptr));
      case DType::float64:
      case DType::complex128:
        return fill(static_cast<const double*>(nullptr));
      case DType::float16:
        return fill(static_cast<const Half*>(nullptr));
      case DType::bfloat16:
        return fill(static_cast<const BFloat16*>(nullptr));
      case DType::int8:
        return fill(static_cast<const std::int8_t*>(nullptr));
      case DType::int16:
        return fill(static_cast<const std::int16_t*>(nullptr));
      case DType::int32:
        return fill(static_cast<const std::int32_t*>(nullptr));
      case DType::int64:
        return fill(static_cast<const std::int64_t*>(nullptr));
      case DType::uint16:
        return fill(static_cast<const std::uint16_t*>(nullptr));
      case DType::uint32:
        return fill(static_cast<const std::uint32_t*>(nullptr));
      case DType::uint64:
        return fill(static_cast<const std::uint64_t*>(nullptr));
      default:
        return fill(static_cast<const std::uint8_t*>(nullptr));
    }
  }

  template <class Key>
  void find(Context& c, const Slices& s, const Key* keys, std::int64_t* memory) const {
    std::int64_t* order = memory;  // slices by content, then by index
    std::int64_t* group_of = memory + s.n;
    std::int64_t* first = memory + 2 * s.n;  // per group: its first slice
    std::int64_t* count = memory + 3 * s.n;
    std::int64_t* groups = memory + 4 * s.n;    // the groups in the order of the output
    std::int64_t* position = memory + 5 * s.n;  // and the inverse
    const std::int64_t inner = s.inner * keys_of(c.input(0).dtype);
    const auto compare = [&](std::int64_t a, std::int64_t b) {
      for (std::int64_t o = 0; o < s.outer; ++o) {
        const Key* left = keys + (o * s.n + a) * inner;
        const Key* right = keys + (o * s.n + b) * inner;
        for (std::int64_t i = 0; i < inner; ++i)
          if (left[i] != right[i]) return left[i] < right[i] ? -1 : 1;
      }
      return 0;
    };
    std::iota(order, order + s.n, 0);
    std::sort(order, order + s.n, [&](std::int64_t a, std::int64_t b) {
      const int sign = compare(a, b);
      return sign != 0 ? sign < 0 : a < b;
    });
    std::int64_t found = 0;
    for (std::int64_t i = 0; i < s.n; ++i) {
      if (i == 0 || compare(order[i - 1], order[i]) != 0) {
        first[found] = order[i];
        count[found++] = 0;
      }
      group_of[order[i]] = found - 1;
      ++count[found - 1];
    }
    std::iota(groups, groups + found, 0);
    if (!op_.sorted) std::sort(groups, groups + found, [&](std::int64_t a, std::int64_t b) { return first[a] < first[b]; });
    for (std::int64_t i = 0; i < found; ++i) position[groups[i]] = i;

    write(c, s, first, groups, found);
    const auto list = [&](std::size_t output, std::int64_t n, auto value) {
      if (!c.has_output(output)) return;
      std::int64_t* y = c.allocate(output, DType::int64, {n}).as<std::int64_t>();
      for (std::int64_t i = 0; i < n; ++i) y[i] = value(i);
    };
    list(1, found, [&](std::int64_t i) { return first[groups[i]]; });
    list(2, s.n, [&](std::int64_t i) { return position[group_of[i]]; });
    list(3, found, [&](std::int64_t i) { return count[groups[i]]; });
  }

  void write(Context& c, const Slices& s, const std::int64_t* first, const std::int64_t* groups, std::int64_t found) const {
    if (!c.has_output(0)) return;
    const TensorRef x = c.input(0);
    Shape to{found};
    if (op_.axis) {
      to = x.shape;
      to[s.along] = found;
    }
    const TensorRef& y = c.allocate(0, x.dtype, to);
    const std::size_t bytes = static_cast<std::size_t>(s.inner) * element_size(x.dtype);
    for (std::int64_t o = 0; o < s.outer; ++o) {
      for (std::int64_t i = 0; i < found; ++i) {
        const std::int64_t source = o * s.n + first[groups[i]];
        const std::int64_t target = o * found + i;
        if (x.dtype == DType::string) {
          std::copy_n(x.as<const std::string>() + source * s.inner, s.inner, y.as<std::string>() + target * s.inner);
        } else if (bytes != 0) {
          std::memcpy(y.as<std::byte>() + static_cast<std::size_t>(target) * bytes,
                      x.as<const std::byte>() + static_cast<std::size_t>(source) * bytes, bytes);
        }
      }
    }
  }

  ops::Unique op_;
};

}  // namespace hone::inline HONE_ABI
