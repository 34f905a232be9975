#pragma once

#include <functional>
#include <map>
#include <queue>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <onnx/onnx_pb.h>

#include <hone/config.hpp>
#include <hone/onnx/function_proto.hpp>
#include <hone/onnx/importer.hpp>
#include <hone/onnx/read_tensor.hpp>
#include <hone/onnx/type_proto.hpp>

namespace hone::inline HONE_ABI {

namespace detail {

using Opsets = std::map<std::string, int>;

template <class Imports>
Opsets read_opsets(const Imports& imports) {
  Opsets opsets;
  for (const auto& import : imports) opsets[canonical_domain(import.domain())] = static_cast<int>(import.version());
  return opsets;
}

/// Where names are looked up: those of one GraphProto or of one inlined function, then those of the graph around it.
struct Scope {
  Graph* graph;
  Scope* parent;
  const Opsets* opsets;
  /// Attributes of the function call that is being inlined, for `ref_attr_name`; null outside functions.
  const FunctionCall* call;
  /// Put before names made in an inlined function, which would clash otherwise.
  std::string prefix;
  std::unordered_map<std::string, ValueId> names = {};
};

class Importer {
 public:
  Importer(std::shared_ptr<const onnx::ModelProto> model, const std::filesystem::path& folder, const OpRegistry& registry,
           InitializerInputs initializer_inputs)
      : model_(std::move(model)),
        external_(folder),
        registry_(registry),
        initializer_inputs_(initializer_inputs),
        opsets_(read_opsets(model_->opset_import())) {
    if (!model_->has_graph()) fail(ErrorCode::invalid_graph, "the model has no graph");
    if (opsets_.empty()) opsets_[""] = 1;  // IR versions before 3 name no opset
    for (const auto& function : model_->functions()) functions_[function_key(function)] = &function;
  }

  [[nodiscard]] std::vector<NodeArg> overridable_initializers() const { return overridable_initializers_; }

  Graph run() {
    Graph graph;
    Scope scope{&graph, nullptr, &opsets_, nullptr, ""};
    import_graph(model_->graph(), scope);
    graph.check();
    return graph;
  }

 private:
  /// Deep enough for any real model; bounds what a hostile one can do to the stack.
  static constexpr int max_depth = 64;

  struct Depth {
    explicit Depth(int& counter) : counter_(counter) {
      if (++counter_ > max_depth) {
        --counter_;
        fail(ErrorCode::invalid_graph, "functions or subgraphs are nested more than ", max_depth, " deep");
      }
    }
    ~Depth() { --counter_; }
    int& counter_;
  };

  void import_graph(const onnx::GraphProto& proto, Scope& scope) {
    const Depth depth(depth_);
    Graph& graph = *scope.graph;
    graph.name = proto.name();
    std::unordered_map<std::string_view, const onnx::ValueInfoProto*> declared;
    for (const auto& info : proto.value_info()) declared[info.name()] = &info;
    for (const auto& info : proto.output()) declared[info.name()] = &info;
    declared_.push_back(&declared);

    std::unordered_map<std::string_view, Constant> initializers;
    for (const auto& tensor : proto.initializer()) initializers[tensor.name()] = read_tensor(tensor, model_, external_);
    for (const auto& tensor : proto.sparse_initializer())
      initializers[tensor.values().name()] = read_sparse_tensor(tensor, model_, external_);

    for (const auto& info : proto.input()) {
      GraphValue value{info.name(), read_type(info.type()), read_dims(info.type()), {}};
      const auto initial = initializers.find(info.name());
      if (initial == initializers.end()) {
        graph.inputs.push_back(define(scope, std::move(value)));
      } else if (model_->ir_version() >= 4) {
        if (!value.type.is_known()) value.type = initial->second.tensor.dtype;
        if (scope.parent == nullptr) overridable_initializers_.push_back({value.name, value.type, value.shape});
        if (initializer_inputs_ == InitializerInputs::constant) {
          value.constant = std::move(initial->second);
          define(scope, std::move(value));
        } else {
          graph.defaults.emplace_back(define(scope, std::move(value)), std::move(initial->second));
        }
        initializers.erase(initial);
      }
      // IR version 3 lists every initializer among the inputs; they are constants all the same.
    }
    for (const auto& tensor : proto.initializer()) define_initializer(scope, tensor.name(), initializers);
    for (const auto& tensor : proto.sparse_initializer()) define_initializer(scope, tensor.values().name(), initializers);

    import_nodes(proto.node(), scope);

    for (const auto& info : proto.output()) {
      const ValueId id = look_up(scope, info.name());
      if (id == no_value) fail(ErrorCode::invalid_graph, "graph '", proto.name(), "': nothing makes the output '", info.name(), "'");
      graph.outputs.push_back(id);
      graph.output_names.push_back(info.name());
      if (!graph[id].shape) graph[id].shape = read_dims(info.type());
    }
    declared_.pop_back();
  }

