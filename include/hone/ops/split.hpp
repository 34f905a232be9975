#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>
#include <hone/ops/dimensions.hpp>

namespace hone::inline HONE_ABI::ops {

/// The outputs are the parts of x along axis, of the sizes in input 1, or of equal sizes (from opset 18 on, the last may be smaller).
/// Source: ONNX Split, opsets 1 to 18.
struct Split {
  static constexpr std::string_view name = "Split";
  static constexpr Arity arity{.min_inputs = 1, .max_inputs = 2, .min_outputs = 1, .max_outputs = Arity::any};
  static constexpr OpTraits traits{.shape_inputs = inputs(1), .splits = true};

  std::int64_t axis = 0;
  std::optional<std::int64_t> num_outputs;
  bool uneven = true;

  void attributes(auto& a) {
    a("axis", axis, 0);
    if (a.opset() < 13) a.moved_to_input("split", 1);
    if (a.opset() >= 18) a("num_outputs", num_outputs);
    uneven = a.opset() >= 18;
  }
  void shapes(const ShapeContext& c) const {
    Shape to = c.shape(0);
    const std::size_t along = normalized_axis(axis, to.rank());
    const std::int64_t dim = to[along];
    const auto parts = static_cast<std::int64_t>(c.output_count());
    const TensorRef* sizes = c.has_input(1) ? &c.tensor(1) : nullptr;
    if (num_outputs && *num_outputs != parts)
      fail(ErrorCode::invalid_argument, "num_outputs is ", *num_outputs, " for ", parts, " outputs");
    if (sizes != nullptr) {
      if (sizes->elements() != parts) fail(ErrorCode::invalid_argument, sizes->elements(), " sizes for ", parts, " outputs");
    } else if (!uneven && dim % parts != 0) {
      fail(ErrorCode::invalid_argument, "axis ", axis, " of size ", dim, " cannot be split into ", parts, " equal parts");
    }
    std::int64_t left = dim;
    for (std::int64_t i = 0; i < parts; ++i) {
      to[along] = part(i, parts, dim, sizes);
      if (to[along] < 0 || to[along] > left) {
        fail(ErrorCode::invalid_argument, "the size ", to[along], " of part ", i, " does not fit axis ", axis, " of size ", dim);
      }
      left -= to[along];
      c.output(static_cast<std::size_t>(i), to);
    }
    if (left != 0) fail(ErrorCode::invalid_argument, "the parts leave ", left, " of axis ", axis, " of size ", dim);
  }
  /// Size of part `i` of `parts`. `sizes` may be null.
  [[nodiscard]] static std::int64_t part(std::int64_t i, std::int64_t parts, std::int64_t dim, const TensorRef* sizes) {
    if (sizes != nullptr) return integer_at(*sizes, i);
    const std::int64_t size = dim / parts + (dim % parts != 0 ? 1 : 0);
    // i * size can overflow only where nothing is left.
    return size == 0 || i > dim / size ? 0 : std::min(size, dim - i * size);
  }
};

}  // namespace hone::inline HONE_ABI::ops
