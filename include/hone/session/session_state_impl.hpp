#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/denormals.hpp>
#include <hone/onnx/importer.hpp>
#include <hone/onnx/save_model.hpp>
#include <hone/rewrites/pipeline.hpp>
#include <hone/session/config_entries.hpp>
#include <hone/session/executor_impl.hpp>
#include <hone/session/optimized_model.hpp>
#include <hone/session/placement.hpp>
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

inline std::vector<AnyProvider> providers_of(const SessionOptions& options) {
  std::vector<AnyProvider> result = options.providers;
  if (!options.custom_ops.empty()) result.insert(result.begin(), std::make_shared<const CustomOpProvider>(options.custom_ops));
  return result;
}

inline SessionOptions with_providers(SessionOptions options, std::vector<AnyProvider> providers) {
  options.providers = std::move(providers);
  return options;
}

inline std::vector<NodeArg> node_args(const Graph& graph, const std::vector<ValueId>& ids) {
  std::vector<NodeArg> args;
  for (const ValueId id : ids) args.push_back({graph[id].name, graph[id].type, graph[id].shape});
  return args;
}

inline std::shared_ptr<const ModelInterface> interface_of(ImportedModel& imported) {
  auto result = std::make_shared<ModelInterface>();
  result->inputs = node_args(imported.graph, imported.graph.inputs);
  result->overridable = std::move(imported.overridable_initializers);
  result->outputs = node_args(imported.graph, imported.graph.outputs);
  for (std::size_t i = 0; i < result->outputs.size(); ++i) result->outputs[i].name = imported.graph.output_names[i];
  result->metadata = std::move(imported.metadata);
  return result;
}

HONE_INLINE SessionState::SessionState(ModelSource source, SessionOptions with)
    : options(checked(std::move(with))),
      logger(options.log_callback, options.log_severity, options.log_id),
      profiler(options.enable_profiling ? std::make_shared<Profiler>(options.profile_file_prefix) : nullptr),
      source_(std::move(source)),
      folder_(options.external_data_folder.empty() ? source_.folder() : options.external_data_folder),
      pool_(pool_of(options, options.intra_op_num_threads, true)),
      inter_op_pool_(inter_op_pool_of(options)),
      environment_{*pool_, inter_op_pool_.get(), options.limits},
      providers_(providers_of(options)) {
  load();
}

HONE_INLINE SessionState::SessionState(const SessionState& other, std::vector<AnyProvider> providers)
    : options(checked(with_providers(other.options, std::move(providers)))),
      logger(other.logger),
      profiler(other.profiler),
      interface(other.interface),
      source_(other.source_),
      folder_(other.folder_),
      pool_(other.pool_),
      inter_op_pool_(other.inter_op_pool_),
      environment_{*pool_, inter_op_pool_.get(), options.limits},
      providers_(providers_of(options)) {
  load();
}

HONE_INLINE void SessionState::load() {
  const auto begin = Profiler::Clock::now();
  try {
    for (const AnyProvider& provider : providers_)
      for (const OpInfo* op : provider->operators()) registry_.add(op);
    ImportedModel imported = import(InitializerInputs::constant);
    const auto read = Profiler::Clock::now();
    if (profiler != nullptr) profiler->add("Session", "model_loading", begin, read, "");
    const bool is_new = interface == nullptr;
    if (is_new) interface = interface_of(imported);
    rewrite_graph(imported.graph, report);
    if (is_new && !options.optimized_model_filepath.empty()) save(imported.graph);
    fixed_ = make_runnable(std::move(imported.graph), report);
    if (profiler != nullptr) profiler->add("Session", "session_initialization", read, Profiler::Clock::now(), "");
  } catch (const std::exception& error) {
    if (logger.enabled(Severity::error)) logger.write(Severity::error, error.what());
    throw;
  }
  options.stop_token = {};  // it is loading that it ends, not what comes later
  for (const NodeReport& node : report.nodes) {
    for (const auto& [provider, reason] : node.refusals) {
      if (provider == CustomOpProvider::own_name) continue;
      if (logger.enabled(Severity::warning))
        logger.write(Severity::warning,
                     text("node '", node.node, "' (", node.op, ") runs on ", node.provider, "; ", provider, ": ", reason));
    }
    if (logger.enabled(Severity::verbose))
      logger.write(Severity::verbose, text("node '", node.node, "' (", node.op, "): ", node.provider, " ", node.kernel));
  }
  for (const auto& [pass, patches] : report.rewrites)
    if (logger.enabled(Severity::verbose)) logger.write(Severity::verbose, text("rewrite ", pass, ": ", patches, " patches"));
  if (logger.enabled(Severity::info)) {
    const std::chrono::duration<double, std::milli> time = Profiler::Clock::now() - begin;
    logger.write(Severity::info, text("loaded the graph '", interface->metadata.graph_name, "' of ", report.nodes.size(), " nodes in ",
                                      time.count(), " ms"));
  }
}

HONE_INLINE ImportedModel SessionState::import(InitializerInputs initializer_inputs) {
  ModelParts model = source_.read(options.stop_token);
  ImportedModel imported = import_model(model.message, folder_, registry_,
                                        {.initializer_inputs = initializer_inputs,
                                         .free_dimension_overrides = &options.free_dimension_overrides,
                                         .free_dimension_overrides_by_denotation = &options.free_dimension_overrides_by_denotation,
                                         .initializers = &options.initializers,
                                         .external_files = &options.external_files,
                                         .raw_data = source_.is_kept() && model.raw_data.empty() ? nullptr : &model.raw_data,
                                         .limits = options.limits,
                                         .stop_token = options.stop_token});
  // A run that overrides an initializer imports the model again, and must not depend on a file.
  if (!imported.overridable_initializers.empty() && !source_.is_kept()) source_.keep(std::move(model));
  return imported;
}

HONE_INLINE void SessionState::rewrite_graph(Graph& graph, Report& to) const {
  check_cancelled(options.stop_token);
  rewrite(graph,
          {level_to_apply(interface->metadata, options.graph_optimization_level), providers_, *pool_, options.disabled_optimizers,
           options.limits},
          to.rewrites);
}

HONE_INLINE void SessionState::save(const Graph& graph) const {
  save_model(options.optimized_model_filepath, graph, metadata_of_optimized(interface->metadata, options.graph_optimization_level),
             registry_, {.outputs = interface->outputs});
}

HONE_INLINE std::unique_ptr<Runnable> SessionState::make_runnable(Graph graph, Report& to) const {
  return std::make_unique<Runnable>(make_program(std::move(graph), providers_, options, to), environment_);
}

HONE_INLINE Runnable& SessionState::overridden_program() {
  const std::lock_guard lock(mutex_);
  if (!overridden_) {
    Report ignored;
    Graph graph = import(InitializerInputs::overridable).graph;
    rewrite_graph(graph, ignored);
    overridden_ = make_runnable(std::move(graph), ignored);
  }
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
  Runnable& program = overridden_program();
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
    if (context.feeds[i] != nullptr && !context.feeds[i]->is_tensor()) slot.object = context.feeds[i]->value()->clone();
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
      *context.results[i]->value() = slot.object.clone();
      continue;
    }
    const TensorRef& memory = result_memory(context, i);
    if (memory.data != slot.tensor.data) copy_elements(slot.tensor, memory);
  }
}

}  // namespace hone::inline HONE_ABI::detail
