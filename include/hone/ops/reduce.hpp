#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>

namespace hone::inline HONE_ABI::ops {

/// The dimensions of an input that a reduction runs over.
struct ReducedAxes {
  bool reduced[Shape::max_rank] = {};

  /// `axes` none: all dimensions, or none at all when `noop_with_empty_axes`. Errors: invalid_argument for an axis out of range or twice.
  ReducedAxes(std::size_t rank, std::span<const std::int64_t> axes, bool noop_with_empty_axes) {
    for (std::size_t i = 0; i < rank; ++i) reduced[i] = axes.empty() && !noop_with_empty_axes;
    for (const std::int64_t axis : axes) {
      bool& at = reduced[normalized_axis(axis, rank)];
      if (at) fail(ErrorCode::invalid_argument, "the axis ", axis, " is reduced twice");
      at = true;
    }
  }
};

/// y = the elements of x along `axes` reduced to one. Shapes: x (*) -> y, the reduced dimensions 1, or gone without `keepdims`. The
/// operators below differ by how they reduce. Source: ONNX, opsets 1 to 20.
struct Reduce {
  static constexpr Arity arity{.min_inputs = 1, .max_inputs = 2};
  static constexpr OpTraits traits{.shape_inputs = inputs(1)};
  /// First opset in which the axes are an input.
  static constexpr int axes_input_since = 18;

  bool keepdims = true;
  bool noop_with_empty_axes = false;

  void attributes(auto& a) { read(a, axes_input_since); }

  void shapes(const ShapeContext& c) const {
    const Shape& x = c.shape(0);
    const ReducedAxes axes(x.rank(), c.has_input(1) ? c.int64s(1) : std::span<const std::int64_t>(), noop_with_empty_axes);
    Shape y;
    for (std::size_t i = 0; i < x.rank(); ++i) {
      if (!axes.reduced[i]) {
        y.push_back(x[i]);
      } else if (keepdims) {
        y.push_back(1);
      }
    }
    c.output(0, y);
  }

 protected:
  void read(auto& a, int since) {
    a("keepdims", keepdims, 1);
    if (a.opset() < since) {
      a.moved_to_input("axes", 1);
    } else {
      a("noop_with_empty_axes", noop_with_empty_axes, 0);
    }
  }
};

/// A reduction whose steps are no integers, even between integers.
struct RealReduce : Reduce {
  static constexpr OpTraits traits{.shape_inputs = inputs(1), .integers = StandIn::real_numbers};
};

// clang-format off
struct ReduceL1        : Reduce { static constexpr std::string_view name = "ReduceL1"; };
struct ReduceL2        : Reduce { static constexpr std::string_view name = "ReduceL2"; };
struct ReduceLogSum    : RealReduce { static constexpr std::string_view name = "ReduceLogSum"; };
struct ReduceLogSumExp : RealReduce { static constexpr std::string_view name = "ReduceLogSumExp"; };
struct ReduceMax       : Reduce { static constexpr std::string_view name = "ReduceMax"; };
struct ReduceMean      : Reduce { static constexpr std::string_view name = "ReduceMean"; };
struct ReduceMin       : Reduce { static constexpr std::string_view name = "ReduceMin"; };
struct ReduceProd      : Reduce { static constexpr std::string_view name = "ReduceProd"; };
struct ReduceSum       : Reduce { static constexpr std::string_view name = "ReduceSum"; void attributes(auto& a) { read(a, 13); } };
struct ReduceSumSquare : Reduce { static constexpr std::string_view name = "ReduceSumSquare"; };
// clang-format on

}  // namespace hone::inline HONE_ABI::ops
