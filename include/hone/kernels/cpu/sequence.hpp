#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/kernels/cpu/strided_copy.hpp>
#include <hone/ops/dimensions.hpp>
#include <hone/ops/sequence.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

namespace cpu {

/// The type of what a slot holds.
inline Type type_of(const Slot& slot) { return slot.tensor.dtype != DType::undefined ? Type(slot.tensor.dtype) : slot.object.type(); }

/// Makes `to` a copy of what a slot holds, in memory that it has from earlier runs.
inline void assign(Value& to, const Slot& from) {
  if (from.tensor.dtype != DType::undefined) {
    to.assign(from.tensor);
  } else {
    to.assign(from.object);
  }
}

/// Output `i`, which is no tensor, as an earlier run left it: its memory is there to be used again.
inline Value& object_of(Context& c, std::size_t i) {
  c.output_slot(i).tensor = {};
  return c.output_slot(i).object;
}

/// Makes `value` output 0. `tensor`: the graph says that the output is a tensor.
inline void give(Context& c, const Value& value, bool tensor) {
  if (tensor) return copy_tensor(c, value.ref(), c.allocate(0, value.dtype(), value.shape()));
  object_of(c, 0).assign(value);
}

/// The elements of input 0, a sequence.
inline const std::vector<Value>& elements_of(const Context& c) { return c.input_slot(0).object.elements(); }

/// The position that input `i` holds, counted from the front; false after a failure when it is not in [0, size].
inline bool read_position(Context& c, std::size_t i, std::size_t size, std::size_t& position) {
  const std::int64_t given = ops::only_integer(c.input(i), "the position");
  const auto signed_size = static_cast<std::int64_t>(size);
  if (given < -signed_size || given > signed_size) {
    c.fail("position ", given, " is out of range for a sequence of ", size, " elements");
    return false;
  }
  position = static_cast<std::size_t>(given < 0 ? given + signed_size : given);
  return true;
}

/// Kernels of sequences need nothing of the node but, sometimes, the members of its operator.
template <class Op>
struct SequenceKernel {
  SequenceKernel(const NodeView& node, const CpuDevice&) : op(node.op<Op>()), gives_tensor(node.output_type(0).is_tensor()) {}
  Op op;
  bool gives_tensor;
};

}  // namespace cpu

template <>
class Kernel<ops::SequenceEmpty, Cpu> : public cpu::SequenceKernel<ops::SequenceEmpty> {
 public:
  using SequenceKernel::SequenceKernel;
  void run(Context& c) const { cpu::object_of(c, 0).reset_sequence(op.dtype, 0); }
};

template <>
class Kernel<ops::SequenceConstruct, Cpu> : public cpu::SequenceKernel<ops::SequenceConstruct> {
 public:
  using SequenceKernel::SequenceKernel;
  void run(Context& c) const {
    auto& values = cpu::object_of(c, 0).reset_sequence(cpu::type_of(c.input_slot(0)), c.input_count());
    for (std::size_t i = 0; i < values.size(); ++i) cpu::assign(values[i], c.input_slot(i));
  }
};

template <>
class Kernel<ops::SequenceAt, Cpu> : public cpu::SequenceKernel<ops::SequenceAt> {
 public:
  using SequenceKernel::SequenceKernel;
  void run(Context& c) const {
    const auto& elements = cpu::elements_of(c);
    std::size_t position = 0;
    if (!cpu::read_position(c, 1, elements.size(), position)) return;
    if (position == elements.size())
      return c.fail("position ", position, " is out of range for a sequence of ", elements.size(), " elements");
    cpu::give(c, elements[position], gives_tensor);
  }
};

template <>
class Kernel<ops::SequenceInsert, Cpu> : public cpu::SequenceKernel<ops::SequenceInsert> {
 public:
  using SequenceKernel::SequenceKernel;
  void run(Context& c) const {
    const auto& elements = cpu::elements_of(c);
    std::size_t position = elements.size();
    if (c.has_input(2) && !cpu::read_position(c, 2, position, position)) return;
    auto& values = cpu::object_of(c, 0).reset_sequence(c.input_slot(0).object.element_type(), elements.size() + 1);
    for (std::size_t i = 0; i < position; ++i) values[i].assign(elements[i]);
    cpu::assign(values[position], c.input_slot(1));
    for (std::size_t i = position; i < elements.size(); ++i) values[i + 1].assign(elements[i]);
  }
};

