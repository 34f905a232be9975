// A list of kernels with an element type that there is no kernel for.
// refused: there is no kernel for this operator, provider and element type: include its header from kernels/, or take it off the list
#include <string>

#include <hone/ops/unary.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel_list.hpp>

template <>
class hone::Kernel<hone::ops::Neg, hone::Cpu, float> {
 public:
  Kernel(const NodeView&, const CpuDevice&) {}
  void run(Context&) const {}
};

#ifdef HONE_MISUSE
using List = hone::KernelList<hone::entry<hone::ops::Neg, float, std::string>>;
#else
using List = hone::KernelList<hone::entry<hone::ops::Neg, float>>;
#endif
template struct hone::KernelTable<hone::Cpu, List>;
