#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>

namespace hone::inline HONE_ABI::ops {

/// y = the dimensions [start, end) of x as int64. Not named Shape, which would hide the class for all operators.
/// Source: ONNX Shape, opsets 1 to 25.
struct ShapeOf {
  static constexpr std::string_view name = "Shape";
  static constexpr OpTraits traits{.unread_inputs = inputs(0)};

  std::int64_t start = 0;
  std::optional<std::int64_t> end;

  void attributes(auto& a) {
    if (a.opset() < 15) return;
    a("start", start, 0);
    a("end", end);
  }
  void types(const TypeContext& c) const { c.output(0, DType::int64); }
  void shapes(const ShapeContext& c) const {
    const auto rank = static_cast<std::int64_t>(c.shape(0).rank());
    c.output(0, {std::max<std::int64_t>(last(rank) - first(rank), 0)});
  }
  [[nodiscard]] std::int64_t first(std::int64_t rank) const noexcept { return clamped(start, rank); }
  [[nodiscard]] std::int64_t last(std::int64_t rank) const noexcept { return clamped(end.value_or(rank), rank); }

 private:
  static std::int64_t clamped(std::int64_t axis, std::int64_t rank) noexcept {
    return std::clamp<std::int64_t>(axis < 0 ? axis + rank : axis, 0, rank);
  }
};

/// y = the number of elements of x as int64.
/// Source: ONNX Size, opsets 1 to 25.
struct SizeOf {
  static constexpr std::string_view name = "Size";
  static constexpr OpTraits traits{.unread_inputs = inputs(0)};

  void types(const TypeContext& c) const { c.output(0, DType::int64); }
  void shapes(const ShapeContext& c) const { c.output(0, {}); }
};

}  // namespace hone::inline HONE_ABI::ops
