// A tensor that could never be filled.
// refused: hone::Tensor<T> holds mutable elements; use hone::TensorView<const T> for constant ones
#include <hone/core/tensor.hpp>

#ifdef HONE_MISUSE
using T = const float;
#else
using T = float;
#endif
hone::Tensor<T> tensor;
