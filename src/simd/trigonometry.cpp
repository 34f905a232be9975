#include <hone/simd/functions.hpp>
#include <hone/simd/unary.hpp>

namespace hone::inline HONE_ABI::simd {

using ThisArch = Arch<Isa::HONE_SIMD_ISA>;

#define HONE_UNARY(F, T) template const UnaryLoop<F, T>& functions<UnaryLoop<F, T>, ThisArch>() noexcept;
#define HONE_UNARY_REAL(F) HONE_UNARY(F, float) HONE_UNARY(F, double)

HONE_UNARY_REAL(Sin)
HONE_UNARY_REAL(Cos)
HONE_UNARY_REAL(Tan)
HONE_UNARY_REAL(Asin)
HONE_UNARY_REAL(Acos)
HONE_UNARY_REAL(Atan)
HONE_UNARY_REAL(Sinh)
HONE_UNARY_REAL(Cosh)
HONE_UNARY_REAL(Tanh)
HONE_UNARY_REAL(Asinh)
HONE_UNARY_REAL(Acosh)
HONE_UNARY_REAL(Atanh)

}  // namespace hone::inline HONE_ABI::simd
