#pragma once

#include <deque>
#include <string>
#include <string_view>

#include <google/protobuf/unknown_field_set.h>
#include <onnx/onnx_pb.h>

#include <hone/config.hpp>

namespace hone::inline HONE_ABI::detail {

/// "ai.onnx" is another name of the default domain.
inline std::string canonical_domain(const std::string& domain) { return domain == "ai.onnx" ? std::string() : domain; }

/// Calls visit(bytes) for each length-delimited field `number` that this version of the schema does not know.
template <class Message, class Visit>
void for_each_unknown_field(const Message& message, int number, const Visit& visit) {
  if constexpr (requires { message.GetReflection()->GetUnknownFields(message); }) {
    const auto& fields = message.GetReflection()->GetUnknownFields(message);
    for (int i = 0; i < fields.field_count(); ++i) {
      if (fields.field(i).number() == number && fields.field(i).type() == google::protobuf::UnknownField::TYPE_LENGTH_DELIMITED) {
        visit(fields.field(i).length_delimited());
      }
    }
  }
}

/// The `overload` of a NodeProto (field 8) or FunctionProto (field 13), which schemas before IR version 10 do not know.
template <class Message>
std::string overload_of(const Message& message, int field_number) {
  if constexpr (requires { message.overload(); }) {
    return message.overload();
  } else {
    std::string result;
    for_each_unknown_field(message, field_number, [&](const auto& bytes) { result = bytes; });
    return result;
  }
}

inline std::string function_key(const std::string& domain, const std::string& name, const std::string& overload) {
  return domain + ":" + name + ":" + overload;
}
inline std::string function_key(const onnx::FunctionProto& function) {
  return function_key(canonical_domain(function.domain()), function.name(), overload_of(function, 13));
}
inline std::string function_key(const std::string& domain, const onnx::NodeProto& call) {
  return function_key(domain, call.op_type(), overload_of(call, 8));
}

inline onnx::AttributeProto::AttributeType attribute_type(const onnx::AttributeProto& proto) {
  if (proto.type() != onnx::AttributeProto::UNDEFINED) return proto.type();
  // IR versions before 2 leave the type out.
  if (proto.has_f()) return onnx::AttributeProto::FLOAT;
  if (proto.has_i()) return onnx::AttributeProto::INT;
  if (proto.has_s()) return onnx::AttributeProto::STRING;
  if (proto.has_t()) return onnx::AttributeProto::TENSOR;
  if (proto.has_g()) return onnx::AttributeProto::GRAPH;
  if (proto.floats_size() > 0) return onnx::AttributeProto::FLOATS;
  if (proto.ints_size() > 0) return onnx::AttributeProto::INTS;
  if (proto.strings_size() > 0) return onnx::AttributeProto::STRINGS;
  return onnx::AttributeProto::UNDEFINED;
}

/// One call of a model-local function: the attributes that its body may refer to.
class FunctionCall {
 public:
  FunctionCall(const onnx::NodeProto& node, const onnx::FunctionProto& function, const FunctionCall* enclosing)
      : node_(node), function_(function), enclosing_(enclosing) {
    read_unknown_defaults(function);
  }

  /// The attribute as the call gives it, else its default; null when there is neither.
  [[nodiscard]] const onnx::AttributeProto* attribute(std::string_view name) const {
    for (const auto& given : node_.attribute()) {
      if (given.name() != name) continue;
      if (given.ref_attr_name().empty()) return &given;
      return enclosing_ != nullptr ? enclosing_->attribute(given.ref_attr_name()) : nullptr;
    }
    return default_of(function_, name);
  }

 private:
  // Schemas before IR version 9 do not know FunctionProto.attribute_proto, field 11.
  template <class Function>
  void read_unknown_defaults(const Function& function) {
    if constexpr (!requires { function.attribute_proto(); }) {
      for_each_unknown_field(function, 11, [&](const auto& bytes) { defaults_.emplace_back().ParseFromString(std::string(bytes)); });
    }
  }

  template <class Function>
  const onnx::AttributeProto* default_of(const Function& function, std::string_view name) const {
    if constexpr (requires { function.attribute_proto(); }) {
      for (const auto& given : function.attribute_proto())
        if (given.name() == name) return &given;
    }
    for (const auto& given : defaults_)
      if (given.name() == name) return &given;
    return nullptr;
  }

  const onnx::NodeProto& node_;
  const onnx::FunctionProto& function_;
  const FunctionCall* enclosing_;
  std::deque<onnx::AttributeProto> defaults_;
};

}  // namespace hone::inline HONE_ABI::detail
