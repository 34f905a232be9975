#pragma once

#include <algorithm>
#include <cstring>
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
    to.object = from.object.clone();
    to.tensor = {};
    return;
  }
  to.allocate(from.tensor.dtype, from.tensor.shape);
  copy_elements(from.tensor, to.tensor);
}

}  // namespace detail

HONE_INLINE void Frame::prepare(std::span<const TensorRef> inputs, const std::vector<bool>& wanted) {
  const auto found = std::find_if(bound_.begin(), bound_.end(), [&](const auto& bound) { return bound->plan->is_for(inputs, wanted); });
  if (found == bound_.begin() && !bound_.empty()) return;
  if (found == bound_.end()) {
    std::unique_ptr<BoundPlan> bound = bind(program_.plan(inputs, wanted, pool_));
    if (bound_.size() == Program::max_plans) bound_.pop_back();
    bound_.insert(bound_.begin(), std::move(bound));
  } else {
    std::rotate(bound_.begin(), found, found + 1);
  }
  place_slots();
}

HONE_INLINE std::unique_ptr<Frame::BoundPlan> Frame::bind(std::shared_ptr<const Plan> plan) {
  if (slots_.empty()) slots_ = std::vector<Slot>(plan->values.size());
  const auto slot_of = [&](ValueId id) { return id == no_value ? nullptr : &slots_[index(id)]; };
  auto result = std::make_unique<BoundPlan>();
  result->steps.resize(plan->steps.size());
  result->contexts.reserve(plan->steps.size());
  for (std::size_t s = 0; s < plan->steps.size(); ++s) {
    const std::size_t at = plan->steps[s].node;
    BoundStep& step = result->steps[s];
    for (const ValueId id : program_.graph.nodes[at].inputs) step.inputs.push_back(slot_of(id));
    for (const ValueId id : program_.graph.nodes[at].outputs) step.outputs.push_back(slot_of(id));
    for (const auto& subprogram : program_.placed[at].subprograms) step.frames.push_back(std::make_unique<Frame>(*subprogram, pool_));
    result->contexts.emplace_back(step.inputs, step.outputs, pool_).set_runner(this);
  }
  result->plan = std::move(plan);
  return result;
}

HONE_INLINE void Frame::place_slots() {
  const Plan& plan = *current().plan;
  arena_.reserve(plan.arena_bytes);
  auto* arena = static_cast<std::byte*>(arena_.data());
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    slots_[i].tensor = plan.values[i].ref;
    if (plan.values[i].place == PlannedValue::Place::arena) slots_[i].tensor.data = arena + plan.values[i].offset;
  }
  for (std::size_t s = 0; s < plan.steps.size(); ++s) current().contexts[s].set_workspace(arena + plan.steps[s].workspace_offset);
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

HONE_INLINE void Frame::execute() {
  BoundPlan& bound = current();
  for (std::size_t s = 0; s < bound.plan->steps.size(); ++s) {
    const PlannedStep& step = bound.plan->steps[s];
    const AnyKernel& kernel = *program_.placed[step.node].kernel;
    Context& context = bound.contexts[s];
    try {
      if (step.dynamic) {
        if (!program_.graph.nodes[step.node].op->traits().data_dependent) infer_shapes(s);
        dynamic_workspace_.reserve(kernel.workspace(context));
        context.set_workspace(static_cast<std::byte*>(dynamic_workspace_.data()));
      }
      kernel.run(context);
      if (context.failed()) fail(ErrorCode::runtime_exception, context.take_failure());
    } catch (const Error& error) {
      if (!error.node().empty()) throw;
      const Node& node = program_.graph.nodes[step.node];
      throw Error(error.code(), error.what(), node.name, node.qualified_op(), node.opset);
    }
  }
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
    if (refs[i].dtype == DType::undefined) slot.object = source(i).object.clone();
  }
  for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
    if (frame.output_place(i) == PlannedValue::Place::output)
      frame.output(i).allocate(frame.output(i).tensor.dtype, frame.output(i).tensor.shape);
  }
  frame.execute();
  for (std::size_t i = 0; i < outputs.size() && i < graph.outputs.size(); ++i) {
    if (outputs[i] != nullptr) detail::copy_to(frame.output(i), *outputs[i]);
  }
  return !context.failed();
}

}  // namespace hone::inline HONE_ABI
