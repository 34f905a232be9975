#include <chrono>
#include <cstddef>
#include <string>

#include <doctest/doctest.h>

#include <hone/core/error.hpp>
#include <hone/kernels/cpu/regex.hpp>

namespace regex_test {

inline bool fits(const std::string& pattern, const std::string& text) {
  const hone::Regex regex(pattern);
  hone::Regex::Threads threads(regex);
  return regex.matches(text, threads);
}

TEST_CASE("Regex fits whole texts") {
  CHECK(fits("a(b|c)*d", "abcbd"));
  CHECK_FALSE(fits("a(b|c)*d", "abcbde"));
  CHECK(fits("", ""));
  CHECK(fits("x{2,3}", "xxx"));
  CHECK_FALSE(fits("x{2,3}", "xxxx"));
  CHECK(fits("(ab){2}", "abab"));
  CHECK(fits("[^a-c\\d]+\\W", "xyz!"));
  CHECK_FALSE(fits("[^a-c\\d]+", "x1"));
  CHECK(fits(".", "\xc3\xa9"));
  CHECK(fits("[\xc3\xa0-\xc3\xaf]", "\xc3\xa9"));
  CHECK(fits("\\bfoo\\b.*", "foo bar"));
  CHECK_FALSE(fits("\\bfoo\\b.*", "foobar"));
  CHECK(fits("^a$|b", "b"));
  CHECK(fits("(a*)*", "aaa"));
  CHECK(fits("a{,2}", "a{,2}"));
  CHECK(fits("\\x41\\x{42}", "AB"));
}

/// What find() gives from `from` on, in brackets.
inline std::string found(const std::string& pattern, const std::string& text, std::size_t from = 0) {
  const hone::Regex regex(pattern);
  hone::Regex::Threads threads(regex);
  const auto part = regex.find(text, from, threads);
  return part ? text.substr(0, part->begin) + "[" + text.substr(part->begin, part->end - part->begin) + "]" + text.substr(part->end)
              : "none";
}

TEST_CASE("Regex finds the leftmost longest part") {
  CHECK(found("[a-z]+", "12 ab cd") == "12 [ab] cd");
  CHECK(found("[a-z]+", "12 ab cd", 5) == "12 ab [cd]");
  CHECK(found("a|ab|b+c", "xabbbc") == "x[ab]bbc");
  CHECK(found("bbbc|abb", "xabbbc") == "x[abb]bc");
  CHECK(found("a.*z|b", "a b") == "a [b]");
  CHECK(found("x*", "axx") == "[]axx");
  CHECK(found("^a", "aa", 1) == "none");
  CHECK(found("\\b[a-z]", "ab cd", 1) == "ab [c]d");
  CHECK(found("d$", "dd") == "d[d]");
  CHECK(found("", "", 0) == "[]");
  CHECK(found("[^ ]", " \xc3\xa9 ") == " [\xc3\xa9] ");
}

TEST_CASE("Regex refuses what it does not know") {
  for (const char* pattern : {"(a", "a)", "[a", "*a", "a{3,2}", "a{1001}", "\\", "\\q", "(?i)a", "[[:alpha:]]", "[b-a]",
                              "((((a{1000}){1000})))", "(?P<name", "\\xg", "\\x{41"}) {
    CAPTURE(pattern);
    CHECK_THROWS_AS(hone::Regex{pattern}, hone::Error);
  }
  CHECK_THROWS_AS(hone::Regex(std::string(201, '(') + std::string(201, ')')), hone::Error);
}

TEST_CASE("Regex takes no time on patterns that make others go back and forth") {
  const auto start = std::chrono::steady_clock::now();
  CHECK_FALSE(fits("(a+)+(a+)+(a+)+b", std::string(2000, 'a')));
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(5));
}

}  // namespace regex_test
