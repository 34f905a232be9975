#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/limits.hpp>
#include <hone/rewrites/block_channels.hpp>
#include <hone/rewrites/data_flow.hpp>
#include <hone/rewrites/eliminate_common_subexpressions.hpp>
#include <hone/rewrites/eliminate_no_ops.hpp>
#include <hone/rewrites/fold_constants.hpp>
#include <hone/rewrites/fold_into_conv.hpp>
#include <hone/rewrites/fold_pad.hpp>
#include <hone/rewrites/fold_shapes.hpp>
#include <hone/rewrites/fold_transpose.hpp>
#include <hone/rewrites/fuse_activation.hpp>
#include <hone/rewrites/fuse_attention.hpp>
#include <hone/rewrites/fuse_normalization.hpp>
#include <hone/rewrites/fuse_pointwise.hpp>
#include <hone/rewrites/fuse_quantized_conv.hpp>
#include <hone/rewrites/fuse_quantized_pointwise.hpp>
#include <hone/rewrites/fuse_scaled_matmul.hpp>
#include <hone/rewrites/merge_into_split.hpp>
#include <hone/rewrites/merge_projections.hpp>
#include <hone/rewrites/merge_reshapes.hpp>
#include <hone/rewrites/merge_slices.hpp>
#include <hone/rewrites/merge_transposes.hpp>
#include <hone/rewrites/move_quantization.hpp>
#include <hone/rewrites/permute_matmul.hpp>
#include <hone/rewrites/push_transposes.hpp>
#include <hone/rewrites/widen_halves.hpp>
#include <hone/session/options.hpp>

