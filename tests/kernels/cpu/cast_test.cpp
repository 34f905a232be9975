#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <hone/kernels/cpu/small_float.hpp>
#include <hone/ops/cast.hpp>

#include "kernels/cpu/one_node.hpp"

namespace cast_test {

using namespace hone_test;
using hone::DType;
using hone::ops::Cast;

hone::Value cast(hone::Value x, DType to) {
  return std::move(run_node<Cast>(13, attributes({{"to", integer(static_cast<std::int64_t>(to))}}), values(std::move(x)))[0]);
}

TEST_CASE("Cast wraps integers and truncates real numbers") {
  check_tensor<std::int8_t>(cast(tensor<std::int16_t>({2}, {200, -129}), DType::int8), {2}, {-56, 127});
  check_tensor<std::uint64_t>(cast(tensor<std::int8_t>({1}, {-1}), DType::uint64), {1}, {~std::uint64_t{0}});
  check_tensor<std::int32_t>(cast(tensor<float>({4}, {-1.9F, 1.9F, -0.5F, 2147483520.0F}), DType::int32), {4}, {-1, 1, 0, 2147483520});
  check_tensor<std::uint64_t>(cast(tensor<double>({1}, {0x1p63}), DType::uint64), {1}, {std::uint64_t{1} << 63});
  check_tensor<std::uint32_t>(cast(tensor<float>({1}, {4e9F}), DType::uint32), {1}, {4000000000U});
  check_tensor<float>(cast(tensor<std::uint64_t>({1}, {~std::uint64_t{0}}), DType::float32), {1}, {0x1p64F});
  check_tensor<double>(cast(tensor<std::int64_t>({1}, {(std::int64_t{1} << 53) - 1}), DType::float64), {1}, {0x1p53 - 1});
  // Out of range is unspecified, but must be some value.
  (void)cast(tensor<double>({3}, {1e300, -1e300, std::nan("")}), DType::int32);
  (void)cast(tensor<float>({3}, {1e30F, -1e30F, std::nanf("")}), DType::uint8);
}

TEST_CASE("Cast to bool is a comparison with zero") {
  check_tensor<bool>(cast(tensor<float>({4}, {0.0F, -0.0F, 0.25F, std::nanf("")}), DType::boolean), {4}, {false, false, true, true});
  check_tensor<float>(cast(tensor<bool>({2}, {true, false}), DType::float32), {2}, {1, 0});
}

TEST_CASE("Cast from double rounds once") {
  // Slightly above the middle of 1 and the next Half; through float it would be the middle, and round to even.
  const double above = 1.0 + 0x1p-11 + 0x1p-40;
  CHECK(cast(tensor<double>({1}, {above}), DType::float16).view<hone::Half>()[0].bits == 0x3c01);
  CHECK(cast(tensor<double>({1}, {1.0 + 0x1p-11}), DType::float16).view<hone::Half>()[0].bits == 0x3c00);
  CHECK(cast(tensor<double>({1}, {-1e300}), DType::float16).view<hone::Half>()[0].bits == 0xfc00);
  CHECK(cast(tensor<double>({1}, {1.0 + 0x1p-8 + 0x1p-40}), DType::bfloat16).view<hone::BFloat16>()[0].bits == 0x3f81);
}

TEST_CASE("Cast parses and prints") {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  check_tensor<float>(cast(tensor<std::string>({4}, {"3.5", " -1e-2 ", "+INF", "1e99"}), DType::float32), {4},
                      {3.5F, -0.01F, infinity, infinity});
  CHECK(std::isnan(cast(tensor<std::string>({1}, {"NaN"}), DType::float32).view<float>()[0]));
  check_tensor<std::int64_t>(cast(tensor<std::string>({3}, {"9223372036854775807", "100.5", "-7"}), DType::int64), {3},
                             {std::numeric_limits<std::int64_t>::max(), 100, -7});
  check_tensor<std::uint64_t>(cast(tensor<std::string>({1}, {"18446744073709551615"}), DType::uint64), {1}, {~std::uint64_t{0}});
  check_tensor<std::string>(cast(tensor<float>({4}, {1.5F, 0.1F, -INFINITY, std::nanf("")}), DType::string), {4},
                            {"1.5", "0.1", "-INF", "NaN"});
  check_tensor<std::string>(cast(tensor<std::uint64_t>({1}, {~std::uint64_t{0}}), DType::string), {1}, {"18446744073709551615"});
  CHECK_THROWS_WITH_AS(cast(tensor<std::string>({2}, {"1", "one"}), DType::float32), "element 1, 'one', is not a number", hone::Error);
  CHECK_THROWS_AS(cast(tensor<std::string>({1}, {""}), DType::int64), hone::Error);
}

TEST_CASE("Cast works on blocks, their ends and empty tensors") {
  for (const std::int64_t n : {0, 1, 511, 512, 513, 40000}) {
    const hone::Value y = cast(iota<std::int32_t>({n}), DType::float32);
    bool same = y.shape() == hone::Shape{n};
    for (std::int64_t i = 0; i < n; ++i) same = same && y.view<float>()[static_cast<std::size_t>(i)] == static_cast<float>(i);
    CHECK(same);
  }
}

TEST_CASE("Cast-1 names the type") {
  const Values y = run_node<Cast>(1, attributes({{"to", string("DOUBLE")}}), values(iota<float>({2})));
  check_tensor<double>(y[0], {2}, {0, 1});
  CHECK_THROWS_AS(run_node<Cast>(1, attributes({{"to", string("NUMBER")}}), values(iota<float>({2}))), hone::Error);
  CHECK_THROWS_AS(run_node<Cast>(13, attributes({{"to", integer(99)}}), values(iota<float>({2}))), hone::Error);
}

TEST_CASE("Every code of the small floats survives a round trip") {
  for (const DType dtype : {DType::float8e4m3fn, DType::float8e4m3fnuz, DType::float8e5m2, DType::float8e5m2fnuz, DType::float4e2m1,
                            DType::float6e2m3, DType::float6e3m2}) {
    CAPTURE(hone::name(dtype));
    const hone::SmallFloat format = hone::SmallFloat::of(dtype);
    for (unsigned code = 0; code < 1U << hone::bit_width(dtype); ++code) {
      const float value = format.decode(static_cast<std::uint8_t>(code));
      if (std::isnan(value)) continue;
      CAPTURE(code);
      CHECK(format.encode(value, false) == code);
    }
  }
}

/// A type of 6 bits as the OCP Microscaling Formats define it: (-1)^sign 2^(exponent - bias) 1.mantissa, or, where the exponent is 0,
/// (-1)^sign 2^(1 - bias) 0.mantissa.
struct SixBits {
  DType dtype;
  int mantissa_bits;
  int bias;

