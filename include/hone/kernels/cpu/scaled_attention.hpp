#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include <hone/config.hpp>
#include <hone/kernels/cpu/matrix_product.hpp>
#include <hone/ops/scaled_attention.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>
#include <hone/simd/softmax.hpp>

namespace hone::inline HONE_ABI {

namespace cpu {

/// Where the matrices of a tensor lie whose leading dimensions are broadcast to those of a larger one.
class BroadcastMatrices {
 public:
  /// `shape` and `perm` as ops::ScaledAttention has them; the matrices are repeated over `lead`, and their rows and columns where one of
  /// them stands for `rows` or `columns`.
  BroadcastMatrices(const Shape& shape, const ops::ScaledAttention::Perm& perm, const Shape& lead, std::int64_t rows,
                    std::int64_t columns) {
    const std::size_t rank = shape.rank();
    const auto stride = [&](std::size_t from_end, std::int64_t wanted) -> std::int64_t {
      if (from_end > rank) return 0;
      const std::size_t at = ops::ScaledAttention::source(perm, rank - from_end);
      return shape[at] == 1 && wanted != 1 ? 0 : shape.stride(at);
    };
    row_stride = stride(2, rows);
    column_stride = stride(1, columns);
    for (std::size_t i = 0; i < lead.rank(); ++i) strides_[i] = stride(lead.rank() - i + 2, lead[i]);
  }
  /// Of the matrix number `index` of all in `lead`.
  [[nodiscard]] std::int64_t at(std::int64_t index, const Shape& lead) const noexcept {
    std::int64_t offset = 0;
    for (std::size_t i = lead.rank(); i-- > 0;) {
      offset += index % lead[i] * strides_[i];
      index /= lead[i];
    }
    return offset;
  }

  std::int64_t row_stride;
  std::int64_t column_stride;

 private:
  std::array<std::int64_t, Shape::max_rank> strides_{};
};

}  // namespace cpu

/// Some queries at a time: their scores stay in cache between the two products.
template <class T>
class Kernel<ops::ScaledAttention, Cpu, T> {
 public:
  static Support supports(const NodeView& node) {
    return !node.has_input(3) || node.input_dtype(3) == dtype_of<T> ? Support::yes() : Support::no("a mask of another type");
  }
  Kernel(const NodeView& node, const CpuDevice& device)
      : op_(node.op<ops::ScaledAttention>()), product_(device.isa), rows_(&simd::table<simd::SoftmaxRow<T>>(device.isa)) {}

  [[nodiscard]] std::size_t workspace(const Context& c) const {
    const Sizes s = sizes(c);
    return is_empty(s) ? 0 : share(s) * static_cast<std::size_t>(c.pool().size());
  }

