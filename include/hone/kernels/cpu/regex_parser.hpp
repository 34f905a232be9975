#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/error.hpp>
#include <hone/kernels/cpu/utf8.hpp>

namespace hone::inline HONE_ABI::detail {

/// What a regular expression is compiled to: a nondeterministic automaton.
struct RegexProgram {
  static constexpr std::size_t none = std::numeric_limits<std::size_t>::max();
  struct Range {
    char32_t first;
    char32_t last;
  };
  struct State {
    enum class Kind : std::uint8_t { match, set, split, begin, end, word_edge, no_word_edge };
    Kind kind;
    bool negated = false;
    std::size_t next = none;
    std::size_t other = none;  ///< of a split
    std::vector<Range> set = {};

    /// Whether a set takes the character.
    [[nodiscard]] bool contains(char32_t c) const noexcept {
      const bool found = std::any_of(set.begin(), set.end(), [c](const Range& r) { return c >= r.first && c <= r.last; });
      return found != negated;
    }
  };

  std::vector<State> states;
  std::size_t start = 0;
};

/// Whether \w takes the character.
[[nodiscard]] inline bool is_word_character(char32_t c) noexcept {
  return (c >= U'a' && c <= U'z') || (c >= U'A' && c <= U'Z') || (c >= U'0' && c <= U'9') || c == U'_';
}

/// Reads a pattern in the syntax of Regex.
class RegexParser {
 public:
  RegexParser(std::string_view pattern, std::size_t max_states) noexcept : pattern_(pattern), rest_(pattern), max_states_(max_states) {}

  /// Precondition: the first call. Errors: those of Regex.
  [[nodiscard]] RegexProgram parse() {
    const Fragment all = alternatives(0);
    if (!rest_.empty()) refuse("a ')' without its '('");
    patch(all, add({State::Kind::match}));
    program_.start = all.start;
    return std::move(program_);
  }

 private:
  using State = RegexProgram::State;
  using Range = RegexProgram::Range;
  static constexpr std::size_t none = RegexProgram::none;
  /// A part of the program whose end is still open: `open` lists the states that lead out of it, and whether by `other`.
  struct Fragment {
    std::size_t start;
    std::vector<std::pair<std::size_t, bool>> open;
  };

  [[noreturn]] void refuse(std::string_view what) const {
    fail(ErrorCode::invalid_graph, "the pattern '", pattern_, "' has ", what, " at position ", pattern_.size() - rest_.size());
  }

  std::size_t add(State state) {
    if (program_.states.size() == max_states_) refuse("too many states");
    program_.states.push_back(std::move(state));
    return program_.states.size() - 1;
  }
  void patch(const Fragment& fragment, std::size_t to) {
    for (const auto& [at, other] : fragment.open) (other ? program_.states[at].other : program_.states[at].next) = to;
  }
  Fragment single(State state) {
    const std::size_t at = add(std::move(state));
    return {at, {{at, false}}};
  }
  [[nodiscard]] bool take(char c) noexcept {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  Fragment alternatives(int depth) {
    if (depth > 200) refuse("too many groups in each other");
    Fragment all = sequence(depth);
    while (take('|')) {
      const Fragment next = sequence(depth);
      const std::size_t split = add({State::Kind::split, false, all.start, next.start});
      all.start = split;
      all.open.insert(all.open.end(), next.open.begin(), next.open.end());
    }
    return all;
  }

  Fragment sequence(int depth) {
    // An empty one is a split whose two ways are the same.
    Fragment all = empty();
    while (!rest_.empty() && rest_.front() != '|' && rest_.front() != ')') append(all, repeated(depth));
    return all;
  }
  Fragment empty() {
    const std::size_t at = add({State::Kind::split});
    return {at, {{at, false}, {at, true}}};
  }
  void append(Fragment& all, Fragment next) {
    patch(all, next.start);
    all.open = std::move(next.open);
  }

  Fragment repeated(int depth) {
    const std::string_view from = rest_;
    Fragment part = atom(depth);
    for (;;) {
      std::size_t least = 0;
      std::size_t most = none;
      const std::string_view atom_text = from.substr(0, from.size() - rest_.size());
      if (take('+')) {
        least = 1;
      } else if (take('?')) {
        most = 1;
      } else if (!take('*') && !counts(least, most)) {
        return part;
      }
      (void)take('?');  // the whole text decides, or the longest part: lazy or not makes no difference
      part = repeat(std::move(part), atom_text, least, most, depth);
    }
  }

  /// "{n}", "{n,}" or "{n,m}"; anything else is literal.
  bool counts(std::size_t& least, std::size_t& most) {
    std::string_view text = rest_;
    const auto number = [&](std::size_t& value) {
      const std::string_view start = text;
      value = 0;
      while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
        value = std::min<std::size_t>(value * 10 + static_cast<std::size_t>(text.front() - '0'), 100000);
        text.remove_prefix(1);
      }
      return start.size() != text.size();
    };
    if (text.empty() || text.front() != '{') return false;
    text.remove_prefix(1);
    if (!number(least)) return false;
    most = least;
    if (!text.empty() && text.front() == ',') {
      text.remove_prefix(1);
      if (!number(most)) most = none;
    }
    if (text.empty() || text.front() != '}') return false;
    if (least > 1000 || (most != none && (most > 1000 || most < least))) refuse("a bad number of repetitions");
    rest_ = text.substr(1);
    return true;
  }

