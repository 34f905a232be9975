#pragma once

#include <algorithm>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/limits.hpp>
#include <hone/graph/graph.hpp>
#include <hone/providers/provider.hpp>
#include <hone/session/constant_uses.hpp>
#include <hone/session/memory_report.hpp>
#include <hone/session/options.hpp>
#include <hone/session/report.hpp>
#include <hone/session/run_options.hpp>

namespace hone::inline HONE_ABI {

struct Plan;

/// What all runs of a session share besides its program.
struct Environment {
  /// Threads that work on one node.
  ThreadPool& pool;
  /// Threads that run nodes; null: one node at a time.
  ThreadPool* inter_op_pool = nullptr;
  Limits limits = {};
};

/// A graph whose nodes all have kernels: what a session, and each subgraph in it, runs. Immutable but for the cache of plans.
class Program {
 public:
  struct PlacedNode {
    std::unique_ptr<AnyKernel> kernel;
    std::string provider;
    /// One per subgraph of the node.
    std::vector<std::unique_ptr<Program>> subprograms;
  };

  /// Plans kept: enough for a handful of alternating batch sizes or sequence lengths.
  static constexpr std::size_t max_plans = 16;

  Graph graph;
  /// Bytes of weights that kernels have packed, without those of subgraphs.
  std::size_t packed_bytes = 0;
  /// Parallel to graph.nodes.
  std::vector<PlacedNode> placed;

  /// The plan for inputs of these shapes (inputs, defaults, then captures), these outputs and the threads of the environment, made when it
  /// is not among the last ones. Its limits must be those of all other calls.
  /// Errors: see make_plan.
  [[nodiscard]] std::shared_ptr<const Plan> plan(std::span<const TensorRef> inputs, const std::vector<bool>& wanted,
                                                 const Environment& environment) const;
  /// Drops the plans, those of subgraphs too; contexts that use one keep it.
  void forget_plans() const;
  /// Adds weights, packed copies and plans.
  void add_memory(MemoryReport& to, std::unordered_set<const void*>& counted) const;

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
};

inline bool types_known(const Graph& graph, const Node& node) {
  for (const ValueId id : node.inputs)
    if (id != no_value && !graph[id].type.is_known()) return false;
  return true;
}

/// Offers nodes to providers as the options say.
class Placer {
 public:
  Placer(std::span<const AnyProvider> providers, const SessionOptions& options, Report& report)
      : providers_(providers), options_(options), report_(report) {}

  [[nodiscard]] std::unique_ptr<Program> place(Graph graph) {
    auto program = std::make_unique<Program>();
    program->graph = std::move(graph);
    program->placed.reserve(program->graph.nodes.size());
    ConstantUses uses(program->graph);
    for (Node& node : program->graph.nodes) {
      check_cancelled(options_.stop_token);
      Program::PlacedNode& placed = program->placed.emplace_back();
      if (node.op == nullptr) {
        unplaced_.add(program->graph, node, node.problem);
        continue;
      }
      if (!types_known(program->graph, node)) continue;  // downstream of a node that is listed already
      const std::int64_t bytes_before = thread_buffer_bytes();
      place(program->graph, node, placed);
      program->packed_bytes += static_cast<std::size_t>(std::max<std::int64_t>(0, thread_buffer_bytes() - bytes_before));
      if (placed.kernel != nullptr) uses.placed(node, *placed.kernel);
      for (Subgraph& subgraph : node.subgraphs) placed.subprograms.push_back(place(std::move(*subgraph.graph)));
    }
    return program;
  }

  /// Errors: not_implemented, which lists the nodes without a kernel.
  void check() const { unplaced_.check(); }

 private:
  void place(const Graph& graph, const Node& node, Program::PlacedNode& placed) {
    NodeReport line{node.name, node.qualified_op(), node.opset, {}, {}, {}};
    for (const AnyProvider& provider : providers_) {
      Placement placement;
      try {
        placement = provider->place(NodeView(graph, node));
      } catch (const Error& error) {
        throw Error(error.code(), error.what(), node.name, node.qualified_op(), node.opset);
      }
      if (placement.kernel != nullptr) placement.refusal = refusal_of(*provider, placement);
      if (placement.kernel != nullptr && placement.refusal.empty()) {
        placed.kernel = std::move(placement.kernel);
        placed.provider = line.provider = provider->name();
        line.kernel = std::move(placement.name);
        break;
      }
      line.refusals.emplace_back(provider->name(), std::move(placement.refusal));
    }
    if (placed.kernel == nullptr) {
      std::string reasons;
      for (const auto& [name, reason] : line.refusals) reasons += text(reasons.empty() ? "" : "; ", name, ": ", reason);
      unplaced_.add(graph, node, reasons);
    }
    report_.nodes.push_back(std::move(line));
  }

  /// Why the options do not allow a kernel that the provider has; empty when they do.
  [[nodiscard]] std::string refusal_of(const Provider& provider, const Placement& placement) const {
    constexpr std::string_view cpu = "CPUExecutionProvider";
    if (options_.use_deterministic_compute && !placement.deterministic)
      return text("the kernel ", placement.name, " is not deterministic, and use_deterministic_compute is set");
    if (options_.disable_cpu_fallback && provider.name() == cpu && options_.providers[0]->name() != cpu)
      return "it would fall back to the CPU, and disable_cpu_fallback is set";
    return {};
  }

  std::span<const AnyProvider> providers_;
  const SessionOptions& options_;
  Report& report_;
  Unplaced unplaced_;
};

}  // namespace detail

/// Offers each node, those of subgraphs too, to the providers in order.
/// Errors: not_implemented; the one error lists every node that no provider runs. cancelled.
[[nodiscard]] inline std::unique_ptr<const Program> make_program(Graph graph, std::span<const AnyProvider> providers,
                                                                 const SessionOptions& options, Report& report) {
  detail::Placer placer(providers, options, report);
  std::unique_ptr<Program> program = placer.place(std::move(graph));
  placer.check();
  return program;
}

}  // namespace hone::inline HONE_ABI
