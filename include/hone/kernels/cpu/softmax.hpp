#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>

#include <hone/config.hpp>
#include <hone/ops/softmax.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>
#include <hone/simd/binary.hpp>
#include <hone/simd/reduce.hpp>
#include <hone/simd/softmax.hpp>
#include <hone/simd/unary.hpp>

namespace hone::inline HONE_ABI {

template <class Op>
concept SoftmaxOp = std::same_as<Op, ops::Softmax> || std::same_as<Op, ops::LogSoftmax>;

template <SoftmaxOp Op, class T>
class Kernel<Op, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice& device)
      : op_(node.op<Op>()),
        rows_(&simd::table<simd::SoftmaxRow<T>>(device.isa)),
        max_(&simd::table<simd::Reduce<simd::MaxOf, T>>(device.isa)),
        subtract_(&simd::table<simd::BinaryLoop<simd::Sub, T>>(device.isa)),
        divide_(&simd::table<simd::BinaryLoop<simd::Div, T>>(device.isa)),
        exp_(&simd::table<simd::UnaryLoop<simd::Exp, T>>(device.isa)) {}

  void run(Context& c) const {
    const auto rows = op_.rows(c.input(0).shape);
    if (c.input(0).elements() == 0) return;
    const T* x = c.in<T>(0);
    T* y = c.out<T>(0);
    if (rows.inner == 1) {
      const auto length = static_cast<std::size_t>(rows.length);
      c.parallel_for(rows.outer, std::max<std::int64_t>(1, worth_a_thread / rows.length), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
          std::same_as<Op, ops::Softmax> ? rows_->softmax(x + i * rows.length, y + i * rows.length, length)
                                         : rows_->log_softmax(x + i * rows.length, y + i * rows.length, length);
        }
      });
      return;
    }
    const std::int64_t chunks = (rows.inner + lane_block - 1) / lane_block;
    const std::int64_t grain = std::max<std::int64_t>(1, worth_a_thread / (rows.length * std::min(rows.inner, lane_block)));
    c.parallel_for(rows.outer * chunks, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t task = begin; task < end; ++task) {
        const std::int64_t first = task % chunks * lane_block;
        const std::int64_t offset = task / chunks * rows.length * rows.inner + first;
        columns(x + offset, y + offset, rows.length, rows.inner, std::min(lane_block, rows.inner - first));
      }
    });
  }

 private:
  static constexpr std::int64_t worth_a_thread = 4 * 1024;
  /// Columns that are worked on together: their maxima and sums stay in L1.
  static constexpr std::int64_t lane_block = 256;

  void columns(const T* x, T* y, std::int64_t length, std::int64_t stride, std::int64_t count) const {
    const auto n = static_cast<std::size_t>(count);
    T max[lane_block];
    T sum[lane_block];
    std::fill_n(max, n, -std::numeric_limits<T>::infinity());
    std::fill_n(sum, n, T(0));
    for (std::int64_t i = 0; i < length; ++i) max_->accumulate(max, x + i * stride, n);
    for (std::int64_t i = 0; i < length; ++i) rows_->accumulate_exp(sum, x + i * stride, max, n);
    if constexpr (std::same_as<Op, ops::LogSoftmax>) {
      for (std::size_t k = 0; k < n; ++k) max[k] += std::log(sum[k]);
    }
    for (std::int64_t i = 0; i < length; ++i) {
      T* out = y + i * stride;
      subtract_->vv(simd::Sub{}, x + i * stride, max, out, n);
      if constexpr (std::same_as<Op, ops::Softmax>) {
        exp_->run(simd::Exp{}, out, out, n);
        divide_->vv(simd::Div{}, out, sum, out, n);
      }
    }
  }

  Op op_;
  const simd::SoftmaxRow<T>* rows_;
  const simd::Reduce<simd::MaxOf, T>* max_;
  const simd::BinaryLoop<simd::Sub, T>* subtract_;
  const simd::BinaryLoop<simd::Div, T>* divide_;
  const simd::UnaryLoop<simd::Exp, T>* exp_;
};

template <class T>
class Kernel<ops::Hardmax, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<ops::Hardmax>()) {}
  void run(Context& c) const {
    const auto rows = op_.rows(c.input(0).shape);
    const T* x = c.in<T>(0);
    T* y = c.out<T>(0);
    std::fill_n(y, c.output(0).elements(), T(0));
    if (c.input(0).elements() == 0) return;
    for (std::int64_t row = 0; row < rows.outer * rows.inner; ++row) {
      const std::int64_t offset = row / rows.inner * rows.length * rows.inner + row % rows.inner;
      std::int64_t best = 0;
      for (std::int64_t i = 1; i < rows.length; ++i)
        if (x[offset + i * rows.inner] > x[offset + best * rows.inner]) best = i;
      y[offset + best * rows.inner] = T(1);
    }
  }

 private:
  ops::Hardmax op_;
};

}  // namespace hone::inline HONE_ABI
