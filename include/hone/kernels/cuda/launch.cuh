#pragma once

#include <algorithm>
#include <cstdint>
#include <cuda_runtime.h>
#include <utility>

#include <hone/config.hpp>
#include <hone/kernels/cuda/gpu_device.cuh>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI::cuda {

/// Threads of a block where nothing says otherwise: 8 warps hide latencies, and any GPU holds several such blocks per multiprocessor.
inline constexpr unsigned block_threads = 256;
inline constexpr unsigned warp_threads = 32;
inline constexpr unsigned full_warp = 0xffffffffu;

[[nodiscard]] inline GpuQueue& queue_of(const Context& c) { return static_cast<GpuQueue&>(*c.queue()); }

/// A failure that CUDA reports becomes that of the node.
inline void report(Context& c, cudaError_t error) {
  if (error != cudaSuccess) c.fail("CUDA: ", cudaGetErrorString(error));
}

/// kernel(arguments...) on the stream of the run.
template <class... P, class... A>
void launch(Context& c, void (*kernel)(P...), dim3 grid, dim3 block, A&&... arguments) {
  const CurrentDevice current(queue_of(c).device());
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = block;
  config.stream = queue_of(c).stream();
  report(c, cudaLaunchKernelEx(&config, kernel, static_cast<P>(std::forward<A>(arguments))...));
}

/// Blocks for `count` threads' work, of which each does `per_thread`; loops over the grid take what is left beyond the largest grid.
[[nodiscard]] inline unsigned blocks_for(std::int64_t count, std::int64_t per_thread = 1) noexcept {
  constexpr std::int64_t most = std::int64_t{1} << 30;
  const std::int64_t per_block = std::int64_t{block_threads} * per_thread;
  return static_cast<unsigned>(std::clamp<std::int64_t>((count + per_block - 1) / per_block, 1, most));
}

/// The index of this thread in a grid of one dimension, and the distance to its next element.
__device__ inline std::int64_t first_index() { return std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; }
__device__ inline std::int64_t index_step() { return std::int64_t{gridDim.x} * blockDim.x; }

}  // namespace hone::inline HONE_ABI::cuda
