#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <onnx/onnx_pb.h>

#include <hone/config.hpp>
#include <hone/onnx/function_body.hpp>

namespace hone::inline HONE_ABI::detail {

/// The domain of the operators that tools around ONNX Runtime write.
inline constexpr std::string_view contrib_domain = "com.microsoft";

/// A call of an operator of the contrib domain, written as a function of ONNX operators.
/// Source: ONNX Runtime, docs/ContribOperators.md, opset 1.
class ContribFunction : FunctionBody {
 public:
  /// The function for `call`, whose input i has ranks[i] dimensions as far as the model says. Nothing when there is none.
  [[nodiscard]] static std::optional<onnx::FunctionProto> of(const onnx::NodeProto& call,
                                                             std::span<const std::optional<std::size_t>> ranks) {
    static constexpr std::pair<std::string_view, Writer> writers[]{
        {"Attention", &ContribFunction::attention},
        {"BiasGelu", &ContribFunction::gelu},
        {"DequantizeLinear", &ContribFunction::dequantize},
        {"EmbedLayerNormalization", &ContribFunction::embed_layer_normalization},
        {"FastGelu", &ContribFunction::fast_gelu},
        {"FusedConv", &ContribFunction::fused_conv},
        {"Gelu", &ContribFunction::gelu},
        {"QLinearAdd", &ContribFunction::quantized_add},
        {"QLinearAveragePool", &ContribFunction::quantized_average_pool},
        {"QLinearConcat", &ContribFunction::quantized_concat},
        {"QLinearGlobalAveragePool", &ContribFunction::quantized_global_average_pool},
        {"QLinearLeakyRelu", &ContribFunction::quantized_leaky_relu},
        {"QLinearMul", &ContribFunction::quantized_mul},
        {"QLinearSigmoid", &ContribFunction::quantized_sigmoid},
        {"QLinearSoftmax", &ContribFunction::quantized_softmax},
        {"QuantizeLinear", &ContribFunction::quantize},
        {"QuickGelu", &ContribFunction::quick_gelu},
        {"SimplifiedLayerNormalization", &ContribFunction::simplified_layer_normalization},
        {"SkipLayerNormalization", &ContribFunction::skip_layer_normalization},
        {"SkipSimplifiedLayerNormalization", &ContribFunction::skip_simplified_layer_normalization},
    };
    for (const auto& [name, write] : writers) {
      if (name != call.op_type()) continue;
      ContribFunction function(call, ranks);
      if (!(function.*write)()) return std::nullopt;
      return std::move(function.proto());
    }
    return std::nullopt;
  }

 private:
  using Writer = bool (ContribFunction::*)();
  ContribFunction(const onnx::NodeProto& call, std::span<const std::optional<std::size_t>> ranks)
      : FunctionBody(contrib_domain, call.op_type()), call_(call), ranks_(ranks) {
    for (int i = 0; i < call.input_size(); ++i) proto().add_input("in" + std::to_string(i));
    for (int i = 0; i < call.output_size(); ++i) proto().add_output("out" + std::to_string(i));
  }

  // What the call gives.

  [[nodiscard]] bool has_input(int i) const { return i < call_.input_size() && !call_.input(i).empty(); }
  [[nodiscard]] Name input(int i) const { return has_input(i) ? proto().input(i) : Name(); }
  [[nodiscard]] bool wants(int i) const { return i < call_.output_size() && !call_.output(i).empty(); }
  [[nodiscard]] const onnx::AttributeProto* attribute(std::string_view name) const {
    for (const auto& given : call_.attribute())
      if (given.name() == name) return &given;
    return nullptr;
  }
  [[nodiscard]] std::int64_t integer(std::string_view name, std::int64_t otherwise) const {
    const auto* given = attribute(name);
    return given != nullptr ? given->i() : otherwise;
  }
  [[nodiscard]] float number(std::string_view name, float otherwise) const {
    const auto* given = attribute(name);
    return given != nullptr ? given->f() : otherwise;
  }

  // The body.

  /// A node with the attributes of the call that `names` lists.
  Name node_like_call(std::string_view op_type, const Names& inputs, std::initializer_list<std::string_view> names) {
    Name result = node(op_type, inputs);
    for (const std::string_view name : names)
      if (const auto* given = attribute(name)) *last().add_attribute() = *given;
    return result;
  }
  void give(int output, const Name& value) {
    if (wants(output)) FunctionBody::give(proto().output(output), value);
  }

  // The operators. False where the call asks for what the function cannot say.

