#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include <hone/config.hpp>
#include <hone/graph/graph.hpp>
#include <hone/graph/operator.hpp>

namespace hone::inline HONE_ABI::ops {

/// Errors: invalid_graph when what a body makes cannot be what it reads the next time.
inline void check_variable(const Graph& body, std::size_t input, std::size_t output) {
  const Type& read = body[body.inputs[input]].type;
  const Type& made = body[body.outputs[output]].type;
  if (read.is_known() && made.is_known() && !read.accepts(made)) {
    fail(ErrorCode::invalid_graph, "its body reads '", body[body.inputs[input]].name, "' as ", read, ", but gives ", made);
  }
}

/// Runs `body` while its condition holds, at most `trip count` times.
/// Inputs: trip count (), condition (), each optional, then the variables. body: iteration (), condition (), variables -> condition,
/// variables, rows. Outputs: the last variables, then the rows of all iterations, stacked along a new first axis.
/// Source: ONNX Loop, opsets 1 to 25.
struct Loop {
  static constexpr std::string_view name = "Loop";
  static constexpr Arity arity{.min_inputs = 0, .max_inputs = Arity::any, .min_outputs = 0, .max_outputs = Arity::any};
  static constexpr InputTypes input_types[] = {{inputs(0), DTypeSet{DType::int64}}, {inputs(1), DTypeSet{DType::boolean}}, {all_inputs}};
  static constexpr OpTraits traits{.data_dependent = true};

  static Type subgraph_input(std::span<const Type> inputs, std::size_t i, std::size_t) {
    return i == 0 ? DType::int64 : i == 1 ? DType::boolean : i < inputs.size() ? inputs[i] : Type();
  }

  void types(const TypeContext& c) const {
    if (c.subgraphs().size() != 1) fail(ErrorCode::invalid_graph, "it needs the attribute 'body'");
    const Graph& body = *c.subgraphs()[0];
    const std::size_t variables = c.input_count() < 2 ? 0 : c.input_count() - 2;
    if (body.inputs.size() != variables + 2 || body.outputs.size() != c.output_count() + 1 || c.output_count() < variables) {
      fail(ErrorCode::invalid_graph, "it has ", variables, " variables and ", c.output_count(), " outputs, but its body has ",
           body.inputs.size(), " inputs and ", body.outputs.size(), " outputs");
    }
    for (std::size_t i = 0; i < variables; ++i) {
      if (!c.input(i + 2).is_known()) fail(ErrorCode::invalid_graph, "its variable ", i, " is missing");
      check_variable(body, i + 2, i + 1);
    }
    for (std::size_t i = 0; i < c.output_count(); ++i) {
      const Type& type = body[body.outputs[i + 1]].type;
      if (i >= variables && !type.is_tensor()) fail(ErrorCode::invalid_graph, "rows of ", type, " cannot be stacked");
      c.output(i, type);
    }
  }
};

/// Runs `body` once for each index of the scanned axes of its inputs.
/// Inputs: states, then the tensors to scan. body: states, slices -> states, rows. Outputs: the last states, then the rows, stacked along
/// a new axis. Before opset 9 all of them have a leading batch dimension, and an optional first input with lengths comes before the others.
/// Source: ONNX Scan, opsets 8 to 25.
struct Scan {
  static constexpr std::string_view name = "Scan";
  static constexpr Arity arity{.min_inputs = 0, .max_inputs = Arity::any, .max_outputs = Arity::any};
  static constexpr InputTypes input_types[] = {{all_inputs}};
  static constexpr OpTraits traits{.data_dependent = true};

  std::int64_t num_scan_inputs = 0;
  bool batched = false;
  std::vector<std::int64_t> input_axes;
  std::vector<std::int64_t> input_directions;
  std::vector<std::int64_t> output_axes;
  std::vector<std::int64_t> output_directions;

  void attributes(auto& a) {
    using Ints = std::vector<std::int64_t>;
    a.required("num_scan_inputs", num_scan_inputs);
    if (num_scan_inputs < 1) fail(ErrorCode::invalid_graph, "num_scan_inputs is ", num_scan_inputs, "; it must be at least 1");
    batched = a.opset() < 9;
    if (batched) {
      a("directions", input_directions, Ints{});
      return;
    }
    a("scan_input_axes", input_axes, Ints{});
    a("scan_input_directions", input_directions, Ints{});
    a("scan_output_axes", output_axes, Ints{});
    a("scan_output_directions", output_directions, Ints{});
  }

  static Type subgraph_input(std::span<const Type> inputs, std::size_t i, std::size_t count) {
    return count <= inputs.size() ? inputs[inputs.size() - count + i] : Type();
  }
  /// Inputs before the states.
  [[nodiscard]] std::size_t first_state() const noexcept { return batched ? 1 : 0; }
  [[nodiscard]] std::size_t scans() const noexcept { return static_cast<std::size_t>(num_scan_inputs); }

  void types(const TypeContext& c) const {
    if (c.subgraphs().size() != 1) fail(ErrorCode::invalid_graph, "it needs the attribute 'body'");
    const Graph& body = *c.subgraphs()[0];
    const std::size_t inputs = c.input_count() - std::min(c.input_count(), first_state());
    if (inputs < scans() || body.inputs.size() != inputs || body.outputs.size() != c.output_count() ||
        c.output_count() < inputs - scans()) {
      fail(ErrorCode::invalid_graph, "it has ", inputs, " states and scanned inputs and ", c.output_count(), " outputs, but its body has ",
           body.inputs.size(), " inputs and ", body.outputs.size(), " outputs");
    }
    for (std::size_t i = first_state(); i < c.input_count(); ++i)
      if (!c.input(i).is_known()) fail(ErrorCode::invalid_graph, "its input ", i, " is missing");
    for (std::size_t i = 0; i < inputs - scans(); ++i) check_variable(body, i, i);
    const std::size_t rows = c.output_count() - (inputs - scans());
    const auto check = [](const std::vector<std::int64_t>& list, std::size_t wanted, std::string_view what) {
      if (!list.empty() && list.size() != wanted) fail(ErrorCode::invalid_graph, what, " has ", list.size(), " values, not ", wanted);
    };
    check(input_axes, scans(), "scan_input_axes");
    check(input_directions, scans(), "scan_input_directions");
    check(output_axes, rows, "scan_output_axes");
    check(output_directions, rows, "scan_output_directions");
    for (const std::vector<std::int64_t>* directions : {&input_directions, &output_directions})
      for (const std::int64_t direction : *directions)
        if (direction != 0 && direction != 1) fail(ErrorCode::invalid_graph, "the direction ", direction, " is neither 0 nor 1");
    for (std::size_t i = 0; i < c.output_count(); ++i) {
      const Type& type = body[body.outputs[i]].type;
      if (!type.is_tensor()) fail(ErrorCode::invalid_graph, "its body gives a ", type, ", not a tensor");
      c.output(i, type);
    }
  }
};

}  // namespace hone::inline HONE_ABI::ops
