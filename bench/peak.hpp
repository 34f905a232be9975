#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include <benchmark/benchmark.h>

#include <hone/core/buffer.hpp>
#include <hone/simd/gemm.hpp>
#include <hone/simd/integer_gemm.hpp>
#include <hone/simd/table.hpp>

namespace hone_bench {

/// The most calls per second of `call` in rounds of 200, for a quarter of a second: long enough to outlast who else uses the core.
template <class Call>
double best_rate(const Call& call) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::milliseconds(250);
  double best = 0;
  while (Clock::now() < end) {
    constexpr int calls = 200;
    const auto start = Clock::now();
    for (int i = 0; i < calls; ++i) {
      call();
      benchmark::ClobberMemory();
    }
    const std::chrono::duration<double> seconds = Clock::now() - start;
    best = std::max(best, calls / seconds.count());
  }
  return best;
}

/// GFLOP/s of the micro-kernel on one tile that lives in L1: what one thread can reach, loads of A and B included.
template <class T>
double kernel_peak(hone::simd::Isa isa) {
  const auto& gemm = hone::simd::table<hone::simd::Gemm<T>>(isa);
  constexpr std::size_t k = 128;
  const std::vector<T> a(k * static_cast<std::size_t>(gemm.mr), T(0.5));
  const std::vector<T> b(k * static_cast<std::size_t>(gemm.nr) + 16, T(0.5));
  std::vector<T> c(static_cast<std::size_t>(gemm.mr * gemm.nr));
  const T* aligned = b.data() + (64 - reinterpret_cast<std::uintptr_t>(b.data()) % 64) % 64 / sizeof(T);
  const hone::simd::GemmTile<T> tile{.c = c.data(), .row_stride = gemm.nr, .rows = gemm.mr, .columns = gemm.nr, .accumulate = false};
  return best_rate([&] { gemm.kernel(k, a.data(), aligned, gemm.nr, tile); }) * 2e-9 * k * gemm.mr * gemm.nr;
}

/// GOP/s of a form of integer products on tiles of 64 rows, likewise.
inline double integer_peak(const hone::simd::IntegerForm& form) {
  constexpr std::size_t rows = 64;
  constexpr std::size_t words = 64;
  // Aligned, as what kernels read is: rows that cross cache lines take twice as long.
  hone::Buffer a(rows * words * 4);
  hone::Buffer b(words * 4 * form.columns);
  hone::Buffer c(rows * form.columns * sizeof(std::int32_t));
  std::memset(a.data(), 1, a.bytes());
  std::memset(b.data(), 1, b.bytes());
  const std::ptrdiff_t segment = 0;
  const hone::simd::IntegerTile tile{.a = static_cast<const std::byte*>(a.data()),
                                     .row_stride = words * 4,
                                     .segments = &segment,
                                     .segment_count = 1,
                                     .words = words,
                                     .b = static_cast<const std::byte*>(b.data()),
                                     .columns = form.columns,
                                     .c = static_cast<std::int32_t*>(c.data()),
                                     .c_stride = static_cast<std::ptrdiff_t>(form.columns),
                                     .rows = rows};
  return best_rate([&] { form.run(tile); }) * 2e-9 * rows * words * static_cast<double>(form.columns * (4 / form.element));
}

}  // namespace hone_bench
