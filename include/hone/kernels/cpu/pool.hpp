#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include <hone/config.hpp>
#include <hone/core/buffer.hpp>
#include <hone/ops/pool.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>
#include <hone/simd/binary.hpp>
#include <hone/simd/reduce.hpp>

namespace hone::inline HONE_ABI {

namespace cpu {

/// The part of a pooling window that lies inside the input, along one axis.
struct WindowSpan {
  std::int64_t first;   ///< index of its first element in the input
  std::int64_t count;   ///< elements of the window inside the input
  std::int64_t padded;  ///< the same with the padding counted
};

[[nodiscard]] inline WindowSpan window_span(const ops::Window::Axis& axis, std::int64_t window) noexcept {
  const std::int64_t start = window * axis.stride - axis.pad_begin;
  const std::int64_t skipped = start < 0 ? (-start + axis.dilation - 1) / axis.dilation : 0;
  const auto up_to = [&](std::int64_t end) {
    return end <= start ? 0 : std::min(axis.kernel, (end - start + axis.dilation - 1) / axis.dilation);
  };
  const std::int64_t inside = up_to(axis.input);
  return {start + skipped * axis.dilation, std::max<std::int64_t>(0, inside - skipped), up_to(axis.input + axis.pad_end)};
}

/// Calls begin(window), row(data offset, step, count) for each run of elements along the last axis, then end(window, padded elements) for
/// every window of one plane, in order.
template <class Begin, class Row, class End>
void for_windows(const ops::Window::Axis* axes, std::size_t rank, const Begin& begin, const Row& row, const End& end) {
  std::array<std::int64_t, Shape::max_rank> at{};
  std::array<WindowSpan, Shape::max_rank> spans;
  std::int64_t windows = 1;
  for (std::size_t i = 0; i < rank; ++i) windows *= axes[i].output;
  for (std::int64_t window = 0; window < windows; ++window) {
    begin(window);
    std::int64_t outer = 1;
    std::int64_t padded = 1;
    for (std::size_t i = 0; i < rank; ++i) {
      spans[i] = window_span(axes[i], at[i]);
      padded *= spans[i].padded;
      if (i + 1 < rank) outer *= spans[i].count;
    }
    for (std::int64_t k = 0; k < outer; ++k) {
      std::int64_t rest = k;
      std::int64_t offset = spans[rank - 1].first;
      std::int64_t stride = axes[rank - 1].input;
      for (std::size_t i = rank - 1; i-- > 0;) {
        offset += (spans[i].first + rest % spans[i].count * axes[i].dilation) * stride;
        rest /= spans[i].count;
        stride *= axes[i].input;
      }
      row(offset, axes[rank - 1].dilation, spans[rank - 1].count);
    }
    end(window, padded);
    for (std::size_t i = rank; i-- > 0;) {
      if (++at[i] < axes[i].output) break;
      at[i] = 0;
    }
  }
}

/// Folds the windows of a plane of one or two dimensions row by row: first the rows of the windows into one, as long vectors, then the taps
/// along it. y[window] = f(... f(initial, x[tap 0]) ..., x[tap n]).
template <class F, class T>
class RowFold {
 public:
  explicit RowFold(const CpuDevice& device) : fold_(simd::table<simd::BinaryLoop<F, T>>(device.isa).erased) {}

  [[nodiscard]] static bool takes(std::size_t rank) noexcept { return rank == 1 || rank == 2; }
  /// Bytes of scratch for each thread.
  [[nodiscard]] static std::size_t scratch(const ops::Window::Axis& w) noexcept {
    return align_up(static_cast<std::size_t>(w.input) * sizeof(T));
  }

