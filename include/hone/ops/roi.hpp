#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>

namespace hone::inline HONE_ABI::ops {

/// The average, or the maximum, of samples in each cell of a grid over each region of interest.
/// Shapes: x (N, C, H, W), rois (R, 4) as x1, y1, x2, y2, batch indices (R) -> y (R, C, output_height, output_width).
/// Source: ONNX RoiAlign, opsets 10 to 22.
struct RoiAlign {
  static constexpr std::string_view name = "RoiAlign";
  static constexpr Arity arity{.min_inputs = 3, .max_inputs = 3};
  static constexpr InputTypes input_types[] = {{inputs(2), DTypeSet{DType::int32, DType::int64}}};

  bool half_pixel = true;
  bool maximum = false;
  std::int64_t output_height = 1;
  std::int64_t output_width = 1;
  std::int64_t sampling_ratio = 0;  ///< samples per cell along each dimension; 0 for one per element of x
  float spatial_scale = 1;

  void attributes(auto& a) {
    std::string text;
    a("mode", text, "avg");
    if (text != "avg" && text != "max") fail(ErrorCode::invalid_graph, "unknown mode '", text, "'");
    maximum = text == "max";
    if (a.opset() >= 16) a("coordinate_transformation_mode", text, "half_pixel");
    half_pixel = a.opset() >= 16 && text == "half_pixel";
    a("output_height", output_height, 1);
    a("output_width", output_width, 1);
    a("sampling_ratio", sampling_ratio, 0);
    a("spatial_scale", spatial_scale, 1.0f);
    if (sampling_ratio < 0 || sampling_ratio > 1 << 16) fail(ErrorCode::invalid_graph, "sampling_ratio is ", sampling_ratio);
  }
  void shapes(const ShapeContext& c) const {
    const Shape& x = c.shape(0);
    const Shape& rois = c.shape(1);
    if (x.rank() != 4 || rois.rank() != 2 || rois[1] != 4 || !(c.shape(2) == Shape{rois[0]})) {
      fail(ErrorCode::invalid_argument, "x ", x, ", regions ", rois, " and batch indices ", c.shape(2), " do not fit together");
    }
    c.output(0, {rois[0], x[1], output_height, output_width});
  }
};

/// The maximum in each cell of a grid over each region of interest.
/// Shapes: x (N, C, H, W), rois (R, 5) as batch index, x1, y1, x2, y2 -> y (R, C, *pooled_shape). Source: ONNX MaxRoiPool, opsets 1 to 22.
struct MaxRoiPool {
  static constexpr std::string_view name = "MaxRoiPool";
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 2};

  std::vector<std::int64_t> pooled_shape;
  float spatial_scale = 1;

  void attributes(auto& a) {
    a.required("pooled_shape", pooled_shape);
    a("spatial_scale", spatial_scale, 1.0f);
    if (pooled_shape.size() != 2) fail(ErrorCode::invalid_graph, "pooled_shape has ", pooled_shape.size(), " values, not 2");
  }
  void shapes(const ShapeContext& c) const {
    const Shape& x = c.shape(0);
    const Shape& rois = c.shape(1);
    if (x.rank() != 4 || rois.rank() != 2 || rois[1] != 5)
      fail(ErrorCode::invalid_argument, "x ", x, " and regions ", rois, " do not fit together");
    c.output(0, {rois[0], x[1], pooled_shape[0], pooled_shape[1]});
  }
};

}  // namespace hone::inline HONE_ABI::ops
