#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <hone/simd/unary.hpp>

namespace unary_test {

using hone::simd::Isa;
using hone::simd::UnaryLoop;

/// Sizes around the widest register of any instruction set (64 bytes), and one that spans several iterations.
inline const std::vector<std::size_t> sizes{0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 100, 1000};

/// Distance from `expected` in units in the last place of T at `expected`. Two NaN are equal.
template <class T>
double ulps(T got, long double expected) {
  const auto rounded = static_cast<T>(expected);
  if (std::isnan(rounded) || std::isnan(got)) return std::isnan(rounded) == std::isnan(got) ? 0 : INFINITY;
  if (got == rounded) return 0;
  if (std::isinf(rounded) || std::isinf(got)) return INFINITY;
  const T magnitude = std::max(std::abs(rounded), std::numeric_limits<T>::min());
  const long double ulp = static_cast<long double>(std::nextafter(magnitude, std::numeric_limits<T>::infinity())) - magnitude;
  return static_cast<double>(std::abs(static_cast<long double>(got) - expected) / ulp);
}

/// f on random values of [lo, hi] against `reference` in long double, for every size, unaligned, in place, and cut in two.
template <class T, class F, class Reference>
void check(const char* name, const F& f, double lo, double hi, double tolerance_ulp, Reference reference) {
  std::mt19937 engine(11);
  std::uniform_real_distribution<double> pick(lo, hi);
  for (const Isa isa : hone::simd::available_isas()) {
    CAPTURE(std::string(name));
    CAPTURE(hone::simd::name(isa));
    const UnaryLoop<F, T>& loop = hone::simd::table<UnaryLoop<F, T>>(isa);
    REQUIRE(loop.isa == isa);
    double worst = 0;
    T worst_x{};
    T worst_y{};
    for (const std::size_t n : sizes) {
      std::vector<T> x(n + 1);
      for (T& v : x) v = static_cast<T>(pick(engine));
      std::vector<T> y(n + 2, T(99));
      loop.run(f, x.data() + 1, y.data() + 1, n);
      CHECK(y[0] == T(99));
      CHECK(y[n + 1] == T(99));
      for (std::size_t i = 0; i < n; ++i) {
        const double error = ulps<T>(y[i + 1], reference(static_cast<long double>(x[i + 1])));
        if (!(error <= worst)) {
          worst = error;
          worst_x = x[i + 1];
          worst_y = y[i + 1];
        }
      }
      std::vector<T> in_place(x.begin() + 1, x.end());
      loop.run(f, in_place.data(), in_place.data(), n);
      std::vector<T> cut(n);
      const std::size_t half = n / 3;
      loop.run(f, x.data() + 1, cut.data(), half);
      loop.run(f, x.data() + 1 + half, cut.data() + half, n - half);
      if (n > 0) {
        CHECK(std::memcmp(in_place.data(), y.data() + 1, n * sizeof(T)) == 0);
        CHECK(std::memcmp(cut.data(), y.data() + 1, n * sizeof(T)) == 0);
      }
    }
    CAPTURE(worst);
    CAPTURE(worst_x);
    CAPTURE(worst_y);
    CHECK(worst <= tolerance_ulp);
  }
}

/// f at special values; NaN must stay NaN.
template <class T, class F>
void check_at(const char* name, const F& f, const std::vector<std::pair<double, double>>& pairs) {
  for (const Isa isa : hone::simd::available_isas()) {
    std::vector<T> x{std::numeric_limits<T>::quiet_NaN()};
    for (const auto& [in, out] : pairs) x.push_back(static_cast<T>(in));
    std::vector<T> y(x.size());
    hone::simd::table<UnaryLoop<F, T>>(isa).run(f, x.data(), y.data(), x.size());
    CAPTURE(std::string(name));
    CAPTURE(hone::simd::name(isa));
    CHECK(std::isnan(y[0]));
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      CAPTURE(x[i + 1]);
      CAPTURE(y[i + 1]);
      CHECK(ulps<T>(y[i + 1], static_cast<long double>(pairs[i].second)) <= 4);
    }
  }
}

