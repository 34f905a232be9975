#include <cstdint>

#include <hone/simd/functions.hpp>
#include <hone/simd/unary.hpp>

namespace hone::inline HONE_ABI::simd {

using ThisArch = Arch<Isa::HONE_SIMD_ISA>;

#define HONE_UNARY(F, T) template const UnaryLoop<F, T>& functions<UnaryLoop<F, T>, ThisArch>() noexcept;
#define HONE_UNARY_REAL(F) HONE_UNARY(F, float) HONE_UNARY(F, double)
#define HONE_UNARY_SIGNED(F) HONE_UNARY(F, std::int8_t) HONE_UNARY(F, std::int16_t) HONE_UNARY(F, std::int32_t) HONE_UNARY(F, std::int64_t)
#define HONE_UNARY_CLIP(T) HONE_UNARY(Clip<T>, T)

HONE_UNARY_REAL(Identity)
HONE_UNARY_REAL(Abs)
HONE_UNARY_SIGNED(Abs)
HONE_UNARY_REAL(Neg)
HONE_UNARY_SIGNED(Neg)
HONE_UNARY_REAL(Sign)
HONE_UNARY_SIGNED(Sign)
HONE_UNARY_REAL(Relu)
HONE_UNARY_SIGNED(Relu)
HONE_UNARY_REAL(Reciprocal)
HONE_UNARY_REAL(Sqrt)
HONE_UNARY_REAL(Exp)
HONE_UNARY_REAL(Log)
HONE_UNARY_REAL(Erf)
HONE_UNARY_REAL(Ceil)
HONE_UNARY_REAL(Floor)
HONE_UNARY_REAL(Round)
HONE_UNARY_REAL(Sigmoid)
HONE_UNARY_REAL(Softplus)
HONE_UNARY_REAL(Softsign)
HONE_UNARY_REAL(LeakyRelu)
HONE_UNARY_REAL(ThresholdedRelu)
HONE_UNARY_REAL(Elu)
HONE_UNARY_REAL(Selu)
HONE_UNARY_REAL(Celu)
HONE_UNARY_REAL(HardSigmoid)
HONE_UNARY_REAL(HardSwish)
HONE_UNARY_REAL(Swish)
HONE_UNARY_REAL(Gelu)
HONE_UNARY_REAL(GeluTanh)
HONE_UNARY_REAL(Mish)
HONE_UNARY_CLIP(float)
HONE_UNARY_CLIP(double)
HONE_UNARY_CLIP(std::int8_t)
HONE_UNARY_CLIP(std::uint8_t)
HONE_UNARY_CLIP(std::int16_t)
HONE_UNARY_CLIP(std::uint16_t)
HONE_UNARY_CLIP(std::int32_t)
HONE_UNARY_CLIP(std::uint32_t)
HONE_UNARY_CLIP(std::int64_t)
HONE_UNARY_CLIP(std::uint64_t)

}  // namespace hone::inline HONE_ABI::simd
