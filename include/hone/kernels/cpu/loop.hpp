#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/limits.hpp>
#include <hone/kernels/cpu/element_mover.hpp>
#include <hone/kernels/cpu/strided_copy.hpp>
#include <hone/ops/loop.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

namespace cpu {

/// Rows of one shape, gathered one after the other until their number is known.
class Rows {
 public:
  /// What a row is like when there is none.
  Rows(DType dtype, const Shape& shape) : dtype_(dtype), shape_(shape) {}

  /// False after a failure: rows of other shapes do not fit. Errors: resource_exhausted when all of them are more than a tensor may have.
  bool add(Context& c, const TensorRef& row) {
    if (count_ == 0) {
      dtype_ = row.dtype;
      shape_ = row.shape;
    } else if (row.dtype != dtype_ || !(row.shape == shape_)) {
      c.fail("iteration ", count_, " gives ", name(row.dtype), " of shape ", row.shape, ", those before ", name(dtype_), " of shape ",
             shape_);
      return false;
    }
    ++count_;
    if (const Limits* limits = c.limits()) {
      Shape all = shape_;
      all.insert(0, count_);
      (void)limited_bytes(dtype_, all, *limits);
    }
    if (dtype_ == DType::string) {
      strings_.insert(strings_.end(), row.as<const std::string>(), row.as<const std::string>() + row.elements());
    } else {
      bytes_.insert(bytes_.end(), row.as<const std::byte>(), row.as<const std::byte>() + row.bytes());
    }
    return true;
  }

  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_.capacity() + strings_.capacity() * sizeof(std::string); }

  /// Output `i` = the rows, stacked along a new axis; `lead` splits that into (lead, count / lead).
  void stack(Context& c, std::size_t i, std::int64_t axis, bool reverse, std::int64_t lead = 0) const {
    if (!c.has_output(i)) return;
    Shape shape = shape_;
    const std::size_t along = normalized_axis(axis, shape.rank() + 1);
    shape.insert(along, count_);
    if (lead != 0) {
      shape[along] = count_ / lead;
      shape.insert(along, lead);
    }
    const TensorRef& y = c.allocate(i, dtype_, shape);
    // Rows of elements that share bytes begin with a byte each.
    const bool packed = element_size(dtype_) == 0;
    if (packed && y.bytes() != 0) std::memset(y.data, 0, y.bytes());
    const std::size_t row_bytes = packed ? storage_bytes(dtype_, static_cast<std::size_t>(shape_.elements())) : 0;
    const void* all = dtype_ == DType::string ? static_cast<const void*>(strings_.data()) : bytes_.data();
    const std::int64_t outer = shape_.elements(0, along);
    const std::int64_t inner = shape_.elements(along, shape_.rank());
    for (std::int64_t row = 0; row < count_; ++row) {
      const std::int64_t to = reverse ? count_ - 1 - row : row;
      const void* from = packed ? bytes_.data() + static_cast<std::size_t>(row) * row_bytes : all;
      for (std::int64_t o = 0; o < outer; ++o) {
        copy_elements(dtype_, from, ((packed ? 0 : row * outer) + o) * inner, inner, y.data, (o * count_ + to) * inner);
      }
    }
  }

 private:
  DType dtype_;
  Shape shape_;
  std::int64_t count_ = 0;
  std::vector<std::byte> bytes_;
  std::vector<std::string> strings_;
};

/// Gives the slot `from` to output `i`, with its memory.
inline void hand_over(Context& c, std::size_t i, Slot& from) {
  if (!c.has_output(i)) return;
  Slot& to = c.output_slot(i);
  std::swap(to.tensor, from.tensor);
  std::swap(to.storage, from.storage);
  std::swap(to.object, from.object);
}

/// The shape that a graph declares for a value; dimensions it leaves open are 0.
inline Shape declared_shape(const Graph& graph, ValueId id) {
  Shape shape;
  if (graph[id].shape) {
    for (const Dim& dim : *graph[id].shape) shape.push_back(std::max<std::int64_t>(dim.value, 0));
  }
  return shape;
}

/// What a body gives besides variables, as it is when it never ran.
inline std::vector<Rows> rows_of(const Graph& body, std::size_t first) {
  std::vector<Rows> rows;
  for (std::size_t i = first; i < body.outputs.size(); ++i)
    rows.emplace_back(body[body.outputs[i]].type.dtype, declared_shape(body, body.outputs[i]));
  return rows;
}

/// What a node that runs its body again and again passes to it and takes from it.
struct BodyMemory final : KernelMemory {
  std::vector<Slot> before;
  std::vector<Slot> after;
  std::vector<const Slot*> inputs;
  std::vector<Slot*> outputs;  ///< all of `after`
  std::vector<Rows> rows;
  std::vector<Rows> finals;

