#pragma once

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include <hone/config.hpp>
#include <hone/core/any_object.hpp>
#include <hone/core/dtype.hpp>
#include <hone/core/error.hpp>
#include <hone/core/shape.hpp>
#include <hone/core/tensor.hpp>
#include <hone/core/type.hpp>
#include <hone/graph/attribute.hpp>

namespace hone::inline HONE_ABI {

class Graph;

/// A set of inputs, by index. The last bit stands for all inputs from 31 on.
using InputSet = std::uint32_t;

inline constexpr InputSet all_inputs = ~InputSet{0};
[[nodiscard]] constexpr InputSet inputs(std::convertible_to<int> auto... index) noexcept { return ((InputSet{1} << index) | ... | 0u); }
[[nodiscard]] constexpr bool contains(InputSet set, std::size_t index) noexcept {
  return (set >> std::min<std::size_t>(index, 31) & 1u) != 0;
}

/// A set of element types.
class DTypeSet {
 public:
  constexpr DTypeSet(std::initializer_list<DType> dtypes) noexcept {
    for (const DType dtype : dtypes) bits_ |= std::uint32_t{1} << static_cast<int>(dtype);
  }
  [[nodiscard]] constexpr bool contains(DType dtype) const noexcept { return (bits_ >> static_cast<int>(dtype) & 1u) != 0; }
  [[nodiscard]] friend constexpr DTypeSet operator|(DTypeSet a, DTypeSet b) noexcept {
    a.bits_ |= b.bits_;
    return a;
  }

