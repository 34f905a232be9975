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
#include <hone/ops/blocked.hpp>
#include <hone/ops/concat.hpp>
#include <hone/ops/pointwise.hpp>
#include <hone/ops/resize.hpp>
#include <hone/ops/split.hpp>
#include <hone/rewrites/channel_affine.hpp>
#include <hone/rewrites/data_flow.hpp>

namespace hone::inline HONE_ABI::rewrites {

/// Side of the tiles by which Winograd's algorithm takes a 3 x 3 convolution of `inputs` to `outputs` channels and `height` x `width`
/// results soonest, 0 where the definition is faster. Costs in cycles: 32 multiply-adds each, or 4 bytes of weights from beyond the caches,
/// whichever take longer, and what the transforms of a tile take. With `few_planes`, the definition reads the input as it is, while for
/// Winograd's algorithm it has to be blocked.
[[nodiscard]] inline std::int64_t best_winograd_tile(std::int64_t inputs, std::int64_t outputs, std::int64_t height, std::int64_t width,
                                                     bool few_planes = false) {
  const double c = static_cast<double>(inputs);
  const double m = static_cast<double>(ops::channel_blocks(outputs) * ops::channel_block);
  const double transformed = static_cast<double>(ops::channel_blocks(inputs) * ops::channel_block) + m;
  const auto cost = [&](double products, double weights) { return std::max(products * c * m / 32, 4 * weights * c * m / 4); };
  const double blocking = few_planes ? 16 * static_cast<double>(height * width) : 0;
  double best = 0.9 * cost(static_cast<double>(height * width) * 9, 9);
  std::int64_t tile = 0;
  for (const auto& [side, transform] : {std::pair<std::int64_t, double>(2, 6), {4, 14}}) {
    const double tiles = static_cast<double>((height + side - 1) / side * ((width + side - 1) / side));
    const double points = static_cast<double>((side + 2) * (side + 2));
    const double total = cost(tiles * points, points) + tiles * transform * transformed + blocking;
    if (total < best) {
      best = total;
      tile = side;
    }
  }
  return tile;
}

/// Convolutions in two dimensions compute blocks of channels (ops/blocked.hpp), and so do the poolings, pointwise operators and
/// concatenations between them: Conv becomes UnblockChannels(BlockedConv(BlockChannels)), UnblockChannels moves down past operators that
/// have a blocked form, and cancels where it meets BlockChannels. float32 with constant weights. Convolutions that no other one is near
/// stay.
struct BlockChannels {
  static constexpr std::string_view name = "block_channels";

  [[nodiscard]] std::optional<Patch> operator()(const DataFlow& flow, std::size_t at) const {
    const Node& node = flow.node(at);
    if (node.outputs[0] == no_value || flow[node.outputs[0]].type != Type(DType::float32)) return std::nullopt;
    if (const auto* op = node.as<ops::Conv>()) return block_conv(flow, node, *op, nullptr);
    if (const auto* op = node.as<ops::Fused<ops::Conv>>()) return block_conv(flow, node, *op, &op->chain);
    if (node.as<ops::BlockChannels>() != nullptr) return cancel(flow, node);
    if (auto patch = read_blocked<ops::BlockedConv>(flow, node)) return patch;
    if (auto patch = read_blocked<ops::Fused<ops::BlockedConv>>(flow, node)) return patch;
    if (auto patch = block_pool<ops::MaxPool, ops::BlockedMaxPool>(flow, node)) return patch;
    if (auto patch = block_pool<ops::AveragePool, ops::BlockedAveragePool>(flow, node)) return patch;
    if (auto patch = block_pool<ops::GlobalAveragePool, ops::BlockedGlobalAveragePool>(flow, node)) return patch;
    if (auto patch = block_mean(flow, node)) return patch;
    if (auto patch = block_concat(flow, node)) return patch;
    if (auto patch = block_split(flow, node)) return patch;
    if (auto patch = block_resize(flow, node)) return patch;
    if (auto patch = block_unary(ops::PointwiseUnary{}, flow, node)) return patch;
    if (auto patch = block_binary(ops::PointwiseBinary{}, flow, node)) return patch;
    return block_pointwise(flow, node);
  }

 private:
  /// A patch in the making.
  struct Builder {
    const DataFlow& flow;
    const Node& of;
    Patch patch;

