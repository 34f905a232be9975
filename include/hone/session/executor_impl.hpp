#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/session/executor.hpp>

namespace hone::inline HONE_ABI {

namespace detail {

/// Precondition: the same type and shape.
inline void copy_elements(const TensorRef& from, const TensorRef& to) {
  if (from.dtype == DType::string) {
    std::copy_n(from.as<const std::string>(), from.elements(), to.as<std::string>());
  } else if (from.bytes() != 0) {
    std::memcpy(to.data, from.data, from.bytes());
  }
}

/// Copies a value into a slot with memory of its own.
inline void copy_to(const Slot& from, Slot& to) {
  if (from.tensor.dtype == DType::undefined) {
    to.object.assign(from.object);
    to.tensor = {};
    return;
  }
  to.allocate(from.tensor.dtype, from.tensor.shape);
  copy_elements(from.tensor, to.tensor);
}

}  // namespace detail

HONE_INLINE void Frame::prepare(std::span<const TensorRef> inputs, const std::vector<bool>& wanted) {
  const auto found = std::find_if(bound_.begin(), bound_.end(), [&](const auto& bound) { return bound->plan->is_for(inputs, wanted); });
  if (placed_ && found == bound_.begin() && !bound_.empty()) return;
  placed_ = false;  // until all is done: memory may run out on the way
  if (found == bound_.end()) {
    std::unique_ptr<BoundPlan> bound = bind(program_.plan(inputs, wanted, environment_));
    if (bound_.size() == Program::max_plans) bound_.pop_back();
    bound_.insert(bound_.begin(), std::move(bound));
  } else {
    std::rotate(bound_.begin(), found, found + 1);
  }
  place_slots();
  placed_ = true;
}

HONE_INLINE std::unique_ptr<Frame::BoundPlan> Frame::bind(std::shared_ptr<const Plan> plan) {
  if (slots_.empty()) {
    slots_ = std::vector<Slot>(plan->values.size());
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      slots_[i].limits = &environment_.limits;
      slots_[i].device = program_.device(program_.memory(ValueId{static_cast<std::uint32_t>(i)}));
    }
  }
  const auto slot_of = [&](ValueId id) { return id == no_value ? nullptr : &slots_[index(id)]; };
  auto result = std::make_unique<BoundPlan>();
  result->steps.resize(plan->steps.size());
  result->contexts.reserve(plan->steps.size());
  for (std::size_t s = 0; s < plan->steps.size(); ++s) {
    const std::size_t at = plan->steps[s].node;
    BoundStep& step = result->steps[s];
    for (const ValueId id : program_.graph.nodes[at].inputs) step.inputs.push_back(slot_of(id));
    for (const ValueId id : program_.graph.nodes[at].outputs) step.outputs.push_back(slot_of(id));
    for (const auto& subprogram : program_.placed[at].subprograms)
      step.frames.push_back(std::make_unique<Frame>(*subprogram, environment_, this));
    Context& context = result->contexts.emplace_back(step.inputs, step.outputs, environment_.pool);
    context.set_runner(this);
    context.set_queue(queue_of(program_.device(program_.placed[at].memory)));
    context.set_kept(&step.kept);
  }
  result->plan = std::move(plan);
  return result;
}

HONE_INLINE DeviceQueue* Frame::queue_of(const Device* device) {
  if (device == nullptr) return nullptr;
  if (outer_ != nullptr) return outer_->queue_of(device);
  for (const auto& [of, queue] : queues_)
    if (of == device) return queue.get();
  return queues_.emplace_back(device, device->make_queue()).second.get();
}

