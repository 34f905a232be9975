#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>

#include <hone/config.hpp>
#include <hone/ops/dimensions.hpp>
#include <hone/ops/quantize.hpp>
#include <hone/rewrites/data_flow.hpp>

namespace hone::inline HONE_ABI::rewrites {

/// A QuantizeLinear or DequantizeLinear between float32 and bytes, with constant parameters.
struct ByteQuantizer {
  ValueId x = no_value;  ///< what it converts
  ValueId scale = no_value;
  ValueId zero = no_value;         ///< no_value: 0
  DType dtype = DType::undefined;  ///< of the bytes
  std::int64_t axis = 0;           ///< that of the scales, where there are several
  bool one_scale = true;
};

namespace detail {

template <class Op>
std::optional<ByteQuantizer> read_quantizer(const DataFlow& flow, const Node* node, ValueId bytes, ValueId floats) {
  const auto* op = node != nullptr ? node->as<Op>() : nullptr;
  if (op == nullptr || op->block_size != 0 || bytes == no_value || !is_byte(flow[bytes].type.dtype) ||
      !(flow[floats].type == Type(DType::float32))) {
    return std::nullopt;
  }
  ByteQuantizer q{node->inputs[0], node->inputs[1], node->inputs.size() > 2 ? node->inputs[2] : no_value, flow[bytes].type.dtype, op->axis};
  const TensorRef* scale = flow.constant(q.scale);
  if (scale == nullptr || scale->dtype != DType::float32 || (q.zero != no_value && flow.constant(q.zero) == nullptr)) return std::nullopt;
  q.one_scale = scale->elements() == 1;
  return q;
}

}  // namespace detail

/// The node as a QuantizeLinear to bytes by one scale.
[[nodiscard]] inline std::optional<ByteQuantizer> quantizer(const DataFlow& flow, const Node* node) {
  if (node == nullptr || node->as<ops::QuantizeLinear>() == nullptr) return std::nullopt;
  auto q = detail::read_quantizer<ops::QuantizeLinear>(flow, node, node->outputs[0], node->inputs[0]);
  return q && q->one_scale ? q : std::nullopt;
}
/// The node as a DequantizeLinear of bytes.
[[nodiscard]] inline std::optional<ByteQuantizer> dequantizer(const DataFlow& flow, const Node* node) {
  if (node == nullptr || node->as<ops::DequantizeLinear>() == nullptr) return std::nullopt;
  return detail::read_quantizer<ops::DequantizeLinear>(flow, node, node->inputs[0], node->outputs[0]);
}

/// Element i of a zero point.
[[nodiscard]] inline std::int64_t zero_point(const DataFlow& flow, const ByteQuantizer& q, std::int64_t i = 0) {
  const TensorRef* zero = flow.constant(q.zero);
  return zero == nullptr ? 0 : ops::integer_at(*zero, zero->elements() == 1 ? 0 : i);
}
/// Whether both convert by the same one scale and zero point.
[[nodiscard]] inline bool same_scale(const DataFlow& flow, const ByteQuantizer& a, const ByteQuantizer& b) {
  return a.dtype == b.dtype && a.one_scale && b.one_scale && flow.scalar(a.scale) == flow.scalar(b.scale) &&
         zero_point(flow, a) == zero_point(flow, b);
}

}  // namespace hone::inline HONE_ABI::rewrites
