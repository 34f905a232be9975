#include <cstdint>
#include <limits>

#include <doctest/doctest.h>

#include <hone/ops/slice.hpp>

#include "kernels/cpu/one_node.hpp"

namespace slice_test {

using namespace hone_test;
using hone::ops::Slice;
constexpr std::int64_t lowest = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t highest = std::numeric_limits<std::int64_t>::max();

Values slice(std::int64_t start, std::int64_t end, std::int64_t step) {
  return run_node<Slice>(13, {}, values(iota<float>({5}), list({start}), list({end}), list({0}), list({step})));
}

TEST_CASE("Slice clamps and counts from the end") {
  check_tensor<float>(slice(1, highest, 2)[0], {2}, {1, 3});
  check_tensor<float>(slice(-3, -1, 1)[0], {2}, {2, 3});
  check_tensor<float>(slice(highest, lowest, -1)[0], {5}, {4, 3, 2, 1, 0});
  check_tensor<float>(slice(4, 0, -3)[0], {2}, {4, 1});
  check_tensor<float>(slice(lowest, highest, highest)[0], {1}, {0});
  check_tensor<float>(slice(highest, lowest, lowest)[0], {1}, {4});
  check_tensor<float>(slice(3, 3, 1)[0], {0}, {});
  check_tensor<float>(slice(9, 12, 1)[0], {0}, {});
}

TEST_CASE("Slice steps backwards in several dimensions at once") {
  const Values y =
      run_node<Slice>(13, {}, values(iota<std::int64_t>({2, 3, 4}), list({-1, 3}), list({lowest, 0}), list({0, 2}), list({-1, -2})));
  check_tensor<std::int64_t>(y[0], {2, 3, 2}, {15, 13, 19, 17, 23, 21, 3, 1, 7, 5, 11, 9});
}

TEST_CASE("Slice-1 has attributes; newer ones take int32, too") {
  const auto a = attributes({{"starts", integers({1})}, {"ends", integers({2})}, {"axes", integers({1})}});
  check_tensor<float>(run_node<Slice>(1, a, values(iota<float>({2, 3})))[0], {2, 1}, {1, 4});
  const Values y = run_node<Slice>(10, {}, values(iota<float>({4}), tensor<std::int32_t>({1}, {1}), tensor<std::int32_t>({1}, {3})));
  check_tensor<float>(y[0], {2}, {1, 2});
}

TEST_CASE("Slice refuses contradictory inputs") {
  CHECK_THROWS_AS(slice(0, 5, 0), hone::Error);
  CHECK_THROWS_AS(run_node<Slice>(13, {}, values(iota<float>({5}), list({0, 0}), list({1}))), hone::Error);
  CHECK_THROWS_AS(run_node<Slice>(13, {}, values(iota<float>({5}), list({0, 0}), list({1, 1}))), hone::Error);
  CHECK_THROWS_AS(run_node<Slice>(13, {}, values(iota<float>({5, 5}), list({0, 0}), list({1, 1}), list({0, -2}))), hone::Error);
}

}  // namespace slice_test