  [[nodiscard]] float value(unsigned code) const {
    const unsigned steps = 1U << mantissa_bits;
    const unsigned exponent = (code & 0x1f) / steps;
    const float fraction = static_cast<float>(code % steps) / static_cast<float>(steps);
    const float magnitude = std::ldexp(exponent == 0 ? fraction : 1 + fraction, static_cast<int>(exponent == 0 ? 1 : exponent) - bias);
    return (code & 0x20) != 0 ? -magnitude : magnitude;
  }
  /// The codes that Cast gives for numbers, read bit by bit.
  template <class T>
  [[nodiscard]] std::vector<unsigned> cast_of(const std::vector<T>& numbers, const hone::Attributes& further = {}) const {
    auto all = attributes({{"to", integer(static_cast<std::int64_t>(dtype))}});
    for (const auto& [name, attribute] : further) all.set(name, attribute);
    const Values y = run_node<Cast>(28, all, values(hone::Tensor<T>({static_cast<std::int64_t>(numbers.size())}, numbers)));
    CHECK(y[0].dtype() == dtype);
    CHECK(y[0].ref().bytes() == (6 * numbers.size() + 7) / 8);
    std::vector<unsigned> codes(numbers.size());
    for (std::size_t bit = 0; bit < 6 * codes.size(); ++bit)
      codes[bit / 6] |= (y[0].ref().as<const std::uint8_t>()[bit / 8] >> bit % 8 & 1U) << bit % 6;
    return codes;
  }
  [[nodiscard]] unsigned code_of(float number) const { return cast_of<float>({number})[0]; }
};

constexpr SixBits six_bits[]{{DType::float6e2m3, 3, 1}, {DType::float6e3m2, 2, 3}};

TEST_CASE("Cast from the floats of 6 bits: all codes") {
  CHECK(six_bits[0].value(0x1f) == 7.5F);
  CHECK(six_bits[0].value(0x01) == 0.125F);
  CHECK(six_bits[1].value(0x1f) == 28);
  CHECK(six_bits[1].value(0x21) == -0.0625F);
  for (const SixBits& format : six_bits) {
    CAPTURE(hone::name(format.dtype));
    // More than a block, and an end within a byte.
    const std::int64_t count = 64 * 20 + 1;
    hone::Value x = hone::Value::tensor(format.dtype, {count});
    std::fill_n(x.ref().as<std::uint8_t>(), x.ref().bytes(), std::uint8_t{0});
    for (std::int64_t bit = 0; bit < 6 * count; ++bit)
      x.ref().as<std::uint8_t>()[bit / 8] |= static_cast<std::uint8_t>((bit / 6 % 64 >> bit % 6 & 1) << bit % 8);
    const hone::Value y = cast(std::move(x), DType::float32);
    for (unsigned i = 0; i < count; ++i) {
      CAPTURE(i);
      CHECK(y.view<float>()[i] == format.value(i % 64));
      CHECK(std::signbit(y.view<float>()[i]) == (i % 64 >= 32));
    }
  }
}

TEST_CASE("Cast to the floats of 6 bits rounds to nearest, ties to even, and saturates") {
  const float infinity = std::numeric_limits<float>::infinity();
  for (const SixBits& format : six_bits) {
    CAPTURE(hone::name(format.dtype));
    for (const unsigned sign : {0U, 0x20U}) {
      for (unsigned code = 0; code < 0x1f; ++code) {
        CAPTURE(code);
        const float low = format.value(code | sign);
        const float high = format.value(code + 1 | sign);
        const float middle = low / 2 + high / 2;
        CHECK(format.code_of(low) == (code | sign));
        CHECK(format.code_of(std::nextafter(middle, low)) == (code | sign));
        CHECK(format.code_of(middle) == (code + code % 2 | sign));
        CHECK(format.code_of(std::nextafter(middle, high)) == (code + 1 | sign));
      }
      const float most = format.value(0x1f | sign);
      for (const float beyond : {most, std::nextafter(most, most * 2), most * 1.5F, most * 1e30F, std::copysign(infinity, most)}) {
        CHECK(format.code_of(beyond) == (0x1f | sign));
        CHECK(format.cast_of<float>({beyond}, attributes({{"saturate", integer(0)}}))[0] == (0x1f | sign));
      }
      CHECK(format.code_of(std::copysign(1e-30F, most)) == sign);
      CHECK(format.code_of(std::copysign(0.0F, most)) == sign);
    }
    // There is no NaN: ml_dtypes makes it a zero of the other sign.
    CHECK(format.code_of(std::copysign(std::nanf(""), 1.0F)) == 0x20);
    CHECK(format.code_of(std::copysign(std::nanf(""), -1.0F)) == 0);
  }
}

TEST_CASE("Cast between the floats of 6 bits and other types") {
  for (const SixBits& format : six_bits) {
    CHECK(format.cast_of<std::int64_t>({0, 1, -2, 1000}) == std::vector<unsigned>{0, format.code_of(1), format.code_of(-2), 0x1f});
    CHECK(format.cast_of<std::uint8_t>({200, 0}) == std::vector<unsigned>{0x1f, 0});
    CHECK(format.cast_of<hone::Half>({hone::Half(0.5F)}) == std::vector<unsigned>{format.code_of(0.5F)});
    CHECK(format.cast_of<std::string>({"-1.5", "1e9"}) == std::vector<unsigned>{format.code_of(-1.5F), 0x1f});
    // Slightly above the middle of 1 and the next number, by less than a float can tell.
    const double step = static_cast<double>(format.value(format.code_of(1) + 1)) - 1;
    CHECK(format.cast_of<double>({1 + step / 2, 1 + step / 2 + 0x1p-40}) ==
          std::vector<unsigned>{format.code_of(1), format.code_of(1) + 1});
    const auto one = [&] { return cast(tensor<float>({3}, {1, -2.5F, 0}), format.dtype); };
    check_tensor<std::int32_t>(cast(one(), DType::int32), {3}, {1, -2, 0});
    check_tensor<bool>(cast(one(), DType::boolean), {3}, {true, true, false});
    check_tensor<std::string>(cast(one(), DType::string), {3}, {"1", "-2.5", "0"});
    check_tensor<double>(cast(cast(one(), DType::float4e2m1), DType::float64), {3}, {1, -2, 0});
  }
}

}  // namespace cast_test
