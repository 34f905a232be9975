#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/kernels/cpu/binary.hpp>
#include <hone/kernels/cpu/index_input.hpp>
#include <hone/kernels/cpu/regex.hpp>
#include <hone/kernels/cpu/utf8.hpp>
#include <hone/ops/text.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

template <>
class Kernel<ops::StringConcat, Cpu, std::string> {
 public:
  Kernel(const NodeView&, const CpuDevice&) {}
  void run(Context& c) const {
    const auto visit = [&](const cpu::BroadcastRow& row) {
      for (std::int64_t i = 0; i < row.size; ++i) {
        const std::string& a = c.in<std::string>(0)[row.a + i * row.a_stride];
        std::string& y = c.out<std::string>(0)[row.y + i];
        y.assign(a);
        y.append(c.in<std::string>(1)[row.b + i * row.b_stride]);
      }
    };
    cpu::for_broadcast_rows(c.input(0).shape, c.input(1).shape, c.output(0).shape, c.pool(), visit);
  }
};

template <>
class Kernel<ops::StringSplit, Cpu, std::string> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<ops::StringSplit>()) {}
  void run(Context& c) const {
    const std::string* x = c.in<std::string>(0);
    const Shape shape = c.input(0).shape;
    const std::int64_t n = shape.elements();
    std::int64_t most = 0;
    for (std::int64_t i = 0; i < n; ++i) most = std::max(most, pieces(x[i], [](std::string_view) {}));
    Shape y_shape = shape;
    y_shape.push_back(most);
    auto* y = c.has_output(0) ? c.allocate(0, DType::string, y_shape).as<std::string>() : nullptr;
    auto* counts = c.has_output(1) ? c.allocate(1, DType::int64, shape).as<std::int64_t>() : nullptr;
    for (std::int64_t i = 0; i < n; ++i) {
      std::string* to = y != nullptr ? y + i * most : nullptr;
      const std::int64_t count = pieces(x[i], [&](std::string_view piece) {
        if (to != nullptr) *to++ = piece;
      });
      if (counts != nullptr) counts[i] = count;
    }
  }

 private:
  static bool is_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }

  /// visit(piece) for each piece; returns how many there are.
  template <class Visit>
  std::int64_t pieces(std::string_view text, const Visit& visit) const {
    const bool by_space = op_.delimiter.empty();
    std::int64_t count = 0;
    for (;; ++count) {
      while (by_space && !text.empty() && is_space(text.front())) text.remove_prefix(1);
      if (by_space && text.empty()) return count;
      std::size_t end = text.size();
      if (count < op_.maxsplit) {
        const auto space = std::find_if(text.begin(), text.end(), is_space);
        end = by_space ? static_cast<std::size_t>(space - text.begin()) : std::min(text.find(op_.delimiter), text.size());
      }
      visit(text.substr(0, end));
      if (end == text.size()) return count + 1;
      text.remove_prefix(end + (by_space ? 1 : op_.delimiter.size()));
    }
  }

  ops::StringSplit op_;
};

template <>
class Kernel<ops::StringNormalizer, Cpu, std::string> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<ops::StringNormalizer>()) {
    for (const std::string& word : op_.stopwords)
      stopwords_.insert(op_.case_sensitive ? word : in_case(word, ops::StringNormalizer::Case::lower));
  }
  void run(Context& c) const {
    const Shape& shape = c.input(0).shape;
    if (shape.rank() < 1 || shape.rank() > 2 || (shape.rank() == 2 && shape[0] != 1)) {
      return c.fail("its input has shape ", shape, "; expected (C) or (1, C)");
    }
    std::vector<std::string> kept;
    for (std::int64_t i = 0; i < shape.elements(); ++i) {
      const std::string& word = c.in<std::string>(0)[i];
      if (!stopwords_.contains(op_.case_sensitive ? word : in_case(word, ops::StringNormalizer::Case::lower)))
        kept.push_back(in_case(word, op_.change));
    }
    if (kept.empty()) kept.emplace_back();
    Shape y_shape = shape;
    y_shape[shape.rank() - 1] = static_cast<std::int64_t>(kept.size());
    std::move(kept.begin(), kept.end(), c.allocate(0, DType::string, y_shape).as<std::string>());
  }

 private:
  static std::string in_case(const std::string& word, ops::StringNormalizer::Case change) {
    if (change == ops::StringNormalizer::Case::none) return word;
    std::string result;
    for (std::string_view rest = word; !rest.empty();) {
      const bool single = static_cast<unsigned char>(rest.front()) < 0x80;
      const std::string_view before = rest;
      const char32_t code = take_code_point(rest);
      const char32_t changed = change == ops::StringNormalizer::Case::lower ? to_lower(code) : to_upper(code);
      if (changed == code && !single) {
        result.append(before.substr(0, before.size() - rest.size()));  // bytes that are no UTF-8 stay as they are
      } else {
        append_code_point(result, changed);
      }
    }
    return result;
  }

  ops::StringNormalizer op_;
  std::unordered_set<std::string> stopwords_;
};

