#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/error.hpp>
#include <hone/core/type.hpp>
#include <hone/graph/attribute.hpp>
#include <hone/graph/operator.hpp>

namespace hone::inline HONE_ABI {

/// Index of a value in its graph.
enum class ValueId : std::uint32_t {};
/// Stands for an omitted optional input or output.
inline constexpr ValueId no_value{std::numeric_limits<std::uint32_t>::max()};
[[nodiscard]] constexpr std::size_t index(ValueId id) noexcept { return static_cast<std::size_t>(id); }

/// A dimension as a model declares it: a number, a symbol ("batch"), or neither.
struct Dim {
  std::int64_t value = -1;  ///< -1 when the model leaves it open
  std::string symbol;

  friend bool operator==(const Dim&, const Dim&) = default;
};

[[nodiscard]] inline std::string to_string(const Dim& dim) {
  if (dim.value >= 0) return text(dim.value);
  return dim.symbol.empty() ? std::string("?") : dim.symbol;
}

/// One value: made once (by a node, as an input, or as a constant), used any number of times.
struct GraphValue {
  std::string name;
  Type type;
  /// Dimensions as the model declares them, when it does.
  std::optional<std::vector<Dim>> shape;
  /// Set for initializers and folded values that nobody can override.
  std::optional<Constant> constant;
};

struct Subgraph {
  std::string attribute;  ///< "then_branch", "body" …
  std::unique_ptr<Graph> graph;
};

/// An input of a node that is an attribute in the opset by which the node was read.
struct MovedInput {
  std::string attribute;
  std::size_t input;
};

/// One operation. Opset differences are gone: attributes that became inputs are inputs.
struct Node {
  std::string name;
  std::string domain;  ///< "" for ai.onnx
  std::string op_type;
  int opset = 0;  ///< version of the domain by which the node was read
  /// Null when no operator of that name and version is known.
  std::unique_ptr<Operator> op;
  /// What `op` was read from, but for the attributes that became inputs.
  Attributes attributes;
  /// Those.
  std::vector<MovedInput> moved_inputs;
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
  std::vector<Subgraph> subgraphs;
  /// Why `op` is null or could not be read.
  std::string problem;

  /// The operator's members when it is an Op, else null.
  template <class Op>
  [[nodiscard]] const Op* as() const noexcept {
    return op_cast<Op>(op.get());
  }
  /// "com.microsoft.FastGelu", or "Conv" of ai.onnx.
  [[nodiscard]] std::string qualified_op() const { return domain.empty() ? op_type : domain + "." + op_type; }
};

/// A value of an enclosing graph that a subgraph reads.
struct Capture {
  ValueId outer;
  ValueId inner;
};

/// A typed graph. Nodes stand in an order in which every value is made before it is used.
class Graph {
 public:
  std::string name;
  std::vector<GraphValue> values;
  std::vector<Node> nodes;
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
  /// Names of the outputs; a value that is an output may have another name of its own.
  std::vector<std::string> output_names;
  /// Initializers that a feed may override: they have a default in `defaults` and are not constant.
  std::vector<std::pair<ValueId, Constant>> defaults;
  /// Only in subgraphs.
  std::vector<Capture> captures;

  [[nodiscard]] GraphValue& operator[](ValueId id) { return values[index(id)]; }
  [[nodiscard]] const GraphValue& operator[](ValueId id) const { return values[index(id)]; }

  ValueId add_value(GraphValue value) {
    values.push_back(std::move(value));
    return ValueId{static_cast<std::uint32_t>(values.size() - 1)};
  }
  ValueId add_constant(std::string value_name, Constant constant) {
    GraphValue value;
    value.name = std::move(value_name);
    value.type = constant.tensor.dtype;
    value.constant = std::move(constant);
    return add_value(std::move(value));
  }

  /// Errors: invalid_graph when a value is used before it is made, is made twice, or an id is out of range.
  void check() const {
    std::vector<bool> made(values.size(), false);
    const auto make = [&](ValueId id, std::string_view by) {
      if (index(id) >= values.size()) fail(ErrorCode::invalid_graph, "graph '", name, "': ", by, " refers to a value that does not exist");
      if (made[index(id)]) fail(ErrorCode::invalid_graph, "graph '", name, "': the value '", values[index(id)].name, "' is made twice");
      made[index(id)] = true;
    };
    for (std::size_t i = 0; i < values.size(); ++i) made[i] = values[i].constant.has_value();
    for (const ValueId id : inputs) make(id, "an input");
    for (const auto& [id, constant] : defaults) make(id, "an initializer");
    for (const Capture& capture : captures) make(capture.inner, "a capture");
    const auto use = [&](ValueId id, const std::string& by) {
      if (index(id) >= values.size() || !made[index(id)]) {
        fail(ErrorCode::invalid_graph, "graph '", name, "': ", by, " uses ",
             index(id) < values.size() ? text("the value '", values[index(id)].name, "', which nothing makes before it")
                                       : "a value that does not exist");
      }
    };
    for (const Node& node : nodes) {
      for (const ValueId id : node.inputs)
        if (id != no_value) use(id, node.name);
      for (const Subgraph& subgraph : node.subgraphs) {
        for (const Capture& capture : subgraph.graph->captures) use(capture.outer, node.name);
        subgraph.graph->check();
      }
      for (const ValueId id : node.outputs)
        if (id != no_value) make(id, node.name);
    }
    for (const ValueId id : outputs) use(id, "an output");
  }
};

/// Calls visit(value) for each value of its graph that a node uses, those that its subgraphs capture too, once per use.
template <class Visit>
void for_each_use(const Node& node, const Visit& visit) {
  for (const ValueId id : node.inputs)
    if (id != no_value) visit(id);
  for (const Subgraph& subgraph : node.subgraphs)
    for (const Capture& capture : subgraph.graph->captures) visit(capture.outer);
}

}  // namespace hone::inline HONE_ABI
