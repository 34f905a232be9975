#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/rewriting.hpp"

namespace fuse_activation_test {

using namespace hone_test;
using hone::DType;
using Ops = std::vector<std::string>;

inline GraphBuilder graph() { return GraphBuilder().input("x", DType::float32, {-1, 5}); }
inline onnx::TensorProto number(const std::string& name, float value) { return tensor<float>(name, {}, {value}); }

TEST_CASE("Gelu by erf, however its factors are grouped") {
  for (const int grouping : {0, 1, 2}) {
    auto g = graph()
                 .initializer(number("root", 1.4142135f))
                 .initializer(number("one", 1))
                 .initializer(number("half", 0.5f))
                 .node(NodeBuilder("Div", {"x", "root"}, {"d"}))
                 .node(NodeBuilder("Erf", {"d"}, {"e"}))
                 .node(NodeBuilder("Add", {"e", "one"}, {"a"}));
    if (grouping == 0) {
      g = std::move(g).node(NodeBuilder("Mul", {"x", "a"}, {"m"})).node(NodeBuilder("Mul", {"m", "half"}, {"y"}));
    } else if (grouping == 1) {
      g = std::move(g).node(NodeBuilder("Mul", {"half", "x"}, {"m"})).node(NodeBuilder("Mul", {"m", "a"}, {"y"}));
    } else {
      g = std::move(g).node(NodeBuilder("Mul", {"a", "half"}, {"m"})).node(NodeBuilder("Mul", {"x", "m"}, {"y"}));
    }
    const Rewritten result = rewritten(model(17, std::move(g).output("y")));
    CHECK(result.ops == Ops{"Gelu"});
    CHECK(result.error < 1e-6);
  }
}

TEST_CASE("Gelu by tanh") {
  const Rewritten result = rewritten(model(17, graph()
                                                   .initializer(number("three", 3))
                                                   .initializer(number("c", 0.044715f))
                                                   .initializer(number("root", 0.7978845834732056f))
                                                   .initializer(number("one", 1))
                                                   .initializer(number("half", 0.5f))
                                                   .node(NodeBuilder("Pow", {"x", "three"}, {"p"}))
                                                   .node(NodeBuilder("Mul", {"p", "c"}, {"m"}))
                                                   .node(NodeBuilder("Add", {"x", "m"}, {"a"}))
                                                   .node(NodeBuilder("Mul", {"a", "root"}, {"r"}))
                                                   .node(NodeBuilder("Tanh", {"r"}, {"t"}))
                                                   .node(NodeBuilder("Add", {"t", "one"}, {"b"}))
                                                   .node(NodeBuilder("Mul", {"x", "half"}, {"h"}))
                                                   .node(NodeBuilder("Mul", {"h", "b"}, {"y"}))
                                                   .output("y")));
  CHECK(result.ops == Ops{"Gelu"});
  CHECK(result.error < 1e-5);
}

TEST_CASE("SiLU, QuickGelu and Mish") {
  const Rewritten silu =
      rewritten(model(17, graph().node(NodeBuilder("Sigmoid", {"x"}, {"s"})).node(NodeBuilder("Mul", {"s", "x"}, {"y"})).output("y")));
  CHECK(silu.ops == Ops{"Swish"});
  CHECK(silu.error < 1e-6);
  const Rewritten quick = rewritten(model(17, graph()
                                                  .initializer(number("alpha", 1.702f))
                                                  .node(NodeBuilder("Mul", {"x", "alpha"}, {"m"}))
                                                  .node(NodeBuilder("Sigmoid", {"m"}, {"s"}))
                                                  .node(NodeBuilder("Mul", {"x", "s"}, {"y"}))
                                                  .output("y")));
  CHECK(quick.ops == Ops{"Swish"});
  CHECK(quick.error < 1e-6);
  const Rewritten mish = rewritten(model(17, graph()
                                                 .node(NodeBuilder("Softplus", {"x"}, {"s"}))
                                                 .node(NodeBuilder("Tanh", {"s"}, {"t"}))
                                                 .node(NodeBuilder("Mul", {"x", "t"}, {"y"}))
                                                 .output("y")));
  CHECK(mish.ops == Ops{"Mish"});
  CHECK(mish.error < 1e-6);
}

TEST_CASE("HardSwish from a clipped sum") {
  const Rewritten result = rewritten(model(17, graph()
                                                   .initializer(number("three", 3))
                                                   .initializer(number("zero", 0))
                                                   .initializer(number("six", 6))
                                                   .node(NodeBuilder("Add", {"x", "three"}, {"a"}))
                                                   .node(NodeBuilder("Clip", {"a", "zero", "six"}, {"c"}))
                                                   .node(NodeBuilder("Mul", {"x", "c"}, {"m"}))
                                                   .node(NodeBuilder("Div", {"m", "six"}, {"y"}))
                                                   .output("y")));
  CHECK(result.ops == Ops{"HardSwish"});
  CHECK(result.error < 1e-6);
}

TEST_CASE("what only looks like an activation stays") {
  // The gate is that of another value.
  const Rewritten other = rewritten(model(17, graph()
                                                  .input("z", DType::float32, {-1, 5})
                                                  .node(NodeBuilder("Sigmoid", {"z"}, {"s"}))
                                                  .node(NodeBuilder("Mul", {"s", "x"}, {"y"}))
                                                  .output("y")));
  CHECK(!other.has_fired("fuse_activation"));
  // The gate is an output too.
  const Rewritten shared = rewritten(
      model(17, graph().node(NodeBuilder("Sigmoid", {"x"}, {"s"})).node(NodeBuilder("Mul", {"s", "x"}, {"y"})).output("y").output("s")));
  CHECK(!shared.has_fired("fuse_activation"));
  CHECK(shared.error < 1e-6);
  // The constant is another.
  const Rewritten wrong = rewritten(model(17, graph()
                                                  .initializer(number("root", 1.5f))
                                                  .initializer(number("one", 1))
                                                  .initializer(number("half", 0.5f))
                                                  .node(NodeBuilder("Div", {"x", "root"}, {"d"}))
                                                  .node(NodeBuilder("Erf", {"d"}, {"e"}))
                                                  .node(NodeBuilder("Add", {"e", "one"}, {"a"}))
                                                  .node(NodeBuilder("Mul", {"x", "a"}, {"m"}))
                                                  .node(NodeBuilder("Mul", {"m", "half"}, {"y"}))
                                                  .output("y")));
  CHECK(!wrong.has_fired("fuse_activation"));
  CHECK(wrong.error < 1e-6);
}

}  // namespace fuse_activation_test
