// Generated from include/hone by single_include/amalgamate.py: do not edit.
#pragma once
#if defined(HONE_COMPILED) && HONE_COMPILED
#error "The single header has everything inline: use the headers of include/ with hone::compiled"
#endif
#define HONE_SINGLE_HONE_HPP

#define HONE_SINGLE_CONFIG_HPP

#define HONE_SINGLE_VERSION_HPP

/// The one place that states the version; CMakeLists.txt and the packaging files read it from here.
#define HONE_VERSION_MAJOR 0
#define HONE_VERSION_MINOR 1
#define HONE_VERSION_PATCH 0

/// Every HONE_ macro that a build may set or read.
///
/// HONE_COMPILED  1 in code that links hone::compiled: kernels and the importer come from the library, each instruction
///                set from its own translation units. 0 (default): everything is inline, for the one instruction set of the flags.
#ifndef HONE_COMPILED
#define HONE_COMPILED 0
#endif

/// Put on functions that are defined in `*_impl.hpp`: inline in pure-header mode, ordinary functions of the library otherwise.
#if HONE_COMPILED
#define HONE_INLINE
#else
#define HONE_INLINE inline
#endif

/// HONE_NATIVE_ISA names the instruction set that the flags of this translation unit allow.
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#define HONE_NATIVE_ISA avx512
#elif defined(__AVX2__) && defined(__FMA__)
#define HONE_NATIVE_ISA avx2
#elif defined(__x86_64__) || defined(_M_X64)
#define HONE_NATIVE_ISA sse2
#elif defined(__aarch64__) || defined(_M_ARM64)
#define HONE_NATIVE_ISA neon
#else
#error "hone runs on x86-64 and on AArch64"
#endif

#define HONE_CONCAT_(a, b, c, d, e, f, g, h) a##b##c##d##e##f##g##h
#define HONE_CONCAT(a, b, c, d, e, f, g, h) HONE_CONCAT_(a, b, c, d, e, f, g, h)

/// The inline namespace that holds everything. It differs wherever code generated from the same names would differ (version, mode,
/// instruction set of pure-header mode), so that two such translation units may be linked into one program.
#if HONE_COMPILED
#define HONE_ABI HONE_CONCAT(v, HONE_VERSION_MAJOR, _, HONE_VERSION_MINOR, _, HONE_VERSION_PATCH, _, compiled)
#else
#define HONE_ABI HONE_CONCAT(v, HONE_VERSION_MAJOR, _, HONE_VERSION_MINOR, _, HONE_VERSION_PATCH, _, HONE_NATIVE_ISA)
#endif

/// HONE_COLD is put on functions of slow paths and failures: called, not inlined, and optimised for size.
#if defined(__GNUC__) || defined(__clang__)
#define HONE_ALWAYS_INLINE inline __attribute__((always_inline))
#define HONE_COLD __attribute__((cold, noinline))
#define HONE_RESTRICT __restrict__
#elif defined(_MSC_VER)
#define HONE_ALWAYS_INLINE __forceinline
#define HONE_COLD __declspec(noinline)
#define HONE_RESTRICT __restrict
#endif
#define HONE_SINGLE_CORE_DTYPE_HPP

#include <array>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#define HONE_SINGLE_CORE_NARROW_FLOAT_HPP

#include <bit>

namespace hone::inline HONE_ABI {

/// IEEE 754 binary16. A storage type: arithmetic converts to float and back, rounding to nearest even.
struct Half {
  std::uint16_t bits = 0;

  constexpr Half() = default;
  constexpr explicit Half(float value) noexcept : bits(round(value)) {}
  constexpr operator float() const noexcept {
    const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
    const std::uint32_t magnitude = bits & 0x7fffu;
    if (magnitude >= 0x7c00u) return std::bit_cast<float>(sign | 0x7f800000u | ((magnitude & 0x3ffu) << 13));
    // Subnormals become normal floats when 2^-14 is added as the exponent of 2^-14 and taken away again.
    if (magnitude < 0x0400u) {
      const float value = static_cast<float>(magnitude) * 0x1p-24f;
      return sign != 0 ? -value : value;
    }
    return std::bit_cast<float>(sign | ((magnitude << 13) + 0x38000000u));
  }
  static constexpr Half from_bits(std::uint16_t bits) noexcept {
    Half result;
    result.bits = bits;
    return result;
  }

 private:
  static constexpr std::uint16_t round(float value) noexcept {
    const std::uint32_t word = std::bit_cast<std::uint32_t>(value);
    const std::uint16_t sign = static_cast<std::uint16_t>((word >> 16) & 0x8000u);
    std::uint32_t magnitude = word & 0x7fffffffu;
    if (magnitude > 0x7f800000u) return static_cast<std::uint16_t>(sign | 0x7e00u);
    if (magnitude >= 0x477ff000u) return static_cast<std::uint16_t>(sign | 0x7c00u);  // rounds to 65536 or more
    if (magnitude < 0x38800000u) {
      // Below 2^-14: adding 0.5 aligns the last bit of the sum with 2^-24, so that the addition itself rounds to nearest even.
      const float aligned = std::bit_cast<float>(magnitude) + 0.5f;
      return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(aligned) - 0x3f000000u));
    }
    magnitude += 0x0fffu + ((magnitude >> 13) & 1u);
    return static_cast<std::uint16_t>(sign | ((magnitude - 0x38000000u) >> 13));
  }
};

/// The upper half of an IEEE 754 binary32. A storage type: arithmetic converts to float and back, rounding to nearest even.
struct BFloat16 {
  std::uint16_t bits = 0;

  constexpr BFloat16() = default;
  constexpr explicit BFloat16(float value) noexcept {
    const std::uint32_t word = std::bit_cast<std::uint32_t>(value);
    bits = (word & 0x7fffffffu) > 0x7f800000u ? static_cast<std::uint16_t>((word >> 16) | 0x0040u)
                                              : static_cast<std::uint16_t>((word + 0x7fffu + ((word >> 16) & 1u)) >> 16);
  }
  constexpr operator float() const noexcept { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16); }
  static constexpr BFloat16 from_bits(std::uint16_t bits) noexcept {
    BFloat16 result;
    result.bits = bits;
    return result;
  }
};

/// The 8-bit floats of ONNX as storage: one byte an element, told apart by type.
struct Float8E4M3FN {
  std::uint8_t bits = 0;
};
struct Float8E4M3FNUZ {
  std::uint8_t bits = 0;
};
struct Float8E5M2 {
  std::uint8_t bits = 0;
};
struct Float8E5M2FNUZ {
  std::uint8_t bits = 0;
};
struct Float8E8M0 {
  std::uint8_t bits = 0;
};

/// Two (Int4x2, UInt4x2, Float4E2M1x2) or four (Int2x4, UInt2x4) elements in a byte, the first one in the lowest bits.
struct Int4x2 {
  std::uint8_t bits = 0;
};
struct UInt4x2 {
  std::uint8_t bits = 0;
};
struct Float4E2M1x2 {
  std::uint8_t bits = 0;
};
struct Int2x4 {
  std::uint8_t bits = 0;
};
struct UInt2x4 {
  std::uint8_t bits = 0;
};

}  // namespace hone::inline HONE_ABI

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
};

inline constexpr int dtype_count = 27;

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
// clang-format on

/// Named so that a compiler that refuses a T says why.
template <class T>
inline constexpr bool is_element_type_of_onnx = requires {
  DTypeOf<std::remove_const_t<T>>::value;
};

}  // namespace detail

/// A C++ type that can be the element of a tensor. For the 4-bit and 2-bit types it is the byte that packs several elements.
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
  return bits >= 8 ? elements * (bits / 8) : (elements * bits + 7) / 8;
}

[[nodiscard]] constexpr bool is_valid(int onnx_data_type) noexcept { return onnx_data_type > 0 && onnx_data_type < dtype_count; }

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
#define HONE_SINGLE_CORE_ERROR_HPP

#include <exception>
#include <utility>

#define HONE_SINGLE_CORE_TEXT_HPP

#include <charconv>
#include <concepts>
#include <initializer_list>
#include <memory>

namespace hone::inline HONE_ABI {

/// A reference to something that has a textual form: a string, a character, a number, or whatever has a `to_string` in its namespace.
/// Precondition: what it refers to outlives it. Meant for parameters, where that always holds.
class TextPiece {
 public:
  TextPiece(std::string_view text) noexcept : kind_(Kind::text) { value_.text = {text.data(), text.size()}; }
  TextPiece(const std::string& text) noexcept : TextPiece(std::string_view(text)) {}
  TextPiece(const char* text) noexcept : TextPiece(std::string_view(text)) {}
  template <std::same_as<char> Char>
  TextPiece(Char value) noexcept : kind_(Kind::character) {
    value_.integer = value;
  }
  template <std::same_as<bool> Bool>
  TextPiece(Bool value) noexcept : TextPiece(std::string_view(value ? "true" : "false")) {}
  template <std::integral Integer>
  requires(!std::same_as<Integer, char> && !std::same_as<Integer, bool>) TextPiece(Integer value)
  noexcept : kind_(std::signed_integral<Integer> ? Kind::integer : Kind::natural) { value_.integer = static_cast<std::int64_t>(value); }
  TextPiece(float value) noexcept : kind_(Kind::single) { value_.real = static_cast<double>(value); }
  TextPiece(double value) noexcept : kind_(Kind::real) { value_.real = value; }
  template <class T>
  requires requires(const T& value) {
    { to_string(value) } -> std::convertible_to<std::string>;
  }
  TextPiece(const T& value) noexcept : kind_(Kind::object) {
    value_.object = {std::addressof(value), [](const void* object) -> std::string { return to_string(*static_cast<const T*>(object)); }};
  }

  HONE_COLD void append_to(std::string& to) const {
    char digits[64];
    std::to_chars_result end{digits, {}};
    switch (kind_) {
      case Kind::text:
        to.append(value_.text.data, value_.text.size);
        return;
      case Kind::character:
        to.push_back(static_cast<char>(value_.integer));
        return;
      case Kind::object:
        to.append(value_.object.describe(value_.object.address));
        return;
      case Kind::integer:
        end = std::to_chars(digits, digits + sizeof digits, value_.integer);
        break;
      case Kind::natural:
        end = std::to_chars(digits, digits + sizeof digits, static_cast<std::uint64_t>(value_.integer));
        break;
      case Kind::single:
        end = std::to_chars(digits, digits + sizeof digits, static_cast<float>(value_.real));
        break;
      case Kind::real:
        end = std::to_chars(digits, digits + sizeof digits, value_.real);
        break;
    }
    to.append(digits, end.ptr);
  }

 private:
  enum class Kind : std::uint8_t { text, character, integer, natural, single, real, object };
  struct Text {
    const char* data;
    std::size_t size;
  };
  struct Object {
    const void* address;
    std::string (*describe)(const void*);
  };
  union Any {
    Text text;
    std::int64_t integer;
    double real;
    Object object;
  };

  Kind kind_;
  Any value_{};
};

namespace detail {

/// Not a template: one copy serves all messages.
[[nodiscard]] HONE_COLD inline std::string concatenated(std::initializer_list<TextPiece> pieces) {
  std::string result;
  for (const TextPiece& piece : pieces) piece.append_to(result);
  return result;
}

}  // namespace detail

/// Concatenates its arguments: strings, characters, numbers, and whatever has a `to_string` in its namespace.
template <class... Pieces>
[[nodiscard]] std::string text(const Pieces&... pieces) {
  return detail::concatenated({TextPiece(pieces)...});
}

/// `items` separated by `separator`, each rendered as by text().
template <class Items>
[[nodiscard]] std::string join(const Items& items, std::string_view separator) {
  std::string result;
  bool first = true;
  for (const auto& item : items) {
    if (!first) result.append(separator);
    TextPiece(item).append_to(result);
    first = false;
  }
  return result;
}

}  // namespace hone::inline HONE_ABI

namespace hone::inline HONE_ABI {

/// What kind of thing went wrong. The names are those of the ONNX Runtime status codes.
enum class ErrorCode : std::uint8_t {
  invalid_argument,    ///< a feed, option or call that does not fit the model
  no_such_file,        ///< a path that cannot be opened
  invalid_protobuf,    ///< bytes that are not a serialized ONNX model
  invalid_graph,       ///< a model that breaks a rule of ONNX
  not_implemented,     ///< nodes that no provider can run
  resource_exhausted,  ///< a limit of SessionOptions, or memory, ran out
  runtime_exception,   ///< a value met while running that the operator does not allow
};

[[nodiscard]] constexpr std::string_view name(ErrorCode code) noexcept {
  constexpr std::string_view names[] = {"invalid_argument", "no_such_file",       "invalid_protobuf", "invalid_graph",
                                        "not_implemented",  "resource_exhausted", "runtime_exception"};
  return names[static_cast<std::size_t>(code)];
}

/// The one exception type of hone. `what()` is a complete sentence; node() and op() say where, when a node is to blame.
class Error : public std::exception {
 public:
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}

  Error(ErrorCode code, std::string message, std::string node, std::string op, int opset = 0)
      : code_(code),
        message_(text("node '", node, "' (", op, opset > 0 ? text(", opset ", opset) : std::string{}, "): ", message)),
        node_(std::move(node)),
        op_(std::move(op)),
        opset_(opset) {}

  [[nodiscard]] const char* what() const noexcept override { return message_.c_str(); }
  [[nodiscard]] ErrorCode code() const noexcept { return code_; }
  /// Name of the node, empty when no single node is to blame.
  [[nodiscard]] const std::string& node() const noexcept { return node_; }
  /// Operator of that node, such as "Conv".
  [[nodiscard]] const std::string& op() const noexcept { return op_; }
  /// Opset version by which that node was read, 0 when no node is to blame.
  [[nodiscard]] int opset() const noexcept { return opset_; }

 private:
  ErrorCode code_;
  std::string message_;
  std::string node_;
  std::string op_;
  int opset_ = 0;
};

namespace detail {

[[noreturn]] HONE_COLD inline void throw_error(ErrorCode code, std::initializer_list<TextPiece> message) {
  throw Error(code, concatenated(message));
}

}  // namespace detail

/// Throws an Error whose message is the concatenation of `pieces`.
template <class... Pieces>
[[noreturn]] void fail(ErrorCode code, const Pieces&... pieces) {
  detail::throw_error(code, {TextPiece(pieces)...});
}

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_CORE_SHAPE_HPP

#include <limits>
#include <span>

namespace hone::inline HONE_ABI {

/// The dimensions of a tensor, held inline: copying a shape never touches the heap. Rank 0 is a scalar.
class Shape {
 public:
  /// The largest rank. A fixed bound keeps shapes off the heap; no operator of ONNX needs one, and models stay far below.
  static constexpr std::size_t max_rank = 12;

  constexpr Shape() = default;
  constexpr Shape(std::initializer_list<std::int64_t> dims) : Shape(std::span(dims.begin(), dims.size())) {}
  /// Errors: invalid_argument when there are more than max_rank dimensions.
  constexpr explicit Shape(std::span<const std::int64_t> dims) {
    for (const std::int64_t dim : dims) push_back(dim);
  }
  /// `rank` dimensions of `dim`.
  [[nodiscard]] static constexpr Shape filled(std::size_t rank, std::int64_t dim) {
    Shape result;
    for (std::size_t i = 0; i < rank; ++i) result.push_back(dim);
    return result;
  }

  [[nodiscard]] constexpr std::size_t rank() const noexcept { return rank_; }
  [[nodiscard]] constexpr std::size_t size() const noexcept { return rank_; }
  [[nodiscard]] constexpr bool empty() const noexcept { return rank_ == 0; }
  [[nodiscard]] constexpr std::int64_t& operator[](std::size_t i) noexcept { return dims_[i]; }
  [[nodiscard]] constexpr std::int64_t operator[](std::size_t i) const noexcept { return dims_[i]; }
  [[nodiscard]] constexpr std::int64_t back() const noexcept { return dims_[rank_ - 1]; }
  [[nodiscard]] constexpr const std::int64_t* begin() const noexcept { return dims_.data(); }
  [[nodiscard]] constexpr const std::int64_t* end() const noexcept { return dims_.data() + rank_; }
  [[nodiscard]] constexpr std::int64_t* begin() noexcept { return dims_.data(); }
  [[nodiscard]] constexpr std::int64_t* end() noexcept { return dims_.data() + rank_; }
  [[nodiscard]] constexpr std::span<const std::int64_t> dims() const noexcept { return {dims_.data(), rank_}; }

  constexpr void push_back(std::int64_t dim) {
    if (rank_ == max_rank) fail(ErrorCode::invalid_argument, "a shape has more than ", max_rank, " dimensions, the most that hone holds");
    dims_[rank_++] = dim;
  }
  constexpr void insert(std::size_t at, std::int64_t dim) {
    push_back(dim);
    for (std::size_t i = rank_ - 1; i > at; --i) dims_[i] = dims_[i - 1];
    dims_[at] = dim;
  }

  /// Product of the dimensions; 1 for a scalar. The shape must have passed checked_bytes().
  [[nodiscard]] constexpr std::int64_t elements() const noexcept { return elements(0, rank_); }
  /// Product of the dimensions [first, last).
  [[nodiscard]] constexpr std::int64_t elements(std::size_t first, std::size_t last) const noexcept {
    std::int64_t product = 1;
    for (std::size_t i = first; i < last; ++i) product *= dims_[i];
    return product;
  }
  /// Elements from the start of one row along `axis` to the next: the row-major stride of `axis`.
  [[nodiscard]] constexpr std::int64_t stride(std::size_t axis) const noexcept { return elements(axis + 1, rank_); }

  friend constexpr bool operator==(const Shape& a, const Shape& b) noexcept {
    if (a.rank_ != b.rank_) return false;
    for (std::size_t i = 0; i < a.rank_; ++i)
      if (a.dims_[i] != b.dims_[i]) return false;
    return true;
  }

 private:
  std::array<std::int64_t, max_rank> dims_{};
  std::size_t rank_ = 0;
};

/// As in Python: "(2, 3)", "(4,)", "()".
[[nodiscard]] inline std::string to_string(const Shape& shape) {
  std::string result = "(" + join(shape, ", ");
  return result + (shape.rank() == 1 ? ",)" : ")");
}

/// Bytes of a tensor of `dtype` and `shape`.
/// Errors: invalid_argument when a dimension is negative or the size overflows what an address can hold.
[[nodiscard]] inline std::size_t checked_bytes(DType dtype, const Shape& shape) {
  constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::ptrdiff_t>::max());
  std::uint64_t elements = 1;
  bool empty = false;
  for (const std::int64_t dim : shape) {
    if (dim < 0) fail(ErrorCode::invalid_argument, "negative dimension in the shape ", shape);
    if (dim == 0) empty = true;
    if (dim > 0) {
      if (elements > most / static_cast<std::uint64_t>(dim))
        fail(ErrorCode::invalid_argument, "the shape ", shape, " has too many elements");
      elements *= static_cast<std::uint64_t>(dim);
    }
  }
  if (elements > most / (element_size(dtype) + 1)) fail(ErrorCode::invalid_argument, "a tensor of shape ", shape, " needs too many bytes");
  return empty ? 0 : storage_bytes(dtype, static_cast<std::size_t>(elements));
}

/// `axis` counted from the front. Errors: invalid_argument when it is not in [-rank, rank).
[[nodiscard]] inline std::size_t normalized_axis(std::int64_t axis, std::size_t rank) {
  const auto signed_rank = static_cast<std::int64_t>(rank);
  if (axis < -signed_rank || axis >= signed_rank) fail(ErrorCode::invalid_argument, "axis ", axis, " is out of range for rank ", rank);
  return static_cast<std::size_t>(axis < 0 ? axis + signed_rank : axis);
}

/// The shape that numpy broadcasting gives `a` and `b`. Errors: invalid_argument when they do not fit.
[[nodiscard]] inline Shape broadcast(const Shape& a, const Shape& b) {
  const Shape& longer = a.rank() >= b.rank() ? a : b;
  const Shape& shorter = a.rank() >= b.rank() ? b : a;
  Shape result = longer;
  const std::size_t offset = longer.rank() - shorter.rank();
  for (std::size_t i = 0; i < shorter.rank(); ++i) {
    std::int64_t& dim = result[i + offset];
    if (dim == shorter[i] || shorter[i] == 1) continue;
    if (dim != 1) fail(ErrorCode::invalid_argument, "the shapes ", a, " and ", b, " cannot be broadcast together");
    dim = shorter[i];
  }
  return result;
}

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_CORE_TENSOR_HPP

#include <algorithm>
#include <cstring>

#define HONE_SINGLE_CORE_BUFFER_HPP

#include <new>

namespace hone::inline HONE_ABI {

/// Alignment in bytes of all memory that hone allocates: a cache line, and the widest vector register.
inline constexpr std::size_t buffer_alignment = 64;

[[nodiscard]] constexpr std::size_t align_up(std::size_t bytes, std::size_t alignment = buffer_alignment) noexcept {
  return (bytes + alignment - 1) / alignment * alignment;
}

/// Owns memory for the elements of one tensor; strings are constructed and destroyed, all else is left uninitialised.
class Buffer {
 public:
  Buffer() = default;
  /// Errors: resource_exhausted when there is no such memory.
  explicit Buffer(std::size_t bytes) : bytes_(bytes) {
    if (bytes == 0) return;
    data_ = ::operator new (bytes, std::align_val_t{buffer_alignment}, std::nothrow);
    if (data_ == nullptr) fail(ErrorCode::resource_exhausted, "there is no memory for ", bytes, " bytes");
  }
  Buffer(DType dtype, const Shape& shape) : Buffer(checked_bytes(dtype, shape)) {
    if (dtype != DType::string) return;
    strings_ = static_cast<std::size_t>(shape.elements());
    for (std::size_t i = 0; i < strings_; ++i) ::new (static_cast<void*>(static_cast<std::string*>(data_) + i)) std::string;
  }
  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)), strings_(std::exchange(other.strings_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    Buffer taken(std::move(other));
    std::swap(data_, taken.data_);
    std::swap(bytes_, taken.bytes_);
    std::swap(strings_, taken.strings_);
    return *this;
  }
  ~Buffer() {
    for (std::size_t i = 0; i < strings_; ++i) static_cast<std::string*>(data_)[i].~basic_string();
    ::operator delete (data_, std::align_val_t{buffer_alignment});
  }

  [[nodiscard]] void* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

  /// Makes the buffer hold at least `bytes`; the contents are lost when it grows. Not for strings.
  void reserve(std::size_t bytes) {
    if (bytes > bytes_) *this = Buffer(bytes);
  }

 private:
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
  std::size_t strings_ = 0;
};

}  // namespace hone::inline HONE_ABI

namespace hone::inline HONE_ABI {

/// A tensor somebody else owns, typed at run time: row-major, dense, sub-byte types packed.
struct TensorRef {
  void* data = nullptr;
  DType dtype = DType::undefined;
  Shape shape;

  [[nodiscard]] std::int64_t elements() const noexcept { return shape.elements(); }
  [[nodiscard]] std::size_t bytes() const noexcept { return storage_bytes(dtype, static_cast<std::size_t>(shape.elements())); }
  /// The elements as T, unchecked: the caller has compared dtype already.
  template <class T>
  [[nodiscard]] T* as() const noexcept {
    return static_cast<T*>(data);
  }
};

/// A tensor somebody else owns, typed at compile time: row-major and dense. Copying it copies the reference.
template <Element T>
class TensorView {
 public:
  using value_type = std::remove_const_t<T>;

  TensorView() = default;
  TensorView(T* data, const Shape& shape) noexcept : data_(data), shape_(shape) {}
  operator TensorView<const T>() const noexcept { return {data_, shape_}; }

  [[nodiscard]] T* data() const noexcept { return data_; }
  [[nodiscard]] const Shape& shape() const noexcept { return shape_; }
  /// Number of objects of type T behind data(): elements, or bytes of packed elements.
  [[nodiscard]] std::size_t size() const noexcept {
    return storage_bytes(dtype_of<T>, static_cast<std::size_t>(shape_.elements())) / sizeof(T);
  }
  [[nodiscard]] std::span<T> span() const noexcept { return {data_, size()}; }
  [[nodiscard]] T* begin() const noexcept { return data_; }
  [[nodiscard]] T* end() const noexcept { return data_ + size(); }
  [[nodiscard]] T& operator[](std::size_t i) const noexcept { return data_[i]; }
  /// Element at one index per dimension, unchecked: `view(n, c, h, w)`.
  template <class... Index>
  [[nodiscard]] T& operator()(Index... index) const noexcept {
    std::size_t offset = 0;
    std::size_t axis = 0;
    ((offset = offset * static_cast<std::size_t>(shape_[axis++]) + static_cast<std::size_t>(index)), ...);
    return data_[offset];
  }

 private:
  T* data_ = nullptr;
  Shape shape_{0};
};

/// A dense row-major tensor: owns its memory, or stands over the caller's. Movable; `clone()` copies.
template <Element T>
class Tensor {
  static_assert(!std::is_const_v<T>, "hone::Tensor<T> holds mutable elements; use hone::TensorView<const T> for constant ones");

 public:
  using value_type = T;

  Tensor() = default;
  /// Owns uninitialised elements (empty strings for std::string).
  /// Errors: invalid_argument for a negative or overflowing shape; resource_exhausted.
  explicit Tensor(const Shape& shape) : buffer_(dtype_of<T>, shape), view_(static_cast<T*>(buffer_.data()), shape) {}
  /// Owns a copy of `values`. Errors: invalid_argument when their number is not that of the shape.
  Tensor(const Shape& shape, std::span<const T> values) : Tensor(shape) {
    if (values.size() != size()) {
      fail(ErrorCode::invalid_argument, "a tensor of shape ", shape, " needs ", size(), " values, not ", values.size());
    }
    std::copy(values.begin(), values.end(), data());
  }
  Tensor(const Shape& shape, std::initializer_list<T> values) : Tensor(shape, std::span<const T>(values.begin(), values.size())) {}
  /// Stands over the caller's memory, which must outlive the tensor.
  [[nodiscard]] static Tensor over(T* data, const Shape& shape) {
    (void)checked_bytes(dtype_of<T>, shape);
    Tensor result;
    result.view_ = TensorView<T>(data, shape);
    return result;
  }
  [[nodiscard]] static Tensor filled(const Shape& shape, const T& value) {
    Tensor result(shape);
    std::fill(result.begin(), result.end(), value);
    return result;
  }
  [[nodiscard]] Tensor clone() const { return Tensor(shape(), std::span<const T>(data(), size())); }

  Tensor(Tensor&& other) noexcept : buffer_(std::move(other.buffer_)), view_(std::exchange(other.view_, {})) {}
  Tensor& operator=(Tensor&& other) noexcept {
    buffer_ = std::move(other.buffer_);
    view_ = std::exchange(other.view_, {});
    return *this;
  }

  [[nodiscard]] T* data() noexcept { return view_.data(); }
  [[nodiscard]] const T* data() const noexcept { return view_.data(); }
  [[nodiscard]] const Shape& shape() const noexcept { return view_.shape(); }
  [[nodiscard]] std::size_t size() const noexcept { return view_.size(); }
  [[nodiscard]] T* begin() noexcept { return view_.begin(); }
  [[nodiscard]] T* end() noexcept { return view_.end(); }
  [[nodiscard]] const T* begin() const noexcept { return view_.begin(); }
  [[nodiscard]] const T* end() const noexcept { return view_.end(); }
  [[nodiscard]] T& operator[](std::size_t i) noexcept { return view_[i]; }
  [[nodiscard]] const T& operator[](std::size_t i) const noexcept { return view_[i]; }
  template <class... Index>
  [[nodiscard]] T& operator()(Index... index) noexcept {
    return view_(index...);
  }
  template <class... Index>
  [[nodiscard]] const T& operator()(Index... index) const noexcept {
    return view_(index...);
  }
  [[nodiscard]] TensorView<T> view() noexcept { return view_; }
  [[nodiscard]] TensorView<const T> view() const noexcept { return view_; }
  [[nodiscard]] TensorRef ref() const noexcept { return {const_cast<T*>(view_.data()), dtype_of<T>, view_.shape()}; }

  /// Gives up the memory; for hone::Value, which takes it over.
  [[nodiscard]] Buffer release() && noexcept {
    view_ = {};
    return std::move(buffer_);
  }

 private:
  Buffer buffer_;
  TensorView<T> view_;
};

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_CORE_VALUE_HPP

#include <variant>
#include <vector>

#define HONE_SINGLE_CORE_TYPE_HPP

namespace hone::inline HONE_ABI {

/// The type of a value in a graph, as TypeProto of ONNX has it, without shapes.
struct Type {
  enum class Kind : std::uint8_t { undefined, tensor, sparse_tensor, sequence, optional, map };

  Kind kind = Kind::undefined;
  /// Element type of a tensor; key type of a map.
  DType dtype = DType::undefined;
  /// What a sequence, an optional or a map holds.
  std::shared_ptr<const Type> element;

  Type() = default;
  Type(DType tensor_of) : kind(tensor_of == DType::undefined ? Kind::undefined : Kind::tensor), dtype(tensor_of) {}
  [[nodiscard]] static Type sequence_of(Type of) { return Type(Kind::sequence, DType::undefined, std::move(of)); }
  [[nodiscard]] static Type optional_of(Type of) { return Type(Kind::optional, DType::undefined, std::move(of)); }
  [[nodiscard]] static Type map_of(DType key, Type to) { return Type(Kind::map, key, std::move(to)); }
  [[nodiscard]] static Type sparse_tensor_of(DType of) {
    Type result(of);
    result.kind = Kind::sparse_tensor;
    return result;
  }

  [[nodiscard]] bool is_tensor() const noexcept { return kind == Kind::tensor; }
  [[nodiscard]] bool is_known() const noexcept { return kind != Kind::undefined; }

  friend bool operator==(const Type& a, const Type& b) {
    if (a.kind != b.kind || a.dtype != b.dtype || !a.element != !b.element) return false;
    return !a.element || *a.element == *b.element;
  }

 private:
  Type(Kind of, DType key, Type to) : kind(of), dtype(key), element(std::make_shared<const Type>(std::move(to))) {}
};

/// As ONNX writes it: "tensor(float)", "seq(tensor(int64))", "optional(tensor(float))", "map(int64,tensor(float))".
[[nodiscard]] inline std::string to_string(const Type& type) {
  const std::string of = type.element ? to_string(*type.element) : std::string("?");
  switch (type.kind) {
    case Type::Kind::tensor:
      return text("tensor(", name(type.dtype), ")");
    case Type::Kind::sparse_tensor:
      return text("sparse_tensor(", name(type.dtype), ")");
    case Type::Kind::sequence:
      return text("seq(", of, ")");
    case Type::Kind::optional:
      return text("optional(", of, ")");
    case Type::Kind::map:
      return text("map(", name(type.dtype), ",", of, ")");
    case Type::Kind::undefined:
      break;
  }
  return "unknown";
}

}  // namespace hone::inline HONE_ABI

namespace hone::inline HONE_ABI {

class Value;

/// Anything an ONNX graph passes around: a tensor of any element type, a sequence, an optional or a map. Movable; `clone()` copies.
class Value {
 public:
  /// No value: what an optional without an element holds.
  Value() = default;
  /// Takes the tensor over, with its memory or its reference to the caller's.
  template <class T>
  Value(Tensor<T>&& tensor) : ref_(tensor.ref()), holder_(std::move(tensor).release()) {}

  /// A tensor with uninitialised elements (empty strings).
  /// Errors: invalid_argument for a negative or overflowing shape; resource_exhausted.
  [[nodiscard]] static Value tensor(DType dtype, const Shape& shape) {
    Value result;
    Buffer buffer(dtype, shape);
    result.ref_ = {buffer.data(), dtype, shape};
    result.holder_ = std::move(buffer);
    return result;
  }
  /// A tensor over the caller's memory, which must outlive the value.
  [[nodiscard]] static Value over(const TensorRef& ref) {
    Value result;
    result.ref_ = ref;
    result.holder_ = Buffer{};
    return result;
  }
  /// An owning copy of `ref`.
  [[nodiscard]] static Value copy_of(const TensorRef& ref) {
    Value result = tensor(ref.dtype, ref.shape);
    if (ref.dtype == DType::string) {
      std::copy_n(ref.as<const std::string>(), ref.elements(), result.ref_.as<std::string>());
    } else if (ref.bytes() != 0) {
      std::memcpy(result.ref_.data, ref.data, ref.bytes());
    }
    return result;
  }
  /// A sequence whose elements have type `element`.
  [[nodiscard]] static Value sequence(Type element, std::vector<Value> values = {}) {
    Value result;
    result.holder_ = Sequence{std::move(element), std::move(values)};
    return result;
  }
  /// A map from `keys` to `values`; keys.shape is (N,), values hold one entry per key.
  [[nodiscard]] static Value map(Value keys, Value values) {
    Value result;
    std::vector<Value> parts;
    parts.push_back(std::move(keys));
    parts.push_back(std::move(values));
    result.holder_ = Pair{std::move(parts)};
    return result;
  }

  [[nodiscard]] bool has_value() const noexcept { return !std::holds_alternative<std::monostate>(holder_); }
  [[nodiscard]] bool is_tensor() const noexcept { return std::holds_alternative<Buffer>(holder_); }
  [[nodiscard]] bool is_sequence() const noexcept { return std::holds_alternative<Sequence>(holder_); }
  [[nodiscard]] bool is_map() const noexcept { return std::holds_alternative<Pair>(holder_); }

  /// The type, by its elements; unknown for no value.
  [[nodiscard]] Type type() const {
    if (is_tensor()) return ref_.dtype;
    if (const auto* sequence = std::get_if<Sequence>(&holder_)) return Type::sequence_of(sequence->element);
    if (const auto* pair = std::get_if<Pair>(&holder_)) return Type::map_of(pair->parts[0].dtype(), pair->parts[1].type());
    return {};
  }

  /// dtype and shape of a tensor. Errors: invalid_argument when the value is no tensor.
  [[nodiscard]] DType dtype() const { return ref().dtype; }
  [[nodiscard]] const Shape& shape() const { return ref().shape; }
  /// The tensor, untyped. Errors: invalid_argument when the value is no tensor.
  [[nodiscard]] const TensorRef& ref() const {
    if (!is_tensor()) fail(ErrorCode::invalid_argument, "the value is ", has_value() ? to_string(type()) : "empty", ", not a tensor");
    return ref_;
  }
  /// The tensor with elements of type T. Errors: invalid_argument that names both types when the dtype is another.
  template <Element T>
  [[nodiscard]] TensorView<T> view() const {
    if (ref().dtype != dtype_of<T>) {
      fail(ErrorCode::invalid_argument, "the tensor holds ", name(ref_.dtype), ", not ", name(dtype_of<T>), " as asked for");
    }
    return {static_cast<T*>(ref_.data), ref_.shape};
  }

  /// Elements of a sequence. Errors: invalid_argument when the value is no sequence.
  [[nodiscard]] const std::vector<Value>& elements() const { return get<Sequence>("a sequence").values; }
  [[nodiscard]] std::vector<Value>& elements() { return const_cast<Sequence&>(get<Sequence>("a sequence")).values; }
  /// Element type of a sequence.
  [[nodiscard]] const Type& element_type() const { return get<Sequence>("a sequence").element; }
  /// Keys and values of a map. Errors: invalid_argument when the value is no map.
  [[nodiscard]] const Value& keys() const { return get<Pair>("a map").parts[0]; }
  [[nodiscard]] const Value& values() const { return get<Pair>("a map").parts[1]; }

  [[nodiscard]] Value clone() const {
    if (is_tensor()) return copy_of(ref_);
    if (is_map()) return map(keys().clone(), values().clone());
    if (!is_sequence()) return {};
    std::vector<Value> copies;
    for (const Value& value : elements()) copies.push_back(value.clone());
    return sequence(element_type(), std::move(copies));
  }

 private:
  struct Sequence {
    Type element;
    std::vector<Value> values;
  };
  struct Pair {
    std::vector<Value> parts;  // keys, values
  };

  template <class Held>
  [[nodiscard]] const Held& get(std::string_view wanted) const {
    const auto* held = std::get_if<Held>(&holder_);
    if (held == nullptr) fail(ErrorCode::invalid_argument, "the value is ", has_value() ? to_string(type()) : "empty", ", not ", wanted);
    return *held;
  }

  TensorRef ref_;
  std::variant<std::monostate, Buffer, Sequence, Pair> holder_;
};

/// A value somebody else owns, for feeding a session: a tensor by reference, or any Value.
class ValueRef {
 public:
  ValueRef(const TensorRef& tensor) : tensor_(tensor) {}
  template <class T>
  ValueRef(const Tensor<T>& tensor) : tensor_(tensor.ref()) {}
  template <class T>
  ValueRef(const TensorView<T>& view) : tensor_{const_cast<std::remove_const_t<T>*>(view.data()), dtype_of<T>, view.shape()} {}
  ValueRef(const Value& value) {
    if (value.is_tensor()) {
      tensor_ = value.ref();
    } else {
      value_ = &value;
    }
  }

  [[nodiscard]] bool is_tensor() const noexcept { return value_ == nullptr; }
  [[nodiscard]] const TensorRef& tensor() const noexcept { return tensor_; }
  /// The value when it is no tensor, else null.
  [[nodiscard]] const Value* value() const noexcept { return value_; }
  [[nodiscard]] Type type() const { return is_tensor() ? Type(tensor_.dtype) : value_->type(); }

 private:
  TensorRef tensor_;
  const Value* value_ = nullptr;
};

/// Where a result goes: a tensor, whose type and shape it must have, or a Value, whose memory is used again when type and shape fit and is
/// replaced when they do not.
class ResultRef {
 public:
  template <class T>
  ResultRef(Tensor<T>& tensor) : tensor_(tensor.ref()) {}
  template <class T>
  requires(!std::is_const_v<T>) ResultRef(const TensorView<T>& view) : tensor_{view.data(), dtype_of<T>, view.shape()} {}
  ResultRef(Value& value) : value_(&value) {}
  template <class T>
  ResultRef(const TensorView<const T>&) {
    static_assert(sizeof(T) == 0, "a result is written: it needs a view of mutable elements, hone::TensorView<T>, not <const T>");
  }
  template <class T>
  ResultRef(const Tensor<T>&) {
    static_assert(sizeof(T) == 0, "a result is written: it needs a hone::Tensor<T> that is not const and outlives the run");
  }

  /// The value, or null when the result goes into tensor().
  [[nodiscard]] Value* value() const noexcept { return value_; }
  [[nodiscard]] const TensorRef& tensor() const noexcept { return tensor_; }

  /// Memory for a tensor of this type and shape.
  /// Errors: invalid_argument when the caller's tensor is another; resource_exhausted.
  [[nodiscard]] const TensorRef& memory(DType dtype, const Shape& shape) const {
    if (value_ == nullptr) {
      if (tensor_.dtype == dtype && tensor_.shape == shape) return tensor_;
      fail(ErrorCode::invalid_argument, "the result is ", Type(dtype), " of shape ", shape, "; the tensor for it is ", Type(tensor_.dtype),
           " of shape ", tensor_.shape);
    }
    if (!value_->is_tensor() || value_->dtype() != dtype || !(value_->shape() == shape)) *value_ = Value::tensor(dtype, shape);
    return value_->ref();
  }

 private:
  TensorRef tensor_;
  Value* value_ = nullptr;
};

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_FWD_HPP

namespace onnx {
class ModelProto;
}

namespace hone::inline HONE_ABI {

class Error;
class Graph;
class Provider;
class Session;
class Value;
class Shape;
struct Cpu;
struct Node;
struct SessionOptions;

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_ONNX_TENSOR_PROTO_HPP

#include <filesystem>

namespace hone::inline HONE_ABI {

/// Reads serialized TensorProto, SequenceProto or OptionalProto messages, as the ONNX backend tests store them.
/// `type` says which message it is; elements are copied. Errors: no_such_file, invalid_protobuf.
[[nodiscard]] Value read_value(const std::filesystem::path& file, const Type& type, std::string* name = nullptr);

/// Serializes a tensor as a TensorProto. Errors: no_such_file when the file cannot be written.
void write_tensor(const std::filesystem::path& file, const Value& tensor, std::string_view name);

}  // namespace hone::inline HONE_ABI

#if !HONE_COMPILED
#define HONE_SINGLE_ONNX_TENSOR_PROTO_IMPL_HPP

#include <fstream>

#include <onnx/onnx-data_pb.h>
#include <onnx/onnx_pb.h>

#define HONE_SINGLE_ONNX_READ_TENSOR_HPP

#include <unordered_map>

#define HONE_SINGLE_CORE_MAPPED_FILE_HPP

#if defined(__unix__) || defined(__APPLE__)
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace hone::inline HONE_ABI {

/// A whole file as read-only bytes: mapped where the system can, else read into memory.
class MappedFile {
 public:
  /// Errors: no_such_file when the file cannot be opened or is no regular file.
  explicit MappedFile(const std::filesystem::path& path) {
    std::error_code error;
    if (!std::filesystem::is_regular_file(path, error)) {
      fail(ErrorCode::no_such_file, "'", path.string(), "' ", std::filesystem::exists(path, error) ? "is not a file" : "does not exist");
    }
#if defined(__unix__) || defined(__APPLE__)
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) fail(ErrorCode::no_such_file, "'", path.string(), "' cannot be opened");
    struct ::stat status {};
    void* mapped = nullptr;
    if (::fstat(descriptor, &status) == 0 && status.st_size > 0) {
      size_ = static_cast<std::size_t>(status.st_size);
      mapped = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor, 0);
    }
    ::close(descriptor);
    if (mapped == MAP_FAILED) fail(ErrorCode::no_such_file, "'", path.string(), "' cannot be mapped");
    data_ = static_cast<const std::byte*>(mapped);
#else
    size_ = static_cast<std::size_t>(std::filesystem::file_size(path));
    contents_ = Buffer(size_);
    std::ifstream stream(path, std::ios::binary);
    if (!stream.read(static_cast<char*>(contents_.data()), static_cast<std::streamsize>(size_))) {
      fail(ErrorCode::no_such_file, "'", path.string(), "' cannot be read");
    }
    data_ = static_cast<const std::byte*>(contents_.data());
#endif
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile() {
#if defined(__unix__) || defined(__APPLE__)
    if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
#endif
  }

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
#if !(defined(__unix__) || defined(__APPLE__))
  Buffer contents_;
#endif
};

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_GRAPH_ATTRIBUTE_HPP

namespace hone::inline HONE_ABI {

/// A tensor whose elements never change, and whatever keeps its memory alive (the parsed message, a mapped file, a buffer).
struct Constant {
  TensorRef tensor;
  std::shared_ptr<const void> owner;
};

/// The value of one attribute. Graph attributes are not here: they become Node::subgraphs.
using Attribute = std::variant<std::int64_t, float, std::string, Constant, Type, std::vector<std::int64_t>, std::vector<float>,
                               std::vector<std::string>, std::vector<Constant>>;

/// The attributes of one node as the model has them, by name.
class Attributes {
 public:
  void set(std::string name, Attribute value) { entries_.emplace_back(std::move(name), std::move(value)); }
  [[nodiscard]] const Attribute* find(std::string_view name) const noexcept {
    for (const auto& [key, value] : entries_)
      if (key == name) return &value;
    return nullptr;
  }
  [[nodiscard]] auto begin() const noexcept { return entries_.begin(); }
  [[nodiscard]] auto end() const noexcept { return entries_.end(); }

 private:
  std::vector<std::pair<std::string, Attribute>> entries_;
};

/// An attribute of an older opset that is an input in newer ones.
struct MovedAttribute {
  std::size_t input;       ///< index of that input
  const Attribute* value;  ///< an integer or float becomes a scalar, a list a 1-D tensor
  bool like_first_input;   ///< floats take the element type of input 0
};

/// Fills the members of an operator from the attributes of a node. An operator lists its attributes once:
/// `void attributes(auto& a) { a("axis", axis, -1); }`.
class AttributeReader {
 public:
  AttributeReader(const Attributes& attributes, int opset) : attributes_(attributes), opset_(opset) {}

  /// The opset version by which the node is to be read.
  [[nodiscard]] int opset() const noexcept { return opset_; }

  /// Sets `field` to the attribute, or to `absent` when the node does not have it.
  /// Errors: invalid_graph when the attribute is of another kind.
  template <class T, class Default>
  void operator()(std::string_view name, T& field, const Default& absent) {
    const Attribute* found = take(name);
    field = found != nullptr ? get<T>(name, *found) : T(absent);
  }
  /// Sets `field` to the attribute or empties it.
  template <class T>
  void operator()(std::string_view name, std::optional<T>& field) {
    const Attribute* found = take(name);
    field = found != nullptr ? std::optional<T>(get<T>(name, *found)) : std::nullopt;
  }
  /// Errors: invalid_graph when the node does not have the attribute.
  template <class T>
  void required(std::string_view name, T& field) {
    const Attribute* found = take(name);
    if (found == nullptr) fail(ErrorCode::invalid_graph, "the attribute '", name, "' is missing");
    field = get<T>(name, *found);
  }
  /// Accepts an attribute that has no effect on inference.
  void ignored(std::string_view name) { take(name); }
  /// Makes the attribute, when there, input number `input` of the node: older opsets then look like the newest.
  void moved_to_input(std::string_view name, std::size_t input, bool like_first_input = false) {
    if (const Attribute* found = take(name)) moved_.push_back({input, found, like_first_input});
  }

  [[nodiscard]] const std::vector<MovedAttribute>& moved() const noexcept { return moved_; }
  /// Errors: invalid_graph when the node has an attribute that its operator does not know.
  void check_all_known() const {
    for (const auto& [key, value] : attributes_) {
      bool known = false;
      for (const std::string_view name : taken_) known = known || name == key;
      if (!known) fail(ErrorCode::invalid_graph, "unknown attribute '", key, "'");
    }
  }

 private:
  const Attribute* take(std::string_view name) {
    taken_.push_back(name);
    return attributes_.find(name);
  }

  template <class T>
  static T get(std::string_view name, const Attribute& attribute) {
    if constexpr (std::is_integral_v<T>) {
      if (const auto* value = std::get_if<std::int64_t>(&attribute)) return static_cast<T>(*value);
    } else {
      if (const auto* value = std::get_if<T>(&attribute)) return *value;
    }
    fail(ErrorCode::invalid_graph, "the attribute '", name, "' is of the wrong kind");
  }

  const Attributes& attributes_;
  int opset_;
  std::vector<std::string_view> taken_;
  std::vector<MovedAttribute> moved_;
};

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_ONNX_TYPE_PROTO_HPP

#define HONE_SINGLE_GRAPH_GRAPH_HPP

#define HONE_SINGLE_GRAPH_OPERATOR_HPP

#define HONE_SINGLE_CORE_ANY_OBJECT_HPP

namespace hone::inline HONE_ABI {

/// Owns one object of any type. Unlike a virtual destructor, it costs no code per type that has nothing to destroy.
class AnyObject {
 public:
  /// An object of type T.
  template <class T, class... Arguments>
  [[nodiscard]] static AnyObject make(Arguments&&... arguments) {
    static_assert(alignof(T) <= alignment);
    AnyObject result(sizeof(T));
    new (result.memory_) T(static_cast<Arguments&&>(arguments)...);
    if constexpr (!std::is_trivially_destructible_v<T>) result.destroy_ = &destroy<T>;
    return result;
  }

  AnyObject(AnyObject&& other) noexcept
      : memory_(std::exchange(other.memory_, nullptr)), destroy_(std::exchange(other.destroy_, nullptr)) {}
  AnyObject& operator=(AnyObject&& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(destroy_, other.destroy_);
    return *this;
  }
  ~AnyObject() {
    if (destroy_ != nullptr) destroy_(memory_);
    if (memory_ != nullptr) ::operator delete (memory_, std::align_val_t{alignment});
  }

  /// Precondition: the object is a T.
  template <class T>
  [[nodiscard]] const T& as() const noexcept {
    return *static_cast<const T*>(memory_);
  }
  [[nodiscard]] const void* get() const noexcept { return memory_; }

 private:
  static constexpr std::size_t alignment = 64;

  HONE_COLD explicit AnyObject(std::size_t bytes) : memory_(::operator new (bytes, std::align_val_t{alignment})) {}

  template <class T>
  HONE_COLD static void destroy(void* object) noexcept {
    static_cast<T*>(object)->~T();
  }

  void* memory_;
  void (*destroy_)(void*) noexcept = nullptr;
};

}  // namespace hone::inline HONE_ABI

namespace hone::inline HONE_ABI {

class Graph;

/// A set of inputs, by index.
using InputSet = std::uint32_t;

[[nodiscard]] constexpr InputSet inputs(std::convertible_to<int> auto... index) noexcept { return ((InputSet{1} << index) | ... | 0u); }
[[nodiscard]] constexpr bool contains(InputSet set, std::size_t index) noexcept { return index < 32 && (set >> index & 1u) != 0; }

/// A set of element types.
class DTypeSet {
 public:
  constexpr DTypeSet(std::initializer_list<DType> dtypes) noexcept {
    for (const DType dtype : dtypes) bits_ |= std::uint32_t{1} << static_cast<int>(dtype);
  }
  [[nodiscard]] constexpr bool contains(DType dtype) const noexcept { return (bits_ >> static_cast<int>(dtype) & 1u) != 0; }

 private:
  std::uint32_t bits_ = 0;
};

/// The element types that are real numbers, without those that are only stored.
inline constexpr DTypeSet real_numbers{DType::float32, DType::float64, DType::float16, DType::bfloat16, DType::int8,   DType::int16,
                                       DType::int32,   DType::int64,   DType::uint8,   DType::uint16,   DType::uint32, DType::uint64};

/// Inputs that have types of their own. The other inputs of a node have the type of the deciding one, which kernels rely on; those in
/// OpTraits::shape_inputs are checked when they are read.
struct InputTypes {
  InputSet inputs = 0;
  /// Empty: whatever the kernels and `types` of the operator accept.
  std::optional<DTypeSet> types = std::nullopt;
};

/// How many inputs and outputs an operator takes.
struct Arity {
  static constexpr std::size_t any = std::numeric_limits<std::size_t>::max();
  std::size_t min_inputs = 1;
  std::size_t max_inputs = 1;
  std::size_t min_outputs = 1;
  std::size_t max_outputs = 1;
};

/// What the planner needs to know of an operator.
struct OpTraits {
  /// Inputs whose elements, not only shapes, decide the shapes of the outputs; they live in host memory on every provider.
  InputSet shape_inputs = 0;
  /// Inputs whose elements are never read, only their shapes (Shape, Size).
  InputSet unread_inputs = 0;
  /// Shapes of outputs are known only by computing them (NonZero, If): the kernel calls Context::allocate.
  bool data_dependent = false;
  /// False for random generators and for whatever else may differ between two runs on equal inputs.
  bool deterministic = true;
  /// Output 0 has the bytes of input 0 in the same order (Reshape): it may stand in the same memory.
  bool alias = false;
  /// Inputs that output 0 may overwrite when nobody else needs them: each element is read before it is written.
  InputSet in_place = 0;
};

/// What type inference sees of a node.
class TypeContext {
 public:
  TypeContext(std::span<const Type> inputs, std::span<Type> outputs, std::span<const Graph* const> subgraphs)
      : inputs_(inputs), outputs_(outputs), subgraphs_(subgraphs) {}

  [[nodiscard]] std::size_t input_count() const noexcept { return inputs_.size(); }
  [[nodiscard]] std::size_t output_count() const noexcept { return outputs_.size(); }
  /// Unknown type for an omitted input.
  [[nodiscard]] const Type& input(std::size_t i) const noexcept {
    static const Type none;
    return i < inputs_.size() ? inputs_[i] : none;
  }
  HONE_COLD void output(std::size_t i, Type type) const {
    if (i < outputs_.size()) outputs_[i] = std::move(type);
  }
  [[nodiscard]] std::span<const Graph* const> subgraphs() const noexcept { return subgraphs_; }

 private:
  std::span<const Type> inputs_;
  std::span<Type> outputs_;
  std::span<const Graph* const> subgraphs_;
};

/// What shape inference sees of a node: shapes of all inputs, elements of the shape inputs.
class ShapeContext {
 public:
  /// Omitted inputs are null.
  ShapeContext(std::span<const TensorRef* const> inputs, std::span<Shape> outputs) : inputs_(inputs), outputs_(outputs) {}

  [[nodiscard]] std::size_t input_count() const noexcept { return inputs_.size(); }
  [[nodiscard]] std::size_t output_count() const noexcept { return outputs_.size(); }
  [[nodiscard]] bool has_input(std::size_t i) const noexcept { return i < inputs_.size() && inputs_[i] != nullptr; }
  [[nodiscard]] const Shape& shape(std::size_t i) const noexcept { return inputs_[i]->shape; }
  [[nodiscard]] DType dtype(std::size_t i) const noexcept { return inputs_[i]->dtype; }
  /// An input with its elements; only for those in OpTraits::shape_inputs.
  [[nodiscard]] const TensorRef& tensor(std::size_t i) const noexcept { return *inputs_[i]; }
  /// Elements of a shape input of type int64.
  /// Errors: invalid_argument when it holds another type.
  [[nodiscard]] std::span<const std::int64_t> int64s(std::size_t i) const {
    const TensorRef& tensor = *inputs_[i];
    if (tensor.dtype != DType::int64) fail(ErrorCode::invalid_argument, "input ", i, " must hold int64, not ", name(tensor.dtype));
    return {tensor.as<const std::int64_t>(), static_cast<std::size_t>(tensor.elements())};
  }
  void output(std::size_t i, const Shape& shape) const {
    if (i < outputs_.size()) outputs_[i] = shape;
  }

 private:
  std::span<const TensorRef* const> inputs_;
  std::span<Shape> outputs_;
};

class Operator;

/// One definition of an operator: which nodes it reads, and how.
struct OpInfo {
  std::string_view domain;  ///< "" for ai.onnx
  std::string_view name;
  int since;                            ///< first opset version that the definition reads
  int until;                            ///< last one
  AnyObject (*read)(AttributeReader&);  ///< makes the struct of `ops/`
  Arity arity;
  OpTraits traits;
  void (*types)(const void* op, const TypeContext&);    ///< null: every output has the type of input 0
  void (*shapes)(const void* op, const ShapeContext&);  ///< null: every output has the shape of input 0
  std::size_t type_input = 0;                           ///< the deciding input: its type chooses among the kernels
  std::span<const InputTypes> input_types = {};

  /// The operator of a node with these attributes. Errors: invalid_graph.
  [[nodiscard]] std::unique_ptr<Operator> create(AttributeReader& reader) const;
};

/// The operator of a node: its attributes, with type and shape inference.
class Operator {
 public:
  Operator(const OpInfo& info, AnyObject members) noexcept : info_(&info), members_(std::move(members)) {}

  [[nodiscard]] const OpInfo& info() const noexcept { return *info_; }
  [[nodiscard]] const Arity& arity() const noexcept { return info_->arity; }
  [[nodiscard]] const OpTraits& traits() const noexcept { return info_->traits; }
  /// Sets the types of all outputs. Errors: invalid_graph.
  void types(const TypeContext& context) const {
    if (info_->types != nullptr) return info_->types(members_.get(), context);
    for (std::size_t i = 0; i < context.output_count(); ++i) context.output(i, context.input(0));
  }
  /// Sets the shapes of all outputs; not called when traits().data_dependent. Errors: invalid_argument.
  void shapes(const ShapeContext& context) const {
    if (info_->shapes != nullptr) return info_->shapes(members_.get(), context);
    for (std::size_t i = 0; i < context.output_count(); ++i) context.output(i, context.shape(0));
  }
  /// The struct of `ops/`. Precondition: that is the type that info() makes.
  template <class Op>
  [[nodiscard]] const Op& members() const noexcept {
    return members_.as<Op>();
  }

 private:
  const OpInfo* info_;
  AnyObject members_;
};

inline std::unique_ptr<Operator> OpInfo::create(AttributeReader& reader) const { return std::make_unique<Operator>(*this, read(reader)); }

namespace detail {

template <class Op>
HONE_COLD AnyObject read_operator(AttributeReader& reader) {
  Op op;
  if constexpr (requires { op.attributes(reader); }) op.attributes(reader);
  return AnyObject::make<Op>(std::move(op));
}
template <class Op>
void infer_types(const void* op, const TypeContext& context) {
  static_cast<const Op*>(op)->types(context);
}
template <class Op>
void infer_shapes(const void* op, const ShapeContext& context) {
  static_cast<const Op*>(op)->shapes(context);
}

template <class Op>
constexpr OpInfo make_op_info() {
  OpInfo info{"", Op::name, 1, std::numeric_limits<int>::max(), &read_operator<Op>, {}, {}, nullptr, nullptr};
  if constexpr (requires { Op::domain; }) info.domain = Op::domain;
  if constexpr (requires { Op::since; }) info.since = Op::since;
  if constexpr (requires { Op::until; }) info.until = Op::until;
  if constexpr (requires { Op::arity; }) info.arity = Op::arity;
  if constexpr (requires { Op::traits; }) info.traits = Op::traits;
  if constexpr (requires { Op::type_input; }) info.type_input = Op::type_input;
  if constexpr (requires { Op::input_types; }) info.input_types = Op::input_types;
  if constexpr (requires(const Op& op, const TypeContext& context) { op.types(context); }) info.types = &infer_types<Op>;
  if constexpr (requires(const Op& op, const ShapeContext& context) { op.shapes(context); }) info.shapes = &infer_shapes<Op>;
  return info;
}

}  // namespace detail

/// The definition that a struct of `ops/` makes. The struct has `name`, and, where they differ from the defaults, `domain`, `since`,
/// `until`, `arity`, `traits`, `type_input`, `input_types` (an array), `attributes(a)`, `types(c)` and `shapes(c)`.
template <class Op>
inline constexpr OpInfo op_info = detail::make_op_info<Op>();

/// The members of `op` when it is an Op, else null.
template <class Op>
[[nodiscard]] const Op* op_cast(const Operator* op) noexcept {
  return op != nullptr && &op->info() == &op_info<Op> ? &op->members<Op>() : nullptr;
}

}  // namespace hone::inline HONE_ABI

namespace hone::inline HONE_ABI {

/// Index of a value in its graph.
enum class ValueId : std::uint32_t {};
/// Stands for an omitted optional input or output.
inline constexpr ValueId no_value{std::numeric_limits<std::uint32_t>::max()};
[[nodiscard]] constexpr std::size_t index(ValueId id) noexcept { return static_cast<std::size_t>(id); }

/// A dimension as a model declares it: a number, a symbol ("batch"), or neither.
struct Dim {
  std::int64_t value = -1;  ///< -1 when the model leaves it open
  std::string symbol;

  friend bool operator==(const Dim&, const Dim&) = default;
};

[[nodiscard]] inline std::string to_string(const Dim& dim) {
  if (dim.value >= 0) return text(dim.value);
  return dim.symbol.empty() ? std::string("?") : dim.symbol;
}

/// One value: made once (by a node, as an input, or as a constant), used any number of times.
struct GraphValue {
  std::string name;
  Type type;
  /// Dimensions as the model declares them, when it does.
  std::optional<std::vector<Dim>> shape;
  /// Set for initializers and folded values that nobody can override.
  std::optional<Constant> constant;
};

struct Subgraph {
  std::string attribute;  ///< "then_branch", "body" …
  std::unique_ptr<Graph> graph;
};

/// One operation. Opset differences are gone: attributes that became inputs are inputs.
struct Node {
  std::string name;
  std::string domain;  ///< "" for ai.onnx
  std::string op_type;
  int opset = 0;  ///< version of the domain by which the node was read
  /// Null when no operator of that name and version is known.
  std::unique_ptr<Operator> op;
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
  std::vector<Subgraph> subgraphs;
  /// Why `op` is null or could not be read.
  std::string problem;

  /// The operator's members when it is an Op, else null.
  template <class Op>
  [[nodiscard]] const Op* as() const noexcept {
    return op_cast<Op>(op.get());
  }
  /// "com.microsoft.FastGelu", or "Conv" of ai.onnx.
  [[nodiscard]] std::string qualified_op() const { return domain.empty() ? op_type : domain + "." + op_type; }
};

/// A value of an enclosing graph that a subgraph reads.
struct Capture {
  ValueId outer;
  ValueId inner;
};

/// A typed graph. Nodes stand in an order in which every value is made before it is used.
class Graph {
 public:
  std::string name;
  std::vector<GraphValue> values;
  std::vector<Node> nodes;
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
  /// Names of the outputs; a value that is an output may have another name of its own.
  std::vector<std::string> output_names;
  /// Initializers that a feed may override: they have a default in `defaults` and are not constant.
  std::vector<std::pair<ValueId, Constant>> defaults;
  /// Only in subgraphs.
  std::vector<Capture> captures;

  [[nodiscard]] GraphValue& operator[](ValueId id) { return values[index(id)]; }
  [[nodiscard]] const GraphValue& operator[](ValueId id) const { return values[index(id)]; }

  ValueId add_value(GraphValue value) {
    values.push_back(std::move(value));
    return ValueId{static_cast<std::uint32_t>(values.size() - 1)};
  }
  ValueId add_constant(std::string value_name, Constant constant) {
    GraphValue value;
    value.name = std::move(value_name);
    value.type = constant.tensor.dtype;
    value.constant = std::move(constant);
    return add_value(std::move(value));
  }

  /// Errors: invalid_graph when a value is used before it is made, is made twice, or an id is out of range.
  void check() const {
    std::vector<bool> made(values.size(), false);
    const auto make = [&](ValueId id, std::string_view by) {
      if (index(id) >= values.size()) fail(ErrorCode::invalid_graph, "graph '", name, "': ", by, " refers to a value that does not exist");
      if (made[index(id)]) fail(ErrorCode::invalid_graph, "graph '", name, "': the value '", values[index(id)].name, "' is made twice");
      made[index(id)] = true;
    };
    for (std::size_t i = 0; i < values.size(); ++i) made[i] = values[i].constant.has_value();
    for (const ValueId id : inputs) make(id, "an input");
    for (const auto& [id, constant] : defaults) make(id, "an initializer");
    for (const Capture& capture : captures) make(capture.inner, "a capture");
    const auto use = [&](ValueId id, const std::string& by) {
      if (index(id) >= values.size() || !made[index(id)]) {
        fail(ErrorCode::invalid_graph, "graph '", name, "': ", by, " uses ",
             index(id) < values.size() ? text("the value '", values[index(id)].name, "', which nothing makes before it")
                                       : "a value that does not exist");
      }
    };
    for (const Node& node : nodes) {
      for (const ValueId id : node.inputs)
        if (id != no_value) use(id, node.name);
      for (const Subgraph& subgraph : node.subgraphs) {
        for (const Capture& capture : subgraph.graph->captures) use(capture.outer, node.name);
        subgraph.graph->check();
      }
      for (const ValueId id : node.outputs)
        if (id != no_value) make(id, node.name);
    }
    for (const ValueId id : outputs) use(id, "an output");
  }
};

}  // namespace hone::inline HONE_ABI

namespace hone::inline HONE_ABI::detail {

template <class ElementType>
DType read_dtype(ElementType element_type) {
  if (!is_valid(static_cast<int>(element_type))) {
    fail(ErrorCode::invalid_graph, "element type ", static_cast<int>(element_type), " is none of ONNX's");
  }
  return static_cast<DType>(element_type);
}

/// Unknown type for a message that sets nothing.
inline Type read_type(const onnx::TypeProto& proto) {
  switch (proto.value_case()) {
    case onnx::TypeProto::kTensorType:
      return proto.tensor_type().elem_type() == 0 ? Type() : Type(read_dtype(proto.tensor_type().elem_type()));
    case onnx::TypeProto::kSequenceType:
      return Type::sequence_of(read_type(proto.sequence_type().elem_type()));
    case onnx::TypeProto::kOptionalType:
      return Type::optional_of(read_type(proto.optional_type().elem_type()));
    case onnx::TypeProto::kMapType:
      return Type::map_of(read_dtype(proto.map_type().key_type()), read_type(proto.map_type().value_type()));
    case onnx::TypeProto::kSparseTensorType:
      return Type::sparse_tensor_of(read_dtype(proto.sparse_tensor_type().elem_type()));
    default:
      return {};
  }
}

/// The dimensions that a tensor type declares, when it does.
inline std::optional<std::vector<Dim>> read_dims(const onnx::TypeProto& proto) {
  if (proto.value_case() != onnx::TypeProto::kTensorType || !proto.tensor_type().has_shape()) return std::nullopt;
  std::vector<Dim> dims;
  for (const auto& dim : proto.tensor_type().shape().dim()) {
    Dim& added = dims.emplace_back();
    if (dim.has_dim_value()) added.value = dim.dim_value();
    if (dim.has_dim_param()) added.symbol = dim.dim_param();
  }
  return dims;
}

}  // namespace hone::inline HONE_ABI::detail

namespace hone::inline HONE_ABI::detail {

static_assert(std::endian::native == std::endian::little, "ONNX stores raw tensors little-endian; big-endian hosts are not supported");

/// The files beside a model that hold its large tensors: each is mapped once, and none may lie outside the model's folder.
class ExternalData {
 public:
  explicit ExternalData(std::filesystem::path folder) : folder_(std::move(folder)) {}

  std::shared_ptr<const MappedFile> open(const std::string& location) {
    auto& file = files_[location];
    if (!file) file = std::make_shared<const MappedFile>(confined(location));
    return file;
  }

 private:
  std::filesystem::path confined(const std::string& location) const {
    namespace fs = std::filesystem;
    const fs::path relative(location);
    std::error_code error;
    const fs::path root = fs::weakly_canonical(folder_.empty() ? fs::path(".") : folder_, error);
    const fs::path target = fs::weakly_canonical(root / relative, error);
    const bool inside = std::mismatch(root.begin(), root.end(), target.begin(), target.end()).first == root.end();
    if (location.empty() || relative.is_absolute() || !inside || error) {
      fail(ErrorCode::invalid_graph, "the external data '", location, "' is not inside the folder of the model");
    }
    return target;
  }

  std::filesystem::path folder_;
  std::unordered_map<std::string, std::shared_ptr<const MappedFile>> files_;
};

/// The bytes of `constant` in memory of their own, aligned for any kernel.
inline Constant aligned_copy(const TensorRef& tensor) {
  auto value = std::make_shared<Value>(Value::copy_of(tensor));
  const TensorRef ref = value->ref();
  return {ref, std::move(value)};
}

template <class To, class Repeated>
Constant converted(const Shape& shape, DType dtype, const Repeated& from) {
  auto value = std::make_shared<Value>(Value::tensor(dtype, shape));
  const TensorRef ref = value->ref();
  std::transform(from.begin(), from.end(), ref.as<To>(), [](auto element) { return static_cast<To>(element); });
  return {ref, std::move(value)};
}

/// The constant of a TensorProto. It refers into `owner`, which holds the message, or into a mapped file, wherever the layout allows.
/// Errors: invalid_graph when size and shape disagree or the data lie outside their file; no_such_file.
inline Constant read_tensor(const onnx::TensorProto& proto, const std::shared_ptr<const void>& owner, ExternalData& external) {
  const auto broken = [&](const auto&... why) { fail(ErrorCode::invalid_graph, "the tensor '", proto.name(), "' ", why...); };
  Shape shape;
  for (const std::int64_t dim : proto.dims()) shape.push_back(dim);
  const DType dtype = read_dtype(proto.data_type());
  const std::size_t bytes = checked_bytes(dtype, shape);
  const std::size_t elements = static_cast<std::size_t>(shape.elements());

  const auto refer = [&](const void* data, const std::shared_ptr<const void>& keeper) -> Constant {
    const TensorRef ref{const_cast<void*>(data), dtype, shape};
    const std::size_t alignment = std::min<std::size_t>(std::max<std::size_t>(element_size(dtype), 1), 8);
    if (reinterpret_cast<std::uintptr_t>(data) % alignment != 0) return aligned_copy(ref);
    return {ref, keeper};
  };

  if (proto.has_data_location() && proto.data_location() == onnx::TensorProto::EXTERNAL) {
    std::string location;
    std::uint64_t offset = 0;
    std::uint64_t length = bytes;
    for (const auto& entry : proto.external_data()) {
      if (entry.key() == "location") location = entry.value();
      const auto number = [&](std::uint64_t& to) {
        const auto [end, error] = std::from_chars(entry.value().data(), entry.value().data() + entry.value().size(), to);
        if (error != std::errc{} || end != entry.value().data() + entry.value().size()) broken("has a malformed external ", entry.key());
      };
      if (entry.key() == "offset") number(offset);
      if (entry.key() == "length") number(length);
    }
    if (dtype == DType::string) broken("holds strings, which external data cannot");
    const auto file = external.open(location);
    const std::size_t size = file->bytes().size();
    if (length != bytes) broken("needs ", bytes, " bytes, but its external data has ", length);
    if (offset > size || bytes > size - offset) broken("lies beyond the end of '", location, "'");
    if (bytes == 0) return aligned_copy({nullptr, dtype, shape});
    return refer(file->bytes().data() + offset, file);
  }
  if (proto.has_raw_data()) {
    if (dtype == DType::string) broken("holds strings as raw data, which ONNX does not allow");
    if (proto.raw_data().size() != bytes) broken("needs ", bytes, " bytes, but has ", proto.raw_data().size());
    return refer(proto.raw_data().data(), owner);
  }

  const auto expect = [&](std::size_t wanted, int found) {
    if (static_cast<std::size_t>(found) != wanted) broken("needs ", wanted, " elements, but has ", found);
  };
  switch (dtype) {
    case DType::float32:
      expect(elements, proto.float_data_size());
      return refer(proto.float_data().data(), owner);
    case DType::complex64:
      expect(elements * 2, proto.float_data_size());
      return refer(proto.float_data().data(), owner);
    case DType::float64:
      expect(elements, proto.double_data_size());
      return refer(proto.double_data().data(), owner);
    case DType::complex128:
      expect(elements * 2, proto.double_data_size());
      return refer(proto.double_data().data(), owner);
    case DType::int64:
      expect(elements, proto.int64_data_size());
      return refer(proto.int64_data().data(), owner);
    case DType::uint64:
      expect(elements, proto.uint64_data_size());
      return refer(proto.uint64_data().data(), owner);
    case DType::int32:
      expect(elements, proto.int32_data_size());
      return refer(proto.int32_data().data(), owner);
    case DType::uint32:
      expect(elements, proto.uint64_data_size());
      return converted<std::uint32_t>(shape, dtype, proto.uint64_data());
    case DType::string: {
      expect(elements, proto.string_data_size());
      auto value = std::make_shared<Value>(Value::tensor(dtype, shape));
      const TensorRef ref = value->ref();
      std::copy(proto.string_data().begin(), proto.string_data().end(), ref.as<std::string>());
      return {ref, std::move(value)};
    }
    default:
      break;
  }
  // Everything of 16 bits or less travels in int32_data: one entry per element, or per byte of packed elements.
  expect(element_size(dtype) == 0 ? bytes : elements, proto.int32_data_size());
  return element_size(dtype) == 2 ? converted<std::uint16_t>(shape, dtype, proto.int32_data())
                                  : converted<std::uint8_t>(shape, dtype, proto.int32_data());
}

/// A dense tensor with the elements of a SparseTensorProto, zero elsewhere.
inline Constant read_sparse_tensor(const onnx::SparseTensorProto& proto, const std::shared_ptr<const void>& owner, ExternalData& external) {
  const Constant values = read_tensor(proto.values(), owner, external);
  const Constant indices = read_tensor(proto.indices(), owner, external);
  Shape shape;
  for (const std::int64_t dim : proto.dims()) shape.push_back(dim);
  const std::size_t size = element_size(values.tensor.dtype);
  const std::int64_t count = values.tensor.elements();
  const bool linear = indices.tensor.shape.rank() == 1;
  if (size == 0 || values.tensor.dtype == DType::string || indices.tensor.dtype != DType::int64 ||
      indices.tensor.elements() != (linear ? count : count * static_cast<std::int64_t>(shape.rank()))) {
    fail(ErrorCode::invalid_graph, "the sparse tensor '", proto.values().name(), "' is malformed");
  }
  auto value = std::make_shared<Value>(Value::tensor(values.tensor.dtype, shape));
  const TensorRef ref = value->ref();
  std::memset(ref.data, 0, ref.bytes());
  const auto* index = indices.tensor.as<const std::int64_t>();
  for (std::int64_t i = 0; i < count; ++i) {
    std::int64_t at = linear ? index[i] : 0;
    bool inside = !linear || (at >= 0 && at < ref.elements());
    for (std::size_t axis = 0; !linear && axis < shape.rank(); ++axis) {
      const std::int64_t position = index[static_cast<std::size_t>(i) * shape.rank() + axis];
      inside = inside && position >= 0 && position < shape[axis];
      at += position * shape.stride(axis);
    }
    if (!inside) fail(ErrorCode::invalid_graph, "the sparse tensor '", proto.values().name(), "' has an index outside its shape");
    std::memcpy(ref.as<std::byte>() + static_cast<std::size_t>(at) * size,
                values.tensor.as<std::byte>() + static_cast<std::size_t>(i) * size, size);
  }
  return {ref, std::move(value)};
}

}  // namespace hone::inline HONE_ABI::detail

namespace hone::inline HONE_ABI {

namespace detail {

template <class Proto>
std::shared_ptr<Proto> parse_file(const std::filesystem::path& path) {
  const MappedFile file(path);
  auto proto = std::make_shared<Proto>();
  if (file.bytes().size() > 0x7fffffffu || !proto->ParseFromArray(file.bytes().data(), static_cast<int>(file.bytes().size()))) {
    fail(ErrorCode::invalid_protobuf, "'", path.string(), "' does not hold a ", proto->GetTypeName());
  }
  return proto;
}

inline Value value_of(const onnx::TensorProto& proto) {
  ExternalData none{std::filesystem::path{}};
  const Constant constant = read_tensor(proto, nullptr, none);
  return Value::copy_of(constant.tensor);
}

inline Value value_of(const onnx::SequenceProto& proto, const Type& type) {
  std::vector<Value> values;
  for (const auto& tensor : proto.tensor_values()) values.push_back(value_of(tensor));
  for (const auto& sequence : proto.sequence_values()) values.push_back(value_of(sequence, type.element ? *type.element : Type()));
  return Value::sequence(type.element ? *type.element : Type(), std::move(values));
}

}  // namespace detail

HONE_INLINE Value read_value(const std::filesystem::path& file, const Type& type, std::string* name) {
  const auto named = [&](const auto& proto) {
    if (name != nullptr) *name = proto.name();
  };
  switch (type.kind) {
    case Type::Kind::sequence: {
      const auto proto = detail::parse_file<onnx::SequenceProto>(file);
      named(*proto);
      return detail::value_of(*proto, type);
    }
    case Type::Kind::optional: {
      const auto proto = detail::parse_file<onnx::OptionalProto>(file);
      named(*proto);
      if (proto->has_tensor_value()) return detail::value_of(proto->tensor_value());
      if (proto->has_sequence_value()) return detail::value_of(proto->sequence_value(), *type.element);
      return {};
    }
    case Type::Kind::map:
      fail(ErrorCode::invalid_argument, "reading a map from '", file.string(), "': ONNX stores none in test data");
    default: {
      const auto proto = detail::parse_file<onnx::TensorProto>(file);
      named(*proto);
      return detail::value_of(*proto);
    }
  }
}

HONE_INLINE void write_tensor(const std::filesystem::path& file, const Value& tensor, std::string_view name) {
  onnx::TensorProto proto;
  proto.set_name(std::string(name));
  proto.set_data_type(static_cast<int>(tensor.dtype()));
  for (const std::int64_t dim : tensor.shape()) proto.add_dims(dim);
  if (tensor.dtype() == DType::string) {
    for (const std::string& text : tensor.view<const std::string>()) proto.add_string_data(text);
  } else {
    proto.set_raw_data(tensor.ref().data, tensor.ref().bytes());
  }
  std::ofstream stream(file, std::ios::binary);
  if (!stream || !proto.SerializeToOstream(&stream)) fail(ErrorCode::no_such_file, "'", file.string(), "' cannot be written");
}

}  // namespace hone::inline HONE_ABI
#endif
#define HONE_SINGLE_PROVIDERS_CPU_HPP

#define HONE_SINGLE_PROVIDERS_CPU_DEVICE_HPP

#define HONE_SINGLE_SIMD_ARCH_HPP

#include <cstdlib>

#define HONE_SINGLE_SIMD_XSIMD_HPP

/// The one place that includes xsimd. GCC 12 to 14 take the vectors that its own AVX-512 intrinsics leave undefined on purpose for mistakes
/// of whoever calls them (GCC bug 105593); the state of the diagnostics here, where the functions come from, decides that they are silent
/// wherever they are inlined.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include <xsimd/xsimd.hpp>

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

namespace hone::inline HONE_ABI::simd {

/// Instruction sets that kernels are written for, worst first within a processor family.
enum class Isa : std::uint8_t { sse2, avx2, avx512, neon };

/// One instruction set: its value, its name, and the xsimd tag that its kernels carry among their template parameters.
template <Isa I, class A>
struct IsaEntry {
  static constexpr Isa isa = I;
  using Arch = A;
};

template <class... Entries>
struct IsaList {};

// The one list of instruction sets. avx2 means AVX2 + FMA + F16C; avx512 means F + BW + DQ + VL + CD.
#if defined(__x86_64__) || defined(_M_X64)
using PlatformIsas =
    IsaList<IsaEntry<Isa::sse2, xsimd::sse2>, IsaEntry<Isa::avx2, xsimd::fma3<xsimd::avx2>>, IsaEntry<Isa::avx512, xsimd::avx512bw>>;
#else
using PlatformIsas = IsaList<IsaEntry<Isa::neon, xsimd::neon64>>;
#endif

namespace detail {

template <Isa I, class List>
struct FindArch;

template <Isa I, class First, class... Rest>
struct FindArch<I, IsaList<First, Rest...>> : FindArch<I, IsaList<Rest...>> {};

template <Isa I, class A, class... Rest>
struct FindArch<I, IsaList<IsaEntry<I, A>, Rest...>> {
  using Arch = A;
};

}  // namespace detail

/// The xsimd tag of an instruction set of this platform.
template <Isa I>
using Arch = typename detail::FindArch<I, PlatformIsas>::Arch;

/// The instruction set that the flags of this translation unit allow.
inline constexpr Isa native_isa = Isa::HONE_NATIVE_ISA;

/// The instruction sets that kernels exist for in this program: all of the platform in compiled mode, one in pure-header mode.
#if HONE_COMPILED
using CompiledIsas = PlatformIsas;
#else
using CompiledIsas = IsaList<IsaEntry<native_isa, Arch<native_isa>>>;
#endif

constexpr std::string_view name(Isa isa) noexcept {
  switch (isa) {
    case Isa::sse2:
      return "sse2";
    case Isa::avx2:
      return "avx2";
    case Isa::avx512:
      return "avx512";
    case Isa::neon:
      return "neon";
  }
  return "unknown";
}

/// The instruction set of a name; `baseline` is the one that every CPU of the platform has. Empty for an unknown name.
constexpr std::optional<Isa> parse_isa(std::string_view text) noexcept {
  if (text == "baseline") {
    return []<class First, class... Rest>(IsaList<First, Rest...>) { return First::isa; }(PlatformIsas{});
  }
  for (const Isa isa : {Isa::sse2, Isa::avx2, Isa::avx512, Isa::neon}) {
    if (text == name(isa)) return isa;
  }
  return std::nullopt;
}

/// True if the processor and the operating system of this machine run the instruction set.
inline bool runs_here(Isa isa) noexcept {
#if defined(__x86_64__) || defined(_M_X64)
  __builtin_cpu_init();
  switch (isa) {
    case Isa::sse2:
      return true;
    case Isa::avx2:
      return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
    case Isa::avx512:
      return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
             __builtin_cpu_supports("avx512vl") != 0 && __builtin_cpu_supports("avx512cd") != 0;
    case Isa::neon:
      return false;
  }
  return false;
#else
  return isa == Isa::neon;
#endif
}

/// A few instruction sets, in the order of Isa.
class IsaSet {
 public:
  constexpr void insert(Isa isa) noexcept { items_[size_++] = isa; }
  [[nodiscard]] constexpr const Isa* begin() const noexcept { return items_.data(); }
  [[nodiscard]] constexpr const Isa* end() const noexcept { return items_.data() + size_; }
  [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }
  [[nodiscard]] constexpr bool contains(Isa isa) const noexcept {
    for (const Isa mine : *this) {
      if (mine == isa) return true;
    }
    return false;
  }

  /// "sse2, avx2", for error messages.
  [[nodiscard]] std::string names() const {
    std::string text;
    for (const Isa isa : *this) text.append(text.empty() ? "" : ", ").append(name(isa));
    return text;
  }

 private:
  std::array<Isa, 4> items_{};
  std::size_t size_ = 0;
};

/// The instruction sets that kernels exist for and that run on this machine. Empty only in pure-header mode, when the program was
/// compiled for a newer processor.
inline IsaSet available_isas() noexcept {
  IsaSet set;
  [&set]<class... Entries>(IsaList<Entries...>) { ((runs_here(Entries::isa) ? set.insert(Entries::isa) : void()), ...); }(CompiledIsas{});
  return set;
}

/// What best_isa() chose. When `refused` is not null, HONE_FORCE_ARCH held that text, it names nothing in available_isas(), and
/// `isa` is what would have been used without it: raise an error that lists `available_isas().names()`.
struct IsaChoice {
  Isa isa = native_isa;
  const char* refused = nullptr;
};

/// The best available instruction set, or the one that the environment variable HONE_FORCE_ARCH names
/// (baseline, sse2, avx2, avx512, neon).
inline IsaChoice best_isa() noexcept {
  IsaChoice choice;
  const IsaSet available = available_isas();
  for (const Isa isa : available) choice.isa = isa;
  if (const char* forced = std::getenv("HONE_FORCE_ARCH"); forced != nullptr && *forced != '\0') {
    const std::optional<Isa> isa = parse_isa(forced);
    if (isa && available.contains(*isa)) {
      choice.isa = *isa;
    } else {
      choice.refused = forced;
    }
  }
  return choice;
}

}  // namespace hone::inline HONE_ABI::simd

namespace hone::inline HONE_ABI {

class Provider;

/// What CPU kernels are made for: they fetch their micro-kernels by it, `simd::table<Family>(device.isa)`.
struct CpuDevice {
  simd::Isa isa = simd::native_isa;
};

/// The CPU provider with all its kernels. Including <hone/providers/cpu.hpp> is what brings those in.
struct Cpu {
  using Device = CpuDevice;

  /// Instruction set of the micro-kernels: "sse2", "avx2", "avx512", "neon" or "baseline"; empty takes what the environment variable
  /// HONE_FORCE_ARCH names, else the best one of this machine.
  std::string arch = {};

  /// Errors: invalid_argument for an instruction set that is not available.
  [[nodiscard]] std::shared_ptr<const Provider> provider() const;
};

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_PROVIDERS_PROVIDER_HPP

#define HONE_SINGLE_PROVIDERS_KERNEL_HPP

#define HONE_SINGLE_CORE_FUNCTION_REF_HPP

namespace hone::inline HONE_ABI {

/// A reference to something callable: two pointers, no ownership, no allocation.
/// Precondition: the callable outlives the reference. Meant for parameters, where that always holds.
template <class Signature>
class FunctionRef;

template <class R, class... Args>
class FunctionRef<R(Args...)> {
 public:
  // Written for compile time: this is instantiated for every lambda of every kernel, so nothing of <type_traits> that is a class
  // template of its own stands here.
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, FunctionRef> &&
           requires(F & callable, Args... args) { callable(static_cast<Args&&>(args)...); })
      // NOLINTNEXTLINE(google-explicit-constructor): a parameter type is useful only when callables convert to it
      FunctionRef(F&& callable)
  noexcept {
    using Callable = std::remove_reference_t<F>;
    if constexpr (std::is_function_v<Callable>) {
      target_.function = reinterpret_cast<void (*)()>(&callable);
      call_ = &call_function<Callable>;
    } else {
      target_.object = const_cast<void*>(static_cast<const volatile void*>(std::addressof(callable)));
      call_ = &call_object<Callable>;
    }
  }

  R operator()(Args... args) const { return call_(target_, static_cast<Args&&>(args)...); }

 private:
  union Target {
    void* object;
    void (*function)();
  };

  template <class Callable>
  static R call_object(Target target, Args... args) {
    return static_cast<R>((*static_cast<Callable*>(target.object))(static_cast<Args&&>(args)...));
  }
  template <class Callable>
  static R call_function(Target target, Args... args) {
    return static_cast<R>(reinterpret_cast<Callable*>(target.function)(static_cast<Args&&>(args)...));
  }

  Target target_;
  R (*call_)(Target, Args...);
};

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_CORE_THREAD_POOL_HPP

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <thread>

namespace hone::inline HONE_ABI {

/// A fork-join pool. The calling thread works too, so a pool of size n owns n - 1 threads and a pool of size 1 owns none.
///
/// A parallel section never waits for a thread that has not started on it: workers that wake up late find it closed. The caller can
/// always finish alone, which keeps an oversubscribed machine (or a forked child, which has no workers) correct.
///
/// Thread safety: every member function may be called from any thread. One section runs at a time; a caller that finds the pool in
/// use, or that is itself inside a section, does its work inline.
class ThreadPool {
 public:
  /// `threads`: threads that work on a section, the caller among them; 0 means one per hardware thread.
  /// `spin`: idle workers poll for up to spin_limit before they sleep, which takes a fork from tens of microseconds to about one.
  explicit ThreadPool(int threads, bool spin = true) : state_(std::make_unique<State>()) {
    if (threads <= 0) threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
    state_->spin = spin;
    workers_.reserve(static_cast<std::size_t>(threads - 1));
    for (int slot = 1; slot < threads; ++slot) workers_.emplace_back([state = state_.get(), slot] { state->work(slot); });
  }

  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  /// Joins the workers. Precondition: no section is running.
  ~ThreadPool() {
    state_->stop.store(true, std::memory_order_relaxed);
    state_->wake();
    for (std::thread& worker : workers_) worker.join();
  }

  /// Threads that work on a section, the caller among them.
  [[nodiscard]] int size() const noexcept { return static_cast<int>(workers_.size()) + 1; }

  /// Calls `body(begin, end)` or `body(begin, end, slot)` for disjoint ranges that cover [0, count), and returns when all are done.
  ///
  /// `grain`: every range begins at a multiple of it, and ends at one or at `count`. A body that treats each block of `grain` indices
  /// alike computes the same whatever the number of threads. At most `grain` indices run inline.
  /// `slot`: in [0, size()), differs between ranges that run at the same time in this call; it indexes per-thread scratch.
  ///
  /// Allocates nothing and takes no lock. Precondition: `body` does not throw.
  void parallel_for(std::int64_t count, std::int64_t grain, FunctionRef<void(std::int64_t, std::int64_t, int)> body) const noexcept {
    if (count <= 0) return;
    grain = std::max<std::int64_t>(grain, 1);
    if (workers_.empty() || count <= grain || inside() || state_->busy.exchange(true, std::memory_order_acquire)) {
      body(std::int64_t{0}, count, 0);
      return;
    }
    inside() = true;
    state_->fork_join(body, count, grain, size());
    inside() = false;
    state_->busy.store(false, std::memory_order_release);
  }
  void parallel_for(std::int64_t count, std::int64_t grain, FunctionRef<void(std::int64_t, std::int64_t)> body) const noexcept {
    const auto call = [body](std::int64_t begin, std::int64_t end, int) { body(begin, end); };
    parallel_for(count, grain, FunctionRef<void(std::int64_t, std::int64_t, int)>(call));
  }

  /// The pool of this process for a number of threads (0: one per hardware thread), made on first use and joined at exit.
  static ThreadPool& shared(int threads) {
    if (threads <= 0) threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
    static std::mutex mutex;
    static std::map<int, ThreadPool> pools;
    const std::scoped_lock lock(mutex);
    return pools.try_emplace(threads, threads).first->second;
  }

 private:
  using Body = FunctionRef<void(std::int64_t, std::int64_t, int)>;

  /// How long an idle worker polls. The gaps between the kernels of a model are mostly shorter.
  static constexpr std::chrono::microseconds spin_limit{200};

  /// Ranges that each thread takes on average: enough to even out threads that start late, few enough to keep the counter cold.
  static constexpr std::int64_t ranges_per_thread = 4;

  /// True in a thread that is working on a section of any pool.
  static bool& inside() noexcept {
    thread_local bool flag = false;
    return flag;
  }

  static void pause() noexcept {
#if defined(__x86_64__) || defined(_M_X64)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }

  /// Polls until `done()`; false when spin_limit has passed.
  template <class Done>
  static bool spin_until(Done done) noexcept {
    const auto start = std::chrono::steady_clock::now();
    do {
      for (int i = 0; i < 64; ++i) {
        if (done()) return true;
        pause();
      }
    } while (std::chrono::steady_clock::now() - start < spin_limit);
    return done();
  }

  /// What the caller and the workers share. Fields on separate cache lines are written by different threads at the same time.
  struct State {
    /// Bit 31 of `gate`: a section accepts workers. The other bits count the workers inside.
    static constexpr std::uint32_t open = 1U << 31;

    alignas(64) std::atomic<std::uint32_t> gate{0};
    alignas(64) std::atomic<std::uint32_t> generation{0};
    alignas(64) std::atomic<std::int64_t> next{0};
    alignas(64) std::atomic<bool> busy{false};
    std::atomic<bool> stop{false};
    bool spin = true;
    // The section; written only while the gate is closed and nobody is inside.
    const Body* body = nullptr;
    std::int64_t count = 0;
    std::int64_t range = 0;

    void wake() noexcept {
      generation.fetch_add(1, std::memory_order_seq_cst);
      generation.notify_all();
    }

    void fork_join(Body section, std::int64_t total, std::int64_t grain, int threads) noexcept {
      const std::int64_t blocks = (total - 1) / grain + 1;
      body = &section;
      count = total;
      range = std::max<std::int64_t>(1, blocks / (ranges_per_thread * threads)) * grain;
      next.store(0, std::memory_order_relaxed);
      gate.store(open, std::memory_order_release);
      wake();
      take_ranges(0);
      std::uint32_t inside_now = gate.fetch_and(~open, std::memory_order_acq_rel) & ~open;
      if (inside_now == 0) return;
      const auto left = [this] { return gate.load(std::memory_order_acquire) == 0; };
      if (spin && spin_until(left)) return;
      while ((inside_now = gate.load(std::memory_order_acquire)) != 0) gate.wait(inside_now, std::memory_order_acquire);
    }

    void take_ranges(int slot) noexcept {
      const Body& section = *body;
      const std::int64_t total = count;
      const std::int64_t step = range;
      for (;;) {
        const std::int64_t begin = next.fetch_add(step, std::memory_order_relaxed);
        if (begin >= total) return;
        section(begin, std::min(begin + step, total), slot);
      }
    }

    bool enter() noexcept {
      std::uint32_t seen = gate.load(std::memory_order_relaxed);
      while ((seen & open) != 0) {
        if (gate.compare_exchange_weak(seen, seen + 1, std::memory_order_acquire, std::memory_order_relaxed)) return true;
      }
      return false;
    }

    void work(int slot) noexcept {
      ThreadPool::inside() = true;
      std::uint32_t seen = 0;
      for (;;) {
        const auto called = [this, &seen] { return generation.load(std::memory_order_acquire) != seen; };
        if (!(spin && spin_until(called))) generation.wait(seen, std::memory_order_acquire);
        if (stop.load(std::memory_order_relaxed)) return;
        seen = generation.load(std::memory_order_acquire);
        if (!enter()) continue;
        take_ranges(slot);
        if (gate.fetch_sub(1, std::memory_order_acq_rel) == 1) gate.notify_one();
      }
    }
  };

  std::unique_ptr<State> state_;
  std::vector<std::thread> workers_;
};

}  // namespace hone::inline HONE_ABI

namespace hone::inline HONE_ABI {

/// Whether a kernel can run a node; a refusal says why.
struct Support {
  bool supported = true;
  std::string reason;

  [[nodiscard]] static Support yes() { return {}; }
  template <class... Pieces>
  [[nodiscard]] static Support no(const Pieces&... pieces) {
    return {false, text(pieces...)};
  }
  explicit operator bool() const noexcept { return supported; }
};

/// A node in its graph, as kernels see it while a session is created.
class NodeView {
 public:
  NodeView(const Graph& graph, const Node& node) : graph_(&graph), node_(&node) {}

  [[nodiscard]] const Graph& graph() const noexcept { return *graph_; }
  [[nodiscard]] const Node& node() const noexcept { return *node_; }
  /// The members of the operator, which must be an Op.
  template <class Op>
  [[nodiscard]] const Op& op() const noexcept {
    return *node_->as<Op>();
  }
  [[nodiscard]] std::size_t input_count() const noexcept { return node_->inputs.size(); }
  [[nodiscard]] std::size_t output_count() const noexcept { return node_->outputs.size(); }
  [[nodiscard]] bool has_input(std::size_t i) const noexcept { return i < node_->inputs.size() && node_->inputs[i] != no_value; }
  [[nodiscard]] bool has_output(std::size_t i) const noexcept { return i < node_->outputs.size() && node_->outputs[i] != no_value; }
  /// Unknown type for an omitted input.
  [[nodiscard]] Type input_type(std::size_t i) const { return has_input(i) ? (*graph_)[node_->inputs[i]].type : Type(); }
  [[nodiscard]] Type output_type(std::size_t i) const { return has_output(i) ? (*graph_)[node_->outputs[i]].type : Type(); }
  [[nodiscard]] DType input_dtype(std::size_t i) const { return input_type(i).is_tensor() ? input_type(i).dtype : DType::undefined; }
  [[nodiscard]] DType output_dtype(std::size_t i) const { return output_type(i).is_tensor() ? output_type(i).dtype : DType::undefined; }
  /// The input when its elements are known for good, else null. Kernels pack such weights when they are made.
  [[nodiscard]] const TensorRef* constant(std::size_t i) const noexcept {
    if (!has_input(i)) return nullptr;
    const auto& constant = (*graph_)[node_->inputs[i]].constant;
    return constant ? &constant->tensor : nullptr;
  }

 private:
  const Graph* graph_;
  const Node* node_;
};

/// Where a value stands while a graph runs. Tensors are in `tensor`; sequences, optionals and maps in `object`.
struct Slot {
  TensorRef tensor;
  /// Memory of a tensor whose size is not planned.
  Buffer storage;
  Value object;

  /// Makes `tensor` a tensor of its own memory, which is kept and reused from run to run.
  void allocate(DType dtype, const Shape& shape) {
    const std::size_t bytes = checked_bytes(dtype, shape);
    if (dtype == DType::string) {
      storage = Buffer(dtype, shape);
    } else {
      storage.reserve(bytes);
    }
    tensor = {storage.data(), dtype, shape};
  }
};

class Context;

/// Runs the subgraphs of a node; implemented by the executor.
class SubgraphRunner {
 public:
  /// Runs subgraph number `subgraph` of the node of `context` with `inputs`, and puts its results into `outputs`, each in memory of its
  /// own. False when a kernel in it has failed; the failure is then that of `context`.
  virtual bool run(Context& context, std::size_t subgraph, std::span<const Slot* const> inputs, std::span<Slot* const> outputs) = 0;

 protected:
  ~SubgraphRunner() = default;
};

/// What a kernel sees while it runs. Inputs and outputs that the node omits are null.
class Context {
 public:
  Context(std::span<Slot* const> inputs, std::span<Slot* const> outputs, ThreadPool& pool)
      : inputs_(inputs), outputs_(outputs), pool_(&pool) {}

  [[nodiscard]] std::size_t input_count() const noexcept { return inputs_.size(); }
  [[nodiscard]] std::size_t output_count() const noexcept { return outputs_.size(); }
  [[nodiscard]] bool has_input(std::size_t i) const noexcept { return i < inputs_.size() && inputs_[i] != nullptr; }
  [[nodiscard]] bool has_output(std::size_t i) const noexcept { return i < outputs_.size() && outputs_[i] != nullptr; }
  [[nodiscard]] const TensorRef& input(std::size_t i) const noexcept { return inputs_[i]->tensor; }
  [[nodiscard]] const TensorRef& output(std::size_t i) const noexcept { return outputs_[i]->tensor; }
  template <class T>
  [[nodiscard]] const T* in(std::size_t i) const noexcept {
    return static_cast<const T*>(inputs_[i]->tensor.data);
  }
  template <class T>
  [[nodiscard]] T* out(std::size_t i) const noexcept {
    return static_cast<T*>(outputs_[i]->tensor.data);
  }
  /// Sequences, optionals and maps.
  [[nodiscard]] const Slot& input_slot(std::size_t i) const noexcept { return *inputs_[i]; }
  [[nodiscard]] Slot& output_slot(std::size_t i) const noexcept { return *outputs_[i]; }
  [[nodiscard]] std::span<Slot* const> output_slots() const noexcept { return outputs_; }

  /// Memory for an output whose shape only the kernel knows (OpTraits::data_dependent), kept from run to run.
  /// Errors: resource_exhausted.
  const TensorRef& allocate(std::size_t i, DType dtype, const Shape& shape) const {
    outputs_[i]->allocate(dtype, shape);
    return outputs_[i]->tensor;
  }

  /// The bytes that `workspace()` of the kernel asked for, aligned to buffer_alignment.
  [[nodiscard]] std::byte* workspace() const noexcept { return workspace_; }
  void set_workspace(std::byte* memory) noexcept { workspace_ = memory; }

  [[nodiscard]] ThreadPool& pool() const noexcept { return *pool_; }
  /// body(begin, end) over [0, count) in blocks of whole multiples of `grain`, on the threads of the session.
  void parallel_for(std::int64_t count, std::int64_t grain, FunctionRef<void(std::int64_t, std::int64_t)> body) const {
    pool_->parallel_for(count, grain, body);
  }
  /// body(begin, end, slot): see ThreadPool::parallel_for.
  void parallel_for(std::int64_t count, std::int64_t grain, FunctionRef<void(std::int64_t, std::int64_t, int)> body) const {
    pool_->parallel_for(count, grain, body);
  }

  /// Reports a value that the operator does not allow; the run then ends with an Error that names the node.
  template <class... Pieces>
  void fail(const Pieces&... pieces) {
    set_failure({TextPiece(pieces)...});
  }
  void fail_as(const Context& inner) {
    failed_ = true;
    failure_ = inner.failure_;
  }
  [[nodiscard]] bool failed() const noexcept { return failed_; }
  [[nodiscard]] std::string take_failure() noexcept {
    failed_ = false;
    return std::move(failure_);
  }

  void set_runner(SubgraphRunner* runner) noexcept { runner_ = runner; }
  /// Runs a subgraph of the node: see SubgraphRunner::run.
  bool run_subgraph(std::size_t subgraph, std::span<const Slot* const> inputs, std::span<Slot* const> outputs) {
    return runner_->run(*this, subgraph, inputs, outputs);
  }

 private:
  HONE_COLD void set_failure(std::initializer_list<TextPiece> pieces) {
    failed_ = true;
    failure_ = detail::concatenated(pieces);
  }

  std::span<Slot* const> inputs_;
  std::span<Slot* const> outputs_;
  ThreadPool* pool_;
  std::byte* workspace_ = nullptr;
  SubgraphRunner* runner_ = nullptr;
  bool failed_ = false;
  std::string failure_;
};

/// A kernel for one node of one session, its type erased. Immutable once made: many runs may share it.
class AnyKernel {
 public:
  virtual ~AnyKernel() = default;
  /// Bytes of scratch for the shapes in `context`, whose tensors have no data yet. None by default.
  [[nodiscard]] virtual std::size_t workspace(const Context&) const { return 0; }
  virtual void run(Context& context) const = 0;
};

/// The computation of operator Op on a provider for element types T. Specialisations have
///   static Support supports(const NodeView&)      optional; asked when the deciding input holds T
///   Kernel(const NodeView&, const Device&)        reads attributes, packs constant weights
///   std::size_t workspace(const Context&) const   optional; bytes
///   void run(Context&) const
///   using Shared                                  optional; a base that runs the kernels of many Op and T, which add nothing to it
template <class Op, class Provider, class... T>
class Kernel {
  static_assert(
      sizeof(Op) == 0,
      "there is no kernel for this operator, provider and element type: include its header from kernels/, or take it off the list");
};

/// Element type of kernels that move elements without looking at them: one instantiation per size in bytes.
template <std::size_t Size>
struct Bytes {
  std::byte bytes[Size];
};

/// The element type of an entry of a kernel list, as data.
struct ElementKind {
  DType dtype = DType::undefined;  ///< undefined for bytes of any type
  std::uint8_t size = 0;           ///< bytes; 0 together with DType::undefined for a kernel without an element type

  [[nodiscard]] bool any() const noexcept { return dtype == DType::undefined && size == 0; }
  [[nodiscard]] bool matches(DType of) const noexcept {
    if (any()) return true;
    return dtype != DType::undefined ? of == dtype : of != DType::string && element_size(of) == size;
  }
};

/// "float", "4-byte elements", or nothing.
[[nodiscard]] inline std::string to_string(const ElementKind& kind) {
  if (kind.any()) return {};
  return kind.dtype != DType::undefined ? to_string(kind.dtype) : text(int{kind.size}, "-byte elements");
}

namespace detail {

template <class T>
struct KindOf {
  static constexpr ElementKind value{dtype_of<T>, 0};
};
template <std::size_t Size>
struct KindOf<Bytes<Size>> {
  static constexpr ElementKind value{DType::undefined, Size};
};

/// How a kernel of one type is run. `workspace` is null when it needs none.
struct KernelFunctions {
  void (*run)(const void* kernel, Context&);
  std::size_t (*workspace)(const void* kernel, const Context&);
};

template <class K>
void run_kernel(const void* kernel, Context& context) {
  static_cast<const K*>(kernel)->run(context);
}
template <class K>
std::size_t kernel_workspace(const void* kernel, const Context& context) {
  return static_cast<const K*>(kernel)->workspace(context);
}

template <class K>
inline constexpr KernelFunctions kernel_functions = [] {
  KernelFunctions functions{&run_kernel<K>, nullptr};
  if constexpr (requires(const K& kernel, const Context& context) { kernel.workspace(context); })
    functions.workspace = &kernel_workspace<K>;
  return functions;
}();

/// Any Kernel. One class for all of them, because each class with virtual functions costs time to compile.
class HeldKernel final : public AnyKernel {
 public:
  HeldKernel(AnyObject kernel, const KernelFunctions& functions) : kernel_(std::move(kernel)), functions_(&functions) {}
  [[nodiscard]] std::size_t workspace(const Context& context) const override {
    return functions_->workspace != nullptr ? functions_->workspace(kernel_.get(), context) : 0;
  }
  void run(Context& context) const override { functions_->run(kernel_.get(), context); }

 private:
  AnyObject kernel_;
  const KernelFunctions* functions_;
};

[[nodiscard]] HONE_COLD inline std::unique_ptr<AnyKernel> hold(AnyObject kernel, const KernelFunctions& functions) {
  return std::make_unique<HeldKernel>(std::move(kernel), functions);
}

}  // namespace detail
}  // namespace hone::inline HONE_ABI

namespace hone::inline HONE_ABI {

/// What a provider answers when it is offered a node.
struct Placement {
  std::unique_ptr<AnyKernel> kernel;  ///< null when refused
  std::string name;                   ///< of the kernel, for the report
  std::string refusal;                ///< a sentence, when refused
};

/// A place where nodes run. A session offers each node to its providers in order of priority.
class Provider {
 public:
  virtual ~Provider() = default;
  /// "CPUExecutionProvider" and the like.
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;
  /// The operators that it has kernels for: the importer reads nodes by them.
  [[nodiscard]] virtual std::vector<const OpInfo*> operators() const = 0;
  /// A kernel for the node, or why there is none. Called once per node, while a session is created.
  [[nodiscard]] virtual Placement place(const NodeView& node) const = 0;
};

/// Any provider, as SessionOptions holds it: made from whatever has `provider()`, such as hone::Cpu, or from a user's own Provider.
class AnyProvider {
 public:
  template <std::derived_from<Provider> P>
  AnyProvider(std::shared_ptr<P> provider) : provider_(std::move(provider)) {}
  AnyProvider(std::shared_ptr<const Provider> provider) : provider_(std::move(provider)) {}
  template <class P>
  requires requires(const P& options) {
    { options.provider() } -> std::convertible_to<std::shared_ptr<const Provider>>;
  }
  AnyProvider(const P& options) : provider_(options.provider()) {}

  [[nodiscard]] const Provider& operator*() const noexcept { return *provider_; }
  [[nodiscard]] const Provider* operator->() const noexcept { return provider_.get(); }

 private:
  std::shared_ptr<const Provider> provider_;
};

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_SESSION_OPTIONS_HPP

namespace hone::inline HONE_ABI {

/// How far a session rewrites the graph. The levels are those of ONNX Runtime.
enum class GraphOptimizationLevel : std::uint8_t {
  disabled,  ///< none
  basic,     ///< exact algebra: constant folding, dead code, no-op elimination
  extended,  ///< and fusion of operators
  all,       ///< and memory layout
};

[[nodiscard]] constexpr std::string_view name(GraphOptimizationLevel level) noexcept {
  constexpr std::string_view names[] = {"disabled", "basic", "extended", "all"};
  return names[static_cast<std::size_t>(level)];
}
[[nodiscard]] constexpr std::optional<GraphOptimizationLevel> parse_level(std::string_view text) noexcept {
  for (const auto level :
       {GraphOptimizationLevel::disabled, GraphOptimizationLevel::basic, GraphOptimizationLevel::extended, GraphOptimizationLevel::all})
    if (name(level) == text) return level;
  return std::nullopt;
}

/// The CPU provider with its default options. Defined in <hone/providers/cpu.hpp>.
[[nodiscard]] AnyProvider default_provider();

struct SessionOptions {
  /// In order of priority: each node goes to the first one that supports it.
  std::vector<AnyProvider> providers = {default_provider()};
  GraphOptimizationLevel graph_optimization_level = GraphOptimizationLevel::all;
  /// Threads that work on one node, the calling one among them; 0 takes as many as the machine has.
  int intra_op_num_threads = 0;
};

}  // namespace hone::inline HONE_ABI

#if !HONE_COMPILED
#define HONE_SINGLE_PROVIDERS_CPU_IMPL_HPP

#define HONE_SINGLE_PROVIDERS_CPU_KERNELS_HPP

#define HONE_SINGLE_PROVIDERS_CPU_KERNELS_CONVERSION_HPP

#define HONE_SINGLE_OPS_CAST_HPP

namespace hone::inline HONE_ABI::ops {

/// y = x converted to another element type.
/// Real to integer truncates; integers wrap; 8-bit floats saturate unless told otherwise; strings are parsed and printed.
/// Source: ONNX Cast, opsets 1 to 25.
struct Cast {
  static constexpr std::string_view name = "Cast";
  enum class Rounding : std::uint8_t { up, down, nearest };

  DType to = DType::undefined;
  bool saturate = true;
  Rounding rounding = Rounding::up;  ///< to float8e8m0

  void attributes(auto& a) {
    if (a.opset() < 6) {
      std::string text;
      a.required("to", text);
      to = parse_dtype(text);
    } else {
      std::int64_t number = 0;
      a.required("to", number);
      if (number <= 0 || number >= dtype_count) fail(ErrorCode::invalid_graph, "there is no element type ", number);
      to = static_cast<DType>(number);
    }
    conversion(a, saturate, rounding);
  }
  void types(const TypeContext& c) const { c.output(0, to); }

  /// Reads the attributes that Cast shares with CastLike.
  static void conversion(auto& a, bool& saturate, Rounding& rounding) {
    if (a.opset() >= 19) a("saturate", saturate, true);
    if (a.opset() < 24) return;
    std::string text;
    a("round_mode", text, "up");
    if (text != "up" && text != "down" && text != "nearest") fail(ErrorCode::invalid_graph, "unknown round_mode '", text, "'");
    rounding = text == "up" ? Rounding::up : text == "down" ? Rounding::down : Rounding::nearest;
  }

 private:
  /// "FLOAT", "INT64" … as TensorProto.DataType spells them.
  static DType parse_dtype(std::string_view text) {
    std::string lower;
    for (const char c : text) lower.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
    for (int i = 1; i < dtype_count; ++i)
      if (lower == hone::name(static_cast<DType>(i))) return static_cast<DType>(i);
    fail(ErrorCode::invalid_graph, "there is no element type '", text, "'");
  }
};

/// y = x converted to the element type of input 1.
/// Source: ONNX CastLike, opsets 15 to 25.
struct CastLike {
  static constexpr std::string_view name = "CastLike";
  static constexpr InputTypes input_types[] = {{inputs(1)}};
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 2};
  static constexpr OpTraits traits{.unread_inputs = inputs(1)};

  bool saturate = true;
  Cast::Rounding rounding = Cast::Rounding::up;

  void attributes(auto& a) { Cast::conversion(a, saturate, rounding); }
  void types(const TypeContext& c) const { c.output(0, c.input(1)); }
};

}  // namespace hone::inline HONE_ABI::ops
#define HONE_SINGLE_OPS_RESIZE_HPP

#include <cmath>

#define HONE_SINGLE_OPS_DIMENSIONS_HPP

namespace hone::inline HONE_ABI::ops {

/// a + b. Precondition: both are at least 0. Errors: invalid_argument when the sum does not fit.
[[nodiscard]] inline std::int64_t checked_sum(std::int64_t a, std::int64_t b) {
  if (a > std::numeric_limits<std::int64_t>::max() - b) fail(ErrorCode::invalid_argument, "the dimension ", a, " + ", b, " is too large");
  return a + b;
}

/// a * b. Precondition: both are at least 0. Errors: invalid_argument when the product does not fit.
[[nodiscard]] inline std::int64_t checked_product(std::int64_t a, std::int64_t b) {
  if (b != 0 && a > std::numeric_limits<std::int64_t>::max() / b) {
    fail(ErrorCode::invalid_argument, "the dimension ", a, " * ", b, " is too large");
  }
  return a * b;
}

/// `value` truncated to an integer; the nearest integer that exists when it is out of range, the smallest one for NaN.
[[nodiscard]] inline std::int64_t saturated_integer(double value) noexcept {
  if (!(value >= -0x1p63)) return std::numeric_limits<std::int64_t>::min();
  if (value >= 0x1p63) return std::numeric_limits<std::int64_t>::max();
  return static_cast<std::int64_t>(value);
}

/// Element `i` of a tensor of numbers as double. Errors: invalid_argument when it holds no real numbers.
[[nodiscard]] inline double number_at(const TensorRef& tensor, std::int64_t i) {
  switch (tensor.dtype) {
    case DType::float32:
      return static_cast<double>(tensor.as<const float>()[i]);
    case DType::float64:
      return tensor.as<const double>()[i];
    case DType::float16:
      return static_cast<double>(static_cast<float>(tensor.as<const Half>()[i]));
    case DType::bfloat16:
      return static_cast<double>(static_cast<float>(tensor.as<const BFloat16>()[i]));
    case DType::int8:
      return tensor.as<const std::int8_t>()[i];
    case DType::int16:
      return tensor.as<const std::int16_t>()[i];
    case DType::int32:
      return tensor.as<const std::int32_t>()[i];
    case DType::int64:
      return static_cast<double>(tensor.as<const std::int64_t>()[i]);
    case DType::uint8:
      return tensor.as<const std::uint8_t>()[i];
    case DType::uint16:
      return tensor.as<const std::uint16_t>()[i];
    case DType::uint32:
      return tensor.as<const std::uint32_t>()[i];
    case DType::uint64:
      return static_cast<double>(tensor.as<const std::uint64_t>()[i]);
    default:
      fail(ErrorCode::invalid_argument, "an input must hold numbers, not ", name(tensor.dtype));
  }
}

/// Element `i` of a tensor of numbers, truncated to an integer. Errors: invalid_argument when it holds no real numbers.
[[nodiscard]] inline std::int64_t integer_at(const TensorRef& tensor, std::int64_t i) {
  if (tensor.dtype == DType::int64) return tensor.as<const std::int64_t>()[i];
  if (tensor.dtype == DType::int32) return tensor.as<const std::int32_t>()[i];
  return saturated_integer(number_at(tensor, i));
}

/// Errors: invalid_argument when `tensor`, which the message calls `what`, has not exactly one element.
inline void check_one_element(const TensorRef& tensor, std::string_view what) {
  if (tensor.elements() != 1) fail(ErrorCode::invalid_argument, what, " must have one element, but its shape is ", tensor.shape);
}

/// Errors: invalid_argument when `tensor`, which the message calls `what`, is not a list of integers.
inline void check_list(const TensorRef& tensor, std::string_view what) {
  if (tensor.shape.rank() > 1) fail(ErrorCode::invalid_argument, what, " must have one dimension, but its shape is ", tensor.shape);
}

/// A set of axes.
class AxisSet {
 public:
  /// Adds `axis`, which may be negative. Errors: invalid_argument when it is out of range for `rank`, or in the set already.
  void insert(std::int64_t axis, std::size_t rank) {
    bool& member = members_[normalized_axis(axis, rank)];
    if (member) fail(ErrorCode::invalid_argument, "axis ", axis, " is given twice");
    member = true;
  }
  /// The axes that `list` holds.
  static AxisSet of(const TensorRef& list, std::size_t rank) {
    check_list(list, "axes");
    AxisSet result;
    for (std::int64_t i = 0; i < list.elements(); ++i) result.insert(integer_at(list, i), rank);
    return result;
  }
  [[nodiscard]] bool contains(std::size_t axis) const noexcept { return members_[axis]; }

 private:
  std::array<bool, Shape::max_rank> members_{};
};

}  // namespace hone::inline HONE_ABI::ops

namespace hone::inline HONE_ABI::ops {

/// y = x resampled along some of its axes, to floor(size * scale) or to given sizes.
/// Inputs: x, roi (used by tf_crop_and_resize), scales, sizes; exactly one of the last two, an empty one counts as absent.
/// Source: ONNX Resize, opsets 10 to 19.
struct Resize {
  static constexpr std::string_view name = "Resize";
  static constexpr Arity arity{.min_inputs = 1, .max_inputs = 4};
  static constexpr OpTraits traits{.shape_inputs = inputs(1, 2, 3)};

  enum class Mode : std::uint8_t { nearest, linear, cubic };
  enum class Coordinates : std::uint8_t {
    half_pixel,
    half_pixel_symmetric,
    pytorch_half_pixel,
    align_corners,
    asymmetric,
    tf_crop_and_resize,
    tf_half_pixel_for_nn
  };
  /// `simple`: floor, but ceil where the axis shrinks, as opset 10 left it to implementations.
  enum class Nearest : std::uint8_t { round_prefer_floor, round_prefer_ceil, floor, ceil, simple };
  enum class AspectRatio : std::uint8_t { stretch, not_larger, not_smaller };

  Mode mode = Mode::nearest;
  Coordinates coordinates = Coordinates::half_pixel;
  Nearest nearest = Nearest::round_prefer_floor;
  AspectRatio aspect_ratio = AspectRatio::stretch;
  bool antialias = false;
  bool exclude_outside = false;
  float cubic_coeff_a = -0.75F;
  float extrapolation_value = 0;
  std::optional<std::vector<std::int64_t>> axes;
  /// Opset 10 has no roi.
  std::size_t scales_input = 2;

  void attributes(auto& a) {
    mode = choice<Mode>(a, "mode", {"nearest", "linear", "cubic"});
    if (a.opset() < 11) return read_without_coordinates();
    coordinates = choice<Coordinates>(a, "coordinate_transformation_mode",
                                      {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric",
                                       "tf_crop_and_resize", "tf_half_pixel_for_nn"});
    nearest = choice<Nearest>(a, "nearest_mode", {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"});
    a("cubic_coeff_a", cubic_coeff_a, -0.75F);
    a("exclude_outside", exclude_outside, false);
    a("extrapolation_value", extrapolation_value, 0.0F);
    if (a.opset() < 18) return;
    a("antialias", antialias, false);
    a("axes", axes);
    aspect_ratio = choice<AspectRatio>(a, "keep_aspect_ratio_policy", {"stretch", "not_larger", "not_smaller"});
  }

  /// How one axis is resampled.
  struct Axis {
    std::int64_t in = 0;
    std::int64_t out = 0;
    float scale = 1;
    /// The size before it is cut to an integer.
    float length = 0;
    float roi_start = 0;
    float roi_end = 1;
    bool resized = false;
  };
  using Resampling = std::array<Axis, Shape::max_rank>;

  void shapes(const ShapeContext& c) const {
    const auto given = [&](std::size_t i) { return c.has_input(i) && c.shape(i).elements() > 0 ? &c.tensor(i) : nullptr; };
    Shape to = c.shape(0);
    const Resampling axis = resolve(to, inputs_of(given));
    for (std::size_t d = 0; d < to.rank(); ++d) to[d] = axis[d].out;
    c.output(0, to);
  }

  /// The inputs beside x; null when absent.
  struct Parameters {
    const TensorRef* roi;
    const TensorRef* scales;
    const TensorRef* sizes;
  };
  /// `given(i)`: input i, or null when it is absent or empty.
  Parameters inputs_of(const auto& given) const {
    return {scales_input > 1 ? given(1) : nullptr, given(scales_input), scales_input > 1 ? given(3) : nullptr};
  }

  /// One entry per dimension of `from`. Errors: invalid_argument.
  [[nodiscard]] Resampling resolve(const Shape& from, const Parameters& parameters) const {
    if ((parameters.scales != nullptr) == (parameters.sizes != nullptr)) {
      fail(ErrorCode::invalid_argument, "exactly one of scales and sizes must be given");
    }
    Resampling result;
    for (std::size_t d = 0; d < from.rank(); ++d) {
      result[d].in = result[d].out = from[d];
      result[d].length = static_cast<float>(from[d]);
    }
    const std::size_t count = axes ? axes->size() : from.rank();
    const auto check_count = [&](const TensorRef& tensor, std::size_t times, std::string_view what) {
      if (tensor.elements() != static_cast<std::int64_t>(count * times)) {
        fail(ErrorCode::invalid_argument, what, " has ", tensor.elements(), " elements for ", count, " axes");
      }
    };
    const TensorRef& target = parameters.scales != nullptr ? *parameters.scales : *parameters.sizes;
    check_count(target, 1, parameters.scales != nullptr ? "scales" : "sizes");
    if (coordinates == Coordinates::tf_crop_and_resize) {
      if (parameters.roi == nullptr) fail(ErrorCode::invalid_argument, "tf_crop_and_resize needs roi");
      check_count(*parameters.roi, 2, "roi");
    }
    AxisSet seen;
    for (std::size_t i = 0; i < count; ++i) {
      const std::int64_t number = axes ? (*axes)[i] : static_cast<std::int64_t>(i);
      seen.insert(number, from.rank());
      Axis& axis = result[normalized_axis(number, from.rank())];
      const auto at = static_cast<std::int64_t>(i);
      if (coordinates == Coordinates::tf_crop_and_resize) {
        axis.roi_start = static_cast<float>(number_at(*parameters.roi, at));
        axis.roi_end = static_cast<float>(number_at(*parameters.roi, at + static_cast<std::int64_t>(count)));
      }
      if (parameters.scales != nullptr) {
        axis.scale = static_cast<float>(number_at(target, at));
        set_scale(axis, number);
      } else {
        axis.out = integer_at(target, at);
        if (axis.out < 0) fail(ErrorCode::invalid_argument, "the size of axis ", number, " is ", axis.out);
        axis.scale = static_cast<float>(axis.out) / static_cast<float>(axis.in);
        axis.length = static_cast<float>(axis.out);
      }
      axis.resized = true;
    }
    if (parameters.sizes != nullptr && aspect_ratio != AspectRatio::stretch) keep_aspect_ratio(result, from.rank());
    for (std::size_t d = 0; d < from.rank(); ++d) {
      Axis& axis = result[d];
      if (axis.in == 0 && axis.out > 0) fail(ErrorCode::invalid_argument, "an axis without elements cannot grow to ", axis.out);
      const bool whole = axis.roi_start == 0 && axis.roi_end == 1;
      if (axis.in == axis.out && axis.scale == 1 && whole && coordinates != Coordinates::tf_half_pixel_for_nn) axis.resized = false;
    }
    return result;
  }

 protected:
  void read_without_coordinates() {
    coordinates = Coordinates::asymmetric;
    nearest = Nearest::simple;
    scales_input = 1;
  }

  /// The member of Enum whose name the attribute holds; the first one when it is absent.
  template <class Enum, std::size_t N>
  static Enum choice(auto& a, std::string_view attribute, const std::string_view (&names)[N]) {
    std::string text;
    a(attribute, text, std::string(names[0]));
    for (std::uint8_t i = 0; i < N; ++i)
      if (text == names[i]) return static_cast<Enum>(i);
    fail(ErrorCode::invalid_graph, "unknown ", attribute, " '", text, "'");
  }

 private:
  static void set_scale(Axis& axis, std::int64_t number) {
    axis.length = static_cast<float>(axis.in) * axis.scale;
    if (!(axis.scale > 0) || !(axis.length < 0x1p62F)) fail(ErrorCode::invalid_argument, "the scale of axis ", number, " is ", axis.scale);
    axis.out = static_cast<std::int64_t>(axis.length);
  }

  void keep_aspect_ratio(Resampling& result, std::size_t rank) const {
    double scale = aspect_ratio == AspectRatio::not_larger ? std::numeric_limits<double>::infinity() : 0;
    for (std::size_t d = 0; d < rank; ++d) {
      if (!result[d].resized) continue;
      const double own = static_cast<double>(result[d].out) / static_cast<double>(result[d].in);
      scale = aspect_ratio == AspectRatio::not_larger ? std::min(scale, own) : std::max(scale, own);
    }
    for (std::size_t d = 0; d < rank; ++d) {
      Axis& axis = result[d];
      if (!axis.resized) continue;
      axis.scale = static_cast<float>(scale);
      axis.length = static_cast<float>(scale * static_cast<double>(axis.in));
      axis.out = saturated_integer(std::floor(scale * static_cast<double>(axis.in) + 0.5));
    }
  }
};

/// The older form of Resize: coordinates are asymmetric, nearest rounds down. Inputs: x, scales.
/// Source: ONNX Upsample, opsets 7 and 9.
struct Upsample : Resize {
  static constexpr std::string_view name = "Upsample";
  static constexpr int since = 7;
  static constexpr int until = 9;
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 2};

  void attributes(auto& a) {
    mode = choice<Mode>(a, "mode", {"nearest", "linear"});
    if (a.opset() < 9) a.moved_to_input("scales", 1);
    read_without_coordinates();
  }
};

}  // namespace hone::inline HONE_ABI::ops
#define HONE_SINGLE_PROVIDERS_KERNEL_LIST_HPP

namespace hone::inline HONE_ABI {

/// A line of a kernel list: operator Op has a kernel for each T, or one kernel without an element type when there is none.
template <class Op, class... T>
struct entry {};

/// The kernels of a provider: entries, or further lists.
template <class... Entries>
struct KernelList {};

/// One kernel of an entry.
template <class Device>
struct KernelVariant {
  ElementKind element;                   ///< of the deciding input
  Support (*supports)(const NodeView&);  ///< asked when `element` matches; null when that is enough
  std::unique_ptr<AnyKernel> (*create)(const NodeView&, const Device&);
};

/// The kernels of an operator, as data: nodes are matched with them by code that is no template on operators and types.
template <class Device>
struct KernelEntry {
  const OpInfo* op;
  std::span<const KernelVariant<Device>> kernels;
};

/// The kernel a provider has chosen for a node, or its refusal.
template <class Device>
struct KernelChoice {
  const KernelVariant<Device>* kernel = nullptr;
  std::string name;     ///< "Softmax<float>"
  std::string refusal;  ///< a sentence, when there is no kernel
};

/// The first kernel of `entry` that supports the node.
template <class Device>
[[nodiscard]] KernelChoice<Device> choose(const KernelEntry<Device>& entry, const NodeView& node) {
  KernelChoice<Device> choice;
  const DType dtype = node.input_dtype(entry.op->type_input);
  for (const auto& kernel : entry.kernels) {
    if (!kernel.element.matches(dtype)) continue;
    const Support support = kernel.supports != nullptr ? kernel.supports(node) : Support::yes();
    const bool typed = !kernel.element.any();
    if (support) {
      choice.kernel = &kernel;
      choice.name = typed ? text(entry.op->name, "<", kernel.element, ">") : std::string(entry.op->name);
      return choice;
    }
    if (support.reason.empty()) continue;
    if (!choice.refusal.empty()) choice.refusal += "; ";
    choice.refusal += typed ? text(kernel.element, ": ", support.reason) : support.reason;
  }
  if (choice.refusal.empty() && !(entry.kernels.size() == 1 && entry.kernels[0].element.any())) {
    choice.refusal = text("no kernel for ", hone::name(dtype), "; there are kernels for ");
    for (const auto& kernel : entry.kernels) choice.refusal += text(&kernel == &entry.kernels[0] ? "" : ", ", kernel.element);
  }
  return choice;
}

namespace detail {

/// The class that runs a K.
template <class K, class Device>
HONE_COLD std::unique_ptr<AnyKernel> create_kernel(const NodeView& node, const Device& device) {
  if constexpr (requires { typename K::Shared; }) {
    using Shared = typename K::Shared;
    static_assert(sizeof(K) == sizeof(Shared), "a kernel that adds members to its base cannot be stored as that");
    return hold(AnyObject::make<Shared>(static_cast<const Shared&>(K(node, device))), kernel_functions<Shared>);
  } else {
    return hold(AnyObject::make<K>(node, device), kernel_functions<K>);
  }
}

template <class P, class K>
constexpr KernelVariant<typename P::Device> variant_of(ElementKind element) {
  if constexpr (requires(const NodeView& node) { K::supports(node); }) {
    return {element, &K::supports, &create_kernel<K, typename P::Device>};
  } else {
    return {element, nullptr, &create_kernel<K, typename P::Device>};
  }
}

template <class P, class Entry>
struct EntryOf;

template <class P, class Op, class... T>
struct EntryOf<P, entry<Op, T...>> {
  static constexpr KernelVariant<typename P::Device> kernels[]{variant_of<P, Kernel<Op, P, T>>(KindOf<T>::value)...};
};

template <class P, class Op>
struct EntryOf<P, entry<Op>> {
  static constexpr KernelVariant<typename P::Device> kernels[]{variant_of<P, Kernel<Op, P>>(ElementKind{})};
};

template <class P, class Op, class... T>
constexpr KernelEntry<typename P::Device> table_entry(entry<Op, T...>*) noexcept {
  return {&op_info<Op>, EntryOf<P, entry<Op, T...>>::kernels};
}

/// All entries of nested lists, in order.
template <class... Lists>
struct Flatten;
template <>
struct Flatten<> {
  using type = KernelList<>;
};
template <class... A, class... B>
KernelList<A..., B...> concat(KernelList<A...>, KernelList<B...>);
template <class First, class... Rest>
struct Flatten<First, Rest...> {
  using type = decltype(concat(KernelList<First>{}, typename Flatten<Rest...>::type{}));
};
template <class... Entries, class... Rest>
struct Flatten<KernelList<Entries...>, Rest...> {
  using type = decltype(concat(typename Flatten<Entries...>::type{}, typename Flatten<Rest...>::type{}));
};

template <class Entry, class... Ops>
struct IsFor : std::false_type {};
template <class Op, class... T, class... Ops>
struct IsFor<entry<Op, T...>, Ops...> : std::disjunction<std::is_same<Op, Ops>...> {};

template <class List, class... Ops>
struct Narrow;
template <class... Entries, class... Ops>
struct Narrow<KernelList<Entries...>, Ops...> {
  using type = typename Flatten<std::conditional_t<IsFor<Entries, Ops...>::value, Entries, KernelList<>>...>::type;
};

template <class List, class Op>
struct Names;
template <class... Entries, class Op>
struct Names<KernelList<Entries...>, Op> : std::disjunction<IsFor<Entries, Op>...> {};

}  // namespace detail

/// The entries of `List` whose operator is one of Ops.
template <class List, class... Ops>
using NarrowedList = typename detail::Narrow<typename detail::Flatten<List>::type, Ops...>::type;

/// Whether `List` has an entry for the operator.
template <class List, class Op>
inline constexpr bool names_operator = detail::Names<typename detail::Flatten<List>::type, Op>::value;

/// The run-time form of a kernel list: what a provider looks nodes up in. Explicit instantiation of this class is what puts the
/// kernels of a list into one translation unit.
template <class P, class List>
struct KernelTable;
template <class P, class... Entries>
struct KernelTable<P, KernelList<Entries...>> {
  [[nodiscard]] static std::span<const KernelEntry<typename P::Device>> entries() noexcept;
};

// Outside of the class, so that it is not inline: an explicit instantiation declaration then keeps other translation units from
// instantiating the kernels.
template <class P, class... Entries>
std::span<const KernelEntry<typename P::Device>> KernelTable<P, KernelList<Entries...>>::entries() noexcept {
  static constexpr std::array<KernelEntry<typename P::Device>, sizeof...(Entries)> table{
      detail::table_entry<P>(static_cast<Entries*>(nullptr))...};
  return table;
}

}  // namespace hone::inline HONE_ABI

namespace hone::inline HONE_ABI {

// clang-format off
using CpuConversionKernels = KernelList<
    entry<ops::Cast>,
    entry<ops::CastLike>,
    entry<ops::Resize>,
    entry<ops::Upsample>>;
// clang-format on

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_PROVIDERS_CPU_KERNELS_CONVOLUTION_HPP

#define HONE_SINGLE_OPS_CONV_HPP

#define HONE_SINGLE_OPS_WINDOW_HPP

namespace hone::inline HONE_ABI::ops {

/// A window that slides over the spatial dimensions of a tensor (N, C, spatial...), as convolution and pooling have it.
struct Window {
  enum class AutoPad : std::uint8_t { notset, same_upper, same_lower, valid };

  std::vector<std::int64_t> kernel_shape;
  std::vector<std::int64_t> strides;
  std::vector<std::int64_t> dilations;
  std::vector<std::int64_t> pads;  ///< all begins, then all ends
  AutoPad auto_pad = AutoPad::notset;
  bool ceil_mode = false;

  /// Reads the attributes that all such operators share.
  void attributes(auto& a) {
    using Ints = std::vector<std::int64_t>;
    std::string padding;
    a("kernel_shape", kernel_shape, Ints{});
    a("strides", strides, Ints{});
    a("dilations", dilations, Ints{});
    a("pads", pads, Ints{});
    a("auto_pad", padding, "NOTSET");
    constexpr std::string_view names[] = {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"};
    const auto* found = std::find(std::begin(names), std::end(names), padding);
    if (found == std::end(names)) fail(ErrorCode::invalid_graph, "the attribute 'auto_pad' is '", padding, "', which ONNX does not define");
    auto_pad = static_cast<AutoPad>(found - std::begin(names));
    for (const auto& [name, list] :
         {std::pair<std::string_view, const Ints&>("strides", strides), {"dilations", dilations}, {"kernel_shape", kernel_shape}})
      for (const std::int64_t value : list)
        if (value < 1) fail(ErrorCode::invalid_graph, "the attribute '", name, "' holds ", value, "; it must be at least 1");
  }

  /// The window along one spatial dimension of size `input`.
  struct Axis {
    std::int64_t input = 1;
    std::int64_t output = 1;
    std::int64_t kernel = 1;
    std::int64_t stride = 1;
    std::int64_t dilation = 1;
    std::int64_t pad_begin = 0;
    std::int64_t pad_end = 0;

    /// Elements from the first to the last one that a window touches, both included.
    [[nodiscard]] std::int64_t extent() const noexcept { return (kernel - 1) * dilation + 1; }
  };

  /// The axis number `i` of `rank` for an input of size `input`; `kernel` stands in when there is no kernel_shape.
  /// Errors: invalid_argument when the lists have the wrong length or the window does not fit.
  [[nodiscard]] Axis axis(std::size_t i, std::size_t rank, std::int64_t input, std::int64_t kernel) const {
    check_lengths(rank);
    Axis axis = geometry(i, rank, input, kernel);
    if (auto_pad == AutoPad::same_upper || auto_pad == AutoPad::same_lower) {
      axis.output = (input + axis.stride - 1) / axis.stride;
      const std::int64_t total = std::max<std::int64_t>(0, (axis.output - 1) * axis.stride + axis.extent() - input);
      axis.pad_begin = auto_pad == AutoPad::same_upper ? total / 2 : total - total / 2;
      axis.pad_end = total - axis.pad_begin;
      return axis;
    }
    const std::int64_t room = input + axis.pad_begin + axis.pad_end - axis.extent();
    if (room < 0) {
      fail(ErrorCode::invalid_argument, "the window of ", axis.extent(), " elements does not fit into spatial dimension ", i, " of ", input,
           " elements and ", axis.pad_begin, " + ", axis.pad_end, " of padding");
    }
    axis.output = room / axis.stride + 1;
    if (ceil_mode && room % axis.stride != 0) {
      // One more window, unless it would start in the padding at the end.
      if (axis.output * axis.stride < input + axis.pad_begin) ++axis.output;
    }
    return axis;
  }

  /// The axis of a transposed convolution: `input` windows spread over axis.output elements.
  [[nodiscard]] Axis transposed_axis(std::size_t i, std::size_t rank, std::int64_t input, std::int64_t kernel, std::int64_t output_padding,
                                     const std::vector<std::int64_t>& output_shape) const {
    check_lengths(rank);
    Axis axis = geometry(i, rank, input, kernel);
    const std::int64_t spread =
        checked_sum(checked_product(axis.stride, std::max<std::int64_t>(0, input - 1)), output_padding + axis.extent());
    const bool same = auto_pad == AutoPad::same_upper || auto_pad == AutoPad::same_lower;
    if (output_shape.empty() && !same) {
      axis.output = spread - axis.pad_begin - axis.pad_end;
    } else {
      axis.output = output_shape.empty() ? input * axis.stride : output_shape[output_shape.size() - rank + i];
      const std::int64_t total = std::max<std::int64_t>(0, spread - axis.output);
      axis.pad_begin = auto_pad == AutoPad::same_upper ? total / 2 : total - total / 2;
      axis.pad_end = total - axis.pad_begin;
    }
    if (axis.output < 0) fail(ErrorCode::invalid_argument, "spatial dimension ", i, " of the output would have ", axis.output, " elements");
    return axis;
  }

 private:
  void check_lengths(std::size_t rank) const {
    const auto check = [&](std::string_view name, const std::vector<std::int64_t>& list, std::size_t wanted) {
      if (!list.empty() && list.size() != wanted) {
        fail(ErrorCode::invalid_argument, "the attribute '", name, "' has ", list.size(), " values; ", rank, " spatial dimensions need ",
             wanted);
      }
    };
    check("kernel_shape", kernel_shape, rank);
    check("strides", strides, rank);
    check("dilations", dilations, rank);
    check("pads", pads, 2 * rank);
  }

  [[nodiscard]] Axis geometry(std::size_t i, std::size_t rank, std::int64_t input, std::int64_t kernel) const {
    Axis axis;
    axis.input = input;
    axis.kernel = kernel_shape.empty() ? kernel : kernel_shape[i];
    if (!strides.empty()) axis.stride = strides[i];
    if (!dilations.empty()) axis.dilation = dilations[i];
    // Sizes beyond 2^40 would overflow the products below, and no memory holds them.
    for (const std::int64_t value : {axis.kernel, axis.stride, axis.dilation})
      if (value > (std::int64_t{1} << 30)) fail(ErrorCode::invalid_argument, "the window of spatial dimension ", i, " is too large");
    if (auto_pad == AutoPad::notset && !pads.empty()) {
      axis.pad_begin = pads[i];
      axis.pad_end = pads[rank + i];
      for (const std::int64_t pad : {axis.pad_begin, axis.pad_end})
        if (pad < -(std::int64_t{1} << 40) || pad > (std::int64_t{1} << 40))
          fail(ErrorCode::invalid_argument, "the padding ", pad, " is too large");
    }
    return axis;
  }
};

}  // namespace hone::inline HONE_ABI::ops

namespace hone::inline HONE_ABI::ops {

/// y[n, m, o] = bias[m] + sum over c, k of x[n, c, o * stride + k * dilation - pad] * w[m, c, k], channels in `group` separate groups.
/// Shapes: x (N, C, *), w (M, C / group, *kernel), bias (M) -> y (N, M, *). Source: ONNX Conv, opsets 1 to 22.
struct Conv {
  static constexpr std::string_view name = "Conv";
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 3};

  Window window;
  std::int64_t group = 1;

  void attributes(auto& a) {
    window.attributes(a);
    a("group", group, 1);
    if (group < 1) fail(ErrorCode::invalid_graph, "the attribute 'group' is ", group, "; it must be at least 1");
  }
  void shapes(const ShapeContext& c) const {
    const Shape& x = c.shape(0);
    const Shape& w = c.shape(1);
    if (x.rank() < 3 || w.rank() != x.rank()) {
      fail(ErrorCode::invalid_argument, "its inputs have shapes ", x, " and ", w, "; expected (N, C, *) and (M, C / group, *)");
    }
    if (x[1] != w[1] * group || w[0] % group != 0) {
      fail(ErrorCode::invalid_argument, "its input of shape ", x, " and its weights of shape ", w, " do not agree on channels with group ",
           group);
    }
    if (c.has_input(2) && !(c.shape(2) == Shape{w[0]})) {
      fail(ErrorCode::invalid_argument, "its bias has shape ", c.shape(2), "; expected ", Shape{w[0]});
    }
    Shape y{x[0], w[0]};
    const std::size_t rank = x.rank() - 2;
    for (std::size_t i = 0; i < rank; ++i) {
      if (!window.kernel_shape.empty() && i < window.kernel_shape.size() && window.kernel_shape[i] != w[i + 2]) {
        fail(ErrorCode::invalid_argument, "its weights have shape ", w, ", but kernel_shape is (", join(window.kernel_shape, ", "), ")");
      }
      y.push_back(window.axis(i, rank, x[i + 2], w[i + 2]).output);
    }
    c.output(0, y);
  }
};

/// The gradient of Conv with respect to its input: each x[n, c, i] adds x * w[c, m, k] to y[n, m, i * stride + k * dilation - pad].
/// Shapes: x (N, C, *), w (C, M / group, *kernel), bias (M) -> y (N, M, *). Source: ONNX ConvTranspose, opsets 1 to 22.
struct ConvTranspose {
  static constexpr std::string_view name = "ConvTranspose";
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 3};

  Window window;
  std::int64_t group = 1;
  std::vector<std::int64_t> output_padding;
  std::vector<std::int64_t> output_shape;

  void attributes(auto& a) {
    window.attributes(a);
    a("group", group, 1);
    a("output_padding", output_padding, std::vector<std::int64_t>{});
    a("output_shape", output_shape, std::vector<std::int64_t>{});
    if (group < 1) fail(ErrorCode::invalid_graph, "the attribute 'group' is ", group, "; it must be at least 1");
  }
  /// The window along spatial dimension `i`.
  [[nodiscard]] Window::Axis axis(std::size_t i, const Shape& x, const Shape& w) const {
    const std::size_t rank = x.rank() - 2;
    if ((!output_padding.empty() && output_padding.size() != rank) || (!output_shape.empty() && output_shape.size() < rank)) {
      fail(ErrorCode::invalid_argument, "output_padding or output_shape does not have ", rank, " values");
    }
    return window.transposed_axis(i, rank, x[i + 2], w[i + 2], output_padding.empty() ? 0 : output_padding[i], output_shape);
  }
  void shapes(const ShapeContext& c) const {
    const Shape& x = c.shape(0);
    const Shape& w = c.shape(1);
    if (x.rank() < 3 || w.rank() != x.rank()) {
      fail(ErrorCode::invalid_argument, "its inputs have shapes ", x, " and ", w, "; expected (N, C, *) and (C, M / group, *)");
    }
    if (x[1] != w[0] || w[0] % group != 0) {
      fail(ErrorCode::invalid_argument, "its input of shape ", x, " and its weights of shape ", w, " do not agree on channels with group ",
           group);
    }
    Shape y{x[0], checked_product(w[1], group)};
    if (c.has_input(2) && !(c.shape(2) == Shape{y[1]}))
      fail(ErrorCode::invalid_argument, "its bias has shape ", c.shape(2), "; expected ", Shape{y[1]});
    for (std::size_t i = 0; i + 2 < x.rank(); ++i) y.push_back(axis(i, x, w).output);
    c.output(0, y);
  }
};

}  // namespace hone::inline HONE_ABI::ops
#define HONE_SINGLE_OPS_POOL_HPP

namespace hone::inline HONE_ABI::ops {

/// y[n, c, o] = the elements of x[n, c] under window o, reduced to one. Shapes: x (N, C, *) -> y (N, C, *).
/// Source: ONNX, opsets 1 to 22.
struct Pool {
  Window window;

  void attributes(auto& a) {
    window.attributes(a);
    a("ceil_mode", window.ceil_mode, 0);
  }
  void shapes(const ShapeContext& c) const {
    const Shape& x = c.shape(0);
    if (x.rank() < 3) fail(ErrorCode::invalid_argument, "its input has shape ", x, "; expected (N, C, spatial dimensions)");
    if (window.kernel_shape.empty()) fail(ErrorCode::invalid_argument, "the attribute 'kernel_shape' is missing");
    Shape y{x[0], x[1]};
    for (std::size_t i = 0; i + 2 < x.rank(); ++i) y.push_back(window.axis(i, x.rank() - 2, x[i + 2], 1).output);
    for (std::size_t i = 0; i < c.output_count(); ++i) c.output(i, y);
  }
};

/// Output 1: the index of each maximum in x, flattened, spatial dimensions last to first when `column_major`.
struct MaxPool : Pool {
  static constexpr std::string_view name = "MaxPool";
  static constexpr Arity arity{.max_outputs = 2};
  bool column_major = false;
  void attributes(auto& a) {
    Pool::attributes(a);
    a("storage_order", column_major, 0);
  }
  void types(const TypeContext& c) const {
    c.output(0, c.input(0));
    c.output(1, DType::int64);
  }
};

struct AveragePool : Pool {
  static constexpr std::string_view name = "AveragePool";
  bool count_include_pad = false;
  void attributes(auto& a) {
    Pool::attributes(a);
    a("count_include_pad", count_include_pad, 0);
  }
};

/// (sum |x|^p)^(1/p)
struct LpPool : Pool {
  static constexpr std::string_view name = "LpPool";
  std::int64_t p = 2;
  void attributes(auto& a) {
    Pool::attributes(a);
    a("p", p, 2);
  }
};

/// A Pool whose one window is the whole plane. Shapes: x (N, C, *) -> y (N, C, 1...).
struct GlobalPool {
  void shapes(const ShapeContext& c) const {
    Shape y = c.shape(0);
    if (y.rank() < 2) fail(ErrorCode::invalid_argument, "its input has shape ", y, "; expected (N, C, *)");
    for (std::size_t i = 2; i < y.rank(); ++i) y[i] = 1;
    c.output(0, y);
  }
};

struct GlobalAveragePool : GlobalPool {
  static constexpr std::string_view name = "GlobalAveragePool";
};
struct GlobalMaxPool : GlobalPool {
  static constexpr std::string_view name = "GlobalMaxPool";
};
struct GlobalLpPool : GlobalPool {
  static constexpr std::string_view name = "GlobalLpPool";
  std::int64_t p = 2;
  void attributes(auto& a) { a("p", p, 2); }
};

}  // namespace hone::inline HONE_ABI::ops

namespace hone::inline HONE_ABI {

using CpuConvolutionKernels = KernelList<entry<ops::AveragePool, float, double>, entry<ops::Conv, float, double>,
                                         entry<ops::ConvTranspose, float, double>, entry<ops::GlobalAveragePool, float, double>,
                                         entry<ops::GlobalLpPool, float, double>, entry<ops::GlobalMaxPool, float, double>,
                                         entry<ops::LpPool, float, double>, entry<ops::MaxPool, float, double, std::int8_t, std::uint8_t>>;

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_PROVIDERS_CPU_KERNELS_ELEMENTWISE_HPP

#define HONE_SINGLE_OPS_BINARY_HPP

namespace hone::inline HONE_ABI::ops {

/// y[i] = f(a[i], b[i]) with numpy broadcasting. Shapes: a (*), b (*) -> y broadcast(a, b). The operators below differ by f alone.
/// Source: ONNX, all opsets.
struct Binary {
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 2};
  static constexpr OpTraits traits{.in_place = inputs(0, 1)};

  /// Before opset 7: the axis of a at which the dimensions of b stand, when it is not the last one that fits.
  std::optional<std::int64_t> axis;

  void attributes(auto& a) {
    if (a.opset() >= 7) return;
    a.ignored("consumed_inputs");
    a.ignored("broadcast");
    a("axis", axis);
  }
  /// The shape by which b is read: with trailing ones when `axis` puts it further to the front.
  [[nodiscard]] Shape right_shape(const Shape& a, Shape b) const {
    if (!axis) return b;
    const std::size_t at = normalized_axis(*axis, a.rank());
    while (at + b.rank() < a.rank()) b.push_back(1);
    return b;
  }
  void shapes(const ShapeContext& c) const { c.output(0, broadcast(c.shape(0), right_shape(c.shape(0), c.shape(1)))); }
};

// clang-format off
struct Add        : Binary { static constexpr std::string_view name = "Add"; };
struct BitwiseAnd : Binary { static constexpr std::string_view name = "BitwiseAnd"; };
struct BitwiseOr  : Binary { static constexpr std::string_view name = "BitwiseOr"; };
struct BitwiseXor : Binary { static constexpr std::string_view name = "BitwiseXor"; };
struct Div        : Binary { static constexpr std::string_view name = "Div"; };
struct Mul        : Binary { static constexpr std::string_view name = "Mul"; };
struct Pow        : Binary {
  static constexpr std::string_view name = "Pow";
  static constexpr InputTypes input_types[] = {{inputs(1), real_numbers}};
};
struct Sub        : Binary { static constexpr std::string_view name = "Sub"; };
// clang-format on

/// a < 0 ? a b : a. Before opset 7 b holds one slope per channel.
struct PRelu : Binary {
  static constexpr std::string_view name = "PRelu";
  void attributes(auto& a) {
    Binary::attributes(a);
    if (a.opset() < 7) axis = 1;
  }
};

/// The remainder of a / b: with the sign of b, or of a when `fmod` is set.
struct Mod : Binary {
  static constexpr std::string_view name = "Mod";
  bool fmod = false;
  void attributes(auto& a) { a("fmod", fmod, 0); }
};

/// a << b or a >> b; 0 when b has the width of the type or more.
struct BitShift : Binary {
  static constexpr std::string_view name = "BitShift";
  bool left = false;
  void attributes(auto& a) {
    std::string direction;
    a.required("direction", direction);
    if (direction != "LEFT" && direction != "RIGHT") {
      fail(ErrorCode::invalid_graph, "the attribute 'direction' is '", direction, "', neither 'LEFT' nor 'RIGHT'");
    }
    left = direction == "LEFT";
  }
};

/// A Binary whose result is a truth value.
struct Compare : Binary {
  static constexpr OpTraits traits{};
  void types(const TypeContext& c) const { c.output(0, DType::boolean); }
};

// clang-format off
struct And            : Compare { static constexpr std::string_view name = "And"; };
struct Equal          : Compare { static constexpr std::string_view name = "Equal"; };
struct Greater        : Compare { static constexpr std::string_view name = "Greater"; };
struct GreaterOrEqual : Compare { static constexpr std::string_view name = "GreaterOrEqual"; };
struct Less           : Compare { static constexpr std::string_view name = "Less"; };
struct LessOrEqual    : Compare { static constexpr std::string_view name = "LessOrEqual"; };
struct Or             : Compare { static constexpr std::string_view name = "Or"; };
struct Xor            : Compare { static constexpr std::string_view name = "Xor"; };
// clang-format on

/// y = f(... f(x0, x1) ..., xn) with numpy broadcasting. Source: ONNX, all opsets.
struct Variadic {
  static constexpr Arity arity{.min_inputs = 1, .max_inputs = Arity::any};
  void attributes(auto& a) {
    if (a.opset() < 8) a.ignored("consumed_inputs");
  }
  void shapes(const ShapeContext& c) const {
    Shape y = c.shape(0);
    for (std::size_t i = 1; i < c.input_count(); ++i) y = broadcast(y, c.shape(i));
    c.output(0, y);
  }
};

// clang-format off
struct Max  : Variadic { static constexpr std::string_view name = "Max"; };
struct Mean : Variadic { static constexpr std::string_view name = "Mean"; };
struct Min  : Variadic { static constexpr std::string_view name = "Min"; };
struct Sum  : Variadic { static constexpr std::string_view name = "Sum"; };
// clang-format on

}  // namespace hone::inline HONE_ABI::ops
#define HONE_SINGLE_OPS_UNARY_HPP

namespace hone::inline HONE_ABI::ops {

/// y[i] = f(x[i]). Shapes: x (*) -> y (*). The operators below differ by f alone; Source: ONNX, all opsets.
struct Unary {
  static constexpr OpTraits traits{.in_place = inputs(0)};
  void attributes(auto& a) {
    if (a.opset() < 6) a.ignored("consumed_inputs");
  }
};

// clang-format off
struct Abs        : Unary { static constexpr std::string_view name = "Abs"; };
struct Acos       : Unary { static constexpr std::string_view name = "Acos"; };
struct Acosh      : Unary { static constexpr std::string_view name = "Acosh"; };
struct Asin       : Unary { static constexpr std::string_view name = "Asin"; };
struct Asinh      : Unary { static constexpr std::string_view name = "Asinh"; };
struct Atan       : Unary { static constexpr std::string_view name = "Atan"; };
struct Atanh      : Unary { static constexpr std::string_view name = "Atanh"; };
struct Ceil       : Unary { static constexpr std::string_view name = "Ceil"; };
struct Cos        : Unary { static constexpr std::string_view name = "Cos"; };
struct Cosh       : Unary { static constexpr std::string_view name = "Cosh"; };
struct Erf        : Unary { static constexpr std::string_view name = "Erf"; };
struct Exp        : Unary { static constexpr std::string_view name = "Exp"; };
struct Floor      : Unary { static constexpr std::string_view name = "Floor"; };
/// x min(max(x / 6 + 1/2, 0), 1)
struct HardSwish  : Unary { static constexpr std::string_view name = "HardSwish"; };
struct Log        : Unary { static constexpr std::string_view name = "Log"; };
/// x tanh(log(1 + exp(x)))
struct Mish       : Unary { static constexpr std::string_view name = "Mish"; };
struct Neg        : Unary { static constexpr std::string_view name = "Neg"; };
struct Not        : Unary { static constexpr std::string_view name = "Not"; };
struct Reciprocal : Unary { static constexpr std::string_view name = "Reciprocal"; };
struct Relu       : Unary { static constexpr std::string_view name = "Relu"; };
/// Halfway cases to even.
struct Round      : Unary { static constexpr std::string_view name = "Round"; };
struct Sigmoid    : Unary { static constexpr std::string_view name = "Sigmoid"; };
struct Sign       : Unary { static constexpr std::string_view name = "Sign"; };
struct Sin        : Unary { static constexpr std::string_view name = "Sin"; };
struct Sinh       : Unary { static constexpr std::string_view name = "Sinh"; };
/// log(1 + exp(x))
struct Softplus   : Unary { static constexpr std::string_view name = "Softplus"; };
/// x / (1 + |x|)
struct Softsign   : Unary { static constexpr std::string_view name = "Softsign"; };
struct Sqrt       : Unary { static constexpr std::string_view name = "Sqrt"; };
struct Tan        : Unary { static constexpr std::string_view name = "Tan"; };
struct Tanh       : Unary { static constexpr std::string_view name = "Tanh"; };
// clang-format on

/// max(0, x) + min(0, alpha (exp(x / alpha) - 1))
struct Celu : Unary {
  static constexpr std::string_view name = "Celu";
  float alpha = 1;
  void attributes(auto& a) { a("alpha", alpha, 1.0f); }
};

/// x < 0 ? alpha (exp(x) - 1) : x
struct Elu : Unary {
  static constexpr std::string_view name = "Elu";
  float alpha = 1;
  void attributes(auto& a) {
    Unary::attributes(a);
    a("alpha", alpha, 1.0f);
  }
};

/// x/2 (1 + erf(x / sqrt(2))), or by tanh when `tanh` is set.
struct Gelu : Unary {
  static constexpr std::string_view name = "Gelu";
  bool tanh = false;
  void attributes(auto& a) {
    std::string approximate;
    a("approximate", approximate, "none");
    if (approximate != "none" && approximate != "tanh") {
      fail(ErrorCode::invalid_graph, "the attribute 'approximate' is '", approximate, "', neither 'none' nor 'tanh'");
    }
    tanh = approximate == "tanh";
  }
};

/// min(max(alpha x + beta, 0), 1)
struct HardSigmoid : Unary {
  static constexpr std::string_view name = "HardSigmoid";
  float alpha = 0.2f;
  float beta = 0.5f;
  void attributes(auto& a) {
    Unary::attributes(a);
    a("alpha", alpha, 0.2f);
    a("beta", beta, 0.5f);
  }
};

/// x < 0 ? alpha x : x
struct LeakyRelu : Unary {
  static constexpr std::string_view name = "LeakyRelu";
  float alpha = 0.01f;
  void attributes(auto& a) {
    Unary::attributes(a);
    a("alpha", alpha, 0.01f);
  }
};

/// gamma (x < 0 ? alpha (exp(x) - 1) : x)
struct Selu : Unary {
  static constexpr std::string_view name = "Selu";
  float alpha = 0;
  float gamma = 0;
  void attributes(auto& a) {
    Unary::attributes(a);
    // The defaults of opset 1 were rounded to four digits.
    a("alpha", alpha, a.opset() < 6 ? 1.6732f : 1.67326319217681884765625f);
    a("gamma", gamma, a.opset() < 6 ? 1.0507f : 1.05070102214813232421875f);
  }
};

/// x / (1 + exp(-alpha x))
struct Swish : Unary {
  static constexpr std::string_view name = "Swish";
  float alpha = 1;
  void attributes(auto& a) { a("alpha", alpha, 1.0f); }
};

/// x > alpha ? x : 0
struct ThresholdedRelu : Unary {
  static constexpr std::string_view name = "ThresholdedRelu";
  float alpha = 1;
  void attributes(auto& a) { a("alpha", alpha, 1.0f); }
};

/// min(max(x, lo), hi); an omitted bound does not bound. Shapes: x (*), lo (), hi () -> y (*). Source: ONNX Clip, opsets 1 to 13.
struct Clip : Unary {
  static constexpr std::string_view name = "Clip";
  static constexpr Arity arity{.min_inputs = 1, .max_inputs = 3};
  void attributes(auto& a) {
    Unary::attributes(a);
    if (a.opset() >= 11) return;
    a.moved_to_input("min", 1, true);
    a.moved_to_input("max", 2, true);
  }
};

/// Whether x is NaN. Source: ONNX IsNaN, opsets 9 to 20.
struct IsNaN : Unary {
  static constexpr std::string_view name = "IsNaN";
  static constexpr OpTraits traits{};
  void attributes(auto&) {}
  void types(const TypeContext& c) const { c.output(0, DType::boolean); }
};

/// Whether x is infinite, of the signs asked for. Source: ONNX IsInf, opsets 10 to 20.
struct IsInf : Unary {
  static constexpr std::string_view name = "IsInf";
  static constexpr OpTraits traits{};
  bool positive = true;
  bool negative = true;
  void attributes(auto& a) {
    a("detect_positive", positive, 1);
    a("detect_negative", negative, 1);
  }
  void types(const TypeContext& c) const { c.output(0, DType::boolean); }
};

}  // namespace hone::inline HONE_ABI::ops

namespace hone::inline HONE_ABI {

template <class Op>
using RealEntry = entry<Op, float, double>;
template <class Op>
using SignedEntry = entry<Op, float, double, std::int8_t, std::int16_t, std::int32_t, std::int64_t>;
template <class Op>
using UnsignedEntry = entry<Op, std::uint8_t, std::uint16_t, std::uint32_t, std::uint64_t>;
template <class Op>
using IntegerEntry =
    entry<Op, std::uint8_t, std::uint16_t, std::uint32_t, std::uint64_t, std::int8_t, std::int16_t, std::int32_t, std::int64_t>;
template <class Op>
using NumberEntry = entry<Op, float, double, std::uint8_t, std::uint16_t, std::uint32_t, std::uint64_t, std::int8_t, std::int16_t,
                          std::int32_t, std::int64_t>;

using CpuUnaryKernels =
    KernelList<SignedEntry<ops::Abs>, RealEntry<ops::Acos>, RealEntry<ops::Acosh>, RealEntry<ops::Asin>, RealEntry<ops::Asinh>,
               RealEntry<ops::Atan>, RealEntry<ops::Atanh>, RealEntry<ops::Ceil>, RealEntry<ops::Celu>, NumberEntry<ops::Clip>,
               RealEntry<ops::Cos>, RealEntry<ops::Cosh>, RealEntry<ops::Elu>, RealEntry<ops::Erf>, RealEntry<ops::Exp>,
               RealEntry<ops::Floor>, RealEntry<ops::Gelu>, RealEntry<ops::HardSigmoid>, RealEntry<ops::HardSwish>, RealEntry<ops::IsInf>,
               RealEntry<ops::IsNaN>, RealEntry<ops::LeakyRelu>, RealEntry<ops::Log>, RealEntry<ops::Mish>, SignedEntry<ops::Neg>,
               entry<ops::Not, bool>, RealEntry<ops::Reciprocal>, SignedEntry<ops::Relu>, RealEntry<ops::Round>, RealEntry<ops::Selu>,
               RealEntry<ops::Sigmoid>, SignedEntry<ops::Sign>, RealEntry<ops::Sin>, RealEntry<ops::Sinh>, RealEntry<ops::Softplus>,
               RealEntry<ops::Softsign>, RealEntry<ops::Sqrt>, RealEntry<ops::Swish>, RealEntry<ops::Tan>, RealEntry<ops::Tanh>,
               RealEntry<ops::ThresholdedRelu>>;

using CpuBinaryKernels =
    KernelList<NumberEntry<ops::Add>, entry<ops::And, bool>, UnsignedEntry<ops::BitShift>, IntegerEntry<ops::BitwiseAnd>,
               IntegerEntry<ops::BitwiseOr>, IntegerEntry<ops::BitwiseXor>, NumberEntry<ops::Div>,
               entry<ops::Equal, bool, float, double, std::uint8_t, std::uint16_t, std::uint32_t, std::uint64_t, std::int8_t, std::int16_t,
                     std::int32_t, std::int64_t, std::string>,
               NumberEntry<ops::Greater>, NumberEntry<ops::GreaterOrEqual>, NumberEntry<ops::Less>, NumberEntry<ops::LessOrEqual>,
               NumberEntry<ops::Max>, RealEntry<ops::Mean>, NumberEntry<ops::Min>, NumberEntry<ops::Mod>, NumberEntry<ops::Mul>,
               entry<ops::Or, bool>, NumberEntry<ops::PRelu>, entry<ops::Pow, float, double, std::int32_t, std::int64_t>,
               NumberEntry<ops::Sub>, RealEntry<ops::Sum>, entry<ops::Xor, bool>>;

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_PROVIDERS_CPU_KERNELS_INDEXING_HPP

#define HONE_SINGLE_OPS_ARGMAX_HPP

namespace hone::inline HONE_ABI::ops {

/// What ArgMax and ArgMin share: y = the index along axis of the best element of each row, as int64; of equal ones, of the first (or,
/// with select_last_index, the last). NaN counts as larger than every number.
struct ArgBest {
  std::int64_t axis = 0;
  bool keepdims = true;
  bool select_last_index = false;

  void attributes(auto& a) {
    a("axis", axis, 0);
    a("keepdims", keepdims, true);
    if (a.opset() >= 12) a("select_last_index", select_last_index, false);
  }
  void types(const TypeContext& c) const { c.output(0, DType::int64); }
  void shapes(const ShapeContext& c) const {
    const Shape& from = c.shape(0);
    const std::size_t along = normalized_axis(axis, from.rank());
    Shape to;
    for (std::size_t i = 0; i < from.rank(); ++i) {
      if (i != along) {
        to.push_back(from[i]);
      } else if (keepdims) {
        to.push_back(1);
      }
    }
    if (from[along] == 0 && to.elements() != 0)
      fail(ErrorCode::invalid_argument, "axis ", axis, " of the shape ", from, " has no elements");
    c.output(0, to);
  }
};

/// Source: ONNX ArgMax, opsets 1 to 13.
struct ArgMax : ArgBest {
  static constexpr std::string_view name = "ArgMax";
};

/// Source: ONNX ArgMin, opsets 1 to 13.
struct ArgMin : ArgBest {
  static constexpr std::string_view name = "ArgMin";
};

}  // namespace hone::inline HONE_ABI::ops
#define HONE_SINGLE_OPS_COMPRESS_HPP

namespace hone::inline HONE_ABI::ops {

/// y = the slices of x along axis (or, without axis, its elements) for which the condition, input 1, holds.
/// What the condition is too short for is dropped.
/// Source: ONNX Compress, opsets 9 to 28.
struct Compress {
  static constexpr std::string_view name = "Compress";
  static constexpr InputTypes input_types[] = {{inputs(1), DTypeSet{DType::boolean}}};
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 2};
  static constexpr OpTraits traits{.data_dependent = true};

  std::optional<std::int64_t> axis;

  void attributes(auto& a) { a("axis", axis); }
};

/// y = the different elements of x, or along axis its different slices; sorted, or in the order of their first occurrence.
/// Further outputs, int64: the index of each first occurrence, for each element (slice) of x its index in y, and the numbers of
/// occurrences. NaNs are equal to each other and come last.
/// Source: ONNX Unique, opsets 11 to 28.
struct Unique {
  static constexpr std::string_view name = "Unique";
  static constexpr Arity arity{.min_inputs = 1, .max_inputs = 1, .min_outputs = 1, .max_outputs = 4};
  static constexpr OpTraits traits{.data_dependent = true};

  std::optional<std::int64_t> axis;
  bool sorted = true;

  void attributes(auto& a) {
    a("axis", axis);
    a("sorted", sorted, true);
  }
  void types(const TypeContext& c) const {
    c.output(0, c.input(0));
    for (std::size_t i = 1; i < c.output_count(); ++i) c.output(i, DType::int64);
  }
};

}  // namespace hone::inline HONE_ABI::ops
#define HONE_SINGLE_OPS_CUMULATIVE_HPP

namespace hone::inline HONE_ABI::ops {

/// What CumSum and CumProd share: y[i] = x[0] op … op x[i] along the axis in input 1; from the other end when reverse; without x[i]
/// when exclusive.
struct Cumulative {
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 2};
  static constexpr OpTraits traits{.shape_inputs = inputs(1)};

  bool exclusive = false;
  bool reverse = false;

  void attributes(auto& a) {
    a("exclusive", exclusive, false);
    a("reverse", reverse, false);
  }
  void shapes(const ShapeContext& c) const {
    check_one_element(c.tensor(1), "axis");
    (void)normalized_axis(integer_at(c.tensor(1), 0), c.shape(0).rank());
    c.output(0, c.shape(0));
  }
};

/// Source: ONNX CumSum, opsets 11 to 14.
struct CumSum : Cumulative {
  static constexpr std::string_view name = "CumSum";
};

/// Source: ONNX CumProd, opset 26.
struct CumProd : Cumulative {
  static constexpr std::string_view name = "CumProd";
};

}  // namespace hone::inline HONE_ABI::ops
#define HONE_SINGLE_OPS_GATHER_HPP

namespace hone::inline HONE_ABI::ops {

/// y[i…, j…, k…] = x[i…, indices[j…], k…], where j… takes the place of axis. Negative indices count from the end.
/// Source: ONNX Gather, opsets 1 to 13.
struct Gather {
  static constexpr std::string_view name = "Gather";
  static constexpr InputTypes input_types[] = {{inputs(1), DTypeSet{DType::int32, DType::int64}}};
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 2};

  std::int64_t axis = 0;

  void attributes(auto& a) { a("axis", axis, 0); }
  void shapes(const ShapeContext& c) const {
    const Shape& from = c.shape(0);
    const std::size_t along = normalized_axis(axis, from.rank());
    Shape to;
    for (std::size_t i = 0; i < along; ++i) to.push_back(from[i]);
    for (const std::int64_t dim : c.shape(1)) to.push_back(dim);
    for (std::size_t i = along + 1; i < from.rank(); ++i) to.push_back(from[i]);
    c.output(0, to);
  }
};

/// y[i_0, …] = x[i_0, …, indices[i_0, …], …], where the index takes the place of i_axis.
/// Shapes: indices -> y same.
/// Source: ONNX GatherElements, opsets 11 to 13.
struct GatherElements {
  static constexpr std::string_view name = "GatherElements";
  static constexpr InputTypes input_types[] = {{inputs(1), DTypeSet{DType::int32, DType::int64}}};
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 2};

  std::int64_t axis = 0;

  void attributes(auto& a) { a("axis", axis, 0); }
  void shapes(const ShapeContext& c) const {
    check(c.shape(0), c.shape(1), axis);
    c.output(0, c.shape(1));
  }
  /// Errors: invalid_argument when `indices` does not fit into `data`.
  static void check(const Shape& data, const Shape& indices, std::int64_t axis) {
    const std::size_t along = normalized_axis(axis, data.rank());
    bool fits = data.rank() == indices.rank();
    for (std::size_t i = 0; fits && i < data.rank(); ++i) fits = i == along || indices[i] <= data[i];
    if (!fits) fail(ErrorCode::invalid_argument, "indices of shape ", indices, " do not fit data of shape ", data, " along axis ", axis);
  }
};

/// y[b…, i…, k…] = x[b…, indices[b…, i…, 0], …, indices[b…, i…, n - 1], k…], with batch_dims dimensions b….
/// Source: ONNX GatherND, opsets 11 to 13.
struct GatherND {
  static constexpr std::string_view name = "GatherND";
  static constexpr InputTypes input_types[] = {{inputs(1), DTypeSet{DType::int64}}};
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 2};

  std::int64_t batch_dims = 0;

  void attributes(auto& a) {
    if (a.opset() >= 12) a("batch_dims", batch_dims, 0);
  }
  void shapes(const ShapeContext& c) const {
    const Shape& from = c.shape(0);
    const Shape& indices = c.shape(1);
    if (from.rank() < 1 || indices.rank() < 1) fail(ErrorCode::invalid_argument, "data and indices must not be scalars");
    if (batch_dims < 0 || batch_dims >= static_cast<std::int64_t>(std::min(from.rank(), indices.rank()))) {
      fail(ErrorCode::invalid_argument, "batch_dims ", batch_dims, " is out of range for the shapes ", from, " and ", indices);
    }
    const auto batch = static_cast<std::size_t>(batch_dims);
    if (indices.back() < 1 || indices.back() > static_cast<std::int64_t>(from.rank() - batch)) {
      fail(ErrorCode::invalid_argument, "indices of shape ", indices, " do not address data of shape ", from);
    }
    for (std::size_t i = 0; i < batch; ++i)
      if (from[i] != indices[i]) fail(ErrorCode::invalid_argument, "the batch dimensions of ", from, " and ", indices, " differ");
    Shape to;
    for (std::size_t i = 0; i + 1 < indices.rank(); ++i) to.push_back(indices[i]);
    for (std::size_t i = batch + static_cast<std::size_t>(indices.back()); i < from.rank(); ++i) to.push_back(from[i]);
    c.output(0, to);
  }
};

}  // namespace hone::inline HONE_ABI::ops
#define HONE_SINGLE_OPS_NON_MAX_SUPPRESSION_HPP

namespace hone::inline HONE_ABI::ops {

/// y (number selected, 3) = batch, class and box of the boxes that no better box of their class overlaps, as int64.
/// Inputs: boxes (B, N, 4), scores (B, C, N), max_output_boxes_per_class (0), iou_threshold (0), score_threshold (none).
/// Within a class, boxes are taken by falling score, equal scores by index; a box whose intersection over union with a taken one
/// exceeds iou_threshold is dropped. A box is [y1, x1, y2, x2], or [x_center, y_center, width, height] with center_point_box.
/// Source: ONNX NonMaxSuppression, opsets 10 to 11.
struct NonMaxSuppression {
  static constexpr std::string_view name = "NonMaxSuppression";
  static constexpr InputTypes input_types[] = {{inputs(2), DTypeSet{DType::int64}}, {inputs(3, 4), DTypeSet{DType::float32}}};
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 5};
  static constexpr OpTraits traits{.data_dependent = true};

  bool center_point_box = false;

  void attributes(auto& a) { a("center_point_box", center_point_box, false); }
  void types(const TypeContext& c) const { c.output(0, DType::int64); }
};

}  // namespace hone::inline HONE_ABI::ops
#define HONE_SINGLE_OPS_NONZERO_HPP

namespace hone::inline HONE_ABI::ops {

/// y (rank of x, number of elements that are not zero) = the indices of those elements, in row-major order, as int64.
/// Source: ONNX NonZero, opsets 9 to 13.
struct NonZero {
  static constexpr std::string_view name = "NonZero";
  static constexpr OpTraits traits{.data_dependent = true};

  void types(const TypeContext& c) const { c.output(0, DType::int64); }
};

}  // namespace hone::inline HONE_ABI::ops
#define HONE_SINGLE_OPS_ONEHOT_HPP

namespace hone::inline HONE_ABI::ops {

/// y = values[1] where the coordinate along the added axis is the index, else values[0]. Inputs: indices, depth, values.
/// Negative indices count from depth; those outside [-depth, depth) give values[0] throughout.
/// Source: ONNX OneHot, opsets 9 to 28.
struct OneHot {
  static constexpr std::string_view name = "OneHot";
  static constexpr Arity arity{.min_inputs = 3, .max_inputs = 3};
  static constexpr OpTraits traits{.shape_inputs = inputs(1)};
  static constexpr std::size_t type_input = 2;
  static constexpr InputTypes input_types[] = {{inputs(0), real_numbers}};

  std::int64_t axis = -1;

  void attributes(auto& a) { a("axis", axis, -1); }
  void types(const TypeContext& c) const { c.output(0, c.input(2)); }
  void shapes(const ShapeContext& c) const {
    check_one_element(c.tensor(1), "depth");
    const std::int64_t depth = integer_at(c.tensor(1), 0);
    if (depth < 0) fail(ErrorCode::invalid_argument, "depth is ", depth);
    if (c.shape(2).elements() != 2) fail(ErrorCode::invalid_argument, "values must hold two elements, but its shape is ", c.shape(2));
    Shape to = c.shape(0);
    to.insert(normalized_axis(axis, to.rank() + 1), depth);
    c.output(0, to);
  }
};

}  // namespace hone::inline HONE_ABI::ops
#define HONE_SINGLE_OPS_SCATTER_HPP

namespace hone::inline HONE_ABI::ops {

/// How an update meets the element that it goes to.
enum class Reduction : std::uint8_t { none, add, mul, max, min };

/// Errors: invalid_graph when no reduction has that name.
[[nodiscard]] inline Reduction parse_reduction(std::string_view name) {
  constexpr std::string_view names[] = {"none", "add", "mul", "max", "min"};
  for (std::uint8_t i = 0; i < std::size(names); ++i)
    if (name == names[i]) return static_cast<Reduction>(i);
  fail(ErrorCode::invalid_graph, "unknown reduction '", name, "'");
}

/// y = x, then y[…, indices[i_0, …], …] = reduction(y[…], updates[i_0, …]), where the index takes the place of i_axis.
/// Inputs: x, indices, updates. Where an element is updated more than once, updates apply in row-major order.
/// Source: ONNX ScatterElements, opsets 11 to 18.
struct ScatterElements {
  static constexpr std::string_view name = "ScatterElements";
  static constexpr InputTypes input_types[] = {{inputs(1), DTypeSet{DType::int32, DType::int64}}};
  static constexpr Arity arity{.min_inputs = 3, .max_inputs = 3};
  static constexpr OpTraits traits{.in_place = inputs(0)};

  std::int64_t axis = 0;
  Reduction reduction = Reduction::none;

  void attributes(auto& a) {
    a("axis", axis, 0);
    if (a.opset() < 16) return;
    std::string text;
    a("reduction", text, "none");
    reduction = parse_reduction(text);
  }
  void shapes(const ShapeContext& c) const {
    GatherElements::check(c.shape(0), c.shape(1), axis);
    if (!(c.shape(1) == c.shape(2))) {
      fail(ErrorCode::invalid_argument, "indices of shape ", c.shape(1), " and updates of shape ", c.shape(2), " differ");
    }
    c.output(0, c.shape(0));
  }
};

/// ScatterElements without reduction, under its older name.
/// Source: ONNX Scatter, opsets 9 to 11.
struct Scatter : ScatterElements {
  static constexpr std::string_view name = "Scatter";

  void attributes(auto& a) { a("axis", axis, 0); }
};

/// y = x, then y[indices[i…, 0], …, indices[i…, n - 1], k…] = reduction(y[…], updates[i…, k…]).
/// Inputs: x, indices, updates. Where an element is updated more than once, updates apply in row-major order.
/// Source: ONNX ScatterND, opsets 11 to 18.
struct ScatterND {
  static constexpr std::string_view name = "ScatterND";
  static constexpr InputTypes input_types[] = {{inputs(1), DTypeSet{DType::int64}}};
  static constexpr Arity arity{.min_inputs = 3, .max_inputs = 3};
  static constexpr OpTraits traits{.in_place = inputs(0)};

  Reduction reduction = Reduction::none;

  void attributes(auto& a) {
    if (a.opset() < 16) return;
    std::string text;
    a("reduction", text, "none");
    reduction = parse_reduction(text);
  }
  void shapes(const ShapeContext& c) const {
    const Shape& data = c.shape(0);
    const Shape& indices = c.shape(1);
    if (data.rank() < 1 || indices.rank() < 1) fail(ErrorCode::invalid_argument, "data and indices must not be scalars");
    if (indices.back() < 0 || indices.back() > static_cast<std::int64_t>(data.rank())) {
      fail(ErrorCode::invalid_argument, "indices of shape ", indices, " do not address data of shape ", data);
    }
    Shape wanted;
    for (std::size_t i = 0; i + 1 < indices.rank(); ++i) wanted.push_back(indices[i]);
    for (std::size_t i = static_cast<std::size_t>(indices.back()); i < data.rank(); ++i) wanted.push_back(data[i]);
    if (!(c.shape(2) == wanted)) fail(ErrorCode::invalid_argument, "updates have the shape ", c.shape(2), ", not ", wanted);
    c.output(0, data);
  }
};

}  // namespace hone::inline HONE_ABI::ops
#define HONE_SINGLE_OPS_TOPK_HPP

namespace hone::inline HONE_ABI::ops {

/// Outputs: the k largest (or smallest) elements of each row along axis, best first, and their indices as int64.
/// Of equal elements the one with the lower index comes first. NaN counts as larger than every number.
/// Source: ONNX TopK, opsets 1 to 24.
struct TopK {
  static constexpr std::string_view name = "TopK";
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 2, .min_outputs = 2, .max_outputs = 2};
  static constexpr OpTraits traits{.shape_inputs = inputs(1)};

  std::int64_t axis = -1;
  bool largest = true;

  void attributes(auto& a) {
    a("axis", axis, -1);
    if (a.opset() < 10) a.moved_to_input("k", 1);
    if (a.opset() < 11) return;
    a("largest", largest, true);
    a.ignored("sorted");  // sorted is one of the orders that sorted = 0 allows
  }
  void types(const TypeContext& c) const {
    c.output(0, c.input(0));
    c.output(1, DType::int64);
  }
  void shapes(const ShapeContext& c) const {
    check_one_element(c.tensor(1), "k");
    const std::int64_t k = integer_at(c.tensor(1), 0);
    Shape to = c.shape(0);
    std::int64_t& dim = to[normalized_axis(axis, to.rank())];
    if (k < 0 || k > dim) fail(ErrorCode::invalid_argument, "k is ", k, ", but axis ", axis, " has ", dim, " elements");
    dim = k;
    c.output(0, to);
    c.output(1, to);
  }
};

}  // namespace hone::inline HONE_ABI::ops

namespace hone::inline HONE_ABI {

/// An operator that compares real numbers.
template <class Op>
using compared_entry = entry<Op, float, double, Half, BFloat16, std::int8_t, std::int16_t, std::int32_t, std::int64_t, std::uint8_t,
                             std::uint16_t, std::uint32_t, std::uint64_t>;

// clang-format off
using CpuIndexingKernels = KernelList<
    entry<ops::Gather>,
    entry<ops::GatherElements>,
    entry<ops::GatherND>,
    entry<ops::Scatter>,
    entry<ops::ScatterElements>,
    entry<ops::ScatterND>,
    entry<ops::NonZero>,
    entry<ops::NonMaxSuppression>,
    entry<ops::TopK>,
    entry<ops::Unique>,
    entry<ops::CumSum, float, double, Half, BFloat16, std::int32_t, std::int64_t, std::uint32_t, std::uint64_t>,
    entry<ops::CumProd, float, double, Half, BFloat16, std::int32_t, std::int64_t, std::uint32_t, std::uint64_t>,
    compared_entry<ops::ArgMax>,
    compared_entry<ops::ArgMin>,
    entry<ops::Compress>,
    entry<ops::OneHot>>;
// clang-format on

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_PROVIDERS_CPU_KERNELS_MATRIX_HPP

#define HONE_SINGLE_OPS_GEMM_HPP

namespace hone::inline HONE_ABI::ops {

/// y = alpha a' b' + beta c, where a' is a or its transpose and b' is b or its transpose.
/// Shapes: a' (M, K), b' (K, N), c broadcast to (M, N) -> y (M, N). Source: ONNX Gemm, opsets 1 to 13.
struct Gemm {
  static constexpr std::string_view name = "Gemm";
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 3};

  float alpha = 1;
  float beta = 1;
  bool trans_a = false;
  bool trans_b = false;

  void attributes(auto& a) {
    a("alpha", alpha, 1.0f);
    a("beta", beta, 1.0f);
    a("transA", trans_a, 0);
    a("transB", trans_b, 0);
    if (a.opset() < 7) a.ignored("broadcast");  // c is broadcast wherever its shape asks for it
  }

  void shapes(const ShapeContext& c) const {
    const Shape& a = c.shape(0);
    const Shape& b = c.shape(1);
    if (a.rank() != 2 || b.rank() != 2)
      fail(ErrorCode::invalid_argument, "its inputs have shapes ", a, " and ", b, "; both must be matrices");
    const Shape y{a[trans_a ? 1 : 0], b[trans_b ? 0 : 1]};
    const std::int64_t k = a[trans_a ? 0 : 1];
    if (k != b[trans_b ? 1 : 0]) {
      fail(ErrorCode::invalid_argument, "its inputs have shapes ", a, " and ", b, ": ", k, " columns on the left, ", b[trans_b ? 1 : 0],
           " rows on the right");
    }
    if (c.has_input(2) && !(broadcast(c.shape(2), y) == y)) {
      fail(ErrorCode::invalid_argument, "its input 2 of shape ", c.shape(2), " cannot be broadcast to ", y);
    }
    c.output(0, y);
  }
};

}  // namespace hone::inline HONE_ABI::ops
#define HONE_SINGLE_OPS_MATMUL_HPP

namespace hone::inline HONE_ABI::ops {

/// y = a b, as numpy.matmul: matrix products over the last two dimensions, the others broadcast; a 1-D operand is a row on the left, a
/// column on the right. Shapes: a (*, M, K), b (*, K, N) -> y (*, M, N). Source: ONNX MatMul, opsets 1 to 13.
struct MatMul {
  static constexpr std::string_view name = "MatMul";
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 2};

  void shapes(const ShapeContext& c) const {
    Shape a = c.shape(0);
    Shape b = c.shape(1);
    if (a.rank() == 0 || b.rank() == 0)
      fail(ErrorCode::invalid_argument, "its inputs have shapes ", a, " and ", b, "; a scalar has no rows");
    const bool vector_a = a.rank() == 1;
    const bool vector_b = b.rank() == 1;
    if (vector_a) a.insert(0, 1);
    if (vector_b) b.push_back(1);
    if (a.back() != b[b.rank() - 2]) {
      fail(ErrorCode::invalid_argument, "its inputs have shapes ", c.shape(0), " and ", c.shape(1), ": ", a.back(),
           " columns on the left, ", b[b.rank() - 2], " rows on the right");
    }
    Shape y = broadcast(Shape(a.dims().first(a.rank() - 2)), Shape(b.dims().first(b.rank() - 2)));
    if (!vector_a) y.push_back(a[a.rank() - 2]);
    if (!vector_b) y.push_back(b.back());
    c.output(0, y);
  }
};

}  // namespace hone::inline HONE_ABI::ops

namespace hone::inline HONE_ABI {

using CpuMatrixKernels =
    KernelList<entry<ops::Gemm, float, double, std::int32_t, std::int64_t>, entry<ops::MatMul, float, double, std::int32_t, std::int64_t>>;

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_PROVIDERS_CPU_KERNELS_MOVEMENT_HPP

#define HONE_SINGLE_OPS_CONCAT_HPP

namespace hone::inline HONE_ABI::ops {

/// y = the inputs one after the other along axis; they agree in all other dimensions.
/// Source: ONNX Concat, opsets 1 to 13.
struct Concat {
  static constexpr std::string_view name = "Concat";
  static constexpr Arity arity{.min_inputs = 1, .max_inputs = Arity::any};

  std::int64_t axis = 1;

  void attributes(auto& a) {
    if (a.opset() < 4) {
      a("axis", axis, 1);
    } else {
      a.required("axis", axis);
    }
  }
  void shapes(const ShapeContext& c) const {
    Shape to = c.shape(0);
    const std::size_t along = normalized_axis(axis, to.rank());
    for (std::size_t i = 1; i < c.input_count(); ++i) {
      const Shape& from = c.shape(i);
      bool fits = from.rank() == to.rank();
      for (std::size_t d = 0; fits && d < to.rank(); ++d) fits = d == along || from[d] == to[d];
      if (!fits) {
        fail(ErrorCode::invalid_argument, "inputs of the shapes ", c.shape(0), " and ", from, " cannot be joined along axis ", axis);
      }
      to[along] = checked_sum(to[along], from[along]);
    }
    c.output(0, to);
  }
};

}  // namespace hone::inline HONE_ABI::ops
#define HONE_SINGLE_OPS_DEPTH_TO_SPACE_HPP

namespace hone::inline HONE_ABI::ops {

/// What DepthToSpace and SpaceToDepth share.
struct SpaceBlocks {
  std::int64_t blocksize = 1;
  /// Order of the channels of the deep tensor: (block row, block column, channel), or with CRD (channel, block row, block column).
  bool channels_first = false;

 protected:
  void read(auto& a, int first_with_mode) {
    a.required("blocksize", blocksize);
    if (blocksize < 1) fail(ErrorCode::invalid_graph, "blocksize is ", blocksize);
    if (a.opset() < first_with_mode) return;
    std::string mode;
    a("mode", mode, "DCR");
    if (mode != "DCR" && mode != "CRD") fail(ErrorCode::invalid_graph, "unknown mode '", mode, "'");
    channels_first = mode == "CRD";
  }
  static void check_rank(const Shape& shape) {
    if (shape.rank() != 4) fail(ErrorCode::invalid_argument, "the input must have 4 dimensions, but its shape is ", shape);
  }
};

/// Shapes: x (N, C, H, W) -> y (N, C / b², H b, W b): b² channels become a block of b x b elements.
/// Source: ONNX DepthToSpace, opsets 1 to 28.
struct DepthToSpace : SpaceBlocks {
  static constexpr std::string_view name = "DepthToSpace";

  void attributes(auto& a) { read(a, 11); }
  void shapes(const ShapeContext& c) const {
    const Shape& from = c.shape(0);
    check_rank(from);
    const std::int64_t area = checked_product(blocksize, blocksize);
    if (from[1] % area != 0) fail(ErrorCode::invalid_argument, from[1], " channels cannot be split into blocks of ", area);
    c.output(0, {from[0], from[1] / area, checked_product(from[2], blocksize), checked_product(from[3], blocksize)});
  }
};

/// Shapes: x (N, C, H, W) -> y (N, C b², H / b, W / b), the inverse of DepthToSpace.
/// Source: ONNX SpaceToDepth, opsets 1 to 28.
struct SpaceToDepth : SpaceBlocks {
  static constexpr std::string_view name = "SpaceToDepth";

  void attributes(auto& a) { read(a, 28); }
  void shapes(const ShapeContext& c) const {
    const Shape& from = c.shape(0);
    check_rank(from);
    if (from[2] % blocksize != 0 || from[3] % blocksize != 0) {
      fail(ErrorCode::invalid_argument, "an input of shape ", from, " cannot be split into blocks of ", blocksize, " x ", blocksize);
    }
    const std::int64_t area = checked_product(blocksize, blocksize);
    c.output(0, {from[0], checked_product(from[1], area), from[2] / blocksize, from[3] / blocksize});
  }
};

}  // namespace hone::inline HONE_ABI::ops
#define HONE_SINGLE_OPS_GENERATE_HPP

namespace hone::inline HONE_ABI::ops {

/// y = a tensor of the shape in input 0, all elements equal to the attribute value (float 0).
/// Source: ONNX ConstantOfShape, opsets 9 to 25.
struct ConstantOfShape {
  static constexpr std::string_view name = "ConstantOfShape";
  static constexpr OpTraits traits{.shape_inputs = inputs(0)};

  std::optional<hone::Constant> value;

  void attributes(auto& a) {
    a("value", value);
    if (value && value->tensor.elements() != 1) fail(ErrorCode::invalid_graph, "value has the shape ", value->tensor.shape);
  }
  void types(const TypeContext& c) const { c.output(0, value ? value->tensor.dtype : DType::float32); }
  void shapes(const ShapeContext& c) const {
    check_list(c.tensor(0), "the shape");
    const Shape to(c.int64s(0));
    for (const std::int64_t dim : to)
      if (dim < 0) fail(ErrorCode::invalid_argument, "the shape holds ", dim);
    c.output(0, to);
  }
};

/// y[i] = start + i * delta, max(ceil((limit - start) / delta), 0) elements. Inputs: start, limit, delta.
/// Source: ONNX Range, opsets 11 to 27.
struct Range {
  static constexpr std::string_view name = "Range";
  static constexpr Arity arity{.min_inputs = 3, .max_inputs = 3};
  static constexpr OpTraits traits{.shape_inputs = inputs(0, 1, 2)};

  void attributes(auto& a) {
    // All arithmetic is in double, which serves either value.
    if (a.opset() >= 27) a.ignored("stash_type");
  }
  void shapes(const ShapeContext& c) const {
    check_one_element(c.tensor(0), "start");
    check_one_element(c.tensor(1), "limit");
    check_one_element(c.tensor(2), "delta");
    c.output(0, {is_integral(c.dtype(0)) ? integers(c) : reals(c)});
  }

 private:
  static std::int64_t integers(const ShapeContext& c) {
    const std::int64_t start = integer_at(c.tensor(0), 0);
    const std::int64_t limit = integer_at(c.tensor(1), 0);
    const std::int64_t delta = integer_at(c.tensor(2), 0);
    if (delta == 0) fail(ErrorCode::invalid_argument, "delta is 0");
    if (delta > 0 ? limit <= start : limit >= start) return 0;
    // Differences of 64-bit integers fit 64 unsigned bits.
    const auto as_unsigned = [](std::int64_t value) { return static_cast<std::uint64_t>(value); };
    const std::uint64_t span = delta > 0 ? as_unsigned(limit) - as_unsigned(start) : as_unsigned(start) - as_unsigned(limit);
    const std::uint64_t step = delta > 0 ? as_unsigned(delta) : 0 - as_unsigned(delta);
    const std::uint64_t count = (span - 1) / step + 1;
    if (count > as_unsigned(std::numeric_limits<std::int64_t>::max()))
      fail(ErrorCode::invalid_argument, "the range has ", count, " elements");
    return static_cast<std::int64_t>(count);
  }
  static std::int64_t reals(const ShapeContext& c) {
    const double start = number_at(c.tensor(0), 0);
    const double limit = number_at(c.tensor(1), 0);
    const double delta = number_at(c.tensor(2), 0);
    // In float the difference is rounded to float, as an implementation in that type would.
    const double span = c.dtype(0) == DType::float64 ? limit - start : static_cast<double>(static_cast<float>(limit - start));
    const double count = std::ceil(span / delta);
    if (!(count < 0x1p62)) fail(ErrorCode::invalid_argument, "the range from ", start, " to ", limit, " by ", delta, " has no finite size");
    return count > 0 ? static_cast<std::int64_t>(count) : 0;
  }
};

}  // namespace hone::inline HONE_ABI::ops
#define HONE_SINGLE_OPS_IDENTITY_HPP

namespace hone::inline HONE_ABI::ops {

/// y = x, for tensors, sequences and optionals.
/// Source: ONNX Identity, opsets 1 to 25.
struct Identity {
  static constexpr std::string_view name = "Identity";
  static constexpr OpTraits traits{.alias = true};
  void shapes(const ShapeContext& c) const {
    if (c.has_input(0)) c.output(0, c.shape(0));
  }
};

/// y = x and mask = true, except in training mode: then each element of the mask is true with probability 1 - ratio, and
/// y = x * mask / (1 - ratio).
/// Inputs: x, ratio (0.5), training_mode (false). Older opsets, which have no training_mode, run as inference.
/// Source: ONNX Dropout, opsets 1 to 22.
struct Dropout {
  static constexpr std::string_view name = "Dropout";
  static constexpr InputTypes input_types[] = {{inputs(1), real_numbers}, {inputs(2), DTypeSet{DType::boolean}}};
  static constexpr Arity arity{.min_inputs = 1, .max_inputs = 3, .max_outputs = 2};
  static constexpr OpTraits traits{.deterministic = false, .in_place = inputs(0)};

  std::optional<std::int64_t> seed;
  bool mask_is_bool = true;

  void attributes(auto& a) {
    mask_is_bool = a.opset() >= 10;
    if (a.opset() < 6) a.ignored("consumed_inputs");
    if (a.opset() < 7) a.ignored("is_test");
    if (a.opset() < 12) {
      a.ignored("ratio");
    } else {
      a("seed", seed);
    }
  }
  void types(const TypeContext& c) const {
    c.output(0, c.input(0));
    c.output(1, mask_is_bool ? Type(DType::boolean) : c.input(0));
  }
};

}  // namespace hone::inline HONE_ABI::ops
#define HONE_SINGLE_OPS_PAD_HPP

namespace hone::inline HONE_ABI::ops {

/// y = x with elements added (or, for negative pads, taken away) at both ends of each axis.
/// Inputs: x, pads (all begins, then all ends), constant_value (0), axes (0, 1, …).
/// Modes: constant; reflect, without repeating the edge, to any width; edge; wrap.
/// Source: ONNX Pad, opsets 1 to 25.
struct Pad {
  static constexpr std::string_view name = "Pad";
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 4};
  static constexpr OpTraits traits{.shape_inputs = inputs(1, 3)};
  enum class Mode : std::uint8_t { constant, reflect, edge, wrap };

  Mode mode = Mode::constant;

  void attributes(auto& a) {
    std::string text;
    a("mode", text, "constant");
    mode = parse(text);
    if (a.opset() < 11) {
      a.moved_to_input(a.opset() < 2 ? "paddings" : "pads", 1);
      a.moved_to_input("value", 2, true);
    }
  }

  /// What becomes of one dimension: `kept` elements from `first` on stay, `before` are added in front of them and `after` behind.
  struct Extent {
    std::int64_t first = 0;
    std::int64_t kept = 0;
    std::int64_t before = 0;
    std::int64_t after = 0;
  };
  using Extents = std::array<Extent, Shape::max_rank>;

  void shapes(const ShapeContext& c) const {
    Shape to = c.shape(0);
    const Extents extents = resolve(to, c.tensor(1), c.has_input(3) ? &c.tensor(3) : nullptr);
    for (std::size_t i = 0; i < to.rank(); ++i) {
      const Extent& extent = extents[i];
      if (mode != Mode::constant && extent.kept == 0 && (extent.before > 0 || extent.after > 0)) {
        fail(ErrorCode::invalid_argument, "dimension ", i, " has no elements to pad with");
      }
      to[i] = checked_sum(checked_sum(extent.before, extent.kept), extent.after);
    }
    if (c.has_input(2) && c.shape(2).elements() > 1) fail(ErrorCode::invalid_argument, "constant_value must be a scalar");
    c.output(0, to);
  }
  /// One extent per dimension of `from`; `axes` may be null. Errors: invalid_argument.
  static Extents resolve(const Shape& from, const TensorRef& pads, const TensorRef* axes) {
    check_list(pads, "pads");
    const std::int64_t given = axes != nullptr ? axes->elements() : static_cast<std::int64_t>(from.rank());
    if (pads.elements() != 2 * given) fail(ErrorCode::invalid_argument, pads.elements(), " pads for ", given, " axes");
    Extents extents;
    for (std::size_t i = 0; i < from.rank(); ++i) extents[i].kept = from[i];
    AxisSet seen;
    for (std::int64_t i = 0; i < given; ++i) {
      const std::int64_t axis = axes != nullptr ? integer_at(*axes, i) : i;
      seen.insert(axis, from.rank());
      Extent& extent = extents[normalized_axis(axis, from.rank())];
      const std::int64_t before = integer_at(pads, i);
      const std::int64_t after = integer_at(pads, given + i);
      const std::int64_t dim = extent.kept;
      extent.first = before < 0 ? -std::max(before, -dim - 1) : 0;
      extent.kept = dim - extent.first - (after < 0 ? -std::max(after, -dim - 1) : 0);
      extent.before = std::max<std::int64_t>(before, 0);
      extent.after = std::max<std::int64_t>(after, 0);
      if (extent.kept < 0)
        fail(ErrorCode::invalid_argument, "pads of ", before, " and ", after, " take more than the ", dim, " elements of axis ", axis);
    }
    return extents;
  }

 private:
  static Mode parse(std::string_view text) {
    constexpr std::string_view names[] = {"constant", "reflect", "edge", "wrap"};
    for (std::uint8_t i = 0; i < std::size(names); ++i)
      if (text == names[i]) return static_cast<Mode>(i);
    fail(ErrorCode::invalid_graph, "unknown mode '", text, "'");
  }
};

}  // namespace hone::inline HONE_ABI::ops
#define HONE_SINGLE_OPS_RESHAPE_HPP

namespace hone::inline HONE_ABI::ops {

/// y = the elements of x under the shape of input 1, where -1 stands for what is left, and 0 (unless allowzero) for the dimension of x.
/// Source: ONNX Reshape, opsets 1 to 25.
struct Reshape {
  static constexpr std::string_view name = "Reshape";
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 2};
  static constexpr OpTraits traits{.shape_inputs = inputs(1), .alias = true};

  bool allowzero = false;

  void attributes(auto& a) {
    if (a.opset() < 5) {
      a.ignored("consumed_inputs");
      a.moved_to_input("shape", 1);
    }
    if (a.opset() >= 14) a("allowzero", allowzero, false);
  }
  void shapes(const ShapeContext& c) const {
    const Shape& from = c.shape(0);
    const std::span<const std::int64_t> wanted = c.int64s(1);
    check_list(c.tensor(1), "the shape");
    // A dimension that is copied divides out, so that -1 has a value even when the copied one is 0.
    AxisSet copied;
    Shape to;
    std::size_t open = Shape::max_rank;
    std::int64_t known = 1;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      std::int64_t dim = wanted[i];
      if (dim < -1) fail(ErrorCode::invalid_argument, "the shape holds ", dim);
      if (dim == -1) {
        if (open != Shape::max_rank) fail(ErrorCode::invalid_argument, "the shape holds -1 more than once");
        open = i;
        to.push_back(0);
        continue;
      }
      if (dim == 0 && !allowzero) {
        if (i >= from.rank()) fail(ErrorCode::invalid_argument, "the shape copies dimension ", i, " of an input of shape ", from);
        dim = from[i];
        copied.insert(static_cast<std::int64_t>(i), from.rank());
      } else {
        known = checked_product(known, dim);
      }
      to.push_back(dim);
    }
    if (open != Shape::max_rank) {
      std::int64_t left = 1;
      for (std::size_t i = 0; i < from.rank(); ++i)
        if (!copied.contains(i)) left = checked_product(left, from[i]);
      if (known == 0 || left % known != 0) mismatch(from, wanted);
      to[open] = left / known;
    }
    (void)checked_bytes(c.dtype(0), to);
    if (to.elements() != from.elements()) mismatch(from, wanted);
    c.output(0, to);
  }

 private:
  [[noreturn]] static void mismatch(const Shape& from, std::span<const std::int64_t> wanted) {
    fail(ErrorCode::invalid_argument, "an input of shape ", from, " cannot be reshaped to (", join(wanted, ", "), ")");
  }
};

/// y (product of the dimensions before axis, product of the others) = the elements of x.
/// Source: ONNX Flatten, opsets 1 to 25.
struct Flatten {
  static constexpr std::string_view name = "Flatten";
  static constexpr OpTraits traits{.alias = true};

  std::int64_t axis = 1;

  void attributes(auto& a) { a("axis", axis, 1); }
  void shapes(const ShapeContext& c) const {
    const Shape& from = c.shape(0);
    const auto rank = static_cast<std::int64_t>(from.rank());
    if (axis < -rank || axis > rank) fail(ErrorCode::invalid_argument, "axis ", axis, " is out of range for rank ", rank);
    const auto split = static_cast<std::size_t>(axis < 0 ? axis + rank : axis);
    std::int64_t rows = 1;
    std::int64_t columns = 1;
    for (std::size_t i = 0; i < split; ++i) rows = checked_product(rows, from[i]);
    for (std::size_t i = split; i < from.rank(); ++i) columns = checked_product(columns, from[i]);
    c.output(0, {rows, columns});
  }
};

}  // namespace hone::inline HONE_ABI::ops
#define HONE_SINGLE_OPS_REVERSE_SEQUENCE_HPP

namespace hone::inline HONE_ABI::ops {

/// y = x with the first input 1 [b] elements along time_axis reversed for each b along batch_axis.
/// Source: ONNX ReverseSequence, opsets 10 to 28.
struct ReverseSequence {
  static constexpr std::string_view name = "ReverseSequence";
  static constexpr InputTypes input_types[] = {{inputs(1), DTypeSet{DType::int64}}};
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 2};

  std::int64_t batch_axis = 1;
  std::int64_t time_axis = 0;

  void attributes(auto& a) {
    a("batch_axis", batch_axis, 1);
    a("time_axis", time_axis, 0);
    const bool good = (batch_axis == 0 && time_axis == 1) || (batch_axis == 1 && time_axis == 0);
    if (!good) fail(ErrorCode::invalid_graph, "batch_axis ", batch_axis, " and time_axis ", time_axis, " must be 0 and 1 or 1 and 0");
  }
  void shapes(const ShapeContext& c) const {
    const Shape& from = c.shape(0);
    if (from.rank() < 2) fail(ErrorCode::invalid_argument, "the input must have at least 2 dimensions, but its shape is ", from);
    const std::int64_t batch = from[static_cast<std::size_t>(batch_axis)];
    if (c.shape(1).rank() != 1 || c.shape(1)[0] != batch) {
      fail(ErrorCode::invalid_argument, "sequence_lens has the shape ", c.shape(1), " for ", batch, " sequences");
    }
    c.output(0, from);
  }
};

}  // namespace hone::inline HONE_ABI::ops
#define HONE_SINGLE_OPS_SHAPE_HPP

namespace hone::inline HONE_ABI::ops {

/// y = the dimensions [start, end) of x as int64. Not named Shape, which would hide the class for all operators.
/// Source: ONNX Shape, opsets 1 to 25.
struct ShapeOf {
  static constexpr std::string_view name = "Shape";
  static constexpr OpTraits traits{.unread_inputs = inputs(0)};

  std::int64_t start = 0;
  std::optional<std::int64_t> end;

  void attributes(auto& a) {
    if (a.opset() < 15) return;
    a("start", start, 0);
    a("end", end);
  }
  void types(const TypeContext& c) const { c.output(0, DType::int64); }
  void shapes(const ShapeContext& c) const {
    const auto rank = static_cast<std::int64_t>(c.shape(0).rank());
    c.output(0, {std::max<std::int64_t>(last(rank) - first(rank), 0)});
  }
  [[nodiscard]] std::int64_t first(std::int64_t rank) const noexcept { return clamped(start, rank); }
  [[nodiscard]] std::int64_t last(std::int64_t rank) const noexcept { return clamped(end.value_or(rank), rank); }

 private:
  static std::int64_t clamped(std::int64_t axis, std::int64_t rank) noexcept {
    return std::clamp<std::int64_t>(axis < 0 ? axis + rank : axis, 0, rank);
  }
};

/// y = the number of elements of x as int64.
/// Source: ONNX Size, opsets 1 to 25.
struct SizeOf {
  static constexpr std::string_view name = "Size";
  static constexpr OpTraits traits{.unread_inputs = inputs(0)};

  void types(const TypeContext& c) const { c.output(0, DType::int64); }
  void shapes(const ShapeContext& c) const { c.output(0, {}); }
};

}  // namespace hone::inline HONE_ABI::ops
#define HONE_SINGLE_OPS_SLICE_HPP

namespace hone::inline HONE_ABI::ops {

/// y = x[starts : ends : steps] along axes, as numpy slices: out of range ends are clamped, negative ones count from the end.
/// Inputs: x, starts, ends, axes (0, 1, …), steps (1).
/// Source: ONNX Slice, opsets 1 to 13.
struct Slice {
  static constexpr std::string_view name = "Slice";
  static constexpr Arity arity{.min_inputs = 3, .max_inputs = 5};
  static constexpr OpTraits traits{.shape_inputs = inputs(1, 2, 3, 4)};

  void attributes(auto& a) {
    if (a.opset() < 10) {
      a.moved_to_input("starts", 1);
      a.moved_to_input("ends", 2);
      a.moved_to_input("axes", 3);
    }
  }

  /// The elements start, start + step, … of one dimension, `count` of them.
  struct Range {
    std::int64_t start = 0;
    std::int64_t step = 1;
    std::int64_t count = 0;
  };
  using Ranges = std::array<Range, Shape::max_rank>;

  void shapes(const ShapeContext& c) const {
    const auto optional = [&](std::size_t i) { return c.has_input(i) ? &c.tensor(i) : nullptr; };
    Shape to = c.shape(0);
    const Ranges ranges = resolve(to, c.tensor(1), c.tensor(2), optional(3), optional(4));
    for (std::size_t i = 0; i < to.rank(); ++i) to[i] = ranges[i].count;
    c.output(0, to);
  }
  /// One range per dimension of `from`; `axes` and `steps` may be null.
  /// Errors: invalid_argument.
  static Ranges resolve(const Shape& from, const TensorRef& starts, const TensorRef& ends, const TensorRef* axes, const TensorRef* steps) {
    const std::int64_t given = starts.elements();
    if (ends.elements() != given || (axes != nullptr && axes->elements() != given) || (steps != nullptr && steps->elements() != given)) {
      fail(ErrorCode::invalid_argument, "starts, ends, axes and steps must have the same number of elements");
    }
    Ranges ranges;
    for (std::size_t i = 0; i < from.rank(); ++i) ranges[i].count = from[i];
    AxisSet seen;
    for (std::int64_t i = 0; i < given; ++i) {
      const std::int64_t axis = axes != nullptr ? integer_at(*axes, i) : i;
      seen.insert(axis, from.rank());
      const std::int64_t step = steps != nullptr ? integer_at(*steps, i) : 1;
      if (step == 0) fail(ErrorCode::invalid_argument, "the step of axis ", axis, " is 0");
      const std::size_t d = normalized_axis(axis, from.rank());
      ranges[d] = range(from[d], integer_at(starts, i), integer_at(ends, i), step);
    }
    return ranges;
  }

 private:
  static Range range(std::int64_t dim, std::int64_t start, std::int64_t end, std::int64_t step) {
    // Steps beyond the dimension all take one element.
    step = std::clamp(step, -std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::max());
    if (start < 0) start += dim;
    if (end < 0) end += dim;
    Range result{0, step, 0};
    if (step > 0) {
      result.start = std::clamp<std::int64_t>(start, 0, dim);
      end = std::clamp<std::int64_t>(end, 0, dim);
      if (result.start < end) result.count = (end - result.start - 1) / step + 1;
    } else if (dim > 0) {
      result.start = std::clamp<std::int64_t>(start, 0, dim - 1);
      end = std::clamp<std::int64_t>(end, -1, dim - 1);
      if (result.start > end) result.count = (result.start - end - 1) / -step + 1;
    }
    if (result.count <= 1) result.step = 1;
    return result;
  }
};

}  // namespace hone::inline HONE_ABI::ops
#define HONE_SINGLE_OPS_SPLIT_HPP

namespace hone::inline HONE_ABI::ops {

/// The outputs are the parts of x along axis, of the sizes in input 1, or of equal sizes (from opset 18 on, the last may be smaller).
/// Source: ONNX Split, opsets 1 to 18.
struct Split {
  static constexpr std::string_view name = "Split";
  static constexpr Arity arity{.min_inputs = 1, .max_inputs = 2, .min_outputs = 1, .max_outputs = Arity::any};
  static constexpr OpTraits traits{.shape_inputs = inputs(1)};

  std::int64_t axis = 0;
  std::optional<std::int64_t> num_outputs;
  bool uneven = true;

  void attributes(auto& a) {
    a("axis", axis, 0);
    if (a.opset() < 13) a.moved_to_input("split", 1);
    if (a.opset() >= 18) a("num_outputs", num_outputs);
    uneven = a.opset() >= 18;
  }
  void shapes(const ShapeContext& c) const {
    Shape to = c.shape(0);
    const std::size_t along = normalized_axis(axis, to.rank());
    const std::int64_t dim = to[along];
    const auto parts = static_cast<std::int64_t>(c.output_count());
    const TensorRef* sizes = c.has_input(1) ? &c.tensor(1) : nullptr;
    if (num_outputs && *num_outputs != parts)
      fail(ErrorCode::invalid_argument, "num_outputs is ", *num_outputs, " for ", parts, " outputs");
    if (sizes != nullptr) {
      if (sizes->elements() != parts) fail(ErrorCode::invalid_argument, sizes->elements(), " sizes for ", parts, " outputs");
    } else if (!uneven && dim % parts != 0) {
      fail(ErrorCode::invalid_argument, "axis ", axis, " of size ", dim, " cannot be split into ", parts, " equal parts");
    }
    std::int64_t left = dim;
    for (std::int64_t i = 0; i < parts; ++i) {
      to[along] = part(i, parts, dim, sizes);
      if (to[along] < 0 || to[along] > left) {
        fail(ErrorCode::invalid_argument, "the size ", to[along], " of part ", i, " does not fit axis ", axis, " of size ", dim);
      }
      left -= to[along];
      c.output(static_cast<std::size_t>(i), to);
    }
    if (left != 0) fail(ErrorCode::invalid_argument, "the parts leave ", left, " of axis ", axis, " of size ", dim);
  }
  /// Size of part `i` of `parts`. `sizes` may be null.
  [[nodiscard]] static std::int64_t part(std::int64_t i, std::int64_t parts, std::int64_t dim, const TensorRef* sizes) {
    if (sizes != nullptr) return integer_at(*sizes, i);
    const std::int64_t size = dim / parts + (dim % parts != 0 ? 1 : 0);
    // i * size can overflow only where nothing is left.
    return size == 0 || i > dim / size ? 0 : std::min(size, dim - i * size);
  }
};

}  // namespace hone::inline HONE_ABI::ops
#define HONE_SINGLE_OPS_SQUEEZE_HPP

namespace hone::inline HONE_ABI::ops {

/// y = x without the dimensions of size 1 that input 1 names, or without all of them.
/// Source: ONNX Squeeze, opsets 1 to 25.
struct Squeeze {
  static constexpr std::string_view name = "Squeeze";
  static constexpr Arity arity{.min_inputs = 1, .max_inputs = 2};
  static constexpr OpTraits traits{.shape_inputs = inputs(1), .alias = true};

  void attributes(auto& a) {
    if (a.opset() < 13) a.moved_to_input("axes", 1);
  }
  void shapes(const ShapeContext& c) const {
    const Shape& from = c.shape(0);
    const bool all = !c.has_input(1);
    const AxisSet axes = all ? AxisSet() : AxisSet::of(c.tensor(1), from.rank());
    Shape to;
    for (std::size_t i = 0; i < from.rank(); ++i) {
      const bool named = axes.contains(i);
      if (named && from[i] != 1) fail(ErrorCode::invalid_argument, "axis ", i, " of the shape ", from, " is not of size 1");
      if (!(named || (all && from[i] == 1))) to.push_back(from[i]);
    }
    c.output(0, to);
  }
};

/// y = x with a dimension of size 1 at each axis of y that input 1 names.
/// Source: ONNX Unsqueeze, opsets 1 to 25.
struct Unsqueeze {
  static constexpr std::string_view name = "Unsqueeze";
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 2};
  static constexpr OpTraits traits{.shape_inputs = inputs(1), .alias = true};

  void attributes(auto& a) {
    if (a.opset() < 13) a.moved_to_input("axes", 1);
  }
  void shapes(const ShapeContext& c) const {
    const Shape& from = c.shape(0);
    const std::size_t rank = from.rank() + static_cast<std::size_t>(c.tensor(1).elements());
    if (rank > Shape::max_rank) fail(ErrorCode::invalid_argument, "the output would have ", rank, " dimensions");
    const AxisSet axes = AxisSet::of(c.tensor(1), rank);
    Shape to;
    for (std::size_t i = 0, next = 0; i < rank; ++i) to.push_back(axes.contains(i) ? 1 : from[next++]);
    c.output(0, to);
  }
};

}  // namespace hone::inline HONE_ABI::ops
#define HONE_SINGLE_OPS_TILE_HPP

namespace hone::inline HONE_ABI::ops {

/// y = x repeated input 1 [d] times along each dimension d.
/// In opset 1, input 1 is one number of repeats and input 2 the axis that they are for.
/// Source: ONNX Tile, opsets 1 to 13.
struct Tile {
  static constexpr std::string_view name = "Tile";
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 3};
  static constexpr OpTraits traits{.shape_inputs = inputs(1, 2)};

  void attributes(auto&) {}
  void shapes(const ShapeContext& c) const {
    Shape to = c.shape(0);
    if (c.has_input(2)) {
      check_one_element(c.tensor(1), "tiles");
      check_one_element(c.tensor(2), "axis");
      repeat(to[normalized_axis(integer_at(c.tensor(2), 0), to.rank())], integer_at(c.tensor(1), 0));
    } else {
      const TensorRef& repeats = c.tensor(1);
      if (repeats.elements() != static_cast<std::int64_t>(to.rank())) {
        fail(ErrorCode::invalid_argument, repeats.elements(), " repeats for an input of shape ", to);
      }
      for (std::size_t i = 0; i < to.rank(); ++i) repeat(to[i], integer_at(repeats, static_cast<std::int64_t>(i)));
    }
    c.output(0, to);
  }

 private:
  static void repeat(std::int64_t& dim, std::int64_t times) {
    if (times < 0) fail(ErrorCode::invalid_argument, "repeats must not be negative, but one is ", times);
    dim = checked_product(dim, times);
  }
};

/// y = x broadcast to the shape of input 1, in both directions as numpy does.
/// Source: ONNX Expand, opsets 8 to 13.
struct Expand {
  static constexpr std::string_view name = "Expand";
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 2};
  static constexpr OpTraits traits{.shape_inputs = inputs(1)};

  void shapes(const ShapeContext& c) const {
    check_list(c.tensor(1), "the shape");
    const Shape wanted(c.int64s(1));
    for (const std::int64_t dim : wanted)
      if (dim < 0) fail(ErrorCode::invalid_argument, "the shape holds ", dim);
    c.output(0, broadcast(c.shape(0), wanted));
  }
};

}  // namespace hone::inline HONE_ABI::ops
#define HONE_SINGLE_OPS_TRANSPOSE_HPP

namespace hone::inline HONE_ABI::ops {

/// y[i_perm(0), i_perm(1), …] = x[i_0, i_1, …]; without perm the dimensions are reversed.
/// Source: ONNX Transpose, opsets 1 to 25.
struct Transpose {
  static constexpr std::string_view name = "Transpose";

  std::optional<std::vector<std::int64_t>> perm;

  void attributes(auto& a) { a("perm", perm); }
  void shapes(const ShapeContext& c) const {
    const Shape& from = c.shape(0);
    if (perm) {
      if (perm->size() != from.rank()) fail(ErrorCode::invalid_argument, "perm has ", perm->size(), " axes, the input has ", from.rank());
      AxisSet seen;
      for (const std::int64_t axis : *perm) {
        if (axis < 0) fail(ErrorCode::invalid_argument, "perm holds ", axis);
        seen.insert(axis, from.rank());
      }
    }
    Shape to = from;
    for (std::size_t i = 0; i < from.rank(); ++i) to[i] = from[source(i, from.rank())];
    c.output(0, to);
  }
  /// The dimension of x that is dimension `i` of y.
  [[nodiscard]] std::size_t source(std::size_t i, std::size_t rank) const noexcept {
    return perm ? static_cast<std::size_t>((*perm)[i]) : rank - 1 - i;
  }
};

}  // namespace hone::inline HONE_ABI::ops
#define HONE_SINGLE_OPS_TRILU_HPP

namespace hone::inline HONE_ABI::ops {

/// y = the elements of the matrices x on and above (or, unless upper, below) the diagonal number input 1 (0), and zeros elsewhere.
/// Source: ONNX Trilu, opset 14.
struct Trilu {
  static constexpr std::string_view name = "Trilu";
  static constexpr Arity arity{.min_inputs = 1, .max_inputs = 2};
  static constexpr OpTraits traits{.shape_inputs = inputs(1)};

  bool upper = true;

  void attributes(auto& a) { a("upper", upper, true); }
  void shapes(const ShapeContext& c) const {
    if (c.shape(0).rank() < 2) fail(ErrorCode::invalid_argument, "the input must hold matrices, but its shape is ", c.shape(0));
    if (c.has_input(1)) check_one_element(c.tensor(1), "k");
    c.output(0, c.shape(0));
  }
};

/// y (of the shape of x) = 1 on the diagonal number k, 0 elsewhere.
/// Source: ONNX EyeLike, opsets 9 to 22.
struct EyeLike {
  static constexpr std::string_view name = "EyeLike";
  static constexpr OpTraits traits{.unread_inputs = inputs(0)};

  std::optional<std::int64_t> dtype;
  std::int64_t k = 0;

  void attributes(auto& a) {
    a("dtype", dtype);
    a("k", k, 0);
    if (dtype && (*dtype <= 0 || *dtype >= dtype_count)) fail(ErrorCode::invalid_graph, "there is no element type ", *dtype);
  }
  void types(const TypeContext& c) const { c.output(0, dtype ? Type(static_cast<DType>(*dtype)) : c.input(0)); }
  void shapes(const ShapeContext& c) const {
    if (c.shape(0).rank() != 2) fail(ErrorCode::invalid_argument, "the input must be a matrix, but its shape is ", c.shape(0));
    c.output(0, c.shape(0));
  }
};

}  // namespace hone::inline HONE_ABI::ops
#define HONE_SINGLE_OPS_WHERE_HPP

namespace hone::inline HONE_ABI::ops {

/// y = condition ? a : b, element by element, broadcast as numpy does. Inputs: condition, a, b.
/// Source: ONNX Where, opsets 9 to 16.
struct Where {
  static constexpr std::string_view name = "Where";
  static constexpr InputTypes input_types[] = {{inputs(0), DTypeSet{DType::boolean}}};
  static constexpr Arity arity{.min_inputs = 3, .max_inputs = 3};
  static constexpr std::size_t type_input = 1;

  void types(const TypeContext& c) const { c.output(0, c.input(1)); }
  void shapes(const ShapeContext& c) const { c.output(0, broadcast(broadcast(c.shape(0), c.shape(1)), c.shape(2))); }
};

}  // namespace hone::inline HONE_ABI::ops

namespace hone::inline HONE_ABI {

// clang-format off
using CpuMovementKernels = KernelList<
    entry<ops::Identity>,
    entry<ops::Dropout>,
    entry<ops::Reshape>,
    entry<ops::Flatten>,
    entry<ops::Squeeze>,
    entry<ops::Unsqueeze>,
    entry<ops::ShapeOf>,
    entry<ops::SizeOf>,
    entry<ops::ConstantOfShape>,
    entry<ops::Range, float, double, Half, BFloat16, std::int16_t, std::int32_t, std::int64_t>,
    entry<ops::EyeLike>,
    entry<ops::Transpose>,
    entry<ops::Concat>,
    entry<ops::Split>,
    entry<ops::Slice>,
    entry<ops::Pad>,
    entry<ops::Tile>,
    entry<ops::Expand>,
    entry<ops::Where>,
    entry<ops::DepthToSpace>,
    entry<ops::SpaceToDepth>,
    entry<ops::Trilu>,
    entry<ops::ReverseSequence>>;
// clang-format on

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_PROVIDERS_CPU_KERNELS_REDUCTION_HPP

#define HONE_SINGLE_OPS_NORMALIZATION_HPP

namespace hone::inline HONE_ABI::ops {

/// y = (x - mean) / sqrt(variance + epsilon) * scale + bias, per channel. In training mode mean and variance are those of x, and
/// outputs 1 and 2 are the running ones: momentum * input + (1 - momentum) * measured.
/// Shapes: x (N, C, *), scale, bias, mean, variance (C) -> y (N, C, *). Source: ONNX BatchNormalization, opsets 1 to 15.
struct BatchNormalization {
  static constexpr std::string_view name = "BatchNormalization";
  static constexpr InputTypes input_types[] = {{inputs(1, 2, 3, 4)}};
  static constexpr Arity arity{.min_inputs = 5, .max_inputs = 5, .max_outputs = 5};
  static constexpr OpTraits traits{.in_place = inputs(0)};

  float epsilon = 1e-5f;
  float momentum = 0.9f;
  bool training = false;

  void attributes(auto& a) {
    std::int64_t is_test = 1;
    a("epsilon", epsilon, 1e-5f);
    a("momentum", momentum, 0.9f);
    if (a.opset() < 6) a.ignored("consumed_inputs");
    if (a.opset() < 7) a("is_test", is_test, 0);
    if (a.opset() < 9) {
      std::int64_t spatial = 1;
      a("spatial", spatial, 1);
      if (spatial != 1) fail(ErrorCode::not_implemented, "the attribute 'spatial' is 0: statistics per element are not supported");
    }
    if (a.opset() >= 14) a("training_mode", training, 0);
  }
  void types(const TypeContext& c) const {
    c.output(0, c.input(0));
    for (std::size_t i = 1; i < c.output_count(); ++i) c.output(i, c.input(3));
  }
  void shapes(const ShapeContext& c) const {
    const Shape& x = c.shape(0);
    if (x.rank() < 1) fail(ErrorCode::invalid_argument, "its input 0 is a scalar and has no channels");
    const Shape channels{x.rank() > 1 ? x[1] : 1};
    for (std::size_t i = 1; i < 5; ++i) {
      if (!(c.shape(i) == channels)) fail(ErrorCode::invalid_argument, "its input ", i, " has shape ", c.shape(i), "; expected ", channels);
      c.output(i, channels);
    }
    c.output(0, x);
  }
};

/// y = (x - mean(x)) / sqrt(variance(x) + epsilon) * scale + bias over the dimensions from `axis` on. Outputs 1 and 2 are the mean and the
/// reciprocal of the root. Shapes: x (*), scale, bias (x's from axis on, or what broadcasts to them) -> y (*).
/// Source: ONNX LayerNormalization, opset 17.
struct LayerNormalization {
  static constexpr std::string_view name = "LayerNormalization";
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 3, .max_outputs = 3};
  static constexpr OpTraits traits{.in_place = inputs(0)};

  std::int64_t axis = -1;
  float epsilon = 1e-5f;

  void attributes(auto& a) {
    a("axis", axis, -1);
    a("epsilon", epsilon, 1e-5f);
    a.ignored("stash_type");  // statistics are always taken in float or better
  }
  void types(const TypeContext& c) const {
    c.output(0, c.input(0));
    const DType statistics = c.input(0).dtype == DType::float64 ? DType::float64 : DType::float32;
    for (std::size_t i = 1; i < c.output_count(); ++i) c.output(i, statistics);
  }
  void shapes(const ShapeContext& c) const {
    const Shape& x = c.shape(0);
    const std::size_t first = normalized_axis(axis, x.rank());
    const Shape row(x.dims().subspan(first));
    for (std::size_t i = 1; i < c.input_count(); ++i) {
      if (c.has_input(i) && c.shape(i).elements() != row.elements() && c.shape(i).elements() != 1) {
        fail(ErrorCode::invalid_argument, "its input ", i, " has shape ", c.shape(i), "; expected ", row);
      }
    }
    c.output(0, x);
    Shape statistics = x;
    for (std::size_t i = first; i < x.rank(); ++i) statistics[i] = 1;
    c.output(1, statistics);
    c.output(2, statistics);
  }
};

/// y = x / sqrt(mean(x^2) + epsilon) * scale over the dimensions from `axis` on. Source: ONNX RMSNormalization, opset 23.
struct RMSNormalization {
  static constexpr std::string_view name = "RMSNormalization";
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 2};
  static constexpr OpTraits traits{.in_place = inputs(0)};

  std::int64_t axis = -1;
  float epsilon = 1e-5f;

  void attributes(auto& a) {
    a("axis", axis, -1);
    a("epsilon", epsilon, 1e-5f);
    a.ignored("stash_type");
  }
  void shapes(const ShapeContext& c) const {
    const Shape& x = c.shape(0);
    const Shape row(x.dims().subspan(normalized_axis(axis, x.rank())));
    if (c.shape(1).elements() != row.elements() && c.shape(1).elements() != 1) {
      fail(ErrorCode::invalid_argument, "its input 1 has shape ", c.shape(1), "; expected ", row);
    }
    c.output(0, x);
  }
};

/// LayerNormalization over the spatial dimensions of each channel, with one scale and bias per channel.
/// Shapes: x (N, C, *), scale, bias (C) -> y (N, C, *). Source: ONNX InstanceNormalization, opsets 1 to 22.
struct InstanceNormalization {
  static constexpr std::string_view name = "InstanceNormalization";
  static constexpr Arity arity{.min_inputs = 3, .max_inputs = 3};
  static constexpr OpTraits traits{.in_place = inputs(0)};

  float epsilon = 1e-5f;

  void attributes(auto& a) {
    a("epsilon", epsilon, 1e-5f);
    if (a.opset() < 6) a.ignored("consumed_inputs");
  }
  void shapes(const ShapeContext& c) const {
    const Shape& x = c.shape(0);
    if (x.rank() < 3) fail(ErrorCode::invalid_argument, "its input 0 has shape ", x, "; expected (N, C, spatial dimensions)");
    for (std::size_t i = 1; i < 3; ++i)
      if (!(c.shape(i) == Shape{x[1]}))
        fail(ErrorCode::invalid_argument, "its input ", i, " has shape ", c.shape(i), "; expected ", Shape{x[1]});
    c.output(0, x);
  }
};

/// LayerNormalization over groups of channels. Shapes: x (N, C, *), scale, bias (C), before opset 21 (groups) -> y (N, C, *).
/// Source: ONNX GroupNormalization, opsets 18 and 21.
struct GroupNormalization {
  static constexpr std::string_view name = "GroupNormalization";
  static constexpr Arity arity{.min_inputs = 3, .max_inputs = 3};
  static constexpr OpTraits traits{.in_place = inputs(0)};

  std::int64_t groups = 1;
  float epsilon = 1e-5f;

  void attributes(auto& a) {
    a.required("num_groups", groups);
    a("epsilon", epsilon, 1e-5f);
    if (a.opset() >= 21) a.ignored("stash_type");
  }
  void shapes(const ShapeContext& c) const {
    const Shape& x = c.shape(0);
    if (x.rank() < 2 || groups < 1 || x[1] % groups != 0) {
      fail(ErrorCode::invalid_argument, "its input 0 of shape ", x, " does not have channels in ", groups, " groups");
    }
    for (std::size_t i = 1; i < 3; ++i) {
      if (!(c.shape(i) == Shape{x[1]}) && !(c.shape(i) == Shape{groups})) {
        fail(ErrorCode::invalid_argument, "its input ", i, " has shape ", c.shape(i), "; expected ", Shape{x[1]});
      }
    }
    c.output(0, x);
  }
};

/// y = x / (bias + alpha / size * sum of x^2 over `size` neighbouring channels)^beta. Shapes: x (N, C, *) -> y (N, C, *).
/// Source: ONNX LRN, opsets 1 and 13.
struct LRN {
  static constexpr std::string_view name = "LRN";

  float alpha = 1e-4f;
  float beta = 0.75f;
  float bias = 1;
  std::int64_t size = 1;

  void attributes(auto& a) {
    a("alpha", alpha, 1e-4f);
    a("beta", beta, 0.75f);
    a("bias", bias, 1.0f);
    a.required("size", size);
    if (size < 1) fail(ErrorCode::invalid_graph, "the attribute 'size' is ", size, "; it must be at least 1");
  }
  void shapes(const ShapeContext& c) const {
    if (c.shape(0).rank() < 2) fail(ErrorCode::invalid_argument, "its input has shape ", c.shape(0), "; expected (N, C, *)");
    c.output(0, c.shape(0));
  }
};

}  // namespace hone::inline HONE_ABI::ops
#define HONE_SINGLE_OPS_REDUCE_HPP

namespace hone::inline HONE_ABI::ops {

/// The dimensions of an input that a reduction runs over.
struct ReducedAxes {
  bool reduced[Shape::max_rank] = {};

  /// `axes` none: all dimensions, or none at all when `noop_with_empty_axes`. Errors: invalid_argument for an axis out of range or twice.
  ReducedAxes(std::size_t rank, std::span<const std::int64_t> axes, bool noop_with_empty_axes) {
    for (std::size_t i = 0; i < rank; ++i) reduced[i] = axes.empty() && !noop_with_empty_axes;
    for (const std::int64_t axis : axes) {
      bool& at = reduced[normalized_axis(axis, rank)];
      if (at) fail(ErrorCode::invalid_argument, "the axis ", axis, " is reduced twice");
      at = true;
    }
  }
};

/// y = the elements of x along `axes` reduced to one. Shapes: x (*) -> y, the reduced dimensions 1, or gone without `keepdims`. The
/// operators below differ by how they reduce. Source: ONNX, opsets 1 to 20.
struct Reduce {
  static constexpr Arity arity{.min_inputs = 1, .max_inputs = 2};
  static constexpr OpTraits traits{.shape_inputs = inputs(1)};
  /// First opset in which the axes are an input.
  static constexpr int axes_input_since = 18;

  bool keepdims = true;
  bool noop_with_empty_axes = false;

  void attributes(auto& a) { read(a, axes_input_since); }

  void shapes(const ShapeContext& c) const {
    const Shape& x = c.shape(0);
    const ReducedAxes axes(x.rank(), c.has_input(1) ? c.int64s(1) : std::span<const std::int64_t>(), noop_with_empty_axes);
    Shape y;
    for (std::size_t i = 0; i < x.rank(); ++i) {
      if (!axes.reduced[i]) {
        y.push_back(x[i]);
      } else if (keepdims) {
        y.push_back(1);
      }
    }
    c.output(0, y);
  }

 protected:
  void read(auto& a, int since) {
    a("keepdims", keepdims, 1);
    if (a.opset() < since) {
      a.moved_to_input("axes", 1);
    } else {
      a("noop_with_empty_axes", noop_with_empty_axes, 0);
    }
  }
};

// clang-format off
struct ReduceL1        : Reduce { static constexpr std::string_view name = "ReduceL1"; };
struct ReduceL2        : Reduce { static constexpr std::string_view name = "ReduceL2"; };
struct ReduceLogSum    : Reduce { static constexpr std::string_view name = "ReduceLogSum"; };
struct ReduceLogSumExp : Reduce { static constexpr std::string_view name = "ReduceLogSumExp"; };
struct ReduceMax       : Reduce { static constexpr std::string_view name = "ReduceMax"; };
struct ReduceMean      : Reduce { static constexpr std::string_view name = "ReduceMean"; };
struct ReduceMin       : Reduce { static constexpr std::string_view name = "ReduceMin"; };
struct ReduceProd      : Reduce { static constexpr std::string_view name = "ReduceProd"; };
struct ReduceSum       : Reduce { static constexpr std::string_view name = "ReduceSum"; void attributes(auto& a) { read(a, 13); } };
struct ReduceSumSquare : Reduce { static constexpr std::string_view name = "ReduceSumSquare"; };
// clang-format on

}  // namespace hone::inline HONE_ABI::ops
#define HONE_SINGLE_OPS_SOFTMAX_HPP

namespace hone::inline HONE_ABI::ops {

/// A normalisation along `axis`, or, before opset 13, over all dimensions from `axis` on, taken as one row.
/// Shapes: x (*) -> y (*). Source: ONNX, opsets 1 to 13.
struct AlongAxis {
  static constexpr OpTraits traits{.in_place = inputs(0)};
  std::int64_t axis = -1;
  bool to_the_end = false;

  void attributes(auto& a) {
    to_the_end = a.opset() < 13;
    a("axis", axis, to_the_end ? 1 : -1);
  }
  void shapes(const ShapeContext& c) const {
    (void)rows(c.shape(0));
    c.output(0, c.shape(0));
  }

  /// `outer` blocks of `length` elements along the axis, each `inner` elements after the one before.
  struct Rows {
    std::int64_t outer;
    std::int64_t length;
    std::int64_t inner;
  };
  [[nodiscard]] Rows rows(const Shape& x) const {
    if (x.rank() == 0) return {1, 1, 1};
    if (to_the_end) {
      const std::size_t at = axis == static_cast<std::int64_t>(x.rank()) ? x.rank() : normalized_axis(axis, x.rank());
      return {x.elements(0, at), x.elements(at, x.rank()), 1};
    }
    const std::size_t at = normalized_axis(axis, x.rank());
    return {x.elements(0, at), x[at], x.stride(at)};
  }
};

/// y = exp(x) / sum(exp(x))
struct Softmax : AlongAxis {
  static constexpr std::string_view name = "Softmax";
};
/// y = x - log(sum(exp(x)))
struct LogSoftmax : AlongAxis {
  static constexpr std::string_view name = "LogSoftmax";
};
/// y = 1 at the first maximum, 0 elsewhere
struct Hardmax : AlongAxis {
  static constexpr std::string_view name = "Hardmax";
  static constexpr OpTraits traits{};
};

}  // namespace hone::inline HONE_ABI::ops

namespace hone::inline HONE_ABI {

template <class Op>
using SumEntry = entry<Op, float, double, std::int32_t, std::int64_t, std::uint32_t, std::uint64_t>;
template <class Op>
using ExtremeEntry = entry<Op, float, double, std::int32_t, std::int64_t, std::uint32_t, std::uint64_t, std::int8_t, std::uint8_t>;

using CpuReductionKernels = KernelList<entry<ops::ReduceL1, float, double, std::int32_t, std::int64_t>, entry<ops::ReduceL2, float, double>,
                                       entry<ops::ReduceLogSum, float, double>, entry<ops::ReduceLogSumExp, float, double>,
                                       ExtremeEntry<ops::ReduceMax>, SumEntry<ops::ReduceMean>, ExtremeEntry<ops::ReduceMin>,
                                       SumEntry<ops::ReduceProd>, SumEntry<ops::ReduceSum>, SumEntry<ops::ReduceSumSquare>>;

using CpuNormalizationKernels =
    KernelList<entry<ops::BatchNormalization, float, double>, entry<ops::GroupNormalization, float, double>,
               entry<ops::Hardmax, float, double>, entry<ops::InstanceNormalization, float, double>,
               entry<ops::LayerNormalization, float, double>, entry<ops::LogSoftmax, float, double>, entry<ops::LRN, float, double>,
               entry<ops::RMSNormalization, float, double>, entry<ops::Softmax, float, double>>;

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_PROVIDERS_CPU_KERNELS_SEQUENCE_HPP

#define HONE_SINGLE_OPS_CONTROL_FLOW_HPP

namespace hone::inline HONE_ABI::ops {

/// The outputs of `then_branch` where `cond` holds, else those of `else_branch`. Source: ONNX If, opsets 1 to 25.
struct If {
  static constexpr std::string_view name = "If";
  static constexpr InputTypes input_types[] = {{inputs(0), DTypeSet{DType::boolean}}};
  static constexpr Arity arity{.max_outputs = Arity::any};
  static constexpr OpTraits traits{.data_dependent = true};

  void types(const TypeContext& c) const {
    if (c.subgraphs().size() != 2) fail(ErrorCode::invalid_graph, "it needs the attributes 'then_branch' and 'else_branch'");
    for (const Graph* branch : c.subgraphs()) {
      if (branch->outputs.size() != c.output_count()) {
        fail(ErrorCode::invalid_graph, "it has ", c.output_count(), " outputs, but a branch has ", branch->outputs.size());
      }
      for (std::size_t i = 0; i < c.output_count(); ++i)
        if ((*branch)[branch->outputs[i]].type.is_known()) c.output(i, (*branch)[branch->outputs[i]].type);
    }
  }
};

}  // namespace hone::inline HONE_ABI::ops
#define HONE_SINGLE_OPS_RECURRENT_HPP

namespace hone::inline HONE_ABI::ops {

/// f, g and h of a recurrent network, with the parameters that some of them have.
struct Activation {
  enum class Kind : std::uint8_t {
    relu,
    tanh,
    sigmoid,
    affine,
    leaky_relu,
    thresholded_relu,
    scaled_tanh,
    hard_sigmoid,
    elu,
    softsign,
    softplus
  };
  Kind kind = Kind::tanh;
  float alpha = 0;
  float beta = 0;

  struct Facts {
    std::string_view name;
    int parameters;
    float alpha;
    float beta;
  };
  /// By Kind: name, and how many of alpha and beta it takes with which defaults.
  static constexpr std::array<Facts, 11> facts{{{"relu", 0, 0, 0},
                                                {"tanh", 0, 0, 0},
                                                {"sigmoid", 0, 0, 0},
                                                {"affine", 2, 1, 0},
                                                {"leakyrelu", 1, 0.01f, 0},
                                                {"thresholdedrelu", 1, 1, 0},
                                                {"scaledtanh", 2, 1, 1},
                                                {"hardsigmoid", 2, 0.2f, 0.5f},
                                                {"elu", 1, 1, 0},
                                                {"softsign", 0, 0, 0},
                                                {"softplus", 0, 0, 0}}};
};

/// A network that runs over a sequence, `Gates` rows of weights per hidden unit, `Outputs` results.
/// Shapes, with D directions, T steps, N the batch, I inputs and H hidden units: x (T, N, I), w (D, Gates H, I), r (D, Gates H, H),
/// b (D, 2 Gates H), sequence_lens (N), initial_h (D, N, H) -> y (T, D, N, H), y_h (D, N, H). With `batch_first` N comes first in all of x,
/// initial states and outputs. Source: ONNX RNN, GRU and LSTM, opsets 1 to 22.
template <int Gates, int Activations, int Outputs>
struct Recurrent {
  static constexpr int gates = Gates;

  std::int64_t hidden_size = 0;
  bool reverse = false;  ///< the only direction, when there is one
  int directions = 1;
  bool batch_first = false;
  /// 0 does not clip.
  float clip = 0;
  std::vector<Activation> activations;  ///< Activations per direction

  void shapes(const ShapeContext& c) const {
    const Shape& x = c.shape(0);
    const Shape& w = c.shape(1);
    const Shape& r = c.shape(2);
    if (x.rank() != 3 || w.rank() != 3 || r.rank() != 3)
      fail(ErrorCode::invalid_argument, "its inputs x, w and r must have three dimensions");
    const std::int64_t steps = x[batch_first ? 1 : 0];
    const std::int64_t batch = x[batch_first ? 0 : 1];
    const std::int64_t hidden = r[2];
    if (hidden_size != 0 && hidden_size != hidden)
      fail(ErrorCode::invalid_argument, "hidden_size is ", hidden_size, ", but its input 2 has shape ", r);
    const std::int64_t rows = checked_product(2 * Gates, hidden) / 2;
    const auto expect = [&](std::size_t i, const Shape& wanted) {
      if (c.has_input(i) && !(c.shape(i) == wanted)) {
        fail(ErrorCode::invalid_argument, "its input ", i, " has shape ", c.shape(i), "; expected ", wanted);
      }
    };
    expect(1, {directions, rows, x[2]});
    expect(2, {directions, rows, hidden});
    expect(3, {directions, 2 * rows});
    expect(4, {batch});
    const Shape state = batch_first ? Shape{batch, directions, hidden} : Shape{directions, batch, hidden};
    expect(5, state);
    if (Outputs == 3) {
      expect(6, state);
      expect(7, {directions, 3 * hidden});
    }
    c.output(0, batch_first ? Shape{batch, steps, directions, hidden} : Shape{steps, directions, batch, hidden});
    c.output(1, state);
    c.output(2, state);
  }

 protected:
  void read(auto& a, std::array<Activation::Kind, Activations> by_default) {
    std::string direction;
    std::vector<std::string> names;
    std::vector<float> alphas;
    std::vector<float> betas;
    a("direction", direction, "forward");
    a("hidden_size", hidden_size, 0);
    a("layout", batch_first, 0);
    a("clip", clip, 0.0f);
    a("activations", names, std::vector<std::string>{});
    a("activation_alpha", alphas, std::vector<float>{});
    a("activation_beta", betas, std::vector<float>{});
    if (a.opset() < 7) a.ignored("output_sequence");
    if (direction != "forward" && direction != "reverse" && direction != "bidirectional") {
      fail(ErrorCode::invalid_graph, "the attribute 'direction' is '", direction, "', which ONNX does not define");
    }
    reverse = direction == "reverse";
    directions = direction == "bidirectional" ? 2 : 1;
    const auto wanted = static_cast<std::size_t>(Activations * directions);
    if (!names.empty() && names.size() != wanted) {
      fail(ErrorCode::invalid_graph, "the attribute 'activations' has ", names.size(), " values; it needs ", wanted);
    }
    std::size_t next_alpha = 0;
    std::size_t next_beta = 0;
    for (std::size_t i = 0; i < wanted; ++i) {
      Activation& added = activations.emplace_back();
      added.kind = by_default[i % Activations];
      if (!names.empty()) added.kind = kind_of(names[i]);
      const Activation::Facts& facts = Activation::facts[static_cast<std::size_t>(added.kind)];
      added.alpha = facts.alpha;
      added.beta = facts.beta;
      if (facts.parameters > 0 && next_alpha < alphas.size()) added.alpha = alphas[next_alpha++];
      if (facts.parameters > 1 && next_beta < betas.size()) added.beta = betas[next_beta++];
    }
  }

 private:
  static Activation::Kind kind_of(std::string name) {
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    for (std::size_t i = 0; i < Activation::facts.size(); ++i)
      if (Activation::facts[i].name == name) return static_cast<Activation::Kind>(i);
    fail(ErrorCode::invalid_graph, "the activation '", name, "' is none of ONNX's");
  }
};

/// h = f(x w' + wb + h r' + rb)
struct RNN : Recurrent<1, 1, 2> {
  static constexpr std::string_view name = "RNN";
  static constexpr InputTypes input_types[] = {{inputs(4), DTypeSet{DType::int32}}};
  static constexpr Arity arity{.min_inputs = 3, .max_inputs = 6, .min_outputs = 0, .max_outputs = 2};
  void attributes(auto& a) { read(a, {Activation::Kind::tanh}); }
};

/// Gates z, r, h: z = f(.), r = f(.), h~ = g(x w' + wb + (r h) r' + rb), or g(x w' + wb + r (h r' + rb)) with linear_before_reset;
/// h = (1 - z) h~ + z h
struct GRU : Recurrent<3, 2, 2> {
  static constexpr std::string_view name = "GRU";
  static constexpr InputTypes input_types[] = {{inputs(4), DTypeSet{DType::int32}}};
  static constexpr Arity arity{.min_inputs = 3, .max_inputs = 6, .min_outputs = 0, .max_outputs = 2};
  bool linear_before_reset = false;
  void attributes(auto& a) {
    read(a, {Activation::Kind::sigmoid, Activation::Kind::tanh});
    a("linear_before_reset", linear_before_reset, 0);
  }
};

/// Gates i, o, f, c: i = f(. + pi c), f = f(. + pf c), c~ = g(.), c = f c + i c~, o = f(. + po c), h = o h(c)
struct LSTM : Recurrent<4, 3, 3> {
  static constexpr std::string_view name = "LSTM";
  static constexpr InputTypes input_types[] = {{inputs(4), DTypeSet{DType::int32}}};
  static constexpr Arity arity{.min_inputs = 3, .max_inputs = 8, .min_outputs = 0, .max_outputs = 3};
  bool input_forget = false;
  void attributes(auto& a) {
    read(a, {Activation::Kind::sigmoid, Activation::Kind::tanh, Activation::Kind::tanh});
    a("input_forget", input_forget, 0);
  }
};

}  // namespace hone::inline HONE_ABI::ops

namespace hone::inline HONE_ABI {

using CpuControlFlowKernels = KernelList<entry<ops::If>>;
using CpuRecurrentKernels = KernelList<entry<ops::GRU, float, double>, entry<ops::LSTM, float, double>, entry<ops::RNN, float, double>>;

}  // namespace hone::inline HONE_ABI

namespace hone::inline HONE_ABI {

/// Every kernel of the CPU provider, by theme. hone::compiled instantiates each of these lists once, in src/.
using CpuKernels =
    KernelList<CpuBinaryKernels, CpuControlFlowKernels, CpuConversionKernels, CpuConvolutionKernels, CpuIndexingKernels, CpuMatrixKernels,
               CpuMovementKernels, CpuNormalizationKernels, CpuRecurrentKernels, CpuReductionKernels, CpuUnaryKernels>;

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_PROVIDERS_CPU_PROVIDER_HPP

namespace hone::inline HONE_ABI {

/// Offers the kernels of a list for one instruction set.
class CpuProvider final : public Provider {
 public:
  /// `arch`: "sse2", "avx2", "avx512", "neon", "baseline"; empty takes what HONE_FORCE_ARCH names, else the best one here.
  /// Errors: invalid_argument that lists the instruction sets there are.
  CpuProvider(std::string_view arch, std::span<const std::span<const KernelEntry<CpuDevice>>> lists) : device_{isa_of(arch)} {
    for (const auto& list : lists)
      for (const auto& entry : list) entries_[entry.op].push_back(&entry);
  }

  [[nodiscard]] std::string_view name() const noexcept override { return "CPUExecutionProvider"; }

  [[nodiscard]] std::vector<const OpInfo*> operators() const override {
    std::vector<const OpInfo*> result;
    for (const auto& [op, entries] : entries_) result.push_back(op);
    return result;
  }

  [[nodiscard]] Placement place(const NodeView& node) const override {
    Placement placement;
    const auto found = entries_.find(&node.node().op->info());
    if (found == entries_.end()) {
      placement.refusal = "no kernel for the operator";
      return placement;
    }
    for (const auto* entry : found->second) {
      const KernelChoice<CpuDevice> choice = choose(*entry, node);
      if (choice.kernel != nullptr) {
        placement.kernel = choice.kernel->create(node, device_);
        placement.name = text(choice.name, " ", simd::name(device_.isa));
        placement.refusal.clear();
        return placement;
      }
      if (!placement.refusal.empty()) placement.refusal += "; ";
      placement.refusal += choice.refusal;
    }
    return placement;
  }

  [[nodiscard]] const CpuDevice& device() const noexcept { return device_; }

 private:
  static simd::Isa isa_of(std::string_view arch) {
    const simd::IsaSet available = simd::available_isas();
    const auto refuse = [&](std::string_view what, std::string_view from) {
      fail(ErrorCode::invalid_argument, from, " asks for the instruction set '", what, "'; available here: ", available.names());
    };
    if (available.size() == 0) {
      fail(ErrorCode::invalid_argument, "this program was compiled for ", simd::name(simd::native_isa),
           ", which this machine does not run");
    }
    if (arch.empty()) {
      const simd::IsaChoice best = simd::best_isa();
      if (best.refused != nullptr) refuse(best.refused, "HONE_FORCE_ARCH");
      return best.isa;
    }
    const std::optional<simd::Isa> isa = simd::parse_isa(arch);
    if (!isa || !available.contains(*isa)) refuse(arch, "the option arch of the CPU provider");
    return *isa;
  }

  CpuDevice device_;
  std::unordered_map<const OpInfo*, std::vector<const KernelEntry<CpuDevice>*>> entries_;
};

}  // namespace hone::inline HONE_ABI
#if !HONE_COMPILED
#define HONE_SINGLE_PROVIDERS_CPU_KERNELS_IMPL_HPP

#define HONE_SINGLE_PROVIDERS_CPU_KERNELS_CONVERSION_IMPL_HPP

#define HONE_SINGLE_KERNELS_CPU_CAST_HPP

#include <system_error>

#define HONE_SINGLE_KERNELS_CPU_NUMBER_CONVERSION_HPP

#define HONE_SINGLE_KERNELS_CPU_SMALL_FLOAT_HPP

namespace hone::inline HONE_ABI {

/// The layout of a float of 8 or 4 bits: sign, exponent, mantissa, from the highest bit down.
/// Source: ONNX "Float stored in 8 bits" and "Float stored in 4 bits"; OCP Microscaling Formats 1.0.
struct SmallFloat {
  int exponent_bits;
  int mantissa_bits;
  int bias;
  std::uint8_t largest;   ///< code of the largest finite number
  std::uint8_t overflow;  ///< code that stands for larger ones unless they saturate, infinity or NaN, without the sign
  std::uint8_t nan;       ///< code of NaN
  bool unsigned_nan;      ///< there is one NaN, and no negative zero

  [[nodiscard]] static constexpr SmallFloat of(DType dtype) noexcept {
    switch (dtype) {
      case DType::float8e4m3fn:
        return {4, 3, 7, 0x7e, 0x7f, 0x7f, false};
      case DType::float8e4m3fnuz:
        return {4, 3, 8, 0x7f, 0x80, 0x80, true};
      case DType::float8e5m2:
        return {5, 2, 15, 0x7b, 0x7c, 0x7e, false};
      case DType::float8e5m2fnuz:
        return {5, 2, 16, 0x7f, 0x80, 0x80, true};
      default:
        return {2, 1, 1, 0x7, 0x7, 0x8, false};  // float4e2m1 has neither infinity nor NaN, which becomes -0
    }
  }

  [[nodiscard]] constexpr float decode(std::uint8_t code) const noexcept {
    const unsigned sign_bit = 1U << (exponent_bits + mantissa_bits);
    const unsigned magnitude = code & (sign_bit - 1);
    const bool negative = (code & sign_bit) != 0;
    if (unsigned_nan ? code == nan : magnitude > largest) {
      if (overflow != nan && magnitude == overflow) return std::bit_cast<float>(negative ? 0xff800000U : 0x7f800000U);
      return std::bit_cast<float>(negative && !unsigned_nan ? 0xffc00000U : 0x7fc00000U);
    }
    const unsigned exponent = magnitude >> mantissa_bits;
    const unsigned fraction = magnitude & ((1U << mantissa_bits) - 1);
    const unsigned digits = exponent == 0 ? fraction : fraction + (1U << mantissa_bits);
    const float value = static_cast<float>(digits) * power(static_cast<int>(exponent == 0 ? 1 : exponent) - bias - mantissa_bits);
    return negative ? -value : value;
  }

  /// The nearest number, ties to even.
  [[nodiscard]] constexpr std::uint8_t encode(float value, bool saturate) const noexcept {
    const auto word = std::bit_cast<std::uint32_t>(value);
    const auto sign = static_cast<std::uint8_t>((word >> 31) << (exponent_bits + mantissa_bits));
    if (value != value) return static_cast<std::uint8_t>(unsigned_nan ? nan : nan | sign);
    const float magnitude = std::bit_cast<float>(word & 0x7fffffffU);
    unsigned code = overflow_code;
    if (magnitude < 65536.0F * 4) {
      const int exponent = static_cast<int>((word >> 23) & 0xff) - 127;
      const int lowest = 1 - bias;
      const int scale = (exponent < lowest ? lowest : exponent) - mantissa_bits;
      // Scaling by a power of two is exact; adding and taking away 1.5 * 2^23 rounds to an integer.
      const float scaled = magnitude * power(-scale);
      const auto digits = static_cast<unsigned>((scaled + 0x1.8p23F) - 0x1.8p23F);
      code = (static_cast<unsigned>(scale + mantissa_bits + bias - 1) << mantissa_bits) + digits;
    }
    if (code > largest) {
      if (!saturate && unsigned_nan) return nan;
      code = saturate ? largest : overflow;
    }
    return static_cast<std::uint8_t>(code == 0 && unsigned_nan ? 0 : code | sign);
  }

 private:
  static constexpr unsigned overflow_code = 0x7fffffff;
  /// 2^exponent. Precondition: that is a normal float.
  static constexpr float power(int exponent) noexcept { return std::bit_cast<float>(static_cast<std::uint32_t>(exponent + 127) << 23); }
};

/// float8e8m0: a power of two, or NaN.
struct PowerOfTwoFloat {
  enum class Rounding : std::uint8_t { up, down, nearest };

  [[nodiscard]] static constexpr float decode(std::uint8_t code) noexcept {
    if (code == 0xff) return std::bit_cast<float>(0x7fc00000U);
    return code == 0 ? 0x1p-127F : std::bit_cast<float>(static_cast<std::uint32_t>(code) << 23);
  }
  /// The exponent field of `value`, plus 1 when it rounds up. Infinity and NaN become NaN; the sign is lost.
  [[nodiscard]] static constexpr std::uint8_t encode(float value, bool saturate, Rounding rounding) noexcept {
    const auto word = std::bit_cast<std::uint32_t>(value);
    std::uint32_t exponent = (word >> 23) & 0xff;
    if (exponent == 0xff) return 0xff;
    const std::uint32_t fraction = word & 0x7fffff;
    constexpr std::uint32_t half = 0x400000;
    bool up = rounding == Rounding::up && fraction != 0;
    if (rounding == Rounding::nearest) up = fraction > half || (fraction == half && exponent > 0);
    if (up && !(saturate && exponent == 0xfe)) ++exponent;
    return static_cast<std::uint8_t>(exponent);
  }
};

}  // namespace hone::inline HONE_ABI

namespace hone::inline HONE_ABI {

/// How numbers meet the limits of 8-bit floats.
struct ConversionOptions {
  bool saturate = true;
  PowerOfTwoFloat::Rounding rounding = PowerOfTwoFloat::Rounding::up;
};

/// True for the integers of all widths and bool.
[[nodiscard]] constexpr bool is_integer_like(DType dtype) noexcept {
  return is_integral(dtype) || dtype == DType::boolean || dtype == DType::int4 || dtype == DType::uint4 || dtype == DType::int2 ||
         dtype == DType::uint2;
}

namespace detail {

/// Element `i` of packed integers of `bits` bits.
[[nodiscard]] inline unsigned packed_bits(const std::uint8_t* data, std::int64_t i, int bits) noexcept {
  const std::int64_t per_byte = 8 / bits;
  return (static_cast<unsigned>(data[i / per_byte]) >> (i % per_byte * bits)) & ((1U << bits) - 1);
}

/// Sets element `i`. Precondition: elements are set in order, from the first one of a byte on.
inline void set_packed_bits(std::uint8_t* data, std::int64_t i, int bits, unsigned value) noexcept {
  const std::int64_t per_byte = 8 / bits;
  std::uint8_t& byte = data[i / per_byte];
  const unsigned shifted = (value & ((1U << bits) - 1)) << (i % per_byte * bits);
  byte = static_cast<std::uint8_t>(i % per_byte == 0 ? shifted : byte | shifted);
}

/// `value` as a float from which rounding to a narrower type gives what rounding `value` itself would: inexact results are odd.
[[nodiscard]] inline float narrowed(float value) noexcept { return value; }
[[nodiscard]] inline float narrowed(double value) noexcept {
  const auto nearest = static_cast<float>(value);
  const auto back = static_cast<double>(nearest);
  if (back == value || value != value || back - back != 0) return nearest;
  auto bits = std::bit_cast<std::uint32_t>(nearest);
  const bool too_large = value > 0 ? back > value : back < value;
  if (too_large) --bits;
  return std::bit_cast<float>(bits | 1U);
}

/// `value` truncated; out of range, it wraps after saturating at a wider type, NaN is any number.
template <class T, class Real>
[[nodiscard]] T truncated(Real value) noexcept {
  if constexpr (sizeof(T) < 4 || std::is_same_v<T, std::int32_t>) {
    // 32 bits hold the result, and vector conversions to them exist everywhere.
    constexpr Real least = std::is_same_v<Real, float> ? Real(-0x1p31) : Real(std::numeric_limits<std::int32_t>::min());
    constexpr Real most = std::is_same_v<Real, float> ? Real(0x1.fffffep30) : Real(std::numeric_limits<std::int32_t>::max());
    value = value > least ? value : least;
    value = value < most ? value : most;
    return static_cast<T>(static_cast<std::int32_t>(value));
  } else if constexpr (std::is_same_v<T, std::uint64_t>) {
    if (value >= Real(0x1p63)) {
      return value < Real(0x1p64) ? static_cast<std::uint64_t>(value - Real(0x1p63)) + (std::uint64_t{1} << 63) : ~std::uint64_t{0};
    }
    return static_cast<std::uint64_t>(ops::saturated_integer(static_cast<double>(value)));
  } else {
    return static_cast<T>(ops::saturated_integer(static_cast<double>(value)));
  }
}

}  // namespace detail

/// to[i] = element first + i of `data` as Pivot, for n elements. Pivot is float, double or int64.
/// Precondition: `from` is a number type; double loads only as double, other real types only as float.
template <class Pivot>
void load_numbers(DType from, const void* data, std::int64_t first, std::int64_t n, Pivot* to) noexcept {
  const auto plain = [&]<class T>(const T*) {
    const T* x = static_cast<const T*>(data) + first;
    for (std::int64_t i = 0; i < n; ++i) to[i] = static_cast<Pivot>(x[i]);
  };
  const auto bytes = [&](auto decode) {
    const auto* x = static_cast<const std::uint8_t*>(data);
    for (std::int64_t i = 0; i < n; ++i) to[i] = static_cast<Pivot>(decode(x, first + i));
  };
  const int bits = bit_width(from);
  switch (from) {
    case DType::boolean:
    case DType::uint8:
      return plain(static_cast<const std::uint8_t*>(nullptr));
    case DType::int8:
      return plain(static_cast<const std::int8_t*>(nullptr));
    case DType::uint16:
      return plain(static_cast<const std::uint16_t*>(nullptr));
    case DType::int16:
      return plain(static_cast<const std::int16_t*>(nullptr));
    case DType::uint32:
      return plain(static_cast<const std::uint32_t*>(nullptr));
    case DType::int32:
      return plain(static_cast<const std::int32_t*>(nullptr));
    case DType::uint64:
      return plain(static_cast<const std::uint64_t*>(nullptr));
    case DType::int64:
      return plain(static_cast<const std::int64_t*>(nullptr));
    case DType::uint4:
    case DType::uint2:
      return bytes([&](const std::uint8_t* x, std::int64_t i) { return detail::packed_bits(x, i, bits); });
    case DType::int4:
    case DType::int2:
      return bytes([&](const std::uint8_t* x, std::int64_t i) {
        const auto value = static_cast<int>(detail::packed_bits(x, i, bits));
        return value >> (bits - 1) != 0 ? value - (1 << bits) : value;
      });
    default:
      break;
  }
  if constexpr (std::is_same_v<Pivot, double>) {
    plain(static_cast<const double*>(nullptr));
  } else if constexpr (std::is_same_v<Pivot, float>) {
    switch (from) {
      case DType::float32:
        return plain(static_cast<const float*>(nullptr));
      case DType::float16:
        return plain(static_cast<const Half*>(nullptr));
      case DType::bfloat16:
        return plain(static_cast<const BFloat16*>(nullptr));
      case DType::float8e8m0:
        return bytes([](const std::uint8_t* x, std::int64_t i) { return PowerOfTwoFloat::decode(x[i]); });
      case DType::float4e2m1:
        return bytes([](const std::uint8_t* x, std::int64_t i) {
          return SmallFloat::of(DType::float4e2m1).decode(static_cast<std::uint8_t>(detail::packed_bits(x, i, 4)));
        });
      default: {
        const SmallFloat format = SmallFloat::of(from);
        return bytes([format](const std::uint8_t* x, std::int64_t i) { return format.decode(x[i]); });
      }
    }
  }
}

/// Element first + i of `data` = from[i], for n elements. Precondition: as for load_numbers; `first` starts a byte.
template <class Pivot>
void store_numbers(DType to, void* data, std::int64_t first, std::int64_t n, const Pivot* from, const ConversionOptions& options) noexcept {
  const auto integers = [&]<class T>(T* y) {
    y = static_cast<T*>(data) + first;
    for (std::int64_t i = 0; i < n; ++i) {
      if constexpr (std::is_same_v<Pivot, std::int64_t>) {
        y[i] = static_cast<T>(from[i]);
      } else {
        y[i] = detail::truncated<T>(from[i]);
      }
    }
  };
  const auto bits = [&](int width) {
    auto* y = static_cast<std::uint8_t*>(data);
    for (std::int64_t i = 0; i < n; ++i) {
      if constexpr (std::is_same_v<Pivot, std::int64_t>) {
        detail::set_packed_bits(y, first + i, width, static_cast<unsigned>(from[i]));
      } else {
        detail::set_packed_bits(y, first + i, width, static_cast<unsigned>(detail::truncated<std::int32_t>(from[i])));
      }
    }
  };
  switch (to) {
    case DType::boolean: {
      bool* y = static_cast<bool*>(data) + first;
      for (std::int64_t i = 0; i < n; ++i) y[i] = from[i] != 0;
      return;
    }
    case DType::uint8:
      return integers(static_cast<std::uint8_t*>(nullptr));
    case DType::int8:
      return integers(static_cast<std::int8_t*>(nullptr));
    case DType::uint16:
      return integers(static_cast<std::uint16_t*>(nullptr));
    case DType::int16:
      return integers(static_cast<std::int16_t*>(nullptr));
    case DType::uint32:
      return integers(static_cast<std::uint32_t*>(nullptr));
    case DType::int32:
      return integers(static_cast<std::int32_t*>(nullptr));
    case DType::uint64:
      return integers(static_cast<std::uint64_t*>(nullptr));
    case DType::int64:
      return integers(static_cast<std::int64_t*>(nullptr));
    case DType::uint4:
    case DType::int4:
      return bits(4);
    case DType::uint2:
    case DType::int2:
      return bits(2);
    default:
      break;
  }
  if constexpr (!std::is_same_v<Pivot, std::int64_t>) {
    const auto reals = [&]<class T>(T* y, auto convert) {
      y = static_cast<T*>(data) + first;
      for (std::int64_t i = 0; i < n; ++i) y[i] = convert(from[i]);
    };
    const ConversionOptions o = options;
    switch (to) {
      case DType::float32:
        return reals(static_cast<float*>(nullptr), [](Pivot x) { return static_cast<float>(x); });
      case DType::float64:
        return reals(static_cast<double*>(nullptr), [](Pivot x) { return static_cast<double>(x); });
      case DType::float16:
        return reals(static_cast<Half*>(nullptr), [](Pivot x) { return Half(detail::narrowed(x)); });
      case DType::bfloat16:
        return reals(static_cast<BFloat16*>(nullptr), [](Pivot x) { return BFloat16(detail::narrowed(x)); });
      case DType::float8e8m0:
        return reals(static_cast<std::uint8_t*>(nullptr),
                     [o](Pivot x) { return PowerOfTwoFloat::encode(detail::narrowed(x), o.saturate, o.rounding); });
      case DType::float4e2m1: {
        auto* y = static_cast<std::uint8_t*>(data);
        const SmallFloat format = SmallFloat::of(to);
        for (std::int64_t i = 0; i < n; ++i) detail::set_packed_bits(y, first + i, 4, format.encode(detail::narrowed(from[i]), true));
        return;
      }
      default: {
        const SmallFloat format = SmallFloat::of(to);
        return reals(static_cast<std::uint8_t*>(nullptr), [=](Pivot x) { return format.encode(detail::narrowed(x), o.saturate); });
      }
    }
  }
}

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_KERNELS_CPU_STRIDED_COPY_HPP

#define HONE_SINGLE_KERNELS_CPU_ELEMENT_MOVER_HPP

namespace hone::inline HONE_ABI {

/// Bytes that one thread moves at a time: enough to pay for waking it.
inline constexpr std::int64_t copy_block_bytes = 64 * 1024;

/// Copies and repeats elements of a type that is known at run time alone: bytes of any size, or strings. Pointers are to bytes, counts and
/// offsets in elements. Kernels that move elements drive it instead of being templates on types.
class ElementMover {
 public:
  /// Precondition: support(dtype).
  explicit ElementMover(DType dtype) noexcept : size_(static_cast<std::int64_t>(element_size(dtype))), strings_(dtype == DType::string) {}

  /// Elements that share a byte cannot be moved one by one.
  static Support support(DType dtype) {
    return element_size(dtype) != 0 ? Support::yes() : Support::no("no kernel for elements of type ", hone::name(dtype));
  }

  /// Bytes of an element.
  [[nodiscard]] std::int64_t size() const noexcept { return size_; }
  [[nodiscard]] bool strings() const noexcept { return strings_; }
  [[nodiscard]] const std::byte* at(const void* data, std::int64_t i) const noexcept {
    return static_cast<const std::byte*>(data) + i * size_;
  }
  [[nodiscard]] std::byte* at(void* data, std::int64_t i) const noexcept { return static_cast<std::byte*>(data) + i * size_; }
  /// Elements that are worth a thread, at least 1.
  [[nodiscard]] std::int64_t block() const noexcept { return std::max<std::int64_t>(copy_block_bytes / size_, 1); }

  /// Returns the end of the copies. Precondition: the two do not overlap.
  std::byte* copy(const std::byte* from, std::int64_t n, std::byte* to) const {
    if (n == 1) {
      copy_one(from, to);
    } else if (strings_) {
      copy_strings(from, n, to);
    } else if (n != 0) {
      std::memcpy(to, from, static_cast<std::size_t>(n * size_));
    }
    return to + n * size_;
  }

  /// n times the element at `value`, or zeros, or empty strings, when it is null. Returns their end.
  std::byte* fill(std::byte* to, std::int64_t n, const std::byte* value) const {
    if (n == 0) return to;
    const auto bytes = static_cast<std::size_t>(n * size_);
    if (strings_) {
      fill_strings(to, n, value);
    } else if (value == nullptr) {
      std::memset(to, 0, bytes);
    } else {
      copy_one(value, to);
      for (std::size_t done = static_cast<std::size_t>(size_), more = 0; done < bytes; done += more) {
        more = std::min(done, bytes - done);
        std::memcpy(to + done, to, more);
      }
    }
    return to + bytes;
  }

 private:
  void copy_one(const std::byte* from, std::byte* to) const {
    switch (size_) {
      case 1:
        *to = *from;
        return;
      case 2:
        std::memcpy(to, from, 2);
        return;
      case 4:
        std::memcpy(to, from, 4);
        return;
      case 8:
        std::memcpy(to, from, 8);
        return;
      default:
        if (strings_) return copy_strings(from, 1, to);
        std::memcpy(to, from, static_cast<std::size_t>(size_));
    }
  }
  HONE_COLD static void copy_strings(const std::byte* from, std::int64_t n, std::byte* to) {
    std::copy_n(reinterpret_cast<const std::string*>(from), n, reinterpret_cast<std::string*>(to));
  }
  HONE_COLD static void fill_strings(std::byte* to, std::int64_t n, const std::byte* value) {
    std::fill_n(reinterpret_cast<std::string*>(to), n, value != nullptr ? *reinterpret_cast<const std::string*>(value) : std::string());
  }

  std::int64_t size_;
  bool strings_;
};

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_KERNELS_CPU_STRIDED_BOX_HPP

namespace hone::inline HONE_ABI {

/// The sizes of a box of elements and, for each of N arrays, the distance in elements between neighbours along each dimension:
/// 0 broadcasts, negative ones run backwards. Dimensions are merged as they are added, so that rows get long.
template <std::size_t N>
class StridedBox {
 public:
  using Offsets = std::array<std::int64_t, N>;

  /// Adds a dimension inside the ones so far. Precondition: at most 2 * Shape::max_rank calls.
  void push_back(std::int64_t size, const Offsets& strides) noexcept {
    elements_ *= size;
    if (size == 1) return;
    if (rank_ > 0 && extends(strides, size)) {
      sizes_[rank_ - 1] *= size;
      strides_[rank_ - 1] = strides;
      return;
    }
    sizes_[rank_] = size;
    strides_[rank_] = strides;
    ++rank_;
  }

  /// Makes a dimension the innermost one; the order of the others stays. Which element lies where does not change.
  void move_inside(std::size_t dim) noexcept {
    std::rotate(sizes_.begin() + dim, sizes_.begin() + dim + 1, sizes_.begin() + rank_);
    std::rotate(strides_.begin() + dim, strides_.begin() + dim + 1, strides_.begin() + rank_);
  }

  [[nodiscard]] std::size_t rank() const noexcept { return rank_; }
  [[nodiscard]] std::int64_t elements() const noexcept { return elements_; }
  [[nodiscard]] std::int64_t size(std::size_t dim) const noexcept { return sizes_[dim]; }
  [[nodiscard]] const Offsets& strides(std::size_t dim) const noexcept { return strides_[dim]; }

  /// Length of the innermost dimension, 1 when there is none.
  [[nodiscard]] std::int64_t row_size() const noexcept { return rank_ > 0 ? sizes_[rank_ - 1] : 1; }
  [[nodiscard]] Offsets row_strides() const noexcept { return rank_ > 0 ? strides_[rank_ - 1] : Offsets{}; }
  /// Number of rows: the product of all dimensions but the innermost one.
  [[nodiscard]] std::int64_t rows() const noexcept {
    std::int64_t product = 1;
    for (std::size_t d = 0; d + 1 < rank_; ++d) product *= sizes_[d];
    return product;
  }

  /// body(offsets of the first element) for the rows [begin, end).
  void for_rows(std::int64_t begin, std::int64_t end, FunctionRef<void(const Offsets&)> body) const {
    const std::size_t outer = rank_ > 0 ? rank_ - 1 : 0;
    std::array<std::int64_t, 2 * Shape::max_rank> at{};
    Offsets offsets{};
    std::int64_t rest = begin;
    for (std::size_t d = outer; d-- > 0;) {
      at[d] = rest % sizes_[d];
      rest /= sizes_[d];
      for (std::size_t a = 0; a < N; ++a) offsets[a] += at[d] * strides_[d][a];
    }
    for (std::int64_t row = begin; row < end; ++row) {
      body(offsets);
      for (std::size_t d = outer; d-- > 0;) {
        for (std::size_t a = 0; a < N; ++a) offsets[a] += strides_[d][a];
        if (++at[d] < sizes_[d]) break;
        for (std::size_t a = 0; a < N; ++a) offsets[a] -= sizes_[d] * strides_[d][a];
        at[d] = 0;
      }
    }
  }

 private:
  [[nodiscard]] bool extends(const Offsets& strides, std::int64_t size) const noexcept {
    for (std::size_t a = 0; a < N; ++a)
      if (strides_[rank_ - 1][a] != strides[a] * size) return false;
    return true;
  }

  std::size_t rank_ = 0;
  std::int64_t elements_ = 1;
  std::array<std::int64_t, 2 * Shape::max_rank> sizes_{};
  std::array<Offsets, 2 * Shape::max_rank> strides_{};
};

/// The stride in elements of dimension `d` of `to` in a dense tensor of shape `from`, which is broadcast to `to`.
[[nodiscard]] inline std::int64_t broadcast_stride(const Shape& from, const Shape& to, std::size_t d) noexcept {
  const std::size_t missing = to.rank() - from.rank();
  return d < missing || from[d - missing] == 1 ? 0 : from.stride(d - missing);
}

}  // namespace hone::inline HONE_ABI

namespace hone::inline HONE_ABI {

/// Elements of T in a block, at least 1.
template <class T>
inline constexpr std::int64_t copy_block = copy_block_bytes / static_cast<std::int64_t>(sizeof(T));

/// to[i * to_stride] = from[i * from_stride] for i in [0, n).
template <class T>
void copy_row(const T* from, std::int64_t from_stride, T* to, std::int64_t to_stride, std::int64_t n) {
  if (to_stride == 1 && from_stride == 1) {
    std::copy_n(from, n, to);
  } else if (to_stride == 1 && from_stride == 0) {
    std::fill_n(to, n, *from);
  } else if (to_stride == 1) {
    for (std::int64_t i = 0; i < n; ++i) to[i] = from[i * from_stride];
  } else {
    for (std::int64_t i = 0; i < n; ++i) to[i * to_stride] = from[i * from_stride];
  }
}

namespace detail {

/// A box whose rows are dense in the destination and whose source is dense along another dimension: a stack of matrix transposes.
struct TransposePlan {
  StridedBox<2> stack;
  std::int64_t columns = 0;      ///< along which the source is dense
  std::int64_t rows = 0;         ///< along which the destination is dense
  std::int64_t from_stride = 0;  ///< from one row of the source to the next
  std::int64_t to_stride = 0;    ///< from one column to the next in the destination
};

inline bool plan_transpose(const StridedBox<2>& box, TransposePlan& plan) {
  if (box.rank() < 2 || box.row_strides()[1] != 1 || box.row_strides()[0] == 1 || box.row_size() < 4) return false;
  const std::size_t inner = box.rank() - 1;
  std::size_t dense = inner;
  for (std::size_t d = 0; d < inner; ++d)
    if (box.strides(d)[0] == 1 && box.size(d) >= 4) dense = d;
  if (dense == inner) return false;
  for (std::size_t d = 0; d < inner; ++d)
    if (d != dense) plan.stack.push_back(box.size(d), box.strides(d));
  plan.columns = box.size(dense);
  plan.rows = box.row_size();
  plan.from_stride = box.row_strides()[0];
  plan.to_stride = box.strides(dense)[1];
  return true;
}

/// to[c * to_stride + r] = from[r * from_stride + c] for r < rows and c < columns.
template <class T>
void transpose_tile(const T* HONE_RESTRICT from, std::int64_t from_stride, T* HONE_RESTRICT to, std::int64_t to_stride, std::int64_t rows,
                    std::int64_t columns) {
  // 8 x 8 at a time: the 8 cache lines on either side fit any L1, whatever the strides.
  constexpr std::int64_t edge = 8;
  std::int64_t r = 0;
  for (; r + edge <= rows; r += edge) {
    std::int64_t c = 0;
    for (; c + edge <= columns; c += edge) {
      for (std::int64_t i = 0; i < edge; ++i)
        for (std::int64_t j = 0; j < edge; ++j) to[(c + i) * to_stride + r + j] = from[(r + j) * from_stride + c + i];
    }
    for (; c < columns; ++c)
      for (std::int64_t j = 0; j < edge; ++j) to[c * to_stride + r + j] = from[(r + j) * from_stride + c];
  }
  for (std::int64_t c = 0; c < columns; ++c)
    for (std::int64_t j = r; j < rows; ++j) to[c * to_stride + j] = from[j * from_stride + c];
}

template <class T>
void transpose_copy(const Context& c, const TransposePlan& plan, const T* from, T* to) {
  // A task is a strip as wide as two cache lines of the source, which processors fetch together, so that each is read once.
  constexpr std::int64_t width = std::max<std::int64_t>(128 / static_cast<std::int64_t>(sizeof(T)), 8);
  constexpr std::int64_t height = 32;
  const std::int64_t strips = (plan.columns + width - 1) / width;
  const std::int64_t matrices = plan.stack.elements();
  const std::int64_t per_strip = std::max<std::int64_t>(plan.rows * std::min(width, plan.columns), 1);
  c.parallel_for(matrices * strips, std::max<std::int64_t>(copy_block<T> / per_strip, 1), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t matrix = task / strips;
      const std::int64_t column = task % strips * width;
      const std::int64_t columns = std::min(width, plan.columns - column);
      const std::int64_t row_in_stack = matrix / plan.stack.row_size();
      const std::int64_t along = matrix % plan.stack.row_size();
      plan.stack.for_rows(row_in_stack, row_in_stack + 1, [&](const auto& offsets) {
        const T* source = from + offsets[0] + along * plan.stack.row_strides()[0] + column;
        T* target = to + offsets[1] + along * plan.stack.row_strides()[1] + column * plan.to_stride;
        for (std::int64_t r = 0; r < plan.rows; r += height) {
          transpose_tile(source + r * plan.from_stride, plan.from_stride, target + r, plan.to_stride, std::min(height, plan.rows - r),
                         columns);
        }
      });
    }
  });
}

}  // namespace detail

/// The same box with the nearest long dimension innermost where the innermost one is short.
template <std::size_t N>
[[nodiscard]] StridedBox<N> with_long_rows(const StridedBox<N>& box) noexcept {
  constexpr std::int64_t long_enough = 8;
  StridedBox<N> result = box;
  if (box.row_size() >= long_enough) return result;
  for (std::size_t d = box.rank(); d-- > 0;) {
    if (box.size(d) < long_enough) continue;
    result.move_inside(d);
    break;
  }
  return result;
}

/// Copies the elements of a box: array 0 is the source, array 1 the destination. Runs on the threads of `c`.
/// Precondition: the two do not overlap, and no two elements of the box have the same place in the destination.
template <class T>
void strided_copy(const Context& c, const StridedBox<2>& elements, const T* from, T* to) {
  if (elements.elements() == 0) return;
  detail::TransposePlan plan;
  if (detail::plan_transpose(elements, plan)) return detail::transpose_copy(c, plan, from, to);
  const StridedBox<2> box = with_long_rows(elements);
  const std::int64_t size = box.row_size();
  const std::int64_t from_stride = box.row_strides()[0];
  const std::int64_t to_stride = box.row_strides()[1];
  const std::int64_t chunk = std::min(size, copy_block<T>);
  const std::int64_t chunks = (size + chunk - 1) / chunk;
  if (chunks == 1) {
    c.parallel_for(box.rows(), std::max<std::int64_t>(copy_block<T> / size, 1), [&](std::int64_t begin, std::int64_t end) {
      box.for_rows(begin, end, [&](const auto& at) { copy_row(from + at[0], from_stride, to + at[1], to_stride, size); });
    });
    return;
  }
  c.parallel_for(box.rows() * chunks, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t first = task % chunks * chunk;
      box.for_rows(task / chunks, task / chunks + 1, [&](const auto& at) {
        copy_row(from + at[0] + first * from_stride, from_stride, to + at[1] + first * to_stride, to_stride, std::min(chunk, size - first));
      });
    }
  });
}

/// The same for a box of elements of any type, from element `from_first` of one tensor on, to element `to_first` of another one.
/// Precondition: ElementMover::support(from.dtype).
inline void strided_copy(const Context& c, const StridedBox<2>& elements, const TensorRef& from, std::int64_t from_first,
                         const TensorRef& to, std::int64_t to_first) {
  const auto as = [&]<class T>(const T*) { strided_copy(c, elements, from.as<const T>() + from_first, to.as<T>() + to_first); };
  if (from.dtype == DType::string) return as(static_cast<const std::string*>(nullptr));
  switch (element_size(from.dtype)) {
    case 1:
      return as(static_cast<const Bytes<1>*>(nullptr));
    case 2:
      return as(static_cast<const Bytes<2>*>(nullptr));
    case 4:
      return as(static_cast<const Bytes<4>*>(nullptr));
    case 8:
      return as(static_cast<const Bytes<8>*>(nullptr));
    default:
      return as(static_cast<const Bytes<16>*>(nullptr));
  }
}

/// Copies a tensor of any element type to another one of the same type and number of elements; nothing when they are in the same memory.
inline void copy_tensor(const Context& c, const TensorRef& from, const TensorRef& to) {
  if (from.data == to.data) return;
  if (from.dtype == DType::string) {
    std::copy_n(from.as<const std::string>(), from.elements(), to.as<std::string>());
    return;
  }
  const auto bytes = static_cast<std::int64_t>(from.bytes());
  c.parallel_for(bytes, copy_block_bytes, [&](std::int64_t begin, std::int64_t end) {
    std::memcpy(to.as<std::byte>() + begin, from.as<const std::byte>() + begin, static_cast<std::size_t>(end - begin));
  });
}

}  // namespace hone::inline HONE_ABI

namespace hone::inline HONE_ABI {

namespace detail {

/// Reads a decimal number, or INF or NaN in any case. False when `text` is something else.
template <class Real>
[[nodiscard]] bool parse_real(std::string_view text, Real& value) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t' || text.front() == '\n')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\n')) text.remove_suffix(1);
  if (text.starts_with('+')) text.remove_prefix(1);
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (stop != end || text.empty()) return false;
  if (error == std::errc::result_out_of_range) {
    const bool tiny = text.find("e-") != std::string_view::npos || text.find("E-") != std::string_view::npos;
    const Real magnitude = tiny ? Real(0) : std::numeric_limits<Real>::infinity();
    value = text.front() == '-' ? -magnitude : magnitude;
    return true;
  }
  return error == std::errc();
}

/// Reads an integer; a real number is truncated.
[[nodiscard]] inline bool parse_integer(std::string_view text, bool is_unsigned, std::int64_t& value) {
  const char* end = text.data() + text.size();
  std::uint64_t magnitude = 0;
  const auto [stop, error] = is_unsigned ? std::from_chars(text.data(), end, magnitude) : std::from_chars(text.data(), end, value);
  if (stop == end && error == std::errc() && !text.empty()) {
    if (is_unsigned) value = static_cast<std::int64_t>(magnitude);
    return true;
  }
  double real = 0;
  if (!parse_real(text, real)) return false;
  value = is_unsigned ? static_cast<std::int64_t>(truncated<std::uint64_t>(real)) : ops::saturated_integer(real);
  return true;
}

template <class Number>
void print_number(Number value, std::string& to) {
  if constexpr (std::is_floating_point_v<Number>) {
    if (value != value) return void(to = "NaN");
    if (std::isinf(value)) return void(to = value > 0 ? "INF" : "-INF");
  }
  char digits[64];
  to.assign(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

}  // namespace detail

/// Converts through an intermediate type that holds the source exactly, a block at a time, instead of one loop per pair of types.
class CastKernel {
 public:
  CastKernel(bool saturate, ops::Cast::Rounding rounding) : options_{saturate, static_cast<PowerOfTwoFloat::Rounding>(rounding)} {}

  static Support supports(const NodeView& node) {
    for (const DType dtype : {node.input_dtype(0), node.output_dtype(0)}) {
      if (dtype == DType::complex64 || dtype == DType::complex128 || dtype == DType::undefined) {
        return Support::no("there are no conversions of ", hone::name(dtype));
      }
    }
    return Support::yes();
  }

  void run(Context& c) const {
    const TensorRef& from = c.input(0);
    const TensorRef& to = c.output(0);
    if (from.dtype == to.dtype) return copy_tensor(c, from, to);
    if (from.dtype == DType::string) {
      const bool whole = is_integer_like(to.dtype);
      return to.dtype == DType::float64 ? parse<double>(c) : whole ? parse<std::int64_t>(c) : parse<float>(c);
    }
    const bool to_integer = is_integer_like(to.dtype);
    const bool from_integer = is_integer_like(from.dtype);
    const bool print = to.dtype == DType::string;
    if (from.dtype == DType::float64 || (from_integer && to.dtype == DType::float64)) return convert<double>(c);
    return from_integer && (to_integer || print) ? convert<std::int64_t>(c) : convert<float>(c);
  }

 private:
  static constexpr std::int64_t block = 512;  // elements; a multiple of what a byte can pack

  template <class Pivot>
  void convert(Context& c) const {
    const TensorRef from = c.input(0);
    const TensorRef to = c.output(0);
    const bool large = from.dtype == DType::uint64;
    c.parallel_for(from.elements(), 32 * block, [&](std::int64_t begin, std::int64_t end) {
      Pivot pivot[block];
      for (std::int64_t i = begin; i < end; i += block) {
        const std::int64_t n = std::min(block, end - i);
        load_numbers(from.dtype, from.data, i, n, pivot);
        if (to.dtype == DType::string) {
          print(pivot, large, n, to.as<std::string>() + i);
        } else {
          store_numbers(to.dtype, to.data, i, n, pivot, options_);
        }
      }
    });
  }

  template <class Pivot>
  static void print(const Pivot* from, bool large, std::int64_t n, std::string* to) {
    for (std::int64_t i = 0; i < n; ++i) {
      if (std::is_same_v<Pivot, std::int64_t> && large) {
        detail::print_number(static_cast<std::uint64_t>(from[i]), to[i]);
      } else {
        detail::print_number(from[i], to[i]);
      }
    }
  }

  template <class Pivot>
  void parse(Context& c) const {
    const std::string* from = c.in<std::string>(0);
    const TensorRef& to = c.output(0);
    Pivot pivot[block];
    const std::int64_t elements = to.elements();
    for (std::int64_t i = 0; i < elements; i += block) {
      const std::int64_t n = std::min(block, elements - i);
      for (std::int64_t j = 0; j < n; ++j) {
        bool good;
        if constexpr (std::is_same_v<Pivot, std::int64_t>) {
          good = detail::parse_integer(from[i + j], to.dtype == DType::uint64, pivot[j]);
        } else {
          good = detail::parse_real(from[i + j], pivot[j]);
        }
        if (!good) return c.fail("element ", i + j, ", '", from[i + j], "', is not a number");
      }
      store_numbers(to.dtype, to.data, i, n, pivot, options_);
    }
  }

  ConversionOptions options_;
};

template <>
class Kernel<ops::Cast, Cpu> : public CastKernel {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : CastKernel(node.op<ops::Cast>().saturate, node.op<ops::Cast>().rounding) {}
};

template <>
class Kernel<ops::CastLike, Cpu> : public CastKernel {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : CastKernel(node.op<ops::CastLike>().saturate, node.op<ops::CastLike>().rounding) {}
};

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_KERNELS_CPU_RESIZE_HPP

#define HONE_SINGLE_KERNELS_CPU_RESAMPLING_HPP

namespace hone::inline HONE_ABI {

/// Where element `i` of a resampled axis lies on the original one. Computed in float, as the implementations are whose rounding of
/// ties models have been checked against.
[[nodiscard]] inline float source_coordinate(ops::Resize::Coordinates mode, const ops::Resize::Axis& axis, std::int64_t i) noexcept {
  using Coordinates = ops::Resize::Coordinates;
  const auto at = static_cast<float>(i);
  const auto in = static_cast<float>(axis.in);
  switch (mode) {
    case Coordinates::half_pixel:
      break;
    case Coordinates::half_pixel_symmetric: {
      const float adjustment = static_cast<float>(axis.out) / axis.length;
      return in / 2 * (1 - adjustment) + (at + 0.5F) / axis.scale - 0.5F;
    }
    case Coordinates::pytorch_half_pixel:
      return axis.out > 1 ? (at + 0.5F) / axis.scale - 0.5F : 0;
    case Coordinates::align_corners:
      return axis.length == 1 ? 0 : at * (in - 1) / (axis.length - 1);
    case Coordinates::asymmetric:
      return at / axis.scale;
    case Coordinates::tf_crop_and_resize: {
      const float extent = axis.roi_end - axis.roi_start;
      if (axis.length == 1) return 0.5F * (axis.roi_start + axis.roi_end) * (in - 1);
      return axis.roi_start * (in - 1) + at * extent * (in - 1) / (axis.length - 1);
    }
    case Coordinates::tf_half_pixel_for_nn:
      return (at + 0.5F) / axis.scale;
  }
  return (at + 0.5F) / axis.scale - 0.5F;
}

/// True when tf_crop_and_resize takes the extrapolation value there.
[[nodiscard]] inline bool extrapolates(ops::Resize::Coordinates mode, const ops::Resize::Axis& axis, float x) noexcept {
  return mode == ops::Resize::Coordinates::tf_crop_and_resize && !(x >= 0 && x <= static_cast<float>(axis.in - 1));
}

/// The element of the original axis that is nearest to x.
[[nodiscard]] inline std::int64_t nearest_element(ops::Resize::Nearest mode, const ops::Resize::Axis& axis, float x) noexcept {
  using Nearest = ops::Resize::Nearest;
  const float below = std::floor(x);
  float chosen = below;
  switch (mode) {
    case Nearest::round_prefer_floor:
      chosen = x - below > 0.5F ? below + 1 : below;
      break;
    case Nearest::round_prefer_ceil:
      chosen = x - below >= 0.5F ? below + 1 : below;
      break;
    case Nearest::floor:
      break;
    case Nearest::ceil:
      chosen = std::ceil(x);
      break;
    case Nearest::simple:
      chosen = axis.scale < 1 ? std::ceil(x) : below;
      break;
  }
  const auto last = static_cast<float>(axis.in - 1);
  return static_cast<std::int64_t>(chosen > 0 ? std::min(chosen, last) : 0);
}

/// For each element of a resampled axis, the elements of the original one that it is a weighted sum of.
template <class Real>
struct WeightTable {
  std::int64_t taps = 0;            ///< terms of each sum
  Real* weights = nullptr;          ///< (out, taps)
  std::int64_t* sources = nullptr;  ///< (out, taps); -1 in the first one stands for the extrapolation value

  /// How far the filter reaches to the left of a coordinate, in elements, as a negative number.
  [[nodiscard]] static std::int64_t reach(const ops::Resize& op, float scale) noexcept {
    const float radius = op.mode == ops::Resize::Mode::cubic ? 2 : 1;
    const float shrink = op.antialias ? std::min(scale, 1.0F) : 1.0F;
    return static_cast<std::int64_t>(std::floor(-radius / shrink)) + 1;
  }
  [[nodiscard]] static std::int64_t taps_of(const ops::Resize& op, const ops::Resize::Axis& axis) noexcept {
    return 2 - 2 * reach(op, axis.scale);
  }
  /// Bytes of the table of one axis. Precondition: the axis has elements.
  [[nodiscard]] static std::size_t bytes(const ops::Resize& op, const ops::Resize::Axis& axis) noexcept {
    const auto entries = static_cast<std::size_t>(axis.out * taps_of(op, axis));
    return align_up(entries * sizeof(Real)) + align_up(entries * sizeof(std::int64_t));
  }

  /// Fills the table. `memory` has bytes() bytes.
  void fill(const ops::Resize& op, const ops::Resize::Axis& axis, std::byte* memory) noexcept {
    const std::int64_t first = reach(op, axis.scale);
    taps = taps_of(op, axis);
    weights = reinterpret_cast<Real*>(memory);
    sources = reinterpret_cast<std::int64_t*>(memory + align_up(static_cast<std::size_t>(axis.out * taps) * sizeof(Real)));
    const Real shrink = op.antialias ? std::min(static_cast<Real>(axis.scale), Real(1)) : Real(1);
    for (std::int64_t i = 0; i < axis.out; ++i) {
      Real* weight = weights + i * taps;
      std::int64_t* source = sources + i * taps;
      const float x = source_coordinate(op.coordinates, axis, i);
      if (extrapolates(op.coordinates, axis, x)) {
        source[0] = -1;
        continue;
      }
      const float floor = std::floor(std::clamp(x, -0x1p60F, 0x1p60F));
      const auto ratio = static_cast<Real>(x - floor);
      Real sum = 0;
      for (std::int64_t t = 0; t < taps; ++t) {
        const std::int64_t element = static_cast<std::int64_t>(floor) + first + t;
        const bool outside = element < 0 || element >= axis.in;
        const Real distance = (static_cast<Real>(first + t) - ratio) * shrink;
        weight[t] = outside && op.exclude_outside ? 0 : filter(op, distance);
        source[t] = std::clamp<std::int64_t>(element, 0, axis.in - 1);
        sum += weight[t];
      }
      // Without antialiasing the weights of a full window add up to 1 already.
      if (!op.antialias && !op.exclude_outside) continue;
      for (std::int64_t t = 0; t < taps && sum != 0; ++t) weight[t] /= sum;
    }
  }

 private:
  [[nodiscard]] static Real filter(const ops::Resize& op, Real distance) noexcept {
    const Real d = std::abs(distance);
    if (op.mode == ops::Resize::Mode::linear) return d < 1 ? 1 - d : 0;
    // Keys, "Cubic convolution interpolation for digital image processing", 1981, equation (4).
    const auto a = static_cast<Real>(op.cubic_coeff_a);
    if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
    return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
  }
};

}  // namespace hone::inline HONE_ABI

namespace hone::inline HONE_ABI {

namespace detail {

inline ops::Resize::Resampling resampling(const ops::Resize& op, const Context& c) {
  const auto given = [&](std::size_t i) { return c.has_input(i) && c.input(i).elements() > 0 ? &c.input(i) : nullptr; };
  return op.resolve(c.input(0).shape, op.inputs_of(given));
}

/// y[i] = x[offsets[i]] for elements of type T, or `outside` where the offset is negative.
template <class T>
void copy_nearest(const void* from, const std::int64_t* offsets, std::int64_t n, const void* outside, void* to) {
  const T* x = static_cast<const T*>(from);
  T* y = static_cast<T*>(to);
  for (std::int64_t i = 0; i < n; ++i) y[i] = offsets[i] < 0 ? *static_cast<const T*>(outside) : x[offsets[i]];
}

using CopyNearest = void (*)(const void* from, const std::int64_t* offsets, std::int64_t n, const void* outside, void* to);

inline CopyNearest copy_nearest_of(DType dtype) noexcept {
  if (dtype == DType::string) return &copy_nearest<std::string>;
  switch (element_size(dtype)) {
    case 1:
      return &copy_nearest<Bytes<1>>;
    case 2:
      return &copy_nearest<Bytes<2>>;
    case 4:
      return &copy_nearest<Bytes<4>>;
    case 8:
      return &copy_nearest<Bytes<8>>;
    default:
      return &copy_nearest<Bytes<16>>;
  }
}

/// Moves the nearest elements.
class NearestResize {
 public:
  NearestResize(const ops::Resize& op, DType dtype) : op_(op), mover_(dtype), copy_(copy_nearest_of(dtype)) {
    const float value = op.extrapolation_value;
    if (dtype == DType::float64) {
      const auto wide = static_cast<double>(value);
      store_numbers(dtype, outside_, 0, 1, &wide, {});
    } else if (dtype != DType::complex64 && dtype != DType::complex128 && dtype != DType::string) {
      store_numbers(dtype, outside_, 0, 1, &value, {});
    }
  }

  [[nodiscard]] std::size_t workspace(const Context& c) const {
    std::size_t entries = 0;
    for (const std::int64_t dim : c.output(0).shape) entries += static_cast<std::size_t>(dim);
    return entries * sizeof(std::int64_t);
  }

  void run(Context& c) const {
    const Shape& from = c.input(0).shape;
    const Shape& to = c.output(0).shape;
    if (to.elements() == 0) return;
    const ops::Resize::Resampling axes = resampling(op_, c);
    // For each index of y along each axis, the offset in x, or -1.
    std::array<const std::int64_t*, Shape::max_rank> offsets{};
    auto* memory = reinterpret_cast<std::int64_t*>(c.workspace());
    std::size_t resized = 0;
    for (std::size_t d = 0; d < to.rank(); ++d) {
      offsets[d] = memory;
      for (std::int64_t i = 0; i < to[d]; ++i) *memory++ = axes[d].resized ? source(axes[d], i, from.stride(d)) : i * from.stride(d);
      if (axes[d].resized) resized = d + 1;
    }
    if (resized == 0) return copy_tensor(c, c.input(0), c.output(0));
    const std::size_t last = resized - 1;
    const std::int64_t block = to.stride(last);
    const std::int64_t row = to[last] * block;
    const void* x = c.input(0).data;
    const std::string nothing;
    const auto* outside = mover_.strings() ? reinterpret_cast<const std::byte*>(&nothing) : outside_;
    c.parallel_for(to.elements(0, last), std::max<std::int64_t>(mover_.block() / row, 1), [&](std::int64_t begin, std::int64_t end) {
      std::int64_t previous = -1;
      for (std::int64_t r = begin; r < end; ++r) {
        std::int64_t base = 0;
        bool inside = true;
        std::int64_t rest = r;
        for (std::size_t d = last; d-- > 0; rest /= to[d]) {
          const std::int64_t offset = offsets[d][rest % to[d]];
          inside = inside && offset >= 0;
          base += offset;
        }
        std::byte* target = mover_.at(c.output(0).data, r * row);
        if (!inside) {
          mover_.fill(target, row, outside);
          previous = -1;
        } else if (base == previous) {
          mover_.copy(target - row * mover_.size(), row, target);
        } else {
          copy_row(mover_.at(x, base), offsets[last], to[last], block, outside, target);
          previous = base;
        }
      }
    });
  }

 private:
  [[nodiscard]] std::int64_t source(const ops::Resize::Axis& axis, std::int64_t i, std::int64_t stride) const noexcept {
    const float x = source_coordinate(op_.coordinates, axis, i);
    if (extrapolates(op_.coordinates, axis, x)) return -1;
    return nearest_element(op_.nearest, axis, x) * stride;
  }

  void copy_row(const std::byte* x, const std::int64_t* offsets, std::int64_t n, std::int64_t block, const std::byte* outside,
                std::byte* y) const {
    if (block == 1) return copy_(x, offsets, n, outside, y);
    for (std::int64_t i = 0; i < n; ++i)
      y = offsets[i] < 0 ? mover_.fill(y, block, outside) : mover_.copy(mover_.at(x, offsets[i]), block, y);
  }

  ops::Resize op_;
  ElementMover mover_;
  CopyNearest copy_;
  alignas(16) std::byte outside_[16] = {};
};

/// Linear and cubic: one axis after the other, the slice behind the first resized axis in the scratch of its thread. Real is double
/// where float would lose digits; elements of other types are converted to it and back.
template <class Real>
class InterpolatingResize {
 public:
  InterpolatingResize(const ops::Resize& op, DType dtype) : op_(op), dtype_(dtype) {}

  [[nodiscard]] std::size_t workspace(const Context& c) const { return plan(c).bytes(c.pool().size()); }

  void run(Context& c) const {
    if (c.output(0).elements() == 0) return;
    Plan plan = this->plan(c);
    if (plan.count == 0) return copy_tensor(c, c.input(0), c.output(0));
    std::byte* memory = c.workspace();
    for (std::size_t p = 0; p < plan.count; ++p) {
      plan.passes[p].table.fill(op_, plan.passes[p].axis, memory);
      memory += WeightTable<Real>::bytes(op_, plan.passes[p].axis);
    }
    const bool direct = dtype_ == dtype_of<Real>;
    const void* x = c.input(0).data;
    void* y = c.output(0).data;
    const std::int64_t grain = std::max<std::int64_t>(ElementMover(dtype_).block() / 4 / plan.to_slice, 1);
    c.parallel_for(plan.slices, grain, [&](std::int64_t begin, std::int64_t end, int slot) {
      auto* a = reinterpret_cast<Real*>(memory + static_cast<std::size_t>(slot) * 2 * plan.scratch);
      auto* b = reinterpret_cast<Real*>(memory + (static_cast<std::size_t>(slot) * 2 + 1) * plan.scratch);
      for (std::int64_t slice = begin; slice < end; ++slice) {
        const Real* source;
        if (direct) {
          source = static_cast<const Real*>(x) + slice * plan.from_slice;
        } else {
          load_numbers(dtype_, x, slice * plan.from_slice, plan.from_slice, a);
          source = a;
          std::swap(a, b);
        }
        for (std::size_t p = 0; p < plan.count; ++p) {
          Real* target = a;
          if (direct && p + 1 == plan.count) target = static_cast<Real*>(y) + slice * plan.to_slice;
          apply(plan.passes[p], source, target);
          source = target;
          std::swap(a, b);
        }
        if (!direct) {
          // The last slice that was computed is in b now.
          if (is_integral(dtype_)) round(b, plan.to_slice);
          store_numbers(dtype_, y, slice * plan.to_slice, plan.to_slice, static_cast<const Real*>(b), {});
        }
      }
    });
  }

 private:
  /// One axis: (rows, in, block) -> (rows, out, block).
  struct Pass {
    ops::Resize::Axis axis;
    std::int64_t rows = 1;
    std::int64_t block = 1;
    WeightTable<Real> table;
  };

  /// x is `slices` times the elements behind the first resized axis.
  struct Plan {
    std::array<Pass, Shape::max_rank> passes;
    std::size_t count = 0;
    std::int64_t slices = 1;
    std::int64_t from_slice = 0;
    std::int64_t to_slice = 0;
    std::size_t tables = 0;   ///< bytes of all weights
    std::size_t scratch = 0;  ///< bytes of the largest intermediate slice

    [[nodiscard]] std::size_t bytes(int threads) const noexcept { return tables + static_cast<std::size_t>(threads) * 2 * scratch; }
  };

  [[nodiscard]] Plan plan(const Context& c) const {
    const Shape& from = c.input(0).shape;
    const Shape& to = c.output(0).shape;
    Plan plan;
    if (to.elements() == 0) return plan;
    const ops::Resize::Resampling axes = resampling(op_, c);
    std::size_t first = 0;
    while (first < to.rank() && !axes[first].resized) ++first;
    plan.slices = to.elements(0, first);
    plan.from_slice = from.elements(first, from.rank());
    plan.to_slice = to.elements(first, to.rank());
    std::int64_t largest = plan.from_slice;
    for (std::size_t d = first; d < to.rank(); ++d) {
      if (!axes[d].resized) continue;
      Pass& pass = plan.passes[plan.count++];
      pass.axis = axes[d];
      pass.rows = to.elements(first, d);
      pass.block = from.stride(d);
      largest = std::max(largest, pass.rows * pass.axis.out * pass.block);
      plan.tables += WeightTable<Real>::bytes(op_, pass.axis);
    }
    plan.scratch = align_up(static_cast<std::size_t>(largest) * sizeof(Real));
    return plan;
  }

  void apply(const Pass& pass, const Real* x, Real* y) const noexcept {
    const auto outside = static_cast<Real>(op_.extrapolation_value);
    const std::int64_t taps = pass.table.taps;
    const std::int64_t n = pass.block;
    for (std::int64_t r = 0; r < pass.rows; ++r, x += pass.axis.in * n) {
      for (std::int64_t i = 0; i < pass.axis.out; ++i, y += n) {
        const Real* w = pass.table.weights + i * taps;
        const std::int64_t* s = pass.table.sources + i * taps;
        if (s[0] < 0) {
          std::fill_n(y, n, outside);
        } else if (n == 1) {
          Real sum = w[0] * x[s[0]];
          for (std::int64_t t = 1; t < taps; ++t) sum += w[t] * x[s[t]];
          *y = sum;
        } else if (taps == 2) {
          const Real* p = x + s[0] * n;
          const Real* q = x + s[1] * n;
          for (std::int64_t k = 0; k < n; ++k) y[k] = w[0] * p[k] + w[1] * q[k];
        } else {
          for (std::int64_t k = 0; k < n; ++k) y[k] = w[0] * x[s[0] * n + k];
          for (std::int64_t t = 1; t < taps; ++t)
            for (std::int64_t k = 0; k < n; ++k) y[k] += w[t] * x[s[t] * n + k];
        }
      }
    }
  }

  /// Integers round to nearest even and saturate.
  void round(Real* values, std::int64_t n) const noexcept {
    const bool negative = dtype_ == DType::int8 || dtype_ == DType::int16 || dtype_ == DType::int32 || dtype_ == DType::int64;
    const int bits = bit_width(dtype_);
    const auto least = negative ? -std::ldexp(Real(1), bits - 1) : Real(0);
    const auto beyond = std::ldexp(Real(1), negative ? bits - 1 : bits);
    // 2^64 and 2^63 saturate when they are stored; smaller limits are numbers of type Real.
    const Real most = bits < 64 ? beyond - 1 : beyond;
    for (std::int64_t i = 0; i < n; ++i) {
      const Real value = std::nearbyint(values[i]);
      values[i] = !(value > least) ? least : value < most ? value : most;
    }
  }

  ops::Resize op_;
  DType dtype_;
};

/// The nearest elements move whatever they are, the other modes compute with numbers.
class ResizeKernel {
 public:
  using Shared = ResizeKernel;

  static Support supports(const ops::Resize& op, DType dtype) {
    if (op.mode == ops::Resize::Mode::nearest) return ElementMover::support(dtype);
    switch (dtype) {
      case DType::float32:
      case DType::float64:
      case DType::float16:
      case DType::bfloat16:
      case DType::uint8:
      case DType::int8:
      case DType::int16:
      case DType::int32:
      case DType::int64:
        return Support::yes();
      default:
        return Support::no("no interpolation of ", hone::name(dtype));
    }
  }
  ResizeKernel(const ops::Resize& op, DType dtype) : resizer_(resizer(op, dtype)) {}
  [[nodiscard]] std::size_t workspace(const Context& c) const {
    return std::visit([&](const auto& resizer) { return resizer.workspace(c); }, resizer_);
  }
  void run(Context& c) const {
    std::visit([&](const auto& resizer) { resizer.run(c); }, resizer_);
  }

 private:
  using Resizer = std::variant<NearestResize, InterpolatingResize<float>, InterpolatingResize<double>>;

  static Resizer resizer(const ops::Resize& op, DType dtype) {
    if (op.mode == ops::Resize::Mode::nearest) return NearestResize(op, dtype);
    const bool wide = dtype == DType::float64 || dtype == DType::int32 || dtype == DType::int64;
    return wide ? Resizer(InterpolatingResize<double>(op, dtype)) : Resizer(InterpolatingResize<float>(op, dtype));
  }

  Resizer resizer_;
};

}  // namespace detail

template <>
class Kernel<ops::Resize, Cpu> : public detail::ResizeKernel {
 public:
  static Support supports(const NodeView& node) { return ResizeKernel::supports(node.op<ops::Resize>(), node.input_dtype(0)); }
  Kernel(const NodeView& node, const CpuDevice&) : ResizeKernel(node.op<ops::Resize>(), node.input_dtype(0)) {}
};

template <>
class Kernel<ops::Upsample, Cpu> : public detail::ResizeKernel {
 public:
  static Support supports(const NodeView& node) { return ResizeKernel::supports(node.op<ops::Upsample>(), node.input_dtype(0)); }
  Kernel(const NodeView& node, const CpuDevice&) : ResizeKernel(node.op<ops::Upsample>(), node.input_dtype(0)) {}
};

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_PROVIDERS_CPU_KERNELS_CONVOLUTION_IMPL_HPP

#define HONE_SINGLE_KERNELS_CPU_CONV_HPP

#define HONE_SINGLE_KERNELS_CPU_CONV_GEOMETRY_HPP

namespace hone::inline HONE_ABI::cpu {

/// The spatial side of a convolution: a window over `rank` axes, and the copies between planes and the matrix of their windows.
struct ConvGeometry {
  std::size_t rank = 0;
  std::array<ops::Window::Axis, Shape::max_rank> axes;

  [[nodiscard]] std::int64_t input_size() const noexcept { return product(&ops::Window::Axis::input); }
  [[nodiscard]] std::int64_t output_size() const noexcept { return product(&ops::Window::Axis::output); }
  [[nodiscard]] std::int64_t kernel_size() const noexcept { return product(&ops::Window::Axis::kernel); }

  /// Whether the matrix of windows is the plane itself: a 1x1 window that visits every element once.
  [[nodiscard]] bool is_pointwise() const noexcept {
    for (std::size_t i = 0; i < rank; ++i) {
      const auto& a = axes[i];
      if (a.kernel != 1 || a.stride != 1 || a.pad_begin != 0 || a.output != a.input) return false;
    }
    return true;
  }

  /// columns[j] = x at tap `k` of window `first + j`, 0 where that is in the padding. Shapes: x (input_size), columns (count).
  template <class T>
  void gather_tap(const T* x, std::int64_t k, std::int64_t first, std::int64_t count, T* columns) const noexcept {
    for_segments(k, first, count, [&](std::int64_t row, std::int64_t begin, std::int64_t end, std::int64_t at) {
      const auto& last = axes[rank - 1];
      T* to = columns + at;
      if (row < 0) {
        std::fill_n(to, end - begin, T(0));
        return;
      }
      const std::int64_t tap = k % last.kernel * last.dilation - last.pad_begin;
      const auto [valid_begin, valid_end] = valid_windows(last, tap, begin, end);
      std::fill_n(to, valid_begin - begin, T(0));
      const T* from = x + row * last.input + tap;
      if (last.stride == 1) {
        if (valid_end > valid_begin)
          std::memcpy(to + (valid_begin - begin), from + valid_begin, static_cast<std::size_t>(valid_end - valid_begin) * sizeof(T));
      } else {
        for (std::int64_t o = valid_begin; o < valid_end; ++o) to[o - begin] = from[o * last.stride];
      }
      std::fill_n(to + (valid_end - begin), end - valid_end, T(0));
    });
  }

  /// The transpose of gather_tap over all windows: y at tap `k` of window j += columns[j].
  template <class T>
  void scatter_tap(const T* columns, std::int64_t k, T* y) const noexcept {
    for_segments(k, 0, output_size(), [&](std::int64_t row, std::int64_t begin, std::int64_t end, std::int64_t at) {
      if (row < 0) return;
      const auto& last = axes[rank - 1];
      const std::int64_t tap = k % last.kernel * last.dilation - last.pad_begin;
      const auto [valid_begin, valid_end] = valid_windows(last, tap, begin, end);
      T* to = y + row * last.input + tap;
      for (std::int64_t o = valid_begin; o < valid_end; ++o) to[o * last.stride] += columns[at + o - begin];
    });
  }

 private:
  [[nodiscard]] std::int64_t product(std::int64_t ops::Window::Axis::*member) const noexcept {
    std::int64_t result = 1;
    for (std::size_t i = 0; i < rank; ++i) result *= axes[i].*member;
    return result;
  }

  struct Range {
    std::int64_t begin;
    std::int64_t end;
  };
  /// The windows of [begin, end) whose tap lies inside the input: 0 <= o * stride + tap < input.
  [[nodiscard]] static Range valid_windows(const ops::Window::Axis& axis, std::int64_t tap, std::int64_t begin, std::int64_t end) noexcept {
    const std::int64_t lo = tap >= 0 ? 0 : (-tap + axis.stride - 1) / axis.stride;
    const std::int64_t room = axis.input - 1 - tap;
    const std::int64_t hi = room < 0 ? 0 : room / axis.stride + 1;
    const std::int64_t valid_begin = std::clamp(lo, begin, end);
    return {valid_begin, std::clamp(hi, valid_begin, end)};
  }

  /// visit(row, begin, end, at): windows [begin, end) along the last axis, for each run of windows of [first, first + count) that share
  /// the other axes. `row`: the row of the input that the tap touches, -1 in the padding. `at`: where the run starts, from `first`.
  template <class Visit>
  void for_segments(std::int64_t k, std::int64_t first, std::int64_t count, const Visit& visit) const noexcept {
    const std::int64_t width = axes[rank - 1].output;
    for (std::int64_t j = first; j < first + count;) {
      const std::int64_t begin = j % width;
      const std::int64_t end = std::min(width, begin + first + count - j);
      std::int64_t window = j / width;
      std::int64_t tap = k / axes[rank - 1].kernel;
      std::int64_t row = 0;
      std::int64_t row_stride = 1;
      for (std::size_t i = rank - 1; i-- > 0;) {
        const auto& a = axes[i];
        const std::int64_t position = window % a.output * a.stride + tap % a.kernel * a.dilation - a.pad_begin;
        if (position < 0 || position >= a.input) row = -1;
        if (row >= 0) row += position * row_stride;
        row_stride *= a.input;
        window /= a.output;
        tap /= a.kernel;
      }
      visit(row, begin, end, j - first);
      j += end - begin;
    }
  }
};

}  // namespace hone::inline HONE_ABI::cpu
#define HONE_SINGLE_KERNELS_CPU_MATRIX_PRODUCT_HPP

#define HONE_SINGLE_SIMD_GEMM_HPP

#define HONE_SINGLE_SIMD_LANES_HPP

/// Put on members of functors and on what they call. Always inlined: such functions exist without the architecture in their name,
/// so no copy of one may reach the linker. Compiled by nvcc they run on both sides.
#if defined(__CUDACC__)
#define HONE_LANE __host__ __device__ inline
#else
#define HONE_LANE HONE_ALWAYS_INLINE
#endif

/// The vocabulary that lets one functor body work on a scalar and on an xsimd::batch: each function that xsimd has for batches,
/// found by argument-dependent lookup, exists here under the same name for scalars.
namespace hone::inline HONE_ABI::simd {

namespace detail {

template <class V>
struct LaneOf {
  using type = V;
};

template <class T, class A>
struct LaneOf<xsimd::batch<T, A>> {
  using type = T;
};

}  // namespace detail

/// The element type of a batch, or the scalar type itself.
template <class V>
using lane_t = typename detail::LaneOf<V>::type;

template <class V>
concept Scalar = std::is_arithmetic_v<V>;

template <class V>
concept Batch = !Scalar<V>;

/// A constant, rounded once to the element type.
template <class V, Scalar C>
HONE_LANE V constant(C value) noexcept {
  return V(static_cast<lane_t<V>>(value));
}

/// `condition ? yes : no`, lane by lane.
template <Scalar T>
HONE_LANE T select(bool condition, T yes, T no) noexcept {
  return condition ? yes : no;
}

/// True where x is NaN. Not written x != x: some versions of xsimd compare with an ordered predicate, for which that is false.
template <class V>
HONE_LANE auto is_nan(V x) noexcept {
  if constexpr (Scalar<V>) {
    return x != x;
  } else {
    return xsimd::isnan(x);
  }
}

// clang-format off
template <std::floating_point T> HONE_LANE T abs(T x) noexcept { return std::abs(x); }
template <std::floating_point T> HONE_LANE T exp(T x) noexcept { return std::exp(x); }
template <std::floating_point T> HONE_LANE T expm1(T x) noexcept { return std::expm1(x); }
template <std::floating_point T> HONE_LANE T log(T x) noexcept { return std::log(x); }
template <std::floating_point T> HONE_LANE T log1p(T x) noexcept { return std::log1p(x); }
template <std::floating_point T> HONE_LANE T sqrt(T x) noexcept { return std::sqrt(x); }
template <std::floating_point T> HONE_LANE T erf(T x) noexcept { return std::erf(x); }
template <std::floating_point T> HONE_LANE T ceil(T x) noexcept { return std::ceil(x); }
template <std::floating_point T> HONE_LANE T floor(T x) noexcept { return std::floor(x); }
template <std::floating_point T> HONE_LANE T nearbyint(T x) noexcept { return std::nearbyint(x); }
template <std::floating_point T> HONE_LANE T tanh(T x) noexcept { return std::tanh(x); }
template <std::floating_point T> HONE_LANE T sinh(T x) noexcept { return std::sinh(x); }
template <std::floating_point T> HONE_LANE T cosh(T x) noexcept { return std::cosh(x); }
template <std::floating_point T> HONE_LANE T asin(T x) noexcept { return std::asin(x); }
template <std::floating_point T> HONE_LANE T acos(T x) noexcept { return std::acos(x); }
template <std::floating_point T> HONE_LANE T atan(T x) noexcept { return std::atan(x); }
template <std::floating_point T> HONE_LANE T asinh(T x) noexcept { return std::asinh(x); }
template <std::floating_point T> HONE_LANE T acosh(T x) noexcept { return std::acosh(x); }
template <std::floating_point T> HONE_LANE T atanh(T x) noexcept { return std::atanh(x); }
template <std::floating_point T> HONE_LANE T fma(T x, T y, T z) noexcept { return std::fma(x, y, z); }
// clang-format on

/// Integer arithmetic modulo 2^bits. Types narrower than int are widened to unsigned int first, because uint16 * uint16 in int
/// overflows.
template <std::integral T>
using wrapping_t = std::conditional_t<(sizeof(T) < sizeof(unsigned)), unsigned, std::make_unsigned_t<T>>;

template <std::integral T>
HONE_LANE T negate(T x) noexcept {
  return static_cast<T>(wrapping_t<T>{0} - static_cast<wrapping_t<T>>(x));
}
template <class V>
requires(!std::integral<V>) HONE_LANE V negate(V x)
noexcept { return -x; }

template <std::integral T>
HONE_LANE T abs(T x) noexcept {
  return x < T{0} ? negate(x) : x;
}

/// A register's worth of elements at `p`, of which only the first `n` exist; the others are `fill`.
template <class V>
HONE_ALWAYS_INLINE V load_part(const lane_t<V>* p, std::size_t n, lane_t<V> fill = lane_t<V>(0)) noexcept {
  alignas(64) lane_t<V> lanes[V::size];
  V(fill).store_aligned(lanes);
  std::memcpy(lanes, p, n * sizeof(lane_t<V>));
  return V::load_aligned(lanes);
}

/// Stores the first `n` lanes.
template <class V>
HONE_ALWAYS_INLINE void store_part(V v, lane_t<V>* p, std::size_t n) noexcept {
  alignas(64) lane_t<V> lanes[V::size];
  v.store_aligned(lanes);
  std::memcpy(p, lanes, n * sizeof(lane_t<V>));
}

}  // namespace hone::inline HONE_ABI::simd
#define HONE_SINGLE_SIMD_REDUCE_HPP

#define HONE_SINGLE_SIMD_BINARY_HPP

#define HONE_SINGLE_SIMD_TABLE_HPP

namespace hone::inline HONE_ABI::simd {

/// The functions of a family for one instruction set.
///
/// A family is a struct of function pointers with a member `Isa isa` and a member `template <class Arch> static constexpr make()`.
/// Defined in simd/functions.hpp. In compiled mode only src/simd/*.cpp sees that definition, so nothing outside of them can
/// instantiate a kernel with the wrong flags; a family that they do not list is a link error.
template <class Family, class Arch>
const Family& functions() noexcept;

/// The functions of a family for `isa`. Precondition: `isa` is in available_isas().
template <class Family>
const Family& table(Isa isa) noexcept {
  return [isa]<class First, class... Rest>(IsaList<First, Rest...>) -> const Family& {
    const Family* found = &functions<Family, typename First::Arch>();
    ((isa == Rest::isa ? void(found = &functions<Family, typename Rest::Arch>()) : void()), ...);
    return *found;
  }(CompiledIsas{});
}

}  // namespace hone::inline HONE_ABI::simd

#if !HONE_COMPILED
#define HONE_SINGLE_SIMD_FUNCTIONS_HPP

namespace hone::inline HONE_ABI::simd {

template <class Family, class Arch>
const Family& functions() noexcept {
  static constexpr Family family = Family::template make<Arch>();
  return family;
}

}  // namespace hone::inline HONE_ABI::simd
#endif

namespace hone::inline HONE_ABI::simd {

/// a, b and y point to elements of the types of the BinaryLoop that the functions are taken from; a scalar operand is one element.
struct BinaryFunctions {
  using Function = void (*)(const void* a, const void* b, void* y, std::size_t n) noexcept;
  Function vv;
  Function vs;
  Function sv;  ///< null: vs with a and b exchanged does it
  bool mirror;  ///< a and b are exchanged before any of them is called

  /// y[i] = f(a[i], b[i]), or with one element in place of a or of b. Precondition: not of both.
  HONE_ALWAYS_INLINE void operator()(const void* a, bool scalar_a, const void* b, bool scalar_b, void* y, std::size_t n) const noexcept {
    if (mirror) {
      std::swap(a, b);
      std::swap(scalar_a, scalar_b);
    }
    if (scalar_b) {
      vs(a, b, y, n);
    } else if (!scalar_a) {
      vv(a, b, y, n);
    } else if (sv != nullptr) {
      sv(a, b, y, n);
    } else {
      vs(b, a, y, n);
    }
  }
};

/// Element-wise y = f(a, b) for a functor without state; R is bool for comparisons.
///   vv: y[i] = f(a[i], b[i])   vs: y[i] = f(a[i], b)   sv: y[i] = f(a, b[i])
/// Shapes: a (n) or a scalar, b (n) or a scalar, y (n). Any alignment; y may be a or b, and may not overlap them otherwise.
/// An element's result does not depend on its position, so an array may be cut anywhere among threads.
template <class F, class T, class R = T>
struct BinaryLoop {
  static_assert(Scalar<T>, "the loops of simd/ compute with numbers: there is none of this operator for this element type");

  /// The loops, their types erased: what drives them is then no template on them.
  BinaryFunctions erased;
  Isa isa;

  HONE_ALWAYS_INLINE void vv(const F&, const T* a, const T* b, R* y, std::size_t n) const noexcept { erased(a, false, b, false, y, n); }
  HONE_ALWAYS_INLINE void vs(const F&, const T* a, T b, R* y, std::size_t n) const noexcept { erased(a, false, &b, true, y, n); }
  HONE_ALWAYS_INLINE void sv(const F&, T a, const T* b, R* y, std::size_t n) const noexcept { erased(&a, true, b, false, y, n); }

  template <class Arch>
  static constexpr BinaryLoop make() noexcept;
};

namespace detail {

/// `expression` in the unsigned arithmetic of wrapping_t for integers, as it stands otherwise.
template <class V, class F>
HONE_LANE V wrap(V a, V b, F f) noexcept {
  if constexpr (std::integral<V>) {
    return static_cast<V>(f(static_cast<wrapping_t<V>>(a), static_cast<wrapping_t<V>>(b)));
  } else {
    return f(a, b);
  }
}

}  // namespace detail

// What a functor may say of itself, so that fewer loops are compiled:
//   sign_free    for integers of one size it gives the same bits, whether they are signed or not
//   commutative  f(a, b) = f(b, a)
//   Mirror       a functor with f(a, b) = Mirror(b, a)
// Arithmetic. Integers wrap modulo 2^bits.
// clang-format off
struct Plus  { template <class U> HONE_LANE U operator()(U a, U b) const noexcept { return a + b; } };
struct Minus { template <class U> HONE_LANE U operator()(U a, U b) const noexcept { return a - b; } };
struct Times { template <class U> HONE_LANE U operator()(U a, U b) const noexcept { return a * b; } };
struct Add { using sign_free = void; using commutative = void; template <class V> HONE_LANE V operator()(V a, V b) const noexcept { return detail::wrap(a, b, Plus{}); } };
struct Sub { using sign_free = void; template <class V> HONE_LANE V operator()(V a, V b) const noexcept { return detail::wrap(a, b, Minus{}); } };
struct Mul { using sign_free = void; using commutative = void; template <class V> HONE_LANE V operator()(V a, V b) const noexcept { return detail::wrap(a, b, Times{}); } };
/// The larger one; NaN if either is NaN.
struct Max { template <class V> HONE_LANE V operator()(V a, V b) const noexcept { return select((a > b) | is_nan(a), a, b); } };
/// The smaller one; NaN if either is NaN.
struct Min { template <class V> HONE_LANE V operator()(V a, V b) const noexcept { return select((a < b) | is_nan(a), a, b); } };
/// a < 0 ? a b : a
struct PRelu { template <class V> HONE_LANE V operator()(V a, V b) const noexcept { return select(a < V(0), Mul{}(a, b), a); } };
// clang-format on

/// a / b, towards zero for integers. Precondition: an integer b is not 0. The smallest integer divided by -1 wraps to itself.
struct Div {
  template <class V>
  HONE_LANE V operator()(V a, V b) const noexcept {
    if constexpr (std::signed_integral<V>) {
      return b == V(-1) ? negate(a) : static_cast<V>(a / b);
    } else {
      return static_cast<V>(a / b);
    }
  }
};

/// The remainder of the division towards zero: it has the sign of a (C's % and fmod). Precondition: an integer b is not 0.
struct Fmod {
  using scalar_only = void;
  template <Scalar V>
  HONE_LANE V operator()(V a, V b) const noexcept {
    if constexpr (std::floating_point<V>) {
      return std::fmod(a, b);
    } else if constexpr (std::signed_integral<V>) {
      return b == V(-1) ? V(0) : static_cast<V>(a % b);
    } else {
      return static_cast<V>(a % b);
    }
  }
};

/// The remainder of the division towards minus infinity: it has the sign of b (Python's %). Precondition: an integer b is not 0.
struct Mod {
  using scalar_only = void;
  template <Scalar V>
  HONE_LANE V operator()(V a, V b) const noexcept {
    const V r = Fmod{}(a, b);
    if constexpr (std::unsigned_integral<V>) {
      return r;
    } else {
      return r != V(0) && (r < V(0)) != (b < V(0)) ? static_cast<V>(r + b) : r;
    }
  }
};

/// a to the power of b. Integers wrap; a negative integer power of anything but 1 and -1 is 0 (the quotient towards zero).
struct Pow {
  using scalar_only = void;
  template <Scalar V>
  HONE_LANE V operator()(V a, V b) const noexcept {
    if constexpr (std::floating_point<V>) {
      return std::pow(a, b);
    } else {
      if constexpr (std::signed_integral<V>) {
        if (b < V(0)) {
          if (a == V(1)) return V(1);
          if (a == V(-1)) return (b & V(1)) != V(0) ? V(-1) : V(1);
          return V(0);
        }
      }
      V result(1);
      for (auto e = static_cast<std::make_unsigned_t<V>>(b); e != 0; e = static_cast<decltype(e)>(e >> 1)) {
        if ((e & 1) != 0) result = Mul{}(result, a);
        a = Mul{}(a, a);
      }
      return result;
    }
  }
};

// Bits. Shifting by the width of the type or more gives 0.
// clang-format off
struct BitAnd { using sign_free = void; using commutative = void; template <std::integral T> HONE_LANE T operator()(T a, T b) const noexcept { return static_cast<T>(a & b); } };
struct BitOr  { using sign_free = void; using commutative = void; template <std::integral T> HONE_LANE T operator()(T a, T b) const noexcept { return static_cast<T>(a | b); } };
struct BitXor { using sign_free = void; using commutative = void; template <std::integral T> HONE_LANE T operator()(T a, T b) const noexcept { return static_cast<T>(a ^ b); } };
struct ShiftLeft  { template <std::unsigned_integral T> HONE_LANE T operator()(T a, T b) const noexcept { return b < std::numeric_limits<T>::digits ? static_cast<T>(a << b) : T(0); } };
struct ShiftRight { template <std::unsigned_integral T> HONE_LANE T operator()(T a, T b) const noexcept { return b < std::numeric_limits<T>::digits ? static_cast<T>(a >> b) : T(0); } };
// Comparisons; a comparison with NaN is false.
struct Equal          { using sign_free = void; using commutative = void; template <Scalar T> HONE_LANE bool operator()(T a, T b) const noexcept { return a == b; } };
struct Less           { template <Scalar T> HONE_LANE bool operator()(T a, T b) const noexcept { return a < b; } };
struct LessOrEqual    { template <Scalar T> HONE_LANE bool operator()(T a, T b) const noexcept { return a <= b; } };
struct Greater        { using Mirror = Less; template <Scalar T> HONE_LANE bool operator()(T a, T b) const noexcept { return a > b; } };
struct GreaterOrEqual { using Mirror = LessOrEqual; template <Scalar T> HONE_LANE bool operator()(T a, T b) const noexcept { return a >= b; } };
// Logic on bool.
struct And { using commutative = void; HONE_LANE bool operator()(bool a, bool b) const noexcept { return a & b; } };
struct Or  { using commutative = void; HONE_LANE bool operator()(bool a, bool b) const noexcept { return a | b; } };
struct Xor { using commutative = void; HONE_LANE bool operator()(bool a, bool b) const noexcept { return a ^ b; } };
// clang-format on

namespace detail {

/// Integers, comparisons and functors without a batch form run as plain loops, which the compiler vectorises where it can.
template <class F, class T, class R>
inline constexpr bool plain_binary = !std::floating_point<T> || !std::same_as<T, R> || requires {
  typename F::scalar_only;
};

/// Operands: pointers are read at i, values are broadcast.
template <class T>
HONE_ALWAYS_INLINE T at(const T* p, std::size_t i) noexcept {
  return p[i];
}
template <Scalar T>
HONE_ALWAYS_INLINE T at(T value, std::size_t) noexcept {
  return value;
}
template <class V, class T>
HONE_ALWAYS_INLINE V batch_at(const T* p, std::size_t i) noexcept {
  return V::load_unaligned(p + i);
}
template <class V, Scalar T>
HONE_ALWAYS_INLINE V batch_at(T value, std::size_t) noexcept {
  return V(value);
}
template <class V, class T>
HONE_ALWAYS_INLINE V part_at(const T* p, std::size_t i, std::size_t n) noexcept {
  return load_part<V>(p + i, n);
}
template <class V, Scalar T>
HONE_ALWAYS_INLINE V part_at(T value, std::size_t, std::size_t) noexcept {
  return V(value);
}

template <class F, class T, class R, class Arch, class A, class B>
HONE_ALWAYS_INLINE void binary_loop(A a, B b, R* y, std::size_t n) noexcept {
  const F f{};
  if constexpr (plain_binary<F, T, R>) {
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC ivdep
#endif
    for (std::size_t i = 0; i < n; ++i) y[i] = f(at(a, i), at(b, i));
  } else {
    using V = xsimd::batch<T, Arch>;
    std::size_t i = 0;
    for (; i + V::size <= n; i += V::size) f(batch_at<V>(a, i), batch_at<V>(b, i)).store_unaligned(y + i);
    if (i < n) store_part(f(part_at<V>(a, i, n - i), part_at<V>(b, i, n - i)), y + i, n - i);
  }
}

template <class F, class T, class R, class Arch>
void binary_vv(const void* a, const void* b, void* y, std::size_t n) noexcept {
  binary_loop<F, T, R, Arch>(static_cast<const T*>(a), static_cast<const T*>(b), static_cast<R*>(y), n);
}

template <class F, class T, class R, class Arch>
void binary_vs(const void* a, const void* b, void* y, std::size_t n) noexcept {
  const T* x = static_cast<const T*>(a);
  const T scalar = *static_cast<const T*>(b);
  R* to = static_cast<R*>(y);
  if constexpr (std::same_as<F, Pow> && std::floating_point<T>) {
    // The powers that models use. Correctly rounded (2) or within 1 ulp (3), and tens of times faster than pow.
    if (scalar == T(2)) return binary_loop<Mul, T, R, Arch>(x, x, to, n);
    if (scalar == T(3)) {
      for (std::size_t i = 0; i < n; ++i) to[i] = x[i] * x[i] * x[i];
      return;
    }
  }
  binary_loop<F, T, R, Arch>(x, scalar, to, n);
}

template <class F, class T, class R, class Arch>
void binary_sv(const void* a, const void* b, void* y, std::size_t n) noexcept {
  binary_loop<F, T, R, Arch>(*static_cast<const T*>(a), static_cast<const T*>(b), static_cast<R*>(y), n);
}

template <class F, class T, class R, class Arch>
constexpr BinaryFunctions binary_functions() noexcept {
  if constexpr (requires { typename F::Mirror; }) {
    BinaryFunctions functions = binary_functions<typename F::Mirror, T, R, Arch>();
    functions.mirror = true;
    return functions;
  } else if constexpr (requires { typename F::commutative; }) {
    return {&binary_vv<F, T, R, Arch>, &binary_vs<F, T, R, Arch>, nullptr, false};
  } else {
    return {&binary_vv<F, T, R, Arch>, &binary_vs<F, T, R, Arch>, &binary_sv<F, T, R, Arch>, false};
  }
}

/// The element type of the loop that serves T.
template <class F, class T>
struct LoopElement {
  using type = T;
};
template <class F, std::signed_integral T>
requires requires { typename F::sign_free; }
struct LoopElement<F, T> {
  using type = std::make_unsigned_t<T>;
};

}  // namespace detail

template <class F, class T, class R>
template <class Arch>
constexpr BinaryLoop<F, T, R> BinaryLoop<F, T, R>::make() noexcept {
  using U = typename detail::LoopElement<F, T>::type;
  using V = std::conditional_t<std::same_as<T, R>, U, R>;
  return {.erased = detail::binary_functions<F, U, V, Arch>(), .isa = native_isa};
}

}  // namespace hone::inline HONE_ABI::simd

namespace hone::inline HONE_ABI::simd {

/// acc and x point to elements of the type of the Reduce that the functions are taken from.
struct ReduceFunctions {
  using Function = void (*)(void* acc, const void* x, std::size_t n) noexcept;
  Function fold;        ///< acc[0] = combine(acc[0], reduction of x)
  Function accumulate;  ///< acc[i] = combine(acc[i], lift(x[i]))
};

/// Reductions: r = combine over i of lift(x[i]).
///   contiguous: returns the reduction of x (n); identity for n = 0
///   accumulate: acc[i] = combine(acc[i], lift(x[i])); shapes: acc (n), x (n); start from F::identity<T>()
/// Any alignment. The order of the operations depends on n alone; floating-point results differ between instruction sets by
/// rounding. Integers wrap.
template <class F, class T>
struct Reduce {
  static_assert(Scalar<T>, "the loops of simd/ compute with numbers: there is none of this operator for this element type");

  /// The loops, their types erased: what drives them is then no template on them.
  ReduceFunctions erased;
  Isa isa;

  HONE_ALWAYS_INLINE T contiguous(const T* x, std::size_t n) const noexcept {
    T acc = F::template identity<T>();
    erased.fold(&acc, x, n);
    return acc;
  }
  HONE_ALWAYS_INLINE void accumulate(T* acc, const T* x, std::size_t n) const noexcept { erased.accumulate(acc, x, n); }

  template <class Arch>
  static constexpr Reduce make() noexcept;
};

// Functors, sign_free as in binary.hpp: `lift` is applied to every element, lift(identity) == identity, and combine(identity, v) == v.
// clang-format off
struct Sum {
  using sign_free = void;
  template <class T> static constexpr T identity() noexcept { return T(0); }
  template <class V> HONE_LANE V lift(V x) const noexcept { return x; }
  template <class V> HONE_LANE V combine(V a, V b) const noexcept { return Add{}(a, b); }
};
struct SumAbs {
  template <class T> static constexpr T identity() noexcept { return T(0); }
  template <class V> HONE_LANE V lift(V x) const noexcept { return abs(x); }
  template <class V> HONE_LANE V combine(V a, V b) const noexcept { return Add{}(a, b); }
};
struct SumSquare {
  using sign_free = void;
  template <class T> static constexpr T identity() noexcept { return T(0); }
  template <class V> HONE_LANE V lift(V x) const noexcept { return Mul{}(x, x); }
  template <class V> HONE_LANE V combine(V a, V b) const noexcept { return Add{}(a, b); }
};
struct Prod {
  using sign_free = void;
  template <class T> static constexpr T identity() noexcept { return T(1); }
  template <class V> HONE_LANE V lift(V x) const noexcept { return x; }
  template <class V> HONE_LANE V combine(V a, V b) const noexcept { return Mul{}(a, b); }
};
/// NaN if any element is NaN.
struct MaxOf {
  template <class T> static constexpr T identity() noexcept { return std::floating_point<T> ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::lowest(); }
  template <class V> HONE_LANE V lift(V x) const noexcept { return x; }
  template <class V> HONE_LANE V combine(V a, V b) const noexcept { return Max{}(a, b); }
};
/// NaN if any element is NaN.
struct MinOf {
  template <class T> static constexpr T identity() noexcept { return std::floating_point<T> ? std::numeric_limits<T>::infinity() : std::numeric_limits<T>::max(); }
  template <class V> HONE_LANE V lift(V x) const noexcept { return x; }
  template <class V> HONE_LANE V combine(V a, V b) const noexcept { return Min{}(a, b); }
};
// clang-format on

namespace detail {

/// The lanes of a batch combined in a tree: halves first, so that the order is the same for every caller.
template <class F, class V>
HONE_ALWAYS_INLINE lane_t<V> fold_lanes(const F& f, V v) noexcept {
  alignas(64) lane_t<V> lanes[V::size];
  v.store_aligned(lanes);
  for (std::size_t width = V::size / 2; width > 0; width /= 2) {
    for (std::size_t i = 0; i < width; ++i) lanes[i] = f.combine(lanes[i], lanes[i + width]);
  }
  return lanes[0];
}

/// combine over i of lift(load(i)): `load(i)` gives a whole register from element i, `load_rest(i, count)` the last one padded with
/// what lift turns into the identity. Four accumulators cover the latency of an addition (4 cycles) at one load per cycle.
template <class F, class V, class Load, class LoadRest>
HONE_ALWAYS_INLINE lane_t<V> fold(const F& f, std::size_t n, Load load, LoadRest load_rest) noexcept {
  constexpr std::size_t width = V::size;
  const V identity(F::template identity<lane_t<V>>());
  V acc0 = identity;
  V acc1 = identity;
  V acc2 = identity;
  V acc3 = identity;
  std::size_t i = 0;
  for (; i + 4 * width <= n; i += 4 * width) {
    acc0 = f.combine(acc0, f.lift(load(i)));
    acc1 = f.combine(acc1, f.lift(load(i + width)));
    acc2 = f.combine(acc2, f.lift(load(i + 2 * width)));
    acc3 = f.combine(acc3, f.lift(load(i + 3 * width)));
  }
  for (; i + width <= n; i += width) acc0 = f.combine(acc0, f.lift(load(i)));
  if (i < n) acc1 = f.combine(acc1, f.lift(load_rest(i, n - i)));
  return fold_lanes(f, f.combine(f.combine(acc0, acc1), f.combine(acc2, acc3)));
}

template <class F, class T, class Arch>
T reduce_contiguous(const T* x, std::size_t n) noexcept {
  const F f{};
  if constexpr (std::floating_point<T>) {
    using V = xsimd::batch<T, Arch>;
    return fold<F, V>(
        f, n, [x](std::size_t i) { return V::load_unaligned(x + i); },
        [x](std::size_t i, std::size_t count) { return load_part<V>(x + i, count, F::template identity<T>()); });
  } else {
    T acc = F::template identity<T>();
    for (std::size_t i = 0; i < n; ++i) acc = f.combine(acc, f.lift(x[i]));
    return acc;
  }
}

template <class F, class T, class Arch>
void reduce_fold(void* acc, const void* x, std::size_t n) noexcept {
  T& result = *static_cast<T*>(acc);
  result = F{}.combine(result, reduce_contiguous<F, T, Arch>(static_cast<const T*>(x), n));
}

template <class F, class T, class Arch>
void reduce_accumulate(void* to, const void* from, std::size_t n) noexcept {
  const F f{};
  T* acc = static_cast<T*>(to);
  const T* x = static_cast<const T*>(from);
  if constexpr (std::floating_point<T>) {
    using V = xsimd::batch<T, Arch>;
    std::size_t i = 0;
    for (; i + V::size <= n; i += V::size) {
      f.combine(V::load_unaligned(acc + i), f.lift(V::load_unaligned(x + i))).store_unaligned(acc + i);
    }
    if (i < n) store_part(f.combine(load_part<V>(acc + i, n - i), f.lift(load_part<V>(x + i, n - i))), acc + i, n - i);
  } else {
    for (std::size_t i = 0; i < n; ++i) acc[i] = f.combine(acc[i], f.lift(x[i]));
  }
}

}  // namespace detail

template <class F, class T>
template <class Arch>
constexpr Reduce<F, T> Reduce<F, T>::make() noexcept {
  using U = typename detail::LoopElement<F, T>::type;
  return {.erased = {.fold = &detail::reduce_fold<F, U, Arch>, .accumulate = &detail::reduce_accumulate<F, U, Arch>}, .isa = native_isa};
}

}  // namespace hone::inline HONE_ABI::simd

namespace hone::inline HONE_ABI::simd {

/// Where a micro-kernel puts its product.
template <class T>
struct GemmTile {
  T* c;                            ///< (rows, columns), columns contiguous
  std::ptrdiff_t row_stride;       ///< elements from one row of c to the next
  int rows;                        ///< 1 .. mr
  int columns;                     ///< 1 .. nr
  bool accumulate;                 ///< c += A B instead of c = A B
  const T* row_bias = nullptr;     ///< (rows), added to each row, or null
  const T* column_bias = nullptr;  ///< (columns), added to each column, or null
};

/// The parts of a matrix product C = A B with A (m, k) and B (k, n): register-blocked micro-kernels and the packing that they read.
///
/// A panel of A holds mr rows, a panel of B nr columns, k-major: element (r, p) of a panel of A lies at p * mr + r, element (p, j) of
/// a panel of B at p * nr + j. Rows and columns that do not exist are zeros. Sources have any strides (elements), so that a
/// transposed matrix costs nothing.
///
/// Each element of C is one chain of multiply-adds in the order of k, whatever the tile; partitions of C cannot change a result.
/// Integers wrap.
template <class T>
struct Gemm {
  int mr;
  int nr;
  /// a (m, k) to ceil(m / mr) panels of mr * k elements.
  void (*pack_a)(const T* a, std::ptrdiff_t row_stride, std::ptrdiff_t column_stride, std::size_t m, std::size_t k, T* packed) noexcept;
  /// b (k, n) to panels of k * nr elements; panel j begins at packed + j * panel_stride.
  void (*pack_b)(const T* b, std::ptrdiff_t row_stride, std::ptrdiff_t column_stride, std::size_t k, std::size_t n, T* packed,
                 std::size_t panel_stride) noexcept;
  /// One tile from a packed panel of A and rows of B that are `b_stride` apart: nr for a packed panel. Reads nr columns of B.
  void (*kernel)(std::size_t k, const T* a, const T* b, std::ptrdiff_t b_stride, const GemmTile<T>& tile) noexcept;
  /// y (m, n) += A B for 1 <= m <= max_vector_rows, B with contiguous rows `b_stride` apart, a[r * a_stride + p], y[r * y_stride + j].
  void (*update_rows)(std::size_t m, std::size_t n, std::size_t k, const T* a, std::size_t a_stride, const T* b, std::ptrdiff_t b_stride,
                      T* y, std::size_t y_stride) noexcept;
  /// y (m, n) = A B for 1 <= m <= max_vector_rows, B with contiguous columns `b_stride` apart: dot products.
  void (*dot_columns)(std::size_t m, std::size_t n, std::size_t k, const T* a, std::size_t a_stride, const T* b, std::ptrdiff_t b_stride,
                      T* y, std::size_t y_stride) noexcept;
  Isa isa;

  /// Rows of A up to which B is better read once, unpacked.
  static constexpr int max_vector_rows = 4;

  template <class Arch>
  static constexpr Gemm make() noexcept;
};

namespace detail {

/// Rows and registers of columns of a tile. Accumulators + one row of B + one broadcast fit the register file: 28 + 2 + 1 of 32
/// with AVX-512 (broadcasts come from memory there), 12 + 2 + 1 of 16 with AVX2, 8 + 2 + 1 of 16 with SSE2, whose multiply and add
/// need a temporary, and 16 + 2 + 1 of 32 with NEON.
struct TileShape {
  int rows;
  int registers;
};

constexpr TileShape tile_shape(Isa isa) noexcept {
  switch (isa) {
    case Isa::sse2:
      return {.rows = 4, .registers = 2};
    case Isa::avx2:
      return {.rows = 6, .registers = 2};
    case Isa::avx512:
      return {.rows = 14, .registers = 2};
    case Isa::neon:
      return {.rows = 8, .registers = 2};
  }
  return {.rows = 4, .registers = 2};
}

template <class T, class Arch>
struct GemmShape {
  static constexpr TileShape shape = tile_shape(native_isa);
  static constexpr int mr = std::integral<T> ? 4 : shape.rows;
  static constexpr int width = static_cast<int>(sizeof(xsimd::batch<float, Arch>) / sizeof(T));
  static constexpr int registers = shape.registers;
  static constexpr int nr = registers * width;
};

/// The part of pack_panels that reads along contiguous lines, four lines and four steps at a time through registers of 16 bytes.
/// Returns how many lines it did: multiples of four, none where `count` is no multiple of four.
template <int Width, class T, class Arch>
HONE_ALWAYS_INLINE int transpose_quads(const T* from, std::ptrdiff_t line_stride, int used, std::size_t count, T* packed) noexcept {
#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
  typedef T Quad __attribute__((vector_size(16)));
  if (count % 4 != 0) return 0;
  int line = 0;
  for (; line + 4 <= used; line += 4) {
    const T* in = from + line * line_stride;
    for (std::size_t p = 0; p < count; p += 4) {
      Quad x0, x1, x2, x3;
      std::memcpy(&x0, in + p, 16);
      std::memcpy(&x1, in + line_stride + p, 16);
      std::memcpy(&x2, in + 2 * line_stride + p, 16);
      std::memcpy(&x3, in + 3 * line_stride + p, 16);
      const Quad low01 = __builtin_shufflevector(x0, x1, 0, 4, 1, 5);
      const Quad low23 = __builtin_shufflevector(x2, x3, 0, 4, 1, 5);
      const Quad high01 = __builtin_shufflevector(x0, x1, 2, 6, 3, 7);
      const Quad high23 = __builtin_shufflevector(x2, x3, 2, 6, 3, 7);
      x0 = __builtin_shufflevector(low01, low23, 0, 1, 4, 5);
      x1 = __builtin_shufflevector(low01, low23, 2, 3, 6, 7);
      x2 = __builtin_shufflevector(high01, high23, 0, 1, 4, 5);
      x3 = __builtin_shufflevector(high01, high23, 2, 3, 6, 7);
      T* out = packed + p * Width + line;
      std::memcpy(out, &x0, 16);
      std::memcpy(out + Width, &x1, 16);
      std::memcpy(out + 2 * Width, &x2, 16);
      std::memcpy(out + 3 * Width, &x3, 16);
    }
  }
  return line;
#endif
#endif
  return 0;
}

/// Panels of Width lines: packed[panel][p][line] = source[line * line_stride + p * step]. `lines` lines of `k` elements.
template <int Width, class T, class Arch>
void pack_panels(const T* source, std::ptrdiff_t line_stride, std::ptrdiff_t step, std::size_t lines, std::size_t k, T* packed,
                 std::size_t panel_stride) noexcept {
  // Along k in blocks of one cache line of a source whose lines are contiguous, so that what is written stays in L1.
  constexpr std::size_t block = 64 / sizeof(T);
  for (std::size_t first = 0; first < lines; first += Width, packed += panel_stride) {
    const T* from = source + static_cast<std::ptrdiff_t>(first) * line_stride;
    const int used = lines - first < Width ? static_cast<int>(lines - first) : Width;
    if (used == Width && line_stride == 1) {
      for (std::size_t p = 0; p < k; ++p) std::memcpy(packed + p * Width, from + static_cast<std::ptrdiff_t>(p) * step, Width * sizeof(T));
      continue;
    }
    for (std::size_t p0 = 0; p0 < k; p0 += block) {
      const std::size_t p1 = p0 + block < k ? p0 + block : k;
      int line = 0;
      if constexpr (sizeof(T) == 4) {
        if (step == 1) line = transpose_quads<Width, T, Arch>(from + p0, line_stride, used, p1 - p0, packed + p0 * Width);
      }
      for (; line < used; ++line) {
        const T* in = from + line * line_stride;
        for (std::size_t p = p0; p < p1; ++p) packed[p * Width + line] = in[static_cast<std::ptrdiff_t>(p) * step];
      }
      for (; line < Width; ++line) {
        for (std::size_t p = p0; p < p1; ++p) packed[p * Width + line] = T(0);
      }
    }
  }
}

template <class T, class Arch>
void gemm_pack_a(const T* a, std::ptrdiff_t row_stride, std::ptrdiff_t column_stride, std::size_t m, std::size_t k, T* packed) noexcept {
  constexpr int mr = GemmShape<T, Arch>::mr;
  pack_panels<mr, T, Arch>(a, row_stride, column_stride, m, k, packed, mr * k);
}

template <class T, class Arch>
void gemm_pack_b(const T* b, std::ptrdiff_t row_stride, std::ptrdiff_t column_stride, std::size_t k, std::size_t n, T* packed,
                 std::size_t panel_stride) noexcept {
  pack_panels<GemmShape<T, Arch>::nr, T, Arch>(b, column_stride, row_stride, n, k, packed, panel_stride);
}

/// Puts one row of a finished tile away.
template <class V, int Registers>
HONE_ALWAYS_INLINE void store_tile_row(const lane_t<V>* sums, int row, const GemmTile<lane_t<V>>& tile) noexcept {
  lane_t<V>* c = tile.c + row * tile.row_stride;
#pragma GCC unroll 8
  for (int v = 0; v < Registers; ++v) {
    constexpr int width = static_cast<int>(V::size);
    const int left = tile.columns - v * width;
    if (left <= 0) return;
    V sum = V::load_aligned(sums + v * width);
    if (left >= width) {
      if (tile.accumulate) sum = V::load_unaligned(c + v * width) + sum;
      if (tile.row_bias != nullptr) sum = sum + V(tile.row_bias[row]);
      if (tile.column_bias != nullptr) sum = sum + V::load_unaligned(tile.column_bias + v * width);
      sum.store_unaligned(c + v * width);
    } else {
      const auto count = static_cast<std::size_t>(left);
      if (tile.accumulate) sum = load_part<V>(c + v * width, count) + sum;
      if (tile.row_bias != nullptr) sum = sum + V(tile.row_bias[row]);
      if (tile.column_bias != nullptr) sum = sum + load_part<V>(tile.column_bias + v * width, count);
      store_part(sum, c + v * width, count);
    }
  }
}

/// The tile of exactly Rows rows, the first Rows of a panel of A.
template <class T, class Arch, int Rows>
void gemm_tile(std::size_t k, const T* a, const T* b, std::ptrdiff_t b_stride, const GemmTile<T>& tile) noexcept {
  using V = xsimd::batch<T, Arch>;
  constexpr int registers = GemmShape<T, Arch>::registers;
  constexpr int width = static_cast<int>(V::size);
  V sums[Rows][registers];
#pragma GCC unroll 32
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < registers; ++v) sums[r][v] = V(T(0));
  }
  for (std::size_t p = 0; p < k; ++p) {
    V columns[registers];
#pragma GCC unroll 8
    for (int v = 0; v < registers; ++v) columns[v] = V::load_unaligned(b + v * width);
#pragma GCC unroll 32
    for (int r = 0; r < Rows; ++r) {
      const V row(a[r]);
#pragma GCC unroll 8
      for (int v = 0; v < registers; ++v) sums[r][v] = xsimd::fma(row, columns[v], sums[r][v]);
    }
    a += GemmShape<T, Arch>::mr;
    b += b_stride;
  }
  if (tile.columns == GemmShape<T, Arch>::nr && tile.row_bias == nullptr && tile.column_bias == nullptr) {
#pragma GCC unroll 32
    for (int r = 0; r < Rows; ++r) {
      T* c = tile.c + r * tile.row_stride;
#pragma GCC unroll 8
      for (int v = 0; v < registers; ++v, c += width) {
        if (tile.accumulate) sums[r][v] = V::load_unaligned(c) + sums[r][v];
        sums[r][v].store_unaligned(c);
      }
    }
    return;
  }
  // Through memory, so that the rare cases are one loop and not Rows copies of it.
  alignas(64) T rows[Rows][GemmShape<T, Arch>::nr];
#pragma GCC unroll 32
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < registers; ++v) sums[r][v].store_aligned(rows[r] + v * width);
  }
#pragma GCC unroll 1
  for (int r = 0; r < Rows; ++r) store_tile_row<V, registers>(rows[r], r, tile);
}

/// Integers: a plain tile that the compiler vectorises along columns.
template <class T, class Arch, int Rows>
requires std::integral<T>
void gemm_tile_integer(std::size_t k, const T* a, const T* b, std::ptrdiff_t b_stride, const GemmTile<T>& tile) noexcept {
  using U = wrapping_t<T>;
  constexpr int nr = GemmShape<T, Arch>::nr;
  U sums[Rows][nr] = {};
  for (std::size_t p = 0; p < k; ++p) {
    for (int r = 0; r < Rows; ++r) {
      const U row = static_cast<U>(a[r]);
      for (int j = 0; j < nr; ++j) sums[r][j] += row * static_cast<U>(b[j]);
    }
    a += GemmShape<T, Arch>::mr;
    b += b_stride;
  }
  for (int r = 0; r < Rows; ++r) {
    T* c = tile.c + r * tile.row_stride;
    for (int j = 0; j < tile.columns; ++j) {
      U sum = sums[r][j];
      if (tile.accumulate) sum += static_cast<U>(c[j]);
      if (tile.row_bias != nullptr) sum += static_cast<U>(tile.row_bias[r]);
      if (tile.column_bias != nullptr) sum += static_cast<U>(tile.column_bias[j]);
      c[j] = static_cast<T>(sum);
    }
  }
}

/// The tile function for a number of rows that is known at run time. Short tiles do only their own rows' work.
template <class T, class Arch, int Rows = GemmShape<T, Arch>::mr>
void gemm_kernel(std::size_t k, const T* a, const T* b, std::ptrdiff_t b_stride, const GemmTile<T>& tile) noexcept {
  if constexpr (Rows > 1) {
    if (tile.rows < Rows) return gemm_kernel<T, Arch, Rows - 1>(k, a, b, b_stride, tile);
  }
  if constexpr (std::integral<T>) {
    gemm_tile_integer<T, Arch, Rows>(k, a, b, b_stride, tile);
  } else {
    gemm_tile<T, Arch, Rows>(k, a, b, b_stride, tile);
  }
}

/// y += A B for M rows, four rows of B at a time: each element of y is loaded and stored once per four multiply-adds.
template <class T, class Arch, int M>
void update_rows(std::size_t n, std::size_t k, const T* a, std::size_t a_stride, const T* b, std::ptrdiff_t b_stride, T* y,
                 std::size_t y_stride) noexcept {
  constexpr std::size_t depth = 4;
  const auto block = [&]<class V, int Depth>(std::size_t p, std::size_t j, auto load, auto store) {
    V rows[Depth];
#pragma GCC unroll 4
    for (int d = 0; d < Depth; ++d) rows[d] = load(b + (static_cast<std::ptrdiff_t>(p) + d) * b_stride + j);
#pragma GCC unroll 4
    for (int r = 0; r < M; ++r) {
      V sum = load(y + r * y_stride + j);
#pragma GCC unroll 4
      for (int d = 0; d < Depth; ++d) {
        const T factor = a[r * a_stride + p + d];
        if constexpr (std::integral<T>) {
          sum = Add{}(sum, Mul{}(factor, rows[d]));
        } else {
          sum = xsimd::fma(V(factor), rows[d], sum);
        }
      }
      store(sum, y + r * y_stride + j);
    }
  };
  const auto pass = [&]<int Depth>(std::size_t p) {
    if constexpr (std::integral<T>) {
      for (std::size_t j = 0; j < n; ++j) {
        block.template operator()<T, Depth>(
            p, j, [](const T* q) { return *q; }, [](T v, T* q) { *q = v; });
      }
    } else {
      using V = xsimd::batch<T, Arch>;
      std::size_t j = 0;
      for (; j + V::size <= n; j += V::size) {
        block.template operator()<V, Depth>(
            p, j, [](const T* q) { return V::load_unaligned(q); }, [](V v, T* q) { v.store_unaligned(q); });
      }
      if (j < n) {
        const std::size_t rest = n - j;
        block.template operator()<V, Depth>(
            p, j, [rest](const T* q) { return load_part<V>(q, rest); }, [rest](V v, T* q) { store_part(v, q, rest); });
      }
    }
  };
  std::size_t p = 0;
  for (; p + depth <= k; p += depth) pass.template operator()<static_cast<int>(depth)>(p);
  for (; p < k; ++p) pass.template operator()<1>(p);
}

/// y = A B for M rows, Columns columns of B at a time. Every element has an accumulator of its own, so that the number of columns
/// that are done together does not change it; four of them cover the latency of a multiply-add.
template <class T, class Arch, int M, int Columns>
HONE_ALWAYS_INLINE void dot_block(std::size_t k, const T* a, std::size_t a_stride, const T* b, std::ptrdiff_t b_stride, T* y,
                                  std::size_t y_stride) noexcept {
  if constexpr (std::integral<T>) {
    for (int r = 0; r < M; ++r) {
      for (int j = 0; j < Columns; ++j) {
        T sum(0);
        for (std::size_t p = 0; p < k; ++p) sum = Add{}(sum, Mul{}(a[r * a_stride + p], b[j * b_stride + static_cast<std::ptrdiff_t>(p)]));
        y[r * y_stride + j] = sum;
      }
    }
  } else {
    using V = xsimd::batch<T, Arch>;
    V sums[M][Columns];
#pragma GCC unroll 4
    for (int r = 0; r < M; ++r) {
#pragma GCC unroll 4
      for (int j = 0; j < Columns; ++j) sums[r][j] = V(T(0));
    }
    const auto step = [&](std::size_t p, auto load) {
      V columns[Columns];
#pragma GCC unroll 4
      for (int j = 0; j < Columns; ++j) columns[j] = load(b + j * b_stride + static_cast<std::ptrdiff_t>(p));
#pragma GCC unroll 4
      for (int r = 0; r < M; ++r) {
        const V row = load(a + r * a_stride + p);
#pragma GCC unroll 4
        for (int j = 0; j < Columns; ++j) sums[r][j] = xsimd::fma(row, columns[j], sums[r][j]);
      }
    };
    std::size_t p = 0;
    for (; p + V::size <= k; p += V::size) step(p, [](const T* q) { return V::load_unaligned(q); });
    if (p < k) step(p, [rest = k - p](const T* q) { return load_part<V>(q, rest); });
#pragma GCC unroll 4
    for (int r = 0; r < M; ++r) {
#pragma GCC unroll 4
      for (int j = 0; j < Columns; ++j) y[r * y_stride + j] = fold_lanes(Sum{}, sums[r][j]);
    }
  }
}

template <class T, class Arch, int M>
void dot_columns(std::size_t n, std::size_t k, const T* a, std::size_t a_stride, const T* b, std::ptrdiff_t b_stride, T* y,
                 std::size_t y_stride) noexcept {
  constexpr std::size_t columns = 4;
  std::size_t j = 0;
  for (; j + columns <= n; j += columns) {
    dot_block<T, Arch, M, static_cast<int>(columns)>(k, a, a_stride, b + static_cast<std::ptrdiff_t>(j) * b_stride, b_stride, y + j,
                                                     y_stride);
  }
  for (; j < n; ++j) dot_block<T, Arch, M, 1>(k, a, a_stride, b + static_cast<std::ptrdiff_t>(j) * b_stride, b_stride, y + j, y_stride);
}

template <class T, class Arch>
void gemm_update_rows(std::size_t m, std::size_t n, std::size_t k, const T* a, std::size_t a_stride, const T* b, std::ptrdiff_t b_stride,
                      T* y, std::size_t y_stride) noexcept {
  switch (m) {
    case 1:
      return update_rows<T, Arch, 1>(n, k, a, a_stride, b, b_stride, y, y_stride);
    case 2:
      return update_rows<T, Arch, 2>(n, k, a, a_stride, b, b_stride, y, y_stride);
    case 3:
      return update_rows<T, Arch, 3>(n, k, a, a_stride, b, b_stride, y, y_stride);
    default:
      return update_rows<T, Arch, 4>(n, k, a, a_stride, b, b_stride, y, y_stride);
  }
}

template <class T, class Arch>
void gemm_dot_columns(std::size_t m, std::size_t n, std::size_t k, const T* a, std::size_t a_stride, const T* b, std::ptrdiff_t b_stride,
                      T* y, std::size_t y_stride) noexcept {
  switch (m) {
    case 1:
      return dot_columns<T, Arch, 1>(n, k, a, a_stride, b, b_stride, y, y_stride);
    case 2:
      return dot_columns<T, Arch, 2>(n, k, a, a_stride, b, b_stride, y, y_stride);
    case 3:
      return dot_columns<T, Arch, 3>(n, k, a, a_stride, b, b_stride, y, y_stride);
    default:
      return dot_columns<T, Arch, 4>(n, k, a, a_stride, b, b_stride, y, y_stride);
  }
}

}  // namespace detail

template <class T>
template <class Arch>
constexpr Gemm<T> Gemm<T>::make() noexcept {
  return {.mr = detail::GemmShape<T, Arch>::mr,
          .nr = detail::GemmShape<T, Arch>::nr,
          .pack_a = &detail::gemm_pack_a<T, Arch>,
          .pack_b = &detail::gemm_pack_b<T, Arch>,
          .kernel = &detail::gemm_kernel<T, Arch>,
          .update_rows = &detail::gemm_update_rows<T, Arch>,
          .dot_columns = &detail::gemm_dot_columns<T, Arch>,
          .isa = native_isa};
}

}  // namespace hone::inline HONE_ABI::simd

namespace hone::inline HONE_ABI::cpu {

/// A matrix in memory; strides in elements, not negative.
template <class T>
struct MatrixRef {
  const T* data = nullptr;
  std::ptrdiff_t row_stride = 0;
  std::ptrdiff_t column_stride = 1;

  [[nodiscard]] MatrixRef transposed() const noexcept { return {data, column_stride, row_stride}; }
};

/// What happens to C besides the product: C = [C +] A B [+ row_bias] [+ column_bias], then finish(C).
template <class T>
struct ProductOptions {
  /// Called once for every element of C, block by block, while the block is in cache:
  /// finish(c, row, column, rows, columns) with `c` at (row, column) and the row stride of C. From several threads at a time.
  using Finish = FunctionRef<void(T* c, std::int64_t row, std::int64_t column, std::int64_t rows, std::int64_t columns)>;

  bool accumulate = false;         ///< add to what C holds
  const T* row_bias = nullptr;     ///< (m) or null
  const T* column_bias = nullptr;  ///< (n) or null
  const Finish* finish = nullptr;  ///< or null
};

/// C = A B with A (m, k), B (k, n), C (m, n): blocks and threads around simd::Gemm.
///
/// Blocking (Goto and van de Geijn, Anatomy of High-Performance Matrix Multiplication, 2008). From the inside out:
///   mr x nr   a tile of C in registers
///   kc        a panel of B, kc x nr, takes 32 KiB: it stays in L1 while the panels of a block of A stream past it
///   mc        a block of A, mc x kc, takes 192 KiB: it stays in L2 (256 KiB and up) while the panels of B pass
///   nc        the packed part of B, kc x nc, takes 4 MiB: it stays in L3
///   mo        the packed part of A, mo x kc, takes 2 MiB: near enough to L2 when C is narrow and each block of A is used briefly
/// A and B are packed once per (kc, nc) step, by all threads; then the threads share the blocks of C. K is never split among
/// threads, and its blocks depend on the type and the instruction set alone: results are bitwise equal for any number of threads.
///
/// Products with at most 4 rows or columns are bound by reading the other matrix. They read it once, unpacked, each thread its part.
/// With up to 2 mr rows an unpacked row-major B is not packed either: the copy would cost as much as the product.
///
/// Allocates nothing, throws nothing; sizes may be 0 (k = 0 leaves the bias).
template <class T>
class MatrixProduct {
 public:
  /// Precondition: `isa` is in simd::available_isas().
  explicit MatrixProduct(simd::Isa isa) noexcept : kernels_(&simd::table<simd::Gemm<T>>(isa)) {
    const std::int64_t element = sizeof(T);
    kc_ = std::clamp<std::int64_t>(32 * 1024 / (nr() * element), 128, 512);
    mc_ = std::max(mr(), 192 * 1024 / (kc_ * element) / mr() * mr());
    nc_ = std::max(nr(), 4 * 1024 * 1024 / (kc_ * element) / nr() * nr());
    mo_ = std::max(mc_, 2 * 1024 * 1024 / (kc_ * element) / mc_ * mc_);
  }

  [[nodiscard]] simd::Isa isa() const noexcept { return kernels_->isa; }

  /// Bytes that pack_b writes.
  [[nodiscard]] std::size_t pack_b_bytes(std::int64_t k, std::int64_t n) const noexcept {
    return sizeof(T) * static_cast<std::size_t>(k * round_up(n, nr()));
  }

  /// Packs the whole of B (k, n), for products that use it often. `packed`: pack_b_bytes(k, n) bytes, best aligned to 64.
  void pack_b(const MatrixRef<T>& b, std::int64_t k, std::int64_t n, T* packed, const ThreadPool& pool) const noexcept {
    const std::int64_t panels = ceil_div(n, nr());
    for (std::int64_t p = 0; p < k; p += kc_) {
      const std::int64_t depth = std::min(kc_, k - p);
      T* block = packed + p * round_up(n, nr());
      pool.parallel_for(panels, pack_grain(depth), [&](std::int64_t begin, std::int64_t end) {
        pack_b_panels(b, p, depth, begin * nr(), std::min(end * nr(), n), block + begin * depth * nr());
      });
    }
  }

  /// Bytes of scratch of run() for any strides, aligned to 64 bytes. `packed`: with a packed B.
  [[nodiscard]] std::size_t workspace_bytes(std::int64_t m, std::int64_t n, std::int64_t k, bool packed = false) const noexcept {
    std::int64_t elements = packed_a_elements(m, k);
    if (!packed) {
      elements += round_up(std::min(n, nc_), nr()) * std::min(k, kc_);
      const std::int64_t lines = std::min(m, n);
      if (lines <= max_lines) elements = std::max(elements, round_up(lines * k, line) + lines * std::max(m, n));
    }
    return sizeof(T) * static_cast<std::size_t>(elements + line);
  }

  /// C = [C +] A B [+ bias]. c (m, n) with contiguous rows `c_row_stride` apart; it overlaps neither A, B nor the biases.
  /// `workspace`: workspace_bytes(m, n, k) bytes, aligned to 64.
  void run(std::int64_t m, std::int64_t n, std::int64_t k, const MatrixRef<T>& a, const MatrixRef<T>& b, T* c, std::ptrdiff_t c_row_stride,
           const ProductOptions<T>& options, void* workspace, const ThreadPool& pool) const noexcept {
    if (m <= 0 || n <= 0) return;
    auto* scratch = static_cast<T*>(workspace);
    const auto streams = [](const MatrixRef<T>& x) { return x.row_stride == 1 || x.column_stride == 1; };
    if (m <= max_lines && streams(b)) {
      run_lines<false>(m, n, k, a, b, c, c_row_stride, options, scratch, pool);
    } else if (n <= max_lines && streams(a)) {
      run_lines<true>(n, m, k, b.transposed(), a.transposed(), c, c_row_stride, options, scratch, pool);
    } else {
      run_blocks(m, n, k, a, Source{&b, nullptr}, c, c_row_stride, options, scratch, pool);
    }
  }

  /// The same with a B that pack_b() packed. `workspace`: workspace_bytes(m, n, k, true) bytes, aligned to 64.
  void run_packed(std::int64_t m, std::int64_t n, std::int64_t k, const MatrixRef<T>& a, const T* packed_b, T* c,
                  std::ptrdiff_t c_row_stride, const ProductOptions<T>& options, void* workspace, const ThreadPool& pool) const noexcept {
    if (m <= 0 || n <= 0) return;
    run_blocks(m, n, k, a, Source{nullptr, packed_b}, c, c_row_stride, options, static_cast<T*>(workspace), pool);
  }

 private:
  static constexpr std::int64_t max_lines = simd::Gemm<T>::max_vector_rows;
  /// Elements of a cache line.
  static constexpr std::int64_t line = 64 / sizeof(T);
  /// Multiply-adds, or packed elements, that are worth a thread: 2 to 10 microseconds.
  static constexpr std::int64_t worth_a_thread = 64 * 1024;
  static constexpr std::int64_t worth_packing = 8 * 1024;

  struct Source {
    const MatrixRef<T>* matrix;
    const T* packed;
  };

  static constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) noexcept { return (a + b - 1) / b; }
  static constexpr std::int64_t round_up(std::int64_t a, std::int64_t b) noexcept { return ceil_div(a, b) * b; }
  [[nodiscard]] std::int64_t mr() const noexcept { return kernels_->mr; }
  [[nodiscard]] std::int64_t nr() const noexcept { return kernels_->nr; }
  [[nodiscard]] std::int64_t pack_grain(std::int64_t depth) const noexcept { return ceil_div(worth_packing, (depth + 1) * nr()); }

  [[nodiscard]] std::int64_t packed_a_elements(std::int64_t m, std::int64_t k) const noexcept {
    return round_up(round_up(std::min(m, mo_), mr()) * std::min(k, kc_), line);
  }

  /// Columns [begin, end) of rows [p, p + depth) of B to consecutive panels.
  void pack_b_panels(const MatrixRef<T>& b, std::int64_t p, std::int64_t depth, std::int64_t begin, std::int64_t end,
                     T* panels) const noexcept {
    kernels_->pack_b(b.data + p * b.row_stride + begin * b.column_stride, b.row_stride, b.column_stride, static_cast<std::size_t>(depth),
                     static_cast<std::size_t>(end - begin), panels, static_cast<std::size_t>(depth * nr()));
  }

  void run_blocks(std::int64_t m, std::int64_t n, std::int64_t k, const MatrixRef<T>& a, Source b, T* c, std::ptrdiff_t c_row_stride,
                  const ProductOptions<T>& options, T* workspace, const ThreadPool& pool) const noexcept {
    T* const packed_a = workspace;
    T* const packed_b = workspace + packed_a_elements(m, k);
    const bool direct = b.packed == nullptr && b.matrix->column_stride == 1 && m <= 2 * mr();
    for (std::int64_t j0 = 0; j0 < n; j0 += nc_) {
      const std::int64_t columns = std::min(nc_, n - j0);
      std::int64_t p = 0;
      do {
        const std::int64_t depth = std::min(kc_, k - p);
        for (std::int64_t i0 = 0; i0 < m; i0 += mo_) {
          const std::int64_t rows = std::min(mo_, m - i0);
          // Panels of A, then those of B that are not there yet: none when B came packed or is read in place, except the last one,
          // which a kernel may not read in place when it is narrower than nr.
          const std::int64_t a_panels = ceil_div(rows, mr());
          const std::int64_t b_panels = b.packed != nullptr || i0 != 0 ? 0 : ceil_div(columns, nr());
          const std::int64_t b_first = direct ? columns / nr() : 0;
          pool.parallel_for(
              a_panels + std::max<std::int64_t>(0, b_panels - b_first), pack_grain(depth), [&](std::int64_t begin, std::int64_t end) {
                if (begin < a_panels) {
                  const std::int64_t first = begin * mr();
                  const std::int64_t last = std::min(std::min(end, a_panels) * mr(), rows);
                  kernels_->pack_a(a.data + (i0 + first) * a.row_stride + p * a.column_stride, a.row_stride, a.column_stride,
                                   static_cast<std::size_t>(last - first), static_cast<std::size_t>(depth), packed_a + first * depth);
                }
                if (end > a_panels) {
                  const std::int64_t first = (std::max(begin, a_panels) - a_panels + b_first) * nr();
                  const std::int64_t last = std::min((end - a_panels + b_first) * nr(), columns);
                  pack_b_panels(*b.matrix, p, depth, j0 + first, j0 + last, packed_b + first * depth);
                }
              });
          const Step step{
              .i0 = i0, .rows = rows, .j0 = j0, .columns = columns, .p = p, .depth = depth, .first = p == 0, .last = p + depth >= k};
          const T* panels = b.packed != nullptr ? b.packed + p * round_up(n, nr()) + j0 * depth : packed_b;
          run_step(step, packed_a, panels, direct ? b.matrix : nullptr, c, c_row_stride, options, pool);
        }
        p += depth;
      } while (p < k);
    }
  }

  /// One packed part of the product: C[i0 .. i0 + rows, j0 .. j0 + columns] (+)= A[., p .. p + depth] B[p .. p + depth, .].
  struct Step {
    std::int64_t i0;
    std::int64_t rows;
    std::int64_t j0;
    std::int64_t columns;
    std::int64_t p;
    std::int64_t depth;
    bool first;
    bool last;
  };

  void run_step(const Step& step, const T* packed_a, const T* packed_b, const MatrixRef<T>* direct, T* c, std::ptrdiff_t c_row_stride,
                const ProductOptions<T>& options, const ThreadPool& pool) const noexcept {
    // Blocks of mc rows; columns are cut until every thread has some four blocks to take, down to what is worth a thread.
    const std::int64_t row_blocks = ceil_div(step.rows, mc_);
    const std::int64_t block_rows = round_up(ceil_div(step.rows, row_blocks), mr());
    const std::int64_t wanted = ceil_div(4 * pool.size(), row_blocks);
    const std::int64_t least = ceil_div(worth_a_thread, block_rows * std::max<std::int64_t>(1, step.depth));
    const std::int64_t block_columns = round_up(std::max(ceil_div(step.columns, pool.size() == 1 ? 1 : wanted), least), nr());
    const std::int64_t column_blocks = ceil_div(step.columns, block_columns);
    pool.parallel_for(row_blocks * column_blocks, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t block = begin; block < end; ++block) {
        const std::int64_t i = block / column_blocks * block_rows;
        const std::int64_t j = block % column_blocks * block_columns;
        run_block(step, i, std::min(i + block_rows, step.rows), j, std::min(j + block_columns, step.columns), packed_a, packed_b, direct, c,
                  c_row_stride, options);
      }
    });
  }

  /// Rows [i_begin, i_end) and columns [j_begin, j_end) of a step.
  void run_block(const Step& step, std::int64_t i_begin, std::int64_t i_end, std::int64_t j_begin, std::int64_t j_end, const T* packed_a,
                 const T* packed_b, const MatrixRef<T>* direct, T* c, std::ptrdiff_t c_row_stride,
                 const ProductOptions<T>& options) const noexcept {
    for (std::int64_t j = j_begin; j < j_end; j += nr()) {
      const std::int64_t columns = std::min(nr(), j_end - j);
      const T* panel = packed_b + j * step.depth;
      std::ptrdiff_t panel_stride = nr();
      if (direct != nullptr && columns == nr()) {
        panel = direct->data + step.p * direct->row_stride + step.j0 + j;
        panel_stride = direct->row_stride;
      }
      for (std::int64_t i = i_begin; i < i_end; i += mr()) {
        const std::int64_t row = step.i0 + i;
        const std::int64_t column = step.j0 + j;
        kernels_->kernel(static_cast<std::size_t>(step.depth), packed_a + i * step.depth, panel, panel_stride,
                         {.c = c + row * c_row_stride + column,
                          .row_stride = c_row_stride,
                          .rows = static_cast<int>(std::min(mr(), i_end - i)),
                          .columns = static_cast<int>(columns),
                          .accumulate = !step.first || options.accumulate,
                          .row_bias = step.first && options.row_bias != nullptr ? options.row_bias + row : nullptr,
                          .column_bias = step.first && options.column_bias != nullptr ? options.column_bias + column : nullptr});
      }
    }
    if (step.last && options.finish != nullptr) {
      const std::int64_t row = step.i0 + i_begin;
      const std::int64_t column = step.j0 + j_begin;
      (*options.finish)(c + row * c_row_stride + column, row, column, i_end - i_begin, j_end - j_begin);
    }
  }

  /// At most max_lines lines times a matrix that is read once. Transposed: the lines are the columns of C.
  template <bool Transposed>
  void run_lines(std::int64_t lines, std::int64_t n, std::int64_t k, const MatrixRef<T>& a, const MatrixRef<T>& b, T* c,
                 std::ptrdiff_t c_row_stride, const ProductOptions<T>& options, T* workspace, const ThreadPool& pool) const noexcept {
    const T* rows = a.data;
    std::ptrdiff_t rows_stride = a.row_stride;
    if (a.column_stride != 1) {
      for (std::int64_t r = 0; r < lines; ++r) {
        for (std::int64_t p = 0; p < k; ++p) workspace[r * k + p] = a.data[r * a.row_stride + p * a.column_stride];
      }
      rows = workspace;
      rows_stride = k;
    }
    T* const sums = workspace + round_up(lines * k, line);
    // 1024 columns of 4 lines and of the 4 rows of B that pass are 32 KiB of float.
    constexpr std::int64_t strip = 1024;
    const std::int64_t grain = round_up(ceil_div(worth_a_thread / 2, k + 1), line);
    pool.parallel_for(n, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t j = begin; j < end; j += strip) {
        const std::int64_t count = std::min(strip, end - j);
        const auto m_ = static_cast<std::size_t>(lines);
        const auto n_ = static_cast<std::size_t>(count);
        const auto k_ = static_cast<std::size_t>(k);
        const auto a_stride = static_cast<std::size_t>(rows_stride);
        const auto y_stride = static_cast<std::size_t>(n);
        if (b.column_stride == 1) {
          for (std::int64_t r = 0; r < lines; ++r) std::fill_n(sums + r * n + j, count, T(0));
          kernels_->update_rows(m_, n_, k_, rows, a_stride, b.data + j, b.row_stride, sums + j, y_stride);
        } else {
          kernels_->dot_columns(m_, n_, k_, rows, a_stride, b.data + j * b.column_stride, b.column_stride, sums + j, y_stride);
        }
        put_lines<Transposed>(sums, n, lines, j, count, c, c_row_stride, options);
      }
    });
  }

  template <bool Transposed>
  static void put_lines(const T* sums, std::int64_t n, std::int64_t lines, std::int64_t first, std::int64_t count, T* c,
                        std::ptrdiff_t c_row_stride, const ProductOptions<T>& options) noexcept {
    const T* const line_bias = Transposed ? options.column_bias : options.row_bias;
    const T* const along_bias = Transposed ? options.row_bias : options.column_bias;
    const simd::Add add{};
    for (std::int64_t r = 0; r < lines; ++r) {
      T* const out = Transposed ? c + r : c + r * c_row_stride;
      const std::ptrdiff_t step = Transposed ? c_row_stride : 1;
      for (std::int64_t j = first; j < first + count; ++j) {
        T value = sums[r * n + j];
        if (options.accumulate) value = add(out[j * step], value);
        if (line_bias != nullptr) value = add(value, line_bias[r]);
        if (along_bias != nullptr) value = add(value, along_bias[j]);
        out[j * step] = value;
      }
    }
    if (options.finish == nullptr) return;
    if constexpr (Transposed) {
      (*options.finish)(c + first * c_row_stride, first, 0, count, lines);
    } else {
      (*options.finish)(c + first, 0, first, lines, count);
    }
  }

  const simd::Gemm<T>* kernels_;
  std::int64_t kc_;
  std::int64_t mc_;
  std::int64_t nc_;
  std::int64_t mo_;
};

}  // namespace hone::inline HONE_ABI::cpu
#define HONE_SINGLE_SIMD_DEPTHWISE_HPP

namespace hone::inline HONE_ABI::simd {

/// The taps of a two-dimensional window over one plane; steps in elements.
template <class T>
struct DepthwiseTaps {
  const T* weights;  ///< (rows, columns)
  int rows;
  int columns;
  std::ptrdiff_t row_step;     ///< from one row of taps to the next in x
  std::ptrdiff_t column_step;  ///< from one tap to the next in a row
  std::ptrdiff_t stride;       ///< from one window to the next
  T bias;
};

/// One row of a depthwise convolution, y[i] = bias + sum over r, c of weights[r, c] * x[i * stride + r * row_step + c * column_step].
/// Shapes: y (n). Any alignment; x and y do not overlap. All of x that the taps of n windows touch must be there.
template <class T>
struct DepthwiseRow {
  void (*run)(const DepthwiseTaps<T>& taps, const T* x, T* y, std::size_t n) noexcept;
  Isa isa;

  template <class Arch>
  static constexpr DepthwiseRow make() noexcept;
};

namespace detail {

/// `Count` registers of windows side by side: enough independent sums to hide the latency of the multiply-add.
template <class T, class Arch, int Count>
HONE_ALWAYS_INLINE void depthwise_block(const DepthwiseTaps<T>& taps, const T* x, T* y) noexcept {
  using V = xsimd::batch<T, Arch>;
  V sum[Count];
  for (int k = 0; k < Count; ++k) sum[k] = V(taps.bias);
  for (int r = 0; r < taps.rows; ++r) {
    for (int c = 0; c < taps.columns; ++c) {
      const V w(taps.weights[r * taps.columns + c]);
      const T* from = x + r * taps.row_step + c * taps.column_step;
      for (int k = 0; k < Count; ++k) sum[k] = xsimd::fma(w, V::load_unaligned(from + k * static_cast<int>(V::size)), sum[k]);
    }
  }
  for (int k = 0; k < Count; ++k) sum[k].store_unaligned(y + k * static_cast<int>(V::size));
}

template <class T, class Arch>
void depthwise_run(const DepthwiseTaps<T>& taps, const T* x, T* y, std::size_t n) noexcept {
  using V = xsimd::batch<T, Arch>;
  if (taps.stride != 1) {
    for (std::size_t i = 0; i < n; ++i) y[i] = taps.bias;
    for (int r = 0; r < taps.rows; ++r) {
      for (int c = 0; c < taps.columns; ++c) {
        const T w = taps.weights[r * taps.columns + c];
        const T* from = x + r * taps.row_step + c * taps.column_step;
        for (std::size_t i = 0; i < n; ++i) y[i] += w * from[static_cast<std::ptrdiff_t>(i) * taps.stride];
      }
    }
    return;
  }
  std::size_t i = 0;
  for (; i + 4 * V::size <= n; i += 4 * V::size) depthwise_block<T, Arch, 4>(taps, x + i, y + i);
  for (; i + V::size <= n; i += V::size) depthwise_block<T, Arch, 1>(taps, x + i, y + i);
  if (i == n) return;
  V sum(taps.bias);
  for (int r = 0; r < taps.rows; ++r) {
    for (int c = 0; c < taps.columns; ++c) {
      const V w(taps.weights[r * taps.columns + c]);
      sum = xsimd::fma(w, load_part<V>(x + i + r * taps.row_step + c * taps.column_step, n - i), sum);
    }
  }
  store_part(sum, y + i, n - i);
}

}  // namespace detail

template <class T>
template <class Arch>
constexpr DepthwiseRow<T> DepthwiseRow<T>::make() noexcept {
  return {.run = &detail::depthwise_run<T, Arch>, .isa = native_isa};
}

}  // namespace hone::inline HONE_ABI::simd

namespace hone::inline HONE_ABI {

/// A matrix product of the weights (M, C * kernel) and the windows of the input (C * kernel, positions), which are gathered block by block;
/// a pointwise window needs no gathering. One input channel per group in one or two dimensions goes row by row through taps instead.
template <class T>
class Kernel<ops::Conv, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice& device)
      : op_(node.op<ops::Conv>()), product_(device.isa), depthwise_(&simd::table<simd::DepthwiseRow<T>>(device.isa)) {}

  [[nodiscard]] std::size_t workspace(const Context& c) const {
    const Problem p(op_, c);
    if (p.is_depthwise()) return align_up(plane_elements(p) * sizeof(T)) * static_cast<std::size_t>(c.pool().size());
    return columns_bytes(p) + product_.workspace_bytes(p.group_outputs, block_columns(p), p.depth());
  }

  void run(Context& c) const {
    const Problem p(op_, c);
    if (p.batch == 0 || p.outputs == 0 || p.geometry.output_size() == 0) return;
    if (p.is_depthwise()) return run_depthwise(c, p);
    const std::int64_t input_size = p.geometry.input_size();
    const std::int64_t output_size = p.geometry.output_size();
    for (std::int64_t n = 0; n < p.batch; ++n) {
      for (std::int64_t g = 0; g < op_.group; ++g) {
        const T* x = c.in<T>(0) + (n * op_.group + g) * p.group_inputs * input_size;
        const cpu::MatrixRef<T> weights{c.in<T>(1) + g * p.group_outputs * p.depth(), p.depth(), 1};
        T* y = c.out<T>(0) + (n * p.outputs + g * p.group_outputs) * output_size;
        cpu::ProductOptions<T> options;
        if (c.has_input(2)) options.row_bias = c.in<T>(2) + g * p.group_outputs;
        multiply(c, p, x, weights, y, options);
      }
    }
  }

 private:
  /// Bytes of the gathered windows of one block: they stay in L2 until they are packed.
  static constexpr std::int64_t block_bytes = 1024 * 1024;

  struct Problem {
    Problem(const ops::Conv& op, const Context& c) {
      const Shape& x = c.input(0).shape;
      const Shape& w = c.input(1).shape;
      batch = x[0];
      outputs = w[0];
      group_inputs = w[1];
      group_outputs = w[0] / op.group;
      geometry.rank = x.rank() - 2;
      for (std::size_t i = 0; i < geometry.rank; ++i) geometry.axes[i] = op.window.axis(i, geometry.rank, x[i + 2], w[i + 2]);
    }
    [[nodiscard]] std::int64_t depth() const noexcept { return group_inputs * geometry.kernel_size(); }
    [[nodiscard]] bool is_depthwise() const noexcept {
      if (group_inputs != 1 || geometry.rank > 2) return false;
      for (std::size_t i = 0; i < geometry.rank; ++i)
        if (geometry.axes[i].pad_begin < 0 || geometry.axes[i].pad_end < 0) return false;
      return true;
    }

    cpu::ConvGeometry geometry;
    std::int64_t batch;
    std::int64_t outputs;
    std::int64_t group_inputs;
    std::int64_t group_outputs;
  };

  [[nodiscard]] static std::int64_t block_columns(const Problem& p) noexcept {
    const std::int64_t output_size = p.geometry.output_size();
    if (p.geometry.is_pointwise()) return output_size;
    constexpr std::int64_t least = 512;
    const std::int64_t fitting = block_bytes / static_cast<std::int64_t>(sizeof(T)) / std::max<std::int64_t>(1, p.depth());
    return std::min(output_size, std::max(least, fitting / 64 * 64));
  }
  [[nodiscard]] static std::size_t columns_bytes(const Problem& p) noexcept {
    return p.geometry.is_pointwise() ? 0 : align_up(static_cast<std::size_t>(p.depth() * block_columns(p)) * sizeof(T));
  }

  void multiply(Context& c, const Problem& p, const T* x, const cpu::MatrixRef<T>& weights, T* y,
                const cpu::ProductOptions<T>& options) const {
    const std::int64_t output_size = p.geometry.output_size();
    if (p.geometry.is_pointwise()) {
      product_.run(p.group_outputs, output_size, p.depth(), weights, {x, output_size, 1}, y, output_size, options, c.workspace(), c.pool());
      return;
    }
    const std::int64_t block = block_columns(p);
    const std::int64_t taps = p.geometry.kernel_size();
    T* columns = reinterpret_cast<T*>(c.workspace());
    for (std::int64_t first = 0; first < output_size; first += block) {
      const std::int64_t count = std::min(block, output_size - first);
      c.parallel_for(p.depth(), std::max<std::int64_t>(1, 16 * 1024 / count), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row) {
          p.geometry.gather_tap(x + row / taps * p.geometry.input_size(), row % taps, first, count, columns + row * count);
        }
      });
      product_.run(p.group_outputs, count, p.depth(), weights, {columns, count, 1}, y + first, output_size, options,
                   c.workspace() + columns_bytes(p), c.pool());
    }
  }

  /// A plane as two axes, the first one of size 1 when there is only one.
  struct Plane {
    explicit Plane(const cpu::ConvGeometry& g) : w(g.axes[g.rank - 1]) {
      if (g.rank == 2) h = g.axes[0];
    }
    /// The input with its padding, as far as the windows reach.
    [[nodiscard]] std::int64_t padded_height() const noexcept { return (h.output - 1) * h.stride + h.extent(); }
    [[nodiscard]] std::int64_t padded_width() const noexcept { return (w.output - 1) * w.stride + w.extent(); }
    [[nodiscard]] bool needs_padding() const noexcept {
      return h.pad_begin != 0 || w.pad_begin != 0 || padded_height() > h.input || padded_width() > w.input;
    }
    ops::Window::Axis h;
    ops::Window::Axis w;
  };

  [[nodiscard]] static std::size_t plane_elements(const Problem& p) noexcept {
    const Plane plane(p.geometry);
    return plane.needs_padding() ? static_cast<std::size_t>(plane.padded_height() * plane.padded_width()) : 0;
  }

  void run_depthwise(Context& c, const Problem& p) const {
    const Plane plane(p.geometry);
    const std::int64_t input_size = p.geometry.input_size();
    const std::int64_t output_size = p.geometry.output_size();
    const std::int64_t taps = p.geometry.kernel_size();
    const std::size_t scratch = align_up(plane_elements(p) * sizeof(T));
    const std::int64_t grain = std::max<std::int64_t>(1, 32 * 1024 / (output_size * taps));
    c.pool().parallel_for(p.batch * p.outputs, grain, [&](std::int64_t begin, std::int64_t end, int slot) {
      T* padded = reinterpret_cast<T*>(c.workspace() + static_cast<std::size_t>(slot) * scratch);
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t m = i % p.outputs;
        const T* x = c.in<T>(0) + (i / p.outputs * op_.group + m / p.group_outputs) * input_size;
        std::int64_t row_size = plane.w.input;
        if (plane.needs_padding()) {
          pad(plane, x, padded);
          x = padded;
          row_size = plane.padded_width();
        }
        const simd::DepthwiseTaps<T> window{.weights = c.in<T>(1) + m * taps,
                                            .rows = static_cast<int>(plane.h.kernel),
                                            .columns = static_cast<int>(plane.w.kernel),
                                            .row_step = plane.h.dilation * row_size,
                                            .column_step = plane.w.dilation,
                                            .stride = plane.w.stride,
                                            .bias = c.has_input(2) ? c.in<T>(2)[m] : T(0)};
        T* y = c.out<T>(0) + i * output_size;
        for (std::int64_t row = 0; row < plane.h.output; ++row) {
          depthwise_->run(window, x + row * plane.h.stride * row_size, y + row * plane.w.output, static_cast<std::size_t>(plane.w.output));
        }
      }
    });
  }

  static void pad(const Plane& plane, const T* x, T* padded) noexcept {
    const std::int64_t width = plane.padded_width();
    const std::int64_t copied = std::min(plane.w.input, width - plane.w.pad_begin);
    for (std::int64_t row = 0; row < plane.padded_height(); ++row) {
      T* to = padded + row * width;
      const std::int64_t from = row - plane.h.pad_begin;
      if (from < 0 || from >= plane.h.input || copied <= 0) {
        std::fill_n(to, width, T(0));
        continue;
      }
      std::fill_n(to, plane.w.pad_begin, T(0));
      std::copy_n(x + from * plane.w.input, copied, to + plane.w.pad_begin);
      std::fill_n(to + plane.w.pad_begin + copied, width - plane.w.pad_begin - copied, T(0));
    }
  }

  ops::Conv op_;
  cpu::MatrixProduct<T> product_;
  const simd::DepthwiseRow<T>* depthwise_;
};

/// The product of the transposed weights (M * kernel, C) and the input (C, positions), each row then added where its tap points.
template <class T>
class Kernel<ops::ConvTranspose, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice& device) : op_(node.op<ops::ConvTranspose>()), product_(device.isa) {}

  [[nodiscard]] std::size_t workspace(const Context& c) const {
    const Problem p(op_, c);
    return columns_bytes(p) + product_.workspace_bytes(p.group_outputs * p.geometry.kernel_size(), p.positions(), p.group_inputs);
  }

  void run(Context& c) const {
    const Problem p(op_, c);
    const std::int64_t taps = p.geometry.kernel_size();
    const std::int64_t positions = p.positions();
    const std::int64_t plane = p.geometry.input_size();
    T* columns = reinterpret_cast<T*>(c.workspace());
    for (std::int64_t n = 0; n < p.batch; ++n) {
      for (std::int64_t g = 0; g < op_.group; ++g) {
        const T* x = c.in<T>(0) + (n * op_.group + g) * p.group_inputs * positions;
        const cpu::MatrixRef<T> weights{c.in<T>(1) + g * p.group_inputs * p.group_outputs * taps, p.group_outputs * taps, 1};
        product_.run(p.group_outputs * taps, positions, p.group_inputs, weights.transposed(), {x, positions, 1}, columns, positions, {},
                     c.workspace() + columns_bytes(p), c.pool());
        const std::int64_t first = g * p.group_outputs;
        c.parallel_for(p.group_outputs, std::max<std::int64_t>(1, 16 * 1024 / (taps * positions + 1)),
                       [&](std::int64_t begin, std::int64_t end) {
                         for (std::int64_t m = begin; m < end; ++m) {
                           T* y = c.out<T>(0) + (n * p.group_outputs * op_.group + first + m) * plane;
                           std::fill_n(y, plane, c.has_input(2) ? c.in<T>(2)[first + m] : T(0));
                           for (std::int64_t k = 0; k < taps; ++k) p.geometry.scatter_tap(columns + (m * taps + k) * positions, k, y);
                         }
                       });
      }
    }
  }

 private:
  /// The geometry is that of the convolution which this transposes: its input is our output.
  struct Problem {
    Problem(const ops::ConvTranspose& op, const Context& c) {
      const Shape& x = c.input(0).shape;
      const Shape& w = c.input(1).shape;
      batch = x[0];
      group_inputs = x[1] / op.group;
      group_outputs = w[1];
      geometry.rank = x.rank() - 2;
      for (std::size_t i = 0; i < geometry.rank; ++i) {
        geometry.axes[i] = op.axis(i, x, w);
        std::swap(geometry.axes[i].input, geometry.axes[i].output);
      }
    }
    [[nodiscard]] std::int64_t positions() const noexcept { return geometry.output_size(); }

    cpu::ConvGeometry geometry;
    std::int64_t batch;
    std::int64_t group_inputs;
    std::int64_t group_outputs;
  };

  [[nodiscard]] static std::size_t columns_bytes(const Problem& p) noexcept {
    return align_up(static_cast<std::size_t>(p.group_outputs * p.geometry.kernel_size() * p.positions()) * sizeof(T));
  }

  ops::ConvTranspose op_;
  cpu::MatrixProduct<T> product_;
};

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_KERNELS_CPU_POOL_HPP

namespace hone::inline HONE_ABI {

namespace cpu {

/// The part of a pooling window that lies inside the input, along one axis.
struct WindowSpan {
  std::int64_t first;   ///< index of its first element in the input
  std::int64_t count;   ///< elements of the window inside the input
  std::int64_t padded;  ///< the same with the padding counted
};

[[nodiscard]] inline WindowSpan window_span(const ops::Window::Axis& axis, std::int64_t window) noexcept {
  const std::int64_t start = window * axis.stride - axis.pad_begin;
  const std::int64_t skipped = start < 0 ? (-start + axis.dilation - 1) / axis.dilation : 0;
  const auto up_to = [&](std::int64_t end) {
    return end <= start ? 0 : std::min(axis.kernel, (end - start + axis.dilation - 1) / axis.dilation);
  };
  const std::int64_t inside = up_to(axis.input);
  return {start + skipped * axis.dilation, std::max<std::int64_t>(0, inside - skipped), up_to(axis.input + axis.pad_end)};
}

/// Calls begin(window), row(data offset, step, count) for each run of elements along the last axis, then end(window, padded elements) for
/// every window of one plane, in order.
template <class Begin, class Row, class End>
void for_windows(const ops::Window::Axis* axes, std::size_t rank, const Begin& begin, const Row& row, const End& end) {
  std::array<std::int64_t, Shape::max_rank> at{};
  std::array<WindowSpan, Shape::max_rank> spans;
  std::int64_t windows = 1;
  for (std::size_t i = 0; i < rank; ++i) windows *= axes[i].output;
  for (std::int64_t window = 0; window < windows; ++window) {
    begin(window);
    std::int64_t outer = 1;
    std::int64_t padded = 1;
    for (std::size_t i = 0; i < rank; ++i) {
      spans[i] = window_span(axes[i], at[i]);
      padded *= spans[i].padded;
      if (i + 1 < rank) outer *= spans[i].count;
    }
    for (std::int64_t k = 0; k < outer; ++k) {
      std::int64_t rest = k;
      std::int64_t offset = spans[rank - 1].first;
      std::int64_t stride = axes[rank - 1].input;
      for (std::size_t i = rank - 1; i-- > 0;) {
        offset += (spans[i].first + rest % spans[i].count * axes[i].dilation) * stride;
        rest /= spans[i].count;
        stride *= axes[i].input;
      }
      row(offset, axes[rank - 1].dilation, spans[rank - 1].count);
    }
    end(window, padded);
    for (std::size_t i = rank; i-- > 0;) {
      if (++at[i] < axes[i].output) break;
      at[i] = 0;
    }
  }
}

/// The planes of a pooling and their axes.
struct PoolProblem {
  PoolProblem(const ops::Window& window, const Context& c) {
    const Shape& x = c.input(0).shape;
    rank = x.rank() - 2;
    planes = x[0] * x[1];
    for (std::size_t i = 0; i < rank; ++i) {
      axes[i] = window.axis(i, rank, x[i + 2], 1);
      input_size *= axes[i].input;
      output_size *= axes[i].output;
      taps *= axes[i].kernel;
    }
  }
  template <class Body>
  void for_planes(const Context& c, const Body& body) const {
    c.parallel_for(planes, std::max<std::int64_t>(1, 16 * 1024 / (output_size * taps + 1)), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t plane = begin; plane < end; ++plane) body(plane);
    });
  }

  std::size_t rank;
  std::int64_t planes;
  std::int64_t input_size = 1;
  std::int64_t output_size = 1;
  std::int64_t taps = 1;
  std::array<ops::Window::Axis, Shape::max_rank> axes;
};

}  // namespace cpu

template <class T>
class Kernel<ops::MaxPool, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<ops::MaxPool>()) {}

  void run(Context& c) const {
    const cpu::PoolProblem p(op_.window, c);
    p.for_planes(c, [&](std::int64_t plane) {
      const T* x = c.in<T>(0) + plane * p.input_size;
      T* y = c.out<T>(0) + plane * p.output_size;
      std::int64_t* indices = c.has_output(1) ? c.out<std::int64_t>(1) + plane * p.output_size : nullptr;
      constexpr bool real = std::numeric_limits<T>::has_infinity;
      T best{};
      std::int64_t at = 0;
      const auto begin = [&](std::int64_t) {
        best = real ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::lowest();
        at = -1;
      };
      const auto end = [&](std::int64_t window, std::int64_t) {
        y[window] = best;
        if (indices != nullptr) indices[window] = plane * p.input_size + (op_.column_major ? column_major(p, at) : at);
      };
      if (indices == nullptr) {
        cpu::for_windows(
            p.axes.data(), p.rank, begin,
            [&](std::int64_t offset, std::int64_t step, std::int64_t count) {
              for (std::int64_t i = 0; i < count; ++i) {
                const T value = x[offset + i * step];
                best = value > best || value != value ? value : best;
              }
            },
            end);
        return;
      }
      cpu::for_windows(
          p.axes.data(), p.rank, begin,
          [&](std::int64_t offset, std::int64_t step, std::int64_t count) {
            for (std::int64_t i = 0; i < count; ++i) {
              const T value = x[offset + i * step];
              if (at >= 0 && !(value > best)) continue;
              best = value;
              at = offset + i * step;
            }
          },
          end);
    });
  }

 private:
  /// The index of element `at` of a plane when its spatial dimensions are counted first to last.
  [[nodiscard]] static std::int64_t column_major(const cpu::PoolProblem& p, std::int64_t at) noexcept {
    std::int64_t result = 0;
    for (std::size_t i = p.rank; i-- > 0;) {
      result = result * p.axes[i].input + at % p.axes[i].input;
      at /= p.axes[i].input;
    }
    return result;
  }

  ops::MaxPool op_;
};

template <class T>
class Kernel<ops::AveragePool, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<ops::AveragePool>()) {}

  void run(Context& c) const {
    const cpu::PoolProblem p(op_.window, c);
    p.for_planes(c, [&](std::int64_t plane) {
      const T* x = c.in<T>(0) + plane * p.input_size;
      T* y = c.out<T>(0) + plane * p.output_size;
      T sum = 0;
      std::int64_t inside = 0;
      cpu::for_windows(
          p.axes.data(), p.rank,
          [&](std::int64_t) {
            sum = 0;
            inside = 0;
          },
          [&](std::int64_t offset, std::int64_t step, std::int64_t count) {
            for (std::int64_t i = 0; i < count; ++i) sum += x[offset + i * step];
            inside += count;
          },
          [&](std::int64_t window, std::int64_t padded) { y[window] = sum / static_cast<T>(op_.count_include_pad ? padded : inside); });
    });
  }

 private:
  ops::AveragePool op_;
};

template <class T>
class Kernel<ops::LpPool, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<ops::LpPool>()) {}

  void run(Context& c) const {
    const cpu::PoolProblem p(op_.window, c);
    const T power = static_cast<T>(op_.p);
    p.for_planes(c, [&](std::int64_t plane) {
      const T* x = c.in<T>(0) + plane * p.input_size;
      T* y = c.out<T>(0) + plane * p.output_size;
      T sum = 0;
      cpu::for_windows(
          p.axes.data(), p.rank, [&](std::int64_t) { sum = 0; },
          [&](std::int64_t offset, std::int64_t step, std::int64_t count) {
            for (std::int64_t i = 0; i < count; ++i) sum += std::pow(std::abs(x[offset + i * step]), power);
          },
          [&](std::int64_t window, std::int64_t) { y[window] = std::pow(sum, T(1) / power); });
    });
  }

 private:
  ops::LpPool op_;
};

namespace cpu {

/// y[plane] = reduce(x of the plane, elements)
template <class T, class Reduce>
void for_global_planes(const Context& c, const Reduce& reduce) {
  const Shape& shape = c.input(0).shape;
  const std::int64_t size = shape.elements(2, shape.rank());
  c.parallel_for(shape[0] * shape[1], std::max<std::int64_t>(1, 16 * 1024 / (size + 1)), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t plane = begin; plane < end; ++plane)
      c.out<T>(0)[plane] = reduce(c.in<T>(0) + plane * size, static_cast<std::size_t>(size));
  });
}

}  // namespace cpu

template <class T>
class Kernel<ops::GlobalAveragePool, Cpu, T> {
 public:
  Kernel(const NodeView&, const CpuDevice& device) : sum_(&simd::table<simd::Reduce<simd::Sum, T>>(device.isa)) {}
  void run(Context& c) const {
    cpu::for_global_planes<T>(c, [this](const T* x, std::size_t n) { return sum_->contiguous(x, n) / static_cast<T>(n); });
  }

 private:
  const simd::Reduce<simd::Sum, T>* sum_;
};

template <class T>
class Kernel<ops::GlobalMaxPool, Cpu, T> {
 public:
  Kernel(const NodeView&, const CpuDevice& device) : max_(&simd::table<simd::Reduce<simd::MaxOf, T>>(device.isa)) {}
  void run(Context& c) const {
    cpu::for_global_planes<T>(c, [this](const T* x, std::size_t n) { return max_->contiguous(x, n); });
  }

 private:
  const simd::Reduce<simd::MaxOf, T>* max_;
};

template <class T>
class Kernel<ops::GlobalLpPool, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : p_(static_cast<T>(node.op<ops::GlobalLpPool>().p)) {}
  void run(Context& c) const {
    cpu::for_global_planes<T>(c, [this](const T* x, std::size_t n) {
      T sum = 0;
      for (std::size_t i = 0; i < n; ++i) sum += std::pow(std::abs(x[i]), p_);
      return std::pow(sum, T(1) / p_);
    });
  }

 private:
  T p_;
};

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_PROVIDERS_CPU_KERNELS_ELEMENTWISE_IMPL_HPP

#define HONE_SINGLE_KERNELS_CPU_BINARY_HPP

#define HONE_SINGLE_KERNELS_CPU_UNARY_HPP

#define HONE_SINGLE_SIMD_UNARY_HPP

namespace hone::inline HONE_ABI::simd {

/// f, x and y point to the types of the UnaryLoop that the function is taken from.
using UnaryFunction = void (*)(const void* f, const void* x, void* y, std::size_t n) noexcept;

/// y[i] = f(x[i]). Shapes: x (n), y (n). Any alignment; y may be x, and may not overlap it otherwise.
/// An element's result does not depend on its position, so an array may be cut anywhere among threads.
template <class F, class T>
struct UnaryLoop {
  static_assert(Scalar<T>, "the loops of simd/ compute with numbers: there is none of this operator for this element type");

  /// The loop, its types erased: what drives it is then no template on them.
  UnaryFunction erased;
  Isa isa;

  HONE_ALWAYS_INLINE void run(const F& f, const T* x, T* y, std::size_t n) const noexcept { erased(&f, x, y, n); }

  template <class Arch>
  static constexpr UnaryLoop make() noexcept;
};

// Functors: y = f(x) for a scalar and for a batch. NaN in gives NaN out. Written `x < 0 ? g(x) : x` rather than the other way
// round, because then NaN falls through to x.
// clang-format off
struct Identity   { template <class V> HONE_LANE V operator()(V x) const noexcept { return x; } };
struct Abs        { template <class V> HONE_LANE V operator()(V x) const noexcept { return abs(x); } };
struct Neg        { template <class V> HONE_LANE V operator()(V x) const noexcept { return negate(x); } };
struct Sign       { template <class V> HONE_LANE V operator()(V x) const noexcept { return select(x > V(0), V(1), select(x < V(0), V(-1), x)); } };
struct Relu       { template <class V> HONE_LANE V operator()(V x) const noexcept { return select(x < V(0), V(0), x); } };
struct Reciprocal { template <class V> HONE_LANE V operator()(V x) const noexcept { return V(1) / x; } };
struct Sqrt       { template <class V> HONE_LANE V operator()(V x) const noexcept { return sqrt(x); } };
struct Exp        { template <class V> HONE_LANE V operator()(V x) const noexcept { return exp(x); } };
struct Log        { template <class V> HONE_LANE V operator()(V x) const noexcept { return log(x); } };
struct Erf        { template <class V> HONE_LANE V operator()(V x) const noexcept { return erf(x); } };
struct Ceil       { template <class V> HONE_LANE V operator()(V x) const noexcept { return ceil(x); } };
struct Floor      { template <class V> HONE_LANE V operator()(V x) const noexcept { return floor(x); } };
/// Halfway cases to even.
struct Round      { template <class V> HONE_LANE V operator()(V x) const noexcept { return nearbyint(x); } };
struct Sigmoid    { template <class V> HONE_LANE V operator()(V x) const noexcept { return V(1) / (V(1) + exp(-x)); } };
struct Tanh       { template <class V> HONE_LANE V operator()(V x) const noexcept { return tanh(x); } };
struct Sinh       { template <class V> HONE_LANE V operator()(V x) const noexcept { return sinh(x); } };
struct Cosh       { template <class V> HONE_LANE V operator()(V x) const noexcept { return cosh(x); } };
struct Asin       { template <class V> HONE_LANE V operator()(V x) const noexcept { return asin(x); } };
struct Acos       { template <class V> HONE_LANE V operator()(V x) const noexcept { return acos(x); } };
struct Atan       { template <class V> HONE_LANE V operator()(V x) const noexcept { return atan(x); } };
struct Asinh      { template <class V> HONE_LANE V operator()(V x) const noexcept { return asinh(x); } };
struct Acosh      { template <class V> HONE_LANE V operator()(V x) const noexcept { return acosh(x); } };
struct Atanh      { template <class V> HONE_LANE V operator()(V x) const noexcept { return atanh(x); } };
/// log(1 + exp(x)), without overflow.
struct Softplus   { template <class V> HONE_LANE V operator()(V x) const noexcept { return Relu{}(x) + log1p(exp(-abs(x))); } };
struct Softsign   { template <class V> HONE_LANE V operator()(V x) const noexcept { return x / (V(1) + abs(x)); } };

// Scalar: the range reduction of xsimd for large arguments is a function without the architecture in its name.
struct Sin { using scalar_only = void; template <Scalar V> HONE_LANE V operator()(V x) const noexcept { return std::sin(x); } };
struct Cos { using scalar_only = void; template <Scalar V> HONE_LANE V operator()(V x) const noexcept { return std::cos(x); } };
struct Tan { using scalar_only = void; template <Scalar V> HONE_LANE V operator()(V x) const noexcept { return std::tan(x); } };
// clang-format on

/// min(max(x, lo), hi), except that NaN stays.
template <class T>
struct Clip {
  T lo;
  T hi;
  template <class V>
  HONE_LANE V operator()(V x) const noexcept {
    x = select(x < V(lo), V(lo), x);
    return select(x > V(hi), V(hi), x);
  }
};

// Parameters are float because ONNX attributes are.
// clang-format off
/// x < 0 ? alpha x : x
struct LeakyRelu { float alpha; template <class V> HONE_LANE V operator()(V x) const noexcept { return select(x < V(0), constant<V>(alpha) * x, x); } };
/// x <= alpha ? 0 : x
struct ThresholdedRelu { float alpha; template <class V> HONE_LANE V operator()(V x) const noexcept { return select(x <= constant<V>(alpha), V(0), x); } };
/// x < 0 ? alpha (exp(x) - 1) : x
struct Elu { float alpha; template <class V> HONE_LANE V operator()(V x) const noexcept { return select(x < V(0), constant<V>(alpha) * expm1(x), x); } };
/// gamma (x < 0 ? alpha (exp(x) - 1) : x)
struct Selu { float alpha; float gamma; template <class V> HONE_LANE V operator()(V x) const noexcept { return constant<V>(gamma) * select(x < V(0), constant<V>(alpha) * expm1(x), x); } };
/// x < 0 ? alpha (exp(x / alpha) - 1) : x
struct Celu { float alpha; template <class V> HONE_LANE V operator()(V x) const noexcept { return select(x < V(0), constant<V>(alpha) * expm1(x / constant<V>(alpha)), x); } };
/// min(max(alpha x + beta, 0), 1)
struct HardSigmoid { float alpha; float beta; template <class V> HONE_LANE V operator()(V x) const noexcept { return Clip<lane_t<V>>{0, 1}(constant<V>(alpha) * x + constant<V>(beta)); } };
/// x min(max(x / 6 + 1/2, 0), 1)
struct HardSwish { template <class V> HONE_LANE V operator()(V x) const noexcept { return x * Clip<lane_t<V>>{0, 1}(x * constant<V>(1.0 / 6) + constant<V>(0.5)); } };
/// x / (1 + exp(-alpha x))
struct Swish { float alpha; template <class V> HONE_LANE V operator()(V x) const noexcept { return x / (V(1) + exp(-constant<V>(alpha) * x)); } };
/// x/2 (1 + erf(x / sqrt(2)))
struct Gelu { template <class V> HONE_LANE V operator()(V x) const noexcept { return constant<V>(0.5) * x * (V(1) + erf(x * constant<V>(0.70710678118654752440))); } };
/// x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
struct GeluTanh { template <class V> HONE_LANE V operator()(V x) const noexcept { return constant<V>(0.5) * x * (V(1) + tanh(constant<V>(0.79788456080286535588) * x * (V(1) + constant<V>(0.044715) * x * x))); } };
// clang-format on

/// x tanh(log(1 + exp(x)))
struct Mish {
  template <class V>
  HONE_LANE V operator()(V x) const noexcept {
    // With t = exp(x) and m = t (t + 2): tanh(log(1 + t)) = m / (m + 2). From x = 20 on the quotient is 1 in double too.
    const V t = exp(select(x > V(20), V(20), x));
    const V m = t * (t + V(2));
    return x * (m / (m + V(2)));
  }
};

namespace detail {

/// Integers and functors without a batch form run as plain loops, which the compiler vectorises where it can.
template <class F, class T>
inline constexpr bool plain_loop = !std::floating_point<T> || requires {
  typename F::scalar_only;
};

template <class F, class T, class Arch>
void unary_run(const void* f, const void* from, void* to, std::size_t n) noexcept {
  const F g = *static_cast<const F*>(f);
  const T* x = static_cast<const T*>(from);
  T* y = static_cast<T*>(to);
  if constexpr (plain_loop<F, T>) {
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC ivdep
#endif
    for (std::size_t i = 0; i < n; ++i) y[i] = g(x[i]);
  } else {
    using V = xsimd::batch<T, Arch>;
    std::size_t i = 0;
    for (; i + V::size <= n; i += V::size) g(V::load_unaligned(x + i)).store_unaligned(y + i);
    if (i < n) store_part(g(load_part<V>(x + i, n - i)), y + i, n - i);
  }
}

}  // namespace detail

template <class F, class T>
template <class Arch>
constexpr UnaryLoop<F, T> UnaryLoop<F, T>::make() noexcept {
  return {.erased = &detail::unary_run<F, T, Arch>, .isa = native_isa};
}

}  // namespace hone::inline HONE_ABI::simd

namespace hone::inline HONE_ABI {

namespace cpu {

// What each operator computes: one line per operator.
// clang-format off
constexpr simd::Abs             unary(const ops::Abs&) noexcept { return {}; }
constexpr simd::Acos            unary(const ops::Acos&) noexcept { return {}; }
constexpr simd::Acosh           unary(const ops::Acosh&) noexcept { return {}; }
constexpr simd::Asin            unary(const ops::Asin&) noexcept { return {}; }
constexpr simd::Asinh           unary(const ops::Asinh&) noexcept { return {}; }
constexpr simd::Atan            unary(const ops::Atan&) noexcept { return {}; }
constexpr simd::Atanh           unary(const ops::Atanh&) noexcept { return {}; }
constexpr simd::Ceil            unary(const ops::Ceil&) noexcept { return {}; }
constexpr simd::Celu            unary(const ops::Celu& op) noexcept { return {op.alpha}; }
constexpr simd::Cos             unary(const ops::Cos&) noexcept { return {}; }
constexpr simd::Cosh            unary(const ops::Cosh&) noexcept { return {}; }
constexpr simd::Elu             unary(const ops::Elu& op) noexcept { return {op.alpha}; }
constexpr simd::Erf             unary(const ops::Erf&) noexcept { return {}; }
constexpr simd::Exp             unary(const ops::Exp&) noexcept { return {}; }
constexpr simd::Floor           unary(const ops::Floor&) noexcept { return {}; }
constexpr simd::HardSigmoid     unary(const ops::HardSigmoid& op) noexcept { return {op.alpha, op.beta}; }
constexpr simd::HardSwish       unary(const ops::HardSwish&) noexcept { return {}; }
constexpr simd::LeakyRelu       unary(const ops::LeakyRelu& op) noexcept { return {op.alpha}; }
constexpr simd::Log             unary(const ops::Log&) noexcept { return {}; }
constexpr simd::Mish            unary(const ops::Mish&) noexcept { return {}; }
constexpr simd::Neg             unary(const ops::Neg&) noexcept { return {}; }
constexpr simd::Reciprocal      unary(const ops::Reciprocal&) noexcept { return {}; }
constexpr simd::Relu            unary(const ops::Relu&) noexcept { return {}; }
constexpr simd::Round           unary(const ops::Round&) noexcept { return {}; }
constexpr simd::Selu            unary(const ops::Selu& op) noexcept { return {op.alpha, op.gamma}; }
constexpr simd::Sigmoid         unary(const ops::Sigmoid&) noexcept { return {}; }
constexpr simd::Sign            unary(const ops::Sign&) noexcept { return {}; }
constexpr simd::Sin             unary(const ops::Sin&) noexcept { return {}; }
constexpr simd::Sinh            unary(const ops::Sinh&) noexcept { return {}; }
constexpr simd::Softplus        unary(const ops::Softplus&) noexcept { return {}; }
constexpr simd::Softsign        unary(const ops::Softsign&) noexcept { return {}; }
constexpr simd::Sqrt            unary(const ops::Sqrt&) noexcept { return {}; }
constexpr simd::Swish           unary(const ops::Swish& op) noexcept { return {op.alpha}; }
constexpr simd::Tan             unary(const ops::Tan&) noexcept { return {}; }
constexpr simd::Tanh            unary(const ops::Tanh&) noexcept { return {}; }
constexpr simd::ThresholdedRelu unary(const ops::ThresholdedRelu& op) noexcept { return {op.alpha}; }
// clang-format on

template <class Op>
concept UnaryOp = requires(const Op& op) {
  unary(op);
};

/// y = f(x) for elements of `size` bytes, shared among the threads in blocks that are worth one: 16 Ki elements take a few microseconds.
/// Not a template: one copy serves all operators and types.
inline void run_unary(simd::UnaryFunction loop, const void* f, std::size_t size, const Context& c) {
  const auto* x = c.in<std::byte>(0);
  auto* y = c.out<std::byte>(0);
  c.parallel_for(c.output(0).elements(), 16 * 1024, [&](std::int64_t begin, std::int64_t end) {
    const std::size_t offset = static_cast<std::size_t>(begin) * size;
    loop(f, x + offset, y + offset, static_cast<std::size_t>(end - begin));
  });
}

/// y = f(x) with an f that is known when the kernel is made.
class UnaryKernel {
 public:
  using Shared = UnaryKernel;

  template <class F, class T>
  UnaryKernel(const simd::UnaryLoop<F, T>& loop, const F& f) : loop_(loop.erased), size_(sizeof(T)) {
    static_assert(sizeof(F) <= sizeof f_ && alignof(F) <= alignof(float) && std::is_trivially_copyable_v<F>);
    std::memcpy(f_, &f, sizeof f);
  }
  void run(Context& c) const { run_unary(loop_, f_, size_, c); }

 private:
  simd::UnaryFunction loop_;
  std::size_t size_;
  alignas(float) std::byte f_[2 * sizeof(float)];
};

/// y[i] = f(x[i]) for what needs no micro-kernel.
template <class X, class Y, class F>
void run_scalars(const Context& c, const F& f) {
  const X* x = c.in<X>(0);
  Y* y = c.out<Y>(0);
  c.parallel_for(c.output(0).elements(), 16 * 1024, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) y[i] = f(x[i]);
  });
}

}  // namespace cpu

template <cpu::UnaryOp Op, class T>
class Kernel<Op, Cpu, T> : public cpu::UnaryKernel {
 public:
  using F = decltype(cpu::unary(std::declval<const Op&>()));

  Kernel(const NodeView& node, const CpuDevice& device)
      : UnaryKernel(simd::table<simd::UnaryLoop<F, T>>(device.isa), cpu::unary(node.op<Op>())) {}
};

template <class T>
class Kernel<ops::Gelu, Cpu, T> : public cpu::UnaryKernel {
 public:
  Kernel(const NodeView& node, const CpuDevice& device)
      : UnaryKernel(node.op<ops::Gelu>().tanh ? UnaryKernel(simd::table<simd::UnaryLoop<simd::GeluTanh, T>>(device.isa), simd::GeluTanh{})
                                              : UnaryKernel(simd::table<simd::UnaryLoop<simd::Gelu, T>>(device.isa), simd::Gelu{})) {}
};

template <class T>
class Kernel<ops::Clip, Cpu, T> {
 public:
  Kernel(const NodeView&, const CpuDevice& device) : loop_(&simd::table<simd::UnaryLoop<simd::Clip<T>, T>>(device.isa)) {}
  void run(Context& c) const {
    constexpr bool real = std::numeric_limits<T>::has_infinity;
    T lo = real ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::lowest();
    T hi = real ? std::numeric_limits<T>::infinity() : std::numeric_limits<T>::max();
    if (c.has_input(1) && c.input(1).elements() == 1) lo = *c.in<T>(1);
    if (c.has_input(2) && c.input(2).elements() == 1) hi = *c.in<T>(2);
    const simd::Clip<T> clip{lo, hi};
    cpu::run_unary(loop_->erased, &clip, sizeof(T), c);
  }

 private:
  const simd::UnaryLoop<simd::Clip<T>, T>* loop_;
};

template <>
class Kernel<ops::Not, Cpu, bool> {
 public:
  Kernel(const NodeView&, const CpuDevice&) {}
  void run(Context& c) const {
    cpu::run_scalars<bool, bool>(c, [](bool x) { return !x; });
  }
};

template <class T>
class Kernel<ops::IsNaN, Cpu, T> {
 public:
  Kernel(const NodeView&, const CpuDevice&) {}
  void run(Context& c) const {
    cpu::run_scalars<T, bool>(c, [](T x) { return std::isnan(static_cast<double>(x)); });
  }
};

template <class T>
class Kernel<ops::IsInf, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<ops::IsInf>()) {}
  void run(Context& c) const {
    cpu::run_scalars<T, bool>(c, [this](T x) {
      const auto value = static_cast<double>(x);
      return std::isinf(value) && (value > 0 ? op_.positive : op_.negative);
    });
  }

 private:
  ops::IsInf op_;
};

}  // namespace hone::inline HONE_ABI

namespace hone::inline HONE_ABI {

namespace cpu {

// What each operator computes: one line per operator.
// clang-format off
constexpr simd::Add            binary(const ops::Add&) noexcept { return {}; }
constexpr simd::And            binary(const ops::And&) noexcept { return {}; }
constexpr simd::BitAnd         binary(const ops::BitwiseAnd&) noexcept { return {}; }
constexpr simd::BitOr          binary(const ops::BitwiseOr&) noexcept { return {}; }
constexpr simd::BitXor         binary(const ops::BitwiseXor&) noexcept { return {}; }
constexpr simd::Div            binary(const ops::Div&) noexcept { return {}; }
constexpr simd::Equal          binary(const ops::Equal&) noexcept { return {}; }
constexpr simd::Greater        binary(const ops::Greater&) noexcept { return {}; }
constexpr simd::GreaterOrEqual binary(const ops::GreaterOrEqual&) noexcept { return {}; }
constexpr simd::Less           binary(const ops::Less&) noexcept { return {}; }
constexpr simd::LessOrEqual    binary(const ops::LessOrEqual&) noexcept { return {}; }
constexpr simd::Max            binary(const ops::Max&) noexcept { return {}; }
constexpr simd::Min            binary(const ops::Min&) noexcept { return {}; }
constexpr simd::Mul            binary(const ops::Mul&) noexcept { return {}; }
constexpr simd::Or             binary(const ops::Or&) noexcept { return {}; }
constexpr simd::PRelu          binary(const ops::PRelu&) noexcept { return {}; }
constexpr simd::Sub            binary(const ops::Sub&) noexcept { return {}; }
constexpr simd::Add            binary(const ops::Sum&) noexcept { return {}; }
constexpr simd::Xor            binary(const ops::Xor&) noexcept { return {}; }
// clang-format on

template <class Op>
concept BinaryOp = std::derived_from<Op, ops::Binary> && requires(const Op& op) {
  binary(op);
};
template <class Op>
concept VariadicOp = std::derived_from<Op, ops::Variadic> && requires(const Op& op) {
  binary(op);
};

/// A row of a broadcast: offsets in elements of its first elements, and the strides of a and b along it, each 0 or 1.
struct BroadcastRow {
  std::int64_t a;
  std::int64_t b;
  std::int64_t y;
  std::int64_t size;
  std::int64_t a_stride;
  std::int64_t b_stride;
};

/// visit(row) for rows that together make up y, shared among the threads. Not a template: one copy serves all operators and types.
inline void for_broadcast_rows(const Shape& a_shape, const Shape& b_shape, const Shape& y_shape, const ThreadPool& pool,
                               FunctionRef<void(const BroadcastRow&)> visit) {
  // Elements that take a few microseconds: less is not worth a thread.
  constexpr std::int64_t worth_a_thread = 16 * 1024;
  StridedBox<3> box;
  for (std::size_t d = 0; d < y_shape.rank(); ++d) {
    box.push_back(y_shape[d], {broadcast_stride(a_shape, y_shape, d), broadcast_stride(b_shape, y_shape, d), y_shape.stride(d)});
  }
  if (box.elements() == 0) return;
  const std::int64_t size = box.row_size();
  const auto strides = box.row_strides();
  const std::int64_t chunk = std::min(size, worth_a_thread);
  const std::int64_t chunks = (size + chunk - 1) / chunk;
  pool.parallel_for(box.rows() * chunks, std::max<std::int64_t>(1, worth_a_thread / chunk), [&](std::int64_t begin, std::int64_t end) {
    if (chunks == 1) {
      box.for_rows(begin, end, [&](const auto& at) { visit({at[0], at[1], at[2], size, strides[0], strides[1]}); });
      return;
    }
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t first = task % chunks * chunk;
      box.for_rows(task / chunks, task / chunks + 1, [&](const auto& at) {
        visit(
            {at[0] + first * strides[0], at[1] + first * strides[1], at[2] + first, std::min(chunk, size - first), strides[0], strides[1]});
      });
    }
  });
}

/// Which loops a broadcast runs, on elements of what size in bytes.
struct BroadcastLoop {
  template <class F, class T, class R>
  explicit BroadcastLoop(const simd::BinaryLoop<F, T, R>& loop) : functions(loop.erased), size(sizeof(T)), result_size(sizeof(R)) {}

  /// y = f(a, b) for a and b broadcast to the shape of y. y may be a or b where that has the shape of y.
  /// Not a template on types: one copy serves all operators.
  void run(const void* a, const Shape& a_shape, const void* b, const Shape& b_shape, void* y, const Shape& y_shape,
           const ThreadPool& pool) const {
    const auto visit = [&](const BroadcastRow& row) {
      const auto* from_a = static_cast<const std::byte*>(a) + row.a * size;
      const auto* from_b = static_cast<const std::byte*>(b) + row.b * size;
      auto* to = static_cast<std::byte*>(y) + row.y * result_size;
      // Both strides are 0 where a row has one element.
      functions(from_a, row.a_stride == 0 && row.b_stride != 0, from_b, row.b_stride == 0, to, static_cast<std::size_t>(row.size));
    };
    for_broadcast_rows(a_shape, b_shape, y_shape, pool, visit);
  }

  simd::BinaryFunctions functions;
  std::int64_t size;
  std::int64_t result_size;
};

/// Whether an integer of `size` bytes in the tensor is zero: no integer is divided by it.
[[nodiscard]] inline bool has_zero(const TensorRef& tensor, std::int64_t size) {
  const std::int64_t n = tensor.elements();
  const auto search = [&]<class T>(const T* data) { return std::find(data, data + n, T(0)) != data + n; };
  switch (size) {
    case 1:
      return search(tensor.as<const std::uint8_t>());
    case 2:
      return search(tensor.as<const std::uint16_t>());
    case 4:
      return search(tensor.as<const std::uint32_t>());
    default:
      return search(tensor.as<const std::uint64_t>());
  }
}

/// Runs the operators on two inputs.
class BinaryKernel {
 public:
  using Shared = BinaryKernel;

  /// `divides`: zeros among the right operands are errors.
  BinaryKernel(const ops::Binary& op, const BroadcastLoop& loop, bool divides = false) : op_(op), loop_(loop), divides_(divides) {}

  void run(Context& c) const {
    const TensorRef& a = c.input(0);
    const TensorRef& b = c.input(1);
    if (divides_ && has_zero(b, loop_.size)) return c.fail("an integer is divided by zero");
    loop_.run(a.data, a.shape, b.data, op_.right_shape(a.shape, b.shape), c.output(0).data, c.output(0).shape, c.pool());
  }

 private:
  ops::Binary op_;
  BroadcastLoop loop_;
  bool divides_;
};

/// Folds any number of inputs, two at a time.
class VariadicKernel {
 public:
  using Shared = VariadicKernel;

  /// `scale`: divides the result by the number of inputs.
  VariadicKernel(const BroadcastLoop& loop, const BroadcastLoop* scale)
      : loop_(loop), scale_(scale != nullptr ? *scale : loop), scales_(scale != nullptr) {}

  void run(Context& c) const {
    const TensorRef& y = c.output(0);
    std::size_t next = 2;
    if (c.input_count() > 1 && broadcast_is(c.input(0).shape, c.input(1).shape, y.shape)) {
      loop_.run(c.input(0).data, c.input(0).shape, c.input(1).data, c.input(1).shape, y.data, y.shape, c.pool());
    } else {
      spread(c.input(0), y, loop_.size);
      next = 1;
    }
    for (; next < c.input_count(); ++next) {
      loop_.run(y.data, y.shape, c.input(next).data, c.input(next).shape, y.data, y.shape, c.pool());
    }
    if (scales_) {
      std::uint64_t divisor = 0;  // room for a number of any type
      const auto count = static_cast<double>(c.input_count());
      store_numbers(y.dtype, &divisor, 0, 1, &count, {});
      scale_.run(y.data, y.shape, &divisor, Shape{}, y.data, y.shape, c.pool());
    }
  }

 private:
  static bool broadcast_is(const Shape& a, const Shape& b, const Shape& y) noexcept {
    if (std::max(a.rank(), b.rank()) != y.rank()) return false;
    for (std::size_t d = 0; d < y.rank(); ++d) {
      const auto dim = [&](const Shape& s) { return d + s.rank() < y.rank() ? 1 : s[d + s.rank() - y.rank()]; };
      if (dim(a) != y[d] && dim(b) != y[d]) return false;
    }
    return true;
  }
  static void spread(const TensorRef& x, const TensorRef& y, std::int64_t size) {
    StridedBox<2> box;
    for (std::size_t d = 0; d < y.shape.rank(); ++d) box.push_back(y.shape[d], {broadcast_stride(x.shape, y.shape, d), y.shape.stride(d)});
    if (box.elements() == 0) return;
    const std::int64_t step = box.row_strides()[0] * size;
    const auto bytes = static_cast<std::size_t>(size);
    box.for_rows(0, box.rows(), [&](const auto& at) {
      const auto* from = x.as<const std::byte>() + at[0] * size;
      auto* to = y.as<std::byte>() + at[1] * size;
      if (step == size) {
        std::memcpy(to, from, static_cast<std::size_t>(box.row_size()) * bytes);
      } else {
        for (std::int64_t i = 0; i < box.row_size(); ++i) std::memcpy(to + i * size, from + i * step, bytes);
      }
    });
  }

  BroadcastLoop loop_;
  BroadcastLoop scale_;
  bool scales_;
};

}  // namespace cpu

template <cpu::BinaryOp Op, class T>
class Kernel<Op, Cpu, T> : public cpu::BinaryKernel {
 public:
  using F = decltype(cpu::binary(std::declval<const Op&>()));
  using R = std::conditional_t<std::derived_from<Op, ops::Compare>, bool, T>;

  Kernel(const NodeView& node, const CpuDevice& device)
      : BinaryKernel(node.op<Op>(), cpu::BroadcastLoop(simd::table<simd::BinaryLoop<F, T, R>>(device.isa)),
                     std::same_as<Op, ops::Div> && std::integral<T>) {}
};

template <class T>
class Kernel<ops::Mod, Cpu, T> : public cpu::BinaryKernel {
 public:
  Kernel(const NodeView& node, const CpuDevice& device)
      : BinaryKernel(node.op<ops::Mod>(), loop(node.op<ops::Mod>(), device.isa), std::integral<T>) {}

 private:
  static cpu::BroadcastLoop loop(const ops::Mod& op, simd::Isa isa) {
    // Without signs the two are the same.
    if (op.fmod || std::unsigned_integral<T>) return cpu::BroadcastLoop(simd::table<simd::BinaryLoop<simd::Fmod, T>>(isa));
    return cpu::BroadcastLoop(simd::table<simd::BinaryLoop<simd::Mod, T>>(isa));
  }
};

template <class T>
class Kernel<ops::BitShift, Cpu, T> : public cpu::BinaryKernel {
 public:
  Kernel(const NodeView& node, const CpuDevice& device)
      : BinaryKernel(node.op<ops::BitShift>(), node.op<ops::BitShift>().left
                                                   ? cpu::BroadcastLoop(simd::table<simd::BinaryLoop<simd::ShiftLeft, T>>(device.isa))
                                                   : cpu::BroadcastLoop(simd::table<simd::BinaryLoop<simd::ShiftRight, T>>(device.isa))) {}
};

namespace cpu {

/// The exponent may have another type than the base; both are then converted to double, element by element.
class PowKernel {
 public:
  using Shared = PowKernel;

  PowKernel(const ops::Pow& op, const BroadcastLoop& loop) : op_(op), same_(op, loop) {}

  void run(Context& c) const {
    const TensorRef a = c.input(0);
    const TensorRef b = c.input(1);
    const TensorRef y = c.output(0);
    if (a.dtype == b.dtype) return same_.run(c);
    const auto visit = [&](const BroadcastRow& row) {
      double base[block];
      double exponent[block];
      for (std::int64_t i = 0; i < row.size; i += block) {
        const std::int64_t n = std::min(block, row.size - i);
        load(a, row.a + i * row.a_stride, row.a_stride, n, base);
        load(b, row.b + i * row.b_stride, row.b_stride, n, exponent);
        for (std::int64_t k = 0; k < n; ++k) base[k] = std::pow(base[k], exponent[k]);
        with_type(y.dtype, [&]<class T>(T) {
          for (std::int64_t k = 0; k < n; ++k) y.as<T>()[row.y + i + k] = static_cast<T>(base[k]);
        });
      }
    };
    for_broadcast_rows(a.shape, op_.right_shape(a.shape, b.shape), y.shape, c.pool(), visit);
  }

 private:
  static constexpr std::int64_t block = 128;

  static void load(const TensorRef& from, std::int64_t first, std::int64_t stride, std::int64_t n, double* to) {
    with_type(from.dtype, [&]<class T>(T) {
      for (std::int64_t k = 0; k < n; ++k) to[k] = static_cast<double>(from.as<const T>()[first + k * stride]);
    });
  }
  static void with_type(DType dtype, const auto& body) {
    switch (dtype) {
      case DType::float32:
        return body(float{});
      case DType::float64:
        return body(double{});
      case DType::int8:
        return body(std::int8_t{});
      case DType::int16:
        return body(std::int16_t{});
      case DType::int32:
        return body(std::int32_t{});
      case DType::uint8:
        return body(std::uint8_t{});
      case DType::uint16:
        return body(std::uint16_t{});
      case DType::uint32:
        return body(std::uint32_t{});
      case DType::uint64:
        return body(std::uint64_t{});
      case DType::float16:
        return body(Half{});
      case DType::bfloat16:
        return body(BFloat16{});
      default:
        return body(std::int64_t{});
    }
  }

  ops::Pow op_;
  BinaryKernel same_;
};

}  // namespace cpu

template <class T>
class Kernel<ops::Pow, Cpu, T> : public cpu::PowKernel {
 public:
  static Support supports(const NodeView& node) {
    switch (node.input_dtype(1)) {
      case DType::float32:
      case DType::float64:
      case DType::int32:
      case DType::int64:
        return Support::yes();
      default:
        return Support::no("no kernel for exponents of ", name(node.input_dtype(1)));
    }
  }
  Kernel(const NodeView& node, const CpuDevice& device)
      : PowKernel(node.op<ops::Pow>(), cpu::BroadcastLoop(simd::table<simd::BinaryLoop<simd::Pow, T>>(device.isa))) {}
};

template <cpu::VariadicOp Op, class T>
class Kernel<Op, Cpu, T> : public cpu::VariadicKernel {
 public:
  using F = decltype(cpu::binary(std::declval<const Op&>()));

  Kernel(const NodeView&, const CpuDevice& device)
      : VariadicKernel(cpu::BroadcastLoop(simd::table<simd::BinaryLoop<F, T>>(device.isa)), nullptr) {}
};

template <class T>
class Kernel<ops::Mean, Cpu, T> : public cpu::VariadicKernel {
 public:
  Kernel(const NodeView&, const CpuDevice& device)
      : Kernel(cpu::BroadcastLoop(simd::table<simd::BinaryLoop<simd::Div, T>>(device.isa)), device) {}

 private:
  Kernel(const cpu::BroadcastLoop& scale, const CpuDevice& device)
      : VariadicKernel(cpu::BroadcastLoop(simd::table<simd::BinaryLoop<simd::Add, T>>(device.isa)), &scale) {}
};

/// Strings are compared as a whole.
template <>
class Kernel<ops::Equal, Cpu, std::string> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<ops::Equal>()) {}
  void run(Context& c) const {
    const auto visit = [&](const cpu::BroadcastRow& row) {
      for (std::int64_t i = 0; i < row.size; ++i) {
        c.out<bool>(0)[row.y + i] = c.in<std::string>(0)[row.a + i * row.a_stride] == c.in<std::string>(1)[row.b + i * row.b_stride];
      }
    };
    cpu::for_broadcast_rows(c.input(0).shape, op_.right_shape(c.input(0).shape, c.input(1).shape), c.output(0).shape, c.pool(), visit);
  }

 private:
  ops::Equal op_;
};

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_PROVIDERS_CPU_KERNELS_INDEXING_IMPL_HPP

#define HONE_SINGLE_KERNELS_CPU_ARGMAX_HPP

#define HONE_SINGLE_KERNELS_CPU_ORDER_KEY_HPP

namespace hone::inline HONE_ABI {

/// 64 bits for types of 64 bits, else 32.
template <class T>
using OrderKey = std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>;

/// An unsigned integer that orders as `value` does; -0 and +0 are equal, NaN is the largest.
template <class T>
[[nodiscard]] constexpr OrderKey<T> order_key(T value) noexcept {
  if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
    return order_key(static_cast<float>(value));
  } else {
    using Key = OrderKey<T>;
    constexpr Key sign = Key{1} << (8 * sizeof(Key) - 1);
    if constexpr (std::is_floating_point_v<T>) {
      if (value != value) return static_cast<Key>(~Key{0});
      const Key bits = std::bit_cast<Key>(value + T{0});  // -0 + 0 = +0
      return (bits & sign) != 0 ? static_cast<Key>(~bits) : static_cast<Key>(bits | sign);
    } else if constexpr (std::is_signed_v<T>) {
      return static_cast<Key>(static_cast<Key>(value) ^ sign);
    } else {
      return static_cast<Key>(value);
    }
  }
}

}  // namespace hone::inline HONE_ABI

namespace hone::inline HONE_ABI {

/// Compares order keys, with all bits flipped for the smallest.
template <class T>
class ArgBestKernel {
  using Key = OrderKey<T>;

 public:
  using Shared = ArgBestKernel;

  ArgBestKernel(const ops::ArgBest& op, bool largest) : op_(op), flip_(largest ? Key{0} : static_cast<Key>(~Key{0})) {}

  void run(Context& c) const {
    const Shape& from = c.input(0).shape;
    if (c.output(0).elements() == 0) return;
    const std::size_t along = normalized_axis(op_.axis, from.rank());
    const std::int64_t n = from[along];
    const std::int64_t inner = from.stride(along);
    const T* x = c.in<T>(0);                   // (outer, n, inner)
    std::int64_t* y = c.out<std::int64_t>(0);  // (outer, inner)
    constexpr std::int64_t width = 64;
    const std::int64_t strips = (inner + width - 1) / width;
    const std::int64_t grain = std::max<std::int64_t>(copy_block<T> / (n * std::min(inner, width)), 1);
    c.parallel_for(from.elements(0, along) * strips, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t task = begin; task < end; ++task) {
        const std::int64_t first = task % strips * width;
        const std::int64_t outer = task / strips;
        find(x + outer * n * inner + first, n, inner, std::min(width, inner - first), y + outer * inner + first);
      }
    });
  }

 private:
  /// For up to 64 neighbouring columns, of rows `stride` apart.
  void find(const T* x, std::int64_t n, std::int64_t stride, std::int64_t columns, std::int64_t* y) const noexcept {
    Key best[64];
    for (std::int64_t k = 0; k < columns; ++k) {
      best[k] = key(x[k]);
      y[k] = 0;
    }
    for (std::int64_t i = 1; i < n; ++i) {
      for (std::int64_t k = 0; k < columns; ++k) {
        const Key next = key(x[i * stride + k]);
        const bool better = op_.select_last_index ? next >= best[k] : next > best[k];
        best[k] = better ? next : best[k];
        y[k] = better ? i : y[k];
      }
    }
  }
  [[nodiscard]] Key key(T value) const noexcept { return static_cast<Key>(order_key(value) ^ flip_); }

  ops::ArgBest op_;
  Key flip_;
};

template <class T>
class Kernel<ops::ArgMax, Cpu, T> : public ArgBestKernel<T> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : ArgBestKernel<T>(node.op<ops::ArgMax>(), true) {}
};

template <class T>
class Kernel<ops::ArgMin, Cpu, T> : public ArgBestKernel<T> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : ArgBestKernel<T>(node.op<ops::ArgMin>(), false) {}
};

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_KERNELS_CPU_COMPRESS_HPP

namespace hone::inline HONE_ABI {

template <>
class Kernel<ops::Compress, Cpu> {
 public:
  static Support supports(const NodeView& node) { return ElementMover::support(node.input_dtype(0)); }
  Kernel(const NodeView& node, const CpuDevice&) : axis_(node.op<ops::Compress>().axis) {}
  void run(Context& c) const {
    const TensorRef& from = c.input(0);
    const auto rank = static_cast<std::int64_t>(from.shape.rank());
    if (axis_ && (*axis_ < -rank || *axis_ >= rank)) return c.fail("axis ", *axis_, " is out of range for rank ", rank);
    if (c.input(1).shape.rank() != 1) return c.fail("the condition must have one dimension, but its shape is ", c.input(1).shape);
    const std::size_t along = axis_ ? normalized_axis(*axis_, from.shape.rank()) : 0;
    const std::int64_t n = axis_ ? from.shape[along] : from.elements();
    const std::int64_t inner = axis_ ? from.shape.stride(along) : 1;
    const std::int64_t outer = axis_ ? from.shape.elements(0, along) : 1;
    const bool* condition = c.in<bool>(1);
    const std::int64_t decided = std::min(n, c.input(1).elements());
    const std::int64_t kept = std::count(condition, condition + decided, true);
    Shape to{kept};
    if (axis_) {
      to = from.shape;
      to[along] = kept;
    }
    const ElementMover mover(from.dtype);
    auto* y = static_cast<std::byte*>(c.allocate(0, from.dtype, to).data);  // (outer, kept, inner)
    for (std::int64_t o = 0; o < outer; ++o)
      for (std::int64_t i = 0; i < decided; ++i)
        if (condition[i]) y = mover.copy(mover.at(from.data, (o * n + i) * inner), inner, y);
  }

 private:
  std::optional<std::int64_t> axis_;
};

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_KERNELS_CPU_CUMULATIVE_HPP

namespace hone::inline HONE_ABI {

namespace detail {

/// `Product` false: sums. Half and BFloat16 accumulate in float, integers wrap.
template <class T, bool Product>
class CumulativeKernel {
  using Sum = typename std::conditional_t<std::is_integral_v<T>, std::make_unsigned<T>, std::conditional<sizeof(T) == 2, float, T>>::type;

 public:
  using Shared = CumulativeKernel;

  explicit CumulativeKernel(const ops::Cumulative& op) : op_(op) {}
  void run(Context& c) const {
    const Shape& shape = c.input(0).shape;
    if (shape.elements() == 0) return;
    const std::size_t along = normalized_axis(ops::integer_at(c.input(1), 0), shape.rank());
    const std::int64_t n = shape[along];
    const std::int64_t inner = shape.stride(along);
    const T* x = c.in<T>(0);  // (outer, n, inner)
    T* y = c.out<T>(0);
    // A task is a strip of up to `width` neighbours along the inner dimension.
    constexpr std::int64_t width = 64;
    const std::int64_t strips = (inner + width - 1) / width;
    const std::int64_t grain = std::max<std::int64_t>(copy_block<T> / (n * std::min(inner, width)), 1);
    c.parallel_for(shape.elements(0, along) * strips, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t task = begin; task < end; ++task) {
        const std::int64_t first = task % strips * width;
        const std::int64_t offset = task / strips * n * inner + first;
        const std::int64_t columns = std::min(width, inner - first);
        Sum sums[width];
        std::fill_n(sums, columns, static_cast<Sum>(Product ? 1 : 0));
        for (std::int64_t i = 0; i < n; ++i) {
          const std::int64_t at = offset + (op_.reverse ? n - 1 - i : i) * inner;
          for (std::int64_t k = 0; k < columns; ++k) {
            const Sum before = sums[k];
            const auto value = static_cast<Sum>(x[at + k]);
            sums[k] = Product ? static_cast<Sum>(before * value) : static_cast<Sum>(before + value);
            y[at + k] = static_cast<T>(op_.exclusive ? before : sums[k]);
          }
        }
      }
    });
  }

 private:
  ops::Cumulative op_;
};

/// Integers of one size share a kernel.
template <class T>
using CumulativeElement = typename std::conditional_t<std::is_integral_v<T>, std::make_unsigned<T>, std::type_identity<T>>::type;

}  // namespace detail

template <class T>
class Kernel<ops::CumSum, Cpu, T> : public detail::CumulativeKernel<detail::CumulativeElement<T>, false> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : detail::CumulativeKernel<detail::CumulativeElement<T>, false>(node.op<ops::CumSum>()) {}
};

template <class T>
class Kernel<ops::CumProd, Cpu, T> : public detail::CumulativeKernel<detail::CumulativeElement<T>, true> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : detail::CumulativeKernel<detail::CumulativeElement<T>, true>(node.op<ops::CumProd>()) {}
};

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_KERNELS_CPU_GATHER_HPP

#define HONE_SINGLE_KERNELS_CPU_INDEX_INPUT_HPP

namespace hone::inline HONE_ABI {

/// A tensor of int32 or int64 indices.
class IndexInput {
 public:
  explicit IndexInput(const TensorRef& tensor) noexcept : data_(tensor.data), wide_(tensor.dtype == DType::int64) {}
  [[nodiscard]] std::int64_t operator[](std::int64_t i) const noexcept {
    return wide_ ? static_cast<const std::int64_t*>(data_)[i] : static_cast<const std::int32_t*>(data_)[i];
  }

  /// True for int32 and int64.
  static bool accepts(DType dtype) noexcept { return dtype == DType::int32 || dtype == DType::int64; }
  static Support support(DType dtype) {
    return accepts(dtype) ? Support::yes() : Support::no("the indices must be int32 or int64, not ", hone::name(dtype));
  }

 private:
  const void* data_;
  bool wide_;
};

/// `index` counted from the front of an axis of size `size`.
[[nodiscard]] constexpr std::int64_t wrapped_index(std::int64_t index, std::int64_t size) noexcept {
  return index < 0 ? index + size : index;
}

/// True when `index` is in [-size, size).
[[nodiscard]] constexpr bool index_in_range(std::int64_t index, std::int64_t size) noexcept { return index >= -size && index < size; }

inline void fail_index(Context& c, std::int64_t index, std::size_t axis, std::int64_t size) {
  c.fail("index ", index, " is out of range for axis ", axis, " of size ", size);
}

/// Reports the first index outside [-size, size). Precondition: `indices` is int32 or int64.
[[nodiscard]] inline bool check_indices(Context& c, const TensorRef& indices, std::size_t axis, std::int64_t size) {
  const IndexInput index(indices);
  const std::int64_t n = indices.elements();
  bool good = true;
  for (std::int64_t i = 0; i < n; ++i) good &= index_in_range(index[i], size);
  if (good) return true;
  for (std::int64_t i = 0; i < n; ++i)
    if (!index_in_range(index[i], size)) {
      fail_index(c, index[i], axis, size);
      break;
    }
  return false;
}

/// Turns index tuples (n, depth) into offsets in a tensor whose first `depth` dimensions after `batch` they address.
class TupleIndex {
 public:
  TupleIndex(const Shape& data, std::size_t batch, std::size_t depth) noexcept : depth_(depth), batch_(batch) {
    for (std::size_t d = 0; d < depth; ++d) {
      sizes_[d] = data[batch + d];
      strides_[d] = data.stride(batch + d);
    }
  }
  /// Offset in elements. Precondition: the tuple is in range.
  [[nodiscard]] std::int64_t offset(const std::int64_t* tuple) const noexcept {
    std::int64_t sum = 0;
    for (std::size_t d = 0; d < depth_; ++d) sum += wrapped_index(tuple[d], sizes_[d]) * strides_[d];
    return sum;
  }
  /// Reports the first index of `count` tuples that is out of range.
  [[nodiscard]] bool check(Context& c, const std::int64_t* tuples, std::int64_t count) const {
    for (std::int64_t i = 0; i < count; ++i, tuples += depth_) {
      for (std::size_t d = 0; d < depth_; ++d) {
        if (index_in_range(tuples[d], sizes_[d])) continue;
        fail_index(c, tuples[d], batch_ + d, sizes_[d]);
        return false;
      }
    }
    return true;
  }

 private:
  std::size_t depth_;
  std::size_t batch_;
  std::array<std::int64_t, Shape::max_rank> sizes_{};
  std::array<std::int64_t, Shape::max_rank> strides_{};
};

}  // namespace hone::inline HONE_ABI

namespace hone::inline HONE_ABI {

template <>
class Kernel<ops::Gather, Cpu> {
 public:
  static Support supports(const NodeView& node) {
    if (Support moved = ElementMover::support(node.input_dtype(0)); !moved) return moved;
    return IndexInput::support(node.input_dtype(1));
  }
  Kernel(const NodeView& node, const CpuDevice&) : axis_(node.op<ops::Gather>().axis) {}
  void run(Context& c) const {
    const Shape& from = c.input(0).shape;
    const std::size_t along = normalized_axis(axis_, from.rank());
    const std::int64_t size = from[along];
    if (!check_indices(c, c.input(1), along, size)) return;
    const IndexInput index(c.input(1));
    const std::int64_t count = c.input(1).elements();
    const std::int64_t inner = from.stride(along);
    const std::int64_t outer = from.elements(0, along);
    const ElementMover mover(c.input(0).dtype);
    const void* x = c.input(0).data;  // (outer, size, inner)
    void* y = c.output(0).data;       // (outer, count, inner)
    if (c.output(0).elements() == 0) return;
    const std::int64_t grain = std::max<std::int64_t>(mover.block() / inner, 1);
    c.parallel_for(outer * count, grain, [&](std::int64_t begin, std::int64_t end) {
      std::int64_t o = begin / count;
      std::int64_t i = begin % count;
      for (std::int64_t row = begin; row < end; ++row) {
        mover.copy(mover.at(x, (o * size + wrapped_index(index[i], size)) * inner), inner, mover.at(y, row * inner));
        if (++i == count) {
          i = 0;
          ++o;
        }
      }
    });
  }

 private:
  std::int64_t axis_;
};

template <>
class Kernel<ops::GatherElements, Cpu> {
 public:
  static Support supports(const NodeView& node) {
    if (Support moved = ElementMover::support(node.input_dtype(0)); !moved) return moved;
    return IndexInput::support(node.input_dtype(1));
  }
  Kernel(const NodeView& node, const CpuDevice&) : axis_(node.op<ops::GatherElements>().axis) {}
  void run(Context& c) const {
    const Shape& from = c.input(0).shape;
    const Shape& to = c.output(0).shape;
    const std::size_t along = normalized_axis(axis_, from.rank());
    const std::int64_t size = from[along];
    if (!check_indices(c, c.input(1), along, size) || to.elements() == 0) return;
    const IndexInput index(c.input(1));
    const std::int64_t stride = from.stride(along);
    // Array 0 is x at index 0 of the axis, array 1 the indices and y.
    StridedBox<2> box;
    for (std::size_t d = 0; d < to.rank(); ++d) box.push_back(to[d], {d == along ? 0 : from.stride(d), to.stride(d)});
    const std::int64_t row = box.row_size();
    const auto [from_stride, to_stride] = box.row_strides();
    const ElementMover mover(c.input(0).dtype);
    const void* x = c.input(0).data;
    void* y = c.output(0).data;
    c.parallel_for(box.rows(), std::max<std::int64_t>(mover.block() / row, 1),
                   [&, step = from_stride](std::int64_t begin, std::int64_t end) {
                     box.for_rows(begin, end, [&](const auto& at) {
                       for (std::int64_t i = 0; i < row; ++i) {
                         const std::int64_t source = at[0] + i * step + wrapped_index(index[at[1] + i], size) * stride;
                         mover.copy(mover.at(x, source), 1, mover.at(y, at[1] + i));
                       }
                     });
                   });
  }

 private:
  std::int64_t axis_;
};

template <>
class Kernel<ops::GatherND, Cpu> {
 public:
  static Support supports(const NodeView& node) {
    if (Support moved = ElementMover::support(node.input_dtype(0)); !moved) return moved;
    return node.input_dtype(1) == DType::int64 ? Support::yes() : Support::no("the indices must be int64");
  }
  Kernel(const NodeView& node, const CpuDevice&) : batch_(static_cast<std::size_t>(node.op<ops::GatherND>().batch_dims)) {}
  void run(Context& c) const {
    const Shape& from = c.input(0).shape;
    const Shape& tuples = c.input(1).shape;
    const auto depth = static_cast<std::size_t>(tuples.back());
    const std::int64_t batches = from.elements(0, batch_);
    const std::int64_t count = tuples.elements(batch_, tuples.rank() - 1);
    const std::int64_t inner = from.elements(batch_ + depth, from.rank());
    const std::int64_t batch_size = from.elements(batch_, from.rank());
    const std::int64_t* indices = c.in<std::int64_t>(1);  // (batches, count, depth)
    const TupleIndex index(from, batch_, depth);
    if (!index.check(c, indices, batches * count) || c.output(0).elements() == 0) return;
    const ElementMover mover(c.input(0).dtype);
    const void* x = c.input(0).data;  // (batches, batch_size)
    void* y = c.output(0).data;       // (batches, count, inner)
    const std::int64_t grain = std::max<std::int64_t>(mover.block() / inner, 1);
    c.parallel_for(batches * count, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const std::int64_t source = row / count * batch_size + index.offset(indices + row * static_cast<std::int64_t>(depth));
        mover.copy(mover.at(x, source), inner, mover.at(y, row * inner));
      }
    });
  }

 private:
  std::size_t batch_;
};

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_KERNELS_CPU_NON_MAX_SUPPRESSION_HPP

namespace hone::inline HONE_ABI {

/// Per class: candidates above the threshold form a heap, from which the best is taken until enough boxes are selected; each is
/// compared with the boxes selected so far.
template <>
class Kernel<ops::NonMaxSuppression, Cpu> {
 public:
  static Support supports(const NodeView& node) {
    const bool fits = node.input_dtype(0) == DType::float32 && node.input_dtype(1) == DType::float32;
    return fits ? Support::yes() : Support::no("boxes and scores must be float");
  }
  Kernel(const NodeView& node, const CpuDevice&) : center_(node.op<ops::NonMaxSuppression>().center_point_box) {}

  [[nodiscard]] std::size_t workspace(const Context& c) const {
    const Shape& boxes = c.input(0).shape;
    const std::size_t n = boxes.rank() == 3 ? static_cast<std::size_t>(boxes[1]) : 0;
    return align_up(n * sizeof(Candidate)) + n * sizeof(Box);
  }

  void run(Context& c) const {
    const Shape boxes = c.input(0).shape;
    const Shape scores = c.input(1).shape;
    if (boxes.rank() != 3 || scores.rank() != 3 || boxes[2] != 4 || boxes[0] != scores[0] || boxes[1] != scores[2]) {
      return c.fail("boxes of shape ", boxes, " and scores of shape ", scores, " do not belong together");
    }
    const std::int64_t n = boxes[1];
    const std::int64_t classes = scores[1];
    const std::int64_t wanted = has(c, 2) ? std::clamp<std::int64_t>(*c.in<std::int64_t>(2), 0, n) : 0;
    const float overlap = has(c, 3) ? *c.in<float>(3) : 0.0F;
    if (!(overlap >= 0 && overlap <= 1)) return c.fail("iou_threshold is ", overlap, ", not in [0, 1]");
    const float threshold = has(c, 4) ? *c.in<float>(4) : -std::numeric_limits<float>::infinity();
    const bool any_score = !has(c, 4);

    const float* score = c.in<float>(1);
    std::int64_t most = 0;
    for (std::int64_t row = 0; row < boxes[0] * classes; ++row) {
      std::int64_t above = 0;
      for (std::int64_t i = 0; i < n; ++i) above += passes(score[row * n + i], threshold, any_score) ? 1 : 0;
      most += std::min(above, wanted);
    }
    auto* candidates = reinterpret_cast<Candidate*>(c.workspace());
    auto* selected = reinterpret_cast<Box*>(c.workspace() + align_up(static_cast<std::size_t>(n) * sizeof(Candidate)));
    std::int64_t* y = c.allocate(0, DType::int64, {most, 3}).as<std::int64_t>();
    std::int64_t count = 0;
    for (std::int64_t batch = 0; batch < boxes[0]; ++batch) {
      const float* box = c.in<float>(0) + batch * n * 4;  // (n, 4)
      for (std::int64_t label = 0; label < classes; ++label) {
        const float* of_class = score + (batch * classes + label) * n;
        std::int64_t left = 0;
        for (std::int64_t i = 0; i < n && wanted > 0; ++i)
          if (passes(of_class[i], threshold, any_score)) candidates[left++] = {of_class[i], i};
        std::make_heap(candidates, candidates + left);
        for (std::int64_t taken = 0; left > 0 && taken < wanted;) {
          std::pop_heap(candidates, candidates + left);
          const std::int64_t i = candidates[--left].index;
          const Box next(box + 4 * i, center_);
          bool free = true;
          for (std::int64_t s = 0; free && s < taken; ++s) free = !next.overlaps(selected[s], overlap);
          if (!free) continue;
          selected[taken++] = next;
          std::int64_t* entry = y + 3 * count++;
          entry[0] = batch;
          entry[1] = label;
          entry[2] = i;
        }
      }
    }
    c.allocate(0, DType::int64, {count, 3});  // the same memory: it only shrinks
  }

 private:
  struct Candidate {
    float score;
    std::int64_t index;
    /// The better one is the larger; of equal ones, that with the lower index.
    friend bool operator<(const Candidate& a, const Candidate& b) noexcept {
      return a.score < b.score || (a.score == b.score && a.index > b.index);
    }
  };

  struct Box {
    float y1, x1, y2, x2, area;

    Box(const float* p, bool center) noexcept {
      if (center) {
        x1 = p[0] - p[2] / 2;
        x2 = p[0] + p[2] / 2;
        y1 = p[1] - p[3] / 2;
        y2 = p[1] + p[3] / 2;
      } else {
        y1 = std::min(p[0], p[2]);
        y2 = std::max(p[0], p[2]);
        x1 = std::min(p[1], p[3]);
        x2 = std::max(p[1], p[3]);
      }
      area = (y2 - y1) * (x2 - x1);
    }
    [[nodiscard]] bool overlaps(const Box& other, float threshold) const noexcept {
      const float height = std::min(y2, other.y2) - std::max(y1, other.y1);
      const float width = std::min(x2, other.x2) - std::max(x1, other.x1);
      if (!(height > 0) || !(width > 0) || !(area > 0) || !(other.area > 0)) return false;
      const float shared = height * width;
      return shared / (area + other.area - shared) > threshold;
    }
  };

  static bool has(const Context& c, std::size_t i) noexcept { return c.has_input(i) && c.input(i).elements() > 0; }
  /// NaN never passes.
  static bool passes(float score, float threshold, bool any) noexcept { return any ? score == score : score > threshold; }

  bool center_;
};

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_KERNELS_CPU_NONZERO_HPP

namespace hone::inline HONE_ABI {

template <>
class Kernel<ops::NonZero, Cpu> {
 public:
  static Support supports(const NodeView& node) {
    const DType dtype = node.input_dtype(0);
    if (dtype == DType::string || element_size(dtype) == 0 || element_size(dtype) > 8) return Support::no("NonZero of ", hone::name(dtype));
    return Support::yes();
  }
  Kernel(const NodeView&, const CpuDevice&) {}

  void run(Context& c) const {
    const TensorRef& x = c.input(0);
    // Real numbers are zero when all bits but the sign are.
    switch (x.dtype) {
      case DType::float16:
      case DType::bfloat16:
        return find<std::uint16_t>(c, 0x7fff);
      case DType::float32:
        return find<std::uint32_t>(c, 0x7fffffff);
      case DType::float64:
        return find<std::uint64_t>(c, 0x7fffffffffffffff);
      case DType::complex64:
        return find<std::uint64_t>(c, 0x7fffffff7fffffff);
      case DType::float8e4m3fn:
      case DType::float8e5m2:
        return find<std::uint8_t>(c, 0x7f);
      default:
        break;
    }
    switch (element_size(x.dtype)) {
      case 1:
        return find<std::uint8_t>(c, 0xff);
      case 2:
        return find<std::uint16_t>(c, 0xffff);
      case 4:
        return find<std::uint32_t>(c, 0xffffffff);
      default:
        return find<std::uint64_t>(c, 0xffffffffffffffff);
    }
  }

 private:
  template <class Word>
  static bool is_set(const std::byte* x, std::int64_t i, Word mask) noexcept {
    Word word;
    std::memcpy(&word, x + i * static_cast<std::int64_t>(sizeof word), sizeof word);
    return (word & mask) != 0;
  }

  template <class Word>
  static void find(Context& c, Word mask) {
    const Shape shape = c.input(0).shape;
    const std::byte* x = c.in<std::byte>(0);
    const std::int64_t n = shape.elements();
    std::int64_t count = 0;
    for (std::int64_t i = 0; i < n; ++i) count += is_set(x, i, mask) ? 1 : 0;
    const TensorRef& out = c.allocate(0, DType::int64, {static_cast<std::int64_t>(shape.rank()), count});
    if (shape.rank() == 0 || count == 0) return;
    const std::size_t inner = shape.rank() - 1;
    const std::int64_t row = shape[inner];
    std::array<std::int64_t, Shape::max_rank> at{};
    std::int64_t* y = out.as<std::int64_t>();  // (rank, count)
    std::int64_t found = 0;
    for (std::int64_t begin = 0; begin < n; begin += row) {
      for (std::int64_t i = 0; i < row; ++i) {
        if (!is_set(x, begin + i, mask)) continue;
        for (std::size_t d = 0; d < inner; ++d) y[static_cast<std::int64_t>(d) * count + found] = at[d];
        y[static_cast<std::int64_t>(inner) * count + found] = i;
        ++found;
      }
      for (std::size_t d = inner; d-- > 0;) {
        if (++at[d] < shape[d]) break;
        at[d] = 0;
      }
    }
  }
};

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_KERNELS_CPU_ONEHOT_HPP

namespace hone::inline HONE_ABI {

template <>
class Kernel<ops::OneHot, Cpu> {
 public:
  static Support supports(const NodeView& node) { return ElementMover::support(node.input_dtype(2)); }
  Kernel(const NodeView& node, const CpuDevice&) : axis_(node.op<ops::OneHot>().axis) {}
  void run(Context& c) const {
    const Shape& to = c.output(0).shape;
    const std::size_t along = normalized_axis(axis_, to.rank());
    const std::int64_t depth = to[along];
    const std::int64_t inner = to.stride(along);
    const TensorRef& indices = c.input(0);  // (outer, inner)
    const ElementMover mover(c.output(0).dtype);
    const std::byte* off = c.in<std::byte>(2);
    const std::byte* on = mover.at(c.input(2).data, 1);
    void* y = c.output(0).data;  // (outer, depth, inner)
    if (to.elements() == 0) return;
    const std::int64_t slice = depth * inner;
    c.parallel_for(to.elements(0, along), std::max<std::int64_t>(mover.block() / slice, 1), [&](std::int64_t begin, std::int64_t end) {
      mover.fill(mover.at(y, begin * slice), (end - begin) * slice, off);
      for (std::int64_t i = begin * inner; i < end * inner; ++i) {
        const std::int64_t index = ops::integer_at(indices, i);
        if (!index_in_range(index, depth)) continue;
        mover.copy(on, 1, mover.at(y, (i / inner * depth + wrapped_index(index, depth)) * inner + i % inner));
      }
    });
  }

 private:
  std::int64_t axis_;
};

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_KERNELS_CPU_SCATTER_HPP

namespace hone::inline HONE_ABI {

namespace detail {

/// to[i] = reduction(to[i], from[i]) for elements of type T; integers wrap.
template <class T>
void reduce_row(ops::Reduction reduction, const void* source, void* target, std::int64_t n) {
  using Wide = std::conditional_t<std::is_integral_v<T>, std::uint64_t, std::conditional_t<sizeof(T) == 2, float, T>>;
  const T* from = static_cast<const T*>(source);
  T* to = static_cast<T*>(target);
  const auto each = [&](auto f) {
    for (std::int64_t i = 0; i < n; ++i) to[i] = f(to[i], from[i]);
  };
  switch (reduction) {
    case ops::Reduction::add:
      return each([](T a, T b) { return static_cast<T>(static_cast<Wide>(a) + static_cast<Wide>(b)); });
    case ops::Reduction::mul:
      return each([](T a, T b) { return static_cast<T>(static_cast<Wide>(a) * static_cast<Wide>(b)); });
    case ops::Reduction::max:
      return each([](T a, T b) { return b > a || b != b ? b : a; });
    case ops::Reduction::min:
      return each([](T a, T b) { return b < a || b != b ? b : a; });
    case ops::Reduction::none:
      break;
  }
}

using ReduceRow = void (*)(ops::Reduction, const void*, void*, std::int64_t);

/// Null for types without arithmetic.
inline ReduceRow reduce_row_of(DType dtype) noexcept {
  switch (dtype) {
    case DType::float32:
      return &reduce_row<float>;
    case DType::float64:
      return &reduce_row<double>;
    case DType::float16:
      return &reduce_row<Half>;
    case DType::bfloat16:
      return &reduce_row<BFloat16>;
    case DType::int8:
      return &reduce_row<std::int8_t>;
    case DType::int16:
      return &reduce_row<std::int16_t>;
    case DType::int32:
      return &reduce_row<std::int32_t>;
    case DType::int64:
      return &reduce_row<std::int64_t>;
    case DType::uint8:
      return &reduce_row<std::uint8_t>;
    case DType::uint16:
      return &reduce_row<std::uint16_t>;
    case DType::uint32:
      return &reduce_row<std::uint32_t>;
    case DType::uint64:
      return &reduce_row<std::uint64_t>;
    default:
      return nullptr;
  }
}

/// Puts updates where they go. A reduction goes through one function per type.
class Updater {
 public:
  Updater(ops::Reduction reduction, DType dtype) noexcept
      : mover_(dtype), reduction_(reduction), reduce_(reduction == ops::Reduction::none ? nullptr : reduce_row_of(dtype)) {}

  static Support supports(const NodeView& node, ops::Reduction reduction) {
    const DType dtype = node.input_dtype(0);
    if (Support moved = ElementMover::support(dtype); !moved) return moved;
    if (reduction != ops::Reduction::none && reduce_row_of(dtype) == nullptr)
      return Support::no("there is no reduction of ", hone::name(dtype));
    return IndexInput::support(node.input_dtype(1));
  }
  /// n elements from index `first` of `from` on are put at index `target` of `to`.
  void operator()(const void* from, std::int64_t first, void* to, std::int64_t target, std::int64_t n) const {
    if (reduce_ != nullptr) {
      reduce_(reduction_, mover_.at(from, first), mover_.at(to, target), n);
    } else {
      mover_.copy(mover_.at(from, first), n, mover_.at(to, target));
    }
  }

 private:
  ElementMover mover_;
  ops::Reduction reduction_;
  ReduceRow reduce_;
};

}  // namespace detail

template <>
class Kernel<ops::ScatterElements, Cpu> {
 public:
  static Support supports(const NodeView& node) { return detail::Updater::supports(node, node.op<ops::ScatterElements>().reduction); }
  Kernel(const NodeView& node, const CpuDevice&) : Kernel(node.op<ops::ScatterElements>(), node.input_dtype(0)) {}
  Kernel(const ops::ScatterElements& op, DType dtype) : axis_(op.axis), update_(op.reduction, dtype) {}

  void run(Context& c) const {
    const Shape& to = c.output(0).shape;
    const Shape& from = c.input(1).shape;
    const std::size_t along = normalized_axis(axis_, to.rank());
    const std::int64_t size = to[along];
    if (!check_indices(c, c.input(1), along, size)) return;
    copy_tensor(c, c.input(0), c.output(0));
    if (from.elements() == 0) return;
    const IndexInput index(c.input(1));
    const std::int64_t stride = to.stride(along);
    // Array 0 is the indices and the updates, array 1 is y at index 0 of the axis.
    StridedBox<2> box;
    for (std::size_t d = 0; d < to.rank(); ++d) box.push_back(from[d], {from.stride(d), d == along ? 0 : to.stride(d)});
    const std::int64_t row = box.row_size();
    const std::int64_t step = box.row_strides()[1];
    box.for_rows(0, box.rows(), [&](const auto& at) {
      for (std::int64_t i = 0; i < row; ++i) {
        const std::int64_t target = at[1] + i * step + wrapped_index(index[at[0] + i], size) * stride;
        update_(c.input(2).data, at[0] + i, c.output(0).data, target, 1);
      }
    });
  }

 private:
  std::int64_t axis_;
  detail::Updater update_;
};

template <>
class Kernel<ops::Scatter, Cpu> : public Kernel<ops::ScatterElements, Cpu> {
 public:
  static Support supports(const NodeView& node) { return detail::Updater::supports(node, ops::Reduction::none); }
  Kernel(const NodeView& node, const CpuDevice&) : Kernel<ops::ScatterElements, Cpu>(node.op<ops::Scatter>(), node.input_dtype(0)) {}
};

template <>
class Kernel<ops::ScatterND, Cpu> {
 public:
  static Support supports(const NodeView& node) { return detail::Updater::supports(node, node.op<ops::ScatterND>().reduction); }
  Kernel(const NodeView& node, const CpuDevice&) : update_(node.op<ops::ScatterND>().reduction, node.input_dtype(0)) {}

  void run(Context& c) const {
    const Shape& to = c.output(0).shape;
    const Shape& tuples = c.input(1).shape;
    const auto depth = static_cast<std::size_t>(tuples.back());
    const std::int64_t count = tuples.elements(0, tuples.rank() - 1);
    const std::int64_t inner = to.elements(depth, to.rank());
    const std::int64_t* indices = c.in<std::int64_t>(1);  // (count, depth)
    const TupleIndex index(to, 0, depth);
    if (!index.check(c, indices, count)) return;
    copy_tensor(c, c.input(0), c.output(0));
    for (std::int64_t i = 0; i < count; ++i) {  // updates: (count, inner)
      update_(c.input(2).data, i * inner, c.output(0).data, index.offset(indices + i * static_cast<std::int64_t>(depth)), inner);
    }
  }

 private:
  detail::Updater update_;
};

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_KERNELS_CPU_TOPK_HPP

namespace hone::inline HONE_ABI {

/// All element types become 32-bit or 64-bit keys first, so that the selection exists only twice.
template <>
class Kernel<ops::TopK, Cpu> {
 public:
  static Support supports(const NodeView& node) {
    const DType dtype = node.input_dtype(0);
    const bool number =
        is_integral(dtype) || dtype == DType::float32 || dtype == DType::float64 || dtype == DType::float16 || dtype == DType::bfloat16;
    return number ? Support::yes() : Support::no("TopK of ", hone::name(dtype));
  }
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<ops::TopK>()) {}

  [[nodiscard]] std::size_t workspace(const Context& c) const {
    const Rows rows(c, op_.axis);
    return static_cast<std::size_t>(c.pool().size()) * rows.scratch(key_size(c.input(0).dtype));
  }

  void run(Context& c) const {
    switch (c.input(0).dtype) {
      case DType::float32:
        return select<float>(c);
      case DType::float64:
        return select<double>(c);
      case DType::float16:
        return select<Half>(c);
      case DType::bfloat16:
        return select<BFloat16>(c);
      case DType::int8:
        return select<std::int8_t>(c);
      case DType::int16:
        return select<std::int16_t>(c);
      case DType::int32:
        return select<std::int32_t>(c);
      case DType::int64:
        return select<std::int64_t>(c);
      case DType::uint8:
        return select<std::uint8_t>(c);
      case DType::uint16:
        return select<std::uint16_t>(c);
      case DType::uint32:
        return select<std::uint32_t>(c);
      default:
        return select<std::uint64_t>(c);
    }
  }

 private:
  template <class Key>
  struct Candidate {
    Key key;
    std::int64_t index;
    friend bool operator<(const Candidate& a, const Candidate& b) noexcept {
      return a.key > b.key || (a.key == b.key && a.index < b.index);
    }
  };

  /// x is (outer, n, inner), the outputs are (outer, k, inner).
  struct Rows {
    Rows(const Context& c, std::int64_t axis) {
      const Shape& from = c.input(0).shape;
      const std::size_t along = normalized_axis(axis, from.rank());
      n = from[along];
      k = c.output(0).shape[along];
      inner = from.stride(along);
      outer = from.elements(0, along);
    }
    /// A heap serves a few best elements; for more, all are candidates.
    [[nodiscard]] bool few() const noexcept { return k <= n / 8; }
    /// Bytes of keys, and of keys and candidates together.
    [[nodiscard]] std::size_t key_bytes(std::size_t key) const noexcept { return align_up(static_cast<std::size_t>(n) * key); }
    [[nodiscard]] std::size_t scratch(std::size_t key) const noexcept {
      return key_bytes(key) + align_up(static_cast<std::size_t>(few() ? k : n) * sizeof(Candidate<std::uint64_t>));
    }
    std::int64_t n = 0;
    std::int64_t k = 0;
    std::int64_t inner = 1;
    std::int64_t outer = 1;
  };

  static std::size_t key_size(DType dtype) noexcept { return element_size(dtype) == 8 ? 8 : 4; }

  template <class T>
  void select(Context& c) const {
    using Key = OrderKey<T>;
    const Rows rows(c, op_.axis);
    if (c.output(0).elements() == 0) return;
    const T* x = c.in<T>(0);
    T* values = c.has_output(0) ? c.out<T>(0) : nullptr;
    std::int64_t* indices = c.has_output(1) ? c.out<std::int64_t>(1) : nullptr;
    const Key flip = op_.largest ? Key{0} : static_cast<Key>(~Key{0});
    const std::int64_t grain = std::max<std::int64_t>(copy_block<T> / rows.n, 1);
    c.parallel_for(rows.outer * rows.inner, grain, [&](std::int64_t begin, std::int64_t end, int slot) {
      std::byte* scratch = c.workspace() + static_cast<std::size_t>(slot) * rows.scratch(sizeof(Key));
      Key* keys = reinterpret_cast<Key*>(scratch);
      auto* best = reinterpret_cast<Candidate<Key>*>(scratch + rows.key_bytes(sizeof(Key)));
      for (std::int64_t row = begin; row < end; ++row) {
        const std::int64_t o = row / rows.inner;
        const std::int64_t i = row % rows.inner;
        const T* source = x + o * rows.n * rows.inner + i;
        for (std::int64_t j = 0; j < rows.n; ++j) keys[j] = static_cast<Key>(order_key(source[j * rows.inner]) ^ flip);
        find_best(keys, rows, best);
        for (std::int64_t j = 0; j < rows.k; ++j) {
          const std::int64_t target = (o * rows.k + j) * rows.inner + i;
          if (values != nullptr) values[target] = source[best[j].index * rows.inner];
          if (indices != nullptr) indices[target] = best[j].index;
        }
      }
    });
  }

  /// best[0 .. k) = the candidates with the largest keys, in order.
  template <class Key>
  static void find_best(const Key* keys, const Rows& rows, Candidate<Key>* best) {
    const std::int64_t first = rows.few() ? rows.k : rows.n;
    for (std::int64_t j = 0; j < first; ++j) best[j] = {keys[j], j};
    if (!rows.few()) {
      if (rows.k < rows.n) std::nth_element(best, best + rows.k, best + rows.n);
      std::sort(best, best + rows.k);
      return;
    }
    std::make_heap(best, best + rows.k);  // the worst of the best on top
    for (std::int64_t j = first; j < rows.n; ++j) {
      if (keys[j] <= best[0].key) continue;  // an equal key has a higher index
      std::pop_heap(best, best + rows.k);
      best[rows.k - 1] = {keys[j], j};
      std::push_heap(best, best + rows.k);
    }
    std::sort_heap(best, best + rows.k);
  }

  ops::TopK op_;
};

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_KERNELS_CPU_UNIQUE_HPP

#include <numeric>

namespace hone::inline HONE_ABI {

/// Sorts the indices of the slices, then walks over them. Numbers become 64-bit keys first, so that there is one sort for all types.
template <>
class Kernel<ops::Unique, Cpu> {
 public:
  static Support supports(const NodeView& node) {
    const DType dtype = node.input_dtype(0);
    const bool good = is_integral(dtype) || dtype == DType::boolean || dtype == DType::float32 || dtype == DType::float64 ||
                      dtype == DType::float16 || dtype == DType::bfloat16 || dtype == DType::string;
    return good ? Support::yes() : Support::no("Unique of ", hone::name(dtype));
  }
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<ops::Unique>()) {}

  [[nodiscard]] std::size_t workspace(const Context& c) const {
    const TensorRef& x = c.input(0);
    const std::size_t keys = x.dtype == DType::string ? 0 : static_cast<std::size_t>(x.elements());
    return (keys + static_cast<std::size_t>(Slices(op_, x.shape).n) * lists) * 8;
  }

  void run(Context& c) const {
    const TensorRef x = c.input(0);
    const auto rank = static_cast<std::int64_t>(x.shape.rank());
    if (op_.axis && (*op_.axis < -rank || *op_.axis >= rank)) return c.fail("axis ", *op_.axis, " is out of range for rank ", rank);
    const Slices slices(op_, x.shape);
    auto* memory = reinterpret_cast<std::int64_t*>(c.workspace());
    if (x.dtype == DType::string) {
      find(c, slices, x.as<const std::string>(), memory);
    } else {
      auto* keys = reinterpret_cast<std::uint64_t*>(memory + lists * slices.n);
      make_keys(x, keys);
      find(c, slices, static_cast<const std::uint64_t*>(keys), memory);
    }
  }

 private:
  static constexpr std::int64_t lists = 6;  // of one number per slice, in the workspace

  /// x as (outer, n, inner).
  struct Slices {
    Slices(const ops::Unique& op, const Shape& shape) {
      const auto rank = static_cast<std::int64_t>(shape.rank());
      if (!op.axis || *op.axis < -rank || *op.axis >= rank) {
        n = shape.elements();
        return;
      }
      along = normalized_axis(*op.axis, shape.rank());
      outer = shape.elements(0, along);
      n = shape[along];
      inner = shape.stride(along);
    }
    std::size_t along = 0;
    std::int64_t outer = 1;
    std::int64_t n = 0;
    std::int64_t inner = 1;
  };

  static void make_keys(const TensorRef& x, std::uint64_t* keys) {
    const auto fill = [&]<class T>(const T*) {
      const T* from = x.as<const T>();
      const std::int64_t n = x.elements();
      for (std::int64_t i = 0; i < n; ++i) keys[i] = order_key(from[i]);
    };
    switch (x.dtype) {
      case DType::float32:
        return fill(static_cast<const float*>(nullptr));
      case DType::float64:
        return fill(static_cast<const double*>(nullptr));
      case DType::float16:
        return fill(static_cast<const Half*>(nullptr));
      case DType::bfloat16:
        return fill(static_cast<const BFloat16*>(nullptr));
      case DType::int8:
        return fill(static_cast<const std::int8_t*>(nullptr));
      case DType::int16:
        return fill(static_cast<const std::int16_t*>(nullptr));
      case DType::int32:
        return fill(static_cast<const std::int32_t*>(nullptr));
      case DType::int64:
        return fill(static_cast<const std::int64_t*>(nullptr));
      case DType::uint16:
        return fill(static_cast<const std::uint16_t*>(nullptr));
      case DType::uint32:
        return fill(static_cast<const std::uint32_t*>(nullptr));
      case DType::uint64:
        return fill(static_cast<const std::uint64_t*>(nullptr));
      default:
        return fill(static_cast<const std::uint8_t*>(nullptr));
    }
  }

  template <class Key>
  void find(Context& c, const Slices& s, const Key* keys, std::int64_t* memory) const {
    std::int64_t* order = memory;  // slices by content, then by index
    std::int64_t* group_of = memory + s.n;
    std::int64_t* first = memory + 2 * s.n;  // per group: its first slice
    std::int64_t* count = memory + 3 * s.n;
    std::int64_t* groups = memory + 4 * s.n;    // the groups in the order of the output
    std::int64_t* position = memory + 5 * s.n;  // and the inverse
    const auto compare = [&](std::int64_t a, std::int64_t b) {
      for (std::int64_t o = 0; o < s.outer; ++o) {
        const Key* left = keys + (o * s.n + a) * s.inner;
        const Key* right = keys + (o * s.n + b) * s.inner;
        for (std::int64_t i = 0; i < s.inner; ++i)
          if (left[i] != right[i]) return left[i] < right[i] ? -1 : 1;
      }
      return 0;
    };
    std::iota(order, order + s.n, 0);
    std::sort(order, order + s.n, [&](std::int64_t a, std::int64_t b) {
      const int sign = compare(a, b);
      return sign != 0 ? sign < 0 : a < b;
    });
    std::int64_t found = 0;
    for (std::int64_t i = 0; i < s.n; ++i) {
      if (i == 0 || compare(order[i - 1], order[i]) != 0) {
        first[found] = order[i];
        count[found++] = 0;
      }
      group_of[order[i]] = found - 1;
      ++count[found - 1];
    }
    std::iota(groups, groups + found, 0);
    if (!op_.sorted) std::sort(groups, groups + found, [&](std::int64_t a, std::int64_t b) { return first[a] < first[b]; });
    for (std::int64_t i = 0; i < found; ++i) position[groups[i]] = i;

    write(c, s, first, groups, found);
    const auto list = [&](std::size_t output, std::int64_t n, auto value) {
      if (!c.has_output(output)) return;
      std::int64_t* y = c.allocate(output, DType::int64, {n}).as<std::int64_t>();
      for (std::int64_t i = 0; i < n; ++i) y[i] = value(i);
    };
    list(1, found, [&](std::int64_t i) { return first[groups[i]]; });
    list(2, s.n, [&](std::int64_t i) { return position[group_of[i]]; });
    list(3, found, [&](std::int64_t i) { return count[groups[i]]; });
  }

  void write(Context& c, const Slices& s, const std::int64_t* first, const std::int64_t* groups, std::int64_t found) const {
    if (!c.has_output(0)) return;
    const TensorRef x = c.input(0);
    Shape to{found};
    if (op_.axis) {
      to = x.shape;
      to[s.along] = found;
    }
    const TensorRef& y = c.allocate(0, x.dtype, to);
    const std::size_t bytes = static_cast<std::size_t>(s.inner) * element_size(x.dtype);
    for (std::int64_t o = 0; o < s.outer; ++o) {
      for (std::int64_t i = 0; i < found; ++i) {
        const std::int64_t source = o * s.n + first[groups[i]];
        const std::int64_t target = o * found + i;
        if (x.dtype == DType::string) {
          std::copy_n(x.as<const std::string>() + source * s.inner, s.inner, y.as<std::string>() + target * s.inner);
        } else if (bytes != 0) {
          std::memcpy(y.as<std::byte>() + static_cast<std::size_t>(target) * bytes,
                      x.as<const std::byte>() + static_cast<std::size_t>(source) * bytes, bytes);
        }
      }
    }
  }

  ops::Unique op_;
};

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_PROVIDERS_CPU_KERNELS_MATRIX_IMPL_HPP

#define HONE_SINGLE_KERNELS_CPU_GEMM_HPP

namespace hone::inline HONE_ABI {

/// A constant b is packed when the kernel is made; a bias of one row, the common case, is added in registers.
template <class T>
class Kernel<ops::Gemm, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice& device) : op_(node.op<ops::Gemm>()), product_(device.isa) {
    const TensorRef* b = node.constant(1);
    if (b == nullptr || b->shape.rank() != 2) return;
    const std::int64_t k = b->shape[op_.trans_b ? 1 : 0];
    const std::int64_t n = b->shape[op_.trans_b ? 0 : 1];
    packed_ = Buffer(product_.pack_b_bytes(k, n));
    product_.pack_b(matrix(*b, op_.trans_b), k, n, static_cast<T*>(packed_.data()), ThreadPool::shared(1));
  }

  [[nodiscard]] std::size_t workspace(const Context& c) const {
    const Shape& y = c.output(0).shape;
    return product_.workspace_bytes(y[0], y[1], depth(c), use_packed(y[0]));
  }

  void run(Context& c) const {
    const std::int64_t m = c.output(0).shape[0];
    const std::int64_t n = c.output(0).shape[1];
    T* y = c.out<T>(0);
    cpu::ProductOptions<T> options;
    const bool row_bias = c.has_input(2) && op_.alpha == 1 && op_.beta == 1 && c.input(2).elements() == n && c.input(2).shape.back() == n;
    if (row_bias) options.column_bias = c.in<T>(2);
    const auto scale_and_add = [&](T* block, std::int64_t row, std::int64_t column, std::int64_t rows, std::int64_t columns) {
      for (std::int64_t i = 0; i < rows; ++i) {
        for (std::int64_t j = 0; j < columns; ++j) {
          T& element = block[i * n + j];
          element = scaled(element, op_.alpha);
          if (c.has_input(2)) element = static_cast<T>(element + scaled(bias_at(c.input(2), row + i, column + j), op_.beta));
        }
      }
    };
    const typename cpu::ProductOptions<T>::Finish finish(scale_and_add);
    if (!row_bias && (c.has_input(2) || op_.alpha != 1)) options.finish = &finish;
    const cpu::MatrixRef<T> a = matrix(c.input(0), op_.trans_a);
    if (use_packed(m)) {
      product_.run_packed(m, n, depth(c), a, static_cast<const T*>(packed_.data()), y, n, options, c.workspace(), c.pool());
    } else {
      product_.run(m, n, depth(c), a, matrix(c.input(1), op_.trans_b), y, n, options, c.workspace(), c.pool());
    }
  }

 private:
  [[nodiscard]] static cpu::MatrixRef<T> matrix(const TensorRef& tensor, bool transposed) noexcept {
    const cpu::MatrixRef<T> plain{tensor.as<const T>(), tensor.shape[1], 1};
    return transposed ? plain.transposed() : plain;
  }
  [[nodiscard]] std::int64_t depth(const Context& c) const noexcept { return c.input(0).shape[op_.trans_a ? 0 : 1]; }
  [[nodiscard]] bool use_packed(std::int64_t m) const noexcept { return packed_.bytes() != 0 && m > simd::Gemm<T>::max_vector_rows; }
  [[nodiscard]] static T scaled(T value, float factor) noexcept {
    return factor == 1 ? value : static_cast<T>(value * static_cast<T>(factor));
  }
  [[nodiscard]] static T bias_at(const TensorRef& bias, std::int64_t row, std::int64_t column) noexcept {
    const Shape& shape = bias.shape;
    const std::int64_t columns = shape.rank() > 0 ? shape.back() : 1;
    const std::int64_t rows = shape.rank() > 1 ? shape[0] : 1;
    return bias.as<const T>()[(rows == 1 ? 0 : row) * columns + (columns == 1 ? 0 : column)];
  }

  const ops::Gemm op_;
  cpu::MatrixProduct<T> product_;
  Buffer packed_;
};

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_KERNELS_CPU_MATMUL_HPP

namespace hone::inline HONE_ABI {

/// A constant right operand is packed when the kernel is made. A left operand with any number of leading dimensions times one matrix is
/// one product. Otherwise the products of the batch are shared among the threads when there are enough of them, else each is split.
template <class T>
class Kernel<ops::MatMul, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice& device) : product_(device.isa) {
    const TensorRef* b = node.constant(1);
    if (b == nullptr || b->shape.rank() != 2) return;
    const std::int64_t k = b->shape[0];
    const std::int64_t n = b->shape[1];
    packed_ = Buffer(product_.pack_b_bytes(k, n));
    product_.pack_b({b->as<const T>(), n, 1}, k, n, static_cast<T*>(packed_.data()), ThreadPool::shared(1));
  }

  [[nodiscard]] std::size_t workspace(const Context& c) const {
    const Batch batch(c.input(0).shape, c.input(1).shape, c.output(0).shape);
    return per_product(batch) * static_cast<std::size_t>(shares_batch(batch, c.pool()) ? c.pool().size() : 1);
  }

  void run(Context& c) const {
    const Batch batch(c.input(0).shape, c.input(1).shape, c.output(0).shape);
    const T* a = c.in<T>(0);
    const T* b = c.in<T>(1);
    T* y = c.out<T>(0);
    const auto one = [&](std::int64_t i, std::byte* scratch, const ThreadPool& pool) {
      const cpu::MatrixRef<T> left{a + batch.offset_a(i), batch.k, 1};
      const cpu::MatrixRef<T> right{b + batch.offset_b(i), batch.n, 1};
      T* out = y + i * batch.m * batch.n;
      if (use_packed(batch)) {
        product_.run_packed(batch.m, batch.n, batch.k, left, static_cast<const T*>(packed_.data()), out, batch.n, {}, scratch, pool);
      } else {
        product_.run(batch.m, batch.n, batch.k, left, right, out, batch.n, {}, scratch, pool);
      }
    };
    if (!shares_batch(batch, c.pool())) {
      for (std::int64_t i = 0; i < batch.count; ++i) one(i, c.workspace(), c.pool());
      return;
    }
    const std::size_t scratch = per_product(batch);
    c.pool().parallel_for(batch.count, 1, [&](std::int64_t begin, std::int64_t end, int slot) {
      for (std::int64_t i = begin; i < end; ++i) one(i, c.workspace() + static_cast<std::size_t>(slot) * scratch, c.pool());
    });
  }

 private:
  /// The products that a MatMul consists of.
  struct Batch {
    Batch(Shape a, Shape b, const Shape& y) {
      const bool vector_a = a.rank() == 1;
      const bool vector_b = b.rank() == 1;
      if (vector_a) a.insert(0, 1);
      if (vector_b) b.push_back(1);
      m = a[a.rank() - 2];
      k = a.back();
      n = b.back();
      const std::size_t rank = y.rank() - (vector_a ? 0 : 1) - (vector_b ? 0 : 1);
      if (b.rank() == 2) {
        m *= a.elements(0, a.rank() - 2);
        return;
      }
      dims = Shape(y.dims().first(rank));
      count = dims.elements();
      set_strides(a, strides_a);
      set_strides(b, strides_b);
    }

    /// Elements from the start of `a` to the matrix of product `i`.
    [[nodiscard]] std::int64_t offset_a(std::int64_t i) const noexcept { return offset(i, strides_a); }
    [[nodiscard]] std::int64_t offset_b(std::int64_t i) const noexcept { return offset(i, strides_b); }

    Shape dims;
    Shape strides_a;
    Shape strides_b;
    std::int64_t count = 1;
    std::int64_t m = 0;
    std::int64_t n = 0;
    std::int64_t k = 0;

   private:
    void set_strides(const Shape& operand, Shape& strides) const {
      strides = Shape::filled(dims.rank(), 0);
      const std::size_t own = operand.rank() - 2;
      for (std::size_t i = 0; i < own; ++i)
        if (operand[i] != 1) strides[dims.rank() - own + i] = operand.stride(i);
    }
    [[nodiscard]] std::int64_t offset(std::int64_t i, const Shape& strides) const noexcept {
      std::int64_t result = 0;
      for (std::size_t axis = dims.rank(); axis-- > 0;) {
        result += i % dims[axis] * strides[axis];
        i /= dims[axis];
      }
      return result;
    }
  };

  [[nodiscard]] bool use_packed(const Batch& batch) const noexcept {
    return packed_.bytes() != 0 && batch.m > simd::Gemm<T>::max_vector_rows;
  }
  [[nodiscard]] static bool shares_batch(const Batch& batch, const ThreadPool& pool) noexcept {
    return pool.size() > 1 && batch.count >= 2 * pool.size();
  }
  [[nodiscard]] std::size_t per_product(const Batch& batch) const noexcept {
    return align_up(product_.workspace_bytes(batch.m, batch.n, batch.k, use_packed(batch)));
  }

  cpu::MatrixProduct<T> product_;
  Buffer packed_;
};

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_PROVIDERS_CPU_KERNELS_MOVEMENT_IMPL_HPP

#define HONE_SINGLE_KERNELS_CPU_CONCAT_HPP

namespace hone::inline HONE_ABI {

template <>
class Kernel<ops::Concat, Cpu> {
 public:
  static Support supports(const NodeView& node) { return ElementMover::support(node.input_dtype(0)); }
  Kernel(const NodeView& node, const CpuDevice&) : axis_(node.op<ops::Concat>().axis) {}
  void run(Context& c) const {
    const Shape& to = c.output(0).shape;
    const std::size_t along = normalized_axis(axis_, to.rank());
    const std::int64_t outer = to.elements(0, along);
    const std::int64_t row = to.elements(along, to.rank());
    std::int64_t first = 0;
    for (std::size_t i = 0; i < c.input_count(); ++i) {
      const std::int64_t part = c.input(i).shape.elements(along, to.rank());
      StridedBox<2> box;
      box.push_back(outer, {part, row});
      box.push_back(part, {1, 1});
      strided_copy(c, box, c.input(i), 0, c.output(0), first);
      first += part;
    }
  }

 private:
  std::int64_t axis_;
};

template <>
class Kernel<ops::Split, Cpu> {
 public:
  static Support supports(const NodeView& node) { return ElementMover::support(node.input_dtype(0)); }
  Kernel(const NodeView& node, const CpuDevice&) : axis_(node.op<ops::Split>().axis) {}
  void run(Context& c) const {
    const Shape& from = c.input(0).shape;
    const std::size_t along = normalized_axis(axis_, from.rank());
    const std::int64_t outer = from.elements(0, along);
    const std::int64_t row = from.elements(along, from.rank());
    const std::int64_t inner = from.stride(along);
    const auto parts = static_cast<std::int64_t>(c.output_count());
    const TensorRef* sizes = c.has_input(1) ? &c.input(1) : nullptr;
    std::int64_t first = 0;
    for (std::int64_t i = 0; i < parts; ++i) {
      const std::int64_t part = ops::Split::part(i, parts, from[along], sizes) * inner;
      const auto output = static_cast<std::size_t>(i);
      if (c.has_output(output)) {
        StridedBox<2> box;
        box.push_back(outer, {row, part});
        box.push_back(part, {1, 1});
        strided_copy(c, box, c.input(0), first, c.output(output), 0);
      }
      first += part;
    }
  }

 private:
  std::int64_t axis_;
};

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_KERNELS_CPU_DEPTH_TO_SPACE_HPP

namespace hone::inline HONE_ABI {

template <>
class Kernel<ops::DepthToSpace, Cpu> {
 public:
  static Support supports(const NodeView& node) { return ElementMover::support(node.input_dtype(0)); }
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<ops::DepthToSpace>()) {}
  void run(Context& c) const {
    const Shape& from = c.input(0).shape;
    const Shape& to = c.output(0).shape;
    const std::int64_t b = op_.blocksize;
    const std::int64_t plane = from[2] * from[3];
    const std::int64_t channel = op_.channels_first ? b * b * plane : plane;
    const std::int64_t column = op_.channels_first ? plane : to[1] * plane;
    // y as (N, C, H, block row, W, block column).
    StridedBox<2> box;
    box.push_back(from[0], {from[1] * plane, to.stride(0)});
    box.push_back(to[1], {channel, to.stride(1)});
    box.push_back(from[2], {from[3], b * to[3]});
    box.push_back(b, {b * column, to[3]});
    box.push_back(from[3], {1, b});
    box.push_back(b, {column, 1});
    strided_copy(c, box, c.input(0), 0, c.output(0), 0);
  }

 private:
  ops::DepthToSpace op_;
};

template <>
class Kernel<ops::SpaceToDepth, Cpu> {
 public:
  static Support supports(const NodeView& node) { return ElementMover::support(node.input_dtype(0)); }
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<ops::SpaceToDepth>()) {}
  void run(Context& c) const {
    const Shape& from = c.input(0).shape;
    const Shape& to = c.output(0).shape;
    const std::int64_t b = op_.blocksize;
    const std::int64_t plane = to[2] * to[3];
    const std::int64_t channel = op_.channels_first ? b * b * plane : plane;
    const std::int64_t column = op_.channels_first ? plane : from[1] * plane;
    // x as (N, C, H, block row, W, block column), the block before H and W so that rows of y are written at once.
    StridedBox<2> box;
    box.push_back(from[0], {from.stride(0), to.stride(0)});
    box.push_back(b, {from[3], b * column});
    box.push_back(b, {1, column});
    box.push_back(from[1], {from.stride(1), channel});
    box.push_back(to[2], {b * from[3], to[3]});
    box.push_back(to[3], {b, 1});
    strided_copy(c, box, c.input(0), 0, c.output(0), 0);
  }

 private:
  ops::SpaceToDepth op_;
};

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_KERNELS_CPU_GENERATE_HPP

namespace hone::inline HONE_ABI {

template <>
class Kernel<ops::ConstantOfShape, Cpu> {
 public:
  static Support supports(const NodeView& node) {
    return node.output_dtype(0) == DType::string ? Support::no("ConstantOfShape of strings") : Support::yes();
  }
  Kernel(const NodeView& node, const CpuDevice&) {
    const auto& value = node.op<ops::ConstantOfShape>().value;
    if (!value) return;
    const int bits = bit_width(value->tensor.dtype);
    std::array<std::byte, 16> element{};
    std::memcpy(element.data(), value->tensor.data, value->tensor.bytes());
    if (bits < 8) {
      // Elements that share a byte: one of them, repeated.
      unsigned packed = std::to_integer<unsigned>(element[0]) & ((1U << bits) - 1);
      for (int filled = bits; filled < 8; filled *= 2) packed |= packed << filled;
      element[0] = static_cast<std::byte>(packed);
    }
    const std::size_t size = value->tensor.bytes();
    for (std::size_t i = 0; i < pattern_.size(); ++i) pattern_[i] = element[i % size];
  }
  void run(Context& c) const {
    const auto bytes = static_cast<std::int64_t>(c.output(0).bytes());
    std::byte* y = c.out<std::byte>(0);
    const bool same = std::all_of(pattern_.begin(), pattern_.end(), [&](std::byte byte) { return byte == pattern_[0]; });
    c.parallel_for(bytes, copy_block_bytes, [&](std::int64_t begin, std::int64_t end) {
      if (same) {
        std::memset(y + begin, std::to_integer<int>(pattern_[0]), static_cast<std::size_t>(end - begin));
        return;
      }
      std::int64_t i = begin;
      for (; i + 64 <= end; i += 64) std::memcpy(y + i, pattern_.data(), 64);
      std::memcpy(y + i, pattern_.data(), static_cast<std::size_t>(end - i));
    });
  }

 private:
  alignas(64) std::array<std::byte, 64> pattern_{};
};

template <class T>
class Kernel<ops::Range, Cpu, T> {
 public:
  Kernel(const NodeView&, const CpuDevice&) {}
  void run(Context& c) const {
    T* y = c.out<T>(0);
    const std::int64_t n = c.output(0).elements();
    if constexpr (std::is_integral_v<T>) {
      // Unsigned: the product may leave the range of T only behind the last element.
      std::uint64_t next = static_cast<std::uint64_t>(*c.in<T>(0));
      for (std::int64_t i = 0; i < n; ++i, next += static_cast<std::uint64_t>(*c.in<T>(2))) y[i] = static_cast<T>(next);
    } else {
      const double start = ops::number_at(c.input(0), 0);
      const double delta = ops::number_at(c.input(2), 0);
      for (std::int64_t i = 0; i < n; ++i) {
        const double value = start + static_cast<double>(i) * delta;
        if constexpr (sizeof(T) == 2) {
          y[i] = T(static_cast<float>(value));
        } else {
          y[i] = static_cast<T>(value);
        }
      }
    }
  }
};

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_KERNELS_CPU_IDENTITY_HPP

#include <random>

namespace hone::inline HONE_ABI {

template <>
class Kernel<ops::Identity, Cpu> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : is_tensor_(node.input_type(0).is_tensor()) {}
  void run(Context& c) const {
    if (is_tensor_) {
      copy_tensor(c, c.input(0), c.output(0));
    } else {
      c.output_slot(0).object = c.input_slot(0).object.clone();
    }
  }

 private:
  bool is_tensor_;
};

/// In training mode the numbers are those of numpy's RandomState(seed).uniform(), which the standard's own test data is made with.
template <>
class Kernel<ops::Dropout, Cpu> {
 public:
  static Support supports(const NodeView& node) {
    if (!node.has_input(2) && node.output_dtype(1) != DType::undefined && !is_mask(node.output_dtype(1))) {
      return Support::no("a mask of type ", hone::name(node.output_dtype(1)));
    }
    switch (node.input_dtype(0)) {
      case DType::float32:
      case DType::float64:
      case DType::float16:
      case DType::bfloat16:
        return Support::yes();
      default:
        return Support::no("Dropout of ", hone::name(node.input_dtype(0)));
    }
  }
  Kernel(const NodeView& node, const CpuDevice&) : seed_(node.op<ops::Dropout>().seed) {}

  void run(Context& c) const {
    const bool training = c.has_input(2) && *c.in<bool>(2);
    const double ratio = c.has_input(1) ? ops::number_at(c.input(1), 0) : 0.5;
    if (!training || ratio == 0) {
      copy_tensor(c, c.input(0), c.output(0));
      if (c.has_output(1)) fill_mask(c.output(1));
      return;
    }
    if (!(ratio > 0 && ratio < 1)) return c.fail("the ratio ", ratio, " is not in [0, 1)");
    switch (c.input(0).dtype) {
      case DType::float32:
        return drop<float>(c, ratio);
      case DType::float64:
        return drop<double>(c, ratio);
      case DType::float16:
        return drop<Half>(c, ratio);
      default:
        return drop<BFloat16>(c, ratio);
    }
  }

 private:
  static bool is_mask(DType dtype) noexcept {
    return dtype == DType::boolean || dtype == DType::float32 || dtype == DType::float64 || dtype == DType::float16;
  }

  static void fill_mask(const TensorRef& mask) {
    const std::int64_t n = mask.elements();
    switch (mask.dtype) {
      case DType::boolean:
        std::fill_n(mask.as<bool>(), n, true);
        break;
      case DType::float32:
        std::fill_n(mask.as<float>(), n, 1.0F);
        break;
      case DType::float64:
        std::fill_n(mask.as<double>(), n, 1.0);
        break;
      default:
        std::fill_n(mask.as<Half>(), n, Half(1.0F));
        break;
    }
  }

  template <class T>
  void drop(Context& c, double ratio) const {
    const auto seed = seed_ ? static_cast<std::uint64_t>(*seed_)
                            : static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
    std::mt19937 random(static_cast<std::uint32_t>(seed));
    const double scale = 1.0 / (1.0 - ratio);
    const T* x = c.in<T>(0);
    T* y = c.out<T>(0);
    bool* mask = c.has_output(1) ? c.out<bool>(1) : nullptr;
    const std::int64_t n = c.input(0).elements();
    for (std::int64_t i = 0; i < n; ++i) {
      // 53 random bits, as numpy takes them from two 32-bit draws.
      const double high = static_cast<double>(random() >> 5);
      const double low = static_cast<double>(random() >> 6);
      const bool kept = (high * 67108864.0 + low) / 9007199254740992.0 >= ratio;
      const auto value = static_cast<std::conditional_t<sizeof(T) == 2, float, T>>(x[i]);
      y[i] = kept ? static_cast<T>(static_cast<decltype(value)>(static_cast<double>(value) * scale)) : T{};
      if (mask != nullptr) mask[i] = kept;
    }
  }

  std::optional<std::int64_t> seed_;
};

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_KERNELS_CPU_PAD_HPP

namespace hone::inline HONE_ABI {

/// y is computed row by row. A row is the last dimension that changes together with the ones behind it, which move as one block.
template <>
class Kernel<ops::Pad, Cpu> {
  using Mode = ops::Pad::Mode;

 public:
  static Support supports(const NodeView& node) { return ElementMover::support(node.input_dtype(0)); }
  Kernel(const NodeView& node, const CpuDevice&) : mode_(node.op<ops::Pad>().mode) {}

  void run(Context& c) const {
    const Shape& from = c.input(0).shape;
    const Shape& to = c.output(0).shape;
    if (to.elements() == 0) return;
    const ops::Pad::Extents extents = ops::Pad::resolve(from, c.input(1), c.has_input(3) ? &c.input(3) : nullptr);
    std::size_t padded = to.rank();
    while (padded > 0 && from[padded - 1] == extents[padded - 1].kept && to[padded - 1] == from[padded - 1]) --padded;
    if (padded == 0) return copy_tensor(c, c.input(0), c.output(0));
    const std::size_t last = padded - 1;
    const std::int64_t block = to.elements(padded, to.rank());
    const std::int64_t row = to[last] * block;
    const ElementMover mover(c.input(0).dtype);
    const std::byte* fill = c.has_input(2) && c.input(2).elements() == 1 ? c.in<std::byte>(2) : nullptr;
    const void* x = c.input(0).data;
    void* y = c.output(0).data;
    c.parallel_for(to.elements(0, last), std::max<std::int64_t>(mover.block() / row, 1), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        std::int64_t source = 0;
        bool inside = true;
        for (std::size_t d = last, rest = static_cast<std::size_t>(r); d-- > 0;) {
          const auto dim = static_cast<std::size_t>(to[d]);
          const std::int64_t at = map(static_cast<std::int64_t>(rest % dim), extents[d]);
          rest /= dim;
          inside = inside && at >= 0;
          source += at * from.stride(d);
        }
        if (inside) {
          pad_row(mover, mover.at(x, source), extents[last], block, fill, mover.at(y, r * row));
        } else {
          mover.fill(mover.at(y, r * row), row, fill);
        }
      }
    });
  }

 private:
  /// The index in x of element `i` of y, -1 for one that takes the constant.
  [[nodiscard]] std::int64_t map(std::int64_t i, const ops::Pad::Extent& extent) const noexcept {
    const std::int64_t n = extent.kept;
    i -= extent.before;
    if (i >= 0 && i < n) return extent.first + i;
    switch (mode_) {
      case Mode::constant:
        return -1;
      case Mode::edge:
        return extent.first + std::clamp<std::int64_t>(i, 0, n - 1);
      case Mode::wrap:
        return extent.first + ((i % n) + n) % n;
      case Mode::reflect:
        break;
    }
    if (n == 1) return extent.first;
    const std::int64_t period = 2 * (n - 1);
    i = ((i % period) + period) % period;
    return extent.first + (i < n ? i : period - i);
  }

  void pad_row(const ElementMover& mover, const void* x, const ops::Pad::Extent& extent, std::int64_t block, const std::byte* fill,
               std::byte* y) const {
    if (mode_ == Mode::constant) {
      y = mover.fill(y, extent.before * block, fill);
      y = mover.copy(mover.at(x, extent.first * block), extent.kept * block, y);
      mover.fill(y, extent.after * block, fill);
      return;
    }
    for (std::int64_t i = 0; i < extent.before; ++i) y = mover.copy(mover.at(x, map(i, extent) * block), block, y);
    y = mover.copy(mover.at(x, extent.first * block), extent.kept * block, y);
    for (std::int64_t i = 0; i < extent.after; ++i)
      y = mover.copy(mover.at(x, map(extent.before + extent.kept + i, extent) * block), block, y);
  }

  Mode mode_;
};

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_KERNELS_CPU_RESHAPE_HPP

namespace hone::inline HONE_ABI {

/// y has the elements of x in the same order.
class ReshapeKernel {
 public:
  ReshapeKernel(const NodeView&, const CpuDevice&) {}
  void run(Context& c) const { copy_tensor(c, c.input(0), c.output(0)); }
};

// clang-format off
template <> class Kernel<ops::Reshape, Cpu> : public ReshapeKernel { using ReshapeKernel::ReshapeKernel; };
template <> class Kernel<ops::Flatten, Cpu> : public ReshapeKernel { using ReshapeKernel::ReshapeKernel; };
template <> class Kernel<ops::Squeeze, Cpu> : public ReshapeKernel { using ReshapeKernel::ReshapeKernel; };
template <> class Kernel<ops::Unsqueeze, Cpu> : public ReshapeKernel { using ReshapeKernel::ReshapeKernel; };
// clang-format on

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_KERNELS_CPU_REVERSE_SEQUENCE_HPP

namespace hone::inline HONE_ABI {

template <>
class Kernel<ops::ReverseSequence, Cpu> {
 public:
  static Support supports(const NodeView& node) { return ElementMover::support(node.input_dtype(0)); }
  Kernel(const NodeView& node, const CpuDevice&) : time_first_(node.op<ops::ReverseSequence>().time_axis == 0) {}
  void run(Context& c) const {
    const Shape& shape = c.input(0).shape;
    const std::int64_t inner = shape.stride(1);
    const std::int64_t columns = shape[1];
    const std::int64_t times = shape[time_first_ ? 0 : 1];
    const std::int64_t batches = shape[time_first_ ? 1 : 0];
    const std::int64_t* lengths = c.in<std::int64_t>(1);
    for (std::int64_t b = 0; b < batches; ++b) {
      if (lengths[b] < 0 || lengths[b] > times)
        return c.fail("sequence_lens[", b, "] is ", lengths[b], ", but there are ", times, " times");
    }
    if (shape.elements() == 0) return;
    const ElementMover mover(c.input(0).dtype);
    const void* x = c.input(0).data;
    void* y = c.output(0).data;
    c.parallel_for(times * batches, std::max<std::int64_t>(mover.block() / inner, 1), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const std::int64_t b = time_first_ ? row % columns : row / columns;
        const std::int64_t t = time_first_ ? row / columns : row % columns;
        const std::int64_t source = t < lengths[b] ? lengths[b] - 1 - t : t;
        mover.copy(mover.at(x, (time_first_ ? source * columns + b : b * columns + source) * inner), inner, mover.at(y, row * inner));
      }
    });
  }

 private:
  bool time_first_;
};

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_KERNELS_CPU_SHAPE_HPP

namespace hone::inline HONE_ABI {

template <>
class Kernel<ops::ShapeOf, Cpu> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<ops::ShapeOf>()) {}
  void run(Context& c) const {
    const Shape& from = c.input(0).shape;
    const auto rank = static_cast<std::int64_t>(from.rank());
    std::int64_t* y = c.out<std::int64_t>(0);
    for (std::int64_t d = op_.first(rank); d < op_.last(rank); ++d) *y++ = from[static_cast<std::size_t>(d)];
  }

 private:
  ops::ShapeOf op_;
};

template <>
class Kernel<ops::SizeOf, Cpu> {
 public:
  Kernel(const NodeView&, const CpuDevice&) {}
  void run(Context& c) const { *c.out<std::int64_t>(0) = c.input(0).shape.elements(); }
};

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_KERNELS_CPU_SLICE_HPP

namespace hone::inline HONE_ABI {

template <>
class Kernel<ops::Slice, Cpu> {
 public:
  static Support supports(const NodeView& node) { return ElementMover::support(node.input_dtype(0)); }
  Kernel(const NodeView&, const CpuDevice&) {}
  void run(Context& c) const {
    const Shape& from = c.input(0).shape;
    const Shape& to = c.output(0).shape;
    if (to.elements() == 0) return;
    const auto optional = [&](std::size_t i) { return c.has_input(i) ? &c.input(i) : nullptr; };
    const ops::Slice::Ranges ranges = ops::Slice::resolve(from, c.input(1), c.input(2), optional(3), optional(4));
    StridedBox<2> box;
    std::int64_t first = 0;
    for (std::size_t d = 0; d < to.rank(); ++d) {
      first += ranges[d].start * from.stride(d);
      box.push_back(to[d], {ranges[d].step * from.stride(d), to.stride(d)});
    }
    strided_copy(c, box, c.input(0), first, c.output(0), 0);
  }
};

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_KERNELS_CPU_TILE_HPP

namespace hone::inline HONE_ABI {

template <>
class Kernel<ops::Tile, Cpu> {
 public:
  static Support supports(const NodeView& node) { return ElementMover::support(node.input_dtype(0)); }
  Kernel(const NodeView&, const CpuDevice&) {}
  void run(Context& c) const {
    const Shape& from = c.input(0).shape;
    const Shape& to = c.output(0).shape;
    if (to.elements() == 0) return;
    // Each dimension of y is (repeats, dimension of x).
    StridedBox<2> box;
    for (std::size_t d = 0; d < to.rank(); ++d) {
      box.push_back(to[d] / from[d], {0, from[d] * to.stride(d)});
      box.push_back(from[d], {from.stride(d), to.stride(d)});
    }
    strided_copy(c, box, c.input(0), 0, c.output(0), 0);
  }
};

template <>
class Kernel<ops::Expand, Cpu> {
 public:
  static Support supports(const NodeView& node) { return ElementMover::support(node.input_dtype(0)); }
  Kernel(const NodeView&, const CpuDevice&) {}
  void run(Context& c) const {
    const Shape& from = c.input(0).shape;
    const Shape& to = c.output(0).shape;
    StridedBox<2> box;
    for (std::size_t d = 0; d < to.rank(); ++d) box.push_back(to[d], {broadcast_stride(from, to, d), to.stride(d)});
    strided_copy(c, box, c.input(0), 0, c.output(0), 0);
  }
};

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_KERNELS_CPU_TRANSPOSE_HPP

namespace hone::inline HONE_ABI {

template <>
class Kernel<ops::Transpose, Cpu> {
 public:
  static Support supports(const NodeView& node) { return ElementMover::support(node.input_dtype(0)); }
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<ops::Transpose>()) {}
  void run(Context& c) const {
    const Shape& from = c.input(0).shape;
    const Shape& to = c.output(0).shape;
    StridedBox<2> box;
    for (std::size_t d = 0; d < to.rank(); ++d) box.push_back(to[d], {from.stride(op_.source(d, to.rank())), to.stride(d)});
    strided_copy(c, box, c.input(0), 0, c.output(0), 0);
  }

 private:
  ops::Transpose op_;
};

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_KERNELS_CPU_TRILU_HPP

namespace hone::inline HONE_ABI {

template <>
class Kernel<ops::Trilu, Cpu> {
 public:
  static Support supports(const NodeView& node) { return ElementMover::support(node.input_dtype(0)); }
  Kernel(const NodeView& node, const CpuDevice&) : upper_(node.op<ops::Trilu>().upper) {}
  void run(Context& c) const {
    const Shape& shape = c.output(0).shape;
    const std::int64_t columns = shape.back();
    const std::int64_t rows = shape[shape.rank() - 2];
    if (shape.elements() == 0) return;
    // Diagonals beyond the matrix all keep, or drop, everything.
    const std::int64_t k = c.has_input(1) ? std::clamp(ops::integer_at(c.input(1), 0), -rows, columns) : 0;
    const ElementMover mover(c.input(0).dtype);
    const std::int64_t grain = std::max<std::int64_t>(mover.block() / columns, 1);
    c.parallel_for(shape.elements() / columns, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        // Elements before `edge` are below the diagonal (or, in the lower part, on it too).
        const std::int64_t edge = std::clamp<std::int64_t>(r % rows + k + (upper_ ? 0 : 1), 0, columns);
        const void* from = mover.at(c.input(0).data, r * columns);
        std::byte* to = mover.at(c.output(0).data, r * columns);
        if (upper_) {
          to = mover.fill(to, edge, nullptr);
          mover.copy(mover.at(from, edge), columns - edge, to);
        } else {
          to = mover.copy(mover.at(from, 0), edge, to);
          mover.fill(to, columns - edge, nullptr);
        }
      }
    });
  }

 private:
  bool upper_;
};

template <>
class Kernel<ops::EyeLike, Cpu> {
 public:
  static Support supports(const NodeView& node) {
    const DType dtype = node.output_dtype(0);
    const bool good = is_integral(dtype) || dtype == DType::boolean || dtype == DType::float32 || dtype == DType::float64 ||
                      dtype == DType::float16 || dtype == DType::bfloat16;
    return good ? Support::yes() : Support::no("EyeLike of ", hone::name(dtype));
  }
  Kernel(const NodeView& node, const CpuDevice&) : k_(node.op<ops::EyeLike>().k) {
    const double one = 1;
    store_numbers(node.output_dtype(0), one_.data(), 0, 1, &one, {});
  }
  void run(Context& c) const {
    const TensorRef& y = c.output(0);
    if (y.elements() == 0) return;
    std::memset(y.data, 0, y.bytes());
    const auto size = static_cast<std::int64_t>(element_size(y.dtype));
    const std::int64_t rows = y.shape[0];
    const std::int64_t columns = y.shape[1];
    const std::int64_t k = std::clamp(k_, -rows, columns);
    for (std::int64_t r = std::max<std::int64_t>(0, -k); r < rows && r + k < columns; ++r) {
      std::memcpy(y.as<std::byte>() + (r * columns + r + k) * size, one_.data(), static_cast<std::size_t>(size));
    }
  }

 private:
  alignas(8) std::array<std::byte, 8> one_{};
  std::int64_t k_;
};

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_KERNELS_CPU_WHERE_HPP

namespace hone::inline HONE_ABI {

namespace detail {

/// y[i] = condition[i] ? a[i] : b[i] along a row; strides in elements, those of y are 1.
template <class T>
class WhereRow {
 public:
  static void run(const bool* condition, const void* from_a, const void* from_b, void* to, const StridedBox<4>::Offsets& strides,
                  std::int64_t n) {
    const T* a = static_cast<const T*>(from_a);
    const T* b = static_cast<const T*>(from_b);
    T* y = static_cast<T*>(to);
    if (strides[0] == 0) {
      *condition ? copy_row(a, strides[1], y, 1, n) : copy_row(b, strides[2], y, 1, n);
    } else if (strides[1] == 1 && strides[2] == 1) {
      for (std::int64_t i = 0; i < n; ++i) choose(condition[i], a[i], b[i], y[i]);
    } else if (strides[1] == 1 && strides[2] == 0) {
      for (std::int64_t i = 0; i < n; ++i) choose(condition[i], a[i], *b, y[i]);
    } else if (strides[1] == 0 && strides[2] == 1) {
      for (std::int64_t i = 0; i < n; ++i) choose(condition[i], *a, b[i], y[i]);
    } else {
      for (std::int64_t i = 0; i < n; ++i) y[i] = condition[i * strides[0]] ? a[i * strides[1]] : b[i * strides[2]];
    }
  }

 private:
  static void choose(bool condition, const T& a, const T& b, T& y) {
    if constexpr (std::is_same_v<T, Bytes<1>>) {
      choose_word<std::uint8_t>(condition, a, b, y);
    } else if constexpr (std::is_same_v<T, Bytes<2>>) {
      choose_word<std::uint16_t>(condition, a, b, y);
    } else if constexpr (std::is_same_v<T, Bytes<4>>) {
      choose_word<std::uint32_t>(condition, a, b, y);
    } else if constexpr (std::is_same_v<T, Bytes<8>>) {
      choose_word<std::uint64_t>(condition, a, b, y);
    } else {
      y = condition ? a : b;
    }
  }
  /// Loads both elements as integers, which lets compilers turn loops of choices into vector blends.
  template <class Word>
  static void choose_word(bool condition, const T& a, const T& b, T& y) {
    Word yes;
    Word no;
    std::memcpy(&yes, &a, sizeof yes);
    std::memcpy(&no, &b, sizeof no);
    const Word chosen = condition ? yes : no;
    std::memcpy(&y, &chosen, sizeof chosen);
  }
};

}  // namespace detail

template <>
class Kernel<ops::Where, Cpu> {
 public:
  static Support supports(const NodeView& node) { return ElementMover::support(node.input_dtype(1)); }
  Kernel(const NodeView& node, const CpuDevice&) : mover_(node.input_dtype(1)), row_(row_of(node.input_dtype(1))) {}
  void run(Context& c) const {
    const Shape& to = c.output(0).shape;
    StridedBox<4> box;
    for (std::size_t d = 0; d < to.rank(); ++d) {
      box.push_back(to[d], {broadcast_stride(c.input(0).shape, to, d), broadcast_stride(c.input(1).shape, to, d),
                            broadcast_stride(c.input(2).shape, to, d), to.stride(d)});
    }
    if (box.elements() == 0) return;
    const std::int64_t size = box.row_size();
    const auto strides = box.row_strides();
    const std::int64_t chunk = std::min(size, mover_.block());
    const std::int64_t chunks = (size + chunk - 1) / chunk;
    const std::int64_t grain = std::max<std::int64_t>(mover_.block() / chunk, 1);
    const auto part = [&](const StridedBox<4>::Offsets& at, std::int64_t first) {
      row_(c.in<bool>(0) + at[0] + first * strides[0], mover_.at(c.input(1).data, at[1] + first * strides[1]),
           mover_.at(c.input(2).data, at[2] + first * strides[2]), mover_.at(c.output(0).data, at[3] + first), strides,
           std::min(chunk, size - first));
    };
    c.parallel_for(box.rows() * chunks, grain, [&](std::int64_t begin, std::int64_t end) {
      if (chunks == 1) return box.for_rows(begin, end, [&](const auto& at) { part(at, 0); });
      for (std::int64_t task = begin; task < end; ++task) {
        box.for_rows(task / chunks, task / chunks + 1, [&](const auto& at) { part(at, task % chunks * chunk); });
      }
    });
  }

 private:
  using Row = void (*)(const bool*, const void*, const void*, void*, const StridedBox<4>::Offsets&, std::int64_t);

  static Row row_of(DType dtype) noexcept {
    if (dtype == DType::string) return &detail::WhereRow<std::string>::run;
    switch (element_size(dtype)) {
      case 1:
        return &detail::WhereRow<Bytes<1>>::run;
      case 2:
        return &detail::WhereRow<Bytes<2>>::run;
      case 4:
        return &detail::WhereRow<Bytes<4>>::run;
      case 8:
        return &detail::WhereRow<Bytes<8>>::run;
      default:
        return &detail::WhereRow<Bytes<16>>::run;
    }
  }

  ElementMover mover_;
  Row row_;
};

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_PROVIDERS_CPU_KERNELS_REDUCTION_IMPL_HPP

#define HONE_SINGLE_KERNELS_CPU_NORMALIZATION_HPP

#define HONE_SINGLE_SIMD_NORMALIZE_HPP

namespace hone::inline HONE_ABI::simd {

/// What was measured of one row.
template <class T>
struct RowMoments {
  T mean;
  T inv_std;  ///< 1 / sqrt(variance + epsilon)
};

/// Normalisation of one contiguous row.
///   layer_norm: y = (x - mean(x)) / sqrt(mean((x - mean(x))^2) + epsilon) * scale + bias
///   rms_norm:   y = x / sqrt(mean(x^2) + epsilon) * scale; returns the reciprocal of the root
///   moments:    what layer_norm measures, without the rest
///   affine:     y = x * scale + bias with one scale and one bias for the row
/// Shapes: x (n), y (n), scale (n) or null for 1, bias (n) or null for 0. Any alignment; y may be x. Precondition: n > 0.
/// The variance is taken in a second pass over the row, which is in cache by then: one pass would cancel for large means.
template <class T>
struct NormalizeRow {
  RowMoments<T> (*layer_norm)(const T* x, const T* scale, const T* bias, T* y, std::size_t n, T epsilon) noexcept;
  T (*rms_norm)(const T* x, const T* scale, T* y, std::size_t n, T epsilon) noexcept;
  void (*affine)(const T* x, T scale, T bias, T* y, std::size_t n) noexcept;
  RowMoments<T> (*moments)(const T* x, std::size_t n, T epsilon) noexcept;
  Isa isa;

  template <class Arch>
  static constexpr NormalizeRow make() noexcept;
};

namespace detail {

template <class T, class Arch>
RowMoments<T> row_moments(const T* x, std::size_t n, T epsilon) noexcept {
  using V = xsimd::batch<T, Arch>;
  const T mean = reduce_contiguous<Sum, T, Arch>(x, n) / static_cast<T>(n);
  // Padding is the mean, whose distance from the mean is 0.
  const T square = fold<SumSquare, V>(
      SumSquare{}, n, [=](std::size_t i) { return V::load_unaligned(x + i) - V(mean); },
      [=](std::size_t i, std::size_t count) { return load_part<V>(x + i, count, mean) - V(mean); });
  return {.mean = mean, .inv_std = T(1) / std::sqrt(square / static_cast<T>(n) + epsilon)};
}

/// y[i] = (x[i] - shift) * factor * scale[i] + bias[i]
template <class T, class Arch, bool Scale, bool Bias>
void affine_row(const T* x, T shift, T factor, const T* scale, const T* bias, T* y, std::size_t n) noexcept {
  using V = xsimd::batch<T, Arch>;
  const auto step = [&](V v, V s, V b) {
    v = (v - V(shift)) * V(factor);
    if constexpr (Scale && Bias) return xsimd::fma(v, s, b);
    if constexpr (Scale) return v * s;
    if constexpr (Bias) return v + b;
    return v;
  };
  std::size_t i = 0;
  for (; i + V::size <= n; i += V::size) {
    V s(T(1));
    V b(T(0));
    if constexpr (Scale) s = V::load_unaligned(scale + i);
    if constexpr (Bias) b = V::load_unaligned(bias + i);
    step(V::load_unaligned(x + i), s, b).store_unaligned(y + i);
  }
  if (i < n) {
    V s(T(1));
    V b(T(0));
    if constexpr (Scale) s = load_part<V>(scale + i, n - i);
    if constexpr (Bias) b = load_part<V>(bias + i, n - i);
    store_part(step(load_part<V>(x + i, n - i), s, b), y + i, n - i);
  }
}

template <class T, class Arch>
RowMoments<T> layer_norm_row(const T* x, const T* scale, const T* bias, T* y, std::size_t n, T epsilon) noexcept {
  const RowMoments<T> row = row_moments<T, Arch>(x, n, epsilon);
  if (scale != nullptr && bias != nullptr) {
    affine_row<T, Arch, true, true>(x, row.mean, row.inv_std, scale, bias, y, n);
  } else if (scale != nullptr) {
    affine_row<T, Arch, true, false>(x, row.mean, row.inv_std, scale, bias, y, n);
  } else if (bias != nullptr) {
    affine_row<T, Arch, false, true>(x, row.mean, row.inv_std, scale, bias, y, n);
  } else {
    affine_row<T, Arch, false, false>(x, row.mean, row.inv_std, scale, bias, y, n);
  }
  return row;
}

template <class T, class Arch>
T rms_norm_row(const T* x, const T* scale, T* y, std::size_t n, T epsilon) noexcept {
  const T factor = T(1) / std::sqrt(reduce_contiguous<SumSquare, T, Arch>(x, n) / static_cast<T>(n) + epsilon);
  if (scale != nullptr) {
    affine_row<T, Arch, true, false>(x, T(0), factor, scale, nullptr, y, n);
  } else {
    affine_row<T, Arch, false, false>(x, T(0), factor, nullptr, nullptr, y, n);
  }
  return factor;
}

template <class T, class Arch>
void affine_whole_row(const T* x, T scale, T bias, T* y, std::size_t n) noexcept {
  using V = xsimd::batch<T, Arch>;
  std::size_t i = 0;
  for (; i + V::size <= n; i += V::size) xsimd::fma(V::load_unaligned(x + i), V(scale), V(bias)).store_unaligned(y + i);
  if (i < n) store_part(xsimd::fma(load_part<V>(x + i, n - i), V(scale), V(bias)), y + i, n - i);
}

}  // namespace detail

template <class T>
template <class Arch>
constexpr NormalizeRow<T> NormalizeRow<T>::make() noexcept {
  return {.layer_norm = &detail::layer_norm_row<T, Arch>,
          .rms_norm = &detail::rms_norm_row<T, Arch>,
          .affine = &detail::affine_whole_row<T, Arch>,
          .moments = &detail::row_moments<T, Arch>,
          .isa = native_isa};
}

}  // namespace hone::inline HONE_ABI::simd

namespace hone::inline HONE_ABI {

namespace cpu {

/// Rows of `size` elements that are worth a thread together: some 8 Ki elements.
[[nodiscard]] constexpr std::int64_t rows_worth_a_thread(std::int64_t size) noexcept {
  return std::max<std::int64_t>(1, 8 * 1024 / (size + 1));
}

}  // namespace cpu

template <class T>
class Kernel<ops::BatchNormalization, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice& device)
      : op_(node.op<ops::BatchNormalization>()), rows_(&simd::table<simd::NormalizeRow<T>>(device.isa)) {}

  static Support supports(const NodeView& node) {
    for (std::size_t i = 1; i < 5; ++i)
      if (node.input_dtype(i) != dtype_of<T>) return Support::no("no kernel for statistics of another type than the data");
    return Support::yes();
  }

  void run(Context& c) const {
    const Shape& x = c.input(0).shape;
    const std::int64_t channels = x.rank() > 1 ? x[1] : 1;
    const std::int64_t spatial = x.rank() > 1 ? x.elements(2, x.rank()) : 1;
    if (x.elements() == 0) return;
    c.parallel_for(channels, cpu::rows_worth_a_thread(x.elements() / channels), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t channel = begin; channel < end; ++channel) {
        T mean = c.in<T>(3)[channel];
        T variance = c.in<T>(4)[channel];
        if (op_.training) measure(c, channel, channels, spatial, mean, variance);
        const T scale = c.in<T>(1)[channel] / std::sqrt(variance + static_cast<T>(op_.epsilon));
        const T bias = c.in<T>(2)[channel] - mean * scale;
        for (std::int64_t n = 0; n < x[0]; ++n) {
          const std::int64_t row = (n * channels + channel) * spatial;
          rows_->affine(c.in<T>(0) + row, scale, bias, c.out<T>(0) + row, static_cast<std::size_t>(spatial));
        }
      }
    });
  }

 private:
  void measure(Context& c, std::int64_t channel, std::int64_t channels, std::int64_t spatial, T& mean, T& variance) const {
    const std::int64_t batch = c.input(0).shape[0];
    const auto average = [&](const auto& of) {
      double sum = 0;
      for (std::int64_t n = 0; n < batch; ++n)
        for (std::int64_t i = 0; i < spatial; ++i) sum += of(static_cast<double>(c.in<T>(0)[(n * channels + channel) * spatial + i]));
      return sum / static_cast<double>(batch * spatial);
    };
    const double measured_mean = average([](double v) { return v; });
    const double measured_variance = average([&](double v) { return (v - measured_mean) * (v - measured_mean); });
    const auto running = [&](std::size_t output, T old, double measured) {
      if (c.has_output(output))
        c.out<T>(output)[channel] = static_cast<T>(static_cast<double>(old) * op_.momentum + measured * (1.0 - op_.momentum));
    };
    running(1, mean, measured_mean);
    running(2, variance, measured_variance);
    mean = static_cast<T>(measured_mean);
    variance = static_cast<T>(measured_variance);
  }

  ops::BatchNormalization op_;
  const simd::NormalizeRow<T>* rows_;
};

template <class T>
class Kernel<ops::LayerNormalization, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice& device)
      : op_(node.op<ops::LayerNormalization>()), rows_(&simd::table<simd::NormalizeRow<T>>(device.isa)) {}

  void run(Context& c) const {
    const Shape& x = c.input(0).shape;
    const std::size_t axis = normalized_axis(op_.axis, x.rank());
    const std::int64_t size = x.elements(axis, x.rank());
    if (x.elements() == 0) return;
    const T* scale = c.in<T>(1);
    const T* bias = c.has_input(2) ? c.in<T>(2) : nullptr;
    const bool per_element = c.input(1).elements() == size && (bias == nullptr || c.input(2).elements() == size);
    c.parallel_for(x.elements(0, axis), cpu::rows_worth_a_thread(size), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const T* in = c.in<T>(0) + row * size;
        T* out = c.out<T>(0) + row * size;
        const auto n = static_cast<std::size_t>(size);
        const auto moments =
            rows_->layer_norm(in, per_element ? scale : nullptr, per_element ? bias : nullptr, out, n, static_cast<T>(op_.epsilon));
        if (!per_element) {
          for (std::int64_t i = 0; i < size; ++i) {
            out[i] =
                out[i] * scale[c.input(1).elements() == 1 ? 0 : i] + (bias == nullptr ? T(0) : bias[c.input(2).elements() == 1 ? 0 : i]);
          }
        }
        if (c.has_output(1)) c.out<T>(1)[row] = moments.mean;
        if (c.has_output(2)) c.out<T>(2)[row] = moments.inv_std;
      }
    });
  }

 private:
  ops::LayerNormalization op_;
  const simd::NormalizeRow<T>* rows_;
};

template <class T>
class Kernel<ops::RMSNormalization, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice& device)
      : op_(node.op<ops::RMSNormalization>()), rows_(&simd::table<simd::NormalizeRow<T>>(device.isa)) {}

  void run(Context& c) const {
    const Shape& x = c.input(0).shape;
    const std::size_t axis = normalized_axis(op_.axis, x.rank());
    const std::int64_t size = x.elements(axis, x.rank());
    if (x.elements() == 0) return;
    const bool per_element = c.input(1).elements() == size;
    c.parallel_for(x.elements(0, axis), cpu::rows_worth_a_thread(size), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        T* out = c.out<T>(0) + row * size;
        rows_->rms_norm(c.in<T>(0) + row * size, per_element ? c.in<T>(1) : nullptr, out, static_cast<std::size_t>(size),
                        static_cast<T>(op_.epsilon));
        if (!per_element) rows_->affine(out, *c.in<T>(1), T(0), out, static_cast<std::size_t>(size));
      }
    });
  }

 private:
  ops::RMSNormalization op_;
  const simd::NormalizeRow<T>* rows_;
};

template <class T>
class Kernel<ops::InstanceNormalization, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice& device)
      : op_(node.op<ops::InstanceNormalization>()), rows_(&simd::table<simd::NormalizeRow<T>>(device.isa)) {}

  void run(Context& c) const {
    const Shape& x = c.input(0).shape;
    const std::int64_t size = x.elements(2, x.rank());
    if (x.elements() == 0) return;
    c.parallel_for(x[0] * x[1], cpu::rows_worth_a_thread(size), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const T* in = c.in<T>(0) + row * size;
        const auto moments = rows_->moments(in, static_cast<std::size_t>(size), static_cast<T>(op_.epsilon));
        const T scale = c.in<T>(1)[row % x[1]] * moments.inv_std;
        rows_->affine(in, scale, c.in<T>(2)[row % x[1]] - moments.mean * scale, c.out<T>(0) + row * size, static_cast<std::size_t>(size));
      }
    });
  }

 private:
  ops::InstanceNormalization op_;
  const simd::NormalizeRow<T>* rows_;
};

template <class T>
class Kernel<ops::GroupNormalization, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice& device)
      : op_(node.op<ops::GroupNormalization>()), rows_(&simd::table<simd::NormalizeRow<T>>(device.isa)) {}

  void run(Context& c) const {
    const Shape& x = c.input(0).shape;
    const std::int64_t spatial = x.elements(2, x.rank());
    const std::int64_t channels = x[1] / op_.groups;
    const bool per_channel = c.input(1).elements() == x[1];
    if (x.elements() == 0) return;
    c.parallel_for(x[0] * op_.groups, cpu::rows_worth_a_thread(channels * spatial), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const T* in = c.in<T>(0) + row * channels * spatial;
        T* out = c.out<T>(0) + row * channels * spatial;
        const auto moments = rows_->moments(in, static_cast<std::size_t>(channels * spatial), static_cast<T>(op_.epsilon));
        for (std::int64_t k = 0; k < channels; ++k) {
          const std::int64_t group = row % op_.groups;
          const std::int64_t at = per_channel ? group * channels + k : group;
          const T scale = c.in<T>(1)[at] * moments.inv_std;
          rows_->affine(in + k * spatial, scale, c.in<T>(2)[at] - moments.mean * scale, out + k * spatial,
                        static_cast<std::size_t>(spatial));
        }
      }
    });
  }

 private:
  ops::GroupNormalization op_;
  const simd::NormalizeRow<T>* rows_;
};

template <class T>
class Kernel<ops::LRN, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<ops::LRN>()) {}

  void run(Context& c) const {
    const Shape& x = c.input(0).shape;
    const std::int64_t channels = x[1];
    const std::int64_t spatial = x.elements(2, x.rank());
    const std::int64_t before = (op_.size - 1) / 2;
    const std::int64_t after = op_.size - 1 - before;
    c.parallel_for(x[0] * channels, cpu::rows_worth_a_thread(spatial * op_.size), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const std::int64_t channel = row % channels;
        const T* batch = c.in<T>(0) + (row - channel) * spatial;
        T* out = c.out<T>(0) + row * spatial;
        std::fill_n(out, spatial, T(0));
        for (std::int64_t k = std::max<std::int64_t>(0, channel - before); k <= std::min(channels - 1, channel + after); ++k)
          for (std::int64_t i = 0; i < spatial; ++i) out[i] += batch[k * spatial + i] * batch[k * spatial + i];
        const T factor = static_cast<T>(op_.alpha) / static_cast<T>(op_.size);
        for (std::int64_t i = 0; i < spatial; ++i) {
          out[i] = batch[channel * spatial + i] / std::pow(static_cast<T>(op_.bias) + factor * out[i], static_cast<T>(op_.beta));
        }
      }
    });
  }

 private:
  ops::LRN op_;
};

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_KERNELS_CPU_REDUCE_HPP

#define HONE_SINGLE_SIMD_SOFTMAX_HPP

namespace hone::inline HONE_ABI::simd {

/// Softmax and its relatives over one contiguous row. With m = max(x) and s = sum(exp(x - m)):
///   softmax:     y = exp(x - m) / s
///   log_softmax: y = x - m - log(s)
///   log_sum_exp: returns m + log(s); m where m is infinite
///   accumulate_exp: acc[i] += exp(x[i] - m[i]), for rows that run along another axis
/// Shapes: x (n), y (n), acc (n), m (n). Any alignment; y may be x. A NaN in a row makes the whole row NaN, and so does a row of
/// nothing but -inf (softmax, log_softmax), as in numpy.
template <class T>
struct SoftmaxRow {
  void (*softmax)(const T* x, T* y, std::size_t n) noexcept;
  void (*log_softmax)(const T* x, T* y, std::size_t n) noexcept;
  T (*log_sum_exp)(const T* x, std::size_t n) noexcept;
  void (*accumulate_exp)(T* acc, const T* x, const T* m, std::size_t n) noexcept;
  Isa isa;

  template <class Arch>
  static constexpr SoftmaxRow make() noexcept;
};

namespace detail {

/// exp(x[i] - m), each register also handed to `keep(i, count, value)`. Returns the sum. The elements that pad the last register
/// are -inf, whose exponential is 0.
template <class V, class Keep>
HONE_ALWAYS_INLINE lane_t<V> sum_exp(const lane_t<V>* x, lane_t<V> m, std::size_t n, Keep keep) noexcept {
  using T = lane_t<V>;
  return fold<Sum, V>(
      Sum{}, n,
      [=](std::size_t i) {
        const V e = exp(V::load_unaligned(x + i) - V(m));
        keep(i, V::size, e);
        return e;
      },
      [=](std::size_t i, std::size_t count) {
        const V e = exp(load_part<V>(x + i, count, -std::numeric_limits<T>::infinity()) - V(m));
        keep(i, count, e);
        return e;
      });
}

template <class T, class Arch>
void softmax_row(const T* x, T* y, std::size_t n) noexcept {
  using V = xsimd::batch<T, Arch>;
  const T m = reduce_contiguous<MaxOf, T, Arch>(x, n);
  const T s = sum_exp<V>(x, m, n, [y](std::size_t i, std::size_t count, V e) {
    if (count == V::size) {
      e.store_unaligned(y + i);
    } else {
      store_part(e, y + i, count);
    }
  });
  const T scale = T(1) / s;
  std::size_t i = 0;
  for (; i + V::size <= n; i += V::size) (V::load_unaligned(y + i) * V(scale)).store_unaligned(y + i);
  for (; i < n; ++i) y[i] *= scale;
}

template <class T, class Arch>
void log_softmax_row(const T* x, T* y, std::size_t n) noexcept {
  using V = xsimd::batch<T, Arch>;
  const T m = reduce_contiguous<MaxOf, T, Arch>(x, n);
  const T log_s = std::log(sum_exp<V>(x, m, n, [](std::size_t, std::size_t, V) {}));
  std::size_t i = 0;
  for (; i + V::size <= n; i += V::size) (V::load_unaligned(x + i) - V(m) - V(log_s)).store_unaligned(y + i);
  for (; i < n; ++i) y[i] = x[i] - m - log_s;
}

template <class T, class Arch>
T log_sum_exp_row(const T* x, std::size_t n) noexcept {
  using V = xsimd::batch<T, Arch>;
  const T m = reduce_contiguous<MaxOf, T, Arch>(x, n);
  if (m == std::numeric_limits<T>::infinity() || m == -std::numeric_limits<T>::infinity()) return m;
  return m + std::log(sum_exp<V>(x, m, n, [](std::size_t, std::size_t, V) {}));
}

template <class T, class Arch>
void accumulate_exp(T* acc, const T* x, const T* m, std::size_t n) noexcept {
  using V = xsimd::batch<T, Arch>;
  std::size_t i = 0;
  for (; i + V::size <= n; i += V::size) {
    (V::load_unaligned(acc + i) + exp(V::load_unaligned(x + i) - V::load_unaligned(m + i))).store_unaligned(acc + i);
  }
  if (i < n) {
    const std::size_t rest = n - i;
    store_part(load_part<V>(acc + i, rest) + exp(load_part<V>(x + i, rest) - load_part<V>(m + i, rest)), acc + i, rest);
  }
}

}  // namespace detail

template <class T>
template <class Arch>
constexpr SoftmaxRow<T> SoftmaxRow<T>::make() noexcept {
  return {.softmax = &detail::softmax_row<T, Arch>,
          .log_softmax = &detail::log_softmax_row<T, Arch>,
          .log_sum_exp = &detail::log_sum_exp_row<T, Arch>,
          .accumulate_exp = &detail::accumulate_exp<T, Arch>,
          .isa = native_isa};
}

}  // namespace hone::inline HONE_ABI::simd

namespace hone::inline HONE_ABI {

namespace cpu {

/// What is done to the reduction of `count` elements.
enum class Finish : std::uint8_t { none, divide_by_count, square_root, logarithm };

/// y[i] = finish(y[i]), for the types that have such reductions.
inline void finish_reduction(Finish finish, DType dtype, void* y, std::int64_t n, std::int64_t count) {
  const auto each = [&]<class T>(T* of, auto f) {
    of = static_cast<T*>(y);
    for (std::int64_t i = 0; i < n; ++i) of[i] = f(of[i]);
  };
  const auto divide = [&]<class T>(T* type) {
    const T divisor = static_cast<T>(count);
    if constexpr (std::is_integral_v<T>) {
      each(type, [=](T value) { return divisor == 0 ? T(0) : static_cast<T>(value / divisor); });
    } else {
      each(type, [=](T value) { return value / divisor; });
    }
  };
  const auto real = [&]<class T>(T* type) {
    if (finish == Finish::divide_by_count) return divide(type);
    if (finish == Finish::square_root) return each(type, [](T value) { return std::sqrt(value); });
    each(type, [](T value) { return std::log(value); });
  };
  if (finish == Finish::none) return;
  switch (dtype) {
    case DType::float32:
      return real(static_cast<float*>(nullptr));
    case DType::float64:
      return real(static_cast<double*>(nullptr));
    case DType::int32:
      return divide(static_cast<std::int32_t*>(nullptr));
    case DType::int64:
      return divide(static_cast<std::int64_t*>(nullptr));
    case DType::uint32:
      return divide(static_cast<std::uint32_t*>(nullptr));
    case DType::uint64:
      return divide(static_cast<std::uint64_t*>(nullptr));
    default:
      break;
  }
}

/// How each operator reduces: micro-kernel and finish, one line per operator.
template <class Op>
struct Reduction;
// clang-format off
template <> struct Reduction<ops::ReduceL1>        { using F = simd::SumAbs;    static constexpr Finish finish = Finish::none; };
template <> struct Reduction<ops::ReduceL2>        { using F = simd::SumSquare; static constexpr Finish finish = Finish::square_root; };
template <> struct Reduction<ops::ReduceLogSum>    { using F = simd::Sum;       static constexpr Finish finish = Finish::logarithm; };
template <> struct Reduction<ops::ReduceMax>       { using F = simd::MaxOf;     static constexpr Finish finish = Finish::none; };
template <> struct Reduction<ops::ReduceMean>      { using F = simd::Sum;       static constexpr Finish finish = Finish::divide_by_count; };
template <> struct Reduction<ops::ReduceMin>       { using F = simd::MinOf;     static constexpr Finish finish = Finish::none; };
template <> struct Reduction<ops::ReduceProd>      { using F = simd::Prod;      static constexpr Finish finish = Finish::none; };
template <> struct Reduction<ops::ReduceSum>       { using F = simd::Sum;       static constexpr Finish finish = Finish::none; };
template <> struct Reduction<ops::ReduceSumSquare> { using F = simd::SumSquare; static constexpr Finish finish = Finish::none; };
// clang-format on

/// The dimensions of an input, those that stay and those that are reduced, each group merged where it is dense.
struct ReductionBox {
  StridedBox<1> kept;
  StridedBox<1> reduced;
  bool reduces_rows = false;  ///< the elements of a row are reduced with each other; otherwise rows are added up

  ReductionBox(const Shape& x, const ops::ReducedAxes& axes) {
    std::size_t last = x.rank();
    for (std::size_t d = 0; d < x.rank(); ++d) {
      (axes.reduced[d] ? reduced : kept).push_back(x[d], {x.stride(d)});
      if (x[d] != 1) last = d;
    }
    reduces_rows = last == x.rank() || axes.reduced[last];
  }
};

inline std::span<const std::int64_t> axes_of(const Context& c) noexcept {
  if (!c.has_input(1)) return {};
  return {c.in<const std::int64_t>(1), static_cast<std::size_t>(c.input(1).elements())};
}

/// Drives the micro-kernels of all reductions and types.
class ReduceKernel {
 public:
  using Shared = ReduceKernel;

  template <class F, class T>
  ReduceKernel(const simd::Reduce<F, T>& loops, Finish finish, bool noop_with_empty_axes)
      : loops_(loops.erased), size_(sizeof(T)), finish_(finish), noop_with_empty_axes_(noop_with_empty_axes) {
    const T identity = F::template identity<T>();
    std::memcpy(identity_, &identity, sizeof(T));
  }

  void run(Context& c) const {
    const ReductionBox box(c.input(0).shape, ops::ReducedAxes(c.input(0).shape.rank(), axes_of(c), noop_with_empty_axes_));
    if (box.kept.elements() == 0) return;
    const auto* x = c.in<std::byte>(0);
    auto* y = c.out<std::byte>(0);
    const std::int64_t count = box.reduced.elements();
    const std::int64_t kept_row = box.kept.row_size();
    if (box.reduces_rows) {
      const std::int64_t grain = std::max<std::int64_t>(1, worth_a_thread / (count * kept_row + 1));
      const std::int64_t kept_step = box.kept.row_strides()[0];
      c.parallel_for(box.kept.rows(), grain, [&](std::int64_t begin, std::int64_t end) {
        std::byte* first = y + begin * kept_row * size_;
        const std::int64_t n = (end - begin) * kept_row;
        fill(first, n);
        if (count != 0) {
          std::byte* out = first;
          box.kept.for_rows(begin, end, [&](const auto& at) {
            for (std::int64_t i = 0; i < kept_row; ++i, out += size_) fold(box.reduced, x + (at[0] + i * kept_step) * size_, out);
          });
        }
        finish_reduction(finish_, c.output(0).dtype, first, n, count);
      });
      return;
    }
    // Rows of y, cut into chunks that stay in L1 while the rows of x are added to them.
    const std::int64_t chunk = std::min<std::int64_t>(kept_row, 2048);
    const std::int64_t chunks = (kept_row + chunk - 1) / chunk;
    const std::int64_t grain = std::max<std::int64_t>(1, worth_a_thread / (count * chunk + 1));
    c.parallel_for(box.kept.rows() * chunks, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t task = begin; task < end; ++task) {
        const std::int64_t first = task % chunks * chunk;
        const std::int64_t n = std::min(chunk, kept_row - first);
        std::byte* out = y + (task / chunks * kept_row + first) * size_;
        fill(out, n);
        box.kept.for_rows(task / chunks, task / chunks + 1,
                          [&](const auto& at) { add_rows(box.reduced, x + (at[0] + first) * size_, out, n); });
        finish_reduction(finish_, c.output(0).dtype, out, n, count);
      }
    });
  }

 private:
  static constexpr std::int64_t worth_a_thread = 16 * 1024;

  /// Precondition: n > 0.
  void fill(std::byte* y, std::int64_t n) const noexcept {
    const auto bytes = static_cast<std::size_t>(n * size_);
    auto done = static_cast<std::size_t>(size_);
    std::memcpy(y, identity_, done);
    for (std::size_t more = 0; done < bytes; done += more) {
      more = std::min(done, bytes - done);
      std::memcpy(y + done, y, more);
    }
  }
  void fold(const StridedBox<1>& reduced, const std::byte* x, std::byte* y) const {
    const auto n = static_cast<std::size_t>(reduced.row_size());
    if (reduced.rows() == 1) return loops_.fold(y, x, n);
    reduced.for_rows(0, reduced.rows(), [&](const auto& at) { loops_.fold(y, x + at[0] * size_, n); });
  }
  void add_rows(const StridedBox<1>& reduced, const std::byte* x, std::byte* y, std::int64_t n) const {
    if (reduced.elements() == 0) return;
    const std::int64_t step = reduced.row_strides()[0];
    reduced.for_rows(0, reduced.rows(), [&](const auto& at) {
      for (std::int64_t i = 0; i < reduced.row_size(); ++i)
        loops_.accumulate(y, x + (at[0] + i * step) * size_, static_cast<std::size_t>(n));
    });
  }

  simd::ReduceFunctions loops_;
  std::int64_t size_;  ///< bytes of an element
  Finish finish_;
  bool noop_with_empty_axes_;
  std::byte identity_[8] = {};
};

}  // namespace cpu

template <class Op, class T>
requires requires { typename cpu::Reduction<Op>::F; }
class Kernel<Op, Cpu, T> : public cpu::ReduceKernel {
 public:
  Kernel(const NodeView& node, const CpuDevice& device)
      : ReduceKernel(simd::table<simd::Reduce<typename cpu::Reduction<Op>::F, T>>(device.isa), cpu::Reduction<Op>::finish,
                     node.op<Op>().noop_with_empty_axes) {}
};

/// log(sum(exp(x))), taken as m + log(sum(exp(x - m))) with m = max(x).
template <class T>
class Kernel<ops::ReduceLogSumExp, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice& device)
      : op_(node.op<ops::ReduceLogSumExp>()), rows_(&simd::table<simd::SoftmaxRow<T>>(device.isa)) {}

  void run(Context& c) const {
    const cpu::ReductionBox box(c.input(0).shape, ops::ReducedAxes(c.input(0).shape.rank(), cpu::axes_of(c), op_.noop_with_empty_axes));
    if (box.kept.elements() == 0) return;
    const std::int64_t kept_row = box.kept.row_size();
    const std::int64_t kept_step = box.kept.row_strides()[0];
    const bool one_row = box.reduces_rows && box.reduced.rows() == 1;
    c.parallel_for(box.kept.rows(), std::max<std::int64_t>(1, 2048 / (box.reduced.elements() * kept_row + 1)),
                   [&](std::int64_t begin, std::int64_t end) {
                     T* out = c.out<T>(0) + begin * kept_row;
                     box.kept.for_rows(begin, end, [&](const auto& at) {
                       for (std::int64_t i = 0; i < kept_row; ++i) {
                         const T* x = c.in<T>(0) + at[0] + i * kept_step;
                         *out++ =
                             one_row ? rows_->log_sum_exp(x, static_cast<std::size_t>(box.reduced.row_size())) : strided(box.reduced, x);
                       }
                     });
                   });
  }

 private:
  [[nodiscard]] static T strided(const StridedBox<1>& reduced, const T* x) {
    T max = -std::numeric_limits<T>::infinity();
    T sum = 0;
    if (reduced.elements() == 0) return max;
    const std::int64_t step = reduced.row_strides()[0];
    const auto visit = [&](const auto& each) {
      reduced.for_rows(0, reduced.rows(), [&](const auto& at) {
        for (std::int64_t i = 0; i < reduced.row_size(); ++i) each(x[at[0] + i * step]);
      });
    };
    visit([&](T value) { max = value > max || value != value ? value : max; });
    if (std::isinf(max)) return max;
    visit([&](T value) { sum += std::exp(value - max); });
    return max + std::log(sum);
  }

  ops::ReduceLogSumExp op_;
  const simd::SoftmaxRow<T>* rows_;
};

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_KERNELS_CPU_SOFTMAX_HPP

namespace hone::inline HONE_ABI {

template <class Op>
concept SoftmaxOp = std::same_as<Op, ops::Softmax> || std::same_as<Op, ops::LogSoftmax>;

template <SoftmaxOp Op, class T>
class Kernel<Op, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice& device)
      : op_(node.op<Op>()),
        rows_(&simd::table<simd::SoftmaxRow<T>>(device.isa)),
        max_(&simd::table<simd::Reduce<simd::MaxOf, T>>(device.isa)),
        subtract_(&simd::table<simd::BinaryLoop<simd::Sub, T>>(device.isa)),
        divide_(&simd::table<simd::BinaryLoop<simd::Div, T>>(device.isa)),
        exp_(&simd::table<simd::UnaryLoop<simd::Exp, T>>(device.isa)) {}

  void run(Context& c) const {
    const auto rows = op_.rows(c.input(0).shape);
    if (c.input(0).elements() == 0) return;
    const T* x = c.in<T>(0);
    T* y = c.out<T>(0);
    if (rows.inner == 1) {
      const auto length = static_cast<std::size_t>(rows.length);
      c.parallel_for(rows.outer, std::max<std::int64_t>(1, worth_a_thread / rows.length), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
          std::same_as<Op, ops::Softmax> ? rows_->softmax(x + i * rows.length, y + i * rows.length, length)
                                         : rows_->log_softmax(x + i * rows.length, y + i * rows.length, length);
        }
      });
      return;
    }
    const std::int64_t chunks = (rows.inner + lane_block - 1) / lane_block;
    const std::int64_t grain = std::max<std::int64_t>(1, worth_a_thread / (rows.length * std::min(rows.inner, lane_block)));
    c.parallel_for(rows.outer * chunks, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t task = begin; task < end; ++task) {
        const std::int64_t first = task % chunks * lane_block;
        const std::int64_t offset = task / chunks * rows.length * rows.inner + first;
        columns(x + offset, y + offset, rows.length, rows.inner, std::min(lane_block, rows.inner - first));
      }
    });
  }

 private:
  static constexpr std::int64_t worth_a_thread = 4 * 1024;
  /// Columns that are worked on together: their maxima and sums stay in L1.
  static constexpr std::int64_t lane_block = 256;

  void columns(const T* x, T* y, std::int64_t length, std::int64_t stride, std::int64_t count) const {
    const auto n = static_cast<std::size_t>(count);
    T max[lane_block];
    T sum[lane_block];
    std::fill_n(max, n, -std::numeric_limits<T>::infinity());
    std::fill_n(sum, n, T(0));
    for (std::int64_t i = 0; i < length; ++i) max_->accumulate(max, x + i * stride, n);
    for (std::int64_t i = 0; i < length; ++i) rows_->accumulate_exp(sum, x + i * stride, max, n);
    if constexpr (std::same_as<Op, ops::LogSoftmax>) {
      for (std::size_t k = 0; k < n; ++k) max[k] += std::log(sum[k]);
    }
    for (std::int64_t i = 0; i < length; ++i) {
      T* out = y + i * stride;
      subtract_->vv(simd::Sub{}, x + i * stride, max, out, n);
      if constexpr (std::same_as<Op, ops::Softmax>) {
        exp_->run(simd::Exp{}, out, out, n);
        divide_->vv(simd::Div{}, out, sum, out, n);
      }
    }
  }

  Op op_;
  const simd::SoftmaxRow<T>* rows_;
  const simd::Reduce<simd::MaxOf, T>* max_;
  const simd::BinaryLoop<simd::Sub, T>* subtract_;
  const simd::BinaryLoop<simd::Div, T>* divide_;
  const simd::UnaryLoop<simd::Exp, T>* exp_;
};

template <class T>
class Kernel<ops::Hardmax, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<ops::Hardmax>()) {}
  void run(Context& c) const {
    const auto rows = op_.rows(c.input(0).shape);
    const T* x = c.in<T>(0);
    T* y = c.out<T>(0);
    std::fill_n(y, c.output(0).elements(), T(0));
    if (c.input(0).elements() == 0) return;
    for (std::int64_t row = 0; row < rows.outer * rows.inner; ++row) {
      const std::int64_t offset = row / rows.inner * rows.length * rows.inner + row % rows.inner;
      std::int64_t best = 0;
      for (std::int64_t i = 1; i < rows.length; ++i)
        if (x[offset + i * rows.inner] > x[offset + best * rows.inner]) best = i;
      y[offset + best * rows.inner] = T(1);
    }
  }

 private:
  ops::Hardmax op_;
};

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_PROVIDERS_CPU_KERNELS_SEQUENCE_IMPL_HPP

#define HONE_SINGLE_KERNELS_CPU_CONTROL_FLOW_HPP

namespace hone::inline HONE_ABI {

template <>
class Kernel<ops::If, Cpu> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) {
    const auto& subgraphs = node.node().subgraphs;
    for (std::size_t i = 0; i < subgraphs.size(); ++i)
      if (subgraphs[i].attribute == "then_branch") then_ = i;
  }
  static Support supports(const NodeView& node) {
    return node.input_dtype(0) == DType::boolean ? Support::yes()
                                                 : Support::no("the condition is ", name(node.input_dtype(0)), ", not bool");
  }
  void run(Context& c) const {
    if (c.input(0).elements() != 1) return c.fail("the condition has ", c.input(0).elements(), " elements, not 1");
    c.run_subgraph(*c.in<bool>(0) ? then_ : 1 - then_, {}, c.output_slots());
  }

 private:
  std::size_t then_ = 0;
};

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_KERNELS_CPU_RECURRENT_HPP

namespace hone::inline HONE_ABI {

namespace cpu {

/// The activation functions of recurrent networks on a row.
template <class T>
class RowActivation {
 public:
  explicit RowActivation(simd::Isa isa) noexcept
      : sigmoid_(&simd::table<simd::UnaryLoop<simd::Sigmoid, T>>(isa)), tanh_(&simd::table<simd::UnaryLoop<simd::Tanh, T>>(isa)) {}

  /// x[i] = activation(clip(x[i])) with |clip| at most `clip`; 0 does not clip.
  void run(const ops::Activation& activation, float clip, T* x, std::int64_t n) const noexcept {
    const auto bound = static_cast<T>(clip);
    if (clip > 0) {
      for (std::int64_t i = 0; i < n; ++i) x[i] = std::clamp(x[i], -bound, bound);
    }
    using Kind = ops::Activation::Kind;
    const auto a = static_cast<T>(activation.alpha);
    const auto b = static_cast<T>(activation.beta);
    const auto each = [&](const auto& f) {
      for (std::int64_t i = 0; i < n; ++i) x[i] = f(x[i]);
    };
    switch (activation.kind) {
      case Kind::sigmoid:
        return sigmoid_->run({}, x, x, static_cast<std::size_t>(n));
      case Kind::tanh:
        return tanh_->run({}, x, x, static_cast<std::size_t>(n));
      case Kind::relu:
        return each([](T v) { return simd::Relu{}(v); });
      case Kind::affine:
        return each([&](T v) { return a * v + b; });
      case Kind::leaky_relu:
        return each([&](T v) { return v < 0 ? a * v : v; });
      case Kind::thresholded_relu:
        return each([&](T v) { return v > a ? v : T(0); });
      case Kind::scaled_tanh:
        return each([&](T v) { return a * std::tanh(b * v); });
      case Kind::hard_sigmoid:
        return each([&](T v) { return std::clamp(a * v + b, T(0), T(1)); });
      case Kind::elu:
        return each([&](T v) { return v < 0 ? a * std::expm1(v) : v; });
      case Kind::softsign:
        return each([](T v) { return v / (1 + std::abs(v)); });
      case Kind::softplus:
        return each([](T v) { return simd::Softplus{}(v); });
    }
  }

 private:
  const simd::UnaryLoop<simd::Sigmoid, T>* sigmoid_;
  const simd::UnaryLoop<simd::Tanh, T>* tanh_;
};

}  // namespace cpu

template <class Op>
concept RecurrentOp = std::same_as<Op, ops::RNN> || std::same_as<Op, ops::GRU> || std::same_as<Op, ops::LSTM>;

/// The inputs' part of all gates is one product over the whole sequence; then each step adds the state's part.
template <RecurrentOp Op, class T>
class Kernel<Op, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice& device) : op_(node.op<Op>()), product_(device.isa), activation_(device.isa) {}

  [[nodiscard]] std::size_t workspace(const Context& c) const {
    const Problem p(op_, c);
    return p.bytes() + scratch_bytes(p);
  }

  void run(Context& c) const {
    const Problem p(op_, c);
    if (c.has_input(4)) {
      for (std::int64_t n = 0; n < p.batch; ++n) {
        const std::int32_t length = c.in<std::int32_t>(4)[n];
        if (length < 0 || length > p.steps) return c.fail("the sequence length ", length, " is not between 0 and ", p.steps);
      }
    }
    for (int d = 0; d < op_.directions; ++d) run_direction(c, p, d);
  }

 private:
  static constexpr std::int64_t gates = Op::gates;
  static constexpr std::int64_t activations = Op::gates == 1 ? 1 : Op::gates == 3 ? 2 : 3;

  struct Problem {
    Problem(const Op& op, const Context& c) {
      const Shape& x = c.input(0).shape;
      steps = x[op.batch_first ? 1 : 0];
      batch = x[op.batch_first ? 0 : 1];
      inputs = x[2];
      hidden = c.input(2).shape[2];
      directions = op.directions;
      batch_first = op.batch_first;
    }
    /// Workspace, each part aligned: the inputs' part of all gates, then gates, a second set of gates, h and c of one step.
    [[nodiscard]] std::size_t from_inputs_bytes() const noexcept { return part(steps * batch * gates * hidden); }
    [[nodiscard]] std::size_t gates_bytes() const noexcept { return part(batch * gates * hidden); }
    [[nodiscard]] std::size_t state_bytes() const noexcept { return part(batch * hidden); }
    [[nodiscard]] std::size_t bytes() const noexcept { return from_inputs_bytes() + 2 * gates_bytes() + 2 * state_bytes(); }

    [[nodiscard]] std::int64_t input_row(std::int64_t t, std::int64_t n) const noexcept {
      return batch_first ? n * steps + t : t * batch + n;
    }
    [[nodiscard]] std::int64_t state_row(int d, std::int64_t n) const noexcept { return batch_first ? n * directions + d : d * batch + n; }
    [[nodiscard]] std::int64_t output_row(std::int64_t t, int d, std::int64_t n) const noexcept {
      return batch_first ? (n * steps + t) * directions + d : (t * directions + d) * batch + n;
    }

    std::int64_t steps;
    std::int64_t batch;
    std::int64_t inputs;
    std::int64_t hidden;
    int directions;
    bool batch_first;

   private:
    [[nodiscard]] static std::size_t part(std::int64_t elements) noexcept {
      return align_up(static_cast<std::size_t>(elements) * sizeof(T));
    }
  };

  [[nodiscard]] std::size_t scratch_bytes(const Problem& p) const noexcept {
    const std::int64_t columns = gates * p.hidden;
    return std::max(product_.workspace_bytes(p.steps * p.batch, columns, p.inputs), product_.workspace_bytes(p.batch, columns, p.hidden));
  }

  /// What the steps of one direction share.
  struct Run {
    T* gates;           // (batch, gates * hidden)
    T* second;          // the same, for what is needed apart
    T* h;               // (batch, hidden)
    T* cell;            // (batch, hidden)
    const T* r;         // (gates * hidden, hidden)
    const T* bias;      // (2 * gates * hidden) or null
    const T* peephole;  // (3 * hidden) or null
    const ops::Activation* activations;
    std::byte* scratch;
  };

  void run_direction(Context& c, const Problem& p, int d) const {
    const std::int64_t columns = gates * p.hidden;
    std::byte* memory = c.workspace();
    const auto take = [&](std::size_t bytes) { return reinterpret_cast<T*>(std::exchange(memory, memory + bytes)); };
    T* from_inputs = take(p.from_inputs_bytes());
    Run run{};
    run.gates = take(p.gates_bytes());
    run.second = take(p.gates_bytes());
    run.h = take(p.state_bytes());
    run.cell = take(p.state_bytes());
    run.scratch = memory;
    run.r = c.in<T>(2) + d * columns * p.hidden;
    run.bias = c.has_input(3) ? c.in<T>(3) + d * 2 * columns : nullptr;
    run.peephole = c.has_input(7) ? c.in<T>(7) + d * 3 * p.hidden : nullptr;
    run.activations = op_.activations.data() + d * activations;
    const bool reverse = d == 1 || op_.reverse;

    cpu::ProductOptions<T> options;
    options.column_bias = run.bias;
    const cpu::MatrixRef<T> w{c.in<T>(1) + d * columns * p.inputs, p.inputs, 1};
    product_.run(p.steps * p.batch, columns, p.inputs, {c.in<T>(0), p.inputs, 1}, w.transposed(), from_inputs, columns, options,
                 run.scratch, c.pool());

    load_state(c, p, d, 5, run.h);
    load_state(c, p, d, 6, run.cell);
    for (std::int64_t s = 0; s < p.steps; ++s) {
      const auto step_of = [&](std::int64_t n) -> std::int64_t {
        const std::int64_t length = c.has_input(4) ? c.in<std::int32_t>(4)[n] : p.steps;
        if (s >= length) return -1;
        return reverse ? length - 1 - s : s;
      };
      for (std::int64_t n = 0; n < p.batch; ++n) {
        const std::int64_t t = std::max<std::int64_t>(0, step_of(n));
        std::copy_n(from_inputs + p.input_row(t, n) * columns, columns, run.gates + n * columns);
      }
      prepare_step(c, p, run);
      for (std::int64_t n = 0; n < p.batch; ++n) {
        const std::int64_t t = step_of(n);
        if (t >= 0) finish_step(p, run, n);
        if (!c.has_output(0)) continue;
        T* y = c.out<T>(0) + p.output_row(t >= 0 ? t : s, d, n) * p.hidden;
        t >= 0 ? void(std::copy_n(run.h + n * p.hidden, p.hidden, y)) : void(std::fill_n(y, p.hidden, T(0)));
      }
    }
    store_state(c, p, d, 1, run.h);
    store_state(c, p, d, 2, run.cell);
  }

  void load_state(const Context& c, const Problem& p, int d, std::size_t input, T* state) const {
    for (std::int64_t n = 0; n < p.batch; ++n) {
      if (c.has_input(input)) {
        std::copy_n(c.in<T>(input) + p.state_row(d, n) * p.hidden, p.hidden, state + n * p.hidden);
      } else {
        std::fill_n(state + n * p.hidden, p.hidden, T(0));
      }
    }
  }
  void store_state(const Context& c, const Problem& p, int d, std::size_t output, const T* state) const {
    if (!c.has_output(output)) return;
    for (std::int64_t n = 0; n < p.batch; ++n) std::copy_n(state + n * p.hidden, p.hidden, c.out<T>(output) + p.state_row(d, n) * p.hidden);
  }

  /// target (batch, count * hidden) += state r'[first gate, count gates] + rb
  void add_state(const Context& c, const Problem& p, const Run& run, const T* state, std::int64_t first, std::int64_t count,
                 T* target) const {
    cpu::ProductOptions<T> options;
    options.accumulate = true;
    if (run.bias != nullptr) options.column_bias = run.bias + (gates + first) * p.hidden;
    const cpu::MatrixRef<T> r{run.r + first * p.hidden * p.hidden, p.hidden, 1};
    product_.run(p.batch, count * p.hidden, p.hidden, {state, p.hidden, 1}, r.transposed(), target, gates * p.hidden, options, run.scratch,
                 c.pool());
  }

  /// The state's part of the gates of the whole batch.
  void prepare_step(const Context& c, const Problem& p, const Run& run) const {
    if constexpr (!std::same_as<Op, ops::GRU>) {
      add_state(c, p, run, run.h, 0, gates, run.gates);
    } else {
      add_state(c, p, run, run.h, 0, 2, run.gates);
      const std::int64_t columns = gates * p.hidden;
      if (op_.linear_before_reset) {
        for (std::int64_t n = 0; n < p.batch; ++n) std::fill_n(run.second + n * columns, p.hidden, T(0));
        add_state(c, p, run, run.h, 2, 1, run.second);
      }
      for (std::int64_t n = 0; n < p.batch; ++n) activation_.run(run.activations[0], op_.clip, run.gates + n * columns, 2 * p.hidden);
      if (!op_.linear_before_reset) {
        // The reset state stands where c of an LSTM would.
        for (std::int64_t n = 0; n < p.batch; ++n)
          for (std::int64_t i = 0; i < p.hidden; ++i)
            run.cell[n * p.hidden + i] = run.gates[n * columns + p.hidden + i] * run.h[n * p.hidden + i];
        add_state(c, p, run, run.cell, 2, 1, run.gates + 2 * p.hidden);
      }
    }
  }

  /// h, and c, of sequence `n` from its gates.
  void finish_step(const Problem& p, const Run& run, std::int64_t n) const {
    const std::int64_t hidden = p.hidden;
    T* gate = run.gates + n * gates * hidden;
    T* h = run.h + n * hidden;
    if constexpr (std::same_as<Op, ops::RNN>) {
      activation_.run(run.activations[0], op_.clip, gate, hidden);
      std::copy_n(gate, hidden, h);
    } else if constexpr (std::same_as<Op, ops::GRU>) {
      T* z = gate;
      T* r = gate + hidden;
      T* candidate = gate + 2 * hidden;
      if (op_.linear_before_reset) {
        const T* linear = run.second + n * gates * hidden;
        for (std::int64_t i = 0; i < hidden; ++i) candidate[i] += r[i] * linear[i];
      }
      activation_.run(run.activations[1], op_.clip, candidate, hidden);
      for (std::int64_t i = 0; i < hidden; ++i) h[i] = (1 - z[i]) * candidate[i] + z[i] * h[i];
    } else {
      T* in = gate;
      T* out = gate + hidden;
      T* forget = gate + 2 * hidden;
      T* candidate = gate + 3 * hidden;
      T* cell = run.cell + n * hidden;
      const auto peep = [&](T* to, int part) {
        if (run.peephole == nullptr) return;
        for (std::int64_t i = 0; i < hidden; ++i) to[i] += run.peephole[part * hidden + i] * cell[i];
      };
      peep(in, 0);
      peep(forget, 2);
      activation_.run(run.activations[0], op_.clip, in, hidden);
      activation_.run(run.activations[0], op_.clip, forget, hidden);
      activation_.run(run.activations[1], op_.clip, candidate, hidden);
      for (std::int64_t i = 0; i < hidden; ++i) {
        const T keep = op_.input_forget ? 1 - in[i] : forget[i];
        cell[i] = keep * cell[i] + in[i] * candidate[i];
      }
      peep(out, 1);
      activation_.run(run.activations[0], op_.clip, out, hidden);
      std::copy_n(cell, hidden, candidate);
      activation_.run(run.activations[2], 0, candidate, hidden);
      for (std::int64_t i = 0; i < hidden; ++i) h[i] = out[i] * candidate[i];
    }
  }

  Op op_;
  cpu::MatrixProduct<T> product_;
  cpu::RowActivation<T> activation_;
};

}  // namespace hone::inline HONE_ABI
#endif

namespace hone::inline HONE_ABI {

#if HONE_COMPILED
extern template struct KernelTable<Cpu, CpuBinaryKernels>;
extern template struct KernelTable<Cpu, CpuControlFlowKernels>;
extern template struct KernelTable<Cpu, CpuConversionKernels>;
extern template struct KernelTable<Cpu, CpuConvolutionKernels>;
extern template struct KernelTable<Cpu, CpuIndexingKernels>;
extern template struct KernelTable<Cpu, CpuMatrixKernels>;
extern template struct KernelTable<Cpu, CpuMovementKernels>;
extern template struct KernelTable<Cpu, CpuNormalizationKernels>;
extern template struct KernelTable<Cpu, CpuRecurrentKernels>;
extern template struct KernelTable<Cpu, CpuReductionKernels>;
extern template struct KernelTable<Cpu, CpuUnaryKernels>;
#endif

namespace detail {

template <class... Lists>
auto cpu_tables(KernelList<Lists...>) {
  return std::array{KernelTable<Cpu, Lists>::entries()...};
}

}  // namespace detail

HONE_INLINE std::shared_ptr<const Provider> Cpu::provider() const {
  return std::make_shared<CpuProvider>(arch, detail::cpu_tables(CpuKernels{}));
}

HONE_INLINE AnyProvider default_provider() { return Cpu{}; }

}  // namespace hone::inline HONE_ABI
#endif
#define HONE_SINGLE_PROVIDERS_CPU_WITH_HPP

namespace hone::inline HONE_ABI {

/// The CPU provider with the kernels of the named operators alone: a program pays, in size and in compile time, for nothing else.
/// `hone::Session session{path, {.providers = {hone::CpuWith<hone::ops::Conv, hone::ops::Relu>{}}}};`
/// In pure-header mode, include this header and <hone/session/session.hpp> rather than <hone/hone.hpp>, which holds hone::Cpu and with it
/// every kernel.
template <class... Ops>
struct CpuWith {
  static_assert((names_operator<CpuKernels, Ops> && ...), "hone::CpuWith names an operator that the CPU provider has no kernel for");

  /// See Cpu::arch.
  std::string arch = {};

  [[nodiscard]] std::shared_ptr<const Provider> provider() const {
    const std::array lists{KernelTable<Cpu, NarrowedList<CpuKernels, Ops...>>::entries()};
    return std::make_shared<CpuProvider>(arch, lists);
  }
};

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_SESSION_SESSION_HPP

#include <future>

#define HONE_SINGLE_SESSION_NODE_ARG_HPP

namespace hone::inline HONE_ABI {

/// An input or output of a model.
struct NodeArg {
  std::string name;
  Type value_type;
  /// Dimensions as the model declares them; empty optional when it does not say.
  std::optional<std::vector<Dim>> shape;

  /// As ONNX writes it: "tensor(float)".
  [[nodiscard]] std::string type() const { return to_string(value_type); }
};

/// "(1, 3, height, width)", "?" where nothing is declared.
[[nodiscard]] inline std::string to_string(const std::optional<std::vector<Dim>>& shape) {
  if (!shape) return "?";
  return "(" + join(*shape, ", ") + (shape->size() == 1 ? ",)" : ")");
}

/// What a model says of itself.
struct ModelMetadata {
  std::string producer_name;
  std::string producer_version;
  std::string domain;
  std::string description;
  std::string graph_name;
  std::string graph_description;
  std::int64_t version = 0;
  std::int64_t ir_version = 0;
  std::map<std::string, std::string> custom_metadata_map;
  /// Version of each imported domain; ai.onnx is "".
  std::map<std::string, int> opset_imports;
};

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_SESSION_REPORT_HPP

namespace hone::inline HONE_ABI {

/// Where one node runs, and why not elsewhere.
struct NodeReport {
  std::string node;
  std::string op;
  int opset = 0;
  std::string provider;
  std::string kernel;
  /// (provider, reason) of each provider of higher priority that refused the node.
  std::vector<std::pair<std::string, std::string>> refusals;
};

/// What a session decided when it was created.
struct Report {
  std::vector<NodeReport> nodes;
  /// (pass, number of patches) in run order.
  std::vector<std::pair<std::string, std::size_t>> rewrites;
};

/// A table: one line per rewrite that fired, one per node.
[[nodiscard]] inline std::string to_string(const Report& report) {
  std::string result;
  for (const auto& [pass, patches] : report.rewrites)
    result += text("rewrite ", pass, ": ", patches, patches == 1 ? " patch\n" : " patches\n");
  for (const NodeReport& node : report.nodes) {
    result += text(node.op, "-", node.opset, " '", node.node, "': ", node.provider, " ", node.kernel);
    for (const auto& [provider, reason] : node.refusals) result += text("; ", provider, " refused: ", reason);
    result += '\n';
  }
  return result;
}

}  // namespace hone::inline HONE_ABI

namespace hone::inline HONE_ABI {

/// One named input of a run. The value is referred to, not copied, and must stay alive until the run ends.
struct Feed {
  std::string_view name;
  ValueRef value;
};

/// One named output of a run, and where it goes. What it refers to must stay alive until the run ends.
struct Fetch {
  std::string_view name;
  ResultRef value;
};

/// The named results of a run.
class Outputs {
 public:
  Outputs() = default;
  explicit Outputs(std::vector<std::pair<std::string, Value>> entries) : entries_(std::move(entries)) {}

  /// Errors: invalid_argument that lists the names there are.
  [[nodiscard]] const Value& operator[](std::string_view name) const {
    for (const auto& [key, value] : entries_)
      if (key == name) return value;
    std::string names;
    for (const auto& [key, value] : entries_) names += (names.empty() ? "'" : ", '") + key + "'";
    fail(ErrorCode::invalid_argument, "there is no output '", name, "'; available: ", names);
  }
  [[nodiscard]] Value& operator[](std::string_view name) { return const_cast<Value&>(std::as_const(*this)[name]); }
  /// In the order in which they were asked for: pairs of name and value.
  [[nodiscard]] auto begin() const noexcept { return entries_.begin(); }
  [[nodiscard]] auto end() const noexcept { return entries_.end(); }
  [[nodiscard]] auto begin() noexcept { return entries_.begin(); }
  [[nodiscard]] auto end() noexcept { return entries_.end(); }
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

 private:
  std::vector<std::pair<std::string, Value>> entries_;
};

/// A model, ready to run. `run` is const and may be called from any number of threads.
/// Whatever is wrong with a model or a feed ends in a hone::Error; tensors that do not fit in memory are resource_exhausted. Only when not
/// even small things fit does std::bad_alloc come out.
class Session {
 public:
  /// Errors: no_such_file, invalid_protobuf, invalid_graph, not_implemented (one error lists all nodes that no provider runs).
  explicit Session(const std::filesystem::path& model, SessionOptions options = {});
  /// A serialized model in memory, which is not needed after the call. External data is looked for in the current directory.
  explicit Session(std::span<const std::byte> model, SessionOptions options = {});
  /// The `length` bytes at `offset` of `buffer`. Errors: invalid_argument when they are not inside.
  Session(std::span<const std::byte> buffer, std::size_t offset, std::size_t length, SessionOptions options = {});
  explicit Session(const onnx::ModelProto& model, SessionOptions options = {});

  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  ~Session();

  /// Creates a session on another thread; takes what the constructors take. A span or ModelProto must stay alive until the future is
  /// ready. The future's exception is the load error.
  template <class Model>
  [[nodiscard]] static std::future<Session> create_async(Model&& model, SessionOptions options = {}) {
    using Held = std::conditional_t<
        std::is_same_v<std::remove_cvref_t<Model>, onnx::ModelProto>, const onnx::ModelProto&,
        std::conditional_t<std::is_convertible_v<Model, std::filesystem::path>, std::filesystem::path, std::span<const std::byte>>>;
    struct Job {
      Held model;
      SessionOptions options;
    };
    return std::async(std::launch::async, [job = Job{static_cast<Held>(model), std::move(options)}]() mutable {
      return Session(job.model, std::move(job.options));
    });
  }

  /// Runs the model and gives all its outputs.
  /// Errors: invalid_argument for a missing, unknown or repeated feed, a wrong type, rank or dimension, before any kernel runs;
  /// runtime_exception for values that an operator does not allow. The session stays usable.
  [[nodiscard]] Outputs run(std::span<const Feed> feeds) const;
  [[nodiscard]] Outputs run(std::initializer_list<Feed> feeds) const { return run(std::span<const Feed>(feeds.begin(), feeds.size())); }
  /// Runs only what the named outputs need, and gives those in that order.
  [[nodiscard]] Outputs run(std::span<const std::string> output_names, std::span<const Feed> feeds) const;
  [[nodiscard]] Outputs run(std::initializer_list<std::string> output_names, std::initializer_list<Feed> feeds) const {
    return run(std::span<const std::string>(output_names.begin(), output_names.size()), std::span<const Feed>(feeds.begin(), feeds.size()));
  }

  /// Runs what the fetched outputs need and writes them where the caller says. From the second run of the same shapes on, this makes no
  /// call of the heap: `session.run({{"a", a}}, {{"c", c}})`.
  /// Errors: as above, and invalid_argument when a tensor does not have the type or shape of its result.
  void run(std::span<const Feed> feeds, std::span<const Fetch> fetches) const;
  void run(std::initializer_list<Feed> feeds, std::initializer_list<Fetch> fetches) const {
    run(std::span<const Feed>(feeds.begin(), feeds.size()), std::span<const Fetch>(fetches.begin(), fetches.size()));
  }

  [[nodiscard]] const std::vector<NodeArg>& inputs() const noexcept;
  [[nodiscard]] const std::vector<NodeArg>& outputs() const noexcept;
  /// Initializers that a feed of the same name overrides.
  [[nodiscard]] const std::vector<NodeArg>& overridable_initializers() const noexcept;
  [[nodiscard]] const ModelMetadata& model_metadata() const noexcept;
  /// Names of the providers in order of priority.
  [[nodiscard]] std::vector<std::string> providers() const;
  /// Which provider and kernel each node got, and why others refused it.
  [[nodiscard]] const Report& report() const noexcept;
  [[nodiscard]] const SessionOptions& options() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hone::inline HONE_ABI

#if !HONE_COMPILED
#define HONE_SINGLE_SESSION_SESSION_IMPL_HPP

#define HONE_SINGLE_ONNX_IMPORTER_HPP

#define HONE_SINGLE_GRAPH_REGISTRY_HPP

namespace hone::inline HONE_ABI {

/// The operators that a session knows: those its providers have kernels for.
class OpRegistry {
 public:
  void add(const OpInfo* op) {
    auto& definitions = by_name_[key(op->domain, op->name)];
    for (const OpInfo* known : definitions)
      if (known == op) return;
    definitions.push_back(op);
  }

  /// The definition that reads version `opset` of the operator; null when there is none.
  [[nodiscard]] const OpInfo* find(std::string_view domain, std::string_view name, int opset) const {
    const auto found = by_name_.find(key(domain, name));
    if (found == by_name_.end()) return nullptr;
    for (const OpInfo* op : found->second)
      if (op->since <= opset && opset <= op->until) return op;
    return nullptr;
  }
  [[nodiscard]] bool knows(std::string_view domain, std::string_view name) const { return by_name_.contains(key(domain, name)); }

 private:
  static std::string key(std::string_view domain, std::string_view name) {
    std::string result(domain);
    result += ':';
    result += name;
    return result;
  }
  std::unordered_map<std::string, std::vector<const OpInfo*>> by_name_;
};

}  // namespace hone::inline HONE_ABI

namespace hone::inline HONE_ABI {

/// A model after import.
struct ImportedModel {
  Graph graph;
  ModelMetadata metadata;
  /// Initializers that are inputs too, so that a feed may override them.
  std::vector<NodeArg> overridable_initializers;
};

/// What becomes of initializers that are inputs too.
enum class InitializerInputs : std::uint8_t {
  constant,     ///< constants, as long as no feed overrides them
  overridable,  ///< inputs with a default: Graph::defaults
};

/// Parses a serialized ModelProto. Errors: invalid_protobuf.
[[nodiscard]] std::shared_ptr<const onnx::ModelProto> parse_model(std::span<const std::byte> bytes);
/// A copy that the importer can share.
[[nodiscard]] std::shared_ptr<const onnx::ModelProto> copy_model(const onnx::ModelProto& model);

/// Makes the typed graph of a model: nodes sorted, functions inlined, each node resolved to one definition of `registry`, attributes
/// read, types inferred. Nodes without a definition stay in the graph with `op` null and a `problem`.
/// Constants refer into `model`, which they keep alive, or into mapped files below `folder`.
/// Errors: invalid_graph, no_such_file (external data).
[[nodiscard]] ImportedModel import_model(std::shared_ptr<const onnx::ModelProto> model, const std::filesystem::path& folder,
                                         const OpRegistry& registry, InitializerInputs initializer_inputs = InitializerInputs::constant);

}  // namespace hone::inline HONE_ABI

#if !HONE_COMPILED
#define HONE_SINGLE_ONNX_IMPORTER_IMPL_HPP

#define HONE_SINGLE_ONNX_ATTRIBUTE_VALUE_HPP

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
#define HONE_SINGLE_ONNX_FUNCTION_PROTO_HPP

#include <deque>

#include <google/protobuf/unknown_field_set.h>

namespace hone::inline HONE_ABI::detail {

/// "ai.onnx" is another name of the default domain.
inline std::string canonical_domain(const std::string& domain) { return domain == "ai.onnx" ? std::string() : domain; }

/// Calls visit(bytes) for each length-delimited field `number` that this version of the schema does not know.
template <class Message, class Visit>
void for_each_unknown_field(const Message& message, int number, const Visit& visit) {
  if constexpr (requires { message.GetReflection()->GetUnknownFields(message); }) {
    const auto& fields = message.GetReflection()->GetUnknownFields(message);
    for (int i = 0; i < fields.field_count(); ++i) {
      if (fields.field(i).number() == number && fields.field(i).type() == google::protobuf::UnknownField::TYPE_LENGTH_DELIMITED) {
        visit(fields.field(i).length_delimited());
      }
    }
  }
}

/// The `overload` of a NodeProto (field 8) or FunctionProto (field 13), which schemas before IR version 10 do not know.
template <class Message>
std::string overload_of(const Message& message, int field_number) {
  if constexpr (requires { message.overload(); }) {
    return message.overload();
  } else {
    std::string result;
    for_each_unknown_field(message, field_number, [&](const auto& bytes) { result = bytes; });
    return result;
  }
}

inline std::string function_key(const std::string& domain, const std::string& name, const std::string& overload) {
  return domain + ":" + name + ":" + overload;
}
inline std::string function_key(const onnx::FunctionProto& function) {
  return function_key(canonical_domain(function.domain()), function.name(), overload_of(function, 13));
}
inline std::string function_key(const std::string& domain, const onnx::NodeProto& call) {
  return function_key(domain, call.op_type(), overload_of(call, 8));
}

inline onnx::AttributeProto::AttributeType attribute_type(const onnx::AttributeProto& proto) {
  if (proto.type() != onnx::AttributeProto::UNDEFINED) return proto.type();
  // IR versions before 2 leave the type out.
  if (proto.has_f()) return onnx::AttributeProto::FLOAT;
  if (proto.has_i()) return onnx::AttributeProto::INT;
  if (proto.has_s()) return onnx::AttributeProto::STRING;
  if (proto.has_t()) return onnx::AttributeProto::TENSOR;
  if (proto.has_g()) return onnx::AttributeProto::GRAPH;
  if (proto.floats_size() > 0) return onnx::AttributeProto::FLOATS;
  if (proto.ints_size() > 0) return onnx::AttributeProto::INTS;
  if (proto.strings_size() > 0) return onnx::AttributeProto::STRINGS;
  return onnx::AttributeProto::UNDEFINED;
}

/// One call of a model-local function: the attributes that its body may refer to.
class FunctionCall {
 public:
  FunctionCall(const onnx::NodeProto& node, const onnx::FunctionProto& function, const FunctionCall* enclosing)
      : node_(node), function_(function), enclosing_(enclosing) {
    read_unknown_defaults(function);
  }

  /// The attribute as the call gives it, else its default; null when there is neither.
  [[nodiscard]] const onnx::AttributeProto* attribute(std::string_view name) const {
    for (const auto& given : node_.attribute()) {
      if (given.name() != name) continue;
      if (given.ref_attr_name().empty()) return &given;
      return enclosing_ != nullptr ? enclosing_->attribute(given.ref_attr_name()) : nullptr;
    }
    return default_of(function_, name);
  }

 private:
  // Schemas before IR version 9 do not know FunctionProto.attribute_proto, field 11.
  template <class Function>
  void read_unknown_defaults(const Function& function) {
    if constexpr (!requires { function.attribute_proto(); }) {
      for_each_unknown_field(function, 11, [&](const auto& bytes) { defaults_.emplace_back().ParseFromString(std::string(bytes)); });
    }
  }

  template <class Function>
  const onnx::AttributeProto* default_of(const Function& function, std::string_view name) const {
    if constexpr (requires { function.attribute_proto(); }) {
      for (const auto& given : function.attribute_proto())
        if (given.name() == name) return &given;
    }
    for (const auto& given : defaults_)
      if (given.name() == name) return &given;
    return nullptr;
  }

  const onnx::NodeProto& node_;
  const onnx::FunctionProto& function_;
  const FunctionCall* enclosing_;
  std::deque<onnx::AttributeProto> defaults_;
};

}  // namespace hone::inline HONE_ABI::detail
#define HONE_SINGLE_ONNX_READ_METADATA_HPP

namespace hone::inline HONE_ABI::detail {

/// Version by domain; "" is ai.onnx.
using Opsets = std::map<std::string, int>;

template <class Imports>
Opsets read_opsets(const Imports& imports) {
  Opsets opsets;
  for (const auto& import : imports) opsets[canonical_domain(import.domain())] = static_cast<int>(import.version());
  return opsets;
}

inline ModelMetadata read_metadata(const onnx::ModelProto& model) {
  ModelMetadata metadata;
  metadata.producer_name = model.producer_name();
  metadata.producer_version = model.producer_version();
  metadata.domain = model.domain();
  metadata.description = model.doc_string();
  metadata.graph_name = model.graph().name();
  metadata.graph_description = model.graph().doc_string();
  metadata.version = model.model_version();
  metadata.ir_version = model.ir_version();
  for (const auto& entry : model.metadata_props()) metadata.custom_metadata_map[entry.key()] = entry.value();
  metadata.opset_imports = read_opsets(model.opset_import());
  return metadata;
}

}  // namespace hone::inline HONE_ABI::detail
#define HONE_SINGLE_ONNX_TOPOLOGICAL_ORDER_HPP

#include <functional>
#include <queue>
#include <set>
#include <unordered_set>

namespace hone::inline HONE_ABI::detail {

/// Names that the node reads, those that its subgraphs take from around them included.
template <class Visit>
void for_each_used_name(const onnx::NodeProto& node, const Visit& visit) {
  for (const auto& input : node.input())
    if (!input.empty()) visit(input);
  const auto in_graph = [&](const onnx::GraphProto& graph) {
    std::unordered_set<std::string_view> own;
    for (const auto& input : graph.input()) own.insert(input.name());
    for (const auto& tensor : graph.initializer()) own.insert(tensor.name());
    for (const auto& tensor : graph.sparse_initializer()) own.insert(tensor.values().name());
    for (const auto& inner : graph.node()) own.insert(inner.output().begin(), inner.output().end());
    // Type-erased, because the recursion would otherwise make a type for every depth.
    const std::function<void(const std::string&)> visit_outer = [&](const std::string& name) {
      if (!own.contains(name)) visit(name);
    };
    for (const auto& inner : graph.node()) for_each_used_name(inner, visit_outer);
    for (const auto& output : graph.output()) visit_outer(output.name());
  };
  for (const auto& attribute : node.attribute()) {
    if (attribute.has_g()) in_graph(attribute.g());
    for (const auto& graph : attribute.graphs()) in_graph(graph);
  }
}

/// Indices of `protos` in an order in which values are made before they are used; the given order wherever it already is one.
template <class NodeProtos>
std::vector<int> topological_order(const NodeProtos& protos) {
  std::unordered_map<std::string_view, int> producers;
  for (int i = 0; i < protos.size(); ++i)
    for (const auto& output : protos.Get(i).output())
      if (!output.empty()) producers.emplace(output, i);

  std::vector<std::vector<int>> consumers(static_cast<std::size_t>(protos.size()));
  std::vector<int> waits_for(static_cast<std::size_t>(protos.size()), 0);
  for (int i = 0; i < protos.size(); ++i) {
    std::set<int> before;
    for_each_used_name(protos.Get(i), [&](const std::string& name) {
      const auto found = producers.find(name);
      if (found != producers.end() && found->second != i) before.insert(found->second);
    });
    waits_for[static_cast<std::size_t>(i)] = static_cast<int>(before.size());
    for (const int producer : before) consumers[static_cast<std::size_t>(producer)].push_back(i);
  }

  std::priority_queue<int, std::vector<int>, std::greater<>> ready;
  for (int i = 0; i < protos.size(); ++i)
    if (waits_for[static_cast<std::size_t>(i)] == 0) ready.push(i);
  std::vector<int> order;
  while (!ready.empty()) {
    const int node = ready.top();
    ready.pop();
    order.push_back(node);
    for (const int consumer : consumers[static_cast<std::size_t>(node)])
      if (--waits_for[static_cast<std::size_t>(consumer)] == 0) ready.push(consumer);
  }
  if (order.size() != static_cast<std::size_t>(protos.size())) {
    for (int i = 0; i < protos.size(); ++i)
      if (waits_for[static_cast<std::size_t>(i)] > 0)
        fail(ErrorCode::invalid_graph, "the node '", protos.Get(i).name(), "' (", protos.Get(i).op_type(), ") depends on its own output");
  }
  return order;
}

}  // namespace hone::inline HONE_ABI::detail

namespace hone::inline HONE_ABI {

namespace detail {

/// Where names are looked up: those of one GraphProto or of one inlined function, then those of the graph around it.
struct Scope {
  Graph* graph;
  Scope* parent;
  const Opsets* opsets;
  /// Attributes of the function call that is being inlined, for `ref_attr_name`; null outside functions.
  const FunctionCall* call;
  /// Put before names made in an inlined function, which would clash otherwise.
  std::string prefix;
  std::unordered_map<std::string, ValueId> names = {};
};

class Importer {
 public:
  Importer(std::shared_ptr<const onnx::ModelProto> model, const std::filesystem::path& folder, const OpRegistry& registry,
           InitializerInputs initializer_inputs)
      : model_(std::move(model)),
        external_(folder),
        registry_(registry),
        initializer_inputs_(initializer_inputs),
        opsets_(read_opsets(model_->opset_import())) {
    if (!model_->has_graph()) fail(ErrorCode::invalid_graph, "the model has no graph");
    if (opsets_.empty()) opsets_[""] = 1;  // IR versions before 3 name no opset
    for (const auto& function : model_->functions()) functions_[function_key(function)] = &function;
  }

  [[nodiscard]] std::vector<NodeArg> overridable_initializers() const { return overridable_initializers_; }

  Graph run() {
    Graph graph;
    Scope scope{&graph, nullptr, &opsets_, nullptr, ""};
    import_graph(model_->graph(), scope);
    graph.check();
    return graph;
  }

 private:
  /// Deep enough for any real model; bounds what a hostile one can do to the stack.
  static constexpr int max_depth = 64;

  struct Depth {
    explicit Depth(int& counter) : counter_(counter) {
      if (++counter_ > max_depth) {
        --counter_;
        fail(ErrorCode::invalid_graph, "functions or subgraphs are nested more than ", max_depth, " deep");
      }
    }
    ~Depth() { --counter_; }
    int& counter_;
  };

  void import_graph(const onnx::GraphProto& proto, Scope& scope) {
    const Depth depth(depth_);
    Graph& graph = *scope.graph;
    graph.name = proto.name();
    std::unordered_map<std::string_view, const onnx::ValueInfoProto*> declared;
    for (const auto& info : proto.value_info()) declared[info.name()] = &info;
    for (const auto& info : proto.output()) declared[info.name()] = &info;
    declared_.push_back(&declared);

    std::unordered_map<std::string_view, Constant> initializers;
    for (const auto& tensor : proto.initializer()) initializers[tensor.name()] = read_tensor(tensor, model_, external_);
    for (const auto& tensor : proto.sparse_initializer())
      initializers[tensor.values().name()] = read_sparse_tensor(tensor, model_, external_);

    for (const auto& info : proto.input()) {
      GraphValue value{info.name(), read_type(info.type()), read_dims(info.type()), {}};
      const auto initial = initializers.find(info.name());
      if (initial == initializers.end()) {
        graph.inputs.push_back(define(scope, std::move(value)));
      } else if (model_->ir_version() >= 4) {
        if (!value.type.is_known()) value.type = initial->second.tensor.dtype;
        if (scope.parent == nullptr) overridable_initializers_.push_back({value.name, value.type, value.shape});
        if (initializer_inputs_ == InitializerInputs::constant) {
          value.constant = std::move(initial->second);
          define(scope, std::move(value));
        } else {
          graph.defaults.emplace_back(define(scope, std::move(value)), std::move(initial->second));
        }
        initializers.erase(initial);
      }
      // IR version 3 lists every initializer among the inputs; they are constants all the same.
    }
    for (const auto& tensor : proto.initializer()) define_initializer(scope, tensor.name(), initializers);
    for (const auto& tensor : proto.sparse_initializer()) define_initializer(scope, tensor.values().name(), initializers);

    import_nodes(proto.node(), scope);

    for (const auto& info : proto.output()) {
      const ValueId id = look_up(scope, info.name());
      if (id == no_value) fail(ErrorCode::invalid_graph, "graph '", proto.name(), "': nothing makes the output '", info.name(), "'");
      graph.outputs.push_back(id);
      graph.output_names.push_back(info.name());
      if (!graph[id].shape) graph[id].shape = read_dims(info.type());
    }
    declared_.pop_back();
  }

  void define_initializer(Scope& scope, const std::string& name, std::unordered_map<std::string_view, Constant>& initializers) {
    const auto found = initializers.find(name);
    if (found == initializers.end()) return;
    GraphValue value{name, found->second.tensor.dtype, {}, std::move(found->second)};
    initializers.erase(found);
    define(scope, std::move(value));
  }

  ValueId define(Scope& scope, GraphValue value) {
    const std::string name = value.name;
    value.name = scope.prefix + value.name;
    const ValueId id = scope.graph->add_value(std::move(value));
    if (!scope.names.emplace(name, id).second) fail(ErrorCode::invalid_graph, "the value '", name, "' is made twice");
    return id;
  }

  /// The value of a name, captured from enclosing graphs when need be; no_value for an unknown name.
  static ValueId look_up(Scope& scope, const std::string& name) {
    if (const auto found = scope.names.find(name); found != scope.names.end()) return found->second;
    if (scope.parent == nullptr) return no_value;
    const ValueId outer = look_up(*scope.parent, name);
    if (outer == no_value || scope.parent->graph == scope.graph) return outer;
    const GraphValue& source = (*scope.parent->graph)[outer];
    const ValueId inner = scope.graph->add_value(GraphValue(source));
    if (!source.constant) scope.graph->captures.push_back({outer, inner});
    scope.names.emplace(name, inner);
    return inner;
  }

  template <class NodeProtos>
  void import_nodes(const NodeProtos& protos, Scope& scope) {
    for (const int i : topological_order(protos)) import_node(protos.Get(i), scope);
  }

  void import_node(const onnx::NodeProto& proto, Scope& scope) {
    Node node;
    node.name = scope.prefix + proto.name();
    node.domain = canonical_domain(proto.domain());
    node.op_type = proto.op_type();
    if (node.name.empty()) node.name = text(proto.op_type(), "_", unnamed_++);
    const auto opset = scope.opsets->find(node.domain);
    node.opset = opset != scope.opsets->end() ? opset->second : 0;
    try {
      if (node.domain.empty() && node.op_type == "Constant") return import_constant(proto, scope);
      if (const auto function = functions_.find(function_key(node.domain, proto)); function != functions_.end()) {
        return inline_function(proto, *function->second, node.name, scope);
      }
      import_operation(proto, std::move(node), scope);
    } catch (const Error& error) {
      if (!error.node().empty()) throw;
      throw Error(error.code(), error.what(), node.name.empty() ? proto.name() : node.name, proto.op_type(),
                  opset != scope.opsets->end() ? opset->second : 0);
    }
  }

  void import_operation(const onnx::NodeProto& proto, Node node, Scope& scope) {
    for (const auto& input : proto.input()) {
      const ValueId id = input.empty() ? no_value : look_up(scope, input);
      if (id == no_value && !input.empty()) fail(ErrorCode::invalid_graph, "nothing makes its input '", input, "'");
      node.inputs.push_back(id);
    }
    Attributes attributes;
    for (const auto& attribute : proto.attribute()) import_attribute(attribute, scope, attributes, node);

    const OpInfo* info = registry_.find(node.domain, node.op_type, node.opset);
    if (info != nullptr) {
      AttributeReader reader(attributes, node.opset);
      node.op = info->create(reader);
      reader.check_all_known();
      for (const MovedAttribute& moved : reader.moved()) append_input(moved, node, *scope.graph);
    } else if (!scope.opsets->contains(node.domain)) {
      fail(ErrorCode::invalid_graph, "the model imports no opset of the domain '", node.domain, "'");
    } else {
      node.problem = registry_.knows(node.domain, node.op_type) ? text("no provider has a kernel for opset ", node.opset, " of it")
                                                                : std::string("no provider knows the operator");
    }
    while (!node.inputs.empty() && node.inputs.back() == no_value) node.inputs.pop_back();

    std::vector<Type> types(static_cast<std::size_t>(proto.output_size()));
    if (node.op != nullptr) infer_types(node, *scope.graph, types);
    for (int i = 0; i < proto.output_size(); ++i) {
      if (proto.output(i).empty()) {
        node.outputs.push_back(no_value);
        continue;
      }
      GraphValue value{proto.output(i), types[static_cast<std::size_t>(i)], {}, {}};
      declare(value, scope);
      node.outputs.push_back(define(scope, std::move(value)));
    }
    scope.graph->nodes.push_back(std::move(node));
  }

  /// Adds what the model declares of the value; an inferred type must agree with a declared one.
  void declare(GraphValue& value, const Scope& scope) const {
    if (scope.call != nullptr) return;  // names in functions mean other values
    const auto found = declared_.back()->find(value.name);
    if (found == declared_.back()->end()) return;
    const Type type = read_type(found->second->type());
    if (value.type.is_known() && type.is_known() && type.is_tensor() && !(type == value.type)) {
      fail(ErrorCode::invalid_graph, "its output '", value.name, "' has type ", value.type, ", but the model declares ", type);
    }
    if (!value.type.is_known()) value.type = type;
    value.shape = read_dims(found->second->type());
  }

  /// Kernels are chosen by the deciding input alone: what the others hold has to follow from it.
  static void check_input_types(const OpInfo& op, std::span<const Type> inputs) {
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (!inputs[i].is_known() || contains(op.traits.shape_inputs, i)) continue;
      const auto own =
          std::find_if(op.input_types.begin(), op.input_types.end(), [&](const auto& rule) { return contains(rule.inputs, i); });
      if (own == op.input_types.end()) {
        const Type& deciding = inputs[op.type_input];
        if (!(inputs[i] == deciding)) {
          fail(ErrorCode::invalid_graph, "its input ", i, " has type ", inputs[i], ", but its input ", op.type_input, " has type ",
               deciding);
        }
      } else if (own->types && !(inputs[i].is_tensor() && own->types->contains(inputs[i].dtype))) {
        fail(ErrorCode::invalid_graph, "its input ", i, " has type ", inputs[i], ", which the operator does not take there");
      }
    }
  }

  static void infer_types(const Node& node, const Graph& graph, std::vector<Type>& types) {
    const Arity& arity = node.op->arity();
    const auto range = [](std::size_t least, std::size_t most) {
      return least == most ? text(least) : most == Arity::any ? text(least, " or more") : text(least, " to ", most);
    };
    if (node.inputs.size() < arity.min_inputs || node.inputs.size() > arity.max_inputs) {
      fail(ErrorCode::invalid_graph, "it has ", node.inputs.size(), " inputs; the operator takes ",
           range(arity.min_inputs, arity.max_inputs));
    }
    if (types.size() < arity.min_outputs || types.size() > arity.max_outputs) {
      fail(ErrorCode::invalid_graph, "it has ", types.size(), " outputs; the operator has ", range(arity.min_outputs, arity.max_outputs));
    }
    std::vector<Type> inputs;
    bool all_known = true;
    for (const ValueId id : node.inputs) {
      inputs.push_back(id == no_value ? Type() : graph[id].type);
      all_known = all_known && (id == no_value || inputs.back().is_known());
    }
    // Of the inputs that an operator takes any number of, none may be left out.
    const std::size_t required = arity.min_inputs > 0 && arity.max_inputs == Arity::any ? node.inputs.size() : arity.min_inputs;
    for (std::size_t i = 0; i < required; ++i)
      if (node.inputs[i] == no_value) fail(ErrorCode::invalid_graph, "its input ", i, " is missing");
    if (!all_known) return;  // downstream of a node without a definition
    check_input_types(node.op->info(), inputs);
    std::vector<const Graph*> subgraphs;
    for (const Subgraph& subgraph : node.subgraphs) subgraphs.push_back(subgraph.graph.get());
    node.op->types(TypeContext(inputs, types, subgraphs));
  }

  void import_attribute(const onnx::AttributeProto& written, const Scope& scope, Attributes& attributes, Node& node) {
    const onnx::AttributeProto* proto = &written;
    if (!written.ref_attr_name().empty()) {
      if (scope.call == nullptr)
        fail(ErrorCode::invalid_graph, "the attribute '", written.name(), "' refers to one of a function, outside of any");
      proto = scope.call->attribute(written.ref_attr_name());
      if (proto == nullptr) return;
    }
    const std::string& name = written.name();
    switch (attribute_type(*proto)) {
      case onnx::AttributeProto::FLOAT:
        return attributes.set(name, proto->f());
      case onnx::AttributeProto::INT:
        return attributes.set(name, static_cast<std::int64_t>(proto->i()));
      case onnx::AttributeProto::STRING:
        return attributes.set(name, proto->s());
      case onnx::AttributeProto::TENSOR:
        return attributes.set(name, read_tensor(proto->t(), model_, external_));
      case onnx::AttributeProto::SPARSE_TENSOR:
        return attributes.set(name, read_sparse_tensor(proto->sparse_tensor(), model_, external_));
      case onnx::AttributeProto::TYPE_PROTO:
        return attributes.set(name, read_type(proto->tp()));
      case onnx::AttributeProto::FLOATS:
        return attributes.set(name, std::vector<float>(proto->floats().begin(), proto->floats().end()));
      case onnx::AttributeProto::INTS:
        return attributes.set(name, std::vector<std::int64_t>(proto->ints().begin(), proto->ints().end()));
      case onnx::AttributeProto::STRINGS:
        return attributes.set(name, std::vector<std::string>(proto->strings().begin(), proto->strings().end()));
      case onnx::AttributeProto::TENSORS: {
        std::vector<Constant> tensors;
        for (const auto& tensor : proto->tensors()) tensors.push_back(read_tensor(tensor, model_, external_));
        return attributes.set(name, std::move(tensors));
      }
      case onnx::AttributeProto::GRAPH:
        return import_subgraph(name, proto->g(), scope, node);
      case onnx::AttributeProto::GRAPHS:
        for (const auto& graph : proto->graphs()) import_subgraph(name, graph, scope, node);
        return;
      default:
        fail(ErrorCode::invalid_graph, "the attribute '", name, "' is of a kind that ONNX does not define for it");
    }
  }

  void import_subgraph(const std::string& attribute, const onnx::GraphProto& proto, const Scope& scope, Node& node) {
    auto graph = std::make_unique<Graph>();
    Scope inner{graph.get(), const_cast<Scope*>(&scope), scope.opsets, scope.call, ""};
    import_graph(proto, inner);
    node.subgraphs.push_back({attribute, std::move(graph)});
  }

  /// Gives a node the input that an attribute of an older opset stands for.
  static void append_input(const MovedAttribute& moved, Node& node, Graph& graph) {
    if (moved.input < node.inputs.size() && node.inputs[moved.input] != no_value) {
      fail(ErrorCode::invalid_graph, "it has input ", moved.input, " both as an attribute and as an input");
    }
    const DType like = moved.like_first_input && node.inputs[0] != no_value ? graph[node.inputs[0]].type.dtype : DType::float32;
    std::shared_ptr<Value> value = value_of(*moved.value, like);
    if (!value) fail(ErrorCode::invalid_graph, "an attribute is of the wrong kind");
    if (node.inputs.size() <= moved.input) node.inputs.resize(moved.input + 1, no_value);
    const TensorRef ref = value->ref();
    node.inputs[moved.input] = graph.add_constant(text(node.name, "/input", moved.input), {ref, std::move(value)});
  }

  void import_constant(const onnx::NodeProto& proto, Scope& scope) {
    Attributes attributes;
    Node node;
    for (const auto& attribute : proto.attribute()) import_attribute(attribute, scope, attributes, node);
    if (proto.output_size() != 1) fail(ErrorCode::invalid_graph, "it has ", proto.output_size(), " outputs; the operator has 1");
    for (const auto& [name, attribute] : attributes) {
      if (const auto* tensor = std::get_if<Constant>(&attribute)) {
        define(scope, {proto.output(0), tensor->tensor.dtype, {}, *tensor});
        return;
      }
      if (std::shared_ptr<Value> value = value_of(attribute, DType::float32)) {
        const TensorRef ref = value->ref();
        define(scope, {proto.output(0), ref.dtype, {}, Constant{ref, std::move(value)}});
        return;
      }
    }
    fail(ErrorCode::invalid_graph, "it has no value");
  }

  void inline_function(const onnx::NodeProto& proto, const onnx::FunctionProto& function, const std::string& call_name, Scope& scope) {
    const Depth depth(depth_);
    const FunctionCall call(proto, function, scope.call);
    Opsets opsets = read_opsets(function.opset_import());
    for (const auto& [domain, version] : opsets_) opsets.emplace(domain, version);
    Scope body{scope.graph, nullptr, &opsets, &call, call_name + "/"};
    if (proto.input_size() > function.input_size() || proto.output_size() > function.output_size()) {
      fail(ErrorCode::invalid_graph, "the function '", function.name(), "' has fewer inputs or outputs than its call");
    }
    for (int i = 0; i < function.input_size(); ++i) {
      const bool given = i < proto.input_size() && !proto.input(i).empty();
      const ValueId id = given ? look_up(scope, proto.input(i)) : no_value;
      if (given && id == no_value) fail(ErrorCode::invalid_graph, "nothing makes its input '", proto.input(i), "'");
      body.names.emplace(function.input(i), id);
    }
    import_nodes(function.node(), body);
    for (int i = 0; i < proto.output_size(); ++i) {
      if (proto.output(i).empty()) continue;
      const ValueId id = look_up(body, function.output(i));
      if (id == no_value)
        fail(ErrorCode::invalid_graph, "the function '", function.name(), "' does not make its output '", function.output(i), "'");
      if (!scope.names.emplace(proto.output(i), id).second)
        fail(ErrorCode::invalid_graph, "the value '", proto.output(i), "' is made twice");
    }
  }

  std::shared_ptr<const onnx::ModelProto> model_;
  ExternalData external_;
  const OpRegistry& registry_;
  InitializerInputs initializer_inputs_;
  Opsets opsets_;
  std::vector<NodeArg> overridable_initializers_;
  std::unordered_map<std::string, const onnx::FunctionProto*> functions_;
  std::vector<const std::unordered_map<std::string_view, const onnx::ValueInfoProto*>*> declared_;
  int depth_ = 0;
  int unnamed_ = 0;
};

}  // namespace detail

HONE_INLINE std::shared_ptr<const onnx::ModelProto> parse_model(std::span<const std::byte> bytes) {
  if (bytes.empty()) fail(ErrorCode::invalid_protobuf, "the model is empty");
  auto model = std::make_shared<onnx::ModelProto>();
  if (bytes.size() > 0x7fffffffu) fail(ErrorCode::invalid_protobuf, "the model has more than 2 GiB, the most that protobuf reads");
  if (!model->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    fail(ErrorCode::invalid_protobuf, "the ", bytes.size(), " bytes are not an ONNX model, or only a part of one");
  }
  return model;
}

HONE_INLINE std::shared_ptr<const onnx::ModelProto> copy_model(const onnx::ModelProto& model) {
  return std::make_shared<const onnx::ModelProto>(model);
}

HONE_INLINE ImportedModel import_model(std::shared_ptr<const onnx::ModelProto> model, const std::filesystem::path& folder,
                                       const OpRegistry& registry, InitializerInputs initializer_inputs) {
  ModelMetadata metadata = detail::read_metadata(*model);
  detail::Importer importer(std::move(model), folder, registry, initializer_inputs);
  Graph graph = importer.run();
  return {std::move(graph), std::move(metadata), importer.overridable_initializers()};
}

}  // namespace hone::inline HONE_ABI
#endif
#define HONE_SINGLE_REWRITES_PIPELINE_HPP

#define HONE_SINGLE_REWRITES_ELIMINATE_IDENTITY_HPP

#define HONE_SINGLE_REWRITES_PATCH_HPP

namespace hone::inline HONE_ABI {

/// A change to a graph around one node, as a pass proposes it.
struct Patch {
  /// Values to add; the first one gets the id `graph.values.size()`, and so on.
  std::vector<GraphValue> values = {};
  /// Nodes to put in place of the node.
  std::vector<Node> nodes = {};
  /// Values of the node that become constants.
  std::vector<std::pair<ValueId, Constant>> constants = {};
  /// Every use of the first value becomes a use of the second.
  std::vector<std::pair<ValueId, ValueId>> replacements = {};
};

namespace detail {

/// In node `first` and all after it: a value is never used before it is made.
inline void replace_uses(Graph& graph, std::size_t first, ValueId from, ValueId to) {
  for (std::size_t i = first; i < graph.nodes.size(); ++i) {
    for (ValueId& id : graph.nodes[i].inputs)
      if (id == from) id = to;
    for (Subgraph& subgraph : graph.nodes[i].subgraphs)
      for (Capture& capture : subgraph.graph->captures)
        if (capture.outer == from) capture.outer = to;
  }
  for (ValueId& id : graph.outputs)
    if (id == from) id = to;
}

/// Subgraphs do not capture what has become a constant: they have it too.
inline void share_constant(Graph& graph, ValueId id) {
  for (Node& node : graph.nodes) {
    for (Subgraph& subgraph : node.subgraphs) {
      std::erase_if(subgraph.graph->captures, [&](const Capture& capture) {
        if (capture.outer != id) return false;
        (*subgraph.graph)[capture.inner].constant = graph[id].constant;
        share_constant(*subgraph.graph, capture.inner);
        return true;
      });
    }
  }
}

/// Puts the patch in place of node `at`. The node stays, without outputs, until remove_dead_nodes: moving all that follow it for each patch
/// would make a pass quadratic.
inline void apply(Graph& graph, std::size_t at, Patch patch) {
  for (GraphValue& value : patch.values) graph.add_value(std::move(value));
  graph.nodes[at].outputs.clear();
  graph.nodes.insert(graph.nodes.begin() + static_cast<std::ptrdiff_t>(at) + 1, std::make_move_iterator(patch.nodes.begin()),
                     std::make_move_iterator(patch.nodes.end()));
  for (auto& [id, constant] : patch.constants) {
    graph[id].constant = std::move(constant);
    share_constant(graph, id);
  }
  for (const auto& [from, to] : patch.replacements) replace_uses(graph, at + 1, from, to);
}

/// Removes nodes none of whose results is used; returns how many.
inline std::size_t remove_dead_nodes(Graph& graph) {
  std::vector<bool> used(graph.values.size(), false);
  for (const ValueId id : graph.outputs) used[index(id)] = true;
  std::vector<bool> dead(graph.nodes.size(), false);
  std::size_t count = 0;
  for (std::size_t i = graph.nodes.size(); i-- > 0;) {
    const Node& node = graph.nodes[i];
    bool alive = false;
    for (const ValueId id : node.outputs) alive = alive || (id != no_value && used[index(id)]);
    dead[i] = !alive;
    if (!alive) {
      ++count;
      continue;
    }
    for (const ValueId id : node.inputs)
      if (id != no_value) used[index(id)] = true;
    for (const Subgraph& subgraph : node.subgraphs)
      for (const Capture& capture : subgraph.graph->captures) used[index(capture.outer)] = true;
  }
  std::size_t i = 0;
  std::erase_if(graph.nodes, [&](const Node&) { return dead[i++]; });
  return count;
}

}  // namespace detail
}  // namespace hone::inline HONE_ABI

namespace hone::inline HONE_ABI::rewrites {

/// Identity(x) becomes x.
struct EliminateIdentity {
  static constexpr std::string_view name = "eliminate_identity";

  [[nodiscard]] std::optional<Patch> operator()(const Graph& graph, std::size_t at) const {
    const Node& node = graph.nodes[at];
    if (node.as<ops::Identity>() == nullptr) return std::nullopt;
    Patch patch;
    patch.replacements.emplace_back(node.outputs[0], node.inputs[0]);
    return patch;
  }
};

}  // namespace hone::inline HONE_ABI::rewrites
#define HONE_SINGLE_REWRITES_FOLD_CONSTANTS_HPP

#define HONE_SINGLE_SESSION_EVALUATE_HPP

namespace hone::inline HONE_ABI {

/// A node alone, with slots of its own: for asking its kernel for its workspace, or running it outside of any session.
class NodeSlots {
 public:
  /// `ref_of(ValueId)` gives dtype, shape and, where known, data of a value.
  template <class RefOf>
  NodeSlots(const Node& node, const RefOf& ref_of) : slots_(node.inputs.size() + node.outputs.size()) {
    std::size_t next = 0;
    const auto add = [&](ValueId id, std::vector<Slot*>& to) {
      Slot& slot = slots_[next++];
      if (id != no_value) slot.tensor = ref_of(id);
      to.push_back(id != no_value ? &slot : nullptr);
    };
    for (const ValueId id : node.inputs) add(id, inputs_);
    for (const ValueId id : node.outputs) add(id, outputs_);
  }

  [[nodiscard]] std::size_t workspace(const AnyKernel& kernel, ThreadPool& pool) const {
    return kernel.workspace(Context(inputs_, outputs_, pool));
  }

  /// Runs the kernel. `shapes` has one shape per output, or is empty when the kernel finds them. Gives one value per output, empty for
  /// omitted ones. Errors: runtime_exception.
  [[nodiscard]] std::vector<Value> run(const AnyKernel& kernel, std::span<const Shape> shapes, ThreadPool& pool) const {
    for (std::size_t k = 0; k < shapes.size(); ++k)
      if (outputs_[k] != nullptr) outputs_[k]->allocate(outputs_[k]->tensor.dtype, shapes[k]);
    Context context(inputs_, outputs_, pool);
    const Buffer workspace(kernel.workspace(context));
    context.set_workspace(static_cast<std::byte*>(workspace.data()));
    kernel.run(context);
    if (context.failed()) fail(ErrorCode::runtime_exception, context.take_failure());
    std::vector<Value> values;
    for (const Slot* output : outputs_) values.push_back(output != nullptr ? Value::copy_of(output->tensor) : Value());
    return values;
  }

 private:
  std::vector<Slot> slots_;
  std::vector<Slot*> inputs_;
  std::vector<Slot*> outputs_;
};

}  // namespace hone::inline HONE_ABI

namespace hone::inline HONE_ABI::rewrites {

/// A node whose inputs are all constant becomes its result, computed by the kernel that would run it.
struct FoldConstants {
  static constexpr std::string_view name = "fold_constants";
  /// Larger results stay nodes: the model file would grow by them.
  static constexpr std::size_t max_bytes = std::size_t{1} << 26;

  std::span<const AnyProvider> providers;
  ThreadPool& pool;

  [[nodiscard]] std::optional<Patch> operator()(const Graph& graph, std::size_t at) const {
    const Node& node = graph.nodes[at];
    if (node.op == nullptr || !node.op->traits().deterministic || !node.subgraphs.empty()) return std::nullopt;
    std::vector<const TensorRef*> inputs;
    std::size_t input_bytes = 0;
    for (const ValueId id : node.inputs) {
      if (id != no_value && !graph[id].constant) return std::nullopt;
      inputs.push_back(id == no_value ? nullptr : &graph[id].constant->tensor);
      if (id != no_value) input_bytes += inputs.back()->bytes();
    }
    std::size_t bytes = 0;
    std::vector<Shape> shapes;
    for (const ValueId id : node.outputs)
      if (id != no_value && !graph[id].type.is_tensor()) return std::nullopt;
    if (node.op->traits().data_dependent) {
      bytes = input_bytes;
    } else {
      shapes.resize(node.outputs.size());
      try {
        node.op->shapes(ShapeContext(inputs, shapes));
        for (std::size_t k = 0; k < shapes.size(); ++k)
          if (node.outputs[k] != no_value) bytes += checked_bytes(graph[node.outputs[k]].type.dtype, shapes[k]);
      } catch (const Error&) {
        return std::nullopt;  // a run that needs the node reports what is wrong with it
      }
    }
    if (bytes > max_bytes) return std::nullopt;

    for (const AnyProvider& provider : providers) {
      const Placement placement = provider->place(NodeView(graph, node));
      if (placement.kernel == nullptr) continue;
      const auto ref_of = [&](ValueId id) {
        return graph[id].constant ? graph[id].constant->tensor : TensorRef{nullptr, graph[id].type.dtype, Shape()};
      };
      Patch patch;
      try {
        std::vector<Value> values = NodeSlots(node, ref_of).run(*placement.kernel, shapes, pool);
        for (std::size_t k = 0; k < values.size(); ++k) {
          if (node.outputs[k] == no_value) continue;
          auto owner = std::make_shared<Value>(std::move(values[k]));
          const TensorRef ref = owner->ref();
          patch.constants.emplace_back(node.outputs[k], Constant{ref, std::move(owner)});
        }
      } catch (const Error&) {
        return std::nullopt;
      }
      return patch;
    }
    return std::nullopt;
  }
};

}  // namespace hone::inline HONE_ABI::rewrites

namespace hone::inline HONE_ABI {

namespace detail {

/// Applies a pass to every node, subgraphs first, and removes what it leaves dead. Returns the number of patches.
template <class Pass>
std::size_t apply_pass(Graph& graph, const Pass& pass) {
  std::size_t patches = 0;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    for (Subgraph& subgraph : graph.nodes[i].subgraphs) patches += apply_pass(*subgraph.graph, pass);
    if (std::optional<Patch> patch = pass(graph, i)) {
      apply(graph, i, std::move(*patch));
      ++patches;
    }
  }
  if (patches != 0) {
    remove_dead_nodes(graph);
#ifndef NDEBUG
    graph.check();
#endif
  }
  return patches;
}

}  // namespace detail

/// Rewrites the graph by all passes of `level`, in the order in which they stand here, until none fires any more. Appends (pass, patches)
/// to `fired` for those that did.
inline void rewrite(Graph& graph, GraphOptimizationLevel level, std::span<const AnyProvider> providers, ThreadPool& pool,
                    std::vector<std::pair<std::string, std::size_t>>& fired) {
  const auto run = [&](const auto& pass) {
    const std::size_t patches = detail::apply_pass(graph, pass);
    if (patches == 0) return false;
    for (auto& [name, count] : fired) {
      if (name != pass.name) continue;
      count += patches;
      return true;
    }
    fired.emplace_back(pass.name, patches);
    return true;
  };
  bool changed = level >= GraphOptimizationLevel::basic;
  while (changed) {
    changed = false;
    changed |= run(rewrites::EliminateIdentity{});
    changed |= run(rewrites::FoldConstants{providers, pool});
  }
}

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_SESSION_EXECUTOR_IMPL_HPP

#define HONE_SINGLE_SESSION_EXECUTOR_HPP

#define HONE_SINGLE_SESSION_PLAN_HPP

#define HONE_SINGLE_SESSION_PROGRAM_HPP

#include <list>

namespace hone::inline HONE_ABI {

struct Plan;

/// A graph whose nodes all have kernels: what a session, and each subgraph in it, runs. Immutable but for the cache of plans.
class Program {
 public:
  struct PlacedNode {
    std::unique_ptr<AnyKernel> kernel;
    /// One per subgraph of the node.
    std::vector<std::unique_ptr<Program>> subprograms;
  };

  /// Plans kept: enough for a handful of alternating batch sizes or sequence lengths.
  static constexpr std::size_t max_plans = 16;

  Graph graph;
  /// Parallel to graph.nodes.
  std::vector<PlacedNode> placed;

  /// The plan for inputs of these shapes (inputs, defaults, then captures) and these outputs, made when it is not among the last ones.
  /// Errors: see make_plan.
  [[nodiscard]] std::shared_ptr<const Plan> plan(std::span<const TensorRef> inputs, const std::vector<bool>& wanted,
                                                 ThreadPool& pool) const;

  /// inputs, defaults, captures.
  [[nodiscard]] std::vector<ValueId> run_inputs() const {
    std::vector<ValueId> ids = graph.inputs;
    for (const auto& [id, constant] : graph.defaults) ids.push_back(id);
    for (const Capture& capture : graph.captures) ids.push_back(capture.inner);
    return ids;
  }

 private:
  mutable std::mutex mutex_;
  mutable std::list<std::shared_ptr<const Plan>> plans_;  // most recently used first
};

namespace detail {

/// The nodes that no provider runs, and why.
class Unplaced {
 public:
  void add(const Graph& graph, const Node& node, const std::string& reasons) {
    std::string types;
    for (const ValueId id : node.inputs) {
      types += types.empty() ? "" : ", ";
      types += id == no_value ? std::string("-") : text(graph[id].type, declared_shape(graph[id]));
    }
    lines_.push_back(text("  node '", node.name, "': ", node.qualified_op(), " (opset ", node.opset, ") on (", types, "): ", reasons));
    if (lines_.size() == 1) {
      node_ = node.name;
      op_ = node.op_type;
    }
  }
  /// Errors: not_implemented, which lists all nodes added.
  void check() const {
    if (lines_.empty()) return;
    throw Error(ErrorCode::not_implemented,
                text(lines_.size(), lines_.size() == 1 ? " node" : " nodes", " cannot run:\n", join(lines_, "\n")));
  }

 private:
  static std::string declared_shape(const GraphValue& value) {
    if (!value.shape) return {};
    return text(" (", join(*value.shape, ", "), ")");
  }
  std::vector<std::string> lines_;
  std::string node_;
  std::string op_;
};

inline bool types_known(const Graph& graph, const Node& node) {
  for (const ValueId id : node.inputs)
    if (id != no_value && !graph[id].type.is_known()) return false;
  return true;
}

inline std::unique_ptr<Program> place(Graph graph, std::span<const AnyProvider> providers, Report& report, Unplaced& unplaced) {
  auto program = std::make_unique<Program>();
  program->graph = std::move(graph);
  Graph& placed_graph = program->graph;
  for (Node& node : placed_graph.nodes) {
    Program::PlacedNode& placed = program->placed.emplace_back();
    NodeReport line{node.name, node.qualified_op(), node.opset, {}, {}, {}};
    if (node.op == nullptr) {
      unplaced.add(placed_graph, node, node.problem);
      continue;
    }
    if (!types_known(placed_graph, node)) continue;  // downstream of a node that is listed already
    for (const AnyProvider& provider : providers) {
      Placement placement;
      try {
        placement = provider->place(NodeView(placed_graph, node));
      } catch (const Error& error) {
        throw Error(error.code(), error.what(), node.name, node.qualified_op(), node.opset);
      }
      if (placement.kernel != nullptr) {
        placed.kernel = std::move(placement.kernel);
        line.provider = provider->name();
        line.kernel = std::move(placement.name);
        break;
      }
      line.refusals.emplace_back(provider->name(), std::move(placement.refusal));
    }
    if (placed.kernel == nullptr) {
      std::string reasons;
      for (const auto& [name, reason] : line.refusals) reasons += text(reasons.empty() ? "" : "; ", name, ": ", reason);
      unplaced.add(placed_graph, node, reasons);
    }
    report.nodes.push_back(std::move(line));
    for (Subgraph& subgraph : node.subgraphs) {
      placed.subprograms.push_back(place(std::move(*subgraph.graph), providers, report, unplaced));
    }
  }
  return program;
}

}  // namespace detail

/// Offers each node, those of subgraphs too, to the providers in order.
/// Errors: not_implemented; the one error lists every node that no provider runs.
[[nodiscard]] inline std::unique_ptr<const Program> make_program(Graph graph, std::span<const AnyProvider> providers, Report& report) {
  detail::Unplaced unplaced;
  std::unique_ptr<Program> program = detail::place(std::move(graph), providers, report, unplaced);
  unplaced.check();
  return program;
}

}  // namespace hone::inline HONE_ABI

namespace hone::inline HONE_ABI {

/// Where a value stands during a run.
struct PlannedValue {
  enum class Place : std::uint8_t {
    unused,    ///< no step of the plan makes or reads it
    constant,  ///< `ref` has its elements: an initializer, or evaluated while planning
    input,     ///< memory of the feed
    output,    ///< memory of the result
    arena,     ///< at `offset` of the arena
    dynamic,   ///< memory of its own: the shape is known only while running, or it is no tensor
  };
  Place place = Place::unused;
  /// dtype, and, unless dynamic, shape.
  TensorRef ref;
  std::size_t offset = 0;
};

struct PlannedStep {
  std::size_t node = 0;
  /// The shapes of its outputs are found while running.
  bool dynamic = false;
  std::size_t workspace_offset = 0;  ///< in the arena; for steps that are not dynamic
};

/// A run of a program for one signature (shapes of the inputs, set of wanted outputs): which nodes run, and where every value stands.
/// Whatever follows from constants and input shapes alone is evaluated while planning and costs a run nothing.
struct Plan {
  std::vector<Shape> signature;
  std::vector<bool> wanted;
  std::vector<PlannedValue> values;  ///< by ValueId
  std::vector<PlannedStep> steps;
  std::size_t arena_bytes = 0;
  /// What constants evaluated while planning refer to.
  std::vector<Value> evaluated;

  /// Whether the plan is for inputs of these shapes and these outputs.
  [[nodiscard]] bool is_for(std::span<const TensorRef> inputs, const std::vector<bool>& outputs) const {
    return wanted == outputs && std::equal(inputs.begin(), inputs.end(), signature.begin(), signature.end(),
                                           [](const TensorRef& input, const Shape& shape) { return input.shape == shape; });
  }
};

/// Errors: what shape inference finds wrong with the inputs, as an Error that names the node.
[[nodiscard]] std::shared_ptr<const Plan> make_plan(const Program& program, std::span<const TensorRef> inputs,
                                                    const std::vector<bool>& wanted, ThreadPool& pool);

}  // namespace hone::inline HONE_ABI

#if !HONE_COMPILED
#define HONE_SINGLE_SESSION_PLAN_IMPL_HPP

#define HONE_SINGLE_SESSION_MEMORY_PLAN_HPP

namespace hone::inline HONE_ABI {

/// A block of memory that is needed from step `first` to step `last`, both included.
struct Lifetime {
  std::size_t first = 0;
  std::size_t last = 0;
  std::size_t bytes = 0;
  std::size_t offset = 0;  ///< set by plan_memory
};

/// Gives each block an offset, a multiple of buffer_alignment, such that blocks needed at the same step never overlap. Returns the bytes of
/// the arena that holds them all.
///
/// Greedy by size: the largest block first, each at the lowest gap that fits. Source: Pisarchyk and Lee, "Efficient Memory Management for
/// Deep Neural Net Inference", 2020, which finds it within a few percent of the lower bound on convolutional networks.
[[nodiscard]] inline std::size_t plan_memory(std::vector<Lifetime>& blocks) {
  std::vector<std::size_t> order(blocks.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return blocks[a].bytes > blocks[b].bytes; });

  std::vector<const Lifetime*> placed;  // by offset
  std::size_t arena = 0;
  for (const std::size_t i : order) {
    Lifetime& block = blocks[i];
    const std::size_t bytes = align_up(block.bytes);
    std::size_t offset = 0;
    for (const Lifetime* other : placed) {
      if (other->last < block.first || block.last < other->first) continue;
      if (offset + bytes <= other->offset) break;
      offset = std::max(offset, other->offset + align_up(other->bytes));
    }
    block.offset = offset;
    arena = std::max(arena, offset + bytes);
    const auto at = std::upper_bound(placed.begin(), placed.end(), offset,
                                     [](std::size_t value, const Lifetime* other) { return value < other->offset; });
    placed.insert(at, &block);
  }
  return arena;
}

}  // namespace hone::inline HONE_ABI

namespace hone::inline HONE_ABI {

namespace detail {

class Planner {
 public:
  Planner(const Program& program, std::span<const TensorRef> inputs, const std::vector<bool>& wanted, ThreadPool& pool)
      : program_(program), graph_(program.graph), pool_(pool), plan_(std::make_shared<Plan>()) {
    plan_->wanted = wanted;
    plan_->values.resize(graph_.values.size());
    for (std::size_t i = 0; i < graph_.values.size(); ++i) {
      PlannedValue& value = plan_->values[i];
      value.ref.dtype = graph_.values[i].type.is_tensor() ? graph_.values[i].type.dtype : DType::undefined;
      if (graph_.values[i].constant) value = {PlannedValue::Place::constant, graph_.values[i].constant->tensor, 0};
    }
    const std::vector<ValueId> ids = program.run_inputs();
    for (std::size_t i = 0; i < ids.size(); ++i) {
      plan_->signature.push_back(inputs[i].shape);
      PlannedValue& value = plan_->values[index(ids[i])];
      value.place = PlannedValue::Place::input;
      value.ref.shape = inputs[i].shape;
      if (value.ref.dtype == DType::undefined) value.ref.dtype = inputs[i].dtype;
    }
  }

  std::shared_ptr<const Plan> run() {
    find_needed();
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      if (!needed_[i]) continue;
      try {
        plan_node(i);
      } catch (const Error& error) {
        if (!error.node().empty()) throw;
        const Node& node = graph_.nodes[i];
        throw Error(error.code(), error.what(), node.name, node.qualified_op(), node.opset);
      }
    }
    place_values();
    return plan_;
  }

 private:
  using Place = PlannedValue::Place;

  /// Results larger than this are computed while running even when they could be evaluated while planning: a plan stays small.
  static constexpr std::size_t max_evaluated_bytes = std::size_t{1} << 16;

  void find_needed() {
    std::vector<bool> value_needed(graph_.values.size(), false);
    for (std::size_t i = 0; i < graph_.outputs.size(); ++i)
      if (plan_->wanted[i]) value_needed[index(graph_.outputs[i])] = true;
    needed_.assign(graph_.nodes.size(), false);
    for (std::size_t i = graph_.nodes.size(); i-- > 0;) {
      const Node& node = graph_.nodes[i];
      for (const ValueId id : node.outputs)
        if (id != no_value && value_needed[index(id)]) needed_[i] = true;
      if (!needed_[i]) continue;
      for (const ValueId id : node.inputs)
        if (id != no_value) value_needed[index(id)] = true;
      for (const auto& subprogram : program_.placed[i].subprograms)
        for (const Capture& capture : subprogram->graph.captures) value_needed[index(capture.outer)] = true;
    }
  }

  [[nodiscard]] const PlannedValue& planned(ValueId id) const { return plan_->values[index(id)]; }
  [[nodiscard]] PlannedValue& planned(ValueId id) { return plan_->values[index(id)]; }
  [[nodiscard]] static bool has_shape(const PlannedValue& value) {
    return value.place != Place::dynamic && value.place != Place::unused && value.ref.dtype != DType::undefined;
  }

  void plan_node(std::size_t i) {
    const Node& node = graph_.nodes[i];
    const OpTraits& traits = node.op->traits();
    bool shapes_known = true;
    bool elements_known = traits.deterministic && program_.placed[i].subprograms.empty();
    bool shape_inputs_known = true;
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      if (node.inputs[k] == no_value) continue;
      const PlannedValue& input = planned(node.inputs[k]);
      shapes_known = shapes_known && has_shape(input);
      const bool constant = input.place == Place::constant;
      elements_known = elements_known && (constant || contains(traits.unread_inputs, k));
      if (contains(traits.shape_inputs, k)) shape_inputs_known = shape_inputs_known && constant;
    }
    for (const ValueId id : node.outputs)
      if (id != no_value && graph_[id].type.is_known() && !graph_[id].type.is_tensor()) shapes_known = false;

    const bool inferable = shapes_known && shape_inputs_known && !traits.data_dependent;
    std::vector<Shape> shapes(node.outputs.size());
    std::size_t bytes = 0;
    if (inferable) {
      infer_shapes(node, shapes);
      for (std::size_t k = 0; k < shapes.size(); ++k)
        if (node.outputs[k] != no_value) bytes += checked_bytes(planned(node.outputs[k]).ref.dtype, shapes[k]);
    } else if (traits.data_dependent && elements_known) {
      for (const ValueId id : node.inputs)
        if (id != no_value) bytes += planned(id).ref.bytes();
    }
    if (shapes_known && elements_known && (inferable || traits.data_dependent) && bytes <= max_evaluated_bytes) {
      evaluate(i, inferable ? std::span<const Shape>(shapes) : std::span<const Shape>());
      return;
    }
    for (std::size_t k = 0; k < node.outputs.size(); ++k) {
      if (node.outputs[k] == no_value) continue;
      PlannedValue& output = planned(node.outputs[k]);
      output.place = inferable && output.ref.dtype != DType::string ? Place::arena : Place::dynamic;
      output.ref.shape = shapes[k];
    }
    plan_->steps.push_back({i, !inferable || has_strings(node), 0});
  }

  [[nodiscard]] bool has_strings(const Node& node) const {
    for (const ValueId id : node.outputs)
      if (id != no_value && planned(id).ref.dtype == DType::string) return true;
    return false;
  }

  void infer_shapes(const Node& node, std::vector<Shape>& shapes) const {
    std::vector<const TensorRef*> refs;
    for (const ValueId id : node.inputs) refs.push_back(id == no_value ? nullptr : &planned(id).ref);
    node.op->shapes(ShapeContext(refs, shapes));
  }

  /// Runs the kernel now; its outputs become constants of the plan.
  void evaluate(std::size_t i, std::span<const Shape> shapes) {
    const Node& node = graph_.nodes[i];
    std::vector<Value> values = slots_of(node).run(*program_.placed[i].kernel, shapes, pool_);
    for (std::size_t k = 0; k < node.outputs.size(); ++k) {
      if (node.outputs[k] == no_value) continue;
      plan_->evaluated.push_back(std::move(values[k]));
      planned(node.outputs[k]) = {Place::constant, plan_->evaluated.back().ref(), 0};
    }
  }

  [[nodiscard]] NodeSlots slots_of(const Node& node) const {
    return NodeSlots(node, [this](ValueId id) { return planned(id).ref; });
  }

  /// Gives arena values and workspaces their offsets. Values that share memory (aliases, in-place results) form one block.
  void place_values() {
    constexpr std::size_t none = std::numeric_limits<std::size_t>::max();
    constexpr std::size_t never = std::numeric_limits<std::size_t>::max();
    std::vector<std::size_t> last_use(graph_.values.size(), 0);
    for (std::size_t s = 0; s < plan_->steps.size(); ++s) {
      const std::size_t node = plan_->steps[s].node;
      for (const ValueId id : graph_.nodes[node].inputs)
        if (id != no_value) last_use[index(id)] = s;
      for (const auto& subprogram : program_.placed[node].subprograms)
        for (const Capture& capture : subprogram->graph.captures) last_use[index(capture.outer)] = s;
    }
    for (std::size_t k = 0; k < graph_.outputs.size(); ++k) {
      PlannedValue& value = planned(graph_.outputs[k]);
      if (!plan_->wanted[k]) continue;
      last_use[index(graph_.outputs[k])] = never;
      if (value.place == Place::arena) value.place = Place::output;
    }

    std::vector<Lifetime> blocks;
    std::vector<std::size_t> block_of(graph_.values.size(), none);
    std::vector<std::size_t> workspace_block(plan_->steps.size(), none);
    for (std::size_t s = 0; s < plan_->steps.size(); ++s) {
      const PlannedStep& step = plan_->steps[s];
      const Node& node = graph_.nodes[step.node];
      for (std::size_t k = 0; k < node.outputs.size(); ++k) {
        if (node.outputs[k] == no_value || planned(node.outputs[k]).place != Place::arena) continue;
        const std::size_t value = index(node.outputs[k]);
        const std::size_t last = std::max(last_use[value], s);
        std::size_t block = k == 0 ? shared_block(node, s, blocks, block_of) : none;
        if (block == none) {
          block = blocks.size();
          blocks.push_back({s, last, plan_->values[value].ref.bytes(), 0});
        }
        blocks[block].last = std::max(blocks[block].last, last);
        block_of[value] = block;
      }
      if (step.dynamic) continue;
      if (const std::size_t bytes = slots_of(node).workspace(*program_.placed[step.node].kernel, pool_); bytes != 0) {
        workspace_block[s] = blocks.size();
        blocks.push_back({s, s, bytes, 0});
      }
    }
    plan_->arena_bytes = plan_memory(blocks);
    for (std::size_t i = 0; i < block_of.size(); ++i)
      if (block_of[i] != none) plan_->values[i].offset = blocks[block_of[i]].offset;
    for (std::size_t s = 0; s < plan_->steps.size(); ++s)
      if (workspace_block[s] != none) plan_->steps[s].workspace_offset = blocks[workspace_block[s]].offset;
  }

  /// The block of an input in which output 0 of the node may stand, none when it needs a block of its own.
  [[nodiscard]] std::size_t shared_block(const Node& node, std::size_t step, const std::vector<Lifetime>& blocks,
                                         const std::vector<std::size_t>& block_of) const {
    const OpTraits& traits = node.op->traits();
    const std::size_t bytes = planned(node.outputs[0]).ref.bytes();
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      if (node.inputs[k] == no_value) continue;
      const std::size_t block = block_of[index(node.inputs[k])];
      if (block == std::numeric_limits<std::size_t>::max()) continue;
      const PlannedValue& input = planned(node.inputs[k]);
      if (traits.alias && k == 0) return block;
      if (contains(traits.in_place, k) && blocks[block].last == step && input.ref.bytes() == bytes && blocks[block].bytes == bytes &&
          input.ref.dtype == planned(node.outputs[0]).ref.dtype && !is_other_input(node, k, block, block_of)) {
        return block;
      }
    }
    return std::numeric_limits<std::size_t>::max();
  }

  /// Whether another input of the node, in another shape, stands in the same block: overwriting one would spoil the other.
  [[nodiscard]] bool is_other_input(const Node& node, std::size_t k, std::size_t block, const std::vector<std::size_t>& block_of) const {
    for (std::size_t other = 0; other < node.inputs.size(); ++other) {
      if (other == k || node.inputs[other] == no_value || block_of[index(node.inputs[other])] != block) continue;
      if (!(planned(node.inputs[other]).ref.shape == planned(node.inputs[k]).ref.shape)) return true;
    }
    return false;
  }

  const Program& program_;
  const Graph& graph_;
  ThreadPool& pool_;
  std::shared_ptr<Plan> plan_;
  std::vector<bool> needed_;
};

}  // namespace detail

HONE_INLINE std::shared_ptr<const Plan> make_plan(const Program& program, std::span<const TensorRef> inputs,
                                                  const std::vector<bool>& wanted, ThreadPool& pool) {
  return detail::Planner(program, inputs, wanted, pool).run();
}

HONE_INLINE std::shared_ptr<const Plan> Program::plan(std::span<const TensorRef> inputs, const std::vector<bool>& wanted,
                                                      ThreadPool& pool) const {
  const std::lock_guard lock(mutex_);
  for (auto it = plans_.begin(); it != plans_.end(); ++it) {
    if (!(*it)->is_for(inputs, wanted)) continue;
    plans_.splice(plans_.begin(), plans_, it);
    return plans_.front();
  }
  plans_.push_front(make_plan(*this, inputs, wanted, pool));
  if (plans_.size() > max_plans) plans_.pop_back();
  return plans_.front();
}

}  // namespace hone::inline HONE_ABI
#endif

namespace hone::inline HONE_ABI {

/// Everything one run of a program changes: the arena, a slot per value, and the frames of its subgraphs. A frame serves one run at a time
/// and keeps its memory for the next.
class Frame final : private SubgraphRunner {
 public:
  Frame(const Program& program, ThreadPool& pool)
      : program_(program), pool_(pool), input_ids_(program.run_inputs()), all_outputs_(program.graph.outputs.size(), true) {}
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;

  /// Makes the frame ready for inputs of these shapes (inputs, defaults, captures) and these outputs. Errors: see make_plan.
  void prepare(std::span<const TensorRef> inputs, const std::vector<bool>& wanted);

  /// Slot of an input, default or capture, in the order of Program::run_inputs(): the caller sets its tensor or object before execute().
  [[nodiscard]] Slot& input(std::size_t i) { return slots_[index(input_ids_[i])]; }
  [[nodiscard]] const std::vector<ValueId>& input_ids() const noexcept { return input_ids_; }
  /// Slot of graph output `i`, and whether the caller must give it memory before execute(): for Place::output its dtype and shape are set.
  [[nodiscard]] Slot& output(std::size_t i) { return slots_[index(program_.graph.outputs[i])]; }
  [[nodiscard]] PlannedValue::Place output_place(std::size_t i) const {
    return current().plan->values[index(program_.graph.outputs[i])].place;
  }

  /// Runs the steps of the plan. Errors: runtime_exception that names the node.
  void execute();

 private:
  /// The inputs and outputs of one step, as its Context sees them.
  struct BoundStep {
    std::vector<Slot*> inputs;
    std::vector<Slot*> outputs;
    /// One per subgraph.
    std::vector<std::unique_ptr<Frame>> frames;
  };

  /// A plan, tied to the slots of this frame.
  struct BoundPlan {
    std::shared_ptr<const Plan> plan;
    std::vector<BoundStep> steps;
    std::vector<Context> contexts;  // one per step
  };

  [[nodiscard]] const BoundPlan& current() const { return *bound_.front(); }
  [[nodiscard]] BoundPlan& current() { return *bound_.front(); }
  [[nodiscard]] std::unique_ptr<BoundPlan> bind(std::shared_ptr<const Plan> plan);
  /// Points the slots to where the current plan has their values.
  void place_slots();
  void infer_shapes(std::size_t step);
  bool run(Context& context, std::size_t subgraph, std::span<const Slot* const> inputs, std::span<Slot* const> outputs) override;

  const Program& program_;
  ThreadPool& pool_;
  std::vector<ValueId> input_ids_;
  const std::vector<bool> all_outputs_;
  std::vector<TensorRef> run_inputs_;              // of a subgraph, kept for its memory
  std::vector<std::unique_ptr<BoundPlan>> bound_;  // the current one first, then the last ones before it
  Buffer arena_;
  Buffer dynamic_workspace_;
  std::vector<Slot> slots_;
  // Of infer_shapes, kept for their memory.
  std::vector<const TensorRef*> shape_inputs_;
  std::vector<Shape> shapes_;
};

}  // namespace hone::inline HONE_ABI

#if !HONE_COMPILED
#endif

namespace hone::inline HONE_ABI {

namespace detail {

/// Precondition: the same type and shape.
inline void copy_elements(const TensorRef& from, const TensorRef& to) {
  if (from.dtype == DType::string) {
    std::copy_n(from.as<const std::string>(), from.elements(), to.as<std::string>());
  } else if (from.bytes() != 0) {
    std::memcpy(to.data, from.data, from.bytes());
  }
}

/// Copies a value into a slot with memory of its own.
inline void copy_to(const Slot& from, Slot& to) {
  if (from.tensor.dtype == DType::undefined) {
    to.object = from.object.clone();
    to.tensor = {};
    return;
  }
  to.allocate(from.tensor.dtype, from.tensor.shape);
  copy_elements(from.tensor, to.tensor);
}

}  // namespace detail

HONE_INLINE void Frame::prepare(std::span<const TensorRef> inputs, const std::vector<bool>& wanted) {
  const auto found = std::find_if(bound_.begin(), bound_.end(), [&](const auto& bound) { return bound->plan->is_for(inputs, wanted); });
  if (found == bound_.begin() && !bound_.empty()) return;
  if (found == bound_.end()) {
    std::unique_ptr<BoundPlan> bound = bind(program_.plan(inputs, wanted, pool_));
    if (bound_.size() == Program::max_plans) bound_.pop_back();
    bound_.insert(bound_.begin(), std::move(bound));
  } else {
    std::rotate(bound_.begin(), found, found + 1);
  }
  place_slots();
}

HONE_INLINE std::unique_ptr<Frame::BoundPlan> Frame::bind(std::shared_ptr<const Plan> plan) {
  if (slots_.empty()) slots_ = std::vector<Slot>(plan->values.size());
  const auto slot_of = [&](ValueId id) { return id == no_value ? nullptr : &slots_[index(id)]; };
  auto result = std::make_unique<BoundPlan>();
  result->steps.resize(plan->steps.size());
  result->contexts.reserve(plan->steps.size());
  for (std::size_t s = 0; s < plan->steps.size(); ++s) {
    const std::size_t at = plan->steps[s].node;
    BoundStep& step = result->steps[s];
    for (const ValueId id : program_.graph.nodes[at].inputs) step.inputs.push_back(slot_of(id));
    for (const ValueId id : program_.graph.nodes[at].outputs) step.outputs.push_back(slot_of(id));
    for (const auto& subprogram : program_.placed[at].subprograms) step.frames.push_back(std::make_unique<Frame>(*subprogram, pool_));
    result->contexts.emplace_back(step.inputs, step.outputs, pool_).set_runner(this);
  }
  result->plan = std::move(plan);
  return result;
}

HONE_INLINE void Frame::place_slots() {
  const Plan& plan = *current().plan;
  arena_.reserve(plan.arena_bytes);
  auto* arena = static_cast<std::byte*>(arena_.data());
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    slots_[i].tensor = plan.values[i].ref;
    if (plan.values[i].place == PlannedValue::Place::arena) slots_[i].tensor.data = arena + plan.values[i].offset;
  }
  for (std::size_t s = 0; s < plan.steps.size(); ++s) current().contexts[s].set_workspace(arena + plan.steps[s].workspace_offset);
}

HONE_INLINE void Frame::infer_shapes(std::size_t s) {
  const Node& node = program_.graph.nodes[current().plan->steps[s].node];
  const BoundStep& bound = current().steps[s];
  shape_inputs_.clear();
  for (const Slot* input : bound.inputs) shape_inputs_.push_back(input == nullptr ? nullptr : &input->tensor);
  shapes_.assign(bound.outputs.size(), Shape());
  node.op->shapes(ShapeContext(shape_inputs_, shapes_));
  for (std::size_t k = 0; k < bound.outputs.size(); ++k) {
    Slot* output = bound.outputs[k];
    if (output == nullptr) continue;
    const Type& type = program_.graph[node.outputs[k]].type;
    if (type.is_tensor()) output->allocate(type.dtype, shapes_[k]);
  }
}

HONE_INLINE void Frame::execute() {
  BoundPlan& bound = current();
  for (std::size_t s = 0; s < bound.plan->steps.size(); ++s) {
    const PlannedStep& step = bound.plan->steps[s];
    const AnyKernel& kernel = *program_.placed[step.node].kernel;
    Context& context = bound.contexts[s];
    try {
      if (step.dynamic) {
        if (!program_.graph.nodes[step.node].op->traits().data_dependent) infer_shapes(s);
        dynamic_workspace_.reserve(kernel.workspace(context));
        context.set_workspace(static_cast<std::byte*>(dynamic_workspace_.data()));
      }
      kernel.run(context);
      if (context.failed()) fail(ErrorCode::runtime_exception, context.take_failure());
    } catch (const Error& error) {
      if (!error.node().empty()) throw;
      const Node& node = program_.graph.nodes[step.node];
      throw Error(error.code(), error.what(), node.name, node.qualified_op(), node.opset);
    }
  }
}

HONE_INLINE bool Frame::run(Context& context, std::size_t subgraph, std::span<const Slot* const> inputs, std::span<Slot* const> outputs) {
  const auto step = static_cast<std::size_t>(&context - current().contexts.data());
  Frame& frame = *current().steps[step].frames[subgraph];
  const Graph& graph = frame.program_.graph;

  std::vector<TensorRef>& refs = frame.run_inputs_;
  refs.clear();
  const auto source = [&](std::size_t i) -> const Slot& {
    const std::size_t first_capture = graph.inputs.size() + graph.defaults.size();
    return i < graph.inputs.size() ? *inputs[i] : slots_[index(graph.captures[i - first_capture].outer)];
  };
  for (std::size_t i = 0; i < frame.input_ids_.size(); ++i) {
    const bool is_default = i >= graph.inputs.size() && i < graph.inputs.size() + graph.defaults.size();
    refs.push_back(is_default ? graph.defaults[i - graph.inputs.size()].second.tensor : source(i).tensor);
  }
  frame.prepare(refs, frame.all_outputs_);
  for (std::size_t i = 0; i < refs.size(); ++i) {
    Slot& slot = frame.input(i);
    slot.tensor = refs[i];
    if (refs[i].dtype == DType::undefined) slot.object = source(i).object.clone();
  }
  for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
    if (frame.output_place(i) == PlannedValue::Place::output)
      frame.output(i).allocate(frame.output(i).tensor.dtype, frame.output(i).tensor.shape);
  }
  frame.execute();
  for (std::size_t i = 0; i < outputs.size() && i < graph.outputs.size(); ++i) {
    if (outputs[i] != nullptr) detail::copy_to(frame.output(i), *outputs[i]);
  }
  return !context.failed();
}

}  // namespace hone::inline HONE_ABI

namespace hone::inline HONE_ABI {

namespace detail {

/// What one run changes; kept from run to run, so that a run allocates nothing.
struct RunContext {
  RunContext(const Program& program, ThreadPool& pool) : frame(program, pool) {}

  Frame frame;
  std::vector<const Feed*> feeds;         ///< by input, then by overridable initializer
  std::vector<TensorRef> inputs;          ///< as Frame::prepare takes them
  std::vector<const ResultRef*> results;  ///< by output, null for those that are not asked for
  std::vector<bool> wanted;               ///< by output
};

/// A program with the contexts that its runs leave behind for the next.
class Runnable {
 public:
  Runnable(std::unique_ptr<const Program> program, ThreadPool& pool) : program_(std::move(program)), pool_(pool) {}

  [[nodiscard]] const Graph& graph() const noexcept { return program_->graph; }

  /// A context of its own for one run, which goes back when the lease ends.
  class Lease {
   public:
    Lease(Runnable& runnable) : runnable_(runnable), context_(runnable.take()) {}
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() { runnable_.give_back(std::move(context_)); }
    [[nodiscard]] RunContext& operator*() const noexcept { return *context_; }

   private:
    Runnable& runnable_;
    std::unique_ptr<RunContext> context_;
  };

 private:
  [[nodiscard]] std::unique_ptr<RunContext> take() {
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        std::unique_ptr<RunContext> context = std::move(idle_.back());
        idle_.pop_back();
        return context;
      }
      idle_.reserve(++contexts_);  // giving back must not fail
    }
    return std::make_unique<RunContext>(*program_, pool_);
  }
  void give_back(std::unique_ptr<RunContext> context) noexcept {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(context));
  }

  std::unique_ptr<const Program> program_;
  ThreadPool& pool_;
  std::mutex mutex_;
  std::size_t contexts_ = 0;
  std::vector<std::unique_ptr<RunContext>> idle_;
};

inline std::vector<NodeArg> node_args(const Graph& graph, const std::vector<ValueId>& ids) {
  std::vector<NodeArg> args;
  for (const ValueId id : ids) args.push_back({graph[id].name, graph[id].type, graph[id].shape});
  return args;
}

inline std::vector<NodeArg> output_args(const Graph& graph) {
  std::vector<NodeArg> args = node_args(graph, graph.outputs);
  for (std::size_t i = 0; i < args.size(); ++i) args[i].name = graph.output_names[i];
  return args;
}

}  // namespace detail

struct Session::State {
  State(std::shared_ptr<const onnx::ModelProto> parsed, std::filesystem::path in_folder, SessionOptions with)
      : options(std::move(with)), pool(pool_of(options)), model(std::move(parsed)), folder(std::move(in_folder)) {
    if (options.providers.empty()) fail(ErrorCode::invalid_argument, "the session has no providers");
    for (const AnyProvider& provider : options.providers)
      for (const OpInfo* op : provider->operators()) registry.add(op);
    ImportedModel imported = import_model(model, folder, registry);
    metadata = std::move(imported.metadata);
    overridable = std::move(imported.overridable_initializers);
    inputs = detail::node_args(imported.graph, imported.graph.inputs);
    outputs = detail::output_args(imported.graph);
    fixed = make_runnable(std::move(imported.graph), report);
  }

  static ThreadPool& pool_of(const SessionOptions& options) {
    if (options.intra_op_num_threads < 0) {
      fail(ErrorCode::invalid_argument, "intra_op_num_threads is ", options.intra_op_num_threads,
           "; it must be 0 (all processors) or more");
    }
    return ThreadPool::shared(options.intra_op_num_threads);
  }

  std::unique_ptr<detail::Runnable> make_runnable(Graph graph, Report& to) {
    rewrite(graph, options.graph_optimization_level, options.providers, pool, to.rewrites);
    return std::make_unique<detail::Runnable>(make_program(std::move(graph), options.providers, to), pool);
  }

  /// The program in which initializers are inputs, made when a feed first overrides one.
  detail::Runnable& overridden_program() {
    const std::lock_guard lock(mutex);
    if (!overridden) {
      Report ignored;
      overridden = make_runnable(import_model(model, folder, registry, InitializerInputs::overridable).graph, ignored);
    }
    return *overridden;
  }

  /// Index of an output. Errors: invalid_argument.
  [[nodiscard]] std::size_t output_index(std::string_view name) const;
  /// Puts each feed where its input is; true when one overrides an initializer. Errors: invalid_argument.
  bool resolve(std::span<const Feed> feeds, std::vector<const Feed*>& by_input) const;
  /// Runs the program; `result_of(output)` gives a ResultRef pointer, null for outputs that are not asked for.
  template <class ResultOf>
  void run(std::span<const Feed> feeds, const ResultOf& result_of);
  void execute(detail::RunContext& context, const Graph& graph) const;

  SessionOptions options;
  ThreadPool& pool;
  std::shared_ptr<const onnx::ModelProto> model;
  std::filesystem::path folder;
  OpRegistry registry;
  ModelMetadata metadata;
  std::vector<NodeArg> inputs;
  std::vector<NodeArg> outputs;
  std::vector<NodeArg> overridable;
  Report report;
  std::unique_ptr<detail::Runnable> fixed;
  std::mutex mutex;
  std::unique_ptr<detail::Runnable> overridden;
};

namespace detail {

inline std::string quoted_names(const std::vector<NodeArg>& args) {
  std::string result;
  for (const NodeArg& arg : args) result += text(result.empty() ? "'" : ", '", arg.name, "'");
  return result.empty() ? "none" : result;
}

/// Whether a value of type `given` may stand where the model says `expected`: an optional takes its element, or nothing.
inline bool accepts(const Type& expected, const Type& given) {
  return given == expected || (expected.kind == Type::Kind::optional && (!given.is_known() || given == *expected.element));
}

inline void check_feed(const NodeArg& arg, const ValueRef& value) {
  if (!accepts(arg.value_type, value.type())) {
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
  for (std::size_t i = 0; fits && i < tensor.shape.rank(); ++i) {
    const std::int64_t declared = (*arg.shape)[i].value;
    fits = declared < 0 || declared == tensor.shape[i];
  }
  if (!fits) {
    fail(ErrorCode::invalid_argument, "the input '", arg.name, "' has shape ", tensor.shape, "; the model expects ", to_string(arg.shape));
  }
}

}  // namespace detail

HONE_INLINE std::size_t Session::State::output_index(std::string_view name) const {
  const auto found = std::find_if(outputs.begin(), outputs.end(), [&](const NodeArg& arg) { return arg.name == name; });
  if (found == outputs.end()) {
    fail(ErrorCode::invalid_argument, "the model has no output '", name, "'; its outputs are ", detail::quoted_names(outputs));
  }
  return static_cast<std::size_t>(found - outputs.begin());
}

HONE_INLINE bool Session::State::resolve(std::span<const Feed> feeds, std::vector<const Feed*>& by_input) const {
  by_input.assign(inputs.size() + overridable.size(), nullptr);
  bool overrides = false;
  for (const Feed& feed : feeds) {
    const auto find = [&](const std::vector<NodeArg>& args) {
      return static_cast<std::size_t>(std::find_if(args.begin(), args.end(), [&](const NodeArg& arg) { return arg.name == feed.name; }) -
                                      args.begin());
    };
    std::size_t at = find(inputs);
    const NodeArg* arg = at < inputs.size() ? &inputs[at] : nullptr;
    if (arg == nullptr) {
      const std::size_t among_overridable = find(overridable);
      if (among_overridable == overridable.size()) {
        fail(ErrorCode::invalid_argument, "the model has no input '", feed.name, "'; its inputs are ", detail::quoted_names(inputs));
      }
      at = inputs.size() + among_overridable;
      arg = &overridable[among_overridable];
      overrides = true;
    }
    if (by_input[at] != nullptr) fail(ErrorCode::invalid_argument, "the input '", feed.name, "' is fed twice");
    detail::check_feed(*arg, feed.value);
    by_input[at] = &feed;
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (by_input[i] == nullptr) fail(ErrorCode::invalid_argument, "the input '", inputs[i].name, "' (", inputs[i].type(), ") is not fed");
  }
  return overrides;
}

template <class ResultOf>
void Session::State::run(std::span<const Feed> feeds, const ResultOf& result_of) {
  const detail::Runnable::Lease lease(*fixed);
  const bool overrides = resolve(feeds, (*lease).feeds);
  const auto start = [&](detail::RunContext& context, const Graph& graph) {
    context.results.resize(outputs.size());
    context.wanted.resize(outputs.size());
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      context.results[i] = result_of(i);
      context.wanted[i] = context.results[i] != nullptr;
    }
    execute(context, graph);
  };
  if (!overrides) return start(*lease, fixed->graph());
  detail::Runnable& program = overridden_program();
  const detail::Runnable::Lease other(program);
  (*other).feeds = (*lease).feeds;
  start(*other, program.graph());
}

HONE_INLINE void Session::State::execute(detail::RunContext& context, const Graph& graph) const {
  Frame& frame = context.frame;
  context.inputs.clear();
  for (std::size_t i = 0; i < inputs.size() + graph.defaults.size(); ++i) {
    const Feed* feed = context.feeds[i];
    context.inputs.push_back(feed != nullptr ? feed->value.tensor() : graph.defaults[i - inputs.size()].second.tensor);
  }
  frame.prepare(context.inputs, context.wanted);
  for (std::size_t i = 0; i < context.inputs.size(); ++i) {
    Slot& slot = frame.input(i);
    slot.tensor = context.inputs[i];
    if (context.feeds[i] != nullptr && !context.feeds[i]->value.is_tensor()) slot.object = context.feeds[i]->value.value()->clone();
  }
  // A value that is an output twice is written to the first place, and copied from there to the second.
  const auto memory_of = [&](std::size_t i) -> const TensorRef& {
    const TensorRef& tensor = frame.output(i).tensor;
    try {
      return context.results[i]->memory(tensor.dtype, tensor.shape);
    } catch (const Error& error) {
      throw Error(error.code(), text("output '", outputs[i].name, "': ", error.what()));
    }
  };
  for (std::size_t i = graph.outputs.size(); i-- > 0;) {
    if (context.wanted[i] && frame.output_place(i) == PlannedValue::Place::output) frame.output(i).tensor.data = memory_of(i).data;
  }
  frame.execute();
  for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
    if (!context.wanted[i]) continue;
    const Slot& slot = frame.output(i);
    if (slot.tensor.dtype == DType::undefined) {
      if (context.results[i]->value() == nullptr) {
        fail(ErrorCode::invalid_argument, "output '", outputs[i].name, "' is ", outputs[i].type(), "; it needs a Value to go to");
      }
      *context.results[i]->value() = slot.object.clone();
      continue;
    }
    const TensorRef& memory = memory_of(i);
    if (memory.data != slot.tensor.data) detail::copy_elements(slot.tensor, memory);
  }
}

HONE_INLINE Session::Session(const std::filesystem::path& model, SessionOptions options) {
  const MappedFile file(model);
  std::shared_ptr<const onnx::ModelProto> parsed;
  try {
    parsed = parse_model(file.bytes());
  } catch (const Error& error) {
    throw Error(error.code(), text("'", model.string(), "': ", error.what()));
  }
  state_ = std::make_unique<State>(std::move(parsed), model.parent_path(), std::move(options));
}

HONE_INLINE Session::Session(std::span<const std::byte> model, SessionOptions options)
    : state_(std::make_unique<State>(parse_model(model), std::filesystem::path{}, std::move(options))) {}

HONE_INLINE Session::Session(std::span<const std::byte> buffer, std::size_t offset, std::size_t length, SessionOptions options) {
  if (offset > buffer.size() || length > buffer.size() - offset) {
    fail(ErrorCode::invalid_argument, length, " bytes at offset ", offset, " are not inside a buffer of ", buffer.size());
  }
  state_ = std::make_unique<State>(parse_model(buffer.subspan(offset, length)), std::filesystem::path{}, std::move(options));
}

HONE_INLINE Session::Session(const onnx::ModelProto& model, SessionOptions options)
    : state_(std::make_unique<State>(copy_model(model), std::filesystem::path{}, std::move(options))) {}

HONE_INLINE Session::Session(Session&&) noexcept = default;
HONE_INLINE Session& Session::operator=(Session&&) noexcept = default;
HONE_INLINE Session::~Session() = default;

HONE_INLINE Outputs Session::run(std::span<const Feed> feeds) const {
  std::vector<std::pair<std::string, Value>> named;
  for (const NodeArg& output : state_->outputs) named.emplace_back(output.name, Value());
  std::vector<ResultRef> results;
  for (auto& [name, value] : named) results.emplace_back(value);
  state_->run(feeds, [&](std::size_t i) { return &results[i]; });
  return Outputs(std::move(named));
}

HONE_INLINE Outputs Session::run(std::span<const std::string> output_names, std::span<const Feed> feeds) const {
  std::vector<std::pair<std::string, Value>> named;
  for (const std::string& name : output_names) named.emplace_back(name, Value());
  std::vector<Fetch> fetches;
  for (auto& [name, value] : named) fetches.push_back({name, value});
  run(feeds, fetches);
  return Outputs(std::move(named));
}

HONE_INLINE void Session::run(std::span<const Feed> feeds, std::span<const Fetch> fetches) const {
  for (std::size_t i = 0; i < fetches.size(); ++i) {
    const std::size_t output = state_->output_index(fetches[i].name);
    for (std::size_t k = 0; k < i; ++k)
      if (fetches[k].name == fetches[i].name) fail(ErrorCode::invalid_argument, "the output '", fetches[i].name, "' is asked for twice");
    const ResultRef& result = fetches[i].value;
    const Type& type = state_->outputs[output].value_type;
    if (result.value() == nullptr && type.is_known() && !(type == Type(result.tensor().dtype))) {
      fail(ErrorCode::invalid_argument, "the tensor for the output '", fetches[i].name, "' is ", Type(result.tensor().dtype),
           "; the model gives ", type);
    }
  }
  state_->run(feeds, [&](std::size_t i) -> const ResultRef* {
    for (const Fetch& fetch : fetches)
      if (fetch.name == state_->outputs[i].name) return &fetch.value;
    return nullptr;
  });
}

HONE_INLINE const std::vector<NodeArg>& Session::inputs() const noexcept { return state_->inputs; }
HONE_INLINE const std::vector<NodeArg>& Session::outputs() const noexcept { return state_->outputs; }
HONE_INLINE const std::vector<NodeArg>& Session::overridable_initializers() const noexcept { return state_->overridable; }
HONE_INLINE const ModelMetadata& Session::model_metadata() const noexcept { return state_->metadata; }
HONE_INLINE const Report& Session::report() const noexcept { return state_->report; }
HONE_INLINE const SessionOptions& Session::options() const noexcept { return state_->options; }
HONE_INLINE std::vector<std::string> Session::providers() const {
  std::vector<std::string> names;
  for (const AnyProvider& provider : state_->options.providers) names.emplace_back(provider->name());
  return names;
}

}  // namespace hone::inline HONE_ABI
#endif
