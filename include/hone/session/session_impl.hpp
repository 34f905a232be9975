#pragma once

#include <algorithm>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/mapped_file.hpp>
#include <hone/onnx/importer.hpp>
#include <hone/rewrites/pipeline.hpp>
#include <hone/session/executor_impl.hpp>
#include <hone/session/program.hpp>
#include <hone/session/session.hpp>

namespace hone::inline HONE_ABI {

namespace detail {

/// What one run changes; kept from run to run, so that a run allocates nothing.
struct RunContext {
  RunContext(const Program& program, ThreadPool& pool) : frame(program, pool) {}

  Frame frame;
  std::vector<const Feed*> feeds;         ///< by input, then by overridable initializer
  std::vector<TensorRef> inputs;          ///< as Frame::prepare takes them
  std::vector<const ResultRef*> results;  ///< by output, null for those that are not asked for
  std::vector<bool> wanted;               ///< by output
};

/// A program with the contexts that its runs leave behind for the next.
class Runnable {
 public:
  Runnable(std::unique_ptr<const Program> program, ThreadPool& pool) : program_(std::move(program)), pool_(pool) {}

  [[nodiscard]] const Graph& graph() const noexcept { return program_->graph; }

  /// A context of its own for one run, which goes back when the lease ends.
  class Lease {
   public:
    Lease(Runnable& runnable) : runnable_(runnable), context_(runnable.take()) {}
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() { runnable_.give_back(std::move(context_)); }
    [[nodiscard]] RunContext& operator*() const noexcept { return *context_; }

   private:
    Runnable& runnable_;
    std::unique_ptr<RunContext> context_;
  };

 private:
  [[nodiscard]] std::unique_ptr<RunContext> take() {
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        std::unique_ptr<RunContext> context = std::move(idle_.back());
        idle_.pop_back();
        return context;
      }
      idle_.reserve(++contexts_);  // giving back must not fail
    }
    return std::make_unique<RunContext>(*program_, pool_);
  }
  void give_back(std::unique_ptr<RunContext> context) noexcept {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(context));
  }

  std::unique_ptr<const Program> program_;
  ThreadPool& pool_;
  std::mutex mutex_;
  std::size_t contexts_ = 0;
  std::vector<std::unique_ptr<RunContext>> idle_;
};

inline std::vector<NodeArg> node_args(const Graph& graph, const std::vector<ValueId>& ids) {
  std::vector<NodeArg> args;
  for (const ValueId id : ids) args.push_back({graph[id].name, graph[id].type, graph[id].shape});
  return args;
}

inline std::vector<NodeArg> output_args(const Graph& graph) {
  std::vector<NodeArg> args = node_args(graph, graph.outputs);
  for (std::size_t i = 0; i < args.size(); ++i) args[i].name = graph.output_names[i];
  return args;
}

}  // namespace detail

struct Session::State {
  State(std::shared_ptr<const onnx::ModelProto> parsed, std::filesystem::path in_folder, SessionOptions with)
      : options(std::move(with)), pool(pool_of(options)), model(std::move(parsed)), folder(std::move(in_folder)) {
    if (options.providers.empty()) fail(ErrorCode::invalid_argument, "the session has no providers");
    for (const AnyProvider& provider : options.providers)
      for (const OpInfo* op : provider->operators()) registry.add(op);
    ImportedModel imported = import_model(model, folder, registry);
    metadata = std::move(imported.metadata);
    overridable = std::move(imported.overridable_initializers);
    inputs = detail::node_args(imported.graph, imported.graph.inputs);
    outputs = detail::output_args(imported.graph);
    fixed = make_runnable(std::move(imported.graph), report);
  }

  static ThreadPool& pool_of(const SessionOptions& options) {
    if (options.intra_op_num_threads < 0) {
      fail(ErrorCode::invalid_argument, "intra_op_num_threads is ", options.intra_op_num_threads,
           "; it must be 0 (all processors) or more");
    }
    return ThreadPool::shared(options.intra_op_num_threads);
  }

  std::unique_ptr<detail::Runnable> make_runnable(Graph graph, Report& to) {
    rewrite(graph, {options.graph_optimization_level, options.providers, pool}, to.rewrites);
    return std::make_unique<detail::Runnable>(make_program(std::move(graph), options.providers, to), pool);
  }

