// GFLOP/s of matrix products, with the fraction of a measured peak, and GB/s of loops; each for every instruction set that runs here. Where
// OpenBLAS is installed, its products stand beside those.
//   simd_bench --benchmark_filter=gemm

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#if HONE_BENCH_OPENBLAS
#include <cblas.h>
#endif

#include <hone/core/thread_pool.hpp>
#include <hone/kernels/cpu/matrix_product.hpp>
#include <hone/simd/arch.hpp>
#include <hone/simd/binary.hpp>
#include <hone/simd/gemm.hpp>
#include <hone/simd/reduce.hpp>
#include <hone/simd/softmax.hpp>
#include <hone/simd/table.hpp>
#include <hone/simd/unary.hpp>

#include "peak.hpp"

namespace {

using hone::ThreadPool;
using hone::cpu::MatrixProduct;
using hone::simd::Isa;
using hone_bench::kernel_peak;

/// GFLOP/s of independent multiply-adds in registers, for the instruction set of this translation unit's flags only.
template <class T>
double register_peak() {
  using V = xsimd::batch<T, hone::simd::Arch<hone::simd::native_isa>>;
  constexpr int chains = 12;
  V sums[chains];
  for (V& sum : sums) sum = V(T(1));
  const V factor(T(0.999));
  double best = 0;
  for (int round = 0; round < 20; ++round) {
    constexpr int steps = 20000;
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < steps; ++i) {
#pragma GCC unroll 12
      for (int s = 0; s < chains; ++s) sums[s] = xsimd::fma(sums[s], factor, factor);
    }
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    best = std::max(best, 2.0 * chains * steps * V::size / seconds.count() * 1e-9);
  }
  for (V& sum : sums) benchmark::DoNotOptimize(sum);
  return best;
}

struct Shape {
  std::int64_t m;
  std::int64_t n;
  std::int64_t k;
};

/// The peak of an instruction set, measured once.
template <class T>
double peak_of(Isa isa) {
  static double peaks[4] = {};
  double& peak = peaks[static_cast<int>(isa)];
  if (peak == 0) peak = kernel_peak<T>(isa);
  return peak;
}

template <class T>
void count_product(benchmark::State& state, Isa isa, Shape s, int threads) {
  const double flop = 2.0 * static_cast<double>(s.m) * static_cast<double>(s.n) * static_cast<double>(s.k);
  const auto rate = [](double amount) { return benchmark::Counter(amount, benchmark::Counter::kIsIterationInvariantRate); };
  state.counters["GFLOP/s"] = rate(flop * 1e-9);
  state.counters["of_peak"] = rate(flop * 1e-9 / (peak_of<T>(isa) * threads));
  state.counters["GB/s"] = rate(static_cast<double>(sizeof(T)) * static_cast<double>(s.n * s.k) * 1e-9);
}

#if HONE_BENCH_OPENBLAS
void openblas(benchmark::State& state, Isa isa, Shape s, int threads) {
  const std::vector<float> a(static_cast<std::size_t>(s.m * s.k), 0.5F);
  const std::vector<float> b(static_cast<std::size_t>(s.k * s.n), 0.25F);
  std::vector<float> c(static_cast<std::size_t>(s.m * s.n));
  const int m = static_cast<int>(s.m);
  const int n = static_cast<int>(s.n);
  const int k = static_cast<int>(s.k);
  openblas_set_num_threads(threads);
  for (auto _ : state) {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, 1, a.data(), k, b.data(), n, 0, c.data(), n);
    benchmark::ClobberMemory();
  }
  count_product<float>(state, isa, s, threads);
}
#endif

template <class T>
void gemm(benchmark::State& state, Isa isa, Shape s, int threads, bool packed) {
  const MatrixProduct<T> product(isa);
  const ThreadPool& pool = ThreadPool::shared(threads);
  const auto count = [](std::int64_t rows, std::int64_t columns) { return static_cast<std::size_t>(rows * columns); };
  const std::vector<T> a(count(s.m, s.k), T(0.5));
  const std::vector<T> b(count(s.k, s.n), T(0.25));
  std::vector<T> c(count(s.m, s.n));
  std::vector<T> packed_b(product.pack_b_bytes(s.k, s.n) / sizeof(T) + 1);
  std::vector<std::byte> work(product.workspace_bytes(s.m, s.n, s.k) + 64);
  std::byte* aligned = work.data() + (64 - reinterpret_cast<std::uintptr_t>(work.data()) % 64) % 64;
  if (packed) product.pack_b({b.data(), s.n, 1}, s.k, s.n, packed_b.data(), pool);
  for (auto _ : state) {
    if (packed) {
      product.run_packed(s.m, s.n, s.k, {a.data(), s.k, 1}, packed_b.data(), c.data(), s.n, {}, aligned, pool);
    } else {
      product.run(s.m, s.n, s.k, {a.data(), s.k, 1}, {b.data(), s.n, 1}, c.data(), s.n, {}, aligned, pool);
    }
    benchmark::ClobberMemory();
  }
  count_product<T>(state, isa, s, threads);
}

