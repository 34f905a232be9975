#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/graph/graph.hpp>
#include <hone/rewrites/symbolic_shape.hpp>

namespace hone::inline HONE_ABI {

/// Whether a run checks the inputs of a graph against the shapes that the model declares: those of a subgraph it does not.
enum class InputShapes { checked, unchecked };

/// What is known, before any run, of the dimensions of each value of a graph, and of the elements of those that hold shapes.
/// What a model declares of values other than its inputs counts for their ranks alone: exporters write dimensions there that hold only for
/// the example that they have traced.
class KnownShapes {
 public:
  KnownShapes(const Graph& graph, InputShapes inputs) {
    resize(graph);
    if (inputs == InputShapes::unchecked) return;
    for (const ValueId id : graph.inputs) declare(graph[id], known_[index(id)], true);
    for (const auto& [id, constant] : graph.defaults) declare(graph[id], known_[index(id)], true);
  }

  /// Null where not even the rank is known.
  [[nodiscard]] const SymbolicShape* dims(ValueId id) const noexcept { return pointer(known_[index(id)].dims); }
  /// Elements of an int32 or int64 tensor of rank 0 or 1, in order; null where nothing is known of them.
  [[nodiscard]] const SymbolicShape* elements(ValueId id) const noexcept { return pointer(known_[index(id)].elements); }
  [[nodiscard]] SymbolicInteger fresh() noexcept { return {0, ++last_symbol_}; }

  /// Follows the number of values in the graph.
  void resize(const Graph& graph) {
    const std::size_t before = known_.size();
    known_.resize(graph.values.size());
    for (std::size_t i = before; i < known_.size(); ++i) declare(graph.values[i], known_[i], false);
  }
  /// The value has become a constant.
  void set_constant(const Graph& graph, ValueId id) { declare(graph[id], known_[index(id)], false); }

  [[nodiscard]] bool knows(const Node& node) const {
    return std::all_of(node.outputs.begin(), node.outputs.end(), [&](ValueId id) { return id == no_value || dims(id) != nullptr; });
  }
  void set_dims(ValueId id, SymbolicShape dims) {
    for (SymbolicInteger& dim : dims)
      if (dim.symbol == SymbolicInteger::unknown) dim = fresh();
    merge(known_[index(id)].dims, std::move(dims));
  }
  void set_elements(ValueId id, SymbolicShape elements) {
    if (elements.size() <= static_cast<std::size_t>(max_elements)) merge(known_[index(id)].elements, std::move(elements));
  }
  static bool is_index(DType dtype) noexcept { return dtype == DType::int32 || dtype == DType::int64; }

 private:
  struct Known {
    std::optional<SymbolicShape> dims;
    std::optional<SymbolicShape> elements;
  };
  /// Longer lists are no shapes.
  static constexpr std::int64_t max_elements = 64;

  static const SymbolicShape* pointer(const std::optional<SymbolicShape>& shape) noexcept { return shape ? &*shape : nullptr; }

  void declare(const GraphValue& value, Known& known, bool checked) {
    if (value.constant) {
      const TensorRef& tensor = value.constant->tensor;
      known.dims = rewrites::symbolic(tensor.shape.dims());
      if (!is_index(tensor.dtype) || tensor.shape.rank() > 1 || tensor.elements() > max_elements) return;
      known.elements.emplace();
      for (std::int64_t i = 0; i < tensor.elements(); ++i) {
        known.elements->push_back({tensor.dtype == DType::int64 ? tensor.as<const std::int64_t>()[i] : tensor.as<const std::int32_t>()[i]});
      }
    } else if (value.shape && value.type.is_tensor()) {
      known.dims.emplace();
      for (const Dim& dim : *value.shape) known.dims->push_back(checked && dim.value >= 0 ? SymbolicInteger{dim.value} : fresh());
    }
  }

  /// Keeps numbers, and of two symbols the older one, which more values share.
  static void merge(std::optional<SymbolicShape>& known, SymbolicShape learnt) {
    if (known && known->size() == learnt.size()) {
      for (std::size_t i = 0; i < learnt.size(); ++i) {
        const SymbolicInteger& old = (*known)[i];
        if (old.is_number() || (!learnt[i].is_number() && old.symbol < learnt[i].symbol)) learnt[i] = old;
      }
    }
    known = std::move(learnt);
  }

  std::vector<Known> known_;
  std::uint64_t last_symbol_ = 0;
};

}  // namespace hone::inline HONE_ABI
