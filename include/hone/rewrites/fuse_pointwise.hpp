#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/ops/pointwise.hpp>
#include <hone/rewrites/channel_affine.hpp>
#include <hone/rewrites/data_flow.hpp>
#include <hone/rewrites/pointwise_chain.hpp>

namespace hone::inline HONE_ABI::rewrites {

/// Pointwise operators join the node that makes their input, when nobody else uses that: as steps of a chain that runs while the
/// elements are in cache, after a product or on its own. Each patch adds one step. float32 alone. Steps that are known to
/// broaden what the chain has so far do not join it: the steps before would be done again for each repetition.
struct FusePointwise {
  static constexpr std::string_view name = "fuse_pointwise";

  [[nodiscard]] std::optional<Patch> operator()(const DataFlow& flow, std::size_t at) const {
    const Node& node = flow.node(at);
    if (node.outputs[0] == no_value || flow[node.outputs[0]].type != Type(DType::float32) || !flow.varies(node.outputs[0]))
      return std::nullopt;
    if (const auto unary = unary_step(flow, node)) {
      return join(flow, node, *unary, node.inputs[0], no_value);
    }
    const auto binary = binary_step(node);
    if (!binary) return std::nullopt;
    // What computes most is joined first: its result is in cache for every step.
    const auto cost = [&](ValueId id) { return is_product(flow.producer(id)) ? 0 : 1; };
    const std::size_t first = cost(node.inputs[1]) < cost(node.inputs[0]) ? 1 : 0;
    for (const std::size_t k : {first, 1 - first}) {
      if (broadens(flow, node.inputs[k], node.outputs[0])) continue;
      ops::PointwiseStep step = *binary;
      step.swapped = k == 1;
      if (auto patch = join(flow, node, step, node.inputs[k], node.inputs[1 - k])) return patch;
    }
    return std::nullopt;
  }

 private:
  /// What a chain may follow while the result is in cache.
  using Products = ops::OpList<ops::Conv, ops::Gemm, ops::MatMul, ops::PermutedMatMul, ops::ScaledMatMulInteger>;

  /// Whether the result is known to have more elements than the value that it is made of.
  static bool broadens(const DataFlow& flow, ValueId from, ValueId result) {
    const SymbolicShape* v = flow.dims(from);
    const SymbolicShape* y = flow.dims(result);
    if (v == nullptr || y == nullptr || v->size() > y->size()) return false;
    const auto is_one = [](const SymbolicInteger& dim) { return dim == SymbolicInteger{1}; };
    const std::size_t missing = y->size() - v->size();
    for (std::size_t d = 0; d < y->size(); ++d)
      if ((d < missing || is_one((*v)[d - missing])) && !is_one((*y)[d])) return true;
    return false;
  }

  static bool is_product(const Node* node) {
    const auto is_any = [&]<class... Ops>(ops::OpList<Ops...>) {
      return ((node->as<Ops>() != nullptr || node->as<ops::Fused<Ops>>() != nullptr) || ...);
    };
    return node != nullptr && is_any(Products{});
  }

  /// The node with the step joined to what makes `v`.
  static std::optional<Patch> join(const DataFlow& flow, const Node& node, const ops::PointwiseStep& step, ValueId v, ValueId operand) {
    const Node* maker = flow.used_once(v) && flow.varies(v) ? flow.producer(v) : nullptr;
    if (maker == nullptr || maker->op == nullptr || maker->outputs.size() != 1) return std::nullopt;
    std::optional<Patch> patch;
    [&]<class... Ops>(ops::OpList<Ops...>) {
      ((patch = patch ? std::move(patch) : join_fused<Ops>(node, *maker, step, operand)), ...);
    }(Products{});
    if (!patch) patch = join_pointwise(flow, node, *maker, step, operand);
    if (patch) patch->absorbed.push_back(maker);
    return patch;
  }

  template <class Base>
  static std::optional<Patch> join_fused(const Node& node, const Node& maker, const ops::PointwiseStep& step, ValueId operand) {
    using Op = ops::Fused<Base>;
    ChainBuilder chain{{}, maker.inputs, Op::first_operand};
    chain.inputs.resize(std::max(chain.inputs.size(), Op::first_operand), no_value);
    Attributes attributes = maker.attributes;
    Op op;
    if (const auto* fused = maker.as<Op>()) {
      op = *fused;
      chain.chain = fused->chain;
    } else if (const auto* base = maker.as<Base>()) {
      static_cast<Base&>(op) = *base;
    } else {
      return std::nullopt;
    }
    if (!chain.add(step, operand)) return std::nullopt;
    return replace(node, std::move(op), std::move(chain), std::move(attributes));
  }

  static std::optional<Patch> join_pointwise(const DataFlow& flow, const Node& node, const Node& maker, const ops::PointwiseStep& step,
                                             ValueId operand) {
    std::optional<ChainBuilder> chain = read_chain(flow, maker);
    if (!chain || !chain->add(step, operand)) return std::nullopt;
    return replace(node, ops::Pointwise{}, std::move(*chain), maker.as<ops::Pointwise>() != nullptr ? maker.attributes : Attributes{});
  }

  template <class Op>
  static Patch replace(const Node& node, Op op, ChainBuilder chain, Attributes attributes) {
    chain.chain.write(attributes);
    op.chain = std::move(chain.chain);
    Patch patch;
    patch.nodes.push_back(make_node(node, std::move(op), std::move(attributes), std::move(chain.inputs), {node.outputs[0]}));
    return patch;
  }
};

/// BatchNormalization with constant parameters becomes Mul and Add per channel, which join the chains around them. Needs the number of
/// dimensions of its input.
struct SplitBatchNormalization {
  static constexpr std::string_view name = "split_batch_normalization";

  [[nodiscard]] std::optional<Patch> operator()(const DataFlow& flow, std::size_t at) const {
    const Node& node = flow.node(at);
    const auto affine = read_batch_normalization(flow, node);
    if (!affine || flow[node.outputs[0]].type != Type(DType::float32) || !flow.varies(node.inputs[0])) return std::nullopt;
    const std::optional<std::size_t> rank = flow.rank(node.inputs[0]);
    if (!rank || *rank < 2 || *rank > Shape::max_rank || !flow.used_once(node.outputs[0])) return std::nullopt;
    Shape shape = Shape::filled(*rank - 1, 1);
    shape[0] = static_cast<std::int64_t>(affine->scale.size());
    Patch patch;
    const auto constant = [&](const char* suffix, const std::vector<double>& numbers) {
      return patch.add_value(flow.graph(), constant_value<float>(node.name + suffix, shape,
                                                                 [&](float* to) { std::copy(numbers.begin(), numbers.end(), to); }));
    };
    const ValueId scale = constant("/scale", affine->scale);
    const ValueId shift = constant("/shift", affine->shift);
    const ValueId scaled = patch.add_value(flow.graph(), made_value(node.name + "/scaled", DType::float32));
    patch.nodes.push_back(make_node(node, ops::Mul{}, {}, {node.inputs[0], scale}, {scaled}));
    patch.nodes.push_back(make_node(node, ops::Add{}, {}, {scaled, shift}, {node.outputs[0]}));
    return patch;
  }
};

}  // namespace hone::inline HONE_ABI::rewrites
