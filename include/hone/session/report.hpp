#pragma once

#include <string>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/text.hpp>

namespace hone::inline HONE_ABI {

/// Where one node runs, and why not elsewhere.
struct NodeReport {
  std::string node;
  std::string op;
  int opset = 0;
  std::string provider;
  std::string kernel;
  /// (provider, reason) of each provider of higher priority that refused the node.
  std::vector<std::pair<std::string, std::string>> refusals;
};

/// What a session decided when it was created.
struct Report {
  std::vector<NodeReport> nodes;
  /// (pass, number of patches) in run order.
  std::vector<std::pair<std::string, std::size_t>> rewrites;
};

/// A table: one line per rewrite that fired, one per node.
[[nodiscard]] inline std::string to_string(const Report& report) {
  std::string result;
  for (const auto& [pass, patches] : report.rewrites)
    result += text("rewrite ", pass, ": ", patches, patches == 1 ? " patch\n" : " patches\n");
  for (const NodeReport& node : report.nodes) {
    result += text(node.op, "-", node.opset, " '", node.node, "': ", node.provider, " ", node.kernel);
    for (const auto& [provider, reason] : node.refusals) result += text("; ", provider, " refused: ", reason);
    result += '\n';
  }
  return result;
}

}  // namespace hone::inline HONE_ABI
