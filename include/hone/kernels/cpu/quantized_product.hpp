#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include <hone/config.hpp>
#include <hone/kernels/cpu/conv.hpp>
#include <hone/kernels/cpu/integer_matmul.hpp>
#include <hone/kernels/cpu/matmul.hpp>
#include <hone/kernels/cpu/number_conversion.hpp>
#include <hone/kernels/cpu/quantize.hpp>
#include <hone/ops/dimensions.hpp>
#include <hone/ops/quantized_product.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>
#include <hone/providers/kernel_list.hpp>

namespace hone::inline HONE_ABI {

namespace cpu {

/// Products by one matrix are those of IntegerMatMul; others drive the kernel of the plain product over operands less their zero points, in
/// a type that holds every sum. One class for all products.
class QuantizedProductKernel {
 public:
  using Shared = QuantizedProductKernel;

  /// `convolution`: parameters of b belong to its first dimension, else to its last one.
  QuantizedProductKernel(std::unique_ptr<AnyKernel> product, DType wide, const ops::QuantizedInputs& at, bool convolution,
                         std::shared_ptr<const IntegerMatMul> matmul)
      : product_(std::move(product)), matmul_(std::move(matmul)), at_(at), wide_(wide), convolution_(convolution) {}

  [[nodiscard]] std::size_t workspace(const Context& c) const {
    if (is_matmul(c)) return matmul_->workspace(c) + (c.has_input(at_.y_scale) ? scale_bytes(c) : 0);
    Operands operands;
    const std::size_t bytes = place(c, operands, nullptr);
    return bytes + product_->workspace(operands.context(c));
  }

  void run(Context& c) const {
    if (is_matmul(c)) return c.has_input(at_.y_scale) ? run_scaled(c) : run_integers(c);
    Operands operands;
    std::byte* memory = c.workspace();
    memory += place(c, operands, memory);
    const TensorRef& a = c.input(at_.a);
    const TensorRef& b = c.input(at_.b);
    widen(c, at_.a, at_.a_zero, a.shape.rank() > 1 ? a.shape.back() : 1, operands.slots[0].tensor);
    widen(c, at_.b, at_.b_zero, convolution_ ? b.shape.stride(0) : 1, operands.slots[1].tensor);
    if (c.has_input(at_.bias)) widen(c, at_.bias, ops::QuantizedInputs::no_input, 1, operands.slots[2].tensor);
    Context inner = operands.context(c);
    inner.set_workspace(memory);
    product_->run(inner);
    if (inner.failed()) return c.fail_as(inner);
    narrow(c, inner.output(0));
  }

 private:
  static constexpr std::int64_t block = 256;

  [[nodiscard]] bool is_matmul(const Context& c) const noexcept {
    return matmul_ != nullptr && matmul_->takes(c) && (!c.has_input(at_.y_scale) || is_byte(c.output(0).dtype));
  }
  [[nodiscard]] static std::size_t scale_bytes(const Context& c) noexcept {
    return align_up(sizeof(float) * static_cast<std::size_t>(IntegerProduct::padded(c.output(0).shape.back())));
  }
  void run_integers(Context& c) const {
    auto* y = c.out<std::int32_t>(0);
    const std::int64_t n = c.output(0).shape.back();
    matmul_->run(c, [&](const simd::IntegerStore& tile, std::int64_t row, std::int64_t column) {
      matmul_->kernels().store_integers(tile, y + row * n + column, n);
    });
  }
  void run_scaled(Context& c) const {
    auto* scales = reinterpret_cast<float*>(c.workspace());
    const std::int64_t n = c.output(0).shape.back();
    const double scale = ops::number_at(c.input(at_.a_scale), 0) / ops::number_at(c.input(at_.y_scale), 0);
    for (std::int64_t j = 0; j < n; ++j) scales[j] = static_cast<float>(scale * parameter(c.input(at_.b_scale), j));
    const QuantizedRange range(c.output(0).dtype);
    const auto zero = static_cast<float>(ops::number_at(c.input(at_.y_zero), 0));
    Context inner = c;
    inner.set_workspace(c.workspace() + scale_bytes(c));
    auto* y = c.out<std::uint8_t>(0);
    matmul_->run(inner, [&](simd::IntegerStore tile, std::int64_t row, std::int64_t column) {
      tile.scales = scales + column;
      tile.lower = range.least - zero;
      tile.upper = range.most - zero;
      tile.zero = zero;
      matmul_->kernels().store_bytes(tile, y + row * n + column, n);
    });
  }

  struct Operands {
    Slot slots[4];  ///< a, b, bias, y
    Slot* inputs[3];
    Slot* output[1];
    [[nodiscard]] Context context(const Context& c) { return {{inputs, inputs[2] != nullptr ? 3U : 2U}, {output, 1}, c.pool()}; }
  };

  /// Points the slots to memory for the wide operands; gives its bytes.
  std::size_t place(const Context& c, Operands& operands, std::byte* memory) const {
    std::size_t bytes = 0;
    const auto add = [&](std::size_t slot, const Shape& shape) {
      operands.slots[slot].tensor = {memory != nullptr ? memory + bytes : nullptr, wide_, shape};
      bytes += align_up(checked_bytes(wide_, shape));
      return &operands.slots[slot];
    };
    operands.inputs[0] = add(0, c.input(at_.a).shape);
    operands.inputs[1] = add(1, c.input(at_.b).shape);
    operands.inputs[2] = c.has_input(at_.bias) ? add(2, c.input(at_.bias).shape) : nullptr;
    operands.output[0] = add(3, c.output(0).shape);
    return bytes;
  }

