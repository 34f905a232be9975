#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <latch>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <hone/providers/cpu.hpp>
#include <hone/session/session.hpp>

#include "../../tools/temporary_folder.hpp"
#include "support/model.hpp"

namespace model_cache_test {

using namespace hone_test;
namespace fs = std::filesystem;
using hone::DType;
using hone::Session;
using hone::SessionOptions;
using hone::Tensor;

inline constexpr std::int64_t rows = 64;
inline constexpr std::int64_t columns = 48;
inline constexpr std::size_t weight_bytes = rows * columns * sizeof(float);

inline std::string weights(float first) {
  std::vector<float> elements(static_cast<std::size_t>(rows * columns));
  for (std::size_t i = 0; i < elements.size(); ++i) elements[i] = first + static_cast<float>(i % 7);
  return {reinterpret_cast<const char*>(elements.data()), weight_bytes};
}

/// y = x w + b, where w stands in the file "data" and b in the model.
inline onnx::ModelProto network(float bias = 1) {
  onnx::TensorProto w = tensor<float>("w", {rows, columns}, {});
  w.clear_raw_data();
  w.set_data_location(onnx::TensorProto::EXTERNAL);
  auto& location = *w.add_external_data();
  location.set_key("location");
  location.set_value("data");
  auto proto = model(17, GraphBuilder()
                             .input("x", DType::float32, {-1, rows})
                             .initializer(w)
                             .initializer(tensor<float>("b", {1}, {bias}))
                             .node(NodeBuilder("MatMul", {"x", "w"}, {"m"}))
                             .node(NodeBuilder("Add", {"m", "b"}, {"y"}))
                             .output("y"));
  auto* batch = proto.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape()->mutable_dim(0);
  batch->set_dim_param("batch");
  batch->set_denotation("DATA_BATCH");
  return proto;
}

/// Writes a file that looks as if it had been written long ago.
inline void write(const fs::path& path, const std::string& contents) {
  std::ofstream(path, std::ios::binary) << contents;
  fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::hours(1));
}
/// Puts another file of the same time in place of one.
inline void replace(const fs::path& path, const std::string& contents) {
  const auto time = fs::last_write_time(path);
  const fs::path other = path.string() + ".new";
  write(other, contents);
  fs::last_write_time(other, time);
  fs::rename(other, path);
}

/// A folder with the model.
struct Files {
  tools::TemporaryFolder folder;
  Files() {
    write(model(), serialized(network()));
    write(data(), weights(0));
  }
  [[nodiscard]] fs::path model() const { return folder.path() / "model.onnx"; }
  [[nodiscard]] fs::path data() const { return folder.path() / "data"; }
};

inline Tensor<float> some(std::int64_t count) {
  Tensor<float> x({count, rows});
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 5) - 2;
  return x;
}
inline std::vector<float> result(const Session& session, std::int64_t count = 3) {
  const Tensor<float> x = some(count);
  return values_of<float>(session.run({{"x", x}})["y"]);
}

/// Whether a new session takes what another one has: it says so, and makes no weights of its own.
inline bool shares(const fs::path& model, SessionOptions options = {}) {
  std::string messages;
  options.log_severity = hone::Severity::info;
  options.log_callback = [&](const hone::LogMessage& message) { messages += message.text; };
  const std::int64_t before = hone::thread_buffer_bytes();
  const Session session(model, std::move(options));
  const bool own_weights = hone::thread_buffer_bytes() - before >= static_cast<std::int64_t>(weight_bytes);
  const bool says_so = contains(messages, "from another session");
  CHECK(says_so != own_weights);
  return says_so;
}

TEST_CASE("sessions of one file share weights and kernels, and nothing keeps those alive but the sessions") {
  const Files files;
  {
    CHECK_FALSE(shares(files.model()));
    const Session first(files.model());
    const std::vector<float> expected = result(first);
    const std::int64_t before = hone::thread_buffer_bytes();
    const Session second(files.model());
    CHECK(hone::thread_buffer_bytes() == before);
    CHECK(to_string(second.report()) == to_string(first.report()));
    CHECK_FALSE(second.report().nodes.empty());
    CHECK(second.inputs().size() == 1);
    CHECK(to_string(second.inputs()[0].shape) == to_string(first.inputs()[0].shape));
    CHECK(second.outputs()[0].name == "y");
    CHECK(second.memory().packed >= weight_bytes);
    CHECK(second.memory().packed == first.memory().packed);
    CHECK(second.memory().plans == 1);  // that of the first run of the other one
    CHECK(result(second) == expected);
    CHECK(second.memory().plans == 1);
    CHECK(first.memory().idle_contexts == 1);
    CHECK(second.memory().idle_contexts == 1);
  }
  CHECK_FALSE(shares(files.model()));
}

