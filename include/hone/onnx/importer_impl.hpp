#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include <onnx/onnx_pb.h>

#include <hone/config.hpp>
#include <hone/graph/infer_types.hpp>
#include <hone/onnx/attribute_value.hpp>
#include <hone/onnx/contrib_function.hpp>
#include <hone/onnx/free_dimensions.hpp>
#include <hone/onnx/function_proto.hpp>
#include <hone/onnx/gradient_function.hpp>
#include <hone/onnx/importer.hpp>
#include <hone/onnx/node_opset.hpp>
#include <hone/onnx/read_metadata.hpp>
#include <hone/onnx/read_tensor.hpp>
#include <hone/onnx/scope.hpp>
#include <hone/onnx/topological_order.hpp>
#include <hone/onnx/type_proto.hpp>
#include <hone/session/run_options.hpp>

namespace hone::inline HONE_ABI {

namespace detail {

class Importer {
 public:
  Importer(std::shared_ptr<const onnx::ModelProto> model, const std::filesystem::path& folder, const OpRegistry& registry,
           const ImportOptions& options)
      : model_(std::move(model)),
        options_(options),
        owner_(options.raw_data == nullptr ? model_ : nullptr),
        external_(folder, options.external_files, options.raw_data, options.limits),
        registry_(registry),
        dimensions_(options.free_dimension_overrides, options.free_dimension_overrides_by_denotation),
        opsets_(read_opsets(model_->opset_import())) {
    if (!model_->has_graph()) fail(ErrorCode::invalid_graph, "the model has no graph");
    if (opsets_.empty()) opsets_[""] = 1;  // IR versions before 3 name no opset
    for (const auto& function : model_->functions()) functions_[function_key(function)] = &function;
  }

  [[nodiscard]] std::vector<NodeArg> overridable_initializers() const { return overridable_initializers_; }
  [[nodiscard]] const std::vector<SourceFile>& files() const noexcept { return external_.files(); }

  Graph run() {
    Graph graph;
    Scope scope{&graph, nullptr, &opsets_, nullptr, ""};
    import_graph(model_->graph(), scope);
    dimensions_.check_all_used();
    check_initializers_used();
    graph.check();
    return graph;
  }

 private:
  struct Depth {
    Depth(int& counter, const Limits& limits) : counter_(counter) {
      if (++counter_ > limits.max_nesting) {
        --counter_;
        fail(ErrorCode::resource_exhausted, "functions or subgraphs are nested deeper than SessionOptions::limits.max_nesting, which is ",
             limits.max_nesting);
      }
    }
    ~Depth() { --counter_; }
    int& counter_;
  };

  void import_graph(const onnx::GraphProto& proto, Scope& scope) {
    const Depth depth(depth_, options_.limits);
    Graph& graph = *scope.graph;
    graph.name = proto.name();
    std::unordered_map<std::string_view, const onnx::ValueInfoProto*> declared;
    for (const auto& info : proto.value_info()) declared[info.name()] = &info;
    for (const auto& info : proto.output()) declared[info.name()] = &info;
    declared_.push_back(&declared);

    std::unordered_map<std::string_view, Constant> initializers;
    for (const auto& tensor : proto.initializer())
      initializers[tensor.name()] = scope.parent == nullptr ? read_initializer(tensor) : read_tensor(tensor, owner_, external_);
    for (const auto& tensor : proto.sparse_initializer())
      initializers[tensor.values().name()] = read_sparse_tensor(tensor, owner_, external_);

    for (const auto& info : proto.input()) {
      GraphValue value{info.name(), read_type(info.type()), dimensions_.read(info.type()), {}};
      if (const std::size_t i = graph.inputs.size(); i < scope.input_types.size()) receive(value, scope.input_types[i]);
      const auto initial = initializers.find(info.name());
      if (initial == initializers.end()) {
        graph.inputs.push_back(scope.define(std::move(value)));
      } else if (model_->ir_version() >= 4) {
        if (!value.type.is_known()) value.type = initial->second.tensor.dtype;
        if (scope.parent == nullptr) overridable_initializers_.push_back({value.name, value.type, value.shape});
        if (options_.initializer_inputs == InitializerInputs::constant) {
          value.constant = std::move(initial->second);
          scope.define(std::move(value));
        } else {
          graph.defaults.emplace_back(scope.define(std::move(value)), std::move(initial->second));
        }
        initializers.erase(initial);
      }
      // IR version 3 lists every initializer among the inputs; they are constants all the same.
    }
    for (const auto& tensor : proto.initializer()) define_initializer(scope, tensor.name(), initializers);
    for (const auto& tensor : proto.sparse_initializer()) define_initializer(scope, tensor.values().name(), initializers);

    import_nodes(proto.node(), scope);

    for (const auto& info : proto.output()) {
      const ValueId id = scope.look_up(info.name());
      if (id == no_value) fail(ErrorCode::invalid_graph, "graph '", proto.name(), "': nothing makes the output '", info.name(), "'");
      graph.outputs.push_back(id);
      graph.output_names.push_back(info.name());
      if (!graph[id].shape) graph[id].shape = dimensions_.read(info.type());
    }
    declared_.pop_back();
  }

