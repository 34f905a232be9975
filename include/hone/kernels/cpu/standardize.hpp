#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include <hone/config.hpp>
#include <hone/kernels/strided_box.hpp>
#include <hone/ops/standardize.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

namespace cpu {

/// visit(element offset) for each group of elements that are normalized together: every index of the dimensions that are not `grouped`.
/// `elements(visit)` then runs over the elements of the group, as distances from that offset.
template <class Grouped, class Body>
void for_groups(const Context& c, const Grouped& grouped, const Body& body) {
  const Shape& x = c.input(0).shape;
  StridedBox<1> groups;
  StridedBox<1> group;
  for (std::size_t d = 0; d < x.rank(); ++d) (grouped(d) ? group : groups).push_back(x[d], {x.stride(d)});
  if (x.elements() == 0) return;
  const std::int64_t row = groups.row_size();
  const std::int64_t step = groups.row_strides()[0];
  const auto elements = [&group](const auto& visit) {
    const std::int64_t stride = group.row_strides()[0];
    group.for_rows(0, group.rows(), [&](const auto& at) {
      for (std::int64_t i = 0; i < group.row_size(); ++i) visit(at[0] + i * stride);
    });
  };
  c.parallel_for(groups.rows(), 1, [&](std::int64_t begin, std::int64_t end) {
    groups.for_rows(begin, end, [&](const auto& at) {
      for (std::int64_t i = 0; i < row; ++i) body(at[0] + i * step, elements);
    });
  });
}

}  // namespace cpu

template <class T>
class Kernel<ops::LpNormalization, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<ops::LpNormalization>()) {}
  void run(Context& c) const {
    const std::size_t axis = normalized_axis(op_.axis, c.input(0).shape.rank());
    cpu::for_groups(
        c, [axis](std::size_t d) { return d == axis; },
        [&](std::int64_t first, const auto& elements) {
          const T* x = c.in<T>(0) + first;
          T* y = c.out<T>(0) + first;
          double sum = 0;
          elements([&](std::int64_t i) {
            sum += op_.p == 1 ? std::abs(static_cast<double>(x[i])) : static_cast<double>(x[i]) * static_cast<double>(x[i]);
          });
          const double norm = op_.p == 1 ? sum : std::sqrt(sum);
          elements([&](std::int64_t i) { y[i] = norm == 0 ? T(0) : static_cast<T>(static_cast<double>(x[i]) / norm); });
        });
  }

 private:
  ops::LpNormalization op_;
};

template <class T>
class Kernel<ops::MeanVarianceNormalization, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<ops::MeanVarianceNormalization>()) {}
  void run(Context& c) const {
    const std::size_t rank = c.input(0).shape.rank();
    const auto grouped = [&](std::size_t d) {
      return std::any_of(op_.axes.begin(), op_.axes.end(), [&](std::int64_t axis) { return normalized_axis(axis, rank) == d; });
    };
    cpu::for_groups(c, grouped, [&](std::int64_t first, const auto& elements) {
      const T* x = c.in<T>(0) + first;
      T* y = c.out<T>(0) + first;
      double sum = 0;
      double count = 0;
      elements([&](std::int64_t i) {
        sum += static_cast<double>(x[i]);
        ++count;
      });
      const double mean = sum / count;
      double squares = 0;
      elements([&](std::int64_t i) { squares += (static_cast<double>(x[i]) - mean) * (static_cast<double>(x[i]) - mean); });
      // The definition of the operator adds 1e-9 to keep the quotient finite.
      const double deviation = std::sqrt(squares / count) + 1e-9;
      elements([&](std::int64_t i) { y[i] = static_cast<T>((static_cast<double>(x[i]) - mean) / deviation); });
    });
  }

 private:
  ops::MeanVarianceNormalization op_;
};

}  // namespace hone::inline HONE_ABI
