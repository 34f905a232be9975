#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <random>
#include <vector>

#include <doctest/doctest.h>

#include <hone/ops/topk.hpp>

#include "kernels/cpu/one_node.hpp"

namespace topk_test {

using namespace hone_test;
using hone::ops::TopK;

template <class T>
void check_against_sort(std::int64_t n, std::int64_t k, bool largest) {
  CAPTURE(n);
  CAPTURE(k);
  std::mt19937 random(static_cast<unsigned>(n * 31 + k));
  hone::Tensor<T> x({n});
  for (T& value : x) value = static_cast<T>(static_cast<int>(random() % 50) - (std::is_signed_v<T> ? 25 : 0));
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    const T left = x[static_cast<std::size_t>(a)];
    const T right = x[static_cast<std::size_t>(b)];
    return largest ? left > right : left < right;
  });
  const Values y = run_node<TopK>(11, attributes({{"largest", integer(largest ? 1 : 0)}}), values(std::move(x), list({k})), 2);
  CHECK(std::equal(order.begin(), order.begin() + k, y[1].view<std::int64_t>().begin()));
}

TEST_CASE("TopK agrees with a stable sort") {
  for (const std::int64_t n : {1, 7, 64, 1000}) {
    for (const std::int64_t k : {std::int64_t{0}, std::int64_t{1}, n / 16, n / 8, n / 2, n}) {
      for (const bool largest : {true, false}) {
        check_against_sort<float>(n, k, largest);
        check_against_sort<double>(n, k, largest);
        check_against_sort<std::int8_t>(n, k, largest);
        check_against_sort<std::uint64_t>(n, k, largest);
      }
    }
  }
}

TEST_CASE("TopK works along any axis, and older opsets have the attribute k") {
  const Values y = run_node<TopK>(1, attributes({{"axis", integer(0)}, {"k", integer(1)}}), values(tensor<float>({2, 2}, {1, 5, 3, 4})), 2);
  check_tensor<float>(y[0], {1, 2}, {3, 5});
  check_tensor<std::int64_t>(y[1], {1, 2}, {1, 0});
}

TEST_CASE("TopK: NaN is the largest, zeros are equal") {
  const Values y = run_node<TopK>(11, {}, values(tensor<float>({4}, {-0.0F, std::nanf(""), 0.0F, -1}), list({4})), 2);
  check_tensor<std::int64_t>(y[1], {4}, {1, 0, 2, 3});
  const Values low =
      run_node<TopK>(11, attributes({{"largest", integer(0)}}), values(tensor<float>({3}, {std::nanf(""), 2, 1}), list({3})), 2);
  check_tensor<std::int64_t>(low[1], {3}, {2, 1, 0});
}

TEST_CASE("TopK refuses a k that does not fit") {
  CHECK_THROWS_AS(run_node<TopK>(11, {}, values(iota<float>({3}), list({4})), 2), hone::Error);
  CHECK_THROWS_AS(run_node<TopK>(11, {}, values(iota<float>({3}), list({-1})), 2), hone::Error);
  CHECK_THROWS_AS(run_node<TopK>(11, {}, values(iota<float>({3}), list({1, 1})), 2), hone::Error);
  CHECK_THROWS_AS(run_node<TopK>(11, {}, values(iota<float>({}), list({1})), 2), hone::Error);
}

}  // namespace topk_test
