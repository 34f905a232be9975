#pragma once

#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>

namespace hone::inline HONE_ABI::ops {

/// y (rank of x, number of elements that are not zero) = the indices of those elements, in row-major order, as int64.
/// Source: ONNX NonZero, opsets 9 to 13.
struct NonZero {
  static constexpr std::string_view name = "NonZero";
  static constexpr OpTraits traits{.data_dependent = true};

  void types(const TypeContext& c) const { c.output(0, DType::int64); }
};

}  // namespace hone::inline HONE_ABI::ops
