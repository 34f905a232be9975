// A result that should go into a view of constants.
// refused: a result is written: it needs a view of mutable elements, hone::TensorView<T>, not <const T>
#include <hone/core/value.hpp>

#ifdef HONE_MISUSE
using T = const float;
#else
using T = float;
#endif
hone::ResultRef result(const hone::TensorView<T>& view) { return view; }
