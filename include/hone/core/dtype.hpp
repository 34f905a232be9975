#pragma once

#include <array>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include <hone/config.hpp>
#include <hone/core/narrow_float.hpp>

namespace hone::inline HONE_ABI {

/// Element types, numbered as TensorProto.DataType of ONNX.
enum class DType : std::uint8_t {
  undefined = 0,
  float32 = 1,
  uint8 = 2,
  int8 = 3,
  uint16 = 4,
  int16 = 5,
  int32 = 6,
  int64 = 7,
  string = 8,
  boolean = 9,
  float16 = 10,
  float64 = 11,
  uint32 = 12,
  uint64 = 13,
  complex64 = 14,
  complex128 = 15,
  bfloat16 = 16,
  float8e4m3fn = 17,
  float8e4m3fnuz = 18,
  float8e5m2 = 19,
  float8e5m2fnuz = 20,
  uint4 = 21,
  int4 = 22,
  float4e2m1 = 23,
  float8e8m0 = 24,
  uint2 = 25,
  int2 = 26,
  float6e2m3 = 27,
  float6e3m2 = 28,
};

inline constexpr int dtype_count = 29;

namespace detail {

struct DTypeFacts {
  std::string_view name;  // as in ONNX type strings: tensor(NAME)
  std::uint16_t bits;     // of one element; 0 for undefined
};

inline constexpr std::array<DTypeFacts, dtype_count> dtype_facts{{
    {"undefined", 0},      {"float", 32},     {"uint8", 8},
    {"int8", 8},           {"uint16", 16},    {"int16", 16},
    {"int32", 32},         {"int64", 64},     {"string", 8 * sizeof(std::string)},
    {"bool", 8},           {"float16", 16},   {"double", 64},
    {"uint32", 32},        {"uint64", 64},    {"complex64", 64},
    {"complex128", 128},   {"bfloat16", 16},  {"float8e4m3fn", 8},
    {"float8e4m3fnuz", 8}, {"float8e5m2", 8}, {"float8e5m2fnuz", 8},
    {"uint4", 4},          {"int4", 4},       {"float4e2m1", 4},
    {"float8e8m0", 8},     {"uint2", 2},      {"int2", 2},
    {"float6e2m3", 6},     {"float6e3m2", 6},
}};

template <DType D>
using DTypeConstant = std::integral_constant<DType, D>;

template <class T>
struct DTypeOf;  // hone::dtype_of<T> needs T to be the element type of an ONNX tensor.

// clang-format off
template <> struct DTypeOf<float> : DTypeConstant<DType::float32> {};
template <> struct DTypeOf<std::uint8_t> : DTypeConstant<DType::uint8> {};
template <> struct DTypeOf<std::int8_t> : DTypeConstant<DType::int8> {};
template <> struct DTypeOf<std::uint16_t> : DTypeConstant<DType::uint16> {};
template <> struct DTypeOf<std::int16_t> : DTypeConstant<DType::int16> {};
template <> struct DTypeOf<std::int32_t> : DTypeConstant<DType::int32> {};
template <> struct DTypeOf<std::int64_t> : DTypeConstant<DType::int64> {};
template <> struct DTypeOf<std::string> : DTypeConstant<DType::string> {};
template <> struct DTypeOf<bool> : DTypeConstant<DType::boolean> {};
template <> struct DTypeOf<Half> : DTypeConstant<DType::float16> {};
template <> struct DTypeOf<double> : DTypeConstant<DType::float64> {};
template <> struct DTypeOf<std::uint32_t> : DTypeConstant<DType::uint32> {};
template <> struct DTypeOf<std::uint64_t> : DTypeConstant<DType::uint64> {};
template <> struct DTypeOf<std::complex<float>> : DTypeConstant<DType::complex64> {};
template <> struct DTypeOf<std::complex<double>> : DTypeConstant<DType::complex128> {};
template <> struct DTypeOf<BFloat16> : DTypeConstant<DType::bfloat16> {};
template <> struct DTypeOf<Float8E4M3FN> : DTypeConstant<DType::float8e4m3fn> {};
template <> struct DTypeOf<Float8E4M3FNUZ> : DTypeConstant<DType::float8e4m3fnuz> {};
template <> struct DTypeOf<Float8E5M2> : DTypeConstant<DType::float8e5m2> {};
template <> struct DTypeOf<Float8E5M2FNUZ> : DTypeConstant<DType::float8e5m2fnuz> {};
template <> struct DTypeOf<UInt4x2> : DTypeConstant<DType::uint4> {};
template <> struct DTypeOf<Int4x2> : DTypeConstant<DType::int4> {};
template <> struct DTypeOf<Float4E2M1x2> : DTypeConstant<DType::float4e2m1> {};
template <> struct DTypeOf<Float8E8M0> : DTypeConstant<DType::float8e8m0> {};
template <> struct DTypeOf<UInt2x4> : DTypeConstant<DType::uint2> {};
template <> struct DTypeOf<Int2x4> : DTypeConstant<DType::int2> {};
template <> struct DTypeOf<Float6E2M3Packed> : DTypeConstant<DType::float6e2m3> {};
template <> struct DTypeOf<Float6E3M2Packed> : DTypeConstant<DType::float6e3m2> {};
// clang-format on

/// Named so that a compiler that refuses a T says why.
template <class T>
inline constexpr bool is_element_type_of_onnx = requires {
  DTypeOf<std::remove_const_t<T>>::value;
};

}  // namespace detail

/// A C++ type that can be the element of a tensor. For types of fewer than 8 bits it is a byte of the elements
/// as they are packed.
template <class T>
concept Element = detail::is_element_type_of_onnx<T>;

template <Element T>
inline constexpr DType dtype_of = detail::DTypeOf<std::remove_const_t<T>>::value;

/// Name as ONNX writes it between the parentheses of `tensor(...)`.
[[nodiscard]] constexpr std::string_view name(DType dtype) noexcept { return detail::dtype_facts[static_cast<std::size_t>(dtype)].name; }

[[nodiscard]] inline std::string to_string(DType dtype) { return std::string(name(dtype)); }

/// Bits of one element.
[[nodiscard]] constexpr int bit_width(DType dtype) noexcept { return detail::dtype_facts[static_cast<std::size_t>(dtype)].bits; }

/// Bytes of one element; 0 for the types that pack several into a byte.
[[nodiscard]] constexpr std::size_t element_size(DType dtype) noexcept { return static_cast<std::size_t>(bit_width(dtype)) / 8; }

/// Bytes that `elements` of `dtype` take, sub-byte types packed.
[[nodiscard]] constexpr std::size_t storage_bytes(DType dtype, std::size_t elements) noexcept {
  const auto bits = static_cast<std::size_t>(bit_width(dtype));
  return bits >= 8 ? elements * (bits / 8) : elements / 8 * bits + (elements % 8 * bits + 7) / 8;
}

[[nodiscard]] constexpr bool is_valid(std::int64_t onnx_data_type) noexcept { return onnx_data_type > 0 && onnx_data_type < dtype_count; }

/// int8 or uint8.
[[nodiscard]] constexpr bool is_byte(DType dtype) noexcept { return dtype == DType::int8 || dtype == DType::uint8; }

[[nodiscard]] constexpr bool is_integral(DType dtype) noexcept {
  switch (dtype) {
    case DType::uint8:
    case DType::int8:
    case DType::uint16:
    case DType::int16:
    case DType::int32:
    case DType::int64:
    case DType::uint32:
    case DType::uint64:
      return true;
    default:
      return false;
  }
}

}  // namespace hone::inline HONE_ABI
