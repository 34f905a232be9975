#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/rewriting.hpp"

namespace merge_reshapes_test {

using namespace hone_test;
using hone::DType;
using hone::GraphOptimizationLevel;
using Ops = std::vector<std::string>;

inline GraphBuilder graph(const Dims& shape) {
  return GraphBuilder()
      .input("x", DType::float32, shape)
      .initializer(tensor<std::int64_t>("axis", {1}, {1}))
      .initializer(tensor<std::int64_t>("flat", {1}, {-1}))
      .initializer(tensor<std::int64_t>("pairs", {2}, {0, 12}))
      .initializer(tensor<std::int64_t>("fours", {3}, {0, 3, 4}))
      .node(NodeBuilder("Neg", {"x"}, {"n"}));
}

inline Rewritten through(const Dims& shape, const NodeBuilder& first, const NodeBuilder& second, bool shown = false) {
  GraphBuilder both = graph(shape).node(first).node(second).node(NodeBuilder("Exp", {"b"}, {"y"})).output("y");
  if (shown) both = std::move(both).output("a");
  return rewritten(model(17, both), GraphOptimizationLevel::basic);
}

TEST_CASE("one Reshape follows another") {
  for (const Dims& shape : {Dims{-1, 3, 4}, Dims{2, 3, 4}}) {
    const Rewritten cancelled =
        through(shape, NodeBuilder("Unsqueeze", {"n", "axis"}, {"a"}), NodeBuilder("Squeeze", {"a", "axis"}, {"b"}));
    CHECK(cancelled.ops == Ops{"Neg", "Exp"});
    CHECK(cancelled.error == 0);
    const Rewritten back = through(shape, NodeBuilder("Reshape", {"n", "pairs"}, {"a"}), NodeBuilder("Reshape", {"a", "fours"}, {"b"}));
    CHECK(back.ops == Ops{"Neg", "Exp"});
    CHECK(back.error == 0);
    const Rewritten merged = through(shape, NodeBuilder("Unsqueeze", {"n", "axis"}, {"a"}), NodeBuilder("Reshape", {"a", "pairs"}, {"b"}));
    CHECK(merged.ops == Ops{"Neg", "Reshape", "Exp"});
    CHECK(merged.has_fired("merge_reshapes"));
    CHECK(merged.error == 0);
  }
}

TEST_CASE("the first one stays where somebody else reads it") {
  const Rewritten shown = through({-1, 3, 4}, NodeBuilder("Reshape", {"n", "pairs"}, {"a"}),
                                  NodeBuilder("Flatten", {"a"}, {"b"}).attribute("axis", std::int64_t{0}), true);
  CHECK(shown.ops.size() == 4);
  CHECK(shown.error == 0);
}

TEST_CASE("dimensions that neither 0 nor -1 says keep both") {
  const Rewritten open = through({-1, -1, 4}, NodeBuilder("Unsqueeze", {"n", "axis"}, {"a"}), NodeBuilder("Flatten", {"a"}, {"b"}));
  CHECK(open.error == 0);
  CHECK(!open.has_fired("merge_reshapes"));
}

}  // namespace merge_reshapes_test