template <class F, class Reference>
void check_both(const char* name, const F& f, double lo, double hi, double float_ulp, double double_ulp, Reference reference) {
  check<float>(name, f, lo, hi, float_ulp, reference);
  check<double>(name, f, lo, hi, double_ulp, reference);
}

template <class F>
void check_at_both(const char* name, const F& f, const std::vector<std::pair<double, double>>& pairs) {
  check_at<float>(name, f, pairs);
  check_at<double>(name, f, pairs);
}

using Real = long double;
constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

TEST_CASE("unary: exact functions") {
  using namespace hone::simd;
  check_both("Identity", Identity{}, -9, 9, 0, 0, [](Real x) { return x; });
  check_both("Abs", Abs{}, -9, 9, 0, 0, [](Real x) { return std::abs(x); });
  check_both("Neg", Neg{}, -9, 9, 0, 0, [](Real x) { return -x; });
  check_both("Sign", Sign{}, -9, 9, 0, 0, [](Real x) { return Real((x > 0) - (x < 0)); });
  check_both("Relu", Relu{}, -9, 9, 0, 0, [](Real x) { return x > 0 ? x : 0; });
  check_both("Ceil", Ceil{}, -9, 9, 0, 0, [](Real x) { return std::ceil(x); });
  check_both("Floor", Floor{}, -9, 9, 0, 0, [](Real x) { return std::floor(x); });
  check_both("Round", Round{}, -9, 9, 0, 0, [](Real x) { return std::nearbyint(x); });
  check_both("Sqrt", Sqrt{}, 0, 1e6, 0.5001, 0.5001, [](Real x) { return std::sqrt(x); });
  check_both("Reciprocal", Reciprocal{}, -9, 9, 0.5001, 0.5001, [](Real x) { return 1 / x; });
  check<float>("Clip", Clip<float>{-1.5F, 2.5F}, -9, 9, 0, [](Real x) { return std::min(std::max(x, Real(-1.5)), Real(2.5)); });
  check<double>("Clip", Clip<double>{-1.5, 2.5}, -9, 9, 0, [](Real x) { return std::min(std::max(x, Real(-1.5)), Real(2.5)); });
  check_both("ThresholdedRelu", ThresholdedRelu{0.5F}, -9, 9, 0, 0, [](Real x) { return x > Real(0.5) ? x : 0; });
}

TEST_CASE("unary: elementary functions") {
  using namespace hone::simd;
  check_both("Exp", Exp{}, -80, 80, 1.5, 1.5, [](Real x) { return std::exp(x); });
  check_both("Log", Log{}, 0, 1e5, 1.5, 1.5, [](Real x) { return std::log(x); });
  check_both("Log near 1", Log{}, 0.5, 1.5, 2, 2, [](Real x) { return std::log(x); });
  // In double, the approximation that xsimd uses beyond 0.65 is good to 1.5e-14.
  check_both("Erf", Erf{}, -4, 4, 3, 100, [](Real x) { return std::erf(x); });
  check_both("Tanh", Tanh{}, -12, 12, 3, 3, [](Real x) { return std::tanh(x); });
  check_both("Tanh near 0", Tanh{}, -0.1, 0.1, 3, 3, [](Real x) { return std::tanh(x); });
  check_both("Sigmoid", Sigmoid{}, -30, 30, 3, 3, [](Real x) { return 1 / (1 + std::exp(-x)); });
  check_both("Sin", Sin{}, -100, 100, 1, 1, [](Real x) { return std::sin(x); });
  check_both("Cos", Cos{}, -100, 100, 1, 1, [](Real x) { return std::cos(x); });
  check_both("Tan", Tan{}, -100, 100, 1, 1, [](Real x) { return std::tan(x); });
  check_both("Sinh", Sinh{}, -10, 10, 3, 3, [](Real x) { return std::sinh(x); });
  check_both("Cosh", Cosh{}, -10, 10, 3, 3, [](Real x) { return std::cosh(x); });
  check_both("Asin", Asin{}, -1, 1, 3, 3, [](Real x) { return std::asin(x); });
  check_both("Acos", Acos{}, -1, 1, 3, 3, [](Real x) { return std::acos(x); });
  check_both("Atan", Atan{}, -50, 50, 3, 3, [](Real x) { return std::atan(x); });
  check_both("Asinh", Asinh{}, -50, 50, 4, 4, [](Real x) { return std::asinh(x); });
  check_both("Acosh", Acosh{}, 1, 50, 4, 4, [](Real x) { return std::acosh(x); });
  check_both("Atanh", Atanh{}, -0.99, 0.99, 4, 4, [](Real x) { return std::atanh(x); });
}

