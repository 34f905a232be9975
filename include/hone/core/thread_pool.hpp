#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/affinity.hpp>
#include <hone/core/denormals.hpp>
#include <hone/core/executor.hpp>
#include <hone/core/function_ref.hpp>

namespace hone::inline HONE_ABI {

struct ThreadPoolOptions {
  /// Threads that work on a section, the caller among them; 0 means one per hardware thread, or what the executor has, plus the caller.
  int threads = 0;
  /// Idle workers poll for up to 200 us before they sleep, which takes a fork from tens of microseconds to about one.
  bool spin = true;
  /// Workers treat denormal numbers as zero. The caller has to see to it for itself: DenormalsAsZero.
  bool denormals_as_zero = false;
  /// Logical processors that each worker is bound to: one list per worker (threads - 1 of them), or empty.
  std::vector<std::vector<int>> affinities = {};
  /// Threads of the host, to work instead of threads of the pool. Takes no affinities.
  std::shared_ptr<Executor> executor = nullptr;
};

/// A fork-join pool. The calling thread works too, so a pool of size n owns n - 1 threads and a pool of size 1 owns none.
///
/// A parallel section never waits for a thread that has not started on it: workers that wake up late find it closed. The caller can
/// always finish alone, which keeps an oversubscribed machine (or a forked child, which has no workers) correct.
///
/// Thread safety: every member function may be called from any thread. One section runs at a time; a caller that finds the pool in
/// use, or that is itself inside a section, does its work inline.
class ThreadPool {
 public:
  explicit ThreadPool(int threads, bool spin = true) : ThreadPool(ThreadPoolOptions{.threads = threads, .spin = spin}) {}

  /// Errors: invalid_argument for affinities that do not fit; std::system_error when the system gives no thread.
  explicit ThreadPool(const ThreadPoolOptions& options) : state_(new State), executor_(options.executor) {
    size_ = options.threads;
    if (size_ <= 0) size_ = executor_ != nullptr ? std::max(0, executor_->concurrency()) + 1 : hardware_threads();
    state_->spin = options.spin;
    state_->denormals_as_zero = options.denormals_as_zero;
    state_->size = size_;
    state_->shares = std::make_unique<State::Share[]>(static_cast<std::size_t>(size_));
    if (!options.affinities.empty()) {
      check_affinities(options.affinities, executor_ != nullptr ? 0 : static_cast<std::size_t>(size_ - 1));
    }
    if (executor_ != nullptr) return;
    workers_.reserve(static_cast<std::size_t>(size_ - 1));
    try {
      for (int slot = 1; slot < size_; ++slot) {
        workers_.emplace_back([state = state_.get(), slot] { state->work(slot); });
        if (!options.affinities.empty()) bind_thread(workers_.back(), options.affinities[static_cast<std::size_t>(slot - 1)]);
      }
    } catch (...) {
      join();
      throw;
    }
  }

  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  /// Joins the workers. Precondition: no section is running.
  ~ThreadPool() { join(); }

  /// Threads that work on a section, the caller among them.
  [[nodiscard]] int size() const noexcept { return size_; }
  [[nodiscard]] bool denormals_as_zero() const noexcept { return state_->denormals_as_zero; }

  /// Calls `body(begin, end)` or `body(begin, end, slot)` for disjoint ranges that cover [0, count), and returns when all are done.
  ///
  /// `grain`: every range begins at a multiple of it, and ends at one or at `count`. A body that treats each block of `grain` indices
  /// alike computes the same whatever the number of threads. At most `grain` indices run inline.
  /// `slot`: in [0, size()), differs between ranges that run at the same time in this call; it indexes per-thread scratch.
  ///
  /// Allocates nothing and takes no lock. Precondition: `body` does not throw.
  void parallel_for(std::int64_t count, std::int64_t grain, FunctionRef<void(std::int64_t, std::int64_t, int)> body) const noexcept {
    if (count <= 0) return;
    grain = std::max<std::int64_t>(grain, 1);
    if (size_ == 1 || count <= grain || inside() || state_->busy.exchange(true, std::memory_order_acquire)) {
      body(std::int64_t{0}, count, 0);
      return;
    }
    inside() = true;
    state_->fork_join(body, count, grain, executor_.get());
    inside() = false;
    state_->busy.store(false, std::memory_order_release);
  }
  void parallel_for(std::int64_t count, std::int64_t grain, FunctionRef<void(std::int64_t, std::int64_t)> body) const noexcept {
    const auto call = [body](std::int64_t begin, std::int64_t end, int) { body(begin, end); };
    parallel_for(count, grain, FunctionRef<void(std::int64_t, std::int64_t, int)>(call));
  }

