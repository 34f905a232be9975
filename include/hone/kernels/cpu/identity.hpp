#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>

#include <hone/config.hpp>
#include <hone/kernels/cpu/number_conversion.hpp>
#include <hone/kernels/cpu/sequence.hpp>
#include <hone/kernels/cpu/strided_copy.hpp>
#include <hone/ops/dimensions.hpp>
#include <hone/ops/identity.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

template <>
class Kernel<ops::Identity, Cpu> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : is_tensor_(node.input_type(0).is_tensor()) {}
  void run(Context& c) const {
    if (is_tensor_) {
      copy_tensor(c, c.input(0), c.output(0));
    } else {
      cpu::assign(cpu::object_of(c, 0), c.input_slot(0));
    }
  }

 private:
  bool is_tensor_;
};

/// In training mode the numbers are those of numpy's RandomState(seed).uniform(), which the standard's own test data is made with.
template <>
class Kernel<ops::Dropout, Cpu> {
 public:
  static Support supports(const NodeView& node) {
    if (!node.has_input(2) && node.output_dtype(1) != DType::undefined && !is_mask(node.output_dtype(1))) {
      return Support::no("a mask of type ", hone::name(node.output_dtype(1)));
    }
    switch (node.input_dtype(0)) {
      case DType::float32:
      case DType::float64:
      case DType::float16:
      case DType::bfloat16:
      case DType::float8e4m3fn:
      case DType::float8e4m3fnuz:
      case DType::float8e5m2:
      case DType::float8e5m2fnuz:
        return Support::yes();
      default:
        return Support::no("Dropout of ", hone::name(node.input_dtype(0)));
    }
  }
  Kernel(const NodeView& node, const CpuDevice&) : seed_(node.op<ops::Dropout>().seed) {}

  void run(Context& c) const {
    if (c.has_input(2)) ops::check_one_element(c.input(2), "training_mode");
    const bool training = c.has_input(2) && *c.in<bool>(2);
    const double ratio = c.has_input(1) ? number_of(c.input(1)) : 0.5;
    if (!training || ratio == 0) {
      copy_tensor(c, c.input(0), c.output(0));
      if (c.has_output(1)) fill_mask(c.output(1));
      return;
    }
    if (!(ratio > 0 && ratio < 1)) return c.fail("the ratio ", ratio, " is not in [0, 1)");
    switch (c.input(0).dtype) {
      case DType::float32:
        return drop<float>(c, ratio);
      case DType::float64:
        return drop<double>(c, ratio);
      case DType::float16:
        return drop<Half>(c, ratio);
      case DType::bfloat16:
        return drop<BFloat16>(c, ratio);
      default:
        return drop<std::uint8_t>(c, ratio);
    }
  }

 private:
  static double number_of(const TensorRef& ratio) {
    ops::check_one_element(ratio, "the ratio");
    if (ratio.dtype == DType::float64) return *ratio.as<const double>();
    float number = 0;
    load_numbers(ratio.dtype, ratio.data, 0, 1, &number);
    return static_cast<double>(number);
  }

  static bool is_mask(DType dtype) noexcept {
    return dtype == DType::boolean || dtype == DType::float32 || dtype == DType::float64 || dtype == DType::float16;
  }

  static void fill_mask(const TensorRef& mask) {
    const std::int64_t n = mask.elements();
    switch (mask.dtype) {
      case DType::boolean:
        std::fill_n(mask.as<bool>(), n, true);
        break;
      case DType::float32:
        std::fill_n(mask.as<float>(), n, 1.0F);
        break;
      case DType::float64:
        std::fill_n(mask.as<double>(), n, 1.0);
        break;
      default:
        std::fill_n(mask.as<Half>(), n, Half(1.0F));
        break;
    }
  }

  /// T is std::uint8_t for floats of 8 bits.
  template <class T>
  void drop(Context& c, double ratio) const {
    const auto seed = seed_ ? static_cast<std::uint64_t>(*seed_)
                            : static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
    std::mt19937 random(static_cast<std::uint32_t>(seed));
    const double scale = 1.0 / (1.0 - ratio);
    const T* x = c.input(0).as<const T>();
    T* y = c.output(0).as<T>();
    bool* mask = c.has_output(1) ? c.out<bool>(1) : nullptr;
    const std::int64_t n = c.input(0).elements();
    for (std::int64_t i = 0; i < n; ++i) {
      // 53 random bits, as numpy takes them from two 32-bit draws.
      const double high = static_cast<double>(random() >> 5);
      const double low = static_cast<double>(random() >> 6);
      const bool kept = (high * 67108864.0 + low) / 9007199254740992.0 >= ratio;
      if constexpr (sizeof(T) == 1) {
        float value = 0;
        if (kept) load_numbers(c.input(0).dtype, x, i, 1, &value);
        value = static_cast<float>(static_cast<double>(value) * scale);
        store_numbers(c.input(0).dtype, y, i, 1, &value, {});
      } else {
        const auto value = static_cast<std::conditional_t<sizeof(T) == 2, float, T>>(x[i]);
        y[i] = kept ? static_cast<T>(static_cast<decltype(value)>(static_cast<double>(value) * scale)) : T{};
      }
      if (mask != nullptr) mask[i] = kept;
    }
  }

  std::optional<std::int64_t> seed_;
};

}  // namespace hone::inline HONE_ABI
