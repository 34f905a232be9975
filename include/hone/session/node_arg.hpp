#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/type.hpp>
#include <hone/graph/graph.hpp>

namespace hone::inline HONE_ABI {

/// An input or output of a model.
struct NodeArg {
  std::string name;
  Type value_type;
  /// Dimensions as the model declares them; empty optional when it does not say.
  std::optional<std::vector<Dim>> shape;

  /// As ONNX writes it: "tensor(float)".
  [[nodiscard]] std::string type() const { return to_string(value_type); }
};

/// "(1, 3, height, width)", "?" where nothing is declared.
[[nodiscard]] inline std::string to_string(const std::optional<std::vector<Dim>>& shape) {
  if (!shape) return "?";
  return "(" + join(*shape, ", ") + (shape->size() == 1 ? ",)" : ")");
}

/// What a model says of itself.
struct ModelMetadata {
  std::string producer_name;
  std::string producer_version;
  std::string domain;
  std::string description;
  std::string graph_name;
  std::string graph_description;
  std::int64_t version = 0;
  std::int64_t ir_version = 0;
  std::map<std::string, std::string> custom_metadata_map;
  /// Version of each imported domain; ai.onnx is "".
  std::map<std::string, int> opset_imports;
};

}  // namespace hone::inline HONE_ABI
