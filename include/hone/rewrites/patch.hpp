#pragma once

#include <string>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/any_object.hpp>
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
  /// Other nodes whose work the new ones take over.
  std::vector<const Node*> absorbed = {};
};

namespace rewrites {

/// A node that runs `op`, in place of `of`, whose name it takes, and whose opset where that has the operator. `attributes` are those that
/// `op` would be read from.
template <class Op>
[[nodiscard]] Node make_node(const Node& of, Op op, Attributes attributes, std::vector<ValueId> inputs, std::vector<ValueId> outputs) {
  Node node;
  node.name = of.name;
  node.domain = op_info<Op>.domain;
  node.op_type = op_info<Op>.name;
  const bool of_its_opset = of.domain == op_info<Op>.domain && op_info<Op>.since <= of.opset && of.opset <= op_info<Op>.until;
  node.opset = of_its_opset ? of.opset : op_info<Op>.since;
  node.op = std::make_unique<Operator>(op_info<Op>, AnyObject::make<Op>(std::move(op)));
  node.attributes = std::move(attributes);
  if (of.as<Op>() != nullptr) node.moved_inputs = of.moved_inputs;
  while (!inputs.empty() && inputs.back() == no_value) inputs.pop_back();
  node.inputs = std::move(inputs);
  node.outputs = std::move(outputs);
  return node;
}

}  // namespace rewrites
}  // namespace hone::inline HONE_ABI