  /// The program in which initializers are inputs, made when a feed first overrides one.
  detail::Runnable& overridden_program() {
    const std::lock_guard lock(mutex);
    if (!overridden) {
      Report ignored;
      overridden = make_runnable(import_model(model, folder, registry, InitializerInputs::overridable).graph, ignored);
    }
    return *overridden;
  }

  /// Index of an output. Errors: invalid_argument.
  [[nodiscard]] std::size_t output_index(std::string_view name) const;
  /// Puts each feed where its input is; true when one overrides an initializer. Errors: invalid_argument.
  bool resolve(std::span<const Feed> feeds, std::vector<const Feed*>& by_input) const;
  /// Runs the program; `result_of(output)` gives a ResultRef pointer, null for outputs that are not asked for.
  template <class ResultOf>
  void run(std::span<const Feed> feeds, const ResultOf& result_of);
  void execute(detail::RunContext& context, const Graph& graph) const;

  SessionOptions options;
  ThreadPool& pool;
  std::shared_ptr<const onnx::ModelProto> model;
  std::filesystem::path folder;
  OpRegistry registry;
  ModelMetadata metadata;
  std::vector<NodeArg> inputs;
  std::vector<NodeArg> outputs;
  std::vector<NodeArg> overridable;
  Report report;
  std::unique_ptr<detail::Runnable> fixed;
  std::mutex mutex;
  std::unique_ptr<detail::Runnable> overridden;
};

namespace detail {

inline std::string quoted_names(const std::vector<NodeArg>& args) {
  std::string result;
  for (const NodeArg& arg : args) result += text(result.empty() ? "'" : ", '", arg.name, "'");
  return result.empty() ? "none" : result;
}

/// Whether a value of type `given` may stand where the model says `expected`: an optional takes its element, or nothing.
inline bool accepts(const Type& expected, const Type& given) {
  return given == expected || (expected.kind == Type::Kind::optional && (!given.is_known() || given == *expected.element));
}

inline void check_feed(const NodeArg& arg, const ValueRef& value) {
  if (!accepts(arg.value_type, value.type())) {
    fail(ErrorCode::invalid_argument, "the input '", arg.name, "' has type ", value.type(), "; the model expects ", arg.type());
  }
  if (!value.is_tensor()) return;
  const TensorRef& tensor = value.tensor();
  const std::size_t alignment = std::min<std::size_t>(std::max<std::size_t>(element_size(tensor.dtype), 1), 8);
  if (reinterpret_cast<std::uintptr_t>(tensor.data) % alignment != 0) {
    fail(ErrorCode::invalid_argument, "the memory of the input '", arg.name, "' is not aligned to ", alignment, " bytes");
  }
  if (checked_bytes(tensor.dtype, tensor.shape) != 0 && tensor.data == nullptr) {
    fail(ErrorCode::invalid_argument, "the input '", arg.name, "' of shape ", tensor.shape, " has no memory");
  }
  if (!arg.shape) return;
  bool fits = arg.shape->size() == tensor.shape.rank();
  for (std::size_t i = 0; fits && i < tensor.shape.rank(); ++i) {
    const std::int64_t declared = (*arg.shape)[i].value;
    fits = declared < 0 || declared == tensor.shape[i];
  }
  if (!fits) {
    fail(ErrorCode::invalid_argument, "the input '", arg.name, "' has shape ", tensor.shape, "; the model expects ", to_string(arg.shape));
  }
}

}  // namespace detail

HONE_INLINE std::size_t Session::State::output_index(std::string_view name) const {
  const auto found = std::find_if(outputs.begin(), outputs.end(), [&](const NodeArg& arg) { return arg.name == name; });
  if (found == outputs.end()) {
    fail(ErrorCode::invalid_argument, "the model has no output '", name, "'; its outputs are ", detail::quoted_names(outputs));
  }
  return static_cast<std::size_t>(found - outputs.begin());
}

