// A narrowed CPU provider that names an operator the CPU has no kernel for.
// refused: hone::CpuWith names an operator that the CPU provider has no kernel for
#include <string_view>

#include <hone/providers/cpu_with.hpp>

struct Frob {
  static constexpr std::string_view name = "Frob";
};

#ifdef HONE_MISUSE
hone::CpuWith<hone::ops::Neg, Frob> provider;
#else
hone::CpuWith<hone::ops::Neg, hone::ops::Conv> provider;
#endif
