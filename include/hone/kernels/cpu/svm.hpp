#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include <hone/config.hpp>
#include <hone/kernels/cpu/class_scores.hpp>
#include <hone/ops/dimensions.hpp>
#include <hone/ops/svm.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

namespace cpu {

/// K(row of x, b)
[[nodiscard]] inline double support_product(const ops::SupportVectors& op, const TensorRef& x, std::int64_t row, const float* b) {
  using Function = ops::SupportVectors::Function;
  const std::int64_t n = x.shape.back();
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const double a = ops::number_at(x, row * n + i);
    const double distance = a - static_cast<double>(b[i]);
    sum += op.function == Function::rbf ? distance * distance : a * static_cast<double>(b[i]);
  }
  const double gamma = static_cast<double>(op.gamma);
  const double constant = static_cast<double>(op.constant);
  switch (op.function) {
    case Function::linear:
      return sum;
    case Function::poly:
      return std::pow(gamma * sum + constant, static_cast<double>(op.degree));
    case Function::sigmoid:
      return std::tanh(gamma * sum + constant);
    default:
      return std::exp(-gamma * sum);
  }
}

/// The probabilities of n classes that agree best with those of each pair: p (n), pairs (n, n), scratch (n, n) and (n).
/// Source: Wu, Lin and Weng, Probability estimates for multi-class classification by pairwise coupling, 2004, the second method.
inline void couple_pairs(std::size_t n, const double* pairs, double* p, double* q, double* qp) noexcept {
  for (std::size_t t = 0; t < n; ++t) {
    p[t] = 1.0 / static_cast<double>(n);
    q[t * n + t] = 0;
    for (std::size_t j = 0; j < n; ++j) {
      if (j == t) continue;
      q[t * n + t] += pairs[j * n + t] * pairs[j * n + t];
      q[t * n + j] = -pairs[j * n + t] * pairs[t * n + j];
    }
  }
  const double enough = 0.005 / static_cast<double>(n);
  for (int step = 0; step < 100; ++step) {
    double pqp = 0;
    for (std::size_t t = 0; t < n; ++t) {
      qp[t] = 0;
      for (std::size_t j = 0; j < n; ++j) qp[t] += q[t * n + j] * p[j];
      pqp += p[t] * qp[t];
    }
    double worst = 0;
    for (std::size_t t = 0; t < n; ++t) worst = std::max(worst, std::abs(qp[t] - pqp));
    if (worst < enough) return;
    for (std::size_t t = 0; t < n; ++t) {
      const double change = (pqp - qp[t]) / q[t * n + t];
      p[t] += change;
      pqp = (pqp + change * (change * q[t * n + t] + 2 * qp[t])) / (1 + change) / (1 + change);
      for (std::size_t j = 0; j < n; ++j) {
        qp[j] = (qp[j] + change * q[t * n + j]) / (1 + change);
        p[j] /= 1 + change;
      }
    }
  }
}

}  // namespace cpu

template <>
class Kernel<ops::SVMRegressor, Cpu> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<ops::SVMRegressor>()) {}
  void run(Context& c) const {
    const TensorRef& x = c.input(0);
    for (std::int64_t row = 0; row < ops::SupportVectors::rows(x.shape); ++row) {
      double sum = static_cast<double>(op_.rho[0]);
      for (std::int64_t j = 0; j < op_.supports; ++j) {
        sum += static_cast<double>(op_.coefficients[static_cast<std::size_t>(j)]) *
               cpu::support_product(op_, x, row, op_.vectors.data() + j * x.shape.back());
      }
      if (op_.supports == 0) sum += cpu::support_product(op_, x, row, op_.coefficients.data());
      float& y = c.out<float>(0)[row];
      y = static_cast<float>(sum);
      if (op_.one_class) {
        y = sum > 0 ? 1.0F : -1.0F;
      } else {
        cpu::transform_scores(op_.transform, {&y, 1});
      }
    }
  }

 private:
  ops::SVMRegressor op_;
};

