#pragma once

#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <onnx/onnx_pb.h>

#include <hone/config.hpp>
#include <hone/core/error.hpp>
#include <hone/graph/graph.hpp>
#include <hone/onnx/function_proto.hpp>
#include <hone/onnx/read_metadata.hpp>

namespace hone::inline HONE_ABI::detail {

/// Where names are looked up: those of one GraphProto or of one inlined function, then those of the graph around it.
struct Scope {
  Graph* graph;
  /// Of the graph around this one; null for the main graph, and for a function, which sees nothing around it.
  Scope* parent;
  const Opsets* opsets;
  /// Attributes of the function call that is being inlined, for `ref_attr_name`; null outside functions.
  const FunctionCall* call;
  /// Put before names made in an inlined function, which would clash otherwise.
  std::string prefix;
  std::unordered_map<std::string, ValueId> names = {};
  /// Of a subgraph: what its inputs are when it does not say so.
  std::vector<Type> input_types = {};
  /// In the order of import.
  std::vector<const onnx::NodeProto*> nodes = {};

  /// Adds a value to the graph, under its name. Errors: invalid_graph for a name that is taken.
  ValueId define(GraphValue value) {
    const std::string name = value.name;
    value.name = prefix + name;
    const ValueId id = graph->add_value(std::move(value));
    give(name, id);
    return id;
  }
  /// Lets a name mean a value. Errors: invalid_graph for a name that is taken.
  void give(const std::string& name, ValueId id) {
    if (!names.emplace(name, id).second) fail(ErrorCode::invalid_graph, "the value '", name, "' is made twice");
  }
  /// The value of a name, captured from the graphs around when need be; no_value for an unknown name.
  ValueId look_up(const std::string& name) {
    if (const auto found = names.find(name); found != names.end()) return found->second;
    if (parent == nullptr) return no_value;
    const ValueId outer = parent->look_up(name);
    if (outer == no_value) return no_value;
    const GraphValue& source = (*parent->graph)[outer];
    const ValueId inner = graph->add_value(GraphValue(source));
    if (!source.constant) graph->captures.push_back({outer, inner});
    names.emplace(name, inner);
    return inner;
  }
};

}  // namespace hone::inline HONE_ABI::detail
