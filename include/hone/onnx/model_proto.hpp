#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>

#include <hone/config.hpp>
#include <hone/core/mapped_file.hpp>
#include <hone/fwd.hpp>

namespace hone::inline HONE_ABI {

/// Raw data taken out of tensors of a message.
using RawData = std::unordered_map<const onnx::TensorProto*, std::shared_ptr<const std::string>>;

/// A model whose tensors have owners of their own: the elements of each are freed when nothing refers to them any more.
struct ModelParts {
  std::shared_ptr<const onnx::ModelProto> message;
  /// Of initializers and attributes of the main graph.
  RawData raw_data = {};
};

/// Parses the serialized ModelProto in a file, and gives back the memory of what it has read. Errors: invalid_protobuf.
[[nodiscard]] ModelParts parse_model(const MappedFile& file);
/// Parses a serialized ModelProto. Errors: invalid_protobuf.
[[nodiscard]] std::shared_ptr<const onnx::ModelProto> parse_model(std::span<const std::byte> bytes);
/// A copy that the importer can share.
[[nodiscard]] std::shared_ptr<const onnx::ModelProto> copy_model(const onnx::ModelProto& model);

}  // namespace hone::inline HONE_ABI

#if !HONE_COMPILED
#include <hone/onnx/model_proto_impl.hpp>
#endif
