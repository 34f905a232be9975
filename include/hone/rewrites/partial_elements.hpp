#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include <hone/config.hpp>
#include <hone/ops/cast.hpp>
#include <hone/ops/concat.hpp>
#include <hone/ops/gather.hpp>
#include <hone/ops/identity.hpp>
#include <hone/ops/reshape.hpp>
#include <hone/ops/shape.hpp>
#include <hone/ops/slice.hpp>
#include <hone/ops/squeeze.hpp>
#include <hone/rewrites/node_shapes.hpp>

namespace hone::inline HONE_ABI::rewrites {

/// What follows for the elements of the output of one node that holds a shape, where some of them are symbols.
class PartialElements : private NodeShapes {
 public:
  using NodeShapes::NodeShapes;

  /// Of an output of rank 0 or 1 that holds int32 or int64.
  [[nodiscard]] std::optional<SymbolicShape> get() const {
    if (const auto* shape = as<ops::ShapeOf>()) {
      const SymbolicShape* x = input(0);
      if (x == nullptr) return std::nullopt;
      const auto rank = static_cast<std::int64_t>(x->size());
      if (shape->first(rank) >= shape->last(rank)) return SymbolicShape{};
      return SymbolicShape(x->begin() + shape->first(rank), x->begin() + shape->last(rank));
    }
    if (as<ops::Concat>()) return joined_elements();
    const SymbolicShape* x = node_.inputs.empty() ? nullptr : input_elements(0);
    if (x == nullptr) return std::nullopt;
    if (as<ops::Identity>() || as<ops::Reshape>() || as<ops::Squeeze>() || as<ops::Unsqueeze>() || as<ops::Flatten>()) return *x;
    if (as<ops::Cast>()) return *x;  // a dimension beyond int32 is none that a model converts to it
    if (as<ops::Gather>()) return gathered(*x);
    if (as<ops::Slice>()) return cut(*x);
    return std::nullopt;
  }

 private:
  [[nodiscard]] std::optional<SymbolicShape> joined_elements() const {
    SymbolicShape result;
    for (std::size_t k = 0; k < node_.inputs.size(); ++k) {
      const SymbolicShape* list = input_elements(k);
      if (list != nullptr) {
        result.insert(result.end(), list->begin(), list->end());
      } else if (const auto count = length(k)) {
        result.insert(result.end(), *count, SymbolicInteger{0, SymbolicInteger::unknown});
      } else {
        return std::nullopt;
      }
    }
    return result;
  }
  [[nodiscard]] std::optional<SymbolicShape> gathered(const SymbolicShape& x) const {
    const SymbolicShape* indices = input_elements(1);
    if (indices == nullptr) return std::nullopt;
    SymbolicShape result;
    for (const SymbolicInteger& at : *indices) {
      if (!at.is_number()) return std::nullopt;
      const auto size = static_cast<std::int64_t>(x.size());
      if (at.number < -size || at.number >= size) return std::nullopt;
      result.push_back(x[static_cast<std::size_t>(at.number < 0 ? at.number + size : at.number)]);
    }
    return result;
  }
  [[nodiscard]] std::optional<SymbolicShape> cut(const SymbolicShape& x) const {
    const auto range = ranges({static_cast<std::int64_t>(x.size())});
    if (!range) return std::nullopt;
    SymbolicShape result;
    for (std::int64_t i = 0; i < (*range)[0].count; ++i)
      result.push_back(x[static_cast<std::size_t>((*range)[0].start + i * (*range)[0].step)]);
    return result;
  }
};

}  // namespace hone::inline HONE_ABI::rewrites
