#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/rewriting.hpp"

namespace merge_slices_test {

using namespace hone_test;
using hone::DType;
using hone::GraphOptimizationLevel;
using Ops = std::vector<std::string>;

/// One of the tensors that a Concat joins: every step-th element from a start on, per axis.
struct Sample {
  Dims starts;
  Dims steps = {2, 2};
  std::int64_t end = INT64_MAX;
};

/// Concat of samples of x along `axis`; with `apart`, one Slice for each axis.
inline GraphBuilder graph(const Dims& shape, const Dims& axes, const std::vector<Sample>& samples, std::int64_t axis, bool apart = false) {
  GraphBuilder result = GraphBuilder().input("x", DType::float32, shape);
  std::vector<std::string> parts;
  const auto list = [&](const std::string& name, const Dims& numbers) {
    result.initializer(tensor<std::int64_t>(name, {static_cast<std::int64_t>(numbers.size())}, numbers));
    return name;
  };
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const std::string part = "part" + std::to_string(i);
    const auto slice = [&](const std::string& from, const std::string& to, const Dims& on, const Dims& starts, const Dims& steps) {
      result.node(NodeBuilder("Slice",
                              {from, list(to + "/starts", starts), list(to + "/ends", Dims(on.size(), samples[i].end)),
                               list(to + "/axes", on), list(to + "/steps", steps)},
                              {to}));
    };
    const Sample& sample = samples[i];
    if (apart) {
      slice("x", part + "/rows", {axes[0]}, {sample.starts[0]}, {sample.steps[0]});
      slice(part + "/rows", part, {axes[1]}, {sample.starts[1]}, {sample.steps[1]});
    } else {
      slice("x", part, axes, sample.starts, sample.steps);
    }
    parts.push_back(part);
  }
  result.node(NodeBuilder("Concat", parts, {"y"}).attribute("axis", axis));
  return result.output("y");
}
inline Rewritten basic(const GraphBuilder& graph) { return rewritten(model(17, graph), GraphOptimizationLevel::basic); }

const std::vector<Sample> row_major = {{{0, 0}}, {{0, 1}}, {{1, 0}}, {{1, 1}}};
const std::vector<Sample> column_major = {{{0, 0}}, {{1, 0}}, {{0, 1}}, {{1, 1}}};

TEST_CASE("samples of all phases become one Transpose") {
  const GraphBuilder graphs[] = {
      graph({-1, 3, 8, 6}, {2, 3}, row_major, 1),
      graph({2, 3, 8, 6}, {2, 3}, column_major, 1, true),
      graph({2, 8, 6, 3}, {1, 2}, column_major, -1, true),
      graph({-1, 3, 8, 6}, {-1, -2}, row_major, 0),
      graph({2, 9, 8}, {1, 2}, {{{0, 0}, {3, 1}}, {{1, 0}, {3, 1}}, {{2, 0}, {3, 1}}}, 0),
      graph({4, 6, 5}, {0, 1}, {{{0, 0}, {2, 3}}, {{0, 1}, {2, 3}}, {{0, 2}, {2, 3}}, {{1, 0}, {2, 3}}, {{1, 1}, {2, 3}}, {{1, 2}, {2, 3}}},
            2),
  };
  for (const GraphBuilder& each : graphs) {
    const Rewritten result = basic(each);
    CHECK(result.has_fired("merge_slices"));
    CHECK(result.ops == Ops{"Reshape", "Transpose", "Reshape"});
    CHECK(result.error == 0);
  }
}

TEST_CASE("what is not all of the elements, once each and in order, stays") {
  const Sample cut{{0, 0}, {2, 2}, 6};
  const GraphBuilder graphs[] = {
      graph({2, 3, 8, 6}, {2, 3}, {{{0, 0}}, {{1, 0}}, {{0, 1}}}, 1),
      graph({2, 3, 8, 6}, {2, 3}, {{{0, 0}}, {{1, 0}}, {{1, 1}}, {{0, 1}}}, 1),
      graph({2, 3, 8, 6}, {2, 3}, {{{0, 0}}, {{0, 0}}, {{0, 1}}, {{1, 1}}}, 1),
      graph({2, 3, 8, 6}, {2, 3}, row_major, 2),                                 // along a sampled axis
      graph({2, 3, 8, 8}, {2, 3}, {cut, cut, cut, cut}, 1),                      // not to the end
      graph({2, 3, 9, 9}, {2, 3}, {{{0, 0}}, {{0, 0}}, {{0, 0}}, {{0, 0}}}, 1),  // sizes that the steps do not divide
      graph({2, 3, 8, 6}, {2, 3}, {{{0, 0}, {4, 2}}, {{1, 0}, {4, 2}}, {{0, 1}, {4, 2}}, {{1, 1}, {4, 2}}}, 1),
  };
  for (const GraphBuilder& each : graphs) {
    const Rewritten result = basic(each);
    CHECK(!result.has_fired("merge_slices"));
    CHECK(result.error == 0);
  }
  GraphBuilder shown = graph({2, 3, 8, 6}, {2, 3}, row_major, 1);
  CHECK(!basic(shown.output("part1")).has_fired("merge_slices"));
  // Sizes that are known only while running may be odd.
  const Rewritten open = basic(graph({2, 3, -1, 6}, {3, 2}, {{{0, 0}, {2, 1}}, {{1, 0}, {2, 1}}}, 1));
  CHECK(open.has_fired("merge_slices"));
  CHECK(open.error == 0);
}

}  // namespace merge_slices_test
