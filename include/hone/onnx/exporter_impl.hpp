#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include <onnx/onnx_pb.h>

#include <hone/config.hpp>
#include <hone/onnx/attribute_value.hpp>
#include <hone/onnx/exporter.hpp>
#include <hone/onnx/initializer_writer.hpp>
#include <hone/onnx/model_proto_impl.hpp>
#include <hone/onnx/node_opset.hpp>
#include <hone/onnx/read_metadata.hpp>
#include <hone/onnx/type_proto.hpp>

namespace hone::inline HONE_ABI {

namespace detail {

class Exporter {
 public:
  Exporter(const OpRegistry& registry, const ExportOptions& options) : registry_(registry), options_(options) {}

  ExportedModel run(const Graph& graph, const ModelMetadata& metadata) {
    const std::shared_ptr<onnx::ModelProto> model = make_model();
    write_metadata(metadata, *model);
    opsets_ = metadata.opset_imports;
    if (opsets_.empty()) opsets_[""] = 1;  // as the importer has it
    const Opsets imported = opsets_;
    import_opsets(graph, imported);

    onnx::GraphProto& proto = *model->mutable_graph();
    proto.set_name(metadata.graph_name);
    proto.set_doc_string(metadata.graph_description);
    Names names(graph.values.size());
    // Names that callers know are taken before all others.
    for (const ValueId id : graph.inputs) claim(names[index(id)] = graph[id].name);
    for (const auto& [id, constant] : graph.defaults) claim(names[index(id)] = graph[id].name);
    for (const std::string& name : graph.output_names) claim(name);
    const std::vector<std::size_t> copied = name_outputs(graph, names);

    write_inputs(graph, names, proto);
    for (const auto& [id, constant] : graph.defaults) {
      write_value(graph[id], names[index(id)], *proto.add_input());
      initializers_.add_default(names[index(id)], constant.tensor);
    }
    write_nodes(graph, names, proto);
    for (const std::size_t i : copied) write_copy(name_of(graph, graph.outputs[i], names), graph.output_names[i], proto);
    for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
      GraphValue declared = graph[graph.outputs[i]];
      if (i < options_.outputs.size()) {
        declared.type = options_.outputs[i].value_type;
        declared.shape = options_.outputs[i].shape;
      }
      (void)name_of(graph, graph.outputs[i], names);
      write_value(declared, graph.output_names[i], *proto.add_output());
    }
    std::vector<ExportedModel::ExternalTensor> external = initializers_.write(options_, proto);
    for (const auto& [domain, version] : opsets_) {
      auto& import = *model->add_opset_import();
      import.set_domain(domain);
      import.set_version(version);
    }
    return {model, std::move(external)};
  }

 private:
  /// Names in the model of the values of one graph, by ValueId; empty until a value is met.
  using Names = std::vector<std::string>;

  static void write_metadata(const ModelMetadata& metadata, onnx::ModelProto& to) {
    // The first version in which initializers need not be inputs.
    to.set_ir_version(std::max<std::int64_t>(metadata.ir_version, 4));
    to.set_producer_name(metadata.producer_name);
    to.set_producer_version(metadata.producer_version);
    to.set_domain(metadata.domain);
    to.set_doc_string(metadata.description);
    to.set_model_version(metadata.version);
    for (const auto& [key, value] : metadata.custom_metadata_map) {
      auto& entry = *to.add_metadata_props();
      entry.set_key(key);
      entry.set_value(value);
    }
  }

  /// Keeps the versions that the model imports, by which most nodes were read. Of domains that it does not import, the newest one in use.
  void import_opsets(const Graph& graph, const Opsets& imported) {
    for (const Node& node : graph.nodes) {
      if (!imported.contains(node.domain)) {
        int& version = opsets_[node.domain];
        version = std::max(version, node.opset);
      }
      for (const Subgraph& subgraph : node.subgraphs) import_opsets(*subgraph.graph, imported);
    }
  }

