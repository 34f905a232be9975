#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include <hone/config.hpp>
#include <hone/ops/non_max_suppression.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

/// Per class: candidates above the threshold form a heap, from which the best is taken until enough boxes are selected; each is
/// compared with the boxes selected so far.
template <>
class Kernel<ops::NonMaxSuppression, Cpu> {
 public:
  static Support supports(const NodeView& node) {
    const bool fits = node.input_dtype(0) == DType::float32 && node.input_dtype(1) == DType::float32;
    return fits ? Support::yes() : Support::no("boxes and scores must be float");
  }
  Kernel(const NodeView& node, const CpuDevice&) : center_(node.op<ops::NonMaxSuppression>().center_point_box) {}

  [[nodiscard]] std::size_t workspace(const Context& c) const {
    const Shape& boxes = c.input(0).shape;
    const std::size_t n = boxes.rank() == 3 ? static_cast<std::size_t>(boxes[1]) : 0;
    return align_up(n * sizeof(Candidate)) + n * sizeof(Box);
  }

  void run(Context& c) const {
    const Shape boxes = c.input(0).shape;
    const Shape scores = c.input(1).shape;
    if (boxes.rank() != 3 || scores.rank() != 3 || boxes[2] != 4 || boxes[0] != scores[0] || boxes[1] != scores[2]) {
      return c.fail("boxes of shape ", boxes, " and scores of shape ", scores, " do not belong together");
    }
    const std::int64_t n = boxes[1];
    const std::int64_t classes = scores[1];
    const std::int64_t wanted = has(c, 2) ? std::clamp<std::int64_t>(*c.in<std::int64_t>(2), 0, n) : 0;
    const float overlap = has(c, 3) ? *c.in<float>(3) : 0.0F;
    if (!(overlap >= 0 && overlap <= 1)) return c.fail("iou_threshold is ", overlap, ", not in [0, 1]");
    const float threshold = has(c, 4) ? *c.in<float>(4) : -std::numeric_limits<float>::infinity();
    const bool any_score = !has(c, 4);

    const float* score = c.in<float>(1);
    std::int64_t most = 0;
    for (std::int64_t row = 0; row < boxes[0] * classes; ++row) {
      std::int64_t above = 0;
      for (std::int64_t i = 0; i < n; ++i) above += passes(score[row * n + i], threshold, any_score) ? 1 : 0;
      most += std::min(above, wanted);
    }
    auto* candidates = reinterpret_cast<Candidate*>(c.workspace());
    auto* selected = reinterpret_cast<Box*>(c.workspace() + align_up(static_cast<std::size_t>(n) * sizeof(Candidate)));
    std::int64_t* y = c.allocate(0, DType::int64, {most, 3}).as<std::int64_t>();
    std::int64_t count = 0;
    for (std::int64_t batch = 0; batch < boxes[0]; ++batch) {
      const float* box = c.in<float>(0) + batch * n * 4;  // (n, 4)
      for (std::int64_t label = 0; label < classes; ++label) {
        const float* of_class = score + (batch * classes + label) * n;
        std::int64_t left = 0;
        for (std::int64_t i = 0; i < n && wanted > 0; ++i)
          if (passes(of_class[i], threshold, any_score)) candidates[left++] = {of_class[i], i};
        std::make_heap(candidates, candidates + left);
        for (std::int64_t taken = 0; left > 0 && taken < wanted;) {
          std::pop_heap(candidates, candidates + left);
          const std::int64_t i = candidates[--left].index;
          const Box next(box + 4 * i, center_);
          bool free = true;
          for (std::int64_t s = 0; free && s < taken; ++s) free = !next.overlaps(selected[s], overlap);
          if (!free) continue;
          selected[taken++] = next;
          std::int64_t* entry = y + 3 * count++;
          entry[0] = batch;
          entry[1] = label;
          entry[2] = i;
        }
      }
    }
    c.allocate(0, DType::int64, {count, 3});  // the same memory: it only shrinks
  }

 private:
  struct Candidate {
    float score;
    std::int64_t index;
    /// The better one is the larger; of equal ones, that with the lower index.
    friend bool operator<(const Candidate& a, const Candidate& b) noexcept {
      return a.score < b.score || (a.score == b.score && a.index > b.index);
    }
  };

  struct Box {
    float y1, x1, y2, x2, area;

    Box(const float* p, bool center) noexcept {
      if (center) {
        x1 = p[0] - p[2] / 2;
        x2 = p[0] + p[2] / 2;
        y1 = p[1] - p[3] / 2;
        y2 = p[1] + p[3] / 2;
      } else {
        y1 = std::min(p[0], p[2]);
        y2 = std::max(p[0], p[2]);
        x1 = std::min(p[1], p[3]);
        x2 = std::max(p[1], p[3]);
      }
      area = (y2 - y1) * (x2 - x1);
    }
    [[nodiscard]] bool overlaps(const Box& other, float threshold) const noexcept {
      const float height = std::min(y2, other.y2) - std::max(y1, other.y1);
      const float width = std::min(x2, other.x2) - std::max(x1, other.x1);
      if (!(height > 0) || !(width > 0) || !(area > 0) || !(other.area > 0)) return false;
      const float shared = height * width;
      return shared / (area + other.area - shared) > threshold;
    }
  };

  static bool has(const Context& c, std::size_t i) noexcept { return c.has_input(i) && c.input(i).elements() > 0; }
  /// NaN never passes.
  static bool passes(float score, float threshold, bool any) noexcept { return any ? score == score : score > threshold; }

  bool center_;
};

}  // namespace hone::inline HONE_ABI
