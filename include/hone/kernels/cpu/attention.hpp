#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>

#include <hone/config.hpp>
#include <hone/kernels/cpu/matrix_product.hpp>
#include <hone/ops/attention.hpp>
#include <hone/ops/dimensions.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>
#include <hone/simd/softmax.hpp>

namespace hone::inline HONE_ABI {

namespace cpu {

/// Which keys each query may attend to, and what is added to the scores of those.
template <class T>
class AttentionMask {
 public:
  AttentionMask(const ops::Attention& op, const ops::Attention::Sizes& s, const Context& c)
      : left_(op.left_window), right_(op.causal ? 0 : op.right_window), total_(s.past + s.keys), offset_(s.past) {
    if (c.has_input(6)) {
      valid_ = c.in<std::int64_t>(6);
      if (!c.has_input(4)) queries_ = s.queries;
    }
    if (!c.has_input(3)) return;
    const TensorRef& mask = c.input(3);
    const std::size_t rank = mask.shape.rank();
    if (mask.dtype == DType::boolean || mask.dtype == dtype_of<T>) {
      (mask.dtype == DType::boolean ? allowed_ : added_) = mask.data;
    } else {
      numbers_ = &mask;
    }
    width_ = mask.shape.back();
    for (std::size_t i = 0; i + 1 < rank; ++i) strides_[i + 4 - rank] = mask.shape[i] == 1 ? 0 : mask.shape.stride(i);
  }

  /// Masks the scores of query `i`; false when it may attend to no key.
  bool apply(std::int64_t b, std::int64_t h, std::int64_t i, T* scores) const noexcept {
    constexpr T never = -std::numeric_limits<T>::infinity();
    const std::int64_t position = i + (valid_ != nullptr && queries_ >= 0 ? valid_[b] - queries_ : offset_);
    const std::int64_t at = b * strides_[0] + h * strides_[1] + i * strides_[2];
    std::int64_t begin = left_ >= 0 ? std::clamp<std::int64_t>(position - left_, 0, total_) : 0;
    std::int64_t end = right_ >= 0 ? std::clamp<std::int64_t>(position + right_ + 1, 0, total_) : total_;
    if (valid_ != nullptr) end = std::clamp<std::int64_t>(valid_[b], 0, end);
    if (width_ >= 0) end = std::min(end, width_);
    begin = std::min(begin, end);
    std::fill(scores, scores + begin, never);
    std::fill(scores + end, scores + total_, never);
    bool any = false;
    if (allowed_ != nullptr) {
      const bool* allowed = static_cast<const bool*>(allowed_) + at;
      for (std::int64_t j = begin; j < end; ++j) {
        any = any || allowed[j];
        if (!allowed[j]) scores[j] = never;
      }
      return any;
    }
    const auto add = [&](auto added) {
      for (std::int64_t j = begin; j < end; ++j) {
        const T number = added(at + j);
        any = any || number != never;
        scores[j] = number == never ? never : scores[j] + number;
      }
      return any;
    };
    if (added_ != nullptr) return add([from = static_cast<const T*>(added_)](std::int64_t j) { return from[j]; });
    if (numbers_ != nullptr) return add([this](std::int64_t j) { return static_cast<T>(ops::number_at(*numbers_, j)); });
    return begin < end;
  }

 private:
  std::int64_t left_;
  std::int64_t right_;
  std::int64_t total_;
  std::int64_t offset_;
  std::int64_t queries_ = -1;  ///< set when positions count from the last key that is no padding
  const std::int64_t* valid_ = nullptr;
  const void* allowed_ = nullptr;
  const void* added_ = nullptr;
  const TensorRef* numbers_ = nullptr;  ///< what is added, in another type
  std::int64_t width_ = -1;
  std::array<std::int64_t, 3> strides_{};
};

/// The matrices of one head of q, k, v or y inside a tensor (B, H, S, D) or (B, S, H D).
struct Heads {
  std::int64_t batch_stride;
  std::int64_t head_stride;
  std::int64_t row_stride;

