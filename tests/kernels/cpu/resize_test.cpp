#include <cstdint>
#include <string>

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
