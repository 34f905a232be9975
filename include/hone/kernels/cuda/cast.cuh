#pragma once

#include <cstdint>
#include <cuda_runtime.h>
#include <type_traits>

#include <hone/config.hpp>
#include <hone/kernels/cuda/box_copy.cuh>
#include <hone/kernels/cuda/element.cuh>
#include <hone/kernels/cuda/launch.cuh>
#include <hone/ops/cast.hpp>

namespace hone::inline HONE_ABI {

namespace cuda {

/// visit(T{}) for the types that the GPU converts; false for others.
template <class Visit>
bool visit_castable(DType dtype, const Visit& visit) {
  switch (dtype) {
    case DType::boolean:
      return visit(bool{}), true;
    case DType::int8:
      return visit(std::int8_t{}), true;
    case DType::uint8:
      return visit(std::uint8_t{}), true;
    case DType::int32:
      return visit(std::int32_t{}), true;
    case DType::int64:
      return visit(std::int64_t{}), true;
    case DType::float32:
      return visit(float{}), true;
    case DType::float64:
      return visit(double{}), true;
    case DType::float16:
      return visit(Half{}), true;
    case DType::bfloat16:
      return visit(BFloat16{}), true;
    default:
      return false;
  }
}

/// Numbers that an integer does not hold are ONNX's to leave open: they go through int64, of which the lowest bits stay.
template <class To, class From>
__device__ To converted(From x) {
  const auto value = widen(x);
  if constexpr (std::is_same_v<To, bool>) {
    return value != 0;
  } else if constexpr (std::is_integral_v<To> && std::is_floating_point_v<decltype(value)>) {
    return static_cast<To>(static_cast<std::int64_t>(value));
  } else {
    return narrow<To>(static_cast<compute_t<To>>(value));
  }
}

template <class To, class From>
__global__ void cast_kernel(std::int64_t n, const From* x, To* y) {
  for (std::int64_t i = first_index(); i < n; i += index_step()) y[i] = converted<To>(x[i]);
}

}  // namespace cuda

template <>
class Kernel<ops::Cast, Cuda> {
 public:
  static Support supports(const NodeView& node) {
    for (const DType dtype : {node.input_dtype(0), node.output_dtype(0)})
      if (!cuda::visit_castable(dtype, [](auto) {})) return Support::no("conversions of ", hone::name(dtype));
    return Support::yes();
  }
  Kernel(const NodeView&, const cuda::GpuDevice&) {}
  void run(Context& c) const {
    if (c.input(0).dtype == c.output(0).dtype) return BoxCopy<Cuda>::whole(c, c.input(0), c.output(0));
    const std::int64_t n = c.output(0).elements();
    if (n == 0) return;
    cuda::visit_castable(c.input(0).dtype, [&](auto from) {
      cuda::visit_castable(c.output(0).dtype, [&](auto to) {
        using From = decltype(from);
        using To = decltype(to);
        cuda::launch(c, cuda::cast_kernel<To, From>, cuda::blocks_for(n), cuda::block_threads, n, c.in<From>(0), c.out<To>(0));
      });
    });
  }
};

}  // namespace hone::inline HONE_ABI