HONE_INLINE bool Session::State::resolve(std::span<const Feed> feeds, std::vector<const Feed*>& by_input) const {
  by_input.assign(inputs.size() + overridable.size(), nullptr);
  bool overrides = false;
  for (const Feed& feed : feeds) {
    const auto find = [&](const std::vector<NodeArg>& args) {
      return static_cast<std::size_t>(std::find_if(args.begin(), args.end(), [&](const NodeArg& arg) { return arg.name == feed.name; }) -
                                      args.begin());
    };
    std::size_t at = find(inputs);
    const NodeArg* arg = at < inputs.size() ? &inputs[at] : nullptr;
    if (arg == nullptr) {
      const std::size_t among_overridable = find(overridable);
      if (among_overridable == overridable.size()) {
        fail(ErrorCode::invalid_argument, "the model has no input '", feed.name, "'; its inputs are ", detail::quoted_names(inputs));
      }
      at = inputs.size() + among_overridable;
      arg = &overridable[among_overridable];
      overrides = true;
    }
    if (by_input[at] != nullptr) fail(ErrorCode::invalid_argument, "the input '", feed.name, "' is fed twice");
    detail::check_feed(*arg, feed.value);
    by_input[at] = &feed;
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (by_input[i] == nullptr) fail(ErrorCode::invalid_argument, "the input '", inputs[i].name, "' (", inputs[i].type(), ") is not fed");
  }
  return overrides;
}

template <class ResultOf>
void Session::State::run(std::span<const Feed> feeds, const ResultOf& result_of) {
  const detail::Runnable::Lease lease(*fixed);
  const bool overrides = resolve(feeds, (*lease).feeds);
  const auto start = [&](detail::RunContext& context, const Graph& graph) {
    context.results.resize(outputs.size());
    context.wanted.resize(outputs.size());
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      context.results[i] = result_of(i);
      context.wanted[i] = context.results[i] != nullptr;
    }
    execute(context, graph);
  };
  if (!overrides) return start(*lease, fixed->graph());
  detail::Runnable& program = overridden_program();
  const detail::Runnable::Lease other(program);
  (*other).feeds = (*lease).feeds;
  start(*other, program.graph());
}

HONE_INLINE void Session::State::execute(detail::RunContext& context, const Graph& graph) const {
  Frame& frame = context.frame;
  context.inputs.clear();
  for (std::size_t i = 0; i < inputs.size() + graph.defaults.size(); ++i) {
    const Feed* feed = context.feeds[i];
    context.inputs.push_back(feed != nullptr ? feed->value.tensor() : graph.defaults[i - inputs.size()].second.tensor);
  }
  frame.prepare(context.inputs, context.wanted);
  for (std::size_t i = 0; i < context.inputs.size(); ++i) {
    Slot& slot = frame.input(i);
    slot.tensor = context.inputs[i];
    if (context.feeds[i] != nullptr && !context.feeds[i]->value.is_tensor()) slot.object = context.feeds[i]->value.value()->clone();
  }
  // A value that is an output twice is written to the first place, and copied from there to the second.
  const auto memory_of = [&](std::size_t i) -> const TensorRef& {
    const TensorRef& tensor = frame.output(i).tensor;
    try {
      return context.results[i]->memory(tensor.dtype, tensor.shape);
    } catch (const Error& error) {
      throw Error(error.code(), text("output '", outputs[i].name, "': ", error.what()));
    }
  };
  for (std::size_t i = graph.outputs.size(); i-- > 0;) {
    if (context.wanted[i] && frame.output_place(i) == PlannedValue::Place::output) frame.output(i).tensor.data = memory_of(i).data;
  }
  frame.execute();
  for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
    if (!context.wanted[i]) continue;
    const Slot& slot = frame.output(i);
    if (slot.tensor.dtype == DType::undefined) {
      if (context.results[i]->value() == nullptr) {
        fail(ErrorCode::invalid_argument, "output '", outputs[i].name, "' is ", outputs[i].type(), "; it needs a Value to go to");
      }
      *context.results[i]->value() = slot.object.clone();
      continue;
    }
    const TensorRef& memory = memory_of(i);
    if (memory.data != slot.tensor.data) detail::copy_elements(slot.tensor, memory);
  }
}

