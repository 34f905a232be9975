// A list of kernels with an element type that the loop of the operator cannot compute with.
// refused: the loops of simd/ compute with numbers: there is none of this operator for this element type
#include <string>

#include <hone/kernels/cpu/unary.hpp>
#include <hone/providers/kernel_list.hpp>

#ifdef HONE_MISUSE
using List = hone::KernelList<hone::entry<hone::ops::Relu, std::string>>;
#else
using List = hone::KernelList<hone::entry<hone::ops::Relu, float>>;
#endif
template struct hone::KernelTable<hone::Cpu, List>;
