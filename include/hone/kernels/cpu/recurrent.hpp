#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>

#include <hone/config.hpp>
#include <hone/core/buffer.hpp>
#include <hone/kernels/cpu/matrix_product.hpp>
#include <hone/ops/recurrent.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>
#include <hone/simd/unary.hpp>

namespace hone::inline HONE_ABI {

namespace cpu {

/// The activation functions of recurrent networks on a row.
template <class T>
class RowActivation {
 public:
  explicit RowActivation(simd::Isa isa) noexcept
      : sigmoid_(&simd::table<simd::UnaryLoop<simd::Sigmoid, T>>(isa)), tanh_(&simd::table<simd::UnaryLoop<simd::Tanh, T>>(isa)) {}

  /// x[i] = activation(clip(x[i])) with |clip| at most `clip`; 0 does not clip.
  void run(const ops::Activation& activation, float clip, T* x, std::int64_t n) const noexcept {
    const auto bound = static_cast<T>(clip);
    if (clip > 0) {
      for (std::int64_t i = 0; i < n; ++i) x[i] = std::clamp(x[i], -bound, bound);
    }
    using Kind = ops::Activation::Kind;
    const auto a = static_cast<T>(activation.alpha);
    const auto b = static_cast<T>(activation.beta);
    const auto each = [&](const auto& f) {
      for (std::int64_t i = 0; i < n; ++i) x[i] = f(x[i]);
    };
    switch (activation.kind) {
      case Kind::sigmoid:
        return sigmoid_->run({}, x, x, static_cast<std::size_t>(n));
      case Kind::tanh:
        return tanh_->run({}, x, x, static_cast<std::size_t>(n));
      case Kind::relu:
        return each([](T v) { return simd::Relu{}(v); });
      case Kind::affine:
        return each([&](T v) { return a * v + b; });
      case Kind::leaky_relu:
        return each([&](T v) { return v < 0 ? a * v : v; });
      case Kind::thresholded_relu:
        return each([&](T v) { return v > a ? v : T(0); });
      case Kind::scaled_tanh:
        return each([&](T v) { return a * std::tanh(b * v); });
      case Kind::hard_sigmoid:
        return each([&](T v) { return std::clamp(a * v + b, T(0), T(1)); });
      case Kind::elu:
        return each([&](T v) { return v < 0 ? a * std::expm1(v) : v; });
      case Kind::softsign:
        return each([](T v) { return v / (1 + std::abs(v)); });
      case Kind::softplus:
        return each([](T v) { return simd::Softplus{}(v); });
    }
  }

