#pragma once

#include <bit>
#include <cstdint>

#include <hone/config.hpp>
#include <hone/core/dtype.hpp>

namespace hone::inline HONE_ABI {

/// The layout of a float of 8, 6 or 4 bits: sign, exponent, mantissa, from the highest bit down.
/// Source: ONNX "Float stored in 8 bits" and "Float stored in 4 bits"; OCP Microscaling Formats 1.0. What those leave open, NaN for the
/// types without one, is what the package ml_dtypes does, by which ONNX defines its reference.
struct SmallFloat {
  int exponent_bits;
  int mantissa_bits;
  int bias;
  std::uint8_t largest;   ///< code of the largest finite number
  std::uint8_t overflow;  ///< code that stands for larger ones unless they saturate, infinity or NaN, without the sign
  std::uint8_t nan;       ///< code that a positive NaN becomes
  bool unsigned_nan;      ///< there is one NaN, and no negative zero

  [[nodiscard]] static constexpr SmallFloat of(DType dtype) noexcept {
    switch (dtype) {
      case DType::float8e4m3fn:
        return {4, 3, 7, 0x7e, 0x7f, 0x7f, false};
      case DType::float8e4m3fnuz:
        return {4, 3, 8, 0x7f, 0x80, 0x80, true};
      case DType::float8e5m2:
        return {5, 2, 15, 0x7b, 0x7c, 0x7e, false};
      case DType::float8e5m2fnuz:
        return {5, 2, 16, 0x7f, 0x80, 0x80, true};
      // Those of fewer than 8 bits have neither infinity, which becomes the largest number, nor NaN, which becomes zero.
      case DType::float6e2m3:
        return {2, 3, 1, 0x1f, 0x1f, 0x20, false};
      case DType::float6e3m2:
        return {3, 2, 3, 0x1f, 0x1f, 0x20, false};
      default:
        return {2, 1, 1, 0x7, 0x7, 0x8, false};  // float4e2m1
    }
  }

  [[nodiscard]] constexpr float decode(std::uint8_t code) const noexcept {
    const unsigned sign_bit = 1U << (exponent_bits + mantissa_bits);
    const unsigned magnitude = code & (sign_bit - 1);
    const bool negative = (code & sign_bit) != 0;
    if (unsigned_nan ? code == nan : magnitude > largest) {
      if (overflow != nan && magnitude == overflow) return std::bit_cast<float>(negative ? 0xff800000U : 0x7f800000U);
      return std::bit_cast<float>(negative && !unsigned_nan ? 0xffc00000U : 0x7fc00000U);
    }
    const unsigned exponent = magnitude >> mantissa_bits;
    const unsigned fraction = magnitude & ((1U << mantissa_bits) - 1);
    const unsigned digits = exponent == 0 ? fraction : fraction + (1U << mantissa_bits);
    const float value = static_cast<float>(digits) * power(static_cast<int>(exponent == 0 ? 1 : exponent) - bias - mantissa_bits);
    return negative ? -value : value;
  }

  /// The nearest number, ties to even.
  [[nodiscard]] constexpr std::uint8_t encode(float value, bool saturate) const noexcept {
    const auto word = std::bit_cast<std::uint32_t>(value);
    const auto sign = static_cast<std::uint8_t>((word >> 31) << (exponent_bits + mantissa_bits));
    if (value != value) return static_cast<std::uint8_t>(unsigned_nan ? nan : nan ^ sign);
    const float magnitude = std::bit_cast<float>(word & 0x7fffffffU);
    unsigned code = overflow_code;
    if (magnitude < 65536.0F * 4) {
      const int exponent = static_cast<int>((word >> 23) & 0xff) - 127;
      const int lowest = 1 - bias;
      const int scale = (exponent < lowest ? lowest : exponent) - mantissa_bits;
      // Scaling by a power of two is exact; adding and taking away 1.5 * 2^23 rounds to an integer.
      const float scaled = magnitude * power(-scale);
      const auto digits = static_cast<unsigned>((scaled + 0x1.8p23F) - 0x1.8p23F);
      code = (static_cast<unsigned>(scale + mantissa_bits + bias - 1) << mantissa_bits) + digits;
    }
    if (code > largest) {
      if (!saturate && unsigned_nan) return nan;
      code = saturate ? largest : overflow;
    }
    return static_cast<std::uint8_t>(code == 0 && unsigned_nan ? 0 : code | sign);
  }

 private:
  static constexpr unsigned overflow_code = 0x7fffffff;
  /// 2^exponent. Precondition: that is a normal float.
  static constexpr float power(int exponent) noexcept { return std::bit_cast<float>(static_cast<std::uint32_t>(exponent + 127) << 23); }
};

/// float8e8m0: a power of two, or NaN.
struct PowerOfTwoFloat {
  enum class Rounding : std::uint8_t { up, down, nearest };

  [[nodiscard]] static constexpr float decode(std::uint8_t code) noexcept {
    if (code == 0xff) return std::bit_cast<float>(0x7fc00000U);
    return code == 0 ? 0x1p-127F : std::bit_cast<float>(static_cast<std::uint32_t>(code) << 23);
  }
  /// The exponent field of `value`, plus 1 when it rounds up. Infinity and NaN become NaN; the sign is lost.
  [[nodiscard]] static constexpr std::uint8_t encode(float value, bool saturate, Rounding rounding) noexcept {
    const auto word = std::bit_cast<std::uint32_t>(value);
    std::uint32_t exponent = (word >> 23) & 0xff;
    if (exponent == 0xff) return 0xff;
    const std::uint32_t fraction = word & 0x7fffff;
    constexpr std::uint32_t half = 0x400000;
    bool up = rounding == Rounding::up && fraction != 0;
    if (rounding == Rounding::nearest) up = fraction > half || (fraction == half && exponent > 0);
    if (up && !(saturate && exponent == 0xfe)) ++exponent;
    return static_cast<std::uint8_t>(exponent);
  }
};

}  // namespace hone::inline HONE_ABI
