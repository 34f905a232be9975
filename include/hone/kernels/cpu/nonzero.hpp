#pragma once

#include <array>
#include <complex>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include <hone/config.hpp>
#include <hone/ops/nonzero.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

template <>
class Kernel<ops::NonZero, Cpu> {
 public:
  static Support supports(const NodeView& node) {
    const DType dtype = node.input_dtype(0);
    return element_size(dtype) != 0 ? Support::yes() : Support::no("NonZero of ", hone::name(dtype));
  }
  Kernel(const NodeView&, const CpuDevice&) {}

  void run(Context& c) const {
    const TensorRef& x = c.input(0);
    // Real numbers are zero when all bits but the sign are.
    switch (x.dtype) {
      case DType::float16:
      case DType::bfloat16:
        return find<std::uint16_t>(c, 0x7fff);
      case DType::float32:
        return find<std::uint32_t>(c, 0x7fffffff);
      case DType::float64:
        return find<std::uint64_t>(c, 0x7fffffffffffffff);
      case DType::complex64:
        return find<std::uint64_t>(c, 0x7fffffff7fffffff);
      case DType::complex128:
        return find(c, [x = c.in<std::complex<double>>(0)](std::int64_t i) { return x[i] != 0.0; });
      case DType::string:
        return find(c, [x = c.in<std::string>(0)](std::int64_t i) { return !x[i].empty(); });
      case DType::float8e4m3fn:
      case DType::float8e5m2:
        return find<std::uint8_t>(c, 0x7f);
      default:
        break;
    }
    switch (element_size(x.dtype)) {
      case 1:
        return find<std::uint8_t>(c, 0xff);
      case 2:
        return find<std::uint16_t>(c, 0xffff);
      case 4:
        return find<std::uint32_t>(c, 0xffffffff);
      default:
        return find<std::uint64_t>(c, 0xffffffffffffffff);
    }
  }

 private:
  template <class Word>
  static void find(Context& c, Word mask) {
    find(c, [x = c.in<std::byte>(0), mask](std::int64_t i) {
      Word word;
      std::memcpy(&word, x + i * static_cast<std::int64_t>(sizeof word), sizeof word);
      return (word & mask) != 0;
    });
  }

  template <std::predicate<std::int64_t> IsSet>
  static void find(Context& c, IsSet is_set) {
    const Shape shape = c.input(0).shape;
    const std::int64_t n = shape.elements();
    std::int64_t count = 0;
    for (std::int64_t i = 0; i < n; ++i) count += is_set(i) ? 1 : 0;
    const TensorRef& out = c.allocate(0, DType::int64, {static_cast<std::int64_t>(shape.rank()), count});
    if (shape.rank() == 0 || count == 0) return;
    const std::size_t inner = shape.rank() - 1;
    const std::int64_t row = shape[inner];
    std::array<std::int64_t, Shape::max_rank> at{};
    std::int64_t* y = out.as<std::int64_t>();  // (rank, count)
    std::int64_t found = 0;
    for (std::int64_t begin = 0; begin < n; begin += row) {
      for (std::int64_t i = 0; i < row; ++i) {
        if (!is_set(begin + i)) continue;
        for (std::size_t d = 0; d < inner; ++d) y[static_cast<std::int64_t>(d) * count + found] = at[d];
        y[static_cast<std::int64_t>(inner) * count + found] = i;
        ++found;
      }
      for (std::size_t d = inner; d-- > 0;) {
        if (++at[d] < shape[d]) break;
        at[d] = 0;
      }
    }
  }
};

}  // namespace hone::inline HONE_ABI