  Heads(bool packed, std::int64_t heads, std::int64_t rows, std::int64_t size)
      : batch_stride(heads * rows * size), head_stride(packed ? size : rows * size), row_stride(packed ? heads * size : size) {}
  [[nodiscard]] std::int64_t at(std::int64_t b, std::int64_t h) const noexcept { return b * batch_stride + h * head_stride; }
};

}  // namespace cpu

/// One product per head for the scores and one for the result; heads are shared among the threads.
template <class T>
class Kernel<ops::Attention, Cpu, T> {
 public:
  static Support supports(const NodeView& node) {
    const DType own = dtype_of<T>;
    for (const std::size_t i : {1, 2, 4, 5}) {
      if (node.has_input(i) && node.input_dtype(i) != own) return Support::no("queries of ", name(own), " and ", name(node.input_dtype(i)));
    }
    if (node.has_input(3) && node.input_dtype(3) != DType::boolean && !real_numbers.contains(node.input_dtype(3))) {
      return Support::no("a mask of ", name(node.input_dtype(3)));
    }
    return Support::yes();
  }
  Kernel(const NodeView& node, const CpuDevice& device)
      : op_(node.op<ops::Attention>()), product_(device.isa), rows_(&simd::table<simd::SoftmaxRow<T>>(device.isa)) {}

  [[nodiscard]] std::size_t workspace(const Context& c) const {
    const Sizes s = sizes(c);
    return cache_bytes(c, 1, s.size, s) + cache_bytes(c, 2, s.value_size, s) + per_thread(s) * static_cast<std::size_t>(c.pool().size());
  }

  void run(Context& c) const {
    const Sizes s = sizes(c);
    const bool packed = c.input(0).shape.rank() == 3;
    const std::int64_t total = s.past + s.keys;
    if (c.has_input(6)) {
      for (std::int64_t b = 0; b < s.batch; ++b) {
        const std::int64_t valid = c.in<std::int64_t>(6)[b];
        if (valid < 0 || valid > total) return c.fail("nonpad_kv_seqlen holds ", valid, "; there are ", total, " keys");
      }
    }
    std::byte* memory = c.workspace();
    const auto [k, k_heads] = joined(c, 1, s.size, s, memory);
    const auto [v, v_heads] = joined(c, 2, s.value_size, s, memory);
    const cpu::Heads q_heads(packed, s.q_heads, s.queries, s.size);
    const cpu::Heads y_heads(packed, s.q_heads, s.queries, s.value_size);
    const cpu::AttentionMask<T> mask(op_, s, c);
    const T* q = c.in<T>(0);
    T* y = c.out<T>(0);
    T* shown = c.has_output(3) ? c.out<T>(3) : nullptr;
    const T scale = op_.scale ? static_cast<T>(*op_.scale) : T(1) / std::sqrt(static_cast<T>(s.size));
    const std::int64_t group = s.heads == 0 ? 1 : s.q_heads / s.heads;
    const std::size_t share = per_thread(s);
    c.parallel_for(
        s.batch * s.q_heads, 1, [&, k = k, v = v, k_heads = k_heads, v_heads = v_heads](std::int64_t begin, std::int64_t end, int slot) {
          std::byte* own = memory + static_cast<std::size_t>(slot) * share;
          T* scores = reinterpret_cast<T*>(own);  // (queries, total)
          std::byte* scratch = own + scores_bytes(s);
          for (std::int64_t task = begin; task < end; ++task) {
            const std::int64_t b = task / s.q_heads;
            const std::int64_t h = task % s.q_heads;
            const cpu::MatrixRef<T> keys{k + k_heads.at(b, h / group), k_heads.row_stride, 1};
            product_.run(s.queries, total, s.size, {q + q_heads.at(b, h), q_heads.row_stride, 1}, keys.transposed(), scores, total, {},
                         scratch, c.pool());
            for (std::int64_t i = 0; i < s.queries; ++i) {
              T* row = scores + i * total;
              T* show = shown != nullptr ? shown + (task * s.queries + i) * total : nullptr;
              weigh(row, show, total, scale, [&] { return mask.apply(b, h, i, row); });
            }
            product_.run(s.queries, s.value_size, total, {scores, total, 1}, {v + v_heads.at(b, h / group), v_heads.row_stride, 1},
                         y + y_heads.at(b, h), y_heads.row_stride, {}, scratch, c.pool());
          }
        });
  }

