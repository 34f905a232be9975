#pragma once

#include <cstdint>

#include <hone/config.hpp>
#include <hone/core/function_ref.hpp>

namespace hone::inline HONE_ABI::cpu {

/// Called by a kernel for elements [begin, begin + count) of its output 0 once they are final, each exactly once, while they are in cache;
/// from several threads at a time.
using Epilogue = FunctionRef<void(std::int64_t begin, std::int64_t count)>;

}  // namespace hone::inline HONE_ABI::cpu
