#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/rewriting.hpp"

namespace merge_into_split_test {

using namespace hone_test;
using hone::DType;
using hone::GraphOptimizationLevel;
using Ops = std::vector<std::string>;

inline GraphBuilder graph(const Dims& shape) {
  GraphBuilder result = GraphBuilder().input("x", DType::float32, shape);
  for (const std::int64_t i : {-1, 0, 1, 2, 3, 5}) {
    result = std::move(result)
                 .initializer(tensor<std::int64_t>("at" + std::to_string(i), {}, {i}))
                 .initializer(tensor<std::int64_t>(std::to_string(i), {1}, {i}));
  }
  return result;
}
inline NodeBuilder gather(const std::string& index, const std::string& y, std::int64_t axis = 1) {
  return NodeBuilder("Gather", {"x", index}, {y}).attribute("axis", axis);
}
inline NodeBuilder slice(const std::string& from, const std::string& to, const std::string& y) {
  return NodeBuilder("Slice", {"x", from, to, "1"}, {y});
}
inline GraphBuilder add_three(GraphBuilder graph) {
  return std::move(graph).node(NodeBuilder("Mul", {"a", "b"}, {"ab"})).node(NodeBuilder("Sub", {"ab", "c"}, {"y"})).output("y");
}
inline Rewritten basic(const GraphBuilder& graph) { return rewritten(model(17, graph), GraphOptimizationLevel::basic); }

TEST_CASE("unbind becomes a Split") {
  const Rewritten result =
      basic(add_three(graph({-1, 3, 4}).node(gather("at0", "a")).node(gather("at2", "b")).node(gather("at1", "c", -2))));
  CHECK(result.ops == Ops{"Split", "Squeeze", "Squeeze", "Squeeze", "Mul", "Sub"});
  CHECK(result.has_fired("merge_into_split"));
  CHECK(result.error == 0);
  const Rewritten negative =
      basic(add_three(graph({2, 3}).node(gather("at0", "a")).node(gather("at-1", "b")).node(gather("1", "c"))).output("b"));
  CHECK(negative.has_fired("merge_into_split"));
  CHECK(negative.error == 0);
}

TEST_CASE("chunk becomes a Split") {
  const Rewritten result = basic(add_three(graph({-1, 6, 4})
                                               .node(slice("0", "2", "a"))
                                               .node(slice("2", "3", "c"))
                                               .node(NodeBuilder("Slice", {"x", "3", "5", "1"}, {"d"}))
                                               .node(NodeBuilder("Slice", {"x", "5", "at_end", "1"}, {"e"}))
                                               .initializer(tensor<std::int64_t>("at_end", {1}, {INT64_MAX}))
                                               .node(NodeBuilder("ReduceSum", {"a", "1"}, {"as"}))
                                               .node(NodeBuilder("ReduceSum", {"d", "1"}, {"ds"}))
                                               .node(NodeBuilder("Add", {"as", "ds"}, {"b0"}))
                                               .node(NodeBuilder("Add", {"b0", "e"}, {"b"})))
                                     .output("e"));
  CHECK(result.ops[0] == "Split");
  CHECK(std::count(result.ops.begin(), result.ops.end(), "Slice") == 0);
  CHECK(result.error == 0);
}

TEST_CASE("pieces that do not tile an axis of known size stay") {
  for (const Dims& shape : {Dims{-1, 4, 4}, Dims{-1, -1, 4}}) {
    const Rewritten part = basic(add_three(graph(shape).node(gather("at0", "a")).node(gather("at2", "b")).node(gather("at1", "c"))));
    CHECK(!part.has_fired("merge_into_split"));
    CHECK(part.error == 0);
  }
  const Rewritten overlapping =
      basic(graph({2, 5, 4}).node(slice("0", "3", "a")).node(slice("2", "5", "b")).node(NodeBuilder("Add", {"a", "b"}, {"y"})).output("y"));
  CHECK(!overlapping.has_fired("merge_into_split"));
  const Rewritten axes = basic(
      graph({2, 2, 4}).node(gather("at0", "a", 0)).node(gather("at1", "b", 1)).node(NodeBuilder("Add", {"a", "b"}, {"y"})).output("y"));
  CHECK(!axes.has_fired("merge_into_split"));
}

}  // namespace merge_into_split_test
