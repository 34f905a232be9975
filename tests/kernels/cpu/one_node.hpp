#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <hone/graph/graph.hpp>
#include <hone/graph/infer_types.hpp>
#include <hone/providers/cpu.hpp>
#include <hone/providers/cpu_kernels.hpp>
#include <hone/session/evaluate.hpp>

namespace hone_test {

using Values = std::vector<hone::Value>;

inline hone::Attribute integer(std::int64_t value) { return value; }
inline hone::Attribute integers(std::vector<std::int64_t> values) { return values; }
inline hone::Attribute string(std::string value) { return value; }

inline hone::Attributes attributes(std::initializer_list<std::pair<std::string, hone::Attribute>> entries) {
  hone::Attributes result;
  for (const auto& [name, value] : entries) result.set(name, value);
  return result;
}

template <class T>
hone::Value tensor(const hone::Shape& shape, std::initializer_list<T> values) {
  return hone::Tensor<T>(shape, values);
}
inline hone::Value list(std::vector<std::int64_t> values) {
  return hone::Tensor<std::int64_t>({static_cast<std::int64_t>(values.size())}, values);
}
/// 0, 1, 2 …
template <class T>
hone::Value iota(const hone::Shape& shape) {
  hone::Tensor<T> result(shape);
  for (std::size_t i = 0; i < result.size(); ++i) result[i] = static_cast<T>(i);
  return result;
}

template <class... V>
Values values(V&&... value) {
  Values result;
  (result.push_back(std::forward<V>(value)), ...);
  return result;
}

/// Reads a node of operator Op as a model of that opset would have it, and runs the CPU kernel that the node gets. An empty value
/// stands for an omitted input. Attributes that newer opsets take as inputs become such.
template <class Op>
Values run_node(int opset, const hone::Attributes& attributes, Values inputs, std::size_t outputs = 1, int threads = 2) {
  hone::AttributeReader reader(attributes, opset);
  hone::Node node;
  node.op_type = Op::name;
  node.opset = opset;
  node.op = hone::op_info<Op>.create(reader);
  reader.check_all_known();
  for (const hone::MovedAttribute& moved : reader.moved()) {
    if (inputs.size() <= moved.input) inputs.resize(moved.input + 1);
    if (const auto* number = std::get_if<std::int64_t>(moved.value)) inputs[moved.input] = hone::Tensor<std::int64_t>({}, {*number});
    if (const auto* number = std::get_if<float>(moved.value)) inputs[moved.input] = hone::Tensor<float>({}, {*number});
    if (const auto* numbers = std::get_if<std::vector<std::int64_t>>(moved.value)) inputs[moved.input] = list(*numbers);
    if (const auto* numbers = std::get_if<std::vector<float>>(moved.value)) {
      inputs[moved.input] = hone::Tensor<float>({static_cast<std::int64_t>(numbers->size())}, *numbers);
    }
  }
  hone::Graph graph;
  std::vector<hone::TensorRef> refs;
  std::vector<hone::Type> input_types;
  const auto add = [&](const hone::TensorRef& ref) {
    hone::GraphValue value;
    value.type = ref.dtype;
    refs.push_back(ref);
    return graph.add_value(std::move(value));
  };
  std::vector<const hone::TensorRef*> input_refs;
  for (const hone::Value& input : inputs) {
    node.inputs.push_back(input.has_value() ? add(input.ref()) : hone::no_value);
    input_types.push_back(input.has_value() ? hone::Type(input.dtype()) : hone::Type());
    input_refs.push_back(input.has_value() ? &input.ref() : nullptr);
  }
  std::vector<hone::Type> output_types(outputs);
  hone::detail::check_input_types(node.op->info(), input_types);
  node.op->types(hone::TypeContext(input_types, output_types, {}));
  for (const hone::Type& type : output_types) node.outputs.push_back(add({nullptr, type.dtype, {}}));

  const hone::Placement placement = hone::Cpu{}.provider()->place(hone::NodeView(graph, node));
  if (placement.kernel == nullptr) hone::fail(hone::ErrorCode::not_implemented, placement.refusal);
  std::vector<hone::Shape> shapes(outputs);
  const bool data_dependent = node.op->traits().data_dependent;
  if (!data_dependent) node.op->shapes(hone::ShapeContext(input_refs, shapes));
  hone::ThreadPool pool(threads);
  const hone::NodeSlots slots(node, [&](hone::ValueId id) { return refs[hone::index(id)]; });
  return slots.run(*placement.kernel, data_dependent ? std::span<const hone::Shape>() : shapes, pool);
}

template <class T>
void check_tensor(const hone::Value& value, const hone::Shape& shape, std::initializer_list<T> expected) {
  CHECK(hone::to_string(value.shape()) == hone::to_string(shape));
  const auto view = value.view<T>();
  REQUIRE(view.size() == expected.size());
  std::size_t i = 0;
  for (const T& wanted : expected) {
    CAPTURE(i);
    CHECK(view[i++] == wanted);
  }
}

}  // namespace hone_test
