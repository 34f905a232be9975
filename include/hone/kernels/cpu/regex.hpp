#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/error.hpp>
#include <hone/kernels/cpu/utf8.hpp>

namespace hone::inline HONE_ABI {

/// A regular expression in the syntax of RE2, without flags, named classes and captures: literals, `.`, classes, \d \w \s, anchors, \b,
/// groups, `|`, `* + ? {n,m}`. All states are followed at once (Thompson, Regular Expression Search Algorithm, 1968), so that the time
/// is at most proportional to text times pattern, whatever the two are.
class Regex {
 public:
  /// Errors: invalid_graph for what the syntax does not have, and for patterns that grow beyond max_states.
  explicit Regex(std::string_view pattern) : rest_(pattern), pattern_(pattern) {
    const Fragment all = alternatives(0);
    if (!rest_.empty()) refuse("a ')' without its '('");
    patch(all, add({State::Kind::match}));
    start_ = all.start;
    rest_ = pattern_ = {};
  }

  static constexpr std::size_t max_states = 20000;

 private:
  static constexpr char32_t at_begin = 0xffffffff;
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
  };
  /// A part of the program whose end is still open: `open` lists the states that lead out of it, and whether by `other`.
  struct Fragment {
    std::size_t start;
    std::vector<std::pair<std::size_t, bool>> open;
  };

 public:
  /// The states that a text has reached; kept from text to text.
  class Threads {
   public:
    explicit Threads(const Regex& regex) : seen(regex.states_.size(), 0) {
      for (auto* list : {&current, &following}) list->reserve(regex.states_.size() + 1);
      stack.reserve(regex.states_.size() + 1);
    }

   private:
    friend class Regex;
    struct Thread {
      std::size_t state;
      std::size_t start;  ///< where in the text it began
    };
    std::vector<std::size_t> seen;  ///< by state: the step at which it was added last
    std::vector<Thread> current;
    std::vector<Thread> following;
    std::vector<std::size_t> stack;
    std::size_t step = 0;
  };

  /// Whether the expression fits the whole of `text`.
  [[nodiscard]] bool matches(std::string_view text, Threads& threads) const {
    threads.current.clear();
    ++threads.step;
    bool matched = follow({start_, 0}, threads, threads.current, at_begin, text);
    while (!text.empty()) {
      const char32_t c = take_code_point(text);
      threads.following.clear();
      ++threads.step;
      matched = false;
      for (const auto& [at, start] : threads.current) {
        if (contains(states_[at], c)) matched = follow({states_[at].next, start}, threads, threads.following, c, text) || matched;
      }
      std::swap(threads.current, threads.following);
    }
    return matched;
  }

  /// A part of a text, by bytes.
  struct Span {
    std::size_t begin;
    std::size_t end;
  };

  /// The leftmost part of `text` from `from` on that the expression fits, the longest of those that start there. Anchors and word edges see
  /// the text before `from` too.
  [[nodiscard]] std::optional<Span> find(std::string_view text, std::size_t from, Threads& threads) const {
    std::optional<Span> found;
    std::string_view rest = text.substr(from);
    char32_t before = from == 0 ? at_begin : static_cast<unsigned char>(text[from - 1]);
    threads.current.clear();
    ++threads.step;
    for (;;) {
      const std::size_t at = text.size() - rest.size();
      // Threads stand in the order of their starts, so that a state keeps the leftmost that reaches it.
      if (!found && follow({start_, at}, threads, threads.current, before, rest)) found = {at, at};
      if (rest.empty() || (found && threads.current.empty())) return found;
      const char32_t c = take_code_point(rest);
      threads.following.clear();
      ++threads.step;
      for (const auto& [state, start] : threads.current) {
        if (found && start > found->begin) break;
        if (!contains(states_[state], c)) continue;
        if (follow({states_[state].next, start}, threads, threads.following, c, rest)) found = {start, text.size() - rest.size()};
      }
      std::swap(threads.current, threads.following);
      before = c;
    }
  }

 private:
  [[noreturn]] void refuse(std::string_view what) const {
    fail(ErrorCode::invalid_graph, "the pattern '", pattern_, "' has ", what, " at position ", pattern_.size() - rest_.size());
  }
  static bool is_word(char32_t c) noexcept {
    return (c >= U'a' && c <= U'z') || (c >= U'A' && c <= U'Z') || (c >= U'0' && c <= U'9') || c == U'_';
  }
  static bool contains(const State& state, char32_t c) noexcept {
    const bool found = std::any_of(state.set.begin(), state.set.end(), [c](const Range& r) { return c >= r.first && c <= r.last; });
    return found != state.negated;
  }

  /// Adds the states that take a character and are reached from `from` without one; true when the match is reached too.
  /// `before`: the character before, or at_begin; `rest`: the text from here on.
  bool follow(Threads::Thread from, Threads& threads, std::vector<Threads::Thread>& to, char32_t before, std::string_view rest) const {
    bool matched = false;
    const bool word_before = is_word(before);
    const bool word_after = !rest.empty() && is_word(static_cast<unsigned char>(rest.front()));
    threads.stack.assign(1, from.state);
    while (!threads.stack.empty()) {
      const std::size_t at = threads.stack.back();
      threads.stack.pop_back();
      if (threads.seen[at] == threads.step) continue;
      threads.seen[at] = threads.step;
      const State& state = states_[at];
      switch (state.kind) {
        case State::Kind::match:
          matched = true;
          break;
        case State::Kind::set:
          to.push_back({at, from.start});
          break;
        case State::Kind::split:
          threads.stack.push_back(state.other);
          threads.stack.push_back(state.next);
          break;
        default: {
          const bool holds = state.kind == State::Kind::begin ? before == at_begin
                             : state.kind == State::Kind::end ? rest.empty()
                                                              : (word_before != word_after) == (state.kind == State::Kind::word_edge);
          if (holds) threads.stack.push_back(state.next);
        }
      }
    }
    return matched;
  }

  std::size_t add(State state) {
    if (states_.size() == max_states) refuse("too many states");
    states_.push_back(std::move(state));
    return states_.size() - 1;
  }
  void patch(const Fragment& fragment, std::size_t to) {
    for (const auto& [at, other] : fragment.open) (other ? states_[at].other : states_[at].next) = to;
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
    } else if (is_word(c)) {
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

  std::string_view rest_;  ///< what is not read, while the pattern is
  std::string_view pattern_;
  std::vector<State> states_;
  std::size_t start_ = 0;
};

}  // namespace hone::inline HONE_ABI
