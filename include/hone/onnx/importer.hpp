#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/file_identity.hpp>
#include <hone/core/limits.hpp>
#include <hone/fwd.hpp>
#include <hone/graph/graph.hpp>
#include <hone/graph/registry.hpp>
#include <hone/onnx/model_proto.hpp>
#include <hone/session/node_arg.hpp>

namespace hone::inline HONE_ABI {

/// A model after import.
struct ImportedModel {
  Graph graph;
  ModelMetadata metadata;
  /// Initializers that are inputs too, so that a feed may override them.
  std::vector<NodeArg> overridable_initializers;
  /// Of external data.
  std::vector<SourceFile> files;
};

/// What becomes of initializers that are inputs too.
enum class InitializerInputs : std::uint8_t {
  constant,     ///< constants, as long as no feed overrides them
  overridable,  ///< inputs with a default: Graph::defaults
};

/// How a model is imported. Null: none.
struct ImportOptions {
  InitializerInputs initializer_inputs = InitializerInputs::constant;
  /// Sizes by the name (dim_param) and by the denotation of a dimension; the first wins.
  const std::map<std::string, std::int64_t>* free_dimension_overrides = nullptr;
  const std::map<std::string, std::int64_t>* free_dimension_overrides_by_denotation = nullptr;
  /// Tensors to take in place of initializers of the main graph.
  const std::map<std::string, Constant, std::less<>>* initializers = nullptr;
  /// External data by location, to take in place of files.
  const std::map<std::string, std::span<const std::byte>>* external_files = nullptr;
  /// Raw data that was taken out of the model: constants then refer to it, and to nothing in the model.
  const RawData* raw_data = nullptr;
  Limits limits = {};
  std::stop_token stop_token = {};
};

/// Makes the typed graph of a model: nodes sorted, functions inlined, each node resolved to one definition of `registry`, attributes
/// read, types inferred. Nodes without a definition stay in the graph with `op` null and a `problem`.
/// Constants refer into `model`, which they keep alive, to raw data, or into mapped files below `folder`.
/// Errors: invalid_graph, no_such_file (external data), resource_exhausted, cancelled; invalid_argument for options that name what the
/// model does not have.
[[nodiscard]] ImportedModel import_model(std::shared_ptr<const onnx::ModelProto> model, const std::filesystem::path& folder,
                                         const OpRegistry& registry, const ImportOptions& options = {});

}  // namespace hone::inline HONE_ABI

#if !HONE_COMPILED
#include <hone/onnx/importer_impl.hpp>
#endif