  /// `axes`: as for_windows takes them. `finish(row, y)` is called for each finished row of windows.
  template <class Finish>
  void run(const ops::Window::Axis* axes, std::size_t rank, T initial, const T* x, T* y, T* scratch, const Finish& finish) const noexcept {
    const ops::Window::Axis& w = axes[rank - 1];
    const std::int64_t rows = rank == 2 ? axes[0].output : 1;
    for (std::int64_t row = 0; row < rows; ++row, y += w.output) {
      const WindowSpan span = rank == 2 ? window_span(axes[0], row) : WindowSpan{0, 1, 1};
      std::fill_n(y, w.output, initial);
      if (span.count > 0) {
        const T* line = x + span.first * w.input;
        for (std::int64_t k = 1; k < span.count; ++k) {
          const T* next = x + (span.first + k * axes[0].dilation) * w.input;
          fold_(line, false, next, false, scratch, static_cast<std::size_t>(w.input));
          line = scratch;
        }
        for (std::int64_t k = 0; k < w.kernel; ++k) fold_tap(w, k * w.dilation - w.pad_begin, line, y);
      }
      finish(row, y);
    }
  }

 private:
  /// y[o] = f(y[o], line[o * stride + tap]) where that is inside the line.
  void fold_tap(const ops::Window::Axis& w, std::int64_t tap, const T* line, T* y) const noexcept {
    const std::int64_t begin = tap >= 0 ? 0 : (-tap + w.stride - 1) / w.stride;
    const std::int64_t end = std::min(w.output, tap < w.input ? (w.input - 1 - tap) / w.stride + 1 : 0);
    if (begin >= end) return;
    if (w.stride == 1) return fold_(y + begin, false, line + begin + tap, false, y + begin, static_cast<std::size_t>(end - begin));
    const F f{};
    for (std::int64_t o = begin; o < end; ++o) y[o] = f(y[o], line[o * w.stride + tap]);
  }

  simd::BinaryFunctions fold_;
};

/// The planes of a pooling and their axes.
struct PoolProblem {
  PoolProblem(const ops::Window& window, const Context& c) {
    const Shape& x = c.input(0).shape;
    rank = x.rank() - 2;
    planes = x[0] * x[1];
    for (std::size_t i = 0; i < rank; ++i) {
      axes[i] = window.axis(i, rank, x[i + 2], 1);
      input_size *= axes[i].input;
      output_size *= axes[i].output;
      taps *= axes[i].kernel;
    }
  }
  template <class Body>
  void for_planes(const Context& c, const Body& body) const {
    for_planes(c, 0, [&](std::int64_t plane, std::byte*) { body(plane); });
  }
  /// body(plane, scratch of the thread)
  template <class Body>
  void for_planes(const Context& c, std::size_t scratch, const Body& body) const {
    const std::int64_t grain = std::max<std::int64_t>(1, 16 * 1024 / (output_size * taps + 1));
    c.parallel_for(planes, grain, [&](std::int64_t begin, std::int64_t end, int slot) {
      for (std::int64_t plane = begin; plane < end; ++plane) body(plane, c.workspace() + static_cast<std::size_t>(slot) * scratch);
    });
  }

