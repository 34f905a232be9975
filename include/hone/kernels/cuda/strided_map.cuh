#pragma once

#include <cstddef>
#include <cstdint>
#include <cuda_runtime.h>

#include <hone/config.hpp>
#include <hone/core/shape.hpp>
#include <hone/kernels/cuda/element.cuh>
#include <hone/kernels/strided_box.hpp>

namespace hone::inline HONE_ABI::cuda {

/// Where the elements of a box lie in N arrays: a StridedBox as a kernel takes it.
template <std::size_t N>
class StridedMap {
 public:
  struct Offsets {
    std::int64_t of[N];
  };

  explicit StridedMap(const StridedBox<N>& box) : elements_(box.elements()), rank_(static_cast<int>(box.rank())) {
    for (int d = 0; d < rank_; ++d) {
      const auto at = static_cast<std::size_t>(d);
      sizes_[d] = box.size(at);
      if (sizes_[d] > 0 && fits_32_bits()) dividers_[d] = IndexDivider(static_cast<std::uint32_t>(box.size(at)));
      for (std::size_t a = 0; a < N; ++a) strides_[d][a] = box.strides(at)[a];
    }
  }

  [[nodiscard]] __host__ __device__ std::int64_t elements() const { return elements_; }

  /// Of element `i`, counted with the last dimension fastest.
  __device__ Offsets offsets(std::int64_t i) const {
    Offsets offsets{};
    if (fits_32_bits()) {
      auto rest = static_cast<std::uint32_t>(i);
      for (int d = rank_ - 1; d >= 0; --d) {
        const std::uint32_t next = dividers_[d].divide(rest);
        const std::int64_t at = rest - next * dividers_[d].divisor();
        rest = next;
        for (std::size_t a = 0; a < N; ++a) offsets.of[a] += at * strides_[d][a];
      }
    } else {
      for (int d = rank_ - 1; d >= 0; --d) {
        const std::int64_t at = i % sizes_[d];
        i /= sizes_[d];
        for (std::size_t a = 0; a < N; ++a) offsets.of[a] += at * strides_[d][a];
      }
    }
    return offsets;
  }

 private:
  [[nodiscard]] __host__ __device__ bool fits_32_bits() const { return elements_ < (std::int64_t{1} << 31); }

  std::int64_t elements_;
  int rank_;
  IndexDivider dividers_[2 * Shape::max_rank];
  std::int64_t sizes_[2 * Shape::max_rank]{};
  std::int64_t strides_[2 * Shape::max_rank][N]{};
};

}  // namespace hone::inline HONE_ABI::cuda