  void define_initializer(Scope& scope, const std::string& name, std::unordered_map<std::string_view, Constant>& initializers) {
    const auto found = initializers.find(name);
    if (found == initializers.end()) return;
    GraphValue value{name, found->second.tensor.dtype, {}, std::move(found->second)};
    initializers.erase(found);
    define(scope, std::move(value));
  }

  ValueId define(Scope& scope, GraphValue value) {
    const std::string name = value.name;
    value.name = scope.prefix + value.name;
    const ValueId id = scope.graph->add_value(std::move(value));
    if (!scope.names.emplace(name, id).second) fail(ErrorCode::invalid_graph, "the value '", name, "' is made twice");
    return id;
  }

  /// The value of a name, captured from enclosing graphs when need be; no_value for an unknown name.
  static ValueId look_up(Scope& scope, const std::string& name) {
    if (const auto found = scope.names.find(name); found != scope.names.end()) return found->second;
    if (scope.parent == nullptr) return no_value;
    const ValueId outer = look_up(*scope.parent, name);
    if (outer == no_value || scope.parent->graph == scope.graph) return outer;
    const GraphValue& source = (*scope.parent->graph)[outer];
    const ValueId inner = scope.graph->add_value(GraphValue(source));
    if (!source.constant) scope.graph->captures.push_back({outer, inner});
    scope.names.emplace(name, inner);
    return inner;
  }

  template <class NodeProtos>
  void import_nodes(const NodeProtos& protos, Scope& scope) {
    for (const int i : topological_order(protos)) import_node(protos.Get(i), scope);
  }

  /// Indices of `protos` in an order in which values are made before they are used; the given order wherever it already is one.
  template <class NodeProtos>
  static std::vector<int> topological_order(const NodeProtos& protos) {
    std::unordered_map<std::string_view, int> producers;
    for (int i = 0; i < protos.size(); ++i)
      for (const auto& output : protos.Get(i).output())
        if (!output.empty()) producers.emplace(output, i);

    std::vector<std::vector<int>> consumers(static_cast<std::size_t>(protos.size()));
    std::vector<int> waits_for(static_cast<std::size_t>(protos.size()), 0);
    for (int i = 0; i < protos.size(); ++i) {
      std::set<int> before;
      for_each_used_name(protos.Get(i), [&](const std::string& name) {
        const auto found = producers.find(name);
        if (found != producers.end() && found->second != i) before.insert(found->second);
      });
      waits_for[static_cast<std::size_t>(i)] = static_cast<int>(before.size());
      for (const int producer : before) consumers[static_cast<std::size_t>(producer)].push_back(i);
    }

    std::priority_queue<int, std::vector<int>, std::greater<>> ready;
    for (int i = 0; i < protos.size(); ++i)
      if (waits_for[static_cast<std::size_t>(i)] == 0) ready.push(i);
    std::vector<int> order;
    while (!ready.empty()) {
      const int node = ready.top();
      ready.pop();
      order.push_back(node);
      for (const int consumer : consumers[static_cast<std::size_t>(node)])
        if (--waits_for[static_cast<std::size_t>(consumer)] == 0) ready.push(consumer);
    }
    if (order.size() != static_cast<std::size_t>(protos.size())) {
      for (int i = 0; i < protos.size(); ++i)
        if (waits_for[static_cast<std::size_t>(i)] > 0)
          fail(ErrorCode::invalid_graph, "the node '", protos.Get(i).name(), "' (", protos.Get(i).op_type(), ") depends on its own output");
    }
    return order;
  }

