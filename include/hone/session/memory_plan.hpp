#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/buffer.hpp>

namespace hone::inline HONE_ABI {

/// A block of memory that is needed from step `first` to step `last`, both included.
struct Lifetime {
  std::size_t first = 0;
  std::size_t last = 0;
  std::size_t bytes = 0;
  std::size_t offset = 0;  ///< set by plan_memory
};

/// Gives each block an offset, a multiple of buffer_alignment, such that blocks needed at the same step never overlap. Returns the bytes of
/// the arena that holds them all.
///
/// Greedy by size: the largest block first, each at the lowest gap that fits. Source: Pisarchyk and Lee, "Efficient Memory Management for
/// Deep Neural Net Inference", 2020, which finds it within a few percent of the lower bound on convolutional networks.
[[nodiscard]] inline std::size_t plan_memory(std::vector<Lifetime>& blocks) {
  std::vector<std::size_t> order(blocks.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return blocks[a].bytes > blocks[b].bytes; });

  std::vector<const Lifetime*> placed;  // by offset
  std::size_t arena = 0;
  for (const std::size_t i : order) {
    Lifetime& block = blocks[i];
    const std::size_t bytes = align_up(block.bytes);
    std::size_t offset = 0;
    for (const Lifetime* other : placed) {
      if (other->last < block.first || block.last < other->first) continue;
      if (offset + bytes <= other->offset) break;
      offset = std::max(offset, other->offset + align_up(other->bytes));
    }
    block.offset = offset;
    arena = std::max(arena, offset + bytes);
    const auto at = std::upper_bound(placed.begin(), placed.end(), offset,
                                     [](std::size_t value, const Lifetime* other) { return value < other->offset; });
    placed.insert(at, &block);
  }
  return arena;
}

}  // namespace hone::inline HONE_ABI
