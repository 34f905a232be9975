#pragma once

#include <bit>
#include <cstdint>

#include <hone/config.hpp>

namespace hone::inline HONE_ABI {

/// IEEE 754 binary16. A storage type: arithmetic converts to float and back, rounding to nearest even.
struct Half {
  std::uint16_t bits = 0;

  constexpr Half() = default;
  constexpr explicit Half(float value) noexcept : bits(round(value)) {}
  constexpr operator float() const noexcept {
    const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
    const std::uint32_t magnitude = bits & 0x7fffu;
    if (magnitude >= 0x7c00u) return std::bit_cast<float>(sign | 0x7f800000u | ((magnitude & 0x3ffu) << 13));
    // Subnormals become normal floats when 2^-14 is added as the exponent of 2^-14 and taken away again.
    if (magnitude < 0x0400u) {
      const float value = static_cast<float>(magnitude) * 0x1p-24f;
      return sign != 0 ? -value : value;
    }
    return std::bit_cast<float>(sign | ((magnitude << 13) + 0x38000000u));
  }
  static constexpr Half from_bits(std::uint16_t bits) noexcept {
    Half result;
    result.bits = bits;
    return result;
  }

 private:
  static constexpr std::uint16_t round(float value) noexcept {
    const std::uint32_t word = std::bit_cast<std::uint32_t>(value);
    const std::uint16_t sign = static_cast<std::uint16_t>((word >> 16) & 0x8000u);
    std::uint32_t magnitude = word & 0x7fffffffu;
    if (magnitude > 0x7f800000u) return static_cast<std::uint16_t>(sign | 0x7e00u);
    if (magnitude >= 0x477ff000u) return static_cast<std::uint16_t>(sign | 0x7c00u);  // rounds to 65536 or more
    if (magnitude < 0x38800000u) {
      // Below 2^-14: adding 0.5 aligns the last bit of the sum with 2^-24, so that the addition itself rounds to nearest even.
      const float aligned = std::bit_cast<float>(magnitude) + 0.5f;
      return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(aligned) - 0x3f000000u));
    }
    magnitude += 0x0fffu + ((magnitude >> 13) & 1u);
    return static_cast<std::uint16_t>(sign | ((magnitude - 0x38000000u) >> 13));
  }
};

/// The upper half of an IEEE 754 binary32. A storage type: arithmetic converts to float and back, rounding to nearest even.
struct BFloat16 {
  std::uint16_t bits = 0;

  constexpr BFloat16() = default;
  constexpr explicit BFloat16(float value) noexcept {
    const std::uint32_t word = std::bit_cast<std::uint32_t>(value);
    bits = (word & 0x7fffffffu) > 0x7f800000u ? static_cast<std::uint16_t>((word >> 16) | 0x0040u)
                                              : static_cast<std::uint16_t>((word + 0x7fffu + ((word >> 16) & 1u)) >> 16);
  }
  constexpr operator float() const noexcept { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16); }
  static constexpr BFloat16 from_bits(std::uint16_t bits) noexcept {
    BFloat16 result;
    result.bits = bits;
    return result;
  }
};

/// The 8-bit floats of ONNX as storage: one byte an element, told apart by type.
struct Float8E4M3FN {
  std::uint8_t bits = 0;
};
struct Float8E4M3FNUZ {
  std::uint8_t bits = 0;
};
struct Float8E5M2 {
  std::uint8_t bits = 0;
};
struct Float8E5M2FNUZ {
  std::uint8_t bits = 0;
};
struct Float8E8M0 {
  std::uint8_t bits = 0;
};

/// Two (Int4x2, UInt4x2, Float4E2M1x2) or four (Int2x4, UInt2x4) elements in a byte, the first one in the lowest bits.
struct Int4x2 {
  std::uint8_t bits = 0;
};
struct UInt4x2 {
  std::uint8_t bits = 0;
};
struct Float4E2M1x2 {
  std::uint8_t bits = 0;
};
struct Int2x4 {
  std::uint8_t bits = 0;
};
struct UInt2x4 {
  std::uint8_t bits = 0;
};

/// A byte of the stream of bits in which four elements take three bytes, the first one in the lowest bits of the first byte.
struct Float6E2M3Packed {
  std::uint8_t bits = 0;
};
struct Float6E3M2Packed {
  std::uint8_t bits = 0;
};

}  // namespace hone::inline HONE_ABI