  /// to = input - zero, where the zero point of element i is element i / inner of the zero points, over and over.
  void widen(const Context& c, std::size_t input, std::size_t zero_input, std::int64_t inner, const TensorRef& to) const {
    const TensorRef& from = c.input(input);
    const TensorRef* zero = c.has_input(zero_input) ? &c.input(zero_input) : nullptr;
    const std::int64_t zeros = zero != nullptr ? zero->elements() : 0;
    const double same = zeros == 1 ? number(*zero, 0) : 0;
    c.parallel_for(from.elements(), 32 * block, [&](std::int64_t begin, std::int64_t end) {
      double x[block];
      for (std::int64_t i = begin; i < end; i += block) {
        const std::int64_t n = std::min(block, end - i);
        load_as_double(from, i, n, x);
        for (std::int64_t k = 0; k < n; ++k) x[k] -= zeros > 1 ? number(*zero, (i + k) / inner % zeros) : same;
        store_numbers(wide_, to.data, i, n, x, {});
      }
    });
  }

  void narrow(const Context& c, const TensorRef& from) const {
    const TensorRef& to = c.output(0);
    const bool scaled = c.has_input(at_.y_scale);
    const double y_scale = scaled ? ops::number_at(c.input(at_.y_scale), 0) : 1;
    const double zero = scaled ? number(c.input(at_.y_zero), 0) : 0;
    const bool rounds = is_integer_like(to.dtype);
    const QuantizedRange range(scaled ? to.dtype : DType::int8);
    const std::int64_t row = to.shape.rank() > 0 ? to.shape.back() : 1;
    const std::int64_t b_inner = convolution_ ? to.shape.stride(1) : 1;
    c.parallel_for(from.elements(), 32 * block, [&](std::int64_t begin, std::int64_t end) {
      double y[block];
      for (std::int64_t i = begin; i < end; i += block) {
        const std::int64_t n = std::min(block, end - i);
        load_as_double(from, i, n, y);
        for (std::int64_t k = 0; scaled && k < n; ++k) {
          const double scale =
              parameter(c.input(at_.a_scale), (i + k) / row) * parameter(c.input(at_.b_scale), (i + k) / b_inner) / y_scale;
          if (!rounds) {
            y[k] = y[k] * scale + zero;
            continue;
          }
          const double value = std::nearbyint(y[k] * scale) + zero;
          y[k] = value > static_cast<double>(range.least) ? std::min(value, static_cast<double>(range.most))
                                                          : static_cast<double>(range.least);
        }
        store_numbers(to.dtype, to.data, i, n, y, {});
      }
    });
  }
  static double parameter(const TensorRef& tensor, std::int64_t i) { return ops::number_at(tensor, i % tensor.elements()); }
  /// Precondition: n is at most `block`.
  static void load_as_double(const TensorRef& from, std::int64_t first, std::int64_t n, double* to) {
    if (from.dtype == DType::float64 || is_integer_like(from.dtype)) return load_numbers(from.dtype, from.data, first, n, to);
    float x[block];
    load_numbers(from.dtype, from.data, first, n, x);
    std::copy_n(x, n, to);
  }
  static double number(const TensorRef& tensor, std::int64_t i) {
    double result;
    load_as_double(tensor, i, 1, &result);
    return result;
  }

  std::shared_ptr<const AnyKernel> product_;
  std::shared_ptr<const IntegerMatMul> matmul_;  ///< null for convolutions
  ops::QuantizedInputs at_;
  DType wide_;
  bool convolution_;
};

template <class Op>
concept QuantizedProductOp = requires(const Op& op) {
  op.product;
  Op::at.y_zero;
};

}  // namespace cpu

/// Matrices of integers are multiplied as int32; those of floats, and convolutions, in double, which holds the same sums.
template <cpu::QuantizedProductOp Op>
class Kernel<Op, Cpu> : public cpu::QuantizedProductKernel {
  using Product = decltype(Op::product);
  static constexpr bool convolution = std::same_as<Product, ops::Conv>;
  static constexpr bool scaled = Op::at.y_scale != ops::QuantizedInputs::no_input;

 public:
  static Support supports(const NodeView& node) {
    for (const std::size_t i : {Op::at.a, Op::at.b}) {
      const DType dtype = node.input_dtype(i);
      if (scaled ? !ops::quantized_operands.contains(dtype) : !is_byte(dtype))
        return Support::no("no kernel for operands of ", name(dtype));
    }
    return Support::yes();
  }
  Kernel(const NodeView& node, const CpuDevice& device)
      : QuantizedProductKernel(product(node.op<Op>().product, wide(node), device), wide(node), Op::at, convolution,
                               convolution ? nullptr : std::make_shared<const cpu::IntegerMatMul>(node, Op::at, device)) {}

 private:
  static DType wide(const NodeView& node) {
    const bool integers = is_byte(node.input_dtype(Op::at.a)) && is_byte(node.input_dtype(Op::at.b));
    return integers && !convolution ? DType::int32 : DType::float64;
  }
  /// The kernel of the plain product, made for a node of its own, whose operands are no constants.
  static std::unique_ptr<AnyKernel> product(const Product& op, DType wide, const CpuDevice& device) {
    Graph graph;
    Node node;
    node.op = std::make_unique<Operator>(op_info<Product>, AnyObject::make<Product>(op));
    if constexpr (!convolution)
      if (wide == DType::int32) return detail::create_kernel<Kernel<Product, Cpu, std::int32_t>>(NodeView(graph, node), device);
    return detail::create_kernel<Kernel<Product, Cpu, double>>(NodeView(graph, node), device);
  }
};

}  // namespace hone::inline HONE_ABI
