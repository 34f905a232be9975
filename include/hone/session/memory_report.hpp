#pragma once

#include <cstddef>

#include <hone/config.hpp>

namespace hone::inline HONE_ABI {

/// Where the memory of a session is, in bytes. What it shares with other sessions of the model (weights, packed weights and plans) counts
/// in each of them.
struct MemoryReport {
  std::size_t weights = 0;        ///< constants whose elements runs may read: in the parsed model, in mapped files, or computed
  std::size_t packed = 0;         ///< weights that kernels have in a layout of their own, in place of those above
  std::size_t planned_arena = 0;  ///< the largest arena among the plans that are cached
  std::size_t contexts = 0;       ///< arenas and results of unplanned size that idle contexts keep for the next run
  std::size_t plans = 0;          ///< number of plans cached, subgraphs included
  std::size_t idle_contexts = 0;  ///< number of contexts that wait for a run
  std::size_t busy_contexts = 0;  ///< number of contexts in a run right now: theirs is not among the bytes above
};

}  // namespace hone::inline HONE_ABI
