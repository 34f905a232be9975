#pragma once

#include <functional>
#include <queue>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <onnx/onnx_pb.h>

#include <hone/config.hpp>
#include <hone/core/error.hpp>
#include <hone/onnx/function_proto.hpp>

namespace hone::inline HONE_ABI::detail {

/// Names that the node reads, those that its subgraphs take from around them included.
template <class Visit>
void for_each_used_name(const onnx::NodeProto& node, const Visit& visit) {
  for (const auto& input : node.input())
    if (!input.empty()) visit(input);
  const auto in_graph = [&](const onnx::GraphProto& graph) {
    std::unordered_set<std::string_view> own;
    for (const auto& input : graph.input()) own.insert(input.name());
    for (const auto& tensor : graph.initializer()) own.insert(tensor.name());
    for (const auto& tensor : graph.sparse_initializer()) own.insert(tensor.values().name());
    for (const auto& inner : graph.node()) own.insert(inner.output().begin(), inner.output().end());
    // Type-erased, because the recursion would otherwise make a type for every depth.
    const std::function<void(const std::string&)> visit_outer = [&](const std::string& name) {
      if (!own.contains(name)) visit(name);
    };
    for (const auto& inner : graph.node()) for_each_used_name(inner, visit_outer);
    for (const auto& output : graph.output()) visit_outer(output.name());
  };
  for (const auto& attribute : node.attribute()) {
    if (attribute.has_g()) in_graph(attribute.g());
    for (const auto& graph : attribute.graphs()) in_graph(graph);
  }
}

inline bool is_constant(const onnx::NodeProto& node) { return node.op_type() == "Constant" && canonical_domain(node.domain()).empty(); }

/// Indices of `protos` in an order in which values are made before they are used; the given order wherever it already is one.
/// Of Constants that make the same value, which exporters have written, the last one counts, as it does for ONNX Runtime.
template <class NodeProtos>
std::vector<int> topological_order(const NodeProtos& protos) {
  std::unordered_map<std::string_view, int> producers;
  std::vector<bool> replaced(static_cast<std::size_t>(protos.size()), false);
  for (int i = 0; i < protos.size(); ++i) {
    for (const auto& output : protos.Get(i).output()) {
      if (output.empty()) continue;
      const auto [producer, is_new] = producers.emplace(output, i);
      if (is_new || !is_constant(protos.Get(i)) || !is_constant(protos.Get(producer->second))) continue;
      replaced[static_cast<std::size_t>(producer->second)] = true;
      producer->second = i;
    }
  }

  std::vector<std::vector<int>> consumers(static_cast<std::size_t>(protos.size()));
  std::vector<int> waits_for(static_cast<std::size_t>(protos.size()), 0);
  for (int i = 0; i < protos.size(); ++i) {
    std::set<int> before;
    for_each_used_name(protos.Get(i), [&](const std::string& name) {
      const auto found = producers.find(name);
      if (found != producers.end() && found->second != i) before.insert(found->second);
    });
    waits_for[static_cast<std::size_t>(i)] = static_cast<int>(before.size());
    for (const int producer : before) consumers[static_cast<std::size_t>(producer)].push_back(i);
  }

  std::priority_queue<int, std::vector<int>, std::greater<>> ready;
  for (int i = 0; i < protos.size(); ++i)
    if (waits_for[static_cast<std::size_t>(i)] == 0) ready.push(i);
  std::vector<int> order;
  while (!ready.empty()) {
    const int node = ready.top();
    ready.pop();
    order.push_back(node);
    for (const int consumer : consumers[static_cast<std::size_t>(node)])
      if (--waits_for[static_cast<std::size_t>(consumer)] == 0) ready.push(consumer);
  }
  if (order.size() != static_cast<std::size_t>(protos.size())) {
    for (int i = 0; i < protos.size(); ++i)
      if (waits_for[static_cast<std::size_t>(i)] > 0)
        fail(ErrorCode::invalid_graph, "the node '", protos.Get(i).name(), "' (", protos.Get(i).op_type(), ") depends on its own output");
  }
  std::erase_if(order, [&](int node) { return replaced[static_cast<std::size_t>(node)]; });
  return order;
}

}  // namespace hone::inline HONE_ABI::detail
