#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

#include <hone/config.hpp>
#include <hone/kernels/cpu/class_scores.hpp>
#include <hone/kernels/cpu/number_conversion.hpp>
#include <hone/ops/tree_ensemble.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

namespace cpu {

/// The leaf that a row of features, read as number(feature), comes to; null when the tree goes around in a circle.
template <class Number>
[[nodiscard]] const ops::Trees::Leaf* find_leaf(const ops::Trees& trees, std::int64_t root, const Number& number) {
  using Mode = ops::Trees::Mode;
  std::int64_t at = root;
  for (std::size_t steps = 0; at >= 0; ++steps) {
    if (steps > trees.nodes.size()) return nullptr;
    const ops::Trees::Node& node = trees.nodes[static_cast<std::size_t>(at)];
    const double x = number(node.feature);
    bool yes = node.missing_is_true;
    if (x == x) {
      switch (node.mode) {
        case Mode::leq:
          yes = x <= node.split;
          break;
        case Mode::lt:
          yes = x < node.split;
          break;
        case Mode::gte:
          yes = x >= node.split;
          break;
        case Mode::gt:
          yes = x > node.split;
          break;
        case Mode::eq:
          yes = x == node.split;
          break;
        case Mode::neq:
          yes = x != node.split;
          break;
        case Mode::member: {
          const auto begin = trees.members.begin() + static_cast<std::ptrdiff_t>(node.members_begin);
          const auto end = trees.members.begin() + static_cast<std::ptrdiff_t>(node.members_end);
          yes = std::find(begin, end, x) != end;
        }
      }
    }
    at = yes ? node.if_true : node.if_false;
  }
  return &trees.leaves[static_cast<std::size_t>(-1 - at)];
}

}  // namespace cpu

/// Rows are shared among the threads.
template <std::derived_from<ops::TreeModel> Op>
class Kernel<Op, Cpu> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<Op>()) {}

  [[nodiscard]] std::size_t workspace(const Context& c) const {
    return 2 * targets() * sizeof(double) * static_cast<std::size_t>(c.pool().size());
  }

  void run(Context& c) const {
    const TensorRef& x = c.input(0);
    const std::int64_t features = x.shape.back();
    std::atomic<bool> circular = false;
    c.parallel_for(ops::TreeModel::rows(x.shape), 16, [&](std::int64_t begin, std::int64_t end, int slot) {
      double* scores = reinterpret_cast<double*>(c.workspace()) + 2 * targets() * static_cast<std::size_t>(slot);
      for (std::int64_t row = begin; row < end; ++row) {
        const auto number = [&](std::int64_t feature) { return ops::number_at(x, row * features + feature); };
        if (!score(number, scores, scores + targets())) circular = true;
        if constexpr (std::same_as<Op, ops::TreeEnsembleClassifier>) {
          classify(c, row, scores);
        } else {
          give(c.output(0), row, scores);
        }
      }
    });
    if (circular) c.fail("a tree goes around in a circle");
  }

 private:
  [[nodiscard]] std::size_t targets() const noexcept { return static_cast<std::size_t>(op_.trees.targets); }

  /// `seen`: how many leaves have spoken about each target.
  template <class Number>
  bool score(const Number& number, double* scores, double* seen) const {
    using Aggregate = ops::TreeModel::Aggregate;
    std::fill_n(scores, targets(), 0.0);
    std::fill_n(seen, targets(), 0.0);
    for (const std::int64_t root : op_.trees.roots) {
      const ops::Trees::Leaf* leaf = cpu::find_leaf(op_.trees, root, number);
      if (leaf == nullptr) return false;
      for (std::size_t i = leaf->begin; i < leaf->end; ++i) {
        const ops::Trees::Weight& weight = op_.trees.weights[i];
        const auto target = static_cast<std::size_t>(weight.target);
        double& sum = scores[target];
        const bool first = seen[target]++ == 0;
        if (op_.aggregate == Aggregate::min) {
          sum = first ? weight.value : std::min(sum, weight.value);
        } else if (op_.aggregate == Aggregate::max) {
          sum = first ? weight.value : std::max(sum, weight.value);
        } else {
          sum += weight.value;
        }
      }
    }
    for (std::size_t i = 0; i < targets(); ++i) {
      if (op_.aggregate == Aggregate::average) scores[i] /= static_cast<double>(op_.trees.roots.size());
      if (i < op_.base.size()) scores[i] += op_.base[i];
    }
    return true;
  }

  void give(const TensorRef& y, std::int64_t row, const double* scores) const {
    const auto n = static_cast<std::int64_t>(targets());
    if (op_.transform == ops::PostTransform::none) return store_numbers(y.dtype, y.data, row * n, n, scores, {});
    float transformed[64];
    for (std::size_t i = 0; i < std::min<std::size_t>(targets(), 64); ++i) transformed[i] = static_cast<float>(scores[i]);
    if (targets() > 64) {
      // Only floats have room for them.
      float* to = y.as<float>() + row * n;
      for (std::size_t i = 0; i < targets(); ++i) to[i] = static_cast<float>(scores[i]);
      return cpu::transform_scores(op_.transform, {to, targets()});
    }
    cpu::transform_scores(op_.transform, {transformed, targets()});
    store_numbers(y.dtype, y.data, row * n, n, transformed, {});
  }

  void classify(const Context& c, std::int64_t row, const double* scores) const {
    using Transform = ops::PostTransform;
    if (!op_.one_score) {
      cpu::give_label(c, op_.labels, row, static_cast<std::size_t>(std::max_element(scores, scores + targets()) - scores));
      if (c.has_output(1)) give(c.output(1), row, scores);
      return;
    }
    const auto which = static_cast<std::size_t>(op_.trees.weights[0].target);
    double second = scores[which];
    if (op_.base.size() == 2 && which == 0) second += op_.base[1];
    // As a float, as which half of the votes of ten trees is not more than a half.
    const auto s = static_cast<float>(second);
    cpu::give_label(c, op_.labels, row, s > (op_.positive_weights ? 0.5F : 0.0F) ? 1 : 0);
    if (!c.has_output(1)) return;
    float* y = c.out<float>(1) + row * 2;
    y[0] = op_.positive_weights ? 1 - s : -s;
    y[1] = s;
    if (op_.transform == Transform::probit) y[1] = cpu::probit(s);
    if (op_.transform == Transform::logistic && !op_.positive_weights) cpu::transform_scores(op_.transform, {y, 2});
    if (op_.transform == Transform::softmax || op_.transform == Transform::softmax_zero) cpu::transform_scores(op_.transform, {y, 2});
  }

  Op op_;
};

}  // namespace hone::inline HONE_ABI
