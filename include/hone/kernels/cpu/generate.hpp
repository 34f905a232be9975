#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include <hone/config.hpp>
#include <hone/kernels/cpu/element_mover.hpp>
#include <hone/kernels/cpu/strided_copy.hpp>
#include <hone/ops/generate.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

template <>
class Kernel<ops::ConstantOfShape, Cpu> {
 public:
  static Support supports(const NodeView& node) {
    return node.output_dtype(0) == DType::string ? Support::no("ConstantOfShape of strings") : Support::yes();
  }
  Kernel(const NodeView& node, const CpuDevice&) {
    const auto& value = node.op<ops::ConstantOfShape>().value;
    if (!value) return;
    const TensorRef& element = value->tensor;
    const auto count = static_cast<std::int64_t>(8 * pattern_.size()) / bit_width(element.dtype);
    for (std::int64_t i = 0; i < count; ++i) copy_elements(element.dtype, element.data, 0, 1, pattern_.data(), i);
  }
  void run(Context& c) const {
    constexpr auto size = static_cast<std::int64_t>(std::tuple_size_v<Pattern>);
    const auto bytes = static_cast<std::int64_t>(c.output(0).bytes());
    std::byte* y = c.out<std::byte>(0);
    const bool same = std::all_of(pattern_.begin(), pattern_.end(), [&](std::byte byte) { return byte == pattern_[0]; });
    c.parallel_for((bytes + size - 1) / size, copy_block_bytes / size, [&](std::int64_t begin, std::int64_t end) {
      const std::int64_t last = std::min(end * size, bytes);
      std::int64_t i = begin * size;
      if (same) {
        std::memset(y + i, std::to_integer<int>(pattern_[0]), static_cast<std::size_t>(last - i));
        return;
      }
      for (; i + size <= last; i += size) std::memcpy(y + i, pattern_.data(), size);
      std::memcpy(y + i, pattern_.data(), static_cast<std::size_t>(last - i));
    });
  }

 private:
  /// Holds whole elements of each size, also those of 6 bits, four of which take three bytes.
  using Pattern = std::array<std::byte, 3 * 64>;
  alignas(64) Pattern pattern_{};
};

template <class T>
class Kernel<ops::Range, Cpu, T> {
 public:
  Kernel(const NodeView&, const CpuDevice&) {}
  void run(Context& c) const {
    T* y = c.out<T>(0);
    const std::int64_t n = c.output(0).elements();
    if constexpr (std::is_integral_v<T>) {
      // Unsigned: the product may leave the range of T only behind the last element.
      std::uint64_t next = static_cast<std::uint64_t>(*c.in<T>(0));
      for (std::int64_t i = 0; i < n; ++i, next += static_cast<std::uint64_t>(*c.in<T>(2))) y[i] = static_cast<T>(next);
    } else {
      const double start = ops::number_at(c.input(0), 0);
      const double delta = ops::number_at(c.input(2), 0);
      for (std::int64_t i = 0; i < n; ++i) {
        const double value = start + static_cast<double>(i) * delta;
        if constexpr (sizeof(T) == 2) {
          y[i] = T(static_cast<float>(value));
        } else {
          y[i] = static_cast<T>(value);
        }
      }
    }
  }
};

}  // namespace hone::inline HONE_ABI
