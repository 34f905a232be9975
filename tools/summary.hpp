#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include <hone/hone.hpp>

namespace tools {

namespace detail {

/// Elements as double, for the types that have such a reading; empty for the others.
inline std::vector<double> as_doubles(const hone::TensorRef& tensor) {
  using hone::DType;
  const auto read = [&]<class T>(T) {
    std::vector<double> result;
    result.reserve(static_cast<std::size_t>(tensor.elements()));
    std::transform(tensor.as<const T>(), tensor.as<const T>() + tensor.elements(), std::back_inserter(result),
                   [](T x) { return static_cast<double>(x); });
    return result;
  };
  switch (tensor.dtype) {
    case DType::float32:
      return read(float{});
    case DType::float64:
      return read(double{});
    case DType::float16:
      return read(hone::Half{});
    case DType::bfloat16:
      return read(hone::BFloat16{});
    case DType::boolean:
    case DType::uint8:
      return read(std::uint8_t{});
    case DType::int8:
      return read(std::int8_t{});
    case DType::uint16:
      return read(std::uint16_t{});
    case DType::int16:
      return read(std::int16_t{});
    case DType::uint32:
      return read(std::uint32_t{});
    case DType::int32:
      return read(std::int32_t{});
    case DType::uint64:
      return read(std::uint64_t{});
    case DType::int64:
      return read(std::int64_t{});
    default:
      return {};
  }
}

inline std::string summary_of_tensor(const hone::TensorRef& tensor) {
  constexpr std::size_t shown = 6;
  const auto count = static_cast<std::size_t>(tensor.elements());
  const auto list = [&](auto&& element) {
    std::string result = "[";
    for (std::size_t i = 0; i < std::min(count, shown); ++i) result += (i == 0 ? "" : " ") + element(i);
    return result + (count > shown ? " ...]" : "]");
  };
  if (tensor.dtype == hone::DType::string) return list([&](std::size_t i) { return "'" + tensor.as<const std::string>()[i] + "'"; });
  const std::vector<double> values = as_doubles(tensor);
  if (values.empty()) return count == 0 ? "no elements" : hone::text(tensor.bytes(), " bytes");
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  double sum = 0;
  std::size_t not_finite = 0;
  for (const double value : values) {
    sum += value;
    not_finite += std::isfinite(value) ? 0 : 1;
  }
  const auto show = [](double value) { return hone::text(static_cast<float>(value)); };
  std::string result = list([&](std::size_t i) { return show(values[i]); });
  result += hone::text("  min ", show(*least), ", max ", show(*most), " at ", most - values.begin(), ", mean ",
                       show(sum / static_cast<double>(count)));
  if (not_finite != 0) result += hone::text(", ", not_finite, " not finite");
  return result;
}

}  // namespace detail

/// One line on a value: its first elements, and the least, the largest and the mean.
[[nodiscard]] inline std::string summary(const hone::Value& value) {
  if (value.is_tensor()) return hone::text(value.type(), " ", value.shape(), "  ", detail::summary_of_tensor(value.ref()));
  if (value.is_sequence()) {
    std::string result = hone::text(value.type(), " of ", value.elements().size());
    for (const hone::Value& element : value.elements()) result += "\n    " + summary(element);
    return result;
  }
  if (value.is_map()) return hone::text(value.type(), "\n    keys ", summary(value.keys()), "\n    values ", summary(value.values()));
  return "no value";
}

}  // namespace tools
