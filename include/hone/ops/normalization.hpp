#pragma once

#include <cstdint>
#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>

namespace hone::inline HONE_ABI::ops {

/// y = (x - mean) / sqrt(variance + epsilon) * scale + bias, per channel. In training mode mean and variance are those of x, and
/// outputs 1 and 2 are the running ones: momentum * input + (1 - momentum) * measured.
/// Shapes: x (N, C, *), scale, bias, mean, variance (C) -> y (N, C, *). Source: ONNX BatchNormalization, opsets 1 to 15.
struct BatchNormalization {
  static constexpr std::string_view name = "BatchNormalization";
  static constexpr InputTypes input_types[] = {{inputs(1, 2, 3, 4)}};
  static constexpr Arity arity{.min_inputs = 5, .max_inputs = 5, .max_outputs = 5};
  static constexpr OpTraits traits{.in_place = inputs(0)};

  float epsilon = 1e-5f;
  float momentum = 0.9f;
  bool training = false;

  void attributes(auto& a) {
    std::int64_t is_test = 1;
    a("epsilon", epsilon, 1e-5f);
    a("momentum", momentum, 0.9f);
    if (a.opset() < 6) a.ignored("consumed_inputs");
    if (a.opset() < 7) a("is_test", is_test, 0);
    if (a.opset() < 9) {
      std::int64_t spatial = 1;
      a("spatial", spatial, 1);
      if (spatial != 1) fail(ErrorCode::not_implemented, "the attribute 'spatial' is 0: statistics per element are not supported");
    }
    if (a.opset() >= 14) a("training_mode", training, 0);
  }
  void types(const TypeContext& c) const {
    c.output(0, c.input(0));
    for (std::size_t i = 1; i < c.output_count(); ++i) c.output(i, c.input(3));
  }
  void shapes(const ShapeContext& c) const {
    const Shape& x = c.shape(0);
    if (x.rank() < 1) fail(ErrorCode::invalid_argument, "its input 0 is a scalar and has no channels");
    const Shape channels{x.rank() > 1 ? x[1] : 1};
    for (std::size_t i = 1; i < 5; ++i) {
      if (!(c.shape(i) == channels)) fail(ErrorCode::invalid_argument, "its input ", i, " has shape ", c.shape(i), "; expected ", channels);
      c.output(i, channels);
    }
    c.output(0, x);
  }
};

/// y = (x - mean(x)) / sqrt(variance(x) + epsilon) * scale + bias over the dimensions from `axis` on. Outputs 1 and 2 are the mean and the
/// reciprocal of the root, of the type that `stash_type` names; they are always taken in float or better. Shapes: x (*), scale, bias (x's
/// from axis on, or what broadcasts to them) -> y (*). Source: ONNX LayerNormalization, opset 17.
struct LayerNormalization {
  static constexpr std::string_view name = "LayerNormalization";
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 3, .max_outputs = 3};
  static constexpr OpTraits traits{.in_place = inputs(0)};

  std::int64_t axis = -1;
  float epsilon = 1e-5f;
  DType statistics = DType::float32;

  void attributes(auto& a) {
    a("axis", axis, -1);
    a("epsilon", epsilon, 1e-5f);
    a("stash_type", statistics, DType::float32);
    if (!floating_point_numbers.contains(statistics)) {
      fail(ErrorCode::invalid_graph, "stash_type is ", hone::name(statistics), ", which is no type of floats");
    }
  }
  void types(const TypeContext& c) const {
    c.output(0, c.input(0));
    for (std::size_t i = 1; i < c.output_count(); ++i) c.output(i, statistics);
  }
  void shapes(const ShapeContext& c) const {
    const Shape& x = c.shape(0);
    const std::size_t first = normalized_axis(axis, x.rank());
    const Shape row(x.dims().subspan(first));
    for (std::size_t i = 1; i < c.input_count(); ++i) {
      if (c.has_input(i) && c.shape(i).elements() != row.elements() && c.shape(i).elements() != 1) {
        fail(ErrorCode::invalid_argument, "its input ", i, " has shape ", c.shape(i), "; expected ", row);
      }
    }
    c.output(0, x);
    Shape statistics = x;
    for (std::size_t i = first; i < x.rank(); ++i) statistics[i] = 1;
    c.output(1, statistics);
    c.output(2, statistics);
  }
};

