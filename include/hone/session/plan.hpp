#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/value.hpp>
#include <hone/session/program.hpp>

namespace hone::inline HONE_ABI {

/// Where a value stands during a run.
struct PlannedValue {
  enum class Place : std::uint8_t {
    unused,    ///< no step of the plan makes or reads it
    constant,  ///< `ref` has its elements: an initializer, or evaluated while planning
    input,     ///< memory of the feed
    output,    ///< memory of the result
    arena,     ///< at `offset` of the arena
    dynamic,   ///< memory of its own: the shape is known only while running, or it is no tensor
  };
  Place place = Place::unused;
  /// dtype, and, unless dynamic, shape.
  TensorRef ref;
  std::size_t offset = 0;
};

struct PlannedStep {
  std::size_t node = 0;
  const AnyKernel* kernel = nullptr;
  /// The shapes of its outputs are found while running.
  bool dynamic = false;
  std::size_t workspace_offset = 0;  ///< in the arena; for steps that are not dynamic
};

/// Steps that do not depend on each other: those of [first, parallel_end) may run at the same time, those of [parallel_end, end) follow one
/// by one, since their memory is found while running.
struct Wave {
  std::size_t first = 0;
  std::size_t parallel_end = 0;
  std::size_t end = 0;
};

/// A run of a program for one signature (shapes of the inputs, set of wanted outputs, threads): which nodes run, and where every value
/// stands.
/// Whatever follows from constants and input shapes alone is evaluated while planning and costs a run nothing.
struct Plan {
  std::vector<Shape> signature;
  std::vector<bool> wanted;
  int threads = 1;                   ///< that work on one node: each has a workspace
  bool parallel = false;             ///< nodes run at the same time
  std::vector<PlannedValue> values;  ///< by ValueId
  std::vector<PlannedStep> steps;
  /// All steps in order, when `parallel`.
  std::vector<Wave> waves;
  /// Bytes by memory, that of the host first: see Program::memory.
  std::vector<std::size_t> arenas;
  /// What constants evaluated while planning refer to.
  std::vector<Value> evaluated;
  std::vector<Buffer> uploaded;

  /// Whether the plan is for the threads that the environment has.
  [[nodiscard]] bool is_for(const Environment& environment) const {
    return threads == environment.pool.size() && parallel == (environment.inter_op_pool != nullptr);
  }
  /// Whether the plan is for inputs of these shapes and these outputs.
  [[nodiscard]] bool is_for(std::span<const TensorRef> inputs, const std::vector<bool>& outputs) const {
    return wanted == outputs && std::equal(inputs.begin(), inputs.end(), signature.begin(), signature.end(),
                                           [](const TensorRef& input, const Shape& shape) { return input.shape == shape; });
  }
};

/// Errors: what shape inference finds wrong with the inputs, as an Error that names the node; resource_exhausted beyond a limit.
[[nodiscard]] std::shared_ptr<const Plan> make_plan(const Program& program, std::span<const TensorRef> inputs,
                                                    const std::vector<bool>& wanted, const Environment& environment);

}  // namespace hone::inline HONE_ABI

#if !HONE_COMPILED
#include <hone/session/plan_impl.hpp>
#endif
