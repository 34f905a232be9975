#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/rewrites/eliminate_identity.hpp>
#include <hone/rewrites/fold_constants.hpp>
#include <hone/rewrites/patch.hpp>
#include <hone/session/options.hpp>

namespace hone::inline HONE_ABI {

namespace detail {

/// Applies a pass to every node, subgraphs first, and removes what it leaves dead. Returns the number of patches.
template <class Pass>
std::size_t apply_pass(Graph& graph, const Pass& pass) {
  std::size_t patches = 0;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    for (Subgraph& subgraph : graph.nodes[i].subgraphs) patches += apply_pass(*subgraph.graph, pass);
    if (std::optional<Patch> patch = pass(graph, i)) {
      apply(graph, i, std::move(*patch));
      ++patches;
    }
  }
  if (patches != 0) {
    remove_dead_nodes(graph);
#ifndef NDEBUG
    graph.check();
#endif
  }
  return patches;
}

}  // namespace detail

/// Rewrites the graph by all passes of `level`, in the order in which they stand here, until none fires any more. Appends (pass, patches)
/// to `fired` for those that did.
inline void rewrite(Graph& graph, GraphOptimizationLevel level, std::span<const AnyProvider> providers, ThreadPool& pool,
                    std::vector<std::pair<std::string, std::size_t>>& fired) {
  const auto run = [&](const auto& pass) {
    const std::size_t patches = detail::apply_pass(graph, pass);
    if (patches == 0) return false;
    for (auto& [name, count] : fired) {
      if (name != pass.name) continue;
      count += patches;
      return true;
    }
    fired.emplace_back(pass.name, patches);
    return true;
  };
  bool changed = level >= GraphOptimizationLevel::basic;
  while (changed) {
    changed = false;
    changed |= run(rewrites::EliminateIdentity{});
    changed |= run(rewrites::FoldConstants{providers, pool});
  }
}

}  // namespace hone::inline HONE_ABI
