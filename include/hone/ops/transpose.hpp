#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>
#include <hone/ops/dimensions.hpp>

namespace hone::inline HONE_ABI::ops {

/// y[i_perm(0), i_perm(1), …] = x[i_0, i_1, …]; without perm the dimensions are reversed.
/// Source: ONNX Transpose, opsets 1 to 25.
struct Transpose {
  static constexpr std::string_view name = "Transpose";

  std::optional<std::vector<std::int64_t>> perm;

  void attributes(auto& a) { a("perm", perm); }
  void shapes(const ShapeContext& c) const {
    const Shape& from = c.shape(0);
    if (perm) {
      if (perm->size() != from.rank()) fail(ErrorCode::invalid_argument, "perm has ", perm->size(), " axes, the input has ", from.rank());
      AxisSet seen;
      for (const std::int64_t axis : *perm) {
        if (axis < 0) fail(ErrorCode::invalid_argument, "perm holds ", axis);
        seen.insert(axis, from.rank());
      }
    }
    Shape to = from;
    for (std::size_t i = 0; i < from.rank(); ++i) to[i] = from[source(i, from.rank())];
    c.output(0, to);
  }
  /// The dimension of x that is dimension `i` of y.
  [[nodiscard]] std::size_t source(std::size_t i, std::size_t rank) const noexcept {
    return perm ? static_cast<std::size_t>((*perm)[i]) : rank - 1 - i;
  }
};

}  // namespace hone::inline HONE_ABI::ops
