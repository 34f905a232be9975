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
#include <hone/core/packed_bits.hpp>
#include <hone/core/value.hpp>
#include <hone/kernels/cpu/number_conversion.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

/// The floats that are narrower than `to`, which is one that kernels compute with: what a node may mix with it.
[[nodiscard]] inline DTypeSet narrower_floats(DType to) noexcept {
  const DTypeSet narrow{DType::float16, DType::bfloat16};
  return to == DType::float64 ? narrow | DTypeSet{DType::float32} : narrow;
}

/// The types whose kernels can stand in for one of `dtype`, narrowest first: wider floats, bytes for elements that share a byte, and, where
/// `for_integers` allows it, int32 and int64, or double, for integers.
[[nodiscard]] inline std::span<const DType> wider_types(DType dtype, StandIn for_integers) noexcept {
  static constexpr DType floats[]{DType::float32, DType::float64};
  static constexpr DType bytes[]{DType::uint8};
  static constexpr DType integers[]{DType::int32, DType::int64};
  switch (dtype) {
    case DType::float16:
    case DType::bfloat16:
      return floats;
    case DType::float32:
      return std::span(floats).subspan(1);
    default:
      break;
  }
  if (element_size(dtype) == 0) return bytes;
  if (!is_integral(dtype)) return {};
  if (for_integers == StandIn::real_numbers) return std::span(floats).subspan(1);
  if (for_integers == StandIn::none || dtype == DType::int32 || dtype == DType::int64) return {};
  return dtype == DType::uint64 ? std::span(integers).subspan(1) : std::span(integers).first(1);
}

/// Converts the elements of a tensor to a type that wider_types() gives for theirs, or back: floats are rounded to nearest, integers cut,
/// and elements that share a byte are taken as the bits that they are.
inline void convert_elements(const TensorRef& from, const TensorRef& to, const Context& c) {
  constexpr std::int64_t block = 512;
  const DType source = from.dtype;
  const DType target = to.dtype;
  if (element_size(source) == 0 || element_size(target) == 0) {
    return c.parallel_for(from.elements(), 32 * block, [&](std::int64_t begin, std::int64_t end) {
      const auto* x = from.as<const std::uint8_t>();
      for (std::int64_t i = begin; i < end; ++i)
        append_packed_bits(to.as<std::uint8_t>(), i, bit_width(target), packed_bits(x, i, bit_width(source)));
    });
  }
  c.parallel_for(from.elements(), 32 * block, [&](std::int64_t begin, std::int64_t end) {
    if (source == DType::float64) return store_numbers(target, to.data, begin, end - begin, from.as<double>() + begin, {});
    float real[block];
    std::int64_t integer[block];
    for (std::int64_t i = begin; i < end; i += block) {
      const std::int64_t n = std::min(block, end - i);
      if (is_integer_like(source)) {
        load_numbers(source, from.data, i, n, integer);
        if (target != DType::float64) {
          store_numbers(target, to.data, i, n, integer, {});
          continue;
        }
        for (std::int64_t k = 0; k < n; ++k) {
          to.as<double>()[i + k] =
              source == DType::uint64 ? static_cast<double>(static_cast<std::uint64_t>(integer[k])) : static_cast<double>(integer[k]);
        }
      } else {
        load_numbers(source, from.data, i, n, real);
        store_numbers(target, to.data, i, n, real, {});
      }
    }
  });
}

/// Lets the kernel of a wider type compute: tensors of the narrow types are converted before and after. That makes one kernel serve all
/// types where conversions are cheap next to the computation, or where nobody waits for it.
class WidenedKernel final : public AnyKernel {
 public:
  /// `kernel` is made for the node as `widening` shows it.
  WidenedKernel(std::unique_ptr<AnyKernel> kernel, std::unique_ptr<Widening> widening)
      : kernel_(std::move(kernel)), widening_(std::move(widening)) {
    const InputSet packed = kernel_->packed_inputs();
    for (std::size_t i = 0; i < widening_->constants.size(); ++i)
      if (auto& constant = widening_->constants[i]; constant && contains(packed, i)) constant = constant->without_elements();
  }

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
  static std::unique_ptr<Widening> widen(const NodeView& node, DTypeSet from, DType to, ThreadPool& pool) {
    auto widening = std::make_unique<Widening>();
    widening->from = from;
    widening->to = to;
    widening->shape_inputs = node.node().op->traits().shape_inputs;
    widening->constants.resize(node.input_count());
    for (std::size_t i = 0; i < node.input_count(); ++i) {
      const TensorRef* constant = node.constant(i);
      if (constant == nullptr || !widens(*widening, i, constant->dtype)) continue;
      auto value = std::make_shared<Value>(Value::tensor(to, constant->shape));
      convert_elements(*constant, value->ref(), Context({}, {}, pool));
      const TensorRef ref = value->ref();
      widening->constants[i] = Constant{ref, std::move(value)};
    }
    return widening;
  }

  /// Those that were converted, and those that the kernel has packed.
  [[nodiscard]] InputSet packed_inputs() const override {
    InputSet result = kernel_->packed_inputs();
    for (std::size_t i = 0; i < std::min<std::size_t>(widening_->constants.size(), 31); ++i)
      if (widening_->constants[i]) result |= InputSet{1} << i;
    return result;
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
      if (is_converted(c, i)) convert_elements(c.input(i), slots.slots[i].tensor, c);
    }
    Context wide = inner(c, slots.pointers);
    wide.set_workspace(memory);
    kernel_->run(wide);
    if (wide.failed()) return c.fail_as(wide);
    for (std::size_t i = 0; i < c.output_count(); ++i) {
      if (c.has_output(i) && widening_->from.contains(c.output(i).dtype)) convert_elements(wide.output(i), c.output(i), c);
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
    return align_up(count * sizeof(Slot)) + align_up(count * sizeof(void*));
  }
  static Context inner(const Context& c, Slot* const* slots) {
    return {{slots, c.input_count()}, {slots + c.input_count(), c.output_count()}, c.pool()};
  }
  /// Integers that decide shapes are what they are, whatever the type of the others.
  [[nodiscard]] static bool widens(const Widening& widening, std::size_t input, DType dtype) noexcept {
    return widening.from.contains(dtype) && !(is_integral(dtype) && contains(widening.shape_inputs, input));
  }
  [[nodiscard]] bool is_converted(const Context& c, std::size_t input) const {
    return c.has_input(input) && widens(*widening_, input, c.input(input).dtype) && !widening_->constants[input];
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
      if (widening_->constants[i]) slots[i].tensor = widening_->constants[i]->tensor;
      if (!is_converted(c, i)) continue;
      convert(slots[i].tensor);
      // Kernels may need these to tell how much workspace they want.
      if (memory == nullptr && contains(widening_->shape_inputs, i)) slots[i].tensor = c.input(i);
    }
    for (std::size_t i = 0; i < c.output_count(); ++i) {
      const std::size_t at = c.input_count() + i;
      pointers[at] = c.has_output(i) ? &slots[at] : nullptr;
      if (!c.has_output(i)) continue;
      slots[at].tensor = c.output(i);
      if (widening_->from.contains(c.output(i).dtype)) convert(slots[at].tensor);
    }
    return bytes;
  }

  std::unique_ptr<AnyKernel> kernel_;
  std::unique_ptr<Widening> widening_;
};

}  // namespace hone::inline HONE_ABI
