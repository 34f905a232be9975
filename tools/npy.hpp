#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <hone/core/error.hpp>
#include <hone/core/value.hpp>

/// Arrays as numpy.save() writes them: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html. Little-endian, C order.
namespace tools {

namespace detail {

struct NpyType {
  std::string_view code;
  hone::DType dtype;
};

inline constexpr NpyType npy_types[] = {
    {"<f4", hone::DType::float32},   {"<f8", hone::DType::float64},     {"<f2", hone::DType::float16}, {"|b1", hone::DType::boolean},
    {"|u1", hone::DType::uint8},     {"|i1", hone::DType::int8},        {"<u2", hone::DType::uint16},  {"<i2", hone::DType::int16},
    {"<u4", hone::DType::uint32},    {"<i4", hone::DType::int32},       {"<u8", hone::DType::uint64},  {"<i8", hone::DType::int64},
    {"<c8", hone::DType::complex64}, {"<c16", hone::DType::complex128},
};

/// What stands behind 'key': in the header of an array, up to the comma or the closing bracket.
inline std::string_view npy_field(std::string_view header, std::string_view key, const std::filesystem::path& file) {
  const std::size_t at = header.find(hone::text("'", key, "':"));
  if (at == std::string_view::npos) hone::fail(hone::ErrorCode::invalid_argument, file.string(), ": the header of the array has no ", key);
  std::string_view field = header.substr(at + key.size() + 3);
  field.remove_prefix(std::min(field.find_first_not_of(' '), field.size()));
  return field.substr(0, field.find(field.starts_with('(') ? ')' : ','));
}

}  // namespace detail

/// Errors: no_such_file; invalid_argument for a file that is no array, or one of a type or order that hone has no use for.
[[nodiscard]] inline hone::Value read_npy(const std::filesystem::path& file) {
  using hone::ErrorCode;
  std::ifstream stream(file, std::ios::binary);
  if (!stream) hone::fail(ErrorCode::no_such_file, "cannot open '", file.string(), "'");
  const std::string bytes(std::istreambuf_iterator<char>(stream), {});
  const auto byte = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(bytes[i])); };
  if (bytes.size() < 12 || !bytes.starts_with("\x93NUMPY")) hone::fail(ErrorCode::invalid_argument, file.string(), " is no .npy file");
  const bool long_header = byte(6) >= 2;
  const std::size_t start = long_header ? 12 : 10;
  const std::size_t length = byte(8) + (byte(9) << 8) + (long_header ? (byte(10) << 16) + (byte(11) << 24) : 0);
  if (length > bytes.size() - start) hone::fail(ErrorCode::invalid_argument, file.string(), " ends inside its header");
  const std::string_view header = std::string_view(bytes).substr(start, length);

  std::string_view code = detail::npy_field(header, "descr", file);
  if (code.size() >= 2) code = code.substr(1, code.size() - 2);  // the quotes
  std::optional<hone::DType> dtype;
  for (const detail::NpyType& type : detail::npy_types) {
    if (type.code == code) dtype = type.dtype;
  }
  if (!dtype) hone::fail(ErrorCode::invalid_argument, file.string(), " holds elements of type '", code, "', which have no use here");
  if (detail::npy_field(header, "fortran_order", file) != "False") {
    hone::fail(ErrorCode::invalid_argument, file.string(), " is in Fortran order; save numpy.ascontiguousarray(...) of it");
  }

  hone::Shape shape;
  std::string_view dims = detail::npy_field(header, "shape", file);
  for (std::size_t at = 0; (at = dims.find_first_of("0123456789", at)) != std::string_view::npos;) {
    std::int64_t dim = 0;
    const auto [end, error] = std::from_chars(dims.data() + at, dims.data() + dims.size(), dim);
    if (error != std::errc{}) hone::fail(ErrorCode::invalid_argument, file.string(), ": a dimension is too large");
    shape.push_back(dim);
    at = static_cast<std::size_t>(end - dims.data());
  }
  const std::size_t wanted = hone::checked_bytes(*dtype, shape);
  if (bytes.size() - start - length != wanted) {
    hone::fail(ErrorCode::invalid_argument, file.string(), " holds ", bytes.size() - start - length, " bytes of elements; its shape ",
               shape, " needs ", wanted);
  }
  hone::Value result = hone::Value::tensor(*dtype, shape);
  if (wanted != 0) std::memcpy(result.ref().data, bytes.data() + start + length, wanted);
  return result;
}

/// Whether numpy has the element type.
[[nodiscard]] inline bool fits_npy(hone::DType dtype) {
  for (const detail::NpyType& type : detail::npy_types) {
    if (type.dtype == dtype) return true;
  }
  return false;
}

/// Errors: no_such_file when the file cannot be written; invalid_argument for element types that numpy lacks.
inline void write_npy(const std::filesystem::path& file, const hone::TensorRef& tensor) {
  using hone::ErrorCode;
  std::string_view code;
  for (const detail::NpyType& type : detail::npy_types) {
    if (type.dtype == tensor.dtype) code = type.code;
  }
  if (code.empty()) hone::fail(ErrorCode::invalid_argument, "numpy has no elements of type ", hone::name(tensor.dtype));
  std::string header = hone::text("{'descr': '", code, "', 'fortran_order': False, 'shape': ", tensor.shape, ", }");
  header.append(63 - (header.size() + 10) % 64, ' ').push_back('\n');  // elements start at a multiple of 64 bytes
  std::string bytes("\x93NUMPY\x01\0", 8);
  bytes.push_back(static_cast<char>(header.size() & 0xff));
  bytes.push_back(static_cast<char>(header.size() >> 8));
  bytes += header;
  std::ofstream stream(file, std::ios::binary);
  stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  stream.write(static_cast<const char*>(tensor.data), static_cast<std::streamsize>(tensor.bytes()));
  if (!stream.flush()) hone::fail(ErrorCode::no_such_file, "cannot write '", file.string(), "'");
}

}  // namespace tools