TEST_CASE("constants of sessions that share stand at one place") {
  const Files files;
  const void* seen = nullptr;
  SessionOptions options;
  // Not deterministic: else it would run once, while the plan that they share is made.
  options.add_op("test", "Look",
                 [&seen](hone::TensorView<const float> w, hone::TensorView<float> y) {
                   seen = w.data();
                   std::copy(w.begin(), w.end(), y.begin());
                 },
                 {.traits = {.deterministic = false}});
  auto proto = model(17, GraphBuilder()
                             .input("x", DType::float32, {1})
                             .initializer(network().graph().initializer(0))
                             .node(NodeBuilder("Add", {"x", "w"}, {"s"}))
                             .node(NodeBuilder("Look", {"w"}, {"l"}, "test"))
                             .node(NodeBuilder("Add", {"s", "l"}, {"y"}))
                             .output("y"));
  import_domain(proto, "test");
  write(files.model(), serialized(proto));
  options.graph_optimization_level = hone::GraphOptimizationLevel::disabled;
  const Tensor<float> x({1}, {1});
  const auto place_in = [&](const Session& session) {
    (void)session.run({{"x", x}});
    return std::exchange(seen, nullptr);
  };
  const Session first(files.model(), options);
  const Session second(files.model(), options);
  const Session own(files.model(), [&] {
    SessionOptions with = options;
    with.use_per_session_weights = true;
    return with;
  }());
  const void* place = place_in(first);
  REQUIRE(place != nullptr);
  CHECK(place_in(second) == place);
  CHECK(place_in(own) != place);
}

TEST_CASE("what a session makes goes on when the session ends, and while others run") {
  const Files files;
  auto first = std::make_optional<Session>(files.model());
  const std::vector<float> expected = result(*first);
  const Session second(files.model());
  std::atomic<bool> stop = false;
  std::atomic<int> wrong = 0;
  std::latch begun(1);
  std::jthread runner([&] {
    for (bool first_round = true; !stop; first_round = false) {
      if (result(second) != expected) ++wrong;
      if (first_round) begun.count_down();
    }
  });
  begun.wait();
  first.reset();
  for (int i = 0; i < 20; ++i) CHECK(shares(files.model()));
  stop = true;
  runner.join();
  CHECK(wrong == 0);
}

TEST_CASE("every option that changes what a session makes keeps sessions apart") {
  const Files files;
  const Session plain(files.model());
  const std::string data = weights(5);
  const Tensor<float> bias({1}, {3});
  const Files elsewhere;
  const std::vector<std::pair<const char*, std::function<void(SessionOptions&)>>> changes = {
      {"use_per_session_weights", [](SessionOptions& o) { o.use_per_session_weights = true; }},
      {"the same as text", [](SessionOptions& o) { o.add_config_entry("session.use_per_session_weights", "1"); }},
      {"level", [](SessionOptions& o) { o.graph_optimization_level = hone::GraphOptimizationLevel::basic; }},
      {"disabled_optimizers", [](SessionOptions& o) { o.disabled_optimizers = {"fold_constants"}; }},
      {"denormals", [](SessionOptions& o) { o.set_denormal_as_zero = true; }},
      {"deterministic", [](SessionOptions& o) { o.use_deterministic_compute = true; }},
      {"cpu fallback", [](SessionOptions& o) { o.disable_cpu_fallback = true; }},
      {"limits", [](SessionOptions& o) { o.limits.max_arena_bytes = 1 << 30; }},
      {"limits as text", [](SessionOptions& o) { o.add_config_entry("session.limits.max_nodes", "100"); }},
      {"dimensions", [](SessionOptions& o) { o.add_free_dimension_override_by_name("batch", 3); }},
      {"denotations", [](SessionOptions& o) { o.add_free_dimension_override_by_denotation("DATA_BATCH", 3); }},
      {"initializers", [&](SessionOptions& o) { o.add_initializer("b", bias); }},
      {"external files", [&](SessionOptions& o) { o.external_files["data"] = bytes_of(data); }},
      {"external folder", [&](SessionOptions& o) { o.external_data_folder = elsewhere.folder.path(); }},
      {"custom operators",
       [](SessionOptions& o) { o.add_op("test", "Own", [](hone::TensorView<const float>, hone::TensorView<float>) {}); }},
      {"optimized model", [&](SessionOptions& o) { o.optimized_model_filepath = elsewhere.folder.path() / "saved.onnx"; }},
  };
  for (const auto& [what, change] : changes) {
    CAPTURE(what);
    SessionOptions options;
    change(options);
    CHECK_FALSE(shares(files.model(), options));
    const Session other(files.model(), options);
    const std::string option = what;
    const bool own =
        contains(option, "own") || option == "use_per_session_weights" || option == "the same as text" || option == "optimized model";
    CHECK(shares(files.model(), options) != own);
  }
  CHECK(fs::exists(elsewhere.folder.path() / "saved.onnx"));
  CHECK(shares(files.model()));
}

