#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include <hone/config.hpp>
#include <hone/core/error.hpp>
#include <hone/core/text.hpp>

#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#elif defined(__unix__) || defined(__APPLE__)
#include <unistd.h>
#endif

namespace hone::inline HONE_ABI {

/// Quotes included.
[[nodiscard]] inline std::string json_string(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20) {
      char code[8];
      std::snprintf(code, sizeof code, "\\u%04x", static_cast<unsigned>(c));
      result += code;
      continue;
    }
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

/// Writes what a session does as a Chrome trace: a JSON array with one complete event ("ph":"X") per line, times in microseconds since
/// the profile began. Perfetto and chrome://tracing open it.
/// Source: "Trace Event Format", the Chromium project.
class Profiler {
 public:
  using Clock = std::chrono::steady_clock;

  /// The file is "PREFIX_DATE_TIME_NUMBER.json". Errors: no_such_file when it cannot be written.
  explicit Profiler(const std::string& prefix) : path_(path_of(prefix)), stream_(path_, std::ios::binary) {
    if (!stream_) fail(ErrorCode::no_such_file, "the profile '", path_.string(), "' cannot be written");
    stream_ << "[\n";
  }
  Profiler(const Profiler&) = delete;
  Profiler& operator=(const Profiler&) = delete;
  ~Profiler() { (void)end(); }

  /// One event. `arguments`: the members of "args", as JSON. Ignored after end().
  void add(std::string_view category, std::string_view name, Clock::time_point begin, Clock::time_point end, std::string_view arguments) {
    const auto microseconds = [](Clock::duration time) { return std::chrono::duration<double, std::micro>(time).count(); };
    char times[96];
    std::snprintf(times, sizeof times, "\"ts\":%.3f,\"dur\":%.3f", microseconds(begin - start_), microseconds(end - begin));
    const std::string line = text("{\"cat\":", json_string(category), ",\"pid\":", process_id(), ",\"tid\":", thread_id(), ",", times,
                                  ",\"ph\":\"X\",\"name\":", json_string(name), ",\"args\":{", arguments, "}}");
    const std::lock_guard lock(mutex_);
    if (ended_) return;
    if (!first_) stream_ << ",\n";
    first_ = false;
    stream_ << line;
  }

  /// Ends the profile and gives the path of the file; a second call gives the same.
  std::string end() noexcept {
    const std::lock_guard lock(mutex_);
    if (!std::exchange(ended_, true)) {
      stream_ << "\n]\n";
      stream_.close();
    }
    return path_.string();
  }
  [[nodiscard]] bool ended() const noexcept {
    const std::lock_guard lock(mutex_);
    return ended_;
  }

 private:
  static std::filesystem::path path_of(const std::string& prefix) {
    static std::atomic<int> number{0};
    const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
    std::tm broken_down{};
#if defined(_MSC_VER)
    ::localtime_s(&broken_down, &now);
#else
    ::localtime_r(&now, &broken_down);
#endif
    char stamp[32];
    std::strftime(stamp, sizeof stamp, "%Y-%m-%d_%H-%M-%S", &broken_down);
    return text(prefix, "_", stamp, "_", process_id(), "-", number.fetch_add(1), ".json");
  }
  static std::int64_t process_id() noexcept {
#if defined(__unix__) || defined(__APPLE__)
    return ::getpid();
#else
    return 0;
#endif
  }
  static std::int64_t thread_id() noexcept {
#if defined(__linux__)
    thread_local const std::int64_t id = ::syscall(SYS_gettid);
#else
    static std::atomic<std::int64_t> next{1};
    thread_local const std::int64_t id = next.fetch_add(1);
#endif
    return id;
  }

  std::filesystem::path path_;
  std::ofstream stream_;
  const Clock::time_point start_ = Clock::now();
  mutable std::mutex mutex_;
  bool first_ = true;
  bool ended_ = false;
};

}  // namespace hone::inline HONE_ABI
