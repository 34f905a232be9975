#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <hone/config.hpp>
#include <hone/core/buffer.hpp>
#include <hone/kernels/cpu/conv_geometry.hpp>
#include <hone/kernels/cpu/epilogue.hpp>
#include <hone/kernels/cpu/matrix_product.hpp>
#include <hone/ops/conv.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>
#include <hone/simd/depthwise.hpp>

namespace hone::inline HONE_ABI {

/// A matrix product of the weights (M, C * kernel) and the windows of the input (C * kernel, positions), which are gathered block by block;
/// a pointwise window needs no gathering. One input channel per group in one or two dimensions goes row by row through taps instead.
template <class T>
class Kernel<ops::Conv, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice& device) : Kernel(node, node.op<ops::Conv>(), device) {}
  Kernel(const NodeView&, const ops::Conv& op, const CpuDevice& device)
      : op_(op), product_(device.isa), depthwise_(&simd::table<simd::DepthwiseRow<T>>(device.isa)) {}

  [[nodiscard]] std::size_t workspace(const Context& c) const {
    const Problem p(op_, c);
    if (p.is_depthwise()) return align_up(plane_elements(p) * sizeof(T)) * static_cast<std::size_t>(c.pool().size());
    return columns_bytes(p) + product_.workspace_bytes(p.group_outputs, block_columns(p), p.depth());
  }

  void run(Context& c, const cpu::Epilogue* epilogue = nullptr) const {
    const Problem p(op_, c);
    if (p.batch == 0 || p.outputs == 0 || p.geometry.output_size() == 0) return;
    if (p.is_depthwise()) return run_depthwise(c, p, epilogue);
    const std::int64_t input_size = p.geometry.input_size();
    const std::int64_t output_size = p.geometry.output_size();
    for (std::int64_t n = 0; n < p.batch; ++n) {
      for (std::int64_t g = 0; g < op_.group; ++g) {
        const T* x = c.in<T>(0) + (n * op_.group + g) * p.group_inputs * input_size;
        const cpu::MatrixRef<T> weights{c.in<T>(1) + g * p.group_outputs * p.depth(), p.depth(), 1};
        T* y = c.out<T>(0) + (n * p.outputs + g * p.group_outputs) * output_size;
        cpu::ProductOptions<T> options;
        if (c.has_input(2)) options.row_bias = c.in<T>(2) + g * p.group_outputs;
        multiply(c, p, x, weights, y, options, epilogue);
      }
    }
  }

 private:
  /// Bytes of the gathered windows of one block: they stay in L2 until they are packed.
  static constexpr std::int64_t block_bytes = 1024 * 1024;

  struct Problem {
    Problem(const ops::Conv& op, const Context& c) {
      const Shape& x = c.input(0).shape;
      const Shape& w = c.input(1).shape;
      batch = x[0];
      outputs = w[0];
      group_inputs = w[1];
      group_outputs = w[0] / op.group;
      geometry.rank = x.rank() - 2;
      for (std::size_t i = 0; i < geometry.rank; ++i) geometry.axes[i] = op.window.axis(i, geometry.rank, x[i + 2], w[i + 2]);
    }
    [[nodiscard]] std::int64_t depth() const noexcept { return group_inputs * geometry.kernel_size(); }
    [[nodiscard]] bool is_depthwise() const noexcept {
      if (group_inputs != 1 || geometry.rank > 2) return false;
      for (std::size_t i = 0; i < geometry.rank; ++i)
        if (geometry.axes[i].pad_begin < 0 || geometry.axes[i].pad_end < 0) return false;
      return true;
    }

    cpu::ConvGeometry geometry;
    std::int64_t batch;
    std::int64_t outputs;
    std::int64_t group_inputs;
    std::int64_t group_outputs;
  };

  [[nodiscard]] static std::int64_t block_columns(const Problem& p) noexcept {
    const std::int64_t output_size = p.geometry.output_size();
    if (p.geometry.is_pointwise()) return output_size;
    constexpr std::int64_t least = 512;
    const std::int64_t fitting = block_bytes / static_cast<std::int64_t>(sizeof(T)) / std::max<std::int64_t>(1, p.depth());
    return std::min(output_size, std::max(least, fitting / 64 * 64));
  }
  [[nodiscard]] static std::size_t columns_bytes(const Problem& p) noexcept {
    return p.geometry.is_pointwise() ? 0 : align_up(static_cast<std::size_t>(p.depth() * block_columns(p)) * sizeof(T));
  }

  void multiply(Context& c, const Problem& p, const T* x, const cpu::MatrixRef<T>& weights, T* y, cpu::ProductOptions<T> options,
                const cpu::Epilogue* epilogue) const {
    const std::int64_t output_size = p.geometry.output_size();
    const auto finish_block = [&](T* block, std::int64_t, std::int64_t, std::int64_t rows, std::int64_t columns) {
      for (std::int64_t i = 0; i < rows; ++i) (*epilogue)(block + i * output_size - c.out<T>(0), columns);
    };
    const typename cpu::ProductOptions<T>::Finish finish(finish_block);
    if (epilogue != nullptr) options.finish = &finish;
    if (p.geometry.is_pointwise()) {
      product_.run(p.group_outputs, output_size, p.depth(), weights, {x, output_size, 1}, y, output_size, options, c.workspace(), c.pool());
      return;
    }
    const std::int64_t block = block_columns(p);
    const std::int64_t taps = p.geometry.kernel_size();
    T* columns = reinterpret_cast<T*>(c.workspace());
    for (std::int64_t first = 0; first < output_size; first += block) {
      const std::int64_t count = std::min(block, output_size - first);
      c.parallel_for(p.depth(), std::max<std::int64_t>(1, 16 * 1024 / count), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row) {
          p.geometry.gather_tap(x + row / taps * p.geometry.input_size(), row % taps, first, count, columns + row * count);
        }
      });
      product_.run(p.group_outputs, count, p.depth(), weights, {columns, count, 1}, y + first, output_size, options,
                   c.workspace() + columns_bytes(p), c.pool());
    }
  }

  /// A plane as two axes, the first one of size 1 when there is only one.
  struct Plane {
    explicit Plane(const cpu::ConvGeometry& g) : w(g.axes[g.rank - 1]) {
      if (g.rank == 2) h = g.axes[0];
    }
    /// The input with its padding, as far as the windows reach.
    [[nodiscard]] std::int64_t padded_height() const noexcept { return (h.output - 1) * h.stride + h.extent(); }
    [[nodiscard]] std::int64_t padded_width() const noexcept { return (w.output - 1) * w.stride + w.extent(); }
    [[nodiscard]] bool needs_padding() const noexcept {
      return h.pad_begin != 0 || w.pad_begin != 0 || padded_height() > h.input || padded_width() > w.input;
    }
    ops::Window::Axis h;
    ops::Window::Axis w;
  };

  [[nodiscard]] static std::size_t plane_elements(const Problem& p) noexcept {
    const Plane plane(p.geometry);
    return plane.needs_padding() ? static_cast<std::size_t>(plane.padded_height() * plane.padded_width()) : 0;
  }

  void run_depthwise(Context& c, const Problem& p, const cpu::Epilogue* epilogue) const {
    const Plane plane(p.geometry);
    const std::int64_t input_size = p.geometry.input_size();
    const std::int64_t output_size = p.geometry.output_size();
    const std::int64_t taps = p.geometry.kernel_size();
    const std::size_t scratch = align_up(plane_elements(p) * sizeof(T));
    const std::int64_t grain = std::max<std::int64_t>(1, 32 * 1024 / (output_size * taps));
    c.pool().parallel_for(p.batch * p.outputs, grain, [&](std::int64_t begin, std::int64_t end, int slot) {
      T* padded = reinterpret_cast<T*>(c.workspace() + static_cast<std::size_t>(slot) * scratch);
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t m = i % p.outputs;
        const T* x = c.in<T>(0) + (i / p.outputs * op_.group + m / p.group_outputs) * input_size;
        std::int64_t row_size = plane.w.input;
        if (plane.needs_padding()) {
          pad(plane, x, padded);
          x = padded;
          row_size = plane.padded_width();
        }
        const simd::DepthwiseTaps<T> window{.weights = c.in<T>(1) + m * taps,
                                            .rows = static_cast<int>(plane.h.kernel),
                                            .columns = static_cast<int>(plane.w.kernel),
                                            .row_step = plane.h.dilation * row_size,
                                            .column_step = plane.w.dilation,
                                            .stride = plane.w.stride,
                                            .bias = c.has_input(2) ? c.in<T>(2)[m] : T(0)};
        T* y = c.out<T>(0) + i * output_size;
        for (std::int64_t row = 0; row < plane.h.output; ++row) {
          depthwise_->run(window, x + row * plane.h.stride * row_size, y + row * plane.w.output, static_cast<std::size_t>(plane.w.output));
        }
        if (epilogue != nullptr) (*epilogue)(i * output_size, output_size);
      }
    });
  }

  static void pad(const Plane& plane, const T* x, T* padded) noexcept {
    const std::int64_t width = plane.padded_width();
    const std::int64_t copied = std::min(plane.w.input, width - plane.w.pad_begin);
    for (std::int64_t row = 0; row < plane.padded_height(); ++row) {
      T* to = padded + row * width;
      const std::int64_t from = row - plane.h.pad_begin;
      if (from < 0 || from >= plane.h.input || copied <= 0) {
        std::fill_n(to, width, T(0));
        continue;
      }
      std::fill_n(to, plane.w.pad_begin, T(0));
      std::copy_n(x + from * plane.w.input, copied, to + plane.w.pad_begin);
      std::fill_n(to + plane.w.pad_begin + copied, width - plane.w.pad_begin - copied, T(0));
    }
  }

  ops::Conv op_;
  cpu::MatrixProduct<T> product_;
  const simd::DepthwiseRow<T>* depthwise_;
};

