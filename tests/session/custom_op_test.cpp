#include <algorithm>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <hone/providers/cpu.hpp>
#include <hone/session/session.hpp>

#include "support/model.hpp"

namespace custom_op_test {

using namespace hone_test;
using hone::DType;
using hone::Session;
using hone::SessionOptions;
using hone::Tensor;
using hone::TensorView;

inline onnx::ModelProto one_node(const NodeBuilder& node, DType dtype = DType::float32, const Dims& dims = {3}) {
  auto proto = model(17, GraphBuilder().input("x", dtype, dims).node(node).output("y"));
  import_domain(proto, "my.domain", 2);
  return proto;
}

inline NodeBuilder scale(std::initializer_list<std::string> inputs = {"x"}) { return NodeBuilder("Scale", inputs, {"y"}, "my.domain"); }

const auto multiply = [](TensorView<const float> x, float a, TensorView<float> y) {
  for (std::size_t i = 0; i < x.size(); ++i) y[i] = a * x[i];
};

inline std::vector<float> scaled(const onnx::ModelProto& proto, const SessionOptions& options) {
  const Tensor<float> x({3}, {1, 2, 3});
  return values_of<float>(Session(proto, options).run({{"x", x}})["y"]);
}

TEST_CASE("a lambda becomes an operator; its attributes come in the order of the node") {
  SessionOptions options;
  options.add_op("my.domain", "Scale", multiply);
  const auto proto = one_node(scale().attribute("whatever", 2.0f));
  CHECK(scaled(proto, options) == std::vector<float>{2, 4, 6});
  CHECK(scaled(one_node(scale().attribute("whatever", std::int64_t{3})), options) == std::vector<float>{3, 6, 9});
  const Session session(proto, options);
  CHECK(session.report().nodes[0].provider == "CustomOps");
  CHECK(session.report().nodes[0].kernel == "Scale(tensor(float))");
  CHECK(session.providers() == std::vector<std::string>{"CPUExecutionProvider"});
  CHECK(contains(error_of([&] { (void)scaled(one_node(scale()), options); }), "has 0 attributes; the custom operator takes 1"));
  CHECK(contains(error_of([&] { (void)scaled(one_node(scale().attribute("a", std::string("2"))), options); }),
                 "'Scale_node' (my.domain.Scale, opset 2): the attribute 'a' is of another kind"));
  CHECK(contains(error_of([&] { (void)scaled(proto, {}); }), "no provider knows the operator"));
}

TEST_CASE("attributes have names and defaults when they are given") {
  SessionOptions options;
  options.add_op("my.domain", "Scale",
                 [](TensorView<const float> x, const std::vector<float>& factors, const std::string& mode, std::int64_t repeat, bool negate,
                    TensorView<float> y) {
                   for (std::size_t i = 0; i < x.size(); ++i) {
                     y[i] = x[i];
                     for (std::int64_t k = 0; k < repeat; ++k) y[i] *= factors[i];
                     if (negate) y[i] = -y[i];
                     if (mode == "plus one") y[i] += 1;
                   }
                 },
                 {.attributes = {{"factors", std::vector<float>{1, 2, 3}}, {"mode", "times"}, "repeat", {"negate", 0}}});
  CHECK(scaled(one_node(scale().attribute("repeat", std::int64_t{2})), options) == std::vector<float>{1, 8, 27});
  CHECK(scaled(one_node(scale().attribute("negate", std::int64_t{1}).attribute("repeat", std::int64_t{0}).attribute("mode", "plus one")),
               options) == std::vector<float>{0, -1, -2});
  CHECK(contains(error_of([&] { (void)scaled(one_node(scale()), options); }), "the attribute 'repeat' is missing"));
  CHECK(contains(
      error_of([&] { (void)scaled(one_node(scale().attribute("repeat", std::int64_t{1}).attribute("axis", std::int64_t{1})), options); }),
      "unknown attribute 'axis'"));
  CHECK(contains(error_of([] {
                   SessionOptions wrong;
                   wrong.add_op("my.domain", "Scale", multiply, {.attributes = {"a", "b"}});
                 }),
                 "2 attribute names for 1 attribute parameters"));
}

/// A functor with state.
struct Offset {
  float by;
  void operator()(TensorView<const float> x, TensorView<float> y) const noexcept {
    for (std::size_t i = 0; i < x.size(); ++i) y[i] = x[i] + by;
  }
};

void negate(TensorView<const float> x, TensorView<float> y) {
  for (std::size_t i = 0; i < x.size(); ++i) y[i] = -x[i];
}

TEST_CASE("functors and functions are operators too") {
  SessionOptions functor;
  functor.add_op("my.domain", "Scale", Offset{10});
  CHECK(scaled(one_node(scale()), functor) == std::vector<float>{11, 12, 13});
  SessionOptions function;
  function.add_op("my.domain", "Scale", &negate);
  CHECK(scaled(one_node(scale()), function) == std::vector<float>{-1, -2, -3});
}

TEST_CASE("functions of one name are overloads, chosen by the types of the inputs") {
  SessionOptions options;
  options.add_op("my.domain", "Scale", [](TensorView<const float>, TensorView<std::int64_t> y) { std::fill(y.begin(), y.end(), 1); });
  options.add_op("my.domain", "Scale", [](TensorView<const double>, TensorView<std::int64_t> y) { std::fill(y.begin(), y.end(), 2); });
  const Tensor<float> x({3}, {1, 2, 3});
  const Tensor<double> d({3}, {1, 2, 3});
  CHECK(values_of<std::int64_t>(Session(one_node(scale()), options).run({{"x", x}})["y"])[0] == 1);
  CHECK(values_of<std::int64_t>(Session(one_node(scale(), DType::float64), options).run({{"x", d}})["y"])[0] == 2);
  CHECK(contains(error_of([&] { Session s(one_node(scale(), DType::int8), options); }),
                 "the custom operator takes (tensor(float)), (tensor(double)), not (tensor(int8))"));
}

TEST_CASE("inputs may be left out, and there may be several outputs") {
  SessionOptions options;
  options.add_op("my.domain", "Scale", [](TensorView<const float> x, std::optional<TensorView<const float>> w, TensorView<float> y) {
    for (std::size_t i = 0; i < x.size(); ++i) y[i] = w ? x[i] * (*w)[i] : x[i];
  });
  CHECK(scaled(one_node(scale()), options) == std::vector<float>{1, 2, 3});
  CHECK(scaled(one_node(scale({"x", "x"})), options) == std::vector<float>{1, 4, 9});
  CHECK(contains(error_of([&] { (void)scaled(one_node(scale({"x", "x", "x"})), options); }), "3 inputs; the operator takes 1 to 2"));

  SessionOptions two;
  two.add_op("my.domain", "Split", [](TensorView<float> sign, TensorView<const float> x, TensorView<float> magnitude) {
    for (std::size_t i = 0; i < x.size(); ++i) {
      sign[i] = x[i] < 0 ? -1.0f : 1.0f;
      magnitude[i] = x[i] < 0 ? -x[i] : x[i];
    }
  });
  auto proto = one_node(NodeBuilder("Split", {"x"}, {"s", "y"}, "my.domain"));
  CHECK(scaled(proto, two) == std::vector<float>{1, 2, 3});
  proto = one_node(NodeBuilder("Split", {"x"}, {"", "y"}, "my.domain"));
  CHECK(contains(error_of([&] { (void)scaled(proto, two); }), "leaves output 0 out, which the custom operator writes"));
}

TEST_CASE("shapes and types may be inferred by the caller's functions") {
  SessionOptions options;
  options.add_op("my.domain", "Scale",
                 [](TensorView<const float> x, TensorView<float> y) {
                   for (std::size_t i = 0; i < x.size(); ++i) y[2 * i] = y[2 * i + 1] = x[i];
                 },
                 {.shapes = [](const hone::ShapeContext& c) { c.output(0, {2 * c.shape(0)[0]}); }});
  CHECK(scaled(one_node(scale()), options) == std::vector<float>{1, 1, 2, 2, 3, 3});

  // Any types, and a shape that only the data decide.
  SessionOptions untyped;
  untyped.add_op("my.domain", "Scale",
                 [](hone::Context& c) {
                   const auto first = static_cast<std::int64_t>(c.in<float>(0)[0]);
                   const hone::TensorRef& y = c.allocate(0, DType::int64, {first + 1});
                   for (std::int64_t i = 0; i <= first; ++i) y.as<std::int64_t>()[i] = i;
                 },
                 {.types = [](const hone::TypeContext& c) { c.output(0, DType::int64); }, .traits = {.data_dependent = true}});
  const Tensor<float> x({3}, {2, 2, 3});
  CHECK(values_of<std::int64_t>(Session(one_node(scale()), untyped).run({{"x", x}})["y"]) == std::vector<std::int64_t>{0, 1, 2});

  const auto refused = [](auto f, hone::CustomOpOptions with = {}) {
    return error_of([&] { SessionOptions().add_op("my.domain", "Scale", f, std::move(with)); });
  };
  CHECK(contains(refused([](TensorView<const float>) {}), "has no output"));
  CHECK(contains(refused([](TensorView<float>) {}), "without inputs needs CustomOpOptions::shapes"));
  CHECK(contains(refused(multiply, {.traits = {.data_dependent = true}}), "calls Context::allocate"));
}

TEST_CASE("an operator works on the threads of the session") {
  SessionOptions options{.intra_op_num_threads = 2};
  options.add_op("my.domain", "Scale", [](hone::Context& c, TensorView<const float> x, TensorView<float> y) {
    c.parallel_for(static_cast<std::int64_t>(x.size()), 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) y[static_cast<std::size_t>(i)] = 2 * x[static_cast<std::size_t>(i)];
    });
  });
  CHECK(scaled(one_node(scale()), options) == std::vector<float>{2, 4, 6});
}

