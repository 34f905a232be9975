#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <hone/simd/reduce.hpp>

namespace reduce_test {

using hone::simd::Isa;

inline const std::vector<std::size_t> sizes{0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 127, 128, 129, 1000, 20011};

/// contiguous and accumulate against a plain loop in double; `scale` of the error is the sum of magnitudes.
template <class F, class T, class Lift, class Combine>
void check(const char* what, double lo, double hi, double tolerance, double identity, Lift lift, Combine combine) {
  std::mt19937 engine(3);
  for (const Isa isa : hone::simd::available_isas()) {
    CAPTURE(std::string(what));
    CAPTURE(hone::simd::name(isa));
    const auto& family = hone::simd::table<hone::simd::Reduce<F, T>>(isa);
    REQUIRE(family.isa == isa);
    for (const std::size_t n : sizes) {
      CAPTURE(n);
      std::vector<T> x(n + 1);
      for (T& v : x) v = static_cast<T>(std::uniform_real_distribution<double>(lo, hi)(engine));
      long double expected = identity;  // wide enough to be exact for the comparison
      double magnitude = 1;
      for (std::size_t i = 0; i < n; ++i) {
        expected = combine(expected, static_cast<long double>(lift(static_cast<double>(x[i + 1]))));
        magnitude += std::abs(lift(static_cast<double>(x[i + 1])));
      }
      const T got = family.contiguous(x.data() + 1, n);
      if (std::isinf(expected)) {
        CHECK(static_cast<long double>(got) == expected);
      } else {
        CHECK(std::abs(static_cast<long double>(got) - expected) <= tolerance * magnitude);
      }
      // The same values at another address give the same bits.
      std::vector<T> moved(n + 4);
      std::copy(x.begin() + 1, x.end(), moved.begin() + 3);
      const T again = family.contiguous(moved.data() + 3, n);
      CHECK(std::memcmp(&got, &again, sizeof(T)) == 0);

      std::vector<T> acc(n + 2, F::template identity<T>());
      family.accumulate(acc.data() + 1, x.data() + 1, n);
      family.accumulate(acc.data() + 1, x.data() + 1, n);
      bool good = acc[0] == F::template identity<T>() && acc[n + 1] == F::template identity<T>();
      for (std::size_t i = 0; i < n; ++i) {
        const double one = lift(static_cast<double>(x[i + 1]));
        const double two = combine(one, one);
        good = good && std::abs(static_cast<double>(acc[i + 1]) - two) <= 4 * tolerance * (1 + std::abs(two));
      }
      CHECK(good);
    }
  }
}

template <class T>
void check_type() {
  using namespace hone::simd;
  // Pairwise over lanes and accumulators: far below n roundings. Integers are exact.
  const double eps = std::integral<T> ? 0 : 16 * static_cast<double>(std::numeric_limits<T>::epsilon());
  const auto same = [](double v) { return v; };
  const auto plus = [](auto a, auto b) { return a + b; };
  check<Sum, T>("Sum", -9, 9, eps, 0, same, plus);
  check<SumAbs, T>(
      "SumAbs", -9, 9, eps, 0, [](double v) { return std::abs(v); }, plus);
  check<SumSquare, T>(
      "SumSquare", -9, 9, eps, 0, [](double v) { return v * v; }, plus);
  const double least = std::integral<T> ? static_cast<double>(std::numeric_limits<T>::min()) : -std::numeric_limits<double>::infinity();
  const double most = std::integral<T> ? static_cast<double>(std::numeric_limits<T>::max()) : std::numeric_limits<double>::infinity();
  if constexpr (sizeof(T) == 4 || std::floating_point<T>) {
    check<MaxOf, T>("MaxOf", -9, 9, 0, least, same, [](auto a, auto b) { return std::max(a, b); });
    check<MinOf, T>("MinOf", -9, 9, 0, most, same, [](auto a, auto b) { return std::min(a, b); });
  }
}

TEST_CASE("reduce: float") { check_type<float>(); }
TEST_CASE("reduce: double") { check_type<double>(); }
TEST_CASE("reduce: int32") { check_type<std::int32_t>(); }
TEST_CASE("reduce: int64") { check_type<std::int64_t>(); }

TEST_CASE("reduce: products") {
  for (const Isa isa : hone::simd::available_isas()) {
    for (std::size_t n : {std::size_t{0}, std::size_t{1}, std::size_t{7}, std::size_t{40}}) {
      std::vector<double> x(n, 1.5);
      CHECK(hone::simd::table<hone::simd::Reduce<hone::simd::Prod, double>>(isa).contiguous(x.data(), n) ==
            doctest::Approx(std::pow(1.5, static_cast<double>(n))));
      std::vector<std::int64_t> k(n, 3);
      std::int64_t expected = 1;
      for (std::size_t i = 0; i < n; ++i) expected = static_cast<std::int64_t>(static_cast<std::uint64_t>(expected) * 3);
      CHECK(hone::simd::table<hone::simd::Reduce<hone::simd::Prod, std::int64_t>>(isa).contiguous(k.data(), n) == expected);
    }
  }
}

TEST_CASE("reduce: NaN anywhere makes the maximum NaN") {
  for (const Isa isa : hone::simd::available_isas()) {
    for (const std::size_t n : {1, 5, 16, 70, 200}) {
      for (const std::size_t at : {std::size_t{0}, n / 2, n - 1}) {
        std::vector<float> x(n, 1.0F);
        x[at] = std::numeric_limits<float>::quiet_NaN();
        CHECK(std::isnan(hone::simd::table<hone::simd::Reduce<hone::simd::MaxOf, float>>(isa).contiguous(x.data(), n)));
        CHECK(std::isnan(hone::simd::table<hone::simd::Reduce<hone::simd::MinOf, float>>(isa).contiguous(x.data(), n)));
        CHECK(std::isnan(hone::simd::table<hone::simd::Reduce<hone::simd::Sum, float>>(isa).contiguous(x.data(), n)));
      }
    }
  }
}

}  // namespace reduce_test
