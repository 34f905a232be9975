#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include <hone/config.hpp>
#include <hone/core/buffer.hpp>
#include <hone/ops/resize.hpp>

namespace hone::inline HONE_ABI {

/// Where element `i` of a resampled axis lies on the original one. Computed in float, as the implementations are whose rounding of
/// ties models have been checked against.
[[nodiscard]] inline float source_coordinate(ops::Resize::Coordinates mode, const ops::Resize::Axis& axis, std::int64_t i) noexcept {
  using Coordinates = ops::Resize::Coordinates;
  const auto at = static_cast<float>(i);
  const auto in = static_cast<float>(axis.in);
  switch (mode) {
    case Coordinates::half_pixel:
      break;
    case Coordinates::half_pixel_symmetric: {
      const float adjustment = static_cast<float>(axis.out) / axis.length;
      return in / 2 * (1 - adjustment) + (at + 0.5F) / axis.scale - 0.5F;
    }
    case Coordinates::pytorch_half_pixel:
      return axis.out > 1 ? (at + 0.5F) / axis.scale - 0.5F : 0;
    case Coordinates::align_corners:
      return axis.length == 1 ? 0 : at * (in - 1) / (axis.length - 1);
    case Coordinates::asymmetric:
      return at / axis.scale;
    case Coordinates::tf_crop_and_resize: {
      const float extent = axis.roi_end - axis.roi_start;
      if (axis.length == 1) return 0.5F * (axis.roi_start + axis.roi_end) * (in - 1);
      return axis.roi_start * (in - 1) + at * extent * (in - 1) / (axis.length - 1);
    }
    case Coordinates::tf_half_pixel_for_nn:
      return (at + 0.5F) / axis.scale;
  }
  return (at + 0.5F) / axis.scale - 0.5F;
}

/// True when tf_crop_and_resize takes the extrapolation value there.
[[nodiscard]] inline bool extrapolates(ops::Resize::Coordinates mode, const ops::Resize::Axis& axis, float x) noexcept {
  return mode == ops::Resize::Coordinates::tf_crop_and_resize && !(x >= 0 && x <= static_cast<float>(axis.in - 1));
}

/// The element of the original axis that is nearest to x.
[[nodiscard]] inline std::int64_t nearest_element(ops::Resize::Nearest mode, const ops::Resize::Axis& axis, float x) noexcept {
  using Nearest = ops::Resize::Nearest;
  const float below = std::floor(x);
  float chosen = below;
  switch (mode) {
    case Nearest::round_prefer_floor:
      chosen = x - below > 0.5F ? below + 1 : below;
      break;
    case Nearest::round_prefer_ceil:
      chosen = x - below >= 0.5F ? below + 1 : below;
      break;
    case Nearest::floor:
      break;
    case Nearest::ceil:
      chosen = std::ceil(x);
      break;
    case Nearest::simple:
      chosen = axis.scale < 1 ? std::ceil(x) : below;
      break;
  }
  const auto last = static_cast<float>(axis.in - 1);
  return static_cast<std::int64_t>(chosen > 0 ? std::min(chosen, last) : 0);
}

/// For each element of a resampled axis, the elements of the original one that it is a weighted sum of.
template <class Real>
struct WeightTable {
  std::int64_t taps = 0;            ///< terms of each sum
  Real* weights = nullptr;          ///< (out, taps)
  std::int64_t* sources = nullptr;  ///< (out, taps); -1 in the first one stands for the extrapolation value

  /// How far the filter reaches to the left of a coordinate, in elements, as a negative number.
  [[nodiscard]] static std::int64_t reach(const ops::Resize& op, float scale) noexcept {
    const float radius = op.mode == ops::Resize::Mode::cubic ? 2 : 1;
    const float shrink = op.antialias ? std::min(scale, 1.0F) : 1.0F;
    return static_cast<std::int64_t>(std::floor(-radius / shrink)) + 1;
  }
  [[nodiscard]] static std::int64_t taps_of(const ops::Resize& op, const ops::Resize::Axis& axis) noexcept {
    return 2 - 2 * reach(op, axis.scale);
  }
  /// Bytes of the table of one axis. Precondition: the axis has elements.
  [[nodiscard]] static std::size_t bytes(const ops::Resize& op, const ops::Resize::Axis& axis) noexcept {
    const auto entries = static_cast<std::size_t>(axis.out * taps_of(op, axis));
    return align_up(entries * sizeof(Real)) + align_up(entries * sizeof(std::int64_t));
  }

  /// Fills the table. `memory` has bytes() bytes.
  void fill(const ops::Resize& op, const ops::Resize::Axis& axis, std::byte* memory) noexcept {
    const std::int64_t first = reach(op, axis.scale);
    taps = taps_of(op, axis);
    weights = reinterpret_cast<Real*>(memory);
    sources = reinterpret_cast<std::int64_t*>(memory + align_up(static_cast<std::size_t>(axis.out * taps) * sizeof(Real)));
    const Real shrink = op.antialias ? std::min(static_cast<Real>(axis.scale), Real(1)) : Real(1);
    for (std::int64_t i = 0; i < axis.out; ++i) {
      Real* weight = weights + i * taps;
      std::int64_t* source = sources + i * taps;
      const float x = source_coordinate(op.coordinates, axis, i);
      if (extrapolates(op.coordinates, axis, x)) {
        source[0] = -1;
        continue;
      }
      const float floor = std::floor(std::clamp(x, -0x1p60F, 0x1p60F));
      const auto ratio = static_cast<Real>(x - floor);
      Real sum = 0;
      for (std::int64_t t = 0; t < taps; ++t) {
        const std::int64_t element = static_cast<std::int64_t>(floor) + first + t;
        const bool outside = element < 0 || element >= axis.in;
        const Real distance = (static_cast<Real>(first + t) - ratio) * shrink;
        weight[t] = outside && op.exclude_outside ? 0 : filter(op, distance);
        source[t] = std::clamp<std::int64_t>(element, 0, axis.in - 1);
        sum += weight[t];
      }
      // Without antialiasing the weights of a full window add up to 1 already.
      if (!op.antialias && !op.exclude_outside) continue;
      for (std::int64_t t = 0; t < taps && sum != 0; ++t) weight[t] /= sum;
    }
  }

 private:
  [[nodiscard]] static Real filter(const ops::Resize& op, Real distance) noexcept {
    const Real d = std::abs(distance);
    if (op.mode == ops::Resize::Mode::linear) return d < 1 ? 1 - d : 0;
    // Keys, "Cubic convolution interpolation for digital image processing", 1981, equation (4).
    const auto a = static_cast<Real>(op.cubic_coeff_a);
    if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
    return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
  }
};

}  // namespace hone::inline HONE_ABI
