#pragma once

#include <cstdint>
#include <optional>

namespace tools {

// The program must be built with heap_count.cpp. Values are empty where the functions of the heap cannot be replaced: with a sanitizer,
// which replaces them itself, or without glibc.

/// Calls so far, in all threads, of malloc, calloc, realloc and the aligned forms, which `new` goes through too.
[[nodiscard]] std::optional<std::uint64_t> heap_calls() noexcept;

/// Blocks that have been taken and not given back, in all threads.
[[nodiscard]] std::optional<std::int64_t> heap_blocks() noexcept;

/// Lets the `n`-th such call from now on fail, of those that this thread makes; 0: none. Gives how many calls were still to come before the
/// failure that was asked for last: 0 when it has happened.
std::uint64_t fail_heap_call(std::uint64_t n) noexcept;

}  // namespace tools
