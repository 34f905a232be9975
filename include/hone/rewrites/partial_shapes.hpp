#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/ops/argmax.hpp>
#include <hone/ops/channels_last.hpp>
#include <hone/ops/concat.hpp>
#include <hone/ops/conv.hpp>
#include <hone/ops/gather.hpp>
#include <hone/ops/gemm.hpp>
#include <hone/ops/generate.hpp>
#include <hone/ops/matmul.hpp>
#include <hone/ops/normalization.hpp>
#include <hone/ops/pad.hpp>
#include <hone/ops/quantize.hpp>
#include <hone/ops/quantized_product.hpp>
#include <hone/ops/reshape.hpp>
#include <hone/ops/resize.hpp>
#include <hone/ops/scatter.hpp>
#include <hone/ops/shape.hpp>
#include <hone/ops/slice.hpp>
#include <hone/ops/softmax.hpp>
#include <hone/ops/split.hpp>
#include <hone/ops/squeeze.hpp>
#include <hone/ops/tile.hpp>
#include <hone/ops/transpose.hpp>
#include <hone/ops/unary.hpp>
#include <hone/rewrites/node_shapes.hpp>
#include <hone/rewrites/op_families.hpp>

namespace hone::inline HONE_ABI::rewrites {

/// What follows for the outputs of one node where some dimensions of its inputs are symbols, for common operators. Where nothing follows,
/// nothing is given; where an operator would refuse its inputs, it throws as that does.
class PartialShapes : private NodeShapes {
 public:
  using NodeShapes::NodeShapes;

  [[nodiscard]] std::optional<SymbolicShape> dims(std::size_t output) const {
    if (runs<BroadcastOps>(node_)) return broadcasts(node_) ? broadcast_inputs() : std::nullopt;
    if (as<ops::SizeOf>()) return SymbolicShape{};
    if (as<ops::Reshape>()) return reshaped();
    if (as<ops::Expand>()) return expanded();
    if (as<ops::Concat>()) return joined();
    if (as<ops::Range>()) return counted();
    if (as<ops::ConstantOfShape>()) return input_elements(0) != nullptr ? std::optional(*input_elements(0)) : open(length(0));
    const SymbolicShape* x = input(0);
    if (x == nullptr) return as<ops::ShapeOf>() ? open(1) : of_weights();
    if (node_.op->info().shapes == nullptr || (output == 0 && runs<SameShape>(node_))) return *x;
    if (const auto* split = as<ops::Split>()) return part(*split, *x, output);
    if (output != 0) return as<ops::DynamicQuantizeLinear>() ? std::optional(SymbolicShape{}) : std::nullopt;
    if (const auto* shape = as<ops::ShapeOf>()) {
      const auto rank = static_cast<std::int64_t>(x->size());
      return SymbolicShape{{std::max<std::int64_t>(shape->last(rank) - shape->first(rank), 0)}};
    }
    if (auto result = moved(*x)) return result;
    if (auto result = reduced(*x)) return result;
    if (auto result = product(*x)) return result;
    return in_layout(*x);
  }

 private:
  using SameShape =
      ops::OpList<ops::BatchNormalization, ops::Clip, ops::GroupNormalization, ops::Hardmax, ops::Identity, ops::InstanceNormalization,
                  ops::QuantizeLinear, ops::DequantizeLinear, ops::DynamicQuantizeLinear, ops::Scatter, ops::ScatterElements,
                  ops::ScatterND, ops::LayerNormalization, ops::LogSoftmax, ops::LRN, ops::RMSNormalization, ops::Softmax>;

  [[nodiscard]] SymbolicShape broadcast_pair(const SymbolicShape& a, const SymbolicShape& b) const {
    const SymbolicShape& longer = a.size() >= b.size() ? a : b;
    const SymbolicShape& shorter = a.size() >= b.size() ? b : a;
    SymbolicShape result = longer;
    for (std::size_t i = 0; i < shorter.size(); ++i) {
      SymbolicInteger& dim = result[longer.size() - shorter.size() + i];
      const SymbolicInteger& other = shorter[i];
      if (dim == other || other == SymbolicInteger{1}) continue;
      if (dim == SymbolicInteger{1}) {
        dim = other;
      } else if (!dim.is_number()) {
        dim = other.is_number() ? other : known_.fresh();  // a number other than 1 is what the symbol must be, or be 1 beside it
      }
    }
    return result;
  }
  [[nodiscard]] std::optional<SymbolicShape> broadcast_inputs() const {
    SymbolicShape result;
    for (std::size_t k = 0; k < node_.inputs.size(); ++k) {
      if (input(k) == nullptr) return std::nullopt;
      result = broadcast_pair(result, *input(k));
    }
    return result;
  }
  [[nodiscard]] std::optional<SymbolicShape> expanded() const {
    if (input(0) == nullptr) return std::nullopt;
    if (input_elements(1) != nullptr) return broadcast_pair(*input(0), *input_elements(1));
    const auto wanted = length(1);
    return wanted ? open(std::max(*wanted, input(0)->size())) : std::nullopt;
  }

