#pragma once

#include <cstdint>
#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>

namespace hone::inline HONE_ABI::ops {

/// What ArgMax and ArgMin share: y = the index along axis of the best element of each row, as int64; of equal ones, of the first (or,
/// with select_last_index, the last). NaN counts as larger than every number.
struct ArgBest {
  std::int64_t axis = 0;
  bool keepdims = true;
  bool select_last_index = false;

  void attributes(auto& a) {
    a("axis", axis, 0);
    a("keepdims", keepdims, true);
    if (a.opset() >= 12) a("select_last_index", select_last_index, false);
  }
  void types(const TypeContext& c) const { c.output(0, DType::int64); }
  void shapes(const ShapeContext& c) const {
    const Shape& from = c.shape(0);
    const std::size_t along = normalized_axis(axis, from.rank());
    Shape to;
    for (std::size_t i = 0; i < from.rank(); ++i) {
      if (i != along) {
        to.push_back(from[i]);
      } else if (keepdims) {
        to.push_back(1);
      }
    }
    if (from[along] == 0 && to.elements() != 0)
      fail(ErrorCode::invalid_argument, "axis ", axis, " of the shape ", from, " has no elements");
    c.output(0, to);
  }
};

/// Source: ONNX ArgMax, opsets 1 to 13.
struct ArgMax : ArgBest {
  static constexpr std::string_view name = "ArgMax";
};

/// Source: ONNX ArgMin, opsets 1 to 13.
struct ArgMin : ArgBest {
  static constexpr std::string_view name = "ArgMin";
};

}  // namespace hone::inline HONE_ABI::ops
