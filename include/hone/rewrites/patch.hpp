#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/any_object.hpp>
#include <hone/core/value.hpp>
#include <hone/graph/graph.hpp>

namespace hone::inline HONE_ABI {

/// A change to a graph around one node, as a pass proposes it.
struct Patch {
  /// Values to add; the first one gets the id `graph.values.size()`, and so on.
  std::vector<GraphValue> values = {};
  /// Nodes to put in place of the node.
  std::vector<Node> nodes = {};
  /// Nodes to put in place of others, by their index.
  std::vector<std::pair<std::size_t, std::vector<Node>>> others = {};
  /// Values of the node that become constants.
  std::vector<std::pair<ValueId, Constant>> constants = {};
  /// Every use of the first value becomes a use of the second.
  std::vector<std::pair<ValueId, ValueId>> replacements = {};
  /// Other nodes whose work the new ones take over.
  std::vector<const Node*> absorbed = {};

  /// Adds a value to those that go to `graph`; returns the id that it gets there.
  ValueId add_value(const Graph& graph, GraphValue value) {
    values.push_back(std::move(value));
    return ValueId{static_cast<std::uint32_t>(graph.values.size() + values.size() - 1)};
  }
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

/// A node that runs the operator of `of`, with these attributes instead of its own.
[[nodiscard]] inline Node copy_node(const Node& of, Attributes attributes, std::vector<ValueId> inputs, std::vector<ValueId> outputs) {
  Node node;
  node.name = of.name;
  node.domain = of.domain;
  node.op_type = of.op_type;
  node.opset = of.opset;
  AttributeReader reader(attributes, of.opset);
  node.op = of.op->info().create(reader);
  node.attributes = std::move(attributes);
  node.inputs = std::move(inputs);
  node.outputs = std::move(outputs);
  return node;
}

/// The attributes of `of`, one of them set anew.
template <class T>
[[nodiscard]] Attributes with_attribute(const Node& of, const std::string& name, T value) {
  Attributes attributes = of.attributes;
  attributes.erase(name);
  attributes.set(name, std::move(value));
  return attributes;
}

/// A tensor that only the graph holds; `fill(T*)` writes its elements.
template <class T, class Fill>
[[nodiscard]] GraphValue constant_value(std::string name, const Shape& shape, const Fill& fill) {
  auto owner = std::make_shared<Value>(Value::tensor(dtype_of<T>, shape));
  fill(owner->ref().template as<T>());
  GraphValue value;
  value.name = std::move(name);
  value.type = dtype_of<T>;
  const TensorRef ref = owner->ref();
  value.constant = Constant{ref, std::move(owner)};
  return value;
}

/// A list of integers, as shapes, axes and pads are.
[[nodiscard]] inline GraphValue list_constant(std::string name, const std::vector<std::int64_t>& list) {
  return constant_value<std::int64_t>(std::move(name), {static_cast<std::int64_t>(list.size())},
                                      [&](std::int64_t* to) { std::copy(list.begin(), list.end(), to); });
}

/// The value that a new node makes.
[[nodiscard]] inline GraphValue made_value(std::string name, Type type) {
  GraphValue value;
  value.name = std::move(name);
  value.type = std::move(type);
  return value;
}

}  // namespace rewrites
}  // namespace hone::inline HONE_ABI
