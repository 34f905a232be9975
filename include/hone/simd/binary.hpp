#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <limits>
#include <type_traits>

#include <hone/config.hpp>
#include <hone/simd/arch.hpp>
#include <hone/simd/lanes.hpp>
#include <hone/simd/table.hpp>

namespace hone::inline HONE_ABI::simd {

/// Element-wise y = f(a, b); R is bool for comparisons.
///   vv: y[i] = f(a[i], b[i])   vs: y[i] = f(a[i], b)   sv: y[i] = f(a, b[i])
/// Shapes: a (n) or a scalar, b (n) or a scalar, y (n). Any alignment; y may be a or b, and may not overlap them otherwise.
/// An element's result does not depend on its position, so an array may be cut anywhere among threads.
template <class F, class T, class R = T>
struct BinaryLoop {
  void (*vv)(const F& f, const T* a, const T* b, R* y, std::size_t n) noexcept;
  void (*vs)(const F& f, const T* a, T b, R* y, std::size_t n) noexcept;
  void (*sv)(const F& f, T a, const T* b, R* y, std::size_t n) noexcept;
  Isa isa;

  template <class Arch>
  static constexpr BinaryLoop make() noexcept;
};

namespace detail {

/// `expression` in the unsigned arithmetic of wrapping_t for integers, as it stands otherwise.
template <class V, class F>
HONE_LANE V wrap(V a, V b, F f) noexcept {
  if constexpr (std::integral<V>) {
    return static_cast<V>(f(static_cast<wrapping_t<V>>(a), static_cast<wrapping_t<V>>(b)));
  } else {
    return f(a, b);
  }
}

}  // namespace detail

// Arithmetic. Integers wrap modulo 2^bits.
// clang-format off
struct Plus  { template <class U> HONE_LANE U operator()(U a, U b) const noexcept { return a + b; } };
struct Minus { template <class U> HONE_LANE U operator()(U a, U b) const noexcept { return a - b; } };
struct Times { template <class U> HONE_LANE U operator()(U a, U b) const noexcept { return a * b; } };
struct Add { template <class V> HONE_LANE V operator()(V a, V b) const noexcept { return detail::wrap(a, b, Plus{}); } };
struct Sub { template <class V> HONE_LANE V operator()(V a, V b) const noexcept { return detail::wrap(a, b, Minus{}); } };
struct Mul { template <class V> HONE_LANE V operator()(V a, V b) const noexcept { return detail::wrap(a, b, Times{}); } };
/// The larger one; NaN if either is NaN.
struct Max { template <class V> HONE_LANE V operator()(V a, V b) const noexcept { return select((a > b) | is_nan(a), a, b); } };
/// The smaller one; NaN if either is NaN.
struct Min { template <class V> HONE_LANE V operator()(V a, V b) const noexcept { return select((a < b) | is_nan(a), a, b); } };
/// a < 0 ? a b : a
struct PRelu { template <class V> HONE_LANE V operator()(V a, V b) const noexcept { return select(a < V(0), Mul{}(a, b), a); } };
// clang-format on

/// a / b, towards zero for integers. Precondition: an integer b is not 0. The smallest integer divided by -1 wraps to itself.
struct Div {
  template <class V>
  HONE_LANE V operator()(V a, V b) const noexcept {
    if constexpr (std::signed_integral<V>) {
      return b == V(-1) ? negate(a) : static_cast<V>(a / b);
    } else {
      return static_cast<V>(a / b);
    }
  }
};

/// The remainder of the division towards zero: it has the sign of a (C's % and fmod). Precondition: an integer b is not 0.
struct Fmod {
  using scalar_only = void;
  template <Scalar V>
  HONE_LANE V operator()(V a, V b) const noexcept {
    if constexpr (std::floating_point<V>) {
      return std::fmod(a, b);
    } else if constexpr (std::signed_integral<V>) {
      return b == V(-1) ? V(0) : static_cast<V>(a % b);
    } else {
      return static_cast<V>(a % b);
    }
  }
};

/// The remainder of the division towards minus infinity: it has the sign of b (Python's %). Precondition: an integer b is not 0.
struct Mod {
  using scalar_only = void;
  template <Scalar V>
  HONE_LANE V operator()(V a, V b) const noexcept {
    const V r = Fmod{}(a, b);
    if constexpr (std::unsigned_integral<V>) {
      return r;
    } else {
      return r != V(0) && (r < V(0)) != (b < V(0)) ? static_cast<V>(r + b) : r;
    }
  }
};

/// a to the power of b. Integers wrap; a negative integer power of anything but 1 and -1 is 0 (the quotient towards zero).
struct Pow {
  using scalar_only = void;
  template <Scalar V>
  HONE_LANE V operator()(V a, V b) const noexcept {
    if constexpr (std::floating_point<V>) {
      return std::pow(a, b);
    } else {
      if constexpr (std::signed_integral<V>) {
        if (b < V(0)) {
          if (a == V(1)) return V(1);
          if (a == V(-1)) return (b & V(1)) != V(0) ? V(-1) : V(1);
          return V(0);
        }
      }
      V result(1);
      for (auto e = static_cast<std::make_unsigned_t<V>>(b); e != 0; e = static_cast<decltype(e)>(e >> 1)) {
        if ((e & 1) != 0) result = Mul{}(result, a);
        a = Mul{}(a, a);
      }
      return result;
    }
  }
};

// Bits. Shifting by the width of the type or more gives 0.
// clang-format off
struct BitAnd { template <std::integral T> HONE_LANE T operator()(T a, T b) const noexcept { return static_cast<T>(a & b); } };
struct BitOr  { template <std::integral T> HONE_LANE T operator()(T a, T b) const noexcept { return static_cast<T>(a | b); } };
struct BitXor { template <std::integral T> HONE_LANE T operator()(T a, T b) const noexcept { return static_cast<T>(a ^ b); } };
struct ShiftLeft  { template <std::unsigned_integral T> HONE_LANE T operator()(T a, T b) const noexcept { return b < std::numeric_limits<T>::digits ? static_cast<T>(a << b) : T(0); } };
struct ShiftRight { template <std::unsigned_integral T> HONE_LANE T operator()(T a, T b) const noexcept { return b < std::numeric_limits<T>::digits ? static_cast<T>(a >> b) : T(0); } };
// Comparisons; a comparison with NaN is false.
struct Equal          { template <Scalar T> HONE_LANE bool operator()(T a, T b) const noexcept { return a == b; } };
struct Less           { template <Scalar T> HONE_LANE bool operator()(T a, T b) const noexcept { return a < b; } };
struct LessOrEqual    { template <Scalar T> HONE_LANE bool operator()(T a, T b) const noexcept { return a <= b; } };
struct Greater        { template <Scalar T> HONE_LANE bool operator()(T a, T b) const noexcept { return a > b; } };
struct GreaterOrEqual { template <Scalar T> HONE_LANE bool operator()(T a, T b) const noexcept { return a >= b; } };
// Logic on bool.
struct And { HONE_LANE bool operator()(bool a, bool b) const noexcept { return a & b; } };
struct Or  { HONE_LANE bool operator()(bool a, bool b) const noexcept { return a | b; } };
struct Xor { HONE_LANE bool operator()(bool a, bool b) const noexcept { return a ^ b; } };
// clang-format on

namespace detail {

/// Integers, comparisons and functors without a batch form run as plain loops, which the compiler vectorises where it can.
template <class F, class T, class R>
inline constexpr bool plain_binary = !std::floating_point<T> || !std::same_as<T, R> || requires {
  typename F::scalar_only;
};

/// Operands: pointers are read at i, values are broadcast.
template <class T>
HONE_ALWAYS_INLINE T at(const T* p, std::size_t i) noexcept {
  return p[i];
}
template <Scalar T>
HONE_ALWAYS_INLINE T at(T value, std::size_t) noexcept {
  return value;
}
template <class V, class T>
HONE_ALWAYS_INLINE V batch_at(const T* p, std::size_t i) noexcept {
  return V::load_unaligned(p + i);
}
template <class V, Scalar T>
HONE_ALWAYS_INLINE V batch_at(T value, std::size_t) noexcept {
  return V(value);
}
template <class V, class T>
HONE_ALWAYS_INLINE V part_at(const T* p, std::size_t i, std::size_t n) noexcept {
  return load_part<V>(p + i, n);
}
template <class V, Scalar T>
HONE_ALWAYS_INLINE V part_at(T value, std::size_t, std::size_t) noexcept {
  return V(value);
}

template <class F, class T, class R, class Arch, class A, class B>
HONE_ALWAYS_INLINE void binary_loop(const F& f, A a, B b, R* y, std::size_t n) noexcept {
  const F g = f;
  if constexpr (plain_binary<F, T, R>) {
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC ivdep
#endif
    for (std::size_t i = 0; i < n; ++i) y[i] = g(at(a, i), at(b, i));
  } else {
    using V = xsimd::batch<T, Arch>;
    std::size_t i = 0;
    for (; i + V::size <= n; i += V::size) g(batch_at<V>(a, i), batch_at<V>(b, i)).store_unaligned(y + i);
    if (i < n) store_part(g(part_at<V>(a, i, n - i), part_at<V>(b, i, n - i)), y + i, n - i);
  }
}

template <class F, class T, class R, class Arch>
void binary_vv(const F& f, const T* a, const T* b, R* y, std::size_t n) noexcept {
  binary_loop<F, T, R, Arch>(f, a, b, y, n);
}

template <class F, class T, class R, class Arch>
void binary_vs(const F& f, const T* a, T b, R* y, std::size_t n) noexcept {
  if constexpr (std::same_as<F, Pow> && std::floating_point<T>) {
    // The powers that models use. Correctly rounded (2) or within 1 ulp (3), and tens of times faster than pow.
    if (b == T(2)) return binary_loop<Mul, T, R, Arch>(Mul{}, a, a, y, n);
    if (b == T(3)) {
      for (std::size_t i = 0; i < n; ++i) y[i] = a[i] * a[i] * a[i];
      return;
    }
  }
  binary_loop<F, T, R, Arch>(f, a, b, y, n);
}

template <class F, class T, class R, class Arch>
void binary_sv(const F& f, T a, const T* b, R* y, std::size_t n) noexcept {
  binary_loop<F, T, R, Arch>(f, a, b, y, n);
}

}  // namespace detail

template <class F, class T, class R>
template <class Arch>
constexpr BinaryLoop<F, T, R> BinaryLoop<F, T, R>::make() noexcept {
  return {.vv = &detail::binary_vv<F, T, R, Arch>,
          .vs = &detail::binary_vs<F, T, R, Arch>,
          .sv = &detail::binary_sv<F, T, R, Arch>,
          .isa = native_isa};
}

}  // namespace hone::inline HONE_ABI::simd