template <class F>
void unary(benchmark::State& state, Isa isa, F f) {
  std::vector<float> x(8192, 0.5F);
  std::vector<float> y(x.size());
  const auto& loop = hone::simd::table<hone::simd::UnaryLoop<F, float>>(isa);
  for (auto _ : state) {
    loop.run(f, x.data(), y.data(), x.size());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(2 * x.size() * sizeof(float)));
}

template <class F>
void binary(benchmark::State& state, Isa isa, F f) {
  std::vector<float> x(8192, 0.5F);
  std::vector<float> y(x.size());
  const auto& loop = hone::simd::table<hone::simd::BinaryLoop<F, float>>(isa);
  for (auto _ : state) {
    loop.vv(f, x.data(), x.data(), y.data(), x.size());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(3 * x.size() * sizeof(float)));
}

template <class F>
void reduce(benchmark::State& state, Isa isa, F) {
  const std::vector<float> x(8192, 0.5F);
  const auto& family = hone::simd::table<hone::simd::Reduce<F, float>>(isa);
  for (auto _ : state) benchmark::DoNotOptimize(family.contiguous(x.data(), x.size()));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(x.size() * sizeof(float)));
}

void softmax(benchmark::State& state, Isa isa) {
  const std::vector<float> x(1000, 0.5F);
  std::vector<float> y(x.size());
  const auto& family = hone::simd::table<hone::simd::SoftmaxRow<float>>(isa);
  for (auto _ : state) {
    family.softmax(x.data(), y.data(), x.size());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(2 * x.size() * sizeof(float)));
}

void fork_join(benchmark::State& state, int threads) {
  const ThreadPool& pool = ThreadPool::shared(threads);
  for (auto _ : state) {
    pool.parallel_for(threads, 1, [](std::int64_t begin, std::int64_t) { benchmark::DoNotOptimize(begin); });
  }
}

void register_all() {
  using namespace hone::simd;
  benchmark::AddCustomContext("fma_peak_" + std::string(name(native_isa)) + "_float_gflops", std::to_string(register_peak<float>()));
  for (const int threads : {2, 4})
    benchmark::RegisterBenchmark(("fork_join/threads:" + std::to_string(threads)).c_str(), fork_join, threads);
  for (const Isa isa : available_isas()) {
    const std::string suffix = "/" + std::string(name(isa));
    benchmark::AddCustomContext("kernel_peak" + suffix + "_float_gflops", std::to_string(kernel_peak<float>(isa)));
    benchmark::AddCustomContext("kernel_peak" + suffix + "_double_gflops", std::to_string(kernel_peak<double>(isa)));
    for (const Shape s : {Shape{512, 512, 512}, Shape{1024, 1024, 1024}, Shape{2048, 2048, 2048}, Shape{256, 256, 256},
                          Shape{64, 3136, 576}, Shape{3136, 64, 576}, Shape{16, 768, 768}, Shape{1, 4096, 4096}}) {
      const std::string shape = "/m:" + std::to_string(s.m) + "/n:" + std::to_string(s.n) + "/k:" + std::to_string(s.k);
      for (const int threads : {1, 2}) {
        for (const bool packed : {false, true}) {
          const std::string label = "gemm_float" + suffix + shape + (packed ? "/packed" : "") + "/threads:" + std::to_string(threads);
          benchmark::RegisterBenchmark(label.c_str(), gemm<float>, isa, s, threads, packed)->UseRealTime();
        }
#if HONE_BENCH_OPENBLAS
        if (isa != best_isa().isa) continue;
        const std::string label = "gemm_float/openblas" + shape + "/threads:" + std::to_string(threads);
        benchmark::RegisterBenchmark(label.c_str(), openblas, isa, s, threads)->UseRealTime();
#endif
      }
    }
    benchmark::RegisterBenchmark(("gemm_double" + suffix + "/m:512/n:512/k:512/threads:1").c_str(), gemm<double>, isa, Shape{512, 512, 512},
                                 1, false);
    benchmark::RegisterBenchmark(("relu" + suffix).c_str(), unary<Relu>, isa, Relu{});
    benchmark::RegisterBenchmark(("exp" + suffix).c_str(), unary<Exp>, isa, Exp{});
    benchmark::RegisterBenchmark(("tanh" + suffix).c_str(), unary<Tanh>, isa, Tanh{});
    benchmark::RegisterBenchmark(("erf" + suffix).c_str(), unary<Erf>, isa, Erf{});
    benchmark::RegisterBenchmark(("gelu" + suffix).c_str(), unary<Gelu>, isa, Gelu{});
    benchmark::RegisterBenchmark(("sin" + suffix).c_str(), unary<Sin>, isa, Sin{});
    benchmark::RegisterBenchmark(("add" + suffix).c_str(), binary<Add>, isa, Add{});
    benchmark::RegisterBenchmark(("max" + suffix).c_str(), binary<Max>, isa, Max{});
    benchmark::RegisterBenchmark(("sum" + suffix).c_str(), reduce<Sum>, isa, Sum{});
    benchmark::RegisterBenchmark(("max_of" + suffix).c_str(), reduce<MaxOf>, isa, MaxOf{});
    benchmark::RegisterBenchmark(("softmax/n:1000" + suffix).c_str(), softmax, isa);
  }
}

}  // namespace

int main(int argc, char** argv) {
  register_all();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
