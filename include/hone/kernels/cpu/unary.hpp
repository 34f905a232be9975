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
#include <hone/ops/unary.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>
#include <hone/simd/unary.hpp>

namespace hone::inline HONE_ABI {

namespace cpu {

// What each operator computes: one line per operator.
// clang-format off
constexpr simd::Abs             unary(const ops::Abs&) noexcept { return {}; }
constexpr simd::Acos            unary(const ops::Acos&) noexcept { return {}; }
constexpr simd::Acosh           unary(const ops::Acosh&) noexcept { return {}; }
constexpr simd::Asin            unary(const ops::Asin&) noexcept { return {}; }
constexpr simd::Asinh           unary(const ops::Asinh&) noexcept { return {}; }
constexpr simd::Atan            unary(const ops::Atan&) noexcept { return {}; }
constexpr simd::Atanh           unary(const ops::Atanh&) noexcept { return {}; }
constexpr simd::Ceil            unary(const ops::Ceil&) noexcept { return {}; }
constexpr simd::Celu            unary(const ops::Celu& op) noexcept { return {op.alpha}; }
constexpr simd::Cos             unary(const ops::Cos&) noexcept { return {}; }
constexpr simd::Cosh            unary(const ops::Cosh&) noexcept { return {}; }
constexpr simd::Elu             unary(const ops::Elu& op) noexcept { return {op.alpha}; }
constexpr simd::Erf             unary(const ops::Erf&) noexcept { return {}; }
constexpr simd::Exp             unary(const ops::Exp&) noexcept { return {}; }
constexpr simd::Floor           unary(const ops::Floor&) noexcept { return {}; }
constexpr simd::HardSigmoid     unary(const ops::HardSigmoid& op) noexcept { return {op.alpha, op.beta}; }
constexpr simd::HardSwish       unary(const ops::HardSwish&) noexcept { return {}; }
constexpr simd::LeakyRelu       unary(const ops::LeakyRelu& op) noexcept { return {op.alpha}; }
constexpr simd::Log             unary(const ops::Log&) noexcept { return {}; }
constexpr simd::Mish            unary(const ops::Mish&) noexcept { return {}; }
constexpr simd::Neg             unary(const ops::Neg&) noexcept { return {}; }
constexpr simd::Reciprocal      unary(const ops::Reciprocal&) noexcept { return {}; }
constexpr simd::Relu            unary(const ops::Relu&) noexcept { return {}; }
constexpr simd::Round           unary(const ops::Round&) noexcept { return {}; }
constexpr simd::Selu            unary(const ops::Selu& op) noexcept { return {op.alpha, op.gamma}; }
constexpr simd::Sigmoid         unary(const ops::Sigmoid&) noexcept { return {}; }
constexpr simd::Sign            unary(const ops::Sign&) noexcept { return {}; }
constexpr simd::Sin             unary(const ops::Sin&) noexcept { return {}; }
constexpr simd::Sinh            unary(const ops::Sinh&) noexcept { return {}; }
constexpr simd::Softplus        unary(const ops::Softplus&) noexcept { return {}; }
constexpr simd::Softsign        unary(const ops::Softsign&) noexcept { return {}; }
constexpr simd::Sqrt            unary(const ops::Sqrt&) noexcept { return {}; }
constexpr simd::Swish           unary(const ops::Swish& op) noexcept { return {op.alpha}; }
constexpr simd::Tan             unary(const ops::Tan&) noexcept { return {}; }
constexpr simd::Tanh            unary(const ops::Tanh&) noexcept { return {}; }
constexpr simd::ThresholdedRelu unary(const ops::ThresholdedRelu& op) noexcept { return {op.alpha}; }
// clang-format on

template <class Op>
concept UnaryOp = requires(const Op& op) {
  unary(op);
};

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

template <cpu::UnaryOp Op, class T>
class Kernel<Op, Cpu, T> : public cpu::UnaryKernel {
 public:
  using F = decltype(cpu::unary(std::declval<const Op&>()));

  Kernel(const NodeView& node, const CpuDevice& device)
      : UnaryKernel(simd::table<simd::UnaryLoop<F, T>>(device.isa), cpu::unary(node.op<Op>())) {}
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
