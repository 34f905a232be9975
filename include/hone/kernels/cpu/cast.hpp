#pragma once

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>

#include <hone/config.hpp>
#include <hone/kernels/cpu/number_conversion.hpp>
#include <hone/kernels/cpu/strided_copy.hpp>
#include <hone/ops/cast.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

namespace detail {

/// Reads a decimal number, or INF or NaN in any case. False when `text` is something else.
template <class Real>
[[nodiscard]] bool parse_real(std::string_view text, Real& value) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t' || text.front() == '\n')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\n')) text.remove_suffix(1);
  if (text.starts_with('+')) text.remove_prefix(1);
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (stop != end || text.empty()) return false;
  if (error == std::errc::result_out_of_range) {
    const bool tiny = text.find("e-") != std::string_view::npos || text.find("E-") != std::string_view::npos;
    const Real magnitude = tiny ? Real(0) : std::numeric_limits<Real>::infinity();
    value = text.front() == '-' ? -magnitude : magnitude;
    return true;
  }
  return error == std::errc();
}

/// Reads an integer; a real number is truncated.
[[nodiscard]] inline bool parse_integer(std::string_view text, bool is_unsigned, std::int64_t& value) {
  const char* end = text.data() + text.size();
  std::uint64_t magnitude = 0;
  const auto [stop, error] = is_unsigned ? std::from_chars(text.data(), end, magnitude) : std::from_chars(text.data(), end, value);
  if (stop == end && error == std::errc() && !text.empty()) {
    if (is_unsigned) value = static_cast<std::int64_t>(magnitude);
    return true;
  }
  double real = 0;
  if (!parse_real(text, real)) return false;
  value = is_unsigned ? static_cast<std::int64_t>(truncated<std::uint64_t>(real)) : ops::saturated_integer(real);
  return true;
}

template <class Number>
void print_number(Number value, std::string& to) {
  if constexpr (std::is_floating_point_v<Number>) {
    if (value != value) return void(to = "NaN");
    if (std::isinf(value)) return void(to = value > 0 ? "INF" : "-INF");
  }
  char digits[64];
  to.assign(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

}  // namespace detail

/// Converts through an intermediate type that holds the source exactly, a block at a time, instead of one loop per pair of types.
class CastKernel {
 public:
  CastKernel(bool saturate, ops::Cast::Rounding rounding) : options_{saturate, static_cast<PowerOfTwoFloat::Rounding>(rounding)} {}

  static Support supports(const NodeView& node) {
    for (const DType dtype : {node.input_dtype(0), node.output_dtype(0)}) {
      if (dtype == DType::complex64 || dtype == DType::complex128 || dtype == DType::undefined) {
        return Support::no("there are no conversions of ", hone::name(dtype));
      }
    }
    return Support::yes();
  }

  void run(Context& c) const {
    const TensorRef& from = c.input(0);
    const TensorRef& to = c.output(0);
    if (from.dtype == to.dtype) return copy_tensor(c, from, to);
    if (from.dtype == DType::string) {
      const bool whole = is_integer_like(to.dtype);
      return to.dtype == DType::float64 ? parse<double>(c) : whole ? parse<std::int64_t>(c) : parse<float>(c);
    }
    const bool to_integer = is_integer_like(to.dtype);
    const bool from_integer = is_integer_like(from.dtype);
    const bool print = to.dtype == DType::string;
    if (from.dtype == DType::float64 || (from_integer && to.dtype == DType::float64)) return convert<double>(c);
    return from_integer && (to_integer || print) ? convert<std::int64_t>(c) : convert<float>(c);
  }

 private:
  static constexpr std::int64_t block = 512;  // elements; a multiple of what a byte can pack

  template <class Pivot>
  void convert(Context& c) const {
    const TensorRef from = c.input(0);
    const TensorRef to = c.output(0);
    const bool large = from.dtype == DType::uint64;
    c.parallel_for(from.elements(), 32 * block, [&](std::int64_t begin, std::int64_t end) {
      Pivot pivot[block];
      for (std::int64_t i = begin; i < end; i += block) {
        const std::int64_t n = std::min(block, end - i);
        load_numbers(from.dtype, from.data, i, n, pivot);
        if (to.dtype == DType::string) {
          print(pivot, large, n, to.as<std::string>() + i);
        } else {
          store_numbers(to.dtype, to.data, i, n, pivot, options_);
        }
      }
    });
  }

  template <class Pivot>
  static void print(const Pivot* from, bool large, std::int64_t n, std::string* to) {
    for (std::int64_t i = 0; i < n; ++i) {
      if (std::is_same_v<Pivot, std::int64_t> && large) {
        detail::print_number(static_cast<std::uint64_t>(from[i]), to[i]);
      } else {
        detail::print_number(from[i], to[i]);
      }
    }
  }

  template <class Pivot>
  void parse(Context& c) const {
    const std::string* from = c.in<std::string>(0);
    const TensorRef& to = c.output(0);
    Pivot pivot[block];
    const std::int64_t elements = to.elements();
    for (std::int64_t i = 0; i < elements; i += block) {
      const std::int64_t n = std::min(block, elements - i);
      for (std::int64_t j = 0; j < n; ++j) {
        bool good;
        if constexpr (std::is_same_v<Pivot, std::int64_t>) {
          good = detail::parse_integer(from[i + j], to.dtype == DType::uint64, pivot[j]);
        } else {
          good = detail::parse_real(from[i + j], pivot[j]);
        }
        if (!good) return c.fail("element ", i + j, ", '", from[i + j], "', is not a number");
      }
      store_numbers(to.dtype, to.data, i, n, pivot, options_);
    }
  }

  ConversionOptions options_;
};

template <>
class Kernel<ops::BitCast, Cpu> {
 public:
  Kernel(const NodeView&, const CpuDevice&) {}
  void run(Context& c) const {
    TensorRef from = c.input(0);
    from.dtype = c.output(0).dtype;
    copy_tensor(c, from, c.output(0));
  }
};

template <>
class Kernel<ops::Cast, Cpu> : public CastKernel {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : CastKernel(node.op<ops::Cast>().saturate, node.op<ops::Cast>().rounding) {}
};

template <>
class Kernel<ops::CastLike, Cpu> : public CastKernel {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : CastKernel(node.op<ops::CastLike>().saturate, node.op<ops::CastLike>().rounding) {}
};

}  // namespace hone::inline HONE_ABI
