#pragma once

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/ops/copy.hpp>
#include <hone/session/device_copies.hpp>
#include <hone/session/evaluate.hpp>
#include <hone/session/memory_plan.hpp>
#include <hone/session/plan.hpp>
#include <hone/session/value_parts.hpp>

namespace hone::inline HONE_ABI {

namespace detail {

class Planner {
 public:
  Planner(const Program& program, std::span<const TensorRef> inputs, const std::vector<bool>& wanted, const Environment& environment)
      : program_(program), graph_(program.graph), environment_(environment), plan_(std::make_shared<Plan>()) {
    plan_->wanted = wanted;
    plan_->threads = environment.pool.size();
    plan_->parallel = environment.inter_op_pool != nullptr;
    plan_->values.resize(graph_.values.size());
    for (std::size_t i = 0; i < graph_.values.size(); ++i) {
      PlannedValue& value = plan_->values[i];
      value.ref.dtype = graph_.values[i].type.is_tensor() ? graph_.values[i].type.dtype : DType::undefined;
      if (graph_.values[i].constant) value = {PlannedValue::Place::constant, graph_.values[i].constant->tensor, 0};
    }
    const std::vector<ValueId> ids = program.run_inputs();
    for (std::size_t i = 0; i < ids.size(); ++i) {
      plan_->signature.push_back(inputs[i].shape);
      PlannedValue& value = plan_->values[index(ids[i])];
      value.place = PlannedValue::Place::input;
      value.ref.shape = inputs[i].shape;
      if (value.ref.dtype == DType::undefined) value.ref.dtype = inputs[i].dtype;
    }
  }

  std::shared_ptr<const Plan> run() {
    find_needed();
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      if (!needed_[i]) continue;
      try {
        plan_node(i);
      } catch (const Error& error) {
        if (!error.node().empty()) throw;
        const Node& node = graph_.nodes[i];
        throw Error(error.code(), error.what(), node.name, node.qualified_op(), node.opset);
      }
    }
    if (plan_->parallel && program_.devices.empty()) make_waves();  // a queue serves one thread
    place_values();
    for (const std::size_t bytes : plan_->arenas) check_arena(bytes, environment_.limits);
    return plan_;
  }

 private:
  using Place = PlannedValue::Place;

  /// Results larger than this are computed while running even when they could be evaluated while planning: a plan stays small.
  static constexpr std::size_t max_evaluated_bytes = std::size_t{1} << 16;

  void find_needed() {
    std::vector<bool> value_needed(graph_.values.size(), false);
    for (std::size_t i = 0; i < graph_.outputs.size(); ++i)
      if (plan_->wanted[i]) value_needed[index(graph_.outputs[i])] = true;
    needed_.assign(graph_.nodes.size(), false);
    for (std::size_t i = graph_.nodes.size(); i-- > 0;) {
      const Node& node = graph_.nodes[i];
      for (const ValueId id : node.outputs)
        if (id != no_value && value_needed[index(id)]) needed_[i] = true;
      if (!needed_[i]) continue;
      for (const ValueId id : node.inputs)
        if (id != no_value) value_needed[index(id)] = true;
      for (const auto& subprogram : program_.placed[i].subprograms)
        for (const Capture& capture : subprogram->graph.captures) value_needed[index(capture.outer)] = true;
    }
  }

  [[nodiscard]] const PlannedValue& planned(ValueId id) const { return plan_->values[index(id)]; }
  [[nodiscard]] PlannedValue& planned(ValueId id) { return plan_->values[index(id)]; }
  [[nodiscard]] static bool has_shape(const PlannedValue& value) {
    return value.place != Place::dynamic && value.place != Place::unused && value.ref.dtype != DType::undefined;
  }

  void plan_node(std::size_t i) {
    const Node& node = graph_.nodes[i];
    const OpTraits& traits = node.op->traits();
    bool shapes_known = true;
    const bool evaluated = program_.placed[i].memory == Program::host_memory || node.as<ops::Copy>() != nullptr;
    bool elements_known = evaluated && traits.deterministic && program_.placed[i].subprograms.empty();
    bool shape_inputs_known = true;
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      if (node.inputs[k] == no_value) continue;
      const PlannedValue& input = planned(node.inputs[k]);
      shapes_known = shapes_known && has_shape(input);
      const bool constant = input.place == Place::constant;
      elements_known = elements_known && (constant || contains(traits.unread_inputs, k));
      if (contains(traits.shape_inputs, k)) shape_inputs_known = shape_inputs_known && constant;
    }
    for (const ValueId id : node.outputs)
      if (id != no_value && graph_[id].type.is_known() && !graph_[id].type.is_tensor()) shapes_known = false;

