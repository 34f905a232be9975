#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>
#include <hone/ops/class_scores.hpp>

namespace hone::inline HONE_ABI::ops {

/// A sequence of maps from class labels to the scores of a row. Shapes: x (N, C) or (C). Source: ONNX ai.onnx.ml ZipMap, opset 1.
struct ZipMap {
  static constexpr std::string_view domain = "ai.onnx.ml";
  static constexpr std::string_view name = "ZipMap";
  static constexpr OpTraits traits{.data_dependent = true};
  ClassLabels labels;
  void attributes(auto& a) {
    a("classlabels_int64s", labels.numbers, std::vector<std::int64_t>{});
    a("classlabels_strings", labels.strings, std::vector<std::string>{});
  }
  void types(const TypeContext& c) const { c.output(0, Type::sequence_of(Type::map_of(labels.dtype(), c.input(0)))); }
};

/// What the operators that read a map share.
struct MapReader {
  static constexpr std::string_view domain = "ai.onnx.ml";
  static constexpr OpTraits traits{.data_dependent = true};

 protected:
  /// Errors: invalid_graph when input 0 is no map.
  static void check_map(const TypeContext& c) {
    if (c.input(0).kind != Type::Kind::map) fail(ErrorCode::invalid_graph, "its input is ", c.input(0), ", not a map");
  }
};

/// y[0, i] = the value of key i of a vocabulary, 0 where the map has none. Shapes: map -> y (1, vocabulary).
/// Source: ONNX ai.onnx.ml DictVectorizer, opset 1.
struct DictVectorizer : MapReader {
  static constexpr std::string_view name = "DictVectorizer";
  ClassLabels vocabulary;
  void attributes(auto& a) {
    a("int64_vocabulary", vocabulary.numbers, std::vector<std::int64_t>{});
    a("string_vocabulary", vocabulary.strings, std::vector<std::string>{});
  }
  void types(const TypeContext& c) const {
    check_map(c);
    if (c.input(0).dtype != vocabulary.dtype())
      fail(ErrorCode::invalid_graph, "its vocabulary holds ", vocabulary.dtype(), ", not ", c.input(0).dtype);
    c.output(0, *c.input(0).element);
  }
};

/// The values of a map from int64, in the order of their keys, or, sparse, each at the position of its key.
/// Shapes: map -> y (1, keys or max_map). Source: ONNX ai.onnx.ml CastMap, opset 1.
struct CastMap : MapReader {
  static constexpr std::string_view name = "CastMap";
  DType to = DType::float32;
  bool sparse = false;
  std::int64_t max_map = 1;
  void attributes(auto& a) {
    std::string cast;
    std::string form;
    a("cast_to", cast, "TO_FLOAT");
    a("map_form", form, "DENSE");
    a("max_map", max_map, 1);
    if (cast != "TO_FLOAT" && cast != "TO_STRING" && cast != "TO_INT64") fail(ErrorCode::invalid_graph, "unknown cast_to '", cast, "'");
    if (form != "DENSE" && form != "SPARSE") fail(ErrorCode::invalid_graph, "unknown map_form '", form, "'");
    to = cast == "TO_FLOAT" ? DType::float32 : cast == "TO_STRING" ? DType::string : DType::int64;
    sparse = form == "SPARSE";
  }
  void types(const TypeContext& c) const {
    check_map(c);
    c.output(0, to);
  }
};

}  // namespace hone::inline HONE_ABI::ops
