#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <limits>
#include <type_traits>
#include <utility>

#include <hone/config.hpp>
#include <hone/simd/arch.hpp>
#include <hone/simd/lanes.hpp>
#include <hone/simd/table.hpp>

namespace hone::inline HONE_ABI::simd {

/// a, b and y point to elements of the types of the BinaryLoop that the functions are taken from; a scalar operand is one element.
struct BinaryFunctions {
  using Function = void (*)(const void* a, const void* b, void* y, std::size_t n) noexcept;
  Function vv;
  Function vs;
  Function sv;  ///< null: vs with a and b exchanged does it
  bool mirror;  ///< a and b are exchanged before any of them is called

  /// y[i] = f(a[i], b[i]), or with one element in place of a or of b. Precondition: not of both.
  HONE_ALWAYS_INLINE void operator()(const void* a, bool scalar_a, const void* b, bool scalar_b, void* y, std::size_t n) const noexcept {
    if (mirror) {
      std::swap(a, b);
      std::swap(scalar_a, scalar_b);
    }
    if (scalar_b) {
      vs(a, b, y, n);
    } else if (!scalar_a) {
      vv(a, b, y, n);
    } else if (sv != nullptr) {
      sv(a, b, y, n);
    } else {
      vs(b, a, y, n);
    }
  }
};

/// Element-wise y = f(a, b) for a functor without state; R is bool for comparisons.
///   vv: y[i] = f(a[i], b[i])   vs: y[i] = f(a[i], b)   sv: y[i] = f(a, b[i])
/// Shapes: a (n) or a scalar, b (n) or a scalar, y (n). Any alignment; y may be a or b, and may not overlap them otherwise.
/// An element's result does not depend on its position, so an array may be cut anywhere among threads.
template <class F, class T, class R = T>
struct BinaryLoop {
  static_assert(Scalar<T>, "the loops of simd/ compute with numbers: there is none of this operator for this element type");

  /// The loops, their types erased: what drives them is then no template on them.
  BinaryFunctions erased;
  Isa isa;

