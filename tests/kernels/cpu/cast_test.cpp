#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

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
  for (const DType dtype : {DType::float8e4m3fn, DType::float8e4m3fnuz, DType::float8e5m2, DType::float8e5m2fnuz, DType::float4e2m1}) {
    CAPTURE(hone::name(dtype));
    const hone::SmallFloat format = hone::SmallFloat::of(dtype);
    for (unsigned code = 0; code < (dtype == DType::float4e2m1 ? 16U : 256U); ++code) {
      const float value = format.decode(static_cast<std::uint8_t>(code));
      if (std::isnan(value)) continue;
      CAPTURE(code);
      CHECK(format.encode(value, false) == code);
    }
  }
}

}  // namespace cast_test
