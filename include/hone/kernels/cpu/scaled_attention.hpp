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
  /// `shape`, `perm` and `part` as ops::ScaledAttention has them; the matrices are repeated over `lead`, and their rows and columns where
  /// one of them stands for `rows` or `columns`.
  BroadcastMatrices(const Shape& shape, const ops::ScaledAttention::Perm& perm, std::int64_t part, const Shape& lead, std::int64_t rows,
                    std::int64_t columns) {
    const std::size_t rank = perm.empty() ? shape.rank() : perm.size();
    if (const std::size_t at = ops::ScaledAttention::part_axis(perm, shape.rank()); at < shape.rank()) first_ = part * shape.stride(at);
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
    std::int64_t offset = first_;
    for (std::size_t i = lead.rank(); i-- > 0;) {
      offset += index % lead[i] * strides_[i];
      index /= lead[i];
    }
    return offset;
  }

  std::int64_t row_stride;
  std::int64_t column_stride;

 private:
  std::int64_t first_ = 0;
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
    return is_empty(s) ? 0 : packed_bytes(s) + share(s) * static_cast<std::size_t>(c.pool().size());
  }

  void run(Context& c) const {
    const Sizes s = sizes(c);
    if (is_empty(s)) return;
    const std::int64_t matrices = s.lead.elements();
    const Operands operands(op_, s, c);
    const std::int64_t block = block_rows(s);
    const std::int64_t blocks = (s.queries + block - 1) / block;
    if (blocks == 1) {
      c.parallel_for(matrices, 1, [&](std::int64_t begin, std::int64_t end, int slot) {
        for (std::int64_t matrix = begin; matrix < end; ++matrix) run_block(c, s, operands, matrix, 0, slot, nullptr);
      });
      return;
    }
    // Keys and values are packed once for all blocks of queries.
    T* const packed = reinterpret_cast<T*>(c.workspace());
    for (std::int64_t matrix = 0; matrix < matrices; ++matrix) {
      product_.pack_b(operands.keys(c, s, matrix), s.size, s.keys, packed, c.pool());
      product_.pack_b(operands.values(c, s, matrix), s.keys, s.value_size, packed + packed_keys_bytes(s) / sizeof(T), c.pool());
      c.parallel_for(blocks, 1, [&](std::int64_t begin, std::int64_t end, int slot) {
        for (std::int64_t i = begin; i < end; ++i) run_block(c, s, operands, matrix, i * block, slot, packed);
      });
    }
  }

 private:
  using Sizes = ops::ScaledAttention::Sizes;
  /// Queries at a time, at most and about.
  static constexpr std::int64_t max_block = 128;

  /// Equal blocks of whole tiles.
  [[nodiscard]] std::int64_t block_rows(const Sizes& s) const noexcept {
    const std::int64_t blocks = std::max<std::int64_t>(1, (s.queries + max_block - 1) / max_block);
    const std::int64_t rows = (s.queries + blocks - 1) / blocks;
    return std::min(s.queries, (rows + product_.tile_rows() - 1) / product_.tile_rows() * product_.tile_rows());
  }

  /// Where the matrices of a run are.
  struct Operands {
    Operands(const ops::ScaledAttention& op, const Sizes& s, const Context& c)
        : q(c.input(0).shape, op.q_perm, op.q_part, s.lead, s.queries, s.size),
          k(c.input(1).shape, op.k_perm, op.k_part, s.lead, s.keys, s.size),
          v(c.input(2).shape, op.v_perm, op.v_part, s.lead, s.keys, s.value_size),
          y(c.output(0).shape, op.y_perm, 0, s.lead, s.queries, s.value_size),
          mask(c.has_input(3) ? c.input(3).shape : Shape{1, 1}, {}, 0, s.lead, s.queries, s.keys) {}
    /// (size, keys)
    [[nodiscard]] cpu::MatrixRef<T> keys(const Context& c, const Sizes& s, std::int64_t matrix) const noexcept {
      return {c.in<T>(1) + k.at(matrix, s.lead), k.column_stride, k.row_stride};
    }
    /// (keys, value_size)
    [[nodiscard]] cpu::MatrixRef<T> values(const Context& c, const Sizes& s, std::int64_t matrix) const noexcept {
      return {c.in<T>(2) + v.at(matrix, s.lead), v.row_stride, v.column_stride};
    }

    cpu::BroadcastMatrices q, k, v, y, mask;
  };

  /// The queries from `first` on. `packed`: keys and values, or null.
  void run_block(Context& c, const Sizes& s, const Operands& o, std::int64_t matrix, std::int64_t first, int slot, const T* packed) const {
    std::byte* memory = c.workspace() + packed_bytes(s) + static_cast<std::size_t>(slot) * share(s);
    T* scores = reinterpret_cast<T*>(memory);                    // (rows, keys)
    T* scaled = reinterpret_cast<T*>(memory + scores_bytes(s));  // (rows, size)
    void* scratch = memory + scores_bytes(s) + scaled_bytes(s);
    const std::int64_t rows = std::min(block_rows(s), s.queries - first);
    const T scale = static_cast<T>(op_.scale);
    const bool masked = c.has_input(3);
    const T* from = c.in<T>(0) + o.q.at(matrix, s.lead) + first * o.q.row_stride;
    for (std::int64_t i = 0; i < rows; ++i)
      for (std::int64_t j = 0; j < s.size; ++j) scaled[i * s.size + j] = scale * from[i * o.q.row_stride + j * o.q.column_stride];
    if (masked) copy_mask(c.in<T>(3) + o.mask.at(matrix, s.lead) + first * o.mask.row_stride, o.mask, rows, s.keys, scores);
    T* y = c.out<T>(0) + o.y.at(matrix, s.lead) + first * o.y.row_stride;
    const cpu::MatrixRef<T> left{scaled, s.size, 1};
    const cpu::MatrixRef<T> weights{scores, s.keys, 1};
    if (packed != nullptr) {
      product_.run_packed(rows, s.keys, s.size, left, packed, scores, s.keys, {.accumulate = masked}, scratch, c.pool());
    } else {
      product_.run(rows, s.keys, s.size, left, o.keys(c, s, matrix), scores, s.keys, {.accumulate = masked}, scratch, c.pool());
    }
    for (std::int64_t i = 0; i < rows; ++i) rows_->softmax(scores + i * s.keys, scores + i * s.keys, static_cast<std::size_t>(s.keys));
    if (packed != nullptr) {
      const T* values = packed + packed_keys_bytes(s) / sizeof(T);
      product_.run_packed(rows, s.value_size, s.keys, weights, values, y, o.y.row_stride, {}, scratch, c.pool());
    } else {
      product_.run(rows, s.value_size, s.keys, weights, o.values(c, s, matrix), y, o.y.row_stride, {}, scratch, c.pool());
    }
  }

  [[nodiscard]] Sizes sizes(const Context& c) const {
    using Op = ops::ScaledAttention;
    return Op::sizes(Op::permuted(c.input(0).shape, op_.q_perm, op_.q_part), Op::permuted(c.input(1).shape, op_.k_perm, op_.k_part),
                     Op::permuted(c.input(2).shape, op_.v_perm, op_.v_part), c.has_input(3) ? &c.input(3).shape : nullptr);
  }
  /// Whether the result has no elements; sizes of what is not computed may then be larger than memory.
  [[nodiscard]] static bool is_empty(const Sizes& s) noexcept {
    return s.queries == 0 || s.value_size == 0 || std::find(s.lead.begin(), s.lead.end(), 0) != s.lead.end();
  }
  [[nodiscard]] std::size_t packed_keys_bytes(const Sizes& s) const noexcept { return align_up(product_.pack_b_bytes(s.size, s.keys)); }
  /// Bytes of the packed keys and values of one matrix, where there are several blocks of queries.
  [[nodiscard]] std::size_t packed_bytes(const Sizes& s) const noexcept {
    return s.queries <= max_block ? 0 : packed_keys_bytes(s) + align_up(product_.pack_b_bytes(s.keys, s.value_size));
  }
  [[nodiscard]] std::size_t scores_bytes(const Sizes& s) const noexcept {
    return align_up(static_cast<std::size_t>(block_rows(s) * s.keys) * sizeof(T));
  }
  [[nodiscard]] std::size_t scaled_bytes(const Sizes& s) const noexcept {
    return align_up(static_cast<std::size_t>(block_rows(s) * s.size) * sizeof(T));
  }
  /// Bytes of one thread.
  [[nodiscard]] std::size_t share(const Sizes& s) const noexcept {
    const std::int64_t rows = block_rows(s);
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
