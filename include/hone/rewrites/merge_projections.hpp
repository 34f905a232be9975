#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/ops/binary.hpp>
#include <hone/ops/gemm.hpp>
#include <hone/ops/matmul.hpp>
#include <hone/ops/reshape.hpp>
#include <hone/ops/scaled_attention.hpp>
#include <hone/rewrites/data_flow.hpp>
#include <hone/rewrites/piece.hpp>

namespace hone::inline HONE_ABI::rewrites {

/// Queries, keys and values of a ScaledAttention, two of them or all three, that are products of one x with constant weights of equal shape
/// become one product with the weights side by side, which the attention reads in parts: x is read once, and nothing is copied. So do
/// parts along the last axis that a Split, or Slices, would copy out of one tensor.
///   y_i = Reshape(x W_i [+ b_i], lead ..., tail ...)  ->  part i of Reshape(x [W_0 W_1 ...] [+ b], lead ..., parts, tail ...)
/// Weights must have no other use, since both would be kept, and together take up to max_bytes. Products that other operators read stay
/// apart: those would need a Split, whose copies cost as much as reading x again.
struct MergeProjections {
  static constexpr std::string_view name = "merge_projections";
  static constexpr std::size_t max_bytes = std::size_t{1} << 26;

  [[nodiscard]] std::optional<Patch> operator()(const DataFlow& flow, std::size_t at) const {
    const Node& node = flow.node(at);
    if (node.as<ops::ScaledAttention>() == nullptr) return std::nullopt;
    std::array<std::optional<Projection>, 3> all;
    for (std::size_t k = 0; k < 3; ++k) all[k] = read(flow, node.inputs[k], perm(*node.as<ops::ScaledAttention>(), k).size());
    for (std::size_t first = 0; first < 3; ++first) {
      std::vector<std::size_t> group;
      for (std::size_t k = first; k < 3; ++k)
        if (all[first] && all[k] && all[k]->fits(*all[first])) group.push_back(k);
      if (group.size() < 2) continue;
      if (auto patch = merge(flow, node, all, group)) return patch;
    }
    return std::nullopt;
  }

 private:
  using Perm = ops::ScaledAttention::Perm;

  /// Queries, keys or values: lead dimensions, then the `tail` into which the columns of a product are taken apart.
  struct Projection {
    ValueId x;  ///< left operand of the product, or the tensor of which the value is a part
    const TensorRef* weights = nullptr;
    const TensorRef* bias = nullptr;
    bool transposed = false;  ///< weights are (N, K)
    std::optional<Piece> piece = std::nullopt;
    SymbolicShape dims;
    std::size_t tail = 0;  ///< index of its first dimension
    std::int64_t columns = 0;
    std::vector<const Node*> nodes;

    /// Both have as many elements: where all other dimensions are numbers, the last one is the same.
    [[nodiscard]] bool same_dims(const Projection& other) const {
      if (dims == other.dims) return true;
      if (dims.size() != other.dims.size()) return false;
      std::size_t open = 0;
      for (std::size_t i = 0; i < dims.size(); ++i) {
        const bool number = dims[i].is_number() && dims[i].number > 0;
        if (number ? dims[i] != other.dims[i] : other.dims[i].is_number()) return false;
        open += number ? 0 : 1;
      }
      return open == 1;
    }
    [[nodiscard]] bool fits(const Projection& other) const {
      if (x != other.x || transposed != other.transposed || tail != other.tail || columns != other.columns) return false;
      if (!same_dims(other)) return false;
      if (piece || other.piece) return piece && other.piece;
      return weights->dtype == other.weights->dtype && weights->shape == other.weights->shape;
    }
  };

  [[nodiscard]] static const Perm& perm(const ops::ScaledAttention& op, std::size_t k) noexcept {
    return k == 0 ? op.q_perm : k == 1 ? op.k_perm : op.v_perm;
  }

