#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>
#include <hone/providers/provider.hpp>

namespace hone::inline HONE_ABI {

/// The name of an attribute of a custom operator, and what it is when a node leaves it out: `{"alpha", 1.0f}`.
struct CustomAttribute {
  CustomAttribute(const char* attribute_name) : name(attribute_name) {}
  CustomAttribute(std::string attribute_name) : name(std::move(attribute_name)) {}
  CustomAttribute(std::string attribute_name, Attribute when_absent) : name(std::move(attribute_name)), absent(std::move(when_absent)) {}

  std::string name;
  std::optional<Attribute> absent;
};

/// What the signature of a custom operator does not say.
struct CustomOpOptions {
  /// One per attribute parameter, in their order. Without any, the parameters take the attributes in the order in which the node lists
  /// them.
  std::vector<CustomAttribute> attributes = {};
  /// Sets the shapes of the outputs; by default all have the shape of input 0. It sees elements of `traits.shape_inputs` alone.
  std::function<void(const ShapeContext&)> shapes = {};
  /// Sets the types of the outputs; by default those of the parameters.
  std::function<void(const TypeContext&)> types = {};
  OpTraits traits = {};
  /// Versions of the domain that it reads.
  int since = 1;
  int until = std::numeric_limits<int>::max();
};

namespace detail {

/// One function of a custom operator: functions of the same name are overloads, which differ in the types of their inputs.
struct CustomOverload {
  struct Input {
    DType dtype;
    bool optional;
  };
  std::vector<Input> inputs;
  std::vector<DType> outputs;
  /// The function takes a Context and no views: any number of inputs and outputs, of any type.
  bool untyped = false;
  CustomOpOptions options;
  std::function<std::unique_ptr<AnyKernel>(const Attributes&)> make_kernel;

  /// `type(i)`: of input `i`, unknown for an omitted one.
  template <class TypeOf>
  [[nodiscard]] bool accepts(std::size_t count, const TypeOf& type) const {
    if (untyped) return true;
    if (count > inputs.size()) return false;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const Type given = i < count ? type(i) : Type();
      if (given.is_known() ? !(given == Type(inputs[i].dtype)) : !inputs[i].optional) return false;
    }
    return true;
  }

  [[nodiscard]] std::string signature() const {
    std::string result;
    for (const Input& input : inputs) result += text(result.empty() ? "" : ", ", Type(input.dtype), input.optional ? "?" : "");
    return untyped ? "(...)" : "(" + result + ")";
  }
};

/// A custom operator as the importer sees it.
class CustomOp : public OpInfo {
 public:
  /// What its nodes keep.
  struct Members {
    const CustomOp* op;
    Attributes attributes;
  };

  CustomOp(std::string domain_name, std::string op_name, std::vector<CustomOverload> with)
      : OpInfo{"",           "",           with[0].options.since, with[0].options.until, &read_members, {}, with[0].options.traits,
               &infer_types, &infer_shapes},
        domain_(std::move(domain_name)),
        name_(std::move(op_name)),
        overloads_(std::move(with)) {
    domain = domain_;
    name = name_;
    arity = {Arity::any, 0, Arity::any, 0};
    for (const CustomOverload& overload : overloads_) {
      if (overload.untyped) arity = {0, Arity::any, 0, Arity::any};
      std::size_t required = overload.inputs.size();
      while (required > 0 && overload.inputs[required - 1].optional) --required;
      arity.min_inputs = std::min(arity.min_inputs, required);
      arity.max_inputs = std::max(arity.max_inputs, overload.inputs.size());
      arity.min_outputs = std::min(arity.min_outputs, overload.outputs.size());
      arity.max_outputs = std::max(arity.max_outputs, overload.outputs.size());
    }
  }
  CustomOp(const CustomOp&) = delete;
  CustomOp& operator=(const CustomOp&) = delete;

  [[nodiscard]] const std::vector<CustomOverload>& overloads() const noexcept { return overloads_; }

  /// The first overload for inputs of these types, null when there is none.
  template <class TypeOf>
  [[nodiscard]] const CustomOverload* find(std::size_t count, const TypeOf& type) const {
    for (const CustomOverload& overload : overloads_)
      if (overload.accepts(count, type)) return &overload;
    return nullptr;
  }

 private:
  static AnyObject read_members(const OpInfo& info, AttributeReader& reader) {
    return AnyObject::make<Members>(Members{static_cast<const CustomOp*>(&info), reader.all()});
  }

  static void infer_types(const void* members, const TypeContext& c) {
    const CustomOp& op = *static_cast<const Members*>(members)->op;
    const auto* overload = op.find(c.input_count(), [&](std::size_t i) { return c.input(i); });
    if (overload == nullptr) {
      std::string given;
      for (std::size_t i = 0; i < c.input_count(); ++i) given += text(i == 0 ? "" : ", ", c.input(i));
      std::string known;
      for (const CustomOverload& other : op.overloads_) known += text(known.empty() ? "" : ", ", other.signature());
      fail(ErrorCode::invalid_graph, "the custom operator takes ", known, ", not (", given, ")");
    }
    if (overload->options.types) return overload->options.types(c);
    for (std::size_t i = 0; i < c.output_count(); ++i) c.output(i, overload->untyped ? c.input(0) : Type(overload->outputs[i]));
  }

  static void infer_shapes(const void* members, const ShapeContext& c) {
    const CustomOp& op = *static_cast<const Members*>(members)->op;
    const auto* overload = op.find(c.input_count(), [&](std::size_t i) { return c.has_input(i) ? Type(c.dtype(i)) : Type(); });
    if (overload != nullptr && overload->options.shapes) return overload->options.shapes(c);
    for (std::size_t i = 0; i < c.output_count(); ++i) c.output(i, c.shape(0));
  }

  std::string domain_;
  std::string name_;
  std::vector<CustomOverload> overloads_;
};

/// Runs the custom operators of a session; it stands before all other providers.
class CustomOpProvider final : public Provider {
 public:
  static constexpr std::string_view own_name = "CustomOps";

  explicit CustomOpProvider(std::vector<std::shared_ptr<const CustomOp>> ops) : ops_(std::move(ops)) {}

  [[nodiscard]] std::string_view name() const noexcept override { return own_name; }
  [[nodiscard]] std::vector<const OpInfo*> operators() const override {
    std::vector<const OpInfo*> result;
    for (const auto& op : ops_) result.push_back(op.get());
    return result;
  }
  [[nodiscard]] Placement place(const NodeView& node) const override {
    Placement placement;
    for (const auto& op : ops_) {
      if (&node.node().op->info() != op.get()) continue;
      const auto* overload = op->find(node.input_count(), [&](std::size_t i) { return node.input_type(i); });
      if (overload == nullptr) break;  // type inference has said so
      for (std::size_t i = 0; i < overload->outputs.size(); ++i) {
        if (node.has_output(i)) continue;
        placement.refusal = text("the node leaves output ", i, " out, which the custom operator writes");
        return placement;
      }
      placement.kernel = overload->make_kernel(node.node().op->members<CustomOp::Members>().attributes);
      placement.name = text(node.node().op_type, overload->signature());
      placement.deterministic = overload->options.traits.deterministic;
      return placement;
    }
    placement.refusal = "it is no custom operator";
    return placement;
  }

 private:
  std::vector<std::shared_ptr<const CustomOp>> ops_;
};

}  // namespace detail
}  // namespace hone::inline HONE_ABI
