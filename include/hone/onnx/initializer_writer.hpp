#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <unordered_set>
#include <utility>
#include <vector>

#include <onnx/onnx_pb.h>

#include <hone/config.hpp>
#include <hone/core/buffer.hpp>
#include <hone/onnx/exported_model.hpp>
#include <hone/onnx/write_tensor.hpp>

namespace hone::inline HONE_ABI::detail {

/// The initializers of a model: collected first, so that their sum decides where they stand.
class InitializerWriter {
 public:
  /// What a feed may override.
  void add_default(const std::string& name, const TensorRef& tensor) {
    if (names_.insert(name).second) tensors_.emplace_back(name, tensor);
  }
  /// Does nothing for a name that is there.
  void add_constant(const std::string& name, const TensorRef& tensor) {
    add_default(name, tensor);
    by_elements_.try_emplace(key(tensor), name);
  }
  /// The constant with these very elements; "" when there is none. Subgraphs hold the constants of the graphs around them too.
  [[nodiscard]] std::string name_of(const TensorRef& tensor) const {
    const auto found = by_elements_.find(key(tensor));
    return found == by_elements_.end() ? std::string() : found->second;
  }

  /// Returns what has to be written to the external file.
  [[nodiscard]] std::vector<ExportedModel::ExternalTensor> write(const ExportOptions& options, onnx::GraphProto& to) const {
    std::size_t bytes = 0;
    for (const auto& [name, tensor] : tensors_)
      if (tensor.dtype != DType::string) bytes += tensor.bytes();
    const bool external = bytes > options.max_inline_bytes && !options.external_location.empty();
    constexpr std::size_t small = 1024;  // bytes; what models compute shapes from stays in the model
    std::vector<ExportedModel::ExternalTensor> result;
    std::uint64_t offset = 0;
    for (const auto& [name, tensor] : tensors_) {
      onnx::TensorProto& proto = *to.add_initializer();
      if (!external || tensor.dtype == DType::string || tensor.bytes() < small) {
        write_tensor(tensor, name, proto);
        continue;
      }
      write_tensor_header(tensor, name, proto);
      write_location(options.external_location, offset, tensor.bytes(), proto);
      result.push_back({offset, tensor});
      offset += align_up(tensor.bytes());
    }
    return result;
  }

 private:
  using Key = std::tuple<const void*, DType, std::vector<std::int64_t>>;

  static Key key(const TensorRef& tensor) { return {tensor.data, tensor.dtype, {tensor.shape.begin(), tensor.shape.end()}}; }

  static void write_location(const std::string& location, std::uint64_t offset, std::size_t length, onnx::TensorProto& to) {
    to.set_data_location(onnx::TensorProto::EXTERNAL);
    const auto write = [&](const char* entry_key, const std::string& value) {
      auto& entry = *to.add_external_data();
      entry.set_key(entry_key);
      entry.set_value(value);
    };
    write("location", location);
    write("offset", std::to_string(offset));
    write("length", std::to_string(length));
  }

  std::vector<std::pair<std::string, TensorRef>> tensors_;
  std::unordered_set<std::string> names_;
  std::map<Key, std::string> by_elements_;
};

}  // namespace hone::inline HONE_ABI::detail
