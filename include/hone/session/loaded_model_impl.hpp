#pragma once

#include <algorithm>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/onnx/importer.hpp>
#include <hone/onnx/save_model.hpp>
#include <hone/rewrites/pipeline.hpp>
#include <hone/session/loaded_model.hpp>
#include <hone/session/optimized_model.hpp>
#include <hone/session/placement.hpp>

namespace hone::inline HONE_ABI::detail {

inline std::vector<AnyProvider> providers_of(const SessionOptions& options) {
  std::vector<AnyProvider> result = options.providers;
  if (!options.custom_ops.empty()) result.insert(result.begin(), std::make_shared<const CustomOpProvider>(options.custom_ops));
  return result;
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

HONE_INLINE LoadedModel::LoadedModel(ModelSource source, std::filesystem::path folder, const SessionOptions& options, ThreadPool& pool,
                                     const Steps& steps)
    : source_(std::move(source)), folder_(std::move(folder)), providers_(providers_of(options)) {
  const auto begin = Profiler::Clock::now();
  for (const AnyProvider& provider : providers_)
    for (const OpInfo* op : provider->operators()) registry_.add(op);
  ImportedModel imported;
  {
    ModelParts parts = source_.read(options.stop_token);
    imported = import(parts, InitializerInputs::constant, options);
    // A run that overrides an initializer imports the model again, and must not depend on a file.
    if (!imported.overridable_initializers.empty() && !source_.is_kept()) source_.keep(std::move(parts));
  }
  const auto read = Profiler::Clock::now();
  if (steps.profiler != nullptr) steps.profiler->add("Session", "model_loading", begin, read, "");
  files_ = std::move(imported.files);
  interface_ = interface_of(imported);
  rewrite_graph(imported.graph, options, pool, report_);
  if (steps.save_to != nullptr) {
    save_model(*steps.save_to, imported.graph, metadata_of_optimized(interface_->metadata, options.graph_optimization_level), registry_,
               {.outputs = interface_->outputs});
  }
  program_ = make_program(std::move(imported.graph), options, report_);
  if (steps.profiler != nullptr) steps.profiler->add("Session", "session_initialization", read, Profiler::Clock::now(), "");
}

HONE_INLINE ImportedModel LoadedModel::import(const ModelParts& parts, InitializerInputs initializer_inputs,
                                              const SessionOptions& options) const {
  return import_model(parts.message, folder_, registry_,
                      {.initializer_inputs = initializer_inputs,
                       .free_dimension_overrides = &options.free_dimension_overrides,
                       .free_dimension_overrides_by_denotation = &options.free_dimension_overrides_by_denotation,
                       .initializers = &options.initializers,
                       .external_files = &options.external_files,
                       .raw_data = source_.is_kept() && parts.raw_data.empty() ? nullptr : &parts.raw_data,
                       .limits = options.limits,
                       .stop_token = options.stop_token});
}

HONE_INLINE void LoadedModel::rewrite_graph(Graph& graph, const SessionOptions& options, ThreadPool& pool, Report& to) const {
  check_cancelled(options.stop_token);
  rewrite(graph,
          {level_to_apply(interface_->metadata, options.graph_optimization_level), providers_, pool, options.disabled_optimizers,
           options.limits},
          to.rewrites);
}

HONE_INLINE std::unique_ptr<const Program> LoadedModel::make_program(Graph graph, const SessionOptions& options, Report& to) const {
  return hone::make_program(std::move(graph), providers_, options, to);
}

HONE_INLINE bool LoadedModel::is_current() const noexcept {
  return std::all_of(files_.begin(), files_.end(), [](const SourceFile& file) { return file.is_unchanged(); });
}

HONE_INLINE std::shared_ptr<const Program> LoadedModel::overridable_program(const SessionOptions& options, ThreadPool& pool) const {
  const std::lock_guard lock(mutex_);
  if (overridable_ == nullptr) {
    Report ignored;
    Graph graph = import(source_.read(options.stop_token), InitializerInputs::overridable, options).graph;
    rewrite_graph(graph, options, pool, ignored);
    overridable_ = make_program(std::move(graph), options, ignored);
  }
  return overridable_;
}

}  // namespace hone::inline HONE_ABI::detail
