#include <string>

#include <doctest/doctest.h>

#include <hone/ops/concat.hpp>
#include <hone/ops/split.hpp>

#include "kernels/cpu/one_node.hpp"

namespace concat_test {

using namespace hone_test;
using hone::ops::Concat;
using hone::ops::Split;

TEST_CASE("Concat joins along any axis, empty inputs and strings included") {
  const auto axis = [](std::int64_t value) { return attributes({{"axis", integer(value)}}); };
  const Values y = run_node<Concat>(13, axis(-1), values(iota<float>({2, 1}), iota<float>({2, 0}), iota<float>({2, 2})));
  check_tensor<float>(y[0], {2, 3}, {0, 0, 1, 1, 2, 3});
  const Values s = run_node<Concat>(13, axis(0), values(tensor<std::string>({1}, {"x"}), tensor<std::string>({2}, {"y", "z"})));
  check_tensor<std::string>(s[0], {3}, {"x", "y", "z"});
  // Opset 1 joins along axis 1 unless told otherwise; newer ones need the attribute.
  CHECK(run_node<Concat>(1, {}, values(iota<float>({2, 1}), iota<float>({2, 3})))[0].shape() == hone::Shape{2, 4});
  CHECK_THROWS_AS(run_node<Concat>(4, {}, values(iota<float>({2, 1}))), hone::Error);
  CHECK_THROWS_AS(run_node<Concat>(13, axis(0), values(iota<float>({2, 1}), iota<float>({2, 3}))), hone::Error);
  CHECK_THROWS_AS(run_node<Concat>(13, axis(0), values(iota<float>({2}), iota<float>({2, 3}))), hone::Error);
  CHECK_THROWS_AS(run_node<Concat>(13, axis(0), values(iota<float>({}), iota<float>({}))), hone::Error);
}

TEST_CASE("Split takes sizes from an attribute, an input, or the number of outputs") {
  const Values old = run_node<Split>(2, attributes({{"split", integers({1, 3})}}), values(iota<float>({4})), 2);
  check_tensor<float>(old[1], {3}, {1, 2, 3});
  const Values columns = run_node<Split>(13, attributes({{"axis", integer(-1)}}), values(iota<float>({2, 3}), list({1, 2})), 2);
  check_tensor<float>(columns[0], {2, 1}, {0, 3});
  check_tensor<float>(columns[1], {2, 2}, {1, 2, 4, 5});
  CHECK_THROWS_AS(run_node<Split>(13, {}, values(iota<float>({5})), 2), hone::Error);
  const Values uneven = run_node<Split>(18, attributes({{"num_outputs", integer(4)}}), values(iota<float>({5})), 4);
  CHECK(uneven[0].shape() == hone::Shape{2});
  CHECK(uneven[2].shape() == hone::Shape{1});
  CHECK(uneven[3].shape() == hone::Shape{0});
  CHECK_THROWS_AS(run_node<Split>(18, attributes({{"num_outputs", integer(3)}}), values(iota<float>({5})), 2), hone::Error);
  CHECK_THROWS_AS(run_node<Split>(13, {}, values(iota<float>({5}), list({2, 2})), 2), hone::Error);
  CHECK_THROWS_AS(run_node<Split>(13, {}, values(iota<float>({5}), list({6, -1})), 2), hone::Error);
  CHECK_THROWS_AS(run_node<Split>(13, {}, values(iota<float>({5}), list({5})), 2), hone::Error);
}

}  // namespace concat_test
