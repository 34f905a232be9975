#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <hone/config.hpp>
#include <hone/core/thread_pool.hpp>
#include <hone/kernels/cpu/product_options.hpp>
#include <hone/simd/gemm.hpp>

namespace hone::inline HONE_ABI::cpu {

/// Products of a few lines, at most simd::Gemm<T>::max_vector_rows, and a matrix that is bound by reading it: it is read once, unpacked,
/// each thread its part.
template <class T>
class LineProduct {
 public:
  explicit LineProduct(const simd::Gemm<T>& kernels) noexcept : kernels_(&kernels) {}

  /// Elements of scratch.
  [[nodiscard]] static std::int64_t elements(std::int64_t lines, std::int64_t n, std::int64_t k) noexcept {
    return round_up(lines * k, line) + lines * n;
  }

  /// C = [C +] A B [+ bias] for `lines` rows of A, or, Transposed, C' = [C' +] A B [+ bias]: the lines are the columns of C. `workspace`:
  /// elements(lines, n, k) elements, aligned to 64.
  template <bool Transposed>
  void run(std::int64_t lines, std::int64_t n, std::int64_t k, const MatrixRef<T>& a, const MatrixRef<T>& b, T* c,
           std::ptrdiff_t c_row_stride, const ProductOptions<T>& options, T* workspace, const ThreadPool& pool) const noexcept {
    const T* rows = a.data;
    std::ptrdiff_t rows_stride = a.row_stride;
    if (a.column_stride != 1) {
      for (std::int64_t r = 0; r < lines; ++r) {
        for (std::int64_t p = 0; p < k; ++p) workspace[r * k + p] = a.data[r * a.row_stride + p * a.column_stride];
      }
      rows = workspace;
      rows_stride = k;
    }
    T* const sums = workspace + round_up(lines * k, line);
    // 1024 columns of 4 lines and of the 4 rows of B that pass are 32 KiB of float.
    constexpr std::int64_t strip = 1024;
    const std::int64_t grain = round_up(ceil_div(worth_a_thread, k + 1), line);
    pool.parallel_for(n, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t j = begin; j < end; j += strip) {
        const std::int64_t count = std::min(strip, end - j);
        const auto m_ = static_cast<std::size_t>(lines);
        const auto n_ = static_cast<std::size_t>(count);
        const auto k_ = static_cast<std::size_t>(k);
        const auto a_stride = static_cast<std::size_t>(rows_stride);
        const auto y_stride = static_cast<std::size_t>(n);
        if (b.column_stride == 1) {
          for (std::int64_t r = 0; r < lines; ++r) std::fill_n(sums + r * n + j, count, T(0));
          kernels_->update_rows(m_, n_, k_, rows, a_stride, b.data + j, b.row_stride, sums + j, y_stride);
        } else {
          kernels_->dot_columns(m_, n_, k_, rows, a_stride, b.data + j * b.column_stride, b.column_stride, sums + j, y_stride);
        }
        put<Transposed>(sums, n, lines, j, count, c, c_row_stride, options);
      }
    });
  }

 private:
  static constexpr std::int64_t line = 64 / sizeof(T);
  /// Multiply-adds of a line that are worth a thread.
  static constexpr std::int64_t worth_a_thread = 32 * 1024;

  static constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) noexcept { return (a + b - 1) / b; }
  static constexpr std::int64_t round_up(std::int64_t a, std::int64_t b) noexcept { return ceil_div(a, b) * b; }

  template <bool Transposed>
  static void put(const T* sums, std::int64_t n, std::int64_t lines, std::int64_t first, std::int64_t count, T* c,
                  std::ptrdiff_t c_row_stride, const ProductOptions<T>& options) noexcept {
    const T* const line_bias = Transposed ? options.column_bias : options.row_bias;
    const T* const along_bias = Transposed ? options.row_bias : options.column_bias;
    const simd::Add add{};
    for (std::int64_t r = 0; r < lines; ++r) {
      T* const out = Transposed ? c + r : c + r * c_row_stride;
      const auto step = [&] {
        if constexpr (Transposed) {
          return c_row_stride;
        } else {
          return std::integral_constant<std::ptrdiff_t, 1>();
        }
      }();
      for (std::int64_t j = first; j < first + count; ++j) {
        T value = sums[r * n + j];
        if (options.accumulate) value = add(out[j * step], value);
        if (line_bias != nullptr) value = add(value, line_bias[r]);
        if (along_bias != nullptr) value = add(value, along_bias[j]);
        out[j * step] = value;
      }
    }
    if (options.finish == nullptr) return;
    if constexpr (Transposed) {
      (*options.finish)(c + first * c_row_stride, first, 0, count, lines);
    } else {
      (*options.finish)(c + first, 0, first, lines, count);
    }
  }

  const simd::Gemm<T>* kernels_;
};

}  // namespace hone::inline HONE_ABI::cpu