  /// Gives the input of a subgraph the type of what its node passes, which a declared type must accept.
  static void receive(GraphValue& value, const Type& given) {
    if (!value.type.is_known()) value.type = given;
    if (given.is_known() && !value.type.accepts(given)) {
      fail(ErrorCode::invalid_graph, "the input '", value.name, "' of its subgraph has type ", value.type, ", but is given ", given);
    }
  }

  /// The tensor that the options give in place of an initializer, or the initializer.
  Constant read_initializer(const onnx::TensorProto& proto) {
    const auto* given = options_.initializers;
    const auto found = given != nullptr ? given->find(proto.name()) : decltype(given->end()){};
    if (given == nullptr || found == given->end()) return read_tensor(proto, owner_, external_);
    ++initializers_used_;
    const TensorRef& tensor = found->second.tensor;
    Shape shape;
    for (const std::int64_t dim : proto.dims()) shape.push_back(dim);
    const DType dtype = read_dtype(proto.data_type());
    if (tensor.dtype != dtype || !(tensor.shape == shape)) {
      fail(ErrorCode::invalid_argument, "the tensor given for the initializer '", proto.name(), "' is ", Type(tensor.dtype), " of shape ",
           tensor.shape, "; the model has ", Type(dtype), " of shape ", shape);
    }
    return found->second;
  }

  void check_initializers_used() const {
    if (options_.initializers == nullptr || initializers_used_ >= options_.initializers->size()) return;
    for (const auto& [name, constant] : *options_.initializers) {
      bool known = false;
      for (const auto& tensor : model_->graph().initializer()) known = known || tensor.name() == name;
      if (!known) fail(ErrorCode::invalid_argument, "a tensor is given for the initializer '", name, "', which the model does not have");
    }
  }

  void define_initializer(Scope& scope, const std::string& name, std::unordered_map<std::string_view, Constant>& initializers) {
    const auto found = initializers.find(name);
    if (found == initializers.end()) return;
    GraphValue value{name, found->second.tensor.dtype, {}, std::move(found->second)};
    initializers.erase(found);
    scope.define(std::move(value));
  }

  template <class NodeProtos>
  void import_nodes(const NodeProtos& protos, Scope& scope) {
    for (const int i : topological_order(protos)) scope.nodes.push_back(&protos.Get(i));
    for (const onnx::NodeProto* proto : scope.nodes) import_node(*proto, scope);
  }

  void import_node(const onnx::NodeProto& proto, Scope& scope) {
    check_cancelled(options_.stop_token);
    if (++nodes_ > options_.limits.max_nodes)
      fail_limit("the model, in nodes after functions are inlined,", nodes_, "max_nodes", options_.limits.max_nodes);
    Node node;
    node.name = scope.prefix + proto.name();
    node.domain = canonical_domain(proto.domain());
    node.op_type = proto.op_type();
    if (node.name.empty()) node.name = text(proto.op_type(), "_", unnamed_++);
    const auto opset = scope.opsets->find(node.domain);
    node.opset = opset != scope.opsets->end() ? opset->second : 0;
    try {
      if (node.domain.empty() && node.op_type == "Constant") return import_constant(proto, scope);
      if (const auto function = functions_.find(function_key(node.domain, proto)); function != functions_.end()) {
        return inline_function(proto, *function->second, node.name, scope);
      }
      if (node.domain == "ai.onnx.preview.training" && node.op_type == "Gradient") {
        const auto onnx_opset = scope.opsets->find("");
        const GradientFunction gradient(proto, scope.nodes, onnx_opset != scope.opsets->end() ? onnx_opset->second : 1);
        return inline_function(gradient.call(), gradient.function(), node.name, scope);
      }
      if (const auto function = contrib_function(proto, node, scope)) return inline_function(proto, *function, node.name, scope);
      import_operation(proto, std::move(node), scope);
    } catch (const Error& error) {
      if (!error.node().empty()) throw;
      throw Error(error.code(), error.what(), node.name.empty() ? proto.name() : node.name, proto.op_type(),
                  opset != scope.opsets->end() ? opset->second : 0);
    }
  }

