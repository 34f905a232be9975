#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/kernels/cpu/regex_parser.hpp>
#include <hone/kernels/cpu/utf8.hpp>

namespace hone::inline HONE_ABI {

/// A regular expression in the syntax of RE2, without flags, named classes and captures: literals, `.`, classes, \d \w \s, anchors, \b,
/// groups, `|`, `* + ? {n,m}`. All states are followed at once (Thompson, Regular Expression Search Algorithm, 1968), so that the time
/// is at most proportional to text times pattern, whatever the two are.
class Regex {
 public:
  /// Errors: invalid_graph for what the syntax does not have, and for patterns that grow beyond max_states.
  explicit Regex(std::string_view pattern) : program_(detail::RegexParser(pattern, max_states).parse()) {}

  static constexpr std::size_t max_states = 20000;

  /// The states that a text has reached; kept from text to text.
  class Threads {
   public:
    explicit Threads(const Regex& regex) : seen(regex.program_.states.size(), 0) {
      for (auto* list : {&current, &following}) list->reserve(regex.program_.states.size() + 1);
      stack.reserve(regex.program_.states.size() + 1);
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
    bool matched = follow({program_.start, 0}, threads, threads.current, at_begin, text);
    while (!text.empty()) {
      const char32_t c = take_code_point(text);
      threads.following.clear();
      ++threads.step;
      matched = false;
      for (const auto& [at, start] : threads.current) {
        if (program_.states[at].contains(c))
          matched = follow({program_.states[at].next, start}, threads, threads.following, c, text) || matched;
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
      if (!found && follow({program_.start, at}, threads, threads.current, before, rest)) found = {at, at};
      if (rest.empty() || (found && threads.current.empty())) return found;
      const char32_t c = take_code_point(rest);
      threads.following.clear();
      ++threads.step;
      for (const auto& [state, start] : threads.current) {
        if (found && start > found->begin) break;
        if (!program_.states[state].contains(c)) continue;
        if (follow({program_.states[state].next, start}, threads, threads.following, c, rest)) found = {start, text.size() - rest.size()};
      }
      std::swap(threads.current, threads.following);
      before = c;
    }
  }

 private:
  using State = detail::RegexProgram::State;
  static constexpr char32_t at_begin = 0xffffffff;

  /// Adds the states that take a character and are reached from `from` without one; true when the match is reached too.
  /// `before`: the character before, or at_begin; `rest`: the text from here on.
  bool follow(Threads::Thread from, Threads& threads, std::vector<Threads::Thread>& to, char32_t before, std::string_view rest) const {
    bool matched = false;
    const bool word_before = detail::is_word_character(before);
    const bool word_after = !rest.empty() && detail::is_word_character(static_cast<unsigned char>(rest.front()));
    threads.stack.assign(1, from.state);
    while (!threads.stack.empty()) {
      const std::size_t at = threads.stack.back();
      threads.stack.pop_back();
      if (threads.seen[at] == threads.step) continue;
      threads.seen[at] = threads.step;
      const State& state = program_.states[at];
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

  detail::RegexProgram program_;
};

}  // namespace hone::inline HONE_ABI
