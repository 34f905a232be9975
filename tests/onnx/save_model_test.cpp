#include <filesystem>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <hone/onnx/importer.hpp>
#include <hone/onnx/model_proto.hpp>
#include <hone/onnx/save_model.hpp>

#include "support/saved_model.hpp"

namespace save_model_test {

using namespace hone_test;
using hone::DType;
using hone::Session;
using hone::Tensor;

/// y = x w + b, with weights of 4 KiB, 2 KiB and 8 bytes.
inline onnx::ModelProto large() {
  const auto filled = [](const std::string& name, const Dims& dims, float first) {
    onnx::TensorProto proto = tensor<float>(name, dims, {});
    std::string bytes;
    for (std::int64_t i = 0; i < dims[0] * dims[1]; ++i) {
      const float value = first + static_cast<float>(i % 7);
      bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    proto.set_raw_data(bytes);
    return proto;
  };
  return model(17, GraphBuilder()
                       .input("x", DType::float32, {-1, 2})
                       .initializer(filled("w", {2, 512}, 1))
                       .initializer(filled("v", {512, 1}, -3))
                       .initializer(tensor<float>("b", {2}, {5, 6}))
                       .node(NodeBuilder("MatMul", {"x", "w"}, {"m"}))
                       .node(NodeBuilder("MatMul", {"m", "v"}, {"n"}))
                       .node(NodeBuilder("Add", {"n", "b"}, {"y"}))
                       .output("y"));
}

inline void save(const std::filesystem::path& file, const std::filesystem::path& from, std::size_t max_inline_bytes) {
  hone::OpRegistry registry;
  for (const hone::OpInfo* op : hone::default_provider()->operators()) registry.add(op);
  const std::string bytes = from.empty() ? serialized(large()) : serialized(parsed(from));
  const hone::ImportedModel imported = hone::import_model(hone::parse_model(bytes_of(bytes)), from.parent_path(), registry);
  hone::save_model(file, imported.graph, imported.metadata, registry, {.max_inline_bytes = max_inline_bytes});
}

inline std::vector<float> run(const Session& session) {
  const Tensor<float> x({1, 2}, {1, -2});
  return values_of<float>(session.run({{"x", x}})["y"]);
}

TEST_CASE("weights beyond the limit go to a file beside the model") {
  const tools::TemporaryFolder folder;
  const std::vector<float> expected = run(Session(large()));
  save(folder.path() / "small.onnx", "", 10'000);
  CHECK(files_in(folder) == std::vector<std::string>{"small.onnx"});
  CHECK(run(Session(folder.path() / "small.onnx")) == expected);

  const auto file = folder.path() / "large.onnx";
  save(file, "", 1000);
  CHECK(files_in(folder) == std::vector<std::string>{"large.onnx", "large.onnx.data", "small.onnx"});
  CHECK(std::filesystem::file_size(folder.path() / "large.onnx.data") == 4096 + 2048);
  const onnx::ModelProto proto = parsed(file);
  std::size_t external = 0;
  for (const auto& tensor : proto.graph().initializer()) {
    if (tensor.data_location() != onnx::TensorProto::EXTERNAL) continue;
    ++external;
    for (const auto& entry : tensor.external_data()) {
      if (entry.key() == "location") CHECK(entry.value() == "large.onnx.data");
      if (entry.key() == "offset") CHECK(std::stoul(entry.value()) % 64 == 0);
    }
  }
  CHECK(external == 2);
  CHECK(run(Session(file)) == expected);
}

TEST_CASE("a model may be saved in place of the one that is open") {
  const tools::TemporaryFolder folder;
  const auto file = folder.path() / "model.onnx";
  save(file, "", 1000);
  const Session session(file);
  const std::vector<float> expected = run(session);
  save(file, file, 1000);
  save(file, file, 10'000);
  CHECK(run(session) == expected);
  CHECK(run(Session(file)) == expected);
}

TEST_CASE("a file that cannot be written is an error with the reason, and leaves nothing behind") {
  const tools::TemporaryFolder folder;
  const auto missing = folder.path() / "no" / "model.onnx";
  const std::string error = error_of([&] { save(missing, "", 10'000); });
  CHECK(contains(error, "'" + missing.string() + "' cannot be written: No such file or directory"));
  std::filesystem::create_directories(folder.path() / "taken.onnx" / "below");
  CHECK(contains(error_of([&] { save(folder.path() / "taken.onnx", "", 10'000); }), "taken.onnx' cannot be written: "));
  CHECK(files_in(folder) == std::vector<std::string>{"taken.onnx"});
}

}  // namespace save_model_test
