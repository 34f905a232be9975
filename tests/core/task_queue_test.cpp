#include <atomic>
#include <latch>
#include <vector>

#include <doctest/doctest.h>

#include <hone/core/task_queue.hpp>

namespace task_queue_test {

TEST_CASE("task_queue: every task is called once, those that tasks post too, before the queue ends") {
  std::atomic<int> called{0};
  {
    hone::TaskQueue queue(3);
    for (int i = 0; i < 100; ++i) {
      queue.post([&, i] {
        ++called;
        if (i < 50) queue.post([&] { ++called; });
      });
    }
  }
  CHECK(called == 150);
}

TEST_CASE("task_queue: one thread keeps the order; more threads work at once") {
  std::vector<int> order;
  {
    hone::TaskQueue queue(1);
    for (int i = 0; i < 20; ++i) queue.post([&order, i] { order.push_back(i); });
  }
  REQUIRE(order.size() == 20);
  for (int i = 0; i < 20; ++i) CHECK(order[static_cast<std::size_t>(i)] == i);

  std::latch both(2);  // each waits for the other
  {
    hone::TaskQueue queue(2);
    for (int i = 0; i < 2; ++i) queue.post([&] { both.arrive_and_wait(); });
  }
  CHECK(both.try_wait());
}

}  // namespace task_queue_test
