#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/rewriting.hpp"

namespace fuse_pointwise_test {

using namespace hone_test;
using hone::DType;
using Ops = std::vector<std::string>;

TEST_CASE("a chain runs as one node, operands on either side and broadcast") {
  const Rewritten result = rewritten(model(17, GraphBuilder()
                                                   .input("x", DType::float32, {-1, 40, 60})
                                                   .input("row", DType::float32, {60})
                                                   .input("column", DType::float32, {40, 1})
                                                   .initializer(tensor<float>("two", {}, {2}))
                                                   .node(NodeBuilder("Sub", {"two", "x"}, {"a"}))
                                                   .node(NodeBuilder("Mul", {"a", "row"}, {"b"}))
                                                   .node(NodeBuilder("Div", {"column", "b"}, {"c"}))
                                                   .node(NodeBuilder("Tanh", {"c"}, {"d"}))
                                                   .node(NodeBuilder("Max", {"d", "x"}, {"y"}))
                                                   .output("y")));
  CHECK(result.ops == Ops{"hone.Pointwise"});
  CHECK(result.error < 1e-6);
}

TEST_CASE("every pointwise operator gives as a step what it gives alone") {
  for (const std::string op :
       {"Abs", "Ceil",       "Celu", "Elu",   "Erf",  "Exp",     "Floor", "HardSigmoid", "HardSwish", "LeakyRelu", "Mish",
        "Neg", "Reciprocal", "Relu", "Round", "Selu", "Sigmoid", "Sign",  "Softplus",    "Softsign",  "Tanh",      "ThresholdedRelu"}) {
    CAPTURE(op);
    const Rewritten result = rewritten(model(18, GraphBuilder()
                                                     .input("x", DType::float32, {-1, 37})
                                                     .node(NodeBuilder("Neg", {"x"}, {"a"}))
                                                     .node(NodeBuilder(op, {"a"}, {"b"}))
                                                     .node(NodeBuilder("Add", {"b", "x"}, {"y"}))
                                                     .output("y")));
    CHECK(result.ops == Ops{"hone.Pointwise"});
    CHECK(result.error == 0);
  }
}

TEST_CASE("steps keep the attributes of their operators") {
  const Rewritten result =
      rewritten(model(17, GraphBuilder()
                              .input("x", DType::float32, {-1, 7})
                              .initializer(tensor<float>("lo", {}, {-0.25f}))
                              .node(NodeBuilder("LeakyRelu", {"x"}, {"a"}).attribute("alpha", 0.3f))
                              .node(NodeBuilder("HardSigmoid", {"a"}, {"b"}).attribute("alpha", 0.7f).attribute("beta", -0.2f))
                              .node(NodeBuilder("Selu", {"b"}, {"c"}).attribute("alpha", 2.0f).attribute("gamma", 3.0f))
                              .node(NodeBuilder("Sub", {"c", "x"}, {"d"}))
                              .node(NodeBuilder("Clip", {"d", "lo"}, {"y"}))
                              .output("y")));
  CHECK(result.ops == Ops{"hone.Pointwise"});
  CHECK(result.error == 0);
}

TEST_CASE("a product takes bias, activation and residual with it") {
  const auto graph = [] {
    return GraphBuilder()
        .input("x", DType::float32, {-1, 3})
        .input("residual", DType::float32, {-1, 2})
        .initializer(tensor<float>("w", {3, 2}, {1, 2, 3, -4, 5, 6}))
        .initializer(tensor<float>("bias", {2}, {1, -1}));
  };
  const Rewritten matmul = rewritten(model(17, graph()
                                                   .node(NodeBuilder("MatMul", {"x", "w"}, {"m"}))
                                                   .node(NodeBuilder("Add", {"bias", "m"}, {"b"}))
                                                   .node(NodeBuilder("Add", {"b", "residual"}, {"r"}))
                                                   .node(NodeBuilder("Relu", {"r"}, {"y"}))
                                                   .output("y")));
  CHECK(matmul.ops == Ops{"hone.FusedMatMul"});
  CHECK(matmul.error < 1e-6);
  const Rewritten gemm = rewritten(model(17, graph()
                                                 .node(NodeBuilder("Gemm", {"x", "w", "bias"}, {"m"}).attribute("alpha", 0.5f))
                                                 .node(NodeBuilder("Sigmoid", {"m"}, {"s"}))
                                                 .node(NodeBuilder("Mul", {"residual", "s"}, {"y"}))
                                                 .output("y")));
  CHECK(gemm.ops == Ops{"hone.FusedGemm"});
  CHECK(gemm.error < 1e-6);
}

TEST_CASE("a convolution of any kind takes its epilogue with it") {
  struct Case {
    Dims weights;
    std::int64_t group;
    Dims strides;
  };
  for (const Case& c :
       {Case{{4, 4, 1, 1}, 1, {1, 1}}, Case{{4, 4, 3, 3}, 1, {2, 1}}, Case{{4, 1, 3, 3}, 4, {1, 1}}, Case{{6, 2, 2, 2}, 2, {1, 2}}}) {
    const Rewritten result = rewritten(
        model(17, GraphBuilder()
                      .input("x", DType::float32, {-1, 4, 9, 8})
                      .input("w", DType::float32, c.weights)
                      .input("bias", DType::float32, {c.weights[0]})
                      .input("scale", DType::float32, {c.weights[0], 1, 1})
                      .node(NodeBuilder("Conv", {"x", "w", "bias"}, {"c"}).attribute("group", c.group).attribute("strides", c.strides))
                      .node(NodeBuilder("Mul", {"c", "scale"}, {"m"}))
                      .node(NodeBuilder("Tanh", {"m"}, {"y"}))
                      .output("y")));
    CHECK(result.ops == Ops{"hone.FusedConv"});
    CHECK(result.error < 1e-6);
  }
}

TEST_CASE("steps that are known to broaden the product do not join it") {
  const Rewritten result = rewritten(model(17, GraphBuilder()
                                                   .input("x", DType::float32, {2, 3})
                                                   .input("w", DType::float32, {3, 4})
                                                   .input("mask", DType::float32, {5, 1, 2, 4})
                                                   .node(NodeBuilder("MatMul", {"x", "w"}, {"m"}))
                                                   .node(NodeBuilder("Add", {"m", "mask"}, {"a"}))
                                                   .node(NodeBuilder("Relu", {"a"}, {"y"}))
                                                   .output("y")));
  CHECK(result.ops == Ops{"MatMul", "hone.Pointwise"});
  CHECK(result.error < 1e-6);
}

TEST_CASE("where only a run shows that an operand broadens the product, it is broadcast all the same") {
  auto fused = model(17, GraphBuilder()
                             .input("x", DType::float32, {-1, 3})
                             .input("w", DType::float32, {3, 4})
                             .input("mask", DType::float32, {-1, 4})
                             .node(NodeBuilder("FusedMatMul", {"x", "w", "mask"}, {"y"}, "hone")
                                       .attribute("steps", std::vector<std::string>{"Add"})
                                       .attribute("parameters", std::vector<float>{0, 0})
                                       .attribute("operands", Dims{0})
                                       .attribute("swapped", Dims{0}))
                             .output("y"));
  import_domain(fused, "hone");
  const hone::Session session(fused);
  hone::Tensor<float> x({1, 3}, {1, 2, 3});
  hone::Tensor<float> w({3, 4}, {1, 0, 0, 1, 0, 1, 0, 1, 0, 0, 1, 1});
  hone::Tensor<float> mask({2, 4}, {0, 0, 0, 0, 10, 20, 30, 40});
  CHECK(values_of<float>(session.run({{"x", x}, {"w", w}, {"mask", mask}})["y"]) == std::vector<float>{1, 2, 3, 6, 11, 22, 33, 46});
}

TEST_CASE("operands that repeat after a few elements") {
  const Rewritten result = rewritten(model(17, GraphBuilder()
                                                   .input("x", DType::float32, {3, 5, 77, 16})
                                                   .input("gate", DType::float32, {3, 5, 1, 16})
                                                   .input("start", DType::float32, {5, 1, 16})
                                                   .node(NodeBuilder("Sub", {"x", "gate"}, {"a"}))
                                                   .node(NodeBuilder("Tanh", {"a"}, {"b"}))
                                                   .node(NodeBuilder("Mul", {"gate", "b"}, {"c"}))
                                                   .node(NodeBuilder("Div", {"start", "c"}, {"y"}))
                                                   .output("y")));
  CHECK(result.ops == Ops{"hone.Pointwise"});
  CHECK(result.error == 0);
}

TEST_CASE("a result with another use, an output, and other types are left alone") {
  const Rewritten twice = rewritten(model(17, GraphBuilder()
                                                  .input("x", DType::float32, {-1, 3})
                                                  .node(NodeBuilder("Exp", {"x"}, {"e"}))
                                                  .node(NodeBuilder("Neg", {"e"}, {"a"}))
                                                  .node(NodeBuilder("Abs", {"e"}, {"b"}))
                                                  .output("a")
                                                  .output("b")));
  CHECK(twice.fired.empty());
  const Rewritten output = rewritten(model(17, GraphBuilder()
                                                   .input("x", DType::float32, {-1, 3})
                                                   .node(NodeBuilder("Exp", {"x"}, {"e"}))
                                                   .node(NodeBuilder("Neg", {"e"}, {"y"}))
                                                   .output("e")
                                                   .output("y")));
  CHECK(output.fired.empty());
  const hone::Session wide(model(17, GraphBuilder()
                                         .input("x", DType::float64, {3})
                                         .node(NodeBuilder("Exp", {"x"}, {"e"}))
                                         .node(NodeBuilder("Neg", {"e"}, {"y"}))
                                         .output("y")));
  CHECK(wide.report().rewrites.empty());
}

TEST_CASE("a BatchNormalization joins what follows it") {
  const Rewritten result =
      rewritten(model(17, GraphBuilder()
                              .input("x", DType::float32, {-1, 3, 4, 5})
                              .initializer(tensor<float>("scale", {3}, {1, 2, 3}))
                              .initializer(tensor<float>("bias", {3}, {3, 2, 1}))
                              .initializer(tensor<float>("mean", {3}, {0.5f, -1, 2}))
                              .initializer(tensor<float>("variance", {3}, {1, 4, 0.25f}))
                              .node(NodeBuilder("BatchNormalization", {"x", "scale", "bias", "mean", "variance"}, {"n"}))
                              .node(NodeBuilder("Relu", {"n"}, {"y"}))
                              .output("y")));
  CHECK(result.ops == Ops{"hone.Pointwise"});
  CHECK(result.error < 1e-6);
}

}  // namespace fuse_pointwise_test
