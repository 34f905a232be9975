#include <cstdint>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/rewriting.hpp"

namespace widen_halves_test {

using namespace hone_test;
using hone::DType;
using hone::Half;
using Ops = std::vector<std::string>;

inline NodeBuilder cast(const std::string& from, const std::string& to, DType dtype) {
  return NodeBuilder("Cast", {from}, {to}).attribute("to", static_cast<std::int64_t>(dtype));
}
/// Two inputs of 2 x 4 and 4 x 3 halves.
inline GraphBuilder graph(DType half = DType::float16) {
  return GraphBuilder()
      .input("x", DType::float32, {2, 4})
      .input("w", DType::float32, {4, 3})
      .node(cast("x", "a", half))
      .node(cast("w", "b", half));
}

TEST_CASE("products of halves and what follows them compute in float32, without conversions in between") {
  for (const DType half : {DType::float16, DType::bfloat16}) {
    const Rewritten result = rewritten(model(17, graph(half)
                                                     .node(NodeBuilder("MatMul", {"a", "b"}, {"p"}))
                                                     .node(NodeBuilder("Softmax", {"p"}, {"s"}))
                                                     .node(NodeBuilder("Transpose", {"s"}, {"t"}))
                                                     .node(NodeBuilder("MatMul", {"t", "a"}, {"q"}))
                                                     .node(cast("q", "y", DType::float32))
                                                     .output("y")));
    CHECK(result.has_fired("widen_halves"));
    // Those of the model: to halves and, with the rounding that it asks for, back.
    CHECK(std::count(result.ops.begin(), result.ops.end(), "Cast") == 6);
    CHECK(result.error < (half == DType::float16 ? 2e-3 : 2e-2));
  }
}

TEST_CASE("constants are converted once, and results are halves where the model gives them out") {
  const auto proto = model(17, GraphBuilder()
                                   .input("x", DType::float16, {2, 2})
                                   .initializer(tensor<Half>("w", {2, 2}, {Half(1.0F), Half(0.5F), Half(-2.0F), Half(4.0F)}))
                                   .node(NodeBuilder("MatMul", {"x", "w"}, {"y"}))
                                   .output("y", DType::float16));
  const hone::Session session(proto);
  const hone::Tensor<Half> x({2, 2}, {Half(1.0F), Half(2.0F), Half(3.0F), Half(4.0F)});
  const auto outputs = session.run({{"x", x}});
  CHECK(outputs["y"].dtype() == DType::float16);
  std::vector<float> y;
  for (const Half value : values_of<Half>(outputs["y"])) y.push_back(static_cast<float>(value));
  CHECK(y == std::vector<float>{-3.0F, 8.5F, -5.0F, 17.5F});
  Ops ops;
  for (const hone::NodeReport& node : session.report().nodes) ops.push_back(node.op);
  CHECK(ops == Ops{"Cast", "MatMul", "Cast"});
}

TEST_CASE("what only moves elements of inputs and constants stays as narrow as it is") {
  const Rewritten moved = rewritten(model(17, graph()
                                                  .node(NodeBuilder("Transpose", {"a"}, {"t"}))
                                                  .node(NodeBuilder("Concat", {"t", "b"}, {"c"}).attribute("axis", std::int64_t{1}))
                                                  .node(cast("c", "y", DType::float32))
                                                  .output("y")));
  CHECK(!moved.has_fired("widen_halves"));
  CHECK(moved.error == 0);
}

TEST_CASE("the type that a CastLike takes is not widened") {
  const Rewritten result = rewritten(model(17, graph()
                                                   .input("z", DType::float32, {5})
                                                   .node(NodeBuilder("MatMul", {"a", "b"}, {"p"}))
                                                   .node(NodeBuilder("CastLike", {"z", "p"}, {"l"}))
                                                   .node(cast("l", "y", DType::float32))
                                                   .output("y")));
  CHECK(result.error == 0);
}

}  // namespace widen_halves_test
