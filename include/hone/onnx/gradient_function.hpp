#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <onnx/onnx_pb.h>

#include <hone/config.hpp>
#include <hone/core/error.hpp>
#include <hone/onnx/function_body.hpp>

namespace hone::inline HONE_ABI::detail {

/// A call of Gradient, written as a function: the nodes between `xs` and `y` with the inputs of the call in place of xs and zs, then their
/// derivatives from y back, d x = sum over uses of (d out / d x) d out. Source: ONNX training Gradient, opset 1.
class GradientFunction : FunctionBody {
 public:
  /// `nodes`: the graph that the call is in, in an order in which values are made before they are used, read as
  /// that opset.
  /// Errors: invalid_graph; not_implemented for an operator whose derivative is not known here.
  GradientFunction(const onnx::NodeProto& call, const std::vector<const onnx::NodeProto*>& nodes, int opset_of_model)
      : FunctionBody("ai.onnx.preview.training", "Gradient", "gradient/"), call_(call) {
    use_opset(std::max(opset_of_model, 15));  // the first with all that the derivatives use
    const Names xs = names("xs");
    const Names zs = names("zs");
    const Names y = names("y");
    if (xs.empty() || y.size() != 1) fail(ErrorCode::invalid_graph, "it needs the attributes 'xs' and 'y'");
    Names inputs = xs;
    inputs.insert(inputs.end(), zs.begin(), zs.end());
    if (static_cast<std::size_t>(call.input_size()) != inputs.size() || static_cast<std::size_t>(call.output_size()) > xs.size()) {
      fail(ErrorCode::invalid_graph, "it has ", call.input_size(), " inputs and ", call.output_size(), " outputs for ", xs.size(),
           " xs and ", zs.size(), " zs");
    }
    for (const Name& name : inputs) proto().add_input(name);
    for (int i = 0; i < call.output_size(); ++i) proto().add_output("gradient/out" + std::to_string(i));
    const std::vector<const onnx::NodeProto*> path = forward(nodes, inputs, y[0]);
    differentiate(path, y[0]);
    for (int i = 0; i < call.output_size(); ++i) {
      const Name& x = xs[static_cast<std::size_t>(i)];
      const Name& gradient = gradients_[x];
      give(proto().output(i), gradient.empty() ? filled(0, x) : gradient);
    }
  }

  [[nodiscard]] const onnx::FunctionProto& function() const noexcept { return proto(); }
  /// The call with what the function reads besides its inputs.
  [[nodiscard]] const onnx::NodeProto& call() const noexcept { return call_; }

 private:
  [[nodiscard]] Names names(std::string_view attribute) const {
    for (const auto& given : call_.attribute()) {
      if (given.name() != attribute) continue;
      Names result(given.strings().begin(), given.strings().end());
      if (result.empty() && !given.s().empty()) result.push_back(given.s());
      return result;
    }
    return {};
  }

  /// Copies the nodes that y needs and that depend on the inputs; everything else becomes an input too.
  std::vector<const onnx::NodeProto*> forward(const std::vector<const onnx::NodeProto*>& nodes, const Names& inputs, const Name& y) {
    std::unordered_set<std::string_view> dependent(inputs.begin(), inputs.end());
    const std::unordered_set<std::string_view> given = dependent;
    std::vector<const onnx::NodeProto*> after;
    for (const onnx::NodeProto* node : nodes) {
      if (node->op_type() == "Gradient") continue;
      bool depends = false;
      for (const auto& input : node->input()) depends = depends || dependent.contains(input);
      if (!depends) continue;
      after.push_back(node);
      for (const auto& output : node->output()) dependent.insert(output);
    }
    std::unordered_set<std::string_view> needed{y};
    std::vector<const onnx::NodeProto*> path;
    for (auto at = after.rbegin(); at != after.rend(); ++at) {
      bool wanted = false;
      for (const auto& output : (*at)->output()) wanted = wanted || (needed.contains(output) && !given.contains(output));
      if (!wanted) continue;
      path.insert(path.begin(), *at);
      needed.insert((*at)->input().begin(), (*at)->input().end());
    }
    std::unordered_set<std::string_view> known = given;
    for (const onnx::NodeProto* node : path) {
      for (const auto& input : node->input()) {
        if (input.empty() || !known.insert(input).second) continue;
        proto().add_input(input);
        call_.add_input(input);
      }
      for (const auto& output : node->output()) known.insert(output);
      *proto().add_node() = *node;
    }
    if (!known.contains(y)) fail(ErrorCode::invalid_graph, "'", y, "' does not depend on its inputs");
    varying_ = std::move(dependent);
    return path;
  }

  void differentiate(const std::vector<const onnx::NodeProto*>& path, const Name& y) {
    gradients_[y] = filled(1, y);
    for (auto at = path.rbegin(); at != path.rend(); ++at) {
      const auto found = gradients_.find((*at)->output(0));
      if (found == gradients_.end() || found->second.empty()) continue;
      const Name gradient = found->second;
      derive(**at, gradient);
    }
  }

