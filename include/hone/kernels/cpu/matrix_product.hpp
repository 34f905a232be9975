#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <hone/config.hpp>
#include <hone/core/function_ref.hpp>
#include <hone/core/thread_pool.hpp>
#include <hone/kernels/cpu/line_product.hpp>
#include <hone/kernels/cpu/product_options.hpp>
#include <hone/simd/gemm.hpp>

namespace hone::inline HONE_ABI::cpu {

/// C = A B with A (m, k), B (k, n), C (m, n): blocks and threads around simd::Gemm.
///
/// Blocking (Goto and van de Geijn, Anatomy of High-Performance Matrix Multiplication, 2008). From the inside out:
///   mr x nr   a tile of C in registers
///   kc        a panel of B, kc x nr, takes 64 KiB: it stays in L2, from where it streams through L1 while C stays in registers
///   mc        a block of A, mc x kc, takes 192 KiB: it stays in L2 (256 KiB and up) while the panels of B pass
///   nc        the packed part of B, kc x nc, takes 4 MiB: it stays in L3
///   mo        the packed part of A, mo x kc, takes 2 MiB: near enough to L2 when C is narrow and each block of A is used briefly
/// A and B are packed once per (kc, nc) step, by all threads; then the threads share the blocks of C. K is never split among
/// threads, and its blocks depend on the type and the instruction set alone: results are bitwise equal for any number of threads.
///
/// Products with at most 4 rows or columns are bound by reading the other matrix. They read it once, each thread its part, and never pack
/// it; a B that came packed they read as it is.
/// With up to 2 mr rows an unpacked row-major B is not packed either: the copy would cost as much as the product.
///
/// Allocates nothing, throws nothing; sizes may be 0 (k = 0 leaves the bias).
template <class T>
class MatrixProduct {
 public:
  /// Precondition: `isa` is in simd::available_isas().
  explicit MatrixProduct(simd::Isa isa) noexcept : kernels_(&simd::table<simd::Gemm<T>>(isa)) {
    const std::int64_t element = sizeof(T);
    kc_ = std::clamp<std::int64_t>(64 * 1024 / (nr() * element), 128, 512);
    mc_ = std::max(mr(), 192 * 1024 / (kc_ * element) / mr() * mr());
    nc_ = std::max(nr(), 4 * 1024 * 1024 / (kc_ * element) / nr() * nr());
    mo_ = std::max(mc_, 2 * 1024 * 1024 / (kc_ * element) / mc_ * mc_);
  }

  [[nodiscard]] simd::Isa isa() const noexcept { return kernels_->isa; }
  /// Rows of C that are computed together; multiples of it leave none over.
  [[nodiscard]] std::int64_t tile_rows() const noexcept { return mr(); }

  /// Packs columns [first, last) of rows [p, p + depth) of B to panels of nr columns, k-major, as simd::Gemm reads them.
  using PackB = FunctionRef<void(std::int64_t p, std::int64_t depth, std::int64_t first, std::int64_t last, std::int64_t nr, T* panels)>;

  /// A (m, k): packed by pack_a(), in memory, or both; products with few columns read it once as it stands.
  struct Left {
    MatrixRef<T> matrix{};
    const T* packed = nullptr;
  };
  /// B (k, n): in memory, packed by pack_b(), or packed piece by piece by the caller.
  struct Right {
    MatrixRef<T> matrix{};
    const T* packed = nullptr;
    const PackB* pack = nullptr;
  };

  /// Bytes that pack_a writes.
  [[nodiscard]] std::size_t pack_a_bytes(std::int64_t m, std::int64_t k) const noexcept {
    return sizeof(T) * static_cast<std::size_t>(round_up(m, mr()) * k);
  }
  /// Packs the whole of A (m, k), for products that use it often. `packed`: pack_a_bytes(m, k) bytes, best aligned to 64.
  void pack_a(const MatrixRef<T>& a, std::int64_t m, std::int64_t k, T* packed) const noexcept {
    for (std::int64_t p = 0; p < k; p += kc_) {
      kernels_->pack_a(a.data + p * a.column_stride, a.row_stride, a.column_stride, static_cast<std::size_t>(m),
                       static_cast<std::size_t>(std::min(kc_, k - p)), packed + p * round_up(m, mr()));
    }
  }

