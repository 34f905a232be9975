#pragma once

#include <algorithm>
#include <array>
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

/// A matrix product of the weights (M, C * kernel), packed when they are constant, and the windows of the input (C * kernel, positions),
/// which go from the input right into the panels of the product; a pointwise window is the input itself. One input channel per group in one
/// or two dimensions goes row by row through taps instead.
template <class T>
class Kernel<ops::Conv, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice& device) : Kernel(node, node.op<ops::Conv>(), device) {}
  Kernel(const NodeView& node, const ops::Conv& op, const CpuDevice& device)
      : op_(op), product_(device.isa), depthwise_(&simd::table<simd::DepthwisePlane<T>>(device.isa)) {
    const TensorRef* weights = node.constant(1);
    if (weights == nullptr || weights->shape.rank() < 3 || weights->shape[0] % op.group != 0 ||
        (weights->shape[1] == 1 && weights->shape[0] / op.group <= max_depthwise_multiplier)) {
      return;
    }
    const std::int64_t outputs = weights->shape[0] / op.group;
    const std::int64_t depth = weights->shape.elements(1, weights->shape.rank());
    packed_group_ = product_.pack_a_bytes(outputs, depth) / sizeof(T);
    packed_ = Buffer(packed_group_ * sizeof(T) * static_cast<std::size_t>(op.group));
    for (std::int64_t g = 0; g < op.group; ++g) {
      product_.pack_a({weights->as<const T>() + g * outputs * depth, depth, 1}, outputs, depth,
                      static_cast<T*>(packed_.data()) + g * packed_group_);
    }
  }

  [[nodiscard]] std::size_t workspace(const Context& c) const {
    const Problem p(op_, c);
    if (p.is_depthwise()) return align_up(plane_elements(p) * sizeof(T)) * static_cast<std::size_t>(c.pool().size());
    return columns_bytes(p) +
           product_.workspace_bytes(p.group_outputs, p.geometry.output_size(), p.depth(), false, use_packed() && columns_bytes(p) == 0);
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
        typename cpu::MatrixProduct<T>::Left weights{.matrix = {c.in<T>(1) + g * p.group_outputs * p.depth(), p.depth(), 1}};
        if (use_packed()) weights.packed = static_cast<const T*>(packed_.data()) + g * packed_group_;
        T* y = c.out<T>(0) + (n * p.outputs + g * p.group_outputs) * output_size;
        cpu::ProductOptions<T> options;
        if (c.has_input(2)) options.row_bias = c.in<T>(2) + g * p.group_outputs;
        multiply(c, p, x, weights, y, options, epilogue);
      }
    }
  }

 private:
  static constexpr std::int64_t max_depthwise_taps = 256;
  static constexpr std::int64_t max_depthwise_multiplier = 4;

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
      if (group_inputs != 1 || geometry.rank > 2 || geometry.kernel_size() == 0 || geometry.kernel_size() > max_depthwise_taps)
        return false;
      // Many outputs of one input share its windows: a product reads them once.
      if (group_outputs > max_depthwise_multiplier) return false;
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

  /// Bytes of the windows of an output with few positions, one after the other: the weights are then read once, as they are.
  [[nodiscard]] static std::size_t columns_bytes(const Problem& p) noexcept {
    const std::int64_t positions = p.geometry.output_size();
    if (positions > simd::Gemm<T>::max_vector_rows || p.geometry.is_pointwise()) return 0;
    return align_up(static_cast<std::size_t>(positions * p.depth()) * sizeof(T));
  }

  [[nodiscard]] bool use_packed() const noexcept { return packed_.bytes() != 0; }

  void multiply(Context& c, const Problem& p, const T* x, const typename cpu::MatrixProduct<T>::Left& weights, T* y,
                cpu::ProductOptions<T> options, const cpu::Epilogue* epilogue) const {
    const std::int64_t output_size = p.geometry.output_size();
    const auto finish_block = [&](T* block, std::int64_t, std::int64_t, std::int64_t rows, std::int64_t columns) {
      for (std::int64_t i = 0; i < rows; ++i) (*epilogue)(block + i * output_size - c.out<T>(0), columns);
    };
    const typename cpu::ProductOptions<T>::Finish finish(finish_block);
    if (epilogue != nullptr) options.finish = &finish;
    const auto pack = [&](std::int64_t first_row, std::int64_t depth, std::int64_t first, std::int64_t last, std::int64_t width,
                          T* panels) { p.geometry.pack_windows(x, first_row, depth, first, last, width, panels); };
    const typename cpu::MatrixProduct<T>::PackB pack_windows(pack);
    typename cpu::MatrixProduct<T>::Right windows;
    std::byte* scratch = c.workspace();
    if (p.geometry.is_pointwise()) {
      windows.matrix = {x, output_size, 1};
    } else if (const std::size_t bytes = columns_bytes(p); bytes != 0) {
      T* columns = reinterpret_cast<T*>(scratch);
      scratch += bytes;
      p.geometry.pack_windows(x, 0, p.depth(), 0, output_size, 1, columns);
      windows.matrix = {columns, 1, p.depth()};
    } else {
      windows.pack = &pack_windows;
    }
    product_.run_operands(p.group_outputs, output_size, p.depth(), weights, windows, y, output_size, options, scratch, c.pool());
  }

  /// A plane as two axes, the first one of size 1 when there is only one. Where windows are more than one column apart, or reach into the
  /// padding, it is copied: the columns of each row by their remainder modulo the stride, so that neighbouring windows always read
  /// neighbours.
  struct Plane {
    explicit Plane(const cpu::ConvGeometry& g) : w(g.axes[g.rank - 1]) {
      if (g.rank == 2) h = g.axes[0];
      const std::int64_t width = (w.output - 1) * w.stride + w.extent();
      height = (h.output - 1) * h.stride + h.extent();
      copied = w.stride != 1 || h.pad_begin != 0 || w.pad_begin != 0 || height > h.input || width > w.input;
      phase_size = copied ? (width + w.stride - 1) / w.stride : w.input;
    }
    [[nodiscard]] std::int64_t row_size() const noexcept { return w.stride * phase_size; }
    [[nodiscard]] std::int64_t elements() const noexcept { return copied ? height * row_size() : 0; }

    void copy(const T* x, T* to) const noexcept {
      for (std::int64_t row = 0; row < height; ++row) {
        const std::int64_t from = row - h.pad_begin;
        if (from < 0 || from >= h.input) {
          to = std::fill_n(to, row_size(), T(0));
          continue;
        }
        for (std::int64_t phase = 0; phase < w.stride; ++phase) {
          // Column q of the phase is column q * stride + shift of the input.
          const std::int64_t shift = phase - w.pad_begin;
          const std::int64_t begin = std::clamp<std::int64_t>(shift < 0 ? (-shift + w.stride - 1) / w.stride : 0, 0, phase_size);
          const std::int64_t end = std::clamp<std::int64_t>(shift < w.input ? (w.input - 1 - shift) / w.stride + 1 : 0, begin, phase_size);
          const T* source = x + from * w.input;
          to = std::fill_n(to, begin, T(0));
          if (w.stride != 1) {
            for (std::int64_t q = begin; q < end; ++q) *to++ = source[q * w.stride + shift];
          } else if (begin < end) {
            to = cpu::copy_short(source + (begin + shift), end - begin, to);
          }
          to = std::fill_n(to, phase_size - end, T(0));
        }
      }
    }

    ops::Window::Axis h;
    ops::Window::Axis w;
    std::int64_t height;      ///< rows that the windows reach, with the padding
    std::int64_t phase_size;  ///< columns of one remainder
    bool copied;
  };

  [[nodiscard]] static std::size_t plane_elements(const Problem& p) noexcept {
    return static_cast<std::size_t>(Plane(p.geometry).elements());
  }

  void run_depthwise(Context& c, const Problem& p, const cpu::Epilogue* epilogue) const {
    const Plane plane(p.geometry);
    const std::int64_t input_size = p.geometry.input_size();
    const std::int64_t output_size = p.geometry.output_size();
    const std::int64_t taps = p.geometry.kernel_size();
    const std::size_t scratch = align_up(plane_elements(p) * sizeof(T));
    std::array<std::ptrdiff_t, max_depthwise_taps> offsets;
    for (std::int64_t k = 0; k < taps; ++k) {
      const std::int64_t column = k % plane.w.kernel * plane.w.dilation;
      offsets[static_cast<std::size_t>(k)] =
          k / plane.w.kernel * plane.h.dilation * plane.row_size() + column % plane.w.stride * plane.phase_size + column / plane.w.stride;
    }
    const std::int64_t grain = std::max<std::int64_t>(1, 32 * 1024 / (output_size * taps));
    c.pool().parallel_for(p.batch * p.outputs, grain, [&](std::int64_t begin, std::int64_t end, int slot) {
      T* padded = reinterpret_cast<T*>(c.workspace() + static_cast<std::size_t>(slot) * scratch);
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t m = i % p.outputs;
        const T* x = c.in<T>(0) + (i / p.outputs * op_.group + m / p.group_outputs) * input_size;
        if (plane.copied) {
          plane.copy(x, padded);
          x = padded;
        }
        const simd::DepthwiseTaps<T> window{.weights = c.in<T>(1) + m * taps,
                                            .offsets = offsets.data(),
                                            .count = static_cast<int>(taps),
                                            .row_step = plane.h.stride * plane.row_size(),
                                            .bias = c.has_input(2) ? c.in<T>(2)[m] : T(0)};
        depthwise_->run(window, x, c.out<T>(0) + i * output_size, static_cast<std::size_t>(plane.h.output),
                        static_cast<std::size_t>(plane.w.output));
        if (epilogue != nullptr) (*epilogue)(i * output_size, output_size);
      }
    });
  }

  ops::Conv op_;
  cpu::MatrixProduct<T> product_;
  const simd::DepthwisePlane<T>* depthwise_;
  Buffer packed_;                 ///< of constant weights, one group after the other
  std::size_t packed_group_ = 0;  ///< elements of one group in it
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
