#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <numbers>

#include <hone/config.hpp>
#include <hone/core/buffer.hpp>
#include <hone/kernels/cpu/fft.hpp>
#include <hone/kernels/cpu/number_conversion.hpp>
#include <hone/ops/signal.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

namespace cpu {

/// Memory for transforms of length n on all threads.
struct FftMemory {
  static std::size_t tables(std::int64_t n) { return align_up(static_cast<std::size_t>(Fft::table_size(n)) * sizeof(Fft::Complex)); }
  static std::size_t data(std::int64_t n) { return align_up(static_cast<std::size_t>(Fft::data_size(n)) * sizeof(Fft::Complex)); }
  static std::size_t bytes(std::int64_t n, const Context& c) { return tables(n) + data(n) * static_cast<std::size_t>(c.pool().size()); }

  static Fft fft(std::int64_t n, const Context& c) { return {n, reinterpret_cast<Fft::Complex*>(c.workspace())}; }
  static Fft::Complex* data_of(int slot, std::int64_t n, const Context& c) {
    return reinterpret_cast<Fft::Complex*>(c.workspace() + tables(n) + static_cast<std::size_t>(slot) * data(n));
  }
};

inline const TensorRef* optional_input(const Context& c, std::size_t i) { return c.has_input(i) ? &c.input(i) : nullptr; }

}  // namespace cpu

template <>
class Kernel<ops::DFT, Cpu, double> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<ops::DFT>()) {}
  [[nodiscard]] std::size_t workspace(const Context& c) const { return cpu::FftMemory::bytes(sizes(c).length, c); }
  void run(Context& c) const {
    const auto [axis, n] = sizes(c);
    const Shape& x = c.input(0).shape;
    const Shape& y = c.output(0).shape;
    const std::int64_t parts = x.back();
    const std::int64_t y_parts = y.back();
    const std::int64_t inner = x.elements(axis + 1, x.rank() - 1);
    const std::int64_t read = std::min(x[axis], op_.inverse && op_.onesided ? n / 2 + 1 : n);
    const cpu::Fft fft = cpu::FftMemory::fft(n, c);
    const double scale = op_.inverse ? 1.0 / static_cast<double>(n) : 1.0;
    c.parallel_for(x.elements(0, axis) * inner, 1, [&, n = n, axis = axis](std::int64_t begin, std::int64_t end, int slot) {
      cpu::Fft::Complex* data = cpu::FftMemory::data_of(slot, n, c);
      for (std::int64_t row = begin; row < end; ++row) {
        const double* from = c.in<double>(0) + (row / inner * x[axis] * inner + row % inner) * parts;
        double* to = c.out<double>(0) + (row / inner * y[axis] * inner + row % inner) * y_parts;
        for (std::int64_t i = 0; i < read; ++i) data[i] = {from[i * inner * parts], parts == 2 ? from[i * inner * parts + 1] : 0.0};
        std::fill(data + read, data + n, cpu::Fft::Complex());
        if (op_.inverse && op_.onesided) {
          // The rest of the spectrum of a real signal mirrors what is given; its ends are real.
          data[0] = data[0].real();
          if (n % 2 == 0) data[n / 2] = data[n / 2].real();
          for (std::int64_t i = n / 2 + 1; i < n; ++i) data[i] = std::conj(data[n - i]);
        }
        fft.transform(data, op_.inverse);
        for (std::int64_t i = 0; i < y[axis]; ++i) {
          to[i * inner * y_parts] = data[i].real() * scale;
          if (y_parts == 2) to[i * inner * y_parts + 1] = data[i].imag() * scale;
        }
      }
    });
  }

 private:
  [[nodiscard]] ops::DFT::Sizes sizes(const Context& c) const {
    return op_.sizes(c.input(0).shape, cpu::optional_input(c, 1), cpu::optional_input(c, 2));
  }
  ops::DFT op_;
};

