#include <filesystem>
#include <fstream>
#include <limits>
#include <vector>

#include <doctest/doctest.h>

#include <hone/providers/cpu.hpp>
#include <hone/session/session.hpp>

#include "../../tools/temporary_folder.hpp"
#include "support/model.hpp"

namespace importer_test {

using namespace hone_test;
using hone::DType;
using hone::Session;
using hone::Tensor;

inline std::vector<float> run(const onnx::ModelProto& proto, std::initializer_list<float> values) {
  const Session session(proto);
  const Tensor<float> x({static_cast<std::int64_t>(values.size())}, values);
  return values_of<float>(session.run({{session.inputs()[0].name, x}}).begin()->second);
}

TEST_CASE("nodes in any order") {
  const auto proto = model(17, GraphBuilder()
                                   .input("x", DType::float32, {2})
                                   .node(NodeBuilder("Relu", {"b"}, {"y"}))
                                   .node(NodeBuilder("Add", {"a", "x"}, {"b"}))
                                   .node(NodeBuilder("Neg", {"x"}, {"n"}))
                                   .node(NodeBuilder("Mul", {"n", "n"}, {"a"}))
                                   .output("y"));
  CHECK(run(proto, {-3, 2}) == std::vector<float>{6, 6});
}

TEST_CASE("a cycle is an error that names a node of it") {
  const auto proto = model(17, GraphBuilder()
                                   .input("x", DType::float32, {2})
                                   .node(NodeBuilder("Add", {"x", "b"}, {"a"}))
                                   .node(NodeBuilder("Neg", {"a"}, {"b"}))
                                   .output("b"));
  CHECK(contains(error_of([&] { Session session(proto); }), "'Add_node' (Add) depends on its own output"));
}

TEST_CASE("broken graphs are errors") {
  const auto error = [](const GraphBuilder& graph) { return error_of([&] { Session session(model(17, graph)); }); };
  CHECK(contains(error(GraphBuilder().input("x", DType::float32, {2}).node(NodeBuilder("Relu", {"q"}, {"y"})).output("y")),
                 "nothing makes its input 'q'"));
  CHECK(contains(error(GraphBuilder().input("x", DType::float32, {2}).output("y")), "nothing makes the output 'y'"));
  CHECK(contains(error(GraphBuilder().input("x", DType::float32, {2}).node(NodeBuilder("Relu", {"x"}, {"x"})).output("x")),
                 "'x' is made twice"));
  CHECK(contains(error(GraphBuilder().input("x", DType::float32, {2}).node(NodeBuilder("Relu", {"x", "x"}, {"y"})).output("y")),
                 "it has 2 inputs; the operator takes 1"));
  CHECK(contains(error(GraphBuilder()
                           .input("x", DType::float32, {2})
                           .node(NodeBuilder("Relu", {"x"}, {"y"}).attribute("axis", std::int64_t{1}))
                           .output("y")),
                 "unknown attribute 'axis'"));
  CHECK(contains(
      error(GraphBuilder().input("x", DType::float32, {2}).node(NodeBuilder("Softmax", {"x"}, {"y"}).attribute("axis", 1.5f)).output("y")),
      "the attribute 'axis' is of the wrong kind"));
  CHECK(contains(error(GraphBuilder().input("x", DType::float32, {2}).node(NodeBuilder("Max", {"x", "", "x"}, {"y"})).output("y")),
                 "its input 1 is missing"));
  CHECK(contains(error(GraphBuilder().input("x", DType::float32, {2}).node(NodeBuilder("Relu", {"x"}, {"y"})).output("y", DType::int64)),
                 "has type tensor(float), but the model declares tensor(int64)"));
  CHECK(contains(error(GraphBuilder().input("x", static_cast<DType>(99), {2}).node(NodeBuilder("Relu", {"x"}, {"y"})).output("y")),
                 "element type 99 is none of ONNX's"));
  CHECK(
      contains(error(GraphBuilder().input("x", DType::float32, {2}).node(NodeBuilder("Relu", {"x"}, {"y"}, "nowhere.domain")).output("y")),
               "imports no opset of the domain 'nowhere.domain'"));
  CHECK(contains(error(GraphBuilder().input("x", DType::float32, {2}).node(NodeBuilder("Add", {"x", ""}, {"y"})).output("y")),
                 "inputs; the operator takes 2"));
}

TEST_CASE("inputs whose types do not go together are errors") {
  const auto error = [](const NodeBuilder& node) {
    auto graph = GraphBuilder().input("f", DType::float32, {2}).input("s", DType::string, {2}).input("i", DType::int64, {2});
    return error_of([&] { Session session(model(17, std::move(graph).node(node).output("y"))); });
  };
  CHECK(
      contains(error(NodeBuilder("Sub", {"f", "i"}, {"y"})), "its input 1 has type tensor(int64), but its input 0 has type tensor(float)"));
  CHECK(contains(error(NodeBuilder("Concat", {"f", "f", "s"}, {"y"}).attribute("axis", std::int64_t{0})),
                 "its input 2 has type tensor(string)"));
  CHECK(contains(error(NodeBuilder("Where", {"f", "f", "f"}, {"y"})),
                 "its input 0 has type tensor(float), which the operator does not take"));
  CHECK(contains(error(NodeBuilder("Gather", {"s", "f"}, {"y"})), "its input 1 has type tensor(float), which the operator does not take"));
  CHECK(error(NodeBuilder("Gather", {"s", "i"}, {"y"})) == "no error");
  CHECK(error(NodeBuilder("Pow", {"f", "i"}, {"y"})) == "no error");
}

TEST_CASE("what subgraphs are given and make must have the types that they say") {
  // A loop with one variable, v, that its body reads as `read` and makes by `op`.
  const auto loop = [](DType read, const std::string& op, const std::string& variable) {
    const GraphBuilder body = GraphBuilder()
                                  .input("i", DType::int64, {})
                                  .input("go", DType::boolean, {})
                                  .input("v", read, {1})
                                  .node(NodeBuilder("Identity", {"go"}, {"go_on"}))
                                  .node(NodeBuilder(op, {"v"}, {"next"}))
                                  .output("go_on")
                                  .output("next");
    return model(17, GraphBuilder()
                         .input("x", DType::float32, {1})
                         .initializer(tensor<std::int64_t>("trips", {}, {3}))
                         .node(NodeBuilder("Loop", {"trips", "", variable}, {"y"}).attribute("body", body.proto()))
                         .output("y"));
  };
  const auto error = [](const onnx::ModelProto& proto) { return error_of([&] { const Session session(proto); }); };
  CHECK(error(loop(DType::float32, "Neg", "x")) == "no error");
  CHECK(
      contains(error(loop(DType::int64, "Neg", "x")), "the input 'v' of its subgraph has type tensor(int64), but is given tensor(float)"));
  CHECK(contains(error(loop(DType::float32, "Shape", "x")), "its body reads 'v' as tensor(float), but gives tensor(int64)"));
  auto missing = loop(DType::float32, "Neg", "x");
  missing.mutable_graph()->mutable_node(0)->add_input("x");
  missing.mutable_graph()->mutable_node(0)->set_input(2, "");
  CHECK(error(missing) != "no error");

  const auto branch = [](const std::string& op) { return GraphBuilder().node(NodeBuilder(op, {"x"}, {"b"})).output("b"); };
  const auto choice = [&](const std::string& other) {
    return model(17, GraphBuilder()
                         .input("x", DType::float32, {1})
                         .input("c", DType::boolean, {})
                         .node(NodeBuilder("If", {"c"}, {"y"})
                                   .attribute("then_branch", branch("Neg").proto())
                                   .attribute("else_branch", branch(other).proto()))
                         .output("y"));
  };
  CHECK(error(choice("Abs")) == "no error");
  CHECK(contains(error(choice("Shape")), "its output 0 is tensor(float) after one branch, but tensor(int64) after the other"));
}

TEST_CASE("zero points have the type of their tensors") {
  const auto product = [](DType zero) {
    return model(17, GraphBuilder()
                         .input("a", DType::uint8, {2, 2})
                         .input("b", DType::int8, {2, 2})
                         .input("za", zero, {})
                         .node(NodeBuilder("MatMulInteger", {"a", "b", "za"}, {"y"}))
                         .output("y"));
  };
  CHECK(error_of([&] { const Session session(product(DType::uint8)); }) == "no error");
  CHECK(contains(error_of([&] { const Session session(product(DType::int8)); }),
                 "its zero point, input 2, is tensor(int8), but its input 0 is tensor(uint8)"));
}

TEST_CASE("initializers of every storage form") {
  onnx::TensorProto typed;
  typed.set_name("w");
  typed.set_data_type(1);
  typed.add_dims(2);
  typed.add_float_data(3);
  typed.add_float_data(4);
  CHECK(
      run(model(17,
                GraphBuilder().input("x", DType::float32, {2}).initializer(typed).node(NodeBuilder("Mul", {"x", "w"}, {"y"})).output("y")),
          {1, 2}) == std::vector<float>{3, 8});

  onnx::TensorProto halves;
  halves.set_name("h");
  halves.set_data_type(10);
  halves.add_dims(2);
  halves.add_int32_data(0x3c00);  // 1
  halves.add_int32_data(0xc000);  // -2
  CHECK(run(model(17, GraphBuilder()
                          .input("x", DType::float32, {2})
                          .initializer(halves)
                          .node(NodeBuilder("Cast", {"h"}, {"w"}).attribute("to", std::int64_t{1}))
                          .node(NodeBuilder("Mul", {"x", "w"}, {"y"}))
                          .output("y")),
            {1, 2}) == std::vector<float>{1, -4});

  typed.add_float_data(5);
  CHECK(contains(
      error_of([&] { Session session(model(17, GraphBuilder().initializer(typed).node(NodeBuilder("Relu", {"w"}, {"y"})).output("y"))); }),
      "the tensor 'w' needs 2 elements, but has 3"));
  auto raw = tensor<float>("w", {2}, {1, 2});
  raw.mutable_raw_data()->pop_back();
  CHECK(contains(
      error_of([&] { Session session(model(17, GraphBuilder().initializer(raw).node(NodeBuilder("Relu", {"w"}, {"y"})).output("y"))); }),
      "the tensor 'w' needs 8 bytes, but has 7"));
  raw.set_dims(0, std::int64_t{1} << 62);
  CHECK(contains(
      error_of([&] { Session session(model(17, GraphBuilder().initializer(raw).node(NodeBuilder("Relu", {"w"}, {"y"})).output("y"))); }),
      "needs too many bytes"));
  raw.set_dims(0, -1);
  CHECK(contains(
      error_of([&] { Session session(model(17, GraphBuilder().initializer(raw).node(NodeBuilder("Relu", {"w"}, {"y"})).output("y"))); }),
      "negative dimension"));
}

TEST_CASE("sparse initializers become dense") {
  auto graph = GraphBuilder().input("x", DType::float32, {4}).node(NodeBuilder("Add", {"x", "s"}, {"y"})).output("y");
  auto proto = model(17, graph);
  auto* sparse = proto.mutable_graph()->add_sparse_initializer();
  *sparse->mutable_values() = tensor<float>("s", {2}, {10, 20});
  *sparse->mutable_indices() = tensor<std::int64_t>("", {2}, {1, 3});
  sparse->add_dims(4);
  CHECK(run(proto, {1, 2, 3, 4}) == std::vector<float>{1, 12, 3, 24});
  *sparse->mutable_indices() = tensor<std::int64_t>("", {2}, {1, 4});
  CHECK(contains(error_of([&] { Session session(proto); }), "an index outside its shape"));
  sparse->add_dims(4);
  *sparse->mutable_indices() = tensor<std::int64_t>("", {2, 2}, {0, 1, std::numeric_limits<std::int64_t>::max(), 2});
  CHECK(contains(error_of([&] { Session session(proto); }), "an index outside its shape"));
}

/// A folder with a model whose weights lie in files beside it.
class ExternalModel {
 public:
  ExternalModel() : folder_(root_.path() / "model") {
    std::filesystem::create_directory(folder_);
    const float values[] = {0, 3, 4};
    std::ofstream(folder_ / "weights.bin", std::ios::binary).write(reinterpret_cast<const char*>(values), sizeof values);
    std::ofstream(root_.path() / "secret.bin", std::ios::binary).write(reinterpret_cast<const char*>(values), sizeof values);
  }