  HONE_ALWAYS_INLINE void vv(const F&, const T* a, const T* b, R* y, std::size_t n) const noexcept { erased(a, false, b, false, y, n); }
  HONE_ALWAYS_INLINE void vs(const F&, const T* a, T b, R* y, std::size_t n) const noexcept { erased(a, false, &b, true, y, n); }
  HONE_ALWAYS_INLINE void sv(const F&, T a, const T* b, R* y, std::size_t n) const noexcept { erased(&a, true, b, false, y, n); }

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

// What a functor may say of itself, so that fewer loops are compiled:
//   sign_free    for integers of one size it gives the same bits, whether they are signed or not
//   commutative  f(a, b) = f(b, a)
//   Mirror       a functor with f(a, b) = Mirror(b, a)
// Arithmetic. Integers wrap modulo 2^bits.
// clang-format off
struct Plus  { template <class U> HONE_LANE U operator()(U a, U b) const noexcept { return a + b; } };
struct Minus { template <class U> HONE_LANE U operator()(U a, U b) const noexcept { return a - b; } };
struct Times { template <class U> HONE_LANE U operator()(U a, U b) const noexcept { return a * b; } };
struct Add { using sign_free = void; using commutative = void; template <class V> HONE_LANE V operator()(V a, V b) const noexcept { return detail::wrap(a, b, Plus{}); } };
struct Sub { using sign_free = void; template <class V> HONE_LANE V operator()(V a, V b) const noexcept { return detail::wrap(a, b, Minus{}); } };
struct Mul { using sign_free = void; using commutative = void; template <class V> HONE_LANE V operator()(V a, V b) const noexcept { return detail::wrap(a, b, Times{}); } };
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
      return r != V(0) && (r < V(0)) != (b < V(0)) ? static_cast<V>(r + b) : signed_zero(r, b);
    }
  }

 private:
  /// A zero has the sign of b, as in Python.
  template <class V>
  HONE_LANE static V signed_zero(V r, V b) noexcept {
    if constexpr (std::floating_point<V>) return r == V(0) ? std::copysign(r, b) : r;
    return r;
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

// Bits. Shifting by the width of the type or more, or by a negative number, moves every bit out; a right shift copies the sign.
// clang-format off
struct BitAnd { using sign_free = void; using commutative = void; template <std::integral T> HONE_LANE T operator()(T a, T b) const noexcept { return static_cast<T>(a & b); } };
struct BitOr  { using sign_free = void; using commutative = void; template <std::integral T> HONE_LANE T operator()(T a, T b) const noexcept { return static_cast<T>(a | b); } };
struct BitXor { using sign_free = void; using commutative = void; template <std::integral T> HONE_LANE T operator()(T a, T b) const noexcept { return static_cast<T>(a ^ b); } };
struct ShiftLeft  { template <std::unsigned_integral T> HONE_LANE T operator()(T a, T b) const noexcept { return b < std::numeric_limits<T>::digits ? static_cast<T>(a << b) : T(0); } };
struct ShiftRight { template <std::integral T> HONE_LANE T operator()(T a, T b) const noexcept { constexpr T most(8 * sizeof(T) - 1); return b >= T(0) && b <= most ? static_cast<T>(a >> b) : static_cast<T>(T(a >> most) >> 1); } };
// Comparisons; a comparison with NaN is false.
struct Equal          { using sign_free = void; using commutative = void; template <Scalar T> HONE_LANE bool operator()(T a, T b) const noexcept { return a == b; } };
struct Less           { template <Scalar T> HONE_LANE bool operator()(T a, T b) const noexcept { return a < b; } };
struct LessOrEqual    { template <Scalar T> HONE_LANE bool operator()(T a, T b) const noexcept { return a <= b; } };
struct Greater        { using Mirror = Less; template <Scalar T> HONE_LANE bool operator()(T a, T b) const noexcept { return a > b; } };
struct GreaterOrEqual { using Mirror = LessOrEqual; template <Scalar T> HONE_LANE bool operator()(T a, T b) const noexcept { return a >= b; } };
// Logic on bool.
struct And { using commutative = void; HONE_LANE bool operator()(bool a, bool b) const noexcept { return a & b; } };
struct Or  { using commutative = void; HONE_LANE bool operator()(bool a, bool b) const noexcept { return a | b; } };
struct Xor { using commutative = void; HONE_LANE bool operator()(bool a, bool b) const noexcept { return a ^ b; } };
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
HONE_ALWAYS_INLINE void binary_loop(A a, B b, R* y, std::size_t n) noexcept {
  const F f{};
  if constexpr (plain_binary<F, T, R>) {
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC ivdep
#endif
    for (std::size_t i = 0; i < n; ++i) y[i] = f(at(a, i), at(b, i));
  } else {
    using V = xsimd::batch<T, Arch>;
    std::size_t i = 0;
    for (; i + V::size <= n; i += V::size) f(batch_at<V>(a, i), batch_at<V>(b, i)).store_unaligned(y + i);
    if (i < n) store_part(f(part_at<V>(a, i, n - i), part_at<V>(b, i, n - i)), y + i, n - i);
  }
}

template <class F, class T, class R, class Arch>
void binary_vv(const void* a, const void* b, void* y, std::size_t n) noexcept {
  binary_loop<F, T, R, Arch>(static_cast<const T*>(a), static_cast<const T*>(b), static_cast<R*>(y), n);
}

template <class F, class T, class R, class Arch>
void binary_vs(const void* a, const void* b, void* y, std::size_t n) noexcept {
  const T* x = static_cast<const T*>(a);
  const T scalar = *static_cast<const T*>(b);
  R* to = static_cast<R*>(y);
  if constexpr (std::same_as<F, Pow> && std::floating_point<T>) {
    // The powers that models use. Correctly rounded (2) or within 1 ulp (3), and tens of times faster than pow.
    if (scalar == T(2)) return binary_loop<Mul, T, R, Arch>(x, x, to, n);
    if (scalar == T(3)) {
      for (std::size_t i = 0; i < n; ++i) to[i] = x[i] * x[i] * x[i];
      return;
    }
  }
  binary_loop<F, T, R, Arch>(x, scalar, to, n);
}

template <class F, class T, class R, class Arch>
void binary_sv(const void* a, const void* b, void* y, std::size_t n) noexcept {
  binary_loop<F, T, R, Arch>(*static_cast<const T*>(a), static_cast<const T*>(b), static_cast<R*>(y), n);
}

template <class F, class T, class R, class Arch>
constexpr BinaryFunctions binary_functions() noexcept {
  if constexpr (requires { typename F::Mirror; }) {
    BinaryFunctions functions = binary_functions<typename F::Mirror, T, R, Arch>();
    functions.mirror = true;
    return functions;
  } else if constexpr (requires { typename F::commutative; }) {
    return {&binary_vv<F, T, R, Arch>, &binary_vs<F, T, R, Arch>, nullptr, false};
  } else {
    return {&binary_vv<F, T, R, Arch>, &binary_vs<F, T, R, Arch>, &binary_sv<F, T, R, Arch>, false};
  }
}

/// The element type of the loop that serves T.
template <class F, class T>
struct LoopElement {
  using type = T;
};
template <class F, std::signed_integral T>
requires requires { typename F::sign_free; }
struct LoopElement<F, T> {
  using type = std::make_unsigned_t<T>;
};

}  // namespace detail

template <class F, class T, class R>
template <class Arch>
constexpr BinaryLoop<F, T, R> BinaryLoop<F, T, R>::make() noexcept {
  using U = typename detail::LoopElement<F, T>::type;
  using V = std::conditional_t<std::same_as<T, R>, U, R>;
  return {.erased = detail::binary_functions<F, U, V, Arch>(), .isa = native_isa};
}

}  // namespace hone::inline HONE_ABI::simd
