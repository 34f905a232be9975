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

}  // namespace hone::inline HONE_ABI
