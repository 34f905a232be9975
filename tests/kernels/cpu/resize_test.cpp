#include <complex>
#include <cstdint>
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include <hone/ops/resize.hpp>

#include "kernels/cpu/one_node.hpp"

namespace resize_test {

using namespace hone_test;
using hone::ops::Resize;
using hone::ops::Upsample;

hone::Value scales(std::initializer_list<float> list) { return tensor<float>({static_cast<std::int64_t>(list.size())}, list); }

TEST_CASE("Upsample and Resize-10 have scales as their second parameter and asymmetric coordinates") {
  const auto old = attributes({{"scales", hone::Attribute(std::vector<float>{1, 2})}});
  check_tensor<float>(run_node<Upsample>(7, old, values(iota<float>({1, 2})))[0], {1, 4}, {0, 0, 1, 1});
  const auto linear = attributes({{"mode", string("linear")}});
  check_tensor<float>(run_node<Upsample>(9, linear, values(iota<float>({1, 2}), scales({1, 2})))[0], {1, 4}, {0, 0.5F, 1, 1});
  check_tensor<float>(run_node<Resize>(10, {}, values(iota<float>({1, 4}), scales({1, 0.5F})))[0], {1, 2}, {0, 2});
  check_tensor<std::string>(run_node<Upsample>(9, {}, values(tensor<std::string>({1}, {"a"}), scales({3})))[0], {3}, {"a", "a", "a"});
}

TEST_CASE("Upsample of opset 1 has the scales of images as attributes") {
  using hone::ops::ImageUpsample;
  const auto by = [](float height, float width, const char* mode) {
    return attributes({{"height_scale", height}, {"width_scale", width}, {"mode", string(mode)}});
  };
  check_tensor<std::int64_t>(run_node<ImageUpsample>(1, by(1, 2, "nearest"), values(iota<std::int64_t>({1, 1, 2, 2})))[0], {1, 1, 2, 4},
                             {0, 0, 1, 1, 2, 2, 3, 3});
  check_tensor<float>(run_node<ImageUpsample>(6, by(1, 2, "bilinear"), values(iota<float>({1, 1, 1, 2})))[0], {1, 1, 1, 4},
                      {0, 0.5F, 1, 1});
  CHECK_THROWS_AS(run_node<ImageUpsample>(1, by(1, 0, "nearest"), values(iota<float>({1, 1, 2, 2}))), hone::Error);
  CHECK_THROWS_AS(run_node<ImageUpsample>(1, by(1, 2, "nearest"), values(iota<float>({2, 2}))), hone::Error);
  CHECK_THROWS_AS(run_node<ImageUpsample>(1, by(1, 2, "linear"), values(iota<float>({1, 1, 2, 2}))), hone::Error);
  CHECK_THROWS_AS(run_node<ImageUpsample>(1, {}, values(iota<float>({1, 1, 2, 2}))), hone::Error);
}

TEST_CASE("Resize needs exactly one of scales and sizes; empty ones do not count") {
  const auto run = [](hone::Value x, hone::Value by, hone::Value to) {
    return run_node<Resize>(13, {}, values(std::move(x), hone::Value(), std::move(by), std::move(to)));
  };
  CHECK(run(iota<float>({2}), scales({}), list({5}))[0].shape() == hone::Shape{5});
  CHECK(run(iota<float>({5}), scales({0.5F}), hone::Value())[0].shape() == hone::Shape{2});
  CHECK(run(iota<float>({0, 2}), hone::Value(), list({0, 4}))[0].shape() == hone::Shape{0, 4});
  CHECK_THROWS_AS(run(iota<float>({2}), scales({2}), list({5})), hone::Error);
  CHECK_THROWS_AS(run(iota<float>({2}), hone::Value(), hone::Value()), hone::Error);
  CHECK_THROWS_AS(run(iota<float>({2}), scales({0}), hone::Value()), hone::Error);
  CHECK_THROWS_AS(run(iota<float>({2}), scales({1e30F}), hone::Value()), hone::Error);
  CHECK_THROWS_AS(run(iota<float>({2}), scales({1, 1}), hone::Value()), hone::Error);
  CHECK_THROWS_AS(run(iota<float>({2}), hone::Value(), list({-1})), hone::Error);
  CHECK_THROWS_AS(run(iota<float>({0}), hone::Value(), list({1})), hone::Error);
  CHECK_THROWS_AS(run_node<Resize>(13, attributes({{"mode", string("area")}}), values(iota<float>({2}), hone::Value(), scales({2}))),
                  hone::Error);
}

TEST_CASE("Resize interpolates every type of numbers") {
  const auto linear = attributes({{"mode", string("linear")}, {"coordinate_transformation_mode", string("asymmetric")}});
  const auto twice = [&](hone::Value x) {
    const std::int64_t n = x.shape()[0];
    return std::move(run_node<Resize>(13, linear, values(std::move(x), hone::Value(), hone::Value(), list({2 * n})))[0]);
  };
  check_tensor<std::uint16_t>(twice(tensor<std::uint16_t>({2}, {1, 65535})), {4}, {1, 32768, 65535, 65535});
  check_tensor<std::uint32_t>(twice(tensor<std::uint32_t>({2}, {1, 4294967295U})), {4}, {1, 2147483648U, 4294967295U, 4294967295U});
  check_tensor<std::uint64_t>(twice(tensor<std::uint64_t>({2}, {0, 1ULL << 63})), {4}, {0, 1ULL << 62, 1ULL << 63, 1ULL << 63});
  // Half of true rounds to even.
  check_tensor<bool>(twice(tensor<bool>({3}, {true, true, false})), {6}, {true, true, true, false, false, false});
  const hone::Value y = twice(tensor<std::complex<float>>({2}, {{1, 4}, {3, -2}}));
  CHECK(y.view<std::complex<float>>()[1] == std::complex<float>(2, 1));
  CHECK(y.view<std::complex<float>>()[3] == std::complex<float>(3, -2));
  CHECK(twice(tensor<std::complex<double>>({2}, {{0, 1}, {1, 0}})).view<std::complex<double>>()[1] == std::complex<double>(0.5, 0.5));
  CHECK_THROWS_AS(twice(tensor<std::string>({2}, {"a", "b"})), hone::Error);
}

TEST_CASE("complex numbers outside of what is resized are the extrapolation value, a real number") {
  for (const char* mode : {"linear", "nearest"}) {
    const auto crop = attributes({{"mode", string(mode)},
                                  {"coordinate_transformation_mode", string("tf_crop_and_resize")},
                                  {"extrapolation_value", hone::Attribute(7.0F)}});
    const Values y = run_node<Resize>(
        13, crop,
        values(tensor<std::complex<float>>({2, 1}, {{1, 4}, {3, -2}}), tensor<float>({4}, {0, 0, 3, 1}), hone::Value(), list({2, 1})));
    CHECK(y[0].view<std::complex<float>>()[0] == std::complex<float>(1, 4));
    CHECK(y[0].view<std::complex<float>>()[1] == std::complex<float>(7, 0));
  }
}

TEST_CASE("Resize of integers rounds to even and saturates") {
  const auto a = attributes({{"mode", string("cubic")}});
  const Values y = run_node<Resize>(13, a, values(tensor<std::uint8_t>({4}, {0, 255, 255, 0}), hone::Value(), scales({2})));
  check_tensor<std::uint8_t>(y[0], {8}, {0, 58, 197, 255, 255, 197, 58, 0});
  const auto linear = attributes({{"mode", string("linear")}, {"coordinate_transformation_mode", string("asymmetric")}});
  const Values half = run_node<Resize>(13, linear, values(tensor<std::int32_t>({3}, {0, 1, 2}), hone::Value(), scales({2})));
  check_tensor<std::int32_t>(half[0], {6}, {0, 0, 1, 2, 2, 2});
}

TEST_CASE("Resize interpolates along axes that are not the last ones") {
  const auto a =
      attributes({{"mode", string("linear")}, {"axes", integers({0})}, {"coordinate_transformation_mode", string("align_corners")}});
  const Values y = run_node<Resize>(18, a, values(iota<double>({2, 2}), hone::Value(), hone::Value(), list({3})));
  check_tensor<double>(y[0], {3, 2}, {0, 1, 1, 2, 2, 3});
  CHECK_THROWS_AS(run_node<Resize>(18, attributes({{"axes", integers({2})}}), values(iota<double>({2, 2}), hone::Value(), scales({2}))),
                  hone::Error);
}

TEST_CASE("Resize gives the same on any number of threads") {
  for (const char* mode : {"nearest", "linear", "cubic"}) {
    const auto a = attributes({{"mode", string(mode)}, {"antialias", integer(std::string(mode) == "nearest" ? 0 : 1)}});
    const auto run = [&](int threads) {
      return run_node<Resize>(18, a, values(iota<float>({2, 8, 40, 30}), hone::Value(), hone::Value(), list({2, 8, 17, 61})), 1, threads);
    };
    const Values one = run(1);
    const Values four = run(4);
    CHECK(std::equal(one[0].view<float>().begin(), one[0].view<float>().end(), four[0].view<float>().begin()));
  }
}

}  // namespace resize_test
