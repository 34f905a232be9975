#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include <doctest/doctest.h>

#include <hone/simd/binary.hpp>

namespace binary_test {

using hone::simd::BinaryLoop;
using hone::simd::Isa;

inline const std::vector<std::size_t> sizes{0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 129, 1000};

template <class T>
T pick(std::mt19937& engine, double lo, double hi) {
  if constexpr (std::floating_point<T>) {
    return static_cast<T>(std::uniform_real_distribution<double>(lo, hi)(engine));
  } else if constexpr (std::same_as<T, bool>) {
    return (engine() & 1) != 0;
  } else {
    return static_cast<T>(std::uniform_int_distribution<int>(static_cast<int>(lo), static_cast<int>(hi))(engine));
  }
}

template <class R>
bool close(R got, R expected, double relative) {
  if constexpr (std::floating_point<R>) {
    if (std::isnan(expected)) return std::isnan(got);
    if (got == expected) return true;
    return std::abs(got - expected) <= static_cast<R>(relative) * std::abs(expected);
  } else {
    return got == expected;
  }
}

/// vv, vs, sv and in place against `reference`, on operands from [lo, hi] of which b is never 0.
template <class F, class T, class R, class Reference>
void check(const char* what, double lo, double hi, double relative, Reference reference) {
  using Element = std::conditional_t<std::same_as<T, bool>, unsigned char, T>;
  using Result = std::conditional_t<std::same_as<R, bool>, unsigned char, R>;
  std::mt19937 engine(5);
  for (const Isa isa : hone::simd::available_isas()) {
    CAPTURE(std::string(what));
    CAPTURE(hone::simd::name(isa));
    const BinaryLoop<F, T, R>& loop = hone::simd::table<BinaryLoop<F, T, R>>(isa);
    REQUIRE(loop.isa == isa);
    bool good = true;
    for (const std::size_t n : sizes) {
      // std::vector<bool> has no pointer to bool; its elements live in bytes here.
      std::vector<Element> a_bytes(n + 1);
      std::vector<Element> b_bytes(n + 1);
      std::vector<Result> y_bytes(n + 2, Result(1));
      for (Element& v : a_bytes) v = static_cast<Element>(pick<T>(engine, lo, hi));
      for (Element& v : b_bytes) {
        do v = static_cast<Element>(pick<T>(engine, lo, hi));
        while (v == Element(0) && !std::same_as<T, bool>);
      }
      const T* a = reinterpret_cast<const T*>(a_bytes.data()) + 1;
      const T* b = reinterpret_cast<const T*>(b_bytes.data()) + 1;
      R* y = reinterpret_cast<R*>(y_bytes.data()) + 1;
      const F f{};
      loop.vv(f, a, b, y, n);
      for (std::size_t i = 0; i < n; ++i) good = good && close<R>(y[i], reference(a[i], b[i]), relative);
      const T scalar = b[n > 0 ? n - 1 : -1];
      loop.vs(f, a, scalar, y, n);
      for (std::size_t i = 0; i < n; ++i) good = good && close<R>(y[i], reference(a[i], scalar), relative);
      loop.sv(f, scalar, b, y, n);
      for (std::size_t i = 0; i < n; ++i) good = good && close<R>(y[i], reference(scalar, b[i]), relative);
      good = good && y_bytes[0] == Result(1) && y_bytes[n + 1] == Result(1);
      if constexpr (std::same_as<T, R>) {
        std::vector<Element> left = a_bytes;
        std::vector<Element> right = b_bytes;
        T* l = reinterpret_cast<T*>(left.data()) + 1;
        T* r = reinterpret_cast<T*>(right.data()) + 1;
        loop.vv(f, l, b, l, n);
        loop.vv(f, a, r, r, n);
        for (std::size_t i = 0; i < n; ++i) {
          good = good && close<R>(l[i], reference(a[i], b[i]), relative) && close<R>(r[i], reference(a[i], b[i]), relative);
        }
      }
    }
    CHECK(good);
  }
}

template <class T>
T python_mod(T a, T b) {
  if constexpr (std::floating_point<T>) {
    const T r = std::fmod(a, b);
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
  } else {
    const auto x = static_cast<long long>(a);
    const auto y = static_cast<long long>(b);
    return static_cast<T>(((x % y) + y) % y);
  }
}

template <class T>
T wrapped(long long value) {
  return static_cast<T>(static_cast<unsigned long long>(value));
}

template <class T>
void check_real() {
  using namespace hone::simd;
  // glibc's pow is within 1 ulp; x^3 by products within 2.
  const double eps = 4 * static_cast<double>(std::numeric_limits<T>::epsilon());
  check<Add, T, T>("Add", -9, 9, 0, [](T a, T b) { return a + b; });
  check<Sub, T, T>("Sub", -9, 9, 0, [](T a, T b) { return a - b; });
  check<Mul, T, T>("Mul", -9, 9, 0, [](T a, T b) { return a * b; });
  check<Div, T, T>("Div", -9, 9, 0, [](T a, T b) { return a / b; });
  check<Max, T, T>("Max", -9, 9, 0, [](T a, T b) { return std::max(a, b); });
  check<Min, T, T>("Min", -9, 9, 0, [](T a, T b) { return std::min(a, b); });
  check<Pow, T, T>("Pow", 0.1, 9, eps, [](T a, T b) { return std::pow(a, b); });
  check<Fmod, T, T>("Fmod", -9, 9, 0, [](T a, T b) { return std::fmod(a, b); });
  check<Mod, T, T>("Mod", -9, 9, 0, [](T a, T b) { return python_mod(a, b); });
  check<PRelu, T, T>("PRelu", -9, 9, 0, [](T a, T b) { return a < 0 ? a * b : a; });
  for (const Isa isa : available_isas()) {
    std::vector<T> x{T(-3), T(0.5), T(2), T(7), T(-1.25)};
    std::vector<T> y(x.size());
    for (const T power : {T(2), T(3)}) {
      table<BinaryLoop<Pow, T>>(isa).vs({}, x.data(), power, y.data(), x.size());
      for (std::size_t i = 0; i < x.size(); ++i) CHECK(close<T>(y[i], std::pow(x[i], power), eps));
    }
  }
}

TEST_CASE("binary: float") { check_real<float>(); }
TEST_CASE("binary: double") { check_real<double>(); }

template <class T>
void check_integer() {
  using namespace hone::simd;
  const double lo = std::signed_integral<T> ? -100 : 0;
  check<Add, T, T>("Add", lo, 100, 0, [](T a, T b) { return wrapped<T>(static_cast<long long>(a) + static_cast<long long>(b)); });
  check<Sub, T, T>("Sub", lo, 100, 0, [](T a, T b) { return wrapped<T>(static_cast<long long>(a) - static_cast<long long>(b)); });
  check<Mul, T, T>("Mul", lo, 100, 0, [](T a, T b) { return wrapped<T>(static_cast<long long>(a) * static_cast<long long>(b)); });
  check<Div, T, T>("Div", lo, 100, 0, [](T a, T b) { return static_cast<T>(a / b); });
  check<Max, T, T>("Max", lo, 100, 0, [](T a, T b) { return std::max(a, b); });
  check<Min, T, T>("Min", lo, 100, 0, [](T a, T b) { return std::min(a, b); });
  check<Fmod, T, T>("Fmod", lo, 100, 0, [](T a, T b) { return static_cast<T>(a % b); });
  check<Mod, T, T>("Mod", lo, 100, 0, [](T a, T b) { return python_mod(a, b); });
  check<BitAnd, T, T>("BitAnd", lo, 100, 0, [](T a, T b) { return static_cast<T>(a & b); });
  check<BitOr, T, T>("BitOr", lo, 100, 0, [](T a, T b) { return static_cast<T>(a | b); });
  check<BitXor, T, T>("BitXor", lo, 100, 0, [](T a, T b) { return static_cast<T>(a ^ b); });
  check<Pow, T, T>("Pow", std::signed_integral<T> ? -3 : 0, 4, 0, [](T a, T b) {
    if (b < T(0)) return a == T(1) ? T(1) : a == static_cast<T>(-1) ? static_cast<T>(b % 2 == 0 ? 1 : -1) : T(0);
    long long r = 1;
    for (T i = 0; i < b; ++i) r *= static_cast<long long>(a);
    return wrapped<T>(r);
  });
  if constexpr (std::unsigned_integral<T>) {
    constexpr T bits = std::numeric_limits<T>::digits;
    check<ShiftLeft, T, T>("ShiftLeft", 0, 100, 0, [](T a, T b) { return b < bits ? static_cast<T>(a << b) : T(0); });
    check<ShiftRight, T, T>("ShiftRight", 0, 100, 0, [](T a, T b) { return b < bits ? static_cast<T>(a >> b) : T(0); });
  }
}

TEST_CASE("binary: signed integers") {
  check_integer<std::int8_t>();
  check_integer<std::int16_t>();
  check_integer<std::int32_t>();
  check_integer<std::int64_t>();
}

TEST_CASE("binary: unsigned integers") {
  check_integer<std::uint8_t>();
  check_integer<std::uint16_t>();
  check_integer<std::uint32_t>();
  check_integer<std::uint64_t>();
}

template <class T>
void check_compare() {
  using namespace hone::simd;
  const double lo = std::is_signed_v<T> ? -3 : 0;
  check<Equal, T, bool>("Equal", lo, 3, 0, [](T a, T b) { return a == b; });
  check<Less, T, bool>("Less", lo, 3, 0, [](T a, T b) { return a < b; });
  check<LessOrEqual, T, bool>("LessOrEqual", lo, 3, 0, [](T a, T b) { return a <= b; });
  check<Greater, T, bool>("Greater", lo, 3, 0, [](T a, T b) { return a > b; });
  check<GreaterOrEqual, T, bool>("GreaterOrEqual", lo, 3, 0, [](T a, T b) { return a >= b; });
}

TEST_CASE("binary: comparisons and logic") {
  using namespace hone::simd;
  check_compare<float>();
  check_compare<double>();
  check_compare<std::int8_t>();
  check_compare<std::int32_t>();
  check_compare<std::int64_t>();
  check_compare<std::uint8_t>();
  check<And, bool, bool>("And", 0, 1, 0, [](bool a, bool b) { return a && b; });
  check<Or, bool, bool>("Or", 0, 1, 0, [](bool a, bool b) { return a || b; });
  check<Xor, bool, bool>("Xor", 0, 1, 0, [](bool a, bool b) { return a != b; });
  check<Equal, bool, bool>("Equal", 0, 1, 0, [](bool a, bool b) { return a == b; });
}

template <class T>
void check_corners() {
  using namespace hone::simd;
  const T nan = std::numeric_limits<T>::quiet_NaN();
  const T inf = std::numeric_limits<T>::infinity();
  for (const Isa isa : available_isas()) {
    CAPTURE(name(isa));
    const std::vector<T> a{nan, 1, nan, inf, -inf, 1, -inf};
    const std::vector<T> b{1, nan, nan, 1, 1, inf, inf};
    std::vector<T> y(a.size());
    table<BinaryLoop<Max, T>>(isa).vv({}, a.data(), b.data(), y.data(), a.size());
    CHECK(std::isnan(y[0]));
    CHECK(std::isnan(y[1]));
    CHECK(std::isnan(y[2]));
    CHECK((y[3] == inf && y[4] == 1 && y[5] == inf && y[6] == inf));
    table<BinaryLoop<Min, T>>(isa).vv({}, a.data(), b.data(), y.data(), a.size());
    CHECK(std::isnan(y[0]));
    CHECK(std::isnan(y[1]));
    CHECK(std::isnan(y[2]));
    CHECK((y[3] == 1 && y[4] == -inf && y[5] == 1 && y[6] == -inf));
    bool equal[7];
    table<BinaryLoop<Equal, T, bool>>(isa).vv({}, a.data(), a.data(), equal, a.size());
    CHECK((!equal[0] && equal[1] && !equal[2] && equal[3]));
  }
}

TEST_CASE("binary: NaN and infinities") {
  check_corners<float>();
  check_corners<double>();
}

template <class T>
void check_least() {
  using namespace hone::simd;
  const T least = std::numeric_limits<T>::min();
  const std::vector<T> a(19, least);
  for (const Isa isa : available_isas()) {
    std::vector<T> y(a.size());
    table<BinaryLoop<Div, T>>(isa).vs({}, a.data(), T(-1), y.data(), a.size());
    for (const T v : y) CHECK(v == least);
    table<BinaryLoop<Fmod, T>>(isa).vs({}, a.data(), T(-1), y.data(), a.size());
    for (const T v : y) CHECK(v == 0);
    table<BinaryLoop<Mod, T>>(isa).vs({}, a.data(), T(-1), y.data(), a.size());
    for (const T v : y) CHECK(v == 0);
    table<BinaryLoop<Add, T>>(isa).vv({}, a.data(), a.data(), y.data(), a.size());
    for (const T v : y) CHECK(v == 0);
    table<BinaryLoop<Mul, T>>(isa).vs({}, a.data(), T(-1), y.data(), a.size());
    for (const T v : y) CHECK(v == least);
  }
}

TEST_CASE("binary: the smallest integer wraps") {
  check_least<std::int8_t>();
  check_least<std::int16_t>();
  check_least<std::int32_t>();
  check_least<std::int64_t>();
}

}  // namespace binary_test
