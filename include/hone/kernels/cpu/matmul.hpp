#pragma once

#include <cstddef>
#include <cstdint>

#include <hone/config.hpp>
#include <hone/core/buffer.hpp>
#include <hone/kernels/cpu/epilogue.hpp>
#include <hone/kernels/cpu/matrix_product.hpp>
#include <hone/ops/matmul.hpp>
#include <hone/ops/permuted_matmul.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

/// A constant right operand is packed when the kernel is made. A left operand with any number of leading dimensions times one matrix is
/// one product. Otherwise the products of the batch are shared among the threads when there are enough of them, else each is split.
/// Operands are read, and results written, where they lie.
template <class T>
class Kernel<ops::PermutedMatMul, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice& device) : Kernel(node, node.op<ops::PermutedMatMul>(), device) {}
  Kernel(const NodeView& node, const ops::PermutedMatMul& op, const CpuDevice& device) : op_(op), product_(device.isa) {
    const TensorRef* b = node.constant(1);
    if (b == nullptr || b->shape.rank() != 2) return;
    const Matrices right(b->shape, op_.b_perm);
    packed_ = Buffer(product_.pack_b_bytes(right.rows, right.columns));
    product_.pack_b(right.at(b->as<const T>()), right.rows, right.columns, static_cast<T*>(packed_.data()), ThreadPool::shared(1));
  }

  [[nodiscard]] InputSet packed_inputs() const noexcept { return is_packed() ? inputs(1) : 0; }

  [[nodiscard]] std::size_t workspace(const Context& c) const {
    const Batch batch(c.input(0).shape, c.input(1).shape, c.output(0).shape, op_);
    return per_product(batch) * static_cast<std::size_t>(shares_batch(batch, c.pool()) ? c.pool().size() : 1);
  }

  void run(Context& c, const cpu::Epilogue* epilogue = nullptr) const {
    const Batch batch(c.input(0).shape, c.input(1).shape, c.output(0).shape, op_);
    const T* a = c.in<T>(0);
    const T* b = c.in<T>(1);
    T* y = c.out<T>(0);
    const auto finish_block = [&](T* block, std::int64_t, std::int64_t, std::int64_t rows, std::int64_t columns) {
      for (std::int64_t i = 0; i < rows; ++i) (*epilogue)(block + i * batch.y_row_stride - y, columns);
    };
    const typename cpu::ProductOptions<T>::Finish finish(finish_block);
    cpu::ProductOptions<T> options;
    if (epilogue != nullptr) options.finish = &finish;
    const auto one = [&](std::int64_t i, std::byte* scratch, const ThreadPool& pool) {
      const auto [left, right, out] = batch.offsets(i);
      if (is_packed()) {
        product_.run_packed(batch.m, batch.n, batch.k, batch.a.at(a + left), static_cast<const T*>(packed_.data()), y + out,
                            batch.y_row_stride, options, scratch, pool);
      } else {
        product_.run(batch.m, batch.n, batch.k, batch.a.at(a + left), batch.b.at(b + right), y + out, batch.y_row_stride, options, scratch,
                     pool);
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
  using Perm = ops::PermutedMatMul::Perm;

  /// The last two dimensions of a tensor of two and more, in the order that `perm` says.
  struct Matrices {
    Matrices(const Shape& tensor, const Perm& perm) {
      const std::size_t row = ops::PermutedMatMul::source(perm, tensor.rank() - 2);
      const std::size_t column = ops::PermutedMatMul::source(perm, tensor.rank() - 1);
      rows = tensor[row];
      columns = tensor[column];
      row_stride = tensor.stride(row);
      column_stride = tensor.stride(column);
    }
    [[nodiscard]] cpu::MatrixRef<T> at(const T* data) const noexcept { return {data, row_stride, column_stride}; }

    std::int64_t rows;
    std::int64_t columns;
    std::ptrdiff_t row_stride;
    std::ptrdiff_t column_stride;
  };

  /// The products that a MatMul consists of.
  struct Batch {
    Batch(const Shape& a_tensor, const Shape& b_tensor, const Shape& y, const ops::PermutedMatMul& op)
        : Batch(as_matrix(a_tensor, 0), as_matrix(b_tensor, 1), y, op, a_tensor.rank() != 1, b_tensor.rank() != 1) {}

    struct Offsets {
      std::int64_t a, b, y;
    };
    /// Elements from the start of each tensor to the matrix of product `i`.
    [[nodiscard]] Offsets offsets(std::int64_t i) const noexcept {
      Offsets result{};
      for (std::size_t axis = dims.rank(); axis-- > 0;) {
        const std::int64_t at = i % dims[axis];
        result.a += at * a_strides[axis];
        result.b += at * b_strides[axis];
        result.y += at * y_strides[axis];
        i /= dims[axis];
      }
      return result;
    }

    Matrices a;
    Matrices b;
    std::int64_t m;
    std::int64_t n;
    std::int64_t k;
    std::ptrdiff_t y_row_stride;
    Shape dims;
    Shape a_strides;
    Shape b_strides;
    Shape y_strides;
    std::int64_t count = 1;

   private:
    Batch(const Shape& a_tensor, const Shape& b_tensor, const Shape& y, const ops::PermutedMatMul& op, bool has_rows, bool has_columns)
        : a(a_tensor, op.a_perm), b(b_tensor, op.b_perm), m(a.rows), n(b.columns), k(a.columns), y_row_stride(n) {
      if (b_tensor.rank() == 2 && op.a_perm.empty() && op.y_perm.empty()) {
        m *= a_tensor.elements(0, a_tensor.rank() - 2);
        return;
      }
      const std::size_t rank = y.rank() - (has_rows ? 1 : 0) - (has_columns ? 1 : 0);
      for (std::size_t i = 0; i < rank; ++i) {
        const std::size_t axis = ops::PermutedMatMul::source(op.y_perm, i);
        dims.push_back(y[axis]);
        y_strides.push_back(y.stride(axis));
      }
      count = dims.elements();
      a_strides = strides(a_tensor, op.a_perm);
      b_strides = strides(b_tensor, op.b_perm);
      if (!op.y_perm.empty()) y_row_stride = y.stride(ops::PermutedMatMul::source(op.y_perm, rank));
    }

    /// A tensor of one dimension is a matrix of one row or column.
    static Shape as_matrix(Shape tensor, std::size_t at) {
      if (tensor.rank() == 1) tensor.insert(at, 1);
      return tensor;
    }
    [[nodiscard]] Shape strides(const Shape& tensor, const Perm& perm) const {
      Shape result = Shape::filled(dims.rank(), 0);
      const std::size_t own = tensor.rank() - 2;
      for (std::size_t i = 0; i < own; ++i) {
        const std::size_t axis = ops::PermutedMatMul::source(perm, i);
        if (tensor[axis] != 1) result[dims.rank() - own + i] = tensor.stride(axis);
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

  ops::PermutedMatMul op_;
  cpu::MatrixProduct<T> product_;
  Buffer packed_;
};

template <class T>
class Kernel<ops::MatMul, Cpu, T> : public Kernel<ops::PermutedMatMul, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice& device) : Kernel(node, node.op<ops::MatMul>(), device) {}
  Kernel(const NodeView& node, const ops::MatMul&, const CpuDevice& device)
      : Kernel<ops::PermutedMatMul, Cpu, T>(node, ops::PermutedMatMul{}, device) {}
};

}  // namespace hone::inline HONE_ABI