HONE_INLINE Session::Session(const std::filesystem::path& model, SessionOptions options) {
  const MappedFile file(model);
  std::shared_ptr<const onnx::ModelProto> parsed;
  try {
    parsed = parse_model(file.bytes());
  } catch (const Error& error) {
    throw Error(error.code(), text("'", model.string(), "': ", error.what()));
  }
  state_ = std::make_unique<State>(std::move(parsed), model.parent_path(), std::move(options));
}

HONE_INLINE Session::Session(std::span<const std::byte> model, SessionOptions options)
    : state_(std::make_unique<State>(parse_model(model), std::filesystem::path{}, std::move(options))) {}

HONE_INLINE Session::Session(std::span<const std::byte> buffer, std::size_t offset, std::size_t length, SessionOptions options) {
  if (offset > buffer.size() || length > buffer.size() - offset) {
    fail(ErrorCode::invalid_argument, length, " bytes at offset ", offset, " are not inside a buffer of ", buffer.size());
  }
  state_ = std::make_unique<State>(parse_model(buffer.subspan(offset, length)), std::filesystem::path{}, std::move(options));
}

HONE_INLINE Session::Session(const onnx::ModelProto& model, SessionOptions options)
    : state_(std::make_unique<State>(copy_model(model), std::filesystem::path{}, std::move(options))) {}

HONE_INLINE Session::Session(Session&&) noexcept = default;
HONE_INLINE Session& Session::operator=(Session&&) noexcept = default;
HONE_INLINE Session::~Session() = default;

HONE_INLINE Outputs Session::run(std::span<const Feed> feeds) const {
  std::vector<std::pair<std::string, Value>> named;
  for (const NodeArg& output : state_->outputs) named.emplace_back(output.name, Value());
  std::vector<ResultRef> results;
  for (auto& [name, value] : named) results.emplace_back(value);
  state_->run(feeds, [&](std::size_t i) { return &results[i]; });
  return Outputs(std::move(named));
}

HONE_INLINE Outputs Session::run(std::span<const std::string> output_names, std::span<const Feed> feeds) const {
  std::vector<std::pair<std::string, Value>> named;
  for (const std::string& name : output_names) named.emplace_back(name, Value());
  std::vector<Fetch> fetches;
  for (auto& [name, value] : named) fetches.push_back({name, value});
  run(feeds, fetches);
  return Outputs(std::move(named));
}

HONE_INLINE void Session::run(std::span<const Feed> feeds, std::span<const Fetch> fetches) const {
  for (std::size_t i = 0; i < fetches.size(); ++i) {
    const std::size_t output = state_->output_index(fetches[i].name);
    for (std::size_t k = 0; k < i; ++k)
      if (fetches[k].name == fetches[i].name) fail(ErrorCode::invalid_argument, "the output '", fetches[i].name, "' is asked for twice");
    const ResultRef& result = fetches[i].value;
    const Type& type = state_->outputs[output].value_type;
    if (result.value() == nullptr && type.is_known() && !(type == Type(result.tensor().dtype))) {
      fail(ErrorCode::invalid_argument, "the tensor for the output '", fetches[i].name, "' is ", Type(result.tensor().dtype),
           "; the model gives ", type);
    }
  }
  state_->run(feeds, [&](std::size_t i) -> const ResultRef* {
    for (const Fetch& fetch : fetches)
      if (fetch.name == state_->outputs[i].name) return &fetch.value;
    return nullptr;
  });
}

HONE_INLINE const std::vector<NodeArg>& Session::inputs() const noexcept { return state_->inputs; }
HONE_INLINE const std::vector<NodeArg>& Session::outputs() const noexcept { return state_->outputs; }
HONE_INLINE const std::vector<NodeArg>& Session::overridable_initializers() const noexcept { return state_->overridable; }
HONE_INLINE const ModelMetadata& Session::model_metadata() const noexcept { return state_->metadata; }
HONE_INLINE const Report& Session::report() const noexcept { return state_->report; }
HONE_INLINE const SessionOptions& Session::options() const noexcept { return state_->options; }
HONE_INLINE std::vector<std::string> Session::providers() const {
  std::vector<std::string> names;
  for (const AnyProvider& provider : state_->options.providers) names.emplace_back(provider->name());
  return names;
}

}  // namespace hone::inline HONE_ABI
