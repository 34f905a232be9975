#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>

#include <doctest/doctest.h>

#include <hone/core/packed_bits.hpp>
#include <hone/ops/generate.hpp>
#include <hone/ops/shape.hpp>
#include <hone/ops/tile.hpp>
#include <hone/ops/trilu.hpp>

#include "kernels/cpu/one_node.hpp"

namespace generate_test {

using namespace hone_test;
using hone::ops::ConstantOfShape;
using hone::ops::Range;
using hone::ops::Tile;

template <class T>
Values range(T start, T limit, T delta) {
  return run_node<Range>(11, {}, values(tensor<T>({}, {start}), tensor<T>({}, {limit}), tensor<T>({}, {delta})));
}

TEST_CASE("Range stays inside its type and refuses what never ends") {
  check_tensor<std::int64_t>(range<std::int64_t>(10, 4, -4)[0], {2}, {10, 6});
  CHECK(range<std::int32_t>(0, -3, 1)[0].shape() == hone::Shape{0});
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  check_tensor<std::int64_t>(range<std::int64_t>(-most, most, most)[0], {2}, {-most, 0});
  check_tensor<float>(range<float>(1, 2, 0.25F)[0], {4}, {1, 1.25F, 1.5F, 1.75F});
  CHECK_THROWS_AS(range<std::int64_t>(0, 1, 0), hone::Error);
  CHECK_THROWS_AS(range<float>(0, 1, 0), hone::Error);
  CHECK_THROWS_AS(range<float>(0, std::nanf(""), 1), hone::Error);
  CHECK_THROWS_AS(range<double>(0, 1e300, 1), hone::Error);
}

TEST_CASE("ConstantOfShape repeats elements of any size, packed ones too") {
  const auto value = [](hone::Value held) {
    auto owner = std::make_shared<hone::Value>(std::move(held));
    const hone::TensorRef ref = owner->ref();
    return attributes({{"value", hone::Attribute(hone::Constant{ref, owner})}});
  };
  check_tensor<float>(run_node<ConstantOfShape>(9, {}, values(list({2})))[0], {2}, {0, 0});
  check_tensor<std::int16_t>(run_node<ConstantOfShape>(9, value(tensor<std::int16_t>({1}, {-2})), values(list({3})))[0], {3}, {-2, -2, -2});
  check_tensor<double>(run_node<ConstantOfShape>(9, value(tensor<double>({1}, {0.5})), values(list({})))[0], {}, {0.5});
  hone::Value four = hone::Value::tensor(hone::DType::int4, {1});
  *four.ref().as<std::uint8_t>() = 0x3;
  const Values packed = run_node<ConstantOfShape>(21, value(std::move(four)), values(list({4})));
  CHECK(packed[0].ref().as<std::uint8_t>()[0] == 0x33);
  CHECK(packed[0].ref().as<std::uint8_t>()[1] == 0x33);
  // Elements of 6 bits, more than one block of memory and an end within a byte.
  hone::Value six = hone::Value::tensor(hone::DType::float6e2m3, {1});
  *six.ref().as<std::uint8_t>() = 0x15;
  for (const std::int64_t n : {1, 5, 200001}) {
    const Values many = run_node<ConstantOfShape>(25, value(six.clone()), values(list({n})));
    bool same = many[0].ref().bytes() == static_cast<std::size_t>(6 * n + 7) / 8;
    for (std::int64_t i = 0; same && i < n; ++i) same = hone::packed_bits(many[0].ref().as<std::uint8_t>(), i, 6) == 0x15;
    CHECK(same);
  }
  CHECK_THROWS_AS(run_node<ConstantOfShape>(9, {}, values(list({-1}))), hone::Error);
  CHECK_THROWS_AS(run_node<ConstantOfShape>(9, value(iota<float>({2})), values(list({1}))), hone::Error);
}

TEST_CASE("Shape gives a part of the dimensions since opset 15") {
  const auto a = attributes({{"start", integer(-2)}, {"end", integer(9)}});
  check_tensor<std::int64_t>(run_node<hone::ops::ShapeOf>(15, a, values(iota<float>({2, 3, 4})))[0], {2}, {3, 4});
  CHECK_THROWS_AS(run_node<hone::ops::ShapeOf>(13, a, values(iota<float>({2}))), hone::Error);
  CHECK(run_node<hone::ops::ShapeOf>(13, {}, values(iota<float>({})))[0].shape() == hone::Shape{0});
  check_tensor<std::int64_t>(run_node<hone::ops::SizeOf>(13, {}, values(iota<float>({2, 0})))[0], {}, {0});
}

TEST_CASE("Tile-1 repeats one axis, newer ones all") {
  check_tensor<float>(run_node<Tile>(1, {}, values(iota<float>({1, 2}), tensor<float>({1}, {2}), tensor<float>({1}, {1})))[0], {1, 4},
                      {0, 1, 0, 1});
  check_tensor<float>(run_node<Tile>(13, {}, values(iota<float>({1, 2}), list({2, 2})))[0], {2, 4}, {0, 1, 0, 1, 0, 1, 0, 1});
  CHECK(run_node<Tile>(13, {}, values(iota<float>({1, 2}), list({0, 2})))[0].shape() == hone::Shape{0, 4});
  CHECK_THROWS_AS(run_node<Tile>(13, {}, values(iota<float>({1, 2}), list({2}))), hone::Error);
  CHECK_THROWS_AS(run_node<Tile>(13, {}, values(iota<float>({1, 2}), list({-1, 1}))), hone::Error);
  CHECK_THROWS_AS(run_node<Tile>(13, {}, values(iota<float>({2, 2}), list({std::int64_t{1} << 63, 1}))), hone::Error);
}

TEST_CASE("Expand broadcasts both ways") {
  check_tensor<float>(run_node<hone::ops::Expand>(13, {}, values(iota<float>({2, 1}), list({3})))[0], {2, 3}, {0, 0, 0, 1, 1, 1});
  check_tensor<float>(run_node<hone::ops::Expand>(13, {}, values(iota<float>({2}), list({1})))[0], {2}, {0, 1});
  CHECK_THROWS_AS(run_node<hone::ops::Expand>(13, {}, values(iota<float>({2}), list({3}))), hone::Error);
  CHECK_THROWS_AS(run_node<hone::ops::Expand>(13, {}, values(iota<float>({1}), list({-1}))), hone::Error);
}

TEST_CASE("Trilu and EyeLike take diagonals far outside") {
  constexpr std::int64_t far = std::numeric_limits<std::int64_t>::max();
  const auto trilu = [](std::int64_t k) {
    return run_node<hone::ops::Trilu>(14, {}, values(iota<float>({2, 2}), tensor<std::int64_t>({}, {k})));
  };
  check_tensor<float>(trilu(-far - 1)[0], {2, 2}, {0, 1, 2, 3});
  check_tensor<float>(trilu(far)[0], {2, 2}, {0, 0, 0, 0});
  check_tensor<float>(trilu(1)[0], {2, 2}, {0, 1, 0, 0});
  const auto eye = [](std::int64_t k) {
    return run_node<hone::ops::EyeLike>(9, attributes({{"k", integer(k)}, {"dtype", integer(7)}}), values(iota<float>({2, 3})));
  };
  check_tensor<std::int64_t>(eye(1)[0], {2, 3}, {0, 1, 0, 0, 0, 1});
  check_tensor<std::int64_t>(eye(far)[0], {2, 3}, {0, 0, 0, 0, 0, 0});
  check_tensor<std::int64_t>(eye(-1)[0], {2, 3}, {0, 0, 0, 1, 0, 0});
}

}  // namespace generate_test
