#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/error.hpp>
#include <hone/core/shape.hpp>
#include <hone/ops/dimensions.hpp>

namespace hone::inline HONE_ABI::ops {

/// A window that slides over the spatial dimensions of a tensor (N, C, spatial...), as convolution and pooling have it.
struct Window {
  enum class AutoPad : std::uint8_t { notset, same_upper, same_lower, valid };

  std::vector<std::int64_t> kernel_shape;
  std::vector<std::int64_t> strides;
  std::vector<std::int64_t> dilations;
  std::vector<std::int64_t> pads;  ///< all begins, then all ends
  AutoPad auto_pad = AutoPad::notset;
  bool ceil_mode = false;

  /// Reads the attributes that all such operators share.
  void attributes(auto& a) {
    using Ints = std::vector<std::int64_t>;
    std::string padding;
    a("kernel_shape", kernel_shape, Ints{});
    a("strides", strides, Ints{});
    a("dilations", dilations, Ints{});
    a("pads", pads, Ints{});
    a("auto_pad", padding, "NOTSET");
    constexpr std::string_view names[] = {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"};
    const auto* found = std::find(std::begin(names), std::end(names), padding);
    if (found == std::end(names)) fail(ErrorCode::invalid_graph, "the attribute 'auto_pad' is '", padding, "', which ONNX does not define");
    auto_pad = static_cast<AutoPad>(found - std::begin(names));
    for (const auto& [name, list] :
         {std::pair<std::string_view, const Ints&>("strides", strides), {"dilations", dilations}, {"kernel_shape", kernel_shape}})
      for (const std::int64_t value : list)
        if (value < 1) fail(ErrorCode::invalid_graph, "the attribute '", name, "' holds ", value, "; it must be at least 1");
  }

  /// The window along one spatial dimension of size `input`.
  struct Axis {
    std::int64_t input = 1;
    std::int64_t output = 1;
    std::int64_t kernel = 1;
    std::int64_t stride = 1;
    std::int64_t dilation = 1;
    std::int64_t pad_begin = 0;
    std::int64_t pad_end = 0;

    /// Elements from the first to the last one that a window touches, both included.
    [[nodiscard]] std::int64_t extent() const noexcept { return (kernel - 1) * dilation + 1; }
  };

  /// The axis number `i` of `rank` for an input of size `input`; `kernel` stands in when there is no kernel_shape.
  /// Errors: invalid_argument when the lists have the wrong length or the window does not fit.
  [[nodiscard]] Axis axis(std::size_t i, std::size_t rank, std::int64_t input, std::int64_t kernel) const {
    check_lengths(rank);
    Axis axis = geometry(i, rank, input, kernel);
    if (auto_pad == AutoPad::same_upper || auto_pad == AutoPad::same_lower) {
      axis.output = (input + axis.stride - 1) / axis.stride;
      const std::int64_t total = std::max<std::int64_t>(0, (axis.output - 1) * axis.stride + axis.extent() - input);
      axis.pad_begin = auto_pad == AutoPad::same_upper ? total / 2 : total - total / 2;
      axis.pad_end = total - axis.pad_begin;
      return axis;
    }
    const std::int64_t room = input + axis.pad_begin + axis.pad_end - axis.extent();
    if (room < 0) {
      fail(ErrorCode::invalid_argument, "the window of ", axis.extent(), " elements does not fit into spatial dimension ", i, " of ", input,
           " elements and ", axis.pad_begin, " + ", axis.pad_end, " of padding");
    }
    axis.output = room / axis.stride + 1;
    if (ceil_mode && room % axis.stride != 0) {
      // One more window, unless it would start in the padding at the end.
      if (axis.output * axis.stride < input + axis.pad_begin) ++axis.output;
    }
    return axis;
  }

  /// The axis of a transposed convolution: `input` windows spread over axis.output elements.
  [[nodiscard]] Axis transposed_axis(std::size_t i, std::size_t rank, std::int64_t input, std::int64_t kernel, std::int64_t output_padding,
                                     const std::vector<std::int64_t>& output_shape) const {
    check_lengths(rank);
    Axis axis = geometry(i, rank, input, kernel);
    const std::int64_t spread =
        checked_sum(checked_product(axis.stride, std::max<std::int64_t>(0, input - 1)), output_padding + axis.extent());
    const bool same = auto_pad == AutoPad::same_upper || auto_pad == AutoPad::same_lower;
    if (output_shape.empty() && !same) {
      axis.output = spread - axis.pad_begin - axis.pad_end;
    } else {
      axis.output = output_shape.empty() ? input * axis.stride : output_shape[output_shape.size() - rank + i];
      const std::int64_t total = std::max<std::int64_t>(0, spread - axis.output);
      axis.pad_begin = auto_pad == AutoPad::same_upper ? total / 2 : total - total / 2;
      axis.pad_end = total - axis.pad_begin;
    }
    if (axis.output < 0) fail(ErrorCode::invalid_argument, "spatial dimension ", i, " of the output would have ", axis.output, " elements");
    return axis;
  }

 private:
  void check_lengths(std::size_t rank) const {
    const auto check = [&](std::string_view name, const std::vector<std::int64_t>& list, std::size_t wanted) {
      if (!list.empty() && list.size() != wanted) {
        fail(ErrorCode::invalid_argument, "the attribute '", name, "' has ", list.size(), " values; ", rank, " spatial dimensions need ",
             wanted);
      }
    };
    check("kernel_shape", kernel_shape, rank);
    check("strides", strides, rank);
    check("dilations", dilations, rank);
    check("pads", pads, 2 * rank);
  }

  [[nodiscard]] Axis geometry(std::size_t i, std::size_t rank, std::int64_t input, std::int64_t kernel) const {
    Axis axis;
    axis.input = input;
    axis.kernel = kernel_shape.empty() ? kernel : kernel_shape[i];
    if (!strides.empty()) axis.stride = strides[i];
    if (!dilations.empty()) axis.dilation = dilations[i];
    if (axis.kernel < 1) fail(ErrorCode::invalid_argument, "the window of spatial dimension ", i, " has ", axis.kernel, " elements");
    // Sizes beyond 2^40 would overflow the products below, and no memory holds them.
    for (const std::int64_t value : {axis.kernel, axis.stride, axis.dilation})
      if (value > (std::int64_t{1} << 30)) fail(ErrorCode::invalid_argument, "the window of spatial dimension ", i, " is too large");
    if (auto_pad == AutoPad::notset && !pads.empty()) {
      axis.pad_begin = pads[i];
      axis.pad_end = pads[rank + i];
      for (const std::int64_t pad : {axis.pad_begin, axis.pad_end})
        if (pad < -(std::int64_t{1} << 40) || pad > (std::int64_t{1} << 40))
          fail(ErrorCode::invalid_argument, "the padding ", pad, " is too large");
    }
    return axis;
  }
};

}  // namespace hone::inline HONE_ABI::ops
