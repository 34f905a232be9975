#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>
#include <hone/ops/binary.hpp>

namespace hone::inline HONE_ABI::ops {

/// y = a followed by b, broadcast. Source: ONNX StringConcat, opset 20.
struct StringConcat : Binary {
  static constexpr std::string_view name = "StringConcat";
  static constexpr OpTraits traits{};
  void attributes(auto&) {}
};

/// The pieces of each string between delimiters, or between stretches of white space when there is no delimiter, padded with empty strings,
/// and how many there are. Shapes: x (*) -> y (*, most pieces), counts (*). Source: ONNX StringSplit, opset 20.
struct StringSplit {
  static constexpr std::string_view name = "StringSplit";
  static constexpr Arity arity{.max_outputs = 2};
  static constexpr OpTraits traits{.data_dependent = true};
  std::string delimiter;
  std::int64_t maxsplit = 0;  ///< at most so many cuts
  void attributes(auto& a) {
    a("delimiter", delimiter, "");
    a("maxsplit", maxsplit, std::numeric_limits<std::int64_t>::max());
    if (maxsplit < 0) maxsplit = std::numeric_limits<std::int64_t>::max();
  }
  void types(const TypeContext& c) const {
    c.output(0, DType::string);
    c.output(1, DType::int64);
  }
};

/// The strings that are no stop words, in another case. Without any left: one empty string.
/// Shapes: x (C) or (1, C) -> y as x with fewer columns. Source: ONNX StringNormalizer, opset 10.
struct StringNormalizer {
  static constexpr std::string_view name = "StringNormalizer";
  static constexpr OpTraits traits{.data_dependent = true};
  enum class Case : std::uint8_t { none, lower, upper };

  Case change = Case::none;
  bool case_sensitive = false;
  std::vector<std::string> stopwords;

  void attributes(auto& a) {
    std::string action;
    a("case_change_action", action, "NONE");
    a("is_case_sensitive", case_sensitive, 0);
    a("stopwords", stopwords, std::vector<std::string>{});
    a.ignored("locale");
    if (action != "NONE" && action != "LOWER" && action != "UPPER")
      fail(ErrorCode::invalid_graph, "unknown case_change_action '", action, "'");
    change = action == "LOWER" ? Case::lower : action == "UPPER" ? Case::upper : Case::none;
  }
};

/// How often each n-gram of a pool stands in a row. Shapes: x (C) or (B, C) -> y (N) or (B, N). Source: ONNX TfIdfVectorizer, opset 9.
struct TfIdfVectorizer {
  static constexpr std::string_view name = "TfIdfVectorizer";
  enum class Mode : std::uint8_t { tf, idf, tfidf };

  Mode mode = Mode::tf;
  std::int64_t min_gram_length = 1;
  std::int64_t max_gram_length = 1;
  std::int64_t max_skip_count = 0;
  std::vector<std::int64_t> ngram_counts;   ///< where the n-grams of length 1, 2 … start in the pool
  std::vector<std::int64_t> ngram_indexes;  ///< of the output, by n-gram
  std::vector<std::int64_t> pool_int64s;
  std::vector<std::string> pool_strings;
  std::vector<float> weights;  ///< by n-gram

