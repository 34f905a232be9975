#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include <hone/config.hpp>
#include <hone/ops/det.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

/// The product of the pivots of Gaussian elimination with partial pivoting.
template <>
class Kernel<ops::Det, Cpu, double> {
 public:
  Kernel(const NodeView&, const CpuDevice&) {}
  [[nodiscard]] std::size_t workspace(const Context& c) const {
    const std::int64_t n = c.input(0).shape.back();
    return static_cast<std::size_t>(n * n) * sizeof(double);
  }
  void run(Context& c) const {
    const std::int64_t n = c.input(0).shape.back();
    auto* a = reinterpret_cast<double*>(c.workspace());  // (n, n)
    for (std::int64_t i = 0; i < c.output(0).elements(); ++i) {
      std::copy_n(c.in<double>(0) + i * n * n, n * n, a);
      c.out<double>(0)[i] = determinant(a, n);
    }
  }

 private:
  static double determinant(double* a, std::int64_t n) noexcept {
    double result = 1;
    for (std::int64_t k = 0; k < n; ++k) {
      std::int64_t pivot = k;
      for (std::int64_t i = k + 1; i < n; ++i)
        if (std::abs(a[i * n + k]) > std::abs(a[pivot * n + k])) pivot = i;
      if (pivot != k) {
        std::swap_ranges(a + k * n, a + (k + 1) * n, a + pivot * n);
        result = -result;
      }
      result *= a[k * n + k];
      if (a[k * n + k] == 0) return result;
      for (std::int64_t i = k + 1; i < n; ++i) {
        const double factor = a[i * n + k] / a[k * n + k];
        for (std::int64_t j = k + 1; j < n; ++j) a[i * n + j] -= factor * a[k * n + j];
      }
    }
    return result;
  }
};

}  // namespace hone::inline HONE_ABI
