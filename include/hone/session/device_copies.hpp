#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/graph/registry.hpp>
#include <hone/ops/copy.hpp>
#include <hone/session/program.hpp>
#include <hone/session/report.hpp>

namespace hone::inline HONE_ABI::detail {

/// Copies its input to or from a device.
class CopyKernel final : public AnyKernel {
 public:
  /// `waits`: a kernel of the host reads the result.
  explicit CopyKernel(bool waits) : waits_(waits) {}
  void run(Context& c) const override {
    if (c.input(0).bytes() == 0) return;
    c.queue()->copy(c.output(0).data, c.input(0).data, c.input(0).bytes());
    if (waits_) c.queue()->wait();
  }

 private:
  bool waits_;
};

/// The elements of a tensor of the host, in the memory of `device`. Errors: resource_exhausted, runtime_exception.
[[nodiscard]] inline Buffer upload(const TensorRef& from, const Device& device) {
  Buffer to(from.bytes(), &device);
  if (from.bytes() != 0) device.copy(to.data(), from.data, from.bytes());
  return to;
}

/// Puts a Copy wherever a node, or the caller, needs a value in another memory than that in which it is made. Constants are copied at
/// once, and the rest in each run, just before the first node that needs it.
class DeviceCopies {
 public:
  explicit DeviceCopies(Program& program) : program_(program), graph_(program.graph) {}

  /// The inputs of the node with constants of the device in place of those that its kernel reads there.
  [[nodiscard]] std::vector<ValueId> upload_constants(const Node& node, const Program::PlacedNode& placed, InputSet packed) {
    std::vector<ValueId> inputs = node.inputs;
    if (placed.memory == Program::host_memory) return inputs;
    const InputSet elsewhere = packed | node.op->traits().shape_inputs | node.op->traits().unread_inputs;
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      if (inputs[k] == no_value || contains(elsewhere, k) || !graph_[inputs[k]].constant || uploaded(inputs[k])) continue;
      const auto [found, is_new] = copies_.try_emplace({inputs[k], placed.memory}, no_value);
      if (is_new) found->second = upload(inputs[k], placed.memory);
      inputs[k] = found->second;
    }
    return inputs;
  }

  /// The inputs of the node that are others now.
  [[nodiscard]] static InputSet replaced(const Node& node, const std::vector<ValueId>& by) {
    InputSet set = 0;
    for (std::size_t k = 0; k < by.size() && k < 31; ++k)
      if (by[k] != node.inputs[k]) set |= InputSet{1} << k;
    return set;
  }

