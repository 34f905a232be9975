#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <sys/resource.h>
#include <thread>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include <hone/hone.hpp>
#include <hone/session/profiler.hpp>

#include "heap_count.hpp"
#include "progress.hpp"
#include "random_input.hpp"
#include "session_arguments.hpp"
#include "test_case.hpp"

namespace {

using Clock = std::chrono::steady_clock;

double microseconds(Clock::duration time) { return std::chrono::duration<double, std::micro>(time).count(); }

double mebibytes(std::size_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

/// The time that `fraction` of the sorted `times` do not exceed.
double quantile(const std::vector<float>& times, double fraction) {
  return static_cast<double>(times[static_cast<std::size_t>(fraction * static_cast<double>(times.size() - 1) + 0.5)]);
}

/// MiB of memory that the process has had at most. Linux: not ru_maxrss, which a process inherits from the one that has started it.
double peak_rss() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stod(line.substr(6)) / 1024;
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app(
      "Times a model and prints one line of JSON: times in microseconds per run, load_ms, peak_rss_mb, weights_mb and "
      "arena_mb (what the session holds for constants and plans), heap_calls_per_run.");
  std::string model;
  std::string data;
  double seconds = 2;
  tools::SessionArguments arguments;
  app.add_option("MODEL.onnx", model, "the model")->required()->check(CLI::ExistingFile);
  app.add_option("--data", data, "a test_data_set folder with the inputs; without it they are random")->check(CLI::ExistingDirectory);
  app.add_option("--seconds", seconds, "for how long to repeat the run, after a first fifth to warm up")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  arguments.add_to(app);
  CLI11_PARSE(app, argc, argv);

  const auto before_load = Clock::now();
  const hone::Session session(std::filesystem::path(model), arguments.options());
  const double load_ms = microseconds(Clock::now() - before_load) / 1000;

  tools::NamedValues inputs;
  if (data.empty()) {
    std::mt19937_64 engine(1);
    for (const hone::NodeArg& input : session.inputs())
      inputs.emplace_back(input.name, tools::random_input(input, tools::concrete_shape(input), engine));
  } else {
    inputs = tools::read_data_set(data, "input", session.inputs());
  }
  std::vector<hone::Feed> feeds;
  for (const auto& [name, value] : inputs) feeds.push_back({name, value});

  // Results go into the same memory run after run, as in a host that cares for its time.
  std::vector<hone::Value> results(session.outputs().size());
  std::vector<hone::Fetch> fetches;
  for (std::size_t i = 0; i < results.size(); ++i) fetches.push_back({session.outputs()[i].name, results[i]});

  constexpr std::size_t most_runs = 4'000'000;
  std::vector<float> times;
  times.reserve(most_runs);
  tools::Progress progress("benchmark, ms", static_cast<std::size_t>(seconds * 1000));
  const auto repeat_for = [&](double budget) {
    times.clear();
    const auto start = Clock::now();
    auto now = start;
    do {
      session.run(feeds, fetches);
      const auto end = Clock::now();
      times.push_back(static_cast<float>(microseconds(end - now)));
      progress.update(static_cast<std::size_t>(microseconds(end - start) / 1000));
      now = Clock::now();
    } while (microseconds(now - start) < budget * 1e6 && times.size() < most_runs);
  };
  repeat_for(seconds / 5);
  const auto calls_before = tools::heap_calls();
  repeat_for(seconds);
  const auto calls_after = tools::heap_calls();
  progress.clear();

  std::sort(times.begin(), times.end());
  const hone::MemoryReport memory = session.memory();
  const int threads = session.options().intra_op_num_threads;
  std::printf(
      "{\"model\": %s, \"threads\": %d, \"runs\": %zu, \"median_us\": %.3f, \"min_us\": %.3f, \"p99_us\": %.3f, \"load_ms\": %.3f, "
      "\"peak_rss_mb\": %.1f, \"weights_mb\": %.1f, \"arena_mb\": %.1f, \"heap_calls_per_run\": ",
      hone::json_string(model).c_str(), threads > 0 ? threads : static_cast<int>(std::max(1u, std::thread::hardware_concurrency())),
      times.size(), quantile(times, 0.5), static_cast<double>(times.front()), quantile(times, 0.99), load_ms, peak_rss(),
      mebibytes(memory.weights + memory.packed), mebibytes(memory.planned_arena));
  if (calls_before && calls_after) {
    std::printf("%.2f}\n", static_cast<double>(*calls_after - *calls_before) / static_cast<double>(times.size()));
  } else {
    std::printf("null}\n");
  }
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "hone_bench: %s\n", error.what());
  return 1;
}
