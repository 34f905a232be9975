#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include <hone/config.hpp>
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

/// y = f(x), shared among the threads in blocks that are worth one: 16 Ki elements take a few microseconds.
template <class F, class T>
void run_unary(const simd::UnaryLoop<F, T>& loop, const F& f, const Context& c) {
  constexpr std::int64_t grain = 16 * 1024;
  const T* x = c.in<T>(0);
  T* y = c.out<T>(0);
  c.parallel_for(c.output(0).elements(), grain,
                 [&](std::int64_t begin, std::int64_t end) { loop.run(f, x + begin, y + begin, static_cast<std::size_t>(end - begin)); });
}

/// y[i] = f(x[i]) for what needs no micro-kernel.
template <class X, class Y, class F>
void run_scalars(const Context& c, const F& f) {
  const X* x = c.in<X>(0);
  Y* y = c.out<Y>(0);
  c.parallel_for(c.output(0).elements(), 16 * 1024, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) y[i] = f(x[i]);
  });
}

}  // namespace cpu

template <cpu::UnaryOp Op, class T>
class Kernel<Op, Cpu, T> {
 public:
  using F = decltype(cpu::unary(std::declval<const Op&>()));

  Kernel(const NodeView& node, const CpuDevice& device)
      : f_(cpu::unary(node.op<Op>())), loop_(&simd::table<simd::UnaryLoop<F, T>>(device.isa)) {}
  void run(Context& c) const { cpu::run_unary(*loop_, f_, c); }

 private:
  F f_;
  const simd::UnaryLoop<F, T>* loop_;
};

template <class T>
class Kernel<ops::Gelu, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice& device) : tanh_(node.op<ops::Gelu>().tanh), isa_(device.isa) {}
  void run(Context& c) const {
    if (tanh_) {
      cpu::run_unary(simd::table<simd::UnaryLoop<simd::GeluTanh, T>>(isa_), simd::GeluTanh{}, c);
    } else {
      cpu::run_unary(simd::table<simd::UnaryLoop<simd::Gelu, T>>(isa_), simd::Gelu{}, c);
    }
  }

 private:
  bool tanh_;
  simd::Isa isa_;
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
    cpu::run_unary(*loop_, simd::Clip<T>{lo, hi}, c);
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

template <class T>
class Kernel<ops::IsNaN, Cpu, T> {
 public:
  Kernel(const NodeView&, const CpuDevice&) {}
  void run(Context& c) const {
    cpu::run_scalars<T, bool>(c, [](T x) { return std::isnan(static_cast<double>(x)); });
  }
};

template <class T>
class Kernel<ops::IsInf, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<ops::IsInf>()) {}
  void run(Context& c) const {
    cpu::run_scalars<T, bool>(c, [this](T x) {
      const auto value = static_cast<double>(x);
      return std::isinf(value) && (value > 0 ? op_.positive : op_.negative);
    });
  }

 private:
  ops::IsInf op_;
};

}  // namespace hone::inline HONE_ABI
