#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>
#include <hone/ops/class_scores.hpp>

namespace hone::inline HONE_ABI::ops {

/// scores = transform(x coefficients^T + intercepts). Shapes: x (N, F), coefficients (outputs, F).
struct LinearModel {
  static constexpr std::string_view domain = "ai.onnx.ml";
  static constexpr InputTypes input_types[] = {{inputs(0), real_numbers}};

  std::vector<float> coefficients;
  std::vector<float> intercepts;
  PostTransform transform = PostTransform::none;

  static std::int64_t rows(const Shape& x) { return x.rank() == 2 ? x[0] : 1; }
  /// Errors: invalid_argument when the features of x do not fit `outputs` rows of coefficients.
  void check(const Shape& x, std::int64_t outputs) const {
    if (x.rank() >= 1 && x.rank() <= 2 && x.back() * outputs == static_cast<std::int64_t>(coefficients.size())) return;
    fail(ErrorCode::invalid_argument, "its input has shape ", x, "; ", coefficients.size(), " coefficients for ", outputs,
         " outputs do not fit it");
  }

 protected:
  void read(auto& a) {
    std::string text;
    a.required("coefficients", coefficients);
    a("intercepts", intercepts, std::vector<float>{});
    a("post_transform", text, "NONE");
    transform = post_transform_of(text);
  }
};

/// Source: ONNX ai.onnx.ml LinearRegressor, opset 1.
struct LinearRegressor : LinearModel {
  static constexpr std::string_view name = "LinearRegressor";
  std::int64_t targets = 1;
  void attributes(auto& a) {
    read(a);
    a("targets", targets, 1);
    if (targets < 1 || (!intercepts.empty() && static_cast<std::int64_t>(intercepts.size()) != targets)) {
      fail(ErrorCode::invalid_graph, "there are ", targets, " targets and ", intercepts.size(), " intercepts");
    }
  }
  [[nodiscard]] std::int64_t outputs() const noexcept { return targets; }
  void types(const TypeContext& c) const { c.output(0, DType::float32); }
  void shapes(const ShapeContext& c) const {
    check(c.shape(0), targets);
    c.output(0, {rows(c.shape(0)), targets});
  }
};

/// The class with the largest score, and all scores. One row of coefficients for two classes gives the second's score, whose negative is
/// the first's. Shapes: x (N, F) -> labels (N), scores (N, classes). Source: ONNX ai.onnx.ml LinearClassifier, opset 1.
struct LinearClassifier : LinearModel {
  static constexpr std::string_view name = "LinearClassifier";
  static constexpr Arity arity{.max_outputs = 2};
  ClassLabels labels;
  void attributes(auto& a) {
    read(a);
    a("classlabels_ints", labels.numbers, std::vector<std::int64_t>{});
    a("classlabels_strings", labels.strings, std::vector<std::string>{});
    a.ignored("multi_class");
    if (intercepts.empty()) intercepts.assign(std::max<std::size_t>(labels.size() == 2 ? 1 : labels.size(), 1), 0.0f);
    if (labels.size() != 0 && labels.size() != intercepts.size() && !one_score())
      fail(ErrorCode::invalid_graph, "there are ", labels.size(), " classes, and ", intercepts.size(), " scores");
  }
  [[nodiscard]] std::int64_t outputs() const noexcept { return static_cast<std::int64_t>(intercepts.size()); }
  /// Whether the scores of two classes are one number.
  [[nodiscard]] bool one_score() const noexcept { return intercepts.size() == 1 && labels.size() == 2; }
  void types(const TypeContext& c) const {
    c.output(0, labels.dtype());
    c.output(1, DType::float32);
  }
  void shapes(const ShapeContext& c) const {
    check(c.shape(0), outputs());
    c.output(0, {rows(c.shape(0))});
    c.output(1, {rows(c.shape(0)), one_score() ? 2 : outputs()});
  }
};

}  // namespace hone::inline HONE_ABI::ops
