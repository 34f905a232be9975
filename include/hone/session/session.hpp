#pragma once

#include <cstddef>
#include <filesystem>
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
#include <hone/session/node_arg.hpp>
#include <hone/session/options.hpp>
#include <hone/session/report.hpp>

namespace hone::inline HONE_ABI {

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
  /// Errors: no_such_file, invalid_protobuf, invalid_graph, not_implemented (one error lists all nodes that no provider runs).
  explicit Session(const std::filesystem::path& model, SessionOptions options = {});
  /// A serialized model in memory, which is not needed after the call. External data is looked for in the current directory.
  explicit Session(std::span<const std::byte> model, SessionOptions options = {});
  /// The `length` bytes at `offset` of `buffer`. Errors: invalid_argument when they are not inside.
  Session(std::span<const std::byte> buffer, std::size_t offset, std::size_t length, SessionOptions options = {});
  explicit Session(const onnx::ModelProto& model, SessionOptions options = {});

  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  ~Session();

  /// Creates a session on another thread; takes what the constructors take. A span or ModelProto must stay alive until the future is
  /// ready. The future's exception is the load error.
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
  /// runtime_exception for values that an operator does not allow. The session stays usable.
  [[nodiscard]] Outputs run(std::span<const Feed> feeds) const;
  [[nodiscard]] Outputs run(std::initializer_list<Feed> feeds) const { return run(std::span<const Feed>(feeds.begin(), feeds.size())); }
  /// Runs only what the named outputs need, and gives those in that order.
  [[nodiscard]] Outputs run(std::span<const std::string> output_names, std::span<const Feed> feeds) const;
  [[nodiscard]] Outputs run(std::initializer_list<std::string> output_names, std::initializer_list<Feed> feeds) const {
    return run(std::span<const std::string>(output_names.begin(), output_names.size()), std::span<const Feed>(feeds.begin(), feeds.size()));
  }

  /// Runs what the fetched outputs need and writes them where the caller says. From the second run of the same shapes on, this makes no
  /// call of the heap: `session.run({{"a", a}}, {{"c", c}})`.
  /// Errors: as above, and invalid_argument when a tensor does not have the type or shape of its result.
  void run(std::span<const Feed> feeds, std::span<const Fetch> fetches) const;
  void run(std::initializer_list<Feed> feeds, std::initializer_list<Fetch> fetches) const {
    run(std::span<const Feed>(feeds.begin(), feeds.size()), std::span<const Fetch>(fetches.begin(), fetches.size()));
  }

  [[nodiscard]] const std::vector<NodeArg>& inputs() const noexcept;
  [[nodiscard]] const std::vector<NodeArg>& outputs() const noexcept;
  /// Initializers that a feed of the same name overrides.
  [[nodiscard]] const std::vector<NodeArg>& overridable_initializers() const noexcept;
  [[nodiscard]] const ModelMetadata& model_metadata() const noexcept;
  /// Names of the providers in order of priority.
  [[nodiscard]] std::vector<std::string> providers() const;
  /// Which provider and kernel each node got, and why others refused it.
  [[nodiscard]] const Report& report() const noexcept;
  [[nodiscard]] const SessionOptions& options() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hone::inline HONE_ABI

#if !HONE_COMPILED
#include <hone/session/session_impl.hpp>
#endif