    const bool inferable = shapes_known && shape_inputs_known && !traits.data_dependent;
    std::vector<Shape> shapes(node.outputs.size());
    std::size_t bytes = 0;
    if (inferable) {
      infer_shapes(node, shapes);
      for (std::size_t k = 0; k < shapes.size(); ++k)
        if (node.outputs[k] != no_value) bytes += limited_bytes(planned(node.outputs[k]).ref.dtype, shapes[k], environment_.limits);
    } else if (traits.data_dependent && elements_known) {
      for (const ValueId id : node.inputs)
        if (id != no_value) bytes += planned(id).ref.bytes();
    }
    if (shapes_known && elements_known && (inferable || traits.data_dependent) && bytes <= max_evaluated_bytes) {
      if (program_.placed[i].memory != Program::host_memory) return upload(i);
      evaluate(i, inferable ? std::span<const Shape>(shapes) : std::span<const Shape>());
      return;
    }
    for (std::size_t k = 0; k < node.outputs.size(); ++k) {
      if (node.outputs[k] == no_value) continue;
      PlannedValue& output = planned(node.outputs[k]);
      output.place = inferable && output.ref.dtype != DType::string ? Place::arena : Place::dynamic;
      output.ref.shape = shapes[k];
    }
    plan_->steps.push_back({i, program_.placed[i].kernel.get(), !inferable || has_strings(node), 0});
  }

  [[nodiscard]] bool has_strings(const Node& node) const {
    for (const ValueId id : node.outputs)
      if (id != no_value && planned(id).ref.dtype == DType::string) return true;
    return false;
  }

  void infer_shapes(const Node& node, std::vector<Shape>& shapes) const {
    std::vector<const TensorRef*> refs;
    for (const ValueId id : node.inputs) refs.push_back(id == no_value ? nullptr : &planned(id).ref);
    node.op->shapes(ShapeContext(refs, shapes));
  }

  /// Runs the kernel now; its outputs become constants of the plan.
  void evaluate(std::size_t i, std::span<const Shape> shapes) {
    const Node& node = graph_.nodes[i];
    std::vector<Value> values = slots_of(node).run(*program_.placed[i].kernel, shapes, environment_.pool, &environment_.limits);
    for (std::size_t k = 0; k < node.outputs.size(); ++k) {
      if (node.outputs[k] == no_value) continue;
      plan_->evaluated.push_back(std::move(values[k]));
      planned(node.outputs[k]) = {Place::constant, plan_->evaluated.back().ref(), 0};
    }
  }

  /// Copies the input, which is a constant of the plan, to the device.
  void upload(std::size_t i) {
    const Node& node = graph_.nodes[i];
    const TensorRef from = planned(node.inputs[0]).ref;
    const Buffer& to = plan_->uploaded.emplace_back(detail::upload(from, *program_.device(program_.placed[i].memory)));
    planned(node.outputs[0]) = {Place::constant, {to.data(), from.dtype, from.shape}, 0};
  }

  [[nodiscard]] NodeSlots slots_of(const Node& node) const {
    return NodeSlots(node, [this](ValueId id) { return planned(id).ref; });
  }

  /// Calls visit(id) for each value that a step reads, in subgraphs too.
  template <class Visit>
  void for_each_read(const PlannedStep& step, const Visit& visit) const {
    for (const ValueId id : graph_.nodes[step.node].inputs)
      if (id != no_value) visit(id);
    for (const auto& subprogram : program_.placed[step.node].subprograms)
      for (const Capture& capture : subprogram->graph.captures) visit(capture.outer);
  }

  /// Orders the steps by the longest way from the inputs: those at the same distance do not depend on each other.
  void make_waves() {
    struct Place {
      std::size_t wave;
      bool serial;
      PlannedStep step;
    };
    std::vector<std::size_t> made_in(graph_.values.size(), 0);  // wave after which the value is there
    std::vector<Place> order;
    for (const PlannedStep& step : plan_->steps) {
      std::size_t wave = 0;
      for_each_read(step, [&](ValueId id) { wave = std::max(wave, made_in[index(id)]); });
      for (const ValueId id : graph_.nodes[step.node].outputs)
        if (id != no_value) made_in[index(id)] = wave + 1;
      order.push_back({wave, step.dynamic || !program_.placed[step.node].subprograms.empty(), step});
    }
    std::stable_sort(order.begin(), order.end(),
                     [](const Place& a, const Place& b) { return std::pair(a.wave, a.serial) < std::pair(b.wave, b.serial); });
    for (std::size_t s = 0; s < order.size(); ++s) {
      plan_->steps[s] = order[s].step;
      if (s == 0 || order[s].wave != order[s - 1].wave) plan_->waves.push_back({s, s, s});
      Wave& wave = plan_->waves.back();
      wave.end = s + 1;
      if (!order[s].serial) wave.parallel_end = s + 1;
    }
  }

