#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include <hone/config.hpp>
#include <hone/core/buffer.hpp>
#include <hone/kernels/cpu/epilogue.hpp>
#include <hone/kernels/cpu/integer_product.hpp>
#include <hone/ops/dimensions.hpp>
#include <hone/ops/quantized_product.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

namespace cpu {

/// The products of MatMulInteger and its relatives with one matrix on the right; a constant one is packed when the kernel is made.
class IntegerMatMul {
 public:
  IntegerMatMul(const NodeView& node, const ops::QuantizedInputs& at, const CpuDevice& device) : at_(at), product_(device.isa) {
    const TensorRef* b = node.constant(at.b);
    const TensorRef* zeros = node.has_input(at.b_zero) ? node.constant(at.b_zero) : nullptr;
    if (b == nullptr || b->shape.rank() != 2 || b->elements() == 0 || !is_byte(b->dtype) || (node.has_input(at.b_zero) && zeros == nullptr))
      return;
    memory_ = Buffer(product_.weights_bytes(shape(*b)));
    packed_ = pack(*b, zeros, memory_.data());
  }

  [[nodiscard]] InputSet packed_inputs() const noexcept { return is_packed() ? InputSet{1} << at_.b : 0; }

  /// Whether the product is one of these: one matrix on the right, one zero point on the left.
  [[nodiscard]] bool takes(const Context& c) const noexcept {
    const auto one = [&](std::size_t i) { return !c.has_input(i) || c.input(i).elements() == 1; };
    const TensorRef& a = c.input(at_.a);
    const TensorRef& b = c.input(at_.b);
    return is_byte(a.dtype) && is_byte(b.dtype) && a.shape.rank() > 0 && b.shape.rank() == 2 && b.elements() != 0 && a.elements() != 0 &&
           one(at_.a_zero) && one(at_.a_scale);
  }

  [[nodiscard]] std::size_t workspace(const Context& c) const {
    const Plan plan(*this, c);
    return plan.bytes;
  }

  /// On the threads of the session, store(sums of a tile, its first row, its first column) for each tile, whose `offsets`, `row_sums` and
  /// `zeros` are set, and point to its first row and column; and finish(first row, rows, first column, columns) for groups of finished
  /// ones.
  template <class Store, class Finish>
  void run(Context& c, const Store& store, const Finish& finish) const {
    const Plan plan(*this, c);
    const TensorRef& a = c.input(at_.a);
    const TensorRef& b = c.input(at_.b);
    const auto zero = static_cast<std::int32_t>(c.has_input(at_.a_zero) ? ops::integer_at(c.input(at_.a_zero), 0) : 0);
    std::byte* memory = c.workspace();
    const IntegerProduct::Weights weights =
        is_packed() ? packed_ : pack(b, c.has_input(at_.b_zero) ? &c.input(at_.b_zero) : nullptr, memory + plan.packed);
    auto* offsets = reinterpret_cast<std::int32_t*>(memory + plan.offsets);
    product_.offsets(weights, a.dtype, zero, offsets);
    const auto* x = static_cast<const std::byte*>(a.data);
    if (plan.copies) {
      std::byte* to = memory + plan.rows;
      c.parallel_for(plan.m, std::max<std::int64_t>(1, 32 * 1024 / plan.k), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
          std::byte* row = to + i * plan.row_bytes;
          product_.copy(x + i * plan.k, a.dtype, zero, plan.k, row);
          std::fill(row + plan.k * product_.element(), row + plan.row_bytes, std::byte{0});
        }
      });
      x = to;
    }
    constexpr std::int64_t rows = IntegerProduct::tile_rows;
    const std::int64_t blocks = (plan.m + rows - 1) / rows;
    const std::int64_t panels = product_.panels(plan.n);
    // Some panels at a time, so that what follows the product finds long rows.
    const std::int64_t group = std::clamp<std::int64_t>(panels * blocks / (2 * c.pool().size()), 1, 4);
    const std::int64_t groups = (panels + group - 1) / group;
    const std::int64_t grain = (product_.grain(weights, std::min(rows, plan.m)) + group - 1) / group;
    c.parallel_for(blocks * groups, grain, [&](std::int64_t begin, std::int64_t end) {
      alignas(64) std::array<std::int32_t, rows * IntegerProduct::tile_columns> sums;
      std::array<std::int32_t, rows> row_sums;
      const std::ptrdiff_t segment = 0;
      for (std::int64_t task = begin; task < end; ++task) {
        const std::int64_t first_row = task % blocks * rows;
        const std::int64_t count = std::min(rows, plan.m - first_row);
        const std::byte* from = x + first_row * plan.row_bytes;
        const std::int64_t first_panel = task / blocks * group;
        const std::int64_t last_panel = std::min(panels, first_panel + group);
        if (weights.has_zeros) product_.sum_rows(weights, from, plan.row_bytes, &segment, count, row_sums.data());
        for (std::int64_t panel = first_panel; panel < last_panel; ++panel) {
          const std::int64_t first = panel * product_.panel_columns();
          product_.multiply(weights, panel, from, plan.row_bytes, &segment, count, sums.data());
          store(simd::IntegerStore{.c = sums.data(),
                                   .c_stride = IntegerProduct::tile_columns,
                                   .rows = static_cast<std::size_t>(count),
                                   .columns = static_cast<std::size_t>(std::min(product_.panel_columns(), plan.n - first)),
                                   .offsets = offsets + first,
                                   .row_sums = weights.has_zeros ? row_sums.data() : nullptr,
                                   .zeros = weights.zeros + first},
                first_row, first);
        }
        const std::int64_t first = first_panel * product_.panel_columns();
        finish(first_row, count, first, std::min(plan.n, last_panel * product_.panel_columns()) - first);
      }
    });
  }
  template <class Store>
  void run(Context& c, const Store& store) const {
    run(c, store, [](auto...) {});
  }

  [[nodiscard]] const simd::IntegerGemm& kernels() const noexcept { return product_.kernels(); }

 private:
  /// The shapes of a product, and where in the workspace its parts are.
  struct Plan {
    Plan(const IntegerMatMul& kernel, const Context& c)
        : k(c.input(kernel.at_.a).shape.back()), m(c.input(kernel.at_.a).elements() / k), n(c.input(kernel.at_.b).shape[1]) {
      const IntegerProduct& product = kernel.product_;
      const auto place = [&](std::size_t size) {
        const std::size_t at = bytes;
        bytes += align_up(size);
        return at;
      };
      if (!kernel.is_packed()) packed = place(product.weights_bytes(kernel.shape(c.input(kernel.at_.b))));
      offsets = place(sizeof(std::int32_t) * static_cast<std::size_t>(IntegerProduct::padded(n)));
      copies = !product.reads(c.input(kernel.at_.a).dtype, k);
      row_bytes = copies ? product.segment_bytes(k) : k;
      if (copies) rows = place(static_cast<std::size_t>(m * row_bytes));
    }
    std::int64_t k;
    std::int64_t m;
    std::int64_t n;
    std::size_t packed = 0;
    std::size_t offsets = 0;
    std::size_t rows = 0;
    std::size_t bytes = 0;
    std::int64_t row_bytes = 0;
    bool copies = false;
  };

  [[nodiscard]] bool is_packed() const noexcept { return memory_.bytes() != 0; }
  [[nodiscard]] static IntegerShape shape(const TensorRef& b) noexcept {
    return {.outputs = b.shape[1], .segments = 1, .depth = b.shape[0]};
  }
  [[nodiscard]] IntegerProduct::Weights pack(const TensorRef& b, const TensorRef* zeros, void* memory) const {
    const auto zero = [&](std::int64_t j) { return zeros == nullptr ? 0 : ops::integer_at(*zeros, zeros->elements() == 1 ? 0 : j); };
    const IntegerSource source{.data = b.as<const std::uint8_t>(), .dtype = b.dtype, .output_stride = 1, .channel_stride = b.shape[1]};
    return product_.pack(shape(b), source, zero, memory);
  }

  ops::QuantizedInputs at_;
  IntegerProduct product_;
  Buffer memory_;
  IntegerProduct::Weights packed_;
};

}  // namespace cpu

