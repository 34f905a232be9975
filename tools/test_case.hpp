#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <hone/hone.hpp>
#include <hone/onnx/tensor_proto.hpp>

/// Folders in the layout of the ONNX backend tests: model.onnx with test_data_set_K/input_I.pb and output_O.pb.
namespace tools {

using NamedValues = std::vector<std::pair<std::string, hone::Value>>;

/// The files PREFIX_0.pb, PREFIX_1.pb … of a data set, by index.
[[nodiscard]] inline std::vector<std::pair<std::size_t, std::filesystem::path>> numbered_files(const std::filesystem::path& folder,
                                                                                               std::string_view prefix) {
  std::vector<std::pair<std::size_t, std::filesystem::path>> result;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string stem = entry.path().stem().string();
    if (entry.path().extension() != ".pb" || !stem.starts_with(std::string(prefix) + "_")) continue;
    const std::string number = stem.substr(prefix.size() + 1);
    if (number.empty() || number.find_first_not_of("0123456789") != std::string::npos) continue;
    result.emplace_back(std::strtoull(number.c_str(), nullptr, 10), entry.path());
  }
  std::sort(result.begin(), result.end());
  return result;
}

/// Reads the files of one direction: by the names in them where the model has such a name, else by position.
/// Errors: invalid_argument when there are more files than `arguments`; those of hone::read_value.
[[nodiscard]] inline NamedValues read_data_set(const std::filesystem::path& folder, std::string_view prefix,
                                               std::span<const hone::NodeArg> arguments) {
  NamedValues result;
  for (const auto& [index, file] : numbered_files(folder, prefix)) {
    std::string name;
    const hone::NodeArg* argument = index < arguments.size() ? &arguments[index] : nullptr;
    hone::Value value = hone::read_value(file, argument != nullptr ? argument->value_type : hone::Type(hone::DType::float32), &name);
    const auto named = std::find_if(arguments.begin(), arguments.end(), [&](const hone::NodeArg& other) { return other.name == name; });
    if (named != arguments.end() && &*named != argument) {
      argument = &*named;
      value = hone::read_value(file, argument->value_type);
    }
    if (argument == nullptr) hone::fail(hone::ErrorCode::invalid_argument, "the model has no ", prefix, " for ", file.filename().string());
    result.emplace_back(argument->name, std::move(value));
  }
  return result;
}

/// Whether the folder is a case: a model with at least one data set.
[[nodiscard]] inline bool is_test_case(const std::filesystem::path& folder) {
  if (!std::filesystem::exists(folder / "model.onnx")) return false;
  return std::any_of(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator(), [](const auto& entry) {
    return entry.is_directory() && entry.path().filename().string().starts_with("test_data_set_");
  });
}

/// The data sets of a case, sorted.
[[nodiscard]] inline std::vector<std::filesystem::path> data_sets(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> result;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.is_directory() && entry.path().filename().string().starts_with("test_data_set_")) result.push_back(entry.path());
  }
  std::sort(result.begin(), result.end());
  return result;
}

/// Every case at or below `root`, sorted.
[[nodiscard]] inline std::vector<std::filesystem::path> find_test_cases(const std::filesystem::path& root) {
  std::vector<std::filesystem::path> result;
  if (is_test_case(root)) result.push_back(root);
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(root, std::filesystem::directory_options::follow_directory_symlink)) {
    if (entry.is_directory() && is_test_case(entry.path())) result.push_back(entry.path());
  }
  std::sort(result.begin(), result.end());
  return result;
}

}  // namespace tools
