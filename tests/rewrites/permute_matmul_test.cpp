#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include <doctest/doctest.h>

#include "support/rewriting.hpp"
#include "support/saved_model.hpp"

namespace permute_matmul_test {

using namespace hone_test;
using hone::DType;
using hone::Tensor;
using Ops = std::vector<std::string>;

struct Case {
  Dims a, b;
  std::optional<Dims> a_perm, b_perm, y_perm;
};

/// MatMul with Transposes of those that have a perm.
inline GraphBuilder graph(const Case& c, DType dtype = DType::float32) {
  GraphBuilder result;
  result.input("a", dtype, c.a).input("b", dtype, c.b);
  const auto transpose = [&](const std::optional<Dims>& perm, const std::string& from, const std::string& to) {
    if (perm) result.node(NodeBuilder("Transpose", {from}, {to}).attribute("perm", *perm));
    return perm ? to : from;
  };
  const std::string a = transpose(c.a_perm, "a", "at");
  const std::string b = transpose(c.b_perm, "b", "bt");
  result.node(NodeBuilder("MatMul", {a, b}, {c.y_perm ? "product" : "y"}));
  transpose(c.y_perm, "product", "y");
  return result.output("y");
}
inline Rewritten extended(const GraphBuilder& graph) { return rewritten(model(17, graph), hone::GraphOptimizationLevel::extended); }

/// Heads of attention: (batch, rows, heads, columns), of which the product takes (batch, heads, rows, columns).
inline Case heads() { return {{2, 5, 3, 4}, {2, 7, 3, 4}, Dims{0, 2, 1, 3}, Dims{0, 2, 3, 1}, Dims{0, 2, 1, 3}}; }

TEST_CASE("Transposes of operands and of the result become attributes") {
  const Case all = heads();
  const Case cases[] = {
      all,
      {{2, 3, 5, 4}, all.b, {}, all.b_perm, {}},
      {all.a, {2, 3, 4, 7}, all.a_perm, {}, {}},
      {{2, 3, 5, 4}, {2, 3, 4, 7}, {}, {}, all.y_perm},
      {{3, 4, 5}, {3, 4, 6}, Dims{0, 2, 1}, {}, Dims{1, 0, 2}},
      // Dimensions of one that are broadcast, and that one operand lacks.
      {all.a, {1, 7, 3, 4}, all.a_perm, all.b_perm, all.y_perm},
      {{2, 5, 3, 4}, {7, 3, 4}, Dims{0, 2, 1, 3}, Dims{1, 2, 0}, Dims{2, 0, 1, 3}},
      {{4, 6}, {3, 4, 5}, Dims{1, 0}, {}, {}},
      {{3, 5, 4}, {7, 4}, {}, Dims{1, 0}, {}},
      // Rows and columns that are few, or none.
      {{2, 2, 3, 4}, {2, 7, 3, 4}, all.a_perm, all.b_perm, all.y_perm},
      {{2, 5, 3, 4}, {2, 3, 3, 4}, all.a_perm, all.b_perm, all.y_perm},
      {{2, 40, 3, 33}, {2, 50, 3, 33}, all.a_perm, all.b_perm, all.y_perm},
      {{2, 5, 3, 4}, {2, 0, 3, 4}, all.a_perm, all.b_perm, all.y_perm},
      {{-1, -1, 3, 4}, {-1, 7, 3, 4}, all.a_perm, all.b_perm, all.y_perm},
  };
  for (const Case& c : cases) {
    CAPTURE(hone::join(c.a, ", "));
    CAPTURE(hone::join(c.b, ", "));
    const Rewritten result = extended(graph(c));
    CHECK(result.ops == Ops{"hone.PermutedMatMul"});
    CHECK(result.error < 1e-6);
  }
}

TEST_CASE("what follows joins the product") {
  const Rewritten result = extended(graph(heads()).node(NodeBuilder("Relu", {"y"}, {"z"})).output("z"));
  CHECK(result.ops == Ops{"hone.PermutedMatMul", "Relu"});  // y is an output
  GraphBuilder alone;
  alone.input("a", DType::float32, {2, 5, 3, 4})
      .input("b", DType::float32, {2, 3, 4, 7})
      .input("c", DType::float32, {5, 1, 7})
      .node(NodeBuilder("Transpose", {"a"}, {"at"}).attribute("perm", Dims{0, 2, 1, 3}))
      .node(NodeBuilder("MatMul", {"at", "b"}, {"product"}))
      .node(NodeBuilder("Transpose", {"product"}, {"rows"}).attribute("perm", Dims{0, 2, 1, 3}))
      .node(NodeBuilder("Add", {"rows", "c"}, {"sum"}))
      .node(NodeBuilder("Relu", {"sum"}, {"y"}))
      .output("y");
  const Rewritten fused = extended(alone);
  CHECK(fused.ops == Ops{"hone.FusedPermutedMatMul"});
  CHECK(fused.error < 1e-6);
}

TEST_CASE("Transposes that stay") {
  const Case all = heads();
  const Case cases[] = {
      {{4, 5, 3}, {3, 4, 6}, Dims{2, 1, 0}, {}, {}},  // the elements of neither rows nor columns would be contiguous
      {{3, 5, 4}, {3, 4, 6}, {}, {}, Dims{0, 2, 1}},  // nor would those of rows of the result
      {{5, 3, 4}, {4, 6}, Dims{1, 0, 2}, {}, {}},     // one product would become several of few rows
      {{5, 3, 4}, {4, 6}, {}, {}, Dims{1, 0, 2}},    {{4}, {3, 6, 4}, {}, Dims{0, 2, 1}, {}},  // an operand of one dimension
      {{3, 4, 5}, {4}, Dims{0, 2, 1}, {}, {}},
  };
  for (const Case& c : cases) {
    CAPTURE(hone::join(c.a, ", "));
    CAPTURE(hone::join(c.b, ", "));
    const Rewritten result = extended(graph(c));
    CHECK(!result.has_fired("permute_matmul"));
    CHECK(result.error < 1e-6);
  }
  const Rewritten shown = extended(graph({all.a, {2, 3, 4, 7}, all.a_perm, {}, {}}).output("at"));
  CHECK(!shown.has_fired("permute_matmul"));
  const Rewritten shown_result = extended(graph({{2, 3, 5, 4}, {2, 3, 4, 7}, {}, {}, all.y_perm}).output("product"));
  CHECK(!shown_result.has_fired("permute_matmul"));
}

TEST_CASE("a matrix of many rows is read by columns") {
  const Rewritten result = extended(graph({{2, 4, 64}, {4, 6}, Dims{0, 2, 1}, {}, {}}));
  CHECK(result.ops == Ops{"hone.PermutedMatMul"});
  CHECK(result.error < 1e-6);
}

TEST_CASE_TEMPLATE("every type, and a saved model, give what the Transposes gave", T, float, double, std::int32_t, std::int64_t,
                   hone::Half) {
  onnx::ModelProto proto = model(17, graph(heads(), hone::dtype_of<T>));
  const hone::Session plain(proto, {.graph_optimization_level = hone::GraphOptimizationLevel::disabled});
  const SavedModel saved(proto);
  Tensor<T> a({2, 5, 3, 4});
  Tensor<T> b({2, 7, 3, 4});
  int next = 0;
  for (T& x : a) x = static_cast<T>(static_cast<float>(next++ % 7));
  for (T& x : b) x = static_cast<T>(static_cast<float>(next++ % 5));
  const hone::Outputs expected = plain.run({{"a", a}, {"b", b}});
  CHECK(values_of<T>(saved.before.run({{"a", a}, {"b", b}})["y"]) == values_of<T>(expected["y"]));
  CHECK(saved.agrees({{"a", a}, {"b", b}}));
  bool permuted = false;
  for (const hone::NodeReport& node : saved.after.report().nodes) permuted = permuted || node.op == "hone.PermutedMatMul";
  CHECK(permuted);
}

}  // namespace permute_matmul_test
