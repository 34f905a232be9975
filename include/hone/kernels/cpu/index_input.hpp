#pragma once

#include <cstdint>

#include <hone/config.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

/// A tensor of int32 or int64 indices.
class IndexInput {
 public:
  explicit IndexInput(const TensorRef& tensor) noexcept : data_(tensor.data), wide_(tensor.dtype == DType::int64) {}
  [[nodiscard]] std::int64_t operator[](std::int64_t i) const noexcept {
    return wide_ ? static_cast<const std::int64_t*>(data_)[i] : static_cast<const std::int32_t*>(data_)[i];
  }

  /// True for int32 and int64.
  static bool accepts(DType dtype) noexcept { return dtype == DType::int32 || dtype == DType::int64; }
  static Support support(DType dtype) {
    return accepts(dtype) ? Support::yes() : Support::no("the indices must be int32 or int64, not ", hone::name(dtype));
  }

 private:
  const void* data_;
  bool wide_;
};

/// `index` counted from the front of an axis of size `size`.
[[nodiscard]] constexpr std::int64_t wrapped_index(std::int64_t index, std::int64_t size) noexcept {
  return index < 0 ? index + size : index;
}

/// True when `index` is in [-size, size).
[[nodiscard]] constexpr bool index_in_range(std::int64_t index, std::int64_t size) noexcept { return index >= -size && index < size; }

inline void fail_index(Context& c, std::int64_t index, std::size_t axis, std::int64_t size) {
  c.fail("index ", index, " is out of range for axis ", axis, " of size ", size);
}

/// Reports the first index outside [-size, size). Precondition: `indices` is int32 or int64.
[[nodiscard]] inline bool check_indices(Context& c, const TensorRef& indices, std::size_t axis, std::int64_t size) {
  const IndexInput index(indices);
  const std::int64_t n = indices.elements();
  bool good = true;
  for (std::int64_t i = 0; i < n; ++i) good &= index_in_range(index[i], size);
  if (good) return true;
  for (std::int64_t i = 0; i < n; ++i)
    if (!index_in_range(index[i], size)) {
      fail_index(c, index[i], axis, size);
      break;
    }
  return false;
}

/// Turns index tuples (n, depth) into offsets in a tensor whose first `depth` dimensions after `batch` they address.
class TupleIndex {
 public:
  TupleIndex(const Shape& data, std::size_t batch, std::size_t depth) noexcept : depth_(depth), batch_(batch) {
    for (std::size_t d = 0; d < depth; ++d) {
      sizes_[d] = data[batch + d];
      strides_[d] = data.stride(batch + d);
    }
  }
  /// Offset in elements. Precondition: the tuple is in range.
  [[nodiscard]] std::int64_t offset(const std::int64_t* tuple) const noexcept {
    std::int64_t sum = 0;
    for (std::size_t d = 0; d < depth_; ++d) sum += wrapped_index(tuple[d], sizes_[d]) * strides_[d];
    return sum;
  }
  /// Reports the first index of `count` tuples that is out of range.
  [[nodiscard]] bool check(Context& c, const std::int64_t* tuples, std::int64_t count) const {
    for (std::int64_t i = 0; i < count; ++i, tuples += depth_) {
      for (std::size_t d = 0; d < depth_; ++d) {
        if (index_in_range(tuples[d], sizes_[d])) continue;
        fail_index(c, tuples[d], batch_ + d, sizes_[d]);
        return false;
      }
    }
    return true;
  }

 private:
  std::size_t depth_;
  std::size_t batch_;
  std::array<std::int64_t, Shape::max_rank> sizes_{};
  std::array<std::int64_t, Shape::max_rank> strides_{};
};

}  // namespace hone::inline HONE_ABI
