#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <onnx/onnx_pb.h>

#include <hone/config.hpp>

namespace hone::inline HONE_ABI::detail {

/// Writes a function of ONNX operators.
class FunctionBody {
 public:
  using Name = std::string;  // of a value; empty for an omitted one
  using Names = std::vector<Name>;
  using Setting = std::pair<std::string_view, std::variant<std::int64_t, float, std::string_view, std::vector<std::int64_t>>>;
  using Settings = std::vector<Setting>;

  static constexpr int opset = 25;

  /// Names of values begin with `prefix`.
  FunctionBody(std::string_view domain, std::string_view name, Name prefix = {}) : prefix_(std::move(prefix)) {
    proto_.set_domain(std::string(domain));
    proto_.set_name(std::string(name));
    use_opset(opset);
  }

  [[nodiscard]] onnx::FunctionProto& proto() noexcept { return proto_; }
  [[nodiscard]] const onnx::FunctionProto& proto() const noexcept { return proto_; }

  void use_opset(std::int64_t version) {
    proto_.clear_opset_import();
    proto_.add_opset_import()->set_version(version);
  }

  /// Adds a node; gives the names of its outputs.
  Names nodes(std::string_view op_type, const Names& inputs, std::size_t outputs, const Settings& settings = {}) {
    onnx::NodeProto& node = *proto_.add_node();
    node.set_op_type(std::string(op_type));
    node.set_name(std::string(op_type) + std::to_string(proto_.node_size()));
    for (const Name& name : inputs) node.add_input(name);
    Names names;
    for (std::size_t i = 0; i < outputs; ++i) names.push_back(prefix_ + node.name() + ":" + std::to_string(i));
    for (const Name& name : names) node.add_output(name);
    for (const auto& [name, value] : settings) set(*node.add_attribute(), name, value);
    return names;
  }
  Name node(std::string_view op_type, const Names& inputs, const Settings& settings = {}) { return nodes(op_type, inputs, 1, settings)[0]; }
  onnx::NodeProto& last() { return *proto_.mutable_node(proto_.node_size() - 1); }

  Name list(const std::vector<std::int64_t>& values) { return node("Constant", {}, {{"value_ints", values}}); }
  /// A scalar of the type of `like`.
  Name scalar(float value, const Name& like) { return node("CastLike", {node("Constant", {}, {{"value_float", value}}), like}); }
  /// Dimension `axis` of `of`, as a list.
  Name dimension(const Name& of, std::int64_t axis) { return node("Shape", {of}, {{"start", axis}, {"end", axis + 1}}); }
  /// Either may be omitted.
  Name sum(const Name& a, const Name& b) { return a.empty() ? b : b.empty() ? a : node("Add", {a, b}); }
  /// Makes `value` the output of that name.
  void give(const Name& output, const Name& value) {
    onnx::NodeProto& node = *proto_.add_node();
    node.set_op_type("Identity");
    node.set_name(output);
    node.add_input(value);
    node.add_output(output);
  }

 private:
  static void set(onnx::AttributeProto& attribute, std::string_view name, const Setting::second_type& value) {
    attribute.set_name(std::string(name));
    if (const auto* integer = std::get_if<std::int64_t>(&value)) {
      attribute.set_type(onnx::AttributeProto::INT);
      attribute.set_i(*integer);
    } else if (const auto* number = std::get_if<float>(&value)) {
      attribute.set_type(onnx::AttributeProto::FLOAT);
      attribute.set_f(*number);
    } else if (const auto* text = std::get_if<std::string_view>(&value)) {
      attribute.set_type(onnx::AttributeProto::STRING);
      attribute.set_s(std::string(*text));
    } else {
      attribute.set_type(onnx::AttributeProto::INTS);
      for (const std::int64_t element : std::get<std::vector<std::int64_t>>(value)) attribute.add_ints(element);
    }
  }

  onnx::FunctionProto proto_;
  Name prefix_;
};

}  // namespace hone::inline HONE_ABI::detail
