#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>

namespace hone::inline HONE_ABI::ops {

/// Einstein summation: the products of elements whose indices agree by label, summed over the labels that the output does not have.
/// "bij,bjk->bik" is a batch of matrix products. An ellipsis stands for any number of leading labels, the last ones aligned.
/// Source: ONNX Einsum, opsets 12 to 28.
struct Einsum {
  static constexpr std::string_view name = "Einsum";
  static constexpr Arity arity{.max_inputs = 16};
  static constexpr OpTraits traits{.integers = StandIn::wider_integers};
  /// Labels are numbers: 0 to 51 for letters, then those of ellipses.
  static constexpr std::size_t max_labels = 52 + Shape::max_rank;
  static constexpr std::int64_t ellipsis = -1;

  /// Labels by term, with `ellipsis` where one stands.
  std::vector<std::vector<std::int64_t>> inputs;
  std::vector<std::int64_t> output;

  void attributes(auto& a) {
    std::string equation;
    a.required("equation", equation);
    std::erase(equation, ' ');
    std::string_view rest = equation;
    const std::size_t arrow = rest.find("->");
    std::string_view left = rest.substr(0, arrow);
    for (;;) {
      const std::size_t comma = left.find(',');
      inputs.push_back(term(left.substr(0, comma), equation));
      if (comma == std::string_view::npos) break;
      left.remove_prefix(comma + 1);
    }
    if (arrow != std::string_view::npos) {
      output = term(rest.substr(arrow + 2), equation);
    } else {
      output = implicit_output();
    }
    for (const std::int64_t label : output) {
      const auto has = [&](const auto& input) { return std::find(input.begin(), input.end(), label) != input.end(); };
      const bool known = label == ellipsis || std::any_of(inputs.begin(), inputs.end(), has);
      if (!known || std::count(output.begin(), output.end(), label) != 1) {
        fail(ErrorCode::invalid_graph, "the equation '", equation, "' has an output that its inputs do not make");
      }
    }
  }

  /// The sizes of the labels, and how far apart, in elements, neighbours along a label are in each input and in the output.
  struct Layout {
    std::array<std::int64_t, max_labels> sizes;
    std::array<std::array<std::int64_t, max_labels>, 16> strides;
    std::array<std::int64_t, max_labels> output_strides;
    std::array<bool, max_labels> used{};
    Shape output;
  };
  /// `shape(i)` is the shape of input i. Errors: invalid_argument when it does not fit the equation.
  template <class ShapeOf>
  [[nodiscard]] Layout layout(std::size_t count, const ShapeOf& shape) const {
    if (count != inputs.size()) fail(ErrorCode::invalid_argument, "the equation has ", inputs.size(), " terms for ", count, " inputs");
    Layout layout;
    layout.sizes.fill(1);
    std::size_t extra = 0;  // dimensions of the longest ellipsis
    for (std::size_t i = 0; i < count; ++i) extra = std::max(extra, spread(inputs[i], shape(i)));
    for (std::size_t i = 0; i < count; ++i) {
      const Shape& x = shape(i);
      layout.strides[i].fill(0);
      for_dimensions(inputs[i], spread(inputs[i], x), extra, [&](std::size_t d, std::size_t label) {
        std::int64_t& size = layout.sizes[label];
        if (x[d] != 1 && size != 1 && x[d] != size) {
          fail(ErrorCode::invalid_argument, "input ", i, " of shape ", x, " has ", x[d], " elements where another has ", size);
        }
        if (x[d] != 1) {
          size = x[d];
          layout.strides[i][label] += x.stride(d);
        }
        layout.used[label] = true;
      });
    }
    for_dimensions(output, extra, extra, [&](std::size_t, std::size_t label) { layout.output.push_back(layout.sizes[label]); });
    layout.output_strides.fill(0);
    for_dimensions(output, extra, extra, [&](std::size_t d, std::size_t label) { layout.output_strides[label] = layout.output.stride(d); });
    return layout;
  }
  void shapes(const ShapeContext& c) const {
    c.output(0, layout(c.input_count(), [&](std::size_t i) -> const Shape& { return c.shape(i); }).output);
  }

 private:
  static std::vector<std::int64_t> term(std::string_view text, const std::string& equation) {
    std::vector<std::int64_t> labels;
    while (!text.empty()) {
      const char c = text.front();
      const bool dots = text.starts_with("...");
      if (dots && std::find(labels.begin(), labels.end(), ellipsis) == labels.end()) {
        labels.push_back(ellipsis);
      } else if (c >= 'a' && c <= 'z') {
        labels.push_back(26 + c - 'a');
      } else if (c >= 'A' && c <= 'Z') {
        labels.push_back(c - 'A');
      } else {
        fail(ErrorCode::invalid_graph, "the equation '", equation, "' is not one of Einsum");
      }
      text.remove_prefix(dots ? 3 : 1);
    }
    return labels;
  }
  /// The ellipsis, then the letters that occur once.
  [[nodiscard]] std::vector<std::int64_t> implicit_output() const {
    std::vector<std::int64_t> labels;
    for (std::int64_t label = ellipsis; label < 52; ++label) {
      std::ptrdiff_t times = 0;
      for (const auto& input : inputs) times += std::count(input.begin(), input.end(), label);
      if (times == 1 || (label == ellipsis && times > 0)) labels.push_back(label);
    }
    return labels;
  }
  /// Dimensions that the ellipsis of a term stands for.
  static std::size_t spread(const std::vector<std::int64_t>& labels, const Shape& shape) {
    const bool dots = std::find(labels.begin(), labels.end(), ellipsis) != labels.end();
    const std::size_t letters = labels.size() - (dots ? 1 : 0);
    if (dots ? shape.rank() < letters : shape.rank() != letters) {
      fail(ErrorCode::invalid_argument, "an input of shape ", shape, " does not have the ", letters, " dimensions of its term");
    }
    return shape.rank() - letters;
  }
  /// visit(dimension, label) for a term whose ellipsis has `spread` dimensions of `extra`.
  template <class Visit>
  static void for_dimensions(const std::vector<std::int64_t>& labels, std::size_t spread, std::size_t extra, const Visit& visit) {
    std::size_t d = 0;
    for (const std::int64_t label : labels) {
      if (label != ellipsis) {
        visit(d++, static_cast<std::size_t>(label));
        continue;
      }
      for (std::size_t k = 0; k < spread; ++k) visit(d++, 52 + extra - spread + k);
    }
  }
};

}  // namespace hone::inline HONE_ABI::ops
