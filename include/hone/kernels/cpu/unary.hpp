#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include <hone/config.hpp>
#include <hone/kernels/cpu/small_float.hpp>
#include <hone/kernels/functors.hpp>
#include <hone/ops/unary.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>
#include <hone/simd/unary.hpp>

namespace hone::inline HONE_ABI {

namespace cpu {

/// y = f(x) for elements of `size` bytes, shared among the threads in blocks that are worth one: 16 Ki elements take a few microseconds.
/// Not a template: one copy serves all operators and types.
inline void run_unary(simd::UnaryFunction loop, const void* f, std::size_t size, const Context& c) {
  const auto* x = c.in<std::byte>(0);
  auto* y = c.out<std::byte>(0);
  c.parallel_for(c.output(0).elements(), 16 * 1024, [&](std::int64_t begin, std::int64_t end) {
    const std::size_t offset = static_cast<std::size_t>(begin) * size;
    loop(f, x + offset, y + offset, static_cast<std::size_t>(end - begin));
  });
}

/// y = f(x) with an f that is known when the kernel is made.
class UnaryKernel {
 public:
  using Shared = UnaryKernel;

  template <class F, class T>
  UnaryKernel(const simd::UnaryLoop<F, T>& loop, const F& f) : loop_(loop.erased), size_(sizeof(T)) {
    static_assert(sizeof(F) <= sizeof f_ && alignof(F) <= alignof(float) && std::is_trivially_copyable_v<F>);
    std::memcpy(f_, &f, sizeof f);
  }
  void run(Context& c) const { run_unary(loop_, f_, size_, c); }

 private:
  simd::UnaryFunction loop_;
  std::size_t size_;
  alignas(float) std::byte f_[2 * sizeof(float)];
};

/// y[i] = f(x[i]) for what needs no micro-kernel.
template <class X, class Y, class F>
void run_scalars(const Context& c, const F& f) {
  const X* x = c.in<X>(0);
  Y* y = c.out<Y>(0);
  c.parallel_for(c.output(0).elements(), 16 * 1024, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) y[i] = f(x[i]);
  });
}

/// A float of any type as double.
template <class T>
[[nodiscard]] double as_double(T x) noexcept {
  if constexpr (std::is_floating_point_v<T>) {
    return static_cast<double>(x);
  } else {
    return static_cast<double>(SmallFloat::of(dtype_of<T>).decode(x.bits));
  }
}

}  // namespace cpu

template <UnaryOp Op, class T>
class Kernel<Op, Cpu, T> : public cpu::UnaryKernel {
 public:
  using F = decltype(functor(std::declval<const Op&>()));

  Kernel(const NodeView& node, const CpuDevice& device)
      : UnaryKernel(simd::table<simd::UnaryLoop<F, T>>(device.isa), functor(node.op<Op>())) {}
};

template <class T>
class Kernel<ops::Gelu, Cpu, T> : public cpu::UnaryKernel {
 public:
  Kernel(const NodeView& node, const CpuDevice& device)
      : UnaryKernel(node.op<ops::Gelu>().tanh ? UnaryKernel(simd::table<simd::UnaryLoop<simd::GeluTanh, T>>(device.isa), simd::GeluTanh{})
                                              : UnaryKernel(simd::table<simd::UnaryLoop<simd::Gelu, T>>(device.isa), simd::Gelu{})) {}
};

template <class T>
class Kernel<ops::Clip, Cpu, T> {
 public:
  Kernel(const NodeView&, const CpuDevice& device) : loop_(&simd::table<simd::UnaryLoop<simd::Clip<T>, T>>(device.isa)) {}
  void run(Context& c) const {
    constexpr bool real = std::numeric_limits<T>::has_infinity;
    T lo = real ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::lowest();
    T hi = real ? std::numeric_limits<T>::infinity() : std::numeric_limits<T>::max();
    if (c.has_input(1) && c.input(1).elements() == 1) lo = *c.in<T>(1);
    if (c.has_input(2) && c.input(2).elements() == 1) hi = *c.in<T>(2);
    const simd::Clip<T> clip{lo, hi};
    cpu::run_unary(loop_->erased, &clip, sizeof(T), c);
  }

 private:
  const simd::UnaryLoop<simd::Clip<T>, T>* loop_;
};

template <>
class Kernel<ops::Not, Cpu, bool> {
 public:
  Kernel(const NodeView&, const CpuDevice&) {}
  void run(Context& c) const {
    cpu::run_scalars<bool, bool>(c, [](bool x) { return !x; });
  }
};

template <std::unsigned_integral T>
class Kernel<ops::Abs, Cpu, T> {
 public:
  Kernel(const NodeView&, const CpuDevice&) {}
  void run(Context& c) const {
    cpu::run_scalars<T, T>(c, [](T x) { return x; });
  }
};

template <std::unsigned_integral T>
class Kernel<ops::Sign, Cpu, T> {
 public:
  Kernel(const NodeView&, const CpuDevice&) {}
  void run(Context& c) const {
    cpu::run_scalars<T, T>(c, [](T x) { return T(x != 0); });
  }
};

/// Integers of any width, byte by byte.
template <>
class Kernel<ops::BitwiseNot, Cpu> {
 public:
  static Support supports(const NodeView& node) {
    return is_integral(node.input_dtype(0)) ? Support::yes() : Support::no("there are no bits of ", name(node.input_dtype(0)));
  }
  Kernel(const NodeView&, const CpuDevice&) {}
  void run(Context& c) const {
    const auto* x = c.in<std::uint8_t>(0);
    auto* y = c.out<std::uint8_t>(0);
    c.parallel_for(static_cast<std::int64_t>(c.input(0).bytes()), 64 * 1024, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) y[i] = static_cast<std::uint8_t>(~x[i]);
    });
  }
};

template <class T>
class Kernel<ops::Shrink, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<ops::Shrink>()) {}
  void run(Context& c) const {
    // Integers are compared and moved as numpy does it: in double.
    using Real = std::conditional_t<std::is_same_v<T, float>, float, double>;
    cpu::run_scalars<T, T>(c, [lambd = Real(op_.lambd), bias = Real(op_.bias)](T x) {
      const auto value = static_cast<Real>(x);
      return value < -lambd ? static_cast<T>(value + bias) : value > lambd ? static_cast<T>(value - bias) : T(0);
    });
  }

 private:
  ops::Shrink op_;
};

template <class T>
class Kernel<ops::IsNaN, Cpu, T> {
 public:
  Kernel(const NodeView&, const CpuDevice&) {}
  void run(Context& c) const {
    cpu::run_scalars<T, bool>(c, [](T x) { return std::isnan(cpu::as_double(x)); });
  }
};

template <class T>
class Kernel<ops::IsInf, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<ops::IsInf>()) {}
  void run(Context& c) const {
    cpu::run_scalars<T, bool>(c, [this](T x) {
      const double value = cpu::as_double(x);
      return std::isinf(value) && (value > 0 ? op_.positive : op_.negative);
    });
  }

 private:
  ops::IsInf op_;
};

}  // namespace hone::inline HONE_ABI
