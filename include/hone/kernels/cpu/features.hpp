#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <hone/config.hpp>
#include <hone/kernels/cpu/element_mover.hpp>
#include <hone/kernels/cpu/index_input.hpp>
#include <hone/kernels/cpu/number_conversion.hpp>
#include <hone/ops/dimensions.hpp>
#include <hone/ops/features.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

namespace cpu {

/// Element `i` of a list with one value for all features, or one for each.
template <class T>
[[nodiscard]] T of_feature(const std::vector<T>& list, std::int64_t i) noexcept {
  return list[static_cast<std::size_t>(i) % list.size()];
}

inline Support real_numbers(const NodeView& node) {
  const DType dtype = node.input_dtype(0);
  return hone::real_numbers.contains(dtype) ? Support::yes() : Support::no("no numbers in ", name(dtype));
}

}  // namespace cpu

template <>
class Kernel<ops::ArrayFeatureExtractor, Cpu> {
 public:
  static Support supports(const NodeView& node) {
    if (node.input_dtype(1) != DType::int64) return Support::no("the indices must be int64");
    return ElementMover::support(node.input_dtype(0));
  }
  Kernel(const NodeView&, const CpuDevice&) {}
  void run(Context& c) const {
    const std::int64_t features = c.input(0).shape.back();
    const std::int64_t count = c.input(1).elements();
    const ElementMover mover(c.input(0).dtype);
    for (std::int64_t k = 0; k < count; ++k) {
      const std::int64_t at = c.in<std::int64_t>(1)[k];
      if (at < 0 || at >= features) return fail_index(c, at, c.input(0).shape.rank() - 1, features);
    }
    for (std::int64_t i = 0; i < c.output(0).elements(); ++i) {
      const std::int64_t from = i / count * features + c.in<std::int64_t>(1)[i % count];
      mover.copy(mover.at(static_cast<const void*>(c.input(0).data), from), 1, mover.at(c.output(0).data, i));
    }
  }
};

template <>
class Kernel<ops::Binarizer, Cpu> {
 public:
  static Support supports(const NodeView& node) { return cpu::real_numbers(node); }
  Kernel(const NodeView& node, const CpuDevice&) : threshold_(static_cast<double>(node.op<ops::Binarizer>().threshold)) {}
  void run(Context& c) const {
    for (std::int64_t i = 0; i < c.output(0).elements(); ++i) {
      const double y = ops::number_at(c.input(0), i) > threshold_ ? 1 : 0;
      store_numbers(c.output(0).dtype, c.output(0).data, i, 1, &y, {});
    }
  }

 private:
  double threshold_;
};

template <>
class Kernel<ops::Scaler, Cpu> {
 public:
  static Support supports(const NodeView& node) { return cpu::real_numbers(node); }
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<ops::Scaler>()) {}
  void run(Context& c) const {
    const std::int64_t features = c.input(0).shape.rank() == 0 ? 1 : c.input(0).shape.back();
    for (std::int64_t i = 0; i < c.output(0).elements(); ++i) {
      const double x = ops::number_at(c.input(0), i) - static_cast<double>(cpu::of_feature(op_.offset, i % features));
      c.out<float>(0)[i] = static_cast<float>(x * static_cast<double>(cpu::of_feature(op_.scale, i % features)));
    }
  }

 private:
  ops::Scaler op_;
};

template <>
class Kernel<ops::Normalizer, Cpu> {
 public:
  static Support supports(const NodeView& node) { return cpu::real_numbers(node); }
  Kernel(const NodeView& node, const CpuDevice&) : norm_(node.op<ops::Normalizer>().norm) {}
  void run(Context& c) const {
    using Norm = ops::Normalizer::Norm;
    const std::int64_t n = c.input(0).elements();
    const std::int64_t features = c.input(0).shape.rank() == 0 ? 1 : c.input(0).shape.back();
    for (std::int64_t row = 0; row < n; row += features) {
      double norm = norm_ == Norm::max ? ops::number_at(c.input(0), row) : 0;
      for (std::int64_t i = row; i < row + features; ++i) {
        const double x = ops::number_at(c.input(0), i);
        if (norm_ == Norm::max) norm = std::max(norm, x);
        if (norm_ == Norm::l1) norm += std::abs(x);
        if (norm_ == Norm::l2) norm += x * x;
      }
      if (norm_ == Norm::l2) norm = std::sqrt(norm);
      for (std::int64_t i = row; i < row + features; ++i) {
        const double x = ops::number_at(c.input(0), i);
        c.out<float>(0)[i] = static_cast<float>(norm == 0 ? x : x / norm);
      }
    }
  }

