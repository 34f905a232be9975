#include <utility>

#include <doctest/doctest.h>

#include <hone/ops/unary.hpp>

#include "kernels/cpu/one_node.hpp"

namespace ops_unary_test {

using namespace hone_test;
using hone::ops::Clip;

TEST_CASE("the bounds of Clip have one element each; where they cross, the upper one wins") {
  const auto run = [](hone::Value least, hone::Value most) {
    return run_node<Clip>(13, {}, values(iota<float>({4}), std::move(least), std::move(most)));
  };
  check_tensor<float>(run(tensor<float>({}, {1}), tensor<float>({1}, {2}))[0], {4}, {1, 1, 2, 2});
  check_tensor<float>(run(hone::Value(), tensor<float>({}, {2}))[0], {4}, {0, 1, 2, 2});
  check_tensor<float>(run(tensor<float>({}, {3}), tensor<float>({}, {1}))[0], {4}, {1, 1, 1, 1});
  check_tensor<float>(run_node<Clip>(6, attributes({{"min", 1.0F}, {"max", 2.0F}}), values(iota<float>({4})))[0], {4}, {1, 1, 2, 2});
  CHECK_THROWS_AS(run(iota<float>({2}), hone::Value()), hone::Error);
  CHECK_THROWS_AS(run(hone::Value(), iota<float>({0})), hone::Error);
}

}  // namespace ops_unary_test
