#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/buffer.hpp>
#include <hone/kernels/cpu/binary.hpp>
#include <hone/kernels/cpu/epilogue.hpp>
#include <hone/kernels/cpu/unary.hpp>
#include <hone/kernels/strided_box.hpp>
#include <hone/ops/pointwise.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

namespace cpu {

/// The loops of a chain, their types erased: one copy of what drives them serves all chains.
class PointwiseLoops {
 public:
  static constexpr std::size_t max_operands = ops::PointwiseChain::max_operands;

  struct Step {
    simd::UnaryFunction unary = nullptr;  ///< null for a binary step
    simd::BinaryFunctions binary{};
    std::array<float, 2> functor{};  ///< of a unary step
    std::size_t operand = 0;
    bool swapped = false;
  };

  /// `size`: bytes of an element.
  PointwiseLoops(std::vector<Step> steps, std::size_t size) : steps_(std::move(steps)), size_(size) {}

  [[nodiscard]] std::span<const Step> steps() const noexcept { return steps_; }

  /// A chain tied to its operands for one run. Allocates nothing.
  class Bound {
   public:
    /// `x` is where the chain begins, in its own shape; input number `first` of the node is operand 0. The first `done` steps are left out.
    Bound(const PointwiseLoops& loops, const Context& c, std::size_t first, const TensorRef& x, const TensorRef& y, std::size_t done = 0)
        : loops_(loops),
          steps_(std::span(loops.steps_).subspan(done)),
          x_(static_cast<const std::byte*>(x.data)),
          y_(static_cast<std::byte*>(y.data)) {
      const std::size_t count = std::min(c.input_count() - std::min(first, c.input_count()), max_operands);
      count_ = count;
      for (std::size_t i = 0; i < count; ++i) operands_[i] = c.in<std::byte>(first + i);
      for (std::size_t d = 0; d < y.shape.rank(); ++d) {
        StridedBox<max_operands + 1>::Offsets strides{};
        for (std::size_t i = 0; i < count; ++i) strides[i] = broadcast_stride(c.input(first + i).shape, y.shape, d);
        strides[max_operands] = broadcast_stride(x.shape, y.shape, d);
        box_.push_back(y.shape[d], strides);
      }
      row_strides_ = box_.row_strides();
      row_size_ = box_.row_size();
      join_short_rows();
    }

    /// Elements [begin, begin + count) of y, in the order of memory.
    void run(std::int64_t begin, std::int64_t count) const noexcept {
      while (count > 0) {
        const std::int64_t column = begin % row_size_;
        // What all steps pass over stays in L1.
        const std::int64_t n = std::min({count, row_size_ - column, part_bytes / static_cast<std::int64_t>(loops_.size_)});
        run_part(begin, begin / row_size_ * rows_in_row_, column, static_cast<std::size_t>(n));
        begin += n;
        count -= n;
      }
    }

   private:
    static constexpr std::int64_t part_bytes = 8 * 1024;

    /// Rows of a few elements, such as a block of channels is, are taken together where each array goes on in the next one, repeats itself
    /// there (its period is then the row) or is one number.
    void join_short_rows() noexcept {
      constexpr std::int64_t short_row = 64;
      if (box_.rank() < 2 || row_size_ > short_row) return;
      const auto& outer = box_.strides(box_.rank() - 2);
      for (std::size_t i = 0; i <= max_operands; ++i) {
        const bool goes_on = outer[i] == row_strides_[i] * row_size_;
        if (!goes_on && !(outer[i] == 0 && row_strides_[i] == 1)) return;
      }
      for (std::size_t i = 0; i <= max_operands; ++i)
        if (outer[i] == 0 && row_strides_[i] == 1) periods_[i] = row_size_;
      rows_in_row_ = box_.size(box_.rank() - 2);
      row_size_ *= rows_in_row_;
    }

    /// n elements of a pattern that repeats after `period` elements, from element `first` of it on.
    static void repeat(const std::byte* pattern, std::int64_t period, std::int64_t first, std::size_t n, std::size_t size,
                       std::byte* to) noexcept {
      const std::size_t bytes = n * size;
      const auto length = static_cast<std::size_t>(period) * size;
      const auto skipped = static_cast<std::size_t>(first) * size;
      std::size_t done = std::min(bytes, length - skipped);
      std::memcpy(to, pattern + skipped, done);
      const std::size_t rest = std::min(bytes - done, skipped);
      std::memcpy(to + done, pattern, rest);
      done += rest;
      while (done < bytes) {
        const std::size_t more = std::min(bytes - done, done);
        std::memcpy(to + done, to, more);
        done += more;
      }
    }

