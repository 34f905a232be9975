#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/graph/graph.hpp>
#include <hone/rewrites/known_shapes.hpp>
#include <hone/rewrites/patch.hpp>
#include <hone/rewrites/shape_inference.hpp>

namespace hone::inline HONE_ABI {

/// A graph with the answers that passes ask for: which node makes a value, and who uses it. Applies patches and keeps both true.
class DataFlow {
 public:
  DataFlow(Graph& graph, InputShapes inputs) : graph_(graph), shapes_(graph, inputs) { read(); }

  [[nodiscard]] const Graph& graph() const noexcept { return graph_; }
  [[nodiscard]] const GraphValue& operator[](ValueId id) const { return graph_[id]; }
  [[nodiscard]] const Node& node(std::size_t at) const { return graph_.nodes[at]; }
  [[nodiscard]] std::size_t size() const noexcept { return graph_.nodes.size(); }

  /// The node that makes the value; null for inputs and constants.
  [[nodiscard]] const Node* producer(ValueId id) const noexcept {
    return id == no_value || makers_[index(id)] == none ? nullptr : &graph_.nodes[makers_[index(id)]];
  }
  /// The node that makes the value when it runs an Op, else null.
  template <class Op>
  [[nodiscard]] const Node* made_by(ValueId id) const noexcept {
    const Node* node = producer(id);
    return node != nullptr && node->as<Op>() != nullptr ? node : nullptr;
  }
  /// Nodes that use the value, once per use, in no order.
  [[nodiscard]] std::span<const std::size_t> users(ValueId id) const noexcept { return users_[index(id)]; }
  [[nodiscard]] bool is_output(ValueId id) const noexcept {
    return std::find(graph_.outputs.begin(), graph_.outputs.end(), id) != graph_.outputs.end();
  }
  /// One node uses the value, in one place, and the graph does not give it out: that node may absorb what makes it.
  [[nodiscard]] bool used_once(ValueId id) const noexcept { return users_[index(id)].size() == 1 && !is_output(id); }
  /// Whether the elements of the value may differ between runs on inputs of the same shapes. What does not is computed once per shape.
  [[nodiscard]] bool varies(ValueId id) const noexcept { return varies_[index(id)]; }

  /// The value when it is a constant tensor, else null.
  [[nodiscard]] const TensorRef* constant(ValueId id) const noexcept {
    return id != no_value && graph_[id].constant ? &graph_[id].constant->tensor : nullptr;
  }
  /// The element of a floating-point constant that has one.
  [[nodiscard]] std::optional<double> scalar(ValueId id) const noexcept {
    const TensorRef* tensor = constant(id);
    if (tensor == nullptr || tensor->elements() != 1) return std::nullopt;
    if (tensor->dtype == DType::float32) return *tensor->as<const float>();
    if (tensor->dtype == DType::float64) return *tensor->as<const double>();
    return std::nullopt;
  }
  /// Whether the value is a constant of one element that cannot broaden `other`: it has no dimensions, or no more than `other`.
  [[nodiscard]] bool is_scalar_beside(ValueId id, ValueId other) const {
    const TensorRef* tensor = constant(id);
    if (tensor == nullptr || tensor->elements() != 1) return false;
    return tensor->shape.rank() == 0 || tensor->shape.rank() <= rank(other).value_or(0);
  }
  /// The number of dimensions, where the model or what makes the value tells.
  [[nodiscard]] std::optional<std::size_t> rank(ValueId id) const noexcept {
    const SymbolicShape* shape = dims(id);
    return shape != nullptr ? std::optional(shape->size()) : std::nullopt;
  }
  /// The dimensions, as far as the model or what makes the value tells; null where not even their number is known.
  [[nodiscard]] const SymbolicShape* dims(ValueId id) const noexcept { return id != no_value ? shapes_.dims(id) : nullptr; }
  /// The elements of a value that holds a shape, likewise.
  [[nodiscard]] const SymbolicShape* elements(ValueId id) const noexcept { return id != no_value ? shapes_.elements(id) : nullptr; }
  /// Whether both values have the same dimensions in every run.
  [[nodiscard]] bool same_shape(ValueId a, ValueId b) const noexcept {
    return dims(a) != nullptr && dims(b) != nullptr && *dims(a) == *dims(b);
  }

  /// Adds the values of a patch, so that its nodes can be looked at; apply() does the rest, take_back() removes them again.
  void add_values(Patch& patch) {
    for (GraphValue& value : patch.values) graph_.add_value(std::move(value));
    patch.values.clear();
    resize();
  }
  void take_back(std::size_t values) {
    graph_.values.resize(values);
    resize();
  }

  /// Puts the patch in place of node `at`. What it leaves without a use is emptied; remove_dead_nodes() takes it away.
  void apply(std::size_t at, Patch patch) {
    add_values(patch);
    if (patch.nodes.size() == 1 && patch.others.empty()) {
      detach(at);
      graph_.nodes[at] = std::move(patch.nodes[0]);
      attach(at);
    } else {
      patch.others.emplace_back(at, std::move(patch.nodes));
      replace_nodes(patch.others);
    }
    for (auto& [id, constant] : patch.constants) {
      graph_[id].constant = std::move(constant);
      varies_[index(id)] = false;
      shapes_.set_constant(graph_, id);
      share_constant(id);
    }
    for (const auto& [from, to] : patch.replacements) replace_uses(from, to);
    sweep();
  }

  /// Adds what has become known of shapes, by constants above all.
  void refresh_shapes() {
    for (const Node& node : graph_.nodes) learn_shapes(graph_, shapes_, node);
  }