  [[nodiscard]] Name filled(float value, const Name& like) { return node("Expand", {scalar(value, like), node("Shape", {like})}); }
  /// Adds `gradient` to that of input `i`, summed over what was broadcast.
  void add(const onnx::NodeProto& of, int i, const auto& gradient) {
    const Name& input = of.input(i);
    if (varying_.contains(input)) gradients_[input] = sum(gradients_[input], gradient());
  }
  void add_summed(const onnx::NodeProto& of, int i, const auto& gradient) {
    add(of, i, [&] { return summed(gradient(), of.input(i)); });
  }
  /// `gradient` summed over the dimensions in which `like` is smaller.
  Name summed(const Name& gradient, const Name& like) {
    const Name shape = node("Shape", {like});
    const Name more = node("Sub", {node("Size", {node("Shape", {gradient})}), node("Size", {shape})});
    const Name ones = node("Expand", {list({1}), node("Unsqueeze", {more, list({0})})});
    const Name padded = node("Concat", {ones, shape}, {{"axis", 0}});
    const Name axes = node("Squeeze", {node("NonZero", {node("Equal", {padded, list({1})})}), list({0})});
    const Name total = node("ReduceSum", {gradient, axes}, {{"keepdims", 1}, {"noop_with_empty_axes", 1}});
    return node("Reshape", {total, shape});
  }

  /// The derivative of a node, from the gradient `g` of its output.
  void derive(const onnx::NodeProto& n, const Name& g) {
    const std::string& op = n.op_type();
    const Name& a = n.input_size() > 0 ? n.input(0) : g;
    const Name& b = n.input_size() > 1 ? n.input(1) : g;
    const Name& y = n.output(0);
    const auto times = [&](const Name& p, const Name& q) { return node("Mul", {p, q}); };
    const auto negated = [&](const Name& p) { return node("Neg", {p}); };
    const auto one_less = [&](const Name& p) { return node("Sub", {scalar(1, p), p}); };
    if (op == "Add" || op == "Sum") {
      for (int i = 0; i < n.input_size(); ++i) add_summed(n, i, [&] { return g; });
    } else if (op == "Sub") {
      add_summed(n, 0, [&] { return g; });
      add_summed(n, 1, [&] { return negated(g); });
    } else if (op == "Mul") {
      add_summed(n, 0, [&] { return times(g, b); });
      add_summed(n, 1, [&] { return times(g, a); });
    } else if (op == "Div") {
      add_summed(n, 0, [&] { return node("Div", {g, b}); });
      add_summed(n, 1, [&] { return negated(node("Div", {times(g, y), b})); });
    } else if (op == "Pow") {
      add_summed(n, 0, [&] { return times(times(g, node("CastLike", {b, g})), node("Pow", {a, node("Sub", {b, scalar(1, b)})})); });
      add_summed(n, 1, [&] { return times(times(g, y), node("Log", {a})); });
    } else if (op == "MatMul") {
      const auto turned = [&](const Name& p) { return node("Einsum", {p}, {{"equation", "...ij->...ji"}}); };
      add_summed(n, 0, [&] { return node("MatMul", {g, turned(b)}); });
      add_summed(n, 1, [&] { return node("MatMul", {turned(a), g}); });
    } else if (op == "Identity") {
      add(n, 0, [&] { return g; });
    } else if (op == "Neg") {
      add(n, 0, [&] { return negated(g); });
    } else if (op == "Exp") {
      add(n, 0, [&] { return times(g, y); });
    } else if (op == "Log") {
      add(n, 0, [&] { return node("Div", {g, a}); });
    } else if (op == "Sqrt") {
      add(n, 0, [&] { return node("Div", {times(g, scalar(0.5F, g)), y}); });
    } else if (op == "Reciprocal") {
      add(n, 0, [&] { return negated(times(g, times(y, y))); });
    } else if (op == "Abs") {
      add(n, 0, [&] { return times(g, node("Sign", {a})); });
    } else if (op == "Sin") {
      add(n, 0, [&] { return times(g, node("Cos", {a})); });
    } else if (op == "Cos") {
      add(n, 0, [&] { return negated(times(g, node("Sin", {a}))); });
    } else if (op == "Tanh") {
      add(n, 0, [&] { return times(g, one_less(times(y, y))); });
    } else if (op == "Sigmoid") {
      add(n, 0, [&] { return times(g, times(y, one_less(y))); });
    } else if (op == "Relu") {
      add(n, 0, [&] { return node("Where", {node("Greater", {a, scalar(0, a)}), g, scalar(0, g)}); });
    } else if (op == "Reshape" || op == "Flatten" || op == "Squeeze" || op == "Unsqueeze") {
      add(n, 0, [&] { return node("Reshape", {g, node("Shape", {a})}); });
    } else {
      fail(ErrorCode::not_implemented, "the derivative of ", op, " (node '", n.name(), "') is not known");
    }
  }

  onnx::NodeProto call_;
  std::unordered_set<std::string_view> varying_;  // of the model
  std::unordered_map<Name, Name> gradients_;
};

}  // namespace hone::inline HONE_ABI::detail
