#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/graph/graph.hpp>
#include <hone/providers/provider.hpp>
#include <hone/session/report.hpp>

namespace hone::inline HONE_ABI {

struct Plan;

/// A graph whose nodes all have kernels: what a session, and each subgraph in it, runs. Immutable but for the cache of plans.
class Program {
 public:
  struct PlacedNode {
    std::unique_ptr<AnyKernel> kernel;
    /// One per subgraph of the node.
    std::vector<std::unique_ptr<Program>> subprograms;
  };

  /// Plans kept: enough for a handful of alternating batch sizes or sequence lengths.
  static constexpr std::size_t max_plans = 16;

  Graph graph;
  /// Parallel to graph.nodes.
  std::vector<PlacedNode> placed;

  /// The plan for inputs of these shapes (inputs, defaults, then captures) and these outputs, made when it is not among the last ones.
  /// Errors: see make_plan.
  [[nodiscard]] std::shared_ptr<const Plan> plan(std::span<const TensorRef> inputs, const std::vector<bool>& wanted,
                                                 ThreadPool& pool) const;

  /// inputs, defaults, captures.
  [[nodiscard]] std::vector<ValueId> run_inputs() const {
    std::vector<ValueId> ids = graph.inputs;
    for (const auto& [id, constant] : graph.defaults) ids.push_back(id);
    for (const Capture& capture : graph.captures) ids.push_back(capture.inner);
    return ids;
  }

 private:
  mutable std::mutex mutex_;
  mutable std::list<std::shared_ptr<const Plan>> plans_;  // most recently used first
};

namespace detail {

/// The nodes that no provider runs, and why.
class Unplaced {
 public:
  void add(const Graph& graph, const Node& node, const std::string& reasons) {
    std::string types;
    for (const ValueId id : node.inputs) {
      types += types.empty() ? "" : ", ";
      types += id == no_value ? std::string("-") : text(graph[id].type, declared_shape(graph[id]));
    }
    lines_.push_back(text("  node '", node.name, "': ", node.qualified_op(), " (opset ", node.opset, ") on (", types, "): ", reasons));
    if (lines_.size() == 1) {
      node_ = node.name;
      op_ = node.op_type;
    }
  }
  /// Errors: not_implemented, which lists all nodes added.
  void check() const {
    if (lines_.empty()) return;
    throw Error(ErrorCode::not_implemented,
                text(lines_.size(), lines_.size() == 1 ? " node" : " nodes", " cannot run:\n", join(lines_, "\n")));
  }

 private:
  static std::string declared_shape(const GraphValue& value) {
    if (!value.shape) return {};
    return text(" (", join(*value.shape, ", "), ")");
  }
  std::vector<std::string> lines_;
  std::string node_;
  std::string op_;
};

inline bool types_known(const Graph& graph, const Node& node) {
  for (const ValueId id : node.inputs)
    if (id != no_value && !graph[id].type.is_known()) return false;
  return true;
}

inline std::unique_ptr<Program> place(Graph graph, std::span<const AnyProvider> providers, Report& report, Unplaced& unplaced) {
  auto program = std::make_unique<Program>();
  program->graph = std::move(graph);
  Graph& placed_graph = program->graph;
  for (Node& node : placed_graph.nodes) {
    Program::PlacedNode& placed = program->placed.emplace_back();
    NodeReport line{node.name, node.qualified_op(), node.opset, {}, {}, {}};
    if (node.op == nullptr) {
      unplaced.add(placed_graph, node, node.problem);
      continue;
    }
    if (!types_known(placed_graph, node)) continue;  // downstream of a node that is listed already
    for (const AnyProvider& provider : providers) {
      Placement placement;
      try {
        placement = provider->place(NodeView(placed_graph, node));
      } catch (const Error& error) {
        throw Error(error.code(), error.what(), node.name, node.qualified_op(), node.opset);
      }
      if (placement.kernel != nullptr) {
        placed.kernel = std::move(placement.kernel);
        line.provider = provider->name();
        line.kernel = std::move(placement.name);
        break;
      }
      line.refusals.emplace_back(provider->name(), std::move(placement.refusal));
    }
    if (placed.kernel == nullptr) {
      std::string reasons;
      for (const auto& [name, reason] : line.refusals) reasons += text(reasons.empty() ? "" : "; ", name, ": ", reason);
      unplaced.add(placed_graph, node, reasons);
    }
    report.nodes.push_back(std::move(line));
    for (Subgraph& subgraph : node.subgraphs) {
      placed.subprograms.push_back(place(std::move(*subgraph.graph), providers, report, unplaced));
    }
  }
  return program;
}

}  // namespace detail

/// Offers each node, those of subgraphs too, to the providers in order.
/// Errors: not_implemented; the one error lists every node that no provider runs.
[[nodiscard]] inline std::unique_ptr<const Program> make_program(Graph graph, std::span<const AnyProvider> providers, Report& report) {
  detail::Unplaced unplaced;
  std::unique_ptr<Program> program = detail::place(std::move(graph), providers, report, unplaced);
  unplaced.check();
  return program;
}

}  // namespace hone::inline HONE_ABI
