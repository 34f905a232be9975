#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <onnx/onnx_pb.h>

#include <hone/core/tensor.hpp>

/// Small models, written as a test reads: `Model(17).input("x", hone::DType::float32, {2, 3}).node("Relu", {"x"}, {"y"}).output("y")`.
namespace hone_test {

using Dims = std::vector<std::int64_t>;

inline void set_type(onnx::ValueInfoProto& info, const std::string& name, hone::DType dtype, const Dims& dims) {
  info.set_name(name);
  auto* type = info.mutable_type()->mutable_tensor_type();
  type->set_elem_type(static_cast<int>(dtype));
  auto* shape = type->mutable_shape();
  for (const std::int64_t dim : dims) {
    auto* added = shape->add_dim();
    if (dim >= 0) added->set_dim_value(dim);
  }
}

template <class T>
onnx::TensorProto tensor(const std::string& name, const Dims& dims, const std::vector<T>& values) {
  onnx::TensorProto proto;
  proto.set_name(name);
  proto.set_data_type(static_cast<int>(hone::dtype_of<T>));
  for (const std::int64_t dim : dims) proto.add_dims(dim);
  proto.set_raw_data(values.data(), values.size() * sizeof(T));
  return proto;
}

/// One node, with its attributes set by chained calls.
class NodeBuilder {
 public:
  NodeBuilder(const std::string& op, const std::vector<std::string>& inputs, const std::vector<std::string>& outputs,
              const std::string& domain = "") {
    node_.set_op_type(op);
    node_.set_domain(domain);
    node_.set_name(op + "_node");
    for (const auto& input : inputs) node_.add_input(input);
    for (const auto& output : outputs) node_.add_output(output);
  }
  NodeBuilder&& attribute(const std::string& name, std::int64_t value) && {
    auto& a = add(name, onnx::AttributeProto::INT);
    a.set_i(value);
    return std::move(*this);
  }
  NodeBuilder&& attribute(const std::string& name, float value) && {
    auto& a = add(name, onnx::AttributeProto::FLOAT);
    a.set_f(value);
    return std::move(*this);
  }
  NodeBuilder&& attribute(const std::string& name, const std::string& value) && {
    auto& a = add(name, onnx::AttributeProto::STRING);
    a.set_s(value);
    return std::move(*this);
  }
  NodeBuilder&& attribute(const std::string& name, const Dims& values) && {
    auto& a = add(name, onnx::AttributeProto::INTS);
    for (const std::int64_t value : values) a.add_ints(value);
    return std::move(*this);
  }
  NodeBuilder&& attribute(const std::string& name, const std::vector<float>& values) && {
    auto& a = add(name, onnx::AttributeProto::FLOATS);
    for (const float value : values) a.add_floats(value);
    return std::move(*this);
  }
  NodeBuilder&& attribute(const std::string& name, const std::vector<std::string>& values) && {
    auto& a = add(name, onnx::AttributeProto::STRINGS);
    for (const std::string& value : values) a.add_strings(value);
    return std::move(*this);
  }
  NodeBuilder&& attribute(const std::string& name, const onnx::TensorProto& value) && {
    *add(name, onnx::AttributeProto::TENSOR).mutable_t() = value;
    return std::move(*this);
  }
  NodeBuilder&& attribute(const std::string& name, const onnx::GraphProto& value) && {
    *add(name, onnx::AttributeProto::GRAPH).mutable_g() = value;
    return std::move(*this);
  }
  /// An attribute that takes the value of an attribute of the enclosing function.
  NodeBuilder&& reference(const std::string& name, const std::string& to, onnx::AttributeProto::AttributeType type) && {
    add(name, type).set_ref_attr_name(to);
    return std::move(*this);
  }
  [[nodiscard]] const onnx::NodeProto& proto() const { return node_; }

 private:
  onnx::AttributeProto& add(const std::string& name, onnx::AttributeProto::AttributeType type) {
    auto* a = node_.add_attribute();
    a->set_name(name);
    a->set_type(type);
    return *a;
  }
  onnx::NodeProto node_;
};

class GraphBuilder {
 public:
  GraphBuilder& input(const std::string& name, hone::DType dtype, const Dims& dims) {
    set_type(*graph_.add_input(), name, dtype, dims);
    return *this;
  }
  GraphBuilder& output(const std::string& name, hone::DType dtype = hone::DType::undefined) {
    auto* info = graph_.add_output();
    info->set_name(name);
    if (dtype != hone::DType::undefined) info->mutable_type()->mutable_tensor_type()->set_elem_type(static_cast<int>(dtype));
    return *this;
  }
  GraphBuilder& node(const NodeBuilder& node) {
    *graph_.add_node() = node.proto();
    return *this;
  }
  GraphBuilder& initializer(const onnx::TensorProto& tensor) {
    *graph_.add_initializer() = tensor;
    return *this;
  }
  [[nodiscard]] const onnx::GraphProto& proto() const { return graph_; }

 private:
  onnx::GraphProto graph_;
};

inline onnx::ModelProto model(int opset, const GraphBuilder& graph, int ir_version = 8) {
  onnx::ModelProto proto;
  proto.set_ir_version(ir_version);
  proto.add_opset_import()->set_version(opset);
  *proto.mutable_graph() = graph.proto();
  proto.mutable_graph()->set_name("test");
  return proto;
}

/// Imports a domain besides those that a model, or a function, imports already.
template <class Proto>
void import_domain(Proto& proto, const std::string& domain, int version = 1) {
  auto* import = proto.add_opset_import();
  import->set_domain(domain);
  import->set_version(version);
}

[[nodiscard]] inline std::string serialized(const onnx::ModelProto& proto) { return proto.SerializeAsString(); }

[[nodiscard]] inline std::span<const std::byte> bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

/// The elements of a tensor as a vector, for comparisons.
template <class T, class Value>
std::vector<T> values_of(const Value& value) {
  const auto view = value.template view<const T>();
  return {view.begin(), view.end()};
}

/// The hone::Error that `action` throws; nothing when it throws none.
template <class Action>
std::optional<hone::Error> thrown_by(const Action& action) {
  try {
    action();
  } catch (const hone::Error& error) {
    return error;
  }
  return std::nullopt;
}
/// Its message; "no error" when there is none.
template <class Action>
std::string error_of(const Action& action) {
  const std::optional<hone::Error> error = thrown_by(action);
  return error ? error->what() : "no error";
}
/// Its code; nothing when there is none.
template <class Action>
std::optional<hone::ErrorCode> code_of(const Action& action) {
  const std::optional<hone::Error> error = thrown_by(action);
  return error ? std::optional(error->code()) : std::nullopt;
}

[[nodiscard]] inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace hone_test
