#pragma once

#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>

namespace hone::inline HONE_ABI::ops {

/// y = condition ? a : b, element by element, broadcast as numpy does. Inputs: condition, a, b.
/// Source: ONNX Where, opsets 9 to 16.
struct Where {
  static constexpr std::string_view name = "Where";
  static constexpr InputTypes input_types[] = {{inputs(0), DTypeSet{DType::boolean}}};
  static constexpr Arity arity{.min_inputs = 3, .max_inputs = 3};
  static constexpr std::size_t type_input = 1;

  void types(const TypeContext& c) const { c.output(0, c.input(1)); }
  void shapes(const ShapeContext& c) const { c.output(0, broadcast(broadcast(c.shape(0), c.shape(1)), c.shape(2))); }
};

}  // namespace hone::inline HONE_ABI::ops
