#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/ops/reshape.hpp>
#include <hone/rewrites/data_flow.hpp>

namespace hone::inline HONE_ABI::rewrites {

/// Shape arithmetic that the known dimensions decide becomes a constant, whatever other dimensions are open:
///   Shape, and Gather, Slice, Concat, Cast ... of shapes, where all elements of the result are known;
///   the shape of a Reshape, where all of it is known but dimensions that 0 copies from the input and one that -1 stands for.
struct FoldShapes {
  static constexpr std::string_view name = "fold_shapes";

  [[nodiscard]] std::optional<Patch> operator()(const DataFlow& flow, std::size_t at) const {
    const Node& node = flow.node(at);
    if (node.outputs.size() != 1 || node.outputs[0] == no_value) return std::nullopt;
    if (auto patch = elements(flow, node)) return patch;
    return node.as<ops::Reshape>() != nullptr ? target(flow, node) : std::nullopt;
  }

 private:
  static std::optional<Patch> elements(const DataFlow& flow, const Node& node) {
    const ValueId y = node.outputs[0];
    const SymbolicShape* known = flow.elements(y);
    const auto list = known != nullptr ? numbers(*known) : std::nullopt;
    if (!list || flow.rank(y).value_or(2) > 1 || (flow.rank(y) == 0 && list->size() != 1)) return std::nullopt;
    Shape shape;
    if (flow.rank(y) == 1) shape.push_back(static_cast<std::int64_t>(list->size()));
    const auto fill = [&]<class T>(T* to) {
      std::transform(list->begin(), list->end(), to, [](std::int64_t element) { return static_cast<T>(element); });
    };
    GraphValue value = flow[y].type.dtype == DType::int64 ? constant_value<std::int64_t>(flow[y].name, shape, fill)
                                                          : constant_value<std::int32_t>(flow[y].name, shape, fill);
    Patch patch;
    patch.constants.emplace_back(y, std::move(*value.constant));
    return patch;
  }

  static std::optional<Patch> target(const DataFlow& flow, const Node& node) {
    const ValueId shape = node.inputs[1];
    // A shape that is fed may be wrong, which the Reshape must find.
    if (flow.constant(shape) != nullptr || flow.varies(shape) || node.as<ops::Reshape>()->allowzero) return std::nullopt;
    const SymbolicShape* x = flow.dims(node.inputs[0]);
    const SymbolicShape* wanted = flow.dims(node.outputs[0]);
    const auto list = wanted != nullptr ? reshape_target(x != nullptr ? *x : SymbolicShape{}, *wanted) : std::nullopt;
    if (!list) return std::nullopt;
    Patch patch;
    const ValueId constant = patch.add_value(flow.graph(), list_constant(node.name + "/shape", *list));
    patch.nodes.push_back(copy_node(node, node.attributes, {node.inputs[0], constant}, node.outputs));
    return patch;
  }
};

}  // namespace hone::inline HONE_ABI::rewrites
