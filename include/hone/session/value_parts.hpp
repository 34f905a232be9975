#pragma once

#include <cstddef>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/buffer.hpp>
#include <hone/graph/graph.hpp>
#include <hone/session/plan.hpp>

namespace hone::inline HONE_ABI::detail {

/// A value in the memory of another one.
struct Part {
  ValueId whole;
  std::size_t offset = 0;  ///< bytes
};

/// Which values of a plan may stand in each other, so that Concat and Split have nothing to copy.
class ValueParts {
 public:
  /// `plan`: its steps, in their order, and the shapes and places of its values are known. `last_use`: when each value is last read.
  ValueParts(const Graph& graph, const Plan& plan, const std::vector<std::size_t>& last_use)
      : plan_(plan), wholes_(plan.values.size(), Part{no_value}) {
    std::vector<std::size_t> made_by(plan.values.size(), 0);
    for (std::size_t s = 0; s < plan.steps.size(); ++s) {
      const Node& node = graph.nodes[plan.steps[s].node];
      const auto may_move = [&](ValueId id) {
        const std::size_t maker = made_by[index(id)];
        // The memory of the whole is taken as long as that of a part: neither long before it is made, nor after it is needed.
        return in_arena(id) && last_use[index(id)] <= last_use[index(node.outputs[0])] && wholes_[index(id)].whole == no_value &&
               maker + most_steps >= s && !graph.nodes[plan.steps[maker].node].op->traits().alias;
      };
      if (node.op->traits().joins && in_arena(node.outputs[0])) join(node, may_move);
      for (const ValueId id : node.outputs)
        if (id != no_value) made_by[index(id)] = s;
    }
  }

  /// Where a value is made in the result of a Concat, that in the result of another one, and so on; in itself where it is no part.
  [[nodiscard]] Part outermost(ValueId id) const {
    Part result{id};
    while (wholes_[index(result.whole)].whole != no_value) {
      const Part& next = wholes_[index(result.whole)];
      result = {next.whole, result.offset + next.offset};
    }
    return result;
  }

  /// Where output `k` of a Split stands in its input; no_value where it does not.
  [[nodiscard]] Part in_input(const Node& node, std::size_t k) const {
    if (!node.op->traits().splits || !in_arena(node.inputs[0])) return {no_value};
    std::size_t offset = 0;
    for (std::size_t i = 0; i < k; ++i) {
      if (node.outputs[i] == no_value) return {no_value};
      offset += ref(node.outputs[i]).bytes();
    }
    return offset % buffer_alignment == 0 && is_stretch(node.outputs[k], node.inputs[0]) ? Part{node.inputs[0], offset} : Part{no_value};
  }

 private:
  /// Steps from what makes a part to what makes the whole.
  static constexpr std::size_t most_steps = 16;

  [[nodiscard]] const TensorRef& ref(ValueId id) const { return plan_.values[index(id)].ref; }
  [[nodiscard]] bool in_arena(ValueId id) const { return plan_.values[index(id)].place == PlannedValue::Place::arena; }

  /// Whether a part along some dimension is one stretch of the memory of the whole: the dimensions before that one are 1.
  [[nodiscard]] bool is_stretch(ValueId part, ValueId whole) const {
    const Shape& dims = ref(whole).shape;
    for (std::size_t d = 0; d < dims.rank(); ++d) {
      if (ref(part).shape[d] != dims[d]) return true;
      if (dims[d] != 1) return false;
    }
    return false;
  }

  template <class MayMove>
  void join(const Node& node, const MayMove& may_move) {
    std::size_t offset = 0;
    for (const ValueId id : node.inputs) {
      if (!is_stretch(id, node.outputs[0])) return;
      if (offset % buffer_alignment == 0 && may_move(id)) wholes_[index(id)] = {node.outputs[0], offset};
      offset += ref(id).bytes();
    }
  }

  const Plan& plan_;
  std::vector<Part> wholes_;  // by ValueId
};

}  // namespace hone::inline HONE_ABI::detail