TEST_CASE("what another option makes of the model is not taken for it") {
  const Files files;
  const std::string data = weights(5);
  const Tensor<float> bias({1}, {3});
  const Session plain(files.model());
  const Session biased(files.model(), SessionOptions().add_initializer("b", bias));
  const Session in_memory(files.model(), {.external_files = {{"data", bytes_of(data)}}});
  const std::vector<float> expected = result(plain);
  const std::vector<float> more = result(biased);
  for (std::size_t i = 0; i < expected.size(); ++i) CHECK(more[i] == expected[i] + 2);
  CHECK(result(in_memory) != expected);
}

TEST_CASE("threads, logs and profiles do not keep sessions apart; plans are for the threads that there are") {
  const Files files;
  const Session one(files.model(), {.intra_op_num_threads = 1});
  const std::vector<float> expected = result(one, 200);
  const auto change = [&](const std::function<void(SessionOptions&)>& set) {
    SessionOptions options{.intra_op_num_threads = 1};
    set(options);
    return shares(files.model(), options);
  };
  CHECK(change([](SessionOptions& o) { o.allow_spinning = false; }));
  CHECK(change([](SessionOptions& o) { o.use_per_session_threads = true; }));
  CHECK(change([](SessionOptions& o) { o.log_id = "other"; }));
  CHECK(change([](SessionOptions& o) { o.add_config_entry("session.intra_op.allow_spinning", "0"); }));
  const Session three(files.model(), {.intra_op_num_threads = 3});
  const Session parallel(files.model(),
                         {.intra_op_num_threads = 1, .inter_op_num_threads = 2, .execution_mode = hone::ExecutionMode::parallel});
  CHECK(one.memory().plans == 1);
  CHECK(result(three, 200) == expected);
  CHECK(one.memory().plans == 2);
  CHECK(result(parallel, 200) == expected);
  CHECK(one.memory().plans == 3);
  CHECK(result(one, 200) == expected);
  CHECK(one.memory().plans == 3);
}

/// The CPU, under another name.
class OtherProvider : public hone::Provider {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "OtherProvider"; }
  [[nodiscard]] std::vector<const hone::OpInfo*> operators() const override { return cpu_->operators(); }
  [[nodiscard]] hone::Placement place(const hone::NodeView& node) const override { return cpu_->place(node); }

 private:
  std::shared_ptr<const hone::Provider> cpu_ = hone::Cpu{}.provider();
};
/// All of them are alike.
class AlikeProvider final : public OtherProvider {
 public:
  [[nodiscard]] bool is_equal(const hone::Provider& other) const noexcept override {
    return dynamic_cast<const AlikeProvider*>(&other) != nullptr;
  }
};