template <>
class Kernel<ops::STFT, Cpu, double> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<ops::STFT>()) {}
  [[nodiscard]] std::size_t workspace(const Context& c) const { return cpu::FftMemory::bytes(sizes(c).length, c); }
  void run(Context& c) const {
    const auto s = sizes(c);
    const Shape& x = c.input(0).shape;
    const std::int64_t bins = c.output(0).shape[2];
    const double* window = c.has_input(2) ? c.in<double>(2) : nullptr;
    const cpu::Fft fft = cpu::FftMemory::fft(s.length, c);
    c.parallel_for(x[0] * s.frames, 1, [&](std::int64_t begin, std::int64_t end, int slot) {
      cpu::Fft::Complex* data = cpu::FftMemory::data_of(slot, s.length, c);
      for (std::int64_t frame = begin; frame < end; ++frame) {
        const double* from = c.in<double>(0) + (frame / s.frames * x[1] + frame % s.frames * s.step) * x[2];
        for (std::int64_t i = 0; i < s.length; ++i) {
          const double weight = window != nullptr ? window[i] : 1.0;
          data[i] = {from[i * x[2]] * weight, x[2] == 2 ? from[i * 2 + 1] * weight : 0.0};
        }
        fft.transform(data, false);
        double* to = c.out<double>(0) + frame * bins * 2;
        for (std::int64_t i = 0; i < bins; ++i) {
          to[2 * i] = data[i].real();
          to[2 * i + 1] = data[i].imag();
        }
      }
    });
  }

 private:
  [[nodiscard]] ops::STFT::Sizes sizes(const Context& c) const {
    return op_.sizes(c.input(0).shape, c.input(1), c.has_input(2) ? &c.input(2).shape : nullptr, cpu::optional_input(c, 3));
  }
  ops::STFT op_;
};

template <std::derived_from<ops::CosineWindow> Op>
class Kernel<Op, Cpu> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : periodic_(node.op<Op>().periodic) {}
  void run(Context& c) const {
    const TensorRef& y = c.output(0);
    const std::int64_t size = y.elements();
    const double step = 2 * std::numbers::pi / static_cast<double>(periodic_ ? size : std::max<std::int64_t>(size - 1, 1));
    for (std::int64_t i = 0; i < size; ++i) {
      const double angle = step * static_cast<double>(i);
      const double value = size == 1 && !periodic_ ? 1.0 : Op::a - Op::b * std::cos(angle) + Op::c * std::cos(2 * angle);
      store_numbers(y.dtype, y.data, i, 1, &value, {});
    }
  }

 private:
  bool periodic_;
};

template <>
class Kernel<ops::MelWeightMatrix, Cpu> {
 public:
  Kernel(const NodeView&, const CpuDevice&) {}
  [[nodiscard]] std::size_t workspace(const Context& c) const {
    return static_cast<std::size_t>(c.output(0).shape[1] + 2) * sizeof(std::int64_t);
  }
  void run(Context& c) const {
    const TensorRef& y = c.output(0);
    const std::int64_t bins = y.shape[1];
    const std::int64_t spectrum = y.shape[0];
    const auto number = [&](std::size_t i) { return ops::only_number(c.input(i), "a parameter"); };
    if (!(number(2) > 0)) return c.fail("the sample rate is ", number(2));
    const auto mel = [](double hertz) { return 2595 * std::log10(1 + hertz / 700); };
    const double low = mel(number(3));
    const double step = (mel(number(4)) - low) / static_cast<double>(bins + 2);
    // Where the filters begin, as indices of the spectrum.
    auto* edges = reinterpret_cast<std::int64_t*>(c.workspace());
    for (std::int64_t i = 0; i < bins + 2; ++i) {
      const double hertz = 700 * (std::pow(10.0, (low + step * static_cast<double>(i)) / 2595) - 1);
      edges[i] = ops::saturated_integer(std::floor((number(1) + 1) * hertz / number(2)));
      if (edges[i] < 0 || edges[i] > spectrum || (i > 0 && edges[i] < edges[i - 1])) {
        return c.fail("the edges ", number(3), " and ", number(4), " Hz do not fit a spectrum of ", spectrum, " bins");
      }
    }
    for (std::int64_t j = 0; j < spectrum; ++j) {
      for (std::int64_t i = 0; i < bins; ++i) {
        const double left = static_cast<double>(edges[i]);
        const double center = static_cast<double>(edges[i + 1]);
        const double right = static_cast<double>(edges[i + 2]);
        const auto at = static_cast<double>(j);
        double value = 0;
        if (at >= left && at <= center) value = center == left ? 1.0 : (at - left) / (center - left);
        if (at >= center && at < right) value = (right - at) / (right - center);
        store_numbers(y.dtype, y.data, j * bins + i, 1, &value, {});
      }
    }
  }
};

}  // namespace hone::inline HONE_ABI
