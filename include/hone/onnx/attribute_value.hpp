#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include <onnx/onnx_pb.h>

#include <hone/config.hpp>
#include <hone/core/value.hpp>
#include <hone/graph/attribute.hpp>
#include <hone/graph/graph.hpp>
#include <hone/onnx/function_proto.hpp>
#include <hone/onnx/read_tensor.hpp>
#include <hone/onnx/type_proto.hpp>
#include <hone/onnx/write_tensor.hpp>

namespace hone::inline HONE_ABI::detail {

inline Value float_scalar(DType dtype, float number) {
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

/// An attribute of any kind but a graph. `owner` keeps the message alive; null: see read_tensor. Errors: invalid_graph.
inline Attribute read_attribute(const onnx::AttributeProto& proto, const std::string& name,
                                const std::shared_ptr<const onnx::ModelProto>& owner, ExternalData& external) {
  switch (attribute_type(proto)) {
    case onnx::AttributeProto::FLOAT:
      return proto.f();
    case onnx::AttributeProto::INT:
      return static_cast<std::int64_t>(proto.i());
    case onnx::AttributeProto::STRING:
      return proto.s();
    case onnx::AttributeProto::TENSOR:
      return read_tensor(proto.t(), owner, external);
    case onnx::AttributeProto::SPARSE_TENSOR:
      return read_sparse_tensor(proto.sparse_tensor(), owner, external);
    case onnx::AttributeProto::TYPE_PROTO:
      return read_type(proto.tp());
    case onnx::AttributeProto::FLOATS:
      return std::vector<float>(proto.floats().begin(), proto.floats().end());
    case onnx::AttributeProto::INTS:
      return std::vector<std::int64_t>(proto.ints().begin(), proto.ints().end());
    case onnx::AttributeProto::STRINGS:
      return std::vector<std::string>(proto.strings().begin(), proto.strings().end());
    case onnx::AttributeProto::TENSORS: {
      std::vector<Constant> tensors;
      for (const auto& tensor : proto.tensors()) tensors.push_back(read_tensor(tensor, owner, external));
      return tensors;
    }
    default:
      fail(ErrorCode::invalid_graph, "the attribute '", name, "' is of a kind that ONNX does not define for it");
  }
}

/// The counterpart of read_attribute().
inline void write_attribute(const std::string& name, const Attribute& attribute, onnx::AttributeProto& to) {
  to.set_name(name);
  const auto write = [&]<class T>(const T& value) {
    if constexpr (std::is_same_v<T, std::int64_t>) {
      to.set_type(onnx::AttributeProto::INT);
      to.set_i(value);
    } else if constexpr (std::is_same_v<T, float>) {
      to.set_type(onnx::AttributeProto::FLOAT);
      to.set_f(value);
    } else if constexpr (std::is_same_v<T, std::string>) {
      to.set_type(onnx::AttributeProto::STRING);
      to.set_s(value);
    } else if constexpr (std::is_same_v<T, Constant>) {
      to.set_type(onnx::AttributeProto::TENSOR);
      write_tensor(value.tensor, {}, *to.mutable_t());
    } else if constexpr (std::is_same_v<T, Type>) {
      to.set_type(onnx::AttributeProto::TYPE_PROTO);
      write_type(value, *to.mutable_tp());
    } else if constexpr (std::is_same_v<T, std::vector<std::int64_t>>) {
      to.set_type(onnx::AttributeProto::INTS);
      to.mutable_ints()->Add(value.begin(), value.end());
    } else if constexpr (std::is_same_v<T, std::vector<float>>) {
      to.set_type(onnx::AttributeProto::FLOATS);
      to.mutable_floats()->Add(value.begin(), value.end());
    } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
      to.set_type(onnx::AttributeProto::STRINGS);
      for (const std::string& text : value) to.add_strings(text);
    } else {
      to.set_type(onnx::AttributeProto::TENSORS);
      for (const Constant& constant : value) write_tensor(constant.tensor, {}, *to.add_tensors());
    }
  };
  std::visit(write, attribute);
}

/// The tensor that an attribute stands for: a scalar for a number or a string, a 1-D tensor for a list; null for other kinds.
/// A number is a `float_dtype` when it is no integer.
inline std::shared_ptr<Value> value_of(const Attribute& attribute, DType float_dtype) {
  const auto list = [](const auto& values) {
    using T = typename std::remove_cvref_t<decltype(values)>::value_type;
    return std::make_shared<Value>(Tensor<T>({static_cast<std::int64_t>(values.size())}, values));
  };
  if (const auto* value = std::get_if<std::int64_t>(&attribute)) return std::make_shared<Value>(Tensor<std::int64_t>({}, {*value}));
  if (const auto* value = std::get_if<float>(&attribute)) return std::make_shared<Value>(float_scalar(float_dtype, *value));
  if (const auto* value = std::get_if<std::string>(&attribute)) return std::make_shared<Value>(Tensor<std::string>({}, {*value}));
  if (const auto* values = std::get_if<std::vector<std::int64_t>>(&attribute)) return list(*values);
  if (const auto* values = std::get_if<std::vector<float>>(&attribute)) return list(*values);
  if (const auto* values = std::get_if<std::vector<std::string>>(&attribute)) return list(*values);
  return nullptr;
}

/// The attribute for which value_of() gives this tensor; nothing when there is none.
inline std::optional<Attribute> attribute_for(const TensorRef& tensor) {
  std::optional<Attribute> result;
  const auto read = [&]<class T>(const T* values) {
    if (tensor.shape.rank() == 0) result = *values;
    if (tensor.shape.rank() == 1) result = std::vector<T>(values, values + tensor.elements());
  };
  switch (tensor.dtype) {
    case DType::int64:
      read(tensor.as<const std::int64_t>());
      return result;
    case DType::string:
      read(tensor.as<const std::string>());
      return result;
    case DType::float32:
      read(tensor.as<const float>());
      return result;
    case DType::float64:
      if (tensor.shape.rank() == 0) result = static_cast<float>(*tensor.as<const double>());
      break;
    case DType::float16:
      if (tensor.shape.rank() == 0) result = static_cast<float>(*tensor.as<const Half>());
      break;
    case DType::bfloat16:
      if (tensor.shape.rank() == 0) result = static_cast<float>(*tensor.as<const BFloat16>());
      break;
    default:
      break;
  }
  // A double may be no float.
  if (result && std::memcmp(value_of(*result, tensor.dtype)->ref().data, tensor.data, tensor.bytes()) != 0) result.reset();
  return result;
}

/// Gives a node the input that an attribute of an older opset stands for.
inline void append_input(const MovedAttribute& moved, Node& node, Graph& graph) {
  if (moved.input < node.inputs.size() && node.inputs[moved.input] != no_value) {
    fail(ErrorCode::invalid_graph, "it has input ", moved.input, " both as an attribute and as an input");
  }
  const bool follows = moved.like_first_input && !node.inputs.empty() && node.inputs[0] != no_value;
  const Type first = follows ? graph[node.inputs[0]].type : Type();
  const DType like = first.is_tensor() ? first.dtype : DType::float32;
  std::shared_ptr<Value> value = value_of(*moved.value, like);
  if (!value) fail(ErrorCode::invalid_graph, "an attribute is of the wrong kind");
  if (node.inputs.size() <= moved.input) node.inputs.resize(moved.input + 1, no_value);
  const TensorRef ref = value->ref();
  node.inputs[moved.input] = graph.add_constant(text(node.name, "/input", moved.input), {ref, std::move(value)});
}

}  // namespace hone::inline HONE_ABI::detail