HONE_INLINE void Frame::place_slots() {
  const Plan& plan = *current().plan;
  for (std::size_t m = 0; m < arenas_.size(); ++m) arenas_[m].reserve(plan.arenas[m], program_.device(static_cast<std::uint8_t>(m)));
  const auto at = [&](std::uint8_t memory, std::size_t offset) { return static_cast<std::byte*>(arenas_[memory].data()) + offset; };
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    slots_[i].tensor = plan.values[i].ref;
    if (plan.values[i].place != PlannedValue::Place::arena) continue;
    slots_[i].tensor.data = at(program_.memory(ValueId{static_cast<std::uint32_t>(i)}), plan.values[i].offset);
  }
  for (std::size_t s = 0; s < plan.steps.size(); ++s)
    current().contexts[s].set_workspace(at(program_.placed[plan.steps[s].node].memory, plan.steps[s].workspace_offset));
}

HONE_INLINE void Frame::infer_shapes(std::size_t s) {
  const Node& node = program_.graph.nodes[current().plan->steps[s].node];
  const BoundStep& bound = current().steps[s];
  shape_inputs_.clear();
  for (const Slot* input : bound.inputs) shape_inputs_.push_back(input == nullptr ? nullptr : &input->tensor);
  shapes_.assign(bound.outputs.size(), Shape());
  node.op->shapes(ShapeContext(shape_inputs_, shapes_));
  for (std::size_t k = 0; k < bound.outputs.size(); ++k) {
    Slot* output = bound.outputs[k];
    if (output == nullptr) continue;
    const Type& type = program_.graph[node.outputs[k]].type;
    if (type.is_tensor()) output->allocate(type.dtype, shapes_[k]);
  }
}

HONE_INLINE void Frame::execute(const RunControl& control) {
  control_ = &control;
  const Plan& plan = *current().plan;
  if (plan.waves.empty()) return run_in_order();
  for (const Wave& wave : plan.waves) {
    run_parallel(wave);
    for (std::size_t s = wave.parallel_end; s < wave.end; ++s) run_step(s);
  }
}

HONE_INLINE void Frame::run_in_order() {
  // Whatever happens, no device may still read or write the memory of the caller when the run is over.
  try {
    for (std::size_t s = 0; s < current().plan->steps.size(); ++s) run_step(s);
  } catch (...) {
    for (const auto& [device, queue] : queues_) {
      try {
        queue->wait();
      } catch (...) {  // the first error is the one to report
      }
    }
    throw;
  }
  for (const auto& [device, queue] : queues_) queue->wait();
}

HONE_INLINE void Frame::run_parallel(const Wave& wave) {
  failure_ = nullptr;
  const auto body = [&](std::int64_t begin, std::int64_t end) {
    for (auto s = wave.first + static_cast<std::size_t>(begin); s < wave.first + static_cast<std::size_t>(end); ++s) {
      try {
        run_step(s);
      } catch (...) {
        const std::lock_guard lock(failure_mutex_);
        if (failure_ != nullptr && failed_step_ < s) continue;
        failure_ = std::current_exception();
        failed_step_ = s;
      }
    }
  };
  environment_.inter_op_pool->parallel_for(static_cast<std::int64_t>(wave.parallel_end - wave.first), 1, body);
  if (failure_ != nullptr) std::rethrow_exception(std::exchange(failure_, nullptr));
}

HONE_INLINE void Frame::run_step(std::size_t s) {
  try {
    if (control_->options.cancelled()) fail(ErrorCode::cancelled, "the run was cancelled before this node");
    if (control_->profiler == nullptr) return run_kernel(s);
    const auto begin = Profiler::Clock::now();
    run_kernel(s);
    if (DeviceQueue* queue = current().contexts[s].queue()) queue->wait();
    record(s, begin);
  } catch (const Error& error) {
    if (!error.node().empty()) throw;
    const Node& node = program_.graph.nodes[current().plan->steps[s].node];
    throw Error(error.code(), error.what(), node.name, node.qualified_op(), node.opset);
  }
}

HONE_INLINE void Frame::run_kernel(std::size_t s) {
  const PlannedStep& step = current().plan->steps[s];
  Context& context = current().contexts[s];
  if (step.dynamic) {
    if (!program_.graph.nodes[step.node].op->traits().data_dependent) infer_shapes(s);
    const std::size_t workspace = step.kernel->workspace(context);
    detail::check_arena(workspace, environment_.limits);
    const std::uint8_t memory = program_.placed[step.node].memory;
    dynamic_workspaces_[memory].reserve(workspace, program_.device(memory));
    context.set_workspace(static_cast<std::byte*>(dynamic_workspaces_[memory].data()));
  }
  step.kernel->run(context);
  if (context.failed()) fail(ErrorCode::runtime_exception, context.take_failure());
}

