#include <cmath>
#include <complex>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include <hone/ops/center_crop_pad.hpp>
#include <hone/ops/col2im.hpp>
#include <hone/ops/deform_conv.hpp>
#include <hone/ops/grid_sample.hpp>
#include <hone/ops/max_unpool.hpp>
#include <hone/ops/roi.hpp>

#include "kernels/cpu/one_node.hpp"

namespace grid_sample_test {

using namespace hone_test;

TEST_CASE("GridSample: coordinates that are no numbers, or far away, read inside of memory") {
  const float infinity = std::numeric_limits<float>::infinity();
  for (const char* padding : {"zeros", "border", "reflection"}) {
    for (const char* mode : {"nearest", "linear", "cubic"}) {
      for (const std::int64_t corners : {0, 1}) {
        const auto a = attributes({{"mode", string(mode)}, {"padding_mode", string(padding)}, {"align_corners", integer(corners)}});
        const Values y = run_node<hone::ops::GridSample>(
            20, a,
            values(tensor<float>({1, 1, 1, 2}, {1, 1}),
                   tensor<float>({1, 4, 1, 2}, {infinity, -infinity, std::nanf(""), 1e30F, -1e30F, 0, 1e10F, 3})));
        const auto view = y[0].view<float>();
        if (std::string(padding) == "zeros") CHECK(view[0] == 0);
        if (std::string(padding) == "border") CHECK(view[3] == doctest::Approx(1));
      }
    }
  }
  CHECK_THROWS_AS(run_node<hone::ops::GridSample>(20, {}, values(iota<float>({1, 1, 2, 2}), iota<float>({1, 1, 1, 3}))), hone::Error);
  CHECK_THROWS_AS(run_node<hone::ops::GridSample>(20, attributes({{"mode", string("area")}}),
                                                  values(iota<float>({1, 1, 2, 2}), iota<float>({1, 1, 1, 2}))),
                  hone::Error);
}

TEST_CASE("Col2Im of complex numbers and booleans") {
  const auto sum = [](hone::Value x) {
    return std::move(run_node<hone::ops::Col2Im>(18, {}, values(std::move(x), list({3}), list({2})))[0]);
  };
  check_tensor<bool>(sum(tensor<bool>({1, 2, 2}, {true, true, true, false})), {1, 1, 3}, {true, true, false});
  const hone::Value y = sum(tensor<std::complex<double>>({1, 2, 2}, {{1, 1}, {2, 0}, {0, 3}, {4, 4}}));
  CHECK(y.view<std::complex<double>>()[1] == std::complex<double>(2, 3));
}

TEST_CASE("Col2Im of strings puts those that meet one after the other") {
  const Values y = run_node<hone::ops::Col2Im>(18, {}, values(tensor<std::string>({1, 2, 2}, {"a", "b", "c", "d"}), list({3}), list({2})));
  check_tensor<std::string>(y[0], {1, 1, 3}, {"a", "bc", "d"});
}

TEST_CASE("GridSample of other types than those of the grid") {
  const auto sample = [](hone::Value x, const char* mode, hone::Value grid) {
    return std::move(run_node<hone::ops::GridSample>(20, attributes({{"mode", string(mode)}}), values(std::move(x), std::move(grid)))[0]);
  };
  // Between the two elements, on the second, and outside.
  const auto grid = [] { return tensor<float>({1, 3, 1, 2}, {0, 0, 0.5F, 0, 9, 0}); };
  const hone::Shape y{1, 1, 3, 1};
  check_tensor<double>(sample(tensor<double>({1, 1, 1, 2}, {2, 5}), "linear", grid()), y, {3.5, 5, 0});
  check_tensor<std::int8_t>(sample(tensor<std::int8_t>({1, 1, 1, 2}, {2, 5}), "linear", grid()), y, {3, 5, 0});
  check_tensor<std::uint64_t>(sample(tensor<std::uint64_t>({1, 1, 1, 2}, {2, 5}), "nearest", grid()), y, {2, 5, 0});
  check_tensor<bool>(sample(tensor<bool>({1, 1, 1, 2}, {true, false}), "linear", grid()), y, {true, false, false});
  check_tensor<std::string>(sample(tensor<std::string>({1, 1, 1, 2}, {"a", "b"}), "nearest", grid()), y, {"a", "b", ""});
  check_tensor<float>(sample(tensor<float>({1, 1, 1, 2}, {2, 5}), "linear", tensor<double>({1, 1, 1, 2}, {0, 0})), {1, 1, 1, 1}, {3.5F});
  const hone::Value z = sample(tensor<std::complex<float>>({1, 1, 1, 2}, {{2, 1}, {5, -3}}), "linear", grid());
  CHECK(z.view<std::complex<float>>()[0] == std::complex<float>(3.5F, -1));
  CHECK_THROWS_AS(sample(tensor<std::string>({1, 1, 1, 2}, {"a", "b"}), "linear", grid()), hone::Error);
}

TEST_CASE("AffineGrid of the identity is the grid of the positions") {
  const Values y = run_node<hone::ops::AffineGrid>(20, attributes({{"align_corners", integer(1)}}),
                                                   values(tensor<float>({1, 2, 3}, {1, 0, 0, 0, 1, 0}), list({1, 1, 1, 3})));
  check_tensor<float>(y[0], {1, 1, 3, 2}, {-1, 0, 0, 0, 1, 0});
  CHECK_THROWS_AS(run_node<hone::ops::AffineGrid>(20, {}, values(iota<float>({1, 2, 3}), list({1, 1, 2, 2, 2}))), hone::Error);
}

TEST_CASE("RoiAlign and MaxRoiPool check images and coordinates") {
  const auto align = [](std::int64_t image, float x2) {
    return run_node<hone::ops::RoiAlign>(
        16, attributes({{"sampling_ratio", integer(1)}}),
        values(tensor<float>({1, 1, 2, 2}, {1, 2, 3, 4}), tensor<float>({1, 4}, {0, 0, x2, 2}), list({image})));
  };
  check_tensor<float>(align(0, 2)[0], {1, 1, 1, 1}, {2.5F});
  CHECK_THROWS_AS(align(1, 2), hone::Error);
  CHECK_THROWS_AS(align(0, std::nanf("")), hone::Error);
  const auto pool = [](float image) {
    return run_node<hone::ops::MaxRoiPool>(1, attributes({{"pooled_shape", integers({1, 1})}}),
                                           values(tensor<float>({1, 1, 2, 2}, {1, 2, 3, 4}), tensor<float>({1, 5}, {image, 0, 0, 1, 1})));
  };
  check_tensor<float>(pool(0)[0], {1, 1, 1, 1}, {4});
  CHECK_THROWS_AS(pool(2), hone::Error);
}

TEST_CASE("Col2Im adds windows where they overlap, and counts them") {
  const auto run = [](const hone::Shape& shape) {
    return run_node<hone::ops::Col2Im>(18, {}, values(iota<float>(shape), list({1, 3}), list({1, 2})));
  };
  check_tensor<float>(run({1, 2, 2})[0], {1, 1, 1, 3}, {0, 3, 3});
  CHECK_THROWS_AS(run({1, 2, 3}), hone::Error);
  CHECK_THROWS_AS(run({1, 3, 2}), hone::Error);
}

TEST_CASE("DeformConv without offsets is Conv; offsets out of the image read zeros") {
  const auto run = [](float offset) {
    return run_node<hone::ops::DeformConv>(
        19, {}, values(iota<float>({1, 1, 2, 2}), tensor<float>({1, 1, 1, 1}, {2}), hone::Tensor<float>::filled({1, 2, 2, 2}, offset)));
  };
  check_tensor<float>(run(0)[0], {1, 1, 2, 2}, {0, 2, 4, 6});
  check_tensor<float>(run(1e20F)[0], {1, 1, 2, 2}, {0, 0, 0, 0});
  check_tensor<float>(run(std::nanf(""))[0], {1, 1, 2, 2}, {0, 0, 0, 0});
}

TEST_CASE("MaxUnpool checks its indices") {
  const auto run = [](std::int64_t index) {
    return run_node<hone::ops::MaxUnpool>(11, attributes({{"kernel_shape", integers({2, 2})}, {"strides", integers({2, 2})}}),
                                          values(tensor<float>({1, 1, 1, 1}, {5}), hone::Tensor<std::int64_t>({1, 1, 1, 1}, {index})));
  };
  check_tensor<float>(run(3)[0], {1, 1, 2, 2}, {0, 0, 0, 5});
  CHECK_THROWS_AS(run(4), hone::Error);
  CHECK_THROWS_AS(run(-1), hone::Error);
}

TEST_CASE("CenterCropPad crops one axis and pads another; strings too") {
  check_tensor<float>(run_node<hone::ops::CenterCropPad>(18, {}, values(iota<float>({3, 1}), list({2, 2})))[0], {2, 2}, {0, 0, 1, 0});
  check_tensor<std::string>(run_node<hone::ops::CenterCropPad>(18, {}, values(tensor<std::string>({1}, {"a"}), list({3})))[0], {3},
                            {"", "a", ""});
  CHECK_THROWS_AS(run_node<hone::ops::CenterCropPad>(18, {}, values(iota<float>({2}), list({-1}))), hone::Error);
  CHECK_THROWS_AS(run_node<hone::ops::CenterCropPad>(18, attributes({{"axes", integers({0, 0})}}), values(iota<float>({2}), list({1, 1}))),
                  hone::Error);
}

}  // namespace grid_sample_test
