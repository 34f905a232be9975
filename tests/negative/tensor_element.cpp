// A tensor with elements of a type that ONNX does not have.
// refused: is_element_type_of_onnx
#include <hone/core/tensor.hpp>

#ifdef HONE_MISUSE
using T = const char*;
#else
using T = float;
#endif
hone::Tensor<T> tensor;
