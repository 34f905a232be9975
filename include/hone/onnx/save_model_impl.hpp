#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <utility>
#include <vector>

#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <onnx/onnx_pb.h>

#include <hone/config.hpp>
#include <hone/core/output_file.hpp>
#include <hone/onnx/exporter.hpp>
#include <hone/onnx/save_model.hpp>

namespace hone::inline HONE_ABI {

namespace detail {

/// What protobuf writes to. Keeps the error of the file, which must not pass through protobuf.
class MessageOutput final : public google::protobuf::io::CopyingOutputStream {
 public:
  explicit MessageOutput(OutputFile& file) : file_(file) {}
  bool Write(const void* buffer, int size) override {
    try {
      file_.write(buffer, static_cast<std::size_t>(size));
      return true;
    } catch (...) {
      error_ = std::current_exception();
      return false;
    }
  }
  [[nodiscard]] const std::exception_ptr& error() const noexcept { return error_; }

 private:
  OutputFile& file_;
  std::exception_ptr error_;
};

inline void write_message(const onnx::ModelProto& model, OutputFile& file) {
  if (model.ByteSizeLong() > 0x7fffffffu)
    fail(ErrorCode::resource_exhausted, "the model takes ", model.ByteSizeLong(), " bytes without its weights; protobuf writes 2 GiB");
  MessageOutput output(file);
  bool written = false;
  {
    google::protobuf::io::CopyingOutputStreamAdaptor stream(&output);
    written = model.SerializeToZeroCopyStream(&stream) && stream.Flush();
  }
  if (output.error() != nullptr) std::rethrow_exception(output.error());
  if (!written) fail(ErrorCode::invalid_graph, "protobuf cannot write the model");
}

inline void write_external(const std::vector<ExportedModel::ExternalTensor>& tensors, OutputFile& file) {
  static constexpr std::byte zeros[buffer_alignment]{};
  std::uint64_t at = 0;
  for (const auto& [offset, tensor] : tensors) {
    file.write(zeros, static_cast<std::size_t>(offset - at));
    file.write(tensor.data, tensor.bytes());
    at = offset + tensor.bytes();
  }
}

}  // namespace detail

HONE_INLINE void save_model(const std::filesystem::path& file, const Graph& graph, const ModelMetadata& metadata,
                            const OpRegistry& registry, ExportOptions options) {
  options.external_location = file.filename().string() + ".data";
  const ExportedModel exported = export_model(graph, metadata, registry, options);
  if (!exported.external.empty()) {
    OutputFile data(file.parent_path() / options.external_location);
    detail::write_external(exported.external, data);
    data.commit();
  }
  OutputFile model(file);
  detail::write_message(*exported.model, model);
  model.commit();
}

}  // namespace hone::inline HONE_ABI