  /// Names that the node reads, those that its subgraphs take from around them included.
  template <class Visit>
  static void for_each_used_name(const onnx::NodeProto& node, const Visit& visit) {
    for (const auto& input : node.input())
      if (!input.empty()) visit(input);
    const auto in_graph = [&](const onnx::GraphProto& graph) {
      std::unordered_set<std::string_view> own;
      for (const auto& input : graph.input()) own.insert(input.name());
      for (const auto& tensor : graph.initializer()) own.insert(tensor.name());
      for (const auto& tensor : graph.sparse_initializer()) own.insert(tensor.values().name());
      for (const auto& inner : graph.node()) own.insert(inner.output().begin(), inner.output().end());
      // Type-erased, because the recursion would otherwise make a type for every depth.
      const std::function<void(const std::string&)> visit_outer = [&](const std::string& name) {
        if (!own.contains(name)) visit(name);
      };
      for (const auto& inner : graph.node()) for_each_used_name(inner, visit_outer);
      for (const auto& output : graph.output()) visit_outer(output.name());
    };
    for (const auto& attribute : node.attribute()) {
      if (attribute.has_g()) in_graph(attribute.g());
      for (const auto& graph : attribute.graphs()) in_graph(graph);
    }
  }

  void import_node(const onnx::NodeProto& proto, Scope& scope) {
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
      import_operation(proto, std::move(node), scope);
    } catch (const Error& error) {
      if (!error.node().empty()) throw;
      throw Error(error.code(), error.what(), node.name.empty() ? proto.name() : node.name, proto.op_type(),
                  opset != scope.opsets->end() ? opset->second : 0);
    }
  }

  void import_operation(const onnx::NodeProto& proto, Node node, Scope& scope) {
    for (const auto& input : proto.input()) {
      const ValueId id = input.empty() ? no_value : look_up(scope, input);
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
      node.outputs.push_back(define(scope, std::move(value)));
    }
    scope.graph->nodes.push_back(std::move(node));
  }

  /// Adds what the model declares of the value; an inferred type must agree with a declared one.
  void declare(GraphValue& value, const Scope& scope) const {
    if (scope.call != nullptr) return;  // names in functions mean other values
    const auto found = declared_.back()->find(value.name);
    if (found == declared_.back()->end()) return;
    const Type type = read_type(found->second->type());
    if (value.type.is_known() && type.is_known() && type.is_tensor() && !(type == value.type)) {
      fail(ErrorCode::invalid_graph, "its output '", value.name, "' has type ", value.type, ", but the model declares ", type);
    }
    if (!value.type.is_known()) value.type = type;
    value.shape = read_dims(found->second->type());
  }

  static void infer_types(const Node& node, const Graph& graph, std::vector<Type>& types) {
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
    for (std::size_t i = 0; i < arity.min_inputs; ++i)
      if (node.inputs[i] == no_value) fail(ErrorCode::invalid_graph, "its input ", i, " is missing");
    if (!all_known) return;  // downstream of a node without a definition
    std::vector<const Graph*> subgraphs;
    for (const Subgraph& subgraph : node.subgraphs) subgraphs.push_back(subgraph.graph.get());
    node.op->types(TypeContext(inputs, types, subgraphs));
  }

  void import_attribute(const onnx::AttributeProto& written, const Scope& scope, Attributes& attributes, Node& node) {
    const onnx::AttributeProto* proto = &written;
    if (!written.ref_attr_name().empty()) {
      if (scope.call == nullptr)
        fail(ErrorCode::invalid_graph, "the attribute '", written.name(), "' refers to one of a function, outside of any");
      proto = scope.call->attribute(written.ref_attr_name());
      if (proto == nullptr) return;
    }
    const std::string& name = written.name();
    switch (attribute_type(*proto)) {
      case onnx::AttributeProto::FLOAT:
        return attributes.set(name, proto->f());
      case onnx::AttributeProto::INT:
        return attributes.set(name, static_cast<std::int64_t>(proto->i()));
      case onnx::AttributeProto::STRING:
        return attributes.set(name, proto->s());
      case onnx::AttributeProto::TENSOR:
        return attributes.set(name, read_tensor(proto->t(), model_, external_));
      case onnx::AttributeProto::SPARSE_TENSOR:
        return attributes.set(name, read_sparse_tensor(proto->sparse_tensor(), model_, external_));
      case onnx::AttributeProto::TYPE_PROTO:
        return attributes.set(name, read_type(proto->tp()));
      case onnx::AttributeProto::FLOATS:
        return attributes.set(name, std::vector<float>(proto->floats().begin(), proto->floats().end()));
      case onnx::AttributeProto::INTS:
        return attributes.set(name, std::vector<std::int64_t>(proto->ints().begin(), proto->ints().end()));
      case onnx::AttributeProto::STRINGS:
        return attributes.set(name, std::vector<std::string>(proto->strings().begin(), proto->strings().end()));
      case onnx::AttributeProto::TENSORS: {
        std::vector<Constant> tensors;
        for (const auto& tensor : proto->tensors()) tensors.push_back(read_tensor(tensor, model_, external_));
        return attributes.set(name, std::move(tensors));
      }
      case onnx::AttributeProto::GRAPH:
        return import_subgraph(name, proto->g(), scope, node);
      case onnx::AttributeProto::GRAPHS:
        for (const auto& graph : proto->graphs()) import_subgraph(name, graph, scope, node);
        return;
      default:
        fail(ErrorCode::invalid_graph, "the attribute '", name, "' is of a kind that ONNX does not define for it");
    }
  }

