// Damaged models: whatever is wrong with one, loading and running it ends with a result or with a hone::Error.
//   HONE_MUTATIONS        how many damaged models; the default takes a few seconds
//   HONE_MUTATION_SEED    other damage
//   HONE_MUTATION_TRACE   prints the number of each before it is tried, which finds the one that a sanitizer ends the program at
#include "support/mutation.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <stop_token>
#include <string>
#include <sys/resource.h>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <hone/providers/cpu.hpp>
#include <hone/session/session.hpp>

#include "../../tools/random_input.hpp"
#include "../../tools/temporary_folder.hpp"
#include "../../tools/test_case.hpp"
#include "support/model.hpp"

#if defined(__SANITIZE_ADDRESS__)
// As much as the limit below, which the sanitizer itself would not fit in.
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() { return "allocator_may_return_null=1:max_allocation_size_mb=1024"; }
#endif

namespace mutation_test {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr std::size_t most_by_default = 4'000;
#else
inline constexpr std::size_t most_by_default = 20'000;
#endif

namespace fs = std::filesystem;
using hone::DType;
using hone_test::Mutator;

/// Bounds the memory of the process for as long as it lives: a damaged model may ask for any amount, and must be refused.
class MemoryLimit {
 public:
  MemoryLimit() {
    getrlimit(RLIMIT_AS, &before_);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    std::size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    rlimit limit = before_;
    limit.rlim_cur = std::min<rlim_t>(before_.rlim_cur, pages * 4096 + (rlim_t{1} << 30));
    setrlimit(RLIMIT_AS, &limit);
#endif
  }
  MemoryLimit(const MemoryLimit&) = delete;
  MemoryLimit& operator=(const MemoryLimit&) = delete;
  ~MemoryLimit() { setrlimit(RLIMIT_AS, &before_); }

