#pragma once

#include <cstddef>
#include <cstdint>
#include <cuda_runtime.h>
#include <type_traits>
#include <utility>

#include <hone/config.hpp>
#include <hone/kernels/cuda/launch.cuh>
#include <hone/kernels/cuda/strided_map.cuh>
#include <hone/kernels/functors.hpp>
#include <hone/ops/where.hpp>

namespace hone::inline HONE_ABI {

namespace cuda {

/// Elements that are read or written at once.
template <class T, int N>
struct alignas(sizeof(T) * N) Pack {
  T of[N];
};
/// As many as fit the widest access of a thread, 16 bytes.
template <class T>
inline constexpr int pack_size = static_cast<int>(16 / sizeof(T));

template <class T>
[[nodiscard]] bool is_packed(const T* p) {
  return reinterpret_cast<std::uintptr_t>(p) % 16 == 0;
}

/// y[i] = f(x[i]...) for arrays of n elements; N elements at once where all arrays are aligned to 16 bytes.
template <int N, class F, class Y, class... X>
__global__ void map_kernel(F f, std::int64_t n, Y* y, const X*... x) {
  const std::int64_t packs = n / N;
  for (std::int64_t i = first_index(); i < packs; i += index_step()) {
    Pack<Y, N> result;
    const auto apply = [&](const Pack<X, N>&... in) {
#pragma unroll
      for (int j = 0; j < N; ++j) result.of[j] = narrow<Y>(f(widen(in.of[j])...));
    };
    apply(reinterpret_cast<const Pack<X, N>*>(x)[i]...);
    reinterpret_cast<Pack<Y, N>*>(y)[i] = result;
  }
  for (std::int64_t i = packs * N + first_index(); i < n; i += index_step()) y[i] = narrow<Y>(f(widen(x[i])...));
}

/// y[i] = f(x[map of i]...), y dense.
template <class F, class Y, class... X>
__global__ void map_strided_kernel(F f, StridedMap<sizeof...(X)> map, Y* y, const X*... x) {
  for (std::int64_t i = first_index(); i < map.elements(); i += index_step()) {
    const auto at = map.offsets(i);
    std::size_t next = 0;
    // Braces fix the order in which the offsets are taken.
    const struct { std::int64_t of[sizeof...(X)]; } offsets{{((void)x, at.of[next++])...}};
    next = 0;
    y[i] = [&]<std::size_t... I>(std::index_sequence<I...>) { return narrow<Y>(f(widen(x[offsets.of[I]])...)); }
    (std::index_sequence_for<X...>{});
  }
}

/// y = f(x...), the inputs broadcast to the shape of y. Precondition: y may be one of the inputs only where that has its shape.
template <class F, class Y, class... X>
void map(Context& c, const F& f, Y* y, const Shape& to, const std::pair<const X*, Shape>&... x) {
  const std::int64_t n = to.elements();
  if (n == 0) return;
  if ((... && (x.second.elements() == n))) {
    constexpr int widest = std::min({pack_size<Y>, pack_size<X>...});
    if (is_packed(y) && (... && is_packed(x.first))) {
      launch(c, map_kernel<widest, F, Y, X...>, blocks_for(n, widest), block_threads, f, n, y, x.first...);
    } else {
      launch(c, map_kernel<1, F, Y, X...>, blocks_for(n), block_threads, f, n, y, x.first...);
    }
    return;
  }
  StridedBox<sizeof...(X)> box;
  for (std::size_t d = 0; d < to.rank(); ++d) box.push_back(to[d], {broadcast_stride(x.second, to, d)...});
  launch(c, map_strided_kernel<F, Y, X...>, blocks_for(n), block_threads, f, StridedMap<sizeof...(X)>(box), y, x.first...);
}

}  // namespace cuda

template <UnaryOp Op, class T>
class Kernel<Op, Cuda, T> {
 public:
  Kernel(const NodeView& node, const cuda::GpuDevice&) : f_(functor(node.op<Op>())) {}
  void run(Context& c) const { cuda::map(c, f_, c.out<T>(0), c.output(0).shape, std::pair(c.in<T>(0), c.input(0).shape)); }

 private:
  decltype(functor(std::declval<const Op&>())) f_;
};

template <class T>
class Kernel<ops::Gelu, Cuda, T> {
 public:
  Kernel(const NodeView& node, const cuda::GpuDevice&) : tanh_(node.op<ops::Gelu>().tanh) {}
  void run(Context& c) const { tanh_ ? run(c, simd::GeluTanh{}) : run(c, simd::Gelu{}); }

 private:
  template <class F>
  static void run(Context& c, const F& f) {
    cuda::map(c, f, c.out<T>(0), c.output(0).shape, std::pair(c.in<T>(0), c.input(0).shape));
  }
  bool tanh_;
};

template <BinaryOp Op, class T>
class Kernel<Op, Cuda, T> {
 public:
  Kernel(const NodeView& node, const cuda::GpuDevice&) : op_(node.op<Op>()) {}
  void run(Context& c) const {
    const Shape& a = c.input(0).shape;
    const Shape& b = c.input(1).shape;
    cuda::map(c, F{}, c.out<Y>(0), c.output(0).shape, std::pair(c.in<T>(0), a), std::pair(c.in<T>(1), op_.right_shape(a, b)));
  }