  /// From 0 to a dimension by 1 there are as many numbers as that says.
  [[nodiscard]] SymbolicShape counted() const {
    const auto is = [&](std::size_t k, std::int64_t number) {
      return input_elements(k) != nullptr && *input_elements(k) == SymbolicShape{{number}};
    };
    const SymbolicShape* limit = input_elements(1);
    const bool counts = is(0, 0) && is(2, 1) && limit != nullptr && limit->size() == 1 && !(*limit)[0].is_number();
    return {counts ? (*limit)[0] : known_.fresh()};
  }

  [[nodiscard]] std::optional<SymbolicShape> reshaped() const {
    const SymbolicShape* target = input_elements(1);
    const SymbolicShape* x = input(0);
    if (target == nullptr) return open(length(1));
    SymbolicShape result;
    std::size_t left = target->size();
    for (std::size_t i = 0; i < target->size(); ++i) {
      SymbolicInteger dim = (*target)[i];
      if (dim == SymbolicInteger{0} && !as<ops::Reshape>()->allowzero) dim = x != nullptr && i < x->size() ? (*x)[i] : known_.fresh();
      if (dim == SymbolicInteger{-1}) left = i;
      result.push_back(dim);
    }
    if (left == target->size()) return result;
    SymbolicShape others = result;
    others.erase(others.begin() + static_cast<std::ptrdiff_t>(left));
    const auto rest = x != nullptr ? quotient(*x, others) : std::nullopt;
    result[left] = rest ? *rest : known_.fresh();
    return result;
  }

