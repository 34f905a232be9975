#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/thread_pool.hpp>
#include <hone/session/loaded_model.hpp>
#include <hone/session/model_interface.hpp>
#include <hone/session/model_source.hpp>
#include <hone/session/options.hpp>
#include <hone/session/profiler.hpp>
#include <hone/session/report.hpp>
#include <hone/session/run_options.hpp>
#include <hone/session/runnable.hpp>

namespace hone::inline HONE_ABI::detail {

/// What a session is made of. Runs share it, so that it lives until the last of them ends, whatever becomes of the session.
class SessionState {
 public:
  /// Errors: see Session.
  SessionState(ModelSource source, SessionOptions with);
  /// The same model with other providers.
  SessionState(const SessionState& other, std::vector<AnyProvider> providers);
  SessionState& operator=(const SessionState&) = delete;

  /// Runs the model. `fill(context)` puts feeds and results where they belong, and returns whether it feeds an overridable initializer.
  template <class Fill>
  void run(const RunOptions& run_options, const Fill& fill);

  [[nodiscard]] MemoryReport memory();
  void trim();

  SessionOptions options;  // never changes once the state is made
  const Logger logger;
  std::shared_ptr<Profiler> profiler;
  std::shared_ptr<const ModelInterface> interface;

  [[nodiscard]] const Report& report() const noexcept { return model_->report(); }

 private:
  void load();
  /// Finds what another session has made of the model, or makes it. Returns whether another session had it.
  [[nodiscard]] bool load_model();
  void log_report() const;
  /// The program in which initializers are inputs, made when a feed first overrides one.
  [[nodiscard]] Runnable& overridden();
  void execute(RunContext& context, const Graph& graph, const RunOptions& run_options) const;
  void run_logged(RunContext& context, const Graph& graph, const RunOptions& run_options) const;
  void place_inputs(RunContext& context, const Graph& graph) const;
  [[nodiscard]] const TensorRef& result_memory(RunContext& context, std::size_t output) const;
  void take_results(RunContext& context, const Graph& graph) const;

  ModelSource source_;
  std::filesystem::path folder_;
  std::shared_ptr<ThreadPool> pool_;
  std::shared_ptr<ThreadPool> inter_op_pool_;
  Environment environment_;
  std::shared_ptr<const LoadedModel> model_;
  std::unique_ptr<Runnable> fixed_;
  std::mutex mutex_;
  std::unique_ptr<Runnable> overridden_;
};

}  // namespace hone::inline HONE_ABI::detail