/// y = x / sqrt(mean(x^2) + epsilon) * scale over the dimensions from `axis` on, of the type of the scale. Source: ONNX RMSNormalization,
/// opset 23.
struct RMSNormalization {
  static constexpr std::string_view name = "RMSNormalization";
  static constexpr InputTypes input_types[] = {{inputs(1), floating_point_numbers}};
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 2};
  static constexpr OpTraits traits{.in_place = inputs(0)};

  std::int64_t axis = -1;
  float epsilon = 1e-5f;

  void attributes(auto& a) {
    a("axis", axis, -1);
    a("epsilon", epsilon, 1e-5f);
    a.ignored("stash_type");
  }
  void types(const TypeContext& c) const { c.output(0, c.input(1)); }
  void shapes(const ShapeContext& c) const {
    const Shape& x = c.shape(0);
    const Shape row(x.dims().subspan(normalized_axis(axis, x.rank())));
    if (c.shape(1).elements() != row.elements() && c.shape(1).elements() != 1) {
      fail(ErrorCode::invalid_argument, "its input 1 has shape ", c.shape(1), "; expected ", row);
    }
    c.output(0, x);
  }
};

/// LayerNormalization over the spatial dimensions of each channel, with one scale and bias per channel.
/// Shapes: x (N, C, *), scale, bias (C) -> y (N, C, *). Source: ONNX InstanceNormalization, opsets 1 to 22.
struct InstanceNormalization {
  static constexpr std::string_view name = "InstanceNormalization";
  static constexpr Arity arity{.min_inputs = 3, .max_inputs = 3};
  static constexpr OpTraits traits{.in_place = inputs(0)};

  float epsilon = 1e-5f;

  void attributes(auto& a) {
    a("epsilon", epsilon, 1e-5f);
    if (a.opset() < 6) a.ignored("consumed_inputs");
  }
  void shapes(const ShapeContext& c) const {
    const Shape& x = c.shape(0);
    if (x.rank() < 3) fail(ErrorCode::invalid_argument, "its input 0 has shape ", x, "; expected (N, C, spatial dimensions)");
    for (std::size_t i = 1; i < 3; ++i)
      if (!(c.shape(i) == Shape{x[1]}))
        fail(ErrorCode::invalid_argument, "its input ", i, " has shape ", c.shape(i), "; expected ", Shape{x[1]});
    c.output(0, x);
  }
};

/// LayerNormalization over groups of channels. Shapes: x (N, C, *), scale, bias (C), before opset 21 (groups) -> y (N, C, *).
/// Source: ONNX GroupNormalization, opsets 18 and 21.
struct GroupNormalization {
  static constexpr std::string_view name = "GroupNormalization";
  static constexpr Arity arity{.min_inputs = 3, .max_inputs = 3};
  static constexpr OpTraits traits{.in_place = inputs(0)};

  std::int64_t groups = 1;
  float epsilon = 1e-5f;

  void attributes(auto& a) {
    a.required("num_groups", groups);
    a("epsilon", epsilon, 1e-5f);
    if (a.opset() >= 21) a.ignored("stash_type");
  }
  void shapes(const ShapeContext& c) const {
    const Shape& x = c.shape(0);
    if (x.rank() < 2 || groups < 1 || x[1] % groups != 0) {
      fail(ErrorCode::invalid_argument, "its input 0 of shape ", x, " does not have channels in ", groups, " groups");
    }
    for (std::size_t i = 1; i < 3; ++i) {
      if (!(c.shape(i) == Shape{x[1]}) && !(c.shape(i) == Shape{groups})) {
        fail(ErrorCode::invalid_argument, "its input ", i, " has shape ", c.shape(i), "; expected ", Shape{x[1]});
      }
    }
    c.output(0, x);
  }
};

/// y = x / (bias + alpha / size * sum of x^2 over `size` neighbouring channels)^beta. Shapes: x (N, C, *) -> y (N, C, *).
/// Source: ONNX LRN, opsets 1 and 13.
struct LRN {
  static constexpr std::string_view name = "LRN";

  float alpha = 1e-4f;
  float beta = 0.75f;
  float bias = 1;
  std::int64_t size = 1;

  void attributes(auto& a) {
    a("alpha", alpha, 1e-4f);
    a("beta", beta, 0.75f);
    a("bias", bias, 1.0f);
    a.required("size", size);
    if (size < 1) fail(ErrorCode::invalid_graph, "the attribute 'size' is ", size, "; it must be at least 1");
  }
  void shapes(const ShapeContext& c) const {
    if (c.shape(0).rank() < 2) fail(ErrorCode::invalid_argument, "its input has shape ", c.shape(0), "; expected (N, C, *)");
    c.output(0, c.shape(0));
  }
};

}  // namespace hone::inline HONE_ABI::ops
