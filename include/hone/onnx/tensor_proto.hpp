#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include <hone/config.hpp>
#include <hone/core/value.hpp>

namespace hone::inline HONE_ABI {

/// Reads serialized TensorProto, SequenceProto, OptionalProto or MapProto messages, as the ONNX backend tests store them.
/// `type` says which message it is; elements are copied. Errors: no_such_file, invalid_protobuf.
[[nodiscard]] Value read_value(const std::filesystem::path& file, const Type& type, std::string* name = nullptr);

/// Serializes a tensor as a TensorProto. Errors: no_such_file when the file cannot be written.
void write_tensor(const std::filesystem::path& file, const Value& tensor, std::string_view name);

}  // namespace hone::inline HONE_ABI

#if !HONE_COMPILED
#include <hone/onnx/tensor_proto_impl.hpp>
#endif
