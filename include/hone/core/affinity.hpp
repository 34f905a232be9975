#pragma once

#include <cstddef>
#include <thread>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/error.hpp>

#if defined(__linux__)
#include <pthread.h>
#include <sched.h>
#endif

namespace hone::inline HONE_ABI {

/// Checks one list of logical processors per thread, for `threads` threads.
/// Errors: invalid_argument for another number of lists, an empty one, or a processor that this process may not use;
/// not_implemented on systems other than Linux.
inline void check_affinities(const std::vector<std::vector<int>>& affinities, std::size_t threads) {
  if (affinities.size() != threads) {
    fail(ErrorCode::invalid_argument, "there are ", affinities.size(), " thread affinities for ", threads,
         " threads (the calling thread is not bound)");
  }
#if defined(__linux__)
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  ::sched_getaffinity(0, sizeof allowed, &allowed);
  for (const auto& processors : affinities) {
    if (processors.empty()) fail(ErrorCode::invalid_argument, "a thread affinity names no processor");
    for (const int processor : processors) {
      if (processor >= 0 && processor < CPU_SETSIZE && CPU_ISSET(static_cast<std::size_t>(processor), &allowed)) continue;
      fail(ErrorCode::invalid_argument, "a thread affinity names processor ", processor, ", which this process cannot use");
    }
  }
#else
  fail(ErrorCode::not_implemented, "thread affinities are implemented on Linux alone");
#endif
}

/// Binds a thread to logical processors that have passed check_affinities().
inline void bind_thread([[maybe_unused]] std::thread& thread, [[maybe_unused]] const std::vector<int>& processors) noexcept {
#if defined(__linux__)
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int processor : processors) CPU_SET(static_cast<std::size_t>(processor), &set);
  ::pthread_setaffinity_np(thread.native_handle(), sizeof set, &set);
#endif
}

}  // namespace hone::inline HONE_ABI
