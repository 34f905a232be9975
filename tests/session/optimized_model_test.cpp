#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <hone/session/optimized_model.hpp>

#include "support/saved_model.hpp"

namespace optimized_model_test {

using namespace hone_test;
using hone::DType;
using hone::GraphOptimizationLevel;
using hone::Session;
using hone::SessionOptions;
using hone::Tensor;

inline onnx::ModelProto chain() {
  return model(17, GraphBuilder()
                       .input("x", DType::float32, {-1})
                       .initializer(tensor<float>("one", {}, {1}))
                       .node(NodeBuilder("Add", {"one", "one"}, {"two"}))
                       .node(NodeBuilder("Mul", {"x", "two"}, {"a"}))
                       .node(NodeBuilder("Exp", {"a"}, {"y"}))
                       .output("y", DType::float32));
}

TEST_CASE("a session rewrites a saved model again only for a higher level") {
  const Tensor<float> x({3}, {1, -2, 0.5f});
  const SavedModel basic(chain(), {.graph_optimization_level = GraphOptimizationLevel::basic});
  CHECK(basic.before.report().rewrites.size() == 1);
  CHECK(basic.agrees({{"x", x}}));
  CHECK(basic.after.model_metadata().custom_metadata_map.at("hone.graph_optimization_level") == "basic");
  const Session all(basic.file());
  REQUIRE(all.report().rewrites.size() == 1);
  CHECK(all.report().rewrites[0].first == "fuse_pointwise");
  const SavedModel again(basic.proto);
  CHECK(again.after.report().nodes.size() == 1);
  CHECK(again.agrees({{"x", x}}));
  // Saved by a session of a lower level, it is still what the higher one made.
  const SavedModel lower(again.proto, {.graph_optimization_level = GraphOptimizationLevel::disabled});
  CHECK(lower.after.model_metadata().custom_metadata_map.at("hone.graph_optimization_level") == "all");
  CHECK(lower.after.report().nodes.size() == 1);

  const SavedModel plain(chain(), {.graph_optimization_level = GraphOptimizationLevel::disabled});
  CHECK(plain.after.model_metadata().custom_metadata_map.empty());
  CHECK(Session(plain.file()).report().nodes.size() == 1);
}

TEST_CASE("a level that hone does not know counts as none") {
  onnx::ModelProto proto = chain();
  auto* entry = proto.add_metadata_props();
  entry->set_key("hone.graph_optimization_level");
  entry->set_value("utmost");
  CHECK(Session(proto).report().nodes.size() == 1);
}

TEST_CASE("what a feed could override is constant in the saved model") {
  auto proto = model(17, GraphBuilder()
                             .input("x", DType::float32, {2})
                             .input("k", DType::float32, {2})
                             .initializer(tensor<float>("k", {2}, {3, 4}))
                             .node(NodeBuilder("Mul", {"x", "k"}, {"y"}))
                             .output("y"));
  const SavedModel saved(proto);
  CHECK(saved.before.overridable_initializers().size() == 1);
  CHECK(saved.after.overridable_initializers().empty());
  const Tensor<float> x({2}, {1, 2});
  CHECK(saved.agrees({{"x", x}}));
}

TEST_CASE("overridden dimensions and initializers are part of the saved model") {
  onnx::ModelProto proto = chain();
  proto.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape()->mutable_dim(0)->set_dim_param("n");
  const tools::TemporaryFolder folder;
  SessionOptions options{.optimized_model_filepath = folder.path() / "model.onnx"};
  options.add_free_dimension_override_by_name("n", 2);
  options.add_initializer("one", Tensor<float>({}, {0.5f}));
  const Session session(proto, options);
  const Session saved(options.optimized_model_filepath);
  CHECK(hone::to_string(saved.inputs()[0].shape) == "(2,)");
  const Tensor<float> x({2}, {0, 1});
  CHECK(values_of<float>(saved.run({{"x", x}})["y"]) == values_of<float>(session.run({{"x", x}})["y"]));
}

TEST_CASE("other providers do not write the file again") {
  const tools::TemporaryFolder folder;
  const auto file = folder.path() / "model.onnx";
  Session session(chain(), {.optimized_model_filepath = file});
  CHECK(files_in(folder) == std::vector<std::string>{"model.onnx"});
  std::filesystem::remove(file);
  session.set_providers({hone::Cpu{}});
  CHECK(files_in(folder).empty());
}

TEST_CASE("a file that cannot be written is an error of the session") {
  const auto error = thrown_by([] { const Session session(chain(), {.optimized_model_filepath = "/no/such/folder/model.onnx"}); });
  REQUIRE(error);
  CHECK(error->code() == hone::ErrorCode::no_such_file);
  CHECK(std::string(error->what()) == "'/no/such/folder/model.onnx' cannot be written: No such file or directory");
}

}  // namespace optimized_model_test
