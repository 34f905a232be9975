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
#include <hone/session/executor.hpp>
#include <hone/session/program.hpp>
#include <hone/session/session.hpp>

namespace hone::inline HONE_ABI {

namespace detail {

/// A program with the frames that its runs leave behind for the next.
class Runnable {
 public:
  Runnable(std::unique_ptr<const Program> program, ThreadPool& pool) : program_(std::move(program)), pool_(pool) {}

  [[nodiscard]] const Graph& graph() const noexcept { return program_->graph; }

  [[nodiscard]] std::unique_ptr<Frame> take_frame() {
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        std::unique_ptr<Frame> frame = std::move(idle_.back());
        idle_.pop_back();
        return frame;
      }
    }
    return std::make_unique<Frame>(*program_, pool_);
  }
  void give_back(std::unique_ptr<Frame> frame) {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(frame));
  }

 private:
  std::unique_ptr<const Program> program_;
  ThreadPool& pool_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Frame>> idle_;
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
    rewrite(graph, options.graph_optimization_level, options.providers, pool, to.rewrites);
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

  Outputs run(const std::vector<bool>& wanted, std::span<const std::size_t> order, std::span<const Feed> feeds);

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

HONE_INLINE Outputs Session::State::run(const std::vector<bool>& wanted, std::span<const std::size_t> order, std::span<const Feed> feeds) {
  std::vector<const Feed*> given(inputs.size() + overridable.size(), nullptr);
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
    if (given[at] != nullptr) fail(ErrorCode::invalid_argument, "the input '", feed.name, "' is fed twice");
    detail::check_feed(*arg, feed.value);
    given[at] = &feed;
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (given[i] == nullptr) fail(ErrorCode::invalid_argument, "the input '", inputs[i].name, "' (", inputs[i].type(), ") is not fed");
  }

  detail::Runnable& program = overrides ? overridden_program() : *fixed;
  const Graph& graph = program.graph();
  std::vector<TensorRef> refs;
  for (std::size_t i = 0; i < inputs.size() + graph.defaults.size(); ++i) {
    const bool is_default = given[i] == nullptr;
    refs.push_back(is_default ? graph.defaults[i - inputs.size()].second.tensor : given[i]->value.tensor());
  }

  // A frame that a failed run leaves in an unknown state is dropped, not given back.
  std::unique_ptr<Frame> frame = program.take_frame();
  frame->prepare(refs, wanted);
  for (std::size_t i = 0; i < refs.size(); ++i) {
    Slot& slot = frame->input(i);
    slot.tensor = refs[i];
    if (given[i] != nullptr && !given[i]->value.is_tensor()) slot.object = given[i]->value.value()->clone();
  }
  std::vector<Value> results(graph.outputs.size());
  const auto is_repeated = [&](std::size_t i) {
    for (std::size_t k = 0; k < i; ++k)
      if (wanted[k] && graph.outputs[k] == graph.outputs[i]) return true;
    return false;
  };
  for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
    if (!wanted[i] || is_repeated(i) || frame->output_place(i) != PlannedValue::Place::output) continue;
    Slot& slot = frame->output(i);
    results[i] = Value::tensor(slot.tensor.dtype, slot.tensor.shape);
    slot.tensor = results[i].ref();
  }
  frame->execute();
  std::vector<std::pair<std::string, Value>> named;
  for (const std::size_t i : order) {
    const Slot& slot = frame->output(i);
    if (!results[i].has_value()) results[i] = slot.tensor.dtype != DType::undefined ? Value::copy_of(slot.tensor) : slot.object.clone();
    named.emplace_back(outputs[i].name, std::move(results[i]));
  }
  program.give_back(std::move(frame));
  return Outputs(std::move(named));
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
  const std::size_t count = state_->outputs.size();
  std::vector<std::size_t> order(count);
  for (std::size_t i = 0; i < count; ++i) order[i] = i;
  return state_->run(std::vector<bool>(count, true), order, feeds);
}

HONE_INLINE Outputs Session::run(std::span<const std::string> output_names, std::span<const Feed> feeds) const {
  std::vector<bool> wanted(state_->outputs.size(), false);
  std::vector<std::size_t> order;
  for (const std::string& name : output_names) {
    const auto found = std::find_if(state_->outputs.begin(), state_->outputs.end(), [&](const NodeArg& arg) { return arg.name == name; });
    if (found == state_->outputs.end()) {
      fail(ErrorCode::invalid_argument, "the model has no output '", name, "'; its outputs are ", detail::quoted_names(state_->outputs));
    }
    const auto i = static_cast<std::size_t>(found - state_->outputs.begin());
    if (wanted[i]) fail(ErrorCode::invalid_argument, "the output '", name, "' is asked for twice");
    wanted[i] = true;
    order.push_back(i);
  }
  return state_->run(wanted, order, feeds);
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
