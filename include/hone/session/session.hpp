#pragma once

#include <cstddef>
#include <exception>
#include <filesystem>
#include <functional>
#include <future>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/value.hpp>
#include <hone/fwd.hpp>
#include <hone/session/io_binding.hpp>
#include <hone/session/memory_report.hpp>
#include <hone/session/node_arg.hpp>
#include <hone/session/options.hpp>
#include <hone/session/report.hpp>
#include <hone/session/run_options.hpp>

namespace hone::inline HONE_ABI {

namespace detail {
class SessionState;
}

/// One named input of a run. The value is referred to, not copied, and must stay alive until the run ends.
struct Feed {
  std::string_view name;
  ValueRef value;
};

/// One named output of a run, and where it goes. What it refers to must stay alive until the run ends.
struct Fetch {
  std::string_view name;
  ResultRef value;
};

/// The named results of a run.
class Outputs {
 public:
  Outputs() = default;
  explicit Outputs(std::vector<std::pair<std::string, Value>> entries) : entries_(std::move(entries)) {}

  /// Errors: invalid_argument that lists the names there are.
  [[nodiscard]] const Value& operator[](std::string_view name) const {
    for (const auto& [key, value] : entries_)
      if (key == name) return value;
    std::string names;
    for (const auto& [key, value] : entries_) names += (names.empty() ? "'" : ", '") + key + "'";
    fail(ErrorCode::invalid_argument, "there is no output '", name, "'; available: ", names);
  }
  [[nodiscard]] Value& operator[](std::string_view name) { return const_cast<Value&>(std::as_const(*this)[name]); }
  /// In the order in which they were asked for: pairs of name and value.
  [[nodiscard]] auto begin() const noexcept { return entries_.begin(); }
  [[nodiscard]] auto end() const noexcept { return entries_.end(); }
  [[nodiscard]] auto begin() noexcept { return entries_.begin(); }
  [[nodiscard]] auto end() noexcept { return entries_.end(); }
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

 private:
  std::vector<std::pair<std::string, Value>> entries_;
};

/// A model, ready to run. `run` is const and may be called from any number of threads.
/// Whatever is wrong with a model or a feed ends in a hone::Error; tensors that do not fit in memory are resource_exhausted. Only when not
/// even small things fit does std::bad_alloc come out.
class Session {
 public:
  /// Errors: no_such_file (of SessionOptions::optimized_model_filepath too), invalid_protobuf, invalid_graph, not_implemented (one error
  /// lists all nodes that no provider runs), invalid_argument (an option that does not make sense), resource_exhausted
  /// (SessionOptions::limits), cancelled; std::bad_alloc.
  ///
  /// Weights are in memory once: those that kernels have packed are let go of, and set_providers() reads the file again. Other sessions of
  /// the file share them: see SessionOptions::use_per_session_weights.
  explicit Session(const std::filesystem::path& model, SessionOptions options = {});
  /// A serialized model in memory, which is not needed after the call: the session keeps the parsed message. External data is looked for in
  /// SessionOptions::external_data_folder, by default the current directory.
  explicit Session(std::span<const std::byte> model, SessionOptions options = {});
  /// The `length` bytes at `offset` of `buffer`. Errors: invalid_argument when they are not inside.
  Session(std::span<const std::byte> buffer, std::size_t offset, std::size_t length, SessionOptions options = {});
  explicit Session(const onnx::ModelProto& model, SessionOptions options = {});

  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  /// Runs that have begun on other threads, and asynchronous ones, go on to their end: what they need lives as long as they do.
  ~Session();

  /// Creates a session on another thread; takes what the constructors take. A span or ModelProto must stay alive until the future is
  /// ready. The future's exception is the load error. SessionOptions::stop_token ends loading early.
  template <class Model>
  [[nodiscard]] static std::future<Session> create_async(Model&& model, SessionOptions options = {}) {
    using Held = std::conditional_t<
        std::is_same_v<std::remove_cvref_t<Model>, onnx::ModelProto>, const onnx::ModelProto&,
        std::conditional_t<std::is_convertible_v<Model, std::filesystem::path>, std::filesystem::path, std::span<const std::byte>>>;
    struct Job {
      Held model;
      SessionOptions options;
    };
    return std::async(std::launch::async, [job = Job{static_cast<Held>(model), std::move(options)}]() mutable {
      return Session(job.model, std::move(job.options));
    });
  }