 private:
  static_assert(dtype_count <= 32);
  std::uint32_t bits_ = 0;
};

/// The element types that are real numbers, without those that are only stored.
inline constexpr DTypeSet real_numbers{DType::float32, DType::float64, DType::float16, DType::bfloat16, DType::int8,   DType::int16,
                                       DType::int32,   DType::int64,   DType::uint8,   DType::uint16,   DType::uint32, DType::uint64};

/// The floats that kernels compute with, in this type or a wider one.
inline constexpr DTypeSet floating_point_numbers{DType::float32, DType::float64, DType::float16, DType::bfloat16};

/// Inputs that have types of their own. The other inputs of a node have the type of the deciding one, which kernels rely on; those in
/// OpTraits::shape_inputs are checked when they are read.
struct InputTypes {
  InputSet inputs = 0;
  /// Empty: whatever the kernels and `types` of the operator accept.
  std::optional<DTypeSet> types = std::nullopt;
};

/// How many inputs and outputs an operator takes.
struct Arity {
  static constexpr std::size_t any = std::numeric_limits<std::size_t>::max();
  std::size_t min_inputs = 1;
  std::size_t max_inputs = 1;
  std::size_t min_outputs = 1;
  std::size_t max_outputs = 1;
};

/// What integers for which there is no kernel may be computed as, the results cut.
enum class StandIn : std::uint8_t {
  none,
  wider_integers,  ///< int32 or int64: elements are but added, multiplied and moved
  real_numbers,    ///< double
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
  /// Other inputs are read after elements of output 0 have been written: none of them may share the memory that it overwrites.
  bool reads_late = false;
  /// Output 0 is the inputs one after the other along a dimension (Concat): where they are so in memory too, they may stand in it.
  bool joins = false;
  /// The outputs are input 0 in parts along a dimension (Split): where they are so in memory too, they may stand in it.
  bool splits = false;
  StandIn integers = StandIn::none;
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
  HONE_COLD void output(std::size_t i, Type type) const {
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
  /// The first `count` inputs, with outputs elsewhere.
  [[nodiscard]] ShapeContext first_inputs(std::size_t count, std::span<Shape> outputs) const noexcept {
    return {inputs_.first(std::min(count, inputs_.size())), outputs};
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
  int since;                                           ///< first opset version that the definition reads
  int until;                                           ///< last one
  AnyObject (*read)(const OpInfo&, AttributeReader&);  ///< makes the struct of `ops/`
  Arity arity;
  OpTraits traits;
  void (*types)(const void* op, const TypeContext&);    ///< null: every output has the type of input 0
  void (*shapes)(const void* op, const ShapeContext&);  ///< null: every output has the shape of input 0
  std::size_t type_input = 0;                           ///< the deciding input: its type chooses among the kernels
  std::span<const InputTypes> input_types = {};
  /// The type of input `i` of a subgraph with `count` inputs, where the model leaves it out. Null: nothing is known.
  Type (*subgraph_input)(std::span<const Type> node_inputs, std::size_t i, std::size_t count) = nullptr;

  /// The operator of a node with these attributes. Errors: invalid_graph.
  [[nodiscard]] std::unique_ptr<Operator> create(AttributeReader& reader) const;
};

/// The operator of a node: its attributes, with type and shape inference.
class Operator {
 public:
  Operator(const OpInfo& info, AnyObject members) noexcept : info_(&info), members_(std::move(members)) {}

  [[nodiscard]] const OpInfo& info() const noexcept { return *info_; }
  [[nodiscard]] const Arity& arity() const noexcept { return info_->arity; }
  [[nodiscard]] const OpTraits& traits() const noexcept { return info_->traits; }
  /// Sets the types of all outputs. Errors: invalid_graph.
  void types(const TypeContext& context) const {
    if (info_->types != nullptr) return info_->types(members_.get(), context);
    for (std::size_t i = 0; i < context.output_count(); ++i) context.output(i, context.input(0));
  }
  /// Sets the shapes of all outputs; not called when traits().data_dependent. Errors: invalid_argument.
  void shapes(const ShapeContext& context) const {
    if (info_->shapes != nullptr) return info_->shapes(members_.get(), context);
    for (std::size_t i = 0; i < context.output_count(); ++i) context.output(i, context.shape(0));
  }
  /// The struct of `ops/`. Precondition: that is the type that info() makes.
  template <class Op>
  [[nodiscard]] const Op& members() const noexcept {
    return members_.as<Op>();
  }

 private:
  const OpInfo* info_;
  AnyObject members_;
};

inline std::unique_ptr<Operator> OpInfo::create(AttributeReader& reader) const {
  return std::make_unique<Operator>(*this, read(*this, reader));
}

namespace detail {

template <class Op>
HONE_COLD AnyObject read_operator(const OpInfo&, AttributeReader& reader) {
  Op op;
  if constexpr (requires { op.attributes(reader); }) op.attributes(reader);
  return AnyObject::make<Op>(std::move(op));
}
template <class Op>
void infer_types(const void* op, const TypeContext& context) {
  static_cast<const Op*>(op)->types(context);
}
template <class Op>
void infer_shapes(const void* op, const ShapeContext& context) {
  static_cast<const Op*>(op)->shapes(context);
}

template <class Op>
constexpr OpInfo make_op_info() {
  OpInfo info{"", Op::name, 1, std::numeric_limits<int>::max(), &read_operator<Op>, {}, {}, nullptr, nullptr};
  if constexpr (requires { Op::domain; }) info.domain = Op::domain;
  if constexpr (requires { Op::since; }) info.since = Op::since;
  if constexpr (requires { Op::until; }) info.until = Op::until;
  if constexpr (requires { Op::arity; }) info.arity = Op::arity;
  if constexpr (requires { Op::traits; }) info.traits = Op::traits;
  if constexpr (requires { Op::type_input; }) info.type_input = Op::type_input;
  if constexpr (requires { Op::input_types; }) info.input_types = Op::input_types;
  if constexpr (requires(const Op& op, const TypeContext& context) { op.types(context); }) info.types = &infer_types<Op>;
  if constexpr (requires(const Op& op, const ShapeContext& context) { op.shapes(context); }) info.shapes = &infer_shapes<Op>;
  if constexpr (requires { &Op::subgraph_input; }) info.subgraph_input = &Op::subgraph_input;
  return info;
}

}  // namespace detail

/// The definition that a struct of `ops/` makes. The struct has `name`, and, where they differ from the defaults, `domain`, `since`,
/// `until`, `arity`, `traits`, `type_input`, `input_types` (an array), `attributes(a)`, `types(c)`, `shapes(c)` and
/// `subgraph_input(node_inputs, i, count)`.
template <class Op>
inline constexpr OpInfo op_info = detail::make_op_info<Op>();

/// The members of `op` when it is an Op, else null.
template <class Op>
[[nodiscard]] const Op* op_cast(const Operator* op) noexcept {
  return op != nullptr && &op->info() == &op_info<Op> ? &op->members<Op>() : nullptr;
}

}  // namespace hone::inline HONE_ABI