TEST_CASE("unary: activations") {
  using namespace hone::simd;
  const Real a = 0.3F;
  const Real g = 1.25F;
  check_both("LeakyRelu", LeakyRelu{0.3F}, -9, 9, 1, 1, [=](Real x) { return x < 0 ? a * x : x; });
  check_both("Elu", Elu{0.3F}, -9, 9, 4, 4, [=](Real x) { return x < 0 ? a * std::expm1(x) : x; });
  check_both("Selu", Selu{0.3F, 1.25F}, -9, 9, 4, 4, [=](Real x) { return g * (x < 0 ? a * std::expm1(x) : x); });
  check_both("Celu", Celu{0.3F}, -9, 9, 12, 12, [=](Real x) { return x < 0 ? a * std::expm1(x / a) : x; });
  check_both("Softsign", Softsign{}, -9, 9, 2, 2, [](Real x) { return x / (1 + std::abs(x)); });
  check_both("Softplus", Softplus{}, -30, 30, 4, 4, [](Real x) { return std::log1p(std::exp(x)); });
  check_both("Swish", Swish{0.3F}, -30, 30, 12, 12, [=](Real x) { return x / (1 + std::exp(-a * x)); });
  check_both("Mish", Mish{}, -15, 30, 6, 6, [](Real x) { return x * std::tanh(std::log1p(std::exp(x))); });
}

/// Functions that subtract nearly equal numbers: measured against the size of their input, relative error `epsilons` times epsilon.
template <class T, class F, class Reference>
void check_absolute(const F& f, double lo, double hi, Reference reference, double epsilons = 4) {
  std::mt19937 engine(12);
  std::uniform_real_distribution<double> pick(lo, hi);
  for (const Isa isa : hone::simd::available_isas()) {
    CAPTURE(hone::simd::name(isa));
    std::vector<T> x(1000);
    for (T& v : x) v = static_cast<T>(pick(engine));
    std::vector<T> y(x.size());
    hone::simd::table<UnaryLoop<F, T>>(isa).run(f, x.data(), y.data(), x.size());
    double worst = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      worst = std::max(worst, static_cast<double>(std::abs(y[i] - reference(static_cast<Real>(x[i]))) / (1 + std::abs(x[i]))));
    }
    CAPTURE(worst);
    CHECK(worst <= epsilons * static_cast<double>(std::numeric_limits<T>::epsilon()));
  }
}

TEST_CASE("unary: activations that cancel") {
  using namespace hone::simd;
  const auto gelu = [](Real x) { return x / 2 * (1 + std::erf(x / std::sqrt(Real(2)))); };
  const auto gelu_tanh = [](Real x) {
    return x / 2 * (1 + std::tanh(std::sqrt(2 / std::acos(Real(-1))) * (x + Real(0.044715) * x * x * x)));
  };
  const auto hard_sigmoid = [](Real x) { return std::min(std::max(Real(0.2F) * x + Real(0.5F), Real(0)), Real(1)); };
  const auto hard_swish = [](Real x) { return x * std::min(std::max(x / 6 + Real(0.5), Real(0)), Real(1)); };
  check_absolute<float>(Gelu{}, -9, 9, gelu);
  check_absolute<double>(Gelu{}, -9, 9, gelu, 35);  // half the error of Erf
  check_absolute<float>(GeluTanh{}, -9, 9, gelu_tanh);
  check_absolute<double>(GeluTanh{}, -9, 9, gelu_tanh);
  check_absolute<float>(HardSigmoid{0.2F, 0.5F}, -9, 9, hard_sigmoid);
  check_absolute<double>(HardSigmoid{0.2F, 0.5F}, -9, 9, hard_sigmoid);
  check_absolute<float>(HardSwish{}, -9, 9, hard_swish);
  check_absolute<double>(HardSwish{}, -9, 9, hard_swish);
}

