#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>

#include <hone/config.hpp>
#include <hone/simd/arch.hpp>
#include <hone/simd/exponential.hpp>
#include <hone/simd/lanes.hpp>
#include <hone/simd/table.hpp>

namespace hone::inline HONE_ABI::simd {

/// f, x and y point to the types of the UnaryLoop that the function is taken from.
using UnaryFunction = void (*)(const void* f, const void* x, void* y, std::size_t n) noexcept;

/// y[i] = f(x[i]). Shapes: x (n), y (n). Any alignment; y may be x, and may not overlap it otherwise.
/// An element's result does not depend on its position, so an array may be cut anywhere among threads.
template <class F, class T>
struct UnaryLoop {
  static_assert(Scalar<T>, "the loops of simd/ compute with numbers: there is none of this operator for this element type");

  /// The loop, its types erased: what drives it is then no template on them.
  UnaryFunction erased;
  Isa isa;

  HONE_ALWAYS_INLINE void run(const F& f, const T* x, T* y, std::size_t n) const noexcept { erased(&f, x, y, n); }

  template <class Arch>
  static constexpr UnaryLoop make() noexcept;
};

// Functors: y = f(x) for a scalar and for a batch. NaN in gives NaN out. Written `x < 0 ? g(x) : x` rather than the other way
// round, because then NaN falls through to x.
// clang-format off
struct Identity   { template <class V> HONE_LANE V operator()(V x) const noexcept { return x; } };
struct Abs        { template <class V> HONE_LANE V operator()(V x) const noexcept { return abs(x); } };
struct Neg        { template <class V> HONE_LANE V operator()(V x) const noexcept { return negate(x); } };
struct Sign       { template <class V> HONE_LANE V operator()(V x) const noexcept { return select(x > V(0), V(1), select(x < V(0), V(-1), x)); } };
struct Relu       { template <class V> HONE_LANE V operator()(V x) const noexcept { return select(x < V(0), V(0), x); } };
struct Reciprocal { template <class V> HONE_LANE V operator()(V x) const noexcept { return V(1) / x; } };
struct Sqrt       { template <class V> HONE_LANE V operator()(V x) const noexcept { return sqrt(x); } };
struct Exp        { template <class V> HONE_LANE V operator()(V x) const noexcept { return exponential(x); } };
struct Log        { template <class V> HONE_LANE V operator()(V x) const noexcept { return log(x); } };
struct Erf        { template <class V> HONE_LANE V operator()(V x) const noexcept { return error_function(x); } };
struct Ceil       { template <class V> HONE_LANE V operator()(V x) const noexcept { return ceil(x); } };
struct Floor      { template <class V> HONE_LANE V operator()(V x) const noexcept { return floor(x); } };
/// Halfway cases to even.
struct Round      { template <class V> HONE_LANE V operator()(V x) const noexcept { return nearbyint(x); } };
struct Sigmoid    { template <class V> HONE_LANE V operator()(V x) const noexcept { return logistic(V(1), x); } };
struct Tanh       { template <class V> HONE_LANE V operator()(V x) const noexcept { return tanh(x); } };
struct Sinh       { template <class V> HONE_LANE V operator()(V x) const noexcept { return sinh(x); } };
struct Cosh       { template <class V> HONE_LANE V operator()(V x) const noexcept { return cosh(x); } };
struct Asin       { template <class V> HONE_LANE V operator()(V x) const noexcept { return asin(x); } };
struct Acos       { template <class V> HONE_LANE V operator()(V x) const noexcept { return acos(x); } };
struct Atan       { template <class V> HONE_LANE V operator()(V x) const noexcept { return atan(x); } };
struct Asinh      { template <class V> HONE_LANE V operator()(V x) const noexcept { return asinh(x); } };
struct Acosh      { template <class V> HONE_LANE V operator()(V x) const noexcept { return acosh(x); } };
struct Atanh      { template <class V> HONE_LANE V operator()(V x) const noexcept { return atanh(x); } };
/// log(1 + exp(x)), without overflow.
struct Softplus   { template <class V> HONE_LANE V operator()(V x) const noexcept { return Relu{}(x) + log1p(exp(-abs(x))); } };
struct Softsign   { template <class V> HONE_LANE V operator()(V x) const noexcept { return x / (V(1) + abs(x)); } };

// Scalar: the range reduction of xsimd for large arguments is a function without the architecture in its name.
struct Sin { using scalar_only = void; template <Scalar V> HONE_LANE V operator()(V x) const noexcept { return std::sin(x); } };
struct Cos { using scalar_only = void; template <Scalar V> HONE_LANE V operator()(V x) const noexcept { return std::cos(x); } };
struct Tan { using scalar_only = void; template <Scalar V> HONE_LANE V operator()(V x) const noexcept { return std::tan(x); } };
// clang-format on

/// min(max(x, lo), hi), except that NaN stays.
template <class T>
struct Clip {
  T lo;
  T hi;
  template <class V>
  HONE_LANE V operator()(V x) const noexcept {
    x = select(x < V(lo), V(lo), x);
    return select(x > V(hi), V(hi), x);
  }
};

// Parameters are float because ONNX attributes are.
// clang-format off
/// x < 0 ? alpha x : x
struct LeakyRelu { float alpha; template <class V> HONE_LANE V operator()(V x) const noexcept { return select(x < V(0), constant<V>(alpha) * x, x); } };
/// x <= alpha ? 0 : x
struct ThresholdedRelu { float alpha; template <class V> HONE_LANE V operator()(V x) const noexcept { return select(x <= constant<V>(alpha), V(0), x); } };
/// x < 0 ? alpha (exp(x) - 1) : x
struct Elu { float alpha; template <class V> HONE_LANE V operator()(V x) const noexcept { return select(x < V(0), constant<V>(alpha) * expm1(x), x); } };
/// gamma (x < 0 ? alpha (exp(x) - 1) : x)
struct Selu { float alpha; float gamma; template <class V> HONE_LANE V operator()(V x) const noexcept { return constant<V>(gamma) * select(x < V(0), constant<V>(alpha) * expm1(x), x); } };
/// x < 0 ? alpha (exp(x / alpha) - 1) : x
struct Celu { float alpha; template <class V> HONE_LANE V operator()(V x) const noexcept { return select(x < V(0), constant<V>(alpha) * expm1(x / constant<V>(alpha)), x); } };
/// min(max(alpha x + beta, 0), 1)
struct HardSigmoid { float alpha; float beta; template <class V> HONE_LANE V operator()(V x) const noexcept { return Clip<lane_t<V>>{0, 1}(constant<V>(alpha) * x + constant<V>(beta)); } };
/// x min(max(x / 6 + 1/2, 0), 1)
struct HardSwish { template <class V> HONE_LANE V operator()(V x) const noexcept { return x * Clip<lane_t<V>>{0, 1}(x * constant<V>(1.0 / 6) + constant<V>(0.5)); } };
/// x / (1 + exp(-alpha x))
struct Swish { float alpha; template <class V> HONE_LANE V operator()(V x) const noexcept { return logistic(x, constant<V>(alpha) * x); } };
/// x/2 (1 + erf(x / sqrt(2)))
struct Gelu { template <class V> HONE_LANE V operator()(V x) const noexcept { return constant<V>(0.5) * x * (V(1) + error_function(x * constant<V>(0.70710678118654752440))); } };
/// x/2 (1 + tanh(t)) = x / (1 + e^-2t) with t = sqrt(2/pi) (x + 0.044715 x^3)
struct GeluTanh { template <class V> HONE_LANE V operator()(V x) const noexcept { return logistic(x, constant<V>(1.59576912160573071176) * x * (V(1) + constant<V>(0.044715) * x * x)); } };
// clang-format on

/// x tanh(log(1 + exp(x)))
struct Mish {
  template <class V>
  HONE_LANE V operator()(V x) const noexcept {
    // With t = exp(x) and m = t (t + 2): tanh(log(1 + t)) = m / (m + 2). From x = 20 on the quotient is 1 in double too.
    const V t = exp(select(x > V(20), V(20), x));
    const V m = t * (t + V(2));
    return x * (m / (m + V(2)));
  }
};

namespace detail {

/// Integers and functors without a batch form run as plain loops, which the compiler vectorises where it can.
template <class F, class T>
inline constexpr bool plain_loop = !std::floating_point<T> || requires {
  typename F::scalar_only;
};

template <class F, class T, class Arch>
void unary_run(const void* f, const void* from, void* to, std::size_t n) noexcept {
  const F g = *static_cast<const F*>(f);
  const T* x = static_cast<const T*>(from);
  T* y = static_cast<T*>(to);
  if constexpr (plain_loop<F, T>) {
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC ivdep
#endif
    for (std::size_t i = 0; i < n; ++i) y[i] = g(x[i]);
  } else {
    using V = xsimd::batch<T, Arch>;
    std::size_t i = 0;
    for (; i + V::size <= n; i += V::size) g(V::load_unaligned(x + i)).store_unaligned(y + i);
    if (i < n) store_part(g(load_part<V>(x + i, n - i)), y + i, n - i);
  }
}

}  // namespace detail

template <class F, class T>
template <class Arch>
constexpr UnaryLoop<F, T> UnaryLoop<F, T>::make() noexcept {
  return {.erased = &detail::unary_run<F, T, Arch>, .isa = native_isa};
}

}  // namespace hone::inline HONE_ABI::simd
