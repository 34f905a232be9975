#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/shape.hpp>

namespace hone::inline HONE_ABI {

/// A dimension, or an element of a shape, as far as a graph tells: a number, or a symbol for a dimension, or unknown. Equal symbols are
/// equal dimensions in every run; what is unknown equals nothing.
struct SymbolicInteger {
  static constexpr std::uint64_t unknown = std::numeric_limits<std::uint64_t>::max();

  std::int64_t number = 0;   ///< 0 for a symbol
  std::uint64_t symbol = 0;  ///< 0 for a number

  [[nodiscard]] bool is_number() const noexcept { return symbol == 0; }
  friend bool operator==(const SymbolicInteger& a, const SymbolicInteger& b) noexcept {
    return a.number == b.number && a.symbol == b.symbol && a.symbol != unknown;
  }
};

using SymbolicShape = std::vector<SymbolicInteger>;

namespace rewrites {

[[nodiscard]] inline SymbolicShape symbolic(std::span<const std::int64_t> numbers) {
  SymbolicShape result;
  for (const std::int64_t number : numbers) result.push_back({number});
  return result;
}

/// The numbers, where no symbol is among them.
[[nodiscard]] inline std::optional<std::vector<std::int64_t>> numbers(const SymbolicShape& shape) {
  std::vector<std::int64_t> result;
  for (const SymbolicInteger& entry : shape) {
    if (!entry.is_number()) return std::nullopt;
    result.push_back(entry.number);
  }
  return result;
}

/// A tensor of shape `wanted` that has as many elements as one of shape `from`, as input 1 of a Reshape: 0 copies a dimension, one -1
/// stands for what is left. Nothing where symbols are left that neither says.
[[nodiscard]] inline std::optional<std::vector<std::int64_t>> reshape_target(const SymbolicShape& from, const SymbolicShape& wanted) {
  std::vector<std::int64_t> target;
  bool open = false;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i].is_number()) {
      if (wanted[i].number < 1) return std::nullopt;  // of nothing -1 cannot be told, and 0 copies
      target.push_back(wanted[i].number);
    } else if (i < from.size() && from[i] == wanted[i]) {
      target.push_back(0);
    } else {
      if (open) return std::nullopt;
      open = true;
      target.push_back(-1);
    }
  }
  return target;
}

/// The dimension that is left of `from` when it is divided by `others`; nothing where that is no single number or symbol.
[[nodiscard]] inline std::optional<SymbolicInteger> quotient(SymbolicShape from, const SymbolicShape& others) {
  std::int64_t divisor = 1;
  for (const SymbolicInteger& other : others) {
    if (other.is_number()) {
      if (other.number < 1 || other.number > (std::int64_t{1} << 31) || divisor > (std::int64_t{1} << 31)) return std::nullopt;
      divisor *= other.number;
      continue;
    }
    const auto same = std::find(from.begin(), from.end(), other);
    if (same == from.end()) return std::nullopt;
    from.erase(same);
  }
  std::int64_t product = 1;
  std::optional<SymbolicInteger> symbol;
  for (const SymbolicInteger& dim : from) {
    if (!dim.is_number()) {
      if (symbol) return std::nullopt;
      symbol = dim;
    } else {
      if (dim.number > (std::int64_t{1} << 31) || product > (std::int64_t{1} << 31)) return std::nullopt;
      product *= dim.number;
    }
  }
  if (symbol) return product == divisor ? symbol : std::nullopt;
  return product % divisor == 0 ? std::optional(SymbolicInteger{product / divisor}) : std::nullopt;
}

}  // namespace rewrites
}  // namespace hone::inline HONE_ABI
