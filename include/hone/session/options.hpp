#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <hone/config.hpp>
#include <hone/providers/provider.hpp>

namespace hone::inline HONE_ABI {

/// How far a session rewrites the graph. The levels are those of ONNX Runtime.
enum class GraphOptimizationLevel : std::uint8_t {
  disabled,  ///< none
  basic,     ///< exact algebra: constant folding, dead code, no-op elimination
  extended,  ///< and fusion of operators
  all,       ///< and memory layout
};

[[nodiscard]] constexpr std::string_view name(GraphOptimizationLevel level) noexcept {
  constexpr std::string_view names[] = {"disabled", "basic", "extended", "all"};
  return names[static_cast<std::size_t>(level)];
}
[[nodiscard]] constexpr std::optional<GraphOptimizationLevel> parse_level(std::string_view text) noexcept {
  for (const auto level :
       {GraphOptimizationLevel::disabled, GraphOptimizationLevel::basic, GraphOptimizationLevel::extended, GraphOptimizationLevel::all})
    if (name(level) == text) return level;
  return std::nullopt;
}

/// The CPU provider with its default options. Defined in <hone/providers/cpu.hpp>.
[[nodiscard]] AnyProvider default_provider();

struct SessionOptions {
  /// In order of priority: each node goes to the first one that supports it.
  std::vector<AnyProvider> providers = {default_provider()};
  GraphOptimizationLevel graph_optimization_level = GraphOptimizationLevel::all;
  /// Threads that work on one node, the calling one among them; 0 takes as many as the machine has.
  int intra_op_num_threads = 0;
};

}  // namespace hone::inline HONE_ABI
