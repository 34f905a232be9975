#pragma once

#include <cstddef>
#include <cstdint>
#include <cuda_runtime.h>

#include <hone/config.hpp>
#include <hone/kernels/cuda/element.cuh>
#include <hone/kernels/cuda/launch.cuh>
#include <hone/ops/conv.hpp>

namespace hone::inline HONE_ABI {

namespace cuda {

/// The window of a convolution or a pool along up to three spatial dimensions; those there are not have size 1.
struct WindowGrid {
  static constexpr int rank = 3;
  std::int32_t input[rank] = {1, 1, 1};
  std::int32_t output[rank] = {1, 1, 1};
  std::int32_t kernel[rank] = {1, 1, 1};
  std::int32_t stride[rank] = {1, 1, 1};
  std::int32_t dilation[rank] = {1, 1, 1};
  std::int32_t pad[rank] = {0, 0, 0};

  /// Precondition: fits(x).
  template <class Window>
  WindowGrid(const Window& window, const Shape& x, const Shape* weights) {
    const std::size_t spatial = x.rank() - 2;
    for (std::size_t i = 0; i < spatial; ++i) {
      const auto axis = window.axis(i, spatial, x[i + 2], weights != nullptr ? (*weights)[i + 2] : 1);
      const std::size_t d = rank - spatial + i;
      input[d] = static_cast<std::int32_t>(axis.input);
      output[d] = static_cast<std::int32_t>(axis.output);
      kernel[d] = static_cast<std::int32_t>(axis.kernel);
      stride[d] = static_cast<std::int32_t>(axis.stride);
      dilation[d] = static_cast<std::int32_t>(axis.dilation);
      pad[d] = static_cast<std::int32_t>(axis.pad_begin);
    }
  }

  [[nodiscard]] __host__ __device__ std::int64_t inputs() const { return std::int64_t{input[0]} * input[1] * input[2]; }
  [[nodiscard]] __host__ __device__ std::int64_t outputs() const { return std::int64_t{output[0]} * output[1] * output[2]; }
  [[nodiscard]] __host__ __device__ std::int32_t taps() const { return kernel[0] * kernel[1] * kernel[2]; }

