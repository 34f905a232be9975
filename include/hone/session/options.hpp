#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/executor.hpp>
#include <hone/core/limits.hpp>
#include <hone/providers/provider.hpp>
#include <hone/session/custom_function.hpp>
#include <hone/session/logger.hpp>

namespace hone::inline HONE_ABI {

/// How far a session rewrites the graph. The levels are those of ONNX Runtime.
enum class GraphOptimizationLevel : std::uint8_t {
  disabled,  ///< none
  basic,     ///< exact algebra: constant folding, dead code, no-op elimination
  extended,  ///< and fusion of operators
  all,       ///< and memory layout
};

[[nodiscard]] constexpr std::string_view name(GraphOptimizationLevel level) noexcept {
  constexpr std::string_view names[] = {"disabled", "basic", "extended", "all"};
  return names[static_cast<std::size_t>(level)];
}
[[nodiscard]] constexpr std::optional<GraphOptimizationLevel> parse_level(std::string_view text) noexcept {
  for (const auto level :
       {GraphOptimizationLevel::disabled, GraphOptimizationLevel::basic, GraphOptimizationLevel::extended, GraphOptimizationLevel::all})
    if (name(level) == text) return level;
  return std::nullopt;
}

/// Whether nodes that do not depend on each other run at the same time.
enum class ExecutionMode : std::uint8_t {
  sequential,  ///< one node at a time, on intra_op_num_threads threads
  parallel,    ///< all nodes whose inputs are there at once, on inter_op_num_threads threads; each such node on one of them
};

/// The CPU provider with its default options. Defined in <hone/providers/cpu.hpp>.
[[nodiscard]] AnyProvider default_provider();

/// How a session is made. Everything has a default: `Session session(path, {.intra_op_num_threads = 2});`
struct SessionOptions {
  /// In order of priority: each node goes to the first one that supports it. A name stands for a provider with its default options.
  std::vector<AnyProvider> providers = {default_provider()};
  GraphOptimizationLevel graph_optimization_level = GraphOptimizationLevel::all;
  /// Names of rewrites that are left out, as Report::rewrites lists them.
  std::vector<std::string> disabled_optimizers = {};
  /// When not empty, a new session writes its graph, after all rewrites, to this file as an ONNX model, in place of one that is there.
  /// Weights beyond 2 GiB go to a file beside it, with ".data" added to the name. What a feed could override is constant in it, free
  /// dimensions are what the overrides make them, and operators that only hone has stand in the domain `hone`. A session that loads it, of
  /// no higher graph_optimization_level, does not rewrite it and gives the same bits. Errors of the session: no_such_file with the path and
  /// the reason, when the file cannot be written.
  std::filesystem::path optimized_model_filepath = {};

  /// Threads that work on one node, the calling one among them; 0 takes as many as the machine has.
  int intra_op_num_threads = 0;
  /// Threads that run nodes in ExecutionMode::parallel, the calling one among them; 0 takes as many as the machine has.
  int inter_op_num_threads = 0;
  /// Outputs are bitwise equal in both modes. Parallel plans need more memory, since more values are alive at once.
  ExecutionMode execution_mode = ExecutionMode::sequential;
  /// Idle threads poll for up to 200 us before they sleep. Off: every parallel section costs a wake-up, and idle threads cost nothing.
  bool allow_spinning = true;
  /// Threads of the session's own, joined when it ends. By default all sessions of the process share one pool per number of threads.
  bool use_per_session_threads = false;
  /// Logical processors, as the system numbers them, of each thread but the calling one: intra_op_num_threads - 1 lists, or none.
  /// Implies use_per_session_threads.
  std::vector<std::vector<int>> intra_op_thread_affinities = {};
  /// Weights, kernels and plans of the session's own. By default the sessions of the process that are made from one file with options that
  /// lead to the same kernels share them, as long as one of them lives: the second one neither reads the file nor takes memory for
  /// weights. A file whose contents changed less than two seconds before is not shared, since its next change could not be seen, and
  /// neither is what a session with an optimized_model_filepath makes.
  bool use_per_session_weights = false;
  /// Denormal numbers count as zero in all threads that work for the session, while they do.
  bool set_denormal_as_zero = false;
  /// Threads of the host, in place of threads of hone, for nodes and for run_async. With intra_op_num_threads = 0 all of them.
  std::shared_ptr<Executor> executor = nullptr;

  /// Refuses kernels that may give other bits for equal inputs. All kernels of the CPU provider are deterministic, for any number of
  /// threads; kernels of other providers and custom operators say whether they are.
  bool use_deterministic_compute = false;
  /// A node that none but the CPU provider supports is an error, which lists all such nodes with the refusals of the other providers.
  bool disable_cpu_fallback = false;

  Limits limits = {};