  /// The pool of this process for a number of threads (0: one per hardware thread), made on first use and joined at exit.
  static ThreadPool& shared(int threads, bool spin = true, bool denormals_as_zero = false) {
    if (threads <= 0) threads = hardware_threads();
    static std::mutex mutex;
    static std::map<std::tuple<int, bool, bool>, ThreadPool> pools;
    const std::scoped_lock lock(mutex);
    const ThreadPoolOptions options{.threads = threads, .spin = spin, .denormals_as_zero = denormals_as_zero};
    return pools.try_emplace({threads, spin, denormals_as_zero}, options).first->second;
  }

  [[nodiscard]] static int hardware_threads() noexcept { return static_cast<int>(std::max(1U, std::thread::hardware_concurrency())); }

 private:
  using Body = FunctionRef<void(std::int64_t, std::int64_t, int)>;

  /// How long an idle worker polls. The gaps between the kernels of a model are mostly shorter.
  static constexpr std::chrono::microseconds spin_limit{200};

  /// Ranges that each thread takes on average: enough to even out threads that start late, few enough to keep the counter cold.
  static constexpr std::int64_t ranges_per_thread = 4;

  /// True in a thread that is working on a section of any pool.
  static bool& inside() noexcept {
    thread_local bool flag = false;
    return flag;
  }