  /// Offset in its plane of the element that tap `t` of window `o` reads, -1 in the padding.
  __device__ std::int64_t source(std::int32_t o, std::int32_t t) const {
    std::int32_t at[rank];
#pragma unroll
    for (int d = rank - 1; d >= 0; --d) {
      at[d] = o % output[d] * stride[d] - pad[d] + t % kernel[d] * dilation[d];
      o /= output[d];
      t /= kernel[d];
      if (at[d] < 0 || at[d] >= input[d]) return -1;
    }
    return (std::int64_t{at[0]} * input[1] + at[1]) * input[2] + at[2];
  }
};

/// Sizes of an implicit product: per image and group, y (rows, windows) = w (rows, depth) * the matrix of windows (depth, windows), where
/// row c * taps + t of that matrix is tap t of channel c.
struct ConvSizes {
  std::int32_t groups;
  std::int32_t rows;      ///< output channels of a group
  std::int32_t channels;  ///< input channels of a group
};

/// Tiles of the product: a block computes 64 x 64 results, a thread 4 x 4 of them, so that each element in shared memory is used 64 times;
/// 16 steps of depth between two barriers.
struct ConvTile {
  static constexpr int rows = 64;
  static constexpr int columns = 64;
  static constexpr int depth = 16;
  static constexpr int thread = 4;
  static constexpr int threads = rows / thread * (columns / thread);
};

/// Source: implicit GEMM as in Chetlur et al., "cuDNN: Efficient Primitives for Deep Learning", 2014.
template <class T>
__global__ void __launch_bounds__(ConvTile::threads)
    conv_kernel(WindowGrid grid, ConvSizes sizes, const T* x, const T* w, const T* bias, T* y) {
  using V = compute_t<T>;
  using Tile = ConvTile;
  __shared__ V weights[Tile::depth][Tile::rows + 4];  // padded against conflicts of banks
  __shared__ V windows[Tile::depth][Tile::columns];
  const auto column_tiles = static_cast<unsigned>((grid.outputs() + Tile::columns - 1) / Tile::columns);
  const unsigned product = blockIdx.x / column_tiles;
  const std::int32_t group = static_cast<std::int32_t>(product) % sizes.groups;
  const std::int64_t image = product / static_cast<unsigned>(sizes.groups);
  const std::int32_t first_row = static_cast<std::int32_t>(blockIdx.y) * Tile::rows;
  const std::int32_t first_column = static_cast<std::int32_t>(blockIdx.x % column_tiles) * Tile::columns;
  const std::int32_t taps = grid.taps();
  const std::int32_t depth = sizes.channels * taps;
  const auto outputs = static_cast<std::int32_t>(grid.outputs());
  x += (image * sizes.groups + group) * sizes.channels * grid.inputs();
  w += std::int64_t{group} * sizes.rows * depth;

  const int t = static_cast<int>(threadIdx.x);
  const int row = t / (Tile::columns / Tile::thread) * Tile::thread;
  const int column = t % (Tile::columns / Tile::thread) * Tile::thread;
  V sums[Tile::thread][Tile::thread] = {};
  for (std::int32_t k = 0; k < depth; k += Tile::depth) {
    for (int i = t; i < Tile::rows * Tile::depth; i += Tile::threads) {
      const int r = i / Tile::depth;
      const int d = i % Tile::depth;
      const bool inside = first_row + r < sizes.rows && k + d < depth;
      weights[d][r] = inside ? widen(w[std::int64_t{first_row + r} * depth + k + d]) : V(0);
    }
    for (int i = t; i < Tile::columns * Tile::depth; i += Tile::threads) {
      const int d = i / Tile::columns;
      const int o = i % Tile::columns;
      V value = 0;
      if (k + d < depth && first_column + o < outputs) {
        const std::int64_t at = grid.source(first_column + o, (k + d) % taps);
        if (at >= 0) value = widen(x[(k + d) / taps * grid.inputs() + at]);
      }
      windows[d][o] = value;
    }
    __syncthreads();
#pragma unroll
    for (int d = 0; d < Tile::depth; ++d) {
#pragma unroll
      for (int i = 0; i < Tile::thread; ++i)
#pragma unroll
        for (int j = 0; j < Tile::thread; ++j) sums[i][j] += weights[d][row + i] * windows[d][column + j];
    }
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < Tile::thread; ++i) {
    const std::int32_t m = first_row + row + i;
    if (m >= sizes.rows) continue;
    const std::int64_t channel = std::int64_t{group} * sizes.rows + m;
    const V added = bias != nullptr ? widen(bias[channel]) : V(0);
    T* to = y + (image * sizes.groups * sizes.rows + channel) * outputs;
#pragma unroll
    for (int j = 0; j < Tile::thread; ++j) {
      const std::int32_t o = first_column + column + j;
      if (o < outputs) to[o] = narrow<T>(sums[i][j] + added);
    }
  }
}

/// A convolution whose groups have one input channel each: one thread per result.
template <class T>
__global__ void depthwise_conv_kernel(WindowGrid grid, ConvSizes sizes, std::int64_t n, const T* x, const T* w, const T* bias, T* y) {
  using V = compute_t<T>;
  const std::int64_t outputs = grid.outputs();
  const std::int32_t taps = grid.taps();
  for (std::int64_t i = first_index(); i < n; i += index_step()) {
    const auto o = static_cast<std::int32_t>(i % outputs);
    const std::int64_t plane = i / outputs;  // image * output channels + channel
    const std::int64_t channel = plane % (std::int64_t{sizes.groups} * sizes.rows);
    const T* from = x + plane / sizes.rows * grid.inputs();
    V sum = bias != nullptr ? widen(bias[channel]) : V(0);
    for (std::int32_t t = 0; t < taps; ++t) {
      const std::int64_t at = grid.source(o, t);
      if (at >= 0) sum += widen(from[at]) * widen(w[channel * taps + t]);
    }
    y[i] = narrow<T>(sum);
  }
}

/// Whether the windows have at most three dimensions, by what the model tells: kernel_shape, the weights or the input.
inline Support supports_windows(const NodeView& node, const ops::Window& window) {
  std::size_t spatial = window.kernel_shape.size();
  if (const TensorRef* weights = node.constant(1); spatial == 0 && weights != nullptr) spatial = weights->shape.rank() - 2;
  if (const auto& shape = node.graph()[node.node().inputs[0]].shape; spatial == 0 && shape) spatial = shape->size() - 2;
  if (spatial == 0) return Support::no("windows whose number of dimensions the model does not tell");
  return spatial <= WindowGrid::rank ? Support::yes() : Support::no("windows of ", spatial, " dimensions");
}

inline bool check_plane(Context& c, const Shape& shape) {
  if (shape.elements(2, shape.rank()) < (std::int64_t{1} << 31)) return true;
  c.fail("a plane of ", shape.elements(2, shape.rank()), " elements is more than this kernel counts");
  return false;
}

}  // namespace cuda

template <class T>
class Kernel<ops::Conv, Cuda, T> {
 public:
  static Support supports(const NodeView& node) { return cuda::supports_windows(node, node.op<ops::Conv>().window); }
  Kernel(const NodeView& node, const cuda::GpuDevice&) : op_(node.op<ops::Conv>()) {}
  void run(Context& c) const {
    const Shape& x = c.input(0).shape;
    const Shape& w = c.input(1).shape;
    const Shape& y = c.output(0).shape;
    if (y.elements() == 0 || !cuda::check_plane(c, x) || !cuda::check_plane(c, y)) return;
    const cuda::WindowGrid grid(op_.window, x, &w);
    const cuda::ConvSizes sizes{static_cast<std::int32_t>(op_.group), static_cast<std::int32_t>(w[0] / op_.group),
                                static_cast<std::int32_t>(w[1])};
    const T* bias = c.has_input(2) ? c.in<const T>(2) : nullptr;
    if (sizes.channels == 1 && sizes.groups > 1) {
      cuda::launch(c, cuda::depthwise_conv_kernel<T>, cuda::blocks_for(y.elements()), cuda::block_threads, grid, sizes, y.elements(),
                   c.in<T>(0), c.in<T>(1), bias, c.out<T>(0));
      return;
    }
    using Tile = cuda::ConvTile;
    const auto tiles = [](std::int64_t n, int size) { return static_cast<unsigned>((n + size - 1) / size); };
    // The only dimension of a grid that counts beyond 65,535 is the first.
    const dim3 blocks(tiles(grid.outputs(), Tile::columns) * static_cast<unsigned>(x[0] * op_.group), tiles(sizes.rows, Tile::rows));
    cuda::launch(c, cuda::conv_kernel<T>, blocks, Tile::threads, grid, sizes, c.in<T>(0), c.in<T>(1), bias, c.out<T>(0));
  }

 private:
  ops::Conv op_;
};

}  // namespace hone::inline HONE_ABI
