#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/device.hpp>
#include <hone/core/limits.hpp>
#include <hone/graph/graph.hpp>
#include <hone/providers/kernel.hpp>
#include <hone/session/memory_report.hpp>

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
    /// Where its kernel works: see Program::memory.
    std::uint8_t memory = host_memory;
    /// One per subgraph of the node.
    std::vector<std::unique_ptr<Program>> subprograms;
  };

  /// Memory of the host; the others are 1 + an index into `devices`.
  static constexpr std::uint8_t host_memory = 0;

  /// Plans kept: enough for a handful of alternating batch sizes or sequence lengths.
  static constexpr std::size_t max_plans = 16;

  /// Those in whose memory some of the values are. Before the graph, which has constants in that memory.
  std::vector<std::shared_ptr<const Device>> devices;
  Graph graph;
  /// Bytes of weights that kernels have packed, without those of subgraphs.
  std::size_t packed_bytes = 0;
  /// Parallel to graph.nodes.
  std::vector<PlacedNode> placed;
  /// By value, the memory in which it is. Values after its end are in that of the host.
  std::vector<std::uint8_t> memories;

  [[nodiscard]] std::uint8_t memory(ValueId id) const noexcept { return index(id) < memories.size() ? memories[index(id)] : host_memory; }
  /// Null for that of the host.
  [[nodiscard]] const Device* device(std::uint8_t memory) const noexcept {
    return memory == host_memory ? nullptr : devices[memory - 1u].get();
  }

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

}  // namespace hone::inline HONE_ABI
