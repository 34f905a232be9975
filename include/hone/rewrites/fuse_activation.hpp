#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <hone/config.hpp>
#include <hone/ops/unary.hpp>
#include <hone/rewrites/data_flow.hpp>
#include <hone/rewrites/pattern.hpp>

namespace hone::inline HONE_ABI::rewrites {

/// Activations that exporters spell out become one operator of the standard:
///   Gelu         x/2 (1 + erf(x / sqrt(2))), x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
///   Swish        x sigmoid(alpha x), which is SiLU for alpha = 1 and QuickGelu for 1.702
///   Mish         x tanh(softplus(x))
///   HardSigmoid  clip(x + 3, 0, 6) / 6
///   HardSwish    x times that
/// whatever the order and grouping of the factors.
struct FuseActivation {
  static constexpr std::string_view name = "fuse_activation";

  [[nodiscard]] std::optional<Patch> operator()(const DataFlow& flow, std::size_t at) const {
    const Node& node = flow.node(at);
    if (node.as<ops::Mul>() == nullptr && node.as<ops::Div>() == nullptr) return std::nullopt;
    Pattern pattern(flow);
    const Product product = pattern.product(node);
    if (product.terms.size() == 1) {
      const ValueId x = clipped_to_six(flow, pattern, product.terms[0]);
      if (x == no_value || !near(product.factor, 1.0 / 6)) return std::nullopt;
      ops::HardSigmoid op;
      op.alpha = 1.0f / 6;
      return replace(node, pattern, op, {{"alpha", op.alpha}, {"beta", op.beta}}, x);
    }
    if (product.terms.size() != 2) return std::nullopt;
    for (const std::size_t k : {0, 1}) {
      Pattern gate = pattern;
      if (auto patch = gated(flow, gate, node, product.factor, product.terms[1 - k], product.terms[k])) return patch;
    }
    return std::nullopt;
  }

 private:
  template <class Op>
  static Patch replace(const Node& node, Pattern& pattern, Op op, Attributes attributes, ValueId x) {
    Patch patch;
    patch.nodes.push_back(make_node(node, std::move(op), std::move(attributes), {x}, {node.outputs[0]}));
    patch.absorbed = std::move(pattern.absorbed());
    return patch;
  }

  /// factor * x * gate(x)
  static std::optional<Patch> gated(const DataFlow& flow, Pattern& pattern, const Node& node, double factor, ValueId x, ValueId gate) {
    if (const Node* sigmoid = pattern.take<ops::Sigmoid>(gate); sigmoid != nullptr && near(factor, 1)) {
      const Product inner = pattern.product(sigmoid->inputs[0]);
      ops::Swish op;
      op.alpha = static_cast<float>(inner.factor);
      if (sigmoid->inputs[0] == x) {
        op.alpha = 1;
      } else if (inner.terms.size() != 1 || inner.terms[0] != x) {
        return std::nullopt;
      }
      return replace(node, pattern, op, {{"alpha", op.alpha}}, x);
    }
    if (const Node* sigmoid = pattern.take<ops::HardSigmoid>(gate); sigmoid != nullptr && near(factor, 1)) {
      const auto& op = *sigmoid->as<ops::HardSigmoid>();
      if (sigmoid->inputs[0] != x || !near(op.alpha, 1.0 / 6) || op.beta != 0.5f) return std::nullopt;
      return replace(node, pattern, ops::HardSwish{}, {}, x);
    }
    if (near(factor, 1.0 / 6) && clipped_to_six(flow, pattern, gate) == x) return replace(node, pattern, ops::HardSwish{}, {}, x);
    if (const Node* tanh = pattern.take<ops::Tanh>(gate); tanh != nullptr && near(factor, 1)) {
      const Node* softplus = pattern.take<ops::Softplus>(tanh->inputs[0]);
      if (softplus == nullptr || softplus->inputs[0] != x) return std::nullopt;
      return replace(node, pattern, ops::Mish{}, {}, x);
    }
    if (const ValueId inner = pattern.added_to(gate, 1); inner != no_value && near(factor, 0.5)) {
      if (const Node* erf = pattern.take<ops::Erf>(inner)) {
        const Product scaled = pattern.product(erf->inputs[0]);
        if (scaled.terms.size() != 1 || scaled.terms[0] != x || !near(scaled.factor, 0.70710678118654752)) return std::nullopt;
        return replace(node, pattern, ops::Gelu{}, {{"approximate", std::string("none")}}, x);
      }
      if (const Node* tanh = pattern.take<ops::Tanh>(inner); tanh != nullptr && is_cubic(pattern, tanh->inputs[0], x)) {
        ops::Gelu op;
        op.tanh = true;
        return replace(node, pattern, op, {{"approximate", std::string("tanh")}}, x);
      }
    }
    return std::nullopt;
  }

  /// x, where the value is min(max(x + 3, 0), 6).
  static ValueId clipped_to_six(const DataFlow& flow, Pattern& pattern, ValueId id) {
    const Node* clip = pattern.take<ops::Clip>(id);
    if (clip == nullptr || clip->inputs.size() != 3) return no_value;
    if (flow.scalar(clip->inputs[1]) != 0.0 || flow.scalar(clip->inputs[2]) != 6.0) return no_value;
    return pattern.added_to(clip->inputs[0], 3);
  }

  /// sqrt(2/pi) (x + 0.044715 x^3), or sqrt(2/pi) x (1 + 0.044715 x^2)
  static bool is_cubic(Pattern& pattern, ValueId id, ValueId x) {
    const Product outer = pattern.product(id);
    if (!near(outer.factor, 0.79788456080286536)) return false;
    const auto is_power = [&](ValueId of, std::size_t exponent) {
      const Product power = pattern.product(of);
      return near(power.factor, 0.044715) && power.terms == std::vector<ValueId>(exponent, x);
    };
    if (outer.terms.size() == 1) {
      const Node* add = pattern.take<ops::Add>(outer.terms[0]);
      if (add == nullptr) return false;
      return (add->inputs[0] == x && is_power(add->inputs[1], 3)) || (add->inputs[1] == x && is_power(add->inputs[0], 3));
    }
    if (outer.terms.size() != 2) return false;
    for (const std::size_t k : {0, 1}) {
      if (outer.terms[k] != x) continue;
      const ValueId inner = pattern.added_to(outer.terms[1 - k], 1);
      if (inner != no_value && is_power(inner, 2)) return true;
    }
    return false;
  }
};

}  // namespace hone::inline HONE_ABI::rewrites
