#pragma once

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <hone/hone.hpp>
#if HONE_TOOLS_CUDA
#include <hone/providers/cuda.hpp>
#endif

#include "picture_readers.hpp"

namespace tools {

/// The arguments that decide how a session is created: --provider, --level, --threads, --parallel, --profile.
class SessionArguments {
 public:
  void add_to(CLI::App& app) {
#if HONE_TOOLS_CUDA
    const std::vector<std::string> providers{"cpu", "cuda"};
#else
    const std::vector<std::string> providers{"cpu"};
#endif
    app.add_option("--provider", provider_, "where nodes run; what cuda does not run, the CPU does")
        ->check(CLI::IsMember(providers))
        ->capture_default_str();
    app.add_option("--level", level_, "how far the graph is rewritten")
        ->check(CLI::IsMember({"disabled", "basic", "extended", "all"}))
        ->capture_default_str();
    app.add_option("--threads", threads_, "threads that work on one node; 0 takes as many as the machine has")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    app.add_flag("--parallel", parallel_, "run nodes that do not depend on each other at the same time");
    app.add_option("--profile", profile_, "write a Chrome trace to PREFIX_DATE_TIME_NUMBER.json")->type_name("PREFIX");
  }
  [[nodiscard]] hone::SessionOptions options() const {
    hone::SessionOptions result;
    result.graph_optimization_level = *hone::parse_level(level_);
    result.intra_op_num_threads = threads_;
#if HONE_TOOLS_CUDA
    if (provider_ == "cuda") result.providers = {hone::Cuda{}, hone::Cpu{}};
#endif
    if (parallel_) result.execution_mode = hone::ExecutionMode::parallel;
    if (!profile_.empty()) {
      result.enable_profiling = true;
      result.profile_file_prefix = profile_;
    }
    hone::add_image_decoder(result, picture_readers());
    return result;
  }

 private:
  std::string provider_ = "cpu";
  std::string level_ = "all";
  int threads_ = 0;
  bool parallel_ = false;
  std::string profile_;
};

}  // namespace tools
