#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <stop_token>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <hone/onnx/tensor_proto.hpp>
#include <hone/providers/cpu.hpp>
#include <hone/session/session.hpp>

#include "../../tools/heap_count.cpp"
#include "support/model.hpp"

namespace heap_test {

using namespace hone_test;
using hone::DType;
using hone::Session;
using hone::Tensor;

/// Heap calls of the third run with the same feeds, after two that may allocate.
inline std::uint64_t calls_of_third_run(const Session& session, const std::vector<hone::Feed>& feeds) {
  std::vector<hone::Value> results(session.outputs().size());
  std::vector<hone::Fetch> fetches;
  for (std::size_t i = 0; i < results.size(); ++i) fetches.push_back({session.outputs()[i].name, results[i]});
  session.run(feeds, fetches);
  session.run(feeds, fetches);
  const std::uint64_t before = *tools::heap_calls();
  session.run(feeds, fetches);
  return *tools::heap_calls() - before;
}

inline bool counting() {
  if (tools::heap_calls()) return true;
  std::cout << "SKIPPED heap_test: a sanitizer has taken the heap functions over\n";
  return false;
}

TEST_CASE("a run of known shapes makes no heap call; neither do data-dependent shapes, subgraphs and many inputs") {
  if (!counting()) return;
  const auto branch = [](const std::string& op) { return GraphBuilder().node(NodeBuilder(op, {"found"}, {"t"})).output("t").proto(); };
  auto proto =
      model(17, GraphBuilder()
                    .input("x", DType::float32, {4, 6})
                    .input("c", DType::boolean, {})
                    .initializer(tensor<float>("zero", {}, {0}))
                    .initializer(tensor<float>("w", {6, 2}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}))
                    .node(NodeBuilder("MatMul", {"x", "w"}, {"m"}))
                    .node(NodeBuilder("Softmax", {"m"}, {"p"}))
                    .node(NodeBuilder("Greater", {"x", "zero"}, {"positive"}))
                    .node(NodeBuilder("NonZero", {"positive"}, {"at"}))
                    .node(NodeBuilder("Cast", {"at"}, {"found"}).attribute("to", std::int64_t{1}))
                    .node(NodeBuilder("If", {"c"}, {"y"}).attribute("then_branch", branch("Neg")).attribute("else_branch", branch("Sqrt")))
                    .output("p")
                    .output("y"));
  onnx::NodeProto concat = NodeBuilder("Concat", {}, {"many"}).attribute("axis", std::int64_t{1}).proto();
  for (int i = 0; i < 40; ++i) concat.add_input("at");
  *proto.mutable_graph()->add_node() = concat;
  proto.mutable_graph()->add_output()->set_name("many");
  const Tensor<bool> yes({}, {true});
  Tensor<float> x({4, 6});
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = i % 3 == 0 ? -1.0f : 1.0f;
  for (const int threads : {1, 2}) {
    const Session session(proto, {.intra_op_num_threads = threads});
    CHECK(calls_of_third_run(session, {{"x", x}, {"c", yes}}) == 0);
  }
}

TEST_CASE("neither do loops and sequences") {
  if (!counting()) return;
  const auto body = GraphBuilder()
                        .input("i", DType::int64, {})
                        .input("go", DType::boolean, {})
                        .input("state", DType::float32, {3})
                        .node(NodeBuilder("Identity", {"go"}, {"on"}))
                        .node(NodeBuilder("Neg", {"state"}, {"next"}))
                        .node(NodeBuilder("Exp", {"state"}, {"row"}))
                        .output("on", DType::boolean)
                        .output("next", DType::float32)
                        .output("row", DType::float32)
                        .proto();
  const auto step = GraphBuilder()
                        .input("s", DType::float32, {3})
                        .input("r", DType::float32, {3})
                        .node(NodeBuilder("Add", {"s", "r"}, {"t"}))
                        .node(NodeBuilder("Neg", {"t"}, {"u"}))
                        .output("t", DType::float32)
                        .output("u", DType::float32)
                        .proto();
  const Session session(model(
      17,
      GraphBuilder()
          .input("x", DType::float32, {3})
          .initializer(tensor<std::int64_t>("four", {}, {4}))
          .initializer(tensor<std::int64_t>("one", {}, {1}))
          .node(NodeBuilder("Loop", {"four", "", "x"}, {"last", "rows"}).attribute("body", body))
          .node(
              NodeBuilder("Scan", {"last", "rows"}, {"sum", "sums"}).attribute("body", step).attribute("num_scan_inputs", std::int64_t{1}))
          .node(NodeBuilder("SplitToSequence", {"sums", "one"}, {"pieces"}))
          .node(NodeBuilder("SequenceAt", {"pieces", "one"}, {"second"}))
          .node(NodeBuilder("SequenceInsert", {"pieces", "second"}, {"more"}))
          .node(NodeBuilder("SequenceErase", {"more", "one"}, {"fewer"}))
          .node(NodeBuilder("SequenceConstruct", {"sum", "x"}, {"pair"}))
          .node(NodeBuilder("ConcatFromSequence", {"fewer"}, {"y"}).attribute("axis", std::int64_t{0}))
          .node(NodeBuilder("ConcatFromSequence", {"pair"}, {"z"}).attribute("axis", std::int64_t{0}))
          .output("y")
          .output("z")
          .output("fewer")));
  const Tensor<float> x({3}, {0, 0, 0});
  CHECK(calls_of_third_run(session, {{"x", x}}) == 0);
  // The rows are exp(0), their sums 1, 2, 3, 4; the pieces hold those with the other sign.
  const hone::Outputs out = session.run({{"x", x}});
  CHECK(values_of<float>(out["y"]) == std::vector<float>{-1, -1, -1, -3, -3, -3, -4, -4, -4, -2, -2, -2});
  CHECK(values_of<float>(out["z"]) == std::vector<float>{4, 4, 4, 0, 0, 0});
  CHECK(out["fewer"].elements().size() == 4);
}