TEST_CASE("what an operator throws is the error of the run, with the node") {
  for (const bool own_error : {false, true}) {
    SessionOptions options;
    options.add_op("my.domain", "Scale", [=](TensorView<const float> x, TensorView<float> y) {
      if (x[0] < 0 && own_error) hone::fail(hone::ErrorCode::invalid_argument, "below zero");
      if (x[0] < 0) throw std::runtime_error("below zero");
      std::copy(x.begin(), x.end(), y.begin());
    });
    const Session session(one_node(scale()), options);
    const Tensor<float> bad({3}, {-1, 2, 3});
    const Tensor<float> good({3}, {1, 2, 3});
    CHECK(contains(error_of([&] { (void)session.run({{"x", bad}}); }), "'Scale_node' (my.domain.Scale, opset 2): below zero"));
    CHECK(values_of<float>(session.run({{"x", good}})["y"]) == std::vector<float>{1, 2, 3});
  }
}

TEST_CASE("an operator comes before that of ONNX, for the versions that it reads") {
  SessionOptions options;
  options.add_op("ai.onnx", "Neg", Offset{5}, {.since = 14});
  const auto at = [](int opset) {
    return model(opset, GraphBuilder().input("x", DType::float32, {3}).node(NodeBuilder("Neg", {"x"}, {"y"})).output("y"));
  };
  CHECK(scaled(at(17), options) == std::vector<float>{6, 7, 8});
  CHECK(scaled(at(13), options) == std::vector<float>{-1, -2, -3});
}

