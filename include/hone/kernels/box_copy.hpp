#pragma once

#include <hone/config.hpp>

namespace hone::inline HONE_ABI {

/// How provider P moves elements, for the kernels in this folder, which differ between providers in nothing else. Specialisations have
///   static Support support(DType)      whether elements of that type can be moved one by one
///   static void run(Context&, const StridedBox<2>& elements, const TensorRef& from, std::int64_t from_first, const TensorRef& to,
///                   std::int64_t to_first)
///                                      copies the elements of a box, array 0 the source, array 1 the destination, from and to these
///                                      elements. No two elements of the box have the same place in the destination
///   static void whole(Context&, const TensorRef& from, const TensorRef& to)
///                                      copies all elements in their order; nothing when both are in the same memory
template <class P>
struct BoxCopy;

}  // namespace hone::inline HONE_ABI