 private:
  ops::Normalizer::Norm norm_;
};

template <>
class Kernel<ops::Imputer, Cpu> {
 public:
  static Support supports(const NodeView& node) {
    const bool integers = node.op<ops::Imputer>().floats.empty();
    if (is_integral(node.input_dtype(0)) != integers) return Support::no("imputed values of another type than ", name(node.input_dtype(0)));
    return cpu::real_numbers(node);
  }
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<ops::Imputer>()) {}
  void run(Context& c) const {
    const TensorRef& x = c.input(0);
    const TensorRef& y = c.output(0);
    const std::int64_t features = x.shape.rank() == 0 ? 1 : x.shape.back();
    for (std::int64_t i = 0; i < x.elements(); ++i) {
      if (op_.floats.empty()) {
        std::int64_t value = ops::integer_at(x, i);
        if (value == op_.missing_int64) value = cpu::of_feature(op_.int64s, i % features);
        store_numbers(y.dtype, y.data, i, 1, &value, {});
      } else {
        double value = ops::number_at(x, i);
        const auto missing = static_cast<double>(op_.missing_float);
        if (value == missing || (value != value && missing != missing))
          value = static_cast<double>(cpu::of_feature(op_.floats, i % features));
        store_numbers(y.dtype, y.data, i, 1, &value, {});
      }
    }
  }

 private:
  ops::Imputer op_;
};

template <>
class Kernel<ops::OneHotEncoder, Cpu> {
 public:
  static Support supports(const NodeView& node) {
    const bool strings = !node.op<ops::OneHotEncoder>().strings.empty();
    if (strings != (node.input_dtype(0) == DType::string))
      return Support::no("categories of another type than ", name(node.input_dtype(0)));
    return strings ? Support::yes() : cpu::real_numbers(node);
  }
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<ops::OneHotEncoder>()) {}
  void run(Context& c) const {
    const TensorRef& x = c.input(0);
    const std::size_t n = op_.categories();
    std::fill_n(c.out<float>(0), c.output(0).elements(), 0.0F);
    for (std::int64_t i = 0; i < x.elements(); ++i) {
      std::size_t at = 0;
      while (at < n && !is(x, i, at)) ++at;
      if (at == n && !op_.zeros) return c.fail("element ", i, " is of no known category");
      if (at < n) c.out<float>(0)[static_cast<std::size_t>(i) * n + at] = 1;
    }
  }

 private:
  [[nodiscard]] bool is(const TensorRef& x, std::int64_t i, std::size_t category) const {
    return x.dtype == DType::string ? x.as<const std::string>()[i] == op_.strings[category] : ops::integer_at(x, i) == op_.int64s[category];
  }
  ops::OneHotEncoder op_;
};

template <>
class Kernel<ops::FeatureVectorizer, Cpu> {
 public:
  static Support supports(const NodeView& node) { return cpu::real_numbers(node); }
  Kernel(const NodeView&, const CpuDevice&) {}
  void run(Context& c) const {
    const Shape& y = c.output(0).shape;
    float* to = c.out<float>(0);
    for (std::int64_t row = 0; row < y[0]; ++row) {
      for (std::size_t i = 0; i < c.input_count(); ++i) {
        const std::int64_t n = ops::FeatureVectorizer::columns(c.input(i).shape);
        for (std::int64_t k = 0; k < n; ++k) *to++ = static_cast<float>(ops::number_at(c.input(i), row * n + k));
      }
    }
  }
};

}  // namespace hone::inline HONE_ABI
