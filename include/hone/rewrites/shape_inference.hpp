#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/graph/graph.hpp>
#include <hone/rewrites/known_shapes.hpp>
#include <hone/rewrites/partial_elements.hpp>
#include <hone/rewrites/partial_shapes.hpp>

namespace hone::inline HONE_ABI {

namespace detail {

/// Asks the operator itself, where all dimensions of the inputs, and all elements of those that hold shapes, are numbers.
/// Errors: those of Operator::shapes.
inline bool learn_exact_shapes(const Graph& graph, KnownShapes& known, const Node& node) {
  std::vector<TensorRef> refs(node.inputs.size());
  std::vector<const TensorRef*> inputs(node.inputs.size(), nullptr);
  std::vector<std::vector<std::int64_t>> lists(node.inputs.size());
  for (std::size_t k = 0; k < node.inputs.size(); ++k) {
    const ValueId id = node.inputs[k];
    if (id == no_value) continue;
    inputs[k] = &refs[k];
    if (graph[id].constant) {
      refs[k] = graph[id].constant->tensor;
      continue;
    }
    const auto dims = known.dims(id) != nullptr ? rewrites::numbers(*known.dims(id)) : std::nullopt;
    if (!dims || !graph[id].type.is_tensor() || dims->size() > Shape::max_rank) return false;
    refs[k] = {nullptr, graph[id].type.dtype, Shape(*dims)};
    if (!contains(node.op->traits().shape_inputs, k)) continue;
    auto list =
        known.elements(id) != nullptr && graph[id].type.dtype == DType::int64 ? rewrites::numbers(*known.elements(id)) : std::nullopt;
    if (!list) return false;
    lists[k] = std::move(*list);
    refs[k].data = lists[k].data();
  }
  std::vector<Shape> shapes(node.outputs.size());
  node.op->shapes(ShapeContext(inputs, shapes));
  for (std::size_t k = 0; k < node.outputs.size(); ++k)
    if (node.outputs[k] != no_value) known.set_dims(node.outputs[k], rewrites::symbolic(shapes[k].dims()));
  return true;
}

}  // namespace detail

/// Adds what follows for the outputs of the node from what is known of its inputs: by the operator where that is everything, by
/// PartialShapes where some of it is open.
inline void learn_shapes(const Graph& graph, KnownShapes& known, const Node& node) {
  if (node.op == nullptr || !node.subgraphs.empty() || node.op->traits().data_dependent) return;
  for (const ValueId id : node.outputs)
    if (id != no_value && !graph[id].type.is_tensor()) return;
  const rewrites::PartialShapes partial(graph, known, node);
  const rewrites::PartialElements partial_elements(graph, known, node);
  try {
    const bool exact = detail::learn_exact_shapes(graph, known, node);
    for (std::size_t k = 0; k < node.outputs.size(); ++k) {
      const ValueId id = node.outputs[k];
      if (id == no_value || graph[id].constant) continue;
      if (!exact) {
        if (auto dims = partial.dims(k)) known.set_dims(id, std::move(*dims));
      }
      if (k != 0 || !KnownShapes::is_index(graph[id].type.dtype) || known.dims(id) == nullptr || known.dims(id)->size() > 1) continue;
      if (auto elements = partial_elements.get()) known.set_elements(id, std::move(*elements));
    }
  } catch (const Error&) {
    // A run that needs the node reports what is wrong with it.
  }
}

}  // namespace hone::inline HONE_ABI
