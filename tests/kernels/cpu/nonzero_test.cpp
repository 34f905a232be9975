#include <complex>
#include <cstdint>
#include <string>

#include <doctest/doctest.h>

#include <hone/ops/nonzero.hpp>

#include "kernels/cpu/one_node.hpp"

namespace nonzero_test {

using namespace hone_test;

TEST_CASE("NonZero: -0 is zero, a complex number with one part is none") {
  const auto find = [](hone::Value x) { return std::move(run_node<hone::ops::NonZero>(13, {}, values(std::move(x)))[0]); };
  check_tensor<std::int64_t>(find(tensor<double>({2, 2}, {-0.0, 1, 2, 0})), {2, 2}, {0, 1, 1, 0});
  check_tensor<std::int64_t>(find(tensor<std::complex<float>>({3}, {{-0.0F, 0}, {0, 1}, {2, 0}})), {1, 2}, {1, 2});
  check_tensor<std::int64_t>(find(tensor<std::complex<double>>({3}, {{0, -0.0}, {0, 1}, {2, 0}})), {1, 2}, {1, 2});
}

TEST_CASE("NonZero: a text that is not empty is not zero") {
  const Values y = run_node<hone::ops::NonZero>(13, {}, values(tensor<std::string>({3}, {"a", "", "0"})));
  check_tensor<std::int64_t>(y[0], {1, 2}, {0, 2});
}

}  // namespace nonzero_test
