#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/ops/quantized_pointwise.hpp>
#include <hone/rewrites/byte_quantization.hpp>
#include <hone/rewrites/data_flow.hpp>
#include <hone/rewrites/pointwise_chain.hpp>

namespace hone::inline HONE_ABI::rewrites {

/// A chain of pointwise operators whose inputs are dequantized bytes, or whose result is quantized, reads and writes the bytes. Operands
/// have the shape of the result, or one element.
struct FuseQuantizedPointwise {
  static constexpr std::string_view name = "fuse_quantized_pointwise";

  [[nodiscard]] std::optional<Patch> operator()(const DataFlow& flow, std::size_t at) const {
    const Node& node = flow.node(at);
    const auto y = quantizer(flow, &node);
    const Node* maker = y ? flow.producer(y->x) : &node;
    if (maker == nullptr || maker->op == nullptr || maker->outputs.size() != 1 || (y && !flow.used_once(y->x)) ||
        !(flow[maker->outputs[0]].type == Type(DType::float32)) || !flow.varies(node.outputs[0])) {
      return std::nullopt;
    }
    // Who quantizes the result takes the chain, too.
    if (!y && flow.used_once(node.outputs[0]) && quantizer(flow, &flow.node(flow.users(node.outputs[0])[0]))) return std::nullopt;
    std::optional<ChainBuilder> chain = read_chain(flow, *maker);
    if (!chain) return std::nullopt;
    Patch patch;
    ops::QuantizedPointwise op;
    std::size_t bytes = 0;
    for (ValueId& id : chain->inputs) {
      if (!flow.same_shape(id, node.outputs[0]) && !flow.is_scalar_beside(id, node.outputs[0])) return std::nullopt;
      const Node* back = flow.producer(id);
      const auto x = dequantizer(flow, back);
      const bool fuses = x && x->one_scale && flow[x->x].constant == std::nullopt;
      add_scale(flow, fuses ? x : std::nullopt, op);
      if (!fuses) continue;
      ++bytes;
      if (flow.used_once(id)) patch.absorbed.push_back(back);
      id = x->x;
    }
    if (bytes == 0) return std::nullopt;
    add_scale(flow, y, op);
    if (y) {
      op.to = y->dtype;
      patch.absorbed.push_back(maker);
    }
    op.chain = std::move(chain->chain);
    Attributes attributes;
    op.write(attributes);
    patch.nodes.push_back(make_node(node, std::move(op), std::move(attributes), std::move(chain->inputs), {node.outputs[0]}));
    return patch;
  }

 private:
  static void add_scale(const DataFlow& flow, const std::optional<ByteQuantizer>& q, ops::QuantizedPointwise& op) {
    op.scales.push_back(q ? static_cast<float>(*flow.scalar(q->scale)) : 1.0F);
    op.zeros.push_back(q ? static_cast<float>(zero_point(flow, *q)) : 0.0F);
  }
};

}  // namespace hone::inline HONE_ABI::rewrites
