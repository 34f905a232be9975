#pragma once

#include <cstdint>
#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>

namespace hone::inline HONE_ABI::ops {

/// y (number selected, 3) = batch, class and box of the boxes that no better box of their class overlaps, as int64.
/// Inputs: boxes (B, N, 4), scores (B, C, N), max_output_boxes_per_class (0), iou_threshold (0), score_threshold (none).
/// Within a class, boxes are taken by falling score, equal scores by index; a box whose intersection over union with a taken one
/// exceeds iou_threshold is dropped. A box is [y1, x1, y2, x2], or [x_center, y_center, width, height] with center_point_box.
/// Source: ONNX NonMaxSuppression, opsets 10 to 11.
struct NonMaxSuppression {
  static constexpr std::string_view name = "NonMaxSuppression";
  static constexpr InputTypes input_types[] = {{inputs(2), DTypeSet{DType::int64}}, {inputs(3, 4), DTypeSet{DType::float32}}};
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 5};
  static constexpr OpTraits traits{.data_dependent = true};

  bool center_point_box = false;

  void attributes(auto& a) {
    std::int64_t number = 0;
    a("center_point_box", number, 0);
    if (number != 0 && number != 1) fail(ErrorCode::invalid_graph, "the attribute 'center_point_box' is ", number, "; expected 0 or 1");
    center_point_box = number == 1;
  }
  void types(const TypeContext& c) const { c.output(0, DType::int64); }
};

}  // namespace hone::inline HONE_ABI::ops
