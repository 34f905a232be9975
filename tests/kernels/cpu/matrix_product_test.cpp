#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include <doctest/doctest.h>

#include <hone/kernels/cpu/matrix_product.hpp>

namespace matrix_product_test {

using hone::ThreadPool;
using hone::cpu::MatrixProduct;
using hone::cpu::MatrixRef;
using hone::cpu::ProductOptions;

/// Scratch on a cache line, surrounded by what must not change.
struct Scratch {
  explicit Scratch(std::size_t bytes) : storage(bytes + 128, std::byte{0x5a}), size(bytes) {
    begin = storage.data() + (64 - reinterpret_cast<std::uintptr_t>(storage.data()) % 64) % 64;
  }
  [[nodiscard]] bool intact() const {
    return std::all_of(begin + size, const_cast<std::byte*>(storage.data()) + storage.size(),
                       [](std::byte b) { return b == std::byte{0x5a}; });
  }
  std::vector<std::byte> storage;
  std::size_t size;
  std::byte* begin;
};

template <class T>
std::vector<T> random_values(std::size_t n, std::mt19937& engine) {
  std::vector<T> values(n);
  if constexpr (std::integral<T>) {
    std::uniform_int_distribution<int> pick(-1000, 1000);
    for (T& v : values) v = static_cast<T>(pick(engine));
  } else {
    std::uniform_real_distribution<double> pick(-1, 1);
    for (T& v : values) v = static_cast<T>(pick(engine));
  }
  return values;
}

/// How A and B lie in memory.
enum class Layout { rows, columns, strided };

template <class T>
MatrixRef<T> view(const std::vector<T>& values, std::int64_t rows, std::int64_t columns, Layout layout) {
  if (layout == Layout::rows) return {values.data(), columns + 3, 1};
  if (layout == Layout::columns) return {values.data(), 1, rows + 1};
  return {values.data(), 2 * columns + 1, 2};
}

inline std::size_t cells(std::int64_t rows, std::int64_t columns) { return static_cast<std::size_t>((rows + 4) * (2 * columns + 4)); }

struct Case {
  std::int64_t m;
  std::int64_t n;
  std::int64_t k;
  Layout a = Layout::rows;
  Layout b = Layout::rows;
  bool accumulate = false;
  bool row_bias = false;
  bool column_bias = false;
};

template <class T>
void check(hone::simd::Isa isa, const Case& t, std::mt19937& engine) {
  CAPTURE(hone::simd::name(isa));
  CAPTURE(t.m);
  CAPTURE(t.n);
  CAPTURE(t.k);
  CAPTURE(static_cast<int>(t.a));
  CAPTURE(static_cast<int>(t.b));
  const MatrixProduct<T> product(isa);
  CHECK(product.isa() == isa);
  const std::vector<T> a_values = random_values<T>(cells(t.m, t.k), engine);
  const std::vector<T> b_values = random_values<T>(cells(t.k, t.n), engine);
  const std::vector<T> row_bias = random_values<T>(static_cast<std::size_t>(t.m), engine);
  const std::vector<T> column_bias = random_values<T>(static_cast<std::size_t>(t.n), engine);
  const MatrixRef<T> a = view(a_values, t.m, t.k, t.a);
  const MatrixRef<T> b = view(b_values, t.k, t.n, t.b);
  const std::int64_t ldc = t.n + 5;
  const std::vector<T> before = random_values<T>(static_cast<std::size_t>(t.m * ldc), engine);
  ProductOptions<T> options{.accumulate = t.accumulate,
                            .row_bias = t.row_bias ? row_bias.data() : nullptr,
                            .column_bias = t.column_bias ? column_bias.data() : nullptr};

  std::vector<std::vector<T>> results;
  for (const int threads : {1, 2, 3}) {
    const ThreadPool& pool = ThreadPool::shared(threads);
    for (const bool packed : {false, true}) {
      std::vector<T> c = before;
      std::vector<int> finished(c.size(), 0);
      const auto finish = [&](T* tile, std::int64_t row, std::int64_t column, std::int64_t rows, std::int64_t columns) {
        if (tile != c.data() + row * ldc + column) return;
        for (std::int64_t i = row; i < row + rows; ++i) {
          for (std::int64_t j = column; j < column + columns; ++j) ++finished[static_cast<std::size_t>(i * ldc + j)];
        }
      };
      const typename ProductOptions<T>::Finish finish_ref = finish;
      options.finish = &finish_ref;
      Scratch work(product.workspace_bytes(t.m, t.n, t.k, packed));
      if (packed) {
        Scratch packed_b(product.pack_b_bytes(t.k, t.n));
        product.pack_b(b, t.k, t.n, reinterpret_cast<T*>(packed_b.begin), pool);
        CHECK(packed_b.intact());
        product.run_packed(t.m, t.n, t.k, a, reinterpret_cast<const T*>(packed_b.begin), c.data(), ldc, options, work.begin, pool);
      } else {
        product.run(t.m, t.n, t.k, a, b, c.data(), ldc, options, work.begin, pool);
      }
      CHECK(work.intact());
      bool once = true;
      for (std::int64_t i = 0; i < t.m; ++i) {
        for (std::int64_t j = 0; j < ldc; ++j) once = once && finished[static_cast<std::size_t>(i * ldc + j)] == (j < t.n ? 1 : 0);
      }
      CHECK(once);
      results.push_back(std::move(c));
    }
  }
  // Bitwise the same for any number of threads; packed and unpacked may differ by rounding.
  const auto same = [&](std::size_t x, std::size_t y) {
    return results[x].empty() || std::memcmp(results[x].data(), results[y].data(), results[x].size() * sizeof(T)) == 0;
  };
  CHECK(same(0, 2));
  CHECK(same(0, 4));
  CHECK(same(1, 3));
  CHECK(same(1, 5));

  double worst = 0;
  bool padding_kept = true;
  for (std::int64_t i = 0; i < t.m; ++i) {
    for (std::int64_t j = 0; j < ldc; ++j) {
      const auto at = static_cast<std::size_t>(i * ldc + j);
      if (j >= t.n) {
        padding_kept = padding_kept && results[0][at] == before[at] && results[1][at] == before[at];
        continue;
      }
      double sum = 0;
      double scale = 1;
      const auto add = [&](double v) {
        sum += v;
        scale += std::abs(v);
      };
      for (std::int64_t p = 0; p < t.k; ++p) {
        add(static_cast<double>(a.data[i * a.row_stride + p * a.column_stride]) *
            static_cast<double>(b.data[p * b.row_stride + j * b.column_stride]));
      }
      if (t.accumulate) add(static_cast<double>(before[at]));
      if (t.row_bias) add(static_cast<double>(row_bias[static_cast<std::size_t>(i)]));
      if (t.column_bias) add(static_cast<double>(column_bias[static_cast<std::size_t>(j)]));
      worst = std::max(worst, std::abs(static_cast<double>(results[0][at]) - sum) / scale);
      worst = std::max(worst, std::abs(static_cast<double>(results[1][at]) - sum) / scale);
    }
  }
  CHECK(padding_kept);
  // The error of a sum is at most (k + 3) roundings of the sum of magnitudes; integers are exact.
  const double tolerance = std::integral<T> ? 0.0 : static_cast<double>(t.k + 4) * static_cast<double>(std::numeric_limits<T>::epsilon());
  CHECK(worst <= tolerance);
}

template <class T>
void check_all() {
  std::mt19937 engine(7);
  for (const hone::simd::Isa isa : hone::simd::available_isas()) {
    const auto& kernels = hone::simd::table<hone::simd::Gemm<T>>(isa);
    const std::int64_t mr = kernels.mr;
    const std::int64_t nr = kernels.nr;
    for (const std::int64_t m : {std::int64_t{1}, std::int64_t{2}, std::int64_t{4}, std::int64_t{5}, mr, mr + 1, 2 * mr + 1}) {
      for (const std::int64_t n : {std::int64_t{1}, std::int64_t{4}, nr - 1, nr, nr + 1, 2 * nr + 3}) {
        for (const std::int64_t k : {0, 1, 3, 17, 64}) {
          check<T>(isa, {.m = m, .n = n, .k = k, .a = Layout::rows, .b = Layout::columns, .row_bias = true}, engine);
          check<T>(isa, {.m = m, .n = n, .k = k, .accumulate = true, .column_bias = true}, engine);
        }
      }
    }
    for (const Layout a : {Layout::rows, Layout::columns, Layout::strided}) {
      for (const Layout b : {Layout::rows, Layout::columns, Layout::strided}) {
        for (const std::int64_t m : {3, 50}) {
          for (const std::int64_t n : {3, 70}) {
            check<T>(isa, {.m = m, .n = n, .k = 33, .a = a, .b = b, .accumulate = m > n, .row_bias = true, .column_bias = true}, engine);
          }
        }
      }
    }
  }
}

TEST_CASE("matrix_product: float around the tile sizes") { check_all<float>(); }
TEST_CASE("matrix_product: double around the tile sizes") { check_all<double>(); }
TEST_CASE("matrix_product: int32 around the tile sizes") { check_all<std::int32_t>(); }
TEST_CASE("matrix_product: int64 around the tile sizes") { check_all<std::int64_t>(); }

TEST_CASE("matrix_product: more than one block in every direction") {
  std::mt19937 engine(8);
  for (const hone::simd::Isa isa : hone::simd::available_isas()) {
    check<float>(isa, {.m = 391, .n = 97, .k = 1030, .row_bias = true}, engine);
    check<float>(isa, {.m = 37, .n = 8200, .k = 131, .accumulate = true, .column_bias = true}, engine);
    check<float>(isa, {.m = 8300, .n = 9, .k = 140}, engine);
    check<float>(isa, {.m = 2, .n = 2500, .k = 600, .b = Layout::columns}, engine);
    check<float>(isa, {.m = 20, .n = 300, .k = 700}, engine);
    check<double>(isa, {.m = 203, .n = 4, .k = 515, .a = Layout::columns}, engine);
    check<double>(isa, {.m = 150, .n = 65, .k = 515, .a = Layout::columns, .b = Layout::columns}, engine);
  }
}

TEST_CASE("matrix_product: empty results") {
  std::mt19937 engine(9);
  for (const hone::simd::Isa isa : hone::simd::available_isas()) {
    check<float>(isa, {.m = 0, .n = 5, .k = 3}, engine);
    check<float>(isa, {.m = 5, .n = 0, .k = 3}, engine);
  }
}

TEST_CASE("matrix_product: integers wrap") {
  for (const hone::simd::Isa isa : hone::simd::available_isas()) {
    const MatrixProduct<std::int32_t> product(isa);
    const std::vector<std::int32_t> big(64, std::numeric_limits<std::int32_t>::max());
    std::vector<std::int32_t> c(64, 0);
    Scratch work(product.workspace_bytes(8, 8, 8));
    product.run(8, 8, 8, {big.data(), 8, 1}, {big.data(), 8, 1}, c.data(), 8, {}, work.begin, ThreadPool::shared(1));
    // max * max is 1 modulo 2^32.
    for (const std::int32_t v : c) CHECK(v == 8);
  }
}

}  // namespace matrix_product_test
