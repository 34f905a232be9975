#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include <hone/config.hpp>
#include <hone/kernels/cpu/strided_box.hpp>
#include <hone/ops/reduce.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>
#include <hone/simd/reduce.hpp>
#include <hone/simd/softmax.hpp>

namespace hone::inline HONE_ABI {

namespace cpu {

/// The result of a reduction of `count` elements from what the micro-kernels reduced them to.
template <class T>
struct NoFinish {
  T operator()(T value, std::int64_t) const noexcept { return value; }
};
template <class T>
struct DivideByCount {
  T operator()(T value, std::int64_t count) const noexcept {
    if constexpr (std::is_integral_v<T>) {
      return count == 0 ? T(0) : static_cast<T>(value / static_cast<T>(count));
    } else {
      return value / static_cast<T>(count);
    }
  }
};
template <class T>
struct SquareRoot {
  T operator()(T value, std::int64_t) const noexcept { return static_cast<T>(std::sqrt(value)); }
};
template <class T>
struct Logarithm {
  T operator()(T value, std::int64_t) const noexcept { return static_cast<T>(std::log(value)); }
};

/// How each operator reduces: micro-kernel and finish, one line per operator.
template <class Op>
struct Reduction;
// clang-format off
template <> struct Reduction<ops::ReduceL1>        { using F = simd::SumAbs;    template <class T> using Finish = NoFinish<T>; };
template <> struct Reduction<ops::ReduceL2>        { using F = simd::SumSquare; template <class T> using Finish = SquareRoot<T>; };
template <> struct Reduction<ops::ReduceLogSum>    { using F = simd::Sum;       template <class T> using Finish = Logarithm<T>; };
template <> struct Reduction<ops::ReduceMax>       { using F = simd::MaxOf;     template <class T> using Finish = NoFinish<T>; };
template <> struct Reduction<ops::ReduceMean>      { using F = simd::Sum;       template <class T> using Finish = DivideByCount<T>; };
template <> struct Reduction<ops::ReduceMin>       { using F = simd::MinOf;     template <class T> using Finish = NoFinish<T>; };
template <> struct Reduction<ops::ReduceProd>      { using F = simd::Prod;      template <class T> using Finish = NoFinish<T>; };
template <> struct Reduction<ops::ReduceSum>       { using F = simd::Sum;       template <class T> using Finish = NoFinish<T>; };
template <> struct Reduction<ops::ReduceSumSquare> { using F = simd::SumSquare; template <class T> using Finish = NoFinish<T>; };
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

inline std::span<const std::int64_t> axes_of(const Context& c) noexcept {
  if (!c.has_input(1)) return {};
  return {c.in<const std::int64_t>(1), static_cast<std::size_t>(c.input(1).elements())};
}

}  // namespace cpu

template <class Op, class T>
requires requires { typename cpu::Reduction<Op>::F; }
class Kernel<Op, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice& device) : op_(node.op<Op>()), reduce_(&simd::table<simd::Reduce<F, T>>(device.isa)) {}

  void run(Context& c) const {
    const cpu::ReductionBox box(c.input(0).shape, ops::ReducedAxes(c.input(0).shape.rank(), cpu::axes_of(c), op_.noop_with_empty_axes));
    if (box.kept.elements() == 0) return;
    const T* x = c.in<T>(0);
    T* y = c.out<T>(0);
    const std::int64_t count = box.reduced.elements();
    const std::int64_t kept_row = box.kept.row_size();
    const std::int64_t kept_step = box.kept.row_strides()[0];
    if (box.reduces_rows) {
      const std::int64_t grain = std::max<std::int64_t>(1, worth_a_thread / (count * kept_row + 1));
      c.parallel_for(box.kept.rows(), grain, [&](std::int64_t begin, std::int64_t end) {
        T* out = y + begin * kept_row;
        box.kept.for_rows(begin, end, [&](const auto& at) {
          for (std::int64_t i = 0; i < kept_row; ++i) *out++ = finish_(reduce_row(box.reduced, x + at[0] + i * kept_step), count);
        });
      });
      return;
    }
    // Rows of y, cut into chunks that stay in L1 while the rows of x are added to them.
    const std::int64_t chunk = std::min<std::int64_t>(kept_row, 2048);
    const std::int64_t chunks = (kept_row + chunk - 1) / chunk;
    const std::int64_t grain = std::max<std::int64_t>(1, worth_a_thread / (count * chunk + 1));
    c.parallel_for(box.kept.rows() * chunks, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t task = begin; task < end; ++task) {
        const std::int64_t first = task % chunks * chunk;
        const std::int64_t n = std::min(chunk, kept_row - first);
        box.kept.for_rows(task / chunks, task / chunks + 1,
                          [&](const auto& at) { add_rows(box.reduced, x + at[0] + first, y + task / chunks * kept_row + first, n); });
      }
    });
  }

 private:
  using F = typename cpu::Reduction<Op>::F;
  static constexpr std::int64_t worth_a_thread = 16 * 1024;

  [[nodiscard]] T reduce_row(const StridedBox<1>& reduced, const T* x) const {
    T result = F::template identity<T>();
    if (reduced.elements() == 0) return result;
    reduced.for_rows(0, reduced.rows(), [&](const auto& at) {
      result = F{}.combine(result, reduce_->contiguous(x + at[0], static_cast<std::size_t>(reduced.row_size())));
    });
    return result;
  }

  void add_rows(const StridedBox<1>& reduced, const T* x, T* y, std::int64_t n) const {
    std::fill_n(y, n, F::template identity<T>());
    if (reduced.elements() != 0) {
      const std::int64_t step = reduced.row_strides()[0];
      reduced.for_rows(0, reduced.rows(), [&](const auto& at) {
        for (std::int64_t i = 0; i < reduced.row_size(); ++i) reduce_->accumulate(y, x + at[0] + i * step, static_cast<std::size_t>(n));
      });
    }
    for (std::int64_t i = 0; i < n; ++i) y[i] = finish_(y[i], reduced.elements());
  }

  Op op_;
  const simd::Reduce<F, T>* reduce_;
  typename cpu::Reduction<Op>::template Finish<T> finish_;
};

