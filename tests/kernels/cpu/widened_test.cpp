#include <cmath>
#include <cstdint>
#include <string>

#include <doctest/doctest.h>

#include <hone/kernels/cpu/widened.hpp>
#include <hone/ops/attention.hpp>
#include <hone/ops/det.hpp>
#include <hone/ops/gemm.hpp>
#include <hone/ops/matmul.hpp>
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
