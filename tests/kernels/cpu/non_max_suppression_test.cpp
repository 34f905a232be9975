#include <cmath>
#include <cstdint>

#include <doctest/doctest.h>

#include <hone/ops/non_max_suppression.hpp>

#include "kernels/cpu/one_node.hpp"

namespace non_max_suppression_test {

using namespace hone_test;
using hone::ops::NonMaxSuppression;

hone::Value boxes() { return tensor<float>({1, 3, 4}, {0, 0, 1, 1, 0, 0.1F, 1, 1.1F, 0, 10, 1, 11}); }
hone::Value number(float value) { return tensor<float>({1}, {value}); }

TEST_CASE("NonMaxSuppression orders by score, then by index") {
  const auto run = [](hone::Value scores, std::int64_t most, float overlap) {
    return run_node<NonMaxSuppression>(11, {}, values(boxes(), std::move(scores), list({most}), number(overlap)));
  };
  check_tensor<std::int64_t>(run(tensor<float>({1, 1, 3}, {0.5F, 0.9F, 0.5F}), 3, 0.5F)[0], {2, 3}, {0, 0, 1, 0, 0, 2});
  check_tensor<std::int64_t>(run(tensor<float>({1, 1, 3}, {0.5F, 0.5F, 0.5F}), 3, 1)[0], {3, 3}, {0, 0, 0, 0, 0, 1, 0, 0, 2});
  check_tensor<std::int64_t>(run(tensor<float>({1, 2, 3}, {1, 2, 3, 3, 2, 1}), 1, 0.5F)[0], {2, 3}, {0, 0, 2, 0, 1, 0});
  check_tensor<std::int64_t>(run(tensor<float>({1, 1, 3}, {std::nanf(""), 2, 1}), 9, 0.5F)[0], {2, 3}, {0, 0, 1, 0, 0, 2});
  CHECK(run(tensor<float>({1, 1, 3}, {1, 2, 3}), 0, 0.5F)[0].shape() == hone::Shape{0, 3});
  CHECK_THROWS_AS(run(tensor<float>({1, 1, 3}, {1, 2, 3}), 1, 1.5F), hone::Error);
  CHECK_THROWS_AS(run(tensor<float>({1, 1, 2}, {1, 2}), 1, 0.5F), hone::Error);
}

TEST_CASE("NonMaxSuppression selects nothing without a number of boxes, and only above the threshold") {
  CHECK(run_node<NonMaxSuppression>(10, {}, values(boxes(), tensor<float>({1, 1, 3}, {1, 2, 3})))[0].shape() == hone::Shape{0, 3});
  const Values y =
      run_node<NonMaxSuppression>(10, {}, values(boxes(), tensor<float>({1, 1, 3}, {1, 2, 3}), list({3}), hone::Value(), number(2)));
  check_tensor<std::int64_t>(y[0], {1, 3}, {0, 0, 2});
  CHECK_THROWS_AS(
      run_node<NonMaxSuppression>(10, attributes({{"center_point_box", integer(2)}}), values(boxes(), tensor<float>({1, 1, 3}, {1, 2, 3}))),
      hone::Error);
}

}  // namespace non_max_suppression_test