  void attributes(auto& a) {
    std::string text;
    a.required("mode", text);
    a.required("min_gram_length", min_gram_length);
    a.required("max_gram_length", max_gram_length);
    a.required("max_skip_count", max_skip_count);
    a.required("ngram_counts", ngram_counts);
    a.required("ngram_indexes", ngram_indexes);
    a("pool_int64s", pool_int64s, std::vector<std::int64_t>{});
    a("pool_strings", pool_strings, std::vector<std::string>{});
    a("weights", weights, std::vector<float>{});
    if (text != "TF" && text != "IDF" && text != "TFIDF") fail(ErrorCode::invalid_graph, "unknown mode '", text, "'");
    mode = text == "TF" ? Mode::tf : text == "IDF" ? Mode::idf : Mode::tfidf;
    if (min_gram_length < 1 || max_gram_length < min_gram_length || max_skip_count < 0) {
      fail(ErrorCode::invalid_graph, "n-grams of ", min_gram_length, " to ", max_gram_length, " with ", max_skip_count,
           " skipped do not exist");
    }
    for (const std::int64_t index : ngram_indexes)
      if (index < 0 || index > (1 << 30)) fail(ErrorCode::invalid_graph, "ngram_indexes holds ", index);
    const auto pool = static_cast<std::int64_t>(std::max(pool_int64s.size(), pool_strings.size()));
    for (std::size_t i = 0; i < ngram_counts.size(); ++i) {
      const std::int64_t end = i + 1 < ngram_counts.size() ? ngram_counts[i + 1] : pool;
      if (ngram_counts[i] < 0 || ngram_counts[i] > end || end > pool)
        fail(ErrorCode::invalid_graph, "ngram_counts do not fit a pool of ", pool);
    }
    if (!weights.empty() && weights.size() < ngram_indexes.size())
      fail(ErrorCode::invalid_graph, "there are ", weights.size(), " weights for ", ngram_indexes.size(), " n-grams");
  }
  /// Columns of the output.
  [[nodiscard]] std::int64_t outputs() const {
    return ngram_indexes.empty() ? 0 : *std::max_element(ngram_indexes.begin(), ngram_indexes.end()) + 1;
  }
  void types(const TypeContext& c) const { c.output(0, DType::float32); }
  void shapes(const ShapeContext& c) const {
    const Shape& x = c.shape(0);
    if (x.rank() > 2) fail(ErrorCode::invalid_argument, "its input has shape ", x, "; expected (C) or (B, C)");
    c.output(0, x.rank() == 2 ? Shape{x[0], outputs()} : Shape{outputs()});
  }
};

/// The tokens of each string: its characters, the parts that an expression fits, or those between the parts that separators fit. Rows are
/// filled up with the pad value. Shapes: x (C) or (N, C) -> y (C, most tokens) or (N, C, most tokens).
/// Source: ONNX Runtime, docs/ContribOperators.md, opset 1. skl2onnx writes it for the vectorizers of scikit-learn.
struct Tokenizer {
  static constexpr std::string_view name = "Tokenizer";
  static constexpr std::string_view domain = "com.microsoft";
  static constexpr OpTraits traits{.data_dependent = true};

  bool mark = false;  ///< put the characters 2 and 3 around the tokens of each string, when there are any tokens
  std::string pad_value;
  std::int64_t min_characters = 1;  ///< of a token
  std::string expression;
  std::vector<std::string> separators;  ///< expressions; one that is empty separates all characters

  void attributes(auto& a) {
    std::int64_t marked = 0;
    a.required("mark", marked);
    a.required("mincharnum", min_characters);
    a.required("pad_value", pad_value);
    a("tokenexp", expression, "");
    a("separators", separators, std::vector<std::string>{});
    mark = marked != 0;
    if (expression.empty() && separators.empty()) fail(ErrorCode::invalid_graph, "neither tokenexp nor separators are set");
    if (min_characters < 1 || (characters() && min_characters > 1))
      fail(ErrorCode::invalid_graph, "mincharnum ", min_characters, " is not ", characters() ? "1" : "positive");
  }
  [[nodiscard]] bool characters() const noexcept { return separators.size() == 1 && separators[0].empty(); }
  void types(const TypeContext& c) const { c.output(0, DType::string); }
};

/// Whether the pattern fits the whole string. Source: ONNX RegexFullMatch, opset 20.
struct RegexFullMatch {
  static constexpr std::string_view name = "RegexFullMatch";
  std::string pattern;
  void attributes(auto& a) { a.required("pattern", pattern); }
  void types(const TypeContext& c) const { c.output(0, DType::boolean); }
};

}  // namespace hone::inline HONE_ABI::ops
