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
  const auto same_shape = [](const TensorRef& input, const Shape& shape) { return input.shape == shape; };
  if (plan_ && plan_->wanted == wanted &&
      std::equal(inputs.begin(), inputs.end(), plan_->signature.begin(), plan_->signature.end(), same_shape)) {
    return;
  }
  std::shared_ptr<const Plan> plan = program_.plan(inputs, wanted, pool_);
  if (plan == plan_) return;
  plan_ = std::move(plan);
  bind();
}

HONE_INLINE void Frame::bind() {
  arena_.reserve(plan_->arena_bytes);
  auto* arena = static_cast<std::byte*>(arena_.data());
  if (slots_.empty()) slots_ = std::vector<Slot>(plan_->values.size());
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const PlannedValue& value = plan_->values[i];
    slots_[i].tensor = value.ref;
    if (value.place == PlannedValue::Place::arena) slots_[i].tensor.data = arena + value.offset;
  }
  const auto slot_of = [&](ValueId id) { return id == no_value ? nullptr : &slots_[index(id)]; };
  bound_.clear();
  bound_.resize(plan_->steps.size());
  contexts_.clear();
  contexts_.reserve(plan_->steps.size());
  for (std::size_t s = 0; s < plan_->steps.size(); ++s) {
    const PlannedStep& step = plan_->steps[s];
    const Node& node = program_.graph.nodes[step.node];
    BoundStep& bound = bound_[s];
    for (const ValueId id : node.inputs) bound.inputs.push_back(slot_of(id));
    for (const ValueId id : node.outputs) bound.outputs.push_back(slot_of(id));
    for (const auto& subprogram : program_.placed[step.node].subprograms)
      bound.frames.push_back(std::make_unique<Frame>(*subprogram, pool_));
    Context& context = contexts_.emplace_back(bound.inputs, bound.outputs, pool_);
    context.set_workspace(arena + step.workspace_offset);
    context.set_runner(this);
  }
}

HONE_INLINE void Frame::infer_shapes(std::size_t s) {
  const Node& node = program_.graph.nodes[plan_->steps[s].node];
  BoundStep& bound = bound_[s];
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
  for (std::size_t s = 0; s < plan_->steps.size(); ++s) {
    const PlannedStep& step = plan_->steps[s];
    const AnyKernel& kernel = *program_.placed[step.node].kernel;
    Context& context = contexts_[s];
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
  const std::size_t step = static_cast<std::size_t>(&context - contexts_.data());
  Frame& frame = *bound_[step].frames[subgraph];
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