TEST_CASE("unary: NaN, infinities and corners") {
  using namespace hone::simd;
  check_at_both("Identity", Identity{}, {{inf, inf}, {-inf, -inf}});
  check_at_both("Abs", Abs{}, {{-inf, inf}, {-0.0, 0}});
  check_at_both("Neg", Neg{}, {{inf, -inf}});
  check_at_both("Sign", Sign{}, {{inf, 1}, {-inf, -1}, {0, 0}});
  check_at_both("Relu", Relu{}, {{inf, inf}, {-inf, 0}});
  check_at_both("Reciprocal", Reciprocal{}, {{inf, 0}, {0, inf}, {-0.0, -inf}});
  check_at_both("Sqrt", Sqrt{}, {{inf, inf}, {-1, nan}, {0, 0}});
  check_at_both("Exp", Exp{}, {{inf, inf}, {-inf, 0}, {0, 1}, {1000, inf}, {-1000, 0}});
  check_at_both("Log", Log{}, {{inf, inf}, {0, -inf}, {-1, nan}, {1, 0}});
  check_at_both("Erf", Erf{}, {{inf, 1}, {-inf, -1}, {0, 0}, {30, 1}});
  check_at_both("Ceil", Ceil{}, {{inf, inf}, {-inf, -inf}, {0.5, 1}, {-0.5, 0}, {1e15, 1e15}});
  check_at_both("Floor", Floor{}, {{inf, inf}, {-inf, -inf}, {0.5, 0}, {-0.5, -1}, {1e15, 1e15}});
  check_at_both("Round", Round{}, {{inf, inf}, {-inf, -inf}, {0.5, 0}, {1.5, 2}, {2.5, 2}, {-2.5, -2}, {-1.5, -2}, {8388609, 8388609}});
  check_at_both("Sigmoid", Sigmoid{}, {{inf, 1}, {-inf, 0}, {0, 0.5}, {-1000, 0}, {1000, 1}});
  check_at_both("Tanh", Tanh{}, {{inf, 1}, {-inf, -1}, {0, 0}, {1000, 1}, {-1000, -1}});
  check_at_both("Sin", Sin{}, {{0, 0}, {inf, nan}});
  check_at_both("Cos", Cos{}, {{0, 1}, {inf, nan}});
  check_at_both("Tan", Tan{}, {{0, 0}, {inf, nan}});
  check_at_both("Sinh", Sinh{}, {{0, 0}, {inf, inf}, {-inf, -inf}});
  check_at_both("Cosh", Cosh{}, {{0, 1}, {inf, inf}, {-inf, inf}});
  check_at_both("Asin", Asin{}, {{0, 0}, {2, nan}, {-2, nan}});
  check_at_both("Acos", Acos{}, {{1, 0}, {2, nan}, {-2, nan}});
  check_at_both("Atan", Atan{}, {{0, 0}});
  check_at_both("Asinh", Asinh{}, {{0, 0}});
  check_at_both("Acosh", Acosh{}, {{1, 0}, {0.5, nan}});
  check_at_both("Atanh", Atanh{}, {{0, 0}, {1, inf}, {-1, -inf}, {2, nan}});
  check_at_both("Softplus", Softplus{}, {{inf, inf}, {-inf, 0}, {1000, 1000}, {-1000, 0}});
  check_at_both("Softsign", Softsign{}, {{0, 0}});
  check_at_both("LeakyRelu", LeakyRelu{0.5F}, {{inf, inf}, {-inf, -inf}});
  check_at_both("ThresholdedRelu", ThresholdedRelu{1}, {{inf, inf}, {-inf, 0}, {1, 0}});
  check_at_both("Elu", Elu{2}, {{inf, inf}, {-inf, -2}, {1000, 1000}});
  check_at_both("Selu", Selu{2, 3}, {{inf, inf}, {-inf, -6}});
  check_at_both("Celu", Celu{2}, {{inf, inf}, {-inf, -2}});
  check_at_both("HardSigmoid", HardSigmoid{0.2F, 0.5F}, {{inf, 1}, {-inf, 0}});
  check_at_both("HardSwish", HardSwish{}, {{inf, inf}, {-1000, 0}});
  check_at_both("Swish", Swish{1}, {{inf, inf}, {1000, 1000}, {-1000, 0}});
  check_at_both("Gelu", Gelu{}, {{inf, inf}, {1000, 1000}, {-1000, 0}, {0, 0}});
  check_at_both("GeluTanh", GeluTanh{}, {{inf, inf}, {1000, 1000}, {-1000, 0}, {0, 0}});
  check_at_both("Mish", Mish{}, {{inf, inf}, {1000, 1000}, {-1000, 0}});
  check_at<float>("Clip", Clip<float>{-1, 1}, {{inf, 1}, {-inf, -1}});
  check_at<double>("Clip", Clip<double>{-1, 1}, {{inf, 1}, {-inf, -1}});
}

