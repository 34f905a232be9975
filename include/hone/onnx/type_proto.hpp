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
  if (!is_valid(static_cast<int>(element_type))) {
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

}  // namespace hone::inline HONE_ABI::detail
