#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include <google/protobuf/arena.h>
#include <google/protobuf/io/zero_copy_stream.h>
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

/// What protobuf reads a file from: piece by piece, each of which leaves memory when the next one comes, since the message has a copy.
class MappedInput final : public google::protobuf::io::ZeroCopyInputStream {
 public:
  explicit MappedInput(const MappedFile& file) : file_(file) {}
  ~MappedInput() override { file_.release(file_.bytes()); }
  bool Next(const void** data, int* size) override {
    file_.release(file_.bytes().subspan(piece_, at_ - piece_));
    piece_ = at_;
    at_ = std::min(at_ + piece_bytes, file_.bytes().size());
    *data = file_.bytes().data() + piece_;
    *size = static_cast<int>(at_ - piece_);
    return *size != 0;
  }
  void BackUp(int count) override { at_ -= static_cast<std::size_t>(count); }
  bool Skip(int count) override {
    const std::size_t skipped = std::min(static_cast<std::size_t>(count), file_.bytes().size() - at_);
    at_ += skipped;
    return skipped == static_cast<std::size_t>(count);
  }
  std::int64_t ByteCount() const override { return static_cast<std::int64_t>(at_); }

 private:
  static constexpr std::size_t piece_bytes = std::size_t{1} << 20;

  const MappedFile& file_;
  std::size_t piece_ = 0;  ///< where the piece begins that was read last
  std::size_t at_ = 0;
};

/// A message of `bytes` bytes; parse(message) says whether it could be read.
template <class Parse>
std::shared_ptr<onnx::ModelProto> parsed_model(std::size_t bytes, const Parse& parse) {
  if (bytes == 0) fail(ErrorCode::invalid_protobuf, "the model is empty");
  if (bytes > 0x7fffffffu) fail(ErrorCode::invalid_protobuf, "the model has more than 2 GiB, the most that protobuf reads");
  std::shared_ptr<onnx::ModelProto> model = make_model();
  if (!parse(*model)) fail(ErrorCode::invalid_protobuf, "the ", bytes, " bytes are not an ONNX model, or only a part of one");
  return model;
}

}  // namespace detail

HONE_INLINE std::shared_ptr<const onnx::ModelProto> parse_model(std::span<const std::byte> bytes) {
  return detail::parsed_model(bytes.size(),
                              [&](onnx::ModelProto& model) { return model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())); });
}

HONE_INLINE ModelParts parse_model(const MappedFile& file) {
  const std::shared_ptr<onnx::ModelProto> model = detail::parsed_model(file.bytes().size(), [&](onnx::ModelProto& message) {
    detail::MappedInput input(file);
    return message.ParseFromZeroCopyStream(&input);
  });
  ModelParts parts{model};
  const auto take = [&](onnx::TensorProto& tensor) {
    if (tensor.has_raw_data()) parts.raw_data.emplace(&tensor, std::make_shared<std::string>(std::move(*tensor.mutable_raw_data())));
  };
  if (!model->has_graph()) return parts;
  for (auto& tensor : *model->mutable_graph()->mutable_initializer()) take(tensor);
  for (auto& node : *model->mutable_graph()->mutable_node())
    for (auto& attribute : *node.mutable_attribute())
      if (attribute.has_t()) take(*attribute.mutable_t());
  return parts;
}

HONE_INLINE std::shared_ptr<const onnx::ModelProto> copy_model(const onnx::ModelProto& model) {
  const std::shared_ptr<onnx::ModelProto> copy = detail::make_model();
  copy->CopyFrom(model);
  return copy;
}

}  // namespace hone::inline HONE_ABI