  std::size_t rank;
  std::int64_t planes;
  std::int64_t input_size = 1;
  std::int64_t output_size = 1;
  std::int64_t taps = 1;
  std::array<ops::Window::Axis, Shape::max_rank> axes;
};

}  // namespace cpu

template <class T>
class Kernel<ops::MaxPool, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice& device) : op_(node.op<ops::MaxPool>()), rows_(device) {}

  [[nodiscard]] std::size_t workspace(const Context& c) const {
    const cpu::PoolProblem p(op_.window, c);
    return by_rows(c, p) ? rows_.scratch(p.axes[p.rank - 1]) * static_cast<std::size_t>(c.pool().size()) : 0;
  }

  void run(Context& c) const {
    const cpu::PoolProblem p(op_.window, c);
    if (by_rows(c, p)) {
      p.for_planes(c, rows_.scratch(p.axes[p.rank - 1]), [&](std::int64_t plane, std::byte* scratch) {
        rows_.run(p.axes.data(), p.rank, lowest, c.in<T>(0) + plane * p.input_size, c.out<T>(0) + plane * p.output_size,
                  reinterpret_cast<T*>(scratch), [](std::int64_t, T*) {});
      });
      return;
    }
    p.for_planes(c, [&](std::int64_t plane) {
      const T* x = c.in<T>(0) + plane * p.input_size;
      T* y = c.out<T>(0) + plane * p.output_size;
      std::int64_t* indices = c.has_output(1) ? c.out<std::int64_t>(1) + plane * p.output_size : nullptr;
      T best{};
      std::int64_t at = 0;
      const auto begin = [&](std::int64_t) {
        best = lowest;
        at = -1;
      };
      const auto end = [&](std::int64_t window, std::int64_t) {
        y[window] = best;
        if (indices != nullptr) indices[window] = plane * p.input_size + (op_.column_major ? column_major(p, at) : at);
      };
      if (indices == nullptr) {
        cpu::for_windows(
            p.axes.data(), p.rank, begin,
            [&](std::int64_t offset, std::int64_t step, std::int64_t count) {
              for (std::int64_t i = 0; i < count; ++i) {
                const T value = x[offset + i * step];
                best = value > best || value != value ? value : best;
              }
            },
            end);
        return;
      }
      cpu::for_windows(
          p.axes.data(), p.rank, begin,
          [&](std::int64_t offset, std::int64_t step, std::int64_t count) {
            for (std::int64_t i = 0; i < count; ++i) {
              const T value = x[offset + i * step];
              if (at >= 0 && !(value > best)) continue;
              best = value;
              at = offset + i * step;
            }
          },
          end);
    });
  }

 private:
  static constexpr T lowest = std::numeric_limits<T>::has_infinity ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::lowest();

  [[nodiscard]] bool by_rows(const Context& c, const cpu::PoolProblem& p) const noexcept { return !c.has_output(1) && rows_.takes(p.rank); }

  /// The index of element `at` of a plane when its spatial dimensions are counted first to last.
  [[nodiscard]] static std::int64_t column_major(const cpu::PoolProblem& p, std::int64_t at) noexcept {
    std::int64_t result = 0;
    for (std::size_t i = p.rank; i-- > 0;) {
      result = result * p.axes[i].input + at % p.axes[i].input;
      at /= p.axes[i].input;
    }
    return result;
  }

  ops::MaxPool op_;
  cpu::RowFold<simd::Max, T> rows_;
};

template <class T>
class Kernel<ops::AveragePool, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice& device) : op_(node.op<ops::AveragePool>()), rows_(device) {}

  [[nodiscard]] std::size_t workspace(const Context& c) const {
    const cpu::PoolProblem p(op_.window, c);
    return rows_.takes(p.rank) ? rows_.scratch(p.axes[p.rank - 1]) * static_cast<std::size_t>(c.pool().size()) : 0;
  }

  void run(Context& c) const {
    const cpu::PoolProblem p(op_.window, c);
    const auto counted = [&](const cpu::WindowSpan& span) { return op_.count_include_pad ? span.padded : span.count; };
    if (rows_.takes(p.rank)) {
      const ops::Window::Axis& w = p.axes[p.rank - 1];
      p.for_planes(c, rows_.scratch(w), [&](std::int64_t plane, std::byte* scratch) {
        rows_.run(p.axes.data(), p.rank, T(0), c.in<T>(0) + plane * p.input_size, c.out<T>(0) + plane * p.output_size,
                  reinterpret_cast<T*>(scratch), [&](std::int64_t row, T* y) {
                    const std::int64_t rows = p.rank == 2 ? counted(cpu::window_span(p.axes[0], row)) : 1;
                    for (std::int64_t o = 0; o < w.output; ++o) y[o] /= static_cast<T>(rows * counted(cpu::window_span(w, o)));
                  });
      });
      return;
    }
    p.for_planes(c, [&](std::int64_t plane) {
      const T* x = c.in<T>(0) + plane * p.input_size;
      T* y = c.out<T>(0) + plane * p.output_size;
      T sum = 0;
      std::int64_t inside = 0;
      cpu::for_windows(
          p.axes.data(), p.rank,
          [&](std::int64_t) {
            sum = 0;
            inside = 0;
          },
          [&](std::int64_t offset, std::int64_t step, std::int64_t count) {
            for (std::int64_t i = 0; i < count; ++i) sum += x[offset + i * step];
            inside += count;
          },
          [&](std::int64_t window, std::int64_t padded) { y[window] = sum / static_cast<T>(op_.count_include_pad ? padded : inside); });
    });
  }

 private:
  ops::AveragePool op_;
  cpu::RowFold<simd::Add, T> rows_;
};

