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
  cancelled,           ///< the caller asked to stop
};

[[nodiscard]] constexpr std::string_view name(ErrorCode code) noexcept {
  constexpr std::string_view names[] = {"invalid_argument", "no_such_file",       "invalid_protobuf",  "invalid_graph",
                                        "not_implemented",  "resource_exhausted", "runtime_exception", "cancelled"};
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
  constexpr std::uint64_t narrow = 1U << 31;  // products of two such numbers do not overflow, and need no division to know it
  std::uint64_t elements = 1;
  bool empty = false;
  for (const std::int64_t dim : shape) {
    if (dim < 0) fail(ErrorCode::invalid_argument, "negative dimension in the shape ", shape);
    if (dim == 0) empty = true;
    if (dim > 0) {
      const auto factor = static_cast<std::uint64_t>(dim);
      if ((elements > narrow || factor > narrow) && elements > most / factor)
        fail(ErrorCode::invalid_argument, "the shape ", shape, " has too many elements");
      elements *= factor;
    }
  }
  if (elements > narrow && elements > most / (element_size(dtype) + 1))
    fail(ErrorCode::invalid_argument, "a tensor of shape ", shape, " needs too many bytes");
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

/// Bytes in the Buffers that this thread has made, less those that it has destroyed. The difference over a piece of code is what the code
/// keeps; that is how packed weights are counted, whichever kernel packs them.
[[nodiscard]] inline std::int64_t& thread_buffer_bytes() noexcept {
  thread_local std::int64_t bytes = 0;
  return bytes;
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
    thread_buffer_bytes() += static_cast<std::int64_t>(bytes);
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
    if (data_ == nullptr) return;
    for (std::size_t i = 0; i < strings_; ++i) static_cast<std::string*>(data_)[i].~basic_string();
    ::operator delete (data_, std::align_val_t{buffer_alignment});
    thread_buffer_bytes() -= static_cast<std::int64_t>(bytes_);
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
  /// Makes the value a tensor with uninitialised elements, in the memory that it has already when that is large enough.
  /// Errors: as tensor().
  void reset(DType dtype, const Shape& shape) {
    auto* buffer = std::get_if<Buffer>(&holder_);
    const std::size_t bytes = checked_bytes(dtype, shape);
    if (buffer == nullptr || dtype == DType::string || ref_.dtype == DType::string || buffer->bytes() < bytes || bytes == 0) {
      *this = tensor(dtype, shape);
    } else {
      ref_ = {buffer->data(), dtype, shape};
    }
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
    if (!value_->is_tensor() || value_->dtype() != dtype || !(value_->shape() == shape)) value_->reset(dtype, shape);
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

#include <map>
#include <unordered_map>

#define HONE_SINGLE_CORE_LIMITS_HPP

namespace hone::inline HONE_ABI {

/// What a model may ask for. Checked before memory is taken; beyond a limit is an Error resource_exhausted that names the limit, and the
/// session stays usable. The defaults bound what a hostile model does to the stack and to the time of loading, and leave memory to the
/// system.
struct Limits {
  static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

  /// Bytes of the arena of one run (activations and scratch). Each subgraph has an arena of its own.
  std::size_t max_arena_bytes = unlimited;
  /// Bytes of any one tensor that a run, or loading, makes.
  std::size_t max_tensor_bytes = unlimited;
  /// Elements of any one tensor that a run makes.
  std::size_t max_tensor_elements = unlimited;
  /// Levels of functions and subgraphs inside each other.
  int max_nesting = 64;
  /// Nodes, after functions are inlined: a few nested ones can stand for more than fit in memory.
  std::size_t max_nodes = 1'000'000;
};

namespace detail {

[[noreturn]] HONE_COLD inline void fail_limit(const char* what, std::uint64_t asked, const char* limit, std::uint64_t allowed) {
  fail(ErrorCode::resource_exhausted, what, " takes ", asked, "; SessionOptions::limits.", limit, " is ", allowed);
}

inline void check_arena(std::size_t bytes, const Limits& limits) {
  if (bytes > limits.max_arena_bytes) fail_limit("the arena of a run, in bytes,", bytes, "max_arena_bytes", limits.max_arena_bytes);
}

}  // namespace detail

/// Bytes of a tensor, as checked_bytes(). Errors: those, and resource_exhausted.
[[nodiscard]] inline std::size_t limited_bytes(DType dtype, const Shape& shape, const Limits& limits) {
  const std::size_t bytes = checked_bytes(dtype, shape);
  if (bytes > limits.max_tensor_bytes) detail::fail_limit("a tensor, in bytes,", bytes, "max_tensor_bytes", limits.max_tensor_bytes);
  if (const auto elements = static_cast<std::size_t>(shape.elements()); elements > limits.max_tensor_elements)
    detail::fail_limit("a tensor, in elements,", elements, "max_tensor_elements", limits.max_tensor_elements);
  return bytes;
}

}  // namespace hone::inline HONE_ABI
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
  Attributes() = default;
  Attributes(std::initializer_list<std::pair<std::string, Attribute>> entries) : entries_(entries) {}

  void set(std::string name, Attribute value) { entries_.emplace_back(std::move(name), std::move(value)); }
  void erase(std::string_view name) {
    std::erase_if(entries_, [&](const auto& entry) { return entry.first == name; });
  }
  [[nodiscard]] const Attribute* find(std::string_view name) const noexcept {
    for (const auto& [key, value] : entries_)
      if (key == name) return &value;
    return nullptr;
  }
  /// In the order in which the node lists them.
  [[nodiscard]] auto begin() const noexcept { return entries_.begin(); }
  [[nodiscard]] auto end() const noexcept { return entries_.end(); }
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

 private:
  std::vector<std::pair<std::string, Attribute>> entries_;
};

/// An attribute of an older opset that is an input in newer ones.
struct MovedAttribute {
  std::string name;
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
  /// All attributes as they are; none is then unknown.
  [[nodiscard]] const Attributes& all() {
    for (const auto& [key, value] : attributes_) taken_.push_back(key);
    return attributes_;
  }
  /// Accepts an attribute that has no effect on inference.
  void ignored(std::string_view name) { take(name); }
  /// Makes the attribute, when there, input number `input` of the node: older opsets then look like the newest.
  void moved_to_input(std::string_view name, std::size_t input, bool like_first_input = false) {
    if (const Attribute* found = take(name)) moved_.push_back({std::string(name), input, found, like_first_input});
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
  /// Other inputs are read after elements of output 0 have been written: none of them may share the memory that it overwrites.
  bool reads_late = false;
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
  /// The first `count` inputs, with outputs elsewhere.
  [[nodiscard]] ShapeContext first_inputs(std::size_t count, std::span<Shape> outputs) const noexcept {
    return {inputs_.first(std::min(count, inputs_.size())), outputs};
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
  int since;                                           ///< first opset version that the definition reads
  int until;                                           ///< last one
  AnyObject (*read)(const OpInfo&, AttributeReader&);  ///< makes the struct of `ops/`
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

inline std::unique_ptr<Operator> OpInfo::create(AttributeReader& reader) const {
  return std::make_unique<Operator>(*this, read(*this, reader));
}

namespace detail {

template <class Op>
HONE_COLD AnyObject read_operator(const OpInfo&, AttributeReader& reader) {
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
  /// What `op` was read from, but for the attributes that became inputs.
  Attributes attributes;
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

/// The files beside a model that hold its large tensors: each is mapped once, and none may lie outside the model's folder. Those that the
/// caller has in memory are taken from there.
class ExternalData {
 public:
  /// Bytes, and what keeps them alive.
  struct File {
    std::span<const std::byte> bytes;
    std::shared_ptr<const void> owner;
  };

  explicit ExternalData(std::filesystem::path folder, const std::map<std::string, std::span<const std::byte>>* in_memory = nullptr,
                        const Limits& limits = {})
      : folder_(std::move(folder)), in_memory_(in_memory), limits_(limits) {}

  File open(const std::string& location) {
    if (in_memory_ != nullptr)
      if (const auto found = in_memory_->find(location); found != in_memory_->end()) return {found->second, nullptr};
    auto& file = files_[location];
    if (!file) file = std::make_shared<const MappedFile>(confined(location));
    return {file->bytes(), file};
  }
  [[nodiscard]] const Limits& limits() const noexcept { return limits_; }

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
  const std::map<std::string, std::span<const std::byte>>* in_memory_;
  Limits limits_;
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
  const std::size_t bytes = limited_bytes(dtype, shape, external.limits());
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
    const ExternalData::File file = external.open(location);
    const std::size_t size = file.bytes.size();
    if (length != bytes) broken("needs ", bytes, " bytes, but its external data has ", length);
    if (offset > size || bytes > size - offset) broken("lies beyond the end of '", location, "'");
    if (bytes == 0) return aligned_copy({nullptr, dtype, shape});
    return refer(file.bytes.data() + offset, file.owner);
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
  (void)limited_bytes(values.tensor.dtype, shape, external.limits());
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
#include <mutex>
#include <thread>
#include <tuple>

#define HONE_SINGLE_CORE_AFFINITY_HPP

#if defined(__linux__)
#include <pthread.h>
#include <sched.h>
#endif

namespace hone::inline HONE_ABI {

/// Checks one list of logical processors per thread, for `threads` threads.
/// Errors: invalid_argument for another number of lists, an empty one, or a processor that this process may not use;
/// not_implemented on systems other than Linux.
inline void check_affinities(const std::vector<std::vector<int>>& affinities, std::size_t threads) {
  if (affinities.size() != threads) {
    fail(ErrorCode::invalid_argument, "there are ", affinities.size(), " thread affinities for ", threads,
         " threads (the calling thread is not bound)");
  }
#if defined(__linux__)
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  ::sched_getaffinity(0, sizeof allowed, &allowed);
  for (const auto& processors : affinities) {
    if (processors.empty()) fail(ErrorCode::invalid_argument, "a thread affinity names no processor");
    for (const int processor : processors) {
      if (processor >= 0 && processor < CPU_SETSIZE && CPU_ISSET(static_cast<std::size_t>(processor), &allowed)) continue;
      fail(ErrorCode::invalid_argument, "a thread affinity names processor ", processor, ", which this process cannot use");
    }
  }
#else
  fail(ErrorCode::not_implemented, "thread affinities are implemented on Linux alone");
#endif
}

/// Binds a thread to logical processors that have passed check_affinities().
inline void bind_thread([[maybe_unused]] std::thread& thread, [[maybe_unused]] const std::vector<int>& processors) noexcept {
#if defined(__linux__)
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int processor : processors) CPU_SET(static_cast<std::size_t>(processor), &set);
  ::pthread_setaffinity_np(thread.native_handle(), sizeof set, &set);
#endif
}

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_CORE_DENORMALS_HPP

#if defined(__x86_64__) || defined(_M_X64)
#include <xmmintrin.h>
#endif

namespace hone::inline HONE_ABI {

/// While it lives, this thread treats denormal floating-point numbers as zero, as operands and as results. They cost some processors a
/// hundred cycles each. Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, 10.2.3 (MXCSR); Arm Architecture
/// Reference Manual, FPCR.FZ.
class DenormalsAsZero {
 public:
  /// Does nothing when not `enabled`.
  explicit DenormalsAsZero(bool enabled) noexcept : enabled_(enabled) {
    if (!enabled_) return;
#if defined(__x86_64__) || defined(_M_X64)
    constexpr unsigned flush_to_zero = 0x8000;
    constexpr unsigned denormals_are_zero = 0x0040;
    saved_ = _mm_getcsr();
    _mm_setcsr(static_cast<unsigned>(saved_) | flush_to_zero | denormals_are_zero);
#else
    asm volatile("mrs %0, fpcr" : "=r"(saved_));
    asm volatile("msr fpcr, %0" ::"r"(saved_ | (std::uint64_t{1} << 24)));
#endif
  }
  DenormalsAsZero(const DenormalsAsZero&) = delete;
  DenormalsAsZero& operator=(const DenormalsAsZero&) = delete;
  ~DenormalsAsZero() {
    if (!enabled_) return;
#if defined(__x86_64__) || defined(_M_X64)
    _mm_setcsr(static_cast<unsigned>(saved_));
#else
    asm volatile("msr fpcr, %0" ::"r"(saved_));
#endif
  }

 private:
  bool enabled_;
  std::uint64_t saved_ = 0;
};

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_CORE_EXECUTOR_HPP

namespace hone::inline HONE_ABI {

/// Threads of the host: what a session works on when `SessionOptions::executor` is set, in place of threads of its own.
///
/// Nothing waits for a task that has not started, so a busy executor slows a session down and never blocks it.
/// Thread safety: every member function is called from any thread.
class Executor {
 public:
  virtual ~Executor() = default;

  /// Threads that it has, the one that calls a session not among them.
  [[nodiscard]] virtual int concurrency() const noexcept = 0;

  /// Calls `task(argument)` once, on any thread, soon or late, or at once on this one. False when it cannot: the task is then not called.
  /// Every task that was taken must be called in the end, or its memory (some hundred bytes) leaks. A `task` does not throw.
  virtual bool submit(void (*task)(void*) noexcept, void* argument) noexcept = 0;
};

}  // namespace hone::inline HONE_ABI

namespace hone::inline HONE_ABI {

struct ThreadPoolOptions {
  /// Threads that work on a section, the caller among them; 0 means one per hardware thread, or what the executor has, plus the caller.
  int threads = 0;
  /// Idle workers poll for up to 200 us before they sleep, which takes a fork from tens of microseconds to about one.
  bool spin = true;
  /// Workers treat denormal numbers as zero. The caller has to see to it for itself: DenormalsAsZero.
  bool denormals_as_zero = false;
  /// Logical processors that each worker is bound to: one list per worker (threads - 1 of them), or empty.
  std::vector<std::vector<int>> affinities = {};
  /// Threads of the host, to work instead of threads of the pool. Takes no affinities.
  std::shared_ptr<Executor> executor = nullptr;
};

/// A fork-join pool. The calling thread works too, so a pool of size n owns n - 1 threads and a pool of size 1 owns none.
///
/// A parallel section never waits for a thread that has not started on it: workers that wake up late find it closed. The caller can
/// always finish alone, which keeps an oversubscribed machine (or a forked child, which has no workers) correct.
///
/// Thread safety: every member function may be called from any thread. One section runs at a time; a caller that finds the pool in
/// use, or that is itself inside a section, does its work inline.
class ThreadPool {
 public:
  explicit ThreadPool(int threads, bool spin = true) : ThreadPool(ThreadPoolOptions{.threads = threads, .spin = spin}) {}

  /// Errors: invalid_argument for affinities that do not fit; std::system_error when the system gives no thread.
  explicit ThreadPool(const ThreadPoolOptions& options) : state_(new State), executor_(options.executor) {
    size_ = options.threads;
    if (size_ <= 0) size_ = executor_ != nullptr ? std::max(0, executor_->concurrency()) + 1 : hardware_threads();
    state_->spin = options.spin;
    state_->denormals_as_zero = options.denormals_as_zero;
    state_->size = size_;
    if (!options.affinities.empty()) {
      check_affinities(options.affinities, executor_ != nullptr ? 0 : static_cast<std::size_t>(size_ - 1));
    }
    if (executor_ != nullptr) return;
    workers_.reserve(static_cast<std::size_t>(size_ - 1));
    try {
      for (int slot = 1; slot < size_; ++slot) {
        workers_.emplace_back([state = state_.get(), slot] { state->work(slot); });
        if (!options.affinities.empty()) bind_thread(workers_.back(), options.affinities[static_cast<std::size_t>(slot - 1)]);
      }
    } catch (...) {
      join();
      throw;
    }
  }

  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  /// Joins the workers. Precondition: no section is running.
  ~ThreadPool() { join(); }

  /// Threads that work on a section, the caller among them.
  [[nodiscard]] int size() const noexcept { return size_; }
  [[nodiscard]] bool denormals_as_zero() const noexcept { return state_->denormals_as_zero; }

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
    if (size_ == 1 || count <= grain || inside() || state_->busy.exchange(true, std::memory_order_acquire)) {
      body(std::int64_t{0}, count, 0);
      return;
    }
    inside() = true;
    state_->fork_join(body, count, grain, executor_.get());
    inside() = false;
    state_->busy.store(false, std::memory_order_release);
  }
  void parallel_for(std::int64_t count, std::int64_t grain, FunctionRef<void(std::int64_t, std::int64_t)> body) const noexcept {
    const auto call = [body](std::int64_t begin, std::int64_t end, int) { body(begin, end); };
    parallel_for(count, grain, FunctionRef<void(std::int64_t, std::int64_t, int)>(call));
  }

  /// The pool of this process for a number of threads (0: one per hardware thread), made on first use and joined at exit.
  static ThreadPool& shared(int threads, bool spin = true, bool denormals_as_zero = false) {
    if (threads <= 0) threads = hardware_threads();
    static std::mutex mutex;
    static std::map<std::tuple<int, bool, bool>, ThreadPool> pools;
    const std::scoped_lock lock(mutex);
    const ThreadPoolOptions options{.threads = threads, .spin = spin, .denormals_as_zero = denormals_as_zero};
    return pools.try_emplace({threads, spin, denormals_as_zero}, options).first->second;
  }

  [[nodiscard]] static int hardware_threads() noexcept { return static_cast<int>(std::max(1U, std::thread::hardware_concurrency())); }

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

  struct State;
  struct Release {
    void operator()(State* state) const noexcept {
      if (state->owners.fetch_sub(1, std::memory_order_acq_rel) == 1) delete state;
    }
  };

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
    bool denormals_as_zero = false;
    int size = 1;
    /// The pool, and the tasks that an executor has and has not ended.
    std::atomic<std::int64_t> owners{1};
    /// Helpers of an executor that have entered the section.
    std::atomic<int> helpers{0};
    // The section; written only while the gate is closed and nobody is inside.
    const Body* body = nullptr;
    std::int64_t count = 0;
    std::int64_t range = 0;

    void wake() noexcept {
      generation.fetch_add(1, std::memory_order_seq_cst);
      generation.notify_all();
    }

    void fork_join(Body section, std::int64_t total, std::int64_t grain, Executor* executor) noexcept {
      const std::int64_t blocks = (total - 1) / grain + 1;
      body = &section;
      count = total;
      range = std::max<std::int64_t>(1, blocks / (ranges_per_thread * size)) * grain;
      next.store(0, std::memory_order_relaxed);
      helpers.store(0, std::memory_order_relaxed);
      gate.store(open, std::memory_order_release);
      if (executor != nullptr) {
        call_helpers(*executor, std::min<std::int64_t>(size, blocks) - 1);
      } else {
        wake();
      }
      take_ranges(0);
      std::uint32_t inside_now = gate.fetch_and(~open, std::memory_order_acq_rel) & ~open;
      if (inside_now == 0) return;
      const auto left = [this] { return gate.load(std::memory_order_acquire) == 0; };
      if (spin && spin_until(left)) return;
      while ((inside_now = gate.load(std::memory_order_acquire)) != 0) gate.wait(inside_now, std::memory_order_acquire);
    }

    void call_helpers(Executor& executor, std::int64_t wanted) noexcept {
      for (std::int64_t i = 0; i < wanted; ++i) {
        owners.fetch_add(1, std::memory_order_relaxed);
        if (!executor.submit(&State::help, this)) owners.fetch_sub(1, std::memory_order_relaxed);
      }
    }

    /// A task of an executor: works on the section that is open when it starts, if one is.
    static void help(void* argument) noexcept {
      const std::unique_ptr<State, Release> state(static_cast<State*>(argument));
      if (!state->enter()) return;
      // Helpers of an earlier section may come too: those that find no slot left go again.
      if (const int slot = state->helpers.fetch_add(1, std::memory_order_relaxed) + 1; slot < state->size) {
        const DenormalsAsZero denormals(state->denormals_as_zero);
        const bool nested = std::exchange(ThreadPool::inside(), true);
        state->take_ranges(slot);
        ThreadPool::inside() = nested;
      }
      state->leave();
    }

    void leave() noexcept {
      if (gate.fetch_sub(1, std::memory_order_acq_rel) == 1) gate.notify_one();
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
      const DenormalsAsZero denormals(denormals_as_zero);
      std::uint32_t seen = 0;
      for (;;) {
        const auto called = [this, &seen] { return generation.load(std::memory_order_acquire) != seen; };
        if (!(spin && spin_until(called))) generation.wait(seen, std::memory_order_acquire);
        if (stop.load(std::memory_order_relaxed)) return;
        seen = generation.load(std::memory_order_acquire);
        if (!enter()) continue;
        take_ranges(slot);
        leave();
      }
    }
  };

  void join() noexcept {
    state_->stop.store(true, std::memory_order_relaxed);
    state_->wake();
    for (std::thread& worker : workers_) worker.join();
  }

  std::unique_ptr<State, Release> state_;
  std::shared_ptr<Executor> executor_;
  std::vector<std::thread> workers_;
  int size_ = 1;
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
  /// Null: none.
  const Limits* limits = nullptr;

  /// Makes `tensor` a tensor of its own memory, which is kept and reused from run to run.
  /// Errors: resource_exhausted beyond a limit; std::bad_alloc.
  void allocate(DType dtype, const Shape& shape) {
    const std::size_t bytes = limits != nullptr ? limited_bytes(dtype, shape, *limits) : checked_bytes(dtype, shape);
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
  [[nodiscard]] std::span<Slot* const> input_slots() const noexcept { return inputs_; }

  /// Memory for an output whose shape only the kernel knows (OpTraits::data_dependent), kept from run to run.
  /// Errors: resource_exhausted, beyond a limit of the session too.
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
  /// Whether equal inputs give equal bits, run after run and for any number of threads.
  bool deterministic = true;
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
  /// Whether place() would give a kernel. Rewrites ask before they fuse nodes.
  [[nodiscard]] virtual bool supports(const NodeView& node) const { return place(node).kernel != nullptr; }
};

class AnyProvider;

/// Names of the providers that this program has: "CPUExecutionProvider". Defined in <hone/providers/cpu.hpp>.
[[nodiscard]] std::vector<std::string> available_providers();
/// The provider of that name with its default options; "cpu" is short for "CPUExecutionProvider". Defined in <hone/providers/cpu.hpp>.
/// Errors: invalid_argument that lists the names there are.
[[nodiscard]] AnyProvider provider_named(std::string_view name);

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
  /// By name: see provider_named.
  AnyProvider(std::string_view name) : AnyProvider(provider_named(name)) {}
  AnyProvider(const std::string& name) : AnyProvider(std::string_view(name)) {}
  AnyProvider(const char* name) : AnyProvider(std::string_view(name)) {}

  [[nodiscard]] const Provider& operator*() const noexcept { return *provider_; }
  [[nodiscard]] const Provider* operator->() const noexcept { return provider_.get(); }

 private:
  std::shared_ptr<const Provider> provider_;
};

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_SESSION_OPTIONS_HPP

#include <stop_token>

#define HONE_SINGLE_SESSION_CUSTOM_FUNCTION_HPP

#define HONE_SINGLE_SESSION_CUSTOM_OP_HPP

#include <functional>

namespace hone::inline HONE_ABI {

/// The name of an attribute of a custom operator, and what it is when a node leaves it out: `{"alpha", 1.0f}`.
struct CustomAttribute {
  CustomAttribute(const char* attribute_name) : name(attribute_name) {}
  CustomAttribute(std::string attribute_name) : name(std::move(attribute_name)) {}
  CustomAttribute(std::string attribute_name, Attribute when_absent) : name(std::move(attribute_name)), absent(std::move(when_absent)) {}

  std::string name;
  std::optional<Attribute> absent;
};

/// What the signature of a custom operator does not say.
struct CustomOpOptions {
  /// One per attribute parameter, in their order. Without any, the parameters take the attributes in the order in which the node lists
  /// them.
  std::vector<CustomAttribute> attributes = {};
  /// Sets the shapes of the outputs; by default all have the shape of input 0. It sees elements of `traits.shape_inputs` alone.
  std::function<void(const ShapeContext&)> shapes = {};
  /// Sets the types of the outputs; by default those of the parameters.
  std::function<void(const TypeContext&)> types = {};
  OpTraits traits = {};
  /// Versions of the domain that it reads.
  int since = 1;
  int until = std::numeric_limits<int>::max();
};

namespace detail {

/// One function of a custom operator: functions of the same name are overloads, which differ in the types of their inputs.
struct CustomOverload {
  struct Input {
    DType dtype;
    bool optional;
  };
  std::vector<Input> inputs;
  std::vector<DType> outputs;
  /// The function takes a Context and no views: any number of inputs and outputs, of any type.
  bool untyped = false;
  CustomOpOptions options;
  std::function<std::unique_ptr<AnyKernel>(const Attributes&)> make_kernel;

  /// `type(i)`: DType of input `i`, undefined for an omitted one.
  template <class TypeOf>
  [[nodiscard]] bool accepts(std::size_t count, const TypeOf& type) const {
    if (untyped) return true;
    if (count > inputs.size()) return false;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const DType given = i < count ? type(i) : DType::undefined;
      if (given == DType::undefined ? !inputs[i].optional : given != inputs[i].dtype) return false;
    }
    return true;
  }

  [[nodiscard]] std::string signature() const {
    std::string result;
    for (const Input& input : inputs) result += text(result.empty() ? "" : ", ", Type(input.dtype), input.optional ? "?" : "");
    return untyped ? "(...)" : "(" + result + ")";
  }
};

/// A custom operator as the importer sees it.
class CustomOp : public OpInfo {
 public:
  /// What its nodes keep.
  struct Members {
    const CustomOp* op;
    Attributes attributes;
  };

  CustomOp(std::string domain_name, std::string op_name, std::vector<CustomOverload> with)
      : OpInfo{"",           "",           with[0].options.since, with[0].options.until, &read_members, {}, with[0].options.traits,
               &infer_types, &infer_shapes},
        domain_(std::move(domain_name)),
        name_(std::move(op_name)),
        overloads_(std::move(with)) {
    domain = domain_;
    name = name_;
    arity = {Arity::any, 0, Arity::any, 0};
    for (const CustomOverload& overload : overloads_) {
      if (overload.untyped) arity = {0, Arity::any, 0, Arity::any};
      std::size_t required = overload.inputs.size();
      while (required > 0 && overload.inputs[required - 1].optional) --required;
      arity.min_inputs = std::min(arity.min_inputs, required);
      arity.max_inputs = std::max(arity.max_inputs, overload.inputs.size());
      arity.min_outputs = std::min(arity.min_outputs, overload.outputs.size());
      arity.max_outputs = std::max(arity.max_outputs, overload.outputs.size());
    }
  }
  CustomOp(const CustomOp&) = delete;
  CustomOp& operator=(const CustomOp&) = delete;

  [[nodiscard]] const std::vector<CustomOverload>& overloads() const noexcept { return overloads_; }

  /// The first overload for inputs of these types, null when there is none.
  template <class TypeOf>
  [[nodiscard]] const CustomOverload* find(std::size_t count, const TypeOf& type) const {
    for (const CustomOverload& overload : overloads_)
      if (overload.accepts(count, type)) return &overload;
    return nullptr;
  }

 private:
  static AnyObject read_members(const OpInfo& info, AttributeReader& reader) {
    return AnyObject::make<Members>(Members{static_cast<const CustomOp*>(&info), reader.all()});
  }

  static void infer_types(const void* members, const TypeContext& c) {
    const CustomOp& op = *static_cast<const Members*>(members)->op;
    const auto* overload = op.find(c.input_count(), [&](std::size_t i) { return c.input(i).dtype; });
    if (overload == nullptr) {
      std::string given;
      for (std::size_t i = 0; i < c.input_count(); ++i) given += text(i == 0 ? "" : ", ", c.input(i));
      std::string known;
      for (const CustomOverload& other : op.overloads_) known += text(known.empty() ? "" : ", ", other.signature());
      fail(ErrorCode::invalid_graph, "the custom operator takes ", known, ", not (", given, ")");
    }
    if (overload->options.types) return overload->options.types(c);
    for (std::size_t i = 0; i < c.output_count(); ++i) c.output(i, overload->untyped ? c.input(0) : Type(overload->outputs[i]));
  }

  static void infer_shapes(const void* members, const ShapeContext& c) {
    const CustomOp& op = *static_cast<const Members*>(members)->op;
    const auto* overload = op.find(c.input_count(), [&](std::size_t i) { return c.has_input(i) ? c.dtype(i) : DType::undefined; });
    if (overload != nullptr && overload->options.shapes) return overload->options.shapes(c);
    for (std::size_t i = 0; i < c.output_count(); ++i) c.output(i, c.shape(0));
  }

  std::string domain_;
  std::string name_;
  std::vector<CustomOverload> overloads_;
};

/// Runs the custom operators of a session; it stands before all other providers.
class CustomOpProvider final : public Provider {
 public:
  static constexpr std::string_view own_name = "CustomOps";

  explicit CustomOpProvider(std::vector<std::shared_ptr<const CustomOp>> ops) : ops_(std::move(ops)) {}

  [[nodiscard]] std::string_view name() const noexcept override { return own_name; }
  [[nodiscard]] std::vector<const OpInfo*> operators() const override {
    std::vector<const OpInfo*> result;
    for (const auto& op : ops_) result.push_back(op.get());
    return result;
  }
  [[nodiscard]] Placement place(const NodeView& node) const override {
    Placement placement;
    for (const auto& op : ops_) {
      if (&node.node().op->info() != op.get()) continue;
      const auto* overload = op->find(node.input_count(), [&](std::size_t i) { return node.input_dtype(i); });
      if (overload == nullptr) break;  // type inference has said so
      for (std::size_t i = 0; i < overload->outputs.size(); ++i) {
        if (node.has_output(i)) continue;
        placement.refusal = text("the node leaves output ", i, " out, which the custom operator writes");
        return placement;
      }
      placement.kernel = overload->make_kernel(node.node().op->members<CustomOp::Members>().attributes);
      placement.name = text(node.node().op_type, overload->signature());
      placement.deterministic = overload->options.traits.deterministic;
      return placement;
    }
    placement.refusal = "it is no custom operator";
    return placement;
  }

 private:
  std::vector<std::shared_ptr<const CustomOp>> ops_;
};

}  // namespace detail
}  // namespace hone::inline HONE_ABI

namespace hone::inline HONE_ABI::detail {

/// What a parameter of a custom operator's function stands for.
enum class ParameterKind : std::uint8_t { input, optional_input, output, attribute, context };

/// How a parameter of type P gets its argument. `Kept` is what the kernel holds for it.
template <class P>
struct CustomParameter {
  static_assert(sizeof(P) == 0,
                "a custom operator takes TensorView<const T> (input), std::optional<TensorView<const T>> (input that may be left out), "
                "TensorView<T> (output), Context&, or an attribute: an arithmetic type, std::string, or a vector of float, std::int64_t or "
                "std::string");
};

struct NothingKept {};

template <class T>
struct CustomParameter<TensorView<const T>> {
  static constexpr ParameterKind kind = ParameterKind::input;
  static constexpr DType dtype = dtype_of<T>;
  using Kept = NothingKept;
  static TensorView<const T> argument(Context& c, std::size_t i, const Kept&) { return {c.in<T>(i), c.input(i).shape}; }
};
template <class T>
struct CustomParameter<std::optional<TensorView<const T>>> {
  static constexpr ParameterKind kind = ParameterKind::optional_input;
  static constexpr DType dtype = dtype_of<T>;
  using Kept = NothingKept;
  static std::optional<TensorView<const T>> argument(Context& c, std::size_t i, const Kept&) {
    if (!c.has_input(i)) return std::nullopt;
    return TensorView<const T>(c.in<T>(i), c.input(i).shape);
  }
};
template <class T>
requires(!std::is_const_v<T>) struct CustomParameter<TensorView<T>> {
  static constexpr ParameterKind kind = ParameterKind::output;
  static constexpr DType dtype = dtype_of<T>;
  using Kept = NothingKept;
  static TensorView<T> argument(Context& c, std::size_t i, const Kept&) { return {c.out<T>(i), c.output(i).shape}; }
};
template <>
struct CustomParameter<Context&> {
  static constexpr ParameterKind kind = ParameterKind::context;
  static constexpr DType dtype = DType::undefined;
  using Kept = NothingKept;
  static Context& argument(Context& c, std::size_t, const Kept&) { return c; }
};

template <class P>
struct AttributeParameter {
  static constexpr ParameterKind kind = ParameterKind::attribute;
  static constexpr DType dtype = DType::undefined;
  using Kept = P;
  static const P& argument(Context&, std::size_t, const Kept& kept) { return kept; }
};
template <class P>
requires std::is_arithmetic_v<P>
struct CustomParameter<P> : AttributeParameter<P> {
};
// clang-format off
template <> struct CustomParameter<std::string> : AttributeParameter<std::string> {};
template <> struct CustomParameter<std::vector<float>> : AttributeParameter<std::vector<float>> {};
template <> struct CustomParameter<std::vector<std::int64_t>> : AttributeParameter<std::vector<std::int64_t>> {};
template <> struct CustomParameter<std::vector<std::string>> : AttributeParameter<std::vector<std::string>> {};
// clang-format on

/// Attributes may be taken by constant reference too.
template <class P>
using ParameterOf = CustomParameter<std::conditional_t<std::is_same_v<P, Context&>, P, std::remove_cvref_t<P>>>;

/// An integer attribute may go into any arithmetic parameter, a float one into a floating-point parameter.
template <class T>
T custom_attribute(const Attribute& attribute, std::string_view name) {
  if constexpr (std::is_arithmetic_v<T>) {
    if (const auto* integer = std::get_if<std::int64_t>(&attribute)) return static_cast<T>(*integer);
    if constexpr (std::is_floating_point_v<T>)
      if (const auto* real = std::get_if<float>(&attribute)) return static_cast<T>(*real);
  } else {
    if (const auto* value = std::get_if<T>(&attribute)) return *value;
  }
  fail(ErrorCode::invalid_graph, "the attribute '", name, "' is of another kind than the parameter of the custom operator");
}

/// Which attribute each attribute parameter takes: by name, or by order when no names are given.
/// Errors: invalid_graph for a missing or unknown attribute.
inline std::vector<std::pair<std::string_view, const Attribute*>> custom_attributes(const Attributes& given,
                                                                                    const std::vector<CustomAttribute>& names,
                                                                                    std::size_t parameters) {
  std::vector<std::pair<std::string_view, const Attribute*>> result;
  if (names.empty()) {
    if (given.size() != parameters) {
      fail(ErrorCode::invalid_graph, "it has ", given.size(), " attributes; the custom operator takes ", parameters);
    }
    for (const auto& [name, value] : given) result.emplace_back(name, &value);
    return result;
  }
  for (const CustomAttribute& attribute : names) {
    const Attribute* value = given.find(attribute.name);
    if (value == nullptr && attribute.absent) value = &*attribute.absent;
    if (value == nullptr) fail(ErrorCode::invalid_graph, "the attribute '", attribute.name, "' is missing");
    result.emplace_back(attribute.name, value);
  }
  for (const auto& [name, value] : given) {
    bool known = false;
    for (const CustomAttribute& attribute : names) known = known || attribute.name == name;
    if (!known) fail(ErrorCode::invalid_graph, "unknown attribute '", name, "'");
  }
  return result;
}

template <class F, class... P>
class CustomKernel final : public AnyKernel {
 public:
  CustomKernel(std::shared_ptr<const F> function, const std::vector<std::pair<std::string_view, const Attribute*>>& attributes)
      : CustomKernel(std::move(function), attributes, std::index_sequence_for<P...>{}) {}

  void run(Context& context) const override {
    try {
      call(context, std::index_sequence_for<P...>{});
    } catch (const Error&) {
      throw;
    } catch (const std::bad_alloc&) {
      throw;
    } catch (const std::exception& error) {
      context.fail(error.what());
    }
  }

  /// Position of each parameter among those of its kind.
  static constexpr std::array<std::size_t, sizeof...(P)> positions() {
    constexpr std::array<ParameterKind, sizeof...(P)> kinds{ParameterOf<P>::kind...};
    std::array<std::size_t, sizeof...(P)> result{};
    const auto group = [](ParameterKind kind) { return kind == ParameterKind::optional_input ? ParameterKind::input : kind; };
    for (std::size_t i = 0; i < kinds.size(); ++i)
      for (std::size_t k = 0; k < i; ++k)
        if (group(kinds[k]) == group(kinds[i])) ++result[i];
    return result;
  }

 private:
  template <std::size_t... I>
  CustomKernel(std::shared_ptr<const F> function, const std::vector<std::pair<std::string_view, const Attribute*>>& attributes,
               std::index_sequence<I...>)
      : function_(std::move(function)), kept_(kept<ParameterOf<P>>(attributes, positions()[I])...) {}

  template <class Parameter>
  static typename Parameter::Kept kept(const std::vector<std::pair<std::string_view, const Attribute*>>& attributes, std::size_t position) {
    if constexpr (Parameter::kind == ParameterKind::attribute) {
      return custom_attribute<typename Parameter::Kept>(*attributes[position].second, attributes[position].first);
    } else {
      return {};
    }
  }

  template <std::size_t... I>
  void call(Context& context, std::index_sequence<I...>) const {
    (*function_)(ParameterOf<P>::argument(context, positions()[I], std::get<I>(kept_))...);
  }

  std::shared_ptr<const F> function_;
  std::tuple<typename ParameterOf<P>::Kept...> kept_;
};

template <class F, class... P>
CustomOverload make_overload(F function, CustomOpOptions options) {
  CustomOverload overload;
  std::size_t attributes = 0;
  const auto add = [&](ParameterKind kind, DType dtype) {
    if (kind == ParameterKind::input || kind == ParameterKind::optional_input)
      overload.inputs.push_back({dtype, kind == ParameterKind::optional_input});
    if (kind == ParameterKind::output) overload.outputs.push_back(dtype);
    if (kind == ParameterKind::attribute) ++attributes;
  };
  (add(ParameterOf<P>::kind, ParameterOf<P>::dtype), ...);
  overload.untyped = overload.inputs.empty() && overload.outputs.empty();
  if (overload.outputs.empty() && !overload.untyped) {
    fail(ErrorCode::invalid_argument, "a custom operator has no output: outputs are parameters of type TensorView<T>, T not const");
  }
  if (overload.inputs.empty() && !overload.untyped && !options.shapes) {
    fail(ErrorCode::invalid_argument, "a custom operator without inputs needs CustomOpOptions::shapes");
  }
  if (options.traits.data_dependent && !overload.untyped) {
    fail(ErrorCode::invalid_argument, "a custom operator whose shapes depend on data takes a Context and calls Context::allocate");
  }
  if (!options.attributes.empty() && options.attributes.size() != attributes) {
    fail(ErrorCode::invalid_argument, "there are ", options.attributes.size(), " attribute names for ", attributes,
         " attribute parameters of a custom operator");
  }
  overload.options = std::move(options);
  overload.make_kernel = [shared = std::make_shared<const F>(std::move(function)), names = overload.options.attributes,
                          attributes](const Attributes& given) -> std::unique_ptr<AnyKernel> {
    return std::make_unique<CustomKernel<F, P...>>(shared, custom_attributes(given, names, attributes));
  };
  return overload;
}

template <class Call>
struct CustomCall {
  static_assert(sizeof(Call) == 0,
                "a custom operator is a function pointer, or an object with one operator() that is const and returns void");
};
// clang-format off
template <class C, class... P> struct CustomCall<void (C::*)(P...) const> {
  template <class F> static CustomOverload make(F f, CustomOpOptions o) { return make_overload<F, P...>(std::move(f), std::move(o)); }
};
template <class C, class... P> struct CustomCall<void (C::*)(P...) const noexcept> : CustomCall<void (C::*)(P...) const> {};
template <class... P> struct CustomCall<void (*)(P...)> {
  template <class F> static CustomOverload make(F f, CustomOpOptions o) { return make_overload<F, P...>(std::move(f), std::move(o)); }
};
template <class... P> struct CustomCall<void (*)(P...) noexcept> : CustomCall<void (*)(P...)> {};
// clang-format on

template <class F>
CustomOverload custom_overload(F function, CustomOpOptions options) {
  if constexpr (std::is_pointer_v<F>) {
    return CustomCall<F>::make(std::move(function), std::move(options));
  } else {
    return CustomCall<decltype(&F::operator())>::make(std::move(function), std::move(options));
  }
}

}  // namespace hone::inline HONE_ABI::detail
#define HONE_SINGLE_SESSION_LOGGER_HPP

namespace hone::inline HONE_ABI {

/// How much a message matters. The levels are those of ONNX Runtime.
enum class Severity : std::uint8_t {
  verbose,  ///< each rewrite, each placement, each run
  info,     ///< once per session: loaded, providers changed
  warning,  ///< works, but not as asked: a node that the first provider refused
  error,    ///< a run or a load that failed
  fatal,    ///< nothing logs it; as a threshold it silences everything
};

[[nodiscard]] constexpr std::string_view name(Severity severity) noexcept {
  constexpr std::string_view names[] = {"verbose", "info", "warning", "error", "fatal"};
  return names[static_cast<std::size_t>(severity)];
}
[[nodiscard]] constexpr std::optional<Severity> parse_severity(std::string_view text) noexcept {
  for (const auto severity : {Severity::verbose, Severity::info, Severity::warning, Severity::error, Severity::fatal})
    if (name(severity) == text) return severity;
  return std::nullopt;
}

/// One message. The views last as long as the call that passes them.
struct LogMessage {
  Severity severity = Severity::info;
  std::string_view id;   ///< SessionOptions::log_id
  std::string_view tag;  ///< RunOptions::tag; empty while loading
  std::string_view text;
};

/// Called from whatever thread has something to say, from several at once. What it throws is dropped.
using LogCallback = std::function<void(const LogMessage&)>;

/// Where a session's messages go. Without a callback they go nowhere: hone never prints.
class Logger {
 public:
  Logger() = default;
  Logger(LogCallback callback, Severity threshold, std::string id)
      : callback_(std::move(callback)), threshold_(threshold), id_(std::move(id)) {}

  [[nodiscard]] bool enabled(Severity severity) const noexcept { return callback_ && severity >= threshold_; }
  /// `threshold` in place of the session's own.
  [[nodiscard]] bool enabled(Severity severity, const std::optional<Severity>& threshold) const noexcept {
    return callback_ && severity >= threshold.value_or(threshold_);
  }

  /// Passes the message on whatever its severity: callers ask enabled() first, so that messages nobody reads cost nothing.
  void write(Severity severity, std::string_view message, std::string_view tag = {}) const noexcept {
    try {
      callback_({severity, id_, tag, message});
    } catch (...) {  // a failing log must not fail a run
    }
  }

 private:
  LogCallback callback_;
  Severity threshold_ = Severity::warning;
  std::string id_;
};

}  // namespace hone::inline HONE_ABI

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

/// Whether nodes that do not depend on each other run at the same time.
enum class ExecutionMode : std::uint8_t {
  sequential,  ///< one node at a time, on intra_op_num_threads threads
  parallel,    ///< all nodes whose inputs are there at once, on inter_op_num_threads threads; each such node on one of them
};

/// The CPU provider with its default options. Defined in <hone/providers/cpu.hpp>.
[[nodiscard]] AnyProvider default_provider();

/// How a session is made. Everything has a default: `Session session(path, {.intra_op_num_threads = 2});`
struct SessionOptions {
  /// In order of priority: each node goes to the first one that supports it. A name stands for a provider with its default options.
  std::vector<AnyProvider> providers = {default_provider()};
  GraphOptimizationLevel graph_optimization_level = GraphOptimizationLevel::all;
  /// Names of rewrites that are left out, as Report::rewrites lists them.
  std::vector<std::string> disabled_optimizers = {};

  /// Threads that work on one node, the calling one among them; 0 takes as many as the machine has.
  int intra_op_num_threads = 0;
  /// Threads that run nodes in ExecutionMode::parallel, the calling one among them; 0 takes as many as the machine has.
  int inter_op_num_threads = 0;
  /// Outputs are bitwise equal in both modes. Parallel plans need more memory, since more values are alive at once.
  ExecutionMode execution_mode = ExecutionMode::sequential;
  /// Idle threads poll for up to 200 us before they sleep. Off: every parallel section costs a wake-up, and idle threads cost nothing.
  bool allow_spinning = true;
  /// Threads of the session's own, joined when it ends. By default all sessions of the process share one pool per number of threads.
  bool use_per_session_threads = false;
  /// Logical processors, as the system numbers them, of each thread but the calling one: intra_op_num_threads - 1 lists, or none.
  /// Implies use_per_session_threads.
  std::vector<std::vector<int>> intra_op_thread_affinities = {};
  /// Denormal numbers count as zero in all threads that work for the session, while they do.
  bool set_denormal_as_zero = false;
  /// Threads of the host, in place of threads of hone, for nodes and for run_async. With intra_op_num_threads = 0 all of them.
  std::shared_ptr<Executor> executor = nullptr;

  /// Refuses kernels that may give other bits for equal inputs. All kernels of the CPU provider are deterministic, for any number of
  /// threads; kernels of other providers and custom operators say whether they are.
  bool use_deterministic_compute = false;
  /// A node that none but the CPU provider supports is an error, which lists all such nodes with the refusals of the other providers.
  bool disable_cpu_fallback = false;

  Limits limits = {};

  /// Sizes of symbolic dimensions: "batch" is 1.
  std::map<std::string, std::int64_t> free_dimension_overrides = {};
  /// The same, by denotation ("DATA_BATCH").
  std::map<std::string, std::int64_t> free_dimension_overrides_by_denotation = {};

  /// Folder of external data, for models that come from memory; empty takes the current directory, or that of the model's file.
  std::filesystem::path external_data_folder = {};
  /// Initializers by name: see add_initializer().
  std::map<std::string, Constant, std::less<>> initializers = {};
  /// Contents of external data files by the location that the model names, read in place of files; they must outlive the session.
  std::map<std::string, std::span<const std::byte>> external_files = {};

  /// Options as text, for hosts that pass them on: see config_keys(). They are applied last.
  std::map<std::string, std::string> config_entries = {};

  /// Writes a Chrome trace of loading and of all runs, until Session::end_profiling().
  bool enable_profiling = false;
  /// Path of the trace, to which date, time, a number and ".json" are added.
  std::string profile_file_prefix = "hone_profile";

  /// Messages go there; without it there are none.
  LogCallback log_callback = {};
  Severity log_severity = Severity::warning;
  /// Which session speaks, in messages.
  std::string log_id = {};

  /// Ends loading when a stop is requested: an Error `cancelled`, at the next node.
  std::stop_token stop_token = {};

  /// See add_op().
  std::vector<std::shared_ptr<const detail::CustomOp>> custom_ops = {};

  /// Makes an operator of the function `f`, which runs on the CPU:
  /// `options.add_op("my.domain", "Scale", [](TensorView<const float> x, float a, TensorView<float> y) { ... });`
  ///
  /// Parameters are, in any order: `TensorView<const T>` the next input; `std::optional<TensorView<const T>>` an input that may be left
  /// out; `TensorView<T>` the next output, whose memory is there and whose shape is that of input 0 unless `with.shapes` says otherwise;
  /// an arithmetic type, `std::string`, or a `std::vector` of `float`, `std::int64_t` or `std::string`: the next attribute, by the names in
  /// `with.attributes`, or without names in the order of the node; `Context&`: the threads of the session. A function of a `Context&` and
  /// attributes alone takes any inputs and outputs.
  ///
  /// Functions of the same name are overloads: the first whose input types fit is taken. They come before operators of ONNX of that name.
  /// `f` is called from several threads at once, and is const. What it throws becomes the error of the run.
  /// Errors: invalid_argument for a signature that does not fit `with`.
  template <class F>
  SessionOptions& add_op(const std::string& domain, const std::string& op_type, F f, CustomOpOptions with = {}) {
    add_overload(domain == "ai.onnx" ? std::string() : domain, op_type, detail::custom_overload(std::move(f), std::move(with)));
    return *this;
  }

  /// Puts `tensor` in place of the model's initializer of that name, whose type and shape it must have. Sessions may share it; `owner`
  /// keeps it alive, or else it must outlive them.
  SessionOptions& add_initializer(std::string name, const TensorRef& tensor, std::shared_ptr<const void> owner = nullptr) {
    initializers.insert_or_assign(std::move(name), Constant{tensor, std::move(owner)});
    return *this;
  }
  template <class T>
  SessionOptions& add_initializer(std::string name, const Tensor<T>& tensor) {
    return add_initializer(std::move(name), tensor.ref());
  }
  template <class T>
  SessionOptions& add_initializer(std::string name, Tensor<T>&& tensor) {
    auto owner = std::make_shared<const Tensor<T>>(std::move(tensor));
    const TensorRef ref = owner->ref();
    return add_initializer(std::move(name), ref, std::move(owner));
  }

  SessionOptions& add_free_dimension_override_by_name(std::string name, std::int64_t size) {
    free_dimension_overrides.insert_or_assign(std::move(name), size);
    return *this;
  }
  SessionOptions& add_free_dimension_override_by_denotation(std::string denotation, std::int64_t size) {
    free_dimension_overrides_by_denotation.insert_or_assign(std::move(denotation), size);
    return *this;
  }
  SessionOptions& add_config_entry(std::string key, std::string value) {
    config_entries.insert_or_assign(std::move(key), std::move(value));
    return *this;
  }

 private:
  void add_overload(std::string domain, std::string op_type, detail::CustomOverload overload) {
    std::vector<detail::CustomOverload> overloads;
    for (auto& known : custom_ops) {
      if (known->domain != domain || known->name != op_type || known->since != overload.options.since) continue;
      overloads = known->overloads();
      overloads.push_back(std::move(overload));
      known = std::make_shared<const detail::CustomOp>(std::move(domain), std::move(op_type), std::move(overloads));
      return;
    }
    overloads.push_back(std::move(overload));
    custom_ops.push_back(std::make_shared<const detail::CustomOp>(std::move(domain), std::move(op_type), std::move(overloads)));
  }
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
#define HONE_SINGLE_OPS_POINTWISE_HPP

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

namespace hone::inline HONE_ABI::ops {

/// Operators, as a list of types.
template <class... Ops>
struct OpList {};

/// What a chain of pointwise operators is made of.
using PointwiseUnary = OpList<Abs, Ceil, Celu, Clip, Elu, Erf, Exp, Floor, Gelu, HardSigmoid, HardSwish, LeakyRelu, Log, Mish, Neg,
                              Reciprocal, Relu, Round, Selu, Sigmoid, Sign, Softplus, Softsign, Sqrt, Swish, Tanh, ThresholdedRelu>;
using PointwiseBinary = OpList<Add, Div, Max, Min, Mul, Sub>;

/// One step of a chain: v = f(v), v = f(v, operand) or, when `swapped`, v = f(operand, v).
struct PointwiseStep {
  std::string_view op;  ///< name of the operator
  /// The attributes of a unary operator in the order in which its struct has them; the bounds of Clip; whether Gelu is that by tanh.
  std::array<float, 2> parameters{};
  std::int64_t operand = -1;  ///< index among the operands, -1 for unary operators
  bool swapped = false;
};

/// v = step_n(... step_1(v)), each operand broadcast as ONNX does.
struct PointwiseChain {
  /// Offsets into the operands are kept for so many at a time.
  static constexpr std::size_t max_operands = 8;

  std::vector<PointwiseStep> steps;

  void attributes(auto& a);
  /// The shape of v, `v` at first, after all steps; `first` is the input that is operand 0.
  [[nodiscard]] Shape shape(Shape v, const ShapeContext& c, std::size_t first) const {
    for (std::size_t i = first; i < c.input_count(); ++i) v = broadcast(v, c.shape(i));
    return v;
  }
};

namespace detail {

/// visit(op) for the operator of this name; false when the list does not have it.
template <class Visit, class... Ops>
bool visit_op(OpList<Ops...>, std::string_view name, const Visit& visit) {
  return ((Ops::name == name && (visit(Ops{}), true)) || ...);
}

/// The name of an operator in one of the lists, in memory that lives as long as the program. Errors: invalid_graph.
inline std::string_view pointwise_name(std::string_view name) {
  std::string_view found;
  const auto keep = [&](const auto& op) { found = op.name; };
  if (!visit_op(PointwiseUnary{}, name, keep) && !visit_op(PointwiseBinary{}, name, keep)) {
    fail(ErrorCode::invalid_graph, "'", name, "' is no pointwise operator");
  }
  return found;
}

}  // namespace detail

void PointwiseChain::attributes(auto& a) {
  std::vector<std::string> names;
  std::vector<float> parameters;
  std::vector<std::int64_t> operands;
  std::vector<std::int64_t> swapped;
  a.required("steps", names);
  a.required("parameters", parameters);
  a.required("operands", operands);
  a.required("swapped", swapped);
  if (names.empty()) fail(ErrorCode::invalid_graph, "it has no steps");
  if (parameters.size() != 2 * names.size() || operands.size() != names.size() || swapped.size() != names.size()) {
    fail(ErrorCode::invalid_graph, "the attributes of its ", names.size(), " steps do not have one entry for each");
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (operands[i] < -1 || operands[i] >= static_cast<std::int64_t>(max_operands)) {
      fail(ErrorCode::invalid_graph, "step ", i, " has operand ", operands[i], "; expected -1 to ", max_operands - 1);
    }
    steps.push_back({detail::pointwise_name(names[i]), {parameters[2 * i], parameters[2 * i + 1]}, operands[i], swapped[i] != 0});
  }
}

/// Pointwise operators in one pass over memory. Inputs: x, operands. Shapes: x (*), operands (*) -> y, the broadcast of all.
struct Pointwise {
  static constexpr std::string_view domain = "hone";
  static constexpr std::string_view name = "Pointwise";
  static constexpr Arity arity{.min_inputs = 1, .max_inputs = 1 + PointwiseChain::max_operands};
  static constexpr OpTraits traits{.in_place = inputs(0), .reads_late = true};
  static constexpr std::size_t first_operand = 1;

  PointwiseChain chain;

  void attributes(auto& a) { chain.attributes(a); }
  void shapes(const ShapeContext& c) const { c.output(0, chain.shape(c.shape(0), c, first_operand)); }
};

template <class Base>
inline constexpr std::string_view fused_name = Base::name;
template <>
inline constexpr std::string_view fused_name<Conv> = "FusedConv";
template <>
inline constexpr std::string_view fused_name<Gemm> = "FusedGemm";
template <>
inline constexpr std::string_view fused_name<MatMul> = "FusedMatMul";

/// An operator with pointwise ones applied to its result while that is in cache. Inputs: those of Base (omitted ones as empty names), then
/// operands.
template <class Base>
struct Fused : Base {
  static constexpr std::string_view domain = "hone";
  static constexpr std::string_view name = fused_name<Base>;
  static constexpr std::size_t first_operand = Base::arity.max_inputs;
  static constexpr Arity arity{.min_inputs = Base::arity.min_inputs, .max_inputs = first_operand + PointwiseChain::max_operands};

  PointwiseChain chain;

  void attributes(auto& a) {
    if constexpr (requires { Base::attributes(a); }) Base::attributes(a);
    chain.attributes(a);
  }
  void shapes(const ShapeContext& c) const { c.output(0, chain.shape(base_shape(c), c, first_operand)); }
  /// The shape of what Base gives.
  [[nodiscard]] Shape base_shape(const ShapeContext& c) const {
    std::array<Shape, 1> shape;
    Base::shapes(c.first_inputs(first_operand, shape));
    return shape[0];
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

using CpuConvolutionKernels =
    KernelList<entry<ops::AveragePool, float, double>, entry<ops::Conv, float, double>, entry<ops::ConvTranspose, float, double>,
               entry<ops::Fused<ops::Conv>, float>, entry<ops::GlobalAveragePool, float, double>, entry<ops::GlobalLpPool, float, double>,
               entry<ops::GlobalMaxPool, float, double>, entry<ops::LpPool, float, double>,
               entry<ops::MaxPool, float, double, std::int8_t, std::uint8_t>>;

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_PROVIDERS_CPU_KERNELS_ELEMENTWISE_HPP

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
               entry<ops::Not, bool>, entry<ops::Pointwise, float>, RealEntry<ops::Reciprocal>, SignedEntry<ops::Relu>,
               RealEntry<ops::Round>, RealEntry<ops::Selu>, RealEntry<ops::Sigmoid>, SignedEntry<ops::Sign>, RealEntry<ops::Sin>,
               RealEntry<ops::Sinh>, RealEntry<ops::Softplus>, RealEntry<ops::Softsign>, RealEntry<ops::Sqrt>, RealEntry<ops::Swish>,
               RealEntry<ops::Tan>, RealEntry<ops::Tanh>, RealEntry<ops::ThresholdedRelu>>;

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

namespace hone::inline HONE_ABI {

using CpuMatrixKernels =
    KernelList<entry<ops::Fused<ops::Gemm>, float>, entry<ops::Fused<ops::MatMul>, float>,
               entry<ops::Gemm, float, double, std::int32_t, std::int64_t>, entry<ops::MatMul, float, double, std::int32_t, std::int64_t>>;

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

  [[nodiscard]] bool supports(const NodeView& node) const override {
    const auto found = entries_.find(&node.node().op->info());
    return found != entries_.end() && std::any_of(found->second.begin(), found->second.end(),
                                                  [&](const auto* entry) { return choose(*entry, node).kernel != nullptr; });
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

  /// Offsets of the first element of a row.
  [[nodiscard]] Offsets row_offsets(std::int64_t row) const noexcept {
    Offsets offsets{};
    for (std::size_t d = rank_ > 0 ? rank_ - 1 : 0; d-- > 0; row /= sizes_[d]) {
      for (std::size_t a = 0; a < N; ++a) offsets[a] += row % sizes_[d] * strides_[d][a];
    }
    return offsets;
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

/// For runs of a few dozen elements, where calling memmove costs more than it does.
template <class T>
T* copy_short(const T* from, std::int64_t n, T* to) noexcept {
  for (; n >= 8; n -= 8, from += 8, to += 8) std::memcpy(to, from, 8 * sizeof(T));
  for (; n > 0; --n) *to++ = *from++;
  return to;
}

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

  /// Rows [p, p + depth) and columns [first, last) of the matrix whose row c * kernel_size + k holds tap `k` of channel `c` in every
  /// window, as panels of `width` columns, k-major: element (row, column) of a panel lies at row * width + column. Missing columns are
  /// zeros.
  template <class T>
  void pack_windows(const T* x, std::int64_t p, std::int64_t depth, std::int64_t first, std::int64_t last, std::int64_t width,
                    T* panels) const noexcept {
    const std::int64_t taps = kernel_size();
    const std::int64_t plane = input_size();
    for (std::int64_t column = first; column < last; column += width, panels += depth * width) {
      const std::int64_t count = std::min(width, last - column);
      for (std::int64_t k = 0; k < taps; ++k) {
        // Channels c with p <= c * taps + k < p + depth.
        const std::int64_t begin = p > k ? (p - k + taps - 1) / taps : 0;
        const std::int64_t end = p + depth > k ? (p + depth - k + taps - 1) / taps : 0;
        if (begin >= end) continue;
        Pieces pieces;
        cut(k, column, count, width, pieces);
        for (std::int64_t c = begin; c < end; ++c) pieces.copy(x + c * plane, panels + (c * taps + k - p) * width);
      }
    }
  }

  /// y at tap `k` of window j += columns[j], for all windows; taps in the padding fall away.
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

  /// One row of a panel as runs of neighbours in a plane, or of zeros. The same for every channel.
  struct Pieces {
    struct Piece {
      std::int32_t to;
      std::int32_t count;
      std::int64_t from;    ///< in the plane
      std::int64_t stride;  ///< 0: zeros
    };
    /// Panels have at most 64 columns, each of them at worst a piece of its own with padding around it.
    static constexpr std::size_t max_pieces = 3 * 64 + 1;

    void add(std::int64_t to, std::int64_t number, std::int64_t from, std::int64_t stride) noexcept {
      if (number > 0) pieces[size++] = {static_cast<std::int32_t>(to), static_cast<std::int32_t>(number), from, stride};
    }
    template <class T>
    void copy(const T* plane, T* row) const noexcept {
      for (std::size_t i = 0; i < size; ++i) {
        const Piece& piece = pieces[i];
        T* to = row + piece.to;
        const T* from = plane + piece.from;
        if (piece.stride == 1) {
          copy_short(from, piece.count, to);
        } else if (piece.stride == 0) {
          for (std::int32_t j = 0; j < piece.count; ++j) to[j] = T(0);
        } else {
          for (std::int32_t j = 0; j < piece.count; ++j) to[j] = from[j * piece.stride];
        }
      }
    }

    std::array<Piece, max_pieces> pieces;
    std::size_t size = 0;
  };

  /// Tap `k` of windows [first, first + count), followed by zeros up to `width`.
  void cut(std::int64_t k, std::int64_t first, std::int64_t count, std::int64_t width, Pieces& pieces) const noexcept {
    for_segments(k, first, count, [&](std::int64_t row, std::int64_t begin, std::int64_t end, std::int64_t at) {
      if (row < 0) return pieces.add(at, end - begin, 0, 0);
      const auto& last = axes[rank - 1];
      const std::int64_t tap = k % last.kernel * last.dilation - last.pad_begin;
      const auto [valid_begin, valid_end] = valid_windows(last, tap, begin, end);
      pieces.add(at, valid_begin - begin, 0, 0);
      pieces.add(at + valid_begin - begin, valid_end - valid_begin, row * last.input + tap + valid_begin * last.stride, last.stride);
      pieces.add(at + valid_end - begin, end - valid_end, 0, 0);
    });
    pieces.add(count, width - count, 0, 0);
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
#define HONE_SINGLE_KERNELS_CPU_EPILOGUE_HPP

namespace hone::inline HONE_ABI::cpu {

/// Called by a kernel for elements [begin, begin + count) of its output 0 once they are final, each exactly once, while they are in cache;
/// from several threads at a time.
using Epilogue = FunctionRef<void(std::int64_t begin, std::int64_t count)>;

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

namespace detail {

/// Registers whose loads and stores take a mask: those of AVX-512.
template <class V>
inline constexpr bool has_mask =
#if defined(__AVX512BW__)
    sizeof(V) == 64;
#else
    false;
#endif

}  // namespace detail

/// A register's worth of elements at `p`, of which only the first `n` exist; the others are `fill`. 0 < n < V::size.
template <class V>
HONE_ALWAYS_INLINE V load_part(const lane_t<V>* p, std::size_t n, lane_t<V> fill = lane_t<V>(0)) noexcept {
#if defined(__AVX512BW__)
  if constexpr (detail::has_mask<V>) {
    const auto mask = ~std::uint64_t{0} >> (64 - n);
    if constexpr (std::is_same_v<lane_t<V>, float>) {
      return V(_mm512_mask_loadu_ps(V(fill), static_cast<__mmask16>(mask), p));
    } else if constexpr (std::is_same_v<lane_t<V>, double>) {
      return V(_mm512_mask_loadu_pd(V(fill), static_cast<__mmask8>(mask), p));
    } else if constexpr (sizeof(lane_t<V>) == 1) {
      return V(_mm512_mask_loadu_epi8(V(fill), mask, p));
    } else if constexpr (sizeof(lane_t<V>) == 2) {
      return V(_mm512_mask_loadu_epi16(V(fill), static_cast<__mmask32>(mask), p));
    } else if constexpr (sizeof(lane_t<V>) == 4) {
      return V(_mm512_mask_loadu_epi32(V(fill), static_cast<__mmask16>(mask), p));
    } else {
      return V(_mm512_mask_loadu_epi64(V(fill), static_cast<__mmask8>(mask), p));
    }
  }
#endif
  alignas(64) lane_t<V> lanes[V::size];
  V(fill).store_aligned(lanes);
  std::memcpy(lanes, p, n * sizeof(lane_t<V>));
  return V::load_aligned(lanes);
}

/// Stores the first `n` lanes. 0 < n < V::size.
template <class V>
HONE_ALWAYS_INLINE void store_part(V v, lane_t<V>* p, std::size_t n) noexcept {
#if defined(__AVX512BW__)
  if constexpr (detail::has_mask<V>) {
    const auto mask = ~std::uint64_t{0} >> (64 - n);
    if constexpr (std::is_same_v<lane_t<V>, float>) {
      return _mm512_mask_storeu_ps(p, static_cast<__mmask16>(mask), v);
    } else if constexpr (std::is_same_v<lane_t<V>, double>) {
      return _mm512_mask_storeu_pd(p, static_cast<__mmask8>(mask), v);
    } else if constexpr (sizeof(lane_t<V>) == 1) {
      return _mm512_mask_storeu_epi8(p, mask, v);
    } else if constexpr (sizeof(lane_t<V>) == 2) {
      return _mm512_mask_storeu_epi16(p, static_cast<__mmask32>(mask), v);
    } else if constexpr (sizeof(lane_t<V>) == 4) {
      return _mm512_mask_storeu_epi32(p, static_cast<__mmask16>(mask), v);
    } else {
      return _mm512_mask_storeu_epi64(p, static_cast<__mmask8>(mask), v);
    }
  }
#endif
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

  /// Packs columns [first, last) of rows [p, p + depth) of B to panels of nr columns, k-major, as simd::Gemm reads them.
  using PackB = FunctionRef<void(std::int64_t p, std::int64_t depth, std::int64_t first, std::int64_t last, std::int64_t nr, T* panels)>;

  /// A (m, k): packed by pack_a(), in memory, or both; products with few columns read it once as it stands.
  struct Left {
    MatrixRef<T> matrix{};
    const T* packed = nullptr;
  };
  /// B (k, n): in memory, packed by pack_b(), or packed piece by piece by the caller.
  struct Right {
    MatrixRef<T> matrix{};
    const T* packed = nullptr;
    const PackB* pack = nullptr;
  };

  /// Bytes that pack_a writes.
  [[nodiscard]] std::size_t pack_a_bytes(std::int64_t m, std::int64_t k) const noexcept {
    return sizeof(T) * static_cast<std::size_t>(round_up(m, mr()) * k);
  }
  /// Packs the whole of A (m, k), for products that use it often. `packed`: pack_a_bytes(m, k) bytes, best aligned to 64.
  void pack_a(const MatrixRef<T>& a, std::int64_t m, std::int64_t k, T* packed) const noexcept {
    for (std::int64_t p = 0; p < k; p += kc_) {
      kernels_->pack_a(a.data + p * a.column_stride, a.row_stride, a.column_stride, static_cast<std::size_t>(m),
                       static_cast<std::size_t>(std::min(kc_, k - p)), packed + p * round_up(m, mr()));
    }
  }

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

  /// Bytes of scratch of run() for any strides, aligned to 64 bytes; the flags say which operands come packed.
  [[nodiscard]] std::size_t workspace_bytes(std::int64_t m, std::int64_t n, std::int64_t k, bool packed_b = false,
                                            bool packed_a = false) const noexcept {
    std::int64_t elements = packed_a ? 0 : packed_a_elements(m, k);
    if (!packed_b) {
      elements += round_up(std::min(n, nc_), nr()) * std::min(k, kc_);
      const std::int64_t lines = std::min(m, n);
      if (lines <= max_lines) elements = std::max(elements, round_up(lines * k, line) + lines * std::max(m, n));
    }
    return sizeof(T) * static_cast<std::size_t>(elements + line);
  }

  /// C = [C +] A B [+ bias]. c (m, n) with contiguous rows `c_row_stride` apart; it overlaps neither A, B nor the biases.
  /// `workspace`: workspace_bytes() of the sizes, aligned to 64.
  void run_operands(std::int64_t m, std::int64_t n, std::int64_t k, const Left& a, const Right& b, T* c, std::ptrdiff_t c_row_stride,
                    const ProductOptions<T>& options, void* workspace, const ThreadPool& pool) const noexcept {
    if (m <= 0 || n <= 0) return;
    auto* scratch = static_cast<T*>(workspace);
    const auto streams = [](const MatrixRef<T>& x) { return x.row_stride == 1 || x.column_stride == 1; };
    const bool in_memory = a.matrix.data != nullptr && b.matrix.data != nullptr;
    if (in_memory && m <= max_lines && streams(b.matrix)) {
      run_lines<false>(m, n, k, a.matrix, b.matrix, c, c_row_stride, options, scratch, pool);
    } else if (in_memory && n <= max_lines && streams(a.matrix)) {
      run_lines<true>(n, m, k, b.matrix.transposed(), a.matrix.transposed(), c, c_row_stride, options, scratch, pool);
    } else {
      run_blocks(m, n, k, a, b, c, c_row_stride, options, scratch, pool);
    }
  }
  void run(std::int64_t m, std::int64_t n, std::int64_t k, const MatrixRef<T>& a, const MatrixRef<T>& b, T* c, std::ptrdiff_t c_row_stride,
           const ProductOptions<T>& options, void* workspace, const ThreadPool& pool) const noexcept {
    run_operands(m, n, k, Left{.matrix = a}, Right{.matrix = b}, c, c_row_stride, options, workspace, pool);
  }

  /// The same with a B that pack_b() packed. `workspace`: workspace_bytes(m, n, k, true) bytes, aligned to 64.
  void run_packed(std::int64_t m, std::int64_t n, std::int64_t k, const MatrixRef<T>& a, const T* packed_b, T* c,
                  std::ptrdiff_t c_row_stride, const ProductOptions<T>& options, void* workspace, const ThreadPool& pool) const noexcept {
    if (m <= 0 || n <= 0) return;
    run_blocks(m, n, k, Left{.matrix = a}, Right{.packed = packed_b}, c, c_row_stride, options, static_cast<T*>(workspace), pool);
  }

 private:
  static constexpr std::int64_t max_lines = simd::Gemm<T>::max_vector_rows;
  /// Elements of a cache line.
  static constexpr std::int64_t line = 64 / sizeof(T);
  /// Multiply-adds, or packed elements, that are worth a thread: 2 to 10 microseconds.
  static constexpr std::int64_t worth_a_thread = 64 * 1024;
  static constexpr std::int64_t worth_packing = 8 * 1024;

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

  void run_blocks(std::int64_t m, std::int64_t n, std::int64_t k, const Left& a, const Right& b, T* c, std::ptrdiff_t c_row_stride,
                  const ProductOptions<T>& options, T* workspace, const ThreadPool& pool) const noexcept {
    T* const packed_a = workspace;
    T* const packed_b = workspace + (a.packed != nullptr ? 0 : packed_a_elements(m, k));
    const std::int64_t most_rows = a.packed != nullptr ? m : mo_;
    const bool direct = b.packed == nullptr && b.pack == nullptr && b.matrix.column_stride == 1 && m <= 2 * mr();
    for (std::int64_t j0 = 0; j0 < n; j0 += nc_) {
      const std::int64_t columns = std::min(nc_, n - j0);
      std::int64_t p = 0;
      do {
        const std::int64_t depth = std::min(kc_, k - p);
        for (std::int64_t i0 = 0; i0 < m; i0 += most_rows) {
          const std::int64_t rows = std::min(most_rows, m - i0);
          // Panels of A, then those of B that are not there yet: none when they came packed or B is read in place, except the last one,
          // which a kernel may not read in place when it is narrower than nr.
          const std::int64_t a_panels = a.packed != nullptr ? 0 : ceil_div(rows, mr());
          const std::int64_t b_panels = b.packed != nullptr || i0 != 0 ? 0 : ceil_div(columns, nr());
          const std::int64_t b_first = direct ? columns / nr() : 0;
          pool.parallel_for(a_panels + std::max<std::int64_t>(0, b_panels - b_first), pack_grain(depth),
                            [&](std::int64_t begin, std::int64_t end) {
                              if (begin < a_panels) {
                                const std::int64_t first = begin * mr();
                                const std::int64_t last = std::min(std::min(end, a_panels) * mr(), rows);
                                kernels_->pack_a(a.matrix.data + (i0 + first) * a.matrix.row_stride + p * a.matrix.column_stride,
                                                 a.matrix.row_stride, a.matrix.column_stride, static_cast<std::size_t>(last - first),
                                                 static_cast<std::size_t>(depth), packed_a + first * depth);
                              }
                              if (end > a_panels) {
                                const std::int64_t first = (std::max(begin, a_panels) - a_panels + b_first) * nr();
                                const std::int64_t last = std::min((end - a_panels + b_first) * nr(), columns);
                                if (b.pack != nullptr) {
                                  (*b.pack)(p, depth, j0 + first, j0 + last, nr(), packed_b + first * depth);
                                } else {
                                  pack_b_panels(b.matrix, p, depth, j0 + first, j0 + last, packed_b + first * depth);
                                }
                              }
                            });
          const Step step{
              .i0 = i0, .rows = rows, .j0 = j0, .columns = columns, .p = p, .depth = depth, .first = p == 0, .last = p + depth >= k};
          const T* left = a.packed != nullptr ? a.packed + p * round_up(m, mr()) : packed_a;
          const T* right = b.packed != nullptr ? b.packed + p * round_up(n, nr()) + j0 * depth : packed_b;
          run_step(step, left, right, direct ? &b.matrix : nullptr, c, c_row_stride, options, pool);
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

/// The taps of a two-dimensional window; distances in elements.
template <class T>
struct DepthwiseTaps {
  const T* weights;               ///< (count)
  const std::ptrdiff_t* offsets;  ///< (count), from the first element of a window to the tap
  int count;
  std::ptrdiff_t row_step;  ///< from a row of windows to the next one
  T bias;
};

/// A plane of a depthwise convolution: y[r, j] = bias + sum over k of weights[k] * x[r * row_step + j + offsets[k]].
/// Shapes: y (rows, columns), dense. Any alignment; x and y do not overlap. All of x that the taps touch must be there.
/// Each element is one chain of multiply-adds in the order of the taps.
template <class T>
struct DepthwisePlane {
  void (*run)(const DepthwiseTaps<T>& taps, const T* x, T* y, std::size_t rows, std::size_t columns) noexcept;
  Isa isa;

  template <class Arch>
  static constexpr DepthwisePlane make() noexcept;
};

namespace detail {

/// The register of windows at `x` in each of Rows rows: four rows cover the latency of the multiply-add. `columns`: how many of the lanes
/// exist, V::size when Whole.
template <class V, int Rows, bool Whole>
HONE_ALWAYS_INLINE void depthwise_block(const DepthwiseTaps<lane_t<V>>& taps, const lane_t<V>* x, lane_t<V>* y, std::size_t y_step,
                                        std::size_t columns) noexcept {
  V sums[Rows];
#pragma GCC unroll 4
  for (int r = 0; r < Rows; ++r) sums[r] = V(taps.bias);
  for (int k = 0; k < taps.count; ++k) {
    const V weight(taps.weights[k]);
    const lane_t<V>* from = x + taps.offsets[k];
#pragma GCC unroll 4
    for (int r = 0; r < Rows; ++r) {
      const lane_t<V>* row = from + r * taps.row_step;
      sums[r] = xsimd::fma(weight, Whole ? V::load_unaligned(row) : load_part<V>(row, columns), sums[r]);
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < Rows; ++r) {
    if constexpr (Whole) {
      sums[r].store_unaligned(y + static_cast<std::size_t>(r) * y_step);
    } else {
      store_part(sums[r], y + static_cast<std::size_t>(r) * y_step, columns);
    }
  }
}

template <class V, int Rows>
HONE_ALWAYS_INLINE void depthwise_rows(const DepthwiseTaps<lane_t<V>>& taps, const lane_t<V>* x, lane_t<V>* y,
                                       std::size_t columns) noexcept {
  std::size_t j = 0;
  for (; j + V::size <= columns; j += V::size) depthwise_block<V, Rows, true>(taps, x + j, y + j, columns, V::size);
  if (j < columns) depthwise_block<V, Rows, false>(taps, x + j, y + j, columns, columns - j);
}

template <class T, class Arch>
void depthwise_run(const DepthwiseTaps<T>& taps, const T* x, T* y, std::size_t rows, std::size_t columns) noexcept {
  using V = xsimd::batch<T, Arch>;
  for (; rows >= 4; rows -= 4, x += 4 * taps.row_step, y += 4 * columns) depthwise_rows<V, 4>(taps, x, y, columns);
  for (; rows > 0; --rows, x += taps.row_step, y += columns) depthwise_rows<V, 1>(taps, x, y, columns);
}

}  // namespace detail

template <class T>
template <class Arch>
constexpr DepthwisePlane<T> DepthwisePlane<T>::make() noexcept {
  return {.run = &detail::depthwise_run<T, Arch>, .isa = native_isa};
}

}  // namespace hone::inline HONE_ABI::simd

namespace hone::inline HONE_ABI {

/// A matrix product of the weights (M, C * kernel), packed when they are constant, and the windows of the input (C * kernel, positions),
/// which go from the input right into the panels of the product; a pointwise window is the input itself. One input channel per group in one
/// or two dimensions goes row by row through taps instead.
template <class T>
class Kernel<ops::Conv, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice& device) : Kernel(node, node.op<ops::Conv>(), device) {}
  Kernel(const NodeView& node, const ops::Conv& op, const CpuDevice& device)
      : op_(op), product_(device.isa), depthwise_(&simd::table<simd::DepthwisePlane<T>>(device.isa)) {
    const TensorRef* weights = node.constant(1);
    if (weights == nullptr || weights->shape.rank() < 3 || weights->shape[0] % op.group != 0 || weights->shape[1] == 1) return;
    const std::int64_t outputs = weights->shape[0] / op.group;
    const std::int64_t depth = weights->shape.elements(1, weights->shape.rank());
    packed_group_ = product_.pack_a_bytes(outputs, depth) / sizeof(T);
    packed_ = Buffer(packed_group_ * sizeof(T) * static_cast<std::size_t>(op.group));
    for (std::int64_t g = 0; g < op.group; ++g) {
      product_.pack_a({weights->as<const T>() + g * outputs * depth, depth, 1}, outputs, depth,
                      static_cast<T*>(packed_.data()) + g * packed_group_);
    }
  }

  [[nodiscard]] std::size_t workspace(const Context& c) const {
    const Problem p(op_, c);
    if (p.is_depthwise()) return align_up(plane_elements(p) * sizeof(T)) * static_cast<std::size_t>(c.pool().size());
    return product_.workspace_bytes(p.group_outputs, p.geometry.output_size(), p.depth(), false, use_packed());
  }

  void run(Context& c, const cpu::Epilogue* epilogue = nullptr) const {
    const Problem p(op_, c);
    if (p.batch == 0 || p.outputs == 0 || p.geometry.output_size() == 0) return;
    if (p.is_depthwise()) return run_depthwise(c, p, epilogue);
    const std::int64_t input_size = p.geometry.input_size();
    const std::int64_t output_size = p.geometry.output_size();
    for (std::int64_t n = 0; n < p.batch; ++n) {
      for (std::int64_t g = 0; g < op_.group; ++g) {
        const T* x = c.in<T>(0) + (n * op_.group + g) * p.group_inputs * input_size;
        typename cpu::MatrixProduct<T>::Left weights{.matrix = {c.in<T>(1) + g * p.group_outputs * p.depth(), p.depth(), 1}};
        if (use_packed()) weights.packed = static_cast<const T*>(packed_.data()) + g * packed_group_;
        T* y = c.out<T>(0) + (n * p.outputs + g * p.group_outputs) * output_size;
        cpu::ProductOptions<T> options;
        if (c.has_input(2)) options.row_bias = c.in<T>(2) + g * p.group_outputs;
        multiply(c, p, x, weights, y, options, epilogue);
      }
    }
  }

 private:
  static constexpr std::int64_t max_depthwise_taps = 256;

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
      if (group_inputs != 1 || geometry.rank > 2 || geometry.kernel_size() > max_depthwise_taps) return false;
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

  [[nodiscard]] bool use_packed() const noexcept { return packed_.bytes() != 0; }

  void multiply(Context& c, const Problem& p, const T* x, const typename cpu::MatrixProduct<T>::Left& weights, T* y,
                cpu::ProductOptions<T> options, const cpu::Epilogue* epilogue) const {
    const std::int64_t output_size = p.geometry.output_size();
    const auto finish_block = [&](T* block, std::int64_t, std::int64_t, std::int64_t rows, std::int64_t columns) {
      for (std::int64_t i = 0; i < rows; ++i) (*epilogue)(block + i * output_size - c.out<T>(0), columns);
    };
    const typename cpu::ProductOptions<T>::Finish finish(finish_block);
    if (epilogue != nullptr) options.finish = &finish;
    const auto pack = [&](std::int64_t first_row, std::int64_t depth, std::int64_t first, std::int64_t last, std::int64_t width,
                          T* panels) { p.geometry.pack_windows(x, first_row, depth, first, last, width, panels); };
    const typename cpu::MatrixProduct<T>::PackB pack_windows(pack);
    typename cpu::MatrixProduct<T>::Right windows;
    if (p.geometry.is_pointwise()) {
      windows.matrix = {x, output_size, 1};
    } else {
      windows.pack = &pack_windows;
    }
    product_.run_operands(p.group_outputs, output_size, p.depth(), weights, windows, y, output_size, options, c.workspace(), c.pool());
  }

  /// A plane as two axes, the first one of size 1 when there is only one. Where windows are more than one column apart, or reach into the
  /// padding, it is copied: the columns of each row by their remainder modulo the stride, so that neighbouring windows always read
  /// neighbours.
  struct Plane {
    explicit Plane(const cpu::ConvGeometry& g) : w(g.axes[g.rank - 1]) {
      if (g.rank == 2) h = g.axes[0];
      const std::int64_t width = (w.output - 1) * w.stride + w.extent();
      height = (h.output - 1) * h.stride + h.extent();
      copied = w.stride != 1 || h.pad_begin != 0 || w.pad_begin != 0 || height > h.input || width > w.input;
      phase_size = copied ? (width + w.stride - 1) / w.stride : w.input;
    }
    [[nodiscard]] std::int64_t row_size() const noexcept { return w.stride * phase_size; }
    [[nodiscard]] std::int64_t elements() const noexcept { return copied ? height * row_size() : 0; }

    void copy(const T* x, T* to) const noexcept {
      for (std::int64_t row = 0; row < height; ++row) {
        const std::int64_t from = row - h.pad_begin;
        if (from < 0 || from >= h.input) {
          to = std::fill_n(to, row_size(), T(0));
          continue;
        }
        for (std::int64_t phase = 0; phase < w.stride; ++phase) {
          // Column q of the phase is column q * stride + shift of the input.
          const std::int64_t shift = phase - w.pad_begin;
          const std::int64_t begin = std::clamp<std::int64_t>(shift < 0 ? (-shift + w.stride - 1) / w.stride : 0, 0, phase_size);
          const std::int64_t end = std::clamp<std::int64_t>(shift < w.input ? (w.input - 1 - shift) / w.stride + 1 : 0, begin, phase_size);
          const T* source = x + from * w.input + shift;
          to = std::fill_n(to, begin, T(0));
          if (w.stride == 1) {
            to = cpu::copy_short(source + begin, end - begin, to);
          } else {
            for (std::int64_t q = begin; q < end; ++q) *to++ = source[q * w.stride];
          }
          to = std::fill_n(to, phase_size - end, T(0));
        }
      }
    }

    ops::Window::Axis h;
    ops::Window::Axis w;
    std::int64_t height;      ///< rows that the windows reach, with the padding
    std::int64_t phase_size;  ///< columns of one remainder
    bool copied;
  };

  [[nodiscard]] static std::size_t plane_elements(const Problem& p) noexcept {
    return static_cast<std::size_t>(Plane(p.geometry).elements());
  }

  void run_depthwise(Context& c, const Problem& p, const cpu::Epilogue* epilogue) const {
    const Plane plane(p.geometry);
    const std::int64_t input_size = p.geometry.input_size();
    const std::int64_t output_size = p.geometry.output_size();
    const std::int64_t taps = p.geometry.kernel_size();
    const std::size_t scratch = align_up(plane_elements(p) * sizeof(T));
    std::array<std::ptrdiff_t, max_depthwise_taps> offsets;
    for (std::int64_t k = 0; k < taps; ++k) {
      const std::int64_t column = k % plane.w.kernel * plane.w.dilation;
      offsets[static_cast<std::size_t>(k)] =
          k / plane.w.kernel * plane.h.dilation * plane.row_size() + column % plane.w.stride * plane.phase_size + column / plane.w.stride;
    }
    const std::int64_t grain = std::max<std::int64_t>(1, 32 * 1024 / (output_size * taps));
    c.pool().parallel_for(p.batch * p.outputs, grain, [&](std::int64_t begin, std::int64_t end, int slot) {
      T* padded = reinterpret_cast<T*>(c.workspace() + static_cast<std::size_t>(slot) * scratch);
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t m = i % p.outputs;
        const T* x = c.in<T>(0) + (i / p.outputs * op_.group + m / p.group_outputs) * input_size;
        if (plane.copied) {
          plane.copy(x, padded);
          x = padded;
        }
        const simd::DepthwiseTaps<T> window{.weights = c.in<T>(1) + m * taps,
                                            .offsets = offsets.data(),
                                            .count = static_cast<int>(taps),
                                            .row_step = plane.h.stride * plane.row_size(),
                                            .bias = c.has_input(2) ? c.in<T>(2)[m] : T(0)};
        depthwise_->run(window, x, c.out<T>(0) + i * output_size, static_cast<std::size_t>(plane.h.output),
                        static_cast<std::size_t>(plane.w.output));
        if (epilogue != nullptr) (*epilogue)(i * output_size, output_size);
      }
    });
  }

  ops::Conv op_;
  cpu::MatrixProduct<T> product_;
  const simd::DepthwisePlane<T>* depthwise_;
  Buffer packed_;                 ///< of constant weights, one group after the other
  std::size_t packed_group_ = 0;  ///< elements of one group in it
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
#define HONE_SINGLE_KERNELS_CPU_POINTWISE_HPP

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

namespace hone::inline HONE_ABI {

namespace cpu {

/// The loops of a chain, their types erased: one copy of what drives them serves all chains.
class PointwiseLoops {
 public:
  static constexpr std::size_t max_operands = ops::PointwiseChain::max_operands;

  struct Step {
    simd::UnaryFunction unary = nullptr;  ///< null for a binary step
    simd::BinaryFunctions binary{};
    std::array<float, 2> functor{};  ///< of a unary step
    std::size_t operand = 0;
    bool swapped = false;
  };

  /// `size`: bytes of an element.
  PointwiseLoops(std::vector<Step> steps, std::size_t size) : steps_(std::move(steps)), size_(size) {}

  /// A chain tied to its operands for one run. Allocates nothing.
  class Bound {
   public:
    /// `x` is where the chain begins, in its own shape; input number `first` of the node is operand 0.
    Bound(const PointwiseLoops& loops, const Context& c, std::size_t first, const TensorRef& x, const TensorRef& y)
        : loops_(loops), x_(static_cast<const std::byte*>(x.data)), y_(static_cast<std::byte*>(y.data)) {
      const std::size_t count = std::min(c.input_count() - std::min(first, c.input_count()), max_operands);
      count_ = count;
      for (std::size_t i = 0; i < count; ++i) operands_[i] = c.in<std::byte>(first + i);
      for (std::size_t d = 0; d < y.shape.rank(); ++d) {
        StridedBox<max_operands + 1>::Offsets strides{};
        for (std::size_t i = 0; i < count; ++i) strides[i] = broadcast_stride(c.input(first + i).shape, y.shape, d);
        strides[max_operands] = broadcast_stride(x.shape, y.shape, d);
        box_.push_back(y.shape[d], strides);
      }
      row_strides_ = box_.row_strides();
    }

    /// Elements [begin, begin + count) of y, in the order of memory.
    void run(std::int64_t begin, std::int64_t count) const noexcept {
      const std::int64_t row_size = box_.row_size();
      while (count > 0) {
        const std::int64_t column = begin % row_size;
        // What all steps pass over stays in L1.
        const std::int64_t n = std::min({count, row_size - column, std::int64_t{8 * 1024} / static_cast<std::int64_t>(loops_.size_)});
        run_part(begin, begin / row_size, column, static_cast<std::size_t>(n));
        begin += n;
        count -= n;
      }
    }

   private:
    void run_part(std::int64_t at, std::int64_t row, std::int64_t column, std::size_t n) const noexcept {
      // Most chains are over tensors of one shape, and have a single row.
      StridedBox<max_operands + 1>::Offsets offsets{};
      if (box_.rank() > 1) offsets = box_.row_offsets(row);
      for (std::size_t i = 0; i < count_; ++i) offsets[i] += column * row_strides_[i];
      offsets[max_operands] += column * row_strides_[max_operands];
      const auto size = static_cast<std::int64_t>(loops_.size_);
      std::byte* const y = y_ + at * size;
      const std::byte* v = x_ + offsets[max_operands] * size;
      if (row_strides_[max_operands] == 0 && n > 1) {
        for (std::size_t i = 0; i < n; ++i) std::memcpy(y + i * loops_.size_, v, loops_.size_);
        v = y;
      }
      for (const Step& step : loops_.steps_) {
        if (step.unary != nullptr) {
          step.unary(step.functor.data(), v, y, n);
        } else {
          const std::byte* operand = operands_[step.operand] + offsets[step.operand] * size;
          const bool one = row_strides_[step.operand] == 0;
          if (step.swapped) {
            step.binary(operand, one, v, false, y, n);
          } else {
            step.binary(v, false, operand, one, y, n);
          }
        }
        v = y;
      }
    }

    const PointwiseLoops& loops_;
    const std::byte* x_;
    std::byte* y_;
    std::array<const std::byte*, max_operands> operands_{};
    std::size_t count_ = 0;
    StridedBox<max_operands + 1> box_;
    StridedBox<max_operands + 1>::Offsets row_strides_{};
  };

 private:
  std::vector<Step> steps_;
  std::size_t size_;
};

/// The loops for elements of type T.
template <class T>
[[nodiscard]] PointwiseLoops pointwise_loops(const ops::PointwiseChain& chain, const CpuDevice& device) {
  std::vector<PointwiseLoops::Step> steps;
  for (const ops::PointwiseStep& step : chain.steps) {
    PointwiseLoops::Step& loop = steps.emplace_back();
    const auto use = [&]<class F>(const F& functor) {
      static_assert(sizeof(F) <= sizeof loop.functor && std::is_trivially_copyable_v<F>);
      loop.unary = simd::table<simd::UnaryLoop<F, T>>(device.isa).erased;
      std::memcpy(loop.functor.data(), &functor, sizeof functor);
    };
    const auto use_unary = [&]<class Op>(Op op) {
      if constexpr (std::is_same_v<Op, ops::Clip>) {
        use(simd::Clip<T>{static_cast<T>(step.parameters[0]), static_cast<T>(step.parameters[1])});
      } else if constexpr (std::is_same_v<Op, ops::Gelu>) {
        step.parameters[0] != 0 ? use(simd::GeluTanh{}) : use(simd::Gelu{});
      } else {
        if constexpr (requires { op.alpha; }) op.alpha = step.parameters[0];
        if constexpr (requires { op.beta; }) op.beta = step.parameters[1];
        if constexpr (requires { op.gamma; }) op.gamma = step.parameters[1];
        use(unary(op));
      }
    };
    const auto use_binary = [&](const auto& op) {
      loop.binary = simd::table<simd::BinaryLoop<decltype(binary(op)), T>>(device.isa).erased;
      loop.operand = static_cast<std::size_t>(step.operand);
      loop.swapped = step.swapped;
    };
    if (step.operand < 0) {
      ops::detail::visit_op(ops::PointwiseUnary{}, step.op, use_unary);
    } else {
      ops::detail::visit_op(ops::PointwiseBinary{}, step.op, use_binary);
    }
  }
  return {std::move(steps), sizeof(T)};
}

}  // namespace cpu

template <class T>
class Kernel<ops::Pointwise, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice& device) : loops_(cpu::pointwise_loops<T>(node.op<ops::Pointwise>().chain, device)) {}

  void run(Context& c) const {
    const cpu::PointwiseLoops::Bound chain(loops_, c, ops::Pointwise::first_operand, c.input(0), c.output(0));
    c.parallel_for(c.output(0).elements(), 16 * 1024, [&](std::int64_t begin, std::int64_t end) { chain.run(begin, end - begin); });
  }

 private:
  cpu::PointwiseLoops loops_;
};

/// Runs the kernel of Base with the chain as its epilogue. Where operands broaden the result of Base, that goes through scratch first.
template <class Base, class T>
class Kernel<ops::Fused<Base>, Cpu, T> {
 public:
  using Op = ops::Fused<Base>;

  Kernel(const NodeView& node, const CpuDevice& device)
      : op_(node.op<Op>()), base_(node, op_, device), loops_(cpu::pointwise_loops<T>(op_.chain, device)) {}

  [[nodiscard]] std::size_t workspace(const Context& c) const {
    const Shape shape = base_shape(c);
    if (shape == c.output(0).shape) return base_workspace(c);
    return align_up(checked_bytes(c.output(0).dtype, shape)) +
           with_output(c, {nullptr, c.output(0).dtype, shape}, [&](const Context& inner) { return base_workspace(inner); });
  }

  void run(Context& c) const {
    const Shape shape = base_shape(c);
    const TensorRef& y = c.output(0);
    if (shape == y.shape) {
      const cpu::PointwiseLoops::Bound chain(loops_, c, Op::first_operand, y, y);
      const auto finish = [&](std::int64_t begin, std::int64_t count) { chain.run(begin, count); };
      const cpu::Epilogue epilogue(finish);
      return base_.run(c, &epilogue);
    }
    const TensorRef product{c.workspace(), y.dtype, shape};
    with_output(c, product, [&](Context& inner) {
      inner.set_workspace(c.workspace() + align_up(product.bytes()));
      base_.run(inner);
      return std::size_t{0};
    });
    const cpu::PointwiseLoops::Bound chain(loops_, c, Op::first_operand, product, y);
    c.parallel_for(y.elements(), 16 * 1024, [&](std::int64_t begin, std::int64_t end) { chain.run(begin, end - begin); });
  }

 private:
  [[nodiscard]] std::size_t base_workspace(const Context& c) const {
    if constexpr (requires { base_.workspace(c); }) {
      return base_.workspace(c);
    } else {
      return 0;
    }
  }
  [[nodiscard]] Shape base_shape(const Context& c) const {
    std::array<const TensorRef*, Op::first_operand> inputs{};
    for (std::size_t i = 0; i < Op::first_operand; ++i) inputs[i] = c.has_input(i) ? &c.input(i) : nullptr;
    return op_.base_shape(ShapeContext(inputs, {}));
  }
  /// body(a context with the same inputs and another output).
  static std::size_t with_output(const Context& c, const TensorRef& output, const auto& body) {
    Slot slot;
    slot.tensor = output;
    Slot* const slots[] = {&slot};
    Context inner(c.input_slots(), slots, c.pool());
    return body(inner);
  }

  Op op_;
  Kernel<Base, Cpu, T> base_;
  cpu::PointwiseLoops loops_;
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

/// Folds the windows of a plane of one or two dimensions row by row: first the rows of the windows into one, as long vectors, then the taps
/// along it. y[window] = f(... f(initial, x[tap 0]) ..., x[tap n]).
template <class F, class T>
class RowFold {
 public:
  explicit RowFold(const CpuDevice& device) : fold_(simd::table<simd::BinaryLoop<F, T>>(device.isa).erased) {}

  [[nodiscard]] static bool takes(std::size_t rank) noexcept { return rank == 1 || rank == 2; }
  /// Bytes of scratch for each thread.
  [[nodiscard]] static std::size_t scratch(const ops::Window::Axis& w) noexcept {
    return align_up(static_cast<std::size_t>(w.input) * sizeof(T));
  }

  /// `axes`: as for_windows takes them. `finish(row, y)` is called for each finished row of windows.
  template <class Finish>
  void run(const ops::Window::Axis* axes, std::size_t rank, T initial, const T* x, T* y, T* scratch, const Finish& finish) const noexcept {
    const ops::Window::Axis& w = axes[rank - 1];
    const std::int64_t rows = rank == 2 ? axes[0].output : 1;
    for (std::int64_t row = 0; row < rows; ++row, y += w.output) {
      const WindowSpan span = rank == 2 ? window_span(axes[0], row) : WindowSpan{0, 1, 1};
      std::fill_n(y, w.output, initial);
      if (span.count > 0) {
        const T* line = x + span.first * w.input;
        for (std::int64_t k = 1; k < span.count; ++k) {
          const T* next = x + (span.first + k * axes[0].dilation) * w.input;
          fold_(line, false, next, false, scratch, static_cast<std::size_t>(w.input));
          line = scratch;
        }
        for (std::int64_t k = 0; k < w.kernel; ++k) fold_tap(w, k * w.dilation - w.pad_begin, line, y);
      }
      finish(row, y);
    }
  }

 private:
  /// y[o] = f(y[o], line[o * stride + tap]) where that is inside the line.
  void fold_tap(const ops::Window::Axis& w, std::int64_t tap, const T* line, T* y) const noexcept {
    const std::int64_t begin = tap >= 0 ? 0 : (-tap + w.stride - 1) / w.stride;
    const std::int64_t end = std::min(w.output, tap < w.input ? (w.input - 1 - tap) / w.stride + 1 : 0);
    if (begin >= end) return;
    if (w.stride == 1) return fold_(y + begin, false, line + begin + tap, false, y + begin, static_cast<std::size_t>(end - begin));
    const F f{};
    for (std::int64_t o = begin; o < end; ++o) y[o] = f(y[o], line[o * w.stride + tap]);
  }

  simd::BinaryFunctions fold_;
};

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
    for_planes(c, 0, [&](std::int64_t plane, std::byte*) { body(plane); });
  }
  /// body(plane, scratch of the thread)
  template <class Body>
  void for_planes(const Context& c, std::size_t scratch, const Body& body) const {
    const std::int64_t grain = std::max<std::int64_t>(1, 16 * 1024 / (output_size * taps + 1));
    c.parallel_for(planes, grain, [&](std::int64_t begin, std::int64_t end, int slot) {
      for (std::int64_t plane = begin; plane < end; ++plane) body(plane, c.workspace() + static_cast<std::size_t>(slot) * scratch);
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
  Kernel(const NodeView& node, const CpuDevice& device) : op_(node.op<ops::MaxPool>()), rows_(device) {}

  [[nodiscard]] std::size_t workspace(const Context& c) const {
    const cpu::PoolProblem p(op_.window, c);
    return by_rows(c, p) ? rows_.scratch(p.axes[p.rank - 1]) * static_cast<std::size_t>(c.pool().size()) : 0;
  }

  void run(Context& c) const {
    const cpu::PoolProblem p(op_.window, c);
    if (by_rows(c, p)) {
      p.for_planes(c, rows_.scratch(p.axes[p.rank - 1]), [&](std::int64_t plane, std::byte* scratch) {
        rows_.run(p.axes.data(), p.rank, lowest, c.in<T>(0) + plane * p.input_size, c.out<T>(0) + plane * p.output_size,
                  reinterpret_cast<T*>(scratch), [](std::int64_t, T*) {});
      });
      return;
    }
    p.for_planes(c, [&](std::int64_t plane) {
      const T* x = c.in<T>(0) + plane * p.input_size;
      T* y = c.out<T>(0) + plane * p.output_size;
      std::int64_t* indices = c.has_output(1) ? c.out<std::int64_t>(1) + plane * p.output_size : nullptr;
      T best{};
      std::int64_t at = 0;
      const auto begin = [&](std::int64_t) {
        best = lowest;
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
  static constexpr T lowest = std::numeric_limits<T>::has_infinity ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::lowest();

  [[nodiscard]] bool by_rows(const Context& c, const cpu::PoolProblem& p) const noexcept { return !c.has_output(1) && rows_.takes(p.rank); }

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
  cpu::RowFold<simd::Max, T> rows_;
};

template <class T>
class Kernel<ops::AveragePool, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice& device) : op_(node.op<ops::AveragePool>()), rows_(device) {}

  [[nodiscard]] std::size_t workspace(const Context& c) const {
    const cpu::PoolProblem p(op_.window, c);
    return rows_.takes(p.rank) ? rows_.scratch(p.axes[p.rank - 1]) * static_cast<std::size_t>(c.pool().size()) : 0;
  }

  void run(Context& c) const {
    const cpu::PoolProblem p(op_.window, c);
    const auto counted = [&](const cpu::WindowSpan& span) { return op_.count_include_pad ? span.padded : span.count; };
    if (rows_.takes(p.rank)) {
      const ops::Window::Axis& w = p.axes[p.rank - 1];
      p.for_planes(c, rows_.scratch(w), [&](std::int64_t plane, std::byte* scratch) {
        rows_.run(p.axes.data(), p.rank, T(0), c.in<T>(0) + plane * p.input_size, c.out<T>(0) + plane * p.output_size,
                  reinterpret_cast<T*>(scratch), [&](std::int64_t row, T* y) {
                    const std::int64_t rows = p.rank == 2 ? counted(cpu::window_span(p.axes[0], row)) : 1;
                    for (std::int64_t o = 0; o < w.output; ++o) y[o] /= static_cast<T>(rows * counted(cpu::window_span(w, o)));
                  });
      });
      return;
    }
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
  cpu::RowFold<simd::Add, T> rows_;
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
  Kernel(const NodeView& node, const CpuDevice& device) : Kernel(node, node.op<ops::Gemm>(), device) {}
  Kernel(const NodeView& node, const ops::Gemm& op, const CpuDevice& device) : op_(op), product_(device.isa) {
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

  void run(Context& c, const cpu::Epilogue* epilogue = nullptr) const {
    const std::int64_t m = c.output(0).shape[0];
    const std::int64_t n = c.output(0).shape[1];
    T* y = c.out<T>(0);
    cpu::ProductOptions<T> options;
    const bool row_bias = c.has_input(2) && op_.alpha == 1 && op_.beta == 1 && c.input(2).elements() == n && c.input(2).shape.back() == n;
    if (row_bias) options.column_bias = c.in<T>(2);
    const bool scales = !row_bias && (c.has_input(2) || op_.alpha != 1);
    const auto finish_block = [&](T* block, std::int64_t row, std::int64_t column, std::int64_t rows, std::int64_t columns) {
      for (std::int64_t i = 0; i < rows; ++i) {
        for (std::int64_t j = 0; scales && j < columns; ++j) {
          T& element = block[i * n + j];
          element = scaled(element, op_.alpha);
          if (c.has_input(2)) element = static_cast<T>(element + scaled(bias_at(c.input(2), row + i, column + j), op_.beta));
        }
        if (epilogue != nullptr) (*epilogue)(block + i * n - y, columns);
      }
    };
    const typename cpu::ProductOptions<T>::Finish finish(finish_block);
    if (scales || epilogue != nullptr) options.finish = &finish;
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
  Kernel(const NodeView& node, const CpuDevice& device) : Kernel(node, node.op<ops::MatMul>(), device) {}
  Kernel(const NodeView& node, const ops::MatMul&, const CpuDevice& device) : product_(device.isa) {
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

  void run(Context& c, const cpu::Epilogue* epilogue = nullptr) const {
    const Batch batch(c.input(0).shape, c.input(1).shape, c.output(0).shape);
    const T* a = c.in<T>(0);
    const T* b = c.in<T>(1);
    T* y = c.out<T>(0);
    const auto finish_block = [&](T* block, std::int64_t, std::int64_t, std::int64_t rows, std::int64_t columns) {
      for (std::int64_t i = 0; i < rows; ++i) (*epilogue)(block + i * batch.n - y, columns);
    };
    const typename cpu::ProductOptions<T>::Finish finish(finish_block);
    cpu::ProductOptions<T> options;
    if (epilogue != nullptr) options.finish = &finish;
    const auto one = [&](std::int64_t i, std::byte* scratch, const ThreadPool& pool) {
      const cpu::MatrixRef<T> left{a + batch.offset_a(i), batch.k, 1};
      const cpu::MatrixRef<T> right{b + batch.offset_b(i), batch.n, 1};
      T* out = y + i * batch.m * batch.n;
      if (use_packed(batch)) {
        product_.run_packed(batch.m, batch.n, batch.k, left, static_cast<const T*>(packed_.data()), out, batch.n, options, scratch, pool);
      } else {
        product_.run(batch.m, batch.n, batch.k, left, right, out, batch.n, options, scratch, pool);
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

HONE_INLINE std::vector<std::string> available_providers() { return {"CPUExecutionProvider"}; }

HONE_INLINE AnyProvider provider_named(std::string_view name) {
  if (name == "CPUExecutionProvider" || name == "cpu") return Cpu{};
  fail(ErrorCode::invalid_argument, "there is no provider '", name, "'; available: ", join(available_providers(), ", "));
}

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
#define HONE_SINGLE_SESSION_CONFIG_ENTRIES_HPP

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
#define HONE_SINGLE_SESSION_SESSION_HPP

#include <future>

#define HONE_SINGLE_SESSION_IO_BINDING_HPP

#define HONE_SINGLE_SESSION_MODEL_INTERFACE_HPP

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

namespace hone::inline HONE_ABI::detail {

inline std::string quoted_names(const std::vector<NodeArg>& args) {
  std::string result;
  for (const NodeArg& arg : args) result += text(result.empty() ? "'" : ", '", arg.name, "'");
  return result.empty() ? "none" : result;
}

/// Whether a value of type `given` may stand where the model says `expected`: an optional takes its element, or nothing.
inline bool accepts(const Type& expected, const Type& given) {
  return given == expected || (expected.kind == Type::Kind::optional && (!given.is_known() || given == *expected.element));
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
    if (!same_tensor && !accepts(arg.value_type, value.type())) {
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

namespace hone::inline HONE_ABI {

/// The inputs and outputs of a session, bound to memory once and used run after run:
///
///     hone::IoBinding binding = session.io_binding();
///     binding.bind_input("x", x);      // read in place
///     binding.bind_output("y", y);     // written in place
///     binding.bind_output("z");        // allocated by the session, of whatever shape it turns out to be
///     session.run(binding);
///     binding.output("z").view<float>();
///
/// Names and types are checked when they are bound, shapes when the session runs. A run copies nothing between the caller's memory and the
/// nodes, and from the second run of the same shapes on makes no heap call. Bound memory must outlive the runs, and stay where it is;
/// outputs must not overlap inputs. Fill the input again, or bind another, between runs.
///
/// A binding belongs to the model of the session that made it and survives Session::set_providers. One run at a time may use it.
class IoBinding {
 public:
  IoBinding(IoBinding&&) noexcept = default;
  IoBinding& operator=(IoBinding&&) noexcept = default;

  /// Binds an input, or an initializer that can be overridden; replaces what was bound.
  /// Errors: invalid_argument for an unknown name, a wrong type, rank or dimension, no or misaligned memory.
  void bind_input(std::string_view name, const ValueRef& value) {
    const std::size_t at = interface_->input_index(name);
    interface_->check_feed(at, value);
    inputs_[at] = value;
  }
  /// Binds an output to the caller's tensor, which must have the type and, when the session runs, the shape of the result; or to a Value,
  /// which the session allocates again when they differ.
  /// Errors: invalid_argument for an unknown name or a wrong type.
  void bind_output(std::string_view name, const ResultRef& result) {
    const std::size_t at = interface_->output_index(name);
    interface_->check_result(at, result);
    outputs_[at] = result;
  }
  /// Lets the session allocate the output; its memory is kept for the next run. Errors: invalid_argument for an unknown name.
  void bind_output(std::string_view name) {
    const std::size_t at = interface_->output_index(name);
    outputs_[at] = ResultRef(allocated_[at]);
  }

  /// The result of an output that the session allocates, as of the last run; empty before the first one.
  /// Errors: invalid_argument for an unknown name, or an output that is bound to the caller's memory.
  [[nodiscard]] const Value& output(std::string_view name) const {
    const std::size_t at = interface_->output_index(name);
    if (!outputs_[at] || outputs_[at]->value() != &allocated_[at]) {
      fail(ErrorCode::invalid_argument, "the output '", name, outputs_[at] ? "' is bound to memory of the caller" : "' is not bound");
    }
    return allocated_[at];
  }
  /// The names of the bound outputs, in the order of the model.
  [[nodiscard]] std::vector<std::string> bound_outputs() const {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < outputs_.size(); ++i)
      if (outputs_[i]) names.push_back(interface_->outputs[i].name);
    return names;
  }

  /// Unbinds all inputs.
  void clear_inputs() noexcept { std::fill(inputs_.begin(), inputs_.end(), std::nullopt); }
  /// Unbinds all outputs, and frees what was allocated for them.
  void clear_outputs() noexcept {
    std::fill(outputs_.begin(), outputs_.end(), std::nullopt);
    for (Value& value : allocated_) value = Value();
  }

 private:
  friend class Session;

  explicit IoBinding(std::shared_ptr<const detail::ModelInterface> interface)
      : interface_(std::move(interface)),
        inputs_(interface_->inputs.size() + interface_->overridable.size()),
        outputs_(interface_->outputs.size()),
        allocated_(interface_->outputs.size()) {}

  std::shared_ptr<const detail::ModelInterface> interface_;
  std::vector<std::optional<ValueRef>> inputs_;    // by ModelInterface::input_index
  std::vector<std::optional<ResultRef>> outputs_;  // by output
  std::vector<Value> allocated_;                   // by output
};

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_SESSION_MEMORY_REPORT_HPP

namespace hone::inline HONE_ABI {

/// Where the memory of a session is, in bytes.
struct MemoryReport {
  std::size_t weights = 0;        ///< constants that the graph refers to: in the parsed model, in mapped files, or computed
  std::size_t packed = 0;         ///< copies of weights that kernels made for themselves, in the layout they read
  std::size_t planned_arena = 0;  ///< the largest arena among the plans that are cached
  std::size_t contexts = 0;       ///< arenas and results of unplanned size that idle contexts keep for the next run
  std::size_t plans = 0;          ///< number of plans cached, subgraphs included
  std::size_t idle_contexts = 0;  ///< number of contexts that wait for a run
  std::size_t busy_contexts = 0;  ///< number of contexts in a run right now: theirs is not among the bytes above
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
#define HONE_SINGLE_SESSION_RUN_OPTIONS_HPP

namespace hone::inline HONE_ABI {

/// What one run does differently: `session.run(feeds, fetches, {.tag = "warm-up", .stop_token = source.get_token()})`.
struct RunOptions {
  /// Goes into log messages and profile events of the run.
  std::string tag = {};
  /// Ends the run when a stop is requested: no node starts after that, in subgraphs either, and the run throws an Error `cancelled`.
  std::stop_token stop_token = {};
  /// The same for hosts that share a flag: set it to true to end every run that refers to it, and to false before the next. It must
  /// outlive the runs.
  const std::atomic<bool>* terminate = nullptr;
  /// Messages of the run below this severity are dropped; without it, SessionOptions::log_severity decides.
  std::optional<Severity> log_severity = {};

  [[nodiscard]] bool cancelled() const noexcept {
    return stop_token.stop_requested() || (terminate != nullptr && terminate->load(std::memory_order_relaxed));
  }
};

/// Errors: cancelled.
inline void check_cancelled(const std::stop_token& stop_token) {
  if (stop_token.stop_requested()) fail(ErrorCode::cancelled, "loading the model was cancelled");
}

}  // namespace hone::inline HONE_ABI

namespace hone::inline HONE_ABI {

namespace detail {
class SessionState;
}

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
  /// Errors: no_such_file, invalid_protobuf, invalid_graph, not_implemented (one error lists all nodes that no provider runs),
  /// invalid_argument (an option that does not make sense), resource_exhausted (SessionOptions::limits), cancelled; std::bad_alloc.
  explicit Session(const std::filesystem::path& model, SessionOptions options = {});
  /// A serialized model in memory, which is not needed after the call. External data is looked for in
  /// SessionOptions::external_data_folder, by default the current directory.
  explicit Session(std::span<const std::byte> model, SessionOptions options = {});
  /// The `length` bytes at `offset` of `buffer`. Errors: invalid_argument when they are not inside.
  Session(std::span<const std::byte> buffer, std::size_t offset, std::size_t length, SessionOptions options = {});
  explicit Session(const onnx::ModelProto& model, SessionOptions options = {});

  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  /// Runs that have begun on other threads, and asynchronous ones, go on to their end: what they need lives as long as they do.
  ~Session();

  /// Creates a session on another thread; takes what the constructors take. A span or ModelProto must stay alive until the future is
  /// ready. The future's exception is the load error. SessionOptions::stop_token ends loading early.
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
  /// runtime_exception for values that an operator does not allow; cancelled (RunOptions); resource_exhausted (SessionOptions::limits);
  /// std::bad_alloc. The session stays usable after each of them.
  [[nodiscard]] Outputs run(std::span<const Feed> feeds, const RunOptions& options = {}) const;
  [[nodiscard]] Outputs run(std::initializer_list<Feed> feeds, const RunOptions& options = {}) const {
    return run(std::span<const Feed>(feeds.begin(), feeds.size()), options);
  }
  /// Runs only what the named outputs need, and gives those in that order.
  [[nodiscard]] Outputs run(std::span<const std::string> output_names, std::span<const Feed> feeds, const RunOptions& options = {}) const;
  [[nodiscard]] Outputs run(std::initializer_list<std::string> output_names, std::initializer_list<Feed> feeds,
                            const RunOptions& options = {}) const {
    return run(std::span<const std::string>(output_names.begin(), output_names.size()), std::span<const Feed>(feeds.begin(), feeds.size()),
               options);
  }

  /// Runs what the fetched outputs need and writes them where the caller says. From the second run of the same shapes on, this makes no
  /// call of the heap: `session.run({{"a", a}}, {{"c", c}})`.
  /// Errors: as above, and invalid_argument when a tensor does not have the type or shape of its result.
  void run(std::span<const Feed> feeds, std::span<const Fetch> fetches, const RunOptions& options = {}) const;
  void run(std::initializer_list<Feed> feeds, std::initializer_list<Fetch> fetches, const RunOptions& options = {}) const {
    run(std::span<const Feed>(feeds.begin(), feeds.size()), std::span<const Fetch>(fetches.begin(), fetches.size()), options);
  }

  /// An empty binding for this session.
  [[nodiscard]] IoBinding io_binding() const;
  /// Runs what the bound outputs need. Errors: as above, and invalid_argument for a binding of another model, or without outputs.
  void run(IoBinding& binding, const RunOptions& options = {}) const;

  /// What a run ends with: its outputs, or why there are none.
  using RunCallback = std::function<void(Outputs, std::exception_ptr)>;

  /// Runs the model on another thread, of SessionOptions::executor or of the process, and calls `done` there. Names and options are copied;
  /// what the feeds refer to must stay alive until then. RunOptions::stop_token cancels the run. The session may be destroyed before.
  /// What `done` throws is dropped.
  /// Errors: std::bad_alloc, std::system_error, and runtime_exception when the executor takes no task: `done` is then never called.
  void run_async(std::span<const Feed> feeds, RunCallback done, RunOptions options = {}) const;
  void run_async(std::initializer_list<Feed> feeds, RunCallback done, RunOptions options = {}) const {
    run_async(std::span<const Feed>(feeds.begin(), feeds.size()), std::move(done), std::move(options));
  }
  [[nodiscard]] std::future<Outputs> run_async(std::span<const Feed> feeds, RunOptions options = {}) const;
  [[nodiscard]] std::future<Outputs> run_async(std::initializer_list<Feed> feeds, RunOptions options = {}) const {
    return run_async(std::span<const Feed>(feeds.begin(), feeds.size()), std::move(options));
  }

  [[nodiscard]] const std::vector<NodeArg>& inputs() const noexcept;
  [[nodiscard]] const std::vector<NodeArg>& outputs() const noexcept;
  /// Initializers that a feed of the same name overrides.
  [[nodiscard]] const std::vector<NodeArg>& overridable_initializers() const noexcept;
  [[nodiscard]] const ModelMetadata& model_metadata() const noexcept;
  /// Version of a domain by which the model is read; "" is ai.onnx. Errors: invalid_argument that lists the domains of the model.
  [[nodiscard]] int opset(std::string_view domain = "") const;
  /// Names of the providers in order of priority.
  [[nodiscard]] std::vector<std::string> providers() const;
  /// Which provider and kernel each node got, and why others refused it.
  [[nodiscard]] const Report& report() const noexcept;
  /// With config_entries applied.
  [[nodiscard]] const SessionOptions& options() const noexcept;

  /// Prepares the model again for other providers, in order of priority: `session.set_providers({hone::Cpu{.arch = "avx2"}})`. Runs that
  /// have begun end on the old ones. Not while another thread calls this session. Errors: as when a session is created; it is then
  /// unchanged.
  void set_providers(std::vector<AnyProvider> providers);

  /// Where the memory of the session is. May be called at any time.
  [[nodiscard]] MemoryReport memory() const;
  /// Frees the arenas and plans that no run is using; the next run makes them again. May be called at any time.
  void trim() const;

  /// Ends the profile that SessionOptions::enable_profiling began, and gives the path of its file; the same path when called again.
  /// Errors: invalid_argument when the session was created without one.
  std::string end_profiling() const;

 private:
  [[nodiscard]] detail::SessionState& state() const;

  std::shared_ptr<detail::SessionState> state_;
};

}  // namespace hone::inline HONE_ABI

#if !HONE_COMPILED
#define HONE_SINGLE_SESSION_SESSION_IMPL_HPP

#define HONE_SINGLE_CORE_TASK_QUEUE_HPP

#include <condition_variable>
#include <deque>

namespace hone::inline HONE_ABI {

/// Runs tasks on threads of its own, in the order in which they come. Threads start when there is work and none is idle.
///
/// Thread safety: every member function may be called from any thread, from inside a task too.
class TaskQueue {
 public:
  explicit TaskQueue(int max_threads) : max_threads_(static_cast<std::size_t>(std::max(1, max_threads))) { threads_.reserve(max_threads_); }
  TaskQueue(const TaskQueue&) = delete;
  TaskQueue& operator=(const TaskQueue&) = delete;
  /// Ends the tasks that have been posted, then the threads.
  ~TaskQueue() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    called_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  /// Precondition: `task` does not throw. Errors: std::bad_alloc, std::system_error; the task is then not called.
  void post(std::function<void()> task) {
    {
      const std::lock_guard lock(mutex_);
      tasks_.push_back(std::move(task));
      if (tasks_.size() > idle_ && threads_.size() < max_threads_ && !stop_) {
        try {
          threads_.emplace_back([this] { work(); });
        } catch (...) {
          if (threads_.empty()) {
            tasks_.pop_back();
            throw;
          }
        }
      }
    }
    called_.notify_one();
  }

  /// The queue of this process, with at most one thread per hardware thread; its threads are joined at exit.
  static TaskQueue& shared() {
    static TaskQueue queue(static_cast<int>(std::thread::hardware_concurrency()));
    return queue;
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      ++idle_;
      called_.wait(lock, [this] { return stop_ || !tasks_.empty(); });
      --idle_;
      if (tasks_.empty()) return;
      std::function<void()> task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
      task = nullptr;  // what it holds may take a while to destroy, or post
      lock.lock();
    }
  }

  const std::size_t max_threads_;
  std::mutex mutex_;
  std::condition_variable called_;
  std::deque<std::function<void()>> tasks_;
  std::vector<std::thread> threads_;
  std::size_t idle_ = 0;
  bool stop_ = false;
};

}  // namespace hone::inline HONE_ABI
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

/// How a model is imported. Null: none.
struct ImportOptions {
  InitializerInputs initializer_inputs = InitializerInputs::constant;
  /// Sizes by the name (dim_param) and by the denotation of a dimension; the first wins.
  const std::map<std::string, std::int64_t>* free_dimension_overrides = nullptr;
  const std::map<std::string, std::int64_t>* free_dimension_overrides_by_denotation = nullptr;
  /// Tensors to take in place of initializers of the main graph.
  const std::map<std::string, Constant, std::less<>>* initializers = nullptr;
  /// External data by location, to take in place of files.
  const std::map<std::string, std::span<const std::byte>>* external_files = nullptr;
  Limits limits = {};
  std::stop_token stop_token = {};
};

/// Parses a serialized ModelProto. Errors: invalid_protobuf.
[[nodiscard]] std::shared_ptr<const onnx::ModelProto> parse_model(std::span<const std::byte> bytes);
/// A copy that the importer can share.
[[nodiscard]] std::shared_ptr<const onnx::ModelProto> copy_model(const onnx::ModelProto& model);

/// Makes the typed graph of a model: nodes sorted, functions inlined, each node resolved to one definition of `registry`, attributes
/// read, types inferred. Nodes without a definition stay in the graph with `op` null and a `problem`.
/// Constants refer into `model`, which they keep alive, or into mapped files below `folder`.
/// Errors: invalid_graph, no_such_file (external data), resource_exhausted, cancelled; invalid_argument for options that name what the
/// model does not have.
[[nodiscard]] ImportedModel import_model(std::shared_ptr<const onnx::ModelProto> model, const std::filesystem::path& folder,
                                         const OpRegistry& registry, const ImportOptions& options = {});

}  // namespace hone::inline HONE_ABI

#if !HONE_COMPILED
#define HONE_SINGLE_ONNX_IMPORTER_IMPL_HPP

#include <google/protobuf/arena.h>

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
#define HONE_SINGLE_ONNX_FREE_DIMENSIONS_HPP

#include <set>

namespace hone::inline HONE_ABI::detail {

/// Reads declared dimensions, and gives sizes to those that the caller has fixed.
class FreeDimensions {
 public:
  using Sizes = std::map<std::string, std::int64_t>;

  /// Null: none.
  FreeDimensions(const Sizes* by_name, const Sizes* by_denotation) : by_name_(by_name), by_denotation_(by_denotation) {}

  /// The dimensions that a tensor type declares, when it does.
  std::optional<std::vector<Dim>> read(const onnx::TypeProto& proto) {
    std::optional<std::vector<Dim>> dims = read_dims(proto);
    if (!dims || (by_name_ == nullptr && by_denotation_ == nullptr)) return dims;
    for (std::size_t i = 0; i < dims->size(); ++i) {
      Dim& dim = (*dims)[i];
      const std::string& denotation = proto.tensor_type().shape().dim(static_cast<int>(i)).denotation();
      if (dim.value >= 0) continue;
      if (const std::int64_t* size = find(by_name_, dim.symbol, names_)) {
        dim.value = *size;
      } else if (const std::int64_t* by = find(by_denotation_, denotation, denotations_)) {
        dim.value = *by;
      }
    }
    return dims;
  }

  /// Errors: invalid_argument when a size is given for a dimension that read() has not met; lists those that it has.
  void check_all_used() const {
    check(by_name_, names_, "name");
    check(by_denotation_, denotations_, "denotation");
  }

 private:
  static const std::int64_t* find(const Sizes* sizes, const std::string& key, std::set<std::string>& met) {
    if (key.empty()) return nullptr;
    met.insert(key);
    if (sizes == nullptr) return nullptr;
    const auto found = sizes->find(key);
    return found != sizes->end() ? &found->second : nullptr;
  }

  static void check(const Sizes* sizes, const std::set<std::string>& met, const char* kind) {
    if (sizes == nullptr) return;
    for (const auto& [key, size] : *sizes) {
      if (met.contains(key)) continue;
      fail(ErrorCode::invalid_argument, "the model has no free dimension of the ", kind, " '", key,
           "'; it has: ", met.empty() ? std::string("none") : join(met, ", "));
    }
  }

  const Sizes* by_name_;
  const Sizes* by_denotation_;
  std::set<std::string> names_;
  std::set<std::string> denotations_;
};

}  // namespace hone::inline HONE_ABI::detail
#define HONE_SINGLE_ONNX_FUNCTION_PROTO_HPP

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

#include <queue>
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
           const ImportOptions& options)
      : model_(std::move(model)),
        options_(options),
        external_(folder, options.external_files, options.limits),
        registry_(registry),
        dimensions_(options.free_dimension_overrides, options.free_dimension_overrides_by_denotation),
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
    dimensions_.check_all_used();
    check_initializers_used();
    graph.check();
    return graph;
  }

 private:
  struct Depth {
    Depth(int& counter, const Limits& limits) : counter_(counter) {
      if (++counter_ > limits.max_nesting) {
        --counter_;
        fail(ErrorCode::resource_exhausted, "functions or subgraphs are nested deeper than SessionOptions::limits.max_nesting, which is ",
             limits.max_nesting);
      }
    }
    ~Depth() { --counter_; }
    int& counter_;
  };

  void import_graph(const onnx::GraphProto& proto, Scope& scope) {
    const Depth depth(depth_, options_.limits);
    Graph& graph = *scope.graph;
    graph.name = proto.name();
    std::unordered_map<std::string_view, const onnx::ValueInfoProto*> declared;
    for (const auto& info : proto.value_info()) declared[info.name()] = &info;
    for (const auto& info : proto.output()) declared[info.name()] = &info;
    declared_.push_back(&declared);

    std::unordered_map<std::string_view, Constant> initializers;
    for (const auto& tensor : proto.initializer())
      initializers[tensor.name()] = scope.parent == nullptr ? read_initializer(tensor) : read_tensor(tensor, model_, external_);
    for (const auto& tensor : proto.sparse_initializer())
      initializers[tensor.values().name()] = read_sparse_tensor(tensor, model_, external_);

    for (const auto& info : proto.input()) {
      GraphValue value{info.name(), read_type(info.type()), dimensions_.read(info.type()), {}};
      const auto initial = initializers.find(info.name());
      if (initial == initializers.end()) {
        graph.inputs.push_back(define(scope, std::move(value)));
      } else if (model_->ir_version() >= 4) {
        if (!value.type.is_known()) value.type = initial->second.tensor.dtype;
        if (scope.parent == nullptr) overridable_initializers_.push_back({value.name, value.type, value.shape});
        if (options_.initializer_inputs == InitializerInputs::constant) {
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
      if (!graph[id].shape) graph[id].shape = dimensions_.read(info.type());
    }
    declared_.pop_back();
  }

  /// The tensor that the options give in place of an initializer, or the initializer.
  Constant read_initializer(const onnx::TensorProto& proto) {
    const auto* given = options_.initializers;
    const auto found = given != nullptr ? given->find(proto.name()) : decltype(given->end()){};
    if (given == nullptr || found == given->end()) return read_tensor(proto, model_, external_);
    ++initializers_used_;
    const TensorRef& tensor = found->second.tensor;
    Shape shape;
    for (const std::int64_t dim : proto.dims()) shape.push_back(dim);
    const DType dtype = read_dtype(proto.data_type());
    if (tensor.dtype != dtype || !(tensor.shape == shape)) {
      fail(ErrorCode::invalid_argument, "the tensor given for the initializer '", proto.name(), "' is ", Type(tensor.dtype), " of shape ",
           tensor.shape, "; the model has ", Type(dtype), " of shape ", shape);
    }
    return found->second;
  }

  void check_initializers_used() const {
    if (options_.initializers == nullptr || initializers_used_ >= options_.initializers->size()) return;
    for (const auto& [name, constant] : *options_.initializers) {
      bool known = false;
      for (const auto& tensor : model_->graph().initializer()) known = known || tensor.name() == name;
      if (!known) fail(ErrorCode::invalid_argument, "a tensor is given for the initializer '", name, "', which the model does not have");
    }
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
    check_cancelled(options_.stop_token);
    if (++nodes_ > options_.limits.max_nodes)
      fail_limit("the model, in nodes after functions are inlined,", nodes_, "max_nodes", options_.limits.max_nodes);
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
      node.attributes = attributes;
      for (const MovedAttribute& moved : reader.moved()) node.attributes.erase(moved.name);
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
  void declare(GraphValue& value, const Scope& scope) {
    if (scope.call != nullptr) return;  // names in functions mean other values
    const auto found = declared_.back()->find(value.name);
    if (found == declared_.back()->end()) return;
    const Type type = read_type(found->second->type());
    if (value.type.is_known() && type.is_known() && type.is_tensor() && !(type == value.type)) {
      fail(ErrorCode::invalid_graph, "its output '", value.name, "' has type ", value.type, ", but the model declares ", type);
    }
    if (!value.type.is_known()) value.type = type;
    value.shape = dimensions_.read(found->second->type());
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
    const Depth depth(depth_, options_.limits);
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
  const ImportOptions& options_;
  ExternalData external_;
  const OpRegistry& registry_;
  FreeDimensions dimensions_;
  Opsets opsets_;
  std::vector<NodeArg> overridable_initializers_;
  std::unordered_map<std::string, const onnx::FunctionProto*> functions_;
  std::vector<const std::unordered_map<std::string_view, const onnx::ValueInfoProto*>*> declared_;
  std::size_t initializers_used_ = 0;
  std::size_t nodes_ = 0;
  int depth_ = 0;
  int unnamed_ = 0;
};

}  // namespace detail

namespace detail {

/// An empty message in an arena of its own: it is freed at once, and when memory runs out while it is filled, where protobuf would leak a
/// part of a message that stands on the heap.
inline std::shared_ptr<onnx::ModelProto> make_model() {
  auto arena = std::make_shared<google::protobuf::Arena>();
#if GOOGLE_PROTOBUF_VERSION >= 5026000
  auto* model = google::protobuf::Arena::Create<onnx::ModelProto>(arena.get());
#else
  auto* model = google::protobuf::Arena::CreateMessage<onnx::ModelProto>(arena.get());
#endif
  return {std::move(arena), model};
}

}  // namespace detail

HONE_INLINE std::shared_ptr<const onnx::ModelProto> parse_model(std::span<const std::byte> bytes) {
  if (bytes.empty()) fail(ErrorCode::invalid_protobuf, "the model is empty");
  const std::shared_ptr<onnx::ModelProto> model = detail::make_model();
  if (bytes.size() > 0x7fffffffu) fail(ErrorCode::invalid_protobuf, "the model has more than 2 GiB, the most that protobuf reads");
  if (!model->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    fail(ErrorCode::invalid_protobuf, "the ", bytes.size(), " bytes are not an ONNX model, or only a part of one");
  }
  return model;
}

HONE_INLINE std::shared_ptr<const onnx::ModelProto> copy_model(const onnx::ModelProto& model) {
  const std::shared_ptr<onnx::ModelProto> copy = detail::make_model();
  copy->CopyFrom(model);
  return copy;
}

HONE_INLINE ImportedModel import_model(std::shared_ptr<const onnx::ModelProto> model, const std::filesystem::path& folder,
                                       const OpRegistry& registry, const ImportOptions& options) {
  ModelMetadata metadata = detail::read_metadata(*model);
  detail::Importer importer(std::move(model), folder, registry, options);
  Graph graph = importer.run();
  return {std::move(graph), std::move(metadata), importer.overridable_initializers()};
}

}  // namespace hone::inline HONE_ABI
#endif
#define HONE_SINGLE_SESSION_SESSION_STATE_IMPL_HPP

#define HONE_SINGLE_REWRITES_PIPELINE_HPP

#define HONE_SINGLE_REWRITES_DATA_FLOW_HPP

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
  /// Other nodes whose work the new ones take over.
  std::vector<const Node*> absorbed = {};
};

namespace rewrites {

/// A node that runs `op`, in place of `of`, whose name it takes. `attributes` are those that `op` would be read from.
template <class Op>
[[nodiscard]] Node make_node(const Node& of, Op op, Attributes attributes, std::vector<ValueId> inputs, std::vector<ValueId> outputs) {
  Node node;
  node.name = of.name;
  node.domain = op_info<Op>.domain;
  node.op_type = op_info<Op>.name;
  node.opset = op_info<Op>.since;
  node.op = std::make_unique<Operator>(op_info<Op>, AnyObject::make<Op>(std::move(op)));
  node.attributes = std::move(attributes);
  while (!inputs.empty() && inputs.back() == no_value) inputs.pop_back();
  node.inputs = std::move(inputs);
  node.outputs = std::move(outputs);
  return node;
}

}  // namespace rewrites
}  // namespace hone::inline HONE_ABI

namespace hone::inline HONE_ABI {

/// A graph with the answers that passes ask for: which node makes a value, and who uses it. Applies patches and keeps both true.
class DataFlow {
 public:
  explicit DataFlow(Graph& graph) : graph_(graph) { read(); }

  [[nodiscard]] const Graph& graph() const noexcept { return graph_; }
  [[nodiscard]] const GraphValue& operator[](ValueId id) const { return graph_[id]; }
  [[nodiscard]] const Node& node(std::size_t at) const { return graph_.nodes[at]; }
  [[nodiscard]] std::size_t size() const noexcept { return graph_.nodes.size(); }

  /// The node that makes the value; null for inputs and constants.
  [[nodiscard]] const Node* producer(ValueId id) const noexcept {
    return id == no_value || makers_[index(id)] == none ? nullptr : &graph_.nodes[makers_[index(id)]];
  }
  /// The node that makes the value when it runs an Op, else null.
  template <class Op>
  [[nodiscard]] const Node* made_by(ValueId id) const noexcept {
    const Node* node = producer(id);
    return node != nullptr && node->as<Op>() != nullptr ? node : nullptr;
  }
  /// Nodes that use the value, once per use, in no order.
  [[nodiscard]] std::span<const std::size_t> users(ValueId id) const noexcept { return users_[index(id)]; }
  [[nodiscard]] bool is_output(ValueId id) const noexcept {
    return std::find(graph_.outputs.begin(), graph_.outputs.end(), id) != graph_.outputs.end();
  }
  /// One node uses the value, in one place, and the graph does not give it out: that node may absorb what makes it.
  [[nodiscard]] bool used_once(ValueId id) const noexcept { return users_[index(id)].size() == 1 && !is_output(id); }
  /// Whether the elements of the value may differ between runs on inputs of the same shapes. What does not is computed once per shape.
  [[nodiscard]] bool varies(ValueId id) const noexcept { return varies_[index(id)]; }

  /// The value when it is a constant tensor, else null.
  [[nodiscard]] const TensorRef* constant(ValueId id) const noexcept {
    return id != no_value && graph_[id].constant ? &graph_[id].constant->tensor : nullptr;
  }
  /// The element of a floating-point constant that has one.
  [[nodiscard]] std::optional<double> scalar(ValueId id) const noexcept {
    const TensorRef* tensor = constant(id);
    if (tensor == nullptr || tensor->elements() != 1) return std::nullopt;
    if (tensor->dtype == DType::float32) return *tensor->as<const float>();
    if (tensor->dtype == DType::float64) return *tensor->as<const double>();
    return std::nullopt;
  }
  /// Whether the value is a constant of one element that cannot broaden `other`: it has no dimensions, or no more than `other`.
  [[nodiscard]] bool is_scalar_beside(ValueId id, ValueId other) const {
    const TensorRef* tensor = constant(id);
    if (tensor == nullptr || tensor->elements() != 1) return false;
    return tensor->shape.rank() == 0 || tensor->shape.rank() <= rank(other).value_or(0);
  }
  /// The number of dimensions, where the model or what makes the value tells.
  [[nodiscard]] std::optional<std::size_t> rank(ValueId id) const { return rank(id, 32); }

  /// Adds the values of a patch, so that its nodes can be looked at; apply() does the rest, take_back() removes them again.
  void add_values(Patch& patch) {
    for (GraphValue& value : patch.values) graph_.add_value(std::move(value));
    patch.values.clear();
    resize();
  }
  void take_back(std::size_t values) {
    graph_.values.resize(values);
    resize();
  }

  /// Puts the patch in place of node `at`. What it leaves without a use is emptied; remove_dead_nodes() takes it away.
  void apply(std::size_t at, Patch patch) {
    add_values(patch);
    detach(at);
    if (patch.nodes.size() == 1) {
      graph_.nodes[at] = std::move(patch.nodes[0]);
      attach(at);
    } else {
      graph_.nodes[at].outputs.clear();
      graph_.nodes[at].inputs.clear();
      graph_.nodes[at].subgraphs.clear();
      if (!patch.nodes.empty()) {
        graph_.nodes.insert(graph_.nodes.begin() + static_cast<std::ptrdiff_t>(at) + 1, std::make_move_iterator(patch.nodes.begin()),
                            std::make_move_iterator(patch.nodes.end()));
        read();
      }
    }
    for (auto& [id, constant] : patch.constants) {
      graph_[id].constant = std::move(constant);
      varies_[index(id)] = false;
      share_constant(id);
    }
    for (const auto& [from, to] : patch.replacements) replace_uses(from, to);
    sweep();
  }

  /// Removes nodes none of whose results is used; returns how many.
  std::size_t remove_dead_nodes() {
    std::vector<std::size_t>& unused = unused_;
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) unused.push_back(i);
    sweep();
    const std::size_t count = std::erase_if(graph_.nodes, [](const Node& node) { return node.outputs.empty(); });
    if (count != 0) read();
    return count;
  }

 private:
  static constexpr std::size_t none = std::numeric_limits<std::size_t>::max();

  /// Looks at most `depth` nodes up.
  [[nodiscard]] std::optional<std::size_t> rank(ValueId id, int depth) const {
    const GraphValue& value = graph_[id];
    if (value.constant) return value.constant->tensor.shape.rank();
    if (value.shape) return value.shape->size();
    const Node* node = producer(id);
    if (depth == 0 || node == nullptr || node->op == nullptr || node->inputs.empty() || node->inputs[0] == no_value) return std::nullopt;
    const auto runs = [&]<class... Ops>(ops::OpList<Ops...>) { return ((node->as<Ops>() != nullptr) || ...); };
    // Weights have the rank of the result.
    if (runs(ops::OpList<ops::Conv, ops::ConvTranspose, ops::Fused<ops::Conv>>{})) return rank(node->inputs[1], depth - 1);
    const auto* mean = node->as<ops::ReduceMean>();
    if (node->op->info().shapes == nullptr || (mean != nullptr && mean->keepdims) ||
        runs(ops::OpList<ops::BatchNormalization, ops::Concat, ops::AveragePool, ops::GlobalAveragePool, ops::MaxPool>{})) {
      return rank(node->inputs[0], depth - 1);
    }
    if (node->inputs.size() == 2 && runs(ops::OpList<ops::Add, ops::Div, ops::Mul, ops::Pow, ops::Sub>{})) {
      const std::optional<std::size_t> left = rank(node->inputs[0], depth - 1);
      const std::optional<std::size_t> right = left ? rank(node->inputs[1], depth - 1) : std::nullopt;
      return right ? std::optional(std::max(*left, *right)) : std::nullopt;
    }
    return std::nullopt;
  }

  void resize() {
    makers_.resize(graph_.values.size(), none);
    users_.resize(graph_.values.size());
    varies_.resize(graph_.values.size(), true);
  }

  void read() {
    makers_.clear();
    users_.clear();
    varies_.clear();
    resize();
    for (std::size_t i = 0; i < graph_.values.size(); ++i) varies_[i] = !graph_.values[i].constant.has_value();
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) attach(i);
  }

  /// visit(value) for each value that a node uses, once per use.
  static void for_uses(const Node& node, const auto& visit) {
    for (const ValueId id : node.inputs)
      if (id != no_value) visit(id);
    for (const Subgraph& subgraph : node.subgraphs)
      for (const Capture& capture : subgraph.graph->captures) visit(capture.outer);
  }

  void attach(std::size_t at) {
    const Node& node = graph_.nodes[at];
    for_uses(node, [&](ValueId id) { users_[index(id)].push_back(at); });
    for (const ValueId id : node.outputs) {
      if (id == no_value) continue;
      makers_[index(id)] = at;
      varies_[index(id)] = !graph_[id].constant && result_varies(node);
    }
  }
  void detach(std::size_t at) {
    const Node& node = graph_.nodes[at];
    for_uses(node, [&](ValueId id) {
      std::vector<std::size_t>& users = users_[index(id)];
      const auto found = std::find(users.begin(), users.end(), at);
      if (found != users.end()) users.erase(found);
      if (users.empty() && makers_[index(id)] != none) unused_.push_back(makers_[index(id)]);
    });
    for (const ValueId id : node.outputs)
      if (id != no_value) makers_[index(id)] = none;
  }
  [[nodiscard]] bool result_varies(const Node& node) const {
    if (node.op == nullptr || !node.op->traits().deterministic || !node.subgraphs.empty()) return true;
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      if (node.inputs[k] != no_value && !contains(node.op->traits().unread_inputs, k) && varies_[index(node.inputs[k])]) return true;
    }
    return false;
  }

  void replace_uses(ValueId from, ValueId to) {
    std::vector<std::size_t> users = std::move(users_[index(from)]);
    users_[index(from)].clear();
    for (const std::size_t user : users) {
      Node& node = graph_.nodes[user];
      for (ValueId& id : node.inputs)
        if (id == from) id = to;
      for (Subgraph& subgraph : node.subgraphs)
        for (Capture& capture : subgraph.graph->captures)
          if (capture.outer == from) capture.outer = to;
      users_[index(to)].push_back(user);
    }
    for (ValueId& id : graph_.outputs)
      if (id == from) id = to;
    if (graph_[to].constant) share_constant(to);
    if (makers_[index(from)] != none) unused_.push_back(makers_[index(from)]);
  }

  /// Empties the nodes of unused_ that nobody needs, and those that only they needed.
  void sweep() {
    while (!unused_.empty()) {
      const std::size_t at = unused_.back();
      unused_.pop_back();
      Node& node = graph_.nodes[at];
      const bool used = std::any_of(node.outputs.begin(), node.outputs.end(), [&](ValueId id) {
        return id != no_value && makers_[index(id)] == at && (!users_[index(id)].empty() || is_output(id));
      });
      if (used || node.outputs.empty()) continue;
      detach(at);
      node.inputs.clear();
      node.outputs.clear();
      node.subgraphs.clear();
    }
  }

  /// Subgraphs do not capture what has become a constant: they have it too.
  void share_constant(ValueId id) {
    bool shared = false;
    for (const std::size_t user : users_[index(id)]) shared = share_constant(graph_, graph_.nodes[user], id) || shared;
    if (shared) read();
  }
  static bool share_constant(const Graph& graph, Node& node, ValueId id) {
    bool shared = false;
    for (Subgraph& subgraph : node.subgraphs) {
      std::erase_if(subgraph.graph->captures, [&](const Capture& capture) {
        if (capture.outer != id) return false;
        (*subgraph.graph)[capture.inner].constant = graph[id].constant;
        for (Node& inner : subgraph.graph->nodes) share_constant(*subgraph.graph, inner, capture.inner);
        return shared = true;
      });
    }
    return shared;
  }

  Graph& graph_;
  std::vector<std::size_t> makers_;              // by value
  std::vector<std::vector<std::size_t>> users_;  // by value
  std::vector<bool> varies_;                     // by value
  std::vector<std::size_t> unused_;              // nodes that may have become dead
};

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_REWRITES_ELIMINATE_COMMON_SUBEXPRESSIONS_HPP

namespace hone::inline HONE_ABI::rewrites {

/// A node that computes what an earlier one has computed becomes that one's result. Small constants of equal bytes count as one value.
struct EliminateCommonSubexpressions {
  static constexpr std::string_view name = "eliminate_common_subexpressions";

  [[nodiscard]] std::optional<Patch> operator()(const DataFlow& flow, std::size_t at) {
    const Node& node = flow.node(at);
    if (node.op == nullptr || !node.op->traits().deterministic || !node.subgraphs.empty()) return std::nullopt;
    std::vector<std::size_t>& candidates = seen_[hash(flow, node)];
    for (const std::size_t other : candidates) {
      const Node& earlier = flow.node(other);
      if (!equal(flow, earlier, node)) continue;
      Patch patch;
      for (std::size_t k = 0; k < node.outputs.size(); ++k)
        if (node.outputs[k] != no_value) patch.replacements.emplace_back(node.outputs[k], earlier.outputs[k]);
      return patch;
    }
    candidates.push_back(at);
    return std::nullopt;
  }

 private:
  /// Constants up to this size are compared byte by byte.
  static constexpr std::size_t small = 64;

  [[nodiscard]] static bool is_small(const TensorRef* tensor) noexcept {
    return tensor != nullptr && tensor->dtype != DType::string && tensor->bytes() <= small;
  }
  [[nodiscard]] static std::size_t hash(const DataFlow& flow, const Node& node) {
    auto result = reinterpret_cast<std::size_t>(&node.op->info());
    const auto add = [&](std::size_t more) { result = (result ^ more) * 0x9e3779b97f4a7c15U; };
    for (const ValueId id : node.inputs) {
      const TensorRef* tensor = flow.constant(id);
      add(is_small(tensor) ? tensor->bytes() : index(id));
    }
    return result;
  }
  [[nodiscard]] static bool same(const TensorRef& a, const TensorRef& b) noexcept {
    if (a.dtype != b.dtype || !(a.shape == b.shape)) return false;
    return a.data == b.data || (is_small(&a) && (a.bytes() == 0 || std::memcmp(a.data, b.data, a.bytes()) == 0));
  }
  [[nodiscard]] static bool equal(const DataFlow& flow, const Node& a, const Node& b) {
    if (&a.op->info() != &b.op->info() || a.opset != b.opset || a.inputs.size() != b.inputs.size() ||
        a.outputs.size() != b.outputs.size()) {
      return false;
    }
    for (std::size_t k = 0; k < a.inputs.size(); ++k) {
      if (a.inputs[k] == b.inputs[k]) continue;
      const TensorRef* x = flow.constant(a.inputs[k]);
      const TensorRef* y = flow.constant(b.inputs[k]);
      if (x == nullptr || y == nullptr || !same(*x, *y)) return false;
    }
    for (std::size_t k = 0; k < b.outputs.size(); ++k)
      if (b.outputs[k] != no_value && a.outputs[k] == no_value) return false;
    return equal(a.attributes, b.attributes);
  }
  [[nodiscard]] static bool equal(const Attributes& a, const Attributes& b) {
    const auto holds = [](const Attributes& all, const Attributes& some) {
      for (const auto& [name, value] : some) {
        const Attribute* found = all.find(name);
        if (found == nullptr || !equal(*found, value)) return false;
      }
      return true;
    };
    return holds(a, b) && holds(b, a);
  }
  [[nodiscard]] static bool equal(const Attribute& a, const Attribute& b) {
    if (a.index() != b.index()) return false;
    return std::visit(
        [&]<class T>(const T& x) {
          const T& y = std::get<T>(b);
          if constexpr (std::is_same_v<T, Constant>) {
            return same(x.tensor, y.tensor);
          } else if constexpr (std::is_same_v<T, std::vector<Constant>>) {
            return false;
          } else {
            return x == y;
          }
        },
        a);
  }

  std::unordered_map<std::size_t, std::vector<std::size_t>> seen_;
};

}  // namespace hone::inline HONE_ABI::rewrites
#define HONE_SINGLE_REWRITES_ELIMINATE_NO_OPS_HPP

namespace hone::inline HONE_ABI::rewrites {

/// Nodes that give their first input back become that input: Identity, Dropout outside of training, Cast to the same type, x + 0, x - 0,
/// x * 1, x / 1, x ^ 1, Transpose that keeps the order, Pad by nothing, and Concat, Sum, Max, Min and Mean of one tensor.
struct EliminateNoOps {
  static constexpr std::string_view name = "eliminate_no_ops";

  [[nodiscard]] std::optional<Patch> operator()(const DataFlow& flow, std::size_t at) const {
    const Node& node = flow.node(at);
    if (node.inputs.empty() || node.inputs[0] == no_value) return std::nullopt;
    for (std::size_t k = 1; k < node.outputs.size(); ++k)
      if (node.outputs[k] != no_value && (!flow.users(node.outputs[k]).empty() || flow.is_output(node.outputs[k]))) return std::nullopt;
    const ValueId same = same_input(flow, node);
    if (same == no_value) return std::nullopt;
    Patch patch;
    patch.replacements.emplace_back(node.outputs[0], same);
    return patch;
  }

 private:
  /// The input that output 0 equals, or no_value.
  [[nodiscard]] static ValueId same_input(const DataFlow& flow, const Node& node) {
    const ValueId x = node.inputs[0];
    if (node.as<ops::Identity>() != nullptr) return x;
    if (node.as<ops::Dropout>() != nullptr) return trains(flow, node) ? no_value : x;
    if (node.as<ops::Cast>() != nullptr) return flow[x].type.is_known() && flow[x].type == flow[node.outputs[0]].type ? x : no_value;
    if (const auto* transpose = node.as<ops::Transpose>()) {
      return transpose->perm && std::is_sorted(transpose->perm->begin(), transpose->perm->end()) ? x : no_value;
    }
    if (node.as<ops::Pad>() != nullptr) return pads_nothing(flow, node) ? x : no_value;
    if (node.inputs.size() == 1) {
      const bool of_one = node.as<ops::Concat>() != nullptr || node.as<ops::Sum>() != nullptr || node.as<ops::Max>() != nullptr ||
                          node.as<ops::Min>() != nullptr || node.as<ops::Mean>() != nullptr;
      return of_one ? x : no_value;
    }
    if (is_binary<ops::Add>(node)) return with(flow, node, 1, 0) ? x : with(flow, node, 0, 0) ? node.inputs[1] : no_value;
    if (is_binary<ops::Mul>(node)) return with(flow, node, 1, 1) ? x : with(flow, node, 0, 1) ? node.inputs[1] : no_value;
    if (is_binary<ops::Sub>(node)) return with(flow, node, 1, 0) ? x : no_value;
    if (is_binary<ops::Div>(node) || is_binary<ops::Pow>(node)) return with(flow, node, 1, 1) ? x : no_value;
    return no_value;
  }
  template <class Op>
  [[nodiscard]] static bool is_binary(const Node& node) {
    const Op* op = node.as<Op>();
    return op != nullptr && !op->axis;
  }
  /// Whether input `k` of two is the floating-point number `value` and does not broaden the other one.
  [[nodiscard]] static bool with(const DataFlow& flow, const Node& node, std::size_t k, double value) {
    const std::optional<double> scalar = flow.scalar(node.inputs[k]);
    return scalar && *scalar == value && flow.is_scalar_beside(node.inputs[k], node.inputs[1 - k]);
  }
  [[nodiscard]] static bool trains(const DataFlow& flow, const Node& node) {
    if (node.inputs.size() < 3 || node.inputs[2] == no_value) return false;
    const TensorRef* mode = flow.constant(node.inputs[2]);
    return mode == nullptr || mode->elements() != 1 || *mode->as<const bool>();
  }
  [[nodiscard]] static bool pads_nothing(const DataFlow& flow, const Node& node) {
    const TensorRef* pads = node.inputs.size() > 1 ? flow.constant(node.inputs[1]) : nullptr;
    if (pads == nullptr || pads->dtype != DType::int64) return false;
    const auto* first = pads->as<const std::int64_t>();
    return std::all_of(first, first + pads->elements(), [](std::int64_t pad) { return pad == 0; });
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

  [[nodiscard]] std::optional<Patch> operator()(const DataFlow& flow, std::size_t at) const {
    const Graph& graph = flow.graph();
    const Node& node = flow.node(at);
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
#define HONE_SINGLE_REWRITES_FOLD_INTO_CONV_HPP

#define HONE_SINGLE_REWRITES_CHANNEL_AFFINE_HPP

namespace hone::inline HONE_ABI::rewrites {

/// y = scale[c] x + shift[c] for channel c, the second dimension of x.
struct ChannelAffine {
  std::vector<double> scale;
  std::vector<double> shift;
};

/// A float constant that nobody else holds.
template <class Fill>
[[nodiscard]] GraphValue float_constant(std::string name, const Shape& shape, const Fill& fill) {
  auto owner = std::make_shared<Value>(Value::tensor(DType::float32, shape));
  fill(owner->ref().template as<float>());
  GraphValue value;
  value.name = std::move(name);
  value.type = DType::float32;
  const TensorRef ref = owner->ref();
  value.constant = Constant{ref, std::move(owner)};
  return value;
}

namespace detail {

/// A float constant as one number per channel, where it has one or one per channel of an (N, C, *) tensor of `rank` dimensions.
inline std::optional<std::vector<double>> per_channel(const TensorRef* tensor, std::size_t channels, std::size_t rank) {
  if (tensor == nullptr || tensor->dtype != DType::float32 || tensor->shape.rank() > rank) return std::nullopt;
  const auto* data = tensor->as<const float>();
  const auto elements = static_cast<std::size_t>(tensor->elements());
  if (elements == 1) return std::vector<double>(channels, *data);
  const std::size_t missing = rank - tensor->shape.rank();
  if (elements != channels || missing > 1 || tensor->shape[1 - missing] != static_cast<std::int64_t>(channels)) return std::nullopt;
  return std::vector<double>(data, data + elements);
}

}  // namespace detail

/// A BatchNormalization outside of training, with constant parameters.
[[nodiscard]] inline std::optional<ChannelAffine> read_batch_normalization(const DataFlow& flow, const Node& node) {
  const auto* op = node.as<ops::BatchNormalization>();
  if (op == nullptr || op->training) return std::nullopt;
  for (std::size_t k = 1; k < node.outputs.size(); ++k)
    if (node.outputs[k] != no_value && (!flow.users(node.outputs[k]).empty() || flow.is_output(node.outputs[k]))) return std::nullopt;
  const TensorRef* parameters[4];  // scale, bias, mean, variance
  for (std::size_t k = 0; k < 4; ++k) {
    parameters[k] = flow.constant(node.inputs[k + 1]);
    if (parameters[k] == nullptr || parameters[k]->dtype != DType::float32 || parameters[k]->elements() != parameters[0]->elements()) {
      return std::nullopt;
    }
  }
  ChannelAffine affine;
  for (std::int64_t c = 0; c < parameters[0]->elements(); ++c) {
    const auto at = [&](std::size_t k) { return static_cast<double>(parameters[k]->as<const float>()[c]); };
    affine.scale.push_back(at(0) / std::sqrt(at(3) + static_cast<double>(op->epsilon)));
    affine.shift.push_back(at(1) - at(2) * affine.scale.back());
  }
  return affine;
}

/// What a node does to its input `x` of `channels` channels and `rank` dimensions, when that is one multiplication and addition per
/// channel.
[[nodiscard]] inline std::optional<ChannelAffine> read_channel_affine(const DataFlow& flow, const Node& node, ValueId x,
                                                                      std::size_t channels, std::size_t rank) {
  if (node.inputs[0] == x) {
    if (auto affine = read_batch_normalization(flow, node); affine && affine->scale.size() == channels) return affine;
  }
  const auto* add = node.as<ops::Add>();
  const auto* sub = node.as<ops::Sub>();
  const auto* mul = node.as<ops::Mul>();
  const auto* div = node.as<ops::Div>();
  if ((add == nullptr || add->axis) && (sub == nullptr || sub->axis) && (mul == nullptr || mul->axis) && (div == nullptr || div->axis)) {
    return std::nullopt;
  }
  const std::size_t k = node.inputs[0] == x ? 1 : 0;
  if (node.inputs[1 - k] != x || (k == 0 && (sub != nullptr || div != nullptr))) return std::nullopt;
  auto numbers = detail::per_channel(flow.constant(node.inputs[k]), channels, rank);
  if (!numbers) return std::nullopt;
  if (sub != nullptr)
    for (double& number : *numbers) number = -number;
  if (div != nullptr)
    for (double& number : *numbers) number = 1 / number;
  if (add != nullptr || sub != nullptr) return ChannelAffine{std::vector<double>(channels, 1.0), std::move(*numbers)};
  return ChannelAffine{std::move(*numbers), std::vector<double>(channels, 0.0)};
}

}  // namespace hone::inline HONE_ABI::rewrites

namespace hone::inline HONE_ABI::rewrites {

/// BatchNormalization, Mul, Div, Add and Sub by constants per channel after a Conv with constant weights go into its weights and bias.
struct FoldIntoConv {
  static constexpr std::string_view name = "fold_into_conv";

  [[nodiscard]] std::optional<Patch> operator()(const DataFlow& flow, std::size_t at) const {
    const Node& node = flow.node(at);
    for (std::size_t k = 0; k < std::min<std::size_t>(node.inputs.size(), 2); ++k) {
      const ValueId x = node.inputs[k];
      const Node* conv = x != no_value && flow.used_once(x) ? flow.made_by<ops::Conv>(x) : nullptr;
      if (conv == nullptr) continue;
      const TensorRef* weights = flow.constant(conv->inputs[1]);
      const bool has_bias = conv->inputs.size() > 2 && conv->inputs[2] != no_value;
      const TensorRef* bias = has_bias ? flow.constant(conv->inputs[2]) : nullptr;
      if (weights == nullptr || weights->dtype != DType::float32 || weights->shape.rank() < 3 || (has_bias && bias == nullptr)) continue;
      const auto outputs = static_cast<std::size_t>(weights->shape[0]);
      const auto affine = read_channel_affine(flow, node, x, outputs, weights->shape.rank());
      if (!affine || !is_finite(*affine)) continue;
      return fold(flow, node, *conv, *weights, bias, *affine);
    }
    return std::nullopt;
  }

 private:
  static bool is_finite(const ChannelAffine& affine) {
    const auto finite = [](double value) { return std::isfinite(static_cast<float>(value)); };
    return std::all_of(affine.scale.begin(), affine.scale.end(), finite) && std::all_of(affine.shift.begin(), affine.shift.end(), finite);
  }

  static Patch fold(const DataFlow& flow, const Node& node, const Node& conv, const TensorRef& weights, const TensorRef* bias,
                    const ChannelAffine& affine) {
    Patch patch;
    const auto add = [&](GraphValue value) {
      patch.values.push_back(std::move(value));
      return ValueId{static_cast<std::uint32_t>(flow.graph().values.size() + patch.values.size() - 1)};
    };
    ValueId new_weights = conv.inputs[1];
    if (std::any_of(affine.scale.begin(), affine.scale.end(), [](double scale) { return scale != 1; })) {
      new_weights = add(float_constant(flow[conv.inputs[1]].name + "/scaled", weights.shape, [&](float* to) {
        const auto row = static_cast<std::size_t>(weights.elements()) / affine.scale.size();
        for (std::size_t i = 0; i < affine.scale.size() * row; ++i) {
          to[i] = static_cast<float>(weights.as<const float>()[i] * affine.scale[i / row]);
        }
      }));
    }
    const auto channels = static_cast<std::int64_t>(affine.shift.size());
    const ValueId new_bias = add(float_constant(conv.name + "/bias", Shape{channels}, [&](float* to) {
      for (std::size_t c = 0; c < affine.shift.size(); ++c) {
        to[c] = static_cast<float>((bias != nullptr ? bias->as<const float>()[c] * affine.scale[c] : 0.0) + affine.shift[c]);
      }
    }));
    patch.nodes.push_back(
        make_node(conv, *conv.as<ops::Conv>(), conv.attributes, {conv.inputs[0], new_weights, new_bias}, {node.outputs[0]}));
    patch.absorbed.push_back(&conv);
    return patch;
  }
};

}  // namespace hone::inline HONE_ABI::rewrites
#define HONE_SINGLE_REWRITES_FUSE_ACTIVATION_HPP

#define HONE_SINGLE_REWRITES_PATTERN_HPP

namespace hone::inline HONE_ABI::rewrites {

/// factor * terms[0] * terms[1] * ...
struct Product {
  double factor = 1;
  std::vector<ValueId> terms;
};

/// Equal up to the rounding with which exporters write constants.
[[nodiscard]] inline bool near(double value, double expected) noexcept { return std::abs(value - expected) <= 1e-5 * std::abs(expected); }

/// Reads the graph upwards from a node and keeps the nodes that it has passed: those that nobody else uses.
class Pattern {
 public:
  explicit Pattern(const DataFlow& flow) : flow_(flow) {}

  /// Nodes passed so far.
  [[nodiscard]] std::vector<const Node*>& absorbed() noexcept { return absorbed_; }

  /// The node that makes the value when it runs an Op and nobody else uses the value, else null.
  template <class Op>
  const Node* take(ValueId id) {
    const Node* node = id != no_value && flow_.used_once(id) ? flow_.made_by<Op>(id) : nullptr;
    if constexpr (std::derived_from<Op, ops::Binary>) {
      if (node != nullptr && node->template as<Op>()->axis) return nullptr;
    }
    if (node != nullptr) absorbed_.push_back(node);
    return node;
  }

  /// x, where the value is x + `constant` or `constant` + x; else no_value. NaN takes any number, which goes to `found`.
  ValueId added_to(ValueId id, double constant, double* found = nullptr) {
    const Node* add = take<ops::Add>(id);
    if (add == nullptr) return no_value;
    for (const std::size_t k : {0, 1}) {
      const std::optional<double> scalar = flow_.scalar(add->inputs[k]);
      if (!scalar || !flow_.is_scalar_beside(add->inputs[k], add->inputs[1 - k])) continue;
      if (found != nullptr) *found = *scalar;
      if (std::isnan(constant) || near(*scalar, constant)) return add->inputs[1 - k];
    }
    return no_value;
  }

  /// The value as a product: Mul, division by a number and small powers are taken apart where nobody else uses them.
  Product product(ValueId id) {
    Product result;
    multiply(id, result);
    return result;
  }
  /// The same of a node's result, whoever uses that.
  Product product(const Node& node) {
    Product result;
    multiply_node(node, result);
    return result;
  }

 private:
  void multiply(ValueId id, Product& result) {
    const std::size_t before = absorbed_.size();
    const Node* node = take<ops::Mul>(id);
    if (node == nullptr) node = take<ops::Div>(id);
    if (node == nullptr) node = take<ops::Pow>(id);
    if (node != nullptr && multiply_node(*node, result)) return;
    absorbed_.resize(before);
    result.terms.push_back(id);
  }
  /// False when the node is no product that can be taken apart.
  bool multiply_node(const Node& node, Product& result) {
    if (node.inputs.size() != 2) return false;
    const ValueId a = node.inputs[0];
    const ValueId b = node.inputs[1];
    const auto scalar = [&](ValueId of, ValueId beside) { return flow_.is_scalar_beside(of, beside) ? flow_.scalar(of) : std::nullopt; };
    const std::optional<double> right = scalar(b, a);
    if (const auto* mul = node.as<ops::Mul>(); mul != nullptr && !mul->axis) {
      const std::optional<double> left = scalar(a, b);
      left ? void(result.factor *= *left) : multiply(a, result);
      right ? void(result.factor *= *right) : multiply(b, result);
      return true;
    }
    if (const auto* div = node.as<ops::Div>(); div != nullptr && !div->axis && right && *right != 0) {
      result.factor /= *right;
      multiply(a, result);
      return true;
    }
    if (const auto* pow = node.as<ops::Pow>(); pow != nullptr && !pow->axis && right && (*right == 2 || *right == 3)) {
      for (int i = 0; i < static_cast<int>(*right); ++i) result.terms.push_back(a);
      return true;
    }
    return false;
  }

  const DataFlow& flow_;
  std::vector<const Node*> absorbed_;
};

}  // namespace hone::inline HONE_ABI::rewrites

namespace hone::inline HONE_ABI::rewrites {

/// Activations that exporters spell out become one operator of the standard:
///   Gelu         x/2 (1 + erf(x / sqrt(2))), x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
///   Swish        x sigmoid(alpha x), which is SiLU for alpha = 1 and QuickGelu for 1.702
///   Mish         x tanh(softplus(x))
///   HardSigmoid  clip(x + 3, 0, 6) / 6
///   HardSwish    x times that
/// whatever the order and grouping of the factors.
struct FuseActivation {
  static constexpr std::string_view name = "fuse_activation";

  [[nodiscard]] std::optional<Patch> operator()(const DataFlow& flow, std::size_t at) const {
    const Node& node = flow.node(at);
    if (node.as<ops::Mul>() == nullptr && node.as<ops::Div>() == nullptr) return std::nullopt;
    Pattern pattern(flow);
    const Product product = pattern.product(node);
    if (product.terms.size() == 1) {
      const ValueId x = clipped_to_six(flow, pattern, product.terms[0]);
      if (x == no_value || !near(product.factor, 1.0 / 6)) return std::nullopt;
      ops::HardSigmoid op;
      op.alpha = 1.0f / 6;
      return replace(node, pattern, op, {{"alpha", op.alpha}, {"beta", op.beta}}, x);
    }
    if (product.terms.size() != 2) return std::nullopt;
    for (const std::size_t k : {0, 1}) {
      Pattern gate = pattern;
      if (auto patch = gated(flow, gate, node, product.factor, product.terms[1 - k], product.terms[k])) return patch;
    }
    return std::nullopt;
  }

 private:
  template <class Op>
  static Patch replace(const Node& node, Pattern& pattern, Op op, Attributes attributes, ValueId x) {
    Patch patch;
    patch.nodes.push_back(make_node(node, std::move(op), std::move(attributes), {x}, {node.outputs[0]}));
    patch.absorbed = std::move(pattern.absorbed());
    return patch;
  }

  /// factor * x * gate(x)
  static std::optional<Patch> gated(const DataFlow& flow, Pattern& pattern, const Node& node, double factor, ValueId x, ValueId gate) {
    if (const Node* sigmoid = pattern.take<ops::Sigmoid>(gate); sigmoid != nullptr && near(factor, 1)) {
      const Product inner = pattern.product(sigmoid->inputs[0]);
      ops::Swish op;
      op.alpha = static_cast<float>(inner.factor);
      if (sigmoid->inputs[0] == x) {
        op.alpha = 1;
      } else if (inner.terms.size() != 1 || inner.terms[0] != x) {
        return std::nullopt;
      }
      return replace(node, pattern, op, {{"alpha", op.alpha}}, x);
    }
    if (const Node* sigmoid = pattern.take<ops::HardSigmoid>(gate); sigmoid != nullptr && near(factor, 1)) {
      const auto& op = *sigmoid->as<ops::HardSigmoid>();
      if (sigmoid->inputs[0] != x || !near(op.alpha, 1.0 / 6) || op.beta != 0.5f) return std::nullopt;
      return replace(node, pattern, ops::HardSwish{}, {}, x);
    }
    if (near(factor, 1.0 / 6) && clipped_to_six(flow, pattern, gate) == x) return replace(node, pattern, ops::HardSwish{}, {}, x);
    if (const Node* tanh = pattern.take<ops::Tanh>(gate); tanh != nullptr && near(factor, 1)) {
      const Node* softplus = pattern.take<ops::Softplus>(tanh->inputs[0]);
      if (softplus == nullptr || softplus->inputs[0] != x) return std::nullopt;
      return replace(node, pattern, ops::Mish{}, {}, x);
    }
    if (const ValueId inner = pattern.added_to(gate, 1); inner != no_value && near(factor, 0.5)) {
      if (const Node* erf = pattern.take<ops::Erf>(inner)) {
        const Product scaled = pattern.product(erf->inputs[0]);
        if (scaled.terms.size() != 1 || scaled.terms[0] != x || !near(scaled.factor, 0.70710678118654752)) return std::nullopt;
        return replace(node, pattern, ops::Gelu{}, {{"approximate", std::string("none")}}, x);
      }
      if (const Node* tanh = pattern.take<ops::Tanh>(inner); tanh != nullptr && is_cubic(pattern, tanh->inputs[0], x)) {
        ops::Gelu op;
        op.tanh = true;
        return replace(node, pattern, op, {{"approximate", std::string("tanh")}}, x);
      }
    }
    return std::nullopt;
  }

  /// x, where the value is min(max(x + 3, 0), 6).
  static ValueId clipped_to_six(const DataFlow& flow, Pattern& pattern, ValueId id) {
    const Node* clip = pattern.take<ops::Clip>(id);
    if (clip == nullptr || clip->inputs.size() != 3) return no_value;
    if (flow.scalar(clip->inputs[1]) != 0.0 || flow.scalar(clip->inputs[2]) != 6.0) return no_value;
    return pattern.added_to(clip->inputs[0], 3);
  }

  /// sqrt(2/pi) (x + 0.044715 x^3), or sqrt(2/pi) x (1 + 0.044715 x^2)
  static bool is_cubic(Pattern& pattern, ValueId id, ValueId x) {
    const Product outer = pattern.product(id);
    if (!near(outer.factor, 0.79788456080286536)) return false;
    const auto is_power = [&](ValueId of, std::size_t exponent) {
      const Product power = pattern.product(of);
      return near(power.factor, 0.044715) && power.terms == std::vector<ValueId>(exponent, x);
    };
    if (outer.terms.size() == 1) {
      const Node* add = pattern.take<ops::Add>(outer.terms[0]);
      if (add == nullptr) return false;
      return (add->inputs[0] == x && is_power(add->inputs[1], 3)) || (add->inputs[1] == x && is_power(add->inputs[0], 3));
    }
    if (outer.terms.size() != 2) return false;
    for (const std::size_t k : {0, 1}) {
      if (outer.terms[k] != x) continue;
      const ValueId inner = pattern.added_to(outer.terms[1 - k], 1);
      if (inner != no_value && is_power(inner, 2)) return true;
    }
    return false;
  }
};

}  // namespace hone::inline HONE_ABI::rewrites
#define HONE_SINGLE_REWRITES_FUSE_NORMALIZATION_HPP

namespace hone::inline HONE_ABI::rewrites {

/// Normalisations over the last dimension that exporters spell out become one operator of the standard:
///   LayerNormalization  (x - mean(x)) / sqrt(mean((x - mean(x))^2) + epsilon) * scale [+ bias]
///   RMSNormalization    x / sqrt(mean(x^2) + epsilon) * scale
/// where scale and bias are constant vectors.
struct FuseNormalization {
  static constexpr std::string_view name = "fuse_normalization";

  [[nodiscard]] std::optional<Patch> operator()(const DataFlow& flow, std::size_t at) const {
    const Node& node = flow.node(at);
    if (const auto* add = node.as<ops::Add>(); add != nullptr && !add->axis) return with_bias(flow, node);
    const auto* mul = node.as<ops::Mul>();
    if (mul == nullptr || mul->axis) return std::nullopt;
    for (const std::size_t k : {0, 1}) {
      if (!is_vector(flow, node.inputs[k])) continue;
      Pattern pattern(flow);
      if (auto patch = normalized(flow, pattern, node, node.inputs[1 - k], node.inputs[k])) return patch;
    }
    return std::nullopt;
  }

 private:
  [[nodiscard]] static bool is_vector(const DataFlow& flow, ValueId id) {
    const TensorRef* tensor = flow.constant(id);
    return tensor != nullptr && tensor->shape.rank() == 1;
  }

  static std::optional<Patch> with_bias(const DataFlow& flow, const Node& node) {
    for (const std::size_t k : {0, 1}) {
      Pattern pattern(flow);
      const Node* norm = pattern.take<ops::LayerNormalization>(node.inputs[k]);
      const ValueId bias = node.inputs[1 - k];
      if (norm == nullptr || norm->inputs.size() != 2 || norm->outputs.size() != 1 || !is_vector(flow, bias)) continue;
      if (!is_vector(flow, norm->inputs[1]) || !(flow.constant(bias)->shape == flow.constant(norm->inputs[1])->shape)) continue;
      Patch patch;
      patch.nodes.push_back(make_node(node, *norm->as<ops::LayerNormalization>(), norm->attributes,
                                      {norm->inputs[0], norm->inputs[1], bias}, {node.outputs[0]}));
      patch.absorbed = std::move(pattern.absorbed());
      return patch;
    }
    return std::nullopt;
  }

  /// `value` * `scale`, where value is centered / sqrt(mean(centered^2) + epsilon) in one of the ways to write that.
  static std::optional<Patch> normalized(const DataFlow& flow, Pattern& pattern, const Node& node, ValueId value, ValueId scale) {
    ValueId centered = no_value;
    ValueId deviation = no_value;
    if (const Node* div = pattern.take<ops::Div>(value)) {
      centered = div->inputs[0];
      deviation = div->inputs[1];
    } else if (const Node* mul = pattern.take<ops::Mul>(value)) {
      for (const std::size_t k : {0, 1}) {
        const Node* reciprocal = pattern.take<ops::Reciprocal>(mul->inputs[k]);
        if (reciprocal == nullptr) continue;
        centered = mul->inputs[1 - k];
        deviation = reciprocal->inputs[0];
      }
    }
    const Node* root = pattern.take<ops::Sqrt>(deviation);
    if (root == nullptr) return std::nullopt;
    double epsilon = 0;
    const Node* variance = mean(flow, pattern, pattern.added_to(root->inputs[0], std::numeric_limits<double>::quiet_NaN(), &epsilon));
    if (variance == nullptr) return std::nullopt;
    const Product square = pattern.product(variance->inputs[0]);
    if (square.factor != 1 || square.terms.size() != 2 || square.terms[0] != square.terms[1]) return std::nullopt;

    Patch patch;
    const auto small = static_cast<float>(epsilon);
    if (const Node* sub = flow.made_by<ops::Sub>(centered); sub != nullptr && !sub->as<ops::Sub>()->axis) {
      if (const Node* average = flow.made_by<ops::ReduceMean>(sub->inputs[1]); average != nullptr && is_over_last(flow, *average) &&
                                                                               average->inputs[0] == sub->inputs[0] &&
                                                                               is_same(flow, square.terms[0], centered)) {
        ops::LayerNormalization op;
        op.epsilon = small;
        patch.nodes.push_back(
            make_node(node, op, {{"axis", std::int64_t{-1}}, {"epsilon", small}}, {sub->inputs[0], scale}, {node.outputs[0]}));
        patch.absorbed = std::move(pattern.absorbed());
        return patch;
      }
    }
    if (square.terms[0] != centered) return std::nullopt;
    ops::RMSNormalization op;
    op.epsilon = small;
    patch.nodes.push_back(make_node(node, op, {{"axis", std::int64_t{-1}}, {"epsilon", small}}, {centered, scale}, {node.outputs[0]}));
    patch.absorbed = std::move(pattern.absorbed());
    return patch;
  }

  /// Some exporters subtract the mean twice: the same value, or the same difference.
  static bool is_same(const DataFlow& flow, ValueId a, ValueId b) {
    if (a == b) return true;
    const Node* x = flow.made_by<ops::Sub>(a);
    const Node* y = flow.made_by<ops::Sub>(b);
    return x != nullptr && y != nullptr && x->inputs == y->inputs;
  }

  static const Node* mean(const DataFlow& flow, Pattern& pattern, ValueId id) {
    const Node* node = id != no_value ? pattern.take<ops::ReduceMean>(id) : nullptr;
    return node != nullptr && is_over_last(flow, *node) ? node : nullptr;
  }
  static bool is_over_last(const DataFlow& flow, const Node& node) {
    const TensorRef* axes = node.inputs.size() > 1 ? flow.constant(node.inputs[1]) : nullptr;
    if (!node.as<ops::ReduceMean>()->keepdims || axes == nullptr || axes->elements() != 1 || axes->dtype != DType::int64) return false;
    const std::int64_t axis = *axes->as<const std::int64_t>();
    const std::optional<std::size_t> rank = flow.rank(node.inputs[0]);
    return axis == -1 || (rank && axis == static_cast<std::int64_t>(*rank) - 1);
  }
};

}  // namespace hone::inline HONE_ABI::rewrites
#define HONE_SINGLE_REWRITES_FUSE_POINTWISE_HPP

namespace hone::inline HONE_ABI::rewrites {

/// Pointwise operators join the node that makes their input, when nobody else uses that: as steps of a chain that runs while the
/// elements are in cache, after a Conv, Gemm or MatMul or on its own. Each patch adds one step. float32 alone.
struct FusePointwise {
  static constexpr std::string_view name = "fuse_pointwise";

  [[nodiscard]] std::optional<Patch> operator()(const DataFlow& flow, std::size_t at) const {
    const Node& node = flow.node(at);
    if (node.outputs[0] == no_value || flow[node.outputs[0]].type != Type(DType::float32) || !flow.varies(node.outputs[0]))
      return std::nullopt;
    if (const auto unary = unary_step(flow, node)) {
      return join(flow, node, *unary, node.inputs[0], no_value);
    }
    const auto binary = binary_step(node);
    if (!binary) return std::nullopt;
    // What computes most is joined first: its result is in cache for every step.
    const auto cost = [&](ValueId id) { return is_product(flow.producer(id)) ? 0 : 1; };
    const std::size_t first = cost(node.inputs[1]) < cost(node.inputs[0]) ? 1 : 0;
    for (const std::size_t k : {first, 1 - first}) {
      ops::PointwiseStep step = *binary;
      step.swapped = k == 1;
      if (auto patch = join(flow, node, step, node.inputs[k], node.inputs[1 - k])) return patch;
    }
    return std::nullopt;
  }

 private:
  /// A chain in the making, with the inputs of the node that runs it.
  struct Chain {
    ops::PointwiseChain chain;
    std::vector<ValueId> inputs;
    std::size_t first_operand = ops::Pointwise::first_operand;

    /// False when there is no room.
    bool add(ops::PointwiseStep step, ValueId operand) {
      if (operand != no_value) {
        const auto begin = inputs.begin() + static_cast<std::ptrdiff_t>(first_operand);
        auto found = std::find(begin, inputs.end(), operand);
        if (found == inputs.end()) {
          if (inputs.size() - first_operand == ops::PointwiseChain::max_operands) return false;
          inputs.push_back(operand);
          found = inputs.end() - 1;
        }
        step.operand = found - (inputs.begin() + static_cast<std::ptrdiff_t>(first_operand));
      }
      chain.steps.push_back(step);
      return true;
    }
  };

  template <class... Ops>
  static bool runs_any(ops::OpList<Ops...>, const Node& node, ops::PointwiseStep& step) {
    return (read_step<Ops>(node, step) || ...);
  }
  template <class Op>
  static bool read_step(const Node& node, ops::PointwiseStep& step) {
    const Op* op = node.as<Op>();
    if (op == nullptr) return false;
    step.op = Op::name;
    if constexpr (requires { op->tanh; }) {
      step.parameters[0] = op->tanh ? 1.0f : 0.0f;
    } else {
      if constexpr (requires { op->alpha; }) step.parameters[0] = op->alpha;
      if constexpr (requires { op->beta; }) step.parameters[1] = op->beta;
      if constexpr (requires { op->gamma; }) step.parameters[1] = op->gamma;
    }
    if constexpr (requires { op->axis; }) return !op->axis;
    return true;
  }

  static std::optional<ops::PointwiseStep> unary_step(const DataFlow& flow, const Node& node) {
    ops::PointwiseStep step;
    if (!runs_any(ops::PointwiseUnary{}, node, step)) return std::nullopt;
    if (node.as<ops::Clip>() == nullptr) return step;
    constexpr float infinity = std::numeric_limits<float>::infinity();
    step.parameters = {-infinity, infinity};
    for (std::size_t k = 1; k < node.inputs.size(); ++k) {
      if (node.inputs[k] == no_value) continue;
      const std::optional<double> bound = flow.scalar(node.inputs[k]);
      if (!bound) return std::nullopt;
      step.parameters[k - 1] = static_cast<float>(*bound);
    }
    return step;
  }
  static std::optional<ops::PointwiseStep> binary_step(const Node& node) {
    ops::PointwiseStep step;
    return node.inputs.size() == 2 && runs_any(ops::PointwiseBinary{}, node, step) ? std::optional(step) : std::nullopt;
  }

  static bool is_product(const Node* node) {
    return node != nullptr && (node->as<ops::Conv>() != nullptr || node->as<ops::Gemm>() != nullptr || node->as<ops::MatMul>() != nullptr ||
                               node->as<ops::Fused<ops::Conv>>() != nullptr || node->as<ops::Fused<ops::Gemm>>() != nullptr ||
                               node->as<ops::Fused<ops::MatMul>>() != nullptr);
  }

  /// The node with the step joined to what makes `v`.
  static std::optional<Patch> join(const DataFlow& flow, const Node& node, const ops::PointwiseStep& step, ValueId v, ValueId operand) {
    const Node* maker = flow.used_once(v) && flow.varies(v) ? flow.producer(v) : nullptr;
    if (maker == nullptr || maker->op == nullptr || maker->outputs.size() != 1) return std::nullopt;
    auto patch = join_fused<ops::Conv>(node, *maker, step, operand);
    if (!patch) patch = join_fused<ops::Gemm>(node, *maker, step, operand);
    if (!patch) patch = join_fused<ops::MatMul>(node, *maker, step, operand);
    if (!patch) patch = join_pointwise(flow, node, *maker, step, operand);
    if (patch) patch->absorbed.push_back(maker);
    return patch;
  }

  template <class Base>
  static std::optional<Patch> join_fused(const Node& node, const Node& maker, const ops::PointwiseStep& step, ValueId operand) {
    using Op = ops::Fused<Base>;
    Chain chain{{}, maker.inputs, Op::first_operand};
    chain.inputs.resize(std::max(chain.inputs.size(), Op::first_operand), no_value);
    Attributes attributes = maker.attributes;
    Op op;
    if (const auto* fused = maker.as<Op>()) {
      op = *fused;
      chain.chain = fused->chain;
    } else if (const auto* base = maker.as<Base>()) {
      static_cast<Base&>(op) = *base;
    } else {
      return std::nullopt;
    }
    if (!chain.add(step, operand)) return std::nullopt;
    return replace(node, std::move(op), std::move(chain), std::move(attributes));
  }

  static std::optional<Patch> join_pointwise(const DataFlow& flow, const Node& node, const Node& maker, const ops::PointwiseStep& step,
                                             ValueId operand) {
    Chain chain;
    Attributes attributes;
    if (const auto* pointwise = maker.as<ops::Pointwise>()) {
      chain.chain = pointwise->chain;
      chain.inputs = maker.inputs;
      attributes = maker.attributes;
    } else if (const auto unary = unary_step(flow, maker)) {
      chain.inputs = {maker.inputs[0]};
      chain.add(*unary, no_value);
    } else if (auto binary = binary_step(maker)) {
      const std::size_t k = flow.constant(maker.inputs[0]) != nullptr ? 1 : 0;
      binary->swapped = k == 1;
      chain.inputs = {maker.inputs[k]};
      chain.add(*binary, maker.inputs[1 - k]);
    } else {
      return std::nullopt;
    }
    if (!chain.add(step, operand)) return std::nullopt;
    return replace(node, ops::Pointwise{}, std::move(chain), std::move(attributes));
  }

  template <class Op>
  static Patch replace(const Node& node, Op op, Chain chain, Attributes attributes) {
    std::vector<std::string> names;
    std::vector<float> parameters;
    std::vector<std::int64_t> operands;
    std::vector<std::int64_t> swapped;
    for (const ops::PointwiseStep& step : chain.chain.steps) {
      names.emplace_back(step.op);
      parameters.insert(parameters.end(), step.parameters.begin(), step.parameters.end());
      operands.push_back(step.operand);
      swapped.push_back(step.swapped ? 1 : 0);
    }
    for (const std::string_view written : {"steps", "parameters", "operands", "swapped"}) attributes.erase(written);
    attributes.set("steps", std::move(names));
    attributes.set("parameters", std::move(parameters));
    attributes.set("operands", std::move(operands));
    attributes.set("swapped", std::move(swapped));
    op.chain = std::move(chain.chain);
    Patch patch;
    patch.nodes.push_back(make_node(node, std::move(op), std::move(attributes), std::move(chain.inputs), {node.outputs[0]}));
    return patch;
  }
};

/// BatchNormalization with constant parameters becomes Mul and Add per channel, which join the chains around them. Needs the number of
/// dimensions of its input.
struct SplitBatchNormalization {
  static constexpr std::string_view name = "split_batch_normalization";

  [[nodiscard]] std::optional<Patch> operator()(const DataFlow& flow, std::size_t at) const {
    const Node& node = flow.node(at);
    const auto affine = read_batch_normalization(flow, node);
    if (!affine || flow[node.outputs[0]].type != Type(DType::float32) || !flow.varies(node.inputs[0])) return std::nullopt;
    const std::optional<std::size_t> rank = flow.rank(node.inputs[0]);
    if (!rank || *rank < 2 || *rank > Shape::max_rank || !flow.used_once(node.outputs[0])) return std::nullopt;
    Shape shape = Shape::filled(*rank - 1, 1);
    shape[0] = static_cast<std::int64_t>(affine->scale.size());
    Patch patch;
    const auto first = static_cast<std::uint32_t>(flow.graph().values.size());
    const auto constant = [&](const char* suffix, const std::vector<double>& numbers) {
      patch.values.push_back(float_constant(node.name + suffix, shape, [&](float* to) { std::copy(numbers.begin(), numbers.end(), to); }));
    };
    constant("/scale", affine->scale);
    constant("/shift", affine->shift);
    GraphValue scaled;
    scaled.name = node.name + "/scaled";
    scaled.type = DType::float32;
    patch.values.push_back(std::move(scaled));
    patch.nodes.push_back(make_node(node, ops::Mul{}, {}, {node.inputs[0], ValueId{first}}, {ValueId{first + 2}}));
    patch.nodes.push_back(make_node(node, ops::Add{}, {}, {ValueId{first + 2}, ValueId{first + 1}}, {node.outputs[0]}));
    return patch;
  }
};

}  // namespace hone::inline HONE_ABI::rewrites
#define HONE_SINGLE_REWRITES_MERGE_TRANSPOSES_HPP

namespace hone::inline HONE_ABI::rewrites {

/// Transpose of a Transpose becomes one Transpose; eliminate_no_ops takes it away where the two cancel.
struct MergeTransposes {
  static constexpr std::string_view name = "merge_transposes";

  [[nodiscard]] std::optional<Patch> operator()(const DataFlow& flow, std::size_t at) const {
    const Node& outer = flow.node(at);
    const auto* second = outer.as<ops::Transpose>();
    if (second == nullptr || !second->perm) return std::nullopt;
    const Node* inner = flow.made_by<ops::Transpose>(outer.inputs[0]);
    const auto* first = inner != nullptr ? inner->as<ops::Transpose>() : nullptr;
    if (first == nullptr || !first->perm || first->perm->size() != second->perm->size()) return std::nullopt;
    std::vector<std::int64_t> perm;
    for (const std::int64_t axis : *second->perm) {
      if (axis < 0 || axis >= static_cast<std::int64_t>(first->perm->size())) return std::nullopt;
      perm.push_back((*first->perm)[static_cast<std::size_t>(axis)]);
    }
    Patch patch;
    ops::Transpose op;
    op.perm = perm;
    patch.nodes.push_back(make_node(outer, std::move(op), {{"perm", perm}}, {inner->inputs[0]}, {outer.outputs[0]}));
    if (flow.used_once(outer.inputs[0])) patch.absorbed.push_back(inner);
    return patch;
  }
};

}  // namespace hone::inline HONE_ABI::rewrites

namespace hone::inline HONE_ABI {

/// How a graph is rewritten.
struct RewriteOptions {
  GraphOptimizationLevel level = GraphOptimizationLevel::all;
  std::span<const AnyProvider> providers;
  ThreadPool& pool;
  /// Names of passes that do not run.
  std::span<const std::string> disabled = {};
};

namespace detail {

/// The first provider, in order of priority, that runs the node; their number when none does.
inline std::size_t first_provider(std::span<const AnyProvider> providers, const Graph& graph, const Node& node) {
  const auto found = std::find_if(providers.begin(), providers.end(),
                                  [&](const AnyProvider& provider) { return provider->supports(NodeView(graph, node)); });
  return static_cast<std::size_t>(found - providers.begin());
}

/// Whether the nodes of a patch go to providers of no lower priority than those of all nodes whose work they take over.
inline bool keeps_providers(std::span<const AnyProvider> providers, const Graph& graph, const Node& replaced, const Patch& patch) {
  std::size_t least = first_provider(providers, graph, replaced);
  for (const Node* node : patch.absorbed) least = std::min(least, first_provider(providers, graph, *node));
  return least < providers.size() && std::all_of(patch.nodes.begin(), patch.nodes.end(),
                                                 [&](const Node& node) { return first_provider(providers, graph, node) <= least; });
}

/// Applies a pass to every node and removes what it leaves dead. Returns the number of patches.
template <class Pass>
std::size_t apply_pass(DataFlow& flow, Pass&& pass, std::span<const AnyProvider> providers) {
  std::size_t patches = 0;
  for (std::size_t at = 0; at < flow.size(); ++at) {
    if (flow.node(at).outputs.empty() || flow.node(at).op == nullptr) continue;
    std::optional<Patch> patch = pass(flow, at);
    if (!patch) continue;
    const std::size_t values = flow.graph().values.size();
    flow.add_values(*patch);
    if (!patch->nodes.empty() && !keeps_providers(providers, flow.graph(), flow.node(at), *patch)) {
      flow.take_back(values);
      continue;
    }
    flow.apply(at, std::move(*patch));
    ++patches;
  }
  if (patches != 0) {
    flow.remove_dead_nodes();
#ifndef NDEBUG
    flow.graph().check();
#endif
  }
  return patches;
}

}  // namespace detail

/// Rewrites the graph, subgraphs first, by all passes of the level, in the order in which they stand here, until none fires any more.
/// Appends (pass, patches) to `fired` for those that did.
inline void rewrite(Graph& graph, const RewriteOptions& options, std::vector<std::pair<std::string, std::size_t>>& fired) {
  for (Node& node : graph.nodes)
    for (Subgraph& subgraph : node.subgraphs) rewrite(*subgraph.graph, options, fired);
  DataFlow flow(graph);
  bool changed = true;
  std::vector<std::string_view> names;
  const auto run = [&](GraphOptimizationLevel level, auto pass) {
    if (std::find(names.begin(), names.end(), pass.name) == names.end()) names.push_back(pass.name);
    if (options.level < level || std::find(options.disabled.begin(), options.disabled.end(), pass.name) != options.disabled.end()) return;
    const std::size_t patches = detail::apply_pass(flow, pass, options.providers);
    if (patches == 0) return;
    changed = true;
    const auto found = std::find_if(fired.begin(), fired.end(), [&](const auto& entry) { return entry.first == pass.name; });
    if (found != fired.end()) {
      found->second += patches;
    } else {
      fired.emplace_back(pass.name, patches);
    }
  };
  constexpr auto basic = GraphOptimizationLevel::basic;
  constexpr auto extended = GraphOptimizationLevel::extended;
  if (options.level >= basic) flow.remove_dead_nodes();
  while (changed) {
    changed = false;
    run(basic, rewrites::EliminateNoOps{});
    run(basic, rewrites::FoldConstants{options.providers, options.pool});
    run(basic, rewrites::EliminateCommonSubexpressions{});
    run(basic, rewrites::MergeTransposes{});
    run(extended, rewrites::FuseActivation{});
    run(extended, rewrites::FuseNormalization{});
    run(extended, rewrites::FoldIntoConv{});
  }
  // Last, because chains hide the operators that the patterns above are made of.
  changed = true;
  while (changed) {
    changed = false;
    run(extended, rewrites::SplitBatchNormalization{});
    run(extended, rewrites::FusePointwise{});
  }
  for (const std::string& name : options.disabled) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    fail(ErrorCode::invalid_argument, "there is no rewrite '", name, "' to disable; available: ", join(names, ", "));
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

/// What all runs of a session share.
struct Environment {
  /// Threads that work on one node.
  ThreadPool& pool;
  /// Threads that run nodes; null: one node at a time.
  ThreadPool* inter_op_pool = nullptr;
  Limits limits = {};
};

/// A graph whose nodes all have kernels: what a session, and each subgraph in it, runs. Immutable but for the cache of plans.
class Program {
 public:
  struct PlacedNode {
    std::unique_ptr<AnyKernel> kernel;
    std::string provider;
    /// One per subgraph of the node.
    std::vector<std::unique_ptr<Program>> subprograms;
  };

  /// Plans kept: enough for a handful of alternating batch sizes or sequence lengths.
  static constexpr std::size_t max_plans = 16;

  Graph graph;
  /// Bytes of weights that kernels have packed, without those of subgraphs.
  std::size_t packed_bytes = 0;
  /// Parallel to graph.nodes.
  std::vector<PlacedNode> placed;

  /// The plan for inputs of these shapes (inputs, defaults, then captures) and these outputs, made when it is not among the last ones.
  /// Errors: see make_plan.
  [[nodiscard]] std::shared_ptr<const Plan> plan(std::span<const TensorRef> inputs, const std::vector<bool>& wanted,
                                                 const Environment& environment) const;
  /// Drops the plans, those of subgraphs too; runs that use one keep it to their end.
  void forget_plans() const;
  /// Adds weights, packed copies and plans.
  void add_memory(MemoryReport& to, std::unordered_set<const void*>& counted) const;

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

/// Offers nodes to providers as the options say.
class Placer {
 public:
  Placer(std::span<const AnyProvider> providers, const SessionOptions& options, Report& report)
      : providers_(providers), options_(options), report_(report) {}

  [[nodiscard]] std::unique_ptr<Program> place(Graph graph) {
    auto program = std::make_unique<Program>();
    program->graph = std::move(graph);
    program->placed.reserve(program->graph.nodes.size());
    for (Node& node : program->graph.nodes) {
      check_cancelled(options_.stop_token);
      Program::PlacedNode& placed = program->placed.emplace_back();
      if (node.op == nullptr) {
        unplaced_.add(program->graph, node, node.problem);
        continue;
      }
      if (!types_known(program->graph, node)) continue;  // downstream of a node that is listed already
      const std::int64_t bytes_before = thread_buffer_bytes();
      place(program->graph, node, placed);
      program->packed_bytes += static_cast<std::size_t>(std::max<std::int64_t>(0, thread_buffer_bytes() - bytes_before));
      for (Subgraph& subgraph : node.subgraphs) placed.subprograms.push_back(place(std::move(*subgraph.graph)));
    }
    return program;
  }

  /// Errors: not_implemented, which lists the nodes without a kernel.
  void check() const { unplaced_.check(); }

 private:
  void place(const Graph& graph, const Node& node, Program::PlacedNode& placed) {
    NodeReport line{node.name, node.qualified_op(), node.opset, {}, {}, {}};
    for (const AnyProvider& provider : providers_) {
      Placement placement;
      try {
        placement = provider->place(NodeView(graph, node));
      } catch (const Error& error) {
        throw Error(error.code(), error.what(), node.name, node.qualified_op(), node.opset);
      }
      if (placement.kernel != nullptr) placement.refusal = refusal_of(*provider, placement);
      if (placement.kernel != nullptr && placement.refusal.empty()) {
        placed.kernel = std::move(placement.kernel);
        placed.provider = line.provider = provider->name();
        line.kernel = std::move(placement.name);
        break;
      }
      line.refusals.emplace_back(provider->name(), std::move(placement.refusal));
    }
    if (placed.kernel == nullptr) {
      std::string reasons;
      for (const auto& [name, reason] : line.refusals) reasons += text(reasons.empty() ? "" : "; ", name, ": ", reason);
      unplaced_.add(graph, node, reasons);
    }
    report_.nodes.push_back(std::move(line));
  }

  /// Why the options do not allow a kernel that the provider has; empty when they do.
  [[nodiscard]] std::string refusal_of(const Provider& provider, const Placement& placement) const {
    constexpr std::string_view cpu = "CPUExecutionProvider";
    if (options_.use_deterministic_compute && !placement.deterministic)
      return text("the kernel ", placement.name, " is not deterministic, and use_deterministic_compute is set");
    if (options_.disable_cpu_fallback && provider.name() == cpu && options_.providers[0]->name() != cpu)
      return "it would fall back to the CPU, and disable_cpu_fallback is set";
    return {};
  }

  std::span<const AnyProvider> providers_;
  const SessionOptions& options_;
  Report& report_;
  Unplaced unplaced_;
};

}  // namespace detail

/// Offers each node, those of subgraphs too, to the providers in order.
/// Errors: not_implemented; the one error lists every node that no provider runs. cancelled.
[[nodiscard]] inline std::unique_ptr<const Program> make_program(Graph graph, std::span<const AnyProvider> providers,
                                                                 const SessionOptions& options, Report& report) {
  detail::Placer placer(providers, options, report);
  std::unique_ptr<Program> program = placer.place(std::move(graph));
  placer.check();
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
  const AnyKernel* kernel = nullptr;
  /// The shapes of its outputs are found while running.
  bool dynamic = false;
  std::size_t workspace_offset = 0;  ///< in the arena; for steps that are not dynamic
};

/// Steps that do not depend on each other: those of [first, parallel_end) may run at the same time, those of [parallel_end, end) follow one
/// by one, since their memory is found while running.
struct Wave {
  std::size_t first = 0;
  std::size_t parallel_end = 0;
  std::size_t end = 0;
};

/// A run of a program for one signature (shapes of the inputs, set of wanted outputs): which nodes run, and where every value stands.
/// Whatever follows from constants and input shapes alone is evaluated while planning and costs a run nothing.
struct Plan {
  std::vector<Shape> signature;
  std::vector<bool> wanted;
  std::vector<PlannedValue> values;  ///< by ValueId
  std::vector<PlannedStep> steps;
  /// All steps in order; empty when they run one by one.
  std::vector<Wave> waves;
  std::size_t arena_bytes = 0;
  /// What constants evaluated while planning refer to.
  std::vector<Value> evaluated;

  /// Whether the plan is for inputs of these shapes and these outputs.
  [[nodiscard]] bool is_for(std::span<const TensorRef> inputs, const std::vector<bool>& outputs) const {
    return wanted == outputs && std::equal(inputs.begin(), inputs.end(), signature.begin(), signature.end(),
                                           [](const TensorRef& input, const Shape& shape) { return input.shape == shape; });
  }
};

/// Errors: what shape inference finds wrong with the inputs, as an Error that names the node; resource_exhausted beyond a limit.
[[nodiscard]] std::shared_ptr<const Plan> make_plan(const Program& program, std::span<const TensorRef> inputs,
                                                    const std::vector<bool>& wanted, const Environment& environment);

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
  Planner(const Program& program, std::span<const TensorRef> inputs, const std::vector<bool>& wanted, const Environment& environment)
      : program_(program), graph_(program.graph), environment_(environment), plan_(std::make_shared<Plan>()) {
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
    if (environment_.inter_op_pool != nullptr) make_waves();
    place_values();
    check_arena(plan_->arena_bytes, environment_.limits);
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
        if (node.outputs[k] != no_value) bytes += limited_bytes(planned(node.outputs[k]).ref.dtype, shapes[k], environment_.limits);
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
    plan_->steps.push_back({i, program_.placed[i].kernel.get(), !inferable || has_strings(node), 0});
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
    std::vector<Value> values = slots_of(node).run(*program_.placed[i].kernel, shapes, environment_.pool);
    for (std::size_t k = 0; k < node.outputs.size(); ++k) {
      if (node.outputs[k] == no_value) continue;
      plan_->evaluated.push_back(std::move(values[k]));
      planned(node.outputs[k]) = {Place::constant, plan_->evaluated.back().ref(), 0};
    }
  }

  [[nodiscard]] NodeSlots slots_of(const Node& node) const {
    return NodeSlots(node, [this](ValueId id) { return planned(id).ref; });
  }

  /// Calls visit(id) for each value that a step reads, in subgraphs too.
  template <class Visit>
  void for_each_read(const PlannedStep& step, const Visit& visit) const {
    for (const ValueId id : graph_.nodes[step.node].inputs)
      if (id != no_value) visit(id);
    for (const auto& subprogram : program_.placed[step.node].subprograms)
      for (const Capture& capture : subprogram->graph.captures) visit(capture.outer);
  }

  /// Orders the steps by the longest way from the inputs: those at the same distance do not depend on each other.
  void make_waves() {
    struct Place {
      std::size_t wave;
      bool serial;
      PlannedStep step;
    };
    std::vector<std::size_t> made_in(graph_.values.size(), 0);  // wave after which the value is there
    std::vector<Place> order;
    for (const PlannedStep& step : plan_->steps) {
      std::size_t wave = 0;
      for_each_read(step, [&](ValueId id) { wave = std::max(wave, made_in[index(id)]); });
      for (const ValueId id : graph_.nodes[step.node].outputs)
        if (id != no_value) made_in[index(id)] = wave + 1;
      order.push_back({wave, step.dynamic || !program_.placed[step.node].subprograms.empty(), step});
    }
    std::stable_sort(order.begin(), order.end(),
                     [](const Place& a, const Place& b) { return std::pair(a.wave, a.serial) < std::pair(b.wave, b.serial); });
    for (std::size_t s = 0; s < order.size(); ++s) {
      plan_->steps[s] = order[s].step;
      if (s == 0 || order[s].wave != order[s - 1].wave) plan_->waves.push_back({s, s, s});
      Wave& wave = plan_->waves.back();
      wave.end = s + 1;
      if (!order[s].serial) wave.parallel_end = s + 1;
    }
  }

  /// Gives arena values and workspaces their offsets. Values that share memory (aliases, in-place results) form one block.
  void place_values() {
    constexpr std::size_t none = std::numeric_limits<std::size_t>::max();
    constexpr std::size_t never = std::numeric_limits<std::size_t>::max();
    // Steps of one wave happen at one time: none of them may have memory that another still needs.
    std::vector<std::size_t> time(plan_->steps.size());
    for (std::size_t s = 0; s < time.size(); ++s) time[s] = s;
    for (std::size_t w = 0; w < plan_->waves.size(); ++w)
      for (std::size_t s = plan_->waves[w].first; s < plan_->waves[w].end; ++s) time[s] = w;
    std::vector<std::size_t> last_use(graph_.values.size(), 0);
    last_readers_.assign(graph_.values.size(), 0);
    for (std::size_t s = 0; s < plan_->steps.size(); ++s) {
      std::vector<ValueId> seen;
      for_each_read(plan_->steps[s], [&](ValueId id) {
        if (std::find(seen.begin(), seen.end(), id) != seen.end()) return;
        seen.push_back(id);
        if (last_use[index(id)] != time[s]) last_readers_[index(id)] = 0;
        last_use[index(id)] = time[s];
        ++last_readers_[index(id)];
      });
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
        const std::size_t last = std::max(last_use[value], time[s]);
        std::size_t block = k == 0 ? shared_block(node, time[s], blocks, block_of) : none;
        if (block == none) {
          block = blocks.size();
          blocks.push_back({time[s], last, plan_->values[value].ref.bytes(), 0});
        }
        blocks[block].last = std::max(blocks[block].last, last);
        block_of[value] = block;
      }
      if (step.dynamic) continue;
      if (const std::size_t bytes = slots_of(node).workspace(*step.kernel, environment_.pool); bytes != 0) {
        workspace_block[s] = blocks.size();
        blocks.push_back({time[s], time[s], bytes, 0});
      }
    }
    plan_->arena_bytes = plan_memory(blocks);
    for (std::size_t i = 0; i < block_of.size(); ++i)
      if (block_of[i] != none) plan_->values[i].offset = blocks[block_of[i]].offset;
    for (std::size_t s = 0; s < plan_->steps.size(); ++s)
      if (workspace_block[s] != none) plan_->steps[s].workspace_offset = blocks[workspace_block[s]].offset;
  }

  /// The block of an input in which output 0 of the node may stand, none when it needs a block of its own.
  [[nodiscard]] std::size_t shared_block(const Node& node, std::size_t now, const std::vector<Lifetime>& blocks,
                                         const std::vector<std::size_t>& block_of) const {
    const OpTraits& traits = node.op->traits();
    const std::size_t bytes = planned(node.outputs[0]).ref.bytes();
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      if (node.inputs[k] == no_value) continue;
      const std::size_t block = block_of[index(node.inputs[k])];
      if (block == std::numeric_limits<std::size_t>::max()) continue;
      const PlannedValue& input = planned(node.inputs[k]);
      if (traits.alias && k == 0) return block;
      if (contains(traits.in_place, k) && blocks[block].last == now && may_overwrite(node.inputs[k], block, block_of) &&
          input.ref.bytes() == bytes && blocks[block].bytes == bytes && input.ref.dtype == planned(node.outputs[0]).ref.dtype &&
          !is_other_input(node, k, block, block_of)) {
        return block;
      }
    }
    return std::numeric_limits<std::size_t>::max();
  }

  /// Whether nobody reads the value at the same time as the step that reads it last: always so when steps run one by one.
  [[nodiscard]] bool may_overwrite(ValueId id, std::size_t block, const std::vector<std::size_t>& block_of) const {
    return plan_->waves.empty() || (last_readers_[index(id)] == 1 && std::count(block_of.begin(), block_of.end(), block) == 1);
  }

  /// Whether another input of the node stands in the same block and is read after elements of it are overwritten.
  [[nodiscard]] bool is_other_input(const Node& node, std::size_t k, std::size_t block, const std::vector<std::size_t>& block_of) const {
    for (std::size_t other = 0; other < node.inputs.size(); ++other) {
      if (other == k || node.inputs[other] == no_value || block_of[index(node.inputs[other])] != block) continue;
      if (node.op->traits().reads_late || !(planned(node.inputs[other]).ref.shape == planned(node.inputs[k]).ref.shape)) return true;
    }
    return false;
  }

  const Program& program_;
  const Graph& graph_;
  const Environment& environment_;
  std::shared_ptr<Plan> plan_;
  std::vector<bool> needed_;
  std::vector<std::size_t> last_readers_;  // by ValueId: steps that read it at the time of its last use
};

}  // namespace detail

HONE_INLINE std::shared_ptr<const Plan> make_plan(const Program& program, std::span<const TensorRef> inputs,
                                                  const std::vector<bool>& wanted, const Environment& environment) {
  return detail::Planner(program, inputs, wanted, environment).run();
}

HONE_INLINE std::shared_ptr<const Plan> Program::plan(std::span<const TensorRef> inputs, const std::vector<bool>& wanted,
                                                      const Environment& environment) const {
  const std::lock_guard lock(mutex_);
  for (auto it = plans_.begin(); it != plans_.end(); ++it) {
    if (!(*it)->is_for(inputs, wanted)) continue;
    plans_.splice(plans_.begin(), plans_, it);
    return plans_.front();
  }
  plans_.push_front(make_plan(*this, inputs, wanted, environment));
  if (plans_.size() > max_plans) plans_.pop_back();
  return plans_.front();
}

HONE_INLINE void Program::forget_plans() const {
  {
    const std::lock_guard lock(mutex_);
    plans_.clear();
  }
  for (const PlacedNode& node : placed)
    for (const auto& subprogram : node.subprograms) subprogram->forget_plans();
}

HONE_INLINE void Program::add_memory(MemoryReport& to, std::unordered_set<const void*>& counted) const {
  for (const GraphValue& value : graph.values)
    if (value.constant && counted.insert(value.constant->tensor.data).second) to.weights += value.constant->tensor.bytes();
  for (const auto& [id, constant] : graph.defaults)
    if (counted.insert(constant.tensor.data).second) to.weights += constant.tensor.bytes();
  to.packed += packed_bytes;
  {
    const std::lock_guard lock(mutex_);
    to.plans += plans_.size();
    for (const auto& plan : plans_) to.planned_arena = std::max(to.planned_arena, plan->arena_bytes);
  }
  for (const PlacedNode& node : placed)
    for (const auto& subprogram : node.subprograms) subprogram->add_memory(to, counted);
}

}  // namespace hone::inline HONE_ABI
#endif
#define HONE_SINGLE_SESSION_PROFILER_HPP

#include <cstdio>
#include <ctime>

#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#elif defined(__unix__) || defined(__APPLE__)
#endif

namespace hone::inline HONE_ABI {

/// Quotes included.
[[nodiscard]] inline std::string json_string(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20) {
      char code[8];
      std::snprintf(code, sizeof code, "\\u%04x", static_cast<unsigned>(c));
      result += code;
      continue;
    }
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

/// Writes what a session does as a Chrome trace: a JSON array with one complete event ("ph":"X") per line, times in microseconds since
/// the profile began. Perfetto and chrome://tracing open it.
/// Source: "Trace Event Format", the Chromium project.
class Profiler {
 public:
  using Clock = std::chrono::steady_clock;

  /// The file is "PREFIX_DATE_TIME_NUMBER.json". Errors: no_such_file when it cannot be written.
  explicit Profiler(const std::string& prefix) : path_(path_of(prefix)), stream_(path_, std::ios::binary) {
    if (!stream_) fail(ErrorCode::no_such_file, "the profile '", path_.string(), "' cannot be written");
    stream_ << "[\n";
  }
  Profiler(const Profiler&) = delete;
  Profiler& operator=(const Profiler&) = delete;
  ~Profiler() { (void)end(); }

  /// One event. `arguments`: the members of "args", as JSON. Ignored after end().
  void add(std::string_view category, std::string_view name, Clock::time_point begin, Clock::time_point end, std::string_view arguments) {
    const auto microseconds = [](Clock::duration time) { return std::chrono::duration<double, std::micro>(time).count(); };
    char times[96];
    std::snprintf(times, sizeof times, "\"ts\":%.3f,\"dur\":%.3f", microseconds(begin - start_), microseconds(end - begin));
    const std::string line = text("{\"cat\":", json_string(category), ",\"pid\":", process_id(), ",\"tid\":", thread_id(), ",", times,
                                  ",\"ph\":\"X\",\"name\":", json_string(name), ",\"args\":{", arguments, "}}");
    const std::lock_guard lock(mutex_);
    if (ended_) return;
    if (!first_) stream_ << ",\n";
    first_ = false;
    stream_ << line;
  }

  /// Ends the profile and gives the path of the file; a second call gives the same.
  std::string end() noexcept {
    const std::lock_guard lock(mutex_);
    if (!std::exchange(ended_, true)) {
      stream_ << "\n]\n";
      stream_.close();
    }
    return path_.string();
  }
  [[nodiscard]] bool ended() const noexcept {
    const std::lock_guard lock(mutex_);
    return ended_;
  }

 private:
  static std::filesystem::path path_of(const std::string& prefix) {
    static std::atomic<int> number{0};
    const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
    std::tm broken_down{};
#if defined(_MSC_VER)
    ::localtime_s(&broken_down, &now);
#else
    ::localtime_r(&now, &broken_down);
#endif
    char stamp[32];
    std::strftime(stamp, sizeof stamp, "%Y-%m-%d_%H-%M-%S", &broken_down);
    return text(prefix, "_", stamp, "_", process_id(), "-", number.fetch_add(1), ".json");
  }
  static std::int64_t process_id() noexcept {
#if defined(__unix__) || defined(__APPLE__)
    return ::getpid();
#else
    return 0;
#endif
  }
  static std::int64_t thread_id() noexcept {
#if defined(__linux__)
    thread_local const std::int64_t id = ::syscall(SYS_gettid);
#else
    static std::atomic<std::int64_t> next{1};
    thread_local const std::int64_t id = next.fetch_add(1);
#endif
    return id;
  }

  std::filesystem::path path_;
  std::ofstream stream_;
  const Clock::time_point start_ = Clock::now();
  mutable std::mutex mutex_;
  bool first_ = true;
  bool ended_ = false;
};

}  // namespace hone::inline HONE_ABI

namespace hone::inline HONE_ABI {

/// What one run is asked for, besides its inputs and outputs.
struct RunControl {
  const RunOptions& options;
  /// Null: the run is not profiled.
  Profiler* profiler = nullptr;
};

/// Everything one run of a program changes: the arena, a slot per value, and the frames of its subgraphs. A frame serves one run at a time
/// and keeps its memory for the next.
class Frame final : private SubgraphRunner {
 public:
  /// Precondition: both outlive the frame.
  Frame(const Program& program, const Environment& environment)
      : program_(program), environment_(environment), input_ids_(program.run_inputs()), all_outputs_(program.graph.outputs.size(), true) {}
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

  /// Runs the steps of the plan.
  /// Errors: runtime_exception that names the node; cancelled, with the node that did not start; resource_exhausted.
  void execute(const RunControl& control);

  /// Bytes of the arena and of results of unplanned size, subgraphs included. Not while the frame runs.
  [[nodiscard]] std::size_t bytes() const noexcept;

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
  void run_step(std::size_t step);
  void run_kernel(std::size_t step);
  void run_parallel(const Wave& wave);
  void record(std::size_t step, Profiler::Clock::time_point begin) const;
  bool run(Context& context, std::size_t subgraph, std::span<const Slot* const> inputs, std::span<Slot* const> outputs) override;

  const Program& program_;
  const Environment& environment_;
  const RunControl* control_ = nullptr;  // while a run is on
  std::vector<ValueId> input_ids_;
  const std::vector<bool> all_outputs_;
  std::vector<TensorRef> run_inputs_;              // of a subgraph, kept for its memory
  std::vector<std::unique_ptr<BoundPlan>> bound_;  // the current one first, then the last ones before it
  bool placed_ = false;                            // whether the slots are where the current plan has them
  Buffer arena_;
  Buffer dynamic_workspace_;
  std::vector<Slot> slots_;
  // Of infer_shapes, kept for their memory.
  std::vector<const TensorRef*> shape_inputs_;
  std::vector<Shape> shapes_;
  // The first failure of a parallel wave, by the order of its steps.
  std::mutex failure_mutex_;
  std::size_t failed_step_ = 0;
  std::exception_ptr failure_;
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
  if (placed_ && found == bound_.begin() && !bound_.empty()) return;
  placed_ = false;  // until all is done: memory may run out on the way
  if (found == bound_.end()) {
    std::unique_ptr<BoundPlan> bound = bind(program_.plan(inputs, wanted, environment_));
    if (bound_.size() == Program::max_plans) bound_.pop_back();
    bound_.insert(bound_.begin(), std::move(bound));
  } else {
    std::rotate(bound_.begin(), found, found + 1);
  }
  place_slots();
  placed_ = true;
}

HONE_INLINE std::unique_ptr<Frame::BoundPlan> Frame::bind(std::shared_ptr<const Plan> plan) {
  if (slots_.empty()) {
    slots_ = std::vector<Slot>(plan->values.size());
    for (Slot& slot : slots_) slot.limits = &environment_.limits;
  }
  const auto slot_of = [&](ValueId id) { return id == no_value ? nullptr : &slots_[index(id)]; };
  auto result = std::make_unique<BoundPlan>();
  result->steps.resize(plan->steps.size());
  result->contexts.reserve(plan->steps.size());
  for (std::size_t s = 0; s < plan->steps.size(); ++s) {
    const std::size_t at = plan->steps[s].node;
    BoundStep& step = result->steps[s];
    for (const ValueId id : program_.graph.nodes[at].inputs) step.inputs.push_back(slot_of(id));
    for (const ValueId id : program_.graph.nodes[at].outputs) step.outputs.push_back(slot_of(id));
    for (const auto& subprogram : program_.placed[at].subprograms)
      step.frames.push_back(std::make_unique<Frame>(*subprogram, environment_));
    result->contexts.emplace_back(step.inputs, step.outputs, environment_.pool).set_runner(this);
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

HONE_INLINE void Frame::execute(const RunControl& control) {
  control_ = &control;
  const Plan& plan = *current().plan;
  if (plan.waves.empty()) {
    for (std::size_t s = 0; s < plan.steps.size(); ++s) run_step(s);
    return;
  }
  for (const Wave& wave : plan.waves) {
    run_parallel(wave);
    for (std::size_t s = wave.parallel_end; s < wave.end; ++s) run_step(s);
  }
}

HONE_INLINE void Frame::run_parallel(const Wave& wave) {
  failure_ = nullptr;
  const auto body = [&](std::int64_t begin, std::int64_t end) {
    for (auto s = wave.first + static_cast<std::size_t>(begin); s < wave.first + static_cast<std::size_t>(end); ++s) {
      try {
        run_step(s);
      } catch (...) {
        const std::lock_guard lock(failure_mutex_);
        if (failure_ != nullptr && failed_step_ < s) continue;
        failure_ = std::current_exception();
        failed_step_ = s;
      }
    }
  };
  environment_.inter_op_pool->parallel_for(static_cast<std::int64_t>(wave.parallel_end - wave.first), 1, body);
  if (failure_ != nullptr) std::rethrow_exception(std::exchange(failure_, nullptr));
}

HONE_INLINE void Frame::run_step(std::size_t s) {
  try {
    if (control_->options.cancelled()) fail(ErrorCode::cancelled, "the run was cancelled before this node");
    if (control_->profiler == nullptr) return run_kernel(s);
    const auto begin = Profiler::Clock::now();
    run_kernel(s);
    record(s, begin);
  } catch (const Error& error) {
    if (!error.node().empty()) throw;
    const Node& node = program_.graph.nodes[current().plan->steps[s].node];
    throw Error(error.code(), error.what(), node.name, node.qualified_op(), node.opset);
  }
}

HONE_INLINE void Frame::run_kernel(std::size_t s) {
  const PlannedStep& step = current().plan->steps[s];
  Context& context = current().contexts[s];
  if (step.dynamic) {
    if (!program_.graph.nodes[step.node].op->traits().data_dependent) infer_shapes(s);
    const std::size_t workspace = step.kernel->workspace(context);
    detail::check_arena(workspace, environment_.limits);
    dynamic_workspace_.reserve(workspace);
    context.set_workspace(static_cast<std::byte*>(dynamic_workspace_.data()));
  }
  step.kernel->run(context);
  if (context.failed()) fail(ErrorCode::runtime_exception, context.take_failure());
}

HONE_INLINE void Frame::record(std::size_t s, Profiler::Clock::time_point begin) const {
  const auto end = Profiler::Clock::now();
  const std::size_t at = current().plan->steps[s].node;
  const Node& node = program_.graph.nodes[at];
  const auto shapes = [](const std::vector<Slot*>& slots) {
    std::string result;
    for (const Slot* slot : slots) {
      if (slot == nullptr || slot->tensor.dtype == DType::undefined) continue;
      result += text(result.empty() ? "" : ",", "{\"", name(slot->tensor.dtype), "\":[", join(slot->tensor.shape, ","), "]}");
    }
    return "[" + result + "]";
  };
  const BoundStep& bound = current().steps[s];
  std::string arguments =
      text("\"op_name\":", json_string(node.qualified_op()), ",\"provider\":", json_string(program_.placed[at].provider),
           ",\"input_type_shape\":", shapes(bound.inputs), ",\"output_type_shape\":", shapes(bound.outputs));
  if (!control_->options.tag.empty()) arguments += text(",\"run_tag\":", json_string(control_->options.tag));
  control_->profiler->add("Node", node.name, begin, end, arguments);
}

HONE_INLINE std::size_t Frame::bytes() const noexcept {
  std::size_t total = arena_.bytes() + dynamic_workspace_.bytes();
  for (const Slot& slot : slots_) total += slot.storage.bytes();
  for (const auto& bound : bound_)
    for (const BoundStep& step : bound->steps)
      for (const auto& frame : step.frames) total += frame->bytes();
  return total;
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
  frame.execute(*control_);
  for (std::size_t i = 0; i < outputs.size() && i < graph.outputs.size(); ++i) {
    if (outputs[i] != nullptr) detail::copy_to(frame.output(i), *outputs[i]);
  }
  return !context.failed();
}

}  // namespace hone::inline HONE_ABI
#define HONE_SINGLE_SESSION_SESSION_STATE_HPP

#define HONE_SINGLE_SESSION_RUNNABLE_HPP

namespace hone::inline HONE_ABI::detail {

/// What one run changes; kept from run to run, so that a run allocates nothing.
struct RunContext {
  RunContext(const Program& program, const Environment& environment) : frame(program, environment) {}

  Frame frame;
  std::vector<const ValueRef*> feeds;     ///< by input, then by overridable initializer; null for those that are not fed
  std::vector<const ResultRef*> results;  ///< by output, null for those that are not asked for
  std::vector<TensorRef> inputs;          ///< as Frame::prepare takes them
  std::vector<bool> wanted;               ///< by output
};

/// A program with the contexts that its runs leave behind for the next.
class Runnable {
 public:
  Runnable(std::unique_ptr<const Program> program, const Environment& environment)
      : program_(std::move(program)), environment_(environment) {}
  Runnable(const Runnable&) = delete;
  Runnable& operator=(const Runnable&) = delete;
  ~Runnable() { delete spare_.load(std::memory_order_acquire); }

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

  /// Adds weights, plans, and what the idle contexts hold.
  void add_memory(MemoryReport& to, std::unordered_set<const void*>& counted) {
    program_->add_memory(to, counted);
    const std::lock_guard lock(mutex_);
    if (std::unique_ptr<RunContext> spare{spare_.exchange(nullptr, std::memory_order_acquire)}) idle_.push_back(std::move(spare));
    for (const auto& context : idle_) to.contexts += context->frame.bytes();
    to.idle_contexts += idle_.size();
    to.busy_contexts += contexts_ - idle_.size();
  }

  /// Frees the plans and the contexts that no run uses.
  void trim() {
    program_->forget_plans();
    const std::lock_guard lock(mutex_);
    if (const std::unique_ptr<RunContext> spare{spare_.exchange(nullptr, std::memory_order_acquire)}) --contexts_;
    contexts_ -= idle_.size();
    idle_.clear();
  }

 private:
  // The context of the last run waits in `spare_`, where one thread finds it without a lock; those of concurrent runs wait in `idle_`.
  [[nodiscard]] std::unique_ptr<RunContext> take() {
    if (RunContext* spare = spare_.exchange(nullptr, std::memory_order_acquire)) return std::unique_ptr<RunContext>(spare);
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      std::unique_ptr<RunContext> context = std::move(idle_.back());
      idle_.pop_back();
      return context;
    }
    idle_.reserve(contexts_ + 1);  // giving back must not fail
    auto context = std::make_unique<RunContext>(*program_, environment_);
    ++contexts_;
    return context;
  }
  void give_back(std::unique_ptr<RunContext> context) noexcept {
    RunContext* none = nullptr;
    if (spare_.compare_exchange_strong(none, context.get(), std::memory_order_release, std::memory_order_relaxed)) {
      (void)context.release();
      return;
    }
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(context));
  }

  std::unique_ptr<const Program> program_;
  const Environment& environment_;
  std::atomic<RunContext*> spare_{nullptr};
  std::mutex mutex_;
  std::size_t contexts_ = 0;
  std::vector<std::unique_ptr<RunContext>> idle_;
};

}  // namespace hone::inline HONE_ABI::detail

namespace hone::inline HONE_ABI::detail {

/// What a session is made of. Runs share it, so that it lives until the last of them ends, whatever becomes of the session.
class SessionState {
 public:
  /// Errors: see Session. `folder`: of external data.
  SessionState(std::shared_ptr<const onnx::ModelProto> model, std::filesystem::path folder, SessionOptions with);
  /// The same model with other providers.
  SessionState(const SessionState& other, std::vector<AnyProvider> providers);
  SessionState& operator=(const SessionState&) = delete;

  /// Runs the model. `fill(context)` puts feeds and results where they belong, and returns whether it feeds an overridable initializer.
  template <class Fill>
  void run(const RunOptions& run_options, const Fill& fill);

  [[nodiscard]] MemoryReport memory();
  void trim();
  void log(Severity severity, std::string_view message) const {
    if (logger.enabled(severity)) logger.write(severity, message);
  }

  SessionOptions options;  // never changes once the state is made
  const Logger logger;
  std::shared_ptr<Profiler> profiler;
  std::shared_ptr<const ModelInterface> interface;
  Report report;

 private:
  void load();
  [[nodiscard]] ImportOptions import_options(InitializerInputs initializer_inputs) const;
  [[nodiscard]] std::unique_ptr<Runnable> make_runnable(Graph graph, Report& to) const;
  /// The program in which initializers are inputs, made when a feed first overrides one.
  [[nodiscard]] Runnable& overridden_program();
  void execute(RunContext& context, const Graph& graph, const RunOptions& run_options) const;
  void run_logged(RunContext& context, const Graph& graph, const RunOptions& run_options) const;
  void place_inputs(RunContext& context, const Graph& graph) const;
  [[nodiscard]] const TensorRef& result_memory(RunContext& context, std::size_t output) const;
  void take_results(RunContext& context, const Graph& graph) const;

  std::shared_ptr<const onnx::ModelProto> model_;
  std::filesystem::path folder_;
  std::shared_ptr<ThreadPool> pool_;
  std::shared_ptr<ThreadPool> inter_op_pool_;
  Environment environment_;
  std::vector<AnyProvider> providers_;  // custom operators, then those of the options
  OpRegistry registry_;
  std::unique_ptr<Runnable> fixed_;
  std::mutex mutex_;
  std::unique_ptr<Runnable> overridden_;
};

}  // namespace hone::inline HONE_ABI::detail

namespace hone::inline HONE_ABI::detail {

inline SessionOptions checked(SessionOptions options) {
  apply_config_entries(options);
  if (options.providers.empty()) {
    fail(ErrorCode::invalid_argument, "the session has no providers; the option providers must name at least one");
  }
  static constexpr int most_threads = 1024;
  const auto check_threads = [](int threads, std::string_view option) {
    if (threads >= 0 && threads <= most_threads) return;
    fail(ErrorCode::invalid_argument, option, " is ", threads, "; it must be 0 (all processors) to ", most_threads);
  };
  check_threads(options.intra_op_num_threads, "intra_op_num_threads");
  check_threads(options.inter_op_num_threads, "inter_op_num_threads");
  const auto check_dimensions = [](const std::map<std::string, std::int64_t>& overrides) {
    for (const auto& [name, size] : overrides)
      if (size < 0) fail(ErrorCode::invalid_argument, "the free dimension '", name, "' is overridden by ", size, ", which is negative");
  };
  check_dimensions(options.free_dimension_overrides);
  check_dimensions(options.free_dimension_overrides_by_denotation);
  return options;
}

inline std::shared_ptr<ThreadPool> pool_of(const SessionOptions& options, int threads, bool bound) {
  if (options.executor == nullptr && !options.use_per_session_threads && options.intra_op_thread_affinities.empty()) {
    return {std::shared_ptr<void>(), &ThreadPool::shared(threads, options.allow_spinning, options.set_denormal_as_zero)};
  }
  ThreadPoolOptions with{.threads = threads, .spin = options.allow_spinning, .denormals_as_zero = options.set_denormal_as_zero};
  if (bound) with.affinities = options.intra_op_thread_affinities;
  with.executor = options.executor;
  return std::make_shared<ThreadPool>(with);
}

inline std::shared_ptr<ThreadPool> inter_op_pool_of(const SessionOptions& options) {
  if (options.execution_mode == ExecutionMode::sequential) return nullptr;
  return pool_of(options, options.inter_op_num_threads, false);
}

inline std::vector<AnyProvider> providers_of(const SessionOptions& options) {
  std::vector<AnyProvider> result = options.providers;
  if (!options.custom_ops.empty()) result.insert(result.begin(), std::make_shared<const CustomOpProvider>(options.custom_ops));
  return result;
}

inline SessionOptions with_providers(SessionOptions options, std::vector<AnyProvider> providers) {
  options.providers = std::move(providers);
  return options;
}

inline std::vector<NodeArg> node_args(const Graph& graph, const std::vector<ValueId>& ids) {
  std::vector<NodeArg> args;
  for (const ValueId id : ids) args.push_back({graph[id].name, graph[id].type, graph[id].shape});
  return args;
}

inline std::shared_ptr<const ModelInterface> interface_of(ImportedModel& imported) {
  auto result = std::make_shared<ModelInterface>();
  result->inputs = node_args(imported.graph, imported.graph.inputs);
  result->overridable = std::move(imported.overridable_initializers);
  result->outputs = node_args(imported.graph, imported.graph.outputs);
  for (std::size_t i = 0; i < result->outputs.size(); ++i) result->outputs[i].name = imported.graph.output_names[i];
  result->metadata = std::move(imported.metadata);
  return result;
}

HONE_INLINE SessionState::SessionState(std::shared_ptr<const onnx::ModelProto> model, std::filesystem::path folder, SessionOptions with)
    : options(checked(std::move(with))),
      logger(options.log_callback, options.log_severity, options.log_id),
      profiler(options.enable_profiling ? std::make_shared<Profiler>(options.profile_file_prefix) : nullptr),
      model_(std::move(model)),
      folder_(options.external_data_folder.empty() ? std::move(folder) : options.external_data_folder),
      pool_(pool_of(options, options.intra_op_num_threads, true)),
      inter_op_pool_(inter_op_pool_of(options)),
      environment_{*pool_, inter_op_pool_.get(), options.limits},
      providers_(providers_of(options)) {
  load();
}

HONE_INLINE SessionState::SessionState(const SessionState& other, std::vector<AnyProvider> providers)
    : options(checked(with_providers(other.options, std::move(providers)))),
      logger(other.logger),
      profiler(other.profiler),
      interface(other.interface),
      model_(other.model_),
      folder_(other.folder_),
      pool_(other.pool_),
      inter_op_pool_(other.inter_op_pool_),
      environment_{*pool_, inter_op_pool_.get(), options.limits},
      providers_(providers_of(options)) {
  load();
}

HONE_INLINE void SessionState::load() {
  const auto begin = Profiler::Clock::now();
  try {
    for (const AnyProvider& provider : providers_)
      for (const OpInfo* op : provider->operators()) registry_.add(op);
    ImportedModel imported = import_model(model_, folder_, registry_, import_options(InitializerInputs::constant));
    const auto read = Profiler::Clock::now();
    if (profiler != nullptr) profiler->add("Session", "model_loading", begin, read, "");
    if (interface == nullptr) interface = interface_of(imported);
    fixed_ = make_runnable(std::move(imported.graph), report);
    if (profiler != nullptr) profiler->add("Session", "session_initialization", read, Profiler::Clock::now(), "");
  } catch (const std::exception& error) {
    log(Severity::error, error.what());
    throw;
  }
  options.stop_token = {};  // it is loading that it ends, not what comes later
  for (const NodeReport& node : report.nodes) {
    for (const auto& [provider, reason] : node.refusals) {
      if (provider == CustomOpProvider::own_name) continue;
      if (logger.enabled(Severity::warning))
        log(Severity::warning, text("node '", node.node, "' (", node.op, ") runs on ", node.provider, "; ", provider, ": ", reason));
    }
    if (logger.enabled(Severity::verbose))
      log(Severity::verbose, text("node '", node.node, "' (", node.op, "): ", node.provider, " ", node.kernel));
  }
  for (const auto& [pass, patches] : report.rewrites)
    if (logger.enabled(Severity::verbose)) log(Severity::verbose, text("rewrite ", pass, ": ", patches, " patches"));
  if (logger.enabled(Severity::info)) {
    const std::chrono::duration<double, std::milli> time = Profiler::Clock::now() - begin;
    log(Severity::info,
        text("loaded the graph '", interface->metadata.graph_name, "' of ", report.nodes.size(), " nodes in ", time.count(), " ms"));
  }
}

HONE_INLINE ImportOptions SessionState::import_options(InitializerInputs initializer_inputs) const {
  return {.initializer_inputs = initializer_inputs,
          .free_dimension_overrides = &options.free_dimension_overrides,
          .free_dimension_overrides_by_denotation = &options.free_dimension_overrides_by_denotation,
          .initializers = &options.initializers,
          .external_files = &options.external_files,
          .limits = options.limits,
          .stop_token = options.stop_token};
}

HONE_INLINE std::unique_ptr<Runnable> SessionState::make_runnable(Graph graph, Report& to) const {
  check_cancelled(options.stop_token);
  rewrite(graph, {options.graph_optimization_level, providers_, *pool_, options.disabled_optimizers}, to.rewrites);
  return std::make_unique<Runnable>(make_program(std::move(graph), providers_, options, to), environment_);
}

HONE_INLINE Runnable& SessionState::overridden_program() {
  const std::lock_guard lock(mutex_);
  if (!overridden_) {
    Report ignored;
    overridden_ = make_runnable(import_model(model_, folder_, registry_, import_options(InitializerInputs::overridable)).graph, ignored);
  }
  return *overridden_;
}

HONE_INLINE MemoryReport SessionState::memory() {
  MemoryReport result;
  std::unordered_set<const void*> counted;
  fixed_->add_memory(result, counted);
  const std::lock_guard lock(mutex_);
  if (overridden_) overridden_->add_memory(result, counted);
  return result;
}

HONE_INLINE void SessionState::trim() {
  fixed_->trim();
  const std::lock_guard lock(mutex_);
  if (overridden_) overridden_->trim();
}

template <class Fill>
void SessionState::run(const RunOptions& run_options, const Fill& fill) {
  const Runnable::Lease lease(*fixed_);
  RunContext& context = *lease;
  context.feeds.assign(interface->inputs.size() + interface->overridable.size(), nullptr);
  context.results.assign(interface->outputs.size(), nullptr);
  const bool overrides = fill(context);
  for (std::size_t i = 0; i < interface->inputs.size(); ++i) {
    if (context.feeds[i] != nullptr) continue;
    const NodeArg& input = interface->inputs[i];
    fail(ErrorCode::invalid_argument, "the input '", input.name, "' (", input.type(), ") is not fed");
  }
  if (run_options.cancelled()) fail(ErrorCode::cancelled, "the run was cancelled before its first node");
  if (!overrides) return run_logged(context, fixed_->graph(), run_options);
  Runnable& program = overridden_program();
  const Runnable::Lease other(program);
  (*other).feeds = context.feeds;
  (*other).results = context.results;
  run_logged(*other, program.graph(), run_options);
}

/// Adds what logs and profiles want to know to execute().
HONE_INLINE void SessionState::run_logged(RunContext& context, const Graph& graph, const RunOptions& run_options) const {
  context.wanted.resize(context.results.size());
  for (std::size_t i = 0; i < context.results.size(); ++i) context.wanted[i] = context.results[i] != nullptr;
  const DenormalsAsZero denormals(options.set_denormal_as_zero);
  if (profiler == nullptr && !options.log_callback) return execute(context, graph, run_options);
  const auto begin = Profiler::Clock::now();
  try {
    execute(context, graph, run_options);
  } catch (const std::exception& error) {
    if (logger.enabled(Severity::error, run_options.log_severity)) logger.write(Severity::error, error.what(), run_options.tag);
    throw;
  }
  const auto end = Profiler::Clock::now();
  if (profiler != nullptr) profiler->add("Session", "model_run", begin, end, text("\"run_tag\":", json_string(run_options.tag)));
  if (logger.enabled(Severity::verbose, run_options.log_severity)) {
    const std::chrono::duration<double, std::micro> time = end - begin;
    logger.write(Severity::verbose, text("a run took ", time.count(), " us"), run_options.tag);
  }
}

HONE_INLINE void SessionState::execute(RunContext& context, const Graph& graph, const RunOptions& run_options) const {
  place_inputs(context, graph);
  // A value that is an output twice is written to the first place, and copied from there to the second.
  for (std::size_t i = graph.outputs.size(); i-- > 0;) {
    if (context.wanted[i] && context.frame.output_place(i) == PlannedValue::Place::output)
      context.frame.output(i).tensor.data = result_memory(context, i).data;
  }
  context.frame.execute({run_options, profiler != nullptr && !profiler->ended() ? profiler.get() : nullptr});
  take_results(context, graph);
}

HONE_INLINE void SessionState::place_inputs(RunContext& context, const Graph& graph) const {
  const std::size_t inputs = interface->inputs.size();
  context.inputs.clear();
  for (std::size_t i = 0; i < inputs + graph.defaults.size(); ++i) {
    const ValueRef* feed = context.feeds[i];
    context.inputs.push_back(feed != nullptr ? feed->tensor() : graph.defaults[i - inputs].second.tensor);
  }
  context.frame.prepare(context.inputs, context.wanted);
  for (std::size_t i = 0; i < context.inputs.size(); ++i) {
    Slot& slot = context.frame.input(i);
    slot.tensor = context.inputs[i];
    if (context.feeds[i] != nullptr && !context.feeds[i]->is_tensor()) slot.object = context.feeds[i]->value()->clone();
  }
}

HONE_INLINE const TensorRef& SessionState::result_memory(RunContext& context, std::size_t output) const {
  const TensorRef& tensor = context.frame.output(output).tensor;
  try {
    return context.results[output]->memory(tensor.dtype, tensor.shape);
  } catch (const Error& error) {
    throw Error(error.code(), text("output '", interface->outputs[output].name, "': ", error.what()));
  }
}

HONE_INLINE void SessionState::take_results(RunContext& context, const Graph& graph) const {
  for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
    if (!context.wanted[i]) continue;
    const Slot& slot = context.frame.output(i);
    if (slot.tensor.dtype == DType::undefined) {
      if (context.results[i]->value() == nullptr) {
        fail(ErrorCode::invalid_argument, "output '", interface->outputs[i].name, "' is ", interface->outputs[i].type(),
             "; it needs a Value to go to");
      }
      *context.results[i]->value() = slot.object.clone();
      continue;
    }
    const TensorRef& memory = result_memory(context, i);
    if (memory.data != slot.tensor.data) copy_elements(slot.tensor, memory);
  }
}

}  // namespace hone::inline HONE_ABI::detail

namespace hone::inline HONE_ABI {

namespace detail {

inline std::shared_ptr<const onnx::ModelProto> parse_model_file(const std::filesystem::path& path, const SessionOptions& options) {
  check_cancelled(options.stop_token);
  const MappedFile file(path);
  try {
    return parse_model(file.bytes());
  } catch (const Error& error) {
    throw Error(error.code(), text("'", path.string(), "': ", error.what()));
  }
}

/// Puts feeds where the session looks for them. Returns whether one overrides an initializer.
/// Errors: invalid_argument.
inline bool place_feeds(const ModelInterface& interface, std::span<const Feed> feeds, RunContext& context) {
  bool overrides = false;
  for (std::size_t i = 0; i < feeds.size(); ++i) {
    const std::size_t at = interface.input_index(feeds[i].name, i);
    if (context.feeds[at] != nullptr) fail(ErrorCode::invalid_argument, "the input '", feeds[i].name, "' is fed twice");
    interface.check_feed(at, feeds[i].value);
    context.feeds[at] = &feeds[i].value;
    overrides = overrides || at >= interface.inputs.size();
  }
  return overrides;
}

inline void place_fetches(const ModelInterface& interface, std::span<const Fetch> fetches, RunContext& context) {
  for (std::size_t i = 0; i < fetches.size(); ++i) {
    const std::size_t at = interface.output_index(fetches[i].name, i);
    if (context.results[at] != nullptr) fail(ErrorCode::invalid_argument, "the output '", fetches[i].name, "' is asked for twice");
    interface.check_result(at, fetches[i].value);
    context.results[at] = &fetches[i].value;
  }
}

inline Outputs run_all(SessionState& state, std::span<const Feed> feeds, const RunOptions& options) {
  std::vector<std::pair<std::string, Value>> named;
  for (const NodeArg& output : state.interface->outputs) named.emplace_back(output.name, Value());
  std::vector<ResultRef> results;
  for (auto& [name, value] : named) results.emplace_back(value);
  state.run(options, [&](RunContext& context) {
    for (std::size_t i = 0; i < results.size(); ++i) context.results[i] = &results[i];
    return place_feeds(*state.interface, feeds, context);
  });
  return Outputs(std::move(named));
}

/// A run that waits for a thread.
struct AsyncRun {
  std::shared_ptr<SessionState> state;
  std::vector<std::string> names;
  std::vector<Feed> feeds;
  RunOptions options;
  Session::RunCallback done;

  void operator()() noexcept {
    Outputs outputs;
    std::exception_ptr error;
    try {
      outputs = run_all(*state, feeds, options);
    } catch (...) {
      error = std::current_exception();
    }
    try {
      done(std::move(outputs), std::move(error));
    } catch (...) {  // nobody is left to tell
    }
  }
};

}  // namespace detail

HONE_INLINE Session::Session(const std::filesystem::path& model, SessionOptions options) {
  auto parsed = detail::parse_model_file(model, options);
  state_ = std::make_shared<detail::SessionState>(std::move(parsed), model.parent_path(), std::move(options));
}

HONE_INLINE Session::Session(std::span<const std::byte> model, SessionOptions options)
    : state_(std::make_shared<detail::SessionState>(parse_model(model), std::filesystem::path{}, std::move(options))) {}

HONE_INLINE Session::Session(std::span<const std::byte> buffer, std::size_t offset, std::size_t length, SessionOptions options) {
  if (offset > buffer.size() || length > buffer.size() - offset) {
    fail(ErrorCode::invalid_argument, length, " bytes at offset ", offset, " are not inside a buffer of ", buffer.size());
  }
  state_ = std::make_shared<detail::SessionState>(parse_model(buffer.subspan(offset, length)), std::filesystem::path{}, std::move(options));
}

HONE_INLINE Session::Session(const onnx::ModelProto& model, SessionOptions options)
    : state_(std::make_shared<detail::SessionState>(copy_model(model), std::filesystem::path{}, std::move(options))) {}

HONE_INLINE Session::Session(Session&&) noexcept = default;
HONE_INLINE Session& Session::operator=(Session&&) noexcept = default;
HONE_INLINE Session::~Session() = default;

HONE_INLINE detail::SessionState& Session::state() const {
  if (state_ == nullptr) fail(ErrorCode::invalid_argument, "the session has been moved from");
  return *state_;
}

HONE_INLINE Outputs Session::run(std::span<const Feed> feeds, const RunOptions& options) const {
  (void)state();
  const std::shared_ptr<detail::SessionState> state = state_;
  return detail::run_all(*state, feeds, options);
}

HONE_INLINE Outputs Session::run(std::span<const std::string> output_names, std::span<const Feed> feeds, const RunOptions& options) const {
  std::vector<std::pair<std::string, Value>> named;
  for (const std::string& name : output_names) named.emplace_back(name, Value());
  std::vector<Fetch> fetches;
  for (auto& [name, value] : named) fetches.push_back({name, value});
  run(feeds, fetches, options);
  return Outputs(std::move(named));
}

HONE_INLINE void Session::run(std::span<const Feed> feeds, std::span<const Fetch> fetches, const RunOptions& options) const {
  (void)state();
  const std::shared_ptr<detail::SessionState> state = state_;
  state->run(options, [&](detail::RunContext& context) {
    detail::place_fetches(*state->interface, fetches, context);
    return detail::place_feeds(*state->interface, feeds, context);
  });
}

HONE_INLINE IoBinding Session::io_binding() const { return IoBinding(state().interface); }

HONE_INLINE void Session::run(IoBinding& binding, const RunOptions& options) const {
  (void)state();
  const std::shared_ptr<detail::SessionState> state = state_;
  if (binding.interface_ != state->interface) fail(ErrorCode::invalid_argument, "the binding is of another session");
  state->run(options, [&](detail::RunContext& context) {
    bool any = false;
    for (std::size_t i = 0; i < binding.outputs_.size(); ++i) {
      context.results[i] = binding.outputs_[i] ? &*binding.outputs_[i] : nullptr;
      any = any || binding.outputs_[i];
    }
    if (!any) fail(ErrorCode::invalid_argument, "the binding has no outputs");
    bool overrides = false;
    for (std::size_t i = 0; i < binding.inputs_.size(); ++i) {
      context.feeds[i] = binding.inputs_[i] ? &*binding.inputs_[i] : nullptr;
      overrides = overrides || (binding.inputs_[i] && i >= state->interface->inputs.size());
    }
    return overrides;
  });
}

HONE_INLINE void Session::run_async(std::span<const Feed> feeds, RunCallback done, RunOptions options) const {
  detail::SessionState& shared = state();
  auto run = std::make_unique<detail::AsyncRun>();
  run->state = state_;
  run->names.reserve(feeds.size());  // the feeds refer to the names
  for (const Feed& feed : feeds) run->feeds.push_back({run->names.emplace_back(feed.name), feed.value});
  run->options = std::move(options);
  run->done = std::move(done);
  if (Executor* executor = shared.options.executor.get()) {
    const auto task = [](void* argument) noexcept { (*std::unique_ptr<detail::AsyncRun>(static_cast<detail::AsyncRun*>(argument)))(); };
    if (!executor->submit(task, run.get())) fail(ErrorCode::runtime_exception, "the executor of the session takes no task");
    (void)run.release();
    return;
  }
  TaskQueue::shared().post([task = std::shared_ptr<detail::AsyncRun>(std::move(run))] { (*task)(); });
}

HONE_INLINE std::future<Outputs> Session::run_async(std::span<const Feed> feeds, RunOptions options) const {
  auto promise = std::make_shared<std::promise<Outputs>>();
  std::future<Outputs> future = promise->get_future();
  const auto done = [promise](Outputs outputs, const std::exception_ptr& error) {
    if (error != nullptr) {
      promise->set_exception(error);
    } else {
      promise->set_value(std::move(outputs));
    }
  };
  run_async(feeds, RunCallback(done), std::move(options));
  return future;
}

HONE_INLINE const std::vector<NodeArg>& Session::inputs() const noexcept { return state_->interface->inputs; }
HONE_INLINE const std::vector<NodeArg>& Session::outputs() const noexcept { return state_->interface->outputs; }
HONE_INLINE const std::vector<NodeArg>& Session::overridable_initializers() const noexcept { return state_->interface->overridable; }
HONE_INLINE const ModelMetadata& Session::model_metadata() const noexcept { return state_->interface->metadata; }
HONE_INLINE const Report& Session::report() const noexcept { return state_->report; }
HONE_INLINE const SessionOptions& Session::options() const noexcept { return state_->options; }

HONE_INLINE int Session::opset(std::string_view domain) const {
  const auto& opsets = state().interface->metadata.opset_imports;
  const auto found = opsets.find(domain == "ai.onnx" ? std::string() : std::string(domain));
  if (found != opsets.end()) return found->second;
  std::string known;
  for (const auto& [name, version] : opsets) known += text(known.empty() ? "'" : ", '", name.empty() ? "ai.onnx" : name, "'");
  fail(ErrorCode::invalid_argument, "the model imports no opset of the domain '", domain, "'; it imports ", known.empty() ? "none" : known);
}

HONE_INLINE std::vector<std::string> Session::providers() const {
  std::vector<std::string> names;
  for (const AnyProvider& provider : state().options.providers) names.emplace_back(provider->name());
  return names;
}

HONE_INLINE void Session::set_providers(std::vector<AnyProvider> providers) {
  state_ = std::make_shared<detail::SessionState>(state(), std::move(providers));
}

HONE_INLINE MemoryReport Session::memory() const { return state().memory(); }
HONE_INLINE void Session::trim() const { state().trim(); }

HONE_INLINE std::string Session::end_profiling() const {
  if (state().profiler == nullptr) fail(ErrorCode::invalid_argument, "the session was created without enable_profiling");
  return state().profiler->end();
}

}  // namespace hone::inline HONE_ABI
#endif
