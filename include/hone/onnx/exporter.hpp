#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/tensor.hpp>
#include <hone/fwd.hpp>
#include <hone/graph/graph.hpp>
#include <hone/graph/registry.hpp>
#include <hone/session/node_arg.hpp>

namespace hone::inline HONE_ABI {

/// How a graph is exported.
struct ExportOptions {
  /// Types and shapes that the model declares for the outputs of the main graph, in order; empty: those that the graph knows.
  std::span<const NodeArg> outputs = {};
  /// Name of the file for large tensors, relative to the model. Empty: they all stand in the model.
  std::string external_location = {};
  /// Bytes of weights up to which the model holds them itself. The default leaves 128 MiB for all else of the 2 GiB that protobuf writes.
  std::size_t max_inline_bytes = (std::size_t{1} << 31) - (std::size_t{1} << 27);
};

/// A graph as a message.
struct ExportedModel {
  /// A tensor that stands in the file ExportOptions::external_location.
  struct ExternalTensor {
    std::uint64_t offset;  ///< in bytes, a multiple of buffer_alignment
    TensorRef tensor;
  };

  std::shared_ptr<const onnx::ModelProto> model;
  /// By offset. They refer to constants of the graph.
  std::vector<ExternalTensor> external;
};

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
