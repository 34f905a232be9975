#pragma once

#include <cstdint>
#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>
#include <hone/ops/dimensions.hpp>

namespace hone::inline HONE_ABI::ops {

/// The discrete Fourier transform along an axis: y[k] = sum_n x[n] exp(-2 pi i k n / N); the inverse has the other sign and divides by N.
/// The last dimension holds real and imaginary parts, or real parts alone. `onesided` gives the first N / 2 + 1 results alone; inverse and
/// one-sided, it takes those and gives N real numbers.
/// Inputs: x, N (otherwise the size of x), axis. Shapes: x (*, size, *, 1 or 2) -> y (*, N or N / 2 + 1, *, 2 or 1).
/// Source: ONNX DFT, opsets 17 to 20.
struct DFT {
  static constexpr std::string_view name = "DFT";
  static constexpr Arity arity{.max_inputs = 3};
  static constexpr OpTraits traits{.shape_inputs = inputs(1, 2)};

  std::int64_t axis = -2;
  bool inverse = false;
  bool onesided = false;

  void attributes(auto& a) {
    a("inverse", inverse, 0);
    a("onesided", onesided, 0);
    if (a.opset() < 20) a("axis", axis, 1);
  }

  struct Sizes {
    std::size_t axis;
    std::int64_t length;  ///< N
  };
  /// Null for omitted inputs. Errors: invalid_argument.
  [[nodiscard]] Sizes sizes(const Shape& x, const TensorRef* given_length, const TensorRef* given_axis) const {
    if (x.rank() < 2 || x.back() < 1 || x.back() > 2)
      fail(ErrorCode::invalid_argument, "its input has shape ", x, "; expected (*, 1 or 2)");
    Sizes s{};
    s.axis = normalized_axis(given_axis != nullptr ? only_integer(*given_axis, "the axis") : axis, x.rank());
    if (s.axis + 1 == x.rank()) fail(ErrorCode::invalid_argument, "the last dimension cannot be transformed");
    s.length = given_length != nullptr ? only_integer(*given_length, "the length") : inverse && onesided ? 2 * (x[s.axis] - 1) : x[s.axis];
    if (s.length < 1 || s.length > (std::int64_t{1} << 40)) fail(ErrorCode::invalid_argument, "a transform of ", s.length, " elements");
    return s;
  }
  void shapes(const ShapeContext& c) const {
    const Sizes s = sizes(c.shape(0), c.has_input(1) ? &c.tensor(1) : nullptr, c.has_input(2) ? &c.tensor(2) : nullptr);
    Shape y = c.shape(0);
    y[s.axis] = onesided && !inverse ? s.length / 2 + 1 : s.length;
    y[y.rank() - 1] = onesided && inverse ? 1 : 2;
    c.output(0, y);
  }
};

/// The transforms of stretches of a signal that start `step` apart, each multiplied by a window.
/// Inputs: signal (B, L, 1 or 2), step (), window (W), length of a stretch () -> y (B, stretches, length or length / 2 + 1, 2).
/// Source: ONNX STFT, opset 17.
struct STFT {
  static constexpr std::string_view name = "STFT";
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 4};
  static constexpr OpTraits traits{.shape_inputs = inputs(1, 3)};

  bool onesided = true;

  void attributes(auto& a) { a("onesided", onesided, 1); }

  struct Sizes {
    std::int64_t step;
    std::int64_t length;
    std::int64_t frames;
  };
  [[nodiscard]] Sizes sizes(const Shape& x, const TensorRef& step, const Shape* window, const TensorRef* length) const {
    if (x.rank() != 3 || x[2] < 1 || x[2] > 2) fail(ErrorCode::invalid_argument, "its signal has shape ", x, "; expected (B, L, 1 or 2)");
    Sizes s{only_integer(step, "the step"), x[1], 0};
    if (window != nullptr) s.length = window->elements();
    if (length != nullptr) s.length = only_integer(*length, "the length");
    if (s.step < 1 || s.length < 1 || s.length > x[1]) {
      fail(ErrorCode::invalid_argument, "a signal of ", x[1], " elements has no stretches of ", s.length, ", ", s.step, " apart");
    }
    if (window != nullptr && window->elements() != s.length) {
      fail(ErrorCode::invalid_argument, "the window has shape ", *window, ", but a stretch has ", s.length, " elements");
    }
    s.frames = (x[1] - s.length) / s.step + 1;
    return s;
  }
  void shapes(const ShapeContext& c) const {
    const Sizes s = sizes(c.shape(0), c.tensor(1), c.has_input(2) ? &c.shape(2) : nullptr, c.has_input(3) ? &c.tensor(3) : nullptr);
    c.output(0, {c.shape(0)[0], s.frames, onesided ? s.length / 2 + 1 : s.length, 2});
  }
};

/// The attribute output_datatype. Errors: invalid_graph when it names no real numbers.
inline void read_output_datatype(auto& a, DType& dtype) {
  a("output_datatype", dtype, DType::float32);
  if (!real_numbers.contains(dtype)) fail(ErrorCode::invalid_graph, "the attribute 'output_datatype' is ", hone::name(dtype));
}

/// y[n] = a - b cos(2 pi n / N) + c cos(4 pi n / N), where N is the size, or one less when not periodic.
/// Shapes: size () -> y (size). Source: ONNX, opset 17.
struct CosineWindow {
  static constexpr OpTraits traits{.shape_inputs = inputs(0)};

  bool periodic = true;
  DType dtype = DType::float32;

  void attributes(auto& a) {
    a("periodic", periodic, 1);
    read_output_datatype(a, dtype);
  }
  void types(const TypeContext& c) const { c.output(0, dtype); }
  void shapes(const ShapeContext& c) const { c.output(0, {only_integer(c.tensor(0), "the size")}); }
};
struct HannWindow : CosineWindow {
  static constexpr std::string_view name = "HannWindow";
  static constexpr double a = 0.5, b = 0.5, c = 0;
};
struct HammingWindow : CosineWindow {
  static constexpr std::string_view name = "HammingWindow";
  static constexpr double a = 25.0 / 46, b = 21.0 / 46, c = 0;
};
struct BlackmanWindow : CosineWindow {
  static constexpr std::string_view name = "BlackmanWindow";
  static constexpr double a = 0.42, b = 0.5, c = 0.08;
};

/// The triangular filters, evenly spaced on the mel scale, that turn a spectrum into mel bins.
/// Inputs: number of bins, length of the transform, sample rate, lower and upper edge in Hz -> y (length / 2 + 1, bins).
/// Source: ONNX MelWeightMatrix, opset 17.
struct MelWeightMatrix {
  static constexpr std::string_view name = "MelWeightMatrix";
  static constexpr Arity arity{.min_inputs = 5, .max_inputs = 5};
  static constexpr InputTypes input_types[] = {{inputs(2, 3, 4), real_numbers}};
  static constexpr OpTraits traits{.shape_inputs = inputs(0, 1)};

  DType dtype = DType::float32;

  void attributes(auto& a) { read_output_datatype(a, dtype); }
  void types(const TypeContext& c) const { c.output(0, dtype); }
  void shapes(const ShapeContext& c) const {
    const std::int64_t length = only_integer(c.tensor(1), "the length");
    if (length < 0) fail(ErrorCode::invalid_argument, "a transform of ", length, " elements");
    c.output(0, {length / 2 + 1, only_integer(c.tensor(0), "the number of bins")});
  }
};

}  // namespace hone::inline HONE_ABI::ops
