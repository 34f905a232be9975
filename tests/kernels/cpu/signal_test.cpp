#include <cmath>
#include <complex>
#include <cstdint>
#include <numbers>
#include <vector>

#include <doctest/doctest.h>

#include <hone/kernels/cpu/fft.hpp>
#include <hone/ops/signal.hpp>

#include "kernels/cpu/one_node.hpp"

namespace signal_test {

using namespace hone_test;
using Complex = std::complex<double>;

TEST_CASE("Fft is the sum that defines it, for powers of two, primes and what is between, and undoes itself") {
  for (const std::int64_t n : {1, 2, 3, 4, 7, 8, 12, 31, 64, 100}) {
    CAPTURE(n);
    std::vector<Complex> tables(static_cast<std::size_t>(hone::cpu::Fft::table_size(n)));
    std::vector<Complex> data(static_cast<std::size_t>(hone::cpu::Fft::data_size(n)));
    std::vector<Complex> x(static_cast<std::size_t>(n));
    for (std::size_t i = 0; i < x.size(); ++i)
      data[i] = x[i] = {std::sin(1.7 * static_cast<double>(i)), std::cos(static_cast<double>(i * i))};
    const hone::cpu::Fft fft(n, tables.data());
    fft.transform(data.data(), false);
    double worst = 0;
    for (std::size_t k = 0; k < x.size(); ++k) {
      Complex sum = 0;
      for (std::size_t i = 0; i < x.size(); ++i)
        sum += x[i] * std::polar(1.0, -2 * std::numbers::pi * static_cast<double>(k * i % x.size()) / static_cast<double>(n));
      worst = std::max(worst, std::abs(sum - data[k]));
    }
    CHECK(worst < 1e-12 * static_cast<double>(n));
    fft.transform(data.data(), true);
    for (std::size_t i = 0; i < x.size(); ++i) worst = std::max(worst, std::abs(data[i] / static_cast<double>(n) - x[i]));
    CHECK(worst < 1e-12 * static_cast<double>(n));
  }
}

TEST_CASE("DFT: half a spectrum and back, and lengths and axes that do not exist") {
  const auto onesided = [](std::int64_t inverse) { return attributes({{"onesided", integer(1)}, {"inverse", integer(inverse)}}); };
  const Values half = run_node<hone::ops::DFT>(20, onesided(0), values(tensor<float>({1, 5, 1}, {1, 5, 2, 4, 3})));
  CHECK(half[0].shape() == hone::Shape{1, 3, 2});
  const Values back = run_node<hone::ops::DFT>(20, onesided(1), values(half[0].clone(), hone::Tensor<std::int64_t>({}, {5})));
  REQUIRE(back[0].shape() == hone::Shape{1, 5, 1});
  CHECK(back[0].view<float>()[1] == doctest::Approx(5));
  CHECK_THROWS_AS(run_node<hone::ops::DFT>(20, {}, values(iota<float>({1, 4, 1}), hone::Tensor<std::int64_t>({}, {0}))), hone::Error);
  CHECK_THROWS_AS(run_node<hone::ops::DFT>(20, {}, values(iota<float>({1, 4, 1}), hone::Value(), hone::Tensor<std::int64_t>({}, {2}))),
                  hone::Error);
  CHECK_THROWS_AS(run_node<hone::ops::DFT>(20, {}, values(iota<float>({1, 4, 3}))), hone::Error);
}

TEST_CASE("the windows are of real numbers alone") {
  using hone::DType;
  const auto scalar = [](auto x) { return hone::Value(hone::Tensor<decltype(x)>({}, {x})); };
  for (const DType dtype : {DType::string, DType::complex64, DType::boolean, DType::int4, DType::float8e5m2}) {
    CAPTURE(hone::name(dtype));
    const auto typed = attributes({{"output_datatype", integer(static_cast<std::int64_t>(dtype))}});
    CHECK_THROWS_AS(run_node<hone::ops::HannWindow>(17, typed, values(scalar(std::int64_t{4}))), hone::Error);
    CHECK_THROWS_AS(
        run_node<hone::ops::MelWeightMatrix>(
            17, typed, values(scalar(std::int64_t{4}), scalar(std::int64_t{8}), scalar(std::int64_t{100}), scalar(0.0F), scalar(50.0F))),
        hone::Error);
  }
}

TEST_CASE("STFT and the windows refuse sizes that make no sense") {
  const auto run = [](std::int64_t step, std::int64_t length) {
    return run_node<hone::ops::STFT>(
        17, {},
        values(iota<float>({1, 8, 1}), hone::Tensor<std::int64_t>({}, {step}), hone::Value(), hone::Tensor<std::int64_t>({}, {length})));
  };
  CHECK(run(2, 4)[0].shape() == hone::Shape{1, 3, 3, 2});
  CHECK_THROWS_AS(run(0, 4), hone::Error);
  CHECK_THROWS_AS(run(1, 9), hone::Error);
  CHECK_THROWS_AS(run_node<hone::ops::HannWindow>(17, {}, values(hone::Tensor<std::int64_t>({}, {-1}))), hone::Error);
  CHECK(run_node<hone::ops::HannWindow>(17, {}, values(hone::Tensor<std::int64_t>({}, {0})))[0].shape() == hone::Shape{0});
  check_tensor<float>(
      run_node<hone::ops::HannWindow>(17, attributes({{"periodic", integer(0)}}), values(hone::Tensor<std::int64_t>({}, {1})))[0], {1},
      {1});
}

TEST_CASE("MelWeightMatrix refuses edges beyond the spectrum") {
  const auto run = [](float upper, std::int64_t rate) {
    const auto scalar = [](std::int64_t x) -> hone::Value { return hone::Tensor<std::int64_t>({}, {x}); };
    return run_node<hone::ops::MelWeightMatrix>(
        17, {}, values(scalar(4), scalar(16), scalar(rate), tensor<float>({}, {0}), tensor<float>({}, {upper})));
  };
  CHECK(run(4000, 8000)[0].shape() == hone::Shape{9, 4});
  CHECK_THROWS_AS(run(1e9F, 8000), hone::Error);
  CHECK_THROWS_AS(run(4000, 0), hone::Error);
}

}  // namespace signal_test
