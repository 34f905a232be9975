#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>

#include <hone/config.hpp>
#include <hone/core/dtype.hpp>
#include <hone/core/packed_bits.hpp>
#include <hone/kernels/cpu/small_float.hpp>
#include <hone/ops/dimensions.hpp>

namespace hone::inline HONE_ABI {

/// How numbers meet the limits of 8-bit floats.
struct ConversionOptions {
  bool saturate = true;
  PowerOfTwoFloat::Rounding rounding = PowerOfTwoFloat::Rounding::up;
};

/// True for the integers of all widths and bool.
[[nodiscard]] constexpr bool is_integer_like(DType dtype) noexcept {
  return is_integral(dtype) || dtype == DType::boolean || dtype == DType::int4 || dtype == DType::uint4 || dtype == DType::int2 ||
         dtype == DType::uint2;
}

namespace detail {

/// `value` as a float from which rounding to a narrower type gives what rounding `value` itself would: inexact results are odd.
[[nodiscard]] inline float narrowed(float value) noexcept { return value; }
[[nodiscard]] inline float narrowed(double value) noexcept {
  const auto nearest = static_cast<float>(value);
  const auto back = static_cast<double>(nearest);
  if (back == value || value != value || back - back != 0) return nearest;
  auto bits = std::bit_cast<std::uint32_t>(nearest);
  const bool too_large = value > 0 ? back > value : back < value;
  if (too_large) --bits;
  return std::bit_cast<float>(bits | 1U);
}

/// `value` truncated; out of range, it wraps after saturating at a wider type, NaN is any number.
template <class T, class Real>
[[nodiscard]] T truncated(Real value) noexcept {
  if constexpr (sizeof(T) < 4 || std::is_same_v<T, std::int32_t>) {
    // 32 bits hold the result, and vector conversions to them exist everywhere.
    constexpr Real least = std::is_same_v<Real, float> ? Real(-0x1p31) : Real(std::numeric_limits<std::int32_t>::min());
    constexpr Real most = std::is_same_v<Real, float> ? Real(0x1.fffffep30) : Real(std::numeric_limits<std::int32_t>::max());
    value = value > least ? value : least;
    value = value < most ? value : most;
    return static_cast<T>(static_cast<std::int32_t>(value));
  } else if constexpr (std::is_same_v<T, std::uint64_t>) {
    if (value >= Real(0x1p63)) {
      return value < Real(0x1p64) ? static_cast<std::uint64_t>(value - Real(0x1p63)) + (std::uint64_t{1} << 63) : ~std::uint64_t{0};
    }
    return static_cast<std::uint64_t>(ops::saturated_integer(static_cast<double>(value)));
  } else {
    return static_cast<T>(ops::saturated_integer(static_cast<double>(value)));
  }
}

}  // namespace detail

/// to[i] = element first + i of `data` as Pivot, for n elements. Pivot is float, double or int64.
/// Precondition: `from` is a number type; double loads only as double, other real types only as float.
template <class Pivot>
void load_numbers(DType from, const void* data, std::int64_t first, std::int64_t n, Pivot* to) noexcept {
  const auto plain = [&]<class T>(const T*) {
    const T* x = static_cast<const T*>(data) + first;
    for (std::int64_t i = 0; i < n; ++i) to[i] = static_cast<Pivot>(x[i]);
  };
  const auto bytes = [&](auto decode) {
    const auto* x = static_cast<const std::uint8_t*>(data);
    for (std::int64_t i = 0; i < n; ++i) to[i] = static_cast<Pivot>(decode(x, first + i));
  };
  const int bits = bit_width(from);
  switch (from) {
    case DType::boolean:
    case DType::uint8:
      return plain(static_cast<const std::uint8_t*>(nullptr));
    case DType::int8:
      return plain(static_cast<const std::int8_t*>(nullptr));
    case DType::uint16:
      return plain(static_cast<const std::uint16_t*>(nullptr));
    case DType::int16:
      return plain(static_cast<const std::int16_t*>(nullptr));
    case DType::uint32:
      return plain(static_cast<const std::uint32_t*>(nullptr));
    case DType::int32:
      return plain(static_cast<const std::int32_t*>(nullptr));
    case DType::uint64:
      return plain(static_cast<const std::uint64_t*>(nullptr));
    case DType::int64:
      return plain(static_cast<const std::int64_t*>(nullptr));
    case DType::uint4:
    case DType::uint2:
      return bytes([&](const std::uint8_t* x, std::int64_t i) { return packed_bits(x, i, bits); });
    case DType::int4:
    case DType::int2:
      return bytes([&](const std::uint8_t* x, std::int64_t i) {
        const auto value = static_cast<int>(packed_bits(x, i, bits));
        return value >> (bits - 1) != 0 ? value - (1 << bits) : value;
      });
    default:
      break;
  }
  if constexpr (std::is_same_v<Pivot, double>) {
    plain(static_cast<const double*>(nullptr));
  } else if constexpr (std::is_same_v<Pivot, float>) {
    switch (from) {
      case DType::float32:
        return plain(static_cast<const float*>(nullptr));
      case DType::float16:
        return plain(static_cast<const Half*>(nullptr));
      case DType::bfloat16:
        return plain(static_cast<const BFloat16*>(nullptr));
      case DType::float8e8m0:
        return bytes([](const std::uint8_t* x, std::int64_t i) { return PowerOfTwoFloat::decode(x[i]); });
      default: {
        const SmallFloat format = SmallFloat::of(from);
        if (bits < 8) {
          return bytes([format, bits](const std::uint8_t* x, std::int64_t i) {
            return format.decode(static_cast<std::uint8_t>(packed_bits(x, i, bits)));
          });
        }
        return bytes([format](const std::uint8_t* x, std::int64_t i) { return format.decode(x[i]); });
      }
    }
  }
}

/// Element first + i of `data` = from[i], for n elements. Precondition: as for load_numbers; `first` starts a byte (a multiple of 8
/// does for all types).
template <class Pivot>
void store_numbers(DType to, void* data, std::int64_t first, std::int64_t n, const Pivot* from, const ConversionOptions& options) noexcept {
  const auto integers = [&]<class T>(T* y) {
    y = static_cast<T*>(data) + first;
    for (std::int64_t i = 0; i < n; ++i) {
      if constexpr (std::is_same_v<Pivot, std::int64_t>) {
        y[i] = static_cast<T>(from[i]);
      } else {
        y[i] = detail::truncated<T>(from[i]);
      }
    }
  };
  const auto packed = [&](auto convert) {
    auto* y = static_cast<std::uint8_t*>(data);
    for (std::int64_t i = 0; i < n; ++i) append_packed_bits(y, first + i, bit_width(to), static_cast<unsigned>(convert(from[i])));
  };
  switch (to) {
    case DType::boolean: {
      bool* y = static_cast<bool*>(data) + first;
      for (std::int64_t i = 0; i < n; ++i) y[i] = from[i] != 0;
      return;
    }
    case DType::uint8:
      return integers(static_cast<std::uint8_t*>(nullptr));
    case DType::int8:
      return integers(static_cast<std::int8_t*>(nullptr));
    case DType::uint16:
      return integers(static_cast<std::uint16_t*>(nullptr));
    case DType::int16:
      return integers(static_cast<std::int16_t*>(nullptr));
    case DType::uint32:
      return integers(static_cast<std::uint32_t*>(nullptr));
    case DType::int32:
      return integers(static_cast<std::int32_t*>(nullptr));
    case DType::uint64:
      return integers(static_cast<std::uint64_t*>(nullptr));
    case DType::int64:
      return integers(static_cast<std::int64_t*>(nullptr));
    case DType::uint4:
    case DType::int4:
    case DType::uint2:
    case DType::int2:
      return packed([](Pivot x) {
        if constexpr (std::is_same_v<Pivot, std::int64_t>) {
          return x;
        } else {
          return detail::truncated<std::int32_t>(x);
        }
      });
    default:
      break;
  }
  if constexpr (!std::is_same_v<Pivot, std::int64_t>) {
    const auto reals = [&]<class T>(T* y, auto convert) {
      y = static_cast<T*>(data) + first;
      for (std::int64_t i = 0; i < n; ++i) y[i] = convert(from[i]);
    };
    const ConversionOptions o = options;
    switch (to) {
      case DType::float32:
        return reals(static_cast<float*>(nullptr), [](Pivot x) { return static_cast<float>(x); });
      case DType::float64:
        return reals(static_cast<double*>(nullptr), [](Pivot x) { return static_cast<double>(x); });
      case DType::float16:
        return reals(static_cast<Half*>(nullptr), [](Pivot x) { return Half(detail::narrowed(x)); });
      case DType::bfloat16:
        return reals(static_cast<BFloat16*>(nullptr), [](Pivot x) { return BFloat16(detail::narrowed(x)); });
      case DType::float8e8m0:
        return reals(static_cast<std::uint8_t*>(nullptr),
                     [o](Pivot x) { return PowerOfTwoFloat::encode(detail::narrowed(x), o.saturate, o.rounding); });
      default: {
        const SmallFloat format = SmallFloat::of(to);
        const auto encode = [=](Pivot x) { return format.encode(detail::narrowed(x), o.saturate); };
        return bit_width(to) < 8 ? packed(encode) : reals(static_cast<std::uint8_t*>(nullptr), encode);
      }
    }
  }
}

}  // namespace hone::inline HONE_ABI
