#pragma once

#include <string_view>

#include <onnx/onnx_pb.h>

#include <hone/config.hpp>
#include <hone/core/error.hpp>
#include <hone/graph/graph.hpp>
#include <hone/graph/registry.hpp>

/// A model imports one version of each domain, but the nodes of a graph may have been read by several: functions bring opsets of their own,
/// and rewrites make operators that are newer than the model. A node that does not mean the same by the version of the model says its own
/// in an attribute. Runtimes that do not know the attribute refuse the node, as they must: by the version of the model it would compute
/// something else.
namespace hone::inline HONE_ABI::detail {

inline constexpr std::string_view opset_attribute = "hone_opset";

/// The version by which the node is to be read: that of its attribute, else that of the model. Errors: invalid_graph.
inline int opset_of(const onnx::NodeProto& node, int of_model) {
  for (const auto& attribute : node.attribute()) {
    if (attribute.name() != opset_attribute) continue;
    if (attribute.type() != onnx::AttributeProto::INT || attribute.i() != static_cast<int>(attribute.i()))
      fail(ErrorCode::invalid_graph, "the attribute '", opset_attribute, "' is no opset version");
    return static_cast<int>(attribute.i());
  }
  return of_model;
}

/// Whether the node is read as the same operator, with the same members, by another version. An operator is made of its attributes and of
/// how the version compares with some numbers, and of nothing else.
inline bool reads_alike(const Node& node, int version, const OpRegistry& registry) {
  if (version == node.opset) return true;
  if (node.op == nullptr || registry.find(node.domain, node.op_type, version) != &node.op->info()) return false;
  AttributeReader reader(node.attributes, node.opset);
  (void)node.op->info().create(reader);
  return reader.opset().compares_like(version);
}

}  // namespace hone::inline HONE_ABI::detail
