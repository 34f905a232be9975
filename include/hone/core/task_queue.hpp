#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <hone/config.hpp>

namespace hone::inline HONE_ABI {

/// Runs tasks on threads of its own, in the order in which they come. Threads start when there is work and none is idle.
///
/// Thread safety: every member function may be called from any thread, from inside a task too.
class TaskQueue {
 public:
  explicit TaskQueue(int max_threads) : max_threads_(static_cast<std::size_t>(std::max(1, max_threads))) { threads_.reserve(max_threads_); }
  TaskQueue(const TaskQueue&) = delete;
  TaskQueue& operator=(const TaskQueue&) = delete;
  /// Ends the tasks that have been posted, then the threads.
  ~TaskQueue() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    called_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  /// Precondition: `task` does not throw. Errors: std::bad_alloc, std::system_error; the task is then not called.
  void post(std::function<void()> task) {
    {
      const std::lock_guard lock(mutex_);
      tasks_.push_back(std::move(task));
      if (tasks_.size() > idle_ && threads_.size() < max_threads_ && !stop_) {
        try {
          threads_.emplace_back([this] { work(); });
        } catch (...) {
          if (threads_.empty()) {
            tasks_.pop_back();
            throw;
          }
        }
      }
    }
    called_.notify_one();
  }

  /// The queue of this process, with at most one thread per hardware thread; its threads are joined at exit.
  static TaskQueue& shared() {
    static TaskQueue queue(static_cast<int>(std::thread::hardware_concurrency()));
    return queue;
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      ++idle_;
      called_.wait(lock, [this] { return stop_ || !tasks_.empty(); });
      --idle_;
      if (tasks_.empty()) return;
      std::function<void()> task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
      task = nullptr;  // what it holds may take a while to destroy, or post
      lock.lock();
    }
  }

  const std::size_t max_threads_;
  std::mutex mutex_;
  std::condition_variable called_;
  std::deque<std::function<void()>> tasks_;
  std::vector<std::thread> threads_;
  std::size_t idle_ = 0;
  bool stop_ = false;
};

}  // namespace hone::inline HONE_ABI
