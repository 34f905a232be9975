#pragma once

#include <algorithm>
#include <string>

#include <hone/config.hpp>
#include <hone/session/node_arg.hpp>
#include <hone/session/options.hpp>

/// A saved model says in its metadata how far it has been rewritten. A session of that level or a lower one takes it as it is: the graph,
/// and with it every bit of the results, is that of the session that saved it, where rewriting again could find patterns that the first
/// time left.
namespace hone::inline HONE_ABI::detail {

inline constexpr const char* level_property = "hone.graph_optimization_level";

/// How far the model has been rewritten already.
[[nodiscard]] inline GraphOptimizationLevel level_of(const ModelMetadata& metadata) {
  const auto found = metadata.custom_metadata_map.find(level_property);
  if (found == metadata.custom_metadata_map.end()) return GraphOptimizationLevel::disabled;
  return parse_level(found->second).value_or(GraphOptimizationLevel::disabled);
}

/// How far a session of the level `asked` rewrites the model.
[[nodiscard]] inline GraphOptimizationLevel level_to_apply(const ModelMetadata& metadata, GraphOptimizationLevel asked) {
  return asked > level_of(metadata) ? asked : GraphOptimizationLevel::disabled;
}

/// The metadata of the model that a session of the level `level` saves.
[[nodiscard]] inline ModelMetadata metadata_of_optimized(ModelMetadata metadata, GraphOptimizationLevel level) {
  level = std::max(level, level_of(metadata));
  if (level != GraphOptimizationLevel::disabled) metadata.custom_metadata_map[level_property] = name(level);
  return metadata;
}

}  // namespace hone::inline HONE_ABI::detail
