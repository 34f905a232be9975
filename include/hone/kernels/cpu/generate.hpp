#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <type_traits>

#include <hone/config.hpp>
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
    const int bits = bit_width(value->tensor.dtype);
    std::array<std::byte, 16> element{};
    std::memcpy(element.data(), value->tensor.data, value->tensor.bytes());
    if (bits < 8) {
      // Elements that share a byte: one of them, repeated.
      unsigned packed = std::to_integer<unsigned>(element[0]) & ((1U << bits) - 1);
      for (int filled = bits; filled < 8; filled *= 2) packed |= packed << filled;
      element[0] = static_cast<std::byte>(packed);
    }
    const std::size_t size = value->tensor.bytes();
    for (std::size_t i = 0; i < pattern_.size(); ++i) pattern_[i] = element[i % size];
  }
  void run(Context& c) const {
    const auto bytes = static_cast<std::int64_t>(c.output(0).bytes());
    std::byte* y = c.out<std::byte>(0);
    const bool same = std::all_of(pattern_.begin(), pattern_.end(), [&](std::byte byte) { return byte == pattern_[0]; });
    c.parallel_for(bytes, copy_block_bytes, [&](std::int64_t begin, std::int64_t end) {
      if (same) {
        std::memset(y + begin, std::to_integer<int>(pattern_[0]), static_cast<std::size_t>(end - begin));
        return;
      }
      std::int64_t i = begin;
      for (; i + 64 <= end; i += 64) std::memcpy(y + i, pattern_.data(), 64);
      std::memcpy(y + i, pattern_.data(), static_cast<std::size_t>(end - i));
    });
  }

 private:
  alignas(64) std::array<std::byte, 64> pattern_{};
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
