#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>

namespace hone::inline HONE_ABI::ops {

/// A step of gradient descent for any number of tensors.
/// Inputs: rate R (), steps done T (), then all tensors X, all gradients G, and all of each kind of state. Outputs: new X, new states.
struct Optimizer {
  static constexpr std::string_view domain = "ai.onnx.preview.training";
  static constexpr Arity arity{.min_inputs = 3, .max_inputs = Arity::any, .max_outputs = Arity::any};
  static constexpr InputTypes input_types[] = {{inputs(1), DTypeSet{DType::int64}}, {all_inputs, DTypeSet{DType::float32, DType::float64}}};

 protected:
  template <class Op>
  static void infer_types(const TypeContext& c) {
    constexpr std::size_t kinds = 2 + Op::states;
    const std::size_t tensors = (c.input_count() - 2) / kinds;
    if (c.input_count() != 2 + tensors * kinds || tensors == 0 || c.output_count() > tensors * (kinds - 1)) {
      fail(ErrorCode::invalid_graph, "it has ", c.input_count(), " inputs and ", c.output_count(), " outputs; each tensor needs ", kinds,
           " inputs besides the first two");
    }
    for (std::size_t i = 0; i < c.output_count(); ++i) c.output(i, c.input(2 + i % tensors));
  }
  template <class Op>
  static void infer_shapes(const ShapeContext& c) {
    const std::size_t tensors = (c.input_count() - 2) / (2 + Op::states);
    for (std::size_t i = 2; i < c.input_count(); ++i) {
      const Shape& wanted = c.shape(2 + (i - 2) % tensors);
      if (!(c.shape(i) == wanted)) fail(ErrorCode::invalid_argument, "its input ", i, " has shape ", c.shape(i), "; expected ", wanted);
    }
    for (std::size_t i = 0; i < c.output_count(); ++i) c.output(i, c.shape(2 + i % tensors));
  }
};

/// g = norm X + G, h = H + g^2, x = X - R / (1 + T decay) g / (sqrt(h) + epsilon). Source: ONNX training Adagrad, opset 1.
struct Adagrad : Optimizer {
  static constexpr std::string_view name = "Adagrad";
  static constexpr std::size_t states = 1;
  float norm = 0;
  float epsilon = 0;
  float decay = 0;
  void attributes(auto& a) {
    a("norm_coefficient", norm, 0.0f);
    a("epsilon", epsilon, 1e-6f);
    a("decay_factor", decay, 0.0f);
  }
  void types(const TypeContext& c) const { infer_types<Adagrad>(c); }
  void shapes(const ShapeContext& c) const { infer_shapes<Adagrad>(c); }
};

/// g = norm X + G, v = alpha V + (1 - alpha) g, h = beta H + (1 - beta) g^2, x = (1 - post_norm) (X - r v / (sqrt(h) + epsilon)), where
/// r = R sqrt(1 - beta^T) / (1 - alpha^T) after the first step. Source: ONNX training Adam, opset 1.
struct Adam : Optimizer {
  static constexpr std::string_view name = "Adam";
  static constexpr std::size_t states = 2;
  float alpha = 0;
  float beta = 0;
  float epsilon = 0;
  float norm = 0;
  float post_norm = 0;
  void attributes(auto& a) {
    a("alpha", alpha, 0.9f);
    a("beta", beta, 0.999f);
    a("epsilon", epsilon, 1e-6f);
    a("norm_coefficient", norm, 0.0f);
    a("norm_coefficient_post", post_norm, 0.0f);
  }
  void types(const TypeContext& c) const { infer_types<Adam>(c); }
  void shapes(const ShapeContext& c) const { infer_shapes<Adam>(c); }
};

/// g = norm X + G, v = alpha V + b g with b = 1 at the first step, else beta; x = X - R v, or, with Nesterov's way, X - R (g + alpha v).
/// Source: ONNX training Momentum, opset 1.
struct Momentum : Optimizer {
  static constexpr std::string_view name = "Momentum";
  static constexpr std::size_t states = 1;
  float alpha = 0;
  float beta = 0;
  float norm = 0;
  bool nesterov = false;
  void attributes(auto& a) {
    std::string mode;
    a.required("alpha", alpha);
    a.required("beta", beta);
    a.required("norm_coefficient", norm);
    a.required("mode", mode);
    if (mode != "standard" && mode != "nesterov") fail(ErrorCode::invalid_graph, "unknown mode '", mode, "'");
    nesterov = mode == "nesterov";
  }
  void types(const TypeContext& c) const { infer_types<Momentum>(c); }
  void shapes(const ShapeContext& c) const { infer_shapes<Momentum>(c); }
};

}  // namespace hone::inline HONE_ABI::ops