namespace hone::inline HONE_ABI {

/// How a graph is rewritten.
struct RewriteOptions {
  GraphOptimizationLevel level = GraphOptimizationLevel::all;
  std::span<const AnyProvider> providers;
  ThreadPool& pool;
  /// Names of passes that do not run.
  std::span<const std::string> disabled = {};
  /// Of what is computed while rewriting.
  Limits limits = {};
};

namespace detail {

/// The first provider, in order of priority, that runs the node; their number when none does.
inline std::size_t first_provider(std::span<const AnyProvider> providers, const Graph& graph, const Node& node) {
  const auto found = std::find_if(providers.begin(), providers.end(),
                                  [&](const AnyProvider& provider) { return provider->supports(NodeView(graph, node)); });
  return static_cast<std::size_t>(found - providers.begin());
}

/// Whether the nodes of a patch go to providers of no lower priority than those of all nodes whose work they take over.
inline bool keeps_providers(std::span<const AnyProvider> providers, const Graph& graph, const Node& replaced, const Patch& patch) {
  // What none runs as it is may run converted (kernels/cpu/widened.hpp); anything that one runs as it is is better.
  std::size_t least = std::min(first_provider(providers, graph, replaced), providers.size() - 1);
  const auto replaces = [&](const Node& node) { least = std::min(least, first_provider(providers, graph, node)); };
  const auto keeps = [&](const std::vector<Node>& nodes) {
    return std::all_of(nodes.begin(), nodes.end(), [&](const Node& node) { return first_provider(providers, graph, node) <= least; });
  };
  for (const Node* node : patch.absorbed) replaces(*node);
  for (const auto& [at, nodes] : patch.others) replaces(graph.nodes[at]);
  return keeps(patch.nodes) &&
         std::all_of(patch.others.begin(), patch.others.end(), [&](const auto& other) { return keeps(other.second); });
}

/// Applies a pass to every node and removes what it leaves dead. Returns the number of patches.
template <class Pass>
std::size_t apply_pass(DataFlow& flow, Pass&& pass, std::span<const AnyProvider> providers) {
  std::size_t patches = 0;
  // Far more than any pass needs: a pass that undid what it does would not end.
  const std::size_t most = 16 * flow.size() + 1000;
  for (std::size_t at = 0; at < flow.size() && patches < most; ++at) {
    if (flow.node(at).outputs.empty() || flow.node(at).op == nullptr) continue;
    std::optional<Patch> patch = pass(flow, at);
    if (!patch) continue;
    const std::size_t values = flow.graph().values.size();
    flow.add_values(*patch);
    if (!patch->nodes.empty() && !keeps_providers(providers, flow.graph(), flow.node(at), *patch)) {
      flow.take_back(values);
      continue;
    }
    flow.apply(at, std::move(*patch));
    ++patches;
  }
  if (patches != 0) {
    flow.remove_dead_nodes();
    flow.refresh_shapes();
#ifndef NDEBUG
    flow.graph().check();
#endif
  }
  return patches;
}

}  // namespace detail

/// Rewrites the graph, subgraphs first, by all passes of the level, in the order in which they stand here, until none fires any more.
/// Appends (pass, patches) to `fired` for those that did.
inline void rewrite(Graph& graph, const RewriteOptions& options, std::vector<std::pair<std::string, std::size_t>>& fired,
                    InputShapes inputs = InputShapes::checked) {
  for (Node& node : graph.nodes)
    for (Subgraph& subgraph : node.subgraphs) rewrite(*subgraph.graph, options, fired, InputShapes::unchecked);
  DataFlow flow(graph, inputs);
  bool changed = true;
  std::vector<std::string_view> names;
  const auto run = [&](GraphOptimizationLevel level, auto pass) {
    if (std::find(names.begin(), names.end(), pass.name) == names.end()) names.push_back(pass.name);
    if (options.level < level || std::find(options.disabled.begin(), options.disabled.end(), pass.name) != options.disabled.end()) return;
    const std::size_t patches = detail::apply_pass(flow, pass, options.providers);
    if (patches == 0) return;
    changed = true;
    const auto found = std::find_if(fired.begin(), fired.end(), [&](const auto& entry) { return entry.first == pass.name; });
    if (found != fired.end()) {
      found->second += patches;
    } else {
      fired.emplace_back(pass.name, patches);
    }
  };
  constexpr auto basic = GraphOptimizationLevel::basic;
  constexpr auto extended = GraphOptimizationLevel::extended;
  constexpr auto all = GraphOptimizationLevel::all;
  if (options.level >= basic) flow.remove_dead_nodes();
  // First, because constants that are dequantized would be folded.
  while (changed) {
    changed = false;
    run(basic, rewrites::EliminateNoOps{});
    run(all, rewrites::MoveQuantization{});
    run(all, rewrites::FuseQuantizedConv{});
  }
  changed = true;
  while (changed) {
    changed = false;
    run(extended, rewrites::WidenHalves(options.providers));
    run(basic, rewrites::EliminateNoOps{});
    run(basic, rewrites::FoldConstants{options.providers, options.pool, options.limits});
    run(basic, rewrites::FoldShapes{});
    run(basic, rewrites::EliminateCommonSubexpressions{});
    run(basic, rewrites::MergeTransposes{});
    run(basic, rewrites::MergeReshapes{});
    run(basic, rewrites::MergeIntoSplit{});
    run(basic, rewrites::MergeSlices{});
    run(basic, rewrites::FoldPad{});
    if (changed) continue;  // patterns are looked for in the simplest form of the graph
    run(extended, rewrites::FuseActivation{});
    run(extended, rewrites::FuseNormalization{});
    run(extended, rewrites::FuseAttention{});
    run(extended, rewrites::FuseScaledMatMul{});
    run(extended, rewrites::MergeProjections{});
    run(extended, rewrites::PushTransposes{});
    run(extended, rewrites::FoldTranspose{});
    run(extended, rewrites::FoldIntoConv{});
  }
  // Last, because chains hide the operators that the patterns above are made of.
  changed = true;
  while (changed) {
    changed = false;
    run(extended, rewrites::PermuteMatMul{});
    run(extended, rewrites::SplitBatchNormalization{});
    run(extended, rewrites::FusePointwise{});
  }
  // Layout follows fusion: it moves whole chains.
  changed = true;
  while (changed) {
    changed = false;
    run(all, rewrites::FuseQuantizedPointwise{});
    run(all, rewrites::BlockChannels{});
  }
  for (const std::string& name : options.disabled) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    fail(ErrorCode::invalid_argument, "there is no rewrite '", name, "' to disable; available: ", join(names, ", "));
  }
}

}  // namespace hone::inline HONE_ABI