  void import_subgraph(const std::string& attribute, const onnx::GraphProto& proto, const Scope& scope, Node& node) {
    auto graph = std::make_unique<Graph>();
    Scope inner{graph.get(), const_cast<Scope*>(&scope), scope.opsets, scope.call, ""};
    import_graph(proto, inner);
    node.subgraphs.push_back({attribute, std::move(graph)});
  }

  /// Gives a node the input that an attribute of an older opset stands for.
  static void append_input(const MovedAttribute& moved, Node& node, Graph& graph) {
    if (moved.input < node.inputs.size() && node.inputs[moved.input] != no_value) {
      fail(ErrorCode::invalid_graph, "it has input ", moved.input, " both as an attribute and as an input");
    }
    std::shared_ptr<Value> value;
    if (const auto* integer = std::get_if<std::int64_t>(moved.value)) value = std::make_shared<Value>(Tensor<std::int64_t>({}, {*integer}));
    if (const auto* list = std::get_if<std::vector<std::int64_t>>(moved.value)) {
      value = std::make_shared<Value>(Tensor<std::int64_t>({static_cast<std::int64_t>(list->size())}, *list));
    }
    if (const auto* list = std::get_if<std::vector<float>>(moved.value)) {
      value = std::make_shared<Value>(Tensor<float>({static_cast<std::int64_t>(list->size())}, *list));
    }
    if (const auto* number = std::get_if<float>(moved.value)) {
      const DType dtype = moved.like_first_input && node.inputs[0] != no_value ? graph[node.inputs[0]].type.dtype : DType::float32;
      value = std::make_shared<Value>(scalar(dtype, *number));
    }
    if (!value) fail(ErrorCode::invalid_graph, "an attribute is of the wrong kind");
    if (node.inputs.size() <= moved.input) node.inputs.resize(moved.input + 1, no_value);
    const TensorRef ref = value->ref();
    node.inputs[moved.input] = graph.add_constant(text(node.name, "/input", moved.input), {ref, std::move(value)});
  }

  static Value scalar(DType dtype, float number) {
    switch (dtype) {
      case DType::float64:
        return Tensor<double>({}, {static_cast<double>(number)});
      case DType::float16:
        return Tensor<Half>({}, {Half(number)});
      case DType::bfloat16:
        return Tensor<BFloat16>({}, {BFloat16(number)});
      default:
        return Tensor<float>({}, {number});
    }
  }

  void import_constant(const onnx::NodeProto& proto, Scope& scope) {
    Attributes attributes;
    Node node;
    for (const auto& attribute : proto.attribute()) import_attribute(attribute, scope, attributes, node);
    if (proto.output_size() != 1) fail(ErrorCode::invalid_graph, "it has ", proto.output_size(), " outputs; the operator has 1");
    std::shared_ptr<Value> value;
    for (const auto& [name, attribute] : attributes) {
      if (const auto* tensor = std::get_if<Constant>(&attribute)) {
        define(scope, {proto.output(0), tensor->tensor.dtype, {}, *tensor});
        return;
      }
      if (const auto* string = std::get_if<std::string>(&attribute)) value = std::make_shared<Value>(Tensor<std::string>({}, {*string}));
      if (const auto* strings = std::get_if<std::vector<std::string>>(&attribute)) {
        value = std::make_shared<Value>(Tensor<std::string>({static_cast<std::int64_t>(strings->size())}, *strings));
      }
      if (!value) {
        Node holder;
        append_input({0, &attribute, false}, holder, *scope.graph);
        scope.names.emplace(proto.output(0), holder.inputs[0]);
        return;
      }
    }
    if (!value) fail(ErrorCode::invalid_graph, "it has no value");
    const TensorRef ref = value->ref();
    define(scope, {proto.output(0), ref.dtype, {}, Constant{ref, std::move(value)}});
  }

