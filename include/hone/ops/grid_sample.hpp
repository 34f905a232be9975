#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>
#include <hone/ops/dimensions.hpp>

namespace hone::inline HONE_ABI::ops {

/// y[n, c, p] = x[n, c] interpolated at grid[n, p], whose coordinates run from -1 to 1 across x, the last dimension first.
/// Shapes: x (N, C, *D), grid (N, *P, rank of D) -> y (N, C, *P). Source: ONNX GridSample, opsets 16 to 22.
struct GridSample {
  static constexpr std::string_view name = "GridSample";
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 2};
  static constexpr InputTypes input_types[] = {{inputs(1)}};
  static constexpr OpTraits traits{.integers = StandIn::real_numbers};
  enum class Mode : std::uint8_t { nearest, linear, cubic };
  enum class Padding : std::uint8_t { zeros, border, reflection };

  Mode mode = Mode::linear;
  Padding padding = Padding::zeros;
  bool align_corners = false;

  void attributes(auto& a) {
    std::string text;
    a("mode", text, a.opset() < 20 ? "bilinear" : "linear");
    if (text != "nearest" && text != "linear" && text != "bilinear" && text != "cubic" && text != "bicubic") {
      fail(ErrorCode::invalid_graph, "unknown mode '", text, "'");
    }
    mode = text == "nearest" ? Mode::nearest : text.ends_with("linear") ? Mode::linear : Mode::cubic;
    a("padding_mode", text, "zeros");
    if (text != "zeros" && text != "border" && text != "reflection") fail(ErrorCode::invalid_graph, "unknown padding_mode '", text, "'");
    padding = text == "zeros" ? Padding::zeros : text == "border" ? Padding::border : Padding::reflection;
    a("align_corners", align_corners, 0);
  }
  void shapes(const ShapeContext& c) const {
    const Shape& x = c.shape(0);
    const Shape& grid = c.shape(1);
    if (x.rank() < 3 || grid.rank() != x.rank() || grid[0] != x[0] || grid.back() != static_cast<std::int64_t>(x.rank()) - 2) {
      fail(ErrorCode::invalid_argument, "x of shape ", x, " and a grid of shape ", grid, " do not fit together");
    }
    Shape y{x[0], x[1]};
    for (std::size_t i = 1; i + 1 < grid.rank(); ++i) y.push_back(grid[i]);
    c.output(0, y);
  }
};

/// The grid for GridSample that maps output positions p to theta (p, 1).
/// Inputs: theta (N, R, R + 1), size (N, C, *P) -> y (N, *P, R). Source: ONNX AffineGrid, opset 20.
struct AffineGrid {
  static constexpr std::string_view name = "AffineGrid";
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 2};
  static constexpr OpTraits traits{.shape_inputs = inputs(1)};

  bool align_corners = false;

  void attributes(auto& a) { a("align_corners", align_corners, 0); }
  void shapes(const ShapeContext& c) const {
    const Shape& theta = c.shape(0);
    check_list(c.tensor(1), "size");
    const Shape size(c.int64s(1));
    const auto rank = static_cast<std::int64_t>(size.rank()) - 2;
    if (rank < 2 || rank > 3 || !(theta == Shape{size[0], rank, rank + 1})) {
      fail(ErrorCode::invalid_argument, "theta of shape ", theta, " does not fit the size ", size);
    }
    Shape y{size[0]};
    for (std::size_t i = 2; i < size.rank(); ++i) y.push_back(size[i]);
    y.push_back(rank);
    c.output(0, y);
  }
};

}  // namespace hone::inline HONE_ABI::ops
