#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>

#include <hone/config.hpp>
#include <hone/kernels/cpu/index_input.hpp>
#include <hone/ops/loss.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

template <class Op, class T>
requires std::derived_from<Op, ops::ClassLoss>
class Kernel<Op, Cpu, T> {
 public:
  static Support supports(const NodeView& node) { return IndexInput::support(node.input_dtype(1)); }
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<Op>()) {}

  void run(Context& c) const {
    using Reduction = ops::ClassLoss::Reduction;
    const Shape& shape = c.input(0).shape;
    const std::int64_t classes = shape[1];
    const std::int64_t inner = shape.stride(1);
    const std::int64_t positions = shape[0] * inner;
    const IndexInput target(c.input(1));
    const T* weight = c.has_input(2) ? c.in<T>(2) : nullptr;
    double sum = 0;
    double weights = 0;
    for (std::int64_t i = 0; i < positions; ++i) {
      const std::int64_t first = i / inner * classes * inner + i % inner;
      const T* x = c.in<T>(0) + first;
      const double log_sum = normalizer(c, x, first, classes, inner);
      const std::int64_t t = target[i];
      double loss = 0;
      if (t != op_.ignore_index) {
        if (t < 0 || t >= classes) return c.fail("target ", i, " is class ", t, " of ", classes);
        const double w = weight != nullptr ? static_cast<double>(weight[t]) : 1.0;
        loss = w * (log_sum - static_cast<double>(x[t * inner]));
        weights += w;
      }
      sum += loss;
      if (op_.reduction == Reduction::none) c.out<T>(0)[i] = static_cast<T>(loss);
    }
    if (op_.reduction == Reduction::sum) *c.out<T>(0) = static_cast<T>(sum);
    if (op_.reduction == Reduction::mean) *c.out<T>(0) = static_cast<T>(sum / weights);
  }

 private:
  /// What is subtracted from the scores of a position, log(sum(exp(x))), which is 0 when they are logarithms already.
  static double normalizer(const Context& c, const T* x, std::int64_t first, std::int64_t classes, std::int64_t stride) {
    if constexpr (std::same_as<Op, ops::NegativeLogLikelihoodLoss>) {
      return 0;
    } else {
      if (classes == 0) return 0;
      T max = x[0];
      for (std::int64_t k = 1; k < classes; ++k) max = std::max(max, x[k * stride]);
      double sum = 0;
      for (std::int64_t k = 0; k < classes; ++k) sum += std::exp(static_cast<double>(x[k * stride] - max));
      const double result = static_cast<double>(max) + std::log(sum);
      if (c.has_output(1)) {
        T* log_prob = c.out<T>(1) + first;
        for (std::int64_t k = 0; k < classes; ++k) log_prob[k * stride] = static_cast<T>(static_cast<double>(x[k * stride]) - result);
      }
      return result;
    }
  }

  Op op_;
};

}  // namespace hone::inline HONE_ABI
