#pragma once

#include <cstddef>
#include <vector>

#include <hone/config.hpp>
#include <hone/graph/graph.hpp>

namespace hone::inline HONE_ABI::detail {

/// Counts the uses of the constants of a graph, and lets go of those whose elements nobody reads any more: every kernel that uses them has
/// packed them. Their types and shapes stay.
class ConstantUses {
 public:
  explicit ConstantUses(Graph& graph) : graph_(graph), uses_(graph.values.size(), 0) {
    for (const Node& node : graph.nodes) for_each_use(node, [&](ValueId id) { ++uses_[index(id)]; });
    for (const ValueId id : graph.outputs) ++uses_[index(id)];
    for (std::size_t i = 0; i < uses_.size(); ++i)
      if (uses_[i] == 0) release(graph.values[i]);
  }

  /// The kernel of the node never reads the elements of the inputs in `packed`.
  void placed(const Node& node, InputSet packed) {
    const InputSet needed = ~packed | node.op->traits().shape_inputs;
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      if (node.inputs[k] == no_value || contains(needed, k)) continue;
      if (--uses_[index(node.inputs[k])] == 0) release(graph_[node.inputs[k]]);
    }
  }

 private:
  static void release(GraphValue& value) {
    if (value.constant) value.constant = value.constant->without_elements();
  }

  Graph& graph_;
  std::vector<std::size_t> uses_;  // by value
};

}  // namespace hone::inline HONE_ABI::detail
