#pragma once

#include <concepts>
#include <cstddef>
#include <limits>

#include <hone/config.hpp>
#include <hone/simd/arch.hpp>
#include <hone/simd/binary.hpp>
#include <hone/simd/lanes.hpp>
#include <hone/simd/table.hpp>

namespace hone::inline HONE_ABI::simd {

/// acc and x point to elements of the type of the Reduce that the functions are taken from.
struct ReduceFunctions {
  using Function = void (*)(void* acc, const void* x, std::size_t n) noexcept;
  Function fold;        ///< acc[0] = combine(acc[0], reduction of x)
  Function accumulate;  ///< acc[i] = combine(acc[i], lift(x[i]))
};

/// Reductions: r = combine over i of lift(x[i]).
///   contiguous: returns the reduction of x (n); identity for n = 0
///   accumulate: acc[i] = combine(acc[i], lift(x[i])); shapes: acc (n), x (n); start from F::identity<T>()
/// Any alignment. The order of the operations depends on n alone; floating-point results differ between instruction sets by
/// rounding. Integers wrap.
template <class F, class T>
struct Reduce {
  static_assert(Scalar<T>, "the loops of simd/ compute with numbers: there is none of this operator for this element type");

  /// The loops, their types erased: what drives them is then no template on them.
  ReduceFunctions erased;
  Isa isa;

  HONE_ALWAYS_INLINE T contiguous(const T* x, std::size_t n) const noexcept {
    T acc = F::template identity<T>();
    erased.fold(&acc, x, n);
    return acc;
  }
  HONE_ALWAYS_INLINE void accumulate(T* acc, const T* x, std::size_t n) const noexcept { erased.accumulate(acc, x, n); }