TEST_CASE("sessions with equal providers share; those of users are equal when they say so") {
  const Files files;
  {
    const Session cpu(files.model(), {.providers = {hone::Cpu{}}});
    CHECK(shares(files.model(), {.providers = {"cpu"}}));
    for (const hone::simd::Isa isa : hone::simd::available_isas()) {
      CAPTURE(name(isa));
      const hone::Cpu other{.arch = std::string(name(isa))};
      CHECK(shares(files.model(), {.providers = {other}}) == (isa == hone::simd::best_isa().isa));
    }
    CHECK_FALSE(shares(files.model(), {.providers = {std::make_shared<OtherProvider>()}}));
    CHECK_FALSE(shares(files.model(), {.providers = {hone::Cpu{}, hone::Cpu{}}}));
  }
  {
    const auto object = std::make_shared<OtherProvider>();
    const Session session(files.model(), {.providers = {object}});
    CHECK(shares(files.model(), {.providers = {object}}));
    CHECK_FALSE(shares(files.model(), {.providers = {std::make_shared<OtherProvider>()}}));
  }
  // The operators are those of the provider that made the model, which stays.
  auto first = std::make_optional<Session>(files.model(), SessionOptions{.providers = {std::make_shared<AlikeProvider>()}});
  const Session second(files.model(), {.providers = {std::make_shared<AlikeProvider>()}});
  const std::vector<float> expected = result(*first);
  first.reset();
  CHECK(result(second) == expected);
  CHECK(shares(files.model(), {.providers = {std::make_shared<AlikeProvider>()}}));
}

TEST_CASE("a file that was replaced is read, be it of the same size and time") {
  const Files files;
  const Session first(files.model());
  const std::vector<float> expected = result(first);
  const auto size = fs::file_size(files.model());
  replace(files.model(), serialized(network(4)));
  REQUIRE(fs::file_size(files.model()) == size);
  const Session second(files.model());
  const std::vector<float> more = result(second);
  for (std::size_t i = 0; i < expected.size(); ++i) CHECK(more[i] == expected[i] + 3);
  CHECK(result(first) == expected);
  CHECK(shares(files.model()));  // with the second one

  const auto time = fs::last_write_time(files.model());
  std::this_thread::sleep_for(std::chrono::milliseconds(50));  // the clock of the file system
  write(files.model(), serialized(network(9)));
  fs::last_write_time(files.model(), time);
  CHECK_FALSE(shares(files.model()));
}

TEST_CASE("so is a file of external data") {
  const Files files;
  const Session first(files.model());
  const std::vector<float> expected = result(first);
  replace(files.data(), weights(1));
  const Session second(files.model());
  CHECK(result(second) != expected);
  CHECK(shares(files.model()));
  fs::remove(files.data());
  CHECK(code_of([&] { const Session session(files.model()); }) == hone::ErrorCode::no_such_file);
  // A link that points to other data.
  write(files.folder.path() / "one", weights(1));
  write(files.folder.path() / "two", weights(2));
  fs::create_symlink("one", files.data());
  const Session linked(files.model());
  CHECK(shares(files.model()));
  fs::remove(files.data());
  fs::create_symlink("two", files.data());
  CHECK_FALSE(shares(files.model()));
}

TEST_CASE("files that were written just now are not shared, since the next change could not be seen") {
  const Files files;
  const Session long_ago(files.model());
  CHECK(shares(files.model()));
  fs::last_write_time(files.data(), fs::file_time_type::clock::now());
  const Session first(files.model());
  CHECK_FALSE(shares(files.model()));
  fs::last_write_time(files.data(), fs::file_time_type::clock::now() - std::chrono::hours(1));
  fs::last_write_time(files.model(), fs::file_time_type::clock::now());
  const Session second(files.model());
  CHECK_FALSE(shares(files.model()));
}

TEST_CASE("one file by several names is one model, but external data is that of its folder") {
  const Files files;
  const Files elsewhere;
  const Session session(files.model());
  fs::create_symlink(files.folder.path(), elsewhere.folder.path() / "link");
  CHECK(shares(elsewhere.folder.path() / "link" / "model.onnx"));
  CHECK(shares(files.folder.path() / "." / "model.onnx"));
  CHECK_FALSE(shares(elsewhere.model()));
  fs::create_hard_link(files.model(), elsewhere.folder.path() / "hard.onnx");
  const Session linked(files.model());  // the new link has changed the file
  CHECK_FALSE(shares(elsewhere.folder.path() / "hard.onnx"));
}

