#pragma once

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>
#include <unistd.h>

namespace tools {

/// A bar on standard error, drawn only on a terminal and only once the work has taken a while.
class Progress {
 public:
  Progress(std::string_view what, std::size_t total) : what_(what), total_(total), terminal_(::isatty(STDERR_FILENO) == 1) {}
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() { clear(); }

  /// `done` of the total is behind us; `now` says what is being worked on.
  void update(std::size_t done, std::string_view now = {}) {
    using namespace std::chrono_literals;
    if (!terminal_) return;
    const auto time = std::chrono::steady_clock::now();
    if (time - start_ < 500ms || (drawn_ && time - last_ < 50ms)) return;
    last_ = time;
    drawn_ = true;
    constexpr std::size_t width = 30;
    const std::size_t filled = total_ == 0 ? 0 : width * std::min(done, total_) / total_;
    std::fprintf(stderr, "\r\033[K%s [%s%s] %zu/%zu %.40s", what_.c_str(), std::string(filled, '#').c_str(),
                 std::string(width - filled, '.').c_str(), done, total_, std::string(now).c_str());
    std::fflush(stderr);
  }
  /// Takes the bar away, so that a line can be printed in its place.
  void clear() {
    if (!drawn_) return;
    std::fputs("\r\033[K", stderr);
    std::fflush(stderr);
    drawn_ = false;
  }

 private:
  std::string what_;
  std::size_t total_;
  bool terminal_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point last_ = start_;
};

}  // namespace tools
