#pragma once

#include <charconv>
#include <concepts>
#include <string>
#include <string_view>

#include <hone/config.hpp>

namespace hone::inline HONE_ABI {

namespace detail {

inline void append(std::string& to, std::string_view piece) { to.append(piece); }
inline void append(std::string& to, char piece) { to.push_back(piece); }
template <std::same_as<bool> Bool>
void append(std::string& to, Bool piece) {
  to.append(piece ? "true" : "false");
}

template <class Number>
requires((std::integral<Number> || std::floating_point<Number>)&&!std::same_as<Number, bool> &&
         !std::same_as<Number, char>) void append(std::string& to, Number piece) {
  char digits[64];
  const auto end = std::to_chars(digits, digits + sizeof digits, piece).ptr;
  to.append(digits, end);
}

template <class T>
requires requires(const T& piece) {
  { to_string(piece) } -> std::convertible_to<std::string>;
}
void append(std::string& to, const T& piece) { to.append(to_string(piece)); }

}  // namespace detail

/// Concatenates its arguments: strings, characters, numbers, and whatever has a `to_string` in its namespace.
template <class... Pieces>
[[nodiscard]] std::string text(const Pieces&... pieces) {
  std::string result;
  (detail::append(result, pieces), ...);
  return result;
}

/// `items` separated by `separator`, each rendered as by text().
template <class Items>
[[nodiscard]] std::string join(const Items& items, std::string_view separator) {
  std::string result;
  bool first = true;
  for (const auto& item : items) {
    if (!first) result.append(separator);
    detail::append(result, item);
    first = false;
  }
  return result;
}

}  // namespace hone::inline HONE_ABI
