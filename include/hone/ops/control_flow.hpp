#pragma once

#include <cstdint>
#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/graph.hpp>
#include <hone/graph/operator.hpp>

namespace hone::inline HONE_ABI::ops {

/// The outputs of `then_branch` where `cond` holds, else those of `else_branch`. Source: ONNX If, opsets 1 to 25.
struct If {
  static constexpr std::string_view name = "If";
  static constexpr InputTypes input_types[] = {{inputs(0), DTypeSet{DType::boolean}}};
  static constexpr Arity arity{.max_outputs = Arity::any};
  static constexpr OpTraits traits{.data_dependent = true};

  void types(const TypeContext& c) const {
    if (c.subgraphs().size() != 2) fail(ErrorCode::invalid_graph, "it needs the attributes 'then_branch' and 'else_branch'");
    for (const Graph* branch : c.subgraphs()) {
      if (branch->outputs.size() != c.output_count()) {
        fail(ErrorCode::invalid_graph, "it has ", c.output_count(), " outputs, but a branch has ", branch->outputs.size());
      }
    }
    for (std::size_t i = 0; i < c.output_count(); ++i) {
      const auto type_in = [&](const Graph& branch) -> const Type& { return branch[branch.outputs[i]].type; };
      const Type& a = type_in(*c.subgraphs()[0]);
      const Type& b = type_in(*c.subgraphs()[1]);
      if (a.is_known() && b.is_known() && !a.accepts(b) && !b.accepts(a)) {
        fail(ErrorCode::invalid_graph, "its output ", i, " is ", a, " after one branch, but ", b, " after the other");
      }
      c.output(i, !a.is_known() || b.accepts(a) ? b : a);
    }
  }
};

}  // namespace hone::inline HONE_ABI::ops