 private:
  using F = decltype(functor(std::declval<const Op&>()));
  using V = cuda::compute_t<T>;
  using Y = std::conditional_t<std::is_same_v<decltype(F{}(V{}, V{})), bool>, bool, T>;

  Op op_;
};

/// Folds any number of inputs, two at a time.
template <VariadicOp Op, class T>
class Kernel<Op, Cuda, T> {
 public:
  Kernel(const NodeView&, const cuda::GpuDevice&) {}
  void run(Context& c) const {
    const Shape& to = c.output(0).shape;
    T* y = c.out<T>(0);
    auto so_far = std::pair(c.in<T>(0), c.input(0).shape);
    if (c.input_count() == 1) return cuda::map(c, simd::Identity{}, y, to, so_far);
    for (std::size_t i = 1; i < c.input_count(); ++i) {
      cuda::map(c, functor(Op{}), y, to, so_far, std::pair(c.in<T>(i), c.input(i).shape));
      so_far = {y, to};
    }
  }
};

namespace cuda {

struct Not {
  __host__ __device__ bool operator()(bool x) const { return !x; }
};

template <class T>
__global__ void clip_kernel(std::int64_t n, const T* x, const T* lo, const T* hi, T* y) {
  using V = compute_t<T>;
  for (std::int64_t i = first_index(); i < n; i += index_step()) {
    V value = widen(x[i]);
    if (lo != nullptr) value = value < widen(*lo) ? widen(*lo) : value;
    if (hi != nullptr) value = value > widen(*hi) ? widen(*hi) : value;
    y[i] = narrow<T>(value);
  }
}

template <class V>
struct Scale {
  V factor;
  __host__ __device__ V operator()(V x) const { return factor * x; }
};
template <class V>
struct Power {
  __host__ __device__ V operator()(V a, V b) const { return std::pow(a, b); }
};

template <std::size_t Size>
__global__ void where_kernel(StridedMap<3> map, const bool* condition, const Bytes<Size>* a, const Bytes<Size>* b, Bytes<Size>* y) {
  for (std::int64_t i = first_index(); i < map.elements(); i += index_step()) {
    const auto at = map.offsets(i);
    y[i] = condition[at.of[0]] ? a[at.of[1]] : b[at.of[2]];
  }
}

}  // namespace cuda

template <>
class Kernel<ops::Not, Cuda, bool> {
 public:
  Kernel(const NodeView&, const cuda::GpuDevice&) {}
  void run(Context& c) const { cuda::map(c, cuda::Not{}, c.out<bool>(0), c.output(0).shape, std::pair(c.in<bool>(0), c.input(0).shape)); }
};

template <class T>
class Kernel<ops::Clip, Cuda, T> {
 public:
  Kernel(const NodeView&, const cuda::GpuDevice&) {}
  void run(Context& c) const {
    const std::int64_t n = c.output(0).elements();
    if (n == 0) return;
    const auto bound = [&](std::size_t i) { return c.has_input(i) ? c.in<const T>(i) : nullptr; };
    cuda::launch(c, cuda::clip_kernel<T>, cuda::blocks_for(n), cuda::block_threads, n, c.in<T>(0), bound(1), bound(2), c.out<T>(0));
  }
};

template <class T>
class Kernel<ops::Pow, Cuda, T> {
 public:
  static Support supports(const NodeView& node) {
    return node.input_dtype(1) == dtype_of<T> ? Support::yes() : Support::no("an exponent of type ", hone::name(node.input_dtype(1)));
  }
  Kernel(const NodeView& node, const cuda::GpuDevice&) : op_(node.op<ops::Pow>()) {}
  void run(Context& c) const {
    const Shape& a = c.input(0).shape;
    cuda::map(c, cuda::Power<cuda::compute_t<T>>{}, c.out<T>(0), c.output(0).shape, std::pair(c.in<T>(0), a),
              std::pair(c.in<T>(1), op_.right_shape(a, c.input(1).shape)));
  }

 private:
  ops::Pow op_;
};

/// By size of the elements.
template <>
class Kernel<ops::Where, Cuda> {
 public:
  static Support supports(const NodeView& node) { return cuda::movable(node.input_dtype(1)); }
  Kernel(const NodeView&, const cuda::GpuDevice&) {}
  void run(Context& c) const {
    switch (element_size(c.output(0).dtype)) {
      case 1:
        return run<1>(c);
      case 2:
        return run<2>(c);
      case 4:
        return run<4>(c);
      case 8:
        return run<8>(c);
      default:
        return run<16>(c);
    }
  }

 private:
  template <std::size_t Size>
  static void run(Context& c) {
    const Shape& to = c.output(0).shape;
    if (to.elements() == 0) return;
    StridedBox<3> box;
    for (std::size_t d = 0; d < to.rank(); ++d) {
      box.push_back(to[d], {broadcast_stride(c.input(0).shape, to, d), broadcast_stride(c.input(1).shape, to, d),
                            broadcast_stride(c.input(2).shape, to, d)});
    }
    using T = Bytes<Size>;
    cuda::launch(c, cuda::where_kernel<Size>, cuda::blocks_for(to.elements()), cuda::block_threads, cuda::StridedMap<3>(box), c.in<bool>(0),
                 c.in<T>(1), c.in<T>(2), c.out<T>(0));
  }
};

}  // namespace hone::inline HONE_ABI
