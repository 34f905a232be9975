#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>

#include <google/protobuf/arena.h>
#include <onnx/onnx_pb.h>

#include <hone/config.hpp>
#include <hone/core/error.hpp>
#include <hone/onnx/model_proto.hpp>

namespace hone::inline HONE_ABI {

namespace detail {

/// An empty message in an arena of its own: it is freed at once, and when memory runs out while it is filled, where protobuf would leak a
/// part of a message that stands on the heap.
inline std::shared_ptr<onnx::ModelProto> make_model() {
  auto arena = std::make_shared<google::protobuf::Arena>();
#if GOOGLE_PROTOBUF_VERSION >= 5026000
  auto* model = google::protobuf::Arena::Create<onnx::ModelProto>(arena.get());
#else
  auto* model = google::protobuf::Arena::CreateMessage<onnx::ModelProto>(arena.get());
#endif
  return {std::move(arena), model};
}

}  // namespace detail

HONE_INLINE std::shared_ptr<const onnx::ModelProto> parse_model(std::span<const std::byte> bytes) {
  if (bytes.empty()) fail(ErrorCode::invalid_protobuf, "the model is empty");
  const std::shared_ptr<onnx::ModelProto> model = detail::make_model();
  if (bytes.size() > 0x7fffffffu) fail(ErrorCode::invalid_protobuf, "the model has more than 2 GiB, the most that protobuf reads");
  if (!model->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    fail(ErrorCode::invalid_protobuf, "the ", bytes.size(), " bytes are not an ONNX model, or only a part of one");
  }
  return model;
}

HONE_INLINE std::shared_ptr<const onnx::ModelProto> copy_model(const onnx::ModelProto& model) {
  const std::shared_ptr<onnx::ModelProto> copy = detail::make_model();
  copy->CopyFrom(model);
  return copy;
}

}  // namespace hone::inline HONE_ABI
