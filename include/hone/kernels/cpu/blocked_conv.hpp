#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <variant>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/buffer.hpp>
#include <hone/kernels/cpu/blocked_layout.hpp>
#include <hone/kernels/cpu/blocked_windows.hpp>
#include <hone/kernels/cpu/direct_conv.hpp>
#include <hone/kernels/cpu/pointwise.hpp>
#include <hone/kernels/cpu/winograd_conv.hpp>
#include <hone/ops/blocked.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

template <>
class Kernel<ops::BlockedConv, Cpu, float> {
 public:
  static Support supports(const NodeView& node) { return supports(node, node.op<ops::BlockedConv>()); }
  static Support supports(const NodeView& node, const ops::BlockedConv& op) {
    const TensorRef* weights = node.constant(1);
    if (weights == nullptr || (node.has_input(2) && node.constant(2) == nullptr))
      return Support::no("its weights and bias must be constants");
    const Shape& w = weights->shape;
    if (w.rank() != 4 || w.elements() == 0) return Support::no("its weights have shape ", w, "; expected (M, C / group, kH, kW)");
    if (node.has_input(2) && !(node.constant(2)->shape == Shape{w[0]})) return Support::no("its bias does not have shape ", Shape{w[0]});
    if (w[2] * w[3] > cpu::DirectConv::max_taps) return Support::no("a kernel of ", w[2], " x ", w[3], " is too large");
    if (op.winograd_tile != 0) {
      const auto ones = [](const std::vector<std::int64_t>& list) {
        return std::all_of(list.begin(), list.end(), [](std::int64_t value) { return value == 1; });
      };
      if (w[2] != 3 || w[3] != 3 || op.group != 1 || !ones(op.window.strides) || !ones(op.window.dilations)) {
        return Support::no("Winograd's algorithm takes a kernel of 3 x 3, strides and dilations of 1, and one group");
      }
    }
    if (op.group != 1 && !is_depthwise(op, w) &&
        (w[0] % op.group != 0 || w[1] % cpu::channel_block != 0 || w[0] / op.group % cpu::channel_block != 0)) {
      return Support::no("its groups are no whole blocks of ", cpu::channel_block, " channels");
    }
    return Support::yes();
  }

  Kernel(const NodeView& node, const CpuDevice& device) : Kernel(node, node.op<ops::BlockedConv>(), device) {}
  Kernel(const NodeView& node, const ops::BlockedConv& op, const CpuDevice& device)
      : op_(op), conv_(make(op, *node.constant(1), device)), kernel_{node.constant(1)->shape[2], node.constant(1)->shape[3]} {
    if (node.has_input(2)) bias_ = cpu::block_vector(node.constant(2)->as<const float>(), node.constant(2)->shape[0]);
  }

  [[nodiscard]] InputSet packed_inputs() const noexcept { return inputs(1, 2); }

  [[nodiscard]] std::size_t workspace(const Context& c) const {
    const cpu::BlockedProblem p(op_.window, c, kernel_[0], kernel_[1]);
    return std::visit(
        [&](const auto& conv) -> std::size_t {
          if constexpr (requires { conv.workspace(p, c.pool()); }) {
            return p.empty() ? 0 : conv.workspace(p, c.pool());
          } else {
            return 0;
          }
        },
        conv_);
  }

  void run(Context& c, const cpu::BlockedStore& store = {}) const {
    const cpu::BlockedProblem p(op_.window, c, kernel_[0], kernel_[1]);
    if (p.empty()) return;
    if (p.planar && (op_.group != 1 || op_.winograd_tile != 0))
      return c.fail("its input has shape ", c.input(0).shape, "; expected a blocked one");
    const auto* bias = bias_.bytes() != 0 ? static_cast<const float*>(bias_.data()) : nullptr;
    std::visit([&](const auto& conv) { conv.run(c, p, bias, store); }, conv_);
  }

  /// Whether the store adds a residual.
  [[nodiscard]] bool takes_residual() const noexcept { return !std::holds_alternative<cpu::BlockedDepthwise>(conv_); }

 private:
  using Conv = std::variant<cpu::DirectConv, cpu::WinogradConv, cpu::BlockedDepthwise>;

  [[nodiscard]] static bool is_depthwise(const ops::BlockedConv& op, const Shape& w) noexcept {
    return op.group != 1 && w[1] == 1 && w[0] == op.group;
  }
  [[nodiscard]] static Conv make(const ops::BlockedConv& op, const TensorRef& weights, const CpuDevice& device) {
    if (op.winograd_tile != 0) return cpu::WinogradConv(weights, op.winograd_tile, device);
    if (is_depthwise(op, weights.shape)) return cpu::BlockedDepthwise(weights, device);
    return cpu::DirectConv(weights, op.group, device);
  }

