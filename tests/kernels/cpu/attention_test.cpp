#include <cmath>
#include <cstdint>
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include <hone/ops/attention.hpp>
#include <hone/ops/causal_conv.hpp>
#include <hone/ops/linear_attention.hpp>
#include <hone/ops/rotary_embedding.hpp>
#include <hone/ops/swiglu.hpp>
#include <hone/ops/tensor_scatter.hpp>

#include "kernels/cpu/one_node.hpp"

namespace attention_test {

using namespace hone_test;

TEST_CASE("Attention: a query that may see one key gives its value, one that may see none gives zeros") {
  const auto mask = tensor<bool>({3, 2}, {true, false, false, true, false, false});
  const Values y = run_node<hone::ops::Attention>(
      24, {}, values(iota<float>({1, 1, 3, 2}), iota<float>({1, 1, 2, 2}), tensor<float>({1, 1, 2, 1}, {7, 9}), mask.clone()), 4);
  check_tensor<float>(y[0], {1, 1, 3, 1}, {7, 9, 0});
  CHECK(y[1].shape() == hone::Shape{1, 1, 2, 2});
  CHECK(y[3].shape() == hone::Shape{1, 1, 3, 2});
}

TEST_CASE("Attention: a mask of integers is added as one of floats is") {
  const auto run = [](hone::Value mask) {
    return run_node<hone::ops::Attention>(
        23, {}, values(iota<float>({1, 1, 2, 2}), iota<float>({1, 1, 2, 2}), tensor<float>({1, 1, 2, 1}, {7, 9}), std::move(mask)));
  };
  const Values y = run(tensor<float>({2, 2}, {3, -1, 0, 2}));
  const auto wanted = y[0].view<float>();
  CHECK(wanted[0] != wanted[1]);
  check_tensor<float>(run(tensor<std::int8_t>({2, 2}, {3, -1, 0, 2}))[0], {1, 1, 2, 1}, {wanted[0], wanted[1]});
  check_tensor<float>(run(tensor<std::int64_t>({2, 2}, {3, -1, 0, 2}))[0], {1, 1, 2, 1}, {wanted[0], wanted[1]});
  CHECK_THROWS_AS(run(tensor<std::string>({2, 2}, {"", "", "", ""})), hone::Error);
}

TEST_CASE("Attention: packed heads, shared keys and a past are what they are apart") {
  const auto a = attributes({{"q_num_heads", integer(2)}, {"kv_num_heads", integer(1)}, {"is_causal", integer(1)}});
  // One past key, two queries: the first sees two keys with equal scores, the second all three.
  const auto zeros = [](const hone::Shape& shape) -> hone::Value { return hone::Tensor<float>::filled(shape, 0); };
  const Values y = run_node<hone::ops::Attention>(23, a,
                                                  values(zeros({1, 2, 4}), zeros({1, 2, 2}), tensor<float>({1, 2, 1}, {4, 6}),
                                                         hone::Value(), zeros({1, 1, 1, 2}), tensor<float>({1, 1, 1, 1}, {2})),
                                                  3);
  check_tensor<float>(y[0], {1, 2, 2}, {3, 3, 4, 4});
  check_tensor<float>(y[2], {1, 1, 3, 1}, {2, 4, 6});
}

TEST_CASE("Attention refuses shapes that do not fit, and lengths out of range") {
  const auto run = [](const hone::Shape& k, hone::Value mask, hone::Value valid) {
    return run_node<hone::ops::Attention>(24, {},
                                          values(iota<float>({1, 1, 2, 2}), iota<float>(k), iota<float>({1, 1, 3, 2}), std::move(mask),
                                                 hone::Value(), hone::Value(), std::move(valid)));
  };
  CHECK_NOTHROW(run({1, 1, 3, 2}, {}, list({3})));
  CHECK_THROWS_AS(run({1, 1, 3, 2}, {}, list({4})), hone::Error);
  CHECK_THROWS_AS(run({1, 1, 3, 2}, {}, list({-1})), hone::Error);
  CHECK_THROWS_AS(run({1, 1, 3, 5}, {}, {}), hone::Error);
  CHECK_THROWS_AS(run({1, 2, 3, 2}, {}, {}), hone::Error);
  CHECK_THROWS_AS(run({1, 1, 3, 2}, iota<float>({3, 3}), {}), hone::Error);
  CHECK_THROWS_AS(run_node<hone::ops::Attention>(23, {}, values(iota<float>({1, 2, 4}), iota<float>({1, 2, 4}), iota<float>({1, 2, 4}))),
                  hone::Error);
}

TEST_CASE("LinearAttention without gates adds up the outer products of keys and values") {
  const auto a =
      attributes({{"q_num_heads", integer(1)}, {"kv_num_heads", integer(1)}, {"update_rule", string("linear")}, {"scale", 1.0F}});
  const Values y = run_node<hone::ops::LinearAttention>(
      27, a, values(tensor<float>({1, 2, 1}, {1, 1}), tensor<float>({1, 2, 1}, {1, 2}), tensor<float>({1, 2, 1}, {3, 5})), 2);
  check_tensor<float>(y[0], {1, 2, 1}, {3, 13});
  check_tensor<float>(y[1], {1, 1, 1, 1}, {13});
  CHECK_THROWS_AS(run_node<hone::ops::LinearAttention>(27, attributes({{"q_num_heads", integer(1)}, {"kv_num_heads", integer(1)}}),
                                                       values(iota<float>({1, 2, 1}), iota<float>({1, 2, 1}), iota<float>({1, 2, 1}))),
                  hone::Error);
}

TEST_CASE("CausalConvWithState goes on where it stopped") {
  const auto run = [](hone::Value x, hone::Value past) {
    return run_node<hone::ops::CausalConvWithState>(
        27, {}, values(std::move(x), tensor<float>({1, 1, 3}, {1, 10, 100}), hone::Value(), std::move(past)), 2);
  };
  const Values whole = run(tensor<float>({1, 1, 4}, {1, 2, 3, 4}), {});
  check_tensor<float>(whole[0], {1, 1, 4}, {100, 210, 321, 432});
  Values first = run(tensor<float>({1, 1, 1}, {1}), {});
  check_tensor<float>(first[1], {1, 1, 2}, {0, 1});
  const Values rest = run(tensor<float>({1, 1, 3}, {2, 3, 4}), std::move(first[1]));
  check_tensor<float>(rest[0], {1, 1, 3}, {210, 321, 432});
  check_tensor<float>(rest[1], {1, 1, 2}, {3, 4});
}

TEST_CASE("RotaryEmbedding rotates by the angle of the position, and checks it") {
  const auto run = [](std::int64_t position, std::int64_t interleaved) {
    return run_node<hone::ops::RotaryEmbedding>(
        23, attributes({{"interleaved", integer(interleaved)}}),
        values(tensor<float>({1, 1, 1, 4}, {1, 2, 3, 4}), tensor<float>({2, 2}, {1, 1, 0, 0}), tensor<float>({2, 2}, {0, 0, 1, 1}),
               hone::Tensor<std::int64_t>({1, 1}, {position})));
  };
  check_tensor<float>(run(0, 0)[0], {1, 1, 1, 4}, {1, 2, 3, 4});
  check_tensor<float>(run(1, 0)[0], {1, 1, 1, 4}, {-3, -4, 1, 2});
  check_tensor<float>(run(1, 1)[0], {1, 1, 1, 4}, {-2, 1, -4, 3});
  CHECK_THROWS_AS(run(2, 0), hone::Error);
}

TEST_CASE("TensorScatter wraps around when circular, and refuses what does not fit otherwise") {
  const auto run = [](const char* mode, std::int64_t at) {
    return run_node<hone::ops::TensorScatter>(24, attributes({{"mode", string(mode)}}),
                                              values(iota<float>({1, 3, 1}), tensor<float>({1, 2, 1}, {8, 9}), list({at})));
  };
  check_tensor<float>(run("linear", 1)[0], {1, 3, 1}, {0, 8, 9});
  check_tensor<float>(run("circular", 5)[0], {1, 3, 1}, {9, 1, 8});
  CHECK_THROWS_AS(run("linear", 2), hone::Error);
  CHECK_THROWS_AS(run("circular", -1), hone::Error);
}

TEST_CASE("SwiGLU needs equal shapes") {
  check_tensor<float>(run_node<hone::ops::SwiGLU>(28, {}, values(tensor<float>({2}, {0, 0}), tensor<float>({2}, {3, 4})))[0], {2}, {0, 0});
  CHECK_THROWS_AS(run_node<hone::ops::SwiGLU>(28, {}, values(iota<float>({2}), iota<float>({1}))), hone::Error);
}

}  // namespace attention_test