HONE_INLINE void Frame::record(std::size_t s, Profiler::Clock::time_point begin) const {
  const auto end = Profiler::Clock::now();
  const std::size_t at = current().plan->steps[s].node;
  const Node& node = program_.graph.nodes[at];
  const auto shapes = [](const std::vector<Slot*>& slots) {
    std::string result;
    for (const Slot* slot : slots) {
      if (slot == nullptr || slot->tensor.dtype == DType::undefined) continue;
      result += text(result.empty() ? "" : ",", "{\"", name(slot->tensor.dtype), "\":[", join(slot->tensor.shape, ","), "]}");
    }
    return "[" + result + "]";
  };
  const BoundStep& bound = current().steps[s];
  std::string arguments =
      text("\"op_name\":", json_string(node.qualified_op()), ",\"provider\":", json_string(program_.placed[at].provider),
           ",\"input_type_shape\":", shapes(bound.inputs), ",\"output_type_shape\":", shapes(bound.outputs));
  if (!control_->options.tag.empty()) arguments += text(",\"run_tag\":", json_string(control_->options.tag));
  control_->profiler->add("Node", node.name, begin, end, arguments);
}

HONE_INLINE std::size_t Frame::bytes() const noexcept {
  std::size_t total = arenas_[Program::host_memory].bytes() + dynamic_workspaces_[Program::host_memory].bytes();
  for (const Slot& slot : slots_)
    if (slot.device == nullptr) total += slot.storage.bytes();
  for (const auto& bound : bound_)
    for (const BoundStep& step : bound->steps) {
      for (const auto& frame : step.frames) total += frame->bytes();
      if (step.kept != nullptr) total += step.kept->bytes();
    }
  return total;
}

HONE_INLINE bool Frame::run(Context& context, std::size_t subgraph, std::span<const Slot* const> inputs, std::span<Slot* const> outputs) {
  const auto step = static_cast<std::size_t>(&context - current().contexts.data());
  Frame& frame = *current().steps[step].frames[subgraph];
  const Graph& graph = frame.program_.graph;

  std::vector<TensorRef>& refs = frame.run_inputs_;
  refs.clear();
  const auto source = [&](std::size_t i) -> const Slot& {
    const std::size_t first_capture = graph.inputs.size() + graph.defaults.size();
    return i < graph.inputs.size() ? *inputs[i] : slots_[index(graph.captures[i - first_capture].outer)];
  };
  for (std::size_t i = 0; i < frame.input_ids_.size(); ++i) {
    const bool is_default = i >= graph.inputs.size() && i < graph.inputs.size() + graph.defaults.size();
    refs.push_back(is_default ? graph.defaults[i - graph.inputs.size()].second.tensor : source(i).tensor);
  }
  frame.prepare(refs, frame.all_outputs_);
  for (std::size_t i = 0; i < refs.size(); ++i) {
    Slot& slot = frame.input(i);
    slot.tensor = refs[i];
    if (refs[i].dtype == DType::undefined) slot.object.assign(source(i).object);
  }
  for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
    if (frame.output_place(i) == PlannedValue::Place::output)
      frame.output(i).allocate(frame.output(i).tensor.dtype, frame.output(i).tensor.shape);
  }
  // A body without nodes would never notice.
  if (control_->options.cancelled()) fail(ErrorCode::cancelled, "the run was cancelled in this node");
  frame.execute(*control_);
  for (std::size_t i = 0; i < outputs.size() && i < graph.outputs.size(); ++i) {
    if (outputs[i] != nullptr) detail::copy_to(frame.output(i), *outputs[i]);
  }
  return !context.failed();
}

}  // namespace hone::inline HONE_ABI
