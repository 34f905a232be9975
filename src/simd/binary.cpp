#include <cstdint>

#include <hone/simd/binary.hpp>
#include <hone/simd/functions.hpp>

namespace hone::inline HONE_ABI::simd {

using ThisArch = Arch<Isa::HONE_SIMD_ISA>;

#define HONE_BINARY(F, T) template const BinaryLoop<F, T>& functions<BinaryLoop<F, T>, ThisArch>() noexcept;
#define HONE_BINARY_SIGNED(F) \
  HONE_BINARY(F, std::int8_t) HONE_BINARY(F, std::int16_t) HONE_BINARY(F, std::int32_t) HONE_BINARY(F, std::int64_t)
#define HONE_BINARY_UNSIGNED(F) \
  HONE_BINARY(F, std::uint8_t) HONE_BINARY(F, std::uint16_t) HONE_BINARY(F, std::uint32_t) HONE_BINARY(F, std::uint64_t)
#define HONE_BINARY_INTEGER(F) HONE_BINARY_SIGNED(F) HONE_BINARY_UNSIGNED(F)
#define HONE_BINARY_NUMBER(F) HONE_BINARY(F, float) HONE_BINARY(F, double) HONE_BINARY_INTEGER(F)

HONE_BINARY_NUMBER(Add)
HONE_BINARY_NUMBER(Sub)
HONE_BINARY_NUMBER(Mul)
HONE_BINARY_NUMBER(Div)
HONE_BINARY_NUMBER(Max)
HONE_BINARY_NUMBER(Min)
HONE_BINARY_NUMBER(Mod)
HONE_BINARY_NUMBER(Fmod)
HONE_BINARY_NUMBER(Pow)
HONE_BINARY_NUMBER(PRelu)
HONE_BINARY_INTEGER(BitAnd)
HONE_BINARY_INTEGER(BitOr)
HONE_BINARY_INTEGER(BitXor)
HONE_BINARY_UNSIGNED(ShiftLeft)
HONE_BINARY_INTEGER(ShiftRight)

}  // namespace hone::inline HONE_ABI::simd