    ValueId add(GraphValue value) { return patch.add_value(flow.graph(), std::move(value)); }
    ValueId blocked_value(ValueId like) { return add(made_value(flow[like].name + "/blocked", DType::float32)); }
    template <class Op>
    void node(Op op, Attributes attributes, std::vector<ValueId> inputs, ValueId output) {
      patch.nodes.push_back(make_node(of, std::move(op), std::move(attributes), std::move(inputs), {output}));
    }
    /// The node that gives the blocked result, and one that makes it planes again.
    template <class Op>
    Patch finish(Op op, Attributes attributes, std::vector<ValueId> inputs, std::int64_t channels) {
      const ValueId blocked = blocked_value(of.outputs[0]);
      node(std::move(op), std::move(attributes), std::move(inputs), blocked);
      unblock(blocked, channels, of.outputs[0]);
      return std::move(patch);
    }
    void unblock(ValueId blocked, std::int64_t channels, ValueId planes) {
      ops::UnblockChannels op;
      op.channels = channels;
      node(op, {{"channels", channels}}, {blocked}, planes);
      patch.nodes.back().name += "/unblock";
    }
    ValueId block(ValueId x) {
      const ValueId blocked = blocked_value(x);
      node(ops::BlockChannels{}, {}, {x}, blocked);
      patch.nodes.back().name += "/block";
      return blocked;
    }
  };

  /// The blocked tensor behind UnblockChannels; no_value where there is none of that many channels.
  static ValueId blocked(const DataFlow& flow, ValueId id, std::int64_t channels) {
    const Node* unblock = flow.made_by<ops::UnblockChannels>(id);
    return unblock != nullptr && unblock->as<ops::UnblockChannels>()->channels == channels ? unblock->inputs[0] : no_value;
  }
  static std::optional<std::int64_t> blocked_channels(const DataFlow& flow, ValueId id) {
    const Node* unblock = flow.made_by<ops::UnblockChannels>(id);
    return unblock != nullptr ? std::optional(unblock->as<ops::UnblockChannels>()->channels) : std::nullopt;
  }

  /// What takes the place of an operand beside a blocked tensor; no_value where nothing does.
  ValueId operand(Builder& b, ValueId id, std::int64_t channels) const {
    if (const TensorRef* constant = b.flow.constant(id)) {
      if (constant->elements() == 1 && constant->shape.rank() <= 4) return id;
      const auto numbers = detail::per_channel(constant, static_cast<std::size_t>(channels), 4);
      if (!numbers) return no_value;
      const std::int64_t blocks = ops::channel_blocks(channels);
      return b.add(constant_value<float>(b.flow[id].name + "/blocked", Shape{1, blocks, 1, 1, ops::channel_block}, [&](float* to) {
        std::fill(std::copy(numbers->begin(), numbers->end(), to), to + blocks * ops::channel_block, 0.0f);
      }));
    }
    if (const ValueId inner = blocked(b.flow, id, channels); inner != no_value) return inner;
    const SymbolicShape* shape = b.flow.dims(id);
    if (shape == nullptr || shape->size() != 4 || !((*shape)[1] == SymbolicInteger{channels})) return no_value;
    return b.block(id);
  }