  void claim(const std::string& name) { taken_.insert(name); }
  /// The name, made longer when it stands for another value already. Names are unique over all graphs of the model, so that none hides one
  /// of a graph around it.
  std::string unique(const std::string& name) {
    std::string result = name.empty() ? "value" : name;
    for (int i = 1; !taken_.insert(result).second; ++i) result = text(name.empty() ? "value" : name, "_", i);
    return result;
  }

  /// Gives values the names of the outputs that they are. Returns the outputs that need a copy, since their value has another name.
  static std::vector<std::size_t> name_outputs(const Graph& graph, Names& names) {
    std::vector<std::size_t> copied;
    for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
      std::string& name = names[index(graph.outputs[i])];
      if (name.empty()) name = graph.output_names[i];
      if (name != graph.output_names[i]) copied.push_back(i);
    }
    return copied;
  }

  /// Of a constant, the name of the initializer with its elements.
  const std::string& name_of(const Graph& graph, ValueId id, Names& names) {
    std::string& name = names[index(id)];
    const GraphValue& value = graph[id];
    if (!value.constant) {
      if (name.empty()) name = unique(value.name);
      return name;
    }
    const TensorRef& tensor = value.constant->tensor;
    if (name.empty()) name = initializers_.name_of(tensor);
    if (name.empty()) name = unique(value.name);
    initializers_.add_constant(name, tensor);
    return name;
  }

  static void write_value(const GraphValue& value, const std::string& name, onnx::ValueInfoProto& to) {
    to.set_name(name);
    if (!value.type.is_known()) return;
    write_type(value.type, *to.mutable_type());
    write_dims(value.shape, *to.mutable_type());
  }

  void write_inputs(const Graph& graph, Names& names, onnx::GraphProto& to) {
    for (const ValueId id : graph.inputs) write_value(graph[id], name_of(graph, id, names), *to.add_input());
  }

  void write_nodes(const Graph& graph, Names& names, onnx::GraphProto& to) {
    for (const Node& node : graph.nodes) {
      onnx::NodeProto& proto = *to.add_node();
      write_node(graph, node, names, proto);
      for (const ValueId id : node.outputs) {
        if (id != no_value && graph[id].type.is_known() && !is_output(graph, id))
          write_value(graph[id], names[index(id)], *to.add_value_info());
      }
    }
  }
  static bool is_output(const Graph& graph, ValueId id) {
    return std::find(graph.outputs.begin(), graph.outputs.end(), id) != graph.outputs.end();
  }

