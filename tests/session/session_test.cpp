#include <atomic>
#include <filesystem>
#include <numeric>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <hone/providers/cpu.hpp>
#include <hone/session/session.hpp>

#include "support/model.hpp"
#include "support/temporary_file.hpp"

namespace session_test {

using namespace hone_test;
using hone::DType;
using hone::ErrorCode;
using hone::Session;
using hone::Tensor;

/// c = a b for a (3, 4) and b (4, 3), the first dimension of a named "rows".
inline onnx::ModelProto matmul() {
  auto proto = model(13, GraphBuilder()
                             .input("a", DType::float32, {3, 4})
                             .input("b", DType::float32, {4, 3})
                             .node(NodeBuilder("MatMul", {"a", "b"}, {"c"}))
                             .output("c", DType::float32));
  proto.set_producer_name("hone tests");
  proto.set_producer_version("1.2");
  proto.set_domain("org.example");
  proto.set_doc_string("one product");
  proto.set_model_version(7);
  auto* entry = proto.add_metadata_props();
  entry->set_key("author");
  entry->set_value("somebody");
  return proto;
}

inline Tensor<float> counted(const hone::Shape& shape, float step) {
  Tensor<float> tensor(shape);
  for (std::size_t i = 0; i < tensor.size(); ++i) tensor[i] = step * static_cast<float>(i + 1);
  return tensor;
}

const std::vector<float> product = {700, 800, 900, 1580, 1840, 2100, 2460, 2880, 3300};

inline void check_product(const Session& session) {
  const Tensor<float> a = counted({3, 4}, 1);
  const Tensor<float> b = counted({4, 3}, 10);
  const hone::Outputs out = session.run({{"a", a}, {"b", b}});
  CHECK(out["c"].shape() == hone::Shape{3, 3});
  CHECK(values_of<float>(out["c"]) == product);
}

/// y = relu(x), z = x + y with x (n, 2), n open.
inline onnx::ModelProto two_outputs() {
  auto proto = model(17, GraphBuilder()
                             .input("x", DType::float32, {-1, 2})
                             .node(NodeBuilder("Relu", {"x"}, {"y"}))
                             .node(NodeBuilder("Add", {"x", "y"}, {"z"}))
                             .output("y", DType::float32)
                             .output("z", DType::float32));
  proto.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape()->mutable_dim(0)->set_dim_param("batch");
  return proto;
}

TEST_CASE("a session is made from a path, bytes, a part of a buffer, and a parsed model") {
  const std::string bytes = serialized(matmul());
  const TemporaryFile file(bytes);
  check_product(Session(file.path()));
  check_product(Session(bytes_of(bytes)));
  const std::string padded = "####" + bytes + "##";
  check_product(Session(bytes_of(padded), 4, bytes.size()));
  check_product(Session(matmul()));
}

TEST_CASE("a session outlives the bytes it was made from") {
  auto bytes = std::make_unique<std::string>(serialized(two_outputs()));
  const Session session(bytes_of(*bytes));
  bytes.reset();
  const Tensor<float> x({1, 2}, {-1, 2});
  CHECK(values_of<float>(session.run({{"x", x}})["z"]) == std::vector<float>{-1, 4});
}

TEST_CASE("create_async gives a session, or the load error") {
  const std::string bytes = serialized(matmul());
  const TemporaryFile file(bytes);
  check_product(Session::create_async(file.path()).get());
  check_product(Session::create_async(bytes_of(bytes)).get());
  const onnx::ModelProto proto = matmul();
  check_product(Session::create_async(proto).get());
  auto missing = Session::create_async("no_such_model.onnx");
  CHECK(contains(error_of([&] { (void)missing.get(); }), "no_such_model.onnx"));
}

TEST_CASE("what a model says of itself") {
  const Session session(two_outputs());
  REQUIRE(session.inputs().size() == 1);
  CHECK(session.inputs()[0].name == "x");
  CHECK(session.inputs()[0].type() == "tensor(float)");
  CHECK(to_string(session.inputs()[0].shape) == "(batch, 2)");
  REQUIRE(session.outputs().size() == 2);
  CHECK(session.outputs()[0].name == "y");
  CHECK(session.outputs()[1].name == "z");
  CHECK(session.outputs()[1].type() == "tensor(float)");
  CHECK(session.overridable_initializers().empty());
  CHECK(session.providers() == std::vector<std::string>{"CPUExecutionProvider"});

  const hone::ModelMetadata metadata = Session(matmul()).model_metadata();
  CHECK(metadata.producer_name == "hone tests");
  CHECK(metadata.producer_version == "1.2");
  CHECK(metadata.domain == "org.example");
  CHECK(metadata.description == "one product");
  CHECK(metadata.graph_name == "test");
  CHECK(metadata.version == 7);
  CHECK(metadata.ir_version == 8);
  CHECK(metadata.opset_imports.at("") == 13);
  CHECK(metadata.custom_metadata_map.at("author") == "somebody");
}

TEST_CASE("run with output names computes just those, in that order") {
  const Session session(two_outputs());
  const Tensor<float> x({2, 2}, {-1, 2, 3, -4});
  const hone::Outputs both = session.run({"z", "y"}, {{"x", x}});
  REQUIRE(both.size() == 2);
  CHECK(both.begin()->first == "z");
  CHECK(values_of<float>(both["z"]) == std::vector<float>{-1, 4, 6, -4});
  CHECK(values_of<float>(both["y"]) == std::vector<float>{0, 2, 3, 0});
  const hone::Outputs one = session.run({"y"}, {{"x", x}});
  CHECK(one.size() == 1);
  CHECK(contains(error_of([&] { (void)one["z"]; }), "available: 'y'"));
  CHECK(contains(error_of([&] { (void)session.run({"w"}, {{"x", x}}); }), "no output 'w'; its outputs are 'y', 'z'"));
}

TEST_CASE("run writes results into the caller's tensors and values") {
  const Session session(two_outputs());
  const Tensor<float> x({2, 2}, {-1, 2, 3, -4});
  Tensor<float> y({2, 2});
  hone::Value z;
  session.run({{"x", x}}, {{"z", z}, {"y", y}});
  CHECK(values_of<float>(z) == std::vector<float>{-1, 4, 6, -4});
  CHECK(std::vector<float>(y.begin(), y.end()) == std::vector<float>{0, 2, 3, 0});
  const void* memory = z.ref().data;
  session.run({{"x", y}}, {{"z", z}});
  CHECK(z.ref().data == memory);
  CHECK(values_of<float>(z) == std::vector<float>{0, 4, 6, 0});

  Tensor<float> small({1, 2});
  Tensor<double> wrong({2, 2});
  CHECK(contains(error_of([&] {
                   session.run({{"x", x}}, {{"y", small}});
                 }),
                 "output 'y': the result is tensor(float) of shape (2, 2); the tensor for it is tensor(float) of shape (1, 2)"));
  CHECK(contains(error_of([&] { session.run({{"x", x}}, {{"y", wrong}}); }), "is tensor(double); the model gives tensor(float)"));
  CHECK(contains(error_of([&] { session.run({{"x", x}}, {{"y", y}, {"y", y}}); }), "asked for twice"));
}

TEST_CASE("shapes may change from run to run, down to zero rows") {
  const Session session(two_outputs());
  for (const std::int64_t rows : {1, 5, 0, 5, 1000, 1}) {
    const Tensor<float> x = Tensor<float>::filled({rows, 2}, 1.5f);
    const hone::Outputs out = session.run({{"x", x}});
    CHECK(out["z"].shape() == hone::Shape{rows, 2});
    for (const float value : out["z"].view<float>()) CHECK(value == 3.0f);
  }
}

TEST_CASE("a caller's memory is read in place and outputs outlive the session") {
  std::vector<float> memory = {-1, 2};
  hone::Value z;
  {
    const Session session(two_outputs());
    const auto x = Tensor<float>::over(memory.data(), {1, 2});
    z = std::move(session.run({{"x", x}})["z"]);
    memory[0] = 5;
    CHECK(values_of<float>(session.run({{"x", x}})["z"]) == std::vector<float>{10, 4});
  }
  CHECK(values_of<float>(z) == std::vector<float>{-1, 4});
}

TEST_CASE("an output may be an input, a constant, or another output") {
  const Session session(model(17, GraphBuilder()
                                      .input("x", DType::float32, {2})
                                      .initializer(tensor<float>("k", {1}, {7}))
                                      .node(NodeBuilder("Identity", {"x"}, {"same"}))
                                      .node(NodeBuilder("Neg", {"x"}, {"n"}))
                                      .node(NodeBuilder("Identity", {"n"}, {"m"}))
                                      .output("x")
                                      .output("same")
                                      .output("k")
                                      .output("n")
                                      .output("m")));
  const Tensor<float> x({2}, {1, -2});
  const hone::Outputs out = session.run({{"x", x}});
  CHECK(values_of<float>(out["x"]) == std::vector<float>{1, -2});
  CHECK(values_of<float>(out["same"]) == std::vector<float>{1, -2});
  CHECK(values_of<float>(out["k"]) == std::vector<float>{7});
  CHECK(values_of<float>(out["n"]) == std::vector<float>{-1, 2});
  CHECK(values_of<float>(out["m"]) == std::vector<float>{-1, 2});
}

TEST_CASE("an initializer that is an input too has a default and can be overridden") {
  const auto graph = [] {
    return GraphBuilder()
        .input("x", DType::float32, {2})
        .input("w", DType::float32, {2})
        .initializer(tensor<float>("w", {2}, {10, 20}))
        .node(NodeBuilder("Mul", {"x", "w"}, {"y"}))
        .output("y");
  };
  const Session session(model(17, graph()));
  CHECK(session.inputs().size() == 1);
  REQUIRE(session.overridable_initializers().size() == 1);
  CHECK(session.overridable_initializers()[0].name == "w");
  CHECK(session.overridable_initializers()[0].type() == "tensor(float)");
  const Tensor<float> x({2}, {1, 2});
  const Tensor<float> w({2}, {3, 4});
  CHECK(values_of<float>(session.run({{"x", x}})["y"]) == std::vector<float>{10, 40});
  CHECK(values_of<float>(session.run({{"x", x}, {"w", w}})["y"]) == std::vector<float>{3, 8});
  CHECK(values_of<float>(session.run({{"x", x}})["y"]) == std::vector<float>{10, 40});
  const Tensor<float> wrong({3}, {3, 4, 5});
  CHECK(contains(error_of([&] { (void)session.run({{"x", x}, {"w", wrong}}); }), "'w' has shape (3,); the model expects (2,)"));

  const Session old(model(8, graph(), 3));
  CHECK(old.inputs().size() == 1);
  CHECK(old.overridable_initializers().empty());
  CHECK(contains(error_of([&] { (void)old.run({{"x", x}, {"w", w}}); }), "no input 'w'"));
}

TEST_CASE("bad feeds are errors that say what was expected, and the session stays usable") {
  const Session session(matmul());
  const Tensor<float> a = counted({3, 4}, 1);
  const Tensor<float> b = counted({4, 3}, 10);
  const auto message = [&](std::vector<hone::Feed> feeds) { return error_of([&] { (void)session.run(feeds); }); };
  CHECK(contains(message({{"a", a}}), "'b' (tensor(float)) is not fed"));
  CHECK(contains(message({{"a", a}, {"b", b}, {"d", b}}), "no input 'd'; its inputs are 'a', 'b'"));
  CHECK(contains(message({{"a", a}, {"B", b}}), "no input 'B'"));
  CHECK(contains(message({{"a", a}, {"b", b}, {"a", a}}), "'a' is fed twice"));
  const Tensor<double> wrong_type({4, 3});
  CHECK(contains(message({{"a", a}, {"b", wrong_type}}), "'b' has type tensor(double); the model expects tensor(float)"));
  const Tensor<float> wrong_rank({12});
  CHECK(contains(message({{"a", a}, {"b", wrong_rank}}), "'b' has shape (12,); the model expects (4, 3)"));
  const Tensor<float> wrong_dim({5, 3});
  CHECK(contains(message({{"a", a}, {"b", wrong_dim}}), "'b' has shape (5, 3); the model expects (4, 3)"));
  const hone::Value sequence = hone::Value::sequence(DType::float32);
  CHECK(contains(message({{"a", a}, {"b", sequence}}), "has type seq(tensor(float)); the model expects tensor(float)"));
  const auto no_memory = Tensor<float>::over(nullptr, {4, 3});
  CHECK(contains(message({{"a", a}, {"b", no_memory}}), "has no memory"));
  alignas(8) std::byte raw[64] = {};
  const hone::TensorView<const float> misaligned(reinterpret_cast<const float*>(raw + 1), {4, 3});
  CHECK(contains(message({{"a", a}, {"b", misaligned}}), "not aligned to 4 bytes"));
  try {
    (void)session.run({{"a", a}});
  } catch (const hone::Error& error) {
    CHECK(error.code() == ErrorCode::invalid_argument);
  }
  check_product(session);
}

TEST_CASE("shapes that do not fit each other name the node, before any kernel runs") {
  const Session session(model(13, GraphBuilder()
                                      .input("a", DType::float32, {-1, -1})
                                      .input("b", DType::float32, {-1, -1})
                                      .node(NodeBuilder("MatMul", {"a", "b"}, {"c"}))
                                      .output("c")));
  const Tensor<float> a({2, 3});
  try {
    (void)session.run({{"a", a}, {"b", a}});
    FAIL("no error");
  } catch (const hone::Error& error) {
    CHECK(error.code() == ErrorCode::invalid_argument);
    CHECK(error.node() == "MatMul_node");
    CHECK(error.op() == "MatMul");
    CHECK(error.opset() == 13);
    CHECK(contains(error.what(), "(2, 3) and (2, 3): 3 columns on the left, 2 rows on the right"));
  }
  const Tensor<float> b = Tensor<float>::filled({3, 1}, 1);
  const Tensor<float> ones = Tensor<float>::filled({2, 3}, 1);
  CHECK(values_of<float>(session.run({{"a", ones}, {"b", b}})["c"]) == std::vector<float>{3, 3});
}

TEST_CASE("values that an operator does not allow name the node, and the session stays usable") {
  const Session session(model(17, GraphBuilder()
                                      .input("x", DType::float32, {3})
                                      .input("i", DType::int64, {1})
                                      .node(NodeBuilder("Gather", {"x", "i"}, {"y"}))
                                      .output("y")));
  const Tensor<float> x({3}, {1, 2, 3});
  const Tensor<std::int64_t> outside({1}, {3});
  const Tensor<std::int64_t> last({1}, {-1});
  const auto error = thrown_by([&] { (void)session.run({{"x", x}, {"i", outside}}); });
  REQUIRE(error);
  CHECK(error->code() == ErrorCode::runtime_exception);
  CHECK(error->node() == "Gather_node");
  CHECK(values_of<float>(session.run({{"x", x}, {"i", last}})["y"]) == std::vector<float>{3});
}

TEST_CASE("models that cannot be loaded say why") {
  CHECK(code_of([] { return Session("no_such_file.onnx"); }) == ErrorCode::no_such_file);
  CHECK(code_of([] { return Session(std::filesystem::temp_directory_path()); }) == ErrorCode::no_such_file);
  const TemporaryFile empty("");
  CHECK(code_of([&] { return Session(empty.path()); }) == ErrorCode::invalid_protobuf);
  CHECK(contains(error_of([&] { Session session(empty.path()); }), "'" + empty.path().string() + "'"));
  const std::string bytes = serialized(matmul());
  CHECK(code_of([&] { return Session(bytes_of("this is not an ONNX model at all")); }) == ErrorCode::invalid_protobuf);
  CHECK(code_of([&] { return Session(bytes_of(bytes), 4, bytes.size()); }) == ErrorCode::invalid_argument);
  CHECK(code_of([&] { return Session(bytes_of(bytes), bytes.size() + 1, 0); }) == ErrorCode::invalid_argument);
  CHECK(code_of([] { return Session(onnx::ModelProto()); }) == ErrorCode::invalid_graph);
  CHECK(code_of([] { return Session(matmul(), {.providers = {}}); }) == ErrorCode::invalid_argument);
  CHECK(code_of([] { return Session(matmul(), {.intra_op_num_threads = -1}); }) == ErrorCode::invalid_argument);
}

TEST_CASE("every truncation of a model is an error or a model, never a crash") {
  const std::string bytes = serialized(two_outputs());
  int errors = 0;
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    try {
      const Session session(bytes_of(bytes), 0, length);
    } catch (const hone::Error&) {
      ++errors;
    }
  }
  CHECK(errors > static_cast<int>(bytes.size()) / 2);
}