template <>
class Kernel<ops::SequenceErase, Cpu> : public cpu::SequenceKernel<ops::SequenceErase> {
 public:
  using SequenceKernel::SequenceKernel;
  void run(Context& c) const {
    const auto& elements = cpu::elements_of(c);
    const std::size_t size = elements.size();
    std::size_t position = size - 1;
    if (c.has_input(1) && !cpu::read_position(c, 1, size, position)) return;
    if (position >= size) return c.fail("there is nothing to erase at the end of a sequence of ", size, " elements");
    auto& values = cpu::object_of(c, 0).reset_sequence(c.input_slot(0).object.element_type(), size - 1);
    for (std::size_t i = 0; i < values.size(); ++i) values[i].assign(elements[i < position ? i : i + 1]);
  }
};

template <>
class Kernel<ops::SequenceLength, Cpu> : public cpu::SequenceKernel<ops::SequenceLength> {
 public:
  using SequenceKernel::SequenceKernel;
  void run(Context& c) const {
    *c.allocate(0, DType::int64, {}).as<std::int64_t>() = static_cast<std::int64_t>(cpu::elements_of(c).size());
  }
};

template <>
class Kernel<ops::ConcatFromSequence, Cpu> : public cpu::SequenceKernel<ops::ConcatFromSequence> {
 public:
  using SequenceKernel::SequenceKernel;
  void run(Context& c) const {
    const auto& elements = cpu::elements_of(c);
    if (elements.empty()) return c.fail("an empty sequence cannot be concatenated");
    const DType dtype = elements[0].dtype();
    Shape shape = elements[0].shape();
    const std::size_t along = normalized_axis(op.axis, shape.rank() + (op.new_axis ? 1 : 0));
    if (op.new_axis) shape.insert(along, 1);
    const auto shape_of = [&](const Value& element) {
      Shape own = element.shape();
      if (op.new_axis) own.insert(along, 1);
      return own;
    };
    shape[along] = 0;
    for (const Value& element : elements) {
      Shape own = shape_of(element);
      const std::int64_t rows = own.rank() == shape.rank() ? own[along] : -1;
      if (rows >= 0) own[along] = shape[along];
      if (!(own == shape) || element.dtype() != dtype)
        return c.fail("elements of shape ", element.shape(), " and ", elements[0].shape(), " do not fit together");
      shape[along] += rows;
    }
    const TensorRef& y = c.allocate(0, dtype, shape);
    const ElementMover mover(dtype);
    const std::int64_t inner = shape.stride(along);
    std::int64_t row = 0;
    for (const Value& element : elements) {
      const std::int64_t rows = shape_of(element)[along];
      for (std::int64_t o = 0; o < shape.elements(0, along); ++o) {
        mover.copy(mover.at(element.ref().data, o * rows * inner), rows * inner, mover.at(y.data, (o * shape[along] + row) * inner));
      }
      row += rows;
    }
  }
};

template <>
class Kernel<ops::SplitToSequence, Cpu> : public cpu::SequenceKernel<ops::SplitToSequence> {
 public:
  using SequenceKernel::SequenceKernel;
  static Support supports(const NodeView& node) { return ElementMover::support(node.input_dtype(0)); }
  void run(Context& c) const {
    const TensorRef& x = c.input(0);
    const std::size_t along = normalized_axis(op.axis, x.shape.rank());
    const std::int64_t size = x.shape[along];
    const bool listed = c.has_input(1) && c.input(1).shape.rank() != 0;
    const std::int64_t step = c.has_input(1) && !listed ? ops::only_integer(c.input(1), "the size of a piece") : 1;
    if (step < 1) return c.fail("pieces of ", step, " rows cannot be cut");
    const std::int64_t pieces = listed ? c.input(1).elements() : size / step + (size % step != 0 ? 1 : 0);
    const ElementMover mover(x.dtype);
    const std::int64_t inner = x.shape.stride(along);
    auto& values = cpu::object_of(c, 0).reset_sequence(x.dtype, static_cast<std::size_t>(pieces));
    std::int64_t row = 0;
    for (std::int64_t i = 0; i < pieces; ++i) {
      Shape shape = x.shape;
      shape[along] = listed ? ops::integer_at(c.input(1), i) : std::min(step, size - row);
      const std::int64_t rows = shape[along];
      if (rows < 0 || rows > size - row)
        return c.fail("piece ", i, " of ", rows, " rows does not fit into the ", size - row, " that are left");
      Value& piece = values[static_cast<std::size_t>(i)];
      piece.reset(x.dtype, !c.has_input(1) && !op.keepdims ? without(shape, along) : shape);
      for (std::int64_t o = 0; o < shape.elements(0, along); ++o) {
        mover.copy(mover.at(x.data, (o * size + row) * inner), rows * inner, mover.at(piece.ref().data, o * rows * inner));
      }
      row += rows;
    }
    if (row != size) return c.fail("the pieces have ", row, " rows together, but there are ", size);
  }

