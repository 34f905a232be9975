#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fnmatch.h>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include <CLI/CLI.hpp>

#include <hone/hone.hpp>
#include <hone/ops/dimensions.hpp>

#include "compare.hpp"
#include "progress.hpp"
#include "session_arguments.hpp"
#include "temporary_folder.hpp"
#include "test_case.hpp"

namespace {

/// Whether a node of the model is one of these operators.
bool runs_any(const hone::Session& session, std::initializer_list<std::string_view> ops) {
  const auto& nodes = session.report().nodes;
  return std::any_of(nodes.begin(), nodes.end(),
                     [&](const hone::NodeReport& node) { return std::find(ops.begin(), ops.end(), node.op) != ops.end(); });
}

/// Whether the model draws random numbers, which no two implementations agree on. (Dropout is not among them: all its cases have a seed
/// or run as inference.)
bool is_random(const hone::Session& session) {
  return runs_any(session, {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"});
}

/// "" when the results of `run` are draws as the reference is one: same type and shape, and each element 1 with the probability that `p`
/// has for it, else 0, which all generators of the suite come down to. Draws that differ from run to run are repeated, until they tell a
/// probability that is wrong by 1 %; five standard deviations are allowed, which a right one exceeds once in two million times.
/// `exceeds`: 1 has the probability 1 - p.
template <class Run>
std::string compare_draws(const Run& run, const hone::Value& reference, const hone::Value& p, bool exceeds) {
  constexpr int most_runs = 10000;
  double excess = 0;
  double variance = 0;
  double first_excess = 0;
  bool repeated = false;
  for (int i = 0; i < most_runs && !repeated; ++i) {
    const hone::Value& y = run();
    if (!(y.type() == reference.type())) return hone::text("the type is ", y.type(), ", expected ", reference.type());
    if (!(y.shape() == reference.shape())) return hone::text("the shape is ", y.shape(), ", expected ", reference.shape());
    if (!(y.shape() == p.shape())) return hone::text("the shape is ", y.shape(), ", that of the probabilities ", p.shape());
    double now = 0;
    for (std::int64_t k = 0; k < y.ref().elements(); ++k) {
      const double number = hone::ops::number_at(y.ref(), k);
      const double probability = exceeds ? 1 - hone::ops::number_at(p.ref(), k) : hone::ops::number_at(p.ref(), k);
      if (number != 0 && number != 1) return hone::text("element ", k, " is ", number, ", neither 0 nor 1");
      now += number - probability;
      variance += probability * (1 - probability);
    }
    excess += now;
    if (i == 0) first_excess = now;
    repeated = i == 10 && excess == 11 * first_excess;  // the model gives a seed
    if (repeated) {
      excess = first_excess;
      variance /= 11;
    }
  }
  const double deviations = excess / std::sqrt(variance);
  return std::abs(deviations) <= 5 ? "" : hone::text("the draws are ", deviations, " standard deviations from their probabilities");
}

/// How the cases are run.
struct Settings {
  hone::SessionOptions options;
  tools::Tolerance tolerance;
  /// Save the model as it has been rewritten, and run what a session makes of the file.
  bool reload = false;
};

/// What became of a case.
struct Outcome {
  bool passed = false;
  /// Why not, the first difference of each data set; or how it was compared, where not by value.
  std::string text;
};

Outcome failed(std::string reason) { return {false, std::move(reason)}; }

/// Whether all data sets of the case give their reference outputs.
Outcome outcome_of(const std::filesystem::path& folder, const Settings& settings) try {
  std::filesystem::path model = folder / "model.onnx";
  std::optional<tools::TemporaryFolder> saved;
  std::optional<hone::Session> saver;
  if (settings.reload) {
    saved.emplace();
    hone::SessionOptions options = settings.options;
    options.optimized_model_filepath = saved->path() / "model.onnx";
    saver.emplace(model, options);
    model = options.optimized_model_filepath;
  }
  const hone::Session session(model, settings.options);
  if (saver && !session.report().rewrites.empty()) return failed("the saved model is rewritten again");
  const bool random = is_random(session);
  std::vector<hone::NodeArg> inputs = session.inputs();
  inputs.insert(inputs.end(), session.overridable_initializers().begin(), session.overridable_initializers().end());
  std::string differences;
  hone::Outputs draws;
  for (const std::filesystem::path& data_set : tools::data_sets(folder)) {
    const tools::NamedValues values = tools::read_data_set(data_set, "input", inputs);
    std::vector<hone::Feed> feeds;
    for (const auto& [name, value] : values) feeds.push_back({name, value});
    const hone::Outputs outputs = session.run(feeds);
    if (saver && !random) {
      const hone::Outputs before = saver->run(feeds);
      for (const auto& [name, value] : before)
        if (!tools::identical(outputs[name], value)) return failed(hone::text("output '", name, "' of the saved model has other bits"));
    }
    // The function body of Bernoulli asks which uniform numbers exceed p, where the text of the operator has 1 with the probability p.
    for (const auto& [name, reference] : tools::read_data_set(data_set, "output", session.outputs())) {
      const std::string difference =
          random ? compare_draws([&, output = std::string(name)]() -> const hone::Value& { return (draws = session.run(feeds))[output]; },
                                 reference, values.at(0).second, runs_any(session, {"RandomUniformLike"}))
                 : tools::compare(outputs[name], reference, settings.tolerance);
      if (difference.empty()) continue;
      differences += hone::text(differences.empty() ? "" : "; ", data_set.filename().string(), ", output '", name, "': ", difference);
      break;
    }
  }
  if (differences.empty()) return {true, random ? "random numbers: types, shapes and distributions compared" : ""};
  return failed(differences);
} catch (const hone::Error& error) {
  return failed(hone::text(hone::name(error.code()), ": ", error.what()));
} catch (const std::exception& error) {
  return failed(error.what());
}

#if defined(__SANITIZE_ADDRESS__)
// The sanitizer reports crashes itself, and looks for leaks only where a process ends by itself.
constexpr auto isolated_outcome_of = outcome_of;
#else
/// outcome_of() in a process of its own, so that a crash is one failed case and not the end of all.
Outcome isolated_outcome_of(const std::filesystem::path& folder, const Settings& settings) {
  int ends[2];
  if (::pipe(ends) != 0) return failed("cannot make a pipe");
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child < 0) return failed("cannot start a process");
  if (child == 0) {
    ::close(ends[0]);
    const Outcome outcome = outcome_of(folder, settings);
    for (std::string_view rest = outcome.text; !rest.empty();) {
      const ssize_t written = ::write(ends[1], rest.data(), rest.size());
      if (written <= 0) break;
      rest.remove_prefix(static_cast<std::size_t>(written));
    }
    ::_exit(outcome.passed ? 0 : 1);
  }
  ::close(ends[1]);
  Outcome outcome;
  char bytes[4096];
  for (ssize_t got = 0; (got = ::read(ends[0], bytes, sizeof bytes)) > 0;) outcome.text.append(bytes, static_cast<std::size_t>(got));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) return failed(hone::text("crashed with signal ", WTERMSIG(status)));
  outcome.passed = WEXITSTATUS(status) == 0;
  if (!outcome.passed && outcome.text.empty()) outcome.text = "failed without a reason";
  return outcome;
}
#endif

#if defined(FNM_EXTMATCH)
constexpr int pattern_flags = FNM_EXTMATCH;
#else
constexpr int pattern_flags = 0;
#endif

struct Case {
  std::string name;
  std::filesystem::path folder;
};

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app("Runs cases in the layout of the ONNX backend tests and compares their outputs with the reference.");
  std::vector<std::filesystem::path> roots;
  std::string filter = "*";
  std::string metric = "elementwise";
  Settings settings;
  tools::Tolerance& tolerance = settings.tolerance;
  tools::SessionArguments session;
  session.add_to(app);
  app.add_option("DIR", roots, "folders that hold cases, at any depth")->required()->check(CLI::ExistingDirectory);
  app.add_option("--rtol", tolerance.relative, "relative tolerance R")->check(CLI::NonNegativeNumber)->capture_default_str();
  app.add_option("--atol", tolerance.absolute, "absolute tolerance A")->check(CLI::NonNegativeNumber)->capture_default_str();
  app.add_option("--metric", metric,
                 "elementwise: |y-ref| <= A + R*|ref|, with A at least half a unit in the last place of the largest reference; max: "
                 "max|y-ref| / max|ref| <= R per output")
      ->check(CLI::IsMember({"elementwise", "max"}))
      ->capture_default_str();
  app.add_option("--filter", filter, "only cases whose name fits this shell pattern, such as *conv* or !(a|b)")->capture_default_str();
  app.add_flag("--reload", settings.reload, "save each model as it has been rewritten, and run the saved one: it must give the same bits");
  CLI11_PARSE(app, argc, argv);
  tolerance.by_maximum = metric == "max";