  template <class Conv>
  std::optional<Patch> block_conv(const DataFlow& flow, const Node& node, const Conv& op, const ops::PointwiseChain* chain) const {
    const TensorRef* weights = flow.constant(node.inputs[1]);
    const bool has_bias = node.inputs.size() > 2 && node.inputs[2] != no_value;
    if (weights == nullptr || weights->shape.rank() != 4 || weights->elements() == 0 ||
        (has_bias && flow.constant(node.inputs[2]) == nullptr)) {
      return std::nullopt;
    }
    const Shape& w = weights->shape;
    const std::int64_t inputs = w[1] * op.group;
    const std::int64_t outputs = w[0];
    const std::int64_t taps = w[2] * w[3];
    const bool depthwise = op.group != 1 && w[1] == 1 && outputs == op.group;
    const bool whole_groups = w[1] % ops::channel_block == 0 && outputs / op.group % ops::channel_block == 0;
    if ((op.group != 1 && !depthwise && !whole_groups) || outputs < ops::channel_block / 2 || taps > 256) return std::nullopt;

    const ValueId x = blocked(flow, node.inputs[0], inputs);
    if (x == no_value && !reaches_conv(flow, node.outputs[0], 6)) return std::nullopt;
    Builder b{flow, node, {}};
    ops::BlockedConv conv;
    static_cast<ops::Conv&>(conv) = op;
    Attributes attributes = node.attributes;
    const SymbolicShape* y = flow.dims(node.outputs[0]);
    // Planes of unknown size are taken for large ones.
    const auto size = [&](std::size_t d) { return y != nullptr && y->size() == 4 && (*y)[d].is_number() ? (*y)[d].number : 64; };
    const auto ones = [](const std::vector<std::int64_t>& list) {
      return std::all_of(list.begin(), list.end(), [](std::int64_t value) { return value == 1; });
    };
    // A few planes are read as they are; neighbours in many of them lie too far apart.
    const bool few_planes = x == no_value && op.group == 1 && inputs < ops::channel_block;
    if (op.group == 1 && w[2] == 3 && w[3] == 3 && ones(op.window.strides) && ones(op.window.dilations)) {
      conv.winograd_tile = best_winograd_tile(inputs, outputs, size(2), size(3), few_planes);
    }
    attributes.set("winograd_tile", conv.winograd_tile);
    const bool planar = few_planes && conv.winograd_tile == 0;
    std::vector<ValueId> args = node.inputs;
    args[0] = x != no_value ? x : planar ? node.inputs[0] : b.block(node.inputs[0]);
    if (chain == nullptr) return b.finish(conv, std::move(attributes), std::move(args), outputs);

    for (std::size_t k = ops::Fused<ops::Conv>::first_operand; k < args.size(); ++k) {
      args[k] = operand(b, args[k], outputs);
      if (args[k] == no_value) return std::nullopt;
    }
    ops::Fused<ops::BlockedConv> fused;
    static_cast<ops::BlockedConv&>(fused) = conv;
    fused.chain = *chain;
    return b.finish(fused, std::move(attributes), std::move(args), outputs);
  }

  /// Whether a Conv reads the value, or what up to `depth` operators that have a blocked form make of it.
  static bool reaches_conv(const DataFlow& flow, ValueId id, int depth) {
    for (const std::size_t user : flow.users(id)) {
      const Node& node = flow.node(user);
      if (node.op == nullptr) continue;
      if (node.as<ops::Conv>() != nullptr || node.as<ops::Fused<ops::Conv>>() != nullptr) return true;
      if (depth == 0 || !has_blocked_form(node)) continue;
      for (const ValueId output : node.outputs)
        if (output != no_value && reaches_conv(flow, output, depth - 1)) return true;
    }
    return false;
  }
  static bool has_blocked_form(const Node& node) {
    const auto runs = [&]<class... Ops>(ops::OpList<Ops...>) { return ((node.as<Ops>() != nullptr) || ...); };
    return runs(ops::PointwiseUnary{}) || runs(ops::PointwiseBinary{}) ||
           runs(ops::OpList<ops::Pointwise, ops::MaxPool, ops::AveragePool, ops::GlobalAveragePool, ops::Concat, ops::Split, ops::Resize,
                            ops::BlockChannels, ops::UnblockChannels>{});
  }

  /// BlockChannels of UnblockChannels is what that was made of.
  static std::optional<Patch> cancel(const DataFlow& flow, const Node& node) {
    const Node* unblock = flow.made_by<ops::UnblockChannels>(node.inputs[0]);
    if (unblock == nullptr) return std::nullopt;
    Patch patch;
    patch.replacements.emplace_back(node.outputs[0], unblock->inputs[0]);
    return patch;
  }

  /// A convolution that reads planes which are made of blocks reads the blocks.
  template <class Op>
  static std::optional<Patch> read_blocked(const DataFlow& flow, const Node& node) {
    const auto* op = node.as<Op>();
    const Node* unblock = op != nullptr ? flow.made_by<ops::UnblockChannels>(node.inputs[0]) : nullptr;
    if (unblock == nullptr) return std::nullopt;
    Patch patch;
    std::vector<ValueId> args = node.inputs;
    args[0] = unblock->inputs[0];
    patch.nodes.push_back(make_node(node, *op, node.attributes, std::move(args), node.outputs));
    return patch;
  }

