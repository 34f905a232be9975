#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/error.hpp>
#include <hone/core/shape.hpp>
#include <hone/rewrites/data_flow.hpp>

namespace hone::inline HONE_ABI::rewrites {

/// Shapes of the values of a graph for cost models, never for correctness: an open first dimension, the batch, counts as 1; values that
/// other open dimensions reach have none.
class ShapeHints {
 public:
  explicit ShapeHints(const DataFlow& flow) : shapes_(flow.graph().values.size()) {
    const Graph& graph = flow.graph();
    for (std::size_t i = 0; i < shapes_.size(); ++i) {
      const GraphValue& value = graph.values[i];
      shapes_[i] = value.constant ? std::optional(value.constant->tensor.shape) : declared(value);
    }
    for (const Node& node : graph.nodes) infer(graph, node);
  }

  /// Null for values that are newer than the hints.
  [[nodiscard]] const Shape* operator[](ValueId id) const noexcept {
    return id != no_value && index(id) < shapes_.size() && shapes_[index(id)] ? &*shapes_[index(id)] : nullptr;
  }

 private:
  static std::optional<Shape> declared(const GraphValue& value) {
    if (!value.shape || value.shape->size() > Shape::max_rank) return std::nullopt;
    Shape shape;
    for (std::size_t d = 0; d < value.shape->size(); ++d) {
      const std::int64_t size = (*value.shape)[d].value;
      if (size < 0 && d != 0) return std::nullopt;
      shape.push_back(size < 0 ? 1 : size);
    }
    return shape;
  }

  void infer(const Graph& graph, const Node& node) {
    if (node.outputs.empty() || node.op == nullptr || node.op->traits().data_dependent || !node.subgraphs.empty()) return;
    std::vector<TensorRef> tensors(node.inputs.size());
    std::vector<const TensorRef*> inputs(node.inputs.size(), nullptr);
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      const ValueId id = node.inputs[k];
      if (id == no_value) continue;
      const bool constant = graph[id].constant.has_value();
      if ((*this)[id] == nullptr || (!constant && contains(node.op->traits().shape_inputs, k))) return;
      tensors[k] = constant ? graph[id].constant->tensor : TensorRef{nullptr, graph[id].type.dtype, *(*this)[id]};
      inputs[k] = &tensors[k];
    }
    std::vector<Shape> outputs(node.outputs.size());
    try {
      node.op->shapes(ShapeContext(inputs, outputs));
    } catch (const Error&) {
      return;  // a run that needs the node reports what is wrong with it
    }
    for (std::size_t k = 0; k < outputs.size(); ++k)
      if (node.outputs[k] != no_value) shapes_[index(node.outputs[k])] = outputs[k];
  }

  std::vector<std::optional<Shape>> shapes_;
};

}  // namespace hone::inline HONE_ABI::rewrites
