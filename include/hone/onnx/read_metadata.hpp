#pragma once

#include <map>
#include <string>

#include <onnx/onnx_pb.h>

#include <hone/config.hpp>
#include <hone/onnx/function_proto.hpp>
#include <hone/session/node_arg.hpp>

namespace hone::inline HONE_ABI::detail {

/// Version by domain; "" is ai.onnx.
using Opsets = std::map<std::string, int>;

template <class Imports>
Opsets read_opsets(const Imports& imports) {
  Opsets opsets;
  for (const auto& import : imports) opsets[canonical_domain(import.domain())] = static_cast<int>(import.version());
  return opsets;
}

inline ModelMetadata read_metadata(const onnx::ModelProto& model) {
  ModelMetadata metadata;
  metadata.producer_name = model.producer_name();
  metadata.producer_version = model.producer_version();
  metadata.domain = model.domain();
  metadata.description = model.doc_string();
  metadata.graph_name = model.graph().name();
  metadata.graph_description = model.graph().doc_string();
  metadata.version = model.model_version();
  metadata.ir_version = model.ir_version();
  for (const auto& entry : model.metadata_props()) metadata.custom_metadata_map[entry.key()] = entry.value();
  metadata.opset_imports = read_opsets(model.opset_import());
  return metadata;
}

}  // namespace hone::inline HONE_ABI::detail