template <class T>
class Kernel<ops::LpPool, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<ops::LpPool>()) {}

  void run(Context& c) const {
    const cpu::PoolProblem p(op_.window, c);
    const T power = static_cast<T>(op_.p);
    p.for_planes(c, [&](std::int64_t plane) {
      const T* x = c.in<T>(0) + plane * p.input_size;
      T* y = c.out<T>(0) + plane * p.output_size;
      T sum = 0;
      cpu::for_windows(
          p.axes.data(), p.rank, [&](std::int64_t) { sum = 0; },
          [&](std::int64_t offset, std::int64_t step, std::int64_t count) {
            for (std::int64_t i = 0; i < count; ++i) sum += std::pow(std::abs(x[offset + i * step]), power);
          },
          [&](std::int64_t window, std::int64_t) { y[window] = std::pow(sum, T(1) / power); });
    });
  }

 private:
  ops::LpPool op_;
};

namespace cpu {

/// y[plane] = reduce(x of the plane, elements)
template <class T, class Reduce>
void for_global_planes(const Context& c, const Reduce& reduce) {
  const Shape& shape = c.input(0).shape;
  const std::int64_t size = shape.elements(2, shape.rank());
  c.parallel_for(shape[0] * shape[1], std::max<std::int64_t>(1, 16 * 1024 / (size + 1)), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t plane = begin; plane < end; ++plane)
      c.out<T>(0)[plane] = reduce(c.in<T>(0) + plane * size, static_cast<std::size_t>(size));
  });
}

}  // namespace cpu

template <class T>
class Kernel<ops::GlobalAveragePool, Cpu, T> {
 public:
  Kernel(const NodeView&, const CpuDevice& device) : sum_(&simd::table<simd::Reduce<simd::Sum, T>>(device.isa)) {}
  void run(Context& c) const {
    cpu::for_global_planes<T>(c, [this](const T* x, std::size_t n) { return sum_->contiguous(x, n) / static_cast<T>(n); });
  }

 private:
  const simd::Reduce<simd::Sum, T>* sum_;
};

template <class T>
class Kernel<ops::GlobalMaxPool, Cpu, T> {
 public:
  Kernel(const NodeView&, const CpuDevice& device) : max_(&simd::table<simd::Reduce<simd::MaxOf, T>>(device.isa)) {}
  void run(Context& c) const {
    cpu::for_global_planes<T>(c, [this](const T* x, std::size_t n) { return max_->contiguous(x, n); });
  }

 private:
  const simd::Reduce<simd::MaxOf, T>* max_;
};

template <class T>
class Kernel<ops::GlobalLpPool, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : p_(static_cast<T>(node.op<ops::GlobalLpPool>().p)) {}
  void run(Context& c) const {
    cpu::for_global_planes<T>(c, [this](const T* x, std::size_t n) {
      T sum = 0;
      for (std::size_t i = 0; i < n; ++i) sum += std::pow(std::abs(x[i]), p_);
      return std::pow(sum, T(1) / p_);
    });
  }

 private:
  T p_;
};

}  // namespace hone::inline HONE_ABI
