#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/rewriting.hpp"

namespace fold_transpose_test {

using namespace hone_test;
using hone::DType;
using hone::GraphOptimizationLevel;
using Ops = std::vector<std::string>;

inline GraphBuilder graph() {
  return GraphBuilder()
      .input("a", DType::float32, {5, 4})
      .input("b", DType::float32, {5, 6})
      .input("c", DType::float32, {4, 6})
      .node(NodeBuilder("Transpose", {"a"}, {"at"}));
}
inline Rewritten extended(const GraphBuilder& graph) { return rewritten(model(17, graph), GraphOptimizationLevel::extended); }

TEST_CASE("the order of a matrix is an attribute of Gemm") {
  const Rewritten product = extended(graph().node(NodeBuilder("MatMul", {"at", "b"}, {"y"})).output("y"));
  CHECK(product.ops == Ops{"Gemm"});
  CHECK(product.error < 1e-6);
  const Rewritten both = extended(graph()
                                      .node(NodeBuilder("Transpose", {"c"}, {"ct"}).attribute("perm", Dims{1, 0}))
                                      .node(NodeBuilder("MatMul", {"ct", "at"}, {"y"}))
                                      .output("y"));
  CHECK(both.ops == Ops{"Gemm"});
  CHECK(both.error < 1e-6);
  const Rewritten gemm =
      extended(graph()
                   .node(NodeBuilder("Transpose", {"b"}, {"bt"}).attribute("perm", Dims{1, 0}))
                   .node(NodeBuilder("Gemm", {"at", "bt", "c"}, {"y"}).attribute("transB", std::int64_t{1}).attribute("beta", 0.5F))
                   .output("y"));
  CHECK(gemm.ops == Ops{"Gemm"});
  CHECK(gemm.error < 1e-6);
}

TEST_CASE("a Transpose that others read stays") {
  const Rewritten shown = extended(graph().node(NodeBuilder("MatMul", {"at", "b"}, {"y"})).output("y").output("at"));
  CHECK(!shown.has_fired("fold_transpose"));
  CHECK(shown.error < 1e-6);
  const Rewritten batch = extended(GraphBuilder()
                                       .input("a", DType::float32, {3, 5, 4})
                                       .input("b", DType::float32, {3, 5, 6})
                                       .node(NodeBuilder("Transpose", {"a"}, {"at"}).attribute("perm", Dims{0, 2, 1}))
                                       .node(NodeBuilder("MatMul", {"at", "b"}, {"y"}))
                                       .output("y"));
  CHECK(!batch.has_fired("fold_transpose"));
  CHECK(batch.error < 1e-6);
}

}  // namespace fold_transpose_test
