#pragma once

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <type_traits>

#include <hone/hone.hpp>

namespace tools {

/// When an output counts as equal to its reference.
struct Tolerance {
  double relative = 1e-3;
  double absolute = 1e-7;
  /// false: |y - r| <= absolute + relative * |r| for each element. true: max|y - r| <= relative * max|r| over the tensor.
  bool by_maximum = false;
};

namespace detail {

/// Half a unit in the last place of 1 in type T.
template <class T>
inline constexpr double half_unit = 0x1p-24;
template <>
inline constexpr double half_unit<double> = 0x1p-53;
template <>
inline constexpr double half_unit<std::complex<double>> = 0x1p-53;
template <>
inline constexpr double half_unit<hone::Half> = 0x1p-11;
template <>
inline constexpr double half_unit<hone::BFloat16> = 0x1p-8;

/// "" when equal, else a sentence. Two NaN are equal; infinities are equal when their signs are.
template <class T>
std::string compare_reals(const T* y, const T* reference, std::size_t count, const Tolerance& tolerance) {
  using Wide =
      std::conditional_t<std::is_same_v<T, std::complex<float>> || std::is_same_v<T, std::complex<double>>, std::complex<double>, double>;
  const auto finite = [](const Wide& x) {
    if constexpr (std::is_same_v<Wide, double>) {
      return std::isfinite(x);
    } else {
      return std::isfinite(x.real()) && std::isfinite(x.imag());
    }
  };
  const auto is_nan = [](const Wide& x) {
    if constexpr (std::is_same_v<Wide, double>) {
      return std::isnan(x);
    } else {
      return std::isnan(x.real()) || std::isnan(x.imag());
    }
  };
  const auto widen = [](const T& x) {
    if constexpr (std::is_same_v<Wide, double>) {
      return static_cast<double>(x);
    } else {
      return Wide(x.real(), x.imag());
    }
  };
  const auto show = [](const Wide& x) {
    if constexpr (std::is_same_v<Wide, double>) {
      return hone::text(static_cast<float>(x));
    } else {
      return hone::text(static_cast<float>(x.real()), "+", static_cast<float>(x.imag()), "i");
    }
  };
  double largest_error = 0;
  double largest_reference = 0;
  std::size_t wrong = 0;
  std::size_t worst = 0;
  double worst_excess = -1;
  // No element need be more exact than the rounding of the largest one, from which it may have come by a subtraction.
  double absolute = tolerance.absolute;
  for (std::size_t i = 0; i < count; ++i) {
    if (const Wide r = widen(reference[i]); finite(r)) absolute = std::max(absolute, half_unit<T> * std::abs(r));
  }
  for (std::size_t i = 0; i < count; ++i) {
    const Wide a = widen(y[i]);
    const Wide r = widen(reference[i]);
    double excess = 0;
    if (!finite(a) || !finite(r)) {
      if ((is_nan(a) && is_nan(r)) || a == r) continue;
      excess = std::numeric_limits<double>::infinity();
    } else {
      const double error = std::abs(a - r);
      largest_error = std::max(largest_error, error);
      largest_reference = std::max(largest_reference, std::abs(r));
      excess = tolerance.by_maximum ? error : error - (absolute + tolerance.relative * std::abs(r));
    }
    if (!tolerance.by_maximum || std::isinf(excess)) wrong += excess > 0 ? 1 : 0;
    if (excess > worst_excess) {
      worst_excess = excess;
      worst = i;
    }
  }
  if (tolerance.by_maximum) {
    const double bound = largest_reference == 0 ? tolerance.absolute : tolerance.relative * largest_reference;
    if (wrong == 0 && largest_error <= bound) return {};
    if (wrong == 0) {
      return hone::text("largest error ", static_cast<float>(largest_error), " is ",
                        largest_reference == 0
                            ? std::string("above the bound for a reference of zeros")
                            : hone::text(static_cast<float>(largest_error / largest_reference), " of the largest reference"),
                        ", at element ", worst, ": ", show(widen(y[worst])), ", expected ", show(widen(reference[worst])));
    }
  }
  if (wrong == 0) return {};
  return hone::text(wrong, " of ", count, " elements differ, worst is element ", worst, ": ", show(widen(y[worst])), ", expected ",
                    show(widen(reference[worst])));
}

/// Strings, and integers, which may differ by the absolute tolerance.
template <class T>
std::string compare_exactly(const T* y, const T* reference, std::size_t count, double absolute) {
  for (std::size_t i = 0; i < count; ++i) {
    if (y[i] == reference[i]) continue;
    if constexpr (std::is_integral_v<T>) {
      const auto larger = static_cast<std::make_unsigned_t<T>>(std::max(y[i], reference[i]));
      const auto smaller = static_cast<std::make_unsigned_t<T>>(std::min(y[i], reference[i]));
      if (static_cast<double>(static_cast<std::make_unsigned_t<T>>(larger - smaller)) <= absolute) continue;
    }
    if constexpr (std::is_same_v<T, std::string>) {
      return hone::text("element ", i, " is '", y[i], "', expected '", reference[i], "'");
    } else if constexpr (sizeof(T) == 1) {
      return hone::text("element ", i, " is ", static_cast<int>(y[i]), ", expected ", static_cast<int>(reference[i]));
    } else {
      return hone::text("element ", i, " is ", y[i], ", expected ", reference[i]);
    }
  }
  return {};
}

/// Elements of 8 bits or fewer: by their bits.
inline std::string compare_bits(const hone::TensorRef& y, const hone::TensorRef& reference, std::size_t count) {
  const auto element = [&](const hone::TensorRef& tensor, std::size_t i) {
    return hone::packed_bits(tensor.as<const std::uint8_t>(), static_cast<std::int64_t>(i), hone::bit_width(y.dtype));
  };
  for (std::size_t i = 0; i < count; ++i) {
    if (element(y, i) != element(reference, i)) {
      return hone::text("element ", i, " has the bits ", element(y, i), ", expected ", element(reference, i));
    }
  }
  return {};
}

inline std::string compare_tensors(const hone::TensorRef& y, const hone::TensorRef& reference, const Tolerance& tolerance) {
  using hone::DType;
  if (y.dtype != reference.dtype) return hone::text("the type is tensor(", y.dtype, "), expected tensor(", reference.dtype, ")");
  if (y.shape != reference.shape) return hone::text("the shape is ", y.shape, ", expected ", reference.shape);
  const auto count = static_cast<std::size_t>(y.elements());
  const auto reals = [&]<class T>(T) { return compare_reals(y.as<const T>(), reference.as<const T>(), count, tolerance); };
  const auto exactly = [&]<class T>(const T&) {
    return compare_exactly(y.as<const T>(), reference.as<const T>(), count, tolerance.absolute);
  };
  switch (y.dtype) {
    case DType::float32:
      return reals(float{});
    case DType::float64:
      return reals(double{});
    case DType::float16:
      return reals(hone::Half{});
    case DType::bfloat16: {
      // Two units in the last place, as the runner of the ONNX backend tests grants them.
      Tolerance wide = tolerance;
      wide.relative = std::max(wide.relative, 0x1p-6);
      return compare_reals(y.as<const hone::BFloat16>(), reference.as<const hone::BFloat16>(), count, wide);
    }
    case DType::complex64:
      return reals(std::complex<float>{});
    case DType::complex128:
      return reals(std::complex<double>{});
    case DType::boolean:
      return compare_exactly(y.as<const std::uint8_t>(), reference.as<const std::uint8_t>(), count, 0);
    case DType::uint8:
      return exactly(std::uint8_t{});
    case DType::int8:
      return exactly(std::int8_t{});
    case DType::uint16:
      return exactly(std::uint16_t{});
    case DType::int16:
      return exactly(std::int16_t{});
    case DType::uint32:
      return exactly(std::uint32_t{});
    case DType::int32:
      return exactly(std::int32_t{});
    case DType::uint64:
      return exactly(std::uint64_t{});
    case DType::int64:
      return exactly(std::int64_t{});
    case DType::string:
      return exactly(std::string{});
    default:
      return compare_bits(y, reference, count);
  }
}

}  // namespace detail

/// Whether the two are the same, type, shape and bits.
[[nodiscard]] inline bool identical(const hone::Value& a, const hone::Value& b) {
  if (a.has_value() != b.has_value() || !(a.type() == b.type())) return false;
  if (a.is_tensor()) {
    const hone::TensorRef& x = a.ref();
    const hone::TensorRef& y = b.ref();
    if (!(x.shape == y.shape)) return false;
    if (x.dtype != hone::DType::string) return x.bytes() == 0 || std::memcmp(x.data, y.data, x.bytes()) == 0;
    return std::equal(x.as<const std::string>(), x.as<const std::string>() + x.elements(), y.as<const std::string>());
  }
  if (a.is_sequence()) return std::equal(a.elements().begin(), a.elements().end(), b.elements().begin(), b.elements().end(), identical);
  return !a.is_map() || (identical(a.keys(), b.keys()) && identical(a.values(), b.values()));
}

/// "" when `y` equals `reference` within the tolerance, else a sentence that says where it differs first or most. Types, shapes,
/// strings, booleans and elements of fewer than 8 bits must be equal; integers may differ by the absolute tolerance.
[[nodiscard]] inline std::string compare(const hone::Value& y, const hone::Value& reference, const Tolerance& tolerance) {
  if (y.has_value() != reference.has_value()) return y.has_value() ? "there is a value, expected none" : "there is no value, expected one";
  if (!y.has_value()) return {};
  if (y.is_tensor() && reference.is_tensor()) return detail::compare_tensors(y.ref(), reference.ref(), tolerance);
  if (y.is_sequence() && reference.is_sequence()) {
    if (y.elements().size() != reference.elements().size()) {
      return hone::text("the sequence has ", y.elements().size(), " elements, expected ", reference.elements().size());
    }
    for (std::size_t i = 0; i < y.elements().size(); ++i) {
      const std::string difference = compare(y.elements()[i], reference.elements()[i], tolerance);
      if (!difference.empty()) return hone::text("[", i, "]: ", difference);
    }
    return {};
  }
  if (y.is_map() && reference.is_map()) {
    const std::string keys = compare(y.keys(), reference.keys(), tolerance);
    if (!keys.empty()) return "keys: " + keys;
    const std::string values = compare(y.values(), reference.values(), tolerance);
    return values.empty() ? values : "values: " + values;
  }
  return hone::text("the type is ", y.type(), ", expected ", reference.type());
}

}  // namespace tools
