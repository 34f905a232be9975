#pragma once

#include <cstdint>
#include <cuda_runtime.h>

#include <hone/config.hpp>
#include <hone/kernels/cuda/block_reduce.cuh>
#include <hone/kernels/cuda/element.cuh>
#include <hone/ops/normalization.hpp>

namespace hone::inline HONE_ABI {

namespace cuda {

/// Where the scale and bias of element `i` of row `row` stand: element (row % channels) * step + i * stride.
struct AffineLayout {
  std::int64_t channels = 1;
  std::int64_t step = 0;
  std::int64_t scale_stride = 1;
  std::int64_t bias_stride = 1;
};

/// y = (x - mean) / sqrt(variance + epsilon) * scale + bias per row of x (rows, length), without the mean when !Centred; one block per row.
/// The variance is taken around the mean, in a second pass over the row, which then is in a cache. `mean` and `inverse` may be null.
template <bool Centred, class T>
__global__ void normalize_kernel(std::int64_t length, compute_t<T> epsilon, AffineLayout layout, const T* x, const T* scale, const T* bias,
                                 T* y, compute_t<T>* mean_out, compute_t<T>* inverse_out) {
  using V = compute_t<T>;
  const auto add = [](V a, V b) { return a + b; };
  const std::int64_t row = blockIdx.x;
  x += row * length;
  y += row * length;
  V mean = 0;
  if (Centred) {
    for (std::int64_t i = threadIdx.x; i < length; i += blockDim.x) mean += widen(x[i]);
    mean = block_reduce(mean, V(0), add) / static_cast<V>(length);
  }
  V squares = 0;
  for (std::int64_t i = threadIdx.x; i < length; i += blockDim.x) {
    const V d = widen(x[i]) - mean;
    squares += d * d;
  }
  squares = block_reduce(squares, V(0), add);
  const V inverse = 1 / std::sqrt(squares / static_cast<V>(length) + epsilon);
  const std::int64_t first = row % layout.channels * layout.step;
  for (std::int64_t i = threadIdx.x; i < length; i += blockDim.x) {
    V value = (widen(x[i]) - mean) * inverse;
    if (scale != nullptr) value *= widen(scale[first + i * layout.scale_stride]);
    if (bias != nullptr) value += widen(bias[first + i * layout.bias_stride]);
    y[i] = narrow<T>(value);
  }
  if (threadIdx.x == 0) {
    if (mean_out != nullptr) mean_out[row] = mean;
    if (inverse_out != nullptr) inverse_out[row] = inverse;
  }
}

template <bool Centred, class T>
void normalize(Context& c, std::int64_t rows, std::int64_t length, float epsilon, const AffineLayout& layout) {
  using V = compute_t<T>;
  if (rows * length == 0) return;
  const auto in = [&](std::size_t i) { return c.has_input(i) ? c.in<const T>(i) : nullptr; };
  const auto statistic = [&](std::size_t i) { return c.has_output(i) ? c.out<V>(i) : nullptr; };
  launch(c, normalize_kernel<Centred, T>, static_cast<unsigned>(rows), threads_for_row(length), length, static_cast<V>(epsilon), layout,
         c.in<T>(0), in(1), in(2), c.out<T>(0), statistic(1), statistic(2));
}

template <class Op, bool Centred, class T>
class RowNormalization {
 public:
  RowNormalization(const NodeView& node, const GpuDevice&) : op_(node.op<Op>()) {}
  void run(Context& c) const {
    const Shape& x = c.input(0).shape;
    const std::size_t first = normalized_axis(op_.axis, x.rank());
    const auto stride = [&](std::size_t i) { return c.has_input(i) && c.input(i).elements() != 1 ? std::int64_t{1} : std::int64_t{0}; };
    normalize<Centred, T>(c, x.elements(0, first), x.elements(first, x.rank()), op_.epsilon, {1, 0, stride(1), stride(2)});
  }

 private:
  Op op_;
};

/// y = x * a + b per channel. Shapes: x (outer, channels, inner).
template <class T>
__global__ void channel_affine_kernel(std::int64_t n, std::int64_t channels, std::int64_t inner, compute_t<T> epsilon, const T* x,
                                      const T* scale, const T* bias, const T* mean, const T* variance, T* y) {
  using V = compute_t<T>;
  for (std::int64_t i = first_index(); i < n; i += index_step()) {
    const std::int64_t channel = i / inner % channels;
    const V a = widen(scale[channel]) / std::sqrt(widen(variance[channel]) + epsilon);
    y[i] = narrow<T>((widen(x[i]) - widen(mean[channel])) * a + widen(bias[channel]));
  }
}

}  // namespace cuda

// clang-format off
template <class T> class Kernel<ops::LayerNormalization, Cuda, T> : public cuda::RowNormalization<ops::LayerNormalization, true, T> { using cuda::RowNormalization<ops::LayerNormalization, true, T>::RowNormalization; };
template <class T> class Kernel<ops::RMSNormalization, Cuda, T> : public cuda::RowNormalization<ops::RMSNormalization, false, T> { using cuda::RowNormalization<ops::RMSNormalization, false, T>::RowNormalization; };
// clang-format on

template <class T>
class Kernel<ops::InstanceNormalization, Cuda, T> {
 public:
  Kernel(const NodeView& node, const cuda::GpuDevice&) : epsilon_(node.op<ops::InstanceNormalization>().epsilon) {}
  void run(Context& c) const {
    const Shape& x = c.input(0).shape;
    cuda::normalize<true, T>(c, x[0] * x[1], x.elements(2, x.rank()), epsilon_, {x[1], 1, 0, 0});
  }

 private:
  float epsilon_;
};

template <class T>
class Kernel<ops::BatchNormalization, Cuda, T> {
 public:
  static Support supports(const NodeView& node) {
    if (node.op<ops::BatchNormalization>().training) return Support::no("the training mode");
    for (std::size_t i = 1; i < 5; ++i)
      if (node.input_dtype(i) != dtype_of<T>) return Support::no("statistics of type ", hone::name(node.input_dtype(i)));
    for (std::size_t i = 1; i < 5; ++i)
      if (node.has_output(i)) return Support::no("running statistics");
    return Support::yes();
  }
  Kernel(const NodeView& node, const cuda::GpuDevice&) : epsilon_(node.op<ops::BatchNormalization>().epsilon) {}
  void run(Context& c) const {
    const Shape& x = c.input(0).shape;
    const std::int64_t n = x.elements();
    if (n == 0) return;
    const std::int64_t channels = x.rank() > 1 ? x[1] : 1;
    const std::int64_t inner = x.rank() > 2 ? x.elements(2, x.rank()) : 1;
    cuda::launch(c, cuda::channel_affine_kernel<T>, cuda::blocks_for(n), cuda::block_threads, n, channels, inner,
                 static_cast<cuda::compute_t<T>>(epsilon_), c.in<T>(0), c.in<T>(1), c.in<T>(2), c.in<T>(3), c.in<T>(4), c.out<T>(0));
  }

 private:
  float epsilon_;
};

}  // namespace hone::inline HONE_ABI
