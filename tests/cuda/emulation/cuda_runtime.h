#pragma once

// What hone uses of the CUDA runtime, done by the host, so that kernels and everything around them are tested where there is no GPU: the
// threads of a block are fibers, blocks run one after the other, streams do their work at once. The memory of the "device" can be touched
// while a kernel or a copy runs, and at no other time, so that host code which reads a device pointer crashes here as it would there.
// Nothing about speed, memory models or rounding of the real device follows from it.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <tuple>
#include <utility>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __restrict__ __restrict
#define __shared__ static

struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x = 1, y = 1, z = 1;
  constexpr dim3(unsigned a = 1, unsigned b = 1, unsigned c = 1) : x(a), y(b), z(c) {}
};

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorNoDevice = 100,
  cudaErrorInvalidDevice = 101,
  cudaErrorInvalidResourceHandle = 400
};
enum cudaMemcpyKind { cudaMemcpyHostToHost, cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice, cudaMemcpyDefault };
struct EmulatedStream {
  int device;
};
using cudaStream_t = EmulatedStream*;
inline constexpr unsigned cudaStreamNonBlocking = 1;

struct cudaDeviceProp {
  char name[256];
  int major, minor, multiProcessorCount;
  std::size_t totalGlobalMem;
};
struct cudaLaunchAttribute;
struct cudaLaunchConfig_t {
  dim3 gridDim, blockDim;
  std::size_t dynamicSmemBytes;
  cudaStream_t stream;
  cudaLaunchAttribute* attrs;
  unsigned numAttrs;
};

extern "C++" {
const char* cudaGetErrorString(cudaError_t);
cudaError_t cudaGetDeviceCount(int*);
cudaError_t cudaGetDevice(int*);
cudaError_t cudaSetDevice(int);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp*, int);
cudaError_t cudaMalloc(void**, std::size_t);
cudaError_t cudaFree(void*);
cudaError_t cudaMallocHost(void**, std::size_t);
cudaError_t cudaFreeHost(void*);
cudaError_t cudaMemcpy(void*, const void*, std::size_t, cudaMemcpyKind);
cudaError_t cudaMemcpyAsync(void*, const void*, std::size_t, cudaMemcpyKind, cudaStream_t);
cudaError_t cudaMemsetAsync(void*, int, std::size_t, cudaStream_t);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t*, unsigned);
cudaError_t cudaStreamDestroy(cudaStream_t);
cudaError_t cudaStreamSynchronize(cudaStream_t);
cudaError_t cudaGetLastError();
}

namespace emulation {

/// Makes the memory of the device accessible while it lives.
class DeviceAccess {
 public:
  DeviceAccess();
  DeviceAccess(const DeviceAccess&) = delete;
  DeviceAccess& operator=(const DeviceAccess&) = delete;
  ~DeviceAccess();
};

/// body(argument) once per thread of the grid.
void run_grid(dim3 grid, dim3 block, void (*body)(void*), void* argument);
/// Waits for all threads of the block that have not ended.
void block_barrier();
/// Gives `value` (bytes of it) to the others of the warp and reads that of lane `source`.
void exchange(unsigned mask, const void* value, void* result, std::size_t bytes, unsigned source);
[[nodiscard]] unsigned lane();
/// What the cudaLaunchKernelEx of tests reports instead of success, once; see the tests of failing launches.
extern cudaError_t next_launch;

}  // namespace emulation

extern thread_local uint3 threadIdx, blockIdx;
extern thread_local dim3 blockDim, gridDim;

inline void __syncthreads() { emulation::block_barrier(); }
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lanes) {
  T result;
  emulation::exchange(mask, &value, &result, sizeof(T), emulation::lane() ^ static_cast<unsigned>(lanes));
  return result;
}
template <class T>
T __shfl_sync(unsigned mask, T value, int source) {
  T result;
  emulation::exchange(mask, &value, &result, sizeof(T), static_cast<unsigned>(source));
  return result;
}
inline unsigned __umulhi(unsigned a, unsigned b) { return static_cast<unsigned>(static_cast<std::uint64_t>(a) * b >> 32); }
template <class T>
T __ldg(const T* p) {
  return *p;
}
template <class T>
T atomicAdd(T* p, T value) {
  return std::exchange(*p, static_cast<T>(*p + value));
}

template <class... P, class... A>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(P...), A&&... arguments) {
  if (emulation::next_launch != cudaSuccess) return std::exchange(emulation::next_launch, cudaSuccess);
  int current = 0;
  cudaGetDevice(&current);
  if (config->stream == nullptr || config->stream->device != current) return cudaErrorInvalidResourceHandle;
  struct Call {
    void (*kernel)(P...);
    std::tuple<std::decay_t<P>...> arguments;
  } call{kernel, {static_cast<P>(arguments)...}};
  emulation::run_grid(
      config->gridDim, config->blockDim, [](void* c) { std::apply(static_cast<Call*>(c)->kernel, static_cast<Call*>(c)->arguments); },
      &call);
  return cudaSuccess;
}