 private:
  rlimit before_{};
};

/// A whole model, with inputs that fit it.
struct Sample {
  std::string name;
  std::string bytes;
  tools::NamedValues feeds;
};

inline std::size_t number_from(const char* variable, std::size_t otherwise) {
  const char* text = std::getenv(variable);
  return text != nullptr && *text != '\0' ? std::strtoull(text, nullptr, 10) : otherwise;
}

inline std::string read(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// The sample as a session saves it, when that has operators of hone alone: what reads those must bear damage too.
inline std::optional<Sample> rewritten(const Sample& sample) try {
  const tools::TemporaryFolder folder;
  const fs::path file = folder.path() / "model.onnx";
  const hone::Session session(std::as_bytes(std::span(sample.bytes)), {.optimized_model_filepath = file});
  const auto& nodes = session.report().nodes;
  if (std::none_of(nodes.begin(), nodes.end(), [](const hone::NodeReport& node) { return node.op.starts_with("hone."); }))
    return std::nullopt;
  onnx::ModelProto model;
  if (!model.ParseFromString(read(file))) return std::nullopt;
  model.clear_metadata_props();  // without which the rewrites would leave the model alone
  Sample result{sample.name + ", rewritten", model.SerializeAsString(), {}};
  for (const auto& [name, value] : sample.feeds) result.feeds.emplace_back(name, value.clone());
  return result;
} catch (const hone::Error&) {
  return std::nullopt;
}

/// Attention with a mask as exporters write it, which becomes one operator of hone.
inline Sample attention() {
  using namespace hone_test;
  const auto transpose = [](const std::string& x, const std::string& y, const Dims& perm) {
    return NodeBuilder("Transpose", {x}, {y}).attribute("perm", perm);
  };
  return {"attention",
          serialized(model(17, GraphBuilder()
                                   .input("q", DType::float32, {2, 5, 3, 4})
                                   .input("k", DType::float32, {2, 7, 3, 4})
                                   .input("v", DType::float32, {2, 7, 3, 4})
                                   .input("mask", DType::float32, {2, 1, 1, 7})
                                   .node(transpose("q", "qh", {0, 2, 1, 3}))
                                   .node(transpose("k", "kt", {0, 2, 3, 1}))
                                   .node(transpose("v", "vh", {0, 2, 1, 3}))
                                   .node(NodeBuilder("MatMul", {"qh", "kt"}, {"qk"}))
                                   .node(NodeBuilder("Add", {"qk", "mask"}, {"scores"}))
                                   .node(NodeBuilder("Softmax", {"scores"}, {"w"}).attribute("axis", std::int64_t{-1}))
                                   .node(NodeBuilder("MatMul", {"w", "vh"}, {"yh"}))
                                   .node(transpose("yh", "y", {0, 2, 1, 3}))
                                   .output("y"))),
          {}};
}

/// Convolutions, depthwise and of 3 x 3, with poolings and a concatenation between them, which compute blocks of channels.
inline Sample convolutions() {
  using namespace hone_test;
  const auto weights = [](const std::string& name, const Dims& dims) {
    std::size_t count = 1;
    for (const std::int64_t dim : dims) count *= static_cast<std::size_t>(dim);
    std::vector<float> values(count);
    for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<float>(i % 7) - 3;
    return tensor<float>(name, dims, values);
  };
  const auto pool = [](const std::string& op, const std::string& x, const std::string& y) {
    return NodeBuilder(op, {x}, {y})
        .attribute("kernel_shape", Dims{3, 3})
        .attribute("strides", Dims{2, 2})
        .attribute("pads", Dims{1, 1, 1, 1});
  };
  return {
      "convolutions",
      serialized(model(
          17, GraphBuilder()
                  .input("x", DType::float32, {1, 3, 12, 12})
                  .initializer(weights("a", {16, 3, 3, 3}))
                  .initializer(weights("b", {16, 1, 3, 3}))
                  .initializer(weights("c", {20, 16, 1, 1}))
                  .initializer(weights("bias", {16}))
                  .node(NodeBuilder("Conv", {"x", "a", "bias"}, {"c1"}).attribute("pads", Dims{1, 1, 1, 1}))
                  .node(NodeBuilder("Relu", {"c1"}, {"r1"}))
                  .node(NodeBuilder("Conv", {"r1", "b"}, {"c2"}).attribute("pads", Dims{1, 1, 1, 1}).attribute("group", std::int64_t{16}))
                  .node(NodeBuilder("Add", {"c2", "r1"}, {"s"}))
                  .node(pool("MaxPool", "s", "p1"))
                  .node(pool("AveragePool", "s", "p2"))
                  .node(NodeBuilder("Concat", {"p1", "p2"}, {"both"}).attribute("axis", std::int64_t{1}))
                  .node(NodeBuilder("Slice", {"both", "zero", "sixteen", "one"}, {"half"}))
                  .node(NodeBuilder("Mul", {"p1", "p2"}, {"m"}))
                  .node(NodeBuilder("Conv", {"m", "c"}, {"c3"}))
                  .node(NodeBuilder("GlobalAveragePool", {"c3"}, {"y"}))
                  .initializer(tensor<std::int64_t>("zero", {1}, {0}))
                  .initializer(tensor<std::int64_t>("sixteen", {1}, {16}))
                  .initializer(tensor<std::int64_t>("one", {1}, {1}))
                  .output("y")
                  .output("half"))),
      {}};
}

/// The digits model, the model of one node, attention, convolutions, and a few dozen small ones of the conformance suite, spread evenly
/// over it; and what becomes of them.
inline std::vector<Sample> samples() {
  constexpr std::size_t most = 200;
  constexpr std::uintmax_t small = 16 * 1024;  // bytes
  const fs::path root = HONE_SOURCE_DIR;
  std::vector<Sample> result;
  const auto add = [&](Sample sample) {
    std::optional<Sample> saved = rewritten(sample);
    result.push_back(std::move(sample));
    if (saved) result.push_back(std::move(*saved));
  };
  for (const char* file : {"examples/digits/digits.onnx", "tests/packaging/matmul.onnx"}) add({file, read(root / file), {}});
  add(attention());
  add(convolutions());

  const char* given = std::getenv("HONE_CONFORMANCE_DIR");
  const fs::path suite = (given != nullptr && *given != '\0' ? fs::path(given) : root / "build" / "conformance") / "node";
  if (!fs::exists(suite)) {
    std::cout << "SKIPPED mutation_test, the models of the ONNX suite: " << suite << " is not there\n";
    return result;
  }
  std::vector<fs::path> folders = tools::find_test_cases(suite);
  std::erase_if(folders, [](const fs::path& folder) { return fs::file_size(folder / "model.onnx") > small; });
  for (std::size_t i = 0; i < most && i < folders.size(); ++i) {
    const fs::path& folder = folders[i * folders.size() / std::min(most, folders.size())];
    Sample sample{folder.filename().string(), read(folder / "model.onnx"), {}};
    try {
      const hone::Session session(std::as_bytes(std::span(sample.bytes)));
      sample.feeds = tools::read_data_set(tools::data_sets(folder).front(), "input", session.inputs());
    } catch (const hone::Error&) {
      // a case that hone does not pass: its damaged forms must be refused all the same
    }
    add(std::move(sample));
  }
  return result;
}

inline std::vector<std::string> op_types(const std::vector<Sample>& samples) {
  std::set<std::string> names;
  for (const Sample& sample : samples) {
    onnx::ModelProto model;
    if (!model.ParseFromString(sample.bytes)) continue;
    for (const onnx::NodeProto& node : model.graph().node()) names.insert(node.op_type());
  }
  return {names.begin(), names.end()};
}

/// The value of the sample for this input, or a small random one.
inline hone::Value feed_for(const hone::NodeArg& input, const Sample& sample, Mutator& mutator) {
  for (const auto& [name, value] : sample.feeds)
    if (name == input.name && !mutator.one_in(4)) return value.clone();
  hone::Shape shape;
  if (input.shape) {
    for (const hone::Dim& dim : *input.shape) shape.push_back(dim.value >= 0 ? dim.value : static_cast<std::int64_t>(mutator.below(4)));
  } else {
    for (std::size_t rank = mutator.below(5); rank != 0; --rank) shape.push_back(static_cast<std::int64_t>(mutator.below(4)));
  }
  constexpr std::size_t most_bytes = 1 << 16;
  if (hone::checked_bytes(input.value_type.dtype, shape) > most_bytes)
    hone::fail(hone::ErrorCode::invalid_argument, "an input of more than ", most_bytes, " bytes");
  hone::Value value = tools::random_input(input, shape, mutator.random());
  if (value.dtype() == DType::int64 && mutator.one_in(2))
    for (std::int64_t& number : value.view<std::int64_t>().span()) number = mutator.hostile();
  return value;
}

struct Counts {
  std::size_t refused = 0;
  std::size_t failed = 0;
  std::size_t ran = 0;
};

/// Stops what takes longer than a few seconds: a damaged loop may go on for ever.
class Watchdog {
 public:
  /// For the work that starts now, in place of the work before.
  std::stop_token watch() {
    const std::lock_guard lock(mutex_);
    source_ = {};
    begin_ = Clock::now();
    return source_.get_token();
  }

 private:
  using Clock = std::chrono::steady_clock;

  void run(const std::stop_token& end) {
    std::unique_lock lock(mutex_);
    while (!end.stop_requested()) {
      wake_.wait_for(lock, end, std::chrono::milliseconds(100), [] { return false; });
      if (Clock::now() - begin_ > std::chrono::seconds(2)) source_.request_stop();
    }
  }

  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::stop_source source_;
  Clock::time_point begin_ = Clock::now();
  std::jthread thread_{[this](const std::stop_token& end) { run(end); }};
};

inline void try_model(const std::string& bytes, const Sample& sample, Mutator& mutator, Counts& counts, Watchdog& watchdog) {
  hone::SessionOptions options{.intra_op_num_threads = 1};
  options.stop_token = watchdog.watch();
  if (mutator.one_in(2)) options.graph_optimization_level = hone::GraphOptimizationLevel::disabled;
  bool loaded = false;
  try {
    const hone::Session session(std::as_bytes(std::span(bytes)), std::move(options));
    loaded = true;
    std::vector<hone::Value> values;
    for (const hone::NodeArg& input : session.inputs()) values.push_back(feed_for(input, sample, mutator));
    std::vector<hone::Feed> feeds;
    for (std::size_t i = 0; i < values.size(); ++i) feeds.push_back({session.inputs()[i].name, values[i]});
    hone::RunOptions run;
    run.stop_token = watchdog.watch();
    const hone::Outputs outputs = session.run(feeds, run);
    ++counts.ran;
  } catch (const hone::Error&) {
    ++(loaded ? counts.failed : counts.refused);
  }
}

TEST_CASE("a damaged model ends with a result or with a hone::Error") {
  const std::vector<Sample> all = samples();
  const std::vector<std::string> ops = op_types(all);
  const std::size_t mutations = number_from("HONE_MUTATIONS", most_by_default);
  const std::size_t seed = number_from("HONE_MUTATION_SEED", 1);
  const bool traced = std::getenv("HONE_MUTATION_TRACE") != nullptr;
  const std::size_t only = traced ? number_from("HONE_MUTATION_TRACE", 0) : 0;
  const MemoryLimit limit;
  Watchdog watchdog;
  Counts counts;
  for (std::size_t i = 0; i < mutations; ++i) {
    if (only > 1 && i != only) continue;
    Mutator mutator(seed * 1'000'000'007 + i, ops);
    const Sample& sample = all[i % all.size()];
    const std::string damaged = mutator.mutate(sample.bytes);
    if (traced) std::cerr << "mutation " << i << " of " << sample.name << '\n';
    CAPTURE(i);
    CAPTURE(sample.name);
    CHECK_NOTHROW(try_model(damaged, sample, mutator, counts, watchdog));
  }
  MESSAGE(counts.refused << " were refused, " << counts.failed << " failed while running, " << counts.ran << " ran");
  if (only > 1) return;
  CHECK(counts.refused + counts.failed + counts.ran == mutations);
  CHECK(counts.refused > 0);
  CHECK(counts.ran > 0);
}

}  // namespace mutation_test