  /// The result for x = (1, 2), or the error's message.
  std::string run(const std::string& location, const std::string& offset, const std::string& length) const {
    onnx::TensorProto weights;
    weights.set_name("w");
    weights.set_data_type(1);
    weights.add_dims(2);
    weights.set_data_location(onnx::TensorProto::EXTERNAL);
    const auto add = [&](const std::string& key, const std::string& value) {
      if (value.empty()) return;
      auto* entry = weights.add_external_data();
      entry->set_key(key);
      entry->set_value(value);
    };
    add("location", location);
    add("offset", offset);
    add("length", length);
    const auto proto = model(
        17, GraphBuilder().input("x", DType::float32, {2}).initializer(weights).node(NodeBuilder("Mul", {"x", "w"}, {"y"})).output("y"));
    std::ofstream(folder_ / "model.onnx", std::ios::binary) << serialized(proto);
    std::string result;
    const std::string error = error_of([&] {
      const Session session(folder_ / "model.onnx");
      const Tensor<float> x({2}, {1, 2});
      const hone::Outputs out = session.run({{"x", x}});
      for (const float value : out["y"].view<float>()) result += hone::text(value, ' ');
    });
    return error == "no error" ? result : error;
  }

 private:
  tools::TemporaryFolder root_;
  std::filesystem::path folder_;
};

TEST_CASE("external data are mapped, and confined to the folder of the model") {
  const ExternalModel external;
  CHECK(external.run("weights.bin", "4", "8") == "3 8 ");
  CHECK(external.run("weights.bin", "4", "") == "3 8 ");
  CHECK(external.run("./weights.bin", "", "8") == "0 6 ");
  CHECK(contains(external.run("weights.bin", "8", "8"), "lies beyond the end of 'weights.bin'"));
  CHECK(contains(external.run("weights.bin", "18446744073709551615", "8"), "lies beyond the end"));
  CHECK(contains(external.run("weights.bin", "4", "4"), "needs 8 bytes, but its external data has 4"));
  CHECK(contains(external.run("weights.bin", "four", "8"), "malformed external offset"));
  CHECK(contains(external.run("missing.bin", "", ""), "does not exist"));
  CHECK(contains(external.run("../secret.bin", "", ""), "'../secret.bin' is not inside the folder of the model"));
  CHECK(contains(external.run("/etc/passwd", "", ""), "is not inside the folder of the model"));
  CHECK(contains(external.run("", "", ""), "is not inside the folder of the model"));
}

TEST_CASE("functions of the model are inlined, with attributes and their own opset") {
  onnx::ModelProto proto = model(17, GraphBuilder()
                                         .input("x", DType::float32, {2})
                                         .node(NodeBuilder("Twice", {"x"}, {"t"}, "my.domain").attribute("slope", 0.5f))
                                         .node(NodeBuilder("Twice", {"t"}, {"y"}, "my.domain").attribute("slope", 0.25f))
                                         .output("y"));
  import_domain(proto, "my.domain");
  auto* function = proto.add_functions();
  function->set_name("Twice");
  function->set_domain("my.domain");
  function->add_input("a");
  function->add_output("b");
  function->add_attribute("slope");
  import_domain(*function, "", 16);
  *function->add_node() = NodeBuilder("Add", {"a", "a"}, {"sum"}).proto();
  *function->add_node() = NodeBuilder("LeakyRelu", {"sum"}, {"b"}).reference("alpha", "slope", onnx::AttributeProto::FLOAT).proto();
  CHECK(run(proto, {3, -4}) == std::vector<float>{12, -2});

  *function->add_node() = NodeBuilder("Twice", {"b"}, {"c"}, "my.domain").proto();
  import_domain(*function, "my.domain");
  CHECK(contains(error_of([&] { Session session(proto); }), "limits.max_nesting, which is 64"));
}

TEST_CASE("subgraphs see the values around them, and may reuse names") {
  const auto branch = [](const std::string& op) {
    return GraphBuilder().node(NodeBuilder(op, {"x", "k"}, {"t"})).node(NodeBuilder("Identity", {"t"}, {"r"})).output("r").proto();
  };
  const auto proto =
      model(17, GraphBuilder()
                    .input("x", DType::float32, {2})
                    .input("c", DType::boolean, {})
                    .initializer(tensor<float>("k", {1}, {10}))
                    .node(NodeBuilder("If", {"c"}, {"y"}).attribute("then_branch", branch("Add")).attribute("else_branch", branch("Mul")))
                    .node(NodeBuilder("Neg", {"y"}, {"t"}))
                    .output("t"));
  for (const auto level : {hone::GraphOptimizationLevel::disabled, hone::GraphOptimizationLevel::all}) {
    const Session session(proto, {.graph_optimization_level = level});
    const Tensor<float> x({2}, {1, 2});
    const Tensor<bool> yes({}, {true});
    const Tensor<bool> no({}, {false});
    CHECK(values_of<float>(session.run({{"x", x}, {"c", yes}})["t"]) == std::vector<float>{-11, -12});
    CHECK(values_of<float>(session.run({{"x", x}, {"c", no}})["t"]) == std::vector<float>{-10, -20});
  }
}

TEST_CASE("constants of every attribute kind") {
  const auto constant = [](NodeBuilder&& node) {
    return Session(model(17, GraphBuilder().node(node).output("y"))).run(std::span<const hone::Feed>()).begin()->second.clone();
  };
  CHECK(values_of<float>(constant(NodeBuilder("Constant", {}, {"y"}).attribute("value_float", 2.5f))) == std::vector<float>{2.5f});
  CHECK(values_of<std::int64_t>(constant(NodeBuilder("Constant", {}, {"y"}).attribute("value_ints", Dims{4, 5}))) ==
        std::vector<std::int64_t>{4, 5});
  CHECK(constant(NodeBuilder("Constant", {}, {"y"}).attribute("value_int", std::int64_t{3})).shape().rank() == 0);
  CHECK(values_of<std::string>(constant(NodeBuilder("Constant", {}, {"y"}).attribute("value_string", std::string("hello")))) ==
        std::vector<std::string>{"hello"});
  CHECK(values_of<float>(constant(NodeBuilder("Constant", {}, {"y"}).attribute("value", tensor<float>("", {2}, {1, 2})))) ==
        std::vector<float>{1, 2});
}

TEST_CASE("of constants that make one value the last counts, wherever it is read") {
  const auto constant = [](std::int64_t value) {
    return NodeBuilder("Constant", {}, {"c"}).attribute("value", tensor<std::int64_t>("", {1}, {value}));
  };
  const auto proto = model(13, GraphBuilder()
                                   .input("x", DType::int64, {1})
                                   .node(constant(3))
                                   .node(NodeBuilder("Add", {"x", "c"}, {"y"}))
                                   .node(constant(5))
                                   .output("y"));
  const hone::Session session(proto);
  const hone::Tensor<std::int64_t> x({1}, {10});
  CHECK(values_of<std::int64_t>(session.run({{"x", x}})["y"]) == std::vector<std::int64_t>{15});
  // Other nodes are not forgiven.
  const auto twice = model(13, GraphBuilder()
                                   .input("x", DType::int64, {1})
                                   .node(constant(3))
                                   .node(NodeBuilder("Add", {"x", "x"}, {"c"}))
                                   .node(NodeBuilder("Add", {"x", "c"}, {"y"}))
                                   .output("y"));
  CHECK(contains(error_of([&] { const hone::Session refused(twice); }), "the value 'c' is made twice"));
}

TEST_CASE("newer opsets and IR versions load when every node resolves") {
  const auto proto = model(99, GraphBuilder().input("x", DType::float32, {1}).node(NodeBuilder("Relu", {"x"}, {"y"})).output("y"), 42);
  CHECK(run(proto, {-5}) == std::vector<float>{0});
}

TEST_CASE("attributes of old opsets are inputs of the newest form") {
  CHECK(
      run(model(
              9,
              GraphBuilder()
                  .input("x", DType::float32, {4})
                  .node(
                      NodeBuilder("Slice", {"x"}, {"y"}).attribute("starts", Dims{1}).attribute("ends", Dims{3}).attribute("axes", Dims{0}))
                  .output("y")),
          {1, 2, 3, 4}) == std::vector<float>{2, 3});
  CHECK(run(model(6, GraphBuilder()
                         .input("x", DType::float32, {3})
                         .node(NodeBuilder("Clip", {"x"}, {"y"}).attribute("min", 0.0f).attribute("max", 2.0f))
                         .output("y")),
            {-1, 1, 3}) == std::vector<float>{0, 1, 2});
  CHECK(run(model(11, GraphBuilder()
                          .input("x", DType::float32, {2})
                          .node(NodeBuilder("Unsqueeze", {"x"}, {"u"}).attribute("axes", Dims{0}))
                          .node(NodeBuilder("ReduceSum", {"u"}, {"y"}).attribute("axes", Dims{1}).attribute("keepdims", std::int64_t{0}))
                          .output("y")),
            {3, 4}) == std::vector<float>{7});
}

TEST_CASE("omitted optional inputs are empty names") {
  const auto proto = model(13, GraphBuilder()
                                   .input("x", DType::float32, {3})
                                   .initializer(tensor<float>("hi", {}, {1}))
                                   .node(NodeBuilder("Clip", {"x", "", "hi"}, {"y"}))
                                   .output("y"));
  CHECK(run(proto, {-7, 0.5f, 3}) == std::vector<float>{-7, 0.5f, 1});
}

}  // namespace importer_test
