#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <unordered_set>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/value.hpp>
#include <hone/session/executor.hpp>
#include <hone/session/memory_report.hpp>
#include <hone/session/program.hpp>

namespace hone::inline HONE_ABI::detail {

/// What one run changes; kept from run to run, so that a run allocates nothing.
struct RunContext {
  RunContext(const Program& program, const Environment& environment) : frame(program, environment) {}

  Frame frame;
  std::vector<const ValueRef*> feeds;     ///< by input, then by overridable initializer; null for those that are not fed
  std::vector<const ResultRef*> results;  ///< by output, null for those that are not asked for
  std::vector<TensorRef> inputs;          ///< as Frame::prepare takes them
  std::vector<bool> wanted;               ///< by output
};

/// A program, which other sessions may run too, with the contexts that its runs leave behind for the next.
class Runnable {
 public:
  Runnable(std::shared_ptr<const Program> program, const Environment& environment)
      : program_(std::move(program)), environment_(environment) {}
  Runnable(const Runnable&) = delete;
  Runnable& operator=(const Runnable&) = delete;
  ~Runnable() { delete spare_.load(std::memory_order_acquire); }

  [[nodiscard]] const Graph& graph() const noexcept { return program_->graph; }

  /// A context of its own for one run, which goes back when the lease ends.
  class Lease {
   public:
    Lease(Runnable& runnable) : runnable_(runnable), context_(runnable.take()) {}
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() { runnable_.give_back(std::move(context_)); }
    [[nodiscard]] RunContext& operator*() const noexcept { return *context_; }

   private:
    Runnable& runnable_;
    std::unique_ptr<RunContext> context_;
  };

  /// Adds weights, plans, and what the idle contexts hold.
  void add_memory(MemoryReport& to, std::unordered_set<const void*>& counted) {
    program_->add_memory(to, counted);
    const std::lock_guard lock(mutex_);
    if (std::unique_ptr<RunContext> spare{spare_.exchange(nullptr, std::memory_order_acquire)}) idle_.push_back(std::move(spare));
    for (const auto& context : idle_) to.contexts += context->frame.bytes();
    to.idle_contexts += idle_.size();
    to.busy_contexts += contexts_ - idle_.size();
  }

  /// Frees the plans and the contexts that no run uses.
  void trim() {
    program_->forget_plans();
    const std::lock_guard lock(mutex_);
    if (const std::unique_ptr<RunContext> spare{spare_.exchange(nullptr, std::memory_order_acquire)}) --contexts_;
    contexts_ -= idle_.size();
    idle_.clear();
  }

 private:
  // The context of the last run waits in `spare_`, where one thread finds it without a lock; those of concurrent runs wait in `idle_`.
  [[nodiscard]] std::unique_ptr<RunContext> take() {
    if (RunContext* spare = spare_.exchange(nullptr, std::memory_order_acquire)) return std::unique_ptr<RunContext>(spare);
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      std::unique_ptr<RunContext> context = std::move(idle_.back());
      idle_.pop_back();
      return context;
    }
    idle_.reserve(contexts_ + 1);  // giving back must not fail
    auto context = std::make_unique<RunContext>(*program_, environment_);
    ++contexts_;
    return context;
  }
  void give_back(std::unique_ptr<RunContext> context) noexcept {
    RunContext* none = nullptr;
    if (spare_.compare_exchange_strong(none, context.get(), std::memory_order_release, std::memory_order_relaxed)) {
      (void)context.release();
      return;
    }
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(context));
  }

  std::shared_ptr<const Program> program_;
  const Environment& environment_;
  std::atomic<RunContext*> spare_{nullptr};
  std::mutex mutex_;
  std::size_t contexts_ = 0;
  std::vector<std::unique_ptr<RunContext>> idle_;
};

}  // namespace hone::inline HONE_ABI::detail
