#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cuda_runtime.h>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <hone/config.hpp>
#include <hone/core/device.hpp>
#include <hone/core/error.hpp>
#include <hone/core/text.hpp>
#include <hone/kernels/cuda/blas.cuh>
#include <hone/providers/cuda.hpp>

namespace hone::inline HONE_ABI::cuda {

/// Errors: resource_exhausted when the memory of the GPU is out, else runtime_exception, with the words of CUDA.
inline void check(cudaError_t error, std::string_view what) {
  if (error == cudaSuccess) return;
  const ErrorCode code = error == cudaErrorMemoryAllocation ? ErrorCode::resource_exhausted : ErrorCode::runtime_exception;
  fail(code, what, ": CUDA: ", cudaGetErrorString(error));
}

/// Makes a GPU the current one of this thread while it lives.
class CurrentDevice {
 public:
  explicit CurrentDevice(int device) {
    cudaGetDevice(&before_);
    if (before_ != device) check(cudaSetDevice(device), "the choice of the GPU");
  }
  CurrentDevice(const CurrentDevice&) = delete;
  CurrentDevice& operator=(const CurrentDevice&) = delete;
  ~CurrentDevice() { cudaSetDevice(before_); }

 private:
  int before_ = 0;
};

/// What a kernel says of a value that its operator does not allow.
struct ValueFailure {
  std::string message;
  std::string node;
  std::string op;
  int opset = 0;
};

/// A stream.
class GpuQueue final : public DeviceQueue {
 public:
  GpuQueue(int device, cudaStream_t stream) : device_(device), stream_(stream), owned_(stream == nullptr) {
    const CurrentDevice current(device_);
    const ValueFailure** failure = nullptr;
    check(cudaMallocHost(reinterpret_cast<void**>(&failure), sizeof *failure), "memory that the GPU shares with the host");
    failure_.reset(failure);
    *failure = nullptr;
    if (owned_) check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "a stream");
  }
  GpuQueue(const GpuQueue&) = delete;
  GpuQueue& operator=(const GpuQueue&) = delete;
  ~GpuQueue() override {
    if (owned_) cudaStreamDestroy(stream_);
  }

  void copy(void* to, const void* from, std::size_t bytes) override {
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream_), "a copy");
  }
  void wait() override {
    check(cudaStreamSynchronize(stream_), "the work of a run");
    if (const ValueFailure* failure = std::exchange(*failure_, nullptr))
      throw Error(ErrorCode::runtime_exception, failure->message, failure->node, failure->op, failure->opset);
  }

  [[nodiscard]] int device() const noexcept { return device_; }
  [[nodiscard]] cudaStream_t stream() const noexcept { return stream_; }
  /// Where a kernel puts the address of a failure, which wait() throws: memory of the host that the GPU writes.
  [[nodiscard]] const ValueFailure** failure() const noexcept { return failure_.get(); }

 private:
  struct FreeHost {
    void operator()(const ValueFailure** memory) const noexcept { cudaFreeHost(static_cast<void*>(memory)); }
  };

  int device_;
  cudaStream_t stream_;
  bool owned_;
  std::unique_ptr<const ValueFailure*, FreeHost> failure_;
};

/// One GPU, with the options of its provider: what CUDA kernels are made for.
class GpuDevice final : public Device {
 public:
  /// Errors: invalid_argument, runtime_exception.
  explicit GpuDevice(const Cuda& options) : options_(options) {
    int count = 0;
    check(cudaGetDeviceCount(&count), "the search for GPUs");
    if (options.device_id < 0 || options.device_id >= count) {
      fail(ErrorCode::invalid_argument, "device_id is ", options.device_id, "; the GPUs are 0 to ", count - 1);
    }
    check(cudaGetDeviceProperties(&properties_, options.device_id), "the properties of the GPU");
    const CurrentDevice current(options.device_id);
    blas_ = std::make_unique<Blas>();
  }

  [[nodiscard]] std::string name() const override { return text("CUDA device ", options_.device_id, " (", properties_.name, ")"); }
  [[nodiscard]] void* allocate(std::size_t bytes) const override {
    if (const std::size_t before = used_.fetch_add(bytes); before + bytes > options_.gpu_mem_limit) {
      used_ -= bytes;
      fail(ErrorCode::resource_exhausted, name(), " would hold ", before + bytes, " bytes, and gpu_mem_limit is ", options_.gpu_mem_limit);
    }
    const CurrentDevice current(options_.device_id);
    void* memory = nullptr;
    if (const cudaError_t error = cudaMalloc(&memory, bytes); error != cudaSuccess) {
      used_ -= bytes;
      cudaGetLastError();
      check(error, text(bytes, " bytes on ", name()));
    }
    return memory;
  }
  void release(void* memory, std::size_t bytes) const noexcept override {
    cudaFree(memory);
    used_ -= bytes;
  }
  void copy(void* to, const void* from, std::size_t bytes) const override {
    const CurrentDevice current(options_.device_id);
    check(cudaMemcpy(to, from, bytes, cudaMemcpyDefault), "a copy");
  }
  [[nodiscard]] std::unique_ptr<DeviceQueue> make_queue() const override {
    return std::make_unique<GpuQueue>(options_.device_id, static_cast<cudaStream_t>(options_.user_compute_stream));
  }

  [[nodiscard]] const Cuda& options() const noexcept { return options_; }
  [[nodiscard]] const Blas& blas() const noexcept { return *blas_; }

 private:
  Cuda options_;
  cudaDeviceProp properties_{};
  std::unique_ptr<Blas> blas_;
  mutable std::atomic<std::size_t> used_ = 0;
};

}  // namespace hone::inline HONE_ABI::cuda
