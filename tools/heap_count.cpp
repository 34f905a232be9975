// Tests include this file, and all tests may be one translation unit.
#ifndef HONE_TOOLS_HEAP_COUNT
#define HONE_TOOLS_HEAP_COUNT

#include "heap_count.hpp"

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <utility>

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

namespace heap_count {
std::atomic<std::uint64_t> calls{0};
std::atomic<std::int64_t> blocks{0};
thread_local std::uint64_t until_failure = 0;

/// Counts a call; true when it is to fail.
inline bool count() noexcept {
  calls.fetch_add(1, std::memory_order_relaxed);
  return until_failure != 0 && --until_failure == 0;
}
inline void* made(void* block) noexcept {
  if (block != nullptr) blocks.fetch_add(1, std::memory_order_relaxed);
  return block;
}
}  // namespace heap_count

// The functions that glibc's own malloc is made of, under the names that it exports for programs that replace malloc.
extern "C" {
void* __libc_malloc(std::size_t bytes);
void* __libc_calloc(std::size_t count, std::size_t bytes);
void* __libc_realloc(void* old, std::size_t bytes);
void* __libc_memalign(std::size_t alignment, std::size_t bytes);
void __libc_free(void* block);

void* malloc(std::size_t bytes) { return heap_count::count() ? nullptr : heap_count::made(__libc_malloc(bytes)); }
void* calloc(std::size_t count, std::size_t bytes) { return heap_count::count() ? nullptr : heap_count::made(__libc_calloc(count, bytes)); }
void* realloc(void* old, std::size_t bytes) {
  if (heap_count::count()) return nullptr;
  void* block = __libc_realloc(old, bytes);
  if (old == nullptr) return heap_count::made(block);
  if (bytes == 0 && block == nullptr) heap_count::blocks.fetch_sub(1, std::memory_order_relaxed);
  return block;
}
void* memalign(std::size_t alignment, std::size_t bytes) {
  return heap_count::count() ? nullptr : heap_count::made(__libc_memalign(alignment, bytes));
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) { return memalign(alignment, bytes); }
int posix_memalign(void** result, std::size_t alignment, std::size_t bytes) {
  *result = memalign(alignment, bytes);
  return *result == nullptr ? ENOMEM : 0;
}
void free(void* block) {
  if (block != nullptr) heap_count::blocks.fetch_sub(1, std::memory_order_relaxed);
  __libc_free(block);
}
}

std::optional<std::uint64_t> tools::heap_calls() noexcept { return heap_count::calls.load(std::memory_order_relaxed); }
std::optional<std::int64_t> tools::heap_blocks() noexcept { return heap_count::blocks.load(std::memory_order_relaxed); }
std::uint64_t tools::fail_heap_call(std::uint64_t n) noexcept { return std::exchange(heap_count::until_failure, n); }

#else

std::optional<std::uint64_t> tools::heap_calls() noexcept { return std::nullopt; }
std::optional<std::int64_t> tools::heap_blocks() noexcept { return std::nullopt; }
std::uint64_t tools::fail_heap_call(std::uint64_t) noexcept { return 1; }

#endif

#endif  // HONE_TOOLS_HEAP_COUNT
