#include <cmath>
#include <cstdint>

#include <doctest/doctest.h>

#include <hone/ops/loss.hpp>

#include "kernels/cpu/one_node.hpp"

namespace loss_test {

using namespace hone_test;

TEST_CASE("NegativeLogLikelihoodLoss weighs classes, and leaves one out even when it does not exist") {
  const auto a = attributes({{"ignore_index", integer(-1)}});
  const auto run = [&](hone::Value target) {
    return run_node<hone::ops::NegativeLogLikelihoodLoss>(
        13, a, values(tensor<float>({2, 2}, {-1, -2, -3, -4}), std::move(target), tensor<float>({2}, {1, 3})));
  };
  check_tensor<float>(run(list({1, 0}))[0], {}, {(3.0F * 2 + 3) / 4});
  check_tensor<float>(run(list({1, -1}))[0], {}, {2});
  CHECK_THROWS_AS(run(list({1, 2})), hone::Error);
  CHECK_THROWS_AS(run(list({1})), hone::Error);
}

TEST_CASE("SoftmaxCrossEntropyLoss stays finite for large scores, and gives the logarithms too") {
  const Values y = run_node<hone::ops::SoftmaxCrossEntropyLoss>(13, attributes({{"reduction", string("none")}}),
                                                                values(tensor<float>({1, 2}, {1000, 1000}), list({0})), 2);
  CHECK(y[0].view<float>()[0] == doctest::Approx(std::log(2.0)));
  CHECK(y[1].view<float>()[1] == doctest::Approx(-std::log(2.0)));
  CHECK_THROWS_AS(run_node<hone::ops::SoftmaxCrossEntropyLoss>(13, {}, values(iota<float>({1, 2}), list({2}))), hone::Error);
}

}  // namespace loss_test
