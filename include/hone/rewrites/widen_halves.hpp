#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/graph/infer_types.hpp>
#include <hone/kernels/cpu/number_conversion.hpp>
#include <hone/ops/cast.hpp>
#include <hone/providers/provider.hpp>
#include <hone/rewrites/data_flow.hpp>

namespace hone::inline HONE_ABI::rewrites {

/// Nodes on float16 and bfloat16 that no provider has a kernel for compute in float32, and so do nodes on their results: values between
/// them are neither converted nor rounded, and whatever is written for float32 serves them. Conversions that the model itself asks for
/// stay. What only moves elements of inputs and constants, as Gather of an embedding does, stays in the narrow type.
class WidenHalves {
 public:
  static constexpr std::string_view name = "widen_halves";

  explicit WidenHalves(std::span<const AnyProvider> providers) : providers_(providers) {}

  [[nodiscard]] std::optional<Patch> operator()(const DataFlow& flow, std::size_t at) {
    const Node& node = flow.node(at);
    const bool reads_half = std::any_of(node.inputs.begin(), node.inputs.end(), [&](ValueId id) { return is_half(flow, id); });
    if (!reads_half || node.op == nullptr || !node.subgraphs.empty() || node.as<ops::Cast>() != nullptr) return std::nullopt;
    const bool reads_wide = std::any_of(node.inputs.begin(), node.inputs.end(), [&](ValueId id) { return wide(flow, id) != no_value; });
    if (!reads_wide && is_supported(flow.graph(), node)) return std::nullopt;

    Patch patch;
    std::vector<ValueId> inputs = node.inputs;
    std::map<ValueId, ValueId> widened;
    for (ValueId& id : inputs) {
      if (!is_half(flow, id)) continue;
      ValueId to = wide(flow, id);
      if (const TensorRef* constant = flow.constant(id)) {
        to = patch.add_value(flow.graph(), constant_value<float>(flow[id].name + "/float32", constant->shape, [&](float* wide) {
                               load_numbers(constant->dtype, constant->data, 0, constant->elements(), wide);
                             }));
      } else if (to == no_value) {
        const auto [entry, absent] = widened.try_emplace(id, no_value);
        if (absent) {
          entry->second = patch.add_value(flow.graph(), made_value(flow[id].name + "/float32", DType::float32));
          patch.nodes.push_back(make_cast(node, DType::float32, id, entry->second));
        }
        to = entry->second;
      }
      id = to;
    }
    std::vector<ValueId> outputs = node.outputs;
    const auto types = output_types(flow, node);
    if (!types) return std::nullopt;
    std::vector<Node> behind;
    for (std::size_t k = 0; k < outputs.size(); ++k) {
      if (outputs[k] == no_value || (*types)[k] == flow[outputs[k]].type) continue;
      if (!is_half(flow, outputs[k]) || !((*types)[k] == Type(DType::float32))) return std::nullopt;
      outputs[k] = patch.add_value(flow.graph(), made_value(flow[outputs[k]].name + "/float32", DType::float32));
      behind.push_back(make_cast(node, flow[node.outputs[k]].type.dtype, outputs[k], node.outputs[k]));
      widened[node.outputs[k]] = outputs[k];
    }
    patch.nodes.push_back(copy_node(node, node.attributes, std::move(inputs), std::move(outputs)));
    patch.nodes.back().moved_inputs = node.moved_inputs;
    std::move(behind.begin(), behind.end(), std::back_inserter(patch.nodes));
    for (const auto& [narrow, to] : widened) wide_[narrow] = to;
    return patch;
  }

 private:
  [[nodiscard]] static bool is_half(const DataFlow& flow, ValueId id) {
    if (id == no_value) return false;
    const Type& type = flow[id].type;
    return type == Type(DType::float16) || type == Type(DType::bfloat16);
  }

  [[nodiscard]] bool is_supported(const Graph& graph, const Node& node) const {
    return std::any_of(providers_.begin(), providers_.end(), [&](const AnyProvider& p) { return p->supports(NodeView(graph, node)); });
  }

  /// The float32 value that is converted to or from `id`; no_value where there is none. A patch may have been refused, so that what is
  /// written down is true only where the graph says the same.
  [[nodiscard]] ValueId wide(const DataFlow& flow, ValueId id) const {
    const auto found = wide_.find(id);
    if (found == wide_.end()) return no_value;
    const auto converts = [&](ValueId from, ValueId to) {
      const Node* cast = flow.made_by<ops::Cast>(to);
      return cast != nullptr && cast->inputs[0] == from;
    };
    return converts(id, found->second) || converts(found->second, id) ? found->second : no_value;
  }

  /// The types of what the node would make of float32; empty where it does not take that.
  [[nodiscard]] static std::optional<std::vector<Type>> output_types(const DataFlow& flow, const Node& node) {
    std::vector<Type> inputs;
    for (const ValueId id : node.inputs) {
      inputs.push_back(is_half(flow, id) ? Type(DType::float32) : id == no_value ? Type() : flow[id].type);
      if (id != no_value && !inputs.back().is_known()) return std::nullopt;
    }
    std::vector<Type> types(node.outputs.size());
    try {
      hone::detail::check_input_types(node.op->info(), inputs);
      node.op->types(TypeContext(inputs, types, {}));
    } catch (const Error&) {
      return std::nullopt;
    }
    return types;
  }

  [[nodiscard]] static Node make_cast(const Node& of, DType to, ValueId from, ValueId result) {
    ops::Cast op;
    op.to = to;
    Node node = make_node(of, op, {{"to", static_cast<std::int64_t>(to)}}, {from}, {result});
    node.opset = std::max(node.opset, 13);  // the first that knows both types, and takes a number
    node.name += "/" + std::string(hone::name(to));
    return node;
  }

  std::span<const AnyProvider> providers_;
  std::map<ValueId, ValueId> wide_;  // by narrow value
};

}  // namespace hone::inline HONE_ABI::rewrites