  static void pause() noexcept {
#if defined(__x86_64__) || defined(_M_X64)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }

  /// Polls until `done()`; false when spin_limit has passed.
  template <class Done>
  static bool spin_until(Done done) noexcept {
    const auto start = std::chrono::steady_clock::now();
    do {
      for (int i = 0; i < 64; ++i) {
        if (done()) return true;
        pause();
      }
    } while (std::chrono::steady_clock::now() - start < spin_limit);
    return done();
  }

  struct State;
  struct Release {
    void operator()(State* state) const noexcept {
      if (state->owners.fetch_sub(1, std::memory_order_acq_rel) == 1) delete state;
    }
  };

  /// What the caller and the workers share. Fields on separate cache lines are written by different threads at the same time.
  struct State {
    /// Bit 31 of `gate`: a section accepts workers. The other bits count the workers inside.
    static constexpr std::uint32_t open = 1U << 31;

    alignas(64) std::atomic<std::uint32_t> gate{0};
    alignas(64) std::atomic<std::uint32_t> generation{0};
    alignas(64) std::atomic<bool> busy{false};
    std::atomic<bool> stop{false};
    bool spin = true;
    bool denormals_as_zero = false;
    int size = 1;
    /// The pool, and the tasks that an executor has and has not ended.
    std::atomic<std::int64_t> owners{1};
    /// Helpers of an executor that have entered the section.
    std::atomic<int> helpers{0};
    /// The indices that a thread begins with; the others take what it leaves. In one section after the other a thread has the same part of
    /// the work, and finds in its cache what it has written there.
    struct alignas(64) Share {
      std::atomic<std::int64_t> next{0};
      std::int64_t end = 0;
    };
    // The section; written only while the gate is closed and nobody is inside.
    const Body* body = nullptr;
    std::int64_t range = 0;
    std::unique_ptr<Share[]> shares;

    void wake() noexcept {
      generation.fetch_add(1, std::memory_order_seq_cst);
      generation.notify_all();
    }

    void fork_join(Body section, std::int64_t total, std::int64_t grain, Executor* executor) noexcept {
      const std::int64_t blocks = (total - 1) / grain + 1;
      body = &section;
      range = std::max<std::int64_t>(1, blocks / (ranges_per_thread * size)) * grain;
      for (std::int64_t slot = 0; slot < size; ++slot) {
        shares[static_cast<std::size_t>(slot)].next.store(blocks * slot / size * grain, std::memory_order_relaxed);
        shares[static_cast<std::size_t>(slot)].end = std::min(total, blocks * (slot + 1) / size * grain);
      }
      helpers.store(0, std::memory_order_relaxed);
      gate.store(open, std::memory_order_release);
      if (executor != nullptr) {
        call_helpers(*executor, std::min<std::int64_t>(size, blocks) - 1);
      } else {
        wake();
      }
      take_ranges(0);
      std::uint32_t inside_now = gate.fetch_and(~open, std::memory_order_acq_rel) & ~open;
      if (inside_now == 0) return;
      const auto left = [this] { return gate.load(std::memory_order_acquire) == 0; };
      if (spin && spin_until(left)) return;
      while ((inside_now = gate.load(std::memory_order_acquire)) != 0) gate.wait(inside_now, std::memory_order_acquire);
    }

    void call_helpers(Executor& executor, std::int64_t wanted) noexcept {
      for (std::int64_t i = 0; i < wanted; ++i) {
        owners.fetch_add(1, std::memory_order_relaxed);
        if (!executor.submit(&State::help, this)) owners.fetch_sub(1, std::memory_order_relaxed);
      }
    }

    /// A task of an executor: works on the section that is open when it starts, if one is.
    static void help(void* argument) noexcept {
      const std::unique_ptr<State, Release> state(static_cast<State*>(argument));
      if (!state->enter()) return;
      // Helpers of an earlier section may come too: those that find no slot left go again.
      if (const int slot = state->helpers.fetch_add(1, std::memory_order_relaxed) + 1; slot < state->size) {
        const DenormalsAsZero denormals(state->denormals_as_zero);
        const bool nested = std::exchange(ThreadPool::inside(), true);
        state->take_ranges(slot);
        ThreadPool::inside() = nested;
      }
      state->leave();
    }

    void leave() noexcept {
      if (gate.fetch_sub(1, std::memory_order_acq_rel) == 1) gate.notify_one();
    }

    void take_ranges(int slot) noexcept {
      const Body& section = *body;
      const std::int64_t step = range;
      for (int k = 0; k < size; ++k) {
        Share& share = shares[static_cast<std::size_t>((slot + k) % size)];
        for (;;) {
          const std::int64_t begin = share.next.fetch_add(step, std::memory_order_relaxed);
          if (begin >= share.end) break;
          section(begin, std::min(begin + step, share.end), slot);
        }
      }
    }

    bool enter() noexcept {
      std::uint32_t seen = gate.load(std::memory_order_relaxed);
      while ((seen & open) != 0) {
        if (gate.compare_exchange_weak(seen, seen + 1, std::memory_order_acquire, std::memory_order_relaxed)) return true;
      }
      return false;
    }

    void work(int slot) noexcept {
      ThreadPool::inside() = true;
      const DenormalsAsZero denormals(denormals_as_zero);
      std::uint32_t seen = 0;
      for (;;) {
        const auto called = [this, &seen] { return generation.load(std::memory_order_acquire) != seen; };
        if (!(spin && spin_until(called))) generation.wait(seen, std::memory_order_acquire);
        if (stop.load(std::memory_order_relaxed)) return;
        seen = generation.load(std::memory_order_acquire);
        if (!enter()) continue;
        take_ranges(slot);
        leave();
      }
    }
  };

  void join() noexcept {
    state_->stop.store(true, std::memory_order_relaxed);
    state_->wake();
    for (std::thread& worker : workers_) worker.join();
  }

  std::unique_ptr<State, Release> state_;
  std::shared_ptr<Executor> executor_;
  std::vector<std::thread> workers_;
  int size_ = 1;
};

}  // namespace hone::inline HONE_ABI
