#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/error.hpp>
#include <hone/core/value.hpp>
#include <hone/session/node_arg.hpp>

namespace hone::inline HONE_ABI::detail {

inline std::string quoted_names(const std::vector<NodeArg>& args) {
  std::string result;
  for (const NodeArg& arg : args) result += text(result.empty() ? "'" : ", '", arg.name, "'");
  return result.empty() ? "none" : result;
}

/// What goes into a model and comes out of it, by name.
struct ModelInterface {
  std::vector<NodeArg> inputs;
  std::vector<NodeArg> overridable;
  std::vector<NodeArg> outputs;
  ModelMetadata metadata;

  /// Index of an input; inputs.size() + index for an overridable initializer. `hint`: where to look first.
  /// Errors: invalid_argument that lists the inputs.
  [[nodiscard]] std::size_t input_index(std::string_view name, std::size_t hint = 0) const {
    if (const std::size_t at = find(inputs, name, hint); at < inputs.size()) return at;
    if (const std::size_t at = find(overridable, name, 0); at < overridable.size()) return inputs.size() + at;
    fail(ErrorCode::invalid_argument, "the model has no input '", name, "'; its inputs are ", quoted_names(inputs));
  }
  /// Index of an output. Errors: invalid_argument that lists the outputs.
  [[nodiscard]] std::size_t output_index(std::string_view name, std::size_t hint = 0) const {
    if (const std::size_t at = find(outputs, name, hint); at < outputs.size()) return at;
    fail(ErrorCode::invalid_argument, "the model has no output '", name, "'; its outputs are ", quoted_names(outputs));
  }
  [[nodiscard]] const NodeArg& input(std::size_t i) const { return i < inputs.size() ? inputs[i] : overridable[i - inputs.size()]; }

  /// Errors: invalid_argument for a type, dimension, alignment or missing memory that the model does not take.
  void check_feed(std::size_t i, const ValueRef& value) const {
    const NodeArg& arg = input(i);
    const bool same_tensor = value.is_tensor() && arg.value_type.is_tensor() && value.tensor().dtype == arg.value_type.dtype;
    const bool nothing = arg.value_type.kind == Type::Kind::optional && !value.type().is_known();
    if (!same_tensor && !nothing && !arg.value_type.accepts(value.type())) {
      fail(ErrorCode::invalid_argument, "the input '", arg.name, "' has type ", value.type(), "; the model expects ", arg.type());
    }
    if (!value.is_tensor()) return;
    const TensorRef& tensor = value.tensor();
    const std::size_t alignment = std::min<std::size_t>(std::max<std::size_t>(element_size(tensor.dtype), 1), 8);
    if (reinterpret_cast<std::uintptr_t>(tensor.data) % alignment != 0) {
      fail(ErrorCode::invalid_argument, "the memory of the input '", arg.name, "' is not aligned to ", alignment, " bytes");
    }
    if (checked_bytes(tensor.dtype, tensor.shape) != 0 && tensor.data == nullptr) {
      fail(ErrorCode::invalid_argument, "the input '", arg.name, "' of shape ", tensor.shape, " has no memory");
    }
    if (!arg.shape) return;
    bool fits = arg.shape->size() == tensor.shape.rank();
    for (std::size_t axis = 0; fits && axis < tensor.shape.rank(); ++axis) {
      const std::int64_t declared = (*arg.shape)[axis].value;
      fits = declared < 0 || declared == tensor.shape[axis];
    }
    if (!fits) {
      fail(ErrorCode::invalid_argument, "the input '", arg.name, "' has shape ", tensor.shape, "; the model expects ",
           to_string(arg.shape));
    }
  }

  /// Errors: invalid_argument when the caller's tensor cannot have the type of the output.
  void check_result(std::size_t i, const ResultRef& result) const {
    const NodeArg& arg = outputs[i];
    if (result.value() != nullptr || !arg.value_type.is_known()) return;
    if (!arg.value_type.is_tensor() || arg.value_type.dtype != result.tensor().dtype) {
      fail(ErrorCode::invalid_argument, "the tensor for the output '", arg.name, "' is ", Type(result.tensor().dtype), "; the model gives ",
           arg.value_type);
    }
  }

 private:
  static std::size_t find(const std::vector<NodeArg>& args, std::string_view name, std::size_t hint) {
    if (hint < args.size() && args[hint].name == name) return hint;
    for (std::size_t i = 0; i < args.size(); ++i)
      if (args[i].name == name) return i;
    return args.size();
  }
};

}  // namespace hone::inline HONE_ABI::detail
