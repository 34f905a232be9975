#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include <hone/config.hpp>
#include <hone/fwd.hpp>

namespace hone::inline HONE_ABI {

/// Parses a serialized ModelProto. Errors: invalid_protobuf.
[[nodiscard]] std::shared_ptr<const onnx::ModelProto> parse_model(std::span<const std::byte> bytes);
/// A copy that the importer can share.
[[nodiscard]] std::shared_ptr<const onnx::ModelProto> copy_model(const onnx::ModelProto& model);

}  // namespace hone::inline HONE_ABI

#if !HONE_COMPILED
#include <hone/onnx/model_proto_impl.hpp>
#endif
