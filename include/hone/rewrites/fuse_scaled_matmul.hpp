#pragma once

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/ops/binary.hpp>
#include <hone/ops/cast.hpp>
#include <hone/ops/quantized_product.hpp>
#include <hone/rewrites/data_flow.hpp>
#include <hone/rewrites/pattern.hpp>

namespace hone::inline HONE_ABI::rewrites {

/// Cast(MatMulInteger(a, b)) times one number, or one for each column, becomes ScaledMatMulInteger, where b is constant: what quantizers
/// write behind DynamicQuantizeLinear.
struct FuseScaledMatMul {
  static constexpr std::string_view name = "fuse_scaled_matmul";

  [[nodiscard]] std::optional<Patch> operator()(const DataFlow& flow, std::size_t at) const {
    const Node& node = flow.node(at);
    const auto* mul = node.as<ops::Mul>();
    if (mul == nullptr || mul->axis || !(flow[node.outputs[0]].type == Type(DType::float32))) return std::nullopt;
    for (const std::size_t k : {0, 1}) {
      Pattern pattern(flow);
      const Node* cast = pattern.take<ops::Cast>(node.inputs[k]);
      const Node* product = cast != nullptr ? pattern.take<ops::MatMulInteger>(cast->inputs[0]) : nullptr;
      if (product == nullptr || !takes(flow, *product, node.inputs[1 - k])) continue;
      std::vector<ValueId> inputs = product->inputs;
      inputs.resize(ops::ScaledMatMulInteger::scale, no_value);
      inputs.push_back(node.inputs[1 - k]);
      Patch patch;
      patch.nodes.push_back(make_node(node, ops::ScaledMatMulInteger{}, {}, std::move(inputs), {node.outputs[0]}));
      patch.absorbed = std::move(pattern.absorbed());
      return patch;
    }
    return std::nullopt;
  }

 private:
  [[nodiscard]] static bool takes(const DataFlow& flow, const Node& product, ValueId scale) {
    const TensorRef* b = flow.constant(product.inputs[1]);
    const SymbolicShape* dims = flow.dims(scale);
    if (b == nullptr || b->shape.rank() != 2 || dims == nullptr || dims->size() > 1) return false;
    const bool one_zero = product.inputs.size() < 3 || product.inputs[2] == no_value || flow.rank(product.inputs[2]) == 0;
    return one_zero && (dims->empty() || (*dims)[0] == SymbolicInteger{b->shape[1]} || (*dims)[0] == SymbolicInteger{1});
  }
};

}  // namespace hone::inline HONE_ABI::rewrites
