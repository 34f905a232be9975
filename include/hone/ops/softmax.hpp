#pragma once

#include <cstdint>
#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>

namespace hone::inline HONE_ABI::ops {

/// A normalisation along `axis`, or, before opset 13, over all dimensions from `axis` on, taken as one row.
/// Shapes: x (*) -> y (*). Source: ONNX, opsets 1 to 13.
struct AlongAxis {
  static constexpr OpTraits traits{.in_place = inputs(0)};
  std::int64_t axis = -1;
  bool to_the_end = false;

  void attributes(auto& a) {
    to_the_end = a.opset() < 13;
    a("axis", axis, to_the_end ? 1 : -1);
  }
  void shapes(const ShapeContext& c) const {
    (void)rows(c.shape(0));
    c.output(0, c.shape(0));
  }

  /// `outer` blocks of `length` elements along the axis, each `inner` elements after the one before.
  struct Rows {
    std::int64_t outer;
    std::int64_t length;
    std::int64_t inner;
  };
  [[nodiscard]] Rows rows(const Shape& x) const {
    if (x.rank() == 0) return {1, 1, 1};
    if (to_the_end) {
      const std::size_t at = axis == static_cast<std::int64_t>(x.rank()) ? x.rank() : normalized_axis(axis, x.rank());
      return {x.elements(0, at), x.elements(at, x.rank()), 1};
    }
    const std::size_t at = normalized_axis(axis, x.rank());
    return {x.elements(0, at), x[at], x.stride(at)};
  }
};

/// y = exp(x) / sum(exp(x))
struct Softmax : AlongAxis {
  static constexpr std::string_view name = "Softmax";
};
/// y = x - log(sum(exp(x)))
struct LogSoftmax : AlongAxis {
  static constexpr std::string_view name = "LogSoftmax";
};
/// y = 1 at the first maximum, 0 elsewhere
struct Hardmax : AlongAxis {
  static constexpr std::string_view name = "Hardmax";
  static constexpr OpTraits traits{};
};

}  // namespace hone::inline HONE_ABI::ops
