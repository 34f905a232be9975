#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>
#include <hone/ops/dimensions.hpp>

namespace hone::inline HONE_ABI::ops {

/// y = x resampled along some of its axes, to floor(size * scale) or to given sizes.
/// Inputs: x, roi (used by tf_crop_and_resize), scales, sizes; exactly one of the last two, an empty one counts as absent.
/// Source: ONNX Resize, opsets 10 to 19.
struct Resize {
  static constexpr std::string_view name = "Resize";
  static constexpr Arity arity{.min_inputs = 1, .max_inputs = 4};
  static constexpr OpTraits traits{.shape_inputs = inputs(1, 2, 3)};

  enum class Mode : std::uint8_t { nearest, linear, cubic };
  enum class Coordinates : std::uint8_t {
    half_pixel,
    half_pixel_symmetric,
    pytorch_half_pixel,
    align_corners,
    asymmetric,
    tf_crop_and_resize,
    tf_half_pixel_for_nn
  };
  /// `simple`: floor, but ceil where the axis shrinks, as opset 10 left it to implementations.
  enum class Nearest : std::uint8_t { round_prefer_floor, round_prefer_ceil, floor, ceil, simple };
  enum class AspectRatio : std::uint8_t { stretch, not_larger, not_smaller };

  Mode mode = Mode::nearest;
  Coordinates coordinates = Coordinates::half_pixel;
  Nearest nearest = Nearest::round_prefer_floor;
  AspectRatio aspect_ratio = AspectRatio::stretch;
  bool antialias = false;
  bool exclude_outside = false;
  float cubic_coeff_a = -0.75F;
  float extrapolation_value = 0;
  std::optional<std::vector<std::int64_t>> axes;
  /// Opset 10 has no roi.
  std::size_t scales_input = 2;
  /// Of N, C, H and W, where they are attributes.
  std::optional<std::array<float, 4>> own_scales;

