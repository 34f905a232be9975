#pragma once

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/ops/concat.hpp>
#include <hone/ops/depth_to_space.hpp>
#include <hone/ops/pool.hpp>
#include <hone/ops/reshape.hpp>
#include <hone/ops/slice.hpp>
#include <hone/ops/squeeze.hpp>
#include <hone/ops/transpose.hpp>
#include <hone/rewrites/byte_quantization.hpp>
#include <hone/rewrites/data_flow.hpp>

namespace hone::inline HONE_ABI::rewrites {

/// QuantizeLinear moves up past what only moves elements, or takes the greatest of some, so that these move bytes; where it meets a
/// DequantizeLinear of the same scale and zero point, both are gone.
struct MoveQuantization {
  static constexpr std::string_view name = "move_quantization";

  [[nodiscard]] std::optional<Patch> operator()(const DataFlow& flow, std::size_t at) const {
    const Node& node = flow.node(at);
    const auto q = quantizer(flow, &node);
    if (!q) return std::nullopt;
    const Node* maker = flow.producer(q->x);
    if (const auto back = dequantizer(flow, maker); back && same_scale(flow, *q, *back)) {
      Patch patch;
      patch.replacements.emplace_back(node.outputs[0], back->x);
      return patch;
    }
    if (maker == nullptr || !flow.used_once(q->x) || !flow.varies(q->x)) return std::nullopt;
    const std::size_t data = moved_inputs(flow, *maker);
    if (data == 0) return std::nullopt;
    Patch patch;
    std::vector<ValueId> inputs = maker->inputs;
    for (std::size_t k = 0; k < data; ++k) {
      const ValueId bytes = patch.add_value(flow.graph(), made_value(flow[inputs[k]].name + "/quantized", Type(q->dtype)));
      std::vector<ValueId> arguments = node.inputs;
      arguments[0] = inputs[k];
      patch.nodes.push_back(copy_node(node, node.attributes, std::move(arguments), {bytes}));
      inputs[k] = bytes;
    }
    Node moved = copy_node(*maker, maker->attributes, std::move(inputs), {node.outputs[0]});
    moved.moved_inputs = maker->moved_inputs;
    patch.nodes.push_back(std::move(moved));
    patch.absorbed.push_back(maker);
    return patch;
  }

 private:
  /// The number of inputs, the first ones, whose elements the node moves; 0 where it does more than that.
  [[nodiscard]] static std::size_t moved_inputs(const DataFlow& flow, const Node& node) {
    if (node.outputs.size() != 1 || node.op == nullptr) return 0;
    if (node.as<ops::Concat>() != nullptr) {
      // A constant among them would have to be quantized when the model is loaded; nothing is gained for it.
      const bool varies = std::all_of(node.inputs.begin(), node.inputs.end(), [&](ValueId id) { return flow.constant(id) == nullptr; });
      return varies ? node.inputs.size() : 0;
    }
    const bool moves = node.as<ops::MaxPool>() != nullptr || node.as<ops::Reshape>() != nullptr || node.as<ops::Flatten>() != nullptr ||
                       node.as<ops::Transpose>() != nullptr || node.as<ops::Squeeze>() != nullptr || node.as<ops::Unsqueeze>() != nullptr ||
                       node.as<ops::Slice>() != nullptr || node.as<ops::DepthToSpace>() != nullptr ||
                       node.as<ops::SpaceToDepth>() != nullptr;
    return moves ? 1 : 0;
  }
};

}  // namespace hone::inline HONE_ABI::rewrites
