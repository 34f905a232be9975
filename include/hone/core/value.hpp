#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/buffer.hpp>
#include <hone/core/error.hpp>
#include <hone/core/tensor.hpp>
#include <hone/core/type.hpp>

namespace hone::inline HONE_ABI {

class Value;

/// Anything an ONNX graph passes around: a tensor of any element type, a sequence, an optional or a map. Movable; `clone()` copies.
class Value {
 public:
  /// No value: what an optional without an element holds.
  Value() = default;
  /// Takes the tensor over, with its memory or its reference to the caller's.
  template <class T>
  Value(Tensor<T>&& tensor) : ref_(tensor.ref()), holder_(std::move(tensor).release()) {}

  /// A tensor with uninitialised elements (empty strings).
  /// Errors: invalid_argument for a negative or overflowing shape; resource_exhausted.
  [[nodiscard]] static Value tensor(DType dtype, const Shape& shape) {
    Value result;
    Buffer buffer(dtype, shape);
    result.ref_ = {buffer.data(), dtype, shape};
    result.holder_ = std::move(buffer);
    return result;
  }
  /// A tensor over the caller's memory, which must outlive the value.
  [[nodiscard]] static Value over(const TensorRef& ref) {
    Value result;
    result.ref_ = ref;
    result.holder_ = Buffer{};
    return result;
  }
  /// Makes the value a tensor with uninitialised elements, in the memory that it has already when that is large enough.
  /// Errors: as tensor().
  void reset(DType dtype, const Shape& shape) {
    auto* buffer = std::get_if<Buffer>(&holder_);
    const std::size_t bytes = checked_bytes(dtype, shape);
    if (buffer == nullptr || dtype == DType::string || ref_.dtype == DType::string || buffer->bytes() < bytes || bytes == 0) {
      *this = tensor(dtype, shape);
    } else {
      ref_ = {buffer->data(), dtype, shape};
    }
  }
  /// Makes the value a sequence of `count` values and gives them. Those that it has stay, for the sake of their memory; the others are
  /// none.
  std::vector<Value>& reset_sequence(Type element, std::size_t count) {
    auto* sequence = std::get_if<Sequence>(&holder_);
    if (sequence == nullptr) sequence = &holder_.emplace<Sequence>();
    ref_ = {};
    sequence->element = std::move(element);
    sequence->values.resize(count);
    return sequence->values;
  }
  /// Makes the value a copy of `from`, in the memory that it has already where that is large enough.
  /// Errors: as tensor().
  void assign(const TensorRef& from) {
    reset(from.dtype, from.shape);
    copy_elements(from);
  }
  /// Precondition: `from` is no part of the value.
  void assign(const Value& from) {
    if (from.is_tensor()) return assign(from.ref_);
    const auto* sequence = std::get_if<Sequence>(&from.holder_);
    if (sequence == nullptr) {
      *this = from.clone();
      return;
    }
    std::vector<Value>& values = reset_sequence(sequence->element, sequence->values.size());
    for (std::size_t i = 0; i < values.size(); ++i) values[i].assign(sequence->values[i]);
  }
  /// An owning copy of `ref`.
  [[nodiscard]] static Value copy_of(const TensorRef& ref) {
    Value result = tensor(ref.dtype, ref.shape);
    result.copy_elements(ref);
    return result;
  }
  /// A sequence whose elements have type `element`.
  [[nodiscard]] static Value sequence(Type element, std::vector<Value> values = {}) {
    Value result;
    result.holder_ = Sequence{std::move(element), std::move(values)};
    return result;
  }
  /// A map from `keys` to `values`; keys.shape is (N,), values hold one entry per key.
  [[nodiscard]] static Value map(Value keys, Value values) {
    Value result;
    std::vector<Value> parts;
    parts.push_back(std::move(keys));
    parts.push_back(std::move(values));
    result.holder_ = Pair{std::move(parts)};
    return result;
  }

  [[nodiscard]] bool has_value() const noexcept { return !std::holds_alternative<std::monostate>(holder_); }
  [[nodiscard]] bool is_tensor() const noexcept { return std::holds_alternative<Buffer>(holder_); }
  [[nodiscard]] bool is_sequence() const noexcept { return std::holds_alternative<Sequence>(holder_); }
  [[nodiscard]] bool is_map() const noexcept { return std::holds_alternative<Pair>(holder_); }

  /// The type, by its elements; unknown for no value.
  [[nodiscard]] Type type() const {
    if (is_tensor()) return ref_.dtype;
    if (const auto* sequence = std::get_if<Sequence>(&holder_)) return Type::sequence_of(sequence->element);
    if (const auto* pair = std::get_if<Pair>(&holder_)) return Type::map_of(pair->parts[0].dtype(), pair->parts[1].type());
    return {};
  }

  /// dtype and shape of a tensor. Errors: invalid_argument when the value is no tensor.
  [[nodiscard]] DType dtype() const { return ref().dtype; }
  [[nodiscard]] const Shape& shape() const { return ref().shape; }
  /// The tensor, untyped. Errors: invalid_argument when the value is no tensor.
  [[nodiscard]] const TensorRef& ref() const {
    if (!is_tensor()) fail(ErrorCode::invalid_argument, "the value is ", has_value() ? to_string(type()) : "empty", ", not a tensor");
    return ref_;
  }
  /// The tensor with elements of type T. Errors: invalid_argument that names both types when the dtype is another.
  template <Element T>
  [[nodiscard]] TensorView<T> view() const {
    if (ref().dtype != dtype_of<T>) {
      fail(ErrorCode::invalid_argument, "the tensor holds ", name(ref_.dtype), ", not ", name(dtype_of<T>), " as asked for");
    }
    return {static_cast<T*>(ref_.data), ref_.shape};
  }

