#include <cmath>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/rewriting.hpp"

namespace fold_pad_test {

using namespace hone_test;
using hone::DType;
using hone::GraphOptimizationLevel;
using Ops = std::vector<std::string>;

inline GraphBuilder graph(std::initializer_list<std::int64_t> pads = {0, 0, 1, 0, 0, 0, 2, 1}) {
  return GraphBuilder()
      .input("x", DType::float32, {-1, 2, 5, 6})
      .initializer(tensor<std::int64_t>("pads", {8}, pads))
      .initializer(tensor<std::int64_t>("spatial", {2}, {2, -1}))
      .initializer(tensor<std::int64_t>("four", {4}, {1, 2, 0, 1}))
      .initializer(tensor<float>("zero", {}, {0}))
      .initializer(tensor<float>("one", {}, {1}))
      .initializer(tensor<float>("lowest", {}, {-INFINITY}))
      .initializer(tensor<float>("w", {2, 2, 2, 2}, {1, 2, 3, 4, 5, -6, 7, 8, 9, 1, 2, -3, 4, 5, 6, 7}));
}
inline NodeBuilder conv() { return NodeBuilder("Conv", {"p", "w"}, {"y"}); }
inline NodeBuilder pool(const std::string& op) {
  return NodeBuilder(op, {"p"}, {"y"}).attribute("kernel_shape", Dims{3, 2}).attribute("strides", Dims{2, 1});
}
inline Rewritten basic(const GraphBuilder& graph) { return rewritten(model(18, graph), GraphOptimizationLevel::basic); }
inline Rewritten padded(const NodeBuilder& pad, const NodeBuilder& user) { return basic(graph().node(pad).node(user).output("y")); }

inline void check_folded(const Rewritten& result, const std::string& op) {
  CHECK(result.ops == Ops{op});
  CHECK(result.has_fired("fold_pad"));
  CHECK(result.error < 1e-6);
}
inline void check_kept(const Rewritten& result) {
  CHECK(!result.has_fired("fold_pad"));
  CHECK(result.error < 1e-6);
}

TEST_CASE("zeros around the input of a Conv become its pads") {
  check_folded(padded(NodeBuilder("Pad", {"x", "pads"}, {"p"}), conv()), "Conv");
  check_folded(padded(NodeBuilder("Pad", {"x", "pads", "zero"}, {"p"}), conv().attribute("pads", Dims{1, 1, 0, 0})), "Conv");
  check_folded(padded(NodeBuilder("Pad", {"x", "four", "", "spatial"}, {"p"}), conv()), "Conv");
  check_folded(padded(NodeBuilder("Pad", {"x", "pads"}, {"p"}), conv().attribute("auto_pad", std::string("VALID"))), "Conv");
}

TEST_CASE("other paddings of a Conv stay") {
  check_kept(padded(NodeBuilder("Pad", {"x", "pads", "one"}, {"p"}), conv()));
  check_kept(padded(NodeBuilder("Pad", {"x", "pads"}, {"p"}).attribute("mode", std::string("edge")), conv()));
  check_kept(padded(NodeBuilder("Pad", {"x", "pads"}, {"p"}), conv().attribute("auto_pad", std::string("SAME_UPPER"))));
  check_kept(basic(graph({0, 0, -1, 0, 0, 0, 1, 1}).node(NodeBuilder("Pad", {"x", "pads"}, {"p"})).node(conv()).output("y")));
  check_kept(basic(graph({1, 0, 0, 0, 0, 0, 1, 1}).node(NodeBuilder("Pad", {"x", "pads"}, {"p"})).node(conv()).output("y")));
  check_kept(basic(graph().node(NodeBuilder("Pad", {"x", "pads"}, {"p"})).node(conv()).output("y").output("p")));
}

TEST_CASE("pools take padding that they would make themselves") {
  check_folded(padded(NodeBuilder("Pad", {"x", "pads", "lowest"}, {"p"}), pool("MaxPool").attribute("kernel_shape", Dims{3, 2})),
               "MaxPool");
  check_folded(padded(NodeBuilder("Pad", {"x", "pads"}, {"p"}), pool("AveragePool")), "AveragePool");
  check_folded(padded(NodeBuilder("Pad", {"x", "pads"}, {"p"}), pool("AveragePool").attribute("count_include_pad", std::int64_t{1})),
               "AveragePool");
  check_kept(padded(NodeBuilder("Pad", {"x", "pads", "zero"}, {"p"}), pool("MaxPool")));
  check_kept(padded(NodeBuilder("Pad", {"x", "pads"}, {"p"}), pool("AveragePool").attribute("ceil_mode", std::int64_t{1})));
  check_kept(padded(NodeBuilder("Pad", {"x", "pads"}, {"p"}), pool("AveragePool").attribute("pads", Dims{0, 1, 0, 0})));
  // Windows of one row lie in the padding alone.
  const Rewritten outside = padded(NodeBuilder("Pad", {"x", "pads", "lowest"}, {"p"}),
                                   NodeBuilder("MaxPool", {"p"}, {"y"}).attribute("kernel_shape", Dims{1, 2}));
  CHECK(!outside.has_fired("fold_pad"));
}

}  // namespace fold_pad_test
