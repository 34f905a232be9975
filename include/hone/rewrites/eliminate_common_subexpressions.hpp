#pragma once

#include <cstddef>
#include <cstring>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include <hone/config.hpp>
#include <hone/rewrites/data_flow.hpp>

namespace hone::inline HONE_ABI::rewrites {

/// A node that computes what an earlier one has computed becomes that one's result. Small constants of equal bytes count as one value.
struct EliminateCommonSubexpressions {
  static constexpr std::string_view name = "eliminate_common_subexpressions";

  [[nodiscard]] std::optional<Patch> operator()(const DataFlow& flow, std::size_t at) {
    const Node& node = flow.node(at);
    if (node.op == nullptr || !node.op->traits().deterministic || !node.subgraphs.empty()) return std::nullopt;
    std::vector<std::size_t>& candidates = seen_[hash(flow, node)];
    for (const std::size_t other : candidates) {
      const Node& earlier = flow.node(other);
      if (!equal(flow, earlier, node)) continue;
      Patch patch;
      for (std::size_t k = 0; k < node.outputs.size(); ++k)
        if (node.outputs[k] != no_value) patch.replacements.emplace_back(node.outputs[k], earlier.outputs[k]);
      return patch;
    }
    candidates.push_back(at);
    return std::nullopt;
  }

 private:
  /// Constants up to this size are compared byte by byte.
  static constexpr std::size_t small = 64;

  [[nodiscard]] static bool is_small(const TensorRef* tensor) noexcept {
    return tensor != nullptr && tensor->dtype != DType::string && tensor->bytes() <= small;
  }
  [[nodiscard]] static std::size_t hash(const DataFlow& flow, const Node& node) {
    auto result = reinterpret_cast<std::size_t>(&node.op->info());
    const auto add = [&](std::size_t more) { result = (result ^ more) * 0x9e3779b97f4a7c15U; };
    for (const ValueId id : node.inputs) {
      const TensorRef* tensor = flow.constant(id);
      add(is_small(tensor) ? tensor->bytes() : index(id));
    }
    return result;
  }
  [[nodiscard]] static bool same(const TensorRef& a, const TensorRef& b) noexcept {
    if (a.dtype != b.dtype || !(a.shape == b.shape)) return false;
    return a.data == b.data || (is_small(&a) && (a.bytes() == 0 || std::memcmp(a.data, b.data, a.bytes()) == 0));
  }
  [[nodiscard]] static bool equal(const DataFlow& flow, const Node& a, const Node& b) {
    if (&a.op->info() != &b.op->info() || a.opset != b.opset || a.inputs.size() != b.inputs.size() ||
        a.outputs.size() != b.outputs.size()) {
      return false;
    }
    for (std::size_t k = 0; k < a.inputs.size(); ++k) {
      if (a.inputs[k] == b.inputs[k]) continue;
      const TensorRef* x = flow.constant(a.inputs[k]);
      const TensorRef* y = flow.constant(b.inputs[k]);
      if (x == nullptr || y == nullptr || !same(*x, *y)) return false;
    }
    for (std::size_t k = 0; k < b.outputs.size(); ++k)
      if (b.outputs[k] != no_value && a.outputs[k] == no_value) return false;
    return equal(a.attributes, b.attributes);
  }
  [[nodiscard]] static bool equal(const Attributes& a, const Attributes& b) {
    const auto holds = [](const Attributes& all, const Attributes& some) {
      for (const auto& [name, value] : some) {
        const Attribute* found = all.find(name);
        if (found == nullptr || !equal(*found, value)) return false;
      }
      return true;
    };
    return holds(a, b) && holds(b, a);
  }
  [[nodiscard]] static bool equal(const Attribute& a, const Attribute& b) {
    if (a.index() != b.index()) return false;
    return std::visit(
        [&]<class T>(const T& x) {
          const T& y = std::get<T>(b);
          if constexpr (std::is_same_v<T, Constant>) {
            return same(x.tensor, y.tensor);
          } else if constexpr (std::is_same_v<T, std::vector<Constant>>) {
            return false;
          } else {
            return x == y;
          }
        },
        a);
  }

  std::unordered_map<std::size_t, std::vector<std::size_t>> seen_;
};

}  // namespace hone::inline HONE_ABI::rewrites
