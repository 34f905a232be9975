#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/ops/pointwise.hpp>
#include <hone/rewrites/data_flow.hpp>

namespace hone::inline HONE_ABI::rewrites {

/// A chain in the making, with the inputs of the node that runs it.
struct ChainBuilder {
  ops::PointwiseChain chain;
  std::vector<ValueId> inputs;
  std::size_t first_operand = ops::Pointwise::first_operand;

  /// False when there is no room.
  bool add(ops::PointwiseStep step, ValueId operand) {
    if (operand != no_value) {
      const auto begin = inputs.begin() + static_cast<std::ptrdiff_t>(first_operand);
      auto found = std::find(begin, inputs.end(), operand);
      if (found == inputs.end()) {
        if (inputs.size() - first_operand == ops::PointwiseChain::max_operands) return false;
        inputs.push_back(operand);
        found = inputs.end() - 1;
      }
      step.operand = found - (inputs.begin() + static_cast<std::ptrdiff_t>(first_operand));
    }
    chain.steps.push_back(step);
    return true;
  }
};

namespace detail {

template <class Op>
bool read_step(const Node& node, ops::PointwiseStep& step) {
  const Op* op = node.as<Op>();
  if (op == nullptr) return false;
  step.op = Op::name;
  if constexpr (requires { op->tanh; }) {
    step.parameters[0] = op->tanh ? 1.0f : 0.0f;
  } else {
    if constexpr (requires { op->alpha; }) step.parameters[0] = op->alpha;
    if constexpr (requires { op->beta; }) step.parameters[1] = op->beta;
    if constexpr (requires { op->gamma; }) step.parameters[1] = op->gamma;
  }
  if constexpr (requires { op->axis; }) return !op->axis;
  return true;
}
template <class... Ops>
bool read_any_step(ops::OpList<Ops...>, const Node& node, ops::PointwiseStep& step) {
  return (read_step<Ops>(node, step) || ...);
}

}  // namespace detail

/// The node as a step without an operand.
[[nodiscard]] inline std::optional<ops::PointwiseStep> unary_step(const DataFlow& flow, const Node& node) {
  ops::PointwiseStep step;
  if (!detail::read_any_step(ops::PointwiseUnary{}, node, step)) return std::nullopt;
  if (node.as<ops::Clip>() == nullptr) return step;
  constexpr float infinity = std::numeric_limits<float>::infinity();
  step.parameters = {-infinity, infinity};
  for (std::size_t k = 1; k < node.inputs.size(); ++k) {
    if (node.inputs[k] == no_value) continue;
    const std::optional<double> bound = flow.scalar(node.inputs[k]);
    if (!bound) return std::nullopt;
    step.parameters[k - 1] = static_cast<float>(*bound);
  }
  return step;
}

/// The node as a step with an operand.
[[nodiscard]] inline std::optional<ops::PointwiseStep> binary_step(const Node& node) {
  ops::PointwiseStep step;
  if (node.inputs.size() != 2 || !detail::read_any_step(ops::PointwiseBinary{}, node, step)) return std::nullopt;
  return step;
}

/// The node, pointwise as it is, as a chain; it begins with an input that is no constant.
[[nodiscard]] inline std::optional<ChainBuilder> read_chain(const DataFlow& flow, const Node& node) {
  ChainBuilder chain;
  if (const auto* pointwise = node.as<ops::Pointwise>()) {
    chain.chain = pointwise->chain;
    chain.inputs = node.inputs;
  } else if (const auto unary = unary_step(flow, node)) {
    chain.inputs = {node.inputs[0]};
    chain.add(*unary, no_value);
  } else if (auto binary = binary_step(node)) {
    const std::size_t k = flow.constant(node.inputs[0]) != nullptr ? 1 : 0;
    binary->swapped = k == 1;
    chain.inputs = {node.inputs[k]};
    chain.add(*binary, node.inputs[1 - k]);
  } else {
    return std::nullopt;
  }
  return chain;
}

}  // namespace hone::inline HONE_ABI::rewrites
