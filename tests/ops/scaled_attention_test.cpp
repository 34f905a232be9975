#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <hone/ops/scaled_attention.hpp>
#include <hone/providers/cpu.hpp>
#include <hone/session/session.hpp>

#include "support/model.hpp"

// Models from files may hold what rewrites never write.
namespace scaled_attention_test {

using namespace hone_test;
using hone::DType;
using hone::Session;
using hone::Tensor;

inline onnx::ModelProto attention(const std::string& attribute, const Dims& perm) {
  NodeBuilder node("ScaledAttention", {"q", "k", "v"}, {"y"}, "hone");
  if (!attribute.empty()) node = std::move(node).attribute(attribute, perm);
  onnx::ModelProto proto = model(17, GraphBuilder()
                                         .input("q", DType::float32, {2, 2, 2})
                                         .input("k", DType::float32, {2, 2, 2})
                                         .input("v", DType::float32, {2, 2, 2})
                                         .node(node)
                                         .output("y"));
  import_domain(proto, "hone");
  return proto;
}

/// What is wrong with the model, or "no error".
inline std::string problem(const std::string& attribute, const Dims& perm) {
  return error_of([&] {
    const Session session(attention(attribute, perm));
    const Tensor<float> x({2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
    (void)session.run({{"q", x}, {"k", x}, {"v", x}});
  });
}

TEST_CASE("orders of dimensions that are none") {
  CHECK(problem("", {}) == "no error");
  CHECK(problem("y_perm", {1, 0, 2}) == "no error");
  CHECK(problem("k_perm", {2, 0, 1}) == "no error");
  for (const std::string attribute : {"q_perm", "k_perm", "v_perm", "y_perm"}) {
    CAPTURE(attribute);
    CHECK(contains(problem(attribute, {0, 1, -1}), "'" + attribute + "' is (0, 1, -1), no order of dimensions"));
    for (const Dims& perm : {Dims{0, 1, 4}, Dims{0, 0, 2}, Dims(13, 0)})
      CHECK(contains(problem(attribute, perm), "no order of dimensions"));
    CHECK(contains(problem(attribute, {0, 1, 2, 3}), "a perm of 4 axes for"));
  }
  // One dimension may be left out, of which a part is read.
  CHECK(contains(problem("k_perm", {0, 1, 3}), "a perm of (0, 1, 3) for the shape (2, 2, 2)"));
  CHECK(contains(problem("y_perm", {0, 2, 1}), "'y_perm' moves the last dimension"));
}

/// q, k and v side by side in one tensor (2, 3, 2): attention over each of the sequences of 2 values, in the parts that are given.
inline hone::Outputs in_parts(const std::vector<std::pair<std::string, std::int64_t>>& parts, const Dims& perm = {0, 2}) {
  NodeBuilder node("ScaledAttention", {"x", "x", "x"}, {"y"}, "hone");
  for (const char* attribute : {"q_perm", "k_perm", "v_perm"}) node = std::move(node).attribute(attribute, perm);
  for (const auto& [attribute, part] : parts) node = std::move(node).attribute(attribute, part);
  onnx::ModelProto proto = model(17, GraphBuilder().input("x", DType::float32, {-1, -1, -1}).node(node).output("y"));
  import_domain(proto, "hone");
  const Session session(proto);
  // The scores of a query of zeros are equal: the result is the mean of the values.
  const Tensor<float> x({2, 3, 2}, {0, 0, 1, 2, 10, 20, 0, 0, 3, 4, 30, 40});
  return session.run({{"x", x}});
}

TEST_CASE("q, k and v are the parts of one tensor that q_part, k_part and v_part name") {
  const auto result = [](std::int64_t q, std::int64_t k, std::int64_t v) {
    return values_of<float>(in_parts({{"q_part", q}, {"k_part", k}, {"v_part", v}})["y"]);
  };
  CHECK(result(0, 1, 2) == std::vector<float>{20, 30, 20, 30});
  CHECK(result(0, 2, 1) == std::vector<float>{2, 3, 2, 3});
  CHECK(result(1, 0, 2) == std::vector<float>{20, 30, 20, 30});
  // Queries and keys that are large prefer the largest score: that of the second key.
  CHECK(result(2, 2, 1) == std::vector<float>{3, 4, 3, 4});
  CHECK(values_of<float>(in_parts({})["y"]) == std::vector<float>{0, 0, 0, 0});
}

TEST_CASE("parts that are not there") {
  for (const std::string attribute : {"q_part", "k_part", "v_part"}) {
    CAPTURE(attribute);
    for (const std::int64_t part : {std::int64_t{-1}, std::int64_t{3}, std::numeric_limits<std::int64_t>::max()})
      CHECK(contains(error_of([&] {
                       (void)in_parts({{attribute, part}});
                     }),
                     hone::text("part ", part, " of axis 1 of the shape (2, 3, 2)")));
    // Of a tensor without one more dimension than its order names there are no parts.
    CHECK(error_of([&] { (void)in_parts({{attribute, 7}}, {0, 1, 2}); }) == "no error");
  }
}

TEST_CASE("sizes of what has no elements may be larger than memory") {
  auto proto = attention("", {});
  auto set = [&](int input, const Dims& dims) {
    proto.mutable_graph()->mutable_input(input)->clear_type();
    set_type(*proto.mutable_graph()->mutable_input(input), proto.graph().input(input).name(), DType::float32, dims);
  };
  const std::int64_t huge = std::int64_t{1} << 60;
  set(0, {0, 2, 0});
  set(1, {0, huge, 0});
  set(2, {0, huge, 1});
  const Session session(proto);
  const Tensor<float> q({0, 2, 0}, {});
  const Tensor<float> k({0, huge, 0}, {});
  const Tensor<float> v({0, huge, 1}, {});
  CHECK(session.run({{"q", q}, {"k", k}, {"v", v}})["y"].shape() == hone::Shape{0, 2, 1});
}

}  // namespace scaled_attention_test