  /// Gives arena values and workspaces their offsets. Values that share memory (aliases, in-place results) form one block.
  void place_values() {
    constexpr std::size_t none = std::numeric_limits<std::size_t>::max();
    constexpr std::size_t never = std::numeric_limits<std::size_t>::max();
    // Steps of one wave happen at one time: none of them may have memory that another still needs.
    std::vector<std::size_t> time(plan_->steps.size());
    for (std::size_t s = 0; s < time.size(); ++s) time[s] = s;
    for (std::size_t w = 0; w < plan_->waves.size(); ++w)
      for (std::size_t s = plan_->waves[w].first; s < plan_->waves[w].end; ++s) time[s] = w;
    std::vector<std::size_t> last_use(graph_.values.size(), 0);
    last_readers_.assign(graph_.values.size(), 0);
    for (std::size_t s = 0; s < plan_->steps.size(); ++s) {
      std::vector<ValueId> seen;
      for_each_read(plan_->steps[s], [&](ValueId id) {
        if (std::find(seen.begin(), seen.end(), id) != seen.end()) return;
        seen.push_back(id);
        if (last_use[index(id)] != time[s]) last_readers_[index(id)] = 0;
        last_use[index(id)] = time[s];
        ++last_readers_[index(id)];
      });
    }
    for (std::size_t k = 0; k < graph_.outputs.size(); ++k) {
      PlannedValue& value = planned(graph_.outputs[k]);
      if (!plan_->wanted[k]) continue;
      last_use[index(graph_.outputs[k])] = never;
      if (value.place == Place::arena) value.place = Place::output;
    }

    const ValueParts parts(graph_, *plan_, last_use);
    std::vector<Lifetime> blocks;
    std::vector<std::uint8_t> memory_of;  // by block
    std::vector<std::size_t> block_of(graph_.values.size(), none);
    std::vector<std::size_t> offset_in(graph_.values.size(), 0);  // of a value, in its block
    std::vector<std::size_t> workspace_block(plan_->steps.size(), none);
    for (std::size_t s = 0; s < plan_->steps.size(); ++s) {
      const PlannedStep& step = plan_->steps[s];
      const Node& node = graph_.nodes[step.node];
      for (std::size_t k = 0; k < node.outputs.size(); ++k) {
        if (node.outputs[k] == no_value || planned(node.outputs[k]).place != Place::arena) continue;
        const std::size_t value = index(node.outputs[k]);
        const std::size_t last = std::max(last_use[value], time[s]);
        const Part part = parts.outermost(node.outputs[k]);
        std::size_t block = block_of[index(part.whole)];
        if (block == none && part.whole == node.outputs[k]) {
          const Part input = k == 0 ? shared_memory(node, time[s], blocks, block_of) : Part{no_value};
          const Part source = input.whole == no_value ? parts.in_input(node, k) : input;
          if (source.whole != no_value) block = block_of[index(source.whole)];
          if (block != none) offset_in[value] = offset_in[index(source.whole)] + source.offset;
        } else {
          offset_in[value] = part.offset;
        }
        if (block == none) {
          block = blocks.size();
          blocks.push_back({time[s], last, planned(part.whole).ref.bytes(), 0});
          memory_of.push_back(program_.memory(node.outputs[k]));
        }
        blocks[block].last = std::max(blocks[block].last, last);
        block_of[value] = block;
        block_of[index(part.whole)] = block;
      }
      if (step.dynamic) continue;
      if (const std::size_t bytes = slots_of(node).workspace(*step.kernel, environment_.pool); bytes != 0) {
        workspace_block[s] = blocks.size();
        blocks.push_back({time[s], time[s], bytes, 0});
        memory_of.push_back(program_.placed[step.node].memory);
      }
    }
    plan_arenas(blocks, memory_of);
    for (std::size_t i = 0; i < block_of.size(); ++i)
      if (block_of[i] != none) plan_->values[i].offset = blocks[block_of[i]].offset + offset_in[i];
    for (std::size_t s = 0; s < plan_->steps.size(); ++s)
      if (workspace_block[s] != none) plan_->steps[s].workspace_offset = blocks[workspace_block[s]].offset;
  }

  /// Gives the blocks of each memory their offsets in its arena.
  void plan_arenas(std::vector<Lifetime>& blocks, const std::vector<std::uint8_t>& memory_of) const {
    for (std::uint8_t memory = 0; memory <= program_.devices.size(); ++memory) {
      std::vector<Lifetime> own;
      for (std::size_t b = 0; b < blocks.size(); ++b)
        if (memory_of[b] == memory) own.push_back(blocks[b]);
      plan_->arenas.push_back(plan_memory(own));
      auto next = own.begin();
      for (std::size_t b = 0; b < blocks.size(); ++b)
        if (memory_of[b] == memory) blocks[b].offset = (next++)->offset;
    }
  }

