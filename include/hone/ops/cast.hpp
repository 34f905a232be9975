#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>

namespace hone::inline HONE_ABI::ops {

/// y = x converted to another element type.
/// Real to integer truncates; integers wrap; 8-bit floats saturate unless told otherwise; strings are parsed and printed.
/// Source: ONNX Cast, opsets 1 to 28.
struct Cast {
  static constexpr std::string_view name = "Cast";
  enum class Rounding : std::uint8_t { up, down, nearest };

  DType to = DType::undefined;
  bool saturate = true;
  Rounding rounding = Rounding::up;  ///< to float8e8m0

  void attributes(auto& a) {
    if (a.opset() < 6) {
      std::string text;
      a.required("to", text);
      to = parse_dtype(text);
    } else {
      a.required("to", to);
    }
    conversion(a, saturate, rounding);
  }
  void types(const TypeContext& c) const { c.output(0, to); }

  /// Reads the attributes that Cast shares with CastLike.
  static void conversion(auto& a, bool& saturate, Rounding& rounding) {
    if (a.opset() >= 19) a("saturate", saturate, true);
    if (a.opset() < 24) return;
    std::string text;
    a("round_mode", text, "up");
    if (text != "up" && text != "down" && text != "nearest") fail(ErrorCode::invalid_graph, "unknown round_mode '", text, "'");
    rounding = text == "up" ? Rounding::up : text == "down" ? Rounding::down : Rounding::nearest;
  }

 private:
  /// "FLOAT", "INT64" … as TensorProto.DataType spells them.
  static DType parse_dtype(std::string_view text) {
    std::string lower;
    for (const char c : text) lower.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
    for (int i = 1; i < dtype_count; ++i)
      if (lower == hone::name(static_cast<DType>(i))) return static_cast<DType>(i);
    fail(ErrorCode::invalid_graph, "there is no element type '", text, "'");
  }
};

/// y = the bits of x as another element type of the same width.
/// Source: ONNX BitCast, opset 26.
struct BitCast {
  static constexpr std::string_view name = "BitCast";
  static constexpr OpTraits traits{.alias = true};

  DType to = DType::undefined;

  void attributes(auto& a) { a.required("to", to); }
  void types(const TypeContext& c) const {
    const DType from = c.input(0).dtype;
    if (bit_width(from) != bit_width(to) || from == DType::string) {
      fail(ErrorCode::invalid_graph, "the bits of ", hone::name(from), " are not those of ", hone::name(to));
    }
    c.output(0, to);
  }
};

/// y = x converted to the element type of input 1.
/// Source: ONNX CastLike, opsets 15 to 25.
struct CastLike {
  static constexpr std::string_view name = "CastLike";
  static constexpr InputTypes input_types[] = {{inputs(1)}};
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 2};
  static constexpr OpTraits traits{.unread_inputs = inputs(1)};

  bool saturate = true;
  Cast::Rounding rounding = Cast::Rounding::up;

  void attributes(auto& a) { Cast::conversion(a, saturate, rounding); }
  void types(const TypeContext& c) const { c.output(0, c.input(1)); }
};

}  // namespace hone::inline HONE_ABI::ops
