#pragma once

#include <cstddef>
#include <exception>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/thread_pool.hpp>
#include <hone/session/plan.hpp>
#include <hone/session/profiler.hpp>
#include <hone/session/run_options.hpp>

namespace hone::inline HONE_ABI {

/// What one run is asked for, besides its inputs and outputs.
struct RunControl {
  const RunOptions& options;
  /// Null: the run is not profiled.
  Profiler* profiler = nullptr;
};

/// Everything one run of a program changes: the arena, a slot per value, and the frames of its subgraphs. A frame serves one run at a time
/// and keeps its memory for the next.
class Frame final : private SubgraphRunner {
 public:
  /// `outer`: the frame of the graph around that of the program, null for the outermost. Precondition: all outlive the frame.
  Frame(const Program& program, const Environment& environment, Frame* outer = nullptr)
      : program_(program),
        environment_(environment),
        outer_(outer),
        input_ids_(program.run_inputs()),
        all_outputs_(program.graph.outputs.size(), true),
        arenas_(1 + program.devices.size()),
        dynamic_workspaces_(1 + program.devices.size()) {}
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;

  /// Makes the frame ready for inputs of these shapes (inputs, defaults, captures) and these outputs. Errors: see make_plan.
  void prepare(std::span<const TensorRef> inputs, const std::vector<bool>& wanted);

  /// Slot of an input, default or capture, in the order of Program::run_inputs(): the caller sets its tensor or object before execute().
  [[nodiscard]] Slot& input(std::size_t i) { return slots_[index(input_ids_[i])]; }
  [[nodiscard]] const std::vector<ValueId>& input_ids() const noexcept { return input_ids_; }
  /// Slot of graph output `i`, and whether the caller must give it memory before execute(): for Place::output its dtype and shape are set.
  [[nodiscard]] Slot& output(std::size_t i) { return slots_[index(program_.graph.outputs[i])]; }
  [[nodiscard]] PlannedValue::Place output_place(std::size_t i) const {
    return current().plan->values[index(program_.graph.outputs[i])].place;
  }

  /// Runs the steps of the plan.
  /// Errors: runtime_exception that names the node; cancelled, with the node that did not start; resource_exhausted.
  void execute(const RunControl& control);

  /// Bytes of the arena and of results of unplanned size, subgraphs included. Not while the frame runs.
  [[nodiscard]] std::size_t bytes() const noexcept;

 private:
  /// The inputs and outputs of one step, as its Context sees them.
  struct BoundStep {
    std::vector<Slot*> inputs;
    std::vector<Slot*> outputs;
    /// One per subgraph.
    std::vector<std::unique_ptr<Frame>> frames;
    std::unique_ptr<KernelMemory> kept;
  };

  /// A plan, tied to the slots of this frame.
  struct BoundPlan {
    std::shared_ptr<const Plan> plan;
    std::vector<BoundStep> steps;
    std::vector<Context> contexts;  // one per step
  };

  [[nodiscard]] const BoundPlan& current() const { return *bound_.front(); }
  [[nodiscard]] BoundPlan& current() { return *bound_.front(); }
  /// The queue of the run for this device, which all its frames share.
  [[nodiscard]] DeviceQueue* queue_of(const Device* device);
  [[nodiscard]] std::unique_ptr<BoundPlan> bind(std::shared_ptr<const Plan> plan);
  /// Points the slots to where the current plan has their values.
  void place_slots();
  void infer_shapes(std::size_t step);
  void run_step(std::size_t step);
  void run_kernel(std::size_t step);
  void run_parallel(const Wave& wave);
  void run_in_order();
  void record(std::size_t step, Profiler::Clock::time_point begin) const;
  bool run(Context& context, std::size_t subgraph, std::span<const Slot* const> inputs, std::span<Slot* const> outputs) override;

  const Program& program_;
  const Environment& environment_;
  Frame* const outer_;
  const RunControl* control_ = nullptr;  // while a run is on
  std::vector<ValueId> input_ids_;
  const std::vector<bool> all_outputs_;
  std::vector<TensorRef> run_inputs_;                                           // of a subgraph, kept for its memory
  std::vector<std::unique_ptr<BoundPlan>> bound_;                               // the current one first, then the last ones before it
  bool placed_ = false;                                                         // whether the slots are where the current plan has them
  std::vector<Buffer> arenas_;                                                  // by memory: see Program::memory
  std::vector<Buffer> dynamic_workspaces_;                                      // likewise
  std::vector<std::pair<const Device*, std::unique_ptr<DeviceQueue>>> queues_;  // of the outermost frame
  std::vector<Slot> slots_;
  // Of infer_shapes, kept for their memory.
  std::vector<const TensorRef*> shape_inputs_;
  std::vector<Shape> shapes_;
  // The first failure of a parallel wave, by the order of its steps.
  std::mutex failure_mutex_;
  std::size_t failed_step_ = 0;
  std::exception_ptr failure_;
};

}  // namespace hone::inline HONE_ABI

#if !HONE_COMPILED
#include <hone/session/executor_impl.hpp>
#endif
