#pragma once

#include <cstddef>
#include <cstdint>

#include <hone/config.hpp>
#include <hone/core/buffer.hpp>
#include <hone/kernels/cpu/epilogue.hpp>
#include <hone/kernels/cpu/matrix_product.hpp>
#include <hone/ops/gemm.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

/// A constant b is packed when the kernel is made; a bias of one row, the common case, is added in registers.
template <class T>
class Kernel<ops::Gemm, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice& device) : Kernel(node, node.op<ops::Gemm>(), device) {}
  Kernel(const NodeView& node, const ops::Gemm& op, const CpuDevice& device) : op_(op), product_(device.isa) {
    const TensorRef* b = node.constant(1);
    if (b == nullptr || b->shape.rank() != 2) return;
    const std::int64_t k = b->shape[op_.trans_b ? 1 : 0];
    const std::int64_t n = b->shape[op_.trans_b ? 0 : 1];
    packed_ = Buffer(product_.pack_b_bytes(k, n));
    product_.pack_b(matrix(*b, op_.trans_b), k, n, static_cast<T*>(packed_.data()), ThreadPool::shared(1));
  }

  [[nodiscard]] InputSet packed_inputs() const noexcept { return is_packed() ? inputs(1) : 0; }

  [[nodiscard]] std::size_t workspace(const Context& c) const {
    const Shape& y = c.output(0).shape;
    return product_.workspace_bytes(y[0], y[1], depth(c), is_packed());
  }

  void run(Context& c, const cpu::Epilogue* epilogue = nullptr) const {
    const std::int64_t m = c.output(0).shape[0];
    const std::int64_t n = c.output(0).shape[1];
    T* y = c.out<T>(0);
    cpu::ProductOptions<T> options;
    const bool row_bias = c.has_input(2) && op_.alpha == 1 && op_.beta == 1 && c.input(2).elements() == n && c.input(2).shape.back() == n;
    if (row_bias) options.column_bias = c.in<T>(2);
    const bool scales = !row_bias && (c.has_input(2) || op_.alpha != 1);
    const auto finish_block = [&](T* block, std::int64_t row, std::int64_t column, std::int64_t rows, std::int64_t columns) {
      for (std::int64_t i = 0; i < rows; ++i) {
        for (std::int64_t j = 0; scales && j < columns; ++j) {
          T& element = block[i * n + j];
          element = scaled(element, op_.alpha);
          if (c.has_input(2)) element = static_cast<T>(element + scaled(bias_at(c.input(2), row + i, column + j), op_.beta));
        }
        if (epilogue != nullptr) (*epilogue)(block + i * n - y, columns);
      }
    };
    const typename cpu::ProductOptions<T>::Finish finish(finish_block);
    if (scales || epilogue != nullptr) options.finish = &finish;
    const cpu::MatrixRef<T> a = matrix(c.input(0), op_.trans_a);
    if (is_packed()) {
      product_.run_packed(m, n, depth(c), a, static_cast<const T*>(packed_.data()), y, n, options, c.workspace(), c.pool());
    } else {
      product_.run(m, n, depth(c), a, matrix(c.input(1), op_.trans_b), y, n, options, c.workspace(), c.pool());
    }
  }

 private:
  [[nodiscard]] static cpu::MatrixRef<T> matrix(const TensorRef& tensor, bool transposed) noexcept {
    const cpu::MatrixRef<T> plain{tensor.as<const T>(), tensor.shape[1], 1};
    return transposed ? plain.transposed() : plain;
  }
  [[nodiscard]] std::int64_t depth(const Context& c) const noexcept { return c.input(0).shape[op_.trans_a ? 0 : 1]; }
  [[nodiscard]] bool is_packed() const noexcept { return packed_.bytes() != 0; }
  [[nodiscard]] static T scaled(T value, float factor) noexcept {
    return factor == 1 ? value : static_cast<T>(value * static_cast<T>(factor));
  }
  [[nodiscard]] static T bias_at(const TensorRef& bias, std::int64_t row, std::int64_t column) noexcept {
    const Shape& shape = bias.shape;
    const std::int64_t columns = shape.rank() > 0 ? shape.back() : 1;
    const std::int64_t rows = shape.rank() > 1 ? shape[0] : 1;
    return bias.as<const T>()[(rows == 1 ? 0 : row) * columns + (columns == 1 ? 0 : column)];
  }

  const ops::Gemm op_;
  cpu::MatrixProduct<T> product_;
  Buffer packed_;
};

}  // namespace hone::inline HONE_ABI
