#pragma once

#include <algorithm>
#include <complex>
#include <cstdint>
#include <map>
#include <random>
#include <string>

#include <hone/hone.hpp>

namespace tools {

/// The shape that `argument` declares, with `sizes` for its symbolic dimensions by name, 1 for those not in it.
[[nodiscard]] inline hone::Shape concrete_shape(const hone::NodeArg& argument, const std::map<std::string, std::int64_t>& sizes = {}) {
  hone::Shape result;
  if (!argument.shape) return result;
  for (const hone::Dim& dim : *argument.shape) {
    const auto size = sizes.find(dim.symbol);
    result.push_back(dim.value >= 0 ? dim.value : size == sizes.end() ? 1 : size->second);
  }
  return result;
}

namespace detail {

template <class T>
void fill(const hone::TensorRef& tensor, auto&& next) {
  std::generate_n(tensor.as<T>(), tensor.elements(), [&] { return static_cast<T>(next()); });
}

}  // namespace detail

/// A tensor of random elements: reals in [0, 1); integers 0 or 1, which are valid as token ids, masks and indices alike.
/// Errors: invalid_argument for values that are no tensors, and for element types that hone only stores.
[[nodiscard]] inline hone::Value random_input(const hone::NodeArg& argument, const hone::Shape& shape, std::mt19937_64& engine) {
  using hone::DType;
  if (!argument.value_type.is_tensor()) {
    hone::fail(hone::ErrorCode::invalid_argument, "input '", argument.name, "' is a ", argument.type(),
               ", for which there are no random values; give it as a .pb file");
  }
  hone::Value result = hone::Value::tensor(argument.value_type.dtype, shape);
  const hone::TensorRef& tensor = result.ref();
  const auto real = [&] { return static_cast<float>(engine() >> 40) * 0x1p-24f; };
  const auto integer = [&] { return engine() >> 63; };
  switch (tensor.dtype) {
    case DType::float32:
      detail::fill<float>(tensor, real);
      break;
    case DType::float64:
      detail::fill<double>(tensor, real);
      break;
    case DType::float16:
      detail::fill<hone::Half>(tensor, real);
      break;
    case DType::bfloat16:
      detail::fill<hone::BFloat16>(tensor, real);
      break;
    case DType::complex64:
      detail::fill<std::complex<float>>(tensor, real);
      break;
    case DType::complex128:
      detail::fill<std::complex<double>>(tensor, real);
      break;
    case DType::boolean:
      detail::fill<bool>(tensor, integer);
      break;
    case DType::int8:
    case DType::uint8:
      detail::fill<std::uint8_t>(tensor, integer);
      break;
    case DType::int16:
    case DType::uint16:
      detail::fill<std::uint16_t>(tensor, integer);
      break;
    case DType::int32:
    case DType::uint32:
      detail::fill<std::uint32_t>(tensor, integer);
      break;
    case DType::int64:
    case DType::uint64:
      detail::fill<std::uint64_t>(tensor, integer);
      break;
    case DType::string:
      std::generate_n(tensor.as<std::string>(), tensor.elements(), [&] { return std::string(1, static_cast<char>('a' + engine() % 26)); });
      break;
    default:
      hone::fail(hone::ErrorCode::invalid_argument, "input '", argument.name, "' holds ", hone::name(tensor.dtype),
                 ", for which there are no random values; give it as a .pb file");
  }
  return result;
}

}  // namespace tools
