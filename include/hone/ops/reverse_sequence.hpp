#pragma once

#include <cstdint>
#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>

namespace hone::inline HONE_ABI::ops {

/// y = x with the first input 1 [b] elements along time_axis reversed for each b along batch_axis.
/// Source: ONNX ReverseSequence, opsets 10 to 28.
struct ReverseSequence {
  static constexpr std::string_view name = "ReverseSequence";
  static constexpr InputTypes input_types[] = {{inputs(1), DTypeSet{DType::int64}}};
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 2};

  std::int64_t batch_axis = 1;
  std::int64_t time_axis = 0;

  void attributes(auto& a) {
    a("batch_axis", batch_axis, 1);
    a("time_axis", time_axis, 0);
    const bool good = (batch_axis == 0 && time_axis == 1) || (batch_axis == 1 && time_axis == 0);
    if (!good) fail(ErrorCode::invalid_graph, "batch_axis ", batch_axis, " and time_axis ", time_axis, " must be 0 and 1 or 1 and 0");
  }
  void shapes(const ShapeContext& c) const {
    const Shape& from = c.shape(0);
    if (from.rank() < 2) fail(ErrorCode::invalid_argument, "the input must have at least 2 dimensions, but its shape is ", from);
    const std::int64_t batch = from[static_cast<std::size_t>(batch_axis)];
    if (c.shape(1).rank() != 1 || c.shape(1)[0] != batch) {
      fail(ErrorCode::invalid_argument, "sequence_lens has the shape ", c.shape(1), " for ", batch, " sequences");
    }
    c.output(0, from);
  }
};

}  // namespace hone::inline HONE_ABI::ops
