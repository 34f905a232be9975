#pragma once

#include <cstddef>
#include <cstdint>

#include <hone/config.hpp>
#include <hone/core/function_ref.hpp>

namespace hone::inline HONE_ABI::cpu {

/// A matrix in memory; strides in elements, not negative.
template <class T>
struct MatrixRef {
  const T* data = nullptr;
  std::ptrdiff_t row_stride = 0;
  std::ptrdiff_t column_stride = 1;

  [[nodiscard]] MatrixRef transposed() const noexcept { return {data, column_stride, row_stride}; }
};

/// What happens to C besides the product: C = [C +] A B [+ row_bias] [+ column_bias], then finish(C).
template <class T>
struct ProductOptions {
  /// Called once for every element of C, block by block, while the block is in cache:
  /// finish(c, row, column, rows, columns) with `c` at (row, column) and the row stride of C. From several threads at a time.
  using Finish = FunctionRef<void(T* c, std::int64_t row, std::int64_t column, std::int64_t rows, std::int64_t columns)>;

  bool accumulate = false;         ///< add to what C holds
  const T* row_bias = nullptr;     ///< (m) or null
  const T* column_bias = nullptr;  ///< (n) or null
  const Finish* finish = nullptr;  ///< or null
};

}  // namespace hone::inline HONE_ABI::cpu
