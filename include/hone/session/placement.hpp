#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/providers/provider.hpp>
#include <hone/session/constant_uses.hpp>
#include <hone/session/device_copies.hpp>
#include <hone/session/options.hpp>
#include <hone/session/program.hpp>
#include <hone/session/report.hpp>
#include <hone/session/run_options.hpp>

namespace hone::inline HONE_ABI {

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
  [[nodiscard]] bool empty() const noexcept { return lines_.empty(); }
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

  [[nodiscard]] std::unique_ptr<Program> place(Graph graph, bool is_subgraph = false) {
    auto program = std::make_unique<Program>();
    program->graph = std::move(graph);
    program->placed.reserve(program->graph.nodes.size());
    ConstantUses uses(program->graph);
    DeviceCopies copies(*program);
    const std::vector<bool> makes_shapes = any_device() ? nodes_that_make_shapes(program->graph) : std::vector<bool>();
    for (Node& node : program->graph.nodes) {
      check_cancelled(options_.stop_token);
      Program::PlacedNode& placed = program->placed.emplace_back();
      if (node.op == nullptr) {
        unplaced_.add(program->graph, node, node.problem);
        continue;
      }
      if (!types_known(program->graph, node)) continue;  // downstream of a node that is listed already
      const std::int64_t bytes_before = thread_buffer_bytes();
      const std::size_t at = program->placed.size() - 1;
      place(*program, node, placed, !makes_shapes.empty() && makes_shapes[at]);
      program->packed_bytes += static_cast<std::size_t>(std::max<std::int64_t>(0, thread_buffer_bytes() - bytes_before));
      if (placed.kernel != nullptr) {
        const InputSet packed = placed.kernel->packed_inputs();
        const std::vector<ValueId> uploaded = copies.upload_constants(node, placed, packed);
        uses.placed(node, packed | copies.replaced(node, uploaded));
        node.inputs = uploaded;
      }
      for (Subgraph& subgraph : node.subgraphs) placed.subprograms.push_back(place(std::move(*subgraph.graph), true));
    }
    if (unplaced_.empty()) copies.insert(is_subgraph, report_);  // else there is no program, but an error
    return program;
  }

  /// Errors: not_implemented, which lists the nodes without a kernel.
  void check() const { unplaced_.check(); }

 private:
  [[nodiscard]] bool any_device() const {
    return std::any_of(providers_.begin(), providers_.end(), [](const AnyProvider& provider) { return provider->device() != nullptr; });
  }

  void place(Program& program, const Node& node, Program::PlacedNode& placed, bool makes_shapes) {
    const Graph& graph = program.graph;
    NodeReport line{node.name, node.qualified_op(), node.opset, {}, {}, {}};
    for (const AnyProvider& provider : providers_) {
      if (makes_shapes && provider->device() != nullptr) {
        line.refusals.emplace_back(provider->name(), "its results are shapes, which the host needs");
        continue;
      }
      Placement placement;
      try {
        placement = provider->place(NodeView(graph, node));
      } catch (const Error& error) {
        throw Error(error.code(), error.what(), node.name, node.qualified_op(), node.opset);
      }
      if (placement.kernel != nullptr) placement.refusal = refusal_of(*provider, placement, makes_shapes);
      if (placement.kernel != nullptr && placement.refusal.empty()) {
        placed.kernel = std::move(placement.kernel);
        placed.memory = memory_of(program, provider->device());
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
  [[nodiscard]] std::string refusal_of(const Provider& provider, const Placement& placement, bool makes_shapes) const {
    constexpr std::string_view cpu = "CPUExecutionProvider";
    if (options_.use_deterministic_compute && !placement.deterministic)
      return text("the kernel ", placement.name, " is not deterministic, and use_deterministic_compute is set");
    if (options_.disable_cpu_fallback && !makes_shapes && provider.name() == cpu && options_.providers[0]->name() != cpu)
      return "it would fall back to the CPU, and disable_cpu_fallback is set";
    return {};
  }

  [[nodiscard]] static std::uint8_t memory_of(Program& program, const std::shared_ptr<const Device>& device) {
    if (device == nullptr) return Program::host_memory;
    const auto found = std::find(program.devices.begin(), program.devices.end(), device);
    const auto at = static_cast<std::uint8_t>(found - program.devices.begin());
    if (found == program.devices.end()) program.devices.push_back(device);
    return static_cast<std::uint8_t>(at + 1);
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
