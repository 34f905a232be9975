#pragma once

#include <cstddef>
#include <cstdint>

#include <hone/config.hpp>
#include <hone/core/buffer.hpp>
#include <hone/kernels/cpu/epilogue.hpp>
#include <hone/kernels/cpu/matrix_product.hpp>
#include <hone/ops/matmul.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

/// A constant right operand is packed when the kernel is made. A left operand with any number of leading dimensions times one matrix is
/// one product. Otherwise the products of the batch are shared among the threads when there are enough of them, else each is split.
template <class T>
class Kernel<ops::MatMul, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice& device) : Kernel(node, node.op<ops::MatMul>(), device) {}
  Kernel(const NodeView& node, const ops::MatMul&, const CpuDevice& device) : product_(device.isa) {
    const TensorRef* b = node.constant(1);
    if (b == nullptr || b->shape.rank() != 2) return;
    const std::int64_t k = b->shape[0];
    const std::int64_t n = b->shape[1];
    packed_ = Buffer(product_.pack_b_bytes(k, n));
    product_.pack_b({b->as<const T>(), n, 1}, k, n, static_cast<T*>(packed_.data()), ThreadPool::shared(1));
  }

  [[nodiscard]] InputSet packed_inputs() const noexcept { return is_packed() ? inputs(1) : 0; }

  [[nodiscard]] std::size_t workspace(const Context& c) const {
    const Batch batch(c.input(0).shape, c.input(1).shape, c.output(0).shape);
    return per_product(batch) * static_cast<std::size_t>(shares_batch(batch, c.pool()) ? c.pool().size() : 1);
  }

  void run(Context& c, const cpu::Epilogue* epilogue = nullptr) const {
    const Batch batch(c.input(0).shape, c.input(1).shape, c.output(0).shape);
    const T* a = c.in<T>(0);
    const T* b = c.in<T>(1);
    T* y = c.out<T>(0);
    const auto finish_block = [&](T* block, std::int64_t, std::int64_t, std::int64_t rows, std::int64_t columns) {
      for (std::int64_t i = 0; i < rows; ++i) (*epilogue)(block + i * batch.n - y, columns);
    };
    const typename cpu::ProductOptions<T>::Finish finish(finish_block);
    cpu::ProductOptions<T> options;
    if (epilogue != nullptr) options.finish = &finish;
    const auto one = [&](std::int64_t i, std::byte* scratch, const ThreadPool& pool) {
      const cpu::MatrixRef<T> left{a + batch.offset_a(i), batch.k, 1};
      T* out = y + i * batch.m * batch.n;
      if (is_packed()) {
        product_.run_packed(batch.m, batch.n, batch.k, left, static_cast<const T*>(packed_.data()), out, batch.n, options, scratch, pool);
      } else {
        const cpu::MatrixRef<T> right{b + batch.offset_b(i), batch.n, 1};
        product_.run(batch.m, batch.n, batch.k, left, right, out, batch.n, options, scratch, pool);
      }
    };
    if (!shares_batch(batch, c.pool())) {
      for (std::int64_t i = 0; i < batch.count; ++i) one(i, c.workspace(), c.pool());
      return;
    }
    const std::size_t scratch = per_product(batch);
    c.pool().parallel_for(batch.count, 1, [&](std::int64_t begin, std::int64_t end, int slot) {
      for (std::int64_t i = begin; i < end; ++i) one(i, c.workspace() + static_cast<std::size_t>(slot) * scratch, c.pool());
    });
  }

 private:
  /// The products that a MatMul consists of.
  struct Batch {
    Batch(Shape a, Shape b, const Shape& y) {
      const bool vector_a = a.rank() == 1;
      const bool vector_b = b.rank() == 1;
      if (vector_a) a.insert(0, 1);
      if (vector_b) b.push_back(1);
      m = a[a.rank() - 2];
      k = a.back();
      n = b.back();
      const std::size_t rank = y.rank() - (vector_a ? 0 : 1) - (vector_b ? 0 : 1);
      if (b.rank() == 2) {
        m *= a.elements(0, a.rank() - 2);
        return;
      }
      dims = Shape(y.dims().first(rank));
      count = dims.elements();
      set_strides(a, strides_a);
      set_strides(b, strides_b);
    }

    /// Elements from the start of `a` to the matrix of product `i`.
    [[nodiscard]] std::int64_t offset_a(std::int64_t i) const noexcept { return offset(i, strides_a); }
    [[nodiscard]] std::int64_t offset_b(std::int64_t i) const noexcept { return offset(i, strides_b); }

    Shape dims;
    Shape strides_a;
    Shape strides_b;
    std::int64_t count = 1;
    std::int64_t m = 0;
    std::int64_t n = 0;
    std::int64_t k = 0;

   private:
    void set_strides(const Shape& operand, Shape& strides) const {
      strides = Shape::filled(dims.rank(), 0);
      const std::size_t own = operand.rank() - 2;
      for (std::size_t i = 0; i < own; ++i)
        if (operand[i] != 1) strides[dims.rank() - own + i] = operand.stride(i);
    }
    [[nodiscard]] std::int64_t offset(std::int64_t i, const Shape& strides) const noexcept {
      std::int64_t result = 0;
      for (std::size_t axis = dims.rank(); axis-- > 0;) {
        result += i % dims[axis] * strides[axis];
        i /= dims[axis];
      }
      return result;
    }
  };

  [[nodiscard]] bool is_packed() const noexcept { return packed_.bytes() != 0; }
  [[nodiscard]] static bool shares_batch(const Batch& batch, const ThreadPool& pool) noexcept {
    return pool.size() > 1 && batch.count >= 2 * pool.size();
  }
  [[nodiscard]] std::size_t per_product(const Batch& batch) const noexcept {
    return align_up(product_.workspace_bytes(batch.m, batch.n, batch.k, is_packed()));
  }

  cpu::MatrixProduct<T> product_;
  Buffer packed_;
};

}  // namespace hone::inline HONE_ABI
