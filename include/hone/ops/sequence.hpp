#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/graph.hpp>
#include <hone/graph/operator.hpp>

namespace hone::inline HONE_ABI::ops {

/// What the operators on sequences and optionals share: the shapes of their results are known while running alone.
struct SequenceOperator {
  static constexpr OpTraits traits{.data_dependent = true};

 protected:
  /// The type of the elements of input `i`. Errors: invalid_graph when it is no sequence.
  static const Type& element(const TypeContext& c, std::size_t i) {
    const Type& type = c.input(i);
    if (type.kind != Type::Kind::sequence) fail(ErrorCode::invalid_graph, "its input ", i, " is ", type, ", not a sequence");
    return *type.element;
  }
  static void check_same(const Type& a, const Type& b) {
    if (!(a == b)) fail(ErrorCode::invalid_graph, "a sequence of ", a, " does not take a ", b);
  }
};

/// A sequence without elements. Source: ONNX SequenceEmpty, opset 11.
struct SequenceEmpty : SequenceOperator {
  static constexpr std::string_view name = "SequenceEmpty";
  static constexpr Arity arity{.min_inputs = 0, .max_inputs = 0};
  DType dtype = DType::float32;
  void attributes(auto& a) { a("dtype", dtype, DType::float32); }
  void types(const TypeContext& c) const { c.output(0, Type::sequence_of(dtype)); }
};

/// The sequence of its inputs. Source: ONNX SequenceConstruct, opset 11.
struct SequenceConstruct : SequenceOperator {
  static constexpr std::string_view name = "SequenceConstruct";
  static constexpr Arity arity{.max_inputs = Arity::any};
  void types(const TypeContext& c) const {
    for (std::size_t i = 1; i < c.input_count(); ++i) check_same(c.input(0), c.input(i));
    c.output(0, Type::sequence_of(c.input(0)));
  }
};

/// Element `position` of a sequence, negative ones counted from its end. Source: ONNX SequenceAt, opset 11.
struct SequenceAt : SequenceOperator {
  static constexpr std::string_view name = "SequenceAt";
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 2};
  static constexpr InputTypes input_types[] = {{inputs(1), DTypeSet{DType::int32, DType::int64}}};
  void types(const TypeContext& c) const { c.output(0, element(c, 0)); }
};

/// The sequence with input 1 before element `position`, or at its end. Source: ONNX SequenceInsert, opset 11.
struct SequenceInsert : SequenceOperator {
  static constexpr std::string_view name = "SequenceInsert";
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 3};
  static constexpr InputTypes input_types[] = {{inputs(1)}, {inputs(2), DTypeSet{DType::int32, DType::int64}}};
  void types(const TypeContext& c) const {
    check_same(element(c, 0), c.input(1));
    c.output(0, c.input(0));
  }
};

/// The sequence without element `position`, or without its last one. Source: ONNX SequenceErase, opset 11.
struct SequenceErase : SequenceOperator {
  static constexpr std::string_view name = "SequenceErase";
  static constexpr Arity arity{.min_inputs = 1, .max_inputs = 2};
  static constexpr InputTypes input_types[] = {{inputs(1), DTypeSet{DType::int32, DType::int64}}};
  void types(const TypeContext& c) const {
    (void)element(c, 0);
    c.output(0, c.input(0));
  }
};

/// How many elements a sequence has, as a scalar int64. Source: ONNX SequenceLength, opset 11.
struct SequenceLength : SequenceOperator {
  static constexpr std::string_view name = "SequenceLength";
  void types(const TypeContext& c) const {
    (void)element(c, 0);
    c.output(0, DType::int64);
  }
};

/// Concat over the elements of a sequence, or, with new_axis, their stack. Source: ONNX ConcatFromSequence, opset 11.
struct ConcatFromSequence : SequenceOperator {
  static constexpr std::string_view name = "ConcatFromSequence";
  std::int64_t axis = 0;
  bool new_axis = false;
  void attributes(auto& a) {
    a.required("axis", axis);
    a("new_axis", new_axis, 0);
  }
  void types(const TypeContext& c) const { c.output(0, element(c, 0)); }
};

/// x cut along `axis` into pieces of the sizes of input 1, of that size each when it is a scalar, or of one row each, whose axis goes
/// unless keepdims says otherwise. Source: ONNX SplitToSequence, opset 11.
struct SplitToSequence : SequenceOperator {
  static constexpr std::string_view name = "SplitToSequence";
  static constexpr Arity arity{.min_inputs = 1, .max_inputs = 2};
  static constexpr InputTypes input_types[] = {{inputs(1), DTypeSet{DType::int32, DType::int64}}};
  std::int64_t axis = 0;
  bool keepdims = true;
  void attributes(auto& a) {
    a("axis", axis, 0);
    a("keepdims", keepdims, 1);
  }
  void types(const TypeContext& c) const { c.output(0, Type::sequence_of(c.input(0))); }
};

/// An optional that holds its input, or nothing. Source: ONNX Optional, opset 15.
struct Optional : SequenceOperator {
  static constexpr std::string_view name = "Optional";
  static constexpr Arity arity{.min_inputs = 0, .max_inputs = 1};
  std::optional<Type> type;
  void attributes(auto& a) { a("type", type); }
  void types(const TypeContext& c) const {
    if (c.input_count() == 0 && !type) fail(ErrorCode::invalid_graph, "it has neither an input nor the attribute 'type'");
    c.output(0, Type::optional_of(c.input_count() != 0 ? c.input(0) : *type));
  }
};

/// Whether there is a value. Source: ONNX OptionalHasElement, opsets 15 to 18.
struct OptionalHasElement : SequenceOperator {
  static constexpr std::string_view name = "OptionalHasElement";
  static constexpr Arity arity{.min_inputs = 0, .max_inputs = 1};
  void types(const TypeContext& c) const { c.output(0, DType::boolean); }
};

/// The value in an optional; what is no optional stays as it is. Source: ONNX OptionalGetElement, opsets 15 to 18.
struct OptionalGetElement : SequenceOperator {
  static constexpr std::string_view name = "OptionalGetElement";
  void types(const TypeContext& c) const { c.output(0, c.input(0).kind == Type::Kind::optional ? *c.input(0).element : c.input(0)); }
};

/// The sequences of the results of `body` for each element of input 0; other sequences give their elements of the same position, tensors
/// the same one each time. Source: ONNX SequenceMap, opset 17.
struct SequenceMap : SequenceOperator {
  static constexpr std::string_view name = "SequenceMap";
  static constexpr Arity arity{.max_inputs = Arity::any, .max_outputs = Arity::any};
  static constexpr InputTypes input_types[] = {{all_inputs}};
  static Type subgraph_input(std::span<const Type> inputs, std::size_t i, std::size_t) {
    if (i >= inputs.size()) return {};
    return inputs[i].kind == Type::Kind::sequence ? *inputs[i].element : inputs[i];
  }
  void types(const TypeContext& c) const {
    (void)element(c, 0);
    if (c.subgraphs().size() != 1) fail(ErrorCode::invalid_graph, "it needs the attribute 'body'");
    const Graph& body = *c.subgraphs()[0];
    if (body.inputs.size() != c.input_count() || body.outputs.size() != c.output_count()) {
      fail(ErrorCode::invalid_graph, "it has ", c.input_count(), " inputs and ", c.output_count(), " outputs, but its body has ",
           body.inputs.size(), " and ", body.outputs.size());
    }
    for (std::size_t i = 0; i < c.output_count(); ++i) c.output(i, Type::sequence_of(body[body.outputs[i]].type));
  }
};

}  // namespace hone::inline HONE_ABI::ops