  void run(Context& c) const {
    const Sizes s = sizes(c);
    if (is_empty(s)) return;
    const std::int64_t matrices = s.lead.elements();
    const cpu::BroadcastMatrices q(c.input(0).shape, op_.q_perm, s.lead, s.queries, s.size);
    const cpu::BroadcastMatrices k(c.input(1).shape, op_.k_perm, s.lead, s.keys, s.size);
    const cpu::BroadcastMatrices v(c.input(2).shape, op_.v_perm, s.lead, s.keys, s.value_size);
    const cpu::BroadcastMatrices y(c.output(0).shape, op_.y_perm, s.lead, s.queries, s.value_size);
    const bool masked = c.has_input(3);
    const cpu::BroadcastMatrices mask(masked ? c.input(3).shape : Shape{1, 1}, {}, s.lead, s.queries, s.keys);
    const std::int64_t blocks = (s.queries + block - 1) / block;
    const std::size_t own = share(s);
    const T scale = static_cast<T>(op_.scale);
    c.parallel_for(matrices * blocks, 1, [&](std::int64_t begin, std::int64_t end, int slot) {
      std::byte* memory = c.workspace() + static_cast<std::size_t>(slot) * own;
      T* scores = reinterpret_cast<T*>(memory);                    // (rows, keys)
      T* scaled = reinterpret_cast<T*>(memory + scores_bytes(s));  // (rows, size)
      void* scratch = memory + scores_bytes(s) + scaled_bytes(s);
      for (std::int64_t task = begin; task < end; ++task) {
        const std::int64_t matrix = task / blocks;
        const std::int64_t first = task % blocks * block;
        const std::int64_t rows = std::min(block, s.queries - first);
        const T* from = c.in<T>(0) + q.at(matrix, s.lead) + first * q.row_stride;
        for (std::int64_t i = 0; i < rows; ++i)
          for (std::int64_t j = 0; j < s.size; ++j) scaled[i * s.size + j] = scale * from[i * q.row_stride + j * q.column_stride];
        if (masked) copy_mask(c.in<T>(3) + mask.at(matrix, s.lead) + first * mask.row_stride, mask, rows, s.keys, scores);
        const cpu::MatrixRef<T> keys{c.in<T>(1) + k.at(matrix, s.lead), k.row_stride, k.column_stride};
        product_.run(rows, s.keys, s.size, {scaled, s.size, 1}, keys.transposed(), scores, s.keys, {.accumulate = masked}, scratch,
                     c.pool());
        for (std::int64_t i = 0; i < rows; ++i) rows_->softmax(scores + i * s.keys, scores + i * s.keys, static_cast<std::size_t>(s.keys));
        product_.run(rows, s.value_size, s.keys, {scores, s.keys, 1}, {c.in<T>(2) + v.at(matrix, s.lead), v.row_stride, v.column_stride},
                     c.out<T>(0) + y.at(matrix, s.lead) + first * y.row_stride, y.row_stride, {}, scratch, c.pool());
      }
    });
  }

 private:
  using Sizes = ops::ScaledAttention::Sizes;
  /// Queries at a time.
  static constexpr std::int64_t block = 128;

  [[nodiscard]] Sizes sizes(const Context& c) const {
    using Op = ops::ScaledAttention;
    return Op::sizes(Op::permuted(c.input(0).shape, op_.q_perm), Op::permuted(c.input(1).shape, op_.k_perm),
                     Op::permuted(c.input(2).shape, op_.v_perm), c.has_input(3) ? &c.input(3).shape : nullptr);
  }
  /// Whether the result has no elements; sizes of what is not computed may then be larger than memory.
  [[nodiscard]] static bool is_empty(const Sizes& s) noexcept {
    return s.queries == 0 || s.value_size == 0 || std::find(s.lead.begin(), s.lead.end(), 0) != s.lead.end();
  }
  [[nodiscard]] static std::size_t scores_bytes(const Sizes& s) noexcept {
    return align_up(static_cast<std::size_t>(std::min(block, s.queries) * s.keys) * sizeof(T));
  }
  [[nodiscard]] static std::size_t scaled_bytes(const Sizes& s) noexcept {
    return align_up(static_cast<std::size_t>(std::min(block, s.queries) * s.size) * sizeof(T));
  }
  /// Bytes of one thread.
  [[nodiscard]] std::size_t share(const Sizes& s) const noexcept {
    const std::int64_t rows = std::min(block, s.queries);
    return scores_bytes(s) + scaled_bytes(s) +
           align_up(std::max(product_.workspace_bytes(rows, s.keys, s.size), product_.workspace_bytes(rows, s.value_size, s.keys)));
  }
  static void copy_mask(const T* from, const cpu::BroadcastMatrices& mask, std::int64_t rows, std::int64_t keys, T* to) noexcept {
    for (std::int64_t i = 0; i < rows; ++i) {
      const T* row = from + i * mask.row_stride;
      if (mask.column_stride == 1) {
        std::copy_n(row, keys, to + i * keys);
      } else {
        std::fill_n(to + i * keys, keys, *row);
      }
    }
  }

  ops::ScaledAttention op_;
  cpu::MatrixProduct<T> product_;
  const simd::SoftmaxRow<T>* rows_;
};

}  // namespace hone::inline HONE_ABI
