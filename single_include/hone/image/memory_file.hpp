#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>

#include <hone/hone.hpp>

namespace hone::inline HONE_ABI::detail {

/// Bytes that a library reads through functions of a file.
class MemoryFile {
 public:
  explicit MemoryFile(std::span<const std::byte> bytes) noexcept : bytes_(bytes) {}

  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }
  [[nodiscard]] std::size_t position() const noexcept { return position_; }
  /// Copies `count` bytes, or as many as are left, and gives their number.
  std::size_t read(void* to, std::size_t count) noexcept {
    const std::size_t n = std::min(count, bytes_.size() - position_);
    if (n != 0) std::memcpy(to, bytes_.data() + position_, n);
    position_ += n;
    return n;
  }
  /// Goes to `position`, or to the end where that is beyond it, and says where it is.
  std::size_t move_to(std::size_t position) noexcept { return position_ = std::min(position, bytes_.size()); }

 private:
  std::span<const std::byte> bytes_;
  std::size_t position_ = 0;
};

}  // namespace hone::inline HONE_ABI::detail