  ops::BlockedConv op_;
  Conv conv_;
  std::array<std::int64_t, 2> kernel_;
  Buffer bias_;  ///< empty without one
};

/// The store of the convolution does the first steps of the chain where it can: the addition of a tensor like the result, then Relu or
/// Clip.
template <>
class Kernel<ops::Fused<ops::BlockedConv>, Cpu, float> {
 public:
  using Op = ops::Fused<ops::BlockedConv>;

  static Support supports(const NodeView& node) { return Kernel<ops::BlockedConv, Cpu, float>::supports(node, node.op<Op>()); }

  Kernel(const NodeView& node, const CpuDevice& device)
      : op_(node.op<Op>()), base_(node, op_, device), loops_(cpu::pointwise_loops<float>(op_.chain, device)), after_sum_(op_.chain, 0) {
    const ops::PointwiseStep& first = op_.chain.steps[0];
    if (base_.takes_residual() && first.op == ops::Add::name) {
      residual_ = static_cast<std::size_t>(first.operand) + Op::first_operand;
      after_residual_ = Clamp(op_.chain, 1);
    }
  }

  [[nodiscard]] InputSet packed_inputs() const noexcept { return base_.packed_inputs(); }

  [[nodiscard]] std::size_t workspace(const Context& c) const {
    const Shape shape = cpu::base_shape(op_, c);
    if (shape == c.output(0).shape) return base_.workspace(c);
    return align_up(checked_bytes(DType::float32, shape)) +
           cpu::with_output(c, {nullptr, DType::float32, shape}, [&](const Context& inner) { return base_.workspace(inner); });
  }

  void run(Context& c) const {
    const TensorRef& y = c.output(0);
    if (const Shape shape = cpu::base_shape(op_, c); !(shape == y.shape)) return run_broadened(c, {c.workspace(), DType::float32, shape});
    const bool adds = residual_ != 0 && c.input(residual_).shape == y.shape;
    const Clamp& clamp = adds ? after_residual_ : after_sum_;
    cpu::BlockedStore store{.residual = adds ? c.in<float>(residual_) : nullptr, .lower = clamp.lower, .upper = clamp.upper};
    if (clamp.done == op_.chain.steps.size()) return base_.run(c, store);
    const cpu::PointwiseLoops::Bound chain(loops_, c, Op::first_operand, y, y, clamp.done);
    const auto finish = [&](std::int64_t begin, std::int64_t count) { chain.run(begin, count); };
    const cpu::Epilogue epilogue(finish);
    store.epilogue = &epilogue;
    base_.run(c, store);
  }

 private:
  /// Where operands broaden the result of the convolution, that goes through scratch first.
  void run_broadened(Context& c, const TensorRef& sums) const {
    const TensorRef& y = c.output(0);
    cpu::with_output(c, sums, [&](Context& inner) {
      inner.set_workspace(c.workspace() + align_up(sums.bytes()));
      base_.run(inner);
      if (inner.failed()) c.fail_as(inner);
    });
    if (c.failed()) return;
    const cpu::PointwiseLoops::Bound chain(loops_, c, Op::first_operand, sums, y);
    c.parallel_for(y.elements(), 16 * 1024, [&](std::int64_t begin, std::int64_t end) { chain.run(begin, end - begin); });
  }

  /// What the store does of a chain from some step on.
  struct Clamp {
    Clamp() = default;
    Clamp(const ops::PointwiseChain& chain, std::size_t first) : done(first) {
      if (first == chain.steps.size()) return;
      const ops::PointwiseStep& step = chain.steps[first];
      if (step.op == ops::Relu::name) {
        lower = 0;
        ++done;
      } else if (step.op == ops::Clip::name && step.parameters[0] <= step.parameters[1]) {
        lower = step.parameters[0];
        upper = step.parameters[1];
        ++done;
      }
    }

    float lower = cpu::BlockedStore{}.lower;
    float upper = cpu::BlockedStore{}.upper;
    std::size_t done = 0;  ///< steps that are not left for the epilogue
  };

  Op op_;
  Kernel<ops::BlockedConv, Cpu, float> base_;
  cpu::PointwiseLoops loops_;
  std::size_t residual_ = 0;  ///< input that the first step adds; 0 when it adds none
  Clamp after_sum_;
  Clamp after_residual_;
};

}  // namespace hone::inline HONE_ABI
