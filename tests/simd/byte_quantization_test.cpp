#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include <doctest/doctest.h>

#include <hone/simd/byte_quantization.hpp>

namespace byte_quantization_test {

using hone::simd::ByteQuantization;
using hone::simd::ByteScale;

/// What the standard defines, NaN as the least number.
inline std::uint8_t quantized(float x, const ByteScale& s) {
  const float rounded = std::nearbyint(x / s.scale) + s.zero;
  const float value = rounded > s.least ? std::min(rounded, s.most) : s.least;
  return static_cast<std::uint8_t>(static_cast<std::int32_t>(value));
}

TEST_CASE("floats become bytes exactly as a division and a rounding give them, and bytes floats") {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  std::vector<float> x{0.0F, -0.0F, infinity, -infinity, std::numeric_limits<float>::quiet_NaN(), 1e30F, -1e30F, 1e-40F, 3e38F};
  for (int i = -700; i < 700; ++i) {
    x.push_back(static_cast<float>(i) * 0.05F);
    x.push_back((static_cast<float>(i) + 0.5F) * 0.1F);  // ties, as near as floats come to them
  }
  const std::vector<ByteScale> scales{
      {0.1F, 128, 0, 255}, {0.1F, -3, -128, 127}, {0.0371F, 0, 0, 255}, {1e-12F, 5, -128, 127}, {3e10F, 0, 0, 255}};
  for (const hone::simd::Isa isa : hone::simd::available_isas()) {
    const ByteQuantization& kernels = hone::simd::table<ByteQuantization>(isa);
    CAPTURE(hone::simd::name(isa));
    for (const ByteScale& scale : scales) {
      CAPTURE(scale.scale);
      for (const std::size_t n : {x.size(), std::size_t{5}, std::size_t{0}}) {
        std::vector<std::uint8_t> y(n + 1, 77);
        kernels.quantize(x.data(), n, scale, y.data());
        CHECK(y[n] == 77);
        std::vector<float> back(n + 1, 77);
        kernels.dequantize(y.data(), n, scale, back.data());
        CHECK(back[n] == 77);
        for (std::size_t i = 0; i < n; ++i) {
          CAPTURE(x[i]);
          CHECK(y[i] == quantized(x[i], scale));
          const float q = scale.least < 0 ? static_cast<float>(static_cast<std::int8_t>(y[i])) : static_cast<float>(y[i]);
          CHECK(back[i] == (q - scale.zero) * scale.scale);
        }
      }
    }
  }
}

TEST_CASE("the range holds 0 and passes over NaN") {
  std::vector<float> x(37, 2.0F);
  x[30] = 5;
  x[36] = std::numeric_limits<float>::quiet_NaN();
  for (const hone::simd::Isa isa : hone::simd::available_isas()) {
    float least = 1;
    float most = 1;
    hone::simd::table<ByteQuantization>(isa).range(x.data(), x.size(), &least, &most);
    CHECK(least == 0);
    CHECK(most == 5);
  }
}

}  // namespace byte_quantization_test