  static std::optional<Projection> read(const DataFlow& flow, ValueId id, std::size_t rank) {
    const SymbolicShape* dims = flow.dims(id);
    if (dims == nullptr || dims->size() != rank || dims->empty()) return std::nullopt;
    Projection result;
    result.dims = *dims;
    if (const Node* reshape = alone<ops::Reshape>(flow, id)) {
      result.nodes.push_back(reshape);
      id = reshape->inputs[0];
    }
    const SymbolicShape* flat = flow.dims(id);
    if (flat == nullptr || flat->empty() || !flat->back().is_number()) return std::nullopt;
    result.columns = flat->back().number;
    std::int64_t left = result.columns;
    result.tail = dims->size();
    while (left > 1 && result.tail > 0) {
      const SymbolicInteger& dim = (*dims)[--result.tail];
      if (!dim.is_number() || dim.number < 1 || left % dim.number != 0) return std::nullopt;
      left /= dim.number;
    }
    if (left != 1 || result.tail == dims->size()) return std::nullopt;
    return read_part(flow, id, flat->size(), result) || read_product(flow, id, result) ? std::optional(std::move(result)) : std::nullopt;
  }
  /// A part of another tensor along the last axis, which parts of that size tile.
  static bool read_part(const DataFlow& flow, ValueId id, std::size_t rank, Projection& result) {
    const auto piece = read_piece(flow, id);
    if (!piece || piece->squeezed || piece->axis + 1 != rank || piece->first % piece->count != 0) return false;
    const SymbolicInteger& all = flow.dims(piece->of)->back();
    if (!all.is_number() || all.number % piece->count != 0) return false;
    result.x = piece->of;
    result.piece = piece;
    return true;
  }
  static bool read_product(const DataFlow& flow, ValueId id, Projection& result) {
    ValueId product = id;
    if (const Node* add = alone<ops::Add>(flow, id); add != nullptr && !add->as<ops::Add>()->axis) {
      const std::size_t k = flow.constant(add->inputs[0]) != nullptr ? 0 : 1;
      result.bias = flow.constant(add->inputs[k]);
      if (result.bias == nullptr) return false;
      result.nodes.push_back(add);
      product = add->inputs[1 - k];
    }
    const Node* node = alone<ops::MatMul>(flow, product);
    if (const Node* gemm = node == nullptr && result.bias == nullptr ? alone<ops::Gemm>(flow, product) : nullptr) {
      const auto& op = *gemm->as<ops::Gemm>();
      if (op.alpha != 1 || op.beta != 1 || op.trans_a) return false;
      if (gemm->inputs.size() > 2 && gemm->inputs[2] != no_value) {
        result.bias = flow.constant(gemm->inputs[2]);
        if (result.bias == nullptr) return false;
      }
      result.transposed = op.trans_b;
      node = gemm;
    }
    if (node == nullptr || !flow.used_once(node->inputs[1]) || flow.rank(node->inputs[0]).value_or(0) < 2) return false;
    result.nodes.push_back(node);
    result.x = node->inputs[0];
    result.weights = flow.constant(node->inputs[1]);
    const auto is_float = [](const TensorRef& tensor) { return real_numbers.contains(tensor.dtype) && !is_integral(tensor.dtype); };
    if (result.weights == nullptr || result.weights->shape.rank() != 2 || !is_float(*result.weights)) return false;
    return result.bias == nullptr || result.bias->shape == Shape{result.columns};
  }
  /// The node that makes the value when it runs an Op, and nobody else uses that.
  template <class Op>
  [[nodiscard]] static const Node* alone(const DataFlow& flow, ValueId id) {
    return flow.used_once(id) ? flow.made_by<Op>(id) : nullptr;
  }

