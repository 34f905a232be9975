#include <complex>
#include <cstdint>

#include <doctest/doctest.h>

#include <hone/ops/compress.hpp>

#include "kernels/cpu/one_node.hpp"

namespace unique_test {

using namespace hone_test;

template <class Real>
void check_complex() {
  using Number = std::complex<Real>;
  const auto x = tensor<Number>({2, 3}, {{1, 2}, {1, -1}, {1, 2}, {0, 5}, {-0.0, 5}, {0, 5}});
  const Values flat = run_node<hone::ops::Unique>(11, {}, values(x.clone()), 4);
  check_tensor<Number>(flat[0], {3}, {{0, 5}, {1, -1}, {1, 2}});
  check_tensor<std::int64_t>(flat[1], {3}, {3, 1, 0});
  check_tensor<std::int64_t>(flat[2], {6}, {2, 1, 2, 0, 0, 0});
  check_tensor<std::int64_t>(flat[3], {3}, {3, 1, 2});
  const Values columns = run_node<hone::ops::Unique>(11, attributes({{"axis", integer(1)}}), values(x.clone()), 4);
  check_tensor<Number>(columns[0], {2, 2}, {{1, -1}, {1, 2}, {0, 5}, {0, 5}});
  check_tensor<std::int64_t>(columns[3], {2}, {1, 2});
}

TEST_CASE("Unique orders complex numbers by their real parts, then by their imaginary parts") {
  check_complex<float>();
  check_complex<double>();
}

}  // namespace unique_test
