#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>
#include <hone/ops/dimensions.hpp>

namespace hone::inline HONE_ABI::ops {

/// The middle of x along some axes, or x in the middle of zeros. Where the difference is odd, the larger half is at the end.
/// Inputs: x, sizes along `axes`, all without. Source: ONNX CenterCropPad, opset 18.
struct CenterCropPad {
  static constexpr std::string_view name = "CenterCropPad";
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 2};
  static constexpr OpTraits traits{.shape_inputs = inputs(1)};

  std::vector<std::int64_t> axes;

  void attributes(auto& a) { a("axes", axes, std::vector<std::int64_t>{}); }
  void shapes(const ShapeContext& c) const {
    Shape y = c.shape(0);
    const TensorRef& sizes = c.tensor(1);
    check_list(sizes, "the shape");
    const std::size_t count = axes.empty() ? y.rank() : axes.size();
    if (sizes.elements() != static_cast<std::int64_t>(count)) {
      fail(ErrorCode::invalid_argument, "there are ", sizes.elements(), " sizes for ", count, " axes");
    }
    AxisSet seen;
    for (std::size_t i = 0; i < count; ++i) {
      const std::int64_t axis = axes.empty() ? static_cast<std::int64_t>(i) : axes[i];
      seen.insert(axis, y.rank());
      y[normalized_axis(axis, y.rank())] = integer_at(sizes, static_cast<std::int64_t>(i));
    }
    c.output(0, y);
  }
};

}  // namespace hone::inline HONE_ABI::ops
