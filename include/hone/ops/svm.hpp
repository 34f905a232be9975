#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>
#include <hone/ops/class_scores.hpp>

namespace hone::inline HONE_ABI::ops {

/// What support vector machines share: K(a, b) of the features and each support vector. K is a b, tanh(gamma a b + c),
/// (gamma a b + c)^degree or exp(-gamma |a - b|^2).
struct SupportVectors {
  static constexpr std::string_view domain = "ai.onnx.ml";
  static constexpr InputTypes input_types[] = {{inputs(0), real_numbers}};
  enum class Function : std::uint8_t { linear, poly, rbf, sigmoid };

  Function function = Function::linear;
  float gamma = 0;
  float constant = 0;
  float degree = 0;
  std::vector<float> vectors;       ///< (supports, F)
  std::vector<float> coefficients;  ///< (supports) for each output; (F) where there are no vectors
  std::vector<float> rho;
  PostTransform transform = PostTransform::none;

  static std::int64_t rows(const Shape& x) { return x.rank() == 2 ? x[0] : 1; }

 protected:
  void read(auto& a) {
    std::string text;
    std::vector<float> parameters;
    a("kernel_type", text, "LINEAR");
    if (text != "LINEAR" && text != "POLY" && text != "RBF" && text != "SIGMOID")
      fail(ErrorCode::invalid_graph, "unknown kernel_type '", text, "'");
    function = text == "LINEAR" ? Function::linear : text == "POLY" ? Function::poly : text == "RBF" ? Function::rbf : Function::sigmoid;
    a("kernel_params", parameters, std::vector<float>{});
    parameters.resize(3);
    gamma = parameters[0];
    constant = parameters[1];
    degree = parameters[2];
    a("support_vectors", vectors, std::vector<float>{});
    a.required("coefficients", coefficients);
    a.required("rho", rho);
    a("post_transform", text, "NONE");
    transform = post_transform_of(text);
    if (rho.empty()) fail(ErrorCode::invalid_graph, "rho is empty");
  }
  /// Errors: invalid_argument when the features of x are not those of `count` lists in `values`.
  static void check_features(const Shape& x, std::size_t count, const std::vector<float>& values) {
    if (x.rank() >= 1 && x.rank() <= 2 && static_cast<std::size_t>(x.back()) * count == values.size()) return;
    fail(ErrorCode::invalid_argument, "its input has shape ", x, "; ", values.size(), " numbers for ", count, " vectors do not fit it");
  }
};

/// y = sum_j coefficient_j K(x, v_j) + rho, or, for one class, its sign. Shapes: x (N, F) -> y (N, 1).
/// Source: ONNX ai.onnx.ml SVMRegressor, opset 1.
struct SVMRegressor : SupportVectors {
  static constexpr std::string_view name = "SVMRegressor";
  std::int64_t supports = 0;
  bool one_class = false;
  void attributes(auto& a) {
    read(a);
    a("n_supports", supports, 0);
    a("one_class", one_class, 0);
    if (supports < 0 || (supports > 0 && coefficients.size() != static_cast<std::size_t>(supports))) {
      fail(ErrorCode::invalid_graph, "there are ", supports, " vectors and ", coefficients.size(), " coefficients");
    }
  }
  void types(const TypeContext& c) const { c.output(0, DType::float32); }
  void shapes(const ShapeContext& c) const {
    supports > 0 ? check_features(c.shape(0), static_cast<std::size_t>(supports), vectors) : check_features(c.shape(0), 1, coefficients);
    c.output(0, {rows(c.shape(0)), 1});
  }
};

/// Every two classes vote; with `prob_a` and `prob_b`, the votes become probabilities. Without vectors, one linear score per class.
/// Shapes: x (N, F) -> labels (N), scores (N, classes or pairs of classes). Source: ONNX ai.onnx.ml SVMClassifier, opset 1.
struct SVMClassifier : SupportVectors {
  static constexpr std::string_view name = "SVMClassifier";
  static constexpr Arity arity{.max_outputs = 2};
  ClassLabels labels;
  std::vector<std::int64_t> per_class;  ///< vectors of each class
  std::vector<float> prob_a;
  std::vector<float> prob_b;

  void attributes(auto& a) {
    read(a);
    a("classlabels_ints", labels.numbers, std::vector<std::int64_t>{});
    a("classlabels_strings", labels.strings, std::vector<std::string>{});
    a("vectors_per_class", per_class, std::vector<std::int64_t>{});
    a("prob_a", prob_a, std::vector<float>{});
    a("prob_b", prob_b, std::vector<float>{});
    for (const std::int64_t count : per_class)
      if (count < 0 || count > 1 << 30) fail(ErrorCode::invalid_graph, "a class has ", count, " vectors");
    const bool fits = per_class.empty() || (rho.size() == pairs() && coefficients.size() == (classes() - 1) * supports());
    if (!fits || prob_a.size() != prob_b.size() || (!prob_a.empty() && prob_a.size() != pairs()) || classes() < 1 ||
        (labels.size() != 0 && labels.size() != classes())) {
      fail(ErrorCode::invalid_graph, "its lists do not fit ", classes(), " classes");
    }
  }
  [[nodiscard]] std::size_t classes() const noexcept { return per_class.empty() ? labels.size() : per_class.size(); }
  [[nodiscard]] std::size_t pairs() const noexcept { return classes() * (classes() - 1) / 2; }
  [[nodiscard]] std::size_t supports() const noexcept {
    std::size_t sum = 0;
    for (const std::int64_t count : per_class) sum += static_cast<std::size_t>(count);
    return sum;
  }
  /// Columns of the scores.
  [[nodiscard]] std::size_t columns() const noexcept {
    return per_class.empty() || !prob_a.empty() || classes() == 2 ? classes() : pairs();
  }
  void types(const TypeContext& c) const {
    c.output(0, labels.dtype());
    c.output(1, DType::float32);
  }
  void shapes(const ShapeContext& c) const {
    per_class.empty() ? check_features(c.shape(0), classes(), coefficients) : check_features(c.shape(0), supports(), vectors);
    c.output(0, {rows(c.shape(0))});
    c.output(1, {rows(c.shape(0)), static_cast<std::int64_t>(columns())});
  }
};

}  // namespace hone::inline HONE_ABI::ops