template <>
class Kernel<ops::SVMClassifier, Cpu> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<ops::SVMClassifier>()) {}

  [[nodiscard]] std::size_t workspace(const Context&) const {
    const std::size_t n = op_.classes();
    return (op_.supports() + n + op_.pairs() + 2 * n * n + 2 * n) * sizeof(double);
  }

  void run(Context& c) const {
    const TensorRef& x = c.input(0);
    const std::size_t n = op_.classes();
    const std::size_t columns = op_.columns();
    auto* products = reinterpret_cast<double*>(c.workspace());  // (supports)
    double* scores = products + op_.supports();                 // (pairs or classes)
    double* p = scores + op_.pairs() + n;
    for (std::int64_t row = 0; row < ops::SupportVectors::rows(x.shape); ++row) {
      const std::size_t best = op_.per_class.empty() ? score_classes(x, row, scores) : score_pairs(x, row, products, scores, p);
      const bool one_score = !op_.per_class.empty() && op_.prob_a.empty() && n == 2;
      cpu::give_label(c, op_.labels, row, best);
      if (!c.has_output(1)) continue;
      float* y = c.out<float>(1) + static_cast<std::size_t>(row) * columns;
      const double* from = op_.prob_a.empty() || op_.per_class.empty() ? scores : p;
      for (std::size_t k = 0; k < columns; ++k) y[k] = static_cast<float>(one_score ? (k == 0 ? -scores[0] : scores[0]) : from[k]);
      cpu::transform_scores(op_.transform, {y, columns});
    }
  }

 private:
  std::size_t score_classes(const TensorRef& x, std::int64_t row, double* scores) const {
    const std::size_t n = op_.classes();
    for (std::size_t k = 0; k < n; ++k) {
      scores[k] = cpu::support_product(op_, x, row, op_.coefficients.data() + k * static_cast<std::size_t>(x.shape.back())) +
                  static_cast<double>(op_.rho[0]);
    }
    return static_cast<std::size_t>(std::max_element(scores, scores + n) - scores);
  }

  /// Scores of all pairs, and, in p, the probabilities; gives the class with the most votes.
  std::size_t score_pairs(const TensorRef& x, std::int64_t row, double* products, double* scores, double* p) const {
    const std::size_t n = op_.classes();
    const std::size_t supports = op_.supports();
    for (std::size_t j = 0; j < supports; ++j) {
      products[j] = cpu::support_product(op_, x, row, op_.vectors.data() + j * static_cast<std::size_t>(x.shape.back()));
    }
    // The coefficients of the vectors of a class against another class stand in the row of the other one, which skips the class itself.
    const auto part = [&](std::size_t of, std::size_t against) {
      std::size_t first = 0;
      for (std::size_t k = 0; k < of; ++k) first += static_cast<std::size_t>(op_.per_class[k]);
      double sum = 0;
      for (std::size_t m = first; m < first + static_cast<std::size_t>(op_.per_class[of]); ++m) {
        sum += static_cast<double>(op_.coefficients[against * supports + m]) * products[m];
      }
      return sum;
    };
    double* pairs = p + n;
    double* votes = pairs + n * n;  // then scratch
    std::fill_n(votes, n, 0.0);
    std::size_t pair = 0;
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = i + 1; j < n; ++j, ++pair) {
        scores[pair] = part(i, j - 1) + part(j, i) + static_cast<double>(op_.rho[pair]);
        ++votes[scores[pair] > 0 ? i : j];
        if (op_.prob_a.empty()) continue;
        const double z = scores[pair] * static_cast<double>(op_.prob_a[pair]) + static_cast<double>(op_.prob_b[pair]);
        pairs[i * n + j] = std::clamp(1 / (1 + std::exp(z)), 1e-7, 1 - 1e-7);
        pairs[j * n + i] = 1 - pairs[i * n + j];
      }
    }
    const auto best = static_cast<std::size_t>(std::max_element(votes, votes + n) - votes);
    if (!op_.prob_a.empty()) cpu::couple_pairs(n, pairs, p, votes, votes + n * n);
    return best;
  }

  ops::SVMClassifier op_;
};

}  // namespace hone::inline HONE_ABI
