#pragma once

#include <cstdint>
#include <cuda_runtime.h>

#include <hone/config.hpp>
#include <hone/kernels/cuda/block_reduce.cuh>
#include <hone/kernels/cuda/conv.cuh>
#include <hone/ops/pool.hpp>

namespace hone::inline HONE_ABI {

namespace cuda {

struct MaxWindow {
  template <class V>
  __device__ static V start() {
    return -INFINITY;
  }
  template <class V>
  __device__ static V add(V so_far, V x) {
    return x > so_far || x != x ? x : so_far;
  }
};
struct SumWindow {
  template <class V>
  __device__ static V start() {
    return 0;
  }
  template <class V>
  __device__ static V add(V so_far, V x) {
    return so_far + x;
  }
};

/// y[p, o] = the elements of x[p] under window o, combined by F, and divided by their number when `average`; elements of the padding count
/// when `count_padding`, as far as pad_end reaches. Shapes: x (planes, *) -> y (planes, *).
template <class F, bool Average, class T>
__global__ void pool_kernel(WindowGrid grid, std::int64_t n, std::int32_t padded0, std::int32_t padded1, std::int32_t padded2,
                            bool count_padding, const T* x, T* y) {
  using V = compute_t<T>;
  const std::int64_t outputs = grid.outputs();
  const std::int32_t taps = grid.taps();
  const std::int32_t padded[3] = {padded0, padded1, padded2};
  for (std::int64_t i = first_index(); i < n; i += index_step()) {
    const auto o = static_cast<std::int32_t>(i % outputs);
    const T* from = x + i / outputs * grid.inputs();
    V value = F::template start<V>();
    std::int32_t count = 0;
    for (std::int32_t t = 0; t < taps; ++t) {
      const std::int64_t at = grid.source(o, t);
      if (at < 0) continue;
      value = F::add(value, widen(from[at]));
      ++count;
    }
    if (Average && count_padding) {
      count = 1;
      std::int32_t rest = o;
      for (int d = WindowGrid::rank - 1; d >= 0; --d) {
        const std::int32_t begin = rest % grid.output[d] * grid.stride[d];  // in the padded axis
        rest /= grid.output[d];
        std::int32_t inside = 0;
        for (std::int32_t k = 0; k < grid.kernel[d]; ++k) inside += begin + k * grid.dilation[d] < padded[d] ? 1 : 0;
        count *= inside;
      }
    }
    y[i] = narrow<T>(Average ? value / static_cast<V>(count) : value);
  }
}

/// One block per plane.
template <class F, bool Average, class T>
__global__ void global_pool_kernel(std::int64_t length, const T* x, T* y) {
  using V = compute_t<T>;
  x += std::int64_t{blockIdx.x} * length;
  V value = F::template start<V>();
  for (std::int64_t i = threadIdx.x; i < length; i += blockDim.x) value = F::add(value, widen(x[i]));
  value = block_reduce(value, F::template start<V>(), [](V a, V b) { return F::add(a, b); });
  if (threadIdx.x == 0) y[blockIdx.x] = narrow<T>(Average ? value / static_cast<V>(length) : value);
}

template <class F, bool Average, class T>
void pool(Context& c, const ops::Window& window, bool count_padding) {
  const Shape& x = c.input(0).shape;
  const std::int64_t n = c.output(0).elements();
  if (n == 0 || !check_plane(c, x)) return;
  const WindowGrid grid(window, x, nullptr);
  std::int32_t padded[WindowGrid::rank] = {1, 1, 1};
  const std::size_t spatial = x.rank() - 2;
  for (std::size_t i = 0; i < spatial; ++i) {
    const auto axis = window.axis(i, spatial, x[i + 2], 1);
    padded[WindowGrid::rank - spatial + i] = static_cast<std::int32_t>(axis.pad_begin + axis.input + axis.pad_end);
  }
  launch(c, pool_kernel<F, Average, T>, blocks_for(n), block_threads, grid, n, padded[0], padded[1], padded[2], count_padding, c.in<T>(0),
         c.out<T>(0));
}

template <class F, bool Average, class T>
class GlobalPoolKernel {
 public:
  GlobalPoolKernel(const NodeView&, const GpuDevice&) {}
  void run(Context& c) const {
    const Shape& x = c.input(0).shape;
    const std::int64_t length = x.elements(2, x.rank());
    if (x.elements() == 0) return;
    launch(c, global_pool_kernel<F, Average, T>, static_cast<unsigned>(x[0] * x[1]), threads_for_row(length), length, c.in<T>(0),
           c.out<T>(0));
  }
};

}  // namespace cuda

template <class T>
class Kernel<ops::MaxPool, Cuda, T> {
 public:
  static Support supports(const NodeView& node) {
    if (node.has_output(1)) return Support::no("the indices of the maxima");
    return cuda::supports_windows(node, node.op<ops::MaxPool>().window);
  }
  Kernel(const NodeView& node, const cuda::GpuDevice&) : op_(node.op<ops::MaxPool>()) {}
  void run(Context& c) const { cuda::pool<cuda::MaxWindow, false, T>(c, op_.window, false); }

 private:
  ops::MaxPool op_;
};

template <class T>
class Kernel<ops::AveragePool, Cuda, T> {
 public:
  static Support supports(const NodeView& node) { return cuda::supports_windows(node, node.op<ops::AveragePool>().window); }
  Kernel(const NodeView& node, const cuda::GpuDevice&) : op_(node.op<ops::AveragePool>()) {}
  void run(Context& c) const { cuda::pool<cuda::SumWindow, true, T>(c, op_.window, op_.count_include_pad); }

 private:
  ops::AveragePool op_;
};

// clang-format off
template <class T> class Kernel<ops::GlobalAveragePool, Cuda, T> : public cuda::GlobalPoolKernel<cuda::SumWindow, true, T> { using cuda::GlobalPoolKernel<cuda::SumWindow, true, T>::GlobalPoolKernel; };
template <class T> class Kernel<ops::GlobalMaxPool, Cuda, T> : public cuda::GlobalPoolKernel<cuda::MaxWindow, false, T> { using cuda::GlobalPoolKernel<cuda::MaxWindow, false, T>::GlobalPoolKernel; };
// clang-format on

}  // namespace hone::inline HONE_ABI