template <>
class Kernel<ops::ScaledMatMulInteger, Cpu, float> {
  using Op = ops::ScaledMatMulInteger;

 public:
  static Support supports(const NodeView& node) {
    for (const std::size_t i : {Op::at.a, Op::at.b})
      if (!is_byte(node.input_dtype(i))) return Support::no("its input ", i, " holds no bytes");
    const TensorRef* b = node.constant(Op::at.b);
    return b != nullptr && b->shape.rank() == 2 && b->elements() != 0 ? Support::yes() : Support::no("its weights are no constant matrix");
  }
  Kernel(const NodeView& node, const CpuDevice& device) : Kernel(node, node.op<Op>(), device) {}
  Kernel(const NodeView& node, const Op&, const CpuDevice& device) : product_(node, Op::at, device) {}

  [[nodiscard]] InputSet packed_inputs() const noexcept { return product_.packed_inputs(); }
  [[nodiscard]] std::size_t workspace(const Context& c) const {
    return c.output(0).elements() == 0 ? 0 : product_.workspace(c) + scale_bytes(c);
  }

  void run(Context& c, const cpu::Epilogue* epilogue = nullptr) const {
    if (c.output(0).elements() == 0) return;
    if (!product_.takes(c))
      return c.fail("its inputs have shapes ", c.input(0).shape, " and ", c.input(1).shape, "; expected rows by a matrix");
    auto* scales = reinterpret_cast<float*>(c.workspace());
    const TensorRef& scale = c.input(Op::scale);
    const std::int64_t n = c.output(0).shape.back();
    for (std::int64_t j = 0; j < n; ++j) scales[j] = scale.as<const float>()[scale.elements() == 1 ? 0 : j];
    Context inner = c;
    inner.set_workspace(c.workspace() + scale_bytes(c));
    float* y = c.out<float>(0);
    const auto store = [&](simd::IntegerStore tile, std::int64_t row, std::int64_t column) {
      tile.scales = scales + column;
      product_.kernels().store_floats(tile, y + row * n + column, n);
    };
    product_.run(inner, store, [&](std::int64_t row, std::int64_t rows, std::int64_t column, std::int64_t columns) {
      for (std::int64_t r = row; epilogue != nullptr && r < row + rows; ++r) (*epilogue)(r * n + column, columns);
    });
  }

 private:
  [[nodiscard]] static std::size_t scale_bytes(const Context& c) noexcept {
    return align_up(sizeof(float) * static_cast<std::size_t>(cpu::IntegerProduct::padded(c.output(0).shape.back())));
  }

  cpu::IntegerMatMul product_;
};

}  // namespace hone::inline HONE_ABI
