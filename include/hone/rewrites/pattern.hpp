#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <hone/config.hpp>
#include <hone/ops/binary.hpp>
#include <hone/rewrites/data_flow.hpp>

namespace hone::inline HONE_ABI::rewrites {

/// factor * terms[0] * terms[1] * ...
struct Product {
  double factor = 1;
  std::vector<ValueId> terms;
};

/// Equal up to the rounding with which exporters write constants.
[[nodiscard]] inline bool near(double value, double expected) noexcept { return std::abs(value - expected) <= 1e-5 * std::abs(expected); }

/// Reads the graph upwards from a node and keeps the nodes that it has passed: those that nobody else uses.
class Pattern {
 public:
  explicit Pattern(const DataFlow& flow) : flow_(flow) {}

  /// Nodes passed so far.
  [[nodiscard]] std::vector<const Node*>& absorbed() noexcept { return absorbed_; }

  /// The node that makes the value when it runs an Op and nobody else uses the value, else null.
  template <class Op>
  const Node* take(ValueId id) {
    const Node* node = id != no_value && flow_.used_once(id) ? flow_.made_by<Op>(id) : nullptr;
    if constexpr (std::derived_from<Op, ops::Binary>) {
      if (node != nullptr && node->template as<Op>()->axis) return nullptr;
    }
    if (node != nullptr) absorbed_.push_back(node);
    return node;
  }

  /// x, where the value is x + `constant` or `constant` + x; else no_value. NaN takes any number, which goes to `found`.
  ValueId added_to(ValueId id, double constant, double* found = nullptr) {
    const Node* add = take<ops::Add>(id);
    if (add == nullptr) return no_value;
    for (const std::size_t k : {0, 1}) {
      const std::optional<double> scalar = flow_.scalar(add->inputs[k]);
      if (!scalar || !flow_.is_scalar_beside(add->inputs[k], add->inputs[1 - k])) continue;
      if (found != nullptr) *found = *scalar;
      if (std::isnan(constant) || near(*scalar, constant)) return add->inputs[1 - k];
    }
    return no_value;
  }

  /// The value as a product: Mul, division by a number and small powers are taken apart where nobody else uses them.
  Product product(ValueId id) {
    Product result;
    multiply(id, result);
    return result;
  }
  /// The same of a node's result, whoever uses that.
  Product product(const Node& node) {
    Product result;
    multiply_node(node, result);
    return result;
  }

 private:
  void multiply(ValueId id, Product& result) {
    const std::size_t before = absorbed_.size();
    const Node* node = take<ops::Mul>(id);
    if (node == nullptr) node = take<ops::Div>(id);
    if (node == nullptr) node = take<ops::Pow>(id);
    if (node != nullptr && multiply_node(*node, result)) return;
    absorbed_.resize(before);
    result.terms.push_back(id);
  }
  /// False when the node is no product that can be taken apart.
  bool multiply_node(const Node& node, Product& result) {
    if (node.inputs.size() != 2) return false;
    const ValueId a = node.inputs[0];
    const ValueId b = node.inputs[1];
    const auto scalar = [&](ValueId of, ValueId beside) { return flow_.is_scalar_beside(of, beside) ? flow_.scalar(of) : std::nullopt; };
    const std::optional<double> right = scalar(b, a);
    if (const auto* mul = node.as<ops::Mul>(); mul != nullptr && !mul->axis) {
      const std::optional<double> left = scalar(a, b);
      left ? void(result.factor *= *left) : multiply(a, result);
      right ? void(result.factor *= *right) : multiply(b, result);
      return true;
    }
    if (const auto* div = node.as<ops::Div>(); div != nullptr && !div->axis && right && *right != 0) {
      result.factor /= *right;
      multiply(a, result);
      return true;
    }
    if (const auto* pow = node.as<ops::Pow>(); pow != nullptr && !pow->axis && right && (*right == 2 || *right == 3)) {
      for (int i = 0; i < static_cast<int>(*right); ++i) result.terms.push_back(a);
      return true;
    }
    return false;
  }

  const DataFlow& flow_;
  std::vector<const Node*> absorbed_;
};

}  // namespace hone::inline HONE_ABI::rewrites