  /// Copies are made by reading the text of the part again.
  Fragment repeat(Fragment first, std::string_view text, std::size_t least, std::size_t most, int depth) {
    bool used = false;
    const auto copy = [&] {
      if (!used) {
        used = true;
        return std::move(first);
      }
      const std::string_view rest = std::exchange(rest_, text);
      Fragment again = repeated(depth + 1);
      rest_ = rest;
      return again;
    };
    Fragment all = empty();
    for (std::size_t i = 0; i < least; ++i) append(all, copy());
    if (most == none) {
      Fragment part = copy();
      const std::size_t split = add({State::Kind::split, false, part.start});
      patch(part, split);
      append(all, {split, {{split, true}}});
      return all;
    }
    std::vector<std::pair<std::size_t, bool>> out;
    for (std::size_t i = least; i < most; ++i) {
      Fragment part = copy();
      const std::size_t split = add({State::Kind::split, false, part.start});
      out.emplace_back(split, true);
      append(all, {split, std::move(part.open)});
    }
    all.open.insert(all.open.end(), out.begin(), out.end());
    return all;
  }

  Fragment atom(int depth) {
    if (take('(')) {
      if (take('?')) {
        if (take('P') || rest_.starts_with('<')) {
          const std::size_t end = rest_.find('>');
          if (end == std::string_view::npos) refuse("a group without a name");
          rest_.remove_prefix(end + 1);
        } else if (!take(':')) {
          refuse("a flag");
        }
      }
      Fragment inside = alternatives(depth + 1);
      if (!take(')')) refuse("a '(' without its ')'");
      return inside;
    }
    if (take('[')) return single(bracket());
    if (take('.')) return single({State::Kind::set, true, none, none, {{U'\n', U'\n'}}});
    if (take('^')) return single({State::Kind::begin});
    if (take('$')) return single({State::Kind::end});
    if (take('*') || take('+') || take('?')) refuse("nothing to repeat");
    if (take('\\')) {
      if (take('b')) return single({State::Kind::word_edge});
      if (take('B')) return single({State::Kind::no_word_edge});
      if (take('A')) return single({State::Kind::begin});
      if (take('z')) return single({State::Kind::end});
      State state{State::Kind::set};
      escape(state);
      return single(std::move(state));
    }
    const char32_t c = take_code_point(rest_);
    return single({State::Kind::set, false, none, none, {{c, c}}});
  }

  /// What stands behind a backslash, added to the set of `state`. Returns the character, 0 for a class.
  char32_t escape(State& state) {
    if (rest_.empty()) refuse("a backslash at its end");
    const char32_t c = take_code_point(rest_);
    const auto lower = static_cast<char32_t>(c | 0x20U);
    if (lower == U'd' || lower == U'w' || lower == U's') {
      std::vector<Range> ranges;
      if (lower == U'd') ranges = {{U'0', U'9'}};
      if (lower == U'w') ranges = {{U'0', U'9'}, {U'A', U'Z'}, {U'_', U'_'}, {U'a', U'z'}};
      if (lower == U's') ranges = {{U'\t', U'\n'}, {U'\f', U'\r'}, {U' ', U' '}};
      if (c == lower) {
        state.set.insert(state.set.end(), ranges.begin(), ranges.end());
      } else {
        char32_t next = 0;
        for (const Range& range : ranges) {
          if (range.first > next) state.set.push_back({next, range.first - 1});
          next = range.last + 1;
        }
        state.set.push_back({next, 0x10ffff});
      }
      return 0;
    }
    constexpr std::string_view letters = "nrtfva";
    constexpr std::string_view controls = "\n\r\t\f\v\a";
    char32_t literal = c;
    if (c < 0x80 && letters.find(static_cast<char>(c)) != std::string_view::npos) {
      literal = static_cast<unsigned char>(controls[letters.find(static_cast<char>(c))]);
    } else if (c == U'x') {
      literal = hexadecimal();
    } else if (is_word_character(c)) {
      refuse("an unknown escape");
    }
    state.set.push_back({literal, literal});
    return literal;
  }
  char32_t hexadecimal() {
    const bool braces = take('{');
    char32_t value = 0;
    int digits = 0;
    for (; !rest_.empty() && digits < (braces ? 6 : 2); ++digits) {
      const char c = rest_.front();
      const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
      if (digit < 0) break;
      value = value * 16 + static_cast<char32_t>(digit);
      rest_.remove_prefix(1);
    }
    if (digits == 0 || (braces && !take('}'))) refuse("a bad hexadecimal escape");
    return value;
  }

  State bracket() {
    State state{State::Kind::set};
    state.negated = take('^');
    for (bool first = true; first || !take(']'); first = false) {
      if (rest_.empty()) refuse("a '[' without its ']'");
      if (rest_.starts_with("[:")) refuse("a named class");
      const bool escaped = take('\\');
      const char32_t low = escaped ? escape(state) : take_code_point(rest_);
      if (!escaped) state.set.push_back({low, low});
      if (low == 0 || rest_.size() < 2 || rest_.front() != '-' || rest_[1] == ']') continue;
      rest_.remove_prefix(1);
      State end{State::Kind::set};
      const char32_t high = take('\\') ? escape(end) : take_code_point(rest_);
      if (high < low) refuse("a range that ends before it begins");
      state.set.back().last = high;
    }
    return state;
  }

  std::string_view pattern_;
  std::string_view rest_;  ///< what is not read
  std::size_t max_states_;
  RegexProgram program_;
};

}  // namespace hone::inline HONE_ABI::detail