  /// The function that the node calls when no provider knows its operator, but it is one of ONNX Runtime's.
  std::optional<onnx::FunctionProto> contrib_function(const onnx::NodeProto& proto, const Node& node, Scope& scope) const {
    const bool contrib = node.domain == contrib_domain || (node.domain.empty() && node.op_type == "SimplifiedLayerNormalization");
    if (!contrib || registry_.knows(node.domain, node.op_type)) return std::nullopt;
    std::vector<std::optional<std::size_t>> ranks;
    for (const auto& input : proto.input()) {
      const ValueId id = input.empty() ? no_value : scope.look_up(input);
      const bool known = id != no_value && (*scope.graph)[id].shape;
      ranks.push_back(known ? std::optional((*scope.graph)[id].shape->size()) : std::nullopt);
    }
    return ContribFunction::of(proto, ranks);
  }

  void import_operation(const onnx::NodeProto& proto, Node node, Scope& scope) {
    node.opset = opset_of(proto, node.opset);
    for (const auto& input : proto.input()) {
      const ValueId id = input.empty() ? no_value : scope.look_up(input);
      if (id == no_value && !input.empty()) fail(ErrorCode::invalid_graph, "nothing makes its input '", input, "'");
      node.inputs.push_back(id);
    }
    Attributes attributes;
    for (const auto& attribute : proto.attribute()) import_attribute(attribute, scope, attributes, node);

    const OpInfo* info = registry_.find(node.domain, node.op_type, node.opset);
    if (info != nullptr) {
      AttributeReader reader(attributes, node.opset);
      node.op = info->create(reader);
      reader.check_all_known();
      for (const MovedAttribute& moved : reader.moved()) append_input(moved, node, *scope.graph);
      node.attributes = attributes;
      for (const MovedAttribute& moved : reader.moved()) {
        node.attributes.erase(moved.name);
        node.moved_inputs.push_back({moved.name, moved.input});
      }
    } else if (!scope.opsets->contains(node.domain)) {
      fail(ErrorCode::invalid_graph, "the model imports no opset of the domain '", node.domain, "'");
    } else {
      node.problem = registry_.knows(node.domain, node.op_type) ? text("no provider has a kernel for opset ", node.opset, " of it")
                                                                : std::string("no provider knows the operator");
    }
    while (!node.inputs.empty() && node.inputs.back() == no_value) node.inputs.pop_back();

    std::vector<Type> types(static_cast<std::size_t>(proto.output_size()));
    if (node.op != nullptr) infer_types(node, *scope.graph, types);
    for (int i = 0; i < proto.output_size(); ++i) {
      if (proto.output(i).empty()) {
        node.outputs.push_back(no_value);
        continue;
      }
      GraphValue value{proto.output(i), types[static_cast<std::size_t>(i)], {}, {}};
      declare(value, scope);
      node.outputs.push_back(scope.define(std::move(value)));
    }
    scope.graph->nodes.push_back(std::move(node));
  }

  /// Adds what the model declares of the value; an inferred type must agree with a declared one.
  void declare(GraphValue& value, const Scope& scope) {
    if (scope.call != nullptr) return;  // names in functions mean other values
    const auto found = declared_.back()->find(value.name);
    if (found == declared_.back()->end()) return;
    const Type type = read_type(found->second->type());
    if (value.type.is_known() && type.is_known() && type.is_tensor() && !(type == value.type)) {
      fail(ErrorCode::invalid_graph, "its output '", value.name, "' has type ", value.type, ", but the model declares ", type);
    }
    if (!value.type.is_known()) value.type = type;
    value.shape = dimensions_.read(found->second->type());
  }

  void import_attribute(const onnx::AttributeProto& written, Scope& scope, Attributes& attributes, Node& node) {
    const onnx::AttributeProto* proto = &written;
    if (!written.ref_attr_name().empty()) {
      if (scope.call == nullptr)
        fail(ErrorCode::invalid_graph, "the attribute '", written.name(), "' refers to one of a function, outside of any");
      proto = scope.call->attribute(written.ref_attr_name());
      if (proto == nullptr) return;
    }
    const std::string& name = written.name();
    if (name == opset_attribute) return;
    switch (attribute_type(*proto)) {
      case onnx::AttributeProto::GRAPH:
        return import_subgraph(name, proto->g(), scope, node);
      case onnx::AttributeProto::GRAPHS:
        for (const auto& graph : proto->graphs()) import_subgraph(name, graph, scope, node);
        return;
      default:
        return attributes.set(name, read_attribute(*proto, name, owner_, external_));
    }
  }

