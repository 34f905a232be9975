#pragma once

#include <cuda_runtime.h>

#include <hone/config.hpp>
#include <hone/kernels/cuda/launch.cuh>

namespace hone::inline HONE_ABI::cuda {

/// combine over the threads of a warp, the same in all of them. `combine` is associative and commutative; the order is that of a butterfly.
template <class V, class Combine>
__device__ V warp_reduce(V value, Combine combine) {
  for (int lanes = static_cast<int>(warp_threads) / 2; lanes > 0; lanes /= 2)
    value = combine(value, __shfl_xor_sync(full_warp, value, lanes));
  return value;
}

/// combine over the threads of a block, the same in all of them. Precondition: the block has whole warps, at most 32 of them, and all of
/// its threads come here.
template <class V, class Combine>
__device__ V block_reduce(V value, V identity, Combine combine) {
  __shared__ V partial[warp_threads];
  value = warp_reduce(value, combine);
  const unsigned lane = threadIdx.x % warp_threads;
  const unsigned warp = threadIdx.x / warp_threads;
  if (lane == 0) partial[warp] = value;
  __syncthreads();
  value = warp_reduce(lane < blockDim.x / warp_threads ? partial[lane] : identity, combine);
  __syncthreads();  // the next reduction writes partial again
  return value;
}

/// Threads for a row of `length` elements: a warp for short ones.
[[nodiscard]] inline unsigned threads_for_row(std::int64_t length) noexcept {
  unsigned threads = warp_threads;
  while (threads < 512 && threads * 8 < length) threads *= 2;
  return threads;
}

}  // namespace hone::inline HONE_ABI::cuda