TEST_CASE("one error lists all nodes that no provider runs") {
  const auto proto = model(17, GraphBuilder()
                                   .input("x", DType::float32, {2})
                                   .node(NodeBuilder("NoSuchOperator", {"x"}, {"a"}))
                                   .node(NodeBuilder("Relu", {"a"}, {"b"}))
                                   .node(NodeBuilder("AnotherOne", {"x"}, {"c"}))
                                   .output("b")
                                   .output("c"));
  try {
    const Session session(proto);
    FAIL("no error");
  } catch (const hone::Error& error) {
    CHECK(error.code() == ErrorCode::not_implemented);
    CHECK(contains(error.what(), "2 nodes cannot run"));
    CHECK(contains(error.what(), "NoSuchOperator (opset 17) on (tensor(float) (2))"));
    CHECK(contains(error.what(), "AnotherOne"));
  }
}

TEST_CASE("many threads run one session at once and get the same bits") {
  const Session session(two_outputs(), {.intra_op_num_threads = 2});
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) {
        const Tensor<float> x = Tensor<float>::filled({t + 1, 2}, static_cast<float>(i));
        const hone::Outputs out = session.run({{"x", x}});
        for (const float value : out["z"].view<float>())
          if (value != 2.0f * static_cast<float>(i)) ++wrong;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
}

TEST_CASE("the option arch forces an instruction set, and the report shows it") {
  for (const hone::simd::Isa isa : hone::simd::available_isas()) {
    const Session session(matmul(), {.providers = {hone::Cpu{.arch = std::string(name(isa))}}});
    check_product(session);
    REQUIRE(session.report().nodes.size() == 1);
    CHECK(session.report().nodes[0].kernel == "MatMul<float> " + std::string(name(isa)));
  }
  CHECK(contains(error_of([] { Session session(matmul(), {.providers = {hone::Cpu{.arch = "vax"}}}); }),
                 "asks for the instruction set 'vax'; available here: "));
}

}  // namespace session_test