  /// Bytes that pack_b writes.
  [[nodiscard]] std::size_t pack_b_bytes(std::int64_t k, std::int64_t n) const noexcept {
    return sizeof(T) * static_cast<std::size_t>(k * round_up(n, nr()));
  }

  /// Packs the whole of B (k, n), for products that use it often. `packed`: pack_b_bytes(k, n) bytes, best aligned to 64.
  void pack_b(const MatrixRef<T>& b, std::int64_t k, std::int64_t n, T* packed, const ThreadPool& pool) const noexcept {
    const std::int64_t panels = ceil_div(n, nr());
    for (std::int64_t p = 0; p < k; p += kc_) {
      const std::int64_t depth = std::min(kc_, k - p);
      T* block = packed + p * round_up(n, nr());
      pool.parallel_for(panels, pack_grain(depth), [&](std::int64_t begin, std::int64_t end) {
        pack_b_panels(b, p, depth, begin * nr(), std::min(end * nr(), n), block + begin * depth * nr());
      });
    }
  }

  /// Bytes of scratch of run() for any strides, aligned to 64 bytes; the flags say which operands come packed.
  [[nodiscard]] std::size_t workspace_bytes(std::int64_t m, std::int64_t n, std::int64_t k, bool packed_b = false,
                                            bool packed_a = false) const noexcept {
    std::int64_t elements = packed_a ? 0 : packed_a_elements(m, k);
    if (!packed_b) {
      elements += round_up(std::min(n, nc_), nr()) * std::min(k, kc_);
      const std::int64_t lines = std::min(m, n);
      if (lines <= max_lines) elements = std::max(elements, LineProduct<T>::elements(lines, std::max(m, n), k));
    }
    return sizeof(T) * static_cast<std::size_t>(elements + line);
  }

  /// C = [C +] A B [+ bias]. c (m, n) with contiguous rows `c_row_stride` apart; it overlaps neither A, B nor the biases.
  /// `workspace`: workspace_bytes() of the sizes, aligned to 64.
  void run_operands(std::int64_t m, std::int64_t n, std::int64_t k, const Left& a, const Right& b, T* c, std::ptrdiff_t c_row_stride,
                    const ProductOptions<T>& options, void* workspace, const ThreadPool& pool) const noexcept {
    if (m <= 0 || n <= 0) return;
    auto* scratch = static_cast<T*>(workspace);
    const auto streams = [](const MatrixRef<T>& x) { return x.row_stride == 1 || x.column_stride == 1; };
    const bool in_memory = a.matrix.data != nullptr && b.matrix.data != nullptr;
    if (in_memory && m <= max_lines && streams(b.matrix)) {
      LineProduct<T>(*kernels_).template run<false>(m, n, k, a.matrix, b.matrix, c, c_row_stride, options, scratch, pool);
    } else if (in_memory && n <= max_lines && streams(a.matrix)) {
      LineProduct<T>(*kernels_).template run<true>(n, m, k, b.matrix.transposed(), a.matrix.transposed(), c, c_row_stride, options, scratch,
                                                   pool);
    } else {
      run_blocks(m, n, k, a, b, c, c_row_stride, options, scratch, pool);
    }
  }
  void run(std::int64_t m, std::int64_t n, std::int64_t k, const MatrixRef<T>& a, const MatrixRef<T>& b, T* c, std::ptrdiff_t c_row_stride,
           const ProductOptions<T>& options, void* workspace, const ThreadPool& pool) const noexcept {
    run_operands(m, n, k, Left{.matrix = a}, Right{.matrix = b}, c, c_row_stride, options, workspace, pool);
  }

