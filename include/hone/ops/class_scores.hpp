#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>

namespace hone::inline HONE_ABI::ops {

/// What models do to their scores at the end.
enum class PostTransform : std::int64_t { none, softmax, logistic, softmax_zero, probit };

/// Errors: invalid_graph for a name that is none.
[[nodiscard]] inline PostTransform post_transform_of(std::string_view text) {
  constexpr std::string_view names[]{"NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"};
  for (std::size_t i = 0; i < 5; ++i)
    if (names[i] == text) return static_cast<PostTransform>(i);
  fail(ErrorCode::invalid_graph, "unknown post_transform '", text, "'");
}

/// The names of the classes of a classifier: integers or strings.
struct ClassLabels {
  std::vector<std::int64_t> numbers;
  std::vector<std::string> strings;

  [[nodiscard]] std::size_t size() const noexcept { return strings.empty() ? numbers.size() : strings.size(); }
  [[nodiscard]] DType dtype() const noexcept { return strings.empty() ? DType::int64 : DType::string; }
};

}  // namespace hone::inline HONE_ABI::ops
