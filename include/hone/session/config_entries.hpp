#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include <hone/config.hpp>
#include <hone/core/error.hpp>
#include <hone/session/options.hpp>

namespace hone::inline HONE_ABI {

/// A key of SessionOptions::config_entries.
struct ConfigKey {
  std::string_view key;
  std::string_view meaning;
  void (*apply)(SessionOptions&, const ConfigKey&, const std::string& value);
};

namespace detail {

[[noreturn]] HONE_COLD inline void refuse_config(const ConfigKey& key, const std::string& value, std::string_view expected) {
  fail(ErrorCode::invalid_argument, "the config entry '", key.key, "' is '", value, "'; it must be ", expected);
}

template <bool SessionOptions::*Member>
void apply_flag(SessionOptions& options, const ConfigKey& key, const std::string& value) {
  if (value != "0" && value != "1") refuse_config(key, value, "0 or 1");
  options.*Member = value == "1";
}

template <class T>
T config_number(const ConfigKey& key, const std::string& value) {
  T number{};
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc{} || end != value.data() + value.size() || number < T{}) refuse_config(key, value, "a natural number");
  return number;
}

template <auto Member>
void apply_limit(SessionOptions& options, const ConfigKey& key, const std::string& value) {
  auto& limit = options.limits.*Member;
  limit = config_number<std::remove_reference_t<decltype(limit)>>(key, value);
}

inline void apply_disabled(SessionOptions& options, const ConfigKey&, const std::string& value) {
  for (std::size_t begin = 0; begin <= value.size();) {
    const std::size_t end = std::min(value.find(';', begin), value.size());
    std::string name = value.substr(begin, end - begin);
    auto& names = options.disabled_optimizers;
    if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
    begin = end + 1;
  }
}

inline void apply_folder(SessionOptions& options, const ConfigKey&, const std::string& value) { options.external_data_folder = value; }

inline constexpr std::array config_table{
    ConfigKey{"optimization.disable_specified_optimizers", "names of rewrites, separated by ';': SessionOptions::disabled_optimizers",
              &apply_disabled},
    ConfigKey{"session.disable_cpu_ep_fallback", "0 or 1: SessionOptions::disable_cpu_fallback",
              &apply_flag<&SessionOptions::disable_cpu_fallback>},
    ConfigKey{"session.intra_op.allow_spinning", "0 or 1: SessionOptions::allow_spinning", &apply_flag<&SessionOptions::allow_spinning>},
    ConfigKey{"session.limits.max_arena_bytes", "bytes: Limits", &apply_limit<&Limits::max_arena_bytes>},
    ConfigKey{"session.limits.max_loop_iterations", "a number: Limits", &apply_limit<&Limits::max_loop_iterations>},
    ConfigKey{"session.limits.max_nesting", "a number: Limits", &apply_limit<&Limits::max_nesting>},
    ConfigKey{"session.limits.max_nodes", "a number: Limits", &apply_limit<&Limits::max_nodes>},
    ConfigKey{"session.limits.max_tensor_bytes", "bytes: Limits", &apply_limit<&Limits::max_tensor_bytes>},
    ConfigKey{"session.limits.max_tensor_elements", "a number: Limits", &apply_limit<&Limits::max_tensor_elements>},
    ConfigKey{"session.model_external_initializers_file_folder_path", "a folder: SessionOptions::external_data_folder", &apply_folder},
    ConfigKey{"session.set_denormal_as_zero", "0 or 1: SessionOptions::set_denormal_as_zero",
              &apply_flag<&SessionOptions::set_denormal_as_zero>},
    ConfigKey{"session.use_deterministic_compute", "0 or 1: SessionOptions::use_deterministic_compute",
              &apply_flag<&SessionOptions::use_deterministic_compute>},
    ConfigKey{"session.use_per_session_threads", "0 or 1: SessionOptions::use_per_session_threads",
              &apply_flag<&SessionOptions::use_per_session_threads>},
    ConfigKey{"session.use_per_session_weights", "0 or 1: SessionOptions::use_per_session_weights",
              &apply_flag<&SessionOptions::use_per_session_weights>},
};

}  // namespace detail

/// The keys that SessionOptions::config_entries may have, in alphabetical order. Where ONNX Runtime has such a key, it is the same.
[[nodiscard]] inline std::span<const ConfigKey> config_keys() noexcept { return detail::config_table; }

/// Does what the entries say.
/// Errors: invalid_argument for an unknown key, which lists the known ones, or a value that it cannot have.
inline void apply_config_entries(SessionOptions& options) {
  for (const auto& [key, value] : options.config_entries) {
    const ConfigKey* found = nullptr;
    std::string known;
    for (const ConfigKey& entry : config_keys()) {
      if (entry.key == key) found = &entry;
      known += text(known.empty() ? "" : ", ", entry.key);
    }
    if (found == nullptr) fail(ErrorCode::invalid_argument, "there is no config entry '", key, "'; known: ", known);
    found->apply(options, *found, value);
  }
}

}  // namespace hone::inline HONE_ABI