/// log(sum(exp(x))), taken as m + log(sum(exp(x - m))) with m = max(x).
template <class T>
class Kernel<ops::ReduceLogSumExp, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice& device)
      : op_(node.op<ops::ReduceLogSumExp>()), rows_(&simd::table<simd::SoftmaxRow<T>>(device.isa)) {}

  void run(Context& c) const {
    const cpu::ReductionBox box(c.input(0).shape, ops::ReducedAxes(c.input(0).shape.rank(), cpu::axes_of(c), op_.noop_with_empty_axes));
    if (box.kept.elements() == 0) return;
    const std::int64_t kept_row = box.kept.row_size();
    const std::int64_t kept_step = box.kept.row_strides()[0];
    const bool one_row = box.reduces_rows && box.reduced.rows() == 1;
    c.parallel_for(box.kept.rows(), std::max<std::int64_t>(1, 2048 / (box.reduced.elements() * kept_row + 1)),
                   [&](std::int64_t begin, std::int64_t end) {
                     T* out = c.out<T>(0) + begin * kept_row;
                     box.kept.for_rows(begin, end, [&](const auto& at) {
                       for (std::int64_t i = 0; i < kept_row; ++i) {
                         const T* x = c.in<T>(0) + at[0] + i * kept_step;
                         *out++ =
                             one_row ? rows_->log_sum_exp(x, static_cast<std::size_t>(box.reduced.row_size())) : strided(box.reduced, x);
                       }
                     });
                   });
  }

 private:
  [[nodiscard]] static T strided(const StridedBox<1>& reduced, const T* x) {
    T max = -std::numeric_limits<T>::infinity();
    T sum = 0;
    if (reduced.elements() == 0) return max;
    const std::int64_t step = reduced.row_strides()[0];
    const auto visit = [&](const auto& each) {
      reduced.for_rows(0, reduced.rows(), [&](const auto& at) {
        for (std::int64_t i = 0; i < reduced.row_size(); ++i) each(x[at[0] + i * step]);
      });
    };
    visit([&](T value) { max = value > max || value != value ? value : max; });
    if (std::isinf(max)) return max;
    visit([&](T value) { sum += std::exp(value - max); });
    return max + std::log(sum);
  }

  ops::ReduceLogSumExp op_;
  const simd::SoftmaxRow<T>* rows_;
};

}  // namespace hone::inline HONE_ABI