 private:
  static Shape without(const Shape& shape, std::size_t axis) {
    Shape result;
    for (std::size_t i = 0; i < shape.rank(); ++i)
      if (i != axis) result.push_back(shape[i]);
    return result;
  }
};

template <>
class Kernel<ops::Optional, Cpu> : public cpu::SequenceKernel<ops::Optional> {
 public:
  using SequenceKernel::SequenceKernel;
  void run(Context& c) const {
    Value& result = cpu::object_of(c, 0);
    if (c.has_input(0)) {
      cpu::assign(result, c.input_slot(0));
    } else {
      result = {};
    }
  }
};

template <>
class Kernel<ops::OptionalHasElement, Cpu> : public cpu::SequenceKernel<ops::OptionalHasElement> {
 public:
  using SequenceKernel::SequenceKernel;
  void run(Context& c) const {
    const bool has = c.has_input(0) && (c.input(0).dtype != DType::undefined || c.input_slot(0).object.has_value());
    *c.allocate(0, DType::boolean, {}).as<bool>() = has;
  }
};

template <>
class Kernel<ops::OptionalGetElement, Cpu> : public cpu::SequenceKernel<ops::OptionalGetElement> {
 public:
  using SequenceKernel::SequenceKernel;
  void run(Context& c) const {
    const Slot& slot = c.input_slot(0);
    if (slot.tensor.dtype != DType::undefined) return cpu::give(c, Value::over(slot.tensor), gives_tensor);
    if (!slot.object.has_value()) return c.fail("the optional is empty");
    cpu::give(c, slot.object, gives_tensor);
  }
};

template <>
class Kernel<ops::SequenceMap, Cpu> : public cpu::SequenceKernel<ops::SequenceMap> {
 public:
  Kernel(const NodeView& node, const CpuDevice& device) : SequenceKernel(node, device) {
    for (std::size_t i = 0; i < node.output_count(); ++i) elements_.push_back(node.has_output(i) ? *node.output_type(i).element : Type());
  }
  void run(Context& c) const {
    const std::size_t size = cpu::elements_of(c).size();
    std::vector<Slot> slots(c.input_count());
    std::vector<Slot> results(c.output_count());
    std::vector<const Slot*> inputs(c.input_count());
    std::vector<Slot*> outputs;
    for (Slot& result : results) outputs.push_back(&result);
    for (std::size_t i = 0; i < results.size(); ++i)
      if (c.has_output(i)) cpu::object_of(c, i).reset_sequence(elements_[i], size);
    for (std::size_t at = 0; at < size; ++at) {
      for (std::size_t i = 0; i < c.input_count(); ++i) {
        inputs[i] = &c.input_slot(i);
        if (!inputs[i]->object.is_sequence() || inputs[i]->tensor.dtype != DType::undefined) continue;
        const auto& elements = inputs[i]->object.elements();
        if (elements.size() != size) return c.fail("its sequences have ", size, " and ", elements.size(), " elements");
        slots[i].tensor = elements[at].ref();
        inputs[i] = &slots[i];
      }
      if (!c.run_subgraph(0, inputs, outputs)) return;
      for (std::size_t i = 0; i < results.size(); ++i)
        if (c.has_output(i)) cpu::assign(c.output_slot(i).object.elements()[at], results[i]);
    }
  }

 private:
  std::vector<Type> elements_;
};

}  // namespace hone::inline HONE_ABI