 private:
  const simd::UnaryLoop<simd::Sigmoid, T>* sigmoid_;
  const simd::UnaryLoop<simd::Tanh, T>* tanh_;
};

}  // namespace cpu

template <class Op>
concept RecurrentOp = std::same_as<Op, ops::RNN> || std::same_as<Op, ops::GRU> || std::same_as<Op, ops::LSTM>;

/// The inputs' part of all gates is one product over the whole sequence; then each step adds the state's part.
template <RecurrentOp Op, class T>
class Kernel<Op, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice& device) : op_(node.op<Op>()), product_(device.isa), activation_(device.isa) {
    const TensorRef* w = node.constant(1);
    const TensorRef* r = node.constant(2);
    if (w == nullptr || r == nullptr || w->shape.rank() != 3 || r->shape.rank() != 3 || r->elements() == 0) return;
    const std::int64_t columns = r->shape[1];
    const std::int64_t hidden = r->shape[2];
    packed_w_size_ = product_.pack_b_bytes(w->shape[2], columns) / sizeof(T);
    packed_w_ = Buffer(static_cast<std::size_t>(w->shape[0]) * packed_w_size_ * sizeof(T));
    transposed_r_ = Buffer(static_cast<std::size_t>(r->elements()) * sizeof(T));
    for (std::int64_t d = 0; d < w->shape[0]; ++d) {
      const cpu::MatrixRef<T> from{w->as<const T>() + d * columns * w->shape[2], w->shape[2], 1};
      product_.pack_b(from.transposed(), w->shape[2], columns, static_cast<T*>(packed_w_.data()) + d * packed_w_size_,
                      ThreadPool::shared(1));
    }
    for (std::int64_t d = 0; d < r->shape[0]; ++d) {
      const T* from = r->as<const T>() + d * columns * hidden;
      T* to = static_cast<T*>(transposed_r_.data()) + d * columns * hidden;
      for (std::int64_t k = 0; k < hidden; ++k)
        for (std::int64_t j = 0; j < columns; ++j) *to++ = from[j * hidden + k];
    }
  }

  [[nodiscard]] InputSet packed_inputs() const noexcept { return transposed_r_.bytes() != 0 ? inputs(1, 2) : 0; }

  [[nodiscard]] std::size_t workspace(const Context& c) const {
    const Problem p(op_, c);
    return p.bytes() + scratch_bytes(p);
  }

  void run(Context& c) const {
    const Problem p(op_, c);
    if (c.has_input(4)) {
      for (std::int64_t n = 0; n < p.batch; ++n) {
        const std::int32_t length = c.in<std::int32_t>(4)[n];
        if (length < 0 || length > p.steps) return c.fail("the sequence length ", length, " is not between 0 and ", p.steps);
      }
    }
    for (int d = 0; d < op_.directions; ++d) run_direction(c, p, d);
  }

 private:
  static constexpr std::int64_t gates = Op::gates;
  static constexpr std::int64_t activations = Op::gates == 1 ? 1 : Op::gates == 3 ? 2 : 3;

  struct Problem {
    Problem(const Op& op, const Context& c) {
      const Shape& x = c.input(0).shape;
      steps = x[op.batch_first ? 1 : 0];
      batch = x[op.batch_first ? 0 : 1];
      inputs = x[2];
      hidden = c.input(2).shape[2];
      directions = op.directions;
      batch_first = op.batch_first;
    }
    /// Workspace, each part aligned: the inputs' part of all gates, then gates, a second set of gates, h and c of one step.
    [[nodiscard]] std::size_t from_inputs_bytes() const noexcept { return part(steps * batch * gates * hidden); }
    [[nodiscard]] std::size_t gates_bytes() const noexcept { return part(batch * gates * hidden); }
    [[nodiscard]] std::size_t state_bytes() const noexcept { return part(batch * hidden); }
    [[nodiscard]] std::size_t bytes() const noexcept { return from_inputs_bytes() + 2 * gates_bytes() + 2 * state_bytes(); }

    [[nodiscard]] std::int64_t input_row(std::int64_t t, std::int64_t n) const noexcept {
      return batch_first ? n * steps + t : t * batch + n;
    }
    [[nodiscard]] std::int64_t state_row(int d, std::int64_t n) const noexcept { return batch_first ? n * directions + d : d * batch + n; }
    [[nodiscard]] std::int64_t output_row(std::int64_t t, int d, std::int64_t n) const noexcept {
      return batch_first ? (n * steps + t) * directions + d : (t * directions + d) * batch + n;
    }

    std::int64_t steps;
    std::int64_t batch;
    std::int64_t inputs;
    std::int64_t hidden;
    int directions;
    bool batch_first;

   private:
    [[nodiscard]] static std::size_t part(std::int64_t elements) noexcept {
      return align_up(static_cast<std::size_t>(elements) * sizeof(T));
    }
  };

  [[nodiscard]] std::size_t scratch_bytes(const Problem& p) const noexcept {
    const std::int64_t columns = gates * p.hidden;
    return std::max(product_.workspace_bytes(p.steps * p.batch, columns, p.inputs), product_.workspace_bytes(p.batch, columns, p.hidden));
  }

  /// What the steps of one direction share.
  struct Run {
    T* gates;             // (batch, gates * hidden)
    T* second;            // the same, for what is needed apart
    T* h;                 // (batch, hidden)
    T* cell;              // (batch, hidden)
    cpu::MatrixRef<T> r;  // (hidden, gates * hidden)
    const T* bias;        // (2 * gates * hidden) or null
    const T* peephole;    // (3 * hidden) or null
    const ops::Activation* activations;
    std::byte* scratch;
  };

  void run_direction(Context& c, const Problem& p, int d) const {
    const std::int64_t columns = gates * p.hidden;
    std::byte* memory = c.workspace();
    const auto take = [&](std::size_t bytes) { return reinterpret_cast<T*>(std::exchange(memory, memory + bytes)); };
    T* from_inputs = take(p.from_inputs_bytes());
    Run run{};
    run.gates = take(p.gates_bytes());
    run.second = take(p.gates_bytes());
    run.h = take(p.state_bytes());
    run.cell = take(p.state_bytes());
    run.scratch = memory;
    // Rows of all gates are read along their length, each step of the product a row; the transposed form has them so.
    const bool packed = transposed_r_.bytes() != 0;
    run.r = packed ? cpu::MatrixRef<T>{static_cast<const T*>(transposed_r_.data()) + d * columns * p.hidden, columns, 1}
                   : cpu::MatrixRef<T>{c.in<T>(2) + d * columns * p.hidden, 1, p.hidden};
    run.bias = c.has_input(3) ? c.in<T>(3) + d * 2 * columns : nullptr;
    run.peephole = c.has_input(7) ? c.in<T>(7) + d * 3 * p.hidden : nullptr;
    run.activations = op_.activations.data() + d * activations;
    const bool reverse = d == 1 || op_.reverse;

    cpu::ProductOptions<T> options;
    options.column_bias = run.bias;
    const cpu::MatrixRef<T> x{c.in<T>(0), p.inputs, 1};
    if (packed) {
      product_.run_packed(p.steps * p.batch, columns, p.inputs, x, static_cast<const T*>(packed_w_.data()) + d * packed_w_size_,
                          from_inputs, columns, options, run.scratch, c.pool());
    } else {
      product_.run(p.steps * p.batch, columns, p.inputs, x, {c.in<T>(1) + d * columns * p.inputs, 1, p.inputs}, from_inputs, columns,
                   options, run.scratch, c.pool());
    }

    load_state(c, p, d, 5, run.h);
    load_state(c, p, d, 6, run.cell);
    for (std::int64_t s = 0; s < p.steps; ++s) {
      const auto step_of = [&](std::int64_t n) -> std::int64_t {
        const std::int64_t length = c.has_input(4) ? c.in<std::int32_t>(4)[n] : p.steps;
        if (s >= length) return -1;
        return reverse ? length - 1 - s : s;
      };
      for (std::int64_t n = 0; n < p.batch; ++n) {
        const std::int64_t t = std::max<std::int64_t>(0, step_of(n));
        std::copy_n(from_inputs + p.input_row(t, n) * columns, columns, run.gates + n * columns);
      }
      prepare_step(c, p, run);
      for (std::int64_t n = 0; n < p.batch; ++n) {
        const std::int64_t t = step_of(n);
        if (t >= 0) finish_step(p, run, n);
        if (!c.has_output(0)) continue;
        T* y = c.out<T>(0) + p.output_row(t >= 0 ? t : s, d, n) * p.hidden;
        t >= 0 ? void(std::copy_n(run.h + n * p.hidden, p.hidden, y)) : void(std::fill_n(y, p.hidden, T(0)));
      }
    }
    store_state(c, p, d, 1, run.h);
    store_state(c, p, d, 2, run.cell);
  }

  void load_state(const Context& c, const Problem& p, int d, std::size_t input, T* state) const {
    for (std::int64_t n = 0; n < p.batch; ++n) {
      if (c.has_input(input)) {
        std::copy_n(c.in<T>(input) + p.state_row(d, n) * p.hidden, p.hidden, state + n * p.hidden);
      } else {
        std::fill_n(state + n * p.hidden, p.hidden, T(0));
      }
    }
  }
  void store_state(const Context& c, const Problem& p, int d, std::size_t output, const T* state) const {
    if (!c.has_output(output)) return;
    for (std::int64_t n = 0; n < p.batch; ++n) std::copy_n(state + n * p.hidden, p.hidden, c.out<T>(output) + p.state_row(d, n) * p.hidden);
  }

  /// target (batch, count * hidden) += state r'[first gate, count gates] + rb
  void add_state(const Context& c, const Problem& p, const Run& run, const T* state, std::int64_t first, std::int64_t count,
                 T* target) const {
    cpu::ProductOptions<T> options;
    options.accumulate = true;
    if (run.bias != nullptr) options.column_bias = run.bias + (gates + first) * p.hidden;
    cpu::MatrixRef<T> r = run.r;
    r.data += first * p.hidden * r.column_stride;
    product_.run(p.batch, count * p.hidden, p.hidden, {state, p.hidden, 1}, r, target, gates * p.hidden, options, run.scratch, c.pool());
  }

  /// The state's part of the gates of the whole batch.
  void prepare_step(const Context& c, const Problem& p, const Run& run) const {
    if constexpr (!std::same_as<Op, ops::GRU>) {
      add_state(c, p, run, run.h, 0, gates, run.gates);
    } else {
      add_state(c, p, run, run.h, 0, 2, run.gates);
      const std::int64_t columns = gates * p.hidden;
      if (op_.linear_before_reset) {
        for (std::int64_t n = 0; n < p.batch; ++n) std::fill_n(run.second + n * columns, p.hidden, T(0));
        add_state(c, p, run, run.h, 2, 1, run.second);
      }
      for (std::int64_t n = 0; n < p.batch; ++n) activation_.run(run.activations[0], op_.clip, run.gates + n * columns, 2 * p.hidden);
      if (!op_.linear_before_reset) {
        // The reset state stands where c of an LSTM would.
        for (std::int64_t n = 0; n < p.batch; ++n)
          for (std::int64_t i = 0; i < p.hidden; ++i)
            run.cell[n * p.hidden + i] = run.gates[n * columns + p.hidden + i] * run.h[n * p.hidden + i];
        add_state(c, p, run, run.cell, 2, 1, run.gates + 2 * p.hidden);
      }
    }
  }

  /// h, and c, of sequence `n` from its gates.
  void finish_step(const Problem& p, const Run& run, std::int64_t n) const {
    const std::int64_t hidden = p.hidden;
    T* gate = run.gates + n * gates * hidden;
    T* h = run.h + n * hidden;
    if constexpr (std::same_as<Op, ops::RNN>) {
      activation_.run(run.activations[0], op_.clip, gate, hidden);
      std::copy_n(gate, hidden, h);
    } else if constexpr (std::same_as<Op, ops::GRU>) {
      T* z = gate;
      T* r = gate + hidden;
      T* candidate = gate + 2 * hidden;
      if (op_.linear_before_reset) {
        const T* linear = run.second + n * gates * hidden;
        for (std::int64_t i = 0; i < hidden; ++i) candidate[i] += r[i] * linear[i];
      }
      activation_.run(run.activations[1], op_.clip, candidate, hidden);
      for (std::int64_t i = 0; i < hidden; ++i) h[i] = (1 - z[i]) * candidate[i] + z[i] * h[i];
    } else {
      T* in = gate;
      T* out = gate + hidden;
      T* forget = gate + 2 * hidden;
      T* candidate = gate + 3 * hidden;
      T* cell = run.cell + n * hidden;
      const auto peep = [&](T* to, int part) {
        if (run.peephole == nullptr) return;
        for (std::int64_t i = 0; i < hidden; ++i) to[i] += run.peephole[part * hidden + i] * cell[i];
      };
      peep(in, 0);
      peep(forget, 2);
      activation_.run(run.activations[0], op_.clip, in, hidden);
      activation_.run(run.activations[0], op_.clip, forget, hidden);
      activation_.run(run.activations[1], op_.clip, candidate, hidden);
      for (std::int64_t i = 0; i < hidden; ++i) {
        const T keep = op_.input_forget ? 1 - in[i] : forget[i];
        cell[i] = keep * cell[i] + in[i] * candidate[i];
      }
      peep(out, 1);
      activation_.run(run.activations[0], op_.clip, out, hidden);
      std::copy_n(cell, hidden, candidate);
      activation_.run(run.activations[2], 0, candidate, hidden);
      for (std::int64_t i = 0; i < hidden; ++i) h[i] = out[i] * candidate[i];
    }
  }

  Op op_;
  cpu::MatrixProduct<T> product_;
  cpu::RowActivation<T> activation_;
  Buffer packed_w_;                ///< of all directions; empty unless both weights are constant
  std::size_t packed_w_size_ = 0;  ///< elements of one direction
  Buffer transposed_r_;            ///< (directions, hidden, gates * hidden)
};

}  // namespace hone::inline HONE_ABI
