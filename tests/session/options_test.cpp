#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <random>
#include <span>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <hone/providers/cpu.hpp>
#include <hone/session/config_entries.hpp>
#include <hone/session/session.hpp>

#include "../../tools/temporary_folder.hpp"
#include "support/model.hpp"

namespace options_test {

using namespace hone_test;
using hone::DType;
using hone::ErrorCode;
using hone::Session;
using hone::SessionOptions;
using hone::Tensor;

inline onnx::ModelProto negation() {
  return model(17, GraphBuilder().input("x", DType::float32, {-1, 2}).node(NodeBuilder("Neg", {"x"}, {"y"})).output("y"));
}

inline void set_dim(onnx::ModelProto& proto, int input, int axis, const std::string& symbol, const std::string& denotation) {
  auto* dim = proto.mutable_graph()->mutable_input(input)->mutable_type()->mutable_tensor_type()->mutable_shape()->mutable_dim(axis);
  if (!symbol.empty()) dim->set_dim_param(symbol);
  if (!denotation.empty()) dim->set_denotation(denotation);
}

TEST_CASE("free dimensions take sizes by name and by denotation") {
  auto proto = model(17, GraphBuilder().input("x", DType::float32, {-1, -1, -1}).node(NodeBuilder("Neg", {"x"}, {"y"})).output("y"));
  set_dim(proto, 0, 0, "batch", "DATA_BATCH");
  set_dim(proto, 0, 1, "", "DATA_CHANNEL");
  set_dim(proto, 0, 2, "width", "");
  SessionOptions options;
  options.add_free_dimension_override_by_name("batch", 2).add_free_dimension_override_by_denotation("DATA_CHANNEL", 3);
  const Session session(proto, options);
  CHECK(to_string(session.inputs()[0].shape) == "(2, 3, width)");
  const Tensor<float> right = Tensor<float>::filled({2, 3, 5}, 1);
  const Tensor<float> wrong = Tensor<float>::filled({1, 3, 5}, 1);
  CHECK(session.run({{"x", right}})["y"].shape() == hone::Shape{2, 3, 5});
  CHECK(contains(error_of([&] { (void)session.run({{"x", wrong}}); }), "has shape (1, 3, 5); the model expects (2, 3, width)"));

  SessionOptions both;
  both.add_free_dimension_override_by_name("batch", 2).add_free_dimension_override_by_denotation("DATA_BATCH", 7);
  CHECK(to_string(Session(proto, both).inputs()[0].shape) == "(2, ?, width)");
  SessionOptions unknown;
  unknown.add_free_dimension_override_by_name("sequence", 2);
  CHECK(contains(error_of([&] { Session s(proto, unknown); }), "no free dimension of the name 'sequence'; it has: batch, width"));
  SessionOptions unknown_denotation;
  unknown_denotation.add_free_dimension_override_by_denotation("N", 2);
  CHECK(contains(error_of([&] { Session s(proto, unknown_denotation); }), "of the denotation 'N'; it has: DATA_BATCH, DATA_CHANNEL"));
  SessionOptions negative;
  negative.add_free_dimension_override_by_name("batch", -2);
  CHECK(contains(error_of([&] { Session s(proto, negative); }), "'batch' is overridden by -2, which is negative"));
}

TEST_CASE("initializers are taken from memory, and shared") {
  const auto proto = model(17, GraphBuilder()
                                   .input("x", DType::float32, {2})
                                   .initializer(tensor<float>("w", {2}, {10, 20}))
                                   .node(NodeBuilder("Mul", {"x", "w"}, {"y"}))
                                   .output("y"));
  const Tensor<float> x({2}, {1, 2});
  const Tensor<float> w({2}, {3, 4});
  SessionOptions shared;
  shared.add_initializer("w", w);
  CHECK(values_of<float>(Session(proto, shared).run({{"x", x}})["y"]) == std::vector<float>{3, 8});
  SessionOptions owned;
  owned.add_initializer("w", Tensor<float>({2}, {5, 6}));
  const Session first(proto, owned);
  const Session second(proto, owned);
  owned = {};
  CHECK(values_of<float>(first.run({{"x", x}})["y"]) == std::vector<float>{5, 12});
  CHECK(values_of<float>(second.run({{"x", x}})["y"]) == std::vector<float>{5, 12});

  SessionOptions unknown;
  unknown.add_initializer("v", w);
  CHECK(contains(error_of([&] { Session s(proto, unknown); }), "the initializer 'v', which the model does not have"));
  SessionOptions wrong;
  wrong.add_initializer("w", Tensor<double>({2}, {5, 6}));
  CHECK(contains(error_of([&] { Session s(proto, wrong); }),
                 "'w' is tensor(double) of shape (2,); the model has tensor(float) of shape (2,)"));
}

inline onnx::ModelProto with_external_weights() {
  onnx::TensorProto w;
  w.set_name("w");
  w.set_data_type(1);
  w.add_dims(2);
  w.set_data_location(onnx::TensorProto::EXTERNAL);
  auto* location = w.add_external_data();
  location->set_key("location");
  location->set_value("weights.bin");
  auto* offset = w.add_external_data();
  offset->set_key("offset");
  offset->set_value("4");
  return model(17, GraphBuilder().input("x", DType::float32, {2}).initializer(w).node(NodeBuilder("Mul", {"x", "w"}, {"y"})).output("y"));
}

TEST_CASE("external data are taken from memory, from a folder, or not at all") {
  const auto proto = with_external_weights();
  const Tensor<float> x({2}, {1, 2});
  const std::vector<float> file = {0, 7, 8};
  SessionOptions in_memory;
  in_memory.external_files["weights.bin"] = std::as_bytes(std::span(file));
  CHECK(values_of<float>(Session(proto, in_memory).run({{"x", x}})["y"]) == std::vector<float>{7, 16});
  SessionOptions too_short;
  too_short.external_files["weights.bin"] = std::as_bytes(std::span(file).first(2));
  CHECK(contains(error_of([&] { Session s(proto, too_short); }), "lies beyond the end of 'weights.bin'"));
  SessionOptions replaced;
  replaced.add_initializer("w", Tensor<float>({2}, {5, 6}));
  CHECK(values_of<float>(Session(proto, replaced).run({{"x", x}})["y"]) == std::vector<float>{5, 12});

  const tools::TemporaryFolder folder;
  std::ofstream(folder.path() / "weights.bin", std::ios::binary).write(reinterpret_cast<const char*>(file.data()), 12);
  SessionOptions from_folder;
  from_folder.add_config_entry("session.model_external_initializers_file_folder_path", folder.path().string());
  CHECK(values_of<float>(Session(proto, from_folder).run({{"x", x}})["y"]) == std::vector<float>{7, 16});
  std::filesystem::remove(folder.path() / "weights.bin");
  CHECK(code_of([&] { Session s(proto, from_folder); }) == ErrorCode::no_such_file);
}

TEST_CASE("config entries set options; unknown keys and wrong values are errors that list what there is") {
  SessionOptions options;
  options.add_config_entry("session.intra_op.allow_spinning", "0")
      .add_config_entry("session.limits.max_tensor_bytes", "1000")
      .add_config_entry("optimization.disable_specified_optimizers", "fold_constants;;eliminate_no_ops");
  const Session session(negation(), options);
  CHECK_FALSE(session.options().allow_spinning);
  CHECK(session.options().limits.max_tensor_bytes == 1000);
  CHECK(session.options().disabled_optimizers == std::vector<std::string>{"fold_constants", "eliminate_no_ops"});

  const auto message = [](const std::string& key, const std::string& value) {
    SessionOptions wrong;
    wrong.add_config_entry(key, value);
    return error_of([&] { Session s(negation(), wrong); });
  };
  const std::string unknown = message("session.allow_spining", "1");
  CHECK(contains(unknown, "no config entry 'session.allow_spining'; known: "));
  std::string before;
  for (const hone::ConfigKey& key : hone::config_keys()) {
    CHECK(contains(unknown, std::string(key.key)));
    CHECK(before < key.key);
    before = key.key;
  }
  CHECK(contains(message("session.set_denormal_as_zero", "yes"), "is 'yes'; it must be 0 or 1"));
  CHECK(contains(message("session.limits.max_nodes", "-3"), "is '-3'; it must be a natural number"));
  CHECK(contains(message("session.limits.max_nodes", "3x"), "is '3x'; it must be a natural number"));
  CHECK(contains(message("session.limits.max_nodes", "99999999999999999999999"), "must be a natural number"));
}

TEST_CASE("limits are checked before memory is taken, and the session stays usable") {
  const Tensor<float> small = Tensor<float>::filled({4, 2}, 1);
  const Tensor<float> large = Tensor<float>::filled({400, 2}, 1);
  const auto chain = model(17, GraphBuilder()
                                   .input("x", DType::float32, {-1, 2})
                                   .node(NodeBuilder("Exp", {"x"}, {"a"}))
                                   .node(NodeBuilder("ReduceSum", {"a"}, {"y"}))
                                   .output("y"));
  {
    const Session session(chain, {.limits = {.max_arena_bytes = 1024}});
    CHECK(session.run({{"x", small}}).size() == 1);
    CHECK(code_of([&] { (void)session.run({{"x", large}}); }) == ErrorCode::resource_exhausted);
    CHECK(contains(error_of([&] { (void)session.run({{"x", large}}); }), "SessionOptions::limits.max_arena_bytes is 1024"));
    CHECK(session.run({{"x", small}}).size() == 1);
  }
  {
    const Session session(chain, {.limits = {.max_tensor_bytes = 1024}});
    CHECK(contains(error_of([&] { (void)session.run({{"x", large}}); }), "'Exp_node' (Exp, opset 17): a tensor, in bytes, takes 3200"));
    CHECK(session.run({{"x", small}}).size() == 1);
  }
  {
    const Session session(chain, {.limits = {.max_tensor_elements = 100}});
    CHECK(contains(error_of([&] { (void)session.run({{"x", large}}); }), "in elements, takes 800"));
  }
  // Results whose size is known only while running.
  const Session dynamic(model(17, GraphBuilder().input("x", DType::float32, {-1}).node(NodeBuilder("NonZero", {"x"}, {"y"})).output("y")),
                        {.limits = {.max_tensor_bytes = 64}});
  const Tensor<float> eight = Tensor<float>::filled({8}, 1);
  const Tensor<float> nine = Tensor<float>::filled({9}, 1);
  CHECK(dynamic.run({{"x", eight}})["y"].shape() == hone::Shape{1, 8});
  CHECK(code_of([&] { (void)dynamic.run({{"x", nine}}); }) == ErrorCode::resource_exhausted);
  CHECK(dynamic.run({{"x", eight}})["y"].shape() == hone::Shape{1, 8});
}

TEST_CASE("a sparse initializer, nesting, and functions that multiply cannot ask for more than the limits") {
  auto sparse = negation();
  auto* initializer = sparse.mutable_graph()->add_sparse_initializer();
  *initializer->mutable_values() = tensor<float>("s", {1}, {1});
  *initializer->mutable_indices() = tensor<std::int64_t>("i", {1}, {0});
  initializer->add_dims(std::int64_t{1} << 40);
  CHECK(code_of([&] { Session s(sparse, {.limits = {.max_tensor_bytes = 1 << 20}}); }) == ErrorCode::resource_exhausted);

  // f0 calls f1 twice, which calls f2 twice, and so on: 2^20 nodes.
  auto doubling = model(17, GraphBuilder().input("x", DType::float32, {2}).node(NodeBuilder("f0", {"x"}, {"y"}, "f")).output("y"));
  import_domain(doubling, "f");
  for (int i = 0; i < 20; ++i) {
    auto* function = doubling.add_functions();
    function->set_domain("f");
    function->set_name("f" + std::to_string(i));
    function->add_input("a");
    function->add_output("c");
    const std::string callee = i < 19 ? "f" + std::to_string(i + 1) : "Neg";
    const std::string domain = i < 19 ? "f" : "";
    *function->add_node() = NodeBuilder(callee, {"a"}, {"b"}, domain).proto();
    *function->add_node() = NodeBuilder(callee, {"b"}, {"c"}, domain).proto();
    import_domain(*function, "", 17);
    import_domain(*function, "f");
  }
  const std::string message = error_of([&] { Session s(doubling, {.limits = {.max_nodes = 10000}}); });
  CHECK(contains(message, "limits.max_nodes is 10000"));
  CHECK(contains(error_of([&] { Session s(doubling, {.limits = {.max_nesting = 10}}); }), "limits.max_nesting, which is 10"));
}

TEST_CASE("option values that make no sense are errors that say what is allowed") {
  CHECK(contains(error_of([] { Session s(negation(), {.providers = {}}); }), "no providers"));
  CHECK(contains(error_of([] { Session s(negation(), {.intra_op_num_threads = -1}); }), "intra_op_num_threads is -1; it must be 0"));
  CHECK(contains(error_of([] { Session s(negation(), {.intra_op_num_threads = 1 << 20}); }), "to 1024"));
  CHECK(contains(error_of([] { Session s(negation(), {.inter_op_num_threads = -1}); }), "inter_op_num_threads is -1"));
  CHECK(contains(error_of([] { Session s(negation(), {.providers = {"TPUExecutionProvider"}}); }),
                 "no provider 'TPUExecutionProvider'; available: CPUExecutionProvider"));
  const Session named(negation(), {.providers = {"CPUExecutionProvider"}});
  CHECK(named.providers() == hone::available_providers());
}

TEST_CASE("denormals count as zero while a session with that option runs, and not after") {
  constexpr float denormal = std::numeric_limits<float>::denorm_min() * 8;
  const auto proto = model(17, GraphBuilder()
                                   .input("x", DType::float32, {100000})
                                   .initializer(tensor<float>("two", {}, {2}))
                                   .node(NodeBuilder("Mul", {"x", "two"}, {"y"}))
                                   .output("y"));
  const Tensor<float> x = Tensor<float>::filled({100000}, denormal);
  for (const int threads : {1, 2}) {
    const Session flushing(proto, {.intra_op_num_threads = threads, .set_denormal_as_zero = true});
    const Session exact(proto, {.intra_op_num_threads = threads});
    for (int round = 0; round < 3; ++round) {
      for (const float y : values_of<float>(flushing.run({{"x", x}})["y"])) REQUIRE(y == 0.0f);
      for (const float y : values_of<float>(exact.run({{"x", x}})["y"])) REQUIRE(y == 2 * denormal);
    }
  }
}

TEST_CASE("threads of a session's own, bound to processors, without spinning") {
  const Tensor<float> x = Tensor<float>::filled({50000, 2}, 1.5f);
  const Session own(negation(), {.intra_op_num_threads = 2, .allow_spinning = false, .use_per_session_threads = true});
  CHECK(values_of<float>(own.run({{"x", x}})["y"]).back() == -1.5f);
#if defined(__linux__)
  const Session bound(negation(), {.intra_op_num_threads = 2, .intra_op_thread_affinities = {{0}}});
  CHECK(values_of<float>(bound.run({{"x", x}})["y"]).back() == -1.5f);
  CHECK(contains(error_of([] {
                   Session s(negation(), {.intra_op_num_threads = 2, .intra_op_thread_affinities = {{0}, {0}}});
                 }),
                 "2 thread affinities for 1 threads"));
  CHECK(contains(error_of([] { Session s(negation(), {.intra_op_num_threads = 2, .intra_op_thread_affinities = {{100000}}}); }),
                 "names processor 100000, which this process cannot use"));
  CHECK(contains(error_of([] { Session s(negation(), {.intra_op_num_threads = 2, .intra_op_thread_affinities = {{}}}); }),
                 "names no processor"));
#endif
}

/// Many branches of different depth, in-place chains, aliases, values read by several nodes, a node of unknown shape, a subgraph.
inline onnx::ModelProto branches() {
  GraphBuilder graph = GraphBuilder()
                           .input("x", DType::float32, {16, 32})
                           .input("c", DType::boolean, {})
                           .initializer(tensor<std::int64_t>("flat", {1}, {-1}))
                           .initializer(tensor<float>("zero", {}, {0}))
                           .node(NodeBuilder("Neg", {"x"}, {"n"}));
  std::string sum = "n";
  for (int branch = 0; branch < 6; ++branch) {
    std::string at = "n";
    for (int i = 0; i <= branch; ++i) {
      const std::string next = "b" + std::to_string(branch) + "_" + std::to_string(i);
      graph = std::move(graph).node(NodeBuilder(i % 3 == 0 ? "Tanh" : i % 3 == 1 ? "Abs" : "Sqrt", {at}, {next}));
      at = next;
    }
    const std::string total = "sum" + std::to_string(branch);
    graph = std::move(graph).node(NodeBuilder("Add", {sum, at}, {total})).node(NodeBuilder("Reshape", {total, "flat"}, {total + "flat"}));
    graph = std::move(graph).node(NodeBuilder("Exp", {total + "flat"}, {total + "exp"})).output(total + "exp");
    sum = total;
  }
  const auto then = GraphBuilder().node(NodeBuilder("Exp", {"sum0"}, {"t"})).output("t").proto();
  const auto otherwise = GraphBuilder().node(NodeBuilder("Neg", {"sum1"}, {"t"})).output("t").proto();
  return model(17, std::move(graph)
                       .node(NodeBuilder("Greater", {"sum2", "zero"}, {"positive"}))
                       .node(NodeBuilder("NonZero", {"positive"}, {"where"}))
                       .node(NodeBuilder("Transpose", {"where"}, {"places"}))
                       .node(NodeBuilder("If", {"c"}, {"chosen"}).attribute("then_branch", then).attribute("else_branch", otherwise))
                       .output("places")
                       .output("chosen")
                       .output(sum));
}

TEST_CASE("parallel execution gives the bits of sequential execution") {
  const auto proto = branches();
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  for (const int threads : {1, 2, 4}) {
    // With fusion and without: the first has fewer nodes, the second wider waves.
    const auto level = threads == 2 ? hone::GraphOptimizationLevel::all : hone::GraphOptimizationLevel::basic;
    const Session sequential(proto, {.graph_optimization_level = level, .intra_op_num_threads = 1});
    const Session parallel(proto, {.graph_optimization_level = level,
                                   .intra_op_num_threads = 2,
                                   .inter_op_num_threads = threads,
                                   .execution_mode = hone::ExecutionMode::parallel});
    for (int round = 0; round < 30; ++round) {
      Tensor<float> x({16, 32});
      for (float& value : x) value = normal(random);
      const Tensor<bool> c = Tensor<bool>::filled({}, round % 2 == 0);
      const hone::Outputs expected = sequential.run({{"x", x}, {"c", c}});
      const hone::Outputs got = parallel.run({{"x", x}, {"c", c}});
      for (const auto& [name, value] : expected) {
        REQUIRE(value.shape() == got[name].shape());
        CHECK(std::memcmp(value.ref().data, got[name].ref().data, value.ref().bytes()) == 0);
      }
    }
  }
}

TEST_CASE("an error in a parallel run names the first node that failed, and the session stays usable") {
  const auto proto = model(17, GraphBuilder()
                                   .input("x", DType::float32, {3})
                                   .input("i", DType::int64, {1})
                                   .node(NodeBuilder("Neg", {"x"}, {"n"}))
                                   .node(NodeBuilder("Gather", {"x", "i"}, {"y"}))
                                   .node(NodeBuilder("Exp", {"x"}, {"e"}))
                                   .output("n")
                                   .output("y")
                                   .output("e"));
  const Session session(proto, {.inter_op_num_threads = 2, .execution_mode = hone::ExecutionMode::parallel});
  const Tensor<float> x({3}, {1, 2, 3});
  const Tensor<std::int64_t> outside({1}, {3});
  const Tensor<std::int64_t> inside({1}, {2});
  const auto error = thrown_by([&] { (void)session.run({{"x", x}, {"i", outside}}); });
  REQUIRE(error);
  CHECK(error->code() == ErrorCode::runtime_exception);
  CHECK(error->node() == "Gather_node");
  CHECK(values_of<float>(session.run({{"x", x}, {"i", inside}})["y"]) == std::vector<float>{3});
}

TEST_CASE("the opset of a domain") {
  const Session session(negation());
  CHECK(session.opset() == 17);
  CHECK(session.opset("ai.onnx") == 17);
  CHECK(contains(error_of([&] { (void)session.opset("ai.onnx.ml"); }), "no opset of the domain 'ai.onnx.ml'; it imports 'ai.onnx'"));
}

}  // namespace options_test
