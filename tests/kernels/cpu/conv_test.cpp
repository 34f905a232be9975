#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include <doctest/doctest.h>

#include <hone/ops/conv.hpp>
#include <hone/ops/pool.hpp>

#include "kernels/cpu/one_node.hpp"
#include "support/model.hpp"
#include "support/rewriting.hpp"

namespace conv_test {

using namespace hone_test;
using hone::DType;
using hone::Tensor;

struct Axis {
  std::int64_t input;
  std::int64_t kernel;
  std::int64_t stride;
  std::int64_t dilation;
  std::int64_t pad_begin;
  std::int64_t pad_end;
  [[nodiscard]] std::int64_t output() const { return (input + pad_begin + pad_end - (kernel - 1) * dilation - 1) / stride + 1; }
};

/// visit(position in the plane, or -1 in the padding) for each tap of a window, in order.
template <class Visit>
void for_taps(const std::vector<Axis>& axes, std::int64_t window, const Visit& visit) {
  std::int64_t taps = 1;
  for (const Axis& a : axes) taps *= a.kernel;
  for (std::int64_t tap = 0; tap < taps; ++tap) {
    std::int64_t position = 0;
    std::int64_t stride = 1;
    std::int64_t w = window;
    std::int64_t t = tap;
    bool inside = true;
    for (std::size_t i = axes.size(); i-- > 0;) {
      const Axis& a = axes[i];
      const std::int64_t at = w % a.output() * a.stride + t % a.kernel * a.dilation - a.pad_begin;
      inside = inside && at >= 0 && at < a.input;
      position += at * stride;
      stride *= a.input;
      w /= a.output();
      t /= a.kernel;
    }
    visit(tap, inside ? position : -1);
  }
}

struct Sizes {
  std::int64_t input = 1;
  std::int64_t output = 1;
  std::int64_t taps = 1;
  explicit Sizes(const std::vector<Axis>& axes) {
    for (const Axis& a : axes) {
      input *= a.input;
      output *= a.output();
      taps *= a.kernel;
    }
  }
};

inline std::vector<Axis> random_axes(std::mt19937& random) {
  const auto upto = [&](std::int64_t least, std::int64_t most) { return std::uniform_int_distribution<std::int64_t>(least, most)(random); };
  std::vector<Axis> axes(static_cast<std::size_t>(upto(1, 3)));
  for (Axis& a : axes) {
    a = {upto(1, axes.size() == 3 ? 9 : 40), upto(1, 5), upto(1, 3), upto(1, 2), 0, 0};
    a.pad_begin = upto(0, a.kernel - 1);
    a.pad_end = upto(0, a.kernel - 1);
    a.input = std::max(a.input, (a.kernel - 1) * a.dilation + 1);
  }
  return axes;
}

template <class Node>
NodeBuilder with_window(Node node, const std::vector<Axis>& axes) {
  Dims kernel, strides, dilations, pads;
  for (const Axis& a : axes) {
    kernel.push_back(a.kernel);
    strides.push_back(a.stride);
    dilations.push_back(a.dilation);
    pads.push_back(a.pad_begin);
  }
  for (const Axis& a : axes) pads.push_back(a.pad_end);
  return std::move(node)
      .attribute("kernel_shape", kernel)
      .attribute("strides", strides)
      .attribute("dilations", dilations)
      .attribute("pads", pads);
}

inline Tensor<float> random_tensor(const hone::Shape& shape, std::mt19937& random) {
  Tensor<float> tensor(shape);
  std::normal_distribution<float> normal;
  for (float& x : tensor) x = normal(random);
  return tensor;
}

inline hone::Shape shape_of(std::int64_t n, std::int64_t c, const std::vector<Axis>& axes, std::int64_t Axis::*size) {
  hone::Shape shape{n, c};
  for (const Axis& a : axes) shape.push_back(a.*size);
  return shape;
}

inline onnx::TensorProto constant(const std::string& name, const Tensor<float>& from) {
  onnx::TensorProto proto;
  proto.set_name(name);
  proto.set_data_type(onnx::TensorProto::FLOAT);
  for (const std::int64_t dim : from.shape()) proto.add_dims(dim);
  proto.set_raw_data(from.data(), from.size() * sizeof(float));
  return proto;
}

TEST_CASE("convolutions of any geometry agree with the formula, with weights that are constant or fed") {
  std::mt19937 random(11);
  const auto upto = [&](std::int64_t least, std::int64_t most) { return std::uniform_int_distribution<std::int64_t>(least, most)(random); };
  for (int round = 0; round < 150; ++round) {
    const std::vector<Axis> axes = random_axes(random);
    const std::int64_t group = upto(1, 4);
    const std::int64_t in = round % 3 == 0 ? 1 : upto(1, 9);  // per group; 1 is depthwise
    const std::int64_t out = upto(1, round % 5 == 0 ? 40 : 4);
    const Sizes sizes(axes);
    const Tensor<float> x = random_tensor(shape_of(upto(1, 2), group * in, axes, &Axis::input), random);
    const Tensor<float> w = random_tensor(shape_of(group * out, in, axes, &Axis::kernel), random);
    const Tensor<float> bias = random_tensor({group * out}, random);
    const bool fed = round % 2 == 0;
    auto graph = GraphBuilder().input("x", DType::float32, Dims(x.shape().rank(), -1)).initializer(constant("bias", bias));
    graph = fed ? std::move(graph).input("w", DType::float32, Dims(w.shape().rank(), -1)) : std::move(graph).initializer(constant("w", w));
    const hone::Session session(
        model(
            17,
            std::move(graph).node(with_window(NodeBuilder("Conv", {"x", "w", "bias"}, {"y"}).attribute("group", group), axes)).output("y")),
        {.intra_op_num_threads = round % 4 == 0 ? 3 : 1});
    std::vector<hone::Feed> feeds{{"x", x}};
    if (fed) feeds.push_back({"w", w});
    const hone::Outputs outputs = session.run(feeds);
    const auto y = outputs["y"].view<const float>();
    REQUIRE(static_cast<std::int64_t>(y.size()) == x.shape()[0] * group * out * sizes.output);
    double worst = 0;
    for (std::int64_t n = 0; n < x.shape()[0]; ++n) {
      for (std::int64_t m = 0; m < group * out; ++m) {
        for (std::int64_t o = 0; o < sizes.output; ++o) {
          double sum = bias[static_cast<std::size_t>(m)];
          for (std::int64_t c = 0; c < in; ++c) {
            const float* plane = x.data() + (n * group * in + m / out * in + c) * sizes.input;
            for_taps(axes, o, [&](std::int64_t tap, std::int64_t at) {
              if (at >= 0) sum += static_cast<double>(plane[at]) * static_cast<double>(w.data()[(m * in + c) * sizes.taps + tap]);
            });
          }
          const auto got = static_cast<double>(y.data()[(n * group * out + m) * sizes.output + o]);
          worst = std::max(worst, std::abs(got - sum) / (1 + std::abs(sum)));
        }
      }
    }
    CAPTURE(round);
    CHECK(worst < 1e-5);
  }
}

TEST_CASE("pools of any geometry agree with the formula") {
  std::mt19937 random(12);
  for (int round = 0; round < 150; ++round) {
    const std::vector<Axis> axes = random_axes(random);
    const Sizes sizes(axes);
    Tensor<float> x = random_tensor(shape_of(2, 3, axes, &Axis::input), random);
    if (round % 7 == 0) x[x.size() / 2] = NAN;
    const bool average = round % 2 == 0;
    const bool padded = round % 4 == 0;
    NodeBuilder node = with_window(NodeBuilder(average ? "AveragePool" : "MaxPool", {"x"}, {"y"}), axes);
    if (padded) node = std::move(node).attribute("count_include_pad", std::int64_t{1});
    const hone::Session session(model(19, GraphBuilder().input("x", DType::float32, Dims(x.shape().rank(), -1)).node(node).output("y")),
                                {.intra_op_num_threads = 2});
    const hone::Outputs outputs = session.run({{"x", x}});
    const auto y = outputs["y"].view<const float>();
    REQUIRE(static_cast<std::int64_t>(y.size()) == 6 * sizes.output);
    bool equal = true;
    for (std::int64_t plane = 0; plane < 6; ++plane) {
      for (std::int64_t o = 0; o < sizes.output; ++o) {
        double sum = 0;
        double best = -INFINITY;
        std::int64_t inside = 0;
        for_taps(axes, o, [&](std::int64_t, std::int64_t at) {
          if (at < 0) return;
          const auto value = static_cast<double>(x.data()[plane * sizes.input + at]);
          sum += value;
          best = std::isnan(value) || value > best ? value : best;
          ++inside;
        });
        const double expected = !average ? best : sum / static_cast<double>(padded ? sizes.taps : inside);
        const auto got = static_cast<double>(y.data()[plane * sizes.output + o]);
        // A window that lies in the padding as a whole has no elements; ONNX leaves open what it gives.
        if (inside == 0) continue;
        equal = equal && (std::isnan(expected) ? std::isnan(got) : std::abs(got - expected) <= 1e-5 * (1 + std::abs(expected)));
      }
    }
    CAPTURE(round);
    CHECK(equal);
  }
}

TEST_CASE("windows without elements, roots of no order and less than no padding are refused") {
  const auto x = [] { return iota<float>({1, 1, 4, 4}); };
  CHECK_THROWS_AS(run_node<hone::ops::Conv>(11, {}, values(x(), iota<float>({1, 1, 0, 3}))), hone::Error);
  CHECK_THROWS_AS(run_node<hone::ops::ConvTranspose>(11, {}, values(x(), iota<float>({1, 1, 3, 0}))), hone::Error);
  CHECK_THROWS_AS(
      run_node<hone::ops::ConvTranspose>(11, attributes({{"output_padding", integers({-1, 0})}}), values(x(), iota<float>({1, 1, 3, 3}))),
      hone::Error);
  CHECK_THROWS_AS(run_node<hone::ops::LpPool>(11, attributes({{"kernel_shape", integers({2, 2})}, {"p", integer(0)}}), values(x())),
                  hone::Error);
  CHECK_THROWS_AS(run_node<hone::ops::GlobalLpPool>(2, attributes({{"p", integer(-1)}}), values(x())), hone::Error);
}

TEST_CASE("groups that the channels do not have are refused, however many") {
  for (const std::int64_t group : {std::int64_t{2}, std::int64_t{1} << 62, std::numeric_limits<std::int64_t>::max()}) {
    const hone::Session session(model(17, GraphBuilder()
                                              .input("x", DType::float32, {-1, -1, -1, -1})
                                              .input("w", DType::float32, {-1, -1, -1, -1})
                                              .node(NodeBuilder("Conv", {"x", "w"}, {"y"}).attribute("group", group))
                                              .output("y")));
    const Tensor<float> x = Tensor<float>::filled({1, 4, 2, 2}, 1);
    const Tensor<float> w = Tensor<float>::filled({4, 4, 1, 1}, 1);
    CHECK(contains(error_of([&] { (void)session.run({{"x", x}, {"w", w}}); }), hone::text("do not agree on channels with group ", group)));
  }
}

}  // namespace conv_test
