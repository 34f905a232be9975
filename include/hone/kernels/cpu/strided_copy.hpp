#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <hone/config.hpp>
#include <hone/kernels/box_copy.hpp>
#include <hone/kernels/cpu/element_mover.hpp>
#include <hone/kernels/strided_box.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>
#include <hone/simd/transpose_four.hpp>

namespace hone::inline HONE_ABI {

/// Elements of T in a block, at least 1.
template <class T>
inline constexpr std::int64_t copy_block = copy_block_bytes / static_cast<std::int64_t>(sizeof(T));

/// to[i * to_stride] = from[i * from_stride] for i in [0, n).
template <class T>
void copy_row(const T* from, std::int64_t from_stride, T* to, std::int64_t to_stride, std::int64_t n) {
  if (to_stride == 1 && from_stride == 1) {
    std::copy_n(from, n, to);
  } else if (to_stride == 1 && from_stride == 0) {
    std::fill_n(to, n, *from);
  } else if (to_stride == 1 && from_stride == 2) {
    for (std::int64_t i = 0; i < n; ++i) to[i] = from[i * 2];  // compilers shuffle registers when they know the stride
  } else if (to_stride == 1) {
    for (std::int64_t i = 0; i < n; ++i) to[i] = from[i * from_stride];
  } else {
    for (std::int64_t i = 0; i < n; ++i) to[i * to_stride] = from[i * from_stride];
  }
}

namespace detail {

/// A box whose rows are dense in the destination and whose source is dense along another dimension: a stack of matrix transposes.
struct TransposePlan {
  StridedBox<2> stack;
  std::int64_t columns = 0;      ///< along which the source is dense
  std::int64_t rows = 0;         ///< along which the destination is dense
  std::int64_t from_stride = 0;  ///< from one row of the source to the next
  std::int64_t to_stride = 0;    ///< from one column to the next in the destination
};

inline bool plan_transpose(const StridedBox<2>& box, TransposePlan& plan) {
  if (box.rank() < 2 || box.row_strides()[1] != 1 || box.row_strides()[0] == 1 || box.row_size() < 4) return false;
  const std::size_t inner = box.rank() - 1;
  std::size_t dense = inner;
  for (std::size_t d = 0; d < inner; ++d)
    if (box.strides(d)[0] == 1 && box.size(d) >= 4) dense = d;
  if (dense == inner) return false;
  for (std::size_t d = 0; d < inner; ++d)
    if (d != dense) plan.stack.push_back(box.size(d), box.strides(d));
  plan.columns = box.size(dense);
  plan.rows = box.row_size();
  plan.from_stride = box.row_strides()[0];
  plan.to_stride = box.strides(dense)[1];
  return true;
}

/// to[c * to_stride + r] = from[r * from_stride + c] for r < rows and c < columns.
template <class T>
void transpose_tile(const T* HONE_RESTRICT from, std::int64_t from_stride, T* HONE_RESTRICT to, std::int64_t to_stride, std::int64_t rows,
                    std::int64_t columns) {
  // 8 x 8 at a time: the 8 cache lines on either side fit any L1, whatever the strides.
  constexpr std::int64_t edge = 8;
  std::int64_t r = 0;
  for (; r + edge <= rows; r += edge) {
    std::int64_t c = 0;
    for (; c + edge <= columns; c += edge) {
      if constexpr (sizeof(T) == 4) {
        for (std::int64_t i = 0; i < edge; i += 4)
          for (std::int64_t j = 0; j < edge; j += 4)
            simd::transpose_four(from + (r + j) * from_stride + c + i, from_stride, to + (c + i) * to_stride + r + j, to_stride);
      } else {
        for (std::int64_t i = 0; i < edge; ++i)
          for (std::int64_t j = 0; j < edge; ++j) to[(c + i) * to_stride + r + j] = from[(r + j) * from_stride + c + i];
      }
    }
    for (; c < columns; ++c)
      for (std::int64_t j = 0; j < edge; ++j) to[c * to_stride + r + j] = from[(r + j) * from_stride + c];
  }
  for (std::int64_t c = 0; c < columns; ++c)
    for (std::int64_t j = r; j < rows; ++j) to[c * to_stride + j] = from[j * from_stride + c];
}

template <class T>
void transpose_copy(const Context& c, const TransposePlan& plan, const T* from, T* to) {
  // A task is a strip as wide as two cache lines of the source, which processors fetch together, so that each is read once.
  constexpr std::int64_t width = std::max<std::int64_t>(128 / static_cast<std::int64_t>(sizeof(T)), 8);
  constexpr std::int64_t height = 32;
  const std::int64_t strips = (plan.columns + width - 1) / width;
  const std::int64_t matrices = plan.stack.elements();
  const std::int64_t per_strip = std::max<std::int64_t>(plan.rows * std::min(width, plan.columns), 1);
  c.parallel_for(matrices * strips, std::max<std::int64_t>(copy_block<T> / per_strip, 1), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t matrix = task / strips;
      const std::int64_t column = task % strips * width;
      const std::int64_t columns = std::min(width, plan.columns - column);
      const std::int64_t row_in_stack = matrix / plan.stack.row_size();
      const std::int64_t along = matrix % plan.stack.row_size();
      plan.stack.for_rows(row_in_stack, row_in_stack + 1, [&](const auto& offsets) {
        const T* source = from + offsets[0] + along * plan.stack.row_strides()[0] + column;
        T* target = to + offsets[1] + along * plan.stack.row_strides()[1] + column * plan.to_stride;
        for (std::int64_t r = 0; r < plan.rows; r += height) {
          transpose_tile(source + r * plan.from_stride, plan.from_stride, target + r, plan.to_stride, std::min(height, plan.rows - r),
                         columns);
        }
      });
    }
  });
}

}  // namespace detail

