#pragma once

#include <cstdint>
#include <cuda_runtime.h>

#include <hone/config.hpp>
#include <hone/kernels/cuda/block_reduce.cuh>
#include <hone/kernels/cuda/element.cuh>
#include <hone/ops/softmax.hpp>

namespace hone::inline HONE_ABI {

namespace cuda {

/// y = exp(x - m) / s, or x - m - log(s) when Log, with m = max(x) and s = sum(exp(x - m)): one block per row.
/// Shapes: x and y (outer, length, inner); a row is (o, :, i).
template <bool Log, class T>
__global__ void softmax_kernel(std::int64_t length, std::int64_t inner, const T* x, T* y) {
  using V = compute_t<T>;
  const std::int64_t row = blockIdx.x;
  const std::int64_t first = row / inner * length * inner + row % inner;
  V largest = -INFINITY;
  for (std::int64_t i = threadIdx.x; i < length; i += blockDim.x) {
    const V value = widen(x[first + i * inner]);
    largest = value > largest || value != value ? value : largest;
  }
  largest = block_reduce(largest, V(-INFINITY), [](V a, V b) { return a > b || a != a ? a : b; });
  V sum = 0;
  for (std::int64_t i = threadIdx.x; i < length; i += blockDim.x) sum += std::exp(widen(x[first + i * inner]) - largest);
  sum = block_reduce(sum, V(0), [](V a, V b) { return a + b; });
  const V scale = Log ? std::log(sum) : 1 / sum;
  for (std::int64_t i = threadIdx.x; i < length; i += blockDim.x) {
    const V shifted = widen(x[first + i * inner]) - largest;
    y[first + i * inner] = narrow<T>(Log ? shifted - scale : std::exp(shifted) * scale);
  }
}

template <class Op, bool Log, class T>
class SoftmaxKernel {
 public:
  SoftmaxKernel(const NodeView& node, const GpuDevice&) : op_(node.op<Op>()) {}
  void run(Context& c) const {
    const auto rows = op_.rows(c.input(0).shape);
    if (rows.outer * rows.length * rows.inner == 0) return;
    launch(c, softmax_kernel<Log, T>, static_cast<unsigned>(rows.outer * rows.inner), threads_for_row(rows.length), rows.length, rows.inner,
           c.in<T>(0), c.out<T>(0));
  }

 private:
  Op op_;
};

}  // namespace cuda

// clang-format off
template <class T> class Kernel<ops::Softmax, Cuda, T> : public cuda::SoftmaxKernel<ops::Softmax, false, T> { using cuda::SoftmaxKernel<ops::Softmax, false, T>::SoftmaxKernel; };
template <class T> class Kernel<ops::LogSoftmax, Cuda, T> : public cuda::SoftmaxKernel<ops::LogSoftmax, true, T> { using cuda::SoftmaxKernel<ops::LogSoftmax, true, T>::SoftmaxKernel; };
// clang-format on

}  // namespace hone::inline HONE_ABI
