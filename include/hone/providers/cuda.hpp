#pragma once

#include <cstddef>
#include <limits>
#include <map>
#include <memory>
#include <string>

#include <hone/config.hpp>
#include <hone/providers/provider.hpp>

namespace hone::inline HONE_ABI {

namespace cuda {
class GpuDevice;
}  // namespace cuda

/// The provider for NVIDIA GPUs, which hone::cuda brings. Plain C++: no header of CUDA is needed to use it.
struct Cuda {
  using Device = cuda::GpuDevice;

  /// The number of the GPU, as CUDA counts them.
  int device_id = 0;
  /// Bytes that the sessions of this provider may have on the GPU, weights and arenas.
  std::size_t gpu_mem_limit = std::numeric_limits<std::size_t>::max();
  /// Multiply float32 by tensor cores, which round the factors to 10 bits after the point.
  bool use_tf32 = false;
  /// A cudaStream_t on which all work is put; null: each run has a stream of its own. Runs at the same time share it.
  void* user_compute_stream = nullptr;

  friend bool operator==(const Cuda&, const Cuda&) = default;

  /// From text, by the names of the members: {{"device_id", "0"}, {"use_tf32", "1"}}.
  /// Errors: invalid_argument for a name there is not, which lists those there are, or a value that is none.
  [[nodiscard]] static Cuda from(const std::map<std::string, std::string>& options);

  /// Errors: invalid_argument when no GPU can be used (see cuda_unavailable()), or for a device_id that there is not.
  [[nodiscard]] std::shared_ptr<const Provider> provider() const;
};

/// Why no GPU can be used here ("no CUDA-capable device is detected"); empty when one can.
[[nodiscard]] std::string cuda_unavailable();

}  // namespace hone::inline HONE_ABI
