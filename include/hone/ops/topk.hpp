#pragma once

#include <cstdint>
#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>
#include <hone/ops/dimensions.hpp>

namespace hone::inline HONE_ABI::ops {

/// Outputs: the k largest (or smallest) elements of each row along axis, best first, and their indices as int64.
/// Of equal elements the one with the lower index comes first. NaN counts as larger than every number.
/// Source: ONNX TopK, opsets 1 to 24.
struct TopK {
  static constexpr std::string_view name = "TopK";
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 2, .min_outputs = 2, .max_outputs = 2};
  static constexpr OpTraits traits{.shape_inputs = inputs(1)};

  std::int64_t axis = -1;
  bool largest = true;

  void attributes(auto& a) {
    a("axis", axis, -1);
    if (a.opset() < 10) a.moved_to_input("k", 1);
    if (a.opset() < 11) return;
    a("largest", largest, true);
    a.ignored("sorted");  // sorted is one of the orders that sorted = 0 allows
  }
  void types(const TypeContext& c) const {
    c.output(0, c.input(0));
    c.output(1, DType::int64);
  }
  void shapes(const ShapeContext& c) const {
    const std::int64_t k = only_integer(c.tensor(1), "k");
    Shape to = c.shape(0);
    std::int64_t& dim = to[normalized_axis(axis, to.rank())];
    if (k < 0 || k > dim) fail(ErrorCode::invalid_argument, "k is ", k, ", but axis ", axis, " has ", dim, " elements");
    dim = k;
    c.output(0, to);
    c.output(1, to);
  }
};

}  // namespace hone::inline HONE_ABI::ops
