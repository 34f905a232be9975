#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string_view>

#include <hone/config.hpp>
#include <hone/core/error.hpp>
#include <hone/core/shape.hpp>
#include <hone/core/tensor.hpp>
#include <hone/core/type.hpp>
#include <hone/graph/attribute.hpp>

namespace hone::inline HONE_ABI {

class Graph;

/// A set of inputs, by index.
using InputSet = std::uint32_t;

[[nodiscard]] constexpr InputSet inputs(std::convertible_to<int> auto... index) noexcept { return ((InputSet{1} << index) | ... | 0u); }
[[nodiscard]] constexpr bool contains(InputSet set, std::size_t index) noexcept { return index < 32 && (set >> index & 1u) != 0; }

/// How many inputs and outputs an operator takes.
struct Arity {
  static constexpr std::size_t any = std::numeric_limits<std::size_t>::max();
  std::size_t min_inputs = 1;
  std::size_t max_inputs = 1;
  std::size_t min_outputs = 1;
  std::size_t max_outputs = 1;
};

/// What the planner needs to know of an operator.
struct OpTraits {
  /// Inputs whose elements, not only shapes, decide the shapes of the outputs; they live in host memory on every provider.
  InputSet shape_inputs = 0;
  /// Inputs whose elements are never read, only their shapes (Shape, Size).
  InputSet unread_inputs = 0;
  /// Shapes of outputs are known only by computing them (NonZero, If): the kernel calls Context::allocate.
  bool data_dependent = false;
  /// False for random generators and for whatever else may differ between two runs on equal inputs.
  bool deterministic = true;
  /// Output 0 has the bytes of input 0 in the same order (Reshape): it may stand in the same memory.
  bool alias = false;
  /// Inputs that output 0 may overwrite when nobody else needs them: each element is read before it is written.
  InputSet in_place = 0;
};

/// What type inference sees of a node.
class TypeContext {
 public:
  TypeContext(std::span<const Type> inputs, std::span<Type> outputs, std::span<const Graph* const> subgraphs)
      : inputs_(inputs), outputs_(outputs), subgraphs_(subgraphs) {}

  [[nodiscard]] std::size_t input_count() const noexcept { return inputs_.size(); }
  [[nodiscard]] std::size_t output_count() const noexcept { return outputs_.size(); }
  /// Unknown type for an omitted input.
  [[nodiscard]] const Type& input(std::size_t i) const noexcept {
    static const Type none;
    return i < inputs_.size() ? inputs_[i] : none;
  }
  void output(std::size_t i, Type type) const {
    if (i < outputs_.size()) outputs_[i] = std::move(type);
  }
  [[nodiscard]] std::span<const Graph* const> subgraphs() const noexcept { return subgraphs_; }

 private:
  std::span<const Type> inputs_;
  std::span<Type> outputs_;
  std::span<const Graph* const> subgraphs_;
};

/// What shape inference sees of a node: shapes of all inputs, elements of the shape inputs.
class ShapeContext {
 public:
  /// Omitted inputs are null.
  ShapeContext(std::span<const TensorRef* const> inputs, std::span<Shape> outputs) : inputs_(inputs), outputs_(outputs) {}

  [[nodiscard]] std::size_t input_count() const noexcept { return inputs_.size(); }
  [[nodiscard]] std::size_t output_count() const noexcept { return outputs_.size(); }
  [[nodiscard]] bool has_input(std::size_t i) const noexcept { return i < inputs_.size() && inputs_[i] != nullptr; }
  [[nodiscard]] const Shape& shape(std::size_t i) const noexcept { return inputs_[i]->shape; }
  [[nodiscard]] DType dtype(std::size_t i) const noexcept { return inputs_[i]->dtype; }
  /// An input with its elements; only for those in OpTraits::shape_inputs.
  [[nodiscard]] const TensorRef& tensor(std::size_t i) const noexcept { return *inputs_[i]; }
  /// Elements of a shape input of type int64.
  /// Errors: invalid_argument when it holds another type.
  [[nodiscard]] std::span<const std::int64_t> int64s(std::size_t i) const {
    const TensorRef& tensor = *inputs_[i];
    if (tensor.dtype != DType::int64) fail(ErrorCode::invalid_argument, "input ", i, " must hold int64, not ", name(tensor.dtype));
    return {tensor.as<const std::int64_t>(), static_cast<std::size_t>(tensor.elements())};
  }
  void output(std::size_t i, const Shape& shape) const {
    if (i < outputs_.size()) outputs_[i] = shape;
  }