TEST_CASE("an operator that is not deterministic is refused when that is asked for") {
  SessionOptions options;
  options.add_op("my.domain", "Scale", Offset{1}, {.traits = {.deterministic = false}});
  CHECK(scaled(one_node(scale()), options) == std::vector<float>{2, 3, 4});
  options.use_deterministic_compute = true;
  CHECK(
      contains(error_of([&] { (void)scaled(one_node(scale()), options); }), "is not deterministic, and use_deterministic_compute is set"));
}

TEST_CASE("a constant input is folded through a custom operator") {
  SessionOptions options;
  options.add_op("my.domain", "Scale", multiply);
  auto proto = one_node(scale({"w"}).attribute("a", 3.0f));
  *proto.mutable_graph()->add_initializer() = tensor<float>("w", {3}, {1, 2, 3});
  const Session session(proto, options);
  CHECK(session.report().nodes.empty());
  CHECK(scaled(proto, options) == std::vector<float>{3, 6, 9});
}

TEST_CASE("a sequence is no tensor that is left out") {
  SessionOptions options;
  options.add_op("my.domain", "Maybe", [](TensorView<const float> x, std::optional<TensorView<const float>> y, TensorView<float> z) {
    z[0] = y ? x[0] + (*y)[0] : x[0];
  });
  auto proto = model(17, GraphBuilder()
                             .input("x", DType::float32, {1})
                             .node(NodeBuilder("SequenceConstruct", {"x"}, {"s"}))
                             .node(NodeBuilder("Maybe", {"x", "s"}, {"z"}, "my.domain"))
                             .output("z"));
  import_domain(proto, "my.domain");
  CHECK(contains(error_of([&] { const Session session(proto, options); }), "its input 1 has type seq(tensor(float))"));
}

}  // namespace custom_op_test
