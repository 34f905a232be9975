#pragma once

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/limits.hpp>
#include <hone/core/value.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

/// A node alone, with slots of its own: for asking its kernel for its workspace, or running it outside of any session.
class NodeSlots {
 public:
  /// `ref_of(ValueId)` gives dtype, shape and, where known, data of a value.
  template <class RefOf>
  NodeSlots(const Node& node, const RefOf& ref_of) : slots_(node.inputs.size() + node.outputs.size()) {
    std::size_t next = 0;
    const auto add = [&](ValueId id, std::vector<Slot*>& to) {
      Slot& slot = slots_[next++];
      if (id != no_value) slot.tensor = ref_of(id);
      to.push_back(id != no_value ? &slot : nullptr);
    };
    for (const ValueId id : node.inputs) add(id, inputs_);
    for (const ValueId id : node.outputs) add(id, outputs_);
  }

  [[nodiscard]] std::size_t workspace(const AnyKernel& kernel, ThreadPool& pool) const {
    return kernel.workspace(Context(inputs_, outputs_, pool));
  }

  /// Runs the kernel. `shapes` has one shape per output, or is empty when the kernel finds them. Gives one value per output, empty for
  /// omitted ones. Null limits: none. Errors: runtime_exception, resource_exhausted.
  [[nodiscard]] std::vector<Value> run(const AnyKernel& kernel, std::span<const Shape> shapes, ThreadPool& pool,
                                       const Limits* limits = nullptr) const {
    for (Slot* output : outputs_)
      if (output != nullptr) output->limits = limits;
    for (std::size_t k = 0; k < shapes.size(); ++k)
      if (outputs_[k] != nullptr) outputs_[k]->allocate(outputs_[k]->tensor.dtype, shapes[k]);
    Context context(inputs_, outputs_, pool);
    const std::size_t scratch = kernel.workspace(context);
    if (limits != nullptr) detail::check_arena(scratch, *limits);
    const Buffer workspace(scratch);
    context.set_workspace(static_cast<std::byte*>(workspace.data()));
    kernel.run(context);
    if (context.failed()) fail(ErrorCode::runtime_exception, context.take_failure());
    std::vector<Value> values;
    for (const Slot* output : outputs_) values.push_back(output != nullptr ? Value::copy_of(output->tensor) : Value());
    return values;
  }

 private:
  std::vector<Slot> slots_;
  std::vector<Slot*> inputs_;
  std::vector<Slot*> outputs_;
};

}  // namespace hone::inline HONE_ABI
