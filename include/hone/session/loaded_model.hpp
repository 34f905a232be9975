#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/file_identity.hpp>
#include <hone/core/thread_pool.hpp>
#include <hone/graph/registry.hpp>
#include <hone/onnx/importer.hpp>
#include <hone/session/model_interface.hpp>
#include <hone/session/model_key.hpp>
#include <hone/session/model_source.hpp>
#include <hone/session/options.hpp>
#include <hone/session/profiler.hpp>
#include <hone/session/program.hpp>
#include <hone/session/report.hpp>

namespace hone::inline HONE_ABI::detail {

/// What a session makes of a model: all that does not depend on threads, logs and runs. It does not change, so that sessions of the model
/// can share it, and keeps the operators and providers alive of which it is made.
class LoadedModel {
 public:
  /// Null: no such step.
  struct Steps {
    Profiler* profiler = nullptr;
    const std::filesystem::path* save_to = nullptr;  ///< where the rewritten graph goes
  };

  /// `folder`: of external data. Errors: see Session.
  LoadedModel(ModelSource source, std::filesystem::path folder, const SessionOptions& options, ThreadPool& pool, const Steps& steps);
  LoadedModel(const LoadedModel&) = delete;
  LoadedModel& operator=(const LoadedModel&) = delete;

  /// By which other sessions find it. Nothing: they do not.
  std::optional<ModelKey> key;

  [[nodiscard]] const ModelSource& source() const noexcept { return source_; }
  /// Of external data.
  [[nodiscard]] const std::vector<SourceFile>& files() const noexcept { return files_; }
  /// Whether a session that read the files now would read the same.
  [[nodiscard]] bool is_current() const noexcept;
  [[nodiscard]] const std::shared_ptr<const ModelInterface>& interface() const noexcept { return interface_; }
  [[nodiscard]] const Report& report() const noexcept { return report_; }
  [[nodiscard]] const std::shared_ptr<const Program>& program() const noexcept { return program_; }
  /// The program in which initializers are inputs, made when a feed first overrides one. `options`: those of the constructor, or others of
  /// the same key. Errors: as those of the constructor.
  [[nodiscard]] std::shared_ptr<const Program> overridable_program(const SessionOptions& options, ThreadPool& pool) const;

 private:
  [[nodiscard]] ImportedModel import(const ModelParts& parts, InitializerInputs initializer_inputs, const SessionOptions& options) const;
  [[nodiscard]] std::unique_ptr<const Program> make_program(Graph graph, const SessionOptions& options, Report& to) const;
  void rewrite_graph(Graph& graph, const SessionOptions& options, ThreadPool& pool, Report& to) const;

  ModelSource source_;
  const std::filesystem::path folder_;
  const std::vector<AnyProvider> providers_;  // custom operators, then those of the options
  OpRegistry registry_;
  std::vector<SourceFile> files_;
  std::shared_ptr<const ModelInterface> interface_;
  Report report_;
  std::shared_ptr<const Program> program_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const Program> overridable_;
};

}  // namespace hone::inline HONE_ABI::detail

#if !HONE_COMPILED
#include <hone/session/loaded_model_impl.hpp>
#endif