  template <class Op, class Blocked>
  static std::optional<Patch> block_pool(const DataFlow& flow, const Node& node) {
    const auto* op = node.as<Op>();
    const auto channels = op != nullptr ? blocked_channels(flow, node.inputs[0]) : std::nullopt;
    if (!channels || node.outputs.size() != 1) return std::nullopt;
    Blocked pool;
    static_cast<Op&>(pool) = *op;
    Builder b{flow, node, {}};
    return b.finish(pool, node.attributes, {blocked(flow, node.inputs[0], *channels)}, *channels);
  }

  /// ReduceMean over both spatial dimensions that keeps them.
  static std::optional<Patch> block_mean(const DataFlow& flow, const Node& node) {
    const auto* op = node.as<ops::ReduceMean>();
    const auto channels = op != nullptr && op->keepdims ? blocked_channels(flow, node.inputs[0]) : std::nullopt;
    const TensorRef* axes = node.inputs.size() > 1 ? flow.constant(node.inputs[1]) : nullptr;
    if (!channels || axes == nullptr || axes->dtype != DType::int64 || axes->elements() != 2) return std::nullopt;
    std::int64_t first = axes->as<const std::int64_t>()[0];
    std::int64_t second = axes->as<const std::int64_t>()[1];
    if (first < 0) first += 4;
    if (second < 0) second += 4;
    if (std::min(first, second) != 2 || std::max(first, second) != 3) return std::nullopt;
    Builder b{flow, node, {}};
    return b.finish(ops::BlockedGlobalAveragePool{}, {}, {blocked(flow, node.inputs[0], *channels)}, *channels);
  }

  static std::optional<Patch> block_concat(const DataFlow& flow, const Node& node) {
    const auto* op = node.as<ops::Concat>();
    if (op == nullptr || (op->axis != 1 && op->axis != -3)) return std::nullopt;
    Builder b{flow, node, {}};
    std::vector<ValueId> args;
    std::int64_t total = 0;
    for (const ValueId id : node.inputs) {
      const auto channels = blocked_channels(flow, id);
      if (!channels || total % ops::channel_block != 0) return std::nullopt;
      args.push_back(blocked(flow, id, *channels));
      total += *channels;
    }
    ops::Concat concat;
    concat.axis = 1;
    return b.finish(concat, {{"axis", std::int64_t{1}}}, std::move(args), total);
  }

  /// Split into whole blocks.
  static std::optional<Patch> block_split(const DataFlow& flow, const Node& node) {
    const auto* op = node.as<ops::Split>();
    const auto channels = op != nullptr && (op->axis == 1 || op->axis == -3) ? blocked_channels(flow, node.inputs[0]) : std::nullopt;
    if (!channels) return std::nullopt;
    const TensorRef* sizes = node.inputs.size() > 1 ? flow.constant(node.inputs[1]) : nullptr;
    if (node.inputs.size() > 1 && (sizes == nullptr || sizes->elements() != static_cast<std::int64_t>(node.outputs.size())))
      return std::nullopt;
    const auto parts = static_cast<std::int64_t>(node.outputs.size());
    Builder b{flow, node, {}};
    std::vector<std::int64_t> part_channels;
    std::vector<std::int64_t> blocks;
    std::int64_t total = 0;
    for (std::int64_t i = 0; i < parts; ++i) {
      const std::int64_t part = ops::Split::part(i, parts, *channels, sizes);
      if (total % ops::channel_block != 0 || part <= 0) return std::nullopt;
      part_channels.push_back(part);
      blocks.push_back(ops::channel_blocks(part));
      total += part;
    }
    if (total != *channels) return std::nullopt;
    ops::Split split;
    split.axis = 1;
    std::vector<ValueId> outputs;
    const ValueId block_counts = b.add(list_constant(node.name + "/blocks", blocks));
    for (const ValueId id : node.outputs) outputs.push_back(id == no_value ? no_value : b.blocked_value(id));
    b.patch.nodes.push_back(
        make_node(node, split, {{"axis", std::int64_t{1}}}, {blocked(flow, node.inputs[0], *channels), block_counts}, outputs));
    for (std::size_t i = 0; i < outputs.size(); ++i)
      if (outputs[i] != no_value) b.unblock(outputs[i], part_channels[i], node.outputs[i]);
    return std::move(b.patch);
  }

