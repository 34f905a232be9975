#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include <hone/config.hpp>
#include <hone/ops/normalization.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>
#include <hone/simd/normalize.hpp>

namespace hone::inline HONE_ABI {

namespace cpu {

/// Rows of `size` elements that are worth a thread together: some 8 Ki elements.
[[nodiscard]] constexpr std::int64_t rows_worth_a_thread(std::int64_t size) noexcept {
  return std::max<std::int64_t>(1, 8 * 1024 / (size + 1));
}

}  // namespace cpu

template <class T>
class Kernel<ops::BatchNormalization, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice& device)
      : op_(node.op<ops::BatchNormalization>()), rows_(&simd::table<simd::NormalizeRow<T>>(device.isa)) {}

  static Support supports(const NodeView& node) {
    for (std::size_t i = 1; i < 5; ++i)
      if (node.input_dtype(i) != dtype_of<T>) return Support::no("no kernel for statistics of another type than the data");
    return Support::yes();
  }

  void run(Context& c) const {
    const Shape& x = c.input(0).shape;
    const std::int64_t channels = x.rank() > 1 ? x[1] : 1;
    const std::int64_t spatial = x.rank() > 1 ? x.elements(2, x.rank()) : 1;
    if (x.elements() == 0) return;
    c.parallel_for(channels, cpu::rows_worth_a_thread(x.elements() / channels), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t channel = begin; channel < end; ++channel) {
        T mean = c.in<T>(3)[channel];
        T variance = c.in<T>(4)[channel];
        if (op_.training) measure(c, channel, channels, spatial, mean, variance);
        const T scale = c.in<T>(1)[channel] / std::sqrt(variance + static_cast<T>(op_.epsilon));
        const T bias = c.in<T>(2)[channel] - mean * scale;
        for (std::int64_t n = 0; n < x[0]; ++n) {
          const std::int64_t row = (n * channels + channel) * spatial;
          rows_->affine(c.in<T>(0) + row, scale, bias, c.out<T>(0) + row, static_cast<std::size_t>(spatial));
        }
      }
    });
  }

 private:
  void measure(Context& c, std::int64_t channel, std::int64_t channels, std::int64_t spatial, T& mean, T& variance) const {
    const std::int64_t batch = c.input(0).shape[0];
    const auto average = [&](const auto& of) {
      double sum = 0;
      for (std::int64_t n = 0; n < batch; ++n)
        for (std::int64_t i = 0; i < spatial; ++i) sum += of(static_cast<double>(c.in<T>(0)[(n * channels + channel) * spatial + i]));
      return sum / static_cast<double>(batch * spatial);
    };
    const double measured_mean = average([](double v) { return v; });
    const double measured_variance = average([&](double v) { return (v - measured_mean) * (v - measured_mean); });
    const auto running = [&](std::size_t output, T old, double measured) {
      if (c.has_output(output))
        c.out<T>(output)[channel] = static_cast<T>(static_cast<double>(old) * op_.momentum + measured * (1.0 - op_.momentum));
    };
    running(1, mean, measured_mean);
    running(2, variance, measured_variance);
    mean = static_cast<T>(measured_mean);
    variance = static_cast<T>(measured_variance);
  }

  ops::BatchNormalization op_;
  const simd::NormalizeRow<T>* rows_;
};

template <class T>
class Kernel<ops::LayerNormalization, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice& device)
      : op_(node.op<ops::LayerNormalization>()), rows_(&simd::table<simd::NormalizeRow<T>>(device.isa)) {}

  static Support supports(const NodeView& node) {
    for (const std::size_t i : {1, 2})
      if (node.has_output(i) && node.output_dtype(i) != dtype_of<T>) return Support::no("statistics of another type than the data");
    return Support::yes();
  }

  void run(Context& c) const {
    const Shape& x = c.input(0).shape;
    const std::size_t axis = normalized_axis(op_.axis, x.rank());
    const std::int64_t size = x.elements(axis, x.rank());
    if (x.elements() == 0) return;
    const T* scale = c.in<T>(1);
    const T* bias = c.has_input(2) ? c.in<T>(2) : nullptr;
    const bool per_element = c.input(1).elements() == size && (bias == nullptr || c.input(2).elements() == size);
    c.parallel_for(x.elements(0, axis), cpu::rows_worth_a_thread(size), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const T* in = c.in<T>(0) + row * size;
        T* out = c.out<T>(0) + row * size;
        const auto n = static_cast<std::size_t>(size);
        const auto moments =
            rows_->layer_norm(in, per_element ? scale : nullptr, per_element ? bias : nullptr, out, n, static_cast<T>(op_.epsilon));
        if (!per_element) {
          for (std::int64_t i = 0; i < size; ++i) {
            out[i] =
                out[i] * scale[c.input(1).elements() == 1 ? 0 : i] + (bias == nullptr ? T(0) : bias[c.input(2).elements() == 1 ? 0 : i]);
          }
        }
        if (c.has_output(1)) c.out<T>(1)[row] = moments.mean;
        if (c.has_output(2)) c.out<T>(2)[row] = moments.inv_std;
      }
    });
  }

 private:
  ops::LayerNormalization op_;
  const simd::NormalizeRow<T>* rows_;
};

