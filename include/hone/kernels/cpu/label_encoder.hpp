#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <unordered_map>

#include <hone/config.hpp>
#include <hone/kernels/cpu/element_mover.hpp>
#include <hone/ops/dimensions.hpp>
#include <hone/ops/label_encoder.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

template <std::derived_from<ops::LabelEncoder> Op>
class Kernel<Op, Cpu> {
 public:
  static Support supports(const NodeView& node) {
    const auto& op = node.op<Op>();
    const DType dtype = node.input_dtype(0);
    const bool backwards = op.reverse_absent.tensor.dtype != DType::undefined && dtype == op.values.tensor.dtype;
    if (dtype != op.keys.tensor.dtype && !backwards) return Support::no("keys of ", name(op.keys.tensor.dtype), " for ", name(dtype));
    return op.absent.tensor.elements() == 1 ? Support::yes() : Support::no("the default is no single value");
  }
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<Op>()) {
    const bool backwards = node.input_dtype(0) != op_.keys.tensor.dtype;
    const TensorRef& keys = backwards ? op_.values.tensor : op_.keys.tensor;
    values_ = backwards ? &op_.keys.tensor : &op_.values.tensor;
    absent_ = backwards ? &op_.reverse_absent.tensor : &op_.absent.tensor;
    for (std::int64_t i = 0; i < keys.elements(); ++i) {
      if (keys.dtype == DType::string) {
        words_.emplace(keys.as<const std::string>()[i], i);
      } else {
        numbers_.emplace(number(keys, i), i);
      }
    }
  }
  void run(Context& c) const {
    const TensorRef& x = c.input(0);
    const ElementMover mover(values_->dtype);
    for (std::int64_t i = 0; i < x.elements(); ++i) {
      const std::int64_t at = find(x, i);
      const TensorRef& from = at >= 0 ? *values_ : *absent_;
      mover.copy(mover.at(static_cast<const void*>(from.data), at >= 0 ? at : 0), 1, mover.at(c.output(0).data, i));
    }
  }

 private:
  /// A number that equal keys share: all NaN are one, and so are both zeros.
  static std::uint64_t number(const TensorRef& x, std::int64_t i) {
    if (is_integral(x.dtype)) return static_cast<std::uint64_t>(ops::integer_at(x, i));
    const double value = ops::number_at(x, i);
    return std::bit_cast<std::uint64_t>(value == value ? value + 0.0 : std::numeric_limits<double>::quiet_NaN());
  }
  [[nodiscard]] std::int64_t find(const TensorRef& x, std::int64_t i) const {
    if (x.dtype == DType::string) {
      const auto found = words_.find(x.as<const std::string>()[i]);
      return found == words_.end() ? -1 : found->second;
    }
    const auto found = numbers_.find(number(x, i));
    return found == numbers_.end() ? -1 : found->second;
  }

  Op op_;
  const TensorRef* values_;
  const TensorRef* absent_;
  std::unordered_map<std::string, std::int64_t> words_;
  std::unordered_map<std::uint64_t, std::int64_t> numbers_;
};

}  // namespace hone::inline HONE_ABI
