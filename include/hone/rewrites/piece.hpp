#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

#include <hone/config.hpp>
#include <hone/ops/dimensions.hpp>
#include <hone/ops/gather.hpp>
#include <hone/ops/slice.hpp>
#include <hone/ops/split.hpp>
#include <hone/ops/squeeze.hpp>
#include <hone/rewrites/data_flow.hpp>

namespace hone::inline HONE_ABI::rewrites {

/// A value as consecutive elements of another one along one axis: y = x[..., first : first + count, ...].
struct Piece {
  ValueId of;
  std::size_t axis;
  std::int64_t first;
  std::int64_t count;
  bool squeezed = false;  ///< the axis, of which one element is left, is gone
};

namespace detail {

inline std::optional<Piece> gathered_piece(const DataFlow& flow, const Node& node) {
  const SymbolicShape* x = flow.dims(node.inputs[0]);
  const TensorRef* indices = flow.constant(node.inputs[1]);
  if (x == nullptr || indices == nullptr || indices->elements() != 1 || indices->shape.rank() > 1) return std::nullopt;
  const std::int64_t axis = node.as<ops::Gather>()->axis;
  const auto rank = static_cast<std::int64_t>(x->size());
  if (axis < -rank || axis >= rank) return std::nullopt;
  const auto at = static_cast<std::size_t>(axis < 0 ? axis + rank : axis);
  std::int64_t first = ops::integer_at(*indices, 0);
  if (first < 0 && (*x)[at].is_number()) first += (*x)[at].number;
  if (first < 0 || ((*x)[at].is_number() && first >= (*x)[at].number)) return std::nullopt;
  return Piece{node.inputs[0], at, first, 1, indices->shape.rank() == 0};
}

inline std::optional<Piece> sliced_piece(const DataFlow& flow, const Node& node) {
  const SymbolicShape* x = flow.dims(node.inputs[0]);
  if (x == nullptr) return std::nullopt;
  const TensorRef* lists[5] = {};
  for (std::size_t k = 1; k < node.inputs.size(); ++k) {
    lists[k] = flow.constant(node.inputs[k]);
    if (node.inputs[k] != no_value && lists[k] == nullptr) return std::nullopt;
  }
  // A symbol as the largest number shows whether a range takes the whole of it, whatever it is.
  constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();
  Shape from;
  for (const SymbolicInteger& dim : *x) from.push_back(dim.is_number() ? dim.number : largest);
  std::optional<Piece> result;
  try {
    const ops::Slice::Ranges ranges = ops::Slice::resolve(from, *lists[1], *lists[2], lists[3], lists[4]);
    for (std::size_t i = 0; i < x->size(); ++i) {
      const ops::Slice::Range& range = ranges[i];
      if (range.count == from[i] && range.step == 1) continue;
      if (result || range.step != 1 || !(*x)[i].is_number()) return std::nullopt;
      result = Piece{node.inputs[0], i, range.start, range.count};
    }
  } catch (const Error&) {
    return std::nullopt;  // a run that needs the node reports what is wrong with it
  }
  return result;
}

inline std::optional<Piece> split_piece(const DataFlow& flow, const Node& node, ValueId id) {
  const std::optional<std::size_t> rank = flow.rank(node.inputs[0]);
  if (!rank) return std::nullopt;
  const std::int64_t axis = node.as<ops::Split>()->axis;
  if (axis < -static_cast<std::int64_t>(*rank) || axis >= static_cast<std::int64_t>(*rank)) return std::nullopt;
  Piece piece{node.inputs[0], static_cast<std::size_t>(axis < 0 ? axis + static_cast<std::int64_t>(*rank) : axis), 0, 0};
  for (const ValueId output : node.outputs) {
    const SymbolicShape* part = output != no_value ? flow.dims(output) : nullptr;
    if (part == nullptr || !(*part)[piece.axis].is_number()) return std::nullopt;
    piece.count = (*part)[piece.axis].number;
    if (output == id) return piece;
    piece.first += piece.count;
  }
  return std::nullopt;
}

}  // namespace detail

/// The value as a piece of what a Gather of one index, a Slice or a Split, or a Squeeze after one of them, takes it from.
[[nodiscard]] inline std::optional<Piece> read_piece(const DataFlow& flow, ValueId id) {
  const Node* node = flow.producer(id);
  if (node == nullptr) return std::nullopt;
  if (node->as<ops::Gather>() != nullptr) return detail::gathered_piece(flow, *node);
  if (node->as<ops::Slice>() != nullptr) return detail::sliced_piece(flow, *node);
  if (node->as<ops::Split>() != nullptr) return detail::split_piece(flow, *node, id);
  if (node->as<ops::Squeeze>() == nullptr) return std::nullopt;
  std::optional<Piece> piece = node->inputs.size() > 1 ? read_piece(flow, node->inputs[0]) : std::nullopt;
  const TensorRef* axes = piece ? flow.constant(node->inputs[1]) : nullptr;
  if (axes == nullptr || axes->elements() != 1 || piece->squeezed || piece->count != 1) return std::nullopt;
  std::int64_t axis = ops::integer_at(*axes, 0);
  if (axis < 0) axis += static_cast<std::int64_t>(flow.rank(node->inputs[0]).value_or(0));
  if (axis != static_cast<std::int64_t>(piece->axis)) return std::nullopt;
  piece->squeezed = true;
  return piece;
}

}  // namespace hone::inline HONE_ABI::rewrites
