#pragma once

#include <filesystem>
#include <memory>
#include <stop_token>
#include <utility>

#include <hone/config.hpp>
#include <hone/core/error.hpp>
#include <hone/core/mapped_file.hpp>
#include <hone/onnx/model_proto.hpp>
#include <hone/session/run_options.hpp>

namespace hone::inline HONE_ABI::detail {

/// Where a session has its model from: a file, which is parsed whenever the model is read, so that no weights stay in memory for that, or a
/// message that is kept.
class ModelSource {
 public:
  explicit ModelSource(std::filesystem::path file) : file_(std::move(file)) {}
  explicit ModelSource(std::shared_ptr<const onnx::ModelProto> message) : kept_{std::move(message)} {}

  [[nodiscard]] const std::filesystem::path& file() const noexcept { return file_; }
  /// Of external data.
  [[nodiscard]] std::filesystem::path folder() const { return file_.parent_path(); }
  [[nodiscard]] bool is_kept() const noexcept { return kept_.message != nullptr; }
  void keep(ModelParts model) { kept_ = std::move(model); }

  /// Errors: no_such_file, invalid_protobuf, cancelled.
  [[nodiscard]] ModelParts read(const std::stop_token& stop_token) const {
    if (is_kept()) return kept_;
    check_cancelled(stop_token);
    const MappedFile file(file_);
    try {
      return parse_model(file);
    } catch (const Error& error) {
      throw Error(error.code(), text("'", file_.string(), "': ", error.what()));
    }
  }

 private:
  std::filesystem::path file_;
  ModelParts kept_ = {};
};

}  // namespace hone::inline HONE_ABI::detail