  [[nodiscard]] std::optional<SymbolicShape> joined() const {
    std::optional<SymbolicShape> result;
    for (std::size_t k = 0; k < node_.inputs.size(); ++k)
      if (input(k) != nullptr && !result) result = *input(k);
    if (!result) return std::nullopt;
    const std::size_t along = axis_of(as<ops::Concat>()->axis, *result);
    std::optional<std::int64_t> total = 0;
    for (std::size_t k = 0; k < node_.inputs.size(); ++k) {
      const SymbolicShape* part = input(k);
      if (part == nullptr || part->size() != result->size()) {
        total.reset();
        continue;
      }
      for (std::size_t i = 0; i < part->size(); ++i)
        if ((*part)[i].is_number()) (*result)[i] = (*part)[i];
      if (total && (*part)[along].is_number()) {
        total = ops::checked_sum(*total, (*part)[along].number);
      } else {
        total.reset();
      }
    }
    (*result)[along] = total ? SymbolicInteger{*total} : known_.fresh();
    return result;
  }
  /// Operators that move elements.
  [[nodiscard]] std::optional<SymbolicShape> moved(const SymbolicShape& x) const {
    SymbolicShape result = x;
    if (const auto* transpose = as<ops::Transpose>()) {
      if (transpose->perm && transpose->perm->size() != x.size()) return std::nullopt;
      for (std::size_t i = 0; i < x.size(); ++i)
        result[i] = x[normalized_axis(static_cast<std::int64_t>(transpose->source(i, x.size())), x.size())];
      return result;
    }
    if (as<ops::Unsqueeze>()) {
      const auto more = length(1);
      if (!more || constant(1) == nullptr) return more ? open(x.size() + *more) : std::nullopt;
      const ops::AxisSet axes = ops::AxisSet::of(*constant(1), x.size() + *more);
      result.clear();
      for (std::size_t i = 0, next = 0; i < x.size() + *more; ++i) result.push_back(axes.contains(i) ? SymbolicInteger{1} : x[next++]);
      return result;
    }
    if (as<ops::Squeeze>() && constant(1) != nullptr) {
      const ops::AxisSet axes = ops::AxisSet::of(*constant(1), x.size());
      result.clear();
      for (std::size_t i = 0; i < x.size(); ++i)
        if (!axes.contains(i)) result.push_back(x[i]);
      return result;
    }
    if (as<ops::Flatten>()) return SymbolicShape{known_.fresh(), known_.fresh()};
    if (const auto* gather = as<ops::Gather>(); gather != nullptr && input(1) != nullptr) {
      const auto at = result.begin() + static_cast<std::ptrdiff_t>(axis_of(gather->axis, x));
      result.insert(result.erase(at), input(1)->begin(), input(1)->end());
      return result;
    }
    if (as<ops::Slice>()) return sliced(x);
    if (as<ops::Pad>()) return padded(x);
    if (as<ops::Tile>() || as<ops::Resize>() || as<ops::Upsample>()) return open(x.size());
    return std::nullopt;
  }
  [[nodiscard]] SymbolicShape sliced(const SymbolicShape& x) const {
    // A symbol as the largest number shows whether a range takes the whole of it, whatever it is.
    constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();
    Shape from;
    for (const SymbolicInteger& dim : x) from.push_back(dim.is_number() ? dim.number : largest);
    const auto range = ranges(from);
    SymbolicShape result;
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (range && x[i].is_number()) {
        result.push_back({(*range)[i].count});
      } else {
        result.push_back(range && (*range)[i].start == 0 && (*range)[i].count == largest ? x[i] : known_.fresh());
      }
    }
    return result;
  }
  [[nodiscard]] SymbolicShape padded(const SymbolicShape& x) const {
    SymbolicShape result = x;
    const bool listed = constant(1) != nullptr && (id(3) == no_value || constant(3) != nullptr);
    const std::int64_t given = id(3) == no_value ? static_cast<std::int64_t>(x.size()) : listed ? constant(3)->elements() : 0;
    if (!listed || constant(1)->elements() != 2 * given) return *open(x.size());
    for (std::int64_t i = 0; i < given; ++i) {
      SymbolicInteger& dim = result[axis_of(id(3) == no_value ? i : ops::integer_at(*constant(3), i), x)];
      const std::int64_t before = ops::integer_at(*constant(1), i);
      const std::int64_t after = ops::integer_at(*constant(1), given + i);
      if (before == 0 && after == 0) continue;
      const bool adds = dim.is_number() && before >= 0 && after >= 0;
      dim = adds ? SymbolicInteger{ops::checked_sum(ops::checked_sum(before, dim.number), after)} : known_.fresh();
    }
    return result;
  }
  [[nodiscard]] std::optional<SymbolicShape> part(const ops::Split& split, const SymbolicShape& x, std::size_t output) const {
    SymbolicShape result = x;
    SymbolicInteger& dim = result[axis_of(split.axis, x)];
    const auto i = static_cast<std::int64_t>(output);
    const auto parts = static_cast<std::int64_t>(node_.outputs.size());
    if (id(1) == no_value) {
      dim = dim.is_number() ? SymbolicInteger{ops::Split::part(i, parts, dim.number, nullptr)} : known_.fresh();
    } else {
      dim = constant(1) != nullptr && i < constant(1)->elements() ? SymbolicInteger{ops::integer_at(*constant(1), i)} : known_.fresh();
    }
    return result;
  }

