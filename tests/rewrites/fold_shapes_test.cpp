#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/rewriting.hpp"

namespace fold_shapes_test {

using namespace hone_test;
using hone::DType;
using hone::GraphOptimizationLevel;
using Ops = std::vector<std::string>;

inline Rewritten basic(const GraphBuilder& graph) { return rewritten(model(17, graph), GraphOptimizationLevel::basic); }

inline GraphBuilder with_indices(const Dims& shape) {
  return GraphBuilder()
      .input("x", DType::float32, shape)
      .initializer(tensor<std::int64_t>("0", {}, {0}))
      .initializer(tensor<std::int64_t>("1", {}, {1}))
      .initializer(tensor<std::int64_t>("2", {}, {2}))
      .initializer(tensor<std::int64_t>("axis", {1}, {0}))
      .initializer(tensor<std::int64_t>("heads", {1}, {2}))
      .initializer(tensor<std::int64_t>("left", {1}, {-1}));
}

inline NodeBuilder gather(const std::string& index, const std::string& y) { return NodeBuilder("Gather", {"s", index}, {y}); }
inline NodeBuilder concat(std::initializer_list<std::string> parts) {
  return NodeBuilder("Concat", parts, {"to"}).attribute("axis", std::int64_t{0});
}

TEST_CASE("a dimension that the model declares is a constant, whatever the others are") {
  const Rewritten result = basic(with_indices({-1, 4, 6})
                                     .node(NodeBuilder("Shape", {"x"}, {"s"}))
                                     .node(gather("2", "d"))
                                     .node(NodeBuilder("Cast", {"d"}, {"f"}).attribute("to", std::int64_t{1}))
                                     .node(NodeBuilder("Div", {"x", "f"}, {"y"}))
                                     .output("y"));
  CHECK(result.ops == Ops{"Div"});
  CHECK(result.has_fired("fold_shapes"));
  CHECK(result.error == 0);
  const Rewritten open = basic(with_indices({-1, 4, 6})
                                   .node(NodeBuilder("Shape", {"x"}, {"s"}))
                                   .node(gather("0", "d"))
                                   .node(NodeBuilder("Cast", {"d"}, {"f"}).attribute("to", std::int64_t{1}))
                                   .node(NodeBuilder("Div", {"x", "f"}, {"y"}))
                                   .output("y"));
  CHECK(open.ops.size() == 4);
  CHECK(open.error == 0);
}

TEST_CASE("dimensions are known behind operators with open ones") {
  const Rewritten result =
      basic(with_indices({-1, 4, 6})
                .initializer(tensor<float>("w", {6, 10},
                                           {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
                                            1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}))
                .node(NodeBuilder("MatMul", {"x", "w"}, {"p"}))
                .node(NodeBuilder("Transpose", {"p"}, {"t"}).attribute("perm", Dims{2, 0, 1}))
                .node(NodeBuilder("Softmax", {"t"}, {"q"}).attribute("axis", std::int64_t{0}))
                .node(NodeBuilder("Shape", {"q"}, {"s"}))
                .node(gather("0", "d"))
                .node(NodeBuilder("Cast", {"d"}, {"f"}).attribute("to", std::int64_t{1}))
                .node(NodeBuilder("Div", {"q", "f"}, {"y"}))
                .output("y"));
  CHECK(result.ops == Ops{"MatMul", "Transpose", "Softmax", "Div"});
  CHECK(result.error == 0);
}

TEST_CASE("the shape of a Reshape is a constant where 0 and -1 say what is open") {
  const Rewritten heads = basic(with_indices({-1, -1, 6})
                                    .node(NodeBuilder("Shape", {"x"}, {"s"}))
                                    .node(gather("0", "n"))
                                    .node(gather("1", "m"))
                                    .node(NodeBuilder("Unsqueeze", {"n", "axis"}, {"n1"}))
                                    .node(NodeBuilder("Unsqueeze", {"m", "axis"}, {"m1"}))
                                    .node(concat({"n1", "m1", "heads", "left"}))
                                    .node(NodeBuilder("Reshape", {"x", "to"}, {"y"}))
                                    .output("y"));
  CHECK(heads.ops == Ops{"Reshape"});
  CHECK(heads.error == 0);
  const Rewritten product = basic(with_indices({-1, -1, 6})
                                      .node(NodeBuilder("Shape", {"x"}, {"s"}))
                                      .node(gather("0", "n"))
                                      .node(gather("1", "m"))
                                      .node(NodeBuilder("Mul", {"n", "m"}, {"nm"}))
                                      .node(NodeBuilder("Unsqueeze", {"nm", "axis"}, {"n1"}))
                                      .node(concat({"n1", "heads", "left"}))
                                      .node(NodeBuilder("Reshape", {"x", "to"}, {"y"}))
                                      .output("y"));
  CHECK(product.ops.size() > 1);  // -1 stands in its place already, and n m is no dimension
  CHECK(product.error == 0);
  const Rewritten two = basic(with_indices({-1, -1, 6})
                                  .node(NodeBuilder("Shape", {"x"}, {"s"}))
                                  .node(gather("0", "n"))
                                  .node(gather("1", "m"))
                                  .node(NodeBuilder("Unsqueeze", {"n", "axis"}, {"n1"}))
                                  .node(NodeBuilder("Unsqueeze", {"m", "axis"}, {"m1"}))
                                  .node(concat({"m1", "n1", "heads", "left"}))
                                  .node(NodeBuilder("Reshape", {"x", "to"}, {"y"}))
                                  .output("y"));
  CHECK(two.ops.size() > 2);  // neither copies, and one -1 cannot stand for two
  CHECK(two.error == 0);
}

TEST_CASE("what a model declares of a value that it computes is no fact") {
  // `h` is declared to be (1, 4), but is (3, 4).
  onnx::ModelProto proto = model(17, with_indices({-1, 4})
                                         .node(NodeBuilder("Einsum", {"x"}, {"h"}).attribute("equation", std::string("ij->ij")))
                                         .node(NodeBuilder("Shape", {"h"}, {"s"}))
                                         .node(gather("0", "d"))
                                         .node(NodeBuilder("Cast", {"d"}, {"f"}).attribute("to", std::int64_t{1}))
                                         .node(NodeBuilder("Div", {"h", "f"}, {"y"}))
                                         .output("y"));
  set_type(*proto.mutable_graph()->add_value_info(), "h", DType::float32, {1, 4});
  const Rewritten result = rewritten(proto);
  CHECK(!result.has_fired("fold_shapes"));
  CHECK(result.error == 0);
}

TEST_CASE("a shape that is fed stays") {
  const hone::Session session(model(17, with_indices({-1, 6})
                                            .input("part", DType::int64, {1})
                                            .node(concat({"part", "heads"}))
                                            .node(NodeBuilder("Reshape", {"x", "to"}, {"y"}))
                                            .output("y")));
  const hone::Tensor<float> x({3, 6});
  const hone::Tensor<std::int64_t> part({1}, {7});
  CHECK(contains(error_of([&] { (void)session.run({{"x", x}, {"part", part}}); }), "cannot be reshaped to (7, 2)"));
}

}  // namespace fold_shapes_test