  bool gelu() {
    give(0, node("Gelu", {sum(input(0), input(1))}));
    return true;
  }
  bool fast_gelu() {
    give(0, node("Gelu", {sum(input(0), input(1))}, {{"approximate", "tanh"}}));
    return true;
  }
  bool quick_gelu() {
    give(0, node("Swish", {input(0)}, {{"alpha", number("alpha", 1.702F)}}));
    return true;
  }

  /// y = layer_norm(x + skip + bias). Outputs: y, mean, 1 / deviation, the sum.
  bool skip_layer_normalization() {
    const Name total = sum(sum(input(0), input(1)), input(4));
    const Names y = nodes("LayerNormalization", {total, input(2), input(3)}, 3, {{"axis", -1}, {"epsilon", number("epsilon", 1e-12F)}});
    for (int i = 0; i < 3; ++i) give(i, y[static_cast<std::size_t>(i)]);
    give(3, total);
    return true;
  }
  bool skip_simplified_layer_normalization() {
    if (wants(1) || wants(2)) return false;
    const Name total = sum(sum(input(0), input(1)), input(3));
    give(0, node("RMSNormalization", {total, input(2)}, {{"axis", -1}, {"epsilon", number("epsilon", 1e-12F)}}));
    give(3, total);
    return true;
  }
  bool simplified_layer_normalization() {
    if (wants(1)) return false;
    give(0, node("RMSNormalization", {input(0), input(1)}, {{"axis", integer("axis", -1)}, {"epsilon", number("epsilon", 1e-5F)}}));
    return true;
  }

  /// y = layer_norm(words[ids] + positions[position ids] + segments[segment ids]).
  /// Outputs: y, how many entries of the mask are set in each row of the batch, the sum.
  bool embed_layer_normalization() {
    const Name ids = input(0);
    const Name positions =
        has_input(8) ? node("Gather", {input(3), input(8)}) : node("Slice", {input(3), list({0}), dimension(ids, 1), list({0})});
    const Name segments = has_input(1) ? node("Gather", {input(4), input(1)}) : Name();
    const Name total = sum(sum(node("Gather", {input(2), ids}), positions), segments);
    give(0, node("LayerNormalization", {total, input(5), input(6)}, {{"axis", -1}, {"epsilon", number("epsilon", 1e-12F)}}));
    const Name count = has_input(7)
                           ? node("ReduceSum", {input(7), list({1})}, {{"keepdims", 0}})
                           : node("Cast", {node("ConstantOfShape", {dimension(ids, 0)})}, {{"to", std::int64_t{onnx::TensorProto::INT32}}});
    give(1, count);
    give(2, total);
    return true;
  }

  /// Attention over heads of q, k, v = x W + b. Inputs: x (B, S, D), W (D, 3 D), b (3 D), mask, past (2, B, H, P, D / H), bias of the
  /// scores. Outputs: y (B, S, D), present (2, B, H, P + S, D / H).
  bool attention() {
    if (integer("do_rotary", 0) != 0 || integer("past_present_share_buffer", 0) != 0 || has_input(6)) return false;
    const Name x = input(0);
    const Name joined = sum(node("MatMul", {x, input(1)}), input(2));
    const auto* sizes = attribute("qkv_hidden_sizes");
    const Names qkv = sizes != nullptr ? nodes("Split", {joined, list({sizes->ints().begin(), sizes->ints().end()})}, 3, {{"axis", -1}})
                                       : nodes("Split", {joined}, 3, {{"axis", -1}, {"num_outputs", 3}});
    Names past(2);
    Name length = dimension(x, 1);
    if (has_input(4)) {
      past = nodes("Split", {input(4)}, 2, {{"axis", 0}, {"num_outputs", 2}});
      for (Name& part : past) part = node("Squeeze", {part, list({0})});
      length = node("Add", {length, dimension(input(4), 3)});
    }
    const std::int64_t heads = integer("num_heads", 0);
    const Name mask = sum(has_input(3) ? attention_mask(x, length) : Name(), input(5));
    Settings settings{{"q_num_heads", heads}, {"kv_num_heads", heads}, {"is_causal", integer("unidirectional", 0)}};
    // Without one, both operators take 1 / sqrt(D / H).
    if (attribute("scale") != nullptr) settings.push_back({"scale", number("scale", 0)});
    const Names y = nodes("Attention", {qkv[0], qkv[1], qkv[2], mask, past[0], past[1]}, 3, settings);
    give(0, y[0]);
    if (wants(1)) {
      const Name first = list({0});
      give(1, node("Concat", {node("Unsqueeze", {y[1], first}), node("Unsqueeze", {y[2], first})}, {{"axis", 0}}));
    }
    return true;
  }
  /// What is added to the scores. The mask tells keys that count: as 0 and 1 of shape (B, T), (B, S, T) or (B, 1, S, T), or as their
  /// number (B), after which only padding comes.
  Name attention_mask(const Name& x, const Name& length) {
    const std::size_t rank = ranks_[3].value_or(2);
    const Name batch = dimension(x, 0);
    const Name one = list({1});
    const Name minus_one = list({-1});
    Name keep;
    if (rank == 1) {
      const Name scalar_length = node("Squeeze", {length});
      const Name zero = node("Squeeze", {list({0})});
      const Name key = node("Range", {zero, scalar_length, node("Squeeze", {one})});
      const Name count = node("Reshape", {input(3), node("Concat", {batch, one, one, one}, {{"axis", 0}})});
      keep = node("Less", {key, node("Cast", {count}, {{"to", std::int64_t{onnx::TensorProto::INT64}}})});
    } else {
      const Name shape = node("Concat", {batch, one, rank == 2 ? one : minus_one, length}, {{"axis", 0}});
      keep = node("Cast", {node("Reshape", {input(3), shape})}, {{"to", std::int64_t{onnx::TensorProto::BOOL}}});
    }
    return node("Where", {keep, scalar(0, x), scalar(number("mask_filter_value", -10000), x)});
  }

