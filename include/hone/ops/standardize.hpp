#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>
#include <hone/ops/dimensions.hpp>

namespace hone::inline HONE_ABI::ops {

/// y = x / norm, with the sum of the absolute values (p = 1) or the root of the sum of the squares (p = 2) along an axis; 0 where that is
/// 0. Shapes: x (*) -> y (*). Source: ONNX LpNormalization, opsets 1 to 22.
struct LpNormalization {
  static constexpr std::string_view name = "LpNormalization";
  static constexpr OpTraits traits{.in_place = inputs(0)};

  std::int64_t axis = -1;
  std::int64_t p = 2;

  void attributes(auto& a) {
    a("axis", axis, -1);
    a("p", p, 2);
    if (p != 1 && p != 2) fail(ErrorCode::invalid_graph, "p is ", p, "; it must be 1 or 2");
  }
  void shapes(const ShapeContext& c) const {
    (void)normalized_axis(axis, c.shape(0).rank());
    c.output(0, c.shape(0));
  }
};

/// y = (x - mean) / standard deviation over the given axes. Shapes: x (*) -> y (*).
/// Source: ONNX MeanVarianceNormalization, opsets 9 to 13.
struct MeanVarianceNormalization {
  static constexpr std::string_view name = "MeanVarianceNormalization";
  static constexpr OpTraits traits{.in_place = inputs(0)};

  std::vector<std::int64_t> axes;

  void attributes(auto& a) { a("axes", axes, std::vector<std::int64_t>{0, 2, 3}); }
  void shapes(const ShapeContext& c) const {
    for (const std::int64_t axis : axes) (void)normalized_axis(axis, c.shape(0).rank());
    c.output(0, c.shape(0));
  }
};

}  // namespace hone::inline HONE_ABI::ops
