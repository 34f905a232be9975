#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/rewriting.hpp"

namespace eliminate_common_subexpressions_test {

using namespace hone_test;
using hone::DType;
using hone::GraphOptimizationLevel;
using Ops = std::vector<std::string>;

TEST_CASE("what is computed twice is computed once, and only that") {
  const auto twice = [](const std::string& op, float first, float second) {
    return rewritten(model(17, GraphBuilder()
                                   .input("x", DType::float32, {2, 3})
                                   .node(NodeBuilder(op, {"x"}, {"a"}).attribute("alpha", first))
                                   .node(NodeBuilder(op, {"x"}, {"b"}).attribute("alpha", second))
                                   .node(NodeBuilder("Mul", {"a", "b"}, {"y"}))
                                   .output("y")),
                     GraphOptimizationLevel::basic);
  };
  const Rewritten same = twice("LeakyRelu", 0.25f, 0.25f);
  CHECK(same.ops == Ops{"LeakyRelu", "Mul"});
  CHECK(same.error == 0);
  const Rewritten differing = twice("LeakyRelu", 0.25f, 0.5f);
  CHECK(differing.ops.size() == 3);
  CHECK(differing.error == 0);
  const Rewritten outputs = rewritten(model(17, GraphBuilder()
                                                    .input("x", DType::float32, {2, 3})
                                                    .node(NodeBuilder("Neg", {"x"}, {"a"}))
                                                    .node(NodeBuilder("Neg", {"x"}, {"b"}))
                                                    .output("a")
                                                    .output("b")),
                                      GraphOptimizationLevel::basic);
  CHECK(outputs.ops == Ops{"Neg"});
  CHECK(outputs.error == 0);
}

}  // namespace eliminate_common_subexpressions_test
