#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>
#include <hone/ops/dimensions.hpp>

namespace hone::inline HONE_ABI::ops {

/// What the operators of ai.onnx.ml that prepare features share.
struct FeatureOperator {
  static constexpr std::string_view domain = "ai.onnx.ml";

 protected:
  /// Errors: invalid_argument when a list has neither one value nor one per feature of x (*, F).
  template <class T>
  static void check_features(const std::vector<T>& list, const Shape& x, std::string_view what) {
    const std::int64_t features = x.rank() == 0 ? 1 : x.back();
    if (list.size() == 1 || static_cast<std::int64_t>(list.size()) == features) return;
    fail(ErrorCode::invalid_argument, what, " has ", list.size(), " values for ", features, " features");
  }
};

/// y = x[..., i] for the indices i. Shapes: x (*, F), indices (*) -> y (*, number of indices), (1, number) for a vector x.
/// Source: ONNX ai.onnx.ml ArrayFeatureExtractor, opset 1.
struct ArrayFeatureExtractor : FeatureOperator {
  static constexpr std::string_view name = "ArrayFeatureExtractor";
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 2};
  static constexpr InputTypes input_types[] = {{inputs(1), DTypeSet{DType::int64}}};
  void shapes(const ShapeContext& c) const {
    Shape y = c.shape(0);
    if (y.rank() == 0) fail(ErrorCode::invalid_argument, "a scalar has no features");
    if (y.rank() == 1) y.insert(0, 1);
    y[y.rank() - 1] = c.shape(1).elements();
    c.output(0, y);
  }
};

/// y = x > threshold ? 1 : 0. Source: ONNX ai.onnx.ml Binarizer, opset 1.
struct Binarizer : FeatureOperator {
  static constexpr std::string_view name = "Binarizer";
  float threshold = 0;
  void attributes(auto& a) { a("threshold", threshold, 0.0f); }
};

/// y = (x - offset) scale, by feature. Source: ONNX ai.onnx.ml Scaler, opset 1.
struct Scaler : FeatureOperator {
  static constexpr std::string_view name = "Scaler";
  std::vector<float> offset;
  std::vector<float> scale;
  void attributes(auto& a) {
    a("offset", offset, std::vector<float>{0});
    a("scale", scale, std::vector<float>{1});
  }
  void types(const TypeContext& c) const { c.output(0, DType::float32); }
  void shapes(const ShapeContext& c) const {
    check_features(offset, c.shape(0), "offset");
    check_features(scale, c.shape(0), "scale");
    c.output(0, c.shape(0));
  }
};

/// Each row divided by its largest element, the sum of the absolute values, or the root of the sum of the squares; as it is where that is
/// 0. Source: ONNX ai.onnx.ml Normalizer, opset 1.
struct Normalizer : FeatureOperator {
  static constexpr std::string_view name = "Normalizer";
  enum class Norm : std::uint8_t { max, l1, l2 };
  Norm norm = Norm::max;
  void attributes(auto& a) {
    std::string text;
    a("norm", text, "MAX");
    if (text != "MAX" && text != "L1" && text != "L2") fail(ErrorCode::invalid_graph, "unknown norm '", text, "'");
    norm = text == "MAX" ? Norm::max : text == "L1" ? Norm::l1 : Norm::l2;
  }
  void types(const TypeContext& c) const { c.output(0, DType::float32); }
};

/// y = x, with other values, by feature, for one that stands for what is missing. Source: ONNX ai.onnx.ml Imputer, opset 1.
struct Imputer : FeatureOperator {
  static constexpr std::string_view name = "Imputer";
  std::vector<float> floats;
  std::vector<std::int64_t> int64s;
  float missing_float = 0;
  std::int64_t missing_int64 = 0;
  void attributes(auto& a) {
    a("imputed_value_floats", floats, std::vector<float>{});
    a("imputed_value_int64s", int64s, std::vector<std::int64_t>{});
    a("replaced_value_float", missing_float, 0.0f);
    a("replaced_value_int64", missing_int64, 0);
    if (floats.empty() == int64s.empty()) fail(ErrorCode::invalid_graph, "it needs imputed values of one type");
  }
  void shapes(const ShapeContext& c) const {
    floats.empty() ? check_features(int64s, c.shape(0), "imputed_value_int64s")
                   : check_features(floats, c.shape(0), "imputed_value_floats");
    c.output(0, c.shape(0));
  }
};

/// A row of zeros with a 1 at the category of each element. Shapes: x (*) -> y (*, categories).
/// Source: ONNX ai.onnx.ml OneHotEncoder, opset 1.
struct OneHotEncoder : FeatureOperator {
  static constexpr std::string_view name = "OneHotEncoder";
  std::vector<std::int64_t> int64s;
  std::vector<std::string> strings;
  bool zeros = true;  ///< an unknown category gives zeros, else it is an error
  void attributes(auto& a) {
    a("cats_int64s", int64s, std::vector<std::int64_t>{});
    a("cats_strings", strings, std::vector<std::string>{});
    a("zeros", zeros, 1);
  }
  [[nodiscard]] std::size_t categories() const noexcept { return strings.empty() ? int64s.size() : strings.size(); }
  void types(const TypeContext& c) const { c.output(0, DType::float32); }
  void shapes(const ShapeContext& c) const {
    Shape y = c.shape(0);
    y.push_back(static_cast<std::int64_t>(categories()));
    c.output(0, y);
  }
};

/// The features of all inputs side by side. Shapes: x (N, F1), (N, F2) … -> y (N, F1 + F2 + …).
/// Source: ONNX ai.onnx.ml FeatureVectorizer, opset 1.
struct FeatureVectorizer : FeatureOperator {
  static constexpr std::string_view name = "FeatureVectorizer";
  static constexpr Arity arity{.max_inputs = Arity::any};
  void attributes(auto& a) { a.ignored("inputdimensions"); }
  void types(const TypeContext& c) const { c.output(0, DType::float32); }
  static std::int64_t rows(const Shape& x) { return x.rank() < 2 ? 1 : x[0]; }
  static std::int64_t columns(const Shape& x) { return x.rank() == 0 ? 1 : x.rank() == 1 ? x[0] : x.elements(1, x.rank()); }
  void shapes(const ShapeContext& c) const {
    std::int64_t features = 0;
    for (std::size_t i = 0; i < c.input_count(); ++i) {
      if (rows(c.shape(i)) != rows(c.shape(0)))
        fail(ErrorCode::invalid_argument, "its inputs have ", rows(c.shape(0)), " and ", rows(c.shape(i)), " rows");
      features = checked_sum(features, columns(c.shape(i)));
    }
    c.output(0, {rows(c.shape(0)), features});
  }
};

}  // namespace hone::inline HONE_ABI::ops
