#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/denormals.hpp>
#include <hone/session/config_entries.hpp>
#include <hone/session/executor_impl.hpp>
#include <hone/session/loaded_model_impl.hpp>
#include <hone/session/model_cache.hpp>
#include <hone/session/session_state.hpp>

namespace hone::inline HONE_ABI::detail {

inline SessionOptions checked(SessionOptions options) {
  apply_config_entries(options);
  if (options.providers.empty()) {
    fail(ErrorCode::invalid_argument, "the session has no providers; the option providers must name at least one");
  }
  static constexpr int most_threads = 1024;
  const auto check_threads = [](int threads, std::string_view option) {
    if (threads >= 0 && threads <= most_threads) return;
    fail(ErrorCode::invalid_argument, option, " is ", threads, "; it must be 0 (all processors) to ", most_threads);
  };
  check_threads(options.intra_op_num_threads, "intra_op_num_threads");
  check_threads(options.inter_op_num_threads, "inter_op_num_threads");
  const auto check_dimensions = [](const std::map<std::string, std::int64_t>& overrides) {
    for (const auto& [name, size] : overrides)
      if (size < 0) fail(ErrorCode::invalid_argument, "the free dimension '", name, "' is overridden by ", size, ", which is negative");
  };
  check_dimensions(options.free_dimension_overrides);
  check_dimensions(options.free_dimension_overrides_by_denotation);
  return options;
}

inline std::shared_ptr<ThreadPool> pool_of(const SessionOptions& options, int threads, bool bound) {
  if (options.executor == nullptr && !options.use_per_session_threads && options.intra_op_thread_affinities.empty()) {
    return {std::shared_ptr<void>(), &ThreadPool::shared(threads, options.allow_spinning, options.set_denormal_as_zero)};
  }
  ThreadPoolOptions with{.threads = threads, .spin = options.allow_spinning, .denormals_as_zero = options.set_denormal_as_zero};
  if (bound) with.affinities = options.intra_op_thread_affinities;
  with.executor = options.executor;
  return std::make_shared<ThreadPool>(with);
}

inline std::shared_ptr<ThreadPool> inter_op_pool_of(const SessionOptions& options) {
  if (options.execution_mode == ExecutionMode::sequential) return nullptr;
  return pool_of(options, options.inter_op_num_threads, false);
}

inline SessionOptions with_providers(SessionOptions options, std::vector<AnyProvider> providers) {
  options.providers = std::move(providers);
  return options;
}

HONE_INLINE SessionState::SessionState(ModelSource source, SessionOptions with)
    : options(checked(std::move(with))),
      logger(options.log_callback, options.log_severity, options.log_id),
      profiler(options.enable_profiling ? std::make_shared<Profiler>(options.profile_file_prefix) : nullptr),
      source_(std::move(source)),
      folder_(options.external_data_folder.empty() ? source_.folder() : options.external_data_folder),
      pool_(pool_of(options, options.intra_op_num_threads, true)),
      inter_op_pool_(inter_op_pool_of(options)),
      environment_{*pool_, inter_op_pool_.get(), options.limits} {
  load();
}

HONE_INLINE SessionState::SessionState(const SessionState& other, std::vector<AnyProvider> providers)
    : options(checked(with_providers(other.options, std::move(providers)))),
      logger(other.logger),
      profiler(other.profiler),
      interface(other.interface),
      source_(other.model_->source().is_kept() ? other.model_->source() : other.source_),
      folder_(other.folder_),
      pool_(other.pool_),
      inter_op_pool_(other.inter_op_pool_),
      environment_{*pool_, inter_op_pool_.get(), options.limits} {
  load();
}

HONE_INLINE void SessionState::load() {
  const auto begin = Profiler::Clock::now();
  bool shared = false;
  try {
    check_cancelled(options.stop_token);
    shared = load_model();
    fixed_ = std::make_unique<Runnable>(model_->program(), environment_);
  } catch (const std::exception& error) {
    if (logger.enabled(Severity::error)) logger.write(Severity::error, error.what());
    throw;
  }
  options.stop_token = {};  // it is loading that it ends, not what comes later
  log_report();
  if (logger.enabled(Severity::info)) {
    const std::chrono::duration<double, std::milli> time = Profiler::Clock::now() - begin;
    logger.write(Severity::info, text("loaded the graph '", interface->metadata.graph_name, "' of ", report().nodes.size(), " nodes in ",
                                      time.count(), " ms", shared ? ", from another session" : ""));
  }
}

HONE_INLINE bool SessionState::load_model() {
  const auto begin = Profiler::Clock::now();
  std::optional<ModelKey> key = key_of(source_, folder_, options);
  if (key) model_ = ModelCache::shared().find(*key);
  if (model_ != nullptr) {
    if (profiler != nullptr) profiler->add("Session", "model_loading", begin, Profiler::Clock::now(), "");
    // A copy, since it is by its interface that a binding knows its session.
    if (interface == nullptr) interface = std::make_shared<const ModelInterface>(*model_->interface());
    return true;
  }
  const bool saves = interface == nullptr && !options.optimized_model_filepath.empty();
  const auto model = std::make_shared<LoadedModel>(source_, folder_, options, *pool_,
                                                   LoadedModel::Steps{profiler.get(), saves ? &options.optimized_model_filepath : nullptr});
  if (interface == nullptr) interface = model->interface();
  model_ = model;
  // Files that have changed while they were read may have been read in part before and in part after.
  if (key && key->file == FileIdentity::of(source_.file()) && model->is_current()) {
    model->key = std::move(key);
    model_ = ModelCache::shared().add(model);
  }
  return false;
}

HONE_INLINE void SessionState::log_report() const {
  for (const NodeReport& node : report().nodes) {
    for (const auto& [provider, reason] : node.refusals) {
      if (provider == CustomOpProvider::own_name) continue;
      if (logger.enabled(Severity::warning))
        logger.write(Severity::warning,
                     text("node '", node.node, "' (", node.op, ") runs on ", node.provider, "; ", provider, ": ", reason));
    }
    if (logger.enabled(Severity::verbose))
      logger.write(Severity::verbose, text("node '", node.node, "' (", node.op, "): ", node.provider, " ", node.kernel));
  }
  for (const auto& [pass, patches] : report().rewrites)
    if (logger.enabled(Severity::verbose)) logger.write(Severity::verbose, text("rewrite ", pass, ": ", patches, " patches"));
}

HONE_INLINE Runnable& SessionState::overridden() {
  const std::lock_guard lock(mutex_);
  if (!overridden_) overridden_ = std::make_unique<Runnable>(model_->overridable_program(options, *pool_), environment_);
  return *overridden_;
}

HONE_INLINE MemoryReport SessionState::memory() {
  MemoryReport result;
  std::unordered_set<const void*> counted;
  fixed_->add_memory(result, counted);
  const std::lock_guard lock(mutex_);
  if (overridden_) overridden_->add_memory(result, counted);
  return result;
}

HONE_INLINE void SessionState::trim() {
  fixed_->trim();
  const std::lock_guard lock(mutex_);
  if (overridden_) overridden_->trim();
}

template <class Fill>
void SessionState::run(const RunOptions& run_options, const Fill& fill) {
  const Runnable::Lease lease(*fixed_);
  RunContext& context = *lease;
  context.feeds.assign(interface->inputs.size() + interface->overridable.size(), nullptr);
  context.results.assign(interface->outputs.size(), nullptr);
  const bool overrides = fill(context);
  for (std::size_t i = 0; i < interface->inputs.size(); ++i) {
    if (context.feeds[i] != nullptr) continue;
    const NodeArg& input = interface->inputs[i];
    fail(ErrorCode::invalid_argument, "the input '", input.name, "' (", input.type(), ") is not fed");
  }
  if (run_options.cancelled()) fail(ErrorCode::cancelled, "the run was cancelled before its first node");
  if (!overrides) return run_logged(context, fixed_->graph(), run_options);
  Runnable& program = overridden();
  const Runnable::Lease other(program);
  (*other).feeds = context.feeds;
  (*other).results = context.results;
  run_logged(*other, program.graph(), run_options);
}

/// Adds what logs and profiles want to know to execute().
HONE_INLINE void SessionState::run_logged(RunContext& context, const Graph& graph, const RunOptions& run_options) const {
  context.wanted.resize(context.results.size());
  for (std::size_t i = 0; i < context.results.size(); ++i) context.wanted[i] = context.results[i] != nullptr;
  const DenormalsAsZero denormals(options.set_denormal_as_zero);
  if (profiler == nullptr && !options.log_callback) return execute(context, graph, run_options);
  const auto begin = Profiler::Clock::now();
  try {
    execute(context, graph, run_options);
  } catch (const std::exception& error) {
    if (logger.enabled(Severity::error, run_options.log_severity)) logger.write(Severity::error, error.what(), run_options.tag);
    throw;
  }
  const auto end = Profiler::Clock::now();
  if (profiler != nullptr) profiler->add("Session", "model_run", begin, end, text("\"run_tag\":", json_string(run_options.tag)));
  if (logger.enabled(Severity::verbose, run_options.log_severity)) {
    const std::chrono::duration<double, std::micro> time = end - begin;
    logger.write(Severity::verbose, text("a run took ", time.count(), " us"), run_options.tag);
  }
}

HONE_INLINE void SessionState::execute(RunContext& context, const Graph& graph, const RunOptions& run_options) const {
  place_inputs(context, graph);
  // A value that is an output twice is written to the first place, and copied from there to the second.
  for (std::size_t i = graph.outputs.size(); i-- > 0;) {
    if (context.wanted[i] && context.frame.output_place(i) == PlannedValue::Place::output)
      context.frame.output(i).tensor.data = result_memory(context, i).data;
  }
  context.frame.execute({run_options, profiler != nullptr && !profiler->ended() ? profiler.get() : nullptr});
  take_results(context, graph);
}

HONE_INLINE void SessionState::place_inputs(RunContext& context, const Graph& graph) const {
  const std::size_t inputs = interface->inputs.size();
  context.inputs.clear();
  for (std::size_t i = 0; i < inputs + graph.defaults.size(); ++i) {
    const ValueRef* feed = context.feeds[i];
    context.inputs.push_back(feed != nullptr ? feed->tensor() : graph.defaults[i - inputs].second.tensor);
  }
  context.frame.prepare(context.inputs, context.wanted);
  for (std::size_t i = 0; i < context.inputs.size(); ++i) {
    Slot& slot = context.frame.input(i);
    slot.tensor = context.inputs[i];
    if (context.feeds[i] != nullptr && !context.feeds[i]->is_tensor()) slot.object.assign(*context.feeds[i]->value());
  }
}

HONE_INLINE const TensorRef& SessionState::result_memory(RunContext& context, std::size_t output) const {
  const TensorRef& tensor = context.frame.output(output).tensor;
  try {
    return context.results[output]->memory(tensor.dtype, tensor.shape);
  } catch (const Error& error) {
    throw Error(error.code(), text("output '", interface->outputs[output].name, "': ", error.what()));
  }
}

HONE_INLINE void SessionState::take_results(RunContext& context, const Graph& graph) const {
  for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
    if (!context.wanted[i]) continue;
    const Slot& slot = context.frame.output(i);
    if (slot.tensor.dtype == DType::undefined) {
      if (context.results[i]->value() == nullptr) {
        fail(ErrorCode::invalid_argument, "output '", interface->outputs[i].name, "' is ", interface->outputs[i].type(),
             "; it needs a Value to go to");
      }
      context.results[i]->value()->assign(slot.object);
      continue;
    }
    const TensorRef& memory = result_memory(context, i);
    if (memory.data != slot.tensor.data) copy_elements(slot.tensor, memory);
  }
}

}  // namespace hone::inline HONE_ABI::detail
