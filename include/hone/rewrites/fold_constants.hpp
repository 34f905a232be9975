#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/limits.hpp>
#include <hone/providers/provider.hpp>
#include <hone/rewrites/data_flow.hpp>
#include <hone/session/evaluate.hpp>

namespace hone::inline HONE_ABI::rewrites {

/// A node whose inputs are all constant becomes its result, computed by the kernel that would run it.
struct FoldConstants {
  static constexpr std::string_view name = "fold_constants";
  /// Larger results stay nodes: the model file would grow by them.
  static constexpr std::size_t max_bytes = std::size_t{1} << 26;

  std::span<const AnyProvider> providers;
  ThreadPool& pool;
  /// What is beyond them stays a node, so that the run which needs it says so.
  Limits limits = {};

  [[nodiscard]] std::optional<Patch> operator()(const DataFlow& flow, std::size_t at) const {
    const Graph& graph = flow.graph();
    const Node& node = flow.node(at);
    if (node.op == nullptr || !node.op->traits().deterministic || !node.subgraphs.empty()) return std::nullopt;
    std::vector<const TensorRef*> inputs;
    std::size_t input_bytes = 0;
    for (const ValueId id : node.inputs) {
      if (id != no_value && !graph[id].constant) return std::nullopt;
      inputs.push_back(id == no_value ? nullptr : &graph[id].constant->tensor);
      if (id != no_value) input_bytes += inputs.back()->bytes();
    }
    std::size_t bytes = 0;
    std::vector<Shape> shapes;
    for (const ValueId id : node.outputs)
      if (id != no_value && !graph[id].type.is_tensor()) return std::nullopt;
    if (node.op->traits().data_dependent) {
      bytes = input_bytes;
    } else {
      shapes.resize(node.outputs.size());
      try {
        node.op->shapes(ShapeContext(inputs, shapes));
        for (std::size_t k = 0; k < shapes.size(); ++k)
          if (node.outputs[k] != no_value) bytes += checked_bytes(graph[node.outputs[k]].type.dtype, shapes[k]);
      } catch (const Error&) {
        return std::nullopt;  // a run that needs the node reports what is wrong with it
      }
    }
    if (bytes > max_bytes) return std::nullopt;

    // Some results are larger than the sizes of the inputs tell: a small file can hold a huge picture.
    Limits result_limits = limits;
    result_limits.max_tensor_bytes = std::min(limits.max_tensor_bytes, max_bytes);
    for (const AnyProvider& provider : providers) {
      if (provider->device() != nullptr) continue;
      const Placement placement = provider->place(NodeView(graph, node));
      if (placement.kernel == nullptr) continue;
      const auto ref_of = [&](ValueId id) {
        return graph[id].constant ? graph[id].constant->tensor : TensorRef{nullptr, graph[id].type.dtype, Shape()};
      };
      Patch patch;
      try {
        std::vector<Value> values = NodeSlots(node, ref_of).run(*placement.kernel, shapes, pool, &result_limits);
        for (std::size_t k = 0; k < values.size(); ++k) {
          if (node.outputs[k] == no_value) continue;
          auto owner = std::make_shared<Value>(std::move(values[k]));
          const TensorRef ref = owner->ref();
          patch.constants.emplace_back(node.outputs[k], Constant{ref, std::move(owner)});
        }
      } catch (const Error&) {
        return std::nullopt;
      }
      return patch;
    }
    return std::nullopt;
  }
};

}  // namespace hone::inline HONE_ABI::rewrites
