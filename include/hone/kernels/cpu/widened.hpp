#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/value.hpp>
#include <hone/kernels/cpu/number_conversion.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

/// The float types that hold every number of `dtype`, narrowest first: a kernel for one of them can stand in for one of `dtype`.
[[nodiscard]] inline std::span<const DType> wider_floats(DType dtype) noexcept {
  static constexpr DType wider[]{DType::float32, DType::float64};
  switch (dtype) {
    case DType::float16:
    case DType::bfloat16:
      return wider;
    case DType::float32:
      return std::span(wider).subspan(1);
    default:
      return {};
  }
}

/// Converts n floats of any of the types of wider_floats(); narrowing rounds to nearest.
inline void convert_floats(const TensorRef& from, const TensorRef& to, const Context& c) {
  constexpr std::int64_t block = 512;
  c.parallel_for(from.elements(), 32 * block, [&](std::int64_t begin, std::int64_t end) {
    if (from.dtype == DType::float64) return store_numbers(to.dtype, to.data, begin, end - begin, from.as<double>() + begin, {});
    float pivot[block];
    for (std::int64_t i = begin; i < end; i += block) {
      const std::int64_t n = std::min(block, end - i);
      load_numbers(from.dtype, from.data, i, n, pivot);
      store_numbers(to.dtype, to.data, i, n, pivot, {});
    }
  });
}

/// Lets the kernel of a wider float type compute: tensors of the narrow type are converted before and after. That makes one kernel serve
/// all float types where conversions are cheap next to the computation, or where nobody waits for it.
class WidenedKernel final : public AnyKernel {
 public:
  /// `kernel` is made for the node as `widening` shows it.
  WidenedKernel(std::unique_ptr<AnyKernel> kernel, std::unique_ptr<const Widening> widening)
      : kernel_(std::move(kernel)), widening_(std::move(widening)) {}

  static Support supports(const NodeView& node) {
    const auto is_tensor = [](const Type& type) { return type.is_tensor() || !type.is_known(); };
    for (std::size_t i = 0; i < node.input_count(); ++i)
      if (!is_tensor(node.input_type(i))) return Support::no("only tensors are converted");
    if (node.node().op->traits().data_dependent || !node.node().subgraphs.empty()) {
      return Support::no("results of unknown shape are not converted");
    }
    return Support::yes();
  }

  /// The constants of the node in the wider type.
  static std::unique_ptr<const Widening> widen(const NodeView& node, DType from, DType to, ThreadPool& pool) {
    auto widening = std::make_unique<Widening>();
    widening->from = from;
    widening->to = to;
    widening->constants.resize(node.input_count());
    for (std::size_t i = 0; i < node.input_count(); ++i) {
      const TensorRef* constant = node.constant(i);
      if (constant == nullptr || constant->dtype != from) continue;
      widening->constants[i] = Value::tensor(to, constant->shape);
      convert_floats(*constant, widening->constants[i].ref(), Context({}, {}, pool));
    }
    return widening;
  }

  [[nodiscard]] std::size_t workspace(const Context& c) const override {
    std::vector<Slot> slots(c.input_count() + c.output_count());
    std::vector<Slot*> pointers(slots.size());
    const std::size_t converted = place(c, slots.data(), pointers.data(), nullptr);
    return slots_bytes(c) + converted + kernel_->workspace(inner(c, pointers.data()));
  }

  void run(Context& c) const override {
    const Slots slots(c);
    std::byte* memory = c.workspace() + slots_bytes(c);
    memory += place(c, slots.slots, slots.pointers, memory);
    for (std::size_t i = 0; i < c.input_count(); ++i) {
      if (is_converted(c, i)) convert_floats(c.input(i), slots.slots[i].tensor, c);
    }
    Context wide = inner(c, slots.pointers);
    wide.set_workspace(memory);
    kernel_->run(wide);
    if (wide.failed()) return c.fail_as(wide);
    for (std::size_t i = 0; i < c.output_count(); ++i) {
      if (c.has_output(i) && c.output(i).dtype == widening_->from) convert_floats(wide.output(i), c.output(i), c);
    }
  }

 private:
  /// Slots in the workspace.
  struct Slots {
    explicit Slots(const Context& c) : count(c.input_count() + c.output_count()), slots(reinterpret_cast<Slot*>(c.workspace())) {
      pointers = reinterpret_cast<Slot**>(c.workspace() + align_up(count * sizeof(Slot)));
      for (std::size_t i = 0; i < count; ++i) new (slots + i) Slot;
    }
    Slots(const Slots&) = delete;
    Slots& operator=(const Slots&) = delete;
    ~Slots() {
      for (std::size_t i = 0; i < count; ++i) slots[i].~Slot();
    }
    std::size_t count;
    Slot* slots;
    Slot** pointers;
  };

  static std::size_t slots_bytes(const Context& c) noexcept {
    const std::size_t count = c.input_count() + c.output_count();
    return align_up(count * sizeof(Slot)) + align_up(count * sizeof(Slot*));
  }
  static Context inner(const Context& c, Slot* const* slots) {
    return {{slots, c.input_count()}, {slots + c.input_count(), c.output_count()}, c.pool()};
  }
  [[nodiscard]] bool is_converted(const Context& c, std::size_t input) const {
    return c.has_input(input) && c.input(input).dtype == widening_->from && !widening_->constants[input].has_value();
  }

  /// Points the slots to the tensors of c, or to memory for converted ones; gives the bytes of the latter.
  std::size_t place(const Context& c, Slot* slots, Slot** pointers, std::byte* memory) const {
    std::size_t bytes = 0;
    const auto convert = [&](TensorRef& tensor) {
      tensor.dtype = widening_->to;
      tensor.data = memory != nullptr ? memory + bytes : nullptr;
      bytes += align_up(checked_bytes(tensor.dtype, tensor.shape));
    };
    for (std::size_t i = 0; i < c.input_count(); ++i) {
      pointers[i] = c.has_input(i) ? &slots[i] : nullptr;
      if (!c.has_input(i)) continue;
      slots[i].tensor = c.input(i);
      if (widening_->constants[i].has_value()) slots[i].tensor = widening_->constants[i].ref();
      if (is_converted(c, i)) convert(slots[i].tensor);
    }
    for (std::size_t i = 0; i < c.output_count(); ++i) {
      const std::size_t at = c.input_count() + i;
      pointers[at] = c.has_output(i) ? &slots[at] : nullptr;
      if (!c.has_output(i)) continue;
      slots[at].tensor = c.output(i);
      if (c.output(i).dtype == widening_->from) convert(slots[at].tensor);
    }
    return bytes;
  }

  std::unique_ptr<AnyKernel> kernel_;
  std::unique_ptr<const Widening> widening_;
};

}  // namespace hone::inline HONE_ABI
