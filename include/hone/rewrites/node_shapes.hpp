#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include <hone/config.hpp>
#include <hone/graph/graph.hpp>
#include <hone/ops/slice.hpp>
#include <hone/rewrites/known_shapes.hpp>

namespace hone::inline HONE_ABI::rewrites {

/// What rules of inference see of a node.
class NodeShapes {
 public:
  NodeShapes(const Graph& graph, KnownShapes& known, const Node& node) : graph_(graph), known_(known), node_(node) {}

 protected:
  template <class Op>
  [[nodiscard]] const Op* as() const noexcept {
    return node_.as<Op>();
  }
  [[nodiscard]] ValueId id(std::size_t k) const noexcept { return k < node_.inputs.size() ? node_.inputs[k] : no_value; }
  [[nodiscard]] const SymbolicShape* input(std::size_t k) const { return id(k) != no_value ? known_.dims(id(k)) : nullptr; }
  [[nodiscard]] const SymbolicShape* input_elements(std::size_t k) const { return id(k) != no_value ? known_.elements(id(k)) : nullptr; }
  [[nodiscard]] const TensorRef* constant(std::size_t k) const {
    return id(k) != no_value && graph_[id(k)].constant ? &graph_[id(k)].constant->tensor : nullptr;
  }
  /// The number of elements of a list.
  [[nodiscard]] std::optional<std::size_t> length(std::size_t k) const {
    const SymbolicShape* list = input(k);
    if (list == nullptr || list->size() != 1 || !(*list)[0].is_number() || (*list)[0].number > static_cast<std::int64_t>(Shape::max_rank))
      return std::nullopt;
    return static_cast<std::size_t>((*list)[0].number);
  }
  /// `rank` dimensions of which nothing else is known.
  [[nodiscard]] std::optional<SymbolicShape> open(std::optional<std::size_t> rank) const {
    if (!rank) return std::nullopt;
    SymbolicShape result;
    for (std::size_t i = 0; i < *rank; ++i) result.push_back(known_.fresh());
    return result;
  }
  [[nodiscard]] static std::size_t axis_of(std::int64_t axis, const SymbolicShape& x) { return normalized_axis(axis, x.size()); }

  /// The inputs of a Slice beside x; nothing unless they are constants.
  [[nodiscard]] std::optional<ops::Slice::Ranges> ranges(const Shape& from) const {
    for (std::size_t k = 1; k < node_.inputs.size(); ++k)
      if (id(k) != no_value && constant(k) == nullptr) return std::nullopt;
    return ops::Slice::resolve(from, *constant(1), *constant(2), constant(3), constant(4));
  }

  const Graph& graph_;
  KnownShapes& known_;
  const Node& node_;
};

}  // namespace hone::inline HONE_ABI::rewrites
