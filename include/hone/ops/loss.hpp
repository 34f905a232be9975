#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>

namespace hone::inline HONE_ABI::ops {

/// What the losses share: how the losses of all positions become one result, and the class that does not count.
/// Shapes: x (N, C, *), target (N, *), weight (C) -> loss (N, *) when the reduction is none, else ().
struct ClassLoss {
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 3};
  static constexpr InputTypes input_types[] = {{inputs(1), DTypeSet{DType::int32, DType::int64}}};
  enum class Reduction : std::uint8_t { none, sum, mean };

  Reduction reduction = Reduction::mean;
  std::optional<std::int64_t> ignore_index;

  void attributes(auto& a) {
    std::string text;
    a("reduction", text, "mean");
    a("ignore_index", ignore_index);
    if (text != "none" && text != "sum" && text != "mean") fail(ErrorCode::invalid_graph, "unknown reduction '", text, "'");
    reduction = text == "none" ? Reduction::none : text == "sum" ? Reduction::sum : Reduction::mean;
  }
  void shapes(const ShapeContext& c) const {
    const Shape& x = c.shape(0);
    const Shape& target = c.shape(1);
    bool fits = x.rank() >= 2 && target.rank() + 1 == x.rank();
    for (std::size_t i = 0; fits && i < target.rank(); ++i) fits = target[i] == x[i == 0 ? 0 : i + 1];
    if (!fits)
      fail(ErrorCode::invalid_argument, "the scores have shape ", x, " and the targets ", target, "; expected (N, C, *) and (N, *)");
    if (c.has_input(2) && !(c.shape(2) == Shape{x[1]})) {
      fail(ErrorCode::invalid_argument, "the weights have shape ", c.shape(2), "; there are ", x[1], " classes");
    }
    c.output(0, reduction == Reduction::none ? target : Shape{});
    c.output(1, x);
  }
};

/// loss[n, d] = -weight[t] x[n, t, d] with t = target[n, d]; the mean divides by the sum of the weights.
/// Source: ONNX NegativeLogLikelihoodLoss, opsets 12 to 22.
struct NegativeLogLikelihoodLoss : ClassLoss {
  static constexpr std::string_view name = "NegativeLogLikelihoodLoss";
};

/// The negative log-likelihood of log_softmax(x), which is the second output. Source: ONNX SoftmaxCrossEntropyLoss, opsets 12 to 13.
struct SoftmaxCrossEntropyLoss : ClassLoss {
  static constexpr std::string_view name = "SoftmaxCrossEntropyLoss";
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 3, .max_outputs = 2};
};

}  // namespace hone::inline HONE_ABI::ops
