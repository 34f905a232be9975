#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include <doctest/doctest.h>

#include <hone/simd/softmax.hpp>

namespace softmax_test {

using hone::simd::Isa;

inline const std::vector<std::size_t> sizes{1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 129, 1000};

template <class T>
void check() {
  std::mt19937 engine(4);
  std::uniform_real_distribution<double> pick(-20, 20);
  const double eps = static_cast<double>(std::numeric_limits<T>::epsilon());
  for (const Isa isa : hone::simd::available_isas()) {
    CAPTURE(hone::simd::name(isa));
    const auto& family = hone::simd::table<hone::simd::SoftmaxRow<T>>(isa);
    REQUIRE(family.isa == isa);
    for (const std::size_t n : sizes) {
      CAPTURE(n);
      std::vector<T> x(n + 1);
      for (T& v : x) v = static_cast<T>(pick(engine));
      double m = -INFINITY;
      for (std::size_t i = 0; i < n; ++i) m = std::max(m, static_cast<double>(x[i + 1]));
      long double sum = 0;
      for (std::size_t i = 0; i < n; ++i) sum += std::exp(static_cast<long double>(x[i + 1]) - m);
      const auto s = static_cast<double>(sum);
      std::vector<T> y(n + 2, T(7));
      std::vector<T> z(n + 2, T(7));
      family.softmax(x.data() + 1, y.data() + 1, n);
      family.log_softmax(x.data() + 1, z.data() + 1, n);
      CHECK((y[0] == 7 && y[n + 1] == 7 && z[0] == 7 && z[n + 1] == 7));
      bool good = true;
      for (std::size_t i = 0; i < n; ++i) {
        const double shifted = static_cast<double>(x[i + 1]) - m;
        // exp multiplies the rounding of x - m by |x - m|, at most 40.
        good = good && std::abs(static_cast<double>(y[i + 1]) - std::exp(shifted) / s) <= 64 * eps * std::exp(shifted) / s;
        good = good && std::abs(static_cast<double>(z[i + 1]) - (shifted - std::log(s))) <= 4 * eps * (1 + std::abs(shifted));
      }
      CHECK(good);
      CHECK(std::abs(static_cast<double>(family.log_sum_exp(x.data() + 1, n)) - (m + std::log(s))) <= 4 * eps * (1 + std::abs(m)));
      std::vector<T> in_place(x.begin() + 1, x.end());
      family.softmax(in_place.data(), in_place.data(), n);
      CHECK(std::equal(in_place.begin(), in_place.end(), y.begin() + 1));

      std::vector<T> acc(n + 1, T(1));
      const std::vector<T> shift(n, T(20));
      family.accumulate_exp(acc.data(), x.data() + 1, shift.data(), n);
      bool accumulated = acc[n] == 1;
      for (std::size_t i = 0; i < n; ++i) {
        accumulated = accumulated && std::abs(static_cast<double>(acc[i]) - (1 + std::exp(static_cast<double>(x[i + 1]) - 20))) <= 8 * eps;
      }
      CHECK(accumulated);
    }
    const T inf = std::numeric_limits<T>::infinity();
    const std::vector<T> masked{1, -inf, 1, -inf, -inf};
    std::vector<T> y(masked.size());
    family.softmax(masked.data(), y.data(), masked.size());
    CHECK((y[0] == T(0.5) && y[1] == 0 && y[2] == T(0.5) && y[3] == 0 && y[4] == 0));
    const std::vector<T> nothing(3, -inf);
    CHECK(family.log_sum_exp(nothing.data(), 3) == -inf);
    family.softmax(nothing.data(), y.data(), 3);
    CHECK(std::isnan(y[0]));
    const std::vector<T> broken{1, std::numeric_limits<T>::quiet_NaN(), 2};
    family.softmax(broken.data(), y.data(), 3);
    CHECK((std::isnan(y[0]) && std::isnan(y[1]) && std::isnan(y[2])));
  }
}

TEST_CASE("softmax: float rows") { check<float>(); }
TEST_CASE("softmax: double rows") { check<double>(); }

}  // namespace softmax_test