  /// The input in whose memory output 0 of the node may stand.
  [[nodiscard]] Part shared_memory(const Node& node, std::size_t now, const std::vector<Lifetime>& blocks,
                                   const std::vector<std::size_t>& block_of) const {
    const OpTraits& traits = node.op->traits();
    const std::size_t bytes = planned(node.outputs[0]).ref.bytes();
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      if (node.inputs[k] == no_value || program_.memory(node.inputs[k]) != program_.memory(node.outputs[0])) continue;
      const std::size_t block = block_of[index(node.inputs[k])];
      if (block == std::numeric_limits<std::size_t>::max()) continue;
      const PlannedValue& input = planned(node.inputs[k]);
      if (traits.alias && k == 0) return {node.inputs[k]};
      if (contains(traits.in_place, k) && blocks[block].last == now && may_overwrite(node.inputs[k], block, block_of) &&
          input.ref.bytes() == bytes && blocks[block].bytes == bytes && input.ref.dtype == planned(node.outputs[0]).ref.dtype &&
          !is_other_input(node, k, block, block_of)) {
        return {node.inputs[k]};
      }
    }
    return Part{no_value};
  }

  /// Whether nobody reads the value at the same time as the step that reads it last: always so when steps run one by one.
  [[nodiscard]] bool may_overwrite(ValueId id, std::size_t block, const std::vector<std::size_t>& block_of) const {
    return plan_->waves.empty() || (last_readers_[index(id)] == 1 && std::count(block_of.begin(), block_of.end(), block) == 1);
  }

  /// Whether another input of the node stands in the same block and is read after elements of it are overwritten.
  [[nodiscard]] bool is_other_input(const Node& node, std::size_t k, std::size_t block, const std::vector<std::size_t>& block_of) const {
    for (std::size_t other = 0; other < node.inputs.size(); ++other) {
      if (other == k || node.inputs[other] == no_value || block_of[index(node.inputs[other])] != block) continue;
      if (node.op->traits().reads_late || !(planned(node.inputs[other]).ref.shape == planned(node.inputs[k]).ref.shape)) return true;
    }
    return false;
  }

  const Program& program_;
  const Graph& graph_;
  const Environment& environment_;
  std::shared_ptr<Plan> plan_;
  std::vector<bool> needed_;
  std::vector<std::size_t> last_readers_;  // by ValueId: steps that read it at the time of its last use
};

}  // namespace detail

HONE_INLINE std::shared_ptr<const Plan> make_plan(const Program& program, std::span<const TensorRef> inputs,
                                                  const std::vector<bool>& wanted, const Environment& environment) {
  return detail::Planner(program, inputs, wanted, environment).run();
}

HONE_INLINE std::shared_ptr<const Plan> Program::plan(std::span<const TensorRef> inputs, const std::vector<bool>& wanted,
                                                      const Environment& environment) const {
  const std::lock_guard lock(mutex_);
  for (auto it = plans_.begin(); it != plans_.end(); ++it) {
    if (!(*it)->is_for(environment) || !(*it)->is_for(inputs, wanted)) continue;
    plans_.splice(plans_.begin(), plans_, it);
    return plans_.front();
  }
  plans_.push_front(make_plan(*this, inputs, wanted, environment));
  if (plans_.size() > max_plans) plans_.pop_back();
  return plans_.front();
}

HONE_INLINE void Program::forget_plans() const {
  {
    const std::lock_guard lock(mutex_);
    plans_.clear();
  }
  for (const PlacedNode& node : placed)
    for (const auto& subprogram : node.subprograms) subprogram->forget_plans();
}

HONE_INLINE void Program::add_memory(MemoryReport& to, std::unordered_set<const void*>& counted) const {
  for (const GraphValue& value : graph.values)
    if (value.constant && value.constant->tensor.data != nullptr && counted.insert(value.constant->tensor.data).second)
      to.weights += value.constant->tensor.bytes();
  for (const auto& [id, constant] : graph.defaults)
    if (counted.insert(constant.tensor.data).second) to.weights += constant.tensor.bytes();
  to.packed += packed_bytes;
  {
    const std::lock_guard lock(mutex_);
    to.plans += plans_.size();
    for (const auto& plan : plans_) to.planned_arena = std::max(to.planned_arena, plan->arenas[Program::host_memory]);
  }
  for (const PlacedNode& node : placed)
    for (const auto& subprogram : node.subprograms) subprogram->add_memory(to, counted);
}

}  // namespace hone::inline HONE_ABI