  /// The same with a B that pack_b() packed. `workspace`: workspace_bytes(m, n, k, true) bytes, aligned to 64.
  void run_packed(std::int64_t m, std::int64_t n, std::int64_t k, const MatrixRef<T>& a, const T* packed_b, T* c,
                  std::ptrdiff_t c_row_stride, const ProductOptions<T>& options, void* workspace, const ThreadPool& pool) const noexcept {
    if (m <= 0 || n <= 0) return;
    if (m <= max_lines) return run_packed_lines(m, n, k, a, packed_b, c, c_row_stride, options, static_cast<T*>(workspace), pool);
    run_blocks(m, n, k, Left{.matrix = a}, Right{.packed = packed_b}, c, c_row_stride, options, static_cast<T*>(workspace), pool);
  }

 private:
  static constexpr std::int64_t max_lines = simd::Gemm<T>::max_vector_rows;
  /// Elements of a cache line.
  static constexpr std::int64_t line = 64 / sizeof(T);
  /// Multiply-adds, or packed elements, that are worth a thread: 2 to 10 microseconds.
  static constexpr std::int64_t worth_a_thread = 64 * 1024;
  static constexpr std::int64_t worth_packing = 8 * 1024;
  static constexpr std::int64_t c_block_bytes = 256 * 1024;

  static constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) noexcept { return (a + b - 1) / b; }
  static constexpr std::int64_t round_up(std::int64_t a, std::int64_t b) noexcept { return ceil_div(a, b) * b; }
  [[nodiscard]] std::int64_t mr() const noexcept { return kernels_->mr; }
  [[nodiscard]] std::int64_t nr() const noexcept { return kernels_->nr; }
  [[nodiscard]] std::int64_t pack_grain(std::int64_t depth) const noexcept { return ceil_div(worth_packing, (depth + 1) * nr()); }

  [[nodiscard]] std::int64_t packed_a_elements(std::int64_t m, std::int64_t k) const noexcept {
    return round_up(round_up(std::min(m, mo_), mr()) * std::min(k, kc_), line);
  }

  /// Columns [begin, end) of rows [p, p + depth) of B to consecutive panels.
  void pack_b_panels(const MatrixRef<T>& b, std::int64_t p, std::int64_t depth, std::int64_t begin, std::int64_t end,
                     T* panels) const noexcept {
    kernels_->pack_b(b.data + p * b.row_stride + begin * b.column_stride, b.row_stride, b.column_stride, static_cast<std::size_t>(depth),
                     static_cast<std::size_t>(end - begin), panels, static_cast<std::size_t>(depth * nr()));
  }

  void run_blocks(std::int64_t m, std::int64_t n, std::int64_t k, const Left& a, const Right& b, T* c, std::ptrdiff_t c_row_stride,
                  const ProductOptions<T>& options, T* workspace, const ThreadPool& pool) const noexcept {
    T* const packed_a = workspace;
    T* const packed_b = workspace + (a.packed != nullptr ? 0 : packed_a_elements(m, k));
    const std::int64_t most_rows = a.packed != nullptr ? m : mo_;
    const bool direct = b.packed == nullptr && b.pack == nullptr && b.matrix.column_stride == 1 && m <= 2 * mr();
    for (std::int64_t j0 = 0; j0 < n; j0 += nc_) {
      const std::int64_t columns = std::min(nc_, n - j0);
      std::int64_t p = 0;
      do {
        const std::int64_t depth = std::min(kc_, k - p);
        for (std::int64_t i0 = 0; i0 < m; i0 += most_rows) {
          const std::int64_t rows = std::min(most_rows, m - i0);
          // Panels of A, then those of B that are not there yet: none when they came packed or B is read in place, except the last one,
          // which a kernel may not read in place when it is narrower than nr.
          const std::int64_t a_panels = a.packed != nullptr ? 0 : ceil_div(rows, mr());
          const std::int64_t b_panels = b.packed != nullptr || i0 != 0 ? 0 : ceil_div(columns, nr());
          const std::int64_t b_first = direct ? columns / nr() : 0;
          pool.parallel_for(a_panels + std::max<std::int64_t>(0, b_panels - b_first), pack_grain(depth),
                            [&](std::int64_t begin, std::int64_t end) {
                              if (begin < a_panels) {
                                const std::int64_t first = begin * mr();
                                const std::int64_t last = std::min(std::min(end, a_panels) * mr(), rows);
                                kernels_->pack_a(a.matrix.data + (i0 + first) * a.matrix.row_stride + p * a.matrix.column_stride,
                                                 a.matrix.row_stride, a.matrix.column_stride, static_cast<std::size_t>(last - first),
                                                 static_cast<std::size_t>(depth), packed_a + first * depth);
                              }
                              if (end > a_panels) {
                                const std::int64_t first = (std::max(begin, a_panels) - a_panels + b_first) * nr();
                                const std::int64_t last = std::min((end - a_panels + b_first) * nr(), columns);
                                if (b.pack != nullptr) {
                                  (*b.pack)(p, depth, j0 + first, j0 + last, nr(), packed_b + first * depth);
                                } else {
                                  pack_b_panels(b.matrix, p, depth, j0 + first, j0 + last, packed_b + first * depth);
                                }
                              }
                            });
          const Step step{
              .i0 = i0, .rows = rows, .j0 = j0, .columns = columns, .p = p, .depth = depth, .first = p == 0, .last = p + depth >= k};
          const T* left = a.packed != nullptr ? a.packed + p * round_up(m, mr()) : packed_a;
          const T* right = b.packed != nullptr ? b.packed + p * round_up(n, nr()) + j0 * depth : packed_b;
          run_step(step, left, right, direct ? &b.matrix : nullptr, c, c_row_stride, options, pool);
        }
        p += depth;
      } while (p < k);
    }
  }

