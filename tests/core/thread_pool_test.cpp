#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <hone/core/thread_pool.hpp>

namespace thread_pool_test {

/// Visits of each index of one section; one element per index, so that a second visit is a data race that TSan reports.
inline std::vector<int> visits(const hone::ThreadPool& pool, std::int64_t count, std::int64_t grain) {
  std::vector<int> seen(static_cast<std::size_t>(count), 0);
  pool.parallel_for(count, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) ++seen[static_cast<std::size_t>(i)];
  });
  return seen;
}

inline bool all_ones(const std::vector<int>& seen) {
  for (const int n : seen) {
    if (n != 1) return false;
  }
  return true;
}

TEST_CASE("thread_pool: every index is visited once") {
  for (const int threads : {1, 2, 3, 5}) {
    for (const bool spin : {true, false}) {
      const hone::ThreadPool pool(threads, spin);
      CHECK(pool.size() == threads);
      for (const std::int64_t count : {0, 1, 2, 3, 7, 64, 1000, 4099}) {
        for (const std::int64_t grain : {1, 3, 64, 5000}) CHECK(all_ones(visits(pool, count, grain)));
      }
    }
  }
}

TEST_CASE("thread_pool: ranges begin at multiples of the grain") {
  const hone::ThreadPool pool(3);
  std::atomic<int> bad{0};
  pool.parallel_for(1003, 10, [&](std::int64_t begin, std::int64_t end) {
    if (begin % 10 != 0 || (end % 10 != 0 && end != 1003)) ++bad;
  });
  CHECK(bad == 0);
}

TEST_CASE("thread_pool: slots index scratch that nobody shares") {
  const hone::ThreadPool pool(4);
  for (int round = 0; round < 50; ++round) {
    std::vector<std::int64_t> sums(4 * 16, 0);
    pool.parallel_for(1000, 1, [&](std::int64_t begin, std::int64_t end, int slot) {
      for (std::int64_t i = begin; i < end; ++i) sums[static_cast<std::size_t>(slot) * 16] += i;
    });
    CHECK(sums[0] + sums[16] + sums[32] + sums[48] == 999 * 1000 / 2);
  }
}

TEST_CASE("thread_pool: a section inside a section runs inline") {
  const hone::ThreadPool pool(3);
  const hone::ThreadPool other(2);
  std::atomic<int> total{0};
  std::atomic<int> moved{0};
  pool.parallel_for(8, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const auto self = std::this_thread::get_id();
      for (const hone::ThreadPool* inner : {&pool, &other}) {
        inner->parallel_for(16, 1, [&](std::int64_t b, std::int64_t e) {
          total += static_cast<int>(e - b);
          if (std::this_thread::get_id() != self) ++moved;
        });
      }
    }
  });
  CHECK(total == 8 * 2 * 16);
  CHECK(moved == 0);
}

TEST_CASE("thread_pool: many callers share a pool") {
  const hone::ThreadPool pool(3);
  std::vector<std::thread> callers;
  std::atomic<int> bad{0};
  for (int c = 0; c < 4; ++c) {
    callers.emplace_back([&] {
      for (int round = 0; round < 200; ++round) {
        if (!all_ones(visits(pool, 257, 4))) ++bad;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  CHECK(bad == 0);
}

TEST_CASE("thread_pool: workers sleep and wake again") {
  const hone::ThreadPool pool(2, false);
  for (int round = 0; round < 300; ++round) CHECK(all_ones(visits(pool, 64, 1)));
}

TEST_CASE("thread_pool: size 1 runs in the caller") {
  const hone::ThreadPool pool(1);
  const auto self = std::this_thread::get_id();
  int calls = 0;
  pool.parallel_for(1000, 1, [&](std::int64_t begin, std::int64_t end) {
    ++calls;
    CHECK(std::this_thread::get_id() == self);
    CHECK(begin == 0);
    CHECK(end == 1000);
  });
  CHECK(calls == 1);
}

TEST_CASE("thread_pool: shared pools are one per size") {
  hone::ThreadPool& two = hone::ThreadPool::shared(2);
  CHECK(two.size() == 2);
  CHECK(&two == &hone::ThreadPool::shared(2));
  CHECK(&two != &hone::ThreadPool::shared(1));
  CHECK(hone::ThreadPool::shared(0).size() >= 1);
}

inline std::int64_t twice(std::int64_t x) { return 2 * x; }

TEST_CASE("function_ref: objects and functions") {
  int calls = 0;
  auto count_up = [&calls](int by) { return calls += by; };
  const hone::FunctionRef<int(int)> object = count_up;
  CHECK(object(3) == 3);
  CHECK(object(4) == 7);
  const hone::FunctionRef<std::int64_t(std::int64_t)> function = twice;
  CHECK(function(21) == 42);
}

/// Keeps tasks until it is told to call them, or calls them at once.
class Tasks final : public hone::Executor {
 public:
  enum class Calls { at_once, later, never };
  explicit Tasks(Calls calls) : calls_(calls) {}
  [[nodiscard]] int concurrency() const noexcept override { return 3; }
  bool submit(void (*task)(void*) noexcept, void* argument) noexcept override {
    if (calls_ == Calls::at_once) task(argument);
    if (calls_ == Calls::later) kept_.emplace_back(task, argument);
    return calls_ != Calls::never;
  }
  void call() {
    for (const auto& [task, argument] : std::exchange(kept_, {})) task(argument);
  }

 private:
  Calls calls_;
  std::vector<std::pair<void (*)(void*) noexcept, void*>> kept_;
};

TEST_CASE("thread_pool: an executor works in place of workers, however late it comes") {
  for (const auto calls : {Tasks::Calls::at_once, Tasks::Calls::later, Tasks::Calls::never}) {
    const auto executor = std::make_shared<Tasks>(calls);
    {
      const hone::ThreadPool pool(hone::ThreadPoolOptions{.executor = executor});
      CHECK(pool.size() == 4);
      for (int round = 0; round < 3; ++round) CHECK(all_ones(visits(pool, 1000, 7)));
      // Helpers of earlier sections find a new one open, more of them than there are slots.
      std::atomic<int> bad{0};
      pool.parallel_for(1000, 1, [&](std::int64_t, std::int64_t, int slot) {
        if (slot < 0 || slot >= 4) ++bad;
        executor->call();
      });
      CHECK(bad == 0);
    }
    executor->call();  // after the pool is gone
  }
}

}  // namespace thread_pool_test