TEST_CASE("models from memory have no other session") {
  const std::string data = weights(0);
  const std::string bytes = serialized(network());
  const SessionOptions options{.external_files = {{"data", bytes_of(data)}}};
  const auto packed_by = [&](const auto& make) {
    const std::int64_t before = hone::thread_buffer_bytes();
    const Session session = make();
    return hone::thread_buffer_bytes() - before;
  };
  const Session first(bytes_of(bytes), options);
  CHECK(packed_by([&] { return Session(bytes_of(bytes), options); }) >= static_cast<std::int64_t>(weight_bytes));
  const auto proto = network();
  const Session parsed(proto, options);
  CHECK(packed_by([&] { return Session(proto, options); }) >= static_cast<std::int64_t>(weight_bytes));
}

TEST_CASE("each session has its bindings, its trace and its own right to stop") {
  const Files files;
  const Session first(files.model());
  const Session second(files.model());
  hone::IoBinding binding = first.io_binding();
  const Tensor<float> x = some(1);
  binding.bind_input("x", x);
  binding.bind_output("y");
  first.run(binding);
  CHECK(contains(error_of([&] { second.run(binding); }), "of another session"));

  std::stop_source stop;
  stop.request_stop();
  CHECK(code_of([&] { const Session s(files.model(), {.stop_token = stop.get_token()}); }) == hone::ErrorCode::cancelled);

  const Session traced(files.model(), {.enable_profiling = true, .profile_file_prefix = (files.folder.path() / "trace").string()});
  (void)result(traced);
  std::ifstream trace(traced.end_profiling());
  const std::string events{std::istreambuf_iterator<char>(trace), {}};
  CHECK(contains(events, "model_loading"));
  CHECK(contains(events, "model_run"));
  CHECK(contains(events, "MatMul"));
}

TEST_CASE("sessions share what overrides an initializer too, and need no file for it") {
  const Files files;
  auto proto = network();
  set_type(*proto.mutable_graph()->add_input(), "b", DType::float32, {1});
  write(files.model(), serialized(proto));
  auto first = std::make_optional<Session>(files.model());
  Session second(files.model());
  CHECK(shares(files.model()));
  const std::vector<float> expected = result(second);
  fs::remove(files.model());
  const Tensor<float> x = some(3);
  const Tensor<float> b({1}, {11});
  const auto overridden = [&](const Session& session) { return values_of<float>(session.run({{"x", x}, {"b", b}})["y"]); };
  const std::vector<float> more = overridden(*first);
  for (std::size_t i = 0; i < expected.size(); ++i) CHECK(more[i] == expected[i] + 10);
  const std::int64_t before = hone::thread_buffer_bytes();
  CHECK(overridden(second) == more);
  CHECK(hone::thread_buffer_bytes() - before < static_cast<std::int64_t>(weight_bytes));
  first.reset();
  CHECK(overridden(second) == more);
  second.set_providers({hone::Cpu{}});
  CHECK(result(second) == expected);
  CHECK(overridden(second) == more);
}

TEST_CASE("a session that changes its providers leaves the others as they are") {
  const Files files;
  const Session first(files.model());
  Session second(files.model());
  const std::vector<float> expected = result(first);
  const std::string last(name(*hone::simd::available_isas().begin()));
  second.set_providers({hone::Cpu{.arch = last}});
  CHECK(contains(second.report().nodes[0].kernel, last));
  (void)result(second);
  CHECK(result(first) == expected);
  const std::int64_t before = hone::thread_buffer_bytes();
  second.set_providers({hone::Cpu{}});
  CHECK(hone::thread_buffer_bytes() < before);  // back to what the first one has
  CHECK(result(second) == expected);
}

TEST_CASE("threads that make, run and end sessions of one model at once all get its results") {
  const Files files;
  const std::vector<float> expected = result(Session(files.model()));
  constexpr int count = 8;
  std::latch start(count);
  std::atomic<int> wrong = 0;
  std::vector<std::jthread> threads;
  for (int t = 0; t < count; ++t) {
    threads.emplace_back([&, t] {
      start.arrive_and_wait();
      for (int i = 0; i < 20; ++i) {
        try {
          const Session session(files.model(), {.intra_op_num_threads = 1 + (t + i) % 2, .use_per_session_weights = (t + i) % 5 == 0});
          if (result(session) != expected) ++wrong;
          if (i % 7 == 0) session.trim();
          if (session.memory().packed < weight_bytes) ++wrong;
        } catch (const std::exception&) {
          ++wrong;
        }
      }
    });
  }
  threads.clear();
  CHECK(wrong == 0);
  CHECK_FALSE(shares(files.model()));
}

}  // namespace model_cache_test