    void run_part(std::int64_t at, std::int64_t row, std::int64_t column, std::size_t n) const noexcept {
      // Most chains are over tensors of one shape, and have a single row.
      StridedBox<max_operands + 1>::Offsets offsets{};
      if (box_.rank() > 1) offsets = box_.row_offsets(row);
      for (std::size_t i = 0; i <= max_operands; ++i)
        if (periods_[i] == 0) offsets[i] += column * row_strides_[i];
      const auto size = static_cast<std::int64_t>(loops_.size_);
      std::byte* const y = y_ + at * size;
      const std::byte* v = x_ + offsets[max_operands] * size;
      if (periods_[max_operands] != 0) {
        repeat(v, periods_[max_operands], column % periods_[max_operands], n, loops_.size_, y);
        v = y;
      } else if (row_strides_[max_operands] == 0 && n > 1) {
        repeat(v, 1, 0, n, loops_.size_, y);
        v = y;
      }
      alignas(64) std::array<std::byte, part_bytes> repeated;
      for (const Step& step : steps_) {
        if (step.unary != nullptr) {
          step.unary(step.functor.data(), v, y, n);
        } else {
          const std::byte* operand = operands_[step.operand] + offsets[step.operand] * size;
          const bool one = row_strides_[step.operand] == 0;
          if (const std::int64_t period = periods_[step.operand]; period != 0) {
            repeat(operand, period, column % period, n, loops_.size_, repeated.data());
            operand = repeated.data();
          }
          if (step.swapped) {
            step.binary(operand, one, v, false, y, n);
          } else {
            step.binary(v, false, operand, one, y, n);
          }
        }
        v = y;
      }
    }

    const PointwiseLoops& loops_;
    std::span<const Step> steps_;
    const std::byte* x_;
    std::byte* y_;
    std::array<const std::byte*, max_operands> operands_{};
    std::size_t count_ = 0;
    StridedBox<max_operands + 1> box_;
    StridedBox<max_operands + 1>::Offsets row_strides_{};
    StridedBox<max_operands + 1>::Offsets periods_{};  ///< elements after which an array repeats itself within a row; 0 where it does not
    std::int64_t row_size_ = 1;
    std::int64_t rows_in_row_ = 1;  ///< rows of the box that make one here
  };

 private:
  std::vector<Step> steps_;
  std::size_t size_;
};

/// The loops for elements of type T.
template <class T>
[[nodiscard]] PointwiseLoops pointwise_loops(const ops::PointwiseChain& chain, const CpuDevice& device) {
  std::vector<PointwiseLoops::Step> steps;
  for (const ops::PointwiseStep& step : chain.steps) {
    PointwiseLoops::Step& loop = steps.emplace_back();
    const auto use = [&]<class F>(const F& functor) {
      static_assert(sizeof(F) <= sizeof loop.functor && std::is_trivially_copyable_v<F>);
      loop.unary = simd::table<simd::UnaryLoop<F, T>>(device.isa).erased;
      std::memcpy(loop.functor.data(), &functor, sizeof functor);
    };
    const auto use_unary = [&]<class Op>(Op op) {
      if constexpr (std::is_same_v<Op, ops::Clip>) {
        use(simd::Clip<T>{static_cast<T>(step.parameters[0]), static_cast<T>(step.parameters[1])});
      } else if constexpr (std::is_same_v<Op, ops::Gelu>) {
        step.parameters[0] != 0 ? use(simd::GeluTanh{}) : use(simd::Gelu{});
      } else {
        if constexpr (requires { op.alpha; }) op.alpha = step.parameters[0];
        if constexpr (requires { op.beta; }) op.beta = step.parameters[1];
        if constexpr (requires { op.gamma; }) op.gamma = step.parameters[1];
        use(functor(op));
      }
    };
    const auto use_binary = [&](const auto& op) {
      loop.binary = simd::table<simd::BinaryLoop<decltype(functor(op)), T>>(device.isa).erased;
      loop.operand = static_cast<std::size_t>(step.operand);
      loop.swapped = step.swapped;
    };
    if (step.operand < 0) {
      ops::detail::visit_op(ops::PointwiseUnary{}, step.op, use_unary);
    } else {
      ops::detail::visit_op(ops::PointwiseBinary{}, step.op, use_binary);
    }
  }
  return {std::move(steps), sizeof(T)};
}

/// The shape of what Base gives before the chain.
template <class Base>
[[nodiscard]] Shape base_shape(const ops::Fused<Base>& op, const Context& c) {
  std::array<const TensorRef*, ops::Fused<Base>::first_operand> inputs{};
  for (std::size_t i = 0; i < inputs.size(); ++i) inputs[i] = c.has_input(i) ? &c.input(i) : nullptr;
  return op.base_shape(ShapeContext(inputs, {}));
}

/// body(a context with the same inputs and another output).
template <class Body>
auto with_output(const Context& c, const TensorRef& output, const Body& body) {
  Slot slot;
  slot.tensor = output;
  Slot* const slots[] = {&slot};
  Context inner(c.input_slots(), slots, c.pool());
  return body(inner);
}

}  // namespace cpu

