#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <hone/config.hpp>
#include <hone/kernels/strided_box.hpp>
#include <hone/ops/reduce.hpp>
#include <hone/providers/kernel.hpp>
#include <hone/simd/reduce.hpp>

namespace hone::inline HONE_ABI {

/// What is done to the reduction of `count` elements.
enum class ReductionFinish : std::uint8_t { none, divide_by_count, square_root, logarithm };

/// How each operator reduces: functor and finish, one line per operator.
template <class Op>
struct Reduction;
// clang-format off
template <> struct Reduction<ops::ReduceL1>        { using F = simd::SumAbs;    static constexpr ReductionFinish finish = ReductionFinish::none; };
template <> struct Reduction<ops::ReduceL2>        { using F = simd::SumSquare; static constexpr ReductionFinish finish = ReductionFinish::square_root; };
template <> struct Reduction<ops::ReduceLogSum>    { using F = simd::Sum;       static constexpr ReductionFinish finish = ReductionFinish::logarithm; };
template <> struct Reduction<ops::ReduceMax>       { using F = simd::MaxOf;     static constexpr ReductionFinish finish = ReductionFinish::none; };
template <> struct Reduction<ops::ReduceMean>      { using F = simd::Sum;       static constexpr ReductionFinish finish = ReductionFinish::divide_by_count; };
template <> struct Reduction<ops::ReduceMin>       { using F = simd::MinOf;     static constexpr ReductionFinish finish = ReductionFinish::none; };
template <> struct Reduction<ops::ReduceProd>      { using F = simd::Prod;      static constexpr ReductionFinish finish = ReductionFinish::none; };
template <> struct Reduction<ops::ReduceSum>       { using F = simd::Sum;       static constexpr ReductionFinish finish = ReductionFinish::none; };
template <> struct Reduction<ops::ReduceSumSquare> { using F = simd::SumSquare; static constexpr ReductionFinish finish = ReductionFinish::none; };
// clang-format on

/// The dimensions of an input, those that stay and those that are reduced, each group merged where it is dense.
struct ReductionBox {
  StridedBox<1> kept;
  StridedBox<1> reduced;
  bool reduces_rows = false;  ///< the elements of a row are reduced with each other; otherwise rows are added up

  ReductionBox(const Shape& x, const ops::ReducedAxes& axes) {
    std::size_t last = x.rank();
    for (std::size_t d = 0; d < x.rank(); ++d) {
      (axes.reduced[d] ? reduced : kept).push_back(x[d], {x.stride(d)});
      if (x[d] != 1) last = d;
    }
    reduces_rows = last == x.rank() || axes.reduced[last];
  }
};

inline std::span<const std::int64_t> reduction_axes(const Context& c) noexcept {
  if (!c.has_input(1)) return {};
  return {c.in<const std::int64_t>(1), static_cast<std::size_t>(c.input(1).elements())};
}

}  // namespace hone::inline HONE_ABI
