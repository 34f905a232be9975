#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>
#include <hone/ops/pointwise.hpp>

namespace hone::inline HONE_ABI::ops {

/// Pointwise on bytes: inputs that are int8 or uint8 stand for (q - zero) scale, and so does the result where `to` says so.
/// Inputs: x, operands, as Pointwise has them, of the shape of y or of one element. Shapes: x (*), operands (*) -> y (*).
struct QuantizedPointwise {
  static constexpr std::string_view domain = "hone";
  static constexpr std::string_view name = "QuantizedPointwise";
  static constexpr Arity arity = Pointwise::arity;
  static constexpr std::size_t first_operand = Pointwise::first_operand;
  static constexpr InputTypes input_types[] = {{all_inputs, DTypeSet{DType::float32, DType::int8, DType::uint8}}};

  PointwiseChain chain;
  /// One for each input and one for y; those of floats are not read.
  std::vector<float> scales;
  std::vector<float> zeros;
  DType to = DType::float32;  ///< element type of y: float32, int8 or uint8

  void attributes(auto& a) {
    chain.attributes(a);
    a.required("scales", scales);
    a.required("zeros", zeros);
    a.required("to", to);
    if (to != DType::float32 && !is_byte(to))
      fail(ErrorCode::invalid_graph, "the attribute 'to' is ", hone::name(to), "; expected float32, int8 or uint8");
    if (scales.size() != zeros.size() || scales.size() < 2)
      fail(ErrorCode::invalid_graph, "it has ", scales.size(), " scales and ", zeros.size(), " zero points");
  }
  /// Sets the attributes that attributes() reads.
  void write(Attributes& a) const {
    chain.write(a);
    a.set("scales", scales);
    a.set("zeros", zeros);
    a.set("to", static_cast<std::int64_t>(to));
  }
  void types(const TypeContext& c) const {
    if (scales.size() != c.input_count() + 1) {
      fail(ErrorCode::invalid_graph, "it has ", scales.size(), " scales for ", c.input_count(), " inputs and an output");
    }
    c.output(0, to);
  }
  void shapes(const ShapeContext& c) const {
    const Shape y = chain.shape(c.shape(0), c, first_operand);
    for (std::size_t i = 0; i < c.input_count(); ++i) {
      if (!(c.shape(i) == y) && c.shape(i).elements() != 1)
        fail(ErrorCode::invalid_argument, "its input ", i, " has shape ", c.shape(i), "; expected ", y, " or one element");
    }
    c.output(0, y);
  }
};

}  // namespace hone::inline HONE_ABI::ops