  /// Resize of the spatial dimensions by constant factors.
  static std::optional<Patch> block_resize(const DataFlow& flow, const Node& node) {
    const auto* op = node.as<ops::Resize>();
    if (op == nullptr || op->scales_input != 2 || op->axes || op->coordinates == ops::Resize::Coordinates::tf_crop_and_resize)
      return std::nullopt;
    const auto channels = blocked_channels(flow, node.inputs[0]);
    const TensorRef* scales = node.inputs.size() == 3 ? flow.constant(node.inputs[2]) : nullptr;
    if (!channels || scales == nullptr || scales->dtype != DType::float32 || scales->elements() != 4) return std::nullopt;
    const auto* by = scales->as<const float>();
    if (by[0] != 1 || by[1] != 1) return std::nullopt;
    Builder b{flow, node, {}};
    const ValueId all = b.add(constant_value<float>(node.name + "/scales", Shape{5}, [&](float* to) { *std::copy_n(by, 4, to) = 1; }));
    return b.finish(*op, node.attributes, {blocked(flow, node.inputs[0], *channels), no_value, all}, *channels);
  }

  template <class... Ops>
  static std::optional<Patch> block_unary(ops::OpList<Ops...>, const DataFlow& flow, const Node& node) {
    std::optional<Patch> patch;
    const auto try_op = [&]<class Op>() {
      const Op* op = node.as<Op>();
      if (op == nullptr) return false;
      if constexpr (requires { op->axis; }) {
        if (op->axis) return true;
      }
      const auto channels = blocked_channels(flow, node.inputs[0]);
      if (!channels) return true;
      Builder b{flow, node, {}};
      std::vector<ValueId> args = node.inputs;
      args[0] = blocked(flow, args[0], *channels);
      patch = b.finish(*op, node.attributes, std::move(args), *channels);
      return true;
    };
    (void)(try_op.template operator()<Ops>() || ...);
    return patch;
  }

  /// The channels that the first blocked one among the values has.
  static std::optional<std::int64_t> common_channels(const DataFlow& flow, const std::vector<ValueId>& ids) {
    for (const ValueId id : ids)
      if (const auto channels = blocked_channels(flow, id)) return channels;
    return std::nullopt;
  }

  template <class... Ops>
  std::optional<Patch> block_binary(ops::OpList<Ops...>, const DataFlow& flow, const Node& node) const {
    const auto runs = [&](const auto&... names) { return ((node.op_type == names) || ...); };
    if (!node.domain.empty() || node.inputs.size() != 2 || !((node.as<Ops>() != nullptr) || ...) || !runs(Ops::name...))
      return std::nullopt;
    const auto channels = common_channels(flow, node.inputs);
    if (!channels) return std::nullopt;
    // The chain begins with the one that the other is broadcast to.
    const auto is_larger = [&](ValueId id) {
      const SymbolicShape* y = flow.dims(node.outputs[0]);
      return y != nullptr && flow.dims(id) != nullptr && *flow.dims(id) == *y;
    };
    const std::size_t first = flow.constant(node.inputs[0]) != nullptr || (!is_larger(node.inputs[0]) && is_larger(node.inputs[1])) ? 1 : 0;
    Builder b{flow, node, {}};
    const ValueId x = operand(b, node.inputs[first], *channels);
    const ValueId other = operand(b, node.inputs[1 - first], *channels);
    if (x == no_value || other == no_value) return std::nullopt;
    ops::PointwiseStep step;
    step.op = ops::detail::pointwise_name(node.op_type, true);
    step.operand = 0;
    step.swapped = first == 1;
    ops::Pointwise op;
    op.chain.steps.push_back(step);
    Attributes attributes;
    op.chain.write(attributes);
    return b.finish(std::move(op), std::move(attributes), {x, other}, *channels);
  }

  std::optional<Patch> block_pointwise(const DataFlow& flow, const Node& node) const {
    const auto* op = node.as<ops::Pointwise>();
    const auto channels = op != nullptr ? common_channels(flow, node.inputs) : std::nullopt;
    if (!channels) return std::nullopt;
    Builder b{flow, node, {}};
    std::vector<ValueId> args;
    for (const ValueId id : node.inputs) {
      args.push_back(operand(b, id, *channels));
      if (args.back() == no_value) return std::nullopt;
    }
    return b.finish(*op, node.attributes, std::move(args), *channels);
  }
};

}  // namespace hone::inline HONE_ABI::rewrites
