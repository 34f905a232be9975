#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/rewriting.hpp"

namespace merge_transposes_test {

using namespace hone_test;
using hone::DType;
using hone::GraphOptimizationLevel;
using Ops = std::vector<std::string>;

TEST_CASE("two transposes become one, or none") {
  const auto transposes = [](const Dims& first, const Dims& second) {
    return rewritten(model(17, GraphBuilder()
                                   .input("x", DType::float32, {2, 3, 4})
                                   .node(NodeBuilder("Transpose", {"x"}, {"a"}).attribute("perm", first))
                                   .node(NodeBuilder("Transpose", {"a"}, {"b"}).attribute("perm", second))
                                   .node(NodeBuilder("Neg", {"b"}, {"y"}))
                                   .output("y")),
                     GraphOptimizationLevel::basic);
  };
  const Rewritten merged = transposes({1, 2, 0}, {0, 2, 1});
  CHECK(merged.ops == Ops{"Transpose", "Neg"});
  CHECK(merged.error == 0);
  const Rewritten cancelled = transposes({1, 2, 0}, {2, 0, 1});
  CHECK(cancelled.ops == Ops{"Neg"});
  CHECK(cancelled.error == 0);
}

TEST_CASE("a transpose that moves but dimensions of 1 becomes a Reshape") {
  const auto transposed = [](const Dims& shape, const Dims& perm) {
    return rewritten(model(17, GraphBuilder()
                                   .input("x", DType::float32, shape)
                                   .node(NodeBuilder("Transpose", {"x"}, {"t"}).attribute("perm", perm))
                                   .node(NodeBuilder("Neg", {"t"}, {"y"}))
                                   .output("y")),
                     GraphOptimizationLevel::basic);
  };
  for (const Dims& shape : {Dims{2, 5, 6, 1}, Dims{-1, 5, 6, 1}, Dims{-1, 5, -1, 1}, Dims{-1, -1, -1, 1}}) {
    const Rewritten moved = transposed(shape, {0, 3, 1, 2});
    CHECK(moved.ops[0] == (shape[1] < 0 ? "Transpose" : "Reshape"));
    CHECK(moved.error == 0);
  }
  const Rewritten kept = transposed({2, 5, 1, 3}, {0, 3, 2, 1});
  CHECK(kept.ops == Ops{"Transpose", "Neg"});
  CHECK(kept.error == 0);
}

}  // namespace merge_transposes_test