/// The n-grams of the pool form a trie, whose edges are looked up by parent and token.
template <>
class Kernel<ops::TfIdfVectorizer, Cpu> {
 public:
  static Support supports(const NodeView& node) {
    return node.input_dtype(0) == DType::string ? Support::yes() : IndexInput::support(node.input_dtype(0));
  }
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<ops::TfIdfVectorizer>()) {
    const bool strings = !op_.pool_strings.empty();
    for (std::size_t i = 0; i < op_.pool_strings.size(); ++i) words_.emplace(op_.pool_strings[i], static_cast<std::int64_t>(i));
    const std::size_t pool = strings ? op_.pool_strings.size() : op_.pool_int64s.size();
    std::size_t ngram = 0;
    ngrams_.emplace_back();
    for (std::size_t length = 1; length <= op_.ngram_counts.size(); ++length) {
      const auto begin = static_cast<std::size_t>(op_.ngram_counts[length - 1]);
      const std::size_t end = length < op_.ngram_counts.size() ? static_cast<std::size_t>(op_.ngram_counts[length]) : pool;
      for (std::size_t at = begin; at + length <= end; at += length, ++ngram) {
        if (ngram >= op_.ngram_indexes.size())
          fail(ErrorCode::invalid_graph, "the pool has more n-grams than the ", op_.ngram_indexes.size(), " indexes");
        std::int64_t state = 0;
        for (std::size_t i = at; i < at + length; ++i) {
          const std::int64_t token = strings ? words_.at(op_.pool_strings[i]) : op_.pool_int64s[i];
          const auto [edge, added] = edges_.emplace(std::pair(state, token), static_cast<std::int64_t>(ngrams_.size()));
          if (added) ngrams_.emplace_back();
          state = edge->second;
        }
        ngrams_[static_cast<std::size_t>(state)] = {op_.ngram_indexes[ngram], op_.weights.empty() ? 1.0F : op_.weights[ngram]};
      }
    }
  }

  void run(Context& c) const {
    const Shape& shape = c.input(0).shape;
    const std::int64_t columns = shape.rank() == 0 ? 1 : shape.back();
    const std::int64_t rows = shape.rank() == 2 ? shape[0] : 1;
    const std::int64_t outputs = op_.outputs();
    for (std::int64_t row = 0; row < rows; ++row) {
      float* y = c.out<float>(0) + row * outputs;
      std::fill_n(y, outputs, 0.0F);
      count(c.input(0), row * columns, columns, y);
      if (op_.mode == ops::TfIdfVectorizer::Mode::tf) continue;
      for (const Ngram& ngram : ngrams_) {
        if (ngram.index < 0) continue;
        if (op_.mode == ops::TfIdfVectorizer::Mode::idf) y[ngram.index] = y[ngram.index] > 0 ? 1.0F : 0.0F;
        y[ngram.index] *= ngram.weight;
      }
    }
  }

 private:
  /// -1, which no pool of strings has, for a string outside of the pool.
  [[nodiscard]] std::int64_t token(const TensorRef& x, std::int64_t i) const {
    if (x.dtype != DType::string) return IndexInput(x)[i];
    const auto found = words_.find(x.as<const std::string>()[i]);
    return found == words_.end() ? -1 : found->second;
  }

  void count(const TensorRef& x, std::int64_t first, std::int64_t n, float* y) const {
    for (std::int64_t distance = 1; distance <= op_.max_skip_count + 1 && distance <= std::max<std::int64_t>(n, 1); ++distance) {
      for (std::int64_t start = 0; start < n; ++start) {
        std::int64_t state = 0;
        for (std::int64_t length = 1, at = start; length <= op_.max_gram_length && at < n; ++length, at += distance) {
          const auto edge = edges_.find(std::pair(state, token(x, first + at)));
          if (edge == edges_.end()) break;
          state = edge->second;
          // Single tokens are the same at every distance: they count once.
          const std::int64_t index = ngrams_[static_cast<std::size_t>(state)].index;
          if (index >= 0 && length >= op_.min_gram_length && (length > 1 || distance == 1)) y[index] += 1;
        }
      }
    }
  }

  ops::TfIdfVectorizer op_;
  std::unordered_map<std::string, std::int64_t> words_;
  std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> edges_;
  /// What a state counts as: nothing when it only begins an n-gram.
  struct Ngram {
    std::int64_t index = -1;  ///< of the output
    float weight = 1;
  };
  std::vector<Ngram> ngrams_;  ///< by state
};

