#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <span>
#include <string>

#include <hone/config.hpp>
#include <hone/ops/class_scores.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI::cpu {

/// The quantile of the standard normal distribution. Source: Winitzki, A handy approximation for the error function and its inverse, 2008.
[[nodiscard]] inline float probit(float p) noexcept {
  const float x = 2 * p - 1;
  const float log = std::log((1 - x) * (1 + x));
  const float v = 2 / (std::numbers::pi_v<float> * 0.147F) + 0.5F * log;
  const float root = std::sqrt(-v + std::sqrt(v * v - log / 0.147F));
  return std::numbers::sqrt2_v<float> * (x < 0 ? -root : root);
}

/// The scores of one row, transformed in place.
inline void transform_scores(ops::PostTransform transform, std::span<float> scores) noexcept {
  using Transform = ops::PostTransform;
  switch (transform) {
    case Transform::none:
      return;
    case Transform::logistic:
      for (float& s : scores) s = 1 / (1 + std::exp(-s));
      return;
    case Transform::probit:
      for (float& s : scores) s = probit(s);
      return;
    default: {
      // The second form leaves zeros out.
      const bool skips = transform == Transform::softmax_zero;
      if (scores.empty()) return;
      const float most = *std::max_element(scores.begin(), scores.end());
      float sum = 0;
      for (float& s : scores) {
        s = skips && s == 0 ? 0 : std::exp(s - most);
        sum += s;
      }
      for (float& s : scores) s = sum == 0 ? 0 : s / sum;
    }
  }
}

/// Output 0 of row `row` = the label of class `at`.
inline void give_label(const Context& c, const ops::ClassLabels& labels, std::int64_t row, std::size_t at) {
  if (!c.has_output(0)) return;
  if (!labels.strings.empty()) {
    c.out<std::string>(0)[row] = labels.strings[std::min(at, labels.strings.size() - 1)];
  } else {
    c.out<std::int64_t>(0)[row] = at < labels.numbers.size() ? labels.numbers[at] : static_cast<std::int64_t>(at);
  }
}

}  // namespace hone::inline HONE_ABI::cpu