  void import_subgraph(const std::string& attribute, const onnx::GraphProto& proto, Scope& scope, Node& node) {
    auto graph = std::make_unique<Graph>();
    Scope inner{graph.get(), &scope, scope.opsets, scope.call, ""};
    const OpInfo* info = registry_.find(node.domain, node.op_type, node.opset);
    if (info != nullptr && info->subgraph_input != nullptr) {
      std::vector<Type> types;
      for (const ValueId id : node.inputs) types.push_back(id == no_value ? Type() : (*scope.graph)[id].type);
      const auto count = static_cast<std::size_t>(proto.input_size());
      for (std::size_t i = 0; i < count; ++i) inner.input_types.push_back(info->subgraph_input(types, i, count));
    }
    import_graph(proto, inner);
    node.subgraphs.push_back({attribute, std::move(graph)});
  }

  void import_constant(const onnx::NodeProto& proto, Scope& scope) {
    Attributes attributes;
    Node node;
    for (const auto& attribute : proto.attribute()) import_attribute(attribute, scope, attributes, node);
    if (proto.output_size() != 1) fail(ErrorCode::invalid_graph, "it has ", proto.output_size(), " outputs; the operator has 1");
    for (const auto& [name, attribute] : attributes) {
      if (const auto* tensor = std::get_if<Constant>(&attribute)) {
        scope.define({proto.output(0), tensor->tensor.dtype, {}, *tensor});
        return;
      }
      if (std::shared_ptr<Value> value = value_of(attribute, DType::float32)) {
        const TensorRef ref = value->ref();
        scope.define({proto.output(0), ref.dtype, {}, Constant{ref, std::move(value)}});
        return;
      }
    }
    fail(ErrorCode::invalid_graph, "it has no value");
  }

  void inline_function(const onnx::NodeProto& proto, const onnx::FunctionProto& function, const std::string& call_name, Scope& scope) {
    const Depth depth(depth_, options_.limits);
    const FunctionCall call(proto, function, scope.call);
    Opsets opsets = read_opsets(function.opset_import());
    for (const auto& [domain, version] : opsets_) opsets.emplace(domain, version);
    Scope body{scope.graph, nullptr, &opsets, &call, call_name + "/"};
    if (proto.input_size() > function.input_size() || proto.output_size() > function.output_size()) {
      fail(ErrorCode::invalid_graph, "the function '", function.name(), "' has fewer inputs or outputs than its call");
    }
    for (int i = 0; i < function.input_size(); ++i) {
      const bool given = i < proto.input_size() && !proto.input(i).empty();
      const ValueId id = given ? scope.look_up(proto.input(i)) : no_value;
      if (given && id == no_value) fail(ErrorCode::invalid_graph, "nothing makes its input '", proto.input(i), "'");
      body.names.emplace(function.input(i), id);
    }
    import_nodes(function.node(), body);
    for (int i = 0; i < proto.output_size(); ++i) {
      if (proto.output(i).empty()) continue;
      const ValueId id = body.look_up(function.output(i));
      if (id == no_value)
        fail(ErrorCode::invalid_graph, "the function '", function.name(), "' does not make its output '", function.output(i), "'");
      scope.give(proto.output(i), id);
    }
  }

  std::shared_ptr<const onnx::ModelProto> model_;
  std::shared_ptr<const onnx::ModelProto> owner_;  ///< of constants that stand in the message; null: they are copied
  const ImportOptions& options_;
  ExternalData external_;
  const OpRegistry& registry_;
  FreeDimensions dimensions_;
  Opsets opsets_;
  std::vector<NodeArg> overridable_initializers_;
  std::unordered_map<std::string, const onnx::FunctionProto*> functions_;
  std::vector<const std::unordered_map<std::string_view, const onnx::ValueInfoProto*>*> declared_;
  std::size_t initializers_used_ = 0;
  std::size_t nodes_ = 0;
  int depth_ = 0;
  int unnamed_ = 0;
};

}  // namespace detail

HONE_INLINE ImportedModel import_model(std::shared_ptr<const onnx::ModelProto> model, const std::filesystem::path& folder,
                                       const OpRegistry& registry, const ImportOptions& options) {
  ModelMetadata metadata = detail::read_metadata(*model);
  detail::Importer importer(std::move(model), folder, registry, options);
  Graph graph = importer.run();
  return {std::move(graph), std::move(metadata), importer.overridable_initializers(), importer.files()};
}

}  // namespace hone::inline HONE_ABI