  /// Elements of a sequence. Errors: invalid_argument when the value is no sequence.
  [[nodiscard]] const std::vector<Value>& elements() const { return get<Sequence>("a sequence").values; }
  [[nodiscard]] std::vector<Value>& elements() { return const_cast<Sequence&>(get<Sequence>("a sequence")).values; }
  /// Element type of a sequence.
  [[nodiscard]] const Type& element_type() const { return get<Sequence>("a sequence").element; }
  /// Keys and values of a map. Errors: invalid_argument when the value is no map.
  [[nodiscard]] const Value& keys() const { return get<Pair>("a map").parts[0]; }
  [[nodiscard]] const Value& values() const { return get<Pair>("a map").parts[1]; }

  [[nodiscard]] Value clone() const {
    if (is_tensor()) return copy_of(ref_);
    if (is_map()) return map(keys().clone(), values().clone());
    if (!is_sequence()) return {};
    std::vector<Value> copies;
    for (const Value& value : elements()) copies.push_back(value.clone());
    return sequence(element_type(), std::move(copies));
  }

 private:
  struct Sequence {
    Type element;
    std::vector<Value> values;
  };
  struct Pair {
    std::vector<Value> parts;  // keys, values
  };

  /// Precondition: this is a tensor of the same type and shape.
  void copy_elements(const TensorRef& from) {
    if (from.dtype == DType::string) {
      std::copy_n(from.as<const std::string>(), from.elements(), ref_.as<std::string>());
    } else if (from.bytes() != 0) {
      std::memcpy(ref_.data, from.data, from.bytes());
    }
  }

  template <class Held>
  [[nodiscard]] const Held& get(std::string_view wanted) const {
    const auto* held = std::get_if<Held>(&holder_);
    if (held == nullptr) fail(ErrorCode::invalid_argument, "the value is ", has_value() ? to_string(type()) : "empty", ", not ", wanted);
    return *held;
  }

  TensorRef ref_;
  std::variant<std::monostate, Buffer, Sequence, Pair> holder_;
};

/// A value somebody else owns, for feeding a session: a tensor by reference, or any Value.
class ValueRef {
 public:
  ValueRef(const TensorRef& tensor) : tensor_(tensor) {}
  template <class T>
  ValueRef(const Tensor<T>& tensor) : tensor_(tensor.ref()) {}
  template <class T>
  ValueRef(const TensorView<T>& view) : tensor_{const_cast<std::remove_const_t<T>*>(view.data()), dtype_of<T>, view.shape()} {}
  ValueRef(const Value& value) {
    if (value.is_tensor()) {
      tensor_ = value.ref();
    } else {
      value_ = &value;
    }
  }

  [[nodiscard]] bool is_tensor() const noexcept { return value_ == nullptr; }
  [[nodiscard]] const TensorRef& tensor() const noexcept { return tensor_; }
  /// The value when it is no tensor, else null.
  [[nodiscard]] const Value* value() const noexcept { return value_; }
  [[nodiscard]] Type type() const { return is_tensor() ? Type(tensor_.dtype) : value_->type(); }

 private:
  TensorRef tensor_;
  const Value* value_ = nullptr;
};

/// Where a result goes: a tensor, whose type and shape it must have, or a Value, whose memory is used again when type and shape fit and is
/// replaced when they do not.
class ResultRef {
 public:
  template <class T>
  ResultRef(Tensor<T>& tensor) : tensor_(tensor.ref()) {}
  template <class T>
  requires(!std::is_const_v<T>) ResultRef(const TensorView<T>& view) : tensor_{view.data(), dtype_of<T>, view.shape()} {}
  ResultRef(Value& value) : value_(&value) {}
  template <class T>
  ResultRef(const TensorView<const T>&) {
    static_assert(sizeof(T) == 0, "a result is written: it needs a view of mutable elements, hone::TensorView<T>, not <const T>");
  }
  template <class T>
  ResultRef(const Tensor<T>&) {
    static_assert(sizeof(T) == 0, "a result is written: it needs a hone::Tensor<T> that is not const and outlives the run");
  }

  /// The value, or null when the result goes into tensor().
  [[nodiscard]] Value* value() const noexcept { return value_; }
  [[nodiscard]] const TensorRef& tensor() const noexcept { return tensor_; }

  /// Memory for a tensor of this type and shape.
  /// Errors: invalid_argument when the caller's tensor is another; resource_exhausted.
  [[nodiscard]] const TensorRef& memory(DType dtype, const Shape& shape) const {
    if (value_ == nullptr) {
      if (tensor_.dtype == dtype && tensor_.shape == shape) return tensor_;
      fail(ErrorCode::invalid_argument, "the result is ", Type(dtype), " of shape ", shape, "; the tensor for it is ", Type(tensor_.dtype),
           " of shape ", tensor_.shape);
    }
    if (!value_->is_tensor() || value_->dtype() != dtype || !(value_->shape() == shape)) value_->reset(dtype, shape);
    return value_->ref();
  }

 private:
  TensorRef tensor_;
  Value* value_ = nullptr;
};

}  // namespace hone::inline HONE_ABI
