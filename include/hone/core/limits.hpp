#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include <hone/config.hpp>
#include <hone/core/error.hpp>
#include <hone/core/shape.hpp>

namespace hone::inline HONE_ABI {

/// What a model may ask for. Checked before memory is taken; beyond a limit is an Error resource_exhausted that names the limit, and the
/// session stays usable. The defaults bound what a hostile model does to the stack and to the time of loading, and leave memory to the
/// system.
struct Limits {
  static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

  /// Bytes of the arena of one run (activations and scratch). Each subgraph has an arena of its own.
  std::size_t max_arena_bytes = unlimited;
  /// Bytes of any one tensor that a run, or loading, makes.
  std::size_t max_tensor_bytes = unlimited;
  /// Elements of any one tensor that a run makes.
  std::size_t max_tensor_elements = unlimited;
  /// Iterations of one Loop, whose condition may never end it.
  std::size_t max_loop_iterations = unlimited;
  /// Levels of functions and subgraphs inside each other.
  int max_nesting = 64;
  /// Nodes, after functions are inlined: a few nested ones can stand for more than fit in memory.
  std::size_t max_nodes = 1'000'000;

  friend bool operator==(const Limits&, const Limits&) = default;
};

namespace detail {

[[noreturn]] HONE_COLD inline void fail_limit(const char* what, std::uint64_t asked, const char* limit, std::uint64_t allowed) {
  fail(ErrorCode::resource_exhausted, what, " takes ", asked, "; SessionOptions::limits.", limit, " is ", allowed);
}

inline void check_arena(std::size_t bytes, const Limits& limits) {
  if (bytes > limits.max_arena_bytes) fail_limit("the arena of a run, in bytes,", bytes, "max_arena_bytes", limits.max_arena_bytes);
}

}  // namespace detail

/// Bytes of a tensor, as checked_bytes(). Errors: those, and resource_exhausted.
[[nodiscard]] inline std::size_t limited_bytes(DType dtype, const Shape& shape, const Limits& limits) {
  const std::size_t bytes = checked_bytes(dtype, shape);
  if (bytes > limits.max_tensor_bytes) detail::fail_limit("a tensor, in bytes,", bytes, "max_tensor_bytes", limits.max_tensor_bytes);
  if (const auto elements = static_cast<std::size_t>(shape.elements()); elements > limits.max_tensor_elements)
    detail::fail_limit("a tensor, in elements,", elements, "max_tensor_elements", limits.max_tensor_elements);
  return bytes;
}

}  // namespace hone::inline HONE_ABI
