#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <string>
#include <utility>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <hone/config.hpp>
#include <hone/core/device.hpp>
#include <hone/core/dtype.hpp>
#include <hone/core/error.hpp>
#include <hone/core/shape.hpp>

namespace hone::inline HONE_ABI {

/// Alignment in bytes of all memory that hone allocates: a cache line, and the widest vector register.
inline constexpr std::size_t buffer_alignment = 64;

[[nodiscard]] constexpr std::size_t align_up(std::size_t bytes, std::size_t alignment = buffer_alignment) noexcept {
  return (bytes + alignment - 1) / alignment * alignment;
}

/// Bytes of host memory in the Buffers that this thread has made, less those that it has destroyed. The difference over a piece of code is
/// what the code keeps; that is how packed weights are counted, whichever kernel packs them.
[[nodiscard]] inline std::int64_t& thread_buffer_bytes() noexcept {
  thread_local std::int64_t bytes = 0;
  return bytes;
}

namespace detail {

/// Asks for large pages under what lies whole inside of the memory: weights are read once per run, and each page that they touch costs a
/// look-up.
inline void prefer_large_pages(void* data, std::size_t bytes) noexcept {
#if defined(MADV_HUGEPAGE)
  constexpr std::size_t page = std::size_t{1} << 21;
  const std::size_t skip = align_up(reinterpret_cast<std::size_t>(data), page) - reinterpret_cast<std::size_t>(data);
  if (bytes >= skip + page) ::madvise(static_cast<std::byte*>(data) + skip, (bytes - skip) / page * page, MADV_HUGEPAGE);
#else
  (void)data, (void)bytes;
#endif
}

}  // namespace detail

/// Owns memory for the elements of one tensor; strings are constructed and destroyed, all else is left uninitialised.
class Buffer {
 public:
  Buffer() = default;
  /// In the memory of `device`, which must outlive the buffer; null: of the host.
  /// Errors: resource_exhausted when there is no such memory.
  explicit Buffer(std::size_t bytes, const Device* device = nullptr) : bytes_(bytes), device_(device) {
    if (bytes == 0) return;
    if (device != nullptr) {
      data_ = device->allocate(bytes);
      return;
    }
    data_ = ::operator new (bytes, std::align_val_t{buffer_alignment}, std::nothrow);
    if (data_ == nullptr) fail(ErrorCode::resource_exhausted, "there is no memory for ", bytes, " bytes");
    detail::prefer_large_pages(data_, bytes);
    thread_buffer_bytes() += static_cast<std::int64_t>(bytes);
  }
  Buffer(DType dtype, const Shape& shape) : Buffer(checked_bytes(dtype, shape)) {
    if (dtype != DType::string) return;
    strings_ = static_cast<std::size_t>(shape.elements());
    for (std::size_t i = 0; i < strings_; ++i) ::new (static_cast<void*>(static_cast<std::string*>(data_) + i)) std::string;
  }
  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        bytes_(std::exchange(other.bytes_, 0)),
        strings_(std::exchange(other.strings_, 0)),
        device_(std::exchange(other.device_, nullptr)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    Buffer taken(std::move(other));
    std::swap(data_, taken.data_);
    std::swap(bytes_, taken.bytes_);
    std::swap(strings_, taken.strings_);
    std::swap(device_, taken.device_);
    return *this;
  }
  ~Buffer() {
    if (data_ == nullptr) return;
    if (device_ != nullptr) {
      device_->release(data_, bytes_);
      return;
    }
    for (std::size_t i = 0; i < strings_; ++i) static_cast<std::string*>(data_)[i].~basic_string();
    ::operator delete (data_, std::align_val_t{buffer_alignment});
    thread_buffer_bytes() -= static_cast<std::int64_t>(bytes_);
  }

  [[nodiscard]] void* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

  /// Makes the buffer hold at least `bytes`; the contents are lost when it grows. Not for strings.
  void reserve(std::size_t bytes, const Device* device = nullptr) {
    if (bytes > bytes_) *this = Buffer(bytes, device);
  }

 private:
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
  std::size_t strings_ = 0;
  const Device* device_ = nullptr;
};

}  // namespace hone::inline HONE_ABI
