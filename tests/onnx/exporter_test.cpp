#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <hone/onnx/exporter.hpp>

#include "support/saved_model.hpp"

namespace exporter_test {

using namespace hone_test;
using hone::DType;
using hone::Session;
using hone::SessionOptions;
using hone::Tensor;

inline const hone::GraphOptimizationLevel levels[] = {hone::GraphOptimizationLevel::disabled, hone::GraphOptimizationLevel::basic,
                                                      hone::GraphOptimizationLevel::all};

TEST_CASE("operators of hone stand in its domain, and load as they were") {
  const SavedModel saved(model(17, GraphBuilder()
                                       .input("x", DType::float32, {-1, 3})
                                       .input("r", DType::float32, {-1, 2})
                                       .initializer(tensor<float>("w", {3, 2}, {1, 2, 3, -4, 5, 6}))
                                       .node(NodeBuilder("Tanh", {"x"}, {"t"}))
                                       .node(NodeBuilder("Neg", {"t"}, {"n"}))
                                       .node(NodeBuilder("Gemm", {"n", "w"}, {"m"}).attribute("alpha", 0.5f))
                                       .node(NodeBuilder("Sub", {"r", "m"}, {"s"}))
                                       .node(NodeBuilder("LeakyRelu", {"s"}, {"y"}).attribute("alpha", 0.3f))
                                       .output("y", DType::float32)));
  CHECK(saved.node("Pointwise").domain() == "hone");
  const onnx::NodeProto& fused = saved.node("FusedGemm");
  CHECK(fused.domain() == "hone");
  CHECK(std::vector<std::string>(fused.input().begin() + 1, fused.input().end()) == std::vector<std::string>{"w", "", "r"});
  CHECK(fused.name() == "LeakyRelu_node");
  CHECK(saved.after.opset("hone") == 1);
  CHECK(saved.after.opset() == 17);
  const Tensor<float> x({2, 3}, {1, -2, 3, 0.5f, 0, -1});
  const Tensor<float> r({2, 2}, {1, 2, 3, 4});
  CHECK(saved.agrees({{"x", x}, {"r", r}}));
}

TEST_CASE("what an old opset has as attributes is written as attributes") {
  const SavedModel saved(model(
      9, GraphBuilder()
             .input("x", DType::float64, {1, 4})
             .node(NodeBuilder("Clip", {"x"}, {"c"}).attribute("max", 2.5f))
             .node(NodeBuilder("Unsqueeze", {"c"}, {"u"}).attribute("axes", Dims{0}))
             .node(NodeBuilder("Slice", {"u"}, {"y"}).attribute("starts", Dims{1}).attribute("ends", Dims{3}).attribute("axes", Dims{-1}))
             .output("y")));
  CHECK(saved.proto.opset_import_size() == 1);
  CHECK(saved.proto.opset_import(0).version() == 9);
  CHECK(saved.node("Clip").input_size() == 1);
  REQUIRE(attribute_of(saved.node("Clip"), "max") != nullptr);
  CHECK(attribute_of(saved.node("Clip"), "max")->f() == 2.5f);
  CHECK(attribute_of(saved.node("Clip"), "min") == nullptr);
  CHECK(saved.node("Unsqueeze").input_size() == 1);
  CHECK(saved.node("Slice").input_size() == 1);
  CHECK(saved.node("Slice").attribute_size() == 3);
  CHECK(saved.proto.graph().initializer_size() == 0);
  const Tensor<double> x({1, 4}, {1, 2, 3, 4});
  CHECK(saved.agrees({{"x", x}}));
}

/// A Softmax over the last two of three dimensions, as opset 12 has it, and a Relu, in a function of a model of opset 13.
inline onnx::ModelProto with_old_function() {
  onnx::ModelProto proto = model(13, GraphBuilder()
                                         .input("x", DType::float32, {1, 2, 2})
                                         .node(NodeBuilder("Old", {"x"}, {"s"}, "f"))
                                         .node(NodeBuilder("Softmax", {"s"}, {"y"}))
                                         .output("y"));
  import_domain(proto, "f");
  auto* function = proto.add_functions();
  function->set_name("Old");
  function->set_domain("f");
  function->add_input("a");
  function->add_output("b");
  function->add_opset_import()->set_version(12);
  *function->add_node() = NodeBuilder("Relu", {"a"}, {"r"}).proto();
  *function->add_node() = NodeBuilder("Softmax", {"r"}, {"b"}).proto();
  return proto;
}

TEST_CASE("a node that means something else by the opset of the model says its own") {
  const Tensor<float> x({1, 2, 2}, {1, -2, 3, 4});
  for (const auto level : levels) {
    const SavedModel saved(with_old_function(), {.graph_optimization_level = level});
    REQUIRE(saved.proto.graph().node_size() == 3);
    CHECK(attribute_of(saved.proto.graph().node(0), "hone_opset") == nullptr);  // Relu
    REQUIRE(attribute_of(saved.proto.graph().node(1), "hone_opset") != nullptr);
    CHECK(attribute_of(saved.proto.graph().node(1), "hone_opset")->i() == 12);
    CHECK(attribute_of(saved.proto.graph().node(2), "hone_opset") == nullptr);
    CHECK(saved.proto.opset_import_size() == 2);
    CHECK(saved.agrees({{"x", x}}));
  }
  onnx::ModelProto broken = parsed(SavedModel(with_old_function()).file());
  auto* attribute = broken.mutable_graph()->mutable_node(1)->mutable_attribute(broken.graph().node(1).attribute_size() - 1);
  attribute->set_i(std::int64_t{1} << 40);
  CHECK(contains(error_of([&] { const Session session(broken); }), "the attribute 'hone_opset' is no opset version"));
  attribute->set_type(onnx::AttributeProto::FLOAT);
  CHECK(contains(error_of([&] { const Session session(broken); }), "the attribute 'hone_opset' is no opset version"));
}

TEST_CASE("outputs that are inputs, constants, or one value twice keep their names") {
  const Tensor<float> x({2}, {1, 2});
  for (const auto level : levels) {
    const SavedModel saved(model(17, GraphBuilder()
                                         .input("x", DType::float32, {2})
                                         .initializer(tensor<float>("k", {1}, {7}))
                                         .node(NodeBuilder("Identity", {"x"}, {"same"}))
                                         .node(NodeBuilder("Neg", {"x"}, {"a"}))
                                         .node(NodeBuilder("Identity", {"a"}, {"b"}))
                                         .node(NodeBuilder("Identity", {"k"}, {"c"}))
                                         .output("same")
                                         .output("a")
                                         .output("b")
                                         .output("c")
                                         .output("k")
                                         .output("x")),
                           {.graph_optimization_level = level});
    CHECK(saved.after.outputs().size() == 6);
    CHECK(saved.agrees({{"x", x}}));
  }
}

TEST_CASE("subgraphs capture by name, and share the weights of the main graph") {
  const auto branch = [](const NodeBuilder& node) { return GraphBuilder().node(node).output("r").proto(); };
  const auto loop = [](const std::string& output) {
    return GraphBuilder()
        .input("i", DType::int64, {})
        .input("go", DType::boolean, {})
        .input("v", DType::float32, {2})
        .node(NodeBuilder("Identity", {"go"}, {"on"}))
        .node(NodeBuilder("Add", {"v", "k"}, {"t"}))
        .node(NodeBuilder("Mul", {"t", "x"}, {"next"}))
        .output("on")
        .output(output)
        .output("x")
        .proto();
  };
  const auto proto = model(17, GraphBuilder()
                                   .input("x", DType::float32, {2})
                                   .input("c", DType::boolean, {})
                                   .initializer(tensor<float>("k", {2}, {10, 20}))
                                   .initializer(tensor<std::int64_t>("three", {}, {3}))
                                   .node(NodeBuilder("If", {"c"}, {"y"})
                                             .attribute("then_branch", branch(NodeBuilder("Identity", {"x"}, {"r"})))
                                             .attribute("else_branch", branch(NodeBuilder("Identity", {"k"}, {"r"}))))
                                   .node(NodeBuilder("Loop", {"three", "", "y"}, {"z", "all"}).attribute("body", loop("next")))
                                   .node(NodeBuilder("Neg", {"y"}, {"t"}))
                                   .output("t")
                                   .output("z")
                                   .output("all"));
  const Tensor<float> x({2}, {1, 2});
  const Tensor<bool> yes({}, {true});
  const Tensor<bool> no({}, {false});
  for (const auto level : levels) {
    const SavedModel saved(proto, {.graph_optimization_level = level});
    CHECK(saved.agrees({{"x", x}, {"c", yes}}));
    CHECK(saved.agrees({{"x", x}, {"c", no}}));
    const onnx::GraphProto& body = attribute_of(saved.node("Loop"), "body")->g();
    CHECK(body.initializer_size() == 0);
    CHECK(saved.proto.graph().initializer_size() == 2);
    for (const auto& node : body.node())
      for (const auto& name : node.output()) CHECK(name != "t");  // a name of the graph around it
  }
}

TEST_CASE("types, shapes and metadata are those of the model") {
  auto proto = model(17, GraphBuilder()
                             .input("x", DType::float32, {-1, 2, -1})
                             .initializer(tensor<float>("w", {2, 1}, {2, 3}))
                             .node(NodeBuilder("Mul", {"x", "w"}, {"y"}))
                             .node(NodeBuilder("SequenceConstruct", {"x", "y"}, {"s"}))
                             .output("y", DType::float32)
                             .output("s"));
  auto* shape = proto.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape();
  shape->mutable_dim(0)->set_dim_param("batch");
  auto* sequence = proto.mutable_graph()->mutable_output(1)->mutable_type()->mutable_sequence_type();
  sequence->mutable_elem_type()->mutable_tensor_type()->set_elem_type(1);
  auto* optional = proto.mutable_graph()->add_input();
  optional->set_name("o");
  *optional->mutable_type()->mutable_optional_type()->mutable_elem_type()->mutable_sequence_type() = *sequence;
  *proto.mutable_graph()->add_node() = NodeBuilder("OptionalHasElement", {"o"}, {"has"}).proto();
  proto.mutable_graph()->add_output()->set_name("has");
  proto.set_producer_name("a tool");
  proto.set_producer_version("3.1");
  proto.set_model_version(7);
  proto.set_domain("org.example");
  proto.set_doc_string("what it does");
  proto.mutable_graph()->set_doc_string("of the graph");
  proto.mutable_graph()->set_name("network");
  auto* entry = proto.add_metadata_props();
  entry->set_key("author");
  entry->set_value("nobody");
  import_domain(proto, "ai.onnx.ml", 3);

  const SavedModel saved(proto);
  for (std::size_t i = 0; i < 2; ++i) {
    const hone::NodeArg& argument = saved.after.inputs()[i];
    CHECK(argument.name == saved.before.inputs()[i].name);
    CHECK(argument.type() == saved.before.inputs()[i].type());
    CHECK(hone::to_string(argument.shape) == hone::to_string(saved.before.inputs()[i].shape));
  }
  CHECK(saved.after.inputs()[0].shape->at(0).symbol == "batch");
  CHECK(saved.after.inputs()[1].type() == "optional(seq(tensor(float)))");
  for (std::size_t i = 0; i < 3; ++i) CHECK(saved.after.outputs()[i].type() == saved.before.outputs()[i].type());
  const hone::ModelMetadata& metadata = saved.after.model_metadata();
  CHECK(metadata.producer_name == "a tool");
  CHECK(metadata.producer_version == "3.1");
  CHECK(metadata.version == 7);
  CHECK(metadata.domain == "org.example");
  CHECK(metadata.description == "what it does");
  CHECK(metadata.graph_description == "of the graph");
  CHECK(metadata.graph_name == "network");
  CHECK(metadata.ir_version == 8);
  CHECK(metadata.custom_metadata_map.at("author") == "nobody");
  CHECK(metadata.opset_imports == saved.before.model_metadata().opset_imports);
  const Tensor<float> x({1, 2, 2}, {1, 2, 3, 4});
  const hone::Value nothing;
  CHECK(saved.agrees({{"x", x}, {"o", nothing}}));
}

TEST_CASE("constants of any element type, sparse ones as dense") {
  onnx::TensorProto nibbles;
  nibbles.set_name("n");
  nibbles.set_data_type(static_cast<int>(DType::int4));
  nibbles.add_dims(3);
  nibbles.add_int32_data(0x21);
  nibbles.add_int32_data(0x0f);
  onnx::TensorProto texts;
  texts.set_name("t");
  texts.set_data_type(static_cast<int>(DType::string));
  texts.add_dims(2);
  texts.add_string_data("one");
  texts.add_string_data("two");
  auto proto = model(21, GraphBuilder()
                             .initializer(nibbles)
                             .initializer(texts)
                             .initializer(tensor<float>("empty", {0, 2}, {}))
                             .initializer(tensor<hone::Half>("h", {1}, {hone::Half(0.5f)}))
                             .output("n")
                             .output("t")
                             .output("empty")
                             .output("h")
                             .output("s"));
  auto* sparse = proto.mutable_graph()->add_sparse_initializer();
  *sparse->mutable_values() = tensor<float>("s", {2}, {10, 20});
  *sparse->mutable_indices() = tensor<std::int64_t>("", {2}, {1, 3});
  sparse->add_dims(4);
  const SavedModel saved(proto);
  CHECK(saved.agrees({}));
  CHECK(values_of<float>(saved.after.run(std::span<const hone::Feed>())["s"]) == std::vector<float>{0, 10, 0, 20});
}

TEST_CASE("an IR version that lists initializers among the inputs becomes one that does not") {
  auto proto = model(7,
                     GraphBuilder()
                         .input("x", DType::float32, {2})
                         .input("w", DType::float32, {2})
                         .initializer(tensor<float>("w", {2}, {3, 4}))
                         .node(NodeBuilder("Mul", {"x", "w"}, {"y"}))
                         .output("y"),
                     3);
  const SavedModel saved(proto);
  CHECK(saved.after.model_metadata().ir_version == 4);
  const Tensor<float> x({2}, {1, 2});
  CHECK(saved.agrees({{"x", x}}));
  proto.clear_opset_import();
  proto.set_ir_version(2);
  CHECK(SavedModel(proto).agrees({{"x", x}}));
}

TEST_CASE("operators of the user keep their attributes in order") {
  SessionOptions options;
  hone::CustomOpOptions with;
  options.add_op("my.domain", "Blend",
                 [](hone::TensorView<const float> x, float a, float b, const std::vector<std::int64_t>& list, hone::TensorView<float> y) {
                   for (std::size_t i = 0; i < x.size(); ++i) y[i] = a * x[i] - b + static_cast<float>(list[0]);
                 });
  auto proto = model(
      17, GraphBuilder()
              .input("x", DType::float32, {2})
              .node(NodeBuilder("Blend", {"x"}, {"y"}, "my.domain").attribute("z", 2.0f).attribute("a", 3.0f).attribute("list", Dims{4}))
              .output("y"));
  import_domain(proto, "my.domain", 2);
  const SavedModel saved(proto, options);
  const Tensor<float> x({2}, {1, 2});
  CHECK(saved.agrees({{"x", x}}));
  CHECK(values_of<float>(saved.after.run({{"x", x}})["y"]) == std::vector<float>{3, 5});
}

}  // namespace exporter_test
