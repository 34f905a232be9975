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
  void read(auto& a, DType absent) {
    std::int64_t number = 0;
    a("seed", seed);
    a("dtype", number, static_cast<std::int64_t>(absent));
    if (number < 0 || number >= dtype_count) fail(ErrorCode::invalid_graph, "there is no element type ", number);
    dtype = static_cast<DType>(number);
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

  void types(const TypeContext& c) const { c.output(0, dtype != DType::undefined ? Type(dtype) : c.input(0)); }
};

/// Normally distributed numbers. Source: ONNX RandomNormal, opsets 1 to 22.
struct RandomNormal : RandomTensor {
  static constexpr std::string_view name = "RandomNormal";
  static constexpr bool normal = true;
  void attributes(auto& a) {
    read(a, DType::float32);
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
    read(a, DType::float32);
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
    read(a, DType::undefined);
    a("mean", first, 0.0f);
    a("scale", second, 1.0f);
  }
};
/// Source: ONNX RandomUniformLike, opsets 1 to 22.
struct RandomUniformLike : RandomLike {
  static constexpr std::string_view name = "RandomUniformLike";
  static constexpr bool normal = false;
  void attributes(auto& a) {
    read(a, DType::undefined);
    a("low", first, 0.0f);
    a("high", second, 1.0f);
  }
};

/// y = 1 with probability x, else 0. Shapes: x (*) -> y (*). Source: ONNX Bernoulli, opsets 15 to 22.
struct Bernoulli : RandomOperator {
  static constexpr std::string_view name = "Bernoulli";
  void attributes(auto& a) { read(a, DType::undefined); }
  void types(const TypeContext& c) const { c.output(0, dtype != DType::undefined ? Type(dtype) : c.input(0)); }
};

/// Classes drawn with the probabilities softmax(x). Shapes: x (B, C) -> y (B, sample_size). Source: ONNX Multinomial, opsets 7 to 22.
struct Multinomial : RandomOperator {
  static constexpr std::string_view name = "Multinomial";
  std::int64_t sample_size = 1;
  void attributes(auto& a) {
    read(a, DType::int32);
    a("sample_size", sample_size, 1);
    if (dtype != DType::int32 && dtype != DType::int64)
      fail(ErrorCode::invalid_graph, "classes are int32 or int64, not ", hone::name(dtype));
  }
  void types(const TypeContext& c) const { c.output(0, dtype); }
  void shapes(const ShapeContext& c) const {
    if (c.shape(0).rank() != 2) fail(ErrorCode::invalid_argument, "its input has shape ", c.shape(0), "; expected (B, C)");
    c.output(0, {c.shape(0)[0], sample_size});
  }
};

}  // namespace hone::inline HONE_ABI::ops
