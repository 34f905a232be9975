#pragma once

#include <cstddef>
#include <cstdint>
#include <cuda_runtime.h>

#include <hone/config.hpp>
#include <hone/kernels/cuda/box_copy.cuh>
#include <hone/kernels/cuda/launch.cuh>
#include <hone/ops/gather.hpp>

namespace hone::inline HONE_ABI {

namespace cuda {

/// y[o, i, :] = x[o, index[i], :]; negative indices count from the end. Shapes: x (outer, size, inner), y (outer, count, inner), in words.
/// An index out of range sets *failure to `out_of_range`.
template <std::size_t Size, class Index>
__global__ void gather_kernel(std::int64_t n, std::int64_t size, std::int64_t count, std::int64_t inner, const Word<Size>* x,
                              const Index* index, Word<Size>* y, const ValueFailure* out_of_range, const ValueFailure** failure) {
  for (std::int64_t i = first_index(); i < n; i += index_step()) {
    const std::int64_t within = i % inner;
    const std::int64_t row = i / inner;
    std::int64_t at = index[row % count];
    if (at < 0) at += size;
    if (at < 0 || at >= size) {
      *failure = out_of_range;
      continue;
    }
    y[i] = x[(row / count * size + at) * inner + within];
  }
}

}  // namespace cuda

template <>
class Kernel<ops::Gather, Cuda> {
 public:
  static Support supports(const NodeView& node) {
    const DType index = node.input_dtype(1);
    if (index != DType::int32 && index != DType::int64) return Support::no("indices of type ", hone::name(index));
    return cuda::movable(node.input_dtype(0));
  }
  Kernel(const NodeView& node, const cuda::GpuDevice&)
      : axis_(node.op<ops::Gather>().axis),
        out_of_range_{"an index is out of range", node.node().name, node.node().qualified_op(), node.node().opset} {}

  void run(Context& c) const {
    if (c.output(0).elements() == 0) return;
    const Shape& from = c.input(0).shape;
    const std::size_t along = normalized_axis(axis_, from.rank());
    const std::int64_t inner = from.stride(along);
    // Words as wide as a row of x allows.
    std::size_t size = element_size(c.input(0).dtype);
    std::int64_t words = inner;
    while (size < 16 && words % 2 == 0 && aligned(c.input(0).data, 2 * size) && aligned(c.output(0).data, 2 * size)) {
      size *= 2;
      words /= 2;
    }
    switch (size) {
      case 1:
        return run<1>(c, along, words);
      case 2:
        return run<2>(c, along, words);
      case 4:
        return run<4>(c, along, words);
      case 8:
        return run<8>(c, along, words);
      default:
        return run<16>(c, along, words);
    }
  }

 private:
  static bool aligned(const void* p, std::size_t to) { return reinterpret_cast<std::uintptr_t>(p) % to == 0; }

  template <std::size_t Size>
  void run(Context& c, std::size_t along, std::int64_t inner) const {
    const Shape& from = c.input(0).shape;
    const std::int64_t count = c.input(1).elements();
    const std::int64_t n = from.elements(0, along) * count * inner;
    const auto start = [&]<class Index>(const Index* index) {
      cuda::launch(c, cuda::gather_kernel<Size, Index>, cuda::blocks_for(n), cuda::block_threads, n, from[along], count, inner,
                   c.in<cuda::Word<Size>>(0), index, c.out<cuda::Word<Size>>(0), &out_of_range_, cuda::queue_of(c).failure());
    };
    c.input(1).dtype == DType::int32 ? start(c.in<std::int32_t>(1)) : start(c.in<std::int64_t>(1));
  }

  std::int64_t axis_;
  cuda::ValueFailure out_of_range_;
};

}  // namespace hone::inline HONE_ABI
