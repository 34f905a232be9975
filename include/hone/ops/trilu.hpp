#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>
#include <hone/ops/dimensions.hpp>

namespace hone::inline HONE_ABI::ops {

/// y = the elements of the matrices x on and above (or, unless upper, below) the diagonal number input 1 (0), and zeros elsewhere.
/// Source: ONNX Trilu, opset 14.
struct Trilu {
  static constexpr std::string_view name = "Trilu";
  static constexpr Arity arity{.min_inputs = 1, .max_inputs = 2};
  static constexpr OpTraits traits{.shape_inputs = inputs(1)};

  bool upper = true;

  void attributes(auto& a) { a("upper", upper, true); }
  void shapes(const ShapeContext& c) const {
    if (c.shape(0).rank() < 2) fail(ErrorCode::invalid_argument, "the input must hold matrices, but its shape is ", c.shape(0));
    if (c.has_input(1)) check_one_element(c.tensor(1), "k");
    c.output(0, c.shape(0));
  }
};

/// y (of the shape of x) = 1 on the diagonal number k, 0 elsewhere.
/// Source: ONNX EyeLike, opsets 9 to 22.
struct EyeLike {
  static constexpr std::string_view name = "EyeLike";
  static constexpr OpTraits traits{.unread_inputs = inputs(0)};

  std::optional<DType> dtype;
  std::int64_t k = 0;

  void attributes(auto& a) {
    a("dtype", dtype);
    a("k", k, 0);
  }
  void types(const TypeContext& c) const { c.output(0, dtype ? Type(*dtype) : c.input(0)); }
  void shapes(const ShapeContext& c) const {
    if (c.shape(0).rank() != 2) fail(ErrorCode::invalid_argument, "the input must be a matrix, but its shape is ", c.shape(0));
    c.output(0, c.shape(0));
  }
};

}  // namespace hone::inline HONE_ABI::ops
