#pragma once

#include <algorithm>
#include <cstdint>

#include <hone/config.hpp>
#include <hone/kernels/cpu/order_key.hpp>
#include <hone/kernels/cpu/strided_copy.hpp>
#include <hone/ops/topk.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

/// All element types become 32-bit or 64-bit keys first, so that the selection exists only twice.
template <>
class Kernel<ops::TopK, Cpu> {
 public:
  static Support supports(const NodeView& node) {
    const DType dtype = node.input_dtype(0);
    const bool number =
        is_integral(dtype) || dtype == DType::float32 || dtype == DType::float64 || dtype == DType::float16 || dtype == DType::bfloat16;
    return number ? Support::yes() : Support::no("TopK of ", hone::name(dtype));
  }
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<ops::TopK>()) {}

  [[nodiscard]] std::size_t workspace(const Context& c) const {
    const Rows rows(c, op_.axis);
    return static_cast<std::size_t>(c.pool().size()) * rows.scratch(key_size(c.input(0).dtype));
  }

  void run(Context& c) const {
    switch (c.input(0).dtype) {
      case DType::float32:
        return select<float>(c);
      case DType::float64:
        return select<double>(c);
      case DType::float16:
        return select<Half>(c);
      case DType::bfloat16:
        return select<BFloat16>(c);
      case DType::int8:
        return select<std::int8_t>(c);
      case DType::int16:
        return select<std::int16_t>(c);
      case DType::int32:
        return select<std::int32_t>(c);
      case DType::int64:
        return select<std::int64_t>(c);
      case DType::uint8:
        return select<std::uint8_t>(c);
      case DType::uint16:
        return select<std::uint16_t>(c);
      case DType::uint32:
        return select<std::uint32_t>(c);
      default:
        return select<std::uint64_t>(c);
    }
  }

 private:
  template <class Key>
  struct Candidate {
    Key key;
    std::int64_t index;
    friend bool operator<(const Candidate& a, const Candidate& b) noexcept {
      return a.key > b.key || (a.key == b.key && a.index < b.index);
    }
  };

  /// x is (outer, n, inner), the outputs are (outer, k, inner).
  struct Rows {
    Rows(const Context& c, std::int64_t axis) {
      const Shape& from = c.input(0).shape;
      const std::size_t along = normalized_axis(axis, from.rank());
      n = from[along];
      k = c.output(0).shape[along];
      inner = from.stride(along);
      outer = from.elements(0, along);
    }
    /// A heap serves a few best elements; for more, all are candidates.
    [[nodiscard]] bool few() const noexcept { return k <= n / 8; }
    /// Bytes of keys, and of keys and candidates together.
    [[nodiscard]] std::size_t key_bytes(std::size_t key) const noexcept { return align_up(static_cast<std::size_t>(n) * key); }
    [[nodiscard]] std::size_t scratch(std::size_t key) const noexcept {
      return key_bytes(key) + align_up(static_cast<std::size_t>(few() ? k : n) * sizeof(Candidate<std::uint64_t>));
    }
    std::int64_t n = 0;
    std::int64_t k = 0;
    std::int64_t inner = 1;
    std::int64_t outer = 1;
  };

  static std::size_t key_size(DType dtype) noexcept { return element_size(dtype) == 8 ? 8 : 4; }

  template <class T>
  void select(Context& c) const {
    using Key = OrderKey<T>;
    const Rows rows(c, op_.axis);
    if (c.output(0).elements() == 0) return;
    const T* x = c.in<T>(0);
    T* values = c.has_output(0) ? c.out<T>(0) : nullptr;
    std::int64_t* indices = c.has_output(1) ? c.out<std::int64_t>(1) : nullptr;
    const Key flip = op_.largest ? Key{0} : static_cast<Key>(~Key{0});
    const std::int64_t grain = std::max<std::int64_t>(copy_block<T> / rows.n, 1);
    c.parallel_for(rows.outer * rows.inner, grain, [&](std::int64_t begin, std::int64_t end, int slot) {
      std::byte* scratch = c.workspace() + static_cast<std::size_t>(slot) * rows.scratch(sizeof(Key));
      Key* keys = reinterpret_cast<Key*>(scratch);
      auto* best = reinterpret_cast<Candidate<Key>*>(scratch + rows.key_bytes(sizeof(Key)));
      for (std::int64_t row = begin; row < end; ++row) {
        const std::int64_t o = row / rows.inner;
        const std::int64_t i = row % rows.inner;
        const T* source = x + o * rows.n * rows.inner + i;
        for (std::int64_t j = 0; j < rows.n; ++j) keys[j] = static_cast<Key>(order_key(source[j * rows.inner]) ^ flip);
        find_best(keys, rows, best);
        for (std::int64_t j = 0; j < rows.k; ++j) {
          const std::int64_t target = (o * rows.k + j) * rows.inner + i;
          if (values != nullptr) values[target] = source[best[j].index * rows.inner];
          if (indices != nullptr) indices[target] = best[j].index;
        }
      }
    });
  }

  /// best[0 .. k) = the candidates with the largest keys, in order.
  template <class Key>
  static void find_best(const Key* keys, const Rows& rows, Candidate<Key>* best) {
    const std::int64_t first = rows.few() ? rows.k : rows.n;
    for (std::int64_t j = 0; j < first; ++j) best[j] = {keys[j], j};
    if (!rows.few()) {
      if (rows.k < rows.n) std::nth_element(best, best + rows.k, best + rows.n);
      std::sort(best, best + rows.k);
      return;
    }
    std::make_heap(best, best + rows.k);  // the worst of the best on top
    for (std::int64_t j = first; j < rows.n; ++j) {
      if (keys[j] <= best[0].key) continue;  // an equal key has a higher index
      std::pop_heap(best, best + rows.k);
      best[rows.k - 1] = {keys[j], j};
      std::push_heap(best, best + rows.k);
    }
    std::sort_heap(best, best + rows.k);
  }

  ops::TopK op_;
};

}  // namespace hone::inline HONE_ABI