template <class T>
class Kernel<ops::Pointwise, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice& device) : loops_(cpu::pointwise_loops<T>(node.op<ops::Pointwise>().chain, device)) {}

  void run(Context& c) const {
    const cpu::PointwiseLoops::Bound chain(loops_, c, ops::Pointwise::first_operand, c.input(0), c.output(0));
    c.parallel_for(c.output(0).elements(), 16 * 1024, [&](std::int64_t begin, std::int64_t end) { chain.run(begin, end - begin); });
  }

 private:
  cpu::PointwiseLoops loops_;
};

/// Runs the kernel of Base with the chain as its epilogue. Where operands broaden the result of Base, that goes through scratch first.
template <class Base, class T>
class Kernel<ops::Fused<Base>, Cpu, T> {
 public:
  using Op = ops::Fused<Base>;

  Kernel(const NodeView& node, const CpuDevice& device)
      : op_(node.op<Op>()), base_(node, op_, device), loops_(cpu::pointwise_loops<T>(op_.chain, device)) {}

  [[nodiscard]] InputSet packed_inputs() const noexcept {
    if constexpr (requires { base_.packed_inputs(); }) {
      return base_.packed_inputs();
    } else {
      return 0;
    }
  }

  [[nodiscard]] std::size_t workspace(const Context& c) const {
    const Shape shape = cpu::base_shape(op_, c);
    if (shape == c.output(0).shape) return base_workspace(c);
    return align_up(checked_bytes(c.output(0).dtype, shape)) +
           cpu::with_output(c, {nullptr, c.output(0).dtype, shape}, [&](const Context& inner) { return base_workspace(inner); });
  }

  void run(Context& c) const {
    const Shape shape = cpu::base_shape(op_, c);
    const TensorRef& y = c.output(0);
    if (shape == y.shape) {
      const cpu::PointwiseLoops::Bound chain(loops_, c, Op::first_operand, y, y);
      const auto finish = [&](std::int64_t begin, std::int64_t count) { chain.run(begin, count); };
      const cpu::Epilogue epilogue(finish);
      return base_.run(c, &epilogue);
    }
    const TensorRef product{c.workspace(), y.dtype, shape};
    cpu::with_output(c, product, [&](Context& inner) {
      inner.set_workspace(c.workspace() + align_up(product.bytes()));
      base_.run(inner);
    });
    const cpu::PointwiseLoops::Bound chain(loops_, c, Op::first_operand, product, y);
    c.parallel_for(y.elements(), 16 * 1024, [&](std::int64_t begin, std::int64_t end) { chain.run(begin, end - begin); });
  }

 private:
  [[nodiscard]] std::size_t base_workspace(const Context& c) const {
    if constexpr (requires { base_.workspace(c); }) {
      return base_.workspace(c);
    } else {
      return 0;
    }
  }
  Op op_;
  Kernel<Base, Cpu, T> base_;
  cpu::PointwiseLoops loops_;
};

}  // namespace hone::inline HONE_ABI
