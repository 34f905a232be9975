#pragma once

#include <cstdint>
#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>
#include <hone/ops/dimensions.hpp>
#include <hone/ops/window.hpp>

namespace hone::inline HONE_ABI::ops {

/// The sum of windows where they overlap: what undoes the gathering of windows into columns. The sum of strings is one after the other, in
/// the order of the elements of a block.
/// Inputs: columns (N, C * block, windows), image shape, block shape -> y (N, C, *image shape). Source: ONNX Col2Im, opset 18.
struct Col2Im {
  static constexpr std::string_view name = "Col2Im";
  static constexpr Arity arity{.min_inputs = 3, .max_inputs = 3};
  static constexpr OpTraits traits{.shape_inputs = inputs(1, 2), .integers = StandIn::wider_integers};

  Window window;

  void attributes(auto& a) { window.attributes(a); }
  void shapes(const ShapeContext& c) const {
    const Shape& x = c.shape(0);
    const auto image = c.int64s(1);
    const auto block = c.int64s(2);
    check_list(c.tensor(1), "the image shape");
    if (x.rank() != 3 || image.empty() || image.size() != block.size() || image.size() + 2 > Shape::max_rank) {
      fail(ErrorCode::invalid_argument, "columns of shape ", x, " with ", image.size(), " and ", block.size(), " spatial dimensions");
    }
    std::int64_t taps = 1;
    std::int64_t windows = 1;
    for (std::size_t i = 0; i < image.size(); ++i) {
      if (image[i] < 0 || block[i] < 1)
        fail(ErrorCode::invalid_argument, "an image of ", image[i], " and blocks of ", block[i], " elements");
      const Window::Axis axis = window.axis(i, image.size(), image[i], block[i]);
      taps = checked_product(taps, axis.kernel);
      windows = checked_product(windows, axis.output);
    }
    if (x[1] % taps != 0 || x[2] != windows) {
      fail(ErrorCode::invalid_argument, "columns of shape ", x, " do not hold ", windows, " windows of ", taps, " elements");
    }
    Shape y{x[0], x[1] / taps};
    for (const std::int64_t size : image) y.push_back(size);
    c.output(0, y);
  }
};

}  // namespace hone::inline HONE_ABI::ops
