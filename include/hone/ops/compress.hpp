#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>

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
