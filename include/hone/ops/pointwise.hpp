#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>
#include <hone/ops/binary.hpp>
#include <hone/ops/conv.hpp>
#include <hone/ops/dimensions.hpp>
#include <hone/ops/gemm.hpp>
#include <hone/ops/matmul.hpp>
#include <hone/ops/permuted_matmul.hpp>
#include <hone/ops/quantized_product.hpp>
#include <hone/ops/unary.hpp>

namespace hone::inline HONE_ABI::ops {

/// Operators, as a list of types.
template <class... Ops>
struct OpList {};

/// What a chain of pointwise operators is made of.
using PointwiseUnary = OpList<Abs, Ceil, Celu, Clip, Elu, Erf, Exp, Floor, Gelu, HardSigmoid, HardSwish, LeakyRelu, Log, Mish, Neg,
                              Reciprocal, Relu, Round, Selu, Sigmoid, Sign, Softplus, Softsign, Sqrt, Swish, Tanh, ThresholdedRelu>;
using PointwiseBinary = OpList<Add, Div, Max, Min, Mul, Sub>;

/// One step of a chain: v = f(v), v = f(v, operand) or, when `swapped`, v = f(operand, v).
struct PointwiseStep {
  std::string_view op;  ///< name of the operator
  /// The attributes of a unary operator in the order in which its struct has them; the bounds of Clip; whether Gelu is that by tanh.
  std::array<float, 2> parameters{};
  std::int64_t operand = -1;  ///< index among the operands, -1 for unary operators
  bool swapped = false;
};

/// v = step_n(... step_1(v)), each operand broadcast as ONNX does.
struct PointwiseChain {
  /// Offsets into the operands are kept for so many at a time.
  static constexpr std::size_t max_operands = 8;

  std::vector<PointwiseStep> steps;

  void attributes(auto& a);
  /// Sets the attributes that attributes() reads.
  void write(Attributes& a) const;
  /// The shape of v, `v` at first, after all steps; `first` is the input that is operand 0.
  /// Errors: invalid_argument when an operand is missing or does not fit.
  [[nodiscard]] Shape shape(Shape v, const ShapeContext& c, std::size_t first) const {
    for (const PointwiseStep& step : steps) {
      if (step.operand >= 0 && first + static_cast<std::size_t>(step.operand) >= c.input_count())
        fail(ErrorCode::invalid_argument, "its step ", step.op, " takes operand ", step.operand, ", which is missing");
    }
    for (std::size_t i = first; i < c.input_count(); ++i) {
      if (!c.has_input(i)) fail(ErrorCode::invalid_argument, "its operand ", i - first, " is missing");
      v = broadcast(v, c.shape(i));
    }
    return v;
  }
};

namespace detail {

/// visit(op) for the operator of this name; false when the list does not have it.
template <class Visit, class... Ops>
bool visit_op(OpList<Ops...>, std::string_view name, const Visit& visit) {
  return ((Ops::name == name && (visit(Ops{}), true)) || ...);
}

/// The name of an operator with or without an operand, in memory that lives as long as the program. Errors: invalid_graph.
inline std::string_view pointwise_name(std::string_view name, bool with_operand) {
  std::string_view found;
  const auto keep = [&](const auto& op) { found = op.name; };
  if (!(with_operand ? visit_op(PointwiseBinary{}, name, keep) : visit_op(PointwiseUnary{}, name, keep))) {
    fail(ErrorCode::invalid_graph, "'", name, "' is no pointwise operator ", with_operand ? "with" : "without", " an operand");
  }
  return found;
}

}  // namespace detail

void PointwiseChain::attributes(auto& a) {
  std::vector<std::string> names;
  std::vector<float> parameters;
  std::vector<std::int64_t> operands;
  std::vector<std::int64_t> swapped;
  a.required("steps", names);
  a.required("parameters", parameters);
  a.required("operands", operands);
  a.required("swapped", swapped);
  if (names.empty()) fail(ErrorCode::invalid_graph, "it has no steps");
  if (parameters.size() != 2 * names.size() || operands.size() != names.size() || swapped.size() != names.size()) {
    fail(ErrorCode::invalid_graph, "the attributes of its ", names.size(), " steps do not have one entry for each");
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (operands[i] < -1 || operands[i] >= static_cast<std::int64_t>(max_operands)) {
      fail(ErrorCode::invalid_graph, "step ", i, " has operand ", operands[i], "; expected -1 to ", max_operands - 1);
    }
    const std::string_view op = detail::pointwise_name(names[i], operands[i] >= 0);
    steps.push_back({op, {parameters[2 * i], parameters[2 * i + 1]}, operands[i], swapped[i] != 0});
  }
}

inline void PointwiseChain::write(Attributes& a) const {
  std::vector<std::string> names;
  std::vector<float> parameters;
  std::vector<std::int64_t> operands;
  std::vector<std::int64_t> swapped;
  for (const PointwiseStep& step : steps) {
    names.emplace_back(step.op);
    parameters.insert(parameters.end(), step.parameters.begin(), step.parameters.end());
    operands.push_back(step.operand);
    swapped.push_back(step.swapped ? 1 : 0);
  }
  for (const std::string_view written : {"steps", "parameters", "operands", "swapped"}) a.erase(written);
  a.set("steps", std::move(names));
  a.set("parameters", std::move(parameters));
  a.set("operands", std::move(operands));
  a.set("swapped", std::move(swapped));
}

/// Pointwise operators in one pass over memory. Inputs: x, operands. Shapes: x (*), operands (*) -> y, the broadcast of all.
struct Pointwise {
  static constexpr std::string_view domain = "hone";
  static constexpr std::string_view name = "Pointwise";
  static constexpr Arity arity{.min_inputs = 1, .max_inputs = 1 + PointwiseChain::max_operands};
  static constexpr OpTraits traits{.in_place = inputs(0), .reads_late = true};
  static constexpr std::size_t first_operand = 1;

