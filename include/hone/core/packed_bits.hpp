#pragma once

#include <cstdint>

#include <hone/config.hpp>

namespace hone::inline HONE_ABI {

/// Element `i` of a stream of elements of `bits` bits, at most 8, the first one in the lowest bits of the first byte. Elements of 6 bits
/// may lie in two bytes: four of them take three. Source: ONNX TensorProto.raw_data.
[[nodiscard]] inline unsigned packed_bits(const std::uint8_t* data, std::int64_t i, int bits) noexcept {
  const std::int64_t at = i * bits;
  const auto shift = static_cast<int>(at % 8);
  const std::uint8_t* byte = data + at / 8;
  unsigned value = static_cast<unsigned>(*byte) >> shift;
  if (shift + bits > 8) value |= static_cast<unsigned>(byte[1]) << (8 - shift);
  return value & ((1U << bits) - 1);
}

/// Sets element `i` to the lowest bits of `value`; its neighbours stay as they are.
inline void set_packed_bits(std::uint8_t* data, std::int64_t i, int bits, unsigned value) noexcept {
  const std::int64_t at = i * bits;
  const auto shift = static_cast<int>(at % 8);
  std::uint8_t* byte = data + at / 8;
  const unsigned mask = ((1U << bits) - 1) << shift;
  const unsigned shifted = value << shift & mask;
  byte[0] = static_cast<std::uint8_t>((byte[0] & ~mask) | shifted);
  if (shift + bits > 8) byte[1] = static_cast<std::uint8_t>((byte[1] & ~(mask >> 8)) | shifted >> 8);
}

/// Sets element `i` and clears what follows it in its last byte: elements that are set in order, from the first one of a byte on, need no
/// memory that holds anything, and leave zeros behind the last one.
inline void append_packed_bits(std::uint8_t* data, std::int64_t i, int bits, unsigned value) noexcept {
  const std::int64_t at = i * bits;
  const auto shift = static_cast<int>(at % 8);
  std::uint8_t* byte = data + at / 8;
  const unsigned shifted = (value & ((1U << bits) - 1)) << shift;
  byte[0] = static_cast<std::uint8_t>((byte[0] & ((1U << shift) - 1)) | shifted);
  if (shift + bits > 8) byte[1] = static_cast<std::uint8_t>(shifted >> 8);
}

}  // namespace hone::inline HONE_ABI
