#pragma once

#include <cstddef>
#include <cstdint>
#include <cuda_runtime.h>
#include <type_traits>

#include <hone/config.hpp>
#include <hone/kernels/cuda/blas.cuh>
#include <hone/kernels/cuda/box_copy.cuh>
#include <hone/kernels/cuda/elementwise.cuh>
#include <hone/ops/gemm.hpp>
#include <hone/ops/matmul.hpp>

namespace hone::inline HONE_ABI {

namespace cuda {

/// Fills `to` with zeros: what a product over no elements is.
inline void clear(Context& c, const TensorRef& to) {
  if (to.bytes() == 0) return;
  const CurrentDevice current(queue_of(c).device());
  report(c, cudaMemsetAsync(to.data, 0, to.bytes(), queue_of(c).stream()));
}

inline void multiply(Context& c, const Products& products, const Product& product) {
  const CurrentDevice current(queue_of(c).device());
  if (const char* error = products.run(product, c.workspace(), queue_of(c).stream())) c.fail("cuBLASLt: ", error);
}

}  // namespace cuda

/// Batches whose matrices lie at equal distances are one call; others are a call for each run of such matrices.
template <class T>
class Kernel<ops::MatMul, Cuda, T> {
 public:
  Kernel(const NodeView&, const cuda::GpuDevice& device) : products_(device.blas(), cuda::blas_type<T>, device.options().use_tf32) {}

  [[nodiscard]] std::size_t workspace(const Context&) const { return cuda::Blas::workspace_bytes; }

  void run(Context& c) const {
    Shape a = c.input(0).shape;
    Shape b = c.input(1).shape;
    if (a.rank() == 1) a.insert(0, 1);
    if (b.rank() == 1) b.push_back(1);
    cuda::Product product;
    product.m = a[a.rank() - 2];
    product.k = a.back();
    product.n = b.back();
    if (c.output(0).elements() == 0) return;
    if (product.k == 0) return cuda::clear(c, c.output(0));
    Shape batch = broadcast(Shape(a.dims().first(a.rank() - 2)), Shape(b.dims().first(b.rank() - 2)));
    if (b.rank() == 2) {  // one product, however many rows
      product.m *= batch.elements();
      batch = Shape();
    }
    // Array 0 is a, 1 is b, 2 is y, in matrices.
    StridedBox<3> box;
    const Shape batch_a(a.dims().first(b.rank() == 2 ? 0 : a.rank() - 2));
    const Shape batch_b(b.dims().first(b.rank() - 2));
    for (std::size_t d = 0; d < batch.rank(); ++d)
      box.push_back(batch[d], {broadcast_stride(batch_a, batch, d), broadcast_stride(batch_b, batch, d), batch.stride(d)});
    const auto strides = box.row_strides();
    const std::int64_t size_a = product.m * product.k;
    const std::int64_t size_b = product.k * product.n;
    const std::int64_t size_y = product.m * product.n;
    product.batch = box.row_size();
    product.a = {nullptr, product.k, strides[0] * size_a, false};
    product.b = {nullptr, product.n, strides[1] * size_b, false};
    product.d_batch_stride = strides[2] * size_y;
    box.for_rows(0, box.rows(), [&](const auto& at) {
      product.a.data = c.in<T>(0) + at[0] * size_a;
      product.b.data = c.in<T>(1) + at[1] * size_b;
      product.d = c.out<T>(0) + at[2] * size_y;
      cuda::multiply(c, products_, product);
    });
  }

 private:
  cuda::Products products_;
};

/// A c of one row is added by the product itself, but for double, of which cuBLASLt adds none; any other is copied to where y goes.
template <class T>
class Kernel<ops::Gemm, Cuda, T> {
 public:
  Kernel(const NodeView& node, const cuda::GpuDevice& device)
      : op_(node.op<ops::Gemm>()), products_(device.blas(), cuda::blas_type<T>, device.options().use_tf32) {}

  [[nodiscard]] std::size_t workspace(const Context&) const { return cuda::Blas::workspace_bytes; }

  void run(Context& c) const {
    const Shape& a = c.input(0).shape;
    const Shape& b = c.input(1).shape;
    const Shape& y = c.output(0).shape;
    if (y.elements() == 0) return;
    cuda::Product product;
    product.m = y[0];
    product.n = y[1];
    product.k = a[op_.trans_a ? 0 : 1];
    product.alpha = op_.alpha;
    product.a = {c.in<T>(0), a[1], 0, op_.trans_a};
    product.b = {c.in<T>(1), b[1], 0, op_.trans_b};
    product.d = c.out<T>(0);
    if (c.has_input(2) && op_.beta != 0) {
      const Shape& added = c.input(2).shape;
      if (!std::is_same_v<T, double> && op_.beta == 1 && added.rank() > 0 && added.back() == product.n && added.elements() == product.n &&
          product.k != 0) {
        product.bias = c.in<T>(2);
      } else {
        StridedBox<2> box;
        for (std::size_t d = 0; d < 2; ++d) box.push_back(y[d], {broadcast_stride(added, y, d), y.stride(d)});
        BoxCopy<Cuda>::run(c, box, c.input(2), 0, c.output(0), 0);
        product.beta = op_.beta;
      }
    }
    if (product.k != 0) return cuda::multiply(c, products_, product);
    if (product.beta == 0) return cuda::clear(c, c.output(0));
    cuda::map(c, cuda::Scale<cuda::compute_t<T>>{static_cast<cuda::compute_t<T>>(product.beta)}, c.out<T>(0), y,
              std::pair(c.in<T>(2), c.input(2).shape));
  }

 private:
  ops::Gemm op_;
  cuda::Products products_;
};

}  // namespace hone::inline HONE_ABI
