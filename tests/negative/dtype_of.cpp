// The element type of a C++ type that ONNX does not have.
// refused: is_element_type_of_onnx
#include <hone/core/dtype.hpp>

#ifdef HONE_MISUSE
using T = long double;
#else
using T = double;
#endif
constexpr hone::DType dtype = hone::dtype_of<T>;