  void write_node(const Graph& graph, const Node& node, Names& names, onnx::NodeProto& to) {
    if (node.op != nullptr && registry_.find(node.domain, node.op_type, node.opset) != &node.op->info()) {
      throw Error(ErrorCode::not_implemented, "it cannot be saved: another operator has its name", node.name, node.qualified_op(),
                  node.opset);
    }
    to.set_name(node.name);
    to.set_domain(node.domain);
    to.set_op_type(node.op_type);
    const int version = opsets_.at(node.domain);
    std::vector<std::string> inputs;
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      const ValueId id = node.inputs[k];
      if (id == no_value || (version == node.opset && write_moved(graph, node, k, to))) {
        inputs.emplace_back();
      } else {
        inputs.push_back(name_of(graph, id, names));
      }
    }
    while (!inputs.empty() && inputs.back().empty()) inputs.pop_back();
    for (std::string& input : inputs) to.add_input(std::move(input));
    for (const ValueId id : node.outputs) to.add_output(id == no_value ? std::string() : name_of(graph, id, names));
    for (const auto& [name, attribute] : node.attributes) write_attribute(name, attribute, *to.add_attribute());
    for (const Subgraph& subgraph : node.subgraphs) write_subgraph(node, subgraph, graph, names, to);
    if (!reads_alike(node, version, registry_))
      write_attribute(std::string(opset_attribute), std::int64_t{node.opset}, *to.add_attribute());
  }

  /// Writes an input as the attribute that it is in the opset of the node; false when it is none, or has become no constant.
  static bool write_moved(const Graph& graph, const Node& node, std::size_t input, onnx::NodeProto& to) {
    const GraphValue& value = graph[node.inputs[input]];
    const auto moved =
        std::find_if(node.moved_inputs.begin(), node.moved_inputs.end(), [&](const MovedInput& entry) { return entry.input == input; });
    if (moved == node.moved_inputs.end() || !value.constant) return false;
    const std::optional<Attribute> attribute = attribute_for(value.constant->tensor);
    if (attribute) write_attribute(moved->attribute, *attribute, *to.add_attribute());
    return attribute.has_value();
  }

  void write_subgraph(const Node& node, const Subgraph& subgraph, const Graph& outer, Names& outer_names, onnx::NodeProto& to) {
    onnx::GraphProto& proto = graph_attribute(node, subgraph.attribute, to);
    const Graph& graph = *subgraph.graph;
    proto.set_name(graph.name);
    Names names(graph.values.size());
    for (const Capture& capture : graph.captures) names[index(capture.inner)] = name_of(outer, capture.outer, outer_names);
    write_inputs(graph, names, proto);
    write_nodes(graph, names, proto);
    for (const ValueId id : graph.outputs) write_value(graph[id], subgraph_output(graph, id, names, proto), *proto.add_output());
  }
  /// ONNX wants the outputs of a subgraph made in it.
  std::string subgraph_output(const Graph& graph, ValueId id, Names& names, onnx::GraphProto& to) {
    const GraphValue& value = graph[id];
    const bool captured =
        std::any_of(graph.captures.begin(), graph.captures.end(), [&](const Capture& capture) { return capture.inner == id; });
    if (!value.constant && !captured) return name_of(graph, id, names);
    std::string name = unique(value.name);
    if (captured) {
      write_copy(name_of(graph, id, names), name, to);
      return name;
    }
    onnx::NodeProto& node = add_node("Constant", name, to);
    write_attribute("value", *value.constant, *node.add_attribute());
    return name;
  }
  /// Where the next graph of an attribute goes.
  static onnx::GraphProto& graph_attribute(const Node& node, const std::string& name, onnx::NodeProto& to) {
    for (auto& written : *to.mutable_attribute())
      if (written.name() == name) return *written.add_graphs();
    onnx::AttributeProto& attribute = *to.add_attribute();
    attribute.set_name(name);
    const auto count =
        std::count_if(node.subgraphs.begin(), node.subgraphs.end(), [&](const Subgraph& other) { return other.attribute == name; });
    attribute.set_type(count > 1 ? onnx::AttributeProto::GRAPHS : onnx::AttributeProto::GRAPH);
    return count > 1 ? *attribute.add_graphs() : *attribute.mutable_g();
  }

  /// Adds a node of ai.onnx that makes `output`.
  onnx::NodeProto& add_node(const char* op_type, const std::string& output, onnx::GraphProto& to) {
    opsets_.emplace("", 1);
    onnx::NodeProto& node = *to.add_node();
    node.set_name(output);
    node.set_op_type(op_type);
    node.add_output(output);
    return node;
  }
  void write_copy(const std::string& from, const std::string& to, onnx::GraphProto& graph) {
    add_node("Identity", to, graph).add_input(from);
  }

  const OpRegistry& registry_;
  const ExportOptions& options_;
  Opsets opsets_;
  std::unordered_set<std::string> taken_;
  InitializerWriter initializers_;
};

}  // namespace detail

HONE_INLINE ExportedModel export_model(const Graph& graph, const ModelMetadata& metadata, const OpRegistry& registry,
                                       const ExportOptions& options) {
  return detail::Exporter(registry, options).run(graph, metadata);
}

}  // namespace hone::inline HONE_ABI
