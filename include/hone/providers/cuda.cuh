#pragma once

// Defines what <hone/providers/cuda.hpp> declares: include it in one .cu file of a program, or link hone::cuda, which does so.

#include <array>
#include <charconv>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/text.hpp>
#include <hone/kernels/cuda/gpu_device.cuh>
#include <hone/providers/cuda.hpp>
#include <hone/providers/cuda_kernels.cuh>

namespace hone::inline HONE_ABI {

/// Offers the CUDA kernels on one GPU.
class CudaProvider final : public Provider {
 public:
  using Entry = KernelEntry<cuda::GpuDevice>;

  CudaProvider(const Cuda& options, std::span<const std::span<const Entry>> lists)
      : gpu_(std::make_shared<const cuda::GpuDevice>(options)) {
    for (const auto& list : lists)
      for (const Entry& entry : list) entries_.emplace(entry.op, &entry);
  }

  [[nodiscard]] std::string_view name() const noexcept override { return "CUDAExecutionProvider"; }
  [[nodiscard]] std::shared_ptr<const Device> device() const override { return gpu_; }
  [[nodiscard]] std::vector<const OpInfo*> operators() const override {
    std::vector<const OpInfo*> result;
    for (const auto& [op, entry] : entries_) result.push_back(op);
    return result;
  }
  [[nodiscard]] Placement place(const NodeView& node) const override {
    Placement placement;
    const auto found = entries_.find(&node.node().op->info());
    if (found == entries_.end()) {
      placement.refusal = "no kernel for the operator";
      return placement;
    }
    const KernelChoice<cuda::GpuDevice> choice = choose(*found->second, node);
    placement.refusal = choice.refusal;
    if (choice.kernel == nullptr) return placement;
    placement.kernel = choice.kernel->create(node, *gpu_);
    placement.name = choice.name;
    placement.refusal.clear();
    return placement;
  }
  [[nodiscard]] bool supports(const NodeView& node) const override {
    const auto found = entries_.find(&node.node().op->info());
    return found != entries_.end() && choose(*found->second, node).kernel != nullptr;
  }
  [[nodiscard]] bool is_equal(const Provider& other) const noexcept override {
    const auto* cuda = dynamic_cast<const CudaProvider*>(&other);
    return cuda != nullptr && cuda->gpu_->options() == gpu_->options();
  }

 private:
  std::shared_ptr<const cuda::GpuDevice> gpu_;
  std::unordered_map<const OpInfo*, const Entry*> entries_;
};

namespace detail {

template <class Number>
void read_option(std::string_view name, const std::string& text, Number& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size() && !text.empty()) return;
  fail(ErrorCode::invalid_argument, "the option ", name, " of the CUDA provider is '", text, "', which is no number that it takes");
}

inline void read_option(std::string_view name, const std::string& text, bool& value) {
  if (text != "0" && text != "1")
    fail(ErrorCode::invalid_argument, "the option ", name, " of the CUDA provider is '", text, "', neither 0 nor 1");
  value = text == "1";
}

}  // namespace detail

Cuda Cuda::from(const std::map<std::string, std::string>& options) {
  Cuda result;
  for (const auto& [name, text] : options) {
    if (name == "device_id") {
      detail::read_option(name, text, result.device_id);
    } else if (name == "gpu_mem_limit") {
      detail::read_option(name, text, result.gpu_mem_limit);
    } else if (name == "use_tf32") {
      detail::read_option(name, text, result.use_tf32);
    } else if (name == "user_compute_stream") {
      std::uintptr_t stream = 0;
      detail::read_option(name, text, stream);
      result.user_compute_stream = reinterpret_cast<void*>(stream);
    } else {
      fail(ErrorCode::invalid_argument, "the CUDA provider has no option '", name,
           "'; it has device_id, gpu_mem_limit, use_tf32, user_compute_stream");
    }
  }
  return result;
}

std::shared_ptr<const Provider> Cuda::provider() const {
  if (const std::string reason = cuda_unavailable(); !reason.empty())
    fail(ErrorCode::invalid_argument, "there is no CUDA device: ", reason);
  const std::array tables{KernelTable<Cuda, CudaBinaryKernels>::entries(), KernelTable<Cuda, CudaMatrixKernels>::entries(),
                          KernelTable<Cuda, CudaMovementKernels>::entries(), KernelTable<Cuda, CudaReductionKernels>::entries(),
                          KernelTable<Cuda, CudaUnaryKernels>::entries()};
  return std::make_shared<CudaProvider>(*this, tables);
}

std::string cuda_unavailable() {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error == cudaSuccess && count > 0) return {};
  return error == cudaSuccess ? "no CUDA-capable device is detected" : cudaGetErrorString(error);
}

}  // namespace hone::inline HONE_ABI