  /// Runs the model and gives all its outputs.
  /// Errors: invalid_argument for a missing, unknown or repeated feed, a wrong type, rank or dimension, before any kernel runs;
  /// runtime_exception for values that an operator does not allow; cancelled (RunOptions); resource_exhausted (SessionOptions::limits);
  /// std::bad_alloc. The session stays usable after each of them.
  [[nodiscard]] Outputs run(std::span<const Feed> feeds, const RunOptions& options = {}) const;
  [[nodiscard]] Outputs run(std::initializer_list<Feed> feeds, const RunOptions& options = {}) const {
    return run(std::span<const Feed>(feeds.begin(), feeds.size()), options);
  }
  /// Runs only what the named outputs need, and gives those in that order.
  [[nodiscard]] Outputs run(std::span<const std::string> output_names, std::span<const Feed> feeds, const RunOptions& options = {}) const;
  [[nodiscard]] Outputs run(std::initializer_list<std::string> output_names, std::initializer_list<Feed> feeds,
                            const RunOptions& options = {}) const {
    return run(std::span<const std::string>(output_names.begin(), output_names.size()), std::span<const Feed>(feeds.begin(), feeds.size()),
               options);
  }

  /// Runs what the fetched outputs need and writes them where the caller says. From the second run of the same shapes on, this makes no
  /// call of the heap: `session.run({{"a", a}}, {{"c", c}})`.
  /// Errors: as above, and invalid_argument when a tensor does not have the type or shape of its result.
  void run(std::span<const Feed> feeds, std::span<const Fetch> fetches, const RunOptions& options = {}) const;
  void run(std::initializer_list<Feed> feeds, std::initializer_list<Fetch> fetches, const RunOptions& options = {}) const {
    run(std::span<const Feed>(feeds.begin(), feeds.size()), std::span<const Fetch>(fetches.begin(), fetches.size()), options);
  }

  /// An empty binding for this session.
  [[nodiscard]] IoBinding io_binding() const;
  /// Runs what the bound outputs need. Errors: as above, and invalid_argument for a binding of another model, or without outputs.
  void run(IoBinding& binding, const RunOptions& options = {}) const;

  /// What a run ends with: its outputs, or why there are none.
  using RunCallback = std::function<void(Outputs, std::exception_ptr)>;

  /// Runs the model on another thread, of SessionOptions::executor or of the process, and calls `done` there. Names and options are copied;
  /// what the feeds refer to must stay alive until then. RunOptions::stop_token cancels the run. The session may be destroyed before.
  /// What `done` throws is dropped.
  /// Errors: std::bad_alloc, std::system_error, and runtime_exception when the executor takes no task: `done` is then never called.
  void run_async(std::span<const Feed> feeds, RunCallback done, RunOptions options = {}) const;
  void run_async(std::initializer_list<Feed> feeds, RunCallback done, RunOptions options = {}) const {
    run_async(std::span<const Feed>(feeds.begin(), feeds.size()), std::move(done), std::move(options));
  }
  [[nodiscard]] std::future<Outputs> run_async(std::span<const Feed> feeds, RunOptions options = {}) const;
  [[nodiscard]] std::future<Outputs> run_async(std::initializer_list<Feed> feeds, RunOptions options = {}) const {
    return run_async(std::span<const Feed>(feeds.begin(), feeds.size()), std::move(options));
  }

  [[nodiscard]] const std::vector<NodeArg>& inputs() const noexcept;
  [[nodiscard]] const std::vector<NodeArg>& outputs() const noexcept;
  /// Initializers that a feed of the same name overrides.
  [[nodiscard]] const std::vector<NodeArg>& overridable_initializers() const noexcept;
  [[nodiscard]] const ModelMetadata& model_metadata() const noexcept;
  /// Version of a domain by which the model is read; "" is ai.onnx. Errors: invalid_argument that lists the domains of the model.
  [[nodiscard]] int opset(std::string_view domain = "") const;
  /// Names of the providers in order of priority.
  [[nodiscard]] std::vector<std::string> providers() const;
  /// Which provider and kernel each node got, and why others refused it.
  [[nodiscard]] const Report& report() const noexcept;
  /// With config_entries applied.
  [[nodiscard]] const SessionOptions& options() const noexcept;

  /// Prepares the model again for other providers, in order of priority: `session.set_providers({hone::Cpu{.arch = "avx2"}})`. Runs that
  /// have begun end on the old ones. A session made from a path reads the file again. Not while another thread calls this session. Errors:
  /// as when a session is created; it is then unchanged.
  void set_providers(std::vector<AnyProvider> providers);

  /// Where the memory of the session is. May be called at any time.
  [[nodiscard]] MemoryReport memory() const;
  /// Frees the arenas and plans that no run is using; the next run makes them again. Of sessions that share their plans, the others keep
  /// those that they have used. May be called at any time.
  void trim() const;

  /// Ends the profile that SessionOptions::enable_profiling began, and gives the path of its file; the same path when called again.
  /// Errors: invalid_argument when the session was created without one.
  std::string end_profiling() const;

 private:
  /// Errors: invalid_argument for a session that has been moved from.
  [[nodiscard]] const std::shared_ptr<detail::SessionState>& state() const;

  std::shared_ptr<detail::SessionState> state_;
};

}  // namespace hone::inline HONE_ABI

#if !HONE_COMPILED
#include <hone/session/session_impl.hpp>
#endif