  void resize(std::size_t before_count, std::size_t after_count, std::size_t input_count) {
    before.resize(before_count);
    after.resize(after_count);
    inputs.resize(input_count);
    outputs.clear();
    for (Slot& slot : after) outputs.push_back(&slot);
  }
  [[nodiscard]] std::size_t bytes() const noexcept override {
    std::size_t total = 0;
    for (const auto* slots : {&before, &after})
      for (const Slot& slot : *slots) total += slot.storage.bytes();
    for (const auto* all : {&rows, &finals})
      for (const Rows& each : *all) total += each.bytes();
    return total;
  }
};

}  // namespace cpu

template <>
class Kernel<ops::Loop, Cpu> {
 public:
  static Support supports(const NodeView& node) {
    if (node.has_input(0) && node.input_dtype(0) != DType::int64) return Support::no("the trip count is ", name(node.input_dtype(0)));
    if (node.has_input(1) && node.input_dtype(1) != DType::boolean) return Support::no("the condition is ", name(node.input_dtype(1)));
    return Support::yes();
  }
  Kernel(const NodeView& node, const CpuDevice&)
      : variables_(node.input_count() < 2 ? 0 : node.input_count() - 2),
        rows_(cpu::rows_of(*node.node().subgraphs[0].graph, variables_ + 1)) {}

  void run(Context& c) const {
    for (std::size_t i = 0; i < 2; ++i)
      if (c.has_input(i) && c.input(i).elements() != 1) return c.fail("its input ", i, " has ", c.input(i).elements(), " elements, not 1");
    const std::int64_t trips = c.has_input(0) ? *c.in<std::int64_t>(0) : std::numeric_limits<std::int64_t>::max();
    // What the body reads and what it makes change places after each iteration.
    auto& memory = c.kept<cpu::BodyMemory>();
    memory.resize(variables_, variables_ + 1 + rows_.size(), variables_ + 2);
    memory.rows = rows_;
    auto& [before, after, inputs, outputs, rows, finals] = memory;
    std::int64_t iteration = 0;
    bool goes_on = !c.has_input(1) || *c.in<bool>(1);
    Slot number;
    Slot condition;
    number.tensor = {&iteration, DType::int64, {}};
    condition.tensor = {&goes_on, DType::boolean, {}};
    inputs[0] = &number;
    inputs[1] = &condition;
    for (std::size_t i = 0; i < variables_; ++i) inputs[i + 2] = &c.input_slot(i + 2);
    const Limits* limits = c.limits();
    for (; goes_on && iteration < trips; ++iteration) {
      if (const auto next = static_cast<std::size_t>(iteration) + 1; limits != nullptr && next > limits->max_loop_iterations)
        detail::fail_limit("a loop, in iterations,", next, "max_loop_iterations", limits->max_loop_iterations);
      if (!c.run_subgraph(0, inputs, outputs)) return;
      for (std::size_t i = 0; i < rows.size(); ++i)
        if (!rows[i].add(c, after[variables_ + 1 + i].tensor)) return;
      const TensorRef& decision = after[0].tensor;
      if (decision.dtype != DType::boolean || decision.elements() != 1) return c.fail("the condition that its body gives is no bool");
      goes_on = *decision.as<bool>();
      for (std::size_t i = 0; i < variables_; ++i) {
        std::swap(before[i], after[i + 1]);
        inputs[i + 2] = &before[i];
      }
    }
    for (std::size_t i = 0; i < variables_; ++i) {
      if (iteration == 0) {
        const Slot& initial = *inputs[i + 2];
        if (initial.tensor.dtype != DType::undefined) {
          before[i].allocate(initial.tensor.dtype, initial.tensor.shape);
          copy_tensor(c, initial.tensor, before[i].tensor);
        } else {
          before[i].object.assign(initial.object);
          before[i].tensor = {};
        }
      }
      cpu::hand_over(c, i, before[i]);
    }
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i].stack(c, variables_ + i, 0, false);
  }

 private:
  std::size_t variables_;
  std::vector<cpu::Rows> rows_;
};

template <>
class Kernel<ops::Scan, Cpu> {
 public:
  static Support supports(const NodeView& node) {
    if (node.op<ops::Scan>().batched && node.has_input(0) && node.input_dtype(0) != DType::int64)
      return Support::no("lengths of ", name(node.input_dtype(0)));
    return Support::yes();
  }
  Kernel(const NodeView& node, const CpuDevice&)
      : op_(node.op<ops::Scan>()),
        states_(node.input_count() - op_.first_state() - op_.scans()),
        rows_(cpu::rows_of(*node.node().subgraphs[0].graph, states_)),
        final_(cpu::rows_of(*node.node().subgraphs[0].graph, 0)) {}

