#pragma once

#include <optional>
#include <vector>

#include <onnx/onnx_pb.h>

#include <hone/config.hpp>
#include <hone/core/error.hpp>
#include <hone/graph/graph.hpp>

namespace hone::inline HONE_ABI::detail {

template <class ElementType>
DType read_dtype(ElementType element_type) {
  if (!is_valid(element_type)) {
    fail(ErrorCode::invalid_graph, "element type ", static_cast<int>(element_type), " is none of ONNX's");
  }
  return static_cast<DType>(element_type);
}

/// Unknown type for a message that sets nothing.
inline Type read_type(const onnx::TypeProto& proto) {
  switch (proto.value_case()) {
    case onnx::TypeProto::kTensorType:
      return proto.tensor_type().elem_type() == 0 ? Type() : Type(read_dtype(proto.tensor_type().elem_type()));
    case onnx::TypeProto::kSequenceType:
      return Type::sequence_of(read_type(proto.sequence_type().elem_type()));
    case onnx::TypeProto::kOptionalType:
      return Type::optional_of(read_type(proto.optional_type().elem_type()));
    case onnx::TypeProto::kMapType:
      return Type::map_of(read_dtype(proto.map_type().key_type()), read_type(proto.map_type().value_type()));
    case onnx::TypeProto::kSparseTensorType:
      return Type::sparse_tensor_of(read_dtype(proto.sparse_tensor_type().elem_type()));
    default:
      return {};
  }
}

/// The counterpart of read_type().
inline void write_type(const Type& type, onnx::TypeProto& to) {
  const auto element_type = static_cast<int>(type.dtype);
  switch (type.kind) {
    case Type::Kind::tensor:
      return to.mutable_tensor_type()->set_elem_type(element_type);
    case Type::Kind::sparse_tensor:
      return to.mutable_sparse_tensor_type()->set_elem_type(element_type);
    case Type::Kind::sequence:
      return write_type(*type.element, *to.mutable_sequence_type()->mutable_elem_type());
    case Type::Kind::optional:
      return write_type(*type.element, *to.mutable_optional_type()->mutable_elem_type());
    case Type::Kind::map:
      to.mutable_map_type()->set_key_type(element_type);
      return write_type(*type.element, *to.mutable_map_type()->mutable_value_type());
    case Type::Kind::undefined:
      return to.Clear();
  }
}

/// The dimensions that a tensor type declares, when it does.
inline std::optional<std::vector<Dim>> read_dims(const onnx::TypeProto& proto) {
  if (proto.value_case() != onnx::TypeProto::kTensorType || !proto.tensor_type().has_shape()) return std::nullopt;
  std::vector<Dim> dims;
  for (const auto& dim : proto.tensor_type().shape().dim()) {
    Dim& added = dims.emplace_back();
    if (dim.has_dim_value()) added.value = dim.dim_value();
    if (dim.has_dim_param()) added.symbol = dim.dim_param();
  }
  return dims;
}

/// The counterpart of read_dims(); writes nothing when `to` is no tensor type.
inline void write_dims(const std::optional<std::vector<Dim>>& dims, onnx::TypeProto& to) {
  if (!dims || to.value_case() != onnx::TypeProto::kTensorType) return;
  onnx::TensorShapeProto& shape = *to.mutable_tensor_type()->mutable_shape();
  for (const Dim& dim : *dims) {
    auto& added = *shape.add_dim();
    if (dim.value >= 0) {
      added.set_dim_value(dim.value);
    } else if (!dim.symbol.empty()) {
      added.set_dim_param(dim.symbol);
    }
  }
}

}  // namespace hone::inline HONE_ABI::detail
