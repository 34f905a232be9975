#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/ops/normalization.hpp>
#include <hone/ops/reduce.hpp>
#include <hone/ops/unary.hpp>
#include <hone/rewrites/data_flow.hpp>
#include <hone/rewrites/pattern.hpp>

namespace hone::inline HONE_ABI::rewrites {

/// Normalisations over the last dimension that exporters spell out become one operator of the standard:
///   LayerNormalization  (x - mean(x)) / sqrt(mean((x - mean(x))^2) + epsilon) * scale [+ bias]
///   RMSNormalization    x / sqrt(mean(x^2) + epsilon) * scale
/// where scale and bias are constant vectors.
struct FuseNormalization {
  static constexpr std::string_view name = "fuse_normalization";

  [[nodiscard]] std::optional<Patch> operator()(const DataFlow& flow, std::size_t at) const {
    const Node& node = flow.node(at);
    if (const auto* add = node.as<ops::Add>(); add != nullptr && !add->axis) return with_bias(flow, node);
    const auto* mul = node.as<ops::Mul>();
    if (mul == nullptr || mul->axis) return std::nullopt;
    for (const std::size_t k : {0, 1}) {
      if (!is_vector(flow, node.inputs[k])) continue;
      Pattern pattern(flow);
      if (auto patch = normalized(flow, pattern, node, node.inputs[1 - k], node.inputs[k])) return patch;
    }
    return std::nullopt;
  }

 private:
  [[nodiscard]] static bool is_vector(const DataFlow& flow, ValueId id) {
    const TensorRef* tensor = flow.constant(id);
    return tensor != nullptr && tensor->shape.rank() == 1;
  }

  static std::optional<Patch> with_bias(const DataFlow& flow, const Node& node) {
    for (const std::size_t k : {0, 1}) {
      Pattern pattern(flow);
      const Node* norm = pattern.take<ops::LayerNormalization>(node.inputs[k]);
      const ValueId bias = node.inputs[1 - k];
      if (norm == nullptr || norm->inputs.size() != 2 || norm->outputs.size() != 1 || !is_vector(flow, bias)) continue;
      if (!is_vector(flow, norm->inputs[1]) || !(flow.constant(bias)->shape == flow.constant(norm->inputs[1])->shape)) continue;
      Patch patch;
      patch.nodes.push_back(make_node(node, *norm->as<ops::LayerNormalization>(), norm->attributes,
                                      {norm->inputs[0], norm->inputs[1], bias}, {node.outputs[0]}));
      patch.absorbed = std::move(pattern.absorbed());
      return patch;
    }
    return std::nullopt;
  }

  /// `value` * `scale`, where value is centered / sqrt(mean(centered^2) + epsilon) in one of the ways to write that.
  static std::optional<Patch> normalized(const DataFlow& flow, Pattern& pattern, const Node& node, ValueId value, ValueId scale) {
    ValueId centered = no_value;
    ValueId deviation = no_value;
    if (const Node* div = pattern.take<ops::Div>(value)) {
      centered = div->inputs[0];
      deviation = div->inputs[1];
    } else if (const Node* mul = pattern.take<ops::Mul>(value)) {
      for (const std::size_t k : {0, 1}) {
        const Node* reciprocal = pattern.take<ops::Reciprocal>(mul->inputs[k]);
        if (reciprocal == nullptr) continue;
        centered = mul->inputs[1 - k];
        deviation = reciprocal->inputs[0];
      }
    }
    const Node* root = pattern.take<ops::Sqrt>(deviation);
    if (root == nullptr) return std::nullopt;
    double epsilon = 0;
    const Node* variance = mean(flow, pattern, pattern.added_to(root->inputs[0], std::numeric_limits<double>::quiet_NaN(), &epsilon));
    if (variance == nullptr) return std::nullopt;
    const Product square = pattern.product(variance->inputs[0]);
    if (square.factor != 1 || square.terms.size() != 2 || square.terms[0] != square.terms[1]) return std::nullopt;

    Patch patch;
    const auto small = static_cast<float>(epsilon);
    if (const Node* sub = flow.made_by<ops::Sub>(centered); sub != nullptr && !sub->as<ops::Sub>()->axis) {
      if (const Node* average = flow.made_by<ops::ReduceMean>(sub->inputs[1]); average != nullptr && is_over_last(flow, *average) &&
                                                                               average->inputs[0] == sub->inputs[0] &&
                                                                               is_same(flow, square.terms[0], centered)) {
        ops::LayerNormalization op;
        op.epsilon = small;
        patch.nodes.push_back(
            make_node(node, op, {{"axis", std::int64_t{-1}}, {"epsilon", small}}, {sub->inputs[0], scale}, {node.outputs[0]}));
        patch.absorbed = std::move(pattern.absorbed());
        return patch;
      }
    }
    if (square.terms[0] != centered) return std::nullopt;
    ops::RMSNormalization op;
    op.epsilon = small;
    patch.nodes.push_back(make_node(node, op, {{"axis", std::int64_t{-1}}, {"epsilon", small}}, {centered, scale}, {node.outputs[0]}));
    patch.absorbed = std::move(pattern.absorbed());
    return patch;
  }

  /// Some exporters subtract the mean twice: the same value, or the same difference.
  static bool is_same(const DataFlow& flow, ValueId a, ValueId b) {
    if (a == b) return true;
    const Node* x = flow.made_by<ops::Sub>(a);
    const Node* y = flow.made_by<ops::Sub>(b);
    return x != nullptr && y != nullptr && x->inputs == y->inputs;
  }

  static const Node* mean(const DataFlow& flow, Pattern& pattern, ValueId id) {
    const Node* node = id != no_value ? pattern.take<ops::ReduceMean>(id) : nullptr;
    return node != nullptr && is_over_last(flow, *node) ? node : nullptr;
  }
  static bool is_over_last(const DataFlow& flow, const Node& node) {
    const TensorRef* axes = node.inputs.size() > 1 ? flow.constant(node.inputs[1]) : nullptr;
    if (!node.as<ops::ReduceMean>()->keepdims || axes == nullptr || axes->elements() != 1 || axes->dtype != DType::int64) return false;
    const std::int64_t axis = *axes->as<const std::int64_t>();
    const std::optional<std::size_t> rank = flow.rank(node.inputs[0]);
    return axis == -1 || (rank && axis == static_cast<std::int64_t>(*rank) - 1);
  }
};

}  // namespace hone::inline HONE_ABI::rewrites
