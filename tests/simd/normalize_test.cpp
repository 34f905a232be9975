#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include <doctest/doctest.h>

#include <hone/simd/normalize.hpp>

namespace normalize_test {

using hone::simd::Isa;

inline const std::vector<std::size_t> sizes{1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 129, 1000};

template <class T>
void check() {
  std::mt19937 engine(6);
  // A mean far from 0, where a variance in one pass would cancel.
  std::uniform_real_distribution<double> pick(99, 103);
  const double tolerance = 1000 * static_cast<double>(std::numeric_limits<T>::epsilon());
  const T epsilon = T(1e-5);
  for (const Isa isa : hone::simd::available_isas()) {
    CAPTURE(hone::simd::name(isa));
    const auto& family = hone::simd::table<hone::simd::NormalizeRow<T>>(isa);
    REQUIRE(family.isa == isa);
    for (const std::size_t n : sizes) {
      CAPTURE(n);
      std::vector<T> x(n + 1);
      std::vector<T> scale(n);
      std::vector<T> bias(n);
      for (T& v : x) v = static_cast<T>(pick(engine));
      for (T& v : scale) v = static_cast<T>(pick(engine) - 101);
      for (T& v : bias) v = static_cast<T>(pick(engine) - 101);
      double mean = 0;
      double square = 0;
      double variance = 0;
      const auto count = static_cast<double>(n);
      for (std::size_t i = 0; i < n; ++i) mean += static_cast<double>(x[i + 1]) / count;
      for (std::size_t i = 0; i < n; ++i) square += static_cast<double>(x[i + 1]) * static_cast<double>(x[i + 1]) / count;
      for (std::size_t i = 0; i < n; ++i) variance += std::pow(static_cast<double>(x[i + 1]) - mean, 2) / count;
      const double inv_std = 1 / std::sqrt(variance + static_cast<double>(epsilon));
      const double inv_rms = 1 / std::sqrt(square + static_cast<double>(epsilon));
      for (const bool with_scale : {false, true}) {
        for (const bool with_bias : {false, true}) {
          std::vector<T> y(n + 2, T(7));
          const auto row = family.layer_norm(x.data() + 1, with_scale ? scale.data() : nullptr, with_bias ? bias.data() : nullptr,
                                             y.data() + 1, n, epsilon);
          // A single element has no variance: what is left of its mean is divided by sqrt(epsilon).
          const double slack = n == 1 ? 400 * tolerance : tolerance;
          bool good = y[0] == 7 && y[n + 1] == 7 && std::abs(static_cast<double>(row.mean) - mean) <= tolerance * 101 &&
                      std::abs(static_cast<double>(row.inv_std) - inv_std) <= slack * inv_std;
          std::vector<T> z(n + 2, T(7));
          family.rms_norm(x.data() + 1, with_scale ? scale.data() : nullptr, z.data() + 1, n, epsilon);
          for (std::size_t i = 0; i < n; ++i) {
            const double s = with_scale ? static_cast<double>(scale[i]) : 1;
            const double b = with_bias ? static_cast<double>(bias[i]) : 0;
            const double v = static_cast<double>(x[i + 1]);
            good = good && std::abs(static_cast<double>(y[i + 1]) - ((v - mean) * inv_std * s + b)) <= slack * (1 + std::abs(s));
            good = good && std::abs(static_cast<double>(z[i + 1]) - v * inv_rms * s) <= tolerance * (1 + std::abs(s));
          }
          CHECK(good);
          std::vector<T> in_place(x.begin() + 1, x.end());
          family.layer_norm(in_place.data(), with_scale ? scale.data() : nullptr, with_bias ? bias.data() : nullptr, in_place.data(), n,
                            epsilon);
          CHECK(std::equal(in_place.begin(), in_place.end(), y.begin() + 1));
        }
      }
      std::vector<T> y(n + 1, T(7));
      family.affine(x.data() + 1, T(2), T(-1), y.data(), n);
      bool good = y[n] == 7;
      for (std::size_t i = 0; i < n; ++i) {
        good = good && std::abs(static_cast<double>(y[i]) - (2 * static_cast<double>(x[i + 1]) - 1)) <= tolerance;
      }
      CHECK(good);
    }
  }
}

TEST_CASE("normalize: float rows") { check<float>(); }
TEST_CASE("normalize: double rows") { check<double>(); }

}  // namespace normalize_test