TEST_CASE("shapes that come back make no heap call either") {
  if (!counting()) return;
  const Session session(model(17, GraphBuilder()
                                      .input("x", DType::float32, {-1, 6})
                                      .node(NodeBuilder("Softmax", {"x"}, {"p"}))
                                      .node(NodeBuilder("Exp", {"p"}, {"e"}))
                                      .node(NodeBuilder("ReduceSum", {"e"}, {"y"}))
                                      .output("y")));
  std::vector<Tensor<float>> inputs;
  for (const std::int64_t rows : {1, 7, 3, 100}) inputs.push_back(Tensor<float>::filled({rows, 6}, 1));
  hone::Value y;
  const auto run_all = [&] {
    for (const auto& x : inputs) session.run({{"x", x}}, {{"y", y}});
  };
  run_all();
  run_all();
  const std::uint64_t before = *tools::heap_calls();
  run_all();
  CHECK(*tools::heap_calls() == before);
}

TEST_CASE("a run through a binding makes no heap call, not for outputs of unknown shape nor for shapes that come back") {
  if (!counting()) return;
  const Session session(model(17, GraphBuilder()
                                      .input("x", DType::float32, {-1})
                                      .node(NodeBuilder("NonZero", {"x"}, {"at"}))
                                      .node(NodeBuilder("Exp", {"x"}, {"y"}))
                                      .output("at")
                                      .output("y")));
  const Tensor<float> small = Tensor<float>::filled({7}, 1);
  const Tensor<float> large = Tensor<float>::filled({100}, 1);
  hone::IoBinding binding = session.io_binding();
  binding.bind_output("at");
  binding.bind_output("y");
  const auto run_both = [&] {
    for (const Tensor<float>* x : {&large, &small}) {
      binding.bind_input("x", *x);
      session.run(binding);
    }
  };
  run_both();
  run_both();
  const std::uint64_t before = *tools::heap_calls();
  run_both();
  CHECK(*tools::heap_calls() == before);
  CHECK(binding.output("at").shape() == hone::Shape{1, 7});
}

TEST_CASE("run options and parallel execution make no heap call") {
  if (!counting()) return;
  std::stop_source source;
  const Session session(model(17, GraphBuilder()
                                      .input("x", DType::float32, {7})
                                      .node(NodeBuilder("Neg", {"x"}, {"n"}))
                                      .node(NodeBuilder("Exp", {"x"}, {"e"}))
                                      .node(NodeBuilder("Add", {"n", "e"}, {"y"}))
                                      .output("y")),
                        {.inter_op_num_threads = 2, .execution_mode = hone::ExecutionMode::parallel});
  const Tensor<float> x = Tensor<float>::filled({7}, 1);
  hone::Value y;
  const hone::RunOptions options{.tag = "a tag", .stop_token = source.get_token()};
  for (int i = 0; i < 2; ++i) session.run({{"x", x}}, {{"y", y}}, options);
  const std::uint64_t before = *tools::heap_calls();
  session.run({{"x", x}}, {{"y", y}}, options);
  CHECK(*tools::heap_calls() == before);
}

TEST_CASE("no network of the zoo makes a heap call from the third run on") {
  const char* zoo = std::getenv("HONE_ZOO_DIR");
  if (zoo == nullptr || *zoo == '\0') {
    std::cout << "SKIPPED heap_test: HONE_ZOO_DIR does not name the zoo\n";
    return;
  }
  if (!counting()) return;
  for (const auto& folder : std::filesystem::directory_iterator(zoo)) {
    if (!std::filesystem::exists(folder.path() / "model.onnx")) continue;
    CAPTURE(folder.path().filename().string());
    const Session session(folder.path() / "model.onnx");
    std::vector<hone::Value> values;
    for (std::size_t i = 0; i < session.inputs().size(); ++i) {
      const auto file = folder.path() / "test_data_set_0" / ("input_" + std::to_string(i) + ".pb");
      values.push_back(hone::read_value(file, session.inputs()[i].value_type));
    }
    std::vector<hone::Feed> feeds;
    for (std::size_t i = 0; i < values.size(); ++i) feeds.push_back({session.inputs()[i].name, values[i]});
    CHECK(calls_of_third_run(session, feeds) == 0);
  }
}

}  // namespace heap_test
