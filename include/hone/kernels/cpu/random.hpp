#pragma once

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <numbers>
#include <optional>
#include <type_traits>

#include <hone/config.hpp>
#include <hone/kernels/cpu/number_conversion.hpp>
#include <hone/ops/dimensions.hpp>
#include <hone/ops/random.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

namespace cpu {

/// Random numbers by position, so that any thread can make any of them.
/// Source: SplitMix64 (Steele, Lea and Flood, Fast splittable pseudorandom number generators, 2014).
class RandomNumbers {
 public:
  /// Without a seed, every object gives other numbers.
  explicit RandomNumbers(const std::optional<float>& seed) noexcept
      : state_(seed ? std::bit_cast<std::uint32_t>(*seed)
                    : mixed(static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count()) +
                            reinterpret_cast<std::uintptr_t>(this))) {}

  /// In [0, 1).
  [[nodiscard]] double uniform(std::int64_t i) const noexcept { return static_cast<double>(bits(i) >> 11) * 0x1p-53; }
  /// Mean 0, standard deviation 1 (Box and Muller, A note on the generation of random normal deviates, 1958).
  [[nodiscard]] double normal(std::int64_t i) const noexcept {
    return std::sqrt(-2 * std::log(1 - uniform(2 * i))) * std::cos(2 * std::numbers::pi * uniform(2 * i + 1));
  }

 private:
  static constexpr std::uint64_t step = 0x9e3779b97f4a7c15;
  static std::uint64_t mixed(std::uint64_t z) noexcept {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  [[nodiscard]] std::uint64_t bits(std::int64_t i) const noexcept {
    return mixed(mixed(state_) + step * static_cast<std::uint64_t>(i + 1));
  }

  std::uint64_t state_;
};

/// Output 0 = number(i) for each element, in any type.
template <class Number>
void fill_numbers(const Context& c, const Number& number) {
  const TensorRef& y = c.output(0);
  constexpr std::int64_t block = 256;
  c.parallel_for(y.elements(), 4 * block, [&](std::int64_t begin, std::int64_t end) {
    double values[block];
    for (std::int64_t i = begin; i < end; i += block) {
      const std::int64_t n = std::min(block, end - i);
      for (std::int64_t k = 0; k < n; ++k) values[k] = number(i + k);
      store_numbers(y.dtype, y.data, i, n, values, {});
    }
  });
}

}  // namespace cpu

template <class Op>
requires std::derived_from<Op, ops::RandomOperator>
class Kernel<Op, Cpu> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<Op>()) {}
  void run(Context& c) const {
    const cpu::RandomNumbers random(op_.seed);
    if constexpr (std::same_as<Op, ops::Bernoulli>) {
      cpu::fill_numbers(c, [&](std::int64_t i) { return random.uniform(i) < ops::number_at(c.input(0), i) ? 1.0 : 0.0; });
    } else if constexpr (std::same_as<Op, ops::Multinomial>) {
      const std::int64_t classes = c.input(0).shape[1];
      if (classes == 0 && c.output(0).elements() != 0) return c.fail("there are no classes to draw from");
      cpu::fill_numbers(c, [&](std::int64_t i) { return drawn(c.input(0), i / op_.sample_size * classes, classes, random.uniform(i)); });
    } else {
      const double first = static_cast<double>(op_.first);
      const double second = static_cast<double>(op_.second);
      cpu::fill_numbers(
          c, [&](std::int64_t i) { return Op::normal ? first + second * random.normal(i) : first + (second - first) * random.uniform(i); });
    }
  }

 private:
  /// The class at the quantile `at` of the distribution whose logarithms stand from `first` on.
  static double drawn(const TensorRef& x, std::int64_t first, std::int64_t classes, double at) {
    double most = ops::number_at(x, first);
    for (std::int64_t k = 1; k < classes; ++k) most = std::max(most, ops::number_at(x, first + k));
    double sum = 0;
    for (std::int64_t k = 0; k < classes; ++k) sum += std::exp(ops::number_at(x, first + k) - most);
    at *= sum;
    for (std::int64_t k = 0; k + 1 < classes; ++k) {
      at -= std::exp(ops::number_at(x, first + k) - most);
      if (at < 0) return static_cast<double>(k);
    }
    return static_cast<double>(classes - 1);
  }

  Op op_;
};

}  // namespace hone::inline HONE_ABI
