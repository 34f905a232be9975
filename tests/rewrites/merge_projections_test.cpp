#include <cmath>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/rewriting.hpp"

namespace merge_projections_test {

using namespace hone_test;
using hone::DType;

std::string names_of(const Rewritten& result) {
  std::string names;
  for (const std::string& op : result.ops) names += (names.empty() ? "" : " ") + op;
  return names;
}

onnx::TensorProto wave(const std::string& name, const Dims& dims, float phase) {
  onnx::TensorProto proto = tensor<float>(name, dims, {});
  std::int64_t count = 1;
  for (const std::int64_t dim : dims) count *= dim;
  for (std::int64_t i = 0; i < count; ++i) proto.add_float_data(std::sin(phase + static_cast<float>(i)));
  proto.clear_raw_data();
  return proto;
}

/// x (2, 5, 6), heads 2 of size 3.
GraphBuilder start() {
  return GraphBuilder()
      .input("x", DType::float32, {-1, 5, 6})
      .input("other", DType::float32, {-1, 5, 6})
      .initializer(tensor<std::int64_t>("heads", {4}, {0, 5, 2, 3}))
      .initializer(tensor<float>("scale", {}, {0.5F}))
      .initializer(wave("bq", {6}, 1))
      .initializer(wave("bv", {6}, 2))
      .initializer(wave("wq", {6, 6}, 3))
      .initializer(wave("wk", {6, 6}, 4))
      .initializer(wave("wv", {6, 6}, 5));
}
NodeBuilder transpose(const std::string& x, const std::string& y, const Dims& perm) {
  return NodeBuilder("Transpose", {x}, {y}).attribute("perm", perm);
}
/// The attention of "q", "k" and "v", each (2, 5, 6).
GraphBuilder attention(GraphBuilder graph) {
  return std::move(graph)
      .node(NodeBuilder("Reshape", {"q", "heads"}, {"q4"}))
      .node(NodeBuilder("Reshape", {"k", "heads"}, {"k4"}))
      .node(NodeBuilder("Reshape", {"v", "heads"}, {"v4"}))
      .node(transpose("q4", "qh", {0, 2, 1, 3}))
      .node(transpose("k4", "kt", {0, 2, 3, 1}))
      .node(transpose("v4", "vh", {0, 2, 1, 3}))
      .node(NodeBuilder("MatMul", {"qh", "kt"}, {"qk"}))
      .node(NodeBuilder("Mul", {"qk", "scale"}, {"scores"}))
      .node(NodeBuilder("Softmax", {"scores"}, {"w"}).attribute("axis", std::int64_t{-1}))
      .node(NodeBuilder("MatMul", {"w", "vh"}, {"yh"}))
      .node(transpose("yh", "y", {0, 2, 1, 3}))
      .output("y");
}
NodeBuilder product(const std::string& x, const std::string& w, const std::string& y) { return NodeBuilder("MatMul", {x, w}, {y}); }

TEST_CASE("three projections become one product that the attention reads in parts") {
  const Rewritten result = rewritten(model(17, attention(start()
                                                             .node(product("x", "wq", "q0"))
                                                             .node(NodeBuilder("Add", {"q0", "bq"}, {"q"}))
                                                             .node(product("x", "wk", "k"))
                                                             .node(product("x", "wv", "v0"))
                                                             .node(NodeBuilder("Add", {"bv", "v0"}, {"v"})))));
  CHECK(names_of(result) == "hone.FusedMatMul Reshape hone.ScaledAttention");
  CHECK(result.has_fired("merge_projections"));
  CHECK(result.error < 1e-5);
}

TEST_CASE("keys and values of another sequence become one product") {
  const Rewritten result = rewritten(
      model(17, attention(start().node(product("x", "wq", "q")).node(product("other", "wk", "k")).node(product("other", "wv", "v")))));
  CHECK(names_of(result) == "MatMul Reshape MatMul Reshape hone.ScaledAttention");
  CHECK(result.error < 1e-5);
}

TEST_CASE("Gemm with transposed weights") {
  const auto gemm = [](const std::string& w, const std::string& b, const std::string& y) {
    return NodeBuilder("Gemm", {"rows", w, b}, {y}).attribute("transB", std::int64_t{1});
  };
  const Rewritten result = rewritten(model(17, attention(start()
                                                             .initializer(tensor<std::int64_t>("flat", {2}, {-1, 6}))
                                                             .initializer(tensor<std::int64_t>("back", {3}, {-1, 5, 6}))
                                                             .node(NodeBuilder("Reshape", {"x", "flat"}, {"rows"}))
                                                             .node(gemm("wq", "bq", "q0"))
                                                             .node(gemm("wk", "bv", "k0"))
                                                             .node(gemm("wv", "bv", "v0"))
                                                             .node(NodeBuilder("Reshape", {"q0", "back"}, {"q"}))
                                                             .node(NodeBuilder("Reshape", {"k0", "back"}, {"k"}))
                                                             .node(NodeBuilder("Reshape", {"v0", "back"}, {"v"})))));
  CHECK(result.has_fired("merge_projections"));
  CHECK(result.error < 1e-5);
}

TEST_CASE("projections that something else reads, or whose weights it reads, stay") {
  const auto projected = [] { return start().node(product("x", "wq", "q")).node(product("x", "wk", "k")).node(product("x", "wv", "v")); };
  const Rewritten shown = rewritten(model(17, attention(projected()).output("k").output("v")));
  CHECK(!shown.has_fired("merge_projections"));
  CHECK(shown.error < 1e-5);
  const Rewritten shared = rewritten(
      model(17, attention(projected()).node(product("other", "wk", "z")).node(product("other", "wv", "u")).output("z").output("u")));
  CHECK(!shared.has_fired("merge_projections"));
  CHECK(shared.error < 1e-5);
}

TEST_CASE("parts of one product are read where they lie") {
  const auto packed = [] { return start().initializer(wave("wqkv", {6, 18}, 1)).node(product("x", "wqkv", "qkv")); };
  const Rewritten last =
      rewritten(model(17, attention(packed().node(NodeBuilder("Split", {"qkv"}, {"q", "k", "v"}).attribute("axis", std::int64_t{2})))));
  CHECK(names_of(last) == "MatMul Reshape hone.ScaledAttention");
  CHECK(last.error < 1e-5);

  GraphBuilder unbind = packed()
                            .initializer(tensor<std::int64_t>("five", {5}, {0, 5, 3, 2, 3}))
                            .initializer(tensor<std::int64_t>("0", {}, {0}))
                            .initializer(tensor<std::int64_t>("1", {}, {1}))
                            .initializer(tensor<std::int64_t>("2", {}, {2}))
                            .node(NodeBuilder("Reshape", {"qkv", "five"}, {"r"}))
                            .node(transpose("r", "t", {2, 0, 3, 1, 4}));
  for (const auto& [index, name] : {std::pair("0", "qh"), {"1", "kh"}, {"2", "vh"}})
    unbind = std::move(unbind).node(NodeBuilder("Gather", {"t", index}, {name}).attribute("axis", std::int64_t{0}));
  const Rewritten gathered = rewritten(model(17, std::move(unbind)
                                                     .node(NodeBuilder("Mul", {"qh", "scale"}, {"qs"}))
                                                     .node(transpose("kh", "kt", {0, 1, 3, 2}))
                                                     .node(NodeBuilder("MatMul", {"qs", "kt"}, {"scores"}))
                                                     .node(NodeBuilder("Softmax", {"scores"}, {"w2"}).attribute("axis", std::int64_t{-1}))
                                                     .node(NodeBuilder("MatMul", {"w2", "vh"}, {"yh"}))
                                                     .node(transpose("yh", "y", {0, 2, 1, 3}))
                                                     .output("y")));
  CHECK(names_of(gathered) == "MatMul Reshape hone.ScaledAttention");
  CHECK(gathered.error < 1e-5);
}

}  // namespace merge_projections_test