  void run(Context& c) const {
    const std::size_t first_scan = op_.first_state() + states_;
    const Shape& scanned = c.input(first_scan).shape;
    const std::int64_t batch = op_.batched && scanned.rank() > 0 ? scanned[0] : 1;
    std::int64_t length = 0;
    if (!read_length(c, batch, length)) return;
    auto& memory = c.kept<cpu::BodyMemory>();
    memory.resize(states_ + op_.scans(), states_ + rows_.size(), states_ + op_.scans());
    memory.rows = rows_;
    memory.finals.assign(final_.begin(), final_.begin() + static_cast<std::ptrdiff_t>(states_));
    auto& [before, after, inputs, outputs, rows, finals] = memory;
    for (std::int64_t b = 0; b < batch; ++b) {
      for (std::size_t i = 0; i < states_; ++i) slice(c.input(op_.first_state() + i), op_.batched, b, 0, 0, before[i]);
      for (std::size_t i = 0; i < before.size(); ++i) inputs[i] = &before[i];
      for (std::int64_t step = 0; step < length; ++step) {
        for (std::size_t i = 0; i < op_.scans(); ++i) {
          const TensorRef& x = c.input(first_scan + i);
          const std::int64_t at = reverses(op_.input_directions, i) ? length - 1 - step : step;
          slice(x, op_.batched, b, axis(i, x.shape) + 1, at, before[states_ + i]);
        }
        if (!c.run_subgraph(0, inputs, outputs)) return;
        for (std::size_t i = 0; i < rows.size(); ++i)
          if (!rows[i].add(c, after[states_ + i].tensor)) return;
        for (std::size_t i = 0; i < states_; ++i) std::swap(before[i], after[i]);
      }
      for (std::size_t i = 0; i < states_; ++i) {
        if (!op_.batched) {
          cpu::hand_over(c, i, before[i]);
        } else if (!finals[i].add(c, before[i].tensor)) {
          return;
        }
      }
    }
    for (std::size_t i = 0; op_.batched && i < states_; ++i) finals[i].stack(c, i, 0, false);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      rows[i].stack(c, states_ + i, op_.output_axes.empty() ? 0 : op_.output_axes[i], reverses(op_.output_directions, i),
                    op_.batched ? batch : 0);
    }
  }

 private:
  static bool reverses(const std::vector<std::int64_t>& directions, std::size_t i) { return !directions.empty() && directions[i] != 0; }
  /// The axis along which scan input `i` is cut.
  [[nodiscard]] std::size_t axis(std::size_t i, const Shape& shape) const {
    if (op_.batched) return 1;
    return normalized_axis(op_.input_axes.empty() ? 0 : op_.input_axes[i], shape.rank());
  }
  /// The number of steps, on which all scanned inputs must agree.
  bool read_length(Context& c, std::int64_t batch, std::int64_t& length) const {
    const std::size_t first_scan = op_.first_state() + states_;
    for (std::size_t i = 0; i < op_.scans(); ++i) {
      const Shape& shape = c.input(first_scan + i).shape;
      if (shape.rank() < (op_.batched ? 2 : 1) || (op_.batched && shape[0] != batch)) {
        c.fail("scanned input ", i, " has shape ", shape);
        return false;
      }
      const std::int64_t own = shape[axis(i, shape)];
      if (i == 0) length = own;
      if (own != length) {
        c.fail("the scanned inputs have ", length, " and ", own, " slices");
        return false;
      }
    }
    for (std::size_t i = 0; op_.batched && i < states_; ++i) {
      const Shape& shape = c.input(op_.first_state() + i).shape;
      if (shape.rank() > 0 && shape[0] == batch) continue;
      c.fail("state ", i, " has shape ", shape, " in a batch of ", batch);
      return false;
    }
    if (op_.batched && c.has_input(0)) {
      if (c.input(0).elements() != batch) {
        c.fail("there are ", c.input(0).elements(), " lengths for a batch of ", batch);
        return false;
      }
      for (std::int64_t b = 0; b < batch; ++b) {
        if (c.in<std::int64_t>(0)[b] == length) continue;
        c.fail("sequence ", b, " has ", c.in<std::int64_t>(0)[b], " steps of ", length, "; only full lengths are scanned");
        return false;
      }
    }
    return true;
  }
  /// to = x[batch], when batched, with index `at` of axis `axis` - 1 (0 for the whole).
  static void slice(const TensorRef& x, bool batched, std::int64_t batch, std::size_t axis, std::int64_t at, Slot& to) {
    const std::size_t lead = batched ? 1 : 0;
    Shape shape;
    for (std::size_t d = lead; d < x.shape.rank(); ++d)
      if (d + 1 != axis) shape.push_back(x.shape[d]);
    to.allocate(x.dtype, shape);
    if (element_size(x.dtype) == 0) std::memset(to.tensor.data, 0, to.tensor.bytes());
    const std::size_t along = axis == 0 ? lead : axis - 1;
    const std::int64_t size = axis == 0 ? 1 : x.shape[along];
    const std::int64_t inner = axis == 0 ? x.shape.elements(along, x.shape.rank()) : x.shape.stride(along);
    const std::int64_t outer = x.shape.elements(lead, along);
    for (std::int64_t o = 0; o < outer; ++o) {
      copy_elements(x.dtype, x.data, ((batch * outer + o) * size + at) * inner, inner, to.tensor.data, o * inner);
    }
  }

  ops::Scan op_;
  std::size_t states_;
  std::vector<cpu::Rows> rows_;
  std::vector<cpu::Rows> final_;
};

}  // namespace hone::inline HONE_ABI
