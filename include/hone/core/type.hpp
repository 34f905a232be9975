#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include <hone/config.hpp>
#include <hone/core/dtype.hpp>
#include <hone/core/text.hpp>

namespace hone::inline HONE_ABI {

/// The type of a value in a graph, as TypeProto of ONNX has it, without shapes.
struct Type {
  enum class Kind : std::uint8_t { undefined, tensor, sparse_tensor, sequence, optional, map };

  Kind kind = Kind::undefined;
  /// Element type of a tensor; key type of a map.
  DType dtype = DType::undefined;
  /// What a sequence, an optional or a map holds.
  std::shared_ptr<const Type> element;

  Type() = default;
  Type(DType tensor_of) : kind(tensor_of == DType::undefined ? Kind::undefined : Kind::tensor), dtype(tensor_of) {}
  [[nodiscard]] static Type sequence_of(Type of) { return Type(Kind::sequence, DType::undefined, std::move(of)); }
  [[nodiscard]] static Type optional_of(Type of) { return Type(Kind::optional, DType::undefined, std::move(of)); }
  [[nodiscard]] static Type map_of(DType key, Type to) { return Type(Kind::map, key, std::move(to)); }
  [[nodiscard]] static Type sparse_tensor_of(DType of) {
    Type result(of);
    result.kind = Kind::sparse_tensor;
    return result;
  }

  [[nodiscard]] bool is_tensor() const noexcept { return kind == Kind::tensor; }
  [[nodiscard]] bool is_known() const noexcept { return kind != Kind::undefined; }

  friend bool operator==(const Type& a, const Type& b) {
    if (a.kind != b.kind || a.dtype != b.dtype || !a.element != !b.element) return false;
    return !a.element || *a.element == *b.element;
  }
  /// Whether a value of type `given` may stand where this type is declared: what is no optional may stand for one.
  [[nodiscard]] bool accepts(const Type& given) const { return *this == given || (kind == Kind::optional && *element == given); }

 private:
  Type(Kind of, DType key, Type to) : kind(of), dtype(key), element(std::make_shared<const Type>(std::move(to))) {}
};

/// As ONNX writes it: "tensor(float)", "seq(tensor(int64))", "optional(tensor(float))", "map(int64,tensor(float))".
[[nodiscard]] inline std::string to_string(const Type& type) {
  const std::string of = type.element ? to_string(*type.element) : std::string("?");
  switch (type.kind) {
    case Type::Kind::tensor:
      return text("tensor(", name(type.dtype), ")");
    case Type::Kind::sparse_tensor:
      return text("sparse_tensor(", name(type.dtype), ")");
    case Type::Kind::sequence:
      return text("seq(", of, ")");
    case Type::Kind::optional:
      return text("optional(", of, ")");
    case Type::Kind::map:
      return text("map(", name(type.dtype), ",", of, ")");
    case Type::Kind::undefined:
      break;
  }
  return "unknown";
}

}  // namespace hone::inline HONE_ABI