 private:
  using Sizes = ops::Attention::Sizes;
  struct Cache {
    const T* data;
    cpu::Heads heads;
  };

  [[nodiscard]] Sizes sizes(const Context& c) const {
    return op_.sizes(c.input(0).shape, c.input(1).shape, c.input(2).shape, c.has_input(4) ? &c.input(4).shape : nullptr);
  }
  [[nodiscard]] static std::size_t scores_bytes(const Sizes& s) noexcept {
    return align_up(static_cast<std::size_t>(s.queries * (s.past + s.keys)) * sizeof(T));
  }
  [[nodiscard]] std::size_t per_thread(const Sizes& s) const noexcept {
    const std::int64_t total = s.past + s.keys;
    return scores_bytes(s) +
           align_up(std::max(product_.workspace_bytes(s.queries, total, s.size), product_.workspace_bytes(s.queries, s.value_size, total)));
  }
  /// Bytes for the past and the new rows of input `i` together, 0 when there is no past or an output has them.
  [[nodiscard]] static std::size_t cache_bytes(const Context& c, std::size_t i, std::int64_t size, const Sizes& s) noexcept {
    if (!c.has_input(4) || c.has_output(i)) return 0;
    return align_up(static_cast<std::size_t>(s.batch * s.heads * (s.past + s.keys) * size) * sizeof(T));
  }

  /// The rows of input `i`, keys or values, after the past ones.
  Cache joined(const Context& c, std::size_t i, std::int64_t size, const Sizes& s, std::byte*& memory) const {
    const bool packed = c.input(0).shape.rank() == 3;
    const cpu::Heads from(packed, s.heads, s.keys, size);
    const T* given = c.in<T>(i);
    if (!c.has_input(4) && !c.has_output(i)) return {given, from};
    T* to = c.has_output(i) ? c.out<T>(i) : reinterpret_cast<T*>(memory);
    memory += cache_bytes(c, i, size, s);
    const std::int64_t total = s.past + s.keys;
    for (std::int64_t head = 0; head < s.batch * s.heads; ++head) {
      T* out = to + head * total * size;
      if (s.past != 0) out = std::copy_n(c.in<T>(i + 3) + head * s.past * size, s.past * size, out);
      const T* rows = given + from.at(head / s.heads, head % s.heads);
      for (std::int64_t j = 0; j < s.keys; ++j) out = std::copy_n(rows + j * from.row_stride, size, out);
    }
    return {to, cpu::Heads(false, s.heads, total, size)};
  }

  /// Turns the products of a query into the weights of the values; `show` gets the scores in between.
  template <class Mask>
  void weigh(T* row, T* show, std::int64_t n, T scale, const Mask& mask) const {
    using Scores = ops::Attention::Scores;
    const auto keep = [&](Scores mode) {
      if (show != nullptr && op_.scores_mode == mode) std::copy_n(row, n, show);
    };
    for (std::int64_t j = 0; j < n; ++j) row[j] *= scale;
    keep(Scores::product);
    if (op_.softcap > 0) {
      const T cap = static_cast<T>(op_.softcap);
      for (std::int64_t j = 0; j < n; ++j) row[j] = cap * std::tanh(row[j] / cap);
    }
    keep(Scores::capped);
    const bool any = mask();
    keep(Scores::masked);
    const T lowest = -std::numeric_limits<T>::infinity();
    if (any && std::any_of(row, row + n, [&](T x) { return x != lowest; })) {
      rows_->softmax(row, row, static_cast<std::size_t>(n));
    } else {
      std::fill_n(row, n, T(0));
    }
    keep(Scores::softmax);
  }

  ops::Attention op_;
  cpu::MatrixProduct<T> product_;
  const simd::SoftmaxRow<T>* rows_;
};

/// The subgraphs see the scores of all heads at once.
template <class T>
class Kernel<ops::FlexAttention, Cpu, T> {
 public:
  static Support supports(const NodeView& node) {
    const auto& precision = node.op<ops::FlexAttention>().precision;
    if (!precision || *precision == static_cast<std::int64_t>(dtype_of<T>)) return Support::yes();
    return node.node().subgraphs.empty() ? Support::yes() : Support::no("subgraphs that take another type than the queries");
  }
  Kernel(const NodeView& node, const CpuDevice& device)
      : op_(node.op<ops::FlexAttention>()), product_(device.isa), rows_(&simd::table<simd::SoftmaxRow<T>>(device.isa)) {
    const auto& subgraphs = node.node().subgraphs;
    for (std::size_t i = 0; i < subgraphs.size(); ++i)
      (subgraphs[i].attribute == "score_mod" ? score_mod_ : prob_mod_) = static_cast<int>(i);
  }