  /// Inserts the nodes, and reports them. `is_subgraph`: a node of the host reads the outputs.
  void insert(bool is_subgraph, Report& report) {
    if (program_.devices.empty()) return;
    program_.memories.resize(graph_.values.size(), Program::host_memory);
    std::vector<Node> nodes = std::exchange(graph_.nodes, {});
    std::vector<Program::PlacedNode> placed = std::exchange(program_.placed, {});
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      Node& node = nodes[i];
      const OpTraits& traits = node.op->traits();
      for (std::size_t k = 0; k < node.inputs.size(); ++k) {
        if (node.inputs[k] == no_value || contains(traits.unread_inputs, k)) continue;
        node.inputs[k] =
            in_memory(node.inputs[k], contains(traits.shape_inputs, k) ? Program::host_memory : placed[i].memory, true, report);
      }
      for (const auto& subprogram : placed[i].subprograms)
        for (Capture& capture : subprogram->graph.captures) capture.outer = in_memory(capture.outer, Program::host_memory, true, report);
      for (const ValueId id : node.outputs)
        if (id != no_value) program_.memories[index(id)] = placed[i].memory;
      graph_.nodes.push_back(std::move(node));
      program_.placed.push_back(std::move(placed[i]));
    }
    for (ValueId& id : graph_.outputs) id = in_memory(id, Program::host_memory, is_subgraph, report);
  }

 private:
  [[nodiscard]] bool uploaded(ValueId id) const { return program_.memory(id) != Program::host_memory; }

  [[nodiscard]] ValueId upload(ValueId id, std::uint8_t memory) {
    const TensorRef& from = graph_[id].constant->tensor;
    auto buffer = std::make_shared<Buffer>(detail::upload(from, *program_.device(memory)));
    const TensorRef ref{buffer->data(), from.dtype, from.shape};
    return add_value(graph_.add_constant(graph_[id].name, {ref, std::move(buffer)}), memory);
  }

  ValueId add_value(ValueId id, std::uint8_t memory) {
    program_.memories.resize(graph_.values.size(), Program::host_memory);
    program_.memories[index(id)] = memory;
    return id;
  }

  /// The value in this memory, by a copy where it is in another.
  [[nodiscard]] ValueId in_memory(ValueId id, std::uint8_t memory, bool waits, Report& report) {
    const std::uint8_t from = program_.memory(id);
    if (from == memory) return id;
    if (const auto found = copies_.find({id, memory}); found != copies_.end()) return found->second;
    if (from != Program::host_memory && memory != Program::host_memory)
      return in_memory(in_memory(id, Program::host_memory, true, report), memory, waits, report);

    const bool to_host = memory == Program::host_memory;
    const std::uint8_t device = to_host ? from : memory;
    GraphValue value{graph_[id].name, graph_[id].type, graph_[id].shape, std::nullopt};
    const ValueId copy = add_value(graph_.add_value(std::move(value)), memory);
    Node node;
    node.name = graph_[id].name + (to_host ? ", to the host" : ", to the device");
    node.domain = std::string(ops::Copy::domain);
    node.op_type = std::string(ops::Copy::name);
    node.opset = 1;
    node.op = std::make_unique<Operator>(op_info<ops::Copy>, AnyObject::make<ops::Copy>());
    node.inputs = {id};
    node.outputs = {copy};
    Program::PlacedNode placed;
    placed.kernel = std::make_unique<CopyKernel>(to_host && waits);
    placed.provider = program_.device(device)->name();
    placed.memory = device;
    report.nodes.push_back({node.name, node.qualified_op(), node.opset, placed.provider, "Copy", {}});
    graph_.nodes.push_back(std::move(node));
    program_.placed.push_back(std::move(placed));
    copies_.emplace(std::pair(id, memory), copy);
    return copy;
  }

  Program& program_;
  Graph& graph_;
  std::map<std::pair<ValueId, std::uint8_t>, ValueId> copies_;
};

/// By node, whether it belongs to the arithmetic of shapes: all that becomes of its results are shape inputs of other nodes, or it follows
/// from constants and shapes alone and makes integers. The host computes those while it plans a run.
[[nodiscard]] inline std::vector<bool> nodes_that_make_shapes(const Graph& graph) {
  enum class Use : std::uint8_t { none, shape, element };
  std::vector<Use> uses(graph.values.size(), Use::none);
  std::vector<bool> makes(graph.nodes.size(), false);
  for (const ValueId id : graph.outputs) uses[index(id)] = Use::element;
  const auto use = [&](ValueId id, Use as) {
    if (id != no_value && uses[index(id)] != Use::element) uses[index(id)] = as;
  };
  for (std::size_t i = graph.nodes.size(); i-- > 0;) {
    const Node& node = graph.nodes[i];
    if (node.op == nullptr) continue;
    bool shapes = node.subgraphs.empty() && !node.outputs.empty();
    for (const ValueId id : node.outputs) shapes = shapes && (id == no_value || uses[index(id)] == Use::shape);
    makes[i] = shapes;
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      const bool shape = shapes || contains(node.op->traits().shape_inputs, k);
      if (!contains(node.op->traits().unread_inputs, k)) use(node.inputs[k], shape ? Use::shape : Use::element);
    }
    for (const Subgraph& subgraph : node.subgraphs)
      for (const Capture& capture : subgraph.graph->captures) use(capture.outer, Use::element);
  }
  std::vector<bool> known(graph.values.size());
  for (std::size_t i = 0; i < known.size(); ++i) known[i] = graph.values[i].constant.has_value();
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (node.op == nullptr || !node.op->traits().deterministic || !node.subgraphs.empty()) continue;
    bool inputs_known = true;
    for (std::size_t k = 0; k < node.inputs.size(); ++k)
      inputs_known =
          inputs_known && (node.inputs[k] == no_value || known[index(node.inputs[k])] || contains(node.op->traits().unread_inputs, k));
    if (!inputs_known) continue;
    for (const ValueId id : node.outputs) {
      if (id == no_value) continue;
      known[index(id)] = true;
      const Type& type = graph[id].type;
      makes[i] = makes[i] || (type.is_tensor() && (type.dtype == DType::int64 || type.dtype == DType::int32));
    }
  }
  return makes;
}

}  // namespace hone::inline HONE_ABI::detail
