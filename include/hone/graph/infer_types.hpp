#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/text.hpp>
#include <hone/graph/graph.hpp>
#include <hone/graph/operator.hpp>

namespace hone::inline HONE_ABI::detail {

/// Kernels are chosen by the deciding input alone: what the others hold has to follow from it.
inline void check_input_types(const OpInfo& op, std::span<const Type> inputs) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].is_known() || contains(op.traits.shape_inputs, i)) continue;
    const auto own = std::find_if(op.input_types.begin(), op.input_types.end(), [&](const auto& rule) { return contains(rule.inputs, i); });
    if (own == op.input_types.end()) {
      const Type& deciding = inputs[op.type_input];
      if (!(inputs[i] == deciding)) {
        fail(ErrorCode::invalid_graph, "its input ", i, " has type ", inputs[i], ", but its input ", op.type_input, " has type ", deciding);
      }
    } else if (own->types && !(inputs[i].is_tensor() && own->types->contains(inputs[i].dtype))) {
      fail(ErrorCode::invalid_graph, "its input ", i, " has type ", inputs[i], ", which the operator does not take there");
    }
  }
}

/// Sets the types of the outputs of a node, one for each. Errors: invalid_graph for what the operator does not take.
inline void infer_types(const Node& node, const Graph& graph, std::vector<Type>& types) {
  const Arity& arity = node.op->arity();
  const auto range = [](std::size_t least, std::size_t most) {
    return least == most ? text(least) : most == Arity::any ? text(least, " or more") : text(least, " to ", most);
  };
  if (node.inputs.size() < arity.min_inputs || node.inputs.size() > arity.max_inputs) {
    fail(ErrorCode::invalid_graph, "it has ", node.inputs.size(), " inputs; the operator takes ",
         range(arity.min_inputs, arity.max_inputs));
  }
  if (types.size() < arity.min_outputs || types.size() > arity.max_outputs) {
    fail(ErrorCode::invalid_graph, "it has ", types.size(), " outputs; the operator has ", range(arity.min_outputs, arity.max_outputs));
  }
  std::vector<Type> inputs;
  bool all_known = true;
  for (const ValueId id : node.inputs) {
    inputs.push_back(id == no_value ? Type() : graph[id].type);
    all_known = all_known && (id == no_value || inputs.back().is_known());
  }
  // Of the inputs that an operator takes any number of, none may be left out.
  const std::size_t required = arity.min_inputs > 0 && arity.max_inputs == Arity::any ? node.inputs.size() : arity.min_inputs;
  for (std::size_t i = 0; i < required; ++i)
    if (node.inputs[i] == no_value) fail(ErrorCode::invalid_graph, "its input ", i, " is missing");
  if (!all_known) return;  // downstream of a node without a definition
  check_input_types(node.op->info(), inputs);
  std::vector<const Graph*> subgraphs;
  for (const Subgraph& subgraph : node.subgraphs) subgraphs.push_back(subgraph.graph.get());
  node.op->types(TypeContext(inputs, types, subgraphs));
}

}  // namespace hone::inline HONE_ABI::detail
