#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include <hone/config.hpp>
#include <hone/core/buffer.hpp>
#include <hone/ops/linear_attention.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

/// Each thread carries the states of its heads through the tokens.
template <class T>
class Kernel<ops::LinearAttention, Cpu, T> {
 public:
  static Support supports(const NodeView& node) {
    return !node.has_input(3) || node.input_dtype(3) == dtype_of<T> ? Support::yes() : Support::no("a state of another type");
  }
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<ops::LinearAttention>()) {}

  /// Room for the corrected values of a head, and for its state when no output takes it.
  [[nodiscard]] std::size_t workspace(const Context& c) const { return per_thread(c) * static_cast<std::size_t>(c.pool().size()); }

  void run(Context& c) const {
    const std::int64_t heads = op_.kv_num_heads;
    const std::int64_t group = op_.q_num_heads / heads;
    const std::int64_t tokens = c.input(0).shape[1];
    const std::int64_t depth = c.input(0).shape[2] / op_.q_num_heads;
    const std::int64_t width = c.input(2).shape[2] / heads;
    const std::int64_t decays = c.has_input(4) ? c.input(4).shape[2] : 0;
    const std::int64_t betas = c.has_input(5) ? c.input(5).shape[2] : 0;
    const T scale = op_.scale != 0 ? static_cast<T>(op_.scale) : T(1) / std::sqrt(static_cast<T>(depth));
    c.parallel_for(c.input(0).shape[0] * heads, 1, [&](std::int64_t begin, std::int64_t end, int slot) {
      T* own = reinterpret_cast<T*>(c.workspace() + static_cast<std::size_t>(slot) * per_thread(c));
      T* value = own + (c.has_output(1) ? 0 : depth * width);
      for (std::int64_t task = begin; task < end; ++task) {
        const std::int64_t b = task / heads;
        const std::int64_t h = task % heads;
        T* state = c.has_output(1) ? c.out<T>(1) + task * depth * width : own;  // (depth, width)
        if (c.has_input(3)) {
          std::copy_n(c.in<T>(3) + task * depth * width, depth * width, state);
        } else {
          std::fill_n(state, depth * width, T(0));
        }
        for (std::int64_t t = 0; t < tokens; ++t) {
          const std::int64_t token = b * tokens + t;
          const T* k = c.in<T>(1) + (token * heads + h) * depth;
          std::copy_n(c.in<T>(2) + (token * heads + h) * width, width, value);
          if (op_.gated) {
            const T* decay = c.in<T>(4) + token * decays;
            for (std::int64_t d = 0; d < depth; ++d)
              scale_row(state + d * width, width, std::exp(decays == heads ? decay[h] : decay[h * depth + d]));
          }
          if (op_.delta) {
            const T beta = c.in<T>(5)[token * betas + (betas == 1 ? 0 : h)];
            for (std::int64_t d = 0; d < depth; ++d) add_row(value, state + d * width, width, -k[d]);
            scale_row(value, width, beta);
          }
          for (std::int64_t d = 0; d < depth; ++d) add_row(state + d * width, value, width, k[d]);
          for (std::int64_t g = h * group; g < (h + 1) * group; ++g) {
            const T* q = c.in<T>(0) + (token * op_.q_num_heads + g) * depth;
            T* y = c.out<T>(0) + (token * op_.q_num_heads + g) * width;
            std::fill_n(y, width, T(0));
            for (std::int64_t d = 0; d < depth; ++d) add_row(y, state + d * width, width, q[d]);
            scale_row(y, width, scale);
          }
        }
      }
    });
  }

 private:
  [[nodiscard]] std::size_t per_thread(const Context& c) const noexcept {
    const std::int64_t depth = c.input(0).shape[2] / op_.q_num_heads;
    const std::int64_t width = c.input(2).shape[2] / op_.kv_num_heads;
    return align_up(static_cast<std::size_t>((c.has_output(1) ? 1 : depth + 1) * width) * sizeof(T));
  }
  static void scale_row(T* row, std::int64_t n, T by) noexcept {
    for (std::int64_t i = 0; i < n; ++i) row[i] *= by;
  }
  static void add_row(T* HONE_RESTRICT to, const T* HONE_RESTRICT row, std::int64_t n, T times) noexcept {
    for (std::int64_t i = 0; i < n; ++i) to[i] += times * row[i];
  }

  ops::LinearAttention op_;
};

}  // namespace hone::inline HONE_ABI
