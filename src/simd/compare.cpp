#include <cstdint>

#include <hone/simd/binary.hpp>
#include <hone/simd/functions.hpp>

namespace hone::inline HONE_ABI::simd {

using ThisArch = Arch<Isa::HONE_SIMD_ISA>;

// clang-format off
#define HONE_COMPARE(F, T) template const BinaryLoop<F, T, bool>& functions<BinaryLoop<F, T, bool>, ThisArch>() noexcept;
#define HONE_COMPARE_NUMBER(F)                                                                                         \
  HONE_COMPARE(F, float) HONE_COMPARE(F, double)                                                                       \
  HONE_COMPARE(F, std::int8_t) HONE_COMPARE(F, std::int16_t) HONE_COMPARE(F, std::int32_t) HONE_COMPARE(F, std::int64_t) \
  HONE_COMPARE(F, std::uint8_t) HONE_COMPARE(F, std::uint16_t) HONE_COMPARE(F, std::uint32_t) HONE_COMPARE(F, std::uint64_t)
// clang-format on

HONE_COMPARE_NUMBER(Equal)
HONE_COMPARE_NUMBER(Less)
HONE_COMPARE_NUMBER(LessOrEqual)
HONE_COMPARE_NUMBER(Greater)
HONE_COMPARE_NUMBER(GreaterOrEqual)
HONE_COMPARE(Equal, bool)
HONE_COMPARE(And, bool)
HONE_COMPARE(Or, bool)
HONE_COMPARE(Xor, bool)

}  // namespace hone::inline HONE_ABI::simd
