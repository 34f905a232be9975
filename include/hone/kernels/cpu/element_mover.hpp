#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include <hone/config.hpp>
#include <hone/core/dtype.hpp>
#include <hone/core/packed_bits.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

/// Bytes that one thread moves at a time: enough to pay for waking it.
inline constexpr std::int64_t copy_block_bytes = 64 * 1024;

/// Copies and repeats elements of a type that is known at run time alone: bytes of any size, or strings. Pointers are to bytes, counts and
/// offsets in elements. Kernels that move elements drive it instead of being templates on types.
class ElementMover {
 public:
  /// Precondition: support(dtype).
  explicit ElementMover(DType dtype) noexcept : size_(static_cast<std::int64_t>(element_size(dtype))), strings_(dtype == DType::string) {}

  /// Elements that share a byte cannot be moved one by one.
  static Support support(DType dtype) {
    return element_size(dtype) != 0 ? Support::yes() : Support::no("no kernel for elements of type ", hone::name(dtype));
  }

  /// Bytes of an element.
  [[nodiscard]] std::int64_t size() const noexcept { return size_; }
  [[nodiscard]] bool strings() const noexcept { return strings_; }
  [[nodiscard]] const std::byte* at(const void* data, std::int64_t i) const noexcept {
    return static_cast<const std::byte*>(data) + i * size_;
  }
  [[nodiscard]] std::byte* at(void* data, std::int64_t i) const noexcept { return static_cast<std::byte*>(data) + i * size_; }
  /// Elements that are worth a thread, at least 1.
  [[nodiscard]] std::int64_t block() const noexcept { return std::max<std::int64_t>(copy_block_bytes / size_, 1); }

  /// Returns the end of the copies. Precondition: the two do not overlap.
  std::byte* copy(const std::byte* from, std::int64_t n, std::byte* to) const {
    if (n == 1) {
      copy_one(from, to);
    } else if (strings_) {
      copy_strings(from, n, to);
    } else if (n != 0) {
      std::memcpy(to, from, static_cast<std::size_t>(n * size_));
    }
    return to + n * size_;
  }

  /// n times the element at `value`, or zeros, or empty strings, when it is null. Returns their end.
  std::byte* fill(std::byte* to, std::int64_t n, const std::byte* value) const {
    if (n == 0) return to;
    const auto bytes = static_cast<std::size_t>(n * size_);
    if (strings_) {
      fill_strings(to, n, value);
    } else if (value == nullptr) {
      std::memset(to, 0, bytes);
    } else {
      copy_one(value, to);
      for (std::size_t done = static_cast<std::size_t>(size_), more = 0; done < bytes; done += more) {
        more = std::min(done, bytes - done);
        std::memcpy(to + done, to, more);
      }
    }
    return to + bytes;
  }

 private:
  void copy_one(const std::byte* from, std::byte* to) const {
    switch (size_) {
      case 1:
        *to = *from;
        return;
      case 2:
        std::memcpy(to, from, 2);
        return;
      case 4:
        std::memcpy(to, from, 4);
        return;
      case 8:
        std::memcpy(to, from, 8);
        return;
      default:
        if (strings_) return copy_strings(from, 1, to);
        std::memcpy(to, from, static_cast<std::size_t>(size_));
    }
  }
  HONE_COLD static void copy_strings(const std::byte* from, std::int64_t n, std::byte* to) {
    std::copy_n(reinterpret_cast<const std::string*>(from), n, reinterpret_cast<std::string*>(to));
  }
  HONE_COLD static void fill_strings(std::byte* to, std::int64_t n, const std::byte* value) {
    std::fill_n(reinterpret_cast<std::string*>(to), n, value != nullptr ? *reinterpret_cast<const std::string*>(value) : std::string());
  }

  std::int64_t size_;
  bool strings_;
};

/// Copies n elements of any type, from index `at` of `from` to index `to_at` of `to`; also of those that share bytes, whose neighbours
/// stay as they are.
inline void copy_elements(DType dtype, const void* from, std::int64_t at, std::int64_t n, void* to, std::int64_t to_at) {
  const int width = bit_width(dtype);
  if (width >= 8) {
    const ElementMover mover(dtype);
    mover.copy(mover.at(from, at), n, mover.at(to, to_at));
    return;
  }
  const auto* x = static_cast<const std::uint8_t*>(from);
  auto* y = static_cast<std::uint8_t*>(to);
  for (std::int64_t i = 0; i < n; ++i) set_packed_bits(y, to_at + i, width, packed_bits(x, at + i, width));
}

}  // namespace hone::inline HONE_ABI
