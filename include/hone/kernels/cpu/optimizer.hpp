#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>

#include <hone/config.hpp>
#include <hone/kernels/cpu/number_conversion.hpp>
#include <hone/ops/dimensions.hpp>
#include <hone/ops/optimizer.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

namespace cpu {

/// An element of a tensor with its gradient and its states, which a step changes.
struct OptimizerElement {
  double x;
  double g;
  double state[2];
};

inline void step(const ops::Adagrad& op, double rate, double steps, OptimizerElement& e) noexcept {
  const double g = static_cast<double>(op.norm) * e.x + e.g;
  e.state[0] += g * g;
  e.x -= rate / (1 + steps * static_cast<double>(op.decay)) * g / (std::sqrt(e.state[0]) + static_cast<double>(op.epsilon));
}
inline void step(const ops::Adam& op, double rate, double steps, OptimizerElement& e) noexcept {
  const double alpha = static_cast<double>(op.alpha);
  const double beta = static_cast<double>(op.beta);
  const double g = static_cast<double>(op.norm) * e.x + e.g;
  e.state[0] = alpha * e.state[0] + (1 - alpha) * g;
  e.state[1] = beta * e.state[1] + (1 - beta) * g * g;
  if (steps > 0) rate *= std::sqrt(1 - std::pow(beta, steps)) / (1 - std::pow(alpha, steps));
  e.x = (1 - static_cast<double>(op.post_norm)) * (e.x - rate * e.state[0] / (std::sqrt(e.state[1]) + static_cast<double>(op.epsilon)));
}
inline void step(const ops::Momentum& op, double rate, double steps, OptimizerElement& e) noexcept {
  const double alpha = static_cast<double>(op.alpha);
  const double g = static_cast<double>(op.norm) * e.x + e.g;
  e.state[0] = alpha * e.state[0] + (steps > 0 ? static_cast<double>(op.beta) : 1.0) * g;
  e.x -= rate * (op.nesterov ? g + alpha * e.state[0] : e.state[0]);
}

}  // namespace cpu

template <std::derived_from<ops::Optimizer> Op>
class Kernel<Op, Cpu> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<Op>()) {}
  void run(Context& c) const {
    const std::size_t tensors = (c.input_count() - 2) / (2 + Op::states);
    const double rate = ops::only_number(c.input(0), "the rate");
    const double steps = ops::only_number(c.input(1), "the number of steps");
    for (std::size_t t = 0; t < tensors; ++t) {
      const auto input = [&](std::size_t kind) -> const TensorRef& { return c.input(2 + kind * tensors + t); };
      const std::int64_t n = input(0).elements();
      for (std::int64_t i = 0; i < n; ++i) {
        cpu::OptimizerElement e{ops::number_at(input(0), i), ops::number_at(input(1), i), {}};
        for (std::size_t s = 0; s < Op::states; ++s) e.state[s] = ops::number_at(input(2 + s), i);
        step(op_, rate, steps, e);
        const auto give = [&](std::size_t kind, double value) {
          const std::size_t output = kind * tensors + t;
          if (c.has_output(output)) store_numbers(c.output(output).dtype, c.output(output).data, i, 1, &value, {});
        };
        give(0, e.x);
        for (std::size_t s = 0; s < Op::states; ++s) give(1 + s, e.state[s]);
      }
    }
  }

 private:
  Op op_;
};

}  // namespace hone::inline HONE_ABI
