#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include <hone/ops/identity.hpp>
#include <hone/ops/optimizer.hpp>
#include <hone/ops/random.hpp>

#include "kernels/cpu/one_node.hpp"

namespace random_test {

using namespace hone_test;

struct Moments {
  double mean = 0;
  double variance = 0;
};
inline Moments moments(const hone::Value& value) {
  Moments m;
  const auto view = value.view<float>();
  for (const float x : view) m.mean += static_cast<double>(x) / static_cast<double>(view.size());
  for (const float x : view)
    m.variance += (static_cast<double>(x) - m.mean) * (static_cast<double>(x) - m.mean) / static_cast<double>(view.size());
  return m;
}

TEST_CASE("types of which there are no random numbers are errors, not memory that is written as if it were numbers") {
  using hone::DType;
  for (const DType dtype : {DType::string, DType::complex64, DType::complex128, DType::int4, DType::float8e5m2, DType::float6e2m3}) {
    CAPTURE(hone::name(dtype));
    const hone::Attribute number = integer(static_cast<std::int64_t>(dtype));
    const auto typed = attributes({{"dtype", number}});
    const auto shaped = attributes({{"dtype", number}, {"shape", integers({2})}});
    CHECK_THROWS_AS(run_node<hone::ops::RandomNormal>(1, shaped, {}), hone::Error);
    CHECK_THROWS_AS(run_node<hone::ops::RandomUniform>(1, shaped, {}), hone::Error);
    CHECK_THROWS_AS(run_node<hone::ops::RandomNormalLike>(1, typed, values(iota<float>({2}))), hone::Error);
    CHECK_THROWS_AS(run_node<hone::ops::RandomUniformLike>(1, typed, values(iota<float>({2}))), hone::Error);
    CHECK_THROWS_AS(run_node<hone::ops::Bernoulli>(15, typed, values(iota<float>({2}))), hone::Error);
    CHECK_THROWS_AS(run_node<hone::ops::Multinomial>(7, typed, values(iota<float>({1, 2}))), hone::Error);
  }
  const auto real = attributes({{"dtype", integer(static_cast<std::int64_t>(DType::int32))}});
  CHECK_THROWS_AS(run_node<hone::ops::Bernoulli>(15, real, values(tensor<std::string>({1}, {"a"}))), hone::Error);
  CHECK_THROWS_AS(run_node<hone::ops::Bernoulli>(15, real, values(tensor<bool>({1}, {true}))), hone::Error);
  CHECK_THROWS_AS(run_node<hone::ops::Multinomial>(7, real, values(tensor<std::string>({1, 1}, {"a"}))), hone::Error);
  CHECK_THROWS_AS(run_node<hone::ops::RandomNormalLike>(1, {}, values(tensor<std::string>({2}, {"a", "b"}))), hone::Error);
  const auto half = attributes({{"dtype", integer(static_cast<std::int64_t>(DType::float16))}});
  CHECK(run_node<hone::ops::RandomNormalLike>(1, half, values(tensor<std::string>({2}, {"a", "b"})))[0].dtype() == DType::float16);
}

TEST_CASE("random numbers have the distribution asked for, repeat with a seed, and differ without") {
  const auto seeded = [](float seed) {
    return attributes({{"shape", integers({100000})}, {"mean", 3.0F}, {"scale", 2.0F}, {"seed", seed}});
  };
  const Values a = run_node<hone::ops::RandomNormal>(1, seeded(1), {});
  CHECK(moments(a[0]).mean == doctest::Approx(3).epsilon(0.02));
  CHECK(moments(a[0]).variance == doctest::Approx(4).epsilon(0.03));
  const auto first = [](const Values& values) { return values[0].view<float>()[7]; };
  CHECK(first(a) == first(run_node<hone::ops::RandomNormal>(1, seeded(1), {}, 1, 1)));
  CHECK(first(a) != first(run_node<hone::ops::RandomNormal>(1, seeded(2), {})));
  const auto free = attributes({{"shape", integers({100000})}, {"low", -1.0F}, {"high", 5.0F}});
  const Values u = run_node<hone::ops::RandomUniform>(1, free, {});
  CHECK(moments(u[0]).mean == doctest::Approx(2).epsilon(0.03));
  CHECK(moments(u[0]).variance == doctest::Approx(3).epsilon(0.03));
  CHECK(first(u) != first(run_node<hone::ops::RandomUniform>(1, free, {})));
  CHECK_THROWS_AS(run_node<hone::ops::RandomUniform>(1, attributes({{"shape", integers({-1})}}), {}), hone::Error);
}

TEST_CASE("Bernoulli and Multinomial draw what the probabilities say") {
  CHECK(moments(run_node<hone::ops::Bernoulli>(15, {}, values(hone::Tensor<float>::filled({100000}, 0.25F)))[0]).mean ==
        doctest::Approx(0.25).epsilon(0.05));
  check_tensor<float>(run_node<hone::ops::Bernoulli>(15, {}, values(tensor<float>({2}, {0, 1})))[0], {2}, {0, 1});
  const float never = -std::numeric_limits<float>::infinity();
  const Values y = run_node<hone::ops::Multinomial>(7, attributes({{"sample_size", integer(3)}, {"dtype", integer(7)}}),
                                                    values(tensor<float>({2, 3}, {never, 0, never, 5, never, never})));
  check_tensor<std::int64_t>(y[0], {2, 3}, {1, 1, 1, 0, 0, 0});
  CHECK_THROWS_AS(run_node<hone::ops::Multinomial>(7, {}, values(hone::Tensor<float>({1, 0}))), hone::Error);
}

TEST_CASE("the optimizers count their inputs and compare shapes") {
  const auto run = [](hone::Value g) {
    return run_node<hone::ops::Adagrad>(
        1, {},
        values(tensor<float>({}, {1}), hone::Tensor<std::int64_t>({}, {0}), tensor<float>({1}, {5}), std::move(g), tensor<float>({1}, {0})),
        2);
  };
  CHECK(run(tensor<float>({1}, {2}))[0].view<float>()[0] == doctest::Approx(4));
  CHECK_THROWS_AS(run(iota<float>({2})), hone::Error);
  CHECK_THROWS_AS(
      run_node<hone::ops::Adam>(1, {}, values(tensor<float>({}, {1}), list({0}), iota<float>({1}), iota<float>({1}), iota<float>({1}))),
      hone::Error);
}

TEST_CASE("Dropout of floats of 8 bits, with a ratio of such a type") {
  using hone::Float8E4M3FN;
  constexpr Float8E4M3FN half{0x30};
  constexpr Float8E4M3FN number{0x3c};  // 1.5
  constexpr Float8E4M3FN doubled{0x44};
  const auto run = [&](bool training) {
    hone::Tensor<Float8E4M3FN> x({64});
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = number;
    return run_node<hone::ops::Dropout>(22, attributes({{"seed", integer(1)}}),
                                        values(hone::Value(std::move(x)), tensor<Float8E4M3FN>({}, {half}), tensor<bool>({}, {training})),
                                        2);
  };
  CHECK(run(false)[0].view<Float8E4M3FN>()[63].bits == number.bits);
  const Values y = run(true);
  int kept = 0;
  for (std::size_t i = 0; i < 64; ++i) {
    const bool keep = y[1].view<bool>()[i];
    kept += keep ? 1 : 0;
    CHECK(y[0].view<Float8E4M3FN>()[i].bits == (keep ? doubled.bits : 0));
  }
  CHECK(kept > 16);
  CHECK(kept < 48);
}

}  // namespace random_test
