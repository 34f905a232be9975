#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <hone/providers/cpu.hpp>
#include <hone/session/session.hpp>

#include "../../tools/temporary_folder.hpp"
#include "support/model.hpp"

namespace released_weights_test {

using namespace hone_test;
using hone::DType;
using hone::Session;
using hone::Tensor;

inline constexpr std::int64_t rows = 96;
inline constexpr std::int64_t columns = 200;
inline constexpr std::size_t weight_bytes = rows * columns * sizeof(float);

inline std::vector<float> weights() {
  std::vector<float> elements(static_cast<std::size_t>(rows * columns));
  for (std::size_t i = 0; i < elements.size(); ++i) elements[i] = static_cast<float>(i * 7 % 13) - 6;
  return elements;
}

inline onnx::TensorProto weight() {
  onnx::TensorProto proto = tensor<float>("w", {rows, columns}, {});
  const std::vector<float> elements = weights();
  proto.set_raw_data(elements.data(), weight_bytes);
  return proto;
}

inline GraphBuilder product() {
  return GraphBuilder()
      .input("x", DType::float32, {-1, rows})
      .initializer(weight())
      .node(NodeBuilder("MatMul", {"x", "w"}, {"y"}))
      .output("y");
}

inline Tensor<float> some(std::int64_t count) {
  Tensor<float> x = Tensor<float>::filled({count, rows}, 0);
  for (std::int64_t i = 0; i < count * rows; ++i) x.data()[i] = static_cast<float>(i % 5) - 2;
  return x;
}

/// Small integers, so that no order of additions changes the sums.
inline std::vector<float> expected(const Tensor<float>& x, std::int64_t count) {
  const std::vector<float> w = weights();
  std::vector<float> y(static_cast<std::size_t>(count * columns), 0);
  for (std::int64_t i = 0; i < count; ++i)
    for (std::int64_t k = 0; k < rows; ++k)
      for (std::int64_t j = 0; j < columns; ++j)
        y[static_cast<std::size_t>(i * columns + j)] += x.data()[i * rows + k] * w[static_cast<std::size_t>(k * columns + j)];
  return y;
}

inline bool computes_product(const Session& session) {
  for (const std::int64_t count : {1, 2, 4, 5, 40}) {
    const Tensor<float> x = some(count);
    if (values_of<float>(session.run({{"x", x}})["y"]) != expected(x, count)) return false;
  }
  return true;
}

inline std::filesystem::path written(const tools::TemporaryFolder& folder, const onnx::ModelProto& proto) {
  const std::filesystem::path file = folder.path() / "model.onnx";
  std::ofstream(file, std::ios::binary) << serialized(proto);
  return file;
}

TEST_CASE("a packed weight is in memory once, whatever the session is made from") {
  const onnx::ModelProto proto = model(17, product());
  const tools::TemporaryFolder folder;
  const std::string bytes = serialized(proto);
  onnx::ModelProto external = proto;
  auto& moved = *external.mutable_graph()->mutable_initializer(0);
  std::ofstream(folder.path() / "data", std::ios::binary) << std::string(64, 'x') << moved.raw_data();
  moved.clear_raw_data();
  moved.set_data_location(onnx::TensorProto::EXTERNAL);
  for (const auto& [key, value] : {std::pair("location", "data"), std::pair("offset", "64")}) {
    auto& entry = *moved.add_external_data();
    entry.set_key(key);
    entry.set_value(value);
  }
  const auto check = [](Session session) {
    for (int round = 0; round < 2; ++round) {
      CHECK(session.memory().weights == 0);
      CHECK(session.memory().packed >= weight_bytes);
      CHECK(session.memory().packed < 2 * weight_bytes);
      CHECK(computes_product(session));
      session.set_providers({hone::Cpu{.arch = std::string(name(*hone::simd::available_isas().begin()))}});
    }
  };
  check(Session(proto));
  check(Session(bytes_of(bytes)));
  check(Session(written(folder, proto)));
  check(Session(written(folder, external)));
}

TEST_CASE("a weight stays as long as somebody reads its elements") {
  const auto weights_of = [](const GraphBuilder& graph) {
    const Session session(model(17, graph));
    CHECK(computes_product(session));
    return session.memory().weights;
  };
  CHECK(weights_of(product()) == 0);
  CHECK(weights_of(product().output("w")) == weight_bytes);
  CHECK(weights_of(product()
                       .initializer(tensor<std::int64_t>("i", {1}, {3}))
                       .node(NodeBuilder("Gather", {"w", "i"}, {"row"}))
                       .node(NodeBuilder("Sub", {"row", "x"}, {"z"}))) == 0);  // nobody asks for z

  // A subgraph reads it too.
  auto branch = [](const char* op) {
    onnx::GraphProto graph = GraphBuilder().node(NodeBuilder(op, {"w"}, {"b"})).output("b", DType::float32).proto();
    graph.set_name(op);
    return graph;
  };
  const Session both(model(
      17, product()
              .input("c", DType::boolean, {})
              .node(NodeBuilder("If", {"c"}, {"z"}).attribute("then_branch", branch("Neg")).attribute("else_branch", branch("Identity")))
              .output("z", DType::float32)));
  const Tensor<float> x = some(3);
  const Tensor<bool> no({}, {false});
  const hone::Outputs outputs = both.run({{"x", x}, {"c", no}});
  CHECK(values_of<float>(outputs["y"]) == expected(x, 3));
  CHECK(values_of<float>(outputs["z"]) == weights());
}

TEST_CASE("a weight that two products share is packed by both, then released") {
  const Session session(
      model(17, product().node(NodeBuilder("MatMul", {"x", "w"}, {"p"})).node(NodeBuilder("Neg", {"p"}, {"n"})).output("n")),
      {.graph_optimization_level = hone::GraphOptimizationLevel::disabled});
  CHECK(session.memory().weights == 0);
  CHECK(computes_product(session));
}

TEST_CASE("a weight that is converted to the type of its kernel is in memory once") {
  onnx::TensorProto half = tensor<hone::Half>(
      "w", {4, 2},
      {hone::Half(1), hone::Half(2), hone::Half(3), hone::Half(4), hone::Half(5), hone::Half(6), hone::Half(7), hone::Half(8)});
  const Session session(model(
      17, GraphBuilder().input("x", DType::float16, {-1, 4}).initializer(half).node(NodeBuilder("MatMul", {"x", "w"}, {"y"})).output("y")));
  CHECK(session.memory().weights == 0);
  for (const std::int64_t count : {1, 5}) {
    const Tensor<hone::Half> x = Tensor<hone::Half>::filled({count, 4}, hone::Half(1));
    const hone::Outputs outputs = session.run({{"x", x}});
    const auto y = outputs["y"].view<const hone::Half>();
    for (std::int64_t i = 0; i < count; ++i) {
      CHECK(static_cast<float>(y.begin()[2 * i]) == 16);
      CHECK(static_cast<float>(y.begin()[2 * i + 1]) == 20);
    }
  }
}

TEST_CASE("weights in typed fields and in attributes of a file outlive its message") {
  onnx::TensorProto typed = tensor<float>("w", {rows, columns}, {});
  typed.clear_raw_data();
  for (const float element : weights()) typed.add_float_data(element);
  const tools::TemporaryFolder folder;
  const auto graph = [] { return GraphBuilder().input("x", DType::float32, {-1, rows}); };
  CHECK(computes_product(
      Session(written(folder, model(17, graph().initializer(typed).node(NodeBuilder("MatMul", {"x", "w"}, {"y"})).output("y"))))));
  for (const onnx::TensorProto& value : {typed, weight()}) {
    CHECK(computes_product(Session(written(folder, model(17, graph()
                                                                 .node(NodeBuilder("Constant", {}, {"w"}).attribute("value", value))
                                                                 .node(NodeBuilder("MatMul", {"x", "w"}, {"y"}))
                                                                 .output("y"))))));
  }
}

TEST_CASE("other providers need the file again; overridden initializers do not") {
  const tools::TemporaryFolder folder;
  Session session(written(folder, model(17, product())));
  std::filesystem::remove(folder.path() / "model.onnx");
  CHECK(code_of([&] { session.set_providers({hone::Cpu{}}); }) == hone::ErrorCode::no_such_file);
  CHECK(computes_product(session));

  Session overridable(written(folder, model(17, product().input("w", DType::float32, {rows, columns}))));
  std::filesystem::remove(folder.path() / "model.onnx");
  const Tensor<float> x = some(2);
  const Tensor<float> zero = Tensor<float>::filled({rows, columns}, 0);
  CHECK(values_of<float>(overridable.run({{"x", x}, {"w", zero}})["y"]) == std::vector<float>(2 * columns, 0));
  CHECK(computes_product(overridable));
  overridable.set_providers({hone::Cpu{}});
  CHECK(computes_product(overridable));
}

}  // namespace released_weights_test