 private:
  std::span<const TensorRef* const> inputs_;
  std::span<Shape> outputs_;
};

class Operator;

/// One definition of an operator: which nodes it reads, and how.
struct OpInfo {
  std::string_view domain;  ///< "" for ai.onnx
  std::string_view name;
  int since;  ///< first opset version that the definition reads
  int until;  ///< last one
  std::unique_ptr<Operator> (*create)(AttributeReader&);
};

/// The operator of a node: its attributes, with type and shape inference. Made from a struct of `ops/` by OperatorOf.
class Operator {
 public:
  virtual ~Operator() = default;
  [[nodiscard]] virtual const OpInfo& info() const noexcept = 0;
  [[nodiscard]] virtual const Arity& arity() const noexcept = 0;
  [[nodiscard]] virtual const OpTraits& traits() const noexcept = 0;
  /// Sets the types of all outputs. Errors: invalid_graph.
  virtual void types(const TypeContext& context) const = 0;
  /// Sets the shapes of all outputs; not called when traits().data_dependent. Errors: invalid_argument.
  virtual void shapes(const ShapeContext& context) const = 0;
};

template <class Op>
class OperatorOf final : public Operator {
 public:
  explicit OperatorOf(Op members) : op(std::move(members)) {}

  Op op;

  [[nodiscard]] const OpInfo& info() const noexcept override;
  [[nodiscard]] const Arity& arity() const noexcept override {
    static constexpr Arity value = [] {
      if constexpr (requires { Op::arity; }) {
        return Op::arity;
      } else {
        return Arity{};
      }
    }();
    return value;
  }
  [[nodiscard]] const OpTraits& traits() const noexcept override {
    static constexpr OpTraits value = [] {
      if constexpr (requires { Op::traits; }) {
        return Op::traits;
      } else {
        return OpTraits{};
      }
    }();
    return value;
  }
  /// Without `Op::types`, every output has the type of input 0.
  void types(const TypeContext& context) const override {
    if constexpr (requires { op.types(context); }) {
      op.types(context);
    } else {
      for (std::size_t i = 0; i < context.output_count(); ++i) context.output(i, context.input(0));
    }
  }
  /// Without `Op::shapes`, every output has the shape of input 0.
  void shapes(const ShapeContext& context) const override {
    if constexpr (requires { op.shapes(context); }) {
      op.shapes(context);
    } else {
      for (std::size_t i = 0; i < context.output_count(); ++i) context.output(i, context.shape(0));
    }
  }
};

/// The definition that a struct of `ops/` makes. The struct has `name`, and, where they differ from the defaults, `domain`, `since`,
/// `until`, `arity`, `traits`, `attributes(a)`, `types(c)` and `shapes(c)`.
template <class Op>
inline constexpr OpInfo op_info = [] {
  OpInfo info{"", Op::name, 1, std::numeric_limits<int>::max(), [](AttributeReader& reader) -> std::unique_ptr<Operator> {
                Op op;
                if constexpr (requires { op.attributes(reader); }) op.attributes(reader);
                return std::make_unique<OperatorOf<Op>>(std::move(op));
              }};
  if constexpr (requires { Op::domain; }) info.domain = Op::domain;
  if constexpr (requires { Op::since; }) info.since = Op::since;
  if constexpr (requires { Op::until; }) info.until = Op::until;
  return info;
}();

template <class Op>
const OpInfo& OperatorOf<Op>::info() const noexcept {
  return op_info<Op>;
}

/// The members of `op` when it is an Op, else null.
template <class Op>
[[nodiscard]] const Op* op_cast(const Operator* op) noexcept {
  return op != nullptr && &op->info() == &op_info<Op> ? &static_cast<const OperatorOf<Op>*>(op)->op : nullptr;
}

}  // namespace hone::inline HONE_ABI