  /// Removes nodes none of whose results is used, and constants that nobody uses; returns how many nodes.
  std::size_t remove_dead_nodes() {
    std::vector<std::size_t>& unused = unused_;
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) unused.push_back(i);
    sweep();
    const std::size_t count = std::erase_if(graph_.nodes, [](const Node& node) { return node.outputs.empty(); });
    if (count != 0) read();
    for (std::size_t i = 0; i < graph_.values.size(); ++i)
      if (users_[i].empty() && !is_output(ValueId{static_cast<std::uint32_t>(i)})) graph_.values[i].constant.reset();
    return count;
  }

 private:
  static constexpr std::size_t none = std::numeric_limits<std::size_t>::max();

  void resize() {
    makers_.resize(graph_.values.size(), none);
    users_.resize(graph_.values.size());
    varies_.resize(graph_.values.size(), true);
    shapes_.resize(graph_);
  }

  void read() {
    makers_.clear();
    users_.clear();
    varies_.clear();
    resize();
    for (std::size_t i = 0; i < graph_.values.size(); ++i) varies_[i] = !graph_.values[i].constant.has_value();
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) attach(i);
  }

  void attach(std::size_t at) {
    const Node& node = graph_.nodes[at];
    for_each_use(node, [&](ValueId id) { users_[index(id)].push_back(at); });
    for (const ValueId id : node.outputs) {
      if (id == no_value) continue;
      makers_[index(id)] = at;
      varies_[index(id)] = !graph_[id].constant && result_varies(node);
    }
    if (!shapes_.knows(node)) learn_shapes(graph_, shapes_, node);
  }
  void detach(std::size_t at) {
    const Node& node = graph_.nodes[at];
    for_each_use(node, [&](ValueId id) {
      std::vector<std::size_t>& users = users_[index(id)];
      const auto found = std::find(users.begin(), users.end(), at);
      if (found != users.end()) users.erase(found);
      if (users.empty() && makers_[index(id)] != none) unused_.push_back(makers_[index(id)]);
    });
    for (const ValueId id : node.outputs)
      if (id != no_value) makers_[index(id)] = none;
  }
  [[nodiscard]] bool result_varies(const Node& node) const {
    if (node.op == nullptr || !node.op->traits().deterministic || !node.subgraphs.empty()) return true;
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      if (node.inputs[k] != no_value && !contains(node.op->traits().unread_inputs, k) && varies_[index(node.inputs[k])]) return true;
    }
    return false;
  }

  /// Empties nodes and puts others behind each of them.
  void replace_nodes(std::vector<std::pair<std::size_t, std::vector<Node>>>& places) {
    std::sort(places.begin(), places.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    bool added = false;
    for (auto& [at, nodes] : places) {
      detach(at);
      graph_.nodes[at].outputs.clear();
      graph_.nodes[at].inputs.clear();
      graph_.nodes[at].subgraphs.clear();
      added = added || !nodes.empty();
    }
    if (!added) return;
    for (std::size_t& at : unused_)
      for (const auto& [place, nodes] : places)
        if (place < at) at += nodes.size();
    for (auto& [at, nodes] : places) {
      graph_.nodes.insert(graph_.nodes.begin() + static_cast<std::ptrdiff_t>(at) + 1, std::make_move_iterator(nodes.begin()),
                          std::make_move_iterator(nodes.end()));
    }
    read();
  }

  void replace_uses(ValueId from, ValueId to) {
    std::vector<std::size_t> users = std::move(users_[index(from)]);
    users_[index(from)].clear();
    for (const std::size_t user : users) {
      Node& node = graph_.nodes[user];
      for (ValueId& id : node.inputs)
        if (id == from) id = to;
      for (Subgraph& subgraph : node.subgraphs)
        for (Capture& capture : subgraph.graph->captures)
          if (capture.outer == from) capture.outer = to;
      users_[index(to)].push_back(user);
    }
    for (ValueId& id : graph_.outputs)
      if (id == from) id = to;
    if (graph_[to].constant) share_constant(to);
    if (makers_[index(from)] != none) unused_.push_back(makers_[index(from)]);
  }

  /// Empties the nodes of unused_ that nobody needs, and those that only they needed.
  void sweep() {
    while (!unused_.empty()) {
      const std::size_t at = unused_.back();
      unused_.pop_back();
      Node& node = graph_.nodes[at];
      const bool used = std::any_of(node.outputs.begin(), node.outputs.end(), [&](ValueId id) {
        return id != no_value && makers_[index(id)] == at && (!users_[index(id)].empty() || is_output(id));
      });
      if (used || node.outputs.empty()) continue;
      detach(at);
      node.inputs.clear();
      node.outputs.clear();
      node.subgraphs.clear();
    }
  }

  /// Subgraphs do not capture what has become a constant: they have it too.
  void share_constant(ValueId id) {
    bool shared = false;
    for (const std::size_t user : users_[index(id)]) shared = share_constant(graph_, graph_.nodes[user], id) || shared;
    if (shared) read();
  }
  static bool share_constant(const Graph& graph, Node& node, ValueId id) {
    bool shared = false;
    for (Subgraph& subgraph : node.subgraphs) {
      std::erase_if(subgraph.graph->captures, [&](const Capture& capture) {
        if (capture.outer != id) return false;
        (*subgraph.graph)[capture.inner].constant = graph[id].constant;
        for (Node& inner : subgraph.graph->nodes) share_constant(*subgraph.graph, inner, capture.inner);
        return shared = true;
      });
    }
    return shared;
  }

  Graph& graph_;
  std::vector<std::size_t> makers_;              // by value
  std::vector<std::vector<std::size_t>> users_;  // by value
  std::vector<bool> varies_;                     // by value
  KnownShapes shapes_;
  std::vector<std::size_t> unused_;  // nodes that may have become dead
};

}  // namespace hone::inline HONE_ABI
