#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

#include <hone/config.hpp>
#include <hone/core/narrow_float.hpp>

namespace hone::inline HONE_ABI {

/// 64 bits for types of 64 bits, else 32.
template <class T>
using OrderKey = std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>;

/// An unsigned integer that orders as `value` does; -0 and +0 are equal, NaN is the largest.
template <class T>
[[nodiscard]] constexpr OrderKey<T> order_key(T value) noexcept {
  if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
    return order_key(static_cast<float>(value));
  } else {
    using Key = OrderKey<T>;
    constexpr Key sign = Key{1} << (8 * sizeof(Key) - 1);
    if constexpr (std::is_floating_point_v<T>) {
      if (value != value) return static_cast<Key>(~Key{0});
      const Key bits = std::bit_cast<Key>(value + T{0});  // -0 + 0 = +0
      return (bits & sign) != 0 ? static_cast<Key>(~bits) : static_cast<Key>(bits | sign);
    } else if constexpr (std::is_signed_v<T>) {
      return static_cast<Key>(static_cast<Key>(value) ^ sign);
    } else {
      return static_cast<Key>(value);
    }
  }
}

}  // namespace hone::inline HONE_ABI
