#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/value.hpp>
#include <hone/graph/attribute.hpp>

namespace hone::inline HONE_ABI::detail {

inline Value float_scalar(DType dtype, float number) {
  switch (dtype) {
    case DType::float64:
      return Tensor<double>({}, {static_cast<double>(number)});
    case DType::float16:
      return Tensor<Half>({}, {Half(number)});
    case DType::bfloat16:
      return Tensor<BFloat16>({}, {BFloat16(number)});
    default:
      return Tensor<float>({}, {number});
  }
}

/// The tensor that an attribute stands for: a scalar for a number or a string, a 1-D tensor for a list; null for other kinds.
/// A number is a `float_dtype` when it is no integer.
inline std::shared_ptr<Value> value_of(const Attribute& attribute, DType float_dtype) {
  const auto list = [](const auto& values) {
    using T = typename std::remove_cvref_t<decltype(values)>::value_type;
    return std::make_shared<Value>(Tensor<T>({static_cast<std::int64_t>(values.size())}, values));
  };
  if (const auto* value = std::get_if<std::int64_t>(&attribute)) return std::make_shared<Value>(Tensor<std::int64_t>({}, {*value}));
  if (const auto* value = std::get_if<float>(&attribute)) return std::make_shared<Value>(float_scalar(float_dtype, *value));
  if (const auto* value = std::get_if<std::string>(&attribute)) return std::make_shared<Value>(Tensor<std::string>({}, {*value}));
  if (const auto* values = std::get_if<std::vector<std::int64_t>>(&attribute)) return list(*values);
  if (const auto* values = std::get_if<std::vector<float>>(&attribute)) return list(*values);
  if (const auto* values = std::get_if<std::vector<std::string>>(&attribute)) return list(*values);
  return nullptr;
}

}  // namespace hone::inline HONE_ABI::detail
