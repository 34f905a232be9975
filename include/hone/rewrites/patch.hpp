#pragma once

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/graph/graph.hpp>

namespace hone::inline HONE_ABI {

/// A change to a graph around one node, as a pass proposes it.
struct Patch {
  /// Values to add; the first one gets the id `graph.values.size()`, and so on.
  std::vector<GraphValue> values = {};
  /// Nodes to put in place of the node.
  std::vector<Node> nodes = {};
  /// Values of the node that become constants.
  std::vector<std::pair<ValueId, Constant>> constants = {};
  /// Every use of the first value becomes a use of the second.
  std::vector<std::pair<ValueId, ValueId>> replacements = {};
};

namespace detail {

/// In node `first` and all after it: a value is never used before it is made.
inline void replace_uses(Graph& graph, std::size_t first, ValueId from, ValueId to) {
  for (std::size_t i = first; i < graph.nodes.size(); ++i) {
    for (ValueId& id : graph.nodes[i].inputs)
      if (id == from) id = to;
    for (Subgraph& subgraph : graph.nodes[i].subgraphs)
      for (Capture& capture : subgraph.graph->captures)
        if (capture.outer == from) capture.outer = to;
  }
  for (ValueId& id : graph.outputs)
    if (id == from) id = to;
}

/// Subgraphs do not capture what has become a constant: they have it too.
inline void share_constant(Graph& graph, ValueId id) {
  for (Node& node : graph.nodes) {
    for (Subgraph& subgraph : node.subgraphs) {
      std::erase_if(subgraph.graph->captures, [&](const Capture& capture) {
        if (capture.outer != id) return false;
        (*subgraph.graph)[capture.inner].constant = graph[id].constant;
        share_constant(*subgraph.graph, capture.inner);
        return true;
      });
    }
  }
}

/// Puts the patch in place of node `at`. The node stays, without outputs, until remove_dead_nodes: moving all that follow it for each patch
/// would make a pass quadratic.
inline void apply(Graph& graph, std::size_t at, Patch patch) {
  for (GraphValue& value : patch.values) graph.add_value(std::move(value));
  graph.nodes[at].outputs.clear();
  graph.nodes.insert(graph.nodes.begin() + static_cast<std::ptrdiff_t>(at) + 1, std::make_move_iterator(patch.nodes.begin()),
                     std::make_move_iterator(patch.nodes.end()));
  for (auto& [id, constant] : patch.constants) {
    graph[id].constant = std::move(constant);
    share_constant(graph, id);
  }
  for (const auto& [from, to] : patch.replacements) replace_uses(graph, at + 1, from, to);
}

/// Removes nodes none of whose results is used; returns how many.
inline std::size_t remove_dead_nodes(Graph& graph) {
  std::vector<bool> used(graph.values.size(), false);
  for (const ValueId id : graph.outputs) used[index(id)] = true;
  std::vector<bool> dead(graph.nodes.size(), false);
  std::size_t count = 0;
  for (std::size_t i = graph.nodes.size(); i-- > 0;) {
    const Node& node = graph.nodes[i];
    bool alive = false;
    for (const ValueId id : node.outputs) alive = alive || (id != no_value && used[index(id)]);
    dead[i] = !alive;
    if (!alive) {
      ++count;
      continue;
    }
    for (const ValueId id : node.inputs)
      if (id != no_value) used[index(id)] = true;
    for (const Subgraph& subgraph : node.subgraphs)
      for (const Capture& capture : subgraph.graph->captures) used[index(capture.outer)] = true;
  }
  std::size_t i = 0;
  std::erase_if(graph.nodes, [&](const Node&) { return dead[i++]; });
  return count;
}

}  // namespace detail
}  // namespace hone::inline HONE_ABI