/// The same box with the nearest long dimension innermost where the innermost one is short.
template <std::size_t N>
[[nodiscard]] StridedBox<N> with_long_rows(const StridedBox<N>& box) noexcept {
  constexpr std::int64_t long_enough = 8;
  StridedBox<N> result = box;
  if (box.row_size() >= long_enough) return result;
  for (std::size_t d = box.rank(); d-- > 0;) {
    if (box.size(d) < long_enough) continue;
    result.move_inside(d);
    break;
  }
  return result;
}

/// Copies the elements of a box: array 0 is the source, array 1 the destination. Runs on the threads of `c`.
/// Precondition: the two do not overlap, and no two elements of the box have the same place in the destination.
template <class T>
void strided_copy(const Context& c, const StridedBox<2>& elements, const T* from, T* to) {
  if (elements.elements() == 0) return;
  detail::TransposePlan plan;
  if (detail::plan_transpose(elements, plan)) return detail::transpose_copy(c, plan, from, to);
  const StridedBox<2> box = with_long_rows(elements);
  const std::int64_t size = box.row_size();
  const std::int64_t from_stride = box.row_strides()[0];
  const std::int64_t to_stride = box.row_strides()[1];
  const std::int64_t chunk = std::min(size, copy_block<T>);
  const std::int64_t chunks = (size + chunk - 1) / chunk;
  if (chunks == 1) {
    c.parallel_for(box.rows(), std::max<std::int64_t>(copy_block<T> / size, 1), [&](std::int64_t begin, std::int64_t end) {
      box.for_rows(begin, end, [&](const auto& at) { copy_row(from + at[0], from_stride, to + at[1], to_stride, size); });
    });
    return;
  }
  c.parallel_for(box.rows() * chunks, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t first = task % chunks * chunk;
      box.for_rows(task / chunks, task / chunks + 1, [&](const auto& at) {
        copy_row(from + at[0] + first * from_stride, from_stride, to + at[1] + first * to_stride, to_stride, std::min(chunk, size - first));
      });
    }
  });
}

/// The same for a box of elements of any type, from element `from_first` of one tensor on, to element `to_first` of another one.
/// Precondition: ElementMover::support(from.dtype).
inline void strided_copy(const Context& c, const StridedBox<2>& elements, const TensorRef& from, std::int64_t from_first,
                         const TensorRef& to, std::int64_t to_first) {
  const auto as = [&]<class T>(const T*) { strided_copy(c, elements, from.as<const T>() + from_first, to.as<T>() + to_first); };
  if (from.dtype == DType::string) return as(static_cast<const std::string*>(nullptr));
  switch (element_size(from.dtype)) {
    case 1:
      return as(static_cast<const Bytes<1>*>(nullptr));
    case 2:
      return as(static_cast<const Bytes<2>*>(nullptr));
    case 4:
      return as(static_cast<const Bytes<4>*>(nullptr));
    case 8:
      return as(static_cast<const Bytes<8>*>(nullptr));
    default:
      return as(static_cast<const Bytes<16>*>(nullptr));
  }
}

/// Copies a tensor of any element type to another one of the same type and number of elements; nothing when they are in the same memory.
inline void copy_tensor(const Context& c, const TensorRef& from, const TensorRef& to) {
  if (from.data == to.data) return;
  if (from.dtype == DType::string) {
    std::copy_n(from.as<const std::string>(), from.elements(), to.as<std::string>());
    return;
  }
  const auto bytes = static_cast<std::int64_t>(from.bytes());
  c.parallel_for(bytes, copy_block_bytes, [&](std::int64_t begin, std::int64_t end) {
    std::memcpy(to.as<std::byte>() + begin, from.as<const std::byte>() + begin, static_cast<std::size_t>(end - begin));
  });
}

template <>
struct BoxCopy<Cpu> {
  static Support support(DType dtype) { return ElementMover::support(dtype); }
  static void run(const Context& c, const StridedBox<2>& elements, const TensorRef& from, std::int64_t from_first, const TensorRef& to,
                  std::int64_t to_first) {
    strided_copy(c, elements, from, from_first, to, to_first);
  }
  static void whole(const Context& c, const TensorRef& from, const TensorRef& to) { copy_tensor(c, from, to); }
};

}  // namespace hone::inline HONE_ABI
