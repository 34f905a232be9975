#pragma once

#include <hone/config.hpp>

namespace hone::inline HONE_ABI {

/// Threads of the host: what a session works on when `SessionOptions::executor` is set, in place of threads of its own.
///
/// Nothing waits for a task that has not started, so a busy executor slows a session down and never blocks it.
/// Thread safety: every member function is called from any thread.
class Executor {
 public:
  virtual ~Executor() = default;

  /// Threads that it has, the one that calls a session not among them.
  [[nodiscard]] virtual int concurrency() const noexcept = 0;

  /// Calls `task(argument)` once, on any thread, soon or late, or at once on this one. False when it cannot: the task is then not called.
  /// Every task that was taken must be called in the end, or its memory (some hundred bytes) leaks. A `task` does not throw.
  virtual bool submit(void (*task)(void*) noexcept, void* argument) noexcept = 0;
};

}  // namespace hone::inline HONE_ABI
