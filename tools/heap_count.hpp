#pragma once

#include <cstdint>
#include <optional>

namespace tools {

/// Calls so far, in all threads, of malloc, calloc, realloc and the aligned forms, which `new` goes through too. The program must be
/// built with heap_count.cpp. Empty where the functions cannot be replaced: with a sanitizer, which replaces them itself, or without glibc.
[[nodiscard]] std::optional<std::uint64_t> heap_calls() noexcept;

}  // namespace tools
