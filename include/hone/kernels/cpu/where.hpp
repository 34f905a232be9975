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

template <class T>
class Kernel<ops::Where, Cpu, T> {
 public:
  Kernel(const NodeView&, const CpuDevice&) {}
  void run(Context& c) const {
    const Shape& to = c.output(0).shape;
    StridedBox<4> box;
    for (std::size_t d = 0; d < to.rank(); ++d) {
      box.push_back(to[d], {broadcast_stride(c.input(0).shape, to, d), broadcast_stride(c.input(1).shape, to, d),
                            broadcast_stride(c.input(2).shape, to, d), to.stride(d)});
    }
    if (box.elements() == 0) return;
    const bool* condition = c.in<bool>(0);
    const T* a = c.in<T>(1);
    const T* b = c.in<T>(2);
    T* y = c.out<T>(0);
    const std::int64_t size = box.row_size();
    const auto strides = box.row_strides();
    const std::int64_t chunk = std::min(size, copy_block<T>);
    const std::int64_t chunks = (size + chunk - 1) / chunk;
    const std::int64_t grain = std::max<std::int64_t>(copy_block<T> / chunk, 1);
    c.parallel_for(box.rows() * chunks, grain, [&](std::int64_t begin, std::int64_t end) {
      if (chunks == 1) {
        box.for_rows(begin, end, [&](const auto& at) { row(condition + at[0], a + at[1], b + at[2], y + at[3], strides, size); });
        return;
      }
      for (std::int64_t task = begin; task < end; ++task) {
        const std::int64_t first = task % chunks * chunk;
        box.for_rows(task / chunks, task / chunks + 1, [&](const auto& at) {
          row(condition + at[0] + first * strides[0], a + at[1] + first * strides[1], b + at[2] + first * strides[2],
              y + at[3] + first * strides[3], strides, std::min(chunk, size - first));
        });
      }
    });
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

  static void row(const bool* condition, const T* a, const T* b, T* y, const StridedBox<4>::Offsets& strides, std::int64_t n) {
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
};

}  // namespace hone::inline HONE_ABI
