#pragma once

#include <cstddef>
#include <cstdint>
#include <cuda_runtime.h>

#include <hone/config.hpp>
#include <hone/kernels/box_copy.hpp>
#include <hone/kernels/cuda/launch.cuh>
#include <hone/kernels/cuda/strided_map.cuh>

namespace hone::inline HONE_ABI {

namespace cuda {

/// A run of bytes that is read and written at once.
template <std::size_t Size>
struct alignas(Size) Word {
  std::byte bytes[Size];
};

template <std::size_t Size>
__global__ void copy_box_kernel(StridedMap<2> map, const Word<Size>* from, Word<Size>* to) {
  for (std::int64_t i = first_index(); i < map.elements(); i += index_step()) {
    const auto at = map.offsets(i);
    to[at.of[1]] = from[at.of[0]];
  }
}

/// A box of elements of `size` bytes as one of larger words, as far as rows, strides and addresses allow.
struct WordBox {
  StridedBox<2> box;
  std::size_t size;

  WordBox(const StridedBox<2>& elements, std::size_t element_bytes, const void* from, const void* to) : box(elements), size(element_bytes) {
    while (size < 16 && divides(2, from, to)) {
      StridedBox<2> halved;
      for (std::size_t d = 0; d < box.rank(); ++d) {
        const bool last = d + 1 == box.rank();
        const auto strides = box.strides(d);
        if (last) {
          halved.push_back(box.size(d) / 2, {1, 1});
        } else {
          halved.push_back(box.size(d), {strides[0] / 2, strides[1] / 2});
        }
      }
      box = halved;
      size *= 2;
    }
  }

 private:
  [[nodiscard]] bool divides(std::int64_t by, const void* from, const void* to) const {
    const auto aligned = [&](const void* p) { return reinterpret_cast<std::uintptr_t>(p) % (size * static_cast<std::size_t>(by)) == 0; };
    if (box.rank() == 0 || box.row_size() % by != 0 || !aligned(from) || !aligned(to)) return false;
    if (box.row_strides()[0] != 1 || box.row_strides()[1] != 1) return false;
    for (std::size_t d = 0; d + 1 < box.rank(); ++d)
      if (box.strides(d)[0] % by != 0 || box.strides(d)[1] % by != 0) return false;
    return true;
  }
};

/// Copies a box between arrays of elements of `size` bytes.
inline void copy_box(Context& c, const StridedBox<2>& elements, std::size_t size, const void* from, void* to) {
  if (elements.elements() == 0) return;
  const WordBox words(elements, size, from, to);
  const StridedMap<2> map(words.box);
  const auto as = [&]<std::size_t Size>(const Word<Size>*) {
    launch(c, copy_box_kernel<Size>, blocks_for(map.elements()), block_threads, map, static_cast<const Word<Size>*>(from),
           static_cast<Word<Size>*>(to));
  };
  switch (words.size) {
    case 1:
      return as(static_cast<const Word<1>*>(nullptr));
    case 2:
      return as(static_cast<const Word<2>*>(nullptr));
    case 4:
      return as(static_cast<const Word<4>*>(nullptr));
    case 8:
      return as(static_cast<const Word<8>*>(nullptr));
    default:
      return as(static_cast<const Word<16>*>(nullptr));
  }
}

/// Elements that have a size of their own can be moved one by one.
inline Support movable(DType dtype) {
  return dtype != DType::string && element_size(dtype) != 0 ? Support::yes()
                                                            : Support::no("no kernel for elements of type ", hone::name(dtype));
}

}  // namespace cuda

template <>
struct BoxCopy<Cuda> {
  static Support support(DType dtype) { return cuda::movable(dtype); }
  static void run(Context& c, const StridedBox<2>& elements, const TensorRef& from, std::int64_t from_first, const TensorRef& to,
                  std::int64_t to_first) {
    const std::size_t size = element_size(from.dtype);
    cuda::copy_box(c, elements, size, from.as<const std::byte>() + from_first * static_cast<std::int64_t>(size),
                   to.as<std::byte>() + to_first * static_cast<std::int64_t>(size));
  }
  static void whole(Context& c, const TensorRef& from, const TensorRef& to) {
    if (from.data != to.data && from.bytes() != 0) c.queue()->copy(to.data, from.data, from.bytes());
  }
};

}  // namespace hone::inline HONE_ABI
