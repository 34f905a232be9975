#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <benchmark/benchmark.h>

#include <hone/simd/gemm.hpp>
#include <hone/simd/table.hpp>

namespace hone_bench {

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
  const double flop = 2.0 * k * gemm.mr * gemm.nr;
  double best = 0;
  for (int round = 0; round < 20; ++round) {
    constexpr int calls = 200;
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < calls; ++i) {
      gemm.kernel(k, a.data(), aligned, gemm.nr, tile);
      benchmark::ClobberMemory();
    }
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    best = std::max(best, calls * flop / seconds.count() * 1e-9);
  }
  return best;
}

}  // namespace hone_bench
