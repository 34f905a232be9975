#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <onnx/onnx-data_pb.h>
#include <onnx/onnx_pb.h>

#include <hone/config.hpp>
#include <hone/onnx/read_tensor.hpp>
#include <hone/onnx/tensor_proto.hpp>
#include <hone/onnx/write_tensor.hpp>

namespace hone::inline HONE_ABI {

namespace detail {

template <class Proto>
std::shared_ptr<Proto> parse_file(const std::filesystem::path& path) {
  const MappedFile file(path);
  auto proto = std::make_shared<Proto>();
  if (file.bytes().size() > 0x7fffffffu || !proto->ParseFromArray(file.bytes().data(), static_cast<int>(file.bytes().size()))) {
    fail(ErrorCode::invalid_protobuf, "'", path.string(), "' does not hold a ", proto->GetTypeName());
  }
  return proto;
}

inline Value value_of(const onnx::TensorProto& proto) {
  ExternalData none{std::filesystem::path{}};
  const Constant constant = read_tensor(proto, nullptr, none);
  return Value::copy_of(constant.tensor);
}

/// ONNX stores the values of a map as tensors of one element each, a Value as one tensor.
/// Errors: invalid_protobuf where they are anything else, or not as many as the keys.
inline Value value_of(const onnx::MapProto& proto) {
  const bool texts = proto.key_type() == onnx::TensorProto::STRING;
  const auto& numbers = proto.values().tensor_values();
  const std::int64_t n = texts ? proto.string_keys_size() : proto.keys_size();
  if (n != numbers.size()) fail(ErrorCode::invalid_protobuf, "a map of ", n, " keys and ", numbers.size(), " tensors");
  if (!texts && proto.key_type() != onnx::TensorProto::INT64)
    fail(ErrorCode::invalid_protobuf, "a map with keys other than string or int64");
  Value keys = Value::tensor(texts ? DType::string : DType::int64, {n});
  for (int i = 0; i < n; ++i) {
    if (texts) {
      keys.ref().as<std::string>()[i] = proto.string_keys(i);
    } else {
      keys.ref().as<std::int64_t>()[i] = proto.keys(i);
    }
  }
  Value values;
  for (int i = 0; i < n; ++i) {
    const Value number = value_of(numbers[i]);
    if (i == 0) values = Value::tensor(number.dtype(), {n});
    if (number.ref().elements() != 1 || number.dtype() != values.dtype())
      fail(ErrorCode::invalid_protobuf, "value ", i, " of a map is a tensor(", number.dtype(), ") of shape ", number.shape());
    if (number.dtype() == DType::string) {
      values.ref().as<std::string>()[i] = *number.ref().as<const std::string>();
    } else {
      const std::size_t size = number.ref().bytes();
      std::memcpy(values.ref().as<std::byte>() + static_cast<std::size_t>(i) * size, number.ref().data, size);
    }
  }
  return Value::map(std::move(keys), n == 0 ? Value::tensor(DType::float32, {0}) : std::move(values));
}

inline Value value_of(const onnx::SequenceProto& proto, const Type& type) {
  std::vector<Value> values;
  for (const auto& tensor : proto.tensor_values()) values.push_back(value_of(tensor));
  for (const auto& sequence : proto.sequence_values()) values.push_back(value_of(sequence, type.element ? *type.element : Type()));
  for (const auto& map : proto.map_values()) values.push_back(value_of(map));
  return Value::sequence(type.element ? *type.element : Type(), std::move(values));
}

}  // namespace detail

HONE_INLINE Value read_value(const std::filesystem::path& file, const Type& type, std::string* name) {
  const auto named = [&](const auto& proto) {
    if (name != nullptr) *name = proto.name();
  };
  switch (type.kind) {
    case Type::Kind::sequence: {
      const auto proto = detail::parse_file<onnx::SequenceProto>(file);
      named(*proto);
      return detail::value_of(*proto, type);
    }
    case Type::Kind::optional: {
      const auto proto = detail::parse_file<onnx::OptionalProto>(file);
      named(*proto);
      if (proto->has_tensor_value()) return detail::value_of(proto->tensor_value());
      if (proto->has_sequence_value()) return detail::value_of(proto->sequence_value(), *type.element);
      return {};
    }
    case Type::Kind::map: {
      const auto proto = detail::parse_file<onnx::MapProto>(file);
      named(*proto);
      return detail::value_of(*proto);
    }
    default: {
      const auto proto = detail::parse_file<onnx::TensorProto>(file);
      named(*proto);
      return detail::value_of(*proto);
    }
  }
}

HONE_INLINE void write_tensor(const std::filesystem::path& file, const Value& tensor, std::string_view name) {
  onnx::TensorProto proto;
  detail::write_tensor(tensor.ref(), name, proto);
  std::ofstream stream(file, std::ios::binary);
  if (!stream || !proto.SerializeToOstream(&stream)) fail(ErrorCode::no_such_file, "'", file.string(), "' cannot be written");
}

}  // namespace hone::inline HONE_ABI
