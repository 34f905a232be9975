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

/// A graph of `count` elementwise nodes and reshapes, each of which reads one or two earlier values.
inline onnx::ModelProto random_graph(unsigned seed, int count) {
  std::mt19937 random(seed);
  GraphBuilder graph = GraphBuilder()
                           .input("v0", DType::float32, {4, 16})
                           .initializer(tensor<std::int64_t>("rows", {2}, {4, 16}))
                           .initializer(tensor<std::int64_t>("flat", {1}, {-1}));
  std::vector<bool> flat = {false};
  const auto name = [](std::size_t i) { return "v" + std::to_string(i); };
  for (int i = 0; i < count; ++i) {
    const std::size_t made = flat.size();
    // Mostly recent values, so that there are both long chains and wide waves.
    const std::size_t a = made - 1 - random() % std::min<std::size_t>(made, 6);
    const std::size_t b = random() % made;
    const unsigned kind = random() % 5;
    if (kind == 0) {
      graph = std::move(graph).node(NodeBuilder("Reshape", {name(a), flat[a] ? "rows" : "flat"}, {name(made)}));
      flat.push_back(!flat[a]);
    } else if (kind <= 2 && flat[a] == flat[b]) {
      graph = std::move(graph).node(NodeBuilder("Add", {name(a), name(b)}, {name(made)}));
      flat.push_back(flat[a]);
    } else {
      graph = std::move(graph).node(NodeBuilder("Exp", {name(a)}, {name(made)}));
      flat.push_back(flat[a]);
    }
  }
  return model(17, std::move(graph).output(name(flat.size() - 1)));
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

/// A piece of the arena.
struct Range {
  std::size_t begin = 0;
  std::size_t end = 0;
  [[nodiscard]] bool overlaps(const Range& other) const { return begin < other.end && other.begin < end; }
};

/// Follows what stands in the arena: every step must find its inputs there, whatever the order in which the steps of a wave run.
inline void check_plan(const Prepared& prepared) {
  const Plan& plan = *prepared.plan;
  const auto& nodes = prepared.program->graph.nodes;
  const auto in_arena = [&](ValueId id) { return id != hone::no_value && plan.values[index(id)].place == PlannedValue::Place::arena; };
  const auto range = [&](ValueId id) {
    const PlannedValue& value = plan.values[index(id)];
    return Range{value.offset, value.offset + value.ref.bytes()};
  };
  // A reshaped value is the value that it was made of.
  std::map<ValueId, ValueId> original;
  const auto contents = [&](ValueId id) { return original.contains(id) ? original.at(id) : id; };
  const auto reshapes = [&](const Node& node) {
    return node.op->traits().alias && in_arena(node.inputs[0]) && in_arena(node.outputs[0]) &&
           range(node.inputs[0]).begin == range(node.outputs[0]).begin;
  };
  std::vector<hone::Wave> waves = plan.waves;
  if (waves.empty())
    for (std::size_t s = 0; s < plan.steps.size(); ++s) waves.push_back({s, s + 1, s + 1});
  std::map<std::size_t, ValueId> arena;  // offset -> what was written there last
  std::size_t steps = 0;
  for (const hone::Wave& wave : waves) {
    REQUIRE(wave.first == steps);
    for (std::size_t s = wave.first; s < wave.end; ++s) {
      const Node& node = nodes[plan.steps[s].node];
      for (const ValueId id : node.inputs)
        if (in_arena(id)) REQUIRE((arena.contains(range(id).begin) && arena[range(id).begin] == contents(id)));
      for (std::size_t other = wave.first; other < wave.end; ++other) {
        if (other == s) continue;
        const Node& beside = nodes[plan.steps[other].node];
        for (const ValueId made : node.outputs) {
          if (!in_arena(made) || reshapes(node)) continue;
          for (const ValueId read : beside.inputs)
            if (in_arena(read)) REQUIRE_FALSE(range(made).overlaps(range(read)));
          for (const ValueId written : beside.outputs)
            if (in_arena(written)) REQUIRE_FALSE(range(made).overlaps(range(written)));
        }
      }
    }
    for (std::size_t s = wave.first; s < wave.end; ++s, ++steps) {
      const Node& node = nodes[plan.steps[s].node];
      if (reshapes(node)) {
        original[node.outputs[0]] = contents(node.inputs[0]);
        continue;
      }
      for (const ValueId made : node.outputs) {
        if (!in_arena(made)) continue;
        REQUIRE(range(made).end <= plan.arenas[0]);
        std::erase_if(arena, [&](const auto& entry) { return range(made).overlaps(range(entry.second)); });
        arena[range(made).begin] = made;
      }
    }
  }
  CHECK(steps == plan.steps.size());
}

TEST_CASE("sequential and parallel plans never let a step overwrite what another still needs") {
  hone::ThreadPool& two = hone::ThreadPool::shared(2);
  std::size_t widest = 0;
  for (unsigned seed = 0; seed < 60; ++seed) {
    CAPTURE(seed);
    const auto proto = random_graph(seed, 40);
    const Prepared sequential = prepare(proto, nullptr);
    CHECK(sequential.plan->waves.empty());
    check_plan(sequential);
    const Prepared parallel = prepare(proto, &two);
    CHECK(parallel.plan->steps.size() == sequential.plan->steps.size());
    check_plan(parallel);
    for (const hone::Wave& wave : parallel.plan->waves) widest = std::max(widest, wave.end - wave.first);
  }
  CHECK(widest >= 3);
}

}  // namespace plan_test