  /// Sizes of symbolic dimensions: "batch" is 1.
  std::map<std::string, std::int64_t> free_dimension_overrides = {};
  /// The same, by denotation ("DATA_BATCH").
  std::map<std::string, std::int64_t> free_dimension_overrides_by_denotation = {};

  /// Folder of external data, for models that come from memory; empty takes the current directory, or that of the model's file.
  std::filesystem::path external_data_folder = {};
  /// Initializers by name: see add_initializer().
  std::map<std::string, Constant, std::less<>> initializers = {};
  /// Contents of external data files by the location that the model names, read in place of files; they must outlive the session
  /// and stay as they are.
  std::map<std::string, std::span<const std::byte>> external_files = {};

  /// Options as text, for hosts that pass them on: see config_keys(). They are applied last.
  std::map<std::string, std::string> config_entries = {};

  /// Writes a Chrome trace of loading and of all runs, until Session::end_profiling().
  bool enable_profiling = false;
  /// Path of the trace, to which date, time, a number and ".json" are added.
  std::string profile_file_prefix = "hone_profile";

  /// Messages go there; without it there are none.
  LogCallback log_callback = {};
  Severity log_severity = Severity::warning;
  /// Which session speaks, in messages.
  std::string log_id = {};

  /// Ends loading when a stop is requested: an Error `cancelled`, at the next node.
  std::stop_token stop_token = {};

  /// See add_op().
  std::vector<std::shared_ptr<const detail::CustomOp>> custom_ops = {};

  /// Makes an operator of the function `f`, which runs on the CPU:
  /// `options.add_op("my.domain", "Scale", [](TensorView<const float> x, float a, TensorView<float> y) { ... });`
  ///
  /// Parameters are, in any order: `TensorView<const T>` the next input; `std::optional<TensorView<const T>>` an input that may be left
  /// out; `TensorView<T>` the next output, whose memory is there and whose shape is that of input 0 unless `with.shapes` says otherwise;
  /// an arithmetic type, `std::string`, or a `std::vector` of `float`, `std::int64_t` or `std::string`: the next attribute, by the names in
  /// `with.attributes`, or without names in the order of the node; `Context&`: the threads of the session. A function of a `Context&` and
  /// attributes alone takes any inputs and outputs.
  ///
  /// Functions of the same name are overloads: the first whose input types fit is taken. They come before operators of ONNX of that name.
  /// `f` is called from several threads at once, and is const. What it throws becomes the error of the run.
  /// Errors: invalid_argument for a signature that does not fit `with`.
  template <class F>
  SessionOptions& add_op(const std::string& domain, const std::string& op_type, F f, CustomOpOptions with = {}) {
    add_overload(domain == "ai.onnx" ? std::string() : domain, op_type, detail::custom_overload(std::move(f), std::move(with)));
    return *this;
  }

  /// Puts `tensor` in place of the model's initializer of that name, whose type and shape it must have. Sessions may share it; `owner`
  /// keeps it alive, or else it must outlive them. Its elements must stay as they are while a session that has it lives.
  SessionOptions& add_initializer(std::string name, const TensorRef& tensor, std::shared_ptr<const void> owner = nullptr) {
    initializers.insert_or_assign(std::move(name), Constant{tensor, std::move(owner)});
    return *this;
  }
  template <class T>
  SessionOptions& add_initializer(std::string name, const Tensor<T>& tensor) {
    return add_initializer(std::move(name), tensor.ref());
  }
  template <class T>
  SessionOptions& add_initializer(std::string name, Tensor<T>&& tensor) {
    auto owner = std::make_shared<const Tensor<T>>(std::move(tensor));
    const TensorRef ref = owner->ref();
    return add_initializer(std::move(name), ref, std::move(owner));
  }

  SessionOptions& add_free_dimension_override_by_name(std::string name, std::int64_t size) {
    free_dimension_overrides.insert_or_assign(std::move(name), size);
    return *this;
  }
  SessionOptions& add_free_dimension_override_by_denotation(std::string denotation, std::int64_t size) {
    free_dimension_overrides_by_denotation.insert_or_assign(std::move(denotation), size);
    return *this;
  }
  SessionOptions& add_config_entry(std::string key, std::string value) {
    config_entries.insert_or_assign(std::move(key), std::move(value));
    return *this;
  }

 private:
  void add_overload(std::string domain, std::string op_type, detail::CustomOverload overload) {
    std::vector<detail::CustomOverload> overloads;
    for (auto& known : custom_ops) {
      if (known->domain != domain || known->name != op_type || known->since != overload.options.since) continue;
      overloads = known->overloads();
      overloads.push_back(std::move(overload));
      known = std::make_shared<const detail::CustomOp>(std::move(domain), std::move(op_type), std::move(overloads));
      return;
    }
    overloads.push_back(std::move(overload));
    custom_ops.push_back(std::make_shared<const detail::CustomOp>(std::move(domain), std::move(op_type), std::move(overloads)));
  }
};

}  // namespace hone::inline HONE_ABI