  PointwiseChain chain;

  void attributes(auto& a) { chain.attributes(a); }
  void shapes(const ShapeContext& c) const { c.output(0, chain.shape(c.shape(0), c, first_operand)); }
};

template <class Base>
inline constexpr std::string_view fused_name = Base::name;
template <>
inline constexpr std::string_view fused_name<Conv> = "FusedConv";
template <>
inline constexpr std::string_view fused_name<Gemm> = "FusedGemm";
template <>
inline constexpr std::string_view fused_name<MatMul> = "FusedMatMul";
template <>
inline constexpr std::string_view fused_name<PermutedMatMul> = "FusedPermutedMatMul";
template <>
inline constexpr std::string_view fused_name<ScaledMatMulInteger> = "FusedScaledMatMulInteger";

/// An operator with pointwise ones applied to its result while that is in cache. Inputs: those of Base (omitted ones as empty names), then
/// operands.
template <class Base>
struct Fused : Base {
  static constexpr std::string_view domain = "hone";
  static constexpr std::string_view name = fused_name<Base>;
  static constexpr std::size_t first_operand = Base::arity.max_inputs;
  static constexpr Arity arity{.min_inputs = Base::arity.min_inputs, .max_inputs = first_operand + PointwiseChain::max_operands};

  PointwiseChain chain;

  void attributes(auto& a) {
    if constexpr (requires { Base::attributes(a); }) Base::attributes(a);
    chain.attributes(a);
  }
  void shapes(const ShapeContext& c) const { c.output(0, chain.shape(base_shape(c), c, first_operand)); }
  /// The shape of what Base gives.
  [[nodiscard]] Shape base_shape(const ShapeContext& c) const {
    std::array<Shape, 1> shape;
    Base::shapes(c.first_inputs(first_operand, shape));
    return shape[0];
  }
};

}  // namespace hone::inline HONE_ABI::ops
