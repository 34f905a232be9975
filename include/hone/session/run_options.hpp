#pragma once

#include <atomic>
#include <optional>
#include <stop_token>
#include <string>

#include <hone/config.hpp>
#include <hone/core/error.hpp>
#include <hone/session/logger.hpp>

namespace hone::inline HONE_ABI {

/// What one run does differently: `session.run(feeds, fetches, {.tag = "warm-up", .stop_token = source.get_token()})`.
struct RunOptions {
  /// Goes into log messages and profile events of the run.
  std::string tag = {};
  /// Ends the run when a stop is requested: no node starts after that, in subgraphs either, and the run throws an Error `cancelled`.
  std::stop_token stop_token = {};
  /// The same for hosts that share a flag: set it to true to end every run that refers to it, and to false before the next. It must
  /// outlive the runs.
  const std::atomic<bool>* terminate = nullptr;
  /// Messages of the run below this severity are dropped; without it, SessionOptions::log_severity decides.
  std::optional<Severity> log_severity = {};

  [[nodiscard]] bool cancelled() const noexcept {
    return stop_token.stop_requested() || (terminate != nullptr && terminate->load(std::memory_order_relaxed));
  }
};

/// Errors: cancelled.
inline void check_cancelled(const std::stop_token& stop_token) {
  if (stop_token.stop_requested()) fail(ErrorCode::cancelled, "loading the model was cancelled");
}

}  // namespace hone::inline HONE_ABI
