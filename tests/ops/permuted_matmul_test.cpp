#include <string>
#include <utility>

#include <doctest/doctest.h>

#include <hone/ops/permuted_matmul.hpp>
#include <hone/providers/cpu.hpp>
#include <hone/session/session.hpp>

#include "support/model.hpp"

// Models from files may hold what rewrites never write.
namespace permuted_matmul_test {

using namespace hone_test;
using hone::DType;
using hone::Session;
using hone::Tensor;

inline onnx::ModelProto product(const std::string& attribute, const Dims& perm, const GraphBuilder& inputs) {
  NodeBuilder node("PermutedMatMul", {"a", "b"}, {"y"}, "hone");
  if (!attribute.empty()) node = std::move(node).attribute(attribute, perm);
  GraphBuilder graph = inputs;
  onnx::ModelProto proto = model(17, graph.node(node).output("y"));
  import_domain(proto, "hone");
  return proto;
}

/// What is wrong with the model, or "no error".
inline std::string problem(const std::string& attribute, const Dims& perm) {
  return error_of([&] {
    const GraphBuilder cubes = GraphBuilder().input("a", DType::float32, {2, 2, 2}).input("b", DType::float32, {2, 2, 2});
    const Session session(product(attribute, perm, cubes));
    const Tensor<float> x({2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
    (void)session.run({{"a", x}, {"b", x}});
  });
}

TEST_CASE("orders of dimensions that are none") {
  CHECK(problem("", {}) == "no error");
  CHECK(problem("y_perm", {1, 0, 2}) == "no error");
  CHECK(problem("a_perm", {2, 0, 1}) == "no error");
  for (const std::string attribute : {"a_perm", "b_perm", "y_perm"}) {
    CAPTURE(attribute);
    for (const Dims& perm : {Dims{0}, Dims{0, 1, -1}, Dims{0, 1, 4}, Dims{0, 0, 2}, Dims(13, 0)})
      CHECK(contains(problem(attribute, perm),
                     "'" + attribute + "' is (" + hone::join(perm, ", ") + "), no order of two and more dimensions"));
    CHECK(contains(problem(attribute, {0, 1}), "an order of (0, 1) for the shape (2, 2, 2)"));
    CHECK(contains(problem(attribute, {0, 1, 2, 3}), "an order of (0, 1, 2, 3) for the shape (2, 2, 2)"));
  }
  CHECK(contains(problem("y_perm", {0, 2, 1}), "'y_perm' moves the last dimension"));
}

TEST_CASE("operands of one dimension") {
  const GraphBuilder inputs = GraphBuilder().input("a", DType::float32, {-1, -1}).input("b", DType::float32, {-1});
  const Session session(product("a_perm", {1, 0}, inputs));
  const Tensor<float> a({2, 2}, {1, 2, 3, 4});
  const Tensor<float> b({2}, {1, 2});
  CHECK(contains(error_of([&] { (void)session.run({{"a", a}, {"b", b}}); }), "an order of () for the shape (2,)"));
}

TEST_CASE("a constant right operand may be transposed") {
  const GraphBuilder inputs = GraphBuilder().input("a", DType::float32, {2, 2}).initializer(tensor<float>("b", {3, 2}, {1, 2, 3, 4, 5, 6}));
  const Session session(product("b_perm", {1, 0}, inputs));
  const Tensor<float> a({2, 2}, {1, 10, 100, 1000});
  CHECK(values_of<float>(session.run({{"a", a}})["y"]) == std::vector<float>{21, 43, 65, 2100, 4300, 6500});
}

}  // namespace permuted_matmul_test