  template <class Arch>
  static constexpr Reduce make() noexcept;
};

// Functors, sign_free as in binary.hpp: `lift` is applied to every element, lift(identity) == identity, and combine(identity, v) == v.
// clang-format off
struct Sum {
  using sign_free = void;
  template <class T> static constexpr T identity() noexcept { return T(0); }
  template <class V> HONE_LANE V lift(V x) const noexcept { return x; }
  template <class V> HONE_LANE V combine(V a, V b) const noexcept { return Add{}(a, b); }
};
struct SumAbs {
  template <class T> static constexpr T identity() noexcept { return T(0); }
  template <class V> HONE_LANE V lift(V x) const noexcept { return abs(x); }
  template <class V> HONE_LANE V combine(V a, V b) const noexcept { return Add{}(a, b); }
};
struct SumSquare {
  using sign_free = void;
  template <class T> static constexpr T identity() noexcept { return T(0); }
  template <class V> HONE_LANE V lift(V x) const noexcept { return Mul{}(x, x); }
  template <class V> HONE_LANE V combine(V a, V b) const noexcept { return Add{}(a, b); }
};
struct Prod {
  using sign_free = void;
  template <class T> static constexpr T identity() noexcept { return T(1); }
  template <class V> HONE_LANE V lift(V x) const noexcept { return x; }
  template <class V> HONE_LANE V combine(V a, V b) const noexcept { return Mul{}(a, b); }
};
/// NaN if any element is NaN.
struct MaxOf {
  template <class T> static constexpr T identity() noexcept { return std::floating_point<T> ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::lowest(); }
  template <class V> HONE_LANE V lift(V x) const noexcept { return x; }
  template <class V> HONE_LANE V combine(V a, V b) const noexcept { return Max{}(a, b); }
};
/// NaN if any element is NaN.
struct MinOf {
  template <class T> static constexpr T identity() noexcept { return std::floating_point<T> ? std::numeric_limits<T>::infinity() : std::numeric_limits<T>::max(); }
  template <class V> HONE_LANE V lift(V x) const noexcept { return x; }
  template <class V> HONE_LANE V combine(V a, V b) const noexcept { return Min{}(a, b); }
};
// clang-format on

namespace detail {

/// The lanes of a batch combined in a tree: halves first, so that the order is the same for every caller.
template <class F, class V>
HONE_ALWAYS_INLINE lane_t<V> fold_lanes(const F& f, V v) noexcept {
  alignas(64) lane_t<V> lanes[V::size];
  v.store_aligned(lanes);
  for (std::size_t width = V::size / 2; width > 0; width /= 2) {
    for (std::size_t i = 0; i < width; ++i) lanes[i] = f.combine(lanes[i], lanes[i + width]);
  }
  return lanes[0];
}

/// combine over i of lift(load(i)): `load(i)` gives a whole register from element i, `load_rest(i, count)` the last one padded with
/// what lift turns into the identity. Four accumulators cover the latency of an addition (4 cycles) at one load per cycle.
template <class F, class V, class Load, class LoadRest>
HONE_ALWAYS_INLINE lane_t<V> fold(const F& f, std::size_t n, Load load, LoadRest load_rest) noexcept {
  constexpr std::size_t width = V::size;
  const V identity(F::template identity<lane_t<V>>());
  V acc0 = identity;
  V acc1 = identity;
  V acc2 = identity;
  V acc3 = identity;
  std::size_t i = 0;
  for (; i + 4 * width <= n; i += 4 * width) {
    acc0 = f.combine(acc0, f.lift(load(i)));
    acc1 = f.combine(acc1, f.lift(load(i + width)));
    acc2 = f.combine(acc2, f.lift(load(i + 2 * width)));
    acc3 = f.combine(acc3, f.lift(load(i + 3 * width)));
  }
  for (; i + width <= n; i += width) acc0 = f.combine(acc0, f.lift(load(i)));
  if (i < n) acc1 = f.combine(acc1, f.lift(load_rest(i, n - i)));
  return fold_lanes(f, f.combine(f.combine(acc0, acc1), f.combine(acc2, acc3)));
}

template <class F, class T, class Arch>
T reduce_contiguous(const T* x, std::size_t n) noexcept {
  const F f{};
  if constexpr (std::floating_point<T>) {
    using V = xsimd::batch<T, Arch>;
    return fold<F, V>(
        f, n, [x](std::size_t i) { return V::load_unaligned(x + i); },
        [x](std::size_t i, std::size_t count) { return load_part<V>(x + i, count, F::template identity<T>()); });
  } else {
    T acc = F::template identity<T>();
    for (std::size_t i = 0; i < n; ++i) acc = f.combine(acc, f.lift(x[i]));
    return acc;
  }
}

template <class F, class T, class Arch>
void reduce_fold(void* acc, const void* x, std::size_t n) noexcept {
  T& result = *static_cast<T*>(acc);
  result = F{}.combine(result, reduce_contiguous<F, T, Arch>(static_cast<const T*>(x), n));
}

template <class F, class T, class Arch>
void reduce_accumulate(void* to, const void* from, std::size_t n) noexcept {
  const F f{};
  T* acc = static_cast<T*>(to);
  const T* x = static_cast<const T*>(from);
  if constexpr (std::floating_point<T>) {
    using V = xsimd::batch<T, Arch>;
    std::size_t i = 0;
    for (; i + V::size <= n; i += V::size) {
      f.combine(V::load_unaligned(acc + i), f.lift(V::load_unaligned(x + i))).store_unaligned(acc + i);
    }
    if (i < n) store_part(f.combine(load_part<V>(acc + i, n - i), f.lift(load_part<V>(x + i, n - i))), acc + i, n - i);
  } else {
    for (std::size_t i = 0; i < n; ++i) acc[i] = f.combine(acc[i], f.lift(x[i]));
  }
}

}  // namespace detail

template <class F, class T>
template <class Arch>
constexpr Reduce<F, T> Reduce<F, T>::make() noexcept {
  using U = typename detail::LoopElement<F, T>::type;
  return {.erased = {.fold = &detail::reduce_fold<F, U, Arch>, .accumulate = &detail::reduce_accumulate<F, U, Arch>}, .isa = native_isa};
}

}  // namespace hone::inline HONE_ABI::simd
