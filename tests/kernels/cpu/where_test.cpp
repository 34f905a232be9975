#include <cmath>
#include <cstdint>
#include <string>

#include <doctest/doctest.h>

#include <hone/ops/argmax.hpp>
#include <hone/ops/compress.hpp>
#include <hone/ops/cumulative.hpp>
#include <hone/ops/nonzero.hpp>
#include <hone/ops/onehot.hpp>
#include <hone/ops/reverse_sequence.hpp>
#include <hone/ops/where.hpp>

#include "kernels/cpu/one_node.hpp"

namespace where_test {

using namespace hone_test;

TEST_CASE("Where broadcasts all three inputs") {
  const auto where = [](hone::Value condition, hone::Value a, hone::Value b) {
    return run_node<hone::ops::Where>(16, {}, values(std::move(condition), std::move(a), std::move(b)));
  };
  check_tensor<float>(where(tensor<bool>({2, 1}, {true, false}), iota<float>({3}), tensor<float>({}, {9}))[0], {2, 3}, {0, 1, 2, 9, 9, 9});
  check_tensor<double>(where(tensor<bool>({2}, {true, false}), iota<double>({2, 1}), iota<double>({2}))[0], {2, 2}, {0, 1, 1, 1});
  check_tensor<std::string>(where(tensor<bool>({2}, {true, false}), tensor<std::string>({}, {"a"}), tensor<std::string>({1}, {"b"}))[0],
                            {2}, {"a", "b"});
  CHECK(where(tensor<bool>({0}, {}), iota<float>({2, 1}), iota<float>({}))[0].shape() == hone::Shape{2, 0});
  CHECK_THROWS_AS(where(tensor<bool>({2}, {true, false}), iota<float>({3}), iota<float>({})), hone::Error);
  const Values large = where(tensor<bool>({1}, {true}), iota<float>({100000}), iota<float>({1}));
  CHECK(large[0].view<float>()[99999] == 99999);
}

TEST_CASE("NonZero: -0 is zero, NaN is not, a scalar has no coordinates") {
  check_tensor<std::int64_t>(run_node<hone::ops::NonZero>(13, {}, values(tensor<float>({2, 2}, {-0.0F, 1, std::nanf(""), 0})))[0], {2, 2},
                             {0, 1, 1, 0});
  check_tensor<std::int64_t>(run_node<hone::ops::NonZero>(13, {}, values(tensor<std::int8_t>({2}, {-128, 0})))[0], {1, 1}, {0});
  CHECK(run_node<hone::ops::NonZero>(13, {}, values(tensor<bool>({}, {true})))[0].shape() == hone::Shape{0, 1});
  CHECK(run_node<hone::ops::NonZero>(13, {}, values(iota<float>({0, 3})))[0].shape() == hone::Shape{2, 0});
}

TEST_CASE("OneHot takes indices of any number type and any axis") {
  const auto run = [](hone::Value indices, hone::Value depth, std::int64_t axis) {
    return run_node<hone::ops::OneHot>(11, attributes({{"axis", integer(axis)}}),
                                       values(std::move(indices), std::move(depth), tensor<std::int32_t>({2}, {0, 5})));
  };
  check_tensor<std::int32_t>(run(tensor<float>({3}, {1, -1, 7}), tensor<float>({}, {2}), -1)[0], {3, 2}, {0, 5, 0, 5, 0, 0});
  check_tensor<std::int32_t>(run(tensor<std::uint8_t>({2}, {0, 1}), list({2}), 0)[0], {2, 2}, {5, 0, 0, 5});
  check_tensor<std::int32_t>(run(tensor<float>({1}, {std::nanf("")}), list({2}), 0)[0], {2, 1}, {0, 0});
  CHECK_THROWS_AS(run(list({0}), list({-1}), -1), hone::Error);
  CHECK_THROWS_AS(run(list({0}), list({2, 3}), -1), hone::Error);
  CHECK_THROWS_AS(run(list({0}), list({2}), 2), hone::Error);
}

TEST_CASE("ArgMax takes the first or the last of equal elements") {
  const auto run = [](bool last) {
    const auto a = attributes({{"axis", integer(-1)}, {"keepdims", integer(0)}, {"select_last_index", integer(last ? 1 : 0)}});
    return run_node<hone::ops::ArgMax>(13, a, values(tensor<std::int32_t>({2, 3}, {1, 2, 2, -5, -7, -5})));
  };
  check_tensor<std::int64_t>(run(false)[0], {2}, {1, 0});
  check_tensor<std::int64_t>(run(true)[0], {2}, {2, 2});
  check_tensor<std::int64_t>(run_node<hone::ops::ArgMin>(1, {}, values(tensor<float>({2, 2}, {1, 2, 0, 3})))[0], {1, 2}, {1, 0});
  CHECK_THROWS_AS(run_node<hone::ops::ArgMax>(13, attributes({{"axis", integer(1)}}), values(iota<float>({2, 0}))), hone::Error);
  CHECK(run_node<hone::ops::ArgMax>(13, {}, values(iota<float>({2, 0})))[0].shape() == hone::Shape{1, 0});
}

TEST_CASE("CumSum runs either way, with or without the element itself") {
  const auto run = [](bool exclusive, bool reverse) {
    const auto a = attributes({{"exclusive", integer(exclusive ? 1 : 0)}, {"reverse", integer(reverse ? 1 : 0)}});
    return run_node<hone::ops::CumSum>(14, a, values(tensor<float>({3}, {1, 2, 4}), tensor<std::int32_t>({}, {-1})));
  };
  check_tensor<float>(run(false, false)[0], {3}, {1, 3, 7});
  check_tensor<float>(run(true, false)[0], {3}, {0, 1, 3});
  check_tensor<float>(run(true, true)[0], {3}, {6, 4, 0});
  check_tensor<std::int64_t>(run_node<hone::ops::CumProd>(26, {}, values(tensor<std::int64_t>({3}, {2, 3, 4}), list({0})))[0], {3},
                             {2, 6, 24});
  CHECK_THROWS_AS(run_node<hone::ops::CumSum>(14, {}, values(iota<float>({3}), list({1}))), hone::Error);
}

TEST_CASE("Compress drops what the condition is too short for") {
  const auto axis = attributes({{"axis", integer(-1)}});
  check_tensor<float>(run_node<hone::ops::Compress>(11, axis, values(iota<float>({2, 3}), tensor<bool>({2}, {false, true})))[0], {2, 1},
                      {1, 4});
  check_tensor<float>(run_node<hone::ops::Compress>(11, {}, values(iota<float>({2, 2}), tensor<bool>({3}, {true, false, true})))[0], {2},
                      {0, 2});
  CHECK_THROWS_AS(
      run_node<hone::ops::Compress>(11, attributes({{"axis", integer(2)}}), values(iota<float>({2, 2}), tensor<bool>({1}, {true}))),
      hone::Error);
}

TEST_CASE("Unique sorts strings and slices") {
  const Values s = run_node<hone::ops::Unique>(11, {}, values(tensor<std::string>({3}, {"b", "a", "b"})), 4);
  check_tensor<std::string>(s[0], {2}, {"a", "b"});
  check_tensor<std::int64_t>(s[1], {2}, {1, 0});
  check_tensor<std::int64_t>(s[2], {3}, {1, 0, 1});
  check_tensor<std::int64_t>(s[3], {2}, {1, 2});
  const auto a = attributes({{"axis", integer(1)}, {"sorted", integer(0)}});
  const Values y = run_node<hone::ops::Unique>(11, a, values(tensor<float>({2, 3}, {5, 1, 5, 6, 2, 6})), 1);
  check_tensor<float>(y[0], {2, 2}, {5, 1, 6, 2});
}

TEST_CASE("ReverseSequence checks its lengths") {
  const auto a = attributes({{"batch_axis", integer(0)}, {"time_axis", integer(1)}});
  check_tensor<float>(run_node<hone::ops::ReverseSequence>(10, a, values(iota<float>({2, 3}), list({2, 0})))[0], {2, 3},
                      {1, 0, 2, 3, 4, 5});
  CHECK_THROWS_AS(run_node<hone::ops::ReverseSequence>(10, a, values(iota<float>({2, 3}), list({4, 0}))), hone::Error);
  CHECK_THROWS_AS(run_node<hone::ops::ReverseSequence>(10, a, values(iota<float>({2, 3}), list({1}))), hone::Error);
}

}  // namespace where_test