  void inline_function(const onnx::NodeProto& proto, const onnx::FunctionProto& function, const std::string& call_name, Scope& scope) {
    const Depth depth(depth_);
    const FunctionCall call(proto, function, scope.call);
    Opsets opsets = read_opsets(function.opset_import());
    for (const auto& [domain, version] : opsets_) opsets.emplace(domain, version);
    Scope body{scope.graph, nullptr, &opsets, &call, call_name + "/"};
    if (proto.input_size() > function.input_size() || proto.output_size() > function.output_size()) {
      fail(ErrorCode::invalid_graph, "the function '", function.name(), "' has fewer inputs or outputs than its call");
    }
    for (int i = 0; i < function.input_size(); ++i) {
      const bool given = i < proto.input_size() && !proto.input(i).empty();
      const ValueId id = given ? look_up(scope, proto.input(i)) : no_value;
      if (given && id == no_value) fail(ErrorCode::invalid_graph, "nothing makes its input '", proto.input(i), "'");
      body.names.emplace(function.input(i), id);
    }
    import_nodes(function.node(), body);
    for (int i = 0; i < proto.output_size(); ++i) {
      if (proto.output(i).empty()) continue;
      const ValueId id = look_up(body, function.output(i));
      if (id == no_value)
        fail(ErrorCode::invalid_graph, "the function '", function.name(), "' does not make its output '", function.output(i), "'");
      if (!scope.names.emplace(proto.output(i), id).second)
        fail(ErrorCode::invalid_graph, "the value '", proto.output(i), "' is made twice");
    }
  }

  std::shared_ptr<const onnx::ModelProto> model_;
  ExternalData external_;
  const OpRegistry& registry_;
  InitializerInputs initializer_inputs_;
  Opsets opsets_;
  std::vector<NodeArg> overridable_initializers_;
  std::unordered_map<std::string, const onnx::FunctionProto*> functions_;
  std::vector<const std::unordered_map<std::string_view, const onnx::ValueInfoProto*>*> declared_;
  int depth_ = 0;
  int unnamed_ = 0;
};

inline ModelMetadata read_metadata(const onnx::ModelProto& model) {
  ModelMetadata metadata;
  metadata.producer_name = model.producer_name();
  metadata.producer_version = model.producer_version();
  metadata.domain = model.domain();
  metadata.description = model.doc_string();
  metadata.graph_name = model.graph().name();
  metadata.graph_description = model.graph().doc_string();
  metadata.version = model.model_version();
  metadata.ir_version = model.ir_version();
  for (const auto& entry : model.metadata_props()) metadata.custom_metadata_map[entry.key()] = entry.value();
  metadata.opset_imports = read_opsets(model.opset_import());
  return metadata;
}

}  // namespace detail

HONE_INLINE std::shared_ptr<const onnx::ModelProto> parse_model(std::span<const std::byte> bytes) {
  if (bytes.empty()) fail(ErrorCode::invalid_protobuf, "the model is empty");
  auto model = std::make_shared<onnx::ModelProto>();
  if (bytes.size() > 0x7fffffffu) fail(ErrorCode::invalid_protobuf, "the model has more than 2 GiB, the most that protobuf reads");
  if (!model->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    fail(ErrorCode::invalid_protobuf, "the ", bytes.size(), " bytes are not an ONNX model, or only a part of one");
  }
  return model;
}

HONE_INLINE std::shared_ptr<const onnx::ModelProto> copy_model(const onnx::ModelProto& model) {
  return std::make_shared<const onnx::ModelProto>(model);
}

HONE_INLINE ImportedModel import_model(std::shared_ptr<const onnx::ModelProto> model, const std::filesystem::path& folder,
                                       const OpRegistry& registry, InitializerInputs initializer_inputs) {
  ModelMetadata metadata = detail::read_metadata(*model);
  detail::Importer importer(std::move(model), folder, registry, initializer_inputs);
  Graph graph = importer.run();
  return {std::move(graph), std::move(metadata), importer.overridable_initializers()};
}

}  // namespace hone::inline HONE_ABI
