#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>
#include <hone/ops/gather.hpp>

namespace hone::inline HONE_ABI::ops {

/// How an update meets the element that it goes to.
enum class Reduction : std::uint8_t { none, add, mul, max, min };

/// Errors: invalid_graph when no reduction has that name.
[[nodiscard]] inline Reduction parse_reduction(std::string_view name) {
  constexpr std::string_view names[] = {"none", "add", "mul", "max", "min"};
  for (std::uint8_t i = 0; i < std::size(names); ++i)
    if (name == names[i]) return static_cast<Reduction>(i);
  fail(ErrorCode::invalid_graph, "unknown reduction '", name, "'");
}

/// y = x, then y[…, indices[i_0, …], …] = reduction(y[…], updates[i_0, …]), where the index takes the place of i_axis.
/// Inputs: x, indices, updates. Where an element is updated more than once, updates apply in row-major order.
/// Source: ONNX ScatterElements, opsets 11 to 18.
struct ScatterElements {
  static constexpr std::string_view name = "ScatterElements";
  static constexpr InputTypes input_types[] = {{inputs(1), DTypeSet{DType::int32, DType::int64}}};
  static constexpr Arity arity{.min_inputs = 3, .max_inputs = 3};
  static constexpr OpTraits traits{.in_place = inputs(0)};

  std::int64_t axis = 0;
  Reduction reduction = Reduction::none;

  void attributes(auto& a) {
    a("axis", axis, 0);
    if (a.opset() < 16) return;
    std::string text;
    a("reduction", text, "none");
    reduction = parse_reduction(text);
  }
  void shapes(const ShapeContext& c) const {
    GatherElements::check(c.shape(0), c.shape(1), axis);
    if (!(c.shape(1) == c.shape(2))) {
      fail(ErrorCode::invalid_argument, "indices of shape ", c.shape(1), " and updates of shape ", c.shape(2), " differ");
    }
    c.output(0, c.shape(0));
  }
};

/// ScatterElements without reduction, under its older name.
/// Source: ONNX Scatter, opsets 9 to 11.
struct Scatter : ScatterElements {
  static constexpr std::string_view name = "Scatter";

  void attributes(auto& a) { a("axis", axis, 0); }
};

/// y = x, then y[indices[i…, 0], …, indices[i…, n - 1], k…] = reduction(y[…], updates[i…, k…]).
/// Inputs: x, indices, updates. Where an element is updated more than once, updates apply in row-major order.
/// Source: ONNX ScatterND, opsets 11 to 18.
struct ScatterND {
  static constexpr std::string_view name = "ScatterND";
  static constexpr InputTypes input_types[] = {{inputs(1), DTypeSet{DType::int64}}};
  static constexpr Arity arity{.min_inputs = 3, .max_inputs = 3};
  static constexpr OpTraits traits{.in_place = inputs(0)};

  Reduction reduction = Reduction::none;

  void attributes(auto& a) {
    if (a.opset() < 16) return;
    std::string text;
    a("reduction", text, "none");
    reduction = parse_reduction(text);
  }
  void shapes(const ShapeContext& c) const {
    const Shape& data = c.shape(0);
    const Shape& indices = c.shape(1);
    if (data.rank() < 1 || indices.rank() < 1) fail(ErrorCode::invalid_argument, "data and indices must not be scalars");
    if (indices.back() < 0 || indices.back() > static_cast<std::int64_t>(data.rank())) {
      fail(ErrorCode::invalid_argument, "indices of shape ", indices, " do not address data of shape ", data);
    }
    Shape wanted;
    for (std::size_t i = 0; i + 1 < indices.rank(); ++i) wanted.push_back(indices[i]);
    for (std::size_t i = static_cast<std::size_t>(indices.back()); i < data.rank(); ++i) wanted.push_back(data[i]);
    if (!(c.shape(2) == wanted)) fail(ErrorCode::invalid_argument, "updates have the shape ", c.shape(2), ", not ", wanted);
    c.output(0, data);
  }
};

}  // namespace hone::inline HONE_ABI::ops
