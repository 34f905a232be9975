#include <cmath>
#include <cstdint>
#include <limits>

#include <doctest/doctest.h>

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

}  // namespace quantize_test
