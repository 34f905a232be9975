#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <utility>

#include <doctest/doctest.h>

#include <hone/ops/cast.hpp>
#include <hone/ops/quantize.hpp>
#include <hone/ops/quantized_product.hpp>

#include "kernels/cpu/one_node.hpp"

namespace quantize_test {

using namespace hone_test;
using std::int8_t;
using std::uint8_t;

TEST_CASE("QuantizeLinear rounds ties to even, saturates, and gives NaN a number") {
  const float infinity = std::numeric_limits<float>::infinity();
  const Values y =
      run_node<hone::ops::QuantizeLinear>(13, {},
                                          values(tensor<float>({7}, {0.5F, 1.5F, 2.5F, 1e9F, -infinity, infinity, std::nanf("")}),
                                                 tensor<float>({}, {1}), tensor<int8_t>({}, {10})));
  check_tensor<int8_t>(y[0], {7}, {10, 12, 12, 127, -128, 127, -128});
}

TEST_CASE("scales per axis and per block, with a block that is not full") {
  const auto per_axis = attributes({{"axis", integer(0)}});
  check_tensor<uint8_t>(
      run_node<hone::ops::QuantizeLinear>(
          13, per_axis, values(tensor<float>({2, 2}, {2, 4, 2, 4}), tensor<float>({2}, {1, 2}), tensor<uint8_t>({2}, {0, 5})))[0],
      {2, 2}, {2, 4, 6, 7});
  const auto blocked = attributes({{"axis", integer(1)}, {"block_size", integer(2)}});
  check_tensor<float>(run_node<hone::ops::DequantizeLinear>(
                          21, blocked, values(tensor<int8_t>({2, 3}, {1, 2, 3, 4, 5, 6}), tensor<float>({2, 2}, {1, 10, 100, 1000})))[0],
                      {2, 3}, {1, 2, 30, 400, 500, 6000});
  const auto rows = attributes({{"axis", integer(0)}, {"block_size", integer(2)}});
  check_tensor<float>(run_node<hone::ops::DequantizeLinear>(
                          21, rows, values(tensor<int8_t>({3, 2}, {1, 2, 3, 4, 5, 6}), tensor<float>({2, 2}, {1, 10, 100, 1000})))[0],
                      {3, 2}, {1, 20, 3, 40, 500, 6000});
}

TEST_CASE("scales that do not fit are errors") {
  const auto run = [](hone::Value scale, std::int64_t axis, std::int64_t block) {
    return run_node<hone::ops::QuantizeLinear>(21, attributes({{"axis", integer(axis)}, {"block_size", integer(block)}}),
                                               values(iota<float>({2, 3}), std::move(scale)));
  };
  CHECK_THROWS_AS(run(iota<float>({2}), 1, 0), hone::Error);
  CHECK_THROWS_AS(run(iota<float>({3}), 2, 0), hone::Error);
  CHECK_THROWS_AS(run(iota<float>({2, 3}), 1, 2), hone::Error);
  CHECK_THROWS_AS(run(iota<float>({2, 3}), 1, -1), hone::Error);
}

TEST_CASE("DynamicQuantizeLinear: a tensor of zeros, and an empty one") {
  const Values y = run_node<hone::ops::DynamicQuantizeLinear>(11, {}, values(tensor<float>({2}, {0, 0})), 3);
  check_tensor<uint8_t>(y[0], {2}, {0, 0});
  CHECK(run_node<hone::ops::DynamicQuantizeLinear>(11, {}, values(tensor<float>({0}, {})), 3)[1].view<float>()[0] > 0);
}

TEST_CASE("MatMulInteger: zero points per row and per column, and sums beyond 16 bits") {
  check_tensor<std::int32_t>(run_node<hone::ops::MatMulInteger>(10, {},
                                                                values(tensor<uint8_t>({2, 1}, {10, 20}), tensor<int8_t>({1, 2}, {3, 4}),
                                                                       tensor<uint8_t>({2}, {1, 2}), tensor<int8_t>({2}, {0, 1})))[0],
                             {2, 2}, {27, 27, 54, 54});
  const Values y = run_node<hone::ops::MatMulInteger>(
      10, {}, values(hone::Tensor<uint8_t>::filled({1, 1000}, 255), hone::Tensor<int8_t>::filled({1000, 1}, -128)));
  check_tensor<std::int32_t>(y[0], {1, 1}, {-32640000});
  CHECK_THROWS_AS(run_node<hone::ops::MatMulInteger>(10, {}, values(iota<uint8_t>({2, 2}), iota<int8_t>({2, 2}), iota<uint8_t>({3}))),
                  hone::Error);
}

TEST_CASE("QLinearConv: scales of weights per channel, and a bias") {
  const auto run = [](hone::Value w_scale) {
    return run_node<hone::ops::QLinearConv>(
        10, {},
        values(tensor<uint8_t>({1, 1, 1, 2}, {11, 12}), tensor<float>({}, {1}), tensor<uint8_t>({}, {10}),
               tensor<int8_t>({2, 1, 1, 1}, {1, 2}), std::move(w_scale), tensor<int8_t>({}, {0}), tensor<float>({}, {1}),
               tensor<uint8_t>({}, {100}), tensor<std::int32_t>({2}, {0, 7})));
  };
  check_tensor<uint8_t>(run(tensor<float>({2}, {1, 2}))[0], {1, 2, 1, 2}, {101, 102, 118, 122});
  CHECK_THROWS_AS(run(tensor<float>({3}, {1, 2, 3})), hone::Error);
}

TEST_CASE("QLinearMatMul saturates") {
  const Values y = run_node<hone::ops::QLinearMatMul>(
      10, {},
      values(tensor<uint8_t>({1, 1}, {200}), tensor<float>({}, {1}), tensor<uint8_t>({}, {0}), tensor<uint8_t>({1, 2}, {2, 1}),
             tensor<float>({}, {1}), tensor<uint8_t>({}, {0}), tensor<float>({}, {1}), tensor<uint8_t>({}, {0})));
  check_tensor<uint8_t>(y[0], {1, 2}, {255, 200});
}

TEST_CASE("QLinearMatMul of floats of 8 bits: products in double, rounded once to y") {
  using hone::DType;
  const auto as = [](hone::Value x, DType dtype) {
    return std::move(
        run_node<hone::ops::Cast>(19, attributes({{"to", integer(static_cast<std::int64_t>(dtype))}}), values(std::move(x)))[0]);
  };
  const auto product = [&](DType a, DType b, DType y, float y_scale, std::initializer_list<float> zeros) {
    const float* zero = zeros.begin();
    Values result = run_node<hone::ops::QLinearMatMul>(
        21, {},
        values(as(tensor<float>({2, 2}, {1, 2, 3, 10}), a), tensor<float>({}, {0.5F}), as(tensor<float>({}, {zero[0]}), a),
               as(tensor<float>({2, 1}, {4, 6}), b), tensor<float>({}, {2}), as(tensor<float>({}, {zero[1]}), b),
               tensor<float>({}, {y_scale}), as(tensor<float>({}, {zero[2]}), y)));
    CHECK(result[0].dtype() == y);
    return as(std::move(result[0]), DType::float32);
  };
  for (const DType a : {DType::float8e4m3fn, DType::float8e4m3fnuz, DType::float8e5m2, DType::float8e5m2fnuz, DType::int8, DType::uint8}) {
    for (const DType b : {DType::float8e4m3fn, DType::float8e5m2, DType::int8}) {
      CAPTURE(hone::name(a));
      CAPTURE(hone::name(b));
      // (1, 2) (4, 6) = 16 and (3, 10) (4, 6) = 72, times 0.5 * 2 / y_scale.
      check_tensor<float>(product(a, b, DType::uint8, 8, {0, 0, 1}), {2, 1}, {3, 10});
      check_tensor<float>(product(a, b, DType::int8, 0.25F, {0, 0, 0}), {2, 1}, {64, 127});
      check_tensor<float>(product(a, b, DType::float8e4m3fn, 32, {0, 0, 0}), {2, 1}, {0.5F, 2.25F});
      check_tensor<float>(product(a, b, DType::float8e4m3fn, 0.125F, {0, 0, 0}), {2, 1}, {128, 448});
      // (0, 1) (2, 4) = 4 and (2, 9) (2, 4) = 40; zero points count as what they stand for.
      check_tensor<float>(product(a, b, DType::float8e5m2, 8, {1, 2, 1}), {2, 1}, {1.5F, 6});
    }
  }
  CHECK_THROWS_AS(product(DType::float8e8m0, DType::int8, DType::int8, 1, {1, 1, 1}), hone::Error);
  CHECK_THROWS_AS(product(DType::int8, DType::int8, DType::float32, 1, {1, 1, 1}), hone::Error);
}

TEST_CASE("floats of 6 bits are quantized and back") {
  using hone::DType;
  for (const DType dtype : {DType::float6e2m3, DType::float6e3m2}) {
    const auto to = attributes({{"output_dtype", integer(static_cast<std::int64_t>(dtype))}});
    Values y = run_node<hone::ops::QuantizeLinear>(28, to, values(tensor<float>({5}, {1, -3, 0.5F, 100, -100}), tensor<float>({}, {2})));
    CHECK(y[0].dtype() == dtype);
    CHECK(y[0].ref().bytes() == 4);
    const float most = dtype == DType::float6e2m3 ? 15 : 56;
    check_tensor<float>(run_node<hone::ops::DequantizeLinear>(28, {}, values(std::move(y[0]), tensor<float>({}, {2})))[0], {5},
                        {1, -3, 0.5F, most, -most});
  }
}

TEST_CASE("types that numbers are not quantized to are errors") {
  using hone::DType;
  const auto to = [](DType dtype) { return attributes({{"output_dtype", integer(static_cast<std::int64_t>(dtype))}}); };
  for (const DType dtype : {DType::string, DType::float32, DType::int32, DType::boolean, DType::complex64}) {
    CAPTURE(hone::name(dtype));
    CHECK_THROWS_AS(run_node<hone::ops::QuantizeLinear>(21, to(dtype), values(iota<float>({2}), tensor<float>({}, {1}))), hone::Error);
  }
  CHECK_THROWS_AS(
      run_node<hone::ops::QuantizeLinear>(13, {}, values(iota<float>({2}), tensor<float>({}, {1}), tensor<std::int32_t>({}, {0}))),
      hone::Error);
  for (const DType dtype : {DType::string, DType::int4, DType::boolean, DType::complex128}) {
    CAPTURE(hone::name(dtype));
    CHECK_THROWS_AS(run_node<hone::ops::DequantizeLinear>(23, to(dtype), values(iota<uint8_t>({2}), tensor<float>({}, {1}))), hone::Error);
  }
  CHECK_THROWS_AS(run_node<hone::ops::QuantizeLinear>(21, attributes({{"output_dtype", integer((std::int64_t{1} << 32) + 2)}}),
                                                      values(iota<float>({2}), tensor<float>({}, {1}))),
                  hone::Error);
}

}  // namespace quantize_test
