#pragma once

#include <string>

#include <hone/config.hpp>
#include <hone/graph/graph.hpp>

namespace hone::inline HONE_ABI {

/// One line per node, as in `y:tensor(float) = Conv-11(x, w, b)  // name`; subgraphs are indented.
[[nodiscard]] inline std::string to_string(const Graph& graph, std::size_t indent = 0) {
  const std::string margin(indent, ' ');
  const auto value = [&](ValueId id) { return id == no_value ? std::string("-") : graph[id].name; };
  const auto typed = [&](ValueId id) { return id == no_value ? std::string("-") : text(graph[id].name, ":", graph[id].type); };
  const auto list = [](const std::vector<ValueId>& ids, const auto& render) {
    std::string result;
    for (const ValueId id : ids) result += (result.empty() ? "" : ", ") + render(id);
    return result;
  };
  std::string result = text(margin, "graph ", graph.name, "(", list(graph.inputs, typed), ") -> (", list(graph.outputs, typed), ")\n");
  for (const Node& node : graph.nodes) {
    result +=
        text(margin, "  ", list(node.outputs, typed), " = ", node.qualified_op(), "-", node.opset, "(", list(node.inputs, value), ")");
    result += node.name.empty() ? "\n" : text("  // ", node.name, "\n");
    for (const Subgraph& subgraph : node.subgraphs) {
      result += text(margin, "    ", subgraph.attribute, ":\n", to_string(*subgraph.graph, indent + 4));
    }
  }
  return result;
}

}  // namespace hone::inline HONE_ABI
