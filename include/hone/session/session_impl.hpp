#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/task_queue.hpp>
#include <hone/onnx/model_proto.hpp>
#include <hone/session/session.hpp>
#include <hone/session/session_state_impl.hpp>

namespace hone::inline HONE_ABI {

namespace detail {

/// Puts feeds where the session looks for them. Returns whether one overrides an initializer.
/// Errors: invalid_argument.
inline bool place_feeds(const ModelInterface& interface, std::span<const Feed> feeds, RunContext& context) {
  bool overrides = false;
  for (std::size_t i = 0; i < feeds.size(); ++i) {
    const std::size_t at = interface.input_index(feeds[i].name, i);
    if (context.feeds[at] != nullptr) fail(ErrorCode::invalid_argument, "the input '", feeds[i].name, "' is fed twice");
    interface.check_feed(at, feeds[i].value);
    context.feeds[at] = &feeds[i].value;
    overrides = overrides || at >= interface.inputs.size();
  }
  return overrides;
}

inline void place_fetches(const ModelInterface& interface, std::span<const Fetch> fetches, RunContext& context) {
  for (std::size_t i = 0; i < fetches.size(); ++i) {
    const std::size_t at = interface.output_index(fetches[i].name, i);
    if (context.results[at] != nullptr) fail(ErrorCode::invalid_argument, "the output '", fetches[i].name, "' is asked for twice");
    interface.check_result(at, fetches[i].value);
    context.results[at] = &fetches[i].value;
  }
}

inline Outputs run_all(SessionState& state, std::span<const Feed> feeds, const RunOptions& options) {
  std::vector<std::pair<std::string, Value>> named;
  for (const NodeArg& output : state.interface->outputs) named.emplace_back(output.name, Value());
  std::vector<ResultRef> results;
  for (auto& [name, value] : named) results.emplace_back(value);
  state.run(options, [&](RunContext& context) {
    for (std::size_t i = 0; i < results.size(); ++i) context.results[i] = &results[i];
    return place_feeds(*state.interface, feeds, context);
  });
  return Outputs(std::move(named));
}

/// A run that waits for a thread.
struct AsyncRun {
  std::shared_ptr<SessionState> state;
  std::vector<std::string> names;
  std::vector<Feed> feeds;
  RunOptions options;
  Session::RunCallback done;

