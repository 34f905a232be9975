#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include <onnx/onnx_pb.h>

#include <hone/providers/cpu.hpp>
#include <hone/session/session.hpp>

#include "../../tools/compare.hpp"
#include "../../tools/temporary_folder.hpp"
#include "support/model.hpp"

namespace hone_test {

/// Names, sorted.
[[nodiscard]] inline std::vector<std::string> files_in(const tools::TemporaryFolder& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

[[nodiscard]] inline onnx::ModelProto parsed(const std::filesystem::path& file) {
  onnx::ModelProto proto;
  std::ifstream stream(file, std::ios::binary);
  if (!proto.ParseFromIstream(&stream)) hone::fail(hone::ErrorCode::invalid_protobuf, "'", file.string(), "' is no model");
  return proto;
}

/// A model, the file that a session saves of it, and what a session makes of that file.
class SavedModel {
 public:
  explicit SavedModel(const onnx::ModelProto& model, hone::SessionOptions options = {})
      : before(model, saving(options)), proto(parsed(file())), after(file(), options) {}

  /// Whether both sessions give the same bits, after no rewrite in the second one.
  [[nodiscard]] bool agrees(std::initializer_list<hone::Feed> feeds) const {
    if (!after.report().rewrites.empty()) return false;
    const hone::Outputs expected = before.run(feeds);
    const hone::Outputs outputs = after.run(feeds);
    for (const auto& [name, value] : expected)
      if (!tools::identical(outputs[name], value)) return false;
    return expected.size() == outputs.size();
  }
  /// The first node of that type in the saved main graph. Errors: invalid_argument.
  [[nodiscard]] const onnx::NodeProto& node(const std::string& op_type) const {
    for (const auto& node : proto.graph().node())
      if (node.op_type() == op_type) return node;
    hone::fail(hone::ErrorCode::invalid_argument, "the saved model has no ", op_type);
  }
  [[nodiscard]] std::filesystem::path file() const { return folder_.path() / "model.onnx"; }

 private:
  [[nodiscard]] hone::SessionOptions saving(hone::SessionOptions options) const {
    options.optimized_model_filepath = file();
    return options;
  }

  tools::TemporaryFolder folder_;

 public:
  hone::Session before;
  onnx::ModelProto proto;
  hone::Session after;
};

/// Null when the node does not have it.
[[nodiscard]] inline const onnx::AttributeProto* attribute_of(const onnx::NodeProto& node, const std::string& name) {
  for (const auto& attribute : node.attribute())
    if (attribute.name() == name) return &attribute;
  return nullptr;
}

}  // namespace hone_test
