#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#include <hone/config.hpp>
#include <hone/kernels/cpu/strided_copy.hpp>
#include <hone/ops/where.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

namespace detail {

/// y[i] = condition[i] ? a[i] : b[i] along a row; strides in elements, those of y are 1.
template <class T>
class WhereRow {
 public:
  static void run(const bool* condition, const void* from_a, const void* from_b, void* to, const StridedBox<4>::Offsets& strides,
                  std::int64_t n) {
    const T* a = static_cast<const T*>(from_a);
    const T* b = static_cast<const T*>(from_b);
    T* y = static_cast<T*>(to);
    if (strides[0] == 0) {
      *condition ? copy_row(a, strides[1], y, 1, n) : copy_row(b, strides[2], y, 1, n);
    } else if (strides[1] == 1 && strides[2] == 1) {
      for (std::int64_t i = 0; i < n; ++i) choose(condition[i], a[i], b[i], y[i]);
    } else if (strides[1] == 1 && strides[2] == 0) {
      for (std::int64_t i = 0; i < n; ++i) choose(condition[i], a[i], *b, y[i]);
    } else if (strides[1] == 0 && strides[2] == 1) {
      for (std::int64_t i = 0; i < n; ++i) choose(condition[i], *a, b[i], y[i]);
    } else {
      for (std::int64_t i = 0; i < n; ++i) y[i] = condition[i * strides[0]] ? a[i * strides[1]] : b[i * strides[2]];
    }
  }

 private:
  static void choose(bool condition, const T& a, const T& b, T& y) {
    if constexpr (std::is_same_v<T, Bytes<1>>) {
      choose_word<std::uint8_t>(condition, a, b, y);
    } else if constexpr (std::is_same_v<T, Bytes<2>>) {
      choose_word<std::uint16_t>(condition, a, b, y);
    } else if constexpr (std::is_same_v<T, Bytes<4>>) {
      choose_word<std::uint32_t>(condition, a, b, y);
    } else if constexpr (std::is_same_v<T, Bytes<8>>) {
      choose_word<std::uint64_t>(condition, a, b, y);
    } else {
      y = condition ? a : b;
    }
  }
  /// Loads both elements as integers, which lets compilers turn loops of choices into vector blends.
  template <class Word>
  static void choose_word(bool condition, const T& a, const T& b, T& y) {
    Word yes;
    Word no;
    std::memcpy(&yes, &a, sizeof yes);
    std::memcpy(&no, &b, sizeof no);
    const Word chosen = condition ? yes : no;
    std::memcpy(&y, &chosen, sizeof chosen);
  }
};

}  // namespace detail

template <>
class Kernel<ops::Where, Cpu> {
 public:
  static Support supports(const NodeView& node) { return ElementMover::support(node.input_dtype(1)); }
  Kernel(const NodeView& node, const CpuDevice&) : mover_(node.input_dtype(1)), row_(row_of(node.input_dtype(1))) {}
  void run(Context& c) const {
    const Shape& to = c.output(0).shape;
    StridedBox<4> box;
    for (std::size_t d = 0; d < to.rank(); ++d) {
      box.push_back(to[d], {broadcast_stride(c.input(0).shape, to, d), broadcast_stride(c.input(1).shape, to, d),
                            broadcast_stride(c.input(2).shape, to, d), to.stride(d)});
    }
    if (box.elements() == 0) return;
    const std::int64_t size = box.row_size();
    const auto strides = box.row_strides();
    const std::int64_t chunk = std::min(size, mover_.block());
    const std::int64_t chunks = (size + chunk - 1) / chunk;
    const std::int64_t grain = std::max<std::int64_t>(mover_.block() / chunk, 1);
    const auto part = [&](const StridedBox<4>::Offsets& at, std::int64_t first) {
      row_(c.in<bool>(0) + at[0] + first * strides[0], mover_.at(c.input(1).data, at[1] + first * strides[1]),
           mover_.at(c.input(2).data, at[2] + first * strides[2]), mover_.at(c.output(0).data, at[3] + first), strides,
           std::min(chunk, size - first));
    };
    c.parallel_for(box.rows() * chunks, grain, [&](std::int64_t begin, std::int64_t end) {
      if (chunks == 1) return box.for_rows(begin, end, [&](const auto& at) { part(at, 0); });
      for (std::int64_t task = begin; task < end; ++task) {
        box.for_rows(task / chunks, task / chunks + 1, [&](const auto& at) { part(at, task % chunks * chunk); });
      }
    });
  }

 private:
  using Row = void (*)(const bool*, const void*, const void*, void*, const StridedBox<4>::Offsets&, std::int64_t);

  static Row row_of(DType dtype) noexcept {
    if (dtype == DType::string) return &detail::WhereRow<std::string>::run;
    switch (element_size(dtype)) {
      case 1:
        return &detail::WhereRow<Bytes<1>>::run;
      case 2:
        return &detail::WhereRow<Bytes<2>>::run;
      case 4:
        return &detail::WhereRow<Bytes<4>>::run;
      case 8:
        return &detail::WhereRow<Bytes<8>>::run;
      default:
        return &detail::WhereRow<Bytes<16>>::run;
    }
  }

  ElementMover mover_;
  Row row_;
};

}  // namespace hone::inline HONE_ABI
