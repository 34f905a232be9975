#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>

namespace hone::inline HONE_ABI::ops {

/// What random generators share. With a seed, each run gives the same numbers; without, each gives others.
struct RandomOperator {
  static constexpr OpTraits traits{.deterministic = false};

  std::optional<float> seed;
  DType dtype = DType::undefined;

 protected:
  /// `allowed`: what the generator can make.
  void read(auto& a, DType absent, DTypeSet allowed) {
    a("seed", seed);
    a("dtype", dtype, absent);
    if (dtype != DType::undefined && !allowed.contains(dtype))
      fail(ErrorCode::invalid_graph, "the attribute 'dtype' is ", hone::name(dtype), ", of which there are no random numbers");
  }
  /// The type of the input where the node does not tell another one. Errors: invalid_graph.
  [[nodiscard]] DType like(const Type& input, DTypeSet allowed) const {
    if (dtype != DType::undefined) return dtype;
    if (input.is_tensor() && allowed.contains(input.dtype)) return input.dtype;
    fail(ErrorCode::invalid_graph, "its input is ", input, ", of which there are no random numbers");
  }
};

/// A generator whose result has the shape of an attribute.
struct RandomTensor : RandomOperator {
  static constexpr Arity arity{.min_inputs = 0, .max_inputs = 0};
  std::vector<std::int64_t> shape;
  float first = 0;   ///< the mean, or the lower bound
  float second = 1;  ///< the standard deviation, or the upper bound

  void types(const TypeContext& c) const { c.output(0, dtype); }
  void shapes(const ShapeContext& c) const { c.output(0, Shape(shape)); }
};
/// A generator whose result has the shape, and, unless told otherwise, the type of its input.
struct RandomLike : RandomOperator {
  static constexpr OpTraits traits{.unread_inputs = inputs(0), .deterministic = false};
  float first = 0;
  float second = 1;

  void types(const TypeContext& c) const { c.output(0, like(c.input(0), floating_point_numbers)); }
};

/// Normally distributed numbers. Source: ONNX RandomNormal, opsets 1 to 22.
struct RandomNormal : RandomTensor {
  static constexpr std::string_view name = "RandomNormal";
  static constexpr bool normal = true;
  void attributes(auto& a) {
    read(a, DType::float32, floating_point_numbers);
    a.required("shape", shape);
    a("mean", first, 0.0f);
    a("scale", second, 1.0f);
  }
};
/// Evenly distributed numbers. Source: ONNX RandomUniform, opsets 1 to 22.
struct RandomUniform : RandomTensor {
  static constexpr std::string_view name = "RandomUniform";
  static constexpr bool normal = false;
  void attributes(auto& a) {
    read(a, DType::float32, floating_point_numbers);
    a.required("shape", shape);
    a("low", first, 0.0f);
    a("high", second, 1.0f);
  }
};
/// Source: ONNX RandomNormalLike, opsets 1 to 22.
struct RandomNormalLike : RandomLike {
  static constexpr std::string_view name = "RandomNormalLike";
  static constexpr bool normal = true;
  void attributes(auto& a) {
    read(a, DType::undefined, floating_point_numbers);
    a("mean", first, 0.0f);
    a("scale", second, 1.0f);
  }
};
/// Source: ONNX RandomUniformLike, opsets 1 to 22.
struct RandomUniformLike : RandomLike {
  static constexpr std::string_view name = "RandomUniformLike";
  static constexpr bool normal = false;
  void attributes(auto& a) {
    read(a, DType::undefined, floating_point_numbers);
    a("low", first, 0.0f);
    a("high", second, 1.0f);
  }
};

/// y = 1 with probability x, else 0. Shapes: x (*) -> y (*). Source: ONNX Bernoulli, opsets 15 to 22.
struct Bernoulli : RandomOperator {
  static constexpr std::string_view name = "Bernoulli";
  static constexpr InputTypes input_types[] = {{inputs(0), floating_point_numbers}};
  static constexpr DTypeSet allowed = real_numbers | DTypeSet{DType::boolean};
  void attributes(auto& a) { read(a, DType::undefined, allowed); }
  void types(const TypeContext& c) const { c.output(0, like(c.input(0), allowed)); }
};

/// Classes drawn with the probabilities softmax(x). Shapes: x (B, C) -> y (B, sample_size). Source: ONNX Multinomial, opsets 7 to 22.
struct Multinomial : RandomOperator {
  static constexpr std::string_view name = "Multinomial";
  static constexpr InputTypes input_types[] = {{inputs(0), floating_point_numbers}};
  std::int64_t sample_size = 1;
  void attributes(auto& a) {
    read(a, DType::int32, {DType::int32, DType::int64});
    a("sample_size", sample_size, 1);
  }
  void types(const TypeContext& c) const { c.output(0, dtype); }
  void shapes(const ShapeContext& c) const {
    if (c.shape(0).rank() != 2) fail(ErrorCode::invalid_argument, "its input has shape ", c.shape(0), "; expected (B, C)");
    c.output(0, {c.shape(0)[0], sample_size});
  }
};

}  // namespace hone::inline HONE_ABI::ops
