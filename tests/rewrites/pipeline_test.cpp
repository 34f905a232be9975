#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <hone/providers/cpu.hpp>
#include <hone/session/session.hpp>

#include "support/model.hpp"

namespace pipeline_test {

using namespace hone_test;
using hone::DType;
using hone::GraphOptimizationLevel;
using hone::Session;
using hone::Tensor;

/// y = x + (k * k), through two identities.
inline onnx::ModelProto foldable() {
  return model(17, GraphBuilder()
                       .input("x", DType::float32, {2})
                       .initializer(tensor<float>("k", {2}, {2, 3}))
                       .node(NodeBuilder("Identity", {"x"}, {"i"}))
                       .node(NodeBuilder("Mul", {"k", "k"}, {"m"}))
                       .node(NodeBuilder("Identity", {"m"}, {"j"}))
                       .node(NodeBuilder("Add", {"i", "j"}, {"y"}))
                       .node(NodeBuilder("Neg", {"y"}, {"unused"}))
                       .output("y"));
}

inline std::vector<std::string> ops_of(const Session& session) {
  std::vector<std::string> ops;
  for (const auto& node : session.report().nodes) ops.push_back(node.op);
  return ops;
}

TEST_CASE("level disabled leaves the graph alone") {
  const Session session(foldable(), {.graph_optimization_level = GraphOptimizationLevel::disabled});
  CHECK(ops_of(session) == std::vector<std::string>{"Identity", "Mul", "Identity", "Add", "Neg"});
  CHECK(session.report().rewrites.empty());
}

TEST_CASE("level basic folds constants, removes identities and what is not used") {
  const Session session(foldable(), {.graph_optimization_level = GraphOptimizationLevel::basic});
  CHECK(ops_of(session) == std::vector<std::string>{"Add"});
  const Tensor<float> x({2}, {1, 1});
  CHECK(values_of<float>(session.run({{"x", x}})["y"]) == std::vector<float>{5, 10});
  CHECK(session.report().rewrites.size() == 2);
}

TEST_CASE("an initializer that a feed overrides is not folded into the result") {
  const Session session(model(17, GraphBuilder()
                                      .input("x", DType::float32, {2})
                                      .input("k", DType::float32, {2})
                                      .initializer(tensor<float>("k", {2}, {2, 3}))
                                      .node(NodeBuilder("Mul", {"k", "k"}, {"m"}))
                                      .node(NodeBuilder("Add", {"x", "m"}, {"y"}))
                                      .output("y")));
  const Tensor<float> x({2}, {1, 1});
  const Tensor<float> k({2}, {10, 20});
  CHECK(values_of<float>(session.run({{"x", x}})["y"]) == std::vector<float>{5, 10});
  CHECK(values_of<float>(session.run({{"x", x}, {"k", k}})["y"]) == std::vector<float>{101, 401});
}

TEST_CASE("what a fold computes wrongly stays a node, and the run reports it") {
  const auto proto = model(17, GraphBuilder()
                                   .input("x", DType::int64, {1})
                                   .initializer(tensor<std::int64_t>("zero", {1}, {0}))
                                   .initializer(tensor<std::int64_t>("one", {1}, {1}))
                                   .node(NodeBuilder("Div", {"one", "zero"}, {"d"}))
                                   .node(NodeBuilder("Add", {"x", "d"}, {"y"}))
                                   .output("y"));
  const Session session(proto);
  const Tensor<std::int64_t> x({1}, {1});
  CHECK(contains(error_of([&] { (void)session.run({{"x", x}}); }), "node 'Div_node' (Div, opset 17): an integer is divided by zero"));
}

TEST_CASE("shape arithmetic costs a run nothing: it is evaluated per shape of the inputs") {
  const auto proto = model(17, GraphBuilder()
                                   .input("x", DType::float32, {-1, -1})
                                   .initializer(tensor<std::int64_t>("minus_one", {1}, {-1}))
                                   .initializer(tensor<std::int64_t>("zero", {}, {0}))
                                   .initializer(tensor<std::int64_t>("axis", {1}, {0}))
                                   .node(NodeBuilder("Shape", {"x"}, {"s"}))
                                   .node(NodeBuilder("Gather", {"s", "zero"}, {"rows"}))
                                   .node(NodeBuilder("Unsqueeze", {"rows", "axis"}, {"rows1"}))
                                   .node(NodeBuilder("Concat", {"minus_one", "rows1"}, {"to"}).attribute("axis", std::int64_t{0}))
                                   .node(NodeBuilder("Reshape", {"x", "to"}, {"y"}))
                                   .output("y"));
  for (const auto level : {GraphOptimizationLevel::disabled, GraphOptimizationLevel::all}) {
    const Session session(proto, {.graph_optimization_level = level});
    for (const std::int64_t rows : {2, 3, 6}) {
      const Tensor<float> x = Tensor<float>::filled({rows, 4}, 1);
      CHECK(session.run({{"x", x}})["y"].shape() == hone::Shape{4, rows});
    }
  }
}

TEST_CASE("a pass is switched off by its name, and a name that is none of them is an error") {
  const Session session(foldable(), {.disabled_optimizers = {"fold_constants"}});
  CHECK(ops_of(session) == std::vector<std::string>{"Mul", "Add"});
  const std::string error = error_of([] { const Session wrong(foldable(), {.disabled_optimizers = {"fold_constant"}}); });
  CHECK(contains(error, "there is no rewrite 'fold_constant' to disable; available: eliminate_no_ops, "));
  CHECK(contains(error, ", fold_constants, "));
}

}  // namespace pipeline_test