  std::vector<Case> cases;
  for (const std::filesystem::path& root : roots) {
    for (const std::filesystem::path& folder : tools::find_test_cases(root)) {
      const std::string relative = folder.lexically_relative(root).string();
      const std::string name = roots.size() == 1 || relative == "." ? std::filesystem::canonical(folder).filename().string() : relative;
      if (::fnmatch(filter.c_str(), name.c_str(), pattern_flags) == 0) cases.push_back({name, folder});
    }
  }
  if (cases.empty()) {
    std::fprintf(stderr, "hone_conformance: there is no case to run\n");
    return 1;
  }

  settings.options = session.options();
  std::size_t failures = 0;
  tools::Progress progress("cases", cases.size());
  for (std::size_t i = 0; i < cases.size(); ++i) {
    progress.update(i, cases[i].name);
    Outcome outcome = isolated_outcome_of(cases[i].folder, settings);
    progress.clear();
    std::replace(outcome.text.begin(), outcome.text.end(), '\n', ' ');
    if (!outcome.passed) ++failures;
    std::printf("%s %s%s%s\n", outcome.passed ? "PASS" : "FAIL", cases[i].name.c_str(), outcome.text.empty() ? "" : ": ",
                outcome.text.c_str());
  }
  std::printf("%zu passed, %zu failed\n", cases.size() - failures, failures);
  return failures == 0 ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "hone_conformance: %s\n", error.what());
  return 1;
}
