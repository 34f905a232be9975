#pragma once

#include <hone/config.hpp>
#include <hone/graph/graph.hpp>
#include <hone/graph/registry.hpp>
#include <hone/onnx/exported_model.hpp>
#include <hone/session/node_arg.hpp>

namespace hone::inline HONE_ABI {

/// Writes a graph as a model that import_model() reads as the same graph: the same operators on the same values in the same order, with the
/// names, types and shapes that the graph knows. Constants become initializers of the main graph, each once. An output that is an input, or
/// another output, is copied by an Identity. Private operators stay in their domain `hone`.
/// `registry` is what the graph was imported with.
/// Errors: not_implemented for a node that the registry resolves to another operator than the graph has.
[[nodiscard]] ExportedModel export_model(const Graph& graph, const ModelMetadata& metadata, const OpRegistry& registry,
                                         const ExportOptions& options = {});

}  // namespace hone::inline HONE_ABI

#if !HONE_COMPILED
#include <hone/onnx/exporter_impl.hpp>
#endif
