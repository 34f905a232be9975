#include <random>
#include <vector>

#include <doctest/doctest.h>

#include <hone/session/memory_plan.hpp>

namespace memory_plan_test {

using hone::Lifetime;

inline void check_disjoint(const std::vector<Lifetime>& blocks, std::size_t arena) {
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    CHECK(blocks[i].offset % hone::buffer_alignment == 0);
    CHECK(blocks[i].offset + blocks[i].bytes <= arena);
    for (std::size_t k = 0; k < i; ++k) {
      const bool same_time = blocks[i].first <= blocks[k].last && blocks[k].first <= blocks[i].last;
      const bool same_place =
          blocks[i].offset < blocks[k].offset + blocks[k].bytes && blocks[k].offset < blocks[i].offset + blocks[i].bytes;
      CHECK_FALSE((same_time && same_place));
    }
  }
}

TEST_CASE("a chain needs two buffers") {
  std::vector<Lifetime> blocks;
  for (std::size_t i = 0; i < 10; ++i) blocks.push_back({i, i + 1, 1024, 0});
  const std::size_t arena = hone::plan_memory(blocks);
  CHECK(arena == 2048);
  check_disjoint(blocks, arena);
}

TEST_CASE("nothing, and empty blocks") {
  std::vector<Lifetime> none;
  CHECK(hone::plan_memory(none) == 0);
  std::vector<Lifetime> empty = {{0, 3, 0, 0}, {1, 2, 0, 0}};
  CHECK(hone::plan_memory(empty) == 0);
}

TEST_CASE("random lifetimes never overlap, and take no more than all blocks together, no less than any moment needs") {
  std::mt19937 random(1);
  for (int round = 0; round < 50; ++round) {
    std::vector<Lifetime> blocks;
    for (int i = 0; i < 60; ++i) {
      const std::size_t first = random() % 40;
      blocks.push_back({first, first + random() % 10, random() % 5000, 0});
    }
    const std::size_t arena = hone::plan_memory(blocks);
    check_disjoint(blocks, arena);
    std::size_t total = 0;
    std::size_t most = 0;
    for (const Lifetime& block : blocks) total += hone::align_up(block.bytes);
    for (std::size_t step = 0; step < 50; ++step) {
      std::size_t alive = 0;
      for (const Lifetime& block : blocks)
        if (block.first <= step && step <= block.last) alive += hone::align_up(block.bytes);
      most = std::max(most, alive);
    }
    CHECK(arena >= most);
    CHECK(arena <= total);
  }
}

}  // namespace memory_plan_test
