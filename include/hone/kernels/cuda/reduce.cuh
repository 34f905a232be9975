#pragma once

#include <cstdint>
#include <cuda_runtime.h>
#include <type_traits>

#include <hone/config.hpp>
#include <hone/kernels/cuda/block_reduce.cuh>
#include <hone/kernels/cuda/strided_map.cuh>
#include <hone/kernels/reduction.hpp>

namespace hone::inline HONE_ABI {

namespace cuda {

template <class V>
__device__ V finish_reduction(ReductionFinish finish, V value, std::int64_t count) {
  switch (finish) {
    case ReductionFinish::divide_by_count:
      if constexpr (std::is_integral_v<V>) {
        return count == 0 ? V(0) : static_cast<V>(value / static_cast<V>(count));
      } else {
        return value / static_cast<V>(count);
      }
    case ReductionFinish::square_root:
      if constexpr (std::is_integral_v<V>) {
        return static_cast<V>(std::sqrt(static_cast<double>(value)));
      } else {
        return std::sqrt(value);
      }
    case ReductionFinish::logarithm:
      if constexpr (std::is_integral_v<V>) {
        return value;
      } else {
        return std::log(value);
      }
    default:
      return value;
  }
}

/// y[k] = finish(combine over r of lift(x[kept(k) + reduced(r)])): one block per element of y.
template <class F, class T>
__global__ void reduce_rows_kernel(F f, compute_t<T> identity, ReductionFinish finish, StridedMap<1> kept, StridedMap<1> reduced,
                                   const T* x, T* y) {
  using V = compute_t<T>;
  const T* row = x + kept.offsets(blockIdx.x).of[0];
  V value = identity;
  for (std::int64_t i = threadIdx.x; i < reduced.elements(); i += blockDim.x)
    value = f.combine(value, static_cast<V>(f.lift(widen(row[reduced.offsets(i).of[0]]))));
  value = block_reduce(value, identity, [f](V a, V b) { return static_cast<V>(f.combine(a, b)); });
  if (threadIdx.x == 0) y[blockIdx.x] = narrow<T>(finish_reduction(finish, value, reduced.elements()));
}

/// The same with one thread per element of y, for reductions whose neighbours in y are neighbours in x.
template <class F, class T>
__global__ void reduce_columns_kernel(F f, compute_t<T> identity, ReductionFinish finish, StridedMap<1> kept, StridedMap<1> reduced,
                                      const T* x, T* y) {
  using V = compute_t<T>;
  for (std::int64_t k = first_index(); k < kept.elements(); k += index_step()) {
    const T* column = x + kept.offsets(k).of[0];
    V value = identity;
    for (std::int64_t i = 0; i < reduced.elements(); ++i)
      value = f.combine(value, static_cast<V>(f.lift(widen(column[reduced.offsets(i).of[0]]))));
    y[k] = narrow<T>(finish_reduction(finish, value, reduced.elements()));
  }
}

}  // namespace cuda

template <class Op, class T>
requires requires { typename Reduction<Op>::F; }
class Kernel<Op, Cuda, T> {
 public:
  Kernel(const NodeView& node, const cuda::GpuDevice&) : noop_with_empty_axes_(node.op<Op>().noop_with_empty_axes) {}
  void run(Context& c) const {
    const ReductionBox box(c.input(0).shape, ops::ReducedAxes(c.input(0).shape.rank(), reduction_axes(c), noop_with_empty_axes_));
    const std::int64_t results = box.kept.elements();
    if (results == 0) return;
    const cuda::StridedMap<1> kept(box.kept);
    const cuda::StridedMap<1> reduced(box.reduced);
    const V identity = F::template identity<V>();
    constexpr ReductionFinish finish = Reduction<Op>::finish;
    if (box.reduces_rows) {
      cuda::launch(c, cuda::reduce_rows_kernel<F, T>, static_cast<unsigned>(results), cuda::threads_for_row(box.reduced.elements()), F{},
                   identity, finish, kept, reduced, c.in<T>(0), c.out<T>(0));
    } else {
      cuda::launch(c, cuda::reduce_columns_kernel<F, T>, cuda::blocks_for(results), cuda::block_threads, F{}, identity, finish, kept,
                   reduced, c.in<T>(0), c.out<T>(0));
    }
  }

 private:
  using F = typename Reduction<Op>::F;
  using V = cuda::compute_t<T>;

  bool noop_with_empty_axes_;
};

}  // namespace hone::inline HONE_ABI
