#include <cstdint>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <hone/ops/pointwise.hpp>
#include <hone/providers/cpu.hpp>
#include <hone/session/session.hpp>

#include "support/model.hpp"

// Models from files may hold what rewrites never write.
namespace pointwise_test {

using namespace hone_test;
using hone::DType;
using hone::Session;
using hone::Tensor;

struct Steps {
  std::vector<std::string> names = {"Tanh", "Add"};
  std::vector<float> parameters = {0, 0, 0, 0};
  Dims operands = {-1, 0};
  Dims swapped = {0, 0};
};

inline onnx::ModelProto fused(const std::string& op, const std::vector<std::string>& inputs, const Steps& steps) {
  onnx::ModelProto proto = model(17, GraphBuilder()
                                         .input("x", DType::float32, {2, 2})
                                         .input("w", DType::float32, {2, 2})
                                         .input("r", DType::float32, {2})
                                         .input("d", DType::float64, {2})
                                         .input("odd", DType::float32, {3})
                                         .input("image", DType::float32, {1, 1, 2, 2})
                                         .node(NodeBuilder(op, inputs, {"y"}, "hone")
                                                   .attribute("steps", steps.names)
                                                   .attribute("parameters", steps.parameters)
                                                   .attribute("operands", steps.operands)
                                                   .attribute("swapped", steps.swapped))
                                         .output("y"));
  import_domain(proto, "hone");
  return proto;
}

/// What is wrong with the model, or "no error".
inline std::string problem(const std::string& op, const std::vector<std::string>& inputs, const Steps& steps = {}) {
  return error_of([&] {
    const Session session(fused(op, inputs, steps));
    const Tensor<float> x({2, 2}, {1, 2, 3, 4});
    const Tensor<float> r({2}, {1, 2});
    const Tensor<double> d({2}, {1, 2});
    const Tensor<float> odd({3}, {1, 2, 3});
    const Tensor<float> image({1, 1, 2, 2}, {1, 2, 3, 4});
    (void)session.run({{"x", x}, {"w", x}, {"r", r}, {"d", d}, {"odd", odd}, {"image", image}});
  });
}

TEST_CASE("a chain in a file runs when it is one that a rewrite could have made") {
  CHECK(problem("Pointwise", {"x", "r"}) == "no error");
  CHECK(problem("FusedMatMul", {"x", "w", "r"}) == "no error");
  CHECK(problem("FusedGemm", {"x", "w", "", "r"}) == "no error");
  CHECK(contains(problem("Pointwise", {"x", "r", "odd"}), "the shapes (2, 2) and (3,) cannot be broadcast together"));
}

TEST_CASE("steps that are no operators, or not with these operands") {
  CHECK(contains(problem("Pointwise", {"x", "r"}, {.names = {"Tanh", "Conv"}}), "'Conv' is no pointwise operator with an operand"));
  CHECK(contains(problem("Pointwise", {"x", "r"}, {.names = {"Add", "Add"}}), "'Add' is no pointwise operator without an operand"));
  CHECK(contains(problem("Pointwise", {"x", "r"}, {.names = {"Tanh", "Tanh"}}), "'Tanh' is no pointwise operator with an operand"));
  CHECK(contains(problem("Pointwise", {"x"}, {.names = {}, .parameters = {}, .operands = {}, .swapped = {}}), "it has no steps"));
  CHECK(contains(problem("Pointwise", {"x", "r"}, {.parameters = {0}}), "do not have one entry for each"));
  CHECK(contains(problem("Pointwise", {"x", "r"}, {.operands = {-1, 8}}), "has operand 8; expected -1 to 7"));
  CHECK(contains(problem("Pointwise", {"x", "r"}, {.operands = {-2, 0}}), "has operand -2; expected -1 to 7"));
}

TEST_CASE("operands that are not there, or of another type or shape") {
  struct Case {
    std::string op;
    std::vector<std::string> inputs;
  };
  for (const auto& [op, inputs] : {Case{"Pointwise", {"x"}}, Case{"FusedMatMul", {"x", "w"}}, Case{"FusedGemm", {"x", "w", "r"}},
                                   Case{"FusedConv", {"image", "image"}}}) {
    CAPTURE(op);
    CHECK(contains(problem(op, inputs), "its step Add takes operand 0, which is missing"));
  }
  CHECK(contains(problem("Pointwise", {"x", "r"}, {.operands = {-1, 1}}), "its step Add takes operand 1, which is missing"));
  CHECK(contains(problem("Pointwise", {"x", "", "r"}), "its operand 0 is missing"));
  CHECK(contains(problem("FusedMatMul", {"x", "w", "", "r"}, {.operands = {-1, 1}}), "its operand 0 is missing"));
  CHECK(contains(problem("Pointwise", {"x", "d"}), "has type tensor(double)"));
  CHECK(contains(problem("Pointwise", {"x", "odd"}), "cannot be broadcast together"));
  CHECK(contains(problem("Pointwise", {"", "r"}), "its input 0 is missing"));
}

}  // namespace pointwise_test
