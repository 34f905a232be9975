#include <string>

#include <doctest/doctest.h>

#include <hone/ops/pad.hpp>

#include "kernels/cpu/one_node.hpp"

namespace pad_test {

using namespace hone_test;
using hone::ops::Pad;

Values pad(const char* mode, std::int64_t before, std::int64_t after) {
  return run_node<Pad>(19, attributes({{"mode", string(mode)}}), values(iota<float>({3}), list({before, after})));
}

TEST_CASE("Pad modes go on beyond one period") {
  check_tensor<float>(pad("reflect", 5, 3)[0], {11}, {1, 0, 1, 2, 1, 0, 1, 2, 1, 0, 1});
  check_tensor<float>(pad("wrap", 4, 4)[0], {11}, {2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0});
  check_tensor<float>(pad("edge", 2, 1)[0], {6}, {0, 0, 0, 1, 2, 2});
  check_tensor<float>(pad("constant", 1, 2)[0], {6}, {0, 0, 1, 2, 0, 0});
}

TEST_CASE("Pad takes elements away first") {
  check_tensor<float>(pad("constant", -1, 2)[0], {4}, {1, 2, 0, 0});
  check_tensor<float>(pad("reflect", -1, 2)[0], {4}, {1, 2, 1, 2});
  check_tensor<float>(pad("edge", -2, -1)[0], {0}, {});
  CHECK_THROWS_AS(pad("constant", -2, -2), hone::Error);
  CHECK_THROWS_AS(pad("constant", std::int64_t{1} << 62, std::int64_t{1} << 62), hone::Error);
  CHECK_THROWS_AS(pad("mirror", 1, 1), hone::Error);
}

TEST_CASE("Pad takes its parameters from attributes in opsets 1 and 2, and axes since 18") {
  const auto old = attributes({{"paddings", integers({0, 1, 0, 0})}, {"value", hone::Attribute(2.0F)}});
  check_tensor<float>(run_node<Pad>(1, old, values(iota<float>({2, 1})))[0], {2, 2}, {2, 0, 2, 1});
  const auto second = attributes({{"pads", integers({0, 1, 0, 0})}});
  check_tensor<float>(run_node<Pad>(2, second, values(iota<float>({2, 1})))[0], {2, 2}, {0, 0, 0, 1});
  const Values y = run_node<Pad>(18, {}, values(iota<std::int32_t>({2, 2}), list({1, 0}), tensor<std::int32_t>({}, {7}), list({-1})));
  check_tensor<std::int32_t>(y[0], {2, 3}, {7, 0, 1, 7, 2, 3});
  const Values s = run_node<Pad>(18, {}, values(tensor<std::string>({1}, {"a"}), list({0, 1})));
  check_tensor<std::string>(s[0], {2}, {"a", ""});
}

TEST_CASE("Pad moves inner dimensions as blocks") {
  const Values y = run_node<Pad>(18, attributes({{"mode", string("reflect")}}), values(iota<float>({2, 2, 2}), list({0, 1, 0, 0, 0, 0})));
  check_tensor<float>(y[0], {2, 3, 2}, {2, 3, 0, 1, 2, 3, 6, 7, 4, 5, 6, 7});
  CHECK_THROWS_AS(run_node<Pad>(18, attributes({{"mode", string("edge")}}), values(iota<float>({0, 2}), list({1, 0, 0, 0}))), hone::Error);
  check_tensor<float>(run_node<Pad>(18, {}, values(iota<float>({}), list({})))[0], {}, {0});
}

}  // namespace pad_test
