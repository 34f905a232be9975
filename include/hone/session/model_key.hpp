#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/file_identity.hpp>
#include <hone/session/custom_op.hpp>
#include <hone/session/model_source.hpp>
#include <hone/session/options.hpp>

namespace hone::inline HONE_ABI::detail {

/// Memory of the caller, which stays as it is while a session that was given it lives: the same place is the same contents.
struct CallerMemory {
  const void* data = nullptr;
  DType dtype = DType::undefined;
  Shape shape;

  friend bool operator==(const CallerMemory&, const CallerMemory&) = default;
};

/// Everything that decides what a session makes of a model. Sessions of equal keys can share that.
struct ModelKey {
  FileIdentity file;
  std::filesystem::path folder;  ///< of external data, canonical
  std::vector<AnyProvider> providers;
  std::vector<std::shared_ptr<const CustomOp>> custom_ops;
  GraphOptimizationLevel level = GraphOptimizationLevel::all;
  std::vector<std::string> disabled_optimizers;
  bool denormal_as_zero = false;  // constants are folded by threads that do so
  bool deterministic = false;
  bool no_cpu_fallback = false;
  Limits limits;  // plans are checked against them
  std::map<std::string, std::int64_t> dimensions;
  std::map<std::string, std::int64_t> dimensions_by_denotation;
  std::map<std::string, CallerMemory> initializers;
  std::map<std::string, CallerMemory> external_files;

  friend bool operator==(const ModelKey&, const ModelKey&) = default;
};

/// The key of what a session makes of the model; nothing when it is the session's own. A model that is kept as a message has no other
/// session. `folder`: of external data.
[[nodiscard]] inline std::optional<ModelKey> key_of(const ModelSource& source, const std::filesystem::path& folder,
                                                    const SessionOptions& options) {
  // All members of SessionOptions by name, so that a new one does not compile before it stands here: in the key, or among those that change
  // nothing in it. The latter: threads, since plans say for how many they are, as they say for which execution mode; what is written,
  // logged or cancelled on the way; and config_entries, which have been applied to the other members.
  const auto& [providers, level, disabled_optimizers, optimized_model_filepath, intra_op_num_threads, inter_op_num_threads, execution_mode,
               allow_spinning, use_per_session_threads, intra_op_thread_affinities, use_per_session_weights, set_denormal_as_zero, executor,
               use_deterministic_compute, disable_cpu_fallback, limits, free_dimension_overrides, free_dimension_overrides_by_denotation,
               external_data_folder, initializers, external_files, config_entries, enable_profiling, profile_file_prefix, log_callback,
               log_severity, log_id, stop_token, custom_ops] = options;
  // A session that saves its graph needs it as it was before kernels took the weights out of it.
  if (use_per_session_weights || !optimized_model_filepath.empty() || source.is_kept()) return std::nullopt;
  const std::optional<FileIdentity> file = FileIdentity::of(source.file());
  if (!file) return std::nullopt;
  std::error_code error;
  std::filesystem::path canonical = std::filesystem::canonical(folder.empty() ? std::filesystem::path(".") : folder, error);
  if (error) return std::nullopt;

  ModelKey key{.file = *file,
               .folder = std::move(canonical),
               .providers = providers,
               .custom_ops = custom_ops,
               .level = level,
               .disabled_optimizers = disabled_optimizers,
               .denormal_as_zero = set_denormal_as_zero,
               .deterministic = use_deterministic_compute,
               .no_cpu_fallback = disable_cpu_fallback,
               .limits = limits,
               .dimensions = free_dimension_overrides,
               .dimensions_by_denotation = free_dimension_overrides_by_denotation,
               .initializers = {},
               .external_files = {}};
  for (const auto& [name, constant] : initializers)
    key.initializers.emplace(name, CallerMemory{constant.tensor.data, constant.tensor.dtype, constant.tensor.shape});
  for (const auto& [location, bytes] : external_files)
    key.external_files.emplace(location, CallerMemory{bytes.data(), DType::uint8, Shape{static_cast<std::int64_t>(bytes.size())}});
  return key;
}

}  // namespace hone::inline HONE_ABI::detail
