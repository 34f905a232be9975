#pragma once

#include <cstddef>
#include <cstdint>
#include <variant>

#include <hone/config.hpp>
#include <hone/kernels/cpu/channels_last_window.hpp>
#include <hone/kernels/cpu/integer_conv.hpp>
#include <hone/kernels/cpu/quantize.hpp>
#include <hone/ops/channels_last.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

template <>
class Kernel<ops::ChannelsLastQLinearConv, Cpu> {
  using Op = ops::ChannelsLastQLinearConv;
  static constexpr ops::QuantizedInputs at = Op::at;

 public:
  static Support supports(const NodeView& node) {
    for (const std::size_t i : {at.a_scale, at.a_zero, at.b, at.b_scale, at.b_zero, at.y_scale, at.y_zero})
      if (node.constant(i) == nullptr) return Support::no("its input ", i, " is no constant");
    if (node.has_input(at.bias) && node.constant(at.bias) == nullptr) return Support::no("its bias is no constant");
    for (const std::size_t i : {at.a, at.b, at.y_zero})
      if (!is_byte(node.input_dtype(i))) return Support::no("no kernel for operands of ", name(node.input_dtype(i)));
    for (const std::size_t i : {at.a_scale, at.a_zero, at.y_scale, at.y_zero})
      if (node.constant(i)->elements() != 1) return Support::no("its input ", i, " has several elements");
    const Shape& w = node.constant(at.b)->shape;
    if (w.rank() != 3 && w.rank() != 4) return Support::no("its weights have shape ", w, "; expected one or two spatial dimensions");
    if (w.elements(2, w.rank()) > cpu::IntegerConv::max_taps) return Support::no("a kernel of shape ", w, " is too large");
    const std::int64_t group = node.op<Op>().product.group;
    if (w.elements() == 0 || (group != 1 && !is_depthwise(w, group))) return Support::no("its groups are of several channels");
    return Support::yes();
  }

  Kernel(const NodeView& node, const CpuDevice& device)
      : op_(node.op<Op>()), w_shape_(node.constant(at.b)->shape), conv_(make(node, device)) {
    const auto number = [&](std::size_t input, std::int64_t i) {
      const TensorRef& tensor = *node.constant(input);
      return ops::number_at(tensor, tensor.elements() == 1 ? 0 : i);
    };
    const cpu::QuantizedRange range(node.input_dtype(at.y_zero));
    to_.zero = static_cast<float>(number(at.y_zero, 0));
    to_.lower = op_.relu ? 0 : range.least - to_.zero;
    to_.upper = range.most - to_.zero;
    const auto padded = static_cast<std::size_t>(cpu::IntegerProduct::padded(w_shape_[0]));
    to_.scales.assign(padded, 0);
    if (node.has_input(at.bias)) to_.bias.assign(padded, 0);
    for (std::size_t j = 0; j < static_cast<std::size_t>(w_shape_[0]); ++j) {
      const auto output = static_cast<std::int64_t>(j);
      const double scale = number(at.a_scale, 0) * number(at.b_scale, output) / number(at.y_scale, 0);
      to_.scales[j] = static_cast<float>(scale);
      if (node.has_input(at.bias)) to_.bias[j] = static_cast<float>(number(at.bias, output) * scale);
    }
  }

  [[nodiscard]] InputSet packed_inputs() const noexcept { return inputs(1, 2, 3, 4, 5, 6, 7, 8); }

  [[nodiscard]] std::size_t workspace(const Context& c) const {
    const cpu::ChannelsLastWindow w(op_.product.window, c.input(at.a).shape, w_shape_);
    return w.outputs() == 0 ? 0 : std::visit([&](const auto& conv) { return conv.workspace(w); }, conv_);
  }

  void run(Context& c) const {
    const cpu::ChannelsLastWindow w(op_.product.window, c.input(at.a).shape, w_shape_);
    if (w.outputs() == 0) return;
    std::visit([&](const auto& conv) { conv.run(c, w, c.in<std::byte>(at.a), to_, c.out<std::uint8_t>(0)); }, conv_);
  }

 private:
  using Conv = std::variant<cpu::IntegerConv, cpu::IntegerDepthwiseConv>;

  [[nodiscard]] static bool is_depthwise(const Shape& w, std::int64_t group) noexcept { return group != 1 && w[1] == 1 && w[0] == group; }
  [[nodiscard]] static Conv make(const NodeView& node, const CpuDevice& device) {
    const ops::Conv& op = node.op<Op>().product;
    const cpu::IntegerConvOperands operands{.x_dtype = node.input_dtype(at.a),
                                            .x_zero = static_cast<std::int32_t>(ops::integer_at(*node.constant(at.a_zero), 0)),
                                            .w = node.constant(at.b),
                                            .w_zero = node.constant(at.b_zero)};
    if (is_depthwise(operands.w->shape, op.group)) return cpu::IntegerDepthwiseConv(operands, device);
    return cpu::IntegerConv(op, operands, device);
  }

  Op op_;
  Shape w_shape_;
  Conv conv_;
  cpu::Requantization to_;
};

}  // namespace hone::inline HONE_ABI
