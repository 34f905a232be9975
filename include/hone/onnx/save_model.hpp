#pragma once

#include <filesystem>

#include <hone/config.hpp>
#include <hone/onnx/exporter.hpp>

namespace hone::inline HONE_ABI {

/// Writes export_model() to `file`. Weights beyond ExportOptions::max_inline_bytes go to a file beside it, whose name is that of `file` and
/// ".data"; ExportOptions::external_location is set here. Both files take the place of older ones only when they are complete.
/// Errors: those of export_model(); no_such_file with the path and the reason of the system; resource_exhausted for what protobuf cannot
/// write.
void save_model(const std::filesystem::path& file, const Graph& graph, const ModelMetadata& metadata, const OpRegistry& registry,
                ExportOptions options = {});

}  // namespace hone::inline HONE_ABI

#if !HONE_COMPILED
#include <hone/onnx/save_model_impl.hpp>
#endif
