#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>

#include <hone/config.hpp>
#include <hone/kernels/cpu/class_scores.hpp>
#include <hone/ops/dimensions.hpp>
#include <hone/ops/linear_model.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

template <std::derived_from<ops::LinearModel> Op>
class Kernel<Op, Cpu> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<Op>()) {}

  [[nodiscard]] std::size_t workspace(const Context&) const { return (outputs() + 1) * sizeof(float); }

  void run(Context& c) const {
    const TensorRef& x = c.input(0);
    const std::int64_t features = x.shape.back();
    auto* scores = reinterpret_cast<float*>(c.workspace());
    for (std::int64_t row = 0; row < ops::LinearModel::rows(x.shape); ++row) {
      for (std::size_t k = 0; k < outputs(); ++k) {
        double sum = k < op_.intercepts.size() ? static_cast<double>(op_.intercepts[k]) : 0.0;
        for (std::int64_t i = 0; i < features; ++i) {
          sum += ops::number_at(x, row * features + i) *
                 static_cast<double>(op_.coefficients[k * static_cast<std::size_t>(features) + static_cast<std::size_t>(i)]);
        }
        scores[k] = static_cast<float>(sum);
      }
      if constexpr (std::same_as<Op, ops::LinearRegressor>) {
        cpu::transform_scores(op_.transform, {scores, outputs()});
        std::copy_n(scores, outputs(), c.out<float>(0) + static_cast<std::size_t>(row) * outputs());
      } else {
        classify(c, row, scores);
      }
    }
  }

 private:
  [[nodiscard]] std::size_t outputs() const noexcept { return static_cast<std::size_t>(op_.outputs()); }

  void classify(const Context& c, std::int64_t row, float* scores) const {
    std::size_t n = outputs();
    if (op_.one_score()) {
      scores[1] = scores[0];
      scores[0] = -scores[1];
      n = 2;
    }
    cpu::transform_scores(op_.transform, {scores, n});
    const bool single = n == 1;
    const float threshold = op_.transform == ops::PostTransform::none ? 0.0F : 0.5F;
    const auto best = static_cast<std::size_t>(std::max_element(scores, scores + n) - scores);
    if (single && op_.labels.strings.empty()) {
      // One class: its label, or 0.
      const std::int64_t label = op_.labels.numbers.empty() ? 1 : op_.labels.numbers[0];
      if (c.has_output(0)) c.out<std::int64_t>(0)[row] = scores[0] >= threshold ? label : 0;
    } else {
      cpu::give_label(c, op_.labels, row, best);
    }
    if (c.has_output(1)) std::copy_n(scores, n, c.out<float>(1) + static_cast<std::size_t>(row) * n);
  }

  Op op_;
};

}  // namespace hone::inline HONE_ABI