  /// One packed part of the product: C[i0 .. i0 + rows, j0 .. j0 + columns] (+)= A[., p .. p + depth] B[p .. p + depth, .].
  struct Step {
    std::int64_t i0;
    std::int64_t rows;
    std::int64_t j0;
    std::int64_t columns;
    std::int64_t p;
    std::int64_t depth;
    bool first;
    bool last;
  };

  void run_step(const Step& step, const T* packed_a, const T* packed_b, const MatrixRef<T>* direct, T* c, std::ptrdiff_t c_row_stride,
                const ProductOptions<T>& options, const ThreadPool& pool) const noexcept {
    // Blocks of mc rows; columns are cut until every thread has some four blocks to take, down to what is worth a thread.
    const std::int64_t row_blocks = ceil_div(step.rows, mc_);
    const std::int64_t block_rows = round_up(ceil_div(step.rows, row_blocks), mr());
    const std::int64_t wanted = ceil_div(4 * pool.size(), row_blocks);
    const std::int64_t least = ceil_div(worth_a_thread, block_rows * std::max<std::int64_t>(1, step.depth));
    // What finishes a block finds it in L2.
    const std::int64_t most = std::max(nr(), c_block_bytes / (block_rows * static_cast<std::int64_t>(sizeof(T))));
    const std::int64_t block_columns =
        round_up(std::min(std::max(ceil_div(step.columns, pool.size() == 1 ? 1 : wanted), least), most), nr());
    const std::int64_t column_blocks = ceil_div(step.columns, block_columns);
    pool.parallel_for(row_blocks * column_blocks, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t block = begin; block < end; ++block) {
        const std::int64_t i = block / column_blocks * block_rows;
        const std::int64_t j = block % column_blocks * block_columns;
        run_block(step, i, std::min(i + block_rows, step.rows), j, std::min(j + block_columns, step.columns), packed_a, packed_b, direct, c,
                  c_row_stride, options);
      }
    });
  }

  /// Rows [i_begin, i_end) and columns [j_begin, j_end) of a step.
  void run_block(const Step& step, std::int64_t i_begin, std::int64_t i_end, std::int64_t j_begin, std::int64_t j_end, const T* packed_a,
                 const T* packed_b, const MatrixRef<T>* direct, T* c, std::ptrdiff_t c_row_stride,
                 const ProductOptions<T>& options) const noexcept {
    for (std::int64_t j = j_begin; j < j_end; j += nr()) {
      const std::int64_t columns = std::min(nr(), j_end - j);
      const T* panel = packed_b + j * step.depth;
      std::ptrdiff_t panel_stride = nr();
      if (direct != nullptr && columns == nr()) {
        panel = direct->data + step.p * direct->row_stride + step.j0 + j;
        panel_stride = direct->row_stride;
      }
      // The first tiles fetch the panel that comes next, each a part of it.
      std::int64_t fetched = direct == nullptr && j + nr() < j_end ? 0 : nr();
      for (std::int64_t i = i_begin; i < i_end; i += mr()) {
        const std::int64_t row = step.i0 + i;
        const std::int64_t column = step.j0 + j;
        kernels_->kernel(static_cast<std::size_t>(step.depth), packed_a + i * step.depth, panel, panel_stride,
                         {.c = c + row * c_row_stride + column,
                          .row_stride = c_row_stride,
                          .rows = static_cast<int>(std::min(mr(), i_end - i)),
                          .columns = static_cast<int>(columns),
                          .accumulate = !step.first || options.accumulate,
                          .row_bias = step.first && options.row_bias != nullptr ? options.row_bias + row : nullptr,
                          .column_bias = step.first && options.column_bias != nullptr ? options.column_bias + column : nullptr,
                          .fetch = fetched < nr() ? packed_b + (j + nr() + fetched) * step.depth : nullptr});
        fetched += kernels_->fetch_step;
      }
    }
    if (step.last && options.finish != nullptr) {
      const std::int64_t row = step.i0 + i_begin;
      const std::int64_t column = step.j0 + j_begin;
      (*options.finish)(c + row * c_row_stride + column, row, column, i_end - i_begin, j_end - j_begin);
    }
  }

  /// At most max_lines rows times a packed B, which is read once, in the order in which it stands. What run_blocks() would do, without its
  /// search for blocks, which takes longer than a small product.
  void run_packed_lines(std::int64_t m, std::int64_t n, std::int64_t k, const MatrixRef<T>& a, const T* packed_b, T* c,
                        std::ptrdiff_t c_row_stride, const ProductOptions<T>& options, T* workspace,
                        const ThreadPool& pool) const noexcept {
    std::int64_t p = 0;
    do {
      const std::int64_t depth = std::min(kc_, k - p);
      // Of the panel of A only the rows that there are.
      for (std::int64_t r = 0; r < m; ++r) {
        const T* row = a.data + r * a.row_stride + p * a.column_stride;
        for (std::int64_t i = 0; i < depth; ++i) workspace[i * mr() + r] = row[i * a.column_stride];
      }
      const T* const block = packed_b + p * round_up(n, nr());
      pool.parallel_for(ceil_div(n, nr()), ceil_div(worth_a_thread / 2, (depth + 1) * nr()), [&](std::int64_t begin, std::int64_t end) {
        const std::int64_t last = std::min(end * nr(), n);
        for (std::int64_t j = begin * nr(); j < last; j += nr()) {
          kernels_->kernel(static_cast<std::size_t>(depth), workspace, block + j * depth, nr(),
                           {.c = c + j,
                            .row_stride = c_row_stride,
                            .rows = static_cast<int>(m),
                            .columns = static_cast<int>(std::min(nr(), last - j)),
                            .accumulate = p != 0 || options.accumulate,
                            .row_bias = p == 0 ? options.row_bias : nullptr,
                            .column_bias = p == 0 && options.column_bias != nullptr ? options.column_bias + j : nullptr,
                            .fetch = j + nr() < last ? block + (j + nr()) * depth : nullptr});
        }
        if (p + depth >= k && options.finish != nullptr) (*options.finish)(c + begin * nr(), 0, begin * nr(), m, last - begin * nr());
      });
      p += depth;
    } while (p < k);
  }

  const simd::Gemm<T>* kernels_;
  std::int64_t kc_;
  std::int64_t mc_;
  std::int64_t nc_;
  std::int64_t mo_;
};

}  // namespace hone::inline HONE_ABI::cpu
