#pragma once

#include <cstdint>
#include <memory>
#include <string>
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

/// An attribute of any kind but a graph. `owner` keeps the message alive. Errors: invalid_graph.
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
