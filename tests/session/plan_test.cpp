#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <hone/onnx/importer.hpp>
#include <hone/onnx/model_proto.hpp>
#include <hone/providers/cpu.hpp>
#include <hone/session/placement.hpp>
#include <hone/session/plan.hpp>

#include "support/model.hpp"

namespace plan_test {

using namespace hone_test;
using hone::DType;
using hone::Node;
using hone::Plan;
using hone::PlannedValue;
using hone::ValueId;

/// A graph of `count` elementwise nodes, reshapes, concatenations and splits, each of which reads one to three earlier values.
inline onnx::ModelProto random_graph(unsigned seed, int count) {
  std::mt19937 random(seed);
  GraphBuilder graph = GraphBuilder()
                           .input("v0", DType::float32, {4, 16})
                           .initializer(tensor<std::int64_t>("rows", {2}, {-1, 16}))
                           .initializer(tensor<std::int64_t>("flat", {1}, {-1}));
  struct Made {
    bool flat;
    int rows;  ///< of 16 elements
    bool operator==(const Made&) const = default;
  };
  std::vector<Made> made = {{false, 4}};
  const auto name = [](std::size_t i) { return "v" + std::to_string(i); };
  for (int i = 0; i < count; ++i) {
    const std::size_t next = made.size();
    // Mostly recent values, so that there are both long chains and wide waves.
    const std::size_t a = next - 1 - random() % std::min<std::size_t>(next, 6);
    const std::size_t b = random() % next;
    const std::size_t c = random() % next;
    const unsigned kind = random() % 8;
    if (kind == 0) {
      graph = std::move(graph).node(NodeBuilder("Reshape", {name(a), made[a].flat ? "rows" : "flat"}, {name(next)}));
      made.push_back({!made[a].flat, made[a].rows});
    } else if (kind <= 2 && made[a] == made[b]) {
      graph = std::move(graph).node(NodeBuilder("Add", {name(a), name(b)}, {name(next)}));
      made.push_back(made[a]);
    } else if (kind <= 4 && made[a].flat == made[b].flat && made[b].flat == made[c].flat && made[a].rows + made[b].rows <= 16) {
      const bool three = kind == 4 && made[c].rows <= 4;
      std::vector<std::string> parts = {name(a), name(b)};
      if (three) parts.push_back(name(c));
      graph = std::move(graph).node(NodeBuilder("Concat", parts, {name(next)}).attribute("axis", std::int64_t{0}));
      made.push_back({made[a].flat, made[a].rows + made[b].rows + (three ? made[c].rows : 0)});
    } else if (kind == 5 && made[a].rows % 2 == 0) {
      graph = std::move(graph).node(NodeBuilder("Split", {name(a)}, {name(next), name(next + 1)}));
      made.insert(made.end(), 2, {made[a].flat, made[a].rows / 2});
    } else {
      graph = std::move(graph).node(NodeBuilder("Exp", {name(a)}, {name(next)}));
      made.push_back(made[a]);
    }
  }
  return model(17, std::move(graph).output(name(made.size() - 1)));
}

struct Prepared {
  std::unique_ptr<const hone::Program> program;
  std::shared_ptr<const Plan> plan;
};

inline Prepared prepare(const onnx::ModelProto& proto, hone::ThreadPool* inter_op_pool) {
  const hone::SessionOptions options;
  hone::OpRegistry registry;
  for (const auto* op : options.providers[0]->operators()) registry.add(op);
  hone::Report report;
  Prepared result;
  hone::ImportedModel imported = hone::import_model(hone::copy_model(proto), {}, registry);
  result.program = hone::make_program(std::move(imported.graph), options.providers, options, report);
  const hone::Environment environment{hone::ThreadPool::shared(1), inter_op_pool, {}};
  const hone::TensorRef x{nullptr, DType::float32, {4, 16}};
  result.plan = hone::make_plan(*result.program, std::span(&x, 1), {true}, environment);
  return result;
}

/// Follows what stands in the arena: every step must find its inputs there, whatever the order in which the steps of a wave run. Returns
/// how many inputs of Concats and outputs of Splits stand where they need no copy.
inline std::size_t check_plan(const Prepared& prepared) {
  const Plan& plan = *prepared.plan;
  const auto& nodes = prepared.program->graph.nodes;
  const auto in_arena = [&](ValueId id) { return id != hone::no_value && plan.values[index(id)].place == PlannedValue::Place::arena; };
  using Elements = std::vector<std::size_t>;  // each has a number of its own; copies have the same one
  std::size_t numbers = 0;
  std::map<ValueId, Elements> elements;
  const auto elements_of = [&](ValueId id) -> const Elements& {
    Elements& result = elements[id];
    while (result.size() < static_cast<std::size_t>(plan.values[index(id)].ref.elements())) result.push_back(++numbers);
    return result;
  };
  Elements arena(plan.arenas[0] / sizeof(float), 0);
  const auto at = [&](ValueId id) { return arena.begin() + static_cast<std::ptrdiff_t>(plan.values[index(id)].offset / sizeof(float)); };
  const auto is_there = [&](ValueId id) { return std::equal(elements_of(id).begin(), elements_of(id).end(), at(id)); };
  std::vector<hone::Wave> waves = plan.waves;
  if (waves.empty())
    for (std::size_t s = 0; s < plan.steps.size(); ++s) waves.push_back({s, s + 1, s + 1});
  std::size_t steps = 0;
  std::size_t in_place = 0;
  for (const hone::Wave& wave : waves) {
    REQUIRE(wave.first == steps);
    for (std::size_t s = wave.first; s < wave.end; ++s) {
      const Node& node = nodes[plan.steps[s].node];
      for (const ValueId id : node.inputs) {
        if (in_arena(id)) REQUIRE(is_there(id));
      }
      // What the outputs hold.
      const hone::OpTraits& traits = node.op->traits();
      if (traits.alias) elements[node.outputs[0]] = elements_of(node.inputs[0]);
      Elements joined;
      for (const ValueId id : node.inputs)
        if (traits.joins) joined.insert(joined.end(), elements_of(id).begin(), elements_of(id).end());
      if (traits.joins) elements[node.outputs[0]] = joined;
      if (traits.splits) {
        auto from = elements_of(node.inputs[0]).begin();
        for (const ValueId id : node.outputs) {
          const auto size = static_cast<std::ptrdiff_t>(plan.values[index(id)].ref.elements());
          elements[id] = Elements(from, from + size);
          from += size;
        }
      }
    }
    for (std::size_t s = wave.first; s < wave.end; ++s, ++steps) {
      const Node& node = nodes[plan.steps[s].node];
      const Elements before = arena;
      for (const ValueId made : node.outputs) {
        if (!in_arena(made)) continue;
        REQUIRE(plan.values[index(made)].offset + plan.values[index(made)].ref.bytes() <= plan.arenas[0]);
        if (node.op->traits().splits && is_there(made)) ++in_place;
        std::copy(elements_of(made).begin(), elements_of(made).end(), at(made));
      }
      if (node.op->traits().joins && in_arena(node.outputs[0])) {
        std::size_t offset = plan.values[index(node.outputs[0])].offset;
        for (const ValueId id : node.inputs) {
          if (in_arena(id) && plan.values[index(id)].offset == offset) ++in_place;
          offset += plan.values[index(id)].ref.bytes();
        }
      }
      // Steps beside it may still read their inputs, and may have made their outputs.
      const auto is_as_before = [&](ValueId id) {
        const auto first = at(id) - arena.begin();
        return std::equal(at(id), at(id) + plan.values[index(id)].ref.elements(), before.begin() + first);
      };
      for (std::size_t other = wave.first; other < wave.end; ++other) {
        if (other == s) continue;
        for (const ValueId id : nodes[plan.steps[other].node].inputs)
          if (in_arena(id)) REQUIRE(is_as_before(id));
        for (const ValueId id : nodes[plan.steps[other].node].outputs)
          if (in_arena(id)) REQUIRE(is_as_before(id));
      }
    }
  }
  CHECK(steps == plan.steps.size());
  return in_place;
}

TEST_CASE("sequential and parallel plans never let a step overwrite what another still needs") {
  hone::ThreadPool& two = hone::ThreadPool::shared(2);
  std::size_t widest = 0;
  std::size_t in_place = 0;
  for (unsigned seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    const auto proto = random_graph(seed, 40);
    const Prepared sequential = prepare(proto, nullptr);
    CHECK(sequential.plan->waves.empty());
    in_place += check_plan(sequential);
    const Prepared parallel = prepare(proto, &two);
    CHECK(parallel.plan->steps.size() == sequential.plan->steps.size());
    in_place += check_plan(parallel);
    for (const hone::Wave& wave : parallel.plan->waves) widest = std::max(widest, wave.end - wave.first);
  }
  CHECK(widest >= 3);
  CHECK(in_place >= 100);
}

}  // namespace plan_test