template <>
class Kernel<ops::Tokenizer, Cpu, std::string> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<ops::Tokenizer>()) {
    if (op_.characters()) return;
    if (op_.separators.empty()) {
      expressions_.emplace_back(op_.expression);
    } else {
      for (const std::string& separator : op_.separators) expressions_.emplace_back(separator);
    }
  }

  void run(Context& c) const {
    const TensorRef& x = c.input(0);
    if (x.shape.rank() < 1 || x.shape.rank() > 2) return c.fail("its input has shape ", x.shape, "; expected (C) or (N, C)");
    std::vector<Regex::Threads> threads(expressions_.begin(), expressions_.end());
    std::vector<std::vector<std::string_view>> rows(static_cast<std::size_t>(x.elements()));
    std::size_t most = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      rows[i] = tokens(x.as<const std::string>()[i], threads);
      most = std::max(most, rows[i].size());
    }
    // Without any token there are no marks either.
    const bool mark = op_.mark && most != 0;
    if (mark) most += 2;
    Shape shape = x.shape;
    shape.push_back(static_cast<std::int64_t>(most));
    auto* y = c.allocate(0, DType::string, shape).as<std::string>();
    for (const std::vector<std::string_view>& row : rows) {
      std::string* const end = y + most;
      if (mark) *y++ = "\x02";
      y = std::copy(row.begin(), row.end(), y);
      if (mark) *y++ = "\x03";
      y = std::fill_n(y, end - y, op_.pad_value);
    }
  }

 private:
  using Tokens = std::vector<std::string_view>;

  [[nodiscard]] Tokens tokens(std::string_view text, std::vector<Regex::Threads>& threads) const {
    Tokens result;
    if (op_.characters()) {
      while (!text.empty()) {
        const std::string_view from = text;
        take_code_point(text);
        result.push_back(from.substr(0, from.size() - text.size()));
      }
    } else if (op_.separators.empty()) {
      for_each(expressions_[0], text, threads[0], [&](Regex::Span part) { add(text.substr(part.begin, part.end - part.begin), result); });
    } else {
      result = {text};
      for (std::size_t i = 0; i < expressions_.size(); ++i) {
        for (const std::string_view piece : std::exchange(result, {})) {
          std::size_t start = 0;
          for_each(expressions_[i], piece, threads[i], [&](Regex::Span separator) {
            add(piece.substr(start, separator.begin - start), result);
            start = separator.end;
          });
          add(piece.substr(start), result);
        }
      }
    }
    return result;
  }

  /// visit(part) for each part of the text, none of them empty, that the expression fits.
  template <class Visit>
  static void for_each(const Regex& expression, std::string_view text, Regex::Threads& threads, const Visit& visit) {
    for (std::size_t from = 0; from < text.size();) {
      const auto found = expression.find(text, from, threads);
      if (!found) return;
      from = found->end;
      if (found->begin != found->end) {
        visit(*found);
      } else if (from < text.size()) {
        std::string_view rest = text.substr(from);
        take_code_point(rest);
        from = text.size() - rest.size();
      }
    }
  }

  void add(std::string_view token, Tokens& to) const {
    std::int64_t characters = 0;
    for (std::string_view rest = token; !rest.empty() && characters < op_.min_characters; ++characters) take_code_point(rest);
    if (characters >= op_.min_characters) to.push_back(token);
  }

  ops::Tokenizer op_;
  std::vector<Regex> expressions_;
};

template <>
class Kernel<ops::RegexFullMatch, Cpu, std::string> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : regex_(node.op<ops::RegexFullMatch>().pattern) {}
  void run(Context& c) const {
    Regex::Threads threads(regex_);
    const std::int64_t n = c.input(0).elements();
    for (std::int64_t i = 0; i < n; ++i) c.out<bool>(0)[i] = regex_.matches(c.in<std::string>(0)[i], threads);
  }

 private:
  Regex regex_;
};

}  // namespace hone::inline HONE_ABI