  static std::optional<Patch> merge(const DataFlow& flow, const Node& node, const std::array<std::optional<Projection>, 3>& all,
                                    const std::vector<std::size_t>& group) {
    const Projection& first = *all[group[0]];
    const std::int64_t parts = first.piece ? flow.dims(first.x)->back().number / first.columns : static_cast<std::int64_t>(group.size());
    SymbolicShape flat = *flow.dims(first.x);
    flat.back() = {parts * first.columns};
    SymbolicShape dims = first.dims;
    dims.insert(dims.begin() + static_cast<std::ptrdiff_t>(first.tail), SymbolicInteger{parts});
    const auto target = reshape_target(flat, dims);
    if (!target || dims.size() > Shape::max_rank) return std::nullopt;
    Patch patch;
    const ValueId merged = first.piece ? first.x : product(flow, node, all, group, patch);
    if (merged == no_value) return std::nullopt;
    const ValueId reshaped = patch.add_value(flow.graph(), made_value(node.name + "/parts", flow[first.x].type));
    const ValueId shape = patch.add_value(flow.graph(), list_constant(node.name + "/shape", *target));
    patch.nodes.push_back(make_node(node, ops::Reshape{}, {}, {merged, shape}, {reshaped}));

    ops::ScaledAttention op = *node.as<ops::ScaledAttention>();
    Attributes attributes = node.attributes;
    std::vector<ValueId> inputs = node.inputs;
    for (std::size_t i = 0; i < group.size(); ++i) {
      const std::size_t k = group[i];
      Perm& axes = k == 0 ? op.q_perm : k == 1 ? op.k_perm : op.v_perm;
      std::int64_t& part = k == 0 ? op.q_part : k == 1 ? op.k_part : op.v_part;
      for (std::int64_t& axis : axes)
        if (axis >= static_cast<std::int64_t>(first.tail)) ++axis;
      part = first.piece ? all[k]->piece->first / first.columns : static_cast<std::int64_t>(i);
      inputs[k] = reshaped;
      const std::string letter(1, "qkv"[k]);
      attributes.erase(letter + "_perm");
      attributes.erase(letter + "_part");
      attributes.set(letter + "_perm", axes);
      attributes.set(letter + "_part", part);
      patch.absorbed.insert(patch.absorbed.end(), all[k]->nodes.begin(), all[k]->nodes.end());
    }
    patch.nodes.push_back(make_node(node, std::move(op), std::move(attributes), std::move(inputs), {node.outputs[0]}));
    return patch;
  }

  /// Adds the one product; no_value when its weights are too large.
  static ValueId product(const DataFlow& flow, const Node& node, const std::array<std::optional<Projection>, 3>& all,
                         const std::vector<std::size_t>& group, Patch& patch) {
    const Projection& first = *all[group[0]];
    if (first.weights->bytes() * group.size() > max_bytes) return no_value;
    // (K, N) goes side by side, row by row; (N, K), and a bias, one behind the other.
    std::vector<const TensorRef*> weights;
    std::vector<const TensorRef*> biases;
    bool biased = false;
    for (const std::size_t k : group) {
      weights.push_back(all[k]->weights);
      biases.push_back(all[k]->bias);
      biased = biased || all[k]->bias != nullptr;
    }
    const std::size_t row = static_cast<std::size_t>(first.columns) * element_size(first.weights->dtype);
    const auto parts = static_cast<std::int64_t>(group.size());
    Shape shape = first.weights->shape;
    shape[first.transposed ? 0 : 1] *= parts;
    const ValueId w = patch.add_value(flow.graph(), joined(node.name + "/weights", first.weights->dtype, shape, weights,
                                                           first.transposed ? first.weights->bytes() : row));
    const auto made = [&](const char* suffix) { return patch.add_value(flow.graph(), made_value(node.name + suffix, flow[first.x].type)); };
    const ValueId multiplied = made("/product");
    const Node& old = *all[group[0]]->nodes.back();
    patch.nodes.push_back(copy_node(old, old.attributes, {first.x, w}, {multiplied}));
    if (!biased) return multiplied;
    const ValueId b =
        patch.add_value(flow.graph(), joined(node.name + "/bias", first.weights->dtype, {parts * first.columns}, biases, row));
    const ValueId added = made("/biased");
    patch.nodes.push_back(make_node(old, ops::Add{}, {}, {multiplied, b}, {added}));
    return added;
  }
  /// A constant of blocks of `block` bytes from one part after the other, in turns; parts that are null are 0.
  static GraphValue joined(std::string name, DType dtype, const Shape& shape, const std::vector<const TensorRef*>& parts,
                           std::size_t block) {
    auto owner = std::make_shared<Value>(Value::tensor(dtype, shape));
    const TensorRef ref = owner->ref();
    auto* to = static_cast<std::byte*>(ref.data);
    for (std::size_t at = 0; at * block * parts.size() < ref.bytes(); ++at) {
      for (const TensorRef* part : parts) {
        if (part != nullptr) {
          std::memcpy(to, static_cast<const std::byte*>(part->data) + at * block, block);
        } else {
          std::memset(to, 0, block);
        }
        to += block;
      }
    }
    GraphValue value;
    value.name = std::move(name);
    value.type = dtype;
    value.constant = Constant{ref, std::move(owner)};
    return value;
  }
};

}  // namespace hone::inline HONE_ABI::rewrites
