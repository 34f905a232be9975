#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <type_traits>

#include <hone/config.hpp>
#include <hone/kernels/reduction.hpp>
#include <hone/kernels/strided_box.hpp>
#include <hone/ops/reduce.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>
#include <hone/simd/reduce.hpp>
#include <hone/simd/softmax.hpp>

namespace hone::inline HONE_ABI {

namespace cpu {

/// y[i] = finish(y[i]), for the types that have such reductions.
inline void finish_reduction(ReductionFinish finish, DType dtype, void* y, std::int64_t n, std::int64_t count) {
  const auto each = [&]<class T>(T* of, auto f) {
    of = static_cast<T*>(y);
    for (std::int64_t i = 0; i < n; ++i) of[i] = f(of[i]);
  };
  const auto divide = [&]<class T>(T* type) {
    const T divisor = static_cast<T>(count);
    if constexpr (std::is_integral_v<T>) {
      each(type, [=](T value) { return divisor == 0 ? T(0) : static_cast<T>(value / divisor); });
    } else {
      each(type, [=](T value) { return value / divisor; });
    }
  };
  const auto integer = [&]<class T>(T* type) {
    if (finish == ReductionFinish::divide_by_count) return divide(type);
    each(type, [](T value) { return static_cast<T>(std::sqrt(static_cast<double>(value))); });
  };
  const auto real = [&]<class T>(T* type) {
    if (finish == ReductionFinish::divide_by_count) return divide(type);
    if (finish == ReductionFinish::square_root) return each(type, [](T value) { return std::sqrt(value); });
    each(type, [](T value) { return std::log(value); });
  };
  if (finish == ReductionFinish::none) return;
  switch (dtype) {
    case DType::float32:
      return real(static_cast<float*>(nullptr));
    case DType::float64:
      return real(static_cast<double*>(nullptr));
    case DType::int32:
      return integer(static_cast<std::int32_t*>(nullptr));
    case DType::int64:
      return integer(static_cast<std::int64_t*>(nullptr));
    case DType::uint32:
      return integer(static_cast<std::uint32_t*>(nullptr));
    case DType::uint64:
      return integer(static_cast<std::uint64_t*>(nullptr));
    default:
      break;
  }
}

/// Drives the micro-kernels of all reductions and types.
class ReduceKernel {
 public:
  using Shared = ReduceKernel;

  template <class F, class T, class Element>
  ReduceKernel(const simd::Reduce<F, T>& loops, Element identity, ReductionFinish finish, bool noop_with_empty_axes)
      : loops_(loops.erased), size_(sizeof(T)), finish_(finish), noop_with_empty_axes_(noop_with_empty_axes) {
    static_assert(sizeof(T) == sizeof(Element));
    std::memcpy(identity_, &identity, sizeof(T));
  }

  void run(Context& c) const {
    const ReductionBox box(c.input(0).shape, ops::ReducedAxes(c.input(0).shape.rank(), reduction_axes(c), noop_with_empty_axes_));
    if (box.kept.elements() == 0) return;
    const auto* x = c.in<std::byte>(0);
    auto* y = c.out<std::byte>(0);
    const std::int64_t count = box.reduced.elements();
    const std::int64_t kept_row = box.kept.row_size();
    if (box.reduces_rows) {
      const std::int64_t grain = std::max<std::int64_t>(1, worth_a_thread / (count * kept_row + 1));
      const std::int64_t kept_step = box.kept.row_strides()[0];
      c.parallel_for(box.kept.rows(), grain, [&](std::int64_t begin, std::int64_t end) {
        std::byte* first = y + begin * kept_row * size_;
        const std::int64_t n = (end - begin) * kept_row;
        fill(first, n);
        if (count != 0) {
          std::byte* out = first;
          box.kept.for_rows(begin, end, [&](const auto& at) {
            for (std::int64_t i = 0; i < kept_row; ++i, out += size_) fold(box.reduced, x + (at[0] + i * kept_step) * size_, out);
          });
        }
        finish_reduction(finish_, c.output(0).dtype, first, n, count);
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
        std::byte* out = y + (task / chunks * kept_row + first) * size_;
        fill(out, n);
        box.kept.for_rows(task / chunks, task / chunks + 1,
                          [&](const auto& at) { add_rows(box.reduced, x + (at[0] + first) * size_, out, n); });
        finish_reduction(finish_, c.output(0).dtype, out, n, count);
      }
    });
  }

 private:
  static constexpr std::int64_t worth_a_thread = 16 * 1024;

  /// Precondition: n > 0.
  void fill(std::byte* y, std::int64_t n) const noexcept {
    const auto bytes = static_cast<std::size_t>(n * size_);
    auto done = static_cast<std::size_t>(size_);
    std::memcpy(y, identity_, done);
    for (std::size_t more = 0; done < bytes; done += more) {
      more = std::min(done, bytes - done);
      std::memcpy(y + done, y, more);
    }
  }
  void fold(const StridedBox<1>& reduced, const std::byte* x, std::byte* y) const {
    const auto n = static_cast<std::size_t>(reduced.row_size());
    if (reduced.rows() == 1) return loops_.fold(y, x, n);
    reduced.for_rows(0, reduced.rows(), [&](const auto& at) { loops_.fold(y, x + at[0] * size_, n); });
  }
  void add_rows(const StridedBox<1>& reduced, const std::byte* x, std::byte* y, std::int64_t n) const {
    if (reduced.elements() == 0) return;
    const std::int64_t step = reduced.row_strides()[0];
    reduced.for_rows(0, reduced.rows(), [&](const auto& at) {
      for (std::int64_t i = 0; i < reduced.row_size(); ++i)
        loops_.accumulate(y, x + (at[0] + i * step) * size_, static_cast<std::size_t>(n));
    });
  }

  simd::ReduceFunctions loops_;
  std::int64_t size_;  ///< bytes of an element
  ReductionFinish finish_;
  bool noop_with_empty_axes_;
  std::byte identity_[8] = {};
};

}  // namespace cpu

template <class Op, class T>
requires requires { typename Reduction<Op>::F; }
class Kernel<Op, Cpu, T> : public cpu::ReduceKernel {
 public:
  // Unsigned numbers are their own absolute values.
  using Own = typename Reduction<Op>::F;
  using F = std::conditional_t<std::is_unsigned_v<T> && std::is_same_v<Own, simd::SumAbs>, simd::Sum, Own>;
  using Lane = std::conditional_t<std::is_same_v<T, bool>, std::uint8_t, T>;

  Kernel(const NodeView& node, const CpuDevice& device)
      : ReduceKernel(simd::table<simd::Reduce<F, Lane>>(device.isa), F::template identity<T>(), Reduction<Op>::finish,
                     node.op<Op>().noop_with_empty_axes) {}
};

/// log(sum(exp(x))), taken as m + log(sum(exp(x - m))) with m = max(x).
template <class T>
class Kernel<ops::ReduceLogSumExp, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice& device)
      : op_(node.op<ops::ReduceLogSumExp>()), rows_(&simd::table<simd::SoftmaxRow<T>>(device.isa)) {}

  void run(Context& c) const {
    const ReductionBox box(c.input(0).shape, ops::ReducedAxes(c.input(0).shape.rank(), reduction_axes(c), op_.noop_with_empty_axes));
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
