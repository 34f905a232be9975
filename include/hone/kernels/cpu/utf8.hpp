#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <hone/config.hpp>

namespace hone::inline HONE_ABI {

/// Takes the first code point off `text`. A byte that starts none becomes 0xdc00 + byte, which no text has. Precondition: `text` is not
/// empty.
inline char32_t take_code_point(std::string_view& text) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  const std::size_t length = first < 0x80                    ? 1
                             : first >= 0xf0 && first < 0xf8 ? 4
                             : first >= 0xe0 && first < 0xf0 ? 3
                             : first >= 0xc0 && first < 0xe0 ? 2
                                                             : 1;
  char32_t code = length == 1 ? first : first & (0x7fU >> length);
  bool whole = length <= text.size();
  for (std::size_t i = 1; whole && i < length; ++i) {
    whole = (byte(i) & 0xc0U) == 0x80U;
    code = (code << 6) | (byte(i) & 0x3fU);
  }
  text.remove_prefix(whole ? length : 1);
  return whole && (length > 1 || first < 0x80) ? code : 0xdc00 + first;
}

inline void append_code_point(std::string& to, char32_t code) {
  if (code < 0x80) {
    to.push_back(static_cast<char>(code));
    return;
  }
  const int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  to.push_back(static_cast<char>((0xff00U >> (more + 1) & 0xffU) | code >> (6 * more)));
  for (int i = more; i-- > 0;) to.push_back(static_cast<char>(0x80U | (code >> (6 * i) & 0x3fU)));
}

/// The other case of the letters of the Latin, Greek and Cyrillic alphabets, where one code point stands for one.
[[nodiscard]] constexpr char32_t to_lower(char32_t c) noexcept {
  if ((c >= U'A' && c <= U'Z') || (c >= 0xc0 && c <= 0xde && c != 0xd7) || (c >= 0x391 && c <= 0x3ab && c != 0x3a2) ||
      (c >= 0x410 && c <= 0x42f)) {
    return c + 32;
  }
  if (c >= 0x400 && c <= 0x40f) return c + 80;
  if (c == 0x178) return 0xff;
  const bool odd_is_lower =
      (c >= 0x100 && c <= 0x137) || (c >= 0x14a && c <= 0x177) || (c >= 0x460 && c <= 0x481) || (c >= 0x1e00 && c <= 0x1e95);
  const bool even_is_lower = (c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17e);
  if (odd_is_lower && c % 2 == 0 && c != 0x130) return c + 1;
  return even_is_lower && c % 2 == 1 ? c + 1 : c;
}
[[nodiscard]] constexpr char32_t to_upper(char32_t c) noexcept {
  if (c == 0xff) return 0x178;
  if (c == 0x131) return U'I';
  for (const char32_t upper : {c - 32, c - 80, c - 1})
    if (upper < c && to_lower(upper) == c && upper != c) return upper;
  return c;
}

}  // namespace hone::inline HONE_ABI