  [[nodiscard]] std::optional<SymbolicShape> reduced(const SymbolicShape& x) const {
    bool keepdims = true;
    std::vector<std::int64_t> axes;
    bool noop = false;
    if (const auto* reduce = family<ops::Reduce, ReduceOps>(node_)) {
      if (id(1) != no_value && constant(1) == nullptr) return reduce->keepdims ? open(x.size()) : std::nullopt;
      for (std::int64_t i = 0; id(1) != no_value && i < constant(1)->elements(); ++i) axes.push_back(ops::integer_at(*constant(1), i));
      keepdims = reduce->keepdims;
      noop = reduce->noop_with_empty_axes;
    } else if (const auto* best = family<ops::ArgBest, ops::OpList<ops::ArgMax, ops::ArgMin>>(node_)) {
      axes.push_back(best->axis);
      keepdims = best->keepdims;
    } else {
      return std::nullopt;
    }
    const ops::ReducedAxes gone(x.size(), axes, noop);
    SymbolicShape result;
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (!gone.reduced[i]) {
        result.push_back(x[i]);
      } else if (keepdims) {
        result.push_back({1});
      }
    }
    return result;
  }

  [[nodiscard]] std::optional<SymbolicShape> product(const SymbolicShape& a) const {
    const SymbolicShape* b = input(as<ops::QLinearMatMul>() ? 3 : 1);
    if (b == nullptr) return std::nullopt;
    if (runs<ops::OpList<ops::MatMul, ops::MatMulInteger, ops::QLinearMatMul, ops::ScaledMatMulInteger>>(node_) && a.size() > 1 &&
        b->size() > 1) {
      SymbolicShape result = broadcast_pair({a.begin(), a.end() - 2}, {b->begin(), b->end() - 2});
      result.push_back(a[a.size() - 2]);
      result.push_back(b->back());
      return result;
    }
    const auto* gemm = as<ops::Gemm>();
    if (gemm == nullptr || a.size() != 2 || b->size() != 2) return std::nullopt;
    return SymbolicShape{a[gemm->trans_a ? 1 : 0], (*b)[gemm->trans_b ? 0 : 1]};
  }

  /// The convolution that the node runs, in whatever numbers; null when it runs none.
  [[nodiscard]] const ops::Conv* conv() const noexcept {
    if (const auto* integers = as<ops::ConvInteger>()) return &integers->product;
    if (const auto* scaled = as<ops::QLinearConv>()) return &scaled->product;
    if (const auto* last = as<ops::ChannelsLastQLinearConv>()) return &last->product;
    return as<ops::Conv>();
  }
  [[nodiscard]] const SymbolicShape* weights() const { return input(as<ops::QLinearConv>() || as<ops::ChannelsLastQLinearConv>() ? 3 : 1); }
  /// What windowed() gives, for operators on (N, *, C) too.
  [[nodiscard]] std::optional<SymbolicShape> in_layout(SymbolicShape x) const {
    if (!as<ops::ChannelsLastQLinearConv>() && !as<ops::ChannelsLastMaxPool>()) return windowed(x);
    if (x.size() < 3) return std::nullopt;
    std::rotate(x.begin() + 1, x.end() - 1, x.end());
    auto result = windowed(x);
    if (result && result->size() > 2) std::rotate(result->begin() + 1, result->begin() + 2, result->end());
    return result;
  }
  /// Weights alone tell the rank and the channels of a convolution.
  [[nodiscard]] std::optional<SymbolicShape> of_weights() const {
    if ((conv() == nullptr && !as<ops::ConvTranspose>()) || weights() == nullptr) return std::nullopt;
    const auto x = open(weights()->size());
    return in_layout(*x);
  }
  [[nodiscard]] std::optional<SymbolicShape> windowed(const SymbolicShape& x) const {
    if (x.size() < 2) return std::nullopt;
    SymbolicShape result(x.begin(), x.begin() + 2);
    const std::size_t rank = x.size() - 2;
    const SymbolicShape* w = weights();
    const bool weighted = w != nullptr && w->size() == x.size() && rank > 0;
    if (conv() != nullptr && weighted) {
      result[1] = (*w)[0];
      for (std::size_t i = 0; i < rank; ++i) {
        const bool known = x[i + 2].is_number() && (*w)[i + 2].is_number();
        result.push_back(known ? SymbolicInteger{conv()->window.axis(i, rank, x[i + 2].number, (*w)[i + 2].number).output}
                               : known_.fresh());
      }
      return result;
    }
    if (as<ops::ConvTranspose>() && weighted) {
      const bool known = (*w)[1].is_number();
      result[1] = known ? SymbolicInteger{ops::checked_product((*w)[1].number, as<ops::ConvTranspose>()->group)} : known_.fresh();
      for (std::size_t i = 0; i < rank; ++i) result.push_back(known_.fresh());
      return result;
    }
    const auto* last = as<ops::ChannelsLastMaxPool>();
    if (const ops::Pool* pool = last != nullptr ? last : family<ops::Pool, PoolOps>(node_)) {
      for (std::size_t i = 0; i < rank; ++i) {
        const bool known = x[i + 2].is_number() && !pool->window.kernel_shape.empty();
        result.push_back(known ? SymbolicInteger{pool->window.axis(i, rank, x[i + 2].number, 1).output} : known_.fresh());
      }
      return result;
    }
    if (!runs<GlobalPoolOps>(node_)) return std::nullopt;
    result.resize(x.size(), {1});
    return result;
  }
};

}  // namespace hone::inline HONE_ABI::rewrites
