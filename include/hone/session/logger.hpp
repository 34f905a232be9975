#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <hone/config.hpp>
#include <hone/core/text.hpp>

namespace hone::inline HONE_ABI {

/// How much a message matters. The levels are those of ONNX Runtime.
enum class Severity : std::uint8_t {
  verbose,  ///< each rewrite, each placement, each run
  info,     ///< once per session: loaded, providers changed
  warning,  ///< works, but not as asked: a node that the first provider refused
  error,    ///< a run or a load that failed
  fatal,    ///< nothing logs it; as a threshold it silences everything
};

[[nodiscard]] constexpr std::string_view name(Severity severity) noexcept {
  constexpr std::string_view names[] = {"verbose", "info", "warning", "error", "fatal"};
  return names[static_cast<std::size_t>(severity)];
}
[[nodiscard]] constexpr std::optional<Severity> parse_severity(std::string_view text) noexcept {
  for (const auto severity : {Severity::verbose, Severity::info, Severity::warning, Severity::error, Severity::fatal})
    if (name(severity) == text) return severity;
  return std::nullopt;
}

/// One message. The views last as long as the call that passes them.
struct LogMessage {
  Severity severity = Severity::info;
  std::string_view id;   ///< SessionOptions::log_id
  std::string_view tag;  ///< RunOptions::tag; empty while loading
  std::string_view text;
};

/// Called from whatever thread has something to say, from several at once. What it throws is dropped.
using LogCallback = std::function<void(const LogMessage&)>;

/// Where a session's messages go. Without a callback they go nowhere: hone never prints.
class Logger {
 public:
  Logger() = default;
  Logger(LogCallback callback, Severity threshold, std::string id)
      : callback_(std::move(callback)), threshold_(threshold), id_(std::move(id)) {}

  [[nodiscard]] bool enabled(Severity severity) const noexcept { return callback_ && severity >= threshold_; }
  /// `threshold` in place of the session's own.
  [[nodiscard]] bool enabled(Severity severity, const std::optional<Severity>& threshold) const noexcept {
    return callback_ && severity >= threshold.value_or(threshold_);
  }

  /// Passes the message on whatever its severity: callers ask enabled() first, so that messages nobody reads cost nothing.
  void write(Severity severity, std::string_view message, std::string_view tag = {}) const noexcept {
    try {
      callback_({severity, id_, tag, message});
    } catch (...) {  // a failing log must not fail a run
    }
  }

 private:
  LogCallback callback_;
  Severity threshold_ = Severity::warning;
  std::string id_;
};

}  // namespace hone::inline HONE_ABI
