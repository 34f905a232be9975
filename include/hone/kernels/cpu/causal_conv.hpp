#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include <hone/config.hpp>
#include <hone/ops/causal_conv.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

/// Tap by tap over whole rows, which are shared among the threads.
template <class T>
class Kernel<ops::CausalConvWithState, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : silu_(node.op<ops::CausalConvWithState>().silu) {}
  void run(Context& c) const {
    const Shape& shape = c.input(0).shape;
    const std::int64_t n = shape[2];
    const std::int64_t taps = c.input(1).shape[2];
    const std::int64_t before = taps - 1;
    c.parallel_for(shape[0] * shape[1], std::max<std::int64_t>(1, 8192 / (n * taps + 1)), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const std::int64_t channel = row % shape[1];
        const T* x = c.in<T>(0) + row * n;
        const T* past = c.has_input(3) ? c.in<T>(3) + row * before : nullptr;
        const T* w = c.in<T>(1) + channel * taps;
        T* y = c.out<T>(0) + row * n;
        std::fill_n(y, n, c.has_input(2) ? c.in<T>(2)[channel] : T(0));
        for (std::int64_t i = 0; i < taps; ++i) {
          // z[t + i] is past[t + i] up to t + i = before, and x[t + i - before] from there on.
          const std::int64_t first = std::min(n, before - i);
          for (std::int64_t t = 0; past != nullptr && t < first; ++t) y[t] += w[i] * past[t + i];
          for (std::int64_t t = first; t < n; ++t) y[t] += w[i] * x[t + i - before];
        }
        if (silu_) {
          for (std::int64_t t = 0; t < n; ++t) y[t] = y[t] / (T(1) + std::exp(-y[t]));
        }
        if (!c.has_output(1)) continue;
        T* state = c.out<T>(1) + row * before;
        for (std::int64_t j = 0; j < before; ++j) {
          const std::int64_t at = n + j;  // in z
          state[j] = at >= before ? x[at - before] : past != nullptr ? past[at] : T(0);
        }
      }
    });
  }

 private:
  bool silu_;
};

}  // namespace hone::inline HONE_ABI
