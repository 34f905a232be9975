#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include <hone/core/packed_bits.hpp>
#include <hone/kernels/cpu/widened.hpp>
#include <hone/ops/attention.hpp>
#include <hone/ops/cast.hpp>
#include <hone/ops/det.hpp>
#include <hone/ops/dimensions.hpp>
#include <hone/ops/gemm.hpp>
#include <hone/ops/linear_attention.hpp>
#include <hone/ops/matmul.hpp>
#include <hone/ops/normalization.hpp>
#include <hone/ops/transpose.hpp>
#include <hone/ops/unary.hpp>
#include <hone/providers/cpu.hpp>
#include <hone/session/session.hpp>

#include "kernels/cpu/one_node.hpp"
#include "support/model.hpp"

namespace widened_test {

using namespace hone_test;
using hone::BFloat16;
using hone::DType;
using hone::Half;

TEST_CASE("float16 and bfloat16 compute in float and round once") {
  // 2048 + 1 + 1 is 2050 in float; in float16, 2048 + 1 rounds to 2048.
  const auto a = [] { return tensor<Half>({1, 3}, {Half(2048.0F), Half(1.0F), Half(1.0F)}); };
  const auto b = [] { return tensor<Half>({3, 1}, {Half(1.0F), Half(1.0F), Half(1.0F)}); };
  const Values y = run_node<hone::ops::MatMul>(13, {}, values(a(), b()));
  CHECK(y[0].dtype() == DType::float16);
  CHECK(static_cast<float>(y[0].view<Half>()[0]) == 2050);
  const Values e = run_node<hone::ops::Exp>(13, {}, values(tensor<BFloat16>({2}, {BFloat16(0.0F), BFloat16(1.0F)})));
  CHECK(static_cast<float>(e[0].view<BFloat16>()[0]) == 1);
  CHECK(e[0].view<BFloat16>()[1].bits == BFloat16(std::exp(1.0F)).bits);
}

TEST_CASE("outputs of another type stay as they are, and float runs where there is a kernel for double alone") {
  const Values nan = run_node<hone::ops::IsNaN>(13, {}, values(tensor<Half>({2}, {Half(std::nanf("")), Half(1.0F)})));
  check_tensor<bool>(nan[0], {2}, {true, false});
  check_tensor<float>(run_node<hone::ops::Det>(11, {}, values(tensor<float>({2, 2}, {1, 2, 3, 4})))[0], {}, {-2});
  CHECK(static_cast<float>(run_node<hone::ops::Det>(11, {}, values(tensor<Half>({1, 1}, {Half(3.0F)})))[0].view<Half>()[0]) == 3);
}

TEST_CASE("integers run as wider ones or as double") {
  check_tensor<std::int8_t>(run_node<hone::ops::Erf>(9, {}, values(tensor<std::int8_t>({4}, {-9, -1, 0, 9})))[0], {4}, {-1, 0, 0, 1});
  check_tensor<std::uint64_t>(run_node<hone::ops::Erf>(9, {}, values(tensor<std::uint64_t>({2}, {0, 1ULL << 63})))[0], {2}, {0, 1});
  check_tensor<std::uint32_t>(
      run_node<hone::ops::Gemm>(13, {}, values(tensor<std::uint32_t>({1, 2}, {3000000000U, 7}), tensor<std::uint32_t>({2, 1}, {1, 2})))[0],
      {1, 1}, {3000000014U});
  check_tensor<std::uint64_t>(
      run_node<hone::ops::Gemm>(13, {}, values(tensor<std::uint64_t>({1, 1}, {1ULL << 63}), tensor<std::uint64_t>({1, 1}, {1})))[0], {1, 1},
      {1ULL << 63});
}

TEST_CASE("empty tensors and omitted inputs") {
  CHECK(run_node<hone::ops::Exp>(13, {}, values(tensor<Half>({0}, {})))[0].shape() == hone::Shape{0});
  const Values y = run_node<hone::ops::Clip>(
      13, {}, values(tensor<Half>({2}, {Half(-1.0F), Half(5.0F)}), hone::Value(), tensor<Half>({}, {Half(3.0F)})));
  CHECK(static_cast<float>(y[0].view<Half>()[0]) == -1);
  CHECK(static_cast<float>(y[0].view<Half>()[1]) == 3);
}

TEST_CASE("elements that share bytes are moved as bytes, those of 6 bits too") {
  hone::Value x = hone::Value::tensor(DType::float6e2m3, {3, 5});
  for (std::int64_t i = 0; i < 15; ++i) hone::append_packed_bits(x.ref().as<std::uint8_t>(), i, 6, static_cast<unsigned>(4 * i + 1));
  const Values y = run_node<hone::ops::Transpose>(28, {}, values(std::move(x)));
  CHECK(y[0].shape() == hone::Shape{5, 3});
  for (std::int64_t i = 0; i < 15; ++i) {
    CHECK(hone::packed_bits(y[0].ref().as<std::uint8_t>(), i, 6) == static_cast<unsigned>(4 * (i % 3 * 5 + i / 3) + 1));
  }
}

/// Floats as tensors of any type of floats, and back.
hone::Value floats(DType dtype, const hone::Shape& shape, std::initializer_list<float> numbers) {
  return std::move(run_node<hone::ops::Cast>(13, attributes({{"to", integer(static_cast<std::int64_t>(dtype))}}),
                                             values(hone::Tensor<float>(shape, numbers)))[0]);
}
void check_floats(const hone::Value& value, DType dtype, std::initializer_list<double> expected) {
  REQUIRE(value.dtype() == dtype);
  REQUIRE(static_cast<std::size_t>(value.shape().elements()) == expected.size());
  std::int64_t i = 0;
  for (const double wanted : expected) CHECK(hone::ops::number_at(value.ref(), i++) == doctest::Approx(wanted).epsilon(0.01));
}
constexpr DType all_floats[]{DType::float16, DType::bfloat16, DType::float32, DType::float64};

TEST_CASE("nodes that mix types of floats compute in the widest one, and each result has its own type") {
  for (const DType a : all_floats) {
    for (const DType b : all_floats) {
      CAPTURE(hone::name(a));
      CAPTURE(hone::name(b));
      for (const DType c : all_floats) {
        const Values batch = run_node<hone::ops::BatchNormalization>(
            15, attributes({{"training_mode", integer(1)}, {"epsilon", hone::Attribute(0.0F)}}),
            values(floats(a, {2, 1}, {1, 3}), floats(b, {1}, {2}), floats(b, {1}, {1}), floats(c, {1}, {0}), floats(c, {1}, {1})), 3);
        check_floats(batch[0], a, {-1, 3});
        check_floats(batch[1], c, {0.2});
        check_floats(batch[2], c, {1});
      }
      check_floats(run_node<hone::ops::RMSNormalization>(23, {}, values(floats(a, {2}, {1, 7}), floats(b, {2}, {5, 10})))[0], b, {1, 14});
      const auto stash = attributes({{"stash_type", integer(static_cast<std::int64_t>(b))}, {"epsilon", hone::Attribute(0.0F)}});
      const Values layer = run_node<hone::ops::LayerNormalization>(17, stash, values(floats(a, {2}, {2, 6}), floats(a, {2}, {1, 2})), 3);
      check_floats(layer[0], a, {-1, 2});
      check_floats(layer[1], b, {4});
      check_floats(layer[2], b, {0.5});
      const auto heads = attributes({{"q_num_heads", integer(1)}, {"kv_num_heads", integer(1)}});
      const Values attended = run_node<hone::ops::Attention>(
          23, heads, values(floats(a, {1, 1, 1}, {0}), floats(a, {1, 2, 1}, {1, 2}), floats(b, {1, 2, 1}, {3, 5})));
      check_floats(attended[0], a, {4});
      const auto linear = attributes({{"q_num_heads", integer(1)}, {"kv_num_heads", integer(1)}, {"update_rule", string("linear")}});
      const auto row = [&](float x) { return floats(a, {1, 1, 1}, {x}); };
      const Values state =
          run_node<hone::ops::LinearAttention>(27, linear, values(row(2), row(3), row(5), floats(b, {1, 1, 1, 1}, {1})), 2);
      check_floats(state[0], a, {32});
      check_floats(state[1], b, {16});
    }
  }
  CHECK_THROWS_AS(run_node<hone::ops::RMSNormalization>(23, {}, values(iota<float>({2}), iota<std::int32_t>({2}))), hone::Error);
  CHECK_THROWS_AS(
      run_node<hone::ops::LayerNormalization>(17, attributes({{"stash_type", integer(7)}}), values(iota<float>({2}), iota<float>({2}))),
      hone::Error);
}

TEST_CASE("constants are converted once, and the report says that conversions happen") {
  const auto proto = model(13, GraphBuilder()
                                   .input("a", DType::float16, {2, 2})
                                   .initializer(tensor<Half>("b", {2, 2}, {Half(1.0F), Half(2.0F), Half(3.0F), Half(4.0F)}))
                                   .node(NodeBuilder("MatMul", {"a", "b"}, {"c"}))
                                   .output("c", DType::float16));
  const hone::Session session(proto, {.graph_optimization_level = hone::GraphOptimizationLevel::basic});
  CHECK(contains(session.report().nodes[0].kernel, "float16 converted"));
  const hone::Tensor<Half> a({2, 2}, {Half(1.0F), Half(0.0F), Half(0.0F), Half(2.0F)});
  for (int run = 0; run < 2; ++run) {
    const hone::Outputs out = session.run({{"a", a}});
    const auto c = out["c"].view<Half>();
    CHECK(static_cast<float>(c[1]) == 2);
    CHECK(static_cast<float>(c[2]) == 6);
  }
}

}  // namespace widened_test