template <class T>
class Kernel<ops::RMSNormalization, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice& device)
      : op_(node.op<ops::RMSNormalization>()), rows_(&simd::table<simd::NormalizeRow<T>>(device.isa)) {}

  static Support supports(const NodeView& node) {
    return node.input_dtype(1) == dtype_of<T> ? Support::yes() : Support::no("a scale of another type than the data");
  }

  void run(Context& c) const {
    const Shape& x = c.input(0).shape;
    const std::size_t axis = normalized_axis(op_.axis, x.rank());
    const std::int64_t size = x.elements(axis, x.rank());
    if (x.elements() == 0) return;
    const bool per_element = c.input(1).elements() == size;
    c.parallel_for(x.elements(0, axis), cpu::rows_worth_a_thread(size), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        T* out = c.out<T>(0) + row * size;
        rows_->rms_norm(c.in<T>(0) + row * size, per_element ? c.in<T>(1) : nullptr, out, static_cast<std::size_t>(size),
                        static_cast<T>(op_.epsilon));
        if (!per_element) rows_->affine(out, *c.in<T>(1), T(0), out, static_cast<std::size_t>(size));
      }
    });
  }

 private:
  ops::RMSNormalization op_;
  const simd::NormalizeRow<T>* rows_;
};

template <class T>
class Kernel<ops::InstanceNormalization, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice& device)
      : op_(node.op<ops::InstanceNormalization>()), rows_(&simd::table<simd::NormalizeRow<T>>(device.isa)) {}

  void run(Context& c) const {
    const Shape& x = c.input(0).shape;
    const std::int64_t size = x.elements(2, x.rank());
    if (x.elements() == 0) return;
    c.parallel_for(x[0] * x[1], cpu::rows_worth_a_thread(size), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const T* in = c.in<T>(0) + row * size;
        const auto moments = rows_->moments(in, static_cast<std::size_t>(size), static_cast<T>(op_.epsilon));
        const T scale = c.in<T>(1)[row % x[1]] * moments.inv_std;
        rows_->affine(in, scale, c.in<T>(2)[row % x[1]] - moments.mean * scale, c.out<T>(0) + row * size, static_cast<std::size_t>(size));
      }
    });
  }

 private:
  ops::InstanceNormalization op_;
  const simd::NormalizeRow<T>* rows_;
};

template <class T>
class Kernel<ops::GroupNormalization, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice& device)
      : op_(node.op<ops::GroupNormalization>()), rows_(&simd::table<simd::NormalizeRow<T>>(device.isa)) {}

  void run(Context& c) const {
    const Shape& x = c.input(0).shape;
    const std::int64_t spatial = x.elements(2, x.rank());
    const std::int64_t channels = x[1] / op_.groups;
    const bool per_channel = c.input(1).elements() == x[1];
    if (x.elements() == 0) return;
    c.parallel_for(x[0] * op_.groups, cpu::rows_worth_a_thread(channels * spatial), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const T* in = c.in<T>(0) + row * channels * spatial;
        T* out = c.out<T>(0) + row * channels * spatial;
        const auto moments = rows_->moments(in, static_cast<std::size_t>(channels * spatial), static_cast<T>(op_.epsilon));
        for (std::int64_t k = 0; k < channels; ++k) {
          const std::int64_t group = row % op_.groups;
          const std::int64_t at = per_channel ? group * channels + k : group;
          const T scale = c.in<T>(1)[at] * moments.inv_std;
          rows_->affine(in + k * spatial, scale, c.in<T>(2)[at] - moments.mean * scale, out + k * spatial,
                        static_cast<std::size_t>(spatial));
        }
      }
    });
  }

 private:
  ops::GroupNormalization op_;
  const simd::NormalizeRow<T>* rows_;
};

template <class T>
class Kernel<ops::LRN, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<ops::LRN>()) {}

  void run(Context& c) const {
    const Shape& x = c.input(0).shape;
    const std::int64_t channels = x[1];
    const std::int64_t spatial = x.elements(2, x.rank());
    const std::int64_t before = (op_.size - 1) / 2;
    const std::int64_t after = op_.size - 1 - before;
    c.parallel_for(x[0] * channels, cpu::rows_worth_a_thread(spatial * op_.size), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const std::int64_t channel = row % channels;
        const T* batch = c.in<T>(0) + (row - channel) * spatial;
        T* out = c.out<T>(0) + row * spatial;
        std::fill_n(out, spatial, T(0));
        for (std::int64_t k = std::max<std::int64_t>(0, channel - before); k <= std::min(channels - 1, channel + after); ++k)
          for (std::int64_t i = 0; i < spatial; ++i) out[i] += batch[k * spatial + i] * batch[k * spatial + i];
        const T factor = static_cast<T>(op_.alpha) / static_cast<T>(op_.size);
        for (std::int64_t i = 0; i < spatial; ++i) {
          out[i] = batch[channel * spatial + i] / std::pow(static_cast<T>(op_.bias) + factor * out[i], static_cast<T>(op_.beta));
        }
      }
    });
  }

 private:
  ops::LRN op_;
};

}  // namespace hone::inline HONE_ABI
