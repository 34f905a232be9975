#include <doctest/doctest.h>

#include <hone/ops/reshape.hpp>
#include <hone/ops/squeeze.hpp>

#include "kernels/cpu/one_node.hpp"

namespace reshape_test {

using namespace hone_test;
using hone::ops::Flatten;
using hone::ops::Reshape;
using hone::ops::Squeeze;
using hone::ops::Unsqueeze;

hone::Shape reshaped(const hone::Shape& from, std::vector<std::int64_t> to, int opset = 13, const hone::Attributes& a = {}) {
  return run_node<Reshape>(opset, a, values(iota<float>(from), list(std::move(to))))[0].shape();
}

TEST_CASE("Reshape copies, infers and checks dimensions") {
  CHECK(reshaped({2, 3, 4}, {0, -1}) == hone::Shape{2, 12});
  CHECK(reshaped({2, 3}, {3, 2}) == hone::Shape{3, 2});
  CHECK(reshaped({1}, {}) == hone::Shape{});
  CHECK(reshaped({}, {1, 1}) == hone::Shape{1, 1});
  // -1 has a value although the product is 0, because the 0 is copied.
  CHECK(reshaped({0, 3, 4}, {0, -1}) == hone::Shape{0, 12});
  CHECK(reshaped({0, 5}, {5, 0}, 14, attributes({{"allowzero", integer(1)}})) == hone::Shape{5, 0});
  CHECK_THROWS_AS(reshaped({0, 5}, {0, -1}, 14, attributes({{"allowzero", integer(1)}})), hone::Error);
  CHECK_THROWS_AS(reshaped({2, 3}, {4, -1}), hone::Error);
  CHECK_THROWS_AS(reshaped({2, 3}, {-1, -1}), hone::Error);
  CHECK_THROWS_AS(reshaped({2, 3}, {2, 3, 0}), hone::Error);
  CHECK_THROWS_AS(reshaped({2, 3}, {-2, 3}), hone::Error);
  CHECK_THROWS_AS(reshaped({2, 3}, {std::int64_t{1} << 62, 8, -1}), hone::Error);
}

TEST_CASE("Reshape-1 takes the shape from an attribute") {
  const Values y = run_node<Reshape>(1, attributes({{"shape", integers({3, -1})}}), values(iota<float>({2, 3})));
  check_tensor<float>(y[0], {3, 2}, {0, 1, 2, 3, 4, 5});
}

TEST_CASE("Flatten splits at any axis, the ends included") {
  const auto flattened = [](std::int64_t axis) {
    return run_node<Flatten>(13, attributes({{"axis", integer(axis)}}), values(iota<float>({2, 3, 4})))[0].shape();
  };
  CHECK(flattened(0) == hone::Shape{1, 24});
  CHECK(flattened(3) == hone::Shape{24, 1});
  CHECK(flattened(-1) == hone::Shape{6, 4});
  CHECK_THROWS_AS(flattened(4), hone::Error);
  CHECK(run_node<Flatten>(13, attributes({{"axis", integer(0)}}), values(iota<float>({})))[0].shape() == hone::Shape{1, 1});
}

TEST_CASE("Squeeze and Unsqueeze take axes as an attribute before opset 13 and as an input since") {
  const auto axes = attributes({{"axes", integers({-1})}});
  CHECK(run_node<Squeeze>(11, axes, values(iota<float>({1, 3, 1})))[0].shape() == hone::Shape{1, 3});
  CHECK(run_node<Squeeze>(13, {}, values(iota<float>({1, 3, 1})))[0].shape() == hone::Shape{3});
  CHECK(run_node<Squeeze>(13, {}, values(iota<float>({1, 3, 1}), list({0})))[0].shape() == hone::Shape{3, 1});
  CHECK(run_node<Unsqueeze>(11, axes, values(iota<float>({2})))[0].shape() == hone::Shape{2, 1});
  CHECK(run_node<Unsqueeze>(13, {}, values(iota<float>({2}), list({-1, 0})))[0].shape() == hone::Shape{1, 2, 1});
  CHECK_THROWS_AS(run_node<Squeeze>(13, {}, values(iota<float>({1, 3}), list({1}))), hone::Error);
  CHECK_THROWS_AS(run_node<Squeeze>(13, {}, values(iota<float>({1, 3}), list({2}))), hone::Error);
  CHECK_THROWS_AS(run_node<Unsqueeze>(13, {}, values(iota<float>({2}), list({0, 0}))), hone::Error);
  CHECK_THROWS_AS(run_node<Unsqueeze>(13, axes, values(iota<float>({2}), list({0}))), hone::Error);
}

}  // namespace reshape_test