  void operator()() noexcept {
    Outputs outputs;
    std::exception_ptr error;
    try {
      outputs = run_all(*state, feeds, options);
    } catch (...) {
      error = std::current_exception();
    }
    // Who is told may let the session go, and with it the executor, whose threads cannot wait for the one that this is.
    state.reset();
    try {
      done(std::move(outputs), std::move(error));
    } catch (...) {  // nobody is left to tell
    }
  }
};

}  // namespace detail

HONE_INLINE Session::Session(const std::filesystem::path& model, SessionOptions options)
    : state_(std::make_shared<detail::SessionState>(detail::ModelSource(model), std::move(options))) {}

HONE_INLINE Session::Session(std::span<const std::byte> model, SessionOptions options)
    : state_(std::make_shared<detail::SessionState>(detail::ModelSource(parse_model(model)), std::move(options))) {}

HONE_INLINE Session::Session(std::span<const std::byte> buffer, std::size_t offset, std::size_t length, SessionOptions options) {
  if (offset > buffer.size() || length > buffer.size() - offset) {
    fail(ErrorCode::invalid_argument, length, " bytes at offset ", offset, " are not inside a buffer of ", buffer.size());
  }
  state_ = std::make_shared<detail::SessionState>(detail::ModelSource(parse_model(buffer.subspan(offset, length))), std::move(options));
}

HONE_INLINE Session::Session(const onnx::ModelProto& model, SessionOptions options)
    : state_(std::make_shared<detail::SessionState>(detail::ModelSource(copy_model(model)), std::move(options))) {}

HONE_INLINE Session::Session(Session&&) noexcept = default;
HONE_INLINE Session& Session::operator=(Session&&) noexcept = default;
HONE_INLINE Session::~Session() = default;

HONE_INLINE const std::shared_ptr<detail::SessionState>& Session::state() const {
  if (state_ == nullptr) fail(ErrorCode::invalid_argument, "the session has been moved from");
  return state_;
}

HONE_INLINE Outputs Session::run(std::span<const Feed> feeds, const RunOptions& options) const {
  const std::shared_ptr<detail::SessionState> state = this->state();  // the session may end before the run does
  return detail::run_all(*state, feeds, options);
}

HONE_INLINE Outputs Session::run(std::span<const std::string> output_names, std::span<const Feed> feeds, const RunOptions& options) const {
  std::vector<std::pair<std::string, Value>> named;
  for (const std::string& name : output_names) named.emplace_back(name, Value());
  std::vector<Fetch> fetches;
  for (auto& [name, value] : named) fetches.push_back({name, value});
  run(feeds, fetches, options);
  return Outputs(std::move(named));
}

HONE_INLINE void Session::run(std::span<const Feed> feeds, std::span<const Fetch> fetches, const RunOptions& options) const {
  const std::shared_ptr<detail::SessionState> state = this->state();  // the session may end before the run does
  state->run(options, [&](detail::RunContext& context) {
    detail::place_fetches(*state->interface, fetches, context);
    return detail::place_feeds(*state->interface, feeds, context);
  });
}

HONE_INLINE IoBinding Session::io_binding() const { return IoBinding(state()->interface); }

HONE_INLINE void Session::run(IoBinding& binding, const RunOptions& options) const {
  const std::shared_ptr<detail::SessionState> state = this->state();  // the session may end before the run does
  if (binding.interface_ != state->interface) fail(ErrorCode::invalid_argument, "the binding is of another session");
  state->run(options, [&](detail::RunContext& context) {
    bool any = false;
    for (std::size_t i = 0; i < binding.outputs_.size(); ++i) {
      context.results[i] = binding.outputs_[i] ? &*binding.outputs_[i] : nullptr;
      any = any || binding.outputs_[i];
    }
    if (!any) fail(ErrorCode::invalid_argument, "the binding has no outputs");
    bool overrides = false;
    for (std::size_t i = 0; i < binding.inputs_.size(); ++i) {
      context.feeds[i] = binding.inputs_[i] ? &*binding.inputs_[i] : nullptr;
      overrides = overrides || (binding.inputs_[i] && i >= state->interface->inputs.size());
    }
    return overrides;
  });
}

HONE_INLINE void Session::run_async(std::span<const Feed> feeds, RunCallback done, RunOptions options) const {
  auto run = std::make_unique<detail::AsyncRun>();
  run->state = state();
  run->names.reserve(feeds.size());  // the feeds refer to the names
  for (const Feed& feed : feeds) run->feeds.push_back({run->names.emplace_back(feed.name), feed.value});
  run->options = std::move(options);
  run->done = std::move(done);
  if (Executor* executor = state()->options.executor.get()) {
    const auto task = [](void* argument) noexcept { (*std::unique_ptr<detail::AsyncRun>(static_cast<detail::AsyncRun*>(argument)))(); };
    if (!executor->submit(task, run.get())) fail(ErrorCode::runtime_exception, "the executor of the session takes no task");
    (void)run.release();
    return;
  }
  TaskQueue::shared().post([task = std::shared_ptr<detail::AsyncRun>(std::move(run))] { (*task)(); });
}

HONE_INLINE std::future<Outputs> Session::run_async(std::span<const Feed> feeds, RunOptions options) const {
  auto promise = std::make_shared<std::promise<Outputs>>();
  std::future<Outputs> future = promise->get_future();
  const auto done = [promise](Outputs outputs, const std::exception_ptr& error) {
    if (error != nullptr) {
      promise->set_exception(error);
    } else {
      promise->set_value(std::move(outputs));
    }
  };
  run_async(feeds, RunCallback(done), std::move(options));
  return future;
}

HONE_INLINE const std::vector<NodeArg>& Session::inputs() const noexcept { return state_->interface->inputs; }
HONE_INLINE const std::vector<NodeArg>& Session::outputs() const noexcept { return state_->interface->outputs; }
HONE_INLINE const std::vector<NodeArg>& Session::overridable_initializers() const noexcept { return state_->interface->overridable; }
HONE_INLINE const ModelMetadata& Session::model_metadata() const noexcept { return state_->interface->metadata; }
HONE_INLINE const Report& Session::report() const noexcept { return state_->report(); }
HONE_INLINE const SessionOptions& Session::options() const noexcept { return state_->options; }

HONE_INLINE int Session::opset(std::string_view domain) const {
  const auto& opsets = state()->interface->metadata.opset_imports;
  const auto found = opsets.find(domain == "ai.onnx" ? std::string() : std::string(domain));
  if (found != opsets.end()) return found->second;
  std::string known;
  for (const auto& [name, version] : opsets) known += text(known.empty() ? "'" : ", '", name.empty() ? "ai.onnx" : name, "'");
  fail(ErrorCode::invalid_argument, "the model imports no opset of the domain '", domain, "'; it imports ", known.empty() ? "none" : known);
}

HONE_INLINE std::vector<std::string> Session::providers() const {
  std::vector<std::string> names;
  for (const AnyProvider& provider : state()->options.providers) names.emplace_back(provider->name());
  return names;
}

HONE_INLINE void Session::set_providers(std::vector<AnyProvider> providers) {
  state_ = std::make_shared<detail::SessionState>(*state(), std::move(providers));
}

HONE_INLINE MemoryReport Session::memory() const { return state()->memory(); }
HONE_INLINE void Session::trim() const { state()->trim(); }

HONE_INLINE std::string Session::end_profiling() const {
  if (state()->profiler == nullptr) fail(ErrorCode::invalid_argument, "the session was created without enable_profiling");
  return state()->profiler->end();
}

}  // namespace hone::inline HONE_ABI