template <class T>
void check_integers() {
  using namespace hone::simd;
  constexpr T least = std::numeric_limits<T>::min();
  std::vector<T> x(37);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<T>(static_cast<int>(i) * 7 - 100);
  x[5] = least;
  for (const Isa isa : available_isas()) {
    std::vector<T> y(x.size());
    table<UnaryLoop<Abs, T>>(isa).run({}, x.data(), y.data(), x.size());
    for (std::size_t i = 0; i < x.size(); ++i) CHECK(y[i] == (x[i] == least ? least : static_cast<T>(x[i] < 0 ? -x[i] : x[i])));
    table<UnaryLoop<Neg, T>>(isa).run({}, x.data(), y.data(), x.size());
    for (std::size_t i = 0; i < x.size(); ++i) CHECK(y[i] == (x[i] == least ? least : static_cast<T>(-x[i])));
    table<UnaryLoop<Sign, T>>(isa).run({}, x.data(), y.data(), x.size());
    for (std::size_t i = 0; i < x.size(); ++i) CHECK(y[i] == static_cast<T>((x[i] > 0) - (x[i] < 0)));
    table<UnaryLoop<Relu, T>>(isa).run({}, x.data(), y.data(), x.size());
    for (std::size_t i = 0; i < x.size(); ++i) CHECK(y[i] == (x[i] > 0 ? x[i] : T(0)));
    table<UnaryLoop<Clip<T>, T>>(isa).run({T(-3), T(5)}, x.data(), y.data(), x.size());
    for (std::size_t i = 0; i < x.size(); ++i) CHECK(y[i] == std::min(std::max(x[i], T(-3)), T(5)));
  }
}

TEST_CASE("unary: integers") {
  check_integers<std::int8_t>();
  check_integers<std::int16_t>();
  check_integers<std::int32_t>();
  check_integers<std::int64_t>();
}

TEST_CASE("unary: scalar form") {
  CHECK(hone::simd::Relu{}(-1.0F) == 0.0F);
  CHECK(hone::simd::Relu{}(2.0) == 2.0);
  CHECK(hone::simd::Gelu{}(0.0F) == 0.0F);
  CHECK(hone::simd::Tanh{}(0.5F) == std::tanh(0.5F));
  CHECK(hone::simd::Round{}(2.5F) == 2.0F);
}

}  // namespace unary_test
