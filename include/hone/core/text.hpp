#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include <hone/config.hpp>

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