  [[nodiscard]] std::size_t workspace(const Context& c) const {
    const auto s = sizes(c);
    return std::max(product_.workspace_bytes(s.queries, s.keys, s.size), product_.workspace_bytes(s.queries, s.value_size, s.keys));
  }

  void run(Context& c) const {
    const auto s = sizes(c);
    const std::int64_t group = s.heads == 0 ? 1 : s.q_heads / s.heads;
    const T scale = op_.scale ? static_cast<T>(*op_.scale) : T(1) / std::sqrt(static_cast<T>(s.size));
    const cpu::Heads q(false, s.q_heads, s.queries, s.size);
    const cpu::Heads k(false, s.heads, s.keys, s.size);
    const cpu::Heads v(false, s.heads, s.keys, s.value_size);
    const cpu::Heads p(false, s.q_heads, s.queries, s.keys);
    const cpu::Heads y(false, s.q_heads, s.queries, s.value_size);
    const Shape shape{s.batch, s.q_heads, s.queries, s.keys};
    Slot first;
    Slot second;
    Slot* scores = &first;
    Slot* other = &second;
    scores->allocate(dtype_of<T>, shape);
    const auto modify = [&](int subgraph) {
      if (subgraph < 0) return true;
      const Slot* in[]{scores};
      Slot* out[]{other};
      if (!c.run_subgraph(static_cast<std::size_t>(subgraph), in, out)) return false;
      std::swap(scores, other);
      if (scores->tensor.dtype == dtype_of<T> && scores->tensor.shape == shape) return true;
      c.fail("a subgraph gives ", name(scores->tensor.dtype), " of shape ", scores->tensor.shape, " for scores of shape ", shape);
      return false;
    };
    const auto each_head = [&](const auto& body) {
      for (std::int64_t b = 0; b < s.batch; ++b)
        for (std::int64_t h = 0; h < s.q_heads; ++h) body(b, h, scores->tensor.template as<T>() + p.at(b, h));
    };
    each_head([&](std::int64_t b, std::int64_t h, T* to) {
      const cpu::MatrixRef<T> keys{c.in<T>(1) + k.at(b, h / group), k.row_stride, 1};
      product_.run(s.queries, s.keys, s.size, {c.in<T>(0) + q.at(b, h), q.row_stride, 1}, keys.transposed(), to, s.keys, {}, c.workspace(),
                   c.pool());
      for (std::int64_t i = 0; i < s.queries * s.keys; ++i) to[i] *= scale;
    });
    if (!modify(score_mod_)) return;
    each_head([&](std::int64_t, std::int64_t, T* to) {
      for (std::int64_t i = 0; i < s.queries && s.keys != 0; ++i)
        rows_->softmax(to + i * s.keys, to + i * s.keys, static_cast<std::size_t>(s.keys));
    });
    if (!modify(prob_mod_)) return;
    each_head([&](std::int64_t b, std::int64_t h, const T* from) {
      product_.run(s.queries, s.value_size, s.keys, {from, s.keys, 1}, {c.in<T>(2) + v.at(b, h / group), v.row_stride, 1},
                   c.out<T>(0) + y.at(b, h), y.row_stride, {}, c.workspace(), c.pool());
    });
  }

 private:
  [[nodiscard]] static ops::Attention::Sizes sizes(const Context& c) {
    return ops::Attention{}.sizes(c.input(0).shape, c.input(1).shape, c.input(2).shape, nullptr);
  }

  ops::FlexAttention op_;
  cpu::MatrixProduct<T> product_;
  const simd::SoftmaxRow<T>* rows_;
  int score_mod_ = -1;
  int prob_mod_ = -1;
};

}  // namespace hone::inline HONE_ABI