  /// Conv, then what is added, then the activation.
  bool fused_conv() {
    const Name sum_of =
        sum(node_like_call("Conv", {input(0), input(1), input(2)}, {"auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"}),
            input(3));
    const auto* activation = attribute("activation");
    const std::string_view name = activation != nullptr ? std::string_view(activation->s()) : std::string_view();
    const auto* given = attribute("activation_params");
    const auto parameter = [&](int i) { return given != nullptr && i < given->floats_size() ? given->floats(i) : 0.0F; };
    if (name.empty()) {
      give(0, sum_of);
    } else if (name == "Relu" || name == "Tanh" || name == "Sigmoid") {
      give(0, node(name, {sum_of}));
    } else if (name == "LeakyRelu") {
      give(0, node(name, {sum_of}, {{"alpha", parameter(0)}}));
    } else if (name == "HardSigmoid") {
      give(0, node(name, {sum_of}, {{"alpha", parameter(0)}, {"beta", parameter(1)}}));
    } else if (name == "Clip") {
      give(0, node(name, {sum_of, scalar(parameter(0), sum_of), scalar(parameter(1), sum_of)}));
    } else {
      return false;
    }
    return true;
  }

  // Operators between tensors with scales and zero points: as real numbers in between.

  /// Input `i` with its scale and zero point, which follow it.
  Name real(int i) { return node("DequantizeLinear", {input(i), input(i + 1), input(i + 2)}); }
  /// Output 0, whose scale is input `i`, before its zero point.
  bool give_quantized(const Name& y, int i) {
    give(0, node("QuantizeLinear", {y, input(i), input(i + 1)}));
    return has_input(i + 1);  // without zero point the type would be that of another input
  }
  bool quantized_add() { return give_quantized(node("Add", {real(0), real(3)}), 6); }
  bool quantized_mul() { return give_quantized(node("Mul", {real(0), real(3)}), 6); }
  bool quantized_sigmoid() { return give_quantized(node("Sigmoid", {real(0)}), 3); }
  bool quantized_leaky_relu() { return give_quantized(node_like_call("LeakyRelu", {real(0)}, {"alpha"}), 3); }
  bool quantized_softmax() {
    // Before opset 13 the axes from `axis` on are one row.
    if (integer("opset", opset) < 13) use_opset(12);
    return give_quantized(node("Softmax", {real(0)}, {{"axis", integer("axis", -1)}}), 3);
  }
  bool quantized_average_pool() {
    const Name y =
        node_like_call("AveragePool", {real(0)}, {"auto_pad", "ceil_mode", "count_include_pad", "kernel_shape", "pads", "strides"});
    return integer("channels_last", 0) == 0 && give_quantized(y, 3);
  }
  bool quantized_global_average_pool() {
    return integer("channels_last", 0) == 0 && give_quantized(node("GlobalAveragePool", {real(0)}), 3);
  }
  bool quantized_concat() {
    Names parts;
    for (int i = 2; i < call_.input_size(); i += 3) parts.push_back(real(i));
    return give_quantized(node_like_call("Concat", parts, {"axis"}), 0);
  }
  bool quantize() {
    give(0, node_like_call("QuantizeLinear", {input(0), input(1), input(2)}, {"axis"}));
    return true;
  }
  bool dequantize() {
    give(0, node_like_call("DequantizeLinear", {input(0), input(1), input(2)}, {"axis"}));
    return true;
  }

  const onnx::NodeProto& call_;
  std::span<const std::optional<std::size_t>> ranks_;
};

}  // namespace hone::inline HONE_ABI::detail