/// The product of the transposed weights (M * kernel, C) and the input (C, positions), each row then added where its tap points.
template <class T>
class Kernel<ops::ConvTranspose, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice& device) : op_(node.op<ops::ConvTranspose>()), product_(device.isa) {}

  [[nodiscard]] std::size_t workspace(const Context& c) const {
    const Problem p(op_, c);
    return columns_bytes(p) + product_.workspace_bytes(p.group_outputs * p.geometry.kernel_size(), p.positions(), p.group_inputs);
  }

  void run(Context& c) const {
    const Problem p(op_, c);
    const std::int64_t taps = p.geometry.kernel_size();
    const std::int64_t positions = p.positions();
    const std::int64_t plane = p.geometry.input_size();
    T* columns = reinterpret_cast<T*>(c.workspace());
    for (std::int64_t n = 0; n < p.batch; ++n) {
      for (std::int64_t g = 0; g < op_.group; ++g) {
        const T* x = c.in<T>(0) + (n * op_.group + g) * p.group_inputs * positions;
        const cpu::MatrixRef<T> weights{c.in<T>(1) + g * p.group_inputs * p.group_outputs * taps, p.group_outputs * taps, 1};
        product_.run(p.group_outputs * taps, positions, p.group_inputs, weights.transposed(), {x, positions, 1}, columns, positions, {},
                     c.workspace() + columns_bytes(p), c.pool());
        const std::int64_t first = g * p.group_outputs;
        c.parallel_for(p.group_outputs, std::max<std::int64_t>(1, 16 * 1024 / (taps * positions + 1)),
                       [&](std::int64_t begin, std::int64_t end) {
                         for (std::int64_t m = begin; m < end; ++m) {
                           T* y = c.out<T>(0) + (n * p.group_outputs * op_.group + first + m) * plane;
                           std::fill_n(y, plane, c.has_input(2) ? c.in<T>(2)[first + m] : T(0));
                           for (std::int64_t k = 0; k < taps; ++k) p.geometry.scatter_tap(columns + (m * taps + k) * positions, k, y);
                         }
                       });
      }
    }
  }

 private:
  /// The geometry is that of the convolution which this transposes: its input is our output.
  struct Problem {
    Problem(const ops::ConvTranspose& op, const Context& c) {
      const Shape& x = c.input(0).shape;
      const Shape& w = c.input(1).shape;
      batch = x[0];
      group_inputs = x[1] / op.group;
      group_outputs = w[1];
      geometry.rank = x.rank() - 2;
      for (std::size_t i = 0; i < geometry.rank; ++i) {
        geometry.axes[i] = op.axis(i, x, w);
        std::swap(geometry.axes[i].input, geometry.axes[i].output);
      }
    }
    [[nodiscard]] std::int64_t positions() const noexcept { return geometry.output_size(); }

    cpu::ConvGeometry geometry;
    std::int64_t batch;
    std::int64_t group_inputs;
    std::int64_t group_outputs;
  };

  [[nodiscard]] static std::size_t columns_bytes(const Problem& p) noexcept {
    return align_up(static_cast<std::size_t>(p.group_outputs * p.geometry.kernel_size() * p.positions()) * sizeof(T));
  }

  ops::ConvTranspose op_;
  cpu::MatrixProduct<T> product_;
};

}  // namespace hone::inline HONE_ABI