  void attributes(auto& a) {
    mode = choice<Mode>(a, "mode", {"nearest", "linear", "cubic"});
    if (a.opset() < 11) return read_without_coordinates();
    coordinates = choice<Coordinates>(a, "coordinate_transformation_mode",
                                      {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric",
                                       "tf_crop_and_resize", "tf_half_pixel_for_nn"});
    nearest = choice<Nearest>(a, "nearest_mode", {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"});
    a("cubic_coeff_a", cubic_coeff_a, -0.75F);
    a("exclude_outside", exclude_outside, false);
    a("extrapolation_value", extrapolation_value, 0.0F);
    if (a.opset() < 18) return;
    a("antialias", antialias, false);
    a("axes", axes);
    aspect_ratio = choice<AspectRatio>(a, "keep_aspect_ratio_policy", {"stretch", "not_larger", "not_smaller"});
  }

  /// How one axis is resampled.
  struct Axis {
    std::int64_t in = 0;
    std::int64_t out = 0;
    float scale = 1;
    /// The size before it is cut to an integer.
    float length = 0;
    float roi_start = 0;
    float roi_end = 1;
    bool resized = false;
  };
  using Resampling = std::array<Axis, Shape::max_rank>;

  void shapes(const ShapeContext& c) const {
    const auto given = [&](std::size_t i) { return c.has_input(i) && c.shape(i).elements() > 0 ? &c.tensor(i) : nullptr; };
    Shape to = c.shape(0);
    const Resampling axis = resolve(to, inputs_of(given));
    for (std::size_t d = 0; d < to.rank(); ++d) to[d] = axis[d].out;
    c.output(0, to);
  }

  /// The inputs beside x; null when absent.
  struct Parameters {
    const TensorRef* roi;
    const TensorRef* scales;
    const TensorRef* sizes;
  };
  /// `given(i)`: input i, or null when it is absent or empty.
  Parameters inputs_of(const auto& given) const {
    return {scales_input > 1 ? given(1) : nullptr, given(scales_input), scales_input > 1 ? given(3) : nullptr};
  }

  /// One entry per dimension of `from`. Errors: invalid_argument.
  [[nodiscard]] Resampling resolve(const Shape& from, const Parameters& parameters) const {
    if (own_scales && parameters.scales == nullptr) {
      std::array<float, 4> values = *own_scales;
      const TensorRef scales{values.data(), DType::float32, {4}};
      return resolve(from, {nullptr, &scales, nullptr});
    }
    if ((parameters.scales != nullptr) == (parameters.sizes != nullptr)) {
      fail(ErrorCode::invalid_argument, "exactly one of scales and sizes must be given");
    }
    Resampling result;
    for (std::size_t d = 0; d < from.rank(); ++d) {
      result[d].in = result[d].out = from[d];
      result[d].length = static_cast<float>(from[d]);
    }
    const std::size_t count = axes ? axes->size() : from.rank();
    const auto check_count = [&](const TensorRef& tensor, std::size_t times, std::string_view what) {
      if (tensor.elements() != static_cast<std::int64_t>(count * times)) {
        fail(ErrorCode::invalid_argument, what, " has ", tensor.elements(), " elements for ", count, " axes");
      }
    };
    const TensorRef& target = parameters.scales != nullptr ? *parameters.scales : *parameters.sizes;
    check_count(target, 1, parameters.scales != nullptr ? "scales" : "sizes");
    if (coordinates == Coordinates::tf_crop_and_resize) {
      if (parameters.roi == nullptr) fail(ErrorCode::invalid_argument, "tf_crop_and_resize needs roi");
      check_count(*parameters.roi, 2, "roi");
    }
    AxisSet seen;
    for (std::size_t i = 0; i < count; ++i) {
      const std::int64_t number = axes ? (*axes)[i] : static_cast<std::int64_t>(i);
      seen.insert(number, from.rank());
      Axis& axis = result[normalized_axis(number, from.rank())];
      const auto at = static_cast<std::int64_t>(i);
      if (coordinates == Coordinates::tf_crop_and_resize) {
        axis.roi_start = static_cast<float>(number_at(*parameters.roi, at));
        axis.roi_end = static_cast<float>(number_at(*parameters.roi, at + static_cast<std::int64_t>(count)));
      }
      if (parameters.scales != nullptr) {
        axis.scale = static_cast<float>(number_at(target, at));
        set_scale(axis, number);
      } else {
        axis.out = integer_at(target, at);
        if (axis.out < 0) fail(ErrorCode::invalid_argument, "the size of axis ", number, " is ", axis.out);
        axis.scale = static_cast<float>(axis.out) / static_cast<float>(axis.in);
        axis.length = static_cast<float>(axis.out);
      }
      axis.resized = true;
    }
    if (parameters.sizes != nullptr && aspect_ratio != AspectRatio::stretch) keep_aspect_ratio(result, from.rank());
    for (std::size_t d = 0; d < from.rank(); ++d) {
      Axis& axis = result[d];
      if (axis.in == 0 && axis.out > 0) fail(ErrorCode::invalid_argument, "an axis without elements cannot grow to ", axis.out);
      const bool whole = axis.roi_start == 0 && axis.roi_end == 1;
      if (axis.in == axis.out && axis.scale == 1 && whole && coordinates != Coordinates::tf_half_pixel_for_nn) axis.resized = false;
    }
    return result;
  }

 protected:
  void read_without_coordinates() {
    coordinates = Coordinates::asymmetric;
    nearest = Nearest::simple;
    scales_input = 1;
  }

  /// The member of Enum whose name the attribute holds; the first one when it is absent.
  template <class Enum, std::size_t N>
  static Enum choice(auto& a, std::string_view attribute, const std::string_view (&names)[N]) {
    std::string text;
    a(attribute, text, std::string(names[0]));
    for (std::uint8_t i = 0; i < N; ++i)
      if (text == names[i]) return static_cast<Enum>(i);
    fail(ErrorCode::invalid_graph, "unknown ", attribute, " '", text, "'");
  }

 private:
  static void set_scale(Axis& axis, std::int64_t number) {
    axis.length = static_cast<float>(axis.in) * axis.scale;
    if (!(axis.scale > 0) || !(axis.length < 0x1p62F)) fail(ErrorCode::invalid_argument, "the scale of axis ", number, " is ", axis.scale);
    axis.out = static_cast<std::int64_t>(axis.length);
  }

  void keep_aspect_ratio(Resampling& result, std::size_t rank) const {
    double scale = aspect_ratio == AspectRatio::not_larger ? std::numeric_limits<double>::infinity() : 0;
    for (std::size_t d = 0; d < rank; ++d) {
      if (!result[d].resized) continue;
      const double own = static_cast<double>(result[d].out) / static_cast<double>(result[d].in);
      scale = aspect_ratio == AspectRatio::not_larger ? std::min(scale, own) : std::max(scale, own);
    }
    for (std::size_t d = 0; d < rank; ++d) {
      Axis& axis = result[d];
      if (!axis.resized) continue;
      axis.scale = static_cast<float>(scale);
      axis.length = static_cast<float>(scale * static_cast<double>(axis.in));
      axis.out = saturated_integer(std::floor(scale * static_cast<double>(axis.in) + 0.5));
    }
  }
};

/// The older form of Resize: coordinates are asymmetric, nearest rounds down. Inputs: x, scales.
/// Source: ONNX Upsample, opsets 7 and 9.
struct Upsample : Resize {
  static constexpr std::string_view name = "Upsample";
  static constexpr int since = 7;
  static constexpr int until = 9;
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 2};

  void attributes(auto& a) {
    mode = choice<Mode>(a, "mode", {"nearest", "linear"});
    if (a.opset() < 9) a.moved_to_input("scales", 1);
    read_without_coordinates();
  }
};

/// Upsample of images, whose scales are attributes. Shapes: x (N, C, H, W) -> y (N, C, H height_scale, W width_scale), cut.
/// Source: ONNX Upsample, opset 1.
struct ImageUpsample : Resize {
  static constexpr std::string_view name = "Upsample";
  static constexpr int until = 6;
  static constexpr Arity arity{};

  void attributes(auto& a) {
    mode = choice<Mode>(a, "mode", {"nearest", "bilinear"});
    own_scales = {1, 1, 1, 1};
    a.required("height_scale", (*own_scales)[2]);
    a.required("width_scale", (*own_scales)[3]);
    read_without_coordinates();
  }
};

}  // namespace hone::inline HONE_ABI::ops
